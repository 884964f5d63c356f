"""Transfers of custody and stocking orders over gRPC, with a ledger beneath: what moves, when, and who is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.kit.calling import refusal
from tests.kit.ledger import COUNT, RECEIVE, Ledger, item, movement
from tests.kit.ledger import Caller as Books
from tests.kit.pooling import Caller, Pooling, pooling
from tests.kit.postgres import FreshDatabase
from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_pb2
from weir.pooling.v1 import pool_pb2
from weir_chassis.errors import Kind

PENDING, ACCEPTED, DECLINED, RETURNED, CANCELLED = (
    pool_pb2.TRANSFER_STATE_PENDING,
    pool_pb2.TRANSFER_STATE_ACCEPTED,
    pool_pb2.TRANSFER_STATE_DECLINED,
    pool_pb2.TRANSFER_STATE_RETURNED,
    pool_pb2.TRANSFER_STATE_CANCELLED,
)
HOLD = stock_pb2.CONDITION_HOLD


@pytest.fixture
async def books(beneath: Ledger, tenant: str) -> Books:
    """A caller of the tenant's ledger: two warehouses and a facility; the hub has 10 nails, each rep 5."""
    caller = beneath.caller(tenant)
    await caller.place("W1", "W2")
    shelf = {"location": "ward", "kind": ledger_pb2.LOCATION_KIND_FACILITY}
    await caller.do("CreateLocation", location=shelf)
    held = {"hub": 10, "ann": 5, "bob": 5}
    await caller.record(*(movement(RECEIVE, nails(each), units) for each, units in held.items()))
    return caller


@pytest.fixture
async def boss(service: Pooling, tenant: str, books: Books) -> Caller:
    """A caller who is nobody here, and so an administrator; there is a pool, whose hub shares."""
    caller = service.caller(tenant)
    await caller.pool("north", "hub", "ann", "bob", on=True)
    return caller


@pytest.fixture
def hub(service: Pooling, tenant: str, boss: Caller) -> Caller:
    """The hub."""
    return service.caller(tenant, user="hub")


@pytest.fixture
def ann(service: Pooling, tenant: str, boss: Caller) -> Caller:
    """A rep."""
    return service.caller(tenant, user="ann")


@pytest.fixture
def bob(service: Pooling, tenant: str, boss: Caller) -> Caller:
    """Another rep."""
    return service.caller(tenant, user="bob")


def nails(custodian: str, location: str = "W1", **others: Any) -> stock_pb2.StockItem:
    """Nails in somebody's custody."""
    return item("NAIL", location, custodian=custodian, **others)


def lines(*units: int) -> list[dict[str, Any]]:
    """Nails, and screws if two numbers are given, in W1, of nobody in particular."""
    found = zip((item("NAIL"), item("SCREW")), units, strict=False)
    return [{"stock_item": what, "quantity": count} for what, count in found]


async def asked(caller: Caller, units: int = 3, *, sender: str = "hub", recipient: str = "ann", **others: Any) -> Any:
    """The transfer of so many nails that was asked for."""
    fields = {"sender": sender, "recipient": recipient, "lines": lines(units), **others}
    return (await caller.do("RequestTransfer", **fields)).transfer


async def counted(books: Books, what: stock_pb2.StockItem) -> tuple[int, int]:
    """Units of a stock item that are there, and those of them that may be used."""
    on_hand, _, available, _ = await books.balance(what)
    return on_hand, available


