"""Streams of an import: broken, resumed, repeated, two at once; each line is settled once, and memory stays bounded."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from tests.kit.calling import refusal
from tests.kit.ledger import COUNT, Caller, Ledger, ledger, movement
from tests.kit.postgres import FreshDatabase
from tests.kit.snapshots import imported, line, message, moment, opening, progress, settled
from weir.ledger.v1 import ledger_pb2, snapshot_pb2
from weir.ledger.v1 import ledger_service_pb2 as pb
from weir_ledger.domain.imports import ImportLines
from weir_ledger.servicer import importing

RUNNING, DONE, REFUSED = (
    snapshot_pb2.SNAPSHOT_IMPORT_STATE_RUNNING, snapshot_pb2.SNAPSHOT_IMPORT_STATE_DONE,
    snapshot_pb2.SNAPSHOT_IMPORT_STATE_REFUSED,
)  # fmt: skip


def figures(first: int, last: int) -> list[snapshot_pb2.SnapshotLine]:
    """Lines of so many stock items, each of as many units as its number."""
    return [line(f"S{number}", number) for number in range(first, last + 1)]


async def counted(caller: Caller) -> Counter[tuple[str, int]]:
    """How often each stock item was counted to how many units."""
    found = await caller.entries(kinds=[COUNT])
    stock = [each for each in found if each.account == ledger_pb2.ACCOUNT_STOCK]
    return Counter((each.stock_item.product.sku, each.on_hand) for each in stock)


def once(last: int) -> Counter[tuple[str, int]]:
    """Each of so many stock items counted once."""
    return Counter({(f"S{number}", number): 1 for number in range(1, last + 1)})


async def broken(caller: Caller, *messages: pb.ImportSnapshotRequest, after: int) -> None:
    """Send messages, and go away when the line before `after` is settled."""
    call = caller.send("ImportSnapshot", None)
    for each in messages:
        await call.write(each)
    await settled(caller, messages[0].request_id, after)
    call.cancel()
    await asyncio.wait([asyncio.ensure_future(call.code())])


async def test_messages_are_numbered_on(acme: Caller) -> None:
    """A message's lines follow on those before it unless it says where they begin, and it may repeat some."""
    told = opening(lines=figures(1, 3))
    done = await imported(
        acme, told, message(figures(4, 5)), message(figures(3, 6), first_line=3), message([]), message(figures(7, 8))
    )
    assert (done.snapshot_import.applied, done.snapshot_import.next_line) == (8, 9)
    assert await counted(acme) == once(8)


async def test_an_import_shows_how_far_it_is(acme: Caller) -> None:
    """While lines are awaited it is RUNNING and names the line to go on with; what was settled is applied already."""
    told = opening(lines=figures(1, 3))
    call = acme.send("ImportSnapshot", None)
    await call.write(told)
    found = await settled(acme, told.request_id, 4)
    assert (found.state, found.next_line, found.applied) == (RUNNING, 4, 3)
    assert await counted(acme) == once(3)
    await call.done_writing()
    assert (await call).snapshot_import.state == DONE
    ended = await progress(acme, told.request_id)
    assert ended is not None
    assert (ended.state, ended.create_time) == (DONE, found.create_time)
    assert ended.update_time.ToNanoseconds() > found.update_time.ToNanoseconds()


@pytest.mark.parametrize("resumed_from", [1, 2, 3, 4, 5])
async def test_a_broken_stream_is_resumed(acme: Caller, resumed_from: int) -> None:
    """After a break the stream may be sent again from any line up to the one expected: each line is applied once."""
    told = opening(lines=figures(1, 2))
    await broken(acme, told, message(figures(3, 4)), after=5)
    found = await progress(acme, told.request_id)
    assert found is not None
    assert (found.state, found.next_line) == (RUNNING, 5)
    again = opening(request_id=told.request_id, feed=told.feed, first_line=resumed_from, lines=figures(resumed_from, 5))
    done = await imported(acme, again, message(figures(6, 9)))
    assert (done.snapshot_import.state, done.snapshot_import.applied, done.snapshot_import.next_line) == (DONE, 9, 10)
    assert await counted(acme) == once(9)
    assert await acme.verify() == []


async def test_a_gap_is_refused(acme: Caller) -> None:
    """Lines that do not follow on are refused with the one expected; those before the gap are settled."""
    told = opening(lines=figures(1, 2))
    refused = await refusal(imported(acme, told, message(figures(4, 5), first_line=4)))
    assert (refused.reason, refused.metadata["expected"], refused.metadata["line"]) == ("SNAPSHOT_GAP", "3", "4")
    assert await counted(acme) == once(2)
    refused = await refusal(imported(acme, opening(first_line=2, lines=figures(2, 2))))
    assert refused.metadata["expected"] == "1"


