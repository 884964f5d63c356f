"""The network's objects, what changes them, and what came of it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar, Generic, NamedTuple, TypeVar

from weir_sharing.errors import (
    BundleExists,
    BundleNotFound,
    ChannelExists,
    ChannelGroupExists,
    ChannelGroupNotFound,
    ChannelNotFound,
    GroupLinkExists,
    GroupLinkNotFound,
    Missing,
    ProductLinkExists,
    ProductLinkNotFound,
    Taken,
    WarehouseGroupExists,
    WarehouseGroupNotFound,
)

T = TypeVar("T", bound="NetworkObject")

Key = tuple[str, ...]
"""An object's identifier: the values of the fields that its kind names in `identity`."""


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
class NetworkObject:
    """What all kinds share: an identifier, and a mark of the version, which is no part of what an object says.

    `etag` is the number of the revision that last changed the object; empty where it was not stored.
    """

    identity: ClassVar[tuple[str, ...]]
    missing: ClassVar[type[Missing]]
    taken: ClassVar[type[Taken]]

    etag: str = field(default="", compare=False, kw_only=True)

    @property
    def key(self) -> Key:
        """Its identifier, unique among the objects of its kind and tenant."""
        return tuple(getattr(self, name) for name in self.identity)

    def stamped(self: T, revision: int) -> T:
        """The object as it is stored when `revision` changes it."""
        return replace(self, etag=str(revision))


@dataclass(frozen=True, slots=True)
class LocationSetting(NetworkObject):
    """The policy of one location of the ledger."""

    identity = ("location",)

    location: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class WarehouseGroup(NetworkObject):
    """Locations pooled together; `locations` are in order of their identifiers, each once."""

    identity = ("warehouse_group",)
    missing = WarehouseGroupNotFound
    taken = WarehouseGroupExists

    warehouse_group: str
    display_name: str
    locations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChannelGroup(NetworkObject):
    """Channels that see one and the same level; `own_channel` is the one it belongs to alone, if any."""

    identity = ("channel_group",)
    missing = ChannelGroupNotFound
    taken = ChannelGroupExists

    channel_group: str
    display_name: str
    own_channel: str = ""


@dataclass(frozen=True, slots=True)
class Channel(NetworkObject):
    """One place of sale; in requests an empty `channel_group` asks for one of its own."""

    identity = ("channel",)
    missing = ChannelNotFound
    taken = ChannelExists

    channel: str
    kind: ChannelKind
    display_name: str
    channel_group: str


@dataclass(frozen=True, slots=True)
class GroupLink(NetworkObject):
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
class ProductLink(NetworkObject):
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
class Bundle(NetworkObject):
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


Where = Mapping[str, str | Key]
"""What objects must have to be meant: names of fields, and their values."""

KINDS: tuple[type[NetworkObject], ...] = (
    LocationSetting,
    WarehouseGroup,
    ChannelGroup,
    Channel,
    GroupLink,
    Bundle,
    ProductLink,
)
"""Every kind of object, each after those it refers to."""


@dataclass(frozen=True, slots=True)
class Change:
    """An object as it stands after a change; or, if `deleted`, the last state it had."""

    object: NetworkObject
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Decision(Generic[T]):
    """What a request comes to: the object asked about, as it will be, and every change; none if all is as asked."""

    object: T
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Named(Generic[T]):
    """An object that a request names, in the version `etag`; empty: in whatever version it is."""

    kind: type[T]
    key: Key
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """How a request ended: the object it was about, as stored, and the revision the answer rests on."""

    object: T
    revision: int


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything that one revision changed."""

    revision: int
    recorded_at: datetime
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class History:
    """A stretch of what happened, whole commits in order, and between which revisions history is kept.

    Everything after revision `oldest` is kept, up to `head`; `commits` are those of them that were asked for.
    """

    oldest: int
    head: int
    commits: tuple[Commit, ...]
