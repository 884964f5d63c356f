"""Who may do what for whom, as one table over gRPC: every action on every person's things, every caller, the switch on
and off; and whatever does not exist for a caller is to the letter as good as absent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

import grpc
import pytest

from tests.contract import protos
from tests.kit.ledger import RECEIVE, item, ledger, movement
from tests.kit.pooling import ADMINISTRATOR, DISTRIBUTOR, REP, Caller, Pooling, pooling
from tests.kit.postgres import PostgresForTests
from weir.common.v1.revision_pb2 import Revision
from weir.ledger.v1 import ledger_pb2
from weir.pooling.v1 import pool_pb2
from weir_chassis import status
from weir_chassis.errors import Kind, RecordedRefusal
from weir_pooling.domain.authority import Standing
from weir_pooling.domain.people import Actor

OWN, HUB = pool_pb2.CUSTODY_OWN, pool_pb2.CUSTODY_HUB
PERSONS = ("hub", "ann", "bob", "hub2", "cid", "lone")
ABSENT = "what nobody has"
LINES = [{"stock_item": item("NAIL"), "quantity": 1}]
"""A unit in the custody of whoever is meant."""
STREAMS = ("ExportPooling", "WatchPooling", "WatchNotifications")
OF_ONES_OWN = {
    "ListUsers", "ListPools", "ListTransfers", "WatchTransfers", "ListStockingOrders", "ListCases", "ReportUsage",
    "WatchCases", "ListParLevels", "ListAlerts", "WatchAlerts",
}  # fmt: skip
"""What shows everybody what he may see, and names nothing that he might not."""
DEADLINE_SECONDS = 30

# `x` may; `o` may while the switch is on, `-` may not: AUTHORITY_INSUFFICIENT; `h` while the switch is off, and `H`
# always, HUB_ACCESS_OFF; `s` sees while the switch is on, `.` there is no such thing
TABLE = """
                                    boss   hub    ann    bob    hub2   cid    lone
