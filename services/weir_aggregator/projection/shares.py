"""What the ledger counts under the claims of channel groups, and how much it lets them claim, as arrays."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from weir_aggregator.domain import ClaimChange, Product
from weir_aggregator.projection import keys
from weir_aggregator.projection.balances import NONE, Balances
from weir_aggregator.projection.keys import Keys
from weir_allocation import columns
from weir_allocation.claims import Claim, scale
from weir_allocation.columns import NOBODY, Flags, Indices, Units
from weir_allocation.network import Network
from weir_allocation.sharing import Sharing

Place = tuple[str, str]
"""A warehouse group, and a channel group that sells out of it."""

NO_CEILING = -1
SCALE_MAX = 10**9
"""No unit counts more than that in the ledger: a subject that says so is none of ours."""
_WALKED_AT_ONCE = 32
"""As many products or more have their chains walked side by side, fewer one after the other."""
_CHAINED_PART = 32
"""Of fewer products than one to so many claims chains are walked, of more all claims are looked at."""


class Places(NamedTuple):
    """The groups of a network, by the numbers that arrays know them by."""

    warehouse_groups: Mapping[str, int]
    channel_groups: Mapping[str, int]
    """Those with members."""

    @classmethod
    def of(cls, network: Network) -> Places:
        """The numbers: places in order."""
        return cls(
            {name: place for place, name in enumerate(network.locations)},
            {name: place for place, name in enumerate(sorted(network.members))},
        )


@dataclass(frozen=True, slots=True)
class Claims:
    """Claims in columns, ascending by product."""

    product: Indices
    """Number of its product."""
    warehouse_group: Indices
    """Place in `warehouse_groups`."""
    channel_group: Indices
    """Place in `channel_groups`."""
    scale: Units
    """What each unit of the product counts."""
    claimed: Units
    ceiling: Units
    """NO_CEILING where none is set."""
    warehouse_groups: Sequence[str]
    """Of all claims, more than these; they only grow."""
    channel_groups: Sequence[str]

    def where(self, flags: Flags) -> Claims:
        """Those that have their flag."""
        return Claims(
            self.product[flags],
            self.warehouse_group[flags],
            self.channel_group[flags],
            self.scale[flags],
            self.claimed[flags],
            self.ceiling[flags],
            self.warehouse_groups,
            self.channel_groups,
        )

    def current(self, products: Indices, scales: Units) -> Claims:
        """Those that count as it is now, where each unit of the products, given ascending, counts so much."""
        return self.where(self.scale == scales[np.searchsorted(products, self.product)])

    def left(self, places: Places) -> columns.Shares:
        """What channel groups have left, of the supplies that are divided; for claims that are `current`."""
        place = numbered(self.warehouse_groups, places.warehouse_groups)
        group = numbered(self.channel_groups, places.channel_groups)
        divided = self.where((self.ceiling != NO_CEILING) & (place[self.warehouse_group] != NOBODY))
        return columns.Shares(
            divided.product,
            place[divided.warehouse_group],
            group[divided.channel_group],
            np.maximum(divided.ceiling - divided.claimed, 0) // divided.scale,
        )


class Shares:
    """Structure of arrays, one row a claim; products have the numbers of the balances, groups are numbered as they are
    first seen.

    Nothing is ever removed: a claim stays the same from epoch to epoch, and only its numbers move. The rows of a
    product are chained, as those of stock items are. A claim takes some forty bytes, and some thirty its key.
    """

    def __init__(self, balances: Balances) -> None:
        """Nothing was ever divided; a product that `balances` does not know is given its number there."""
        self.warehouse_groups: list[str] = []
        self.channel_groups: list[str] = []
        self._balances = balances
        self._warehouse_group_of: dict[str, int] = {}
        self._channel_group_of: dict[str, int] = {}
        self._keys = Keys()
        self._first = array("i")
        self._next = array("i")
        self._product = array("i")
        self._warehouse_group = array("i")
        self._channel_group = array("i")
        self._scale = array("q")
        self._claimed = array("q")
        self._ceiling = array("q")

    def __len__(self) -> int:
        """Claims known."""
        return len(self._next)

    def put(self, change: ClaimChange) -> tuple[int, bool]:
        """Take over a claim; returns the number of its product, NONE for one that is not of a share, and whether
        something else is claimed than before, and not just another ceiling set.
        """
        digest = keys.digest(change.key)
        row = self._keys.find(digest)
        if row is None:
            if change.claim is None or change.claim.scale > SCALE_MAX:
                return NONE, False
            row = self._append(digest, change.claim)
        recounted = self._claimed[row] != change.claimed
        self._claimed[row] = change.claimed
        self._ceiling[row] = NO_CEILING if change.ceiling is None else change.ceiling
        return self._product[row], recounted

    def remaining(self, product: Product, scale: int) -> Mapping[Place, int]:
        """What channel groups have left of their shares of a product, each unit of which counts `scale` now.

        Of supplies that are divided, each group that has a ceiling there; a group without one has nothing left. In
        order.
        """
        number = self._balances.number(product)
        rows = [row for row in self._chain(number) if self._scale[row] == scale and self._ceiling[row] != NO_CEILING]
        left = {
            (self.warehouse_groups[self._warehouse_group[row]], self.channel_groups[self._channel_group[row]]): max(
                0, (self._ceiling[row] - self._claimed[row]) // scale
            )
            for row in rows
        }
        return dict(sorted(left.items()))

    def of(self, products: Indices) -> Claims:
        """A copy of all claims of some products, given ascending, with a ceiling or without."""
        return self._claims(self._rows(products))

    def divided(self) -> Indices:
        """Numbers of the products that have a ceiling, ascending."""
        limited = np.frombuffer(self._ceiling, dtype=np.int64) != NO_CEILING
        return np.unique(np.frombuffer(self._product, dtype=np.int32)[limited]).astype(np.int64)

    def _claims(self, rows: Indices) -> Claims:
        return Claims(
            np.frombuffer(self._product, dtype=np.int32)[rows].astype(np.int64),
            np.frombuffer(self._warehouse_group, dtype=np.int32)[rows].astype(np.int64),
            np.frombuffer(self._channel_group, dtype=np.int32)[rows].astype(np.int64),
            np.frombuffer(self._scale, dtype=np.int64)[rows],
            np.frombuffer(self._claimed, dtype=np.int64)[rows],
            np.frombuffer(self._ceiling, dtype=np.int64)[rows],
            self.warehouse_groups,
            self.channel_groups,
        )

    def _rows(self, products: Indices) -> Indices:
        if not len(self) or len(products) < _WALKED_AT_ONCE:
            return np.array([row for product in products.tolist() for row in self._chain(product)], dtype=np.int64)
        of = np.frombuffer(self._product, dtype=np.int32)
        if len(products) * _CHAINED_PART < len(self):
            rows = self._chains(products)
        else:
            wanted = np.zeros(len(self._balances.products), dtype=np.bool_)
            wanted[products] = True
            rows = np.flatnonzero(wanted[of])
        return rows[np.argsort(of[rows], kind="stable")]

    def _chains(self, products: Indices) -> Indices:
        """The rows of some products, a step along all chains at a time."""
        found = [np.zeros(0, dtype=np.int32)]
        rows = np.frombuffer(self._first, dtype=np.int32)[products[products < len(self._first)]]
        while len(rows := rows[rows != NONE]):
            found.append(rows)
            rows = np.frombuffer(self._next, dtype=np.int32)[rows]
        return np.concatenate(found).astype(np.int64)

    def _chain(self, product: int) -> Iterator[int]:
        row = self._first[product] if 0 <= product < len(self._first) else NONE
        while row != NONE:
            yield row
            row = self._next[row]

    def _append(self, digest: int, claim: Claim) -> int:
        row = self._keys.append(digest)
        product = self._balances.enter(claim.product)
        if product >= len(self._first):
            self._first.extend([NONE] * (len(self._balances.products) - len(self._first)))
        self._product.append(product)
        self._warehouse_group.append(_number(claim.warehouse_group, self._warehouse_group_of, self.warehouse_groups))
        self._channel_group.append(_number(claim.channel_group, self._channel_group_of, self.channel_groups))
        self._scale.append(claim.scale)
        self._claimed.append(0)
        self._ceiling.append(NO_CEILING)
        self._next.append(self._first[product])
        self._first[product] = row
        return row


def scales(sharing: Sharing, products: Iterable[Product]) -> Units:
    """What each unit of products counts under their claims."""
    bundles = sharing.bundles
    return np.array([scale(sharing, each) if each in bundles else 1 for each in products], dtype=np.int64)


def numbered(names: Iterable[str], numbers: Mapping[str, int]) -> Indices:
    """The number of each name, NOBODY where it has none."""
    return np.array([numbers.get(name, NOBODY) for name in names], dtype=np.int64)


def _number(name: str, numbers: dict[str, int], names: list[str]) -> int:
    """The number of a name, a new one where it has none."""
    number = numbers.get(name)
    if number is None:
        number = numbers[name] = len(names)
        names.append(name)
    return number
