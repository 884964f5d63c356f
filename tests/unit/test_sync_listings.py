"""What the SKUs of a connection are, and what of an import is wrong."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from weir.sync.v1 import listing_service_pb2 as pb
from weir_chassis import call
from weir_chassis.auth import Principal, Role
from weir_chassis.call import Call
from weir_chassis.errors import EtagStale, Malformed
from weir_sync.domain.connections import Connection, ConnectorKind
from weir_sync.domain.connections import Role as Way
from weir_sync.domain.imports import FAULTS_MAX, Fault, Faults, Import
from weir_sync.domain.listings import (
    Carried,
    Listed,
    Listing,
    ListingTouch,
    StoreSku,
    delete_listing,
    passes_through,
    set_listing,
    touched,
)
from weir_sync.domain.rules import Product
from weir_sync.errors import ListingsExhausted, ListingsRefused
from weir_sync.wire import listings as wire

SHOP = Connection("shop", Way.STORE, ConnectorKind.OSCAR, channel="web")
STOREHOUSE = Connection("storehouse", Way.WAREHOUSE, ConnectorKind.TRYTON)


@pytest.mark.parametrize(("own", "listed", "taken"), list(product((True, False), repeat=3)))
def test_what_passes_through(own: bool, listed: bool, taken: bool) -> None:
    """A product goes by its own SKU where it is of the owner that is meant, has no listing, and its SKU none either."""
    tv = Product("" if own else "acme", "TV")
    assert passes_through(tv, owner="", listed=listed, taken=taken) == (own and not listed and not taken)


LISTINGS = [
    ("nothing is listed", [], {"TV": "TV", "x": "x"}),
    ("under another SKU", [("x", "", "TV", False)], {"TV": None, "x": "TV"}),
    ("under several", [("x", "", "TV", False), ("y", "", "TV", False)], {"TV": None, "x": "TV", "y": "TV"}),
    ("under its own as well", [("x", "", "TV", False), ("TV", "", "TV", False)], {"TV": "TV", "x": "TV"}),
    ("its SKU is another product", [("TV", "", "RADIO", False)], {"TV": "RADIO", "RADIO": None}),
    ("two change places", [("A", "", "B", False), ("B", "", "A", False)], {"A": "B", "B": "A"}),
    ("disabled", [("TV", "", "TV", True)], {"TV": None}),
    ("disabled under another SKU", [("x", "", "TV", True)], {"x": None, "TV": None}),
    ("one of two is disabled", [("x", "", "TV", True), ("y", "", "TV", False)], {"x": None, "y": "TV", "TV": None}),
]


@pytest.mark.parametrize(("rows", "expected"), [each[1:] for each in LISTINGS], ids=[each[0] for each in LISTINGS])
def test_both_ways_tell_the_same(rows: list[Any], expected: dict[str, str | None]) -> None:
    """What a SKU is has that SKU among its own, and what is nothing is nobody's."""
    listed = Listed(Listing("shop", *row) for row in rows)
    for store_sku, sku in expected.items():
        found = listed.product(StoreSku("shop", store_sku))
        assert found == (None if sku is None else Product("", sku)), store_sku
    for sku in expected:
        skus = tuple(sorted(each for each, told in expected.items() if told == sku))
        assert listed.store_skus(Carried("shop", Product("", sku))) == skus, sku
    assert listed.product(StoreSku("elsewhere", "TV")) == Product("", "TV")


def test_what_is_touched() -> None:
    """A listing touches its SKU, and those of the products that it is and was, where they are the tenant's own."""
    tv, acmes = Listing("shop", "x", "", "TV"), Listing("shop", "x", "acme", "RADIO")
    assert touched(tv, None) == {"x", "TV"}
    assert touched(acmes, tv) == {"x", "TV"}
    assert touched(acmes) == {"x"}


def test_decisions_touch_stores() -> None:
    """What changes a listing of a store writes down what it touches; of a warehouse, or where nothing changes, not."""
    tv, radio = Listing("shop", "x", "", "TV", etag="3"), Listing("shop", "x", "", "RADIO")
    changed = set_listing(radio, tv, SHOP, count=0, most=1)
    assert [each.object for each in changed.changes] == [
        radio,
        *(ListingTouch("shop", each) for each in ("RADIO", "TV", "x")),
    ]
    assert len(delete_listing(tv, SHOP).changes) == 3
    assert set_listing(tv, tv, SHOP, count=0, most=1).changes == ()
    assert len(set_listing(radio, tv, STOREHOUSE, count=0, most=1).changes) == 1
    with pytest.raises(EtagStale):
        set_listing(Listing("shop", "x", "", "TV", etag="2"), tv, SHOP, count=0, most=1)


