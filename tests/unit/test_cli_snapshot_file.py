"""The file of a snapshot is judged whole and read line by line: its rows have numbers, and their faults lines."""

from __future__ import annotations

import io
import os
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest

from weir.common.v1 import stock_pb2
from weir.ledger.v1 import snapshot_pb2
from weir_cli.sheets import LINE_CHARACTERS_MAX, SheetUnreadable
from weir_cli.snapshot.file import BYTES_MAX, FAULTS_KEPT, LINES_MAX, Place, SnapshotFile, read
from weir_cli.snapshot.importing import attempt

HEAD = "sku,location,quantity\n"


def file(content: str | bytes) -> SnapshotFile:
    """A file of this content."""
    return SnapshotFile(io.BytesIO(content.encode() if isinstance(content, str) else content))


def lines(content: str, first: int = 1) -> list[snapshot_pb2.SnapshotLine]:
    """The lines of a file from a number on."""
    return [line for _, batch in file(content).batches(first) for line in batch]


def test_a_row_becomes_a_line_with_all_that_it_says() -> None:
    """Every column is carried over, in any order; what is left out has the meaning of the contract."""
    whole, plain = lines(
        "quantity,sku,location,owner,lot,uom,custodian,condition,as_of\n"
        "7,MUG,DE1,acme,L1,CARTON,anna,hold,2026-11-22T10:00:00+01:00\n"
        "0,JUG,FR,,,,,,\n"
    )
    assert whole.stock_item == stock_pb2.StockItem(
        product=stock_pb2.Product(owner="acme", sku="MUG"), location="DE1", lot="L1", uom="CARTON", custodian="anna",
        condition=stock_pb2.CONDITION_HOLD,
    )  # fmt: skip
    assert (whole.quantity, whole.as_of_time.ToJsonString()) == (7, "2026-11-22T09:00:00Z")
    assert (plain.stock_item.uom, plain.quantity, plain.HasField("as_of_time")) == ("EACH", 0, False)


def test_faults_are_told_with_the_lines_they_stand_on() -> None:
    """Blank lines count as lines but not as rows, a quoted cell may span lines; a row with a fault has its number."""
    content = f'{HEAD}\nMUG,DE1,many\n\n"A\nB",DE1,1\n JUG ,DE1,5\n'
    judged = file(content).judge()
    assert (judged.rows, judged.faulty) == (3, 2)
    assert judged.faults == [
        (3, "quantity: 'many' is not a whole number from 0 to 1000000000."),
        (5, "sku: No control characters."),
    ]
    assert file(content).places({3, 1}) == {1: Place(3, (judged.faults[0][1],)), 3: Place(7)}
    unreadable, _, good = lines(content)
    assert unreadable == snapshot_pb2.SnapshotLine()
    assert good.stock_item.product.sku == "JUG"


def test_moments_of_rows_are_judged() -> None:
    """The newest is known, and the first row that names none; one that is no moment is a fault of its line."""
    head = "sku,location,quantity,as_of\n"
    judged = file(f"{head}A,DE1,1,2026-11-22T10:00Z\nB,DE1,1,2026-11-21\nC,DE1,1,\nD,DE1,1,\n").judge()
    assert (judged.newest, judged.undated) == (datetime(2026, 11, 22, 10, tzinfo=UTC), 4)
    for moment in ("yesterday", "2026-13-01", "0001-01-01"):
        faults = file(f"{head}A,DE1,1,{moment}\n").judge().faults
        assert [(line, told.startswith(f"as_of: '{moment}' is no moment")) for line, told in faults] == [(2, True)]


