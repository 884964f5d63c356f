"""Stock as one demand sees it on one day."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date

from weir_allocation.stock import Condition, Demand, Holdings, Product, Stock, StockItem, serving_order
from weir_allocation.trace import Stage, Step, Subject, Verdict

OF_THE_LOCATION = frozenset([""])
"""Custody of the location itself."""


def fit(item: StockItem, demand: Demand, custodians: Collection[str] = OF_THE_LOCATION) -> Verdict:
    """COUNTED if units of this stock item can serve the demand where the location is reached; otherwise why not.

    Only sellable goods in the custody of the location itself, or of these persons in its place, of the unit of measure
    asked for and, where one is asked for, of the lot. The first reason that holds is given.
    """
    if item.condition is not Condition.SELLABLE:
        return Verdict.NOT_SELLABLE
    if item.custodian not in custodians:
        return Verdict.IN_CUSTODY
    if item.uom != demand.uom:
        return Verdict.OTHER_UOM
    if demand.lot and item.lot != demand.lot:
        return Verdict.OTHER_LOT
    return Verdict.COUNTED


class Goods:
    """The stock items of all products at all locations, each as the step that says what it gives to the demand.

    Where `custodians` are given, what is in the custody of anybody else is as if it did not exist.
    """

    def __init__(
        self, holdings: Holdings, demand: Demand, today: date, custodians: frozenset[str] | None = None
    ) -> None:
        """Look at `holdings` with the eyes of `demand`, on the day `today`."""
        self.demand = demand
        self._custodians = custodians
        self._holdings = holdings
        self._today = today
        self._steps: dict[Product, dict[str, tuple[Step, ...]]] = {}
        self._any_lot: Goods | None = None

    def any_lot(self) -> Goods:
        """The same for a demand that names no lot."""
        if not self.demand.lot:
            return self
        if self._any_lot is None:
            self._any_lot = Goods(self._holdings, replace(self.demand, lot=""), self._today, self._custodians)
        return self._any_lot

    def more(self, product: Product, location: str, units: int) -> Goods:
        """The same with more units of a product at a location, such as serve the demand; in custody of the first, where
        it is that of persons.
        """
        custodian = min(self._custodians) if self._custodians else ""
        item = StockItem(*product, location, self.demand.lot, self.demand.uom, custodian)
        there = (*self._holdings.get(product, ()), Stock(item, units, 0))
        goods = Goods({**self._holdings, product: there}, self.demand, self._today, self._custodians)
        goods._steps = {known: steps for known, steps in self._steps.items() if known != product}
        return goods

    def locations(self, products: Iterable[Product]) -> list[str]:
        """Where any of the products has a stock item, in order."""
        return sorted({location for product in products for location in self._located(product)})

    def at(self, product: Product, location: str) -> tuple[Step, ...]:
        """The stock items of a product at a location, in serving order: earliest expiry first."""
        return self._located(product).get(location, ())

    def units(self, product: Product, location: str) -> int:
        """Units of a product at a location that serve the demand."""
        return sum(step.units_out for step in self.at(product, location))

    def _located(self, product: Product) -> dict[str, tuple[Step, ...]]:
        located = self._steps.get(product)
        if located is None:
            located = self._steps[product] = {}
            for each in sorted(self._seen(product), key=serving_order):
                there = located.get(each.item.location, ())
                located[each.item.location] = (*there, self._step(each))
        return located

    def _seen(self, product: Product) -> Iterable[Stock]:
        held, custodians = self._holdings.get(product, ()), self._custodians
        return held if custodians is None else (each for each in held if each.item.custodian in custodians)

    def _step(self, stock: Stock) -> Step:
        verdict = fit(stock.item, self.demand, OF_THE_LOCATION if self._custodians is None else self._custodians)
        return _step(stock, verdict, self._today)


def _step(stock: Stock, verdict: Verdict, today: date) -> Step:
    """A stock item as a step, given whether it fits."""
    if verdict is Verdict.COUNTED and stock.expired(today):
        verdict = Verdict.EXPIRED
    if verdict is Verdict.COUNTED and not stock.available:
        verdict = Verdict.ALL_RESERVED if stock.on_hand > 0 else Verdict.EMPTY
    if verdict is Verdict.ALL_RESERVED and stock.awaited:
        verdict = Verdict.AWAITED
    units_out = stock.available if verdict is Verdict.COUNTED else 0
    item = stock.item
    return Step(Stage.SUPPLY, Subject.STOCK_ITEM, item.location, verdict, max(0, stock.on_hand), units_out, item=item)
