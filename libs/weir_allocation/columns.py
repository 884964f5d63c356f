"""The same arithmetic for many products at once: one row a channel group, one column a product or a location.

What `supply` sums for one product in one channel is here a sum over arrays. It answers the demand `ANY` only; which
stock items can serve that is asked of `supply.fit`, item by item, when they are first seen. Units are 64 bits wide: a
movement books 10^9 at most, so that no sum of them ever gets near the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from weir_allocation.network import Network

Units = NDArray[np.int64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]


def channel_groups(network: Network) -> tuple[str, ...]:
    """The channel groups that need a level of their own: those with a channel that is reached by groups; in order."""
    return tuple(sorted({each.channel_group for each in network.channels.values() if not each.by_custody}))


def reaching(network: Network, groups: Sequence[str], locations: Iterable[str]) -> Flags:
    """Whether each channel group reaches each location, as an array of `[channel group, location]`."""
    reached = [network.reached(group) for group in groups]
    flags = [[location in each for each in reached] for location in locations]
    return np.array(flags, dtype=np.bool_).reshape(len(flags), len(reached)).T.copy()


def available(on_hand: Units, reserved: Units, fit: Flags) -> Units:
    """Units each stock item has to give: `max(0, on_hand - reserved)` where it can serve the demand, else 0."""
    return np.where(fit, np.maximum(on_hand - reserved, 0), 0)


def supplies(reaching: Flags, location: Indices, available: Units, starts: Indices) -> Units:
    """The supply of each product in each channel group, as an array of `[channel group, product]`.

    `location` and `available` have one value a stock item, those of a product side by side; `starts` says where each
    product begins, and none is without stock items.
    """
    if not len(starts):
        return np.zeros((len(reaching), 0), dtype=np.int64)
    return np.add.reduceat(np.where(reaching[:, location], available, 0), starts, axis=1, dtype=np.int64)
