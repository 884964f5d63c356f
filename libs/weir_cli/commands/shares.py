"""Verbs of supplies that are divided at an instant: shares, and dividing anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from weir_cli.options import CheckOnly, Fresh, Limit, Owner, RequestId, options_of

if TYPE_CHECKING:
    from weir.common.v1.stock_pb2 import Product

app = typer.Typer()
PANEL = "Availability"

Skus = Annotated[list[str] | None, typer.Argument(metavar="SKU", help="Only of these products.")]


@app.command(rich_help_panel=PANEL)
def shares(
    context: typer.Context,
    skus: Skus = None,
    group: Annotated[str, typer.Option(help="Only of this channel group.", show_default=False)] = "",
    warehouse_group: Annotated[str, typer.Option(help="Only in this warehouse group.", show_default=False)] = "",
    owner: Owner = "",
    history: Annotated[bool, typer.Option("--history", help="Show how supplies were divided, newest first.")] = False,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch", help="Print every division as it happens, until Ctrl-C; with --history also past ones."
        ),
    ] = False,
    count: Annotated[int | None, typer.Option(min=1, help="End a watch after so many divisions.")] = None,
    limit: Limit = 200,
    fresh: Fresh = False,
) -> None:
    """Show what each channel group has left of its share of supplies that a BALANCED policy divides."""
    from weir_cli import dividing
    from weir_cli.session import perform, stream

    asked = dividing.Asked(tuple(_products(skus, owner)), warehouse_group, group)
    if watch:
        stream(options_of(context), lambda session: dividing.follow(session, asked, past=history, count=count))
    if history:
        perform(options_of(context), lambda session: dividing.history(session, asked, limit=limit))
    perform(options_of(context), lambda session: dividing.shares(session, asked, limit=limit, fresh=fresh))


@app.command(rich_help_panel=PANEL)
def rebalance(
    context: typer.Context,
    skus: Skus = None,
    owner: Owner = "",
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Divide supplies anew now: of these products, or of all that a BALANCED policy divides. What would move nothing
    stays as it is.
    """
    from weir_cli import dividing
    from weir_cli.session import perform

    products = _products(skus, owner)
    perform(
        options_of(context),
        lambda session: dividing.rebalance(session, products, check=check),
        request_id=request_id,
    )


def _products(skus: list[str] | None, owner: str) -> list[Product]:
    from weir.common.v1 import stock_pb2

    return [stock_pb2.Product(owner=owner, sku=sku) for sku in dict.fromkeys(skus or ())]
