"""Every verb of orders and of what they wait for, over the running suite."""

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

STOCK = "sku,location,quantity\nMUG,DE1,4\nMUG,FR,5\nCUP,FR,10\nKETTLE,FR,3\n"
BUNDLES = "bundle,component,quantity\nSET,KETTLE,1\nSET,MUG,4\n"
LINKS = "source,destination\nCUP,MUG\n"


@pytest.fixture
async def weir(suite: Suite, tmp_path: Path) -> Weir:
    """Somebody at a terminal, for a tenant of their own whose goods have come in."""
    weir = Weir(suite.addresses, f"seller {next(_numbers)}")
    folder = written(tmp_path, stock=STOCK, bundles=BUNDLES, product_links=LINKS)
    await done(weir, "load", str(folder))
    await done(weir, "levels", "--fresh")
    return weir


async def done(weir: Weir, *words: str) -> Any:
    """The document of a line that does what it says."""
    said = await weir(*words, "--json")
    assert said.status == 0, said
    return said.document


async def placed(weir: Weir, *words: str) -> Any:
    """What is promised to an order of the German shop."""
    return (await done(weir, "order", "place", *words, "-c", "shop-de", "--fresh"))["reservation"]


def units(lines: Any) -> list[tuple[str, str, int]]:
    """What is sent from where: of a plan, or what is open of a reservation."""
    return [
        (each["stock_item"]["location"], each["stock_item"]["product"]["sku"], each.get("open", each["quantity"]))
        for each in lines
    ]


async def test_an_order_is_planned_as_it_is_wished(weir: Weir) -> None:
    """The best plan, or the best that the wish leaves; as a document and as a picture; and nothing is promised."""
    line = ("order", "plan", "MUG=7", "-c", "shop-de")
    plan = (await done(weir, *line))["plan"]
    assert sorted(units(plan["allocations"])) == [("FR", "CUP", 2), ("FR", "MUG", 5)]
    assert (plan["objective"]["locations"], plan["objective"]["shared"], plan["exact"]) == (1, 2, True)
    own = await weir(*line, "--own-only")
    assert own.out.splitlines()[:5] == [
        "shop-de  7 of 7 units, from 2 locations",
        "├── DE1",
        "│   └── 1: 4 MUG",
        "└── FR",
        "    └── 2: 3 MUG",
    ]
    for words, expected in (
        (("--exclude", "FR", "--partial"), [("DE1", "MUG", 4)]),
        (("--own-only", "--partial", "--max-locations", "1"), [("FR", "MUG", 5)]),
        (("--own-only", "--one-location-per-line"), []),
    ):
        assert units((await done(weir, *line, *words))["plan"]["allocations"]) == expected, words
    few = ("order", "plan", "MUG=3", "-c", "shop-de")
    assert units((await done(weir, *few, "--prefer", "FR"))["plan"]["allocations"]) == [("FR", "MUG", 3)]
    near = ("--distance", "DE1=9", "--distance", "FR=10")
    assert units((await done(weir, *few, *near))["plan"]["allocations"]) == [("DE1", "MUG", 3)]
    missing = await weir(*line, "--own-only", "--max-locations", "1")
    assert missing.out.splitlines()[0] == (
        "shop-de  0 of 7 units; the order is wanted whole. With --partial 5 could be sent"
    )
    assert "locations exhausted" in missing.out
    assert {each["reserved"] for each in (await done(weir, "stock"))["balances"]} == {0}


