"""Clients that do as planned, and write down what they asked and what they were told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from tests.kit.ledger import Caller
from tests.simulation.history import Call, History, Refusal, now
from tests.simulation.model.books import CONFIRMED, HELD, Item, item, micros
from tests.simulation.model.waiting import WAITING
from tests.simulation.plan import ENDERS, Manner, Plan, Step
from tests.simulation.wishes import GOODS, KNOWN, LONG_AGO, STALE, otherwise
from tests.simulation.world import World, other, pause
from weir.ledger.v1 import reservation_pb2, waiting_pb2
from weir_chassis import status

T = TypeVar("T")

CALL_SECONDS = 10.0
LINES_A_MESSAGE = 3
EPOCH_MICROS = 200_000
"""How long the epochs of ceilings last that clients set."""
PROLONGED_MILLISECONDS = (1000, 1200, 20_000, 90_000)
"""For how long reservations are prolonged; the last is longer than may be."""
ELSEWHERE = 0.7
"""How often a client that asks twice at once asks two ledgers."""
FITTING = 0.7
"""How often a client asks of a reservation what can be done with it, as far as it knows."""
RECENT = 24
"""Reservations and requests that are drawn from: the newest so many."""
NOBODY = "00000000-0000-7000-8000-000000000001"
"""A reservation that nobody made."""
LOST = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
VAGUE = ("DATABASE_AWAY", "OVERLOADED", "CALL_ABORTED", "DRAINING")
"""Reasons that leave open what became of a request."""


@dataclass(slots=True)
class Board:
    """What clients know of one another's doings."""

    reservations: list[str] = field(default_factory=list)
    """All that were ever made, in the order that they became known."""
    running_out: dict[str, int] = field(default_factory=dict)
    """When holds run out that nobody has confirmed or ended, as far as is known."""
    confirmed: dict[str, None] = field(default_factory=dict)
    balances: dict[Item, int] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    lines: dict[str, list[Any]] = field(default_factory=dict)
    """The stock items of the lines of reservations, of those that are known."""
    changed: dict[str, int] = field(default_factory=dict)
    """The revisions that changed reservations last, as far as is known."""
    demands: dict[str, Any] = field(default_factory=dict)
    """Demands that wait, as they were last seen."""
    asked: list[tuple[str, Any]] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)

    def learn(self, answer: Message) -> None:
        """Note what an answer tells."""
        for found in within(answer, "reservation"):
            self.changed[found.reservation] = max(found.changed_revision, self.changed.get(found.reservation, 0))
            if found.reservation not in self._known:
                self._known.add(found.reservation)
                self.reservations.append(found.reservation)
            self.running_out.pop(found.reservation, None)
            self.confirmed.pop(found.reservation, None)
            self.lines[found.reservation] = [each.stock_item for each in found.lines]
            if found.state == HELD:
                self.running_out[found.reservation] = micros(found.expire_time)
            elif found.state == CONFIRMED:
                self.confirmed[found.reservation] = None
        for balance in within(answer, "balance"):
            what = item(balance.stock_item)
            self.balances[what] = max(balance.changed_revision, self.balances.get(what, 0))
        for demand in within(answer, "waiting"):
            self.demands.pop(demand.waiting, None)
            if demand.state == WAITING:
                self.demands[demand.waiting] = demand
        for back_orders in within(answer, "back_orders"):
            self.etags[f"back-orders {back_orders.product.sku}"] = back_orders.etag
        for location in within(answer, "location"):
            self.etags[location.location] = location.etag
        for lot in within(answer, "lot"):
            self.etags[f"{lot.product.sku} {lot.lot}"] = lot.etag

    def reservation(self, method: str, draw: float) -> str:
        """A reservation for a method: mostly one that is in the right state, as far as is known."""
        confirmed = method in ("Fulfil", "Transfer") or (method == "Amend" and draw * 1.5 < FITTING)
        right = list(self.confirmed if confirmed else self.running_out)
        among = right if right and draw < FITTING else self.reservations
        return _recent(among, draw / FITTING % 1.0) if among else NOBODY

    def demand(self, draw: float) -> Any:
        """A demand that waits, as far as is known."""
        return _recent(list(self.demands.values()), draw) if self.demands else waiting_pb2.Waiting(waiting=NOBODY)


def within(answer: Any, name: str) -> list[Any]:
    """The objects of a name that an answer holds, if there is one."""
    if hasattr(answer, f"{name}s"):
        return list(getattr(answer, f"{name}s"))
    if hasattr(answer, name):
        found = getattr(answer, name)
        if not isinstance(found, Message):
            return list(found)
        return [found] if answer.HasField(name) else []
    if name == "reservation" and hasattr(answer, "outcomes"):
        return [each.reservation for each in answer.outcomes if each.HasField("reservation")]
    return []