async def test_a_transfer_that_is_accepted(hub: Caller, ann: Caller, books: Books) -> None:
    """From the request on the units are promised, so that neither side can use them; accepted, all of them are in the
    custody of the recipient, in one commit of the ledger, and the record says who did what."""
    made = await hub.do("RequestTransfer", sender="hub", recipient="ann", lines=lines(3), note="for Monday")
    pending = made.transfer
    assert pending.state == PENDING
    assert pending.lines[0].stock_item == nails("hub", uom="EACH", condition=1)
    assert (pending.under_way, pending.note, pending.requested_by.user) == ("", "for Monday", "hub")
    assert await counted(books, nails("hub")) == (10, 7)
    done = await ann.do("AcceptTransfer", transfer=pending.transfer)
    assert done.transfer.state == ACCEPTED
    assert (done.transfer.settled_by.user, done.transfer.settled_by.acting_for) == ("ann", "ann")
    assert await counted(books, nails("hub")) == (7, 7)
    assert await counted(books, nails("ann")) == (8, 8)
    moved = [each for each in await books.entries() if each.revision == done.ledger_revision.number]
    assert {each.reference for each in moved} == {f"transfer/{pending.transfer}"}
    assert {each.request_id.partition("/")[0] for each in moved} == {"pooling"}
    assert (await ann.do("GetTransfer", transfer=pending.transfer)).transfer == done.transfer
    assert not await books.verify()


async def test_a_transfer_that_is_declined_and_returned(hub: Caller, ann: Caller, boss: Caller, books: Books) -> None:
    """Declined units are on hold with the sender, whoever wants them; an administrator alone puts them back to sale."""
    pending = await asked(hub)
    done = (await ann.do("DeclineTransfer", transfer=pending.transfer, reason="wet")).transfer
    assert (done.state, done.reason) == (DECLINED, "wet")
    assert await counted(books, nails("hub")) == (7, 7)
    assert await counted(books, nails("hub", condition=HOLD)) == (3, 0)
    for each in (hub, ann):
        assert (await each.refused("ReturnTransfer", transfer=done.transfer)).reason == "AUTHORITY_INSUFFICIENT"
    back = (await boss.do("ReturnTransfer", transfer=done.transfer)).transfer
    assert (back.state, back.returned_by.acting_for) == (RETURNED, "hub")
    assert await counted(books, nails("hub")) == (10, 10)
    assert (await boss.refused("ReturnTransfer", transfer=done.transfer)).reason == "TRANSFER_STATE"


async def test_a_transfer_that_is_cancelled(hub: Caller, ann: Caller, boss: Caller, books: Books) -> None:
    """Given up, the units are the sender's as before; a member may give up what he asked for, whatever the switch says
    by then, and nobody else's."""
    own, others = await asked(ann), await asked(hub)
    await boss.do("SetHubAccess", pool="north", access_hub_stock=False)
    assert (await ann.refused("CancelTransfer", transfer=others.transfer)).reason == "AUTHORITY_INSUFFICIENT"
    assert (await ann.do("CancelTransfer", transfer=own.transfer)).transfer.state == CANCELLED
    assert await counted(books, nails("hub")) == (10, 7)
    assert (await hub.refused("AcceptTransfer", transfer=own.transfer)).reason == "AUTHORITY_INSUFFICIENT"
    told = await ann.refused("AcceptTransfer", transfer=own.transfer)
    assert (told.kind, told.reason, told.metadata["state"]) == (Kind.UNMET, "TRANSFER_STATE", "CANCELLED")


async def test_units_that_are_missing_are_taken_out(hub: Caller, ann: Caller, books: Books) -> None:
    """What is missing stays with the sender and the rest goes on; once nothing is left the transfer is cancelled."""
    pending = await asked(hub, 4)
    left = await hub.do("RemoveTransferUnits", transfer=pending.transfer, units=[{"line": 1, "quantity": 1}])
    assert (left.transfer.state, left.transfer.lines[0].removed) == (PENDING, 1)
    assert await counted(books, nails("hub")) == (10, 7)
    other = await hub.refused("RemoveTransferUnits", transfer=pending.transfer, units=[{"line": 2, "quantity": 1}])
    assert (other.kind, other.reason) == (Kind.UNKNOWN, "TRANSFER_LINE_NOT_FOUND")
    more = await hub.refused("RemoveTransferUnits", transfer=pending.transfer, units=[{"line": 1, "quantity": 4}])
    assert (more.reason, more.metadata["left"]) == ("TRANSFER_LINE_EXCEEDED", "3")
    assert (await ann.do("AcceptTransfer", transfer=pending.transfer)).transfer.state == ACCEPTED
    assert await counted(books, nails("ann")) == (8, 8)
    pending = await asked(hub, 2)
    none = await hub.do("RemoveTransferUnits", transfer=pending.transfer, units=[{"line": 1, "quantity": 2}])
    assert none.transfer.state == CANCELLED
    assert none.transfer.settled_by.user == "hub"
    assert await counted(books, nails("hub")) == (7, 7)


