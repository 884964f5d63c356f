"""What an order may take where policies divide: the shares of its channel group, and what counts against them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from weir_aggregator.domain import Product, Purpose
from weir_aggregator.ports import Counted
from weir_allocation.claims import Claim, scale
from weir_allocation.fulfilment.model import Allocation, Line, Order, Plan, Quota
from weir_allocation.sharing import Sharing

Sold = tuple[Claim, str]
"""What a share is of: what is claimed, and its unit of measure."""


class Share(NamedTuple):
    """Units of a product that a channel group may still be promised out of a warehouse group."""

    claim: Claim
    uom: str
    locations: frozenset[str]
    """Those of the warehouse group."""
    units: int
    counted: bool
    """Whether the ledger counts what is promised of it: the supply was divided at an instant."""

    @property
    def sold(self) -> Sold:
        """What it is a share of."""
        return self.claim, self.uom

    def quota(self, taken: int = 0) -> Quota:
        """What an order may take of it beside units that others are about to get."""
        return Quota(self.claim.product, self.locations, max(0, self.units - taken), self.uom)


Wanted = tuple[Product, str]
"""A product that lines want, and their unit of measure."""
Weighed = tuple[Share, int]
"""A share, and what a unit that is taken of it counts under its claim."""


def weighed(wanted: Order, limits: Sequence[Share], taken: Sequence[Allocation]) -> list[Weighed | None]:
    """What each allocation of a plan counts against; None where nothing limits it, or other parts of its bundle count.

    A bundle that is put together counts by the units of its first component, and as much as one that lies packed.
    """
    of: dict[Wanted, list[Share]] = {}
    for share in limits:
        of.setdefault((share.claim.product, share.uom), []).append(share)
    return [_weighed(wanted, of, each) for each in taken]


def counted(taken: Sequence[Weighed | None]) -> list[Counted | None]:
    """What the ledger is to count each allocation under, of those of a plan that count against shares."""
    return [_now(each) for each in taken]


def spent(found: Plan, taken: Sequence[Weighed | None]) -> Mapping[Sold, int]:
    """Units of each share that a plan takes."""
    claimed: Counter[Sold] = Counter()
    for each, weighs in zip(found.allocations, taken, strict=True):
        if weighs is not None:
            share, weight = weighs
            claimed[share.sold] += weight * each.quantity
    return {sold: -(-units // sold[0].scale) for sold, units in claimed.items()}


Returned = Mapping[Wanted, Mapping[str | None, int]]
"""What a reservation gives up of what lines want: how much it counts, by the key under which; None: under none."""


class Moved(NamedTuple):
    """Units that are to be promised, those of other claims apart, and what the ledger is to count each under."""

    lines: tuple[Allocation, ...]
    counted: tuple[Counted | None, ...]
    beyond: bool
    """Whether more is taken of shares than they have left."""


def moved(wanted: Order, limits: Sequence[Share], taken: Sequence[Allocation], returned: Returned) -> Moved:
    """Count units in place of those that are given up as these were counted, wherever they lie.

    What is more counts against the shares of now.
    """
    weights = [weight(wanted.terms.sharing, _wanted(wanted, each).product, each) for each in taken]
    more: Counter[Wanted] = Counter({what: -sum(given.values()) for what, given in returned.items()})
    for each, weighs in zip(taken, weights, strict=True):
        line = _wanted(wanted, each)
        more[line.product, line.demand.uom] += each.quantity * weighs
    given = {what: Counter(units) for what, units in returned.items()}
    left = {share.sold: share.units * share.claim.scale for share in limits}
    lines: list[Allocation] = []
    counts: list[Counted | None] = []
    for each, weighs, limit in zip(taken, weights, weighed(wanted, limits, taken), strict=True):
        line = _wanted(wanted, each)
        what = line.product, line.demand.uom
        split: Counter[Counted | None] = Counter()
        if weighs:
            new = min(each.quantity, max(0, -(-more[what] // weighs)))
            if limit:
                new = min(new, left[limit[0].sold] // weighs)
                left[limit[0].sold] -= new * weighs
            more[what] -= new * weighs
            split[_now(limit)] += new
            for key, units in _returned(given.get(what, Counter()), each.quantity - new, weighs):
                split[Counted(key, weighs) if key else None] += units
        split[_now(limit) if more[what] > 0 else None] += each.quantity - split.total()
        for count, units in split.items():
            if units:
                lines.append(replace(each, quantity=units))
                counts.append(count)
    return Moved(tuple(lines), tuple(counts), any(units > 0 for units in more.values()))


def weight(sharing: Sharing, product: Product, taken: Allocation | Purpose) -> int:
    """What each unit that is taken for a product counts under a claim of it; 0 where other parts of its bundle do."""
    if not taken.bundles:
        return scale(sharing, product)
    bundle = sharing.bundles.get(product)
    return int(bundle is not None and taken.serves_as == bundle.parts[0][0])


def _returned(given: MutableMapping[str | None, int], units: int, weighs: int) -> Iterator[tuple[str | None, int]]:
    """The keys under which so many units can be counted instead of what was given up."""
    for key in given:
        here = min(units, given[key] // weighs)
        given[key] -= here * weighs
        units -= here
        yield key, here


def _now(limit: Weighed | None) -> Counted | None:
    """What the ledger is to count units under that count against a share of now."""
    return Counted(limit[0].claim.key, limit[1]) if limit and limit[0].counted else None


def _wanted(wanted: Order, taken: Allocation) -> Line:
    return wanted.wish.lines[taken.line]


def _weighed(wanted: Order, limits: Mapping[Wanted, Sequence[Share]], taken: Allocation) -> Weighed | None:
    line = _wanted(wanted, taken)
    for share in limits.get((line.product, line.demand.uom), ()):
        if taken.item.location in share.locations:
            weighs = weight(wanted.terms.sharing, line.product, taken)
            return (share, weighs) if weighs else None
    return None
