"""Verbs of the suite itself: bring it up, run one service, migrate, compact, say how it is configured and fares."""

from __future__ import annotations

import sys
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from weir_cli.options import OK, REFUSED, USAGE, month, options_of
from weir_cli.services import SERVICES

app = typer.Typer()
PANEL = "The suite"


class ServiceName(StrEnum):
    """A service of the suite."""

    LEDGER = "ledger"
    SHARING = "sharing"
    PARTITIONING = "partitioning"
    SYNC = "sync"
    POOLING = "pooling"
    AGGREGATOR = "aggregator"


DataDirectory = Annotated[
    Path | None,
    typer.Option(
        envvar="WEIR_DATA_DIRECTORY",
        help="Where the embedded Postgres lives. Default: ~/.local/share/weir, for root /var/lib/weir.",
        show_default=False,
    ),
]
FreePorts = Annotated[bool, typer.Option("--free-ports", help="Let the kernel choose every port.")]
Addresses = Annotated[
    Path | None,
    typer.Option(
        "--addresses", metavar="FILE", help="Write who listens where into this file, as JSON, once all serve.",
        show_default=False,
    ),
]  # fmt: skip
LedgerPort = Annotated[
    int, typer.Option(min=0, max=65_535, envvar="WEIR_LEDGER_PORT", help="0 lets the kernel choose.")
]
SharingPort = Annotated[int, typer.Option(min=0, max=65_535, envvar="WEIR_SHARING_PORT", help="As above.")]
PartitioningPort = Annotated[int, typer.Option(min=0, max=65_535, envvar="WEIR_PARTITIONING_PORT", help="As above.")]
SyncPort = Annotated[int, typer.Option(min=0, max=65_535, envvar="WEIR_SYNC_PORT", help="As above.")]
PoolingPort = Annotated[int, typer.Option(min=0, max=65_535, envvar="WEIR_POOLING_PORT", help="As above.")]
AggregatorPort = Annotated[int, typer.Option(min=0, max=65_535, envvar="WEIR_AGGREGATOR_PORT", help="As above.")]


@app.command(rich_help_panel=PANEL)
def up(
    context: typer.Context,
    data_directory: DataDirectory = None,
    host: Annotated[
        str, typer.Option(help="Where services listen; without tokens only loopback is allowed.")
    ] = "127.0.0.1",
    ledger_port: LedgerPort = SERVICES["ledger"].port,
    sharing_port: SharingPort = SERVICES["sharing"].port,
    partitioning_port: PartitioningPort = SERVICES["partitioning"].port,
    sync_port: SyncPort = SERVICES["sync"].port,
    pooling_port: PoolingPort = SERVICES["pooling"].port,
    aggregator_port: AggregatorPort = SERVICES["aggregator"].port,
    free_ports: FreePorts = False,
    addresses: Addresses = None,
) -> None:
    """Run everything: Postgres and every service, until Ctrl-C.

    An embedded Postgres is made and migrated where none is named by WEIR_DATABASE_URL; `{service}` in that URL stands
    for the schema and role of each service. What dies is started again.
    """
    from weir_cli import upping

    ports = {
        "ledger": ledger_port,
        "sharing": sharing_port,
        "partitioning": partitioning_port,
        "sync": sync_port,
        "pooling": pooling_port,
        "aggregator": aggregator_port,
    }
    sys.exit(
        upping.up(
            data_directory=data_directory,
            host=host,
            ports=dict.fromkeys(ports, 0) if free_ports else ports,
            addresses=addresses,
            json_lines=options_of(context).json,
        )
    )


@app.command(rich_help_panel=PANEL)
def demo(
    context: typer.Context,
    data_directory: Annotated[
        Path | None, typer.Option(help="Keep the data here. Default: a new directory, removed at the end.")
    ] = None,
    ledger_port: LedgerPort = SERVICES["ledger"].port,
    sharing_port: SharingPort = SERVICES["sharing"].port,
    partitioning_port: PartitioningPort = SERVICES["partitioning"].port,
    sync_port: SyncPort = SERVICES["sync"].port,
    pooling_port: PoolingPort = SERVICES["pooling"].port,
    aggregator_port: AggregatorPort = SERVICES["aggregator"].port,
    free_ports: FreePorts = False,
    stay: Annotated[
        bool | None,
        typer.Option("--stay/--end", help="Stay up afterwards, or end. Default: stay where a terminal is attached."),
    ] = None,
) -> None:
    """Run the suite with a sample merchant and show what it can do; exit status 0 only if all of it held."""
    from weir_cli.demonstration import demonstrate

    ports = {
        "ledger": ledger_port,
        "sharing": sharing_port,
        "partitioning": partitioning_port,
        "sync": sync_port,
        "pooling": pooling_port,
        "aggregator": aggregator_port,
    }
    sys.exit(
        demonstrate(
            data_directory=data_directory,
            ports=dict.fromkeys(ports, 0) if free_ports else ports,
            stay=sys.stdin.isatty() and sys.stdout.isatty() if stay is None else stay,
        )
    )


