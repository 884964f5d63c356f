"""What is sent to a store, and what becomes of it; pure.

A store sells by itself: what it shows falls before the order comes in. What it shows is therefore never written over
blindly. It should show what it showed last, less the units of its orders that came in since (`Standing.expected`); what
is missing beside that was sold, and no order of it has come in: it is kept back (`unreported`) until one does. So a
store that is to show `level` is sent `level - unreported`.

Each function takes a SKU as it stands and returns it as it stands then, with what has come to an end. None of them
knows where that is kept: whoever asks has it locked meanwhile, and keeps what is returned before anything is sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from weir_sync.domain.records import RecordStatus
from weir_sync.domain.rules import Product

TRIES_MAX = 8
"""Failures of a level by itself before it is given up."""
RETRY_SECONDS, RETRY_SECONDS_MAX = 1.0, 300.0
"""The longest wait after the first failure, and after any."""
CHANGES_MAX = 3
"""Times in a row that a store sold in the very moment of a write, before the next one waits a little."""
CHECK_SECONDS, STRAY_SECONDS = 30.0, 5.0
"""When what was applied is read back, and where something else may still come to be shown."""
SHOWN_SECONDS, SHOWN_SECONDS_MAX = 1.0, 60.0
"""When what was accepted is read back first, and how seldom later on."""
CHECKS_MAX = 5
"""Times that what was accepted is looked for in vain before it is sent again."""


class Terms(NamedTuple):
    """How a store is dealt with: what it can do, and whether its orders come in, without which nobody can tell what
    was sold from what was changed by hand.
    """

    compare_and_set: bool
    reads_back: bool
    protects: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """A SKU of a store; the words are those of the table `levels`, which migration 0005 explains."""

    store_sku: str
    product: Product
    level: int | None
    rule: str
    number: int
    record: int
    status: RecordStatus
    error: str = ""
    due_at: datetime | None = None
    tries: int = 0
    told: int | None = None
    told_at: datetime | None = None
    shown: int | None = None
    shown_number: int | None = None
    sold_after: int = 0
    unreported: int = 0
    unreported_at: datetime | None = None
    verified: bool = False
    check_at: datetime | None = None
    checks: int = 0
    fence: int | None = None
    sent: int | None = None
    sent_number: int | None = None
    sent_record: int | None = None
    stray: int | None = None
    stray_number: int | None = None

    @property
    def quantity(self) -> int:
        """What the store is sent so that it shows the level: never what was sold there, as far as is known."""
        assert self.level is not None  # nothing is due of what a store is told nothing of
        return max(0, self.level - self.unreported)

    @property
    def expected(self) -> int | None:
        """What the store should show now; None where nobody knows."""
        return None if self.shown is None else self.shown - self.sold_after

    @property
    def in_doubt(self) -> bool:
        """Whether something was sent of which it is not known whether it is shown."""
        return self.sent is not None

    @property
    def unsent(self) -> bool:
        """Whether, while it is in flight, nothing of it was sent yet."""
        return self.sent_number != self.number


class Note(NamedTuple):
    """What is noted of a record: what became of it, PENDING for nothing yet, and why it failed."""

    record: int
    status: RecordStatus
    error: str = ""
    sent: bool = True
    """It was sent once more."""


class Decided(NamedTuple):
    """A SKU as it stands now, what is noted, and whether it has to be told anew because it shows something else."""

    standing: Standing
    notes: tuple[Note, ...] = ()
    drifted: bool = False

    def due_before(self, moment: datetime) -> bool:
        """Whether it is to be told or read back before a moment, once it is on its way no more."""
        if self.standing.fence is not None:
            return False
        return self.drifted or any(
            at is not None and at < moment for at in (self.standing.due_at, self.standing.check_at)
        )


def reads_first(standing: Standing, terms: Terms) -> bool:
    """Whether the store has to be asked what it shows before it is told anything."""
    if not terms.protects or not terms.reads_back:
        return False
    if standing.in_doubt or standing.tries > 0:
        return True
    return standing.shown is not None and not terms.compare_and_set


def begun(standing: Standing, fence: int, terms: Terms, now: datetime) -> Decided:
    """The SKU in flight under a lease: to be read where that comes first, else being sent."""
    flying = replace(standing, fence=fence, check_at=None)
    if not reads_first(standing, terms):
        return intended(flying, now)
    return Decided(
        replace(flying, number=_next_number(standing, now), sent_record=standing.record), _overtaken(standing)
    )


def intended(standing: Standing, now: datetime) -> Decided:
    """The SKU as its level is being sent; a record that was on its way before, and is not its newest, has ended."""
    number = _next_number(standing, now)
    sending = replace(
        _astray(standing),
        number=number,
        shown=standing.expected,
        sold_after=0,
        sent=standing.quantity,
        sent_number=number,
        sent_record=standing.record,
        checks=0,
        verified=False,
    )
    return Decided(sending, _overtaken(standing))


class Shown(NamedTuple):
    """What a store shows; units sold there without an order, and the number of the level that was applied last, where
    it can tell.
    """

    quantity: int
    unreported: int | None = None
    number: int | None = None


def seen(standing: Standing, shown: Shown, terms: Terms, now: datetime, *, landed: bool = False) -> Standing:
    """The SKU after the store said what it shows, while nothing is on its way to it; `landed`: what was sent last seems
    to have been applied.

    What it shows less than it should was sold. Where something was sent of which nothing was heard, the number tells
    what it should show; where the store cannot tell numbers, what is missing is laid to that, and not to sales: so it
    shows its level in the end, whatever is lost on the way.
    """
    if shown.number is not None:
        landed = standing.in_doubt and shown.number == standing.sent_number
    known = standing if landed else _astray(standing)
    known = replace(known, shown=shown.quantity, shown_number=shown.number, sold_after=0, sent=None)
    if not terms.protects:
        return replace(known, unreported=0, unreported_at=None)
    kept_back = max(standing.unreported + _missing(standing, shown, landed=landed), shown.unreported or 0)
    if kept_back == standing.unreported:
        return known
    return replace(known, unreported=kept_back, unreported_at=now)


def applied(standing: Standing, terms: Terms, now: datetime, *, shown: int | None = None) -> Decided:
    """The store shows what was sent."""
    assert standing.sent is not None
    verified = shown == standing.sent
    wait = CHECK_SECONDS if standing.stray is None else STRAY_SECONDS
    told = replace(
        standing,
        told=standing.sent,
        told_at=now,
        shown=standing.sent,
        shown_number=standing.sent_number,
        verified=verified,
        check_at=now + timedelta(seconds=wait) if terms.reads_back and not verified else None,
        sent=None,
    )
    return _ended(told, RecordStatus.SUCCEEDED)


def accepted(standing: Standing, terms: Terms, now: datetime) -> Decided:
    """The store has taken what was sent, and will show it later; one that cannot be read is taken at its word."""
    if not terms.reads_back:
        return applied(standing, terms, now)
    waiting = replace(
        standing,
        fence=None,
        told=standing.sent,
        told_at=now,
        check_at=now + timedelta(seconds=SHOWN_SECONDS),
        due_at=None if standing.record == standing.sent_record else standing.due_at,
        tries=0,
        error="",
    )
    return Decided(waiting)


def changed(standing: Standing, shown: Shown | None, terms: Terms, now: datetime, chance: float) -> Decided:
    """The store showed something else than was expected, and nothing was done: it is sent again, by what it shows, or
    where it does not say after it was read.
    """
    wait = 0.0 if standing.tries < CHANGES_MAX else backoff(1, chance)
    again = replace(standing, sent=None, tries=min(standing.tries, CHANGES_MAX) + 1)
    if shown is not None:
        again = seen(again, shown, terms, now)
    return _again(again, now, wait, "")


def postponed(standing: Standing, now: datetime, *, error: str = "") -> Decided:
    """Nothing was done, through no fault of the level: it is sent again as soon as anything is."""
    return _again(replace(standing, sent=None), now, 0.0, error)


def put_back(standing: Standing, now: datetime, *, error: str = "") -> Decided:
    """It was to be read, and could not be; nothing was sent."""
    return _again(standing, now, 0.0, error, sent=False)


def vanished(standing: Standing, *, error: str) -> Decided:
    """The store does not know any more what it was told of."""
    if standing.sent_record is not None:
        return refused(replace(standing, check_at=None), error=error)
    return Decided(replace(standing, check_at=None, verified=False, shown=None, sold_after=0))


def unheard(standing: Standing, now: datetime, *, error: str) -> Decided:
    """Nothing is known of what became of it, through no fault of the level."""
    return _again(standing, now, 0.0, error)


def failed(standing: Standing, now: datetime, chance: float, *, error: str, doubtful: bool) -> Decided:
    """It did not come to pass, or (`doubtful`) nobody knows, and not for the first time perhaps: it is tried again
    after a while, or given up.
    """
    tries = standing.tries + 1
    left = standing if doubtful else replace(standing, sent=None)
    if tries >= TRIES_MAX:
        return _ended(replace(left, tries=tries), RecordStatus.FAILED, error)
    return _again(replace(left, tries=tries), now, backoff(tries, chance), error)


def refused(standing: Standing, *, error: str) -> Decided:
    """The store does not take it, whenever it is sent."""
    left = replace(standing, sent=None, tries=standing.tries + 1)
    return _ended(left, RecordStatus.FAILED, error)


def checked(standing: Standing, shown: Shown, terms: Terms, now: datetime) -> Decided:
    """What the store was told was read back."""
    if standing.in_doubt:
        return _checked_accepted(standing, shown, terms, now)
    less = 0 if standing.expected is None else standing.expected - shown.quantity
    known = replace(standing, check_at=None, verified=True, stray=None, stray_number=None)
    if less == 0:
        return Decided(known)
    if less < 0 or _strayed(standing, shown):
        found = replace(seen(standing, shown, terms, now), check_at=None, stray=None, stray_number=None)
        return Decided(found, drifted=True)
    known = seen(known, shown, terms, now)
    return Decided(known, drifted=_differs(known, shown, terms))


def reclaimed(standing: Standing) -> Decided:
    """A holder that is no more had it in flight: nobody knows what became of it, if anything was sent at all."""
    return Decided(replace(standing, fence=None), _overtaken(standing))


def backoff(tries: int, chance: float) -> float:
    """Seconds to wait after so many tries, from 1: by chance (0 to 1) up to a bound that doubles."""
    assert tries > 0
    return chance * min(RETRY_SECONDS_MAX, RETRY_SECONDS * 2.0 ** min(tries - 1, 30))


def _checked_accepted(standing: Standing, shown: Shown, terms: Terms, now: datetime) -> Decided:
    """What was accepted is looked for."""
    if _landed(standing, shown):
        known = seen(standing, shown, terms, now, landed=True)
        known = replace(known, verified=True, check_at=None, stray=None, stray_number=None)
        newest = standing.sent_record == standing.record
        return _ended(known, RecordStatus.SUCCEEDED)._replace(drifted=newest and _differs(known, shown, terms))
    checks = standing.checks + 1
    if checks >= CHECKS_MAX:
        again = replace(_astray(standing), check_at=None, checks=0, sent=None)
        return Decided(again, drifted=True)
    wait = min(SHOWN_SECONDS_MAX, SHOWN_SECONDS * 2.0**checks)
    return Decided(replace(standing, checks=checks, check_at=now + timedelta(seconds=wait)))


def _landed(standing: Standing, shown: Shown) -> bool:
    """Whether the store seems to have applied what was sent last."""
    assert standing.sent is not None
    if shown.number is not None:
        return shown.number == standing.sent_number
    less = standing.sent - standing.sold_after - shown.quantity
    if standing.expected is None or less <= 0:
        return less == 0 or standing.expected is None
    return not 0 <= standing.expected - shown.quantity <= less


def _differs(standing: Standing, shown: Shown, terms: Terms) -> bool:
    """Whether the store shows something else than it is to, by all that is known of it."""
    return terms.protects and standing.level is not None and standing.quantity != shown.quantity


def _strayed(standing: Standing, shown: Shown) -> bool:
    """Whether the store seems to show what was sent before, of which nothing was heard, instead of what it took."""
    if shown.number is not None and standing.shown_number is not None:
        return shown.number != standing.shown_number
    return standing.stray is not None


def _astray(standing: Standing) -> Standing:
    """What was sent and not heard of may come to be shown at any time from now on."""
    if not standing.in_doubt:
        return standing
    return replace(standing, stray=standing.sent, stray_number=standing.sent_number)


def _next_number(standing: Standing, now: datetime) -> int:
    return max(standing.number + 1, int(now.timestamp() * 1_000_000))


def _missing(standing: Standing, shown: Shown, *, landed: bool) -> int:
    """How many units were sold without an order, by what the store shows now, and showed before."""
    if landed:
        before = standing.sent
    elif shown.number is not None and shown.number == standing.stray_number != standing.shown_number:
        before = standing.stray
    elif shown.number is None and (standing.in_doubt or standing.stray is not None):
        before = None
    else:
        before = standing.shown
    return 0 if before is None else max(0, before - standing.sold_after - shown.quantity)


def _ended(standing: Standing, status: RecordStatus, error: str = "") -> Decided:
    """What was on its way is not any more; so is the SKU settled, unless something newer is due."""
    assert standing.sent_record is not None
    note = Note(standing.sent_record, status, error)
    rest = replace(standing, fence=None, sent_record=None)
    if standing.sent_record != standing.record:
        return Decided(rest, (note,))
    return Decided(replace(rest, status=status, error=error, due_at=None, tries=0), (note,))


def _again(standing: Standing, now: datetime, wait: float, error: str, *, sent: bool = True) -> Decided:
    """It is due again after a while; where something newer is, that is, and it ends in its favour."""
    rest = replace(standing, fence=None, error=error)
    if standing.sent_record not in (None, standing.record):
        return Decided(replace(rest, sent_record=None, tries=0), _overtaken(standing))
    if standing.level is None:
        return Decided(
            replace(rest, sent_record=None, due_at=None, tries=0), (Note(standing.record, RecordStatus.SKIPPED),)
        )
    due_at = now + timedelta(seconds=wait)
    return Decided(replace(rest, due_at=due_at), (Note(standing.record, RecordStatus.PENDING, error, sent),))


def _overtaken(standing: Standing) -> tuple[Note, ...]:
    """The record that was on its way, where a newer one takes its place."""
    if standing.sent_record is None or standing.sent_record == standing.record:
        return ()
    return (Note(standing.sent_record, RecordStatus.SKIPPED, sent=False),)
