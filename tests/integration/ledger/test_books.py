"""Movements over the wire, and an audit that finds whatever is wrong with the books and nothing else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.ledger import (
    ADJUST,
    CONSUME,
    COUNT,
    RECEIVE,
    RETURN,
    SHIP,
    TRANSFER,
    Caller,
    counts,
    item,
    movement,
    outcomes,
    request,
)
from weir.ledger.v1.ledger_pb2 import Difference
from weir_chassis.errors import Kind


async def test_every_movement_moves_its_units(acme: Caller) -> None:
    """Each kind of movement takes units from one account and puts them into another."""
    await acme.place("W2")
    steps: list[tuple[int, int, int, int | None]] = [
        (RECEIVE, 10, 10, 2),
        (SHIP, 3, 7, 3),
        (RETURN, 1, 8, 3),
        (CONSUME, 2, 6, 4),
        (ADJUST, -1, 5, 5),
        (ADJUST, 4, 9, 5),
        (COUNT, 7, 7, 5),
        (COUNT, 7, 7, None),
        (COUNT, 0, 0, 5),
    ]
    for kind, quantity, on_hand, account in steps:
        answer = await acme.record(movement(kind, "A", quantity))
        assert [counts(each)[0] for each in answer.balances] == [on_hand]
        lines = await acme.entries(after_revision=answer.revision.number - 1)
        assert [each.account for each in lines] == ([1] if account is None else [1, account])
        assert sum(each.on_hand_delta for each in lines) == 0
        assert {each.kind for each in lines} == {kind}
    assert await acme.verify() == []


async def test_a_transfer_changes_place_custodian_or_condition(acme: Caller) -> None:
    """A transfer takes units from one stock item and puts them into another of the same product."""
    await acme.place("W2")
    await acme.receive("A", 10)
    for destination in (item("A", "W2"), item("A", custodian="rep"), item("A", condition=2)):
        answer = await acme.record(movement(TRANSFER, "A", 2, destination=destination))
        assert [each.on_hand for each in answer.balances][1] == 2
    assert (await acme.balance("A"))[0] == 4
    assert await acme.verify() == []


async def test_movements_happen_in_their_order_and_together(acme: Caller) -> None:
    """Movements of a request see those before them, share a revision, and are answered in order of first touch."""
    answer = await acme.record(
        movement(RECEIVE, "A", 5), movement(SHIP, "A", 5), movement(RECEIVE, "B", 1), movement(COUNT, "A", 2)
    )
    assert [(each.stock_item.product.sku, each.on_hand) for each in answer.balances] == [("A", 2), ("B", 1)]
    assert {each.revision for each in await acme.entries()} == {answer.revision.number}
    assert {each.changed_revision for each in answer.balances} == {answer.revision.number}


async def test_all_movements_or_none(acme: Caller) -> None:
    """Where some movements take more than there is all are refused, each is named, and nothing has changed."""
    await acme.receive("A", 5)
    before = await acme.export()
    told = await acme.refused(
        "RecordMovements",
        movements=[movement(SHIP, "A", 4), movement(SHIP, "A", 2), movement(RECEIVE, "C", 1), movement(CONSUME, "B", 1),
                   movement(ADJUST, "B", -7)],
    )  # fmt: skip
    assert (told.kind, told.reason) == (Kind.UNMET, "INSUFFICIENT_ON_HAND")
    assert [each.field for each in told.violations] == ["movements[1]", "movements[3]", "movements[4]"]
    assert told.metadata == {"sku": "A", "location": "W1", "requested": "2", "on_hand": "1", "lines": "3"}
    assert await acme.export() == before


async def test_facts_win_over_promises(acme: Caller) -> None:
    """Promised units protect nothing: they can be shipped, and the shortfall is told at once."""
    await acme.receive("A", 5)
    await acme.confirmed(("A", 5))
    answer = await acme.ship("A", 3)
    assert counts(answer.balances[0]) == (2, 5, 0, 3)


async def test_when_it_happened_and_what_for(acme: Caller) -> None:
    """An entry keeps when it happened, when it was learned of, the caller's reference and the request."""
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    await acme.record(
        movement(RECEIVE, "A", 5, occurred_time=moment, reference="note 7"), movement(RECEIVE, "B", 5), request_id="r7"
    )
    first, _, second, _ = await acme.entries()
    assert first.occurred_time.ToDatetime(UTC) == moment
    assert (first.reference, first.request_id) == ("note 7", "r7")
    assert second.occurred_time == second.recorded_time == first.recorded_time
    assert abs(first.recorded_time.ToDatetime(UTC) - datetime.now(UTC)) < timedelta(minutes=5)


async def test_unknown_stock_items_are_not_found(acme: Caller) -> None:
    """A stock item that was never booked has no balance, not one of zero."""
    told = await acme.refused("GetBalance", stock_item=item("A"))
    assert (told.kind, told.reason, told.metadata) == (
        Kind.UNKNOWN,
        "BALANCE_NOT_FOUND",
        {"sku": "A", "location": "W1"},
    )


async def test_a_balance_has_an_end(acme: Caller, owner: Owner) -> None:
    """What would pass the largest count is refused with both numbers; up to there it fits."""
    await acme.receive("A", 1)
    most = 9 * 10**18
    await owner.execute("UPDATE balances SET on_hand = $2 WHERE tenant = $1", acme.tenant, most - 5)
    told = await acme.refused("RecordMovements", movements=[movement(RECEIVE, "A", 6)])
    assert (told.kind, told.reason) == (Kind.UNMET, "BALANCE_OVERFLOW")
    assert told.metadata == {"sku": "A", "location": "W1", "on_hand": str(most - 5), "requested": "6"}
    await acme.receive("A", 5)
    assert (await acme.balance("A"))[0] == most


