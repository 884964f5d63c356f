"""What may wait, how it is promised and given up, and what each refusal tells; how a demand is told as a text."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

import pytest

from tests.kit.books import NAME, NOW, counts, goods, opened, order
from weir_chassis.errors import EtagStale
from weir_ledger.domain.books import Books, Page
from weir_ledger.domain.command import Command
from weir_ledger.domain.demands import CancelWaiting, PromiseWaiting, SetBackOrders, WaitingPromise
from weir_ledger.domain.promises import Reserve
from weir_ledger.domain.reservations import DraftLine, LineClaim, State
from weir_ledger.domain.stock import Balance
from weir_ledger.domain.waiting import (
    RESERVATIONS_MAX,
    BackOrders,
    Waiting,
    WaitingDraft,
    WaitingDraftLine,
    WaitingLine,
    WaitingState,
    digested,
)
from weir_ledger.errors import BackOrdersExhausted, LinesExhausted, WaitingEnded, WaitingNotFound, settle
from weir_ledger.store import told

DEMAND, NEW = NAME[:-1] + "8", NAME[:-1] + "9"
R = TypeVar("R")
A, B = ("", "A"), ("o", "B")


def decide(known: Books, command: Command[R]) -> R:
    """The receipt of a command, whose page is then bound; raises its refusal."""
    page = Page(known)
    receipt = command.decide(page)
    known.bind(page, "r")
    return receipt


def waiting(*lines: WaitingLine, whole: bool = False, **others: str) -> Waiting:
    """A demand that came with revision 3."""
    return Waiting(DEMAND, lines, NOW, whole=whole, create_revision=3, revision=4, **others)  # type: ignore[arg-type]


def line(quantity: int, open: int, promised: int = 0, cancelled: int = 0) -> WaitingLine:
    """A line of A."""
    assert quantity == open + promised + cancelled
    return WaitingLine(A, quantity, open, promised, cancelled)


def books(*demands: Waiting, on_hand: int = 10, limit: int = 100) -> Books:
    """Books in which demands wait, with units of A."""
    units = sum(each.open for demand in demands for each in demand.lines)
    return Books(
        NOW,
        [Balance(goods("A"), on_hand, revision=2)],
        places=["W1"],
        waiting=demands,
        back_orders=[BackOrders(A, limit, units, 1, 5)],
    )


def wish(*units: tuple[tuple[str, str], int], **others: object) -> Reserve:
    """An order that only waits."""
    lines = tuple(WaitingDraftLine(*each) for each in units)
    return Reserve(NAME, None, NEW, WaitingDraft(lines, **others))  # type: ignore[arg-type]


def units(quantity: int, *, line: int = 1, lines: tuple[DraftLine, ...] = (), **others: bytes) -> WaitingPromise:
    """Units of A for the demand."""
    promised = lines or (DraftLine(goods("A"), quantity),)
    return WaitingPromise(DEMAND, NAME, ((line, quantity),), promised, **others)


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        ((line(3, 3),), WaitingState.WAITING),
        ((line(3, 1, 2),), WaitingState.WAITING),
        ((line(3, 0, 3), line(1, 1)), WaitingState.WAITING),
        ((line(3, 0, 2, 1),), WaitingState.PROMISED),
        ((line(3, 0, 0, 3), line(1, 0, 1)), WaitingState.PROMISED),
        ((line(3, 0, 0, 3),), WaitingState.CANCELLED),
    ],
)
def test_states(lines: tuple[WaitingLine, ...], state: WaitingState) -> None:
    """A demand waits while units of it are open; then it is promised if any was, else cancelled."""
    assert waiting(*lines).state is state


@pytest.mark.parametrize(
    ("wanted", "accepted"),
    [
        ([(A, 5)], True),
        ([(A, 6)], False),
        ([(A, 3), (A, 2)], True),
        ([(A, 3), (A, 3)], False),
        ([(B, 1)], False),
        ([(A, 1), (B, 1)], False),
    ],
)
def test_how_much_may_wait(wanted: list[tuple[tuple[str, str], int]], accepted: bool) -> None:
    """No more of a product waits than may, lines counted together; where any is too much nothing waits."""
    opened_books = books(waiting(line(3, 3)), limit=8)
    if accepted:
        made = decide(opened_books, wish(*wanted)).waiting
        assert made is not None
        assert made.state is WaitingState.WAITING
        assert opened_books.back_orders[A].waiting == 3 + sum(units for _, units in wanted)
        return
    with pytest.raises(BackOrdersExhausted):
        wish(*wanted).decide(Page(opened_books))
    assert (opened_books.back_orders[A].waiting, opened_books.touched_waiting) == (3, {})


def test_a_refusal_tells_every_product() -> None:
    """A refusal lists each product with its numbers, where it stands first, and the newest revision that made it so;
    none while an earlier order of the same commit did."""
    known = books(waiting(line(3, 3)), limit=3)
    with pytest.raises(BackOrdersExhausted) as raised:
        wish((B, 1), (A, 2), (A, 1)).decide(Page(known))
    assert raised.value.metadata == {
        "owner": "o", "sku": "B", "limit": "0", "waiting": "0", "requested": "1", "products": "2", "revision": "5",
    }  # fmt: skip
    assert [each.field for each in raised.value.violations] == ["waiting.lines[0]", "waiting.lines[1]"]
    known = books(limit=3)
    known.bind(page := Page(known), "")
    wish((A, 3)).decide(page)
    known.bind(page, "first")
    with pytest.raises(BackOrdersExhausted) as raised:
        wish((A, 1)).decide(Page(known))
    assert raised.value.metadata["revision"] == ""
    settle(raised.value, 9)
    assert raised.value.metadata["revision"] == "9"


def test_a_promise_and_a_wait_in_one() -> None:
    """What is to be promised is, and what is to wait does, with what the caller keeps with each; either may be left
    out."""
    known = books(limit=5)
    both = Reserve(NAME, order(("A", 4)), DEMAND, WaitingDraft((WaitingDraftLine(A, 5),), True, "o", "web", b"how"))
    made = both.decide(page := Page(known))
    known.bind(page, "")
    assert made.reservation is not None
    assert made.waiting == Waiting(
        DEMAND, (WaitingLine(A, 5, 5),), NOW, whole=True, order="o", channel="web", plan_digest=digested(b"how")
    )
    assert known.waiting_plans == {DEMAND: b"how"}
    assert counts(known, "A") == (10, 4)
    assert wish((A, 1)).decide(Page(books())).reservation is None
    assert Reserve(NAME, order(("A", 1))).decide(Page(books())).waiting is None


def test_a_promise() -> None:
    """Units promised wait no longer, are reserved without end for the demand's order and channel, and the demand names
    the reservation."""
    known = books(waiting(line(5, 4, 1), line(2, 2), order="o", channel="web"))
    [outcome] = decide(known, PromiseWaiting((units(3, plan=b"so"),)))
    made = outcome.reservation
    assert made is not None
    assert (made.state, made.expires_at, made.order, made.channel) == (State.CONFIRMED, None, "o", "web")
    assert [(each.quantity, each.open) for each in made.lines] == [(3, 3)]
    found = known.waiting[DEMAND]
    assert (found.lines, found.reservations, found.revision) == ((line(5, 1, 4), line(2, 2)), (NAME,), 0)
    assert (known.back_orders[A].waiting, known.plans, known.waiting_plans) == (3, {NAME: b"so"}, {})
    assert known.holdings["web"].open_reservations == known.holdings[""].open_reservations == 1
    assert known.holdings["web"].held_units == 0


REFUSED: list[tuple[Waiting, WaitingPromise, str]] = [
    (waiting(line(5, 4, 1)), units(5), "WAITING_LINE_EXCEEDED"),
    (waiting(line(5, 4, 1)), units(1, line=2), "WAITING_LINE_NOT_FOUND"),
    (waiting(line(5, 0, 5)), units(1), "WAITING_STATE"),
    (waiting(line(20, 20)), units(11), "INSUFFICIENT_STOCK"),
    (waiting(line(2, 2), line(1, 1), whole=True), units(2), "WAITING_WHOLE"),
    (
        waiting(line(2, 2)),
        units(2, lines=(DraftLine(goods("A"), 2, (LineClaim("share", 1),)),)),
        "CLAIM_EXHAUSTED",
    ),
]


@pytest.mark.parametrize(("demand", "promise", "reason"), REFUSED)
def test_a_promise_that_is_refused(demand: Waiting, promise: WaitingPromise, reason: str) -> None:
    """A promise that is refused tells why, books nothing, and leaves everything to the next one."""
    known = books(demand)
    [refused] = decide(known, PromiseWaiting((promise,)))
    assert (refused.reservation, refused.reason) == (None, reason)
    assert refused.message
    assert bool(refused.short_lines) == (reason in ("INSUFFICIENT_STOCK", "CLAIM_EXHAUSTED"))
    assert (known.entries, known.touched_waiting, known.touched_reservations) == ([], {}, {})


def test_what_one_takes_the_next_has_not() -> None:
    """Promises of one request are decided one after the other: of units, and of what waits."""
    known = books(waiting(line(9, 9)), on_hand=5)
    outcomes = decide(known, PromiseWaiting((units(3), units(3), units(2), units(5))))
    assert [each.reason or "ok" for each in outcomes] == ["ok", "INSUFFICIENT_STOCK", "ok", "WAITING_LINE_EXCEEDED"]


def test_a_whole_demand_in_other_units() -> None:
    """A whole demand is promised with all that waits of it; what is promised for it may be other units, and more."""
    known = books(waiting(line(2, 1, 0, 1), line(1, 1), whole=True))
    lines = (DraftLine(goods("A"), 3), DraftLine(goods("A"), 4))
    promise = WaitingPromise(DEMAND, NAME, ((1, 1), (2, 1)), lines)
    [outcome] = decide(known, PromiseWaiting((promise,)))
    assert outcome.reservation is not None
    assert known.waiting[DEMAND].state is WaitingState.PROMISED
    assert counts(known, "A") == (10, 7)


def test_so_many_lines_at_once() -> None:
    """A demand that was too much for one request is refused with the numbers, and the others are promised; so are more
    lines to promise than a request may have."""
    known = books(waiting(line(9, 9)))
    known.unread = {NEW: 2001}
    other = WaitingPromise(NEW, NAME, ((1, 1),), (DraftLine(goods("A"), 1),))
    outcomes = decide(known, PromiseWaiting((units(1), other, units(1))))
    assert [each.reason or "ok" for each in outcomes] == ["ok", "LINES_EXHAUSTED", "ok"]
    assert "2000 lines here, not 2001" in outcomes[1].message
    with pytest.raises(LinesExhausted):
        decide(books(), PromiseWaiting(tuple([units(1)] * 2001)))


def test_the_newest_reservations_are_kept() -> None:
    """A demand names its newest reservations, however many it had."""
    names = tuple(f"{NAME[:-4]}{each:04}" for each in range(RESERVATIONS_MAX))
    known = books(Waiting(DEMAND, (line(9, 9),), NOW, reservations=names, create_revision=3))
    decide(known, PromiseWaiting((units(1),)))
    assert known.waiting[DEMAND].reservations == (*names[1:], NAME)


def test_giving_up() -> None:
    """Units named are given up, or all that wait where none are; what is unknown or has ended is refused."""
    known = books(waiting(line(5, 4, 1), line(2, 2)))
    part = decide(known, CancelWaiting(DEMAND, ((1, 3),)))
    assert (part.lines[0], known.back_orders[A].waiting) == (line(5, 1, 1, 3), 3)
    ended = decide(known, CancelWaiting(DEMAND, ()))
    assert (ended.state, known.back_orders[A].waiting) == (WaitingState.PROMISED, 0)
    with pytest.raises(WaitingEnded):
        decide(known, CancelWaiting(DEMAND, ()))
    with pytest.raises(WaitingNotFound):
        decide(books(), CancelWaiting(DEMAND, ()))


def test_saying_how_much_may_wait() -> None:
    """What is so already stays as it is; an etag must be that of the limit, and what waits does not move it."""
    known = books(waiting(line(3, 3)))
    assert decide(known, SetBackOrders(A, 100, "")) == BackOrders(A, 100, 3, 1, 5)
    assert known.touched_back_orders == {}
    assert decide(known, SetBackOrders(A, 2, "1")) == BackOrders(A, 2, 3)
    for product, etag in ((A, "5"), (B, "1")):
        with pytest.raises(EtagStale):
            decide(books(), SetBackOrders(product, 2, etag))
    assert decide(opened(), SetBackOrders(B, 0, "")) == BackOrders(B)


@pytest.mark.parametrize("plan", [b"", b"\x00\x1f\xff"])
def test_a_demand_as_a_text(plan: bytes) -> None:
    """A demand is read back from its text as it was, but for its revision; the text is shorter than its weight."""
    found = Waiting(
        DEMAND,
        (WaitingLine(("ö", "漢字"), 9, 3, 4, 2), line(10**9, 10**9)),
        NOW + timedelta(microseconds=7),
        whole=True,
        order="o, 1",
        channel="web",
        reservations=(NAME, DEMAND),
        plan_digest=digested(plan),
        create_revision=2**62,
        revision=2**62 + 1,
    )
    text = f"{found.create_revision}{told.SEPARATOR}{told.told(found)}"
    assert told.read(text, found.revision) == found
    assert len(text.encode()) + len(plan) < told.weight(text, plan)