async def test_a_finished_import_answers_again(acme: Caller) -> None:
    """The whole stream again, or any beginning of it, answers what it answered first, and moves nothing."""
    messages = [opening(lines=[*figures(1, 2), line("", 3)]), message(figures(4, 6))]
    first = await imported(acme, *messages)
    assert (first.snapshot_import.applied, len(first.refused_lines)) == (5, 1)
    head = await acme.head()
    for again in (messages, messages[:1], [opening(request_id=messages[0].request_id, feed=messages[0].feed)]):
        assert await imported(acme, *again) == first
    assert await acme.head() == head


async def test_other_contents_are_refused(acme: Caller) -> None:
    """Another feed under the same request id is refused before any line is looked at, and so are lines beyond the
    end.
    """
    told = opening(lines=figures(1, 2))
    await imported(acme, told)
    other = opening(request_id=told.request_id, feed=told.feed, lines=figures(1, 3))
    assert (await refusal(imported(acme, other))).reason == "REQUEST_ID_REUSED"
    other.feed.reference = "other"
    assert (await refusal(imported(acme, other))).reason == "REQUEST_ID_REUSED"
    assert await counted(acme) == once(2)


async def test_two_streams_at_once(acme: Caller, twin: Caller) -> None:
    """Two streams of one import at once, at two ledgers: both are answered, and each line is applied once."""
    told = opening(lines=figures(1, 100))
    messages = [told, *(message(figures(first, first + 99)) for first in range(101, 1001, 100))]
    answers = await asyncio.gather(imported(acme, *messages), imported(twin, *messages))
    assert [each.snapshot_import.applied for each in answers] == [1000, 1000]
    assert await counted(acme) == once(1000)
    assert await acme.verify() == []


async def test_two_streams_of_all_or_nothing_and_absent_items(acme: Caller, twin: Caller) -> None:
    """Whatever streams of one import do beside each other, staged lines are applied and absent items zeroed once."""
    await acme.record(*(movement(COUNT, f"absent {number}", 1) for number in range(20)))
    messages = [
        opening(
            all_or_nothing=True, full_scopes=[{"location": "W1"}], absent_items=snapshot_pb2.ABSENT_ITEMS_SET_TO_ZERO,
            lines=figures(1, 50),
        ),
        message(figures(51, 100)),
    ]  # fmt: skip
    answers = await asyncio.gather(*(imported(each, *messages) for each in (acme, twin) * 2))
    assert {(each.snapshot_import.applied, each.snapshot_import.zeroed) for each in answers} == {(100, 20)}
    zeroed = Counter({(f"absent {number}", units): 1 for number in range(20) for units in (0, 1)})
    assert await counted(acme) == once(100) + zeroed


async def test_a_client_that_goes_away_at_the_end(acme: Caller) -> None:
    """A stream whose client goes away without ending it is not taken for whole: nothing is set to zero."""
    await acme.count("absent", 5)
    told = opening(
        full_scopes=[{"location": "W1"}], absent_items=snapshot_pb2.ABSENT_ITEMS_SET_TO_ZERO, lines=figures(1, 2)
    )
    await broken(acme, told, after=3)
    found = await progress(acme, told.request_id)
    assert found is not None
    assert (found.state, found.zeroed) == (RUNNING, 0)
    done = await imported(acme, told)
    assert (done.snapshot_import.state, done.snapshot_import.zeroed) == (DONE, 1)


async def test_a_drain_between_messages(database: FreshDatabase) -> None:
    """A ledger that ends answers UNAVAILABLE to a stream in progress; at another one it goes on where it was."""
    told = opening(lines=figures(1, 2))
    async with ledger(database) as first:
        caller = first.caller("drained")
        await caller.place("W1")
        call = caller.send("ImportSnapshot", None)
        await call.write(told)
        await settled(caller, told.request_id, 3)
        draining = asyncio.create_task(first.server.drain())
        ended = await refusal(call)
        assert ended.reason == "DRAINING"
        await draining
    async with ledger(database) as second:
        caller = second.caller("drained")
        done = await imported(caller, told, message(figures(3, 4)))
        assert done.snapshot_import.applied == 4
        assert await counted(caller) == once(4)


