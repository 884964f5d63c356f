"""Verbs of stores and warehouses over the running suite: what they print for programs and for people."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_cli_verbs import terminal
from tests.kit.command import Weir
from tests.kit.reference_shop import Shop
from tests.kit.reference_store import ReferenceStore
from tests.kit.suite import Suite
from tests.kit.waiting import until
from tests.unit.test_cli_folder import written

ADD = ("connect", "add", "east", "store", "grpc", "--channel", "shop-east", "--set", "tls=off", "--set")


@pytest.fixture
def weir(suite: Suite) -> Weir:
    """Somebody at a terminal, for a tenant without any connection."""
    return terminal(suite)


@pytest.fixture
async def store() -> AsyncIterator[ReferenceStore]:
    """An adapter that takes who bears its token alone."""
    async with ReferenceStore(Shop.of(["MUG", "MUG-XL"]), token="let-me-in").serving() as serving:
        yield serving


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


async def test_a_store_is_added_tried_and_switched(weir: Weir, store: ReferenceStore, tmp_path: Path) -> None:
    """It works once its secret is set, which nothing ever prints; its flows are switched one by one, or all."""
    made = (await done(weir, *ADD, f"target={store.target}"))["connection"]
    assert (made["role"], made["kind"], made["channel"]) == ("STORE", "GRPC", "shop-east")
    tried = await weir("connect", "test", "east", "--json")
    assert (tried.status, tried.document["works"]) == (1, False)
    (tmp_path / "token").write_text("let-me-in\n")
    told = await weir("connect", "secret", "east", "token", "--file", str(tmp_path / "token"))
    assert (told.status, "let-me-in" in told.out + told.err) == (0, False)
    works = await done(weir, "connect", "test", "east")
    assert (works["works"], works["abilities"]["batch_max"]) == (True, 100)
    assert [made["push_levels"], made["take_orders"]] == [False, False]
    on = (await done(weir, "connect", "on", "east", "--flow", "levels"))["connection"]
    assert [on["push_levels"], on["take_orders"]] == [True, False]
    on = (await done(weir, "connect", "on", "east"))["connection"]
    assert [on["push_levels"], on["take_orders"]] == [True, True]
    other = await weir("connect", "off", "east", "--flow", "stock")
    assert (other.status, "no stock flow" in other.err.replace("\n", " ")) == (2, True), other
    shown = await weir("connect", "show", "east")
    for part in ("levels, orders", "token", "secret, set", "compares and sets, reads back"):
        assert part in shown.out, shown.out
    assert "let-me-in" not in shown.out
    assert (await done(weir, "connect", "secret", "east", "token", "--remove"))["connection"]["secret_names"] == []


async def test_what_is_not_named_stays(weir: Weir) -> None:
    """A change sets and takes away what it names; saying again what is so changes nothing; removed, it is gone."""
    line = ("connect", "add", "erp", "warehouse", "grpc", "--set", "target=adapter.example:443")
    made = (await done(weir, *line, "--facility", "A=W1", "--facility", "B=W2", "--figures", "on-hand"))["connection"]
    assert [(each["facility"], each["location"]) for each in made["facilities"]] == [("A", "W1"), ("B", "W2")]
    assert made["feed"]["on_hand"] is True
    change = ("connect", "change", "erp", "--facility", "A=", "--name", "The ERP", "--late-after", "2h")
    checked = await done(weir, *change, "--check")
    assert checked["connection"]["display_name"] == "The ERP"
    assert (await done(weir, "connect", "show", "erp"))["connection"]["display_name"] == ""
    changed = await done(weir, *change, "--late-buffer", "10")
    assert [each["facility"] for each in changed["connection"]["facilities"]] == ["B"]
    assert (changed["connection"]["feed"]["on_hand"], changed["connection"]["late_buffer_percent"]) == (True, 10)
    again = await done(weir, *change)
    assert (again["connection"], again["revision"]) == (changed["connection"], changed["revision"])
    listed = await weir("connect", "list", "--role", "warehouse")
    assert listed.out.splitlines()[2].split()[:3] == ["erp", "WAREHOUSE", "GRPC"]
    assert await refused(weir, *line) == "CONNECTION_EXISTS"
    assert (await weir("connect", "remove", "erp")).status == 0
    assert await refused(weir, "connect", "show", "erp") == "CONNECTION_NOT_FOUND"


async def test_the_master_switch_is_shown_where_it_is_off(weir: Weir) -> None:
    """Without a connection `on` and `off` are for everything."""
    assert (await done(weir, "connect", "list"))["on"] is True
    assert (await done(weir, "connect", "off"))["on"] is False
    assert "The master switch is off" in (await weir("connect", "list")).out
    assert (await done(weir, "connect", "on"))["on"] is True


async def test_a_secret_comes_from_a_file_or_the_standard_input(weir: Weir, store: ReferenceStore) -> None:
    """Never from the line; an empty one is a fault of the line."""
    await done(weir, *ADD, f"target={store.target}")
    process = await weir.begin("connect", "secret", "east", "token", "--json", stdin=asyncio.subprocess.PIPE)
    out, err = await asyncio.wait_for(process.communicate(b"let-me-in\n"), 60)
    assert process.returncode == 0, err
    assert json.loads(out)["connection"]["secret_names"] == ["token"]
    assert (await done(weir, "connect", "test", "east"))["works"]
    assert (await weir("connect", "secret", "east", "token", "let-me-in")).status == 2
    assert (await weir("connect", "secret", "east", "token", "--file", "/nowhere")).status == 2


async def test_a_key_is_a_line_of_the_file_of_keys(weir: Weir) -> None:
    """Each time another one, named after the day unless a name is given."""
    made = [(await weir("connect", "key", "spare")).out.split() for _ in range(2)]
    assert [name for name, _ in made] == ["spare", "spare"]
    assert made[0][1] != made[1][1]
    assert (await weir("connect", "key", "a:b")).status == 2


async def test_schedules_are_set_and_removed(weir: Weir, store: ReferenceStore) -> None:
    """Every so often or by the clock; one of the same name is replaced."""
    await done(weir, *ADD, f"target={store.target}")
    often = (await done(weir, "schedule", "set", "east", "often", "--every", "15m"))["schedule"]
    assert (often["sync_interval"], often["full"], often["next_time"] is not None) == (900.0, False, True)
    nightly = ("schedule", "set", "east", "nightly", "--cron", "0 3 * * *", "--zone", "Europe/Berlin", "--full")
    assert (await done(weir, *nightly))["schedule"]["time_zone"] == "Europe/Berlin"
    await done(weir, *nightly, "--disabled")
    listed = (await done(weir, "schedule", "list", "east"))["schedules"]
    assert [(each["schedule"], each["disabled"]) for each in listed] == [("nightly", True), ("often", False)]
    table = (await weir("schedule", "list")).out
    assert "0 3 * * * Europe/Berlin" in table
    assert "every 15m" in table
    assert (await weir("schedule", "set", "east", "both", "--every", "1h", "--cron", "0 3 * * *")).status == 2
    assert (await weir("schedule", "remove", "east", "often")).status == 0
    assert await refused(weir, "schedule", "remove", "east", "often") == "SCHEDULE_NOT_FOUND"


async def test_listings_are_imported_with_every_fault_by_its_line(
    weir: Weir, store: ReferenceStore, tmp_path: Path
) -> None:
    """All of a file or nothing, faults told by the lines of the file; exported, it says the same again."""
    await done(weir, *ADD, f"target={store.target}")
    file = tmp_path / "listings.csv"
    file.write_text("store_sku,sku,owner,disabled\n4711,MUG,,\n,JUG,,maybe\n")
    wrong = await weir("listings", "import", "east", str(file), "--json")
    assert (wrong.status, [(each["line"], each["description"]) for each in wrong.document["faults"]]) == (
        2,
        [(3, "store_sku: Required."), (3, "disabled: 'maybe' is none of YES, NO.")],
    )
    file.write_text("store_sku,sku\n4711,MUG\n\n4712,JUG\n4711,JUG\n")
    twice = await weir("listings", "import", "east", str(file), "--json")
    assert (twice.status, [each["line"] for each in twice.document["faults"]]) == (1, [5]), twice
    file.write_text("store_sku,sku\n4711,MUG\n4712,JUG\n")
    checked = await done(weir, "listings", "import", "east", str(file), "--check")
    assert (checked["added"], (await done(weir, "listings", "list"))["listings"]) == (2, [])
    assert (await done(weir, "listings", "import", "east", str(file)))["added"] == 2
    assert (await done(weir, "listings", "set", "east", "4713", "JUG", "--disabled"))["listing"]["disabled"] is True
    jugs = (await done(weir, "listings", "list", "east", "--sku", "JUG"))["listings"]
    assert [each["store_sku"] for each in jugs] == ["4712", "4713"]
    out = tmp_path / "out.csv"
    assert (await done(weir, "listings", "export", "east", str(out)))["listings"] == 3
    assert out.read_text() == "store_sku,sku,owner,disabled\n4711,MUG,,\n4712,JUG,,\n4713,JUG,,YES\n"
    assert (await weir("listings", "export", "east", str(out))).status == 2
    replaced = await done(weir, "listings", "import", "east", str(file), "--replace")
    assert (replaced["added"], replaced["changed"], replaced["removed"]) == (0, 0, 1)
    assert (await weir("listings", "remove", "east", "4712")).status == 0
    assert await refused(weir, "listings", "remove", "east", "4712") == "LISTING_NOT_FOUND"


async def test_a_rule_is_made_and_changed_on_the_line(weir: Weir, tmp_path: Path) -> None:
    """What is not named stays as it is; a rule may be for some products, be rounded, and serve one store first."""
    folder = written(tmp_path, channels="channel,kind\nshop-de,WEBSHOP\npos,POS\n", links=None, stock=None)
    await done(weir, "load", str(folder))
    line = ("rule", "add", "half", "--store", "shop-de", "--store", "pos", "--rate", "50", "--threshold", "3")
    made = (await done(weir, *line, "--sku", "MUG", "--first", "pos=9", "--rounding", "nearest"))["rule"]
    assert (made["stores"], made["rate_percent"], made["threshold"]) == (["pos", "shop-de"], 50, 3)
    assert (made["priority_store"], made["priority_quantity"], made["rounding"]) == ("pos", 9, "NEAREST")
    changed = (await done(weir, "rule", "change", "half", "--constant", "-1", "--first", "", "--sku", ""))["rule"]
    assert (changed["products"], changed["constant"], changed["priority_store"]) == ([], -1, "")
    assert (changed["rate_percent"], changed["rounding"]) == (50, "NEAREST")
    again = await done(weir, "rule", "change", "half", "--constant", "-1")
    assert again["rule"] == changed
    assert await refused(weir, *line) == "RULE_EXISTS"
    assert (await weir("rule", "change", "half", "--first", "pos")).status == 2
    assert (await weir("rule", "change", "half", "--owner", "acme")).status == 2


@pytest.fixture
async def selling(weir: Weir, store: ReferenceStore, tmp_path: Path) -> Weir:
    """The terminal of a merchant whose store is told the levels of a channel; 5 mugs lie in the warehouse."""
    channels = "channel,kind\nshop-east,WEBSHOP\npos,POS\n"
    links = "warehouse_group,channel_group\neurope,shop-east\neurope,pos\n"
    stock = "sku,location,quantity\nMUG,DE1,5\n"
    await done(weir, "load", str(written(tmp_path, channels=channels, links=links, stock=stock)))
    await done(weir, *ADD, f"target={store.target}")
    (tmp_path / "token").write_text("let-me-in")
    await done(weir, "connect", "secret", "east", "token", "--file", str(tmp_path / "token"))
    await done(weir, "listings", "set", "east", "MUG-XL", "MUG")
    await done(weir, "connect", "on", "east")
    await until(lambda: store.shop.shown["MUG-XL"] == 5, 60)
    return weir


async def test_what_was_told_is_shown_with_its_records(selling: Weir, store: ReferenceStore, tmp_path: Path) -> None:
    """Each level leaves a record, filtered and written to a file as asked; the view has what is told and what is."""
    assert (await selling("reserve", "MUG@DE1=2")).status == 0
    await until(lambda: store.shop.shown["MUG-XL"] == 3, 60)
    told = ("sync", "records", "--connection", "east", "--sku", "MUG-XL", "--status", "succeeded")
    records = (await done(selling, *told))["records"]
    while not records or records[0]["after"] != 3:  # a store shows a level before what became of it is written down
        records = (await done(selling, *told))["records"]
    told_in_turn = [each["after"] for each in records]
    assert sorted(told_in_turn) == told_in_turn
    assert set(told_in_turn) == {3, 5}, "a level may be told twice as its store is covered"
    assert (records[0]["before"], records[-1]["before"]) == (5, None)
    assert (await done(selling, *told, "--trigger", "schedule"))["records"] == []
    assert (await done(selling, *told, "--until", "2020-01-01"))["records"] == []
    sheet = tmp_path / "records.csv"
    assert (await done(selling, *told, "--csv", str(sheet)))["rows"] == len(records)
    head, *lines = [line.split(",")[1:3] for line in sheet.read_text().splitlines()]
    assert head == ["connection", "store_sku"]
    assert lines == [["east", "MUG-XL"]] * len(records)
    (row,) = (await done(selling, "channel-view", "--connection", "east", "--sku", "MUG"))["rows"]
    assert (row["store_sku"], row["level"], row["told"], row["status"]) == ("MUG-XL", 3, 3, "SUCCEEDED")
    assert store.shop.shown["MUG"] == 0, "a product that has a listing does not pass through"
    assert (await done(selling, "sync", "records", "--status", "pending"))["records"] == []
    assert (await done(selling, "channel-view", "--differing"))["rows"] == []
    table = (await selling("channel-view")).out.splitlines()
    assert table[2].split()[:5] == ["east", "MUG-XL", "MUG", "3", "3"]
    assert (await done(selling, "warehouse-view"))["rows"] == []


async def test_everything_is_told_again_when_asked(selling: Weir, store: ReferenceStore) -> None:
    """A full run ends with its counts; the same request id tells of the same run, and somebody's hand is found out."""
    store.shop.shown["MUG-XL"] = 7
    line = ("sync", "run", "east", "--full", "--request-id", "everything")
    (run,) = (await done(selling, *line))["runs"]
    assert (run["connection"], run["full"], run["done"], run["failed"]) == ("east", True, True, 0)
    assert store.shop.shown["MUG-XL"] == 5
    assert [each["run"] for each in (await done(selling, *line))["runs"]] == [run["run"]]
    assert [each["run"] for each in (await done(selling, "sync", "runs"))["runs"]] == [run["run"]]
    assert "everything" in (await selling("sync", "runs", run["run"])).out
    assert await refused(selling, "sync", "run", "nowhere") == "CONNECTION_NOT_FOUND"
    assert await refused(selling, "sync", "runs", "nothing") == "RUN_NOT_FOUND"
    await done(selling, "connect", "off")
    assert await refused(selling, "sync", "run", "east") == "SYNC_OFF"


