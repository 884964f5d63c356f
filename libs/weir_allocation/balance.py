"""When a supply that was divided for good has to be divided anew."""

from __future__ import annotations

THRESHOLD_PERCENT = 20
"""Part of a balanced share below which little is left of it, where nothing else is said."""


def exhausted(*, balanced: int, remaining: int, threshold_percent: int = THRESHOLD_PERCENT) -> bool:
    """Whether so little of a group's share remains that all are divided anew: `remaining / balanced <= threshold`.

    Never where the share was 0 from the beginning: dividing anew as often as one looks would help nobody.
    """
    return balanced > 0 and remaining * 100 <= balanced * threshold_percent
