"""Imports of snapshots, in both directions.

What is wrong with a message of the stream refuses the stream; what is wrong with one of its lines makes a line that is
kept with the reason, and stops no other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.protobuf.message import Message

from weir.ledger.v1 import ledger_service_pb2, snapshot_pb2
from weir_chassis.errors import Malformed, PageTokenInvalid, Violation
from weir_chassis.fields import Fields
from weir_chassis.idempotency import fingerprint
from weir_chassis.paging import Page
from weir_chassis.revisions import Vector, at_least
from weir_ledger.domain.imports import ImportLines
from weir_ledger.domain.snapshots import (
    Basis,
    Deduction,
    Feed,
    Figure,
    KeptLine,
    LineState,
    Scope,
    SnapshotImport,
    Stage,
)
from weir_ledger.domain.stock import Condition
from weir_ledger.wire.answers import timestamp
from weir_ledger.wire.items import CONDITIONS, stock_item
from weir_ledger.wire.requests import REFERENCE_MAX

LINES_MAX = 1000
SCOPES_MAX = 100
SENT_BYTES_MAX = 4096
"""Longest line that is kept as it is: more than one that is well-formed can have."""
TEXT_MAX = 128
"""What is kept of each text of a longer one."""
PAST = timedelta(days=30)
AHEAD = timedelta(minutes=5)

LINE_POSITION: tuple[type[str] | type[int], ...] = (int,)

_BASES = {each.value: each for each in Basis}
_DEDUCTIONS = {each.value: each for each in Deduction}
_ABSENT = {1: False, 2: True}
_LINE_STATES = {each.value: each for each in (LineState.STALE, LineState.REFUSED)}
_STATES = {Stage.DONE: 2, Stage.REFUSED: 3}
_RUNNING = 1


@dataclass(frozen=True, slots=True)
class Opening:
    """What the first message of a stream says: the import as it is where it begins, and what its figures mean."""

    begun: SnapshotImport
    feed: Feed
    validate_only: bool


def opening(message: ledger_service_pb2.ImportSnapshotRequest) -> Opening:
    """What the first message says, apart from its lines; raises Malformed, then for what is wrong with them, too."""
    with Fields() as fields:
        request_id = fields.request_id(message.request_id)
        fields.required(message, "feed")
        feed = _feed(fields.inner("feed"), message.feed)
        try:
            fields.check()
        except Malformed:  # leaving tells it again, with what is wrong with the lines
            for each, line in fields.each("lines", message.lines, least=0, most=LINES_MAX):
                _figure(each, 0, line, feed.as_of, datetime.now(UTC))
        return Opening(SnapshotImport(request_id, fingerprint(message.feed)), feed, message.validate_only)


def _feed(fields: Fields, message: snapshot_pb2.SnapshotFeed) -> Feed:
    """What the figures of a snapshot mean."""
    return Feed(
        fields.enum("basis", message.basis, _BASES),
        _as_of(fields, message, datetime.now(UTC), required=True) or datetime.now(UTC),
        fields.enum("deduction", message.deduction, _DEDUCTIONS, default=Deduction.HANDED_OVER),
        message.all_or_nothing,
        tuple(
            _scope(each, scope)
            for each, scope in fields.each("full_scopes", message.full_scopes, least=0, most=SCOPES_MAX)
        ),
        fields.enum("absent_items", message.absent_items, _ABSENT, default=False),
        fields.text("reference", message.reference, length_max=REFERENCE_MAX),
    )


def _scope(fields: Fields, message: snapshot_pb2.SnapshotScope) -> Scope:
    """What a snapshot is complete for."""
    return Scope(
        fields.identifier("location", message.location),
        fields.identifier("owner", message.owner, optional=True) if message.HasField("owner") else None,
        tuple(fields.enums("conditions", message.conditions, CONDITIONS)) or (Condition.SELLABLE,),
    )


def _as_of(fields: Fields, message: Message, now: datetime | None, *, required: bool = False) -> datetime | None:
    """When figures were true; None where it is not said."""
    moment = fields.timestamp(message, "as_of_time", required=required)
    if moment is not None and now is not None and not now - PAST <= moment <= now + AHEAD:
        fields.refuse("as_of_time", "At most 30 days ago and 5 minutes ahead.")
    return moment


def numbered(message: ledger_service_pb2.ImportSnapshotRequest, expected: int) -> tuple[int, int]:
    """Number of the first line of a message, `expected` unless it says so, and of the line after its last."""
    with Fields() as fields:
        fields.number("first_line", message.first_line, least=0, most=2**62)
        if len(message.lines) > LINES_MAX:
            fields.refuse("lines", f"Up to {LINES_MAX} of them, not {len(message.lines)}.")
    first = message.first_line or expected
    return first, first + len(message.lines)


def require_continued(message: ledger_service_pb2.ImportSnapshotRequest, begun: Opening) -> None:
    """Raise Malformed where a message that is not the first says what only the first may."""
    with Fields() as fields:
        if message.HasField("feed"):
            fields.refuse("feed", "Only in the first message.")
        if message.request_id not in ("", begun.begun.request_id):
            fields.refuse("request_id", "Not the one of the first message.")
        if message.validate_only and not begun.validate_only:
            fields.refuse("validate_only", "Only in the first message.")


def import_lines(begun: Opening, message: ledger_service_pb2.ImportSnapshotRequest, first_line: int) -> ImportLines:
    """What the lines of a message ask for."""
    now = datetime.now(UTC)
    figures: list[Figure] = []
    malformed: list[KeptLine] = []
    fields = Fields()
    for number, line in enumerate(message.lines, first_line):
        figure = _figure(fields, number, line, begun.feed.as_of, now)
        if faults := fields.taken():
            malformed.append(_malformed(number, line, faults))
        else:
            figures.append(figure)
    return ImportLines(
        begun.begun,
        begun.feed,
        tuple(figures),
        first_line=first_line,
        end_line=first_line + len(message.lines),
        malformed=tuple(malformed),
    )


def _figure(
    fields: Fields, number: int, message: snapshot_pb2.SnapshotLine, as_of: datetime, now: datetime | None
) -> Figure:
    """What a line reports, as of `as_of` unless it says so; takes notes of its moment only where there is a `now`."""
    return Figure(
        number,
        stock_item(fields.inner("stock_item"), message.stock_item),
        fields.count("quantity", message.quantity),
        _as_of(fields, message, now) or as_of,
        message.SerializeToString(),
    )


def _malformed(number: int, message: snapshot_pb2.SnapshotLine, faults: Iterable[Violation]) -> KeptLine:
    """A line that is malformed; of one that is too long the beginnings of its texts are kept."""
    sent = message.SerializeToString()
    if len(sent) > SENT_BYTES_MAX:
        _shorten(message)
        sent = message.SerializeToString()
    sentence = " ".join(f"{each.field}: {each.description}" for each in faults)
    return KeptLine(number, LineState.REFUSED, None, sent, Malformed.reason, sentence)


def _shorten(message: Message) -> None:
    """Cut every text of a message, and drop what is no field of it."""
    message.DiscardUnknownFields()
    for field, value in message.ListFields():
        if isinstance(value, str):
            setattr(message, field.name, value[:TEXT_MAX])
        elif isinstance(value, Message):
            _shorten(value)


def get_snapshot_import(request: ledger_service_pb2.GetSnapshotImportRequest) -> tuple[str, Vector]:
    """The import a GetSnapshotImport asks for."""
    with Fields() as fields:
        return fields.request_id(request.request_id), at_least(fields, request.freshness)


def list_snapshot_lines(
    request: ledger_service_pb2.ListSnapshotLinesRequest,
) -> tuple[str, tuple[LineState, ...], Vector]:
    """The import a ListSnapshotLines asks for, and the states of the lines."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        state = fields.enum("state", request.state, _LINE_STATES) if request.state else None
        return (
            fields.request_id(request.request_id),
            (LineState.STALE, LineState.REFUSED) if state is None else (state,),
            at_least(fields, request.freshness),
        )


