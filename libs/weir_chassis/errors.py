"""Say why a request is refused, as data.

A refusal is an answer, not an accident: the rule that was broken, the numbers it was broken by, and what the caller can
do about it. Every context derives its own reasons from `Refusal`; the reasons any service can give are here. This
module is pure: the edge turns a refusal into a status, the idempotency table keeps one as the outcome of a request.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class Kind(enum.Enum):
    """What the caller can do about a refusal; the value is the name of the gRPC status code it is answered with."""

    MALFORMED = "INVALID_ARGUMENT"
    """Mend the request: it can never succeed as it is."""
    UNKNOWN = "NOT_FOUND"
    """Name something that exists."""
    TAKEN = "ALREADY_EXISTS"
    """Choose another name or identifier."""
    UNMET = "FAILED_PRECONDITION"
    """Change the world first."""
    RACED = "ABORTED"
    """Read again, then retry."""
    EXPIRED = "OUT_OF_RANGE"
    """Start over: what was asked for is no longer kept."""
    EXHAUSTED = "RESOURCE_EXHAUSTED"
    """Wait, then retry the same request."""
    UNAUTHENTICATED = "UNAUTHENTICATED"
    """Present a valid token."""
    FORBIDDEN = "PERMISSION_DENIED"
    """Ask someone with the role."""
    AWAY = "UNAVAILABLE"
    """Retry the same request; another replica may answer."""

    @property
    def definite(self) -> bool:
        """Whether the refusal is an outcome to keep under its request id: repeating the request cannot mend it."""
        return self in (Kind.UNKNOWN, Kind.TAKEN, Kind.UNMET)


@dataclass(frozen=True, slots=True)
class Violation:
    """One fault among several: a bad field of a malformed request, or one line of an unmet precondition."""

    field: str
    """Path of the field in the request, as in `lines[3].quantity`."""
    description: str
    """One sentence for a person."""
    reason: str = ""
    """Upper-case word for a program; empty where the refusal's own reason says it all."""


class Refusal(Exception):
    """A request is refused; subclasses fix `kind` and `reason`, instances carry the sentence and its numbers.

    `metadata` holds every number of the sentence as text, in the order given. `retry_after_seconds` is set where
    waiting alone can help.
    """

    kind: Kind
    reason: str

    def __init__(
        self,
        message: str,
        *,
        violations: Sequence[Violation] = (),
        retry_after_seconds: float | None = None,
        **numbers: object,
    ) -> None:
        """Refuse with a sentence that a person can act on, and the `numbers` that it mentions."""
        super().__init__(message)
        self.message = message
        self.violations = tuple(violations)
        self.retry_after_seconds = retry_after_seconds
        self.metadata: dict[str, str] = {name: str(number) for name, number in numbers.items()}

    def to_record(self) -> dict[str, object]:
        """Everything a caller is told, in plain JSON values; `recorded` raises the same answer from it again."""
        record: dict[str, object] = {"kind": self.kind.name, "reason": self.reason, "message": self.message}
        if self.metadata:
            record["metadata"] = dict(self.metadata)
        if self.violations:
            record["violations"] = [[each.field, each.description, each.reason] for each in self.violations]
        if self.retry_after_seconds is not None:
            record["retry_after_seconds"] = self.retry_after_seconds
        return record


class RecordedRefusal(Refusal):
    """The refusal that a request id already ended with; to the caller it cannot be told from the first answer."""

    def __init__(
        self,
        kind: Kind,
        reason: str,
        message: str,
        *,
        violations: Sequence[Violation],
        retry_after_seconds: float | None,
        metadata: Mapping[str, str],
    ) -> None:
        """Take over what was recorded, unchanged."""
        super().__init__(message, violations=violations, retry_after_seconds=retry_after_seconds)
        self.kind = kind
        self.reason = reason
        self.metadata = dict(metadata)


