"""What the moments of a history tell: what everybody could know by then, and when the ledger decided."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import Any

from tests.simulation.history import Call, History
from tests.simulation.model.books import item, micros
from weir.ledger.v1 import ledger_pb2


class Seen:
    """Which revisions had been shown to anybody, by when."""

    def __init__(self, history: History) -> None:
        """Take every answer and every message to a watcher."""
        shown = [(call.returned, call.revision) for call in history.calls if call.returned and call.revision]
        shown += [(at, each.through.number) for session in history.sessions for at, each in session.seen]
        shown.sort()
        self._moments = [at for at, _ in shown]
        self._newest = list(accumulate((revision for _, revision in shown), max))

    def by(self, moment: int) -> int:
        """The newest revision that anybody was shown before a moment: whoever asks then must see it."""
        place = bisect_left(self._moments, moment)
        return self._newest[place - 1] if place else 0


def moment_told(call: Call | None, since: int) -> int | None:
    """The moment at which the ledger decided what was asked `since`, in microseconds, as the answer tells it; None
    where it does not."""
    if call is None or call.answer is None:
        return None
    asked, answer = call.request, call.answer
    match call.method:
        case "Reserve":
            made = answer.reservation if answer.HasField("reservation") else answer.waiting
            return micros(made.create_time)
        case "ReserveBatch" | "PromiseWaiting":
            made = [each.reservation for each in answer.outcomes if each.HasField("reservation")]
            return micros(made[0].create_time) if made else None
        case "Extend":
            return micros(answer.reservation.expire_time) - int(asked.hold_duration.ToMicroseconds())
        case "MarkHandedOver" if not asked.HasField("handed_over_time"):
            lines = [each for each in answer.reservation.lines if (each.line in asked.lines or not asked.lines)]
            return max((micros(each.handed_over_time) for each in lines), default=None)
        case "RecordMovements":
            return _counted(call, since)
    return None


def _counted(call: Call, since: int) -> int | None:
    """When goods were counted that were said to be counted now."""
    now = [item(each.stock_item) for each in call.request.movements if _counts_now(each)]
    told = [micros(each.counted_time) for each in call.answer.balances if item(each.stock_item) in now]
    return max((moment for moment in told if moment >= since), default=None)


def _counts_now(movement: Any) -> bool:
    return bool(movement.kind == ledger_pb2.ENTRY_KIND_COUNT) and not movement.HasField("occurred_time")
