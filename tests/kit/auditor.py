"""An auditor who knows the books only as the ledger shows them, and the format of the digests only as docs/ledger.md
says: no SQL, no code of the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b, sha256
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_pb2

PARTS, ROWS, FIELDS = "\x1d", "\x1e", "\x1f"
"""What separates the parts of a commit, the rows of a part, the fields of a row."""


def digests(commits: Iterable[ledger_service_pb2.WatchEntriesResponse], before: bytes = bytes(32)) -> dict[int, bytes]:
    """The digest of each commit by its revision, computed from the digest `before` the first of them."""
    found: dict[int, bytes] = {}
    for commit in commits:
        before = found[commit.through.number] = digest(before, commit)
    return found


def digest(before: bytes, commit: ledger_service_pb2.WatchEntriesResponse) -> bytes:
    """The digest of a commit, from that of the commit before it."""
    parts = [
        str(commit.through.number),
        micros(commit.recorded_time),
        ROWS.join(map(entry, commit.entries)),
        ROWS.join(map(claim, sorted(commit.claims, key=lambda each: each.claim.encode()))),
    ]
    if commit.lots:
        parts.append(ROWS.join(map(lot, sorted(commit.lots, key=by_name))))
    return sha256(before + PARTS.join(parts).encode()).digest()


def entry(found: ledger_pb2.Entry) -> str:
    """The row of an entry."""
    happened = "" if found.occurred_time == found.recorded_time else micros(found.occurred_time)
    fields = (
        found.line,
        int(found.kind),
        int(found.account),
        key(found.stock_item),
        found.on_hand_delta,
        found.reserved_delta,
        found.on_hand,
        found.reserved,
        found.reservation,
        found.reservation_line,
        found.request_id,
        found.reference,
        happened,
    )
    return FIELDS.join(map(str, fields))


def claim(found: reservation_pb2.Claim) -> str:
    """The row of a claim."""
    return FIELDS.join((found.claim, str(found.open), str(found.fulfilled)))


def lot(found: ledger_pb2.Lot) -> str:
    """The row of a lot."""
    return FIELDS.join((found.product.owner, found.product.sku, found.lot, found.expiry_date))


def by_name(found: ledger_pb2.Lot) -> list[bytes]:
    """Where a lot stands among others."""
    return [each.encode() for each in (found.product.owner, found.product.sku, found.lot)]


def key(item: stock_pb2.StockItem) -> str:
    """The key of a stock item."""
    fields = (item.product.owner, item.product.sku, item.location, item.lot, item.uom, item.custodian)
    text = FIELDS.join((*fields, str(int(item.condition))))
    return str(UUID(bytes=blake2b(text.encode(), digest_size=16).digest()))


def micros(moment: Timestamp) -> str:
    """A moment as microseconds since 1970."""
    return str(moment.seconds * 1_000_000 + moment.nanos // 1000)
