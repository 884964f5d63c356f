"""Messages of views, in both directions; the reader refuses all bad fields at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weir.common.v1 import stock_pb2
from weir.pooling.v1 import pool_pb2 as pb
from weir.pooling.v1 import pooling_service_pb2 as service_pb
from weir_chassis.configuration import wire
from weir_chassis.errors import PageTokenInvalid
from weir_chassis.fields import Fields
from weir_chassis.ids import identifier_fault
from weir_chassis.paging import Page
from weir_chassis.revisions import Vector, at_least
from weir_pooling.domain.deeds import Condition, Item
from weir_pooling.domain.views import Custodian, Custody, Position, Stock, StockQuery, View
from weir_pooling.wire.words import CONDITIONS, to_item

FILTERS_MAX = 100
POSITION: tuple[type[str] | type[int], ...] = (int, str, str, str, str, str, str, str)
"""Custody and custodian, and the stock item after which the page begins; of which all is empty for none."""

_VIEWS: Mapping[int, View] = {
    stock_pb2.STOCK_VIEW_MY_CUSTODY: View.MY_CUSTODY,
    stock_pb2.STOCK_VIEW_SHARED_BY_DISTRIBUTOR: View.SHARED_BY_DISTRIBUTOR,
    stock_pb2.STOCK_VIEW_BOTH: View.BOTH,
}
_CUSTODIES_TOLD: Mapping[Custody, pb.Custody.ValueType] = {
    Custody.OWN: pb.CUSTODY_OWN,
    Custody.HUB: pb.CUSTODY_HUB,
    Custody.MEMBER: pb.CUSTODY_MEMBER,
}


def list_stock(request: service_pb.ListStockRequest) -> tuple[StockQuery, Vector]:
    """Which goods are asked for, and how fresh."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        query = StockQuery(
            fields.identifier("viewer", request.viewer, optional=True),
            fields.enum("view", request.view, _VIEWS, default=View.BOTH),
            tuple(fields.identifiers("custodians", request.custodians, most=FILTERS_MAX)),
            tuple(fields.identifiers("skus", request.skus, most=FILTERS_MAX)),
            tuple(fields.identifiers("locations", request.locations, most=FILTERS_MAX)),
            fields.enum("condition", request.condition, CONDITIONS) if request.condition else None,
        )
        return query, at_least(fields, request.freshness)


def begin(page: Page) -> Position | None:
    """Where a page of goods begins; None for the first one."""
    if page.after is None:
        return None
    custody, user, *names, condition = page.after
    if (
        custody not in set(Custody)
        or condition not in {"", *Condition}
        or any(name and identifier_fault(str(name)) for name in (user, *names))
    ):
        raise PageTokenInvalid
    owner, sku, location, lot, uom = map(str, names)
    custodian = Custodian(Custody(int(custody)), str(user))
    if not condition:
        return Position(custodian)
    return Position(custodian, Item(owner, sku, location, lot, uom, custodian.user, Condition(str(condition))))


def listed(page: Page, stock: Sequence[Stock], then: Position | None) -> tuple[list[pb.Stock], str]:
    """As many rows as a message has room for, and the token of the next page, if there may be one."""
    messages = [_to_stock(each) for each in stock]
    count = wire.fitting(messages)
    if count < len(stock):
        then = Position(stock[count - 1].custodian, stock[count - 1].count.item)
    return messages[:count], _token(page, then) if then is not None else ""


def _token(page: Page, position: Position) -> str:
    (custody, user), item = position
    after = (item.owner, item.sku, item.location, item.lot, item.uom, str(item.condition)) if item else ("",) * 6
    return page.token((int(custody), user, *after))


def _to_stock(stock: Stock) -> pb.Stock:
    return pb.Stock(
        stock_item=to_item(stock.count.item),
        custody=_CUSTODIES_TOLD[stock.custodian.custody],
        on_hand=stock.count.on_hand,
        available=stock.count.available,
        in_transfer=stock.in_transfer,
        incoming=stock.incoming,
        expiry_date=stock.count.expiry_date,
    )
