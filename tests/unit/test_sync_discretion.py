"""Whatever the other end of a connection says is told without our secrets; and how settings are read."""

from __future__ import annotations

import base64
import traceback
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from weir_chassis.settings import integer
from weir_sync.connectors.discretion import Discretion
from weir_sync.connectors.kinds import SORTS
from weir_sync.connectors.making import Making, Reach, Sort
from weir_sync.connectors.port import (
    Abilities,
    Away,
    Denied,
    Level,
    LevelOutcome,
    OrderPage,
    Outcome,
    ShownLevel,
    Stock,
    StockPart,
    Throttled,
)
from weir_sync.connectors.settings import Fault, read, rows, secret, setting
from weir_sync.domain.connections import Connection, ConnectorKind, Role
from weir_sync.urls import Guard, WebAddress, web_address

CANARY = "c4n4ry & <key>"
FORMS = [CANARY, quote(CANARY, safe=""), base64.b64encode(CANARY.encode()).decode()]
TOLD = f"They said: {', '.join(FORMS)}."
HIDDEN = "They said: ***, ***, ***."


@dataclass(frozen=True)
class Settings:
    """Of a system that tells all it knows."""

    address: WebAddress = setting("Where it is.", web_address)
    size: int = setting("How much.", integer(1, 9), 5)
    token: str = secret("What lets us in.")
    low: int = secret("From here.", integer(0, 9), 0)
    high: int = secret("To here.", integer(0, 9), 9)

    def faults(self) -> Iterator[Fault]:
        """The ends must be in order."""
        if self.low > self.high:
            yield Fault("low", "Not above high.")


class Telltale:
    """A store and a warehouse that repeat our secrets wherever they say something."""

    def __init__(self, fault: Exception | None) -> None:
        """Fail with `fault`, or answer."""
        self.fault = fault
        self.closed = 0

    def _answer(self) -> None:
        if self.fault is not None:
            raise self.fault

    async def describe(self) -> Abilities:
        """What it can do."""
        self._answer()
        return Abilities(TOLD)

    async def apply(self, levels: Sequence[Level]) -> Sequence[LevelOutcome]:
        """Refuse."""
        self._answer()
        return [LevelOutcome(each.store_sku, Outcome.REFUSED, error=TOLD) for each in levels]

    async def read(self, store_skus: Sequence[str]) -> Sequence[ShownLevel]:
        """Nothing is shown."""
        self._answer()
        return [ShownLevel(each, None) for each in store_skus]

    async def orders(self, cursor: str, *, limit: int) -> OrderPage:
        """Nobody buys."""
        self._answer()
        return OrderPage([], cursor, more=False)

    async def probe(self) -> Sequence[str]:
        """No facilities."""
        self._answer()
        return []

    async def stock(self, cursor: str) -> AsyncIterator[StockPart]:
        """One bad line."""
        self._answer()
        yield StockPart([Stock("A", "W", 0, fault=TOLD), Stock("B", "W", 1)])

    async def close(self) -> None:
        """Count it."""
        self.closed += 1


class Kept:
    """Secrets in memory: `Secrets`."""

    async def secrets(self, tenant: str, connection: str) -> Mapping[str, str]:
        """Ours."""
        return {"token": CANARY}


def making(telltale: Telltale) -> Making:
    """What makes connectors of it."""

    def made(settings: Settings, reach: Reach) -> Telltale:
        assert settings.token == CANARY
        return telltale

    sorts = {ConnectorKind.SHOPIFY: Sort(Settings, store=made), ConnectorKind.TRYTON: Sort(Settings, warehouse=made)}
    return Making(sorts, Kept(), Guard())


STORE = Connection("web", Role.STORE, ConnectorKind.SHOPIFY, settings={"address": "https://shop.example"})
WAREHOUSE = Connection("wms", Role.WAREHOUSE, ConnectorKind.TRYTON, settings={"address": "https://wms.example"})


async def test_answers_hold_no_secret() -> None:
    """Names, reasons and faults are told without them, in whichever form they were; what is no text for people is told
    as it is.
    """
    telltale = Telltale(None)
    async with making(telltale).store("acme", STORE) as store:
        assert (await store.describe()).name == HIDDEN
        assert await store.apply([Level("A", 1, 1)]) == [LevelOutcome("A", Outcome.REFUSED, error=HIDDEN)]
        assert await store.read(["A"]) == [ShownLevel("A", None)]
        assert (await store.orders("next", limit=1)).cursor == "next"
    async with making(telltale).warehouse("acme", WAREHOUSE) as warehouse:
        assert await warehouse.probe() == []
        (part,) = [each async for each in warehouse.stock("")]
        assert [each.fault for each in part.stock] == [HIDDEN, ""]
    assert telltale.closed == 2


