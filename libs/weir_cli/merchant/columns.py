"""The columns of every file of a merchant's folder."""

from __future__ import annotations

from datetime import timedelta

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
    STOCK,
    USERS,
)
from weir_cli.sheets import (
    QUANTITY_MAX,
    STOCK_ITEM,
    Cell,
    Column,
    day,
    flag,
    identifier,
    one_of,
    optional,
    pairs,
    several,
    span,
    text,
    whole,
)

LOCATION_KINDS = ("WAREHOUSE", "STORE", "FACILITY", "TRUNK")
SHARED = ("GLOBAL", "FIXED")
CHANNEL_KINDS = ("WEBSHOP", "MARKETPLACE", "POS", "REP", "B2B")
STRATEGIES = ("EQUAL_DIVISION", "SAFETY_STOCK", "WEIGHTED", "RANKED", "FIXED", "DEMAND")
MODES = ("CONTINUOUS", "BALANCED")
ROUNDINGS = ("DOWN", "UP", "NEAREST")
LIMITATIONS = ("DENY", "ALLOW", "MAX")
ROLES = ("ADMINISTRATOR", "DISTRIBUTOR", "REP")
CONNECTION_ROLES = ("STORE", "WAREHOUSE")
CONNECTOR_KINDS = (
    "SHOPIFY", "WOOCOMMERCE", "MEDUSA", "OSCAR", "WEBHOOK", "CSV_FOLDER", "SFTP", "TRYTON", "GRPC",
)  # fmt: skip
FIGURES = ("AVAILABLE", "ON_HAND")
LEFT_OUT = ("HANDED_OVER", "ALL", "NONE")
SETTINGS_MAX, SETTING_LENGTH_MAX = 100, 4096
CRON_LENGTH_MAX, ZONE_LENGTH_MAX = 128, 64
DISPLAY_NAME_MAX = 256
PLACE_MAX = 10**6
"""Of priorities, ranks and weights, and of units of a component in one bundle."""
NAMES_MAX, LINK_LOCATIONS_MAX = 1000, 100
RATE_MAX = 1000
DEMAND_DAYS_MAX, DAMPING_MAX = 365, 99
INTERVAL_LEAST, INTERVAL_MAX = timedelta(minutes=1), timedelta(days=30)
WAITING_MAX = 10**15


def _may(name: str, read: Cell) -> Column:
    return Column(name, read, required=False)


def _required(read: Cell) -> Cell:
    def asked(value: str) -> str:
        if not value:
            raise ValueError("Required.")
        return read(value)

    return asked


_NAME = _may("display_name", text(DISPLAY_NAME_MAX))
_OWNER = _may("owner", optional(identifier))
_PRIORITY = _may("priority", whole(1, PLACE_MAX))
_DISABLED = _may("disabled", flag)
_UNITS = whole(0, QUANTITY_MAX)

