"""The tables of a folder as the objects of the contracts, as they shall be in the suite.

An object is in one form only: defaults are written out, what has no order of its own is sorted, and what the services
set is left out. So two that say the same are equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_pb2, waiting_pb2
from weir.partitioning.v1 import policy_pb2
from weir.pooling.v1 import pool_pb2
from weir.sharing.v1 import network_pb2
from weir.sync.v1 import connection_pb2, listing_pb2, rule_pb2
from weir_cli.merchant.products import bundle, component, destination, source
from weir_cli.merchant.values import (
    BACK_ORDERS,
    BUNDLES,
    LIMITS,
    LOTS,
    POLICIES,
    POLICY_PARTS,
    POLICY_PRODUCTS,
    POOLS,
    PRODUCT_LINKS,
    RULE_PRODUCTS,
    RULES,
    USERS,
    Merchant,
    Product,
    Row,
)

RATE_PERCENT = 100
THRESHOLD_PERCENT, HYSTERESIS_UNITS = 20, 1
"""When a policy divides anew that says nothing of it."""
DEMAND_DAYS, DAMPING_PERCENT = 30, 50
"""What a policy takes for demand that says nothing of it."""
SET_BY_SERVICES = ("etag", "created_revision", "warnings", "secret_names", "abilities", "health", "next_time")

LotKey = tuple[Product, str]
LinkKey = tuple[Product, Product]
M = TypeVar(
    "M",
    ledger_pb2.Lot,
    network_pb2.Bundle,
    network_pb2.ProductLink,
    policy_pb2.Policy,
    pool_pb2.Pool,
    pool_pb2.User,
    rule_pb2.Rule,
    rule_pb2.StoreLimits,
    connection_pb2.Connection,
    connection_pb2.Schedule,
    listing_pb2.Listing,
)


def named(product: stock_pb2.Product) -> Product:
    """A product by owner and stock keeping unit."""
    return (product.owner, product.sku)


def product_of(named: Product) -> stock_pb2.Product:
    """A product as the contracts have it."""
    return stock_pb2.Product(owner=named[0], sku=named[1])


def plain(message: M) -> M:
    """The object in its one form."""
    made = type(message)()
    made.CopyFrom(message)
    for field in SET_BY_SERVICES:
        if field in made.DESCRIPTOR.fields_by_name:
            made.ClearField(field)  # type: ignore[arg-type]
    match made:
        case network_pb2.Bundle():
            made.components.sort(key=lambda each: named(each.product))
        case network_pb2.ProductLink():
            made.locations.sort()
        case policy_pb2.Policy():
            _default(made)
            made.products.sort(key=named)
            made.parts.sort(key=lambda each: (each.rank, each.channel_group))
        case pool_pb2.Pool():
            made.members.sort()
        case rule_pb2.Rule():
            made.rate_percent = made.rate_percent if made.HasField("rate_percent") else RATE_PERCENT
            made.rounding = made.rounding or rule_pb2.ROUNDING_DOWN
            made.products.sort(key=named)
            made.stores.sort()
            made.warehouses.sort()
        case connection_pb2.Connection():
            _terms(made)
            made.facilities.sort(key=lambda each: each.facility)
        case rule_pb2.StoreLimits():
            made.denied.products.sort(key=named)
            if not made.denied.products:
                made.ClearField("denied")
            if made.HasField("allowed"):
                made.allowed.products.sort(key=named)
    return made


def _default(made: policy_pb2.Policy) -> None:
    """Write the defaults of a policy out, of its mode and of its strategy."""
    made.mode = made.mode or policy_pb2.POLICY_MODE_CONTINUOUS
    if made.mode == policy_pb2.POLICY_MODE_BALANCED:
        made.threshold_percent = made.threshold_percent if made.HasField("threshold_percent") else THRESHOLD_PERCENT
        made.hysteresis_units = made.hysteresis_units if made.HasField("hysteresis_units") else HYSTERESIS_UNITS
    if made.strategy == policy_pb2.STRATEGY_DEMAND:
        made.demand_days = made.demand_days or DEMAND_DAYS
        made.damping_percent = made.damping_percent if made.HasField("damping_percent") else DAMPING_PERCENT


def _terms(made: connection_pb2.Connection) -> None:
    """Write out what the figures of a warehouse mean; those of a store mean nothing."""
    if made.role == connection_pb2.CONNECTION_ROLE_WAREHOUSE:
        made.feed.left_out = made.feed.left_out or connection_pb2.LEFT_OUT_HANDED_OVER
    else:
        made.ClearField("feed")


def lots(merchant: Merchant) -> dict[LotKey, ledger_pb2.Lot]:
    """Until when each lot can be sold."""
    return {
        (row.product(), row["lot"]): ledger_pb2.Lot(
            product=product_of(row.product()), lot=row["lot"], expiry_date=row["expiry_date"]
        )
        for row in merchant.rows(LOTS)
    }


def back_orders(merchant: Merchant) -> dict[Product, waiting_pb2.BackOrders]:
    """How many units of each product may wait."""
    return {
        row.product(): waiting_pb2.BackOrders(product=product_of(row.product()), limit=row.number("limit"))
        for row in merchant.rows(BACK_ORDERS)
    }


def bundles(merchant: Merchant) -> dict[Product, network_pb2.Bundle]:
    """What each bundle is made of."""
    wanted: dict[Product, network_pb2.Bundle] = {}
    for row in merchant.rows(BUNDLES):
        made = wanted.setdefault(bundle(row), network_pb2.Bundle(product=product_of(bundle(row))))
        made.components.add(product=product_of(component(row)), quantity=row.number("quantity"))
    return {name: plain(each) for name, each in wanted.items()}


def product_links(merchant: Merchant) -> dict[LinkKey, network_pb2.ProductLink]:
    """What may stand for what, in the order of the file."""
    return {
        (source(row), destination(row)): plain(
            network_pb2.ProductLink(
                source=product_of(source(row)),
                destination=product_of(destination(row)),
                bidirectional=row.said("bidirectional"),
                locations=row.names("locations"),
                priority=row.number("priority"),
                keep_back=row.number("keep_back"),
                shares_bundles=row.said("shares_bundles"),
                disabled=row.said("disabled"),
            )
        )
        for row in merchant.rows(PRODUCT_LINKS)
    }


def policies(merchant: Merchant, standing: Mapping[str, policy_pb2.Policy]) -> dict[str, policy_pb2.Policy]:
    """How stock is divided; what an absent file would say is as it stands. Without a priority it is 0."""
    headed = {row["policy"]: row for row in merchant.rows(POLICIES)}
    parts, products = rows_by("policy", merchant.rows(POLICY_PARTS)), rows_by("policy", merchant.rows(POLICY_PRODUCTS))
    wanted: dict[str, policy_pb2.Policy] = {}
    for name in dict.fromkeys([*headed, *parts, *products]):
        made = plain(standing.get(name, policy_pb2.Policy()))
        if name in headed:
            _head(made, headed[name])
        if name in parts or (name in headed and merchant.tells(POLICY_PARTS)):
            del made.parts[:]
            made.parts.extend(_part(row) for row in parts.get(name, ()))
        if name in products or (name in headed and merchant.tells(POLICY_PRODUCTS)):
            del made.products[:]
            made.products.extend(product_of(row.product()) for row in products.get(name, ()))
        wanted[name] = plain(made)
    return wanted


def _head(made: policy_pb2.Policy, row: Row) -> None:
    """Say of a policy what its row says."""
    made.policy, made.display_name, made.priority = row["policy"], row["display_name"], row.number("priority")
    made.strategy = policy_pb2.Strategy.Value(f"STRATEGY_{row['strategy']}")
    made.mode = policy_pb2.PolicyMode.Value(f"POLICY_MODE_{row['mode']}")
    made.disabled, made.enforce = row.said("disabled"), row.said("enforce")
    for name in ("buffer_units", "buffer_percent", "demand_days"):
        setattr(made, name, row.number(name))
    for name in ("threshold_percent", "hysteresis_units", "damping_percent"):
        made.ClearField(name)  # type: ignore[arg-type]
        if row[name]:
            setattr(made, name, row.number(name))
    made.ClearField("rebalance_interval")
    if row["rebalance_interval"]:
        made.rebalance_interval.FromJsonString(row["rebalance_interval"])


def _part(row: Row) -> policy_pb2.PolicyPart:
    return policy_pb2.PolicyPart(
        channel_group=row["channel_group"],
        rank=row.number("rank"),
        weight=row.number("weight"),
        percent=row.number("percent"),
        minimum=row.number("minimum"),
        quantity=row.number("quantity"),
        cap=row.number("cap") if row["cap"] else None,
        protected_percent=row.number("protected_percent"),
    )


def rules(merchant: Merchant, standing: Mapping[str, rule_pb2.Rule]) -> dict[str, rule_pb2.Rule]:
    """What stores are told; what an absent file would say is as it stands. Without a priority it is 0."""
    headed = {row["rule"]: row for row in merchant.rows(RULES)}
    products = rows_by("rule", merchant.rows(RULE_PRODUCTS))
    wanted: dict[str, rule_pb2.Rule] = {}
    for name in dict.fromkeys([*headed, *products]):
        made = _rule(headed[name]) if name in headed else plain(standing[name])
        if name in products or merchant.tells(RULE_PRODUCTS):
            del made.products[:]
            made.products.extend(product_of(row.product()) for row in products.get(name, ()))
        elif name in standing:
            made.products.extend(standing[name].products)
        wanted[name] = plain(made)
    return wanted


def _rule(row: Row) -> rule_pb2.Rule:
    return rule_pb2.Rule(
        rule=row["rule"],
        display_name=row["display_name"],
        priority=row.number("priority"),
        stores=row.names("stores"),
        warehouses=row.names("warehouses"),
        threshold=row.number("threshold"),
        rate_percent=row.number("rate_percent", RATE_PERCENT),
        constant=row.number("constant"),
        rounding=rule_pb2.Rounding.Value(f"ROUNDING_{row['rounding']}"),
        priority_store=row["priority_store"],
        priority_quantity=row.number("priority_quantity"),
        disabled=row.said("disabled"),
    )


def limits(merchant: Merchant) -> dict[str, rule_pb2.StoreLimits]:
    """What each store is never told."""
    wanted: dict[str, rule_pb2.StoreLimits] = {}
    for row in merchant.rows(LIMITS):
        made = wanted.setdefault(row["store"], rule_pb2.StoreLimits(store=row["store"]))
        match row["limit"]:
            case "DENY":
                made.denied.products.append(product_of(row.product()))
            case "ALLOW":
                made.allowed.SetInParent()
                if row["sku"]:
                    made.allowed.products.append(product_of(row.product()))
            case _:
                made.max_quantity = row.number("quantity")
    return {store: plain(each) for store, each in wanted.items()}


def users(merchant: Merchant) -> dict[str, pool_pb2.User]:
    """Who is who."""
    return {
        row["user"]: pool_pb2.User(
            user=row["user"],
            role=pool_pb2.UserRole.Value(f"USER_ROLE_{row['role']}"),
            display_name=row["display_name"],
            channel=row["channel"],
        )
        for row in merchant.rows(USERS)
    }


def pools(merchant: Merchant) -> dict[str, pool_pb2.Pool]:
    """Who works from whose stock."""
    return {
        row["pool"]: plain(
            pool_pb2.Pool(
                pool=row["pool"],
                display_name=row["display_name"],
                hub=row["hub"],
                members=row.names("members"),
                access_hub_stock=row.said("access_hub_stock"),
            )
        )
        for row in merchant.rows(POOLS)
    }


def rows_by(column: str, rows: tuple[Row, ...]) -> dict[str, list[Row]]:
    """Rows by what a column says, each in their order."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row[column], []).append(row)
    return found
