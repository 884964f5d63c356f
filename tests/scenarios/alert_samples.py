"""What shall be there at the merchant's who has one of everything, who was told something, and a good request of every
rpc about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.kit.merchant import Merchant, request_id
from tests.scenarios.pooling_samples import HUB, REP
from weir.common.v1.revision_pb2 import Revision
from weir.pooling.v1 import alert_service_pb2, case_service_pb2

SERVICE = "/weir.pooling.v1.AlertService/"
LEVEL: dict[str, Any] = {
    "custodian": REP,
    "location": "own location",
    "product": {"owner": "own owner", "sku": "own sku"},
}


async def alerted(merchant: Merchant) -> tuple[dict[str, str], str]:
    """Give the merchant a par level, and tell its rep something; the etag of the one, and what he was told by."""
    level: Any = {**LEVEL, "par": 5}
    wanted = alert_service_pb2.SetParLevelRequest(request_id="own request", par_level=level)
    done = await merchant.stubs.alerts.SetParLevel(wanted)
    case: Any = {"kind": 1, "user": HUB}
    opened = await merchant.stubs.cases.CreateCase(
        case_service_pb2.CreateCaseRequest(request_id=request_id(), case=case)
    )
    said: Any = {"request_id": request_id(), "case": opened.case.case, "text": f"ask @{REP}"}
    await merchant.stubs.cases.AddComment(case_service_pb2.AddCommentRequest(**said))
    told = await merchant.stubs.alerts.ListNotifications(alert_service_pb2.ListNotificationsRequest(user=REP))
    merchant.saw(told.revision)
    return {"par level": done.par_level.etag}, told.notifications[0].notification


def requests(seen: Revision, first: Revision, etags: Mapping[str, str], notification: str) -> dict[str, dict[str, Any]]:
    """The fields of a request of every rpc, by the rpc's full name; `first` is a revision to watch from."""
    freshness = {"at_least": [seen]}
    page = {"page_size": 10, "freshness": freshness}
    etag = etags["par level"]
    return {
        f"{SERVICE}SetParLevel": {"par_level": {**LEVEL, "par": 6, "etag": etag}},
        f"{SERVICE}ListParLevels": {"custodian": REP, **page},
        f"{SERVICE}DeleteParLevel": {**LEVEL, "etag": etag},
        f"{SERVICE}ListAlerts": {"state": 1, "custodian": REP, **page},
        f"{SERVICE}WatchAlerts": {"after": first},
        f"{SERVICE}ListNotifications": {"user": REP, "unread_only": True, **page},
        f"{SERVICE}WatchNotifications": {"after": first, "user": REP},
        f"{SERVICE}MarkNotificationsRead": {"user": REP, "notifications": [notification]},
    }
