"""What an order may take where policies divide: the shares of its channel group, and what counts against them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from weir_aggregator.domain import Product
from weir_aggregator.ports import Counted
from weir_allocation.claims import Claim
from weir_allocation.fulfilment.model import Allocation, Order, Plan, Quota

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


Weighed = tuple[Share, int]
"""A share, and what a unit that is taken of it counts under its claim."""


def weighed(wanted: Order, limits: Sequence[Share], found: Plan) -> list[Weighed | None]:
    """What each allocation of a plan counts against; None where nothing limits it, or other parts of its bundle count.

    A bundle that is put together counts by the units of its first component, and as much as one that lies packed.
    """
    of: dict[tuple[Product, str], list[Share]] = {}
    for share in limits:
        of.setdefault((share.claim.product, share.uom), []).append(share)
    return [_weighed(wanted, of, each) for each in found.allocations]


def counted(taken: Sequence[Weighed | None]) -> list[Counted | None]:
    """What the ledger is to count each allocation under, of those of a plan that count against shares."""
    return [Counted(each[0].claim.key, each[1]) if each and each[0].counted else None for each in taken]


def spent(found: Plan, taken: Sequence[Weighed | None]) -> Mapping[Sold, int]:
    """Units of each share that a plan takes."""
    claimed: Counter[Sold] = Counter()
    for each, weighs in zip(found.allocations, taken, strict=True):
        if weighs is not None:
            share, weight = weighs
            claimed[share.sold] += weight * each.quantity
    return {sold: -(-units // sold[0].scale) for sold, units in claimed.items()}


def _weighed(wanted: Order, limits: Mapping[tuple[Product, str], Sequence[Share]], taken: Allocation) -> Weighed | None:
    line = wanted.wish.lines[taken.line]
    for share in limits.get((line.product, line.demand.uom), ()):
        if taken.item.location in share.locations:
            if not taken.bundles:
                return share, share.claim.scale
            first, _ = wanted.terms.sharing.bundles[line.product].parts[0]
            return (share, 1) if taken.serves_as == first else None
    return None
