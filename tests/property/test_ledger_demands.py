"""Laws of what waits, whatever is asked in whatever order: units are open, promised or cancelled, counts are their
sums, no more waits than may when it begins to, and no more is promised than waits and is there."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.books import NOW, goods
from tests.kit.memory_books import MemoryBooks
from weir_chassis.errors import Refusal
from weir_ledger.domain.demands import CancelWaiting, PromiseWaiting, SetBackOrders, WaitingPromise
from weir_ledger.domain.entries import EntryKind, Movement
from weir_ledger.domain.limits import Limits
from weir_ledger.domain.movements import RecordMovements
from weir_ledger.domain.promises import Reserve
from weir_ledger.domain.reservations import DraftLine
from weir_ledger.domain.waiting import Product, Waiting, WaitingDraft, WaitingDraftLine
from weir_ledger.ports import Attempt, Done
from weir_ledger.store import told

A, B = ("", "A"), ("", "B")
DEMANDS = 4

products = st.sampled_from([A, B])
few = st.integers(1, 5)
quantities = st.lists(st.tuples(st.integers(1, 3), few), min_size=1, max_size=3, unique_by=lambda each: each[0])
waits = st.tuples(st.just("wait"), st.lists(st.tuples(products, few), min_size=1, max_size=3), st.booleans())
promises = st.tuples(
    st.just("promise"),
    st.lists(
        st.tuples(st.integers(0, DEMANDS - 1), quantities, st.lists(st.tuples(products, few), min_size=1, max_size=2)),
        min_size=1,
        max_size=4,
    ),
)
cancels = st.tuples(st.just("cancel"), st.integers(0, DEMANDS - 1), st.one_of(st.just([]), quantities))
limits = st.tuples(st.just("limit"), products, st.integers(0, 15))
comes = st.tuples(st.just("receive"), products, few)
steps = st.one_of(waits, promises, cancels, limits, comes)


def name(number: int) -> str:
    """An identifier by its number."""
    return str(UUID(int=number))


def command(what: tuple[Any, ...], number: int, made: list[str]) -> Any:
    """The command of a step, which makes things under identifiers of `number`; `made` are the demands there are."""
    kind, *rest = what
    if kind == "wait":
        lines = tuple(WaitingDraftLine(*each) for each in rest[0])
        return Reserve(name(number), None, name(number + 1), WaitingDraft(lines, whole=rest[1]))
    if kind == "limit":
        return SetBackOrders(rest[0], rest[1], "")
    if kind == "receive":
        return RecordMovements((Movement(EntryKind.RECEIVE, goods(rest[0][1]), rest[1]),))
    if kind == "cancel":
        return CancelWaiting(made[rest[0]] if rest[0] < len(made) else name(0), tuple(rest[1]))
    return PromiseWaiting(
        tuple(
            WaitingPromise(
                made[which] if which < len(made) else name(0),
                name(number + 2 + place),
                tuple(units),
                tuple(DraftLine(goods(sku), quantity) for (_, sku), quantity in lines),
            )
            for place, (which, units, lines) in enumerate(rest[0])
        )
    )


def hold(books: MemoryBooks, limits: dict[Product, int]) -> None:
    """The laws that hold after every commit."""
    waiting = Counter[Product]()
    for demand in books.waiting.values():
        for line in demand.lines:
            assert line.quantity == line.open + line.promised + line.cancelled
            assert min(line.open, line.promised, line.cancelled) >= 0
            waiting[line.product] += line.open
        text = f"{demand.create_revision}{told.SEPARATOR}{told.told(demand)}"
        assert told.read(text, demand.revision) == demand
    counted = {product: each.waiting for product, each in books.back_orders.items()}
    assert +waiting == {product: units for product, units in counted.items() if units}
    assert {product: each.limit for product, each in books.back_orders.items()} == limits
    reserved = Counter[str]()
    for reservation in books.reservations.values():
        for promised in reservation.lines:
            reserved[promised.item.sku] += promised.open
    for balance in books.balances.values():
        assert balance.reserved == reserved[balance.item.sku] <= balance.on_hand


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=25))
def test_the_laws_of_what_waits(asked: list[tuple[Any, ...]]) -> None:
    """After every commit the laws hold; a refusal changes nothing, and was justified; of promises in one request each
    that was accepted is a reservation whose units wait no longer, and every other one told why."""
    books = MemoryBooks(NOW, ["W1"], Limits())
    made: list[str] = []
    limits: dict[Product, int] = {}
    for number, what in enumerate(asked):
        before = (dict(books.waiting), dict(books.back_orders), dict(books.balances), dict(books.reservations))
        wanted = command(what, 1 + number * 10, made)
        [outcome] = books.carry_out([Attempt("t", type(wanted).__name__, f"{number}", b"", wanted)])
        books.now += timedelta(seconds=1)
        if isinstance(outcome, Refusal):
            assert (books.waiting, books.back_orders, books.balances, books.reservations) == before
            justified(outcome, what, before[1])
            continue
        if what[0] == "wait":
            made.append(name(1 + number * 10 + 1))
            assert all(books.back_orders[each].waiting <= limits[each] for each, _ in what[1])
        if what[0] == "limit":
            limits[what[1]] = what[2]
        if what[0] == "promise":
            accounted(outcome, what[1], made, before[0], books.waiting)
        hold(books, limits)


def justified(refusal: Refusal, what: tuple[Any, ...], counted: dict[Product, Any]) -> None:
    """What was to wait was too much of some product; nothing else is refused but what gives up what does not wait."""
    if what[0] == "cancel":
        assert refusal.reason.startswith("WAITING_")
        return
    assert (what[0], refusal.reason) == ("wait", "BACK_ORDERS_EXHAUSTED")
    wanted = Counter[Product]()
    for product, units in what[1]:
        wanted[product] += units
    room = {each: counted[each].limit - counted[each].waiting if each in counted else 0 for each in wanted}
    assert any(units > room[product] for product, units in wanted.items())


def accounted(
    outcome: Done[Any], asked: list[Any], made: list[str], before: dict[str, Waiting], after: dict[str, Waiting]
) -> None:
    """Accepted promises are those that demands were promised, unit by unit and reservation by reservation."""
    expected = Counter[tuple[str, int]]()
    reservations = Counter[str]()
    for (which, units, _), each in zip(asked, outcome.receipt, strict=True):
        assert (each.reservation is None) == bool(each.reason)
        if each.reservation is not None:
            reservations[made[which]] += 1
            for line, quantity in units:
                expected[made[which], line] += quantity
            if before[made[which]].whole:
                assert all(line.open == 0 for line in after[made[which]].lines)
    for demand, found in after.items():
        assert len(found.reservations) - len(before[demand].reservations) == reservations[demand]
        for number, (line, was) in enumerate(zip(found.lines, before[demand].lines, strict=True), 1):
            assert line.promised - was.promised == was.open - line.open == expected[demand, number]
