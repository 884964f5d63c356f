"""What stores are never told: products they do not sell, and the most units of any."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.text import Text

from weir.sync.v1 import rule_pb2, rule_service_pb2
from weir_cli import tables
from weir_cli.documents import document
from weir_cli.paging import listed
from weir_cli.session import Answer, Session, changed


async def set_limits(session: Session, limits: rule_pb2.StoreLimits, *, check: bool) -> Answer:
    """Say all that a store is never told; nothing removes its limits."""
    request = rule_service_pb2.SetStoreLimitsRequest(
        request_id=session.change(), store_limits=limits, validate_only=check
    )
    response = await session.rules.SetStoreLimits(request)
    return changed(session, response, _detailed(response.store_limits), check=check)


async def limits_of(session: Session, store: str) -> Answer:
    """The limits of one store."""
    response = await session.rules.GetStoreLimits(rule_service_pb2.GetStoreLimitsRequest(store=store))
    return Answer(document(response), [*_detailed(response.store_limits), tables.footnote(response.revision)])


async def limits(session: Session, *, limit: int) -> Answer:
    """The limits of every store that has some."""
    asked = rule_service_pb2.ListStoreLimitsRequest()
    found = await listed(session.rules.ListStoreLimits, asked, "store_limits", limit=limit)
    return Answer(found.document, [_table(found.found), found.footnote])


def _table(found: Iterable[rule_pb2.StoreLimits]) -> RenderableType:
    made = tables.table("store", "#at most", "does not sell", "sells only")
    for each in found:
        most = tables.number(each.max_quantity, faint=False) if each.HasField("max_quantity") else ""
        allowed = tables.counted(len(each.allowed.products), "product") if each.HasField("allowed") else ""
        denied = tables.counted(len(each.denied.products), "product") if each.denied.products else ""
        made.add_row(each.store, most, denied, allowed)
    return made


def _detailed(limits: rule_pb2.StoreLimits) -> list[RenderableType]:
    said = Text.assemble((limits.store, "bold"), "  ")
    if limits.HasField("max_quantity"):
        said.append(f"told of {limits.max_quantity:,} at most  ")
    if limits.HasField("allowed"):
        said.append(f"sells only {tables.counted(len(limits.allowed.products), 'product')}  ")
    if not (limits.HasField("max_quantity") or limits.HasField("allowed") or limits.denied.products):
        said.append("no limits", style="dim")
    made = tables.table("product", "limit")
    for product in limits.denied.products:
        made.add_row(tables.product(product.owner, product.sku), Text("not sold", style="red"))
    for product in limits.allowed.products:
        made.add_row(tables.product(product.owner, product.sku), Text("sold", style="green"))
    return [said, made] if made.row_count else [said]
