"""The verbs of what warehouses report, of shortfalls, claims and the signed head, over the running suite."""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import grpc
import pytest

from tests.integration.test_cli_verbs import loaded
from tests.kit.command import Weir
from tests.kit.merchant import COUNT
from tests.kit.past import spread
from tests.kit.postgres import PostgresForTests
from tests.kit.proxy import wire
from tests.kit.suite import SCHEMAS, Suite
from tests.kit.suite import suite as kit_suite
from tests.kit.waiting import until
from weir.ledger.v1 import ledger_service_pb2

_numbers = itertools.count(1)

HEAD = "sku,location,quantity\n"
LINES = 10_000
"""Enough for several messages, so that a stream can be cut between two of them."""


@pytest.fixture
async def weir(suite: Suite, tmp_path: Path) -> Weir:
    """Somebody at a terminal, for a tenant of their own that has 5 MUG in DE1."""
    made = Weir(
        suite.addresses,
        f"bookkeeper {next(_numbers)}",
    )
    folder = tmp_path / "merchant"
    folder.mkdir()
    await loaded(made, folder)
    return made


def now() -> str:
    """This moment, as the command line takes it."""
    return datetime.now(UTC).isoformat()


def report(folder: Path, *rows: str, head: str = HEAD, name: str = "report.csv") -> str:
    """A report of a warehouse, as a file."""
    path = folder / name
    path.write_text(head + "".join(f"{row}\n" for row in rows))
    return str(path)


async def counts(weir: Weir, sku: str = "MUG", location: str = "DE1") -> tuple[int, int, int]:
    """On hand, reserved and available units."""
    (balance,) = (await weir("stock", sku, "--location", location, "--json")).document["balances"]
    return balance["on_hand"], balance["reserved"], balance["available"]


async def test_a_report_is_imported_once_and_its_bad_lines_are_told(weir: Weir, tmp_path: Path) -> None:
    """Good lines are applied, bad ones told with their lines in the file and the ledger's reasons, and the status is 1;
    the same line again changes nothing and says the same."""
    path = report(tmp_path, "", "MUG,DE1,9", "MUG,MARS,1", "JUG,FR,3")
    line = ("snapshot", path, "--basis", "on-hand", "--as-of", now(), "--reference", "stocktaking", "--json")
    said = await weir(*line)
    assert said.status == 1, said
    found = said.document["snapshot_import"]
    assert [found[each] for each in ("state", "applied", "stale", "refused", "zeroed")] == ["DONE", 2, 0, 1, 0]
    (refused,) = said.document["refused_lines"]
    assert (refused["line"], refused["file_line"], refused["reason"]) == (2, 4, "LOCATION_NOT_FOUND")
    assert said.document["request_id"].startswith("snapshot-")
    assert await counts(weir) == (9, 0, 9)
    again = await weir(*line)
    assert (again.status, again.document["imported_before"], again.document["snapshot_import"]) == (1, True, found)
    entries = (await weir("entries", "MUG", "--kind", "count", "--json")).document["entries"]
    assert [(each["account"], each["on_hand_delta"], each["reference"]) for each in entries] == [
        ("STOCK", 4, "stocktaking"),
        ("ADJUSTMENT", -4, "stocktaking"),
    ]
    told = await weir(*line[:-1])
    assert told.out.splitlines()[0] == "! 3 lines: 2 applied, 0 stale, 1 refused."
    assert "! It was imported before; nothing was changed now." in told.out
    assert any(row.split()[:4] == ["4", "MUG", "MARS", "1"] for row in told.out.splitlines())


