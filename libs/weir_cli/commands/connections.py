"""Verbs of stores and warehouses: how they are reached, and what flows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from weir_cli.commands import secrets
from weir_cli.options import CheckOnly, Limit, RequestId, options_of, span

if TYPE_CHECKING:
    from weir.sync.v1.connection_pb2 import Connection

app = typer.Typer()
PANEL = "Sync"

connect = typer.Typer(no_args_is_help=True, help="Say which stores and warehouses there are, and what flows.")
app.add_typer(connect, name="connect", rich_help_panel=PANEL)


class Role(StrEnum):
    """Which way data flows."""

    STORE = "STORE"
    WAREHOUSE = "WAREHOUSE"


class Kind(StrEnum):
    """Sort of system at the other end."""

    SHOPIFY = "SHOPIFY"
    WOOCOMMERCE = "WOOCOMMERCE"
    MEDUSA = "MEDUSA"
    OSCAR = "OSCAR"
    WEBHOOK = "WEBHOOK"
    CSV_FOLDER = "CSV_FOLDER"
    SFTP = "SFTP"
    TRYTON = "TRYTON"
    GRPC = "GRPC"


class Counts(StrEnum):
    """What the figures of a warehouse count."""

    ON_HAND = "on-hand"
    AVAILABLE = "available"


class LeftOut(StrEnum):
    """Which promised units a warehouse has left out of what is available."""

    HANDED_OVER = "handed-over"
    ALL = "all"
    NONE = "none"


class Flow(StrEnum):
    """What flows over a connection."""

    LEVELS = "levels"
    ORDERS = "orders"
    STOCK = "stock"


Name = secrets.Name
DisplayName = Annotated[str | None, typer.Option("--name", help="Name for people.", show_default=False)]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A setting of the connector; several are possible, '' is none."),
]
Channel = Annotated[
    str | None, typer.Option("--channel", "-c", help="Of a store: the channel whose levels it is told.")
]
Facilities = Annotated[
    list[str] | None,
    typer.Option(
        "--facility",
        metavar="FACILITY=LOCATION",
        help="Of a warehouse: a facility and the location it is; several are possible, '' is none.",
    ),
]
Figures = Annotated[
    Counts | None,
    typer.Option("--figures", case_sensitive=False, help="Of a warehouse: what its figures count. Default: available."),
]
Left = Annotated[
    LeftOut | None,
    typer.Option("--left-out", case_sensitive=False, help="Promises that figures of available units leave out."),
]
Absent = Annotated[
    bool | None,
    typer.Option("--absent-is-zero/--absent-stays", help="What a full report does not name is not there.",
                 show_default=False),
]  # fmt: skip
Goods = Annotated[
    str | None, typer.Option("--owner", help="Of a warehouse: customer whose goods these are; '' is the tenant.")
]
LateAfter = Annotated[
    timedelta | None,
    typer.Option(parser=span, metavar="SPAN", help="Of a warehouse: it is late when so long without a report (2h)."),
]
LateBuffer = Annotated[
    int | None, typer.Option(min=0, max=100, metavar="PERCENT", help="While late, stores are told so much less of it.")
]


@connect.command("list")
def list_connections(
    context: typer.Context,
    role: Annotated[Role | None, typer.Option(case_sensitive=False, help="Only these.")] = None,
    limit: Limit = 200,
) -> None:
    """Show stores and warehouses, what flows, and whether they answer."""
    from weir.sync.v1 import connection_pb2, connection_service_pb2
    from weir_cli.session import perform
    from weir_cli.sync import connections

    asked = connection_service_pb2.ListConnectionsRequest()
    if role is not None:
        asked.role = connection_pb2.ConnectionRole.Value(f"CONNECTION_ROLE_{role}")
    perform(options_of(context), lambda session: connections.connections(session, asked, limit=limit))


@connect.command("show")
def show_connection(context: typer.Context, name: Name) -> None:
    """Show one with its settings; of secrets the names alone."""
    from weir_cli.session import perform
    from weir_cli.sync import connections

    perform(options_of(context), lambda session: connections.connection(session, name))


@connect.command("add")
def add_connection(
    context: typer.Context,
    name: Name,
    role: Annotated[Role, typer.Argument(case_sensitive=False, help="Which way data flows.")],
    kind: Annotated[Kind, typer.Argument(case_sensitive=False, help="Sort of system; docs/sync.md has each.")],
    settings: Settings = None,
    channel: Channel = None,
    facilities: Facilities = None,
    display_name: DisplayName = None,
    figures: Figures = None,
    left_out: Left = None,
    absent_is_zero: Absent = None,
    owner: Goods = None,
    late_after: LateAfter = None,
    late_buffer: LateBuffer = None,
    on: Annotated[bool, typer.Option("--on", help="Let all that it has flow at once.")] = False,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Add a store or a warehouse; secrets are set by `weir connect secret`, and nothing flows before `weir connect on`.

    weir connect add shop-de store oscar --channel webshop-de --set url=https://shop.example/api
    """
    from weir.sync.v1 import connection_pb2
    from weir_cli.session import perform
    from weir_cli.sync import connections

    made = connection_pb2.Connection(
        connection=name,
        role=connection_pb2.ConnectionRole.Value(f"CONNECTION_ROLE_{role}"),
        kind=connection_pb2.ConnectorKind.Value(f"CONNECTOR_KIND_{kind}"),
    )
    _say(made, settings, channel, facilities, display_name, late_after, late_buffer)
    _say_feed(made, figures, left_out, absent_is_zero, owner)
    if on:
        connections.switching((), on=True)(made)
    perform(options_of(context), lambda session: connections.add(session, made, check=check), request_id=request_id)


