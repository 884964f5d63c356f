"""What a merchant lets wait, and a good request of every rpc of WaitingService that names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.kit.merchant import Merchant
from weir.common.v1.revision_pb2 import Revision
from weir.ledger.v1 import reservation_service_pb2, waiting_pb2, waiting_service_pb2

SERVICE = "/weir.ledger.v1.WaitingService/"
UNITS = [{"line": 1, "quantity": 1}]


def draft(product: Mapping[str, str]) -> dict[str, Any]:
    """What an order waits for."""
    return {
        "lines": [{"product": product, "quantity": 5}],
        "whole": True,
        "order": "own order",
        "channel": "own channel",
        "plan": b"own plan",
    }


async def awaited(merchant: Merchant, product: Mapping[str, str]) -> tuple[str, str]:
    """Let units of a product wait, and one order of them; the demand, and the etag of how many may."""
    wanted: Any = {"product": product, "limit": 100}
    allowed = await merchant.stubs.waiting.SetBackOrders(
        waiting_service_pb2.SetBackOrdersRequest(request_id="own request", back_orders=wanted)
    )
    made = await merchant.stubs.reservations.Reserve(
        reservation_service_pb2.ReserveRequest(
            request_id="own waiting", waiting=waiting_pb2.WaitingDraft(**{**draft(product), "whole": False})
        )
    )
    merchant.saw(made.revision)
    return made.waiting.waiting, allowed.back_orders.etag


def requests(
    demand: str, etag: str, item: Mapping[str, Any], seen: Revision, first: Revision
) -> dict[str, dict[str, Any]]:
    """A good request of every rpc, by the rpc's full name."""
    freshness = {"at_least": [seen]}
    product = item["product"]
    line = {"stock_item": item, "quantity": 1, "claims": [{"claim": "own claim", "ceiling": 10, "weight": 2}]}
    return {
        f"{SERVICE}SetBackOrders": {"back_orders": {"product": product, "limit": 50, "etag": etag}},
        f"{SERVICE}GetBackOrders": {"product": product, "freshness": freshness},
        f"{SERVICE}ListBackOrders": {"owner": product["owner"], "page_size": 10, "freshness": freshness},
        f"{SERVICE}GetWaiting": {"waiting": demand, "freshness": freshness},
        f"{SERVICE}ListWaiting": {
            "states": [1],
            "order": "own order",
            "channel": "own channel",
            "product": product,
            "page_size": 10,
            "freshness": freshness,
        },
        f"{SERVICE}CancelWaiting": {"waiting": demand, "lines": UNITS},
        f"{SERVICE}PromiseWaiting": {
            "promises": [{"waiting": demand, "units": UNITS, "lines": [line], "plan": b"own plan"}]
        },
        f"{SERVICE}WatchWaiting": {"after": first, "channel": "own channel"},
    }
