"""What was asked under each request id, and the one outcome it has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.history import Call, History

REUSED = "REQUEST_ID_REUSED"


@dataclass(slots=True)
class Attempt:
    """All calls with one request id, and the first that was told its outcome, if any was.

    `since` is when the contents that count were first sent, `until` when their outcome was first told.
    """

    method: str
    request_id: str
    calls: list[Call] = field(default_factory=list)
    told: Call | None = None
    since: int = 0
    until: int = 0

    @property
    def request(self) -> Any:
        """The contents that count; of several with one digest those whose plan is told."""
        if self.told is None:
            return self.calls[0].request
        if self.method == "Reserve" and self.told.answer is not None:
            for call in self.calls:
                if call.contents == self.told.contents and call.request.draft.plan == self.told.answer.plan:
                    return call.request
        return self.told.request

    @property
    def revision(self) -> int | None:
        """The revision that it was done in; None where it was refused or never done."""
        return self.told.revision if self.told is not None else None

    def __str__(self) -> str:
        """Itself for people."""
        return f"{self.told or self.calls[0]}"


def attempts(history: History) -> tuple[dict[tuple[str, str], Attempt], list[str]]:
    """Every attempt by method and request id; and where one had several outcomes, or none that is known."""
    found: dict[tuple[str, str], Attempt] = {}
    for call in history.calls:
        if call.changes and not call.asks_only:
            name = (call.method, call.request.request_id)
            found.setdefault(name, Attempt(*name)).calls.append(call)
    wrong: list[str] = []
    for attempt in found.values():
        wrong += _resolve(attempt)
    return found, wrong


def _resolve(attempt: Attempt) -> Iterator[str]:
    """Find the outcome; tell what contradicts it."""
    outcomes = [call for call in attempt.calls if call.definite]
    if outcomes:
        first = attempt.told = min(outcomes, key=lambda call: call.returned or 0)
        same = [call for call in attempt.calls if call.contents == first.contents]
        attempt.since = min(call.invoked for call in same)
        attempt.until = first.returned or 0
        for call in outcomes:
            if call.contents != first.contents:
                yield f"one id, two contents done: {first}, and {call}"
            elif (_lasting(call.answer), call.refusal) != (_lasting(first.answer), first.refusal):
                yield f"one id, two outcomes: {call}: {outcome(first)}, then {outcome(call)}"
    for call in attempt.calls:
        if call.refusal is None or call.definite:
            continue
        if call.refusal.reason == REUSED:
            yield from _check_reuse(attempt, call)
        elif attempt.told is not None and attempt.until < call.invoked and call.contents == attempt.told.contents:
            yield f"one id, two outcomes: {call}: {outcome(attempt.told)}, then {outcome(call)}"


def recalled_wrongly(history: History, asked: dict[tuple[str, str], Attempt]) -> Iterator[str]:
    """What GetReserveOutcome told, when all was over, that is not what the attempt was told."""
    for call in history.calls:
        if call.method != "GetReserveOutcome" or not call.known:
            continue
        told = asked["Reserve", call.request.request_id].told
        made = told.answer if told is not None else None
        if (call.answer is None) != (made is None) or (made is not None and _made(made) != _made(call.answer)):
            yield f"recalled otherwise: {call}: {outcome(call)}, not {'nothing' if told is None else outcome(told)}"


def _made(answer: Any) -> tuple[Any, ...]:
    """What a Reserve made, by its answer or by that of GetReserveOutcome."""
    return answer.reservation, answer.plan, answer.waiting, answer.revision


def _lasting(answer: Any) -> Any:
    """What of an answer each repetition has to tell again: of an import not when it was last touched."""
    if answer is None or not hasattr(answer, "snapshot_import"):
        return answer
    made = type(answer)()
    made.CopyFrom(answer)
    made.ClearField("revision")
    made.snapshot_import.ClearField("update_time")
    return made


def _check_reuse(attempt: Attempt, call: Call) -> Iterator[str]:
    """Nobody is told that an id was used for other contents, unless it was by then, or was just being tried."""
    returned = call.returned or 0
    others = [each for each in attempt.calls if each.contents != call.contents and each.invoked < returned]
    done = [each for each in others if attempt.told is not None and each.contents == attempt.told.contents]
    beside = [each for each in others if each.returned is None or each.returned > call.invoked]
    if not done and not beside:
        yield f"refused as reused, but it was not: {call}"


def outcome(call: Call) -> str:
    """How a call ended, for people."""
    if call.refusal is not None:
        return f"{call.refusal.reason} {call.refusal.numbers}"
    return " ".join(str(call.answer).split()) if call.answer is not None else "unknown"


def by_revision(asked: dict[tuple[str, str], Attempt]) -> dict[int, list[Attempt]]:
    """What was done in each revision."""
    found: defaultdict[int, list[Attempt]] = defaultdict(list)
    for attempt in asked.values():
        if attempt.revision is not None and attempt.method != "ImportSnapshot":
            found[attempt.revision].append(attempt)
    return found
