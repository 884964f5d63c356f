"""What every channel may sell: levels, why they are what they are, and how they change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from weir.aggregator.v1 import availability_service_pb2 as contract
from weir.common.v1 import revision_pb2, stock_pb2
from weir_cli import tables
from weir_cli.documents import document, word
from weir_cli.session import Answer, Session

BATCH = 1000

Levels = dict[tuple[str, str], dict[str, int]]
"""By owner and stock keeping unit, then by channel."""


def read_table(found: Levels, table: contract.LevelTable) -> None:
    """Add the rows of a columnar answer to `found`, replacing what it held for them."""
    width = len(table.channels)
    for row, (owner, sku) in enumerate(zip(table.owners, table.skus, strict=True)):
        values = table.levels[row * width : (row + 1) * width]
        found[owner, sku] = dict(zip(table.channels, values, strict=True))


async def levels(
    session: Session,
    skus: Sequence[str],
    channels: Sequence[str],
    *,
    owner: str | None,
    limit: int | None,
    fresh: bool,
) -> Answer:
    """Levels of the named products, or of all that were ever stocked; `limit` bounds what people are shown."""
    freshness = await session.freshness(fresh)
    found: Levels = {}
    reached: Sequence[revision_pb2.Revision] = ()
    named: list[str] = list(channels)
    if skus:
        for start in range(0, len(skus), BATCH):
            batch = [stock_pb2.Product(owner=owner or "", sku=sku) for sku in skus[start : start + BATCH]]
            request = contract.BatchGetAvailabilityRequest(products=batch, channels=channels, freshness=freshness)
            response = await session.availability.BatchGetAvailability(request)
            table = contract.LevelTable(
                owners=[each.owner for each in batch], skus=[each.sku for each in batch],
                channels=response.channels, levels=response.levels,
            )  # fmt: skip
            read_table(found, table)
            reached, named = response.revisions, list(response.channels)
    else:
        asked = contract.ListLevelsRequest(channels=channels, owner=owner, freshness=freshness)
        call = session.availability.ListLevels(asked, timeout=session.options.deadline_seconds)
        async for part in call:
            read_table(found, part.table)
            reached, named = part.revisions, list(part.table.channels) or named
    shown: RenderableType = level_table(found, named, limit=limit)
    if not found:
        shown = Text("Nothing was ever stocked here. `weir load FOLDER` or `weir receive` bring something in.")
    note = f"{limit} of {len(found)} products; --limit shows more" if limit and len(found) > limit else ""
    return Answer(
        {"channels": named, "levels": level_rows(found), "revisions": [document(each) for each in reached]},
        [shown, tables.footnote(*reached, note=note)],
    )


def level_table(found: Levels, channels: Sequence[str], *, limit: int | None = None) -> Table:
    """Products down, channels across."""
    made = tables.table("product", *(f"#{channel}" for channel in channels))
    for (owner, sku), row in list(found.items())[:limit]:
        made.add_row(tables.product(owner, sku), *(tables.number(row.get(channel, 0)) for channel in channels))
    return made


def level_rows(found: Levels) -> list[dict[str, Any]]:
    """Levels as a document holds them."""
    return [{"owner": owner, "sku": sku, "levels": row} for (owner, sku), row in found.items()]


async def explain(session: Session, sku: str, channel: str, *, owner: str, lot: str, uom: str, fresh: bool) -> Answer:
    """The computation of one level as a tree."""
    request = contract.ExplainAvailabilityRequest(
        product=stock_pb2.Product(owner=owner, sku=sku), channel=channel, lot=lot, uom=uom,
        freshness=await session.freshness(fresh),
    )  # fmt: skip
    response = await session.availability.ExplainAvailability(request)
    return Answer(document(response), [explanation(response, sku, channel), tables.footnote(*response.revisions)])


def explanation(response: contract.ExplainAvailabilityResponse, sku: str, channel: str) -> Tree:
    """What counted stands out, what did not stands back with the reason."""
    tree = Tree(Text.assemble((sku, "bold"), " in ", (channel, "bold"), ": ", (f"{response.level}", "bold green")))
    for step in response.steps:
        _grow(tree, step)
    return tree


def _grow(tree: Tree, step: contract.Step, *, idle: bool = False) -> None:
    """Add a step; below one that did not count nothing counts, whatever it would have given."""
    verdict = word(step, "verdict")
    counted = verdict in ("COUNTED", "UNSPECIFIED")
    mark = Text("✓ ", style="green") if verdict == "COUNTED" and not idle else Text("")
    if not counted:
        mark = Text("✗ ", style="red")
    idle = idle or not counted
    label = Text.assemble(mark, (step.sentence or step.subject, "dim" if idle else ""))
    if not counted:
        label.append(f"  {verdict.lower().replace('_', ' ')}", style="yellow dim")
    branch = tree.add(label)
    for inner in step.steps:
        _grow(branch, inner, idle=idle)
