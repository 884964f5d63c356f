"""What lies where: units by product and location, own, shared and assembled, kept only where there is something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from weir_allocation.assembly import Need, whole_bundles
from weir_allocation.columns.arrays import Indices, Units, reduced, runs, spread
from weir_allocation.columns.lending import Lending, Loan, Makeup

_LOCATION_BITS = 24
"""There are fewer locations than these number."""


class Rows(NamedTuple):
    """Stock items, one place each, in any order; what cannot serve a demand that names nothing has 0 units."""

    product: Indices
    """Number of its product."""
    location: Indices
    """Number of its location."""
    units: Units
    """Units it has to give."""


class Cells(NamedTuple):
    """Units of products at locations, each pair once, by product, then location."""

    product: Indices
    location: Indices
    units: Units

    @classmethod
    def of(cls, product: Indices, location: Indices, units: Units) -> Cells:
        """What is given, in any order, several of one product at one location added up."""
        order = np.argsort(product << _LOCATION_BITS | location, kind="stable")
        product, location = product[order], location[order]
        starts = runs(product, location)
        return cls(product[starts], location[starts], reduced(np.add, units[order], starts))

    def spread(self, products: Indices) -> tuple[Indices, Indices]:
        """The cells of each product given: which of them, and the place of the cell."""
        starts = np.searchsorted(self.product, products)
        return spread(starts, np.searchsorted(self.product, products, side="right") - starts)

    def at(self, product: int, location: int) -> int:
        """Units of one product at one location; 0 where there is no cell."""
        begin, end = np.searchsorted(self.product, (product, product + 1)).tolist()
        place = begin + int(np.searchsorted(self.location[begin:end], location))
        return int(self.units[place]) if place < end and self.location[place] == location else 0


def supply(lending: Lending, locations: Sequence[str], products: Indices, rows: Rows) -> tuple[Cells, Cells]:
    """What can serve each product where, own and shared together, and the bundles that can be put together.

    `products` ascend; `rows` are of all that `lending.reads` names. The first cells may be of other products too.
    """
    held = Cells.of(*rows)
    makeups = lending.makeups(products)
    components = {component for makeup in makeups.values() for component, _ in makeup.parts}
    loans = lending.loans(components.union(products.tolist()))
    lent = _lent(loans, held, locations)
    plain = Cells.of(*(np.concatenate(columns) for columns in zip(held, lent, strict=True))) if loans else held
    assembled = _assembled(makeups, plain)
    _count_once(lending, makeups, assembled, held, locations)
    return plain, assembled


def _lent(loans: Sequence[Loan], held: Cells, locations: Sequence[str]) -> Cells:
    """What each link lends where, by destination; a destination with several links has several there."""
    which, at = held.spread(np.array([loan.source for loan in loans], dtype=np.int64))
    keep_back = np.array([loan.link.keep_back for loan in loans], dtype=np.int64)
    destination = np.array([loan.destination for loan in loans], dtype=np.int64)
    units = np.maximum(held.units[at] - keep_back[which], 0)
    limited = np.array([bool(loan.link.locations) for loan in loans], dtype=np.bool_)
    for place in np.flatnonzero(limited[which]).tolist():
        if not loans[which[place]].link.lends_at(locations[held.location[at[place]]]):
            units[place] = 0
    return Cells(destination[which], held.location[at], units)


def _assembled(makeups: Mapping[int, Makeup], plain: Cells) -> Cells:
    """The whole bundles at each location where all parts lie, each part counted alone."""
    flat = [(bundle, *part) for bundle, makeup in makeups.items() for part in makeup.parts]
    bundle, component, quantity = np.array(flat, dtype=np.int64).reshape(len(flat), 3).T
    which, at = plain.spread(component)
    made, location = bundle[which], plain.location[at]
    order = np.lexsort((location, made))
    made, location = made[order], location[order]
    starts = runs(made, location)
    whole = reduced(np.minimum, (plain.units[at] // quantity[which])[order], starts)
    lying = np.diff(np.r_[starts, len(made)])
    made, location = made[starts], location[starts]
    wanted = np.array([len(makeups[each].parts) for each in made.tolist()], dtype=np.int64)
    keep = (lying == wanted) & (whole > 0)
    return Cells(made[keep], location[keep], whole[keep])


def _count_once(
    lending: Lending, makeups: Mapping[int, Makeup], assembled: Cells, held: Cells, locations: Sequence[str]
) -> None:
    """Lower the bundles whose components draw on the same stock to what that allows, one by one."""
    for place, (bundle, location) in enumerate(
        zip(assembled.product.tolist(), assembled.location.tolist(), strict=True)
    ):
        if makeups[bundle].entangled:
            units: dict[int, int] = {}
            needs = []
            for component, quantity in makeups[bundle].parts:
                limits = _limits(lending, component, location, held, locations[location], units)
                needs.append(Need(quantity, limits))
            assembled.units[place] = whole_bundles(needs, units)


def _limits(
    lending: Lending, component: int, location: int, held: Cells, name: str, units: dict[int, int]
) -> dict[int, int]:
    """What a component may draw of each source at a location; notes what each source has there."""
    units[component] = held.at(component, location)
    limits = {component: units[component]}
    for loan in lending.lent(component):
        if loan.link.lends_at(name):
            units[loan.source] = held.at(loan.source, location)
            limits[loan.source] = max(0, units[loan.source] - loan.link.keep_back)
    return limits
