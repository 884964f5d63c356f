"""A Tryton ERP with the stock module, over JSON-RPC.

Facilities are the codes of its warehouses; a figure is what is in the storage zone of one, on hand today, in the
product's own unit, of which only whole ones are taken. What changed is found by the moves that were written lately:
since the cursor, and for a while before it, for what a long transaction wrote becomes visible late.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from weir_chassis.settings import text
from weir_sync import http
from weir_sync.connectors.asking import Asker, read
from weir_sync.connectors.making import Reach
from weir_sync.connectors.port import Away, Denied, Stock, StockPart
from weir_sync.connectors.settings import secret, setting
from weir_sync.connectors.telling import said
from weir_sync.urls import WebAddress, web_address

PAGE = 1000
OVERLAP = timedelta(minutes=10)
FACILITIES_MAX = 1000

T = TypeVar("T")


@dataclass(frozen=True)
class TrytonSettings:
    """How the ERP is reached."""

    address: WebAddress = setting("Address of the ERP, as in `https://erp.example`.", web_address)
    database: str = setting("Name of its database.", text)
    user: str = secret("Name of a user who may read products, locations and moves.", text)
    password: str = secret("Password of that user.")


class _Answer(msgspec.Struct):
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: Any = None


class _Place(msgspec.Struct):
    storage_location: int | None = None
    code: str | None = None
    name: str | None = None

    @property
    def facility(self) -> str:
        return self.code or self.name or ""


class _Record(msgspec.Struct):
    """A product, or a move of one."""

    id: int
    product: int = 0
    code: str | None = None
    quantity: float | None = None


class _Preferences(msgspec.Struct):
    company: int | None = None


class Tryton:
    """A `WarehouseConnector` of an ERP; a session of its own, begun when first asked."""

    def __init__(self, asker: Asker, settings: TrytonSettings, reach: Reach) -> None:
        """Ask by `asker`."""
        self._asker = asker
        self._settings = settings
        self._wanted = frozenset(each.facility for each in reach.connection.facilities)
        self._session: dict[str, str] = {}
        self._context: dict[str, Any] = {}
        self._clock: datetime | None = None

    async def probe(self) -> Sequence[str]:
        places = await self._places()
        return sorted({each.facility for each in places if each.facility})[:FACILITIES_MAX]

    async def stock(self, cursor: str) -> AsyncIterator[StockPart]:
        places = [each for each in await self._places() if each.facility in self._wanted and each.storage_location]
        after = "" if self._clock is None else self._clock.isoformat()
        first = True
        async for page in self._pages(_moment(cursor)):
            stock = [_stock(place.facility, each) for place in places for each in await self._held(place, page)]
            for begin in range(0, max(len(stock), 1), PAGE):
                yield StockPart(stock[begin : begin + PAGE], full=first and not cursor)
                first = False
        yield StockPart([], full=first and not cursor, cursor=after)

    async def close(self) -> None:
        await self._asker.close()

    async def _pages(self, since: datetime | None) -> AsyncIterator[list[int]]:
        """Numbers of products, of all, or of those that were moved since a moment."""
        if since is None:
            async for found in self._found("product.product", [["type", "=", "goods"]], ["id"]):
                yield [each.id for each in found]
            return
        told = _told(since - OVERLAP)
        moved: set[int] = set()
        written = ["OR", ["write_date", ">=", told], ["create_date", ">=", told]]
        async for moves in self._found("stock.move", [written], ["product"]):
            moved.update(each.product for each in moves)
        numbers = sorted(moved)
        for begin in range(0, len(numbers), PAGE):
            yield numbers[begin : begin + PAGE]

    async def _found(self, model: str, domain: Sequence[Any], fields: Sequence[str]) -> AsyncIterator[list[_Record]]:
        """All records that a domain names, by number."""
        last = 0
        while True:
            asked = (["AND", ["id", ">", last], *domain], 0, PAGE, [["id", "ASC"]], fields, self._context)
            page = await self._call(list[_Record], f"model.{model}.search_read", *asked)
            if page:
                yield page
            if len(page) < PAGE:
                return
            last = page[-1].id

    async def _held(self, place: _Place, products: Sequence[int]) -> list[_Record]:
        """What a warehouse has of some products."""
        context = {**self._context, "locations": [place.storage_location]}
        return await self._call(list[_Record], "model.product.product.read", products, ["code", "quantity"], context)

    async def _places(self) -> list[_Place]:
        """Its warehouses."""
        await self._log_in()
        fields = ["code", "name", "storage_location"]
        domain = [["type", "=", "warehouse"]]
        asked = ("model.stock.location.search_read", domain, 0, None, None, fields, self._context)
        return await self._call(list[_Place], *asked)

    async def _log_in(self) -> None:
        """Begin a session, and find out which company it is of."""
        if self._session:
            return
        name, password = self._settings.user, self._settings.password
        known: Any = await self._call(object, "common.db.login", name, {"password": password}, "en")
        if not isinstance(known, list) or len(known) < 2:
            raise Denied("The ERP does not let us in by our user and password.")
        session = base64.b64encode(f"{name}:{known[0]}:{known[1]}".encode()).decode()
        self._session = {"authorization": f"Session {session}"}
        found = await self._call(_Preferences, "model.res.user.get_preferences", True, {})
        if found.company is not None:
            self._context["company"] = found.company

    async def _call(self, kind: type[T], method: str, *params: Any) -> T:
        """What a method answers, of this kind."""
        path = f"/{quote(self._settings.database, safe='')}/rpc/"
        asked = {"id": 1, "method": method, "params": params}
        answered = await self._asker.ask("POST", path, json=asked, headers=self._session)
        if not answered.is_success:
            raise Denied(f"The ERP answered {answered.status_code}: it has no such database, or not this API.")
        self._clock = self._clock or _date(answered.headers.get("date", ""))
        answer = read(answered.content, _Answer)
        if answer.error is not None:
            name = answer.error[0] if isinstance(answer.error, list) and answer.error else answer.error
            raise Denied(f"The ERP refused '{method}': {said(str(name))}.")
        return read(answer.result, kind)


def _stock(facility: str, product: _Record) -> Stock:
    """What there is of a product; of which an ERP may have less than nothing."""
    quantity = max(0.0, product.quantity or 0.0)
    if not product.code:
        return Stock(f"product {product.id}", facility, 0, fault="The product has no code.")
    if quantity != int(quantity):
        return Stock(product.code, facility, 0, fault=f"{quantity} is no number of whole units.")
    return Stock(product.code, facility, int(quantity))


def _moment(cursor: str) -> datetime | None:
    try:
        return datetime.fromisoformat(cursor) if cursor else None
    except ValueError:
        return None


def _date(header: str) -> datetime:
    """The moment of an answer by the ERP's own clock; raises Away where it does not say."""
    try:
        return parsedate_to_datetime(header).astimezone(UTC)
    except ValueError:
        raise Away("The ERP does not say what time it is.") from None


def _told(at: datetime) -> Mapping[str, Any]:
    """A moment in the JSON of the ERP, which knows UTC alone."""
    at = at.astimezone(UTC)
    parts: Iterable[str] = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__class__": "datetime", **{part: getattr(at, part) for part in parts}}


def tryton(settings: TrytonSettings, reach: Reach) -> Tryton:
    """A connector of the ERP that the settings name."""
    return Tryton(Asker(http.client(reach.guard, settings.address)), settings, reach)
