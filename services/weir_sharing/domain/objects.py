"""The network's objects."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from weir_chassis.configuration.objects import Configured
from weir_sharing.errors import (
    BundleExists,
    BundleNotFound,
    ChannelExists,
    ChannelGroupExists,
    ChannelGroupNotFound,
    ChannelNotFound,
    GroupLinkExists,
    GroupLinkNotFound,
    ProductLinkExists,
    ProductLinkNotFound,
    WarehouseGroupExists,
    WarehouseGroupNotFound,
)


class Policy(enum.StrEnum):
    """Whether a location may be shared."""

    GLOBAL = "GLOBAL"
    """May stand in any warehouse group with others. What holds where nothing was set."""
    FIXED = "FIXED"
    """Only ever the sole member of its warehouse group, which feeds one channel group at most."""


class ChannelKind(enum.StrEnum):
    """Sort of place of sale."""

    WEBSHOP = "WEBSHOP"
    MARKETPLACE = "MARKETPLACE"
    POS = "POS"
    REP = "REP"
    B2B = "B2B"


@dataclass(frozen=True, slots=True)
class LocationSetting(Configured):
    """The policy of one location of the ledger."""

    identity = ("location",)

    location: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class WarehouseGroup(Configured):
    """Locations pooled together; `locations` are in order of their identifiers, each once."""

    identity = ("warehouse_group",)
    missing = WarehouseGroupNotFound
    taken = WarehouseGroupExists

    warehouse_group: str
    display_name: str
    locations: tuple[str, ...]

    def has(self, name: str, value: Any) -> bool:
        """Whether it holds the `location`, or has a field of this value."""
        return value in self.locations if name == "location" else Configured.has(self, name, value)


@dataclass(frozen=True, slots=True)
class ChannelGroup(Configured):
    """Channels that see one and the same level; `own_channel` is the one it belongs to alone, if any."""

    identity = ("channel_group",)
    missing = ChannelGroupNotFound
    taken = ChannelGroupExists

    channel_group: str
    display_name: str
    own_channel: str = ""


@dataclass(frozen=True, slots=True)
class Channel(Configured):
    """One place of sale; in requests an empty `channel_group` asks for one of its own."""

    identity = ("channel",)
    missing = ChannelNotFound
    taken = ChannelExists

    channel: str
    kind: ChannelKind
    display_name: str
    channel_group: str


@dataclass(frozen=True, slots=True)
class GroupLink(Configured):
    """The stock of a warehouse group feeds a channel group."""

    identity = ("warehouse_group", "channel_group")
    missing = GroupLinkNotFound
    taken = GroupLinkExists

    warehouse_group: str
    channel_group: str


class Product(NamedTuple):
    """Something that is stocked and sold."""

    owner: str
    sku: str


@dataclass(frozen=True, slots=True)
class ProductLink(Configured):
    """Demand for the destination may be served from the stock of the source, at `locations`, everywhere if empty.

    `created` is the number of the revision that created it, 0 until then: of links with one `priority`, the older one
    serves first.
    """

    identity = ("source_owner", "source_sku", "destination_owner", "destination_sku")
    missing = ProductLinkNotFound
    taken = ProductLinkExists

    source_owner: str
    source_sku: str
    destination_owner: str
    destination_sku: str
    bidirectional: bool = False
    locations: tuple[str, ...] = ()
    priority: int = 0
    keep_back: int = 0
    shares_bundles: bool = False
    disabled: bool = False
    created: int = field(default=0, compare=False)

    @property
    def source(self) -> Product:
        """The product whose stock is shared."""
        return Product(self.source_owner, self.source_sku)

    @property
    def destination(self) -> Product:
        """The product whose demand may be served from it."""
        return Product(self.destination_owner, self.destination_sku)

    @property
    def serves(self) -> frozenset[Product]:
        """The products whose demand may be served by it."""
        return frozenset({self.destination, self.source} if self.bidirectional else {self.destination})

    def stamped(self, revision: int) -> ProductLink:
        """The link as it is stored when `revision` changes it, or creates it."""
        return replace(self, etag=str(revision), created=self.created or revision)


class Component(NamedTuple):
    """A part of a bundle: so many units of a product."""

    owner: str
    sku: str
    quantity: int

    @property
    def product(self) -> Product:
        """The product it is."""
        return Product(self.owner, self.sku)


@dataclass(frozen=True, slots=True)
class Bundle(Configured):
    """A product that is put together from `components`, which are in order of their products, each once."""

    identity = ("owner", "sku")
    missing = BundleNotFound
    taken = BundleExists

    owner: str
    sku: str
    components: tuple[Component, ...]

    @property
    def product(self) -> Product:
        """The product it is."""
        return Product(self.owner, self.sku)

    def has(self, name: str, value: Any) -> bool:
        """Whether it has the `component`, owner and stock keeping unit, or a field of this value."""
        if name != "component":
            return Configured.has(self, name, value)
        return value in [each.product for each in self.components]


KINDS: tuple[type[Configured], ...] = (
    LocationSetting,
    WarehouseGroup,
    ChannelGroup,
    Channel,
    GroupLink,
    Bundle,
    ProductLink,
)
"""Every kind of object, each after those it refers to."""
