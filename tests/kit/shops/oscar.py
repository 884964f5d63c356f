"""A django-oscar store with the admin API of oscarapi 3.3: stock records, products, orders and their lines."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.kit.shops.fake import ADDRESS, Fake, body

USER, PASSWORD = "staff", "pa55word"


@dataclass
class Record:
    """A stock record."""

    sku: str
    in_stock: int | None
    allocated: int | None = None
    partner: int = 1


@dataclass
class Order:
    """An order and its lines: numbers of stock records and units."""

    lines: list[tuple[int, int]]
    status: str = "Pending"


@dataclass
class Books:
    """What the store has, by number."""

    records: dict[int, Record] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)


class FakeOscar(Fake):
    """Pages its lists by `page_size`, if it has one."""

    def __init__(self, page_size: int = 0) -> None:
        """Nothing in it."""
        super().__init__()
        self.books = Books()
        self.page_size = page_size
        self.between: list[int] = []
        """Numbers of records of which a unit is sold right before the next writes, one each."""
        self.shipped: list[int] = []
        """Numbers of records of which a unit goes out right before the next writes, one each."""

    def stock(self, sku: str, in_stock: int, allocated: int | None = None, partner: int = 1) -> int:
        """Add a product with one stock record."""
        number = len(self.books.records) + 1
        self.books.records[number] = Record(sku, in_stock, allocated, partner)
        return number

    def offered(self, number: int) -> int:
        """What its customers see."""
        record = self.books.records[number]
        return (record.in_stock or 0) - (record.allocated or 0)

    def sell(self, number: int, units: int = 1) -> int:
        """A customer buys."""
        record = self.books.records[number]
        record.allocated = (record.allocated or 0) + units
        order = len(self.books.orders) + 1
        self.books.orders[order] = Order([(number, units)])
        return order

    def ship(self, number: int, units: int = 1) -> None:
        """Units that were allocated go out."""
        record = self.books.records[number]
        record.allocated = (record.allocated or 0) - units
        record.in_stock = (record.in_stock or 0) - units

    def answer(self, request: httpx.Request) -> httpx.Response:
        """The routes of oscarapi."""
        told = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {told}":
            return httpx.Response(401, json={"detail": "Authentication credentials were not provided."})
        path = request.url.path
        if path == "/admin/products/":
            return self._listed(request, [self._product(number) for number in self.books.records])
        if path == "/admin/orders/":
            return self._listed(request, [self._order(number) for number in sorted(self.books.orders, reverse=True)])
        if (found := re.fullmatch(r"/admin/orders/(\d+)/lines/", path)) and int(found[1]) in self.books.orders:
            return self._listed(request, [_line(*line) for line in self.books.orders[int(found[1])].lines])
        if (found := re.fullmatch(r"/admin/stockrecords/(\d+)/", path)) and int(found[1]) in self.books.records:
            return self._record(request, int(found[1]))
        return httpx.Response(404, json={"detail": "Not found."})

    def _record(self, request: httpx.Request, number: int) -> httpx.Response:
        if request.method == "PATCH":
            if self.between:
                self.sell(self.between.pop(0))
            if self.shipped:
                self.ship(self.shipped.pop(0))
            written = body(request)["num_in_stock"]
            if written < 0:
                return httpx.Response(400, json={"num_in_stock": ["Ensure this value is greater than or equal to 0."]})
            self.books.records[number].in_stock = written
        return httpx.Response(200, json=self._stock_record(number))

    def _stock_record(self, number: int) -> dict[str, Any]:
        record = self.books.records[number]
        return {
            "url": f"{ADDRESS}/admin/stockrecords/{number}/",
            "product": number,
            "partner_sku": record.sku,
            "price_currency": "EUR",
            "price": "10.00",
            "num_in_stock": record.in_stock,
            "num_allocated": record.allocated,
            "low_stock_threshold": None,
            "partner": f"{ADDRESS}/admin/partners/{record.partner}/",
        }

    def _product(self, number: int) -> dict[str, Any]:
        return {
            "url": f"{ADDRESS}/admin/products/{number}/",
            "title": self.books.records[number].sku,
            "stockrecords": [self._stock_record(number)],
        }

    def _order(self, number: int) -> dict[str, Any]:
        return {
            "number": str(100_000 + number),
            "url": f"{ADDRESS}/admin/orders/{number}/",
            "lines": f"{ADDRESS}/admin/orders/{number}/lines/",
            "status": self.books.orders[number].status,
            "date_placed": "2026-11-22T10:00:00.000001Z",
        }

    def _listed(self, request: httpx.Request, listed: list[Any]) -> httpx.Response:
        if not self.page_size:
            return httpx.Response(200, json=listed)
        page = int(request.url.params.get("page", "1"))
        first = (page - 1) * self.page_size
        after = f"{ADDRESS}{request.url.path}?page={page + 1}" if first + self.page_size < len(listed) else None
        results = listed[first : first + self.page_size]
        return httpx.Response(200, json={"count": len(listed), "next": after, "previous": None, "results": results})


def _line(number: int, units: int) -> dict[str, Any]:
    return {
        "url": f"{ADDRESS}/admin/orderlines/{number}/",
        "product": f"{ADDRESS}/products/{number}/",
        "stockrecord": f"{ADDRESS}/products/{number}/stockrecords/{number}/",
        "quantity": units,
    }
