"""Any store that takes signed HTTP requests, in the words of `weir.connector.v1` as JSON; docs/connectors.md has them.

Every question is a POST to one address. Orders are reported by the store itself.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import msgspec

from weir_chassis.settings import flag
from weir_sync import http
from weir_sync.connectors.asking import ANSWER_SECONDS_MAX, UNITS_MAX, Asker, Whole, read
from weir_sync.connectors.making import Reach
from weir_sync.connectors.port import (
    Abilities,
    Away,
    Level,
    LevelOutcome,
    OrderPage,
    Outcome,
    ShownLevel,
)
from weir_sync.connectors.settings import secret, setting
from weir_sync.connectors.signatures import SIGNATURE, TIMESTAMP, is_signed, signature, signing_key
from weir_sync.connectors.telling import Clock, said
from weir_sync.urls import WebAddress, web_address

T = TypeVar("T")

Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Unreported = Annotated[int, msgspec.Meta(ge=0, le=UNITS_MAX)]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


@dataclass(frozen=True)
class WebhookSettings:
    """How the store is reached."""

    address: WebAddress = setting("Where requests are posted, as in `https://shop.example/weir`.", web_address)
    signed_answers: bool = setting("`on`: answers that the store has not signed are not believed.", flag, False)
    signing_key: str = secret("Key that requests are signed with, 16 characters or more.", signing_key)


class _Abilities(msgspec.Struct):
    name: str = "webhook"
    batch_max: Limit = 100
    requests_per_second: Limit = 5
    burst: Limit = 5
    compare_and_set: bool = False
    reads_back: bool = False
    fenced: bool = False


class _Outcome(msgspec.Struct):
    store_sku: str
    outcome: Outcome
    shown: Whole | None = None
    error: str = ""
    number: Number | None = None


class _Outcomes(msgspec.Struct):
    outcomes: list[_Outcome]


class _Level(msgspec.Struct):
    store_sku: str
    quantity: Whole | None = None
    unreported: Unreported | None = None
    number: Number | None = None


class _Levels(msgspec.Struct):
    levels: list[_Level]


class WebhookStore:
    """A `StoreConnector`; see the module."""

    def __init__(
        self, settings: WebhookSettings, asker: Asker, *, tenant: str, connection: str, clock: Clock = time.time
    ) -> None:
        """Asks when it is asked."""
        self._settings = settings
        self._asker = asker
        self._whose = {"tenant": tenant, "connection": connection}
        self._clock = clock

    async def describe(self) -> Abilities:
        told = await self._asked("describe", _Abilities) or _Abilities()
        return Abilities(
            name=said(told.name)[:256],
            batch_max=told.batch_max,
            requests_per_second=told.requests_per_second,
            burst=told.burst,
            compare_and_set=told.compare_and_set,
            reads_back=told.reads_back,
            fenced=told.fenced,
        )

    async def apply(self, levels: Sequence[Level]) -> Sequence[LevelOutcome]:
        answer = await self._asked("apply", _Outcomes, levels=[_level(level) for level in levels])
        if answer is None:
            return [LevelOutcome(level.store_sku, Outcome.APPLIED) for level in levels]
        told = {each.store_sku: each for each in answer.outcomes}
        return [
            LevelOutcome(sku, found.outcome, found.shown, said(found.error), found.number)
            if (found := told.get(sku))
            else LevelOutcome(sku, Outcome.IN_DOUBT, None, "The store told no outcome.")
            for sku in (level.store_sku for level in levels)
        ]

    async def read(self, store_skus: Sequence[str]) -> Sequence[ShownLevel]:
        answer = await self._asked("read", _Levels, store_skus=list(store_skus))
        told = {} if answer is None else {level.store_sku: level for level in answer.levels}
        if any(sku not in told for sku in store_skus):
            raise Away("The store said nothing of some SKUs that it was asked of.")
        return [ShownLevel(**msgspec.structs.asdict(told[sku])) for sku in store_skus]

    async def orders(self, cursor: str, *, limit: int) -> OrderPage:
        return OrderPage([], cursor, more=False)

    async def close(self) -> None:
        await self._asker.close()

    async def _asked(self, ask: str, kind: type[T], **question: Any) -> T | None:
        """What the store answers, None for nothing."""
        key = self._settings.signing_key
        body = msgspec.json.encode({"ask": ask, **self._whose, **question})
        timestamp = str(int(self._clock()))
        signed = signature(key, timestamp, body)
        headers = {TIMESTAMP: timestamp, SIGNATURE: signed}
        answer = await self._asker.ask("POST", str(self._settings.address), body=body, headers=headers)
        if not answer.is_success:
            raise Away(f"The store answered {answer.status_code}.")
        if self._settings.signed_answers and not is_signed(
            key,
            answer.headers.get(SIGNATURE, ""),
            answer.headers.get(TIMESTAMP, ""),
            answer.content,
            now=self._clock(),
            of=signed,
        ):
            raise Away("The answer is not signed by the store.")
        return read(answer.content, kind) if answer.content.strip() else None


def webhook(settings: WebhookSettings, reach: Reach) -> WebhookStore:
    """A store as the settings have it."""
    client = http.client(reach.guard, settings.address, seconds_max=ANSWER_SECONDS_MAX)
    return WebhookStore(settings, Asker(client), tenant=reach.tenant, connection=reach.connection.connection)


def _level(level: Level) -> dict[str, Any]:
    told = level._asdict()
    if level.expected is None:
        del told["expected"]
    return told
