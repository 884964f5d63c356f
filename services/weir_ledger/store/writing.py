"""Write what a group of accepted commands changed, under the next revision of the tenant."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from weir_chassis.database import Driver
from weir_ledger.domain.books import Books
from weir_ledger.domain.limits import NOTHING, Holding
from weir_ledger.domain.reservations import Claim, LineClaim, Reservation
from weir_ledger.domain.stock import Balance, Lot, StockItem
from weir_ledger.domain.waiting import Product
from weir_ledger.store import claims, statements
from weir_ledger.store.snapshots import write_progress
from weir_ledger.store.waiting import digestible, write_waiting

SEPARATOR = "\x1f"
"""Joins texts that travel as one; no identifier holds a control character."""
NO_CEILING = "-"
"""Stands among the ceilings of a line for one that it does not have."""


@dataclass(frozen=True, slots=True)
class Found:
    """The keys of the stock items a group touches, and what was there before it."""

    keys: dict[StockItem, str]
    balances: dict[StockItem, Balance]
    reservations: dict[str, int]
    """How many lines each had."""
    claims: dict[str, Claim]
    holdings: dict[str, Holding]
    back_orders: frozenset[Product] = frozenset()


class LimitsRaced(Exception):
    """Another process promised so much meanwhile that together they pass a limit: to be decided anew."""


def found_in(books: Books, keys: dict[StockItem, str]) -> Found:
    """What stands in the books as they were opened."""
    lines = {name: len(each.lines) for name, each in books.reservations.items()}
    counted = frozenset(books.back_orders)
    return Found(keys, dict(books.balances), lines, dict(books.claims), dict(books.holdings), counted)


async def write(
    driver: Driver, tenant: str, books: Books, found: Found, to_remember: Sequence[tuple[str, str, bytes, str]]
) -> int:
    """Write the changed books and the outcomes `to_remember`; return the revision they have when committed.

    Raises LimitsRaced.
    """
    touched = [books.balances[item] for item in books.touched_items]
    fresh = [balance for balance in touched if balance.item not in found.balances]
    changed = [balance for balance in touched if balance.item in found.balances]
    told = [claims.told(books.claims[each], found.claims.get(each)) for each in books.touched_claims]
    reservations = [books.reservations[each] for each in books.touched_reservations]
    made = [each for each in reservations if each.reservation not in found.reservations]
    statement, more = _more_digested(books)
    written = await driver.fetchrow(
        statement,
        tenant,
        books.now,
        *_columns(_entries(books, found.keys), 12),
        *_columns((_fresh(balance, found.keys) for balance in fresh), 11),
        *_columns(((found.keys[each.item], each.on_hand, each.reserved, each.counted_at) for each in changed), 4),
        *_columns(to_remember, 4),
        *_columns(map(_made, made), 5),
        *_columns(chain.from_iterable(_made_lines(each, found) for each in reservations), 12),
        *_columns(told, 6),
        *_held(books, found),
        *more,
    )
    if written is None:  # the tenant's first write: its revision row is made, and all is done again
        await driver.execute(statements.KNOW_TENANT, tenant)
        return await write(driver, tenant, books, found, to_remember)
    if written["exceeded"]:
        raise LimitsRaced
    revision: int = written["revision"]
    await claims.write(driver, tenant, revision, told, found.claims)
    await _change_shortfalls(driver, tenant, revision, written["moment"], touched, found)
    changed_reservations = [each for each in reservations if each.reservation in found.reservations]
    await _change_reservations(driver, tenant, revision, changed_reservations, found)
    if books.plans:
        await driver.execute(statements.KEEP_PLANS, tenant, *_columns(books.plans.items(), 2))
    await _change_locations(driver, tenant, revision, books)
    await _change_lots(driver, tenant, revision, books)
    await write_waiting(driver, tenant, revision, books, found.back_orders)
    if books.progress is not None:
        await write_progress(driver, tenant, revision, books.intake.snapshot, books.progress, found.keys)
    return revision


def _more_digested(books: Books) -> tuple[str, list[list[Any]]]:
    """The statement that writes a group, and what it digests beside entries and claims, in columns."""
    if books.changed_lots:
        return statements.WRITE_LOTS, _columns(map(_lotted, books.changed_lots.values()), 4)
    if books.touched_waiting or books.touched_back_orders:
        return statements.WRITE_WAITING, digestible(books)
    return statements.WRITE, []


def _columns(rows: Iterable[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """The columns of `rows`, for `unnest`; `width` empty ones where there are none."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    return columns or [[] for _ in range(width)]


def _entries(books: Books, keys: dict[StockItem, str]) -> Iterable[tuple[Any, ...]]:
    """Rows of the entries, in order."""
    for request_id, entry in books.entries:
        yield (
            entry.kind,
            entry.account,
            keys[entry.item],
            entry.on_hand_delta,
            entry.reserved_delta,
            entry.on_hand,
            entry.reserved,
            entry.reservation or None,
            entry.reservation_line,
            request_id,
            entry.reference,
            entry.occurred_at,
        )


