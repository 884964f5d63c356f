"""The SQL of what waits: lock demands and counts of products, and write them as they are now.

Like the other statements of the write path each finds its rows by a key whatever the planner knows.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from weir_chassis.database import Driver
from weir_ledger.domain.books import Books
from weir_ledger.domain.waiting import BackOrders, Product, Waiting
from weir_ledger.store.rows import back_orders
from weir_ledger.store.told import TOLD, read, told

LOCK = """
WITH locked AS (
    SELECT waiting FROM waiting WHERE tenant = $1 AND waiting = ANY ($2::uuid[]) ORDER BY waiting FOR UPDATE
)
SELECT locked.waiting, l.lines
FROM locked
CROSS JOIN LATERAL (SELECT count(*) AS lines FROM waiting_lines WHERE tenant = $1 AND waiting = locked.waiting) l
"""
"""How many lines a demand has never changes."""

READ = f"""
SELECT {TOLD} AS told, w.revision
FROM unnest($2::uuid[]) WITH ORDINALITY AS asked (waiting, place)
CROSS JOIN LATERAL (SELECT * FROM waiting WHERE tenant = $1 AND waiting = asked.waiting LIMIT 1) w
ORDER BY asked.place
"""  # noqa: S608
"""Demands in the order in which they are named. Of demands that are locked a statement after LOCK: whoever waited for a
lock sees the lines as they are after the wait.
"""

READ_PLANNED = READ.replace("w.revision", "w.revision, w.plan")
"""The same, with what their callers keep with them."""

LOCK_BACK_ORDERS = """
SELECT b.*
FROM unnest($2::text[], $3::text[]) AS asked (owner, sku)
CROSS JOIN LATERAL (
    SELECT * FROM back_orders WHERE tenant = $1 AND owner = asked.owner AND sku = asked.sku FOR UPDATE
) b
"""

APPEARED = """
SELECT EXISTS (
    SELECT FROM unnest($2::text[], $3::text[]) AS asked (owner, sku)
    CROSS JOIN LATERAL (
        SELECT FROM back_orders WHERE tenant = $1 AND owner = asked.owner AND sku = asked.sku LIMIT 1
    ) b
)
"""
"""Whether anything was said by now of products of which nothing was when the books were opened."""

ADD = """
WITH made AS (
    INSERT INTO waiting (tenant, waiting, state, whole, order_name, channel, created_at, create_revision, revision,
                         reservations, plan)
    SELECT $1, w.waiting, w.state, w.whole, w.order_name, w.channel, w.created_at, $2, $2, '{}', w.plan
    FROM unnest($3::uuid[], $4::smallint[], $5::bool[], $6::text[], $7::text[], $8::timestamptz[], $9::bytea[])
         AS w (waiting, state, whole, order_name, channel, created_at, plan)
)
INSERT INTO waiting_lines (tenant, waiting, line, owner, sku, quantity, open, promised, cancelled)
SELECT $1, l.*
FROM unnest($10::uuid[], $11::int[], $12::text[], $13::text[], $14::bigint[], $15::bigint[], $16::bigint[],
            $17::bigint[]) AS l (waiting, line, owner, sku, quantity, open, promised, cancelled)
"""

CHANGE = """
WITH changed AS (
    UPDATE waiting SET state = w.state, reservations = string_to_array(w.reservations, ',')::uuid[], revision = $2
    FROM unnest($3::uuid[], $4::smallint[], $5::text[]) AS w (waiting, state, reservations)
    CROSS JOIN LATERAL (SELECT ctid FROM waiting WHERE tenant = $1 AND waiting = w.waiting LIMIT 1) found
    WHERE waiting.ctid = found.ctid
)
UPDATE waiting_lines SET open = l.open, promised = l.promised, cancelled = l.cancelled
FROM unnest($6::uuid[], $7::int[], $8::bigint[], $9::bigint[], $10::bigint[])
     AS l (waiting, line, open, promised, cancelled)
