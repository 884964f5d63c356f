"""A store and a warehouse of the merchant who has one of everything, and a good request of every rpc about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.kit.merchant import Merchant, request_id
from weir.common.v1.revision_pb2 import Revision
from weir.sync.v1 import connection_pb2, connection_service_pb2

SERVICE = "/weir.sync.v1.ConnectionService/"
STORE, WAREHOUSE = "own store", "own warehouse"
SETTINGS = {"target": "127.0.0.1:1", "tls": "off"}
"""Where nothing listens."""
SECRET = "own-c4n4ry-of-a-store"


async def connected(merchant: Merchant) -> dict[str, str]:
    """Give the merchant a store with a secret and a schedule, and a warehouse; their etags."""
    connections = merchant.stubs.connections
    etags = {}
    for name, fields in ((STORE, _store(STORE)), (WAREHOUSE, _warehouse(WAREHOUSE))):
        connection = connection_pb2.Connection(**{**fields, "push_levels": False, "pull_stock": False})
        made = await connections.CreateConnection(
            connection_service_pb2.CreateConnectionRequest(request_id=request_id(), connection=connection)
        )
        etags[name] = made.connection.etag
    secret = await connections.SetSecret(
        connection_service_pb2.SetSecretRequest(request_id="own request", connection=STORE, name="token", value=SECRET)
    )
    scheduled = await connections.SetSchedule(
        connection_service_pb2.SetScheduleRequest(
            request_id="own request", schedule=connection_pb2.Schedule(**_schedule(cron="0 3 1 1 *"))
        )
    )
    merchant.saw(scheduled.revision)
    return {**etags, STORE: secret.connection.etag, "schedule": scheduled.schedule.etag}


def requests(seen: Revision, first: Revision, etags: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The fields of a request of every rpc, by the rpc's full name."""
    freshness = {"at_least": [seen]}
    page = {"page_size": 10, "freshness": freshness}
    schedule = _schedule(cron="0 3 * * *", time_zone="Europe/Berlin", etag=etags["schedule"])
    return {
        f"{SERVICE}CreateConnection": {"connection": _store("own new store")},
        f"{SERVICE}GetConnection": {"connection": STORE, "freshness": freshness},
        f"{SERVICE}ListConnections": {"role": 1, **page},
        f"{SERVICE}UpdateConnection": {"connection": _store(STORE, etag=etags[STORE])},
        f"{SERVICE}DeleteConnection": {"connection": STORE, "etag": etags[STORE]},
        f"{SERVICE}SetSecret": {"connection": STORE, "name": "token", "value": SECRET},
        f"{SERVICE}TestConnection": {"connection": STORE},
        f"{SERVICE}SetMasterSwitch": {"on": True},
        f"{SERVICE}GetMasterSwitch": {"freshness": freshness},
        f"{SERVICE}SetSchedule": {"schedule": schedule},
        f"{SERVICE}ListSchedules": {"connection": STORE, **page},
        f"{SERVICE}DeleteSchedule": {
            "connection": STORE,
            "schedule": "own schedule",
            "etag": etags["schedule"],
        },
    }


def others(etags: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """More requests: a warehouse has what no store has, and what is due every so often is not due by the clock."""
    often = _schedule(sync_interval={"seconds": 900}, etag=etags["schedule"])
    return {
        f"{SERVICE}CreateConnection": [{"connection": _warehouse("own new warehouse")}],
        f"{SERVICE}UpdateConnection": [{"connection": _warehouse(WAREHOUSE, etag=etags[WAREHOUSE])}],
        f"{SERVICE}SetSchedule": [{"schedule": often}],
    }


def _store(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "connection": name,
        "role": 1,
        "kind": 9,
        "display_name": "Own",
        "settings": SETTINGS,
        "channel": f"{name} channel",
        "push_levels": True,
        "take_orders": True,
        **fields,
    }


def _warehouse(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "connection": name,
        "role": 2,
        "kind": 6,
        "display_name": "Own",
        "settings": {"facility": "own facility"},
        "facilities": [{"facility": "own facility", "location": "own location"}],
        "pull_stock": True,
        "feed": {"on_hand": True, "left_out": 1, "absent_is_zero": True, "owner": "own owner"},
        "late_after_duration": {"seconds": 3600},
        "late_buffer_percent": 10,
        **fields,
    }


def _schedule(**fields: Any) -> dict[str, Any]:
    return {"connection": STORE, "schedule": "own schedule", "full": True, "disabled": True, **fields}
