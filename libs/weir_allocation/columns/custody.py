"""What may be sold through channels by custody, for many products at once.

Units are counted by holder: a person by himself, or a pair of a person and the hub that has opened its stock to him. Of
a pair only that is counted which the two give together beyond what each gives by himself: bundles whose parts lie with
both, and units that a link keeps back once instead of twice. So what is in one custody is counted once, however many
channels see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from weir_allocation.columns.arrays import Indices, Units, spread
from weir_allocation.columns.cells import Cells, Rows, supply
from weir_allocation.columns.lending import Lending
from weir_allocation.columns.offer import UNTOLD
from weir_allocation.configuration import Configuration
from weir_allocation.custody import Seller, View
from weir_allocation.rules import NO_LIMITS
from weir_allocation.stock import Product

NOBODY = -1
"""In place of a holder."""
_BITS = 24
"""There are fewer holders, and fewer locations, than these number."""
_HOLDERS_MAX = 3
"""A person, his hub, and the two together."""


class Held(NamedTuple):
    """Stock items in custody, one place each, in any order; what cannot serve a demand that names nothing has 0
    units.
    """

    product: Indices
    """Number of its product."""
    location: Indices
    """Number of its location."""
    custodian: Indices
    """Number of the person."""
    units: Units
    """Units it has to give."""

    def where(self, places: Indices, holder: Indices) -> Held:
        """Those at some places, each in the custody of a holder."""
        return Held(self.product[places], self.location[places], holder, self.units[places])


class Given(NamedTuple):
    """Units of products that holders give, each pair once, by product, then holder."""

    product: Indices
    holder: Indices
    units: Units

    def placed(self, products: Indices) -> Given:
        """Those of some products, ascending, with the place of the product among them in place of its number."""
        some = np.isin(self.product, products)
        return Given(np.searchsorted(products, self.product[some]), self.holder[some], self.units[some])

    def at(self, product: Indices, holder: Indices) -> Units:
        """The units of each pair; 0 where there are none."""
        keys, wanted = self.product << _BITS | self.holder, product << _BITS | holder
        places = np.searchsorted(keys, wanted)
        found = np.append(keys, NOBODY)[places] == wanted
        units: Units = np.where(found, np.append(self.units, 0)[places], 0)
        return units


class Custody:
    """Whose custody each channel by custody sells from that somebody sells through, by numbers.

    `custodians` and `locations` may grow while it is used.
    """

    def __init__(self, configuration: Configuration, *, custodians: Sequence[str], locations: Sequence[str]) -> None:
        """Both are named by the numbers that `Held` has."""
        channels = configuration.network.channels.items()
        sellers = {name: seller for name, each in channels if (seller := configuration.seller(each)) is not None}
        seen = [seller.custodians(View.BOTH) for seller in sellers.values()]
        pairs = sorted({each for each in seen if len(each) > 1})
        self.channels = {name: number for number, name in enumerate(sellers)}
        """The number of each channel, in order of channels."""
        self._sellers = sellers
        self._persons = {name: number for number, name in enumerate(sorted({name for each in seen for name in each}))}
        self._pairs = {pair: len(self._persons) + number for number, pair in enumerate(pairs)}
        self._ends: Indices = np.array([[self._persons[name] for name in pair] for pair in pairs], dtype=np.int64)
        self._ends = self._ends.reshape(len(pairs), 2)
        self._limits = [configuration.limits.get(name, NO_LIMITS) for name in sellers]
        holders = [self._holders(seller, View.BOTH) for seller in sellers.values()]
        padded = [[*each, *[NOBODY] * (_HOLDERS_MAX - len(each))] for each in holders]
        self._seen: Indices = np.array(padded, dtype=np.int64).reshape(len(padded), _HOLDERS_MAX)
        self._custodians = custodians
        self._locations = locations
        self._person: Indices = np.zeros(0, dtype=np.int64)

    def holders(self, channel: str, view: View) -> tuple[int, ...]:
        """What is given through a channel in a view is the sum of what these give."""
        return self._holders(self._sellers[channel], view)

    def compute(self, lending: Lending, products: Indices, held: Held) -> Given:
        """What holders give of products, given ascending; where that is nothing it is left out.

        `held` is of all that `lending.reads` names for them.
        """
        self._follow()
        person = self._person[held.custodian]
        known = np.flatnonzero(person != NOBODY)
        alone = held.where(known, person[known])
        given = self._given(lending, products, alone)
        mixing = _mixing(lending, products) if len(self._pairs) else products[:0]
        if len(mixing):
            beyond = self._beyond(lending, mixing, alone, given)
            given = Given(*(np.concatenate(columns) for columns in zip(given, beyond, strict=True)))
        order = np.argsort(given.product << _BITS | given.holder, kind="stable")
        order = order[given.units[order] != 0]
        return Given(given.product[order], given.holder[order], given.units[order])

    def levels(self, channels: Sequence[str], products: Sequence[Product], given: Given) -> Units:
        """The levels of products as `[channel, product]`, UNTOLD where nothing is told.

        `given` is of these products, with the place of each in place of its number.
        """
        numbers = [self.channels[channel] for channel in channels]
        seen = self._seen[numbers]
        used = np.unique(seen[seen != NOBODY])
        # The last place is that of nobody, who gives nothing; as NOBODY counts from the end, he has it.
        place = np.full(len(self._persons) + len(self._pairs) + 1, len(used))
        place[used] = np.arange(len(used))
        units = np.zeros((len(used) + 1, len(products)), dtype=np.int64)
        units[place[given.holder], given.product] = given.units
        units[len(used)] = 0
        levels: Units = sum((units[each] for each in place[seen].T), np.zeros((len(numbers), len(products)), np.int64))
        for row, number in enumerate(numbers):
            limits = self._limits[number]
            if limits.max_quantity is not None:
                levels[row] = np.minimum(levels[row], limits.max_quantity)
            if limits.denied or limits.allowed is not None:
                levels[row, [not limits.permit(product) for product in products]] = UNTOLD
        return levels

    def _holders(self, seller: Seller, view: View) -> tuple[int, ...]:
        custodians = seller.custodians(view)
        persons = tuple(self._persons[each] for each in custodians)
        return persons if len(custodians) < 2 else (*persons, self._pairs[custodians])

    def _follow(self) -> None:
        """Take in the custodians that were added since."""
        fresh = self._custodians[len(self._person) :]
        if fresh:
            persons = np.array([self._persons.get(name, NOBODY) for name in fresh], dtype=np.int64)
            self._person = np.concatenate((self._person, persons))

    def _given(self, lending: Lending, products: Indices, held: Held) -> Given:
        """What holders give, each by what is in his custody; what lies in one custody at one location is a place of its
        own.
        """
        places, place = np.unique(held.custodian << _BITS | held.location, return_inverse=True)
        names = [self._locations[each] for each in (places & (1 << _BITS) - 1).tolist()]
        lying = supply(lending, names, products, Rows(held.product, place, held.units))
        product, at, units = (np.concatenate(columns) for columns in zip(*lying, strict=True))
        wanted = np.isin(product, products)
        return Given(*Cells.of(product[wanted], (places >> _BITS)[at[wanted]], units[wanted]))

    def _beyond(self, lending: Lending, products: Indices, alone: Held, given: Given) -> Given:
        """What pairs give beyond what each of the two gives."""
        read = np.flatnonzero(np.isin(alone.product, lending.reads(products)))
        there = np.zeros(len(self._persons), dtype=np.bool_)
        there[alone.custodian[read]] = True
        pairs = np.flatnonzero(there[self._ends].all(axis=1))
        ends = self._ends[pairs].T.ravel()
        order = np.argsort(ends, kind="stable")
        begin, end = (np.searchsorted(ends[order], alone.custodian[read], side=side) for side in ("left", "right"))
        which, at = spread(begin, end - begin)
        pair = np.tile(pairs, 2)[order][at]
        together = self._given(lending, products, alone.where(read[which], len(self._persons) + pair))
        own, hub = self._ends[together.holder - len(self._persons)].T
        apart = given.at(together.product, own) + given.at(together.product, hub)
        return together._replace(units=together.units - apart)


def _mixing(lending: Lending, products: Indices) -> Indices:
    """The products of which two persons may give more together: bundles, and what is lent by a source that keeps
    back.
    """
    kept = (loan.destination for loan in lending.loans(products.tolist()) if loan.link.keep_back)
    return np.array(sorted({*lending.makeups(products), *kept}), dtype=np.int64)
