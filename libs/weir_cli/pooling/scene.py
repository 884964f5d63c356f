"""A chapter of the tour: a distributor and a rep, what each sees, a transfer between them, and a case."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from weir.aggregator.v1 import availability_service_pb2
from weir.common.v1 import stock_pb2
from weir.pooling.v1 import case_pb2, case_service_pb2, pool_pb2, pooling_service_pb2, transfer_service_pb2
from weir_chassis.ids import new_id
from weir_cli.moving import stock_item
from weir_cli.pooling import cases, custody, transfers
from weir_cli.session import Session
from weir_cli.tour import WAIT_SECONDS, Tour

POOL, HUB, REP, CHANNEL = "north", "nordhandel", "rosa", "rep-rosa"
SKU, LOT, DEPOT, VAN = "DUTCH-OVEN-5L", "C-26", "DE2", "VAN-ROSA"
SHARED, NOT_SHARED = (3, 10, 13), (3, 0, 3)
"""What a rep with 3 sees of a hub with 10: his own, what is shared, both; while the switch is on, and off."""
HANDED = 2
VIEWS = (stock_pb2.STOCK_VIEW_MY_CUSTODY, stock_pb2.STOCK_VIEW_SHARED_BY_DISTRIBUTOR, stock_pb2.STOCK_VIEW_BOTH)


async def pool(tour: Tour, session: Session) -> None:
    """Look with the eyes of both, hand goods over, use some, and leave everything as it was."""
    tour.chapter(
        "A distributor and a rep",
        f"{HUB} answers for 10 Dutch ovens, {REP} for 3 in her van. What is in somebody's custody counts for no shop; a"
        " rep sees her own, and her distributor's while he shares it.",
    )
    async with AsyncExitStack() as stack:
        hub, rep = [
            await stack.enter_async_context(Session(replace(session.options, user=user))) for user in (HUB, REP)
        ]
        await _look(tour, session, rep)
        await _hand_over(tour, hub, rep)
        await _use(tour, rep)
        await _hand_back(hub)
        told = "Handed back at once by the distributor, who acts for both, everything is as it was."
        tour.holds(told, await _views(rep) == SHARED)


async def _look(tour: Tour, session: Session, rep: Session) -> None:
    tour.show(custody.stock(await _stock(rep)), "")
    tour.holds(_told("Shared, she sees", SHARED), await _views(rep) == SHARED)
    await _switch(session, on=False)
    tour.holds(_told("Not shared", NOT_SHARED), await _views(rep) == NOT_SHARED)
    levels = [await _level(session)]
    await _switch(session, on=True)
    levels.append(await _level(session))
    tour.holds(f"So her channel may sell {levels[0]}, and {levels[1]} again.", levels == [NOT_SHARED[2], SHARED[2]])


async def _hand_over(tour: Tour, hub: Session, rep: Session) -> None:
    asked = transfer_service_pb2.RequestTransferRequest(
        request_id=new_id(), sender=HUB, recipient=REP, lines=[_line(DEPOT, HANDED)], location=VAN
    )
    made = (await hub.transfers.RequestTransfer(asked)).transfer
    waiting = [(each.available, each.in_transfer) for each in await _stock(hub) if each.custody == pool_pb2.CUSTODY_OWN]
    tour.holds(
        f"{HANDED} for {REP} are on their way: 8 of the hub's 10 may be used, and neither of them uses those.",
        waiting == [(10 - HANDED, HANDED)],
    )
    taken = transfer_service_pb2.AcceptTransferRequest(request_id=new_id(), transfer=made.transfer)
    made = (await rep.transfers.AcceptTransfer(taken)).transfer
    tour.show(*transfers.transfer_shown(made), "")
    seen = await _views(rep)
    tour.holds(_told("Taken, custody has moved in one commit", seen), seen == (3 + HANDED, 10 - HANDED, 13))


async def _use(tour: Tour, rep: Session) -> None:
    made = case_pb2.Case(kind=case_pb2.CASE_KIND_SAMPLE, display_name="A fair in Lund", reference="fair-7")
    opened = (await rep.cases.CreateCase(case_service_pb2.CreateCaseRequest(request_id=new_id(), case=made))).case
    before = await _views(rep)
    usages: list[case_pb2.Usage] = []
    for whose, place in ((pool_pb2.CUSTODY_OWN, VAN), (pool_pb2.CUSTODY_HUB, DEPOT)):
        used = case_service_pb2.MarkUsedRequest(
            request_id=new_id(), case=opened.case, custody=whose, lines=[_line(place, 1)]
        )
        usages += (await rep.cases.MarkUsed(used)).usages
    tour.show(*cases.case_shown(opened), cases.usage_table(usages), "")
    seen = await _views(rep)
    tour.holds(_told("Used, one of hers and one of his", seen), seen == (before[0] - 1, before[1] - 1, before[2] - 2))
    units = [case_service_pb2.UsageUnits(usage=each.usage) for each in usages]
    await rep.cases.UnmarkUsed(case_service_pb2.UnmarkUsedRequest(request_id=new_id(), case=opened.case, units=units))
    tour.holds("Taken back, exactly those two lie where they lay.", await _views(rep) == before)
    await rep.cases.CloseCase(case_service_pb2.CloseCaseRequest(request_id=new_id(), case=opened.case))


async def _hand_back(hub: Session) -> None:
    await hub.transfers.QuickTransfer(
        transfer_service_pb2.QuickTransferRequest(
            request_id=new_id(), sender=REP, recipient=HUB, lines=[_line(VAN, HANDED)], location=DEPOT
        )
    )


async def _switch(session: Session, *, on: bool) -> None:
    request = pooling_service_pb2.SetHubAccessRequest(request_id=new_id(), pool=POOL, access_hub_stock=on)
    await session.pooling.SetHubAccess(request)


async def _level(session: Session) -> int:
    """Units that the rep may sell, after all that was written so far."""
    asked = availability_service_pb2.GetAvailabilityRequest(
        product=stock_pb2.Product(sku=SKU), channel=CHANNEL, freshness=await session.freshness(True, "pooling")
    )
    return (await session.availability.GetAvailability(asked, timeout=WAIT_SECONDS)).level


async def _views(session: Session) -> tuple[int, ...]:
    """Units that a person may use: his own, what is shared with him, both."""
    return tuple([sum(each.available for each in await _stock(session, view)) for view in VIEWS])


async def _stock(
    session: Session, view: stock_pb2.StockView.ValueType = stock_pb2.STOCK_VIEW_BOTH
) -> Sequence[pool_pb2.Stock]:
    """Dutch ovens as the person of the session sees them."""
    return (await session.pooling.ListStock(pooling_service_pb2.ListStockRequest(view=view, skus=[SKU]))).stock


def _line(location: str, units: int) -> pool_pb2.StockLine:
    return pool_pb2.StockLine(stock_item=stock_item(SKU, location, lot=LOT), quantity=units)


def _told(what: str, units: Sequence[int]) -> str:
    return f"{what}: {units[0]} of her own, {units[1]} of her distributor's, {units[2]} together."
