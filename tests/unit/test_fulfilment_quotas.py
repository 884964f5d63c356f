"""What lines may take where shares are divided: no more than is left of the share, however they are filled."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from tests.kit.worlds import holdings
from weir_allocation.fulfilment.candidates import candidates
from weir_allocation.fulfilment.hasty import hasty
from weir_allocation.fulfilment.heuristic import fewest_for, most_from
from weir_allocation.fulfilment.model import Alternative, Line, Missing, Order, Plan, Quota, Terms, Wish
from weir_allocation.fulfilment.planner import plan
from weir_allocation.sharing import NO_SHARING, Bundle, Link
from weir_allocation.stock import Demand, Product, Stock, StockItem
from weir_allocation.trace import Verdict

A: Product = ("", "A")
B: Product = ("", "B")
KIT: Product = ("", "KIT")
NORTH = frozenset(["N1", "N2"])
SOUTH = frozenset(["S1"])


def stock(product: Product, on_hand: int, location: str, *, reserved: int = 0, uom: str = "EACH") -> Stock:
    """Units of the plain sort."""
    return Stock(StockItem(*product, location, uom=uom), on_hand, reserved)


def order(
    wish: Wish,
    *there: Stock,
    quotas: Iterable[Quota],
    links: Iterable[Link] = (),
    bundles: Iterable[Bundle] = (),
) -> Order:
    """An order that any location may serve."""
    locations = frozenset(each.item.location for each in there)
    terms = Terms(NO_SHARING.changed(links=links, bundles=bundles), {line.product: locations for line in wish.lines})
    return Order(wish, terms, holdings(there), date(2026, 3, 1), quotas=tuple(quotas))


def some(*lines: Line, one_location_per_line: bool = False) -> Wish:
    """As much as possible of some lines."""
    return Wish(lines, whole=False, one_location_per_line=one_location_per_line)


def used(found: Plan) -> list[tuple[int, str, str, int]]:
    """Line, sku, location and units."""
    return [(each.line, each.item.sku, each.item.location, each.quantity) for each in found.allocations]


def test_each_warehouse_group_gives_what_is_left_of_its_share() -> None:
    """With 4 left in one group and 8 in another an order of 10 takes no more than 4 from the first, and 13 is 12."""
    there = [stock(A, 100, "N1"), stock(A, 100, "N2"), stock(A, 100, "S1")]
    quotas = [Quota(A, NORTH, 4), Quota(A, SOUTH, 8)]
    ten = plan(order(Wish((Line(A, 10),)), *there, quotas=quotas))
    assert used(ten) == [(0, "A", "N1", 4), (0, "A", "S1", 6)]
    assert (ten.exact, ten.filled_bound, ten.locations_bound) == (True, 10, 2)
    more = plan(order(some(Line(A, 13)), *there, quotas=quotas))
    assert used(more) == [(0, "A", "N1", 4), (0, "A", "S1", 8)]
    nearest = Alternative(there[1].item, 1, Verdict.SHARE_SPENT)
    assert more.missing == (Missing(0, 1, Verdict.SHARE_SPENT, nearest),)
    assert (more.exact, more.filled_bound) == (True, 12)


def test_what_no_share_allows_is_missing_of_a_whole_order() -> None:
    """A whole order of more than what is left takes nothing, and says why."""
    there = [stock(A, 100, "N1"), stock(B, 1, "N1")]
    found = plan(order(Wish((Line(A, 5), Line(B, 1))), *there, quotas=[Quota(A, NORTH, 4)]))
    assert (found.allocations, found.filled_bound, found.exact) == ((), 5, True)
    assert found.missing == (
        Missing(0, 5, Verdict.SHARE_SPENT, Alternative(there[0].item, 1, Verdict.SHARE_SPENT)),
        Missing(1, 1, Verdict.ORDER_INCOMPLETE),
    )


def test_lines_of_one_product_share_its_quota() -> None:
    """Two lines of three units have four together, the first line all of its; the second is told that it is the
    share.
    """
    found = plan(order(some(Line(A, 3), Line(A, 3)), stock(A, 9, "N1"), quotas=[Quota(A, NORTH, 4)]))
    assert used(found) == [(0, "A", "N1", 3), (1, "A", "N1", 1)]
    assert [(each.line, each.quantity, each.verdict) for each in found.missing] == [(1, 2, Verdict.SHARE_SPENT)]
    assert (found.exact, found.filled_bound) == (True, 4)


def test_lines_of_one_product_leave_the_share_to_the_one_that_needs_it() -> None:
    """Of two lines the one that wants a lot from the north has the share there; the other goes to the south."""
    lot = Stock(StockItem(*A, "N1", "L1"), 2, 0)
    wish = some(Line(A, 2), Line(A, 2, Demand("L1")))
    found = plan(order(wish, stock(A, 5, "N1"), lot, stock(A, 5, "S1"), quotas=[Quota(A, NORTH, 2)]))
    assert [(each.line, each.item.location, each.item.lot, each.quantity) for each in found.allocations] == [
        (0, "S1", "", 2),
        (1, "N1", "L1", 2),
    ]
    assert found.exact


def test_bundles_packed_and_put_together_count_alike() -> None:
    """Of a share of three kits two are packed and one is put together: one unit of the share, whatever its parts."""
    there = [stock(KIT, 2, "N1"), stock(A, 50, "N1"), stock(B, 50, "N1")]
    bundle = Bundle(KIT, ((A, 2), (B, 1)))
    found = plan(order(some(Line(KIT, 5)), *there, quotas=[Quota(KIT, NORTH, 3)], bundles=[bundle]))
    assert used(found) == [(0, "A", "N1", 2), (0, "B", "N1", 1), (0, "KIT", "N1", 2)]
    assert (found.objective.filled, found.objective.assembled, found.exact) == (3, 1, True)
    assert [(each.quantity, each.verdict) for each in found.missing] == [(2, Verdict.SHARE_SPENT)]


def test_parts_of_a_bundle_do_not_spend_the_share_of_what_they_are() -> None:
    """A kit of four A leaves the line of A the whole of its share."""
    wish = some(Line(KIT, 1), Line(A, 5))
    bundle = Bundle(KIT, ((A, 4),))
    found = plan(order(wish, stock(A, 9, "N1"), quotas=[Quota(A, NORTH, 2)], bundles=[bundle]))
    assert used(found) == [(0, "A", "N1", 4), (1, "A", "N1", 2)]


def test_lent_units_spend_the_share_of_what_they_are_lent_for() -> None:
    """Own units and those of the source of a link together are no more than the share; the source's is not touched."""
    wish = some(Line(A, 5), Line(B, 5))
    quotas = [Quota(A, NORTH, 3), Quota(B, NORTH, 2)]
    found = plan(order(wish, stock(A, 2, "N1"), stock(B, 9, "N1"), quotas=quotas, links=[Link("link", B, A)]))
    assert used(found) == [(0, "A", "N1", 2), (0, "B", "N1", 1), (1, "B", "N1", 2)]
    assert [each.verdict for each in found.missing] == [Verdict.SHARE_SPENT, Verdict.SHARE_SPENT]


