"""CSV files as people make them: encoding, columns, cells; read line by line, every fault told with its line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import BinaryIO, TextIO

from weir_chassis.ids import identifier_fault

UNREADABLE = "\0"
"""Stands in the place of a cell that could not be read; no readable cell holds it."""

QUANTITY_MAX = 10**9
CONDITIONS = ("SELLABLE", "HOLD", "DAMAGED")
LINE_CHARACTERS_MAX = 100_000
SECONDS_OF = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SECOND = timedelta(seconds=1)

Cell = Callable[[str], str]
"""Gives the value of a cell; raises ValueError with a sentence that says what is wrong with it."""

_UNDECODED = re.compile("[\udc80-\udcff]")
"""A byte that is not UTF-8, as `surrogateescape` shows it."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: how its cells are read, and whether it must be there."""

    name: str
    read: Cell
    required: bool = True


class SheetUnreadable(Exception):
    """The file is no sheet of these columns from `line` on; line 0 is the file as a whole."""

    def __init__(self, line: int, description: str) -> None:
        """Say what is wrong in a sentence that begins with the verb."""
        super().__init__(description)
        self.line = line


def opened(file: BinaryIO) -> TextIO:
    """A file of bytes as the text that `rows` reads; it is closed with the text."""
    return io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")


def rows(
    file: TextIO, columns: Sequence[Column], fault: Callable[[int, str], None]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Every row that is not blank, by the names of `columns`, with the line it begins on.

    Each fault of a row is told to `fault` before the row is yielded; a cell that cannot be read holds `UNREADABLE`, a
    short row is taken for one whose last cells are empty. Holds one row at a time. Raises SheetUnreadable.
    """
    found = records(file)
    line, header = next(found, (0, []))
    if not header:
        raise SheetUnreadable(0, f"is empty; its first row names the columns: {_named(columns)}.")
    order = _order(line, header, columns)
    places = [(column.name, column.read, order.get(column.name)) for column in columns]
    for line, record in found:
        if len(record) != len(header):
            fault(line, f"has {len(record)} cells where the first row names {len(header)} columns.")
            record = [*record, *[""] * len(header)]
        cells: dict[str, str] = {}
        for name, read, index in places:
            try:
                cells[name] = read("" if index is None else record[index].strip())
            except ValueError as wrong:
                fault(line, f"{name}: {wrong}")
                cells[name] = UNREADABLE
        yield line, cells


def records(file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """The cells of every row that is not blank; a quoted cell may span lines, so a row's line is where it begins.

    Raises SheetUnreadable.
    """
    reader = csv.reader(_lines(file), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader, None)
        except csv.Error:
            raise SheetUnreadable(
                line, "is not CSV: a quotation mark is not closed, or stands within a cell."
            ) from None
        if record is None:
            return
        if any(cell.strip() for cell in record):
            yield line, record


def _lines(file: TextIO) -> Iterator[str]:
    """The lines of a file, each made sure of."""
    number = 0
    while line := file.readline(LINE_CHARACTERS_MAX):
        number += 1
        if not line.isascii() and (undecoded := _UNDECODED.search(line)) is not None:
            if number == 1 and line.startswith(("\udcff\udcfe", "\udcfe\udcff")):
                raise SheetUnreadable(0, "is UTF-16; save it as UTF-8.")
            byte = ord(undecoded[0]) - 0xDC00
            raise SheetUnreadable(number, f"byte 0x{byte:02x} is not UTF-8; save the file as UTF-8.")
        if "\0" in line:
            raise SheetUnreadable(number, "holds a NUL byte; this is no CSV file.")
        if len(line) == LINE_CHARACTERS_MAX:
            raise SheetUnreadable(number, f"is longer than {LINE_CHARACTERS_MAX:,} characters.")
        yield line


def _order(line: int, header: list[str], columns: Sequence[Column]) -> dict[str, int]:
    """Where each column stands; raises one fault that says everything that is wrong with the first row."""
    names = [name.strip().lower() for name in header]
    if len(names) == 1 and any(mark in names[0] for mark in ";\t"):
        mark = "semicolons" if ";" in names[0] else "tabs"
        raise SheetUnreadable(line, f"columns are separated by {mark}; separate them by commas.")
    known = {column.name for column in columns}
    wrong = [f"column {name} is missing" for name in _names(columns, required=True) if name not in names]
    wrong += [f"column {name or '(no name)'} is not known" for name in names if name not in known]
    wrong += [f"column {name} is there twice" for name in sorted(known) if names.count(name) > 1]
    if wrong:
        raise SheetUnreadable(line, f"{'; '.join(wrong)}. Columns: {_named(columns)}.")
    return {name: index for index, name in enumerate(names)}


def _names(columns: Sequence[Column], *, required: bool) -> list[str]:
    return [column.name for column in columns if column.required is required]


def _named(columns: Sequence[Column]) -> str:
    return ", ".join([*_names(columns, required=True), *(f"[{name}]" for name in _names(columns, required=False))])


def identifier(value: str) -> str:
    """An identifier, as every service reads one."""
    if fault := identifier_fault(value):
        raise ValueError(fault)
    return value


def optional(read: Cell, default: str = "") -> Cell:
    """A cell that may be empty, and what it then means."""
    return lambda value: read(value) if value else default


def one_of(*words: str) -> Cell:
    """A word out of a few, in any case."""

    def read(value: str) -> str:
        if value.upper() not in words:
            raise ValueError(f"'{value}' is none of {', '.join(words)}." if value else f"one of {', '.join(words)}.")
        return value.upper()

    return read


def text(length_max: int) -> Cell:
    """Anything, up to so many characters."""

    def read(value: str) -> str:
        if len(value) > length_max:
            raise ValueError(f"At most {length_max} characters.")
        return value

    return read


def split(cell: str) -> tuple[str, ...]:
    """The names in a cell that may hold several: CSV within it, so that a name may hold a comma. Raises ValueError."""
    try:
        found = next(csv.reader([cell], strict=True, skipinitialspace=True), [])
    except csv.Error:
        raise ValueError("a quotation mark is not closed, or stands within a name.") from None
    return tuple(name.strip() for name in found)


def joined(names: Iterable[str]) -> str:
    """Names as `split` reads them."""
    made = io.StringIO()
    csv.writer(made, lineterminator="").writerow(list(names))
    return made.getvalue()


def several(count_max: int, *, required: bool = False) -> Cell:
    """Identifiers separated by commas, each once."""

    def read(value: str) -> str:
        names = split(value)
        if required and not names:
            raise ValueError("one or more, separated by commas.")
        if len(names) > count_max:
            raise ValueError(f"At most {count_max}.")
        for name in names:
            if fault := identifier_fault(name):
                raise ValueError(f"'{name}': {fault}")
            if names.count(name) > 1:
                raise ValueError(f"'{name}' is there twice.")
        return value

    return read


def pairs(count_max: int, length_max: int) -> Cell:
    """Texts by name, `NAME=TEXT` separated by commas, each name once."""

    def read(value: str) -> str:
        found = split(value)
        if len(found) > count_max:
            raise ValueError(f"At most {count_max}.")
        names = [each.partition("=")[0] for each in found]
        for each, name in zip(found, names, strict=True):
            if "=" not in each or identifier_fault(name):
                raise ValueError(f"'{name}' is not of the form NAME=TEXT.")
            if len(each) - len(name) - 1 > length_max:
                raise ValueError(f"'{name}': At most {length_max} characters.")
            if names.count(name) > 1:
                raise ValueError(f"'{name}' is there twice.")
        return value

    return read


def whole(least: int, most: int) -> Cell:
    """A whole number within bounds; an empty cell stays empty."""

    def read(value: str) -> str:
        digits = value.removeprefix("-")
        if not value or (digits.isascii() and digits.isdigit() and least <= int(value) <= most):
            return value
        raise ValueError(f"'{value}' is not a whole number from {least} to {most}.")

    return read


def span(least: timedelta, most: timedelta) -> Cell:
    """A length of time such as 90s, 15m, 2h, 7d, as a Duration is written in JSON; an empty cell stays empty."""

    def read(value: str) -> str:
        if not value:
            return value
        match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*([smhd])", value.lower(), re.ASCII)
        if match is None:
            raise ValueError(f"'{value}' is no length of time such as 90s, 15m, 2h, 7d.")
        seconds = Decimal(match[1]) * SECONDS_OF[match[2]]
        if not least.total_seconds() <= seconds <= most.total_seconds():
            raise ValueError(f"'{value}' is not from {spelt(str(least // _SECOND))} to {spelt(str(most // _SECOND))}.")
        return f"{seconds.normalize():f}s"

    return read


def spelt(seconds: str) -> str:
    """A number of seconds as `span` reads it, in the largest unit of which it is a whole number."""
    for unit in "dhm":
        if seconds.isdigit() and int(seconds) and int(seconds) % SECONDS_OF[unit] == 0:
            return f"{int(seconds) // SECONDS_OF[unit]}{unit}"
    return f"{seconds}s"


def flag(value: str) -> str:
    """Yes or no, which an empty cell says."""
    if value.upper() not in _FLAGS:
        raise ValueError(f"'{value}' is none of YES, NO.")
    return _FLAGS[value.upper()]


_FLAGS = {"": "NO", "NO": "NO", "FALSE": "NO", "YES": "YES", "TRUE": "YES"}


def day(value: str) -> str:
    """A day such as 2027-01-31; an empty cell stays empty."""
    if value:
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            raise ValueError(f"'{value}' is no day such as 2027-01-31.") from None
    return value


def quantity(value: str) -> str:
    """Whole units."""
    if not (value.isascii() and value.isdigit() and int(value) <= QUANTITY_MAX):
        raise ValueError(f"'{value}' is not a whole number from 0 to {QUANTITY_MAX}.")
    return value


STOCK_ITEM = (
    Column("sku", identifier),
    Column("location", identifier),
    Column("quantity", quantity),
    Column("owner", optional(identifier), required=False),
    Column("lot", optional(identifier), required=False),
    Column("uom", optional(identifier, "EACH"), required=False),
    Column("custodian", optional(identifier), required=False),
    Column("condition", optional(one_of(*CONDITIONS), "SELLABLE"), required=False),
)
"""Units of a stock item."""
