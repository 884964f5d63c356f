"""Levels on Postgres: what falls due, who may tell it, and what becomes of it, whoever dies when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import asyncpg
import pytest

from tests.kit.levels import ABILITIES, SHOP, Desk, ShopConnector, Steps, desks
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.reference_shop import Shop, Told
from tests.kit.waiting import until
from weir_sync.connectors.port import Abilities, Away, Denied, Outcome, Throttled
from weir_sync.domain import pacing, pushing
from weir_sync.domain.pushing import Decided, Standing, Terms
from weir_sync.domain.records import Trigger
from weir_sync.domain.telling import Cause
from weir_sync.ports.leases import LeaseLost, push
from weir_sync.ports.levels import bell
from weir_sync.store.levels import make_due

TERMS = Terms(compare_and_set=True, reads_back=True, protects=True)
APPLIED, SUPERSEDED = Outcome.APPLIED, Outcome.SUPERSEDED
NOW = datetime.now(UTC)
TAKEN = 8
"""Steps of a pusher until it has taken what is due first: reclaimed, described, looked what to check, and taken."""
REQUEST = Cause(Trigger.REQUEST, "run 1")


@pytest.fixture(scope="module")
def fresh(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for all of these tests."""
    with postgres.fresh("weir_sync") as database:
        yield database


@pytest.fixture(scope="module")
async def making(fresh: FreshDatabase) -> AsyncIterator[Callable[[], Awaitable[Desk]]]:
    """Desks on it."""
    async with desks(fresh) as made:
        yield made


@pytest.fixture
async def desk(making: Callable[[], Awaitable[Desk]]) -> Desk:
    """A tenant that nobody else is."""
    return await making()


def shop(**shown: int) -> ShopConnector:
    """A shop that shows these."""
    return ShopConnector(Shop.of(shown))


async def test_only_what_differs_falls_due(desk: Desk) -> None:
    """A level that is told again changes nothing; another one takes the place of what was due, which is skipped."""
    assert await desk.tell(A=5, B=0) == 2
    assert await desk.tell(A=5, B=0) == 0
    assert await desk.tell(A=4, B=0) == 1
    assert await desk.records("A") == [("SKIPPED", None, 5, "CHANGE"), ("PENDING", None, 4, "CHANGE")]
    assert await desk.tell(all_due=True, A=4) == 1
    assert [each[0] for each in await desk.records("A")] == ["SKIPPED", "SKIPPED", "PENDING"]


async def test_what_is_untold_is_left(desk: Desk) -> None:
    """Where a store is told nothing any more nothing is due, and what was is skipped; once it is told again it is."""
    await desk.tell(A=5)
    await desk.tell(A=-1)
    assert ((await desk.row("A"))["level"], await desk.records("A")) == (None, [("SKIPPED", None, 5, "CHANGE")])
    assert await desk.tell(B=-1) == 0
    assert await desk.tell(A=5) == 1


async def test_zero_goes_first_and_the_newest_alone(desk: Desk) -> None:
    """Of a burst of changes the last is sent, levels of 0 before all others."""
    for level in range(100):
        await desk.tell(A=level + 1, B=99 - level, C=1)
    connector = ShopConnector(Shop.of(["A", "B", "C"]), abilities=Abilities("one at a time", 1, 1000, 1))
    async with desk.pushing(connector):
        await desk.quiet()
    assert [(each.store_sku, each.quantity) for levels in connector.asked for each in levels] == [
        ("B", 0), ("C", 1), ("A", 100),
    ]  # fmt: skip


async def test_units_sold_without_an_order_are_kept_back_until_it_comes(desk: Desk) -> None:
    """What the store sold is not given back by a push; the order, once the levels know of it, settles it."""
    connector = shop(A=0)
    await desk.tell(A=10)
    async with desk.pushing(connector):
        await desk.quiet()
        connector.shop.sell("A", 3)
        await desk.tell(A=12)
        await desk.quiet()
        assert (connector.shop.shown["A"], (await desk.row("A"))["unreported"]) == (9, 3)
        await desk.sold(7, A=3)
        await desk.tell(A=12, through=6)
        assert (await desk.row("A"))["unreported"] == 3
        await desk.tell(A=9, through=7)
        await desk.quiet()
        row = await desk.row("A")
        assert (connector.shop.shown["A"], row["unreported"], row["told"]) == (9, 0, 9)


