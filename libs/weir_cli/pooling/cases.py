"""Cases: what was used in them, taken back, and said on them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

from rich.console import RenderableType
from rich.text import Text

from weir.pooling.v1 import case_pb2, case_service_pb2, pool_pb2
from weir_cli import tables
from weir_cli.documents import document, word
from weir_cli.paging import listed
from weir_cli.pooling.custody import STYLES
from weir_cli.pooling.transfers import actor, item_cells
from weir_cli.promising import units_of
from weir_cli.session import Answer, Session, changed
from weir_cli.watching import listed_and_followed, news


def usage_units(text: str) -> case_service_pb2.UsageUnits:
    """Units of what was marked used, written `USAGE=QUANTITY`; without `=QUANTITY` all. Raises LineUnreadable."""
    usage, marked, units = text.partition("=")
    return case_service_pb2.UsageUnits(usage=usage, quantity=units_of(text, units) if marked else 0)


async def create(session: Session, made: case_pb2.Case, *, check: bool) -> Answer:
    """Open a case."""
    request = case_service_pb2.CreateCaseRequest(request_id=session.change(), case=made, validate_only=check)
    response = await session.cases.CreateCase(request)
    return changed(session, response, case_shown(response.case), check=check)


async def change(session: Session, name: str, change: Callable[[case_pb2.Case], None], *, check: bool) -> Answer:
    """Replace what `change` sets; a case that is so already is left alone, so that this may be repeated."""
    request_id = session.change()
    found = await session.cases.GetCase(case_service_pb2.GetCaseRequest(case=name))
    wanted = case_pb2.Case()
    wanted.CopyFrom(found.case)
    change(wanted)
    if wanted == found.case:
        return changed(session, found, case_shown(found.case), check=check)
    request = case_service_pb2.UpdateCaseRequest(request_id=request_id, case=wanted, validate_only=check)
    response = await session.cases.UpdateCase(request)
    return changed(session, response, case_shown(response.case), check=check)


async def close(session: Session, name: str, *, check: bool) -> Answer:
    """Let nothing more be marked in a case."""
    request = case_service_pb2.CloseCaseRequest(request_id=session.change(), case=name, validate_only=check)
    response = await session.cases.CloseCase(request)
    return changed(session, response, case_shown(response.case), check=check)


async def reopen(session: Session, name: str, *, check: bool) -> Answer:
    """Let stock be marked in a case again."""
    request = case_service_pb2.ReopenCaseRequest(request_id=session.change(), case=name, validate_only=check)
    response = await session.cases.ReopenCase(request)
    return changed(session, response, case_shown(response.case), check=check)


async def use(
    session: Session, name: str, lines: Sequence[pool_pb2.StockLine], *, from_hub: bool, check: bool
) -> Answer:
    """Mark stock used, from the custody of whose case it is or from that of the hub."""
    custody = pool_pb2.CUSTODY_HUB if from_hub else pool_pb2.CUSTODY_OWN
    request = case_service_pb2.MarkUsedRequest(
        request_id=session.change(), case=name, custody=custody, lines=lines, validate_only=check
    )
    response = await session.cases.MarkUsed(request)
    return changed(session, response, [usage_table(response.usages)], check=check)


async def unuse(session: Session, name: str, units: Sequence[case_service_pb2.UsageUnits], *, check: bool) -> Answer:
    """Take marks back."""
    request = case_service_pb2.UnmarkUsedRequest(
        request_id=session.change(), case=name, units=units, validate_only=check
    )
    response = await session.cases.UnmarkUsed(request)
    return changed(session, response, [usage_table(response.usages)], check=check)


async def comment(session: Session, name: str, text: str, *, check: bool) -> Answer:
    """Say something on a case."""
    request = case_service_pb2.AddCommentRequest(request_id=session.change(), case=name, text=text, validate_only=check)
    response = await session.cases.AddComment(request)
    return changed(session, response, [comment_line(response.comment)], check=check)


async def one(session: Session, name: str) -> Answer:
    """One case with all that was used in it and said on it."""
    response = await session.cases.GetCase(case_service_pb2.GetCaseRequest(case=name))
    usages = await listed(session.cases.ListUsages, case_service_pb2.ListUsagesRequest(case=name), "usages")
    comments = await listed(session.cases.ListComments, case_service_pb2.ListCommentsRequest(case=name), "comments")
    shown = [*case_shown(response.case), *([usage_table(usages.found)] if usages.found else [])]
    shown += [comment_line(each) for each in comments.found]
    told = {
        "case": document(response.case),
        "usages": [document(each) for each in usages.found],
        "comments": [document(each) for each in comments.found],
        "revision": document(comments.revision),
    }
    return Answer(told, [*shown, tables.footnote(comments.revision)])


async def several(session: Session, asked: case_service_pb2.ListCasesRequest, *, limit: int) -> Answer:
    """Cases, newest first, `limit` at most; `asked` carries the filters."""
    found = await listed(session.cases.ListCases, asked, "cases", limit=limit)
    return Answer(found.document, [case_table(found.found), found.footnote])


def watch(
    session: Session, asked: case_service_pb2.ListCasesRequest, *, limit: int, count: int | None
) -> AsyncGenerator[Answer]:
    """One answer for those there are, then one for each commit that changes some, what was used in them or said on
    them; of usages and comments those of every case that the caller may see.
    """

    def told(message: case_service_pb2.WatchCasesResponse) -> Answer | None:
        found = [each for each in message.changes if not each.HasField("case") or _named(asked, each.case)]
        return news("changes", found, message.through, change_line)

    asking = case_service_pb2.WatchCasesRequest()
    first = listed(session.cases.ListCases, asked, "cases", limit=limit)
    return listed_and_followed(first, case_table, session.cases.WatchCases, asking, told, count=count)


def _named(asked: case_service_pb2.ListCasesRequest, found: case_pb2.Case) -> bool:
    """Whether the list would hold the case."""
    return (
        asked.user in ("", found.user)
        and asked.state in (case_pb2.CASE_STATE_UNSPECIFIED, found.state)
        and asked.kind in (case_pb2.CASE_KIND_UNSPECIFIED, found.kind)
        and asked.facility in ("", found.facility)
    )


async def report(session: Session, asked: case_service_pb2.ReportUsageRequest, *, limit: int) -> Answer:
    """What was used, summed up, `limit` rows at most; `asked` carries the time and the filters."""
    found = await listed(session.cases.ReportUsage, asked, "sums", limit=limit)
    made = tables.table("custodian", "user", "kind", "product", "lot", "uom", "#units", "#cases")
    for each in found.found:
        made.add_row(
            each.custodian, each.user, word(each, "kind"), tables.product(each.product.owner, each.product.sku),
            each.lot, each.uom, Text(tables.number(each.quantity).plain, style="bold"), tables.number(each.cases),
        )  # fmt: skip
    return Answer(found.document, [made, found.footnote])


def case_table(found: Iterable[case_pb2.Case]) -> RenderableType:
    """Cases, a row each."""
    made = tables.table("case", "state", "kind", "user", "facility", "opened", "reference", "name")
    for each in found:
        made.add_row(
            each.case, tables.state(each), word(each, "kind"), each.user, each.facility, tables.time(each.create_time),
            each.reference, Text(each.display_name, style="dim"),
        )  # fmt: skip
    return made


def case_line(found: case_pb2.Case) -> Text:
    """What a case is, on a line."""
    said = Text.assemble((found.case, "bold"), "  ", tables.state(found), f"  {word(found, 'kind')} of {found.user}")
    for label, value in (("at", found.facility), ("reference", found.reference), ("", found.display_name)):
        if value:
            said.append_text(Text.assemble((f"  {label} " if label else "  ", "dim"), value))
    return said


def case_shown(found: case_pb2.Case) -> list[RenderableType]:
    """A case, and who opened and closed it."""
    said = Text.assemble(("opened by ", "dim"), f"{actor(found.created_by)} at {tables.time(found.create_time)}")
    if found.HasField("closed_by"):
        closed = f"{actor(found.closed_by)} at {tables.time(found.close_time)}"
        said.append_text(Text.assemble((", closed by ", "dim"), closed))
    return [case_line(found), said]


def usage_table(found: Iterable[case_pb2.Usage]) -> RenderableType:
    """What was marked used; what was taken back altogether stands back."""
    rows = list(found)
    back = any(each.unmarked for each in rows)
    open_ones = any(each.under_way for each in rows)
    more = [*(["#taken back"] if back else []), "by", *([""] if open_ones else [])]
    made = tables.table("usage", "custody", "product", "location", "", "#used", "marked", *more)
    for each in rows:
        custody = word(each, "custody")
        made.add_row(
            each.usage, custody, *item_cells(each.stock_item), tables.number(each.quantity),
            tables.time(each.mark_time), *([tables.number(each.unmarked)] if back else []), actor(each.marked_by),
            *([Text("under way" if each.under_way else "", style="yellow")] if open_ones else []),
            style="dim" if each.unmarked == each.quantity else STYLES.get(custody, ""),
        )  # fmt: skip
    return made


def usage_line(found: case_pb2.Usage) -> Text:
    """What was marked used, on a line."""
    product, location, details = item_cells(found.stock_item)
    said = Text.assemble((found.case, "bold"), "  used  ", product, f"@{location} ", details)
    said.append(f"  {found.quantity:,} {word(found, 'custody')}", style=STYLES.get(word(found, "custody"), ""))
    if found.unmarked:
        said.append(f"  {found.unmarked:,} taken back")
    return said


def comment_line(found: case_pb2.Comment) -> Text:
    """What was said, on a line, and who was told of it."""
    said = Text.assemble((tables.time(found.create_time), "dim"), "  ", (found.author, "bold"), f"  {found.text}")
    if found.mentions:
        said.append(f"  → {', '.join(found.mentions)}", style="cyan")
    return said


def change_line(found: case_service_pb2.CaseChange) -> Text:
    """What a commit did to a case, on a line."""
    match found.WhichOneof("object"):
        case "usage":
            return usage_line(found.usage)
        case "comment":
            return Text.assemble((found.comment.case, "bold"), "  said  ", comment_line(found.comment))
        case _:
            return case_line(found.case)
