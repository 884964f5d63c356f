"""Hand-overs over gRPC: when each line went to the warehouse, and nothing else changed."""

from __future__ import annotations

import pytest

from tests.kit.ledger import EXPIRED, Caller, eventually
from weir.ledger.v1 import reservation_pb2

MOMENT = {"seconds": 1_700_000_000, "nanos": 123_456_000}
OTHER = "01a200ca-98d0-74cf-9b25-c4403338ded3"


def handed(reservation: reservation_pb2.Reservation) -> list[bool]:
    """Which lines were handed over."""
    return [line.HasField("handed_over_time") for line in reservation.lines]


async def test_handed_over(acme: Caller, twin: Caller) -> None:
    """Lines are handed over when the caller says, or now; it is kept, and told by every read; repeated, the answer is
    that of the first time."""
    await acme.receive("A", 9)
    made = await acme.confirmed(("A", 2), ("A", 2), ("A", 2))
    before = await acme.export()
    first = await acme.do("MarkHandedOver", request_id="once", reservation=made.reservation, lines=[3, 1],
                          handed_over_time=MOMENT)  # fmt: skip
    assert handed(first.reservation) == [True, False, True]
    assert first.reservation.lines[2].handed_over_time.ToNanoseconds() == 1_700_000_000_123_456_000
    assert first.reservation.changed_revision == first.revision.number == before[0].number + 1
    later = await acme.do("MarkHandedOver", reservation=made.reservation)
    assert handed(later.reservation) == [True] * 3
    assert later.reservation.lines[0].handed_over_time.seconds > MOMENT["seconds"]
    assert await acme.reservation(made.reservation) == later.reservation
    listed = (await twin.do("ListReservations")).reservations
    assert [*listed] == [later.reservation]
    again = await twin.do("MarkHandedOver", request_id="once", reservation=made.reservation, lines=[3, 1],
                          handed_over_time=MOMENT)  # fmt: skip
    assert again == first
    assert (await acme.export())[1] == before[1]
    assert await acme.entries(reservation=made.reservation) == await acme.entries(kinds=[8])
    assert await acme.verify() == []


async def test_a_commit_of_its_own(acme: Caller) -> None:
    """A hand-over is a commit without entries, shortfalls or claims; one that only checks is none."""
    await acme.receive("A", 9)
    made = await acme.reserve(("A", 2))
    checked = await acme.do("MarkHandedOver", reservation=made.reservation, validate_only=True)
    assert handed(checked.reservation) == [True]
    assert handed(await acme.reservation(made.reservation)) == [False]
    done = await acme.do("MarkHandedOver", reservation=made.reservation)
    message = (await acme.watched(done.revision.number))[-1]
    assert (len(message.entries), len(message.shortfalls), len(message.claims)) == (0, 0, 0)
    assert message.HasField("recorded_time")


@pytest.mark.parametrize("ender", ["Fulfil", "Release"])
async def test_parts_of_a_line(acme: Caller, ender: str) -> None:
    """What goes out or is given up of a line that was handed over leaves the moment as it is; lines with nothing open
    are not handed over unless named."""
    await acme.receive("A", 9)
    made = await acme.confirmed(("A", 3), ("A", 2))
    await acme.do(ender, reservation=made.reservation, lines=[{"line": 2, "quantity": 2}])
    done = await acme.do("MarkHandedOver", reservation=made.reservation, handed_over_time=MOMENT)
    assert handed(done.reservation) == [True, False]
    part = await acme.do(ender, reservation=made.reservation, lines=[{"line": 1, "quantity": 1}])
    assert part.reservation.lines[0].handed_over_time == done.reservation.lines[0].handed_over_time


async def test_what_cannot_be_handed_over(acme: Caller) -> None:
    """A reservation that is not there, has no such line, has ended or has run out cannot be handed over."""
    await acme.receive("A", 9)
    made = await acme.confirmed(("A", 3))
    assert (await acme.refused("MarkHandedOver", reservation=OTHER)).reason == "RESERVATION_NOT_FOUND"
    told = await acme.refused("MarkHandedOver", reservation=made.reservation, lines=[1, 2])
    assert (told.reason, told.metadata["line"]) == ("RESERVATION_LINE_NOT_FOUND", "2")
    assert handed(await acme.reservation(made.reservation)) == [False]
    await acme.do("Release", reservation=made.reservation)
    told = await acme.refused("MarkHandedOver", reservation=made.reservation)
    assert (told.reason, told.metadata["state"]) == ("RESERVATION_STATE", "RELEASED")
    held = await acme.reserve(("A", 3), hold_seconds=1)

    async def ran_out() -> bool:
        return (await acme.reservation(held.reservation)).state == EXPIRED

    await eventually(ran_out)
    assert (await acme.refused("MarkHandedOver", reservation=held.reservation)).reason == "RESERVATION_EXPIRED"
