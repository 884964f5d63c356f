"""Verbs of pooled custody over the running suite: what they print for programs and for people, and who may."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_cli_verbs import terminal
from tests.kit.command import Weir
from tests.kit.suite import Suite
from tests.unit.test_cli_folder import written
from weir_cli.loading import load
from weir_cli.options import Options
from weir_cli.session import Session

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
    async with Session(Options(dict(suite.addresses), tenant=root.tenant)) as session:
        said = await load(session, folder, dry_run=False)
    assert said.exit_status == 0, said.document
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
    assert seen(await done(weir, "custody", "nord")) == [
        ("OWN", "nord", 10),
        ("MEMBER", "ada", 5),
        ("MEMBER", "rosa", 3),
    ]
    assert seen(await done(weir, "custody", "nord", "--custodian", "ada")) == [("MEMBER", "ada", 5)]
    assert await refused(rosa, "pool", "switch", "north", "off") == "AUTHORITY_INSUFFICIENT"
    await done(weir, "pool", "switch", "north", "off")
    assert seen(await done(rosa, "custody", "--shared")) == []
    assert (await rosa("custody", "--shared")).out.splitlines()[-1].endswith("nothing in custody")
    assert seen(await done(rosa, "custody")) == [("OWN", "rosa", 3)]
    assert await refused(rosa, "custody", "ada") in ("AUTHORITY_INSUFFICIENT", "USER_NOT_FOUND")


async def test_goods_pass_from_one_to_another(weir: Weir) -> None:
    """Asked for by the hub, taken by the rep; on their way they are nobody's to use, and a missing one stays."""
    rosa = acting(weir, "rosa")
    nord = acting(weir, "nord")
    line = ("SCREW@DEPOT=4", "--lot", "L1", "--to-location", "VAN")
    checked = await done(nord, "transfer", "request", "nord", "rosa", *line, "--check")
    assert checked["transfer"]["state"] in ("PENDING", "REQUESTED")
    made = await done(nord, "transfer", "request", "nord", "rosa", *line, "--note", "for Monday")
    name = made["transfer"]["transfer"]
    assert (made["transfer"]["state"], made["transfer"]["note"]) == ("PENDING", "for Monday")
    assert seen(await done(rosa, "custody")) == [("OWN", "rosa", 3), ("HUB", "nord", 6)]
    own = (await done(nord, "custody", "--mine"))["stock"][0]
    assert (own["available"], own["in_transfer"]) == (6, 4)
    assert await refused(nord, "transfer", "accept", name) == "AUTHORITY_INSUFFICIENT"
    removed = await done(nord, "transfer", "remove", name, "1=1")
    assert removed["transfer"]["lines"][0]["removed"] == 1
    taken = (await done(rosa, "transfer", "accept", name, "--request-id", "taken"))["transfer"]
    assert (taken["state"], taken["settled_by"]["user"]) == ("ACCEPTED", "rosa")
    assert (await done(rosa, "transfer", "accept", name, "--request-id", "taken"))["transfer"] == taken
    assert seen(await done(rosa, "custody")) == [("OWN", "rosa", 6), ("HUB", "nord", 7)]
    assert await refused(nord, "transfer", "cancel", name) == "TRANSFER_STATE"
    shown = (await rosa("transfer", "show", name)).out.splitlines()
    assert shown[0].split()[1:] == ["ACCEPTED", "nord", "→", "rosa", "3", "units"]
    assert await refused(acting(weir, "ada"), "transfer", "show", name) == "TRANSFER_NOT_FOUND"
    back = await done(nord, "transfer", "quick", "rosa", "nord", "SCREW@VAN=3", "--lot", "L1", "--to-location", "DEPOT")
    assert (back["transfer"]["quick"], back["transfer"]["requested_by"]["acting_for"]) == (True, "rosa")
    assert seen(await done(rosa, "custody")) == [("OWN", "rosa", 3), ("HUB", "nord", 10)]
    listed = await done(nord, "transfer", "list", "--to", "rosa")
    assert [each["transfer"] for each in listed["transfers"]] == [name]


async def test_what_is_declined_waits_for_an_administrator(weir: Weir) -> None:
    """Declined with a reason it is on hold with the sender; put back to sale it is as it was; given up as well."""
    rosa, nord = acting(weir, "rosa"), acting(weir, "nord")
    request = ("transfer", "request", "nord", "rosa", "SCREW@DEPOT=2", "--lot", "L1")
    name = (await done(nord, *request))["transfer"]["transfer"]
    declined = (await done(rosa, "transfer", "decline", name, "no room"))["transfer"]
    assert (declined["state"], declined["reason"]) == ("DECLINED", "no room")
    held = (await done(nord, "custody", "--mine", "--condition", "hold"))["stock"]
    assert [(each["on_hand"], each["available"]) for each in held] == [(2, 0)]
    assert await refused(nord, "transfer", "return", name) == "AUTHORITY_INSUFFICIENT"
    assert (await done(weir, "transfer", "return", name))["transfer"]["state"] == "RETURNED"
    other = (await done(nord, *request))["transfer"]["transfer"]
    assert (await done(nord, "transfer", "cancel", other))["transfer"]["state"] == "CANCELLED"
    assert seen(await done(nord, "custody", "--mine", "--condition", "sellable")) == [("OWN", "nord", 10)]


