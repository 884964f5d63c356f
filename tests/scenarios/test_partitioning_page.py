"""The worked examples of docs/partitioning.md, played in the running suite."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.contract.tree import ROOT
from tests.kit.divisions import BIKE, GROUPS, WAREHOUSE_GROUP, Happening, Lying, Ordered, Stopped, moments
from tests.kit.founding import Founding, goods
from tests.kit.merchant import COUNT, Merchant, request_id
from tests.kit.stories import Example, Limited, Pool, examples
from weir.aggregator.v1 import fulfilment_pb2, fulfilment_service_pb2
from weir.ledger.v1 import reservation_pb2, reservation_service_pb2
from weir.partitioning.v1 import partitioning_service_pb2, share_pb2
from weir_allocation.policy import Policy
from weir_allocation.rules import Limits

EXAMPLES = examples((ROOT / "docs" / "partitioning.md").read_text())
LOCATION = "FR"


class Played:
    """A merchant whose only product is divided."""

    def __init__(self, merchant: Merchant) -> None:
        """Nothing is there yet."""
        self._merchant = merchant
        self._founding = Founding(merchant)
        self._reserved: Counter[str] = Counter()
        self._orders: dict[str, list[reservation_pb2.Reservation]] = {group: [] for group in GROUPS}
        self._epochs: list[share_pb2.Epoch] = []

    async def begin(self) -> None:
        """The warehouse group, and the channels that it feeds."""
        await self._founding.add(Pool(WAREHOUSE_GROUP, (LOCATION,)))
        for group in GROUPS:
            await self._merchant.channel(group)
            await self._merchant.link(WAREHOUSE_GROUP, group)

    async def let(self, happening: Happening) -> None:
        """Let it happen."""
        match happening:
            case Lying(units):
                there = units + sum(self._reserved.values())
                await self._merchant.record(COUNT, BIKE[1], LOCATION, there)
            case Ordered(group, units) if units > 0:
                await self._order(group, units)
            case Ordered(group, units):
                await self._give_back(group, -units)
            case Stopped(group):
                await self._founding.add(Limited(group, Limits(denied=frozenset([BIKE]))))
            case Policy():
                await self._founding.add(happening)

    async def divided(self) -> str:
        """Why the supply is divided anew next; waits until that is in force."""
        watching = partitioning_service_pb2.WatchEpochsRequest()
        known = len(self._epochs)
        watch = self._merchant.stubs.partitioning.WatchEpochs(watching)
        seen: list[share_pb2.Epoch] = []
        async for message in watch:
            seen += message.epochs
            if len(seen) > known:
                break
        watch.cancel()
        self._epochs = seen
        assert len(seen) == known + 1
        made = seen[-1]
        assert sum(share.balanced for share in made.shares) + made.held_back == made.supply
        while not await self._in_force(made.epoch):
            pass
        return share_pb2.EpochReason.Name(made.reason).removeprefix("EPOCH_REASON_")

    async def left(self) -> dict[str, int]:
        """What each group has left, as the service lists it."""
        request = partitioning_service_pb2.ListSharesRequest(freshness=self._merchant.freshness("ledger"))
        listed = await self._merchant.stubs.partitioning.ListShares(request)
        if listed.shares:
            self._merchant.saw(listed.revision)
        return {share.channel_group: share.remaining for share in listed.shares}

    async def _in_force(self, epoch: int) -> bool:
        request = partitioning_service_pb2.ListEpochsRequest(page_size=1)
        [newest] = (await self._merchant.stubs.partitioning.ListEpochs(request)).epochs
        return newest.epoch == epoch and newest.in_force

    async def _order(self, group: str, units: int) -> None:
        wish = fulfilment_pb2.Wish(channel=group, lines=[fulfilment_pb2.WishLine(product=goods(BIKE), quantity=units)])
        done = await self._merchant.stubs.fulfilment.ReserveFulfilment(
            fulfilment_service_pb2.ReserveFulfilmentRequest(
                request_id=request_id(), wish=wish, freshness=self._merchant.freshness()
            )
        )
        self._merchant.saw(done.revision)
        self._reserved[group] += units
        self._orders[group].append(done.reservation)

    async def _give_back(self, group: str, units: int) -> None:
        [order, *_] = self._orders[group]
        done = await self._merchant.stubs.reservations.Release(
            reservation_service_pb2.ReleaseRequest(
                request_id=request_id(),
                reservation=order.reservation,
                lines=[reservation_pb2.LineQuantity(line=1, quantity=units)],
            )
        )
        self._merchant.saw(done.revision)
        self._reserved[group] -= units


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
async def test_an_example_is_what_happens(merchant: Merchant, example: Example) -> None:
    """After each line the supply is divided anew for the reason that stands there, and not where none does; what groups
    have left is what stands there."""
    played = Played(merchant)
    await played.begin()
    for moment in moments(example.text):
        await played.let(moment.happening)
        if moment.reason:
            assert await played.divided() == moment.reason, moment
        if moment.left is not None:
            assert await played.left() == moment.left, moment
    await played.let(Stopped("webshops"))
    assert await played.divided() == "GROUPS", "nothing was divided that the page does not say"