async def test_goods_that_are_gone(hub: Caller, ann: Caller, books: Books) -> None:
    """What was counted away cannot be accepted, and each line of it is named; once it is taken out the rest can be."""
    await books.receive(item("SCREW", custodian="hub"), 4)
    pending = await hub.do("RequestTransfer", sender="hub", recipient="ann", lines=lines(3, 4))
    transfer = pending.transfer.transfer
    await books.record(movement(COUNT, item("SCREW", custodian="hub"), 1))
    told = await ann.refused("AcceptTransfer", transfer=transfer)
    assert (told.reason, [each.field for each in told.violations]) == ("INSUFFICIENT_ON_HAND", ["lines[1]"])
    assert (await ann.do("GetTransfer", transfer=transfer)).transfer.state == PENDING
    await hub.do("RemoveTransferUnits", transfer=transfer, units=[{"line": 2, "quantity": 3}])
    await ann.do("AcceptTransfer", transfer=transfer)
    assert await counted(books, item("SCREW", custodian="ann")) == (1, 1)


async def test_a_promise_that_somebody_gave_up(hub: Caller, ann: Caller, books: Books) -> None:
    """A transfer whose promise was given up in the ledger, by hand, cannot be accepted; cancelled it can be, whatever
    is left of the promise."""
    for released in ({}, {"lines": [{"line": 1, "quantity": 1}]}):
        pending = await asked(hub)
        await books.do("Release", reservation=pending.reservation, **released)
        reason = "RESERVATION_LINE_EXCEEDED" if released else "RESERVATION_STATE"
        assert (await ann.refused("AcceptTransfer", transfer=pending.transfer)).reason == reason
        assert (await ann.do("GetTransfer", transfer=pending.transfer)).transfer.state == PENDING
        done = await hub.do("CancelTransfer", transfer=pending.transfer)
        assert done.transfer.state == CANCELLED
        assert await counted(books, nails("hub")) == (10, 10)


async def test_a_quick_transfer(hub: Caller, ann: Caller, bob: Caller, books: Books) -> None:
    """Accepted at once, by whoever may ask on the one side and accept on the other, wherever the goods shall lie."""
    done = await hub.do("QuickTransfer", sender="ann", recipient="bob", lines=lines(2), location="W2")
    assert (done.transfer.state, done.transfer.quick, done.transfer.reservation) == (ACCEPTED, True, "")
    assert done.transfer.settled_by.acting_for == "bob"
    assert done.transfer.requested_by.acting_for == "ann"
    assert await counted(books, nails("ann")) == (3, 3)
    assert await counted(books, nails("bob", "W2")) == (2, 2)
    assert (await ann.do("QuickTransfer", sender="hub", recipient="ann", lines=lines(1))).transfer.state == ACCEPTED
    for caller, sender, recipient in ((ann, "ann", "bob"), (hub, "hub", "ann"), (bob, "ann", "bob")):
        told = await caller.refused("QuickTransfer", sender=sender, recipient=recipient, lines=lines(1))
        assert told.reason == "AUTHORITY_INSUFFICIENT", (sender, recipient)


