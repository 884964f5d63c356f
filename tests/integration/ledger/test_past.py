"""The past: every state that was, at every revision and at many moments, is told as the entries make it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.ledger import (
    COUNT,
    PARTIAL,
    RECEIVE,
    SHIP,
    TRANSFER,
    Caller,
    counts,
    draft,
    item,
    movement,
)  # fmt: skip
from tests.kit.past import GOODS, Counts, close, folded, listed, live, moment, same, spread, stamp, told
from weir.common.v1 import revision_pb2
from weir.ledger.v1 import ledger_pb2
from weir_chassis.errors import Kind


async def told_as_folded(caller: Caller, entries: list[ledger_pb2.Entry], chance: random.Random) -> None:
    """Hold what is told of every revision and of many moments against the entries."""
    head = await caller.head()
    for number in range(head.number + 1):
        revision = revision_pb2.Revision()
        revision.CopyFrom(head)
        revision.number = number
        same(await listed(caller, revision=revision), folded(entries, number), revision)
    moments = {moment(each) for entry in entries for each in (entry.occurred_time, entry.recorded_time)}
    past = sorted(each for each in moments if each < moment(entries[-1].recorded_time))
    for each in chance.sample(past, min(15, len(past))):
        for when in (each, each - timedelta(microseconds=1), each + timedelta(days=1), each + timedelta(days=30)):
            if when > moment(entries[-1].recorded_time):
                continue
            newest = max((e.revision for e in entries if moment(e.recorded_time) <= when), default=0)
            stood, revision = await listed(caller, recorded_time=stamp(when))
            assert (stood, revision.number >= newest) == (folded(entries, newest), True), when
            lay, revision = await listed(caller, occurred_time=stamp(when))
            assert (lay, revision) == (folded(entries, head.number, when), head), when


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("days", [0, 100])
async def test_every_state_is_told(acme: Caller, owner: Owner, seed: int, days: int) -> None:
    """After a history of facts late and early, counts, promises, and closings in between, that took minutes or months:
    each state at any revision or moment, recorded or occurred, is the fold of the entries."""
    chance = random.Random(seed)
    await acme.place("W2")
    closed = [await close(owner, acme)]
    for _ in range(4):
        await live(acme, chance, 12)
        closed.append(await close(owner, acme))
    await live(acme, chance, 12)
    assert len(set(closed)) == 5
    if days:
        await spread(owner, acme.tenant, days)
    entries = await acme.entries()
    assert len({moment(each.recorded_time).month for each in entries}) > (2 if days else 0)
    await told_as_folded(acme, entries, chance)
    newest = await acme.head()
    now = told((await acme.do("ListBalances", page_size=1000)).balances)
    assert (await listed(acme, revision=newest))[0] == now


async def test_the_worked_example(acme: Caller, owner: Owner) -> None:
    """Ten came on the 1st, four went on the 3rd and were told on the 5th, on the 4th nine were counted: what the ledger
    knew on the 4th is not what it knows now of the 4th."""
    days = [datetime.now(UTC) - timedelta(days=10 - each) for each in range(6)]
    await acme.record(movement(RECEIVE, "A", 10, occurred_time=stamp(days[1])))
    await acme.record(movement(COUNT, "A", 9, occurred_time=stamp(days[4])))
    await acme.record(movement(SHIP, "A", 4, occurred_time=stamp(days[3])))

    async def on_hand(**as_of: Any) -> tuple[int, int]:
        balance = (await acme.do("GetBalance", stock_item=item("A"), as_of=as_of)).balance
        return balance.on_hand, balance.changed_revision

    told = [moment(each.recorded_time) for each in await acme.entries() if each.account == ledger_pb2.ACCOUNT_STOCK]
    assert [await on_hand(recorded_time=stamp(each)) for each in told] == [(10, 2), (9, 3), (5, 4)]
    assert [await on_hand(occurred_time=stamp(each)) for each in days[1:]] == [(10, 2), (10, 2), (6, 4), (5, 4), (5, 4)]
    refused = await acme.refused("GetBalance", stock_item=item("A"), as_of={"occurred_time": stamp(days[0])})
    assert (refused.kind, refused.reason) == (Kind.UNKNOWN, "BALANCE_NOT_FOUND")


async def test_units_that_went_before_they_came(acme: Caller) -> None:
    """Where goods are known to have gone before any are known to have come, fewer than none were on hand: so what is
    counted over all stock items adds up. Promises are never fewer than none."""
    await acme.place("W2")
    await acme.receive("A", 10)
    gone = datetime.now(UTC) - timedelta(hours=5)
    await acme.record(movement(TRANSFER, "A", 4, destination=item("A", "W2"), occurred_time=stamp(gone)))
    promise = await acme.confirmed(("A", 2))
    await acme.do("Fulfil", reservation=promise.reservation, occurred_time=stamp(gone))
    found, _ = await listed(acme, occurred_time=stamp(gone))
    assert sorted((each.on_hand, each.reserved) for each in found.values()) == [(-6, 0), (4, 0)]
    [short] = (await acme.do("ListBalances", shortfall_only=True, as_of={"occurred_time": stamp(gone)})).balances
    assert counts(short) == (-6, 0, 0, 6)


FILTERS: list[dict[str, Any]] = [
    {}, {"owner": ""}, {"owner": "shop"}, {"skus": ["A", "C"]}, {"locations": ["W2"]}, {"lot": ""}, {"lot": "L1"},
    {"custodian": "rep"}, {"custodian": ""}, {"condition": 2}, {"skus": ["A"], "locations": ["W1"], "lot": ""},
    {"shortfall_only": True}, {"shortfall_only": True, "skus": ["A"]},
]  # fmt: skip


async def test_filters_hold_against_what_was(acme: Caller, owner: Owner) -> None:
    """Each filter lets through of a state what it would have let through when that state was the newest, shortfalls as
    they were then among it; pages of any size make up the whole."""
    await acme.place("W2")
    await acme.record(*(movement(RECEIVE, each, 3) for each in GOODS[:6]))
    await acme.confirmed(("A", 3), ("C", 2))
    await acme.record(movement(COUNT, "A", 1), movement(COUNT, "C", 0))
    then = [(await acme.do("ListBalances", page_size=1000, **filters)).balances for filters in FILTERS]
    head = await acme.head()
    assert [len(each) for each in then] == [6, 6, 0, 4, 1, 5, 1, 0, 6, 1, 1, 2, 1]
    await close(owner, acme)
    await acme.record(*(movement(RECEIVE, each, 5) for each in GOODS))
    assert list((await acme.do("ListBalances", shortfall_only=True)).balances) == []
    for filters, expected in zip(FILTERS, then, strict=True):
        for size in (1, 2, 1000):
            pages = [page async for page in acme.pages("ListBalances", size, as_of={"revision": head}, **filters)]
            assert [each for page in pages for each in page.balances] == list(expected), filters
            assert all(page.revision == head for page in pages)


async def test_pages_rest_on_one_state(acme: Caller, twin: Caller) -> None:
    """While others tell what happened before, the pages of a moment all rest on the revision of the first."""
    before = datetime.now(UTC) - timedelta(hours=3)
    skus = [f"{number:03}" for number in range(40)]
    early = stamp(before - timedelta(hours=1))
    await acme.record(*(movement(RECEIVE, sku, 1, occurred_time=early) for sku in skus))
    head = await acme.head()
    now = stamp(moment((await acme.entries())[-1].recorded_time))
    for as_of in ({"occurred_time": stamp(before)}, {"recorded_time": now}, {"revision": head}):
        newest = await acme.head()
        shown: dict[bytes, Counts] = {}
        async for page in acme.pages("ListBalances", 7, as_of=as_of):
            revision = page.revision
            assert revision.number <= newest.number
            shown.update(told(page.balances))
            await twin.record(*(movement(RECEIVE, sku, 1, occurred_time=early) for sku in skus))
        occurred_by = before if "occurred_time" in as_of else None
        expected = newest if occurred_by else head
        same((shown, revision), folded(await acme.entries(), expected.number, occurred_by), expected)


async def test_a_token_belongs_to_one_point(acme: Caller) -> None:
    """The token of a page of one state is refused for another, and for the newest."""
    await acme.record(*(movement(RECEIVE, sku, 1) for sku in "ABC"))
    head = await acme.head()
    earlier = revision_pb2.Revision()
    earlier.CopyFrom(head)
    earlier.number -= 1
    when = stamp(moment((await acme.entries())[-1].recorded_time))
    points: list[dict[str, Any]] = [
        {}, {"as_of": {"revision": head}}, {"as_of": {"revision": earlier}}, {"as_of": {"recorded_time": when}},
        {"as_of": {"occurred_time": when}},
    ]  # fmt: skip
    tokens = [(await acme.do("ListBalances", page_size=1, **point)).next_page_token for point in points]
    for mine, token in enumerate(tokens):
        for theirs, point in enumerate(points):
            if token and mine != theirs:
                told_off = await acme.refused("ListBalances", page_size=1, page_token=token, **point)
                assert (told_off.kind, told_off.reason) == (Kind.MALFORMED, "PAGE_TOKEN_INVALID")


@pytest.mark.parametrize("method", ["GetBalance", "ListBalances"])
async def test_points_that_are_none(acme: Caller, method: str) -> None:
    """A revision of another database, epoch or context, one never drawn, and a moment in the future are refused, each
    by its field; freshness is held against the newest revision, not against the point."""
    await acme.receive("A", 1)
    fields = {"stock_item": item("A")} if method == "GetBalance" else {}
    head = await acme.head()
    for field, value, reason in (
        ("number", head.number + 1, "REVISION_AHEAD"),
        ("cluster", "elsewhere", "REVISION_FOREIGN"),
        ("epoch", head.epoch + 1, "REVISION_FOREIGN"),
        ("context", "sharing", "REVISION_FOREIGN"),
    ):
        wrong = revision_pb2.Revision()
        wrong.CopyFrom(head)
        setattr(wrong, field, value)
        refused = await acme.refused(method, as_of={"revision": wrong}, **fields)
        assert (refused.kind, refused.reason) == (Kind.MALFORMED, reason)
        assert [each.field for each in refused.violations] == ["as_of.revision"]
        stale = await acme.refused(method, freshness={"at_least": [wrong]}, as_of={"revision": head}, **fields)
        assert (stale.reason, stale.violations[0].field) == (reason, "freshness.at_least[0]")
    for field in ("recorded_time", "occurred_time"):
        ahead = stamp(datetime.now(UTC) + timedelta(seconds=60))
        refused = await acme.refused(method, as_of={field: ahead}, **fields)
        assert (refused.kind, refused.reason) == (Kind.MALFORMED, "REQUEST_MALFORMED")
        assert [each.field for each in refused.violations] == [f"as_of.{field}"]
    refused = await acme.refused(method, as_of={}, **fields)
    assert [each.field for each in refused.violations] == ["as_of"]


async def test_the_moment_of_a_commit_is_no_future(acme: Caller, owner: Owner) -> None:
    """The moment that an entry says it was recorded at can be asked for at once, also after the database's clock was
    set back."""
    await acme.receive("A", 5)
    ahead = moment((await acme.entries())[-1].recorded_time) + timedelta(hours=2)
    for table in ("tenants", "commits", "entries"):
        await owner.execute(
            f"UPDATE {table} SET recorded_at = $2 WHERE tenant = $1 AND revision = 2", acme.tenant, ahead
        )
    await acme.receive("A", 1)
    assert [moment(each.recorded_time) for each in await acme.entries()] == [ahead] * 4
    found, revision = await listed(acme, recorded_time=stamp(ahead))
    assert ([each.on_hand for each in found.values()], revision.number) == ([6], 3)


async def test_a_stock_item_that_was_only_named(acme: Caller) -> None:
    """A stock item that a reservation named without a unit counts zeros from there on, and from its first unit on as
    booked; before either it is not there."""
    await acme.receive("A", 1)
    made = await acme.do("Reserve", draft=draft(("A", 1), ("B", 1), mode=PARTIAL))
    asked = {"stock_item": item("B")}
    named = (await acme.do("GetBalance", as_of={"revision": made.revision}, **asked)).balance
    assert (counts(named), named.changed_revision) == ((0, 0, 0, 0), made.revision.number)
    assert named == (await acme.do("GetBalance", **asked)).balance
    booked = await acme.receive("B", 2)
    assert counts((await acme.do("GetBalance", as_of={"revision": booked.revision}, **asked)).balance) == (2, 0, 2, 0)
    before = revision_pb2.Revision()
    before.CopyFrom(made.revision)
    before.number -= 1
    assert (await acme.refused("GetBalance", as_of={"revision": before}, **asked)).reason == "BALANCE_NOT_FOUND"
