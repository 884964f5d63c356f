"""What time drives: holds that run out, books that are closed, months that begin, imports that are forgotten."""

import asyncio

import structlog

from weir_chassis.errors import DatabaseAway, Overloaded
from weir_ledger.domain.endings import Expire
from weir_ledger.ports import Attempt, Books

PAUSE_SECONDS = 0.5
KEEPING_PAUSE_SECONDS = 3600.0
DUE_MAX = 10
"""Holds ended by one command; its commit is one message to every watcher."""

log = structlog.get_logger(__name__)


async def expiring(books: Books, *, pause_seconds: float = PAUSE_SECONDS) -> None:
    """End holds as they run out, until cancelled; several processes may do so at once.

    The database's clock decides, so a hold never ends early; what was due while nobody ran ends at the start.
    """
    while True:
        try:
            for tenant in await books.tenants():
                await _expire_whatever_happens(books, tenant)
        except DatabaseAway as refusal:
            log.warning("holds cannot be ended now", reason=refusal.reason)
        except Exception:
            log.exception("holds could not be ended")
        await asyncio.sleep(pause_seconds)


async def _expire_whatever_happens(books: Books, tenant: str) -> None:
    """End the holds of a tenant; what hinders that is logged, and does not hinder the tenants after it."""
    try:
        await expire_due(books, tenant)
    except (DatabaseAway, Overloaded) as refusal:
        log.warning("holds cannot be ended now", tenant=tenant, reason=refusal.reason)
    except Exception:
        log.exception("holds could not be ended", tenant=tenant)


async def expire_due(books: Books, tenant: str) -> int:
    """End every hold of a tenant that has run out; return how many there were."""
    count = 0
    due = await books.due(tenant, DUE_MAX)
    while due:
        done = await books.carry_out(Attempt(tenant, "Expire", "", b"", Expire(tuple(due))))
        count += len(done.receipt)
        due = await books.due(tenant, DUE_MAX) if len(due) == DUE_MAX else ()
    return count


async def keeping(
    books: Books, *, closing_hours: float, import_seconds: float, pause_seconds: float = KEEPING_PAUSE_SECONDS
) -> None:
    """Open the months to come, close the books of every tenant and forget its imports as it falls due, until cancelled.

    Several processes may do so at once; each tenant's books are closed once in `closing_hours`, and only if something
    was recorded since; an import is forgotten when it was not carried on for `import_seconds`.
    """
    while True:
        try:
            await books.open_months()
            for tenant in await books.tenants():
                await _close_whatever_happens(books, tenant, closing_hours)
                await _forget_whatever_happens(books, tenant, import_seconds)
        except DatabaseAway as refusal:
            log.warning("months cannot be opened now", reason=refusal.reason)
        except Exception:
            log.exception("months could not be opened")
        await asyncio.sleep(pause_seconds)


async def _close_whatever_happens(books: Books, tenant: str, hours: float) -> None:
    """Close the books of a tenant if that is due; what hinders it is logged, and does not hinder the tenants after
    it."""
    try:
        revision = await books.close_books(tenant, hours=hours)
    except (DatabaseAway, Overloaded) as refusal:
        log.warning("books cannot be closed now", tenant=tenant, reason=refusal.reason)
    except Exception:
        log.exception("books could not be closed", tenant=tenant)
    else:
        if revision is not None:
            log.debug("books closed", tenant=tenant, number=revision)


async def _forget_whatever_happens(books: Books, tenant: str, seconds: float) -> None:
    """Forget the old imports of a tenant; what hinders it is logged, and does not hinder the tenants after it."""
    try:
        while await books.forget_import(tenant, seconds=seconds):
            pass
    except DatabaseAway as refusal:
        log.warning("imports cannot be forgotten now", tenant=tenant, reason=refusal.reason)
    except Exception:
        log.exception("imports could not be forgotten", tenant=tenant)
