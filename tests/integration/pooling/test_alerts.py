"""AlertService over gRPC, with a ledger beneath: who may want how much, what opens and closes, who is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from tests.kit.calling import refusal
from tests.kit.ledger import RECEIVE, TRANSFER, Ledger, eventually, item, movement
from tests.kit.ledger import Caller as Books
from tests.kit.pooling import ADMINISTRATOR, Caller, Pooling, pooling
from tests.kit.postgres import FreshDatabase
from weir.pooling.v1 import alert_pb2, case_pb2
from weir_chassis.errors import Kind

OPEN, CLOSED = alert_pb2.ALERT_STATE_OPEN, alert_pb2.ALERT_STATE_CLOSED
NAIL = {"sku": "NAIL"}
DEADLINE_SECONDS = 20


@pytest.fixture
async def books(beneath: Ledger, tenant: str) -> Books:
    """A caller of the tenant's ledger, with two places."""
    caller = beneath.caller(tenant)
    await caller.place("W1", "clinic")
    return caller


@pytest.fixture
async def caller(service: Pooling, tenant: str) -> Caller:
    """A caller who is nobody here, and so an administrator; there are two pools."""
    caller = service.caller(tenant)
    await caller.pool("north", "hub", "rep", "rival", on=True)
    await caller.pool("south", "hub2", "cid")
    return caller


async def want(caller: Caller, custodian: str, par: int, location: str = "") -> Any:
    """Say how many nails there shall be; the par level."""
    level = {"custodian": custodian, "location": location, "product": NAIL, "par": par}
    return (await caller.do("SetParLevel", par_level=level)).par_level


async def put(books: Books, units: int, custodian: str, location: str = "W1") -> None:
    """Nails come to lie in somebody's custody."""
    await books.record(movement(RECEIVE, item("NAIL", location, custodian=custodian), units))


async def alerts(caller: Caller, **asked: Any) -> list[tuple[str, str, int, int, int]]:
    """Custodian, location, units that were available, par and state of each, as they are listed."""
    found = (await caller.do("ListAlerts", **asked)).alerts
    return [(each.custodian, each.location, each.available, each.par, each.state) for each in found]


def told(caller: Caller, *expected: Any) -> Callable[[], Awaitable[bool]]:
    """Whether exactly these alerts are listed."""

    async def holds() -> bool:
        return await alerts(caller) == list(expected)

    return holds


@asynccontextmanager
async def watching(caller: Caller, method: str, field: str, **asked: Any) -> AsyncIterator[Callable[[int], Any]]:
    """Within the block a watch stands; asked for so many objects it waits until they came."""
    call = caller.stream(method, **asked)
    messages: list[Any] = []

    async def came(count: int) -> list[Any]:
        found: list[Any] = []
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(found) < count:
                message = await call.read()
                assert message is not grpc.aio.EOF
                assert not messages or message.through.number >= messages[-1].through.number
                messages.append(message)
                found += getattr(message, field)
                assert message.HasField("recorded_time") == bool(getattr(message, field))
        return found

    try:
        yield came
    finally:
        call.cancel()


async def test_an_alert_opens_and_closes_with_the_books(caller: Caller, books: Books) -> None:
    """Below the par level an alert opens, which counts what is available in that custody only; with enough it
    closes."""
    await put(books, 9, "rival")
    await put(books, 3, "rep")
    await want(caller, "rep", 5)
    await eventually(told(caller, ("rep", "", 3, 5, OPEN)))
    await put(books, 2, "rep", "clinic")
    await eventually(told(caller, ("rep", "", 3, 5, CLOSED)))
    one = (await caller.do("ListAlerts")).alerts[0]
    assert one.open_time.ToDatetime() <= one.close_time.ToDatetime()


async def test_the_shelf_of_a_facility(caller: Caller, books: Books) -> None:
    """At a place only what lies there counts: 10 of the hub elsewhere are no help to its clinic."""
    await put(books, 10, "hub")
    await want(caller, "hub", 2, "clinic")
    await eventually(told(caller, ("hub", "clinic", 0, 2, OPEN)))
    moved = movement(TRANSFER, item("NAIL", custodian="hub"), 2, destination=item("NAIL", "clinic", custodian="hub"))
    await books.record(moved)
    await eventually(told(caller, ("hub", "clinic", 0, 2, CLOSED)))


