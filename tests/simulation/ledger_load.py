"""Clients that press a few stock items of a ledger, what they saw, and what is wrong with it."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict

from tests.kit.ledger import RECEIVE, SHIP, Caller, draft, movement, request
from weir.ledger.v1 import ledger_pb2
from weir_chassis import status

TENANT = "pressed"
SKUS = "ABC"
CALL_SECONDS = 5.0
PASSING = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
)


@dataclass
class Write:
    """One write: what was asked, how often, and how it ended: an answer, a refusal's reason, or neither yet."""

    method: str
    message: Any
    tries: int = 0
    answer: Any = None
    reason: str = ""

    @property
    def known(self) -> bool:
        """Whether its outcome is known."""
        return self.answer is not None or bool(self.reason)

    def told(self) -> dict[str, Any]:
        """Itself as plain values, to be kept."""
        answer = None if self.answer is None else MessageToDict(self.answer)
        return {"method": self.method, "request": MessageToDict(self.message), "tries": self.tries, "answer": answer,
                "reason": self.reason}  # fmt: skip


@dataclass
class Load:
    """Clients that write until they are told to stop, each one write after the other, at any of the ledgers."""

    channels: Callable[[], Sequence[grpc.aio.Channel]]
    seed: int
    history: list[Write] = field(default_factory=list)
    accidents: list[str] = field(default_factory=list)
    in_flight: int = 0
    over: bool = False

    @property
    def known(self) -> int:
        """How many writes have an outcome that is known."""
        return sum(write.known for write in self.history)

    def count(self, holds: Callable[[Write], bool]) -> int:
        """How many writes are so."""
        return sum(map(holds, self.history))

    async def prepare(self, units: int) -> None:
        """A warehouse, and some units of each stock item."""
        await self._write(random.Random(self.seed), "CreateLocation", location={"location": "W1", "kind": 1})
        facts = [movement(RECEIVE, sku, units) for sku in SKUS]
        await self._write(random.Random(self.seed), "RecordMovements", movements=facts)

    async def client(self, number: int) -> None:
        """One client: it promises, keeps, gives up, receives and ships, as chance has it."""
        chance = random.Random(f"{self.seed} {number}")
        running: list[str] = []
        while not self.over:
            what = chance.random()
            if what < 0.5 or (what < 0.8 and not running):
                wishes = [(sku, chance.randint(1, 3)) for sku in chance.sample(SKUS, chance.randint(1, 2))]
                done = await self._write(chance, "Reserve", draft=draft(*wishes))
                if done.answer is not None:
                    running.append(done.answer.reservation.reservation)
            elif what < 0.65:
                name = running.pop(chance.randrange(len(running)))
                await self._write(chance, "Release", reservation=name)
            elif what < 0.8:
                name = running.pop(chance.randrange(len(running)))
                await self._write(chance, "Confirm", reservation=name)
                await self._write(chance, "Fulfil", reservation=name)
            else:
                kind = RECEIVE if what < 0.95 else SHIP
                fact = movement(kind, chance.choice(SKUS), chance.randint(1, 3))
                await self._write(chance, "RecordMovements", movements=[fact])

    async def _write(self, chance: random.Random, method: str, **fields: Any) -> Write:
        """A write, asked again under the same id until its outcome is known or the load is over."""
        name = f"{self.seed}-{len(self.history)}"
        write = Write(method, request(method, request_id=name, **fields))
        self.history.append(write)
        await self.ask(write, chance)
        while not write.known and not self.over:
            await asyncio.sleep(chance.uniform(0.01, 0.1))
            await self.ask(write, chance)
        return write

    async def ask(self, write: Write, chance: random.Random) -> None:
        """Ask for a write at one of the ledgers, once."""
        write.tries += 1
        self.in_flight += 1
        try:
            caller = Caller(chance.choice(self.channels()), TENANT)
            write.answer = await caller.send(write.method, write.message, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            self._endure(write, error)
        finally:
            self.in_flight -= 1

    def _endure(self, write: Write, error: grpc.aio.AioRpcError) -> None:
        """Take the reason of a definite refusal, and note what no caller should ever see.

        After anything else nobody knows whether the write was done; it is asked again under the same id.
        """
        refusal = status.told(error)
        if refusal is not None and refusal.kind.definite:
            write.reason = refusal.reason
        elif error.code() not in PASSING:
            self.accidents.append(f"{write.method} {write.message.request_id}: {error.details()}")

    def save(self, path: Path) -> None:
        """Keep the history, before it is judged."""
        path.write_text("".join(json.dumps(write.told()) + "\n" for write in self.history))


async def lost(load: Load, caller: Caller) -> list[str]:
    """Acknowledged writes that are not remembered as they were acknowledged; each is asked again under its id."""
    room = asyncio.Semaphore(32)

    async def again(write: Write) -> str | None:
        async with room:
            try:
                answer = await caller.send(write.method, write.message)
            except grpc.aio.AioRpcError as error:
                if write.reason and status.reason(error) == write.reason:
                    return None
                return f"{write.method} {write.message.request_id}: now {status.reason(error)}"
            if answer != write.answer:
                return f"{write.method} {write.message.request_id}: acknowledged, now answered anew"
            return None

    found = await asyncio.gather(*(again(write) for write in load.history if write.known))
    return [each for each in found if each is not None]


def wrong(load: Load, entries: Sequence[ledger_pb2.Entry]) -> list[str]:
    """What the books say that the clients' history does not, or that no books may say."""
    found = [f"accident: {each}" for each in load.accidents]
    on_hand: Counter[str] = Counter()
    reserved: Counter[str] = Counter()
    revisions: defaultdict[str, set[int]] = defaultdict(set)
    for entry in entries:
        sku = entry.stock_item.product.sku
        revisions[entry.request_id].add(entry.revision)
        if entry.account != ledger_pb2.ACCOUNT_STOCK:
            continue
        on_hand[sku] += entry.on_hand_delta
        reserved[sku] += entry.reserved_delta
        if (entry.on_hand, entry.reserved) != (on_hand[sku], reserved[sku]):
            found.append(f"revision {entry.revision}: counts of {sku} are not the fold of the entries")
        if entry.kind == ledger_pb2.ENTRY_KIND_RESERVE and reserved[sku] > on_hand[sku]:
            found.append(f"revision {entry.revision}: {sku} is oversold, {reserved[sku]} of {on_hand[sku]}")
    accepted = {
        write.message.request_id: write.answer.revision.number
        for write in load.history
        if write.answer is not None and write.method not in ("CreateLocation", "Confirm")
    }
    for name, number in accepted.items():
        if revisions.get(name) != {number}:
            found.append(f"{name} was acknowledged at revision {number}, it is in {revisions.get(name)}")
    unknown = {write.message.request_id for write in load.history if not write.known}
    found.extend(f"{name} moved units, but was refused" for name in sorted(set(revisions) - set(accepted) - unknown))
    return found


def expected(load: Load) -> dict[str, tuple[int, int]]:
    """Units on hand and reserved of each stock item, by what the clients were told; all outcomes must be known."""
    on_hand: Counter[str] = Counter()
    newest: dict[str, Any] = {}
    for write in load.history:
        if write.answer is None:
            continue
        if write.method == "RecordMovements":
            for each in write.message.movements:
                on_hand[each.stock_item.product.sku] += each.quantity if each.kind == RECEIVE else -each.quantity
        elif write.method != "CreateLocation":
            told = write.answer.reservation
            known = newest.get(told.reservation)
            if known is None or known.changed_revision < told.changed_revision:
                newest[told.reservation] = told
    reserved: Counter[str] = Counter()
    for told in newest.values():
        for line in told.lines:
            reserved[line.stock_item.product.sku] += line.open
            on_hand[line.stock_item.product.sku] -= line.fulfilled
    return {sku: (on_hand[sku], reserved[sku]) for sku in SKUS}
