"""The best filling of one line from a given set of places, as if no other line took anything.

Best means: most units, then least cost, then the smallest `tie`. The places do not count here, nor does how many there
are.

A plain line takes its best stock item first: the limits of links hold disjoint sets of its stock items, those of
quotas disjoint sets of places, and so of whole links, so being greedy is optimal. A bundle line takes all packed
units that it can, since bundles put together cost most and take none of them. The others come, one after another,
from the place where the next one costs least: the parts of a place are taken best first, so a further bundle there
never costs less than the one before, and being greedy is optimal again: where a quota is used up no more come from
its places. That needs parts that draw on different stock; others are left to `rivals`.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

from weir_allocation.fulfilment.candidates import NO_LIMIT, Candidates, Draw, LineCandidates
from weir_allocation.fulfilment.objective import Tie

Pick = tuple[Draw, int]
"""Units that are used of a draw."""
Made = tuple[tuple[tuple[int, int], int], ...]
"""Bundles put together, by line and place."""


class Filling(NamedTuple):
    """Units for some lines, and what is known of them."""

    filled: int
    cost: int
    """Packed."""
    picks: tuple[Pick, ...] = ()
    made: Made = ()
    exact: bool = True
    """Whether no filling from these places fills more units, nor as many at less cost."""
    bound: int = 0
    """No filling from these places fills more units."""


NOTHING = Filling(0, 0)


def alone(found: Candidates, line: LineCandidates, mask: int) -> Filling:
    """The best filling of a line from some places; its parts, if it has any, must draw on different stock."""
    assert line.simple
    picks, wanted = taken(line.direct, line.quantity, mask, found.limits)
    cost = sum(units * draw.cost for draw, units in picks)
    made: Made = ()
    if wanted and line.bundles:
        places = [_Place(line, place, found.limits) for place in sorted(line.bundles) if mask >> place & 1]
        left = {each.limit: each.units for each in line.allowances}
        for draw, units in picks:
            if draw.quota != NO_LIMIT:
                left[draw.quota] -= units
        bundles = _put_together(places, wanted, left)
        wanted -= bundles
        cost += bundles * found.bundle_cost + sum(place.cost for place in places)
        picks += [pick for place in places for pick in place.picks()]
        made = tuple(((line.line, place.place), place.made) for place in places if place.made)
    filled = line.quantity - wanted
    return Filling(filled, cost, tuple(picks), made, bound=filled)


def in_one_place(found: Candidates, line: LineCandidates, mask: int) -> Filling:
    """The best filling of a line from one of some places."""
    places = [1 << place for place in sorted(line.most) if mask >> place & 1]
    return min((alone(found, line, place) for place in places), key=_rank, default=NOTHING)


def taken(draws: Sequence[Draw], wanted: int, mask: int, limits: Sequence[int]) -> tuple[list[Pick], int]:
    """Units of the best draws from some places, and how many are missing."""
    picks: list[Pick] = []
    spare: dict[int, int] = {}
    for draw in draws:
        if not mask >> draw.place & 1:
            continue
        units = draw.units if draw.units < wanted else wanted
        if draw.loan != NO_LIMIT:
            left = spare.get(draw.loan, limits[draw.loan])
            units = min(units, left)
            spare[draw.loan] = left - units
        if draw.quota != NO_LIMIT:
            left = spare.get(draw.quota, limits[draw.quota])
            units = min(units, left)
            spare[draw.quota] = left - units
        if units:
            picks.append((draw, units))
            wanted -= units
            if not wanted:
                break
    return picks, wanted


def together(fillings: Sequence[Filling]) -> Filling:
    """Fillings of different lines as one."""
    if len(fillings) == 1:
        return fillings[0]
    return Filling(
        sum(each.filled for each in fillings),
        sum(each.cost for each in fillings),
        tuple(pick for each in fillings for pick in each.picks),
        tuple(made for each in fillings for made in each.made),
        all(each.exact for each in fillings),
        sum(each.bound for each in fillings),
    )


def tie_of(picks: Sequence[Pick]) -> Tie:
    """What decides between fillings that are equally good, as `objective.tie` says."""
    return tuple(sorted((draw.line, draw.item, draw.serves_as, -units) for draw, units in picks))


def _rank(filling: Filling) -> tuple[int, int, Tie]:
    return -filling.filled, filling.cost, tie_of(filling.picks)


class _Place:
    """Bundles that are put together at one place, part by part of the best units that are left there."""

    def __init__(self, line: LineCandidates, place: int, limits: Sequence[int]) -> None:
        self.place = place
        self.quota = line.quota(place)
        self.made = 0
        self.cost = 0
        self._quantities = [part.quantity for part in line.parts]
        most = line.bundles[place]
        # Of each part what could be used, and how much of the first of it has been.
        self._there = [taken(part.draws, most * part.quantity, 1 << place, limits)[0] for part in line.parts]
        self._at = [0] * len(line.parts)
        self._used = [0] * len(line.parts)
        self._most = most

    def next(self) -> tuple[int, Tie, int, int] | None:
        """What the next bundle costs, its tie, and how many like it there are; and the place. None: there is none."""
        if self.made == self._most:
            return None
        picks = [pick for part, quantity in enumerate(self._quantities) for pick in self._portion(part, quantity)]
        alike = self._most - self.made
        for part, quantity in enumerate(self._quantities):
            left = self._there[part][self._at[part]][1] - self._used[part]
            alike = min(alike, max(1, left // quantity))
        return sum(units * draw.cost for draw, units in picks), tie_of(picks), alike, self.place

    def make(self, bundles: int, cost: int) -> None:
        """Use the parts of some of the bundles that `next` tells."""
        self.made += bundles
        self.cost += bundles * cost
        for part, quantity in enumerate(self._quantities):
            self._used[part] += bundles * quantity
            while self._at[part] < len(self._there[part]) and self._used[part] >= self._there[part][self._at[part]][1]:
                self._used[part] -= self._there[part][self._at[part]][1]
                self._at[part] += 1

    def picks(self) -> list[Pick]:
        """The parts of all bundles made."""
        found = []
        for part, there in enumerate(self._there):
            found += there[: self._at[part]]
            if self._used[part]:
                found.append((there[self._at[part]][0], self._used[part]))
        return found

    def _portion(self, part: int, units: int) -> list[Pick]:
        """The units of a part for one bundle."""
        at, used, found = self._at[part], self._used[part], []
        while units:
            draw, there = self._there[part][at]
            some = min(units, there - used)
            found.append((draw, some))
            units -= some
            at, used = at + 1, 0
        return found


def _put_together(places: Sequence[_Place], wanted: int, left: dict[int, int]) -> int:
    """Put bundles together where the next one costs least and `left` of its quota allows it; returns how many."""
    by_place = {place.place: place for place in places}
    heap = [first for place in places if (first := place.next()) is not None]
    heapq.heapify(heap)
    made = 0
    while heap and made < wanted:
        cost, _, alike, number = heapq.heappop(heap)
        place = by_place[number]
        bundles = min(alike, wanted - made)
        if place.quota != NO_LIMIT:
            bundles = min(bundles, left[place.quota])
            left[place.quota] -= bundles
            if not bundles:
                continue
        place.make(bundles, cost)
        made += bundles
        following = place.next()
        if following is not None:
            heapq.heappush(heap, following)
    return made