async def test_everybody_sees_his_own_part(service: Pooling, caller: Caller, tenant: str, books: Books) -> None:
    """Par levels and alerts are listed for an administrator all, for the hub those of its pool, for a member his own;
    asked for another's there is none. Alerts come newest first, page by page."""
    for custodian in ("rep", "rival", "hub", "cid"):
        await want(caller, custodian, 1)
        await eventually(told_of(caller, custodian))
    everybody = ["cid", "hub", "rival", "rep"]
    seen = {"": everybody, "hub": everybody[1:], "rep": ["rep"], "hub2": ["cid"], "cid": ["cid"]}
    for user, custodians in seen.items():
        person = service.caller(tenant, user=user) if user else caller
        assert [each[0] for each in await alerts(person)] == custodians, user
        levels = (await person.do("ListParLevels")).par_levels
        assert [each.custodian for each in levels] == sorted(custodians), user
    rep, hub = service.caller(tenant, user="rep"), service.caller(tenant, user="hub")
    assert await alerts(rep, custodian="rival") == []
    assert [each[0] for each in await alerts(hub, custodian="rival", state=OPEN)] == ["rival"]
    assert await alerts(hub, state=CLOSED) == []
    assert list((await rep.do("ListParLevels", custodian="hub")).par_levels) == []
    pages = [[each.custodian for each in page.alerts] async for page in caller.pages("ListAlerts", 3)]
    assert pages == [everybody[:3], everybody[3:]]
    token = (await hub.do("ListAlerts", page_size=1)).next_page_token
    assert (await hub.refused("ListAlerts", page_size=1, page_token=token, state=OPEN)).reason == "PAGE_TOKEN_INVALID"


def told_of(caller: Caller, custodian: str) -> Callable[[], Awaitable[bool]]:
    """Whether there is an alert of somebody."""

    async def holds() -> bool:
        return bool(await alerts(caller, custodian=custodian))

    return holds


async def test_par_levels_are_set_changed_and_gone(service: Pooling, caller: Caller, tenant: str) -> None:
    """A par level reads back as it was set; a repetition changes nothing, an old etag is refused, and with it goes the
    alert."""
    first = await want(caller, "rep", 5)
    (listed,) = (await caller.do("ListParLevels")).par_levels
    assert (listed, await want(caller, "rep", 5)) == (first, first)
    after = await want(caller, "rep", 6)
    stale = {"custodian": "rep", "product": NAIL, "etag": first.etag}
    assert (await caller.refused("DeleteParLevel", **stale)).reason == "ETAG_STALE"
    await eventually(told_of(caller, "rep"))
    rival = service.caller(tenant, user="rival")
    missing = await rival.refused("DeleteParLevel", custodian="rep", product=NAIL)
    assert (missing.kind, missing.reason) == (Kind.UNKNOWN, "PAR_LEVEL_NOT_FOUND")
    assert missing.metadata == {"custodian": "rep", "location": "", "owner": "", "sku": "NAIL"}
    await service.caller(tenant, user="rep").do("DeleteParLevel", **{**stale, "etag": after.etag})
    assert [each[-1] for each in await alerts(caller)] == [CLOSED]
    assert list((await caller.do("ListParLevels")).par_levels) == []


async def test_a_restart_opens_nothing_twice(
    database: FreshDatabase, service: Pooling, beneath: Ledger, caller: Caller, books: Books, tenant: str
) -> None:
    """A second process that begins beside the first, and one that begins after the books went on, find what is so and
    open nothing anew."""
    await put(books, 1, "rep")
    await want(caller, "rep", 5)
    await want(caller, "rival", 1)
    expected = [("rival", "", 0, 1, OPEN), ("rep", "", 1, 5, OPEN)]

    async def both() -> bool:
        return sorted(await alerts(caller)) == sorted(expected)

    await eventually(both)
    async with pooling(database, ledger=beneath.server.address) as second:
        other = second.caller(tenant)
        await put(books, 9, "rival")

        async def closed() -> bool:
            return ("rival", "", 0, 1, CLOSED) in await alerts(other)

        await eventually(closed)
    assert len(await alerts(caller)) == 2


