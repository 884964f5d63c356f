"""Verbs of goods that pass from one person to another, and to the shelves of facilities."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from weir_cli.commands.levels import Count
from weir_cli.commands.lists import Watch, show
from weir_cli.options import CheckOnly, Limit, Lot, Owner, RequestId, Uom, options_of

if TYPE_CHECKING:
    from weir.pooling.v1.pool_pb2 import StockLine
    from weir.pooling.v1.transfer_service_pb2 import TransferUnits

app = typer.Typer()
PANEL = "Custody"

transfer = typer.Typer(no_args_is_help=True, help="Let goods pass from one person's custody to another's.")
stocking = typer.Typer(no_args_is_help=True, help="Put hub stock on the shelves of facilities.")
for name, group in (("transfer", transfer), ("stocking", stocking)):
    app.add_typer(group, name=name, rich_help_panel=PANEL)


class State(StrEnum):
    """How far a transfer has come."""

    REQUESTED = "REQUESTED"
    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    RETURNED = "RETURNED"
    CANCELLED = "CANCELLED"


Sender = Annotated[str, typer.Argument(metavar="FROM", help="Person in whose custody the goods are.")]
Recipient = Annotated[str, typer.Argument(metavar="TO", help="Person in whose custody they shall be.")]
Lines = Annotated[list[str], typer.Argument(metavar="SKU@LOCATION=QUANTITY", help="What goes, and where it lies.")]
Arriving = Annotated[
    str, typer.Option("--to-location", help="Where it lies once accepted. Default: where it lies.", show_default=False)
]
Note = Annotated[str, typer.Option(help="Your own words on it.", show_default=False)]
Transfer = Annotated[str, typer.Argument(metavar="TRANSFER", help="Its identifier, as request printed it.")]


def _declare(verb: str, rpc: str, what: str) -> None:
    """Make a verb that asks for a transfer."""

    def asked_for(
        context: typer.Context, sender: Sender, recipient: Recipient, lines: Lines, to_location: Arriving = "",
        note: Note = "", owner: Owner = "", lot: Lot = "", uom: Uom = "EACH", request_id: RequestId = None,
        check: CheckOnly = False,
    ) -> None:  # fmt: skip
        from weir.pooling.v1 import transfer_service_pb2
        from weir_cli.pooling import transfers
        from weir_cli.session import perform

        asked = transfer_service_pb2.RequestTransferRequest(
            sender=sender, recipient=recipient, location=to_location, note=note,
            lines=stock_lines(lines, owner=owner, lot=lot, uom=uom),
        )  # fmt: skip
        work = getattr(transfers, rpc)
        perform(options_of(context), lambda session: work(session, asked, check=check), request_id=request_id)

    transfer.command(verb, help=what)(asked_for)


def stock_lines(lines: list[str], *, owner: str, lot: str, uom: str) -> list[StockLine]:
    """Units of stock items as they stand on the command line."""
    from weir_cli.pooling import transfers
    from weir_cli.promising import LineUnreadable

    try:
        return [transfers.stock_line(line, owner=owner, lot=lot, uom=uom) for line in lines]
    except LineUnreadable as fault:
        raise typer.BadParameter(str(fault)) from None


_declare("request", "request", "Ask for goods to go to somebody; they are promised to nobody else until it is settled.")
_declare("quick", "quick", "Move goods to somebody at once, where you may act for both.")


def _declare_settling(verb: str, rpc: str, what: str) -> None:
    """Make a verb that settles a transfer."""

    def settled(context: typer.Context, name: Transfer, request_id: RequestId = None, check: CheckOnly = False) -> None:
        from weir_cli.pooling import transfers
        from weir_cli.session import perform

        perform(
            options_of(context),
            lambda session: transfers.settle(session, rpc, name, check=check),
            request_id=request_id,
        )

    transfer.command(verb, help=what)(settled)


_declare_settling("accept", "Accept", "Take the goods.")
_declare_settling("cancel", "Cancel", "Give it up: the goods are the sender's as before.")
_declare_settling("return", "Return", "Put what was declined back to sale, in the custody of the sender.")


@transfer.command("decline")
def decline(
    context: typer.Context,
    name: Transfer,
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why.")],
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Refuse the goods: they are on hold with the sender until an administrator puts them back to sale."""
    from weir_cli.pooling import transfers
    from weir_cli.session import perform

    perform(
        options_of(context),
        lambda session: transfers.settle(session, "Decline", name, check=check, reason=reason),
        request_id=request_id,
    )


