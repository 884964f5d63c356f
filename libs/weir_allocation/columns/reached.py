"""Reach and supply alone: one row a channel group, one column a product or a location."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from weir_allocation.columns.arrays import Flags, Indices, Units
from weir_allocation.network import Network


def channel_groups(network: Network) -> tuple[str, ...]:
    """The channel groups that need a level of their own: those with a channel that is reached by groups; in order."""
    return tuple(sorted(network.members))


def reaching(network: Network, groups: Sequence[str], locations: Iterable[str]) -> Flags:
    """Whether each channel group reaches each location, as an array of `[channel group, location]`."""
    reached = [network.reached(group) for group in groups]
    flags = [[location in each for each in reached] for location in locations]
    return np.array(flags, dtype=np.bool_).reshape(len(flags), len(reached)).T.copy()


def supplies(reaching: Flags, location: Indices, available: Units, starts: Indices) -> Units:
    """The supply of each product in each channel group, as an array of `[channel group, product]`.

    `location` and `available` have one value a stock item, those of a product side by side; `starts` says where each
    product begins, and none is without stock items.
    """
    if not len(starts):
        return np.zeros((len(reaching), 0), dtype=np.int64)
    return np.add.reduceat(np.where(reaching[:, location], available, 0), starts, axis=1, dtype=np.int64)
