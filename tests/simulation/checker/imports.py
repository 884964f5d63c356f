"""Hold imports of snapshots against the model: every line has one fate, and the right one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from tests.simulation.checker.asks import Attempt
from tests.simulation.checker.commits import Commit
from tests.simulation.checker.holdings import Holdings
from tests.simulation.checker.justify import Waiting
from tests.simulation.checker.times import Seen
from tests.simulation.history import Call, History
from tests.simulation.model import Books, Refused
from tests.simulation.model.books import STOCK, Item
from tests.simulation.model.snapshots import STALE, Figure, absent, apply, figures, is_absent
from weir.ledger.v1 import snapshot_pb2

METHOD = "ImportSnapshot"


class Imports:
    """All imports of a history, by request id."""

    def __init__(
        self, history: History, asked: Mapping[tuple[str, str], Attempt], commits: Sequence[Commit], seen: Seen
    ) -> None:
        """Those that were `asked` for, and what the `commits` say they counted."""
        self.by_name = {name: attempt for (method, name), attempt in asked.items() if method == METHOD}
        self._seen = seen
        self._listed: dict[str, Call] = {
            call.request.request_id: call
            for call in history.calls
            if call.method == "ListSnapshotLines" and call.answer is not None
        }
        self._commits = commits
        self._counted: dict[str, Counter[Item]] = {name: Counter() for name in self.by_name}
        self._revisions: dict[str, set[int]] = {name: set() for name in self.by_name}
        for number, commit in enumerate(commits, 1):
            for entry in commit.entries:
                if entry.request_id in self.by_name and entry.account == STOCK:
                    self._counted[entry.request_id][entry.item] += 1
                    self._revisions[entry.request_id].add(number)

    def waiting(self, most: int) -> Iterator[Waiting]:
        """Every line that was not applied, to be justified."""
        for name, attempt in self.by_name.items():
            asked = list(figures(attempt.request))
            for each in self._listed[name].answer.lines if name in self._listed else ():
                reason = STALE if each.state == snapshot_pb2.SNAPSHOT_LINE_STATE_STALE else each.reason
                what = f"line {each.line} is {reason}: {attempt}"
                holds = partial(_refuses, attempt, asked[each.line - 1], reason)
                yield Waiting(what, holds, self._seen.by(attempt.since), most)

    def wrong(self, books: Books) -> Iterator[str]:
        """What is wrong with how imports ended; `books` are those at the end."""
        for name, attempt in self.by_name.items():
            if attempt.told is None or name not in self._listed:
                yield f"an import without an end: {attempt}"
                continue
            yield from self._wrong_moments(name, attempt)
            kept = Counter(each.state for each in self._listed[name].answer.lines)
            named = {each.item for each in figures(attempt.request)}
            counted = self._counted[name]
            applied = sum(units for item, units in counted.items() if item in named)
            told = _ended(attempt, applied, sum(counted.values()) - applied, kept)
            if attempt.told.answer is not None:
                zeroing = bool(attempt.request.feed.full_scopes)
                if not _alike(attempt.told.answer.snapshot_import, told, zeroing):
                    yield f"an import ended as {attempt.told.answer.snapshot_import}, not as {told}: {attempt}"
                yield from self._left(attempt, books)
            elif counted or int(attempt.told.refusal.numbers.get("refused", 0)) != told.refused:  # type: ignore[union-attr]
                yield f"an import that was refused for other lines, or not wholly: {attempt}"

    def _wrong_moments(self, name: str, attempt: Attempt) -> Iterator[str]:
        """Counts of an import that were recorded before it was asked for, or after it had ended."""
        for number in sorted(self._revisions[name]):
            recorded = self._commits[number - 1].recorded
            if number <= self._seen.by(attempt.since) or not attempt.since <= recorded <= attempt.until:
                yield f"counted at revision {number}, which is not between call and answer: {attempt}"

    def _left(self, attempt: Attempt, books: Books) -> Iterator[str]:
        """Stock items that should have been set to zero and were not."""
        assert attempt.told is not None
        if attempt.told.answer.snapshot_import.absent_left:
            return
        before = self._seen.by(attempt.since)
        booked = {entry.item for commit in self._commits[:before] for entry in commit.entries}
        for item in sorted(booked):
            counted = books.count(item).counted
            figure = absent(attempt.request, item)
            if is_absent(attempt.request, item) and (counted is None or counted < figure.as_of):
                yield f"{item} was not named and not set to zero: {attempt}"


def _refuses(attempt: Attempt, figure: Figure, reason: str, books: Books, _: Holdings) -> bool:
    """Whether the model refuses a figure for a reason."""
    mark = books.mark()
    try:
        apply(books, attempt.request, figure)
    except Refused as refused:
        return refused.reason == reason
    finally:
        books.undo(mark)
    return False


def _ended(attempt: Attempt, applied: int, zeroed: int, kept: Counter[int]) -> snapshot_pb2.SnapshotImport:
    """How an import must have ended, by the fates of its lines."""
    refused = kept[snapshot_pb2.SNAPSHOT_LINE_STATE_REFUSED]
    zeroing = attempt.request.feed.absent_items == snapshot_pb2.ABSENT_ITEMS_SET_TO_ZERO
    return snapshot_pb2.SnapshotImport(
        request_id=attempt.request_id,
        state=snapshot_pb2.SNAPSHOT_IMPORT_STATE_DONE,
        next_line=len(attempt.request.lines) + 1,
        applied=applied,
        stale=kept[snapshot_pb2.SNAPSHOT_LINE_STATE_STALE],
        refused=refused,
        zeroed=zeroed,
        absent_left=bool(zeroing and attempt.request.feed.full_scopes and refused),
    )


def _alike(told: snapshot_pb2.SnapshotImport, expected: snapshot_pb2.SnapshotImport, zeroing: bool) -> bool:
    """Whether two tell the same, but for moments; and the lines that were applied, stale and refused are all."""
    made = snapshot_pb2.SnapshotImport()
    made.CopyFrom(told)
    made.ClearField("create_time")
    made.ClearField("update_time")
    if not expected.absent_left and zeroing:
        made.absent_left = False  # an item that was not named may have been refused by itself
    return made == expected and told.applied + told.stale + told.refused == told.next_line - 1
