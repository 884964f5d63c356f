"""Verbs of what orders wait for: demands that wait, and how many units of a product may."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from weir_cli.commands.levels import Count
from weir_cli.commands.lists import Watch, show
from weir_cli.commands.reservations import Parts
from weir_cli.options import CheckOnly, Limit, Owner, Owners, RequestId, options_of

app = typer.Typer()
PANEL = "Orders"

waiting = typer.Typer()
app.add_typer(waiting, name="waiting", rich_help_panel=PANEL)


class State(StrEnum):
    """How far a waiting demand has come."""

    WAITING = "WAITING"
    PROMISED = "PROMISED"
    CANCELLED = "CANCELLED"


@waiting.callback(invoke_without_command=True)
def demands(
    context: typer.Context,
    order: Annotated[str, typer.Option(help="Only of this order.", show_default=False)] = "",
    channel: Annotated[str, typer.Option("--channel", "-c", help="Only of this channel.", show_default=False)] = "",
    sku: Annotated[str, typer.Option(help="Only with a line of this product.", show_default=False)] = "",
    owner: Owner = "",
    state: Annotated[
        list[State] | None,
        typer.Option(
            case_sensitive=False,
            help="Only in this state; may be given several times. Default: WAITING; with --watch: all.",
        ),
    ] = None,
    limit: Limit = 200,
    watch: Watch = False,
    count: Count = None,
) -> None:
    """Show which orders wait for what, first come first; or cancel with `weir waiting cancel`."""
    if context.invoked_subcommand is not None:
        return
    from weir.common.v1 import stock_pb2
    from weir.ledger.v1 import waiting_pb2, waiting_service_pb2
    from weir_cli import awaiting

    states = state or ([] if watch else [State.WAITING])
    asked = waiting_service_pb2.ListWaitingRequest(
        states=[waiting_pb2.WaitingState.Value(f"WAITING_STATE_{each}") for each in states],
        order=order,
        channel=channel,
        product=stock_pb2.Product(owner=owner, sku=sku) if sku else None,
    )
    show(context, awaiting.waiting, awaiting.watch_waiting, asked, limit=limit, watch=watch, count=count)


@waiting.command("cancel")
def cancel(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="WAITING", help="Its identifier, as `weir waiting` prints it.")],
    lines: Parts = None,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Give up units that wait, whole or in part."""
    from weir_cli import ordering, promising
    from weir_cli.session import perform

    try:
        parts = [promising.line_quantity(line) for line in lines or ()]
    except promising.LineUnreadable as fault:
        raise typer.BadParameter(str(fault)) from None
    perform(
        options_of(context),
        lambda session: ordering.cancel_waiting(session, name, parts, check=check),
        request_id=request_id,
    )


@app.command("back-orders", rich_help_panel=PANEL)
def back_orders(
    context: typer.Context,
    product: Annotated[
        str | None,
        typer.Argument(metavar="SKU[=LIMIT]", help="Only this product; with a limit: set it. 0: nothing may wait."),
    ] = None,
    owner: Owners = None,
    limit: Limit = 200,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Show how many units of products may wait for stock, over all orders, and how many do; or say how many may.

    weir back-orders MUG-BLUE=50
    """
    from weir.common.v1 import stock_pb2
    from weir_cli import awaiting
    from weir_cli.session import perform

    options = options_of(context)
    if product is None:
        perform(options, lambda session: awaiting.back_orders(session, owner=owner, limit=limit))
    if "=" not in product:
        named = stock_pb2.Product(owner=owner or "", sku=product)
        perform(options, lambda session: awaiting.back_orders_of(session, named))
    try:
        wanted = awaiting.back_orders_named(product, owner or "")
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None
    perform(options, lambda session: awaiting.set_back_orders(session, wanted, check=check), request_id=request_id)
