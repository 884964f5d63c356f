"""Stock of warehouses comes into the ledger, whatever goes wrong on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta

import pytest

from tests.kit.ledger import item
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.proxy import wire
from tests.kit.warehouses import Feeding, Site, feeding, now
from weir.ledger.v1 import ledger_pb2
from weir_chassis.client import Peer
from weir_chassis.errors import CallAborted
from weir_sync.connectors.port import Denied
from weir_sync.domain.connections import FeedTerms, LeftOut
from weir_sync.domain.feeds import Figure, Pull, Pulled
from weir_sync.domain.listings import Listing
from weir_sync.errors import ConnectionNotFound
from weir_sync.peers.snapshots import PeerSnapshots
from weir_sync.ports.feeds import Figures, Imported
from weir_sync.store.feeds import FEW

ON_HAND, AVAILABLE = FeedTerms(on_hand=True), FeedTerms()
COMPLETE = FeedTerms(on_hand=True, absent_is_zero=True)
NORTH = {"North": "W1"}
FAULTS = "SELECT sku, facility, fault FROM stock_lines WHERE tenant = $1 AND fault <> '' ORDER BY sku, facility"
CURSOR = "SELECT cursor FROM feeds WHERE tenant = $1"


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for this module."""
    with postgres.fresh("weir_sync", "weir_ledger") as made:
        yield made


@pytest.fixture(scope="module")
async def feeds(database: FreshDatabase) -> AsyncIterator[Feeding]:
    """The taking in of stock for this module."""
    async with feeding(database) as running:
        yield running


async def test_a_full_pull_takes_everything_and_a_smart_one_what_changed(feeds: Feeding) -> None:
    """The ledger has what the warehouse said; then what changed is told, and what is gone is not there any more."""
    site = await feeds.tenant()
    site.warehouse.has(("A", "North"), 5)
    site.warehouse.has(("B", "North"), 7)
    site.warehouse.has(("B", "North", "L1", "CARTON"), 2)
    await site.connect(NORTH, ON_HAND)
    assert await site.pull(full=True) == Pulled(3, 3)
    assert [await site.on_hand("A"), await site.on_hand("B"), await site.on_hand("B", lot="L1", uom="CARTON")] == [
        5,
        7,
        2,
    ]
    site.warehouse.has(("A", "North"), 4)
    site.warehouse.lost(("B", "North"))
    assert await site.pull() == Pulled(2, 2)
    assert [await site.on_hand("A"), await site.on_hand("B"), await site.on_hand("B", lot="L1", uom="CARTON")] == [
        4,
        0,
        2,
    ]
    assert await site.pull() == Pulled(0, 0)
    assert [bool(each) for each in site.warehouse.asked] == [False, True, True]


