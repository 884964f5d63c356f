"""An order of the store of the merchant who has one of everything, and a good request of every rpc about orders."""

from __future__ import annotations

from typing import Any

from tests.kit.merchant import Merchant
from tests.scenarios.connection_samples import STORE
from weir.sync.v1 import order_service_pb2 as pb

SERVICE = "/weir.sync.v1.OrderService/"
ORDER = "own store order"


async def sold(merchant: Merchant) -> None:
    """Have the merchant's store sell something, and think again."""
    request = pb.ReportStoreOrderRequest(request_id="own sale", connection=STORE, order=_order(ORDER))
    await merchant.stubs.store_orders.ReportStoreOrder(request)


def requests() -> dict[str, dict[str, Any]]:
    """The fields of a request of every rpc, by the rpc's full name."""
    return {
        f"{SERVICE}ReportStoreOrder": {"connection": STORE, "order": _order("own other order")},
        f"{SERVICE}GetStoreOrder": {"connection": STORE, "store_order": ORDER},
        f"{SERVICE}ListStoreOrders": {"connection": STORE, "state": 4, "page_size": 10},
    }


def _order(name: str) -> Any:
    line = {"store_sku": "own store sku", "quantity": 1}
    return {"store_order": name, "lines": [line], "place_time": {"seconds": 1_700_000_000}, "cancelled": True}
