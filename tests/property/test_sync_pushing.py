"""What a store sells by itself is never given back to it, and in the end it shows its level: against a model of a store
of a few lines, whatever is lost on the way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weir_sync.domain import pushing
from weir_sync.domain.pushing import Decided, Shown, Standing, Terms
from weir_sync.domain.records import RecordStatus
from weir_sync.domain.rules import Product

FENCE = 7
MANY = settings(deadline=None)


@dataclass
class Store:
    """Sells by itself; compares and sets where it is told what to expect, and knows the number it applied last."""

    numbered: bool
    shown: int = 0
    number: int = 0
    sold: int = 0
    unreported: int = 0

    def sell(self, units: int) -> None:
        """Somebody buys, as far as there is something shown."""
        units = min(units, self.shown)
        self.shown -= units
        self.sold += units
        self.unreported += units

    def put(self, quantity: int, number: int, expected: int | None) -> bool:
        """Show it, if it shows what is expected."""
        if expected is not None and expected != self.shown:
            return False
        self.shown, self.number = quantity, number
        return True

    def read(self) -> Shown:
        """What it shows."""
        return Shown(self.shown, number=self.number if self.numbered else None)


class Event(NamedTuple):
    """Something that happens: a word and a number of units."""

    what: str
    units: int


@dataclass
class Desk:
    """Follows the level and tells the store, one step after the other, by the rules of `pushing`."""

    store: Store
    terms: Terms
    strict: bool = True
    """Nothing may be given back."""
    received: int = 0
    absorbed: int = 0
    now: datetime = datetime(2026, 11, 22, tzinfo=UTC)
    standing: Standing = field(
        default_factory=lambda: Standing("S", Product("", "P"), 0, "", 1, 1, RecordStatus.SUCCEEDED)
    )

    def tell(self) -> None:
        """The level is another: it falls due under a new record."""
        level = max(0, self.received - self.absorbed)
        if level != self.standing.level:
            self.standing = replace(
                self.standing,
                level=level,
                number=self.standing.number + 1,
                record=self.standing.record + 1,
                status=RecordStatus.PENDING,
                due_at=self.now,
                tries=0,
            )

    def report(self, units: int) -> None:
        """Orders come in, and the level knows of them."""
        units = min(units, self.store.unreported)
        self.store.unreported -= units
        self.absorbed += units
        self.tell()
        known = min(units, self.standing.unreported)
        self.standing = replace(
            self.standing,
            unreported=self.standing.unreported - known,
            sold_after=self.standing.sold_after + units - known,
        )
        if known and self.standing.due_at is None:
            self.standing = replace(
                self.standing, record=self.standing.record + 1, status=RecordStatus.PENDING, due_at=self.now
            )

    def push(self, fate: str, meanwhile: int) -> None:
        """Send what is due; units are sold in the very moment before it arrives."""
        self.now += timedelta(seconds=600)
        if self.standing.due_at is None or self.standing.due_at > self.now:
            return self.check()
        self._keep(pushing.begun(self.standing, FENCE, self.terms, self.now))
        if self.standing.unsent:
            known = pushing.seen(self.standing, self.store.read(), self.terms, self.now)
            self._keep(pushing.intended(known, self.now))
        if self.terms.compare_and_set and self.terms.protects:
            self.store.sell(meanwhile)
        return self._send(fate)

    def check(self) -> None:
        """Read back what is to be."""
        if self.standing.check_at is not None:
            decided = pushing.checked(self.standing, self.store.read(), self.terms, self.now)
            self._keep(decided)
            if decided.drifted:
                self.standing = replace(
                    self.standing, record=self.standing.record + 1, status=RecordStatus.PENDING, due_at=self.now
                )

    def _send(self, fate: str) -> None:
        standing = self.standing
        assert standing.sent is not None
        assert standing.sent_number is not None
        if fate == "lost":
            return self._keep(pushing.unheard(standing, self.now, error="lost"))
        before = self.store.shown
        expects = self.terms.compare_and_set and self.terms.protects
        done = self.store.put(standing.sent, standing.sent_number, standing.shown if expects else None)
        room = max(0, self.received - self.store.sold)
        assert not self.strict or not done or self.store.shown <= room or self.store.shown <= before, (
            "units were given back"
        )
        if fate == "unheard":
            return self._keep(pushing.reclaimed(standing))
        if done:
            return self._keep(pushing.applied(standing, self.terms, self.now))
        return self._keep(pushing.changed(standing, self.store.read(), self.terms, self.now, 0.5))

    def _keep(self, decided: Decided) -> None:
        self.standing = decided.standing


EVENTS = st.lists(
    st.builds(
        Event, st.sampled_from(["receive", "sell", "sell", "report", "ok", "ok", "lost", "unheard"]), st.integers(1, 4)
    ),
    max_size=40,
)


def played(store: Store, terms: Terms, events: list[Event], *, strict: bool = True) -> Desk:
    """Have it all happen; in the end every order comes in, and nothing is lost any more."""
    desk = Desk(store, terms, strict=strict)
    for what, units in events:
        match what:
            case "receive":
                desk.received += units
                desk.tell()
            case "sell":
                store.sell(units)
            case "report":
                desk.report(units)
            case fate:
                desk.push(fate, units - 2 if units > 2 else 0)
    desk.report(store.unreported)
    for _ in range(4):
        desk.push("ok", 0)
    return desk


@pytest.mark.parametrize("compares", [True, False])
@MANY
@given(events=EVENTS)
def test_nothing_is_given_back_and_the_level_is_shown(compares: bool, events: list[Event]) -> None:
    """A store that tells numbers is never told units that it has sold, whatever is lost on the way, and shows its level
    once all orders have come in."""
    store = Store(numbered=True)
    desk = played(store, Terms(compare_and_set=compares, reads_back=True, protects=True), events)
    assert store.shown == desk.received - store.sold
    assert (desk.standing.unreported, desk.standing.status) == (0, RecordStatus.SUCCEEDED)


@MANY
@given(events=EVENTS)
def test_without_numbers_nothing_is_given_back_while_answers_come(events: list[Event]) -> None:
    """A store that cannot tell numbers is never told units that it has sold, as long as its answers come."""
    answered = [each for each in events if each.what not in ("lost", "unheard")]
    store = Store(numbered=False)
    desk = played(store, Terms(compare_and_set=True, reads_back=True, protects=True), answered)
    assert store.shown == desk.received - store.sold


@MANY
@given(events=EVENTS)
def test_without_numbers_the_level_is_shown_in_the_end(events: list[Event]) -> None:
    """A store that cannot tell numbers shows its level all the same once all orders have come in, whatever was lost on
    the way; what it sold while an answer was lost may be given back."""
    store = Store(numbered=False)
    desk = played(store, Terms(compare_and_set=False, reads_back=True, protects=True), events, strict=False)
    assert store.shown == max(0, desk.received - store.sold)


@MANY
@given(events=EVENTS)
def test_a_store_whose_orders_do_not_come_in_shows_its_level(events: list[Event]) -> None:
    """Where no orders come in nothing is kept back: the store is told its level as it is."""
    desk = Desk(Store(numbered=False), Terms(compare_and_set=True, reads_back=True, protects=False))
    for what, units in events:
        if what in ("receive", "sell"):
            desk.received += units
            desk.tell()
        elif what != "report":
            desk.push(what, 0)
    desk.push("ok", 0)
    assert desk.store.shown == desk.received
