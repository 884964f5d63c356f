"""Watches: every commit, whole, once, in order, from any revision on, whoever writes and whatever breaks."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from typing import Any

import asyncpg
import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.calling import refusal
from tests.kit.ledger import SCHEMA, Caller, Ledger, draft, eventually, item, movement, name
from tests.kit.postgres import FreshDatabase
from weir.common.v1 import revision_pb2
from weir.ledger.v1.ledger_service_pb2 import WatchEntriesResponse
from weir_chassis.errors import Kind
from weir_chassis.policy import Traffic


def at(revision: revision_pb2.Revision, number: int) -> revision_pb2.Revision:
    """Another revision of the same origin."""
    moved = revision_pb2.Revision()
    moved.CopyFrom(revision)
    moved.number = number
    return moved


async def busy(acme: Caller, twin: Caller, rounds: int = 10) -> int:
    """Six writers at two ledgers that overlap, each with one reservation after the other; the last revision."""
    await acme.record(*(movement(1, sku, 1000) for sku in "ABCDE"))

    async def write(number: int) -> None:
        chance = random.Random(number)
        for _ in range(rounds):
            await (acme, twin)[number % 2].reserve(*((sku, 1) for sku in chance.sample("ABCDE", 3)))

    await asyncio.gather(*map(write, range(6)))
    return (await acme.head()).number


def faults(messages: list[Any], after: int = 0) -> list[str]:
    """What is wrong with a stream of commits that begins after a revision: gaps, doubles, wrong order, parts."""
    found = []
    for number, message in enumerate(messages, after + 1):
        if message.through.number != number:
            found.append(f"revision {message.through.number} where {number} was due")
        if [each.line for each in message.entries] != list(range(1, len(message.entries) + 1)):
            found.append(f"revision {number} is not whole")
        if any(each.revision != message.through.number for each in message.entries):
            found.append(f"revision {number} holds entries of another")
    return found


async def test_every_commit_once_and_whole(acme: Caller, twin: Caller) -> None:
    """With two ledgers writing, a watch at each shows every revision once, whole and in order, and so does the list."""
    begun = asyncio.create_task(acme.watched(8)), asyncio.create_task(twin.watched(8))
    last = await busy(acme, twin)
    for early in begun:
        assert faults(await early) == []
    whole = await acme.watched(last)
    assert faults(whole) == []
    assert len(whole) == last > 8
    assert await twin.watched(last) == whole
    assert [entry for message in whole for entry in message.entries] == await acme.entries()


async def test_the_checker_finds_faults(acme: Caller, twin: Caller) -> None:
    """A stream with a revision left out, sent twice, split or out of order is found out."""
    whole = await acme.watched(await busy(acme, twin, rounds=3))
    parted = type(whole[1])()
    parted.CopyFrom(whole[1])
    del parted.entries[0]
    for broken in (
        [whole[0], *whole[2:]],
        [whole[0], whole[0], *whole[1:]],
        [whole[1], whole[0], *whole[2:]],
        [whole[0], parted, *whole[2:]],
    ):
        assert faults(broken)


async def test_a_cursor_by_sequence_is_found_out(owner: Owner, database: FreshDatabase) -> None:
    """Negative control: numbers drawn in one order and committed in another make a reader skip one, and it shows."""
    await owner.execute("CREATE TABLE drawn (number bigserial, revision bigint)")
    other = await asyncpg.connect(database.owner_url, server_settings={"search_path": SCHEMA})
    seen: list[int] = []

    async def read() -> None:
        found = await owner.fetch("SELECT number FROM drawn WHERE number > $1 ORDER BY number", max(seen, default=0))
        seen.extend(row["number"] for row in found)

    try:
        late = other.transaction()
        await late.start()
        await other.execute("INSERT INTO drawn DEFAULT VALUES")
        await owner.execute("INSERT INTO drawn DEFAULT VALUES")
        await read()
        await late.commit()
        await read()
    finally:
        await other.close()
    shown = [WatchEntriesResponse(through=revision_pb2.Revision(number=number)) for number in seen]
    assert faults(shown) == ["revision 2 where 1 was due"]


async def test_resumed_from_any_revision(acme: Caller, twin: Caller) -> None:
    """A watch that begins after any revision shows exactly what followed it."""
    last = await busy(acme, twin, rounds=4)
    whole = await acme.watched(last)
    for number in range(last):
        assert await (acme, twin)[number % 2].watched(last, after=at(whole[0].through, number)) == whole[number:]


async def test_broken_off_and_resumed(acme: Caller, twin: Caller) -> None:
    """A reader that is cut off again and again while others write, and resumes after its mark, misses nothing."""
    writing = asyncio.create_task(busy(acme, twin, rounds=30))
    chance = random.Random(11)
    seen: list[Any] = []
    mark = None
    cuts = 0
    while not (writing.done() and mark is not None and mark.number >= writing.result()):
        left = chance.randrange(1, 6)
        async with aclosing((acme, twin)[cuts % 2].watch(after=mark)) as messages:
            async for message in messages:
                if message.HasField("recorded_time"):
                    seen.append(message)
                mark = message.through
                left -= 1
                if left == 0 or (writing.done() and mark.number >= writing.result()):
                    break
        cuts += 1
    assert cuts > 3
    assert faults(seen) == []
    assert len(seen) == writing.result()


async def test_a_slow_reader_gets_everything(acme: Caller, twin: Caller) -> None:
    """A reader that takes its time between messages, while hundreds of commits pass, is shown all of them."""
    seen: list[Any] = []
    async with aclosing(acme.watch()) as messages:
        seen.append(await anext(messages))
        for _ in range(150):
            await twin.receive("A", 1)
        while seen[-1].through.number < 151:
            seen.append(await anext(messages))
    assert faults([each for each in seen if each.HasField("recorded_time")]) == []
    assert sum(entry.on_hand_delta for each in seen for entry in each.entries if entry.account == 1) == 150


async def test_a_filter_moves_the_mark(acme: Caller) -> None:
    """Of other products only the mark is told: by a heartbeat, so that the watcher need not see them again."""
    await acme.receive("A", 1)
    await acme.receive("B", 1)
    seen = []
    async with aclosing(acme.watch(products=[{"sku": "A"}])) as messages:
        async for message in messages:
            seen.append(message)
            if message.through.number == 3:
                break
    assert [(each.through.number, len(each.entries), each.HasField("recorded_time")) for each in seen] == [
        (2, 2, True),
        (3, 0, False),
    ]


async def test_a_filter_shows_only_its_products(acme: Caller) -> None:
    """Of a commit that touches several products, a filtered watch shows the entries of its own, of that owner alone."""
    await acme.record(movement(1, "A", 1), movement(1, "B", 2), movement(1, item("A", owner="shop"), 3))
    [message] = await acme.watched(2, products=[{"sku": "A"}])
    assert [(each.line, each.on_hand_delta) for each in message.entries] == [(1, 1), (2, -1)]


async def test_a_watch_stands_at_once(acme: Caller) -> None:
    """Where there is nothing to begin with, a heartbeat tells the mark right away, and the next commit follows it."""
    head = await acme.head()
    async with aclosing(acme.watch(after=head)) as messages:
        first = await anext(messages)
        assert (first.through, len(first.entries), first.HasField("recorded_time")) == (head, 0, False)
        done = await acme.receive("A", 1)
        assert (await anext(messages)).through == done.revision


async def test_what_cannot_be_gone_on_from(acme: Caller) -> None:
    """A revision of another database, epoch or context is refused, and so is one never drawn."""
    head = await acme.head()
    for field, value, reason in (
        ("number", head.number + 1, "REVISION_AHEAD"),
        ("cluster", "elsewhere", "REVISION_FOREIGN"),
        ("epoch", head.epoch + 1, "REVISION_FOREIGN"),
        ("context", "sharing", "REVISION_FOREIGN"),
    ):
        wrong = at(head, head.number)
        setattr(wrong, field, value)
        told = await refusal(acme.watched(99, after=wrong))
        assert (told.kind, told.reason, told.violations[0].field) == (Kind.MALFORMED, reason, "after")


async def test_other_tenants_are_not_shown(service: Ledger, acme: Caller) -> None:
    """A watch shows the commits of its own tenant alone."""
    other = service.caller()
    await other.place("W1")
    await other.receive("A", 5)
    messages = await acme.watched(1)
    assert [len(each.entries) for each in messages] == [0]


async def test_nothing_is_left_behind(service: Ledger, acme: Caller, owner: Owner) -> None:
    """Watchers that go away leave no call and no open transaction behind."""
    for _ in range(20):
        async with aclosing(acme.watch()) as messages:
            await anext(messages)

    async def gone() -> bool:
        idle = await owner.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
        )
        return idle == 0 and not any(service.server.in_flight(each) for each in Traffic)

    await eventually(gone)


@pytest.mark.parametrize("number", range(3))
async def test_an_export_and_a_watch_make_the_books(acme: Caller, twin: Caller, number: int) -> None:
    """An export taken while others write, and the watch from its revision on, give the balances as they end."""
    writing = asyncio.create_task(busy(acme, twin, rounds=30))

    async def begun() -> bool:
        return (await acme.head()).number > 4

    await eventually(begun)
    revision, found = await twin.export()
    last = await writing
    for message in await acme.watched(last, after=revision):
        for entry in message.entries:
            if entry.account == 1:
                found[name(entry.stock_item)] = (entry.on_hand, entry.reserved)
    assert 0 < revision.number <= last
    assert (await acme.export())[1] == found
    assert await acme.verify() == []


async def test_golden_case_eleven(acme: Caller) -> None:
    """Reserved 30, counted 25: on hand 25, reserved 30, available 0, and a shortfall of 5 wherever one looks."""
    await acme.receive("A", 30)
    await acme.confirmed(("A", 30))
    await acme.receive("B", 1)
    told = await acme.count("A", 25)
    assert [(each.on_hand, each.reserved, each.available, each.shortfall) for each in told.balances] == [(25, 30, 0, 5)]
    assert await acme.balance("A") == (25, 30, 0, 5)
    short = (await acme.do("ListBalances", shortfall_only=True)).balances
    assert [(each.stock_item.product.sku, each.shortfall) for each in short] == [("A", 5)]
    last = (await acme.watched(told.revision.number))[-1]
    assert [(each.on_hand, each.reserved) for each in last.entries if each.account == 1] == [(25, 30)]
    assert (await acme.refused("Reserve", draft=draft(("A", 1)))).metadata["available"] == "0"
    assert await acme.verify() == []
