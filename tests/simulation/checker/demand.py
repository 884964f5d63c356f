"""Hold what is told of demand against the promises that were made: every unit once, none for a promise that moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from tests.simulation.checker.asks import Attempt
from tests.simulation.history import History
from weir.ledger.v1 import reservation_pb2

Sum = tuple[str, str, str, str, str]
"""A day, a channel, an owner, a stock keeping unit, and what the first claim stands for."""


def miscounted(history: History, asked: Mapping[tuple[str, str], Attempt]) -> Iterator[str]:
    """What ListDemand told, when all was over, that is not what reservations were made with."""
    told = Counter[Sum]()
    for answer in history.demand:
        columns = (answer.days, answer.channels, answer.owners, answer.skus, answer.subjects)
        for *each, units in zip(*columns, answer.units, strict=True):
            told[tuple(each)] += units
    subjects = {each.claim: each.subject for each in _claims(history)}
    days = {each.revision: each.recorded_time.ToDatetime().date().isoformat() for each in history.entries}
    made = Counter[Sum]()
    for attempt in asked.values():
        for found in _made(attempt):
            for line in filter(lambda line: line.quantity, found.lines):
                product = line.stock_item.product
                first = line.claims[0] if line.claims and subjects.get(line.claims[0].claim) else None
                day, subject = days.get(attempt.revision or 0, ""), subjects[first.claim] if first else ""
                made[day, found.channel, product.owner, product.sku, subject] += line.quantity * (
                    first.weight if first else 1
                )
    for key in sorted(told.keys() | made.keys()):
        if told[key] != made[key]:
            yield f"demand of {key}: {told[key]} units are told, {made[key]} were promised"


def _claims(history: History) -> Iterator[reservation_pb2.Claim]:
    """All claims as they stood in the end."""
    for call in reversed(history.calls):
        if call.method == "GetClaims" and call.client == "conclude" and call.answer is not None:
            yield from call.answer.claims
            return


def _made(attempt: Attempt) -> Iterator[reservation_pb2.Reservation]:
    """The reservations that an attempt made, as they then were."""
    answer = attempt.told.answer if attempt.told is not None else None
    if answer is None:
        return
    if attempt.method == "Reserve" and answer.HasField("reservation"):
        yield answer.reservation
    if attempt.method in ("ReserveBatch", "PromiseWaiting"):
        yield from (each.reservation for each in answer.outcomes if each.HasField("reservation"))