CreateUser/new                      x      -      -      -      -      -      -
GetUser/hub                         x      x      x      x      .      .      .
GetUser/ann                         x      x      x      x      .      .      .
GetUser/lone                        x      .      .      .      .      .      x
UpdateUser/ann                      x      -      -      -      .      .      .
UpdateUser/lone                     x      .      .      .      .      .      -
DeleteUser/idle                     x      .      .      .      .      .      .
CreatePool/new                      x      -      -      -      -      -      -
GetPool/north                       x      x      x      x      .      .      .
UpdatePool/north                    x      -      -      -      .      .      .
SetHubAccess/north                  x      -      -      -      .      .      .
DeletePool/north                    x      -      -      -      .      .      .
ExportPooling                       x      -      -      -      -      -      -
WatchPooling                        x      -      -      -      -      -      -
ListStock/hub                       x      x      -      -      .      .      .
ListStock/ann                       x      x      x      -      .      .      .
ListStock/lone                      x      .      .      .      .      .      x
RequestTransfer/hub>ann             x      x      o      -      .      .      .
RequestTransfer/hub>bob             x      x      -      o      .      .      .
RequestTransfer/ann>hub             x      x      x      -      .      .      .
RequestTransfer/ann>bob             x      x      x      -      .      .      .
RequestTransfer/hub2>cid            x      .      .      .      x      o      .
RequestTransfer/hub>cid             x      .      .      .      .      .      .
RequestTransfer/ann>lone            x      .      .      .      .      .      .
RequestTransfer/lone>hub            x      .      .      .      .      .      .
QuickTransfer/hub>ann               x      -      o      -      .      .      .
QuickTransfer/hub>bob               x      -      -      o      .      .      .
QuickTransfer/ann>hub               x      x      -      -      .      .      .
QuickTransfer/ann>bob               x      x      -      -      .      .      .
QuickTransfer/hub2>cid              x      .      .      .      -      o      .
QuickTransfer/ann>cid               x      .      .      .      .      .      .
GetTransfer/hub>ann                 x      x      x      .      .      .      .
GetTransfer/ann>bob                 x      x      x      x      .      .      .
GetTransfer/hub2>cid                x      .      .      .      x      x      .
AcceptTransfer/hub>ann              x      -      x      .      .      .      .
AcceptTransfer/ann>hub              x      x      -      .      .      .      .
AcceptTransfer/ann>bob              x      x      -      x      .      .      .
AcceptTransfer/hub2>cid             x      .      .      .      -      x      .
DeclineTransfer/hub>ann             x      -      x      .      .      .      .
DeclineTransfer/ann>hub             x      x      -      .      .      .      .
DeclineTransfer/ann>bob             x      x      -      x      .      .      .
CancelTransfer/hub>ann              x      x      -      .      .      .      .
CancelTransfer/ann>hub              x      x      x      .      .      .      .
CancelTransfer/ann>bob              x      x      x      -      .      .      .
CancelTransfer/hub2>cid             x      .      .      .      x      -      .
RemoveTransferUnits/hub>ann         x      x      -      .      .      .      .
RemoveTransferUnits/ann>bob         x      x      x      -      .      .      .
ReturnTransfer/declined             x      -      -      -      .      .      .
PlaceStockingOrder/hub              x      x      -      -      .      .      .
PlaceStockingOrder/hub2             x      .      .      .      x      -      .
GetStockingOrder/hub                x      x      s      s      .      .      .
CreateCase/hub                      x      x      -      -      .      .      .
CreateCase/ann                      x      x      x      -      .      .      .
CreateCase/lone                     x      .      .      .      .      .      x
GetCase/hub                         x      x      .      .      .      .      .
GetCase/ann                         x      x      x      .      .      .      .
UpdateCase/hub                      x      x      .      .      .      .      .
UpdateCase/ann                      x      x      x      .      .      .      .
CloseCase/hub                       x      x      .      .      .      .      .
CloseCase/ann                       x      x      x      .      .      .      .
ReopenCase/ann                      x      x      x      .      .      .      .
MarkUsed/hub own                    x      x      .      .      .      .      .
MarkUsed/ann own                    x      x      x      .      .      .      .
MarkUsed/ann hub                    x      x      h      .      .      .      .
MarkUsed/cid hub                    x      .      .      .      x      h      .
MarkUsed/lone hub                   H      .      .      .      .      .      H
UnmarkUsed/hub                      x      x      .      .      .      .      .
UnmarkUsed/ann                      x      x      x      .      .      .      .
ListUsages/ann                      x      x      x      .      .      .      .
AddComment/hub                      x      x      .      .      .      .      .
AddComment/ann                      x      x      x      .      .      .      .
ListComments/ann                    x      x      x      .      .      .      .
SetParLevel/hub                     x      x      -      -      .      .      .
SetParLevel/ann                     x      x      x      -      .      .      .
DeleteParLevel/hub                  x      x      .      .      .      .      .
DeleteParLevel/ann                  x      x      x      .      .      .      .
ListNotifications/hub               x      x      .      .      .      .      .
ListNotifications/ann               x      .      x      .      .      .      .
WatchNotifications/ann              x      .      x      .      .      .      .
MarkNotificationsRead/ann           x      .      x      .      .      .      .
"""
ROWS = {row[:36].strip(): row[36:].split() for row in TABLE.strip("\n").splitlines()[1:]}
CALLERS = TABLE.split()[:7]


class World(NamedTuple):
    """A tenant with two pools, and what its persons have; `ids` names what the service named."""

    service: Pooling
    tenant: str
    ids: Mapping[str, str]
    on: bool

    def caller(self, who: str) -> Caller:
        """One of its persons; nobody: another service."""
        return self.service.caller(self.tenant, user=who)


async def populated(caller: Caller, *, on: bool) -> dict[str, str]:
    """Give the tenant two pools, transfers that wait, a declined one, cases with marks, and par levels; what each is
    called."""
    await caller.user("boss", ADMINISTRATOR)
    await caller.user("free", DISTRIBUTOR)
    for rep in ("lone", "idle"):
        await caller.user(rep)
    await caller.pool("north", "hub", "ann", "bob", on=on)
    await caller.pool("south", "hub2", "cid", on=on)
    ids: dict[str, str] = {}
    for pair in ("hub>ann", "ann>hub", "ann>bob", "hub2>cid", "declined"):
        sender, recipient = ("ann>bob" if pair == "declined" else pair).split(">")
        asked = {"sender": sender, "recipient": recipient, "lines": LINES}
        ids[f"transfer {pair}"] = (await caller.do("RequestTransfer", **asked)).transfer.transfer
    await caller.do("DeclineTransfer", transfer=ids["transfer declined"], reason="Not mine.")
    placed = await caller.do("PlaceStockingOrder", hub="hub", facility="CLINIC", lines=LINES)
    ids["stocking hub"] = placed.stocking_order.stocking_order
    for user in ("hub", "ann", "cid", "lone"):
        case = (await caller.do("CreateCase", case={"kind": 1, "user": user})).case.case
        used = await caller.do("MarkUsed", case=case, custody=OWN, lines=LINES)
        ids |= {f"case {user}": case, f"usage {user}": used.usages[0].usage}
        level = {"custodian": user, "product": {"sku": "NAIL"}, "par": 5}
        await caller.do("SetParLevel", par_level=level)
    await caller.do("AddComment", case=ids["case ann"], text="Where is it, @ann?")
    [told] = (await caller.do("ListNotifications", user="ann")).notifications
    return {**ids, "notification ann": told.notification}


@pytest.fixture(scope="module", params=[True, False], ids=["on", "off"])
async def world(request: pytest.FixtureRequest, postgres: PostgresForTests) -> AsyncIterator[World]:
    """The tenant, with the switch of both pools on, and off."""
    with postgres.fresh("weir_ledger", "weir_pooling") as fresh:
        async with ledger(fresh) as beneath, pooling(fresh, ledger=beneath.server.address) as service:
            books = beneath.caller("acme")
            await books.place("W1")
            shelf = {"location": "CLINIC", "kind": ledger_pb2.LOCATION_KIND_FACILITY}
            await books.do("CreateLocation", location=shelf)
            await books.record(*(movement(RECEIVE, item("NAIL", custodian=each), 20) for each in PERSONS))
            yield World(service, "acme", await populated(service.caller(), on=request.param), request.param)


def asked(action: str, thing: str, ids: Mapping[str, str]) -> dict[str, Any]:
    """The request of an action on somebody's thing."""
    user, _, more = thing.partition(" ")
    sender, _, recipient = thing.partition(">")
    transfer = {"transfer": ids.get(f"transfer {thing}", thing)}
    case = {"case": ids.get(f"case {user}", user)}
    pool = {"pool": thing, "hub": "free" if thing == "new" else "hub"}
    level = {"custodian": thing, "product": {"sku": "NAIL"}}
    requests: tuple[tuple[str, dict[str, Any]], ...] = (
        ("CreateUser UpdateUser", {"user": {"user": thing, "role": REP}}),
        ("GetUser DeleteUser", {"user": thing}),
        ("CreatePool UpdatePool", {"pool": pool}),
        ("GetPool DeletePool", {"pool": thing}),
        ("SetHubAccess", {"pool": thing, "access_hub_stock": True}),
        ("ExportPooling WatchPooling", {}),
        ("ListStock", {"viewer": thing}),
        ("RequestTransfer QuickTransfer", {"sender": sender, "recipient": recipient, "lines": LINES}),
        ("GetTransfer AcceptTransfer CancelTransfer ReturnTransfer", transfer),
        ("DeclineTransfer", {**transfer, "reason": "Not mine."}),
        ("RemoveTransferUnits", {**transfer, "units": [{"line": 1, "quantity": 1}]}),
        ("PlaceStockingOrder", {"hub": thing, "facility": "CLINIC", "lines": LINES}),
        ("GetStockingOrder", {"stocking_order": ids.get(f"stocking {thing}", thing)}),
        ("CreateCase", {"case": {"kind": 1, "user": thing}}),
        ("UpdateCase", {"case": {"kind": 2, **case}}),
        ("GetCase CloseCase ReopenCase ListUsages ListComments", case),
        ("MarkUsed", {**case, "custody": HUB if more == "hub" else OWN, "lines": LINES}),
        ("UnmarkUsed", {**case, "units": [{"usage": ids.get(f"usage {user}", user), "quantity": 1}]}),
        ("AddComment", {**case, "text": "Done."}),
        ("SetParLevel", {"par_level": {**level, "par": 7}}),
        ("DeleteParLevel", level),
        ("ListNotifications WatchNotifications", {"user": thing}),
        ("MarkNotificationsRead", {"user": thing, "notifications": [ids["notification ann"]]}),
    )
    return next(fields for actions, fields in requests if action in actions.split())