def recorded(record: Mapping[str, object]) -> RecordedRefusal:
    """The refusal that `Refusal.to_record` wrote down; an accident (KeyError, AssertionError) on anything else."""
    violations = record.get("violations", ())
    metadata = record.get("metadata", {})
    retry = record.get("retry_after_seconds")
    assert isinstance(violations, (list, tuple))
    assert isinstance(metadata, Mapping)
    assert retry is None or isinstance(retry, (int, float))
    return RecordedRefusal(
        Kind[str(record["kind"])],
        str(record["reason"]),
        str(record["message"]),
        violations=[Violation(*map(str, each)) for each in violations],
        retry_after_seconds=retry,
        metadata={str(name): str(number) for name, number in metadata.items()},
    )


class Malformed(Refusal):
    """Some fields of the request are out of their limits; lists every one of them."""

    kind = Kind.MALFORMED
    reason = "REQUEST_MALFORMED"

    def __init__(self, violations: Sequence[Violation]) -> None:
        """Refuse for all the bad fields at once; there is at least one."""
        assert violations
        fields = ", ".join(dict.fromkeys(each.field for each in violations))
        super().__init__(f"The request is malformed: {fields}.", violations=violations)


class RequestIdReused(Refusal):
    """The request id was used before for a request with other contents."""

    kind = Kind.TAKEN
    reason = "REQUEST_ID_REUSED"

    def __init__(self, request_id: str) -> None:
        """Refuse the second use of `request_id`."""
        super().__init__(
            f"Request id '{request_id}' was used for a request with other contents.", request_id=request_id
        )


class PageTokenInvalid(Refusal):
    """The page token is not one that this query gave out."""

    kind = Kind.MALFORMED
    reason = "PAGE_TOKEN_INVALID"

    def __init__(self) -> None:
        """Refuse without saying what a valid token would look like."""
        super().__init__(
            "The page token was not given out for this query.",
            violations=[Violation("page_token", "Not a token that this query gave out.")],
        )


class RevisionForeign(Refusal):
    """The revision was drawn by another cluster, or before this one was restored."""

    kind = Kind.MALFORMED
    reason = "REVISION_FOREIGN"

    def __init__(self, *, context: str, field: str = "revision") -> None:
        """Refuse the revision in `field`; `context` is the one that was asked."""
        super().__init__(
            f"The revision does not belong to this {context}: read anew and go on from there.",
            violations=[Violation(field, f"Drawn by another {context}, or before it was restored.")],
            context=context,
        )


class RevisionAhead(Refusal):
    """The revision has not been drawn yet, so nobody can have read it."""

    kind = Kind.MALFORMED
    reason = "REVISION_AHEAD"

    def __init__(self, *, context: str, number: int, head: int, field: str = "revision") -> None:
        """Refuse revision `number` of `field` where the newest is `head`."""
        super().__init__(
            f"Revision {number} of {context} has not been drawn yet; the newest is {head}.",
            violations=[Violation(field, f"The newest revision is {head}.")],
            context=context,
            number=number,
            head=head,
        )


class RevisionCompacted(Refusal):
    """The entries after this revision are no longer all kept: list anew, then watch from there."""

    kind = Kind.EXPIRED
    reason = "REVISION_COMPACTED"

    def __init__(self, *, context: str, number: int, oldest_kept: int) -> None:
        """Refuse to go on from `number`; `oldest_kept` is the oldest revision that can still be gone on from."""
        super().__init__(
            f"Revision {number} of {context} is compacted; the oldest kept is {oldest_kept}. List, then watch.",
            context=context,
            number=number,
            oldest_kept=oldest_kept,
        )


class RevisionNotReached(Refusal):
    """The answer could not be brought up to the asked revision in the time given."""

    kind = Kind.RACED
    reason = "REVISION_NOT_REACHED"

    def __init__(self, *, context: str, number: int, reached: int) -> None:
        """Refuse to answer at `number` when only `reached` is known here."""
        super().__init__(
            f"Revision {number} of {context} is not reached yet; this replica is at {reached}.",
            context=context,
            number=number,
            reached=reached,
        )


class EtagStale(Refusal):
    """The object was changed since the caller read it."""

    kind = Kind.RACED
    reason = "ETAG_STALE"

    def __init__(self, *, current: str) -> None:
        """Refuse a change that rests on an older etag than `current`."""
        super().__init__(f"The object was changed meanwhile; its etag is now '{current}'.", current=current)


