"""The checker finds each thing that can be wrong in a history, and nothing in one that is right."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import pytest

from tests.kit.ledger import RECEIVE, draft, movement, request
from tests.simulation.checker import violations
from tests.simulation.checker.commits import LAST
from tests.simulation.history import Call, History, Refusal
from tests.simulation.model.books import micros
from tests.simulation.plan import INSIST_SECONDS, PATIENCE_SECONDS, Manner, Plan, Step
from tests.simulation.play import play
from tests.simulation.wishes import GOODS
from tests.simulation.world import World
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2

T = TypeVar("T")
Tampering = Callable[[History], None]


def last(of: Iterable[T]) -> T:
    """The last of some, of which there is one at least."""
    return list(of)[-1]


def done(history: History, method: str) -> Call:
    """The last call of a method that was answered, not for the first time."""
    return last(call for call in history.calls if call.method == method and call.answer is not None)


def messages(history: History, watcher: str) -> list[ledger_service_pb2.WatchEntriesResponse]:
    """All that a watcher was shown of commits."""
    seen = [message for each in history.sessions if each.watcher == watcher for _, message in each.seen]
    return [message for message in seen if message.HasField("recorded_time")]


def more_units(history: History) -> None:
    """A promise says more than was promised."""
    made = (each for each in history.calls if each.method == "Reserve" and each.answer and not each.asks_only)
    call = last(each for each in made if each.answer.HasField("reservation"))
    for each in history.calls:
        if each.changes and each.request.request_id == call.request.request_id and each.answer is not None:
            each.answer.reservation.lines[0].open += 1


def forgotten(history: History) -> None:
    """What was acknowledged last is not in the books."""
    facts = [call for call in history.calls if call.method == "RecordMovements" and not call.asks_only]
    history.listed = head = max(call.revision or 0 for call in facts) - 1
    history.entries = [entry for entry in history.entries if entry.revision <= head]
    for session in history.sessions:
        session.seen = [each for each in session.seen if each[1].through.number <= head]


def made_up(history: History) -> None:
    """What was done is said to be refused."""
    call = last(each for each in history.calls if each.method == "Release" and each.answer and not each.asks_only)
    for each in history.calls:
        if each.changes and each.request.request_id == call.request.request_id:
            each.answer, each.refusal = None, Refusal("FAILED_PRECONDITION", "RESERVATION_STATE", {}, definite=True)


def unjustified(history: History) -> None:
    """Something is refused as sold out, by a number that was never so."""
    call = last(_refused(history, "INSUFFICIENT_STOCK"))
    assert call.refusal is not None
    call.refusal.numbers["available"] = "77"


def _refused(history: History, reason: str) -> list[Call]:
    """Calls that were refused for a reason, each the only one of its request id."""
    found = [call for call in history.calls if call.refusal is not None and call.refusal.reason == reason]
    names = [call.request.request_id for call in history.calls if call.changes]
    return [call for call in found if names.count(call.request.request_id) == 1 and not call.asks_only]


def told_twice(history: History) -> None:
    """A repetition gets another refusal than the first."""
    call = last(_refused(history, "INSUFFICIENT_STOCK"))
    history.calls.append(
        Call("again", 0, call.method, call.request, call.invoked + 10**9, call.invoked + 10**9,
             refusal=Refusal("NOT_FOUND", "LOCATION_NOT_FOUND", {}, definite=True))
    )  # fmt: skip


def reused(history: History) -> None:
    """An id that nobody used is said to be used for other contents."""
    call = last(_refused(history, "INSUFFICIENT_STOCK"))
    call.refusal = Refusal("ALREADY_EXISTS", "REQUEST_ID_REUSED", {}, definite=False)


def miscounted(history: History) -> None:
    """A count in the books is not the fold of its entries."""
    for entry in _everywhere(history, _last_entry(history)):
        entry.on_hand += 1


def misdirected(history: History) -> None:
    """An entry is said to come of another request."""
    for entry in _everywhere(history, _last_entry(history)):
        entry.request_id += "!"


def _last_entry(history: History) -> ledger_pb2.Entry:
    """The last movement of goods."""
    return last(entry for entry in history.entries if entry.request_id and entry.account == ledger_pb2.ACCOUNT_STOCK)


def _everywhere(history: History, entry: ledger_pb2.Entry) -> list[ledger_pb2.Entry]:
    """An entry wherever it was shown."""
    shown = [each for session in history.sessions for _, message in session.seen for each in message.entries]
    return [each for each in [*history.entries, *shown] if (each.revision, each.line) == (entry.revision, entry.line)]


def listed_otherwise(history: History) -> None:
    """The list of entries says something else than the stream."""
    history.entries[-1].reference += "!"


def skipped(history: History) -> None:
    """A watcher is not shown a commit."""
    for session in history.sessions:
        if session.watcher == "all 0" and len(session.seen) > 2:
            del session.seen[1]
            return
    raise AssertionError("nothing was shown to it")


def doubled(history: History) -> None:
    """A watcher is shown a commit twice."""
    session = last(each for each in history.sessions if each.watcher == "all 1" and each.seen)
    session.seen.append(session.seen[-1])
    session.seen[-1][1].recorded_time.seconds = 1


def other_claims(history: History) -> None:
    """A watcher is shown another number of claimed units."""
    last(each for each in messages(history, "all 0") if each.claims).claims[0].open += 1


def other_ceiling(history: History) -> None:
    """A watcher is shown another ceiling."""
    told = (each for message in messages(history, "all 0") for each in message.claims if each.HasField("ceiling"))
    last(told).ceiling += 1


def told_again(history: History) -> None:
    """A watcher is told again what a key stands for."""
    told = (each for message in messages(history, "all 0") for each in message.claims if each.epoch)
    last(each for each in told if not each.subject).subject = "share"


def other_lots(history: History) -> None:
    """A watcher is shown another last day of a lot."""
    last(each for each in messages(history, "all 0") if each.lots).lots[0].expiry_date = "2020-02-29"


def a_lot_too_many(history: History) -> None:
    """A watcher is shown a lot that was not changed then."""
    one = last(each for each in messages(history, "all 0") if each.lots).lots[0]
    last(each for each in messages(history, "all 1") if each.entries).lots.append(one)


def other_demands(history: History) -> None:
    """A watcher is shown a demand otherwise than it is."""
    last(each for each in messages(history, "all 0") if each.waiting).waiting[0].order += "!"


def other_back_orders(history: History) -> None:
    """A watcher is shown that more of a product waits than does."""
    last(each for each in messages(history, "all 0") if each.back_orders).back_orders[0].waiting += 1


def recalled(history: History) -> None:
    """What became of a Reserve is told otherwise than it was."""
    done(history, "GetReserveOutcome").answer.plan += b"!"


def demanded(history: History) -> None:
    """A unit that orders were promised is counted twice."""
    history.demand[0].units[0] += 1


def moved_less(history: History) -> None:
    """A promise that was moved says less than was promised."""
    call = last(each for each in history.calls if each.method == "Amend" and each.answer and not each.asks_only)
    for each in history.calls:
        if each.changes and each.request.request_id == call.request.request_id and each.answer is not None:
            each.answer.reservation.lines[-1].open += 1


def no_shortfall(history: History) -> None:
    """A watcher is not shown that a shortfall changed."""
    del last(each for each in messages(history, "all 0") if each.shortfalls).shortfalls[:]


def read_wrongly(history: History) -> None:
    """A question is answered with another count."""
    done(history, "GetBalance").answer.balance.on_hand += 1


def read_stale(history: History) -> None:
    """A question is answered as of a revision that was already past."""
    done(history, "ListBalances").answer.revision.number = 4


def out_of_time(history: History) -> None:
    """A write was done before it was asked for."""
    call = done(history, "RecordMovements")
    for each in history.calls:
        if each.changes and each.request.request_id == call.request.request_id:
            each.invoked += 10**9


def lost_line(history: History) -> None:
    """A line of an import is neither applied nor kept."""
    call = last(each for each in history.calls if each.method == "ListSnapshotLines" and each.answer.lines)
    del call.answer.lines[:]


def accident(history: History) -> None:
    """A caller is told of an accident."""
    history.calls[-1].accident = "INTERNAL: incident 1"


def broken_books(history: History) -> None:
    """An audit finds a difference."""
    history.audits.append(["'A' at 'W1': 1 is booked as on hand, the entries make 2."])


TAMPERINGS: dict[Tampering, str] = {
    more_units: "done otherwise",
    forgotten: "which is not there",
    made_up: "moved by",
    unjustified: "without reason",
    told_twice: "one id, two outcomes",
    reused: "refused as reused, but it was not",
    miscounted: "entered",
    misdirected: "which was not done here",
    listed_otherwise: "is listed otherwise",
    skipped: "was not shown",
    doubled: "with another moment",
    other_claims: "with other claims",
    other_ceiling: "with other claims",
    told_again: "with other claims",
    other_lots: "with other lots",
    a_lot_too_many: "with other lots",
    other_demands: "with other demands",
    other_back_orders: "with other back-orders",
    recalled: "recalled otherwise",
    demanded: "units are told",
    moved_less: "done otherwise",
    no_shortfall: "with other shortfalls",
    read_wrongly: "answered wrongly",
    read_stale: "which is not of that moment",
    out_of_time: "not between its call and its answer",
    lost_line: "an import ",
    accident: "accident",
    broken_books: "audit",
}
"""What is done to a history that is right, and the sentence that finds it."""


def test_nothing_is_found_where_nothing_is_wrong(history: History) -> None:
    """A history of a ledger that keeps its promises passes, and so does what was kept of it in a file."""
    assert violations(history) == []
    assert micros(messages(history, LAST)[0].recorded_time) > 0


@pytest.mark.parametrize(("tamper", "sentence"), TAMPERINGS.items(), ids=lambda each: getattr(each, "__name__", ""))
def test_each_wrong_is_found(history: History, tamper: Tampering, sentence: str) -> None:
    """Whatever is changed in it is found, and said to be what it is."""
    tamper(history)
    found = violations(history)
    assert any(sentence in each for each in found), found


async def test_a_hold_that_is_ended_before_it_has_run_out_is_found(here: World, tmp_path: Path) -> None:
    """A promise of a second, of which it is said afterwards that it was for longer."""
    wishes = (
        ("RecordMovements", request("RecordMovements", movements=[movement(RECEIVE, GOODS[0], 1)]), Manner.PLAIN),
        ("Reserve", request("Reserve", draft=draft((GOODS[0], 1), hold_seconds=1.0)), Manner.PLAIN),
        ("GetReservation", request("GetReservation"), Manner.AS_IT_EXPIRES),
    )
    steps = [Step((method, asked), manner, 0, 0.0, 0.03, stubborn=True) for method, asked, manner in wishes]
    (await play(here, Plan(1, [steps], [], PATIENCE_SECONDS, INSIST_SECONDS))).save(tmp_path / "history.jsonl")
    history = History.load(tmp_path / "history.jsonl")
    assert ledger_pb2.ENTRY_KIND_EXPIRE in [entry.kind for entry in history.entries]
    assert violations(history) == []
    for call in history.calls:
        if call.method == "Reserve" and call.answer is not None:
            call.request.draft.hold_duration.seconds += 20
            call.answer.reservation.expire_time.seconds += 20
    assert any("that had not run out" in each for each in violations(history))
