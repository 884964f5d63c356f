"""Against hoarding: no tenant and no channel holds more than it may, also where two ledgers promise at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from tests.kit.ledger import Caller, Ledger, awaiting, draft, eventually, ledger, movement, outcomes, promise
from tests.kit.postgres import FreshDatabase
from weir_chassis.errors import Kind

LIMITS = {
    "tenant_reservations": 12,
    "tenant_held_units": 40,
    "channel_reservations": 7,
    "channel_held_units": 20,
    "hold_seconds": 900,
    "lines": 5,
}
OPEN, UNITS = "OPEN_RESERVATIONS_EXHAUSTED", "HELD_UNITS_EXHAUSTED"
ROUNDS = 5


@pytest.fixture(scope="module")
async def service(database: FreshDatabase) -> AsyncIterator[Ledger]:
    """A ledger that allows little."""
    async with ledger(database, limits=LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
async def other_service(database: FreshDatabase) -> AsyncIterator[Ledger]:
    """A second one on the same database that allows as much."""
    async with ledger(database, limits=LIMITS) as running:
        yield running


@pytest.fixture
async def acme(service: Ledger) -> Caller:
    """A caller of a tenant that no other test has, with plenty of A to Z."""
    caller = service.caller()
    await caller.place("W1")
    await caller.record(*(movement(1, sku, 10**6) for sku in "ABCDE"))
    return caller


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_exactly_as_many_reservations(acme: Caller, twin: Caller, number: int) -> None:
    """Of 20 orders of one channel at two ledgers, whose goods have nothing in common, exactly 7 are taken; of 20 more
    without a channel 5, which makes 12."""
    for channel, taken in (("web", 7), ("", 5)):
        calls = [
            (acme, twin)[each % 2].do("Reserve", draft=draft(("ABCDE"[each % 5], 1), channel=channel))
            for each in range(20)
        ]
        assert Counter(await outcomes(calls)) == {"ok": taken, OPEN: 20 - taken}
    assert await acme.verify() == []


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_exactly_as_many_units(acme: Caller, twin: Caller, number: int) -> None:
    """Orders of 4 units at two ledgers: one channel gets 20 units held, the tenant 40, on every run."""
    for channels in (["web", "web"], ["till", ""]):
        calls = [
            caller.do("Reserve", draft=draft((sku, 4), channel=channel))
            for sku, channel in zip("ABCDEE", channels * 3, strict=True)
            for caller in (acme, twin)
        ]
        assert Counter(await outcomes(calls)) == {"ok": 5, UNITS: 7}
    assert await acme.verify() == []


async def test_what_a_refusal_tells(acme: Caller) -> None:
    """The refusal is RESOURCE_EXHAUSTED with scope, limit, what is held and what was asked; it is no outcome, so the
    same request succeeds when there is room."""
    made = await acme.reserve(("A", 18), channel="web")
    wanted = {"request_id": "once", "draft": draft(("A", 3), channel="web")}
    told = await acme.refused("Reserve", **wanted)
    assert (told.kind, told.reason) == (Kind.EXHAUSTED, UNITS)
    assert told.metadata == {"scope": "channel", "channel": "web", "limit": "20", "held": "18", "requested": "3"}
    await acme.do("Confirm", reservation=made.reservation)
    await acme.do("Reserve", **wanted)
    for _ in range(2):
        await acme.do("ReserveBatch", drafts=[draft(("A", 1))] * 5)
    told = await acme.refused("ReserveBatch", drafts=[draft(("A", 1))] * 5)
    assert told.metadata == {"scope": "tenant", "channel": "", "limit": "12", "open": "12", "requested": "1"}
    assert await acme.verify() == []


async def test_room_comes_back(acme: Caller) -> None:
    """Releasing, fulfilling and expiry make room for reservations; confirming and releasing parts, for units."""
    made = [await acme.confirmed(("A", 5), channel="web") for _ in range(6)]
    held = await acme.reserve(("A", 20), channel="web")
    more = draft(("B", 1), channel="web")
    assert (await acme.refused("Reserve", draft=more)).reason == OPEN
    await acme.do("Release", reservation=made[0].reservation, lines=[{"line": 1, "quantity": 4}])
    assert (await acme.refused("Reserve", draft=more)).reason == OPEN
    await acme.do("Release", reservation=made[0].reservation)
    assert (await acme.refused("Reserve", draft=more)).reason == UNITS
    await acme.do("Extend", reservation=held.reservation, hold_duration={"seconds": 1})

    async def room() -> bool:
        return await outcomes([acme.do("Reserve", draft=more)]) == ["ok"]

    await eventually(room)  # when the hold of 20 has run out
    assert (await acme.reservation(held.reservation)).lines[0].open == 0
    await acme.do("Fulfil", reservation=made[1].reservation)
    assert await outcomes(acme.do("Reserve", draft=more) for _ in range(3)) == ["ok", "ok", OPEN]
    assert await acme.verify() == []


async def test_how_long(acme: Caller) -> None:
    """A hold lasts as long as the installation allows, counted from the promise, however often it is extended."""
    told = await acme.refused("Reserve", draft=draft(("A", 1), hold_seconds=901))
    assert (told.kind, told.reason) == (Kind.EXHAUSTED, "HOLD_TIME_EXHAUSTED")
    assert told.metadata == {"limit_seconds": "900", "requested_seconds": "901"}
    made = await acme.reserve(("A", 1))
    told = await acme.refused("Extend", reservation=made.reservation, hold_duration={"seconds": 900})
    assert (told.reason, told.metadata["limit_seconds"]) == ("HOLD_TIME_EXHAUSTED", "900")
    await acme.do("Extend", reservation=made.reservation, hold_duration={"seconds": 800})


async def test_how_many_lines(acme: Caller) -> None:
    """A request has as many lines or movements as the installation allows; a batch counts them together."""
    for method, most, beyond in (
        ("RecordMovements", {"movements": [movement(1, "A", 1)] * 5}, {"movements": [movement(1, "A", 1)] * 6}),
        ("Reserve", {"draft": draft(*[("A", 1)] * 5)}, {"draft": draft(*[("A", 1)] * 6)}),
        ("ReserveBatch", {"drafts": [draft(("A", 1))] * 5}, {"drafts": [draft(("A", 1))] * 6}),
    ):
        await acme.do(method, **most)
        told = await acme.refused(method, **beyond)
        assert (told.kind, told.reason) == (Kind.EXHAUSTED, "LINES_EXHAUSTED")
        assert told.metadata == {"limit": "5", "requested": "6"}


async def test_a_lowered_limit(acme: Caller, database: FreshDatabase) -> None:
    """Where limits are lowered below what is held, nothing more is promised, and all that is promised can be confirmed,
    extended, fulfilled, released and run out; then there is room again."""
    made = [await acme.reserve(("A", 4), hold_seconds=50) for _ in range(7)]
    short = await acme.reserve(("A", 4), hold_seconds=1)
    lowered = dict.fromkeys(["tenant_reservations", "channel_reservations"], 1)
    async with ledger(database, limits={**LIMITS, **lowered, "tenant_held_units": 5}) as strict:
        caller = strict.caller(acme.tenant)
        assert (await caller.refused("Reserve", draft=draft(("A", 1)))).reason == OPEN
        names = [each.reservation for each in made]
        await caller.do("Extend", reservation=names[0], hold_duration={"seconds": 9})
        await asyncio.gather(*(caller.do("Confirm", reservation=each) for each in names[1:4]))
        await caller.do("MarkHandedOver", reservation=names[1])
        await asyncio.gather(*(caller.do("Fulfil", reservation=each) for each in names[1:4]))
        await asyncio.gather(*(caller.do("Release", reservation=each) for each in [names[0], *names[4:]]))

        async def room() -> bool:
            wanted = draft(("A", 5))
            return await outcomes([caller.do("Reserve", draft=wanted)]) == ["ok"]

        await eventually(room)  # when the hold of a second has run out
        assert (await caller.reservation(short.reservation)).lines[0].open == 0
        assert await caller.verify() == []


async def test_promised_while_others_let_go(acme: Caller, twin: Caller) -> None:
    """While orders come and go at two ledgers at the limit, none is left without an answer and the counts hold."""

    async def shop(caller: Caller, number: int) -> int:
        taken = 0
        for each in range(12):
            wanted = draft(("ABCDE"[(number + each) % 5], 3), channel="web")
            name = f"{number} {each}"
            [ended] = await outcomes([caller.do("Reserve", request_id=name, draft=wanted)])
            assert ended in {"ok", OPEN, UNITS}
            if ended == "ok":
                taken += 1
                made = (await caller.do("Reserve", request_id=name, draft=wanted)).reservation
                await caller.do("Release", reservation=made.reservation)
        return taken

    taken = await asyncio.gather(*(shop((acme, twin)[each % 2], each) for each in range(10)))
    assert sum(taken) > 10
    assert await acme.verify() == []
    full = await outcomes(acme.do("Reserve", draft=draft(("A", 1), channel="web")) for _ in range(8))
    assert Counter(full) == {"ok": 7, OPEN: 1}


async def test_promises_to_those_who_wait_count(acme: Caller, twin: Caller) -> None:
    """A channel has no more reservations by promises to its demands, at two ledgers, than by any other orders; each
    promise that is too much is refused by itself, and its demand goes on waiting. Nothing of them counts as held."""
    await acme.allow("A", 100)
    made = [await acme.await_units(("A", 3), channel="web") for _ in range(10)]
    answers = await asyncio.gather(
        *((acme, twin)[n // 5].promise(*[promise(each, ("A", 3)) for each in made[n : n + 5]]) for n in (0, 5))
    )
    assert Counter(each for answer in answers for each in answer) == {"ok": 7, OPEN: 3}
    assert await acme.waits("A") == (9, 100)
    await acme.reserve(("A", 20))
    assert await acme.verify() == []


async def test_lines_that_wait_count(acme: Caller) -> None:
    """Lines that wait count among those of a request, and so do those that are promised to demands."""
    await acme.allow("A", 100)
    made = await acme.await_units(*[("A", 1)] * 5)
    for asked in (
        {"waiting": awaiting(*[("A", 1)] * 6)},
        {"waiting": awaiting(*[("A", 1)] * 3), "draft": draft(*[("A", 1)] * 3)},
    ):
        told = await acme.refused("Reserve", **asked)
        assert (told.reason, told.metadata) == ("LINES_EXHAUSTED", {"limit": "5", "requested": "6"})
    many = [promise(made, *[("A", 1)] * 3, units={each: 1}) for each in (1, 2)]
    told = await acme.refused("PromiseWaiting", promises=many)
    assert (told.reason, told.metadata) == ("LINES_EXHAUSTED", {"limit": "5", "requested": "6"})
    assert await acme.waits("A") == (5, 100)