async def test_a_watch_shows_what_its_caller_may_see(service: Pooling, caller: Caller, tenant: str) -> None:
    """The hub is told of its pool's alerts and of nobody else's; once a member has left, of him no more; and the watch
    of somebody who is no person any more ends."""
    start = (await caller.do("ListAlerts")).revision
    hub = service.caller(tenant, user="hub")
    async with watching(hub, "WatchAlerts", "alerts", after=start) as came:
        await want(caller, "cid", 1)
        await eventually(told_of(caller, "cid"))
        await want(caller, "rep", 1)
        assert [each.custodian for each in await came(1)] == ["rep"]
        await caller.do("UpdatePool", pool={"pool": "north", "hub": "hub", "members": ["rival"]})
        await want(caller, "rep", 2)
        await eventually(par_of(caller, "rep", 2))
        await want(caller, "rival", 1)
        assert [each.custodian for each in await came(1)] == ["rival"]
    whole = service.caller(tenant, user="rep").stream("WatchAlerts", after=start)
    assert [each.custodian for each in (await whole.read()).alerts] == ["rep"]
    await caller.do("DeleteParLevel", custodian="rep", product=NAIL)
    await caller.do("DeleteUser", user="rep")

    async def to_the_end() -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while await whole.read() is not grpc.aio.EOF:
                pass

    ended = await refusal(to_the_end())
    assert (ended.kind, ended.reason) == (Kind.FORBIDDEN, "AUTHORITY_INSUFFICIENT")


def par_of(caller: Caller, custodian: str, par: int) -> Callable[[], Awaitable[bool]]:
    """Whether the newest alert of somebody tells this par."""

    async def holds() -> bool:
        return [each[3] for each in await alerts(caller, custodian=custodian)][:1] == [par]

    return holds


async def test_who_is_mentioned_is_told(service: Pooling, caller: Caller, tenant: str) -> None:
    """A comment with `@name` notifies that person, who reads it once; nobody else is told, but an administrator."""
    await caller.user("boss", ADMINISTRATOR)
    rep, hub = service.caller(tenant, user="rep"), service.caller(tenant, user="hub")
    case = (await rep.do("CreateCase", case={"kind": case_pb2.CASE_KIND_CASE})).case.case
    start = (await rep.do("ListNotifications")).revision
    async with watching(hub, "WatchNotifications", "notifications", after=start) as came:
        first = (await rep.do("AddComment", case=case, text="ask @boss")).comment
        second = (await rep.do("AddComment", case=case, text="or @hub, please")).comment
        (notified,) = await came(1)
        assert (notified.user, notified.comment, notified.author, notified.case) == ("hub", second.comment, "rep", case)
        assert (notified.text, notified.HasField("read_time")) == ("or @hub, please", False)
        read = (await hub.do("MarkNotificationsRead", notifications=[notified.notification])).notifications[0]
        assert await came(1) == [read]
    await rep.do("AddComment", case=case, text="@hub again")
    assert [each.text for each in (await hub.do("ListNotifications")).notifications] == ["@hub again", read.text]
    assert [each.text for each in (await hub.do("ListNotifications", unread_only=True)).notifications] == ["@hub again"]
    theirs = (await caller.do("ListNotifications", user="boss")).notifications
    assert [each.comment for each in theirs] == [first.comment]
    for asked in ({"user": "boss"}, {"user": "nobody"}):
        missing = await hub.refused("ListNotifications", **asked)
        assert (missing.kind, missing.reason, missing.metadata) == (Kind.UNKNOWN, "USER_NOT_FOUND", asked)
    stranger = await hub.refused("MarkNotificationsRead", notifications=[theirs[0].notification])
    assert (stranger.kind, stranger.reason) == (Kind.UNKNOWN, "NOTIFICATION_NOT_FOUND")
