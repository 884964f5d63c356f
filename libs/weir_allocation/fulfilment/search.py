"""Which locations send: the fewest that can fill as much as all of them, and the best of those that are as few.

Branch and bound over sets of places. They are tried by size, from the smallest on; places that send already are in
every set and count for nothing, and a place without which too little can be filled is in every set too. For each line a
place has a most that it can give: a set in which these do not add up to enough is left out without a look at who
competes with whom. The sets that are left are filled, in the order of what they cost at least, which is what their
lines would cost if they did not compete; so the first one that no other can beat ends the search.

Where the sets are too many the rest is left to `heuristic`, and where the fillings take more work than is allowed some
of them are not the best. The bounds hold in either case: what all places together can fill is the most that any of them
can, and no set of a size is left out unless no filling from it reaches what is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import NamedTuple

from weir_allocation.fulfilment.candidates import Candidates, places_of
from weir_allocation.fulfilment.filler import Filler, mask_of
from weir_allocation.fulfilment.filling import NOTHING, Filling, tie_of
from weir_allocation.fulfilment.heuristic import Cover, fewest_for, most_from
from weir_allocation.fulfilment.objective import distance, unpreferred

WORK = 2_000_000
"""Numbers that linear programs may write for one plan."""
GLANCES = 400_000
"""Lines of sets of places of which one plan adds up what they can give: 12 places have 4,096 sets, times 50 lines."""
LOOKS = 50_000
"""Lines of sets of one size that are filled: of 12 places 924 have six, times 50 lines."""
MANY = 12
"""Places beyond which an eighth of both is enough: not every set can be looked at anyway."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A filling from the best places."""

    filling: Filling
    exact: bool
    """Whether no other is better."""
    filled_bound: int
    """No filling has more units."""
    locations_bound: int
    """No filling with as many units has fewer places."""


