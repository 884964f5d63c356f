"""The ledger, over gRPC: what groups' orders have taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weir.common.v1 import revision_pb2
from weir.ledger.v1 import reservation_service_pb2 as pb
from weir.ledger.v1.reservation_service_pb2_grpc import ReservationServiceStub
from weir_allocation.claims import Claim
from weir_chassis.client import Peer
from weir_chassis.revisions import Revision, Vector, from_wire
from weir_chassis.status import passing_on
from weir_partitioning.ports import Claimed

CLAIMS_MAX = 100
"""The most that the ledger answers at once."""
NOBODYS = "share:"
"""A key that no claim has: what is asked where no claim is meant, to hear of the revision."""


class PeerClaims:
    """The ledger that `peer` reaches, asked for the tenant that is named: `Claims`."""

    def __init__(self, peer: Peer) -> None:
        """Ask `peer`."""
        self._peer = peer

    async def claimed(
        self, tenant: str, claims: Sequence[Claim], fresh: Vector
    ) -> tuple[Mapping[Claim, Claimed], Revision]:
        stub = ReservationServiceStub(self._peer.with_tenant(tenant).channel)
        freshness = revision_pb2.Freshness(at_least=[each.to_wire() for each in fresh.values()])
        found: dict[Claim, Claimed] = {}
        revision: revision_pb2.Revision | None = None
        for first in range(0, len(claims) or 1, CLAIMS_MAX):
            some = claims[first : first + CLAIMS_MAX]
            request = pb.GetClaimsRequest(claims=[each.key for each in some] or [NOBODYS], freshness=freshness)
            with passing_on():
                answer = await stub.GetClaims(request)
            if revision is None:
                revision = answer.revision
                freshness = revision_pb2.Freshness(at_least=[revision])
            found.update(zip(some, (Claimed(each.open, each.fulfilled) for each in answer.claims), strict=False))
        assert revision is not None
        return found, from_wire(revision)
