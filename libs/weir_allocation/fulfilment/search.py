"""Which locations send: the fewest that can fill as much as all of them, and the best of those that are as few.

Sets of places are tried by size, from nothing on (the places that send already are in every set and count for
nothing). For each line a place has a most that it can give; a set in which these do not add up to enough is left out
without a look at who competes with whom. What is left is filled, the cheapest first, where what a filling costs at
least is what its lines would cost if they did not compete; so the first that no other can beat ends the search.

A place without which the lines cannot be filled is in every set that counts. Where the sets are still too many, or the
fillings take more work than is allowed, the rest is left to `heuristic`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from weir_allocation.fulfilment.candidates import Candidates, LineCandidates
from weir_allocation.fulfilment.filling import Filling, alone, fits, order_of, rivals, together, worth
from weir_allocation.fulfilment.hasty import hasty, reachable
from weir_allocation.fulfilment.objective import distance, unpreferred
from weir_allocation.fulfilment.simplex import Work

STEPS = 20_000
"""Steps of linear programs for one plan."""


class Filler:
    """Fillings of all lines from sets of places, each found once."""

    def __init__(self, found: Candidates) -> None:
        self.found = found
        self._one_place = found.order.wish.one_location_per_line
        self._work = Work(STEPS)
        self._groups = _groups(found)
        self._known: dict[tuple[int, int], Filling] = {}
        self._apart: dict[tuple[int, int], Filling] = {}

    def filling(self, mask: int) -> Filling:
        """The best filling from the places; not exact where the work that is allowed has ended."""
        return together([self._group(number, mask) for number in range(len(self._groups))])

    def apart(self, mask: int) -> Filling:
        """The best fillings of all lines if they did not compete: no filling is better."""
        return together([self._single(line, mask) for line in self.found.lines])

    def reachable(self, mask: int) -> int:
        """At least as many units as can be filled from the places."""
        return sum(reachable(line, mask, one_place=self._one_place) for line in self.found.lines)

    def _group(self, number: int, mask: int) -> Filling:
        lines = self._groups[number]
        mask &= _mask(lines)
        filling = self._known.get((number, mask))
        if filling is None:
            filling = self._known[number, mask] = self._compete(lines, mask)
        return filling

    def _compete(self, lines: Sequence[LineCandidates], mask: int) -> Filling:
        fillings = [self._single(line, mask) for line in lines]
        if len(lines) == 1:
            return fillings[0]
        filling = together(fillings)
        return filling if fits(filling.picks, self.found.limits) else self._rivals(lines, mask)

    def _single(self, line: LineCandidates, mask: int) -> Filling:
        mask &= line.mask
        filling = self._apart.get((line.line, mask))
        if filling is None:
            filling = self._apart[line.line, mask] = self._best(line, mask)
        return filling

    def _best(self, line: LineCandidates, mask: int) -> Filling:
        if line.parts:
            return self._rivals([line], mask)
        if not self._one_place:
            return alone(line, mask, self.found.limits)
        each = [alone(line, 1 << place, self.found.limits) for place in sorted(line.most) if mask >> place & 1]
        return min(each, key=worth, default=Filling(0, 0))

    def _rivals(self, lines: Sequence[LineCandidates], mask: int) -> Filling:
        best = rivals(self.found, lines, mask, one_place=self._one_place, work=self._work)
        if isinstance(best, Filling):
            return best
        filling = hasty(self.found, lines, mask, one_place=self._one_place)
        return filling._replace(bound=min(best, filling.bound))


class Choice(NamedTuple):
    """A set of places and the filling from it."""

    mask: int
    filling: Filling
    exact: bool
    """Whether no choice is better."""
    filled_bound: int
    locations_bound: int


def choose(found: Candidates) -> Choice:
    """The best set of places for an order."""
    return _Search(found).choice()


class _Search:
    def __init__(self, found: Candidates) -> None:
        self._found = found
        self._filler = Filler(found)
        self._base = found.sending
        everywhere = _mask(found.lines)
        self._free = [1 << place for place in range(len(found.places)) if (everywhere & ~self._base) >> place & 1]
        limit = found.order.wish.locations_max
        most = len(self._free) if limit is None else max(0, limit - len(found.order.sending))
        self._most = min(most, len(self._free))

    def choice(self) -> Choice:
        everything = self._filler.filling(self._base | sum(self._free))
        target = everything.filled
        choice = self._fewest(target, everything.bound)
        if choice is None:
            best = [self._filler.filling(mask) for mask in self._sets(self._most)]
            target = max(filling.filled for filling in best)
            choice = self._fewest(target, max(filling.bound for filling in best))
        assert choice is not None
        return choice

    def _fewest(self, target: int, bound: int) -> Choice | None:
        """The best of the smallest sets that fill as much as is wanted; None if there is none."""
        for size in range(self._most + 1):
            masks = [mask for mask in self._sets(size) if self._filler.reachable(mask) >= target]
            best = self._best(masks, target)
            if best is not None:
                mask, filling = best
                exact = filling.exact and bound == target
                return Choice(mask, filling, exact, bound, size)
        return None

    def _sets(self, size: int) -> Iterator[int]:
        for places in combinations(self._free, size):
            yield self._base | sum(places)

    def _best(self, masks: Sequence[int], target: int) -> tuple[int, Filling] | None:
        best: tuple[int, Filling] | None = None
        key: tuple[object, ...] = ()
        for mask in masks:
            filling = self._filler.filling(mask)
            if filling.filled < target:
                continue
            names = [name for place, name in enumerate(self._found.places) if (mask & ~self._base) >> place & 1]
            order = self._found.order
            this = (filling.cost, unpreferred(order, names), distance(order, names), order_of(filling.picks))
            if best is None or this < key:
                best, key = (mask, filling), this
        return best


def _mask(lines: Sequence[LineCandidates]) -> int:
    mask = 0
    for line in lines:
        mask |= line.mask
    return mask


def _groups(found: Candidates) -> list[list[LineCandidates]]:
    """The lines, those that draw on the same limit together; in order."""
    leader = list(range(len(found.lines)))

    def lead(line: int) -> int:
        while leader[line] != line:
            leader[line] = leader[leader[line]]
            line = leader[line]
        return line

    first: dict[int, int] = {}
    for line in found.lines:
        for draws in (line.direct, *(part.draws for part in line.parts)):
            for draw in draws:
                for limit in (draw.stock, draw.loan) if draw.loan >= 0 else (draw.stock,):
                    one, other = lead(first.setdefault(limit, line.line)), lead(line.line)
                    leader[max(one, other)] = min(one, other)
    groups: dict[int, list[LineCandidates]] = {}
    for line in found.lines:
        groups.setdefault(lead(line.line), []).append(line)
    return list(groups.values())
