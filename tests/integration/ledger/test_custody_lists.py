"""What lists tell of custody: what somebody has, what of it is there, until when it can be sold; and what it costs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.ledger import SCHEMA, SHIP, Caller, draft, eventually, item, movement
from tests.kit.postgres import FreshDatabase
from weir_chassis.database import Database
from weir_ledger.domain.limits import Limits
from weir_ledger.domain.queries import BalanceQuery
from weir_ledger.domain.stock import StockItem
from weir_ledger.store import PostgresBooks

DAY, LATER = "2027-01-31", "2027-06-30"


async def listed(acme: Caller, **fields: Any) -> list[tuple[str, str, str]]:
    """Sku, custodian and last day of the balances that a list shows, in pages of two."""
    return [
        (each.stock_item.product.sku, each.stock_item.custodian, each.expiry_date)
        async for page in acme.pages("ListBalances", 2, **fields)
        for each in page.balances
    ]


async def test_what_is_held(acme: Caller) -> None:
    """What went out is not held any more, and was before; units that are promised and not there are, and so is what
    counts as available to nobody."""
    rep = {sku: item(sku, custodian="rep") for sku in "ABCDE"}
    rep["D"] = item("D", custodian="rep", condition=2)
    full = await acme.record(*(movement(1, each, 2) for each in rep.values()))
    await acme.confirmed((rep["C"], 2))
    await acme.ship(item("C", custodian="rep"), 2)
    await acme.record(movement(SHIP, rep["B"], 2), movement(SHIP, rep["E"], 1))
    await acme.do("Reserve", draft=draft((rep["A"], 2), (item("F", custodian="rep"), 1), mode=2))
    held, every = {"custodian": "rep", "held_only": True}, {"custodian": "rep"}
    assert [sku for sku, _, _ in await listed(acme, **held)] == list("ACDE")
    assert [sku for sku, _, _ in await listed(acme, **every)] == list("ABCDEF")
    assert [sku for sku, _, _ in await listed(acme, **held, as_of={"revision": full.revision})] == list("ABCDE")
    now = {"as_of": {"revision": await acme.head()}}
    assert await listed(acme, **held, **now) == await listed(acme, **held)


async def test_balances_tell_the_last_day(acme: Caller) -> None:
    """Whoever asks for a balance, be it of the past, is told the last day of its lot as it is known; of goods without
    lot, and of lots of which nothing was said, none. What a write tells stays as it was told first."""
    rep, hub = item("A", lot="L1", custodian="rep"), item("A", lot="L1", custodian="hub")
    facts = [movement(1, each, 1) for each in (rep, item("A"), item("A", lot="L2"))]
    first = await acme.record(*facts, request_id="r")
    await acme.do("SetLot", lot={"product": {"sku": "A"}, "lot": "L1", "expiry_date": DAY})
    await acme.do("SetLot", lot={"product": {"owner": "x", "sku": "A"}, "lot": "L2", "expiry_date": DAY})
    assert await acme.record(*facts, request_id="r") == first
    await acme.record(movement(3, rep, 1, destination=hub))
    for point in ({}, {"as_of": {"revision": first.revision}}):
        assert (await acme.do("GetBalance", stock_item=rep, **point)).balance.expiry_date == DAY
        assert ("A", "rep", DAY) in await listed(acme, **point)
        assert ("A", "", "") in await listed(acme, **point)
    await acme.do("SetLot", lot={"product": {"sku": "A"}, "lot": "L1", "expiry_date": LATER})
    assert await listed(acme, custodian="hub") == [("A", "hub", LATER)]
    await acme.do("SetLot", lot={"product": {"sku": "A"}, "lot": "L1"})
    assert (await acme.do("GetBalance", stock_item=hub)).balance.expiry_date == ""


ITEMS, PAGE, PAGES = 12_000, 50, 8
FILL = f"""
INSERT INTO locations SELECT $1, 'P' || n, 1, '', 1 FROM generate_series(0, 3) n;
INSERT INTO balances (tenant, item, owner, sku, location, lot, uom, custodian, condition, on_hand, reserved, revision)
SELECT $1, md5($1 || n)::uuid, '', 'S' || n % 300, 'P' || n % 4, 'L' || n, 'EACH',
       CASE n % 10 WHEN 3 THEN 'hub' WHEN 4 THEN 'rep' || n % 50 ELSE '' END, 1, n % 5, 0, 1
FROM generate_series(1, {ITEMS}) n;
"""
CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'measured'"
ROWS_READ = """
SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE schemaname = 'weir_ledger' AND relname = 'balances'
"""


async def pages(database: FreshDatabase, tenant: str, query: BalanceQuery, after: StockItem | None) -> list[StockItem]:
    """Some pages of a list, on a connection of its own."""
    opened = await Database.open(f"{database.url(SCHEMA)}?application_name=measured", schema=SCHEMA)
    try:
        books = PostgresBooks(opened, queue_max=1, limits=Limits())
        found: list[StockItem] = []
        for _ in range(PAGES):
            read, _ = await books.balances(tenant, query, after=after, limit=PAGE)
            found.extend(each.item for each in read)
            after = found[-1]
        return found
    finally:
        await opened.close()


MIDDLE = StockItem("", "S150", "P2", "", "EACH", "hub")
READ: list[tuple[BalanceQuery, StockItem | None, int]] = [
    # what is listed, after which stock item, and how many of the rows on the way it may leave out
    (BalanceQuery(custodian="hub"), None, 0),
    (BalanceQuery(custodian="hub"), MIDDLE, 0),
    (BalanceQuery(custodian="hub", owner=""), MIDDLE, 0),
    (BalanceQuery(custodian="hub", held_only=True), None, PAGE * PAGES),
    (BalanceQuery(custodian="hub", held_only=True), MIDDLE, PAGE * PAGES),
    (BalanceQuery(), MIDDLE, 0),
    (BalanceQuery(owner=""), MIDDLE, 0),
]


@pytest.mark.parametrize("known", [False, True])
async def test_a_page_is_read_along_its_index(acme: Caller, database: FreshDatabase, owner: Owner, known: bool) -> None:
    """Wherever in a long list a page lies, what is read is its rows, those on the way that are left out, and a few that
    the index does not tell apart; whatever Postgres knows of the table."""
    await owner.execute(FILL.replace("$1", f"'{acme.tenant}'"))
    if known:
        await owner.execute("ANALYZE balances")

    async def gone() -> bool:
        return bool(await owner.fetchval(CONNECTED) == 0)

    for query, after, left_out in READ:
        before = await owner.fetchval(ROWS_READ)
        found = await pages(database, acme.tenant, query, after)
        await eventually(gone)
        assert len(found) == PAGE * PAGES
        assert found == sorted(found, key=lambda each: (each.sku, each.location, each.lot))
        assert query.custodian is None or {each.custodian for each in found} == {query.custodian}
        read = await owner.fetchval(ROWS_READ) - before
        assert PAGE * PAGES <= read <= PAGE * PAGES + left_out + PAGES * 60, (query, after, read)
