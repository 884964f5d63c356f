"""What wants a person's attention, from when it opened until it closed; pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class AlertKind(enum.StrEnum):
    """Sort of thing that wants attention."""

    LEVEL_FAILED = "LEVEL_FAILED"
    """A level could not be told, and is not tried any more; the subject is the store's SKU."""
    CONNECTION_AWAY = "CONNECTION_AWAY"
    """A connection does not answer; no subject."""
    FEED_LATE = "FEED_LATE"
    """A warehouse is late; no subject."""
    ORDER_SHORT = "ORDER_SHORT"
    """A store sold more than there is; the subject is its order."""
    ORDER_UNREADABLE = "ORDER_UNREADABLE"
    """An order cannot be read; the subject is the order."""


class Concern(NamedTuple):
    """Something that wants attention, and it in a sentence, with the numbers.

    There is one open alert at most of a kind, a connection and a subject; the subject is empty for the connection as a
    whole.
    """

    kind: AlertKind
    connection: str
    subject: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Alert:
    """A concern that was raised; open as long as `closed_at` is None."""

    alert: str
    kind: AlertKind
    connection: str
    subject: str
    sentence: str
    opened_at: datetime
    closed_at: datetime | None = None
