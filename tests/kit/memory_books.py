"""A ledger of one tenant in memory: commands are carried out as `weir_ledger.store.group` does, without a database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from msgspec.structs import replace

from weir_chassis.errors import Refusal, RequestIdReused
from weir_ledger.domain.books import Books, Page
from weir_ledger.domain.command import Command
from weir_ledger.domain.entries import Account, Entry, EntryKind
from weir_ledger.domain.limits import Holding, Limits
from weir_ledger.domain.reservations import Claim, Reservation
from weir_ledger.domain.snapshots import Intake, Past, SnapshotImport
from weir_ledger.domain.stock import Balance, StockItem
from weir_ledger.domain.waiting import BackOrders, Product, Waiting
from weir_ledger.errors import settle
from weir_ledger.ports import Attempt, Done
from weir_ledger.store.outcomes import kept, recalled

Outcome = Done[Any] | Refusal
"""What a caller gets: a receipt with its revision, or a refusal."""

K = TypeVar("K")
V = TypeVar("V")


class MemoryBooks:
    """Recalls, decides, binds, and draws the next revision; every group sees only what its commands name."""

    def __init__(self, now: datetime, places: Iterable[str], limits: Limits) -> None:
        """Nothing is booked yet; `now` is the clock, to be moved by whoever wants to."""
        self.now = now
        self.places = frozenset(places)
        self.limits = limits
        self.balances: dict[StockItem, Balance] = {}
        self.reservations: dict[str, Reservation] = {}
        self.claims: dict[str, Claim] = {}
        self.holdings: dict[str, Holding] = {}
        self.imports: dict[str, SnapshotImport] = {}
        self.waiting: dict[str, Waiting] = {}
        self.back_orders: dict[Product, BackOrders] = {}
        self.commits: list[tuple[datetime, list[Entry]]] = []
        """When each revision was recorded, from 1 on, and its entries."""
        self._remembered: dict[tuple[str, str], tuple[bytes, int, str]] = {}

    @property
    def head(self) -> int:
        """The newest revision."""
        return len(self.commits)

    def carry_out(self, group: Sequence[Attempt[Any]]) -> list[Outcome]:
        """The outcome of each attempt; what was accepted of them is one commit."""
        books = self._open(group)
        outcomes = [self._outcome(attempt, books) for attempt in group]
        if any(isinstance(each, Done) and each.revision > self.head for each in outcomes):
            self._write(books)
        for each in outcomes:
            if isinstance(each, Refusal):
                settle(each, self.head)
        return outcomes

    def _open(self, group: Sequence[Attempt[Any]]) -> Books:
        """The part of the books that the commands name, with all that the lines of their reservations name."""
        commands = [attempt.command for attempt in group]
        found = _named(self.reservations, (each for command in commands for each in command.reservations()))
        lines = [line for each in found.values() for line in each.lines]
        items = [*(item for command in commands for item in command.items()), *(line.item for line in lines)]
        claims = [*(claim for command in commands for claim in command.claims()),
                  *(each.claim for line in lines for each in line.claims)]  # fmt: skip
        demands = _named(self.waiting, (each for command in commands for each in command.waiting()))
        products = [*(each for command in commands for each in command.products()),
                    *(line.product for each in demands.values() for line in each.lines)]  # fmt: skip
        channels = ["", *(channel for command in commands for channel in command.channels()),
                    *(each.channel for each in found.values()),
                    *(each.channel for each in demands.values())]  # fmt: skip
        books = Books(
            self.now,
            _named(self.balances, items).values(),
            found.values(),
            self.places & {item.location for item in items},
            (),
            _named(self.claims, claims).values(),
            _named(self.holdings, channels),
            self.limits,
            waiting=demands.values(),
            back_orders=_named(self.back_orders, products).values(),
        )
        self._take_in(commands[0], books)
        return books

    def _take_in(self, command: Command[Any], books: Books) -> None:
        """Open what a command sees besides that carries an import on."""
        books.intake = Intake(self.imports.get(command.importing() or ""))
        asked = command.lookback(Page(books))
        if asked is not None:
            past = {each: self.past(*each) for each in asked.moments}
            books.intake = replace(books.intake, past=past)

    def past(self, item: StockItem, moment: datetime) -> Past:
        """What a stock item has seen since a moment, by the entries, and what its lines had open then."""
        since = [
            entry
            for recorded_at, entries in self.commits
            for entry in entries
            if entry.item == item and entry.account is Account.STOCK and (entry.occurred_at or recorded_at) > moment
        ]
        promised = Counter[tuple[str, int]]()
        for entry in since:
            promised[entry.reservation, entry.reservation_line] += entry.reserved_delta
        opened = [
            (line, max(0, line.open - promised[name, number]))
            for name, reservation in self.reservations.items()
            for number, line in enumerate(reservation.lines, 1)
            if line.item == item
        ]
        return Past(
            sum(entry.on_hand_delta for entry in since if entry.kind is not EntryKind.COUNT),
            sum(units for _, units in opened),
            sum(units for line, units in opened if line.handed_over_at and line.handed_over_at <= moment),
        )

    def _outcome(self, attempt: Attempt[Any], books: Books) -> Outcome:
        """What the request id ended with before; else what is decided on the books as the earlier attempts left
        them."""
        name = (attempt.method, attempt.request_id)
        if name in self._remembered and attempt.remembered:
            fingerprint, revision, text = self._remembered[name]
            if fingerprint != attempt.fingerprint:
                return RequestIdReused(attempt.request_id)
            answer = recalled(attempt.method, text)
            if not isinstance(answer, Refusal):
                return Done(answer, revision)
            settle(answer, revision)
            return answer
        page = Page(books)
        try:
            receipt = attempt.command.decide(page)
        except Refusal as refusal:
            if refusal.kind.definite and attempt.keeps_refusals:
                self._remember(attempt, refusal)
            return refusal
        if attempt.validate_only:
            return Done(receipt, self.head)
        books.bind(page, attempt.request_id)
        self._remember(attempt, receipt)
        return Done(receipt, self.head + 1)

    def _remember(self, attempt: Attempt[Any], answer: object) -> None:
        """Keep the outcome of an attempt that has a name."""
        if attempt.remembered:
            name = (attempt.method, attempt.request_id)
            self._remembered[name] = (attempt.fingerprint, self.head + 1, kept(answer))

    def _write(self, books: Books) -> None:
        """Take over what was bound, under the next revision."""
        revision = self.head + 1
        for item in books.touched_items:
            self.balances[item] = replace(books.balances[item], revision=revision)
        for name in books.touched_reservations:
            self.reservations[name] = replace(books.reservations[name], revision=revision)
        for claim in books.touched_claims:
            self.claims[claim] = replace(books.claims[claim], revision=revision)
        for name in books.touched_waiting:
            made = books.waiting[name]
            self.waiting[name] = replace(made, create_revision=made.create_revision or revision, revision=revision)
        for product in books.touched_back_orders:
            said = books.back_orders[product]
            self.back_orders[product] = replace(said, limit_revision=said.limit_revision or revision, revision=revision)
        self.holdings.update(books.holdings)
        if books.progress:
            snapshot = replace(books.progress.snapshot, revision=revision)
            self.imports[snapshot.request_id] = snapshot
        self.commits.append((self.now, [entry for _, entry in books.entries]))


def _named(found: dict[K, V], names: Iterable[K]) -> dict[K, V]:
    """Those of `found` that are named."""
    return {name: found[name] for name in names if name in found}
