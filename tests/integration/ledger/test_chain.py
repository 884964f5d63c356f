"""The chain of digests can be computed anew by anybody who watches the books, from what docs/ledger.md says."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from tests.contract.tree import ROOT
from tests.kit import auditor
from tests.kit.ledger import (
    ADJUST,
    CONSUME,
    COUNT,
    EXPIRED,
    RECEIVE,
    RESTORE,
    RETURN,
    SHIP,
    TRANSFER,
    Caller,
    claiming,
    eventually,
    item,
    movement,
    outcomes,
    promise,
)  # fmt: skip
from weir.common.v1 import stock_pb2
from weir.common.v1.revision_pb2 import Revision
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_pb2, waiting_pb2

GOODS = [
    item("A"), item("Ü 漢字 🧺", "W2", owner="owner"), item("B", lot="L 1", uom="CARTON"),
    item("B", custodian="rep", condition=3),
]  # fmt: skip
WISHED = ["A", "ä", "🧺"]
KEYS = ["share", "Anteil", "ä", "Z", "z", "🧺", "\ufb01"]
"""Whose order by bytes is not that of any language, and not that of UTF-16."""


def facts(chance: random.Random) -> Any:
    """Some movements, some of which happened earlier, with references that hold whatever one may."""
    found = []
    for _ in range(chance.randint(1, 4)):
        kind = chance.choice([RECEIVE, RECEIVE, SHIP, RETURN, CONSUME, RESTORE, ADJUST, COUNT, TRANSFER])
        goods = chance.choice(GOODS)
        others: dict[str, Any] = {"reference": chance.choice(["", "note 7", "Lieferschein „9“, 漢字|;'\"\\"])}
        if chance.random() < 0.5:
            micros = chance.randrange(10**14)
            others["occurred_time"] = datetime.now(UTC) - timedelta(microseconds=micros)
        if kind == TRANSFER:
            others["destination"] = stock_pb2.StockItem()
            others["destination"].CopyFrom(goods)
            others["destination"].custodian = "somebody else"
        found.append(movement(kind, goods, chance.randint(1, 20), **others))
    return found


async def attempt(caller: Caller, chance: random.Random, promises: list[str]) -> None:
    """Do something, whether or not the ledger lets it pass."""
    what = chance.choice(
        [
            "record",
            "record",
            "reserve",
            "reserve",
            "Confirm",
            "Fulfil",
            "Transfer",
            "Release",
            "place",
            "lot",
            "ceilings",
            "allow",
            "wait",
            "promise",
        ]
    )
    if what == "record":
        await caller.record(*facts(chance))
    elif what == "place":
        await caller.place(f"place {chance.randrange(10**9)}")
    elif what == "lot":
        lot = {"product": {"sku": chance.choice(["A", "B"])}, "lot": chance.choice(KEYS)}
        await caller.do("SetLot", lot={**lot, "expiry_date": chance.choice(["", "0001-01-01", "2027-01-31"])})
    elif what == "ceilings":
        epoch = (await caller.head()).number + 1
        drafts = [{"claim": key, "epoch": epoch, "ceiling": chance.choice([None, 0, 900, 1000])} for key in KEYS]
        named = [{**each, "subject": chance.choice(["", "", "Anteil von „漢字“"])} for each in drafts]
        await caller.do("SetCeilings", ceilings=chance.sample(named, 3))
    elif what in ("allow", "wait", "promise"):
        await attempt_waiting(caller, chance, what)
    elif what == "reserve":
        lines = [
            claiming(chance.choice(GOODS[:3]), chance.randint(1, 5), **dict.fromkeys(chance.sample(KEYS, 3), 1000))
            for _ in range(2)
        ]
        promises.append((await caller.reserve(*lines, mode=2, hold_seconds=60)).reservation)
    elif promises:
        found = await caller.reservation(chance.choice(promises))
        await caller.do(what, reservation=found.reservation, **(sent(found) if what == "Transfer" else {}))


def sent(found: reservation_pb2.Reservation) -> dict[str, Any]:
    """What moves all that a reservation still promises to somebody else."""
    lines = []
    for each in found.lines:
        there = stock_pb2.StockItem()
        there.CopyFrom(each.stock_item)
        there.custodian = "somebody else"
        lines += [{"line": each.line, "quantity": each.open, "destination": there}] if each.open else []
    return {"lines": lines, "reference": "Übergabe 漢字"}


async def attempt_waiting(caller: Caller, chance: random.Random, what: str) -> None:
    """Let units wait, promise some to those who wait, or give some up."""
    if what == "allow":
        await caller.allow(chance.choice(WISHED), chance.randint(0, 50), owner=chance.choice(["", "Ü"]))
    elif what == "wait":
        lines = [(chance.choice(WISHED), chance.randint(1, 5)) for _ in range(3)]
        others = {"order": chance.choice(["", "o 漢字"]), "channel": chance.choice(["", "web"])}
        await caller.await_units(*lines, whole=chance.random() < 0.2, plan=chance.choice([b"", b"\x00\x1f"]), **others)
    else:
        found = (await caller.do("ListWaiting", states=[1])).waiting
        promises = [promise(each, (GOODS[0], 1)) for each in found[:5]]
        await caller.do("PromiseWaiting", promises=promises)
        await caller.do("CancelWaiting", waiting=found[-1].waiting, lines=[{"line": 2, "quantity": 1}])


@pytest.mark.parametrize("seed", range(2))
async def test_an_auditor_computes_the_chain(acme: Caller, twin: Caller, seed: int) -> None:
    """Whatever was done, at whichever replica, the digest that an auditor computes of what a watch shows is that of the
    signed head, at every revision at which one was taken."""
    chance, promises = random.Random(seed), list[str]()
    heads = [(await acme.do("GetSignedHead")).head]
    await acme.place("W2")
    for kind in (RECEIVE, SHIP, RETURN, CONSUME, RESTORE, ADJUST, COUNT):
        await acme.record(*(movement(kind, each, 100) for each in GOODS))
    await acme.record(movement(TRANSFER, "A", 1, destination=item("A", "W2")))
    set_ = [{"claim": KEYS[0], "ceiling": 1000, "epoch": 1, "subject": "Ü"}, {"claim": "spare", "epoch": 1}]
    await acme.do("SetCeilings", ceilings=set_)
    short = await acme.reserve(claiming("A", 1, **dict.fromkeys(KEYS, 1000)), hold_seconds=1)
    promised = await acme.confirmed(("A", 2))
    await acme.do("Fulfil", reservation=promised.reservation, lines=[{"line": 1, "quantity": 1}])
    moved = await acme.confirmed(claiming("A", 2, **dict.fromkeys(KEYS, 1000)))
    await acme.do("Transfer", reservation=moved.reservation, **sent(moved))
    await acme.do("Release", reservation=promised.reservation)
    for sku in WISHED:
        await acme.allow(sku, 50)
    waited = [await acme.await_units(("A", 1), plan=b"how") for _ in range(2)]
    assert await acme.promise(*(promise(each, ("A", 1)) for each in waited)) == ["ok", "ok"]
    for _ in range(40):
        await outcomes(attempt(caller, chance, promises) for caller in (acme, twin, acme))
        heads.append((await acme.do("GetSignedHead")).head)

    async def has_run_out() -> bool:
        return (await acme.reservation(short.reservation)).state == EXPIRED

    await eventually(has_run_out)
    heads.append((await acme.do("GetSignedHead")).head)
    commits = await acme.watched(through=heads[-1].revision.number)
    computed = auditor.digests(commits)
    assert {each.revision.number: each.digest for each in heads}.items() <= computed.items()
    assert {entry.kind for commit in commits for entry in commit.entries} == set(range(1, 13))
    assert any(len(commit.claims) > 1 for commit in commits)
    told = [each for commit in commits for each in commit.claims if each.epoch]
    assert {(each.HasField("ceiling"), bool(each.subject), bool(each.open)) for each in told} >= {
        (False, False, False), (True, True, False), (True, False, True),
    }  # fmt: skip
    assert any(commit.lots for commit in commits)
    assert any(len(commit.waiting) > 1 for commit in commits)
    assert any(len(commit.back_orders) > 1 and not commit.entries for commit in commits)
    assert {each.state for commit in commits for each in commit.waiting} >= {1, 2}
    assert await acme.verify() == []


async def test_a_list_of_entries_will_do(acme: Caller) -> None:
    """Where no claim and no lot changed, the entries that a list shows are enough."""
    await acme.receive("A", 10, request_id="first")
    [commit] = [each for each in await acme.watched(through=2) if each.through.number == 2]
    first = (await acme.do("GetSignedHead")).head
    listed = ledger_service_pb2.WatchEntriesResponse(
        through=commit.through, entries=await acme.entries(), recorded_time=(await acme.entries())[0].recorded_time
    )
    assert listed.entries == commit.entries
    [place] = [each for each in await acme.watched(through=1) if each.through.number == 1]
    assert auditor.digest(auditor.digest(bytes(32), place), listed) == first.digest


def at(micros: int) -> Timestamp:
    """A moment, so many microseconds after 1970."""
    return Timestamp(seconds=micros // 10**6, nanos=micros % 10**6 * 1000)


def test_the_example_in_the_docs_is_true() -> None:
    """The page for auditors shows seven commits byte by byte: their digests are what it says, and are what the auditor
    computes of commits like these."""
    page = (ROOT / "docs" / "ledger.md").read_text()
    texts = re.findall(r"^    (\d␝.*)$", page, re.MULTILINE)
    shown = [bytes.fromhex(each) for each in re.findall(r"^    ([0-9a-f]{64})$", page, re.MULTILINE)]
    assert len(texts) == len(shown) == 7
    before = bytes(32)
    for text, expected in zip(texts, shown, strict=True):
        before = sha256(before + text.translate({0x241D: 29, 0x241E: 30, 0x241F: 31}).encode()).digest()
        assert before == expected
    assert list(auditor.digests(shown_commits()).values()) == shown


def shown_commits() -> list[ledger_service_pb2.WatchEntriesResponse]:
    """The commits of the page, as a watcher is told of them."""
    goods = item("TV-1", "DE1", uom="EACH", condition=1)
    booked, promised = at(1772366460000001), at(1772366520500000)
    stock, supplier, reserve = ledger_pb2.ACCOUNT_STOCK, ledger_pb2.ACCOUNT_SUPPLIER, ledger_pb2.ENTRY_KIND_RESERVE
    came: dict[str, Any] = {
        "kind": RECEIVE, "stock_item": goods, "request_id": "delivery-7", "reference": "note 7",
        "occurred_time": at(1772362860000000), "recorded_time": booked,
    }  # fmt: skip
    came_in = [
        ledger_pb2.Entry(line=1, account=stock, on_hand_delta=10, on_hand=10, **came),
        ledger_pb2.Entry(line=2, account=supplier, on_hand_delta=-10, **came),
    ]
    reserved = ledger_pb2.Entry(
        line=1, kind=reserve, account=stock, stock_item=goods, reserved_delta=4, on_hand=10, reserved=4,
        reservation="0198f2c0-7f6a-7c3e-9b1d-2f4a6c8e0b13", reservation_line=1, request_id="order-1",
        occurred_time=promised, recorded_time=promised,
    )  # fmt: skip
    commit = ledger_service_pb2.WatchEntriesResponse
    return [
        commit(through=Revision(number=1), recorded_time=at(1772366400123456)),
        commit(through=Revision(number=2), recorded_time=booked, entries=came_in),
        commit(
            through=Revision(number=3),
            recorded_time=promised,
            entries=[reserved],
            claims=[reservation_pb2.Claim(claim="web-2026-10", open=4)],
        ),
        commit(
            through=Revision(number=4),
            recorded_time=at(1772366580000000),
            lots=[ledger_pb2.Lot(product=goods.product, lot="L1", expiry_date="2027-01-31")],
        ),
        commit(
            through=Revision(number=5),
            recorded_time=at(1772366640000000),
            back_orders=[waiting_pb2.BackOrders(product=goods.product, limit=20, etag="5")],
        ),
        commit(
            through=Revision(number=6),
            recorded_time=at(1772366700000000),
            waiting=[
                waiting_pb2.Waiting(
                    waiting="0198f2c3-1d54-7b02-8e6f-5a7d9c0b1e24",
                    state=waiting_pb2.WAITING_STATE_WAITING,
                    lines=[waiting_pb2.WaitingLine(line=1, product=goods.product, quantity=3, open=3)],
                    order="order-2",
                    channel="web",
                    create_time=at(1772366699990000),
                    create_revision=6,
                    plan=b"ship together",
                )
            ],
            back_orders=[waiting_pb2.BackOrders(product=goods.product, limit=20, waiting=3, etag="5")],
        ),
        commit(
            through=Revision(number=7),
            recorded_time=at(1772366760000000),
            claims=[
                reservation_pb2.Claim(claim="allotment-9", epoch=2),
                reservation_pb2.Claim(claim="web-2026-10", open=4, ceiling=50, epoch=1, subject="the web shop"),
            ],
        ),
    ]


def test_the_auditor_knows_nothing_of_the_ledger() -> None:
    """The control: what computes the chain here imports the contracts and nothing else of the suite."""
    source = Path(auditor.__file__).read_text()
    assert re.findall(r"^(?:from|import) (weir\w*|asyncpg|tests)\b", source, re.MULTILINE) == ["weir"] * 2
