"""The command `weir`: its shared options, and the verbs put together.

Nothing is imported here that takes time: neither gRPC nor SQLAlchemy is needed to print help or a fault of the line.
"""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from weir_cli.commands import (
    alerts,
    books,
    cases,
    connections,
    connector,
    levels,
    listings,
    merchant,
    orders,
    people,
    products,
    reservations,
    rules,
    schedules,
    shares,
    snapshots,
    sold,
    stock,
    suite,
    syncing,
    transfers,
    waiting,
)
from weir_cli.options import default_options, hoisted

EPILOG = (
    "The options above may stand anywhere on the line. With --json every verb prints one JSON document, and watches one"
    " a line; its keys are the field names of the contracts (protos/weir). Exit status: 0 done; 1 refused, or the books"
    " differ; 2 the line or a file cannot be used; 3 no answer: repeat with the same --request-id."
)

app = typer.Typer(
    name="weir",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
PARTS = (
    suite, merchant, stock, snapshots, orders, waiting, reservations, people, transfers, cases, alerts, products, rules,
    connections, connector, schedules, listings, syncing, sold, levels, shares, books,
)  # fmt: skip
for part in PARTS:
    for command in part.app.registered_commands:
        app.registered_commands.append(command)
    app.registered_groups.extend(part.app.registered_groups)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"weir {version('weir-inventory')}")
        raise typer.Exit


@app.callback(epilog=EPILOG)
def shared(
    context: typer.Context,
    ledger: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Address of the ledger. Also WEIR_LEDGER_TARGET.")
    ] = None,
    sharing: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Address of sharing. Also WEIR_SHARING_TARGET.")
    ] = None,
    partitioning: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Address of partitioning. Also WEIR_PARTITIONING_TARGET.")
    ] = None,
    sync: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Address of sync. Also WEIR_SYNC_TARGET.")
    ] = None,
    pooling: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Address of pooling. Also WEIR_POOLING_TARGET.")
    ] = None,
    aggregator: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Address of the aggregator. Also WEIR_AGGREGATOR_TARGET.")
    ] = None,
    tenant: Annotated[
        str | None,
        typer.Option(envvar="WEIR_TENANT", help="Tenant to act for, where the token names none.", show_default=False),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            "--as",
            envvar="WEIR_USER",
            metavar="USER",
            help="Person to act as, where the token is a service's.",
        ),
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(envvar="WEIR_TOKEN_FILE", help="File of the bearer token.", show_default=False)
    ] = None,
    tls_ca_file: Annotated[
        Path | None,
        typer.Option(
            envvar="WEIR_CLIENT_TLS_CA_FILE", help="PEM of who signs the servers; makes calls TLS.", show_default=False
        ),
    ] = None,
    deadline: Annotated[
        float, typer.Option(min=0.1, max=3600, metavar="SECONDS", help="How long a call may take.")
    ] = 10.0,
    json: Annotated[bool, typer.Option("--json", help="Print for programs.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Inventory: one ledger of truth, and what every channel may sell."""
    base = default_options()
    named = {
        "ledger": ledger,
        "sharing": sharing,
        "partitioning": partitioning,
        "sync": sync,
        "pooling": pooling,
        "aggregator": aggregator,
    }
    context.obj = replace(
        base,
        targets={**base.targets, **{name: target for name, target in named.items() if target}},
        tenant=tenant,
        user=user,
        token_file=token_file,
        tls_ca_file=tls_ca_file,
        deadline_seconds=deadline,
        json=json,
    )


def main() -> None:
    """Run the line this process was called by, and end with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that cannot show a sign shows another
            stream.reconfigure(errors="replace")
    app(args=hoisted(sys.argv[1:]), prog_name="weir")
