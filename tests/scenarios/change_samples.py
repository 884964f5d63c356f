"""What the merchant who has one of everything might have otherwise: one of every sort of object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

PRODUCT = {"owner": "own owner", "sku": "own sku"}
OTHER = {"owner": "own owner", "sku": "own other sku"}
ETAG = {"etag": "own etag"}
PREVIEW = "/weir.aggregator.v1.AvailabilityService/PreviewChange"

NETWORK: Sequence[Mapping[str, Any]] = (
    {
        "warehouse_group": {
            "warehouse_group": "own group",
            "display_name": "Own",
            "locations": ["own location"],
            **ETAG,
        }
    },
    {"location_setting": {"location": "own location", "policy": 1, **ETAG}},
    {"channel_group": {"channel_group": "own channel group", "display_name": "Own", **ETAG}},
    {
        "channel": {
            "channel": "own channel",
            "kind": 1,
            "display_name": "Own",
            "channel_group": "own channel group",
            **ETAG,
        }
    },
    {"group_link": {"warehouse_group": "own group", "channel_group": "own channel group", **ETAG}, "deleted": True},
    {
        "product_link": {
            "source": OTHER,
            "destination": PRODUCT,
            "bidirectional": True,
            "locations": ["own location"],
            "priority": 5,
            "keep_back": 2,
            "shares_bundles": True,
            "disabled": True,
            **ETAG,
        }
    },
    {"bundle": {"product": OTHER, "components": [{"product": PRODUCT, "quantity": 2}], **ETAG}},
)
POLICY = {
    "policy": "own policy",
    "display_name": "Own",
    "priority": 50,
    "strategy": 4,
    "mode": 1,
    "products": [PRODUCT],
    "parts": [
        {
            "channel_group": "own channel group",
            "rank": 1,
            "weight": 2,
            "percent": 40,
            "minimum": 3,
            "quantity": 4,
            "cap": 9,
            "protected_percent": 20,
        }
    ],
    "buffer_units": 5,
    "buffer_percent": 6,
    "threshold_percent": 25,
    "hysteresis_units": 3,
    "rebalance_interval": {"seconds": 3600},
    "demand_days": 14,
    "damping_percent": 40,
    "enforce": True,
    "disabled": True,
    **ETAG,
}
RULE = {
    "rule": "own rule",
    "display_name": "Own",
    "priority": 50,
    "stores": ["own channel"],
    "products": [PRODUCT],
    "warehouses": ["own location"],
    "threshold": 5,
    "rate_percent": 50,
    "constant": -1,
    "rounding": 3,
    "priority_store": "own channel",
    "priority_quantity": 10,
    "disabled": True,
    **ETAG,
}
LIMITS = {
    "store": "own channel",
    "denied": {"products": [PRODUCT]},
    "allowed": {"products": [PRODUCT]},
    "max_quantity": 5,
    **ETAG,
}
CHANGES: Sequence[Mapping[str, Any]] = (
    *({"network": each} for each in NETWORK),
    {"partitioning": {"policy": POLICY}},
    {"partitioning": {"policy": POLICY, "deleted": True}},
    {"rules": {"rule": RULE}},
    {"rules": {"store_limits": LIMITS, "deleted": True}},
    {"rules": {"late_feed": {"location": "own location", "buffer_percent": 20, **ETAG}}},
)


def previews(freshness: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A request to preview each of them by itself."""
    asked = {"channels": ["own channel"], "owner": "own owner", "freshness": freshness}
    return [{"changes": [change], **asked} for change in CHANGES]
