"""Verbs of whole orders: plan, place, show, ship, cancel, plan again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from weir_cli.commands.reservations import Parts, Reservation
from weir_cli.options import CheckOnly, Fresh, Owner, RequestId, SellerView, Uom, View, moment, options_of, span

if TYPE_CHECKING:
    from weir_cli.wishing import Wished

app = typer.Typer()
PANEL = "Orders"

order = typer.Typer(no_args_is_help=True, help="Plan, promise, ship and cancel orders, wherever their units lie.")
app.add_typer(order, name="order", rich_help_panel=PANEL)

T = TypeVar("T")

Lines = Annotated[list[str], typer.Argument(metavar="SKU=QUANTITY", help="What is ordered.")]
Seller = Annotated[str, typer.Option("--channel", "-c", help="Channel that sells.", show_default=False)]
Partial = Annotated[
    bool | None,
    typer.Option("--partial/--whole", help="As much as possible; or all of it or nothing. Default: whole."),
]
LocationsMax = Annotated[
    int | None, typer.Option("--max-locations", min=0, help="At most so many locations send; 0: any number.")
]
OneLocation = Annotated[
    bool | None,
    typer.Option("--one-location-per-line/--split-lines", help="Each line comes from one location; or from several."),
]
OwnOnly = Annotated[
    bool | None, typer.Option("--own-only/--lent-too", help="Nothing that links lend; or that as well.")
]
Prefer = Annotated[
    list[str] | None,
    typer.Option("--prefer", metavar="LOCATION", help="Rather from here than elsewhere; may be given several times."),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="LOCATION", help="Nothing from here; may be given several times."),
]
Distance = Annotated[
    list[str] | None,
    typer.Option(
        "--distance", metavar="LOCATION=NUMBER", help="How far or how dear it is; may be given several times."
    ),
]
AnyLot = Annotated[str, typer.Option(help="Only this batch. Default: any.", show_default=False)]
Custodians = Annotated[
    list[str] | None,
    typer.Option(
        "--custodian",
        help="Only in this person's custody; several times: of the first rather than of the second.",
    ),
]
OrderName = Annotated[str, typer.Option("--order", help="Your own name of the order.", show_default=False)]


@order.command("plan")
def plan(
    context: typer.Context,
    lines: Lines,
    channel: Seller,
    partial: Partial = None,
    max_locations: LocationsMax = None,
    one_location_per_line: OneLocation = None,
    own_only: OwnOnly = None,
    prefer: Prefer = None,
    exclude: Exclude = None,
    distance: Distance = None,
    owner: Owner = "",
    lot: AnyLot = "",
    uom: Uom = "EACH",
    custodian: Custodians = None,
    view: SellerView = None,
    fresh: Fresh = False,
) -> None:
    """Show which locations would send what; nothing is promised.

    weir order plan MUG-BLUE=2 BOWL-RED --channel webshop-de --exclude FR
    """
    from weir.aggregator.v1 import fulfilment_pb2
    from weir_cli import ordering
    from weir_cli.session import perform

    wished = _wished(
        lines, (owner, lot, uom, custodian, view), partial, max_locations, one_location_per_line, own_only, prefer,
        exclude, distance,
    )  # fmt: skip
    wish = wished.of(fulfilment_pb2.Wish(channel=channel))
    perform(options_of(context), lambda session: ordering.plan(session, wish, fresh=fresh))


@order.command("place")
def place(
    context: typer.Context,
    lines: Lines,
    channel: Seller,
    order: OrderName = "",
    hold: Annotated[
        timedelta | None,
        typer.Option(
            parser=span, metavar="SPAN", help="How long to hold unless confirmed: 90s, 15m, 2h. Default: 15m."
        ),
    ] = None,
    back_order: Annotated[
        bool, typer.Option("--back-order", help="What cannot be sent waits, as far as back-orders are allowed.")
    ] = False,
    confirm: Annotated[bool, typer.Option("--confirm", help="Promise without end, at once.")] = False,
    partial: Partial = None,
    max_locations: LocationsMax = None,
    one_location_per_line: OneLocation = None,
    own_only: OwnOnly = None,
    prefer: Prefer = None,
    exclude: Exclude = None,
    distance: Distance = None,
    owner: Owner = "",
    lot: AnyLot = "",
    uom: Uom = "EACH",
    custodian: Custodians = None,
    view: SellerView = None,
    fresh: Fresh = False,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Promise an order, from wherever it is sent best: all of it, or nothing.

    weir order place MUG-BLUE=2 BOWL-RED --channel webshop-de --order A-1001
    """
    from weir.aggregator.v1 import fulfilment_pb2
    from weir_cli import ordering
    from weir_cli.session import perform

    if confirm and hold is not None:
        raise typer.BadParameter("--confirm promises without end: there is nothing to --hold.")
    wished = _wished(
        lines, (owner, lot, uom, custodian, view), partial, max_locations, one_location_per_line, own_only, prefer,
        exclude, distance,
    )  # fmt: skip
    wish = wished.of(fulfilment_pb2.Wish(channel=channel))
    perform(
        options_of(context),
        lambda session: ordering.place(
            session, wish, order=order, hold=hold, back_order=back_order, confirm=confirm, fresh=fresh, check=check
        ),
        request_id=request_id,
    )


