"""Imports are kept for a while and then forgotten, with their lines; what they have counted stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.ledger import SCHEMA, Caller, Ledger
from tests.kit.postgres import FreshDatabase
from tests.kit.snapshots import imported, kept, line, opening, progress
from tests.kit.waiting import until
from weir_chassis.database import Database
from weir_ledger.domain.limits import Limits
from weir_ledger.store import PostgresBooks
from weir_ledger.worker import keeping

DAY = 86_400.0


@pytest.fixture
async def books(database: FreshDatabase) -> AsyncIterator[PostgresBooks]:
    """The books below the ledger, as its worker has them."""
    opened = await Database.open(database.url(SCHEMA), schema=SCHEMA, settings=database.settings(SCHEMA))
    yield PostgresBooks(opened, queue_max=10, limits=Limits())
    await opened.close()


async def aged(owner: Owner, caller: Caller, *, days: int) -> None:
    """Let so many days have passed since a tenant's imports were carried on."""
    await owner.execute(
        "UPDATE snapshot_imports SET updated_at = now() - make_interval(days => $2) WHERE tenant = $1",
        caller.tenant,
        days,
    )


async def lines_kept(owner: Owner, caller: Caller) -> int:
    """How many lines of a tenant's imports are on record."""
    count: int = await owner.fetchval("SELECT count(*) FROM snapshot_lines WHERE tenant = $1", caller.tenant)
    return count


async def test_old_imports_are_forgotten(books: PostgresBooks, acme: Caller, owner: Owner) -> None:
    """An import that was not carried on for the time is forgotten with its lines, one by one; younger ones stay, and so
    does what was counted."""
    for name in ("first", "second"):
        await imported(acme, opening(request_id=name, lines=[line(name, 5), line("bad", -1)]))
    await aged(owner, acme, days=3)
    await imported(acme, opening(request_id="young", lines=[line("A", 5), line("bad", -1)]))
    assert [await books.forget_import(acme.tenant, seconds=2 * DAY) for _ in range(3)] == [True, True, False]
    assert await progress(acme, "first") is None
    assert [each.line for each in await kept(acme, "young")] == [2]
    assert await lines_kept(owner, acme) == 1
    assert (await acme.balance("first"))[0] == 5
    assert await acme.verify() == []


async def test_the_worker_forgets_for_every_tenant(
    books: PostgresBooks, service: Ledger, acme: Caller, owner: Owner
) -> None:
    """The worker forgets the old imports of one tenant after the other, and touches no young one."""
    other = service.caller()
    await other.place("W1")
    for each in (acme, other):
        await imported(each, opening(request_id="old", lines=[line("A", 5)]))
        await aged(owner, each, days=3)
        await imported(each, opening(request_id="young", lines=[line("B", 5)]))
    worker = asyncio.create_task(keeping(books, closing_hours=24, import_seconds=2 * DAY))

    async def gone() -> bool:
        return [await progress(each, "old") for each in (acme, other)] == [None, None]

    await until(gone)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    for each in (acme, other):
        assert await progress(each, "young") is not None


async def test_one_that_is_carried_on_is_passed_over(books: PostgresBooks, acme: Caller, owner: Owner) -> None:
    """An import whose row a stream has locked just now is not forgotten, and not waited for."""
    await imported(acme, opening(request_id="busy", lines=[line("A", 5)]))
    await aged(owner, acme, days=3)
    async with owner.transaction():
        await owner.execute("SELECT FROM snapshot_imports WHERE tenant = $1 FOR UPDATE", acme.tenant)
        assert not await books.forget_import(acme.tenant, seconds=DAY)
    assert await books.forget_import(acme.tenant, seconds=DAY)


async def test_a_forgotten_import_doubles_nothing(books: PostgresBooks, acme: Caller, owner: Owner) -> None:
    """Sent again after it was forgotten, the same import is a new one, all of whose lines are stale."""
    told = opening(request_id="again", lines=[line("A", 5), line("B", 6)])
    await imported(acme, told)
    await acme.ship("A", 2)
    await aged(owner, acme, days=3)
    assert await books.forget_import(acme.tenant, seconds=DAY)
    done = await imported(acme, told)
    assert (done.snapshot_import.applied, done.snapshot_import.stale) == (0, 2)
    assert (await acme.balance("A"))[0] == 3