async def test_what_fails_is_an_alert_and_is_told_again(selling: Weir, store: ReferenceStore) -> None:
    """A SKU that the store does not know fails; once it knows it, what failed is sent as it is now."""
    await done(selling, "listings", "set", "east", "JUG-XL", "MUG")
    failed = ("sync", "records", "--status", "failed")
    records: list[Any] = []
    while not records:
        records = (await done(selling, *failed))["records"]
    assert (records[0]["store_sku"], bool(records[0]["error"])) == ("JUG-XL", True)
    alerts = (await done(selling, "sync", "alerts"))["alerts"]
    assert [(each["kind"], each["subject"]) for each in alerts] == [("LEVEL_FAILED", "JUG-XL")]
    assert "JUG-XL" in (await selling("sync", "alerts", "--watch", "--count", "1")).out
    store.shop.shown["JUG-XL"] = 0
    assert (await done(selling, "sync", "retry", "--check"))["retried"] == 1
    assert (await done(selling, "sync", "retry"))["retried"] == 1
    await until(lambda: store.shop.shown["JUG-XL"] == 5, 60)
    assert await refused(selling, "sync", "retry", "nothing") == "RECORD_NOT_FOUND"
    assert await refused(selling, "sync", "close", "nothing") == "SYNC_ALERT_NOT_FOUND"