def test_of_a_share_of_nothing_nothing_is_taken() -> None:
    """Where nothing is left of a share no unit comes from, though it lies there, nor is a bundle put together."""
    there = [stock(KIT, 2, "N1"), stock(A, 5, "N2"), stock(A, 1, "S1")]
    bundle = Bundle(KIT, ((A, 1),))
    found = plan(order(some(Line(KIT, 5)), *there, quotas=[Quota(KIT, NORTH, 0)], bundles=[bundle]))
    assert used(found) == [(0, "A", "S1", 1)]
    nearest = Alternative(there[1].item, 4, Verdict.SHARE_SPENT)
    assert found.missing == (Missing(0, 4, Verdict.SHARE_SPENT, nearest),)


def test_a_line_from_one_place_takes_no_more_than_the_share_there() -> None:
    """The place that lets a line have most sends, though elsewhere there is more."""
    wish = some(Line(A, 5), one_location_per_line=True)
    found = plan(order(wish, stock(A, 9, "N1"), stock(A, 3, "S1"), quotas=[Quota(A, NORTH, 2)]))
    assert used(found) == [(0, "A", "S1", 3)]


def test_cartons_spend_no_share_of_single_units() -> None:
    """A quota is of lines that want its unit of measure."""
    there = [stock(A, 5, "N1"), stock(A, 5, "N1", uom="CARTON")]
    wish = some(Line(A, 3), Line(A, 3, Demand(uom="CARTON")))
    found = plan(order(wish, *there, quotas=[Quota(A, NORTH, 1)]))
    assert [each.quantity for each in found.allocations] == [1, 3]


