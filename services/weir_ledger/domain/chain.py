"""Positions in the chain of digests; what is digested, and how, stands in SQL where commits are written."""

from datetime import datetime

from msgspec import Struct

NO_DIGEST = bytes(32)
"""What stands before the first commit."""


class ChainHead(Struct, frozen=True):
    """A commit as its position in the chain: its digest stands for the whole history up to it.

    `recorded_at` is None before the first commit, which is revision 0.
    """

    revision: int
    digest: bytes
    recorded_at: datetime | None = None


BEFORE_ALL = ChainHead(0, NO_DIGEST)
"""Where every chain begins."""
