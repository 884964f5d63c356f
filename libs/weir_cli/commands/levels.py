"""Verbs of the channel: what it may sell, why, and how that changes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weir_cli.options import Fresh, Limit, Owner, Owners, SellerView, Uom, options_of

app = typer.Typer()
PANEL = "Availability"
SHOWN = 50

Channels = Annotated[
    list[str] | None, typer.Option("--channel", "-c", help="Only this channel; may be given several times.")
]
Count = Annotated[int | None, typer.Option(min=1, help="End after so many messages. Default: go on.")]


@app.command(rich_help_panel=PANEL)
def levels(
    context: typer.Context,
    skus: Annotated[list[str] | None, typer.Argument(metavar="SKU", help="Only these.")] = None,
    channel: Channels = None,
    owner: Owners = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help=f"At most so many rows of the table. Default: {SHOWN}.", show_default=False),
    ] = None,
    fresh: Fresh = False,
) -> None:
    """Show what every channel may sell; all products with --json, the first ones in a table."""
    from weir_cli import selling
    from weir_cli.session import perform

    bound = limit or (None if skus else SHOWN)
    perform(
        options_of(context),
        lambda session: selling.levels(session, skus or [], channel or [], owner=owner, limit=bound, fresh=fresh),
    )


@app.command(rich_help_panel=PANEL)
def explain(
    context: typer.Context,
    sku: Annotated[str, typer.Argument(metavar="SKU", help="What is to be sold.")],
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Who sells it.")],
    owner: Owner = "",
    lot: Annotated[str, typer.Option(help="Only this batch. Default: any.", show_default=False)] = "",
    uom: Uom = "EACH",
    view: SellerView = None,
    fresh: Fresh = False,
) -> None:
    """Show how a level comes about in five stages: what counted or did not and why, and what would raise it."""
    from weir_cli import selling
    from weir_cli.session import perform

    perform(
        options_of(context),
        lambda session: selling.explain(session, sku, channel, owner=owner, lot=lot, uom=uom, view=view, fresh=fresh),
    )


@app.command(rich_help_panel=PANEL)
def exposure(
    context: typer.Context,
    skus: Annotated[list[str] | None, typer.Argument(metavar="SKU", help="Only these.")] = None,
    owner: Owners = None,
    limit: Limit = 100,
    fresh: Fresh = False,
) -> None:
    """Show what all stores together are told beyond what there is: of the products most exposed, or of those named."""
    from weir_cli import selling
    from weir_cli.session import perform

    perform(
        options_of(context),
        lambda session: selling.exposure(session, skus or [], owner=owner, limit=limit, fresh=fresh),
    )


@app.command(rich_help_panel=PANEL)
def preview(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FOLDER|FILE", help="As `weir load` reads it, or one file of it.")],
    channel: Channels = None,
    owner: Owners = None,
    limit: Limit = SHOWN,
    fresh: Fresh = False,
) -> None:
    """Show every level that would differ if a folder were loaded, and what stores would be told beyond what there is.

    Its configuration is looked at, not its stock; nothing is written.
    """
    from weir_cli import previewing
    from weir_cli.session import perform

    perform(
        options_of(context),
        lambda session: previewing.preview(session, path, channel or [], owner=owner, limit=limit, fresh=fresh),
    )


watching = typer.Typer()
app.add_typer(watching, name="watch", rich_help_panel=PANEL)


@watching.callback(invoke_without_command=True)
def watch(context: typer.Context) -> None:
    """Follow levels as they change, or entries with `weir watch entries`."""
    if context.invoked_subcommand is None:
        watch_levels(context)


@watching.command("levels")
def watch_levels(
    context: typer.Context,
    skus: Annotated[list[str] | None, typer.Argument(metavar="SKU", help="Only these.")] = None,
    channel: Channels = None,
    owner: Owners = None,
    count: Count = None,
) -> None:
    """Print every level that changes, until Ctrl-C; reconnects by itself and leaves nothing out."""
    from weir_cli import watching as following
    from weir_cli.session import stream

    stream(
        options_of(context),
        lambda session: following.watch_levels(session, channel or [], skus or [], owner=owner, count=count),
    )


@watching.command("entries")
def watch_entries(
    context: typer.Context,
    skus: Annotated[list[str] | None, typer.Argument(metavar="SKU", help="Only these.")] = None,
    owner: Owner = "",
    history: Annotated[bool, typer.Option("--history", help="Begin with the oldest entries that are kept.")] = False,
    count: Count = None,
) -> None:
    """Print every line of the books as it is written, until Ctrl-C; reconnects by itself and leaves nothing out."""
    from weir.common.v1 import stock_pb2
    from weir.ledger.v1 import ledger_service_pb2
    from weir_cli import watching as following
    from weir_cli.session import stream

    products = [stock_pb2.Product(owner=owner, sku=sku) for sku in skus or ()]
    asked = ledger_service_pb2.WatchEntriesRequest(products=products)
    stream(options_of(context), lambda session: following.watch_entries(session, asked, history=history, count=count))
