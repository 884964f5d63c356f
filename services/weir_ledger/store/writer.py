"""Group commit: all requests of a tenant that wait are carried out together.

One task a tenant writes; while it waits for the database, requests queue, and it takes all that has queued as its
next group. So the more there is to do the larger the groups, and a single request waits for nobody. Any number of
processes may write to one database: correctness rests on row locks and constraints, never on being alone.
"""

import asyncio
import contextvars
import random
from collections import deque
from collections.abc import Sequence
from typing import Any, TypeVar

from weir_chassis.database import Database, is_raced, sqlstate
from weir_chassis.errors import DatabaseAway, Overloaded, Refusal
from weir_chassis.telemetry import Caller, active
from weir_ledger.domain.limits import Limits
from weir_ledger.ports import Attempt, Done
from weir_ledger.store.group import BooksRaced, Outcome, carry_out
from weir_ledger.store.writing import LimitsRaced

R = TypeVar("R")
Waiting = tuple[Attempt[Any], "asyncio.Future[Any]", Caller | None]

GROUP_MAX = 256
"""Most requests of one group."""
GROUP_SIZE_MAX = 1000
"""Most entries and claims that the requests of one group write together; a single request may be larger.

Enough that the round trips cost next to nothing a line; more would leave no request to read while the database writes.
"""
ATTEMPTS_MAX = 8
"""How often a group is tried before its requests are told that the database is away, or is too busy."""
_RACED = frozenset({"23505", "23503", "55P03"})
"""Another process wrote the same new row first, removed a row this group needs, or holds a lock too long."""


class Writer:
    """Carries out attempts in groups, one task a tenant."""

    def __init__(self, database: Database, *, queue_max: int, limits: Limits) -> None:
        """Write to `database` within `limits`; beyond `queue_max` waiting requests of one tenant further ones are
        refused."""
        self._database = database
        self._limits = limits
        self._queue_max = queue_max
        self._telemetry = active()
        self._queues: dict[str, deque[Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def carry_out(self, attempt: Attempt[R]) -> Done[R]:
        """As `ports.Books.carry_out` promises."""
        future: asyncio.Future[Done[R]] = asyncio.get_running_loop().create_future()
        queue = self._queues.get(attempt.tenant)
        if queue is None:
            queue = self._queues[attempt.tenant] = deque()
            # A context of its own: the deadline and identity of the first caller are not those of the group.
            task = asyncio.create_task(self._write(attempt.tenant, queue), context=contextvars.Context())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if len(queue) >= self._queue_max:
            raise Overloaded
        queue.append((attempt, future, self._telemetry.caller()))
        return await future

    async def close(self) -> None:
        """Wait until everything that was asked for is decided."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _write(self, tenant: str, queue: deque[Waiting]) -> None:
        """Carry out groups until none waits."""
        try:
            while queue:
                group = _next_group(queue)
                with self._telemetry.shared("write group", [caller for _, _, caller in group]):
                    answers = await self._answers(tenant, [attempt for attempt, _, _ in group])
                for (_, future, _), answer in zip(group, answers, strict=True):
                    if future.done():  # the caller has gone; a repetition finds the outcome
                        continue
                    if isinstance(answer, BaseException):
                        future.set_exception(answer)
                    else:
                        future.set_result(answer)
        finally:
            del self._queues[tenant]
            for _, future, _ in queue:
                future.cancel()

    async def _answers(self, tenant: str, group: Sequence[Attempt[Any]]) -> Sequence[Outcome | Exception]:
        """The outcome of each attempt; an accident of one request does not become that of its neighbours."""
        try:
            return await self._committed(tenant, group)
        except Refusal as refusal:
            return [refusal] * len(group)
        except Exception as accident:
            if len(group) == 1:
                return [accident]
        return [answer for attempt in group for answer in await self._answers(tenant, [attempt])]

    async def _committed(self, tenant: str, group: Sequence[Attempt[Any]]) -> Sequence[Outcome]:
        """The outcomes of a group that is durable.

        Lost races and lost connections are tried again from the beginning, which is safe even where a commit got
        through unheard: the request ids tell. Raises DatabaseAway or Overloaded when that went on for too long.
        """
        for tried in range(1, ATTEMPTS_MAX + 1):
            try:
                async with self._database.driving(tenant) as driver:
                    outcomes = await carry_out(driver, tenant, group, self._limits)
            except Exception as error:
                away = isinstance(error, DatabaseAway)
                if (
                    not away
                    and not is_raced(error)
                    and not isinstance(error, (LimitsRaced, BooksRaced))
                    and sqlstate(error) not in _RACED
                ):
                    raise
                if tried == ATTEMPTS_MAX and away:
                    raise
                if tried == ATTEMPTS_MAX:
                    raise Overloaded from error
                pause = random.uniform(0.5, 1.0) * (0.05 * 2 ** (tried - 1) if away else 0.002 * tried)  # noqa: S311
            else:
                return outcomes
            await asyncio.sleep(pause)
        raise AssertionError("unreachable")


def _next_group(queue: deque[Waiting]) -> list[Waiting]:
    """Take what waits, up to the bounds of a group; what stands alone is a group of its own.

    So no request has to be decided on a location, or an import, that is still in the making.
    """
    group = [queue.popleft()]
    size = group[0][0].command.size()
    while queue and len(group) < GROUP_MAX and not (_stands_alone(group[0]) or _stands_alone(queue[0])):
        size += queue[0][0].command.size()
        if size > GROUP_SIZE_MAX:
            break
        group.append(queue.popleft())
    return group


def _stands_alone(waiting: Waiting) -> bool:
    """Whether a waiting request is carried out by itself."""
    return waiting[0].command.stands_alone()