async def test_an_order_is_placed_shipped_in_part_and_cancelled(weir: Weir) -> None:
    """Promised under one name however often it is asked; shipping confirms what is held; the rest is given up."""
    line = ("MUG=2", "SET", "--order", "A-1", "--request-id", "a-1")
    checked = await placed(weir, "MUG=2", "SET", "--check")
    assert units(checked["lines"])
    assert (await weir("order", "show", "A-1")).status == 1
    made = await placed(weir, *line)
    assert (await placed(weir, *line)) == made
    assert (made["state"], made["order"], made["channel"]) == ("HELD", "A-1", "shop-de")
    assert sorted(units(made["lines"])) == [("FR", "CUP", 1), ("FR", "KETTLE", 1), ("FR", "MUG", 1), ("FR", "MUG", 4)]
    name = made["reservation"]
    picture = (await weir("order", "show", "A-1")).out
    assert "1 SET  put together from" in picture
    assert "CUP  lent, as MUG" in picture
    assert (await weir("order", "show", name)).out == picture
    kettle = next(each["line"] for each in made["lines"] if each["stock_item"]["product"]["sku"] == "KETTLE")
    sent = (await done(weir, "order", "ship", name, f"{kettle}=1", "--reference", "parcel 1"))["reservation"]
    assert (sent["state"], sum(each["fulfilled"] for each in sent["lines"])) == ("CONFIRMED", 1)
    assert "1 KETTLE  shipped" in (await weir("order", "show", name)).out
    rest = (await done(weir, "order", "cancel", name))["reservation"]
    assert (rest["state"], sum(each["released"] for each in rest["lines"])) == ("FULFILLED", 6)
    again = await weir("order", "cancel", name)
    assert (again.status, "RESERVATION_STATE" in again.err) == (1, True)
    nobody = "01a00000-0000-7000-8000-000000000000"
    for name, reason in ((nobody, "RESERVATION_NOT_FOUND"), ("A-9", "REQUEST_MALFORMED")):
        refused = await weir("order", "cancel", name)
        assert (refused.status, reason in refused.err) == (1, True)
        assert "No order, reservation or waiting demand" in (await weir("order", "show", name)).out


async def test_an_order_that_cannot_be_filled_is_refused_with_its_reasons(weir: Weir) -> None:
    """Each line that is missing with why; as much as possible takes what there is, at once without end where asked."""
    refused = await weir("order", "place", "MUG=30", "-c", "shop-de", "--own-only")
    assert (refused.status, refused.out) == (1, "")
    for part in ("ORDER_UNFILLED", "MUG"):
        assert part in refused.err
    made = await placed(weir, "MUG=30", "--own-only", "--partial", "--confirm")
    assert (made["state"], sorted(units(made["lines"]))) == ("CONFIRMED", [("DE1", "MUG", 4), ("FR", "MUG", 5)])
    shown = await weir("order", "show", made["reservation"])
    assert "└── ✗ 21 MUG" in shown.out


async def test_an_order_is_planned_again_where_units_are_not_there(weir: Weir) -> None:
    """After a count that leaves it short what is missing moves; a location that will not send sends nothing; a wish can
    be changed in what is named."""
    name = (await placed(weir, "MUG=3", "--prefer", "DE1", "--own-only", "--confirm"))["reservation"]
    await done(weir, "count", "MUG", "DE1", "1")
    checked = await weir("order", "replan", name, "--fresh", "--check")
    assert "2 units given up where they were, 2 promised elsewhere." in checked.out
    moved = await done(weir, "order", "replan", name, "--fresh")
    assert (moved["released"], moved["promised"]) == (2, 2)
    assert units(moved["reservation"]["lines"])[0] == ("DE1", "MUG", 1)
    assert ("FR", "MUG", 2) in units(moved["reservation"]["lines"])
    still = await weir("order", "replan", name, "--fresh")
    assert "Nothing was to be moved." in still.out
    rejected = await done(weir, "order", "replan", name, "--reject", "DE1", "--fresh")
    assert [each for each in units(rejected["reservation"]["lines"]) if each[2]] == [("FR", "MUG", 2), ("FR", "MUG", 1)]
    fewer = await done(weir, "order", "replan", name, "MUG=1", "--fresh")
    assert sum(each["open"] for each in fewer["reservation"]["lines"]) == 1
    assert (await done(weir, "order", "show", name))["reservations"][0]["plan"]["wish"]["own_stock_only"] is True
    by_hand = (await done(weir, "reserve", "MUG@FR=1"))["reservation"]["reservation"]
    refused = await weir("order", "replan", by_hand)
    assert (refused.status, "PLAN_NOT_RECORDED" in refused.err) == (1, True)


