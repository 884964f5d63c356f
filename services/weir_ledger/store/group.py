"""Carry out a group of commands of one tenant in one transaction.

Open the books (lock and read all that the group touches), decide each command in the order of arrival, write what the
accepted ones changed under one new revision, remember every definite outcome under its request id.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import Any

from asyncpg import Record
from msgspec.structs import replace

from weir_chassis.database import Driver
from weir_chassis.errors import Kind, Refusal, RequestIdReused
from weir_ledger.domain.books import Books, Page
from weir_ledger.domain.limits import Holding, Limits
from weir_ledger.domain.reservations import Claim, Reservation
from weir_ledger.domain.snapshots import NO_INTAKE, Intake
from weir_ledger.domain.stock import Balance, BookedLocation, Lot, StockItem
from weir_ledger.domain.waiting import DEMAND_LINES_MAX, BackOrders, Waiting
from weir_ledger.errors import settle
from weir_ledger.ports import Attempt, Done
from weir_ledger.store import rows, snapshots, statements, waiting
from weir_ledger.store.keys import key
from weir_ledger.store.outcomes import kept, recalled
from weir_ledger.store.writing import Found, found_in, write

Outcome = Done[Any] | Refusal
"""What a caller gets: a receipt with its revision, or a refusal."""

Name = tuple[str, str]
"""Method and request id."""


PROMISED_LINES_MAX = 2000
"""Most lines, with their claims, of the reservations that a group touches, and of demands; their requests do not tell
how many."""


class BooksRaced(Exception):
    """What was not there when the books were opened came into being meanwhile: to be decided anew."""


class GroupTooLarge(Exception):
    """Together the requests might write more than watchers can take as one commit; each by itself may."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """What a group sees of what waits; `unread` are demands beyond as many lines as a commit may tell, each with the
    lines of all up to it."""

    demands: Sequence[Waiting]
    back_orders: Sequence[BackOrders]
    unread: Mapping[str, int]


@dataclass(slots=True)
class Opened:
    """The books as the group found them, and what is remembered of its request ids: fingerprint, revision, outcome."""

    books: Books
    head: int
    found: Found
    remembered: dict[Name, tuple[bytes, int, str]]


@dataclass(slots=True)
class Decided:
    """What became of a group; the receipts of accepted attempts wait for their revision."""

    outcomes: dict[int, Outcome] = field(default_factory=dict)
    receipts: dict[int, Any] = field(default_factory=dict)
    repeats: dict[int, int] = field(default_factory=dict)
    """Positions that repeat an earlier position of the group."""
    to_remember: list[tuple[str, str, bytes, str]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    """Some may be for what an earlier command of the group changed, and wait for its revision."""
    raced: list[int] = field(default_factory=list)
    """Positions that were refused because they lost a race, or may have; nothing is remembered of them."""


async def carry_out(driver: Driver, tenant: str, group: Sequence[Attempt[Any]], limits: Limits) -> list[Outcome]:
    """The outcome of each attempt, within the transaction that `driver` has open for `tenant`.

    Nothing is durable before the caller commits. Raises GroupTooLarge, LimitsRaced, BooksRaced, or what the database
    raises; then none of the outcomes holds.
    """
    opened = await _open(driver, tenant, group, limits)
    decided = _decide(group, opened)
    if decided.receipts:
        revision = await write(driver, tenant, opened.books, opened.found, decided.to_remember)
        decided.outcomes.update({position: Done(each, revision) for position, each in decided.receipts.items()})
        for refusal in decided.refusals:
            settle(refusal, revision)
    elif decided.to_remember:
        columns = zip(*decided.to_remember, strict=True)
        await driver.execute(statements.REMEMBER, tenant, opened.head, opened.books.now, *map(list, columns))
    await _require_current(driver, tenant, group, opened, decided)
    for position, original in decided.repeats.items():
        decided.outcomes[position] = decided.outcomes[original]
    return [decided.outcomes[position] for position in range(len(group))]


async def _require_current(
    driver: Driver, tenant: str, group: Sequence[Attempt[Any]], opened: Opened, decided: Decided
) -> None:
    """Raise BooksRaced where something came into being, while locks were waited for, that would have been decided on.

    What is there is locked, and read as it is once it is; what is not there cannot be. Whoever books it first too
    fails by its key; so that leaves what was refused, or granted less, for want of it. And an attempt that lost a
    race may have lost it to itself, at another process.
    """
    books, found = opened.books, opened.found
    absent = [key for item, key in found.keys.items() if not (item in found.balances or item in books.touched_items)]
    claims = {claim for attempt in group for claim in attempt.command.claims()}
    unclaimed = list(claims - found.claims.keys() - books.touched_claims.keys())
    nowhere = list({item.location for item in found.keys} - books.places)
    raced = [group[position] for position in decided.raced]
    if (absent or unclaimed or nowhere or raced) and await driver.fetchval(
        statements.APPEARED,
        tenant,
        absent,
        unclaimed,
        nowhere,
        [attempt.method for attempt in raced],
        [attempt.request_id for attempt in raced],
    ):
        raise BooksRaced
    products = {each for attempt in group for each in attempt.command.products()}
    if await waiting.appeared(driver, tenant, products - found.back_orders - books.touched_back_orders.keys()):
        raise BooksRaced


async def _open(driver: Driver, tenant: str, group: Sequence[Attempt[Any]], limits: Limits) -> Opened:
    """Lock and read what the group touches: reservations, locations, lots, demands, how much waits, an import,
    balances, claims, each in the order of its keys."""
    keys = {item: key(item) for attempt in group for item in attempt.command.items()}
    promised = {each for attempt in group for each in attempt.command.reservations()}
    claims = {each for attempt in group for each in attempt.command.claims()}
    channels = {each for attempt in group for each in attempt.command.channels()}
    changing = {each for attempt in group for each in attempt.command.locations()}
    setting = {each for attempt in group for each in attempt.command.lots()}
    reservations: list[Reservation] = []
    locations: list[BookedLocation] = []
    lots: list[Lot] = []
    if promised:
        found = await driver.fetch(statements.LOCK_RESERVATIONS, tenant, sorted(promised))
        if any(row["overtaken"] for row in found):
            found = await driver.fetch(statements.LOCK_RESERVATIONS, tenant, sorted(promised))
        if len(group) > 1 and sum(1 + len(row["claims"]) for row in found) > PROMISED_LINES_MAX:
            raise GroupTooLarge
        reservations = list(rows.reservations(found))
        keys |= {line.item: key(line.item) for each in reservations for line in each.lines}
        claims |= {claim.claim for each in reservations for line in each.lines for claim in line.claims}
        channels |= {each.channel for each in reservations}
    if changing:
        found = await driver.fetch(statements.LOCK_LOCATIONS, tenant, sorted(changing))
        locations = [rows.booked_location(row) for row in found]
    if setting:
        found = await driver.fetch(statements.LOCK_LOTS, tenant, *map(list, zip(*sorted(setting), strict=True)))
        lots = [rows.lot(row) for row in found]
    awaited = await _awaited(driver, tenant, group)
    channels |= {each.channel for each in awaited.demands}
    importing = group[0].command.importing()
    intake = NO_INTAKE if importing is None else await snapshots.locked(driver, tenant, importing)
    names = [(attempt.method, attempt.request_id) for attempt in group if attempt.remembered]
    found = await driver.fetch(
        statements.OPEN_BOOKS,
        tenant,
        list(keys.values()),
        list({item.location for item in keys}),
        [method for method, _ in names],
        [request_id for _, request_id in names],
        list(claims),
        list(channels),
    )
    opened = _opened(found, keys, reservations, locations, lots, awaited, limits)
    if importing is not None:
        await _look_back(driver, tenant, group[0], opened, intake)
    return opened


async def _awaited(driver: Driver, tenant: str, group: Sequence[Attempt[Any]]) -> Awaited:
    """Lock and read the demands that the group names, up to as many lines as a commit may tell, and how much waits and
    may of their products and of others that it names."""
    named = dict.fromkeys(each for attempt in group for each in attempt.command.waiting())
    products = {each for attempt in group for each in attempt.command.products()}
    demands: Sequence[Waiting] = ()
    unread: dict[str, int] = {}
    if named:
        found = await waiting.locked(driver, tenant, named)
        if len(group) > 1 and len(found) + sum(found.values()) > PROMISED_LINES_MAX:
            raise GroupTooLarge
        known = [each for each in named if each in found]
        lines = dict(zip(known, accumulate(found[each] for each in known), strict=True))
        unread = {each: number for each, number in lines.items() if number > DEMAND_LINES_MAX}
        demands = await waiting.read_locked(driver, tenant, [each for each in lines if each not in unread])
        products |= {line.product for each in demands for line in each.lines}
    counts = await waiting.locked_back_orders(driver, tenant, products) if products else ()
    return Awaited(demands, counts, unread)


async def _look_back(driver: Driver, tenant: str, alone: Attempt[Any], opened: Opened, intake: Intake) -> None:
    """Read what a command that carries an import on has to know of the past, which its balances tell."""
    opened.books.intake = intake
    asked = alone.command.lookback(Page(opened.books))
    if asked is not None:
        past = await snapshots.looked_back(driver, tenant, asked, opened.found.keys)
        opened.books.intake = replace(intake, past=past)


def _opened(
    found: Iterable[Record],
    keys: dict[StockItem, str],
    reservations: Sequence[Reservation],
    locations: Sequence[BookedLocation],
    lots: Sequence[Lot],
    awaited: Awaited,
    limits: Limits,
) -> Opened:
    """Sort out the rows of OPEN_BOOKS."""
    items = {key: item for item, key in keys.items()}
    balances: list[Balance] = []
    claims: list[Claim] = []
    holdings: dict[str, Holding] = {}
    places: list[str] = []
    remembered: dict[Name, tuple[bytes, int, str]] = {}
    head, now = 0, datetime.min
    for what, item, first, second, third, fourth, fifth, name, method, fingerprint, words, moment in found:
        match what:
            case "balance":
                balances.append(Balance(items[item.hex], first, second, third, moment))
            case "claim":
                claims.append(Claim(name, first, second, third, fourth, fifth, words))
            case "holding":
                holdings[name] = Holding(first, second)
            case "place":
                places.append(name)
            case "request":
                remembered[method, name] = (fingerprint, first, words)
            case _:
                head, now = first, moment
                holdings[""] = Holding(second, third)
    books = Books(
        now, balances, reservations, places, locations, claims, holdings, limits,
        lots=lots, waiting=awaited.demands, back_orders=awaited.back_orders, unread=awaited.unread,
    )  # fmt: skip
    return Opened(books, head, found_in(books, keys), remembered)


def _decide(group: Sequence[Attempt[Any]], opened: Opened) -> Decided:
    """Decide each attempt on the books as the earlier ones leave them."""
    decided = Decided()
    first_seen: dict[Name, int] = {}
    for position, attempt in enumerate(group):
        if attempt.remembered:
            name = (attempt.method, attempt.request_id)
            if name in opened.remembered:
                decided.outcomes[position] = _recall(attempt, *opened.remembered[name])
                continue
            original = first_seen.setdefault(name, position)
            if original != position:
                if group[original].fingerprint == attempt.fingerprint:
                    decided.repeats[position] = original
                else:
                    decided.outcomes[position] = RequestIdReused(attempt.request_id)
                continue
        _decide_anew(position, attempt, opened, decided)
    return decided


def _recall(attempt: Attempt[Any], fingerprint: bytes, revision: int, outcome: str) -> Outcome:
    """The outcome that the request id ended with before."""
    if fingerprint != attempt.fingerprint:
        return RequestIdReused(attempt.request_id)
    answer = recalled(attempt.method, outcome)
    if not isinstance(answer, Refusal):
        return Done(answer, revision)
    settle(answer, revision)  # it was kept by the commit whose number it waited for
    return answer


def _decide_anew(position: int, attempt: Attempt[Any], opened: Opened, decided: Decided) -> None:
    """Decide an attempt that was never made before; bind what it books unless it only asks."""
    page = Page(opened.books)
    try:
        receipt = attempt.command.decide(page)
    except Refusal as refusal:
        decided.outcomes[position] = refusal
        decided.refusals.append(refusal)
        if attempt.remembered and (refusal.kind is Kind.RACED or not attempt.keeps_refusals):
            decided.raced.append(position)
        if not (refusal.kind.definite and attempt.keeps_refusals):
            return
        answer: object = refusal
    else:
        if attempt.validate_only:
            decided.outcomes[position] = Done(receipt, opened.head)
            return
        opened.books.bind(page, attempt.request_id)
        decided.receipts[position] = answer = receipt
    if attempt.remembered:
        decided.to_remember.append((attempt.method, attempt.request_id, attempt.fingerprint, kept(answer)))