async def test_a_bad_line_stops_no_other(feeds: Feeding) -> None:
    """Each bad line is kept with its fault and counted as failed; all others are in the ledger."""
    site = await feeds.tenant()
    site.warehouse.has(("A", "North"), 5)
    site.warehouse.has(("A", "South"), 6)
    site.warehouse.has(("B", "North"), -1)
    site.warehouse.has(("C\x00", "North"), 1)
    site.warehouse.has(("D", "North"), 1, fault="Line 7: units are no number.")
    site.warehouse.has(("off", "North"), 1)
    await site.connect(NORTH, ON_HAND)
    await site.put(Listing("storehouse", "off", "", "OFF", disabled=True))
    assert await site.pull() == Pulled(6, 6, failed=5)
    assert await site.on_hand("A") == 5
    assert [(sku, facility) for sku, facility, _ in await feeds.rows(site, FAULTS)] == [
        ("A", "South"), ("B", "North"), ("C?", "North"), ("D", "North"), ("off", "North"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("terms", "on_hand"),
    [
        (ON_HAND, 5),
        (AVAILABLE, 5),
        (FeedTerms(left_out=LeftOut.ALL), 9),
        (FeedTerms(left_out=LeftOut.NONE), 5),
    ],
)
async def test_figures_mean_what_the_connection_says(feeds: Feeding, terms: FeedTerms, on_hand: int) -> None:
    """Units on hand as they are; of available ones the promises are added that the warehouse had left out."""
    site = await feeds.tenant()
    await site.books.receive("A", 20)
    await site.books.reserve(("A", 4))
    site.warehouse.has(("A", "North"), 5)
    await site.connect(NORTH, terms)
    await site.pull()
    assert await site.on_hand("A") == on_hand


async def test_lines_of_one_stock_item_add_up(feeds: Feeding) -> None:
    """Facilities that are one location, and SKUs that are one product, are summed; also where only one of them
    changed.
    """
    site = await feeds.tenant()
    site.warehouse.has(("A", "North"), 5)
    site.warehouse.has(("A", "South"), 6)
    site.warehouse.has(("A-old", "North"), 1)
    await site.connect({"North": "W1", "South": "W1"}, ON_HAND)
    await site.put(Listing("storehouse", "A", "", "A"), Listing("storehouse", "A-old", "", "A"))
    await site.pull()
    assert await site.on_hand("A") == 12
    site.warehouse.has(("A", "South"), 2)
    await site.pull()
    assert await site.on_hand("A") == 8


@pytest.mark.parametrize(("terms", "left"), [(ON_HAND, 7), (COMPLETE, 0)])
async def test_what_a_full_report_does_not_name_is_left_or_gone_by_choice(
    feeds: Feeding, terms: FeedTerms, left: int
) -> None:
    """Also what the warehouse never named; but not where a line cannot be read, nor of some SKUs alone."""
    site = await feeds.tenant()
    await site.books.receive("never", 7)
    site.warehouse.has(("A", "North"), 5)
    site.warehouse.has(("B", "North"), 7)
    await site.connect(NORTH, terms)
    await site.pull()
    if not left:
        await site.books.count("never", 7)  # after the first report, which did not name it either
    site.warehouse.lost(("B", "North"))
    site.warehouse.has(("?", "North"), 1, fault="It cannot be read.")
    await site.pull(full=True)
    await site.pull(full=True, skus=["A"])
    assert [await site.on_hand("never"), await site.on_hand("B")] == [7, 7]
    site.warehouse.lost(("?", "North"))
    await site.pull(full=True)
    assert [await site.on_hand("never"), await site.on_hand("B"), await site.on_hand("A")] == [left, left, 5]


async def test_some_skus_alone_leave_the_cursor(feeds: Feeding) -> None:
    """What others changed meanwhile is told in the next pull of all."""
    site = await feeds.tenant()
    site.warehouse.has(("A", "North"), 5)
    await site.connect(NORTH, ON_HAND)
    await site.pull()
    site.warehouse.has(("A", "North"), 6)
    site.warehouse.has(("B", "North"), 7)
    assert await site.pull(skus=["B"]) == Pulled(1, 1)
    assert await site.pull() == Pulled(2, 2)
    assert [await site.on_hand("A"), await site.on_hand("B")] == [6, 7]


async def test_a_pull_that_breaks_off_is_begun_anew(feeds: Feeding) -> None:
    """The cursor has not moved, and nothing that was said so far is in the ledger."""
    site = await feeds.tenant()
    for number in range(25):
        site.warehouse.has((f"A{number}", "North"), 1)
    await site.connect(NORTH, ON_HAND)
    site.warehouse.make(part=10, breaks_after=20)
    with pytest.raises(ConnectionError):
        await site.pull(run="broken")
    assert await feeds.rows(site, CURSOR) == [("",)]
    site.warehouse.make(breaks_after=None)
    assert await site.pull(run="broken") == Pulled(25, 25)
    assert await site.on_hand("A24") == 1


class Dying:
    """A ledger to which nobody gets through, after so many pieces of figures."""

    def __init__(self, snapshots: PeerSnapshots, pieces: int) -> None:
        self._snapshots = snapshots
        self._pieces = pieces

    async def take_in(
        self, tenant: str, request_id: str, snapshot: object, part: int, figures: Figures, settled: object
    ) -> Imported:
        async def some(first: int) -> AsyncIterator[Sequence[Figure]]:
            pieces = 0
            async for piece in figures(first):
                if pieces == self._pieces:
                    raise ConnectionResetError
                pieces += 1
                yield piece

        return await self._snapshots.take_in(tenant, request_id, snapshot, part, some, settled)  # type: ignore[arg-type]

    def refused(self, tenant: str, request_id: str) -> AsyncIterator[Sequence[tuple[int, str]]]:
        """As they are."""
        return self._snapshots.refused(tenant, request_id)


async def counts(site: Site) -> int:
    """How often the ledger counted anything."""
    return sum(each.account == ledger_pb2.ACCOUNT_STOCK for each in await site.books.entries())


async def stocked(site: Site, lines: int) -> None:
    """A warehouse that has so many SKUs, one unit of each."""
    for number in range(lines):
        site.warehouse.has((f"A{number:05}", "North"), 1)
    await site.connect(NORTH, ON_HAND)


@pytest.mark.parametrize("pieces", [0, 1, 2])
async def test_whoever_dies_in_telling_leaves_a_pull_to_go_on_with(feeds: Feeding, pieces: int) -> None:
    """The same run asks the warehouse no more; it tells the ledger what that has not, and all is counted once."""
    site = await feeds.tenant()
    await stocked(site, 2500)
    dying = feeds.pulling(site.warehouse)
    object.__setattr__(dying, "snapshots", Dying(PeerSnapshots(feeds.peer), pieces))
    healthy, site.pulling = site.pulling, dying
    with pytest.raises(ConnectionResetError):
        await site.pull(run="dies")
    site.pulling = healthy
    site.warehouse.has(("A00000", "North"), 9)
    assert await site.pull(run="dies") == Pulled(2500, 2500)
    assert len(site.warehouse.asked) == 1
    assert await site.pull(run="dies") == Pulled(2500, 2500)
    assert await counts(site) == 2500
    await site.pull()
    assert await site.on_hand("A00000") == 9


async def test_another_pull_takes_the_place_of_one_that_died(feeds: Feeding) -> None:
    """It begins anew, from the cursor as it was; whoever still holds the one before is turned away."""
    site = await feeds.tenant()
    await stocked(site, 1500)
    former = await site.pulling.reports.begin(Pull(site.tenant, "storehouse", "former", full=False), "mark")
    assert former is not None
    site.pulling = feeds.pulling(site.warehouse)
    assert await site.pull() == Pulled(1500, 1500)
    with pytest.raises(CallAborted):
        await site.pulling.reports.skip(former)
    assert await site.on_hand("A01499") == 1


async def test_a_stream_that_breaks_is_gone_on_with(feeds: Feeding) -> None:
    """Connections to the ledger are cut in the midst of an import; nothing is missing, and nothing is there twice."""
    site = await feeds.tenant()
    await stocked(site, 4000)
    async with wire(feeds.ledger.server.address) as thin, Peer(thin.address) as peer:
        thin.delay_seconds = (0.0, 0.01)
        site.pulling = feeds.pulling(site.warehouse, peer)
        pulling = asyncio.ensure_future(site.pull(run="cut"))
        for _ in range(3):
            before = thin.connections
            while thin.connections == before and not pulling.done():
                await asyncio.sleep(0.02)  # until it is there again
                thin.cut()
        assert await pulling == Pulled(4000, 4000)
    assert await counts(site) == 4000


async def test_lines_become_other_stock_items(feeds: Feeding) -> None:
    """Where a facility moves to another location all is asked for again; the units are there, and no more where they
    were, also of the very same moment. So are those of a SKU that is another product now, once it is reported.
    """
    site = await feeds.tenant("W1", "W2")
    site.warehouse.has(("A", "North"), 5)
    site.warehouse.make(as_of=now() - timedelta(minutes=5))
    await site.connect(NORTH, ON_HAND)
    await site.pull()
    await site.connect({"North": "W2"})
    await site.pull()
    assert site.warehouse.asked == ["", ""]
    assert [await site.on_hand("A", "W1"), await site.on_hand("A", "W2")] == [0, 5]
    assert await site.pull(full=True) == Pulled(1, 1, unchanged=1)
    await site.put(Listing("storehouse", "A", "", "B"))
    assert await site.pull(full=True) == Pulled(1, 1)
    assert [await site.on_hand("A", "W2"), await site.on_hand("B", "W2")] == [0, 5]


async def test_what_the_ledger_refuses_is_told_again(feeds: Feeding) -> None:
    """A line for a location that is not there has the fault, and is told again with the next pull, however small."""
    site = await feeds.tenant()
    site.warehouse.has(("A", "North"), 5)
    site.warehouse.has(("A", "South"), 6)
    await site.connect({"North": "W1", "South": "W2"}, ON_HAND)
    assert await site.pull() == Pulled(2, 2, failed=1)
    [(_, facility, fault)] = await feeds.rows(site, FAULTS)
    assert (facility, "W2" in fault) == ("South", True)
    await site.books.place("W2")
    assert await site.pull() == Pulled(1, 1)
    assert (await site.on_hand("A", "W2"), await feeds.rows(site, FAULTS)) == (6, [])


async def test_movements_after_the_moment_of_the_figures_stand(feeds: Feeding) -> None:
    """Goods that came in after the warehouse counted are not lost, and what is older than a report known is left."""
    site = await feeds.tenant()
    site.warehouse.has(("A", "North"), 5)
    site.warehouse.make(as_of=now() - timedelta(minutes=5))
    await site.books.receive("A", 3)
    await site.connect(NORTH, ON_HAND)
    await site.pull()
    assert await site.on_hand("A") == 8
    site.warehouse.make(as_of=now() - timedelta(minutes=6))
    site.warehouse.has(("A", "North"), 1)
    assert await site.pull() == Pulled(1, 1, unchanged=1)
    assert await site.on_hand("A") == 8


@pytest.mark.parametrize("days", [-31, 1])
async def test_figures_of_no_moment_that_could_be(feeds: Feeding, days: int) -> None:
    """Those that are too old, and those that are still to come, are refused as a whole, and say of when they are."""
    site = await feeds.tenant()
    site.warehouse.has(("A", "North"), 5)
    site.warehouse.make(as_of=now() + timedelta(days=days))
    await site.connect(NORTH, ON_HAND)
    with pytest.raises(Denied, match="figures are of"):
        await site.pull()
    assert await counts(site) == 0


async def test_whether_it_answers_is_told_in_its_health(feeds: Feeding) -> None:
    """How often it failed in a row, and why; nothing of it once it answers."""
    site = await feeds.tenant()
    site.warehouse.has(("A", "North"), 5)
    site.warehouse.make(as_of=now() - timedelta(days=31))
    await site.connect(NORTH, ON_HAND)
    for _ in range(2):
        with pytest.raises(Denied):
            await site.pull()
    breakers = "SELECT state, failures, error <> '' FROM connection_health WHERE tenant = $1"
    assert await feeds.rows(site, breakers) == [("CLOSED", 2, True)]
    site.warehouse.make(as_of=None)
    await site.pull()
    assert await feeds.rows(site, breakers) == [("CLOSED", 0, False)]


async def test_a_warehouse_that_is_not_there(feeds: Feeding) -> None:
    """Nobody is asked."""
    site = await feeds.tenant()
    with pytest.raises(ConnectionNotFound):
        await site.pull()
    assert site.warehouse.asked == []


async def test_a_scope_of_many_locations_is_told_in_parts(feeds: Feeding) -> None:
    """One import is complete for 100 locations; where there are more there are as many imports as it takes."""
    places = [f"P{number:03}" for number in range(101)]
    site = await feeds.tenant("W1")
    await site.books.place(places[0], places[100])
    await site.books.receive(item("gone", places[100]), 4)
    site.warehouse.has(("A", places[0]), 5)
    site.warehouse.has(("A", places[100]), 6)
    await site.connect({each: each for each in places}, COMPLETE)
    assert await site.pull() == Pulled(2, 2)
    assert [await site.on_hand("A", places[0]), await site.on_hand("A", places[100])] == [5, 6]
    assert await site.on_hand("gone", places[100]) == 0


async def test_many_and_few_lines_add_up_alike(feeds: Feeding) -> None:
    """What is summed up in one pass over all lines is the same as what is looked up item by item."""
    site = await feeds.tenant()
    for number in range(FEW // 2 + 1):
        site.warehouse.has((f"A{number}", "North"), 2)
        site.warehouse.has((f"A{number}", "South"), 3)
    await site.connect({"North": "W1", "South": "W1"}, ON_HAND)
    assert await site.pull() == Pulled(FEW + 2, FEW + 2)
    assert [await site.on_hand("A0"), await site.on_hand("A1")] == [5, 5]
    site.warehouse.has(("A1", "North"), 10)
    assert await site.pull() == Pulled(1, 1)
    assert [await site.on_hand("A0"), await site.on_hand("A1")] == [5, 13]


async def test_warehouses_of_others(feeds: Feeding) -> None:
    """Nobody pulls, sees or moves what another tenant's warehouse said, though it goes by the same name."""
    mine, other = await feeds.tenant(), await feeds.tenant()
    mine.warehouse.has(("A", "North"), 5)
    await mine.connect(NORTH, ON_HAND)
    await mine.pull()
    reports = other.pulling.reports
    assert await reports.begin(Pull(other.tenant, "storehouse", "run", full=True), "mark") is None
    assert await reports.reportings(other.tenant, ["storehouse"], awaited=["storehouse"]) == []
    feed = await mine.pulling.reports.begin(Pull(mine.tenant, "storehouse", "run", full=True), "mark")
    assert feed is not None
    with pytest.raises(CallAborted):
        await reports.skip(feed._replace(tenant=other.tenant))
