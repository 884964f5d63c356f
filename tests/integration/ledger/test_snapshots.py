"""Absolute figures of a warehouse, however late: over gRPC, on Postgres."""

from __future__ import annotations

from tests.kit.ledger import Caller
from tests.kit.snapshots import imported, lines, opening


async def test_one_chunk(acme: Caller) -> None:
    """The figures of a stream of one message are the counts of its stock items, each by one COUNT."""
    done = await imported(acme, opening(lines=lines(("A", 5), ("B", 0))))
    assert (done.snapshot_import.applied, done.snapshot_import.next_line) == (2, 3)
    assert await acme.balance("A") == (5, 0, 5, 0)
    assert await acme.balance("B") == (0, 0, 0, 0)
    assert await acme.verify() == []
