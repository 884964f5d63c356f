"""Laws, and what becomes of one when it is tried."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Generic, NamedTuple, NoReturn, TypeVar

import grpc

S = TypeVar("S")


class Outcome(StrEnum):
    """What became of a law."""

    KEPT = "KEPT"
    BROKEN = "BROKEN"
    SKIPPED = "SKIPPED"
    """It could not be tried, or does not hold for such an adapter."""


class Verdict(NamedTuple):
    """A law, and what became of it; `why` unless it is kept."""

    law: str
    outcome: Outcome
    why: str = ""


class Broken(Exception):
    """The law is not kept; the text says how."""


class Skipped(Exception):
    """The law is not tried; the text says why."""


class Law(NamedTuple, Generic[S]):
    """A law by its name, in a sentence, and how it is tried."""

    name: str
    sentence: str
    tried: Callable[[S], Awaitable[None]]


def broken(why: str) -> NoReturn:
    """The law is not kept."""
    raise Broken(why)


async def judged(laws: Sequence[Law[S]], subject: S) -> list[Verdict]:
    """Try the laws in order. A status where there should be an answer breaks the law that asked.

    Raises AioRpcError where nobody listens.
    """
    verdicts = []
    for law in laws:
        try:
            await law.tried(subject)
        except Broken as why:
            verdicts.append(Verdict(law.name, Outcome.BROKEN, str(why)))
        except Skipped as why:
            verdicts.append(Verdict(law.name, Outcome.SKIPPED, str(why)))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE and not verdicts:
                raise
            told = f"It answered with the status {error.code().name}: {error.details() or 'no details'}"
            verdicts.append(Verdict(law.name, Outcome.BROKEN, told))
        else:
            verdicts.append(Verdict(law.name, Outcome.KEPT))
    return verdicts
