"""A django-oscar shop, as its customers and its clerks use it: over HTTP, and in no other way."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.peers.running import running
from tools.peers import PASSWORD, PEERS, SOURCES, oscar

USER = "weir"
WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop that is open; `url` is where its interface begins."""

    url: str
    clerk: httpx.AsyncClient
    """Who may do everything."""

    async def product(self, sku: str, *, stock: int = 0) -> int:
        """Put a product into the shop, and say by which number it goes there."""
        record = {
            "partner_sku": sku,
            "partner": f"{self.url}/admin/partners/1/",
            "price_currency": "EUR",
            "price": "10.00",
            "num_in_stock": stock,
        }
        made = {
            "product_class": "goods", "structure": "standalone", "upc": sku, "title": sku, "slug": sku.lower(),
            "stockrecords": [record],
        }  # fmt: skip
        number: int = told(await self.clerk.post("/admin/products/", json=made))["id"]
        return number

    async def available(self, product: int) -> int:
        """Units that any visitor of the shop is shown."""
        async with self.visitor() as visitor:
            return int(told(await visitor.get(f"/products/{product}/availability/"))["num_available"] or 0)

    async def allocated(self, product: int) -> int:
        """Units of orders that the shop has taken."""
        (record,) = told(await self.clerk.get(f"/products/{product}/stockrecords/"))
        return int(record["num_allocated"] or 0)

    async def sell(self, product: int, units: int) -> str:
        """A guest puts units into a basket and buys them: the number of the order."""
        async with self.visitor() as guest:
            line = {"url": f"{self.url}/products/{product}/", "quantity": units}
            basket = told(await guest.post("/basket/add-product/", json=line))["url"]
            address = {
                "country": f"{self.url}/countries/DE/", "first_name": "A", "last_name": "Guest", "line1": "Weg 1",
                "line4": "Berlin", "postcode": "10115",
            }  # fmt: skip
            order = {"basket": basket, "guest_email": "guest@example.com", "shipping_address": address}
            number: str = told(await guest.post("/checkout/", json=order))["number"]
            return number

    @asynccontextmanager
    async def visitor(self) -> AsyncIterator[httpx.AsyncClient]:
        """Somebody whom the shop does not know."""
        async with httpx.AsyncClient(base_url=self.url, timeout=WAIT_SECONDS) as client:
            yield client


@asynccontextmanager
async def shop(folder: Path) -> AsyncIterator[Shop]:
    """A shop that sells nothing yet, for the block; its database lies in `folder`."""
    database = Path(shutil.copy(PEERS / "oscar" / "shop.sqlite", folder))
    python = PEERS / "oscar" / "venv" / "bin" / "python"
    started = running(
        python, "serve.py", log=folder / "shop.log", cwd=SOURCES / "oscar", PYTHONPATH="", **oscar(database)
    )
    async with started as address:
        url = f"{address}/api"
        async with httpx.AsyncClient(base_url=url, auth=(USER, PASSWORD), timeout=WAIT_SECONDS) as clerk:
            yield Shop(url, clerk)


def told(response: httpx.Response) -> Any:
    """What was answered; a refusal fails the test with the shop's words."""
    assert response.is_success, f"{response.request.method} {response.url}: {response.status_code} {response.text}"
    return response.json()
