"""No secret leaves by what the other end says: whatever it tells for people is told without them.

A store that repeats our token in its answer has it, but nobody who reads errors, records or logs shall.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import quote

from weir_sync.connectors.port import (
    Abilities,
    ConnectorFailed,
    Level,
    LevelOutcome,
    OrderPage,
    ShownLevel,
    Stock,
    StockPart,
    StoreConnector,
    WarehouseConnector,
)

TEXT_LENGTH_MAX = 1024
LINE_LENGTH_LEAST = 4
"""Shorter lines of a secret tell nothing of it."""
HIDDEN = "***"


class Discretion:
    """Takes secrets out of texts, as they are and in the forms that requests have them in."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Know these secrets."""
        known = {secret.strip() for secret in secrets if secret.strip()}
        known |= {
            line.strip() for secret in known for line in secret.splitlines() if len(line.strip()) >= LINE_LENGTH_LEAST
        }
        forms = {form for secret in known for form in (secret, quote(secret, safe=""), _base64(secret))}
        self._forms = sorted(forms, key=lambda form: (-len(form), form))

    def text(self, text: str) -> str:
        """A text without any of them, and no longer than it may be."""
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        return text[:TEXT_LENGTH_MAX]

    @contextmanager
    def failing(self) -> Iterator[None]:
        """What fails within the block says so without them: in its own words, and in those of what led to it."""
        try:
            yield
        except ConnectorFailed as failed:
            failed.args = (self.text(str(failed)),)
            raise failed from None
        except Exception as accident:
            self._tell(accident)
            raise

    def _tell(self, accident: BaseException | None) -> None:
        told: list[BaseException] = []
        while accident is not None and accident not in told:
            told.append(accident)
            accident.args = tuple(self.text(each) if isinstance(each, str) else each for each in accident.args)
            accident = accident.__cause__ or accident.__context__


class DiscreetStore:
    """A store whose words hold no secrets: `StoreConnector`."""

    def __init__(self, store: StoreConnector, discretion: Discretion) -> None:
        """Talk to `store`."""
        self._store = store
        self._discretion = discretion

    async def describe(self) -> Abilities:
        with self._discretion.failing():
            abilities = await self._store.describe()
        return replace(abilities, name=self._discretion.text(abilities.name))

    async def apply(self, levels: Sequence[Level]) -> Sequence[LevelOutcome]:
        with self._discretion.failing():
            outcomes = await self._store.apply(levels)
        return [each._replace(error=self._discretion.text(each.error)) for each in outcomes]

    async def read(self, store_skus: Sequence[str]) -> Sequence[ShownLevel]:
        with self._discretion.failing():
            return await self._store.read(store_skus)

    async def orders(self, cursor: str, *, limit: int) -> OrderPage:
        with self._discretion.failing():
            return await self._store.orders(cursor, limit=limit)

    async def close(self) -> None:
        await self._store.close()


class DiscreetWarehouse:
    """A warehouse whose words hold no secrets: `WarehouseConnector`."""

    def __init__(self, warehouse: WarehouseConnector, discretion: Discretion) -> None:
        """Talk to `warehouse`."""
        self._warehouse = warehouse
        self._discretion = discretion

    async def probe(self) -> Sequence[str]:
        with self._discretion.failing():
            return await self._warehouse.probe()

    async def stock(self, cursor: str) -> AsyncIterator[StockPart]:
        parts = self._warehouse.stock(cursor)
        try:
            while True:
                with self._discretion.failing():
                    part = await anext(parts, None)
                if part is None:
                    return
                yield part._replace(stock=[self._told(each) for each in part.stock])
        finally:
            if isinstance(parts, AsyncGenerator):
                await parts.aclose()

    async def close(self) -> None:
        await self._warehouse.close()

    def _told(self, stock: Stock) -> Stock:
        return stock._replace(fault=self._discretion.text(stock.fault)) if stock.fault else stock


def _base64(secret: str) -> str:
    return base64.b64encode(secret.encode()).decode()
