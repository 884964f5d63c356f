"""What is in whose custody, as the ledger says over gRPC."""

from __future__ import annotations

from weir.common.v1 import revision_pb2, stock_pb2
from weir.ledger.v1 import ledger_pb2
from weir.ledger.v1 import ledger_service_pb2 as pb
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from weir_chassis.client import Peer
from weir_chassis.revisions import Revision, Vector, from_wire
from weir_chassis.status import passing_on
from weir_pooling.domain.deeds import Item
from weir_pooling.domain.views import Count, StockQuery
from weir_pooling.ports import Held
from weir_pooling.wire.words import CONDITIONS, CONDITIONS_TOLD, to_item


class PeerHoldings:
    """The ledger that `peer` reaches, asked for the tenant of the call being answered: `Holdings`."""

    def __init__(self, peer: Peer) -> None:
        """Ask `peer`."""
        self._ledger = LedgerServiceStub(peer.channel)

    async def held(
        self,
        custodian: str,
        asked: StockQuery,
        *,
        after: Item | None,
        limit: int,
        fresh: Vector,
        at: Revision | None = None,
    ) -> Held:
        request = pb.ListBalancesRequest(
            skus=asked.skus,
            locations=asked.locations,
            custodian=custodian,
            condition=stock_pb2.CONDITION_UNSPECIFIED if asked.condition is None else CONDITIONS_TOLD[asked.condition],
            held_only=True,
            after_stock_item=to_item(after) if after is not None else None,
            page_size=limit,
            freshness=revision_pb2.Freshness(at_least=[each.to_wire() for each in fresh.values()]),
            as_of=ledger_pb2.AsOf(revision=at.to_wire()) if at is not None else None,
        )
        with passing_on():
            answer = await self._ledger.ListBalances(request)
        return Held(
            [_count(each) for each in answer.balances], from_wire(answer.revision), bool(answer.next_page_token)
        )


def _count(message: ledger_pb2.Balance) -> Count:
    item = message.stock_item
    return Count(
        Item(
            item.product.owner,
            item.product.sku,
            item.location,
            item.lot,
            item.uom,
            item.custodian,
            CONDITIONS[item.condition],
        ),
        message.on_hand,
        message.reserved,
        message.available,
        message.expiry_date,
    )
