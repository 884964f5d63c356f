"""Rows by key, for many keys that are long and look like nothing."""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left

import numpy as np

_HALF_BITS = 64
_SECOND = (1 << _HALF_BITS) - 1
_FRESH_MIN = 4096
_FRESH_PART = 8


class Keys:
    """Numbers keys from 0 in the order in which they come; a key takes some thirty bytes, however long it is.

    Of each a digest is kept, too long for two of them ever to be alike. Most are in order, and found by halving; those
    that came since are in a dictionary, until they are so many that they are put in order with the others.
    """

    def __init__(self) -> None:
        """No key yet."""
        self._ordered = array("Q")
        """First halves of digests, ascending."""
        self._rows = array("i")
        """The rows of these."""
        self._second = array("Q")
        """Second halves, by row."""
        self._fresh: dict[int, int] = {}

    def __len__(self) -> int:
        """Keys known."""
        return len(self._second)

    def find(self, digest: int) -> int | None:
        """The row of a key, given its `digest`; None where it is not known."""
        row = self._fresh.get(digest)
        if row is not None:
            return row
        first, second = digest >> _HALF_BITS, digest & _SECOND
        at = bisect_left(self._ordered, first)
        while at < len(self._ordered) and self._ordered[at] == first:
            if self._second[self._rows[at]] == second:
                return self._rows[at]
            at += 1
        return None

    def append(self, digest: int) -> int:
        """The row of a key that is not known, given its `digest`."""
        row = len(self)
        self._fresh[digest] = row
        self._second.append(digest & _SECOND)
        if len(self._fresh) >= max(_FRESH_MIN, len(self._ordered) // _FRESH_PART):
            self._settle()
        return row

    def _settle(self) -> None:
        """Put all in order."""
        fresh = np.array([digest >> _HALF_BITS for digest in self._fresh], dtype=np.uint64)
        first = np.concatenate((np.frombuffer(self._ordered, dtype=np.uint64), fresh))
        rows = np.concatenate((np.frombuffer(self._rows, dtype=np.int32), np.array([*self._fresh.values()])))
        order = np.argsort(first, kind="stable")
        self._ordered = array("Q", first[order].tobytes())
        self._rows = array("i", rows[order].astype(np.int32).tobytes())
        self._fresh = {}


def digest(key: str) -> int:
    """What tells a key from every other."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=_HALF_BITS // 4).digest(), "big")
