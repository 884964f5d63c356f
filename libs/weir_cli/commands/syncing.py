"""Verbs of what is told to stores and taken in from warehouses: now, so far, and what went wrong."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weir_cli.commands.connections import PANEL
from weir_cli.commands.levels import Count
from weir_cli.options import CheckOnly, Limit, Owner, RequestId, moment, options_of

if TYPE_CHECKING:
    from weir_cli.sync.sheet import Sheet

app = typer.Typer()

sync = typer.Typer(no_args_is_help=True, help="Synchronise now, and see what was told, what failed and why.")
app.add_typer(sync, name="sync", rich_help_panel=PANEL)


class Status(StrEnum):
    """What became of a record."""

    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


class Trigger(StrEnum):
    """Why something was sent."""

    CHANGE = "CHANGE"
    CONFIGURATION = "CONFIGURATION"
    COVERED = "COVERED"
    SCHEDULE = "SCHEDULE"
    REQUEST = "REQUEST"
    RETRY = "RETRY"
    DRIFT = "DRIFT"


Of = Annotated[str, typer.Option("--connection", help="Only of this connection.", show_default=False)]
OfStatus = Annotated[Status | None, typer.Option("--status", case_sensitive=False, help="Only of this status.")]
Csv = Annotated[
    Path | None, typer.Option("--csv", metavar="FILE", help="Write all of it into this file instead; it is replaced.")
]


@sync.command("run")
def run(
    context: typer.Context,
    connections: Annotated[
        list[str] | None,
        typer.Argument(metavar="CONNECTION...", help="Default: all whose flows are on.", show_default=False),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Everything, not only what changed.")] = False,
    skus: Annotated[
        list[str] | None, typer.Option("--sku", metavar="STORE-SKU", help="Only this; several are possible.")
    ] = None,
    request_id: RequestId = None,
) -> None:
    """Synchronise now, and wait until it is done; exit status 1 where something failed.

    Ctrl-C leaves it going; the same --request-id looks on again.
    """
    from weir.sync.v1 import sync_service_pb2
    from weir_cli.session import perform
    from weir_cli.sync import runs

    asked = sync_service_pb2.RunSyncRequest(connections=connections, full=full, store_skus=skus)
    perform(options_of(context), lambda session: runs.run(session, asked), request_id=request_id)


@sync.command("runs")
def list_runs(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="RUN", help="Only this one.", show_default=False)] = None,
    connection: Of = "",
    limit: Limit = 50,
) -> None:
    """Show runs and how far each has come, newest first."""
    from weir.sync.v1 import sync_service_pb2
    from weir_cli.session import perform
    from weir_cli.sync import runs

    if name is not None:
        perform(options_of(context), lambda session: runs.one(session, name))
    asked = sync_service_pb2.ListRunsRequest(connection=connection)
    perform(options_of(context), lambda session: runs.runs(session, asked, limit=limit))


@sync.command("records")
def list_records(
    context: typer.Context,
    connection: Of = "",
    store_sku: Annotated[
        str, typer.Option("--sku", metavar="STORE-SKU", help="Only of this.", show_default=False)
    ] = "",
    status: OfStatus = None,
    trigger: Annotated[Trigger | None, typer.Option(case_sensitive=False, help="Only for this reason.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--from", parser=moment, metavar="MOMENT", help="Only what fell due from then on."),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="MOMENT", help="Only what fell due before.")
    ] = None,
    limit: Limit = 50,
    csv: Csv = None,
) -> None:
    """Show what stores were to be told and what became of it, newest first."""
    from weir.sync.v1 import sync_pb2, sync_service_pb2
    from weir_cli.session import perform
    from weir_cli.sync import records

    asked = sync_service_pb2.ListRecordsRequest(connection=connection, store_sku=store_sku)
    if status is not None:
        asked.status = sync_pb2.RecordStatus.Value(f"RECORD_STATUS_{status}")
    if trigger is not None:
        asked.trigger = sync_pb2.Trigger.Value(f"TRIGGER_{trigger}")
    if since is not None:
        asked.from_time.FromDatetime(since)
    if until is not None:
        asked.until_time.FromDatetime(until)
    sheet = _sheet(csv)
    perform(options_of(context), lambda session: records.records(session, asked, limit=limit, sheet=sheet))


def _sheet(path: Path | None) -> Sheet | None:
    from weir_cli.sync.sheet import Sheet

    return None if path is None else Sheet(path)


@sync.command("retry")
def retry(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="RECORD...", help="Default: the newest failed one of every SKU.", show_default=False),
    ] = None,
    connection: Of = "",
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Have what failed sent again: not what the records say, but the levels of now."""
    from weir.sync.v1 import sync_service_pb2
    from weir_cli.session import perform
    from weir_cli.sync import records

    asked = sync_service_pb2.RetryRecordsRequest(records=names, connection=connection)
    perform(options_of(context), lambda session: records.retry(session, asked, check=check), request_id=request_id)


