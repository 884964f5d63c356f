"""Shares, dividing anew and the options of policies that divide at an instant, over the running suite."""

from __future__ import annotations

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.kit.command import Weir
from tests.kit.suite import Suite
from tests.kit.waiting import until
from tests.unit.test_cli_folder import written

_numbers = itertools.count(1)

FOLDER = {
    "links": "warehouse_group,channel_group\neurope,shops\neurope,market\nberlin,pos\n",
    "channels": "channel,kind,channel_group\nshop-de,WEBSHOP,shops\nshop-fr,WEBSHOP,shops\n"
    "market,MARKETPLACE,\npos,POS,\n",
    "stock": "sku,location,quantity\nMUG,DE1,60\nMUG,FR,40\nTEA,DE1,9\n",
    "policies": "policy,strategy,mode,threshold_percent,rebalance_interval\nscarce,WEIGHTED,BALANCED,20,2h\n",
    "policy_parts": "policy,channel_group,rank,weight,protected_percent\nscarce,shops,1,3,50\nscarce,market,2,1,\n",
    "policy_products": "policy,sku\nscarce,MUG\n",
}
"""Europe has 100 mugs, of which the policy gives the market a quarter."""


@pytest.fixture
async def weir(suite: Suite, tmp_path: Path) -> Weir:
    """Somebody at a terminal, for a tenant of their own, whose mugs are divided."""
    made = Weir(suite.addresses, f"divider {next(_numbers)}")
    (tmp_path / "loaded").mkdir()
    await done(made, "load", str(written(tmp_path / "loaded", **FOLDER)))
    await becomes(made, {"shops": 75, "market": 25})
    return made


async def done(weir: Weir, *words: str) -> Any:
    """The document of a line that does what it says."""
    said = await weir(*words, "--json")
    assert said.status == 0, said
    return said.document


async def left(weir: Weir, *words: str) -> dict[str, int]:
    """What each group has left of the mugs."""
    found = (await done(weir, "shares", "MUG", "--fresh", *words))["shares"]
    return {each["channel_group"]: each["remaining"] for each in found if each["warehouse_group"] == "europe"}


async def becomes(weir: Weir, wanted: dict[str, int]) -> None:
    """Wait until each group has so much left, and orders count against that."""

    async def is_so() -> bool:
        epochs = (await done(weir, "shares", "--history"))["epochs"]
        return await left(weir) == wanted and all(each["in_force"] for each in epochs)

    await until(is_so)
    await caught_up(weir)


async def caught_up(weir: Weir) -> None:
    """Wait until all that was written is known to whoever plans orders and divides."""
    await done(weir, "levels", "MUG", "--fresh")


async def test_shares_are_shown_and_spent(weir: Weir) -> None:
    """An order lowers the share of its group alone; spent to a fifth, the supply is divided anew and says why; no order
    gets more than its group has left."""
    found = (await done(weir, "shares", "MUG"))["shares"]
    assert {(each["balanced"], each["claimed"], each["reason"], each["policy"]) for each in found} == {
        (75, 0, "FIRST", "scarce"), (25, 0, "FIRST", "scarce"),
    }  # fmt: skip
    await done(weir, "order", "place", "MUG=10", "--channel", "market")
    assert await left(weir) == {"shops": 75, "market": 15}
    assert await left(weir, "--group", "market") == {"market": 15}
    refused = await weir("order", "place", "MUG=16", "--channel", "market")
    assert refused.status == 1
    shown = (await weir("shares", "MUG")).out
    assert "MUG from europe  100 divided by scarce, first" in shown
    assert "15 of 25 left" in shown
    await done(weir, "order", "place", "MUG=10", "--channel", "market")
    await becomes(weir, {"shops": 60, "market": 20})
    epochs = (await done(weir, "shares", "MUG", "--history"))["epochs"]
    assert [(each["reason"], each["supply"], each["moved"]) for each in epochs] == [
        ("THRESHOLD", 80, 15), ("FIRST", 100, epochs[1]["moved"]),
    ]  # fmt: skip
    history = (await weir("shares", "--history")).out
    assert "shops 75→60, market 5→20" in history


async def test_supplies_are_divided_on_request(weir: Weir) -> None:
    """A check says what would move and moves nothing; then it is done, and what would move nothing stays."""
    await done(weir, "order", "place", "MUG=15", "--channel", "shop-de")
    await caught_up(weir)
    assert await left(weir) == {"shops": 60, "market": 25}
    checked = await done(weir, "rebalance", "MUG", "--check")
    assert (checked["divided"], [each["epoch"] for each in checked["epochs"]]) == (1, [0])
    assert await left(weir) == {"shops": 60, "market": 25}
    said = await weir("rebalance", "MUG")
    assert said.status == 0, said
    assert "1 divided anew; 4 units changed hands." in said.out
    assert await left(weir) == {"shops": 64, "market": 21}
    again = await done(weir, "rebalance")
    assert (again["supplies"] > 0, again["divided"], again["moved"], again["done"]) == (True, 0, 0, True)


async def test_divisions_are_watched(weir: Weir) -> None:
    """The watch begins with what is kept, and prints each division as it happens."""
    process = await weir.begin("shares", "MUG", "--watch", "--history", "--count", "2", "--json")
    assert process.stdout is not None
    first = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
    assert (first["reason"], first["warehouse_group"]) == ("FIRST", "europe")
    await done(weir, "receive", "MUG", "DE1", "20")
    second = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
    assert (second["reason"], second["supply"], [each["balanced"] for each in second["shares"]]) == (
        "SUPPLY", 120, [90, 30],
    )  # fmt: skip
    assert await asyncio.wait_for(process.wait(), 60) == 0


async def test_policies_come_and_go_with_how_shares_move(weir: Weir, suite: Suite, tmp_path: Path) -> None:
    """What a folder says of thresholds, spans and protection is shown, exported and loaded again as it was; a policy
    that is switched off leaves no shares."""
    shown = (await weir("policy", "show", "scarce")).out
    assert "balanced, anew at 20 % left and every 2h" in shown
    assert "50 %" in shown
    await done(weir, "export", str(tmp_path / "first"))
    assert "scarce,WEIGHTED,1,,BALANCED,,,,,20,1,2h,,\n" in (tmp_path / "first" / "policies.csv").read_text()
    elsewhere = Weir(suite.addresses, f"{weir.tenant} elsewhere")
    await done(elsewhere, "load", str(tmp_path / "first"))
    await done(elsewhere, "export", str(tmp_path / "second"))
    for name in ("policies.csv", "policy_parts.csv", "policy_products.csv"):
        assert (tmp_path / "first" / name).read_text() == (tmp_path / "second" / name).read_text()
    assert (await done(weir, "preview", str(tmp_path / "first"), "--fresh"))["changes"] == []
    await done(weir, "policy", "disable", "scarce")
    await becomes(weir, {})
    nothing = await weir("shares")
    assert "Nothing is divided at an instant" in nothing.out


async def test_claims_say_what_they_stand_for(weir: Weir) -> None:
    """The key of a share has the ceiling of its epoch, and says whose share of what it is."""
    [epoch] = (await done(weir, "shares", "MUG", "--history"))["epochs"]
    key = next(each["claim"] for each in epoch["shares"] if each["channel_group"] == "market")
    await done(weir, "order", "place", "MUG=3", "--channel", "market")
    [claim] = (await done(weir, "claims", key))["claims"]
    assert (claim["open"], claim["ceiling"], claim["epoch"]) == (3, 25, epoch["epoch"])
    assert "MUG of europe for market" in (await weir("claims", key)).out
