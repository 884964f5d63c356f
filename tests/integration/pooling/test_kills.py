"""Pooling dies, by kill -9, wherever it may while units move: they move once, and whoever asked is told so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from tests.kit.connecting import connect
from tests.kit.dying import COUNTED, DEEDS
from tests.kit.ledger import CONSUME, RECEIVE, item, ledger, movement
from tests.kit.ledger import Caller as Books
from tests.kit.pooling import Pooling
from tests.kit.postgres import PostgresForTests
from tests.kit.processes import Program
from tests.kit.waiting import until
from weir.pooling.v1 import alert_pb2, case_pb2, pool_pb2
from weir_cli.suite import kept_port

TENANT = "mortal"


@dataclass(frozen=True, slots=True)
class Mortal:
    """A pooling service that was told where to die, and its ledger."""

    program: Program
    pooling: Pooling
    books: Books


@pytest.fixture
async def mortal(postgres: PostgresForTests) -> AsyncIterator[Mortal]:
    """Its hub has 10 nails; it dies before it has the ledger do anything."""
    async with AsyncExitStack() as stack:
        fresh = stack.enter_context(postgres.fresh("weir_ledger", "weir_pooling"))
        kept = await stack.enter_async_context(ledger(fresh))
        told = {
            "WEIR_DATABASE_URL": fresh.url("weir_pooling"),
            "WEIR_LEDGER_TARGET": kept.server.address,
            "WEIR_POOLING_DEED_SECONDS": "0.1",
        }
        address = f"127.0.0.1:{stack.enter_context(kept_port())}"
        running = Program("pooling", told, address, module="tests.kit.dying")
        stack.push_async_callback(running.kill)
        await running.start(WEIR_DIES_AT=DEEDS[0])
        channel = await stack.enter_async_context(connect(running.address))
        books = kept.caller(TENANT)
        await books.place("W1")
        await books.record(movement(RECEIVE, item("NAIL", custodian="hub"), 10))
        yield Mortal(running, Pooling(None, channel), books)  # type: ignore[arg-type]


async def test_it_dies_at_every_step_and_goes_on(mortal: Mortal) -> None:
    """A request dies after it was written down; whatever is to finish it dies between promise and confirmation, and
    again before it was concluded. Unasked, the units are promised in the end, once, and whoever repeats the request is
    told so.
    """
    boss, hub = mortal.pooling.caller(TENANT), mortal.pooling.caller(TENANT, user="hub")
    await boss.pool("north", "hub", "ann")
    lines = [{"stock_item": item("NAIL"), "quantity": 3}]
    request: dict[str, Any] = {"sender": "hub", "recipient": "ann", "lines": lines, "request_id": "one"}
    with pytest.raises(grpc.aio.AioRpcError) as lost:
        await hub.do("RequestTransfer", **request)
    assert lost.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
    await mortal.program.dead()
    for step in DEEDS[1:]:
        await mortal.program.start(WEIR_DIES_AT=step)
        await mortal.program.dead()
    await mortal.program.start()

    async def pending() -> bool:
        [transfer] = (await hub.do("ListTransfers")).transfers
        return (transfer.state, transfer.under_way) == (pool_pb2.TRANSFER_STATE_PENDING, "")

    await until(pending)
    [promise] = (await mortal.books.do("ListReservations")).reservations
    transfer = (await hub.do("RequestTransfer", **request)).transfer
    assert (promise.reservation, promise.order) == (transfer.reservation, f"transfer/{transfer.transfer}")
    assert await mortal.books.balance(item("NAIL", custodian="hub")) == (10, 3, 7, 0)
    assert not await mortal.books.verify()


async def test_what_was_used_is_used_once(mortal: Mortal) -> None:
    """A mark dies after it was written down. Unasked, the units are used up in the end, once, and marked; whoever
    repeats the request is told so, and takes them back.
    """
    boss, hub = mortal.pooling.caller(TENANT), mortal.pooling.caller(TENANT, user="hub")
    await boss.pool("north", "hub", "ann")
    case = (await hub.do("CreateCase", case={"kind": case_pb2.CASE_KIND_CASE})).case.case
    lines = [{"stock_item": item("NAIL"), "quantity": 3}]
    request: dict[str, Any] = {"case": case, "custody": pool_pb2.CUSTODY_OWN, "lines": lines, "request_id": "one"}
    with pytest.raises(grpc.aio.AioRpcError):
        await hub.do("MarkUsed", **request)
    await mortal.program.dead()
    await mortal.program.start()

    async def marked() -> bool:
        return bool((await hub.do("ListUsages", case=case)).usages)

    await until(marked)
    usages = (await hub.do("MarkUsed", **request)).usages
    assert list(usages) == list((await hub.do("ListUsages", case=case)).usages)
    assert await mortal.books.balance(item("NAIL", custodian="hub")) == (7, 0, 7, 0)
    await hub.do("UnmarkUsed", case=case, units=[{"usage": usages[0].usage}])
    assert await mortal.books.balance(item("NAIL", custodian="hub")) == (10, 0, 10, 0)
    assert not await mortal.books.verify()


async def test_an_alert_opens_once(mortal: Mortal) -> None:
    """It dies when it has counted and made nothing of it: the alert opens as soon as it is back. It dies again, and
    units go: the alert stays the one it was until there are enough.
    """
    boss, hub = mortal.pooling.caller(TENANT), mortal.pooling.caller(TENANT, user="hub")
    await boss.pool("north", "hub", "ann")
    await mortal.program.kill()
    await mortal.program.start(WEIR_DIES_AT=COUNTED)
    await hub.do("SetParLevel", par_level={"custodian": "hub", "product": {"sku": "NAIL"}, "par": 11})
    await mortal.program.dead()

    async def states() -> list[int]:
        return [each.state for each in (await hub.do("ListAlerts")).alerts]

    async def opened() -> bool:
        return await states() == [alert_pb2.ALERT_STATE_OPEN]

    async def closed() -> bool:
        return await states() == [alert_pb2.ALERT_STATE_CLOSED]

    await mortal.program.start()
    await until(opened)
    await mortal.program.kill()
    await mortal.books.record(movement(CONSUME, item("NAIL", custodian="hub"), 1))
    await mortal.program.start()
    await mortal.books.record(movement(RECEIVE, item("NAIL", custodian="hub"), 2))
    await until(closed)
