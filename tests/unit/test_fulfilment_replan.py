"""What a plan anew moves of a reservation, what it leaves, and what it tells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta

from tests.kit.worlds import holdings
from weir_allocation.fulfilment.model import Allocation, Line, Order, Terms, Wish
from weir_allocation.fulfilment.replan import Standing, replan
from weir_allocation.sharing import NO_SHARING, Bundle, Link
from weir_allocation.stock import Demand, Product, Stock, StockItem
from weir_allocation.trace import Verdict

TODAY = date(2026, 3, 1)
TV: Product = ("", "TV")
SPACE: Product = ("", "SPACE")
KIT: Product = ("", "KIT")
LEG: Product = ("", "LEG")
TOP: Product = ("", "TOP")
KITS = Bundle(KIT, ((LEG, 4), (TOP, 1)))


def item(product: Product, location: str = "W1", lot: str = "") -> StockItem:
    """A stock item of the plain sort."""
    return StockItem(*product, location, lot)


def order(
    *lines: Line,
    there: dict[StockItem, int],
    links: Iterable[Link] = (),
    bundles: Iterable[Bundle] = (),
    **wish: object,
) -> Order:
    """An order as it is wanted now, and what is there for it: all but what others have promised."""
    terms = Terms(
        NO_SHARING.changed(links=links, bundles=bundles),
        {line.product: frozenset(["W1", "W2", "W3"]) for line in lines},
    )
    stock = [Stock(each, on_hand, 0) for each, on_hand in there.items()]
    return Order(Wish(lines, **wish), terms, holdings(stock), TODAY)  # type: ignore[arg-type]


def promised(*allocations: Allocation, sent: Sequence[int] = ()) -> list[Standing]:
    """The lines of a reservation for these allocations; of the first ones some was sent."""
    gone = [*sent, *[0] * len(allocations)]
    return [
        Standing(place, each.line, each.item, each.quantity - gone[place], gone[place], each.serves_as, each.bundles)
        for place, each in enumerate(allocations)
    ]


def units(line: int, of: StockItem, quantity: int, serves_as: Product | None = None, bundles: int = 0) -> Allocation:
    """Units of a stock item for a line."""
    return Allocation(line, of, quantity, serves_as or (of.owner, of.sku), bundles)


def kits(number: int, location: str = "W1") -> list[Allocation]:
    """Kits put together at a location."""
    parts = ((LEG, 4 * number), (TOP, number))
    return [units(0, item(part, location), quantity, bundles=number) for part, quantity in parts]


HERE, THERE, ELSEWHERE = item(TV), item(TV, "W2"), item(TV, "W3")
LEGS, TOPS, LEGS_2, TOPS_2 = item(LEG), item(TOP), item(LEG, "W2"), item(TOP, "W2")


def test_nothing_moves_where_nothing_is_wrong() -> None:
    """Units that are there, lie where they may and are wanted stay, also where a plan from scratch would differ."""
    found = replan(order(Line(TV, 5), there={HERE: 2, THERE: 9}), promised(units(0, HERE, 2), units(0, THERE, 3)))
    assert (found.releases, found.allocations) == ({}, ())
    assert found.plan.allocations == (units(0, HERE, 2), units(0, THERE, 3))
    assert (found.plan.objective.filled, found.plan.exact, found.plan.missing) == (5, False, ())


def test_only_what_is_not_there_moves() -> None:
    """Of 5 promised units 2 are gone: they are promised elsewhere, and the other 3 stay."""
    found = replan(order(Line(TV, 5), there={HERE: 3, THERE: 9}), promised(units(0, HERE, 5)))
    assert found.releases == {0: 2}
    assert found.allocations == (units(0, THERE, 2),)
    assert found.plan.allocations == (units(0, HERE, 3), units(0, THERE, 2))


def test_what_takes_the_place_of_units_comes_rather_from_where_others_come_from() -> None:
    """A location that sends already is none more."""
    wanted = order(Line(TV, 5), Line(SPACE, 1), there={HERE: 3, THERE: 9, ELSEWHERE: 9, item(SPACE, "W3"): 1})
    found = replan(wanted, promised(units(0, HERE, 5), units(1, item(SPACE, "W3"), 1)))
    assert (found.releases, found.allocations) == ({0: 2}, (units(0, ELSEWHERE, 2),))


def test_units_at_a_rejected_location_move() -> None:
    """A location that shall not send any more gives up all that something takes the place of."""
    wanted = order(Line(TV, 5), there={HERE: 9, THERE: 3}, excluded=frozenset(["W1"]))
    found = replan(wanted, promised(units(0, HERE, 5)))
    assert (found.releases, found.allocations) == ({0: 3}, (units(0, THERE, 3),))
    [missing] = found.plan.missing
    assert (missing.quantity, missing.verdict) == (2, Verdict.EXCLUDED)


def test_what_nothing_takes_the_place_of_stays_promised() -> None:
    """Nothing is given up for nothing; that it is not there is told."""
    found = replan(order(Line(TV, 5), there={HERE: 3}), promised(units(0, HERE, 5)))
    assert (found.releases, found.allocations) == ({}, ())
    assert found.plan.allocations == (units(0, HERE, 3),)
    assert [(each.quantity, each.verdict) for each in found.plan.missing] == [(2, Verdict.EMPTY)]
    assert found.plan.filled_bound == 3


def test_everything_moves_where_that_fills_more() -> None:
    """With one location allowed 3 of 5 could stay; another location has all 5."""
    wanted = order(Line(TV, 5), there={HERE: 3, THERE: 9}, locations_max=1)
    found = replan(wanted, promised(units(0, HERE, 5)))
    assert (found.releases, found.allocations) == ({0: 5}, (units(0, THERE, 5),))


def test_a_line_from_one_location_moves_as_a_whole() -> None:
    """What is left of it where it was would be a second location."""
    there = {HERE: 3, THERE: 9, item(SPACE): 1}
    wanted = order(Line(TV, 5), Line(SPACE, 1), there=there, one_location_per_line=True)
    found = replan(wanted, promised(units(0, HERE, 5), units(1, item(SPACE), 1)))
    assert (found.releases, found.allocations) == ({0: 5}, (units(0, THERE, 5),))


def test_a_changed_wish() -> None:
    """Less is given up, more is promised; what is not wanted any more goes, also where another line wants it now."""
    standing = promised(units(0, HERE, 3), units(1, item(SPACE), 2), sent=[1])
    there = {HERE: 3, item(SPACE): 9}
    less = replan(order(Line(TV, 1), Line(SPACE, 2), there=there), standing)
    assert (less.releases, less.allocations) == ({0: 2}, ())
    more = replan(order(Line(TV, 3), Line(SPACE, 5), there=there), standing)
    assert (more.releases, more.allocations) == ({}, (units(1, item(SPACE), 3),))
    other = replan(order(Line(SPACE, 2), Line(TV, 2), there=there), standing)
    assert (other.releases, other.allocations) == ({0: 2, 1: 2}, (units(0, item(SPACE), 2), units(1, HERE, 2)))
    lot = replan(order(Line(TV, 3, Demand("L1")), there={HERE: 2, item(TV, "W2", "L1"): 9}), standing)
    assert (lot.releases, lot.allocations) == ({0: 2, 1: 2}, (units(0, item(TV, "W2", "L1"), 2),))


def test_what_was_sent_is_not_planned_again() -> None:
    """Of 5, 3 were sent: the other 2 are what is open; where 3 were sent is no further location."""
    there = {HERE: 0, THERE: 9, ELSEWHERE: 9}
    found = replan(order(Line(TV, 5), there=there), promised(units(0, THERE, 3), units(0, HERE, 2), sent=[3]))
    assert (found.releases, found.allocations) == ({1: 2}, (units(0, THERE, 2),))
    assert found.plan.objective.locations == 0


def test_bundles_move_as_wholes() -> None:
    """A leg is missing: one kit of two goes, with all its parts; the other one stays."""
    there = {LEGS: 7, TOPS: 2, LEGS_2: 8, TOPS_2: 2}
    found = replan(order(Line(KIT, 2), there=there, bundles=[KITS]), promised(*kits(2)))
    assert found.releases == {0: 4, 1: 1}
    assert found.allocations == tuple(sorted(kits(1, "W2")))


def test_as_many_bundles_as_are_whole_stay() -> None:
    """Of a hundred million kits one leg is missing: all but one stay."""
    many = 10**8
    there = {LEGS: 4 * many - 1, TOPS: many, LEGS_2: 8, TOPS_2: 2}
    found = replan(order(Line(KIT, many), there=there, bundles=[KITS]), promised(*kits(many)))
    assert (found.releases, found.allocations) == ({0: 4, 1: 1}, tuple(sorted(kits(1, "W2"))))


def test_a_bundle_is_mended_where_it_is() -> None:
    """Where another stock item there has the missing part the other parts stay."""
    there = {LEGS: 3, item(LEG, "W1", "NEW"): 9, TOPS: 1, LEGS_2: 8, TOPS_2: 2}
    found = replan(order(Line(KIT, 1), there=there, bundles=[KITS]), promised(*kits(1)))
    assert sum(found.releases.values()) == sum(each.quantity for each in found.allocations)
    assert {each.item.lot for each in found.allocations} == {"NEW"}
    assert 1 not in found.releases


def test_a_bundle_that_nothing_takes_the_place_of_keeps_all_its_parts() -> None:
    """Its parts are not for another line either, as long as they are promised to it."""
    wanted = order(Line(KIT, 1), Line(TOP, 1), there={LEGS: 3, TOPS: 1}, bundles=[KITS])
    found = replan(wanted, promised(*kits(1)))
    assert (found.releases, found.allocations) == ({}, ())
    assert [(each.line, each.quantity) for each in found.plan.missing] == [(0, 1), (1, 1)]


def test_parts_of_a_bundle_that_is_half_on_its_way_stay() -> None:
    """The legs of one kit were sent: its top stays, the other kit moves."""
    there = {LEGS: 0, TOPS: 2, LEGS_2: 8, TOPS_2: 2}
    found = replan(order(Line(KIT, 2), there=there, bundles=[KITS]), promised(*kits(2), sent=[4]))
    assert found.releases == {0: 4, 1: 1}
    assert found.allocations == tuple(sorted(kits(1, "W2")))
    assert found.plan.objective.filled == 2
    assert units(0, TOPS, 1, bundles=1) in found.plan.allocations


def test_a_bundle_that_is_half_on_its_way_and_lacks_a_part_is_missing() -> None:
    """Its part stays promised where it is, though it is not there."""
    found = replan(order(Line(KIT, 1), there={LEGS: 9, TOPS: 0}, bundles=[KITS]), promised(*kits(1), sent=[4]))
    assert (found.releases, found.allocations, found.plan.allocations) == ({}, (), ())
    assert [each.quantity for each in found.plan.missing] == [1]


def test_of_bundles_half_on_their_way_those_with_all_parts_are_told() -> None:
    """The legs of two kits were sent and one top is gone: the other one can be sent, and no more is told."""
    found = replan(order(Line(KIT, 2), there={LEGS: 0, TOPS: 1}, bundles=[KITS]), promised(*kits(2), sent=[8]))
    assert (found.releases, found.allocations) == ({}, ())
    assert found.plan.allocations == (units(0, TOPS, 1, bundles=1),)
    assert [each.quantity for each in found.plan.missing] == [1]


def test_units_that_are_kept_back_by_now_stay_lent() -> None:
    """What a link lent when the order was accepted stays, better than any plan anew; what it lends now is the rest."""
    link = Link("link", TV, SPACE, keep_back=3)
    wanted = order(Line(SPACE, 4), there={HERE: 5, item(SPACE, "W2"): 2}, links=[link])
    found = replan(wanted, promised(units(0, HERE, 4, SPACE)))
    assert (found.releases, found.allocations) == ({}, ())
    assert (found.plan.objective.locations, found.plan.locations_bound) == (1, 1)
    less = replan(replace(wanted, holdings=holdings([Stock(HERE, 5, 0)])), promised(units(0, HERE, 4, SPACE)))
    assert (less.releases, less.plan.objective.filled, less.plan.filled_bound) == ({}, 4, 4)


def test_of_what_stays_promised_units_that_are_there_come_first() -> None:
    """Of 2 and 2 that cannot be sent 2 are wanted: those that lie at a rejected location, not those that are gone."""
    wanted = order(Line(TV, 2), there={HERE: 0, THERE: 2}, excluded=frozenset(["W2"]))
    found = replan(wanted, promised(units(0, HERE, 2), units(0, THERE, 2)))
    assert (found.releases, found.allocations) == ({0: 2}, ())


def test_units_that_expired_since_move() -> None:
    """They are there, but nobody wants them any more."""
    old = item(TV, "W1", "OLD")
    there = holdings([Stock(old, 5, 0, TODAY - timedelta(days=1)), Stock(THERE, 5, 0)])
    found = replan(replace(order(Line(TV, 3), there={}), holdings=there), promised(units(0, old, 3)))
    assert (found.releases, found.allocations) == ({0: 3}, (units(0, THERE, 3),))


def test_what_the_wish_does_not_take_any_more_is_given_up() -> None:
    """Units that a link lends, once only own stock is wanted; units in the custody of a person who is not named."""
    link = Link("link", TV, SPACE)
    lent = order(Line(SPACE, 2), there={HERE: 5, item(SPACE, "W2"): 1}, links=[link], own_only=True)
    found = replan(lent, promised(units(0, HERE, 2, SPACE)))
    assert (found.releases, found.allocations) == ({0: 2}, (units(0, item(SPACE, "W2"), 1),))
    ann, bob = (replace(HERE, custodian=person) for person in ("ann", "bob"))
    wanted = order(Line(TV, 2, custodians=("bob",)), there={ann: 5, bob: 1})
    wanted = replace(wanted, terms=replace(wanted.terms, by_custody=True))
    found = replan(wanted, promised(units(0, ann, 2)))
    assert (found.releases, found.allocations) == ({0: 2}, (units(0, bob, 1),))


def test_two_lines_of_a_reservation_for_the_same() -> None:
    """Whatever goes is given up of the later one first."""
    standing = promised(units(0, HERE, 2), units(0, HERE, 2))
    found = replan(order(Line(TV, 3), there={HERE: 9}), standing)
    assert (found.releases, found.allocations) == ({1: 1}, ())