@app.command(rich_help_panel=PANEL)
def serve(
    context: typer.Context,
    service: Annotated[ServiceName, typer.Argument(metavar="SERVICE", help=f"One of {', '.join(SERVICES)}.")],
    describe: Annotated[bool, typer.Option("--describe", help="Print every variable it reads, and end.")] = False,
    supervised: Annotated[bool, typer.Option("--supervised", hidden=True)] = False,
) -> None:
    """Run one service, configured by its environment, until SIGTERM."""
    from weir_chassis.settings import SettingsFaults
    from weir_cli import configuring, serving

    asked = SERVICES[service]
    if describe:
        configuring.print_variables([asked], as_json=options_of(context).json)
        return
    try:
        sys.exit(serving.serve(asked, supervised=supervised))
    except SettingsFaults as faults:
        configuring.print_faults(faults)
        sys.exit(USAGE)


@app.command(rich_help_panel=PANEL)
def migrate(
    context: typer.Context,
    service: Annotated[
        ServiceName | None, typer.Argument(metavar="SERVICE", help="Only the schema of this one.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only say where each schema stands; 1 where one is behind.")
    ] = False,
    bump_epoch: Annotated[
        bool,
        typer.Option(
            "--bump-epoch",
            help="After a restore, before the services run: refuse revisions that were drawn since the backup.",
        ),
    ] = False,
    describe: Annotated[bool, typer.Option("--describe", help="Print the variables it reads, and end.")] = False,
) -> None:
    """Bring every schema to what this version expects, making schemas and roles where they are missing.

    Connects by WEIR_DATABASE_OWNER_URL; the role and password of WEIR_DATABASE_URL are those the service will have
    (`{service}` in it stands for the schema). Without URLs it is the embedded Postgres. Forward only.
    """
    from weir_chassis.settings import SettingsFaults
    from weir_cli import configuring, migrating

    if describe:
        configuring.print_database_variables(as_json=options_of(context).json)
        return
    if check and bump_epoch:
        raise typer.BadParameter("--check only looks: it cannot go with --bump-epoch.")
    asked = [SERVICES[service]] if service is not None else list(SERVICES.values())
    try:
        well = migrating.migrate(asked, only_check=check, bump=bump_epoch, as_json=options_of(context).json)
    except SettingsFaults as faults:
        configuring.print_faults(faults)
        sys.exit(USAGE)
    sys.exit(OK if well else REFUSED)


@app.command(rich_help_panel=PANEL)
def compact(
    context: typer.Context,
    before: Annotated[date, typer.Option(parser=month, metavar="YYYY-MM", help="The first month to be kept.")],
    drop: Annotated[
        bool, typer.Option("--drop", help="Remove the months before it for good, those put away earlier too.")
    ] = False,
) -> None:
    """Put old history of the ledger away: entries from before a month, of every tenant.

    What was counted and promised stays as it is; whoever asks for what is gone is told from where history is kept. The
    months stay in the database as tables of their own, entries_2026_05 and so on, unless they are dropped. Connects as
    migrate does.
    """
    from weir_chassis.settings import SettingsFaults
    from weir_cli import compacting, configuring

    try:
        done = compacting.compact(SERVICES["ledger"], before, drop=drop, as_json=options_of(context).json)
    except SettingsFaults as faults:
        configuring.print_faults(faults)
        sys.exit(USAGE)
    sys.exit(OK if done else REFUSED)


@app.command(rich_help_panel=PANEL)
def settings(
    context: typer.Context,
    service: Annotated[ServiceName | None, typer.Argument(metavar="SERVICE", help="Only of this one.")] = None,
    describe: Annotated[bool, typer.Option("--describe", help="Say what each is for; so it is without, too.")] = True,
) -> None:
    """Print every variable the services read: name, default, meaning. Secrets are never printed."""
    from weir_cli import configuring

    asked = [SERVICES[service]] if service is not None else list(SERVICES.values())
    configuring.print_variables(asked, as_json=options_of(context).json)


@app.command(rich_help_panel=PANEL)
def status(context: typer.Context) -> None:
    """Show whether each service serves, and how far each has come; exit status 3 where one does not."""
    from weir_cli import faring
    from weir_cli.session import perform

    perform(options_of(context), faring.status)