async def test_records_are_watched(selling: Weir, store: ReferenceStore) -> None:
    """Each as it begins and as it ends, one document a line."""
    process = await selling.begin("sync", "watch", "--connection", "east", "--count", "2", "--json")
    try:
        told = asyncio.create_task(process.communicate())
        while not told.done():  # a watch begins when it begins: until then nobody is told
            assert (await selling("adjust", "MUG", "DE1", "1")).status == 0
            await asyncio.wait([told], timeout=1)
        out, err = await told
        assert process.returncode == 0, err
        records = [each for line in out.splitlines() for each in json.loads(line)["records"]]
        assert {each["store_sku"] for each in records} == {"MUG-XL"}
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_what_a_store_sold_is_reported(selling: Weir, store: ReferenceStore) -> None:
    """Its units are promised; beyond what there is they are a shortfall; reported again it is the same."""
    store.shop.shown["MUG-XL"] -= 2
    line = ("store-order", "report", "east", "S-100", "MUG-XL=2", "--placed", "2026-11-22T10:00:00Z")
    made = (await done(selling, *line))["order"]
    assert (made["state"], [(each["product"]["sku"], each["quantity"]) for each in made["lines"]]) == (
        "PROMISED",
        [("MUG", 2)],
    )
    again = (await done(selling, *line))["order"]
    assert again["reservation"] == made["reservation"]
    short = (await done(selling, "store-order", "report", "east", "S-101", "MUG-XL=9"))["order"]
    assert (short["state"], short["lines"][0]["short"]) == ("SHORT", 6)
    listed = (await done(selling, "store-order", "list", "east", "--state", "short"))["orders"]
    assert [each["order"]["store_order"] for each in listed] == ["S-101"]
    shown = (await selling("store-order", "show", "east", "S-100")).out.splitlines()
    assert shown[2].split()[:3] == ["east", "S-100", "PROMISED"]
    assert await refused(selling, "store-order", "show", "east", "S-102") == "STORE_ORDER_NOT_FOUND"
    assert (await selling("store-order", "report", "east", "S-102", "MUG-XL=none")).status == 2