class Clients:
    """All clients of one run."""

    def __init__(self, world: World, plan: Plan, history: History) -> None:
        """Do `plan` in `world`, and write to `history`."""
        self._world = world
        self._plan = plan
        self._history = history
        self.tenant = f"seed {plan.seed}"
        self.board = Board()
        self.done = 0
        """Steps done."""

    async def run(self) -> None:
        """All clients, each one step after the other, beside all others."""
        await asyncio.gather(*(self._client(number) for number in range(len(self._plan.clients))))

    async def _client(self, number: int) -> None:
        for place, step in enumerate(self._plan.clients[number]):
            await self._step(f"{number}.{place}", step)
            self.done += 1

    async def _step(self, name: str, step: Step) -> None:
        """Do one step; its attempt, if it makes one, is named after it."""
        method, wished = step.wish
        asked = self._filled(method, wished, step)
        if step.manner in (Manner.AGAIN, Manner.AGAIN_OTHERWISE) and self.board.asked:
            method, asked = _recent(self.board.asked, step.draw)
            if step.manner is Manner.AGAIN_OTHERWISE:
                asked = otherwise(method, asked)
        elif hasattr(asked, "request_id"):
            asked.request_id = f"{self._plan.seed}.{name}"
            asked.validate_only = step.manner is Manner.ONLY_ASKING and method != "ImportSnapshot"
            if not asked.validate_only:
                self.board.asked.append((method, asked))
        match step.manner:
            case Manner.DOOMED:
                await self.ask(name, method, asked, step.ledger, dies_after_seconds=step.seconds)
            case Manner.DOUBLED | Manner.DOUBLED_OTHERWISE:
                twin = asked if step.manner is Manner.DOUBLED else otherwise(method, asked)
                second = other(step.ledger) if step.draw < ELSEWHERE else step.ledger
                await asyncio.gather(self.ask(name, method, asked, step.ledger), self.ask(name, method, twin, second))
            case Manner.AS_IT_EXPIRES:
                await self._ask_as_it_expires(name, method, asked, step)
            case _:
                await self._ask(name, method, asked, step)

    async def _ask(self, name: str, method: str, asked: Any, step: Step) -> None:
        """Ask once, or until it is known what became of it."""
        if step.stubborn:
            await self.insist(name, method, asked, step.ledger, random.Random(step.draw))
        else:
            await self.ask(name, method, asked, step.ledger)

    async def insist(self, client: str, method: str, asked: Any, ledger: int, chance: random.Random) -> Call:
        """Ask until it is known what became of it, at the other ledger where one does not answer.

        Give up where that takes longer than any accident does: an outcome that nobody can learn is for the checker.
        """
        end = now() + round(self._plan.insist_seconds * 1_000_000)
        call = await self.ask(client, method, asked, ledger)
        while not call.known and not call.accident and now() < end:
            await asyncio.sleep(pause(chance))
            ledger = other(ledger)
            call = await self.ask(client, method, asked, ledger)
        return call

    async def _ask_as_it_expires(self, name: str, method: str, asked: Any, step: Step) -> None:
        """Ask at about the moment when the next hold runs out, of both ledgers; at once where none is about to."""
        until = {moment - now(): name for name, moment in self.board.running_out.items() if moment > now()}
        if not until or min(until) > self._plan.patience_seconds * 1_000_000:
            await self._ask(name, method, asked, step)
            return
        asked.reservation = until[min(until)]
        if method == "Transfer":
            self._send(asked)
        await asyncio.sleep(min(until) / 1_000_000 + step.seconds * 4 - 0.02)
        await self.ask(name, method, asked, step.ledger)

    async def ask(
        self, client: str, method: str, asked: Any, ledger: int, *, dies_after_seconds: float | None = None
    ) -> Call:
        """Ask once, and write down how it ended."""
        call = Call(client, ledger, method, asked, now())
        self._history.calls.append(call)
        try:
            async with asyncio.timeout(dies_after_seconds):
                caller = Caller(self._world.channel(ledger), self.tenant)
                sent = _messages(asked) if method == "ImportSnapshot" else asked
                call.answer = await caller.send(method, sent, timeout=CALL_SECONDS)
        except TimeoutError:
            return call
        except grpc.aio.AioRpcError as error:
            call.refusal, call.accident = read(error, keeps=not getattr(asked, "digest", b""))
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            return call  # its channel was closed
        if call.known:
            call.returned = now()
        if call.answer is not None:
            self.board.learn(call.answer)
        return call

    def _filled(self, method: str, wished: Any, step: Step) -> Any:
        """The request of a wish, with what it needs of what is known by now."""
        made = type(wished)()
        made.CopyFrom(wished)
        if method in ENDERS or method == "GetReservation":
            made.reservation = self.board.reservation(method, step.draw)
            _always_alike(made)
            if method == "Transfer":
                self._send(made)
            if method == "Amend" and made.expected_revision < 0:
                known = self.board.changed.get(made.reservation, 1)
                made.expected_revision = max(1, known - (made.expected_revision == STALE))
        elif method in ("CancelWaiting", "GetWaiting"):
            made.waiting = self.board.demand(step.draw).waiting
        elif method == "PromiseWaiting":
            for place, each in enumerate(made.promises):
                self._choose(each, random.Random(f"{step.draw} {place}"))
        elif method == "RecordMovements":
            for each in made.movements:
                if each.expected_revision < 0:
                    known = self.board.balances.get(item(each.stock_item), 0)
                    each.expected_revision = max(0, known - (each.expected_revision == STALE))
        elif method == "ImportSnapshot":
            _date(made)
        elif method == "UpdateLocation":
            made.location.etag = self._etag(made.location.location, made.location.etag)
        elif method == "DeleteLocation":
            made.etag = self._etag(made.location, made.etag)
        elif method == "SetCeilings":
            for each in made.ceilings:
                each.epoch = LONG_AGO if each.epoch == STALE else now() // EPOCH_MICROS
        elif method == "SetBackOrders":
            name = f"back-orders {made.back_orders.product.sku}"
            made.back_orders.etag = self._etag(name, made.back_orders.etag)
        elif method == "SetLot":
            made.lot.etag = self._etag(f"{made.lot.product.sku} {made.lot.lot}", made.lot.etag)
        return made

    def _send(self, asked: Any) -> None:
        """Let arrive what leaves the lines of a reservation, of those that are known, and somewhere else."""
        known = self.board.lines.get(asked.reservation) or [GOODS[0]]
        for each in asked.lines:
            each.line = min(each.line, len(known))
            there, source = each.destination, known[each.line - 1]
            there.product.CopyFrom(source.product)
            there.lot, there.uom = source.lot, source.uom
            if item(there) == item(source):
                there.custodian = "porter"
        if len({each.line for each in asked.lines}) < len(asked.lines):
            del asked.lines[1:]

    def _choose(self, promise: Any, chance: random.Random) -> None:
        """Choose the demand that is promised units; of half of them all that waits, as far as is known."""
        demand = self.board.demand(chance.random())
        promise.waiting = demand.waiting
        waiting = [{"line": each.line, "quantity": each.open} for each in demand.lines if each.open]
        if waiting and chance.random() < 0.5:
            del promise.units[:]
            promise.units.extend([reservation_pb2.LineQuantity(**each) for each in waiting])

    def _etag(self, name: str, wanted: str) -> str:
        known = self.board.etags.get(name, "1")
        return {str(KNOWN): known, str(STALE): str(int(known or 1) - 1)}.get(wanted, wanted)


