"""Shares of channel groups in the supply of warehouse groups, for many products at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from weir_allocation.columns.arrays import Flags, Indices, Units, percent, spread
from weir_allocation.network import Network
from weir_allocation.policy import Mode, Part, Policy, Strategy
from weir_allocation.split import ranked

NOBODY = -1
"""In place of a channel group, where a warehouse group feeds fewer than others do, or of one without channels."""


class Shares(NamedTuple):
    """What channel groups have left of shares of supplies that were divided at an instant; ascending by product.

    A supply of which there is none here is divided all the time. A channel group of it that is not here has nothing.
    """

    product: Indices
    """Number of the product."""
    warehouse_group: Indices
    """Number of the warehouse group: its place in the network's locations."""
    channel_group: Indices
    """Number of the channel group: its place among those that have members, in order; NOBODY for any other."""
    remaining: Units
    """Units left; never negative."""

    def of(self, products: Indices) -> Shares:
        """Those of some products, ascending, with the place of the product among them instead of its number."""
        begin = np.searchsorted(self.product, products)
        which, at = spread(begin, np.searchsorted(self.product, products, side="right") - begin)
        return Shares(which, self.warehouse_group[at], self.channel_group[at], self.remaining[at])

    def again(self, places: Indices, instead: Indices) -> Shares:
        """The same, and those at some places, ascending, once more at the places instead."""
        once_more = self.of(places)
        once_more = once_more._replace(product=instead[once_more.product])
        return Shares(*(np.concatenate(columns) for columns in zip(self, once_more, strict=True)))


_NONE: Indices = np.zeros(0, dtype=np.int64)
NO_SHARES = Shares(_NONE, _NONE, _NONE, _NONE)
"""No supply was divided at an instant."""
_UNCAPPED = np.iinfo(np.int64).max