async def outcome(caller: Caller, action: str, fields: dict[str, Any]) -> RecordedRefusal | None:
    """How a request ends that only checks where it would change anything; None where it is answered."""
    if not action.startswith(("Get", "List", *STREAMS)):
        fields = {**fields, "validate_only": True}
    try:
        if action in STREAMS:
            call = caller.stream(action, **fields)
            await call.read()
            call.cancel()
        else:
            await caller.do(action, **fields)
    except grpc.aio.AioRpcError as error:
        return status.told(error)
    return None


def letter(refused: RecordedRefusal | None) -> str:
    """What came of a request, as the table has it."""
    if refused is None:
        return "x"
    if refused.kind is Kind.UNKNOWN:
        return "."
    return {"AUTHORITY_INSUFFICIENT": "-", "HUB_ACCESS_OFF": "h"}[refused.reason]


def expected(cell: str, *, on: bool) -> str:
    """The letter that a cell of the table means, with the switch as it is."""
    return {"o": "x-", "h": "xh", "s": "x.", "H": "hh"}.get(cell, cell * 2)[0 if on else 1]


def renamed(fields: Any, name: str) -> Any:
    """The same fields, naming what is nowhere in place of `name`."""
    match fields:
        case dict():
            return {field: renamed(value, name) for field, value in fields.items()}
        case list():
            return [renamed(value, name) for value in fields]
    return ABSENT if fields == name else fields