async def test_what_is_refused_was_never_there(boss: Caller, books: Books) -> None:
    """A request that the ledger refuses leaves nothing behind: all short lines are named, or the place that does not
    exist; and the request id ends with that."""
    await books.receive(item("SCREW", custodian="hub"), 1)
    fields = {"sender": "hub", "recipient": "ann", "lines": lines(11, 2), "request_id": "short"}
    for method in ("RequestTransfer", "QuickTransfer", "RequestTransfer"):
        told = await boss.refused(method, **fields)
        assert (told.kind, told.reason) == (Kind.UNMET, "INSUFFICIENT_STOCK")
        assert [each.field for each in told.violations] == ["lines[0]", "lines[1]"]
    nowhere = {"sender": "hub", "recipient": "ann", "lines": lines(1), "location": "nowhere"}
    for method in ("RequestTransfer", "QuickTransfer"):
        assert (await boss.refused(method, **nowhere)).reason == "LOCATION_NOT_FOUND"
    await books.receive(nails("hub"), 10)
    assert (await boss.refused("RequestTransfer", **fields)).reason == "INSUFFICIENT_STOCK"
    assert not (await boss.do("ListTransfers")).transfers


async def test_a_check(hub: Caller, ann: Caller, books: Books) -> None:
    """A check answers what would come of it, or the refusal, changes nothing, and uses up no request id."""
    fields = {"sender": "hub", "recipient": "ann", "lines": lines(3), "request_id": "one"}
    seen = await hub.do("RequestTransfer", validate_only=True, **fields)
    assert seen.transfer.state == PENDING
    assert not seen.HasField("ledger_revision")
    assert not (await hub.do("ListTransfers")).transfers
    too_many = {**fields, "lines": lines(30)}
    assert (await hub.refused("RequestTransfer", validate_only=True, **too_many)).reason == "INSUFFICIENT_STOCK"
    made = (await hub.do("RequestTransfer", **fields)).transfer
    assert (await ann.do("AcceptTransfer", transfer=made.transfer, validate_only=True)).transfer.state == ACCEPTED
    assert (await ann.do("GetTransfer", transfer=made.transfer)).transfer == made
    assert await counted(books, nails("hub")) == (10, 7)


async def test_a_request_is_answered_once(hub: Caller, ann: Caller, books: Books) -> None:
    """Repeated, also many times at once, a request is answered the first outcome; with other contents, or by another
    person, it is refused."""
    fields = {"sender": "hub", "recipient": "ann", "lines": lines(3), "request_id": "one"}
    answers = await asyncio.gather(*(hub.do("RequestTransfer", **fields) for _ in range(8)))
    assert all(each == answers[0] for each in answers)
    assert await counted(books, nails("hub")) == (10, 7)
    accept = {"transfer": answers[0].transfer.transfer, "request_id": "two"}
    accepted = await asyncio.gather(*(ann.do("AcceptTransfer", **accept) for _ in range(8)))
    assert all(each == accepted[0] for each in accepted)
    for caller, wanted in ((hub, {**fields, "lines": lines(4)}), (ann, fields)):
        assert (await caller.refused("RequestTransfer", **wanted)).reason == "REQUEST_ID_REUSED"


async def test_accepted_and_cancelled_at_once(
    database: FreshDatabase, beneath: Ledger, hub: Caller, ann: Caller, books: Books, tenant: str
) -> None:
    """Of those who settle a transfer in different ways at once, over two replicas, one does, and all others are told
    how it ended; then the units are where that says."""
    async with pooling(database, ledger=beneath.server.address) as replica:
        other = replica.caller(tenant, user="hub")
        for _ in range(3):
            before, _ = await counted(books, nails("ann"))
            transfer = (await asked(hub, 1)).transfer
            ended = await asyncio.gather(
                ann.do("AcceptTransfer", transfer=transfer),
                other.do("CancelTransfer", transfer=transfer),
                ann.do("DeclineTransfer", transfer=transfer, reason="no"),
                return_exceptions=True,
            )
            [settled] = [each for each in ended if not isinstance(each, BaseException)]
            stands = (await hub.do("GetTransfer", transfer=transfer)).transfer
            assert (stands, stands.under_way) == (settled.transfer, "")
            after, _ = await counted(books, nails("ann"))
            assert after - before == (stands.state == ACCEPTED)
            told = await other.refused("CancelTransfer", transfer=transfer)
            state = pool_pb2.TransferState.Name(stands.state).removeprefix("TRANSFER_STATE_")
            assert (told.reason, told.metadata["state"]) == ("TRANSFER_STATE", state)
    assert not await books.verify()


