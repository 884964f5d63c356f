"""What there is to divide of products, and what channel groups have claimed of it, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from weir_aggregator.domain import Product, Supplies
from weir_aggregator.projection.shares import NO_CEILING, Claims, Places
from weir_allocation.columns import Divisible, Flags, Indices, Units
from weir_allocation.network import Network

PRODUCTS_MAX = 1000
"""Products in one message."""
CELLS_MAX = 65_536
"""Supplies and shares in one message, but for those of one product."""


class Ground:
    """Which warehouse groups feed which channel groups, by number."""

    def __init__(self, network: Network, places: Places) -> None:
        """`places` are of this network."""
        self.places = places
        fed = [(places.warehouse_groups[each], network.fed.get(each, ())) for each in network.locations]
        self.feeding: Indices = np.array([place for place, groups in fed if groups], dtype=np.int64)
        """Warehouse groups that feed a channel group, ascending."""
        known = places.channel_groups
        links = [(place, known[group]) for place, groups in fed for group in groups if group in known]
        self.links: Indices = np.array(links, dtype=np.int64).reshape(len(links), 2).T
        """A warehouse group, and a channel group with channels that it feeds; of each link."""

    @property
    def products_max(self) -> int:
        """Products that one message may hold."""
        cells = len(self.feeding) + int(self.links.shape[1])
        return max(1, min(PRODUCTS_MAX, CELLS_MAX // max(1, cells)))


class SupplyPicture:
    """What there is to divide of some products, as it stood at one instant."""

    def __init__(
        self,
        ground: Ground,
        products: Sequence[Product],
        *,
        policies: Sequence[str],
        scales: Sequence[int],
        divisible: Divisible,
        claims: Claims,
    ) -> None:
        """Of each product the policy that divides it at an instant, or nothing, and its scale; `divisible` is of these
        products, and so are the `claims`, with the place of each product here in place of its number.
        """
        self._ground = ground
        self._products = products
        self._policies = policies
        self._scales = scales
        self._divisible = divisible
        self._claims = claims
        self._warehouse_groups, known = _with_others(ground.places.warehouse_groups, claims.warehouse_groups)
        self._warehouse_group = known[claims.warehouse_group]
        self._channel_groups, known = _with_others(ground.places.channel_groups, claims.channel_groups)
        self._channel_group = known[claims.channel_group]

    def parts(self) -> Iterator[Supplies]:
        """The picture in parts, each for one message; one part without products where there are none."""
        step = self._ground.products_max
        for begin in range(0, max(1, len(self._products)), step):
            yield self._part(begin, min(begin + step, len(self._products)))

    def _part(self, begin: int, end: int) -> Supplies:
        """The products from one place up to another.

        A supply is numbered by product and warehouse group, a share by the place of its supply and channel group.
        """
        width, depth = len(self._warehouse_groups), len(self._channel_groups)
        told = slice(*np.searchsorted(self._claims.product, (begin, end)).tolist())
        claimed_supply = (self._claims.product[told] - begin) * width + self._warehouse_group[told]
        fed = np.add.outer(np.arange(end - begin) * width, self._ground.feeding).ravel()
        supplies = _union(fed, claimed_supply)
        product, warehouse_group = np.divmod(supplies, max(1, width))

        linked, group = self._ground.links
        link, selling_product = np.nonzero(self._divisible.selling[group, begin:end])
        sold = np.searchsorted(supplies, selling_product * width + linked[link]) * depth + group[link]
        claimed = np.searchsorted(supplies, claimed_supply) * depth + self._channel_group[told]
        shares = _union(sold, claimed)
        supply, channel_group = np.divmod(shares, max(1, depth))
        at = np.searchsorted(shares, claimed)
        warehouse_groups, warehouse_group_at = _named(warehouse_group, self._warehouse_groups)
        channel_groups, channel_group_at = _named(channel_group, self._channel_groups)
        return Supplies(
            products=self._products[begin:end],
            policies=self._policies[begin:end],
            scales=self._scales[begin:end],
            warehouse_groups=warehouse_groups,
            channel_groups=channel_groups,
            supply_products=product.tolist(),
            supply_warehouse_groups=warehouse_group_at.tolist(),
            units=self._units(product + begin, warehouse_group).tolist(),
            share_supplies=supply.tolist(),
            share_channel_groups=channel_group_at.tolist(),
            selling=_among(shares, np.sort(sold)).tolist(),
            claimed=_placed(self._claims.claimed[told], at, len(shares), 0).tolist(),
            ceilings=_placed(self._claims.ceiling[told], at, len(shares), NO_CEILING).tolist(),
        )

    def _units(self, product: Indices, warehouse_group: Indices) -> Units:
        """Units of supplies; none where the warehouse group is gone."""
        units = np.zeros(len(product), dtype=np.int64)
        there = warehouse_group < len(self._divisible.units)
        units[there] = self._divisible.units[warehouse_group[there], product[there]]
        return units


def _with_others(known: Mapping[str, int], names: Sequence[str]) -> tuple[Sequence[str], Indices]:
    """The names known, by number, and behind them those among the others that are not; also the number of each of
    the others.
    """
    every = dict(known)
    numbers = [every.setdefault(name, len(every)) for name in names]
    return list(every), np.array(numbers, dtype=np.int64)


def _named(numbers: Indices, names: Sequence[str]) -> tuple[Sequence[str], Indices]:
    """The names that numbers stand for, each once, and the place of each number's name among them."""
    used = np.bincount(numbers, minlength=len(names)) > 0
    return [names[each] for each in np.flatnonzero(used).tolist()], (np.cumsum(used) - 1)[numbers]


def _union(one: Indices, other: Indices) -> Indices:
    """All numbers of both, each once, ascending."""
    both = np.sort(np.concatenate((one, other)))
    fresh = np.ones(len(both), dtype=np.bool_)
    fresh[1:] = both[1:] != both[:-1]
    return both[fresh]


def _among(numbers: Indices, some: Indices) -> Flags:
    """Which numbers are among some of them; both ascend."""
    flags = np.zeros(len(numbers), dtype=np.bool_)
    flags[np.searchsorted(numbers, some)] = True
    return flags


def _placed(values: Units, at: Indices, length: int, otherwise: int) -> Units:
    """A column with values in some places."""
    column = np.full(length, otherwise, dtype=np.int64)
    column[at] = values
    return column
