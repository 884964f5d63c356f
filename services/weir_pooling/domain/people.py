"""Persons and pools; pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from weir_chassis.configuration.objects import Configured
from weir_pooling.errors import PoolExists, PoolNotFound, UserExists, UserNotFound


class UserRole(enum.StrEnum):
    """What a person may do."""

    ADMINISTRATOR = "ADMINISTRATOR"
    """Everything, for everybody."""
    DISTRIBUTOR = "DISTRIBUTOR"
    """May be the hub of a pool: acts for himself and for its members."""
    REP = "REP"
    """May be a member of a pool: acts for himself."""


@dataclass(frozen=True, slots=True)
class User(Configured):
    """A person: the subject of tokens, and a custodian in the ledger; `channel` is empty for none."""

    identity = ("user",)
    missing = UserNotFound
    taken = UserExists

    user: str
    role: UserRole
    display_name: str = ""
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Pool(Configured):
    """A distributor, the hub, and the reps who work from his stock, in order, each once."""

    identity = ("pool",)
    missing = PoolNotFound
    taken = PoolExists

    pool: str
    hub: str
    display_name: str = ""
    members: tuple[str, ...] = ()
    access_hub_stock: bool = False

    @property
    def persons(self) -> tuple[str, ...]:
        """The hub, then the members."""
        return (self.hub, *self.members)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something, and for whom: the same person unless another was entitled to."""

    user: str
    acting_for: str
