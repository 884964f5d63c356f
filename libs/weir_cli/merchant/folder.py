"""Read the files of a folder, each by itself. Every fault is kept, with its line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from weir_cli.merchant.columns import COLUMNS
from weir_cli.merchant.values import (
    CHANNELS,
    CONFIGURED,
    FILES,
    GROUPS,
    LINKS,
    LOCATIONS,
    STOCK,
    Delivery,
    Fault,
    FolderFaults,
    Link,
    Member,
    Merchant,
    Place,
    Row,
    Shop,
)
from weir_cli.sheets import UNREADABLE, SheetUnreadable, opened, rows

T = TypeVar("T")


def read_folder(folder: Path, files: Sequence[str] = FILES) -> tuple[Merchant, list[Fault]]:
    """What `folder` says in these files, and every fault of a single line; a cell that cannot be read holds
    `UNREADABLE`.

    Raises FolderFaults, with all that is wrong so far, where a file cannot be read as a whole. Names that do not fit
    together are not looked at here: that is what `rules` is for.
    """
    faults: list[Fault] = []
    wholes: list[Fault] = []
    present = [name for name in files if (folder / name).is_file()]
    if not present:
        what = "there is no such folder" if not folder.is_dir() else f"none of {', '.join(files)} is in it"
        raise FolderFaults([Fault(files[0], 0, f"cannot be read from {folder}: {what}.")])
    read = _Reader(folder, present, faults, wholes)
    merchant = Merchant(
        locations=read.rows(LOCATIONS, Place),
        groups=read.rows(GROUPS, Member),
        channels=read.rows(CHANNELS, Shop),
        links=read.rows(LINKS, Link),
        stock=read.rows(STOCK, _delivery),
        tables={file: table for file in CONFIGURED if (table := read.rows(file, _row)) is not None},
    )
    if wholes:
        raise FolderFaults([*wholes, *faults])
    return merchant, faults


@dataclass(frozen=True, slots=True)
class _Reader:
    folder: Path
    files: Sequence[str]
    faults: list[Fault]
    wholes: list[Fault]

    def rows(self, file: str, make: Callable[..., T]) -> tuple[T, ...] | None:
        if file not in self.files:
            return None
        try:
            with opened((self.folder / file).open("rb")) as content:
                found = rows(content, COLUMNS[file], lambda line, told: self.faults.append(Fault(file, line, told)))
                return tuple(make(line, **cells) for line, cells in found)
        except SheetUnreadable as fault:
            self.wholes.append(Fault(file, fault.line, str(fault)))
        except OSError as error:
            self.wholes.append(Fault(file, 0, f"cannot be read: {error.strerror}."))
        return ()


def _delivery(line: int, *, quantity: str, **cells: str) -> Delivery:
    return Delivery(line, quantity=0 if quantity == UNREADABLE else int(quantity), **cells)


def _row(line: int, **cells: str) -> Row:
    return Row(line, cells)
