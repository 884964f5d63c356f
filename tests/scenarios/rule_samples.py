"""Rules and limits of the merchant who has one of everything, and a good request of every rpc about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.kit.merchant import Merchant, request_id
from weir.common.v1.revision_pb2 import Revision
from weir.sync.v1 import rule_pb2, rule_service_pb2

SERVICE = "/weir.sync.v1.RuleService/"
PRODUCT = {"owner": "own owner", "sku": "own sku"}
LIMITS: dict[str, Any] = {
    "store": "own channel",
    "denied": {"products": [PRODUCT]},
    "allowed": {"products": [PRODUCT]},
    "max_quantity": 5,
}


async def ruled(merchant: Merchant) -> dict[str, str]:
    """Give the merchant two rules and the limits of a store; their etags."""
    rules = merchant.stubs.rules
    etags = {}
    for name in ("rule", "spare rule"):
        rule = rule_pb2.Rule(rule=f"own {name}", stores=["own channel"])
        done = await rules.CreateRule(rule_service_pb2.CreateRuleRequest(request_id=request_id(), rule=rule))
        etags[name] = done.rule.etag
    limited = await rules.SetStoreLimits(
        rule_service_pb2.SetStoreLimitsRequest(request_id="own request", store_limits=rule_pb2.StoreLimits(**LIMITS))
    )
    merchant.saw(limited.revision)
    return {**etags, "store limits": limited.store_limits.etag}


def requests(seen: Revision, first: Revision, etags: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The fields of a request of every rpc, by the rpc's full name; `first` is a revision to watch from."""
    freshness = {"at_least": [seen]}
    page = {"page_size": 10, "freshness": freshness}
    return {
        f"{SERVICE}CreateRule": {"rule": _rule("own new rule")},
        f"{SERVICE}GetRule": {"rule": "own rule", "freshness": freshness},
        f"{SERVICE}ListRules": page,
        f"{SERVICE}UpdateRule": {"rule": _rule("own rule", etag=etags["rule"])},
        f"{SERVICE}ReorderRules": {"rules": ["own rule", "own spare rule"]},
        f"{SERVICE}DeleteRule": {"rule": "own spare rule", "etag": etags["spare rule"]},
        f"{SERVICE}SetStoreLimits": {"store_limits": {**LIMITS, "etag": etags["store limits"]}},
        f"{SERVICE}GetStoreLimits": {"store": "own channel", "freshness": freshness},
        f"{SERVICE}ListStoreLimits": page,
        f"{SERVICE}ExportRules": {"freshness": freshness},
        f"{SERVICE}WatchRules": {"after": first},
    }


def others(etags: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """More requests: a store can be preferred only where it is one of the rule's."""
    preferred = {"priority_store": "own channel", "priority_quantity": 10}
    return {
        f"{SERVICE}CreateRule": [{"rule": _rule("own new rule", **preferred)}],
        f"{SERVICE}UpdateRule": [{"rule": _rule("own rule", etag=etags["rule"], **preferred)}],
    }


def _rule(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "rule": name,
        "display_name": "Own",
        "priority": 50,
        "stores": ["own channel"],
        "products": [PRODUCT],
        "warehouses": ["own location"],
        "threshold": 5,
        "rate_percent": 50,
        "constant": -1,
        "rounding": 3,
        "disabled": True,
        **fields,
    }
