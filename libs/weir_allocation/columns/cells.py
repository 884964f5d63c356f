"""What lies where: units by product and location, own, shared and assembled, kept only where there is something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from weir_allocation.assembly import Need, whole_bundles
from weir_allocation.columns.arrays import Indices, Units, spread
from weir_allocation.sharing import Link, Sharing
from weir_allocation.stock import Product
from weir_allocation.trace import Verdict

NONE = -1
"""The number of a product that has none: it was never stocked, and has no cells."""


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
        if not len(product):
            return cls(product, location, units)
        order = np.lexsort((location, product))
        product, location = product[order], location[order]
        starts = np.flatnonzero(np.r_[True, (product[1:] != product[:-1]) | (location[1:] != location[:-1])])
        return cls(product[starts], location[starts], np.add.reduceat(units[order], starts, dtype=np.int64))

    def spread(self, products: Indices) -> tuple[Indices, Indices]:
        """The cells of each product given: which of them, and the place of the cell."""
        starts = np.searchsorted(self.product, products)
        return spread(starts, np.searchsorted(self.product, products, side="right") - starts)

    def at(self, product: int, location: int) -> int:
        """Units of one product at one location; 0 where there is no cell."""
        begin, end = np.searchsorted(self.product, (product, product + 1)).tolist()
        place = begin + int(np.searchsorted(self.location[begin:end], location))
        return int(self.units[place]) if place < end and self.location[place] == location else 0


class Loan(NamedTuple):
    """One link that lends, by numbers."""

    destination: int
    source: int
    keep_back: int
    link: Link


class Lending:
    """Links and bundles, for products by number."""

    def __init__(
        self, sharing: Sharing, products: Sequence[Product], numbers: Mapping[Product, int], locations: Sequence[str]
    ) -> None:
        """`products` and `locations` may grow; `numbers` says where in `products` each one stands."""
        self._sharing = sharing
        self._products = products
        self._numbers = numbers
        self._locations = locations

    def reads(self, products: Indices) -> Indices:
        """The products whose stock decides what these can be served with, themselves among them, ascending."""
        return self._numbered(each for at in products.tolist() for each in self._sharing.reads(self._products[at]))

    def readers(self, products: Indices) -> Indices:
        """The products whose supply the stock of these can affect, themselves among them, ascending."""
        return self._numbered(each for at in products.tolist() for each in self._sharing.readers(self._products[at]))

    def supply(self, products: Indices, rows: Rows) -> tuple[Cells, Cells]:
        """What can serve each product where, own and shared together, and the bundles that can be put together.

        `products` ascend; `rows` are of all that `reads` names. The first cells may be of other products too.
        """
        held = Cells.of(*rows)
        parts = self._parts(products)
        components = np.array([component for bundle in parts for component, _ in parts[bundle]], dtype=np.int64)
        loans = self._loans(np.union1d(products, components).tolist())
        lent = self._lent(loans, held)
        plain = Cells.of(*(np.concatenate(columns) for columns in zip(held, lent, strict=True)))
        return plain, self._assembled(parts, plain, held, loans)

    def _numbered(self, products: Iterable[Product]) -> Indices:
        return np.array(
            sorted({self._numbers[product] for product in products if product in self._numbers}), dtype=np.int64
        )

    def _parts(self, products: Indices) -> dict[int, list[tuple[int, int]]]:
        """The components and quantities of each bundle that may be put together."""
        bundles = self._sharing.bundles
        parts = {}
        for number in products.tolist():
            bundle = bundles.get(self._products[number])
            if bundle is not None and not self._sharing.nested(bundle):
                parts[number] = [(self._numbers.get(each, NONE), quantity) for each, quantity in bundle.parts]
        return parts

    def _loans(self, products: Iterable[int]) -> list[Loan]:
        """The links that lend to products, and whose source was ever stocked."""
        sharing, numbers = self._sharing, self._numbers
        return [
            Loan(number, numbers[link.source], link.keep_back, link)
            for number in products
            if number != NONE and self._products[number] in sharing.to
            for link in sharing.links_to(self._products[number])
            if link.source in numbers and sharing.verdict(link) is Verdict.COUNTED
        ]

    def _lent(self, loans: Sequence[Loan], held: Cells) -> Cells:
        """What each link lends where, by destination; a destination with several links has several there."""
        which, at = held.spread(np.array([loan.source for loan in loans], dtype=np.int64))
        keep_back = np.array([loan.keep_back for loan in loans], dtype=np.int64)
        destination = np.array([loan.destination for loan in loans], dtype=np.int64)
        units = np.maximum(held.units[at] - keep_back[which], 0)
        limited = np.array([bool(loan.link.locations) for loan in loans], dtype=np.bool_)
        for place in np.flatnonzero(limited[which]).tolist():
            if not loans[which[place]].link.lends_at(self._locations[held.location[at[place]]]):
                units[place] = 0
        return Cells(destination[which], held.location[at], units)

    def _assembled(
        self, parts: Mapping[int, Sequence[tuple[int, int]]], plain: Cells, held: Cells, loans: Sequence[Loan]
    ) -> Cells:
        """The whole bundles at each location where all parts lie."""
        flat = [(bundle, *part) for bundle in parts for part in parts[bundle]]
        bundle, component, quantity = np.array(flat, dtype=np.int64).reshape(len(flat), 3).T
        which, at = plain.spread(component)
        location = plain.location[at]
        order = np.lexsort((location, bundle[which]))
        allowed = (plain.units[at] // quantity[which])[order]
        made, location = bundle[which][order], location[order]
        starts = np.flatnonzero(np.r_[True, (made[1:] != made[:-1]) | (location[1:] != location[:-1])][: len(made)])
        if not len(starts):
            return Cells(starts, starts, starts)
        lying = np.diff(np.r_[starts, len(made)])
        whole = np.minimum.reduceat(allowed, starts)
        made, location = made[starts], location[starts]
        wanted = np.array([len(parts[each]) for each in made.tolist()], dtype=np.int64)
        keep = (lying == wanted) & (whole > 0)
        cells = Cells(made[keep], location[keep], whole[keep])
        self._count_once(parts, cells, held, loans)
        return cells

    def _count_once(
        self, parts: Mapping[int, Sequence[tuple[int, int]]], assembled: Cells, held: Cells, loans: Sequence[Loan]
    ) -> None:
        """Lower the bundles whose components draw on the same stock to what that allows, one by one."""
        lenders: dict[int, list[Loan]] = {}
        for loan in loans:
            lenders.setdefault(loan.destination, []).append(loan)
        entangled = {bundle for bundle in parts if _entangled(parts[bundle], lenders)}
        for place, bundle in enumerate(assembled.product.tolist()):
            if bundle in entangled:
                location = int(assembled.location[place])
                assembled.units[place] = self._whole(parts[bundle], location, held, lenders)

    def _whole(
        self,
        parts: Sequence[tuple[int, int]],
        location: int,
        held: Cells,
        lenders: Mapping[int, Sequence[Loan]],
    ) -> int:
        """The bundles that can be put together at one location."""
        units: dict[Product, int] = {}
        needs = []
        for component, quantity in parts:
            own = self._products[component]
            units[own] = held.at(component, location)
            limits = {own: units[own]}
            for loan in lenders.get(component, ()):
                if loan.link.lends_at(self._locations[location]):
                    source = loan.link.source
                    units[source] = held.at(loan.source, location)
                    limits[source] = max(0, units[source] - loan.keep_back)
            needs.append(Need(quantity, limits))
        return whole_bundles(needs, units)


def _entangled(parts: Sequence[tuple[int, int]], lenders: Mapping[int, Sequence[Loan]]) -> bool:
    """Whether two components of a bundle draw on one source."""
    drawn = [
        source
        for component, _ in parts
        for source in (component, *(loan.source for loan in lenders.get(component, ())))
    ]
    return len(drawn) > len(set(drawn))
