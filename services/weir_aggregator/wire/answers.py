"""What callers are told."""

from __future__ import annotations

from collections.abc import Iterable

from weir.aggregator.v1 import availability_service_pb2 as pb
from weir.common.v1 import revision_pb2, stock_pb2
from weir_aggregator.domain import Levels, Update
from weir_aggregator.wire.sentences import sentence
from weir_allocation.pipeline import Trace
from weir_allocation.stock import Condition, StockItem
from weir_allocation.trace import Stage, Step, Verdict
from weir_chassis.revisions import Revision

_STAGES = {
    Stage.REACH: pb.Step.STAGE_REACH,
    Stage.SUPPLY: pb.Step.STAGE_SUPPLY,
}
_VERDICTS = {
    Verdict.SUM: pb.Step.VERDICT_UNSPECIFIED,
    Verdict.COUNTED: pb.Step.VERDICT_COUNTED,
    Verdict.NOT_GROUPED: pb.Step.VERDICT_NOT_GROUPED,
    Verdict.NOT_LINKED: pb.Step.VERDICT_NOT_LINKED,
    Verdict.NOT_SELLABLE: pb.Step.VERDICT_NOT_SELLABLE,
    Verdict.IN_CUSTODY: pb.Step.VERDICT_IN_CUSTODY,
    Verdict.OTHER_LOT: pb.Step.VERDICT_OTHER_LOT,
    Verdict.OTHER_UOM: pb.Step.VERDICT_OTHER_UOM,
    Verdict.ALL_RESERVED: pb.Step.VERDICT_ALL_RESERVED,
    Verdict.EMPTY: pb.Step.VERDICT_EMPTY,
    Verdict.BY_CUSTODY: pb.Step.VERDICT_BY_CUSTODY,
}
_CONDITIONS = {
    Condition.SELLABLE: stock_pb2.CONDITION_SELLABLE,
    Condition.HOLD: stock_pb2.CONDITION_HOLD,
    Condition.DAMAGED: stock_pb2.CONDITION_DAMAGED,
}


def availability(level: int, supply: int, revisions: Iterable[Revision]) -> pb.GetAvailabilityResponse:
    """The level of one product in one channel."""
    return pb.GetAvailabilityResponse(level=level, supply=supply, revisions=_mark(revisions))


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


def explanation(trace: Trace, revisions: Iterable[Revision]) -> pb.ExplainAvailabilityResponse:
    """How a level came about, each step with its sentence."""
    return pb.ExplainAvailabilityResponse(
        level=trace.level, steps=[_step(step) for step in trace.steps], revisions=_mark(revisions)
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


def _step(step: Step) -> pb.Step:
    return pb.Step(
        stage=_STAGES[step.stage],
        subject=step.name,
        verdict=_VERDICTS[step.verdict],
        units_in=step.units_in,
        units_out=step.units_out,
        sentence=sentence(step),
        stock_item=None if step.item is None else _stock_item(step.item),
        steps=[_step(each) for each in step.steps],
    )


def _stock_item(item: StockItem) -> stock_pb2.StockItem:
    return stock_pb2.StockItem(
        product=stock_pb2.Product(owner=item.owner, sku=item.sku),
        location=item.location,
        lot=item.lot,
        uom=item.uom,
        custodian=item.custodian,
        condition=_CONDITIONS[item.condition],
    )
