"""Verbs of persons and pools, and of what is in whose custody."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from weir_cli.commands.stock import Condition
from weir_cli.options import CheckOnly, Limit, Locations, RequestId, View, options_of

if TYPE_CHECKING:
    from weir.pooling.v1.pool_pb2 import Pool, User

app = typer.Typer()
PANEL = "Custody"

user = typer.Typer(no_args_is_help=True, help="Say who is who: administrators, distributors, reps.")
pool = typer.Typer(no_args_is_help=True, help="Say which reps work from which distributor's stock.")
for name, group in (("user", user), ("pool", pool)):
    app.add_typer(group, name=name, rich_help_panel=PANEL)


class Role(StrEnum):
    """What a person may do."""

    ADMINISTRATOR = "ADMINISTRATOR"
    DISTRIBUTOR = "DISTRIBUTOR"
    REP = "REP"


class Switch(StrEnum):
    """Whether members see and use what is in the hub's custody."""

    ON = "on"
    OFF = "off"


Person = Annotated[str, typer.Argument(metavar="USER", help="Its identifier: the subject of the person's tokens.")]
PoolName = Annotated[str, typer.Argument(metavar="POOL", help="Its identifier.")]
Persons = Annotated[list[str], typer.Argument(metavar="USER...", help="Reps.")]
NewName = Annotated[str | None, typer.Option("--name", help="Name for people.", show_default=False)]
NewChannel = Annotated[
    str | None, typer.Option("--channel", "-c", help="Channel the person sells through; '' is none.")
]


@user.command("list")
def list_users(
    context: typer.Context,
    role: Annotated[Role | None, typer.Option(case_sensitive=False, help="Only persons of this role.")] = None,
    limit: Limit = 200,
) -> None:
    """Show the persons you may see."""
    from weir.pooling.v1 import pool_pb2, pooling_service_pb2
    from weir_cli.pooling import people
    from weir_cli.session import perform

    asked = pooling_service_pb2.ListUsersRequest()
    if role is not None:
        asked.role = pool_pb2.UserRole.Value(f"USER_ROLE_{role}")
    perform(options_of(context), lambda session: people.users(session, asked, limit=limit))


@user.command("show")
def show_user(context: typer.Context, name: Person) -> None:
    """Show one person."""
    from weir_cli.pooling import people
    from weir_cli.session import perform

    perform(options_of(context), lambda session: people.user(session, name))


@user.command("create")
def create_user(
    context: typer.Context,
    name: Person,
    role: Annotated[Role, typer.Argument(case_sensitive=False, help="What the person may do.")],
    display_name: NewName = None,
    channel: NewChannel = None,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Add a person."""
    from weir.pooling.v1 import pool_pb2
    from weir_cli.pooling import people
    from weir_cli.session import perform

    made = pool_pb2.User(user=name)
    _set_user(made, role, display_name, channel)
    perform(options_of(context), lambda session: people.create_user(session, made, check=check), request_id=request_id)


@user.command("change")
def change_user(
    context: typer.Context,
    name: Person,
    role: Annotated[Role | None, typer.Option(case_sensitive=False, help="What the person may do.")] = None,
    display_name: NewName = None,
    channel: NewChannel = None,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Change a person; what is not named stays as it is."""
    from weir_cli.pooling import people
    from weir_cli.session import perform

    def change(made: User) -> None:
        _set_user(made, role, display_name, channel)

    perform(
        options_of(context),
        lambda session: people.change_user(session, name, change, check=check),
        request_id=request_id,
    )


def _set_user(made: User, role: Role | None, display_name: str | None, channel: str | None) -> None:
    from weir.pooling.v1 import pool_pb2

    if role is not None:
        made.role = pool_pb2.UserRole.Value(f"USER_ROLE_{role}")
    if display_name is not None:
        made.display_name = display_name
    if channel is not None:
        made.channel = channel


@user.command("remove")
def remove_user(context: typer.Context, name: Person, request_id: RequestId = None, check: CheckOnly = False) -> None:
    """Remove a person who is in no pool, has nothing in his custody and nothing open."""
    from weir_cli.pooling import people
    from weir_cli.session import perform

    perform(options_of(context), lambda session: people.remove_user(session, name, check=check), request_id=request_id)


@pool.command("list")
def list_pools(context: typer.Context, limit: Limit = 200) -> None:
    """Show the pools you may see."""
    from weir_cli.pooling import people
    from weir_cli.session import perform

    perform(options_of(context), lambda session: people.pools(session, limit=limit))


@pool.command("show")
def show_pool(context: typer.Context, name: PoolName) -> None:
    """Show one pool with its members."""
    from weir_cli.pooling import people
    from weir_cli.session import perform

    perform(options_of(context), lambda session: people.pool(session, name))


@pool.command("create")
def create_pool(
    context: typer.Context,
    name: PoolName,
    hub: Annotated[str, typer.Argument(metavar="HUB", help="The distributor.")],
    members: Annotated[list[str] | None, typer.Argument(metavar="USER", help="Reps.")] = None,
    display_name: NewName = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="Members see and use what is in the hub's custody, from the start.")
    ] = False,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Add a pool: a distributor and the reps who work from his stock."""
    from weir.pooling.v1 import pool_pb2
    from weir_cli.pooling import people
    from weir_cli.session import perform

    made = pool_pb2.Pool(
        pool=name, hub=hub, members=members or (), display_name=display_name or "", access_hub_stock=shared
    )
    perform(options_of(context), lambda session: people.create_pool(session, made, check=check), request_id=request_id)


@pool.command("switch")
def switch_pool(
    context: typer.Context,
    name: PoolName,
    to: Annotated[Switch, typer.Argument(case_sensitive=False, help="on: shared; off: not.")],
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Let members see and use what is in the hub's custody, or not."""
    from weir_cli.pooling import people
    from weir_cli.session import perform

    perform(
        options_of(context),
        lambda session: people.switch(session, name, on=to is Switch.ON, check=check),
        request_id=request_id,
    )


