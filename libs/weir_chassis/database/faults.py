"""Tell the faults of a database apart: lost connections, lost races, statements out of time, and everything else."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import asyncpg
from sqlalchemy import exc

from weir_chassis.call import remaining_seconds
from weir_chassis.errors import DatabaseAway, Overloaded

T = TypeVar("T")

_LOST = frozenset(
    {
        "57P01",  # the server is shutting down
        "57P02",  # another backend crashed
        "57P03",  # the server is starting up
        "53300",  # too many connections
        "25P03",  # idle too long within a transaction
        "57P05",  # idle too long
    }
)
_RACED = frozenset({"40001", "40P01"})
_READ_ONLY = "25006"
_TIMED_OUT = "57014"
_REQUEST_ID = "requests_pkey"
_PAUSE_SECONDS_MAX = 1.0


def driver_fault(error: BaseException) -> BaseException:
    """The driver's own exception beneath what SQLAlchemy makes of it; anything else is returned as it is."""
    if isinstance(error, exc.DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error


def sqlstate(error: BaseException) -> str | None:
    """The five characters Postgres names the fault by; None where the fault is not told by Postgres."""
    fault = driver_fault(error)
    return fault.sqlstate if isinstance(fault, asyncpg.PostgresError) else None


def constraint_of(error: BaseException) -> str | None:
    """Name of the constraint that a statement broke; None where it broke none."""
    fault = driver_fault(error)
    return fault.constraint_name if isinstance(fault, asyncpg.IntegrityConstraintViolationError) else None


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, so that nobody knows if the last statement was done."""
    fault = driver_fault(error)
    if isinstance(fault, asyncpg.PostgresError):
        code = fault.sqlstate or ""
        return code in _LOST or code.startswith("08")
    if isinstance(fault, asyncpg.InterfaceError):
        return "connection is closed" in str(fault)
    if isinstance(fault, asyncpg.InternalClientError):
        return True  # the server's last words came between two statements: the driver is out of step, and closed soon
    return isinstance(fault, ConnectionError)


def is_raced(error: BaseException) -> bool:
    """Whether the transaction lost against another one, or met a schema that changed: repeat it whole."""
    fault = driver_fault(error)
    if isinstance(fault, (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)):
        return True
    return sqlstate(fault) in _RACED or constraint_of(fault) == _REQUEST_ID


@contextmanager
def told_apart(*, writing: bool = True) -> Iterator[None]:
    """Turn what escapes the block into what the rest of the house knows.

    A lost connection becomes DatabaseAway, as does a server that turned read-only under a write (after a failover); no
    free connection becomes Overloaded; a statement out of time becomes TimeoutError. All else passes.
    """
    try:
        yield
    except exc.TimeoutError as error:
        raise Overloaded from error
    except Exception as error:
        if is_lost(error) or (writing and sqlstate(error) == _READ_ONLY):
            raise DatabaseAway from error
        if sqlstate(error) == _TIMED_OUT:
            raise TimeoutError("The statement did not end before the deadline.") from error
        raise


async def retrying(work: Callable[[], Awaitable[T]], *, attempts: int = 6) -> T:
    """The result of `work`, which is done again from its beginning when it loses a race or its connection.

    What `work` does must be harmless to repeat: a read, or a write that first recalls its request id. Between attempts
    it pauses for a random time that grows; it gives up after `attempts`, or when the caller's deadline would pass. Then
    a lost connection is DatabaseAway and a lost race Overloaded; in both cases the caller may repeat the request.
    """
    assert attempts > 0
    for attempt in range(1, attempts + 1):
        try:
            return await work()
        except Exception as error:
            away = isinstance(error, DatabaseAway)
            if not away and not is_raced(error):
                raise
            pause = random.uniform(0.0, min(_PAUSE_SECONDS_MAX, 0.02 * 2**attempt)) + (0.05 if away else 0.0)  # noqa: S311
            remaining = remaining_seconds()
            if attempt == attempts or (remaining is not None and remaining < pause):
                if away:
                    raise
                raise Overloaded from error
        await asyncio.sleep(pause)
    raise AssertionError("unreachable")
