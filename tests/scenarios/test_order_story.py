"""The life of orders, from the first wish to goods that come back: through the API, with the books agreeing in the
end."""

from __future__ import annotations

from typing import Any

from tests.kit.merchant import Merchant, item, request_id, verified
from tests.kit.ordering import Playing
from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_pb2, reservation_service_pb2

HOLD = stock_pb2.CONDITION_HOLD


async def test_from_a_wish_to_goods_that_come_back(merchant: Merchant) -> None:
    """An order is placed and ships in part, the rest of it is cancelled; a count takes units from another one, which is
    planned again and ships whole; goods that return are sold again only once they are released."""
    story = Playing(merchant)
    await story.play(
        """
        europe pools DE1, DE2, FR
        europe feeds shop
        DE1 has 4 BIKE; DE2 has 6 BIKE; FR has 9 BIKE; FR has 5 LAMP
        order A wants 8 BIKE and 2 LAMP for shop
        order A           => 8 BIKE at FR, 2 LAMP at FR
        level of BIKE     => shop 11
        order A is confirmed
        order A ships 5 BIKE from FR
        order A           => 3 BIKE at FR, 2 LAMP at FR
        on hand of BIKE   => FR 4
        level of BIKE     => shop 11
        order A is cancelled
        order A           => nothing
        level of BIKE     => shop 14
        level of LAMP     => shop 5
        """
    )
    await story.play(
        """
        order B wants 10 BIKE for shop, not from DE1
        order B           => 6 BIKE at DE2, 4 BIKE at FR
        order B is confirmed
        DE2 has 3 BIKE
        shortfall of BIKE => DE2 3
        level of BIKE     => shop 4
        order B now wants 10 BIKE for shop
        order B           => 3 BIKE at DE1, 3 BIKE at DE2, 4 BIKE at FR
        shortfall of BIKE => DE2 0
        level of BIKE     => shop 1
        order B ships 3 BIKE from DE1; order B ships 3 BIKE from DE2; order B ships 4 BIKE from FR
        order B           => nothing
        on hand of BIKE   => DE1 1, DE2 0, FR 0
        level of BIKE     => shop 1
        """
    )
    back = item("BIKE", "FR", condition=HOLD)
    await record(merchant, ledger_pb2.ENTRY_KIND_RETURN, back, 2)
    await story.play("level of BIKE => shop 1")
    await record(merchant, ledger_pb2.ENTRY_KIND_TRANSFER, back, 2, destination=item("BIKE", "FR"))
    await story.play("level of BIKE => shop 3")
    assert await ends(merchant) == {
        "A": (reservation_pb2.RESERVATION_STATE_FULFILLED, 5, 5),
        "B": (reservation_pb2.RESERVATION_STATE_FULFILLED, 10, 3),
    }
    await verified(merchant)


async def record(
    merchant: Merchant, kind: ledger_pb2.EntryKind.ValueType, what: stock_pb2.StockItem, quantity: int, **others: Any
) -> None:
    """Record one movement of a stock item."""
    movement = ledger_pb2.Movement(kind=kind, stock_item=what, quantity=quantity, **others)
    request = ledger_service_pb2.RecordMovementsRequest(request_id=request_id(), movements=[movement])
    merchant.saw((await merchant.stubs.ledger.RecordMovements(request)).revision)


async def ends(merchant: Merchant) -> dict[str, tuple[int, int, int]]:
    """Of each order the state it ended in, the units that went out and those that were given up."""
    request = reservation_service_pb2.ListReservationsRequest(freshness=merchant.freshness("ledger"))
    return {
        each.order: (each.state, sum(line.fulfilled for line in each.lines), sum(line.released for line in each.lines))
        for each in (await merchant.stubs.reservations.ListReservations(request)).reservations
    }


async def test_an_order_keeps_the_rules_it_was_accepted_under(merchant: Merchant) -> None:
    """Network, links, bundles, rules and what a store sells change after an order was taken: it is planned again as it
    was accepted, and the next order is not."""
    story = Playing(merchant)
    await story.play(
        """
        europe pools DE1, FR
        outlet pools OUT
        europe feeds shop
        outlet feeds shop
        KIT is made of 1 BIKE, 1 BELL
        TV lends to SPACE
        DE1 has 2 BIKE; FR has 2 BIKE; DE1 has 2 BELL; FR has 2 BELL; DE1 has 2 TV; OUT has 2 TV
        order A wants 1 KIT and 2 SPACE for shop
        order A => 1 BIKE at DE1, 1 BELL at DE1, 2 TV at DE1
        TV no longer lends to SPACE
        KIT is made of 1 BIKE, 2 BELL
        rule near tells shop: from DE1
        shop does not sell KIT
        """
    )
    request: Any = {"warehouse_group": "outlet", "channel_group": "shop"}
    await merchant.unlink(**request)
    await story.play(
        """
        level of SPACE => shop 0
        objective of 1 KIT for shop   => filled 0
        objective of 2 SPACE for shop => filled 0
        DE1 has 0 TV; DE1 has 0 BELL
        order A is planned again
        order A         => 1 BELL at FR, 1 BIKE at FR, 2 TV at OUT
        plan of order A => 1 BELL at FR for 1 KIT, 1 BIKE at FR for 1 KIT, 2 TV at OUT as SPACE
        """
    )
    await verified(merchant)


async def test_a_replan_that_finds_nothing_loses_nothing(merchant: Merchant) -> None:
    """Rejected by its only location an order stays promised there, whole, and what cannot be moved is told; another
    order in between cannot take its units."""
    story = Playing(merchant)
    await story.play(
        """
        europe pools DE1, FR
        europe feeds shop
        FR has 5 BIKE; DE1 has 1 BIKE
        order A wants 5 BIKE for shop
        order A is planned again, not from FR
        order A         => 1 BIKE at DE1, 4 BIKE at FR
        level of BIKE   => shop 1
        order B wants 2 BIKE for shop
        order B         => refused ORDER_UNFILLED
        """
    )
    await verified(merchant)
