"""A chapter of the tour: a supply that is divided at an instant, an order that spends a share, and dividing anew."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing

from rich.text import Text

from weir.aggregator.v1 import availability_service_pb2 as contract
from weir.aggregator.v1 import fulfilment_pb2, fulfilment_service_pb2
from weir.common.v1 import revision_pb2, stock_pb2
from weir.ledger.v1 import reservation_service_pb2
from weir.partitioning.v1 import partitioning_service_pb2, share_pb2
from weir_chassis import revisions
from weir_chassis.ids import new_id
from weir_cli import dividing, picturing
from weir_cli.session import Session
from weir_cli.tour import WAIT_SECONDS, Tour

SKU, WAREHOUSE_GROUP, SELLER = "PAN-CARBON-STEEL-28", "europe", "amazon-de"
DIVIDED = {"webshops-eu": 75, "amazon-de": 25}
"""What the policy makes of the 100 pans that Europe has."""
WANTED, ORDERED = 30, 20
"""Units that Amazon asks for, and that it then orders: a fifth of its share is left."""
ANEW = {"webshops-eu": 60, "amazon-de": 20}
PAUSE_SECONDS = 0.01
_PRODUCT = stock_pb2.Product(sku=SKU)


async def spend(tour: Tour, session: Session) -> None:
    """Ask for more than a share, spend most of it, and see the supply divided anew."""
    tour.chapter(
        "A share that is spent",
        "Pans are scarce: a BALANCED policy gives Amazon a quarter of what Europe has. Every order counts against its"
        " group's share, in the ledger.",
    )
    await _divided(session, None)
    tour.holds(_said("Divided at an instant", DIVIDED), await _shown(tour, session) == DIVIDED)
    asked = fulfilment_service_pb2.PlanFulfilmentRequest(
        wish=_wish(WANTED), freshness=await session.freshness(True, "ledger")
    )
    planned = await session.fulfilment.PlanFulfilment(asked)
    missing = " ".join(each.sentence for each in planned.plan.missing)
    tour.show(Text(missing), "")
    filled = planned.plan.objective.filled
    tour.holds(f"Of {WANTED} that Amazon asks for it may have {filled}.", filled == DIVIDED[SELLER])
    before = await dividing.newest(session)
    ordered = await session.fulfilment.ReserveFulfilment(
        fulfilment_service_pb2.ReserveFulfilmentRequest(request_id=new_id(), wish=_wish(ORDERED), order="A-1005")
    )
    began = time.perf_counter()
    tour.show(picturing.planned(Text("A-1005", style="bold"), _wish(ORDERED), ordered.plan))
    anew = await _divided(session, before)
    took = (time.perf_counter() - began) * 1000
    tour.holds(
        f"A fifth of its share is left: divided anew {took:.0f} ms later.",
        anew.reason == share_pb2.EPOCH_REASON_THRESHOLD,
    )
    tour.holds(_said("Of what is left", ANEW), await _shown(tour, session) == ANEW)
    release = reservation_service_pb2.ReleaseRequest(request_id=new_id(), reservation=ordered.reservation.reservation)
    await _divide(session, (await session.reservations.Release(release)).revision)
    left = {each.channel_group: each.remaining for each in await _shares(session)}
    tour.holds("Given up again, and divided on request, it is as it was.", left == DIVIDED)


def _wish(units: int) -> fulfilment_pb2.Wish:
    line = fulfilment_pb2.WishLine(product=_PRODUCT, quantity=units)
    return fulfilment_pb2.Wish(lines=[line], channel=SELLER, mode=fulfilment_pb2.FULFILMENT_MODE_AS_MUCH_AS_POSSIBLE)


def _said(what: str, shares: Mapping[str, int]) -> str:
    return f"{what}: {', '.join(f'{group} {units}' for group, units in shares.items())}."


async def _divided(session: Session, after: revisions.Revision | None) -> share_pb2.Epoch:
    """The first division of the supply after a mark, once orders count against it; of no reason where none is in
    time."""
    made = share_pb2.Epoch()
    try:
        async with asyncio.timeout(WAIT_SECONDS), aclosing(dividing.followed(session, after)) as messages:
            async for message in messages:
                found = [each for each in message.epochs if _is_meant(each)]
                if found:
                    made = found[0]
                    break
            while True:
                if await _in_force(session):
                    return made
                await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError:
        return made


def _is_meant(epoch: share_pb2.Epoch) -> bool:
    return (epoch.product, epoch.warehouse_group) == (_PRODUCT, WAREHOUSE_GROUP)


async def _in_force(session: Session) -> bool:
    """Whether orders count against the newest division."""
    asked = partitioning_service_pb2.ListEpochsRequest(product=_PRODUCT, warehouse_group=WAREHOUSE_GROUP, page_size=1)
    return all(each.in_force for each in (await session.partitioning.ListEpochs(asked)).epochs)


async def _shown(tour: Tour, session: Session) -> dict[str, int]:
    """What each group has left, which is shown."""
    found = await _shares(session)
    tour.show(*await dividing.pictures(session, found))
    return {each.channel_group: each.remaining for each in found}


async def _shares(session: Session) -> Sequence[share_pb2.Share]:
    asked = partitioning_service_pb2.ListSharesRequest(
        product=_PRODUCT, warehouse_group=WAREHOUSE_GROUP, freshness=await session.freshness(True, "ledger")
    )
    return (await session.partitioning.ListShares(asked)).shares


async def _divide(session: Session, seen: revision_pb2.Revision) -> None:
    """Divide the supply anew as it is with all that was `seen`."""
    freshness = revision_pb2.Freshness(at_least=[seen])
    await session.availability.GetAvailability(
        contract.GetAvailabilityRequest(product=_PRODUCT, channel=SELLER, freshness=freshness)
    )
    request = partitioning_service_pb2.RebalanceRequest(request_id=new_id(), products=[_PRODUCT])
    async for _ in session.partitioning.Rebalance(request):
        pass
