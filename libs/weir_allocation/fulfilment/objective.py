"""How good a plan is, and which of two that are equally good is chosen."""

from __future__ import annotations

from collections.abc import Iterable

from weir_allocation.fulfilment.model import FAR, NEVER_DAYS, Allocation, Line, Objective, Order
from weir_allocation.stock import Product, Stock, StockItem

Tie = tuple[tuple[int, StockItem, Product, int], ...]
"""Allocations as `tie` compares them."""

NOTHING = Objective(0, 0, 0, 0, 0, 0, 0, 0)
"""What an order is worth of which nothing is filled."""


def objective(order: Order, allocations: Iterable[Allocation]) -> Objective:
    """The value of some allocations, which need not be those of a plan; each must be of a stock item that is held."""
    chosen = tuple(allocations)
    lines = order.wish.lines
    wanted = {each.item for each in chosen}
    products = sorted({(item.owner, item.sku) for item in wanted})
    expiries = {
        stock.item: expiry_days(order, stock)
        for product in products
        for stock in order.holdings.get(product, ())
        if stock.item in wanted
    }
    made = {(each.line, each.item.location): each.bundles for each in chosen if each.bundles}
    assembled = sum(made.values())
    direct = sum(each.quantity for each in chosen if not each.bundles)
    new = sorted({each.item.location for each in chosen} - order.sending)
    return Objective(
        filled=direct + assembled,
        locations=len(new),
        assembled=assembled,
        shared=sum(each.quantity for each in chosen if shared(order, lines[each.line], each.item, each.serves_as)),
        harm=sum(each.quantity * harm(order, each.item) for each in chosen),
        expiry_days=sum(each.quantity * expiries[each.item] for each in chosen),
        unpreferred=unpreferred(order, new),
        distance=distance(order, new),
    )


def tie(allocations: Iterable[Allocation]) -> Tie:
    """Of plans that are equally good the one with the smallest of these is chosen.

    So the first line takes as many units as it can of its first stock item, then of its second, and so on: an order is
    never dealt over more stock items just because that makes smaller numbers.
    """
    return tuple(sorted((each.line, each.item, each.serves_as, -each.quantity) for each in allocations))


def shared(order: Order, line: Line, item: StockItem, serves_as: Product) -> bool:
    """Whether units are lent by a link, or in the custody of another than the first person that the line names."""
    if (item.owner, item.sku) != serves_as:
        return True
    return order.terms.by_custody and bool(line.custodians) and item.custodian != line.custodians[0]


def harm(order: Order, item: StockItem) -> int:
    """What taking one unit of a stock item does to others."""
    return order.harm.get(((item.owner, item.sku), item.location), 0)


def expiry_days(order: Order, stock: Stock) -> int:
    """The days until units expire: 0 to NEVER_DAYS."""
    if stock.expiry is None:
        return NEVER_DAYS
    return min(max((stock.expiry - order.today).days, 0), NEVER_DAYS)


def unpreferred(order: Order, locations: Iterable[str]) -> int:
    """How many of these locations are not preferred; 0 where none is."""
    preferred = order.wish.preferred
    return sum(location not in preferred for location in locations) if preferred else 0


def distance(order: Order, locations: Iterable[str]) -> int:
    """The sum of the distances of these locations."""
    return sum(order.wish.distances.get(location, FAR) for location in locations)
