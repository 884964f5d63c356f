"""Par levels, the alerts of what is missing, and notifications; pure.

An alert is judged by what is counted, never by what happened: whoever counts again after a break comes to the same. A
tally rests on a revision of the ledger, and so does an alert that it opened or closed: what was counted before that
changes nothing any more.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from weir_chassis.configuration.objects import Change, Configured, Decision
from weir_chassis.configuration.rules import check_etag, written
from weir_pooling.errors import NotificationNotFound, ParLevelNotFound, ParLevelsExhausted


@dataclass(frozen=True, slots=True)
class ParLevel(Configured):
    """How many units of a product shall be available in somebody's custody; without a `location` wherever they lie."""

    identity = ("custodian", "location", "owner", "sku")
    missing = ParLevelNotFound

    custodian: str
    location: str
    owner: str
    sku: str
    par: int


class Point(NamedTuple):
    """A revision of the ledger; those of one cluster and epoch follow one another."""

    cluster: str
    epoch: int
    number: int

    def after(self, other: Point) -> bool:
        """Whether it was drawn later; never where the origins differ, because then that is not known."""
        return self[:2] == other[:2] and self.number > other.number


class AlertState(enum.StrEnum):
    """Whether a par level is met again."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class Alert(Configured):
    """Fewer units were available than there shall be: `available` of `par`.

    `books` is the revision of the ledger whose counts changed it last.
    """

    identity = ("alert",)

    alert: str
    custodian: str
    location: str
    owner: str
    sku: str
    par: int
    available: int
    open_time: datetime
    books: Point
    state: AlertState = AlertState.OPEN
    close_time: datetime | None = None

    @property
    def level(self) -> tuple[str, str, str, str]:
        """The identifier of its par level."""
        return self.custodian, self.location, self.owner, self.sku


@dataclass(frozen=True, slots=True)
class Notification(Configured):
    """Somebody was mentioned in a comment on a case."""

    identity = ("notification",)

    notification: str
    user: str
    case: str
    comment: str
    author: str
    text: str
    create_time: datetime
    read_time: datetime | None = None

    def has(self, name: str, value: object) -> bool:
        """Whether it has what `Where` asks for under this name; `unread` is whether it was not read."""
        return (self.read_time is None) == value if name == "unread" else Configured.has(self, name, value)


@dataclass(frozen=True, slots=True)
class Notifications(Configured):
    """What a request comes to that marks notifications read: each as it stands after it, `marked` those it changes."""

    identity = ()

    notifications: tuple[Notification, ...]
    marked: tuple[str, ...] = ()

    def stamped(self, revision: int) -> Notifications:
        """The notifications as they are stored when `revision` changes some of them."""
        after = (each.stamped(revision) if each.notification in self.marked else each for each in self.notifications)
        return replace(self, etag=str(revision), notifications=tuple(after))


@dataclass(frozen=True, slots=True)
class Alerts(Configured):
    """What came of a tally: each alert that it changed, as it stands after it."""

    identity = ()

    alerts: tuple[Alert, ...]

    def stamped(self, revision: int) -> Alerts:
        """The alerts as they are stored when `revision` changes them."""
        return replace(self, etag=str(revision), alerts=tuple(each.stamped(revision) for each in self.alerts))


class Reading(NamedTuple):
    """Who has read which notifications; nobody named: the caller."""

    user: str
    notifications: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """Units of some products of an owner that were available in somebody's custody, at a revision of the ledger:
    `available` by product and location, where there were any.
    """

    custodian: str
    owner: str
    skus: tuple[str, ...]
    available: Mapping[tuple[str, str], int]
    books: Point

    def of(self, level: ParLevel) -> int:
        """Units of what a par level is about."""
        lying = {key: units for key, units in self.available.items() if key[0] == level.sku}
        return lying.get((level.sku, level.location), 0) if level.location else sum(lying.values())


def set_par_level(wanted: ParLevel, current: ParLevel | None, others: int, *, most: int) -> Decision[ParLevel]:
    """Say how much shall be there, of a person for whom that is said of so many `others`.

    Raises EtagStale, ParLevelsExhausted.
    """
    check_etag(current, wanted.etag)
    if current is None and others >= most:
        raise ParLevelsExhausted(limit=most)
    return written(wanted, current)


def delete_par_level(current: ParLevel, alerts: Sequence[Alert], at: datetime) -> Decision[ParLevel]:
    """Want a par level no more; its `alerts` that are open close."""
    closed = [Change(replace(each, state=AlertState.CLOSED, close_time=at)) for each in alerts]
    return Decision(current, (Change(current, deleted=True), *closed))


def judged(level: ParLevel, newest: Alert | None, tally: Tally, *, at: datetime, alert: str) -> Alert | None:
    """What becomes of the `newest` alert of a par level by a tally of it: opened anew as `alert`, closed, or with
    another par; None where nothing does, or where the alert rests on a later tally.
    """
    if newest is not None and newest.books.after(tally.books):
        return None
    opened = newest if newest is not None and newest.state is AlertState.OPEN else None
    available = tally.of(level)
    if available >= level.par:
        if opened is None:
            return None
        return replace(opened, par=level.par, books=tally.books, state=AlertState.CLOSED, close_time=at)
    if opened is None:
        where = level.custodian, level.location, level.owner, level.sku
        return Alert(alert, *where, level.par, available, at, tally.books)
    return replace(opened, par=level.par, books=tally.books) if opened.par != level.par else None


def read(wanted: Sequence[str], found: Mapping[str, Notification], at: datetime) -> Decision[Notifications]:
    """Note that notifications were read, in the order that is wanted; raises NotificationNotFound."""
    for each in wanted:
        if each not in found:
            raise NotificationNotFound(notification=each)
    after = [
        found[each] if found[each].read_time is not None else replace(found[each], read_time=at) for each in wanted
    ]
    changed = tuple(each for each in after if each != found[each.notification])
    marked = tuple(each.notification for each in changed)
    return Decision(Notifications(tuple(after), marked), tuple(map(Change, changed)))
