"""The life of a reservation over the wire, and every reason it can be refused for, with its numbers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.ledger import (
    CONFIRMED,
    EXPIRED,
    FULFILLED,
    HELD,
    PARTIAL,
    RELEASED,
    SHIP,
    Caller,
    draft,
    eventually,
    item,
    ledger,
    movement,
)
from tests.kit.postgres import FreshDatabase
from weir_chassis.errors import Kind

NOBODY = "01a200ca-98d0-74cf-9b25-c4403338ded3"


def units(reservation: Any, line: int = 1) -> tuple[int, int, int, int]:
    """Quantity, open, fulfilled and released units of a line."""
    found = reservation.lines[line - 1]
    return found.quantity, found.open, found.fulfilled, found.released


async def test_a_promise_is_kept_in_parts(acme: Caller) -> None:
    """Held, confirmed, sent out in part, given up in part, sent out: each step moves just its units."""
    await acme.receive("A", 10)
    promise = await acme.reserve(("A", 6), order="O-1", channel="web")
    assert (promise.state, promise.order, promise.channel) == (HELD, "O-1", "web")
    assert promise.expire_time.seconds - promise.create_time.seconds == 900
    assert await acme.balance("A") == (10, 6, 4, 0)

    name = promise.reservation
    confirmed = (await acme.do("Confirm", reservation=name)).reservation
    assert (confirmed.state, confirmed.HasField("expire_time")) == (CONFIRMED, False)

    part = (await acme.do("Fulfil", reservation=name, lines=[{"line": 1, "quantity": 2}])).reservation
    assert (part.state, units(part)) == (CONFIRMED, (6, 4, 2, 0))
    assert await acme.balance("A") == (8, 4, 4, 0)

    part = (await acme.do("Release", reservation=name, lines=[{"line": 1, "quantity": 1}])).reservation
    assert (part.state, units(part)) == (CONFIRMED, (6, 3, 2, 1))
    assert await acme.balance("A") == (8, 3, 5, 0)

    last = await acme.do("Fulfil", reservation=name)
    assert (last.reservation.state, units(last.reservation)) == (FULFILLED, (6, 0, 5, 1))
    assert last.reservation.changed_revision == last.revision.number
    assert await acme.reservation(name) == last.reservation
    assert await acme.balance("A") == (5, 0, 5, 0)
    assert await acme.verify() == []


async def test_a_promise_given_up_whole(acme: Caller) -> None:
    """A hold released whole is RELEASED, and its units can be promised again."""
    await acme.receive("A", 5)
    promise = await acme.reserve(("A", 5))
    ended = (await acme.do("Release", reservation=promise.reservation)).reservation
    assert (ended.state, units(ended), ended.HasField("expire_time")) == (RELEASED, (5, 0, 0, 5), False)
    assert (await acme.reserve(("A", 5))).state == HELD


async def test_an_extended_hold_ends_later(acme: Caller) -> None:
    """Extending counts from now and may be repeated."""
    await acme.receive("A", 1)
    promise = await acme.reserve(("A", 1), hold_seconds=5)
    longer = (await acme.do("Extend", reservation=promise.reservation, hold_duration={"seconds": 3600})).reservation
    assert longer.state == HELD
    assert longer.expire_time.seconds - promise.create_time.seconds in range(3600, 3700)


async def test_a_hold_runs_out(acme: Caller, owner: Owner) -> None:
    """A hold ends by itself within 2 s of its time and never before it, by the clock of the database."""
    await acme.receive("A", 3)
    promise = await acme.reserve(("A", 3), hold_seconds=1)

    async def ended() -> bool:
        return (await acme.reservation(promise.reservation)).state == EXPIRED

    await eventually(ended)
    found = await acme.reservation(promise.reservation)
    assert units(found) == (3, 0, 0, 3)
    assert await acme.balance("A") == (3, 0, 3, 0)
    late = await owner.fetchval(
        "SELECT extract(epoch FROM c.recorded_at - r.expires_at) FROM reservations r"
        " JOIN commits c ON c.tenant = r.tenant AND c.revision = r.revision WHERE r.tenant = $1 AND r.reservation = $2",
        acme.tenant,
        promise.reservation,
    )
    assert 0 <= late < 2


async def test_an_overdue_hold_is_over_before_it_is_ended(acme: Caller, owner: Owner) -> None:
    """Whoever comes after the time is refused, also where nobody has ended the hold yet."""
    await acme.receive("A", 1)
    promise = await acme.reserve(("A", 1))
    async with owner.transaction():  # the lock keeps the worker away, the update waits for the refusal below
        await owner.execute(
            "UPDATE reservations SET expires_at = clock_timestamp() - interval '1 hour' WHERE reservation = $1",
            promise.reservation,
        )
    told = await acme.refused("Confirm", reservation=promise.reservation)
    assert told.reason == "RESERVATION_EXPIRED"


async def test_holds_outlive_the_process(database: FreshDatabase) -> None:
    """A hold that a ledger gave runs out though that ledger is gone; one that a later ledger confirms does not."""
    async with ledger(database) as first:
        caller = first.caller("outlived")
        await caller.place("W1")
        await caller.receive("A", 10)
        short, long = await caller.reserve(("A", 3), hold_seconds=1), await caller.reserve(("A", 4), hold_seconds=60)
    async with ledger(database) as second:
        caller = second.caller("outlived")
        await caller.do("Confirm", reservation=long.reservation)

        async def ended() -> bool:
            return (await caller.reservation(short.reservation)).state == EXPIRED

        await eventually(ended)
        assert await caller.balance("A") == (10, 4, 6, 0)
        assert await caller.verify() == []


TO_REP = {"lines": [{"line": 1, "quantity": 3, "destination": item("A", custodian="rep")}]}
NOWHERE = {"lines": [{"line": 1, "quantity": 3, "destination": item("A", "nowhere")}]}
REFUSED: list[tuple[str, str, dict[str, Any], Kind, str, set[str]]] = [
    ("Confirm", "nobody", {}, Kind.UNKNOWN, "RESERVATION_NOT_FOUND", {"reservation"}),
    ("Extend", "nobody", {"hold_duration": {"seconds": 9}}, Kind.UNKNOWN, "RESERVATION_NOT_FOUND", {"reservation"}),
    ("Fulfil", "nobody", {}, Kind.UNKNOWN, "RESERVATION_NOT_FOUND", {"reservation"}),
    ("Transfer", "nobody", TO_REP, Kind.UNKNOWN, "RESERVATION_NOT_FOUND", {"reservation"}),
    ("Release", "nobody", {}, Kind.UNKNOWN, "RESERVATION_NOT_FOUND", {"reservation"}),
    ("GetReservation", "nobody", {}, Kind.UNKNOWN, "RESERVATION_NOT_FOUND", {"reservation"}),
    ("Fulfil", "held", {}, Kind.UNMET, "RESERVATION_STATE", {"reservation", "state"}),
    ("Transfer", "held", TO_REP, Kind.UNMET, "RESERVATION_STATE", {"reservation", "state"}),
    ("Transfer", "expired", TO_REP, Kind.UNMET, "RESERVATION_EXPIRED", {"reservation", "expire_time"}),
    ("Transfer", "confirmed", NOWHERE, Kind.UNKNOWN, "LOCATION_NOT_FOUND", {"location"}),
    ("Confirm", "released", {}, Kind.UNMET, "RESERVATION_STATE", {"reservation", "state"}),
    ("Release", "released", {}, Kind.UNMET, "RESERVATION_STATE", {"reservation", "state"}),
    ("Fulfil", "fulfilled", {}, Kind.UNMET, "RESERVATION_STATE", {"reservation", "state"}),
    (
        "Extend",
        "confirmed",
        {"hold_duration": {"seconds": 9}},
        Kind.UNMET,
        "RESERVATION_STATE",
        {"reservation", "state"},
    ),
    ("Confirm", "expired", {}, Kind.UNMET, "RESERVATION_EXPIRED", {"reservation", "expire_time"}),
    ("Fulfil", "expired", {}, Kind.UNMET, "RESERVATION_EXPIRED", {"reservation", "expire_time"}),
    ("Release", "expired", {}, Kind.UNMET, "RESERVATION_EXPIRED", {"reservation", "expire_time"}),
    (
        "Fulfil",
        "confirmed",
        {"lines": [{"line": 2, "quantity": 1}]},
        Kind.UNKNOWN,
        "RESERVATION_LINE_NOT_FOUND",
        {"reservation", "line"},
    ),
    (
        "Release",
        "held",
        {"lines": [{"line": 1, "quantity": 4}]},
        Kind.UNMET,
        "RESERVATION_LINE_EXCEEDED",
        {"reservation", "line", "requested", "open"},
    ),
    (
        "Transfer",
        "short",
        TO_REP,
        Kind.UNMET,
        "INSUFFICIENT_ON_HAND",
        {"sku", "location", "requested", "on_hand", "lines"},
    ),
    (
        "Fulfil",
        "short",
        {},
        Kind.UNMET,
        "INSUFFICIENT_ON_HAND",
        {"sku", "location", "requested", "on_hand", "lines"},
    ),
]


async def brought_to(acme: Caller, state: str) -> str:
    """The name of a reservation of 3 units in a state; `short` is confirmed, but its units are gone."""
    if state == "nobody":
        return NOBODY
    await acme.receive("A", 3)
    promise = await acme.reserve(("A", 3), hold_seconds=1 if state == "expired" else 900)
    name = promise.reservation
    if state in ("confirmed", "fulfilled", "short"):
        await acme.do("Confirm", reservation=name)
    if state == "fulfilled":
        await acme.do("Fulfil", reservation=name)
    if state == "released":
        await acme.do("Release", reservation=name)
    if state == "short":
        await acme.record(movement(SHIP, "A", 1))
    if state == "expired":

        async def ended() -> bool:
            return (await acme.reservation(name)).state == EXPIRED

        await eventually(ended)
    return name


@pytest.mark.parametrize(
    ("method", "state", "fields", "kind", "reason", "numbers"),
    REFUSED,
    ids=[f"{each[0]}-{each[4]}-{each[1]}" for each in REFUSED],
)
async def test_refusals_have_their_reason_and_numbers(
    acme: Caller, method: str, state: str, fields: dict[str, Any], kind: Kind, reason: str, numbers: set[str]
) -> None:
    """Each thing that cannot be done to a reservation is refused as documented, and changes nothing."""
    name = await brought_to(acme, state)
    before = await acme.head()
    told = await acme.refused(method, reservation=name, **fields)
    assert (told.kind, told.reason, set(told.metadata)) == (kind, reason, numbers)
    assert told.metadata.get("reservation", name) == name
    assert await acme.head() == before


async def test_short_lines_are_all_told(acme: Caller) -> None:
    """A refused reservation lists every short line; lines of the same stock item draw on the same units."""
    await acme.receive("A", 3)
    await acme.receive("B", 1)
    told = await acme.refused("Reserve", draft=draft(("A", 2), ("B", 2), ("A", 2), ("C", 1)))
    assert (told.kind, told.reason) == (Kind.UNMET, "INSUFFICIENT_STOCK")
    assert [each.field for each in told.violations] == ["draft.lines[1]", "draft.lines[2]", "draft.lines[3]"]
    assert told.metadata == {
        "sku": "B", "location": "W1", "requested": "2", "available": "1", "lines": "3",
        "revision": str((await acme.head()).number),
    }  # fmt: skip
    assert await acme.balance("A") == (3, 0, 3, 0)


@pytest.mark.parametrize("condition", [2, 3])
async def test_only_sellable_goods_are_promised(acme: Caller, condition: int) -> None:
    """Goods on hold or damaged are there but not available."""
    goods = item("A", condition=condition)
    await acme.receive(goods, 5)
    assert await acme.balance(goods) == (5, 0, 0, 0)
    assert (await acme.refused("Reserve", draft=draft((goods, 1)))).metadata["available"] == "0"


async def test_partial_takes_what_there_is(acme: Caller) -> None:
    """In partial mode each line gets what there is, a line of nothing keeps its place; only nothing is refused."""
    await acme.receive("A", 3)
    promise = await acme.reserve(("C", 2), ("A", 5), ("A", 1), mode=PARTIAL)
    assert [units(promise, line)[:2] for line in (1, 2, 3)] == [(0, 0), (3, 3), (0, 0)]
    assert [each.requested for each in promise.lines] == [2, 5, 1]
    assert await acme.reservation(promise.reservation) == promise
    assert (await acme.refused("Reserve", draft=draft(("A", 1), mode=PARTIAL))).reason == "INSUFFICIENT_STOCK"
    ended = (await acme.do("Release", reservation=promise.reservation)).reservation
    assert (ended.state, units(ended, 2)) == (RELEASED, (3, 0, 0, 3))
    assert await acme.verify() == []


async def test_partial_needs_places_that_exist(acme: Caller) -> None:
    """A line at a location that does not exist is not a line of nothing: the order is refused."""
    await acme.receive("A", 3)
    told = await acme.refused("Reserve", draft=draft(("A", 1), (item("A", "nowhere"), 1), mode=PARTIAL))
    assert (told.reason, told.violations[0].field) == ("INSUFFICIENT_STOCK", "draft.lines[1]")


async def test_a_batch_has_an_outcome_for_each(acme: Caller) -> None:
    """Drafts are decided in their order, each on what the earlier ones left, in one commit."""
    await acme.receive("A", 5)
    before = await acme.head()
    done = await acme.do("ReserveBatch", drafts=[draft(("A", 3)), draft(("A", 3)), draft(("A", 2))])
    first, second, third = done.outcomes
    assert (first.reservation.lines[0].quantity, third.reservation.lines[0].quantity) == (3, 2)
    assert second.refusal.reason == "INSUFFICIENT_STOCK"
    [short] = second.refusal.short_lines
    assert (short.line, short.requested, short.available, short.stock_item.product.sku) == (1, 3, 2, "A")
    assert done.revision.number == before.number + 1
    assert await acme.balance("A") == (5, 5, 0, 0)


async def test_an_atomic_batch_is_all_or_none(acme: Caller) -> None:
    """One short draft refuses all of an atomic batch, naming every short line; without one all are made."""
    await acme.receive("A", 5)
    drafts = [draft(("A", 3)), draft(("A", 3)), draft(("B", 1), ("A", 1))]
    told = await acme.refused("ReserveBatch", drafts=drafts, atomic=True)
    assert [each.field for each in told.violations] == ["drafts[1].lines[0]", "drafts[2].lines[0]"]
    assert await acme.balance("A") == (5, 0, 5, 0)
    assert not (await acme.do("ListReservations")).reservations
    done = await acme.do("ReserveBatch", drafts=[*drafts[:1], draft(("A", 2))], atomic=True)
    assert len(done.outcomes) == 2
    assert await acme.balance("A") == (5, 5, 0, 0)
