"""All five stages for many products at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from weir_allocation.columns.arrays import Flags, Indices, Units
from weir_allocation.columns.cells import Cells, Rows, supply
from weir_allocation.columns.lending import Lending
from weir_allocation.columns.offer import UNTOLD, Offer
from weir_allocation.columns.split import NO_SHARES, Shares, Split
from weir_allocation.columns.winners import Winners
from weir_allocation.columns.zones import Zones
from weir_allocation.configuration import Configuration
from weir_allocation.network import Channel
from weir_allocation.sharing import Sharing
from weir_allocation.stock import Product

UNITS_AT_ONCE = 1 << 20
"""Units by group and product that are held at once, so that a whole table needs little room beside itself."""

BUNDLED_MAX = 1 << 62
"""Units of one product in bundles are not counted beyond: bundles may be told of that nobody could ever fill."""


@dataclass(frozen=True, slots=True)
class Levels:
    """What was computed, as `[column, product]` in the order in which the products were given."""

    supply: Units
    share: Units
    level: Units
    """UNTOLD where the store is told nothing."""
    told: Units
    """By product: the sum of the levels of all stores."""
    reached: Units
    """By product: units at all locations that any of the stores that are told reaches."""

    @property
    def exposure(self) -> Units:
        """By product: units that all stores together are told beyond what there is."""
        return exposure(self.told, self.reached)


def exposure(told: Units, reached: Units) -> Units:
    """`max(0, sum of levels - supply over all locations reached)`."""
    beyond: Units = np.maximum(told - reached, 0)
    return beyond


class Divisible(NamedTuple):
    """What there is to divide of some products, in the order in which they were given."""

    units: Units
    """Units in each warehouse group, wherever in it, as `[warehouse group, product]`."""
    selling: Flags
    """Whether a channel of each group sells the product, as `[channel group, product]`."""


class Bundled(NamedTuple):
    """What stores are told of products and of bundles together, by product."""

    units: Units
    """Units that go into bundles if all are sold that stores are told of bundles, beyond those that lie packed; no more
    than BUNDLED_MAX.
    """
    exposure: Units
    """`max(0, sum of levels + bundled - supply)`, over all locations that any store reaches that is told of the product
    or of a bundle of it.
    """


class Columns:
    """One configuration made ready for arrays. Channels that are always told the same share a column.

    `products` and `locations` may grow while it is used, by products that are in no link and no bundle; those that are
    must have their number from the beginning.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        products: Sequence[Product],
        numbers: Mapping[Product, int],
        locations: Sequence[str],
        lending: Lending | None = None,
    ) -> None:
        """`numbers` says where in `products` each one stands; `lending` is one made of the same links and bundles
        before.
        """
        network = configuration.network
        self.columns: dict[str, int] = {}
        """The column of each channel; one that is reached by custody has none."""
        self.lending = lending or Lending(configuration.sharing, products, numbers)
        self._products = products
        self._numbers = numbers
        self._locations = locations
        stores = self._stores(configuration)
        limits = [configuration.limits_of(store) for store in stores]
        groups = tuple(sorted(network.members))
        self._zones = Zones(network, configuration.rules, locations, configuration.late)
        self._split = Split(network, configuration.policies, groups, self._zones.groups)
        self._offer = Offer(configuration.rules, [store.channel for store in stores], limits)
        self._winners = Winners(configuration, limits, products, numbers)
        self._group = np.array([groups.index(store.channel_group) for store in stores], dtype=np.int64)
        self._first = np.searchsorted(self._group, np.arange(len(groups)))
        self._channels = np.bincount(list(self.columns.values()), minlength=len(stores)).astype(np.int64)

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self._group)

    def lend(self, sharing: Sharing, affected: Iterable[int]) -> None:
        """Take over other links and bundles, which can affect these products: they are to be computed anew."""
        self.lending = self.lending.instead(sharing, affected)

    def compute(self, products: Indices, rows: Rows, shares: Shares = NO_SHARES) -> Levels:
        """Compute products, each given once, ascending; `rows` are of all that `lending.reads` names for them.

        `shares` are of these products at least.
        """
        self._zones.follow()
        self._winners.follow()
        cells = self._zones.counted(supply(self.lending, self._locations, products, rows))
        shape = (self.width, len(products))
        supplied, share, level = (np.zeros(shape, dtype=np.int64) for _ in range(3))
        told, reached = (np.zeros(len(products), dtype=np.int64) for _ in range(2))
        for part in self._parts(len(products)):
            computed = self._part(products[part], cells, shares.of(products[part]))
            supplied[:, part], share[:, part], level[:, part], told[part], reached[part] = computed
        return Levels(supplied, share, level, told, reached)

    def divisible(self, products: Indices, rows: Rows) -> Divisible:
        """What there is to divide of products, given as for `compute`; whatever rules say, policies or not, and
        whoever is late: what was divided limits orders.
        """
        self._zones.follow()
        self._winners.follow()
        cells = supply(self.lending, self._locations, products, rows)
        rule, places = self._winners.rule(products), np.arange(len(products))
        return Divisible(
            self._zones.units(products, cells, rule, places)[:-1], self._grouped(self._winners.selling(products))
        )

    def lying(self, products: Indices, rows: Rows, stores: Flags, *, packed: bool = False) -> Units:
        """What lies for products, given as for `compute`, at all locations that any of some stores reaches, as far as
        it counts.

        `stores` as `[column, product]`; `packed`: all of it, without the bundles that can be put together there.
        """
        self._zones.follow()
        self._winners.follow()
        lying = supply(self.lending, self._locations, products, rows)
        cells = lying[:1] if packed else self._zones.counted(lying)
        units = np.zeros(len(products), dtype=np.int64)
        for part in self._parts(len(products)):
            rule, _, ruled = self._ruled(products[part])
            placed = self._zones.units(products[part], cells, rule, ruled)[:-1]
            units[part] = self._reached(placed, stores[:, part], self._seen(rule, ruled), ruled)
        return units

    def bundled(
        self, products: Indices, rows: Callable[[Indices], Rows], levels: Callable[[Indices], Units]
    ) -> Bundled:
        """What stores are told of products and of bundles together; of any products, given ascending, `rows` are the
        ones for `compute`, and `levels` those that were computed.
        """
        wholes = self.lending.wholes(products)
        bundles = np.unique(np.array([bundle for _, bundle, _ in wholes], dtype=np.int64))
        told, wanted = levels(products), levels(bundles)
        stores, sellers = told != UNTOLD, wanted != UNTOLD
        beyond = (self._told(wanted) - self.lying(bundles, rows(bundles), sellers, packed=True)).tolist()
        units = [0] * len(products)
        for component, bundle, quantity in wholes:
            place, of = int(np.searchsorted(products, component)), int(np.searchsorted(bundles, bundle))
            units[place] = min(BUNDLED_MAX, units[place] + quantity * max(0, beyond[of]))
            stores[:, place] |= sellers[:, of]
        gone = np.array(units, dtype=np.int64)
        return Bundled(gone, exposure(self._told(told) + gone, self.lying(products, rows(products), stores)))

    def policies(self, products: Indices) -> Indices:
        """The number of the policy that divides each product; one above the last where none does."""
        self._winners.follow()
        return self._winners.policy(products)

    def nowhere(self, products: Sequence[Product]) -> Levels:
        """The same of products of which there is nothing, with or without a number.

        Not every level is 0: a rule may add to nothing, or a store may be told nothing.
        """
        rule, sold = self._winners.of(products)
        nothing = np.zeros((self.width, len(products)), dtype=np.int64)
        reached = np.zeros(len(products), dtype=np.int64)
        level = self._offer.levels(nothing, rule, reached, sold)
        return Levels(nothing, nothing, level, self._told(level), reached)

    def _part(
        self, products: Indices, cells: Sequence[Cells], left: Shares
    ) -> tuple[Units, Units, Units, Units, Units]:
        """All of Levels for one part of the products.

        Where a rule names warehouses its stores reach less than others do. Its products are computed twice: once more
        behind all others, with what lies at the rule's warehouses alone.
        """
        policy = self._winners.policy(products)
        rule, narrowed, ruled = self._ruled(products)
        zones = self._zones.units(products, cells, rule, ruled)
        placed = zones[:-1]
        sold = self._winners.selling(products)
        selling = self._grouped(sold)
        supplies = self._split.supplies(placed)
        shares = self._split.shares(
            placed,
            supplies,
            np.r_[policy, policy[narrowed]],
            np.c_[selling, selling[:, narrowed]],
            left.again(narrowed, ruled[narrowed]),
        )
        seen = self._seen(rule, ruled)
        share = shares[self._group[:, None], seen]
        level = self._offer.levels(share, rule, zones[:, ruled].sum(axis=0), sold)
        reached = self._reached(placed, level != UNTOLD, seen, ruled)
        return supplies[self._group[:, None], seen], share, level, self._told(level), reached

    def _parts(self, products: int) -> Iterator[slice]:
        """So many products in parts that need little room."""
        step = max(1, UNITS_AT_ONCE // (len(self._zones.groups) + self.width + 1))
        return (slice(begin, begin + step) for begin in range(0, products, step))

    def _ruled(self, products: Indices) -> tuple[Indices, Indices, Indices]:
        """The rule of each product; the places of those whose rule names warehouses, and of each product the place of
        what lies there: behind all others, or its own.
        """
        rule = self._winners.rule(products)
        narrowed = np.flatnonzero(self._offer.narrows[rule])
        ruled = np.arange(len(products))
        ruled[narrowed] = len(products) + np.arange(len(narrowed))
        return rule, narrowed, ruled

    def _seen(self, rule: Indices, ruled: Indices) -> Indices:
        """The place of what each store reaches of each product."""
        return np.where(self._offer.named[:, rule], ruled, np.arange(len(ruled)))

    def _grouped(self, sold: Flags) -> Flags:
        """Whether a channel of each group sells each product."""
        return np.logical_or.reduceat(sold, self._first, axis=0) if len(self._first) else sold

    def _told(self, level: Units) -> Units:
        """The sum of the levels of all stores, by product."""
        told: Units = (np.where(level == UNTOLD, 0, level) * self._channels[:, None]).sum(axis=0)
        return told

    def _reached(self, placed: Units, told: Flags, seen: Indices, ruled: Indices) -> Units:
        """What lies at all locations that any of the stores that are told reaches."""
        reached = np.zeros(len(ruled), dtype=np.int64)
        if not len(self._first):
            return reached
        products = np.arange(len(ruled))
        wide = np.logical_or.reduceat(told & (seen == products), self._first, axis=0)
        narrow = np.logical_or.reduceat(told, self._first, axis=0)
        for place, units in enumerate(placed):
            fed = self._split.fed[place]
            all_of_it = _any(wide, fed)
            reached += np.where(all_of_it, units[products], np.where(_any(narrow, fed), units[ruled], 0))
        return reached

    def _stores(self, configuration: Configuration) -> list[Channel]:
        """One channel of each column, by channel group; notes the column of every channel."""
        stores: list[Channel] = []
        for group in sorted(configuration.network.members):
            known: dict[object, int] = {}
            for channel in configuration.network.members[group]:
                name = channel.channel
                roles = tuple((name in rule.stores, name == rule.priority_store) for rule in configuration.rules)
                column = known.setdefault((roles, configuration.limits_of(channel)), len(stores))
                if column == len(stores):
                    stores.append(channel)
                self.columns[name] = column
        return stores


def _any(flags: Flags, groups: Sequence[int]) -> Flags:
    found: Flags = np.logical_or.reduce(flags[list(groups)], axis=0)
    return found
