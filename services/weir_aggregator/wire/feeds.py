"""What ledger and sharing send while they are followed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2
from weir.sharing.v1 import network_pb2
from weir_aggregator.domain import Count, GroupLink, NetworkChange, WarehouseGroup
from weir_allocation.network import Channel
from weir_allocation.stock import Condition

_CONDITIONS = {
    stock_pb2.CONDITION_SELLABLE: Condition.SELLABLE,
    stock_pb2.CONDITION_HOLD: Condition.HOLD,
    stock_pb2.CONDITION_DAMAGED: Condition.DAMAGED,
}


def balances(part: ledger_service_pb2.ExportBalancesResponse) -> list[Count]:
    """The counts in one part of an export."""
    columns = zip(
        part.owners,
        part.skus,
        part.locations,
        part.lots,
        part.uoms,
        part.custodians,
        map(_CONDITIONS.__getitem__, part.conditions),
        part.on_hand,
        part.reserved,
        strict=True,
    )
    return list(map(Count._make, columns))


def entries(commit: Iterable[ledger_pb2.Entry]) -> list[Count]:
    """The counts after each entry of a commit that is about a stock item; of one stock item the last holds."""
    return [_count(entry) for entry in commit if entry.account == ledger_pb2.ACCOUNT_STOCK]


def network(changes: Iterable[network_pb2.NetworkChange]) -> list[NetworkChange]:
    """The changed objects that say who reaches what; policies of locations and names of groups do not."""
    return list(_changes(changes))


def _count(entry: ledger_pb2.Entry) -> Count:
    item = entry.stock_item
    return Count(
        item.product.owner,
        item.product.sku,
        item.location,
        item.lot,
        item.uom,
        item.custodian,
        _CONDITIONS[item.condition],
        entry.on_hand,
        entry.reserved,
    )


def _changes(changes: Iterable[network_pb2.NetworkChange]) -> Iterator[NetworkChange]:
    for change in changes:
        match change.WhichOneof("object"):
            case "warehouse_group":
                group = change.warehouse_group
                yield NetworkChange(WarehouseGroup(group.warehouse_group, tuple(group.locations)), change.deleted)
            case "channel":
                channel = change.channel
                by_custody = channel.kind == network_pb2.CHANNEL_KIND_REP
                yield NetworkChange(Channel(channel.channel, channel.channel_group, by_custody), change.deleted)
            case "group_link":
                link = change.group_link
                yield NetworkChange(GroupLink(link.warehouse_group, link.channel_group), change.deleted)
