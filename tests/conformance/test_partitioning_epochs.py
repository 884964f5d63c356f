"""The port `Epochs`: the same in memory and on Postgres."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest

from tests.kit.dividing import BOOKS, NOON, Divided, dissolved, draft, epoch, in_memory, kept, on_postgres
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir_allocation.claims import Claim
from weir_allocation.rebalance import EpochShare, Reason
from weir_chassis.idempotency import Attempt
from weir_partitioning.domain import Mode, Policy, Strategy
from weir_partitioning.handlers import policies as handlers
from weir_partitioning.ports import Epochs, Numbered, Stretch, SupplyKey, Where

TV, RADIO = SupplyKey(("acme", "TV"), "home"), SupplyKey(("acme", "RADIO"), "home")
ALL = Where()


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """One database for all of these tests; each has tenants of its own."""
    with postgres.fresh("weir_partitioning") as fresh:
        yield fresh


@pytest.fixture(params=["memory", "postgres"])
async def divided(request: pytest.FixtureRequest, database: FreshDatabase) -> AsyncIterator[Divided]:
    """Each implementation."""
    if request.param == "memory":
        yield in_memory()
        return
    async with on_postgres(database) as there:
        yield there


@pytest.fixture
def epochs(divided: Divided) -> Epochs:
    """The port of each implementation."""
    return divided.epochs


FULL = replace(
    epoch("ra'dio 😀", "Ω"),
    reason=Reason.SUPPLY,
    supply=2 * 10**9,
    held_back=10**9,
    scale=10**9,
    moved=10**9,
    turn=2**33,
    weighed_on=date(2027, 1, 31),
    shares=(EpochShare("web", 10**9, claimed=10**18, before=7, demand=10**12, weight=10**9), EpochShare("till", 0, 0)),
)
"""Every field of an epoch, at its ends."""


async def test_what_is_kept_is_read(epochs: Epochs, tenant: str) -> None:
    """An epoch comes back as it was, to the last field, whoever asks for it, and the books it was judged by."""
    (made,) = await kept(epochs, tenant, FULL)
    assert (made.number, made.epoch, made.books, made.in_force, made.cleared) == (1, FULL, BOOKS, False, ())
    assert await epochs.newest(tenant, [TV, made.supply]) == {made.supply: made}
    for found in (
        await epochs.pending(tenant, limit=9),
        await epochs.standing(tenant, ALL, limit=9),
        await epochs.past(tenant, ALL, limit=9),
    ):
        assert list(found) == [made]
    assert await epochs.stretch(tenant, after=0, limit=9) == Stretch(0, 1, (made,))


async def test_nothing_is_nothing(epochs: Epochs, tenant: str) -> None:
    """A tenant whose supplies were never divided has no epochs, none is due, and its history is at 0."""
    assert await epochs.newest(tenant, [TV]) == {}
    assert list(await epochs.add(tenant, [])) == []
    assert list(await epochs.pending(tenant, limit=9)) == []
    assert list(await epochs.due(tenant, NOON, limit=9)) == []
    assert list(await epochs.standing(tenant, ALL, limit=9)) == []
    assert await epochs.stretch(tenant, after=0, limit=9) == Stretch(0, 0, ())
    await epochs.enforce(tenant, [5])
    await epochs.seen(tenant, [TV], NOON)


async def test_an_epoch_is_judged_after_the_newest(epochs: Epochs, tenant: str) -> None:
    """What was judged after another epoch than the newest is left out, numbers have no gap for it, and what else comes
    in the batch is kept in the order given."""
    (first,) = await kept(epochs, tenant, epoch("TV"))
    assert list(await epochs.add(tenant, [draft(epoch("TV"))])) == []
    (second,) = await epochs.add(tenant, [draft(epoch("TV", shares={"web": 1}), first)])
    late, radio, lamp = epoch("TV", shares={"till": 1}), epoch("RADIO"), epoch("LAMP")
    added = await epochs.add(tenant, [draft(radio), draft(late, first), draft(lamp)])
    assert [(each.number, each.epoch) for each in added] == [(3, radio), (4, lamp)]
    assert (await epochs.newest(tenant, [TV]))[TV] == second
    assert (await epochs.stretch(tenant, after=0, limit=9)).epochs == (first, second, *added)


async def test_of_two_at_once_one_is_first(epochs: Epochs, tenant: str) -> None:
    """Of many that judge one supply after the same epoch one is kept; of other supplies all are, each number once."""
    wanted = [epoch("TV", shares={"web": units}) for units in range(8)]
    ended = await asyncio.gather(
        *(epochs.add(tenant, [draft(each), draft(epoch(f"of {place}"))]) for place, each in enumerate(wanted))
    )
    assert sorted(len(each) for each in ended) == [1] * 7 + [2]
    assert sorted(each.number for batch in ended for each in batch) == list(range(1, 10))


async def test_an_epoch_comes_into_force(epochs: Epochs, tenant: str) -> None:
    """It is pending until the ledger was told; a newer one is pending in its place, whatever becomes of the older."""
    first, radio = await kept(epochs, tenant, epoch("TV"), epoch("RADIO"))
    assert list(await epochs.pending(tenant, limit=1)) == [first]
    await epochs.enforce(tenant, [first.number, 99])
    assert list(await epochs.pending(tenant, limit=9)) == [radio]
    assert (await epochs.newest(tenant, [TV]))[TV] == replace(first, in_force=True)
    (second,) = await kept(epochs, tenant, epoch("TV", shares={"web": 1}))
    assert [(each.number, each.in_force) for each in await epochs.past(tenant, ALL, limit=9)] == [
        (second.number, False),
        (radio.number, False),
        (first.number, True),
    ]
    assert list(await epochs.pending(tenant, limit=9)) == [radio, second]
    await epochs.enforce(tenant, [second.number, radio.number])
    await epochs.enforce(tenant, [first.number])
    assert list(await epochs.pending(tenant, limit=9)) == []
    assert (await epochs.newest(tenant, [TV]))[TV].in_force


async def test_ceilings_that_nobody_has_any_more_go(epochs: Epochs, tenant: str) -> None:
    """An epoch names the claims of the one before that have no share in it, and while that was not in force those that
    it names itself; what was set under another scale goes, too."""
    web, till = (Claim(TV.product, TV.warehouse_group, name) for name in ("web", "till"))
    await kept(epochs, tenant, epoch(shares={"web": 5, "till": 3}))
    (second,) = await kept(epochs, tenant, epoch(shares={"web": 5}))
    assert (second.cleared, second.ceilings) == ((till,), {web: 5, till: None})
    (third,) = await kept(epochs, tenant, epoch(shares={"web": 5}, scale=2))
    assert set(third.cleared) == {web, till}
    assert third.ceilings == {web._replace(scale=2): 10, web: None, till: None}
    await epochs.enforce(tenant, [third.number])
    (fourth,) = await kept(epochs, tenant, epoch(shares={"till": 5}))
    assert fourth.cleared == (web._replace(scale=2),)
    (gone,) = await kept(epochs, tenant, dissolved())
    assert gone.ceilings == {till: None, web._replace(scale=2): None}
    assert (await epochs.newest(tenant, [TV]))[TV] == gone


async def test_what_stands_is_told_in_order(epochs: Epochs, tenant: str) -> None:
    """Newest epochs with shares come in order of owner, stock keeping unit and warehouse group, from any supply on, and
    only those that are meant; those that were dissolved, or gave nobody anything, do not."""
    await kept(
        epochs,
        tenant,
        epoch("b", "x", {"old": 1}),
        *(epoch(sku, group, {"web": 1, "till": 2}) for sku in "baB" for group in "yx"),
        epoch("ä", "x", {"rep": 1}),
        epoch("none", shares={}),
        epoch("gone"),
        dissolved("gone"),
    )
    every = [(sku, group) for sku in ("B", "a", "b") for group in "xy"] + [("ä", "x")]

    async def standing(*, start: tuple[str, str] | None = None, limit: int = 99, **where: Any) -> list[Any]:
        key = SupplyKey(("acme", start[0]), start[1]) if start else None
        found = await epochs.standing(tenant, Where(**where), start=key, limit=limit)
        return [(each.epoch.product[1], each.epoch.warehouse_group) for each in found]

    assert await standing() == every
    assert await standing(limit=2) == every[:2]
    for place, start in enumerate(every):
        assert await standing(start=start, limit=3) == every[place : place + 3]
    assert await standing(start=("a", "z")) == every[4:]
    assert await standing(product=("acme", "a")) == [("a", "x"), ("a", "y")]
    assert await standing(product=("", "a")) == []
    assert await standing(warehouse_group="y") == [("B", "y"), ("a", "y"), ("b", "y")]
    assert await standing(channel_group="rep") == [("ä", "x")]
    assert await standing(channel_group="old") == []
    assert await standing(product=("acme", "b"), warehouse_group="x", channel_group="web") == [("b", "x")]


async def test_the_past_is_told_newest_first(epochs: Epochs, tenant: str) -> None:
    """All that were kept come from the newest on, or from below a number, and only those that are meant."""
    made = await kept(
        epochs, tenant, epoch("TV"), epoch("RADIO", "x"), epoch("TV", "x"), epoch("TV"), dissolved("RADIO", "x")
    )
    numbers = [each.number for each in made]

    async def past(**asked: Any) -> list[int]:
        before, limit = asked.pop("before", None), asked.pop("limit", 99)
        found = await epochs.past(tenant, Where(**asked), before=before, limit=limit)
        return [each.number for each in found]

    assert await past() == numbers[::-1] == [5, 4, 3, 2, 1]
    assert await past(limit=2) == [5, 4]
    assert await past(before=4, limit=2) == [3, 2]
    assert await past(product=TV.product) == [4, 3, 1]
    assert await past(warehouse_group="x") == [5, 3, 2]
    assert await past(product=RADIO.product, warehouse_group="x", before=5) == [2]


async def test_history_is_read_in_stretches(epochs: Epochs, tenant: str) -> None:
    """Stretch by stretch every epoch is told once, in order of the numbers, with the head as it is."""
    made = await kept(epochs, tenant, *(epoch(sku) for sku in "abcde"))
    assert await epochs.stretch(tenant, after=0, limit=2) == Stretch(0, 5, tuple(made[:2]))
    assert await epochs.stretch(tenant, after=2, limit=9) == Stretch(0, 5, tuple(made[2:]))
    assert await epochs.stretch(tenant, after=5, limit=9) == Stretch(0, 5, ())


async def policy(divided: Divided, tenant: str, name: str, seconds: float | None, **fields: Any) -> None:
    """A policy that is to divide at least every so often."""
    wanted = Policy(name, Strategy.EQUAL_DIVISION, mode=Mode.BALANCED, threshold_percent=20, hysteresis_units=1)
    wanted = replace(wanted, rebalance_seconds=seconds, **fields)
    attempt = Attempt(tenant, "/test", name, b"one")
    create = partial(handlers.create_policy, most=9)
    await divided.policies.once(attempt, lambda objects: create(objects, wanted))


async def test_supplies_are_due(divided: Divided, tenant: str) -> None:
    """Due is what was not divided, nor seen, for as long as its policy says: those first that wait longest; what no
    policy divides every so often never is."""
    epochs = divided.epochs
    for name, seconds in (("minute", 60), ("hour", 3600.0), ("never", None)):
        await policy(divided, tenant, name, seconds)
    await policy(divided, tenant, "disabled", 60, disabled=True)
    for place, name in enumerate(("minute", "hour", "never", "minute", "disabled", "removed")):
        await kept(epochs, tenant, epoch(f"{place}", policy=name, divided_at=NOON - timedelta(seconds=place)))
    await kept(epochs, tenant, epoch("9", policy="minute"), dissolved("9"))

    async def due(seconds: int, limit: int = 99) -> list[str]:
        found = await epochs.due(tenant, NOON + timedelta(seconds=seconds), limit=limit)
        return [each.product[1] for each in found]

    assert [await due(seconds) for seconds in (56, 57, 60, 3598)] == [[], ["3"], ["3", "0"], ["3", "0"]]
    assert await due(3600) == ["3", "1", "0"]
    assert await due(3600, limit=2) == ["3", "1"]
    await epochs.seen(tenant, [SupplyKey(("acme", "3"), "home"), TV], NOON + timedelta(seconds=57))
    await epochs.seen(tenant, [SupplyKey(("acme", "3"), "home")], NOON)
    assert [await due(seconds) for seconds in (116, 117)] == [["0"], ["0", "3"]]
    await kept(epochs, tenant, epoch("0", policy="minute", divided_at=NOON + timedelta(seconds=100)))
    assert [await due(seconds) for seconds in (159, 160)] == [["3"], ["3", "0"]]


async def test_what_is_forgotten(epochs: Epochs, tenant: str) -> None:
    """The newest epoch of each supply stays for ever, others go when they are old; history then begins after the last
    that went, and a number before that is no place to begin."""
    await kept(epochs, tenant, epoch("TV"), epoch("RADIO"), epoch("TV"), epoch("TV"))
    assert await epochs.forget(keep_seconds=3600) == 0
    assert (await epochs.stretch(tenant, after=0, limit=9)).oldest == 0
    assert await epochs.forget(keep_seconds=0) >= 2
    assert [each.number for each in await epochs.past(tenant, ALL, limit=9)] == [4, 2]
    assert [each.number for each in await epochs.standing(tenant, ALL, limit=9)] == [2, 4]
    assert await epochs.stretch(tenant, after=2, limit=9) == Stretch(3, 4, ())
    assert [each.number for each in (await epochs.stretch(tenant, after=3, limit=9)).epochs] == [4]
    (fifth,) = await kept(epochs, tenant, epoch("RADIO"))
    assert fifth.number == 5
    await epochs.forget(keep_seconds=0)
    assert [each.number for each in await epochs.past(tenant, ALL, limit=9)] == [5, 4]
    assert (await epochs.stretch(tenant, after=3, limit=9)).oldest == 3


async def test_tenants_are_walled(epochs: Epochs, tenant: str) -> None:
    """Each tenant has its own epochs and numbers."""
    other = f"not {tenant}"
    (mine,) = await kept(epochs, tenant, epoch())
    assert await epochs.newest(other, [TV]) == {}
    assert await epochs.stretch(other, after=0, limit=9) == Stretch(0, 0, ())
    (theirs,) = await kept(epochs, other, epoch(shares={"web": 1}))
    assert theirs.number == mine.number == 1
    await epochs.enforce(other, [1])
    assert list(await epochs.pending(tenant, limit=9)) == [mine]


@pytest.mark.parametrize("seed", range(3))
async def test_both_come_to_the_same(database: FreshDatabase, seed: int) -> None:
    """Any sequence of batches, also of some that are judged too late, leaves the same behind on Postgres as in
    memory."""
    async with on_postgres(database) as there:
        told = [await played(each.epochs, f"seed {seed}", seed) for each in (there, in_memory())]
    assert told[0] == told[1]
    assert len(told[0][1]) > 50


async def played(epochs: Epochs, tenant: str, seed: int) -> tuple[list[Any], list[Numbered]]:
    """What every batch came to, and what is there in the end; an epoch is only forgotten if there is a newer one."""
    chance, ended = random.Random(seed), list[Any]()
    keys = [SupplyKey(("acme", sku), group) for sku in "abc" for group in "xy"]
    for _ in range(60):
        some = chance.sample(keys, chance.randrange(1, 5))
        newest = await epochs.newest(tenant, some)
        stale = await epochs.past(tenant, ALL, limit=9)
        drafts = []
        for key in some:
            before = newest.get(key)
            if chance.random() < 0.2:
                before = next((each for each in stale if each.supply == key), None)
            if chance.random() < 0.2:
                drafts.append(draft(dissolved(key.product[1], key.warehouse_group), before))
                continue
            shares = {name: chance.randrange(9) for name in chance.sample(["web", "till", "rep"], 2)}
            drafts.append(draft(epoch(key.product[1], key.warehouse_group, shares), before))
        added = await epochs.add(tenant, drafts)
        await epochs.enforce(tenant, [each.number for each in added if chance.random() < 0.5])
        ended.append((list(added), list(await epochs.pending(tenant, limit=99)), await epochs.newest(tenant, keys)))
        ended.append(list(await epochs.standing(tenant, Where(channel_group=chance.choice(["", "web"])), limit=4)))
    assert {each.supply for each in await epochs.past(tenant, ALL, limit=999)} <= set(keys)
    return ended, list((await epochs.stretch(tenant, after=0, limit=999)).epochs)
