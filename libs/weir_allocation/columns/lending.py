"""Links and bundles for products by number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from weir_allocation.columns.arrays import Flags, Indices
from weir_allocation.sharing import Link, Sharing
from weir_allocation.stock import Product
from weir_allocation.trace import Verdict


class Loan(NamedTuple):
    """One link that lends."""

    destination: int
    source: int
    link: Link


class Makeup(NamedTuple):
    """What a bundle is made of."""

    parts: tuple[tuple[int, int], ...]
    """Component and quantity."""
    entangled: bool
    """Whether two components draw on one source."""


class Lending:
    """Answers from what it was asked before where it can: of links and bundles little changes while stock does."""

    def __init__(self, sharing: Sharing, products: Sequence[Product], numbers: Mapping[Product, int]) -> None:
        """`products` may grow; `numbers` says where in it each one stands: also all that are in a link or a bundle."""
        self._sharing = sharing
        self._products = products
        self._numbers = numbers
        self._borrowing = self._flags(sharing.to)
        self._bundled = self._flags(sharing.bundles)
        self._read = self._flags((*sharing.lent, *sharing.parents))
        self._loans: dict[int, tuple[Loan, ...]] = {}
        self._makeups: dict[int, Makeup | None] = {}

    def instead(self, sharing: Sharing, affected: Iterable[int]) -> Lending:
        """The same of other links and bundles, which can affect these products."""
        other = Lending(sharing, self._products, self._numbers)
        other._loans, other._makeups = dict(self._loans), dict(self._makeups)
        for number in affected:
            other._loans.pop(number, None)
            other._makeups.pop(number, None)
        return other

    def reads(self, products: Indices) -> Indices:
        """The products whose stock decides what these can be served with, themselves among them, ascending."""
        components = {part for makeup in self.makeups(products).values() for part, _ in makeup.parts}
        wanted = components.union(products.tolist())
        return np.array(sorted(wanted.union(loan.source for loan in self.loans(wanted))), dtype=np.int64)

    def readers(self, products: Indices) -> Indices:
        """The products whose supply the stock of these can affect, themselves among them, ascending."""
        affected = set(products.tolist())
        for number in _chosen(products, self._read):
            affected.update(self._numbers[each] for each in self._sharing.readers(self._products[number]))
        return np.array(sorted(affected), dtype=np.int64)

    def loans(self, products: Iterable[int]) -> list[Loan]:
        """The links that lend to products, by destination, those of each in serving order."""
        wanted = np.array(sorted(products), dtype=np.int64)
        return [loan for number in _chosen(wanted, self._borrowing) for loan in self.lent(number)]

    def makeups(self, products: Indices) -> dict[int, Makeup]:
        """The bundles among products that may be put together, with what of."""
        made = ((number, self._makeup(number)) for number in _chosen(products, self._bundled))
        return {number: makeup for number, makeup in made if makeup is not None}

    def wholes(self, products: Indices) -> list[tuple[int, int, int]]:
        """What products are put together to: component, bundle, and how many of the one are in the other."""
        return [
            (number, bundle, dict(makeup.parts)[number])
            for number in _chosen(products, self._read)
            for bundle, makeup in self._made_of(number)
        ]

    def lent(self, number: int) -> tuple[Loan, ...]:
        """The links that lend to one product, in serving order."""
        loans = self._loans.get(number)
        if loans is None:
            sharing = self._sharing
            loans = self._loans[number] = tuple(
                Loan(number, self._numbers[link.source], link)
                for link in sharing.links_to(self._products[number])
                if sharing.verdict(link) is Verdict.COUNTED
            )
        return loans

    def _made_of(self, number: int) -> Iterator[tuple[int, Makeup]]:
        """The bundles of which a product is a part, that may be put together."""
        for parent in self._sharing.parents.get(self._products[number], ()):
            bundle = self._numbers[parent]
            makeup = self._makeup(bundle)
            if makeup is not None:
                yield bundle, makeup

    def _makeup(self, number: int) -> Makeup | None:
        if number not in self._makeups:
            bundle = self._sharing.bundles[self._products[number]]
            makeup = None
            if not self._sharing.nested(bundle):
                parts = tuple((self._numbers[component], quantity) for component, quantity in bundle.parts)
                drawn = [component for component, _ in parts]
                drawn += [loan.source for component, _ in parts for loan in self.lent(component)]
                makeup = Makeup(parts, entangled=len(drawn) > len(set(drawn)))
            self._makeups[number] = makeup
        return self._makeups[number]

    def _flags(self, products: Iterable[Product]) -> Flags:
        """Whether each number is of one of the products."""
        flags = np.zeros(len(self._products), dtype=np.bool_)
        flags[[self._numbers[product] for product in products]] = True
        return flags


def _chosen(products: Indices, flags: Flags) -> list[int]:
    """The products that have their flag; those that were added since the flags were made have none."""
    known = products[products < len(flags)]
    chosen: list[int] = known[flags[known]].tolist()
    return chosen