async def test_what_is_missing_waits_as_far_as_it_may(weir: Weir) -> None:
    """Nothing waits unless it is allowed; what waits is listed, watched, cancelled in part, and promised when units
    come."""
    line = ("MUG=12", "-c", "shop-de", "--own-only", "--partial", "--back-order", "--order", "A-2", "--fresh")
    assert (await done(weir, "back-orders"))["back_orders"] == []
    made = (await done(weir, "back-orders", "MUG=8"))["back_orders"]
    assert (made["limit"], made["waiting"]) == (8, 0)
    watch = await weir.begin("waiting", "--watch", "--order", "A-2", "--count", "4", "--json")
    assert watch.stdout is not None
    begun = await asyncio.wait_for(watch.stdout.readline(), 60)
    assert json.loads(begun)["waiting"] == []
    placed = await done(weir, "order", "place", *line)
    assert sorted(units(placed["reservation"]["lines"])) == [("DE1", "MUG", 4), ("FR", "MUG", 5)]
    demand = placed["waiting"]["waiting"]
    assert [(each["open"], each["product"]["sku"]) for each in placed["waiting"]["lines"]] == [(3, "MUG")]
    assert (await done(weir, "back-orders", "MUG"))["back_orders"]["waiting"] == 3
    listed = (await done(weir, "waiting", "--sku", "MUG", "--channel", "shop-de"))["waiting"]
    assert [each["waiting"] for each in listed] == [demand]
    assert (await done(weir, "waiting", "--order", "A-3"))["waiting"] == []
    shown = await weir("order", "show", "A-2")
    assert f"{demand}  WAITING  order A-2" in shown.out
    cut = (await done(weir, "waiting", "cancel", demand, "1=1"))["waiting"]
    assert (cut["lines"][0]["open"], cut["lines"][0]["cancelled"]) == (2, 1)
    await done(weir, "receive", "MUG", "FR", "9")

    async def promised() -> bool:
        return not (await done(weir, "waiting"))["waiting"]

    await until(promised, 60)
    out, err = await asyncio.wait_for(watch.communicate(), 60)
    assert watch.returncode == 0, err
    told = [json.loads(line)["waiting"][0] for line in out.splitlines()]
    assert [(each["waiting"], each["state"], each["lines"][0]["open"]) for each in told] == [
        (demand, "WAITING", 3), (demand, "WAITING", 2), (demand, "PROMISED", 0),
    ]  # fmt: skip
    ended = await done(weir, "order", "show", "A-2")
    assert [each["state"] for each in ended["reservations"]] == ["HELD", "CONFIRMED"]
    assert ended["waiting"][0]["reservations"] == [ended["reservations"][1]["reservation"]]
    refused = await weir("order", "cancel", demand)
    assert (refused.status, "WAITING_STATE" in refused.err) == (1, True)


async def test_how_much_may_wait_is_a_table_of_the_folder(weir: Weir, tmp_path: Path) -> None:
    """Loaded, shown, written down again; and a line that cannot be meant is told with its number."""
    (tmp_path / "back_orders.csv").write_text("sku,limit\nMUG,20\nCUP,x\n")
    wrong = await weir("load", str(tmp_path))
    assert (wrong.status, "back_orders.csv:3  limit: 'x' is not a whole number" in wrong.out) == (2, True)
    (tmp_path / "back_orders.csv").write_text("sku,limit\nMUG,20\nCUP,7\n")
    assert (await done(weir, "load", str(tmp_path)))["network"] == {"back-orders": {"set": 2}}
    assert (await done(weir, "load", str(tmp_path)))["network"] == {}
    listed = (await done(weir, "back-orders"))["back_orders"]
    assert [(each["product"]["sku"], each["limit"]) for each in listed] == [("CUP", 7), ("MUG", 20)]
    await done(weir, "back-orders", "CUP=0")
    await done(weir, "export", str(tmp_path / "out"))
    assert (tmp_path / "out" / "back_orders.csv").read_text() == "sku,limit,owner\nMUG,20,\n"