def _fresh(balance: Balance, keys: dict[StockItem, str]) -> tuple[Any, ...]:
    """Row of a balance that was never booked before; should another process book it too, the later commit fails."""
    item = balance.item
    return (
        keys[item],
        item.owner,
        item.sku,
        item.location,
        item.lot,
        item.uom,
        item.custodian,
        item.condition,
        balance.on_hand,
        balance.reserved,
        balance.counted_at,
    )


def _held(books: Books, found: Found) -> Iterable[Any]:
    """What channels hold more or less than before, in three columns; what the tenant does; and the limits of both."""
    changes = {
        holder: held.minus(found.holdings.get(holder, NOTHING))
        for holder, held in books.holdings.items()
        if held != found.holdings.get(holder, NOTHING)
    }
    of_tenant = changes.pop("", NOTHING)
    yield from _columns(((channel, each.open_reservations, each.held_units) for channel, each in changes.items()), 3)
    yield from (of_tenant.open_reservations, of_tenant.held_units)
    for limit in (books.limits.tenant, books.limits.channel):
        yield from (limit.open_reservations, limit.held_units)


def _made(reservation: Reservation) -> tuple[Any, ...]:
    """Row of a new reservation; it is made at the moment of the books."""
    return (
        reservation.reservation,
        reservation.state,
        reservation.expires_at,
        reservation.order,
        reservation.channel,
    )


def _made_lines(reservation: Reservation, found: Found) -> Iterable[tuple[Any, ...]]:
    """Rows of the lines that a reservation did not have before: all of a new one."""
    had = found.reservations.get(reservation.reservation, 0)
    for number, line in enumerate(reservation.lines[had:], had + 1):
        yield (
            reservation.reservation,
            number,
            found.keys[line.item],
            line.requested,
            line.quantity,
            line.open,
            line.fulfilled,
            line.released,
            line.handed_over_at,
            SEPARATOR.join(each.claim for each in line.claims),
            SEPARATOR.join(NO_CEILING if each.ceiling is None else str(each.ceiling) for each in line.claims),
            SEPARATOR.join(str(each.weight) for each in line.claims) if any(map(_weighs, line.claims)) else "",
        )


def _weighs(claim: LineClaim) -> bool:
    """Whether units of a line do not simply count once."""
    return claim.weight != 1


def _lotted(lot: Lot) -> tuple[Any, ...]:
    """Row of what is known of a lot."""
    return (*lot.name, lot.expiry)


async def _change_shortfalls(
    driver: Driver, tenant: str, revision: int, moment: datetime, touched: Sequence[Balance], found: Found
) -> None:
    """Keep which stock items are short, where that has changed."""
    opened: list[str] = []
    closed: list[str] = []
    for balance in touched:
        before = found.balances.get(balance.item)
        was_short = before is not None and before.shortfall > 0
        if was_short != (balance.shortfall > 0):
            (closed if was_short else opened).append(found.keys[balance.item])
    if opened or closed:
        await driver.execute(statements.CHANGE_SHORTFALLS, tenant, revision, moment, closed, opened)


async def _change_reservations(
    driver: Driver, tenant: str, revision: int, changed: Sequence[Reservation], found: Found
) -> None:
    """Write reservations that were there before, and the lines they had, as they are now."""
    if not changed:
        return
    lines = [
        (each.reservation, number, line.open, line.fulfilled, line.released, line.handed_over_at)
        for each in changed
        for number, line in enumerate(each.lines[: found.reservations[each.reservation]], 1)
    ]
    await driver.execute(
        statements.CHANGE_RESERVATIONS,
        tenant,
        revision,
        *_columns([(each.reservation, each.state, each.expires_at) for each in changed], 3),
        *_columns(lines, 6),
    )


async def _change_locations(driver: Driver, tenant: str, revision: int, books: Books) -> None:
    """Write locations as they are now, and remove those that are gone."""
    for name, location in books.changed_locations.items():
        if location is None:
            await driver.execute(statements.REMOVE_LOCATION, tenant, name)
            continue
        statement = statements.CHANGE_LOCATION if name in books.locations else statements.ADD_LOCATION
        await driver.execute(statement, tenant, name, location.kind, location.display_name, revision)


async def _change_lots(driver: Driver, tenant: str, revision: int, books: Books) -> None:
    """Write what is known of lots now; should another process set a new one first too, the later of the two fails."""
    for name, lot in books.changed_lots.items():
        statement = statements.CHANGE_LOT if name in books.lots else statements.ADD_LOT
        await driver.execute(statement, tenant, *_lotted(lot), revision)
