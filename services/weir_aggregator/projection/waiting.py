"""The demands of a tenant that wait, in the order in which they came, and how much of each product may wait."""

from __future__ import annotations

from weir_aggregator.domain import BackOrders, Product, WaitingChange


class Queue:
    """What the ledger told of orders that wait."""

    def __init__(self) -> None:
        """Nothing waits, and nothing may."""
        self._back_orders: dict[Product, BackOrders] = {}

    def put(self, change: WaitingChange) -> None:
        """Take over a demand or how much may wait, whatever was known of it."""
        if isinstance(change, BackOrders):
            self._back_orders[change.owner, change.sku] = change

    def back_orders(self, product: Product) -> tuple[int, int]:
        """How many units of a product may wait, over all orders, and how many do."""
        known = self._back_orders.get(product)
        return (0, 0) if known is None else (known.limit, known.waiting)