@pytest.mark.parametrize(
    ("content", "line", "told"),
    [
        (b"", 0, "is empty; its first row names the columns: sku, location, quantity, [owner]"),
        (b"sku;location;quantity\n", 1, "columns are separated by semicolons"),
        (b"sku,location,quantity\nMUG,DE1,1\nK\xf6ln,DE1,1\n", 3, "byte 0xf6 is not UTF-8"),
        ("sku,location,quantity\n".encode("utf-16"), 0, "is UTF-16"),
        (b"sku,location,quantity\nM\0G,DE1,1\n", 2, "holds a NUL byte"),
        (b'sku,location,quantity\n"MUG,DE1,1\n', 2, "a quotation mark is not closed"),
        (b"sku,location,quantity\n" + b"x" * LINE_CHARACTERS_MAX, 2, "is longer than 100,000 characters"),
    ],
)
def test_what_is_no_sheet_is_told_in_a_sentence(content: bytes, line: int, told: str) -> None:
    """A file that cannot be read from some line on says which, and why."""
    with pytest.raises(SheetUnreadable) as fault:
        file(content).judge()
    assert (fault.value.line, told in str(fault.value)) == (line, True), fault.value


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    """What spreadsheets write before the text is skipped, in the second reading too."""
    found = file(b"\xef\xbb\xbf" + f"{HEAD}MUG,DE1,1\n".encode())
    assert found.judge().rows == found.judge().rows == 1


def test_batches_are_as_long_as_a_message_may_be() -> None:
    """At most a thousand lines and half a mebibyte together; begun at any number, they are numbered on from there."""
    content = HEAD + "".join(f"SKU-{number:05d},DE1,{number}\n" for number in range(1, 2502))
    assert [(first, len(batch)) for first, batch in file(content).batches(1)] == [
        (1, LINES_MAX),
        (1 + LINES_MAX, LINES_MAX),
        (1 + 2 * LINES_MAX, 501),
    ]
    assert [(first, batch[0].quantity, batch[-1].quantity) for first, batch in file(content).batches(1400)] == [
        (1400, 1400, 2399),
        (2400, 2400, 2501),
    ]
    assert list(file(content).batches(2502)) == []
    wide = "sku,location,owner,lot,uom,custodian,quantity\n" + wide_row("界") * 600
    sizes = [(len(batch), sum(line.ByteSize() for line in batch)) for _, batch in file(wide).batches(1)]
    assert sum(count for count, _ in sizes) == 600
    assert all(size <= BYTES_MAX for _, size in sizes)
    assert len(sizes) == 3


def test_a_long_file_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    """Fifteen megabytes, every second row faulty, are judged and read within five; only the first faults are kept."""
    path = tmp_path / "long.csv"
    with path.open("w") as written:
        written.write("sku,location,owner,lot,uom,custodian,quantity\n")
        for _ in range(10_000):
            written.write(wide_row("x") + wide_row("x", "many"))
    assert path.stat().st_size > 15_000_000
    tracemalloc.start()
    try:
        with read(path) as found:
            judged = found.judge()
            assert sum(len(batch) for _, batch in found.batches(1)) == judged.rows == 20_000
        assert (judged.faulty, len(judged.faults)) == (10_000, FAULTS_KEPT)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def wide_row(character: str, quantity: str = "1") -> str:
    """A row with names as long as they may be."""
    return ",".join([character * 128] * 6) + f",{quantity}\n"


def test_what_can_be_read_only_once_is_copied() -> None:
    """A pipe is judged and read from its beginning, as a file is."""
    reading, writing = os.pipe()
    os.write(writing, f"{HEAD}MUG,DE1,5\n".encode())
    os.close(writing)
    with read(Path(f"/dev/fd/{reading}")) as found:
        os.close(reading)
        assert found.judge().rows == 1
        assert [first for first, _ in found.batches(1)] == [1]


def test_the_name_of_an_attempt_is_its_content_and_meaning() -> None:
    """The same file under the same options is the same attempt; another figure, moment or policy is another."""
    feed = snapshot_pb2.SnapshotFeed(basis=snapshot_pb2.SNAPSHOT_BASIS_AVAILABLE)
    feed.as_of_time.FromSeconds(1)
    other = snapshot_pb2.SnapshotFeed(basis=snapshot_pb2.SNAPSHOT_BASIS_AVAILABLE)
    other.as_of_time.FromSeconds(2)
    content = f"{HEAD}MUG,DE1,5\n"
    judged = file(content).judge()
    assert attempt(judged, feed) == attempt(file(content).judge(), feed)
    names = {attempt(judged, feed), attempt(judged, other), attempt(file(content + "\n").judge(), feed)}
    assert len(names) == 3
    assert all(len(name) <= 128 for name in names)