async def test_stale_lines_are_kept_and_can_be_asked_for(weir: Weir, tmp_path: Path) -> None:
    """A figure of before the last count changes nothing; `imported` lists it, and only it where it is asked so."""
    early = now()
    assert (await weir("count", "MUG", "DE1", "7")).status == 0
    path = report(tmp_path, "MUG,DE1,2", "MUG,MARS,1")
    said = (await weir("snapshot", path, "--basis", "on-hand", "--as-of", early, "--json")).document
    assert (said["snapshot_import"]["stale"], said["snapshot_import"]["refused"]) == (1, 1)
    assert await counts(weir) == (7, 0, 7)
    whole = (await weir("imported", said["request_id"], "--json")).document
    assert [(each["line"], each["state"]) for each in whole["lines"]] == [(1, "STALE"), (2, "REFUSED")]
    stale = await weir("imported", said["request_id"], "--state", "stale")
    assert stale.status == 0
    assert any(row.split()[:5] == ["1", "MUG", "DE1", "2", "STALE"] for row in stale.out.splitlines())
    assert "MARS" not in stale.out
    unknown = await weir("imported", "nothing", "--json")
    assert (unknown.status, unknown.document["refusal"]["reason"]) == (1, "SNAPSHOT_NOT_FOUND")


async def test_what_a_warehouse_has_left_out_is_added_again(weir: Weir, tmp_path: Path) -> None:
    """An order handed over, and deducted by the warehouse from what it calls available, is still on hand; told
    otherwise by --deduction it is not."""
    made = (await weir("reserve", "MUG@DE1=2", "--order", "A-1", "--hold", "1h", "--json")).document
    handed = await weir("handed-over", made["reservation"]["reservation"], "1", "--json")
    (line,) = handed.document["reservation"]["lines"]
    assert (handed.status, line["open"]) == (0, 2)
    assert (await counts(weir))[:2] == (5, 2)
    path = report(tmp_path, f"MUG,DE1,4,{line['handed_over_time']}", head="sku,location,quantity,as_of\n")
    assert (await weir("snapshot", path, "--basis", "available")).status == 0
    assert await counts(weir) == (6, 2, 4)
    assert (
        await weir("snapshot", path, "--basis", "available", "--deduction", "none", "--as-of", now(), "--check")
    ).status == 0
    shown = (await weir("reservations", made["reservation"]["reservation"])).out
    assert "handed over" in shown.splitlines()[1]


async def test_what_a_full_report_does_not_name_is_set_to_zero_where_that_is_asked(weir: Weir, tmp_path: Path) -> None:
    """--absent zero clears what a location named by --full holds beside the report, in the states asked for; a report
    with a bad line clears nothing."""
    for words in (("JUG", "DE1", "3"), ("CUP", "DE1", "4", "--condition", "hold"), ("JUG", "FR", "1")):
        assert (await weir("receive", *words)).status == 0
    full = ("--basis", "on-hand", "--full", "DE1", "--absent", "zero", "--json")
    bad = report(tmp_path, "MUG,DE1,5", "MUG,MARS,1", name="bad.csv")
    said = (await weir("snapshot", bad, *full, "--as-of", now())).document["snapshot_import"]
    assert (said["zeroed"], said["absent_left"]) == (0, True)
    good = report(tmp_path, "MUG,DE1,5")
    said = (await weir("snapshot", good, *full, "--as-of", now())).document["snapshot_import"]
    assert (said["applied"], said["zeroed"]) == (1, 1)
    assert [await counts(weir, "JUG", place) for place in ("DE1", "FR")] == [(0, 0, 0), (1, 0, 1)]
    assert (await weir("stock", "CUP", "--json")).document["balances"][0]["on_hand"] == 4
    more = await weir("snapshot", good, *full, "--as-of", now(), "--condition", "hold", "--owner", "")
    assert more.document["snapshot_import"]["zeroed"] == 1


async def test_all_or_nothing_applies_nothing_of_a_bad_report(weir: Weir, tmp_path: Path) -> None:
    """The lines that stood in the way are told; the mended report is another attempt, and is applied."""
    options = ("--basis", "on-hand", "--as-of", now(), "--all-or-nothing")
    said = await weir("snapshot", report(tmp_path, "MUG,DE1,9", "MUG,MARS,1"), *options, "--json")
    assert said.status == 1, said
    assert said.document["snapshot_import"]["state"] == "REFUSED"
    assert [each["file_line"] for each in said.document["refused_lines"]] == [3]
    assert await counts(weir) == (5, 0, 5)
    told = await weir("snapshot", report(tmp_path, "MUG,DE1,9", "MUG,MARS,1"), *options)
    assert told.out.startswith("✗ Nothing was applied: 1 of 2 lines refused, and all or nothing was asked for.")
    assert (await weir("snapshot", report(tmp_path, "MUG,DE1,9"), *options)).status == 0
    assert await counts(weir) == (9, 0, 9)


