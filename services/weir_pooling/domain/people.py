"""Persons and pools; pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, NamedTuple

from weir_chassis.configuration.objects import Configured, Named
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

    def has(self, name: str, value: Any) -> bool:
        """Whether a `person`, or one of several, is its hub or a member; or whether it has a field of this value."""
        if name != "person":
            return Configured.has(self, name, value)
        return not frozenset(self.persons).isdisjoint(value if isinstance(value, frozenset) else {value})


class Switch(NamedTuple):
    """How the switch of a pool shall stand."""

    pool: Named[Pool]
    on: bool


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something, and for whom: the same person unless another was entitled to."""

    user: str
    acting_for: str


KINDS: tuple[type[Configured], ...] = (User, Pool)
"""What is told to everybody who follows pooling, each after those it refers to."""
