"""What a merchant is promised by a plan, and a good request of every rpc of FulfilmentService."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.kit.merchant import Merchant
from weir.aggregator.v1 import fulfilment_service_pb2 as pb
from weir.common.v1.revision_pb2 import Revision

SERVICE = "/weir.aggregator.v1.FulfilmentService/"
REP = "own rep"
"""A channel that is reached by custody: only there a line may say whose."""


def wish(item: Mapping[str, Any], *, view: int = 0) -> dict[str, Any]:
    """Units of a stock item, with everything that may be said about how they are sent; in a view of custody, if one is
    given, and else in the custody of the item's custodian.
    """
    custody = {"view": view} if view else {"custodians": [item["custodian"]]}
    line = {"product": item["product"], "quantity": 1, "lot": item["lot"], "uom": item["uom"], **custody}
    return {
        "lines": [line],
        "channel": REP,
        "mode": 1,
        "locations_max": 5,
        "one_location_per_line": True,
        "own_stock_only": True,
        "preferred_locations": [item["location"]],
        "excluded_locations": ["own empty location"],
        "distances": [{"location": item["location"], "distance": 5}],
    }


async def planned(merchant: Merchant, item: Mapping[str, Any]) -> str:
    """A reservation that was made from a plan."""
    done = await merchant.stubs.fulfilment.ReserveFulfilment(
        pb.ReserveFulfilmentRequest(
            request_id="own planned",
            wish=wish(item),  # type: ignore[arg-type]
            freshness=merchant.freshness("ledger", "sharing"),
        )
    )
    merchant.saw(done.revision)
    return done.reservation.reservation


def requests(reservation: str, item: Mapping[str, Any], seen: Sequence[Revision]) -> dict[str, dict[str, Any]]:
    """A good request of every rpc, by the rpc's full name."""
    freshness = {"at_least": seen}
    return {
        f"{SERVICE}PlanFulfilment": {"wish": wish(item), "freshness": freshness},
        f"{SERVICE}ReserveFulfilment": {
            "wish": wish(item),
            "hold_duration": {"seconds": 60},
            "order": "own order",
            "back_order": True,
            "freshness": freshness,
        },
        f"{SERVICE}ReplanReservation": {
            "reservation": reservation,
            "rejected_locations": ["own spare location"],
            "wish": wish(item),
            "freshness": freshness,
        },
    }


def others(reservation: str, item: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """More of them: in a view of custody, as much as possible."""
    viewed = {**wish(item, view=3), "mode": 2}
    return {
        f"{SERVICE}PlanFulfilment": [{"wish": viewed}],
        f"{SERVICE}ReserveFulfilment": [{"wish": viewed}, {"wish": wish(item), "sold": True}],
        f"{SERVICE}ReplanReservation": [{"reservation": reservation, "wish": viewed}],
    }