async def test_an_order_that_comes_while_a_level_is_on_its_way(desk: Desk) -> None:
    """What it was kept back by is told after it, so that the store shows its level."""
    connector = shop(A=0)
    await desk.tell(A=10)
    async with desk.pushing(connector):
        await desk.quiet()
        connector.shop.sell("A", 3)
        await desk.tell(A=12)
        await desk.quiet()
    assert connector.shop.shown["A"] == 9
    steps = Steps(TAKEN)
    await desk.tell(A=20)
    async with desk.pushing(connector, steps):
        await steps.held.wait()
        await desk.sold(7, A=3)
        await desk.tell(A=20, through=7)
        steps.left = 10**6
        steps.go_on.set()
        await desk.quiet()
    assert connector.shop.shown["A"] == 20


async def test_an_order_that_comes_first_is_expected(desk: Desk) -> None:
    """A store that sold by itself what it reported is told its level without being asked again."""
    connector = shop(A=0)
    await desk.tell(A=10)
    async with desk.pushing(connector):
        await desk.quiet()
        connector.shop.sell("A", 4)
        await desk.sold(7, A=4)
        await desk.tell(A=6, through=7)
        await desk.quiet()
        assert (connector.shop.shown["A"], (await desk.row("A"))["unreported"]) == (6, 0)
        assert connector.asked[-1][0][1:] == (6, connector.shop.numbers["A"], 6)


@pytest.mark.parametrize("first", [True, False])
async def test_an_order_that_leaves_the_level_as_it_is(desk: Desk, *, first: bool) -> None:
    """Where as many units come in as are sold, or a rule tells the same of what is left, the store is told its level
    all the same: it shows less, whether the order or the levels that know of it come first."""
    connector = shop(A=0)
    await desk.tell(A=10, through=6)
    async with desk.pushing(connector):
        await desk.quiet()
        connector.shop.sell("A", 4)
        if not first:
            await desk.tell(A=10, through=7)
        await desk.sold(7, A=4)
        if first:
            await desk.tell(A=10, through=7)
        await desk.quiet()
        assert (connector.shop.shown["A"], (await desk.row("A"))["unreported"]) == (10, 0)
        happened = len(connector.shop.history)
        connector.shop.sell("A", 1)
        await desk.sold(8, A=1)
        await desk.tell(A=9, through=8)
        await desk.quiet()
        assert len(connector.shop.history) == happened + 2, "where the level is another it is told that once"


async def test_a_former_holder_does_nothing_any_more(desk: Desk) -> None:
    """Who has lost the lease neither takes nor settles, and what he had on its way is in doubt for the next one."""
    await desk.tell(A=5)
    former = await desk.lease()

    def decide(standing: Standing) -> Decided:
        return pushing.begun(standing, former.fence, TERMS, NOW)

    await desk.pushes.take(former, limit=10, decide=decide)
    holder = await desk.lease()
    assert holder.fence > former.fence
    with pytest.raises(LeaseLost):
        await desk.pushes.take(former, limit=10, decide=decide)
    with pytest.raises(LeaseLost):
        await desk.pushes.settle(former, ["A"], lambda each: pushing.postponed(each, NOW))
    assert await desk.pushes.reclaim(holder) == 1
    row = await desk.row("A")
    assert (row["fence"], row["sent"], row["status"]) == (None, 5, "PENDING")


async def test_a_paused_holder_overwrites_nothing(desk: Desk) -> None:
    """A holder that was stopped with a request on its way, which arrives after the next one has told something newer,
    undoes nothing, and learns that it is a former one."""
    connector, steps = shop(A=0), Steps(TAKEN)
    await desk.tell(A=5)
    with pytest.raises(LeaseLost):
        async with desk.pushing(connector, steps) as (_, end):
            await steps.held.wait()
            await desk.tell(A=7)
            async with desk.pushing(connector):
                await desk.quiet()
            steps.go_on.set()
            await until(end.done, 60.0)
    heard = [(each.level.quantity, each.outcome) for each in connector.shop.history if isinstance(each, Told)]
    assert heard == [(7, APPLIED), (5, SUPERSEDED)]
    assert await desk.records("A") == [("SKIPPED", None, 5, "CHANGE"), ("SUCCEEDED", None, 7, "CHANGE")]


