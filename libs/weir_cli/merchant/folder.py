"""Read the files of a folder, each by itself: encoding, columns, cells. Every fault is kept, with its line."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from weir_chassis.ids import identifier_fault
from weir_cli.merchant.values import (
    CHANNELS,
    FILES,
    GROUPS,
    LINKS,
    LOCATIONS,
    STOCK,
    UNREADABLE,
    Delivery,
    Fault,
    FolderFaults,
    Link,
    Member,
    Merchant,
    Place,
    Shop,
)

LOCATION_KINDS = ("WAREHOUSE", "STORE", "FACILITY", "TRUNK")
POLICIES = ("GLOBAL", "FIXED")
CHANNEL_KINDS = ("WEBSHOP", "MARKETPLACE", "POS", "REP", "B2B")
CONDITIONS = ("SELLABLE", "HOLD", "DAMAGED")
QUANTITY_MAX = 10**9
DISPLAY_NAME_MAX = 256

T = TypeVar("T")
Cell = Callable[[str], str]
"""Gives the value of a cell; raises ValueError with a sentence that says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: how its cells are read, and whether it must be there."""

    name: str
    read: Cell
    required: bool = True


def read_folder(folder: Path) -> tuple[Merchant, list[Fault]]:
    """What `folder` says, and every fault of a single line; a cell that cannot be read holds `UNREADABLE`.

    Raises FolderFaults, with all that is wrong so far, where a file cannot be read as a whole. Names that do not fit
    together are not looked at here: that is what `rules` is for.
    """
    faults: list[Fault] = []
    wholes: list[Fault] = []
    present = [name for name in FILES if (folder / name).is_file()]
    if not present:
        what = "there is no such folder" if not folder.is_dir() else f"none of {', '.join(FILES)} is in it"
        raise FolderFaults([Fault(FILES[0], 0, f"cannot be read from {folder}: {what}.")])
    read = _Reader(folder, faults, wholes)
    merchant = Merchant(
        locations=read.rows(LOCATIONS, _LOCATION_COLUMNS, Place),
        groups=read.rows(GROUPS, _GROUP_COLUMNS, Member),
        channels=read.rows(CHANNELS, _CHANNEL_COLUMNS, Shop),
        links=read.rows(LINKS, _LINK_COLUMNS, Link),
        stock=read.rows(STOCK, _STOCK_COLUMNS, _delivery),
    )
    if wholes:
        raise FolderFaults([*wholes, *faults])
    return merchant, faults


@dataclass(frozen=True, slots=True)
class _Reader:
    folder: Path
    faults: list[Fault]
    wholes: list[Fault]

    def rows(self, file: str, columns: Sequence[Column], make: Callable[..., T]) -> tuple[T, ...] | None:
        path = self.folder / file
        if not path.is_file():
            return None
        try:
            text = _text(path.read_bytes())
            return tuple(make(line, **cells) for line, cells in _cells(file, text, columns, self.faults))
        except _Unreadable as fault:
            self.wholes.append(Fault(file, fault.line, str(fault)))
        except OSError as error:
            self.wholes.append(Fault(file, 0, f"cannot be read: {error.strerror}."))
        return ()


class _Unreadable(Exception):
    def __init__(self, line: int, description: str) -> None:
        super().__init__(description)
        self.line = line


def _text(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _Unreadable(0, "is UTF-16; save it as UTF-8.")
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _Unreadable(line, f"byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8.") from None
    if "\0" in text:
        raise _Unreadable(text.count("\n", 0, text.index("\0")) + 1, "holds a NUL byte; this is no CSV file.")
    return text


def _cells(
    file: str, text: str, columns: Sequence[Column], faults: list[Fault]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Every row with the line it begins on; a short row is taken for one whose last cells are empty."""
    records = _records(text)
    line, header = next(records, (0, []))
    if not header:
        raise _Unreadable(0, f"is empty; its first row names the columns: {_named(columns)}.")
    order = _order(line, header, columns)
    for line, record in records:
        if len(record) != len(header):
            told = f"has {len(record)} cells where the first row names {len(header)} columns."
            faults.append(Fault(file, line, told))
            record = [*record, *[""] * len(header)]
        cells: dict[str, str] = {}
        for column in columns:
            try:
                cells[column.name] = column.read(record[order[column.name]].strip() if column.name in order else "")
            except ValueError as fault:
                faults.append(Fault(file, line, f"{column.name}: {fault}"))
                cells[column.name] = UNREADABLE
        yield line, cells


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not blank; a quoted cell may span lines, so a row's line is where it begins."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader, None)
        except csv.Error:
            raise _Unreadable(line, "is not CSV: a quotation mark is not closed, or stands within a cell.") from None
        if record is None:
            return
        if any(cell.strip() for cell in record):
            yield line, record


