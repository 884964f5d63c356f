"""The words of enumerations, in the contract and in the domain, and values that many messages have."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from weir.common.v1 import stock_pb2
from weir.pooling.v1 import pool_pb2 as pb
from weir_pooling.domain.deeds import Condition, Item
from weir_pooling.domain.people import Actor, UserRole

ROLES_TOLD: Mapping[UserRole, pb.UserRole.ValueType] = {
    UserRole.ADMINISTRATOR: pb.USER_ROLE_ADMINISTRATOR,
    UserRole.DISTRIBUTOR: pb.USER_ROLE_DISTRIBUTOR,
    UserRole.REP: pb.USER_ROLE_REP,
}
ROLES: Mapping[int, UserRole] = {value: role for role, value in ROLES_TOLD.items()}
CONDITIONS_TOLD: Mapping[Condition, stock_pb2.Condition.ValueType] = {
    Condition.SELLABLE: stock_pb2.CONDITION_SELLABLE,
    Condition.HOLD: stock_pb2.CONDITION_HOLD,
    Condition.DAMAGED: stock_pb2.CONDITION_DAMAGED,
}
CONDITIONS: Mapping[int, Condition] = {value: condition for condition, value in CONDITIONS_TOLD.items()}


def to_actor(actor: Actor | None) -> pb.Actor | None:
    """Who did something, if anybody did."""
    return pb.Actor(user=actor.user, acting_for=actor.acting_for) if actor is not None else None


def to_item(item: Item) -> stock_pb2.StockItem:
    """A stock item."""
    return stock_pb2.StockItem(
        product=stock_pb2.Product(owner=item.owner, sku=item.sku),
        location=item.location,
        lot=item.lot,
        uom=item.uom,
        custodian=item.custodian,
        condition=CONDITIONS_TOLD[item.condition],
    )


def to_instant(moment: datetime | None) -> Timestamp | None:
    """A moment, if there was one."""
    if moment is None:
        return None
    instant = Timestamp()
    instant.FromDatetime(moment)
    return instant
