"""A WooCommerce store: its REST API, version 3.

Quantities are set absolutely, of products and of the variations of each by themselves; the store compares nothing, so
what it shows is read shortly before. Stock of an order is taken off once it is paid or on hold, so that is when it is
told; one that is only pending is none yet.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from weir_chassis.settings import integer, text
from weir_sync import http
from weir_sync.connectors.asking import ANSWER_SECONDS_MAX, Asker, Units, moment, only_asked
from weir_sync.connectors.cursors import Now, instant, mark, moved, sold, utc_now
from weir_sync.connectors.making import Reach
from weir_sync.connectors.port import (
    Abilities,
    Level,
    LevelOutcome,
    OrderPage,
    Outcome,
    ShownLevel,
    SoldOrder,
)
from weir_sync.connectors.settings import secret, setting
from weir_sync.connectors.telling import in_parts, said
from weir_sync.urls import WebAddress, web_address

BASE = "wp-json/wc/v3"
PAGE_MAX = 100
SKUS_PER_QUESTION = 50
QUESTION_LENGTH_MAX = 4000
KNOWN_MAX = 100_000

NOT_YET = frozenset({"pending", "checkout-draft", "auto-draft"})
CANCELLED = frozenset({"cancelled", "failed", "refunded", "trash"})
_GONE = ("woocommerce_rest_product_invalid_id", "woocommerce_rest_product_variation_invalid_id")


@dataclass(frozen=True)
class WooCommerceSettings:
    """How the store is reached."""

    address: WebAddress = setting("Address of the site, as in `https://shop.example`.", web_address)
    orders_since: datetime | None = setting(
        "Orders from this moment on are taken in. Default: the first time.", instant, None
    )
    batch_max: int = setting("Levels at a time: 1 to 100. Default: 50.", integer(1, 100), 50)
    requests_per_second: int = setting("Batches a second: 1 to 100. Default: 2.", integer(1, 100), 2)
    consumer_key: str = secret("Consumer key of the REST API, which may read and write.")
    consumer_secret: str = secret("Consumer secret that belongs to it.")
    webhook_secret: str = secret("Secret of the store's webhooks. Default: none are taken in.", text, "")


class _Product(msgspec.Struct):
    id: int
    sku: str = ""
    parent_id: int = 0
    stock_quantity: Units | None = None


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Updated(msgspec.Struct):
    id: int
    stock_quantity: Units | None = None
    error: _Error | None = None


class _Batch(msgspec.Struct):
    update: list[_Updated] = []


class _Line(msgspec.Struct):
    quantity: Units
    sku: str | None = None


class _Order(msgspec.Struct):
    id: int
    status: str
    date_modified_gmt: str
    date_created_gmt: str | None = None
    line_items: list[_Line] = []


class _Place(NamedTuple):
    """A product, or a variation of one."""

    id: int
    parent: int


class WooCommerceStore:
    """A `StoreConnector`; see the module."""

    def __init__(self, settings: WooCommerceSettings, asker: Asker, now: Now = utc_now) -> None:
        """Asks when it is asked."""
        self._settings = settings
        self._asker = asker
        self._now = now
        self._places: dict[str, list[_Place]] = {}

    async def describe(self) -> Abilities:
        await self._asker.answer(list[_Product], "GET", f"{BASE}/products", params={"per_page": 1, "_fields": "id"})
        return Abilities(
            "WooCommerce",
            batch_max=self._settings.batch_max,
            requests_per_second=self._settings.requests_per_second,
            burst=self._settings.requests_per_second,
            reads_back=True,
        )

    async def apply(self, levels: Sequence[Level]) -> Sequence[LevelOutcome]:
        places = {level.store_sku: self._places.get(level.store_sku, []) for level in levels}
        with only_asked():
            places.update((await self._look_up([sku for sku, known in places.items() if not known]))[0])
        decided: list[LevelOutcome] = []
        parts: dict[int, list[Level]] = {}
        for level in levels:
            found = places[level.store_sku]
            if len(found) == 1:
                parts.setdefault(found[0].parent, []).append(level)
            else:
                decided.append(_unfound(level.store_sku, len(found)))
        one = {sku: found[0] for sku, found in places.items() if len(found) == 1}
        return await in_parts(levels, list(parts.values()), lambda part: self._set(part, one), decided)

    async def read(self, store_skus: Sequence[str]) -> Sequence[ShownLevel]:
        places, shown = await self._look_up(store_skus)
        return [ShownLevel(sku, shown[sku] if len(places.get(sku, [])) == 1 else None) for sku in store_skus]

    async def orders(self, cursor: str, *, limit: int) -> OrderPage:
        former = mark(cursor, self._settings.orders_since, self._now())
        page_size = min(limit, PAGE_MAX)
        listed = await self._asker.answer(
            list[_Order],
            "GET",
            f"{BASE}/orders",
            params={
                # The store leaves out the very moment, and knows no part of a second.
                "modified_after": f"{former.since - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}",
                "dates_are_gmt": "true",
                "orderby": "modified",
                "order": "asc",
                "per_page": page_size,
                "exclude": ",".join(former.seen),
                "_fields": "id,status,date_created_gmt,date_modified_gmt,line_items",
            },
        )
        orders, changed = [], []
        for order in listed:
            changed.append((str(order.id), moment(order.date_modified_gmt) or former.since))
            lines = sold((line.sku, line.quantity) for line in order.line_items)
            if lines and order.status not in NOT_YET:
                placed_at, cancelled = moment(order.date_created_gmt), order.status in CANCELLED
                orders.append(SoldOrder(str(order.id), lines, placed_at, cancelled))
        more = len(listed) >= page_size
        return OrderPage(orders, moved(former, changed, more=more, now=self._now()).text, more)

    async def close(self) -> None:
        await self._asker.close()

    async def _set(self, levels: Sequence[Level], places: Mapping[str, _Place]) -> list[LevelOutcome]:
        """Set quantities of products, or of variations of one product."""
        parent = places[levels[0].store_sku].parent
        path = f"{BASE}/products/{parent}/variations/batch" if parent else f"{BASE}/products/batch"
        update = [
            {"id": places[level.store_sku].id, "manage_stock": True, "stock_quantity": level.quantity}
            for level in levels
        ]
        answer = await self._asker.answer(_Batch, "POST", path, json={"update": update})
        told = {each.id: each for each in answer.update}
        return [self._outcome(level, told.get(places[level.store_sku].id)) for level in levels]

    def _outcome(self, level: Level, told: _Updated | None) -> LevelOutcome:
        sku = level.store_sku
        if told is None:
            return LevelOutcome(sku, Outcome.IN_DOUBT, None, "The store told no outcome.")
        if told.error is None:
            shown = None if told.stock_quantity is None else math.floor(told.stock_quantity)
            return LevelOutcome(sku, Outcome.APPLIED, shown)
        if told.error.code in _GONE:
            self._places.pop(sku, None)
            return LevelOutcome(sku, Outcome.RETRY, None, "Its product is gone; it is looked for again.")
        return LevelOutcome(sku, Outcome.REFUSED, None, said(f"{told.error.code}: {told.error.message}"))

    async def _look_up(self, skus: Sequence[str]) -> tuple[dict[str, list[_Place]], dict[str, int]]:
        """Where products and variations are that the store has, by SKU, and what they show; it finds SKUs in any case
        of letters.
        """
        shown: dict[str, int] = {}
        found: dict[str, list[_Place]] = {}
        for asked in _questions(skus):
            params = {"sku": ",".join(asked), "per_page": PAGE_MAX, "_fields": "id,sku,parent_id,stock_quantity"}
            for product in await self._asker.answer(list[_Product], "GET", f"{BASE}/products", params=params):
                if product.sku in asked:
                    found.setdefault(product.sku, []).append(_Place(product.id, product.parent_id))
                    # One whose stock is not managed shows no quantity; the first level makes it managed.
                    shown[product.sku] = math.floor(product.stock_quantity or 0)
        if len(self._places) > KNOWN_MAX:
            self._places.clear()
        self._places.update((sku, places) for sku, places in found.items() if len(places) == 1)
        return found, shown


def woocommerce(settings: WooCommerceSettings, reach: Reach) -> WooCommerceStore:
    """A store as the settings have it."""
    client = http.client(reach.guard, settings.address, seconds_max=ANSWER_SECONDS_MAX)
    return WooCommerceStore(settings, Asker(client, auth=(settings.consumer_key, settings.consumer_secret)))


def _questions(skus: Sequence[str]) -> Iterator[list[str]]:
    """SKUs that are asked for together: those with a comma alone, the others as far as an address may be long."""
    together: list[str] = []
    for sku in skus:
        if "," in sku:
            yield [sku]
            continue
        if len(together) == SKUS_PER_QUESTION or sum(map(len, together)) + len(sku) > QUESTION_LENGTH_MAX:
            yield together
            together = []
        together.append(sku)
    if together:
        yield together


def _unfound(sku: str, count: int) -> LevelOutcome:
    if not count:
        return LevelOutcome(sku, Outcome.UNKNOWN_SKU)
    return LevelOutcome(sku, Outcome.REFUSED, None, f"{count} products bear this SKU.")
