"""The call this task is answering: who asked, for what, and how long they will wait.

The edge sets it before a handler runs; code below the servicer reads it without knowing gRPC. It is inherited by tasks
that a handler starts, and absent in workers that no caller waits for.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a client has calls too, and need not wait for what verifies tokens
    from weir_chassis.auth import Principal


@dataclass(slots=True)
class Call:
    """One call being answered; `deadline` is on the clock of `time.monotonic`, infinite where nobody set one."""

    method: str
    principal: Principal
    deadline: float = math.inf


_current: ContextVar[Call] = ContextVar("weir_call")


def current() -> Call:
    """The call this task answers; raises LookupError in a task that answers none."""
    return _current.get()


def current_or_none() -> Call | None:
    """The call this task answers, if it answers one."""
    return _current.get(None)


def tenant() -> str:
    """The tenant the current call acts for; raises LookupError in a task that answers no call."""
    return _current.get().principal.tenant


def remaining_seconds() -> float | None:
    """Seconds until the caller stops waiting, at least 0; None where nobody waits or no deadline is set."""
    call = _current.get(None)
    if call is None or call.deadline == math.inf:
        return None
    return max(0.0, call.deadline - time.monotonic())


def begin(call: Call) -> None:
    """Make `call` the current one for the rest of this task; for the edge, whose task ends with the call."""
    _current.set(call)


@contextmanager
def acting(call: Call) -> Iterator[Call]:
    """Make `call` the current one within the block; for workers that act for a tenant, and for tests."""
    token = _current.set(call)
    try:
        yield call
    finally:
        _current.reset(token)
