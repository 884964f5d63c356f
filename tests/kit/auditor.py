"""An auditor who knows the books only as the ledger shows them, and the format of the digests only as docs/ledger.md
says: no SQL, no code of the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b, sha256
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_pb2, waiting_pb2

PARTS, ROWS, FIELDS = "\x1d", "\x1e", "\x1f"
"""What separates the parts of a commit, the rows of a part, the fields of a row."""


def digests(commits: Iterable[ledger_service_pb2.WatchEntriesResponse], before: bytes = bytes(32)) -> dict[int, bytes]:
    """The digest of each commit by its revision, computed from the digest `before` the first of them."""
    found: dict[int, bytes] = {}
    plans: dict[str, bytes] = {}
    for commit in commits:
        plans.update((each.waiting, each.plan) for each in commit.waiting if each.plan)
        before = found[commit.through.number] = digest(before, commit, plans)
    return found


def digest(
    before: bytes, commit: ledger_service_pb2.WatchEntriesResponse, plans: Mapping[str, bytes] | None = None
) -> bytes:
    """The digest of a commit, from that of the commit before it, and from the `plans` of demands that wait."""
    parts = [
        str(commit.through.number),
        micros(commit.recorded_time),
        ROWS.join(map(entry, commit.entries)),
        ROWS.join(map(claim, sorted(commit.claims, key=lambda each: each.claim.encode()))),
    ]
    waits = bool(commit.waiting or commit.back_orders)
    if commit.lots or waits:
        parts.append(ROWS.join(map(lot, sorted(commit.lots, key=by_name))))
    if waits:
        demands = sorted(commit.waiting, key=lambda each: each.waiting)
        parts.append(ROWS.join(demand(each, (plans or {}).get(each.waiting, b"")) for each in demands))
        parts.append(ROWS.join(map(back_orders, sorted(commit.back_orders, key=by_product))))
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
    """The row of a claim; it has three more fields once a ceiling was set for the key."""
    fields = [found.claim, str(found.open), str(found.fulfilled)]
    if found.epoch:
        fields += [str(found.ceiling) if found.HasField("ceiling") else "", str(found.epoch), found.subject]
    return FIELDS.join(fields)


def lot(found: ledger_pb2.Lot) -> str:
    """The row of a lot."""
    return FIELDS.join((found.product.owner, found.product.sku, found.lot, found.expiry_date))


def demand(found: waiting_pb2.Waiting, plan: bytes) -> str:
    """The row of a demand that waits, of which its caller keeps a plan."""
    fields: list[object] = [
        found.create_revision,
        found.waiting,
        int(found.state),
        int(found.whole),
        found.order,
        found.channel,
        micros(found.create_time),
        sha256(plan).hexdigest() if plan else "",
        ",".join(found.reservations),
    ]
    for line in found.lines:
        fields += [line.product.owner, line.product.sku, line.quantity, line.open, line.promised, line.cancelled]
    return FIELDS.join(map(str, fields))


def back_orders(found: waiting_pb2.BackOrders) -> str:
    """The row of how many units of a product may wait and do."""
    return FIELDS.join((found.product.owner, found.product.sku, str(found.limit), str(found.waiting), found.etag))


def by_product(found: waiting_pb2.BackOrders) -> list[bytes]:
    """Where a product stands among others."""
    return [each.encode() for each in (found.product.owner, found.product.sku)]


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
