"""The best filling of all lines of an order from any set of places, each found once.

Each line begins with the best filling that it could have alone. Where lines together use more of something than there
is, they are filled anew as rivals: lines that use it become one cluster. That goes on until nothing is given out twice.
Clusters look for their best filling as if no other took anything, so what they have together is never worse than the
best filling of all lines; once it is possible it is that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from weir_allocation.fulfilment.candidates import NO_LIMIT, Candidates, LineCandidates, places_of
from weir_allocation.fulfilment.filling import Filling, alone, in_one_place, together
from weir_allocation.fulfilment.hasty import hasty
from weir_allocation.fulfilment.rivals import decided, rivals
from weir_allocation.fulfilment.simplex import Work

MANY = 40
"""Lines from which on their sums are made by numpy."""

Cluster = tuple[int, ...]
"""Lines that are filled as rivals, in order."""
Solve = Callable[[Cluster, int], Filling]


class Filler:
    """Fillings of the lines of one order."""

    def __init__(self, found: Candidates, work: int) -> None:
        """`work` numbers may be written by linear programs."""
        self.found = found
        self._one_place = found.order.wish.one_location_per_line
        self._work = Work(work)
        self._quotas = any(line.allowances for line in found.lines)
        self._masks = [line.mask for line in found.lines]
        self._dearest = max((_dearest(found, line) for line in found.lines), default=0)
        self._reach = _Reach(found.lines, len(found.places), one_place=self._one_place)
        self._known: dict[tuple[Cluster, int], Filling] = {}
        self._decided: dict[tuple[Cluster, int], Filling] = {}

    def reachable(self, mask: int) -> int:
        """At least as many units as can be filled from some places."""
        return self._reach.units(mask)

    def least_cost(self, mask: int, target: int) -> int:
        """No filling of so many units costs less.

        Lines that do not compete cost least. Where they would have more units than are wanted, some of the dearest may
        be left out; of a line from one place one unit less may come from quite another place, and cost nothing. Of a
        line whose best filling is not known nothing is known.
        """
        singles = [self._best((line,), mask) for line in range(len(self.found.lines))]
        spare = max(0, sum(each.bound for each in singles) - target)
        costs = [each.cost for each in singles if each.exact]
        if self._one_place:
            return sum(sorted(costs, reverse=True)[spare:])
        return sum(costs) - spare * self._dearest

    def filling(self, mask: int, least: int = 0) -> Filling | None:
        """A best filling from some places; None if none has at least so many units.

        Where the work ends that is allowed it is some filling that is not exact, and may have fewer units.
        """
        return self._filling(mask, least, self._best)

    def decided(self, mask: int) -> Filling:
        """The best filling from some places that has the smallest tie, if that does not take too much work."""
        filling = self._filling(mask, 0, self._smallest)
        assert filling is not None
        return filling

    def _filling(self, mask: int, least: int, solve: Solve) -> Filling | None:
        clusters: list[Cluster] = [(line,) for line in range(len(self.found.lines))]
        fillings = {cluster: solve(cluster, mask) for cluster in clusters}
        while True:
            if sum(filling.bound for filling in fillings.values()) < least:
                return None
            merged = self._conflicts(fillings)
            if not merged:
                return together([fillings[cluster] for cluster in sorted(fillings)])
            for parts in merged:
                for part in parts:
                    del fillings[part]
                cluster = tuple(sorted(line for part in parts for line in part))
                fillings[cluster] = solve(cluster, mask)

    def _conflicts(self, fillings: dict[Cluster, Filling]) -> list[list[Cluster]]:
        """The clusters that use more of something than there is, those together that do so with each other."""
        used: dict[int, int] = {}
        for filling in fillings.values():
            for draw, units in filling.picks:
                used[draw.stock] = used.get(draw.stock, 0) + units
                if draw.loan != NO_LIMIT:
                    used[draw.loan] = used.get(draw.loan, 0) + units
        for filling in fillings.values() if self._quotas else ():
            for limit, units in self._of_quotas(filling):
                used[limit] = used.get(limit, 0) + units
        limits = self.found.limits
        short = {limit for limit, units in used.items() if units > limits[limit]}
        return self._meeting(fillings, short) if short else []

    def _of_quotas(self, filling: Filling) -> Iterator[tuple[int, int]]:
        """The limits of quotas that a filling counts against, each time with units."""
        for draw, units in filling.picks:
            if draw.quota != NO_LIMIT:
                yield draw.quota, units
        for (line, place), bundles in filling.made:
            quota = self.found.lines[line].quota(place)
            if quota != NO_LIMIT:
                yield quota, bundles

    def _meeting(self, fillings: dict[Cluster, Filling], short: set[int]) -> list[list[Cluster]]:
        """The clusters that use any of some limits, those together that use the same ones."""
        clusters = list(fillings)
        leader = list(range(len(clusters)))
        first: dict[int, int] = {}

        def lead(number: int) -> int:
            while leader[number] != number:
                leader[number] = leader[leader[number]]
                number = leader[number]
            return number

        for number, cluster in enumerate(clusters):
            filling = fillings[cluster]
            limits = [limit for draw, _ in filling.picks for limit in (draw.stock, draw.loan)]
            for limit in (*limits, *(limit for limit, _ in self._of_quotas(filling))):
                if limit in short:
                    one, other = lead(first.setdefault(limit, number)), lead(number)
                    leader[max(one, other)] = min(one, other)
        met: dict[int, list[Cluster]] = {}
        for number in sorted({lead(number) for number in first.values()}):
            met[number] = []
        for number, cluster in enumerate(clusters):
            if lead(number) in met:
                met[lead(number)].append(cluster)
        return list(met.values())

    def _best(self, cluster: Cluster, mask: int) -> Filling:
        """A best filling of a cluster, as if no other took anything."""
        mask &= self._mask(cluster)
        filling = self._known.get((cluster, mask))
        if filling is None:
            lines = [self.found.lines[line] for line in cluster]
            filling = self._known[cluster, mask] = self._solved(lines, mask)
        return filling

    def _solved(self, lines: Sequence[LineCandidates], mask: int) -> Filling:
        if len(lines) == 1 and lines[0].simple:
            return (in_one_place if self._one_place else alone)(self.found, lines[0], mask)
        best = rivals(self.found, lines, mask, one_place=self._one_place, work=self._work)
        if isinstance(best, Filling):
            return best
        filling = hasty(self.found, lines, mask, one_place=self._one_place)
        return filling._replace(bound=min(best, filling.bound))

    def _smallest(self, cluster: Cluster, mask: int) -> Filling:
        """As `_best`, with the smallest tie."""
        filling = self._best(cluster, mask)
        lines = [self.found.lines[line] for line in cluster]
        if not filling.exact or not filling.picks or (len(lines) == 1 and lines[0].simple):
            return filling
        mask &= self._mask(cluster)
        if (cluster, mask) not in self._decided:
            self._decided[cluster, mask] = decided(
                self.found, lines, mask, filling, one_place=self._one_place, work=self._work
            )
        return self._decided[cluster, mask]

    def _mask(self, cluster: Cluster) -> int:
        mask = 0
        for line in cluster:
            mask |= self._masks[line]
        return mask


class _Reach:
    """How much of all lines places can give if no line takes anything from another."""

    def __init__(self, lines: Sequence[LineCandidates], places: int, *, one_place: bool) -> None:
        self._lines = [(line.quantity, line.most, line.mask, line.over if line.allowances else None) for line in lines]
        self._one_place = one_place
        self._known: dict[int, int] = {}
        self._table: np.ndarray[tuple[int, int], np.dtype[np.int64]] | None = None
        if len(lines) >= MANY:
            self._table = np.zeros((places, len(lines)), dtype=np.int64)
            for number, line in enumerate(lines):
                for place, units in line.most.items():
                    self._table[place, number] = units
            self._wanted = np.array([line.quantity for line in lines], dtype=np.int64)
            self._allowed: dict[int, np.ndarray[tuple[int], np.dtype[np.int64]]] = {}
            for number, line in enumerate(lines):
                for allowance in line.allowances:
                    allowed = self._allowed.setdefault(allowance.mask, np.full(len(lines), np.iinfo(np.int64).max))
                    allowed[number] = allowance.units

    def units(self, mask: int) -> int:
        """The units from some places."""
        units = self._known.get(mask)
        if units is None:
            units = self._known[mask] = self._sum(mask)
        return units

    def _sum(self, mask: int) -> int:
        if self._table is not None:
            rows = self._table[places_of(mask)]
            if self._one_place:
                return int(np.minimum(rows.max(axis=0, initial=0), self._wanted).sum())
            there = rows.sum(axis=0)
            for places, allowed in self._allowed.items():
                here = self._table[places_of(mask & places)].sum(axis=0)
                there -= here - np.minimum(here, allowed)
            return int(np.minimum(there, self._wanted).sum())
        total = 0
        for wanted, most, places, over in self._lines:
            here, away = mask & places, places & ~mask
            if self._one_place:
                there = max([most[place] for place in places_of(here)], default=0)
            elif here.bit_count() < away.bit_count():
                there = sum([most[place] for place in places_of(here)])
            else:
                there = sum(most.values()) - sum([most[place] for place in places_of(away)])
            if over is not None and not self._one_place:
                there -= over(mask)
            total += wanted if wanted < there else there
        return total


def mask_of(lines: Sequence[LineCandidates]) -> int:
    """The places that have anything for some lines."""
    mask = 0
    for line in lines:
        mask |= line.mask
    return mask


def _dearest(found: Candidates, line: LineCandidates) -> int:
    """No unit more of a line adds more to what it costs."""
    parts = sum(part.quantity * max((draw.cost for draw in part.draws), default=0) for part in line.parts)
    # Where parts draw on the same stock, one of them that takes more makes each of the others take dearer units.
    made = found.bundle_cost + parts * len(line.parts) if line.parts else 0
    return max(made, max((draw.cost for draw in line.direct), default=0))
