"""Verbs of listings: what a SKU of a store or warehouse is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weir_cli.commands.connections import PANEL, Name
from weir_cli.options import CheckOnly, Limit, Owner, RequestId, options_of

app = typer.Typer()

listings = typer.Typer(
    no_args_is_help=True,
    help="Say what a SKU of a store or warehouse is. One without a listing is taken as it stands.",
)
app.add_typer(listings, name="listings", rich_help_panel=PANEL)

StoreSku = Annotated[str, typer.Argument(metavar="STORE-SKU", help="SKU as the store, or the warehouse, has it.")]
Sku = Annotated[str, typer.Argument(metavar="SKU", help="What it is: a product or a bundle.")]

HELP = "\n\n".join(
    (
        "Import listings of one connection: all of them, or with every bad line told none.",
        "\b\nFILE is CSV with a row of column names, `-` is the standard input:\n"
        "store_sku, sku, (owner), (disabled, YES or NO)",
        "A store SKU that is listed already becomes what the file says; those that it does not name stay as they are,"
        " unless --replace. Rows that cannot be read are all told before anything is sent, and so is what the service"
        " would not take. With --check nothing is changed.",
    )
)


@listings.command("list")
def list_listings(
    context: typer.Context,
    connection: Annotated[str, typer.Argument(metavar="CONNECTION", help="Only of this.", show_default=False)] = "",
    sku: Annotated[str | None, typer.Option(help="Only those that are this product.")] = None,
    owner: Owner = "",
    limit: Limit = 200,
) -> None:
    """Show what SKUs are, by connection."""
    from weir.sync.v1 import listing_service_pb2
    from weir_cli.session import perform
    from weir_cli.sync import listings

    asked = listing_service_pb2.ListListingsRequest(connection=connection)
    if sku is not None:
        asked.product.sku, asked.product.owner = sku, owner
    elif owner:
        raise typer.BadParameter("--owner says whose product --sku is: name that, too.")
    perform(options_of(context), lambda session: listings.listings(session, asked, limit=limit))


@listings.command("set")
def set_listing(
    context: typer.Context,
    connection: Name,
    store_sku: StoreSku,
    sku: Sku,
    owner: Owner = "",
    disabled: Annotated[bool, typer.Option("--disabled", help="Keep it, and let nothing flow for it.")] = False,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Say what a SKU is; a store is told its level at once.

    weir listings set shop-de 4711 MUG
    """
    from weir.sync.v1 import listing_pb2
    from weir_cli.session import perform
    from weir_cli.sync import listings

    wanted = listing_pb2.Listing(connection=connection, store_sku=store_sku, disabled=disabled)
    wanted.product.sku, wanted.product.owner = sku, owner
    perform(
        options_of(context), lambda session: listings.set_listing(session, wanted, check=check), request_id=request_id
    )


@listings.command("remove")
def remove_listing(
    context: typer.Context,
    connection: Name,
    store_sku: StoreSku,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Take a listing away: from then on its SKU is taken as it stands."""
    from weir_cli.session import perform
    from weir_cli.sync import listings

    perform(
        options_of(context),
        lambda session: listings.remove(session, connection, store_sku, check=check),
        request_id=request_id,
    )


@listings.command("import", help=HELP)
def import_listings(
    context: typer.Context,
    connection: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The listings; the help says how.")],
    replace: Annotated[bool, typer.Option("--replace", help="Remove those that the file does not name.")] = False,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Import listings; the help says how."""
    from weir_cli.session import perform
    from weir_cli.sync import listings

    perform(
        options_of(context),
        lambda session: listings.import_file(session, connection, file, replace=replace, check=check),
        request_id=request_id,
    )


@listings.command("export")
def export_listings(
    context: typer.Context,
    connection: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write.")],
    replace: Annotated[bool, typer.Option("--replace", help="Write over a file that is there.")] = False,
) -> None:
    """Write all listings of a connection as the file that `weir listings import` reads."""
    from weir_cli.session import perform
    from weir_cli.sync import listings

    perform(options_of(context), lambda session: listings.export_file(session, connection, file, replace=replace))
