"""Ways to break a ledger, each of which a checker must find out: patches of the running process, none of its code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

Sabotage = Callable[[ExitStack], None]
SABOTAGES: dict[str, Sabotage] = {}
"""By name; the docstring of each says what the ledger does wrong."""


@contextmanager
def sabotaged(name: str) -> Iterator[None]:
    """The ledger of this process under a sabotage for the block; under none where the name is empty."""
    with ExitStack() as stack:
        if name:
            SABOTAGES[name](stack)
        yield


def sabotage(make: Sabotage) -> Sabotage:
    """Name a sabotage by its function."""
    SABOTAGES[make.__name__] = make
    return make


def _replace(stack: ExitStack, owner: Any, name: str, value: Any) -> None:
    """Put another value in the place of a name that is there."""
    stack.enter_context(patch.object(owner, name, value))


def _reword(stack: ExitStack, owner: Any, name: str, old: str, new: str) -> None:
    """Write something else in a statement."""
    text = getattr(owner, name)
    assert old in text, f"{name} no longer says {old!r}"
    _replace(stack, owner, name, text.replace(old, new))


@sabotage
def unlocked(stack: ExitStack) -> None:
    """Balances and claims are read without being locked, so two ledgers may promise the same units."""
    from weir_ledger.store import statements

    _reword(stack, statements, "OPEN_BOOKS", "FOR UPDATE", "")


@sabotage
def unlocked_claims(stack: ExitStack) -> None:
    """Claims are read a while before they are written and without being locked, so two ledgers may pass a ceiling
    together."""
    import asyncio

    from weir_ledger.store import group, statements

    open_books = group._open

    async def open_and_wait(*arguments: Any) -> Any:
        opened = await open_books(*arguments)
        await asyncio.sleep(0.03)
        return opened

    _replace(stack, group, "_open", open_and_wait)
    _reword(stack, statements, "OPEN_BOOKS", "ORDER BY claim FOR UPDATE", "")


@sabotage
def forgetful(stack: ExitStack) -> None:
    """Request ids are forgotten, so that a repetition is done again."""
    from weir_ledger.store import group, statements

    open_books = group._open

    async def open_anew(*arguments: Any) -> Any:
        opened = await open_books(*arguments)
        opened.remembered.clear()
        return opened

    _replace(stack, group, "_open", open_anew)
    where = "AS q (method, request_id, fingerprint, outcome)"
    _reword(stack, statements, "WRITE", where, f"{where} WHERE false")
    _reword(stack, statements, "REMEMBER", where, f"{where} WHERE false")


@sabotage
def forgets_refusals(stack: ExitStack) -> None:
    """A refusal is not kept under its request id, so a repetition may get another outcome."""
    from weir_chassis.errors import Kind

    _replace(stack, Kind, "definite", property(lambda kind: False))


@sabotage
def any_contents(stack: ExitStack) -> None:
    """Another request under a known id gets the outcome of the first."""
    from weir_ledger.servicer import writing

    _replace(stack, writing, "fingerprint", lambda request: b"the same")


@sabotage
def sold_out(stack: ExitStack) -> None:
    """Every promise is refused as sold out, with numbers that look as if it were."""
    _show(stack, lambda available: 0)


@sabotage
def shy(stack: ExitStack) -> None:
    """The last unit is never promised."""
    _show(stack, lambda available: max(0, available - 1))


def _show(stack: ExitStack, seen: Callable[[int], int]) -> None:
    """Let whoever promises see another number of available units than there are."""
    from types import SimpleNamespace

    from weir_ledger.domain import books, promises

    grant = promises.grant

    class Page(books.Page):
        __slots__ = ()

        def balance(self, item: Any) -> Any:
            return SimpleNamespace(available=seen(super().balance(item).available))

    def grant_as_seen(page: Any, lines: Any, mode: Any) -> Any:
        glasses = object.__new__(Page)
        for name in books.Page.__slots__:
            setattr(glasses, name, getattr(page, name))
        return grant(glasses, lines, mode)

    _replace(stack, promises, "grant", grant_as_seen)


@sabotage
def greedy_lines(stack: ExitStack) -> None:
    """Lines of one request that name the same stock item are not summed before the check."""
    from weir_ledger.domain import promises

    grant = promises.grant

    def grant_each(page: Any, lines: Any, mode: Any) -> Any:
        parts = [grant(page, [line], mode) for line in lines]
        if not all(granted for granted, _ in parts):
            return grant(page, lines, mode)
        return tuple(units for granted, _ in parts for units in granted), ()

    _replace(stack, promises, "grant", grant_each)


@sabotage
def loses_claims(stack: ExitStack) -> None:
    """A release does not give its claims back."""
    from weir_ledger.domain import books

    count = books.Page.count_claims

    def count_some(page: Any, claims: Any, *, open: int, fulfilled: int = 0) -> None:
        if open > 0 or fulfilled:
            count(page, claims, open=open, fulfilled=fulfilled)

    _replace(stack, books.Page, "count_claims", count_some)


@sabotage
def ignores_ceilings(stack: ExitStack) -> None:
    """A ceiling that is set holds nobody, only what lines say themselves does."""
    from weir_ledger.domain.reservations import LineClaim

    within = LineClaim.within
    _replace(stack, LineClaim, "within", lambda claim, ceiling: within(claim, None))


@sabotage
def counts_once(stack: ExitStack) -> None:
    """Each unit counts once, whatever it weighs."""
    from msgspec.structs import replace

    from weir_ledger.domain import books

    count = books.Page.count_claims

    def count_once(page: Any, claims: Any, **units: int) -> None:
        count(page, [replace(each, weight=1) for each in claims], **units)

    _replace(stack, books.Page, "count_claims", count_once)


@sabotage
def undoes_epochs(stack: ExitStack) -> None:
    """A ceiling of an earlier epoch takes the place of a later one."""
    from msgspec.structs import replace

    from weir_ledger.domain import ceilings

    def decide(command: Any, page: Any) -> tuple[str, ...]:
        for each in command.ceilings:
            found = page.claim(each.claim)
            subject = each.subject or found.subject
            page.keep_claim(replace(found, ceiling=each.ceiling, epoch=each.epoch, subject=subject, revision=0))
        return ()

    _replace(stack, ceilings.SetCeilings, "decide", decide)


@sabotage
def late(stack: ExitStack) -> None:
    """A hold that has run out can still be confirmed, until a worker has ended it."""
    from weir_ledger import errors
    from weir_ledger.domain import endings
    from weir_ledger.domain.reservations import State

    def require(page: Any, found: Any, states: Any, wish: str) -> None:
        if found.state is State.EXPIRED:
            raise errors.ReservationExpired(found.reservation, found.expires_at.isoformat())
        if found.state not in states:
            raise errors.ReservationState(found.reservation, found.state.name, wish)

    _replace(stack, endings, "require_running", require)


@sabotage
def early(stack: ExitStack) -> None:
    """Holds are ended before they have run out."""
    from datetime import timedelta

    from weir_ledger.domain import endings
    from weir_ledger.domain.reservations import State
    from weir_ledger.store import statements

    def overdue(page: Any, reservation: Any) -> bool:
        expires_at = reservation.expires_at
        return (
            reservation.state is State.HELD
            and expires_at is not None
            and bool(expires_at <= page.now + timedelta(seconds=0.3))
        )

    _replace(stack, endings, "_overdue", overdue)
    _reword(stack, statements, "DUE", "clock_timestamp()", "clock_timestamp() + interval '0.3 seconds'")


@sabotage
def half_a_batch(stack: ExitStack) -> None:
    """An atomic batch makes what it can of itself."""
    from weir_ledger.domain import promises

    class Loose(promises.ReserveBatch):
        __slots__ = ()

        def __init__(self, drafts: Any, atomic: bool = False) -> None:
            super().__init__(drafts, False)

    from weir_ledger.wire import requests

    Loose.__name__ = "ReserveBatch"
    _replace(stack, requests, "ReserveBatch", Loose)


@sabotage
def half_a_request(stack: ExitStack) -> None:
    """What a refused request had booked before it was refused stays."""
    from weir_chassis.errors import Refusal
    from weir_ledger.domain import books
    from weir_ledger.store import group

    decide_anew, page_of = group._decide_anew, books.Page
    pages: list[Any] = []

    def page(opened: Any) -> Any:
        pages.append(page_of(opened))
        return pages[-1]

    def decide_and_keep(position: int, attempt: Any, opened: Any, decided: Any) -> None:
        pages.clear()
        decide_anew(position, attempt, opened, decided)
        if isinstance(decided.outcomes.get(position), Refusal):
            opened.books.bind(pages[0], attempt.request_id)

    _replace(stack, group, "Page", page)
    _replace(stack, group, "_decide_anew", decide_and_keep)


@sabotage
def any_revision(stack: ExitStack) -> None:
    """The revision that a movement expects is not looked at."""
    from weir_ledger.domain import movements

    _replace(stack, movements, "_require_revision", lambda page, movement: None)


@sabotage
def heedless(stack: ExitStack) -> None:
    """What is bound to take available units only takes promised ones, too."""
    from msgspec.structs import replace

    from weir_ledger.domain import movements

    record = movements._record
    _replace(
        stack,
        movements,
        "_record",
        lambda page, movement: record(page, replace(movement, available_only=False)),
    )


@sabotage
def ends_nothing(stack: ExitStack) -> None:
    """What was promised and has moved is said to be promised still."""
    from weir_ledger.domain import endings

    moved = endings.Transfer._moved

    def move_and_keep(command: Any, page: Any, line: Any, moving: Any) -> Any:
        moved(command, page, line, moving)
        return line

    _replace(stack, endings.Transfer, "_moved", move_and_keep)


@sabotage
def moves_nothing(stack: ExitStack) -> None:
    """A move gives units up, and promises none in their place."""
    from weir_ledger.domain import amending

    _replace(stack, amending, "book", lambda *_: ())


@sabotage
def waits_beyond(stack: ExitStack) -> None:
    """More units of a product wait than may."""
    from weir_ledger.domain import promises
    from weir_ledger.domain.waiting import Waiting, WaitingLine, digested

    def take_up(page: Any, waiting: str, draft: Any) -> Any:
        lines = tuple(WaitingLine(each.product, each.quantity, each.quantity) for each in draft.lines)
        made = Waiting(waiting, lines, page.now, draft.whole, draft.order, draft.channel, (), digested(draft.plan))
        return page.keep_demand(made, draft.plan)

    _replace(stack, promises, "take_up", take_up)


@sabotage
def half_a_demand(stack: ExitStack) -> None:
    """A demand that is wanted whole is promised in part."""
    from weir_ledger.domain import demands

    _replace(stack, demands, "_require_whole", lambda *_: None)


@sabotage
def hides_waiting(stack: ExitStack) -> None:
    """Watchers are not told of demands."""
    from msgspec.structs import replace

    from weir_ledger.store import PostgresBooks

    commits = PostgresBooks.commits

    async def without(books: Any, tenant: str, after: int, limit: int) -> Any:
        return [replace(each, waiting=()) for each in await commits(books, tenant, after, limit)]

    _replace(stack, PostgresBooks, "commits", without)


@sabotage
def careless(stack: ExitStack) -> None:
    """Postgres acknowledges a commit before it is written, so that a kill of it loses some."""
    from weir_chassis.database import pool, transactions

    begin = transactions.opening

    def opening(*arguments: Any, **named: Any) -> str:
        return f"{begin(*arguments, **named)}; SET LOCAL synchronous_commit = off"

    _replace(stack, pool, "opening", opening)


@sabotage
def hasty(stack: ExitStack) -> None:
    """Callers are answered before the commit, so that a kill in between loses what they were told."""
    import asyncio

    from weir_chassis.errors import Refusal
    from weir_ledger.store import group, writer

    next_group, carry_out = writer._next_group, group.carry_out
    waiting: dict[int, asyncio.Future[Any]] = {}

    def take(queue: Any) -> Any:
        taken = next_group(queue)
        waiting.update({id(attempt): future for attempt, future, _ in taken})
        return taken

    async def answer_first(driver: Any, tenant: str, attempts: Any, limits: Any) -> Any:
        outcomes = await carry_out(driver, tenant, attempts, limits)
        for attempt, outcome in zip(attempts, outcomes, strict=True):
            future = waiting.pop(id(attempt), None)
            if future is not None and not future.done() and not isinstance(outcome, Refusal):
                future.set_result(outcome)
        await asyncio.sleep(0.05)
        return outcomes

    _replace(stack, writer, "_next_group", take)
    _replace(stack, writer, "carry_out", answer_first)


@sabotage
def loses_handover(stack: ExitStack) -> None:
    """A line that was handed over is answered as such, and not written so."""
    from weir_ledger.store import statements

    _reword(stack, statements, "CHANGE_RESERVATIONS", "= l.handed_over_at", "= reservation_lines.handed_over_at")


@sabotage
def unlimited(stack: ExitStack) -> None:
    """A channel may hold as much as it likes."""
    from weir_ledger.domain import limits
    from weir_ledger.store import statements

    _replace(stack, limits.Limits, "require_room", lambda *_, **__: None)
    _reword(stack, statements, "WRITE", "exceeded OR EXISTS", "false AND EXISTS")


@sabotage
def applies_stale(stack: ExitStack) -> None:
    """A figure of a warehouse is applied even where a newer one was."""
    from weir_ledger.domain import imports

    _replace(stack, imports, "_is_stale", lambda page, figure: False)


@sabotage
def forgets_moves(stack: ExitStack) -> None:
    """What moved since a figure was true is not applied again on top of it."""
    from weir_ledger.domain import imports, snapshots

    _replace(stack, imports, "on_hand", lambda feed, quantity, past: snapshots.there(feed, quantity, past))


@sabotage
def reads_stale(stack: ExitStack) -> None:
    """A balance is read once, and the same is answered ever after."""
    from weir_ledger.store import PostgresBooks

    balance, read = PostgresBooks.balance, {}

    async def remembered(books: Any, tenant: str, item: Any, *more: Any) -> Any:
        if (tenant, item) not in read:
            read[tenant, item] = await balance(books, tenant, item, *more)
        return read[tenant, item]

    _replace(stack, PostgresBooks, "balance", remembered)


@sabotage
def hides_claims(stack: ExitStack) -> None:
    """Watchers are not told of claims."""
    from msgspec.structs import replace

    from weir_ledger.store import PostgresBooks

    commits = PostgresBooks.commits

    async def without(books: Any, tenant: str, after: int, limit: int) -> Any:
        return [replace(each, claims=()) for each in await commits(books, tenant, after, limit)]

    _replace(stack, PostgresBooks, "commits", without)


@sabotage
def counts_moves(stack: ExitStack) -> None:
    """Units that are promised in the place of others count as demand once more."""
    from weir_ledger.store import demanded

    _reword(stack, demanded, "_DEMANDED", "p.first_line = 1 OR", "true OR")


@sabotage
def skips_commits(stack: ExitStack) -> None:
    """A watcher that is behind is not told of every commit."""
    from weir_ledger.store import PostgresBooks

    commits = PostgresBooks.commits

    async def some(books: Any, tenant: str, after: int, limit: int) -> Any:
        found = await commits(books, tenant, after, limit)
        return found[1:] if len(found) > 1 else found

    _replace(stack, PostgresBooks, "commits", some)


@sabotage
def doubts_sales(stack: ExitStack) -> None:
    """Of what was sold already only as much is promised as is there."""
    from weir_ledger.domain import promises
    from weir_ledger.domain.reservations import Mode

    _replace(stack, promises, "sold", lambda page, lines: promises.grant(page, lines, Mode.PARTIAL))
