"""A warehouse that puts files of its stock into a folder of the machine that sync runs on.

Whoever writes a file writes it under a name that does not match, and renames it once it is whole: what matches is
taken to be whole. One that is written to all the same while it is read is not believed.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from weir_sync.connectors import stock_file
from weir_sync.connectors.making import Reach, Sort
from weir_sync.connectors.port import Away, Denied, StockPart
from weir_sync.connectors.settings import setting
from weir_sync.connectors.stock_file import FileSettings


def folder(text: str) -> str:
    """A folder below the one that this installation keeps such folders in."""
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or "\0" in text:
        raise ValueError("A folder below the one of this installation, without `..`.")
    return text


@dataclass(frozen=True)
class FolderSettings(FileSettings):
    """Which folder, and what is in it."""

    folder: str = setting("Folder, below the one of the installation. Default: that itself.", folder, ".")


class _File(NamedTuple):
    path: Path
    written_ns: int
    size: int

    @property
    def cursor(self) -> str:
        return f"{self.path.name}@{self.written_ns}/{self.size}"


class CsvFolder:
    """A `WarehouseConnector` of the newest file in a folder, which is of the moment at which it was last written."""

    def __init__(self, root: Path, settings: FolderSettings, reach: Reach) -> None:
        """Read below `root` alone."""
        self._root = root
        self._settings = settings

    async def probe(self) -> Sequence[str]:
        newest = await asyncio.to_thread(self._newest)
        if newest is None:
            return []
        return await stock_file.facilities(self._settings, newest.path, name=newest.path.name)

    async def stock(self, cursor: str) -> AsyncIterator[StockPart]:
        newest = await asyncio.to_thread(self._newest)
        if newest is None or newest.cursor == cursor:
            return
        as_of = datetime.fromtimestamp(newest.written_ns / 1e9, UTC)
        async for part in stock_file.parts(
            self._settings, newest.path, name=newest.path.name, as_of=as_of, cursor=newest.cursor
        ):
            if part.cursor and await asyncio.to_thread(_file, newest.path) != newest:
                raise Away(f"The file '{newest.path.name}' was written to while it was read.")
            yield part

    async def close(self) -> None:
        """Nothing is held."""

    def _newest(self) -> _File | None:
        """The file that was written last; of several of one moment, the last by name. None: there is none."""
        try:
            root = self._root.resolve(strict=True)
            folder = (root / self._settings.folder).resolve(strict=True)
            if not folder.is_relative_to(root):
                raise Denied("The folder is not below the one of this installation.")
            names = [name for name in os.listdir(folder) if self._settings.matches(name)]
        except OSError as error:
            raise Denied(f"The folder cannot be read: {error.strerror}.") from None
        found = [each for each in (_file(folder / name) for name in names) if each is not None]
        newest = max(found, key=lambda each: (each.written_ns, each.path.name), default=None)
        if newest is not None and newest.size > stock_file.SIZE_MAX:
            raise Denied(f"The file '{newest.path.name}' has more than {stock_file.SIZE_MAX} bytes.")
        return newest


def _file(path: Path) -> _File | None:
    """A file as it is; None where it is gone, or no plain file, such as a link that may lead anywhere."""
    try:
        known = path.lstat()
    except OSError:
        return None
    return _File(path, known.st_mtime_ns, known.st_size) if stat.S_ISREG(known.st_mode) else None


def csv_folders(root: Path) -> Sort[FolderSettings]:
    """Folders below `root`."""
    return Sort(FolderSettings, warehouse=partial(CsvFolder, root))