@pytest.mark.parametrize("fate", ["CHANGED", "READ"])
async def test_whoever_dies_at_any_step_nothing_is_lost(desk: Desk, fate: str) -> None:
    """Wherever a pusher dies, the next one tells the store its level, less what it sold; every record ends."""
    abilities = ABILITIES if fate == "CHANGED" else Abilities("reads", 50, 1000, 1000, reads_back=True)
    connector = ShopConnector(Shop.of({"A": 0, "Z": 3}), abilities=abilities)
    level, died = 10, 0
    await desk.tell(A=level, Z=0)
    while True:
        steps = Steps(died)
        async with desk.pushing(connector, steps):
            done = asyncio.ensure_future(desk.quiet())
            dead = asyncio.ensure_future(steps.held.wait())
            await asyncio.wait([done, dead], return_when=asyncio.FIRST_COMPLETED)
            ended = done.done() and not steps.held.is_set()
            for each in (done, dead):
                each.cancel()
        if ended:
            break
        died += 1
        connector.shop.sell("A")
        level += 2
        await desk.tell(A=level)
    assert died > 6
    assert connector.shop.shown == {"A": level - connector.shop.sold("A"), "Z": 0}
    assert {each[0] for each in await desk.records("A")} == {"SKIPPED", "SUCCEEDED"}
    assert (await desk.row("A"))["unreported"] == connector.shop.sold("A")


async def test_a_level_that_fails_for_good_opens_an_alert(desk: Desk) -> None:
    """What the store refuses is given up at once, with an alert that says why; asked for again and taken it closes."""
    connector = shop(A=0)
    connector.meets.append(Outcome.REFUSED)
    await desk.tell(A=5)
    async with desk.pushing(connector):
        await until(lambda: _failed(desk), 60.0)
        [alert] = await desk.run("SELECT * FROM alerts")
        assert (alert["kind"], alert["subject"], alert["closed_at"]) == ("LEVEL_FAILED", "A", None)
        assert "said so" in alert["sentence"]
        async with desk.database.driving(desk.tenant) as driver:
            assert await make_due(driver, desk.tenant, SHOP, ["A"], REQUEST, run="1") == 1
        desk.wakeups.wake(bell(desk.tenant))
        await desk.quiet()
    assert [each[0] for each in await desk.records("A")] == ["FAILED", "SUCCEEDED"]
    [alert] = await desk.run("SELECT * FROM alerts")
    assert alert["closed_at"] is not None


async def _failed(desk: Desk) -> bool:
    return bool((await desk.row("A"))["status"] == "FAILED")


