"""Places for orders that have too many sets of them to look at: a good set, and how much better another might be.

Places are added, each time the one with which most can be filled, of several the best one, until enough can be. Then
every place that can be spared is dropped again, the last one first, and places are swapped one for one as long as
that makes a better plan. How often a filling is tried is limited. The fill is as good as that of all places together
unless the number of locations is limited; how many locations more than needed there may be is told by `fewest_for`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from weir_allocation.fulfilment.candidates import LineCandidates, places_of
from weir_allocation.fulfilment.filler import Filler
from weir_allocation.fulfilment.filling import Filling

TRIES = 3_000
"""Lines of fillings that are tried; ten fillings in any case."""
FEW = 40
"""Lines up to which it is asked what their units cost before a place is added."""

Rank = Callable[[int, int], tuple[int, ...]]
"""What a set of places is worth with a filling of some cost: less is better."""


class Cover:
    """A set of places that fills as much as is wanted, or as much as so many places were found to fill."""

    def __init__(self, filler: Filler, core: int, rest: Sequence[int], *, target: int, more: int, rank: Rank) -> None:
        """`core` are the places that are in the set, `rest` those of which up to `more` may be added."""
        self._filler, self._target, self._rank = filler, target, rank
        self._tries = 10 + TRIES // len(filler.found.lines)
        self.mask = core
        self.filling = self._filled(core)
        self._rest = list(rest)
        self._added: list[int] = []
        self._add(more)
        self._drop()
        while self._swap():
            pass

    def _add(self, more: int) -> None:
        """Add the place with which most can be filled, until enough is."""
        while self.filling.filled < self._target and len(self._added) < more:
            left = [place for place in self._rest if place not in self._added]
            reach = self._filler.reachable(self.mask)
            best = self._best(left)
            self._added.append(best)
            self.mask |= best
            # A filling is dear: it is tried where it may be enough, or where no more places help to reach more.
            if len(self._added) == more or self._filler.reachable(self.mask) >= self._target or reach >= self._target:
                self.filling = self._filled(self.mask)

    def _best(self, left: Sequence[int]) -> int:
        """The place with which most can be filled, of several the one with which that is best."""
        reach = {place: self._filler.reachable(self.mask | place) for place in left}
        most = max(reach.values())
        costs = len(self._filler.found.lines) <= FEW
        return min(
            (self._rank(self.mask | place, self._filler.least_cost(self.mask | place, most) if costs else 0), place)
            for place in left
            if reach[place] == most
        )[1]

    def _drop(self) -> None:
        """Leave out what is not needed."""
        for place in reversed(self._added):
            self._try(self.mask & ~place)
        self._added = [place for place in self._added if self.mask & place]

    def _swap(self) -> bool:
        """Take another place instead of one, if that is better; whether it was done."""
        for place in self._added:
            for other in self._rest:
                if not self.mask & other and self._try(self.mask & ~place | other):
                    self._added = [other if each == place else each for each in self._added]
                    return True
        return False

    def _try(self, mask: int) -> bool:
        """Whether these places are better; if so they are taken."""
        if self._tries <= 0 or self._filler.reachable(mask) < self.filling.filled:
            return False
        self._tries -= 1
        filling = self._filled(mask)
        if self._key(mask, filling) >= self._key(self.mask, self.filling):
            return False
        self.mask, self.filling = mask, filling
        return True

    def _key(self, mask: int, filling: Filling) -> tuple[int, ...]:
        return -filling.filled, mask.bit_count(), *self._rank(mask, filling.cost)

    def _filled(self, mask: int) -> Filling:
        filling = self._filler.filling(mask)
        assert filling is not None
        return filling


def most_from(lines: Sequence[LineCandidates], base: int, size: int) -> int:
    """The most units that some places and so many others could fill if each line had those that are best for it."""
    most = 0
    for line in lines:
        there, others = _gains(line, base)
        most += min(line.quantity, there + sum(others[:size]))
    return most


def _gains(line: LineCandidates, base: int) -> tuple[int, list[int]]:
    """What some places can give of a line, and what others add to that, those first that add most."""
    there, others = 0, []
    free = line.mask
    for allowance in line.allowances:
        free &= ~allowance.mask
    for mask, most in ((free, line.quantity), *((each.mask & line.mask, each.units) for each in line.allowances)):
        here = min(most, sum(line.most[place] for place in places_of(mask & base)))
        there += here
        for units in sorted((line.most[place] for place in places_of(mask & ~base)), reverse=True):
            others.append(min(units, most - here))
            here += others[-1]
    return there, sorted(others, reverse=True)


def fewest_for(lines: Sequence[LineCandidates], base: int, filled: int) -> int:
    """The fewest places beside some that could fill so many units if each line had those that are best for it."""
    size = 0
    while most_from(lines, base, size) < filled:
        size += 1
    return size
