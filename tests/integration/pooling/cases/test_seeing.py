"""Who sees which cases: as one, in lists, in reports, in comments and as a follower."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.kit.pooling import ADMINISTRATOR, Caller, Pooling
from tests.kit.using import CASE, CLOSED, HUB, LOAN, OPEN, OWN, mark, nail, opened
from weir.pooling.v1 import pool_pb2
from weir_chassis.errors import Kind


async def test_what_is_said_of_a_case_is_replaced(rep: Caller) -> None:
    """All that is said of a case is replaced, of the version that was meant; whose it is never changes."""
    case = await opened(rep, display_name="Surgery", facility="St. Mary", reference="S-1")
    asked = {"case": case.case, "kind": LOAN, "facility": "St. Anne", "user": "rep", "etag": case.etag}
    done = (await rep.do("UpdateCase", case=asked)).case
    assert (done.kind, done.display_name, done.facility, done.reference) == (LOAN, "", "St. Anne", "")
    assert (done.created_by, done.create_time) == (case.created_by, case.create_time)
    assert (await rep.refused("UpdateCase", case=asked)).reason == "ETAG_STALE"
    told = await rep.refused("UpdateCase", case={**asked, "user": "hub", "etag": ""})
    assert (told.reason, [each.field for each in told.violations]) == ("REQUEST_MALFORMED", ["case.user"])


async def test_whose_cases_are_seen(service: Pooling, caller: Caller, rep: Caller, hub: Caller, tenant: str) -> None:
    """An administrator, the person whose case it is and the hub of its pool see a case and may do all with it; for
    anybody else it does not exist, exactly as one that never did."""
    case = await opened(rep)
    usage = (await mark(rep, case, OWN, (nail("rep"), 3))).usages[0].usage
    named = {"case": case.case}
    requests: list[tuple[str, dict[str, Any]]] = [
        ("GetCase", named),
        ("UpdateCase", {"case": {**named, "kind": CASE}}),
        ("CloseCase", named),
        ("ReopenCase", named),
        ("MarkUsed", {**named, "custody": HUB, "lines": [{"stock_item": nail(""), "quantity": 1}]}),
        ("UnmarkUsed", {**named, "units": [{"usage": usage, "quantity": 1}]}),
        ("ListUsages", named),
        ("AddComment", {**named, "text": "Seen."}),
        ("ListComments", named),
    ]
    for who in ("rival", "other hub", "other rep"):
        stranger = service.caller(tenant, user=who)
        for method, fields in requests:
            told = await stranger.refused(method, **fields)
            assert (told.kind, told.reason, told.metadata) == (Kind.UNKNOWN, "CASE_NOT_FOUND", named), (who, method)
            absent = {**fields, "case": {**fields["case"], "case": "absent"} if method == "UpdateCase" else "absent"}
            none = await stranger.refused(method, **absent)
            assert none.message.replace("absent", case.case) == told.message
        assert not (await stranger.do("ListCases")).cases
        assert not (await stranger.do("ListCases", user="rep")).cases
        assert not (await stranger.do("ListUsages")).usages
        assert not (await stranger.do("ReportUsage", from_time=datetime(2000, 1, 1, tzinfo=UTC))).sums
    nobody = service.caller(tenant, user="nobody")
    for method, fields in [*requests, ("ListCases", {}), ("CreateCase", {"case": {"kind": CASE}})]:
        assert (await nobody.refused(method, **fields)).reason == "AUTHORITY_INSUFFICIENT", method
    for entitled in (caller, hub, rep):
        for method, fields in requests:
            await entitled.do(method, **fields)
        assert [each.case for each in (await entitled.do("ListCases", user="rep")).cases] == [case.case]


async def test_for_whom_a_case_is_opened(
    service: Pooling, caller: Caller, rep: Caller, hub: Caller, tenant: str
) -> None:
    """A case is the caller's own, or that of somebody he acts for, and the record says both; nobody opens one for a
    fellow, and persons whom he cannot name, or who do not exist, are not found."""
    assert (await opened(rep)).created_by == pool_pb2.Actor(user="rep", acting_for="rep")
    assert (await opened(hub, user="rep")).created_by == pool_pb2.Actor(user="hub", acting_for="rep")
    boss = await opened(caller, user="other rep")
    assert (boss.user, boss.created_by.acting_for) == ("other rep", "other rep")
    told = await rep.refused("CreateCase", case={"kind": CASE, "user": "rival"})
    assert (told.kind, told.reason) == (Kind.FORBIDDEN, "AUTHORITY_INSUFFICIENT")
    for asking, user in ((rep, "other rep"), (hub, "other hub"), (rep, "nobody"), (caller, "nobody")):
        told = await asking.refused("CreateCase", case={"kind": CASE, "user": user})
        assert (told.reason, told.metadata) == ("USER_NOT_FOUND", {"user": user})
    assert (await caller.refused("CreateCase", case={"kind": CASE})).reason == "USER_NOT_FOUND"


async def test_lists_are_newest_first(rep: Caller, hub: Caller, caller: Caller) -> None:
    """Cases are listed newest first, page by page, those that the filters let through; so is what was used in them."""
    cases = [await opened(rep, facility="St. Mary" if number % 2 else "") for number in range(5)]
    cases.append(await opened(hub, kind=LOAN))
    await opened(caller, user="other rep")
    names = [each.case for each in reversed(cases)]
    pages = [page async for page in hub.pages("ListCases", 2)]
    assert [each.case for page in pages for each in page.cases] == names
    assert [len(page.cases) for page in pages] == [2, 2, 2]
    await rep.do("CloseCase", case=names[3])

    async def found(**asked: Any) -> list[str]:
        return [each.case for each in (await hub.do("ListCases", **asked)).cases]

    assert await found(user="rep") == names[1:]
    assert await found(user="rep", facility="St. Mary") == [names[2], names[4]]
    assert await found(kind=LOAN) == names[:1]
    assert await found(state=CLOSED) == [names[3]]
    assert await found(state=OPEN, facility="nowhere") == []
    for name in (names[1], names[2]):
        await rep.do("MarkUsed", case=name, custody=HUB, lines=[{"stock_item": nail(""), "quantity": 1}])
    pages = [page async for page in hub.pages("ListUsages", 1)]
    assert [each.case for page in pages for each in page.usages] == [names[1], names[2]]


async def test_comments_notify_who_is_mentioned(
    service: Pooling, caller: Caller, rep: Caller, hub: Caller, tenant: str
) -> None:
    """Words on a case are listed oldest first; a person of the pool or an administrator who is named after an `@` is
    notified once, nobody else and never the author."""
    await caller.user("boss", ADMINISTRATOR)
    case = await opened(rep)
    text = "Two left, @hub. @rival and @boss, see L1; @rep knows, @hub too. @other rep @nobody"
    said = (await rep.do("AddComment", case=case.case, text=text)).comment
    assert (said.text, said.author, list(said.mentions)) == (text, "rep", ["boss", "hub", "rival"])
    answer = (await hub.do("AddComment", case=case.case, text="Thanks, @rep")).comment
    listed = [page async for page in rep.pages("ListComments", 1, case=case.case)]
    assert [each for page in listed for each in page.comments] == [said, answer]
    for who, texts in (("hub", [text]), ("rival", [text]), ("boss", [text]), ("rep", ["Thanks, @rep"])):
        told = (await service.caller(tenant, user=who).do("ListNotifications")).notifications
        assert [(each.text, each.case, each.user) for each in told] == [(each, case.case, who) for each in texts]
    assert told[0].comment == answer.comment
    assert told[0].author == "hub"


async def test_followers_see_what_they_may(
    service: Pooling, caller: Caller, rep: Caller, hub: Caller, tenant: str
) -> None:
    """Whoever follows cases is told of every change of those he may see, whole commits in order, and of no other."""
    after = (await rep.do("ListCases")).revision
    other = await opened(caller, user="other rep")
    case = await opened(rep)
    usage = (await mark(rep, case, OWN, (nail("rep"), 1))).usages[0]
    back = (await rep.do("UnmarkUsed", case=case.case, units=[{"usage": usage.usage}])).usages[0]
    said = (await rep.do("AddComment", case=case.case, text="Done.")).comment
    closed = (await rep.do("CloseCase", case=case.case)).case
    end = (await opened(caller, user="rep")).case

    async def followed(who: Caller) -> list[Any]:
        found: list[Any] = []
        stream = who.stream("WatchCases", after=after)
        async for message in stream:
            found += [getattr(each, each.WhichOneof("object")) for each in message.changes]
            if found and getattr(found[-1], "case", "") == end:
                stream.cancel()
                return found[:-1]
        raise AssertionError("the watch ended")

    for who in (rep, hub):
        seen = await followed(who)
        assert [each for each in seen if not getattr(each, "under_way", False)] == [case, usage, back, said, closed]
        assert sum(getattr(each, "under_way", False) for each in seen) == 1
    assert (await followed(caller))[0] == other


async def test_who_used_what_from_whose_custody(
    service: Pooling, caller: Caller, rep: Caller, hub: Caller, tenant: str
) -> None:
    """Units are summed up by custodian, person, kind of case and lot, of a time, without what was taken back; a rep is
    told of his cases, a hub of all from its custody, too, also by those who have left."""
    first, second, lent = await opened(rep), await opened(rep), await opened(rep, kind=LOAN)
    began = datetime.now(UTC)
    await mark(rep, first, OWN, (nail("rep"), 2))
    await mark(rep, first, HUB, (nail("hub"), 1), (nail("hub", "L2"), 1))
    gone = await mark(rep, second, HUB, (nail("hub"), 3))
    await mark(rep, lent, HUB, (nail("hub", "L2"), 2))
    between = datetime.now(UTC)
    await mark(hub, await opened(hub), OWN, (nail("hub"), 1))
    await rep.do("UnmarkUsed", case=second.case, units=[{"usage": gone.usages[0].usage, "quantity": 1}])

    async def told(by: Caller, **asked: Any) -> list[tuple[str, str, int, str, int, int]]:
        pages = [page async for page in by.pages("ReportUsage", 2, **{"from_time": began, **asked})]
        return [
            (each.custodian, each.user, each.kind, each.lot, each.quantity, each.cases)
            for page in pages for each in page.sums
        ]  # fmt: skip

    shared = [("hub", "rep", CASE, "L1", 3, 2), ("hub", "rep", CASE, "L2", 1, 1), ("hub", "rep", LOAN, "L2", 2, 1)]
    own, hubs = ("rep", "rep", CASE, "L1", 2, 1), ("hub", "hub", CASE, "L1", 1, 1)
    assert await told(rep) == [*shared, own]
    assert await told(hub) == [hubs, *shared, own]
    assert await told(hub, user="rep") == [*shared, own]
    assert await told(hub, custodian="hub", until_time=between) == shared
    assert await told(caller, custodian="rep") == [own]
    assert await told(rep, from_time=between) == []
    await rep.do("UnmarkUsed", case=second.case, units=[{"usage": gone.usages[0].usage}])
    assert ("hub", "rep", CASE, "L1", 1, 1) in await told(rep)
    await caller.do("UpdatePool", pool={"pool": "north", "hub": "hub", "members": ["rival"]})
    assert [each[:2] for each in await told(hub)] == [("hub", "hub"), *[("hub", "rep")] * 3]
    assert not (await hub.do("ListCases", user="rep")).cases


async def test_a_time_has_a_beginning_before_its_end(rep: Caller) -> None:
    """A report is of some time: its beginning is required, its end is later."""
    now = datetime.now(UTC)
    told = await rep.refused("ReportUsage")
    assert [each.field for each in told.violations] == ["from_time"]
    for end in (now, now - timedelta(seconds=1)):
        told = await rep.refused("ReportUsage", from_time=now, until_time=end)
        assert [each.field for each in told.violations] == ["until_time"]
