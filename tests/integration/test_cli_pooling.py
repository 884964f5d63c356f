"""Verbs of pooled custody over the running suite: what they print for programs and for people, and who may."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_cli_verbs import terminal
from tests.kit.command import Weir
from tests.kit.suite import Suite
from tests.unit.test_cli_folder import written

CHANNELS = "channel,kind\nrosa-sells,REP\n"
LOCATIONS = "location,kind\nDEPOT,WAREHOUSE\nVAN,TRUNK\nWARD,FACILITY\n"
USERS = "user,role,channel\nnord,DISTRIBUTOR,\nrosa,REP,rosa-sells\nada,REP,\n"
POOLS = 'pool,hub,members,access_hub_stock\nnorth,nord,"rosa,ada",yes\n'
STOCK = "sku,location,quantity,lot,custodian\nSCREW,DEPOT,10,L1,nord\nSCREW,VAN,3,L1,rosa\nSCREW,VAN,5,L1,ada\n"


@pytest.fixture
async def weir(suite: Suite, tmp_path: Path) -> Weir:
    """Somebody at a terminal of a distributor with two reps; `acting` says as whom."""
    root = terminal(suite)
    folder = written(
        tmp_path, channels=CHANNELS, locations=LOCATIONS, users=USERS, pools=POOLS, stock=STOCK, groups=None, links=None
    )
    said = await root("load", str(folder), "--json")
    assert said.status == 0, said
    return root


def acting(weir: Weir, user: str) -> Weir:
    """The same terminal, of that person."""
    return replace(weir, environment={"WEIR_USER": user})


async def done(weir: Weir, *words: str) -> Any:
    """The document of a line that is carried out."""
    said = await weir(*words, "--json")
    assert said.status == 0, said
    return said.document


async def refused(weir: Weir, *words: str) -> str:
    """The reason why a line is refused."""
    said = await weir(*words, "--json")
    assert said.status == 1, said
    reason: str = said.document["refusal"]["reason"]
    return reason


def seen(document: Any) -> list[tuple[str, str, int]]:
    """Whose custody, who, and how many units may be used."""
    return [(row["custody"], row["stock_item"]["custodian"], row["available"]) for row in document["stock"]]


async def test_persons_and_pools_are_made_and_changed(weir: Weir) -> None:
    """Each answer shows the whole; saying again what is so changes nothing, and who is in the way is named."""
    made = await done(weir, "user", "create", "tom", "rep", "--name", "Tom")
    assert (made["user"]["role"], made["user"]["display_name"]) == ("REP", "Tom")
    assert (await done(weir, "user", "change", "tom", "--name", "Tim"))["user"]["display_name"] == "Tim"
    listed = await done(weir, "user", "list", "--role", "rep")
    assert [each["user"] for each in listed["users"]] == ["ada", "rosa", "tom"]
    assert (await done(weir, "pool", "add", "north", "tom"))["pool"]["members"] == ["ada", "rosa", "tom"]
    again = await done(weir, "pool", "add", "north", "tom")
    assert again["pool"]["members"] == ["ada", "rosa", "tom"]
    assert await refused(weir, "user", "remove", "tom") == "USER_IN_USE"
    assert await refused(weir, "pool", "create", "south", "nord") == "USER_POOLED"
    assert (await done(weir, "pool", "drop", "north", "tom"))["pool"]["members"] == ["ada", "rosa"]
    assert (await weir("user", "remove", "tom")).status == 0
    assert await refused(weir, "user", "show", "tom") == "USER_NOT_FOUND"
    await done(weir, "pool", "change", "north", "--name", "The north")
    shown = (await weir("pool", "show", "north")).out.splitlines()
    assert [line.split() for line in shown[2:4]] == [
        ["north", "nord", "2", "shared", "The", "north"],
        ["members:", "ada,", "rosa"],
    ]
    assert (await done(weir, "pool", "list"))["pools"][0]["access_hub_stock"] is True
    assert (await weir("pool", "remove", "north")).status == 0
    assert (await done(weir, "pool", "list"))["pools"] == []


async def test_custody_is_shown_by_whose_it_is(weir: Weir) -> None:
    """3 of one's own, 10 of the hub while it shares, 13 together; the words say it and not the colours alone."""
    rosa = acting(weir, "rosa")
    assert seen(await done(rosa, "custody", "--mine")) == [("OWN", "rosa", 3)]
    assert seen(await done(rosa, "custody", "rosa", "--shared")) == [("HUB", "nord", 10)]
    assert seen(await done(rosa, "custody")) == [("OWN", "rosa", 3), ("HUB", "nord", 10)]
    table = (await rosa("custody", "--both")).out.splitlines()
    assert [line.split() for line in table[2:4]] == [
        ["OWN", "rosa", "SCREW", "VAN", "lot", "L1", "3", "3"],
        ["HUB", "nord", "SCREW", "DEPOT", "lot", "L1", "10", "10"],
    ]
    assert table[-1].endswith("available: 3 OWN, 10 HUB")
    assert seen(await done(weir, "custody", "nord")) == [("OWN", "nord", 10), ("MEMBER", "ada", 5), ("MEMBER", "rosa", 3)]
    assert seen(await done(weir, "custody", "nord", "--custodian", "ada")) == [("MEMBER", "ada", 5)]
    assert await refused(rosa, "pool", "switch", "north", "off") == "AUTHORITY_INSUFFICIENT"
    await done(weir, "pool", "switch", "north", "off")
    assert seen(await done(rosa, "custody", "--shared")) == []
    assert (await rosa("custody", "--shared")).out.splitlines()[-1].endswith("nothing in custody")
    assert seen(await done(rosa, "custody")) == [("OWN", "rosa", 3)]
    assert await refused(rosa, "custody", "ada") in ("AUTHORITY_INSUFFICIENT", "USER_NOT_FOUND")
