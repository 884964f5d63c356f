"""A Medusa store, version 2: its admin API.

What it offers at a stock location is what is stocked there less what its orders reserved; that is stocked can be
written. So a level is written as what is reserved and the level on top of it, both as of one look: an order that comes
in after the look reserves more, and what is offered falls by it. What was expected is compared at the same look.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import httpx
import msgspec

from weir_chassis.settings import integer
from weir_sync import http
from weir_sync.connectors.asking import ANSWER_SECONDS_MAX, Asker, Units, moment, only_asked, read
from weir_sync.connectors.cursors import Now, instant, mark, moved, sold, utc_now
from weir_sync.connectors.making import Reach
from weir_sync.connectors.port import (
    Abilities,
    Away,
    ConnectorFailed,
    Denied,
    Level,
    LevelOutcome,
    OrderPage,
    Outcome,
    ShownLevel,
    SoldOrder,
)
from weir_sync.connectors.settings import secret, setting
from weir_sync.connectors.telling import Unreached
from weir_sync.urls import WebAddress, web_address

SKUS_PER_QUESTION = 25
LOOKS_MAX = 3
NOT_YET = frozenset({"draft"})


def _location(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_]{1,64}", value.strip()) is None:
        raise ValueError("Give the identifier of a stock location.")
    return value.strip()


@dataclass(frozen=True)
class MedusaSettings:
    """How the store is reached."""

    address: WebAddress = setting("Address of the server, as in `https://shop.example`.", web_address)
    location: str = setting("Identifier of the stock location whose levels are written, `sloc_...`.", _location)
    orders_since: datetime | None = setting(
        "Orders from this moment on are taken in. Default: the first time.", instant, None
    )
    batch_max: int = setting("Levels at a time: 1 to 250. Default: 100.", integer(1, 250), 100)
    requests_per_second: int = setting("Batches a second: 1 to 100. Default: 5.", integer(1, 100), 5)
    api_key: str = secret("Secret API key of the admin API.")


class _InventoryLevel(msgspec.Struct):
    location_id: str
    stocked_quantity: Units
    reserved_quantity: Units = 0
    inventory_item_id: str = ""

    @property
    def offered(self) -> int:
        return math.floor(self.stocked_quantity - self.reserved_quantity)


class _Item(msgspec.Struct):
    id: str
    sku: str | None = None
    location_levels: list[_InventoryLevel] = []


class _Items(msgspec.Struct):
    inventory_items: list[_Item]


class _Written(msgspec.Struct):
    updated: list[_InventoryLevel]


class _Line(msgspec.Struct):
    quantity: Units
    variant_sku: str | None = None


class _Order(msgspec.Struct):
    id: str
    status: str
    updated_at: str
    created_at: str | None = None
    canceled_at: str | None = None
    items: list[_Line] = []


class _Orders(msgspec.Struct):
    orders: list[_Order]


class _Located(msgspec.Struct):
    item: str
    level: _InventoryLevel


class MedusaStore:
    """A `StoreConnector`; see the module."""

    def __init__(self, settings: MedusaSettings, asker: Asker, now: Now = utc_now) -> None:
        """Asks when it is asked."""
        self._settings = settings
        self._asker = asker
        self._now = now

    async def describe(self) -> Abilities:
        path = f"admin/stock-locations/{self._settings.location}"
        answer = await self._asker.ask("GET", path, params={"fields": "id"})
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise Denied("The store has no such stock location.")
        read(answer.content, dict[str, msgspec.Raw])
        return Abilities(
            "Medusa",
            batch_max=self._settings.batch_max,
            requests_per_second=self._settings.requests_per_second,
            burst=self._settings.requests_per_second,
            compare_and_set=True,
            reads_back=True,
        )

    async def apply(self, levels: Sequence[Level]) -> Sequence[LevelOutcome]:
        outcomes: dict[str, LevelOutcome] = {}
        wanted = list(levels)
        for look in range(LOOKS_MAX):
            try:
                wanted = await self._put(wanted, outcomes)
            except ConnectorFailed as failed:
                if look == 0:
                    raise
                # What was written is shown, only more of it than there should be.
                outcomes.update(
                    (level.store_sku, LevelOutcome(level.store_sku, Outcome.IN_DOUBT, None, str(failed)))
                    for level in wanted
                )
                break
            if not wanted:
                break
        changing = "It changes as fast as it is written."
        return [
            outcomes.get(level.store_sku) or LevelOutcome(level.store_sku, Outcome.IN_DOUBT, None, changing)
            for level in levels
        ]

    async def read(self, store_skus: Sequence[str]) -> Sequence[ShownLevel]:
        located = await self._located(store_skus)
        shown = {sku: found.level.offered for sku, found in located.items() if found is not None}
        return [ShownLevel(sku, shown.get(sku)) for sku in store_skus]

    async def orders(self, cursor: str, *, limit: int) -> OrderPage:
        former = mark(cursor, self._settings.orders_since, self._now())
        page_size = limit + len(former.seen)
        told = await self._asker.answer(
            _Orders,
            "GET",
            "admin/orders",
            params={
                "updated_at[$gte]": former.since.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "order": "updated_at",
                "limit": page_size,
                "fields": "id,status,created_at,updated_at,canceled_at,*items",
            },
        )
        orders, changed = [], []
        for order in told.orders:
            if order.id in former.seen:
                continue
            changed.append((order.id, moment(order.updated_at) or former.since))
            lines = sold((line.variant_sku, line.quantity) for line in order.items)
            if lines and order.status not in NOT_YET:
                cancelled = order.canceled_at is not None or order.status == "canceled"
                orders.append(SoldOrder(order.id, lines, moment(order.created_at), cancelled))
        more = len(told.orders) >= page_size
        return OrderPage(orders, moved(former, changed, more=more, now=self._now()).text, more)

    async def close(self) -> None:
        await self._asker.close()

    async def _put(self, levels: Sequence[Level], outcomes: dict[str, LevelOutcome]) -> list[Level]:
        """Look, and write on top of what is reserved. Answers those of which units went out meanwhile, which frees what
        they were reserved by: they are to be written again.
        """
        with only_asked():
            located = await self._located([level.store_sku for level in levels])
        wanted: dict[str, Level] = {}
        update = []
        for level in levels:
            sku = level.store_sku
            if sku not in located:
                outcomes[sku] = LevelOutcome(sku, Outcome.UNKNOWN_SKU)
            elif (found := located[sku]) is None:
                outcomes[sku] = LevelOutcome(sku, Outcome.REFUSED, None, "It is not stocked at the location.")
            elif level.expected is not None and found.level.offered != level.expected:
                outcomes[sku] = LevelOutcome(sku, Outcome.CHANGED, found.level.offered)
            else:
                wanted[found.item] = level
                stocked = level.quantity + max(0, math.ceil(found.level.reserved_quantity))
                update.append(
                    {
                        "inventory_item_id": found.item,
                        "location_id": self._settings.location,
                        "stocked_quantity": stocked,
                    }
                )
        return await self._write(update, wanted, outcomes) if update else []

    async def _write(
        self, update: Sequence[object], wanted: dict[str, Level], outcomes: dict[str, LevelOutcome]
    ) -> list[Level]:
        path = "admin/inventory-items/location-levels/batch"
        answer = await self._asker.ask("POST", path, json={"update": update})
        if not answer.is_success:
            if answer.status_code not in (httpx.codes.BAD_REQUEST, httpx.codes.NOT_FOUND):
                raise Unreached(f"The store answered {answer.status_code}.")
            refused = f"The store answered {answer.status_code} to all of the batch."
            outcomes.update(
                (level.store_sku, LevelOutcome(level.store_sku, Outcome.RETRY, None, refused))
                for level in wanted.values()
            )
            return []
        shown = {
            level.inventory_item_id: level.offered
            for level in read(answer.content, _Written).updated
            if level.location_id == self._settings.location
        }
        if any(item not in shown for item in wanted):
            raise Away("The store did not tell what became of all that was written.")
        again = [level._replace(expected=shown[item]) for item, level in wanted.items() if shown[item] > level.quantity]
        outcomes.update(
            (level.store_sku, LevelOutcome(level.store_sku, Outcome.APPLIED, shown[item]))
            for item, level in wanted.items()
            if shown[item] <= level.quantity
        )
        return again

    async def _located(self, skus: Sequence[str]) -> dict[str, _Located | None]:
        """Of SKUs that the store knows, what is at the location; None where they are not stocked there."""
        located: dict[str, _Located | None] = {}
        for first in range(0, len(skus), SKUS_PER_QUESTION):
            asked = skus[first : first + SKUS_PER_QUESTION]
            told = await self._asker.answer(
                _Items,
                "GET",
                "admin/inventory-items",
                params={"sku[]": list(asked), "limit": len(asked), "fields": "id,sku,*location_levels"},
            )
            for item in told.inventory_items:
                if item.sku is not None and item.sku in asked:
                    here = [each for each in item.location_levels if each.location_id == self._settings.location]
                    located[item.sku] = _Located(item.id, here[0]) if here else None
        return located


def medusa(settings: MedusaSettings, reach: Reach) -> MedusaStore:
    """A store as the settings have it."""
    client = http.client(reach.guard, settings.address, seconds_max=ANSWER_SECONDS_MAX)
    return MedusaStore(settings, Asker(client, auth=(settings.api_key, "")))
