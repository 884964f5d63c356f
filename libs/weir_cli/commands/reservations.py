"""Verbs of the promise: reserve, confirm, extend, fulfil, release, and what is promised."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, TypeVar

import typer

from weir_cli.options import (
    CheckOnly,
    Custodian,
    Limit,
    Lot,
    Owner,
    RequestId,
    Uom,
    moment,
    options_of,
    span,
)

app = typer.Typer()
PANEL = "Reservations"

T = TypeVar("T")


class State(StrEnum):
    """How far a reservation has come."""

    HELD = "HELD"
    CONFIRMED = "CONFIRMED"
    FULFILLED = "FULFILLED"
    EXPIRED = "EXPIRED"
    RELEASED = "RELEASED"


Reservation = Annotated[str, typer.Argument(metavar="RESERVATION", help="Its identifier, as reserve printed it.")]
Parts = Annotated[
    list[str] | None,
    typer.Argument(metavar="LINE=QUANTITY", help="Units of single lines. Default: all that is open."),
]


@app.command(rich_help_panel=PANEL)
def reserve(
    context: typer.Context,
    lines: Annotated[
        list[str], typer.Argument(metavar="SKU@LOCATION=QUANTITY", help="What is ordered, and from where.")
    ],
    order: Annotated[str, typer.Option(help="Your own name of the order.", show_default=False)] = "",
    channel: Annotated[str, typer.Option(help="Channel that sells.", show_default=False)] = "",
    hold: Annotated[
        timedelta | None,
        typer.Option(
            parser=span, metavar="SPAN", help="How long to hold unless confirmed: 90s, 15m, 2h. Default: 15m."
        ),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Promise what there is; refuse only if that is nothing.")
    ] = False,
    owner: Owner = "",
    lot: Lot = "",
    uom: Uom = "EACH",
    custodian: Custodian = "",
    claim: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY[=CEILING[:WEIGHT]]",
            help="Count every line under this key too, each unit as often as WEIGHT says (once), and refuse what would"
            " pass CEILING, or the ceiling that is set for the key; up to 8.",
        ),
    ] = None,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Promise units to an order: all of them, or none.

    weir reserve MUG-BLUE@DE1=2 BOWL-RED@FR --order A-1001 --channel webshop-de
    """
    from weir.ledger.v1 import reservation_pb2
    from weir_cli import promising
    from weir_cli.session import perform

    item = {"owner": owner, "lot": lot, "uom": uom, "custodian": custodian}
    keys = [_read(promising.line_claim, each) for each in claim or ()]
    draft = reservation_pb2.ReservationDraft(
        lines=[_read(promising.order_line, line, **item) for line in lines],
        mode=reservation_pb2.RESERVE_MODE_PARTIAL if partial else reservation_pb2.RESERVE_MODE_ALL_OR_NOTHING,
        hold_duration=None if hold is None else promising.seconds(hold),
        order=order,
        channel=channel,
    )
    for line in draft.lines:
        line.claims.extend(keys)
    perform(options_of(context), lambda session: promising.reserve(session, draft, check=check), request_id=request_id)


@app.command(rich_help_panel=PANEL)
def confirm(
    context: typer.Context, reservation: Reservation, request_id: RequestId = None, check: CheckOnly = False
) -> None:
    """Turn a hold into a promise without end."""
    from weir_cli import promising
    from weir_cli.session import perform

    perform(
        options_of(context),
        lambda session: promising.confirm(session, reservation, check=check),
        request_id=request_id,
    )


