"""Files of a warehouse: what a line says, which file is read, and which is not."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from weir_sync.connectors.csv_folder import FolderSettings, csv_folders
from weir_sync.connectors.making import Reach
from weir_sync.connectors.port import Away, Denied, Stock, StockPart, WarehouseConnector
from weir_sync.connectors.settings import read, setting_faults
from weir_sync.domain.connections import Connection, ConnectorKind, Role
from weir_sync.urls import Guard

CONNECTION = Connection("storehouse", Role.WAREHOUSE, ConnectorKind.CSV_FOLDER)
WRITTEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def connector(root: Path, **settings: str) -> WarehouseConnector:
    """A connector of a folder with these settings."""
    made, faults = read(FolderSettings, settings, {}, Guard())
    assert made is not None, faults
    sort = csv_folders(root)
    assert sort.warehouse is not None
    return sort.warehouse(made, Reach("acme", CONNECTION, Guard()))


def write(root: Path, text: str | bytes, name: str = "stock.csv", minutes: int = 0) -> Path:
    """A file of that many minutes after noon."""
    path = root / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    at = WRITTEN.timestamp() + 60 * minutes
    os.utime(path, (at, at))
    return path


async def told(root: Path, cursor: str = "", **settings: str) -> list[StockPart]:
    """All that is told."""
    return [part async for part in connector(root, **settings).stock(cursor)]


async def lines(root: Path, **settings: str) -> list[Stock]:
    """The stock that is told."""
    return [each for part in await told(root, **settings) for each in part.stock]


async def test_a_file_says_what_there_is(tmp_path: Path) -> None:
    """Columns are known by their names, in any order and case; what is not there is as if it were empty."""
    write(tmp_path, "\ufeffquantity, SKU ,Facility,lot,extra\r\n5,A,North,L1,x\r\n6.0,B,South\r\n\r\n0,C,North,,\r\n")
    [part] = await told(tmp_path)
    assert part.stock == [Stock("A", "North", 5, "L1"), Stock("B", "South", 6), Stock("C", "North", 0)]
    assert (part.as_of, part.full, bool(part.cursor)) == (WRITTEN, True, True)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("A,North,x", "Line 3: 'x' is no number of whole units."),
        ("A,North,", "Line 3: '' is no number of whole units."),
        ("A,North,1.5", "Line 3: '1.5' is no number of whole units."),
        ("A,North,1 000", "Line 3: '1 000' is no number of whole units."),
        ("A,North", "Line 3: '' is no number of whole units."),
        (",North,1", "Line 3: no SKU."),
        ("A,,1", "Line 3: no facility."),
        ("\udcff,North,1", "Line 3: it is not written in the encoding that is configured."),
    ],
)
async def test_a_bad_line_is_told_with_its_number(tmp_path: Path, line: str, fault: str) -> None:
    """What is wrong with it, and in which line; the lines around it are told all the same."""
    write(tmp_path, f"sku,facility,quantity\nB,North,1\n{line}\nC,North,2\n".encode(errors="surrogateescape"))
    before, bad, after = await lines(tmp_path)
    assert (before, bad.fault, after) == (Stock("B", "North", 1), fault, Stock("C", "North", 2))


async def test_how_it_is_written_is_configured(tmp_path: Path) -> None:
    """Columns, what is between them, the encoding, and the facility of files that name none."""
    write(tmp_path, "Artikel;Menge\nSchlüssel;3\n".encode("latin-1"))
    named = {"sku_column": "artikel", "quantity_column": "Menge", "facility": "Nord"}
    assert await lines(tmp_path, delimiter="semicolon", encoding="latin-1", **named) == [Stock("Schlüssel", "Nord", 3)]


async def test_a_file_that_is_none(tmp_path: Path) -> None:
    """Without a column that is needed nothing is believed of it, and it is said which."""
    write(tmp_path, "sku,facility\nA,North\n")
    with pytest.raises(Denied, match="no column 'quantity'; it has facility, sku"):
        await lines(tmp_path)
    write(tmp_path, "")
    with pytest.raises(Denied, match="it has none"):
        await lines(tmp_path)


async def test_the_newest_file_is_read_once(tmp_path: Path) -> None:
    """By when it was written, then by name; nothing is told again until there is a newer one, or all is asked for."""
    assert await told(tmp_path) == []
    write(tmp_path, "sku,facility,quantity\nA,North,1\n", "b.csv")
    write(tmp_path, "sku,facility,quantity\nA,North,2\n", "a.csv", minutes=1)
    write(tmp_path, "sku,facility,quantity\nA,North,3\n", "c.csv.part", minutes=2)
    write(tmp_path, "sku,facility,quantity\nA,North,4\n", ".d.csv", minutes=3)
    (tmp_path / "e.csv").mkdir()
    [part] = await told(tmp_path)
    assert part.stock == [Stock("A", "North", 2)]
    assert await told(tmp_path, part.cursor) == []
    assert await told(tmp_path) == [part]
    write(tmp_path, "sku,facility,quantity\nA,North,5\n", "a.csv", minutes=4)
    assert [each.stock for each in await told(tmp_path, part.cursor)] == [[Stock("A", "North", 5)]]


async def test_a_large_file_comes_in_parts(tmp_path: Path) -> None:
    """1000 lines a part; the first says of when they are, the last where to go on from. A file of none is a report."""
    write(tmp_path, "sku,facility,quantity\n" + "".join(f"A{number},North,1\n" for number in range(2001)))
    found = await told(tmp_path, complete="off")
    assert [len(part.stock) for part in found] == [1000, 1000, 1]
    assert [(part.as_of is None, bool(part.cursor), part.full) for part in found] == [
        (False, False, False), (True, False, False), (True, True, False),
    ]  # fmt: skip
    write(tmp_path, "sku,facility,quantity\n", minutes=1)
    [part] = await told(tmp_path)
    assert (part.stock, part.full, bool(part.cursor)) == ([], True, True)


async def test_a_file_that_is_written_to_while_it_is_read(tmp_path: Path) -> None:
    """It is not believed: the last part is never told."""
    path = write(tmp_path, "sku,facility,quantity\n" + "A,North,1\n" * 3000)
    with pytest.raises(Away, match="written to"):
        async for part in connector(tmp_path).stock(""):
            assert not part.cursor
            path.write_text("sku,facility,quantity\n")


async def test_nothing_is_read_but_below_the_root(tmp_path: Path) -> None:
    """Neither by `..`, nor by an absolute path, nor by links that lead elsewhere."""
    root = tmp_path / "root"
    write(tmp_path / "secret", "sku,facility,quantity\nA,North,1\n")
    root.mkdir()
    (root / "way").symlink_to(tmp_path / "secret")
    (root / "file.csv").symlink_to(tmp_path / "secret" / "stock.csv")
    for folder in ("../secret", str(tmp_path / "secret"), "way/../../secret"):
        assert setting_faults(FolderSettings, {"folder": folder}, Guard())
    with pytest.raises(Denied, match="not below"):
        await told(root, folder="way")
    with pytest.raises(Denied, match="cannot be read"):
        await told(root, folder="nowhere")
    assert await told(root) == []


async def test_a_probe_tells_facilities(tmp_path: Path) -> None:
    """Those of the newest file, in order; none where there is none."""
    assert await connector(tmp_path).probe() == []
    write(tmp_path, "sku,facility,quantity\nA,South,1\nB,North,x\nC,East,1\n")
    assert await connector(tmp_path).probe() == ["East", "South"]


@pytest.mark.parametrize(
    "settings",
    [{"pattern": "a/b"}, {"pattern": "?"}, {"delimiter": ","}, {"encoding": "utf-7"}, {"complete": "perhaps"}],
)
def test_settings_that_do_not_do(settings: dict[str, Any]) -> None:
    """Each is said to be wrong by its name."""
    [fault] = setting_faults(FolderSettings, settings, Guard())
    assert fault.name in settings


def test_columns_are_for_one_thing_each() -> None:
    """Two of one name are refused."""
    _, [fault] = read(FolderSettings, {"lot_column": "SKU"}, {}, Guard())
    assert fault.name == "sku_column"
