"""Orders where policies divide: what they may take of shares, what the ledger counts, and what may not wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.kit.projections import channel, claimed, count, group, link, loaded, network, policies, rules, stands
from tests.kit.promising import BIKE, KIT, LAMP, SPACE, TV, Ledger, asking, calling, reserve, taken, wish
from weir_aggregator.domain import BackOrders, ClaimChange, Count, StoreLimits
from weir_aggregator.handlers.fulfilment import planned
from weir_aggregator.ports import Counted, Reserved
from weir_aggregator.projection import order, order_and_shares, spent, weighed
from weir_allocation.claims import Claim
from weir_allocation.fulfilment.model import Line, Plan, Quota, Wish
from weir_allocation.fulfilment.planner import plan
from weir_allocation.policy import Mode, Part, Policy, Strategy
from weir_allocation.rules import Limits
from weir_allocation.sharing import Bundle, Link
from weir_allocation.stock import EACH, Condition, Demand
from weir_allocation.trace import Verdict

EAST, WEST = frozenset({"A", "B"}), frozenset({"C"})
BALANCED = Policy("halves", 1, Strategy.EQUAL_DIVISION, mode=Mode.BALANCED)


def world(*counts: object, policy: Policy | None = BALANCED) -> Ledger:
    """Two warehouse groups, `east` of A and B, `west` of C; both feed a shop and a market, and a person sells from what
    is with her. A kit is made of 2 bikes and a lamp; a TV serves as SPACE."""
    changes = [
        *(group("east", *sorted(EAST)), group("west", *WEST)),
        *(channel("shop"), channel("market"), channel("ann", rep=True)),
        *(link(warehouse, sells) for warehouse in ("east", "west") for sells in ("shop", "market")),
        *(stands(Bundle(KIT, ((BIKE, 2), (LAMP, 1)))), stands(Link("TV", TV, SPACE))),
    ]
    projection = loaded(counts, changes)  # type: ignore[arg-type]
    if policy is not None:
        projection.apply_configuration(policies(2, stands(policy)))
    return Ledger(projection)


def share(product: tuple[str, str], left: int, of: str = "shop", at: str = "east", *, taken: int = 0) -> ClaimChange:
    """What a channel group has left of a share, beside what it has claimed."""
    claim = Claim(product, at, of, 2 if product == KIT else 1)
    return claimed(claim, taken, taken + left * claim.scale)


def quotas(ledger: Ledger, *lines: Line, sells: str = "shop") -> Sequence[Quota]:
    """The quotas of an order."""
    return order(ledger.projection, wish(*lines), sells).quotas


def cartons(units: int) -> Count:
    """Cartons of bikes."""
    return Count(*BIKE, "A", "", "CARTON", "", Condition.SELLABLE, units, 0)


def test_what_a_group_has_left() -> None:
    """Of a supply that was divided an order may take what its group has left, however much lies there; nothing where
    others have shares and it has none. In another unit of claims, that is whole bundles."""
    ledger = world(count("BIKE", "A", 90), share(BIKE, 7, taken=40), share(BIKE, 5, at="west", of="market"))
    assert quotas(ledger, Line(BIKE, 1), Line(BIKE, 2)) == (Quota(BIKE, EAST, 7), Quota(BIKE, WEST, 0))
    ledger = world(share(KIT, 3), claimed(Claim(KIT, "west", "shop", 2), 6, 11))
    assert quotas(ledger, Line(KIT, 1)) == (Quota(KIT, EAST, 3), Quota(KIT, WEST, 2))


@pytest.mark.parametrize("policy", [BALANCED, replace(BALANCED, mode=Mode.CONTINUOUS, enforce=True)])
def test_the_share_at_this_moment(policy: Policy) -> None:
    """Where the supply was not divided yet, or is anew at each question, an order may take what its group would get
    now."""
    ledger = world(count("BIKE", "A", 4), count("BIKE", "B", 5), count("BIKE", "C", 3), policy=policy)
    assert quotas(ledger, Line(BIKE, 1)) == (Quota(BIKE, EAST, 4), Quota(BIKE, WEST, 1))
    assert quotas(ledger, Line(BIKE, 1), sells="market") == (Quota(BIKE, EAST, 5), Quota(BIKE, WEST, 2))


@pytest.mark.parametrize("policy", [BALANCED, replace(BALANCED, mode=Mode.CONTINUOUS, enforce=True)])
def test_a_warehouse_group_that_feeds_alone(policy: Policy) -> None:
    """The share at this moment is the same where there is nothing else to reach; of a product that nobody has, too."""
    ledger = world(count("BIKE", "A", 4), count("BIKE", "C", 5), cartons(2), policy=policy)
    ledger.projection.apply_configuration(network(2, link("east", "shop", deleted=True)))
    lines = Line(BIKE, 1), Line(BIKE, 1, Demand(uom="CARTON")), Line(LAMP, 1)
    assert [(each.units, each.uom) for each in quotas(ledger, *lines)] == [(2, EACH), (0, "CARTON"), (0, EACH)]


def test_one_supply_is_divided_and_another_not_yet() -> None:
    """Each warehouse group counts for itself: of one its share as it was divided, of the other that of this moment."""
    ledger = world(count("BIKE", "A", 90), count("BIKE", "C", 4), share(BIKE, 1))
    assert quotas(ledger, Line(BIKE, 1)) == (Quota(BIKE, EAST, 1), Quota(BIKE, WEST, 2))


@pytest.mark.parametrize("policy", [None, replace(BALANCED, mode=Mode.CONTINUOUS)])
def test_nothing_is_kept_to_shares(policy: Policy | None) -> None:
    """Without a policy, or with one that steers only what stores are told, orders are accepted up to the supply, and
    nothing counts, whatever the ledger counted once."""
    ledger = world(count("BIKE", "A", 4), share(BIKE, 1), policy=policy)
    assert quotas(ledger, Line(BIKE, 4)) == ()


def test_a_group_that_the_policy_does_not_name() -> None:
    """Where a policy names some groups, the others get nothing."""
    ledger = world(count("BIKE", "A", 4), policy=replace(BALANCED, parts=(Part("market"),)))
    assert quotas(ledger, Line(BIKE, 1)) == (Quota(BIKE, EAST, 0), Quota(BIKE, WEST, 0))


def test_custody_has_no_shares_and_what_is_not_sold_needs_none() -> None:
    """Nothing is divided among channels by custody; a product that the channel does not sell is denied, not spent."""
    ledger = world(count("BIKE", "A", 4), share(BIKE, 1))
    assert quotas(ledger, Line(BIKE, 1, custodians=("ann",)), sells="ann") == ()
    denied = StoreLimits("shop", Limits(denied=frozenset({BIKE})))
    ledger.projection.apply_configuration(rules(2, stands(denied)))
    assert quotas(ledger, Line(BIKE, 1)) == ()


def test_units_of_measure_are_divided_apart() -> None:
    """A share of single units says nothing of cartons: of these an order may take its group's share at this moment, and
    the ledger counts none of them."""
    ledger = world(count("BIKE", "A", 4), cartons(6), share(BIKE, 1))
    made, shares = order_and_shares(ledger.projection, wish(Line(BIKE, 1), Line(BIKE, 3, Demand(uom="CARTON"))), "shop")
    assert [(each.units, each.uom) for each in made.quotas] == [(1, EACH), (0, EACH), (3, "CARTON"), (0, "CARTON")]
    assert [each.counted for each in shares] == [True, False, False, False]


async def test_what_each_unit_counts() -> None:
    """The units of a product count once each, its own and lent ones, under the claim of the warehouse group in which
    they lie; a bundle as many as it has of its first component, packed or in parts; other components count nothing."""
    ledger = world(
        *(count("KIT", "A", 1), count("BIKE", "B", 4), count("LAMP", "B", 2), count("SPACE", "A", 1)),
        *(count("TV", "A", 1), count("TV", "C", 1), share(KIT, 3), share(SPACE, 2), share(SPACE, 1, at="west")),
    )
    done = await reserve(ledger, asking(wish(Line(KIT, 3), Line(SPACE, 3))))
    assert isinstance(done, Reserved)
    assert done.recorded.plan is not None
    lines = [(each.item.sku, each.item.location, each.quantity) for each in done.recorded.plan.allocations]
    assert sorted(zip(lines, ledger.counted[0], strict=True)) == [
        (("BIKE", "B", 4), Counted(Claim(KIT, "east", "shop", 2).key, 1)),
        (("KIT", "A", 1), Counted(Claim(KIT, "east", "shop", 2).key, 2)),
        (("LAMP", "B", 2), None),
        (("SPACE", "A", 1), Counted(Claim(SPACE, "east", "shop").key, 1)),
        (("TV", "A", 1), Counted(Claim(SPACE, "east", "shop").key, 1)),
        (("TV", "C", 1), Counted(Claim(SPACE, "west", "shop").key, 1)),
    ]


async def test_what_is_not_divided_counts_nothing() -> None:
    """Before a supply is divided for the first time, and where a policy enforces what it divides at each question, an
    order is kept to its share and the ledger counts nothing."""
    ledger = world(count("BIKE", "A", 4))
    assert isinstance(await reserve(ledger, asking(wish(Line(BIKE, 3)))), Plan)
    assert isinstance(await reserve(ledger, asking(wish(Line(BIKE, 2)))), Reserved)
    assert ledger.counted == [[None]]


async def test_a_share_that_others_spent_first_is_planned_anew() -> None:
    """Where the ledger counts more than is known here, the next plan is made of what is left then; a line is filled
    from another warehouse group where there is still a share."""
    ledger = world(count("BIKE", "A", 9), count("BIKE", "C", 9), share(BIKE, 4), share(BIKE, 3, at="west"))
    ledger.overtaken = [lambda: ledger.commit(share(BIKE, 1, taken=3))]
    done = await reserve(ledger, asking(wish(Line(BIKE, 4))))
    assert isinstance(done, Reserved)
    assert [taken(kept) for kept, _ in ledger.asked] == [[("A", 4)], [("A", 1), ("C", 3)]]


async def test_a_share_is_spent_by_those_who_are_asking() -> None:
    """Orders of one group that come together do not take its share twice: what one is about to get is gone for the
    next, of whatever units, until the ledger has answered; those of another group have their own."""
    ledger = world(count("BIKE", "A", 2), count("BIKE", "B", 7), share(BIKE, 3), share(BIKE, 5, "market"))
    projection = ledger.projection
    underway = projection.underway
    made, shares = order_and_shares(projection, wish(Line(BIKE, 2)), "shop")
    first = plan(made)
    others, theirs = order_and_shares(projection, wish(Line(BIKE, 2)), "market")
    with underway.asking(first, spent(first, weighed(made, shares, first.allocations))) as promised:
        left = underway.left(made, 1, shares)
        assert [each.units for each in left.quotas] == [1, 0]
        assert [each.verdict for each in plan(left).missing] == [Verdict.SHARE_SPENT]
        assert [each.units for each in underway.left(others, 1, theirs).quotas] == [5, 0]
        promised(2)
    assert [each.units for each in underway.left(made, 1, shares).quotas] == [1, 0]
    assert underway.left(made, 2, shares) is made


async def test_nobody_is_refused_for_what_was_promised_and_not_seen() -> None:
    """An order that finds too little beside what others were promised is planned once that is known here: what came
    with it, or before, is there for it. One that all there is would not fill waits for nothing."""
    ledger = world(count("BIKE", "A", 9), share(BIKE, 2))
    made, shares = order_and_shares(ledger.projection, wish(Line(BIKE, 2)), "shop")
    other = plan(made)
    taken = spent(other, weighed(made, shares, other.allocations))
    asked = asking(wish(Line(BIKE, 2)))
    for number, left in ((2, 0), (4, 2)):
        with ledger.projection.underway.asking(other, taken) as promised:
            promised(number)
        assert isinstance(await reserve(ledger, asking(wish(Line(BIKE, 3)))), Plan)
        waits = asyncio.create_task(reserve(ledger, asked))
        await asyncio.sleep(0)
        assert not waits.done()
        ledger.commit(count("BIKE", "A", 9, number), share(BIKE, left, taken=number))
        assert isinstance(await waits, Reserved if left else Plan)
        ledger.commit(share(BIKE, 2, taken=number))


async def waits(ledger: Ledger, wanted: Wish) -> Sequence[tuple[str, int]]:
    """Products and units of what waits of an order; nothing where it is refused."""
    done = await reserve(ledger, asking(wanted, back_order=True))
    demand = ledger.asked[-1][1] if isinstance(done, Reserved) else None
    return [] if demand is None else [(line.product[1], line.quantity) for line in demand.wish.lines]


async def test_what_is_missing_of_a_share_does_not_wait() -> None:
    """Units that are there for others are not waited for: neither is the line whose share is spent, nor a whole order
    that has one; other lines of an order in part wait as ever."""
    ledger = world(count("BIKE", "A", 9), share(BIKE, 2), BackOrders(*BIKE, 50, 0), BackOrders(*LAMP, 50, 0))
    lines = Line(BIKE, 5), Line(LAMP, 4)
    assert await waits(ledger, wish(*lines, whole=False)) == [("LAMP", 4)]
    assert await waits(ledger, wish(*lines)) == []
    assert len(ledger.asked) == 1
    assert await waits(ledger, wish(Line(LAMP, 4))) == [("LAMP", 4)]


@pytest.mark.parametrize("whole", [True, False])
async def test_no_other_reason_lets_a_share_be_waited_around(whole: bool) -> None:
    """Where something nearer is told than that the share is spent, as units that lie where they were excluded, or that
    links would lend, nothing waits that would be filled from the shares of others at once."""
    ledger = world(
        *(count("SPACE", "A", 9), count("SPACE", "C", 9), count("TV", "C", 9)),
        *(share(SPACE, 0), share(SPACE, 5, at="west"), BackOrders(*SPACE, 50, 0)),
    )
    wanted = replace(wish(Line(SPACE, 4), whole=whole), excluded=WEST)
    with calling():
        found, _ = await planned(ledger.tenants, wanted, "shop", {})
    assert [each.verdict for each in found.missing] == [Verdict.EXCLUDED]
    assert await waits(ledger, wanted) == []
    assert await waits(ledger, replace(wanted, excluded=WEST | EAST)) == [("SPACE", 4)]
