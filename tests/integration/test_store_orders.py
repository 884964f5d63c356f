"""Orders of stores over the running suite: kept first, promised once, short where there is too little."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.kit.merchant import Merchant, refused, request_id, verified
from tests.kit.suite import Suite
from tests.kit.waiting import until
from weir.connector.v1 import connector_pb2
from weir.ledger.v1 import ledger_service_pb2, reservation_pb2, reservation_service_pb2
from weir.sync.v1 import (
    connection_pb2,
    connection_service_pb2,
    listing_service_pb2,
    rule_pb2,
    rule_service_pb2,
    store_order_pb2,
    sync_pb2,
    sync_service_pb2,
)
from weir.sync.v1 import order_service_pb2 as pb
from weir_chassis.status import reason as told

REPORTED, PROMISED, SHORT, CANCELLED, UNREADABLE = (
    store_order_pb2.StoreOrderState.Value(f"STORE_ORDER_STATE_{state}")
    for state in ("REPORTED", "PROMISED", "SHORT", "CANCELLED", "UNREADABLE")
)
Sold = tuple[str, int]


def order(name: str, *lines: Sold, cancelled: bool = False) -> connector_pb2.StoreOrder:
    """An order as a store has it."""
    made = [connector_pb2.StoreOrderLine(store_sku=sku, quantity=quantity) for sku, quantity in lines]
    return connector_pb2.StoreOrder(store_order=name, lines=made, cancelled=cancelled)


async def store(merchant: Merchant, name: str, channel: str, **fields: Any) -> None:
    """A store that sells through a channel."""
    made = connection_pb2.Connection(
        connection=name,
        role=connection_pb2.CONNECTION_ROLE_STORE,
        kind=connection_pb2.CONNECTOR_KIND_GRPC,
        settings={"target": "shop.example:443"},
        channel=channel,
        **fields,
    )
    request = connection_service_pb2.CreateConnectionRequest(request_id=request_id(), connection=made)
    await merchant.stubs.connections.CreateConnection(request)


async def report(
    merchant: Merchant, connection: str, sold: connector_pb2.StoreOrder, named: str | None = None
) -> pb.ReportStoreOrderResponse:
    """Report an order; what comes of it in the ledger is seen."""
    request = pb.ReportStoreOrderRequest(request_id=named or request_id(), connection=connection, order=sold)
    done = await merchant.stubs.store_orders.ReportStoreOrder(request)
    if done.HasField("ledger_revision"):
        merchant.saw(done.ledger_revision)
    return done


async def two_stores(merchant: Merchant, units: int = 5) -> None:
    """Two stores that sell from one shelf."""
    await merchant.location("W1")
    await merchant.group("all", "W1")
    for name in ("north", "south"):
        await merchant.channel(f"{name} web")
        await merchant.link("all", f"{name} web")
        await store(merchant, name, f"{name} web")
    await merchant.receive("BIKE", W1=units)


async def alerts(merchant: Merchant) -> list[tuple[int, str]]:
    """The alerts that are open: sort and subject."""
    request = sync_service_pb2.ListAlertsRequest(open_only=True)
    found = (await merchant.stubs.syncing.ListAlerts(request)).alerts
    return sorted((each.kind, each.subject) for each in found)


async def reservation(merchant: Merchant, name: str) -> reservation_pb2.Reservation:
    """A reservation as it is now."""
    request = reservation_service_pb2.GetReservationRequest(reservation=name)
    return (await merchant.stubs.reservations.GetReservation(request)).reservation


async def test_a_sale_in_one_store_lowers_the_other(suite: Suite) -> None:
    """What one store sold no other may sell; the order is confirmed in the ledger, and found again."""
    merchant = suite.merchant()
    await two_stores(merchant)
    done = await report(merchant, "north", order("#1", ("BIKE", 2)))
    assert done.order.state == PROMISED
    assert [(each.product.sku, each.quantity, each.short) for each in done.order.lines] == [("BIKE", 2, 0)]
    assert await merchant.level("BIKE", "south web") == 3
    made = await reservation(merchant, done.order.reservation)
    assert (made.state, made.order, made.channel) == (reservation_pb2.RESERVATION_STATE_CONFIRMED, "#1", "north web")
    request = pb.GetStoreOrderRequest(connection="north", store_order="#1")
    assert (await merchant.stubs.store_orders.GetStoreOrder(request)).order == done.order
    await verified(merchant)


async def test_an_order_beyond_what_there_is_is_short_until_units_come(suite: Suite) -> None:
    """It is promised whole, as a shortfall, with an alert that closes by itself when units come."""
    merchant = suite.merchant()
    await two_stores(merchant)
    done = await report(merchant, "north", order("#1", ("BIKE", 7)))
    assert (done.order.state, done.order.lines[0].short) == (SHORT, 2)
    assert await alerts(merchant) == [(sync_pb2.SyncAlert.KIND_ORDER_SHORT, "#1")]
    listed = await merchant.stubs.ledger.ListShortfalls(ledger_service_pb2.ListShortfallsRequest())
    assert [(each.shortfall, [hit.reservation for hit in each.hits]) for each in listed.shortfalls] == [
        (2, [done.order.reservation])
    ]
    assert await merchant.level("BIKE", "south web") == 0
    await merchant.receive("BIKE", W1=3)
    assert await merchant.level("BIKE", "south web") == 1

    async def covered() -> bool:
        request = pb.GetStoreOrderRequest(connection="north", store_order="#1")
        return (await merchant.stubs.store_orders.GetStoreOrder(request)).order.state == PROMISED

    await until(covered)
    assert await alerts(merchant) == []
    await verified(merchant)


async def test_what_is_short_is_served_from_where_units_come(suite: Suite) -> None:
    """Units that come to another location, which may serve the store, are had by the order that is short."""
    merchant = suite.merchant()
    await two_stores(merchant, units=1)
    await merchant.location("W2")
    await merchant.group("more", "W2")
    await merchant.link("more", "north web")
    done = await report(merchant, "north", order("#1", ("BIKE", 3)))
    assert done.order.state == SHORT
    await merchant.receive("BIKE", W2=2)

    async def covered() -> bool:
        request = pb.GetStoreOrderRequest(connection="north", store_order="#1")
        return (await merchant.stubs.store_orders.GetStoreOrder(request)).order.state == PROMISED

    await until(covered, 60)
    made = await reservation(merchant, done.order.reservation)
    assert sorted((line.stock_item.location, line.open) for line in made.lines if line.open) == [("W1", 1), ("W2", 2)]
    await verified(merchant)


async def test_a_report_is_one_order_however_often_it_comes(suite: Suite) -> None:
    """Under the same or another request id, at once or later, its units are promised once; with other lines it is
    refused."""
    merchant = suite.merchant()
    await two_stores(merchant)
    sold = order("#1", ("BIKE", 1), ("BIKE", 1))
    names = ["first", "first", None, None]
    done = await asyncio.gather(*(report(merchant, "north", sold, name) for name in names))
    again = await report(merchant, "north", order("#1", ("BIKE", 2)))
    assert {each.order.order.store_order for each in done} == {"#1"}
    assert again.order.state == PROMISED
    assert await merchant.level("BIKE", "south web") == 3
    fault = await refused(report(merchant, "north", order("#1", ("BIKE", 3))))
    assert told(fault) == "STORE_ORDER_CHANGED"
    assert (await report(merchant, "south", order("#1", ("BIKE", 3)))).order.state == PROMISED
    assert await merchant.level("BIKE", "south web") == 0


async def test_a_cancelled_order_gives_its_units_back(suite: Suite) -> None:
    """What has not gone out is free again, once; what comes cancelled first is never promised."""
    merchant = suite.merchant()
    await two_stores(merchant)
    done = await report(merchant, "north", order("#1", ("BIKE", 7)))
    for _ in range(2):
        cancelled = await report(merchant, "north", order("#1", ("BIKE", 7), cancelled=True))
        assert (cancelled.order.state, cancelled.order.reservation) == (CANCELLED, done.order.reservation)
    assert await merchant.level("BIKE", "south web") == 5
    assert await alerts(merchant) == []
    assert (await report(merchant, "north", order("#1", ("BIKE", 7)))).order.state == CANCELLED
    first = await report(merchant, "north", order("#2", ("BIKE", 1), cancelled=True))
    late = await report(merchant, "north", order("#2", ("BIKE", 1)))
    assert [first.order.state, late.order.state] == [CANCELLED, CANCELLED]
    assert await merchant.level("BIKE", "south web") == 5


async def test_lines_that_are_nothing_are_told(suite: Suite) -> None:
    """What flows for no product is not promised and wants attention; all other lines are promised. An order of which
    nothing can be read is read again when it is reported again."""
    merchant = suite.merchant()
    await two_stores(merchant)

    async def list_it(sku: str, disabled: bool) -> None:
        listing = {"connection": "north", "store_sku": "OLD", "product": {"sku": sku}, "disabled": disabled}
        request = listing_service_pb2.SetListingRequest(request_id=request_id(), listing=listing)  # type: ignore[arg-type]
        await merchant.stubs.listings.SetListing(request)

    await list_it("BIKE2", disabled=True)
    mixed = await report(merchant, "north", order("#1", ("OLD", 1), ("BIKE", 1)))
    nothing = await report(merchant, "north", order("#2", ("OLD", 2)))
    assert (mixed.order.state, nothing.order.state) == (PROMISED, UNREADABLE)
    assert [bool(each.error) for each in mixed.order.lines] == [True, False]
    kind = sync_pb2.SyncAlert.KIND_ORDER_UNREADABLE
    assert await alerts(merchant) == [(kind, "#1"), (kind, "#2")]
    await list_it("BIKE", disabled=False)
    assert (await report(merchant, "north", order("#2", ("OLD", 2)))).order.state == PROMISED
    assert await alerts(merchant) == [(kind, "#1")]
    assert await merchant.level("BIKE", "south web") == 2


async def test_an_accepted_order_stays_under_its_rule(suite: Suite) -> None:
    """The rule that was in force is told with the order and decides where it is served from, whatever becomes of it."""
    merchant = suite.merchant()
    await two_stores(merchant, units=2)
    await merchant.location("W2")
    await merchant.group("more", "W2")
    await merchant.link("more", "north web")
    await merchant.receive("BIKE", W2=9)

    async def rule(warehouse: str) -> None:
        made = rule_pb2.Rule(rule="only", priority=1, stores=["north web"], warehouses=[warehouse])
        if warehouse == "W1":
            create = rule_service_pb2.CreateRuleRequest(request_id=request_id(), rule=made)
            merchant.saw((await merchant.stubs.rules.CreateRule(create)).revision)
        else:
            update = rule_service_pb2.UpdateRuleRequest(request_id=request_id(), rule=made)
            merchant.saw((await merchant.stubs.rules.UpdateRule(update)).revision)

    await rule("W1")
    await merchant.level("BIKE", "north web")
    before = await report(merchant, "north", order("#1", ("BIKE", 5)))
    assert (before.order.rule, before.order.state, before.order.lines[0].short) == ("only", SHORT, 3)
    await rule("W2")
    await merchant.level("BIKE", "north web")
    after = await report(merchant, "north", order("#2", ("BIKE", 5)))
    assert (after.order.rule, after.order.state) == ("only", PROMISED)
    for done, location in ((before, "W1"), (after, "W2")):
        made = await reservation(merchant, done.order.reservation)
        assert {line.stock_item.location for line in made.lines if line.open} == {location}


async def test_orders_are_listed(suite: Suite) -> None:
    """Newest first, page by page, of a store or in a state."""
    merchant = suite.merchant()
    await two_stores(merchant)
    for number in range(5):
        await report(merchant, "north" if number % 2 else "south", order(f"#{number}", ("BIKE", 1)))
    await report(merchant, "north", order("#1", ("BIKE", 1), cancelled=True))

    async def names(**fields: Any) -> list[str]:
        found: list[str] = []
        token = ""
        while True:
            request = pb.ListStoreOrdersRequest(page_size=2, page_token=token, **fields)
            page = await merchant.stubs.store_orders.ListStoreOrders(request)
            found += [each.order.store_order for each in page.orders]
            token = page.next_page_token
            if not token:
                return found

    assert await names() == ["#4", "#3", "#2", "#1", "#0"]
    assert await names(connection="north") == ["#3", "#1"]
    assert await names(state=CANCELLED) == ["#1"]


@pytest.mark.parametrize(
    ("connection", "name", "reason"),
    [("nobody", "#1", "CONNECTION_NOT_FOUND"), ("north", "#9", "STORE_ORDER_NOT_FOUND")],
)
async def test_what_is_not_there(suite: Suite, connection: str, name: str, reason: str) -> None:
    """Orders of no store are refused, and so is asking for what nobody reported."""
    merchant = suite.merchant()
    await two_stores(merchant)
    if reason == "CONNECTION_NOT_FOUND":
        fault = await refused(report(merchant, connection, order(name, ("BIKE", 1))))
    else:
        request = pb.GetStoreOrderRequest(connection=connection, store_order=name)
        fault = await refused(merchant.stubs.store_orders.GetStoreOrder(request))
    assert told(fault) == reason
