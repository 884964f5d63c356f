"""What the suite holds as the tables of a folder: reading them again makes the same."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping

from weir.ledger.v1 import ledger_pb2
from weir.partitioning.v1 import policy_pb2
from weir.sync.v1 import rule_pb2
from weir_cli.documents import word
from weir_cli.merchant.columns import COLUMNS
from weir_cli.merchant.configured import plain
from weir_cli.merchant.state import State
from weir_cli.merchant.values import (
    BACK_ORDERS,
    BUNDLES,
    CHANNEL_GROUPS,
    CHANNELS,
    CONNECTIONS,
    FACILITIES,
    GROUPS,
    LIMITS,
    LINKS,
    LISTINGS,
    LOCATIONS,
    LOTS,
    POLICIES,
    POLICY_PARTS,
    POLICY_PRODUCTS,
    POOLS,
    PRODUCT_LINKS,
    RULE_PRODUCTS,
    RULES,
    SCHEDULES,
    USERS,
)
from weir_cli.sheets import LINE_CHARACTERS_MAX, joined, spelt

Cells = Mapping[str, str]
"""The cells of a row by column; those left out are empty."""


def tables(state: State) -> dict[str, str]:
    """The content of every file but the stock, by name. Raises ValueError where a row would be too long to be read."""
    made: dict[str, Iterable[Cells]] = {
        LOCATIONS: _locations(state),
        GROUPS: _groups(state),
        CHANNEL_GROUPS: _channel_groups(state),
        CHANNELS: _channels(state),
        LINKS: _links(state),
        BUNDLES: _bundles(state),
        PRODUCT_LINKS: _product_links(state),
        LOTS: _lots(state),
        BACK_ORDERS: _back_orders(state),
        POLICIES: _policies(state),
        POLICY_PARTS: _policy_parts(state),
        POLICY_PRODUCTS: _policy_products(state),
        RULES: _rules(state),
        RULE_PRODUCTS: _rule_products(state),
        LIMITS: _limits(state),
        USERS: _users(state),
        POOLS: _pools(state),
        CONNECTIONS: _connections(state),
        FACILITIES: _facilities(state),
        SCHEDULES: _schedules(state),
        LISTINGS: _listings(state),
    }
    return {file: sheet(file, rows) for file, rows in made.items()}


def sheet(file: str, rows: Iterable[Cells]) -> str:
    """One file as it is written. Raises ValueError where a row would be too long to be read."""
    columns = [column.name for column in COLUMNS[file]]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        began = text.tell()
        writer.writerow([row.get(column, "") for column in columns])
        if text.tell() - began >= LINE_CHARACTERS_MAX:
            raise ValueError(f"{file}: the row of {row[columns[0]]} would be longer than {LINE_CHARACTERS_MAX:,}.")
    return text.getvalue()


def delivered(balances: Iterable[ledger_pb2.Balance]) -> Iterator[Cells]:
    """What lies where, as stock that is received."""
    for each in balances:
        item = each.stock_item
        yield {
            "sku": item.product.sku,
            "location": item.location,
            "quantity": str(each.on_hand),
            "owner": item.product.owner,
            "lot": item.lot,
            "uom": item.uom,
            "custodian": item.custodian,
            "condition": word(item, "condition"),
        }


def _number(value: int) -> str:
    return str(value) if value else ""


def _flag(value: bool) -> str:
    return "YES" if value else ""


def _locations(state: State) -> Iterator[Cells]:
    for name, each in sorted(state.locations.items()):
        setting = state.settings.get(name)
        policy = word(setting, "policy") if setting is not None else ""
        yield {"location": name, "kind": word(each, "kind"), "display_name": each.display_name, "policy": policy}


def _groups(state: State) -> Iterator[Cells]:
    for name, each in sorted(state.groups.items()):
        for index, location in enumerate(sorted(each.locations) or [""]):
            display_name = "" if index else each.display_name
            yield {"warehouse_group": name, "location": location, "display_name": display_name}


def _channel_groups(state: State) -> Iterator[Cells]:
    for name, each in sorted(state.channel_groups.items()):
        if not each.own_channel:
            yield {"channel_group": name, "display_name": each.display_name}


def _channels(state: State) -> Iterator[Cells]:
    own = {name for name, each in state.channel_groups.items() if each.own_channel}
    for name, each in sorted(state.channels.items()):
        group = "" if each.channel_group in own else each.channel_group
        yield {"channel": name, "kind": word(each, "kind"), "channel_group": group, "display_name": each.display_name}


def _links(state: State) -> Iterator[Cells]:
    for warehouse_group, channel_group in sorted(state.links):
        yield {"warehouse_group": warehouse_group, "channel_group": channel_group}


def _bundles(state: State) -> Iterator[Cells]:
    for (owner, sku), each in sorted(state.bundles.items()):
        for part in plain(each).components:
            yield {
                "bundle": sku,
                "component": part.product.sku,
                "quantity": str(part.quantity),
                "owner": owner,
                "component_owner": part.product.owner,
            }


def _product_links(state: State) -> Iterator[Cells]:
    """In the order they were made, which is the order they serve in."""
    for _, each in sorted(state.product_links.items(), key=lambda item: (item[1].created_revision, item[0])):
        yield {
            "source": each.source.sku,
            "destination": each.destination.sku,
            "source_owner": each.source.owner,
            "destination_owner": each.destination.owner,
            "bidirectional": _flag(each.bidirectional),
            "locations": joined(sorted(each.locations)),
            "priority": _number(each.priority),
            "keep_back": _number(each.keep_back),
            "shares_bundles": _flag(each.shares_bundles),
            "disabled": _flag(each.disabled),
        }


def _lots(state: State) -> Iterator[Cells]:
    for ((owner, sku), lot), each in sorted(state.lots.items()):
        if each.expiry_date:
            yield {"sku": sku, "lot": lot, "expiry_date": each.expiry_date, "owner": owner}


def _back_orders(state: State) -> Iterator[Cells]:
    for (owner, sku), each in sorted(state.back_orders.items()):
        if each.limit:
            yield {"sku": sku, "limit": str(each.limit), "owner": owner}


def _policies(state: State) -> Iterator[Cells]:
    for each in sorted(state.policies.values(), key=lambda each: each.priority):
        yield {
            "policy": each.policy,
            "strategy": word(each, "strategy"),
            "priority": _number(each.priority),
            "display_name": each.display_name,
            "mode": word(plain(each), "mode"),
            "buffer_units": _number(each.buffer_units),
            "buffer_percent": _number(each.buffer_percent),
            "disabled": _flag(each.disabled),
            **_moving(plain(each)),
        }


def _moving(policy: policy_pb2.Policy) -> Cells:
    """How the shares of a policy move; its defaults are written out."""
    optional = ("threshold_percent", "hysteresis_units", "damping_percent")
    interval = policy.rebalance_interval.ToJsonString().removesuffix("s")
    return {
        **{name: str(getattr(policy, name)) for name in optional if policy.HasField(name)},  # type: ignore[arg-type]
        "rebalance_interval": spelt(interval) if policy.HasField("rebalance_interval") else "",
        "enforce": _flag(policy.enforce),
        "demand_days": _number(policy.demand_days),
    }


def _policy_parts(state: State) -> Iterator[Cells]:
    for each in sorted(state.policies.values(), key=lambda each: each.priority):
        for part in plain(each).parts:
            yield {
                "policy": each.policy,
                "channel_group": part.channel_group,
                "rank": _number(part.rank),
                "weight": _number(part.weight),
                "percent": _number(part.percent),
                "minimum": _number(part.minimum),
                "quantity": _number(part.quantity),
                "cap": str(part.cap) if part.HasField("cap") else "",
                "protected_percent": _number(part.protected_percent),
            }


def _policy_products(state: State) -> Iterator[Cells]:
    for each in sorted(state.policies.values(), key=lambda each: each.priority):
        for product in plain(each).products:
            yield {"policy": each.policy, "sku": product.sku, "owner": product.owner}


def _rules(state: State) -> Iterator[Cells]:
    for each in map(plain, sorted(state.rules.values(), key=lambda each: each.priority)):
        yield {
            "rule": each.rule,
            "stores": joined(each.stores),
            "priority": _number(each.priority),
            "display_name": each.display_name,
            "warehouses": joined(each.warehouses),
            "threshold": _number(each.threshold),
            "rate_percent": str(each.rate_percent),
            "constant": _number(each.constant),
            "rounding": word(each, "rounding"),
            "priority_store": each.priority_store,
            "priority_quantity": _number(each.priority_quantity),
            "disabled": _flag(each.disabled),
        }


def _rule_products(state: State) -> Iterator[Cells]:
    for each in sorted(state.rules.values(), key=lambda each: each.priority):
        for product in plain(each).products:
            yield {"rule": each.rule, "sku": product.sku, "owner": product.owner}


def _limits(state: State) -> Iterator[Cells]:
    for _, each in sorted(state.limits.items()):
        yield from _limit(plain(each))


def _limit(limits: rule_pb2.StoreLimits) -> Iterator[Cells]:
    for product in limits.denied.products:
        yield {"store": limits.store, "limit": "DENY", "sku": product.sku, "owner": product.owner}
    for product in limits.allowed.products:
        yield {"store": limits.store, "limit": "ALLOW", "sku": product.sku, "owner": product.owner}
    if limits.HasField("allowed") and not limits.allowed.products:
        yield {"store": limits.store, "limit": "ALLOW"}
    if limits.HasField("max_quantity"):
        yield {"store": limits.store, "limit": "MAX", "quantity": str(limits.max_quantity)}


def _users(state: State) -> Iterator[Cells]:
    for name, each in sorted(state.users.items()):
        yield {"user": name, "role": word(each, "role"), "display_name": each.display_name, "channel": each.channel}


def _pools(state: State) -> Iterator[Cells]:
    for name, each in sorted(state.pools.items()):
        yield {
            "pool": name,
            "hub": each.hub,
            "members": joined(sorted(each.members)),
            "display_name": each.display_name,
            "access_hub_stock": _flag(each.access_hub_stock),
        }


def _connections(state: State) -> Iterator[Cells]:
    for name, each in sorted(state.connections.items()):
        made = plain(each)
        late = made.late_after_duration.ToJsonString().removesuffix("s") if made.HasField("late_after_duration") else ""
        yield {
            "connection": name,
            "role": word(made, "role"),
            "kind": word(made, "kind"),
            "display_name": made.display_name,
            "channel": made.channel,
            "settings": joined(f"{setting}={made.settings[setting]}" for setting in sorted(made.settings)),
            "push_levels": _flag(made.push_levels),
            "take_orders": _flag(made.take_orders),
            "pull_stock": _flag(made.pull_stock),
            "figures": "ON_HAND" if made.feed.on_hand else "",
            "left_out": word(made.feed, "left_out") if made.HasField("feed") else "",
            "absent_is_zero": _flag(made.feed.absent_is_zero),
            "owner": made.feed.owner,
            "late_after": spelt(late) if late else "",
            "late_buffer_percent": _number(made.late_buffer_percent),
        }


def _facilities(state: State) -> Iterator[Cells]:
    for name, each in sorted(state.connections.items()):
        for facility in plain(each).facilities:
            yield {"connection": name, "facility": facility.facility, "location": facility.location}


def _schedules(state: State) -> Iterator[Cells]:
    for (owner, name), each in sorted(state.schedules.items()):
        every = each.sync_interval.ToJsonString().removesuffix("s") if each.HasField("sync_interval") else ""
        yield {
            "connection": owner,
            "schedule": name,
            "every": spelt(every) if every else "",
            "cron": each.cron,
            "time_zone": each.time_zone if each.cron else "",
            "full": _flag(each.full),
            "disabled": _flag(each.disabled),
        }


def _listings(state: State) -> Iterator[Cells]:
    for (owner, store_sku), each in sorted(state.listings.items()):
        yield {
            "connection": owner,
            "store_sku": store_sku,
            "sku": each.product.sku,
            "owner": each.product.owner,
            "disabled": _flag(each.disabled),
        }
