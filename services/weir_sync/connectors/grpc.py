"""A store behind an adapter that serves `weir.connector.v1.StoreConnector`, in any language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Any

import grpc

from weir.connector.v1 import connector_pb2, store_connector_pb2, store_connector_pb2_grpc
from weir_sync.connectors.dialing import AdapterSettings, Dialed
from weir_sync.connectors.making import Reach
from weir_sync.connectors.port import (
    Abilities,
    Away,
    Level,
    LevelOutcome,
    OrderPage,
    Outcome,
    ShownLevel,
    SoldLine,
    SoldOrder,
)
from weir_sync.connectors.telling import said

UNITS_MAX = 1_000_000_000
SKU_LENGTH_MAX = 128
LINES_MAX = 500

_OUTCOMES = {connector_pb2.Outcome.Value(f"OUTCOME_{outcome}"): outcome for outcome in Outcome}


class GrpcStore:
    """A `StoreConnector` of what the adapter answers; what makes no sense by the contract is `Away`."""

    def __init__(self, settings: AdapterSettings, reach: Reach) -> None:
        """Connects when first asked."""
        self._dialed = Dialed(settings, reach)

    async def describe(self) -> Abilities:
        answer = await self._asked("Describe", store_connector_pb2.DescribeRequest())
        told = answer.abilities
        limits = (told.batch_max, told.requests_per_second, told.burst)
        if not all(1 <= limit <= 1000 for limit in limits):
            raise Away("The adapter describes itself out of bounds: all its limits are 1 to 1000.")
        return Abilities(
            name=said(told.name)[:256],
            batch_max=told.batch_max,
            requests_per_second=told.requests_per_second,
            burst=told.burst,
            compare_and_set=told.compare_and_set,
            reads_back=told.reads_back,
            fenced=told.fenced,
        )

    async def apply(self, levels: Sequence[Level]) -> Sequence[LevelOutcome]:
        request = store_connector_pb2.ApplyLevelsRequest(
            levels=[connector_pb2.Level(**level._asdict()) for level in levels]  # an expectation of None stays unset
        )
        answer = await self._asked("ApplyLevels", request)
        told: dict[str, set[LevelOutcome]] = {}
        for outcome in answer.outcomes:
            told.setdefault(outcome.store_sku, set()).add(self._outcome(outcome))
        return [_decided(level.store_sku, told.get(level.store_sku, set())) for level in levels]

    async def read(self, store_skus: Sequence[str]) -> Sequence[ShownLevel]:
        answer = await self._asked("ReadLevels", store_connector_pb2.ReadLevelsRequest(store_skus=store_skus))
        told = {level.store_sku: _shown(level) for level in answer.levels}
        if missing := [sku for sku in store_skus if sku not in told]:
            raise Away(f"The adapter said nothing of {len(missing)} of {len(store_skus)} SKUs that it was asked of.")
        return [told[sku] for sku in store_skus]

    async def orders(self, cursor: str, *, limit: int) -> OrderPage:
        request = store_connector_pb2.ListOrdersRequest(cursor=cursor, page_size=limit)
        answer = await self._asked("ListOrders", request)
        if answer.more and answer.cursor == cursor:
            raise Away("The adapter says that there are more orders, and tells no other cursor to go on from.")
        return OrderPage([_order(order) for order in answer.orders], answer.cursor, answer.more)

    async def close(self) -> None:
        await self._dialed.close()

    async def _asked(self, method: str, request: Any) -> Any:
        dialed = self._dialed
        stub = store_connector_pb2_grpc.StoreConnectorStub(await dialed.channel())
        try:
            answer = await getattr(stub, method)(
                request, timeout=dialed.settings.deadline_seconds, metadata=dialed.metadata
            )
        except grpc.aio.AioRpcError as error:
            raise dialed.failed(error) from None
        if "throttle" in answer.DESCRIPTOR.fields_by_name:
            wait = answer.throttle.retry_duration
            dialed.patience.wait(wait.seconds + wait.nanos / 1e9)
        return answer

    def _outcome(self, told: connector_pb2.LevelOutcome) -> LevelOutcome:
        shown = told.shown if told.HasField("shown") and abs(told.shown) <= UNITS_MAX else None
        outcome = _OUTCOMES.get(told.outcome, Outcome.IN_DOUBT)
        number = told.number if told.HasField("number") else None
        return LevelOutcome(told.store_sku, outcome, shown, said(told.error), number)


def _decided(sku: str, told: set[LevelOutcome]) -> LevelOutcome:
    """What the adapter said of a level, if it said one thing."""
    if len(told) == 1:
        return told.pop()
    error = "The adapter told no outcome." if not told else "The adapter told several outcomes."
    return LevelOutcome(sku, Outcome.IN_DOUBT, None, error)


def _shown(told: connector_pb2.ShownLevel) -> ShownLevel:
    quantity = told.quantity if told.HasField("quantity") else None
    unreported = told.unreported if told.HasField("unreported") else None
    if (quantity is not None and abs(quantity) > UNITS_MAX) or (
        unreported is not None and not 0 <= unreported <= UNITS_MAX
    ):
        raise Away("The adapter shows a quantity out of bounds.")
    return ShownLevel(told.store_sku, quantity, unreported, told.number if told.HasField("number") else None)


def _order(told: connector_pb2.StoreOrder) -> SoldOrder:
    lines = tuple(_lines(told.lines))
    if not 1 <= len(told.store_order) <= SKU_LENGTH_MAX or not 1 <= len(lines) <= LINES_MAX:
        raise Away("The adapter told an order without an identifier or lines, or with too many.")
    placed_at = None
    if told.HasField("place_time"):
        try:
            placed_at = told.place_time.ToDatetime(UTC)
        except (ValueError, OverflowError):
            raise Away("The adapter told an order of no moment that there is.") from None
    return SoldOrder(told.store_order, lines, placed_at, told.cancelled)


def _lines(told: Iterable[connector_pb2.StoreOrderLine]) -> Iterable[SoldLine]:
    for line in told:
        if not 1 <= len(line.store_sku) <= SKU_LENGTH_MAX or not 1 <= line.quantity <= UNITS_MAX:
            raise Away("The adapter told a line of an order out of bounds.")
        yield SoldLine(line.store_sku, line.quantity)
