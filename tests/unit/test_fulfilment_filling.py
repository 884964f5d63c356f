"""What lines are filled with from given locations: alone, against rivals, and in haste."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from tests.kit.worlds import holdings
from weir_allocation.fulfilment.candidates import Candidates, candidates
from weir_allocation.fulfilment.filler import Filler
from weir_allocation.fulfilment.filling import Filling, alone, in_one_place
from weir_allocation.fulfilment.hasty import hasty
from weir_allocation.fulfilment.model import Line, Order, Terms, Wish
from weir_allocation.fulfilment.rivals import rivals
from weir_allocation.fulfilment.simplex import Work
from weir_allocation.sharing import NO_SHARING, Bundle, Link
from weir_allocation.stock import Demand, Product, Stock, StockItem

A: Product = ("", "A")
B: Product = ("", "B")
S: Product = ("", "S")
KIT: Product = ("", "KIT")
TODAY = date(2026, 3, 1)
WORK = 100_000


def stock(product: Product, on_hand: int, location: str = "W1", lot: str = "", days: int | None = None) -> Stock:
    """Units that expire after some days, or never."""
    return Stock(StockItem(*product, location, lot), on_hand, 0, TODAY + timedelta(days=days) if days else None)


def found(
    *lines: Line, there: Iterable[Stock], links: Iterable[Link] = (), bundles: Iterable[Bundle] = ()
) -> Candidates:
    """What lines can draw on in W1 and W2."""
    reach = {line.product: frozenset(["W1", "W2"]) for line in lines}
    terms = Terms(NO_SHARING.changed(links=links, bundles=bundles), reach)
    return candidates(Order(Wish(lines, whole=False), terms, holdings(there), TODAY))


def used(filling: Filling) -> list[tuple[int, str, str, str, int]]:
    """Line, product, location, lot and units."""
    return sorted((draw.line, draw.item.sku, draw.item.location, draw.item.lot, units) for draw, units in filling.picks)


def everywhere(seen: Candidates) -> int:
    """All places."""
    return (1 << len(seen.places)) - 1


def test_a_line_takes_its_own_units_then_those_that_expire_first() -> None:
    """Own units come before shared ones, and of each the lot that expires first."""
    there = [stock(A, 1, lot="L2", days=9), stock(A, 1, lot="L1", days=3), stock(S, 5, lot="L3", days=1)]
    seen = found(Line(A, 3), there=there, links=[Link("link", S, A)])
    filling = alone(seen, seen.lines[0], everywhere(seen))
    assert [(draw.item.lot, units) for draw, units in filling.picks] == [("L1", 1), ("L2", 1), ("L3", 1)]


def test_places_that_are_not_given_are_not_used() -> None:
    """Only the places of the mask send."""
    seen = found(Line(A, 3), there=[stock(A, 2), stock(A, 2, "W2")])
    assert used(alone(seen, seen.lines[0], 0b10)) == [(0, "A", "W2", "", 2)]


def test_what_a_link_keeps_back_is_kept_over_all_lots() -> None:
    """A link that keeps two back of two lots with two units each lends two units in all."""
    there = [stock(S, 2, lot="L1"), stock(S, 2, lot="L2")]
    seen = found(Line(A, 4), there=there, links=[Link("link", S, A, keep_back=2)])
    assert alone(seen, seen.lines[0], everywhere(seen)).filled == 2


def test_bundles_are_put_together_where_the_next_one_costs_least() -> None:
    """Packed ones first; then one bundle with parts that expire soon, and the others with parts that do not."""
    there = [stock(KIT, 1), stock(A, 9, lot="L1"), stock(A, 3, "W2", "L2", days=5)]
    seen = found(Line(KIT, 4), there=there, bundles=[Bundle(KIT, ((A, 2),))])
    filling = alone(seen, seen.lines[0], everywhere(seen))
    assert used(filling) == [(0, "A", "W1", "L1", 4), (0, "A", "W2", "L2", 2), (0, "KIT", "W1", "", 1)]
    assert dict(filling.made) == {(0, 0): 2, (0, 1): 1}


def test_a_line_from_one_place_comes_from_the_one_with_most() -> None:
    """A place that fills more is better than one that costs less."""
    seen = found(Line(A, 3), there=[stock(A, 2, days=1), stock(A, 3, "W2")])
    assert used(in_one_place(seen, seen.lines[0], everywhere(seen))) == [(0, "A", "W2", "", 3)]


def test_rivals_make_room_for_each_other() -> None:
    """The line that could have units from elsewhere leaves those to the other that the other needs."""
    there = [stock(A, 2), stock(S, 2)]
    lines = [Line(A, 2), Line(B, 2)]
    seen = found(*lines, there=there, links=[Link("to A", S, A), Link("to B", A, B)])
    filling = rivals(seen, seen.lines, everywhere(seen), one_place=False, work=Work(WORK))
    assert isinstance(filling, Filling)
    assert used(filling) == [(0, "S", "W1", "", 2), (1, "A", "W1", "", 2)]


def test_a_bundle_and_a_plain_line_want_one_part() -> None:
    """Of one part that is left a plain line takes it: what is put together costs more."""
    seen = found(Line(KIT, 1), Line(A, 1), there=[stock(A, 1)], bundles=[Bundle(KIT, ((A, 1),))])
    assert used(Filler(seen, WORK).decided(everywhere(seen))) == [(1, "A", "W1", "", 1)]


def test_parts_on_one_source_make_whole_bundles_only() -> None:
    """Two parts borrow from five units: two bundles, and the unit that is left serves nobody."""
    links = [Link("to A", S, A), Link("to B", S, B)]
    seen = found(Line(KIT, 9), there=[stock(S, 5)], links=links, bundles=[Bundle(KIT, ((A, 1), (B, 1)))])
    assert not seen.lines[0].simple
    filling = Filler(seen, WORK).decided(everywhere(seen))
    assert (filling.filled, filling.exact, dict(filling.made)) == (2, True, {(0, 0): 2})


def test_lots_on_one_link_share_its_limit() -> None:
    """Two lines want a lot each over one link that lends three units in all."""
    lines = [Line(A, 2, Demand("L1")), Line(A, 2, Demand("L2"))]
    there = [stock(S, 2, lot="L1"), stock(S, 2, lot="L2")]
    seen = found(*lines, there=there, links=[Link("link", S, A, keep_back=1)])
    filling = Filler(seen, WORK).decided(everywhere(seen))
    assert used(filling) == [(0, "S", "W1", "L1", 2), (1, "S", "W1", "L2", 1)]


def test_the_first_line_has_most_of_the_first_item_where_nothing_else_decides() -> None:
    """Lines that want the same are filled in their order, and each of its first stock item first."""
    seen = found(Line(A, 2), Line(A, 2), there=[stock(A, 3), stock(A, 3, "W2")])
    filling = Filler(seen, WORK).decided(everywhere(seen))
    assert used(filling) == [(0, "A", "W1", "", 2), (1, "A", "W1", "", 1), (1, "A", "W2", "", 1)]


def test_in_haste_plain_lines_come_first_and_nothing_is_taken_twice() -> None:
    """A hasty filling gives plain lines what there is, and bundles what they leave; its bound says what may be more."""
    lines = [Line(KIT, 5), Line(A, 2)]
    seen = found(*lines, there=[stock(A, 5), stock(B, 9)], bundles=[Bundle(KIT, ((A, 1), (B, 2)))])
    filling = hasty(seen, seen.lines, everywhere(seen), one_place=False)
    assert used(filling) == [(0, "A", "W1", "", 3), (0, "B", "W1", "", 6), (1, "A", "W1", "", 2)]
    assert (filling.filled, filling.exact, filling.bound) == (5, False, 6)
