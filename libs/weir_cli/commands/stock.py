"""Verbs of the shelf: what lies where, and every fact that changes it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from weir_cli.options import (
    CheckOnly,
    Custodian,
    Limit,
    Locations,
    Lot,
    Options,
    Owner,
    Owners,
    Point,
    RequestId,
    Uom,
    moment,
    options_of,
    point,
)

app = typer.Typer()
PANEL = "Stock"


class Condition(StrEnum):
    """State of goods."""

    SELLABLE = "SELLABLE"
    HOLD = "HOLD"
    DAMAGED = "DAMAGED"


Sku = Annotated[str, typer.Argument(metavar="SKU", help="What moves.")]
At = Annotated[str, typer.Argument(metavar="LOCATION", help="Where.")]
UNITS = typer.Argument(metavar="QUANTITY", min=1, max=10**9, help="Whole units.")
FOUND = typer.Argument(metavar="QUANTITY", min=0, max=10**9, help="Units that were counted.")
DIFFERENCE = typer.Argument(metavar="DIFFERENCE", min=-(10**9), max=10**9, help="Units more (3) or fewer (-3).")
State = Annotated[Condition, typer.Option(case_sensitive=False, help="State of the goods.")]
Reference = Annotated[str, typer.Option(help="A reference of your own, such as a delivery note.", show_default=False)]
Occurred = Annotated[
    datetime | None,
    typer.Option(parser=moment, metavar="MOMENT", help="When it happened, in ISO 8601. Default: now."),
]


@app.command(rich_help_panel=PANEL)
def stock(
    context: typer.Context,
    skus: Annotated[list[str] | None, typer.Argument(metavar="SKU", help="Only these.")] = None,
    location: Locations = None,
    owner: Owners = None,
    lot: Annotated[str | None, typer.Option(help="Only this batch; '' is goods without one.")] = None,
    custodian: Annotated[str | None, typer.Option(help="Only in this custody; '' is the location's own.")] = None,
    condition: Annotated[Condition | None, typer.Option(case_sensitive=False, help="Only in this state.")] = None,
    held: Annotated[bool, typer.Option("--held", help="Only what is there or promised.")] = False,
    shortfall: Annotated[bool, typer.Option("--shortfall", help="Only where promised units are missing.")] = False,
    as_of: Annotated[
        Point | None,
        typer.Option(parser=point, metavar="REVISION|MOMENT", help="As the books said after it, or then."),
    ] = None,
    occurred: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="MOMENT", help="As goods lay then, by all that was learned since."),
    ] = None,
    limit: Limit = 200,
) -> None:
    """Show what lies where: on hand, reserved, available; now, or as it was."""
    from weir.ledger.v1 import ledger_service_pb2
    from weir_cli import moving
    from weir_cli.session import perform

    asked = ledger_service_pb2.ListBalancesRequest(
        owner=owner, skus=skus or (), locations=location or (), lot=lot, custodian=custodian, shortfall_only=shortfall,
        held_only=held,
    )  # fmt: skip
    if condition is not None:
        asked.condition = moving.stock_item("", "", condition=condition).condition
    if occurred is not None:
        if as_of is not None:
            raise typer.BadParameter("--as-of and --occurred are two questions: ask them one after the other.")
        as_of = Point(occurred, occurred=True)
    perform(options_of(context), lambda session: moving.stock(session, asked, as_of, limit=limit))


@app.command(rich_help_panel=PANEL)
def shortfalls(
    context: typer.Context,
    skus: Annotated[list[str] | None, typer.Argument(metavar="SKU", help="Only these.")] = None,
    location: Locations = None,
    owner: Owners = None,
    limit: Limit = 200,
) -> None:
    """Show promised units that are not there, and the promises hit, newest first."""
    from weir.ledger.v1 import ledger_service_pb2
    from weir_cli import moving
    from weir_cli.session import perform

    asked = ledger_service_pb2.ListShortfallsRequest(owner=owner, skus=skus or (), locations=location or ())
    perform(options_of(context), lambda session: moving.shortfalls(session, asked, limit=limit))


def _declare(verb: str, kind: str, what: str, units: Any) -> None:
    """Make a verb that records one movement of one stock item."""

    def fact(
        context: typer.Context,
        sku: Sku,
        location: At,
        quantity: Annotated[int, units],
        owner: Owner = "",
        lot: Lot = "",
        uom: Uom = "EACH",
        custodian: Custodian = "",
        condition: State = Condition.SELLABLE,
        reference: Reference = "",
        occurred: Occurred = None,
        expect: Annotated[
            int | None,
            typer.Option(
                min=0,
                metavar="REVISION",
                hidden=kind not in ("COUNT", "ADJUST"),
                help="Only if the balance is as this revision left it, as stock shows; 0: only if never booked.",
            ),
        ] = None,
        request_id: RequestId = None,
        check: CheckOnly = False,
    ) -> None:
        item = {"owner": owner, "lot": lot, "uom": uom, "custodian": custodian, "condition": condition}
        _record(context, kind, sku, location, quantity, item, reference, occurred, request_id, check, expect=expect)

    # A negative difference looks like an option and is none.
    settings = {"ignore_unknown_options": True} if kind == "ADJUST" else None
    app.command(verb, help=what, rich_help_panel=PANEL, context_settings=settings)(fact)


_declare("receive", "RECEIVE", "Book goods that came in from a supplier.", UNITS)
_declare("ship", "SHIP", "Book goods that went out to a customer without a reservation.", UNITS)
_declare("return", "RETURN", "Book goods that came back from a customer.", UNITS)
_declare("consume", "CONSUME", "Book goods that were used up.", UNITS)
_declare("restore", "RESTORE", "Book goods that were not used up after all.", UNITS)
_declare("count", "COUNT", "Set the units on hand to what was counted.", FOUND)
_declare("adjust", "ADJUST", "Correct the units on hand by a difference.", DIFFERENCE)


@app.command(rich_help_panel=PANEL)
def move(
    context: typer.Context, sku: Sku,
    location: Annotated[str, typer.Argument(metavar="FROM", help="Location that units leave.")],
    to: Annotated[str, typer.Argument(metavar="TO", help="Location that units arrive in; may be the same.")],
    quantity: Annotated[int, UNITS], owner: Owner = "", lot: Lot = "", uom: Uom = "EACH", custodian: Custodian = "",
    condition: State = Condition.SELLABLE,
    to_custodian: Annotated[str | None, typer.Option(help="Custody they arrive in. Default: that they leave.")] = None,
    to_condition: Annotated[
        Condition | None, typer.Option(case_sensitive=False, help="State they arrive in. Default: that they leave.")
    ] = None,
    reference: Reference = "", occurred: Occurred = None, request_id: RequestId = None, check: CheckOnly = False,
) -> None:  # fmt: skip
    """Move goods to another location, custody or state."""
    item = {"owner": owner, "lot": lot, "uom": uom, "custodian": custodian, "condition": condition}
    arriving = {
        **item,
        "custodian": custodian if to_custodian is None else to_custodian,
        "condition": condition if to_condition is None else to_condition,
    }
    _record(
        context, "TRANSFER", sku, location, quantity, item, reference, occurred, request_id, check, to=(to, arriving)
    )


def _record(
    context: typer.Context, kind: str, sku: str, location: str, quantity: int, item: dict[str, str], reference: str,
    occurred: datetime | None, request_id: str | None, check: bool, *, to: tuple[str, dict[str, str]] | None = None,
    expect: int | None = None,
) -> None:  # fmt: skip
    from weir_cli import moving
    from weir_cli.session import perform

    destination = None if to is None else moving.stock_item(sku, to[0], **to[1])
    fact = moving.movement(
        kind, moving.stock_item(sku, location, **item), quantity, destination=destination, reference=reference,
        occurred=occurred, expected=expect,
    )  # fmt: skip
    options: Options = options_of(context)
    perform(options, lambda session: moving.record(session, fact, check=check), request_id=request_id)