@order.command("show")
def show(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="ORDER|RESERVATION", help="Your name of it, or an identifier that place printed.")
    ],
) -> None:
    """Show what is promised to an order and which location sends it, and what it waits for."""
    from weir_cli import ordering
    from weir_cli.session import perform

    perform(options_of(context), lambda session: ordering.show(session, name))


@order.command("ship")
def ship(
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
) -> None:
    """Send an order out, whole or in part; LINE is the number that stands in the picture. A hold is confirmed first."""
    from weir_cli import ordering, promising
    from weir_cli.session import perform

    parts = [_read(promising.line_quantity, line) for line in lines or ()]
    perform(
        options_of(context),
        lambda session: ordering.ship(session, reservation, parts, reference=reference, occurred=occurred),
        request_id=request_id,
    )


@order.command("cancel")
def cancel(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="RESERVATION|WAITING", help="Its identifier, as place printed it.")],
    lines: Parts = None,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Give up what is promised and has not gone out, or what waits; whole or in part."""
    from weir_cli import ordering, promising
    from weir_cli.session import perform

    parts = [_read(promising.line_quantity, line) for line in lines or ()]
    perform(
        options_of(context),
        lambda session: ordering.cancel(session, name, parts, check=check),
        request_id=request_id,
    )


@order.command("replan")
def replan(
    context: typer.Context,
    reservation: Reservation,
    lines: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SKU=QUANTITY", help="All that is wanted instead, with what went out. Default: as before."
        ),
    ] = None,
    reject: Annotated[
        list[str] | None,
        typer.Option("--reject", metavar="LOCATION", help="It will not send; may be given several times."),
    ] = None,
    partial: Partial = None,
    max_locations: LocationsMax = None,
    one_location_per_line: OneLocation = None,
    own_only: OwnOnly = None,
    prefer: Prefer = None,
    exclude: Exclude = None,
    distance: Distance = None,
    owner: Owner = "",
    lot: AnyLot = "",
    uom: Uom = "EACH",
    custodian: Custodians = None,
    view: SellerView = None,
    fresh: Fresh = False,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Plan an order again and move what has to be moved: after a shortfall, a refusal, or where it is wished otherwise.

    What is not named stays as it was wished. What can be sent from where it is promised stays there.

    weir order replan RESERVATION --reject FR
    """
    from weir_cli import ordering
    from weir_cli.session import perform

    wished = _wished(
        lines, (owner, lot, uom, custodian, view), partial, max_locations, one_location_per_line, own_only, prefer,
        exclude, distance,
    )  # fmt: skip
    perform(
        options_of(context),
        lambda session: ordering.replan(session, reservation, reject or (), wished, fresh=fresh, check=check),
        request_id=request_id,
    )


def _wished(
    lines: list[str] | None, item: tuple[str, str, str, list[str] | None, View | None], partial: bool | None,
    locations_max: int | None, one_location_per_line: bool | None, own_only: bool | None, prefer: list[str] | None,
    exclude: list[str] | None, distance: list[str] | None,
) -> Wished:  # fmt: skip
    """What the line says, and nothing of what it does not."""
    from weir_cli import wishing

    owner, lot, uom, custodians, view = item
    read = [
        _read(wishing.wish_line, line, owner=owner, lot=lot, uom=uom, custodians=custodians or (), view=view)
        for line in lines or ()
    ]
    return wishing.Wished(
        lines=read or None,
        partial=partial,
        locations_max=locations_max,
        one_location_per_line=one_location_per_line,
        own_stock_only=own_only,
        preferred=prefer or None,
        excluded=exclude or None,
        distances=[_read(wishing.location_distance, each) for each in distance or ()] or None,
    )


def _read(read: Callable[..., T], text: str, **more: object) -> T:
    try:
        return read(text, **more)
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None
