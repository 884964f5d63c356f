"""What the ledger is asked to count of a plan, against the units that the plan fills out of each share."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from random import Random

from tests.kit.filling import units_of
from tests.kit.orders import SIZES, order
from weir_aggregator.ports import Counted
from weir_aggregator.projection.spending import Moved, Share, counted, moved, spent, weighed
from weir_allocation.claims import Claim, scale
from weir_allocation.fulfilment.model import Allocation, Order, Plan
from weir_allocation.fulfilment.planner import plan
from weir_allocation.stock import StockItem

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


def test_what_moves_counts_as_what_it_takes_the_place_of() -> None:
    """However much is given up, under whichever keys: as much is counted as before under each key or less, never more;
    what is more counts against shares of now, up to what they have left, or is told to be beyond them."""
    some = Counter[str]()
    for seed in range(CASES):
        chance, wanted = Random(seed), order(seed, SIZES[seed % len(SIZES)])
        limits, found = shares(wanted), plan(replace(wanted, quotas=(), wish=replace(wanted.wish, whole=False)))
        keys: list[str | None] = [None, "a", "b"]
        sold = sorted({(line.product, line.demand.uom) for line in wanted.wish.lines})
        returned = {what: {key: chance.choice((0, 0, 0, 1, 2)) for key in keys} for what in sold}
        done = moved(wanted, limits, found.allocations, returned)
        assert units(done.lines) == units(found.allocations), seed
        for what in sold:
            lines = {at for at, line in enumerate(wanted.wish.lines) if (line.product, line.demand.uom) == what}
            for key in ("a", "b"):
                kept = sum(under(done, key, lines))
                assert kept <= returned[what][key], seed
                some["kept"] += kept > 0
        for share in limits:
            new = sum(under(done, share.claim.key))
            assert done.beyond or new <= share.units * share.claim.scale, seed
            some["new"] += new > 0
        some["beyond"] += done.beyond
        some["within"] += not done.beyond
    assert min(some.values()) > CASES / 100, some


def under(done: Moved, key: str, lines: Container[int] | None = None) -> Iterator[int]:
    """What units count under a key, of all lines of a wish or of some."""
    for each, by in zip(done.lines, done.counted, strict=True):
        if by and by.claim == key and (lines is None or each.line in lines):
            yield each.quantity * by.weight


def units(taken: Sequence[Allocation]) -> Counter[tuple[int, StockItem]]:
    """Units of each stock item that lines take."""
    found: Counter[tuple[int, StockItem]] = Counter()
    for each in taken:
        found[each.line, each.item] += each.quantity
    return found


def counts(found: Plan, claims: Sequence[Counted | None], share: Share) -> int:
    """What a plan counts under the claim of a share."""
    of = zip(found.allocations, claims, strict=True)
    return sum(each.quantity * claim.weight for each, claim in of if claim and claim.claim == share.claim.key)
