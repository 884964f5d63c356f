"""Stores and warehouses, how they are reached, and when; pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import NamedTuple

from weir_chassis.configuration.objects import Configured
from weir_sync.errors import ConnectionExists, ConnectionNotFound, ScheduleNotFound


class Role(enum.StrEnum):
    """Which way data flows."""

    STORE = "STORE"
    """Is told levels, and reports what it sold."""
    WAREHOUSE = "WAREHOUSE"
    """Reports what it has."""


class ConnectorKind(enum.StrEnum):
    """Sort of system at the other end."""

    SHOPIFY = "SHOPIFY"
    WOOCOMMERCE = "WOOCOMMERCE"
    MEDUSA = "MEDUSA"
    OSCAR = "OSCAR"
    WEBHOOK = "WEBHOOK"
    CSV_FOLDER = "CSV_FOLDER"
    SFTP = "SFTP"
    TRYTON = "TRYTON"
    GRPC = "GRPC"


class LeftOut(enum.StrEnum):
    """Promises that a figure of available units leaves out, in the words of the ledger."""

    HANDED_OVER = "HANDED_OVER"
    ALL = "ALL"
    NONE = "NONE"


class Facility(NamedTuple):
    """A facility of a warehouse, and the location of the ledger that it is."""

    facility: str
    location: str


class FeedTerms(NamedTuple):
    """What the figures of a warehouse mean: units on hand or else available, of whose goods, and what is not named."""

    on_hand: bool = False
    left_out: LeftOut = LeftOut.HANDED_OVER
    absent_is_zero: bool = False
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Connection(Configured):
    """A store or a warehouse.

    `channel` is of stores alone, `facilities` (in order, each once), `feed`, `late_after_seconds` (0: never late) and
    `late_buffer_percent` of warehouses. Settings are by name, as the connector of the kind reads them; `secret_names`
    are those of the secrets that are set, in order.
    """

    identity = ("connection",)
    missing = ConnectionNotFound
    taken = ConnectionExists

    connection: str
    role: Role
    kind: ConnectorKind
    display_name: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    secret_names: tuple[str, ...] = ()
    channel: str = ""
    facilities: tuple[Facility, ...] = ()
    push_levels: bool = False
    take_orders: bool = False
    pull_stock: bool = False
    feed: FeedTerms = field(default_factory=FeedTerms)
    late_after_seconds: int = 0
    late_buffer_percent: int = 0

    @property
    def flows(self) -> bool:
        """Whether any flow of it is on."""
        return self.push_levels or self.take_orders or self.pull_stock


@dataclass(frozen=True, slots=True)
class Secret(Configured):
    """A secret of a connection, sealed by the key of this identifier; no change ever tells one."""

    identity = ("connection", "name")
    told = False

    connection: str
    name: str
    key_id: str
    sealed: str


@dataclass(frozen=True, slots=True)
class Schedule(Configured):
    """When a connection is synchronised by itself: every `interval_seconds`, or else by `cron` in a time zone."""

    identity = ("connection", "schedule")
    missing = ScheduleNotFound

    connection: str
    schedule: str
    full: bool = False
    interval_seconds: int = 0
    cron: str = ""
    time_zone: str = ""
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class MasterSwitch(Configured):
    """Whether anything flows at all; there is one at most, and none is on."""

    identity = ("switch",)

    switch: str = "master"
    on: bool = True


@dataclass(frozen=True, slots=True)
class LateFeed(Configured):
    """A location whose warehouse is late, and how much of what it has is told to no store meanwhile, in percent."""

    identity = ("location",)

    location: str
    connection: str
    buffer_percent: int
