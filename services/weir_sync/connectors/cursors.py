"""What orders of stores sold, and how far they are told of a store that lists them by when they changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from weir_sync.connectors.port import Denied, SoldLine

OVERLAP = timedelta(seconds=60)
"""How long after its moment an order may come to be listed: what is younger is asked for again."""

Now = Callable[[], datetime]


class Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that changed before `since` is told, and of that very moment those that were `seen`; `after` is where the
    store itself says that it goes on, within a list that began at `since`.
    """

    since: datetime
    seen: tuple[str, ...] = ()
    after: str = ""

    @property
    def text(self) -> str:
        """As a cursor."""
        return msgspec.json.encode(self).decode()


def sold(lines: Iterable[tuple[str | None, float]]) -> tuple[SoldLine, ...]:
    """What an order sold, by SKU and units; goods without a SKU are none of ours, and part of a unit is one."""
    return tuple(SoldLine(sku, math.ceil(units)) for sku, units in lines if sku and units > 0)


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def instant(text: str) -> datetime:
    """A moment in ISO 8601, as in `2026-11-22T10:00:00Z`; raises ValueError with a sentence."""
    try:
        told = datetime.fromisoformat(text.strip())
        if told.tzinfo is not None:
            return told.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("Give a moment with its zone, as in 2026-11-22T10:00:00Z.")


def mark(cursor: str, since: datetime | None, now: datetime) -> Mark:
    """Where a cursor says to go on; without one it is where the settings say, or now. Raises Denied for one that is
    none.
    """
    if not cursor:
        return Mark(since or now)
    try:
        return msgspec.json.decode(cursor, type=Mark)
    except msgspec.DecodeError:
        raise Denied("The cursor is none of this store's.") from None


def moved(former: Mark, told: Sequence[tuple[str, datetime]], *, more: bool, now: datetime) -> Mark:
    """Where to go on after a page: identifiers, and when each changed, oldest first.

    Where there is no more, what is so young that another may yet be listed before it is asked for again.
    """
    last = max([former.since, *(moment for _, moment in told)])
    if not more:
        last = max(former.since, min(last, now - OVERLAP))
    seen = former.seen if last == former.since else ()
    return Mark(last, (*seen, *(each for each, moment in told if moment == last and each not in seen)))
