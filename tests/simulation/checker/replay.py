"""Replay what was done on the model, revision by revision, and hold every answer against it."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.simulation.checker.asks import REUSED, Attempt, by_revision
from tests.simulation.checker.commits import Commit
from tests.simulation.checker.holdings import Holdings
from tests.simulation.checker.imports import Imports
from tests.simulation.checker.justify import Waiting, answered
from tests.simulation.checker.order import Step, differing, ordered
from tests.simulation.checker.times import Seen, moment_told
from tests.simulation.history import Call, History
from tests.simulation.model import DECISIONS, READS, Books
from tests.simulation.model.books import HELD, Promise, iso
from tests.simulation.model.ceilings import changed_claims
from tests.simulation.model.lots import lot
from tests.simulation.model.waiting import back_orders
from weir.ledger.v1 import ledger_pb2, reservation_pb2, waiting_pb2


@dataclass(frozen=True, slots=True)
class Told:
    """What watchers have to be told of a commit, beside its entries."""

    claims: Sequence[reservation_pb2.Claim]
    shortfalls: Sequence[ledger_pb2.ShortfallChange]
    lots: Sequence[ledger_pb2.Lot]
    waiting: Sequence[waiting_pb2.Waiting]
    back_orders: Sequence[waiting_pb2.BackOrders]


class Replay:
    """One pass over a history."""

    def __init__(self, history: History, asked: Mapping[tuple[str, str], Attempt], commits: Sequence[Commit]) -> None:
        """Judge what was `asked` by the `commits` that came of it."""
        self._history = history
        self._commits = commits
        self._done = by_revision(dict(asked))
        self._seen = Seen(history)
        self._imports = Imports(history, asked, commits, self._seen)
        self._books = Books(history.limits)
        self._wrong: list[str] = []
        self.told: list[Told] = []
        """Of each revision, from 1 on, as far as the replay came."""
        self._questions: defaultdict[int, list[Call]] = defaultdict(list)
        for call in history.calls:
            if call.answer is not None and call.method in READS:
                self._questions[call.answer.revision.number].append(call)
        self._waiting = deque(sorted(self._to_justify(asked), key=lambda each: each.least))
        self._active: list[Waiting] = []
        self._holdings = Holdings(history.limits)

    def run(self) -> list[str]:
        """What is wrong; after the first revision that the model cannot follow nothing more can be said."""
        self._wrong += self._misplaced()
        self._end_revision(0)
        for number, commit in enumerate(self._commits, 1):
            self._books.begin(number, commit.recorded)
            clock = self._clock(number, commit)
            done = self._done.get(number, [])
            steps = ordered(self._books, commit, done, self._imports.by_name, clock)
            if isinstance(steps, str):
                return [*self._wrong, f"revision {number}: {steps}"]
            self._replay(number, steps, clock)
            self._end_revision(number)
        self._wrong += map(str, [*self._active, *self._waiting])
        return [*self._wrong, *self._overdue(), *self._imports.wrong(self._books)]

    # Where answers belong.

    def _to_justify(self, asked: Mapping[tuple[str, str], Attempt]) -> Iterator[Waiting]:
        """Every answer that is no write: refusals, what was only asked, and questions that were refused."""
        for attempt in asked.values():
            if attempt.method not in DECISIONS:
                continue  # an import: it is held against the model line by line
            if attempt.told is not None and attempt.told.refusal is not None:
                yield self._window(attempt.told, attempt.since, attempt.until)
            before = attempt.revision or len(self._commits) + 1
            for call in attempt.calls:
                if call.refusal is not None and not call.definite and call.refusal.reason != REUSED:
                    yield self._window(call, call.invoked, call.returned or 0, before)
        yield from self._imports.waiting(len(self._commits))
        for call in self._history.calls:
            if call.known and (call.asks_only or (call.refusal is not None and call.method in READS)):
                yield self._window(call, call.invoked, call.returned or 0)

    def _window(self, call: Call, since: int, until: int, before: int = 2**62) -> Waiting:
        """Between which revisions an answer was found, given when it was asked for and told."""
        most = bisect_right(self._commits, until, key=lambda commit: commit.recorded)
        return answered(call, self._seen.by(since), most, (since, until), before)

    def _misplaced(self) -> Iterator[str]:
        """Writes whose revision lies before they were asked for, or after they were told; questions answered stale."""
        for number, attempts in self._done.items():
            if number > len(self._commits):
                yield from (f"acknowledged at revision {number}, which is not there: {each}" for each in attempts)
                continue
            recorded = self._commits[number - 1].recorded
            for each in attempts:
                if number <= self._seen.by(each.since) or not each.since <= recorded <= each.until:
                    yield f"done at revision {number}, which is not between its call and its answer: {each}"
        for number, calls in self._questions.items():
            for call in calls:
                if number < self._seen.by(call.invoked) or number > len(self._commits):
                    yield f"answered as of revision {number}, which is not of that moment: {call}"

    def _clock(self, number: int, commit: Commit) -> tuple[int, int]:
        """Between which moments a revision was decided; twice the same where an answer tells."""
        done = self._done.get(number, [])
        earliest = max((each.since for each in done), default=0)
        told = {moment for each in done if (moment := moment_told(each.told, each.since)) is not None}
        if len(told) > 1:
            self._wrong.append(f"revision {number} was decided at several moments: {sorted(told)}")
        for moment in told:
            if not earliest <= moment <= commit.recorded:
                self._wrong.append(f"revision {number} was decided at {moment}, not in its time")
            return moment, moment
        return earliest, commit.recorded

    def _overdue(self) -> Iterator[str]:
        """Holds that should have been ended by the time that all was over."""
        over = max((call.invoked for call in self._history.calls if call.client == "settle"), default=0)
        promises: Mapping[str, Promise] = self._books.every("promise")
        for name, promise in promises.items():
            if promise.state == HELD and promise.expires is not None and promise.expires < over:
                yield f"the hold of {name} ran out at {iso(promise.expires)} and was not ended"

    # Going forward.

    def _replay(self, number: int, steps: Sequence[Step], clock: tuple[int, int]) -> None:
        """Do again what was done, and see at each state what it justifies."""
        mark = self._books.mark()
        self._holdings.begin(self._books, steps, clock)
        for step in steps:
            assert step.apply(self._books, clock) is None
            self._justify(number)
        self._check_room(number, mark)
        shortfalls = self._shortfalls(mark, self._commits[number - 1].recorded)
        waiting, counted = self._waits(mark)
        self.told.append(Told(changed_claims(self._books, mark), shortfalls, self._lots(mark), waiting, counted))

    def _check_room(self, number: int, mark: tuple[int, int]) -> None:
        """No commit leaves a channel with more than it may hold, and with more than before, what was sold already left
        out."""
        limits = self._history.limits
        sold = {channel: now - (before or 0) for channel, before, now in self._books.changed(mark, "sold")}
        for channel, before, after in self._books.changed(mark, "held"):
            was, now = before or (0, 0), (after[0] - sold.get(channel, 0), after[1])
            if channel and any(
                new > old and new > limit
                for old, new, limit in zip(
                    was, now, (limits.channel_reservations, limits.channel_held_units), strict=True
                )
            ):
                self._wrong.append(f"after revision {number} channel {channel!r} holds more than it may: {after}")

    def _end_revision(self, number: int) -> None:
        """Answer the questions asked of it, and drop what was to be justified by now."""
        self._holdings.end(number, self._books.every("held"))
        while self._waiting and self._waiting[0].least <= number:
            self._active.append(self._waiting.popleft())
        self._justify(number)
        for call in self._questions.get(number, []):
            expected = READS[call.method](self._books, call.request)
            expected.revision.CopyFrom(call.answer.revision)
            if expected != call.answer:
                self._wrong.append(
                    f"answered wrongly as of revision {number}: {call}: {differing(call.answer, expected)}"
                )
        self._wrong += [str(each) for each in self._active if each.most <= number]
        self._active = [each for each in self._active if each.most > number]

    def _justify(self, number: int) -> None:
        """Strike out what the model would answer the same in this state."""
        self._active = [each for each in self._active if not each.justified(self._books, self._holdings, number)]

    def _lots(self, mark: tuple[int, int]) -> list[ledger_pb2.Lot]:
        """Lots that a commit changed."""
        return [lot(self._books, name) for name, _, _ in sorted(self._books.changed(mark, "lot"))]

    def _waits(self, mark: tuple[int, int]) -> tuple[list[waiting_pb2.Waiting], list[waiting_pb2.BackOrders]]:
        """Demands that a commit changed, the new ones with what is kept with them; and products of which another number
        of units waits, or may."""
        demands = sorted(self._books.changed(mark, "demand"))
        products = sorted(product for product, _, _ in self._books.changed(mark, "waits"))
        told = [now.message(now.plan if before is None else b"") for _, before, now in demands]
        return told, [back_orders(self._books, each) for each in products]

    def _shortfalls(self, mark: tuple[int, int], recorded: int) -> list[ledger_pb2.ShortfallChange]:
        """Shortfalls that a commit changed; noted is when they opened."""
        changes: list[ledger_pb2.ShortfallChange] = []
        for what, before, after in list(self._books.changed(mark, "count")):
            was, now = before.shortfall if before else 0, after.shortfall
            if was != now:
                changes.append(ledger_pb2.ShortfallChange(stock_item=what.message(), before=was, after=now))
            if bool(was) != bool(now):
                self._books.put("short", what, recorded if now else None)
        return changes
