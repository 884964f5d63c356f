"""Refusals as gRPC statuses, and back.

A refusal leaves as its kind's status code with one `google.rpc.ErrorInfo` (reason, domain `weir`, the numbers as
metadata) and, where it has them, its violations and the time to wait. `told` reads the same back on the caller's side,
so that a service can pass on what another one refused without a word lost.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import (  # type: ignore[import-untyped]
    BadRequest,
    ErrorInfo,
    PreconditionFailure,
    RetryInfo,
)
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from weir_chassis.errors import Kind, PeerAway, RecordedRefusal, Refusal, Violation

DOMAIN = "weir"
DETAILS = "grpc-status-details-bin"

# Trailers share the 8 KiB that most gRPC implementations accept; violations are cut where they would not fit.
DETAILS_SIZE_MAX = 4 * 1024

_CODES = {kind: grpc.StatusCode[kind.value] for kind in Kind}
_KINDS = {code: kind for kind, code in _CODES.items()}
_LOST = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
_MESSAGE_SIZE_MAX = 512


@dataclass(frozen=True, slots=True)
class Ending:
    """What a call is ended with: the code, the sentence, and the trailing metadata that carries the details."""

    code: grpc.StatusCode
    message: str
    trailers: tuple[tuple[str, bytes], ...]


def refused(refusal: Refusal) -> Ending:
    """How a refusal is told to the caller; violations beyond the size of a trailer are left out, the first ones are
    kept."""
    details: list[Message] = [ErrorInfo(reason=refusal.reason, domain=DOMAIN, metadata=refusal.metadata)]
    if refusal.retry_after_seconds is not None:
        wait = RetryInfo()
        wait.retry_delay.FromMicroseconds(round(refusal.retry_after_seconds * 1_000_000))
        details.append(wait)
    if refusal.violations:
        details.append(_violations(refusal.kind, refusal.violations, reason=refusal.reason))
    return _ending(_CODES[refusal.kind], refusal.message, details)


def accident(incident: str) -> Ending:
    """How an accident is told to the caller: a number that finds the story in the log, and nothing else."""
    info = ErrorInfo(reason="ACCIDENT", domain=DOMAIN, metadata={"incident": incident})
    return _ending(grpc.StatusCode.INTERNAL, f"incident {incident}", [info])


def overdue() -> Ending:
    """How a call is told that it took longer than this service lets a call take."""
    return Ending(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", ())


def told(error: grpc.RpcError) -> RecordedRefusal | None:
    """The refusal that another service of the suite answered with; None for any other error, such as a lost
    connection."""
    if not isinstance(error, grpc.aio.AioRpcError) or error.code() not in _KINDS:
        return None
    status = _status(error.trailing_metadata())
    info = ErrorInfo()
    if status is None or not _unpacked(status, info) or info.domain != DOMAIN:
        return None
    wait = RetryInfo()
    return RecordedRefusal(
        _KINDS[error.code()],
        info.reason,
        status.message,
        violations=_read_violations(status),
        retry_after_seconds=wait.retry_delay.ToTimedelta().total_seconds() if _unpacked(status, wait) else None,
        metadata=info.metadata,
    )


def passed_on(error: grpc.RpcError) -> Refusal | None:
    """What our caller is told when a call we made for it failed; None where that is an accident of ours.

    What the other service refused is our caller's to know, word for word, unless it refused us as a caller. A
    connection lost or a deadline missed without a word becomes PeerAway.
    """
    refusal = told(error)
    if refusal is not None:
        return None if refusal.kind in (Kind.UNAUTHENTICATED, Kind.FORBIDDEN) else refusal
    if isinstance(error, grpc.aio.AioRpcError) and error.code() in _LOST:
        return PeerAway()
    return None


@contextmanager
def passing_on() -> Iterator[None]:
    """Within the block a call that fails raises what our caller is told of it, where that is more than an accident."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        refusal = passed_on(error)
        if refusal is None:
            raise
        raise refusal from error


def reason(error: grpc.RpcError) -> str:
    """The reason in the error's details; empty where it has none, as on a lost connection."""
    if not isinstance(error, grpc.aio.AioRpcError):
        return ""
    status = _status(error.trailing_metadata())
    info = ErrorInfo()
    return info.reason if status is not None and _unpacked(status, info) and info.domain == DOMAIN else ""


def retry_after_seconds(error: grpc.aio.AioRpcError) -> float | None:
    """How long to wait, where the error says so, whoever answered it."""
    status = _status(error.trailing_metadata())
    wait = RetryInfo()
    if status is None or not _unpacked(status, wait):
        return None
    seconds: float = wait.retry_delay.seconds + wait.retry_delay.nanos / 1e9
    return seconds


def _ending(code: grpc.StatusCode, message: str, details: Iterable[Message]) -> Ending:
    sentence = message.encode(errors="replace")[:_MESSAGE_SIZE_MAX].decode(errors="ignore")
    status = Status(code=code.value[0], message=sentence)
    for detail in details:
        status.details.add().Pack(detail)
    return Ending(code, sentence, ((DETAILS, status.SerializeToString()),))


def _violations(kind: Kind, violations: tuple[Violation, ...], *, reason: str) -> Message:
    bad, unmet = BadRequest(), PreconditionFailure()
    told: Message = bad if kind is Kind.MALFORMED else unmet
    size = 0
    for each in violations:
        size += len(each.field.encode()) + len(each.description.encode()) + len(each.reason) + 12
        if size > DETAILS_SIZE_MAX:
            break
        if kind is Kind.MALFORMED:
            bad.field_violations.add(field=each.field, description=each.description, reason=each.reason)
        else:
            unmet.violations.add(type=each.reason or reason, subject=each.field, description=each.description)
    return told


def _read_violations(status: Status) -> list[Violation]:
    bad, unmet = BadRequest(), PreconditionFailure()
    _unpacked(status, bad)
    _unpacked(status, unmet)
    return [Violation(each.field, each.description, each.reason) for each in bad.field_violations] + [
        Violation(each.subject, each.description, each.type) for each in unmet.violations
    ]


def _status(trailers: Iterable[tuple[str, str | bytes]]) -> Status | None:
    for key, value in trailers:
        if key == DETAILS and isinstance(value, bytes):
            try:
                return Status.FromString(value)
            except DecodeError:
                return None
    return None


def _unpacked(status: Status, into: Message) -> bool:
    packed: Any
    for packed in status.details:
        try:
            if packed.Unpack(into):
                return True
        except DecodeError:
            return False
    return False
