"""What takes stock in from warehouses: it asks, keeps what is said, and tells the ledger."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.ports import Objects
from weir_chassis.ids import identifier_fault
from weir_sync.connectors.port import ConnectorFailed, Connectors, Denied, Stock
from weir_sync.domain import feeds
from weir_sync.domain.connections import Connection, Role
from weir_sync.domain.feeds import Figure, Line, Pull, Pulled, Report, Said
from weir_sync.domain.health import Breaker, BreakerState, Health
from weir_sync.domain.listings import StoreSku
from weir_sync.errors import ConnectionNotFound
from weir_sync.ports.feeds import Feed, Progress, Reports, Snapshots, Stage
from weir_sync.ports.health import Healths
from weir_sync.ports.listings import Listings

PIECE = 1000
"""Lines that are kept, and figures that are told, at once."""


@dataclass(frozen=True, slots=True)
class Pulling:
    """Takes in what warehouses report: `Feeds`."""

    handlers: Handlers[Objects]
    connectors: Connectors
    listings: Listings
    reports: Reports
    snapshots: Snapshots
    healths: Healths
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def pull(self, pull: Pull, progress: Progress) -> Pulled:
        connection = await self._connection(pull)
        feed = await self.reports.begin(pull, feeds.mark(connection))
        if feed is None:
            raise ConnectionNotFound(connection=pull.connection)
        if feed.stage is Stage.READING:
            read = await self._asked(pull, connection, feed, progress)
            if read is None:
                return await self.reports.skip(feed)
            feed = read
        return feed.pulled if feed.stage is Stage.DONE else await self._told(feed, progress)

    async def _asked(self, pull: Pull, connection: Connection, feed: Feed, progress: Progress) -> Feed | None:
        """As `_read`; whether the warehouse answers is told in its health. It is asked again by runs and schedules
        alone, so that no breaker opens before it.
        """
        known = (await self.healths.health(pull.tenant, [pull.connection])).get(pull.connection, Health()).breaker
        failures = known.failures if known else 0
        try:
            read = await self._read(pull, connection, feed, progress)
        except ConnectorFailed as failed:
            breaker = Breaker(BreakerState.CLOSED, failures + 1, error=str(failed))
            await self.healths.set_breaker(pull.tenant, pull.connection, breaker)
            raise
        if known is None or failures:
            await self.healths.set_breaker(pull.tenant, pull.connection, Breaker(BreakerState.CLOSED))
        return read

    async def _connection(self, pull: Pull) -> Connection:
        async with self.handlers.reading(pull.tenant, {}) as (objects, _):
            connection = await objects.get(Connection, (pull.connection,))
        if connection is None or connection.role is not Role.WAREHOUSE:
            raise ConnectionNotFound(connection=pull.connection)
        return connection

    async def _read(self, pull: Pull, connection: Connection, feed: Feed, progress: Progress) -> Feed | None:
        """Keep what the warehouse says; None where it says nothing new."""
        asked_at, report, total, unreadable = self.clock(), None, 0, False
        async with self.connectors.warehouse(pull.tenant, connection) as warehouse:
            async for part in warehouse.stock("" if pull.full else feed.cursor):
                if report is None:
                    report = Report(self._moment(part.as_of or asked_at), part.full, feed.cursor)
                report = report._replace(cursor=part.cursor or report.cursor)
                for begin in range(0, len(part.stock), PIECE):
                    lines = await self._lines(pull, connection, part.stock[begin : begin + PIECE])
                    await self.reports.keep(feed, lines, report.as_of)
                    unreadable |= any(each.fault not in ("", feeds.NO_FACILITY) for each in lines)
                    total += len(lines)
                await progress(Pulled(total))
        if report is None:
            return None
        some, moved = bool(pull.skus), await self.reports.moved(feed)
        snapshot = feeds.snapshot(
            connection, report, before=feed.told_at, moved=moved, some=some, unreadable=unreadable
        )
        return await self.reports.seal(feed, snapshot, None if some else report.cursor)

    def _moment(self, as_of: datetime) -> datetime:
        """The moment of figures; raises Denied where the ledger takes none of it."""
        now = self.clock()
        if not now - feeds.PAST <= as_of <= now + feeds.AHEAD:
            raise Denied(
                f"The warehouse says that its figures are of {as_of.isoformat(sep=' ', timespec='seconds')}; they may"
                " be of 30 days ago at most, and of 5 minutes ahead."
            )
        return as_of

    async def _lines(self, pull: Pull, connection: Connection, stock: Sequence[Stock]) -> list[Line]:
        said = [_said(each) for each in stock]
        asked = [StoreSku(pull.connection, each.sku) for each in said if not each.fault]
        products = await self.listings.products(pull.tenant, asked, owner=connection.feed.owner)
        return feeds.lines(connection, said, products, only=pull.skus)

    async def _told(self, feed: Feed, progress: Progress) -> Pulled:
        """Tell the ledger what is kept, part by part; what it has already is not told again."""
        assert feed.snapshot is not None
        before = unchanged = 0
        for part in range(len(feed.snapshot.scopes)):
            request_id = f"sync/{feed.run}/{feed.number}/{part}"
            imported = await self.snapshots.take_in(
                feed.tenant,
                request_id,
                feed.snapshot,
                part,
                lambda first, part=part: self._figures(feed, part, first),  # type: ignore[misc]
                _telling(feed, before, progress),
            )
            if imported.refused:
                async for refused in self.snapshots.refused(feed.tenant, request_id):
                    await self.reports.refuse(feed, part, refused)
            before += imported.applied + imported.stale + imported.refused
            unchanged += imported.stale
        await self.healths.reported(feed.tenant, feed.connection, feed.snapshot.as_of)
        return await self.reports.end(feed, unchanged=unchanged)

    async def _figures(self, feed: Feed, part: int, first: int) -> AsyncGenerator[Sequence[Figure], None]:
        while figures := await self.reports.figures(feed, part, first, limit=PIECE):
            yield figures
            first += len(figures)


def _telling(feed: Feed, before: int, progress: Progress) -> Callable[[int], Awaitable[None]]:
    """Tells how far a pull is, in lines, once so many figures are settled beside those before."""
    total, _, failed, _ = feed.pulled

    async def tell(settled: int) -> None:
        await progress(Pulled(total, min(total, failed + before + settled), failed))

    return tell


def _said(stock: Stock) -> Said:
    """What a warehouse says, with what is wrong with it."""
    fault = stock.fault
    named = [("SKU", stock.sku), ("facility", stock.facility), ("unit of measure", stock.uom)]
    if stock.lot:
        named.append(("lot", stock.lot))
    for name, value in named:
        unfit = identifier_fault(value)
        if unfit and not fault:
            fault = f"Its {name} cannot be read: {unfit}"
    return Said(stock.sku, stock.facility, stock.lot, stock.uom, 0 if stock.removed else stock.quantity, fault)
