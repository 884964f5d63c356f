"""What sentences say about orders, done in the running suite, and what is asked about them, asked there."""

from __future__ import annotations

from datetime import UTC, datetime

import grpc

from tests.kit.asking import answers
from tests.kit.founding import Founding
from tests.kit.merchant import Merchant, request_id
from tests.kit.sentences import (
    AskedOrder,
    AskedPlan,
    AskedWaiting,
    Cancelled,
    Confirmed,
    MayWait,
    Ordered,
    OrderReader,
    Placed,
    Question,
    Replanned,
    Sent,
    numbers,
    told,
    units,
)
from tests.kit.stories import Asked, Reader
from tests.kit.waiting import until
from weir.aggregator.v1 import fulfilment_pb2
from weir.aggregator.v1 import fulfilment_service_pb2 as pb
from weir.common.v1.stock_pb2 import Product, StockItem
from weir.ledger.v1 import reservation_pb2, reservation_service_pb2, waiting_pb2, waiting_service_pb2
from weir_chassis import status

OPEN = (reservation_pb2.RESERVATION_STATE_HELD, reservation_pb2.RESERVATION_STATE_CONFIRMED)
SECONDS = 20.0
"""How long an order that waits may take to be promised units that came."""


async def placed(merchant: Merchant, said: Placed, named: str | None = None) -> pb.ReserveFulfilmentResponse:
    """What comes of an order, under a request id of its own unless `named`; planned on all that the merchant saw."""
    request = pb.ReserveFulfilmentRequest(
        request_id=named or request_id(), wish=said.wish, order=said.order, back_order=said.waits,
        freshness=merchant.freshness(),
    )  # fmt: skip
    done = await merchant.stubs.fulfilment.ReserveFulfilment(request)
    merchant.saw(done.revision)
    return done


