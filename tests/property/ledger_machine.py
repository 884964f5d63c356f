"""Whatever is asked of the ledger in whatever order and company, it is accepted just where a small model allows it, and
seven laws hold after each step."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from msgspec.structs import replace

from tests.kit.books import NAME, NOW, fact, goods
from tests.kit.memory_books import MemoryBooks, Outcome
from tests.property.ledger_model import NO_CEILING, RUNNING, Model
from weir_chassis.errors import Refusal, RequestIdReused
from weir_ledger.domain.amending import Amend
from weir_ledger.domain.ceilings import CeilingDraft, SetCeilings
from weir_ledger.domain.command import Command
from weir_ledger.domain.demands import CancelWaiting, PromiseWaiting, SetBackOrders, WaitingPromise
from weir_ledger.domain.endings import Confirm, Expire, Extend, Fulfil, MarkHandedOver, Release, Transfer
from weir_ledger.domain.entries import Account, Entry, EntryKind, Movement
from weir_ledger.domain.imports import ImportLines
from weir_ledger.domain.limits import NOTHING, Holding, Limits
from weir_ledger.domain.movements import RecordMovements
from weir_ledger.domain.promises import Reserve, ReserveBatch
from weir_ledger.domain.reservations import Claim, Draft, DraftLine, LineClaim, LineTransfer, Mode, Reservation
from weir_ledger.domain.snapshots import Basis, Deduction, Feed, Figure, SnapshotImport
from weir_ledger.domain.stock import Condition, StockItem
from weir_ledger.domain.waiting import BackOrders, Product, WaitingDraft, WaitingDraftLine
from weir_ledger.ports import Attempt, Done

PLACES = ("W1", "W2")
SELLABLE = [goods("A"), goods("A", "W2"), goods("A", uom="CARTON")]
ITEMS = [*SELLABLE, goods("A", condition=Condition.DAMAGED)]
NOWHERE = goods("A", "W9")
CLAIMS = ["spring", "summer"]
CHANNELS = ["", "web", "till"]
PRODUCTS: list[Product] = [("", "A"), ("", "B")]
LOOSE = Limits(hold_seconds=300, lines=6)
TIGHT = Limits(hold_seconds=300, lines=6, tenant=Holding(4, 20), channel=Holding(2, 9))

Units = tuple[tuple[int, int], ...]

alone = st.sampled_from([True, True, True, False])
few = st.integers(1, 4)
items = st.sampled_from([*ITEMS * 6, NOWHERE])
wanted = st.sampled_from([*SELLABLE * 8, *ITEMS, NOWHERE])
moments = st.none() | st.integers(-600, 60).map(lambda seconds: NOW + timedelta(seconds=seconds))
line_claims = st.lists(
    st.builds(LineClaim, st.sampled_from(CLAIMS), st.none() | st.integers(1, 12), st.sampled_from([1, 1, 2, 3])),
    max_size=2,
    unique_by=lambda each: each.claim,
).map(tuple)
ceilings = st.builds(
    CeilingDraft, st.sampled_from(CLAIMS), st.none() | st.integers(0, 15), st.integers(1, 5),
    st.sampled_from(["", "", "half", "third"]),
)  # fmt: skip
draft_lines = st.builds(DraftLine, wanted, few, line_claims)
sold_lines = st.builds(DraftLine, wanted, few, line_claims, st.sampled_from([None, None, 0, 1]))
drafts = st.builds(
    Draft,
    st.lists(draft_lines, min_size=1, max_size=3).map(tuple),
    st.sampled_from([Mode.ALL_OR_NOTHING, Mode.PARTIAL]),
    hold_seconds=st.sampled_from([None, 60.0, 60.0, 200.0, 200.0, 301.0]),
    channel=st.sampled_from(CHANNELS),
)
sold = st.builds(
    Draft,
    st.lists(sold_lines, min_size=1, max_size=3).map(tuple),
    st.just(Mode.FACT),
    channel=st.sampled_from(CHANNELS),
)
open_units = st.just(()) | st.lists(st.tuples(st.integers(1, 3), few), max_size=2, unique_by=lambda each: each[0]).map(
    tuple
)
line_moves = st.lists(
    st.tuples(
        st.sampled_from([1, 1, 1, 2, 3]),
        st.sampled_from([1, 1, 2, 3]),
        st.sampled_from([*[{"custodian": "rep"}, {"location": "W2"}] * 4, {"location": "W9"}, None]),
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda each: each[0],
)
"""Line, units and what is another where they arrive; None: they arrive as something else."""

awaited = st.builds(
    WaitingDraft,
    st.lists(st.builds(WaitingDraftLine, st.sampled_from(PRODUCTS), few), min_size=1, max_size=2).map(tuple),
    st.booleans(),
    channel=st.sampled_from(CHANNELS),
)
waiting_units = st.none() | st.lists(
    st.tuples(st.integers(1, 3), few), min_size=1, max_size=2, unique_by=lambda each: each[0]
).map(tuple)
waiting_lines = st.lists(draft_lines, min_size=1, max_size=2)


feeds = st.builds(Feed, st.sampled_from(Basis), st.just(NOW), st.sampled_from(Deduction))


@st.composite
def facts(draw: st.DrawFn) -> tuple[Movement, str]:
    """A movement that may be impossible, and what it expects of the balance."""
    kinds = [*(each for each in EntryKind if each <= EntryKind.RETURN), EntryKind.RESTORE, *[EntryKind.COUNT] * 3]
    kind = draw(st.sampled_from(kinds))
    item = draw(items)
    quantity = draw(st.integers(-4, 4).filter(bool) if kind is EntryKind.ADJUST else few)
    others = [each for each in ITEMS if each.uom == item.uom and each != item]
    if kind is EntryKind.TRANSFER and not others:
        kind = EntryKind.SHIP
    to = draw(st.sampled_from(others)) if kind is EntryKind.TRANSFER else None
    expected = draw(st.sampled_from([*["anything"] * 6, "what is", "what was"]))
    taking = kind in (EntryKind.SHIP, EntryKind.TRANSFER, EntryKind.CONSUME) and item.condition is Condition.SELLABLE
    wish = taking and draw(st.booleans())
    quantity = draw(st.integers(4, 9)) if wish else quantity  # so that some are promised
    return Movement(kind, item, quantity, to, draw(moments), available_only=wish), expected


class LedgerMachine(RuleBasedStateMachine):
    """The ledger in memory beside the model, and beside the fold of its own entries.

    A command that does not go `alone` waits for the next one, and they are carried out as one group.
    """

    names = Bundle("names")
    """Reservations that were promised, or wait to be and may be refused."""
    demands = Bundle("demands")
    """Demands that were taken up, or wait to be and may be refused."""
    reports = Bundle("reports")
    """What a warehouse has sent."""

    @initialize(target=names, limits=st.sampled_from([LOOSE, TIGHT]), asked=st.lists(drafts, min_size=1, max_size=3))
    def open(self, limits: Limits, asked: list[Draft]) -> MultipleResults[str]:
        """Nine of everything, and some orders."""
        self.ledger = MemoryBooks(NOW, PLACES, limits)
        self.model = Model(NOW, PLACES, limits)
        self.numbers = itertools.count()
        self.waiting: list[Attempt[Any]] = []
        self.settled: list[tuple[Attempt[Any], Outcome]] = []
        self.on_hand: Counter[StockItem] = Counter()
        self.reserved: Counter[StockItem] = Counter()
        self.claimed: Counter[str] = Counter()
        self.ended: dict[str, Reservation] = {}
        self.ask(RecordMovements(tuple(fact(EntryKind.RECEIVE, each, 9) for each in ITEMS)))
        self.ask(SetBackOrders(PRODUCTS[0], 5, ""))
        return self.reserve_batch(asked, atomic=False, alone=True)

    # What is asked.

    @rule(asked=st.lists(facts(), min_size=1, max_size=3), alone=alone)
    def record(self, asked: list[tuple[Movement, str]], alone: bool) -> None:
        """RecordMovements."""
        made = []
        for movement, expected in asked:
            current = self.model.changed.get(movement.item, 0)
            revision = {"anything": None, "what is": current, "what was": max(0, current - 1)}[expected]
            made.append(replace(movement, expected_revision=revision))
        self.ask(RecordMovements(tuple(made)), alone)

    @rule(target=names, draft=drafts, confirmed=st.booleans(), alone=alone)
    def reserve(self, draft: Draft, confirmed: bool, alone: bool) -> MultipleResults[str]:
        """Reserve, and perhaps Confirm in the same group."""
        name = self.new_name()
        self.ask(Reserve(name, draft), alone and not confirmed)
        if confirmed:
            self.ask(Confirm(name), alone)
        return self.promised(name)

    @rule(target=names, draft=sold, alone=alone)
    def sell(self, draft: Draft, alone: bool) -> MultipleResults[str]:
        """Reserve of what was sold already."""
        name = self.new_name()
        self.ask(Reserve(name, draft), alone)
        return self.promised(name)

    @rule(target=demands, draft=st.none() | drafts, awaited=awaited, alone=alone)
    def reserve_and_wait(self, draft: Draft | None, awaited: WaitingDraft, alone: bool) -> MultipleResults[str]:
        """Reserve of an order that has to wait, for all or for some of it."""
        name, demand = self.new_name(), self.new_name()
        self.ask(Reserve(name, draft, demand, awaited), alone)
        return multiple(*([demand] if demand in self.model.demands or self.waiting else []))

    @rule(name=demands, units=open_units, alone=alone)
    def cancel_waiting(self, name: str, units: Units, alone: bool) -> None:
        """CancelWaiting."""
        self.ask(CancelWaiting(name, units), alone)

    @rule(
        target=names,
        some=st.lists(st.tuples(demands, waiting_units, waiting_lines), min_size=1, max_size=2),
        alone=alone,
    )
    def promise_waiting(
        self, some: list[tuple[str, Units | None, list[DraftLine]]], alone: bool
    ) -> MultipleResults[str]:
        """PromiseWaiting, of all that waits or of some of it."""
        promises = []
        for name, units, lines in some:
            found = self.model.demands.get(name)
            meant = units or (tuple(found.open()) if found else ()) or ((1, 1),)
            promises.append(WaitingPromise(name, self.new_name(), meant, tuple(lines)))
        self.ask(PromiseWaiting(tuple(promises)), alone)
        return self.promised(*(each.reservation for each in promises))

    @rule(product=st.sampled_from(PRODUCTS), limit=st.integers(0, 9), known=st.sampled_from(["any", "is", "was"]))
    def set_back_orders(self, product: Product, limit: int, known: str) -> None:
        """SetBackOrders, which is in no group with others."""
        self.carry_out()
        since = self.model.may_wait.get(product, (0, 0))[1]
        etag = {"any": "", "is": str(since or ""), "was": str(since - 1)}[known]
        self.ask(SetBackOrders(product, limit, etag))

    @rule(asked=st.lists(ceilings, min_size=1, max_size=2, unique_by=lambda each: each.claim), alone=alone)
    def set_ceilings(self, asked: list[CeilingDraft], alone: bool) -> None:
        """SetCeilings."""
        self.ask(SetCeilings(tuple(asked)), alone)

    @rule(target=names, asked=st.lists(drafts | sold, min_size=1, max_size=3), atomic=st.booleans(), alone=alone)
    def reserve_batch(self, asked: list[Draft], atomic: bool, alone: bool) -> MultipleResults[str]:
        """ReserveBatch."""
        named = tuple((self.new_name(), draft) for draft in asked)
        self.ask(ReserveBatch(named, atomic), alone)
        return self.promised(*(name for name, _ in named))

    @rule(name=names, alone=alone)
    def confirm(self, name: str, alone: bool) -> None:
        """Confirm."""
        self.ask(Confirm(name), alone)

    @rule(name=names, seconds=st.sampled_from([60.0, 280.0]), alone=alone)
    def extend(self, name: str, seconds: float, alone: bool) -> None:
        """Extend."""
        self.ask(Extend(name, seconds), alone)

    @rule(name=names, units=open_units, moment=moments, alone=alone)
    def fulfil(self, name: str, units: Units, moment: datetime | None, alone: bool) -> None:
        """Fulfil."""
        self.ask(Fulfil(name, units, occurred_at=moment), alone)

    @rule(name=names, moves=st.none() | line_moves, moment=moments, alone=alone)
    def transfer(
        self,
        name: str,
        moves: list[tuple[int, int, dict[str, str] | None]] | None,
        moment: datetime | None,
        alone: bool,
    ) -> None:
        """Transfer, of all that is open to the rep unless lines are named."""
        known = self.model.promises[name].lines if name in self.model.promises else []
        everything = [(number, line.open, {"custodian": "rep"}) for number, line in enumerate(known, 1) if line.open]
        made = []
        for line, units, where in moves or everything or [(1, 1, None)]:
            source = known[line - 1].item if line <= len(known) else ITEMS[0]
            made.append(LineTransfer(line, units, ITEMS[2] if where is None else replace(source, **where)))
        self.ask(Transfer(name, tuple(made), occurred_at=moment), alone)

    @rule(name=names, units=open_units, alone=alone)
    def release(self, name: str, units: Units, alone: bool) -> None:
        """Release."""
        self.ask(Release(name, units), alone)

    @rule(
        name=names, units=open_units, lines=st.lists(draft_lines, max_size=3),
        expected=st.sampled_from(["anything", "anything", "what is", "what was"]), alone=alone,
    )  # fmt: skip
    def amend(self, name: str, units: Units, lines: list[DraftLine], expected: str, alone: bool) -> None:
        """Amend."""
        current = self.model.promises[name].changed if name in self.model.promises else 9
        revision = {"anything": None, "what is": current, "what was": current - 1}[expected]
        self.ask(Amend(name, units, tuple(lines), revision), alone)

    @rule(name=names, lines=st.sampled_from([(), (1,), (2, 1), (4,)]), moment=moments, alone=alone)
    def hand_over(self, name: str, lines: tuple[int, ...], moment: datetime | None, alone: bool) -> None:
        """MarkHandedOver."""
        self.ask(MarkHandedOver(name, lines, moment), alone)

    @rule(some=st.lists(names, min_size=1, max_size=3, unique=True), alone=alone)
    def expire(self, some: list[str], alone: bool) -> None:
        """What the ledger asks of itself."""
        self.ask(Expire(tuple(some)), alone)

    @rule(
        target=reports, feed=feeds, asked=st.lists(st.tuples(items, st.integers(0, 9), st.integers(0, 90)), max_size=3)
    )
    def report(self, feed: Feed, asked: list[tuple[StockItem, int, int]]) -> ImportLines:
        """The lines of an ImportSnapshot, each of a moment of its own; they are in no group with others."""
        self.carry_out()
        figures = tuple(
            Figure(line, item, quantity, self.ledger.now - timedelta(seconds=seconds))
            for line, (item, quantity, seconds) in enumerate(asked, 1)
        )
        begun = SnapshotImport(f"report {next(self.numbers)}", b"")
        command = ImportLines(begun, feed, figures, first_line=1, end_line=len(figures) + 1)
        self.ask(command)
        return command

    @rule(command=reports)
    def report_again(self, command: ImportLines) -> None:
        """The same lines under the same request id: what was settled is not looked at again."""
        self.carry_out()
        self.ask(command)

    @rule(seconds=st.sampled_from([10, 60, 200]))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.ledger.now = self.model.now = self.ledger.now + timedelta(seconds=seconds)

    @precondition(lambda self: self.settled)
    @rule(index=st.integers(0, 99), other=st.booleans())
    def repeat(self, index: int, other: bool) -> None:
        """The same request id again: the first answer, or a refusal where it asks for something else."""
        attempt, first = self.settled[index % len(self.settled)]
        before = self.state()
        fingerprint = b"of another request" if other else attempt.fingerprint
        (again,) = self.ledger.carry_out([dataclasses.replace(attempt, fingerprint=fingerprint)])
        assert isinstance(again, RequestIdReused) if other else told(again) == told(first)
        assert self.state() == before

    # How it is carried out.

    def new_name(self) -> str:
        """The name of a reservation that is not there yet."""
        return f"{NAME[:-4]}{next(self.numbers):04}"

    def promised(self, *names: str) -> MultipleResults[str]:
        """Those that are there, or may yet be."""
        return multiple(*(name for name in names if name in self.model.promises or self.waiting))

    def ask(self, command: Command[Any], alone: bool = True) -> None:
        """Have a command carried out with those that wait for it."""
        request_id = "" if isinstance(command, Expire) else f"request {next(self.numbers)}"
        self.waiting.append(Attempt("acme", type(command).__name__, request_id, repr(command).encode(), command))
        if alone:
            self.carry_out()

    def carry_out(self) -> None:
        """Have everything carried out that waits, as one group."""
        group, self.waiting = self.waiting, []
        if not group:
            return
        foreseen, before = self.foreseen(group[0]), self.state()
        outcomes = self.ledger.carry_out(group)
        assert told(outcomes[0])[0] == foreseen
        accepted = [self.judge(attempt.command, each) for attempt, each in zip(group, outcomes, strict=True)]
        if any(accepted):
            self.follow(self.ledger.commits[-1][1])
        else:
            assert self.state() == before
        self.settled += [
            (attempt, each)
            for attempt, each in zip(group, outcomes, strict=True)
            if attempt.remembered and (isinstance(each, Done) or each.kind.definite)
        ]

    def foreseen(self, attempt: Attempt[Any]) -> object:
        """What is answered where the attempt is only validated, which changes nothing."""
        before = self.state()
        (outcome,) = self.ledger.carry_out([dataclasses.replace(attempt, validate_only=True)])
        assert self.state() == before
        return told(outcome)[0]

    def judge(self, command: Command[Any], outcome: Outcome) -> bool:
        """Whether a command was accepted; it must be just where the model knows no reason why not, or one of them."""
        trial = deepcopy(self.model)
        why = set(trial.asked(command, len(self.ledger.commits)))
        if isinstance(outcome, Refusal):
            assert outcome.reason in why
            return False
        assert not why
        assert not isinstance(command, SetCeilings) or list(outcome.receipt) == trial.superseded
        self.model = trial
        return True

    def state(self) -> Any:
        """Everything that a command may change."""
        counted = (
            self.ledger.balances, self.ledger.reservations, self.ledger.claims, self.ledger.holdings,
            self.ledger.waiting, self.ledger.back_orders,
        )  # fmt: skip
        return len(self.ledger.commits), *(each.copy() for each in counted)

    def follow(self, commit: list[Entry]) -> None:
        """Fold the entries of a commit: they sum to 0, say what they lead to, and promise nothing that is not there."""
        moved: Counter[tuple[str, str, str]] = Counter()
        had: dict[tuple[str, str], int] = {}  # what was claimed when a reservation began to give up
        for entry in commit:
            item = entry.item
            moved[item.owner, item.sku, item.uom] += entry.on_hand_delta
            if entry.account is not Account.STOCK:
                continue
            self.on_hand[item] += entry.on_hand_delta
            self.reserved[item] += entry.reserved_delta
            assert (entry.on_hand, entry.reserved) == (self.on_hand[item], self.reserved[item])
            sold = entry.reservation in self.model.promises and self.model.promises[entry.reservation].sold
            if entry.kind is EntryKind.RESERVE and not sold:
                assert entry.reserved <= entry.on_hand
            if entry.reservation and entry.kind not in (EntryKind.FULFIL, EntryKind.TRANSFER):
                line = self.ledger.reservations[entry.reservation].lines[entry.reservation_line - 1]
                for each in line.claims:
                    before = had.setdefault((entry.reservation, each.claim), self.claimed[each.claim])
                    self.claimed[each.claim] += entry.reserved_delta * each.weight
                    most = max(before, each.within(None))
                    assert self.claimed[each.claim] <= most or entry.kind is not EntryKind.RESERVE or sold
        assert not any(moved.values())

    # The laws; that each commit sums to 0, and that nothing is promised that is not there, is seen when it is followed.

    @invariant()
    def counts_are_those_of_the_model_and_the_fold_of_the_entries(self) -> None:
        """(1) Units on hand and reserved, when they were changed, and when they were counted."""
        model = self.model
        assert self.ledger.balances.keys() == model.changed.keys()
        for item, found in self.ledger.balances.items():
            assert (found.on_hand, found.reserved) == (self.on_hand[item], self.reserved[item])
            assert (found.on_hand, found.reserved) == (model.there[item], model.reserved(item))
            assert (found.revision, found.counted_at) == (model.changed[item], model.counted.get(item))

    @invariant()
    def reports_are_settled_as_they_should_be(self) -> None:
        """(1) Each line is applied, stale, or refused."""
        for name, found in self.ledger.imports.items():
            settled = {"applied": found.applied, "stale": found.stale, "refused": found.refused}
            assert Counter(settled) == self.model.reports[name]

    @invariant()
    def reserved_is_what_running_reservations_have_open(self) -> None:
        """(3) Nothing else is promised."""
        promised = Counter[StockItem]()
        for each in self.ledger.reservations.values():
            for line in each.lines:
                promised[line.item] += line.open * (each.state in RUNNING)
        assert all(found.reserved == promised[item] for item, found in self.ledger.balances.items())

    @invariant()
    def lines_add_up_and_what_has_ended_stays(self) -> None:
        """(4) Each line, and the state of its reservation, is that of the model."""
        assert self.ledger.reservations.keys() == self.model.promises.keys()
        for name, found in self.ledger.reservations.items():
            promise = self.model.promises[name]
            assert (found.state, found.expires_at) == (promise.state, promise.until)
            assert found.revision == promise.changed
            for line, promised in zip(found.lines, promise.lines, strict=True):
                assert line.quantity == line.open + line.fulfilled + line.released <= line.requested
                assert (line.open, line.fulfilled, line.released, line.handed_over_at) == (
                    promised.open, promised.fulfilled, promised.released, promised.handed_over_at,
                )  # fmt: skip
            if found.state.ended:
                assert self.ended.setdefault(name, found) == found

    @invariant()
    def claims_are_what_the_lines_that_carry_them_count(self) -> None:
        """(5) Open and fulfilled units; what is released is given back. And the ceiling of the latest epoch is set."""
        for key in CLAIMS:
            found = self.ledger.claims.get(key, Claim(key))
            ceiling = self.model.ceilings.get(key, NO_CEILING)
            assert (found.ceiling, found.epoch, found.subject) == (ceiling.ceiling, ceiling.epoch, ceiling.subject)
            assert (found.open, found.fulfilled) == self.model.claimed(key)
            assert found.claimed == self.claimed[key]

    @invariant()
    def holdings_are_those_of_the_reservations(self) -> None:
        """(6) What each channel and the tenant hold."""
        for channel in CHANNELS:
            assert self.ledger.holdings.get(channel, NOTHING) == Holding(*self.model.held(channel))

    @invariant()
    def what_waits_is_counted(self) -> None:
        """(7) Lines of demands add up, and of each product as much is counted as waits."""
        assert self.ledger.waiting.keys() == self.model.demands.keys()
        for name, found in self.ledger.waiting.items():
            demand = self.model.demands[name]
            assert list(found.reservations) == demand.reservations
            for line, wanted in zip(found.lines, demand.lines, strict=True):
                assert line.quantity == line.open + line.promised + line.cancelled
                assert (line.open, line.promised, line.cancelled) == (wanted.open, wanted.promised, wanted.cancelled)
        for product in PRODUCTS:
            counted = self.ledger.back_orders.get(product, BackOrders(product))
            assert counted.waiting == self.model.waiting(product)
            assert (counted.limit, counted.limit_revision) == self.model.may_wait.get(product, (0, 0))


def told(outcome: Outcome) -> tuple[object, int]:
    """What the caller is told, to be compared, and the revision."""
    return (outcome.to_record(), 0) if isinstance(outcome, Refusal) else (outcome.receipt, outcome.revision)