async def test_a_report_is_checked_without_a_trace(weir: Weir, tmp_path: Path) -> None:
    """--check says what would become of every line, in parts where they are many, and changes nothing."""
    rows = [f"SKU-{number},{'MARS' if number in (7, 1500) else 'FR'},{number}" for number in range(1, 2001)]
    before = (await weir("status", "--json")).document["services"][0]["revisions"]
    said = await weir("snapshot", report(tmp_path, *rows), "--basis", "on-hand", "--as-of", now(), "--check", "--json")
    assert (said.status, said.document["checked"], said.document["request_id"]) == (1, True, None)
    assert (said.document["snapshot_import"]["applied"], said.document["snapshot_import"]["refused"]) == (1998, 2)
    assert [(each["line"], each["file_line"]) for each in said.document["refused_lines"]] == [(7, 8), (1500, 1501)]
    assert (await weir("status", "--json")).document["services"][0]["revisions"] == before
    one = await weir("snapshot", report(tmp_path, "MUG,DE1,9"), "--basis", "on-hand", "--as-of", now(), "--check")
    assert one.out.startswith("Only checked: 1 applied, 0 stale, 0 refused. Nothing was changed.")


async def test_a_file_that_cannot_be_read_is_told_whole_and_not_sent(weir: Weir, tmp_path: Path) -> None:
    """Every fault of form stands with its line, and the status is 2; with --send-good the good lines are applied and
    the others are kept by the ledger as refused, under their numbers."""
    path = report(tmp_path, "MUG,DE1,9", "MUG,DE1", "JUG,FR,many", " ,FR,1")
    line = ("snapshot", path, "--basis", "on-hand", "--as-of", now())
    said = await weir(*line, "--json")
    assert said.status == 2
    assert [each["line"] for each in said.document["faults"]] == [3, 3, 4, 5]
    shown = await weir(*line)
    assert "report.csv:4  quantity: 'many' is not a whole number" in shown.out
    assert shown.out.splitlines()[-1] == "Nothing was sent."
    assert await counts(weir) == (5, 0, 5)
    sent = await weir(*line, "--send-good", "--json")
    assert (sent.status, sent.document["snapshot_import"]["applied"]) == (1, 1)
    assert [(each["file_line"], each["reason"]) for each in sent.document["refused_lines"]] == [
        (number, "REQUEST_MALFORMED") for number in (3, 4, 5)
    ]
    assert "'many'" in sent.document["refused_lines"][1]["message"]
    assert await counts(weir) == (9, 0, 9)


