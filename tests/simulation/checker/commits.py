"""The commits of a history, as its books and the watcher who came last show them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tests.simulation.history import History
from tests.simulation.model.books import Booked, item, micros
from weir.ledger.v1 import ledger_pb2

LAST = "afterwards"
"""The watcher who was shown all commits when all was over."""


class Commit(NamedTuple):
    """What one revision recorded, and when, in microseconds."""

    recorded: int
    entries: tuple[Booked, ...]


def commits(history: History) -> tuple[list[Commit], list[str]]:
    """The commits from revision 1 on, and what is wrong with their numbers, their moments, or the list of entries."""
    found: list[Commit] = []
    wrong: list[str] = []
    listed: defaultdict[int, list[ledger_pb2.Entry]] = defaultdict(list)
    for entry in history.entries:
        listed[entry.revision].append(entry)
    last = [message for each in history.sessions if each.watcher == LAST for _, message in each.seen]
    for message in last:
        if not message.HasField("recorded_time"):
            continue
        number = message.through.number
        if number != len(found) + 1:
            wrong.append(f"revision {number} follows {len(found)}")
            break
        recorded = micros(message.recorded_time)
        if found and recorded < found[-1].recorded:
            wrong.append(f"revision {number} was recorded before the one before it")
        found.append(Commit(recorded, tuple(_booked(message.entries))))
        wrong += _lines(number, message.entries)
        if number <= history.listed and listed.pop(number, []) != list(message.entries):
            wrong.append(f"revision {number} is listed otherwise than it is watched")
    wrong += [f"revision {number} is listed, but no watcher was shown it" for number in listed]
    return found, wrong


def _lines(number: int, entries: Sequence[ledger_pb2.Entry]) -> Iterator[str]:
    """What is wrong with the places of the entries of a commit, and with the moments they name."""
    for line, entry in enumerate(entries, 1):
        if (entry.revision, entry.line) != (number, line):
            yield f"entry {line} of revision {number} says that it is {entry.line} of {entry.revision}"


def _booked(entries: Sequence[ledger_pb2.Entry]) -> Iterator[Booked]:
    """Entries as the model writes them."""
    for entry in entries:
        occurred, recorded = micros(entry.occurred_time), micros(entry.recorded_time)
        yield Booked(
            entry.kind, entry.account, item(entry.stock_item), entry.on_hand_delta, entry.reserved_delta,
            entry.on_hand, entry.reserved, entry.reservation, entry.reservation_line, entry.request_id,
            entry.reference, None if occurred == recorded else occurred,
        )  # fmt: skip
