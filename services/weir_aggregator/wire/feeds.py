"""What the contexts that are followed send."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import structlog

from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_pb2, waiting_pb2
from weir.partitioning.v1 import policy_pb2
from weir.pooling.v1 import pooling_service_pb2
from weir.sharing.v1 import network_pb2
from weir.sync.v1 import rule_pb2
from weir_aggregator.domain import (
    BackOrders,
    BooksChange,
    Change,
    ClaimChange,
    Configured,
    Count,
    GroupLink,
    LateFeed,
    Lot,
    Person,
    Pool,
    Product,
    Recorded,
    StoreLimits,
    Waiting,
    WarehouseGroup,
)
from weir_aggregator.wire import recorded
from weir_allocation import claims
from weir_allocation.network import Channel
from weir_allocation.policy import Mode, Part, Policy, Strategy
from weir_allocation.rules import Limits, Rounding, Rule
from weir_allocation.sharing import Bundle, Link
from weir_allocation.stock import Condition

log = structlog.get_logger(__name__)

_CONDITIONS = {
    stock_pb2.CONDITION_SELLABLE: Condition.SELLABLE,
    stock_pb2.CONDITION_HOLD: Condition.HOLD,
    stock_pb2.CONDITION_DAMAGED: Condition.DAMAGED,
}
_STRATEGIES = {
    policy_pb2.STRATEGY_EQUAL_DIVISION: Strategy.EQUAL_DIVISION,
    policy_pb2.STRATEGY_SAFETY_STOCK: Strategy.SAFETY_STOCK,
    policy_pb2.STRATEGY_WEIGHTED: Strategy.WEIGHTED,
    policy_pb2.STRATEGY_RANKED: Strategy.RANKED,
    policy_pb2.STRATEGY_FIXED: Strategy.FIXED,
    policy_pb2.STRATEGY_DEMAND: Strategy.DEMAND,
}
_MODES = {
    policy_pb2.POLICY_MODE_UNSPECIFIED: Mode.CONTINUOUS,
    policy_pb2.POLICY_MODE_CONTINUOUS: Mode.CONTINUOUS,
    policy_pb2.POLICY_MODE_BALANCED: Mode.BALANCED,
}
_ROUNDINGS = {
    rule_pb2.ROUNDING_UNSPECIFIED: Rounding.DOWN,
    rule_pb2.ROUNDING_DOWN: Rounding.DOWN,
    rule_pb2.ROUNDING_UP: Rounding.UP,
    rule_pb2.ROUNDING_NEAREST: Rounding.NEAREST,
}


def balances(part: ledger_service_pb2.ExportBalancesResponse) -> list[BooksChange]:
    """The lots, the counts, the demands that wait, the back-orders and the claims in one part of an export."""
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
    stock: list[BooksChange] = [*map(_lot, part.known_lots), *map(Count._make, columns)]
    return [
        *stock,
        *map(_waiting, part.waiting),
        *map(_back_orders, part.back_orders),
        *map(_claim, part.claims),
    ]


def entries(commit: ledger_service_pb2.WatchEntriesResponse) -> list[BooksChange]:
    """What a commit changed: lots, the counts after each of its entries that is about a stock item, demands that wait,
    back-orders, claims.

    Of one stock item the last holds.
    """
    counts = [_count(entry) for entry in commit.entries if entry.account == ledger_pb2.ACCOUNT_STOCK]
    stock: list[BooksChange] = [*map(_lot, commit.lots), *counts]
    return [
        *stock,
        *map(_waiting, commit.waiting),
        *map(_back_orders, commit.back_orders),
        *map(_claim, commit.claims),
    ]


def network(changes: Iterable[network_pb2.NetworkChange]) -> list[Change]:
    """The objects of sharing that levels depend on; policies of locations and names of groups are left out."""
    read = ((_network_object(change), change.deleted) for change in changes)
    return [Change(configured, deleted) for configured, deleted in read if configured is not None]


def partitioning(changes: Iterable[policy_pb2.PartitioningChange]) -> list[Change]:
    """The policies."""
    return [Change(_policy(change.policy), change.deleted) for change in changes]


def rules(changes: Iterable[rule_pb2.RulesChange]) -> list[Change]:
    """The rules, the limits of stores, and the locations whose warehouse is late."""
    return [Change(_ruling(change), change.deleted) for change in changes]


def pooling(objects: Iterable[pooling_service_pb2.PoolingObject]) -> list[Change]:
    """Persons and pools, of an export."""
    return [Change(_pooled(each)) for each in objects]


def pooling_changes(changes: Iterable[pooling_service_pb2.PoolingChange]) -> list[Change]:
    """The same of a commit."""
    return [Change(_pooled(change.object), change.deleted) for change in changes]


def _pooled(each: pooling_service_pb2.PoolingObject) -> Person | Pool:
    if each.HasField("user"):
        return Person(each.user.user, each.user.channel)
    pool = each.pool
    return Pool(pool.pool, pool.hub, tuple(pool.members), pool.access_hub_stock)


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


def _lot(lot: ledger_pb2.Lot) -> Lot:
    expiry = date.fromisoformat(lot.expiry_date) if lot.expiry_date else None
    return Lot(lot.product.owner, lot.product.sku, lot.lot, expiry)


def _waiting(waiting: waiting_pb2.Waiting) -> Waiting:
    return Waiting(
        waiting.waiting, waiting.create_revision, tuple(line.open for line in waiting.lines), _recorded(waiting)
    )


def _recorded(waiting: waiting_pb2.Waiting) -> Recorded | None:
    """How a demand may be filled; None where it is over, and where whoever made it says nothing of it that we read."""
    if waiting.state != waiting_pb2.WAITING_STATE_WAITING or not waiting.plan:
        return None
    try:
        found = recorded.read(waiting.plan)
        wanted = [line.product for line in found.wish.lines]
        if wanted != [_product(line.product) for line in waiting.lines] or found.wish.whole != waiting.whole:
            raise ValueError("it is of another order")
    except ValueError as fault:
        log.warning("demand cannot be read, and is left to others", waiting=waiting.waiting, fault=str(fault))
        return None
    return found


def _back_orders(back_orders: waiting_pb2.BackOrders) -> BackOrders:
    return BackOrders(*_product(back_orders.product), back_orders.limit, back_orders.waiting)


def _claim(claim: reservation_pb2.Claim) -> ClaimChange:
    """What is claimed; under a key that is not made of its subject, of nothing that is known here."""
    subject = claim.subject
    found = claims.read(subject) if subject and claims.key(subject) == claim.claim else None
    return ClaimChange(
        claim.claim, claim.open + claim.fulfilled, claim.ceiling if claim.HasField("ceiling") else None, found
    )


def _network_object(change: network_pb2.NetworkChange) -> Configured | None:
    match change.WhichOneof("object"):
        case "warehouse_group":
            group = change.warehouse_group
            return WarehouseGroup(group.warehouse_group, tuple(group.locations))
        case "channel":
            channel = change.channel
            return Channel(
                channel.channel,
                channel.channel_group or channel.channel,
                channel.kind == network_pb2.CHANNEL_KIND_REP,
            )
        case "group_link":
            return GroupLink(change.group_link.warehouse_group, change.group_link.channel_group)
        case "product_link":
            return _link(change.product_link)
        case "bundle":
            parts = tuple((_product(each.product), each.quantity) for each in change.bundle.components)
            return Bundle(_product(change.bundle.product), parts)
        case _:
            return None


def _link(link: network_pb2.ProductLink) -> Link:
    return Link(
        link.source.sku,
        _product(link.source),
        _product(link.destination),
        link.bidirectional,
        frozenset(link.locations),
        link.priority,
        link.created_revision,
        link.keep_back,
        link.shares_bundles,
        not link.disabled,
    )


def _policy(policy: policy_pb2.Policy) -> Policy:
    return Policy(
        policy.policy,
        policy.priority,
        _STRATEGIES[policy.strategy],
        _products(policy.products) or None,
        tuple(_part(part) for part in policy.parts),
        policy.buffer_units,
        policy.buffer_percent,
        not policy.disabled,
        _MODES[policy.mode],
        policy.enforce,
        policy.threshold_percent if policy.HasField("threshold_percent") else 20,
        policy.hysteresis_units if policy.HasField("hysteresis_units") else 1,
        policy.rebalance_interval.ToTimedelta().total_seconds() if policy.HasField("rebalance_interval") else None,
        policy.demand_days or 30,
        policy.damping_percent if policy.HasField("damping_percent") else 50,
    )


def _part(part: policy_pb2.PolicyPart) -> Part:
    return Part(
        part.channel_group,
        part.rank,
        part.weight,
        part.percent,
        part.minimum,
        part.quantity,
        part.cap if part.HasField("cap") else None,
        part.protected_percent,
    )


def _ruling(change: rule_pb2.RulesChange) -> Rule | StoreLimits | LateFeed:
    match change.WhichOneof("object"):
        case "rule":
            return _rule(change.rule)
        case "store_limits":
            return _store_limits(change.store_limits)
        case kind:
            assert kind == "late_feed"
            return LateFeed(change.late_feed.location, change.late_feed.buffer_percent)


def _rule(rule: rule_pb2.Rule) -> Rule:
    return Rule(
        rule.rule,
        rule.priority,
        frozenset(rule.stores),
        _products(rule.products) or None,
        frozenset(rule.warehouses),
        rule.threshold,
        rule.rate_percent if rule.HasField("rate_percent") else 100,
        rule.constant,
        _ROUNDINGS[rule.rounding],
        rule.priority_store,
        rule.priority_quantity,
        not rule.disabled,
    )


def _store_limits(limits: rule_pb2.StoreLimits) -> StoreLimits:
    return StoreLimits(
        limits.store,
        Limits(
            _products(limits.denied.products),
            _products(limits.allowed.products) if limits.HasField("allowed") else None,
            limits.max_quantity if limits.HasField("max_quantity") else None,
        ),
    )


def _products(products: Iterable[stock_pb2.Product]) -> frozenset[Product]:
    return frozenset(map(_product, products))


def _product(product: stock_pb2.Product) -> Product:
    return product.owner, product.sku
