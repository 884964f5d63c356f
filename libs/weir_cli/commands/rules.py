"""Verbs of what is tried in order, policies and rules, and of what stores are never told."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weir_cli.commands import telling
from weir_cli.options import CheckOnly, Limit, Owner, RequestId, options_of

if TYPE_CHECKING:
    from weir.sync.v1.rule_pb2 import StoreLimits

app = typer.Typer()
PANEL = "Configuration"


def _declare(what: str, does: str) -> typer.Typer:
    """Make the verbs of one sort."""
    group = typer.Typer(no_args_is_help=True, help=does)
    app.add_typer(group, name=what, rich_help_panel=PANEL)
    name_of = typer.Argument(metavar=what.upper(), help="Its identifier.")
    several = "policies" if what == "policy" else "rules"

    @group.command("list", help=f"Show all {several} in the order in which they are tried.")
    def every(context: typer.Context) -> None:
        from weir_cli import ruling
        from weir_cli.session import perform

        perform(options_of(context), lambda session: ruling.every(session, ruling.KINDS[what]))

    @group.command("show", help=f"Show one {what} with all that it says.")
    def one(context: typer.Context, name: Annotated[str, name_of]) -> None:
        from weir_cli import ruling
        from weir_cli.session import perform

        perform(options_of(context), lambda session: ruling.one(session, ruling.KINDS[what], name))

    @group.command("order", help=f"Try these {several} first, in this order; the others follow as they stand.")
    def order(
        context: typer.Context,
        names: Annotated[list[str], typer.Argument(metavar=f"{what.upper()}...", help="Their identifiers.")],
        request_id: RequestId = None,
        check: CheckOnly = False,
    ) -> None:
        from weir_cli import ruling
        from weir_cli.session import perform

        perform(
            options_of(context),
            lambda session: ruling.order(session, ruling.KINDS[what], names, check=check),
            request_id=request_id,
        )

    @group.command("remove", help=f"Take a {what} away.")
    def remove(
        context: typer.Context,
        name: Annotated[str, name_of],
        request_id: RequestId = None,
        check: CheckOnly = False,
    ) -> None:
        from weir_cli import ruling
        from weir_cli.session import perform

        perform(
            options_of(context),
            lambda session: ruling.remove(session, ruling.KINDS[what], name, check=check),
            request_id=request_id,
        )

    for verb, enabled, told in (
        ("enable", True, f"Let a {what} count."),
        ("disable", False, f"Keep a {what} without effect, in its place."),
    ):
        group.command(verb, help=told)(_switch(what, name_of, enabled=enabled))
    return group


def _switch(what: str, name_of: Any, *, enabled: bool) -> Callable[..., None]:
    def switch(
        context: typer.Context,
        name: Annotated[str, name_of],
        request_id: RequestId = None,
        check: CheckOnly = False,
    ) -> None:
        from weir_cli import ruling
        from weir_cli.session import perform

        perform(
            options_of(context),
            lambda session: ruling.enable(session, ruling.KINDS[what], name, enabled=enabled, check=check),
            request_id=request_id,
        )

    return switch


_declare("policy", "Say how stock is divided among channel groups. They are made and changed by `weir load`.")
rule = _declare("rule", "Say what stores are told of their shares. `weir load` makes and changes many at once.")
rule.command("add")(telling.add_rule)
rule.command("change")(telling.change_rule)

limit = typer.Typer(no_args_is_help=True, help="Say what stores are never told.")
app.add_typer(limit, name="limit", rich_help_panel=PANEL)
Store = Annotated[str, typer.Argument(metavar="STORE", help="Channel.")]


@limit.command("list")
def list_limits(context: typer.Context, most: Limit = 200) -> None:
    """Show the limits of every store that has some."""
    from weir_cli import limiting
    from weir_cli.session import perform

    perform(options_of(context), lambda session: limiting.limits(session, limit=most))


@limit.command("show")
def show_limits(context: typer.Context, store: Store) -> None:
    """Show the limits of one store."""
    from weir_cli import limiting
    from weir_cli.session import perform

    perform(options_of(context), lambda session: limiting.limits_of(session, store))


@limit.command("set")
def set_limits(
    context: typer.Context,
    store: Store,
    most: Annotated[
        int | None, typer.Option("--max", min=0, max=10**9, metavar="UNITS", help="Most units it is told of.")
    ] = None,
    deny: Annotated[
        list[str] | None, typer.Option(metavar="SKU", help="It does not sell this; may be given several times.")
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option(metavar="SKU", help="It sells only this; may be given several times.")
    ] = None,
    owner: Owner = "",
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Say all that a store is never told: what is not named here is limited no longer."""
    from weir.common.v1 import stock_pb2
    from weir.sync.v1 import rule_pb2

    made = rule_pb2.StoreLimits(store=store, max_quantity=most)
    for skus, products in ((deny, made.denied), (allow, made.allowed)):
        for sku in skus or ():
            products.products.append(stock_pb2.Product(owner=owner, sku=sku))
    if most is None and not deny and not allow:
        raise typer.BadParameter("name --max, --deny or --allow; `weir limit remove` removes all limits.")
    _set(context, made, request_id, check=check)


@limit.command("remove")
def remove_limits(context: typer.Context, store: Store, request_id: RequestId = None, check: CheckOnly = False) -> None:
    """Remove all limits of a store."""
    from weir.sync.v1 import rule_pb2

    _set(context, rule_pb2.StoreLimits(store=store), request_id, check=check)


def _set(context: typer.Context, made: "StoreLimits", request_id: str | None, *, check: bool) -> None:
    from weir_cli import limiting
    from weir_cli.session import perform

    perform(options_of(context), lambda session: limiting.set_limits(session, made, check=check), request_id=request_id)
