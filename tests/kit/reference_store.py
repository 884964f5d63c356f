"""The reference adapter: `weir.connector.v1.StoreConnector` over gRPC, before a `Shop`.

    async with ReferenceStore(Shop.of(["A", "B"])).serving() as store:
        store.target                      # "127.0.0.1:PORT"
        store.weather = Weather(throttle=0.1, lose_answer=0.1, late=0.2)
        store.meets("lose_answer")        # the next call meets it for certain
        store.shop.sell("A", 2)
        await store.restart()

Weather is what any adapter may run into and sync has to stand; `Sabotage` is what an adapter must never do, each of
which `weir connector check` has to find out.
"""

from __future__ import annotations

import asyncio
import enum
import random
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from typing import Any, NoReturn

import grpc
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from grpc_status import rpc_status

from tests.kit.reference_shop import Shop
from weir.connector.v1 import connector_pb2, store_connector_pb2, store_connector_pb2_grpc
from weir_sync.connectors.port import Abilities, Level, LevelOutcome, Outcome

ABILITIES = Abilities(
    "reference", batch_max=100, requests_per_second=1000, burst=1000, compare_and_set=True, reads_back=True, fenced=True
)


@dataclass(frozen=True)
class Weather:
    """How likely a call is to meet what may happen to it, each 0 to 1."""

    throttle: float = 0
    """Told to come again after `retry_after_seconds`; nothing is done."""
    lose_request: float = 0
    """Nothing is done, and no answer."""
    lose_answer: float = 0
    """It is done, and no answer."""
    stall: float = 0
    """No answer before the caller gives up, and done when the store settles."""
    late: float = 0
    """Accepted, and done when the store settles."""
    drop: float = 0
    """Accepted, and never done."""
    settle_seconds: float = 0.05
    """How long until what is late is done."""
    retry_after_seconds: float = 0.02


KINDS = tuple(field.name for field in fields(Weather) if not field.name.endswith("_seconds"))


class Sabotage(enum.Enum):
    """What an adapter must never do."""

    BOUNDLESS = "describes itself out of bounds"
    RELATIVE = "adds levels up"
    FORGETFUL = "says nothing of the last level"
    STUTTERING = "says something of a level twice"
    PRETENDING = "knows every SKU"
    LAST_WRITER = "claims to compare, and does not"
    UNFENCED = "claims to heed numbers, and does not"
    MISNUMBERED = "tells the number of what it was sent, not of what it shows"
    HOLLOW = "says applied, and shows something else"
    STALE = "reads back what it was told, not what it shows"
    NARROW = "takes fewer levels than it says"
    BRITTLE = "breaks over SKUs that are odd"
    LOSSY = "loses the order at the end of a page"
    ENDLESS = "says that there are more, and does not go on"
    PARTIAL = "leaves unknown SKUs out of what it reads"
    OPEN = "asks nobody for a token"


