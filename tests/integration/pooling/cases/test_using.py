"""What is used, from whose custody, and comes back: once, whole, and never more than there is."""

from __future__ import annotations

import asyncio

from tests.kit.ledger import RECEIVE, item, movement
from tests.kit.ledger import Caller as Books
from tests.kit.pooling import Caller, Pooling, pooling
from tests.kit.postgres import FreshDatabase
from tests.kit.using import CLOSED, HUB, LOAN, OPEN, OWN, lying, mark, nail, opened
from weir.pooling.v1 import pool_pb2
from weir_chassis.errors import Kind


async def test_what_is_used_leaves_the_ledger_and_comes_back(rep: Caller, books: Books) -> None:
    """Units marked used are consumed from the custody chosen, lot by lot; unmarked they lie exactly where they lay, and
    the books balance."""
    case = await opened(rep, display_name="Surgery", facility="St. Mary", reference="S-1")
    own = await mark(rep, case, OWN, (nail("rep"), 2))
    shared = await mark(rep, case, HUB, (nail("", "L2"), 3), (nail("hub", "L1"), 1))
    assert await lying(books) == [1, 5, 1]
    assert [
        (each.custody, each.stock_item.custodian, each.stock_item.lot, each.quantity) for each in shared.usages
    ] == [
        (HUB, "hub", "L2", 3),
        (HUB, "hub", "L1", 1),
    ]
    assert own.usages[0].marked_by == pool_pb2.Actor(user="rep", acting_for="rep")
    assert not own.usages[0].under_way
    consumed = (await books.entries())[-2:]
    assert {each.reference for each in consumed} == {f"case/{case.case}"}
    back = await rep.do(
        "UnmarkUsed",
        case=case.case,
        units=[{"usage": shared.usages[0].usage, "quantity": 1}, {"usage": own.usages[0].usage}],
    )
    assert [(each.quantity, each.unmarked, each.under_way) for each in back.usages] == [(3, 1, False), (2, 2, False)]
    assert await lying(books) == [3, 5, 2]
    listed = await rep.do("ListUsages", case=case.case)
    assert [(each.stock_item.lot, each.quantity - each.unmarked) for each in listed.usages] == [
        ("L1", 1), ("L2", 2), ("L1", 0),
    ]  # fmt: skip
    assert back.usages[0] in listed.usages
    assert await books.verify() == []


async def test_what_is_not_available_is_not_used(caller: Caller, rep: Caller, books: Books, tenant: str) -> None:
    """All lines are used or none: too many units, or promised ones, refuse the whole request, each line by name, and
    the refusal is what becomes of the request for ever."""
    case = await opened(rep)
    await books.confirmed((nail("rep"), 2))
    asked = {
        "case": case.case,
        "custody": OWN,
        "lines": [{"stock_item": item("SAW"), "quantity": 1}, {"stock_item": nail(""), "quantity": 2}],
        "request_id": "twice",
    }
    told = await rep.refused("MarkUsed", **asked)
    assert (told.kind, told.reason) == (Kind.UNMET, "INSUFFICIENT_STOCK")
    assert [each.field for each in told.violations] == ["lines[0]", "lines[1]"]
    assert await lying(books) == [1, 6, 4]
    await books.record(movement(RECEIVE, nail("rep"), 9), movement(RECEIVE, item("SAW", custodian="rep"), 9))
    assert (await rep.refused("MarkUsed", **asked)).reason == "INSUFFICIENT_STOCK"
    assert not (await rep.do("ListUsages")).usages
    await rep.do("MarkUsed", **{**asked, "request_id": "again"})
    assert await lying(books) == [8, 6, 4]


