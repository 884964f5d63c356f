"""A ledger of one's own, and callers of it whose requests read as sentences.

acme = service.caller("acme")
await acme.place("W1")
await acme.receive("A", 10)
promise = await acme.reserve(("A", 4))
"""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import grpc

from tests.kit.calling import refusal
from tests.kit.connecting import connect
from tests.kit.postgres import FreshDatabase
from weir.common.v1 import revision_pb2, stock_pb2
from weir.ledger.v1 import (
    ledger_pb2,
    ledger_service_pb2,
    reservation_pb2,
    reservation_service_pb2,
    waiting_pb2,
    waiting_service_pb2,
)
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from weir.ledger.v1.reservation_service_pb2_grpc import ReservationServiceStub
from weir.ledger.v1.waiting_service_pb2_grpc import WaitingServiceStub
from weir_chassis import status
from weir_chassis.errors import RecordedRefusal
from weir_chassis.server import Server
from weir_chassis.settings import Address, ServerSettings
from weir_chassis.signing import SigningKey
from weir_ledger.app import Settings, running

SCHEMA = "weir_ledger"
CALL_SECONDS = 60

RECEIVE, SHIP, TRANSFER = (
    ledger_pb2.ENTRY_KIND_RECEIVE, ledger_pb2.ENTRY_KIND_SHIP, ledger_pb2.ENTRY_KIND_TRANSFER,
)  # fmt: skip
COUNT, ADJUST, CONSUME, RETURN, RESTORE = (
    ledger_pb2.ENTRY_KIND_COUNT, ledger_pb2.ENTRY_KIND_ADJUST, ledger_pb2.ENTRY_KIND_CONSUME,
    ledger_pb2.ENTRY_KIND_RETURN, ledger_pb2.ENTRY_KIND_RESTORE,
)  # fmt: skip
FULFIL = ledger_pb2.ENTRY_KIND_FULFIL
HELD, CONFIRMED, FULFILLED, EXPIRED, RELEASED = (
    reservation_pb2.RESERVATION_STATE_HELD, reservation_pb2.RESERVATION_STATE_CONFIRMED,
    reservation_pb2.RESERVATION_STATE_FULFILLED, reservation_pb2.RESERVATION_STATE_EXPIRED,
    reservation_pb2.RESERVATION_STATE_RELEASED,
)  # fmt: skip
PARTIAL = reservation_pb2.RESERVE_MODE_PARTIAL
FACT = reservation_pb2.RESERVE_MODE_FACT

_numbers = itertools.count()

Wish = tuple[str, int] | tuple[stock_pb2.StockItem, int]
"""Units of a stock item, or of a plain one that is named by its sku."""

Line = Wish | reservation_pb2.ReservationDraftLine
"""A line of an order."""


def item(sku: str, location: str = "W1", *, owner: str = "", **others: Any) -> stock_pb2.StockItem:
    """A stock item; in W1 unless told."""
    return stock_pb2.StockItem(product=stock_pb2.Product(owner=owner, sku=sku), location=location, **others)


def movement(kind: int, what: str | stock_pb2.StockItem, quantity: int, **others: Any) -> ledger_pb2.Movement:
    """A fact to record."""
    named = item(what) if isinstance(what, str) else what
    return ledger_pb2.Movement(kind=kind, stock_item=named, quantity=quantity, **others)  # type: ignore[arg-type]


def claiming(
    what: str | stock_pb2.StockItem, quantity: int, /, **ceilings: int
) -> reservation_pb2.ReservationDraftLine:
    """A line of an order that counts against claims: the keys, each with its ceiling."""
    return reservation_pb2.ReservationDraftLine(
        stock_item=item(what) if isinstance(what, str) else what,
        quantity=quantity,
        claims=[reservation_pb2.LineClaim(claim=key, ceiling=ceiling, weight=1) for key, ceiling in ceilings.items()],
    )


def weighing(what: str | stock_pb2.StockItem, quantity: int, /, **weights: int) -> reservation_pb2.ReservationDraftLine:
    """A line of an order that counts under keys, as often as each weight says, up to whatever ceilings are set."""
    return reservation_pb2.ReservationDraftLine(
        stock_item=item(what) if isinstance(what, str) else what,
        quantity=quantity,
        claims=[reservation_pb2.LineClaim(claim=key, weight=weight) for key, weight in weights.items()],
    )


