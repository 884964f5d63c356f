"""Runs: what is synchronised by request or by schedule; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from weir_sync.domain.connections import Connection, MasterSwitch
from weir_sync.domain.feeds import Pulled
from weir_sync.domain.records import Trigger
from weir_sync.errors import ConnectionNotFound, SyncOff


class Wish(NamedTuple):
    """What shall be synchronised: these connections, or else all over which levels or stock flow; these SKUs, or else
    all.
    """

    connections: tuple[str, ...] = ()
    full: bool = False
    store_skus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """A connection that is synchronised, and how far it has come; under way as long as `ended_at` is None.

    `error` says why it was given up; empty where it was not.
    """

    run: str
    connection: str
    full: bool
    trigger: Trigger
    progress: Pulled
    error: str
    created_at: datetime
    ended_at: datetime | None


def wished(wish: Wish, connections: Mapping[str, Connection], switch: MasterSwitch | None) -> Sequence[Connection]:
    """The connections to synchronise, in order of their identifiers; `connections` holds those that are named, or all.

    Raises ConnectionNotFound, SyncOff.
    """
    for name in wish.connections:
        if name not in connections:
            raise ConnectionNotFound(connection=name)
    if switch is not None and not switch.on:
        raise SyncOff
    for name in wish.connections:
        if not flows(connections[name]):
            raise SyncOff(name)
    return [each for _, each in sorted(connections.items()) if flows(each)]


def flows(connection: Connection) -> bool:
    """Whether levels or stock flow, so that a run has anything to do."""
    return connection.push_levels or connection.pull_stock
