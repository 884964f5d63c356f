"""The file of a snapshot: figures of a warehouse as CSV, of any length, one line of it in memory at a time."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from weir.ledger.v1 import snapshot_pb2
from weir_cli.moving import stock_item
from weir_cli.options import read_moment
from weir_cli.sheets import STOCK_ITEM, Column, opened, optional, rows

STANDARD_INPUT = Path("-")
LINES_MAX = 1000
"""Lines that one message may carry."""
BYTES_MAX = 512 * 1024
"""Bytes of lines that one message carries, well below what a service takes."""
FAULTS_KEPT = 1000
CHUNK = 1024 * 1024


def _moment(value: str) -> str:
    read_moment(value)
    return value


COLUMNS = (*STOCK_ITEM, Column("as_of", optional(_moment), required=False))


@dataclass(slots=True)
class Judgement:
    """What a file holds: how many rows, and the faults of those that cannot be read, each with its line.

    `content` is the digest of its bytes. Of the `faulty` rows the faults of the first ones are kept. `undated` is the
    line of the first row that does not say when its figure was true, None where all do; `newest` is the newest of
    those moments.
    """

    content: bytes
    rows: int = 0
    faulty: int = 0
    faults: list[tuple[int, str]] = field(default_factory=list)
    undated: int | None = None
    newest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file a row stands, and why it cannot be read; empty where it can."""

    line: int
    faults: tuple[str, ...] = ()


class SnapshotFile:
    """A file of figures. Its rows are numbered from 1, as the lines of the snapshot are; blank ones do not count."""

    def __init__(self, content: BinaryIO) -> None:
        """Read from `content`, which can be read again and again and is closed with this."""
        self._content = content
        self._text = opened(content)

    def close(self) -> None:
        """End reading."""
        self._text.close()

    def judge(self) -> Judgement:
        """Read the whole file. Raises SheetUnreadable."""
        judged = Judgement(self._digest())
        for line, cells, faults in self._rows():
            judged.rows += 1
            if faults:
                judged.faulty += 1
                judged.faults += [(line, each) for each in faults[: FAULTS_KEPT - len(judged.faults)]]
            elif not cells["as_of"]:
                judged.undated = judged.undated or line
            else:
                moment = read_moment(cells["as_of"])
                judged.newest = moment if judged.newest is None else max(moment, judged.newest)
        return judged

    def batches(self, first: int) -> Iterator[tuple[int, list[snapshot_pb2.SnapshotLine]]]:
        """The lines from number `first` on, as many together as a message may carry, each with the number of its
        first; a row that cannot be read is a line of which nothing is set. Raises SheetUnreadable.
        """
        batch: list[snapshot_pb2.SnapshotLine] = []
        size = 0
        for number, (_, cells, faults) in enumerate(self._rows(), 1):
            if number < first:
                continue
            line = snapshot_pb2.SnapshotLine() if faults else _line(**cells)
            if len(batch) == LINES_MAX or size + line.ByteSize() > BYTES_MAX:
                yield number - len(batch), batch
                batch, size = [], 0
            batch.append(line)
            size += line.ByteSize()
        if batch:
            yield number - len(batch) + 1, batch

    def places(self, numbers: Collection[int]) -> dict[int, Place]:
        """Where the rows of these numbers stand."""
        wanted = set(numbers)
        found: dict[int, Place] = {}
        for number, (line, _, faults) in enumerate(self._rows(), 1):
            if len(found) == len(wanted):
                break
            if number in wanted:
                found[number] = Place(line, tuple(faults))
        return found

    def _digest(self) -> bytes:
        digest = hashlib.sha256()
        self._content.seek(0)
        while part := self._content.read(CHUNK):
            digest.update(part)
        return digest.digest()

    def _rows(self) -> Iterator[tuple[int, dict[str, str], Sequence[str]]]:
        self._text.seek(0)
        faults: list[str] = []
        for line, cells in rows(self._text, COLUMNS, lambda _, told: faults.append(told)):
            yield line, cells, faults
            faults.clear()


@contextmanager
def read(path: Path) -> Iterator[SnapshotFile]:
    """The file at `path` as `content` has it. Raises OSError."""
    with content(path) as source, closing(SnapshotFile(source)) as file:
        yield file


@contextmanager
def content(path: Path) -> Iterator[BinaryIO]:
    """What the file at `path` holds, `-` for what comes in; what can be read only once is copied. Raises OSError."""
    with ExitStack() as stack:
        source: BinaryIO = sys.stdin.buffer
        if path != STANDARD_INPUT:
            source = stack.enter_context(path.open("rb"))
        if not source.seekable():
            copy = stack.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(source, copy)
            source = copy
        yield source


def _line(*, sku: str, location: str, quantity: str, as_of: str, **item: str) -> snapshot_pb2.SnapshotLine:
    line = snapshot_pb2.SnapshotLine(stock_item=stock_item(sku, location, **item), quantity=int(quantity))
    if as_of:
        line.as_of_time.FromDatetime(read_moment(as_of))
    return line
