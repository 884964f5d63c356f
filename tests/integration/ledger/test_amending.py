"""Promises that are moved: units given up and promised in one commit, whatever runs beside it."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from tests.kit.ledger import (
    CONFIRMED,
    EXPIRED,
    HELD,
    RELEASED,
    Caller,
    claiming,
    draft,
    eventually,
    item,
    ledger,
    outcomes,
)
from tests.kit.postgres import FreshDatabase
from weir.ledger.v1 import ledger_pb2
from weir_chassis import status
from weir_ledger.store import statements

ROUNDS = 5


def releases(*units: tuple[int, int]) -> list[dict[str, int]]:
    """Units to give up of lines."""
    return [{"line": line, "quantity": quantity} for line, quantity in units]


async def test_units_move_in_one_commit(acme: Caller) -> None:
    """Units are given up in one place and promised in another by one revision, which watchers are shown whole; lines
    are told apart by their numbers, and the books agree."""
    await acme.place("W2")
    there = item("A", "W2")
    await acme.receive("A", 5)
    await acme.receive(there, 5)
    made = await acme.confirmed(("A", 5), order="O", channel="web")
    before = await acme.head()
    done = await acme.do(
        "Amend", reservation=made.reservation, releases=releases((1, 3)), lines=draft((there, 3)).lines
    )
    assert done.revision.number == before.number + 1
    assert [(each.line, each.open, each.released) for each in done.reservation.lines] == [(1, 2, 3), (2, 3, 0)]
    assert done.reservation == await acme.reservation(made.reservation)
    assert (done.reservation.state, done.reservation.order, done.reservation.channel) == (CONFIRMED, "O", "web")
    assert (await acme.balance("A"), await acme.balance(there)) == ((5, 2, 3, 0), (5, 3, 2, 0))
    [commit] = await acme.watched(done.revision.number, after=before)
    told = [(each.kind, each.reservation_line, each.reserved_delta) for each in commit.entries]
    assert told == [(ledger_pb2.ENTRY_KIND_RELEASE, 1, -3), (ledger_pb2.ENTRY_KIND_RESERVE, 2, 3)]
    assert await acme.verify() == []


async def test_nothing_is_lost_where_it_cannot(acme: Caller) -> None:
    """Where units to be promised are missing the reservation, its claims and its plan are as they were."""
    await acme.receive("A", 5)
    made = (await acme.do("Reserve", draft=draft(claiming("A", 5, k=5), plan=b"old"))).reservation
    before = await acme.export()
    told = await acme.refused(
        "Amend", reservation=made.reservation, releases=releases((1, 5)), lines=draft(("B", 1)).lines, plan=b"new"
    )
    assert told.reason == "INSUFFICIENT_STOCK"
    assert await acme.export() == before
    assert await acme.claims("k") == [(5, 0)]
    found = await acme.do("GetReservation", reservation=made.reservation)
    assert (found.reservation, found.plan) == (made, b"old")


async def test_it_lives_on(acme: Caller) -> None:
    """New lines are shipped, handed over, given up and run out as the others do; what was given up stays so."""
    for sku in "AB":
        await acme.receive(sku, 9)
    made = await acme.confirmed(("A", 4))
    await acme.do("Amend", reservation=made.reservation, releases=releases((1, 2)), lines=draft(("B", 5)).lines)
    await acme.do("MarkHandedOver", reservation=made.reservation, lines=[2])
    await acme.do("Fulfil", reservation=made.reservation, lines=releases((2, 3)))
    done = await acme.do("Amend", reservation=made.reservation, releases=releases((1, 2)), lines=draft(("A", 1)).lines)
    told = [(each.open, each.fulfilled, each.released) for each in done.reservation.lines]
    assert told == [(0, 0, 4), (2, 3, 0), (1, 0, 0)]
    assert done.reservation.lines[1].HasField("handed_over_time")
    await acme.do("Release", reservation=made.reservation)
    assert (await acme.balance("A"), await acme.balance("B")) == ((9, 0, 9, 0), (6, 0, 6, 0))
    assert await acme.verify() == []


async def test_many_changes_in_one_group(acme: Caller) -> None:
    """Reservations that are amended, shipped and amended again by requests sent at once end as one after the other
    would leave them."""
    await acme.receive("A", 500)
    made = [await acme.confirmed(("A", 2)) for _ in range(6)]
    calls = [
        acme.do("Amend", reservation=each.reservation, lines=draft(("A", units)).lines, plan=b"p" * units)
        for each in made
        for units in (1, 2, 3)
    ]
    calls += [acme.do("Fulfil", reservation=each.reservation, lines=releases((1, 1))) for each in made]
    assert await outcomes(calls) == ["ok"] * 24
    for each in made:
        found = await acme.reservation(each.reservation)
        assert sorted(line.quantity for line in found.lines) == [1, 2, 2, 3]
        assert found.lines[0].fulfilled == 1
    assert await acme.balance("A") == (494, 42, 452, 0)
    assert await acme.verify() == []


async def test_a_shortfall_moved_away(acme: Caller) -> None:
    """Units that a count did not find are given up and promised elsewhere; the shortfall closes in that commit."""
    await acme.receive("A", 5)
    await acme.receive("B", 5)
    made = await acme.confirmed(("A", 5))
    await acme.count("A", 2)
    before = await acme.head()
    done = await acme.do("Amend", reservation=made.reservation, releases=releases((1, 3)), lines=draft(("B", 3)).lines)
    [commit] = await acme.watched(done.revision.number, after=before)
    assert [(each.before, each.after) for each in commit.shortfalls] == [(3, 0)]
    assert not (await acme.do("ListShortfalls")).shortfalls
    assert await acme.verify() == []


async def test_claims_move_too(acme: Caller) -> None:
    """What is given up counts no longer, what is promised does, in one commit that watchers are shown."""
    await acme.receive("A", 9)
    made = await acme.confirmed(claiming("A", 4, old=4))
    done = await acme.do(
        "Amend", reservation=made.reservation, releases=releases((1, 4)), lines=[claiming("A", 4, old=4, new=4)]
    )
    assert await acme.claims("old", "new") == [(4, 0), (4, 0)]
    told = await acme.refused("Amend", reservation=made.reservation, lines=[claiming("A", 1, new=4)])
    assert told.reason == "CLAIM_EXHAUSTED"
    assert {each.claim for each in done.reservation.lines[1].claims} == {"new", "old"}
    assert await acme.verify() == []


async def test_what_tenant_and_channel_hold(database: FreshDatabase) -> None:
    """A hold grows within what its channel may hold; what is confirmed is not held, and may grow."""
    async with ledger(database, limits={"channel_held_units": 10}) as service:
        acme = service.caller()
        await acme.place("W1")
        await acme.receive("A", 100)
        held = await acme.reserve(("A", 8), channel="web")
        more = {"reservation": held.reservation}
        assert (await acme.refused("Amend", lines=draft(("A", 3)).lines, **more)).reason == "HELD_UNITS_EXHAUSTED"
        await acme.do("Amend", releases=releases((1, 1)), lines=draft(("A", 3)).lines, **more)
        assert (await acme.refused("Reserve", draft=draft(("A", 1), channel="web"))).reason == "HELD_UNITS_EXHAUSTED"
        await acme.do("Confirm", **more)
        await acme.do("Amend", lines=draft(("A", 50)).lines, **more)
        assert await acme.verify() == []


async def test_the_reservation_as_it_was_read(acme: Caller) -> None:
    """With the revision that was read it is amended; after any change it is ABORTED with that of now, and the same
    request id may be used again."""
    await acme.receive("A", 9)
    made = await acme.confirmed(("A", 2))
    fields = {"reservation": made.reservation, "lines": draft(("A", 1)).lines, "request_id": "amend"}
    read = made.changed_revision
    told = await acme.refused("Amend", expected_revision=read - 1, **fields)
    assert (told.reason, told.metadata["current"]) == ("RESERVATION_CHANGED", str(read))
    done = await acme.do("Amend", expected_revision=read, **fields)
    assert done.reservation.changed_revision == done.revision.number
    assert await acme.do("Amend", expected_revision=read, **fields) == done


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_one_of_many_wins(acme: Caller, twin: Caller, number: int) -> None:
    """Of many who amend a reservation as they read it, at two ledgers, one does; each other is told the revision that
    did, also where both were decided in one commit."""
    await acme.receive("A", 99)
    made = await acme.confirmed(("A", 2))
    fields = {"reservation": made.reservation, "expected_revision": made.changed_revision}
    calls = [(acme, twin)[each % 2].do("Amend", lines=draft(("A", 1)).lines, **fields) for each in range(12)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    told = [status.told(each) for each in answers if isinstance(each, grpc.aio.AioRpcError)]
    found = await acme.reservation(made.reservation)
    assert [each and each.metadata["current"] for each in told] == [str(found.changed_revision)] * 11
    assert len(found.lines) == 2
    assert await acme.verify() == []


async def test_a_digest_stands_for_the_contents(acme: Caller, twin: Caller) -> None:
    """Of an Amend with a digest only what was done is kept, whichever lines it chose."""
    await acme.receive("A", 9)
    made = await acme.confirmed(("A", 2))
    fields = {"reservation": made.reservation, "request_id": "amend", "digest": b"wish"}
    assert (await acme.refused("Amend", lines=draft(("B", 1)).lines, **fields)).reason == "INSUFFICIENT_STOCK"
    done = await acme.do("Amend", lines=draft(("A", 1)).lines, **fields)
    assert await twin.do("Amend", lines=draft(("A", 5)).lines, **fields) == done
    assert await acme.balance("A") == (9, 3, 6, 0)


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.parametrize("ender", ["Fulfil", "Release"])
async def test_amended_and_ended_at_two_ledgers(acme: Caller, twin: Caller, ender: str, number: int) -> None:
    """A reservation moved at one ledger and ended whole at another at once: either it ended first and stays, or what it
    was moved to ended with it."""
    for sku in "AB":
        await acme.receive(sku, 4)
    made = await acme.confirmed(("A", 4))
    moved, ended = await outcomes(
        [
            acme.do("Amend", reservation=made.reservation, releases=releases((1, 4)), lines=draft(("B", 4)).lines),
            twin.do(ender, reservation=made.reservation),
        ]
    )
    assert (moved in ("ok", "RESERVATION_STATE"), ended) == (True, "ok")
    gone = [4 * (ender == "Fulfil") * (moved != "ok"), 4 * (ender == "Fulfil") * (moved == "ok")]
    assert [await acme.balance(sku) for sku in "AB"] == [(4 - units, 0, 4 - units, 0) for units in gone]
    assert await acme.verify() == []


async def test_amended_as_holds_run_out(acme: Caller, twin: Caller) -> None:
    """As holds run out each is either amended in time, and what it then has runs out with it, or told that it ran out;
    in the end nothing is promised."""
    for sku in "AB":
        await acme.receive(sku, 100)
    batch = await acme.do("ReserveBatch", drafts=[draft(("A", 1), hold_seconds=1)] * 100)
    names = [each.reservation.reservation for each in batch.outcomes]
    found: dict[str, str] = {}

    async def move(caller: Caller, mine: list[str]) -> None:
        for each in mine:
            call = caller.do("Amend", reservation=each, releases=releases((1, 1)), lines=draft(("B", 1)).lines)
            found[each] = (await outcomes([call]))[0]
            await asyncio.sleep(0.03)  # so that they last longer than the holds

    await asyncio.gather(move(acme, names[::2]), move(twin, names[1::2]))
    assert set(found.values()) == {"ok", "RESERVATION_EXPIRED"}, "no race was seen"

    async def settled() -> bool:
        return [(await acme.balance(sku))[1] for sku in "AB"] == [0, 0]

    await eventually(settled)
    for name, outcome in found.items():
        ended = await acme.reservation(name)
        assert (ended.state, len(ended.lines)) == (EXPIRED, 2 if outcome == "ok" else 1)
    assert await acme.verify() == []


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_units_given_up_go_to_one(acme: Caller, twin: Caller, number: int) -> None:
    """Reservations that give the last units up and take each other's, beside orders that want them: no unit is promised
    twice, and none is refused to a move that gives up what it asks for."""
    await acme.receive("A", 4)
    made = [await acme.confirmed(("A", 2)) for _ in range(2)]
    calls = [
        (acme, twin)[each % 2].do(
            "Amend", reservation=made[each % 2].reservation, releases=releases((1, 1)), lines=draft(("A", 1)).lines
        )
        for each in range(4)
    ]
    calls += [each.do("Reserve", draft=draft(("A", 1))) for each in (acme, twin) * 3]
    found = await outcomes(calls)
    assert found == ["ok"] * 4 + ["INSUFFICIENT_STOCK"] * 6
    assert await acme.balance("A") == (4, 4, 0, 0)
    assert await acme.verify() == []


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_amended_and_confirmed_at_two_ledgers(acme: Caller, twin: Caller, number: int) -> None:
    """Moving a hold and confirming it at once both happen: the state is that of the one, the lines those of the
    other."""
    await acme.receive("A", 9)
    held = await acme.reserve(("A", 4), channel="web")
    calls = [
        acme.do("Amend", reservation=held.reservation, lines=draft(("A", 2)).lines),
        twin.do("Confirm", reservation=held.reservation),
    ]
    assert await outcomes(calls) == ["ok", "ok"]
    found = await acme.reservation(held.reservation)
    assert (found.state, [each.open for each in found.lines]) == (CONFIRMED, [4, 2])
    assert await acme.verify() == []


async def test_without_a_second_look(acme: Caller, twin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: ledgers that do not see the lines that came while they waited for a lock are found out by that
    race."""
    blind = statements.LOCK_RESERVATIONS.replace("s.revision <> r.revision", "false")
    assert blind != statements.LOCK_RESERVATIONS
    monkeypatch.setattr(statements, "LOCK_RESERVATIONS", blind)
    with pytest.raises(AssertionError):
        for number in range(20 * ROUNDS):
            await test_amended_and_confirmed_at_two_ledgers(acme, twin, number)


