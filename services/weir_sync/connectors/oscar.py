"""A django-oscar store with oscarapi, whose admin API is switched on.

What it offers of a SKU is what it has in stock less what its orders allocated; that it has in stock can be written. So
a level is written as what is allocated and the level on top of it, both as of one look: an order that comes in after
the look allocates more, and what is offered falls by it. What was expected is compared at the same look. The API finds
no stock record by SKU and lists no order by when it changed: the catalogue is read whole and kept, and so are orders.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec

from weir_chassis.settings import integer, text, texts
from weir_sync import http
from weir_sync.connectors.asking import ANSWER_SECONDS_MAX, Asker, Whole, moment, only_asked, read
from weir_sync.connectors.cursors import sold
from weir_sync.connectors.making import Reach
from weir_sync.connectors.port import (
    Abilities,
    Away,
    Denied,
    Level,
    LevelOutcome,
    OrderPage,
    Outcome,
    ShownLevel,
    SoldLine,
    SoldOrder,
)
from weir_sync.connectors.settings import secret, setting
from weir_sync.connectors.telling import Clock, in_parts
from weir_sync.urls import WebAddress, web_address

PAGES_MAX = 1000
CATALOGUE_SECONDS = 60.0
"""How long the catalogue is not read again for the sake of SKUs that it does not have."""
ORDERS_MAX = 20
"""Orders of a page, since the lines of each are asked for by themselves."""
CANCELLED_MAX = 500
"""Cancelled orders that a cursor remembers."""
LOOK_BACK = 2000
"""Orders before those that were told, in which cancelled ones are looked for."""
LOOKS_MAX = 3

T = TypeVar("T")


@dataclass(frozen=True)
class OscarSettings:
    """How the store is reached."""

    address: WebAddress = setting("Address of the API, as in `https://shop.example/api`.", web_address)
    partner: int = setting("Number of the partner whose stock records are meant. Default: any.", integer(1, 2**31), 0)
    cancelled: tuple[str, ...] = setting(
        "Statuses of cancelled orders, with commas. Default: Cancelled.", texts, ("Cancelled",)
    )
    batch_max: int = setting("Levels at a time: 1 to 100. Default: 20.", integer(1, 100), 20)
    requests_per_second: int = setting("Batches a second: 1 to 100. Default: 5.", integer(1, 100), 5)
    user: str = secret("Name of a user who is staff, and may change stock records and view products and orders.", text)
    password: str = secret("Password of that user.")


class _Record(msgspec.Struct):
    url: str
    partner_sku: str
    partner: str | int | None = None
    num_in_stock: Whole | None = None
    num_allocated: Whole | None = None

    @property
    def offered(self) -> int:
        return (self.num_in_stock or 0) - (self.num_allocated or 0)


class _Product(msgspec.Struct):
    stockrecords: list[_Record] = []


class _Order(msgspec.Struct):
    url: str
    number: str
    date_placed: str | None = None
    status: str | None = None


class _Line(msgspec.Struct):
    quantity: Whole
    stockrecord: str | None = None


class _Page(msgspec.Struct):
    results: list[msgspec.Raw]
    next: str | None = None


class _Cursor(msgspec.Struct):
    """Orders up to number `through` are told, and that those of `cancelled` are."""

    through: int
    cancelled: list[int] = []

    @property
    def least(self) -> int:
        """Up to here it is not known any more which were told to be cancelled."""
        return self.cancelled[0] if len(self.cancelled) >= CANCELLED_MAX else 0


class OscarStore:
    """A `StoreConnector`; see the module."""

    def __init__(self, settings: OscarSettings, asker: Asker, clock: Clock = time.monotonic) -> None:
        """Asks when it is asked."""
        self._settings = settings
        self._asker = asker
        self._clock = clock
        self._records: dict[str, list[int]] = {}
        self._skus: dict[int, str] = {}
        self._read_at: float | None = None

    async def describe(self) -> Abilities:
        await self._catalogue(anew=True)
        return Abilities(
            "django-oscar",
            batch_max=self._settings.batch_max,
            requests_per_second=self._settings.requests_per_second,
            burst=self._settings.requests_per_second,
            compare_and_set=True,
            reads_back=True,
        )

    async def apply(self, levels: Sequence[Level]) -> Sequence[LevelOutcome]:
        with only_asked():
            found = await self._found([level.store_sku for level in levels])
        decided, wanted = [], []
        for level in levels:
            records = found[level.store_sku]
            if len(records) == 1:
                wanted.append([level])
            else:
                decided.append(_unfound(level.store_sku, len(records)))
        return await in_parts(levels, wanted, lambda part: self._put(part[0], found[part[0].store_sku][0]), decided)

    async def read(self, store_skus: Sequence[str]) -> Sequence[ShownLevel]:
        found = await self._found(store_skus)
        shown = []
        for sku in store_skus:
            record = await self._record(sku, found[sku][0]) if len(found[sku]) == 1 else None
            shown.append(ShownLevel(sku, None if record is None else record.offered))
        return shown

    async def orders(self, cursor: str, *, limit: int) -> OrderPage:
        told = _cursor(cursor) if cursor else None
        oldest = 0 if told is None else told.through - LOOK_BACK
        listed = {
            _number(order.url, "orders"): order
            for order in await self._listed(
                "admin/orders/", _Order, lambda page: all(_number(order.url, "orders") < oldest for order in page)
            )
        }
        gone = sorted(number for number, order in listed.items() if order.status in self._settings.cancelled)
        if told is None:
            return OrderPage([], _text(_Cursor(max(listed, default=0), gone)), more=False)
        unseen = set(gone) - set(told.cancelled)
        due = sorted(number for number in listed if number > told.through or (number in unseen and number > told.least))
        orders = []
        for number in due[: min(limit, ORDERS_MAX)]:
            order, cancelled = listed[number], number in unseen
            if lines := await self._lines(number):
                orders.append(SoldOrder(order.number, lines, moment(order.date_placed), cancelled))
            told.cancelled += [number] if cancelled else []
            told.through = max(told.through, number)
        return OrderPage(orders, _text(told), more=len(due) > min(limit, ORDERS_MAX))

    async def close(self) -> None:
        await self._asker.close()

    async def _put(self, level: Level, number: int) -> list[LevelOutcome]:
        """Look, and write on top of what is allocated; again where units went out meanwhile, which frees what they were
        allocated by."""
        for _ in range(LOOKS_MAX):
            with only_asked():
                record = await self._record(level.store_sku, number)
            if record is None:
                return [_gone(level.store_sku)]
            if level.expected is not None and record.offered != level.expected:
                return [LevelOutcome(level.store_sku, Outcome.CHANGED, record.offered)]
            written = {"num_in_stock": level.quantity + (record.num_allocated or 0)}
            answer = await self._asker.ask("PATCH", f"admin/stockrecords/{number}/", json=written)
            if answer.status_code == httpx.codes.NOT_FOUND:
                return [_gone(level.store_sku)]
            if not answer.is_success:
                return [LevelOutcome(level.store_sku, Outcome.REFUSED, None, f"It answered {answer.status_code}.")]
            shown = read(answer.content, _Record).offered
            if shown <= level.quantity:
                return [LevelOutcome(level.store_sku, Outcome.APPLIED, shown)]
            level = level._replace(expected=shown)
        return [LevelOutcome(level.store_sku, Outcome.IN_DOUBT, None, "It changes as fast as it is written.")]

    async def _record(self, sku: str, number: int) -> _Record | None:
        """A stock record as it is now; None where it is none of this SKU any more."""
        answer = await self._asker.ask("GET", f"admin/stockrecords/{number}/")
        if answer.status_code != httpx.codes.NOT_FOUND and not answer.is_success:
            raise Away(f"The store answered {answer.status_code}.")
        record = read(answer.content, _Record) if answer.is_success else None
        if record is None or record.partner_sku != sku:
            self._records.pop(sku, None)
            self._read_at = None
            return None
        return record

    async def _lines(self, number: int) -> tuple[SoldLine, ...]:
        """What an order sold of the stock records that are meant."""
        lines = await self._listed(f"admin/orders/{number}/lines/", _Line)
        told = [(_number(line.stockrecord, "stockrecords"), line.quantity) for line in lines if line.stockrecord]
        if any(record not in self._skus for record, _ in told):
            await self._catalogue()
        return sold((self._skus.get(record), units) for record, units in told)

    async def _found(self, skus: Sequence[str]) -> dict[str, list[int]]:
        """The stock records of SKUs; the catalogue is read again for those that it does not have, but not too often."""
        if any(sku not in self._records for sku in skus):
            await self._catalogue()
        return {sku: self._records.get(sku, []) for sku in skus}

    async def _catalogue(self, *, anew: bool = False) -> None:
        """Read which stock records there are."""
        now = self._clock()
        if not anew and self._read_at is not None and now - self._read_at < CATALOGUE_SECONDS:
            return
        records: dict[str, list[int]] = {}
        for product in await self._listed("admin/products/", _Product):
            for record in product.stockrecords:
                if not self._settings.partner or _partner(record) == self._settings.partner:
                    records.setdefault(record.partner_sku, []).append(_number(record.url, "stockrecords"))
        self._records = records
        self._skus = {number: sku for sku, numbers in records.items() for number in numbers}
        self._read_at = now

    async def _listed(self, path: str, kind: type[T], enough: Callable[[list[T]], bool] = lambda _: False) -> list[T]:
        """A list, whole or in pages as the store has it, up to a page that is enough."""
        listed: list[T] = []
        params: dict[str, str] = {}
        for _ in range(PAGES_MAX):
            answer = await self._asker.answer(list[msgspec.Raw] | _Page, "GET", path, params=params)  # type: ignore[arg-type]
            page = [read(each, kind) for each in (answer.results if isinstance(answer, _Page) else answer)]
            listed += page
            if not isinstance(answer, _Page) or not answer.next or enough(page):
                return listed
            params = dict(parse_qsl(urlsplit(answer.next).query))
        raise Away("The store lists more pages than it can have.")


def oscar(settings: OscarSettings, reach: Reach) -> OscarStore:
    """A store as the settings have it."""
    client = http.client(reach.guard, settings.address, seconds_max=ANSWER_SECONDS_MAX)
    return OscarStore(settings, Asker(client, auth=(settings.user, settings.password)))


def _cursor(text: str) -> _Cursor:
    try:
        return msgspec.json.decode(text, type=_Cursor)
    except msgspec.DecodeError:
        raise Denied("The cursor is none of this store's.") from None


def _text(cursor: _Cursor) -> str:
    cursor.cancelled = sorted(cursor.cancelled)[-CANCELLED_MAX:]
    return msgspec.json.encode(cursor).decode()


def _number(url: str, things: str) -> int:
    """The number in a link to one of the things."""
    found = re.search(rf"/{things}/([0-9]{{1,18}})/?$", urlsplit(url).path)
    if found is None:
        raise Away("The store told a link that is none.")
    return int(found[1])


def _partner(record: _Record) -> int:
    return record.partner if isinstance(record.partner, int) else _number(record.partner or "", "partners")


def _gone(sku: str) -> LevelOutcome:
    return LevelOutcome(sku, Outcome.RETRY, None, "Its stock record is gone; it is looked for again.")


def _unfound(sku: str, count: int) -> LevelOutcome:
    if not count:
        return LevelOutcome(sku, Outcome.UNKNOWN_SKU)
    return LevelOutcome(sku, Outcome.REFUSED, None, f"{count} stock records bear this SKU: name the partner.")