def after_line(page: Page) -> int:
    """The line that a page of lines begins after."""
    if page.after is None:
        return 0
    line = int(page.after[0])
    if not 0 <= line < 2**63:
        raise PageTokenInvalid
    return line


def snapshot_import(found: SnapshotImport) -> snapshot_pb2.SnapshotImport:
    """How far an import is."""
    return snapshot_pb2.SnapshotImport(
        request_id=found.request_id,
        state=_STATES.get(found.stage, _RUNNING),  # type: ignore[arg-type]  # the numbers are those of the contract
        next_line=found.next_line,
        applied=found.applied,
        stale=found.stale,
        refused=found.refused,
        zeroed=found.zeroed,
        absent_left=found.absent_left,
        create_time=timestamp(found.created_at),
        update_time=timestamp(found.updated_at),
    )


def line_outcome(kept: KeptLine) -> snapshot_pb2.SnapshotLineOutcome:
    """A line that was not applied."""
    return snapshot_pb2.SnapshotLineOutcome(
        line=kept.line,
        state=kept.state.value,  # type: ignore[arg-type]  # the numbers are those of the contract
        snapshot_line=snapshot_pb2.SnapshotLine.FromString(kept.sent),
        reason=kept.reason,
        message=kept.message,
    )


def staged_figures(begun: Opening, staged: Iterable[KeptLine]) -> tuple[Figure, ...]:
    """What lines report that were found good when they were staged, however long ago that was."""
    with Fields() as fields:
        return tuple(
            _figure(fields, each.line, snapshot_pb2.SnapshotLine.FromString(each.sent), begun.feed.as_of, None)
            for each in staged
        )


def violations(refused: Iterable[KeptLine]) -> list[Violation]:
    """Lines that were refused, as the entries of the list that a refusal carries."""
    return [Violation(f"line {each.line}", each.message, each.reason) for each in refused]
