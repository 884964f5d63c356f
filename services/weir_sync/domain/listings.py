"""Listings: what the SKUs of a connection are; pure.

A SKU of a connection is one product; a product may have many. What has no listing passes through: a product that has
none in the connection, disabled ones included, goes by its own SKU, where no listing of the connection has that SKU and
the goods are those of the owner that is meant: the tenant's own, or whose the feed of a warehouse says they are.
`passes_through` is that rule; whoever asks, and whichever way, is answered by `Listed`, which rests on it.

**Touches.** A change of one listing changes what a few SKUs are: its own, and those by which the product it was and the
product it is would pass through. They are written down as `ListingTouch`, in the commit that changes the listing, for
connections that are stores: whoever tells levels reads what is touched, looks up what each SKU is now, sets its levels
right, and then settles the touches it read, in whatever order and however often. One that is touched again meanwhile
stays. Touches are kept by SKU and not by change, so there are never more of them than SKUs, however long nobody reads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from weir_chassis.configuration.objects import Change, Configured, Decision
from weir_chassis.configuration.rules import check_etag, deleted, written
from weir_sync.domain.connections import Connection, Role
from weir_sync.domain.rules import Product
from weir_sync.errors import ListingNotFound, ListingsExhausted


class StoreSku(NamedTuple):
    """A SKU as a connection has it."""

    connection: str
    store_sku: str


class Carried(NamedTuple):
    """A product, as far as a connection has it."""

    connection: str
    product: Product


@dataclass(frozen=True, slots=True)
class Listing(Configured):
    """What a SKU of a connection is; one that is `disabled` is kept, and nothing flows for it."""

    identity = ("connection", "store_sku")
    missing = ListingNotFound

    connection: str
    store_sku: str
    owner: str
    sku: str
    disabled: bool = False

    @property
    def product(self) -> Product:
        """What the SKU is."""
        return Product(self.owner, self.sku)


@dataclass(frozen=True, slots=True)
class ListingTouch(Configured):
    """A SKU of a store that may be another product since the revision that is its etag."""

    identity = ("connection", "store_sku")
    told = False

    connection: str
    store_sku: str


class Listed:
    """What SKUs of connections are, and which SKUs products have there."""

    def __init__(self, listings: Iterable[Listing]) -> None:
        """Tell by these listings: all that have a SKU, or a product, that is asked about."""
        self._by_sku: dict[tuple[str, ...], Listing] = {}
        self._by_product: dict[tuple[str, Product], list[Listing]] = defaultdict(list)
        for each in listings:
            self._by_sku[each.connection, each.store_sku] = each
            self._by_product[each.connection, each.product].append(each)

    def product(self, asked: StoreSku, *, owner: str = "") -> Product | None:
        """What a SKU is, one that passes through of `owner`; None: nothing flows for it."""
        listing = self._by_sku.get(asked)
        if listing is not None:
            return None if listing.disabled else listing.product
        own = Product(owner, asked.store_sku)
        return own if self._passes_through(Carried(asked.connection, own), owner) else None

    def store_skus(self, asked: Carried, *, owner: str = "") -> tuple[str, ...]:
        """The SKUs that are a product, in order; goods of `owner` may pass through."""
        listed = [each.store_sku for each in self._by_product.get(asked, ()) if not each.disabled]
        return (asked.product.sku,) if self._passes_through(asked, owner) else tuple(sorted(listed))

    def _passes_through(self, asked: Carried, owner: str) -> bool:
        taken = (asked.connection, asked.product.sku) in self._by_sku
        return passes_through(asked.product, owner=owner, listed=asked in self._by_product, taken=taken)


def passes_through(product: Product, *, owner: str, listed: bool, taken: bool) -> bool:
    """Whether a product goes by its own SKU in a connection.

    It does where the goods are those of `owner`, no listing of the connection is for the product (`listed`), and none
    has its SKU (`taken`); a disabled listing counts as any other.
    """
    return product.owner == owner and not listed and not taken


def touched(*listings: Listing | None) -> set[str]:
    """The SKUs of a store that may be other products where one of these listings is replaced by the other."""
    there = [each for each in listings if each is not None]
    return {each.store_sku for each in there} | {each.sku for each in there if not each.owner}


def set_listing(
    wanted: Listing, current: Listing | None, connection: Connection, *, count: int, most: int
) -> Decision[Listing]:
    """Add or replace a listing of a connection that has `count`; raises EtagStale, ListingsExhausted at `most`."""
    check_etag(current, wanted.etag)
    if current is None and count >= most:
        raise ListingsExhausted(connection=wanted.connection, limit=most)
    return _touching(written(wanted, current), connection, touched(wanted, current))


def delete_listing(current: Listing, connection: Connection) -> Decision[Listing]:
    """Remove a listing."""
    return _touching(deleted(current), connection, touched(current))


def touches(connection: Connection, store_skus: Collection[str]) -> tuple[Change, ...]:
    """The changes that write down what is touched; none but of a store."""
    if connection.role is not Role.STORE:
        return ()
    return tuple(Change(ListingTouch(connection.connection, each)) for each in sorted(store_skus))


def _touching(decision: Decision[Listing], connection: Connection, store_skus: Collection[str]) -> Decision[Listing]:
    if not decision.changes:
        return decision
    return Decision(decision.object, (*decision.changes, *touches(connection, store_skus)))
