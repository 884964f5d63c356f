"""Stock items, products and identifiers, in both directions."""

from datetime import date
from uuid import UUID

from weir.common.v1 import stock_pb2
from weir_chassis.fields import Fields
from weir_ledger.domain.stock import Condition, LotName, StockItem

CONDITIONS = {each.value: each for each in Condition}


def stock_item(fields: Fields, message: stock_pb2.StockItem) -> StockItem:
    """The stock item of a message; unset unit of measure is EACH, unset condition is sellable."""
    product = message.product
    return StockItem(
        fields.identifier("product.owner", product.owner, optional=True),
        fields.identifier("product.sku", product.sku),
        fields.identifier("location", message.location),
        fields.identifier("lot", message.lot, optional=True),
        fields.identifier("uom", message.uom, optional=True) or "EACH",
        fields.identifier("custodian", message.custodian, optional=True),
        fields.enum("condition", message.condition, CONDITIONS, default=Condition.SELLABLE),
    )


def stock_item_message(item: StockItem) -> stock_pb2.StockItem:
    """The message of a stock item."""
    return stock_pb2.StockItem(
        product=stock_pb2.Product(owner=item.owner, sku=item.sku),
        location=item.location,
        lot=item.lot,
        uom=item.uom,
        custodian=item.custodian,
        condition=item.condition.value,  # type: ignore[arg-type]  # the numbers are those of the contract
    )


def product(fields: Fields, message: stock_pb2.Product) -> tuple[str, str]:
    """Owner and stock keeping unit of a message."""
    return fields.identifier("owner", message.owner, optional=True), fields.identifier("sku", message.sku)


def lot_name(fields: Fields, message: stock_pb2.Product, lot: str) -> LotName:
    """What names a lot, of the fields `product` and `lot` of a message."""
    return *product(fields.inner("product"), message), fields.identifier("lot", lot)


def day(fields: Fields, name: str, value: str) -> str:
    """A day in its one form, as in `2027-01-31`; may be empty."""
    if value and not _is_day(value):
        fields.refuse(name, "Not a day, as in 2027-01-31.")
    return value


def reservation_name(fields: Fields, name: str, value: str) -> str:
    """The identifier of a reservation, in the form the ledger gives them: a UUID."""
    checked = fields.identifier(name, value)
    if checked == value and not is_uuid(value):
        fields.refuse(name, "Not an identifier that the ledger gave to a reservation.")
    return checked


def waiting_name(fields: Fields, name: str, value: str) -> str:
    """The identifier of a waiting demand, in the form the ledger gives them: a UUID."""
    checked = fields.identifier(name, value)
    if checked == value and not is_uuid(value):
        fields.refuse(name, "Not an identifier that the ledger gave to a waiting demand.")
    return checked


def _is_day(value: str) -> bool:
    """Whether a text is a day of the calendar, written year, month, day."""
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def is_uuid(value: str) -> bool:
    """Whether a text is a UUID as the ledger writes it."""
    try:
        return str(UUID(value)) == value
    except ValueError:
        return False
