"""Verbs of what may stand for what: links between products, bundles, sources, and until when lots can be sold."""

from __future__ import annotations

from typing import Annotated

import typer

from weir_cli.options import CheckOnly, Fresh, Limit, Lot, Owner, RequestId, Uom, day, options_of

app = typer.Typer()
PANEL = "Configuration"

Source = Annotated[str, typer.Argument(metavar="SOURCE", help="SKU whose stock is shared.")]
Destination = Annotated[str, typer.Argument(metavar="DESTINATION", help="SKU whose demand is served from it.")]
Sku = Annotated[str, typer.Argument(metavar="SKU", help="The product.")]
SourceOwner = Annotated[
    str | None, typer.Option(help="Customer whose goods the source is. Default: as --owner.", show_default=False)
]

link = typer.Typer(no_args_is_help=True, help="Let products be served from the stock of others.")
bundle = typer.Typer(no_args_is_help=True, help="Say which products are put together from others.")
lot = typer.Typer(no_args_is_help=True, help="Say until when lots can be sold.")
for name, group in (("link", link), ("bundle", bundle), ("lot", lot)):
    app.add_typer(group, name=name, rich_help_panel=PANEL)


@link.command("add")
def add_link(
    context: typer.Context,
    source: Source,
    destination: Destination,
    both: Annotated[bool, typer.Option("--both", help="The other way as well.")] = False,
    location: Annotated[
        list[str] | None, typer.Option(help="Share only here; may be given several times. Default: everywhere.")
    ] = None,
    priority: Annotated[int, typer.Option(min=0, max=10**6, help="Place in the order of serving: lower first.")] = 0,
    keep_back: Annotated[
        int, typer.Option(min=0, max=10**9, help="Units that stay with the source at each location.")
    ] = 0,
    bundles: Annotated[bool, typer.Option("--bundles", help="Let two bundles share what is packed.")] = False,
    disabled: Annotated[bool, typer.Option("--disabled", help="Keep the link without effect.")] = False,
    owner: Owner = "",
    source_owner: SourceOwner = None,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Let demand for DESTINATION be served from the stock of SOURCE."""
    from weir.sharing.v1 import network_pb2
    from weir_cli import linking
    from weir_cli.session import perform

    made = network_pb2.ProductLink(
        source=linking.Product(owner=owner if source_owner is None else source_owner, sku=source),
        destination=linking.Product(owner=owner, sku=destination),
        bidirectional=both,
        locations=location or (),
        priority=priority,
        keep_back=keep_back,
        shares_bundles=bundles,
        disabled=disabled,
    )
    perform(options_of(context), lambda session: linking.add_link(session, made, check=check), request_id=request_id)


@link.command("list")
def list_links(
    context: typer.Context,
    source: Annotated[str | None, typer.Option("--from", metavar="SKU", help="Only from this product.")] = None,
    destination: Annotated[str | None, typer.Option("--to", metavar="SKU", help="Only to this product.")] = None,
    owner: Owner = "",
    limit: Limit = 200,
) -> None:
    """Show which products serve which others."""
    from weir_cli import linking
    from weir_cli.session import perform

    ends = [None if sku is None else linking.Product(owner=owner, sku=sku) for sku in (source, destination)]
    perform(
        options_of(context),
        lambda session: linking.links(session, source=ends[0], destination=ends[1], limit=limit),
    )


@link.command("remove")
def remove_link(
    context: typer.Context,
    source: Source,
    destination: Destination,
    owner: Owner = "",
    source_owner: SourceOwner = None,
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """End the link from SOURCE to DESTINATION."""
    from weir_cli import linking
    from weir_cli.session import perform

    ends = (
        linking.Product(owner=owner if source_owner is None else source_owner, sku=source),
        linking.Product(owner=owner, sku=destination),
    )
    perform(
        options_of(context), lambda session: linking.remove_link(session, *ends, check=check), request_id=request_id
    )


@bundle.command("add")
def add_bundle(
    context: typer.Context,
    sku: Sku,
    components: Annotated[list[str], typer.Argument(metavar="SKU=QUANTITY", help="What one of it is made of.")],
    owner: Owner = "",
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Say that SKU is put together from others; --owner is that of all of them."""
    from weir.sharing.v1 import network_pb2
    from weir_cli import linking
    from weir_cli.session import perform

    try:
        parts = [linking.component(each, owner) for each in components]
    except linking.ComponentUnreadable as fault:
        raise typer.BadParameter(str(fault)) from None
    made = network_pb2.Bundle(product=linking.Product(owner=owner, sku=sku), components=parts)
    perform(options_of(context), lambda session: linking.add_bundle(session, made, check=check), request_id=request_id)


@bundle.command("list")
def list_bundles(
    context: typer.Context,
    component: Annotated[
        str | None, typer.Option("--with", metavar="SKU", help="Only bundles with this component.")
    ] = None,
    owner: Owner = "",
    limit: Limit = 200,
) -> None:
    """Show what bundles are made of."""
    from weir_cli import linking
    from weir_cli.session import perform

    part = None if component is None else linking.Product(owner=owner, sku=component)
    perform(options_of(context), lambda session: linking.bundles(session, component=part, limit=limit))


@bundle.command("remove")
def remove_bundle(
    context: typer.Context, sku: Sku, owner: Owner = "", request_id: RequestId = None, check: CheckOnly = False
) -> None:
    """Say that SKU is put together no longer."""
    from weir_cli import linking
    from weir_cli.session import perform

    product = linking.Product(owner=owner, sku=sku)
    perform(
        options_of(context),
        lambda session: linking.remove_bundle(session, product, check=check),
        request_id=request_id,
    )


@app.command(rich_help_panel=PANEL)
def sources(
    context: typer.Context,
    sku: Annotated[str, typer.Argument(metavar="SKU", help="What is to be served.")],
    owner: Owner = "",
    lot: Lot = "",
    uom: Uom = "EACH",
    fresh: Fresh = False,
) -> None:
    """Show what a product may be served from, in serving order, with what lies where and what does not count."""
    from weir.sharing.v1 import sharing_service_pb2
    from weir_cli import linking
    from weir_cli.session import perform

    product = linking.Product(owner=owner, sku=sku)
    asked = sharing_service_pb2.ListSourcesRequest(product=product, lot=lot, uom=uom)
    perform(options_of(context), lambda session: linking.sources(session, asked, fresh=fresh))


@lot.command("set")
def set_lot(
    context: typer.Context,
    sku: Sku,
    name: Annotated[str, typer.Argument(metavar="LOT", help="Batch.")],
    last_day: Annotated[
        str, typer.Argument(metavar="DAY", parser=day, help="Last day it can be sold, as 2027-01-31; or never.")
    ],
    owner: Owner = "",
    request_id: RequestId = None,
    check: CheckOnly = False,
) -> None:
    """Say until when a lot can be sold; `never` lets it be sold for ever."""
    from weir.common.v1 import stock_pb2
    from weir.ledger.v1 import ledger_pb2
    from weir_cli import dating
    from weir_cli.session import perform

    made = ledger_pb2.Lot(product=stock_pb2.Product(owner=owner, sku=sku), lot=name, expiry_date=last_day)
    perform(options_of(context), lambda session: dating.set_lot(session, made, check=check), request_id=request_id)


@lot.command("list")
def list_lots(
    context: typer.Context,
    sku: Annotated[str | None, typer.Argument(metavar="SKU", help="Only lots of this product.")] = None,
    before: Annotated[
        str, typer.Option(metavar="DAY", parser=day, help="Only those whose last day is before this one.")
    ] = "",
    owner: Owner = "",
    limit: Limit = 200,
) -> None:
    """Show lots of which something is known."""
    from weir.common.v1 import stock_pb2
    from weir.ledger.v1 import ledger_service_pb2
    from weir_cli import dating
    from weir_cli.session import perform

    product = None if sku is None else stock_pb2.Product(owner=owner, sku=sku)
    asked = ledger_service_pb2.ListLotsRequest(product=product, expiring_before=before)
    perform(options_of(context), lambda session: dating.lots(session, asked, limit=limit))