@pytest.mark.parametrize("fault", [Away(TOLD), Denied(TOLD), Throttled(TOLD, retry_after_seconds=7)])
async def test_failures_hold_no_secret(fault: Exception) -> None:
    """What fails says so without them, as itself, and without what led to it; a text has an end."""
    telltale = Telltale(fault)
    async with making(telltale).store("acme", STORE) as store:
        for asking in (store.describe(), store.apply([]), store.read([]), store.orders("", limit=1)):
            fault.args = (TOLD,)
            with pytest.raises(type(fault)) as failed:
                await asking
            assert (str(failed.value), failed.value.__cause__) == (HIDDEN, None)
    async with making(telltale).warehouse("acme", WAREHOUSE) as warehouse:
        fault.args = (TOLD * 100,)
        with pytest.raises(type(fault)) as failed:
            await warehouse.probe()
        assert len(str(failed.value)) == 1024
        with pytest.raises(type(fault)):
            _ = [each async for each in warehouse.stock("")]
    assert getattr(fault, "retry_after_seconds", 7) == 7


async def test_accidents_hold_no_secret() -> None:
    """What nobody foresaw is an accident, which the log tells of: without our secrets, and so is what led to it."""
    try:
        try:
            raise KeyError(7, TOLD)
        except KeyError as cause:
            raise ValueError(TOLD) from cause
    except ValueError as accident:
        telltale = Telltale(accident)
    async with making(telltale).store("acme", STORE) as store:
        with pytest.raises(ValueError, match="They said") as failed:
            await store.describe()
    assert not [form for form in FORMS if form in "".join(traceback.format_exception(failed.value))]


def test_a_secret_of_many_lines_is_hidden_line_by_line() -> None:
    """A key that is told as one long line, or in part, is hidden, too."""
    key = "-----BEGIN KEY-----\nMIIabcdefgh\nc4n4ry==\n-----END KEY-----\n"
    assert Discretion([key, "", "\n"]).text(f"bad key {key!r}: c4n4ry==") == ("bad key '***\\n***\\n***\\n***\\n': ***")


@pytest.mark.parametrize(
    ("role", "connection", "sentence"),
    [
        (Role.STORE, WAREHOUSE, "is no store"),
        (Role.WAREHOUSE, STORE, "is no warehouse"),
        (Role.STORE, Connection("x", Role.STORE, ConnectorKind.MEDUSA), "no connector of kind MEDUSA"),
        (Role.STORE, Connection("x", Role.STORE, ConnectorKind.SHOPIFY), "address: Required. Where it is."),
    ],
)
async def test_what_cannot_be_made_is_denied(role: Role, connection: Connection, sentence: str) -> None:
    """Of another role or kind, or without what it takes: nobody talks to it until somebody changes that."""
    made = making(Telltale(None))
    asked: AbstractAsyncContextManager[Any] = (
        made.store("acme", connection) if role is Role.STORE else made.warehouse("acme", connection)
    )
    with pytest.raises(Denied, match=sentence):
        async with asked:
            pass


def test_settings_are_read_as_a_whole() -> None:
    """All that is given is read, defaults for the rest; or each fault is told, and none of what was given."""
    given = {"address": "https://shop.example", "size": "7"}
    settings, faults = read(Settings, given, {"token": CANARY}, Guard())
    assert (settings, faults) == (Settings(address=WebAddress("https://shop.example"), size=7, token=CANARY), [])
    assert CANARY not in repr(settings)
    _, faults = read(
        Settings, {"address": "http://x", "size": CANARY, "token": "t"}, {"low": CANARY, "x": "y"}, Guard()
    )
    assert [each.name for each in faults] == ["address", "size", "token", "low", "x", "token"]
    assert CANARY not in str(faults)
    _, faults = read(Settings, given, {"token": "t", "low": "5", "high": "4"}, Guard())
    assert faults == [Fault("low", "Not above high.")]


def test_every_kind_says_what_it_reads() -> None:
    """Each setting and secret of each kind has a sentence for people, and a name that is set but once."""
    for sort in SORTS.values():
        told = rows(sort.settings)
        assert all(each.description.endswith(".") for each in told)
        assert len({each.name for each in told}) == len(told)
    assert [(each.name, each.required, each.secret) for each in rows(Settings)] == [
        ("address", True, False),
        ("size", False, False),
        ("token", True, True),
        ("low", False, True),
        ("high", False, True),
    ]
