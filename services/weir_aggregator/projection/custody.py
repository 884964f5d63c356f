"""What may be sold through channels by custody that persons sell through, and how that changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np

from weir_aggregator.domain import Availability, Product
from weir_aggregator.projection.balances import Balances
from weir_allocation.cap import cap
from weir_allocation.columns import UNTOLD, Custody, Flags, Given, Held, Indices, Lending, Units
from weir_allocation.columns.arrays import runs, spread
from weir_allocation.columns.cells import Cells
from weir_allocation.configuration import Configuration
from weir_allocation.custody import Seller, View
from weir_allocation.rules import Limits
from weir_allocation.trace import Verdict

_BITS = 24
"""There are fewer holders than these number."""
_CELLS_AT_ONCE = 1 << 20
"""Levels compared in one piece."""
_SCANNED_PART = 32
"""Where more products than one in so many are computed, those that nothing in custody serves are left out first."""


class Givings:
    """What holders give of products: two columns in order of product and holder.

    What is nothing again keeps its place, so that little moves but units. Sixteen bytes each.
    """

    def __init__(self) -> None:
        """Nobody gives anything."""
        self._keys: Indices = np.zeros(0, dtype=np.int64)
        self._units: Units = np.zeros(0, dtype=np.int64)

    @property
    def products(self) -> Indices:
        """Products of which anything is or was given, ascending."""
        products = self._keys >> _BITS
        return products[runs(products)]

    def of(self, products: Indices) -> Given:
        """A copy of what is given of products, with the place of each in place of its number."""
        begin = np.searchsorted(self._keys, products << _BITS)
        which, at = spread(begin, np.searchsorted(self._keys, (products + 1) << _BITS) - begin)
        some = self._units[at] != 0
        return Given(which[some], self._keys[at[some]] & (1 << _BITS) - 1, self._units[at[some]])

    def put(self, products: Indices, given: Given) -> None:
        """Take over what is given of products, by number, in place of what was; given in order."""
        begin = np.searchsorted(self._keys, products << _BITS)
        _, at = spread(begin, np.searchsorted(self._keys, (products + 1) << _BITS) - begin)
        self._units[at] = 0
        keys = given.product << _BITS | given.holder
        places = np.searchsorted(self._keys, keys)
        fresh = np.append(self._keys, -1)[places] != keys
        self._units[places[~fresh]] = given.units[~fresh]
        if fresh.any():
            self._keys = np.insert(self._keys, places[fresh], keys[fresh])
            self._units = np.insert(self._units, places[fresh], given.units[fresh])


@dataclass(frozen=True, slots=True)
class Selling:
    """Levels of some products in some channels that persons sell through, as they stood at one instant."""

    custody: Custody
    channels: Sequence[str]
    places: Indices
    """Place of each of the channels among all that were asked for."""
    products: Sequence[Product]
    given: Given
    """With the place of each product in place of its number."""

    def levels(self, begin: int, end: int) -> Units:
        """Those of the products from `begin` up to `end`, as `[product, channel]`."""
        first, last = np.searchsorted(self.given.product, (begin, end)).tolist()
        part = Given(*(column[first:last] for column in self.given))
        part = part._replace(product=part.product - begin)
        return self.custody.levels(self.channels, self.products[begin:end], part).T


class SellingTerms(NamedTuple):
    """Who sells through a channel, and what the channel is never told."""

    seller: Seller
    limits: Limits

    @property
    def denying(self) -> bool:
        """Whether there are products that the channel does not sell."""
        return bool(self.limits.denied) or self.limits.allowed is not None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is in custody at one instant, and what is made of it; no commit alters any of it."""

    custody: Custody
    custodians: Sequence[str]
    """By number."""
    held: Held
    """Every stock item in custody."""
    given: Given
    """What is given of every product."""


