"""A Tryton ERP as a warehouse; tests/peers does it with the real one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.kit.shops.tryton import DATABASE, PASSWORD, USER, Tryton
from weir_sync.connectors import tryton
from weir_sync.connectors.asking import Asker
from weir_sync.connectors.making import Reach
from weir_sync.connectors.port import Away, Denied, Stock, StockPart, Throttled
from weir_sync.connectors.tryton import TrytonSettings
from weir_sync.domain.connections import Connection, ConnectorKind, Facility, Role
from weir_sync.urls import Guard, web_address


def connector(erp: Tryton, *facilities: str, password: str = PASSWORD, database: str = DATABASE) -> tryton.Tryton:
    """A connector of an ERP, of which these facilities are wanted."""
    settings = TrytonSettings(
        address=web_address("https://erp.example"), database=database, user=USER, password=password
    )
    wanted = tuple(Facility(each, "W1") for each in facilities)
    connection = Connection("erp", Role.WAREHOUSE, ConnectorKind.TRYTON, facilities=wanted)
    return tryton.Tryton(Asker(erp.client()), settings, Reach("acme", connection, Guard()))


async def told(erp: Tryton, cursor: str = "", *facilities: str) -> list[StockPart]:
    """All that is told."""
    warehouse = connector(erp, *(facilities or ("WH",)))
    try:
        return [part async for part in warehouse.stock(cursor)]
    finally:
        await warehouse.close()


def lines(parts: list[StockPart]) -> list[Stock]:
    """The stock of parts."""
    return [each for part in parts for each in part.stock]


async def test_a_full_report_and_what_moved_since() -> None:
    """All goods at the warehouses that are wanted, none of those that are not; then those that were moved."""
    erp = Tryton()
    here, there = erp.warehouse("WH"), erp.warehouse(None, "Annex")
    lamp, desk, service = erp.product("LAMP"), erp.product("DESK"), erp.product("HELP", "service")
    erp.moves(here, lamp, 5.0)
    erp.moves(there, desk, 7.0)
    erp.moves(here, service, 1.0)
    erp.now += timedelta(hours=1)
    parts = await told(erp)
    assert lines(parts) == [Stock("LAMP", "WH", 5), Stock("DESK", "WH", 0)]
    assert (parts[0].full, parts[-1].cursor) == (True, erp.now.isoformat())
    assert lines(await told(erp, "", "WH", "Annex"))[2:] == [Stock("LAMP", "Annex", 0), Stock("DESK", "Annex", 7)]
    erp.now += timedelta(hours=1)
    erp.moves(here, desk, 2.0)
    after = await told(erp, parts[-1].cursor)
    assert lines(after) == [Stock("DESK", "WH", 2)]
    assert not any(part.full for part in after)
    erp.now += timedelta(minutes=5)
    assert lines(await told(erp, after[-1].cursor)) == [Stock("DESK", "WH", 2)], "what was written late is seen again"
    erp.now += timedelta(hours=1)
    nothing = await told(erp, (erp.now - timedelta(minutes=1)).isoformat())
    assert (lines(nothing), nothing[-1].cursor) == ([], erp.now.isoformat())


async def test_what_cannot_be_told_as_whole_units() -> None:
    """A product without a code and a part of a unit have a fault; less than nothing is nothing."""
    erp = Tryton()
    here = erp.warehouse("WH")
    for code, quantity in ((None, 1.0), ("HALF", 0.5), ("OWED", -3.0)):
        erp.moves(here, erp.product(code), quantity)
    unnamed, half, owed = lines(await told(erp))
    assert (unnamed.sku, bool(unnamed.fault), bool(half.fault)) == ("product 1", True, True)
    assert owed == Stock("OWED", "WH", 0)


async def test_many_products_come_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once; nothing was moved since."""
    monkeypatch.setattr(tryton, "PAGE", 3)
    erp = Tryton()
    here = erp.warehouse("WH")
    for number in range(7):
        erp.moves(here, erp.product(f"P{number}"), float(number))
    erp.now += timedelta(hours=1)
    parts = await told(erp)
    assert lines(parts) == [Stock(f"P{number}", "WH", number) for number in range(7)]
    assert [part.full for part in parts].count(True) == 1
    assert lines(await told(erp, parts[-1].cursor)) == []


async def test_an_erp_without_goods_reports_that_there_are_none() -> None:
    """That is a full report, too, with a cursor."""
    erp = Tryton()
    erp.warehouse("WH")
    [part] = await told(erp)
    assert (part.stock, part.full, bool(part.cursor)) == ([], True, True)


async def test_a_probe_tells_warehouses() -> None:
    """All there are, by code or else by name."""
    erp = Tryton()
    erp.warehouse("WH")
    erp.warehouse(None, "Annex")
    assert await connector(erp).probe() == ["Annex", "WH"]


@pytest.mark.parametrize("given", [{"password": "wrong"}, {"database": "other"}])
async def test_an_erp_that_does_not_let_us_in(given: dict[str, str]) -> None:
    """It says so, without what we gave."""
    with pytest.raises(Denied) as denied:
        await connector(Tryton(), **given).probe()
    assert not set(given.values()) & set(str(denied.value).split())


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        ("throttle", Throttled),
        ("lose_request", Away),
        ("break", Away),
        ("deny", Denied),
        ("redirect", Denied),
        ("garbage", Away),
        ("misshape", Away),
        ("cut", Away),
    ],
)
async def test_whatever_a_request_meets(kind: str, failure: type[Exception]) -> None:
    """Each request on the way may meet it; what was told until then is not all, and nothing says that it is."""
    erp = Tryton()
    erp.moves(erp.warehouse("WH"), erp.product("LAMP"), 5.0)
    for before in range(5):
        erp.forget()
        erp.meets(*["fair"] * before, kind)
        with pytest.raises(failure):
            await told(erp)