async def test_a_request_is_carried_out_once(rep: Caller, books: Books) -> None:
    """However often a mark or its taking back arrives, it is done once and answered alike; the name is not good for
    anything else, nor for anybody else; a check says what would happen, does nothing, and uses up no name."""
    case = await opened(rep)
    asked = {"case": case.case, "custody": HUB, "lines": [{"stock_item": nail(""), "quantity": 2}], "request_id": "m"}
    foreseen = await rep.do("MarkUsed", **asked, validate_only=True)
    assert [(each.quantity, each.custody) for each in foreseen.usages] == [(2, HUB)]
    assert not foreseen.HasField("ledger_revision")
    assert await lying(books) == [3, 6, 4]
    first = await rep.do("MarkUsed", **asked)
    assert first == await rep.do("MarkUsed", **asked)
    assert await lying(books) == [3, 4, 4]
    assert (await rep.refused("MarkUsed", **{**asked, "custody": OWN})).reason == "REQUEST_ID_REUSED"
    units = [{"usage": first.usages[0].usage}]
    foreseen = await rep.do("UnmarkUsed", case=case.case, units=units, validate_only=True)
    assert [(each.unmarked, each.under_way) for each in foreseen.usages] == [(2, False)]
    assert await lying(books) == [3, 4, 4]
    back = await rep.do("UnmarkUsed", case=case.case, units=units, request_id="u")
    assert back == await rep.do("UnmarkUsed", case=case.case, units=units, request_id="u")
    assert await lying(books) == [3, 6, 4]
    assert back.ledger_revision.context == "ledger"
    assert (back.revision.context, back.revision.number) == ("pooling", first.revision.number + 2)


async def test_no_more_comes_back_than_was_used(rep: Caller, books: Books) -> None:
    """More than is marked is refused, however it was named, and so is what was marked elsewhere or nowhere."""
    case, other = await opened(rep), await opened(rep)
    usage = (await mark(rep, case, OWN, (nail("rep"), 3))).usages[0].usage
    await rep.do("UnmarkUsed", case=case.case, units=[{"usage": usage, "quantity": 2}])
    told = await rep.refused("UnmarkUsed", case=case.case, units=[{"usage": usage, "quantity": 2}])
    assert (told.reason, told.metadata) == ("USAGE_EXCEEDED", {"usage": usage, "requested": "2", "marked": "1"})
    await rep.do("UnmarkUsed", case=case.case, units=[{"usage": usage}])
    told = await rep.refused("UnmarkUsed", case=case.case, units=[{"usage": usage}])
    assert told.metadata == {"usage": usage, "requested": "1", "marked": "0"}
    for case_named, named in ((other, usage), (case, "nothing")):
        told = await rep.refused("UnmarkUsed", case=case_named.case, units=[{"usage": named}])
        assert (told.kind, told.reason) == (Kind.UNKNOWN, "USAGE_NOT_FOUND")
        assert told.metadata == {"usage": named, "case": case_named.case}
    assert await lying(books) == [3, 6, 4]


async def test_closed_cases_refuse_changes(rep: Caller, hub: Caller, books: Books) -> None:
    """In a closed case nothing is marked, unmarked or changed, but something may be said; it is closed once, and opened
    again it is as before."""
    case = await opened(rep)
    usage = (await mark(rep, case, OWN, (nail("rep"), 1))).usages[0].usage
    closed = (await hub.do("CloseCase", case=case.case)).case
    assert (closed.state, closed.closed_by) == (CLOSED, pool_pb2.Actor(user="hub", acting_for="rep"))
    assert closed.HasField("close_time")
    assert (await rep.do("CloseCase", case=case.case)).case == closed
    lines = [{"stock_item": nail(""), "quantity": 1}]
    for method, asked in (
        ("MarkUsed", {"case": case.case, "custody": OWN, "lines": lines}),
        ("UnmarkUsed", {"case": case.case, "units": [{"usage": usage}]}),
        ("UpdateCase", {"case": {"case": case.case, "kind": LOAN}}),
    ):
        told = await rep.refused(method, **asked)
        assert (told.kind, told.reason, told.metadata) == (Kind.UNMET, "CASE_CLOSED", {"case": case.case})
    await rep.do("AddComment", case=case.case, text="Said afterwards.")
    again = (await rep.do("ReopenCase", case=case.case, etag=closed.etag)).case
    assert (again.state, again.HasField("closed_by"), again.HasField("close_time")) == (OPEN, False, False)
    assert (await rep.do("ReopenCase", case=case.case)).case == again
    assert (await rep.refused("CloseCase", case=case.case, etag=closed.etag)).reason == "ETAG_STALE"
    await rep.do("UnmarkUsed", case=case.case, units=[{"usage": usage}])
    assert await lying(books) == [3, 6, 4]


