"""A Shopify store as its public documentation has it (GraphQL Admin API 2026-10): what sync asks of it, nothing else.

Quantities are set all or none, each with what it is changed from, under an idempotency key; requests are paid from a
bucket of points, and an empty one is told with HTTP 200.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import httpx

from tests.kit.shops.fake import Fake, body

TOKEN = "shpat_0123456789abcdef"
LOCATION = "gid://shopify/Location/7"


@dataclass
class Order:
    """An order: SKUs (None: none) and units, and when it changed, in seconds of a minute."""

    number: int
    lines: list[tuple[str | None, int]]
    second: int
    cancelled: bool = False

    @property
    def changed(self) -> str:
        """As the API tells it."""
        return f"2026-11-22T10:00:{self.second:02}Z"


@dataclass
class Item:
    """An inventory item, and what is available; None: it is not stocked at the location."""

    sku: str
    available: int | None


@dataclass
class Bucket:
    """Points that requests are paid from."""

    points: float = 1000
    restore_rate: float = 50
    cost: float = 10


class FakeShopify(Fake):
    """Items by number."""

    def __init__(self, **available: int | None) -> None:
        """Items by SKU."""
        super().__init__()
        self.items = {number: Item(sku, units) for number, (sku, units) in enumerate(available.items(), 1)}
        self.orders: list[Order] = []
        self.bucket = Bucket()
        self.answered: dict[str, dict[str, Any]] = {}
        """By idempotency key."""
        self.questions: list[str] = []
        self.errors: list[str] = []
        """Codes that the next requests are answered with."""
        self.active = True

    def available(self, sku: str) -> int | None:
        """What its customers see of the one item that bears the SKU."""
        (item,) = [item for item in self.items.values() if item.sku == sku]
        return item.available

    def sell(self, sku: str, units: int = 1) -> None:
        """A customer buys."""
        for item in self.items.values():
            if item.sku == sku and item.available is not None:
                item.available -= units

    def answer(self, request: httpx.Request) -> httpx.Response:
        """GraphQL, by the name of the operation."""
        if request.headers.get("x-shopify-access-token") != TOKEN:
            return httpx.Response(401, json={"errors": "[API] Invalid API key or access token"})
        if re.fullmatch(r"/admin/api/20\d\d-\d\d/graphql.json", request.url.path) is None:
            return httpx.Response(404, json={"errors": "Not Found"})
        question = body(request)
        found = re.match(r"(?:query|mutation) (\w+)", question["query"])
        assert found is not None
        self.questions.append(found[1])
        cost = {
            "requestedQueryCost": self.bucket.cost,
            "throttleStatus": {
                "maximumAvailable": 1000.0,
                "currentlyAvailable": self.bucket.points,
                "restoreRate": self.bucket.restore_rate,
            },
        }
        if self.bucket.points < self.bucket.cost:
            return _failed("THROTTLED", {"cost": cost})
        self.bucket.points -= self.bucket.cost
        if self.errors:
            return _failed(self.errors.pop(0), {"cost": cost})
        data = getattr(self, f"_{found[1].lower()}")(question["query"], question["variables"])
        return httpx.Response(200, json={"data": data, "extensions": {"cost": cost}})

    def _describe(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        return {"nodes": [{"isActive": self.active} if variables["location"] == LOCATION else None]}

    def _items(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The search is by words: it finds also what only begins alike."""
        asked = [sku.replace('\\"', '"').lower() for sku in re.findall(r'sku:"((?:[^"\\]|\\.)*)"', variables["query"])]
        nodes = [
            {"id": _item(number), "sku": item.sku}
            for number, item in self.items.items()
            if any(item.sku.lower().startswith(sku) for sku in asked)
        ]
        return {"inventoryItems": _page(nodes, variables)}

    def _set(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        assert "@idempotent(key: $key)" in query
        given = variables["input"]
        assert (given["name"], given["reason"]) == ("available", "correction")
        assert 0 < len(given["quantities"]) <= 250
        if variables["key"] in self.answered:
            return self.answered[variables["key"]]
        errors = [
            {"code": code, "field": ["input", "quantities", str(index), "quantity"], "message": "It does not do."}
            for index, quantity in enumerate(given["quantities"])
            if (code := self._fault(quantity))
        ]
        for quantity in given["quantities"] if not errors else ():
            self.items[_number(quantity["inventoryItemId"])].available = quantity["quantity"]
        group = None if errors else {"id": "gid://shopify/InventoryAdjustmentGroup/1"}
        told = {"inventorySetQuantities": {"inventoryAdjustmentGroup": group, "userErrors": errors}}
        self.answered[variables["key"]] = told
        return told

    def _fault(self, quantity: dict[str, Any]) -> str:
        item = self.items.get(_number(quantity["inventoryItemId"]))
        if item is None:
            return "INVALID_INVENTORY_ITEM"
        if quantity["locationId"] != LOCATION:
            return "INVALID_LOCATION"
        if item.available is None:
            return "ITEM_NOT_STOCKED_AT_LOCATION"
        if quantity["changeFromQuantity"] is not None and quantity["changeFromQuantity"] != item.available:
            return "CHANGE_FROM_QUANTITY_STALE"
        return ""

    def _shown(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        nodes: list[dict[str, Any] | None] = []
        for told in variables["ids"]:
            item = self.items.get(_number(told))
            level = None if item is None or item.available is None else {"quantities": [{"quantity": item.available}]}
            nodes.append(None if item is None else {"id": told, "inventoryLevel": level})
        return {"nodes": nodes}

    def _orders(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        assert "sortKey: UPDATED_AT" in query
        found = re.fullmatch(r"updated_at:>='(.+)'", variables["query"])
        assert found is not None
        since = found[1].replace("+00:00", "Z")
        due = sorted(
            (each for each in self.orders if each.changed >= since), key=lambda each: (each.second, each.number)
        )
        page = _page([{"order": order} for order in due], variables)
        page["nodes"] = [self._order(node["order"], variables["lines"]) for node in page["nodes"]]
        return {"orders": page}

    def _order(self, order: Order, lines: int) -> dict[str, Any]:
        return {
            "id": f"gid://shopify/Order/{order.number}",
            "createdAt": "2026-11-22T09:59:00Z",
            "updatedAt": order.changed,
            "cancelledAt": order.changed if order.cancelled else None,
            "lineItems": _page(_lines(order), {"first": lines}),
        }

    def _lines(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        (order,) = [each for each in self.orders if f"gid://shopify/Order/{each.number}" == variables["order"]]
        return {"order": {"lineItems": _page(_lines(order), variables)}}


def _lines(order: Order) -> list[dict[str, Any]]:
    return [{"sku": sku, "quantity": units} for sku, units in order.lines]


def _page(nodes: list[dict[str, Any]], variables: dict[str, Any]) -> dict[str, Any]:
    """Part of a list; a cursor is where it ends."""
    first = int(variables.get("after") or 0)
    end = first + variables["first"]
    return {"nodes": nodes[first:end], "pageInfo": {"hasNextPage": end < len(nodes), "endCursor": str(end)}}


def _item(number: int) -> str:
    return f"gid://shopify/InventoryItem/{number}"


def _number(told: str) -> int:
    return int(told.rpartition("/")[2])


def _failed(code: str, extensions: dict[str, Any]) -> httpx.Response:
    error = {"message": "No.", "extensions": {"code": code, "documentation": "https://shopify.dev/api"}}
    return httpx.Response(200, json={"errors": [error], "extensions": extensions})
