"""Promised units that move to other stock items, movements that give way to promises, and goods that were not used up
after all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.kit.ledger import (
    CONFIRMED,
    CONSUME,
    EXPIRED,
    FULFILLED,
    RESTORE,
    SHIP,
    TRANSFER,
    Caller,
    draft,
    eventually,
    item,
    movement,
    outcomes,
)
from tests.kit.snapshots import AVAILABLE, imported, line, moment, opening
from weir.ledger.v1 import snapshot_pb2
from weir_chassis.errors import Kind

ROUNDS = 3
HUB, REP = item("A", custodian="hub"), item("A", custodian="rep")
HELD_BACK = item("A", custodian="hub", condition=2)


def moves(*wanted: tuple[int, int, Any]) -> list[dict[str, Any]]:
    """Line, units and destination of each."""
    return [{"line": line, "quantity": units, "destination": where} for line, units, where in wanted]


def units(*wanted: tuple[int, int]) -> list[dict[str, int]]:
    """Line and units of each."""
    return [{"line": line, "quantity": number} for line, number in wanted]


async def test_promised_units_change_hands(acme: Caller) -> None:
    """In one commit units leave the promise and the sender's custody, and are in the recipient's; the reservation
    counts them as fulfilled, and has ended with the last."""
    await acme.receive(HUB, 10)
    made = await acme.confirmed((HUB, 4))
    part = await acme.do("Transfer", reservation=made.reservation, lines=moves((1, 1, REP)), reference="transfer/1")
    assert (await acme.balance(HUB), await acme.balance(REP)) == ((9, 3, 6, 0), (1, 0, 1, 0))
    done = await acme.do("Transfer", reservation=made.reservation, lines=moves((1, 3, REP)))
    assert (await acme.balance(HUB), await acme.balance(REP)) == ((6, 0, 6, 0), (4, 0, 4, 0))
    assert (part.reservation.state, part.reservation.lines[0].fulfilled) == (CONFIRMED, 1)
    assert (done.reservation.state, done.reservation.lines[0].fulfilled) == (FULFILLED, 4)
    assert await acme.verify() == []


async def test_where_units_went_is_told(acme: Caller) -> None:
    """A watch shows both sides of a move in one commit, with the reservation and the line; the entries of a reservation
    are all of them, also those of stock items that it never promised."""
    await acme.receive(HUB, 9)
    made = await acme.confirmed((HUB, 4))
    done = await acme.do("Transfer", reservation=made.reservation, lines=moves((1, 3, REP)), reference="transfer/1")
    await acme.ship(REP, 1)
    watched = (await acme.watched((await acme.head()).number))[done.revision.number - 1].entries
    listed = await acme.entries(reservation=made.reservation)
    assert listed[-2:] == list(watched)
    assert [(each.kind, each.stock_item.custodian, each.on_hand_delta, each.reserved_delta) for each in watched] == [
        (TRANSFER, "hub", -3, -3),
        (TRANSFER, "rep", 3, 0),
    ]
    for each in watched:
        told = (each.reservation, each.reservation_line, each.reference)
        assert told == (made.reservation, 1, "transfer/1")
    assert len(listed) == 3
    assert await acme.entries(reservation=made.reservation, after_revision=done.revision.number) == []


async def test_all_or_nothing(acme: Caller) -> None:
    """Where one line cannot move none does; a check says so too, and changes nothing."""
    await acme.receive(HUB, 5)
    made = await acme.confirmed((HUB, 2), (HUB, 1))
    for lines in (moves((1, 2, REP), (2, 2, REP)), moves((1, 2, REP), (2, 1, item("A", "nowhere")))):
        for check in (True, False):
            await acme.refused("Transfer", reservation=made.reservation, lines=lines, validate_only=check)
    told = await acme.refused(
        "Transfer", request_id="t", reservation=made.reservation, lines=moves((1, 1, REP), (2, 1, item("B")))
    )
    assert (told.kind, [each.field for each in told.violations]) == (Kind.MALFORMED, ["lines[1].destination"])
    assert (await acme.balance(HUB), (await acme.reservation(made.reservation)).changed_revision) == (
        (5, 3, 2, 0), made.changed_revision,
    )  # fmt: skip
    await acme.do("Transfer", request_id="t", reservation=made.reservation, lines=moves((1, 2, REP), (2, 1, HELD_BACK)))
    assert [await acme.balance(each) for each in (HUB, REP, HELD_BACK)] == [(2, 0, 2, 0), (2, 0, 2, 0), (1, 0, 0, 0)]


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.parametrize("ender", ["Fulfil", "Release", "Transfer"])
async def test_moved_and_ended_at_two_ledgers(acme: Caller, twin: Caller, ender: str, number: int) -> None:
    """A reservation that is moved at one ledger and ended at another at once ends one way, and every unit is in one
    place."""
    await acme.receive(HUB, 10)
    made = await acme.confirmed((HUB, 4))
    end = {"lines": moves((1, 4, HELD_BACK))} if ender == "Transfer" else {}
    found = await outcomes(
        [
            acme.do("Transfer", reservation=made.reservation, lines=moves((1, 4, REP))),
            twin.do(ender, reservation=made.reservation, **end),
        ]
    )
    assert sorted(found) == ["RESERVATION_STATE", "ok"]
    moved, gone = 4 * (found[0] == "ok"), 4 * (found[1] == "ok" and ender != "Release")
    assert (await acme.balance(HUB))[:2] == (10 - moved - gone, 0)
    there = {name(each.stock_item): each.on_hand for each in (await acme.do("ListBalances")).balances}
    assert (there.get("rep 1", 0), there.get("hub 2", 0)) == (moved, gone * (ender == "Transfer"))
    ended = await acme.reservation(made.reservation)
    assert (ended.state == FULFILLED) == bool(moved + gone)
    assert await acme.verify() == []


def name(found: Any) -> str:
    """Custodian and condition of a stock item."""
    return f"{found.custodian} {found.condition}"


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_moved_and_amended_at_two_ledgers(acme: Caller, twin: Caller, number: int) -> None:
    """Units that are moved at one ledger while another gives them up for others go one way: either they moved, or they
    are free and the others are promised."""
    await acme.receive(HUB, 4)
    await acme.receive("B", 4)
    made = await acme.confirmed((HUB, 4))
    moved, amended = await outcomes(
        [
            acme.do("Transfer", reservation=made.reservation, lines=moves((1, 4, REP))),
            twin.do("Amend", reservation=made.reservation, releases=units((1, 4)), lines=draft(("B", 4)).lines),
        ]
    )
    assert (moved, amended) in (("ok", "RESERVATION_STATE"), ("RESERVATION_LINE_EXCEEDED", "ok"))
    assert (await acme.balance(HUB), await acme.balance("B")) == (
        ((0, 0, 0, 0), (4, 0, 4, 0)) if moved == "ok" else ((4, 0, 4, 0), (4, 4, 0, 0))
    )
    assert await acme.verify() == []


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_parts_moved_and_given_up_at_two_ledgers(acme: Caller, twin: Caller, number: int) -> None:
    """Parts of a line that are moved, sent out and given up at two ledgers at once: each unit once, and all of them."""
    await acme.receive(HUB, 12)
    made = await acme.confirmed((HUB, 12))
    ways: tuple[tuple[str, Any], ...] = (
        ("Transfer", moves((1, 1, REP))), ("Fulfil", units((1, 1))), ("Release", units((1, 1))),
    )  # fmt: skip
    found = await outcomes(
        (acme, twin)[each % 2].do(ways[each % 3][0], reservation=made.reservation, lines=ways[each % 3][1])
        for each in range(15)
    )
    assert sorted(found) == ["RESERVATION_STATE"] * 3 + ["ok"] * 12
    done = [found[each::3].count("ok") for each in range(3)]
    assert (await acme.balance(HUB), await acme.balance(REP)) == (
        (12 - done[0] - done[1], 0, 12 - done[0] - done[1], 0), (done[0], 0, done[0], 0),
    )  # fmt: skip
    assert await acme.verify() == []


async def test_moved_as_holds_run_out(acme: Caller, twin: Caller) -> None:
    """As holds run out each is kept and moved in time, or told that it ran out; never both."""
    await acme.receive(HUB, 60)
    batch = await acme.do("ReserveBatch", drafts=[draft((HUB, 1), hold_seconds=1)] * 60)
    names = [each.reservation.reservation for each in batch.outcomes]
    found: dict[str, list[str]] = {}

    async def move(caller: Caller, mine: list[str]) -> None:
        for each in mine:
            calls = (caller.do("Confirm", reservation=each),
                     caller.do("Transfer", reservation=each, lines=moves((1, 1, REP))))  # fmt: skip
            found[each] = [(await outcomes([call]))[0] for call in calls]
            await asyncio.sleep(0.04)  # so that they last longer than the holds

    await asyncio.gather(move(acme, names[::2]), move(twin, names[1::2]))
    assert sorted({tuple(each) for each in found.values()}) == [
        ("RESERVATION_EXPIRED", "RESERVATION_EXPIRED"), ("ok", "ok"),
    ]  # fmt: skip
    moved = sum(each == ["ok", "ok"] for each in found.values())

    async def settled() -> bool:
        return (await acme.balance(HUB))[1] == 0

    await eventually(settled)
    assert (await acme.balance(HUB), await acme.balance(REP)) == ((60 - moved, 0, 60 - moved, 0), (moved, 0, moved, 0))
    for each, told in found.items():
        assert ((await acme.reservation(each)).state == EXPIRED) == (told[0] != "ok")
    assert await acme.verify() == []


async def test_a_report_knows_what_moved(acme: Caller) -> None:
    """A report of how it was before a move has the move applied again on both sides; what the reservation still
    promises counts where it is promised, and not where units of it went."""
    await acme.receive(HUB, 10)
    made = await acme.confirmed((HUB, 4))
    before = moment()
    await acme.do("Transfer", reservation=made.reservation, lines=moves((1, 1, REP)))
    report: dict[str, Any] = {
        "basis": AVAILABLE,
        "as_of_time": before,
        "deduction": snapshot_pb2.SNAPSHOT_DEDUCTION_ALL,
    }
    await imported(acme, opening(lines=[line(HUB, 6), line(REP, 0)], **report))
    assert (await acme.balance(HUB), await acme.balance(REP)) == ((9, 3, 6, 0), (1, 0, 1, 0))
    assert await acme.verify() == []


async def test_a_shortfall_moves_with_nobody(acme: Caller) -> None:
    """Units that are promised and not there cannot move; those that are there can, and the shortfall stays."""
    await acme.receive(HUB, 5)
    made = await acme.confirmed((HUB, 5))
    await acme.ship(HUB, 2)
    told = await acme.refused("Transfer", reservation=made.reservation, lines=moves((1, 5, REP)))
    assert (told.reason, told.metadata["on_hand"], told.metadata["requested"]) == ("INSUFFICIENT_ON_HAND", "3", "5")
    await acme.do("Transfer", reservation=made.reservation, lines=moves((1, 3, REP)))
    assert (await acme.balance(HUB), await acme.balance(REP)) == ((0, 2, 0, 2), (3, 0, 3, 0))
    assert await acme.verify() == []


async def test_a_wish_gives_way_to_promises(acme: Caller) -> None:
    """What takes available units only is refused where they are promised, with what is available; as a fact it would
    have won."""
    await acme.receive(HUB, 5)
    taken = await acme.do("Reserve", draft=draft((HUB, 3)))
    for kind, others in ((SHIP, {}), (CONSUME, {}), (TRANSFER, {"destination": REP})):
        wish = movement(kind, HUB, 3, available_only=True, **others)
        told = await acme.refused("RecordMovements", movements=[wish])
        assert (told.kind, told.reason) == (Kind.UNMET, "INSUFFICIENT_STOCK")
        assert (told.metadata["available"], told.metadata["revision"]) == ("2", str(taken.revision.number))
        await acme.do("RecordMovements", movements=[movement(kind, HUB, 3, **others)], validate_only=True)
    await acme.record(movement(TRANSFER, HUB, 2, destination=REP, available_only=True))
    assert (await acme.balance(HUB), await acme.balance(REP)) == ((3, 3, 0, 0), (2, 0, 2, 0))


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_wishes_for_the_last_units(acme: Caller, twin: Caller, number: int) -> None:
    """Orders and wishes for the last units at two ledgers: each unit goes to one of them, and none stays behind."""
    await acme.receive(HUB, 6)
    calls = [
        (acme, twin)[each // 2 % 2].do("Reserve", draft=draft((HUB, 1)))
        if each % 2
        else (acme, twin)[each // 2 % 2].record(movement(TRANSFER, HUB, 1, destination=REP, available_only=True))
        for each in range(16)
    ]
    found = await outcomes(calls)
    assert sorted(found) == ["INSUFFICIENT_STOCK"] * 10 + ["ok"] * 6
    taken, promised = found[::2].count("ok"), found[1::2].count("ok")
    assert await acme.balance(HUB) == (6 - taken, promised, 0, 0)
    assert await acme.verify() == []


async def test_what_was_not_used_up_comes_back(acme: Caller) -> None:
    """RESTORE takes units from the account of what was consumed into the very stock item; the books add up."""
    await acme.receive(REP, 5)
    await acme.record(movement(CONSUME, REP, 3))
    await acme.record(movement(RESTORE, REP, 2))
    assert await acme.balance(REP) == (4, 0, 4, 0)
    entries = await acme.entries()
    assert [(each.account, each.on_hand_delta) for each in entries if each.kind == RESTORE] == [(1, 2), (4, -2)]
    assert sum(each.on_hand_delta for each in entries) == 0
    assert await acme.entries(kinds=[RESTORE]) == entries[-2:]
    assert await acme.verify() == []
