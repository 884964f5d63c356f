"""Products and stock items, in both directions."""

from __future__ import annotations

from weir.common.v1 import stock_pb2
from weir_allocation.custody import View
from weir_allocation.stock import Condition, Product, StockItem
from weir_chassis.fields import Fields

CONDITIONS = {
    stock_pb2.CONDITION_SELLABLE: Condition.SELLABLE,
    stock_pb2.CONDITION_HOLD: Condition.HOLD,
    stock_pb2.CONDITION_DAMAGED: Condition.DAMAGED,
}
VIEWS = {
    stock_pb2.STOCK_VIEW_MY_CUSTODY: View.MY_CUSTODY,
    stock_pb2.STOCK_VIEW_SHARED_BY_DISTRIBUTOR: View.SHARED_BY_DISTRIBUTOR,
    stock_pb2.STOCK_VIEW_BOTH: View.BOTH,
}
VIEW_VALUES = {view: value for value, view in VIEWS.items()}
_CONDITION_VALUES = {condition: value for value, condition in CONDITIONS.items()}


def product(message: stock_pb2.Product) -> Product:
    """The product that a message of another service names."""
    return message.owner, message.sku


def stock_item(message: stock_pb2.StockItem) -> StockItem:
    """The stock item that a message of another service names."""
    return StockItem(
        message.product.owner,
        message.product.sku,
        message.location,
        message.lot,
        message.uom,
        message.custodian,
        CONDITIONS[message.condition],
    )


def product_message(product: Product) -> stock_pb2.Product:
    """The message of a product."""
    owner, sku = product
    return stock_pb2.Product(owner=owner, sku=sku)


def view(fields: Fields, asked: int) -> View | None:
    """The view that a field of that name says; None where it says nothing."""
    return fields.enum("view", asked, VIEWS) if asked else None


def stock_item_message(item: StockItem) -> stock_pb2.StockItem:
    """The message of a stock item."""
    return stock_pb2.StockItem(
        product=stock_pb2.Product(owner=item.owner, sku=item.sku),
        location=item.location,
        lot=item.lot,
        uom=item.uom,
        custodian=item.custodian,
        condition=_CONDITION_VALUES[item.condition],
    )
