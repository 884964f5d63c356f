"""The best filling of lines from a given set of places.

Best means: most units, then least cost, then the smallest `tie`. The places do not count here, nor does how many there
are. Lines are looked at in three ways, from the cheapest to the dearest:

* `alone`: one plain line as if it were the only one. It takes its best stock item first; the limits of links hold
  disjoint sets of its stock items, so that is optimal. Where each line can have its own best filling at once, these
  are the best filling of all together.
* `rivals`: lines that want the same units, and bundles whose parts do, together: a linear program, and branch and bound
  where its answer is not whole or not in one place. Ties are part of its numbers, so its best vertex is the one answer.
* `hasty`, where the work that is allowed ends before: some good filling.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from weir_allocation.fulfilment.candidates import DIRECT, NO_LIMIT, Candidates, Draw, LineCandidates
from weir_allocation.fulfilment.simplex import Program, Row, Work

Picks = tuple[tuple[Draw, int], ...]
Made = tuple[tuple[tuple[int, int], int], ...]
"""Bundles put together, by line and place."""


class Filling(NamedTuple):
    """Units for some lines, and what is known of them."""

    filled: int
    cost: int
    picks: Picks = ()
    made: Made = ()
    exact: bool = True
    """Whether no filling from these places is better."""
    bound: int = 0
    """No filling from these places fills more units."""


def alone(line: LineCandidates, mask: int, limits: Sequence[int]) -> Filling:
    """The best filling of a plain line from some places, if nothing else takes anything."""
    wanted, cost = line.quantity, 0
    picks: list[tuple[Draw, int]] = []
    spare: dict[int, int] = {}
    for draw in line.direct:
        if not mask >> draw.place & 1:
            continue
        units = min(wanted, draw.units)
        if draw.loan != NO_LIMIT:
            left = spare.get(draw.loan, limits[draw.loan])
            units = min(units, left)
            spare[draw.loan] = left - units
        if units:
            picks.append((draw, units))
            cost += units * draw.cost
            wanted -= units
            if not wanted:
                break
    filled = line.quantity - wanted
    return Filling(filled, cost, tuple(picks), bound=filled)


def together(fillings: Sequence[Filling]) -> Filling:
    """Fillings of different lines as one."""
    return Filling(
        sum(each.filled for each in fillings),
        sum(each.cost for each in fillings),
        tuple(pick for each in fillings for pick in each.picks),
        tuple(made for each in fillings for made in each.made),
        all(each.exact for each in fillings),
        sum(each.bound for each in fillings),
    )


def fits(picks: Picks, limits: Sequence[int]) -> bool:
    """Whether nothing is given out twice."""
    used: dict[int, int] = {}
    for draw, units in picks:
        used[draw.stock] = used.get(draw.stock, 0) + units
        if draw.loan != NO_LIMIT:
            used[draw.loan] = used.get(draw.loan, 0) + units
    return all(units <= limits[limit] for limit, units in used.items())


def worth(filling: Filling) -> tuple[int, int, tuple[object, ...]]:
    """Key by which the best filling is the smallest."""
    return -filling.filled, filling.cost, order_of(filling.picks)


def order_of(picks: Picks) -> tuple[object, ...]:
    """Key that decides ties, as `objective.tie` says."""
    return tuple(sorted((draw.line, draw.item, draw.serves_as, -units) for draw, units in picks))


def rivals(
    found: Candidates, lines: Sequence[LineCandidates], mask: int, *, one_place: bool, work: Work
) -> Filling | int:
    """The best filling of lines that compete, from some places; where the work ends before, the most units that there
    could be.
    """
    model = _Model(found, lines, mask)
    program = Program(model.worth, model.rows)
    if not program.solve(work):
        return sum(line.quantity for line in lines)
    waiting = [(-program.value, 0, program)]
    count = 1
    while waiting:
        value, _, program = heapq.heappop(waiting)
        vertex = program.vertex()
        cuts = model.cuts(vertex, one_place=one_place)
        if not cuts:
            return model.filling(vertex)
        for row, bound in cuts:
            branch = program.copy()
            possible = branch.cut(row, bound, work)
            if possible is None:
                return model.filled(-value)
            if possible:
                heapq.heappush(waiting, (-branch.value, count, branch))
                count += 1
    raise AssertionError("nothing at all is always a filling")


class _Model:
    """The filling of some lines from some places as a linear program.

    A column for each draw, in the order that decides ties, and one for each line and place at which bundles can be put
    together: how many are. Worth most is a unit filled; what it costs is taken off. Far below that come the draws
    themselves, the first worth more than all units of all later ones.
    """

    def __init__(self, found: Candidates, lines: Sequence[LineCandidates], mask: int) -> None:
        self._found, self._lines = found, lines
        draws = [
            draw
            for line in lines
            for draws in (line.direct, *(part.draws for part in line.parts))
            for draw in draws
            if mask >> draw.place & 1
        ]
        self._draws = sorted(draws, key=lambda draw: (draw.line, draw.item, draw.serves_as))
        self._made = [(line.line, place) for line in lines for place in sorted(line.bundles) if mask >> place & 1]
        self._by_line = {line.line: line for line in lines}
        self.worth = self._worth()
        self.rows = self._rows()

    def filled(self, value: int) -> int:
        """The units filled by the best filling that is worth no more."""
        return -(-(value // self._scale) // self._found.fill_worth)

    def filling(self, vertex: Mapping[int, Fraction]) -> Filling:
        """What a vertex in whole numbers stands for."""
        picks = tuple((draw, int(vertex[column])) for column, draw in enumerate(self._draws) if column in vertex)
        first = len(self._draws)
        made = tuple(
            (each, int(vertex[first + number])) for number, each in enumerate(self._made) if first + number in vertex
        )
        bundles = sum(number for _, number in made)
        filled = bundles + sum(units for draw, units in picks if draw.component == DIRECT)
        cost = bundles * self._found.bundle_cost + sum(units * draw.cost for draw, units in picks)
        return Filling(filled, cost, picks, made, bound=filled)

    def cuts(self, vertex: Mapping[int, Fraction], *, one_place: bool) -> list[tuple[Row, int]]:
        """Two rows of which every filling keeps one and the vertex none; none if it stands for a filling."""
        broken = [column for column in range(len(self._draws) + len(self._made)) if column in vertex]
        if one_place and (row := self._scattered(vertex)):
            return row
        fractions = [column for column in broken if vertex[column].denominator != 1]
        if not fractions:
            return []
        # Whole numbers of bundles make most of the rest whole.
        column = fractions[-1]
        below = vertex[column].numerator // vertex[column].denominator
        return [({column: 1}, below), ({column: -1}, -below - 1)]

    def _scattered(self, vertex: Mapping[int, Fraction]) -> list[tuple[Row, int]]:
        """The rows for a line that comes from several places: all from the first of them, or nothing."""
        columns: dict[int, dict[int, Row]] = {}
        for column, (number, place) in enumerate([*((draw.line, draw.place) for draw in self._draws), *self._made]):
            columns.setdefault(number, {}).setdefault(place, {})[column] = 1
        for line in self._lines:
            places = columns.get(line.line, {})
            used = [place for place, row in sorted(places.items()) if any(column in vertex for column in row)]
            if len(used) > 1:
                others: Row = {}
                for place, row in places.items():
                    if place != used[0]:
                        others |= row
                return [(others, 0), (places[used[0]], 0)]
        return []

    def _worth(self) -> list[int]:
        self._scale = 1
        ties = []
        for draw in reversed(self._draws):
            ties.append(self._scale)
            self._scale *= min(draw.units, self._most(draw)) + 1
        fill = self._found.fill_worth
        draws = [
            ((fill if draw.component == DIRECT else 0) - draw.cost) * self._scale + tie
            for draw, tie in zip(self._draws, reversed(ties), strict=True)
        ]
        return draws + [(fill - self._found.bundle_cost) * self._scale] * len(self._made)

    def _most(self, draw: Draw) -> int:
        """The most units that a draw can ever be used for."""
        line = self._by_line[draw.line]
        return line.quantity * (1 if draw.component == DIRECT else line.parts[draw.component].quantity)

    def _rows(self) -> list[tuple[Row, int]]:
        wanted: dict[int, Row] = {each.line: {} for each in self._lines}
        limited: dict[int, Row] = {}
        parts: dict[tuple[int, int, int], Row] = {}
        for column, draw in enumerate(self._draws):
            if draw.component == DIRECT:
                wanted[draw.line][column] = 1
            else:
                parts.setdefault((draw.line, draw.place, draw.component), {})[column] = 1
            limited.setdefault(draw.stock, {})[column] = 1
            if draw.loan != NO_LIMIT:
                limited.setdefault(draw.loan, {})[column] = 1
        rows = []
        for number, (line, place) in enumerate(self._made, len(self._draws)):
            wanted[line][number] = 1
            for component, part in enumerate(self._by_line[line].parts):
                row = parts[line, place, component] | {number: -part.quantity}
                rows += [(row, 0), ({column: -factor for column, factor in row.items()}, 0)]
        rows += [(wanted[each.line], each.quantity) for each in self._lines]
        rows += [(row, self._found.limits[limit]) for limit, row in limited.items()]
        return rows
