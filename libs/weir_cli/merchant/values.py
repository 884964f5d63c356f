"""What a folder says, as values; `line` is where it says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LOCATIONS = "locations.csv"
GROUPS = "groups.csv"
CHANNELS = "channels.csv"
LINKS = "links.csv"
STOCK = "stock.csv"
FILES = (LOCATIONS, GROUPS, CHANNELS, LINKS, STOCK)


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What is wrong with one line of a file; line 0 is the file as a whole."""

    file: str
    line: int
    description: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.description}" if self.line else f"{self.file}: {self.description}"


class FolderFaults(Exception):
    """The folder cannot be loaded; `faults` holds everything that is wrong with it, in the order of its lines."""

    def __init__(self, faults: list[Fault]) -> None:
        """Tell all the faults in one text, a line each."""
        ordered = sorted(faults, key=lambda fault: (FILES.index(fault.file), fault.line, fault.description))
        super().__init__("\n".join(map(str, ordered)))
        self.faults = tuple(ordered)


@dataclass(frozen=True, slots=True)
class Place:
    """A location, and whether it may be shared."""

    line: int
    location: str
    kind: str
    display_name: str
    policy: str


@dataclass(frozen=True, slots=True)
class Member:
    """One location of a warehouse group."""

    line: int
    warehouse_group: str
    location: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Shop:
    """A channel; without `channel_group` it has one of its own."""

    line: int
    channel: str
    kind: str
    channel_group: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Link:
    """A warehouse group that feeds a channel group."""

    line: int
    warehouse_group: str
    channel_group: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """Units of one stock item that come in."""

    line: int
    owner: str
    sku: str
    location: str
    lot: str
    uom: str
    custodian: str
    condition: str
    quantity: int

    @property
    def item(self) -> tuple[str, str, str, str, str, str, str]:
        """What tells this stock item from every other."""
        return (self.owner, self.sku, self.location, self.lot, self.uom, self.custodian, self.condition)


@dataclass(frozen=True, slots=True)
class Merchant:
    """Everything a folder says; None stands for a file that is absent."""

    locations: tuple[Place, ...] | None = None
    groups: tuple[Member, ...] | None = None
    channels: tuple[Shop, ...] | None = None
    links: tuple[Link, ...] | None = None
    stock: tuple[Delivery, ...] | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the suite already holds; asked for where files are absent.

    `group_of` maps a location to its warehouse group, `own_groups` a channel group to the one channel it belongs to.
    """

    locations: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    group_of: Mapping[str, str] = field(default_factory=dict)
    channel_groups: frozenset[str] = frozenset()
    own_groups: Mapping[str, str] = field(default_factory=dict)
