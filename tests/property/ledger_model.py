"""What the ledger should do, in dicts and ints: nothing is kept that can be counted.

Units promised, claimed and held are counted anew at every question, from the lines of all promises. Whatever is asked
yields each reason for which it may not be; where there is none, the model is as it should be afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from weir_ledger.domain.amending import Amend
from weir_ledger.domain.ceilings import CeilingDraft, SetCeilings
from weir_ledger.domain.command import Command
from weir_ledger.domain.demands import CancelWaiting, PromiseWaiting, SetBackOrders, WaitingPromise
from weir_ledger.domain.endings import Confirm, Expire, Extend, Fulfil, MarkHandedOver, Release, Transfer
from weir_ledger.domain.entries import EntryKind, Movement
from weir_ledger.domain.imports import ImportLines
from weir_ledger.domain.limits import Limits
from weir_ledger.domain.movements import RecordMovements
from weir_ledger.domain.promises import Reserve, ReserveBatch
from weir_ledger.domain.reservations import Draft, DraftLine, LineClaim, LineTransfer, Mode, State
from weir_ledger.domain.snapshots import Basis, Deduction, Feed, Figure
from weir_ledger.domain.stock import Condition, StockItem
from weir_ledger.domain.waiting import Product, WaitingDraft

NO_CEILING = CeilingDraft("", None, 0)
NOTHING_HAD: Mapping[str, int] = MappingProxyType({})
COMING = (EntryKind.RECEIVE, EntryKind.RETURN, EntryKind.RESTORE, EntryKind.ADJUST)
RUNNING = (State.HELD, State.CONFIRMED)
ALLOWED: dict[type[Command[Any]], tuple[State, ...]] = {
    Confirm: RUNNING,
    Extend: (State.HELD,),
    Fulfil: (State.CONFIRMED,),
    Transfer: (State.CONFIRMED,),
    Release: RUNNING,
    MarkHandedOver: RUNNING,
    Amend: RUNNING,
}
"""In which states a promise may be changed how."""


@dataclass(slots=True)
class Line:
    """Units promised of a stock item."""

    item: StockItem
    quantity: int
    weights: dict[str, int]
    """What each unit counts under the keys that the line carries."""
    open: int = 0
    fulfilled: int = 0
    released: int = 0
    handed_over_at: datetime | None = None
    changes: list[tuple[int, datetime]] = field(default_factory=list)
    """How open units changed, and when."""

    def change(self, units: int, moment: datetime) -> None:
        """Open more units, or fewer."""
        self.open += units
        self.changes.append((units, moment))

    def open_at(self, moment: datetime) -> int:
        """Units open at a moment; one cannot open fewer than none."""
        return max(0, sum(units for units, when in self.changes if when <= moment))


@dataclass(slots=True)
class Promise:
    """A reservation."""

    channel: str
    since: datetime
    until: datetime | None
    lines: list[Line] = field(default_factory=list)
    state: State = State.HELD
    changed: int = 0
    """The revision that changed it last."""
    sold: bool = False
    """Before it was promised: whatever was there."""

    def open(self) -> list[tuple[int, int]]:
        """Numbers of the lines with open units, and those units."""
        return [(number, line.open) for number, line in enumerate(self.lines, 1) if line.open]


@dataclass(slots=True)
class Awaited:
    """Units that wait of a product."""

    product: Product
    open: int
    promised: int = 0
    cancelled: int = 0


@dataclass(slots=True)
class Demand:
    """An order that waits."""

    whole: bool
    channel: str
    lines: list[Awaited]
    reservations: list[str] = field(default_factory=list)

    def open(self) -> list[tuple[int, int]]:
        """Numbers of the lines that wait, and their units."""
        return [(number, line.open) for number, line in enumerate(self.lines, 1) if line.open]


class Model:
    """Units that are there, and promises."""

    def __init__(self, now: datetime, places: Iterable[str], limits: Limits) -> None:
        """Nothing there, nothing promised."""
        self.now = now
        self.places = frozenset(places)
        self.limits = limits
        self.there: Counter[StockItem] = Counter()
        self.changed: dict[StockItem, int] = {}
        self.counted: dict[StockItem, datetime] = {}
        self.promises: dict[str, Promise] = {}
        self.moved: list[tuple[StockItem, int, datetime]] = []
        """What came and went other than by counting, and when."""
        self.reports: dict[str, Counter[str]] = {}
        """What became of the lines of each report."""
        self.ceilings: dict[str, CeilingDraft] = {}
        self.superseded: list[str] = []
        """The keys that were left as they are by who set ceilings last."""
        self.demands: dict[str, Demand] = {}
        self.may_wait: dict[Product, tuple[int, int]] = {}
        """How many units of a product may wait, and since which revision."""

    def lines(self) -> list[Line]:
        """Every line of every promise; those of a promise that has ended have nothing open."""
        return [line for promise in self.promises.values() for line in promise.lines]

    def reserved(self, item: StockItem) -> int:
        """Units promised."""
        return sum(line.open for line in self.lines() if line.item == item)

    def available(self, item: StockItem) -> int:
        """Units that may be promised."""
        return max(0, self.there[item] - self.reserved(item)) * (item.condition is Condition.SELLABLE)

    def claimed(self, key: str) -> tuple[int, int]:
        """Open and fulfilled units of the lines that carry a key, as often as they count."""
        counted = [(line, line.weights.get(key, 0)) for line in self.lines()]
        return sum(line.open * each for line, each in counted), sum(line.fulfilled * each for line, each in counted)

    def room(self, claim: LineClaim, had: int) -> int:
        """How many units a claim leaves: its own ceiling may be lower than the one that is set, but what it `had` may
        be claimed again."""
        bounds = [
            each for each in (claim.ceiling, self.ceilings.get(claim.claim, NO_CEILING).ceiling) if each is not None
        ]
        return max(0, max(had, min(bounds, default=10**18)) - sum(self.claimed(claim.claim))) // claim.weight

    def set_ceilings(self, drafts: Iterable[CeilingDraft]) -> list[str]:
        """Ceilings are set where they are of a later epoch; the keys where they are not."""
        left = []
        for each in drafts:
            before = self.ceilings.get(each.claim, NO_CEILING)
            if each.epoch > before.epoch:
                self.ceilings[each.claim] = replace(each, subject=each.subject or before.subject)
            else:
                left.append(each.claim)
        return left

    def held(self, channel: str) -> tuple[int, int]:
        """Promises that run, and units of those not confirmed, of a channel; with "" of all."""
        found = [each for each in self.promises.values() if channel in ("", each.channel) and each.state in RUNNING]
        return len(found), sum(line.open for each in found if each.state is State.HELD for line in each.lines)

    def asked(self, command: Command[Any], revision: int) -> Iterator[str]:
        """Why not."""
        match command:
            case RecordMovements(movements):
                yield from self.few(movements)
                yield from self.record(movements, revision)
            case Reserve(name, draft, demand, awaited):
                yield from self.few([*(draft.lines if draft else ()), *(awaited.lines if awaited else ())])
                yield from self.reserve(name, draft, revision) if draft else ()
                yield from self.take_up(demand, awaited) if awaited else ()
            case PromiseWaiting(promises):
                yield from self.few([line for each in promises for line in each.lines])
                for each in promises:
                    self.promise_demand(each, revision)
            case CancelWaiting(name, units):
                yield from self.cancel(name, units)
            case SetBackOrders(product, limit, etag):
                yield from self.set_limit(product, limit, etag, revision)
            case ReserveBatch(drafts, atomic):
                yield from self.few([line for _, draft in drafts for line in draft.lines])
                for name, draft in drafts:
                    short = {"INSUFFICIENT_STOCK", "CLAIM_EXHAUSTED"} if not atomic else set()
                    yield from set(self.reserve(name, draft, revision)) - short
            case SetCeilings(drafts):
                self.superseded = self.set_ceilings(drafts)
            case Expire(names):
                yield from self.expire(names, revision)
            case ImportLines(begun, feed, figures):
                if begun.request_id not in self.reports:
                    self.reports[begun.request_id] = Counter(self.report(feed, each, revision) for each in figures)
            case Transfer(name, moves):
                if not {each.destination.location for each in moves} <= self.places:
                    yield "LOCATION_NOT_FOUND"
                yield from self.change(name, command, revision)
            case Amend(name) | Confirm(name) | Extend(name) | Fulfil(name) | Release(name) | MarkHandedOver(name):
                yield from self.change(name, command, revision)

    def waiting(self, product: Product) -> int:
        """Units of a product that wait."""
        return sum(line.open for demand in self.demands.values() for line in demand.lines if line.product == product)

    def take_up(self, name: str, draft: WaitingDraft) -> Iterator[str]:
        """Units wait, if they may."""
        lines = [Awaited(each.product, each.quantity) for each in draft.lines]
        self.demands[name] = Demand(draft.whole, draft.channel, lines)
        if any(self.waiting(each.product) > self.may_wait.get(each.product, (0, 0))[0] for each in lines):
            yield "BACK_ORDERS_EXHAUSTED"

    def cancel(self, name: str, units: Sequence[tuple[int, int]]) -> Iterator[str]:
        """Units wait no longer, and are not wanted."""
        why = self.unmeant(name, units)
        yield from why
        if not why:
            for number, wanted in units or self.demands[name].open():
                self.demands[name].lines[number - 1].open -= wanted
                self.demands[name].lines[number - 1].cancelled += wanted

    def unmeant(self, name: str, units: Sequence[tuple[int, int]]) -> set[str]:
        """Why these units of a demand do not wait."""
        demand = self.demands.get(name)
        if demand is None:
            return {"WAITING_NOT_FOUND"}
        if not demand.open():
            return {"WAITING_STATE"}
        left = {number: line.open for number, line in enumerate(demand.lines, 1)}
        return {
            "WAITING_LINE_EXCEEDED" if number in left else "WAITING_LINE_NOT_FOUND"
            for number, wanted in units
            if wanted > left.get(number, 0)
        }

    def promise_demand(self, wanted: WaitingPromise, revision: int) -> None:
        """Units of a demand are promised, all of these or none; of one that is whole all that waits."""
        if self.unmeant(wanted.waiting, wanted.units):
            return
        demand = self.demands[wanted.waiting]
        if demand.whole and sum(units for _, units in wanted.units) != sum(units for _, units in demand.open()):
            return
        name = wanted.reservation
        promise = Promise(demand.channel, self.now, None, state=State.CONFIRMED, changed=revision)
        self.promises[name] = promise
        short = self.add(promise, wanted.lines)
        limits = {demand.channel: self.limits.channel, "": self.limits.tenant}
        if short or any(self.held(each)[0] > limit.open_reservations for each, limit in limits.items()):
            del self.promises[name]
            return
        for line in promise.lines:
            self.changed[line.item] = revision
        for number, units in wanted.units:
            demand.lines[number - 1].open -= units
            demand.lines[number - 1].promised += units
        demand.reservations.append(name)

    def set_limit(self, product: Product, limit: int, etag: str, revision: int) -> Iterator[str]:
        """So many units may wait."""
        was, since = self.may_wait.get(product, (0, 0))
        if etag not in ("", str(since or "")):
            yield "ETAG_STALE"
        if not since or was != limit:
            self.may_wait[product] = (limit, revision)

    def few(self, lines: Sequence[object]) -> Iterator[str]:
        """Lines of a request are not too many."""
        if len(lines) > self.limits.lines:
            yield "LINES_EXHAUSTED"

    def record(self, movements: Sequence[Movement], revision: int) -> Iterator[str]:
        """Units come, go, move and are counted."""
        for each in movements:
            if not {each.item.location, (each.destination or each.item).location} <= self.places:
                yield "LOCATION_NOT_FOUND"
            if each.expected_revision not in (None, self.changed.get(each.item, 0)):
                yield "BALANCE_CHANGED"
        for each in movements:
            units = each.quantity if each.kind in COMING else -each.quantity
            if each.kind is EntryKind.COUNT:
                units = each.quantity - self.there[each.item]
                moment = each.occurred_at or self.now
                self.counted[each.item] = max(moment, self.counted.get(each.item, moment))
            if each.available_only and self.available(each.item) < each.quantity:
                yield "INSUFFICIENT_STOCK"
            if self.there[each.item] + units < 0:
                yield "INSUFFICIENT_ON_HAND"
            for item, change in ((each.item, units), (each.destination, each.quantity)):
                if item:
                    self.there[item] += change
                    self.changed[item] = revision
                    if each.kind is not EntryKind.COUNT:
                        self.moved.append((item, change, each.occurred_at or self.now))

    def report(self, feed: Feed, figure: Figure, revision: int) -> str:
        """A warehouse says how many there were, or how many of them it had not set aside; what moved since comes on
        top."""
        item, as_of = figure.item, figure.as_of
        if item in self.counted and as_of <= self.counted[item]:
            return "stale"
        units = figure.quantity + sum(change for moved, change, when in self.moved if moved == item and when > as_of)
        if feed.basis is Basis.AVAILABLE:
            for line in self.lines():
                taken = line.handed_over_at is not None and line.handed_over_at <= as_of
                if line.item == item and feed.deduction is not Deduction.NONE:
                    units += line.open_at(as_of) * (taken or feed.deduction is Deduction.ALL)
        if units < 0 or item.location not in self.places:
            return "refused"
        self.there[item], self.counted[item], self.changed[item] = units, as_of, revision
        return "applied"

    def reserve(self, name: str, draft: Draft, revision: int) -> Iterator[str]:
        """Promise line by line what is left: all, or what there is; or what was sold already, whatever there is."""
        if draft.mode is Mode.FACT:
            yield from self.sell(name, draft, revision)
            return
        seconds = min(900, self.limits.hold_seconds) if draft.hold_seconds is None else draft.hold_seconds
        until = self.now + timedelta(seconds=seconds)
        promise = self.promises[name] = Promise(draft.channel, self.now, until, changed=revision)
        short = self.add(promise, draft.lines)
        nowhere = any(line.item.location not in self.places for line in draft.lines)
        if short and (draft.mode is Mode.ALL_OR_NOTHING or nowhere or not promise.open()):
            del self.promises[name]
            yield from short
            return
        for each in promise.lines:
            if each.open or each.item not in self.changed:
                self.changed[each.item] = revision
        if seconds > self.limits.hold_seconds:
            yield "HOLD_TIME_EXHAUSTED"
        for holder, limit in {draft.channel: self.limits.channel, "": self.limits.tenant}.items():
            promises, units = self.held(holder)
            if promises > limit.open_reservations:
                yield "OPEN_RESERVATIONS_EXHAUSTED"
            if units > limit.held_units:
                yield "HELD_UNITS_EXHAUSTED"

    def sell(self, name: str, draft: Draft, revision: int) -> Iterator[str]:
        """Promise every line whole, unless more is missing of one than may be; nobody holds units by it."""
        promise = Promise(draft.channel, self.now, None, state=State.CONFIRMED, changed=revision, sold=True)
        self.promises[name] = promise
        short = False
        for line in draft.lines:
            missing = line.quantity - self.available(line.item)
            most = line.quantity if line.shortfall_max is None else line.shortfall_max
            short = short or missing > most or line.item.location not in self.places
            promise.lines.append(Line(line.item, line.quantity, {each.claim: each.weight for each in line.claims}))
            promise.lines[-1].change(line.quantity, self.now)
        if short:
            del self.promises[name]
            yield "INSUFFICIENT_STOCK"
            return
        self.changed.update({line.item: revision for line in draft.lines})

    def add(self, promise: Promise, lines: Iterable[DraftLine], had: Mapping[str, int] = NOTHING_HAD) -> set[str]:
        """Promise what is left for each of some lines, one after the other; why some get less than they want."""
        short: set[str] = set()
        for line in lines:
            available = self.available(line.item)
            rooms = [self.room(each, had.get(each.claim, 0)) for each in line.claims]
            units = min([line.quantity, available, *rooms])
            if units < line.quantity:
                short.add("INSUFFICIENT_STOCK" if available < line.quantity else "CLAIM_EXHAUSTED")
            promise.lines.append(Line(line.item, units, {each.claim: each.weight for each in line.claims}))
            promise.lines[-1].change(units, self.now)
        return short

    def amend(self, promise: Promise, command: Amend, revision: int) -> Iterator[str]:
        """Units are given up and others promised, which may be the same; no more is held than may be."""
        yield from self.few(command.lines)
        before = sum(units for _, units in promise.open())
        had = {each.claim: sum(self.claimed(each.claim)) for line in command.lines for each in line.claims}
        yield from self.give(promise, command.releases, False, None, revision)
        yield from self.add(promise, command.lines, had)
        for line in promise.lines[len(promise.lines) - len(command.lines) :]:
            self.changed[line.item] = revision
        if promise.state is State.HELD and sum(units for _, units in promise.open()) > before:
            for holder, limit in {promise.channel: self.limits.channel, "": self.limits.tenant}.items():
                if self.held(holder)[1] > limit.held_units:
                    yield "HELD_UNITS_EXHAUSTED"
        self.settle(promise)

    def change(self, name: str, command: Command[Any], revision: int) -> Iterator[str]:
        """A promise that still runs is kept, prolonged or ended."""
        promise = self.promises.get(name)
        if promise is None:
            yield "RESERVATION_NOT_FOUND"
        elif promise.state is State.EXPIRED or self.overdue(promise):
            yield "RESERVATION_EXPIRED"
        elif promise.state not in ALLOWED[type(command)]:
            yield "RESERVATION_STATE"
        else:
            before = promise.changed
            if not (isinstance(command, Confirm) and promise.state is State.CONFIRMED):
                promise.changed = revision
            match command:
                case Amend():
                    known = before if before != revision else 0  # nobody can expect what is not drawn yet
                    if command.expected_revision not in (None, known):
                        yield "RESERVATION_CHANGED"
                    yield from self.amend(promise, command, revision)
                case Confirm():
                    promise.state, promise.until = State.CONFIRMED, None
                case Extend(_, seconds):
                    promise.until = self.now + timedelta(seconds=seconds)
                    if promise.until - promise.since > timedelta(seconds=self.limits.hold_seconds):
                        yield "HOLD_TIME_EXHAUSTED"
                case Fulfil(_, units, _, moment):
                    yield from self.end(promise, units or promise.open(), True, moment, revision)
                case Transfer(_, moves, _, moment):
                    yield from self.hand(promise, moves, moment, revision)
                case Release(_, units):
                    yield from self.end(promise, units or promise.open(), False, None, revision)
                case MarkHandedOver(_, numbers, moment):
                    for number in numbers or [each for each, _ in promise.open()]:
                        if number > len(promise.lines):
                            yield "RESERVATION_LINE_NOT_FOUND"
                        else:
                            promise.lines[number - 1].handed_over_at = moment or self.now

    def end(
        self,
        promise: Promise,
        units: Iterable[tuple[int, int]],
        fulfil: bool,
        moment: datetime | None,
        revision: int,
    ) -> Iterator[str]:
        """Units go out, or are given up; a promise with nothing open has ended."""
        yield from self.give(promise, units, fulfil, moment, revision)
        self.settle(promise)

    def hand(
        self, promise: Promise, moves: Iterable[LineTransfer], moment: datetime | None, revision: int
    ) -> Iterator[str]:
        """Units go out as goods of some sort, and come in as the same somewhere else."""
        for each in moves:
            yield from self.give(promise, [(each.line, each.quantity)], True, moment, revision)
            source, destination = promise.lines[min(each.line, len(promise.lines)) - 1].item, each.destination
            if source == destination or _sort_of(source) != _sort_of(destination):
                yield "REQUEST_MALFORMED"
            self.there[destination] += each.quantity
            self.moved.append((destination, each.quantity, moment or self.now))
            self.changed[destination] = revision
        self.settle(promise)

    def settle(self, promise: Promise) -> None:
        """A promise with nothing open has ended."""
        if not promise.open():
            promise.state = State.FULFILLED if any(line.fulfilled for line in promise.lines) else State.RELEASED
            promise.until = None

    def give(
        self,
        promise: Promise,
        units: Iterable[tuple[int, int]],
        fulfil: bool,
        moment: datetime | None,
        revision: int,
    ) -> Iterator[str]:
        """Units go out, or are given up."""
        for number, wanted in units:
            line = promise.lines[number - 1] if number <= len(promise.lines) else None
            if line is None:
                yield "RESERVATION_LINE_NOT_FOUND"
            elif wanted > line.open:
                yield "RESERVATION_LINE_EXCEEDED"
            elif fulfil and wanted > self.there[line.item]:
                yield "INSUFFICIENT_ON_HAND"
            else:
                line.change(-wanted, moment or self.now)
                line.fulfilled += wanted * fulfil
                line.released += wanted * (not fulfil)
                self.there[line.item] -= wanted * fulfil
                self.moved.append((line.item, -wanted * fulfil, moment or self.now))
                self.changed[line.item] = revision

    def expire(self, names: Iterable[str], revision: int) -> Iterator[str]:
        """Holds that have run out are given up."""
        for name in names:
            promise = self.promises.get(name)
            if promise is None:
                yield "RESERVATION_NOT_FOUND"
            elif self.overdue(promise):
                until = promise.until
                yield from self.end(promise, promise.open(), False, None, revision)
                promise.state, promise.until, promise.changed = State.EXPIRED, until, revision

    def overdue(self, promise: Promise) -> bool:
        """Whether a hold has run out."""
        return promise.state is State.HELD and promise.until is not None and promise.until <= self.now


def _sort_of(item: StockItem) -> tuple[str, str, str, str]:
    """What a stock item is, wherever it lies."""
    return item.owner, item.sku, item.lot, item.uom
