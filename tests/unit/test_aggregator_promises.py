"""How the ledger is asked to promise: under one request id until it is known what became of it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256

import grpc
import pytest

from weir.common.v1.revision_pb2 import Revision
from weir.ledger.v1 import reservation_pb2
from weir.ledger.v1 import reservation_service_pb2 as pb
from weir_aggregator.domain import Purpose, Recorded, Reserve
from weir_aggregator.errors import LinesExhausted
from weir_aggregator.peers import promises
from weir_aggregator.peers.promises import LINES_MAX, PeerPromises
from weir_aggregator.ports import Counted, Overtaken, Reserved
from weir_aggregator.wire import recorded
from weir_allocation.fulfilment.model import Allocation, Line, Objective, Plan, Terms, Wish
from weir_allocation.sharing import NO_SHARING
from weir_allocation.stock import StockItem
from weir_chassis import call, status
from weir_chassis.auth import Principal, Role
from weir_chassis.client import Peer
from weir_chassis.errors import CallAborted, Kind, Malformed, PeerAway, RecordedRefusal, Refusal

BIKE = ("", "BIKE")
ITEM = StockItem(*BIKE, "FR")
ASKED = Reserve("an order", b"digest", Wish((Line(BIKE, 2),)), "shop", 60.5, "A")


def planned(lines: int = 1, *, locations: int = 1) -> Recorded:
    """A plan of so many lines, under terms that reach so many locations."""
    allocations = tuple(Allocation(0, replace(ITEM, lot=f"{line}"), 2, BIKE) for line in range(lines))
    reach = frozenset(f"{number:x}" * 32 for number in range(locations))
    return Recorded(
        ASKED.wish,
        "shop",
        Terms(NO_SHARING, {BIKE: reach}),
        tuple(Purpose(0, BIKE) for _ in range(lines)),
        Plan(allocations, (), Objective(2, 1, 0, 0, 0, 0, 0, 0), True, 2, 1),
    )


def error(refusal: Refusal | None) -> grpc.aio.AioRpcError:
    """How a call ends that is refused; of a connection that is lost without a word where there is no refusal."""
    if refusal is None:
        return grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), "lost")
    ending = status.refused(refusal)
    return grpc.aio.AioRpcError(ending.code, grpc.aio.Metadata(), grpc.aio.Metadata(*ending.trailers), ending.message)


def refusal(kind: Kind, reason: str, **metadata: str) -> RecordedRefusal:
    """A refusal of the ledger."""
    return RecordedRefusal(kind, reason, "Refused.", violations=(), retry_after_seconds=None, metadata=metadata)


class Ledger:
    """Answers with what it is given, one after the other; the last again and again."""

    def __init__(self, *endings: grpc.aio.AioRpcError | bytes | None) -> None:
        """An error, the plan that is kept of an earlier arrival, or None: as asked."""
        self.endings = list(endings)
        self.asked: list[pb.ReserveRequest] = []

    async def Reserve(self, request: pb.ReserveRequest) -> pb.ReserveResponse:
        """Keep what was asked, and end as given."""
        self.asked.append(request)
        ending = self.endings.pop(0) if len(self.endings) > 1 else self.endings[0]
        if isinstance(ending, grpc.aio.AioRpcError):
            raise ending
        lines = [
            reservation_pb2.ReservationLine(stock_item=each.stock_item, open=each.quantity)
            for each in request.draft.lines
        ]
        return pb.ReserveResponse(
            reservation=reservation_pb2.Reservation(reservation="made", lines=lines),
            revision=Revision(context="ledger", number=7),
            plan=request.draft.plan if ending is None else ending,
        )

    async def GetReserveOutcome(self, request: pb.GetReserveOutcomeRequest) -> pb.GetReserveOutcomeResponse:
        """End as given."""
        ending = self.endings.pop(0)
        assert isinstance(ending, grpc.aio.AioRpcError)
        raise ending


@pytest.fixture
async def asking(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PeerPromises]:
    """A caller of a ledger that is made up, who does not pause."""
    monkeypatch.setattr(promises, "_PAUSE_SECONDS", 0.0)
    async with Peer("127.0.0.1:1") as unused:
        with call.acting(call.Call("a call", Principal("acme", "caller", Role.OPERATOR), time.monotonic() + 60)):
            yield PeerPromises(unused)


def given(asking: PeerPromises, *endings: grpc.aio.AioRpcError | bytes | None) -> Ledger:
    """Let the ledger end calls so."""
    ledger = Ledger(*endings)
    asking._reservations = ledger  # type: ignore[assignment]
    return ledger


async def reserve(asking: PeerPromises, by: Recorded, *counted: Counted) -> Reserved:
    """Ask for what is planned; nothing of it waits, and nothing counts under a claim but what is said."""
    assert by.plan is not None
    return await asking.reserve(ASKED, by, counted or [None] * len(by.plan.allocations), None)


async def test_what_is_asked(asking: PeerPromises) -> None:
    """Lines are the allocations of the plan, all or none; hold, order, channel and digest are the order's."""
    ledger = given(asking, None)
    done = await reserve(asking, by := planned())
    assert done.recorded is by
    [request] = ledger.asked
    assert (request.request_id, request.digest, request.draft.order, request.draft.channel) == (
        "an order", b"digest", "A", "shop",
    )  # fmt: skip
    assert (request.draft.hold_duration.seconds, request.draft.hold_duration.nanos) == (60, 500_000_000)
    assert [(each.stock_item.location, each.quantity) for each in request.draft.lines] == [("FR", 2)]
    assert not request.HasField("waiting")


