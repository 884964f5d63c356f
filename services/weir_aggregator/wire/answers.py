"""What callers are told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from weir.aggregator.v1 import availability_service_pb2 as pb
from weir.aggregator.v1 import explanation_pb2
from weir.common.v1 import revision_pb2, verdict_pb2
from weir_aggregator.domain import (
    Availability,
    Differences,
    Exposure,
    Levels,
    Summary,
    Supplies,
    SupplyUpdate,
    Update,
)
from weir_aggregator.wire.items import product_message, stock_item_message
from weir_aggregator.wire.remedies import advised
from weir_aggregator.wire.sentences import sentence
from weir_allocation.advice import Advice, Lever, Remedy
from weir_allocation.columns import UNTOLD
from weir_allocation.pipeline import Trace
from weir_allocation.trace import Stage, Step, Subject, Verdict
from weir_chassis.revisions import Revision

STAGES = {each: explanation_pb2.Stage.Value(f"STAGE_{each.name}") for each in Stage}
SUBJECTS = {
    each: explanation_pb2.Step.Subject.Value(f"SUBJECT_{'PRODUCT_LINK' if each is Subject.LINK else each.name}")
    for each in Subject
}
VERDICTS = {
    each: verdict_pb2.Verdict.Value(f"VERDICT_{'UNSPECIFIED' if each is Verdict.SUM else each.name}")
    for each in Verdict
}
LEVERS = {each: explanation_pb2.Remedy.Lever.Value(f"LEVER_{each.name}") for each in Lever}
_MESSAGE_BYTES = 64 * 1024
_ROW_BYTES = 32
"""What a level that differs takes beside its names, at most: two numbers, and the lengths of the names."""


def availability(found: Availability, revisions: Iterable[Revision]) -> pb.GetAvailabilityResponse:
    """The level of one product in one channel; 0 where the store is told nothing."""
    return pb.GetAvailabilityResponse(
        level=max(0, found.level),
        supply=found.supply,
        share=found.share,
        untold=found.level == UNTOLD,
        revisions=_mark(revisions),
    )


def batch(levels: Levels, revisions: Iterable[Revision]) -> pb.BatchGetAvailabilityResponse:
    """The levels of many products, in the order they were asked for."""
    return pb.BatchGetAvailabilityResponse(channels=levels.channels, levels=levels.levels, revisions=_mark(revisions))


def listed(levels: Levels, revisions: Iterable[Revision]) -> pb.ListLevelsResponse:
    """One part of a list."""
    return pb.ListLevelsResponse(table=_table(levels), revisions=_mark(revisions))


def update(told: Update, through: Iterable[Revision]) -> pb.WatchLevelsResponse:
    """One message of a watch."""
    return pb.WatchLevelsResponse(
        table=None if told.levels is None else _table(told.levels),
        complete=told.complete,
        complete_begin=told.complete_begin,
        complete_end=told.complete_end,
        through=_mark(through),
    )


def supplies(told: Supplies, revisions: Iterable[Revision]) -> pb.ListSuppliesResponse:
    """One part of what there is to divide."""
    return pb.ListSuppliesResponse(table=_supply_table(told), revisions=_mark(revisions))


def supply_update(told: SupplyUpdate, revisions: Iterable[Revision]) -> pb.WatchSuppliesResponse:
    """One message of a watch of supplies."""
    return pb.WatchSuppliesResponse(
        table=None if told.supplies is None else _supply_table(told.supplies),
        complete_end=told.complete_end,
        revisions=_mark(revisions),
    )


def explanation(trace: Trace, advice: Advice, revisions: Iterable[Revision]) -> pb.ExplainAvailabilityResponse:
    """How a level came about, each step with its sentence, and what would raise it."""
    return pb.ExplainAvailabilityResponse(
        level=trace.level,
        share=trace.share,
        untold=not trace.told,
        steps=[_step(step) for step in trace.steps],
        binding=STAGES[advice.binding],
        remedies=[_remedy(remedy, trace.level) for remedy in advice.remedies],
        revisions=_mark(revisions),
    )


def differences(differing: Differences) -> Iterator[pb.PreviewChangeResponse]:
    """Levels that would be others, in messages that are well below what a caller can take."""
    part, size = pb.PreviewChangeResponse(), 0
    rows = zip(differing.products, differing.channels, differing.before, differing.after, strict=True)
    for (owner, sku), channel, before, after in rows:
        row = len(owner.encode()) + len(sku.encode()) + len(channel.encode()) + _ROW_BYTES
        if size + row > _MESSAGE_BYTES:
            yield part
            part, size = pb.PreviewChangeResponse(), 0
        size += row
        part.owners.append(owner)
        part.skus.append(sku)
        part.channels.append(channel)
        part.before.append(before)
        part.after.append(after)
    if part.skus:
        yield part


def summary(found: Summary, revisions: Iterable[Revision]) -> pb.PreviewChangeResponse:
    """What a preview comes to, its last message."""
    return pb.PreviewChangeResponse(
        summary=pb.PreviewSummary(
            levels=found.levels,
            products=found.products,
            channels=found.channels,
            exposure_before=found.exposure_before,
            exposure_after=found.exposure_after,
            revisions=_mark(revisions),
        )
    )


def exposure(found: Iterable[Exposure], revisions: Iterable[Revision]) -> pb.GetExposureResponse:
    """What stores are told of products, in the order they were asked for."""
    return pb.GetExposureResponse(exposures=map(_exposure, found), revisions=_mark(revisions))


def exposures(
    found: Iterable[Exposure], products: int, units: int, revisions: Iterable[Revision]
) -> pb.ListExposuresResponse:
    """The most exposed products; how many are exposed, and by how many units together."""
    return pb.ListExposuresResponse(
        exposures=map(_exposure, found), products=products, exposure=units, revisions=_mark(revisions)
    )


def _exposure(found: Exposure) -> pb.Exposure:
    return pb.Exposure(
        product=product_message(found.product),
        exposure=found.exposure,
        levels=found.levels,
        supply=found.supply,
        bundled=found.bundled,
        bundled_exposure=found.bundled_exposure,
    )


def _mark(revisions: Iterable[Revision]) -> list[revision_pb2.Revision]:
    return [revision.to_wire() for revision in revisions]


def _table(levels: Levels) -> pb.LevelTable:
    return pb.LevelTable(
        owners=[owner for owner, _ in levels.products],
        skus=[sku for _, sku in levels.products],
        channels=levels.channels,
        levels=levels.levels,
    )


def _supply_table(told: Supplies) -> pb.SupplyTable:
    return pb.SupplyTable(
        owners=[owner for owner, _ in told.products],
        skus=[sku for _, sku in told.products],
        policies=told.policies,
        scales=told.scales,
        warehouse_groups=told.warehouse_groups,
        channel_groups=told.channel_groups,
        supply_products=told.supply_products,
        supply_warehouse_groups=told.supply_warehouse_groups,
        supplies=told.units,
        share_supplies=told.share_supplies,
        share_channel_groups=told.share_channel_groups,
        selling=told.selling,
        claimed=told.claimed,
        ceilings=told.ceilings,
    )


def _step(step: Step) -> explanation_pb2.Step:
    return explanation_pb2.Step(
        stage=STAGES[step.stage],
        subject=SUBJECTS[step.subject],
        name=step.product[1] if step.subject is Subject.LINK and step.product is not None else step.name,
        verdict=VERDICTS[step.verdict],
        units_in=step.units_in,
        units_out=step.units_out,
        sentence=sentence(step),
        stock_item=None if step.item is None else stock_item_message(step.item),
        product=None if step.product is None else product_message(step.product),
        terms=[explanation_pb2.Term(name=name, value=value) for name, value in step.terms],
        steps=[_step(each) for each in step.steps],
    )


def _remedy(remedy: Remedy, level: int) -> explanation_pb2.Remedy:
    """One change; a link is named by its source, for what names it here says nothing to anybody."""
    of_stock = remedy.lever is Lever.STOCK
    return explanation_pb2.Remedy(
        lever=LEVERS[remedy.lever],
        name=remedy.name if remedy.product is None or of_stock else remedy.product[1],
        units=remedy.units,
        location=remedy.location,
        product=None if remedy.product is None else product_message(remedy.product),
        level=remedy.level,
        sentence=advised(remedy, level),
    )
