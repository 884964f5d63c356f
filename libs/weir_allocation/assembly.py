"""How many whole bundles can be put together from what lies at one location.

Each component may draw on several sources, its own stock and what others lend it, on each up to a limit; a source that
several components draw on has its units once. With `d(C)` the units that a set `C` of components needs for one bundle,
and `f(C)` the most that it can draw, `f(C) = sum over sources of min(units, sum over C of limits)`, the answer is

    min over all sets C of floor(f(C) / d(C))

for n bundles are possible exactly where no set needs more than it can draw (max flow, min cut). A flow for the number
that the sets known so far allow finds the next set that cuts, if there is one.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)
"""What stands for a source: a product, or its number."""


@dataclass(frozen=True, slots=True)
class Need(Generic[S]):
    """One component of a bundle at one location."""

    quantity: int
    """Units that go into one bundle; at least 1."""
    limits: Mapping[S, int]
    """Most units it may draw of each source."""


def whole_bundles(needs: Sequence[Need[S]], units: Mapping[S, int]) -> int:
    """The largest number of bundles that can be put together at once; `units` is what each source holds.

    Without any component: 0.
    """
    number = min((_drawable([need], units) // need.quantity for need in needs), default=0)
    while number and (cut := _Flow(needs, units).cut(number)):
        number = _drawable(cut, units) // sum(need.quantity for need in cut)
    return number


def _drawable(needs: Sequence[Need[S]], units: Mapping[S, int]) -> int:
    """The most units that some components can draw together."""
    limits: dict[S, int] = {}
    for need in needs:
        for source, limit in need.limits.items():
            limits[source] = limits.get(source, 0) + limit
    return sum(min(limit, units[source]) for source, limit in limits.items())


class _Flow(Generic[S]):
    """Units on their way from sources to components, moved along shortest augmenting paths."""

    def __init__(self, needs: Sequence[Need[S]], units: Mapping[S, int]) -> None:
        """Nothing is drawn yet."""
        self._needs = needs
        self._left = dict(units)
        self._drawn = [dict.fromkeys(need.limits, 0) for need in needs]

    def cut(self, number: int) -> list[Need[S]]:
        """The components that together cannot draw what so many bundles need; empty where all can."""
        for index, need in enumerate(self._needs):
            missing = need.quantity * number
            while missing:
                moved, reached = self._draw(index, missing)
                if not moved:
                    return [self._needs[each] for each in sorted(reached)]
                missing -= moved
        return []

    def _draw(self, start: int, missing: int) -> tuple[int, list[int]]:
        """Let a component draw more, others making room for it; returns the units, and the components that were
        asked.
        """
        asked_by: dict[int, tuple[int, S]] = {}
        waiting = [start]
        seen: set[S] = set()
        for taker in waiting:
            for source, limit in self._needs[taker].limits.items():
                if source in seen or self._drawn[taker][source] >= limit:
                    continue
                seen.add(source)
                if self._left[source]:
                    return self._move(_chain(asked_by, taker, source), missing), waiting
                for other, drawn in enumerate(self._drawn):
                    if drawn.get(source) and other not in waiting:
                        asked_by[other] = (taker, source)
                        waiting.append(other)
        return 0, waiting

    def _move(self, chain: list[tuple[int, S]], missing: int) -> int:
        """Each component of the chain draws more of its source; what the next one takes is what it gives up."""
        gives = [(giver, source) for (giver, _), (_, source) in pairwise(chain)]
        units = min(
            missing,
            self._left[chain[0][1]],
            *(self._needs[taker].limits[source] - self._drawn[taker][source] for taker, source in chain),
            *(self._drawn[giver][source] for giver, source in gives),
        )
        self._left[chain[0][1]] -= units
        for taker, source in chain:
            self._drawn[taker][source] += units
        for giver, source in gives:
            self._drawn[giver][source] -= units
        return units


def _chain(asked_by: Mapping[int, tuple[int, S]], taker: int, source: S) -> list[tuple[int, S]]:
    """Who draws more of what, from the one that found units to the one that wants them."""
    chain = [(taker, source)]
    while taker in asked_by:
        taker, source = asked_by[taker]
        chain.append((taker, source))
    return chain
