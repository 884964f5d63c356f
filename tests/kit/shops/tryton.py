"""A Tryton ERP that is played: its JSON-RPC as far as a connector uses it, from the code of the real one.

tests/peers holds the connector to the real one.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import httpx

from tests.kit.shops.fake import Fake

USER, PASSWORD, DATABASE = "sync", "secret", "wms"
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda one, two: one == two,
    ">": lambda one, two: one > two,
    ">=": lambda one, two: one is not None and one >= two,
}


@dataclass
class Record:
    """A record of a model."""

    id: int
    values: dict[str, Any] = field(default_factory=dict)


class Tryton(Fake):
    """An ERP with one company; quantities are by storage location and product."""

    def __init__(self) -> None:
        """Nothing is in it."""
        super().__init__()
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.models: dict[str, list[Record]] = {"stock.location": [], "product.product": [], "stock.move": []}
        self.quantities: dict[tuple[int, int], float] = {}
        self.logged_in = 0

    def add(self, model: str, **values: Any) -> int:
        """A record, by its number."""
        records = self.models[model]
        records.append(Record(len(records) + 1, {"create_date": self.now, "write_date": None, **values}))
        return len(records)

    def warehouse(self, code: str | None, name: str = "") -> int:
        """A warehouse, by the number of its storage location."""
        storage = self.add("stock.location", type="storage", code=code, name=name)
        self.add("stock.location", type="warehouse", code=code, name=name, storage_location=storage)
        return storage

    def product(self, code: str | None, kind: str = "goods") -> int:
        """A product."""
        return self.add("product.product", code=code, type=kind)

    def moves(self, storage: int, product: int, quantity: float) -> None:
        """So much lies there now."""
        self.quantities[storage, product] = quantity
        self.add("stock.move", product=product)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != f"/{DATABASE}/rpc/":
            return httpx.Response(404)
        asked = json.loads(request.content)
        method, params = asked["method"], asked["params"]
        if method == "common.db.login":
            return self._told(self._login(*params))
        session = base64.b64encode(f"{USER}:7:T{self.logged_in}".encode()).decode()
        if request.headers.get("authorization") != f"Session {session}":
            return httpx.Response(401)
        if method == "model.res.user.get_preferences":
            return self._told({"company": 3, "language": "en"})
        _, *model, verb = method.split(".")
        if verb not in ("search_read", "read") or ".".join(model) not in self.models:
            return self._told(None, error=["UserError", ["no such method", ""]])
        assert params[-1]["company"] == 3
        return self._told(getattr(self, f"_{verb}")(".".join(model), *params))

    def _told(self, result: Any, error: Any = None) -> httpx.Response:
        told = {"id": 1, "error": error} if error else {"id": 1, "result": result}
        return httpx.Response(200, json=told, headers={"date": format_datetime(self.now, usegmt=True)})

    def _login(self, user: str, given: dict[str, str], language: str) -> Any:
        if (user, given.get("password"), language) != (USER, PASSWORD, "en"):
            return None
        self.logged_in += 1
        return [7, f"T{self.logged_in}", None]

    def _search_read(
        self, model: str, domain: Any, offset: int, limit: int | None, order: Any, fields: Sequence[str], context: Any
    ) -> list[dict[str, Any]]:
        assert order in (None, [["id", "ASC"]])
        found = [each for each in self.models[model] if _fits(each, domain)]
        return [self._shown(each, fields, context) for each in found[offset:][:limit]]

    def _read(self, model: str, numbers: Sequence[int], fields: Sequence[str], context: Any) -> list[dict[str, Any]]:
        by_number = {each.id: each for each in self.models[model]}
        return [self._shown(by_number[number], fields, context) for number in numbers]

    def _shown(self, record: Record, fields: Sequence[str], context: Any) -> dict[str, Any]:
        shown = {name: record.values.get(name) for name in fields if name != "quantity"}
        if "quantity" in fields:
            shown["quantity"] = sum(self.quantities.get((each, record.id), 0.0) for each in context["locations"])
        return {**shown, "id": record.id}


def _fits(record: Record, domain: Any) -> bool:
    if not domain:
        return True
    if domain[0] in ("AND", "OR") or isinstance(domain[0], list):
        joined = any if domain[0] == "OR" else all
        return joined(_fits(record, each) for each in domain if each not in ("AND", "OR"))
    name, operator, value = domain
    if isinstance(value, dict):
        value = datetime(**{name: part for name, part in value.items() if name != "__class__"}, tzinfo=UTC)
    return _OPERATORS[operator](record.id if name == "id" else record.values.get(name), value)