async def test_transfers_are_watched(weir: Weir) -> None:
    """First those there are, then every change, of those alone that were asked for."""
    watch = await acting(weir, "rosa").begin("transfer", "list", "--to", "rosa", "--watch", "--count", "2", "--json")
    assert watch.stdout is not None
    first = await asyncio.wait_for(watch.stdout.readline(), 60)
    assert b'"transfers": []' in first
    nord = acting(weir, "nord")
    line = ("SCREW@DEPOT=1", "--lot", "L1")
    assert await refused(nord, "transfer", "quick", "nord", "rosa", *line) == "AUTHORITY_INSUFFICIENT"
    await done(weir, "transfer", "quick", "nord", "ada", *line)
    name = (await done(weir, "transfer", "quick", "nord", "rosa", *line))["transfer"]["transfer"]
    out, err = await asyncio.wait_for(watch.communicate(), 60)
    assert watch.returncode == 0, err
    assert name in out.decode()


async def test_hub_stock_is_put_on_the_shelf_of_a_facility(weir: Weir) -> None:
    """It stays in the hub's custody, where every member may use it."""
    nord = acting(weir, "nord")
    placed = await done(nord, "stocking", "place", "nord", "WARD", "SCREW@DEPOT=4", "--lot", "L1")
    name = placed["stocking_order"]["stocking_order"]
    assert [each["stocking_order"] for each in (await done(nord, "stocking", "list"))["stocking_orders"]] == [name]
    assert (await done(nord, "stocking", "show", name))["stocking_order"]["facility"] == "WARD"
    shelf = await done(acting(weir, "ada"), "custody", "--location", "WARD")
    assert seen(shelf) == [("HUB", "nord", 4)]
    assert await refused(nord, "stocking", "place", "nord", "VAN", "SCREW@DEPOT=1", "--lot", "L1") == "LOCATION_KIND"


async def test_a_case_says_what_was_used_and_takes_it_back(weir: Weir) -> None:
    """Used from one's own custody and the hub's; taken back it lies where it lay; closed, nothing more is marked."""
    rosa = acting(weir, "rosa")
    name = (await done(rosa, "case", "open", "case", "--facility", "WARD", "--reference", "OP 7"))["case"]["case"]
    used = (await done(rosa, "case", "use", name, "SCREW@VAN=2", "--lot", "L1"))["usages"]
    more = (await done(rosa, "case", "use", name, "SCREW@DEPOT=3", "--lot", "L1", "--hub"))["usages"]
    assert [each["custody"] for each in (*used, *more)] == ["OWN", "HUB"]
    assert seen(await done(rosa, "custody")) == [("OWN", "rosa", 1), ("HUB", "nord", 7)]
    await done(rosa, "case", "unuse", name, f"{more[0]['usage']}=1", used[0]["usage"])
    assert seen(await done(rosa, "custody")) == [("OWN", "rosa", 3), ("HUB", "nord", 8)]
    sums = (await done(rosa, "case", "report", "--from", "2020-01-01"))["sums"]
    assert [(each["custodian"], each["user"], each["kind"], each["quantity"]) for each in sums] == [
        ("nord", "rosa", "CASE", 2)
    ]
    await done(rosa, "case", "change", name, "--kind", "loan", "--name", "Hip, left")
    assert (await done(rosa, "case", "close", name))["case"]["state"] == "CLOSED"
    assert await refused(rosa, "case", "use", name, "SCREW@VAN=1", "--lot", "L1") == "CASE_CLOSED"
    assert (await done(rosa, "case", "list", "--state", "closed"))["cases"][0]["kind"] == "LOAN"
    assert (await done(acting(weir, "nord"), "case", "reopen", name))["case"]["state"] == "OPEN"
    assert (await done(acting(weir, "ada"), "case", "list"))["cases"] == []
    shown = (await rosa("case", "show", name)).out.splitlines()
    assert shown[0].split() == [
        name,
        "OPEN",
        "LOAN",
        "of",
        "rosa",
        "at",
        "WARD",
        "reference",
        "OP",
        "7",
        "Hip,",
        "left",
    ]


