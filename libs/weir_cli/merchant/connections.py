"""The tables of stores and warehouses as the objects of the contracts, as they shall be in the suite."""

from __future__ import annotations

from collections.abc import Mapping

from weir.sync.v1 import connection_pb2, listing_pb2
from weir_cli.merchant.configured import plain, product_of, rows_by
from weir_cli.merchant.values import CONNECTIONS, FACILITIES, LISTINGS, SCHEDULES, Merchant, Row

ScheduleKey = tuple[str, str]
"""Connection and schedule."""
ListingKey = tuple[str, str]
"""Connection and SKU."""


def connections(
    merchant: Merchant, standing: Mapping[str, connection_pb2.Connection]
) -> dict[str, connection_pb2.Connection]:
    """Which stores and warehouses there are; what an absent file would say is as it stands."""
    headed = {row["connection"]: row for row in merchant.rows(CONNECTIONS)}
    facilities = rows_by("connection", merchant.rows(FACILITIES))
    wanted: dict[str, connection_pb2.Connection] = {}
    for name in dict.fromkeys([*headed, *facilities]):
        made = _connection(headed[name]) if name in headed else plain(standing[name])
        if name in headed and not merchant.tells(FACILITIES) and name in standing:
            made.facilities.extend(standing[name].facilities)
        if name in facilities:
            del made.facilities[:]
            for row in facilities[name]:
                made.facilities.add(facility=row["facility"], location=row["location"])
        wanted[name] = plain(made)
    return wanted


def _connection(row: Row) -> connection_pb2.Connection:
    made = connection_pb2.Connection(
        connection=row["connection"],
        role=connection_pb2.ConnectionRole.Value(f"CONNECTION_ROLE_{row['role']}"),
        kind=connection_pb2.ConnectorKind.Value(f"CONNECTOR_KIND_{row['kind']}"),
        display_name=row["display_name"],
        channel=row["channel"],
        settings={name: value for name, _, value in (each.partition("=") for each in row.names("settings"))},
        push_levels=row.said("push_levels"),
        take_orders=row.said("take_orders"),
        pull_stock=row.said("pull_stock"),
        late_buffer_percent=row.number("late_buffer_percent"),
    )
    if row["role"] == "WAREHOUSE":
        made.feed.on_hand = row["figures"] == "ON_HAND"
        made.feed.left_out = connection_pb2.LeftOut.Value(f"LEFT_OUT_{row['left_out']}")
        made.feed.absent_is_zero = row.said("absent_is_zero")
        made.feed.owner = row["owner"]
    if row["late_after"]:
        made.late_after_duration.FromJsonString(row["late_after"])
    return made


def schedules(merchant: Merchant) -> dict[ScheduleKey, connection_pb2.Schedule]:
    """When connections are synchronised by themselves."""
    wanted: dict[ScheduleKey, connection_pb2.Schedule] = {}
    for row in merchant.rows(SCHEDULES):
        made = connection_pb2.Schedule(
            connection=row["connection"], schedule=row["schedule"], full=row.said("full"), disabled=row.said("disabled")
        )
        if row["every"]:
            made.sync_interval.FromJsonString(row["every"])
        else:
            made.cron, made.time_zone = row["cron"], row["time_zone"] or "UTC"
        wanted[made.connection, made.schedule] = made
    return wanted


def listings(merchant: Merchant) -> dict[ListingKey, listing_pb2.Listing]:
    """What SKUs of connections are."""
    return {
        (row["connection"], row["store_sku"]): listing_pb2.Listing(
            connection=row["connection"],
            store_sku=row["store_sku"],
            product=product_of(row.product()),
            disabled=row.said("disabled"),
        )
        for row in merchant.rows(LISTINGS)
    }
