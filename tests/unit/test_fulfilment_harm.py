"""What an order takes from those who have nothing else, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from tests.kit.worlds import holdings
from weir_allocation.fulfilment.harm import READERS_MAX, harm
from weir_allocation.sharing import NO_SHARING, Bundle, Link
from weir_allocation.stock import Product, Stock, StockItem

TODAY = date(2026, 3, 1)
TV: Product = ("", "TV")
SPACE: Product = ("", "SPACE")
KIT: Product = ("", "KIT")
LEG: Product = ("", "LEG")


def stock(product: Product, location: str = "W1", on_hand: int = 5, *, reserved: int = 0, days: int = 0) -> Stock:
    """Sellable units of a lot that expires in so many days; 0: never."""
    return Stock(StockItem(*product, location), on_hand, reserved, TODAY + timedelta(days=days) if days else None)


def harmed(
    there: Sequence[Stock],
    *links: Link,
    bundles: Sequence[Bundle] = (),
    products: Sequence[Product] = (TV,),
    locations: Sequence[str] = ("W1", "W2"),
) -> dict[tuple[Product, str], int]:
    """The harm an order for these products may do."""
    held = holdings(there)
    sharing = NO_SHARING.changed(links=links, bundles=bundles)
    return harm(sharing, products, lambda product: held.get(product, ()), locations, TODAY)


LINK = Link("link", TV, SPACE)


@pytest.mark.parametrize(
    ("there", "link", "expected"),
    [
        ([stock(TV)], LINK, {(TV, "W1"): 1}),
        ([stock(TV), stock(TV, "W2"), stock(SPACE)], LINK, {(TV, "W2"): 1}),
        ([stock(TV), stock(SPACE, reserved=5)], LINK, {(TV, "W1"): 1}),
        ([stock(TV), stock(SPACE, days=-1)], LINK, {(TV, "W1"): 1}),
        ([stock(TV), stock(TV, "W3")], LINK, {(TV, "W1"): 1}),
        ([stock(TV), stock(TV, "W2")], Link("link", TV, SPACE, locations=frozenset(["W2"])), {(TV, "W2"): 1}),
        ([stock(TV)], Link("link", TV, SPACE, active=False), {}),
        ([stock(TV)], Link("link", SPACE, TV), {}),
        ([stock(SPACE)], Link("link", SPACE, TV), {}),
        ([stock(SPACE)], Link("link", SPACE, TV, bidirectional=True), {}),
    ],
)
def test_products_that_a_unit_could_serve_and_that_have_none(
    there: list[Stock], link: Link, expected: dict[tuple[Product, str], int]
) -> None:
    """One for each product outside the order that the link lends to where the unit lies and that has none there."""
    assert harmed(there, link) == expected


def test_bundles_that_a_unit_could_be_a_part_of() -> None:
    """A bundle without packed units is harmed through a component, and what lends to one, unless it nests."""
    kit = Bundle(KIT, ((LEG, 4), (TV, 1)))
    assert harmed([stock(TV)], bundles=[kit]) == {(TV, "W1"): 1}
    assert harmed([stock(TV), stock(KIT)], bundles=[kit]) == {}
    lent = Bundle(KIT, ((SPACE, 1),))
    assert harmed([stock(TV), stock(SPACE)], LINK, bundles=[lent]) == {(TV, "W1"): 1}
    assert harmed([stock(TV), stock(SPACE)], LINK, bundles=[lent, Bundle(SPACE, ((LEG, 1),))]) == {}


def test_what_the_order_wants_itself_is_not_harmed() -> None:
    """Products of the order count for nothing, nor does the source itself; sources of theirs are looked at as well."""
    links = [LINK, Link("other", SPACE, LEG)]
    there = [stock(TV), stock(SPACE, "W2")]
    assert harmed(there, *links) == {(TV, "W1"): 1}
    assert harmed(there, *links, products=[TV, SPACE]) == {(SPACE, "W2"): 1}
    assert harmed(there, *links, products=[LEG]) == {}
    assert harmed([*there, stock(SPACE, "W1")], *links, Link("tv", SPACE, TV)) == {(SPACE, "W1"): 1, (SPACE, "W2"): 1}


def test_no_more_than_a_hundred_are_counted() -> None:
    """The first hundred readers outside the order."""
    many = [Link(f"{number}", TV, ("", f"P{number:03}")) for number in range(READERS_MAX + 20)]
    assert harmed([stock(TV)], *many) == {(TV, "W1"): READERS_MAX}
    assert harmed([stock(TV)], Link("leg", TV, LEG), *many, products=[LEG]) == {(TV, "W1"): READERS_MAX}
