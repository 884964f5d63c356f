"""Absolute figures of a warehouse become counts, however late they come and whatever it had left out of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.ledger import ADJUST, COUNT, RECEIVE, SHIP, TRANSFER, Caller, Ledger, item, movement
from tests.kit.snapshots import AVAILABLE, imported, kept, line, lines, moment, opening
from weir.ledger.v1 import ledger_pb2, snapshot_pb2

HANDED_OVER, ALL, NONE = (
    snapshot_pb2.SNAPSHOT_DEDUCTION_HANDED_OVER, snapshot_pb2.SNAPSHOT_DEDUCTION_ALL,
    snapshot_pb2.SNAPSHOT_DEDUCTION_NONE,
)  # fmt: skip
BEFORE, AS_OF, AFTER, LATER = 60, 90, 120, 150
"""Moments of a story, in seconds from now: what is recorded now has happened before all of them."""


async def report(caller: Caller, quantity: int, deduction: int = HANDED_OVER, what: str = "A") -> None:
    """A warehouse calls `quantity` units available as of the moment of the story."""
    told = opening(basis=AVAILABLE, deduction=deduction, as_of_time=moment(AS_OF), lines=lines((what, quantity)))
    done = await imported(caller, told)
    assert done.snapshot_import.applied == 1, done


async def handed_over(caller: Caller, reservation: str, seconds: float, *numbers: int) -> None:
    """Mark lines as handed over at a moment."""
    await caller.do("MarkHandedOver", reservation=reservation, lines=numbers, handed_over_time=moment(seconds))


async def promised(caller: Caller) -> tuple[str, str]:
    """The worked example: 10 on hand, a reservation of 4 handed over before the figure, and one of 2 after it."""
    await caller.receive("A", 10)
    four, two = await caller.confirmed(("A", 4)), await caller.confirmed(("A", 2))
    await handed_over(caller, four.reservation, BEFORE)
    await handed_over(caller, two.reservation, AFTER)
    return four.reservation, two.reservation


async def test_units_on_hand(acme: Caller) -> None:
    """Figures of units on hand are the counts, whatever is promised; each is one COUNT against ADJUSTMENT that bears
    the request id, the reference and the moment."""
    await acme.receive("A", 10)
    await acme.reserve(("A", 4))
    told = opening(request_id="night", reference="count 17", lines=lines(("A", 7), ("B", 2), ("C", 0)))
    done = await imported(acme, told)
    assert (done.snapshot_import.applied, done.snapshot_import.next_line, len(done.refused_lines)) == (3, 4, 0)
    assert await acme.balance("A") == (7, 4, 3, 0)
    assert await acme.balance("B") == (2, 0, 2, 0)
    assert await acme.balance("C") == (0, 0, 0, 0)
    counted = await acme.entries(kinds=[COUNT])
    stock = [each for each in counted if each.account == ledger_pb2.ACCOUNT_STOCK]
    assert [each.on_hand_delta for each in stock] == [-3, 2, 0]
    assert sorted(each.on_hand_delta for each in counted if each not in stock) == [-2, 3]
    assert {each.account for each in counted if each not in stock} == {ledger_pb2.ACCOUNT_ADJUSTMENT}
    assert {(each.request_id, each.reference) for each in counted} == {("night", "count 17")}
    assert {each.occurred_time.ToNanoseconds() // 1000 for each in counted} == {
        told.feed.as_of_time.ToNanoseconds() // 1000
    }
    assert {each.revision for each in counted} == {done.revision.number - 1}
    assert await acme.verify() == []


async def test_the_worked_example(acme: Caller) -> None:
    """5 available as of a moment when 4 were handed over and 2 not yet: 9 on hand, 6 reserved, 3 available."""
    await promised(acme)
    await report(acme, 5)
    assert await acme.balance("A") == (9, 6, 3, 0)


async def test_the_worked_example_with_a_shipment(acme: Caller) -> None:
    """Had the 4 been shipped after the moment: 5 on hand, 2 reserved, and 3 available again."""
    four, _ = await promised(acme)
    await acme.do("Fulfil", reservation=four, occurred_time=moment(AFTER))
    await report(acme, 5)
    assert await acme.balance("A") == (5, 2, 3, 0)


@pytest.mark.parametrize(("deduction", "on_hand"), [(HANDED_OVER, 9), (ALL, 11), (NONE, 5), (0, 9)])
async def test_what_the_warehouse_leaves_out(acme: Caller, deduction: int, on_hand: int) -> None:
    """Added are the units handed over by then, all that were promised, or none, as the feed says; the first unless it
    says so."""
    await promised(acme)
    await report(acme, 5, deduction)
    assert (await acme.balance("A"))[0] == on_hand


async def newest(caller: Caller) -> datetime:
    """When the newest entry was recorded."""
    return (await caller.entries())[-1].recorded_time.ToDatetime(UTC)


@pytest.mark.parametrize(("deduction", "on_hand"), [(HANDED_OVER, 9), (ALL, 11), (NONE, 5)])
async def test_given_up_since(acme: Caller, deduction: int, on_hand: int) -> None:
    """Units that were promised at the moment of the figure count, though they were given up before it was imported."""
    await acme.receive("A", 10)
    four, two = await acme.confirmed(("A", 4)), await acme.reserve(("A", 2))
    then = await newest(acme)
    await acme.do("MarkHandedOver", reservation=four.reservation, handed_over_time=then)
    await acme.do("MarkHandedOver", reservation=two.reservation, handed_over_time=then + timedelta(microseconds=1))
    await acme.do("Release", reservation=four.reservation, lines=[{"line": 1, "quantity": 3}])
    await acme.do("Release", reservation=two.reservation)
    told = opening(basis=AVAILABLE, deduction=deduction, as_of_time=then, lines=lines(("A", 5)))
    assert (await imported(acme, told)).snapshot_import.applied == 1
    assert (await acme.balance("A"))[:2] == (on_hand, 1)


async def test_promised_since(acme: Caller) -> None:
    """Units that were promised after the moment of the figure do not count, whenever they were handed over."""
    await acme.receive("A", 10)
    then = await newest(acme)
    made = await acme.reserve(("A", 4))
    await acme.do("MarkHandedOver", reservation=made.reservation, handed_over_time=then)
    told = opening(basis=AVAILABLE, deduction=ALL, as_of_time=then, lines=lines(("A", 5)))
    await imported(acme, told)
    assert (await acme.balance("A"))[:2] == (5, 4)


async def test_promised_and_ended_since(acme: Caller) -> None:
    """A promise that began and ended after the moment is no promise at it; what went out with it went out since."""
    await acme.receive("A", 10)
    then = await newest(acme)
    made = await acme.confirmed(("A", 4))
    await acme.do("Fulfil", reservation=made.reservation)
    await imported(acme, opening(basis=AVAILABLE, deduction=ALL, as_of_time=then, lines=lines(("A", 10))))
    assert await acme.balance("A") == (6, 0, 6, 0)


async def test_handed_over_in_part(acme: Caller) -> None:
    """Of a reservation of several lines those count that were handed over by then; of lines of several stock items each
    counts for its own."""
    await acme.record(movement(COUNT, "A", 10), movement(COUNT, "B", 10))
    made = await acme.confirmed(("A", 1), ("A", 2), ("B", 4))
    await handed_over(acme, made.reservation, BEFORE, 2, 3)
    await handed_over(acme, made.reservation, AFTER, 1)
    told = opening(basis=AVAILABLE, as_of_time=moment(AS_OF), lines=lines(("A", 5), ("B", 5)))
    await imported(acme, told)
    assert (await acme.balance("A"))[0] == 7
    assert (await acme.balance("B"))[0] == 9


async def test_fulfilled_in_part_since(acme: Caller) -> None:
    """Of a line that was handed over all counts that was open at the moment, though some has gone out since."""
    await acme.receive("A", 10)
    made = await acme.confirmed(("A", 6))
    await handed_over(acme, made.reservation, BEFORE)
    await acme.do("Fulfil", reservation=made.reservation, lines=[{"line": 1, "quantity": 1}])
    await acme.do(
        "Fulfil", reservation=made.reservation, lines=[{"line": 1, "quantity": 2}], occurred_time=moment(AFTER)
    )
    await report(acme, 4)
    assert await acme.balance("A") == (4 + 5 - 2, 3, 4, 0)


async def test_what_moved_since_is_added_again(acme: Caller) -> None:
    """Movements after the moment are applied on top, those up to it are in the figure; what was recorded late, and by a
    clock that runs ahead, goes by when it happened."""
    await acme.receive("A", 100)
    at = moment(AS_OF)
    await acme.record(
        movement(SHIP, "A", 1, occurred_time=at - timedelta(microseconds=1)),
        movement(SHIP, "A", 2, occurred_time=at),
        movement(SHIP, "A", 4, occurred_time=at + timedelta(microseconds=1)),
        movement(ADJUST, "A", -8, occurred_time=moment(LATER)),
        movement(RECEIVE, "A", 16, occurred_time=at - timedelta(days=40)),
        movement(TRANSFER, "A", 32, destination=item("A", custodian="rep"), occurred_time=moment(LATER)),
    )
    await imported(acme, opening(as_of_time=at, lines=lines(("A", 50))))
    assert (await acme.balance("A"))[0] == 50 - 4 - 8 - 32
    assert await acme.verify() == []


async def test_a_late_figure(acme: Caller) -> None:
    """A figure of a moment that has long passed is right all the same: all that was recorded since goes on top."""
    await acme.receive("A", 10)
    then = await newest(acme)
    await acme.ship("A", 3)
    await acme.receive("A", 5, request_id="late")
    await imported(acme, opening(as_of_time=then, lines=lines(("A", 11))))
    assert (await acme.balance("A"))[0] == 11 - 3 + 5


async def test_stale_lines_are_kept(acme: Caller) -> None:
    """What comes out of order is kept on record and changes nothing, whether a snapshot or a COUNT was later."""
    await acme.count("B", 7)
    newer = opening(as_of_time=moment(-10), lines=lines(("A", 5)))
    older = opening(as_of_time=moment(-20), lines=[line("A", 9), line("B", 9), line("C", 9)])
    same = opening(as_of_time=newer.feed.as_of_time, lines=lines(("A", 8)))
    assert (await imported(acme, newer)).snapshot_import.applied == 1
    done = (await imported(acme, older)).snapshot_import
    assert (done.applied, done.stale, done.refused) == (1, 2, 0)
    assert (await imported(acme, same)).snapshot_import.stale == 1
    assert [(await acme.balance(sku))[0] for sku in "ABC"] == [5, 7, 9]
    found = await kept(acme, older.request_id)
    assert [(each.line, each.state, each.reason, each.message) for each in found] == [
        (1, snapshot_pb2.SNAPSHOT_LINE_STATE_STALE, "", ""),
        (2, snapshot_pb2.SNAPSHOT_LINE_STATE_STALE, "", ""),
    ]
    assert [each.snapshot_line for each in found] == list(older.lines)[:2]


async def test_lines_of_moments_of_their_own(acme: Caller) -> None:
    """A line's own moment counts before the feed's: of one stock item in one message the newest figure stands, in
    whatever order they come."""
    told = [line("A", 1, as_of_time=moment(-30)), line("A", 2, as_of_time=moment(-10)), line("A", 3)]
    done = await imported(acme, opening(as_of_time=moment(-20), lines=told))
    assert (done.snapshot_import.applied, done.snapshot_import.stale) == (2, 1)
    assert (await acme.balance("A"))[0] == 2


async def test_figures_that_contradict_what_moved(acme: Caller) -> None:
    """A figure of fewer units than have gone out since is refused with both numbers, and nothing is lost."""
    await acme.receive("A", 10)
    then = await newest(acme)
    await acme.ship("A", 7)
    done = await imported(acme, opening(as_of_time=then, lines=lines(("A", 5), ("B", 1))))
    (refused,) = done.refused_lines
    assert (refused.line, refused.reason) == (1, "INSUFFICIENT_ON_HAND")
    assert "5" in refused.message
    assert "7" in refused.message
    assert [(await acme.balance(sku))[0] for sku in "AB"] == [3, 1]


async def test_history_that_was_put_away(acme: Caller, owner: Owner) -> None:
    """A figure from before the oldest history kept is refused where anything was ever booked, for what moved since is
    not known; of new stock items, and from then on, figures are applied."""
    await acme.receive("A", 10)
    then = await newest(acme)
    await acme.ship("A", 3)
    await owner.execute(
        "INSERT INTO horizons SELECT tenant, revision, recorded_at, digest FROM commits"
        " WHERE tenant = $1 ORDER BY revision DESC LIMIT 1",
        acme.tenant,
    )
    done = await imported(acme, opening(as_of_time=then, lines=lines(("A", 10), ("B", 4))))
    (refused,) = done.refused_lines
    assert (refused.line, refused.reason) == (1, "REVISION_COMPACTED")
    await imported(acme, opening(as_of_time=await newest(acme), lines=lines(("A", 9))))
    assert [(await acme.balance(sku))[0] for sku in "AB"] == [9, 4]


async def test_a_shortfall_is_told(acme: Caller) -> None:
    """A figure that leaves less than is promised is a fact: it is applied, and the shortfall is open in that commit."""
    await acme.receive("A", 10)
    await acme.reserve(("A", 8))
    await imported(acme, opening(lines=lines(("A", 5))))
    assert await acme.balance("A") == (5, 8, 0, 3)
    (short,) = (await acme.do("ListShortfalls")).shortfalls
    assert (short.on_hand, short.reserved, short.shortfall) == (5, 8, 3)


async def test_two_tenants_one_request_id(acme: Caller, service: Ledger) -> None:
    """Imports of two tenants under one request id know nothing of each other."""
    other = service.caller()
    await other.place("W1")
    told = opening(request_id="same", lines=lines(("A", 5)))
    await asyncio.gather(imported(acme, told), imported(other, told))
    await imported(other, opening(request_id="of one", lines=lines(("A", 6))))
    assert await acme.balance("A") == (5, 0, 5, 0)
    assert (await acme.refused("GetSnapshotImport", request_id="of one")).reason == "SNAPSHOT_NOT_FOUND"
    assert (await acme.refused("ListSnapshotLines", request_id="of one")).reason == "SNAPSHOT_NOT_FOUND"
