"""The golden cases of orders: what the specification says of links, bundles and what counts once, as plans."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import pytest

from tests.kit.worlds import holdings
from weir_allocation.fulfilment.model import Allocation, Alternative, Line, Missing, Order, Terms, Wish
from weir_allocation.fulfilment.planner import plan
from weir_allocation.sharing import NO_SHARING, Bundle, Link
from weir_allocation.stock import Demand, Product, Stock, StockItem
from weir_allocation.trace import Verdict

TV: Product = ("", "TV-1")
SPACE: Product = ("", "SPACE-1")
FIRST: Product = ("", "FIRST")
SECOND: Product = ("", "SECOND")
PART: Product = ("", "PART")
A: Product = ("", "A")
B: Product = ("", "B")
S: Product = ("", "S")


def stock(product: Product, on_hand: int, location: str = "W1", lot: str = "", uom: str = "EACH") -> Stock:
    """Units of the plain sort."""
    owner, sku = product
    return Stock(StockItem(owner, sku, location, lot, uom), on_hand, 0)


def order(
    *lines: Line,
    there: Iterable[Stock],
    links: Iterable[Link] = (),
    bundles: Iterable[Bundle] = (),
    whole: bool = False,
) -> Order:
    """An order that W1 may serve."""
    terms = Terms(NO_SHARING.changed(links=links, bundles=bundles), {line.product: frozenset(["W1"]) for line in lines})
    return Order(Wish(lines, whole), terms, holdings(there), date(2026, 3, 1))


@pytest.mark.parametrize(
    ("product", "source", "both", "filled"), [(SPACE, TV, False, 1), (TV, SPACE, False, 0), (TV, SPACE, True, 1)]
)
def test_7_links_lend_one_way_unless_they_say_both(product: Product, source: Product, both: bool, filled: int) -> None:
    """SPACE-1 may use TV-1's stock; TV-1 may use SPACE-1's only if the link goes both ways."""
    found = plan(order(Line(product, 1), there=[stock(source, 1)], links=[Link("link", TV, SPACE, both)]))
    assert found.objective.filled == found.objective.shared == filled


def test_8_three_refusals_with_three_reasons() -> None:
    """Another lot, another unit of measure, another warehouse."""
    there = [stock(A, 1, lot="L2"), stock(B, 1), stock(S, 1, "W2")]
    found = plan(order(Line(A, 1, Demand("L1")), Line(B, 1, Demand(uom="CARTON")), Line(S, 1), there=there))
    assert [each.verdict for each in found.missing] == [
        Verdict.LOT_MISMATCH,
        Verdict.UOM_MISMATCH,
        Verdict.OTHER_WAREHOUSE,
    ]
    assert [each.nearest.item if each.nearest else None for each in found.missing] == [each.item for each in there]


def test_9_the_last_component_is_given_out_once() -> None:
    """Of two lines whose bundles share a component of which there is one, the second cannot be filled."""
    last = stock(PART, 1)
    bundles = [Bundle(FIRST, ((PART, 1),)), Bundle(SECOND, ((PART, 1),))]
    found = plan(order(Line(FIRST, 1), Line(SECOND, 1), there=[last], bundles=bundles))
    assert found.allocations == (Allocation(0, last.item, 1, PART, 1),)
    assert found.missing == (Missing(1, 1, Verdict.TAKEN, Alternative(last.item, 1, Verdict.TAKEN)),)
    assert found.exact
    whole = plan(order(Line(FIRST, 1), Line(SECOND, 1), there=[last], bundles=bundles, whole=True))
    assert (whole.allocations, whole.filled_bound) == ((), 1)
    assert [each.verdict for each in whole.missing] == [Verdict.ORDER_INCOMPLETE, Verdict.TAKEN]


def test_9_two_components_from_one_source() -> None:
    """A bundle of A and B, both borrowing from 10 units of S: five of seven can be put together."""
    links = [Link("a", S, A), Link("b", S, B)]
    source = stock(S, 10)
    found = plan(order(Line(FIRST, 7), there=[source], links=links, bundles=[Bundle(FIRST, ((A, 1), (B, 1)))]))
    assert found.allocations == (Allocation(0, source.item, 5, A, 5), Allocation(0, source.item, 5, B, 5))
    assert found.missing == (Missing(0, 2, Verdict.EMPTY),)
    assert (found.objective.filled, found.filled_bound, found.exact) == (5, 5, True)