async def test_who_sees_a_transfer(
    service: Pooling, hub: Caller, ann: Caller, bob: Caller, boss: Caller, tenant: str
) -> None:
    """Both sides of it, their hub and administrators see a transfer; a fellow member and other pools do not learn that
    there is one, whatever they ask about it. Lists are newest first, by state and side."""
    await boss.pool("south", "hub2", "cid")
    made = [await asked(hub), await asked(ann, sender="ann", recipient="bob"), await asked(hub, recipient="bob")]
    names = [each.transfer for each in made]
    others = [service.caller(tenant, user=each) for each in ("hub2", "cid")]
    for caller, seen in ((boss, names), (hub, names), (ann, names[:2]), (bob, names[1:]), *((o, []) for o in others)):
        listed = [each.transfer async for page in caller.pages("ListTransfers", 2) for each in page.transfers]
        assert listed == sorted(seen, reverse=True)
        for each in set(names) - set(seen):
            for method, more in (("GetTransfer", {}), ("AcceptTransfer", {}), ("CancelTransfer", {}),
                                 ("DeclineTransfer", {"reason": "no"}), ("ReturnTransfer", {}),
                                 ("RemoveTransferUnits", {"units": [{"line": 1, "quantity": 1}]})):  # fmt: skip
                told = await caller.refused(method, transfer=each, **more)
                assert (told.kind, told.reason) == (Kind.UNKNOWN, "TRANSFER_NOT_FOUND")
    assert [each.transfer for each in (await hub.do("ListTransfers", sender="ann")).transfers] == [names[1]]
    assert [each.transfer for each in (await bob.do("ListTransfers", recipient="ann")).transfers] == []
    assert not (await hub.do("ListTransfers", state=ACCEPTED)).transfers
    assert not (await ann.do("ListTransfers", sender="cid")).transfers


async def test_a_watch_of_transfers(hub: Caller, ann: Caller, bob: Caller) -> None:
    """Whoever may see a transfer is told how it goes on, from the request to its end; others are told nothing."""
    transfer = (await asked(hub)).transfer
    done = await ann.do("AcceptTransfer", transfer=transfer)
    states = []
    watch = ann.stream("WatchTransfers")
    async for message in watch:
        states += [(each.state, each.under_way) for each in message.transfers]
        if message.through.number >= done.revision.number:
            break
    watch.cancel()
    assert states == [
        (pool_pb2.TRANSFER_STATE_REQUESTED, "RequestTransfer"),
        (PENDING, ""),
        (PENDING, "AcceptTransfer"),
        (ACCEPTED, ""),
    ]
    quiet = bob.stream("WatchTransfers")
    async for message in quiet:
        assert not message.transfers
        if message.through.number >= done.revision.number:
            break
    quiet.cancel()


