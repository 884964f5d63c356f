"""Ceilings: how much may be claimed under keys, as whoever sets it says; what is later is not undone by what is
earlier.
"""

from __future__ import annotations

from typing import Any

from tests.simulation.model.books import Books
from weir.ledger.v1 import reservation_pb2, reservation_service_pb2


def set_ceilings(books: Books, request: Any, told: Any = None) -> reservation_service_pb2.SetCeilingsResponse:
    """Those of later epochs than what is set; the keys of the others."""
    answer = reservation_service_pb2.SetCeilingsResponse()
    for each in request.ceilings:
        found = books.claimed(each.claim)
        if each.epoch <= found.epoch:
            answer.superseded.append(each.claim)
            continue
        ceiling = each.ceiling if each.HasField("ceiling") else None
        changed = found._replace(
            ceiling=ceiling, epoch=each.epoch, subject=each.subject or found.subject, revision=books.revision
        )
        books.put("claim", each.claim, changed)
    return answer


def claim(books: Books, name: str) -> reservation_pb2.Claim:
    """What is claimed under a key, and may be, as the ledger tells it."""
    found = books.claimed(name)
    return reservation_pb2.Claim(
        claim=name,
        open=found.open,
        fulfilled=found.fulfilled,
        changed_revision=found.revision,
        ceiling=found.ceiling,
        epoch=found.epoch,
        subject=found.subject,
    )


def changed_claims(books: Books, mark: tuple[int, int]) -> list[reservation_pb2.Claim]:
    """Claims that were changed since, as watchers are told of them: what they stand for where that is new."""
    told: list[reservation_pb2.Claim] = []
    for name, before, now in sorted(books.changed(mark, "claim")):
        told.append(claim(books, name))
        if before is not None and before.subject == now.subject:
            told[-1].subject = ""
    return told
