"""Policies of the merchant who has one of everything, and good requests of every rpc about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.kit.merchant import RECEIVE, Merchant, request_id
from weir.common.v1.revision_pb2 import Revision
from weir.ledger.v1 import ledger_service_pb2
from weir.partitioning.v1 import partitioning_service_pb2, policy_pb2

SERVICE = "/weir.partitioning.v1.PartitioningService/"
HELD: dict[str, Any] = {"strategy": policy_pb2.STRATEGY_SAFETY_STOCK, "buffer_units": 5}
PRODUCT = {"owner": "own owner", "sku": "own sku"}
DIVIDED = {"owner": "own owner", "sku": "own divided sku"}
MOVING: dict[str, Any] = {
    "strategy": policy_pb2.STRATEGY_DEMAND,
    "mode": policy_pb2.POLICY_MODE_BALANCED,
    "part": {"weight": 2, "protected_percent": 20},
    "enforce": False,
    "threshold_percent": 25,
    "hysteresis_units": 3,
    "rebalance_interval": {"seconds": 3600},
    "demand_days": 14,
    "damping_percent": 40,
}


async def divided(merchant: Merchant) -> dict[str, str]:
    """Give the merchant policies, one of which divides what there is of a product; their etags, and how many epochs
    there are.
    """
    etags = {}
    for name in ("policy", "spare policy"):
        request = partitioning_service_pb2.CreatePolicyRequest(
            request_id=request_id(), policy=policy_pb2.Policy(**_policy(f"own {name}", priority=0, **HELD))
        )
        done = await merchant.stubs.partitioning.CreatePolicy(request)
        etags[f"partitioning {name}"] = done.policy.etag
    dividing = partitioning_service_pb2.CreatePolicyRequest(
        request_id=request_id(),
        policy=policy_pb2.Policy(
            policy="own dividing policy",
            strategy=policy_pb2.STRATEGY_EQUAL_DIVISION,
            mode=policy_pb2.POLICY_MODE_BALANCED,
            products=[DIVIDED],  # type: ignore[list-item]
        ),
    )
    done = await merchant.stubs.partitioning.CreatePolicy(dividing)
    merchant.saw(done.revision)
    received: Any = {"stock_item": {"product": DIVIDED, "location": "own location"}, "kind": RECEIVE, "quantity": 10}
    booked = await merchant.stubs.ledger.RecordMovements(
        ledger_service_pb2.RecordMovementsRequest(request_id=request_id(), movements=[received])
    )
    merchant.saw(booked.revision)
    watch: Any = merchant.stubs.partitioning.WatchEpochs(partitioning_service_pb2.WatchEpochsRequest())
    async for message in watch:
        if message.epochs:
            etags["epochs"] = str(message.through.number)
            break
    watch.cancel()
    return etags


def requests(seen: Revision, first: Revision, etags: Mapping[str, str], counted: Revision) -> dict[str, dict[str, Any]]:
    """The fields of a request of every rpc, by the rpc's full name; `first` is a revision to watch from, `counted` one
    of the ledger.
    """
    freshness = {"at_least": [seen]}
    divided = Revision(context="epochs", cluster=seen.cluster, epoch=seen.epoch, number=int(etags["epochs"]))
    return {
        f"{SERVICE}CreatePolicy": {"policy": _policy("own new policy", **HELD)},
        f"{SERVICE}GetPolicy": {"policy": "own policy", "freshness": freshness},
        f"{SERVICE}ListPolicies": {"page_size": 10, "freshness": freshness},
        f"{SERVICE}UpdatePolicy": {"policy": _policy("own policy", etag=etags["partitioning policy"], **HELD)},
        f"{SERVICE}ReorderPolicies": {"policies": ["own policy", "own spare policy", "own dividing policy"]},
        f"{SERVICE}DeletePolicy": {"policy": "own spare policy", "etag": etags["partitioning spare policy"]},
        f"{SERVICE}ExportPartitioning": {"freshness": freshness},
        f"{SERVICE}WatchPartitioning": {"after": first},
        f"{SERVICE}Rebalance": {"products": [DIVIDED]},
        f"{SERVICE}ListShares": {
            "product": DIVIDED,
            "warehouse_group": "own group",
            "channel_group": "own channel group",
            "page_size": 10,
            "freshness": {"at_least": [counted]},
        },
        f"{SERVICE}ListEpochs": {
            "product": DIVIDED,
            "warehouse_group": "own group",
            "page_size": 10,
            "freshness": {"at_least": [divided]},
        },
        f"{SERVICE}WatchEpochs": {"after": divided},
    }


def others(etags: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """More requests: each strategy takes numbers of its own."""
    said: list[dict[str, Any]] = [
        {"strategy": policy_pb2.STRATEGY_SAFETY_STOCK, "buffer_percent": 5},
        {"strategy": policy_pb2.STRATEGY_RANKED, "part": {"percent": 40, "minimum": 5}},
        {"strategy": policy_pb2.STRATEGY_FIXED, "part": {"quantity": 5}},
        MOVING,
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
        "enforce": True,
        "products": [PRODUCT],
        "parts": [{"channel_group": "own channel group", "rank": 1, "cap": 9, **numbers}],
        "disabled": True,
        **fields,
    }
