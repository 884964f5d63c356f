"""Verbs of when connections are synchronised by themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from weir_cli.commands.connections import PANEL
from weir_cli.options import CheckOnly, Limit, RequestId, options_of, span

app = typer.Typer()

schedule = typer.Typer(no_args_is_help=True, help="Say when connections are synchronised by themselves.")
app.add_typer(schedule, name="schedule", rich_help_panel=PANEL)

Connection = Annotated[str, typer.Argument(metavar="CONNECTION", help="Store or warehouse.")]
ScheduleName = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Its identifier, unique for the connection.")]


@schedule.command("list")
def list_schedules(
    context: typer.Context,
    connection: Annotated[str, typer.Argument(metavar="CONNECTION", help="Only of this.", show_default=False)] = "",
    limit: Limit = 200,
) -> None:
    """Show when connections are synchronised by themselves."""
    from weir_cli.session import perform
    from weir_cli.sync import schedules

    perform(options_of(context), lambda session: schedules.schedules(session, connection, limit=limit))


@schedule.command("set")
def set_schedule(
    context: typer.Context,
    connection: Connection,
    name: ScheduleName,
    every: Annotated[
        timedelta | None, typer.Option(parser=span, metavar="SPAN", help="Every so often: 15m, 1h, 1d.")
    ] = None,
    cron: Annotated[
        str | None, typer.Option(metavar="'M H D M W'", help="Minute, hour, day, month, day of the week.")
    ] = None,
    zone: Annotated[
        str, typer.Option(help="Time zone of --cron, as in Europe/Berlin. Default: UTC.", show_default=False)
    ] = "",
    full: Annotated[bool, typer.Option("--full", help="Everything, not only what changed.")] = False,
    disabled: Annotated[bool, typer.Option("--disabled", help="Keep it, without effect.")] = False,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Say when a connection is synchronised; one of this name is replaced.

    weir schedule set erp nightly --cron '0 3 * * *' --zone Europe/Berlin --full
    """
    from weir.sync.v1 import connection_pb2
    from weir_cli.session import perform
    from weir_cli.sync import schedules

    if (every is None) == (cron is None):
        raise typer.BadParameter("name one of --every and --cron.")
    wanted = connection_pb2.Schedule(schedule=name, connection=connection, full=full, time_zone=zone, disabled=disabled)
    if every is not None:
        wanted.sync_interval.FromTimedelta(every)
    if cron is not None:
        wanted.cron = cron
    perform(
        options_of(context), lambda session: schedules.set_schedule(session, wanted, check=check), request_id=request_id
    )


@schedule.command("remove")
def remove_schedule(
    context: typer.Context,
    connection: Connection,
    name: ScheduleName,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Remove a schedule."""
    from weir_cli.session import perform
    from weir_cli.sync import schedules

    perform(
        options_of(context),
        lambda session: schedules.remove(session, connection, name, check=check),
        request_id=request_id,
    )
