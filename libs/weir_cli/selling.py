"""What every channel may sell: levels, why they are what they are, and how they change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from weir.aggregator.v1 import availability_service_pb2 as contract
from weir.aggregator.v1 import explanation_pb2
from weir.common.v1 import revision_pb2, stock_pb2
from weir_cli import tables
from weir_cli.documents import document, word
from weir_cli.moving import stock_view
from weir_cli.options import View
from weir_cli.session import Answer, Session

BATCH = 1000

UNTOLD = -1
"""In the place of a level: the store is told nothing of the product."""

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
        made.add_row(tables.product(owner, sku), *(level(row.get(channel, UNTOLD)) for channel in channels))
    return made


def level(value: int) -> Text:
    """A level in a table; of what a store is told nothing of, a dot."""
    return Text("·", style="dim") if value == UNTOLD else tables.number(value)


def level_rows(found: Levels) -> list[dict[str, Any]]:
    """Levels as a document holds them."""
    return [{"owner": owner, "sku": sku, "levels": row} for (owner, sku), row in found.items()]


async def explain(
    session: Session, sku: str, channel: str, *, owner: str, lot: str, uom: str, view: View | None, fresh: bool
) -> Answer:
    """The computation of one level as a tree."""
    request = contract.ExplainAvailabilityRequest(
        product=stock_pb2.Product(owner=owner, sku=sku), channel=channel, lot=lot, uom=uom, view=stock_view(view),
        freshness=await session.freshness(fresh),
    )  # fmt: skip
    response = await session.availability.ExplainAvailability(request)
    return Answer(document(response), [explanation(response, sku, channel), tables.footnote(*response.revisions)])


def explanation(
    response: contract.ExplainAvailabilityResponse, sku: str, channel: str, *, depth: int | None = None
) -> Group:
    """Stage by stage, what counted stands out, and what did not stands back with the reason; then what would help.

    With `depth` only so many steps down of every stage.
    """
    told: tuple[str, str] = (f"{response.level}", "bold green")
    if response.untold:
        told = ("told nothing", "bold yellow")
    tree = Tree(Text.assemble((sku, "bold"), " in ", (channel, "bold"), ": ", told))
    stages: dict[str, Tree] = {}
    for step in response.steps:
        stage = word(step, "stage")
        if stage not in stages:
            stages[stage] = tree.add(Text(_STAGES.get(stage, stage.lower()), style="bold cyan"))
        _grow(stages[stage], step, depth)
    return Group(tree, *_advice(response))


_STAGES = {
    "REACH": "reach: where it may be served from",
    "SUPPLY": "supply: what lies there",
    "SPLIT": "split: how much of it is the channel group's",
    "OFFER": "offer: what the rule makes of that",
    "CAP": "cap: what the store is told at most",
}
_BINDING = {
    "REACH": "No location may serve the channel.",
    "SUPPLY": "Units are all it takes to raise it.",
    "SPLIT": "The policy holds it down (split).",
    "OFFER": "The rule holds it down (offer).",
    "CAP": "The limits of the store hold it down (cap).",
}


def _advice(response: contract.ExplainAvailabilityResponse) -> list[Text]:
    """What holds the level down, and every single change that would raise it."""
    binding = word(response, "binding")
    if binding == "UNSPECIFIED":
        return []
    said = [Text(_BINDING.get(binding, binding), style="bold")]
    if not response.remedies:
        said.append(Text("  No single change of stock, links, policies, rules or limits would raise it.", style="dim"))
    for each in response.remedies:
        said.append(Text.assemble(("  + ", "green"), each.sentence, (f"  → {each.level:,}", "bold")))
    return said


def _grow(tree: Tree, step: explanation_pb2.Step, depth: int | None, *, idle: bool = False) -> None:
    """Add a step; below one that did not count nothing counts, whatever it would have given."""
    verdict = word(step, "verdict")
    sums = verdict == "UNSPECIFIED" or (verdict == "BY_CUSTODY" and bool(step.steps))  # whose custody is told below
    counted = sums or verdict in _COUNTING
    mark = Text("✓ ", style="green") if counted and not sums and not idle else Text("")
    if not counted:
        mark = Text("✗ ", style="red")
    idle = idle or not counted
    label = Text.assemble(mark, (step.sentence or step.name, "dim" if idle else ""))
    if not counted:
        label.append(f"  {verdict.lower().replace('_', ' ')}", style="yellow dim")
    branch = tree.add(label)
    if depth is None or depth > 1:
        for inner in step.steps:
            _grow(branch, inner, None if depth is None else depth - 1, idle=idle)


_COUNTING = ("COUNTED", "COUNTED_ONCE", "LATE", "DIVIDED", "BALANCED", "WON", "OFFERED", "LIMITED", "HUB_ACCESS_ON")
"""Verdicts of steps that have a part in the level."""


async def exposure(session: Session, skus: Sequence[str], *, owner: str | None, limit: int, fresh: bool) -> Answer:
    """Units that stores are told beyond what there is: of the named products, or of those that are exposed most."""
    freshness = await session.freshness(fresh)
    note = ""
    response: contract.GetExposureResponse | contract.ListExposuresResponse
    if skus:
        products = [stock_pb2.Product(owner=owner or "", sku=sku) for sku in skus]
        asked = contract.GetExposureRequest(products=products, freshness=freshness)
        response = await session.availability.GetExposure(asked)
    else:
        listed = contract.ListExposuresRequest(owner=owner, page_size=min(limit, BATCH), freshness=freshness)
        response = await session.availability.ListExposures(listed)
        note = f"{tables.counted(response.products, 'product')} exposed by {tables.counted(response.exposure, 'unit')}"
    shown: RenderableType = exposure_table(response.exposures)
    if not response.exposures:
        shown = Text("No store is told of more than there is.", style="green")
    return Answer(document(response), [shown, tables.footnote(*response.revisions, note=note)])


def exposure_table(found: Sequence[contract.Exposure]) -> Table:
    """What is told beyond what there is; with what stores are told of bundles, where that takes some of it."""
    bundled = any(each.bundled for each in found)
    more = ("#in bundles", "#with bundles") if bundled else ()
    made = tables.table("product", "#exposure", "#levels", "#supply", *more)
    for each in found:
        cells = (tables.number(each.bundled), _alarming(each.bundled_exposure)) if bundled else ()
        made.add_row(
            tables.product(each.product.owner, each.product.sku), _alarming(each.exposure), tables.number(each.levels),
            tables.number(each.supply), *cells,
        )  # fmt: skip
    return made


def _alarming(units: int) -> Text:
    return Text(tables.number(units).plain, style="bold red" if units else "dim")