class Ordering:
    """Orders of a merchant, by name."""

    def __init__(self, merchant: Merchant) -> None:
        """No order was placed yet."""
        self._merchant = merchant
        self._planned: dict[str, tuple[fulfilment_pb2.Wish, fulfilment_pb2.Plan]] = {}
        self._refused: dict[str, str] = {}

    async def do(self, said: Ordered) -> None:
        """Do what a sentence says; only an order that is placed may be refused, and is asked about then."""
        match said:
            case Placed():
                await self._place(said)
            case Replanned():
                await self._replan(said)
            case Confirmed():
                for each in await self.reservations(said.order):
                    request = reservation_service_pb2.ConfirmRequest(
                        request_id=request_id(), reservation=each.reservation
                    )
                    self._merchant.saw((await self._merchant.stubs.reservations.Confirm(request)).revision)
            case Sent():
                await self._send(said)
            case Cancelled():
                await self._cancel(said.order)
            case MayWait():
                back_orders = waiting_pb2.BackOrders(product=Product(sku=said.sku), limit=said.units)
                set_ = waiting_service_pb2.SetBackOrdersRequest(request_id=request_id(), back_orders=back_orders)
                self._merchant.saw((await self._merchant.stubs.waiting.SetBackOrders(set_)).revision)

    async def _place(self, said: Placed) -> None:
        self._refused.pop(said.order, None)
        try:
            done = await placed(self._merchant, said)
        except grpc.aio.AioRpcError as error:
            self._refused[said.order] = status.reason(error)
        else:
            self._planned[said.order] = said.wish, done.plan

    async def _replan(self, said: Replanned) -> None:
        [reservation] = await self.reservations(said.order)
        wish, _ = self._planned[said.order]
        request = pb.ReplanReservationRequest(
            request_id=request_id(), reservation=reservation.reservation, rejected_locations=said.without,
            wish=said.wish, freshness=self._merchant.freshness(),
        )  # fmt: skip
        done = await self._merchant.stubs.fulfilment.ReplanReservation(request)
        self._merchant.saw(done.revision)
        self._planned[said.order] = said.wish or wish, done.plan

    async def _send(self, said: Sent) -> None:
        for reservation in await self.reservations(said.order):
            for line in reservation.lines:
                if (line.stock_item.product.sku, line.stock_item.location) == (said.sku, said.location) and line.open:
                    sent = reservation_pb2.LineQuantity(line=line.line, quantity=said.units)
                    request = reservation_service_pb2.FulfilRequest(
                        request_id=request_id(), reservation=reservation.reservation, lines=[sent]
                    )
                    self._merchant.saw((await self._merchant.stubs.reservations.Fulfil(request)).revision)
                    return
        raise AssertionError(f"nothing to ship: {said}")

    async def _cancel(self, order: str) -> None:
        for reservation in await self.reservations(order):
            release = reservation_service_pb2.ReleaseRequest(
                request_id=request_id(), reservation=reservation.reservation
            )
            self._merchant.saw((await self._merchant.stubs.reservations.Release(release)).revision)
        for waiting in await self.waiting(order):
            cancel = waiting_service_pb2.CancelWaitingRequest(request_id=request_id(), waiting=waiting.waiting)
            self._merchant.saw((await self._merchant.stubs.waiting.CancelWaiting(cancel)).revision)

    async def reservations(self, order: str) -> list[reservation_pb2.Reservation]:
        """Reservations of an order that are open."""
        request = reservation_service_pb2.ListReservationsRequest(
            order=order, states=OPEN, freshness=self._merchant.freshness("ledger")
        )
        return [*(await self._merchant.stubs.reservations.ListReservations(request)).reservations]

    async def waiting(self, order: str) -> list[waiting_pb2.Waiting]:
        """Demands of an order that wait."""
        request = waiting_service_pb2.ListWaitingRequest(
            order=order, states=[waiting_pb2.WAITING_STATE_WAITING], freshness=self._merchant.freshness("ledger")
        )
        return [*(await self._merchant.stubs.waiting.ListWaiting(request)).waiting]

    async def stands(self, order: str) -> list[str]:
        """What the books have for an order: units that are promised and open, and units that wait; or why it was
        refused."""
        if order in self._refused:
            return [f"refused {self._refused[order]}"]
        promised: dict[bytes, int] = {}
        for line in (line for each in await self.reservations(order) for line in each.lines if line.open):
            key = line.stock_item.SerializeToString(deterministic=True)
            promised[key] = promised.get(key, 0) + line.open
        found = [units(StockItem.FromString(key), open_) for key, open_ in promised.items()]
        found += [
            f"{line.open} {line.product.sku} waits"
            for each in await self.waiting(order)
            for line in each.lines
            if line.open
        ]
        return sorted(found) or ["nothing"]

    async def plan(self, wish: fulfilment_pb2.Wish) -> fulfilment_pb2.Plan:
        """The plan for a wish, as new as all that the merchant wrote."""
        request = pb.PlanFulfilmentRequest(wish=wish, freshness=self._merchant.freshness())
        return (await self._merchant.stubs.fulfilment.PlanFulfilment(request)).plan

    async def check(self, asked: Question) -> None:
        """Ask, and fail where the answer is another one; an order that waits is given time."""
        match asked:
            case AskedPlan(good=True):
                names = [each.rpartition(" ")[0] for each in asked.answers]
                plan = await self.plan(asked.wish)
                assert numbers(plan.objective, names) == asked.answers, (asked, plan)
            case AskedPlan():
                found = told(asked.wish, await self.plan(asked.wish))
                assert found == sorted(asked.answers), asked
            case AskedOrder(planned=True):
                assert told(*self._planned[asked.order]) == sorted(asked.answers), asked
            case AskedOrder():
                await self._stands(asked)
            case AskedWaiting():
                request = waiting_service_pb2.GetBackOrdersRequest(
                    product=Product(sku=asked.sku), freshness=self._merchant.freshness("ledger")
                )
                found_ = (await self._merchant.stubs.waiting.GetBackOrders(request)).back_orders.waiting
                assert found_ == asked.units, asked

    async def _stands(self, asked: AskedOrder) -> None:
        seen: list[str] = []

        async def right() -> bool:
            seen[:] = await self.stands(asked.order)
            return seen == sorted(asked.answers)

        try:
            await until(right, SECONDS)
        except TimeoutError:
            raise AssertionError((asked, seen)) from None


class Playing:
    """An example that is played, sentence by sentence, in the name of a merchant who has nothing yet."""

    def __init__(self, merchant: Merchant) -> None:
        """Nothing was said yet."""
        self.orders = Ordering(merchant)
        self._merchant = merchant
        self._founding = Founding(merchant)
        self._reader = OrderReader(Reader(datetime.now(UTC).date()))

    async def play(self, text: str) -> None:
        """Do what the sentences say; every answer is right."""
        for line in self._reader.read(text):
            match line:
                case Asked():
                    assert await answers(self._merchant, line) == line.answers, line
                case AskedPlan() | AskedOrder() | AskedWaiting():
                    await self.orders.check(line)
                case Placed() | Replanned() | Confirmed() | Sent() | Cancelled() | MayWait():
                    await self.orders.do(line)
                case _:
                    await self._founding.add(line)


async def play(merchant: Merchant, text: str) -> None:
    """Do what the sentences of an example say, in the name of a merchant who has nothing yet; every answer is right."""
    await Playing(merchant).play(text)
