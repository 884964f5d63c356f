"""What may stand for what: links between products, bundles, and what a product may be served from."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from weir.common.v1 import stock_pb2
from weir.sharing.v1 import network_pb2, sharing_service_pb2
from weir_cli import tables
from weir_cli.documents import document, word
from weir_cli.paging import PAGE, listed
from weir_cli.session import Answer, Session, changed

Product = stock_pb2.Product
QUANTITY_MAX = 10**6


class ComponentUnreadable(ValueError):
    """A component as it stands on the command line cannot be read; the text says why."""


def component(text: str, owner: str) -> network_pb2.Component:
    """A part written `SKU=QUANTITY`; without `=QUANTITY` one unit. Raises ComponentUnreadable."""
    sku, _, units = text.rpartition("=")
    if not sku:
        sku, units = text, "1"
    if not (units.isascii() and units.isdigit() and 1 <= int(units) <= QUANTITY_MAX):
        raise ComponentUnreadable(
            f"'{text}' is not of the form SKU=QUANTITY, with quantities from 1 to {QUANTITY_MAX}."
        )
    return network_pb2.Component(product=Product(owner=owner, sku=sku), quantity=int(units))


async def add_link(session: Session, link: network_pb2.ProductLink, *, check: bool) -> Answer:
    """Let demand for one product be served from another."""
    request = sharing_service_pb2.CreateProductLinkRequest(
        request_id=session.change(), product_link=link, validate_only=check
    )
    response = await session.sharing.CreateProductLink(request)
    return changed(session, response, [_links([response.product_link])], check=check)


async def remove_link(session: Session, source: Product, destination: Product, *, check: bool) -> Answer:
    """End a link."""
    request = sharing_service_pb2.DeleteProductLinkRequest(
        request_id=session.change(), source=source, destination=destination, validate_only=check
    )
    response = await session.sharing.DeleteProductLink(request)
    told = Text.assemble(_product(source), " no longer serves ", _product(destination), ".")
    return changed(session, response, [told], check=check)


async def links(session: Session, *, source: Product | None, destination: Product | None, limit: int) -> Answer:
    """Links from a product, to a product, or all."""
    asked = sharing_service_pb2.ListProductLinksRequest(source=source, destination=destination)
    found = await listed(session.sharing.ListProductLinks, asked, "product_links", limit=limit)
    return Answer(found.document, [_links(found.found), found.footnote])


def _links(found: Sequence[network_pb2.ProductLink]) -> RenderableType:
    made = tables.table("source", "", "destination", "locations", "#priority", "#kept back", "terms")
    for each in found:
        terms = [name for name, said in (("bundles", each.shares_bundles), ("disabled", each.disabled)) if said]
        made.add_row(
            _product(each.source), "↔" if each.bidirectional else "→", _product(each.destination),
            ", ".join(each.locations) or Text("everywhere", style="dim"), tables.number(each.priority),
            tables.number(each.keep_back), Text(", ".join(terms), style="yellow"),
        )  # fmt: skip
    return made


async def add_bundle(session: Session, bundle: network_pb2.Bundle, *, check: bool) -> Answer:
    """Say what a product is put together from."""
    request = sharing_service_pb2.CreateBundleRequest(request_id=session.change(), bundle=bundle, validate_only=check)
    response = await session.sharing.CreateBundle(request)
    return changed(session, response, [_bundles([response.bundle])], check=check)


async def remove_bundle(session: Session, product: Product, *, check: bool) -> Answer:
    """A product is a bundle no longer."""
    request = sharing_service_pb2.DeleteBundleRequest(request_id=session.change(), product=product, validate_only=check)
    response = await session.sharing.DeleteBundle(request)
    told = Text.assemble(_product(product), " is no bundle any more.")
    return changed(session, response, [told], check=check)


async def bundles(session: Session, *, component: Product | None, limit: int) -> Answer:
    """Bundles with a component, or all."""
    asked = sharing_service_pb2.ListBundlesRequest(component=component)
    found = await listed(session.sharing.ListBundles, asked, "bundles", limit=limit)
    return Answer(found.document, [_bundles(found.found), found.footnote])


def _bundles(found: Sequence[network_pb2.Bundle]) -> RenderableType:
    made = tables.table("bundle", "#quantity", "component")
    for each in found:
        for index, part in enumerate(each.components):
            made.add_row("" if index else _product(each.product), tables.number(part.quantity), _product(part.product))
    return made


async def sources(session: Session, asked: sharing_service_pb2.ListSourcesRequest, *, fresh: bool) -> Answer:
    """What a product may be served from, in serving order, with what each holds and why one does not count."""
    asked.freshness.CopyFrom(await session.freshness(fresh, "ledger", "sharing"))
    asked.page_size = PAGE
    response = await session.sharing.ListSources(asked)
    while response.next_page_token:
        asked.page_token = response.next_page_token
        page = await session.sharing.ListSources(asked)
        response.sources.extend(page.sources)
        response.next_page_token = page.next_page_token
    made = tables.table("#", "source", "product", "location", "#held", "#may serve", "lots", "why not")
    for order, each in enumerate(response.sources, start=1):
        made.add_row(
            str(order), word(each, "kind").lower(), _product(each.product), "", tables.number(each.held),
            Text(tables.number(each.units).plain, style="bold"), "", _why(each),
        )  # fmt: skip
        for place in each.places:
            made.add_row(
                "", "", "", place.location, tables.number(place.held), tables.number(place.units),
                ", ".join(lot or "-" for lot in place.lots if lot or len(place.lots) > 1), _why(place),
            )  # fmt: skip
    return Answer(document(response), [made, tables.footnote(*response.revisions)])


def _why(found: sharing_service_pb2.Source | sharing_service_pb2.SourcePlace) -> Text:
    verdict = word(found, "verdict")
    well = verdict in ("COUNTED", "COUNTED_ONCE", "UNSPECIFIED")
    return Text("" if well else verdict.lower().replace("_", " "), style="yellow")


def _product(product: Product) -> Text:
    return tables.product(product.owner, product.sku)
