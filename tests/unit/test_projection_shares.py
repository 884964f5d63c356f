"""Shares in a projection: claims as the ledger tells of them, what is left, and what stores are told of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from tests.kit.projections import (
    LEDGER,
    PARTITIONING,
    books,
    channel,
    claimed,
    count,
    group,
    level,
    link,
    load_balances,
    loaded,
    network,
    policies,
    stands,
)
from weir_aggregator.domain import BooksChange, Question
from weir_aggregator.projection import Projection, Supposed
from weir_aggregator.projection.balances import NONE, Balances
from weir_aggregator.projection.shares import NO_CEILING, SCALE_MAX, Shares
from weir_allocation.claims import Claim
from weir_allocation.policy import Mode, Policy, Strategy
from weir_allocation.sharing import Bundle
from weir_allocation.stock import ANY, Demand
from weir_allocation.trace import Stage, Verdict

BIKE, KIT, FRAME = ("", "BIKE"), ("", "KIT"), ("", "FRAME")
WEB = Claim(BIKE, "europe", "web")
TILL = Claim(BIKE, "europe", "till")
HALVES = Policy("halves", 1, Strategy.EQUAL_DIVISION, mode=Mode.BALANCED)
NETWORK = [
    group("europe", "DE", "FR"),
    *(channel(name) for name in ("web", "till")),
    link("europe", "web"),
    link("europe", "till"),
]


def divided(*changes: BooksChange, policy: Policy = HALVES) -> Projection:
    """Ten bikes for two groups, of which a policy divides them, and what the ledger tells of claims."""
    projection = loaded([count("BIKE", "DE", 10), *changes], NETWORK)
    projection.apply_configuration(policies(2, stands(policy)))
    return projection


def levels(projection: Projection) -> tuple[int, int]:
    """What web and till are told of the bike."""
    return level(projection, "web", BIKE), level(projection, "till", BIKE)


def test_until_it_is_divided_it_is_divided_all_the_time() -> None:
    """Without a ceiling nobody has a share of their own yet, whatever was claimed."""
    assert levels(divided()) == (5, 5)
    assert levels(divided(claimed(WEB, 3, None))) == (5, 5)
    assert divided(claimed(WEB, 3, None)).remaining(BIKE) == {}


def test_what_is_left_is_what_stores_are_told() -> None:
    """Ceiling less claims, never below 0 and never more than there is; a group without a ceiling has nothing."""
    projection = divided(claimed(WEB, 3, 10))
    assert projection.remaining(BIKE) == {("europe", "web"): 7}
    assert levels(projection) == (7, 0)
    projection.apply_balances(books(2, claimed(WEB, 5, None, told=False), claimed(TILL, 9, 8)))
    assert projection.remaining(BIKE) == {("europe", "till"): 0}
    projection.apply_balances(books(3, claimed(WEB, 5, 100, told=False), claimed(TILL, 9, 10, told=False)))
    assert projection.remaining(BIKE) == {("europe", "till"): 1, ("europe", "web"): 95}
    assert levels(projection) == (10, 1)


def test_stock_and_claims_of_one_commit_are_seen_at_once() -> None:
    """An order lowers its group's share and the supply: others are told what they were."""
    projection = divided(claimed(WEB, 0, 5), claimed(TILL, 0, 5))
    projection.apply_balances(books(2, count("BIKE", "DE", 10, 2), claimed(WEB, 2, 5, told=False)))
    assert levels(projection) == (3, 5)
    [passed] = [projection.changes.since(projection.changes.position - 1)]
    assert passed == [0]


@pytest.mark.parametrize(
    "policy",
    [
        replace(HALVES, mode=Mode.CONTINUOUS),
        replace(HALVES, mode=Mode.CONTINUOUS, enforce=True),
        replace(HALVES, enabled=False),
        replace(HALVES, products=frozenset({KIT})),
    ],
)
def test_ceilings_of_what_no_policy_divides_at_an_instant_are_nothing(policy: Policy) -> None:
    """They wait to be taken away: levels are those of the policy there is."""
    projection = divided(claimed(WEB, 3, 10), policy=policy)
    assert projection.remaining(BIKE) == {}
    assert levels(projection) == levels(divided(policy=policy))


def test_a_bundle_that_is_put_together_otherwise_is_not_divided_yet() -> None:
    """Its claims count other units: until it is divided anew it is as if it never had been."""
    two, three = (Bundle(KIT, ((FRAME, each),)) for each in (2, 3))
    claim = Claim(KIT, "europe", "web", scale=2)
    projection = divided(count("FRAME", "DE", 12), claimed(claim, 3, 8))
    projection.apply_configuration(network(2, stands(two)))
    assert projection.remaining(KIT) == {("europe", "web"): 2}
    assert (level(projection, "web", KIT), level(projection, "till", KIT)) == (2, 0)
    projection.apply_configuration(network(3, stands(three)))
    assert projection.remaining(KIT) == {}
    assert (level(projection, "web", KIT), level(projection, "till", KIT)) == (2, 2)
    projection.apply_configuration(network(4, stands(three, deleted=True)))
    assert (level(projection, "web", KIT), level(projection, "till", KIT)) == (0, 0)


