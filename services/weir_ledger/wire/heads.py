"""Heads of the chain of digests, signed to be kept outside of the database, and known again."""

import json
from collections.abc import Iterator, Sequence

from weir.ledger.v1 import ledger_pb2, ledger_service_pb2
from weir_chassis.fields import Fields
from weir_chassis.revisions import Origin, Vector, at_least
from weir_chassis.signing import SigningKey
from weir_ledger.domain.chain import ChainHead
from weir_ledger.errors import SigningKeyMissing
from weir_ledger.wire.answers import timestamp

KIND = "weir-ledger-head"
"""The type of what is signed, so that nothing else that the key may sign is taken for a head."""
HEADS_MAX = 10


class Heads:
    """The heads of the books of one origin; every method raises SigningKeyMissing where it needs a key and has none."""

    def __init__(self, origin: Origin, key: SigningKey | None) -> None:
        """Sign by `key`, if there is one."""
        self._origin = origin
        self._key = key

    def signed(self, tenant: str, head: ChainHead) -> ledger_service_pb2.GetSignedHeadResponse:
        """The head of a tenant's chain, and the same signed."""
        if self._key is None:
            raise SigningKeyMissing
        statement = {
            "tenant": tenant,
            "cluster": self._origin.cluster,
            "epoch": self._origin.epoch,
            "revision": head.revision,
            "digest": head.digest.hex(),
        }
        if head.recorded_at is not None:
            statement["recorded_time"] = f"{head.recorded_at:%Y-%m-%dT%H:%M:%S.%fZ}"
        return ledger_service_pb2.GetSignedHeadResponse(
            head=ledger_pb2.ChainHead(
                revision=self._origin.revision(head.revision).to_wire(),
                digest=head.digest,
                recorded_time=timestamp(head.recorded_at),
            ),
            signed_head=self._key.sign(KIND, statement),
            public_key=json.dumps(self._key.public),
        )

    def verify_books(
        self, tenant: str, request: ledger_service_pb2.VerifyBooksRequest
    ) -> tuple[tuple[ChainHead, ...], Vector]:
        """The heads that must stand in the chain of a tenant's books, and how fresh those must be."""
        with Fields() as fields:
            seen = at_least(fields, request.freshness)
            heads = tuple(self._known(fields, tenant, request.signed_heads)) if self._key else ()
        if request.signed_heads and self._key is None:
            raise SigningKeyMissing
        return heads, seen

    def _known(self, fields: Fields, tenant: str, heads: Sequence[str]) -> Iterator[ChainHead]:
        """The heads of a request; takes a note of each that is none, without saying why."""
        assert self._key
        for each, signed in fields.each("signed_heads", heads, least=0, most=HEADS_MAX):
            statement = self._key.read(KIND, signed)
            if statement is None or (statement["tenant"], statement["cluster"]) != (tenant, self._origin.cluster):
                each.refuse("", "Not a head of these books that this ledger signed.")
                continue
            yield ChainHead(statement["revision"], bytes.fromhex(statement["digest"]))
