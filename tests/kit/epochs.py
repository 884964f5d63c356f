"""The epochs of a merchant, one after the other, as a client that follows them is told of them."""

from __future__ import annotations

from collections import deque
from functools import partial

from tests.kit.merchant import Merchant
from tests.kit.waiting import until
from weir.aggregator.v1 import availability_service_pb2
from weir.common.v1.revision_pb2 import Revision
from weir.common.v1.stock_pb2 import Product
from weir.ledger.v1 import ledger_service_pb2, reservation_service_pb2
from weir.partitioning.v1 import partitioning_service_pb2 as pb
from weir.partitioning.v1 import share_pb2


class Epochs:
    """Follows how the supplies of a merchant are divided."""

    def __init__(self, merchant: Merchant) -> None:
        """From the first epoch on."""
        self._merchant = merchant
        self._coming: deque[share_pb2.Epoch] = deque()
        self._through: Revision | None = None

    async def next(self) -> share_pb2.Epoch:
        """The next epoch, whole and without a gap, once orders count against it; the merchant then sees it."""
        while not self._coming:
            await self._read()
        made = self._coming.popleft()
        assert sum(share.balanced for share in made.shares) + made.held_back == made.supply
        await until(partial(self._in_force, made.epoch))
        self._merchant.saw(await newest(self._merchant))
        return made

    async def divided(self, sku: str = "BIKE") -> tuple[str, dict[str, int]]:
        """Why the next supply is divided, and into which shares; it must be one of this product."""
        made = await self.next()
        assert made.product.sku == sku, made
        shares = {share.channel_group: share.balanced for share in made.shares}
        assert shares == await self.left(sku, made.warehouse_group), made
        return reason(made), shares

    async def left(self, sku: str = "BIKE", warehouse_group: str = "") -> dict[str, int]:
        """What channel groups have left of a product, as new as all that the merchant wrote."""
        request = pb.ListSharesRequest(
            product=Product(sku=sku), warehouse_group=warehouse_group, freshness=self._merchant.freshness("ledger")
        )
        listed = await self._merchant.stubs.partitioning.ListShares(request)
        return {share.channel_group: share.remaining for share in listed.shares}

    async def _read(self) -> None:
        watch = self._merchant.stubs.partitioning.WatchEpochs(pb.WatchEpochsRequest(after=self._through))
        async for message in watch:
            self._through = message.through
            self._coming.extend(message.epochs)
            if self._coming:
                break
        watch.cancel()

    async def _in_force(self, epoch: int) -> bool:
        listed = await self._merchant.stubs.partitioning.ListEpochs(pb.ListEpochsRequest(page_size=1000))
        return any(each.epoch == epoch and each.in_force for each in listed.epochs)


def reason(epoch: share_pb2.Epoch) -> str:
    """Why a supply was divided, in a word."""
    return share_pb2.EpochReason.Name(epoch.reason).removeprefix("EPOCH_REASON_")


async def newest(merchant: Merchant) -> Revision:
    """The newest revision of the ledger there is."""
    asked = reservation_service_pb2.GetClaimsRequest(claims=["none"])
    return (await merchant.stubs.reservations.GetClaims(asked)).revision


async def followed(merchant: Merchant) -> list[share_pb2.Epoch]:
    """Every epoch there is, as who follows them is told."""
    listed = await merchant.stubs.partitioning.ListEpochs(pb.ListEpochsRequest(page_size=1))
    watch = merchant.stubs.partitioning.WatchEpochs(pb.WatchEpochsRequest())
    found: list[share_pb2.Epoch] = []
    async for message in watch:
        found += message.epochs
        if message.through.number >= listed.revision.number:
            break
    watch.cancel()
    assert [each.epoch for each in found] == [*range(1, len(found) + 1)]
    return found


async def written(merchant: Merchant) -> list[ledger_service_pb2.WatchEntriesResponse]:
    """Every commit of the ledger."""
    through = (await newest(merchant)).number
    watch = merchant.stubs.ledger.WatchEntries(ledger_service_pb2.WatchEntriesRequest())
    found = []
    async for message in watch:
        if message.HasField("recorded_time"):
            found.append(message)
        if message.through.number >= through:
            break
    watch.cancel()
    return found


async def left(merchant: Merchant) -> dict[tuple[str, str], int]:
    """What all channel groups together have left of each supply, as new as all that the merchant wrote."""
    units: dict[tuple[str, str], int] = {}
    request = pb.ListSharesRequest(page_size=1000, freshness=merchant.freshness("ledger"))
    for share in (await merchant.stubs.partitioning.ListShares(request)).shares:
        key = share.product.sku, share.warehouse_group
        units[key] = units.get(key, 0) + share.remaining
    return units


async def supplies(merchant: Merchant) -> dict[tuple[str, str], int]:
    """Units of each supply, as the aggregator tells them, as new as all that the merchant wrote."""
    found: dict[tuple[str, str], int] = {}
    request = availability_service_pb2.ListSuppliesRequest(freshness=merchant.freshness())
    async for message in merchant.stubs.availability.ListSupplies(request):
        table = message.table
        for product, group, units in zip(
            table.supply_products, table.supply_warehouse_groups, table.supplies, strict=True
        ):
            found[table.skus[product], table.warehouse_groups[group]] = units
    return found


async def unrest(merchant: Merchant) -> list[str]:
    """Supplies that were divided, of which groups have something else left than there is beside what is held back."""
    merchant.saw(await newest(merchant))
    last = {(each.product.sku, each.warehouse_group): each.held_back for each in await followed(merchant)}
    remaining, told = await left(merchant), await supplies(merchant)
    return [
        f"{remaining.get(each, 0)} left, {held_back} held back of {told[each]} {each}"
        for each, held_back in last.items()
        if remaining.get(each, 0) + held_back != told[each]
    ]


async def at_rest(merchant: Merchant) -> None:
    """Wait until what groups have left, and what is held back, is what there is of every supply; the merchant then sees
    it."""
    found: list[str] = []

    async def rests() -> bool:
        found[:] = await unrest(merchant)
        return not found

    try:
        await until(rests)
    except TimeoutError:
        raise AssertionError(found) from None
    merchant.saw(await newest(merchant))
