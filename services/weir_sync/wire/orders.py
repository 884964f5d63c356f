"""Orders of stores, from the contract and to it; each function that reads raises Malformed with all that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from weir.common.v1 import stock_pb2
from weir.connector.v1 import connector_pb2
from weir.sync.v1 import order_service_pb2 as pb
from weir.sync.v1 import store_order_pb2
from weir_chassis.fields import Fields
from weir_sync.connectors.port import SoldLine, SoldOrder
from weir_sync.domain.orders import OrderKey, OrderState, StoreOrder

LINES_MAX = 500

STATES_TOLD: Mapping[OrderState, store_order_pb2.StoreOrderState.ValueType] = {
    OrderState.REPORTED: store_order_pb2.STORE_ORDER_STATE_REPORTED,
    OrderState.PROMISED: store_order_pb2.STORE_ORDER_STATE_PROMISED,
    OrderState.SHORT: store_order_pb2.STORE_ORDER_STATE_SHORT,
    OrderState.CANCELLED: store_order_pb2.STORE_ORDER_STATE_CANCELLED,
    OrderState.UNREADABLE: store_order_pb2.STORE_ORDER_STATE_UNREADABLE,
}
STATES: Mapping[int, OrderState] = {value: state for state, value in STATES_TOLD.items()}


class OrderQuery(NamedTuple):
    """Which orders are listed; of any connection where it is empty, in any state where that is None."""

    connection: str
    state: OrderState | None


def report(request: pb.ReportStoreOrderRequest) -> tuple[str, SoldOrder]:
    """The connection of a report, and the order."""
    with Fields() as fields:
        fields.request_id(request.request_id)
        connection = fields.identifier("connection", request.connection)
        fields.required(request, "order")
        return connection, _order(fields.inner("order"), request.order)


def named(request: pb.GetStoreOrderRequest) -> OrderKey:
    """The order that a request names."""
    with Fields() as fields:
        return OrderKey(
            fields.identifier("connection", request.connection), fields.identifier("store_order", request.store_order)
        )


def listed(request: pb.ListStoreOrdersRequest) -> OrderQuery:
    """What a list asks for."""
    with Fields() as fields:
        return OrderQuery(
            fields.identifier("connection", request.connection, optional=True),
            fields.enum("state", request.state, STATES) if request.state else None,
        )


def to_order(order: StoreOrder) -> store_order_pb2.ReportedOrder:
    """The message of an order."""
    told = connector_pb2.StoreOrder(
        store_order=order.key.store_order,
        lines=[connector_pb2.StoreOrderLine(store_sku=each.store_sku, quantity=each.quantity) for each in order.lines],
        cancelled=order.cancelled,
    )
    if order.placed_at is not None:
        told.place_time.FromDatetime(order.placed_at)
    reported_at = Timestamp()
    reported_at.FromDatetime(order.reported_at)
    return store_order_pb2.ReportedOrder(
        connection=order.key.connection,
        order=told,
        state=STATES_TOLD[order.state],
        lines=[
            store_order_pb2.ReportedLine(
                product=None
                if each.product is None
                else stock_pb2.Product(owner=each.product.owner, sku=each.product.sku),
                quantity=each.quantity,
                short=each.short,
                error=each.error,
            )
            for each in order.lines
        ],
        reservation=order.reservation,
        report_time=reported_at,
        rule=order.rule,
        error=order.error,
    )


def _order(fields: Fields, message: connector_pb2.StoreOrder) -> SoldOrder:
    lines = tuple(
        SoldLine(each.identifier("store_sku", line.store_sku), each.quantity("quantity", line.quantity))
        for each, line in fields.each("lines", message.lines, most=LINES_MAX)
    )
    placed_at = fields.timestamp(message, "place_time")
    return SoldOrder(fields.identifier("store_order", message.store_order), lines, placed_at, message.cancelled)