def test_units_of_others_are_nearer_than_a_spent_share_and_reserved_ones_farther() -> None:
    """What other lines take is told before the share, the share before what is promised to other orders."""
    reserved = plan(
        order(some(Line(A, 3)), stock(A, 2, "N1"), stock(A, 9, "S1", reserved=9), quotas=[Quota(A, NORTH, 1)])
    )
    assert [each.verdict for each in reserved.missing] == [Verdict.SHARE_SPENT]
    wish = some(Line(B, 5), Line(A, 3))
    links = [Link("link", B, A)]
    there = [stock(B, 5, "S1"), stock(A, 2, "N1")]
    taken = plan(order(wish, *there, quotas=[Quota(A, NORTH, 1)], links=links))
    assert [(each.line, each.verdict) for each in taken.missing] == [(1, Verdict.TAKEN)]


def test_a_share_that_the_lines_cannot_exceed_is_no_limit() -> None:
    """Neither a quota of more than is wanted nor one of another product costs a plan anything."""
    wish = some(Line(A, 2), Line(A, 2), Line(B, 9))
    quotas = [Quota(A, NORTH, 4), Quota(KIT, NORTH, 1), Quota(B, SOUTH, 9)]
    there = [stock(A, 9, "N1"), stock(B, 9, "N1"), stock(B, 9, "S1")]
    seen = candidates(order(wish, *there, quotas=quotas))
    assert not any(line.allowances for line in seen.lines)
    assert seen.limits == candidates(order(wish, *there, quotas=())).limits


def test_in_haste_no_share_is_exceeded() -> None:
    """Hasty fillings keep to what is left of shares, for units and for bundles, and so does their bound."""
    there = [stock(KIT, 1, "N1"), stock(A, 9, "N1"), stock(A, 9, "N2")]
    wish = some(Line(KIT, 5), Line(A, 5), Line(A, 5))
    quotas = [Quota(KIT, NORTH, 3), Quota(A, NORTH, 4)]
    seen = candidates(order(wish, *there, quotas=quotas, bundles=[Bundle(KIT, ((A, 1),))]))
    filling = hasty(seen, seen.lines, 0b11, one_place=False)
    assert (filling.filled, filling.bound) == (7, 11)


def test_bounds_of_many_places_know_of_shares() -> None:
    """All places of a group together give no more than the share there; what is wanted beyond is elsewhere."""
    there = [stock(A, 3, f"N{number}") for number in range(1, 10)] + [stock(A, 2, "S1"), stock(A, 2, "S2")]
    north = frozenset(f"N{number}" for number in range(1, 10))
    seen = candidates(order(some(Line(A, 20)), *there, quotas=[Quota(A, north, 4)]))
    assert [most_from(seen.lines, 0, size) for size in range(6)] == [0, 3, 5, 7, 8, 8]
    assert most_from(seen.lines, 0b111, 1) == 6
    assert fewest_for(seen.lines, 0, 7) == 3
