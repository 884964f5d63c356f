"""The ledger, over gRPC: what groups may claim."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256

from weir.ledger.v1 import reservation_pb2
from weir.ledger.v1 import reservation_service_pb2 as pb
from weir.ledger.v1.reservation_service_pb2_grpc import ReservationServiceStub
from weir_allocation import claims
from weir_chassis.client import Peer
from weir_chassis.status import passing_on
from weir_partitioning.ports import Numbered

CEILINGS_MAX = 5000
"""The most that the ledger takes at once."""
CEILING_MAX = 10**15
"""The highest that the ledger takes: above it is as good as none."""
EPOCHS_OF_A_LIFE = 10**12
"""A database that is restored draws numbers again that were drawn before, which the ledger would take for old ones. So
its next life begins here, and the one after that as far again.
"""


class PeerCeilings:
    """The ledger that `peer` reaches, asked for the tenant that is named: `Ceilings`."""

    def __init__(self, peer: Peer, *, life: int) -> None:
        """Ask `peer`, in that life of the database, from 1, whose epochs are told."""
        self._peer = peer
        self._before = (life - 1) * EPOCHS_OF_A_LIFE

    async def put(self, tenant: str, epochs: Sequence[Numbered]) -> None:
        stub = ReservationServiceStub(self._peer.with_tenant(tenant).channel)
        for some in _parted([self._drafts(each) for each in epochs]):
            request = pb.SetCeilingsRequest(ceilings=some)
            request.request_id = sha256(request.SerializeToString(deterministic=True)).hexdigest()
            with passing_on():
                await stub.SetCeilings(request)

    def _drafts(self, epoch: Numbered) -> list[reservation_pb2.CeilingDraft]:
        """What the ledger is told of an epoch; what groups lose first, where that takes more than one request."""
        told = [(claim.subject, ceiling) for claim, ceiling in epoch.ceilings.items()]
        told.sort(key=lambda each: each[1] is not None)
        return [
            reservation_pb2.CeilingDraft(
                claim=claims.key(subject),
                ceiling=None if ceiling is None else min(ceiling, CEILING_MAX),
                epoch=self._before + epoch.number,
                subject=subject,
            )
            for subject, ceiling in told
        ]


def _parted(
    epochs: Sequence[list[reservation_pb2.CeilingDraft]],
) -> Iterator[list[reservation_pb2.CeilingDraft]]:
    """As much as a request takes, each epoch whole in one of them unless it alone is too large."""
    some: list[reservation_pb2.CeilingDraft] = []
    for drafts in epochs:
        if some and len(some) + len(drafts) > CEILINGS_MAX:
            yield some
            some = []
        some = some + drafts if some else drafts
        while len(some) > CEILINGS_MAX:
            yield some[:CEILINGS_MAX]
            some = some[CEILINGS_MAX:]
    if some:
        yield some
