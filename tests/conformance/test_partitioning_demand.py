"""What orders were promised, in memory and on Postgres, held to the same promises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.kit.dividing import in_memory, on_postgres
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir_chassis.revisions import Revision
from weir_partitioning.ports import Counted, Demand, Sale, Sold

TV, SOFA = ("acme", "TV"), ("", "SOFA")
TODAY = datetime.now(UTC).date()
MONTH = TODAY - timedelta(days=29)
GROUPS = {"web": "shops", "app": "shops", "till": "stores"}


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """One database for all of these tests."""
    with postgres.fresh("weir_partitioning") as fresh:
        yield fresh


@pytest.fixture(params=["memory", "postgres"])
async def kept(request: pytest.FixtureRequest, database: FreshDatabase) -> AsyncIterator[Demand]:
    """Each implementation."""
    if request.param == "memory":
        yield in_memory().demand
        return
    async with on_postgres(database) as there:
        yield there.demand


def at(number: int, cluster: str = "books") -> Revision:
    """A revision of the ledger."""
    return Revision("ledger", cluster, 1, number)


def sold(number: int, *sales: Sale, more: bool = False) -> Sold:
    """What was sold up to a revision."""
    return Sold(sales, at(number), more)


def sale(units: int, channel: str = "web", *, ago: int = 0, product: tuple[str, str] = TV) -> Sale:
    """Units that were promised some days ago."""
    return Sale(product, units, channel, TODAY - timedelta(days=ago))


async def demand(kept: Demand, tenant: str, since: date = MONTH) -> dict[tuple[str, str], dict[str, int]]:
    """What is known of both products."""
    found = await kept.demand(tenant, [TV, SOFA], since)
    return {product: dict(units) for product, units in found.items()}


async def test_nothing_is_known_before_the_first_count(kept: Demand, tenant: str) -> None:
    """Where nothing was counted there is no mark and no demand."""
    assert await kept.counted(tenant) is None
    assert await demand(kept, tenant) == {}


async def test_sums_grow_by_group_and_day(kept: Demand, tenant: str) -> None:
    """Channels of a group are summed, and only days from the one asked for count; a channel that sharing does not know
    counts for nobody.
    """
    await kept.group(tenant, GROUPS)
    first = sold(4, sale(2), sale(3, "app"), sale(5, "till", ago=3), sale(7, "gone"), sale(1, product=SOFA))
    assert await kept.count(tenant, first, None, since=MONTH)
    assert await kept.count(tenant, sold(9, sale(10), sale(10)), Counted(MONTH, at(4)), since=MONTH)
    assert await demand(kept, tenant) == {TV: {"shops": 25, "stores": 5}, SOFA: {"shops": 1}}
    assert await demand(kept, tenant, TODAY - timedelta(days=2)) == {TV: {"shops": 25}, SOFA: {"shops": 1}}
    assert await kept.counted(tenant) == Counted(MONTH, at(9))


async def test_a_channel_takes_its_past_along(kept: Demand, tenant: str) -> None:
    """What a channel sold counts for the group that it is in now."""
    await kept.group(tenant, GROUPS)
    await kept.count(tenant, sold(4, sale(2), sale(3, "app")), None, since=MONTH)
    await kept.group(tenant, {"web": "stores", "app": "shops"})
    assert await demand(kept, tenant) == {TV: {"stores": 2, "shops": 3}}
    await kept.group(tenant, {})
    assert await demand(kept, tenant) == {}


async def test_a_stretch_is_counted_once(kept: Demand, tenant: str) -> None:
    """Who counts after a mark that was passed meanwhile changes nothing: each unit counts once."""
    await kept.group(tenant, GROUPS)
    await kept.count(tenant, sold(4, sale(2)), None, since=MONTH)
    assert await kept.count(tenant, sold(6, sale(3)), Counted(MONTH, at(4)), since=MONTH)
    assert not await kept.count(tenant, sold(6, sale(3)), Counted(MONTH, at(4)), since=MONTH)
    assert not await kept.count(tenant, sold(6, sale(3)), Counted(TODAY, at(6)), since=TODAY)
    assert await demand(kept, tenant) == {TV: {"shops": 5}}


async def test_counting_after_what_never_was_changes_nothing(kept: Demand, tenant: str) -> None:
    """A mark that is not there is not counted after, and none is made of it."""
    assert not await kept.count(tenant, sold(6, sale(3)), Counted(MONTH, at(4)), since=MONTH)
    assert await kept.counted(tenant) is None


async def test_counting_can_begin_anew(kept: Demand, tenant: str) -> None:
    """Who begins anew forgets what was counted before."""
    await kept.group(tenant, GROUPS)
    await kept.count(tenant, sold(4, sale(2)), None, since=MONTH)
    again = Sold([sale(3, ago=40)], at(2, "others"), more=False)
    assert await kept.count(tenant, again, None, since=TODAY - timedelta(days=60))
    assert await demand(kept, tenant, TODAY - timedelta(days=60)) == {TV: {"shops": 3}}
    assert await kept.counted(tenant) == Counted(TODAY - timedelta(days=60), at(2, "others"))


async def test_what_is_old_goes(kept: Demand, tenant: str) -> None:
    """What was promised before the first day is not counted; a year is kept, today in it, and no more."""
    begin = TODAY - timedelta(days=500)
    await kept.group(tenant, GROUPS)
    await kept.count(tenant, sold(4, sale(1, ago=501), sale(2, ago=365), sale(4, ago=364)), None, since=begin)
    assert await demand(kept, tenant, begin) == {TV: {"shops": 4}}


async def test_tenants_are_apart(kept: Demand, tenant: str) -> None:
    """What is counted, its mark and the groups of one tenant are none of another's."""
    for each, units in ((tenant, 2), ("u", 3)):
        await kept.group(each, GROUPS)
        await kept.count(each, sold(4, sale(units)), None, since=MONTH)
    await kept.group("u", {"web": "others"})
    assert await demand(kept, tenant) == {TV: {"shops": 2}}
    assert await demand(kept, "u") == {TV: {"others": 3}}
    assert await kept.counted("v") is None


async def test_sums_stay_within_what_is_counted_in(kept: Demand, tenant: str) -> None:
    """Sums that no number holds are as large as one gets, and hinder nothing."""
    most = (1 << 63) - 1
    await kept.group(tenant, GROUPS)
    await kept.count(tenant, sold(4, sale(most - 1), sale(most, "app")), None, since=MONTH)
    await kept.count(tenant, sold(5, sale(most)), Counted(MONTH, at(4)), since=MONTH)
    assert (await demand(kept, tenant))[TV]["shops"] >= most