@sync.command("watch")
def watch(context: typer.Context, connection: Of = "", count: Count = None) -> None:
    """Print every record as it begins and ends, from now on, until Ctrl-C."""
    from weir_cli.session import stream
    from weir_cli.sync import records

    stream(options_of(context), lambda session: records.watch(session, connection, count=count))


@sync.command("alerts")
def list_alerts(
    context: typer.Context,
    connection: Of = "",
    every: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    limit: Limit = 200,
    follow: Annotated[bool, typer.Option("--watch", help="Print those that are open, then every change.")] = False,
    count: Count = None,
) -> None:
    """Show what wants attention, newest first."""
    from weir.sync.v1 import sync_service_pb2
    from weir_cli.session import perform, stream
    from weir_cli.sync import records

    if follow:
        stream(options_of(context), lambda session: records.watch_alerts(session, connection, count=count))
    if count is not None:
        raise typer.BadParameter("--count goes with --watch.")
    asked = sync_service_pb2.ListAlertsRequest(connection=connection, open_only=not every)
    perform(options_of(context), lambda session: records.alerts(session, asked, limit=limit))


@sync.command("close")
def close(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ALERT", help="Its identifier.")],
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Close an alert that does not close by itself."""
    from weir_cli.session import perform
    from weir_cli.sync import records

    perform(options_of(context), lambda session: records.close(session, name, check=check), request_id=request_id)


@app.command("channel-view", rich_help_panel=PANEL)
def channel_view(
    context: typer.Context,
    connection: Of = "",
    status: OfStatus = None,
    sku: Annotated[str | None, typer.Option(help="Only this product.")] = None,
    owner: Owner = "",
    differing: Annotated[
        bool, typer.Option("--differing", help="Only where a store was told, or shows, something else than it is to.")
    ] = False,
    limit: Limit = 200,
    csv: Csv = None,
) -> None:
    """Show per store and SKU the level, what was told when, and what became of it."""
    from weir.sync.v1 import sync_pb2, sync_service_pb2
    from weir_cli.session import perform
    from weir_cli.sync import views

    asked = sync_service_pb2.ListChannelRowsRequest(connection=connection, differing=differing)
    if status is not None:
        asked.status = sync_pb2.RecordStatus.Value(f"RECORD_STATUS_{status}")
    if sku is not None:
        asked.product.sku, asked.product.owner = sku, owner
    elif owner:
        raise typer.BadParameter("--owner says whose product --sku is: name that, too.")
    sheet = _sheet(csv)
    perform(options_of(context), lambda session: views.channel_view(session, asked, limit=limit, sheet=sheet))


@app.command("warehouse-view", rich_help_panel=PANEL)
def warehouse_view(
    context: typer.Context,
    connection: Of = "",
    facility: Annotated[str, typer.Option(help="Only of this facility.", show_default=False)] = "",
    faulty: Annotated[bool, typer.Option("--faulty", help="Only lines that were not taken over.")] = False,
    limit: Limit = 200,
    csv: Csv = None,
) -> None:
    """Show per facility and SKU what a warehouse reported when, and what the ledger has."""
    from weir.sync.v1 import sync_service_pb2
    from weir_cli.session import perform
    from weir_cli.sync import views

    asked = sync_service_pb2.ListWarehouseRowsRequest(connection=connection, facility=facility, faulty=faulty)
    sheet = _sheet(csv)
    perform(options_of(context), lambda session: views.warehouse_view(session, asked, limit=limit, sheet=sheet))
