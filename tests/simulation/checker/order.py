"""Find an order in which the model does what one commit did: that of the entries, and a place for what made none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from tests.simulation.checker.asks import Attempt
from tests.simulation.checker.commits import Commit
from tests.simulation.model import DECISIONS, Books, Refused, expire
from tests.simulation.model.books import STOCK, Booked, Promise, micros
from tests.simulation.model.snapshots import absent, apply, figures, is_absent
from weir.ledger.v1 import ledger_pb2

_LAST = 99
"""More than the number of any state."""
TRIES_MAX = 5000
"""How often a step is tried before a commit is said to have no order."""


@dataclass(frozen=True, slots=True)
class Done:
    """A write that was accepted, with the entries it made."""

    attempt: Attempt
    answer: Any
    entries: Sequence[Booked]

    def apply(self, books: Books, clock: tuple[int, int]) -> str | None:
        """Do it on the model; what differs from what the ledger did, None where nothing does.

        What channels hold is limited by whole commits: see `Replay`.
        """
        books.now, books.room_matters = clock[0], False
        made = len(books.entries)
        try:
            expected = DECISIONS[self.attempt.method](books, self.attempt.request, self.answer)
        except Refused as refused:
            return f"done, but to be refused as {refused.reason} {refused.numbers}: {self.attempt}"
        finally:
            books.room_matters = True
        if expected != self.answer:
            return f"done otherwise: {self.attempt}: {differing(self.answer, expected)}"
        return _same_entries(self.entries, books.entries[made:])


@dataclass(frozen=True, slots=True)
class Expired:
    """A hold that ran out, with the entries that it made."""

    reservation: str
    entries: Sequence[Booked]

    def apply(self, books: Books, clock: tuple[int, int]) -> str | None:
        """As `Done.apply`."""
        books.now = clock[1]
        made = len(books.entries)
        try:
            expire(books, self.reservation)
        except Refused as refused:
            return f"a hold was ended that had not run out: {refused.numbers}"
        return _same_entries(self.entries, books.entries[made:])


@dataclass(frozen=True, slots=True)
class Counted:
    """A part of an import of a snapshot, with the entries that it made."""

    attempt: Attempt
    entries: Sequence[Booked]

    def apply(self, books: Books, clock: tuple[int, int]) -> str | None:
        """As `Done.apply`."""
        asked = self.attempt.request
        named = {figure.item: figure for figure in figures(asked)}
        made = len(books.entries)
        for entry in self.entries:
            if entry.account != STOCK:
                continue
            if books.get("counted", (asked.request_id, entry.item)):
                return f"{entry.item} was counted twice by {self.attempt}"
            if entry.item not in named and not is_absent(asked, entry.item):
                return f"{entry.item} was counted, but not by {self.attempt}"
            books.put("counted", (asked.request_id, entry.item), True)
            try:
                apply(books, asked, named.get(entry.item) or absent(asked, entry.item))
            except Refused as refused:
                return f"counted, but to be refused as {refused.reason}: {entry.item} by {self.attempt}"
        return _same_entries(self.entries, books.entries[made:])


Step = Done | Expired | Counted


def ordered(
    books: Books,
    commit: Commit,
    attempts: Sequence[Attempt],
    imports: Mapping[str, Attempt],
    clock: tuple[int, int],
) -> list[Step] | str:
    """The steps of a commit in an order in which the model follows; else why it does not. The books stay as they are.

    It holds the `attempts` that were told its revision, parts of any of the `imports`, and holds that ran out.

    What made no entries is placed as early as it fits: it confirms, prolongs or marks one reservation, or gives up
    what waits, which can only make more of the rest possible; or lets something wait. Clients prolong and mark one
    reservation always alike, so that no order of such is left to guess.
    """
    by_name = {each.request_id: each for each in attempts}
    steps: list[Step] = []
    for source, group in groupby(commit.entries, lambda each: each.request_id or (each.reservation,)):
        entries = list(group)
        if isinstance(source, tuple):
            if entries[0].kind != ledger_pb2.ENTRY_KIND_EXPIRE:
                return f"units moved, and nobody asked for it: {entries[0]}"
            steps.append(Expired(source[0], entries))
            continue
        if source in imports:
            steps.append(Counted(imports[source], entries))
            continue
        attempt = by_name.pop(source, None)
        if attempt is None:
            return f"units moved by {source}, which was not done here: {entries[0]}"
        steps.append(Done(attempt, stripped(attempt), entries))
    loose = [Done(each, stripped(each), ()) for each in by_name.values()]
    loose.sort(key=lambda each: _progress(books, each))
    search = _Search(books, clock, steps, loose)
    mark = books.mark()
    found = search.run()
    books.undo(mark)
    return search.order if found else f"no order is right; the farthest fails where {search.reason}"


def _progress(books: Books, step: Done) -> tuple[int, bool, int]:
    """How far a reservation had come when it was told: those who were told less are placed before the others.

    What changes demands comes last, and of it what gives them up: where it is wrong there, least has to be tried again.
    """
    if step.attempt.method == "CancelWaiting":
        return _LAST, True, sum(line.cancelled for line in step.answer.waiting.lines)
    if step.attempt.method == "PromiseWaiting" or (hasattr(step.answer, "waiting") and step.answer.HasField("waiting")):
        return _LAST, False, 0
    if not hasattr(step.answer, "reservation"):
        return 0, False, 0
    told = step.answer.reservation
    before: Promise | None = books.get("promise", told.reservation)
    expires = micros(told.expire_time) if told.HasField("expire_time") else None
    prolonged = before is not None and before.expires != expires
    return told.state, prolonged, sum(line.HasField("handed_over_time") for line in told.lines)


class _Search:
    """Tries places for the steps without entries, the earliest first."""

    def __init__(self, books: Books, clock: tuple[int, int], steps: Sequence[Step], loose: Sequence[Done]) -> None:
        self._books = books
        self._clock = clock
        self._steps = steps
        self._loose = list(loose)
        self._tries = 0
        self._farthest = -1
        self.order: list[Step] = []
        self.reason = ""

    def run(self) -> bool:
        """Whether the rest can be put after what is in order by now."""
        placed = len(self.order)
        if placed == len(self._steps) + len(self._loose):
            return True
        bound = [each for each in self.order if each.entries]
        nexts: list[Step] = [each for each in self._loose if each not in self.order]
        nexts += self._steps[len(bound) : len(bound) + 1]
        for step in nexts:
            self._tries += 1
            if self._tries > TRIES_MAX:
                return False
            mark = self._books.mark()
            differs = step.apply(self._books, self._clock)
            if differs is None:
                self.order.append(step)
                if self.run():
                    return True
                self.order.pop()
            elif placed >= self._farthest:
                self._farthest, self.reason = placed, differs
            self._books.undo(mark)
        return False


def stripped(attempt: Attempt) -> Any:
    """The answer to an attempt without its revision, and without the sentences of refusals, which are the ledger's."""
    assert attempt.told is not None
    answer = type(attempt.told.answer)()
    answer.CopyFrom(attempt.told.answer)
    answer.ClearField("revision")
    for outcome in getattr(answer, "outcomes", ()):
        outcome.refusal.ClearField("message") if outcome.HasField("refusal") else None
    return answer


def differing(answer: Any, expected: Any) -> str:
    """Two answers, for people."""
    return f"told {' '.join(str(answer).split())}, expected {' '.join(str(expected).split())}"


def _same_entries(told: Sequence[Booked], expected: Sequence[Booked]) -> str | None:
    if list(told) == list(expected):
        return None
    return f"entered {list(told)}, expected {list(expected)}"
