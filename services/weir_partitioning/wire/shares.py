"""Requests about epochs and shares, and what they are answered with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from weir.common.v1 import stock_pb2
from weir.partitioning.v1 import partitioning_service_pb2 as service_pb
from weir.partitioning.v1 import share_pb2 as pb
from weir_allocation.claims import Claim
from weir_allocation.rebalance import Epoch, EpochShare
from weir_allocation.stock import Product
from weir_chassis.configuration.wire import attempt
from weir_chassis.fields import Fields
from weir_chassis.idempotency import Attempt
from weir_chassis.revisions import Revision, Vector, at_least
from weir_partitioning.wire.words import REASONS_TOLD

PRODUCTS_MAX = 10_000

Meant = tuple[Product | None, str, str]
"""Product, warehouse group and channel group that are meant; empty or None: all."""


def list_shares(request: service_pb.ListSharesRequest) -> tuple[Meant, Vector]:
    """The shares that a ListShares asks for."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        group = fields.identifier("channel_group", request.channel_group, optional=True)
        return (*_supplies(fields, request), group), at_least(fields, request.freshness)


def list_epochs(request: service_pb.ListEpochsRequest) -> tuple[Meant, Vector]:
    """The epochs that a ListEpochs asks for."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        return (*_supplies(fields, request), ""), at_least(fields, request.freshness)


def rebalance(request: service_pb.RebalanceRequest) -> tuple[Attempt, tuple[Product, ...] | None]:
    """The caller's try, and the products whose supplies shall be divided anew; None: all."""
    with Fields() as fields:
        products = [
            _product(each, product)
            for each, product in fields.each("products", request.products, least=0, most=PRODUCTS_MAX)
        ]
        fields.unique("products", products)
        return attempt(fields, request), tuple(products) or None


def to_epoch(epoch: Epoch, books: Revision, *, number: int = 0, in_force: bool = False) -> pb.Epoch:
    """An epoch; without a number one as it would be."""
    return pb.Epoch(
        epoch=number,
        product=_told(epoch.product),
        warehouse_group=epoch.warehouse_group,
        policy=epoch.policy,
        reason=REASONS_TOLD[epoch.reason],
        create_time=_instant(epoch.divided_at),
        supply=epoch.supply,
        held_back=epoch.held_back,
        shares=_shares(epoch),
        ledger_revision=books.to_wire(),
        moved=epoch.moved,
        in_force=in_force,
    )


def to_share(number: int, epoch: Epoch, share: EpochShare, *, claimed: int, remaining: int, reserved: int) -> pb.Share:
    """What a channel group has of a supply, in units of the product."""
    return pb.Share(
        product=_told(epoch.product),
        warehouse_group=epoch.warehouse_group,
        channel_group=share.channel_group,
        balanced=share.balanced,
        claimed=claimed,
        remaining=remaining,
        reserved=reserved,
        epoch=number,
        create_time=_instant(epoch.divided_at),
        reason=REASONS_TOLD[epoch.reason],
        policy=epoch.policy,
    )


def _shares(epoch: Epoch) -> Iterable[pb.EpochShare]:
    for share in epoch.shares:
        claim = Claim(epoch.product, epoch.warehouse_group, share.channel_group, epoch.scale)
        yield pb.EpochShare(
            channel_group=share.channel_group,
            balanced=share.balanced,
            before=share.before,
            demand=share.demand,
            weight=share.weight,
            claim=claim.key,
        )


def _supplies(
    fields: Fields, request: service_pb.ListSharesRequest | service_pb.ListEpochsRequest
) -> tuple[Product | None, str]:
    product = _product(fields.inner("product"), request.product) if request.HasField("product") else None
    return product, fields.identifier("warehouse_group", request.warehouse_group, optional=True)


def _product(fields: Fields, product: stock_pb2.Product) -> Product:
    return fields.identifier("owner", product.owner, optional=True), fields.identifier("sku", product.sku)


def _told(product: Product) -> stock_pb2.Product:
    owner, sku = product
    return stock_pb2.Product(owner=owner, sku=sku)


def _instant(moment: datetime) -> Timestamp:
    instant = Timestamp()
    instant.FromDatetime(moment)
    return instant
