"""The steps of an explanation, each in a sentence that a merchant understands."""

from __future__ import annotations

from weir_allocation.stock import Condition, StockItem
from weir_allocation.trace import Stage, Step, Subject, Verdict

_REACH = {
    (Subject.CHANNEL, Verdict.SUM): "'{name}' is served by {count} linked to its channel group.",
    (Subject.CHANNEL, Verdict.NOT_LINKED): "No warehouse group is linked to the channel group of '{name}'.",
    (Subject.CHANNEL, Verdict.BY_CUSTODY): "'{name}' sells what is in custody, not what warehouse groups hold.",
    (Subject.WAREHOUSE_GROUP, Verdict.COUNTED): "Warehouse group '{name}' serves it from {count}.",
    (Subject.WAREHOUSE_GROUP, Verdict.EMPTY): "Warehouse group '{name}' is linked but has no locations.",
    (Subject.LOCATION, Verdict.COUNTED): "'{name}' may serve it.",
}
_SUPPLY = {
    (Subject.PRODUCT, Verdict.SUM): "The channel may sell {out} of '{name}'.",
    (Subject.LOCATION, Verdict.COUNTED): "'{name}' gives {out}.",
    (Subject.LOCATION, Verdict.EMPTY): "Nothing lies at '{name}'.",
    (
        Subject.LOCATION,
        Verdict.NOT_LINKED,
    ): "'{name}' holds {into}, but its warehouse group does not serve the channel.",
    (Subject.LOCATION, Verdict.NOT_GROUPED): "'{name}' holds {into}, but is in no warehouse group and serves nobody.",
    (Subject.LOCATION, Verdict.BY_CUSTODY): "'{name}' holds {into}, but the channel sells only what is in custody.",
    (Subject.STOCK_ITEM, Verdict.COUNTED): "{item}: {into} there, {promised} promised, {out} free.",
    (Subject.STOCK_ITEM, Verdict.ALL_RESERVED): "{item}: {into} there, all promised.",
    (Subject.STOCK_ITEM, Verdict.EMPTY): "{item}: nothing there.",
    (Subject.STOCK_ITEM, Verdict.NOT_SELLABLE): "{item}: {into} there, {condition}.",
    (Subject.STOCK_ITEM, Verdict.IN_CUSTODY): "{item}: {into} there, in a person's custody.",
    (Subject.STOCK_ITEM, Verdict.OTHER_LOT): "{item}: {into} there, but another lot was asked for.",
    (Subject.STOCK_ITEM, Verdict.OTHER_UOM): "{item}: {into} there, but units of measure are never mixed.",
}
_TEMPLATES = {Stage.REACH: _REACH, Stage.SUPPLY: _SUPPLY}
_PARTS = {Subject.CHANNEL: "warehouse group", Subject.WAREHOUSE_GROUP: "location"}


def sentence(step: Step) -> str:
    """What a step did and why, without its inner steps."""
    return _TEMPLATES[step.stage][step.subject, step.verdict].format(
        name=step.name,
        count=_counted(len(step.steps), _PARTS.get(step.subject, "step")),
        into=_counted(step.units_in, "unit"),
        out=_counted(step.units_out, "unit"),
        promised=step.units_in - step.units_out,
        item="" if step.item is None else _described(step.item),
        condition="" if step.item is None else _condition(step.item),
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _described(item: StockItem) -> str:
    """What sets a stock item apart from others of its product at its location."""
    parts = [item.uom]
    if item.lot:
        parts.append(f"lot '{item.lot}'")
    if item.custodian:
        parts.append(f"with '{item.custodian}'")
    return ", ".join(parts)


def _condition(item: StockItem) -> str:
    return "damaged" if item.condition is Condition.DAMAGED else "under review"
