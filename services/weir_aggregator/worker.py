"""What arrivals drive: orders that wait are promised what came for them, and what is promised but not there is planned
again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain

import structlog

from weir_aggregator.domain import Promise, Replan, Shortfall
from weir_aggregator.handlers.replanning import replanned
from weir_aggregator.ports import Amended, Answered, Arrivals, Promises
from weir_aggregator.projection import Patience, Projection, Tenants, caught_up
from weir_chassis import call
from weir_chassis.auth import Principal, Role
from weir_chassis.errors import Kind, Refusal
from weir_chassis.ids import new_id

SUBJECT = "weir_aggregator"
"""Who plans again: nobody has called."""
PATIENCE = Patience(least_seconds=0.1, most_seconds=30.0)
REACH_SECONDS = 10.0
"""How long the projection may take to come to what the ledger did, before the ledger is asked again."""
OVERTAKEN = ("INSUFFICIENT_STOCK", "WAITING_NOT_FOUND", "WAITING_STATE", "WAITING_LINE_EXCEEDED", "WAITING_WHOLE")
"""Why a promise is refused that was planned on what is so no longer: that happens, and the next plan knows."""

log = structlog.get_logger(__name__)


async def promising(projection: Projection, tenant: str, ledger: Arrivals, patience: Patience = PATIENCE) -> None:
    """Have what is earmarked for orders that wait promised to them, until cancelled.

    Several processes may do so at once: what one has promised the ledger refuses the other, or answers it as its own.
    After each request the projection comes to what it did, before anything is asked again. What was refused, and
    everything while the ledger is away, is tried again after longer and longer pauses.
    """
    await caught_up(projection, None)
    failures, refused = 0, _Refused(patience)
    with projection.listening() as moved:
        while True:
            moved.clear()
            try:
                if not await _promise(projection, tenant, ledger, refused):
                    await _moved(moved, refused.seconds)
            except Exception as fault:
                _log(fault, "orders that wait cannot be promised anything now", tenant)
                failures += 1
                await asyncio.sleep(patience.seconds(failures))
            else:
                failures = 0


async def _promise(projection: Projection, tenant: str, ledger: Arrivals, refused: _Refused) -> bool:
    """Have as much promised as one request takes, and come to what that did; False where nothing is due."""
    due = refused.due(projection.promises())
    first = next(due, None)
    if first is None:
        return False
    answered = await ledger.promise(tenant, chain((first,), due), projection.revisions[0])
    refused.note(tenant, answered)
    await projection.reach({answered.revision.context: answered.revision}, REACH_SECONDS)
    return True


async def replanning(
    tenants: Tenants, tenant: str, ledger: Arrivals, promises: Promises, patience: Patience = PATIENCE
) -> None:
    """Plan reservations again that a shortfall hits, until cancelled: those there are, then each as it comes or
    changes.

    What nothing can be done about stays as it is until the shortfall changes. Several processes may do so at once: of
    two that move units of one reservation the ledger refuses the later, which then finds nothing to move.
    """
    projection = tenants.projection(tenant)
    await caught_up(projection, None)
    failures = 0
    done: set[Shortfall] = set()
    acting = call.Call("shortfalls", Principal(tenant, SUBJECT, Role.SERVICE))
    with projection.listening() as moved, call.acting(acting):
        while True:
            seen = projection.shortfalls
            try:
                settled = await _replan_new(tenants, tenant, ledger, promises, done)
            except Exception as fault:
                _log(fault, "shortfalls cannot be planned again now", tenant)
                settled = False
            if not settled:
                failures += 1
                await asyncio.sleep(patience.seconds(failures))
                continue
            failures = 0
            while projection.shortfalls == seen:
                moved.clear()
                await moved.wait()


async def _replan_new(
    tenants: Tenants, tenant: str, ledger: Arrivals, promises: Promises, done: set[Shortfall]
) -> bool:
    """Plan again what shortfalls hit that are not done, note those that are, and forget those that are over; False
    where something is worth another try.
    """
    found = await ledger.shortfalls(tenant)
    done.intersection_update(found)
    for shortfall in found:
        if shortfall not in done:
            settled = [await _replan(tenants, tenant, promises, each) for each in shortfall.reservations]
            if all(settled):
                done.add(shortfall)
    return done.issuperset(found)


async def _replan(tenants: Tenants, tenant: str, promises: Promises, reservation: str) -> bool:
    """Plan a reservation again; False where that failed and is worth another try."""
    attempt = new_id()
    try:
        done = await replanned(tenants, promises, Replan(attempt, attempt.encode(), reservation), {})
    except Refusal as refusal:
        # Else it has ended meanwhile, or does not say how it was planned and is for others to see to.
        again = refusal.kind in (Kind.AWAY, Kind.RACED) or refusal.retry_after_seconds is not None
        log.info("reservation is not planned again", tenant=tenant, reservation=reservation, reason=refusal.reason)
        return not again
    except Exception:
        log.exception("reservation could not be planned again", tenant=tenant, reservation=reservation)
        return True
    units = done.promised if isinstance(done, Amended) else 0
    log.info("reservation planned again", tenant=tenant, reservation=reservation, moved=units)
    return True


class _Refused:
    """Demands whose promise the ledger refused, and how long each of them is left alone."""

    def __init__(self, patience: Patience) -> None:
        """None yet."""
        self._patience = patience
        self._known: dict[str, tuple[int, float]] = {}
        """How often it was refused, and until when it is left alone."""

    @property
    def seconds(self) -> float | None:
        """How long all of them are left alone; None where there is none, or none is any more."""
        now = _clock()
        return min((until - now for _, until in self._known.values() if until > now), default=None)

    def due(self, promises: Iterable[Promise]) -> Iterator[Promise]:
        """Those that are not left alone. One that was so for long is forgotten, for it may never come again."""
        now = _clock()
        self._known = {
            waiting: (often, until)
            for waiting, (often, until) in self._known.items()
            if until + self._patience.most_seconds > now
        }
        return (each for each in promises if self._known.get(each.waiting, (0, now))[1] <= now)

    def note(self, tenant: str, answered: Answered) -> None:
        """Leave alone what was refused, the longer the more often it was."""
        several = [*answered.refused.values()]
        log.debug("orders that wait were promised units", tenant=tenant, asked=len(several), done=several.count(None))
        for waiting, reason in answered.refused.items():
            often, _ = self._known.pop(waiting, (0, 0.0))
            if reason is not None:
                self._known[waiting] = often + 1, _clock() + self._patience.seconds(often + 1)
                if reason not in OVERTAKEN:
                    log.warning("order that waits cannot be promised", tenant=tenant, waiting=waiting, reason=reason)


def _clock() -> float:
    return asyncio.get_running_loop().time()


def _log(fault: Exception, said: str, tenant: str) -> None:
    """What a caller may hear of is no accident; everything else is."""
    if isinstance(fault, Refusal):
        log.warning(said, tenant=tenant, reason=fault.reason)
    else:
        log.error(said, tenant=tenant, exc_info=fault)


async def _moved(moved: asyncio.Event, seconds: float | None) -> None:
    """Wait until the projection moves on, or that long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await moved.wait()
