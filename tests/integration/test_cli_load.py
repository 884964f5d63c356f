"""`weir load` brings a folder in whole, once, and goes on where it was broken off."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.kit.command import Weir
from tests.kit.suite import Suite
from tests.kit.waiting import until
from tests.unit.test_cli_folder import STOCK, written

_numbers = itertools.count(1)

LINES = 6000
"""Enough for a dozen batches, so that a load can be killed between two of them."""


@pytest.fixture
def weir(suite: Suite) -> Weir:
    """Somebody at a terminal, for a tenant of their own."""
    return Weir(suite.addresses, f"loader {next(_numbers)}")


async def state(weir: Weir) -> Any:
    """Everything the suite holds for the tenant, without the revisions that only say how it came there."""
    stock = (await weir("stock", "--limit", "100000", "--json")).document
    counts = [(each["stock_item"], each["on_hand"], each["reserved"]) for each in stock["balances"]]
    levels = (await weir("levels", "--fresh", "--json")).document["levels"]
    return counts, levels


async def test_loading_twice_changes_nothing(weir: Weir, tmp_path: Path) -> None:
    """The second run of a folder finds everything there: no revision is drawn by it."""
    folder = str(written(tmp_path))
    first = (await weir("load", folder, "--json")).document
    before = await state(weir)
    heads = (await weir("status", "--json")).document["services"]
    again = (await weir("load", folder, "--json")).document
    assert first["network"]["locations"] == {"created": 3}
    assert (first["received"], first["repeated"]) == (1, 0)
    assert (again["network"], again["received"], again["repeated"]) == ({}, 0, 1)
    assert await state(weir) == before
    assert [each["revisions"] for each in (await weir("status", "--json")).document["services"]] == [
        each["revisions"] for each in heads
    ]
    said = await weir("load", folder)
    assert "everything stands already" in said.out
    assert "Stock: 1 line received before; nothing was added." in said.out


async def test_a_load_that_was_killed_goes_on(weir: Weir, suite: Suite, tmp_path: Path) -> None:
    """Killed between two batches and run again, a load ends where an unbroken one does, and the books agree."""
    lines = "".join(f"SKU-{number:05d},{'DE1' if number % 2 else 'FR'},{number % 90 + 1}\n" for number in range(LINES))
    folder = str(written(tmp_path, stock=f"sku,location,quantity\n{lines}"))
    process = await weir.begin("load", folder)

    async def begun() -> bool:
        return process.returncode is not None or bool(
            (await weir("stock", "--limit", "1", "--json")).document["balances"]
        )

    await until(begun, 60)
    if process.returncode is None:
        process.kill()
    await process.communicate()
    told = await weir("load", folder, "--json")
    assert told.status == 0, told
    assert told.document["received"] + told.document["repeated"] == LINES
    whole = Weir(weir.targets, f"{weir.tenant} whole")
    assert (await whole("load", folder)).status == 0
    assert await state(weir) == await state(whole)
    assert (await weir("verify")).status == 0


async def test_two_loads_at_the_same_time_are_one(weir: Weir, tmp_path: Path) -> None:
    """The same folder loaded by two at once is received once; whichever loses a race for the network is told so."""
    folder = str(written(tmp_path, groups=None, channels=None, links=None, stock=None))
    assert (await weir("load", folder)).status == 0
    folder = str(written(tmp_path, locations=None, groups=None, channels=None, links=None))
    (tmp_path / "locations.csv").unlink()
    said = await asyncio.gather(*(weir("load", folder, "--json") for _ in range(3)))
    assert [each.status for each in said] == [0, 0, 0], said
    stock = (await weir("stock", "--json")).document["balances"]
    assert [(each["stock_item"]["location"], each["on_hand"]) for each in stock] == [("DE1", 5)]


async def test_a_changed_folder_changes_the_network_and_is_another_delivery(weir: Weir, tmp_path: Path) -> None:
    """What the folder says differently becomes so; stock of other content is added to what is there."""
    await weir("load", str(written(tmp_path)))
    groups = "warehouse_group,location,display_name\neurope,DE1,EU\nfrance,FR,\nberlin,BER,\n"
    links = "warehouse_group,channel_group\neurope,shops\nfrance,shops\nberlin,pos\n"
    changed = str(written(tmp_path, groups=groups, links=links, stock=STOCK + "JUG,FR,4\n"))
    said = (await weir("load", changed, "--json")).document
    assert said["network"] == {"warehouse groups": {"updated": 2, "created": 1}, "links": {"created": 1}}
    assert said["received"] == 2
    levels = {each["sku"]: each["levels"]["shop-de"] for each in (await state(weir))[1]}
    assert levels == {"JUG": 4, "MUG": 10}


async def test_the_same_content_can_be_received_once_more(weir: Weir, tmp_path: Path) -> None:
    """A request id of its own makes the same content another delivery, and itself can be repeated."""
    folder = str(written(tmp_path))
    for words in ((), ("--request-id", "second"), ("--request-id", "second")):
        assert (await weir("load", folder, *words)).status == 0
    assert (await weir("stock", "MUG", "--json")).document["balances"][0]["on_hand"] == 10


async def test_a_dry_run_changes_nothing(weir: Weir, tmp_path: Path) -> None:
    """It says what would be done, and the suite stays as it is."""
    said = await weir("load", str(written(tmp_path)), "--dry-run", "--json")
    assert said.status == 0
    assert said.document["network"]["channels"] == {"created": 3}
    assert (said.document["lines"], said.document["units"]) == (1, 5)
    assert await state(weir) == ([], [])
    shown = await weir("load", str(tmp_path), "--dry-run")
    assert "Nothing was changed." in shown.out


async def test_faults_are_told_with_their_lines_and_nothing_is_loaded(weir: Weir, tmp_path: Path) -> None:
    """Every fault of the folder, status 2, and not even what is right is brought in."""
    folder = str(written(tmp_path, stock=STOCK + "JUG,MARS,1\nJUG,DE1,x\n"))
    said = await weir("load", folder, "--json")
    assert said.status == 2
    assert [(each["file"], each["line"]) for each in said.document["faults"]] == [("stock.csv", 4), ("stock.csv", 5)]
    shown = await weir("load", folder)
    assert shown.out.splitlines() == [
        "stock.csv:4  unknown location MARS: locations.csv has none of this name.",
        "stock.csv:5  quantity: 'x' is not a whole number from 0 to 1000000000.",
        "2 faults; nothing was loaded.",
    ]
    assert await state(weir) == ([], [])