COLUMNS: dict[str, tuple[Column, ...]] = {
    LOCATIONS: (
        Column("location", identifier),
        Column("kind", one_of(*LOCATION_KINDS)),
        _NAME,
        _may("policy", optional(one_of(*SHARED), "GLOBAL")),
    ),
    GROUPS: (Column("warehouse_group", identifier), Column("location", optional(identifier)), _NAME),
    CHANNEL_GROUPS: (Column("channel_group", identifier), _NAME),
    CHANNELS: (
        Column("channel", identifier),
        Column("kind", one_of(*CHANNEL_KINDS)),
        _may("channel_group", optional(identifier)),
        _NAME,
    ),
    LINKS: (Column("warehouse_group", identifier), Column("channel_group", identifier)),
    BUNDLES: (
        Column("bundle", identifier),
        Column("component", identifier),
        Column("quantity", _required(whole(1, PLACE_MAX))),
        _OWNER,
        _may("component_owner", optional(identifier)),
    ),
    PRODUCT_LINKS: (
        Column("source", identifier),
        Column("destination", identifier),
        _may("source_owner", optional(identifier)),
        _may("destination_owner", optional(identifier)),
        _may("bidirectional", flag),
        _may("locations", several(LINK_LOCATIONS_MAX)),
        _may("priority", whole(0, PLACE_MAX)),
        _may("keep_back", _UNITS),
        _may("shares_bundles", flag),
        _DISABLED,
    ),
    LOTS: (Column("sku", identifier), Column("lot", identifier), Column("expiry_date", day), _OWNER),
    BACK_ORDERS: (Column("sku", identifier), Column("limit", _required(whole(0, WAITING_MAX))), _OWNER),
    POLICIES: (
        Column("policy", identifier),
        Column("strategy", one_of(*STRATEGIES)),
        _PRIORITY,
        _NAME,
        _may("mode", optional(one_of(*MODES), "CONTINUOUS")),
        _may("buffer_units", _UNITS),
        _may("buffer_percent", whole(0, 100)),
        _DISABLED,
        _may("enforce", flag),
        _may("threshold_percent", whole(0, 100)),
        _may("hysteresis_units", _UNITS),
        _may("rebalance_interval", span(INTERVAL_LEAST, INTERVAL_MAX)),
        _may("demand_days", whole(1, DEMAND_DAYS_MAX)),
        _may("damping_percent", whole(0, DAMPING_MAX)),
    ),
    POLICY_PARTS: (
        Column("policy", identifier),
        Column("channel_group", identifier),
        _may("rank", whole(0, PLACE_MAX)),
        _may("weight", whole(0, PLACE_MAX)),
        _may("percent", whole(0, 100)),
        _may("minimum", _UNITS),
        _may("quantity", _UNITS),
        _may("cap", _UNITS),
        _may("protected_percent", whole(0, 100)),
    ),
    POLICY_PRODUCTS: (Column("policy", identifier), Column("sku", identifier), _OWNER),
    RULES: (
        Column("rule", identifier),
        Column("stores", several(NAMES_MAX, required=True)),
        _PRIORITY,
        _NAME,
        _may("warehouses", several(NAMES_MAX)),
        _may("threshold", _UNITS),
        _may("rate_percent", whole(0, RATE_MAX)),
        _may("constant", whole(-QUANTITY_MAX, QUANTITY_MAX)),
        _may("rounding", optional(one_of(*ROUNDINGS), "DOWN")),
        _may("priority_store", optional(identifier)),
        _may("priority_quantity", _UNITS),
        _DISABLED,
    ),
    RULE_PRODUCTS: (Column("rule", identifier), Column("sku", identifier), _OWNER),
    LIMITS: (
        Column("store", identifier),
        Column("limit", one_of(*LIMITATIONS)),
        _may("sku", optional(identifier)),
        _OWNER,
        _may("quantity", _UNITS),
    ),
    USERS: (
        Column("user", identifier),
        Column("role", one_of(*ROLES)),
        _NAME,
        _may("channel", optional(identifier)),
    ),
    POOLS: (
        Column("pool", identifier),
        Column("hub", identifier),
        _may("members", several(NAMES_MAX)),
        _NAME,
        _may("access_hub_stock", flag),
    ),
    CONNECTIONS: (
        Column("connection", identifier),
        Column("role", one_of(*CONNECTION_ROLES)),
        Column("kind", one_of(*CONNECTOR_KINDS)),
        _NAME,
        _may("channel", optional(identifier)),
        _may("settings", pairs(SETTINGS_MAX, SETTING_LENGTH_MAX)),
        _may("push_levels", flag),
        _may("take_orders", flag),
        _may("pull_stock", flag),
        _may("figures", optional(one_of(*FIGURES), "AVAILABLE")),
        _may("left_out", optional(one_of(*LEFT_OUT), "HANDED_OVER")),
        _may("absent_is_zero", flag),
        _OWNER,
        _may("late_after", span(INTERVAL_LEAST, INTERVAL_MAX)),
        _may("late_buffer_percent", whole(0, 100)),
    ),
    FACILITIES: (Column("connection", identifier), Column("facility", identifier), Column("location", identifier)),
    SCHEDULES: (
        Column("connection", identifier),
        Column("schedule", identifier),
        _may("every", span(INTERVAL_LEAST, INTERVAL_MAX)),
        _may("cron", text(CRON_LENGTH_MAX)),
        _may("time_zone", text(ZONE_LENGTH_MAX)),
        _may("full", flag),
        _DISABLED,
    ),
    LISTINGS: (
        Column("connection", identifier),
        Column("store_sku", identifier),
        Column("sku", identifier),
        _OWNER,
        _DISABLED,
    ),
    STOCK: STOCK_ITEM,
}