async def test_whoever_is_mentioned_is_told(weir: Weir) -> None:
    """A comment names a person, who finds it among the notifications until it is read."""
    rosa, nord = acting(weir, "rosa"), acting(weir, "nord")
    name = (await done(rosa, "case", "open", "sample"))["case"]["case"]
    said = await done(rosa, "case", "comment", name, "@nord all gone")
    assert said["comment"]["mentions"] == ["nord"]
    told = (await done(nord, "notifications", "--unread"))["notifications"]
    assert [(each["case"], each["author"], each["text"]) for each in told] == [(name, "rosa", "@nord all gone")]
    read = await done(nord, "notifications", "read", told[0]["notification"])
    assert read["notifications"][0]["read_time"] is not None
    assert (await done(nord, "notifications", "--unread"))["notifications"] == []
    assert len((await done(weir, "notifications", "--user", "nord"))["notifications"]) == 1
    assert "@nord all gone" in (await rosa("case", "show", name)).out


async def test_an_alert_opens_below_the_par_level_and_closes_above(weir: Weir) -> None:
    """Once each, and a watcher sees both."""
    rosa = acting(weir, "rosa")
    watch = await rosa.begin("alerts", "--watch", "--count", "3", "--json")
    assert watch.stdout is not None
    assert b'"alerts": []' in await asyncio.wait_for(watch.stdout.readline(), 60)
    assert (await done(rosa, "par", "set", "rosa", "SCREW", "4"))["par_level"]["par"] == 4
    assert b'"state": "OPEN"' in await asyncio.wait_for(watch.stdout.readline(), 60)
    assert [each["available"] for each in (await done(rosa, "alerts"))["alerts"]] == [3]
    await done(rosa, "par", "set", "rosa", "SCREW", "3")
    out, err = await asyncio.wait_for(watch.communicate(), 60)
    assert (watch.returncode, b'"state": "CLOSED"' in out) == (0, True), err
    assert [each["par"] for each in (await done(rosa, "par", "list"))["par_levels"]] == [3]
    assert (await rosa("par", "remove", "rosa", "SCREW")).status == 0
    assert (await done(rosa, "alerts", "--state", "all"))["alerts"][0]["state"] == "CLOSED"


async def test_a_person_sells_from_his_own_custody_first(weir: Weir) -> None:
    """The channel of a rep may sell what the views say, and a plan takes his own before the hub's."""
    levels = [
        (await done(weir, "explain", "SCREW", "rosa-sells", "--fresh", "--view", view))["level"]
        for view in ("mine", "shared", "both")
    ]
    assert levels == [3, 10, 13]
    planned = await done(weir, "order", "plan", "SCREW=5", "-c", "rosa-sells", "--fresh")
    assert planned["plan"]["objective"]["filled"] == 5
    assert (await weir("order", "plan", "SCREW=5", "-c", "rosa-sells", "--view", "mine")).status == 0


async def test_what_was_loaded_is_exported_as_it_was(weir: Weir, tmp_path: Path) -> None:
    """Persons and pools are tables of a folder; loaded again they change nothing."""
    folder = tmp_path / "again"
    exported = await done(weir, "export", str(folder))
    assert (exported["files"]["users.csv"], exported["files"]["pools.csv"]) == (3, 1)
    assert (folder / "pools.csv").read_text().splitlines()[1] == 'north,nord,"ada,rosa",,YES'
    assert (await done(weir, "load", str(folder)))["network"] == {}


async def test_who_may_not_act_for_others_is_refused(weir: Weir) -> None:
    """A person who is nobody here may do nothing, whatever else the line says."""
    assert await refused(acting(weir, "tom"), "custody") == "AUTHORITY_INSUFFICIENT"
    assert await refused(weir, "custody", "rosa", "--as", "ada") in ("AUTHORITY_INSUFFICIENT", "USER_NOT_FOUND")


async def test_cases_and_mentions_are_watched(weir: Weir) -> None:
    """What is opened, used and said comes as it happens, and whoever is mentioned sees that."""
    rosa = acting(weir, "rosa")
    cases = await rosa.begin("case", "list", "--kind", "loan", "--watch", "--count", "4", "--json")
    mentions = await acting(weir, "nord").begin("notifications", "--watch", "--count", "2", "--json")
    assert cases.stdout is not None
    assert mentions.stdout is not None
    assert b'"cases": []' in await asyncio.wait_for(cases.stdout.readline(), 60)
    assert b'"notifications": []' in await asyncio.wait_for(mentions.stdout.readline(), 60)
    await done(rosa, "case", "open", "sample")  # of another kind: not told
    name = (await done(rosa, "case", "open", "loan"))["case"]["case"]
    await done(rosa, "case", "use", name, "SCREW@VAN=1", "--lot", "L1")
    await done(rosa, "case", "comment", name, "@nord lent")
    out, err = await asyncio.wait_for(cases.communicate(), 60)
    assert cases.returncode == 0, err
    changes = [each for line in out.splitlines() for each in json.loads(line)["changes"]]
    told = [kind for each in changes for kind in ("case", "usage", "comment") if each[kind]]
    assert (told[0], "usage" in told, told[-1]) == ("case", True, "comment")
    assert changes[-1]["comment"]["text"] == "@nord lent"
    out, err = await asyncio.wait_for(mentions.communicate(), 60)
    assert mentions.returncode == 0, err
    assert json.loads(out)["notifications"][0]["case"] == name