async def deviations(world: World, name: str) -> AsyncIterator[str]:
    """Where a row of the table is not what happens, as sentences."""
    action, _, thing = name.partition("/")
    fields = asked(action, thing, world.ids)
    for who, cell in zip(CALLERS, ROWS[name], strict=True):
        refused = await outcome(world.caller(who), action, fields)
        if letter(refused) != expected(cell, on=world.on):
            yield f"{who}: {refused}"
        elif refused is not None and refused.kind is Kind.UNKNOWN:
            [named] = {value for value in refused.metadata.values() if value and value != "NAIL"}
            nowhere = await outcome(world.caller(who), action, renamed(fields, named))
            if nowhere is None or str(nowhere.to_record()).replace(ABSENT, named) != str(refused.to_record()):
                yield f"{who}: {refused}, but of what is nowhere: {nowhere}"


@pytest.mark.parametrize("name", ROWS)
async def test_who_may(world: World, name: str) -> None:
    """Each of them may do exactly what the table says; what he is told does not exist is not told apart from what is
    nowhere."""
    assert [each async for each in deviations(world, name)] == []


async def test_nobody_may_anything(world: World) -> None:
    """A caller who is nobody here is refused whatever he asks, for want of authority."""
    for name in ROWS:
        action, _, thing = name.partition("/")
        assert letter(await outcome(world.caller("stranger"), action, asked(action, thing, world.ids))) == "-", name


