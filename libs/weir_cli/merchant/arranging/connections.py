"""Steps that arrange stores and warehouses: nothing flows over a new one before its SKUs are said to be something."""

from __future__ import annotations

from collections.abc import Iterator

from weir.sync.v1 import connection_pb2, connection_service_pb2, listing_pb2, listing_service_pb2
from weir_cli.merchant.configured import plain
from weir_cli.merchant.connections import connections, listings, schedules
from weir_cli.merchant.state import State, Step
from weir_cli.merchant.values import Merchant

LISTINGS_MAX = 1000
"""Listings of one step."""
FLOWS = ("push_levels", "take_orders", "pull_stock")


def connection_steps(merchant: Merchant, state: State) -> Iterator[Step]:
    """New connections, what SKUs are, connections as they shall be, and when they are synchronised."""
    wanted = connections(merchant, state.connections)
    for name, connection in wanted.items():
        if name not in state.connections:
            request = connection_service_pb2.CreateConnectionRequest(connection=_still(connection))
            yield Step("connections", "connections", "created", name, "CreateConnection", request)
    yield from _listings(merchant, state)
    for name, connection in wanted.items():
        found = state.connections.get(name)
        if plain(found if found is not None else _still(connection)) != connection:
            asked = connection_service_pb2.UpdateConnectionRequest(connection=connection)
            asked.connection.etag = found.etag if found is not None else ""
            action = "updated" if found is not None else "switched on"
            yield Step("connections", "connections", action, name, "UpdateConnection", asked)
    for (owner, name), schedule in schedules(merchant).items():
        standing = state.schedules.get((owner, name))
        if standing is None or plain(standing) != schedule:
            schedule.etag = standing.etag if standing is not None else ""
            set_to = connection_service_pb2.SetScheduleRequest(schedule=schedule)
            yield Step("connections", "schedules", "set", f"{owner} {name}", "SetSchedule", set_to)


def _still(connection: connection_pb2.Connection) -> connection_pb2.Connection:
    """The same, with nothing flowing."""
    made = connection_pb2.Connection()
    made.CopyFrom(connection)
    for flow in FLOWS:
        made.ClearField(flow)  # type: ignore[arg-type]
    return made


def _listings(merchant: Merchant, state: State) -> Iterator[Step]:
    """What SKUs are, a thousand a step; those that the folder does not name stay."""
    changed: dict[str, list[listing_pb2.Listing]] = {}
    for (owner, store_sku), listing in listings(merchant).items():
        found = state.listings.get((owner, store_sku))
        if found is None or plain(found) != listing:
            changed.setdefault(owner, []).append(listing)
    for owner, found_changed in changed.items():
        for start in range(0, len(found_changed), LISTINGS_MAX):
            part = found_changed[start : start + LISTINGS_MAX]
            request = listing_service_pb2.ImportListingsRequest(connection=owner, listings=part)
            yield Step("listings", "listings", "imported", f"{owner}, {len(part)}", "ImportListings", request)
