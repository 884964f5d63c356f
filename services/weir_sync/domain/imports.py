"""Imports of listings: all lines of one are taken, or none; pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from weir_chassis.configuration.objects import Change, Configured, Decision
from weir_chassis.errors import Violation
from weir_sync.domain.connections import Connection
from weir_sync.domain.listings import Listing, touched, touches
from weir_sync.errors import ListingsExhausted, ListingsRefused

FAULTS_MAX = 10_000
"""Most faults that are told of an import."""
REFUSED_MAX = 100
"""Most faults that its refusal names."""


class Fault(NamedTuple):
    """What is wrong with a line of an import, and in which field; lines are counted from 1."""

    line: int
    field: str
    description: str


@dataclass(frozen=True, slots=True)
class Faults:
    """How many faults there are, and the first of them, by line."""

    count: int = 0
    first: Sequence[Fault] = ()

    def joined(self, others: Faults) -> Faults:
        """These and the others."""
        first = heapq.merge(self.first, others.first, key=lambda each: each.line)
        return Faults(self.count + others.count, tuple(islice(first, FAULTS_MAX)))


def repetition(line: int, first: int) -> Fault:
    """What is wrong with a line that names a SKU again."""
    return Fault(line, "store_sku", f"The same as in line {first}.")


class Lines(NamedTuple):
    """Some lines of an import, one after the other, in columns. The SKU of a line that has none that is good is empty;
    what else is bad has some stand-in: it is never taken.
    """

    first_line: int
    store_skus: Sequence[str]
    owners: Sequence[str]
    skus: Sequence[str]
    disabled: Sequence[bool]


@dataclass(frozen=True, slots=True)
class Import:
    """All of an import: its lines, so many, are staged under the name `upload`; `faults` is what is wrong with them.

    Listings of the connection that it does not name are removed where it shall `replace` all; the connection may have
    `most` of them afterwards.
    """

    connection: str
    upload: str
    lines: int
    replace: bool
    most: int
    faults: Faults = field(default_factory=Faults)

    def check(self) -> None:
        """Raise ListingsRefused where any line is bad."""
        if self.faults.count:
            first = self.faults.first[:REFUSED_MAX]
            violations = [Violation(_path(each), each.description) for each in first]
            raise ListingsRefused(violations, connection=self.connection, faults=self.faults.count)

    def check_room(self, count: int) -> None:
        """Raise ListingsExhausted where there would be `count` listings and that is too many."""
        if count > self.most:
            raise ListingsExhausted(connection=self.connection, limit=self.most)


@dataclass(frozen=True, slots=True)
class ListingsImported(Configured):
    """What an import comes to: listings that were not there, that are others now, and that are no more."""

    identity = ("connection",)

    connection: str
    added: int = 0
    changed: int = 0
    removed: int = 0

    @property
    def anything(self) -> bool:
        """Whether it changed anything."""
        return self.added + self.changed + self.removed > 0


def imported(
    wanted: Import, lines: Iterable[Lines], there: Sequence[Listing], connection: Connection
) -> Decision[ListingsImported]:
    """Take all lines, which are good; raises ListingsRefused, ListingsExhausted."""
    wanted.check()
    before = {each.store_sku: each for each in there}
    named = {
        store_sku: Listing(connection.connection, store_sku, owner, sku, disabled)
        for each in lines
        for store_sku, owner, sku, disabled in zip(*each[1:], strict=True)
    }
    put = [each for each in named.values() if each != before.get(each.store_sku)]
    gone = [each for each in there if wanted.replace and each.store_sku not in named]
    added = sum(each.store_sku not in before for each in put)
    wanted.check_room(len(there) + added - len(gone))
    others = {sku for each in put for sku in touched(each, before.get(each.store_sku))}
    changes = [*(Change(each, deleted=True) for each in gone), *map(Change, put)]
    return Decision(
        ListingsImported(connection.connection, added, len(put) - added, len(gone)),
        (*changes, *touches(connection, others | {sku for each in gone for sku in touched(each)})),
    )


def _path(fault: Fault) -> str:
    return f"line {fault.line}: {fault.field}" if fault.field else f"line {fault.line}"