def test_an_explanation_counts_the_same_shares() -> None:
    """The level is the one of the trace; of cartons, which are no part of a share, everyone sees a division of now."""
    projection = divided(claimed(WEB, 3, 10))
    traced = projection.explain(Question(BIKE, "till", ANY))
    [split] = [step for step in traced.steps if step.stage is Stage.SPLIT]
    assert (traced.level, split.steps[0].verdict) == (0, Verdict.SHARE_SPENT)
    projection.apply_balances(books(2, count("BIKE", "FR", 4)._replace(uom="CARTON")))
    assert projection.explain(Question(BIKE, "till", Demand(uom="CARTON"))).level == 2


def test_a_preview_keeps_shares_where_a_policy_still_divides_at_an_instant() -> None:
    """Another policy of the sort divides what is there no more than it is divided; one that begins to divide at an
    instant begins with nothing.
    """
    projection = divided(claimed(WEB, 3, 10), count("KIT", "DE", 6), claimed(Claim(KIT, "europe", "till"), 0, 1))
    projection.apply_configuration(
        policies(3, stands(replace(HALVES, products=frozenset({BIKE}))), stands(Policy("all", 9, Strategy.FIXED)))
    )
    weighted = Policy("halves", 1, Strategy.WEIGHTED, mode=Mode.BALANCED)
    supposed = Supposed(projection.instant(), [stands(weighted)])
    before, after = supposed.compute(supposed.affected)
    columns = [supposed.after["till"], supposed.after["web"]]
    numbers = [supposed.products.index(each) for each in (BIKE, KIT)]
    assert before.level[np.ix_(columns, numbers)].tolist() == [[0, 0], [7, 0]]
    assert after.level[np.ix_(columns, numbers)].tolist() == [[0, 3], [7, 3]]


def test_claims_of_what_is_not_here_harm_nobody() -> None:
    """Of warehouse groups and channel groups that are gone, and of products that nobody ever stocked."""
    gone = [Claim(BIKE, "gone", "web"), Claim(BIKE, "europe", "gone"), Claim(("", "NEVER"), "europe", "web")]
    projection = divided(*(claimed(each, 1, 3) for each in gone[:1]))
    assert levels(projection) == (5, 5)
    projection.apply_balances(books(2, *(claimed(each, 1, 3) for each in gone[1:])))
    assert levels(projection) == (0, 0)
    assert level(projection, "web", ("", "NEVER")) == 0


def test_books_loaded_anew_bring_their_claims() -> None:
    """What was known of claims is void with the stock they were told with."""
    projection = divided(claimed(WEB, 3, 10))
    load_balances(projection, LEDGER.revision(9), [count("BIKE", "DE", 10), claimed(TILL, 0, 2)])
    assert levels(projection) == (0, 2)
    projection.load_configuration([stands(HALVES)], PARTITIONING.revision(4))
    assert levels(projection) == (0, 2)


def test_what_a_day_takes_away_shares_do_not_give_back() -> None:
    """A share is no more than there is when a lot ends."""
    projection = divided(claimed(WEB, 0, 10))
    projection.turn(date(2026, 3, 1))
    assert levels(projection) == (10, 0)


def test_keys_that_stand_for_nothing_known_are_left_out() -> None:
    """Of a key without a subject, and of one that counts more than the ledger lets it, nothing is kept."""
    balances = Balances()
    shares = Shares(balances)
    assert shares.put(claimed(WEB, 3, 10, told=False)) == (NONE, False)
    assert shares.put(claimed(WEB._replace(scale=SCALE_MAX + 1), 3, 10)) == (NONE, False)
    assert (len(shares), len(balances.products)) == (0, 0)
    assert shares.put(claimed(WEB._replace(scale=SCALE_MAX), 3, 10)) == (0, True)
    assert (len(shares), balances.products) == (1, [BIKE])


@pytest.mark.parametrize("asked", [3, 40, 100])
def test_claims_of_some_products(asked: int) -> None:
    """However many are asked for, theirs are found and no others, by product, with ceilings or without."""
    balances = Balances()
    shares = Shares(balances)
    for claims in range(3):
        for number in range(100):
            claim = Claim(("", f"SKU {number:03}"), "europe", f"group {claims}")
            shares.put(claimed(claim, number, None if number % 7 == 3 else claims))
    some = np.arange(0, 100, 100 // asked)[:asked]
    found = shares.of(some)
    assert found.product.tolist() == np.repeat(some, 3).tolist()
    assert found.claimed.tolist() == found.product.tolist()
    groups = [found.channel_groups[each] for each in found.channel_group.tolist()]
    assert sorted(zip(found.product.tolist(), groups, found.ceiling.tolist(), strict=True)) == [
        (number, f"group {claims}", NO_CEILING if number % 7 == 3 else claims)
        for number in some.tolist()
        for claims in range(3)
    ]
    assert shares.divided().tolist() == [number for number in range(100) if number % 7 != 3]
