"""How it stands with the other end of a connection, and what it can do."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a store can do, and how it wants to be talked to."""

    name: str
    batch_max: int = 1
    requests_per_second: int = 1
    burst: int = 1
    compare_and_set: bool = False
    reads_back: bool = False
    fenced: bool = False


class BreakerState(enum.StrEnum):
    """State of the breaker that stands before a connection."""

    CLOSED = "CLOSED"
    """It answers."""
    OPEN = "OPEN"
    """It is left alone for a while."""
    HALF_OPEN = "HALF_OPEN"
    """One request is on its way to see whether it answers again."""


class Breaker(NamedTuple):
    """A breaker as it stands: failures in a row, when it is tried again (None unless open), and what failed last, for
    people and without secrets.
    """

    state: BreakerState
    failures: int = 0
    retry_at: datetime | None = None
    error: str = ""


class Health(NamedTuple):
    """How it stands with a connection.

    `breaker` is None where it was never asked, `since` is when it came into its state; `reported_at` is when a
    warehouse reported last, None for never; `abilities` are what a store said it can do, None for nothing yet.
    """

    breaker: Breaker | None = None
    since: datetime | None = None
    reported_at: datetime | None = None
    late: bool = False
    abilities: Abilities | None = None


class Tested(NamedTuple):
    """What came of asking the other end whether it answers: why it does not, as far as it may be told, empty where it
    does; of a store what it can do, of a warehouse facilities that it reports.
    """

    milliseconds: int
    error: str = ""
    abilities: Abilities | None = None
    facilities: tuple[str, ...] = ()