def draft(*wishes: Line, hold_seconds: float | None = None, **others: Any) -> reservation_pb2.ReservationDraft:
    """What an order asks for."""
    made = reservation_pb2.ReservationDraft(**others)
    for each in wishes:
        made.lines.append(claiming(*each) if isinstance(each, tuple) else each)
    if hold_seconds is not None:
        made.hold_duration.FromNanoseconds(round(hold_seconds * 1_000_000_000))
    return made


def awaiting(*wishes: tuple[str, int], **others: Any) -> waiting_pb2.WaitingDraft:
    """What an order waits for: units of products named by their sku."""
    lines = [{"product": {"sku": sku}, "quantity": units} for sku, units in wishes]
    return waiting_pb2.WaitingDraft(lines=lines, **others)  # type: ignore[arg-type]


def promise(
    demand: waiting_pb2.Waiting, *wishes: Line, units: Mapping[int, int] | None = None, **others: Any
) -> waiting_service_pb2.WaitingPromise:
    """Units for a demand: of its first line as many as are promised, unless told by line."""
    promised = draft(*wishes).lines
    ended = units or {1: sum(each.quantity for each in promised)}
    return waiting_service_pb2.WaitingPromise(
        waiting=demand.waiting,
        units=[reservation_pb2.LineQuantity(line=line, quantity=number) for line, number in ended.items()],
        lines=promised,
        **others,
    )


def counts(balance: ledger_pb2.Balance) -> tuple[int, int, int, int]:
    """On hand, reserved, available and short units of a balance."""
    return balance.on_hand, balance.reserved, balance.available, balance.shortfall


def request(method: str, **fields: Any) -> Any:
    """The request of an rpc, by its fields; a write that names no attempt gets a name of its own."""
    modules = (ledger_service_pb2, reservation_service_pb2, waiting_service_pb2)
    made: Any = next(found for each in modules if (found := getattr(each, f"{method}Request", None)))
    if "request_id" in made.DESCRIPTOR.fields_by_name:
        fields.setdefault("request_id", f"request {next(_numbers)}")
    return made(**fields)