@pytest.mark.parametrize("name", ["SetHubAccess/north", "AcceptTransfer/hub2>cid", "MarkUsed/cid hub"])
async def test_a_service_may_what_an_administrator_may(world: World, name: str) -> None:
    """Another service that names nobody is answered as an administrator is."""
    action, _, thing = name.partition("/")
    assert await outcome(world.caller(""), action, asked(action, thing, world.ids)) is None


def test_the_table_is_whole() -> None:
    """Every rpc of the four services is in the table, but for those that show everybody his own part."""
    services = [service for service in protos.services() if service.full_name.startswith("weir.pooling.")]
    every = {method.name for service in services for method in service.methods}
    assert {name.partition("/")[0] for name in ROWS} == every - OF_ONES_OWN


def shared(self: Standing, custodian: str) -> bool:
    """The switch the wrong way round."""
    return self.pool is not None and custodian == self.pool.hub and not self.pool.access_hub_stock


@pytest.mark.parametrize(
    ("power", "sabotage", "name"),
    [
        ("names", lambda self, user: True, "GetUser/lone"),
        ("acts_for", lambda self, user: self.names(user), "CreateCase/hub"),
        ("shares", shared, "RequestTransfer/hub>ann"),
        ("receiving", lambda self, sender, recipient, action: Actor(self.user, recipient), "AcceptTransfer/hub>ann"),
        ("administering", lambda self, user, action: None, "SetHubAccess/north"),
    ],
)
async def test_a_wrong_power_would_be_seen(
    world: World, monkeypatch: pytest.MonkeyPatch, power: str, sabotage: Any, name: str
) -> None:
    """The control: where one of the powers is not as it shall be, what happens is not the table."""
    monkeypatch.setattr(Standing, power, sabotage)
    assert [each async for each in deviations(world, name)] != []


async def told(caller: Caller, method: str, until: Revision) -> set[str]:
    """The transfers and cases that a watch from the beginning tells of, up to a revision."""
    found: set[str] = set()
    watch = caller.stream(method)
    async with asyncio.timeout(DEADLINE_SECONDS):
        async for message in watch:
            if method == "WatchTransfers":
                found |= {each.transfer for each in message.transfers}
            else:
                found |= {each.case.case for each in message.changes if each.HasField("case")}
            if message.through.number >= until.number:
                break
    watch.cancel()
    return found


@pytest.mark.parametrize("who", CALLERS)
async def test_what_is_listed_is_what_can_be_got(world: World, who: str) -> None:
    """Lists and watches show each of them exactly those transfers, cases and stocking orders that he may get."""
    caller = world.caller(who)

    async def got(method: str, thing: str) -> set[str]:
        ids = {value for name, value in world.ids.items() if name.startswith(f"{thing} ")}
        field = {"stocking": "stocking_order"}.get(thing, thing)
        return {each for each in ids if await outcome(caller, method, {field: each}) is None}

    transfers, cases = await got("GetTransfer", "transfer"), await got("GetCase", "case")
    listed = await caller.do("ListTransfers")
    assert {each.transfer for each in listed.transfers} == transfers
    assert {each.case for each in (await caller.do("ListCases")).cases} == cases
    assert {each.case for each in (await caller.do("ListUsages")).usages} == cases
    orders = (await caller.do("ListStockingOrders")).stocking_orders
    assert {each.stocking_order for each in orders} == await got("GetStockingOrder", "stocking")
    assert await told(caller, "WatchTransfers", listed.revision) == transfers
    assert await told(caller, "WatchCases", listed.revision) == cases
    levels = {each.custodian for each in (await caller.do("ListParLevels")).par_levels}
    persons = {"hub", "ann", "cid", "lone"}
    assert levels == {"boss": persons, "hub": {"hub", "ann"}, "hub2": {"cid"}}.get(who, persons & {who})
