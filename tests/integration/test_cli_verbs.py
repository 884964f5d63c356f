"""Every verb of `weir` over the running suite: what it prints for programs, for people, and where it is refused."""

from __future__ import annotations

import asyncio
import itertools
import signal
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.kit.command import Weir
from tests.kit.postgres import PostgresForTests
from tests.kit.suite import CONTEXTS, SCHEMAS, Suite
from tests.kit.suite import suite as kit_suite
from tests.unit.test_cli_folder import written

_numbers = itertools.count(1)


def terminal(suite: Suite) -> Weir:
    """Somebody at a terminal, for a tenant of their own."""
    return Weir(
        suite.addresses,
        f"terminal {next(_numbers)}",
    )


@pytest.fixture
def weir(suite: Suite) -> Weir:
    """Somebody at a terminal of the shared suite."""
    return terminal(suite)


async def loaded(weir: Weir, folder: Path, **changed: str | None) -> Any:
    """The good folder of the unit tests, loaded; the document that says what was done."""
    said = await weir("load", str(written(folder, **changed)), "--json")
    assert said.status == 0, said
    return said.document


def revision(document: Any) -> int:
    """The number of the one revision a document stands on."""
    number: int = document["revision"]["number"]
    return number


async def test_stock_moves_and_is_shown(weir: Weir, tmp_path: Path) -> None:
    """Each movement answers with the counts it left; the books keep every one of them and agree with themselves."""
    await loaded(weir, tmp_path, stock=None)
    told = [
        await weir("receive", "MUG", "DE1", "10", "--reference", "note 7", "--json"),
        await weir("ship", "MUG", "DE1", "2", "--json"),
        await weir("return", "MUG", "DE1", "1", "--json"),
        await weir("consume", "MUG", "DE1", "1", "--json"),
        await weir("restore", "MUG", "DE1", "1", "--json"),
        await weir("adjust", "MUG", "DE1", "-4", "--json"),
        await weir("count", "MUG", "DE1", "6", "--json"),
        await weir("move", "MUG", "DE1", "FR", "4", "--to-condition", "hold", "--json"),
    ]
    assert [each.status for each in told] == [0] * 8, told
    assert [each.document["balances"][0]["on_hand"] for each in told] == [10, 8, 9, 8, 9, 5, 6, 2]
    assert [revision(each.document) for each in told] == sorted({revision(each.document) for each in told})
    stock = (await weir("stock", "MUG", "--json")).document
    counts = [
        (each["stock_item"]["location"], each["stock_item"]["condition"], each["on_hand"], each["available"])
        for each in stock["balances"]
    ]
    assert counts == [("DE1", "SELLABLE", 2, 2), ("FR", "HOLD", 4, 0)]
    assert stock["more"] is False
    entries = (await weir("entries", "MUG", "--kind", "receive", "--json")).document["entries"]
    assert [(each["account"], each["on_hand_delta"], each["reference"]) for each in entries] == [
        ("STOCK", 10, "note 7"),
        ("SUPPLIER", -10, "note 7"),
    ]
    verified = await weir("verify", "--json")
    assert (verified.status, verified.document["well"], verified.document["differences"]) == (0, True, [])
    table = await weir("stock", "MUG")
    head = str(revision(stock))
    assert [line.split() for line in table.out.splitlines()][2:4] == [
        ["MUG", "DE1", "2", "0", "2", head],
        ["MUG", "FR", "HOLD", "4", "0", "0", head],
    ]


async def test_an_attempt_has_a_name(weir: Weir, tmp_path: Path) -> None:
    """Repeating a line with its --request-id changes nothing; --check changes nothing at all."""
    await loaded(weir, tmp_path, stock=None)
    line = ("receive", "MUG", "DE1", "5", "--request-id", "note-7", "--json")
    first, again = (await weir(*line)).document, (await weir(*line)).document
    assert first == again
    assert first["request_id"] == "note-7"
    other = await weir("receive", "MUG", "DE1", "6", "--request-id", "note-7", "--json")
    assert (other.status, other.document["refusal"]["reason"]) == (1, "REQUEST_ID_REUSED")
    checked = (await weir("ship", "MUG", "DE1", "5", "--check", "--json")).document
    assert checked["balances"][0]["on_hand"] == 0
    assert (await weir("stock", "--json")).document["balances"][0]["on_hand"] == 5


