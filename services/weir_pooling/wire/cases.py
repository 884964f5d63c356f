"""Messages of cases, in both directions; readers refuse all bad fields at once."""

from __future__ import annotations

from collections.abc import Mapping

from weir.common.v1 import stock_pb2
from weir.pooling.v1 import case_pb2 as pb
from weir.pooling.v1 import case_service_pb2 as service_pb
from weir.pooling.v1 import pool_pb2
from weir_chassis.configuration.objects import Change, Named, Where
from weir_chassis.configuration.wire import etag, plain_key
from weir_chassis.fields import Fields
from weir_chassis.idempotency import Attempt
from weir_chassis.revisions import Vector, at_least
from weir_pooling.domain.cases import (
    Case,
    CaseKind,
    CaseState,
    Comment,
    Marking,
    Period,
    Remark,
    Units,
    Unmarking,
    Usage,
    UsageSum,
    Wording,
)
from weir_pooling.domain.deeds import Condition
from weir_pooling.domain.views import Custody
from weir_pooling.wire.reading import attempt, display_name, part, portions
from weir_pooling.wire.words import to_actor, to_instant, to_item

LINES_MAX = 500
REFERENCE_LENGTH_MAX = 256
TEXT_LENGTH_MAX = 4096
SUM_SHAPE = (str,) * 7
"""The key of a sum, after which a page begins."""

KINDS_TOLD: Mapping[CaseKind, pb.CaseKind.ValueType] = {
    each: pb.CaseKind.Value(f"CASE_KIND_{each.name}") for each in CaseKind
}
KINDS: Mapping[int, CaseKind] = {value: kind for kind, value in KINDS_TOLD.items()}
STATES_TOLD: Mapping[CaseState, pb.CaseState.ValueType] = {
    CaseState.OPEN: pb.CASE_STATE_OPEN,
    CaseState.CLOSED: pb.CASE_STATE_CLOSED,
}
STATES: Mapping[int, CaseState] = {value: state for state, value in STATES_TOLD.items()}
CUSTODIES_TOLD: Mapping[Custody, pool_pb2.Custody.ValueType] = {
    Custody.OWN: pool_pb2.CUSTODY_OWN,
    Custody.HUB: pool_pb2.CUSTODY_HUB,
}
CUSTODIES: Mapping[int, Custody] = {value: custody for custody, value in CUSTODIES_TOLD.items()}
"""From whose custody stock is used; never from that of a fellow member."""


def wording(request: service_pb.CreateCaseRequest) -> tuple[Attempt, Wording]:
    """What is said of a case that shall be opened."""
    with Fields() as fields:
        return attempt(fields, request), _wording(part(fields, request, "case"), request.case)


def rewording(request: service_pb.UpdateCaseRequest) -> tuple[Attempt, Wording]:
    """What shall be said of a case."""
    with Fields() as fields:
        inner = part(fields, request, "case")
        case = inner.identifier("case", request.case.case)
        return attempt(fields, request), _wording(inner, request.case, case=case, etag=etag(inner, request.case))


def case_listing(request: service_pb.ListCasesRequest) -> tuple[Where, Vector]:
    """What cases listed must have, out of what the request may name, and how fresh."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        asked: dict[str, str] = {
            "user": fields.identifier("user", request.user, optional=True),
            "facility": fields.identifier("facility", request.facility, optional=True),
        }
        if request.state:
            asked["state"] = fields.enum("state", request.state, STATES)
        if request.kind:
            asked["kind"] = fields.enum("kind", request.kind, KINDS)
        return {name: value for name, value in asked.items() if value}, at_least(fields, request.freshness)


def named(request: service_pb.CloseCaseRequest | service_pb.ReopenCaseRequest) -> tuple[Attempt, Named[Case]]:
    """The case that shall be closed, or opened again."""
    with Fields() as fields:
        return attempt(fields, request), Named(Case, plain_key(fields, request, Case), etag(fields, request))


def marking(request: service_pb.MarkUsedRequest) -> tuple[Attempt, Marking]:
    """Stock that shall be marked used, each stock item once."""
    with Fields() as fields:
        custody = fields.enum("custody", request.custody, CUSTODIES)
        lines = tuple(portions(fields, "lines", request.lines, most=LINES_MAX))
        fields.unique("lines", [line.item._replace(custodian="") for line in lines])
        for index, line in enumerate(lines):
            if line.item.condition is not Condition.SELLABLE:
                fields.refuse(f"lines[{index}].stock_item.condition", "Sellable: nothing else is used.")
        return attempt(fields, request), Marking(fields.identifier("case", request.case), custody, lines)


def unmarking(request: service_pb.UnmarkUsedRequest) -> tuple[Attempt, Unmarking]:
    """Marks that shall be taken back."""
    with Fields() as fields:
        units = tuple(
            Units(each.identifier("usage", asked.usage), each.count("quantity", asked.quantity))
            for each, asked in fields.each("units", request.units, most=LINES_MAX)
        )
        fields.unique("units", [each.usage for each in units])
        return attempt(fields, request), Unmarking(fields.identifier("case", request.case), units)


def remark(request: service_pb.AddCommentRequest) -> tuple[Attempt, Remark]:
    """What shall be said on a case."""
    with Fields() as fields:
        text = fields.text("text", request.text, length_max=TEXT_LENGTH_MAX, required=True)
        return attempt(fields, request), Remark(fields.identifier("case", request.case), text)


def comment_listing(request: service_pb.ListCommentsRequest) -> tuple[Where, Vector]:
    """The case whose comments shall be listed, and how fresh."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        return {"case": fields.identifier("case", request.case)}, at_least(fields, request.freshness)