CROSS JOIN LATERAL (
    SELECT ctid FROM waiting_lines WHERE tenant = $1 AND waiting = l.waiting AND line = l.line LIMIT 1
) found
WHERE waiting_lines.ctid = found.ctid
"""

RECORD = """
INSERT INTO waiting_changes (tenant, revision, waiting, told)
SELECT $1, $2, w.waiting, coalesce(w.create_revision, $2) || chr(31) || w.told
FROM unnest($3::bigint[], $4::uuid[], $5::text[]) AS w (create_revision, waiting, told)
"""
"""What the commit changed of demands; the write of the group has digested it."""

COUNT = """
WITH counted AS (
    SELECT b.owner, b.sku, b.limit_units, b.waiting_units, coalesce(b.limit_revision, $2) AS limit_revision, b.fresh
    FROM unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bool[])
         AS b (owner, sku, limit_units, waiting_units, limit_revision, fresh)
), added AS (
    INSERT INTO back_orders (tenant, owner, sku, limit_units, waiting_units, limit_revision, revision)
    SELECT $1, owner, sku, limit_units, waiting_units, limit_revision, $2 FROM counted WHERE fresh
), changed AS (
    UPDATE back_orders
    SET limit_units = c.limit_units, waiting_units = c.waiting_units, limit_revision = c.limit_revision, revision = $2
    FROM counted c
    CROSS JOIN LATERAL (
        SELECT ctid FROM back_orders WHERE tenant = $1 AND owner = c.owner AND sku = c.sku LIMIT 1
    ) found
    WHERE NOT c.fresh AND back_orders.ctid = found.ctid
)
INSERT INTO back_order_changes (tenant, revision, owner, sku, limit_units, waiting_units, limit_revision)
SELECT $1, $2, owner, sku, limit_units, waiting_units, limit_revision FROM counted
"""
"""Should another process be the first to say how many units of a product may wait, too, the later of the two fails."""


async def locked(driver: Driver, tenant: str, names: Iterable[str]) -> dict[str, int]:
    """How many lines the demands of these names have, of those that there are, locked in the order of their names."""
    found = await driver.fetch(LOCK, tenant, sorted(names))
    return {str(row["waiting"]): row["lines"] for row in found}


async def read_locked(driver: Driver, tenant: str, names: Iterable[str]) -> list[Waiting]:
    """Demands that are locked."""
    return [read(row["told"], row["revision"]) for row in await driver.fetch(READ, tenant, list(names))]


async def locked_back_orders(driver: Driver, tenant: str, products: Iterable[Product]) -> list[BackOrders]:
    """How many units of products may wait and do, locked in the order of the products; nothing of one of which nothing
    was said."""
    found = await driver.fetch(LOCK_BACK_ORDERS, tenant, *_columns(sorted(products), 2))
    return list(map(back_orders, found))


async def appeared(driver: Driver, tenant: str, products: Iterable[Product]) -> bool:
    """Whether anything was said by now of products of which nothing was."""
    asked = list(products)
    return bool(asked and await driver.fetchval(APPEARED, tenant, *_columns(asked, 2)))


def digestible(books: Books) -> list[list[Any]]:
    """What the digest of a group holds of demands and of counts that it changed, in columns."""
    return [*_columns(map(_told, _demands(books)), 3), *_columns(map(_counted, _counts(books)), 5)]


async def write_waiting(
    driver: Driver, tenant: str, revision: int, books: Books, counted_before: Collection[Product]
) -> None:
    """Write demands and counts as they are now; of products in `counted_before` something was said already."""
    demands = _demands(books)
    made = [each for each in demands if not each.create_revision]
    changed = [each for each in demands if each.create_revision]
    if made:
        rows = [_made(each, books.waiting_plans[each.waiting]) for each in made]
        lines = [line for each in made for line in _made_lines(each)]
        await driver.execute(ADD, tenant, revision, *_columns(rows, 7), *_columns(lines, 8))
    if changed:
        lines = [line for each in changed for line in _changed_lines(each)]
        await driver.execute(CHANGE, tenant, revision, *_columns(map(_changed, changed), 3), *_columns(lines, 5))
    if demands:
        await driver.execute(RECORD, tenant, revision, *_columns(map(_told, demands), 3))
    counts = [(*_counted(each), each.product not in counted_before) for each in _counts(books)]
    if counts:
        await driver.execute(COUNT, tenant, revision, *_columns(counts, 6))


def _columns(rows: Iterable[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """The columns of `rows`, for `unnest`; `width` empty ones where there are none."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


def _demands(books: Books) -> Sequence[Waiting]:
    """The demands that a group changed."""
    return [books.waiting[each] for each in books.touched_waiting]


def _counts(books: Books) -> Sequence[BackOrders]:
    """The counts that a group changed."""
    return [books.back_orders[each] for each in books.touched_back_orders]


def _told(demand: Waiting) -> tuple[Any, ...]:
    """Row of what is told of a demand."""
    return (demand.create_revision or None, demand.waiting, told(demand))


def _counted(found: BackOrders) -> tuple[Any, ...]:
    """Row of how many units of a product may wait and do."""
    return (*found.product, found.limit, found.waiting, found.limit_revision or None)


def _made(demand: Waiting, plan: bytes) -> tuple[Any, ...]:
    """Row of a new demand."""
    return (
        demand.waiting,
        demand.state,
        demand.whole,
        demand.order,
        demand.channel,
        demand.created_at,
        plan,
    )


def _made_lines(demand: Waiting) -> Iterable[tuple[Any, ...]]:
    """Rows of the lines of a new demand."""
    for number, line in enumerate(demand.lines, 1):
        yield (
            demand.waiting,
            number,
            *line.product,
            line.quantity,
            line.open,
            line.promised,
            line.cancelled,
        )


def _changed(demand: Waiting) -> tuple[Any, ...]:
    """Row of a demand that was there before."""
    return (demand.waiting, demand.state, ",".join(demand.reservations))


def _changed_lines(demand: Waiting) -> Iterable[tuple[Any, ...]]:
    """Rows of the lines of a demand that was there before."""
    for number, line in enumerate(demand.lines, 1):
        yield (demand.waiting, number, line.open, line.promised, line.cancelled)
