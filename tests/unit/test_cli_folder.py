"""A folder of CSV files is judged whole: every fault of it with its line, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir_cli.demonstration import SAMPLE
from weir_cli.merchant.folder import read_folder
from weir_cli.merchant.rules import faults, notes
from weir_cli.merchant.values import FILES as ALL
from weir_cli.merchant.values import FolderFaults, Known, Merchant

LOCATIONS = "location,kind,display_name,policy\nDE1,WAREHOUSE,Leipzig,GLOBAL\nFR,WAREHOUSE,,\nBER,STORE,,FIXED\n"
GROUPS = "warehouse_group,location\neurope,DE1\neurope,FR\nberlin,BER\n"
CHANNELS = "channel,kind,channel_group,display_name\nshop-de,WEBSHOP,shops,\nshop-fr,WEBSHOP,shops,\npos,POS,,\n"
LINKS = "warehouse_group,channel_group\neurope,shops\nberlin,pos\n"
STOCK = "sku,location,quantity\nMUG,DE1,5\nMUG,FR,0\n"
FILES = {
    "locations.csv": LOCATIONS,
    "groups.csv": GROUPS,
    "channels.csv": CHANNELS,
    "links.csv": LINKS,
    "stock.csv": STOCK,
}


def written(folder: Path, **changed: str | bytes | None) -> Path:
    """A good folder, but for the files named: other content, or None for absent."""
    for name, content in {**FILES, **{f"{key}.csv": value for key, value in changed.items()}}.items():
        if content is not None:
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def told(folder: Path, known: Known | None = None) -> list[str]:
    """Every fault of a folder as people read it."""
    try:
        merchant, found = read_folder(folder)
        found += faults(merchant, known or Known())
        if found:
            raise FolderFaults(found)
    except FolderFaults as wrong:
        return str(wrong).splitlines()
    return []


def test_a_good_folder_has_no_fault(tmp_path: Path) -> None:
    """What fits together is read as it stands, defaults filled in."""
    merchant, found = read_folder(written(tmp_path))
    assert found == faults(merchant, Known()) == []
    assert merchant.locations is not None
    assert [(each.location, each.kind, each.policy) for each in merchant.locations] == [
        ("DE1", "WAREHOUSE", "GLOBAL"),
        ("FR", "WAREHOUSE", "GLOBAL"),
        ("BER", "STORE", "FIXED"),
    ]
    assert merchant.stock is not None
    assert [(each.line, each.item, each.quantity) for each in merchant.stock] == [
        (2, ("", "MUG", "DE1", "", "EACH", "", "SELLABLE"), 5),
        (3, ("", "MUG", "FR", "", "EACH", "", "SELLABLE"), 0),
    ]


def test_the_sample_is_good() -> None:
    """The sample merchant has no fault and nothing that is worth a second look, and some 200 products."""
    merchant, found = read_folder(SAMPLE)
    assert [*found, *faults(merchant, Known()), *notes(merchant)] == []
    assert len({each.sku for each in merchant.stock or ()}) == 200


WRONG: dict[str, tuple[dict[str, str | bytes | None], list[str]]] = {
    "a missing column": (
        {"stock": "sku,quantity\nMUG,5\n"},
        [
            "stock.csv:1: column location is missing. Columns: sku, location, quantity, [owner], [lot], [uom],"
            " [custodian], [condition]."
        ],
    ),
    "a misspelt and a doubled column": (
        {"links": "warehouse_group,channel_group,channel_group,chanel\neurope,shops,shops,x\n"},
        [
            "links.csv:1: column chanel is not known; column channel_group is there twice. Columns: warehouse_group,"
            " channel_group."
        ],
    ),
    "semicolons": (
        {"stock": "sku;location;quantity\nMUG;DE1;5\n"},
        ["stock.csv:1: columns are separated by semicolons; separate them by commas."],
    ),
    "no content": (
        {"links": "\n\n"},
        ["links.csv: is empty; its first row names the columns: warehouse_group, channel_group."],
    ),
    "latin-1": (
        {"locations": LOCATIONS.encode().replace(b"Leipzig", b"K\xf6ln")},
        ["locations.csv:2: byte 0xf6 is not UTF-8; save the file as UTF-8."],
    ),
    "UTF-16": ({"stock": STOCK.encode("utf-16")}, ["stock.csv: is UTF-16; save it as UTF-8."]),
    "a NUL byte": ({"stock": STOCK + "M\0G,DE1,1\n"}, ["stock.csv:4: holds a NUL byte; this is no CSV file."]),
    "an open quotation": (
        {"stock": 'sku,location,quantity\nMUG,DE1,5\n"JUG,DE1,5\n'},
        ["stock.csv:3: is not CSV: a quotation mark is not closed, or stands within a cell."],
    ),
    "cells too few and too many": (
        {"stock": "sku,location,quantity\nMUG,DE1\nJUG,DE1,5,9\n"},
        [
            "stock.csv:2: has 2 cells where the first row names 3 columns.",
            "stock.csv:2: quantity: '' is not a whole number from 0 to 1000000000.",
            "stock.csv:3: has 4 cells where the first row names 3 columns.",
        ],
    ),
    "bad quantities": (
        {"stock": "sku,location,quantity\nA,DE1,-1\nB,DE1,1.5\nC,DE1,1000000001\nD,DE1,\nE,DE1,٣\n"},
        [
            "stock.csv:2: quantity: '-1' is not a whole number from 0 to 1000000000.",
            "stock.csv:3: quantity: '1.5' is not a whole number from 0 to 1000000000.",
            "stock.csv:4: quantity: '1000000001' is not a whole number from 0 to 1000000000.",
            "stock.csv:5: quantity: '' is not a whole number from 0 to 1000000000.",
            "stock.csv:6: quantity: '٣' is not a whole number from 0 to 1000000000.",
        ],
    ),
    "bad words": (
        {"locations": "location,kind,policy\nDE1,BARN,\nFR,WAREHOUSE,OPEN\nBER,,FIXED\n"},
        [
            "locations.csv:2: kind: 'BARN' is none of WAREHOUSE, STORE, FACILITY, TRUNK.",
            "locations.csv:3: policy: 'OPEN' is none of GLOBAL, FIXED.",
            "locations.csv:4: kind: one of WAREHOUSE, STORE, FACILITY, TRUNK.",
        ],
    ),
    "bad identifiers": (
        {"stock": f"sku,location,quantity\n,DE1,1\n{'x' * 129},DE1,1\nA\u0007B,DE1,1\n"},
        [
            "stock.csv:2: sku: Required.",
            "stock.csv:3: sku: At most 128 characters.",
            "stock.csv:4: sku: No control characters.",
        ],
    ),
    "everything twice": (
        {
            "locations": LOCATIONS + "DE1,STORE,,\n",
            "groups": GROUPS + "europe,FR\n",
            "channels": CHANNELS + "pos,POS,,\n",
            "links": LINKS + "europe,shops\n",
            "stock": STOCK + "MUG,DE1,7\n",
        },
        [
            "locations.csv:5: location is there already (line 2).",
            "groups.csv:5: row is there already (line 3).",
            "channels.csv:5: channel is there already (line 4).",
            "links.csv:4: link is there already (line 2).",
            "stock.csv:4: stock item is there already (line 2).",
        ],
    ),
    "unknown names": (
        {
            "groups": GROUPS + "asia,JP\n",
            "links": LINKS + "africa,shops\neurope,markets\n",
            "stock": STOCK + "MUG,MARS,1\n",
        },
        [
            "groups.csv:5: unknown location JP: locations.csv has none of this name.",
            "links.csv:4: unknown warehouse group africa: groups.csv has none of this name.",
            "links.csv:5: unknown channel group markets: channels.csv has none of this name.",
            "stock.csv:4: unknown location MARS: locations.csv has none of this name.",
        ],
    ),
    "a location in two groups": (
        {"groups": GROUPS + "berlin,DE1\n"},
        [
            "groups.csv:4: location BER is FIXED and must be the sole member of its group, but berlin has 2.",
            "groups.csv:5: location DE1 is in warehouse group europe already (line 2); a location is in at most one.",
        ],
    ),
    "a FIXED location that feeds two channel groups": (
        {"links": LINKS + "berlin,shops\n"},
        [
            "links.csv:4: warehouse group berlin holds FIXED location BER and feeds pos already (line 3); it may feed"
            " one channel group only."
        ],
    ),
    "a channel group that belongs to another channel": (
        {"channels": CHANNELS + "till,POS,pos,\n"},
        [
            "channels.csv:5: channel group pos belongs to channel pos alone, which names none (line 4); give both the"
            " same group, of another name."
        ],
    ),
    "two names for one group": (
        {"groups": "warehouse_group,location,display_name\neurope,DE1,Europe\neurope,FR,EU\nberlin,BER,\n"},
        ["groups.csv:3: display_name differs from that of line 2."],
    ),
    "faults in several files": (
        {"locations": LOCATIONS + "XX,BARN,,\n", "stock": STOCK + "JUG,DE1,many\nJUG,NOWHERE,1\n"},
        [
            "locations.csv:5: kind: 'BARN' is none of WAREHOUSE, STORE, FACILITY, TRUNK.",
            "stock.csv:4: quantity: 'many' is not a whole number from 0 to 1000000000.",
            "stock.csv:5: unknown location NOWHERE: locations.csv has none of this name.",
        ],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_every_fault_is_told_with_its_line(case: str, tmp_path: Path) -> None:
    """A folder that is wrong is told so line by line; what only follows from a fault is not told."""
    changed, expected = WRONG[case]
    assert told(written(tmp_path, **changed)) == expected


def test_a_byte_order_mark_and_a_cell_of_two_lines_do_no_harm(tmp_path: Path) -> None:
    """What spreadsheets write is read, and lines are counted as an editor counts them."""
    mark = "\ufeff" + 'location,kind,display_name\r\nDE1,warehouse,"Leip\r\nzig"\r\n\r\nFR,BARN,\r\n'
    folder = written(tmp_path, locations=mark, groups=None, links=None, channels=None, stock=None)
    assert told(folder) == ["locations.csv:5: kind: 'BARN' is none of WAREHOUSE, STORE, FACILITY, TRUNK."]


def test_an_empty_folder_says_what_belongs_there(tmp_path: Path) -> None:
    """A folder without any of the files, and one that is not there, are told apart."""
    assert told(tmp_path) == [f"locations.csv: cannot be read from {tmp_path}: none of {', '.join(ALL)} is in it."]
    assert told(tmp_path / "no") == [f"locations.csv: cannot be read from {tmp_path / 'no'}: there is no such folder."]


def test_what_is_absent_is_taken_from_the_suite(tmp_path: Path) -> None:
    """A folder of stock alone refers to the locations that the suite holds."""
    folder = written(tmp_path, locations=None, groups=None, channels=None, links=None)
    assert told(folder, Known(locations=frozenset({"DE1", "FR"}))) == []
    assert told(folder, Known(locations=frozenset({"DE1"}))) == [
        "stock.csv:3: unknown location FR: the suite knows none of this name."
    ]


def test_a_fixed_location_of_the_suite_keeps_its_rule(tmp_path: Path) -> None:
    """Links alone are judged by the FIXED locations that the suite holds."""
    known = Known(
        locations=frozenset({"BER"}),
        fixed=frozenset({"BER"}),
        groups=frozenset({"berlin"}),
        group_of={"BER": "berlin"},
        channel_groups=frozenset({"pos", "shops"}),
    )
    links = "warehouse_group,channel_group\nberlin,pos\nberlin,shops\n"
    folder = written(tmp_path, locations=None, groups=None, channels=None, links=links, stock=None)
    assert told(folder, known) == [
        "links.csv:3: warehouse group berlin holds FIXED location BER and feeds pos already (line 2); it may feed one"
        " channel group only."
    ]


def test_what_is_not_connected_is_noted(tmp_path: Path) -> None:
    """Locations, groups and channels that lead nowhere are allowed, and said to be so; so is stock of 0."""
    merchant, _ = read_folder(
        written(
            tmp_path,
            groups="warehouse_group,location\neurope,DE1\nspare,FR\n",
            links="warehouse_group,channel_group\neurope,shops\n",
        )
    )
    assert notes(merchant) == [
        "BER: in no warehouse group: what lies there reaches no channel.",
        "spare: linked to no channel group: nobody sells from there.",
        "pos: fed by no warehouse group: levels are 0 there.",
        "stock.csv has lines that bring 0 units (1): nothing is received for them.",
    ]
    assert notes(Merchant()) == []
