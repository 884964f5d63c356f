"""What changed, pass by pass, as far back as memory allows: what a watcher goes on from."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from weir_allocation.columns import Indices

Mark = tuple[int, ...]
"""The numbers of the revisions reached, one of each context in their fixed order; a later one is nowhere smaller."""

ENTRY_BYTES = 256
"""What one pass takes beside its products."""


class Changes:
    """A log with a position after each pass; the oldest passes are forgotten once it takes more than it may.

    Positions only grow. A position that is forgotten, or was before the log was cleared, cannot be gone on from.
    """

    def __init__(self, bytes_max: int) -> None:
        """Nothing passed."""
        self.position = 0
        self._bytes_max = bytes_max
        self._bytes = 0
        self._passes: deque[tuple[Mark, Indices]] = deque()
        self._origin: Mark = ()

    def record(self, mark: Mark, products: Indices) -> None:
        """Add a pass: the mark it reached, and the products whose levels it changed."""
        self.position += 1
        self._passes.append((mark, products.astype(np.int32)))
        self._bytes += ENTRY_BYTES + 4 * len(products)
        while self._bytes > self._bytes_max:
            self._origin, forgotten = self._passes.popleft()
            self._bytes -= ENTRY_BYTES + 4 * len(forgotten)

    def clear(self, mark: Mark) -> None:
        """Forget everything: from before this mark no watcher can go on."""
        self.position += 1
        self._passes.clear()
        self._bytes = 0
        self._origin = mark

    def since(self, position: int) -> list[int] | None:
        """Products whose levels changed after a position, each once, oldest change first; None where forgotten."""
        behind = self.position - position
        if behind > len(self._passes):
            return None
        changed = [self._passes[len(self._passes) - behind + each][1] for each in range(behind)]
        return list(dict.fromkeys(product for products in changed for product in products.tolist()))

    def find(self, mark: Mark) -> int | None:
        """The position at which exactly this mark was reached; None where no kept pass ended there."""
        for back, (reached, _) in enumerate(reversed(self._passes)):
            if reached == mark:
                return self.position - back
            if _older(reached, mark):
                return None
        return self.position - len(self._passes) if self._origin == mark else None


def _older(mark: Sequence[int], other: Sequence[int]) -> bool:
    return all(left <= right for left, right in zip(mark, other, strict=True))
