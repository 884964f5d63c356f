"""What has to be justified: an answer that changed nothing must be what the model says at some state while it was
asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.simulation.checker.asks import outcome
from tests.simulation.checker.holdings import Holdings
from tests.simulation.checker.times import moment_told
from tests.simulation.history import Call
from tests.simulation.model import DECISIONS, READS, Books, Refused

ROOMY = ("Reserve", "ReserveBatch", "Amend")
"""What depends on what a channel holds."""


@dataclass(slots=True)
class Waiting:
    """Something that a state after revision `least`, and none after `most`, has to justify.

    `before` is the revision that its own attempt was done in: whoever asks after that is told of it.
    """

    what: str
    holds: Callable[[Books, Holdings], bool]
    least: int
    most: int
    before: int = 2**62

    def justified(self, books: Books, holdings: Holdings, revision: int) -> bool:
        """Whether a state within, or at the end of, a revision justifies it; the books stay as they are."""
        return revision <= self.most and revision < self.before and self.holds(books, holdings)

    def __str__(self) -> str:
        """That nothing does."""
        return f"without reason at any state after revision {self.least} up to {self.most}: {self.what}"


def answered(call: Call, least: int, most: int, clock: tuple[int, int], before: int = 2**62) -> Waiting:
    """The answer or refusal of a call that was decided between two moments."""
    what = f"{'refused' if call.refusal is not None else 'answered'}: {call}: {outcome(call)}"

    def holds(books: Books, holdings: Holdings) -> bool:
        return _same(books, call, clock) or (
            call.method in ROOMY
            and (
                _same_but_for_room(books, call, clock, least, holdings)
                or _same_but_for_waiting(books, call, clock, holdings)
            )
        )

    return Waiting(what, holds, least, most, before)


def _same(books: Books, call: Call, clock: tuple[int, int]) -> bool:
    """Whether the model answers a call as the ledger did."""
    decide: Any = DECISIONS.get(call.method)
    for moment in _moments(books, call, clock):
        mark = books.mark()
        books.now = moment
        try:
            if decide is None:
                READS[call.method](books, call.request)
            elif call.answer is not None:
                return bool(_unnumbered(decide(books, call.request, call.answer)) == _unnumbered(call.answer))
            else:
                decide(books, call.request, None)
        except Refused as refused:
            refusal = call.refusal
            if refusal is not None and (refusal.reason, refusal.numbers) == (refused.reason, refused.numbers):
                return True
        finally:
            books.undo(mark)
    return False


def _moments(books: Books, call: Call, clock: tuple[int, int]) -> Sequence[int]:
    """When the ledger may have decided: as the answer tells it; else at either end, or as the refusal counts the
    time.
    """
    told = moment_told(call, clock[0])
    if told is not None:
        return (told,)
    refusal = call.refusal
    found = books.get("promise", call.request.reservation) if call.method == "Extend" else None
    if found is None or refusal is None or refusal.reason != "HOLD_TIME_EXHAUSTED":
        return clock
    held_until = found.created + int(refusal.numbers["requested_seconds"]) * 1_000_000
    counted = held_until - int(call.request.hold_duration.ToMicroseconds())
    return (*clock, min(max(counted, clock[0]), clock[1]))


def _same_but_for_room(books: Books, call: Call, clock: tuple[int, int], least: int, holdings: Holdings) -> bool:
    """Whether the model answers a call as the ledger did, where its channel holds what it may have seemed to hold."""
    refusal = call.refusal
    if refusal is None or refusal.numbers.get("scope") != "channel":
        books.room_matters = False
        try:
            return _same(books, call, clock)
        finally:
            books.room_matters = True
    mark = books.mark()
    for held in holdings.plausible(least, refusal):
        books.put("held", refusal.numbers["channel"], held)
        same = _same(books, call, clock)
        books.undo(mark)
        if same:
            return True
    return False


def _same_but_for_waiting(books: Books, call: Call, clock: tuple[int, int], holdings: Holdings) -> bool:
    """Whether the model answers a call as the ledger did, where as much waits, and may, as may have been so within the
    revision under way: where in it units were given up, or more were allowed, is not known for certain.
    """
    refusal = call.refusal
    if refusal is None or refusal.reason != "BACK_ORDERS_EXHAUSTED":
        return False
    product = (refusal.numbers["owner"], refusal.numbers["sku"])
    waiting, limit = int(refusal.numbers["waiting"]), int(refusal.numbers["limit"])
    mark = books.mark()
    for waits in holdings.waits(product, waiting, limit, books.revision):
        books.put("waits", product, waits)
        books.room_matters = False
        same = _same(books, call, clock)
        books.room_matters = True
        books.undo(mark)
        if same:
            return True
    return False


def _unnumbered(answer: Any) -> Any:
    """An answer to what was only asked without any revision, for it was given none, and without sentences."""
    made = type(answer)()
    made.CopyFrom(answer)
    made.ClearField("revision")
    for balance in getattr(made, "balances", ()):
        balance.changed_revision = 0
    if hasattr(made, "reservation"):
        made.reservation.changed_revision = 0
    if hasattr(made, "waiting"):
        made.waiting.create_revision = made.waiting.changed_revision = 0
    for name in ("location", "lot", "back_orders"):
        if hasattr(made, name):
            getattr(made, name).etag = ""
    for each in getattr(made, "outcomes", ()):
        if each.HasField("reservation"):
            each.reservation.changed_revision = 0
        else:
            each.refusal.message = ""
    return made
