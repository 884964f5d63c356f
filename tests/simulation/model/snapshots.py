"""What a warehouse reports: the absolute figure of a moment, and what moved since on top."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from tests.simulation.model.books import Books, Item, Promise, Refused, item, micros
from weir.ledger.v1 import ledger_pb2, snapshot_pb2

COUNT = ledger_pb2.ENTRY_KIND_COUNT
STALE = "STALE"
"""What becomes of a figure that is not newer than the last one."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a feed: `line` is 0 where it stands for a stock item that was not named."""

    line: int
    item: Item
    quantity: int
    as_of: int


def figures(asked: Any) -> Iterator[Figure]:
    """The figures of an import, all its messages in one."""
    as_of = micros(asked.feed.as_of_time)
    for number, line in enumerate(asked.lines, 1):
        moment = micros(line.as_of_time) if line.HasField("as_of_time") else as_of
        yield Figure(number, item(line.stock_item), line.quantity, moment)


def is_absent(asked: Any, what: Item) -> bool:
    """Whether an import that is to set what it does not name to zero does not name a stock item of its scopes."""
    feed = asked.feed
    if feed.absent_items != snapshot_pb2.ABSENT_ITEMS_SET_TO_ZERO or what in {each.item for each in figures(asked)}:
        return False
    return any(
        what.location == scope.location
        and not what.custodian
        and (not scope.HasField("owner") or what.owner == scope.owner)
        and (what.condition in scope.conditions if scope.conditions else what.sellable)
        for scope in feed.full_scopes
    )


def absent(asked: Any, what: Item) -> Figure:
    """The figure that stands for a stock item that was not named."""
    return Figure(0, what, 0, micros(asked.feed.as_of_time))


def apply(books: Books, asked: Any, figure: Figure) -> None:
    """Count what a figure says; refuses where it is stale or bad."""
    counted = books.count(figure.item).counted
    if counted is not None and figure.as_of <= counted:
        raise Refused(STALE)
    if books.get("place", figure.item.location) is None:
        raise Refused("LOCATION_NOT_FOUND")
    since = list(books.since(figure.item, figure.as_of))
    there = figure.quantity + _deducted(books, asked.feed, figure, since)
    on_hand = there + sum(entry.on_hand_delta for entry in since if entry.kind != COUNT)
    if on_hand < 0:
        raise Refused("INSUFFICIENT_ON_HAND")
    books.book(
        COUNT,
        figure.item,
        on_hand=on_hand - books.count(figure.item).on_hand,
        against=ledger_pb2.ACCOUNT_ADJUSTMENT,
        request_id=asked.request_id,
        reference=asked.feed.reference,
        occurred=figure.as_of,
    )


def _deducted(books: Books, feed: snapshot_pb2.SnapshotFeed, figure: Figure, since: list[Any]) -> int:
    """Units promised at the moment of a figure that its warehouse had left out of it."""
    if feed.basis != snapshot_pb2.SNAPSHOT_BASIS_AVAILABLE or feed.deduction == snapshot_pb2.SNAPSHOT_DEDUCTION_NONE:
        return 0
    changed: Counter[tuple[str, int]] = Counter()
    for entry in since:
        changed[entry.reservation, entry.reservation_line] += entry.reserved_delta
    units = 0
    promises: Mapping[str, Promise] = books.every("promise")
    for promise in sorted(promises.values(), key=attrgetter("name")):
        for number, line in enumerate(promise.lines, 1):
            handed_over = line.handed_over is not None and line.handed_over <= figure.as_of
            if line.item == figure.item and (handed_over or feed.deduction == snapshot_pb2.SNAPSHOT_DEDUCTION_ALL):
                units += max(0, line.open - changed[promise.name, number])
    return units
