"""Refusals about imports of snapshots."""

from collections.abc import Sequence

from weir_chassis.errors import Kind, Refusal, Violation


class SnapshotNotFound(Refusal):
    """No snapshot was imported under this request id."""

    kind = Kind.UNKNOWN
    reason = "SNAPSHOT_NOT_FOUND"

    def __init__(self, request_id: str) -> None:
        """Refuse for want of the import `request_id`."""
        super().__init__(f"No snapshot was imported under {request_id!r}.", request_id=request_id)


class SnapshotGap(Refusal):
    """The stream leaves lines out."""

    kind = Kind.UNMET
    reason = "SNAPSHOT_GAP"

    def __init__(self, request_id: str, *, expected: int, line: int) -> None:
        """Refuse to go on with `line` where `expected` is the first that is not settled."""
        super().__init__(
            f"Import {request_id!r} goes on with line {expected}, not with {line}.",
            request_id=request_id,
            expected=expected,
            line=line,
        )


class SnapshotRefused(Refusal):
    """All or nothing was asked for, and some lines are bad."""

    kind = Kind.UNMET
    reason = "SNAPSHOT_REFUSED"

    def __init__(self, request_id: str, *, refused: int, line: int, violations: Sequence[Violation]) -> None:
        """Refuse for `refused` lines, of which `line` is the first and `violations` tell some."""
        super().__init__(
            f"Nothing of import {request_id!r} was applied: {refused} of its lines {'is' if refused == 1 else 'are'}"
            f" bad, the first is line {line}.",
            violations=violations,
            request_id=request_id,
            refused=refused,
            line=line,
        )