def _order(line: int, header: list[str], columns: Sequence[Column]) -> dict[str, int]:
    """Where each column stands; raises one fault that says everything that is wrong with the first row."""
    names = [name.strip().lower() for name in header]
    if len(names) == 1 and any(mark in names[0] for mark in ";\t"):
        mark = "semicolons" if ";" in names[0] else "tabs"
        raise _Unreadable(line, f"columns are separated by {mark}; separate them by commas.")
    known = {column.name for column in columns}
    wrong = [f"column {name} is missing" for name in _names(columns, required=True) if name not in names]
    wrong += [f"column {name or '(no name)'} is not known" for name in names if name not in known]
    wrong += [f"column {name} is there twice" for name in sorted(known) if names.count(name) > 1]
    if wrong:
        raise _Unreadable(line, f"{'; '.join(wrong)}. Columns: {_named(columns)}.")
    return {name: index for index, name in enumerate(names)}


def _names(columns: Sequence[Column], *, required: bool) -> list[str]:
    return [column.name for column in columns if column.required is required]


def _named(columns: Sequence[Column]) -> str:
    return ", ".join([*_names(columns, required=True), *(f"[{name}]" for name in _names(columns, required=False))])


def _identifier(value: str) -> str:
    if fault := identifier_fault(value):
        raise ValueError(fault)
    return value


def _optional(read: Cell, default: str = "") -> Cell:
    return lambda value: read(value) if value else default


def _word(*words: str) -> Cell:
    def read(value: str) -> str:
        if value.upper() not in words:
            raise ValueError(f"'{value}' is none of {', '.join(words)}." if value else f"one of {', '.join(words)}.")
        return value.upper()

    return read


def _display_name(value: str) -> str:
    if len(value) > DISPLAY_NAME_MAX:
        raise ValueError(f"At most {DISPLAY_NAME_MAX} characters.")
    return value


def _quantity(value: str) -> str:
    if not (value.isascii() and value.isdigit() and int(value) <= QUANTITY_MAX):
        raise ValueError(f"'{value}' is not a whole number from 0 to {QUANTITY_MAX}.")
    return value


def _delivery(line: int, *, quantity: str, **cells: str) -> Delivery:
    return Delivery(line, quantity=0 if quantity == UNREADABLE else int(quantity), **cells)


_LOCATION_COLUMNS = (
    Column("location", _identifier),
    Column("kind", _word(*LOCATION_KINDS)),
    Column("display_name", _display_name, required=False),
    Column("policy", _optional(_word(*POLICIES), "GLOBAL"), required=False),
)
_GROUP_COLUMNS = (
    Column("warehouse_group", _identifier),
    Column("location", _identifier),
    Column("display_name", _display_name, required=False),
)
_CHANNEL_COLUMNS = (
    Column("channel", _identifier),
    Column("kind", _word(*CHANNEL_KINDS)),
    Column("channel_group", _optional(_identifier), required=False),
    Column("display_name", _display_name, required=False),
)
_LINK_COLUMNS = (Column("warehouse_group", _identifier), Column("channel_group", _identifier))
_STOCK_COLUMNS = (
    Column("sku", _identifier),
    Column("location", _identifier),
    Column("quantity", _quantity),
    Column("owner", _optional(_identifier), required=False),
    Column("lot", _optional(_identifier), required=False),
    Column("uom", _optional(_identifier, "EACH"), required=False),
    Column("custodian", _optional(_identifier), required=False),
    Column("condition", _optional(_word(*CONDITIONS), "SELLABLE"), required=False),
)