def period(request: service_pb.ReportUsageRequest) -> tuple[Period, Vector]:
    """What shall be summed up, and how fresh."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        begin = fields.timestamp(request, "from_time", required=True)
        end = fields.timestamp(request, "until_time")
        if begin is not None and end is not None and end <= begin:
            fields.refuse("until_time", "After from_time.")
        custodian = fields.identifier("custodian", request.custodian, optional=True)
        user = fields.identifier("user", request.user, optional=True)
        assert begin is not None  # or else refused
        return Period(begin, end, custodian, user), at_least(fields, request.freshness)


def to_case(case: Case) -> pb.Case:
    """A case."""
    return pb.Case(
        case=case.case,
        kind=KINDS_TOLD[case.kind],
        user=case.user,
        display_name=case.display_name,
        facility=case.facility,
        reference=case.reference,
        state=STATES_TOLD[case.state],
        created_by=to_actor(case.created_by),
        create_time=to_instant(case.create_time),
        closed_by=to_actor(case.closed_by),
        close_time=to_instant(case.close_time),
        etag=case.etag,
    )


def to_usage(usage: Usage) -> pb.Usage:
    """What was marked used."""
    return pb.Usage(
        usage=usage.usage,
        case=usage.case,
        stock_item=to_item(usage.item),
        quantity=usage.quantity,
        unmarked=usage.unmarked,
        custody=CUSTODIES_TOLD[usage.custody],
        marked_by=to_actor(usage.marked_by),
        mark_time=to_instant(usage.mark_time),
        under_way=usage.under_way,
        etag=usage.etag,
    )


def to_comment(comment: Comment) -> pb.Comment:
    """Words on a case."""
    return pb.Comment(
        comment=comment.comment,
        case=comment.case,
        text=comment.text,
        author=comment.author,
        mentions=comment.mentions,
        create_time=to_instant(comment.create_time),
        etag=comment.etag,
    )


def to_sum(summed: UsageSum) -> pb.UsageSum:
    """What was used from one custody, for one person, of one product."""
    return pb.UsageSum(
        custodian=summed.custodian,
        user=summed.user,
        kind=KINDS_TOLD[summed.kind],
        product=stock_pb2.Product(owner=summed.owner, sku=summed.sku),
        lot=summed.lot,
        uom=summed.uom,
        quantity=summed.quantity,
        cases=summed.cases,
    )


def to_change(change: Change) -> service_pb.CaseChange:
    """What a commit did to a case."""
    match change.object:
        case Case() as each:
            return service_pb.CaseChange(case=to_case(each))
        case Usage() as usage:
            return service_pb.CaseChange(usage=to_usage(usage))
        case Comment() as comment:
            return service_pb.CaseChange(comment=to_comment(comment))
    raise AssertionError(change)


def _wording(inner: Fields, asked: pb.Case, **which: str) -> Wording:
    return Wording(
        inner.enum("kind", asked.kind, KINDS),
        user=inner.identifier("user", asked.user, optional=True),
        display_name=display_name(inner, asked),
        facility=inner.identifier("facility", asked.facility, optional=True),
        reference=inner.text("reference", asked.reference, length_max=REFERENCE_LENGTH_MAX),
        **which,
    )
