"""Verbs of what stores sold."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from weir_cli.commands.connections import PANEL
from weir_cli.options import CheckOnly, Limit, RequestId, moment, options_of

app = typer.Typer()

store_order = typer.Typer(no_args_is_help=True, help="Report what stores sold, and see what became of it.")
app.add_typer(store_order, name="store-order", rich_help_panel=PANEL)


class State(StrEnum):
    """What became of an order of a store."""

    REPORTED = "REPORTED"
    PROMISED = "PROMISED"
    SHORT = "SHORT"
    CANCELLED = "CANCELLED"
    UNREADABLE = "UNREADABLE"


Store = Annotated[str, typer.Argument(metavar="CONNECTION", help="The store.")]
Order = Annotated[str, typer.Argument(metavar="STORE-ORDER", help="The store's own identifier of the order.")]


@store_order.command("report")
def report(
    context: typer.Context,
    connection: Store,
    order: Order,
    lines: Annotated[list[str], typer.Argument(metavar="STORE-SKU=UNITS...", help="What was sold.")],
    placed: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="MOMENT", help="When. Default: not known.")
    ] = None,
    cancelled: Annotated[bool, typer.Option("--cancelled", help="It was cancelled in the store.")] = False,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Report an order that a store has taken: its units are promised at once, and every other store falls.

    weir store-order report shop-de 100007 4711=2
    """
    from weir.connector.v1 import connector_pb2
    from weir_cli.promising import LineUnreadable
    from weir_cli.session import perform
    from weir_cli.sync import orders

    try:
        sold = [orders.sold_line(each) for each in lines]
    except LineUnreadable as fault:
        raise typer.BadParameter(str(fault)) from None
    made = connector_pb2.StoreOrder(store_order=order, lines=sold, cancelled=cancelled)
    if placed is not None:
        made.place_time.FromDatetime(placed)
    perform(
        options_of(context),
        lambda session: orders.report(session, connection, made, check=check),
        request_id=request_id,
    )


@store_order.command("list")
def list_orders(
    context: typer.Context,
    connection: Annotated[str, typer.Argument(metavar="CONNECTION", help="Only of this.", show_default=False)] = "",
    state: Annotated[State | None, typer.Option(case_sensitive=False, help="Only in this state.")] = None,
    limit: Limit = 50,
) -> None:
    """Show what stores reported, newest first."""
    from weir.sync.v1 import order_service_pb2, store_order_pb2
    from weir_cli.session import perform
    from weir_cli.sync import orders

    asked = order_service_pb2.ListStoreOrdersRequest(connection=connection)
    if state is not None:
        asked.state = store_order_pb2.StoreOrderState.Value(f"STORE_ORDER_STATE_{state}")
    perform(options_of(context), lambda session: orders.orders(session, asked, limit=limit))


@store_order.command("show")
def show_order(context: typer.Context, connection: Store, order: Order) -> None:
    """Show one order of a store with its lines."""
    from weir_cli.session import perform
    from weir_cli.sync import orders

    perform(options_of(context), lambda session: orders.order(session, connection, order))
