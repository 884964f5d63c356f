"""A real catalogue through `weir load`: every level equals a sum that the test makes by itself.

The figures are those of the demonstration data that the open-source order management system Marello ships; they lie
beside the project, not in it.
"""

from __future__ import annotations

import csv
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.tree import ROOT
from tests.kit.command import Weir
from tests.kit.suite import Suite

WAREHOUSES = {"DE1": "europe", "DE2": "europe", "FR": "europe", "US": "us", "BERLIN": "berlin"}
CHANNELS = {"webshop-de": "europe", "webshop-fr": "europe", "amazon-de": "europe", "webshop-us": "us", "pos": "berlin"}


@pytest.fixture(scope="module")
def catalogue() -> dict[str, int]:
    """Every stock keeping unit with its quantity."""
    home = Path(os.environ.get("WEIR_TEST_DATA") or ROOT.parent / "shared" / "data")
    file = home / "marello" / "stock.csv"
    if not file.is_file():
        pytest.skip(f"no Marello data: {file} is not there; WEIR_TEST_DATA names the folder that holds marello/")
    with file.open(newline="") as rows:
        return {row["sku"]: int(row["quantity"]) for row in csv.DictReader(rows)}


def shares(sku: str, quantity: int) -> Iterator[tuple[str, int]]:
    """A product's units over the five warehouses: in uneven parts, the same on every run, none lost."""
    left = quantity
    chance = zlib.crc32(sku.encode())
    for warehouse in list(WAREHOUSES)[:-1]:
        part = left * (chance % 5) // 8
        chance //= 5
        left -= part
        yield warehouse, part
    yield list(WAREHOUSES)[-1], left


def write(folder: Path, catalogue: dict[str, int]) -> None:
    """The catalogue as a folder for `weir load`."""

    def table(name: str, *rows: tuple[object, ...]) -> None:
        (folder / f"{name}.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in rows))

    table("locations", ("location", "kind", "policy"), *(
        (name, "STORE" if name == "BERLIN" else "WAREHOUSE", "FIXED" if name == "BERLIN" else "")
        for name in WAREHOUSES
    ))  # fmt: skip
    table("groups", ("warehouse_group", "location"), *((group, name) for name, group in WAREHOUSES.items()))
    table("channels", ("channel", "kind", "channel_group"), *(
        (name, "POS" if name == "pos" else "WEBSHOP", f"in-{group}") for name, group in CHANNELS.items()
    ))  # fmt: skip
    table(
        "links", ("warehouse_group", "channel_group"), *((group, f"in-{group}") for group in ("europe", "us", "berlin"))
    )
    table("stock", ("sku", "location", "quantity"), *(
        (sku, warehouse, part) for sku, quantity in catalogue.items() for warehouse, part in shares(sku, quantity)
    ))  # fmt: skip


async def test_every_level_of_a_real_catalogue_is_the_sum_of_its_shelves(
    suite: Suite, catalogue: dict[str, int], tmp_path: Path
) -> None:
    """860 products over five warehouses, loaded by the command: 4,300 levels, each a sum computed here."""
    write(tmp_path, catalogue)
    weir = Weir(suite.addresses, "marello")
    said = await weir("load", str(tmp_path), "--json")
    assert said.status == 0, said
    positive = sum(part > 0 for sku, quantity in catalogue.items() for _, part in shares(sku, quantity))
    assert said.document["received"] == positive
    found = (await weir("levels", *catalogue, "--fresh", "--json")).document["levels"]
    expected = {
        sku: {
            channel: sum(part for warehouse, part in shares(sku, quantity) if WAREHOUSES[warehouse] == group)
            for channel, group in CHANNELS.items()
        }
        for sku, quantity in catalogue.items()
    }
    assert len(expected) == 860
    assert {each["sku"]: each["levels"] for each in found} == expected
    assert sum(levels["webshop-de"] + levels["webshop-us"] + levels["pos"] for levels in expected.values()) == sum(
        catalogue.values()
    )
    listed = (await weir("levels", "--json")).document["levels"]
    assert {each["sku"]: each["levels"] for each in listed} == {
        sku: levels for sku, levels in expected.items() if catalogue[sku]
    }
    assert (await weir("verify")).status == 0
