"""Play a plan in a world: clients, watchers, audits and misfortunes side by side; then settle what is left open."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import grpc

from tests.kit.ledger import request
from tests.kit.waiting import until
from tests.simulation.clients import Clients
from tests.simulation.history import Call, History, now
from tests.simulation.model.books import HELD, micros
from tests.simulation.plan import Plan
from tests.simulation.watchers import SOME, Watcher
from tests.simulation.wishes import CLAIMS, GOODS, LIMITS, receipts
from tests.simulation.world import LEDGERS, World

AUDIT_PAUSE_SECONDS = 1.0
AT_ONCE = 32
SAMPLE = 60
"""How many of the outcomes that are known are asked for again at the end."""
OVERDUE_SECONDS = 10.0
"""How long a hold that has run out may stand."""
LISTED_MAX = 1000
QUESTIONS = ("ListBalances", "ListReservations", "ListLocations", "ListLots", "ListShortfalls", "GetClaims",
             "ListWaiting", "ListBackOrders")  # fmt: skip
"""What is asked at the end: everything there is."""


async def play(world: World, plan: Plan) -> History:
    """The history of a plan, complete: what became of every request is known, and all that the books say."""
    await world.forget()
    history = History(plan.seed, LIMITS)
    clients = Clients(world, plan, history)
    await _prepare(clients)
    watchers = [
        Watcher(world, history, clients.tenant, "all 0"),
        Watcher(world, history, clients.tenant, "all 1"),
        Watcher(world, history, clients.tenant, "some", SOME),
    ]
    watching = [watcher.run(random.Random(f"{plan.seed} {place}"), place % 2) for place, watcher in enumerate(watchers)]
    async with _beside(*watching, _auditing(world, history, clients.tenant), world.watch_locks()):
        await asyncio.gather(clients.run(), _misfortunes(world, plan, clients))
        world.slow(0)
        await _settle(clients, history, plan)
    watchers.append(Watcher(world, history, clients.tenant, "afterwards"))
    shown, head = 0, await _conclude(world, history, clients)
    while shown < head:  # holds go on running out, and whoever looks may be shown more than another
        shown = head
        await asyncio.gather(*(each.catch_up(shown) for each in watchers))
        head = max(shown, *(each.through for each in watchers))
    history.faults, history.lock_waits = world.faults, world.lock_waits
    return history


@asynccontextmanager
async def _beside(*work: Awaitable[None]) -> AsyncIterator[None]:
    """Do some work beside the block, and end it with the block."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for each in ended:
        if isinstance(each, Exception):
            raise each


async def _prepare(clients: Clients) -> None:
    """What there is before clients come."""
    for number, (method, asked) in enumerate(receipts()):
        asked.request_id = f"prepared {number}"
        call = await clients.ask("prepare", method, asked, 0)
        assert call.known, call


async def _misfortunes(world: World, plan: Plan, clients: Clients) -> None:
    """Let everything that is planned go wrong in its time."""
    for each in plan.misfortunes:
        goal = each.share * plan.steps
        await until(lambda goal=goal: clients.done >= goal, 120.0)  # type: ignore[misc]
        await world.befall(each)


async def _auditing(world: World, history: History, tenant: str) -> None:
    """Verify the books again and again, at whichever ledger answers."""
    ledger = 0
    while True:
        ledger = 1 - ledger
        await _audit(world, history, tenant, ledger)
        await asyncio.sleep(AUDIT_PAUSE_SECONDS)


async def _audit(world: World, history: History, tenant: str, ledger: int) -> None:
    """Verify the books once, if the ledger answers."""
    try:
        differences = await world.caller(tenant, ledger).verify()
    except grpc.aio.AioRpcError:
        return
    history.audits.append([each.sentence for each in differences])


async def _settle(clients: Clients, history: History, plan: Plan) -> None:
    """Ask for every outcome that nobody knows, and for some that are known; then wait for holds that are overdue."""
    asked: defaultdict[tuple[str, str], list[Call]] = defaultdict(list)
    for call in history.calls:
        if call.changes and not call.asks_only:
            asked[call.method, call.request.request_id].append(call)
    settled = [calls for calls in asked.values() if any(call.definite for call in calls)]
    again = random.Random(plan.seed).sample(settled, min(SAMPLE, len(settled)))
    room = asyncio.Semaphore(AT_ONCE)

    async def settle(calls: Sequence[Call]) -> None:
        async with room:
            await _settle_one(clients, calls)

    await asyncio.gather(
        *(settle(calls) for calls in [*(each for each in asked.values() if each not in settled), *again])
    )
    with suppress(TimeoutError):  # what is still overdue then is for the checker to tell
        await until(lambda: _nothing_overdue(clients), OVERDUE_SECONDS)


async def _settle_one(clients: Clients, calls: Sequence[Call]) -> None:
    """Ask for the outcome of one attempt: with each of its contents, until one has it."""
    contents = {each.request.SerializeToString(deterministic=True): each for each in calls}
    chance, ledgers = random.Random(0), itertools.cycle(range(LEDGERS))
    for each in contents.values():
        call = await clients.insist("settle", each.method, each.request, next(ledgers), chance)
        if call.definite:
            return


async def _nothing_overdue(clients: Clients) -> bool:
    """Whether every hold that has run out was ended."""
    held = request("ListReservations", states=[HELD], page_size=LISTED_MAX)
    call = await clients.ask("settle", "ListReservations", held, 0)
    return call.answer is not None and all(micros(each.expire_time) > now() for each in call.answer.reservations)


async def _demand(world: World, history: History, tenant: str) -> None:
    """List all that orders were promised."""
    caller = world.caller(tenant)
    history.demand.append(await caller.do("ListDemand"))
    while history.demand[-1].more:
        history.demand.append(await caller.do("ListDemand", after=history.demand[-1].through))


async def _conclude(world: World, history: History, clients: Clients) -> int:
    """Ask for everything there is, list the books, and audit them once more; the newest revision."""
    for method in QUESTIONS:
        fields: dict[str, Any] = {"claims": CLAIMS} if method == "GetClaims" else {}
        asked = request(method, **fields)
        if hasattr(asked, "page_size"):
            asked.page_size = 100 if method == "ListShortfalls" else LISTED_MAX
        await clients.ask("conclude", method, asked, 1)
    for goods in GOODS[:4]:
        await clients.ask("conclude", "GetBalance", request("GetBalance", stock_item=goods), 0)
    for name in {call.request.request_id for call in history.calls if call.method == "ImportSnapshot"}:
        await clients.ask("conclude", "ListSnapshotLines", request("ListSnapshotLines", request_id=name), 0)
    for each in [call.request for call in history.calls if call.method == "Reserve" and not call.asks_only][:SAMPLE]:
        asked = request("GetReserveOutcome", request_id=each.request_id)
        await clients.ask("conclude", "GetReserveOutcome", asked, 1)
    async for page in world.caller(clients.tenant).pages("ListEntries", LISTED_MAX):
        history.entries += page.entries
        history.listed = page.revision.number
    await _demand(world, history, clients.tenant)
    await _audit(world, history, clients.tenant, 0)
    newest = await clients.ask("conclude", "ListLocations", request("ListLocations", page_size=LISTED_MAX), 0)
    assert newest.revision is not None, newest
    return newest.revision
