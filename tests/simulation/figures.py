"""What a history reached, counted; and the verdict on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.simulation.checker import violations
from tests.simulation.checker.asks import attempts, by_revision
from tests.simulation.clients import within
from tests.simulation.history import Call, History
from tests.simulation.model.books import HELD, micros
from tests.simulation.plan import ENDERS, KILLS
from weir.ledger.v1 import ledger_pb2

COUNTED = ("calls", "revisions", "entries", "audits")
REFUSED: Mapping[str, str] = {
    "INSUFFICIENT_STOCK": "sold out",
    "CLAIM_EXHAUSTED": "claim exhausted",
    "BALANCE_CHANGED": "lost compare-and-set",
    "RESERVATION_EXPIRED": "came after expiry",
    "REQUEST_ID_REUSED": "id with other contents",
    "RESERVATION_CHANGED": "moved meanwhile",
    "BACK_ORDERS_EXHAUSTED": "no more may wait",
    "WAITING_STATE": "waits no longer",
    "OPEN_RESERVATIONS_EXHAUSTED": "channel holds too much",
    "HELD_UNITS_EXHAUSTED": "channel holds too much",
}
REACHED = (
    "sold out",
    "claim exhausted",
    "lost compare-and-set",
    "came after expiry",
    "id with other contents",
    "id repeated",
    "outcome in doubt",
    "hold ran out",
    "hold ran out during a call",
    "shortfall",
    "import",
    "sold beyond what is there",
    "promise moved",
    "promised units moved",
    "moved meanwhile",
    "ceiling set",
    "ceiling superseded",
    "demand taken up",
    "no more may wait",
    "demand promised",
    "demand given up",
    "commits of several",
    "lock wait",
    "watch resumed",
    "kill",
)
"""States that a history must reach to say anything; one that did not is neither right nor wrong."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a history shows: `wrong` is what no ledger may do, `figures` is how often what was reached."""

    seed: int
    wrong: Sequence[str]
    figures: Counter[str]

    @property
    def missing(self) -> list[str]:
        """What was not reached."""
        return [each for each in REACHED if not self.figures[each]]

    def __str__(self) -> str:
        """In a word."""
        if self.wrong:
            return f"{len(self.wrong)} VIOLATIONS"
        return f"UNKNOWN: never reached {', '.join(self.missing)}" if self.missing else "passed"


def judged(history: History) -> Verdict:
    """The verdict on a history."""
    return Verdict(history.seed, violations(history), Counter(dict(_figures(history))))


def _figures(history: History) -> Iterator[tuple[str, int]]:
    """Everything that is counted."""
    asked, _ = attempts(history)
    yield "calls", len(history.calls)
    yield "revisions", max((entry.revision for entry in history.entries), default=0)
    yield "entries", len(history.entries)
    yield "audits", len(history.audits)
    refused = Counter(REFUSED.get(call.refusal.reason, "") for call in history.calls if call.refusal is not None)
    yield from refused.items()
    yield (
        "id repeated",
        sum(call.definite and call.invoked > attempt.until for attempt in asked.values() for call in attempt.calls),
    )
    yield "outcome in doubt", sum(not call.known for call in history.calls)
    expired = [entry for entry in history.entries if entry.kind == ledger_pb2.ENTRY_KIND_EXPIRE]
    yield "hold ran out", len({entry.reservation for entry in expired})
    yield "hold ran out during a call", sum(_beside_expiry(history.calls))
    yield "shortfall", sum(bool(message.shortfalls) for each in history.sessions for _, message in each.seen)
    reserves = [entry for entry in history.entries if entry.kind == ledger_pb2.ENTRY_KIND_RESERVE]
    yield "sold beyond what is there", sum(entry.reserved > entry.on_hand for entry in reserves)
    yield "import", sum(call.method == "ImportSnapshot" and call.answer is not None for call in history.calls)
    made = [attempt for attempt in asked.values() if attempt.told is not None and attempt.told.answer is not None]
    yield "promise moved", sum(attempt.method == "Amend" for attempt in made)
    yield "promised units moved", sum(attempt.method == "Transfer" for attempt in made)
    yield "demand given up", sum(attempt.method == "CancelWaiting" for attempt in made)
    ceilings = [each for each in made if each.method == "SetCeilings"]
    superseded = [len(each.told.answer.superseded) for each in ceilings if each.told]
    yield "ceiling set", sum(len(each.request.ceilings) for each in ceilings) - sum(superseded)
    yield "ceiling superseded", sum(superseded)
    promised = [each.told.answer.outcomes for each in made if each.method == "PromiseWaiting" and each.told]
    yield "demand promised", sum(each.HasField("reservation") for outcomes in promised for each in outcomes)
    taken_up = [each.told.answer for each in made if each.method == "Reserve" and each.told]
    yield "demand taken up", sum(answer.HasField("waiting") for answer in taken_up)
    yield "commits of several", sum(len(done) > 1 for done in by_revision(asked).values())
    yield "lock wait", history.lock_waits
    yield "watch resumed", sum(session.request.HasField("after") for session in history.sessions)
    killed = {kill.value: number for kill, number in KILLS.items()}
    yield "kill", sum(killed.get(fault.what, 0) for fault in history.faults)


def _beside_expiry(calls: Sequence[Call]) -> Iterator[bool]:
    """Of each call that would keep or end a hold, whether the hold ran out while it was under way."""
    expires: dict[str, set[int]] = {}
    for call in calls:
        for found in within(call.answer, "reservation"):
            if found.state == HELD:
                expires.setdefault(found.reservation, set()).add(micros(found.expire_time))
    for call in calls:
        if call.method in ENDERS and call.returned is not None:
            moments: Any = expires.get(call.request.reservation, ())
            yield any(call.invoked < moment < call.returned for moment in moments)


def table(verdicts: Sequence[Verdict]) -> str:
    """All figures, of all histories together and of the one with the fewest."""
    names = [*COUNTED, *dict.fromkeys([*REACHED, *REFUSED.values()])]
    rows = [(name, sum(each.figures[name] for each in verdicts), min(each.figures[name] for each in verdicts))
            for name in names]  # fmt: skip
    lines = [
        f"{'':28}{'in all':>10}{'fewest':>10}",
        *(f"{name:28}{total:>10}{least:>10}" for name, total, least in rows),
    ]
    return "\n".join(lines)