class Caller:
    """One tenant's caller of all three services."""

    def __init__(self, channel: grpc.aio.Channel, tenant: str) -> None:
        """Call over `channel`."""
        self.channel = channel
        self.tenant = tenant
        self._stubs = (LedgerServiceStub(channel), ReservationServiceStub(channel), WaitingServiceStub(channel))
        self._metadata = (("weir-tenant", tenant),)

    def send(self, method: str, message: Any, *, timeout: float | None = CALL_SECONDS) -> Any:
        """The call of any rpc with a message made before; await it, iterate it or cancel it."""
        stub = next(each for each in self._stubs if hasattr(each, method))
        return getattr(stub, method)(message, metadata=self._metadata, timeout=timeout)

    async def do(self, method: str, **fields: Any) -> Any:
        """The answer of a unary rpc."""
        return await self.send(method, request(method, **fields))

    async def refused(self, method: str, **fields: Any) -> RecordedRefusal:
        """The refusal that a unary rpc ends with."""
        return await refusal(self.do(method, **fields))

    async def place(self, *locations: str) -> None:
        """Add warehouses."""
        for location in locations:
            await self.do("CreateLocation", location={"location": location, "kind": ledger_pb2.LOCATION_KIND_WAREHOUSE})

    async def record(self, *movements: ledger_pb2.Movement, **fields: Any) -> Any:
        """Record facts."""
        return await self.do("RecordMovements", movements=movements, **fields)

    async def receive(self, what: str | stock_pb2.StockItem, quantity: int, **fields: Any) -> Any:
        """Record that goods came in."""
        return await self.record(movement(RECEIVE, what, quantity), **fields)

    async def ship(self, what: str | stock_pb2.StockItem, quantity: int, **fields: Any) -> Any:
        """Record that goods went out."""
        return await self.record(movement(SHIP, what, quantity), **fields)

    async def count(self, what: str | stock_pb2.StockItem, quantity: int, **fields: Any) -> Any:
        """Record that goods were counted."""
        return await self.record(movement(COUNT, what, quantity), **fields)

    async def reserve(self, *wishes: Line, **others: Any) -> reservation_pb2.Reservation:
        """The reservation of these units."""
        answer = await self.do("Reserve", draft=draft(*wishes, **others))
        made: reservation_pb2.Reservation = answer.reservation
        return made

    async def confirmed(self, *wishes: Line, **others: Any) -> reservation_pb2.Reservation:
        """The reservation of these units, confirmed."""
        made = await self.reserve(*wishes, **others)
        answer = await self.do("Confirm", reservation=made.reservation)
        confirmed: reservation_pb2.Reservation = answer.reservation
        return confirmed

    async def allow(self, sku: str, limit: int, *, owner: str = "") -> waiting_pb2.BackOrders:
        """Let units of a product wait."""
        wanted = {"product": {"owner": owner, "sku": sku}, "limit": limit}
        allowed: waiting_pb2.BackOrders = (await self.do("SetBackOrders", back_orders=wanted)).back_orders
        return allowed

    async def await_units(self, *wishes: tuple[str, int], **others: Any) -> waiting_pb2.Waiting:
        """The demand that these units make, none of which is promised."""
        made: waiting_pb2.Waiting = (await self.do("Reserve", waiting=awaiting(*wishes, **others))).waiting
        return made

    async def promise(self, *promises: waiting_service_pb2.WaitingPromise, **fields: Any) -> list[str]:
        """`ok` or the reason of the refusal, for each promise to a demand that waits."""
        answer = await self.do("PromiseWaiting", promises=promises, **fields)
        return [each.refusal.reason or "ok" for each in answer.outcomes]

    async def demand(self, waiting: str) -> waiting_pb2.Waiting:
        """A waiting demand as it stands."""
        found: waiting_pb2.Waiting = (await self.do("GetWaiting", waiting=waiting)).waiting
        return found

    async def waits(self, sku: str, *, owner: str = "") -> tuple[int, int]:
        """How many units of a product wait, and how many may."""
        found = (await self.do("GetBackOrders", product={"owner": owner, "sku": sku})).back_orders
        return found.waiting, found.limit

    async def ceilings(self, epoch: int, /, **ceilings: int | None) -> list[str]:
        """Set ceilings of an epoch, none where that is None; the keys that were left as they are."""
        drafts = [{"claim": key, "epoch": epoch, "ceiling": ceiling} for key, ceiling in ceilings.items()]
        return list((await self.do("SetCeilings", ceilings=drafts)).superseded)

    async def claims(self, *keys: str) -> list[tuple[int, int]]:
        """Open and fulfilled units under each key."""
        found = await self.do("GetClaims", claims=keys)
        assert [each.claim for each in found.claims] == list(keys)
        return [(each.open, each.fulfilled) for each in found.claims]

    async def reservation(self, name: str) -> reservation_pb2.Reservation:
        """A reservation as it stands."""
        found: reservation_pb2.Reservation = (await self.do("GetReservation", reservation=name)).reservation
        return found

    async def balance(self, what: str | stock_pb2.StockItem) -> tuple[int, int, int, int]:
        """On hand, reserved, available and short units of a stock item."""
        named = item(what) if isinstance(what, str) else what
        return counts((await self.do("GetBalance", stock_item=named)).balance)

    async def head(self) -> revision_pb2.Revision:
        """The newest revision."""
        newest: revision_pb2.Revision = (await self.do("ListLocations")).revision
        return newest

    async def pages(self, method: str, size: int, **fields: Any) -> AsyncIterator[Any]:
        """Every page of a list, one after the other."""
        token = ""
        while True:
            page = await self.do(method, page_size=size, page_token=token, **fields)
            yield page
            token = page.next_page_token
            if not token:
                return

    async def entries(self, **fields: Any) -> list[ledger_pb2.Entry]:
        """Every line of the books that the filters let through."""
        return [entry async for page in self.pages("ListEntries", 1000, **fields) for entry in page.entries]

    async def verify(self, *signed_heads: str) -> list[ledger_pb2.Difference]:
        """What an audit finds wrong, heads that were signed among it; its summary says as many."""
        asked = request("VerifyBooks", signed_heads=signed_heads)
        findings = [each async for each in self.send("VerifyBooks", asked, timeout=120)]
        *differences, last = findings
        assert last.verification.differences == len(differences)
        return [each.difference for each in differences]

    async def export(self) -> tuple[revision_pb2.Revision, dict[bytes, tuple[int, int]]]:
        """The revision of an export, and on hand and reserved units by stock item (`name`)."""
        revision = revision_pb2.Revision()
        found: dict[bytes, tuple[int, int]] = {}
        async for chunk in self.send("ExportBalances", request("ExportBalances"), timeout=120):
            assert not found or revision == chunk.revision
            revision = chunk.revision
            columns = (chunk.owners, chunk.skus, chunk.locations, chunk.lots, chunk.uoms, chunk.custodians)
            for owner, sku, location, lot, uom, custodian, condition, on_hand, reserved in zip(
                *columns, chunk.conditions, chunk.on_hand, chunk.reserved, strict=True
            ):
                each = item(
                    sku, location, owner=owner, lot=lot, uom=uom, custodian=custodian, condition=condition
                )  # fmt: skip
                found[name(each)] = (on_hand, reserved)
        return revision, found

    async def watch(
        self, after: revision_pb2.Revision | None = None, products: Sequence[Mapping[str, str]] = ()
    ) -> AsyncGenerator[ledger_service_pb2.WatchEntriesResponse, None]:
        """The commits after a revision and the heartbeats; close it (`aclosing`) when done."""
        call = self.send("WatchEntries", request("WatchEntries", after=after, products=products), timeout=120)
        try:
            async for message in call:
                yield message
        finally:
            call.cancel()

    async def watched(self, through: int, **options: Any) -> list[ledger_service_pb2.WatchEntriesResponse]:
        """The commits that a watch shows until its mark reaches revision number `through`."""
        seen: list[ledger_service_pb2.WatchEntriesResponse] = []
        async with aclosing(self.watch(**options)) as messages:
            async for message in messages:
                if message.HasField("recorded_time"):
                    seen.append(message)
                if message.through.number >= through:
                    break
        return seen


