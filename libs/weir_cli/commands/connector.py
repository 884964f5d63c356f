"""Verbs for who writes an adapter."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from weir_cli.options import options_of, span

app = typer.Typer()

connector = typer.Typer(no_args_is_help=True, help="Try adapters for stores and warehouses.")
app.add_typer(connector, name="connector", rich_help_panel="Sync")


@connector.command("check")
def check(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="HOST:PORT", help="Where the adapter listens.")],
    warehouse: Annotated[bool, typer.Option("--warehouse", help="It is for a warehouse, not for a store.")] = False,
    sku: Annotated[
        list[str] | None,
        typer.Option(
            "--sku", help="A SKU of the store whose level may be changed, and is put back; several are possible."
        ),
    ] = None,
    settle: Annotated[
        timedelta,
        typer.Option(parser=span, metavar="SPAN", help="How long what was accepted may take to be shown."),
    ] = "30s",  # type: ignore[assignment]
) -> None:
    """Try whether an adapter keeps the contract weir.connector.v1, law by law; 1 where one is broken.

    The adapter should stand before a store of its own: levels are changed. --token-file has the token that it wants,
    --tls-ca-file who signs its certificate.
    """
    from weir_cli.checking import report
    from weir_cli.session import perform

    options = options_of(context)
    if warehouse:
        perform(options, lambda _: report.check_warehouse(options, target))
    perform(options, lambda _: report.check_store(options, target, sku or [], settle.total_seconds()))