class Split:
    """The policies of a configuration, for channel groups and warehouse groups by number."""

    def __init__(
        self, network: Network, policies: Sequence[Policy], groups: Sequence[str], warehouse_groups: Sequence[str]
    ) -> None:
        """`groups` are those with a channel that could sell, others get nothing."""
        number = {group: index for index, group in enumerate(groups)}
        place = {group: index for index, group in enumerate(warehouse_groups)}
        feeding = [[place[each] for each in network.feeding.get(group, ()) if each in place] for group in groups]
        self.fed = [
            [number[each] for each in network.fed.get(group, ()) if each in number] for group in warehouse_groups
        ]
        """Channel groups that each warehouse group feeds."""
        self._feeding = feeding
        self._policies = policies
        self._groups = groups
        self._number = number
        self._orders: dict[int, tuple[int, ...]] = {}
        self._linked = np.zeros((len(groups), len(warehouse_groups)), dtype=np.bool_)
        for group, several in enumerate(feeding):
            self._linked[group, several] = True
        # The last stands for no policy.
        self._balanced = np.array([*(each.mode is Mode.BALANCED for each in policies), False], dtype=np.bool_)
        self._served = np.array([_serves(each) for each in policies], dtype=np.bool_)
        self._fixed = np.array([each.strategy is Strategy.FIXED for each in policies], dtype=np.bool_)
        buffers = [each if each.strategy is Strategy.SAFETY_STOCK else None for each in policies]
        self._buffer_units = _integers([each.buffer_units if each else 0 for each in buffers])
        self._buffer_percent = _integers([each.buffer_percent if each else 0 for each in buffers])
        parts = [_parts(policy, groups) for policy in policies]
        self._weight = _table([[part.weight for part in row] for row in parts], groups)
        self._percent = _table([[part.percent for part in row] for row in parts], groups)
        self._minimum = _table([[part.minimum for part in row] for row in parts], groups)
        self._quantity = _table([[part.quantity for part in row] for row in parts], groups)
        self._cap = _table([[_UNCAPPED if part.cap is None else part.cap for part in row] for row in parts], groups)

    def supplies(self, units: Units) -> Units:
        """The supply of each channel group, of `units` as `[warehouse group, product]`: as `[channel group,
        product]`.
        """
        sums = [units[feeding].sum(axis=0) for feeding in self._feeding]
        return np.array(sums, dtype=np.int64).reshape(len(self._feeding), units.shape[1])

    def shares(self, units: Units, supplies: Units, policy: Indices, selling: Flags, left: Shares) -> Units:
        """The share of each channel group in each product, as `[channel group, product]`.

        `units` as `[warehouse group, product]`, `supplies` what they come to; `policy` has the number of the policy of
        each product, one above the last where none divides it; `selling` says which channel group sells which product.
        `left` is by place of the product here, in any order.
        """
        divided = np.flatnonzero(policy != len(self._policies))
        if not len(divided) or not len(self._groups):
            return supplies
        shares = supplies.copy()
        shares[:, divided] = 0
        left = Shares(*(column[self._balanced[policy[left.product]]] for column in left))
        to_divide = units.copy()
        to_divide[left.warehouse_group, left.product] = 0
        place, column = np.nonzero(to_divide[:, divided])
        product = divided[column]
        orders = self._ordered(policy[product], place)
        of = np.broadcast_to(policy[product][:, None], orders.shape)
        taking = (orders != NOBODY) & selling[orders, product[:, None]]
        given = self._divide(units[place, product], of, orders, taking)
        np.add.at(shares, (orders[taking], np.broadcast_to(product[:, None], orders.shape)[taking]), given[taking])
        self._spend(shares, units, left)
        return shares

    def _spend(self, shares: Units, units: Units, left: Shares) -> None:
        """Add what channel groups have left of supplies that were divided, as far as there are units."""
        fed = (left.channel_group != NOBODY) & self._linked[left.channel_group, left.warehouse_group]
        product, place, group, remaining = (column[fed] for column in left)
        np.add.at(shares, (group, product), np.minimum(remaining, units[place, product]))

    def _ordered(self, policy: Indices, place: Indices) -> Indices:
        """Channel groups among which each supply is divided, in rank order, one row a supply; the rest is NOBODY."""
        pairs, which = np.unique(policy * len(self.fed) + place, return_inverse=True)
        orders = [self._order(pair) for pair in pairs.tolist()]
        table = np.full((len(orders), max(1, *map(len, orders)) if orders else 1), NOBODY, dtype=np.int64)
        for row, order in enumerate(orders):
            table[row, : len(order)] = order
        return table[which]

    def _order(self, pair: int) -> tuple[int, ...]:
        order = self._orders.get(pair)
        if order is None:
            policy, place = divmod(pair, len(self.fed))
            parts = ranked(self._policies[policy], [self._groups[group] for group in self.fed[place]])
            order = self._orders[pair] = tuple(self._number[part.channel_group] for part in parts)
        return order

    def _divide(self, units: Units, of: Indices, groups: Indices, taking: Flags) -> Units:
        """What each group gets of each supply; `of` has the number of its policy."""
        policy = of[:, 0]
        given = np.zeros(groups.shape, dtype=np.int64)
        for served, divide in ((True, self._serve), (False, self._weigh)):
            rows = np.flatnonzero(self._served[policy] == served)
            if len(rows):
                given[rows] = divide(units[rows], of[rows], groups[rows], taking[rows])
        return np.minimum(given, self._cap[of, groups])

    def _weigh(self, units: Units, of: Indices, groups: Indices, taking: Flags) -> Units:
        """Largest remainders of what the buffer leaves, by weights; ties by rank, which is the order of a row."""
        policy = of[:, 0]
        buffer = self._buffer_units[policy] + percent(units, self._buffer_percent[policy], 99)
        rest = np.maximum(units - buffer, 0)[:, None]
        weight = np.where(taking, self._weight[of, groups], 0)
        total = weight.sum(axis=1)[:, None]
        # Where all weigh nothing nobody gets anything: all products below are 0.
        whole, part = np.divmod(rest, np.maximum(total, 1))
        due, remainder = np.divmod(part * weight, np.maximum(total, 1))
        given = whole * weight + due
        left = np.where(total > 0, rest - given.sum(axis=1)[:, None], 0)
        order = np.argsort(-remainder, axis=1, kind="stable")
        extra = np.zeros(groups.shape, dtype=np.int64)
        np.put_along_axis(extra, order, (np.arange(groups.shape[1]) < left).astype(np.int64), axis=1)
        return given + extra

    def _serve(self, units: Units, of: Indices, groups: Indices, taking: Flags) -> Units:
        """What each wants, in rank order, until all is used."""
        by_percent = np.maximum(percent(units[:, None], self._percent[of, groups], 0), self._minimum[of, groups])
        wanted = np.where(self._fixed[of], self._quantity[of, groups], by_percent)
        wanted = np.where(taking, np.minimum(wanted, self._cap[of, groups]), 0)
        # What is left for each is the supply less what all before it want, as far as that goes.
        before = np.cumsum(wanted, axis=1) - wanted
        given: Units = np.clip(units[:, None] - before, 0, wanted)
        return given


def _serves(policy: Policy) -> bool:
    return policy.strategy in (Strategy.RANKED, Strategy.FIXED)


def _parts(policy: Policy, groups: Sequence[str]) -> list[Part]:
    """What the policy says of each channel group; where all are alike, they weigh 1."""
    named: Mapping[str, Part] = {part.channel_group: part for part in policy.parts}
    parts = [named.get(group, Part(group)) for group in groups]
    return parts if policy.weighs else [_weighing_one(part) for part in parts]


def _weighing_one(part: Part) -> Part:
    return Part(part.channel_group, part.rank, 1, part.percent, part.minimum, part.quantity, part.cap)


def _integers(values: Sequence[int]) -> Units:
    return np.array(values, dtype=np.int64)


def _table(rows: Sequence[Sequence[int]], groups: Sequence[str]) -> Units:
    return np.array(rows, dtype=np.int64).reshape(len(rows), len(groups))
