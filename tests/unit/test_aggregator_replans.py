"""Reservations that are planned again: what is moved, what stays, what is kept, and what is refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.kit.projections import LEDGER, claimed, count, link, network, policies, stands
from tests.kit.promising import (
    BIKE,
    KIT,
    LAMP,
    RESERVATION,
    SPACE,
    TV,
    Ledger,
    replan,
    taken,
    terms_now,
    wish,
    world,
)
from weir_aggregator.domain import UNWANTED, Purpose, Recorded
from weir_aggregator.errors import PlanNotRecorded, PlanOvertaken
from weir_aggregator.handlers.fulfilment import PLANS_MAX
from weir_aggregator.ports import Amended, Counted, Promised, PromisedLine
from weir_allocation.claims import Claim
from weir_allocation.fulfilment.model import Line, Plan, Wish
from weir_allocation.policy import Mode, Policy, Strategy
from weir_allocation.sharing import Link
from weir_allocation.stock import Product, StockItem
from weir_allocation.trace import Verdict
from weir_chassis.errors import Malformed


def at(product: Product, location: str) -> StockItem:
    """A stock item of a product."""
    return StockItem(*product, location)


def stand(ledger: Ledger, wanted: Wish, *lines: tuple[PromisedLine, Purpose], running: bool = True) -> Recorded:
    """Let the reservation stand as given, planned under the terms of now."""
    kept = Recorded(wanted, "shop", terms_now(ledger, *wanted.lines), tuple(each for _, each in lines))
    ledger.stands = Promised(
        RESERVATION,
        running,
        tuple(each for each, _ in lines),
        LEDGER.revision(ledger.number),
        LEDGER.revision(ledger.number),
        kept,
        "as it was",
    )
    return kept


def line(
    item: StockItem, units: int, sent: int = 0, *, place: int = 0, bundles: int = 0, counted: Counted | None = None
) -> tuple[PromisedLine, Purpose]:
    """A line of the reservation, for the line of the wish at `place`."""
    return PromisedLine(item, units, sent, counted), Purpose(place, (item.owner, item.sku), bundles)


async def test_what_is_there_stays() -> None:
    """With all there, where it may lie and still wanted, nothing is asked of the ledger, and the plan is what stands;
    what an earlier arrival of the request moved is answered all the same."""
    ledger = world(count("BIKE", "A", 5, 4), count("BIKE", "B", 9))
    stand(ledger, wish(Line(BIKE, 4)), line(at(BIKE, "A"), 4))
    done = await replan(ledger)
    assert isinstance(done, Amended)
    assert (done.reservation, done.released, done.promised) == ("as it was", 0, 0)
    assert taken(done.recorded) == [("A", 4)]
    assert ledger.moves == []
    ledger.earlier = replace(done, released=3)
    assert await replan(ledger) is ledger.earlier


def divided(claim: Claim, units: int, left: int, *counts: object) -> Ledger:
    """A world whose supplies are divided at an instant, and what is claimed of one, and left."""
    ledger = world(*counts, claimed(claim, units, units + left))
    halves = Policy("halves", 1, Strategy.EQUAL_DIVISION, mode=Mode.BALANCED)
    ledger.projection.apply_configuration(policies(2, stands(halves)))
    return ledger


BIKES, KITS = Claim(BIKE, "all", "shop"), Claim(KIT, "all", "shop")
OLD, NOW = Counted("share:old", 1), Counted(BIKES.key, 1)
MORE: list[tuple[int, int, Counted | None, list[tuple[int, Counted | None]]]] = [
    # of 4 bikes that are gone from A, with so many left of the share, and so many wanted: what is promised at B
    (0, 4, OLD, [(4, OLD)]),
    (0, 4, None, [(4, None)]),
    (0, 3, OLD, [(3, OLD)]),
    (0, 6, OLD, [(4, OLD)]),
    (0, 6, None, [(4, None)]),
    (1, 6, OLD, [(1, NOW), (4, OLD)]),
    (2, 6, OLD, [(2, NOW), (4, OLD)]),
    (2, 6, NOW, [(6, NOW)]),
    (9, 6, None, [(2, NOW), (4, None)]),
]


@pytest.mark.parametrize(("left", "wanted", "before", "after"), MORE)
async def test_what_moves_keeps_its_claim(
    left: int, wanted: int, before: Counted | None, after: list[tuple[int, Counted | None]]
) -> None:
    """What was promised moves though the share of its group is spent, and counts as it did, under nothing if it did
    under nothing; what is wanted beyond it is kept to the share of now and counts there."""
    ledger = divided(BIKES, 4, left, count("BIKE", "A", 0, 4), count("BIKE", "B", 9))
    stand(ledger, wish(Line(BIKE, 4)), line(at(BIKE, "A"), 4, counted=before))
    done = await replan(ledger, wish=wish(Line(BIKE, wanted), whole=False), channel="shop")
    assert isinstance(done, Amended)
    [moves] = ledger.moves
    assert moves.releases == ((0, 4),)
    assert [(each.quantity, by) for each, by in zip(moves.lines, moves.counted, strict=True)] == after
    assert {each.item.location for each in moves.lines} == {"B"}
    assert done.recorded.plan is not None
    missing = wanted - sum(units for units, _ in after)
    told = [(each.quantity, each.verdict) for each in done.recorded.plan.missing]
    assert told == ([(missing, Verdict.SHARE_SPENT)] if missing else [])
    whole = await replan(ledger, wish=wish(Line(BIKE, wanted)), channel="shop")
    assert isinstance(whole, Plan) == bool(missing)


async def test_a_bundle_counts_the_same_packed_and_put_together() -> None:
    """In place of a packed bundle its first component counts, and the other way round; other components never do."""
    packed = divided(KITS, 2, 0, count("KIT", "A", 0, 2), count("BIKE", "B", 9), count("LAMP", "B", 9))
    stand(packed, wish(Line(KIT, 2)), line(at(KIT, "A"), 2, counted=OLD))
    await replan(packed)
    [moves] = packed.moves
    assert [(each.item.sku, each.quantity) for each in moves.lines] == [("BIKE", 2), ("LAMP", 4)]
    assert moves.counted == (OLD, None)
    apart = divided(KITS, 2, 0, count("KIT", "B", 9), count("BIKE", "A", 0, 2), count("LAMP", "A", 0, 4))
    bikes, lamps = line(at(BIKE, "A"), 2, bundles=2, counted=OLD), line(at(LAMP, "A"), 4, bundles=2)
    stand(apart, wish(Line(KIT, 2)), bikes, lamps)
    await replan(apart)
    [moves] = apart.moves
    assert [(each.item.sku, each.quantity) for each in moves.lines] == [("KIT", 2)]
    assert moves.counted == (OLD,)


async def test_a_line_from_one_location_is_enlarged() -> None:
    """It moves whole, where all that it wants beyond its promise is left of the share; else it stays as it is."""
    for left, moved in ((2, {"B": 6}), (1, {})):
        ledger = divided(BIKES, 4, left, count("BIKE", "A", 4, 4), count("BIKE", "B", 9))
        wanted = Wish((Line(BIKE, 6),), whole=False, one_location_per_line=True)
        stand(ledger, replace(wanted, lines=(Line(BIKE, 4),)), line(at(BIKE, "A"), 4, counted=OLD))
        assert isinstance(await replan(ledger, wish=wanted, channel="shop"), Amended)
        found = Counter[str]()
        for each in ledger.moves[0].lines:
            found[each.item.location] += each.quantity
        assert found == moved


async def test_lines_of_one_product() -> None:
    """What a line no longer wants is there for another of the same product, under the key that it counted under."""
    ledger = divided(BIKES, 4, 0, count("BIKE", "A", 4, 4), count("BIKE", "B", 9))
    stand(ledger, wish(Line(BIKE, 4)), line(at(BIKE, "A"), 4, counted=OLD))
    other = wish(Line(BIKE, 1), Line(BIKE, 3))
    assert isinstance(await replan(ledger, wish=other, channel="shop"), Amended)
    [moves] = ledger.moves
    assert sum(each.quantity for each in moves.lines) == sum(units for _, units in moves.releases) == 3
    assert set(moves.counted) == {OLD}


async def test_what_is_not_there_is_moved() -> None:
    """Of a shortfall only what is missing is given up, and promised elsewhere in the same commit; what others were
    promised is not touched."""
    ledger = world(count("BIKE", "A", 4, 6), count("BIKE", "B", 9, 7))
    kept = stand(ledger, wish(Line(BIKE, 5)), line(at(BIKE, "A"), 5))
    done = await replan(ledger)
    assert isinstance(done, Amended)
    [moves] = ledger.moves
    assert (moves.releases, [(each.item.location, each.quantity) for each in moves.lines]) == (((0, 2),), [("B", 2)])
    assert done.recorded.purposes == (*kept.purposes, Purpose(0, BIKE))
    assert done.recorded.wish == kept.wish
    assert sorted(taken(done.recorded)) == [("A", 3), ("B", 2)]


async def test_what_nothing_takes_the_place_of_stays() -> None:
    """Units that are not there and cannot be had elsewhere stay promised, and are told as missing."""
    ledger = world(count("BIKE", "A", 1, 5), count("BIKE", "B", 1))
    stand(ledger, wish(Line(BIKE, 5)), line(at(BIKE, "A"), 5))
    done = await replan(ledger)
    assert isinstance(done, Amended)
    assert done.recorded.plan is not None
    [missing] = done.recorded.plan.missing
    assert (missing.quantity, ledger.moves[0].releases) == (3, ((0, 1),))


async def test_a_rejected_location_is_left_out_from_then_on() -> None:
    """What it should send comes from elsewhere, and no later plan goes back to it."""
    ledger = world(count("BIKE", "A", 5, 4), count("BIKE", "B", 9))
    stand(ledger, wish(Line(BIKE, 4)), line(at(BIKE, "A"), 4))
    done = await replan(ledger, rejected=frozenset({"A"}))
    assert isinstance(done, Amended)
    assert (taken(done.recorded), done.recorded.wish.excluded) == ([("B", 4)], frozenset({"A"}))


async def test_what_was_given_up_is_not_wanted() -> None:
    """Of an order of which units were cancelled only those are planned again that are open."""
    ledger = world(count("BIKE", "A", 0, 2), count("BIKE", "B", 9))
    stand(ledger, wish(Line(BIKE, 6)), line(at(BIKE, "A"), 2, 1))
    await replan(ledger)
    [moves] = ledger.moves
    assert [each.quantity for each in moves.lines] == [2]


async def test_another_wish_is_compared_line_by_line() -> None:
    """Lines are known again by what they want; of one that is gone all is given up, of one that is new all is promised,
    and what each line of the reservation is for is kept in the words of the new wish."""
    ledger = world(count("BIKE", "A", 5, 2), count("LAMP", "A", 9, 4), count("TV", "B", 3))
    stand(ledger, wish(Line(BIKE, 2), Line(LAMP, 4)), line(at(BIKE, "A"), 2), line(at(LAMP, "A"), 4, place=1))
    done = await replan(ledger, wish=wish(Line(LAMP, 3), Line(TV, 1)), channel="shop")
    assert isinstance(done, Amended)
    [moves] = ledger.moves
    assert dict(moves.releases) == {0: 2, 1: 1}
    assert [(each.line, each.item.sku, each.quantity) for each in moves.lines] == [(1, "TV", 1)]
    assert done.recorded.purposes == (Purpose(UNWANTED, BIKE), Purpose(0, LAMP), Purpose(1, TV))


async def test_what_was_sent_is_wanted() -> None:
    """Another wish has at least what was sent, and is of the same channel: else the request is malformed."""
    ledger = world(count("BIKE", "A", 5, 2), count("LAMP", "A", 5))
    stand(ledger, wish(Line(BIKE, 4)), line(at(BIKE, "A"), 2, 2))
    for other, sells, field in (
        (wish(Line(BIKE, 1)), "shop", "wish.lines[0].quantity"),
        (wish(Line(LAMP, 1)), "shop", "wish.lines"),
        (wish(Line(BIKE, 4)), "till", "wish.channel"),
    ):
        with pytest.raises(Malformed) as refused:
            await replan(ledger, wish=other, channel=sells)
        assert [each.field for each in refused.value.violations] == [field]
    done = await replan(ledger, wish=wish(Line(BIKE, 2)), channel="shop")
    assert isinstance(done, Amended)
    assert ledger.moves[-1].releases == ((0, 2),)


async def test_another_whole_order_that_cannot_be_filled() -> None:
    """Nothing is moved, and the plan says what is missing; in part it is moved as far as it can be."""
    ledger = world(count("BIKE", "A", 5, 2))
    stand(ledger, wish(Line(BIKE, 2)), line(at(BIKE, "A"), 2))
    found = await replan(ledger, wish=wish(Line(BIKE, 7)), channel="shop")
    assert isinstance(found, Plan)
    assert [each.quantity for each in found.missing] == [2]
    assert ledger.moves == []
    done = await replan(ledger, wish=wish(Line(BIKE, 7), whole=False), channel="shop")
    assert isinstance(done, Amended)
    assert [each.quantity for each in ledger.moves[0].lines] == [3]


async def test_parts_of_bundles_stay_together() -> None:
    """Of a bundle one part of which is not there all parts are moved; of one that was sent in part nothing is."""
    ledger = world(count("BIKE", "A", 1, 2), count("LAMP", "A", 9, 4), count("BIKE", "B", 5), count("LAMP", "B", 9))
    parts = line(at(BIKE, "A"), 2, bundles=2), line(at(LAMP, "A"), 4, bundles=2)
    stand(ledger, wish(Line(KIT, 2)), *parts)
    done = await replan(ledger)
    assert isinstance(done, Amended)
    moved = {(each.item.sku, each.item.location): each.quantity for each in ledger.moves[0].lines}
    assert (dict(ledger.moves[0].releases), moved) in (
        ({0: 1, 1: 2}, {("BIKE", "B"): 1, ("LAMP", "B"): 2}),
        ({0: 2, 1: 4}, {("BIKE", "B"): 2, ("LAMP", "B"): 4}),
    )
    ledger = world(count("BIKE", "A", 0), count("LAMP", "A", 9, 2), count("BIKE", "B", 5), count("LAMP", "B", 9))
    stand(ledger, wish(Line(KIT, 1)), line(at(BIKE, "A"), 0, 1, bundles=1), line(at(LAMP, "A"), 2, bundles=1))
    await replan(ledger, rejected=frozenset({"C"}))
    assert (ledger.moves[0].releases, ledger.moves[0].lines) == ((), ())


async def test_terms_are_those_of_then() -> None:
    """A link that is gone still lends to who was promised under it; what the order did not want then is served as
    now.
    """
    ledger = world(count("TV", "A", 5, 2), count("TV", "B", 9), lent=True)
    lent = PromisedLine(at(TV, "A"), 2, 0), Purpose(0, SPACE)
    kept = stand(ledger, wish(Line(SPACE, 2)), lent)
    ledger.projection.apply_configuration(
        network(2, stands(Link("TV", TV, SPACE), deleted=True), stands(Link("TV", TV, LAMP)), link("all", "till"))
    )
    done = await replan(ledger, rejected=frozenset({"A"}))
    assert isinstance(done, Amended)
    assert taken(done.recorded) == [("B", 2)]
    assert done.recorded.terms == kept.terms
    both = wish(Line(SPACE, 2), Line(LAMP, 1))
    done = await replan(ledger, wish=both, channel="shop")
    assert isinstance(done, Amended)
    assert done.recorded.plan is not None
    assert {each.serves_as for each in done.recorded.plan.allocations} == {SPACE, LAMP}
    assert done.recorded.terms.sharing.to.keys() == {SPACE, LAMP}


async def test_what_cannot_be_planned_again() -> None:
    """A reservation that has ended is the ledger's to refuse, unless the request was answered before; one that nobody
    planned is refused here; and after so many plans that were overtaken it is given up."""
    ledger = world(count("BIKE", "A", 1, 2), count("BIKE", "B", 5))
    kept = stand(ledger, wish(Line(BIKE, 2)), line(at(BIKE, "A"), 2))
    ledger.overtaken = [lambda: None] * PLANS_MAX
    with pytest.raises(PlanOvertaken):
        await replan(ledger)
    assert ledger.stands is not None
    there = ledger.stands
    ledger.stands = replace(there, recorded=None)
    with pytest.raises(PlanNotRecorded):
        await replan(ledger)
    ledger.earlier = Amended("moved", kept, LEDGER.revision(1), 1, 1)
    assert await replan(ledger) is ledger.earlier
    ledger.stands = replace(there, running=False)
    assert await replan(ledger) is ledger.earlier