@app.command(rich_help_panel=PANEL)
def extend(
    context: typer.Context,
    reservation: Reservation,
    hold: Annotated[timedelta, typer.Option(parser=span, metavar="SPAN", help="How long from now: 90s, 15m, 2h.")],
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Hold units for longer, counted from now."""
    from weir_cli import promising
    from weir_cli.session import perform

    perform(
        options_of(context),
        lambda session: promising.extend(session, reservation, hold, check=check),
        request_id=request_id,
    )


@app.command(rich_help_panel=PANEL)
def fulfil(
    context: typer.Context,
    reservation: Reservation,
    lines: Parts = None,
    reference: Annotated[
        str, typer.Option(help="Your own reference, such as a parcel number.", show_default=False)
    ] = "",
    occurred: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="MOMENT", help="When the units left. Default: now.")
    ] = None,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Send promised units out to the customer, whole or in part."""
    from weir_cli import promising
    from weir_cli.session import perform

    parts = [_read(promising.line_quantity, line) for line in lines or ()]
    perform(
        options_of(context),
        lambda session: promising.fulfil(
            session, reservation, parts, reference=reference, occurred=occurred, check=check
        ),
        request_id=request_id,
    )


@app.command(rich_help_panel=PANEL)
def release(
    context: typer.Context,
    reservation: Reservation,
    lines: Parts = None,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Give promised units up, whole or in part."""
    from weir_cli import promising
    from weir_cli.session import perform

    parts = [_read(promising.line_quantity, line) for line in lines or ()]
    perform(
        options_of(context),
        lambda session: promising.release(session, reservation, parts, check=check),
        request_id=request_id,
    )


@app.command("handed-over", rich_help_panel=PANEL)
def handed_over(
    context: typer.Context,
    reservation: Reservation,
    lines: Annotated[
        list[int] | None, typer.Argument(metavar="LINE", min=1, help="Only these lines. Default: all with open units.")
    ] = None,
    occurred: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="MOMENT", help="When it was. Default: now.")
    ] = None,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Note that the warehouse has the order: from now on it leaves these units out of what it calls available."""
    from weir_cli import promising
    from weir_cli.session import perform

    perform(
        options_of(context),
        lambda session: promising.hand_over(session, reservation, lines or [], at=occurred, check=check),
        request_id=request_id,
    )


@app.command(rich_help_panel=PANEL)
def claims(
    context: typer.Context,
    keys: Annotated[list[str], typer.Argument(metavar="KEY", help="As reservation lines carry them.")],
) -> None:
    """Show how many units are claimed under keys, open and fulfilled, how many may be, and what the keys stand for."""
    from weir_cli import promising
    from weir_cli.session import perform

    perform(options_of(context), lambda session: promising.claims(session, keys))


@app.command(rich_help_panel=PANEL)
def reservations(
    context: typer.Context,
    reservation: Annotated[str | None, typer.Argument(metavar="RESERVATION", help="Show this one whole.")] = None,
    state: Annotated[
        list[State] | None, typer.Option(case_sensitive=False, help="Only in this state; may be given several times.")
    ] = None,
    order: Annotated[str, typer.Option(help="Only of this order.", show_default=False)] = "",
    channel: Annotated[str, typer.Option(help="Only of this channel.", show_default=False)] = "",
    sku: Annotated[str, typer.Option(help="Only with a line of this product.", show_default=False)] = "",
    owner: Owner = "",
    location: Annotated[str, typer.Option(help="Only with a line at this location.", show_default=False)] = "",
    limit: Limit = 200,
) -> None:
    """Show what is promised to whom."""
    from weir.common.v1 import stock_pb2
    from weir.ledger.v1 import reservation_pb2, reservation_service_pb2
    from weir_cli import promising
    from weir_cli.session import perform

    if reservation is not None:
        perform(options_of(context), lambda session: promising.one(session, reservation))
    asked = reservation_service_pb2.ListReservationsRequest(
        states=[reservation_pb2.ReservationState.Value(f"RESERVATION_STATE_{each}") for each in state or ()],
        order=order,
        channel=channel,
        product=stock_pb2.Product(owner=owner, sku=sku) if sku else None,
        location=location,
    )
    perform(options_of(context), lambda session: promising.several(session, asked, limit=limit))


def _read(read: Callable[..., T], text: str, **more: str) -> T:
    try:
        return read(text, **more)
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None
