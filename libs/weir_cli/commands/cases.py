"""Verbs of cases: what was used, from whose custody, and what was said."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from weir_cli.commands.levels import Count
from weir_cli.commands.lists import Watch, show
from weir_cli.commands.transfers import stock_lines
from weir_cli.options import CheckOnly, Limit, Lot, Owner, RequestId, Uom, moment, options_of

if TYPE_CHECKING:
    from weir.pooling.v1.case_pb2 import Case

app = typer.Typer()

case = typer.Typer(no_args_is_help=True, help="Say what was used, by whom, from whose custody.")
app.add_typer(case, name="case", rich_help_panel="Custody")


class Kind(StrEnum):
    """What stock is used for."""

    CASE = "CASE"
    SAMPLE = "SAMPLE"
    LOAN = "LOAN"
    DAMAGE = "DAMAGE"
    RETURN = "RETURN"
    ADJUSTMENT = "ADJUSTMENT"
    OTHER = "OTHER"


class State(StrEnum):
    """Whether stock can be marked in a case."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"


Name = Annotated[str, typer.Argument(metavar="CASE", help="Its identifier, as open printed it.")]
NewName = Annotated[str | None, typer.Option("--name", help="Name for people.", show_default=False)]
Facility = Annotated[str | None, typer.Option(help="Location where it takes place.", show_default=False)]
Reference = Annotated[str | None, typer.Option(help="A reference of your own.", show_default=False)]


