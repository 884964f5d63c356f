"""Audit the books at one revision, in the database and beside all writers."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from weir_chassis.database import head
from weir_ledger.domain.audit import Difference, Law, Verification
from weir_ledger.domain.stock import StockItem
from weir_ledger.store import rows

_ITEM = "b.owner, b.sku, b.location, b.lot, b.uom, b.custodian, b.condition"

_TRIAL_BALANCE = """
SELECT b.owner, b.sku, '' AS location, '' AS lot, b.uom, '' AS custodian, 1 AS condition,
       sum(e.on_hand_delta)::bigint AS booked, 0 AS computed
FROM entries e JOIN balances b ON b.tenant = e.tenant AND b.item = e.item
WHERE e.tenant = :tenant GROUP BY b.owner, b.sku, b.uom HAVING sum(e.on_hand_delta) <> 0
"""

_FOLD = """
WITH folded AS (
    SELECT item, sum({delta}) AS units FROM entries WHERE tenant = :tenant AND account = 1 GROUP BY item
)
SELECT {item}, coalesce(b.{count}, 0) AS booked, coalesce(f.units, 0)::bigint AS computed
FROM (SELECT * FROM balances WHERE tenant = :tenant) b FULL JOIN folded f ON f.item = b.item
WHERE coalesce(b.{count}, 0) <> coalesce(f.units, 0) OR b.item IS NULL
"""

_RUNNING = """
WITH run AS (
    SELECT item, revision, line, on_hand, reserved,
           sum(on_hand_delta) OVER so_far AS on_hand_so_far, sum(reserved_delta) OVER so_far AS reserved_so_far
    FROM entries WHERE tenant = :tenant AND account = 1
    WINDOW so_far AS (PARTITION BY item ORDER BY revision, line)
)
SELECT {item}, r.{count} AS booked, r.{count}_so_far::bigint AS computed
FROM run r LEFT JOIN balances b ON b.tenant = :tenant AND b.item = r.item
WHERE r.{count} <> r.{count}_so_far
"""

_OPEN_LINES = """
WITH promised AS (
    SELECT l.item, sum(l.open) AS units
    FROM reservation_lines l JOIN reservations r ON r.tenant = l.tenant AND r.reservation = l.reservation
    WHERE l.tenant = :tenant AND r.state IN (1, 2) GROUP BY l.item
)
SELECT {item}, b.reserved AS booked, coalesce(p.units, 0)::bigint AS computed
FROM balances b LEFT JOIN promised p ON p.item = b.item
WHERE b.tenant = :tenant AND b.reserved <> coalesce(p.units, 0)
"""

_RESERVATION_LINES = """
SELECT {item}, l.open AS booked, (l.quantity - l.fulfilled - l.released) AS computed
FROM reservation_lines l
JOIN reservations r ON r.tenant = l.tenant AND r.reservation = l.reservation
JOIN balances b ON b.tenant = l.tenant AND b.item = l.item
WHERE l.tenant = :tenant
  AND (l.quantity <> l.open + l.fulfilled + l.released OR (r.state NOT IN (1, 2) AND l.open <> 0))
"""

_REVISIONS = """
SELECT (SELECT count(*) FROM commits WHERE tenant = :tenant) AS commits,
       greatest((SELECT coalesce(max(revision), 0) FROM commits WHERE tenant = :tenant),
                (SELECT coalesce(max(revision), 0) FROM entries WHERE tenant = :tenant)) AS newest
"""

_COUNTED = """
SELECT (SELECT count(*) FROM entries WHERE tenant = :tenant) AS entries,
       (SELECT count(*) FROM balances WHERE tenant = :tenant) AS balances,
       (SELECT count(*) FROM reservation_lines WHERE tenant = :tenant) AS reservation_lines
"""

_LAWS = (
    (Law.TRIAL_BALANCE, _TRIAL_BALANCE, "the entries of all accounts sum to {booked}, not to 0"),
    (
        Law.ON_HAND,
        _FOLD.format(delta="on_hand_delta", count="on_hand", item=_ITEM),
        "{booked} are booked as on hand, the entries make {computed}",
    ),
    (
        Law.ON_HAND,
        _RUNNING.format(count="on_hand", item=_ITEM),
        "an entry says {booked} on hand after it, the entries up to it make {computed}",
    ),
    (
        Law.RESERVED,
        _RUNNING.format(count="reserved", item=_ITEM),
        "an entry says {booked} reserved after it, the entries up to it make {computed}",
    ),
    (
        Law.RESERVED,
        _FOLD.format(delta="reserved_delta", count="reserved", item=_ITEM),
        "{booked} are booked as reserved, the entries make {computed}",
    ),
    (
        Law.OPEN_LINES,
        _OPEN_LINES.format(item=_ITEM),
        "{booked} are booked as reserved, the open reservation lines make {computed}",
    ),
    (
        Law.RESERVATION_LINE,
        _RESERVATION_LINES.format(item=_ITEM),
        "a reservation line has {booked} open, it should be {computed} or have ended",
    ),
)


async def audit(connection: AsyncConnection, tenant: str) -> AsyncIterator[Difference | Verification]:
    """Every law broken in the snapshot that `connection` reads, then what was looked at."""
    found = 0
    revision = await head(connection, tenant)
    for law, statement, sentence in _LAWS:
        async for row in await _rows(connection, statement, tenant):
            found += 1
            yield _difference(law, row, sentence)
    async for row in await _rows(connection, _REVISIONS, tenant):
        if not row["commits"] == row["newest"] == revision:
            found += 1
            yield _gap(revision, row["commits"], row["newest"])
    counted = (await connection.execute(text(_COUNTED), {"tenant": tenant})).mappings().one()
    yield Verification(
        revision, counted["entries"], counted["balances"], counted["reservation_lines"], differences=found
    )


async def _rows(connection: AsyncConnection, statement: str, tenant: str) -> AsyncIterator[Mapping[str, Any]]:
    """The rows of a statement, a few at a time however many there are."""
    result = await connection.stream(text(statement), {"tenant": tenant}, execution_options={"yield_per": 500})
    return result.mappings()  # type: ignore[return-value]


def _gap(head: int, commits: int, newest: int) -> Difference:
    """That revisions are missing, or newer than the head."""
    sentence = (
        f"The head is revision {head}, the newest entry or commit is of {newest}, and there are {commits} commits."
    )
    return Difference(Law.REVISIONS, None, head, newest if newest != head else commits, sentence)


def _difference(law: Law, row: Mapping[str, Any], sentence: str) -> Difference:
    """A broken law, told in a sentence that begins with the stock item."""
    booked, computed = row["booked"], row["computed"]
    item: StockItem | None = None
    subject = "A stock item without a balance"
    if row["sku"] is not None:
        item = rows.stock_item(row)
        place = f" at {item.location!r}" if item.location else ""
        subject = f"{item.sku!r}{place} in {item.uom}"
    return Difference(law, item, booked, computed, f"{subject}: {sentence.format(booked=booked, computed=computed)}.")
