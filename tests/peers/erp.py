"""A Tryton ERP, as any other program uses it: over JSON-RPC, and in no other way."""

from __future__ import annotations

import base64
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from tests.peers.running import running
from tools.peers import PASSWORD, PEERS, SOURCES, tryton

DATABASE, USER = "wms", "admin"
WAREHOUSE = "WH"
"""Code of the warehouse that comes with the module."""
WAIT_SECONDS = 60.0


@dataclass(slots=True)
class Erp:
    """An ERP with one company and one warehouse."""

    url: str
    client: httpx.AsyncClient
    context: dict[str, Any] = field(default_factory=dict)
    storage: int = 0
    """Where goods lie in the warehouse."""

    async def call(self, method: str, *params: Any) -> Any:
        """What a method answers; a refusal fails the test with the ERP's words."""
        asked = {"id": 1, "method": method, "params": list(params)}
        response = await self.client.post(f"/{DATABASE}/rpc/", json=asked)
        assert response.is_success, f"{method}: {response.status_code} {response.text}"
        answer = response.json()
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer.get("result")

    async def product(self, code: str) -> int:
        """Put a product into the ERP, and say by which number it goes there."""
        made = {
            "name": code, "type": "goods", "default_uom": 1, "cost_price_method": "fixed",
            "products": [["create", [{"suffix_code": code}]]],
        }  # fmt: skip
        await self.call("model.product.template.create", [made], self.context)
        found = [["code", "=", code]]
        (number,) = await self.call("model.product.product.search", found, 0, None, None, self.context)
        return int(number)

    async def count(self, quantities: Mapping[int, int]) -> None:
        """Somebody counts products in the warehouse, and the ERP has it so from now on."""
        lines = [{"product": product, "quantity": units} for product, units in quantities.items()]
        today = datetime.now(UTC).date()
        day = {"__class__": "date", "year": today.year, "month": today.month, "day": today.day}
        made = {"location": self.storage, "date": day, "lines": [["create", lines]]}
        inventory = await self.call("model.stock.inventory.create", [made], self.context)
        await self.call("model.stock.inventory.confirm", inventory, self.context)


@asynccontextmanager
async def erp(folder: Path) -> AsyncIterator[Erp]:
    """An ERP without products, for the block; its database lies in `folder`."""
    shutil.copy(PEERS / "tryton" / "wms.sqlite", folder)
    program = PEERS / "tryton" / "venv" / "bin" / "trytond"
    words: list[str | Path] = ["-c", SOURCES / "tryton.conf", "-d", DATABASE, "-v"]
    async with (
        running(program, *words, log=folder / "erp.log", cwd=folder, **tryton(folder)) as url,
        httpx.AsyncClient(base_url=url, timeout=WAIT_SECONDS) as client,
    ):
        made = Erp(url, client)
        await _found(made)
        yield made


async def _found(erp: Erp) -> None:
    """Log in, and found a company that the warehouse belongs to."""
    user, token, *_ = await erp.call("common.db.login", USER, {"password": PASSWORD}, "en")
    session = base64.b64encode(f"{USER}:{user}:{token}".encode()).decode()
    erp.client.headers["Authorization"] = f"Session {session}"
    euro = {"name": "Euro", "symbol": "€", "code": "EUR", "numeric_code": "978", "digits": 2}
    euro["rounding"] = {"__class__": "Decimal", "decimal": "0.01"}
    (currency,) = await erp.call("model.currency.currency.create", [euro], {})
    (party,) = await erp.call("model.party.party.create", [{"name": "Warehouse Ltd"}], {})
    (company,) = await erp.call("model.company.company.create", [{"party": party, "currency": currency}], {})
    await erp.call("model.res.user.write", [user], {"companies": [["add", [company]]], "company": company}, {})
    erp.context["company"] = company
    found = [["type", "=", "warehouse"], ["code", "=", WAREHOUSE]]
    read = ("model.stock.location.search_read", found, 0, None, None, ["storage_location"], erp.context)
    (warehouse,) = await erp.call(*read)
    erp.storage = warehouse["storage_location"]
