"""Whatever has happened and in whatever order it was recorded, a report of a warehouse puts the books right."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from tests.kit.postgres import PostgresForTests
from weir_chassis.database import Database
from weir_chassis.errors import Refusal
from weir_chassis.ids import new_id
from weir_ledger.domain.command import Command
from weir_ledger.domain.endings import Confirm, Fulfil, MarkHandedOver, Release
from weir_ledger.domain.entries import EntryKind, Movement
from weir_ledger.domain.imports import ImportLines
from weir_ledger.domain.limits import Limits
from weir_ledger.domain.movements import RecordMovements
from weir_ledger.domain.places import CreateLocation
from weir_ledger.domain.promises import Reserve
from weir_ledger.domain.reservations import Draft, DraftLine
from weir_ledger.domain.snapshots import Basis, Deduction, Feed, Figure, Past, SnapshotImport
from weir_ledger.domain.stock import Location, LocationKind, StockItem
from weir_ledger.ports import Attempt, Done
from weir_ledger.store import PostgresBooks

SCHEMA = "weir_ledger"
A = StockItem("", "A", "W1")
TICK = timedelta(microseconds=1)
MEANINGS = [(Basis.ON_HAND, Deduction.NONE), *((Basis.AVAILABLE, each) for each in Deduction)]

_tenants = itertools.count()


@pytest.fixture(scope="module")
async def books(postgres: PostgresForTests) -> AsyncIterator[PostgresBooks]:
    """Books without a server."""
    with postgres.fresh(SCHEMA) as database:
        opened = await Database.open(database.url(SCHEMA), schema=SCHEMA, settings=database.settings(SCHEMA))
        made = PostgresBooks(opened, queue_max=100, limits=Limits())
        yield made
        await made.close()
        await opened.close()


@dataclass
class Line:
    """A promised line, as the model sees it."""

    reservation: str
    handed_over_at: datetime | None = None


@dataclass
class Warehouse:
    """Where the goods really lie: every event that is known, and some units that no book ever knew of."""

    unknown: int
    moved: list[tuple[datetime, int]] = field(default_factory=list)
    promised: list[tuple[datetime, Line, int]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    moments: list[datetime] = field(default_factory=list)

    def all_moments(self) -> list[datetime]:
        """Every moment at which anything happened, the newest last."""
        happened = {at for at, _ in self.moved} | {at for at, *_ in self.promised}
        handed_over = {each.handed_over_at for each in self.lines if each.handed_over_at is not None}
        return sorted(happened | handed_over | {*self.moments})

    def there(self, moment: datetime) -> int:
        """Units physically there at a moment."""
        return self.unknown + sum(units for at, units in self.moved if at <= moment)

    def open(self, line: Line, moment: datetime) -> int:
        """Units of a line that were promised at a moment."""
        return max(0, sum(units for at, each, units in self.promised if each is line and at <= moment))

    def past(self, moment: datetime) -> Past:
        """What has happened since a moment, by going through all that ever did."""
        handed_over = [each for each in self.lines if each.handed_over_at and each.handed_over_at <= moment]
        return Past(
            sum(units for at, units in self.moved if at > moment),
            sum(self.open(each, moment) for each in self.lines),
            sum(self.open(each, moment) for each in handed_over),
        )

    def report(self, basis: Basis, deduction: Deduction, moment: datetime) -> int:
        """What it reports as of a moment: all that is there, or without what it truly has set aside for orders."""
        past = self.past(moment)
        aside = {Deduction.HANDED_OVER: past.handed_over, Deduction.ALL: past.open, Deduction.NONE: 0}
        return self.there(moment) - (aside[deduction] if basis is Basis.AVAILABLE else 0)


class Story:
    """A tenant whose ledger hears of events, and the warehouse in which they happen."""

    def __init__(self, books: PostgresBooks, unknown: int) -> None:
        """Nothing has happened yet."""
        self.books = books
        self.tenant = f"tenant {next(_tenants)}"
        self.warehouse = Warehouse(unknown)
        self.counted_at: datetime | None = None

    async def do(self, command: Command[Any], request_id: str = "") -> tuple[datetime, Any] | None:
        """When a command was recorded, and its receipt; None where it was refused."""
        try:
            done: Done[Any] = await self.books.carry_out(Attempt(self.tenant, "", request_id, b"", command))
        except Refusal as refusal:
            event(f"{type(command).__name__} refused: {refusal.reason}")
            return None
        (commit,) = await self.books.commits(self.tenant, done.revision - 1, 1)
        self.warehouse.moments.append(commit.recorded_at)
        return commit.recorded_at, done.receipt

    def moment(self, choice: int, ticks: int) -> datetime:
        """A moment of the past: that of an event, when it was recorded or when it happened, or just beside it."""
        moments = self.warehouse.all_moments()
        return moments[choice % len(moments)] + ticks * TICK

    async def begin(self) -> None:
        """A warehouse that holds some units, of which some are promised."""
        await self.do(CreateLocation(Location("W1", LocationKind.WAREHOUSE)))
        await self.move(EntryKind.RECEIVE, 20, None)
        await self.reserve(4)
        await self.reserve(2)

    async def move(self, kind: EntryKind, units: int, occurred_at: datetime | None) -> None:
        """Goods come or go, now or at a moment that the ledger hears of late or early."""
        found = await self.do(RecordMovements((Movement(kind, A, units, occurred_at=occurred_at),)))
        if found is not None:
            signed = units if kind is EntryKind.RECEIVE else -units
            self.warehouse.moved.append((occurred_at or found[0], signed))

    async def reserve(self, units: int) -> None:
        """An order is promised units."""
        found = await self.do(Reserve(new_id(), Draft((DraftLine(A, units),))))
        if found is not None:
            line = Line(found[1].reservation.reservation)
            self.warehouse.lines.append(line)
            self.warehouse.promised.append((found[0], line, units))
            await self.do(Confirm(line.reservation))

    async def hand_over(self, line: Line, at: datetime | None) -> None:
        """The warehouse sets the units of an order aside."""
        found = await self.do(MarkHandedOver(line.reservation, (1,), at))
        if found is not None:
            line.handed_over_at = found[1].lines[0].handed_over_at

    async def end(self, line: Line, units: int, *, fulfil: bool, at: datetime | None) -> None:
        """Units of an order go out, or are given up."""
        lines = ((1, units),)
        found = await self.do(Fulfil(line.reservation, lines, "", at) if fulfil else Release(line.reservation, lines))
        if found is None:
            return
        moment = (at if fulfil else None) or found[0]
        self.warehouse.promised.append((moment, line, -units))
        if fulfil:
            self.warehouse.moved.append((moment, -units))

    async def report(self, basis: Basis, deduction: Deduction, units: int, as_of: datetime) -> bool:
        """The ledger is told a figure; whether it applied it."""
        begun = SnapshotImport(new_id(), b"")
        lines = ImportLines(
            begun, Feed(basis, as_of, deduction), (Figure(1, A, units, as_of),), first_line=1, end_line=2
        )
        found = await self.do(lines, begun.request_id)
        assert found is not None
        stale = self.counted_at is not None and as_of <= self.counted_at
        assert found[1].snapshot.stale == stale
        applied: int = found[1].snapshot.applied
        if applied:
            self.counted_at = as_of
        return bool(applied)


few = st.integers(1, 5)
choices = st.integers(0, 7)
ticks = st.sampled_from([0, 0, 0, 1, -1])
when = st.none() | st.tuples(choices, ticks) | st.tuples(choices, ticks) | st.just("ahead")
steps = st.one_of(
    st.tuples(st.just("move"), st.sampled_from([EntryKind.RECEIVE, EntryKind.SHIP]), few, when),
    st.tuples(st.just("reserve"), few),
    st.tuples(st.just("hand over"), choices, when),
    st.tuples(st.just("end"), choices, few, st.booleans(), when),
    st.tuples(st.just("end"), choices, few, st.booleans(), when),
    st.tuples(st.just("rumour"), st.sampled_from(MEANINGS), st.integers(0, 30), st.tuples(choices, ticks)),
)


async def told(story: Story, step: tuple[Any, ...]) -> None:
    """Let one thing happen."""

    def at(choice: Any) -> datetime | None:
        if choice == "ahead":
            return story.warehouse.moments[-1] + timedelta(seconds=10)
        return story.moment(*choice) if choice else None

    match step:
        case ("move", kind, units, choice):
            await story.move(kind, units, at(choice))
        case ("reserve", units):
            await story.reserve(units)
        case ("hand over", number, choice):
            await story.hand_over(story.warehouse.lines[number % len(story.warehouse.lines)], at(choice))
        case ("end", number, units, fulfil, choice):
            line = story.warehouse.lines[number % len(story.warehouse.lines)]
            await story.end(line, units, fulfil=fulfil, at=at(choice))
        case ("rumour", (basis, deduction), units, choice):
            await story.report(basis, deduction, units, story.moment(*choice))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(steps, min_size=5, max_size=14),
    st.integers(0, 9),
    st.sampled_from(MEANINGS),
    choices,
    ticks,
    st.sampled_from([False] * 7 + [True]),
)
async def test_a_report_puts_the_books_right(
    books: PostgresBooks,
    happened: list[tuple[Any, ...]],
    unknown: int,
    meaning: tuple[Basis, Deduction],
    choice: int,
    tick: int,
    ahead: bool,
) -> None:
    """After any history, also one of false reports, a true report as of any moment leaves exactly what lies in the
    warehouse on hand, however it deducts what it has set aside; unless it is stale, which changes nothing."""
    story = Story(books, unknown)
    await story.begin()
    for step in happened:
        await told(story, step)
    as_of = story.warehouse.moments[-1] + timedelta(seconds=5) if ahead else story.moment(choice, tick)
    basis, deduction = meaning
    reported = story.warehouse.report(basis, deduction, as_of)
    truth = story.warehouse.there(as_of + timedelta(days=1))
    assume(reported >= 0 and truth >= 0)
    before, _ = await books.balance(story.tenant, A)
    applied = await story.report(basis, deduction, reported, as_of)
    after, _ = await books.balance(story.tenant, A)
    assert before is not None
    assert after is not None
    event("applied" if applied else "stale")
    assert after.on_hand == (truth if applied else before.on_hand)
    assert after.reserved == before.reserved
