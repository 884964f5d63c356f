"""Stock in a file of comma-separated values, whatever brought the file here.

Its first line names the columns. A line that cannot be read is told with what is wrong with it, and stops no other.
Where several lines are of one SKU, facility, lot and unit of measure, the last holds.
"""

from __future__ import annotations

import asyncio
import csv
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import TypeVar

from weir_chassis.settings import flag
from weir_sync.connectors.port import Denied, Stock, StockPart
from weir_sync.connectors.settings import Fault, setting
from weir_sync.connectors.telling import said

PART = 1000
SIZE_MAX = 1 << 28
"""Bytes of a file that is read."""
FACILITIES_MAX = 1000
DELIMITERS: Mapping[str, str] = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
ENCODINGS: Mapping[str, str] = {"utf-8": "utf-8-sig", "latin-1": "latin-1", "windows-1252": "cp1252"}
_QUANTITY = re.compile(r"(-?\d{1,18})(?:[.,]0*)?", re.ASCII)

T = TypeVar("T")


def one_of(known: Mapping[str, T]) -> Callable[[str], T]:
    """Reads a word that stands for something."""

    def read(text: str) -> T:
        if text not in known:
            raise ValueError(f"One of {', '.join(known)}.")
        return known[text]

    return read


def pattern(text: str) -> str:
    """What names of files look like: letters, digits, `.`, `-`, `_`, and `*` for any of them."""
    if not re.fullmatch(r"[A-Za-z0-9._*-]{1,128}", text):
        raise ValueError("Letters, digits, `.`, `-`, `_`, and `*` for any of them: up to 128.")
    return text


def column(text: str) -> str:
    """The name of a column, as it is compared: without blanks around it, whatever its case."""
    if len(text) > 128:
        raise ValueError("At most 128 characters.")
    return text.strip().casefold()


@dataclass(frozen=True)
class FileSettings:
    """Which file is read, and how."""

    pattern: str = setting("Names of files, `*` for anything: the newest is read. Default: `*.csv`.", pattern, "*.csv")
    complete: bool = setting("`off`: files name only what changed; else all there is.", flag, True)
    delimiter: str = setting(f"Between fields: {', '.join(DELIMITERS)}. Default: comma.", one_of(DELIMITERS), ",")
    encoding: str = setting(f"{', '.join(ENCODINGS)}. Default: utf-8.", one_of(ENCODINGS), "utf-8-sig")
    sku_column: str = setting("Column of the SKU. Default: sku.", column, "sku")
    quantity_column: str = setting("Column of the units. Default: quantity.", column, "quantity")
    facility_column: str = setting("Column of the facility. Default: facility.", column, "facility")
    facility: str = setting("Facility of lines that name none. Default: those are bad.", default="")
    lot_column: str = setting("Column of the batch, if there is one. Default: lot.", column, "lot")
    uom_column: str = setting(
        "Column of the unit of measure, if there is one: EACH otherwise. Default: uom.", column, "uom"
    )

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the columns together."""
        columns = [self.sku_column, self.quantity_column, self.facility_column, self.lot_column, self.uom_column]
        if len(set(columns)) < len(columns):
            yield Fault("sku_column", "Each column is for one thing.")

    def matches(self, name: str) -> bool:
        """Whether a file of this name is one."""
        return bool(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}", name)) and fnmatchcase(name, self.pattern)


async def parts(
    settings: FileSettings, path: Path, *, name: str, as_of: datetime, cursor: str
) -> AsyncIterator[StockPart]:
    """What a file says, in parts; it is known as `name`. Raises Denied where it is no such file."""
    pieces = _pieces(settings, path, name)
    nothing: list[Stock] = []
    piece = await asyncio.to_thread(next, pieces, nothing)
    first = True
    while piece or first:
        following = await asyncio.to_thread(next, pieces, nothing)
        moment, full = (as_of, settings.complete) if first else (None, False)
        yield StockPart(piece, moment, full, "" if following else cursor)
        piece, first = following, False


async def facilities(settings: FileSettings, path: Path, *, name: str) -> list[str]:
    """The facilities that a file names, in order: up to 1000."""

    def named() -> list[str]:
        lines = (each for piece in _pieces(settings, path, name) for each in piece)
        return sorted({each.facility for each in lines if not each.fault})[:FACILITIES_MAX]

    return await asyncio.to_thread(named)


def _pieces(settings: FileSettings, path: Path, name: str) -> Iterator[list[Stock]]:
    with open(path, encoding=settings.encoding, errors="replace", newline="", opener=_no_link) as file:
        lines = csv.reader((line.replace("\0", "\ufffd") for line in file), delimiter=settings.delimiter)
        places = _places(settings, _row(lines) or [], name)
        stock = (_stock(settings, places, lines.line_num, row) for row in _rows(lines) if row != [])
        while piece := list(islice(stock, PART)):
            yield piece


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)


def _rows(lines: Iterator[list[str]]) -> Iterator[list[str] | None]:
    while True:
        try:
            yield next(lines)
        except StopIteration:
            return
        except csv.Error:
            yield None


def _row(lines: Iterator[list[str]]) -> list[str] | None:
    return next(_rows(lines), None)


def _places(settings: FileSettings, header: list[str], name: str) -> dict[str, int]:
    """Where which column is."""
    named = {text.strip().casefold(): place for place, text in reversed(list(enumerate(header)))}
    wanted = [settings.sku_column, settings.quantity_column]
    if not settings.facility:
        wanted.append(settings.facility_column)
    missing = [each for each in wanted if each not in named]
    if missing:
        raise Denied(
            f"The file '{name}' has no column '{said(missing[0])}'; it has {said(', '.join(named)) or 'none'}."
        )
    columns = {
        "sku": settings.sku_column,
        "quantity": settings.quantity_column,
        "facility": settings.facility_column,
        "lot": settings.lot_column,
        "uom": settings.uom_column,
    }
    return {field: named[column] for field, column in columns.items() if column in named}


def _stock(settings: FileSettings, places: Mapping[str, int], line: int, row: list[str] | None) -> Stock:
    """What a line says; None: it is no line at all."""
    if row is None:
        return Stock(f"line {line}", settings.facility or "?", 0, fault=f"Line {line}: it cannot be taken apart.")
    fields = {field: row[place].strip() if place < len(row) else "" for field, place in places.items()}
    facility = fields.get("facility", "") or settings.facility
    known = Stock(fields["sku"], facility, 0, fields.get("lot", ""), fields.get("uom", "") or "EACH")
    if not known.sku or not facility:
        missing = "SKU" if not known.sku else "facility"
        return known._replace(
            sku=known.sku or f"line {line}", facility=facility or "?", fault=f"Line {line}: no {missing}."
        )
    units = _QUANTITY.fullmatch(fields["quantity"])
    if units is None:
        return known._replace(fault=f"Line {line}: '{said(fields['quantity'][:40])}' is no number of whole units.")
    if "\ufffd" in "".join(known[:2]) + known.lot + known.uom:
        return known._replace(fault=f"Line {line}: it is not written in the encoding that is configured.")
    return known._replace(quantity=int(units[1]))
