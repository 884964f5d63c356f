"""What requests of all services of pooling have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from google.protobuf.message import Message

from weir.common.v1 import stock_pb2
from weir_allocation.stock import EACH
from weir_chassis import call
from weir_chassis.configuration import wire
from weir_chassis.configuration.objects import Named, T
from weir_chassis.configuration.wire import etag, plain_key
from weir_chassis.fields import Fields
from weir_chassis.idempotency import Attempt
from weir_pooling.domain.deeds import Condition, Item, Portion
from weir_pooling.wire.words import CONDITIONS

DISPLAY_NAME_LENGTH_MAX = 256


def attempt(fields: Fields, request: wire.Mutation) -> Attempt:
    """The caller's try, by the name it gave it. Who calls is part of its contents: nobody is answered what another was
    allowed to do.
    """
    made = wire.attempt(fields, request)
    person = call.current().principal.person
    return replace(made, fingerprint=blake2b(made.fingerprint + person.encode(), digest_size=16).digest())


def removal(request: wire.Removal, kind: type[T]) -> tuple[Attempt, Named[T]]:
    """What shall be removed."""
    with Fields() as fields:
        return attempt(fields, request), Named(kind, plain_key(fields, request, kind), etag(fields, request))


def part(fields: Fields, request: Message, name: str) -> Fields:
    """The fields of the message in field `name`, which must be there."""
    fields.required(request, name)
    return fields.inner(name)


def display_name(fields: Fields, asked: Any) -> str:
    """A name for people."""
    return fields.text("display_name", asked.display_name, length_max=DISPLAY_NAME_LENGTH_MAX)


def item(fields: Fields, message: stock_pb2.StockItem) -> Item:
    """The stock item of a message; unset unit of measure is EACH, unset condition is sellable, custodian empty where
    none is named.
    """
    product = message.product
    return Item(
        fields.identifier("product.owner", product.owner, optional=True),
        fields.identifier("product.sku", product.sku),
        fields.identifier("location", message.location),
        fields.identifier("lot", message.lot, optional=True),
        fields.identifier("uom", message.uom, optional=True) or EACH,
        fields.identifier("custodian", message.custodian, optional=True),
        fields.enum("condition", message.condition, CONDITIONS, default=Condition.SELLABLE),
    )


def portions(fields: Fields, name: str, lines: Any, *, most: int) -> Iterator[Portion]:
    """Units of stock items, in a repeated field of `StockLine`."""
    for inner, line in fields.each(name, lines, most=most):
        fields_of_item = part(inner, line, "stock_item")
        yield Portion(item(fields_of_item, line.stock_item), inner.quantity("quantity", line.quantity))
