"""A WooCommerce store as its REST API has it (wc/v3): products, variations and orders.

SKUs are found in any case of letters, an order is listed after a moment that it leaves out, and in pages that shift.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Any

import httpx

from tests.kit.shops.fake import Fake, body

KEY, SECRET = "ck_0123456789", "cs_9876543210"


@dataclass
class Product:
    """A product, or a variation of one."""

    sku: str
    units: int | None
    parent: int = 0


@dataclass
class Order:
    """An order: SKUs and units; when it changed, in seconds of a minute."""

    lines: list[tuple[str | None, float]]
    second: int
    status: str = "processing"

    @property
    def changed(self) -> str:
        """As the API tells it."""
        return f"2026-11-22T10:00:{self.second:02}"


class FakeWooCommerce(Fake):
    """Products and orders by number."""

    def __init__(self) -> None:
        """Nothing in it."""
        super().__init__()
        self.products: dict[int, Product] = {}
        self.orders: dict[int, Order] = {}

    def stock(self, sku: str, units: int | None, parent: int = 0) -> int:
        """Add a product."""
        number = len(self.products) + 1
        self.products[number] = Product(sku, units, parent)
        return number

    def answer(self, request: httpx.Request) -> httpx.Response:
        """The routes of wc/v3."""
        told = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {told}":
            return httpx.Response(401, json={"code": "woocommerce_rest_cannot_view", "data": {"status": 401}})
        path = request.url.path.removeprefix("/wp-json/wc/v3")
        if path == "/products":
            return httpx.Response(200, json=self._listed(request.url.params))
        if path == "/orders":
            return httpx.Response(200, json=self._ordered(request.url.params))
        if found := re.fullmatch(r"/products(?:/(\d+)/variations)?/batch", path):
            update = body(request)["update"]
            assert len(update) <= 100
            return httpx.Response(200, json={"update": [self._set(int(found[1] or 0), each) for each in update]})
        return httpx.Response(404, json={"code": "rest_no_route"})

    def _listed(self, params: httpx.QueryParams) -> list[dict[str, Any]]:
        asked = params.get("sku", "")
        skus = {sku.lower() for sku in [*asked.split(","), asked]}
        found = [(number, each) for number, each in self.products.items() if not asked or each.sku.lower() in skus]
        told = [
            {"id": number, "sku": each.sku, "parent_id": each.parent, "stock_quantity": each.units}
            for number, each in found
        ]
        return told[: int(params["per_page"])]

    def _set(self, parent: int, update: dict[str, Any]) -> dict[str, Any]:
        product = self.products.get(update["id"])
        if product is None or product.parent != parent:
            sort = "product_variation" if parent else "product"
            code = f"woocommerce_rest_{sort}_invalid_id"
            return {"id": update["id"], "error": {"code": code, "message": "Invalid ID.", "data": {"status": 400}}}
        if update["stock_quantity"] > 1000:
            error = {"code": "rest_invalid_param", "message": "Too much.", "data": {"status": 400}}
            return {"id": update["id"], "error": error}
        assert update["manage_stock"] is True
        product.units = update["stock_quantity"]
        return {"id": update["id"], "sku": product.sku, "manage_stock": True, "stock_quantity": product.units}

    def _ordered(self, params: httpx.QueryParams) -> list[dict[str, Any]]:
        assert (params["orderby"], params["order"], params["dates_are_gmt"]) == ("modified", "asc", "true")
        exclude = {int(number) for number in params["exclude"].split(",") if number}
        due = [
            (order.changed, number)
            for number, order in self.orders.items()
            if order.changed > params["modified_after"] and number not in exclude
        ]
        return [self._order(number) for _, number in sorted(due)[: int(params["per_page"])]]

    def _order(self, number: int) -> dict[str, Any]:
        order = self.orders[number]
        return {
            "id": number,
            "status": order.status,
            "date_created_gmt": "2026-11-22T09:59:00",
            "date_modified_gmt": order.changed,
            "line_items": [{"id": 1, "sku": sku, "quantity": units} for sku, units in order.lines],
        }
