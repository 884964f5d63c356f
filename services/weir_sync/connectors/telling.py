"""What a connector says of a failure, and when it asks again."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

from weir_sync.connectors.port import Away, ConnectorFailed, Level, LevelOutcome, Outcome, Throttled

TEXT_LENGTH_MAX = 300
WAIT_SECONDS_MAX = 86_400.0

Clock = Callable[[], float]


class Unreached(Away):
    """Nothing was done either: the other end was not reached, or was only asked."""


class Patience:
    """Keeps to what the other end said of when to come again."""

    def __init__(self) -> None:
        """Nothing was said yet."""
        self._until = 0.0

    def wait(self, seconds: float) -> float:
        """Let nobody ask for so long; answers how long that is, within reason."""
        wait = min(max(seconds, 0.0), WAIT_SECONDS_MAX)
        self._until = max(self._until, time.monotonic() + wait)
        return wait

    def check(self) -> None:
        """Raise Throttled while nobody may ask."""
        left = self._until - time.monotonic()
        if left > 0:
            raise Throttled("The store asked to be left alone for a while.", retry_after_seconds=left)


def said(text: str) -> str:
    """What a stranger said, fit to be told: short, and in one line. `discretion` sees to what is secret in it."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= TEXT_LENGTH_MAX else line[: TEXT_LENGTH_MAX - 1] + "…"


async def in_parts(
    levels: Sequence[Level],
    parts: Sequence[Sequence[Level]],
    send: Callable[[Sequence[Level]], Awaitable[Sequence[LevelOutcome]]],
    decided: Sequence[LevelOutcome] = (),
) -> list[LevelOutcome]:
    """Send levels part by part, beside those that are decided already; what became of each, in their order.

    Where a part fails, the levels of it are in doubt, or to be sent again where nothing was done, and those after it
    are to be sent again. Raises what the first part raises, if no part was sent before it.
    """
    outcomes = {outcome.store_sku: outcome for outcome in decided}
    for number, part in enumerate(parts):
        try:
            outcomes.update((outcome.store_sku, outcome) for outcome in await send(part))
        except ConnectorFailed as failed:
            if number == 0:
                raise
            doubtful = isinstance(failed, Away) and not isinstance(failed, Unreached)
            became = Outcome.IN_DOUBT if doubtful else Outcome.RETRY
            outcomes.update(
                (level.store_sku, LevelOutcome(level.store_sku, became, None, str(failed))) for level in part
            )
            break
    unsaid = "It was not sent: the request broke off before it."
    return [
        outcomes.get(level.store_sku) or LevelOutcome(level.store_sku, Outcome.RETRY, None, unsaid) for level in levels
    ]