async def test_eight_failures_are_enough(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A level that fails by itself again and again is given up; the record says how often it was sent."""
    monkeypatch.setattr(pushing, "RETRY_SECONDS", 0.01)
    connector = shop(A=0)
    connector.meets.extend([Outcome.RETRY] * pushing.TRIES_MAX)
    await desk.tell(A=5)
    async with desk.pushing(connector):
        await until(lambda: _failed(desk), 60.0)
    [record] = await desk.run("SELECT * FROM records")
    assert (record["status"], record["tries"], record["error"]) == ("FAILED", pushing.TRIES_MAX, "said so")


async def test_a_store_that_is_away_or_throttles_fails_no_level(desk: Desk) -> None:
    """Levels stay due whatever befalls a request: that a store is away, or asks for time, is no fault of theirs."""
    connector = shop(A=0, B=0)
    connector.meets.extend([Away("gone"), Throttled("slow", retry_after_seconds=0.01), Away("gone")])
    await desk.tell(A=5, B=6)
    async with desk.pushing(connector):
        await desk.quiet()
    assert connector.shop.shown == {"A": 5, "B": 6}
    assert {each[0] for each in await desk.records("A")} == {"SUCCEEDED"}


async def test_a_store_that_denies_us_is_left_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The breaker opens at once, an alert says that the connection does not answer, and what is due stays so."""
    monkeypatch.setattr(pacing, "PAUSE_SECONDS", pacing.PAUSE_SECONDS_MAX)
    connector = shop(A=0)
    connector.meets.append(Denied("no such token"))
    await desk.tell(A=5)
    async with desk.pushing(connector):
        await until(lambda: _opened(desk), 60.0)
    [health] = await desk.run("SELECT * FROM connection_health")
    assert (health["state"], health["error"]) == ("OPEN", "no such token")
    assert (await desk.row("A"))["due_at"] is not None


async def _opened(desk: Desk) -> bool:
    found = await desk.run("SELECT FROM alerts WHERE kind = 'CONNECTION_AWAY' AND closed_at IS NULL")
    return bool(found)


async def test_while_nothing_flows_what_is_due_is_kept(desk: Desk) -> None:
    """With the master switch off nothing is sent; what fell due meanwhile is told once it is on."""
    connector = shop(A=0)
    await desk.tell(A=5)
    async with desk.pushing(connector, on=False) as (shift, _):
        await desk.tell(A=6)
        assert not connector.asked
        shift.configure(replace(shift.configuration, head=2, on=True))
        await desk.quiet()
    assert connector.shop.shown == {"A": 6}


async def test_what_is_accepted_is_looked_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A level that is taken and not shown at once is pending until the store shows it."""
    monkeypatch.setattr(pushing, "SHOWN_SECONDS", 0.01)
    connector = shop(A=0)
    connector.meets.append(Outcome.ACCEPTED)
    await desk.tell(A=5)
    async with desk.pushing(connector):
        await desk.quiet()
    row = await desk.row("A")
    assert (row["told"], row["verified"], connector.asked[-1]) == (5, True, ["A"])


async def test_what_drifts_is_told_again(desk: Desk) -> None:
    """A store that is found to show more than it was told is told again, for that reason."""
    connector = shop(A=0)
    await desk.tell(A=5)
    async with desk.pushing(connector):
        await desk.quiet()
    connector.shop.shown["A"] = 50
    await desk.run("UPDATE levels SET check_at = now()")
    async with desk.pushing(connector):
        await until(lambda: _shown(connector, 5), 60.0)
        await desk.quiet()
    assert [each[3] for each in await desk.records("A")] == ["CHANGE", "DRIFT"]


async def _shown(connector: ShopConnector, level: int) -> bool:
    return connector.shop.shown["A"] == level


async def test_leases_are_held_by_one(desk: Desk) -> None:
    """Of several who want a lease one has it, until it is over or given up; each holder has a higher fence."""
    names = [push(str(each)) for each in range(4)]
    first = await desk.leases.take(desk.tenant, names, "one", seconds=600, limit=3)
    second = await desk.leases.take(desk.tenant, names, "other", seconds=600, limit=3)
    assert (len(first), len(second)) == (3, 1)
    assert await desk.leases.take(desk.tenant, names, "third", seconds=600, limit=3) == []
    await desk.leases.give_up(desk.tenant, first[:1])
    [again] = await desk.leases.take(desk.tenant, names, "third", seconds=600, limit=3)
    assert (again.name, again.fence > first[0].fence) == (first[0].name, True)
    assert await desk.leases.keep(desk.tenant, first, seconds=600) != first
    assert {each.name for each in await desk.leases.keep(desk.tenant, first, seconds=600)} == {
        each.name for each in first[1:]
    }
    assert await desk.leases.present(desk.tenant, "one", seconds=600) == 1
    assert await desk.leases.present(desk.tenant, "other", seconds=600) == 2


LAWS = [
    "UPDATE levels SET level = -1",
    "UPDATE levels SET due_at = now(), status = 'SUCCEEDED'",
    "UPDATE levels SET due_at = now(), level = NULL",
    "UPDATE levels SET number = 0",
    "UPDATE levels SET status = 'SKIPPED'",
    "UPDATE levels SET tries = -1",
    "UPDATE levels SET told = 5",
    "UPDATE levels SET sold_after = -1",
    "UPDATE levels SET unreported = -1",
    "UPDATE levels SET unreported = 1",
    "UPDATE levels SET sent = -1",
    "UPDATE levels SET sent_number = number + 1",
    "UPDATE levels SET sent_record = record + 1",
    "UPDATE records SET status = 'LOST'",
    "UPDATE records SET trigger = 'BOREDOM'",
    "UPDATE records SET status = 'SUCCEEDED'",
    "UPDATE records SET ended_at = now()",
    "UPDATE records SET after = -1",
    "UPDATE level_sales SET quantity = 0",
    "UPDATE leases SET fence = 0",
    "INSERT INTO levels SELECT * FROM levels",
    "INSERT INTO records SELECT * FROM records",
]
"""What breaks a law of a level that is due, its record, a sale, or a lease."""


async def test_the_tables_hold_the_laws_by_themselves(desk: Desk) -> None:
    """What the service would never write, Postgres does not keep."""
    await desk.tell(A=5)
    await desk.sold(7, A=3)
    before = await desk.row("A"), await desk.records("A")
    for law in LAWS:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await desk.run(law)
    assert (await desk.row("A"), await desk.records("A")) == before


async def test_row_level_security_alone_holds(making: Callable[[], Awaitable[Desk]]) -> None:
    """Without any filter of the application nothing of another tenant is read, changed, removed or written."""
    victim, thief = await making(), await making()
    await victim.tell(A=5, through=6)
    await victim.sold(7, A=3)
    await thief.run("DELETE FROM coverage")
    for table in ("levels", "records", "level_sales", "follows", "leases"):
        assert await victim.run(f"SELECT FROM {table}")
        assert not await thief.run(f"SELECT FROM {table}")
        assert not await thief.run(f"DELETE FROM {table} RETURNING tenant")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await thief.run("INSERT INTO follows VALUES ($1, '[]')", victim.tenant)
    assert (await victim.row("A"))["level"] == 5
