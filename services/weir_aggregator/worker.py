"""What arrivals drive: orders that wait are promised what came for them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain

import structlog

from weir_aggregator.domain import Promise
from weir_aggregator.ports import Answered, Arrivals
from weir_aggregator.projection import Patience, Projection, caught_up
from weir_chassis.errors import Refusal

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
            due = refused.due(projection.promises())
            first = next(due, None)
            if first is None:
                await _moved(moved, refused.seconds)
                continue
            try:
                answered = await ledger.promise(tenant, chain((first,), due), projection.revisions[0])
                refused.note(tenant, answered)
                await projection.reach({answered.revision.context: answered.revision}, REACH_SECONDS)
            except Exception as fault:
                _log(fault, "orders that wait cannot be promised anything now", tenant)
                failures += 1
                await asyncio.sleep(patience.seconds(failures))
            else:
                failures = 0


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