async def test_stocking_orders(
    service: Pooling, hub: Caller, ann: Caller, boss: Caller, books: Books, tenant: str
) -> None:
    """The hub's goods are on the shelf at once and stay the hub's; only a facility has one. Members see such orders
    while the switch is on, others never."""
    await boss.pool("south", "hub2", "cid")
    order = {"hub": "hub", "facility": "ward", "lines": lines(4), "note": "before the operation"}
    placed = (await hub.do("PlaceStockingOrder", **order)).stocking_order
    assert (placed.under_way, placed.placed_by.user, placed.note) == (False, "hub", "before the operation")
    assert placed.lines[0].stock_item == nails("hub", uom="EACH", condition=1)
    assert await counted(books, nails("hub", "ward")) == (4, 4)
    assert await counted(books, nails("hub")) == (6, 6)
    told = await hub.refused("PlaceStockingOrder", **{**order, "facility": "W2"})
    assert (told.reason, told.metadata) == (
        "LOCATION_KIND", {"location": "W2", "kind": "WAREHOUSE", "required": "FACILITY"},
    )  # fmt: skip
    assert (await hub.refused("PlaceStockingOrder", **{**order, "lines": lines(7)})).reason == "INSUFFICIENT_STOCK"
    assert (await ann.refused("PlaceStockingOrder", **order)).reason == "AUTHORITY_INSUFFICIENT"
    assert (await boss.refused("PlaceStockingOrder", **{**order, "hub": "ann"})).reason == "USER_ROLE"
    assert (await boss.refused("PlaceStockingOrder", **{**order, "hub": "zoe"})).reason == "USER_NOT_FOUND"
    cid = service.caller(tenant, user="cid")
    for caller, sees in ((hub, True), (ann, True), (boss, True), (cid, False)):
        assert bool((await caller.do("ListStockingOrders", facility="ward")).stocking_orders) is sees
    assert (await ann.do("GetStockingOrder", stocking_order=placed.stocking_order)).stocking_order == placed
    await boss.do("SetHubAccess", pool="north", access_hub_stock=False)
    for caller in (ann, cid):
        told = await caller.refused("GetStockingOrder", stocking_order=placed.stocking_order)
        assert told.reason == "STOCKING_ORDER_NOT_FOUND"
    assert not (await ann.do("ListStockingOrders")).stocking_orders


async def test_while_the_ledger_is_away(database: FreshDatabase, tenant: str, boss: Caller) -> None:
    """A request that the ledger was never asked about leaves nothing behind, not even its refusal; what is read here is
    answered as ever."""
    async with pooling(database) as alone:
        hub = alone.caller(tenant, user="hub")
        fields = {"sender": "hub", "recipient": "ann", "lines": lines(3), "request_id": "one"}
        told = await hub.refused("RequestTransfer", **fields)
        assert (told.kind, told.reason) == (Kind.AWAY, "PEER_AWAY")
        assert not (await hub.do("ListTransfers")).transfers
    assert (
        await boss.do("RequestTransfer", **{**fields, "sender": "ann", "recipient": "bob"})
    ).transfer.state == PENDING


async def test_malformed_requests(hub: Caller) -> None:
    """All that is wrong with a request is told at once, before anything is looked at."""
    wrong = [
        {"stock_item": nails("bob"), "quantity": 1},
        {"stock_item": nails("hub", condition=HOLD), "quantity": 0},
        {"stock_item": nails("hub"), "quantity": 1},
        {"stock_item": item("NAIL"), "quantity": 1},
    ]
    told = await refusal(hub.do("RequestTransfer", sender="hub", recipient="hub", lines=wrong))
    assert (told.kind, [each.field for each in told.violations]) == (Kind.MALFORMED, [
        "recipient", "lines[1].quantity", "lines[3]", "lines[0].stock_item.custodian", "lines[1].stock_item.condition",
    ])  # fmt: skip
    there = [{"stock_item": nails("hub", "ward"), "quantity": 1}]
    told = await hub.refused("PlaceStockingOrder", hub="hub", facility="ward", lines=there)
    assert [each.field for each in told.violations] == ["lines[0].stock_item.location"]
    twice = [{"line": 1, "quantity": 1}, {"line": 1, "quantity": 2}]
    told = await hub.refused("RemoveTransferUnits", transfer="x", units=twice)
    assert [each.field for each in told.violations] == ["units[1]"]
