"""What the ledger is asked to count of a plan, against the units that the plan fills out of each share."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tests.kit.filling import units_of
from tests.kit.orders import SIZES, order
from weir_aggregator.ports import Counted
from weir_aggregator.projection.spending import Share, counted, spent, weighed
from weir_allocation.claims import Claim, scale
from weir_allocation.fulfilment.model import Order, Plan
from weir_allocation.fulfilment.planner import plan

CASES = int(os.environ.get("WEIR_ALLOCATION_CASES") or 1000)


def shares(wanted: Order) -> list[Share]:
    """Shares that the quotas of an order are of; every other one is counted by the ledger."""
    return [
        Share(
            Claim(each.product, f"G{number}", "shop", scale(wanted.terms.sharing, each.product)),
            each.uom,
            each.locations,
            each.units,
            counted=bool(number % 2),
        )
        for number, each in enumerate(wanted.quotas)
    ]


def filled(wanted: Order, found: Plan, share: Share) -> int:
    """Units of lines that a plan fills out of a share, a bundle in parts as one."""
    lines = [(line.product, line.demand.uom) for line in wanted.wish.lines]
    taken = [each for each in found.allocations if each.item.location in share.locations]
    places = sorted({(each.line, each.item.location) for each in taken})
    return sum(
        units_of([each for each in taken if (each.line, each.item.location) == place])
        for place in places
        if lines[place[0]] == (share.claim.product, share.uom)
    )


def test_what_is_counted_is_what_is_filled() -> None:
    """However an order is filled, in packed bundles or in parts, with lent units, over several lines and locations:
    what its allocations count under a claim is what it fills there times what a unit counts, never more than is left;
    and nothing counts twice, or where nothing is divided."""
    partly = 0
    for seed in range(CASES):
        wanted = order(seed, SIZES[seed % len(SIZES)])
        found, limits = plan(wanted), shares(wanted)
        taken = weighed(wanted, limits, found.allocations)
        claims = counted(taken)
        spending = spent(found, taken)
        for share in limits:
            units = filled(wanted, found, share)
            assert spending.get(share.sold, 0) == units <= share.units, seed
            assert counts(found, claims, share) == share.counted * units * share.claim.scale, seed
            partly += 0 < units < share.units
        assert spending.keys() <= {share.sold for share in limits}, seed
    assert partly


def counts(found: Plan, claims: Sequence[Counted | None], share: Share) -> int:
    """What a plan counts under the claim of a share."""
    of = zip(found.allocations, claims, strict=True)
    return sum(each.quantity * claim.weight for each, claim in of if claim and claim.claim == share.claim.key)
