"""Who follows what waits: exports and both watches tell it whole, in order, and in messages of bounded size."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from tests.kit.calling import refusal
from tests.kit.ledger import Caller, Ledger, awaiting, item, promise, request
from weir.common.v1 import revision_pb2
from weir.ledger.v1 import ledger_service_pb2, waiting_pb2, waiting_service_pb2
from weir_chassis.errors import Kind

MIB = 2**20


def bare(demand: waiting_pb2.Waiting) -> waiting_pb2.Waiting:
    """A demand without what its caller keeps with it."""
    copy = waiting_pb2.Waiting()
    copy.CopyFrom(demand)
    copy.plan = b""
    return copy


def at(revision: revision_pb2.Revision, number: int) -> revision_pb2.Revision:
    """Another revision of the same origin."""
    moved = revision_pb2.Revision()
    moved.CopyFrom(revision)
    moved.number = number
    return moved


async def watch(caller: Caller, **fields: Any) -> AsyncGenerator[waiting_service_pb2.WatchWaitingResponse, None]:
    """The messages of a WatchWaiting; close it when done."""
    call = caller.send("WatchWaiting", request("WatchWaiting", **fields), timeout=120)
    try:
        async for message in call:
            yield message
    finally:
        call.cancel()


async def watched(caller: Caller, through: int, **fields: Any) -> list[waiting_service_pb2.WatchWaitingResponse]:
    """The changes that a watch shows until its mark reaches revision number `through`."""
    seen = []
    async with aclosing(watch(caller, **fields)) as messages:
        async for message in messages:
            if message.waiting:
                seen.append(message)
            if message.through.number >= through:
                return seen
    raise AssertionError("the watch ended")


async def exported(caller: Caller) -> list[ledger_service_pb2.ExportBalancesResponse]:
    """The messages of an export."""
    return [part async for part in caller.send("ExportBalances", request("ExportBalances"), timeout=120)]


async def history(caller: Caller) -> list[waiting_pb2.Waiting]:
    """Some demands, each changed once or twice; as they are in the end."""
    for sku in "AB":
        await caller.allow(sku, 1000)
    await caller.receive("A", 20)
    made = [
        await caller.await_units(("A", 3), ("B", 2), channel=("web", "till")[each % 2], plan=b"plan %d" % each)
        for each in range(4)
    ]
    assert await caller.promise(*[promise(each, ("A", 2)) for each in made[:3]]) == ["ok"] * 3
    await caller.do("CancelWaiting", waiting=made[0].waiting)
    await caller.do("CancelWaiting", waiting=made[3].waiting, lines=[{"line": 2, "quantity": 1}])
    return [await caller.demand(each.waiting) for each in made]


async def test_every_change_is_told(acme: Caller) -> None:
    """Both watches tell each change of a demand once, in the order of commits, all of one commit in one message, as it
    is after it; the commit that made it tells its plan to those who watch the books; the newest is what is read."""
    now = await history(acme)
    head = await acme.head()
    changes = await watched(acme, head.number)
    commits = [each for each in await acme.watched(through=head.number) if each.waiting]
    assert [each.through for each in changes] == [each.through for each in commits]
    for change, commit in zip(changes, commits, strict=True):
        assert list(change.waiting) == [bare(each) for each in commit.waiting]
        for each in commit.waiting:
            assert each.changed_revision == commit.through.number
            assert bool(each.plan) == (each.create_revision == commit.through.number)
    assert [len(each.waiting) for each in changes] == [1, 1, 1, 1, 3, 1, 1]
    newest = {each.waiting: each for change in changes for each in change.waiting}
    assert newest == {each.waiting: bare(each) for each in now}
    assert [each.plan for each in now] == [b"plan %d" % number for number in range(4)]


async def test_counts_are_told(acme: Caller) -> None:
    """The commit that changes how much of a product waits, or may, tells it as it is after it, beside the entries and
    the demands; who watches products is told of theirs, and of no demand."""
    await history(acme)
    head = (await acme.head()).number
    commits = await acme.watched(through=head)
    assert all(commit.back_orders for commit in commits if commit.waiting)
    newest = {each.product.sku: each for commit in commits for each in commit.back_orders}
    listed = (await acme.do("ListBackOrders")).back_orders
    assert newest == {each.product.sku: each for each in listed}
    assert any(commit.entries and commit.waiting and commit.back_orders for commit in commits)
    some = await acme.watched(through=head, products=[{"sku": "B"}])
    assert {each.product.sku for commit in some for each in commit.back_orders} == {"B"}
    assert not any(commit.waiting or commit.entries for commit in some)
    assert len(some) < len(commits)


async def test_resumed_from_any_revision(acme: Caller) -> None:
    """A watch of what waits begins after any revision and misses nothing that is later; one of a channel shows its
    demands alone, and its mark moves on all the same."""
    await history(acme)
    head = await acme.head()
    every = await watched(acme, head.number)
    for number in range(head.number + 1):
        later = await watched(acme, head.number, after=at(head, number)) if number < head.number else []
        assert later == [each for each in every if each.through.number > number]
    web = await watched(acme, head.number, channel="web")
    assert {each.channel for change in web for each in change.waiting} == {"web"}
    assert sum(len(each.waiting) for each in web) < sum(len(each.waiting) for each in every)
    assert await watched(acme, head.number, channel="nobody") == []
    for after, reason in ((at(head, head.number + 1), "REVISION_AHEAD"), ("x", "REVISION_FOREIGN")):
        foreign = at(head, 1)
        foreign.cluster = "somewhere else"
        told = await _refusal_of_watch(acme, foreign if after == "x" else after)
        assert told == (Kind.MALFORMED, reason)


async def _refusal_of_watch(caller: Caller, after: Any) -> tuple[Kind, str]:
    """How a watch that cannot begin ends."""

    async def read() -> None:
        async with aclosing(watch(caller, after=after)) as messages:
            await anext(messages)

    told = await refusal(read())
    return told.kind, told.reason


async def test_a_watch_that_waits_is_told_at_once(acme: Caller) -> None:
    """A watch that has nothing to tell stands with a mark, and is told of what comes."""
    await acme.allow("A", 10)
    head = await acme.head()
    async with aclosing(watch(acme, after=head)) as messages:
        first = await anext(messages)
        assert (first.through, list(first.waiting)) == (head, [])
        made = await acme.await_units(("A", 1))
        async for message in messages:
            if message.waiting:
                assert list(message.waiting) == [made]
                break


async def test_an_export_and_a_watch_make_what_waits(acme: Caller) -> None:
    """An export tells all demands that wait, in the order in which they came and with their plans, and all products of
    which units wait or may, before any balance; with the changes after it, it is what is there."""
    await history(acme)
    parts = await exported(acme)
    kinds = ["".join(kind for kind in ("waiting", "back_orders", "skus") if getattr(part, kind)) for part in parts]
    assert kinds == ["waiting", "back_orders", "skus"]
    revision = parts[0].revision
    assert all(part.revision == revision for part in parts)
    found = {each.waiting: each for part in parts for each in part.waiting}
    waiting = (await acme.do("ListWaiting", states=[waiting_pb2.WAITING_STATE_WAITING])).waiting
    assert [bare(each) for each in found.values()] == list(waiting)
    assert all(each.plan for each in found.values())
    counts = {each.product.sku: each for part in parts for each in part.back_orders}
    last = list(found.values())[-1]
    await acme.promise(promise(last, ("A", 1)))
    await acme.do("CancelWaiting", waiting=last.waiting)
    new = await acme.await_units(("B", 1), plan=b"new")
    for commit in await acme.watched(through=(await acme.head()).number, after=revision):
        for each in commit.waiting:
            kept = found.get(each.waiting)
            each.plan = kept.plan if kept else each.plan
            found[each.waiting] = each
        counts |= {each.product.sku: each for each in commit.back_orders}
    for each in [*found.values()]:
        assert each == await acme.demand(each.waiting)
    assert found[new.waiting].plan == b"new"
    assert counts == {each.product.sku: each for each in (await acme.do("ListBackOrders")).back_orders}


@pytest.mark.parametrize("size", [2**17, 2**14])
async def test_messages_are_bounded(acme: Caller, size: int) -> None:
    """However much callers keep with their demands, and however many come at once, no message of an export or a watch
    is larger than what any client takes."""
    await acme.allow("A", 10**6)
    await asyncio.gather(*(acme.await_units(("A", 1), plan=bytes([each]) * size) for each in range(60)))
    parts = await exported(acme)
    assert sum(len(part.waiting) for part in parts) == 60
    assert max(part.ByteSize() for part in parts) <= MIB
    commits = await acme.watched(through=(await acme.head()).number)
    assert sum(len(commit.waiting) for commit in commits) == 60
    assert max(commit.ByteSize() for commit in commits) < 3 * MIB


async def test_pages_and_commits_of_long_demands(acme: Caller, service: Ledger) -> None:
    """Demands of many lines with long names come in pages of at most a MiB, none twice and none left out; and a request
    promises at most 2000 lines of demands, so that the commit can be told in one message: the others in another. Those
    of many requests that come at once are changed in several commits."""
    skus = [f"{number:03}{'x' * 125}" for number in range(500)]
    owner = "o" * 128
    await asyncio.gather(*(acme.allow(sku, 10, owner=owner) for sku in skus))
    lines = [{"product": {"owner": owner, "sku": sku}, "quantity": 1} for sku in skus]
    made = [(await acme.do("Reserve", waiting={"lines": lines, "order": str(number)})).waiting for number in range(9)]
    pages = [page async for page in acme.pages("ListWaiting", 1000)]
    assert len(pages) > 1
    assert max(page.ByteSize() for page in pages) <= MIB
    assert [each.waiting for page in pages for each in page.waiting] == [each.waiting for each in made]
    assert max(part.ByteSize() for part in await exported(acme)) <= MIB
    await acme.receive(item(skus[0], owner=owner), 9)
    asked = [promise(each, (item(skus[0], owner=owner), 1)) for each in made]
    assert await acme.promise(*asked) == ["ok"] * 4 + ["LINES_EXHAUSTED"] * 5
    assert await acme.promise(*asked[4:]) == ["ok"] * 4 + ["LINES_EXHAUSTED"]
    last, *_ = await asyncio.gather(
        acme.promise(asked[8]), *(acme.do("CancelWaiting", waiting=each.waiting) for each in made[:8])
    )
    assert last == ["ok"]
    commits = await acme.watched(through=(await acme.head()).number, after=at(await acme.head(), 500))
    assert max(commit.ByteSize() for commit in commits) < 2 * MIB
    assert await acme.verify() == []


async def test_other_tenants_are_not_shown(service: Ledger, acme: Caller) -> None:
    """A watch and an export show the demands of their own tenant alone."""
    other = service.caller()
    await other.allow("A", 5)
    await history(acme)
    mine = await other.await_units(("A", 1))
    assert [list(each.waiting) for each in await watched(other, (await other.head()).number)] == [[mine]]
    assert [each.waiting for part in await exported(other) for each in part.waiting] == [mine.waiting]
    assert (await acme.refused("Reserve", waiting=awaiting(("C", 1)))).reason == "BACK_ORDERS_EXHAUSTED"