@case.command("open")
def open_case(
    context: typer.Context,
    kind: Annotated[Kind, typer.Argument(case_sensitive=False, help="What stock is used for.")],
    user: Annotated[str, typer.Option("--for", help="Whose case it is. Default: yours.", show_default=False)] = "",
    display_name: NewName = None,
    facility: Facility = None,
    reference: Reference = None,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Open a case."""
    from weir.pooling.v1 import case_pb2
    from weir_cli.pooling import cases
    from weir_cli.session import perform

    made = case_pb2.Case(user=user)
    _set(made, kind, display_name, facility, reference)
    perform(options_of(context), lambda session: cases.create(session, made, check=check), request_id=request_id)


@case.command("change")
def change_case(
    context: typer.Context,
    name: Name,
    kind: Annotated[Kind | None, typer.Option(case_sensitive=False, help="What stock is used for.")] = None,
    display_name: NewName = None,
    facility: Facility = None,
    reference: Reference = None,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Change an open case; what is not named stays as it is."""
    from weir_cli.pooling import cases
    from weir_cli.session import perform

    def change(made: Case) -> None:
        _set(made, kind, display_name, facility, reference)

    perform(
        options_of(context), lambda session: cases.change(session, name, change, check=check), request_id=request_id
    )


def _set(made: Case, kind: Kind | None, display_name: str | None, facility: str | None, reference: str | None) -> None:
    from weir.pooling.v1 import case_pb2

    if kind is not None:
        made.kind = case_pb2.CaseKind.Value(f"CASE_KIND_{kind}")
    for field, value in (("display_name", display_name), ("facility", facility), ("reference", reference)):
        if value is not None:
            setattr(made, field, value)


@case.command("use")
def use(
    context: typer.Context,
    name: Name,
    lines: Annotated[
        list[str], typer.Argument(metavar="SKU@LOCATION=QUANTITY", help="What was used, exactly, and where it lay.")
    ],
    hub: Annotated[
        bool, typer.Option("--hub", help="From the hub's custody. Default: of the person whose case it is.")
    ] = False,
    owner: Owner = "",
    lot: Lot = "",
    uom: Uom = "EACH",
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Mark stock used: it is gone from the shelf."""
    from weir_cli.pooling import cases
    from weir_cli.session import perform

    used = stock_lines(lines, owner=owner, lot=lot, uom=uom)
    perform(
        options_of(context),
        lambda session: cases.use(session, name, used, from_hub=hub, check=check),
        request_id=request_id,
    )


@case.command("unuse")
def unuse(
    context: typer.Context,
    name: Name,
    usages: Annotated[
        list[str],
        typer.Argument(metavar="USAGE[=QUANTITY]", help="What was marked, as use printed it. Default: all of it."),
    ],
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Take marks back: exactly those units lie again where they lay."""
    from weir_cli.pooling import cases
    from weir_cli.promising import LineUnreadable
    from weir_cli.session import perform

    try:
        units = [cases.usage_units(each) for each in usages]
    except LineUnreadable as fault:
        raise typer.BadParameter(str(fault)) from None
    perform(options_of(context), lambda session: cases.unuse(session, name, units, check=check), request_id=request_id)


def _declare(verb: str, rpc: str, what: str) -> None:
    """Make a verb that closes or opens a case again."""

    def switched(context: typer.Context, name: Name, request_id: RequestId = None, check: CheckOnly = False) -> None:
        from weir_cli.pooling import cases
        from weir_cli.session import perform

        work = getattr(cases, rpc)
        perform(options_of(context), lambda session: work(session, name, check=check), request_id=request_id)

    case.command(verb, help=what)(switched)


_declare("close", "close", "Close a case: nothing more is marked in it.")
_declare("reopen", "reopen", "Open a case again.")


@case.command("comment")
def comment(
    context: typer.Context,
    name: Name,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to say; @NAME tells that person of it.")],
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Say something on a case."""
    from weir_cli.pooling import cases
    from weir_cli.session import perform

    perform(options_of(context), lambda session: cases.comment(session, name, text, check=check), request_id=request_id)


@case.command("list")
def list_cases(
    context: typer.Context,
    user: Annotated[str, typer.Option(help="Only of this person.", show_default=False)] = "",
    state: Annotated[State | None, typer.Option(case_sensitive=False, help="Only in this state.")] = None,
    kind: Annotated[Kind | None, typer.Option(case_sensitive=False, help="Only of this kind.")] = None,
    facility: Annotated[str, typer.Option(help="Only at this facility.", show_default=False)] = "",
    limit: Limit = 200,
    watch: Watch = False,
    count: Count = None,
) -> None:
    """Show the cases you may see, newest first."""
    from weir.pooling.v1 import case_pb2, case_service_pb2
    from weir_cli.pooling import cases

    asked = case_service_pb2.ListCasesRequest(user=user, facility=facility)
    if state is not None:
        asked.state = case_pb2.CaseState.Value(f"CASE_STATE_{state}")
    if kind is not None:
        asked.kind = case_pb2.CaseKind.Value(f"CASE_KIND_{kind}")
    show(context, cases.several, cases.watch, asked, limit=limit, watch=watch, count=count)


@case.command("show")
def show_case(context: typer.Context, name: Name) -> None:
    """Show one case with all that was used in it and said on it."""
    from weir_cli.pooling import cases
    from weir_cli.session import perform

    perform(options_of(context), lambda session: cases.one(session, name))


@case.command("report")
def report(
    context: typer.Context,
    since: Annotated[
        datetime, typer.Option("--from", parser=moment, metavar="MOMENT", help="From then on, in ISO 8601.")
    ],
    until: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="MOMENT", help="Until before then. Default: now.")
    ] = None,
    custodian: Annotated[str, typer.Option(help="Only from this person's custody.", show_default=False)] = "",
    user: Annotated[str, typer.Option(help="Only in this person's cases.", show_default=False)] = "",
    limit: Limit = 200,
) -> None:
    """Sum up what was used and not taken back, by custodian, person, kind of case and product.

    weir case report --from 2026-11-01 --until 2026-12-01
    """
    from weir.pooling.v1 import case_service_pb2
    from weir_cli.pooling import cases
    from weir_cli.session import perform

    asked = case_service_pb2.ReportUsageRequest(custodian=custodian, user=user)
    asked.from_time.FromDatetime(since)
    if until is not None:
        asked.until_time.FromDatetime(until)
    perform(options_of(context), lambda session: cases.report(session, asked, limit=limit))
