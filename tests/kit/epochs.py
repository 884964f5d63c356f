"""The epochs of a merchant, one after the other, as a client that follows them is told of them."""

from __future__ import annotations

from collections import deque
from functools import partial

from tests.kit.merchant import Merchant
from tests.kit.waiting import until
from weir.common.v1.revision_pb2 import Revision
from weir.common.v1.stock_pb2 import Product
from weir.ledger.v1 import reservation_service_pb2
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
