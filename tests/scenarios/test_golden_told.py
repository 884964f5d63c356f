"""The golden cases of what stores are told, to the shelf of the store itself."""

from __future__ import annotations

import pytest

from tests.kit.asking import play
from tests.kit.merchant import Merchant
from tests.kit.told import settled, shows, told_stores
from weir.sync.v1 import sync_pb2

STORES = ("amazon-de", "web-de", "web-fr")
EUROPE = """
    europe pools FR
    webshops are web-de, web-fr
    europe feeds webshops, amazon-de
"""


async def test_case_four_in_the_stores(merchant: Merchant) -> None:
    """What the rules make of 1000 and of 9 is what each store shows; each change is on record with its rule."""
    await play(
        merchant,
        f"""{EUROPE}
        FR has 1000 BIKE; FR has 9 TRIKE
        rule p for TRIKE tells {", ".join(STORES)}: threshold 5, web-de alone below 10
        rule r tells {", ".join(STORES)}: 50 %
        """,
    )
    async with told_stores(merchant, STORES, ["BIKE", "TRIKE"]) as stores:
        for name, store in stores.items():
            await shows(store, BIKE=500, TRIKE=9 if name == "web-de" else 0)
        await merchant.receive("TRIKE", FR=1)
        for store in stores.values():
            await shows(store, BIKE=500, TRIKE=10)
        found = await settled(merchant)
        assert {each.status for each in found} == {sync_pb2.RECORD_STATUS_SUCCEEDED}
        told = {
            (each.store_sku, each.before if each.HasField("before") else None, each.after, each.rule) for each in found
        }
        assert told == {
            ("BIKE", None, 500, "r"), ("TRIKE", None, 0, "p"), ("TRIKE", None, 9, "p"), ("TRIKE", 0, 10, "p"),
            ("TRIKE", 9, 10, "p"),
        }  # fmt: skip


@pytest.mark.parametrize(("terms", "share", "level"), [("60 %, rounded down", 23, 13), ("20 %, rounded up", 29, 6)])
async def test_case_five_in_a_store(merchant: Merchant, terms: str, share: int, level: int) -> None:
    """A part of a unit is rounded as the rule says, on the shelf of the store too."""
    await play(merchant, f"{EUROPE}\nFR has {share} BIKE\nrule r tells web-fr: {terms}")
    async with told_stores(merchant, ["web-fr"], ["BIKE"]) as stores:
        await shows(stores["web-fr"], BIKE=level)


async def test_case_six_in_a_store(merchant: Merchant) -> None:
    """10 bikes and 7 batteries are 3 kits on the shelf of the store, and an order of a battery leaves 3 of 8."""
    await play(merchant, f"{EUROPE}\nKIT is made of 1 BIKE, 2 BATTERY\nFR has 10 BIKE; FR has 7 BATTERY")
    async with told_stores(merchant, ["web-de"], ["KIT", "BIKE", "BATTERY"]) as stores:
        await shows(stores["web-de"], KIT=3, BIKE=10, BATTERY=7)
        await merchant.receive("BATTERY", FR=1)
        await shows(stores["web-de"], KIT=4, BATTERY=8)
        await merchant.reserve("BATTERY", "FR", 1)
        await shows(stores["web-de"], KIT=3, BATTERY=7)
