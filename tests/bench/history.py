"""Books with a past, written as the owner of the tables: row for row what a ledger would have written in its time.

Every product is received a number of times over some months, in commits of 500 products. Entries stand in the months
they were recorded in, a tenth of them occurred two hours before, a hundredth three days; the books were closed at each
turn of a month; the chain of digests is whole. Only the outcomes of the requests are left out, as they would have been
purged by now.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from tests.bench.cases import LOCATION, sku
from weir_ledger.domain.stock import StockItem
from weir_ledger.store import chain
from weir_ledger.store.keys import key

TENANT = "default"
"""Whom callers act for that name no tenant."""
COMMIT_PRODUCTS = 500
RECEIVED = 10**6
"""Units of a product that each receipt brings."""


@dataclass(frozen=True, slots=True)
class History:
    """So many products, each received so many times over so many months."""

    products: int
    receipts: int
    months: int

    @property
    def commits(self) -> int:
        """Revisions that one receipt of all products takes."""
        return -(-self.products // COMMIT_PRODUCTS)

    @property
    def head(self) -> int:
        """The newest revision."""
        return self.commits * self.receipts


_GOODS = "CREATE TEMPORARY TABLE goods (number bigint, item uuid, sku text)"

_COMMITS = """
INSERT INTO commits (tenant, revision, recorded_at, digest)
SELECT $1, revision, now() - interval '1 hour' - $2::int * interval '30 days' * (1 - revision::float / $3::bigint), ''
FROM generate_series(1, $3::bigint) AS revision
"""

_MONTHS = "SELECT open_months(min(recorded_at), now()) FROM commits"

_BALANCES = """
INSERT INTO balances (tenant, item, owner, sku, location, lot, uom, custodian, condition, on_hand, reserved, revision)
SELECT $1, item, '', sku, $2, '', 'EACH', '', 1, $3, 0, $4::bigint + number / $5::bigint + 1 FROM goods ORDER BY number
"""

_ENTRIES = """
INSERT INTO entries (tenant, revision, line, kind, account, item, on_hand_delta, reserved_delta, on_hand, reserved,
                     reservation_line, request_id, reference, occurred_at, recorded_at)
SELECT c.tenant, c.revision, 2 * (g.number % $2::bigint) + side.account, 1, side.account, g.item, side.delta, 0,
       side.on_hand, 0, 0, 'receipt-' || c.revision, '',
       CASE WHEN g.number % 100 = 0 THEN c.recorded_at - interval '3 days'
            WHEN g.number % 10 = 0 THEN c.recorded_at - interval '2 hours' END, c.recorded_at
FROM goods g JOIN commits c ON c.tenant = $1 AND c.revision = $5::bigint + g.number / $2 + 1,
     (VALUES (1, $3::bigint, $4::bigint), (2, -$3, 0)) AS side (account, delta, on_hand)
"""

_CLOSINGS = """
INSERT INTO closings (tenant, revision, recorded_at)
SELECT DISTINCT ON (date_trunc('month', recorded_at)) tenant, revision, recorded_at
FROM commits WHERE tenant = $1 AND recorded_at < date_trunc('month', now())
ORDER BY date_trunc('month', recorded_at), revision DESC
"""

_CLOSING_BALANCES = """
INSERT INTO closing_balances (tenant, revision, item, on_hand, reserved, changed_revision)
SELECT c.tenant, c.revision, g.item, $2::bigint * (before + 1), 0, before * $3::bigint + g.number / $4 + 1
FROM closings c, goods g, LATERAL (SELECT (c.revision - g.number / $4::bigint - 1) / $3 AS before) AS receipts
WHERE c.tenant = $1 AND g.number / $4 < c.revision
"""

_CHAIN = f"""
DO $$
DECLARE
    each record;
    entered text;
    chained bytea := decode(repeat('00', 32), 'hex');
BEGIN
    FOR each IN SELECT revision, recorded_at FROM commits WHERE tenant = '{TENANT}' ORDER BY revision LOOP
        SELECT {chain.ENTERED} INTO entered FROM entries e
        WHERE e.tenant = '{TENANT}' AND e.revision = each.revision AND e.recorded_at = each.recorded_at;
        chained := {chain.link("chained", "each.revision", "each.recorded_at", "entered", "''")};
        UPDATE commits SET digest = chained WHERE tenant = '{TENANT}' AND revision = each.revision;
    END LOOP;
    INSERT INTO tenants (tenant, revision, recorded_at, digest) VALUES
        ('{TENANT}', each.revision, each.recorded_at, chained);
END $$
"""

_TABLES = "balances, commits, entries, closings, closing_balances, tenants"


async def write(owner_url: str, history: History) -> None:
    """Write it into empty books."""
    connection = await asyncpg.connect(owner_url)
    try:
        await connection.execute(
            "SET search_path = weir_ledger; SET timezone = 'UTC'; SET synchronous_commit = off; SET work_mem = '128MB'"
        )
        async with connection.transaction():
            await _write(connection, history)
        await connection.execute(f"VACUUM (ANALYZE) {_TABLES}")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def _write(connection: "asyncpg.Connection[asyncpg.Record]", history: History) -> None:
    """Write it within a transaction."""
    await connection.execute("INSERT INTO locations VALUES ($1, $2, 1, '', 0)", TENANT, LOCATION)
    await connection.execute(_GOODS)
    await connection.copy_records_to_table("goods", records=_goods(history.products))
    await connection.execute("ANALYZE goods")
    await connection.execute(_COMMITS, TENANT, history.months, history.head)
    await connection.execute("ANALYZE commits")
    await connection.execute(_MONTHS)
    last = history.head - history.commits
    await connection.execute(_BALANCES, TENANT, LOCATION, RECEIVED * history.receipts, last, COMMIT_PRODUCTS)
    for receipt in range(history.receipts):
        before = receipt * history.commits
        after = RECEIVED * (receipt + 1)
        await connection.execute(_ENTRIES, TENANT, COMMIT_PRODUCTS, RECEIVED, after, before)
    await connection.execute(_CLOSINGS, TENANT)
    await connection.execute(_CLOSING_BALANCES, TENANT, RECEIVED, history.commits, COMMIT_PRODUCTS)
    await connection.execute(_CHAIN)


def _goods(products: int) -> Iterator[tuple[int, str, str]]:
    """Number, key and name of each product."""
    for number in range(products):
        name = sku(number)
        yield number, key(StockItem("", name, LOCATION)), name


async def recorded(owner_url: str, revisions: list[int]) -> list[datetime]:
    """When these revisions were recorded."""
    connection = await asyncpg.connect(owner_url)
    try:
        found = await connection.fetch(
            "SELECT recorded_at FROM weir_ledger.commits WHERE tenant = $1 AND revision = ANY ($2) ORDER BY revision",
            TENANT, revisions,
        )  # fmt: skip
        return [row["recorded_at"] for row in found]
    finally:
        await connection.close()
