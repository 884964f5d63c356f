"""The second stage: what the reached locations hold for a product."""

from __future__ import annotations

from collections.abc import Iterable

from weir_allocation.reach import Reach
from weir_allocation.stock import Condition, Demand, Stock, StockItem
from weir_allocation.trace import Stage, Step, Subject, Verdict


def fit(item: StockItem, demand: Demand) -> Verdict:
    """COUNTED if units of this stock item can serve the demand where the location is reached; otherwise why not.

    Only sellable goods in the custody of the location itself, of the unit of measure asked for and, where one is
    asked for, of the lot. The first reason that holds is given.
    """
    if item.condition is not Condition.SELLABLE:
        return Verdict.NOT_SELLABLE
    if item.custodian:
        return Verdict.IN_CUSTODY
    if item.uom != demand.uom:
        return Verdict.OTHER_UOM
    if demand.lot and item.lot != demand.lot:
        return Verdict.OTHER_LOT
    return Verdict.COUNTED


def supply(sku: str, reach: Reach, stock: Iterable[Stock], demand: Demand) -> Step:
    """What the channel could sell of one product: available units per stock item, per location, summed.

    `stock` is all there is of the product, anywhere. Every reached location has a step, also where nothing lies; a
    location that is not reached has one where the product has a stock item there.
    """
    lying: dict[str, list[Stock]] = {location: [] for location in reach.locations}
    for each in stock:
        lying.setdefault(each.item.location, []).append(each)
    steps = tuple(_location(location, reach.verdict(location), lying[location], demand) for location in sorted(lying))
    units = sum(step.units_out for step in steps)
    return Step(Stage.SUPPLY, Subject.PRODUCT, sku, Verdict.SUM, units, units, steps=steps)


def _location(location: str, verdict: Verdict, stock: list[Stock], demand: Demand) -> Step:
    steps = tuple(_item(each, demand) for each in sorted(stock, key=lambda each: each.item))
    units = sum(step.units_out for step in steps)
    if verdict is Verdict.COUNTED and not any(each.on_hand for each in stock):
        verdict = Verdict.EMPTY
    units_out = units if verdict is Verdict.COUNTED else 0
    return Step(Stage.SUPPLY, Subject.LOCATION, location, verdict, units, units_out, steps=steps)


def _item(stock: Stock, demand: Demand) -> Step:
    verdict = fit(stock.item, demand)
    if verdict is Verdict.COUNTED and not stock.available:
        verdict = Verdict.ALL_RESERVED if stock.on_hand > 0 else Verdict.EMPTY
    units_out = stock.available if verdict is Verdict.COUNTED else 0
    item = stock.item
    return Step(Stage.SUPPLY, Subject.STOCK_ITEM, item.location, verdict, max(0, stock.on_hand), units_out, item=item)