def _always_alike(asked: Any) -> None:
    """Let a reservation be prolonged always by the same time, and marked always at the same moment: of several in one
    commit no answer tells which came last."""
    chance = random.Random(asked.reservation)
    if hasattr(asked, "hold_duration"):
        asked.hold_duration.FromMilliseconds(chance.choice(PROLONGED_MILLISECONDS))
    elif hasattr(asked, "handed_over_time"):
        asked.ClearField("lines")
        asked.ClearField("handed_over_time")
        if chance.random() < 0.5:
            asked.handed_over_time.FromSeconds(LONG_AGO + chance.randrange(86_400))


def _date(asked: Any) -> None:
    """Let the moments of figures, which are planned as from now, be so."""
    for each in (asked.feed, *asked.lines):
        if each.HasField("as_of_time"):
            each.as_of_time.FromMicroseconds(now() + micros(each.as_of_time))


def _messages(asked: Any) -> Iterator[Any]:
    """An import as the messages of its stream, of a few lines each."""
    first = type(asked)()
    first.CopyFrom(asked)
    del first.lines[LINES_A_MESSAGE:]
    yield first
    for begin in range(LINES_A_MESSAGE, len(asked.lines), LINES_A_MESSAGE):
        yield type(asked)(lines=asked.lines[begin : begin + LINES_A_MESSAGE])


def _recent(of: Sequence[T], draw: float) -> T:
    """One of the newest, the very newest more often."""
    return of[-1 - int(min(len(of), RECENT) * draw * draw)]


def read(error: grpc.aio.AioRpcError, *, keeps: bool = True) -> tuple[Refusal | None, str]:
    """The refusal that a call ended with, None where nobody knows how it ended; and what nobody should ever see.

    A refusal of a definite kind is the outcome of its request id, unless the ledger was told to keep none.
    """
    told = status.told(error)
    code = error.code()
    if told is None:
        return None, "" if code in LOST else f"{code.name}: {error.details()}"
    if told.reason in VAGUE:
        return None, ""
    if code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL):
        return None, f"{told.reason}: {told.message}"
    definite = keeps and told.kind.definite and told.reason != "REQUEST_ID_REUSED"
    return Refusal(code.name, told.reason, dict(told.metadata), definite), ""