class InCustody:
    """What every person who sells through a channel may sell of every product, for one configuration."""

    def __init__(self, configuration: Configuration, balances: Balances) -> None:
        """Nothing is computed yet."""
        self.custody = Custody(configuration, custodians=balances.custodians, locations=balances.locations)
        self.givings = Givings()
        self._configuration = configuration
        self._balances = balances

    def terms(self) -> Mapping[str, SellingTerms]:
        """What decides what is sold through each channel that somebody sells through, beside stock, links and
        bundles.
        """
        network, configuration = self._configuration.network, self._configuration
        return {
            name: SellingTerms(configuration.sellers[name], configuration.limits_of(network.channels[name]))
            for name in self.custody.channels
        }

    @property
    def channels(self) -> Sequence[str]:
        """The channels that somebody sells through, in order."""
        return list(self.custody.channels)

    def compute(self, lending: Lending, numbers: Indices, known: int, today: date) -> Indices:
        """Compute some products anew, given ascending by number.

        Returns those below `known` of which any level changed, ascending.
        """
        if not self.custody.channels:
            return numbers[:0]
        given = self._computed(lending, numbers, today)
        changed = self._changed(numbers[numbers < known], given)
        self.givings.put(numbers, given)
        return changed

    def sold(self, numbers: Indices, products: Sequence[Product], channels: Sequence[str]) -> Selling | None:
        """The levels of products as they stand, in those of some channels that persons sell through; None where no one
        does. A product may have no number: it is given one that no other has.
        """
        places = [place for place, channel in enumerate(channels) if channel in self.custody.channels]
        if not places:
            return None
        named = [channels[place] for place in places]
        return Selling(self.custody, named, np.array(places, dtype=np.int64), products, self.givings.of(numbers))

    def standing(self, today: date) -> Standing:
        """All that is in custody, as it is now."""
        every = np.arange(len(self._balances.products))
        held = self._balances.held(every, today)
        return Standing(self.custody, list(self._balances.custodians), held, self.givings.of(every))

    def availability(self, number: int, channel: str, view: View) -> Availability:
        """What may be sold of a product, by number, in a view of a channel that somebody sells through."""
        holders = np.array(self.custody.holders(channel, view), dtype=np.int64)
        units = int(self.givings.of(np.array([number])).at(np.zeros_like(holders), holders).sum())
        limits = self._configuration.limits_of(self._configuration.network.channels[channel])
        capped = cap(limits, channel, self._balances.products[number], units)
        return Availability(units, units, UNTOLD if capped.verdict is Verdict.DENIED else capped.units_out)

    def _computed(self, lending: Lending, numbers: Indices, today: date) -> Given:
        if len(numbers) * _SCANNED_PART > len(self._balances.products):
            served = np.zeros(len(self._balances.products), dtype=np.bool_)
            served[lending.readers(self._balances.in_custody())] = True
            numbers = numbers[served[numbers]]
        reads = lending.reads(numbers)
        held = self._balances.held(reads[reads < len(self._balances.products)], today)
        return self.custody.compute(lending, numbers, held)

    def _changed(self, numbers: Indices, given: Given) -> Indices:
        """The products, given ascending, of which any level would be another if this were given."""
        before, after = self.givings.of(numbers), given.placed(numbers)
        differing = numbers[_differing(before, after)]
        step = max(1, _CELLS_AT_ONCE // len(self.custody.channels))
        pieces = [self._told(differing[begin : begin + step], given) for begin in range(0, len(differing), step)]
        return np.concatenate((differing[:0], *pieces))

    def _told(self, numbers: Indices, given: Given) -> Indices:
        products = [self._balances.products[number] for number in numbers.tolist()]
        before, after = (
            self.custody.levels(self.channels, products, each)
            for each in (self.givings.of(numbers), given.placed(numbers))
        )
        differs: Flags = (before != after).any(axis=0)
        return numbers[differs]


def _differing(one: Given, other: Given) -> Indices:
    """The products of which not the same is given."""
    product, holder = (np.concatenate(columns) for columns in zip(one[:2], other[:2], strict=True))
    units = np.concatenate((one.units, -other.units))
    # Two of a pair cancel out where they are the same.
    product, _, differs = Cells.of(product, holder, units)
    product = product[differs != 0]
    distinct: Indices = product[runs(product)]
    return distinct