def name(found: stock_pb2.StockItem) -> bytes:
    """A stock item as the key of a dictionary."""
    return found.SerializeToString(deterministic=True)


class Ledger:
    """A running ledger, and a connection to it."""

    def __init__(self, server: Server, channel: grpc.aio.Channel) -> None:
        """Use `ledger`."""
        self.server = server
        self.channel = channel

    def caller(self, tenant: str = "") -> Caller:
        """A caller of `tenant` in development mode; of one that nobody else has unless it is named."""
        return Caller(self.channel, tenant or f"tenant {next(_numbers)}")


@functools.cache
def signing_key() -> SigningKey:
    """The key that heads are signed by in this run."""
    return SigningKey.made()


@asynccontextmanager
async def ledger(
    database: FreshDatabase,
    *,
    queue_max: int = 2000,
    signing: bool = True,
    limits: Mapping[str, int] | None = None,
    **server: Any,
) -> AsyncIterator[Ledger]:
    """A ledger on `database` for the block, with the signing key of all tests unless told; `server` are settings of the
    server, `limits` those of the ledger that end in `_max`."""
    settings = Settings(
        server=ServerSettings(listen=Address("127.0.0.1", 0), notice_seconds=0.0, drain_seconds=2.0, **server),
        database=database.settings(SCHEMA),
        queue_max=queue_max,
        signing_key=signing_key() if signing else None,
        **{f"{name}_max": most for name, most in (limits or {}).items()},  # type: ignore[arg-type]
    )
    async with running(settings) as serving, connect(serving.address) as channel:
        yield Ledger(serving, channel)


async def outcomes(calls: Iterable[Awaitable[Any]]) -> list[str]:
    """`ok` or the reason of the refusal, for each of the calls, which run at once; anything else is raised."""

    async def one(call: Awaitable[Any]) -> str:
        try:
            await call
        except grpc.aio.AioRpcError as error:
            if status.told(error) is None:
                raise
            return status.reason(error)
        return "ok"

    return await asyncio.gather(*map(one, calls))


async def eventually(holds: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    """Wait until something holds; fails if it does not within `seconds`."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110  # what is waited for is in another process
            await asyncio.sleep(0.02)
