"""Watchers of the books, who hang up and come back, and write down all that they are shown."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress

import grpc

from tests.kit.ledger import Caller, request
from tests.simulation.clients import read
from tests.simulation.history import History, Session, now
from tests.simulation.wishes import GOODS
from tests.simulation.world import World, other, pause
from weir.common.v1 import revision_pb2, stock_pb2

SOME = [stock_pb2.Product(sku=GOODS[at].product.sku) for at in (0, 3)]
"""What a watcher asks for who does not want all."""
STREAM_SECONDS = 120.0
PATIENCE_SECONDS = 20.0


class Watcher:
    """One watcher, from the beginning of the books until it is told to go."""

    def __init__(
        self, world: World, history: History, tenant: str, name: str, products: Sequence[stock_pb2.Product] = ()
    ) -> None:
        """Watch all, or some products."""
        self._world = world
        self._history = history
        self._tenant = tenant
        self._name = name
        self._products = products
        self._after: revision_pb2.Revision | None = None
        self._broken = False

    @property
    def through(self) -> int:
        """Up to where it was shown everything."""
        return self._after.number if self._after is not None else 0

    async def run(self, chance: random.Random, ledger: int) -> None:
        """Watch until cancelled, or refused; now and then hang up, and go on from there at the other ledger."""
        while not self._broken:
            await self._watch(ledger, messages=chance.randint(8, 40))
            await asyncio.sleep(pause(chance))
            ledger = other(ledger)

    async def catch_up(self, head: int) -> None:
        """Watch until everything up to a revision was shown; give up where it never is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while self.through < head and not self._broken:
                    await self._watch(0, head=head)

    async def _watch(self, ledger: int, *, messages: int = 2**31, head: int = 2**62) -> None:
        """One stream: until so many commits were shown, or the mark is at the head, or the stream ends."""
        asked = request("WatchEntries", after=self._after, products=self._products)
        session = Session(self._name, ledger, asked)
        self._history.sessions.append(session)
        call = Caller(self._world.channel(ledger), self._tenant).send("WatchEntries", asked, timeout=STREAM_SECONDS)
        try:
            async for message in call:
                session.seen.append((now(), message))
                self._after = message.through
                if len(session.seen) >= messages or self.through >= head:
                    return
        except grpc.aio.AioRpcError as error:
            refusal, accident = read(error)
            session.accident = refusal.reason if refusal is not None else accident
            self._broken = bool(session.accident)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
        finally:
            call.cancel()