@connect.command("change")
def change_connection(
    context: typer.Context,
    name: Name,
    settings: Settings = None,
    channel: Channel = None,
    facilities: Facilities = None,
    display_name: DisplayName = None,
    figures: Figures = None,
    left_out: Left = None,
    absent_is_zero: Absent = None,
    owner: Goods = None,
    late_after: LateAfter = None,
    late_buffer: LateBuffer = None,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Change one; what is not named stays as it is, and `--set NAME=` takes a setting away."""
    from weir.sync.v1 import connection_pb2
    from weir_cli.session import perform
    from weir_cli.sync import connections

    def change(made: Connection) -> None:
        _say(made, settings, channel, facilities, display_name, late_after, late_buffer)
        _say_feed(made, figures, left_out, absent_is_zero, owner)

    change(connection_pb2.Connection())  # a fault of the line is told before anybody is asked
    perform(
        options_of(context),
        lambda session: connections.change(session, name, change, check=check),
        request_id=request_id,
    )


def _say(
    made: Connection,
    settings: Sequence[str] | None,
    channel: str | None,
    facilities: Sequence[str] | None,
    display_name: str | None,
    late_after: timedelta | None,
    late_buffer: int | None,
) -> None:
    for name, value in _pairs(settings, "NAME=VALUE"):
        made.settings.pop(name, None)
        if value:
            made.settings[name] = value
    standing = {each.facility: each.location for each in made.facilities}
    standing.update(_pairs(facilities, "FACILITY=LOCATION"))
    del made.facilities[:]
    for facility, location in standing.items():
        if location:
            made.facilities.add(facility=facility, location=location)
    if channel is not None:
        made.channel = channel
    if display_name is not None:
        made.display_name = display_name
    if late_after is not None:
        made.late_after_duration.FromTimedelta(late_after)
    if late_buffer is not None:
        made.late_buffer_percent = late_buffer


def _say_feed(
    made: Connection, figures: Counts | None, left_out: LeftOut | None, absent_is_zero: bool | None, owner: str | None
) -> None:
    from weir.sync.v1 import connection_pb2

    if figures is not None:
        made.feed.on_hand = figures is Counts.ON_HAND
    if left_out is not None:
        made.feed.left_out = connection_pb2.LeftOut.Value(f"LEFT_OUT_{left_out.name}")
    if absent_is_zero is not None:
        made.feed.absent_is_zero = absent_is_zero
    if owner is not None:
        made.feed.owner = owner


def _pairs(texts: Sequence[str] | None, form: str) -> list[tuple[str, str]]:
    found = []
    for text in texts or ():
        name, sign, value = text.partition("=")
        if not name or not sign:
            raise typer.BadParameter(f"'{text}' is not of the form {form}.")
        found.append((name, value))
    return found


@connect.command("remove")
def remove_connection(
    context: typer.Context, name: Name, request_id: RequestId = None, check: CheckOnly = False
) -> None:
    """Remove one, with its secrets, schedules and listings."""
    from weir_cli.session import perform
    from weir_cli.sync import connections

    perform(options_of(context), lambda session: connections.remove(session, name, check=check), request_id=request_id)


connect.command("secret")(secrets.set_secret)
connect.command("key")(secrets.key)


@connect.command("test")
def test_connection(context: typer.Context, name: Name) -> None:
    """Ask the other end whether it answers and what it can do; exit status 1 where it does not work."""
    from weir_cli.session import perform
    from weir_cli.sync import connections

    perform(options_of(context), lambda session: connections.tried(session, name))


Switched = Annotated[
    str | None, typer.Argument(metavar="CONNECTION", help="Default: the master switch.", show_default=False)
]
Flows = Annotated[
    list[Flow] | None,
    typer.Option("--flow", case_sensitive=False, help="Only this; several are possible. Default: all it has."),
]


@connect.command("on")
def switch_on(
    context: typer.Context, name: Switched = None, flows: Flows = None, request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:  # fmt: skip
    """Let a connection flow; without one, let anything flow at all. A flow that begins begins with everything."""
    _switch(context, name, flows, request_id, on=True, check=check)


@connect.command("off")
def switch_off(
    context: typer.Context, name: Switched = None, flows: Flows = None, request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:  # fmt: skip
    """Stop a connection; without one, let nothing flow at all. What falls due meanwhile is sent later."""
    _switch(context, name, flows, request_id, on=False, check=check)


def _switch(
    context: typer.Context, name: str | None, flows: Sequence[Flow] | None, request_id: str | None, *, on: bool,
    check: bool,
) -> None:  # fmt: skip
    from weir_cli.session import Answer, Session, perform
    from weir_cli.sync import connections

    if name is None and flows:
        raise typer.BadParameter("--flow says what of a connection: name one.")
    fields = {word: flow for flow, word in connections.FLOW_WORDS.items()}
    change = connections.switching([fields[each] for each in flows or ()], on=on)

    async def switched(session: Session) -> Answer:
        if name is None:
            return await connections.switch_all(session, on=on, check=check)
        return await connections.change(session, name, change, check=check)

    try:
        perform(options_of(context), switched, request_id=request_id)
    except connections.FlowUnknown as fault:
        raise typer.BadParameter(str(fault)) from None