async def test_an_order_is_promised_and_fulfilled(weir: Weir, tmp_path: Path) -> None:
    """Reserve, confirm, fulfil in part, release the rest: each answer shows how far the reservation has come."""
    await loaded(weir, tmp_path)
    made = (
        await weir("reserve", "MUG@DE1=4", "--order", "A-1", "--channel", "shop-de", "--hold", "1h", "--json")
    ).document
    name = made["reservation"]["reservation"]
    assert (made["reservation"]["state"], made["reservation"]["lines"][0]["open"]) == ("HELD", 4)
    told = [
        await weir("extend", name, "--hold", "2h", "--json"),
        await weir("confirm", name, "--json"),
        await weir("fulfil", name, "1=3", "--reference", "parcel 1", "--json"),
        await weir("release", name, "--json"),
    ]
    states = [
        (each.document["reservation"]["state"], each.document["reservation"]["lines"][0]["open"]) for each in told
    ]
    assert states == [("HELD", 4), ("CONFIRMED", 4), ("CONFIRMED", 1), ("FULFILLED", 0)]
    listed = (await weir("reservations", "--order", "A-1", "--state", "fulfilled", "--json")).document
    assert [each["reservation"] for each in listed["reservations"]] == [name]
    shown = await weir("reservations", name)
    assert shown.out.splitlines()[0].split() == [name, "FULFILLED", "order", "A-1", "channel", "shop-de"]
    partial = (await weir("reserve", "MUG@DE1=9", "--partial", "--json")).document["reservation"]["lines"][0]
    assert (partial["requested"], partial["quantity"]) == (9, 2)


async def test_levels_are_shown_explained_and_watched(weir: Weir, tmp_path: Path) -> None:
    """What was written counts with --fresh; a watch gives what stands, then each change."""
    await loaded(weir, tmp_path)
    levels = (await weir("levels", "--fresh", "--json")).document
    expected = {"owner": "", "sku": "MUG", "levels": {"pos": 0, "shop-de": 5, "shop-fr": 5}}
    assert levels["levels"] == [expected]
    assert levels["channels"] == ["pos", "shop-de", "shop-fr"]
    assert [each["context"] for each in levels["revisions"]] == list(CONTEXTS)
    named = (await weir("levels", "JUG", "MUG", "-c", "shop-de", "--json")).document
    assert [each["levels"] for each in named["levels"]] == [{"shop-de": 0}, {"shop-de": 5}]
    explained = (await weir("explain", "MUG", "shop-de", "--json")).document
    assert (explained["level"], explained["steps"][-1]["stage"]) == (5, "CAP")
    tree = await weir("explain", "MUG", "shop-de")
    assert "MUG in shop-de: 5" in tree.out
    watch = await weir.begin("watch", "levels", "MUG", "--count", "2", "--json")
    assert watch.stdout is not None
    begun = await asyncio.wait_for(watch.stdout.readline(), 60)
    assert b'"complete": true' in begun
    assert (await weir("reserve", "MUG@DE1=2")).status == 0
    out, err = await asyncio.wait_for(watch.communicate(), 60)
    assert watch.returncode == 0, err
    assert b'{"pos": 0, "shop-de": 3, "shop-fr": 3}' in out


async def test_watch_alone_follows_levels(weir: Weir, tmp_path: Path) -> None:
    """Without a word behind it, it is levels that are followed; whoever reads it may leave at any time."""
    await loaded(weir, tmp_path)
    process = await weir.begin("watch")
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 60)
    assert line.decode().startswith("Watching 1 product in 3 channels")
    process.send_signal(signal.SIGINT)
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, err) == (0, b"")


async def test_entries_are_watched(weir: Weir, tmp_path: Path) -> None:
    """With --history a watch begins with the oldest commit; one JSON document each."""
    await loaded(weir, tmp_path)
    await weir("count", "MUG", "FR", "3")
    said = await weir("watch", "entries", "--history", "--count", "2", "--json")
    assert [each["entries"][0]["kind"] for each in said.documents] == ["RECEIVE", "COUNT"]
    shown = await weir("watch", "entries", "MUG", "--history", "--count", "1")
    assert "RECEIVE  MUG@DE1   on hand +5 → 5" in shown.out


