"""Answer each question from one state of the tenant's projection, fresh as asked, and say what the answer rests on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence

from weir_aggregator.domain import (
    Availability,
    Change,
    Exposure,
    Levels,
    Product,
    Question,
    Selection,
    Supplies,
)
from weir_aggregator.handlers.custody import check_view
from weir_aggregator.handlers.freshness import fresh
from weir_aggregator.projection import (
    Pace,
    Preview,
    Tenants,
    Told,
    ToldOfSupplies,
    rows_max,
    supply_updates,
    updates,
)
from weir_allocation.advice import Advice, advise
from weir_allocation.pipeline import Trace, explain
from weir_chassis.revisions import Revision, Vector

Revisions = tuple[Revision, ...]


async def availability(tenants: Tenants, question: Question, asked: Vector) -> tuple[Availability, Revisions]:
    """Supply, share and level of one product in one channel; raises ChannelNotFound, Malformed and what `fresh`
    raises.
    """
    projection = await fresh(tenants, asked)
    check_view(projection, question)
    return projection.availability(question), projection.revisions


async def batch(
    tenants: Tenants, products: Sequence[Product], channels: Sequence[str], asked: Vector
) -> tuple[Levels, Revisions]:
    """The levels of many products; raises ChannelNotFound and what `fresh` raises."""
    projection = await fresh(tenants, asked)
    return projection.levels(products, channels), projection.revisions


async def explanation(tenants: Tenants, question: Question, asked: Vector) -> tuple[Trace, Advice, Revisions]:
    """How a level comes about, and what would raise it; raises ChannelNotFound, Malformed and what `fresh` raises."""
    projection = await fresh(tenants, asked)
    check_view(projection, question)
    posed, revisions = projection.posed(question), projection.revisions
    trace, advice = await asyncio.to_thread(lambda: (explain(posed), advise(posed)))
    return trace, advice, revisions


async def listing(tenants: Tenants, selection: Selection, asked: Vector) -> tuple[Iterator[Levels], Revisions]:
    """All levels selected in parts, of one state; raises ChannelNotFound and what `fresh` raises."""
    projection = await fresh(tenants, asked)
    picture = projection.picture(selection)
    return picture.parts(rows_max(picture.channels)), projection.revisions


async def watching(tenants: Tenants, selection: Selection, after: Vector, pace: Pace) -> AsyncGenerator[Told, None]:
    """The levels selected and every change of them; raises what `fresh` and `updates` raise."""
    return updates(await fresh(tenants, {}), selection, after, pace)


async def supplies(
    tenants: Tenants, products: Sequence[Product], asked: Vector
) -> tuple[Iterator[Supplies], Revisions]:
    """What there is to divide, of all products or of these, in parts, of one state; raises what `fresh` raises."""
    projection = await fresh(tenants, asked)
    return projection.supply_picture(products).parts(), projection.revisions


async def watching_supplies(tenants: Tenants, pace: Pace) -> AsyncGenerator[ToldOfSupplies, None]:
    """What there is to divide and every change of it; raises what `fresh` raises."""
    return supply_updates(await fresh(tenants, {}), pace)


async def preview(
    tenants: Tenants, changes: Sequence[Change], selection: Selection, asked: Vector
) -> tuple[Preview, Revisions]:
    """What would differ if these changes were made; raises ChannelNotFound and what `fresh` raises."""
    projection = await fresh(tenants, asked)
    instant, revisions = projection.instant(), projection.revisions
    return await asyncio.to_thread(Preview, instant, changes, selection), revisions


async def exposure(
    tenants: Tenants, products: Sequence[Product], asked: Vector
) -> tuple[Sequence[Exposure], Revisions]:
    """What stores are told of some products, and what there is of them; raises what `fresh` raises."""
    projection = await fresh(tenants, asked)
    return projection.exposures(products), projection.revisions


async def exposures(
    tenants: Tenants, owner: str | None, most: int, asked: Vector
) -> tuple[Sequence[Exposure], int, int, Revisions]:
    """The most exposed products, how many are exposed, by how many units together; raises what `fresh` raises."""
    projection = await fresh(tenants, asked)
    return *projection.exposed(owner, most), projection.revisions