async def test_imports_at_once_are_limited(service: Ledger, acme: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its limit a stream is refused at once with a time to wait, and there is room again when one ends."""
    monkeypatch.setattr(importing, "AT_ONCE_MAX", 1)
    told = opening(lines=figures(1, 1))
    call = acme.send("ImportSnapshot", None)
    await call.write(told)
    await settled(acme, told.request_id, 2)
    refused = await refusal(imported(acme, opening(lines=figures(2, 2))))
    assert refused.reason == "OVERLOADED"
    await call.done_writing()
    await call
    assert (await imported(acme, opening(lines=figures(2, 2)))).snapshot_import.applied == 1


async def test_a_silent_stream_is_ended(acme: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that brings nothing for long is ended so that it can be resumed; what it brought is settled."""
    monkeypatch.setattr(importing, "SILENCE_SECONDS", 0.1)
    told = opening(lines=figures(1, 1))
    call = acme.send("ImportSnapshot", None)
    await call.write(told)
    refused = await refusal(call)
    assert refused.reason == "CALL_ABORTED"
    assert (await imported(acme, told)).snapshot_import.applied == 1
    assert await counted(acme) == once(1)
    assert (await refusal(acme.send("ImportSnapshot", None))).reason == "CALL_ABORTED"


async def test_the_form_of_messages(acme: Caller) -> None:
    """What only the first message may say is refused in others, and messages have a limit; what came before stands."""
    for name, bad in {
        "feed": message(figures(2, 2), feed=opening().feed),
        "request_id": message(figures(2, 2), request_id="another"),
        "validate_only": message(figures(2, 2), validate_only=True),
        "lines": message(figures(1, 1) * 1001),
        "first_line": message(figures(2, 2), first_line=-1),
    }.items():
        told = opening(as_of_time=moment(), lines=figures(1, 1))
        refused = await refusal(imported(acme, told, bad))
        assert (refused.reason, [each.field for each in refused.violations]) == ("REQUEST_MALFORMED", [name])
        found = await progress(acme, told.request_id)
        assert found is not None
        assert (found.state, found.next_line) == (RUNNING, 2)


async def test_no_message_at_all(acme: Caller) -> None:
    """A stream that ends before it begins lacks what its first message must say."""
    refused = await refusal(imported(acme))
    assert {"request_id", "feed"} <= {each.field for each in refused.violations}


async def test_checking_only(acme: Caller) -> None:
    """What would happen is told line by line and item by item, in as many messages as one likes; nothing happens."""
    await acme.count("absent", 5)
    await acme.count("S2", 9)
    head = await acme.head()
    told = opening(
        validate_only=True, full_scopes=[{"location": "W1"}], absent_items=snapshot_pb2.ABSENT_ITEMS_SET_TO_ZERO,
        as_of_time=moment(1), lines=figures(1, 2),
    )  # fmt: skip
    done = await imported(acme, told, message(figures(2, 4), first_line=2))
    found = done.snapshot_import
    assert (found.state, found.applied, found.zeroed, found.next_line) == (DONE, 4, 1, 5)
    assert done.revision == head
    bad = await imported(acme, told, message([line("S3", -1), line("S4", 4)]))
    assert [(each.line, each.reason) for each in bad.refused_lines] == [(3, "REQUEST_MALFORMED")]
    assert (bad.snapshot_import.applied, bad.snapshot_import.absent_left) == (3, True)
    told.feed.all_or_nothing = True
    assert (await imported(acme, told)).snapshot_import.applied == 2
    assert (await refusal(imported(acme, told, message([line("S3", -1)])))).reason == "SNAPSHOT_REFUSED"
    assert (await refusal(imported(acme, told, message(figures(9, 9), first_line=9)))).reason == "SNAPSHOT_GAP"
    assert await acme.head() == head
    assert await progress(acme, told.request_id) is None


async def test_only_so_many_lines_are_checked(acme: Caller) -> None:
    """A thousand lines in all can be checked, and not one more."""
    told = opening(validate_only=True, lines=figures(1, 500))
    done = await imported(acme, told, message(figures(501, 1000)))
    assert done.snapshot_import.applied == 1000
    refused = await refusal(imported(acme, told, message(figures(501, 1001))))
    assert [each.field for each in refused.violations] == ["lines"]


LINES, CHUNK = 50_000, 1000


async def test_memory_is_bounded(acme: Caller) -> None:
    """An import of 50,000 lines never has more than a few messages of them in memory, however fast its client."""
    most = 0

    async def messages() -> AsyncIterator[pb.ImportSnapshotRequest]:
        nonlocal most
        yield opening(request_id="long")
        for first in range(1, LINES, CHUNK):
            if first // CHUNK % 10 == 5:
                gc.collect()
                most = max(most, sum(isinstance(each, ImportLines) for each in gc.get_objects()))
            yield message(figures(first, first + CHUNK - 1))

    done = await acme.send("ImportSnapshot", messages(), timeout=120)
    assert (done.snapshot_import.applied, done.snapshot_import.next_line) == (LINES, LINES + 1)
    assert 0 < most <= 3
