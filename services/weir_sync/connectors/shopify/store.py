"""The connector to a Shopify store."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from weir_chassis.ids import new_id
from weir_sync import http
from weir_sync.connectors.asking import ANSWER_SECONDS_MAX, WAIT_SECONDS, Asker, moment, only_asked, read
from weir_sync.connectors.cursors import Mark, Now, mark, moved, sold, utc_now
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
    SoldLine,
    SoldOrder,
)
from weir_sync.connectors.shopify import questions
from weir_sync.connectors.shopify.answers import (
    Answer,
    Extensions,
    Item,
    Location,
    Order,
    OrderLines,
    Page,
    SetResult,
    Stocked,
)
from weir_sync.connectors.shopify.settings import ShopifySettings
from weir_sync.connectors.telling import Unreached

T = TypeVar("T")

BATCH_MAX = 250
SKUS_PER_QUESTION = 40
ITEMS_PER_PAGE = 100
PAGES_MAX = 20
ORDERS_PER_PAGE = 25
LINES_PER_ORDER = 50
KNOWN_MAX = 100_000
"""Items that are kept by SKU; all are forgotten when there are more."""
ROUNDS_MAX = 4
"""How often a request is sent without those of its levels that had all of it refused."""

_DENIED = ("ACCESS_DENIED", "SHOP_INACTIVE", "FORBIDDEN", "UNAUTHORIZED")
_OF_ALL = ("INVALID_LOCATION", "INVALID_NAME", "INVALID_REASON", "INVALID_REFERENCE_DOCUMENT")
"""Errors that no other level would not meet: the settings are at fault."""


class ShopifyStore:
    """A `StoreConnector`; see the module."""

    def __init__(self, settings: ShopifySettings, asker: Asker, now: Now = utc_now) -> None:
        """Asks when it is asked."""
        self._settings = settings
        self._asker = asker
        self._now = now
        self._items: dict[str, list[str]] = {}

    async def describe(self) -> Abilities:
        variables = {"location": self._settings.location}
        (told,) = (await self._ask(list[Location | None], "nodes", questions.DESCRIBE, variables))[:1] or [None]
        if told is None or not told.is_active:
            raise Denied("The store has no such location, or it is not active.")
        return Abilities(
            "Shopify",
            batch_max=BATCH_MAX,
            requests_per_second=self._settings.requests_per_second,
            burst=2 * self._settings.requests_per_second,
            compare_and_set=True,
            reads_back=True,
        )

    async def apply(self, levels: Sequence[Level]) -> Sequence[LevelOutcome]:
        with only_asked():
            found = await self._found([level.store_sku for level in levels])
        outcomes = {sku: _unfound(sku, len(items)) for sku, items in found.items() if len(items) != 1}
        wanted = [level for level in levels if level.store_sku not in outcomes]
        for round_number in range(ROUNDS_MAX):
            if not wanted:
                break
            try:
                refused = await self._set(wanted, found)
            except ConnectorFailed as failed:
                if round_number == 0:
                    raise
                doubtful = isinstance(failed, Away) and not isinstance(failed, Unreached)
                became = Outcome.IN_DOUBT if doubtful else Outcome.RETRY
                outcomes.update((each.store_sku, LevelOutcome(each.store_sku, became)) for each in wanted)
                break
            applied = [] if refused else wanted
            outcomes.update(
                (level.store_sku, LevelOutcome(level.store_sku, Outcome.APPLIED, level.quantity)) for level in applied
            )
            outcomes.update(refused)
            wanted = [level for level in wanted if level.store_sku not in outcomes]
        await self._tell_shown(outcomes, found)
        return [
            outcomes.get(level.store_sku) or LevelOutcome(level.store_sku, Outcome.RETRY, None, "Others were refused.")
            for level in levels
        ]

    async def read(self, store_skus: Sequence[str]) -> Sequence[ShownLevel]:
        found = await self._found(store_skus)
        shown = await self._shown([items[0] for items in found.values() if len(items) == 1])
        return [ShownLevel(sku, shown.get(found[sku][0]) if len(found[sku]) == 1 else None) for sku in store_skus]

    async def orders(self, cursor: str, *, limit: int) -> OrderPage:
        former = mark(cursor, self._settings.orders_since, self._now())
        variables = {
            "query": f"updated_at:>='{former.since.isoformat()}'",
            "first": min(limit, ORDERS_PER_PAGE),
            "after": former.after or None,
            "lines": LINES_PER_ORDER,
        }
        page = await self._ask(Page[Order], "orders", questions.ORDERS, variables)
        orders, changed = [], []
        for order in page.nodes:
            changed.append((order.id, moment(order.updated_at) or former.since))
            if lines := await self._lines(order):
                cancelled = order.cancelled_at is not None
                orders.append(SoldOrder(order.id.rpartition("/")[2], lines, moment(order.created_at), cancelled))
        if page.page_info.has_next_page and page.page_info.end_cursor:
            return OrderPage(orders, Mark(former.since, after=page.page_info.end_cursor).text, more=True)
        return OrderPage(orders, moved(former, changed, more=False, now=self._now()).text, more=False)

    async def close(self) -> None:
        await self._asker.close()

    async def _set(self, levels: Sequence[Level], found: Mapping[str, list[str]]) -> dict[str, LevelOutcome]:
        """Set all of them; or what became of those for whose sake none was set."""
        quantities = [
            {
                "inventoryItemId": found[level.store_sku][0],
                "locationId": self._settings.location,
                "quantity": level.quantity,
                "changeFromQuantity": level.expected,
            }
            for level in levels
        ]
        variables = {"input": {"name": "available", "reason": "correction", "quantities": quantities}, "key": new_id()}
        told = await self._ask(SetResult, "inventorySetQuantities", questions.SET, variables)
        refused: dict[str, LevelOutcome] = {}
        for error in told.user_errors:
            code, index = error.code or "", _index(error.field or [])
            if code in _OF_ALL:
                raise Denied(f"The store answered {code}.")
            if index is None or index >= len(levels):
                raise Away(f"The store answered {_code(code)}.")
            sku = levels[index].store_sku
            refused[sku] = self._refused(sku, code)
        return refused

    def _refused(self, sku: str, code: str) -> LevelOutcome:
        if code == "CHANGE_FROM_QUANTITY_STALE":
            return LevelOutcome(sku, Outcome.CHANGED)
        if code == "INVALID_INVENTORY_ITEM":
            self._items.pop(sku, None)
            return LevelOutcome(sku, Outcome.RETRY, None, "Its item is gone; it is looked for again.")
        return LevelOutcome(sku, Outcome.REFUSED, None, _code(code))

    async def _tell_shown(self, outcomes: dict[str, LevelOutcome], found: Mapping[str, list[str]]) -> None:
        """What the store shows of those that it refused for showing something else, if it says so."""
        changed = [sku for sku, outcome in outcomes.items() if outcome.outcome is Outcome.CHANGED]
        if not changed:
            return
        try:
            shown = await self._shown([found[sku][0] for sku in changed])
        except ConnectorFailed:
            return
        outcomes.update((sku, outcomes[sku]._replace(shown=shown.get(found[sku][0]))) for sku in changed)

    async def _shown(self, items: Sequence[str]) -> dict[str, int]:
        if not items:
            return {}
        variables = {"ids": list(items), "location": self._settings.location}
        nodes = await self._ask(list[Stocked | None], "nodes", questions.SHOWN, variables)
        return {
            node.id: node.inventory_level.quantities[0].quantity
            for node in nodes
            if node is not None and node.inventory_level is not None and node.inventory_level.quantities
        }

    async def _found(self, skus: Sequence[str]) -> dict[str, list[str]]:
        """Items by SKU; looked up where they are not known."""
        found = {sku: self._items.get(sku, []) for sku in skus}
        unknown = [sku for sku, items in found.items() if not items]
        for first in range(0, len(unknown), SKUS_PER_QUESTION):
            found.update(await self._look_up(unknown[first : first + SKUS_PER_QUESTION]))
        return found

    async def _look_up(self, skus: Sequence[str]) -> dict[str, list[str]]:
        """Ask which items bear these SKUs; the search finds more than those that bear them to the letter."""
        query = " OR ".join('sku:"{}"'.format(sku.replace("\\", "\\\\").replace('"', '\\"')) for sku in skus)
        found: dict[str, list[str]] = {}
        after = None
        for _ in range(PAGES_MAX):
            variables = {"query": query, "first": ITEMS_PER_PAGE, "after": after}
            page = await self._ask(Page[Item], "inventoryItems", questions.ITEMS, variables)
            for item in page.nodes:
                if item.sku is not None and item.sku in skus:
                    found.setdefault(item.sku, []).append(item.id)
            after = page.page_info.end_cursor
            if not page.page_info.has_next_page or after is None:
                break
        if len(self._items) > KNOWN_MAX:
            self._items.clear()
        self._items.update((sku, items) for sku, items in found.items() if len(items) == 1)
        return found

    async def _lines(self, order: Order) -> tuple[SoldLine, ...]:
        """What an order sold."""
        page, lines = order.line_items, list(order.line_items.nodes)
        while page.page_info.has_next_page and len(lines) < PAGES_MAX * BATCH_MAX:
            variables = {"order": order.id, "first": BATCH_MAX, "after": page.page_info.end_cursor}
            page = (await self._ask(OrderLines, "order", questions.LINES, variables)).line_items
            lines += page.nodes
        return sold((line.sku, line.quantity) for line in lines)

    async def _ask(self, kind: type[T], name: str, query: str, variables: Mapping[str, Any]) -> T:
        """Ask for one thing; raises ConnectorFailed, where the answer is an error also."""
        path = f"admin/api/{self._settings.api_version}/graphql.json"
        headers = {"x-shopify-access-token": self._settings.access_token}
        question = {"query": query, "variables": variables}
        answer = await self._asker.answer(Answer, "POST", path, json=question, headers=headers)
        if not answer.errors:
            return read((answer.data or {}).get(name, msgspec.Raw()), kind)
        errors = answer.errors if isinstance(answer.errors, list) else []
        codes = [error.extensions.code for error in errors if error.extensions is not None]
        if "THROTTLED" in codes:
            raise self._asker.throttled(_wait_seconds(answer.extensions))
        told = f"The store answered {', '.join(map(_code, codes)) or 'an error'}."
        raise (Denied if any(code in _DENIED for code in codes) else Away)(told)


def shopify(settings: ShopifySettings, reach: Reach) -> ShopifyStore:
    """A store as the settings have it."""
    return ShopifyStore(settings, Asker(http.client(reach.guard, settings.address, seconds_max=ANSWER_SECONDS_MAX)))


def _wait_seconds(told: Extensions | None) -> float:
    """How long until the bucket holds what the request costs."""
    cost = None if told is None else told.cost
    if cost is None or cost.throttle_status is None or cost.throttle_status.restore_rate <= 0:
        return WAIT_SECONDS
    status = cost.throttle_status
    return max(0.1, (cost.requested_query_cost - status.currently_available) / status.restore_rate)


def _index(field: Sequence[str]) -> int | None:
    """Which of the quantities an error is about: `["input", "quantities", "3", ...]`."""
    if len(field) > 2 and field[1] == "quantities" and re.fullmatch("[0-9]{1,4}", field[2]):
        return int(field[2])
    return None


def _code(told: str) -> str:
    """A code, if it is one."""
    return told if re.fullmatch(r"[A-Z_]{1,64}", told) else "an error"


def _unfound(sku: str, count: int) -> LevelOutcome:
    if not count:
        return LevelOutcome(sku, Outcome.UNKNOWN_SKU)
    return LevelOutcome(sku, Outcome.REFUSED, None, f"{count} items bear this SKU.")