async def test_a_refusal_is_a_sentence_with_its_reason_and_numbers(weir: Weir, tmp_path: Path) -> None:
    """What a service refuses is said in its words on the error stream, or whole as JSON; the exit status is 1."""
    await loaded(weir, tmp_path)
    refused = await weir("reserve", "MUG@DE1=50")
    assert refused.status == 1
    assert refused.out == ""
    assert refused.err.startswith("Refused: ")
    for part in ("INSUFFICIENT_STOCK", "sku=MUG", "location=DE1", "requested=50", "available=5"):
        assert part in refused.err
    told = (await weir("reserve", "MUG@DE1=50", "--json")).document["refusal"]
    assert told["code"] == "FAILED_PRECONDITION"
    assert told["metadata"]["available"] == "5"
    assert len(told["violations"]) == 1
    malformed = (await weir("receive", " ", "DE1", "1", "--json")).document["refusal"]
    assert (malformed["reason"], len(malformed["violations"])) == ("REQUEST_MALFORMED", 1)
    unknown = await weir("explain", "MUG", "nowhere", "--json")
    assert (unknown.status, unknown.document["refusal"]["reason"]) == (1, "CHANNEL_NOT_FOUND")


async def test_no_answer_is_told_apart_from_a_refusal() -> None:
    """Where nobody listens the status is 3, and a change names the request id to try again with."""
    nobody = Weir({"ledger": "127.0.0.1:1", "sharing": "127.0.0.1:1", "aggregator": "127.0.0.1:1"})
    said = await nobody("receive", "MUG", "DE1", "5", "--request-id", "note-7")
    assert said.status == 3
    assert "nobody listens" in said.err
    assert "--request-id note-7" in said.err
    told = await nobody("levels", "--json")
    assert (told.status, told.document["refusal"]["code"]) == (3, "UNAVAILABLE")
    status = await nobody("status", "--json")
    assert (status.status, {each["health"] for each in status.document["services"]}) == (3, {"AWAY"})


@pytest.mark.parametrize(
    "words",
    [
        ("receive", "MUG", "DE1", "many"), ("receive", "MUG", "DE1", "0"), ("reserve", "MUG"), ("nothing",),
        ("extend", "x", "--hold", "soon"), ("stock", "--condition", "LOST"), ("levels", "--token-file", "/nowhere"),
    ],
)  # fmt: skip
async def test_a_line_that_cannot_be_read_is_status_2(words: tuple[str, ...]) -> None:
    """A fault of the line itself is told before anybody is called."""
    said = await Weir({"aggregator": "127.0.0.1:1"})(*words)
    assert said.status == 2, said
    assert said.err


async def test_lists_are_cut_where_asked(weir: Weir, tmp_path: Path) -> None:
    """A limit is kept, and that there is more is said."""
    lines = "".join(f"SKU-{number:02d},DE1,{number + 1}\n" for number in range(12))
    await loaded(weir, tmp_path, stock=f"sku,location,quantity\n{lines}")
    cut = (await weir("stock", "--limit", "5", "--json")).document
    assert (len(cut["balances"]), cut["more"]) == (5, True)
    table = await weir("levels", "--limit", "5", "--fresh")
    assert table.out.splitlines()[-1].endswith("5 of 12 products; --limit shows more")


async def test_status_says_what_each_service_speaks_and_has_come_to(weir: Weir, tmp_path: Path) -> None:
    """Health, contracts and revisions of all five."""
    await loaded(weir, tmp_path)
    await weir("levels", "--fresh")
    told = {each["service"]: each for each in (await weir("status", "--json")).document["services"]}
    assert {name: each["contracts"] for name, each in told.items()} == {
        name: [f"weir.{name}.v1"] for name in (*CONTEXTS, "aggregator")
    }
    assert told["aggregator"]["revisions"] == [told[context]["revisions"][0] for context in CONTEXTS]


async def test_books_that_differ_are_status_1(postgres: PostgresForTests, tmp_path: Path) -> None:
    """The control of verify: after a hand in the database the difference is shown and the exit status is 1."""
    with postgres.fresh(*SCHEMAS) as database:
        async with kit_suite(database) as running:
            weir = terminal(running)
            await loaded(weir, tmp_path)
            owner = await asyncpg.connect(database.owner_url)
            try:
                done = await owner.execute("UPDATE weir_ledger.balances SET on_hand = on_hand + 1")
            finally:
                await owner.close()
            assert done == "UPDATE 1"
            said = await weir("verify", "--json")
            assert (said.status, said.document["well"]) == (1, False)
            assert "ON_HAND" in {each["law"] for each in said.document["differences"]}
            assert "The books differ" in (await weir("verify")).out
