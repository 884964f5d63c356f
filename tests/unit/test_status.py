"""A refusal is the same after it went over the wire, and nothing else looks like one."""

from __future__ import annotations

import grpc
import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from weir_chassis import status
from weir_chassis.errors import Draining, Kind, Malformed, NotCaughtUp, PeerAway, Refusal, TokenMissing, Violation

ALL_KINDS = list(Kind)


def failed(ending: status.Ending) -> grpc.aio.AioRpcError:
    """The error that a client gets for an ending."""
    return grpc.aio.AioRpcError(ending.code, grpc.aio.Metadata(), grpc.aio.Metadata(*ending.trailers), ending.message)


def refusal_of(kind: Kind) -> Refusal:
    """A refusal of a kind, with everything a refusal can have."""

    class Some(Refusal):
        reason = "SOME_REASON"

    Some.kind = kind
    violations = [Violation("lines[0]", "Not this one.", "WHY"), Violation("lines[1]", "Nor this one.", "WHY")]
    return Some("A sentence of 7.", violations=violations, retry_after_seconds=1.5, seven=7, name="ä")


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_round_trip(kind: Kind) -> None:
    """Whatever its kind, a refusal is told and read back word for word."""
    refusal = refusal_of(kind)
    ending = status.refused(refusal)
    assert ending.code is grpc.StatusCode[kind.value]
    told = status.told(failed(ending))
    assert told is not None
    assert told.to_record() == refusal.to_record()
    assert status.reason(failed(ending)) == "SOME_REASON"


def test_bare_refusal() -> None:
    """A refusal without anything more carries its reason alone."""
    [(key, raw)] = status.refused(TokenMissing()).trailers
    assert key == "grpc-status-details-bin"
    assert len(Status.FromString(raw).details) == 1


def test_only_ours_is_told() -> None:
    """A lost connection, an accident, details that are broken or of another domain are no refusals."""
    assert status.told(grpc.RpcError()) is None
    assert status.reason(grpc.RpcError()) == ""
    unavailable = status.Ending(grpc.StatusCode.UNAVAILABLE, "lost", ())
    assert status.told(failed(unavailable)) is None
    assert status.told(failed(status.accident("7"))) is None
    broken = status.Ending(grpc.StatusCode.NOT_FOUND, "x", ((status.DETAILS, b"\xff\xff"),))
    assert status.told(failed(broken)) is None
    empty = status.Ending(grpc.StatusCode.NOT_FOUND, "x", ((status.DETAILS, Status().SerializeToString()),))
    assert status.told(failed(empty)) is None


def test_passed_on() -> None:
    """What a peer refused is passed on, unless it refused us; that it is away is told as that."""
    passed = status.passed_on(failed(status.refused(NotCaughtUp())))
    assert passed is not None
    assert passed.reason == "NOT_CAUGHT_UP"
    assert status.passed_on(failed(status.refused(TokenMissing()))) is None
    assert isinstance(status.passed_on(failed(status.Ending(grpc.StatusCode.UNAVAILABLE, "", ()))), PeerAway)
    assert isinstance(status.passed_on(failed(status.overdue())), PeerAway)
    assert status.passed_on(failed(status.accident("7"))) is None
    drained = status.passed_on(failed(status.refused(Draining())))
    assert drained is not None
    assert drained.retry_after_seconds == 0


def test_size_is_bounded() -> None:
    """However much is wrong, what is told fits into a trailer; the first violations are kept."""
    ending = status.refused(Malformed([Violation("ü" * 100, "ü" * 500) for _ in range(1000)]))
    assert sum(len(value) for _, value in ending.trailers) + len(ending.message.encode()) < 6 * 1024
    told = status.told(failed(ending))
    assert told is not None
    assert 0 < len(told.violations) < 10