class ReferenceStore(store_connector_pb2_grpc.StoreConnectorServicer):
    """Serves a shop; `token`: what callers must bear."""

    def __init__(
        self,
        shop: Shop,
        *,
        abilities: Abilities = ABILITIES,
        token: str = "",
        sabotage: Sabotage | None = None,
        seed: int = 1,
        credentials: grpc.ServerCredentials | None = None,
    ) -> None:
        """Claims what `abilities` say; whether it does it is up to the shop."""
        self.shop = shop
        self.abilities = abilities
        self.weather = Weather()
        self.calls: list[str] = []
        """Names of the rpcs that were asked, in order."""
        self.callers: list[dict[str, str]] = []
        """Metadata of each."""
        self._token = token
        self._sabotage = sabotage
        self._credentials = credentials
        self._draw = random.Random(seed)
        self._certain: deque[str] = deque()
        self._late: list[Level] = []
        self._timers: set[asyncio.TimerHandle] = set()
        self._told: dict[str, int] = {}
        self._sent: dict[str, int] = {}
        self._server: grpc.aio.Server | None = None
        self._port = 0

    @property
    def target(self) -> str:
        """Where it listens; the same after a restart."""
        return f"127.0.0.1:{self._port}"

    def meets(self, *kinds: str) -> None:
        """The next calls meet these for certain, one each; `fair` is none."""
        assert set(kinds) <= {*KINDS, "fair"}
        self._certain.extend(kinds)

    def settle(self) -> None:
        """Do at once all that is late."""
        late, self._late = self._late, []
        for level in late:
            self.shop.put(level)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[ReferenceStore]:
        """Listening within the block."""
        await self.start()
        try:
            yield self
        finally:
            await self.stop()

    async def start(self) -> None:
        """Listen, where it did before or on a free port."""
        self._server = grpc.aio.server()
        store_connector_pb2_grpc.add_StoreConnectorServicer_to_server(self, self._server)
        address = f"127.0.0.1:{self._port}"
        if self._credentials is None:
            self._port = self._server.add_insecure_port(address)
        else:
            self._port = self._server.add_secure_port(address, self._credentials)
        await self._server.start()

    async def stop(self) -> None:
        """End every call and listen no more; the shop goes on."""
        assert self._server is not None
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        await self._server.stop(None)

    async def restart(self) -> None:
        """As after a crash: calls in progress end without an answer, what was late is done or not as it comes."""
        await self.stop()
        await self.start()

    async def Describe(self, request: Any, context: Any) -> store_connector_pb2.DescribeResponse:
        """Say what it can do."""
        await self._arrive("Describe", context)
        told = connector_pb2.StoreAbilities(
            name=self.abilities.name,
            batch_max=self.abilities.batch_max,
            requests_per_second=self.abilities.requests_per_second,
            burst=self.abilities.burst,
            compare_and_set=self.abilities.compare_and_set,
            reads_back=self.abilities.reads_back,
            fenced=self.abilities.fenced,
        )
        if self._sabotage is Sabotage.BOUNDLESS:
            told.batch_max = 5000
        return store_connector_pb2.DescribeResponse(abilities=told)

    async def ApplyLevels(self, request: Any, context: Any) -> store_connector_pb2.ApplyLevelsResponse:
        """Show levels."""
        weather = await self._arrive("ApplyLevels", context)
        levels = [_level(level) for level in request.levels]
        if len(levels) > self._narrowed(self.abilities.batch_max):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "too many levels")
        if weather == "stall":
            self._later(levels)
            await asyncio.Event().wait()
        if weather in ("late", "drop"):
            if weather == "late":
                self._later(levels)
            outcomes = [self._accepted(level) for level in levels]
        else:
            outcomes = [self._put(level) for level in levels]
        if weather == "lose_answer":
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the connection was lost")
        match self._sabotage:
            case Sabotage.FORGETFUL:
                outcomes = outcomes[:-1]
            case Sabotage.STUTTERING:
                outcomes = [*outcomes, *outcomes[-1:]]
        told = [_told(each._replace(number=self._number(each.store_sku))) for each in outcomes]
        return store_connector_pb2.ApplyLevelsResponse(outcomes=told)

    async def ReadLevels(self, request: Any, context: Any) -> store_connector_pb2.ReadLevelsResponse:
        """Say what is shown."""
        await self._arrive("ReadLevels", context)
        skus = list(request.store_skus)
        if len(skus) > self._narrowed(self.abilities.batch_max):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "too many SKUs")
        shown = [
            connector_pb2.ShownLevel(store_sku=sku, quantity=self._read(sku), number=self._number(sku)) for sku in skus
        ]
        if self._sabotage is Sabotage.PARTIAL:
            shown = [level for level in shown if level.HasField("quantity")]
        return store_connector_pb2.ReadLevelsResponse(levels=shown)

    async def ListOrders(self, request: Any, context: Any) -> store_connector_pb2.ListOrdersResponse:
        """Say what was sold; a cursor is how many changes were told."""
        await self._arrive("ListOrders", context)
        mark = int(request.cursor) if request.cursor.isdigit() else 0
        orders, through = self.shop.since(mark, request.page_size)
        more = through < len(self.shop.changes)
        if self._sabotage is Sabotage.LOSSY and more:
            orders = orders[:-1]
        if self._sabotage is Sabotage.ENDLESS:
            more, through = True, mark
        answer = store_connector_pb2.ListOrdersResponse(cursor=str(through), more=more)
        for order in orders:
            told = answer.orders.add(store_order=order.order, cancelled=order.cancelled)
            told.place_time.FromDatetime(order.placed_at)
            for sku, units in order.lines:
                told.lines.add(store_sku=sku, quantity=units)
        return answer

    async def _arrive(self, method: str, context: Any) -> str:
        """Take a call down, and have it meet what it meets; answers what has to be seen to by the method."""
        self.calls.append(method)
        metadata = dict(context.invocation_metadata())
        self.callers.append(metadata)
        borne = metadata.get("authorization", "")
        if self._token and borne != f"Bearer {self._token}" and self._sabotage is not Sabotage.OPEN:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "no such token")
        weather = self._certain.popleft() if self._certain else self._drawn()
        if weather == "throttle":
            await self._throttle(context)
        if weather == "lose_request":
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the connection was lost")
        if method != "ApplyLevels" and weather == "stall":
            await asyncio.Event().wait()
        if method != "ApplyLevels" and weather == "lose_answer":
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the connection was lost")
        return weather

    def _drawn(self) -> str:
        drawn = self._draw.random()
        for kind in KINDS:
            drawn -= getattr(self.weather, kind)
            if drawn < 0:
                return kind
        return "fair"

    async def _throttle(self, context: Any) -> NoReturn:
        wait = RetryInfo()
        wait.retry_delay.FromMicroseconds(round(self.weather.retry_after_seconds * 1_000_000))
        status = Status(code=grpc.StatusCode.RESOURCE_EXHAUSTED.value[0], message="too many requests")
        status.details.add().Pack(wait)
        ending = rpc_status.to_status(status)
        await context.abort(ending.code, ending.details, ending.trailing_metadata)
        raise AssertionError

    def _later(self, levels: Sequence[Level]) -> None:
        """What is late is done in the order it came, whatever came in between."""
        self._late.extend(levels)
        loop = asyncio.get_running_loop()
        self._timers = {timer for timer in self._timers if timer.when() > loop.time()}
        self._timers.add(loop.call_later(self.weather.settle_seconds, self.settle))

    def _accepted(self, level: Level) -> LevelOutcome:
        known = level.store_sku in self.shop.shown
        return LevelOutcome(level.store_sku, Outcome.ACCEPTED if known else Outcome.UNKNOWN_SKU)

    def _put(self, level: Level) -> LevelOutcome:
        """As the shop does it, or as a sabotage has it."""
        self._told[level.store_sku] = level.quantity
        self._sent[level.store_sku] = level.number
        match self._sabotage:
            case Sabotage.RELATIVE if level.store_sku in self.shop.shown:
                level = level._replace(quantity=level.quantity + self.shop.shown[level.store_sku], expected=None)
            case Sabotage.PRETENDING:
                self.shop.shown.setdefault(level.store_sku, 0)
            case Sabotage.LAST_WRITER:
                level = level._replace(expected=None)
            case Sabotage.UNFENCED:
                self.shop.numbers.pop(level.store_sku, None)
            case Sabotage.HOLLOW if level.store_sku in self.shop.shown:
                return LevelOutcome(level.store_sku, Outcome.APPLIED, level.quantity)
            case Sabotage.BRITTLE if not level.store_sku.isascii():
                raise RuntimeError(level.store_sku)
        return self.shop.put(level)

    def _read(self, sku: str) -> int | None:
        if self._sabotage is Sabotage.BRITTLE and not sku.isascii():
            raise RuntimeError(sku)
        if self._sabotage is Sabotage.STALE and sku in self._told:
            return self._told[sku]
        return self.shop.shown.get(sku)

    def _number(self, sku: str) -> int | None:
        """One that compares, or heeds numbers, knows the one that was applied last."""
        tells = self.abilities.compare_and_set or self.abilities.fenced
        numbers = self._sent if self._sabotage is Sabotage.MISNUMBERED else self.shop.numbers
        return numbers.get(sku, 0) if tells else None

    def _narrowed(self, count: int) -> int:
        return count // 2 if self._sabotage is Sabotage.NARROW else count


def _level(told: Any) -> Level:
    expected = told.expected if told.HasField("expected") else None
    return Level(told.store_sku, told.quantity, told.number, expected)


def _told(outcome: LevelOutcome) -> connector_pb2.LevelOutcome:
    return connector_pb2.LevelOutcome(
        store_sku=outcome.store_sku,
        outcome=connector_pb2.Outcome.Value(f"OUTCOME_{outcome.outcome}"),
        shown=outcome.shown,
        error=outcome.error,
        number=outcome.number,
    )
