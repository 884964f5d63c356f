"""Requests that are decided in one group: in their order, each by itself, whatever becomes of their neighbours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.ledger import SCHEMA, Caller, Ledger, draft, eventually, item, ledger, outcomes, request
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir_chassis.database import Database
from weir_chassis.errors import Overloaded, Refusal
from weir_ledger.domain.endings import Confirm, Expire
from weir_ledger.domain.entries import EntryKind, Movement
from weir_ledger.domain.imports import ImportLines
from weir_ledger.domain.limits import Limits
from weir_ledger.domain.movements import RecordMovements
from weir_ledger.domain.places import CreateLocation, DeleteLocation
from weir_ledger.domain.promises import Reserve
from weir_ledger.domain.reservations import Draft, DraftLine
from weir_ledger.domain.snapshots import Basis, Feed, Figure, SnapshotImport
from weir_ledger.domain.stock import Location, LocationKind, StockItem
from weir_ledger.ports import Attempt, Done
from weir_ledger.store import PostgresBooks
from weir_ledger.store.whole import AT_ONCE_MAX
from weir_ledger.worker import expire_due, expiring

TENANT = "grouped"
A = StockItem("", "A", "W1")


@pytest.fixture
async def books(postgres: PostgresForTests) -> AsyncIterator[PostgresBooks]:
    """Books without a server, so that a test says what comes in one group and nobody else writes."""
    with postgres.fresh(SCHEMA) as database:
        opened = await Database.open(database.url(SCHEMA), schema=SCHEMA, settings=database.settings(SCHEMA))
        made = PostgresBooks(opened, queue_max=100, limits=Limits())
        yield made
        await made.close()
        await opened.close()


def attempt(command: Any, request_id: str = "", *, content: bytes = b"", tenant: str = TENANT) -> Attempt[Any]:
    """An attempt to have a command carried out; remembered if it has an id."""
    return Attempt(tenant, type(command).__name__, request_id, content, command)


def create(location: str) -> CreateLocation:
    """Add a warehouse."""
    return CreateLocation(Location(location, LocationKind.WAREHOUSE))


def receive(units: int, location: str = "W1") -> RecordMovements:
    """Take in units of A."""
    return RecordMovements((Movement(EntryKind.RECEIVE, StockItem("", "A", location), units),))


def reserve(units: int, name: str) -> Reserve:
    """Promise units of A under a name that ends so."""
    return Reserve(f"01a200ca-98d0-74cf-9b25-c4403338{name}", Draft((DraftLine(A, units),)))


async def grouped(books: PostgresBooks, *attempts: Attempt[Any]) -> list[Any]:
    """What becomes of attempts that are made at once, and so in one group."""
    answers = await asyncio.gather(*map(books.carry_out, attempts), return_exceptions=True)
    return [told(each) for each in answers]


def told(answer: Done[Any] | BaseException) -> Any:
    """A revision, a reason, or the accident itself."""
    if isinstance(answer, Done):
        return answer.revision
    return answer.reason if isinstance(answer, Refusal) else answer


async def test_one_commit_for_all(books: PostgresBooks) -> None:
    """Accepted requests of a group share a revision, each sees what the earlier ones left, a refused one is no part."""
    await grouped(books, attempt(create("W1")))
    found = await grouped(
        books,
        attempt(receive(5)),
        attempt(reserve(3, "0001")),
        attempt(reserve(3, "0002")),
        attempt(reserve(2, "0003")),
    )
    assert found == [2, 2, "INSUFFICIENT_STOCK", 2]
    balance, revision = await books.balance(TENANT, A)
    assert balance is not None
    assert (balance.on_hand, balance.reserved, revision) == (5, 5, 2)


async def test_the_same_id_twice_in_one_group(books: PostgresBooks) -> None:
    """Of equal requests in one group one is decided and all get its outcome; other content is refused."""
    await grouped(books, attempt(create("W1")))
    found = await grouped(
        books,
        attempt(receive(5), "one", content=b"5"),
        attempt(receive(5), "one", content=b"5"),
        attempt(receive(6), "one", content=b"6"),
        attempt(reserve(6, "0001"), "two"),
        attempt(reserve(6, "0002"), "two"),
    )
    assert found == [2, 2, "REQUEST_ID_REUSED", "INSUFFICIENT_STOCK", "INSUFFICIENT_STOCK"]
    balance, _ = await books.balance(TENANT, A)
    assert balance is not None
    assert balance.on_hand == 5


async def test_locations_change_between_groups(books: PostgresBooks) -> None:
    """What changes a location is a commit of its own: those before it see it as it was, those behind as it is."""
    await grouped(books, attempt(create("N1")))
    found = await grouped(
        books,
        attempt(DeleteLocation("N1", "")),
        attempt(receive(5, "N1")),
        attempt(create("N1")),
        attempt(receive(7, "N1")),
        attempt(reserve(1, "0001")),
        attempt(DeleteLocation("N1", "")),
    )
    assert found == [2, "LOCATION_NOT_FOUND", 3, 4, "INSUFFICIENT_STOCK", "LOCATION_IN_USE"]


async def test_an_import_is_carried_on_between_groups(books: PostgresBooks) -> None:
    """A step of an import is a commit of its own: those before and behind it share none with it."""
    await grouped(books, attempt(create("W1")))
    begun = SnapshotImport("night", b"")
    figure = Figure(1, A, 7, datetime.now(UTC) + timedelta(minutes=1))
    lines = ImportLines(begun, Feed(Basis.ON_HAND, figure.as_of), (figure,), first_line=1, end_line=2)
    found = await grouped(
        books,
        attempt(receive(5)),
        attempt(receive(1)),
        attempt(lines, "night"),
        attempt(receive(2)),
        attempt(receive(3)),
    )
    assert found == [2, 2, 3, 4, 4]
    balance, _ = await books.balance(TENANT, A)
    assert balance is not None
    assert balance.on_hand == 12


async def test_whole_reads_are_few_at_once(books: PostgresBooks) -> None:
    """Beyond the limit an export or audit is refused at once, and a place is free again when one ends."""
    await grouped(books, attempt(create("W1")), attempt(receive(5)))
    reads = [books.export(TENANT, 10) for _ in range(AT_ONCE_MAX)]
    for read in reads:
        assert (await anext(read)).revision == 2
    with pytest.raises(Overloaded):
        await anext(books.verify(TENANT))
    for read in reads:
        await read.aclose()  # type: ignore[attr-defined]
    assert [each async for each in books.verify(TENANT)][-1].differences == 0  # type: ignore[union-attr]


async def test_an_accident_hits_one_request(books: PostgresBooks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one request of a group breaks what decides it, its neighbours have their outcomes all the same."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Confirm, "decide", broken)
    await grouped(books, attempt(create("W1")))
    found = await grouped(
        books, attempt(receive(5), "a"), attempt(Confirm(reserve(1, "0001").reservation)), attempt(receive(6), "b")
    )
    assert isinstance(found[1], ZeroDivisionError)
    balance, _ = await books.balance(TENANT, A)
    assert balance is not None
    assert balance.on_hand == 11


async def test_a_full_queue_refuses_at_once(books: PostgresBooks) -> None:
    """Beyond its bound the queue of a tenant refuses; what it took is carried out, and other tenants are served."""
    found = await asyncio.gather(
        *(books.carry_out(attempt(create(f"W{each}"))) for each in range(150)),
        books.carry_out(attempt(create("W1"), tenant="other")),
        return_exceptions=True,
    )
    refused = [each for each in found if isinstance(each, BaseException)]
    assert len(refused) == 50
    assert all(isinstance(each, Overloaded) and each.retry_after_seconds for each in refused)
    assert isinstance(found[-1], Done)
    assert len((await books.locations(TENANT, None, after="", limit=1000))[0]) == 100


async def test_a_full_queue_over_the_wire(database: FreshDatabase) -> None:
    """A caller beyond the bound is told RESOURCE_EXHAUSTED with a time to wait, and the others are served."""
    async with ledger(database, queue_max=3) as small:
        caller = small.caller()
        await caller.place("W1")
        found = await outcomes(caller.receive("A", 1) for _ in range(50))
        assert set(found) == {"ok", "OVERLOADED"}
        assert (await caller.balance("A"))[0] == found.count("ok")


async def test_a_caller_that_goes_away(service: Ledger, acme: Caller, owner: Owner) -> None:
    """A request whose caller cancels while it waits is decided all the same, and its repetition finds the outcome."""
    await acme.receive("A", 10)
    held = owner.transaction()
    await held.start()
    await owner.execute("SELECT FROM balances WHERE tenant = $1 FOR UPDATE", acme.tenant)
    wanted = request("Reserve", request_id="gone", draft=draft(("A", 4)))
    call = acme.send("Reserve", wanted)

    async def waits() -> bool:
        return bool(await owner.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    await eventually(waits)
    call.cancel()
    await asyncio.wait([asyncio.ensure_future(call.code())])
    await held.rollback()

    async def decided() -> bool:
        return await acme.balance("A") == (10, 4, 6, 0)

    await eventually(decided)
    again = await acme.send("Reserve", wanted)
    assert again.reservation.lines[0].open == 4
    assert await acme.balance("A") == (10, 4, 6, 0)


async def test_a_deadline_that_passes(acme: Caller, owner: Owner) -> None:
    """A deadline ends the call, not the request."""
    await acme.receive("A", 10)
    wanted = request("Reserve", request_id="late", draft=draft(("A", 4)))
    async with owner.transaction():
        await owner.execute("SELECT FROM balances WHERE tenant = $1 FOR UPDATE", acme.tenant)
        assert str(await acme.send("Reserve", wanted, timeout=0.3).code()) == "StatusCode.DEADLINE_EXCEEDED"
    assert (await acme.send("Reserve", wanted)).reservation.lines[0].open == 4
    assert await acme.balance(item("A")) == (10, 4, 6, 0)


async def test_a_broken_tenant_does_not_hinder_others(books: PostgresBooks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the holds of one tenant cannot be ended, those of the tenants behind it are."""
    for tenant in ("aaa", "bbb"):
        for command in (create("W1"), receive(1)):
            await books.carry_out(attempt(command, tenant=tenant))
        short = Draft((DraftLine(A, 1),), hold_seconds=0)
        await books.carry_out(attempt(Reserve(reserve(1, "0001").reservation, short), tenant=tenant))
    carry_out = books.carry_out

    async def broken(asked: Attempt[Any]) -> Any:
        if asked.tenant == "aaa":
            raise ZeroDivisionError
        return await carry_out(asked)

    monkeypatch.setattr(books, "carry_out", broken)
    worker = asyncio.create_task(expiring(books, pause_seconds=0.01))

    async def ended() -> bool:
        return not await books.due("bbb", 1)

    await eventually(ended)
    worker.cancel()
    await asyncio.wait([worker])
    monkeypatch.undo()
    assert await expire_due(books, "aaa") == 1
    assert (await carry_out(attempt(Expire(()), tenant="aaa"))).receipt == ()
