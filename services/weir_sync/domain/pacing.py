"""How fast a store is talked to, and when it is left alone; pure: moments are seconds of any clock."""

from __future__ import annotations

from dataclasses import dataclass, replace

FAILURES_MAX = 5
"""Failures in a row after which a store is left alone."""
PAUSE_SECONDS, PAUSE_SECONDS_MAX = 5.0, 60.0
"""How long it is left alone first, and at most."""
WAIT_SECONDS_MAX = 300.0
"""The longest wait that a store may ask for."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Requests that may be sent: `rate` a second on average, `burst` at once out of what was saved up."""

    rate: float
    burst: float
    saved: float
    at: float

    def wait(self, now: float) -> float:
        """Seconds until a request may be sent."""
        return max(0.0, (1.0 - self._saved(now)) / self.rate)

    def spent(self, now: float) -> Bucket:
        """After one was sent, for which nobody had to wait."""
        return replace(self, saved=self._saved(now) - 1.0, at=now)

    def _saved(self, now: float) -> float:
        return min(self.burst, self.saved + (now - self.at) * self.rate)


@dataclass(frozen=True, slots=True)
class Circuit:
    """Whether a store is talked to: after failures in a row it is left alone until `retry_at`, then one request sees
    whether it answers again.
    """

    failures: int = 0
    retry_at: float | None = None

    @property
    def closed(self) -> bool:
        """Whether it is talked to as usual."""
        return self.retry_at is None

    def wait(self, now: float) -> float:
        """Seconds until it is talked to again."""
        return 0.0 if self.retry_at is None else max(0.0, self.retry_at - now)

    def failed(self, now: float, chance: float, *, at_once: bool = False) -> Circuit:
        """After a failure; `at_once`: there is no use in trying as usual. The pause is doubled each time, less by
        `chance` (0 to 1) up to half.
        """
        failures = self.failures + 1
        if self.closed and failures < FAILURES_MAX and not at_once:
            return Circuit(failures)
        pause = min(PAUSE_SECONDS_MAX, PAUSE_SECONDS * 2.0 ** max(0, min(failures, 30) - FAILURES_MAX))
        return Circuit(failures, now + pause * (1.0 - chance / 2))


def waited(asked_seconds: float) -> float:
    """How long a store is left alone that asked for so long."""
    return min(max(asked_seconds, 0.0), WAIT_SECONDS_MAX)
