"""Verbs of how much shall be there, what is missing of it, and who was mentioned."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from weir_cli.commands.levels import Count
from weir_cli.commands.lists import Watch, show
from weir_cli.options import CheckOnly, Limit, Owner, RequestId, options_of

app = typer.Typer()
PANEL = "Custody"

par = typer.Typer(no_args_is_help=True, help="Say how much shall be there; below it an alert opens.")
notifications = typer.Typer()
for name, group in (("par", par), ("notifications", notifications)):
    app.add_typer(group, name=name, rich_help_panel=PANEL)


class State(StrEnum):
    """Whether a par level is met again."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    ALL = "ALL"


Custodian = Annotated[str, typer.Argument(metavar="CUSTODIAN", help="In whose custody; of a facility's shelf the hub.")]
Sku = Annotated[str, typer.Argument(metavar="SKU", help="The product.")]
Location = Annotated[
    str, typer.Option("--location", help="Only there, such as a facility. Default: anywhere.", show_default=False)
]
Of = Annotated[str, typer.Option("--custodian", help="Only of this person.", show_default=False)]
Whose = Annotated[
    str, typer.Option("--user", help="Whose they are. Default: yours.", metavar="USER", show_default=False)
]


@par.command("list")
def list_par_levels(context: typer.Context, custodian: Of = "", limit: Limit = 200) -> None:
    """Show how much shall be there."""
    from weir.pooling.v1 import alert_service_pb2
    from weir_cli.pooling import alerts
    from weir_cli.session import perform

    asked = alert_service_pb2.ListParLevelsRequest(custodian=custodian)
    perform(options_of(context), lambda session: alerts.par_levels(session, asked, limit=limit))


@par.command("set")
def set_par_level(
    context: typer.Context,
    custodian: Custodian,
    sku: Sku,
    units: Annotated[int, typer.Argument(metavar="UNITS", min=1, max=10**9, help="Units that shall be available.")],
    location: Location = "",
    owner: Owner = "",
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Say how much shall be there.

    weir par set rosa KETTLE-ENAMEL-1L-BLUE 3
    """
    from weir.common.v1 import stock_pb2
    from weir.pooling.v1 import alert_pb2
    from weir_cli.pooling import alerts
    from weir_cli.session import perform

    product = stock_pb2.Product(owner=owner, sku=sku)
    wanted = alert_pb2.ParLevel(custodian=custodian, location=location, product=product, par=units)
    perform(
        options_of(context), lambda session: alerts.set_par_level(session, wanted, check=check), request_id=request_id
    )


@par.command("remove")
def remove_par_level(
    context: typer.Context,
    custodian: Custodian,
    sku: Sku,
    location: Location = "",
    owner: Owner = "",
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Want it no more; an alert of it closes."""
    from weir.common.v1 import stock_pb2
    from weir.pooling.v1 import alert_service_pb2
    from weir_cli.pooling import alerts
    from weir_cli.session import perform

    asked = alert_service_pb2.DeleteParLevelRequest(
        custodian=custodian, location=location, product=stock_pb2.Product(owner=owner, sku=sku)
    )
    perform(
        options_of(context),
        lambda session: alerts.remove_par_level(session, asked, check=check),
        request_id=request_id,
    )


@app.command("alerts", rich_help_panel=PANEL)
def list_alerts(
    context: typer.Context,
    state: Annotated[State, typer.Option(case_sensitive=False, help="Only in this state.")] = State.OPEN,
    custodian: Of = "",
    limit: Limit = 200,
    watch: Watch = False,
    count: Count = None,
) -> None:
    """Show where less is available than there shall be, newest first."""
    from weir.pooling.v1 import alert_pb2, alert_service_pb2
    from weir_cli.pooling import alerts

    asked = alert_service_pb2.ListAlertsRequest(custodian=custodian)
    if state is not State.ALL:
        asked.state = alert_pb2.AlertState.Value(f"ALERT_STATE_{state}")
    show(context, alerts.alerts, alerts.watch_alerts, asked, limit=limit, watch=watch, count=count)


@notifications.callback(invoke_without_command=True)
def list_notifications(
    context: typer.Context,
    user: Whose = "",
    unread: Annotated[bool, typer.Option("--unread", help="Only those that were not read.")] = False,
    limit: Limit = 200,
    watch: Watch = False,
    count: Count = None,
) -> None:
    """Show where you were mentioned, newest first; or note that you read it with `weir notifications read`."""
    if context.invoked_subcommand is not None:
        return
    from weir.pooling.v1 import alert_service_pb2
    from weir_cli.pooling import alerts

    asked = alert_service_pb2.ListNotificationsRequest(user=user, unread_only=unread)
    show(context, alerts.notifications, alerts.watch_notifications, asked, limit=limit, watch=watch, count=count)


@notifications.command("read")
def read(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NOTIFICATION...", help="Their identifiers.")],
    user: Whose = "",
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Note that they were read."""
    from weir_cli.pooling import alerts
    from weir_cli.session import perform

    perform(options_of(context), lambda session: alerts.read(session, user, names, check=check), request_id=request_id)
