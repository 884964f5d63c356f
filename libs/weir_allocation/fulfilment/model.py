"""An order, what it may be filled with, and the plan that fills it, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from weir_allocation.custody import View
from weir_allocation.sharing import Sharing
from weir_allocation.stock import ANY, EACH, Demand, Holdings, Product, StockItem
from weir_allocation.trace import Verdict


@dataclass(frozen=True, slots=True)
class Line:
    """Units of one product or bundle that an order wants."""

    product: Product
    quantity: int
    """At least 1."""
    demand: Demand = ANY
    custodians: tuple[str, ...] = ()
    """Persons in whose custody the units must be, of the first rather than of the second; of a channel by custody."""
    view: View | None = None
    """Where these are those of a view of the person who sells through the channel: which one."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a customer wants, and how it may be sent."""

    lines: tuple[Line, ...]
    whole: bool = True
    """All of it or nothing; else as much as possible."""
    locations_max: int | None = None
    """Most locations that may send; None: any number."""
    one_location_per_line: bool = False
    own_only: bool = False
    """Nothing that links lend; bundles may still be put together."""
    preferred: frozenset[str] = frozenset()
    """Locations that shall send rather than any other."""
    excluded: frozenset[str] = frozenset()
    """Locations that shall not send."""
    distances: Mapping[str, int] = field(default_factory=dict)
    """How far or how dear locations are; FAR for one that is not named."""


FAR = 10**9
"""The distance of a location for which none is given."""
NEVER_DAYS = 36_525
"""The days until units expire that never do; no more are counted for others either."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The part of what is configured that an order depends on: what it was accepted under."""

    sharing: Sharing
    """Links and bundles of all products that it can draw on."""
    reach: Mapping[Product, frozenset[str]]
    """Locations that may serve each product of its lines; not looked at for a channel by custody."""
    denied: frozenset[Product] = frozenset()
    """Products that the channel does not sell."""
    by_custody: bool = False
    """Units may lie anywhere; whose custody they are in decides."""


class Quota(NamedTuple):
    """What the channel group has left of its share of a product in one warehouse group."""

    product: Product
    """Of lines: however it is filled, a bundle put together is one unit of it."""
    locations: frozenset[str]
    """Those of the warehouse group; of one product no two quotas name the same."""
    units: int
    """All lines of the product in this unit of measure together take no more there; never negative."""
    uom: str = EACH
    """Lines that want another one have a share of their own, or none: units of measure are never added up."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be planned, with all that a plan depends on."""

    wish: Wish
    terms: Terms
    holdings: Holdings = field(repr=False)
    """The stock of everything that `terms.sharing.reads` of the lines' products names; units that are for orders that
    wait are among the reserved ones."""
    today: date
    harm: Mapping[tuple[Product, str], int] = field(default_factory=dict, repr=False)
    """What taking one unit of a product at a location does to others, by (product, location), as `harm` counts it; 0
    where there is none."""
    sending: frozenset[str] = frozenset()
    """Locations that send something of the order already: they count neither as further ones nor for `locations_max`,
    nor for distance."""
    awaited: Mapping[StockItem, int] = field(default_factory=dict, repr=False)
    """Units of stock items, among the reserved ones, that are for orders that wait."""
    quotas: tuple[Quota, ...] = ()
    """What lines may take where shares are divided; where none names a product and location, all that is there."""


@dataclass(frozen=True, slots=True, order=True)
class Allocation:
    """Units of one stock item for one line."""

    line: int
    """Place in the wish, from 0."""
    item: StockItem
    quantity: int
    """In the stock item's own unit of measure."""
    serves_as: Product
    """The line's product, or a component of it. Where it is not the stock item's product a link lends the units."""
    bundles: int = 0
    """Bundles put together for the line at this location, of which the units are parts; 0: they are none."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Units that would serve a line but for one thing."""

    item: StockItem
    quantity: int
    """No more than are missing."""
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Missing:
    """Units of a line that a plan does not fill, and why."""

    line: int
    quantity: int
    verdict: Verdict
    nearest: Alternative | None = None


class Objective(NamedTuple):
    """How good a plan is; of two, the better one is the first that is better in the order of the fields."""

    filled: int
    """Units of lines: more is better. Of everything below, less is better."""
    locations: int
    assembled: int
    """Bundles put together."""
    shared: int
    """Units lent by links, or in the custody of another than the first person named."""
    harm: int
    expiry_days: int
    """Sum over all units of the days until their lots expire."""
    unpreferred: int
    """Locations that are not preferred; 0 where none is."""
    distance: int
    """Sum of the distances of the locations."""

    def better(self, other: Objective) -> bool:
        """Whether a plan that is this good is to be chosen rather than the other one."""
        return (-self.filled, *self[1:]) < (-other.filled, *other[1:])


@dataclass(frozen=True, slots=True)
class Plan:
    """Which units an order is filled with; of a whole order that cannot be filled: none."""

    allocations: tuple[Allocation, ...]
    """In order."""
    missing: tuple[Missing, ...]
    """By line, of each line at most one."""
    objective: Objective
    exact: bool
    """Whether no plan is better."""
    filled_bound: int
    """No plan fills more units."""
    locations_bound: int
    """No plan that fills as many units has fewer locations."""
