"""A ledger of one tenant in memory: commands are carried out as `weir_ledger.store.group` does, without a database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from msgspec.structs import replace

from weir_chassis.errors import Refusal, RequestIdReused
from weir_ledger.domain.books import Books, Page
from weir_ledger.domain.entries import Entry
from weir_ledger.domain.limits import Holding, Limits
from weir_ledger.domain.reservations import Claim, Reservation
from weir_ledger.domain.stock import Balance, StockItem
from weir_ledger.errors import BalanceChanged
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
        self.commits: list[list[Entry]] = []
        """The entries of each revision, from 1 on."""
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
        return [
            each.settled(self.head) if isinstance(each, BalanceChanged) and each.unsettled else each
            for each in outcomes
        ]

    def _open(self, group: Sequence[Attempt[Any]]) -> Books:
        """The part of the books that the commands name, with all that the lines of their reservations name."""
        commands = [attempt.command for attempt in group]
        found = _named(self.reservations, (each for command in commands for each in command.reservations()))
        lines = [line for each in found.values() for line in each.lines]
        items = [*(item for command in commands for item in command.items()), *(line.item for line in lines)]
        claims = [*(claim for command in commands for claim in command.claims()),
                  *(each.claim for line in lines for each in line.claims)]  # fmt: skip
        channels = ["", *(channel for command in commands for channel in command.channels()),
                    *(each.channel for each in found.values())]  # fmt: skip
        return Books(
            self.now,
            _named(self.balances, items).values(),
            found.values(),
            self.places & {item.location for item in items},
            (),
            _named(self.claims, claims).values(),
            _named(self.holdings, channels),
            self.limits,
        )

    def _outcome(self, attempt: Attempt[Any], books: Books) -> Outcome:
        """What the request id ended with before; else what is decided on the books as the earlier attempts left
        them."""
        name = (attempt.method, attempt.request_id)
        if name in self._remembered and not attempt.validate_only:
            fingerprint, revision, text = self._remembered[name]
            if fingerprint != attempt.fingerprint:
                return RequestIdReused(attempt.request_id)
            answer = recalled(attempt.method, text)
            return answer if isinstance(answer, Refusal) else Done(answer, revision)
        page = Page(books)
        try:
            receipt = attempt.command.decide(page)
        except Refusal as refusal:
            if refusal.kind.definite:
                self._remember(attempt, refusal)
            return refusal
        if attempt.validate_only:
            return Done(receipt, self.head)
        books.bind(page, attempt.request_id)
        self._remember(attempt, receipt)
        return Done(receipt, self.head + 1)

    def _remember(self, attempt: Attempt[Any], answer: object) -> None:
        """Keep the outcome of an attempt that has a name."""
        if attempt.request_id and not attempt.validate_only:
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
        self.holdings.update(books.holdings)
        self.commits.append([entry for _, entry in books.entries])


def _named(found: dict[K, V], names: Iterable[K]) -> dict[K, V]:
    """Those of `found` that are named."""
    return {name: found[name] for name in names if name in found}
