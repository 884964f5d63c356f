"""Read the files of a folder, each by itself. Every fault is kept, with its line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from weir_cli.merchant.values import (
    CHANNELS,
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
    Shop,
)
from weir_cli.sheets import (
    STOCK_ITEM,
    UNREADABLE,
    Column,
    SheetUnreadable,
    identifier,
    one_of,
    opened,
    optional,
    rows,
    text,
)

LOCATION_KINDS = ("WAREHOUSE", "STORE", "FACILITY", "TRUNK")
POLICIES = ("GLOBAL", "FIXED")
CHANNEL_KINDS = ("WEBSHOP", "MARKETPLACE", "POS", "REP", "B2B")
DISPLAY_NAME_MAX = 256

T = TypeVar("T")


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
        stock=read.rows(STOCK, STOCK_ITEM, _delivery),
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
            with opened(path.open("rb")) as content:
                found = rows(content, columns, lambda line, told: self.faults.append(Fault(file, line, told)))
                return tuple(make(line, **cells) for line, cells in found)
        except SheetUnreadable as fault:
            self.wholes.append(Fault(file, fault.line, str(fault)))
        except OSError as error:
            self.wholes.append(Fault(file, 0, f"cannot be read: {error.strerror}."))
        return ()


def _delivery(line: int, *, quantity: str, **cells: str) -> Delivery:
    return Delivery(line, quantity=0 if quantity == UNREADABLE else int(quantity), **cells)


_LOCATION_COLUMNS = (
    Column("location", identifier),
    Column("kind", one_of(*LOCATION_KINDS)),
    Column("display_name", text(DISPLAY_NAME_MAX), required=False),
    Column("policy", optional(one_of(*POLICIES), "GLOBAL"), required=False),
)
_GROUP_COLUMNS = (
    Column("warehouse_group", identifier),
    Column("location", identifier),
    Column("display_name", text(DISPLAY_NAME_MAX), required=False),
)
_CHANNEL_COLUMNS = (
    Column("channel", identifier),
    Column("kind", one_of(*CHANNEL_KINDS)),
    Column("channel_group", optional(identifier), required=False),
    Column("display_name", text(DISPLAY_NAME_MAX), required=False),
)
_LINK_COLUMNS = (Column("warehouse_group", identifier), Column("channel_group", identifier))