CORRUPTIONS: list[tuple[str, list[str], set[int]]] = [
    ("a balance grew", ["UPDATE balances SET on_hand = on_hand + 1 WHERE tenant = $1 AND sku = 'A'"],
     {Difference.LAW_ON_HAND}),
    ("a balance went", ["DELETE FROM balances WHERE tenant = $1 AND sku = 'D'"],
     {Difference.LAW_ON_HAND, Difference.LAW_RESERVED}),
    ("a promise was forgotten", ["UPDATE balances SET reserved = 0 WHERE tenant = $1 AND sku = 'A'"],
     {Difference.LAW_RESERVED, Difference.LAW_OPEN_LINES}),
    ("an entry of a promise changed",
     ["UPDATE entries SET reserved_delta = reserved_delta + 1 WHERE tenant = $1 AND kind = 8 AND reserved_delta = 3"],
     {Difference.LAW_RESERVED, Difference.LAW_CHAIN}),
    ("an entry of a movement changed",
     ["UPDATE entries SET on_hand_delta = on_hand_delta + 1 WHERE tenant = $1 AND account = 1 AND kind = 1"
      " AND on_hand = 10"],
     {Difference.LAW_ON_HAND, Difference.LAW_TRIAL_BALANCE, Difference.LAW_CHAIN}),
    ("an entry tells other counts",
     ["UPDATE entries SET on_hand = on_hand + 1 WHERE tenant = $1 AND account = 1 AND kind = 1 AND on_hand = 10"],
     {Difference.LAW_ON_HAND, Difference.LAW_CHAIN}),
    ("the other side of a movement went",
     ["DELETE FROM entries WHERE tenant = $1 AND account = 2 AND on_hand_delta = -10"],
     {Difference.LAW_TRIAL_BALANCE, Difference.LAW_CHAIN}),
    ("a commit went", ["DELETE FROM commits WHERE tenant = $1 AND revision = 3"],
     {Difference.LAW_REVISIONS, Difference.LAW_CHAIN}),
    ("the head fell back", ["UPDATE tenants SET revision = revision - 1 WHERE tenant = $1"],
     {Difference.LAW_REVISIONS}),
    ("the head ran ahead", ["UPDATE tenants SET revision = revision + 1 WHERE tenant = $1"],
     {Difference.LAW_REVISIONS}),
    ("a line was opened again",
     ["ALTER TABLE reservation_lines DROP CONSTRAINT IF EXISTS reservation_lines_check",
      "UPDATE reservation_lines SET open = open + 1 WHERE tenant = $1 AND quantity = 3"],
     {Difference.LAW_RESERVATION_LINE, Difference.LAW_OPEN_LINES}),
    ("a line lost units",
     ["ALTER TABLE reservation_lines DROP CONSTRAINT IF EXISTS reservation_lines_check",
      "UPDATE reservation_lines SET quantity = quantity - 1 WHERE tenant = $1 AND quantity = 3"],
     {Difference.LAW_RESERVATION_LINE}),
    ("a reservation ended with open lines",
     ["UPDATE reservations SET state = 5 WHERE tenant = $1 AND state = 2"],
     {Difference.LAW_RESERVATION_LINE, Difference.LAW_OPEN_LINES, Difference.LAW_HOLDINGS}),
]  # fmt: skip


@pytest.mark.parametrize(("what", "statements", "laws"), CORRUPTIONS, ids=[each[0] for each in CORRUPTIONS])
async def test_the_audit_finds_what_is_broken(
    acme: Caller, owner: Owner, what: str, statements: list[str], laws: set[int]
) -> None:
    """Each thing that can be broken is found as the law it breaks and no other; and nothing before it was."""
    for sku in "ABCD":
        await acme.receive(sku, 10)
    await acme.confirmed(("A", 3), ("B", 2))
    gone = await acme.confirmed(("A", 1))
    await acme.do("Release", reservation=gone.reservation)
    assert await acme.verify() == []
    for statement in statements:
        await owner.execute(statement, *[acme.tenant] * ("$1" in statement))
    found = await acme.verify()
    assert {each.law for each in found} == laws
    assert all(str(number) in each.sentence for each in found for number in (each.booked, each.computed))
    of_no_item = {Difference.LAW_REVISIONS, Difference.LAW_CHAIN, Difference.LAW_HOLDINGS}
    assert all(each.HasField("stock_item") != (each.law in of_no_item) for each in found if what != "a balance went")


async def test_the_audit_looks_at_one_revision(acme: Caller, twin: Caller) -> None:
    """Audits beside writers find nothing, at whatever moment they come."""
    await acme.receive("A", 10_000)
    over = asyncio.Event()

    async def write(caller: Caller) -> int:
        done = 0
        while not over.is_set():
            promise = await caller.confirmed(("A", 2))
            await outcomes([caller.do("Fulfil", reservation=promise.reservation), caller.receive("A", 1)])
            done += 1
        return done

    writers = [asyncio.create_task(write(each)) for each in (acme, twin, acme)]
    for _ in range(15):
        assert await acme.verify() == []
    over.set()
    assert min(await asyncio.gather(*writers)) > 0


async def test_the_audit_says_what_it_looked_at(acme: Caller) -> None:
    """The summary counts entries, balances and lines of the tenant, and names the revision."""
    await acme.receive("A", 10)
    await acme.reserve(("A", 1), ("A", 2))
    [last] = [each async for each in acme.send("VerifyBooks", request("VerifyBooks"))]
    summary: Any = last.verification
    assert (summary.entries, summary.balances, summary.reservation_lines, summary.differences) == (4, 1, 2, 0)
    assert summary.revision == await acme.head()
