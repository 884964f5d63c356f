"""Transfers and a stocking order of the merchant who has one of everything, and a good request of every rpc about
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.kit.merchant import RECEIVE, Merchant, request_id
from tests.scenarios.pooling_samples import HUB, REP
from weir.common.v1.revision_pb2 import Revision
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2
from weir.pooling.v1 import transfer_service_pb2 as pb

SERVICE = "/weir.pooling.v1.TransferService/"
FACILITY = "own facility"
ITEM: dict[str, Any] = {
    "product": {"owner": "own owner", "sku": "own sku"},
    "location": "own location",
    "lot": "own lot",
    "uom": "own uom",
    "condition": 1,
}
LINE: dict[str, Any] = {"stock_item": ITEM, "quantity": 5}
OF_THE_HUB: dict[str, Any] = {"stock_item": {**ITEM, "custodian": HUB}, "quantity": 5}
WISH: dict[str, Any] = {"sender": HUB, "recipient": REP, "location": FACILITY, "note": "own words"}


async def moved(merchant: Merchant) -> dict[str, str]:
    """Give the merchant's hub stock, and have some of it go to the rep, be declined by him, and put on a shelf; what
    names all that.
    """
    ledger, transfers = merchant.stubs.ledger, merchant.stubs.transfers
    shelf: Any = {"location": FACILITY, "kind": ledger_pb2.LOCATION_KIND_FACILITY}
    await ledger.CreateLocation(ledger_service_pb2.CreateLocationRequest(request_id=request_id(), location=shelf))
    movement: Any = {"kind": RECEIVE, "stock_item": OF_THE_HUB["stock_item"], "quantity": 100}
    await ledger.RecordMovements(
        ledger_service_pb2.RecordMovementsRequest(request_id=request_id(), movements=[movement])
    )
    lines: Any = [LINE]
    names = [
        (
            await transfers.RequestTransfer(pb.RequestTransferRequest(request_id=each, lines=lines, **WISH))
        ).transfer.transfer
        for each in ("own request", request_id())
    ]
    await transfers.DeclineTransfer(
        pb.DeclineTransferRequest(request_id=request_id(), transfer=names[1], reason="own words")
    )
    placed = await transfers.PlaceStockingOrder(
        pb.PlaceStockingOrderRequest(request_id=request_id(), hub=HUB, facility=FACILITY, lines=lines)
    )
    merchant.saw(placed.ledger_revision)
    merchant.saw(placed.revision)
    order = placed.stocking_order.stocking_order
    return {"transfer": names[0], "declined transfer": names[1], "stocking order": order}


def requests(seen: Revision, first: Revision, named: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The fields of a request of every rpc, by the rpc's full name; `first` is a revision to watch from."""
    freshness = {"at_least": [seen]}
    page = {"page_size": 10, "freshness": freshness}
    transfer = {"transfer": named["transfer"]}
    return {
        f"{SERVICE}RequestTransfer": {**WISH, "lines": [LINE]},
        f"{SERVICE}QuickTransfer": {**WISH, "lines": [LINE]},
        f"{SERVICE}AcceptTransfer": transfer,
        f"{SERVICE}DeclineTransfer": {**transfer, "reason": "own words"},
        f"{SERVICE}CancelTransfer": transfer,
        f"{SERVICE}RemoveTransferUnits": {**transfer, "units": [{"line": 1, "quantity": 5}]},
        f"{SERVICE}ReturnTransfer": {"transfer": named["declined transfer"]},
        f"{SERVICE}GetTransfer": {**transfer, "freshness": freshness},
        f"{SERVICE}ListTransfers": {"state": 2, "sender": HUB, "recipient": REP, **page},
        f"{SERVICE}WatchTransfers": {"after": first},
        f"{SERVICE}PlaceStockingOrder": {"hub": HUB, "facility": FACILITY, "lines": [LINE], "note": "own words"},
        f"{SERVICE}GetStockingOrder": {"stocking_order": named["stocking order"], "freshness": freshness},
        f"{SERVICE}ListStockingOrders": {"hub": HUB, "facility": FACILITY, **page},
    }


def others() -> dict[str, list[dict[str, Any]]]:
    """The same where lines say whose goods they are, which is clear without, by the rpc's full name."""
    wish = {**WISH, "lines": [OF_THE_HUB]}
    return {
        f"{SERVICE}RequestTransfer": [wish],
        f"{SERVICE}QuickTransfer": [wish],
        f"{SERVICE}PlaceStockingOrder": [{"hub": HUB, "facility": FACILITY, "lines": [OF_THE_HUB]}],
    }