@pool.command("add")
def add_members(
    context: typer.Context, name: PoolName, persons: Persons, request_id: RequestId = None, check: CheckOnly = False
) -> None:
    """Add members."""
    from weir_cli.pooling import people
    from weir_cli.session import perform

    change = people.joining(persons)
    perform(
        options_of(context),
        lambda session: people.change_pool(session, name, change, check=check),
        request_id=request_id,
    )


@pool.command("drop")
def drop_members(
    context: typer.Context, name: PoolName, persons: Persons, request_id: RequestId = None, check: CheckOnly = False
) -> None:
    """Let members go; what is in their custody stays there."""
    from weir_cli.pooling import people
    from weir_cli.session import perform

    change = people.leaving(persons)
    perform(
        options_of(context),
        lambda session: people.change_pool(session, name, change, check=check),
        request_id=request_id,
    )


@pool.command("change")
def change_pool(
    context: typer.Context,
    name: PoolName,
    hub: Annotated[str | None, typer.Option(help="Another distributor.", show_default=False)] = None,
    display_name: NewName = None,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Change hub or name of a pool; what is not named stays as it is."""
    from weir_cli.pooling import people
    from weir_cli.session import perform

    def change(made: Pool) -> None:
        made.hub = made.hub if hub is None else hub
        made.display_name = made.display_name if display_name is None else display_name

    perform(
        options_of(context),
        lambda session: people.change_pool(session, name, change, check=check),
        request_id=request_id,
    )


@pool.command("remove")
def remove_pool(context: typer.Context, name: PoolName, request_id: RequestId = None, check: CheckOnly = False) -> None:
    """Remove a pool; its persons stay."""
    from weir_cli.pooling import people
    from weir_cli.session import perform

    perform(options_of(context), lambda session: people.remove_pool(session, name, check=check), request_id=request_id)


@app.command(rich_help_panel=PANEL)
def custody(
    context: typer.Context,
    viewer: Annotated[
        str, typer.Argument(metavar="VIEWER", help="Whose view. Default: yours.", show_default=False)
    ] = "",
    mine: Annotated[bool, typer.Option("--mine", help="What is in the viewer's own custody.")] = False,
    shared: Annotated[
        bool, typer.Option("--shared", help="What the viewer's hub shares; of a hub, what it shares.")
    ] = False,
    both: Annotated[bool, typer.Option("--both", help="The two together, as is usual.")] = False,
    custodian: Annotated[
        list[str] | None,
        typer.Option(
            help="Of a hub: only in this person's custody, its own or a member's; may be given several times."
        ),
    ] = None,
    sku: Annotated[list[str] | None, typer.Option(help="Only these; may be given several times.")] = None,
    location: Locations = None,
    condition: Annotated[Condition | None, typer.Option(case_sensitive=False, help="Only in this state.")] = None,
    limit: Limit = 200,
) -> None:
    """Show goods with whose custody they are in: the hub's in red, one's own in black.

    weir custody rosa --both
    """
    from weir.common.v1 import stock_pb2
    from weir.pooling.v1 import pooling_service_pb2
    from weir_cli.moving import stock_view
    from weir_cli.pooling import custody as views
    from weir_cli.session import perform

    if mine + shared + both > 1:
        raise typer.BadParameter("--mine, --shared and --both are three views: name one.")
    seen = View.MINE if mine else View.SHARED if shared else View.BOTH
    asked = pooling_service_pb2.ListStockRequest(
        viewer=viewer, view=stock_view(seen), custodians=custodian, skus=sku,
        locations=location,
    )  # fmt: skip
    if condition is not None:
        asked.condition = stock_pb2.Condition.Value(f"CONDITION_{condition}")
    perform(options_of(context), lambda session: views.view(session, asked, limit=limit))
