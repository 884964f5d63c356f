"""Whatever is asked of the books in whatever order, their laws hold, and they agree with a model of ten lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.kit.books import NAME, NOW, counts, decide, entries, fact, goods, opened, order
from weir_chassis.errors import Refusal
from weir_ledger.domain.books import Books
from weir_ledger.domain.command import Command
from weir_ledger.domain.endings import Confirm, Expire, Extend, Fulfil, Release
from weir_ledger.domain.entries import Account, EntryKind
from weir_ledger.domain.movements import RecordMovements
from weir_ledger.domain.promises import Reserve, ReserveBatch
from weir_ledger.domain.reservations import Draft, Mode, Reservation, State
from weir_ledger.domain.stock import Condition, StockItem

ITEMS = [goods("A"), goods("A", "W2"), goods("B"), goods("B", condition=Condition.HOLD)]

few = st.integers(1, 6)
items = st.sampled_from(ITEMS)
drafts = st.builds(
    lambda lines, mode, hold: order(*lines, mode=mode, hold_seconds=hold),
    st.lists(st.tuples(items, few), min_size=1, max_size=4),
    st.sampled_from(Mode),
    st.sampled_from([60.0, 60.0, 60.0, -1.0]),
)
open_lines = st.lists(st.tuples(st.integers(1, 4), few), max_size=2, unique_by=lambda each: each[0]).map(tuple)


@st.composite
def movements(draw: st.DrawFn) -> RecordMovements:
    """Some facts, any of which may be impossible."""
    made = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from([each for each in EntryKind if each <= EntryKind.RETURN]))
        item = draw(items)
        units = draw(st.integers(-6, 6).filter(bool) if kind is EntryKind.ADJUST else few)
        to = None
        if kind is EntryKind.TRANSFER:
            to = draw(st.sampled_from([each for each in ITEMS if each.sku == item.sku and each != item]))
        made.append(fact(kind, item, units, to))
    return RecordMovements(tuple(made))


Wish = Callable[[Books], Command[Any]]
"""A command, once it is known what has been promised so far."""


def anew(books: Books, number: int = 0) -> str:
    """The name of a reservation that is not there yet; two may be asked for at once."""
    return f"{NAME[:-4]}{2 * len(books.reservations) + number:04}"


def some(books: Books, index: int) -> str:
    """The name of one of the reservations that are there, or of one that is not."""
    return ([*books.reservations] or [NAME])[index % max(1, len(books.reservations))]


indexes = st.integers(0, 9)
wishes: st.SearchStrategy[Wish] = st.one_of(
    movements().map(lambda each: lambda _: each),
    st.builds(lambda draft: lambda books: Reserve(anew(books), draft), drafts),
    st.builds(
        lambda one, two, atomic: lambda books: ReserveBatch(((anew(books), one), (anew(books, 1), two)), atomic),
        drafts, drafts, st.booleans(),
    ),
    st.builds(lambda index: lambda books: Confirm(some(books, index)), indexes),
    st.builds(lambda index, seconds: lambda books: Extend(some(books, index), seconds), indexes,
              st.sampled_from([30.0, 90.0])),
    st.builds(lambda index, lines: lambda books: Fulfil(some(books, index), lines), indexes, open_lines),
    st.builds(lambda index, lines: lambda books: Release(some(books, index), lines), indexes, open_lines),
    st.just(lambda books: Expire(tuple(books.reservations))),
)  # fmt: skip


def state(books: Books) -> Any:
    """Everything that a command may change."""
    return dict(books.balances), dict(books.reservations), list(books.entries), list(books.touched_items)


def laws(books: Books) -> None:
    """Conservation, balances = fold of the entries, reserved = sum of the open lines, and each line adds up."""
    totals: Counter[tuple[str, str]] = Counter()
    on_hand: Counter[StockItem] = Counter()
    reserved: Counter[StockItem] = Counter()
    for entry in entries(books):
        totals[entry.item.sku, entry.item.uom] += entry.on_hand_delta
        if entry.account is Account.STOCK:
            on_hand[entry.item] += entry.on_hand_delta
            reserved[entry.item] += entry.reserved_delta
            assert (entry.on_hand, entry.reserved) == (on_hand[entry.item], reserved[entry.item])
    assert not any(totals.values())
    promised: Counter[StockItem] = Counter()
    for each in books.reservations.values():
        for line in each.lines:
            assert line.quantity == line.open + line.fulfilled + line.released <= line.requested
            assert line.open == 0 or not each.state.ended
            promised[line.item] += line.open
        assert (each.state is State.HELD) <= (each.expires_at is not None)
    for item, balance in books.balances.items():
        assert (balance.on_hand, balance.reserved) == (on_hand[item], reserved[item])
        assert balance.reserved == promised[item]
        assert balance.available == max(0, balance.on_hand - balance.reserved) * (item.condition is Condition.SELLABLE)
        assert balance.shortfall == max(0, balance.reserved - balance.on_hand)


@settings(max_examples=300, deadline=None)
@given(st.lists(wishes, max_size=25))
def test_the_laws_hold_after_every_command(asked: list[Wish]) -> None:
    """Units are conserved, balances are the fold of the entries, and a refused command changes nothing."""
    books = opened()
    decide(books, RecordMovements(tuple(fact(EntryKind.RECEIVE, each, 9) for each in ITEMS)))
    for wish in asked:
        command = wish(books)
        before = state(books)
        outcome = decide(books, command)
        event(f"{type(command).__name__} {'refused' if isinstance(outcome, Refusal) else 'accepted'}")
        if isinstance(outcome, Refusal):
            assert state(books) == before
        laws(books)


class Model:
    """What the books should say, in ten lines: units there, and units promised by each reservation."""

    def __init__(self) -> None:
        """Empty."""
        self.there: Counter[StockItem] = Counter()
        self.held: dict[str, Counter[StockItem]] = {}

    def reserve(self, name: str, draft: Draft) -> bool:
        """Promise what a draft asks for; whether it may."""
        free = {each: self.there[each] - sum(held[each] for held in self.held.values()) for each in ITEMS}
        got: Counter[StockItem] = Counter()
        for line in draft.lines:
            sellable = line.item.condition is Condition.SELLABLE
            got[line.item] += min(line.quantity, max(0, free[line.item] - got[line.item]) if sellable else 0)
        asked = sum(line.quantity for line in draft.lines)
        if got.total() < asked if draft.mode is Mode.ALL_OR_NOTHING else got.total() == 0:
            return False
        self.held[name] = got
        return True


steps = st.one_of(
    st.tuples(st.just("count"), items, st.integers(0, 9)),
    st.tuples(st.just("reserve"), drafts, st.none()),
    st.tuples(st.just("release"), st.integers(0, 9), st.none()),
    st.tuples(st.just("fulfil"), st.integers(0, 9), st.none()),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(steps, max_size=30))
def test_the_books_agree_with_the_model(asked: list[tuple[str, Any, Any]]) -> None:
    """Counting, promising, giving up and sending out: accepted exactly when the model says so, with its counts."""
    books, model = opened(), Model()
    for number, (what, first, second) in enumerate(asked):
        name = f"{NAME[:-4]}{number:04}"
        running = sorted(model.held)
        if what == "count":
            decide(books, RecordMovements((fact(EntryKind.COUNT, first, second),)))
            model.there[first] = second
        elif what == "reserve":
            draft = Draft(first.lines, first.mode)
            accepted = not isinstance(decide(books, Reserve(name, draft)), Refusal)
            event(f"reserve {'accepted' if accepted else 'refused'}")
            assert accepted == model.reserve(name, draft)
        elif running:
            chosen = running[first % len(running)]
            decide(books, Confirm(chosen))
            if what == "release":
                assert not isinstance(decide(books, Release(chosen, ())), Refusal)
                del model.held[chosen]
            elif not isinstance(decide(books, Fulfil(chosen, ())), Refusal):
                model.there -= model.held.pop(chosen)
            else:
                assert any(model.held[chosen][each] > model.there[each] for each in ITEMS)
        for item in ITEMS:
            reserved = sum(held[item] for held in model.held.values())
            assert counts(books, item) == (model.there[item], reserved)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(items, st.integers(0, 9), st.integers(0, 9)), unique_by=lambda each: each[0]), drafts)
def test_partial_is_all_or_nothing_where_all_is_there(stock: list[tuple[StockItem, int, int]], draft: Draft) -> None:
    """Partial promises the same where all is there; else at most what is asked and there, and as much as there is."""
    whole, part = opened(*stock), opened(*stock)
    lines = draft.lines
    first = decide(whole, Reserve(NAME, Draft(lines, Mode.ALL_OR_NOTHING)))
    second = decide(part, Reserve(NAME, Draft(lines, Mode.PARTIAL)))
    if isinstance(first, Reservation):
        assert isinstance(second, Reservation)
        assert (first.lines, state(whole)) == (second.lines, state(part))
        assert all(line.quantity == line.requested for line in first.lines)
        return
    there = {each: max(0, on_hand - reserved) if each.condition is Condition.SELLABLE else 0
             for each, on_hand, reserved in stock}  # fmt: skip
    asked: Counter[StockItem] = Counter()
    for line in lines:
        asked[line.item] += line.quantity
    best = {each: min(units, there.get(each, 0)) for each, units in asked.items()}
    assert best != dict(asked), "all was there, yet it was refused"
    if isinstance(second, Refusal):
        assert not any(best.values()), "something was there, yet it was refused"
        return
    got: Counter[StockItem] = Counter()
    for promised in second.lines:
        got[promised.item] += promised.quantity
    assert {each: got[each] for each in asked} == best


@given(st.sampled_from([State.HELD, State.CONFIRMED]), st.integers(-3, 3))
def test_expiry_is_never_early(kind: State, seconds: int) -> None:
    """A hold expires from its very instant on, and a confirmed promise at none."""
    books = opened((goods("A"), 5, 0))
    decide(books, Reserve(NAME, order(("A", 2), hold_seconds=seconds)))
    if kind is State.CONFIRMED:
        decide(books, Confirm(NAME))
    decide(books, Expire((NAME,)))
    found = books.reservations[NAME]
    due = found.expires_at is not None and NOW + timedelta(seconds=seconds) <= NOW
    assert (found.state is State.EXPIRED) == due
    assert counts(books, "A") == (5, 0 if due else 2)
