"""A Medusa store as its admin API has it (version 2): inventory items, their levels at locations, and orders."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import httpx

from tests.kit.shops.fake import Fake, body

API_KEY = "sk_0123456789abcdef"
LOCATION = "sloc_1"


@dataclass
class Item:
    """An inventory item, and what is stocked and reserved at its location."""

    sku: str
    stocked: int
    reserved: int = 0
    location: str = LOCATION


@dataclass
class Order:
    """An order: SKUs and units; when it changed, in milliseconds of a second."""

    lines: list[tuple[str | None, int]]
    millisecond: int
    status: str = "pending"

    @property
    def changed(self) -> str:
        """As the API tells it."""
        return f"2026-11-22T10:00:00.{self.millisecond:03}Z"


class FakeMedusa(Fake):
    """Items and orders by identifier."""

    def __init__(self) -> None:
        """Nothing in it."""
        super().__init__()
        self.items: dict[str, Item] = {}
        self.orders: dict[str, Order] = {}
        self.between: list[str] = []
        """Items of which a unit is sold right before the next writes, one each."""
        self.shipped: list[str] = []
        """Items of which a unit goes out right before the next writes, one each."""
        self.gone: list[str] = []
        """Items that are removed right before the next writes, one each."""

    def stock(self, sku: str, stocked: int, reserved: int = 0, location: str = LOCATION) -> str:
        """Add an inventory item."""
        name = f"iitem_{len(self.items) + 1}"
        self.items[name] = Item(sku, stocked, reserved, location)
        return name

    def offered(self, name: str) -> int:
        """What its customers see."""
        return self.items[name].stocked - self.items[name].reserved

    def answer(self, request: httpx.Request) -> httpx.Response:
        """The routes of the admin API."""
        told = base64.b64encode(f"{API_KEY}:".encode()).decode()
        if request.headers.get("authorization") != f"Basic {told}":
            return httpx.Response(401, json={"message": "Unauthorized"})
        match request.url.path:
            case "/admin/stock-locations/sloc_1":
                return httpx.Response(200, json={"stock_location": {"id": LOCATION}})
            case "/admin/inventory-items":
                return httpx.Response(200, json=self._listed(request.url.params))
            case "/admin/inventory-items/location-levels/batch":
                return self._batch(body(request)["update"])
            case "/admin/orders":
                return httpx.Response(200, json=self._ordered(request.url.params))
            case _:
                return httpx.Response(404, json={"type": "not_found", "message": "not found"})

    def _listed(self, params: httpx.QueryParams) -> dict[str, Any]:
        skus = params.get_list("sku[]")
        items = [
            {"id": name, "sku": item.sku, "location_levels": [self._level(name)]}
            for name, item in self.items.items()
            if item.sku in skus
        ]
        limit = int(params["limit"])
        return {"inventory_items": items[:limit], "count": len(items), "offset": 0, "limit": limit}

    def _batch(self, update: list[dict[str, Any]]) -> httpx.Response:
        """All of them, or none."""
        for name in self.between[:1]:
            self.items[name].reserved += 1
        for name in self.shipped[:1]:
            self.items[name].reserved -= 1
            self.items[name].stocked -= 1
        for name in self.gone[:1]:
            del self.items[name]
        del self.between[:1], self.shipped[:1], self.gone[:1]
        if any(each["inventory_item_id"] not in self.items for each in update):
            return httpx.Response(404, json={"type": "not_found", "message": "Item not found"})
        for each in update:
            assert each["location_id"] == LOCATION
            self.items[each["inventory_item_id"]].stocked = each["stocked_quantity"]
        updated = [self._level(each["inventory_item_id"]) for each in update]
        return httpx.Response(200, json={"created": [], "updated": updated, "deleted": []})

    def _level(self, name: str) -> dict[str, Any]:
        item = self.items[name]
        return {
            "id": f"ilev_{name}",
            "inventory_item_id": name,
            "location_id": item.location,
            "stocked_quantity": item.stocked,
            "reserved_quantity": item.reserved,
            "available_quantity": item.stocked - item.reserved,
        }

    def _ordered(self, params: httpx.QueryParams) -> dict[str, Any]:
        assert params["order"] == "updated_at"
        due = sorted(
            (order.changed, name) for name, order in self.orders.items() if order.changed >= params["updated_at[$gte]"]
        )
        limit = int(params["limit"])
        orders = [self._order(name) for _, name in due[:limit]]
        return {"orders": orders, "count": len(due), "offset": 0, "limit": limit}

    def _order(self, name: str) -> dict[str, Any]:
        order = self.orders[name]
        return {
            "id": name,
            "status": order.status,
            "created_at": "2026-11-22T09:59:00.000Z",
            "updated_at": order.changed,
            "canceled_at": order.changed if order.status == "canceled" else None,
            "items": [{"id": "ordli_1", "variant_sku": sku, "quantity": units} for sku, units in order.lines],
        }