@pytest.mark.parametrize(
    ("rows", "words", "told"),
    [
        ([], ("--as-of", "2026-11-22"), "holds no figure"),
        (["MUG,DE1,1"], (), "no --as-of says"),
        (["MUG,DE1,1"], ("--as-of", "2026-11-22", "--deduction", "all"), "--deduction goes with"),
        (["MUG,DE1,1"], ("--as-of", "2026-11-22", "--absent", "zero"), "needs --full"),
        (["MUG,DE1,1"], ("--absent", "zero", "--full", "DE1"), "needs --as-of"),
        (["MUG,DE1,1"], ("--as-of", "2026-11-22", "--owner", "acme"), "say what of --full"),
        (["MUG,DE1,1"], ("--as-of", "2026-11-22", "--send-good", "--all-or-nothing"), "contradict"),
        (["MUG,DE1,1"], ("--as-of", "noon"), "no moment"),
    ],
)
async def test_what_cannot_be_meant_is_told_before_anything_is_sent(
    rows: list[str], words: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    """A line or a file that contradicts itself, or says too little, is a fault of the caller; nobody is called."""
    nobody = Weir({"ledger": "127.0.0.1:1"})
    said = await nobody("snapshot", report(tmp_path, *rows), "--basis", "on-hand", *words)
    assert said.status == 2, said
    assert told in " ".join((said.out + said.err).replace("│", " ").split())


async def test_a_report_may_come_in_by_a_pipe(weir: Weir, tmp_path: Path) -> None:
    """`-` is what comes in; the same content under the same meaning is the same attempt as the file."""
    path, moment = report(tmp_path, "MUG,DE1,8"), now()
    line = ("--basis", "on-hand", "--as-of", moment, "--json")
    process = await weir.begin("snapshot", "-", *line, stdin=asyncio.subprocess.PIPE)
    out, err = await asyncio.wait_for(process.communicate(f"{HEAD}MUG,DE1,8\n".encode()), 60)
    assert process.returncode == 0, err
    assert (await weir("snapshot", path, *line)).document["request_id"] == json.loads(out)["request_id"]
    assert await counts(weir) == (8, 0, 8)


async def test_a_report_whose_connection_is_cut_goes_on(weir: Weir, suite: Suite, tmp_path: Path) -> None:
    """Cut again and again while it is sent, an import ends by itself with every line settled once."""
    rows = [f"SKU-{number:05d},FR,{number}" for number in range(1, LINES + 1)]
    ledger = suite.merchant(weir.tenant).stubs.ledger
    async with wire(suite.ledger) as cable:
        far = Weir({**weir.targets, "ledger": cable.address}, weir.tenant)
        line = ("snapshot", report(tmp_path, *rows), "--basis", "on-hand", "--as-of", now(), "--json")
        process = await far.begin(*line, "--request-id", "nightly")
        cuts = 0
        for goal in (1, 3001, 6001):

            async def past(goal: int = goal) -> bool:
                with suppress(grpc.aio.AioRpcError):  # nothing was settled yet
                    asked = ledger_service_pb2.GetSnapshotImportRequest(request_id="nightly")
                    return (await ledger.GetSnapshotImport(asked)).snapshot_import.next_line > goal
                return process.returncode is not None

            await until(past, 60)
            cuts += process.returncode is None
            cable.cut()
        out, err = await asyncio.wait_for(process.communicate(), 120)
        assert cable.connections > cuts > 0
    assert process.returncode == 0, (out, err)
    assert json.loads(out)["snapshot_import"]["applied"] == LINES
    listed = await weir("entries", "--kind", "count", "--limit", "40000", "--deadline", "60", "--json")
    assert listed.status == 0, listed
    entries = listed.document["entries"]
    stock = [each["stock_item"]["product"]["sku"] for each in entries if each["account"] == "STOCK"]
    assert sorted(stock) == [row.split(",")[0] for row in rows]
    assert (await weir("verify")).status == 0


async def test_shortfalls_name_the_promises_they_hit(weir: Weir) -> None:
    """A count below what is promised opens a shortfall, which hits the newest promise first; it closes with the units,
    and a watch of entries tells of both."""
    assert (await weir("shortfalls")).out.startswith("Every promised unit is there.")
    for order in ("A-1", "A-2"):
        assert (await weir("reserve", "MUG@DE1=2", "--order", order, "--channel", "shop-de")).status == 0
    assert (await weir("count", "MUG", "DE1", "3")).status == 0
    (short,) = (await weir("shortfalls", "MUG", "--location", "DE1", "--json")).document["shortfalls"]
    assert (short["on_hand"], short["reserved"], short["shortfall"]) == (3, 4, 1)
    assert [(each["order"], each["open"], each["missing"]) for each in short["hits"]] == [("A-2", 2, 1)]
    shown = (await weir("shortfalls")).out.splitlines()
    assert shown[0].startswith("MUG@DE1   1 short  on hand 3, reserved 4, since ")
    assert [row.split()[1:6] for row in shown if "A-2" in row] == [["1", "A-2", "shop-de", "2", "1"]]
    assert (await weir("receive", "MUG", "DE1", "5")).status == 0
    assert (await weir("shortfalls", "--json")).document["shortfalls"] == []
    watched = await weir("watch", "entries", "--history", "--count", "5")
    assert [row.strip() for row in watched.out.splitlines() if "shortfall" in row] == [
        "shortfall opened  MUG@DE1   0 → 1",
        "shortfall closed  MUG@DE1   1 → 0",
    ]


async def test_claims_bound_what_a_key_may_take(weir: Weir) -> None:
    """Units are counted under every key of a line; beyond a ceiling the order is refused with key and numbers, and a
    release gives the claim back."""
    line = ("reserve", "--claim", "shop=epoch 1=3", "--claim", "all=100")
    made = (await weir(*line, "MUG@DE1=2", "--json")).document["reservation"]
    assert made["lines"][0]["claims"] == [
        {"claim": "shop=epoch 1", "ceiling": 3, "weight": 1},
        {"claim": "all", "ceiling": 100, "weight": 1},
    ]
    refused = await weir(*line, "MUG@DE1=2")
    assert refused.status == 1
    for part in ("CLAIM_EXHAUSTED", "claim=shop=epoch 1", "ceiling=3", "claimed=2", "requested=2"):
        assert part in refused.err
    found = (await weir("claims", "shop=epoch 1", "nothing", "--json")).document["claims"]
    assert [(each["claim"], each["open"], each["fulfilled"]) for each in found] == [
        ("shop=epoch 1", 2, 0),
        ("nothing", 0, 0),
    ]
    assert "shop=epoch 1 up to 3, all up to 100" in (await weir("reservations", made["reservation"])).out
    assert (await weir("release", made["reservation"], "1=1")).status == 0
    table = (await weir("claims", "all")).out.splitlines()
    assert table[2].split()[:4] == ["all", "1", "1", "0"]
    watched = (await weir("watch", "entries", "--history", "--count", "3")).out
    assert "claim all  1 claimed: 1 open, 0 fulfilled" in watched
    assert (await weir("reserve", "MUG@DE1=1", "--claim", "shop=")).status == 2
    weighed = (await weir("reserve", "MUG@DE1=1", "--claim", "shop=:3", "--json")).document["reservation"]["lines"][0]
    assert weighed["claims"] == [{"claim": "shop", "ceiling": None, "weight": 3}]
    assert (await weir("claims", "shop", "--json")).document["claims"][0]["open"] == 3


async def test_a_count_may_expect_what_it_was_made_from(weir: Weir) -> None:
    """--expect names the revision that the balance must have; another one is refused with what it is now."""
    (balance,) = (await weir("stock", "MUG", "--location", "DE1", "--json")).document["balances"]
    seen = str(balance["changed_revision"])
    first = await weir("adjust", "MUG", "DE1", "-1", "--expect", seen, "--json")
    assert first.status == 0, first
    late = (await weir("count", "MUG", "DE1", "9", "--expect", seen, "--json")).document["refusal"]
    assert (late["code"], late["reason"], late["metadata"]["expected"]) == ("ABORTED", "BALANCE_CHANGED", seen)
    assert late["metadata"]["current"] == str(first.document["balances"][0]["changed_revision"])
    assert (await weir("count", "CUP", "DE1", "9", "--expect", "0")).status == 0
    assert (await weir("ship", "MUG", "DE1", "1", "--expect", "0")).status == 1
    assert "--expect" not in (await weir("ship", "--help")).out


async def test_the_signed_head_is_kept_and_held_against_the_books(weir: Weir, tmp_path: Path) -> None:
    """`head --save` keeps a line for each head; `verify --head` finds the newest of a file in the chain, and refuses
    what is no head of these books."""
    kept = tmp_path / "heads"
    first = (await weir("head", "--save", str(kept), "--json")).document
    assert (await weir("receive", "MUG", "DE1", "1")).status == 0
    second = await weir("head", "--save", str(kept))
    assert (await weir("head")).out.splitlines()[1].startswith("eyJ")
    assert second.out.splitlines()[1].startswith("The signed head was added to")
    assert len(first["head"]["digest"]) == 64
    assert [line.count(".") for line in kept.read_text().splitlines()] == [2, 2]
    assert kept.read_text().splitlines()[0] == first["signed_head"]
    assert (await weir("verify", "--head", str(kept))).status == 0
    kept.write_text("no head\n")
    assert (await weir("verify", "--head", str(kept))).status == 1
    kept.write_text("")
    for name in (str(kept), "/nowhere"):
        assert (await weir("verify", "--head", name)).status == 2


async def test_the_past_can_be_asked_in_two_times(weir: Weir) -> None:
    """After a revision or at a moment the books say what they said then; --occurred says how goods lay, by what was
    learned since too; what was never drawn, or is to come, is refused."""
    first = (await weir("stock", "MUG", "--location", "DE1", "--json")).document["revision"]["number"]
    before = datetime.now(UTC)
    learned = await weir("receive", "MUG", "DE1", "3", "--occurred", (before - timedelta(hours=2)).isoformat())
    assert learned.status == 0, learned

    async def asked(*words: str) -> list[int]:
        said = await weir("stock", "MUG", "--location", "DE1", *words, "--json")
        assert said.status == 0, said
        return [each["on_hand"] for each in said.document["balances"]]

    assert await asked() == [8]
    assert await asked("--as-of", str(first)) == [5]
    assert await asked("--as-of", before.isoformat()) == [5]
    assert await asked("--occurred", (before - timedelta(hours=1)).isoformat()) == [3]
    assert await asked("--occurred", (before - timedelta(hours=3)).isoformat()) == []
    ahead = await weir("stock", "--as-of", str(first + 999), "--json")
    assert (ahead.status, ahead.document["refusal"]["reason"]) == (1, "REVISION_AHEAD")
    future = await weir("stock", "--as-of", "2100-01-01", "--json")
    assert (future.status, future.document["refusal"]["reason"]) == (1, "REQUEST_MALFORMED")
    assert (await weir("stock", "--as-of", "1", "--occurred", now())).status == 2


async def test_old_history_is_put_away_and_dropped(postgres: PostgresForTests, tmp_path: Path) -> None:
    """`compact` tells up to which revision history is gone, and whoever asks for older is told; with --drop the
    months are removed; a month that is not over, and a Postgres without its owner's URL, are refused. The books agree
    still."""
    with postgres.fresh(*SCHEMAS) as database:
        async with kit_suite(database) as running:
            weir = Weir({"ledger": running.ledger, "sharing": running.sharing}, "old", {
                "WEIR_DATABASE_OWNER_URL": database.owner_url, "WEIR_DATABASE_URL": database.url("weir_ledger"),
            })  # fmt: skip
            await loaded(weir, tmp_path)
            for units in range(1, 9):
                await running.merchant("old").record(COUNT, "MUG", "DE1", units)
            owner = await asyncpg.connect(database.owner_url)
            try:
                await owner.execute("SET search_path = weir_ledger")
                await spread(owner, "old", 100)
            finally:
                await owner.close()
            first = f"{datetime.now(UTC) - timedelta(days=40):%Y-%m}"
            (gone,) = (await weir("compact", "--before", first, "--json")).document["tenants"]
            assert (gone["tenant"], gone["revision"] > 0) == ("old", True)
            late = (await weir("stock", "--as-of", str(gone["revision"] - 1), "--json")).document["refusal"]
            assert (late["code"], late["reason"]) == ("OUT_OF_RANGE", "REVISION_COMPACTED")
            assert late["metadata"]["oldest_kept"] == str(gone["revision"])
            again = await weir("compact", "--before", first, "--drop")
            assert again.status == 0, again
            assert "Dropped for good: entries_" in again.out
            assert await counts(weir) == (8, 0, 8)
            assert (await weir("verify")).status == 0
            early = await weir("compact", "--before", f"{datetime.now(UTC) + timedelta(days=40):%Y-%m}")
            assert (early.status, "month is over" in early.out) == (1, True)
            alone = Weir(environment={"WEIR_DATABASE_URL": database.url("weir_ledger")})
            assert (await alone("compact", "--before", first)).status == 2