def test_room_for_listings() -> None:
    """One more than there may be is refused; one that replaces another needs no room."""
    tv = Listing("shop", "x", "", "TV")
    with pytest.raises(ListingsExhausted):
        set_listing(tv, None, SHOP, count=1, most=1)
    assert set_listing(tv, Listing("shop", "x", "", "RADIO"), SHOP, count=1, most=1).object == tv


def test_faults_are_told_in_order_and_cut() -> None:
    """Faults of two sorts come by their lines, at most so many; what is refused says how many there are."""
    odd = Faults(20_000, [Fault(line, "sku", "odd") for line in range(1, 20_000, 2)])
    even = Faults(3, [Fault(line, "sku", "even") for line in (2, 4, 4)])
    joined = odd.joined(even)
    assert (joined.count, len(joined.first)) == (20_003, FAULTS_MAX)
    assert [each.line for each in joined.first[:6]] == [1, 2, 3, 4, 4, 5]
    with pytest.raises(ListingsRefused) as refused:
        Import("shop", "upload", 1, False, 1, joined).check()
    assert (len(refused.value.violations), refused.value.metadata["faults"]) == (100, "20003")
    Import("shop", "upload", 1, False, 1).check()


def message(*store_skus: str, **fields: Any) -> pb.ImportListingsRequest:
    """A message of an import with lines for these SKUs."""
    listings: Any = [{"store_sku": each, "product": {"sku": "TV"}} for each in store_skus]
    return pb.ImportListingsRequest(listings=listings, **fields)


def upload(first: pb.ImportListingsRequest, *others: pb.ImportListingsRequest) -> wire.Upload:
    """An import of which these messages were read."""
    read = wire.Upload(first)
    for each in (first, *others):
        read.lines(each)
    return read


OPENING = {"request_id": "r", "connection": "shop"}


def test_lines_are_numbered_through() -> None:
    """The lines of an import are counted over all its messages; a SKU that is no good is empty."""
    first, second = message("a", " b", **OPENING), message("c")
    read = wire.Upload(first)
    assert [read.lines(each) for each in (first, second)] == [
        (1, ["a", ""], ["", ""], ["TV", "TV"], [False, False]),
        (3, ["c"], [""], ["TV"], [False]),
    ]
    assert (read.count, read.faults) == (3, Faults(1, (Fault(2, "store_sku", "No blank at either end."),)))


def test_contents_are_those_of_all_messages() -> None:
    """An import is the same however its lines are dealt to messages, and another one where any of them, the connection
    or what becomes of the rest is another."""
    caller = Call("/import", Principal("acme", "somebody", Role.ADMINISTRATOR))
    with call.acting(caller):
        same = upload(message("a", "b", "c", **OPENING)).attempt
        assert upload(message("a", **OPENING), message(), message("b", "c", **OPENING)).attempt == same
        assert upload(message("a", "b", "c", **OPENING, validate_only=True)).attempt == same
        others = [
            upload(message("a", "b", **OPENING)),
            upload(message("b", "a", "c", **OPENING)),
            upload(message("ab", "c", **OPENING)),
            upload(message("a", "b", "c", request_id="r", connection="other")),
            upload(message("a", "b", "c", **OPENING, replace=True)),
        ]
        assert same.fingerprint not in [each.attempt.fingerprint for each in others]


def test_a_bad_first_message_tells_its_lines_too() -> None:
    """Where the first message does not say what it must, its bad lines are told in the same answer."""
    with pytest.raises(Malformed) as refused:
        wire.Upload(message("a", "", request_id=" r"))
    assert [each.field for each in refused.value.violations] == ["request_id", "connection", "listings[1].store_sku"]
    with pytest.raises(Malformed) as refused:
        upload(message(*["a"] * 1001, **OPENING))
    assert [each.field for each in refused.value.violations] == ["listings"]
