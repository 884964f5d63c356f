"""A case of the merchant who has one of everything, and a good request of every rpc about cases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.kit.merchant import RECEIVE, Merchant, request_id
from tests.scenarios.pooling_samples import REP
from weir.common.v1.revision_pb2 import Revision
from weir.ledger.v1 import ledger_service_pb2
from weir.pooling.v1 import case_service_pb2 as pb

SERVICE = "/weir.pooling.v1.CaseService/"
ITEM: dict[str, Any] = {
    "product": {"owner": "own owner", "sku": "own sku"},
    "location": "own location",
    "lot": "own lot",
    "uom": "own uom",
    "custodian": REP,
    "condition": 1,
}


async def used(merchant: Merchant) -> tuple[dict[str, str], dict[str, str]]:
    """Give the merchant's rep stock, and a case in which some was used and something was said; its etag, and what names
    them.
    """
    movement: Any = {"kind": RECEIVE, "stock_item": ITEM, "quantity": 100}
    received = await merchant.stubs.ledger.RecordMovements(
        ledger_service_pb2.RecordMovementsRequest(request_id=request_id(), movements=[movement])
    )
    merchant.saw(received.revision)
    cases, wanted = merchant.stubs.cases, _case()
    opened = await cases.CreateCase(pb.CreateCaseRequest(request_id=request_id(), case=wanted))
    line: Any = {"stock_item": ITEM, "quantity": 5}
    name = opened.case.case
    marked = await cases.MarkUsed(
        pb.MarkUsedRequest(request_id="own request", case=name, custody=1, lines=[line])  # type: ignore[arg-type]
    )
    merchant.saw(marked.ledger_revision)
    said = await cases.AddComment(pb.AddCommentRequest(request_id=request_id(), case=name, text="own words"))
    merchant.saw(said.revision)
    return {"case": opened.case.etag}, {"case": name, "usage": marked.usages[0].usage}


def requests(
    seen: Revision, first: Revision, etags: Mapping[str, str], named: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """The fields of a request of every rpc, by the rpc's full name; `first` is a revision to watch from."""
    freshness = {"at_least": [seen]}
    page = {"page_size": 10, "freshness": freshness}
    case, version = {"case": named["case"]}, {"etag": etags["case"]}
    return {
        f"{SERVICE}CreateCase": {"case": _case()},
        f"{SERVICE}GetCase": {**case, "freshness": freshness},
        f"{SERVICE}ListCases": {"user": REP, "state": 1, "kind": 1, "facility": "own location", **page},
        f"{SERVICE}UpdateCase": {"case": {**_case(), **case, **version}},
        f"{SERVICE}CloseCase": {**case, **version},
        f"{SERVICE}ReopenCase": {**case, **version},
        f"{SERVICE}MarkUsed": {**case, "custody": 1, "lines": [{"stock_item": ITEM, "quantity": 5}]},
        f"{SERVICE}UnmarkUsed": {**case, "units": [{"usage": named["usage"], "quantity": 5}]},
        f"{SERVICE}ListUsages": {**case, **page},
        f"{SERVICE}ReportUsage": {
            "from_time": {"seconds": 1_700_000_000, "nanos": 1000},
            "until_time": {"seconds": 1_900_000_000, "nanos": 1000},
            "custodian": REP,
            "user": REP,
            **page,
        },
        f"{SERVICE}WatchCases": {"after": first},
        f"{SERVICE}AddComment": {**case, "text": "own words"},
        f"{SERVICE}ListComments": {**case, **page},
    }


def _case() -> Any:
    return {"kind": 1, "user": REP, "display_name": "Own", "facility": "own location", "reference": "own reference"}
