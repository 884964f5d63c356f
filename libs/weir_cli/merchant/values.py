"""What a folder says, as values; `line` is where it says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from weir_cli.sheets import UNREADABLE, split

LOCATIONS = "locations.csv"
GROUPS = "groups.csv"
CHANNEL_GROUPS = "channel_groups.csv"
CHANNELS = "channels.csv"
LINKS = "links.csv"
BUNDLES = "bundles.csv"
PRODUCT_LINKS = "product_links.csv"
LOTS = "lots.csv"
BACK_ORDERS = "back_orders.csv"
POLICIES = "policies.csv"
POLICY_PARTS = "policy_parts.csv"
POLICY_PRODUCTS = "policy_products.csv"
RULES = "rules.csv"
RULE_PRODUCTS = "rule_products.csv"
LIMITS = "limits.csv"
USERS = "users.csv"
POOLS = "pools.csv"
CONNECTIONS = "connections.csv"
FACILITIES = "facilities.csv"
SCHEDULES = "schedules.csv"
LISTINGS = "listings.csv"
STOCK = "stock.csv"
NETWORK = (LOCATIONS, GROUPS, CHANNEL_GROUPS, CHANNELS, LINKS)
"""What lies where and who sells it."""
DIVIDING = (POLICIES, POLICY_PARTS, POLICY_PRODUCTS)
"""How stock is divided."""
TELLING = (RULES, RULE_PRODUCTS, LIMITS)
"""What stores are told."""
PEOPLE = (USERS, POOLS)
"""Who answers for goods."""
CONNECTED = (CONNECTIONS, FACILITIES, SCHEDULES, LISTINGS)
"""Which stores and warehouses there are."""
CONFIGURED = (CHANNEL_GROUPS, BUNDLES, PRODUCT_LINKS, LOTS, BACK_ORDERS, *DIVIDING, *TELLING, *PEOPLE, *CONNECTED)
"""Tables whose rows are read as `Row`."""
FILES = (*NETWORK, BUNDLES, PRODUCT_LINKS, LOTS, BACK_ORDERS, *DIVIDING, *TELLING, *PEOPLE, *CONNECTED, STOCK)


Product = tuple[str, str]
"""Owner and stock keeping unit."""


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
    """One location of a warehouse group; `location` is empty where the group has none."""

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
class Row:
    """One row of a table of configuration: its cells by column, each of them read or `UNREADABLE`."""

    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def number(self, column: str, default: int = 0) -> int:
        """A whole number; `default` where the cell is empty or could not be read."""
        return default if self.cells[column] in ("", UNREADABLE) else int(self.cells[column])

    def said(self, column: str) -> bool:
        """The cell says yes."""
        return self.cells[column] == "YES"

    def names(self, column: str) -> tuple[str, ...]:
        """The identifiers of a cell that may hold several."""
        return () if self.cells[column] == UNREADABLE else split(self.cells[column])

    def product(self, sku: str = "sku", owner: str = "owner") -> Product:
        """The product that two cells name."""
        return (self.cells[owner], self.cells[sku])


@dataclass(frozen=True, slots=True)
class Merchant:
    """Everything a folder says; None stands for a file that is absent."""

    locations: tuple[Place, ...] | None = None
    groups: tuple[Member, ...] | None = None
    channels: tuple[Shop, ...] | None = None
    links: tuple[Link, ...] | None = None
    stock: tuple[Delivery, ...] | None = None
    tables: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)
    """Those of `CONFIGURED` that are there."""

    def rows(self, file: str) -> tuple[Row, ...]:
        """The rows of a table of configuration; none where it is absent."""
        return self.tables.get(file, ())

    def tells(self, *files: str) -> bool:
        """One of these tables of configuration is there."""
        return any(file in self.tables for file in files)


@dataclass(frozen=True, slots=True)
class Known:
    """What the suite already holds; asked for where files are absent.

    `group_of` maps a location to its warehouse group, `own_groups` a channel group to the one channel it belongs to.
    `bundles` are the components of every bundle, `product_links` say of every link whether it is for both ways,
    `policies` and `rules` have their priorities, `strategies` and `modes` are those of policies. `roles` are those of
    persons, `sellers` who sells through a channel, `pools` the hub of a pool and its members. `connections` are roles,
    `connected` says which store is told the levels of a channel. `named` is what product
    links, policies, rules and limits name already, whether or not it is there.
    """

    locations: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    group_of: Mapping[str, str] = field(default_factory=dict)
    channels: frozenset[str] = frozenset()
    channel_groups: frozenset[str] = frozenset()
    own_groups: Mapping[str, str] = field(default_factory=dict)
    bundles: Mapping[Product, frozenset[Product]] = field(default_factory=dict)
    product_links: Mapping[tuple[Product, Product], bool] = field(default_factory=dict)
    policies: Mapping[str, int] = field(default_factory=dict)
    strategies: Mapping[str, str] = field(default_factory=dict)
    modes: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, int] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    sellers: Mapping[str, str] = field(default_factory=dict)
    pools: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    connections: Mapping[str, str] = field(default_factory=dict)
    connected: Mapping[str, str] = field(default_factory=dict)
    named: frozenset[str] = frozenset()