class Search:
    """The search for the best places of one order."""

    def __init__(self, found: Candidates, *, work: int = WORK, glances: int = GLANCES) -> None:
        self._found = found
        self._filler = Filler(found, work)
        self._base = found.sending
        everywhere = mask_of(found.lines) & ~self._base
        self._free = [1 << place for place in range(len(found.places)) if everywhere >> place & 1]
        limit = found.order.wish.locations_max
        most = len(self._free) if limit is None else max(0, limit - len(found.order.sending))
        self._most = min(most, len(self._free))
        share = 1 if len(self._free) <= MANY else 8
        self._glances, self._looks = glances // share, LOOKS // share

    def choice(self) -> Choice:
        """The best that was found."""
        everything = self._filler.filling(self._base | sum(self._free))
        assert everything is not None
        if self._most == len(self._free) and self._hopeless(everything):
            return Choice(everything, True, everything.bound, 0)
        choice = self._fewest(everything.filled, everything.bound)
        if choice is None:
            # That would take more places than may send: what the most of them can fill is wanted instead.
            most = self._limited()
            if most is None:
                return self._covered(self._base, self._free, everything.filled, everything.bound, 0)
            if self._hopeless(most):
                return Choice(most, True, most.bound, 0)
            choice = self._fewest(most.filled, most.bound)
        assert choice is not None
        return choice

    def _hopeless(self, most: Filling) -> bool:
        """Whether nothing is to be filled, since the whole order cannot be, if this has most units of all."""
        wish = self._found.order.wish
        return wish.whole and most.bound < sum(line.quantity for line in wish.lines)

    def _fewest(self, target: int, bound: int) -> Choice | None:
        """The best of the smallest sets that fill as much as is wanted; None if there is none of those allowed."""
        core, rest = self._needed(self._base, self._free, lambda mask: self._filler.reachable(mask) >= target)
        size, smallest, closely = self._size(core), None, False
        while size <= self._most:
            masks = self._masks(core, rest, size - self._size(core), target)
            if masks is None and closely:
                return self._covered(core, rest, target, bound, size if smallest is None else smallest)
            if masks is None:
                closely = True
                core, rest = self._needed(core, rest, lambda mask: self._filler.filling(mask, target) is not None)
                size = max(size, self._size(core))
                continue
            best = self._best(masks, target)
            if smallest is None and best.possible:
                smallest = size
            if best.filling is not None:
                assert smallest is not None
                exact = best.exact and bound == target and smallest == size
                return Choice(best.filling, exact, bound, smallest)
            size += 1
        return None

    def _masks(self, core: int, rest: Sequence[int], more: int, target: int) -> list[int] | None:
        """The sets with so many more places than the core that may fill what is wanted; None if they are too many."""
        if not self._glance(comb(len(rest), more)):
            return None
        sets = [core | sum(places) for places in combinations(rest, more)]
        masks = [mask for mask in sets if self._filler.reachable(mask) >= target]
        return masks if len(masks) * len(self._found.lines) <= self._looks else None

    def _needed(self, core: int, rest: Sequence[int], enough: Callable[[int], bool]) -> tuple[int, list[int]]:
        """The places without which no set is enough, `core` among them, and the others."""
        everywhere = core | sum(rest)
        needed = [place for place in rest if not enough(everywhere & ~place)]
        return core | sum(needed), [place for place in rest if place not in needed]

    def _size(self, mask: int) -> int:
        """How many places of a set count."""
        return (mask & ~self._base).bit_count()

    def _best(self, masks: Sequence[int], target: int) -> _Best:
        """The best filling from any of some sets of places that has so many units."""
        ranked = sorted((self._rank(mask, self._filler.least_cost(mask, target)), mask) for mask in masks)
        best: list[int] = []
        rank: tuple[int, ...] = ()
        possible = False
        exact = True
        for least, mask in ranked:
            if best and least > rank:
                break
            filling = self._filler.filling(mask, target)
            if filling is None:
                continue
            possible = True
            exact = exact and filling.exact
            if filling.filled < target:
                continue
            this = self._rank(mask, filling.cost)
            if not best or this < rank:
                best, rank = [mask], this
            elif this == rank:
                best.append(mask)
        decided = [self._filler.decided(mask) for mask in best]
        return _Best(min(decided, key=lambda each: tie_of(each.picks), default=None), possible, exact)

    def _limited(self) -> Filling | None:
        """A filling that has most units of all from as many places as are allowed, its bound that of all of them; None
        if there are too many sets to look at.
        """
        if not self._glance(comb(len(self._free), self._most)):
            return None
        masks = [self._base | sum(places) for places in combinations(self._free, self._most)]
        ranked = sorted((-self._filler.reachable(mask), mask) for mask in masks)
        best, bound = NOTHING, 0
        for least, mask in ranked:
            if -least <= best.filled:
                break
            filling = self._filler.filling(mask, best.filled + 1)
            if filling is not None:
                bound = max(bound, filling.bound)
                best = filling if filling.filled > best.filled else best
        return best._replace(bound=max(bound, best.filled))

    def _covered(self, core: int, rest: Sequence[int], target: int, bound: int, least: int) -> Choice:
        """A good filling from good places; no fewer than `least` can fill what is wanted."""
        mask, filling = self._cover(core, rest, target)
        if filling.filled < target and core != self._base:
            # So much may take more places than may send, and then the core is not needed.
            other = self._cover(self._base, self._free, target)
            mask, filling = max((mask, filling), other, key=lambda each: each[1].filled)
        filling = self._filler.decided(mask)
        lines = self._found.lines
        if filling.filled < target:
            least = 0
        return Choice(
            filling,
            False,
            min(bound, most_from(lines, self._base, self._most)),
            max(least, fewest_for(lines, self._base, filling.filled)),
        )

    def _cover(self, core: int, rest: Sequence[int], target: int) -> tuple[int, Filling]:
        more = self._most - self._size(core)
        cover = Cover(self._filler, core, rest, target=target, more=more, rank=self._rank)
        return cover.mask, cover.filling

    def _rank(self, mask: int, cost: int) -> tuple[int, int, int]:
        """What decides between sets that are as large and fill as much; ties aside."""
        names = [self._found.places[place] for place in places_of(mask & ~self._base)]
        return cost, unpreferred(self._found.order, names), distance(self._found.order, names)

    def _glance(self, sets: int) -> bool:
        """Whether so many sets may be looked at."""
        lines = sets * len(self._found.lines)
        if lines > self._glances:
            return False
        self._glances -= lines
        return True


class _Best(NamedTuple):
    """What is known of sets of places of one size."""

    filling: Filling | None
    """With as many units as are wanted."""
    possible: bool
    """Whether one of the sets may have that many."""
    exact: bool
