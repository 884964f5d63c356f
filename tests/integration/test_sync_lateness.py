"""Warehouses that have not reported in time: told, alerted, and buffered until they report again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.warehouses import Feeding, Site, feeding, now
from weir_sync.domain.connections import Connection, FeedTerms, LateFeed, Role
from weir_sync.store.feeds import PostgresLate, PostgresReports
from weir_sync.worker.lateness import LatenessWorker

LATE: dict[str, Any] = {"late_after_seconds": 3600, "late_buffer_percent": 20}
ALERTS = """
SELECT connection, sentence, closed_at IS NULL FROM alerts WHERE tenant = $1 AND kind = 'FEED_LATE' ORDER BY alert
"""
HEALTH = "SELECT late FROM connection_health WHERE tenant = $1"
CHANGES = "SELECT count(*) FROM changes WHERE tenant = $1"


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for this module."""
    with postgres.fresh("weir_sync", "weir_ledger") as made:
        yield made


@pytest.fixture(scope="module")
async def feeds(database: FreshDatabase) -> AsyncIterator[Feeding]:
    """The taking in of stock for this module."""
    async with feeding(database) as running:
        yield running


async def judged(feeds: Feeding, site: Site, at: datetime) -> datetime | None:
    """Look at the warehouses of a tenant at a moment; when to look again."""
    database = feeds.opened
    worker = LatenessWorker(
        database.heads, feeds.handlers, PostgresReports(database), PostgresLate(database), clock=lambda: at
    )
    async with feeds.handlers.reading(site.tenant, {}) as (objects, _):
        warehouses = await objects.select(Connection, {"role": Role.WAREHOUSE})
    return await worker.judge(site.tenant, warehouses)


async def buffers(feeds: Feeding, site: Site) -> list[LateFeed]:
    """What stores are told less of."""
    async with feeds.handlers.reading(site.tenant, {}) as (objects, _):
        return await objects.select(LateFeed)


async def test_a_warehouse_is_late_until_it_reports(feeds: Feeding) -> None:
    """After its time it is told so in its health, by an alert, and by a buffer for each of its locations; once it has
    reported all of that is gone. What was said already is not said again.
    """
    site = await feeds.tenant()
    site.warehouse.has(("A", "North"), 5)
    await site.connect({"North": "W1", "South": "W2"}, FeedTerms(on_hand=True), **LATE)
    await site.pull()
    begun = now()
    due = await judged(feeds, site, begun)
    assert due is not None
    assert timedelta(minutes=59) < due - begun < timedelta(minutes=60)
    assert (await buffers(feeds, site), await feeds.rows(site, ALERTS)) == ([], [])
    assert await judged(feeds, site, due) == due
    assert await judged(feeds, site, due + timedelta(minutes=1)) == due + timedelta(minutes=1)
    assert await buffers(feeds, site) == [LateFeed(each, "storehouse", 20) for each in ("W1", "W2")]
    [(connection, sentence, is_open)] = await feeds.rows(site, ALERTS)
    assert (connection, is_open, "1:00:00" in sentence) == ("storehouse", True, True)
    assert await feeds.rows(site, HEALTH) == [(True,)]
    changes = await feeds.rows(site, CHANGES)
    await judged(feeds, site, due + timedelta(minutes=2))
    assert await feeds.rows(site, CHANGES) == changes
    site.pulling = replace(site.pulling, clock=lambda: begun + timedelta(minutes=4))
    await site.pull()
    assert await judged(feeds, site, due + timedelta(minutes=3)) == begun + timedelta(minutes=64)
    assert (await buffers(feeds, site), await feeds.rows(site, HEALTH)) == ([], [(False,)])
    assert [is_open for *_, is_open in await feeds.rows(site, ALERTS)] == [False]


async def test_a_warehouse_that_never_reported(feeds: Feeding) -> None:
    """Its time begins when its reports are awaited first."""
    site = await feeds.tenant()
    await site.connect({"North": "W1"}, **LATE)
    due = await judged(feeds, site, now())
    assert due is not None
    await judged(feeds, site, due)
    assert len(await buffers(feeds, site)) == 1


@pytest.mark.parametrize("others", [{"pull_stock": False}, {"late_after_seconds": 0}])
async def test_nobody_waits_for_it_any_more(feeds: Feeding, others: dict[str, Any]) -> None:
    """A warehouse whose flow is off, or that may take its time, is not late, whatever it was."""
    site = await feeds.tenant()
    await site.connect({"North": "W1"}, **LATE)
    due = await judged(feeds, site, now())
    assert due is not None
    await judged(feeds, site, due)
    await site.connect(**others)
    assert await judged(feeds, site, due) is None
    assert (await buffers(feeds, site), await feeds.rows(site, HEALTH)) == ([], [(False,)])
    assert [is_open for *_, is_open in await feeds.rows(site, ALERTS)] == [False]


async def test_no_buffer_was_asked_for(feeds: Feeding) -> None:
    """It is late all the same."""
    site = await feeds.tenant()
    await site.connect({"North": "W1"}, late_after_seconds=60)
    due = await judged(feeds, site, now())
    assert due is not None
    await judged(feeds, site, due)
    assert (await buffers(feeds, site), await feeds.rows(site, HEALTH)) == ([], [(True,)])