@transfer.command("remove")
def remove(
    context: typer.Context,
    name: Transfer,
    lines: Annotated[
        list[str], typer.Argument(metavar="LINE=QUANTITY", help="Units that are missing; LINE is a number show prints.")
    ],
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Take out what is missing: it stays with the sender, the rest goes on."""
    from weir_cli.pooling import transfers
    from weir_cli.session import perform

    units = _transfer_units(lines)
    perform(
        options_of(context),
        lambda session: transfers.remove(session, name, units, check=check),
        request_id=request_id,
    )


def _transfer_units(lines: list[str]) -> list[TransferUnits]:
    from weir.pooling.v1 import transfer_service_pb2
    from weir_cli.promising import LineUnreadable, line_quantity

    try:
        read = [line_quantity(line) for line in lines]
    except LineUnreadable as fault:
        raise typer.BadParameter(str(fault)) from None
    return [transfer_service_pb2.TransferUnits(line=each.line, quantity=each.quantity) for each in read]


@transfer.command("list")
def list_transfers(
    context: typer.Context,
    state: Annotated[State | None, typer.Option(case_sensitive=False, help="Only in this state.")] = None,
    sender: Annotated[str, typer.Option("--from", help="Only from this person.", show_default=False)] = "",
    recipient: Annotated[str, typer.Option("--to", help="Only to this person.", show_default=False)] = "",
    limit: Limit = 200,
    watch: Watch = False,
    count: Count = None,
) -> None:
    """Show the transfers you may see, newest first."""
    from weir.pooling.v1 import pool_pb2, transfer_service_pb2
    from weir_cli.pooling import transfers

    asked = transfer_service_pb2.ListTransfersRequest(sender=sender, recipient=recipient)
    if state is not None:
        asked.state = pool_pb2.TransferState.Value(f"TRANSFER_STATE_{state}")
    show(context, transfers.several, transfers.watch, asked, limit=limit, watch=watch, count=count)


@transfer.command("show")
def show_transfer(context: typer.Context, name: Transfer) -> None:
    """Show one transfer: who did what to it, and its lines."""
    from weir_cli.pooling import transfers
    from weir_cli.session import perform

    perform(options_of(context), lambda session: transfers.one(session, name))


@stocking.command("place")
def place(
    context: typer.Context,
    hub: Annotated[str, typer.Argument(metavar="HUB", help="Distributor in whose custody the goods are, and stay.")],
    facility: Annotated[str, typer.Argument(metavar="FACILITY", help="Location they are put in.")],
    lines: Lines,
    note: Note = "",
    owner: Owner = "",
    lot: Lot = "",
    uom: Uom = "EACH",
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Put hub stock on the shelf of a facility, where every member of the pool may use it while it is shared."""
    from weir.pooling.v1 import transfer_service_pb2
    from weir_cli.pooling import transfers
    from weir_cli.session import perform

    asked = transfer_service_pb2.PlaceStockingOrderRequest(
        hub=hub, facility=facility, note=note, lines=stock_lines(lines, owner=owner, lot=lot, uom=uom)
    )
    perform(options_of(context), lambda session: transfers.place(session, asked, check=check), request_id=request_id)


@stocking.command("list")
def list_stocking_orders(
    context: typer.Context,
    hub: Annotated[str, typer.Option(help="Only of this distributor.", show_default=False)] = "",
    facility: Annotated[str, typer.Option(help="Only to this facility.", show_default=False)] = "",
    limit: Limit = 200,
) -> None:
    """Show the stocking orders you may see, newest first."""
    from weir.pooling.v1 import transfer_service_pb2
    from weir_cli.pooling import transfers
    from weir_cli.session import perform

    asked = transfer_service_pb2.ListStockingOrdersRequest(hub=hub, facility=facility)
    perform(options_of(context), lambda session: transfers.stocking_orders(session, asked, limit=limit))


@stocking.command("show")
def show_stocking_order(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ORDER", help="Its identifier, as place printed it.")],
) -> None:
    """Show one stocking order with its lines."""
    from weir_cli.pooling import transfers
    from weir_cli.session import perform

    perform(options_of(context), lambda session: transfers.stocking_order(session, name))
