"""Answer questions about the books, each from one snapshot of the database."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from asyncpg import Record
from sqlalchemy import ColumnElement, Select, exists, func, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from weir_chassis.database import BY_KEY, Database, driver_of, head, retrying
from weir_chassis.errors import RequestIdReused, RevisionCompacted
from weir_ledger.domain.entries import BookedEntry, Commit
from weir_ledger.domain.queries import BalanceQuery, EntryQuery, LotQuery, ReservationQuery
from weir_ledger.domain.reservations import Claim, Reservation, Reserved
from weir_ledger.domain.shortfalls import HITS_MAX, Promised, Shortfall, hits
from weir_ledger.domain.stock import Balance, Location, LocationKind, Lot, LotName, StockItem
from weir_ledger.ports import Done
from weir_ledger.store import rows, statements
from weir_ledger.store.claims import READ as READ_CLAIMS
from weir_ledger.store.keys import key
from weir_ledger.store.outcomes import recalled
from weir_ledger.store.tables import (
    balances,
    entries,
    horizons,
    locations,
    lots,
    reservation_lines,
    reservations,
    shortfalls,
)

T = TypeVar("T")

ITEM = (
    balances.c.owner,
    balances.c.sku,
    balances.c.location,
    balances.c.lot,
    balances.c.uom,
    balances.c.custodian,
    balances.c.condition,
)
"""The columns that name a stock item, in the order that balances are listed."""

LOT = (lots.c.owner, lots.c.sku, lots.c.lot)
"""The columns that name a lot, in the order that lots are listed."""

EXPIRY = func.coalesce(
    select(lots.c.expiry)
    .where(
        lots.c.tenant == balances.c.tenant,
        lots.c.owner == balances.c.owner,
        lots.c.sku == balances.c.sku,
        lots.c.lot == balances.c.lot,
    )
    .scalar_subquery(),
    "",
).label("expiry")
"""Until when the lot of a balance can be sold, as is known; it is looked up for each row that is answered."""

# A page of many is read along its key; a planner that believes the tenant to have little would read all, and sort it.
_IN_ORDER = text("SET LOCAL enable_sort = off")

ALONG_A_KEY = f"{BY_KEY}; SET LOCAL enable_sort = off"
"""Plan the statements of this transaction as `BY_KEY` does, and to read rows in the order of a key."""

# Stands in the statement itself: whatever the custodian is that it is planned for, there is an index for all of them.
_IN_CUSTODY = text("balances.custodian <> ''")


class Reader:
    """The questions of `ports.Books`, which states what each promises."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def tenants(self) -> Sequence[str]:
        return await self._database.tenants()

    async def head(self, tenant: str) -> int:
        return await self._read(tenant, lambda connection: head(connection, tenant))

    async def balance(self, tenant: str, item: StockItem) -> tuple[Balance | None, int]:
        async def work() -> tuple[Balance | None, int]:
            async with self._database.driving(tenant) as driver:
                row = await driver.fetchrow(statements.BALANCE, tenant, key(item))
            assert row is not None  # the newest revision is always there
            found = (
                None
                if row["on_hand"] is None
                else Balance(item, row["on_hand"], row["reserved"], row["revision"], row["counted_at"], row["expiry"])
            )
            return found, row["newest"]

        return await retrying(work)

    async def balances(
        self, tenant: str, query: BalanceQuery, *, after: StockItem | None, limit: int
    ) -> tuple[Sequence[Balance], int]:
        wanted = after_item(of_balances(tenant, query), query, after, limit).add_columns(EXPIRY)

        async def work(connection: AsyncConnection) -> tuple[Sequence[Balance], int]:
            if is_walked(query):
                await (await driver_of(connection)).execute(ALONG_A_KEY)
            found = (await connection.execute(wanted)).mappings()
            return [rows.dated_balance(row) for row in found], await head(connection, tenant)

        return await self._read(tenant, work)

    async def shortfalls(
        self, tenant: str, query: BalanceQuery, *, after: StockItem | None, limit: int
    ) -> tuple[Sequence[Shortfall], int]:
        short = shortfalls
        wanted = after_item(of_balances(tenant, query), query, after, limit).add_columns(short.c.opened_at)
        wanted = wanted.join(short, (short.c.tenant == balances.c.tenant) & (short.c.item == balances.c.item))

        async def work(connection: AsyncConnection) -> tuple[Sequence[Shortfall], int]:
            found = (await connection.execute(wanted)).mappings().all()
            return await _with_hits(connection, tenant, found), await head(connection, tenant)

        return await self._read(tenant, work)

    async def entries(
        self, tenant: str, query: EntryQuery, *, after: tuple[int, int], limit: int
    ) -> tuple[Sequence[BookedEntry], int]:
        place = tuple_(entries.c.revision, entries.c.line)
        kept = select(func.max(horizons.c.revision)).where(horizons.c.tenant == tenant).scalar_subquery()
        wanted = _of_entries(tenant, query).where(place > tuple_(*after), entries.c.revision > func.coalesce(kept, 0))
        wanted = wanted.order_by(entries.c.revision, entries.c.line).limit(limit)
        of_some_items = query.product is not None or query.location or query.reservation

        async def work(connection: AsyncConnection) -> tuple[Sequence[BookedEntry], int]:
            if not of_some_items:
                await connection.execute(_IN_ORDER)
            found = (await connection.execute(wanted)).mappings()
            return [rows.booked_entry(row) for row in found], await head(connection, tenant)

        return await self._read(tenant, work)

    async def reservation(self, tenant: str, reservation: str) -> tuple[Reservation | None, bytes, int]:
        async def work(connection: AsyncConnection) -> tuple[Reservation | None, bytes, int]:
            found = await _reservations(connection, tenant, [UUID(reservation)])
            plan = await _plan(connection, tenant, reservation)
            return (found[0] if found else None), plan, await head(connection, tenant)

        return await self._read(tenant, work)

    async def reserve_outcome(self, tenant: str, request_id: str, digest: bytes) -> tuple[Done[Reserved] | None, int]:
        async def work(connection: AsyncConnection) -> tuple[Done[Reserved] | None, int]:
            found = await _fetch(connection, statements.OUTCOME, tenant, "Reserve", request_id)
            if found and digest and found[0]["fingerprint"] != digest:
                raise RequestIdReused(request_id)
            made = recalled("Reserve", found[0]["outcome"]) if found else None
            done = Done(made, found[0]["revision"]) if isinstance(made, Reserved) else None
            return done, await head(connection, tenant)

        return await self._read(tenant, work)

    async def reservations(
        self, tenant: str, query: ReservationQuery, *, after: str, limit: int
    ) -> tuple[Sequence[Reservation], int]:
        wanted = _of_reservations(tenant, query).order_by(reservations.c.reservation).limit(limit)
        if after:
            wanted = wanted.where(reservations.c.reservation > UUID(after))

        async def work(connection: AsyncConnection) -> tuple[Sequence[Reservation], int]:
            names = (await connection.execute(wanted)).scalars().all()
            return await _reservations(connection, tenant, names), await head(connection, tenant)

        return await self._read(tenant, work)

    async def claims(self, tenant: str, claims: Sequence[str]) -> tuple[Sequence[Claim], int]:
        assert claims  # wire lets nothing else through

        async def work() -> tuple[Sequence[Claim], int]:
            async with self._database.driving(tenant) as driver:
                found = await driver.fetch(READ_CLAIMS, tenant, claims)
            return [rows.claim(row) for row in found], found[0]["newest"]

        return await retrying(work)

    async def location(self, tenant: str, location: str) -> tuple[Location | None, int]:
        wanted = select(locations).where(locations.c.tenant == tenant, locations.c.location == location)
        found, revision = await self._list(tenant, wanted, rows.location)
        return (found[0] if found else None), revision

    async def locations(
        self, tenant: str, kind: LocationKind | None, *, after: str, limit: int
    ) -> tuple[Sequence[Location], int]:
        wanted = select(locations).where(locations.c.tenant == tenant, locations.c.location > after)
        if kind is not None:
            wanted = wanted.where(locations.c.kind == kind)
        return await self._list(tenant, wanted.order_by(locations.c.location).limit(limit), rows.location)

    async def lot(self, tenant: str, name: LotName) -> tuple[Lot | None, int]:
        wanted = select(lots).where(lots.c.tenant == tenant, tuple_(*LOT) == tuple_(*name))
        found, revision = await self._list(tenant, wanted, rows.lot)
        return (found[0] if found else None), revision

    async def lots(
        self, tenant: str, query: LotQuery, *, after: LotName | None, limit: int
    ) -> tuple[Sequence[Lot], int]:
        wanted = select(lots).where(lots.c.tenant == tenant)
        if query.product is not None:
            wanted = wanted.where(lots.c.owner == query.product[0], lots.c.sku == query.product[1])
        if query.expiring_before:
            wanted = wanted.where(lots.c.expiry != "", lots.c.expiry < query.expiring_before)
        if after is not None:
            wanted = wanted.where(tuple_(*LOT) > tuple_(*after))
        return await self._list(tenant, wanted.order_by(*LOT).limit(limit), rows.lot)

    async def due(self, tenant: str, limit: int) -> Sequence[str]:
        async with self._database.driving(tenant) as driver:
            return [str(row["reservation"]) for row in await driver.fetch(statements.DUE, tenant, limit)]

    async def commits(self, tenant: str, after: int, limit: int) -> Sequence[Commit]:
        async def work() -> Sequence[Commit]:
            async with self._database.driving(tenant) as driver:
                found = await driver.fetch(statements.COMMITS, tenant, after, limit)
            if after < found[0]["horizon"]:
                raise RevisionCompacted(context="ledger", number=after, oldest_kept=found[0]["horizon"])
            return list(rows.commits(found)) if found[0]["revision"] is not None else []

        return await retrying(work)

    async def horizon(self, tenant: str) -> int:
        async def work() -> int:
            async with self._database.driving(tenant) as driver:
                return await driver.fetchval(statements.HORIZON, tenant) or 0

        return await retrying(work)

    async def _read(self, tenant: str, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """What `work` reads from one snapshot, tried again where the connection is lost."""

        async def attempt() -> T:
            async with self._database.reading(tenant) as connection:
                return await work(connection)

        return await retrying(attempt)

    async def _list(self, tenant: str, wanted: Select[Any], make: Callable[[rows.Row], T]) -> tuple[Sequence[T], int]:
        """The values of the rows `wanted`, and the revision they were read at."""

        async def work(connection: AsyncConnection) -> tuple[Sequence[T], int]:
            found = (await connection.execute(wanted)).mappings()
            return [make(row) for row in found], await head(connection, tenant)

        return await self._read(tenant, work)


async def _fetch(connection: AsyncConnection, statement: str, *arguments: Any) -> list[Record]:
    """The rows of a statement of the driver, within the transaction of `connection`."""
    return await (await driver_of(connection)).fetch(statement, *arguments)


async def _reservations(connection: AsyncConnection, tenant: str, names: Sequence[UUID]) -> list[Reservation]:
    """The reservations of these names, in the order of their names."""
    return list(rows.reservations(await _fetch(connection, statements.RESERVATION, tenant, names)))


async def _plan(connection: AsyncConnection, tenant: str, reservation: str) -> bytes:
    """What the caller keeps with a reservation; empty where that is nothing."""
    found = await _fetch(connection, statements.PLAN, tenant, UUID(reservation))
    return found[0]["plan"] if found else b""


async def _with_hits(connection: AsyncConnection, tenant: str, short: Sequence[rows.Row]) -> list[Shortfall]:
    """The shortfalls of rows of balances that are short, with the promises each hits."""
    found = {row["item"]: rows.balance(row) for row in short}
    units = [balance.shortfall for balance in found.values()]
    promised: dict[UUID, list[Promised]] = {item: [] for item in found}
    for row in await _fetch(connection, statements.PROMISED, tenant, list(found), units, HITS_MAX):
        promised[row["item"]].append(rows.promised(row))
    return [
        Shortfall(balance, row["opened_at"], hits(promised[item], balance.shortfall))
        for row, (item, balance) in zip(short, found.items(), strict=True)
    ]


def after_item(wanted: Select[Any], query: BalanceQuery, after: StockItem | None, limit: int) -> Select[Any]:
    """The first `limit` rows after a stock item, of rows that have its columns and are of the owner that `query`
    names.
    """
    if after is not None:
        wanted = wanted.where(_is_after(after, query.owner))
    return wanted.order_by(*ITEM).limit(limit)


def _is_after(item: StockItem, owner: str | None) -> ColumnElement[bool]:
    """Whether a row that has the columns of a stock item comes after that one; all rows are of `owner` unless None.

    What is the same for all is not compared, so that an index is entered where the rows after it begin.
    """
    fields = (item.owner, item.sku, item.location, item.lot, item.uom, item.custodian, item.condition)
    same = int(item.owner == owner)
    return tuple_(*ITEM[same:]) > tuple_(*fields[same:])


def of_balances(tenant: str, query: BalanceQuery) -> Select[Any]:
    """The rows of the balances that `query` means."""
    wanted = select(balances).where(balances.c.tenant == tenant)
    if query.owner is not None:
        wanted = wanted.where(balances.c.owner == query.owner)
    if query.skus:
        wanted = wanted.where(balances.c.sku.in_(query.skus))
    if query.locations:
        wanted = wanted.where(balances.c.location.in_(query.locations))
    if query.lot is not None:
        wanted = wanted.where(balances.c.lot == query.lot)
    if query.custodian is not None:
        wanted = wanted.where(balances.c.custodian == query.custodian)
    if query.custodian:
        wanted = wanted.where(_IN_CUSTODY)
    if query.condition is not None:
        wanted = wanted.where(balances.c.condition == query.condition)
    if query.shortfall_only:
        wanted = wanted.where(balances.c.reserved > balances.c.on_hand)
    if query.held_only:
        wanted = wanted.where(or_(balances.c.on_hand != 0, balances.c.reserved != 0))
    if query.after is not None:
        wanted = wanted.where(_is_after(query.after, query.owner))
    return wanted


def is_walked(query: BalanceQuery) -> bool:
    """Whether a page is read along a key: nothing that `query` asks for would find its rows sooner."""
    rare = query.skus or query.locations or query.shortfall_only
    return not rare and (bool(query.custodian) or query.condition is None)


def _of_entries(tenant: str, query: EntryQuery) -> Select[Any]:
    """The rows of the entries that `query` means, with their stock items."""
    wanted = (
        select(entries, *ITEM)
        .join(balances, (balances.c.tenant == entries.c.tenant) & (balances.c.item == entries.c.item))
        .where(entries.c.tenant == tenant)
    )
    if query.product is not None:
        wanted = wanted.where(balances.c.owner == query.product[0], balances.c.sku == query.product[1])
    if query.location:
        wanted = wanted.where(balances.c.location == query.location)
    if query.reservation:
        lines = reservation_lines
        named = select(lines.c.item).where(lines.c.tenant == tenant, lines.c.reservation == UUID(query.reservation))
        own = entries.alias("own")  # units that it promised may have gone to stock items that it does not name
        booked = select(own.c.revision).where(
            own.c.tenant == tenant, own.c.item.in_(named), own.c.reservation == UUID(query.reservation)
        )
        wanted = wanted.where(entries.c.revision.in_(booked), entries.c.reservation == UUID(query.reservation))
    if query.kinds:
        wanted = wanted.where(entries.c.kind.in_(query.kinds))
    if query.recorded_after is not None:
        wanted = wanted.where(entries.c.recorded_at >= query.recorded_after)
    return wanted


def _of_reservations(tenant: str, query: ReservationQuery) -> Select[Any]:
    """The names of the reservations that `query` means."""
    wanted = select(reservations.c.reservation).where(reservations.c.tenant == tenant)
    if query.states:
        wanted = wanted.where(reservations.c.state.in_(query.states))
    if query.order:
        wanted = wanted.where(reservations.c.order_name == query.order)
    if query.channel:
        wanted = wanted.where(reservations.c.channel == query.channel)
    lines = reservation_lines
    named = select(lines.c.reservation).where(
        lines.c.tenant == tenant, lines.c.reservation == reservations.c.reservation
    )
    goods = named.join(balances, (balances.c.tenant == lines.c.tenant) & (balances.c.item == lines.c.item))
    if query.product is not None:
        goods = goods.where(balances.c.owner == query.product[0], balances.c.sku == query.product[1])
    if query.location:
        goods = goods.where(balances.c.location == query.location)
    if query.product is not None or query.location:
        wanted = wanted.where(exists(goods))
    return wanted
