"""Policies of the merchant who has one of everything, and good requests of every rpc about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.kit.merchant import Merchant, request_id
from weir.common.v1.revision_pb2 import Revision
from weir.partitioning.v1 import partitioning_service_pb2, policy_pb2

SERVICE = "/weir.partitioning.v1.PartitioningService/"
HELD: dict[str, Any] = {"strategy": policy_pb2.STRATEGY_SAFETY_STOCK, "buffer_units": 5}


async def divided(merchant: Merchant) -> dict[str, str]:
    """Give the merchant two policies; their etags."""
    etags = {}
    for name in ("policy", "spare policy"):
        request = partitioning_service_pb2.CreatePolicyRequest(
            request_id=request_id(), policy=policy_pb2.Policy(**_policy(f"own {name}", priority=0, **HELD))
        )
        done = await merchant.stubs.partitioning.CreatePolicy(request)
        etags[f"partitioning {name}"] = done.policy.etag
    merchant.saw(done.revision)
    return etags


def requests(seen: Revision, first: Revision, etags: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The fields of a request of every rpc, by the rpc's full name; `first` is a revision to watch from."""
    freshness = {"at_least": [seen]}
    return {
        f"{SERVICE}CreatePolicy": {"policy": _policy("own new policy", **HELD)},
        f"{SERVICE}GetPolicy": {"policy": "own policy", "freshness": freshness},
        f"{SERVICE}ListPolicies": {"page_size": 10, "freshness": freshness},
        f"{SERVICE}UpdatePolicy": {"policy": _policy("own policy", etag=etags["partitioning policy"], **HELD)},
        f"{SERVICE}ReorderPolicies": {"policies": ["own policy", "own spare policy"]},
        f"{SERVICE}DeletePolicy": {"policy": "own spare policy", "etag": etags["partitioning spare policy"]},
        f"{SERVICE}ExportPartitioning": {"freshness": freshness},
        f"{SERVICE}WatchPartitioning": {"after": first},
    }


def others(etags: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """More requests: each strategy takes numbers of its own."""
    said: list[dict[str, Any]] = [
        {"strategy": policy_pb2.STRATEGY_SAFETY_STOCK, "buffer_percent": 5},
        {"strategy": policy_pb2.STRATEGY_RANKED, "part": {"percent": 40, "minimum": 5}},
        {"strategy": policy_pb2.STRATEGY_FIXED, "part": {"quantity": 5}},
    ]
    return {
        f"{SERVICE}CreatePolicy": [{"policy": _policy("own new policy", **each)} for each in said],
        f"{SERVICE}UpdatePolicy": [
            {"policy": _policy("own policy", etag=etags["partitioning policy"], **each)} for each in said
        ],
    }


def _policy(name: str, *, part: Mapping[str, int] | None = None, **fields: Any) -> dict[str, Any]:
    numbers = {"weight": 2} if part is None else part
    return {
        "policy": name,
        "display_name": "Own",
        "priority": 50,
        "mode": policy_pb2.POLICY_MODE_CONTINUOUS,
        "products": [{"owner": "own owner", "sku": "own sku"}],
        "parts": [{"channel_group": "own channel group", "rank": 1, "cap": 9, **numbers}],
        "disabled": True,
        **fields,
    }