async def test_what_counts_under_a_claim(asking: PeerPromises) -> None:
    """Each line carries its claim, with what a unit counts and no ceiling of its own: that of the ledger holds. That
    it is reached is told as stock that moved, with the revision by which it is."""
    ledger = given(asking, None)
    await asking.reserve(ASKED, planned(3), [Counted("web", 1), None, Counted("web", 2)], None)
    lines = ledger.asked[0].draft.lines
    assert [[(each.claim, each.weight) for each in line.claims] for line in lines] == [[("web", 1)], [], [("web", 2)]]
    assert not any(each.HasField("ceiling") for line in lines for each in line.claims)
    given(asking, error(refusal(Kind.UNMET, "CLAIM_EXHAUSTED", revision="9")))
    with pytest.raises(Overtaken) as overtaken:
        await reserve(asking, planned(), Counted("web", 1))
    assert overtaken.value.number == 9


async def test_what_became_of_it_is_found_out(asking: PeerPromises) -> None:
    """A call that was lost, or given up inside the ledger, is repeated as it is; for ever it is not."""
    ledger = given(asking, error(None), error(CallAborted()), None)
    await reserve(asking, planned())
    assert len(ledger.asked) == 3
    assert len({each.SerializeToString(deterministic=True) for each in ledger.asked}) == 1
    ledger = given(asking, error(None))
    with pytest.raises(PeerAway):
        await reserve(asking, planned())
    assert len(ledger.asked) == 3


async def test_what_the_ledger_refuses(asking: PeerPromises) -> None:
    """That stock moved is told with the revision it moved by; everything else is passed on, at once and as it is."""
    for reason, named in (("INSUFFICIENT_STOCK", "revision"), ("BACK_ORDERS_EXHAUSTED", "revision")):
        ledger = given(asking, error(refusal(Kind.UNMET, reason, **{named: "9"})))
        with pytest.raises(Overtaken) as overtaken:
            await reserve(asking, planned())
        assert (overtaken.value.number, len(ledger.asked)) == (9, 1)
    for kind, reason in ((Kind.TAKEN, "REQUEST_ID_REUSED"), (Kind.EXHAUSTED, "HELD_UNITS_EXHAUSTED")):
        ledger = given(asking, error(refusal(kind, reason, limit="3")))
        with pytest.raises(Refusal) as refused:
            await reserve(asking, planned())
        assert (refused.value.reason, refused.value.metadata, len(ledger.asked)) == (reason, {"limit": "3"}, 1)


async def test_nothing_was_made(asking: PeerPromises) -> None:
    """Where the ledger made nothing under the request id, it tells by which revision that is so; one of an older
    version tells none."""
    for told, number in (({"revision": "9"}, 9), ({}, 0)):
        given(asking, error(refusal(Kind.UNKNOWN, "OUTCOME_NOT_FOUND", **told)))
        assert await asking.made(ASKED) == number


async def test_an_earlier_arrival_is_answered(asking: PeerPromises) -> None:
    """Where the ledger answers what it made before, the plan is the one it was made by, with its lines."""
    earlier = planned(locations=3)
    given(asking, recorded.dump(earlier))
    done = await reserve(asking, planned())
    assert done.recorded == earlier


async def test_more_than_can_be_kept_or_promised(asking: PeerPromises) -> None:
    """A plan of too many lines, or under terms that take too much room, is refused before the ledger is asked."""
    ledger = given(asking, None)
    await reserve(asking, planned(LINES_MAX))
    with pytest.raises(LinesExhausted):
        await reserve(asking, planned(LINES_MAX + 1))
    with pytest.raises(Malformed) as refused:
        await reserve(asking, replace(planned(), wish=large()))
    assert [each.field for each in refused.value.violations] == ["wish"]
    assert len(ledger.asked) == 1


def large() -> Wish:
    """A wish that cannot be made small."""
    return replace(ASKED.wish, distances={sha256(bytes(number)).hexdigest() * 2: number for number in range(4000)})