class Overloaded(Refusal):
    """More is asked than can be done now; the request was not begun, or left nothing behind."""

    kind = Kind.EXHAUSTED
    reason = "OVERLOADED"

    def __init__(self, *, retry_after_seconds: float = 1.0) -> None:
        """Refuse at once, with a hint when to come again."""
        super().__init__("The service is at its limit; retry after a moment.", retry_after_seconds=retry_after_seconds)


class TokenMissing(Refusal):
    """The call carries no bearer token."""

    kind = Kind.UNAUTHENTICATED
    reason = "TOKEN_MISSING"

    def __init__(self) -> None:
        """Ask for a token."""
        super().__init__("The call needs 'authorization: Bearer <token>'.")


class TokenInvalid(Refusal):
    """The token cannot be accepted; why is not told to the one who presents it."""

    kind = Kind.UNAUTHENTICATED
    reason = "TOKEN_INVALID"

    def __init__(self) -> None:
        """Refuse the token without helping to forge a better one."""
        super().__init__("The bearer token is not valid here.")


class RoleInsufficient(Refusal):
    """The caller is known but may not do this."""

    kind = Kind.FORBIDDEN
    reason = "ROLE_INSUFFICIENT"

    def __init__(self, *, required: str, held: str) -> None:
        """Refuse a caller that holds role `held` where `required` is needed."""
        super().__init__(f"This needs role {required}; the token has {held}.", required=required, held=held)


class DatabaseAway(Refusal):
    """The database cannot be reached now; whether an unanswered write was done is unknown until it is repeated."""

    kind = Kind.AWAY
    reason = "DATABASE_AWAY"

    def __init__(self, *, retry_after_seconds: float = 1.0) -> None:
        """Refuse for now, with a hint when to come again."""
        super().__init__(
            "The database cannot be reached; retry the same request.", retry_after_seconds=retry_after_seconds
        )


class NotCaughtUp(Refusal):
    """This replica is still building its projection."""

    kind = Kind.AWAY
    reason = "NOT_CAUGHT_UP"

    def __init__(self, *, retry_after_seconds: float = 1.0) -> None:
        """Refuse for now, with a hint when to come again."""
        super().__init__(
            "This replica has not caught up yet; retry after a moment.", retry_after_seconds=retry_after_seconds
        )


class KeysAway(Refusal):
    """The keys to verify tokens with were never read, so nobody can be let in."""

    kind = Kind.AWAY
    reason = "KEYS_AWAY"

    def __init__(self, *, retry_after_seconds: float = 1.0) -> None:
        """Refuse for now, with a hint when to come again."""
        super().__init__(
            "The keys to verify tokens with cannot be fetched; retry after a moment.",
            retry_after_seconds=retry_after_seconds,
        )


class Draining(Refusal):
    """This replica is going away; another one answers."""

    kind = Kind.AWAY
    reason = "DRAINING"

    def __init__(self) -> None:
        """End a stream, or refuse a call, that another replica can take over at once."""
        super().__init__("This replica is shutting down; go on at another one.", retry_after_seconds=0.0)


class CallAborted(Refusal):
    """Work that the call had started was cancelled inside the service; whether it was done is unknown."""

    kind = Kind.RACED
    reason = "CALL_ABORTED"

    def __init__(self) -> None:
        """Ask for the same request again, under the same request id."""
        super().__init__("The call was abandoned inside the service; repeat the same request.")


class PeerAway(Refusal):
    """Another service of the suite that the answer needs cannot be reached, or did not answer in time."""

    kind = Kind.AWAY
    reason = "PEER_AWAY"

    def __init__(self, *, retry_after_seconds: float = 1.0) -> None:
        """Refuse for now, with a hint when to come again."""
        super().__init__(
            "A service this answer needs cannot be reached; retry the same request.",
            retry_after_seconds=retry_after_seconds,
        )


class Misconfigured(Exception):
    """The process cannot start as it is configured; the text says what to change. No refusal: no caller ever sees
    it."""