async def test_from_whose_custody(
    service: Pooling, caller: Caller, rep: Caller, hub: Caller, books: Books, tenant: str
) -> None:
    """Hub stock is used in a member's case while the switch is on, by the hub and an administrator always; in the
    case of a person in no pool never; what was used comes back whatever the switch says. A line that names another
    custodian than is meant is refused."""
    case = await opened(rep)
    usage = (await mark(rep, case, HUB, (nail(""), 2))).usages[0].usage
    await caller.do("SetHubAccess", pool="north", access_hub_stock=False)
    lines = [{"stock_item": nail(""), "quantity": 1}]
    told = await rep.refused("MarkUsed", case=case.case, custody=HUB, lines=lines)
    assert (told.kind, told.reason, told.metadata) == (Kind.UNMET, "HUB_ACCESS_OFF", {"user": "rep", "pool": "north"})
    for entitled in (hub, caller):
        await mark(entitled, case, HUB, (nail("hub"), 1))
    assert await lying(books) == [3, 2, 4]
    await rep.do("UnmarkUsed", case=case.case, units=[{"usage": usage}])
    assert await lying(books) == [3, 4, 4]
    await caller.user("lone")
    told = await caller.refused("MarkUsed", case=(await opened(caller, user="lone")).case, custody=HUB, lines=lines)
    assert (told.reason, told.metadata) == ("HUB_ACCESS_OFF", {"user": "lone", "pool": ""})
    told = await rep.refused(
        "MarkUsed", case=case.case, custody=OWN, lines=[*lines, {"stock_item": nail("hub", "L2"), "quantity": 1}]
    )
    assert told.reason == "REQUEST_MALFORMED"
    assert [each.field for each in told.violations] == ["lines[1].stock_item.custodian"]
    own = await opened(hub)
    assert [each.custody for each in (await mark(hub, own, HUB, (nail("hub"), 1))).usages] == [OWN]


async def test_units_are_used_once_whoever_is_quicker(rep: Caller, hub: Caller, books: Books) -> None:
    """Of many who would use the last units at once, in one case and in several, just as many succeed as there are
    units; what was not used was refused."""
    cases = [await opened(rep), await opened(rep)]
    asked = [{"case": cases[number % 2].case, "custody": OWN, "lines": [{"stock_item": nail(""), "quantity": 1}]}
             for number in range(8)]  # fmt: skip
    ended = await asyncio.gather(*(rep.do("MarkUsed", **fields) for fields in asked), return_exceptions=True)
    assert sum(not isinstance(each, BaseException) for each in ended) == 3
    assert await lying(books) == [0, 6, 4]
    marked = [page.usages async for page in rep.pages("ListUsages", 100)]
    assert sum(each.quantity for usages in marked for each in usages) == 3


async def test_a_mark_and_the_end_of_its_case(rep: Caller, books: Books) -> None:
    """Where a case is closed while units are being marked in it, a mark is there when the answer to the closing comes,
    or is refused: nothing is marked in a closed case."""
    for number in range(3):
        case = await opened(rep)
        marking = asyncio.create_task(mark(rep, case, OWN, (nail("rep"), 1)))
        await rep.do("CloseCase", case=case.case)
        there = (await rep.do("ListUsages", case=case.case)).usages
        ended = (await asyncio.gather(marking, return_exceptions=True))[0]
        assert isinstance(ended, BaseException) == (not there), number
        assert list((await rep.do("ListUsages", case=case.case)).usages) == list(there)


async def test_without_the_ledger(database: FreshDatabase, rep: Caller, tenant: str) -> None:
    """Without the ledger nothing is used, and that is said; cases are opened, talked about and closed all the same."""
    async with pooling(database) as alone:
        person = alone.caller(tenant, user="rep")
        case = await opened(person)
        lines = [{"stock_item": nail(""), "quantity": 1}]
        asked = {"case": case.case, "custody": OWN, "lines": lines, "request_id": "later"}
        told = await person.refused("MarkUsed", **asked)
        assert (told.kind, told.reason) == (Kind.AWAY, "PEER_AWAY")
        await person.do("AddComment", case=case.case, text="No ledger.")
        await person.do("CloseCase", case=case.case)
    await rep.do("ReopenCase", case=case.case)
    await rep.do("MarkUsed", **asked)
