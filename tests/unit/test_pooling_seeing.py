"""Watches of which everybody sees his own part: what goes out for each commit, and when it is asked who watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from weir.pooling.v1 import alert_service_pb2 as pb
from weir_chassis import call
from weir_chassis.auth import Principal, Role
from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.objects import Change, Configured, Decision
from weir_chassis.idempotency import Attempt
from weir_chassis.ids import new_id
from weir_chassis.paging import Pages
from weir_chassis.revisions import Origin
from weir_chassis.watch import Wakeups
from weir_pooling.domain.alerts import Alert, Point
from weir_pooling.domain.people import KINDS, Pool, User, UserRole
from weir_pooling.errors import AuthorityInsufficient
from weir_pooling.memory import memory_pooling
from weir_pooling.ports import Pooling
from weir_pooling.servicer.alerts import AlertServicer

ANN, BOB, HUB = User("ann", UserRole.REP), User("bob", UserRole.REP), User("hub", UserRole.DISTRIBUTOR)
NORTH = Pool("north", "hub", "", ("ann",))
NOBODY: Any = None


class House:
    """A servicer over memory, and how often it was read who is who."""

    def __init__(self) -> None:
        """Empty."""
        self.handlers: Handlers[Pooling] = Handlers(memory_pooling(), Origin("pooling", "here", 1), KINDS)
        self.wakeups = Wakeups()
        self.servicer = AlertServicer(self.handlers, pages=Pages("here"), wakeups=self.wakeups, par_levels_max=1)

    async def put(self, *changes: Configured | Change) -> None:
        """Write objects down in one commit."""
        made = tuple(each if isinstance(each, Change) else Change(each) for each in changes)

        async def decide(_: Any, wanted: Any) -> Decision[Any]:
            return Decision(made[0].object, made)

        await self.handlers.write(Attempt("acme", "put", new_id(), b""), decide, None)
        self.wakeups.wake("acme")

    @asynccontextmanager
    async def watching(self, user: str) -> AsyncIterator[Any]:
        """What a person's watch sends, as a function: the next message's revision and custodians."""
        with call.acting(call.Call("/test", Principal("acme", user, Role.READER))):
            messages = aiter(self.servicer.WatchAlerts(pb.WatchAlertsRequest(), NOBODY))

            async def read() -> tuple[int, list[str]]:
                async with asyncio.timeout(3):
                    message = await anext(messages)
                return message.through.number, [each.custodian for each in message.alerts]

            try:
                yield read
            finally:
                await messages.aclose()  # type: ignore[attr-defined]


def alert(custodian: str) -> Alert:
    """An alert of somebody."""
    return Alert(new_id(), custodian, "", "", "NAIL", 5, 1, datetime(2026, 3, 1, tzinfo=UTC), Point("books", 1, 1))


@pytest.fixture
async def house() -> House:
    """A house with three persons and a pool; the first commit."""
    made = House()
    await made.put(ANN, BOB, HUB, NORTH)
    return made


async def test_each_commit_is_told_as_far_as_it_is_seen(house: House) -> None:
    """Of a commit only what the caller may see is sent; commits of others' are gone over by a heartbeat at once, so
    that whoever resumes does so after them."""
    await house.put(alert("ann"), alert("bob"))
    await house.put(alert("bob"))
    async with house.watching("ann") as read:
        assert [await read(), await read()] == [(2, ["ann"]), (3, [])]
        await house.put(alert("hub"))
        assert await read() == (4, [])
        await house.put(alert("ann"), alert("ann"))
        assert await read() == (5, ["ann", "ann"])
    async with house.watching("hub") as read:
        assert [await read() for _ in range(3)] == [(2, ["ann"]), (4, ["hub"]), (5, ["ann", "ann"])]


async def test_who_sees_what_is_asked_anew_where_people_changed(house: House) -> None:
    """From the commit on in which a member comes or goes the hub sees his alerts, or does not; in the batch of that
    commit what it may see at its end."""
    async with house.watching("hub") as read:
        assert await read() == (1, [])
        await house.put(replace(NORTH, members=("ann", "bob")))
        await house.put(alert("bob"))
        assert await read() == (3, ["bob"])
        await house.put(replace(NORTH, members=()), alert("ann"))
        assert await read() == (4, [])


async def test_nobody_watches(house: House) -> None:
    """Who is no person is refused, and whoever is none any more is so from that commit on."""
    async with house.watching("stranger") as read:
        with pytest.raises(AuthorityInsufficient):
            await read()
    async with house.watching("bob") as read:
        assert await read() == (1, [])
        await house.put(Change(BOB, deleted=True))
        with pytest.raises(AuthorityInsufficient):
            await read()