async def test_a_thousand_lines(acme: Caller) -> None:
    """A reservation may be amended up to 1000 lines, all of them at once given up or shipped, and no further."""
    await acme.receive("A", 2000)
    made = await acme.confirmed(*[("A", 1)] * 500)
    more = {"reservation": made.reservation}
    await acme.do("Amend", lines=draft(*[("A", 1)] * 500).lines, **more)
    told = await acme.refused("Amend", lines=draft(("A", 1)).lines, **more)
    assert (told.reason, told.metadata) == ("LINES_EXHAUSTED", {"limit": "1000", "requested": "1001"})
    await acme.do("Release", lines=releases((1000, 1)), **more)
    done = await acme.do("Release", **more)
    assert (done.reservation.state, len(done.reservation.lines)) == (RELEASED, 1000)
    assert await acme.balance("A") == (2000, 0, 2000, 0)
    assert await acme.verify() == []


async def test_checking_changes_nothing(acme: Caller) -> None:
    """With validate_only what would come of it is answered, and nothing of it is."""
    await acme.receive("A", 9)
    held = await acme.reserve(("A", 4))
    checked = await acme.do("Amend", reservation=held.reservation, lines=draft(("A", 2)).lines, validate_only=True)
    assert (checked.reservation.state, len(checked.reservation.lines)) == (HELD, 2)
    assert await acme.reservation(held.reservation) == held
    assert await acme.balance("A") == (9, 4, 5, 0)
