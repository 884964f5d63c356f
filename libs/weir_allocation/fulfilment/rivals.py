"""The best filling of lines that want the same units, or of a bundle whose parts do, from a given set of places.

A linear program, and where its answer is not in whole numbers cuts that round it off (Gomory), then branch and bound
(Land and Doig), as where a line that must come from one place comes from several. Of all branches the one whose bound
is best is followed, so the first answer that is a filling is the best one. If plain lines compete and no lot is asked
for the program is a minimum-cost flow, whose answers are whole by themselves; the parts of bundles and the limits of
links and quotas on several lots are what may break them.

Ties can be numbers of the program too, far below all others, so that there is one best answer; but they make the
numbers long and the search deep. So `rivals` finds a best filling without them, lines that want the same as one,
which if there is no other is filled as any line `alone`, and `decided`, for the places that are chosen in the end,
the one with the smallest `tie`.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from weir_allocation.fulfilment.candidates import DIRECT, NO_LIMIT, Candidates, Draw, LineCandidates
from weir_allocation.fulfilment.filling import Filling, Pick, alone
from weir_allocation.fulfilment.simplex import Program, Row, Work

ROUNDS = 3
"""How often fractions are rounded off before a program is split."""
TIE_COLUMNS = 400
"""Draws up to which ties are decided."""
TIE_WORK = 100_000
"""Most of the work that may be spent on deciding ties in one filling."""


def rivals(
    found: Candidates, lines: Sequence[LineCandidates], mask: int, *, one_place: bool, work: Work
) -> Filling | int:
    """A best filling of lines that compete, from some places; of several that are equally good any, always the same.

    Where the work ends before one is found: the most units that there could be.
    """
    alike = [[line] for line in lines] if one_place else _alike(found, lines)
    merged = [replace(each[0], quantity=sum(line.quantity for line in each)) for each in alike]
    if len(merged) == 1 and merged[0].simple and not one_place:
        return _dealt(alone(found, merged[0], mask), alike)
    if work.left < 0:
        return sum(line.quantity for line in lines)
    best = _search(_Model(found, merged, mask, ties=False), one_place=one_place, work=work)
    return _dealt(best, alike) if isinstance(best, Filling) else best


def decided(
    found: Candidates, lines: Sequence[LineCandidates], mask: int, filling: Filling, *, one_place: bool, work: Work
) -> Filling:
    """The best filling with the smallest tie; where that takes too much work the one that is known."""
    model = _Model(found, lines, mask, ties=True)
    if len(model.draws) > TIE_COLUMNS:
        return filling
    some = Work(min(work.left, TIE_WORK))
    before = some.left
    best = _search(model, one_place=one_place, work=some)
    work.left -= before - some.left
    return best if isinstance(best, Filling) else filling


def _search(model: _Model, *, one_place: bool, work: Work) -> Filling | int:
    program = Program(model.worth, model.rows)
    if not program.solve(work):
        return model.wanted
    waiting = [(-program.value, 0, ROUNDS, program)]
    count = 1
    while waiting:
        value, _, rounds, program = heapq.heappop(waiting)
        vertex = program.vertex()
        cuts = model.scattered(vertex) if one_place else []
        broken = model.broken(vertex)
        if broken is not None:
            cuts = cuts or _halves(broken, vertex)
        if not cuts:
            return model.filling(vertex)
        branches = []
        if broken is not None and rounds:
            branches = [(program, program.round_off(work), rounds - 1)]
        else:
            for row, bound in cuts:
                branch = program.copy(work)
                branches.append((branch, branch.cut(row, bound, work), 1))
        for branch, possible, more in branches:
            if possible is None:
                return model.filled(-value)
            if possible:
                heapq.heappush(waiting, (-branch.value, count, more, branch))
                count += 1
    raise AssertionError("nothing at all is always a filling")


def _halves(column: int, vertex: Mapping[int, Fraction]) -> list[tuple[Row, int]]:
    """Two rows for a column that is not whole, of which it keeps one if it is: no more than that, or no less."""
    below = vertex[column].numerator // vertex[column].denominator
    return [({column: 1}, below), ({column: -1}, -below - 1)]


def _alike(found: Candidates, lines: Sequence[LineCandidates]) -> list[list[LineCandidates]]:
    """The lines, those together that want the same; in order."""
    groups: dict[object, list[LineCandidates]] = {}
    for each in lines:
        line = found.order.wish.lines[each.line]
        groups.setdefault((line.product, line.demand, line.custodians), []).append(each)
    return list(groups.values())


def _dealt(filling: Filling, alike: Sequence[Sequence[LineCandidates]]) -> Filling:
    """A filling of lines that stand for several: each of those takes its units in turn, the first ones first."""
    picks: list[Pick] = []
    made: dict[tuple[int, int], int] = {}
    for lines in alike:
        own = [(draw, units) for draw, units in filling.picks if draw.line == lines[0].line]
        queues: dict[tuple[int, int], list[Pick]] = {}
        for draw, units in sorted(own, key=lambda pick: (pick[0].item, pick[0].serves_as), reverse=True):
            place = DIRECT if draw.component == DIRECT else draw.place
            queues.setdefault((place, draw.component), []).append((draw, units))
        bundles = {place: number for (line, place), number in filling.made if line == lines[0].line}
        for line in lines:
            direct = _off(queues.get((DIRECT, DIRECT), []), line.quantity, line.line)
            wanted = line.quantity - sum(units for _, units in direct)
            picks += direct
            for place, left in sorted(bundles.items()):
                number = min(wanted, left)
                if number:
                    made[line.line, place] = number
                    bundles[place] -= number
                    wanted -= number
                for component, part in enumerate(line.parts):
                    picks += _off(queues.get((place, component), []), number * part.quantity, line.line)
    return filling._replace(picks=tuple(picks), made=tuple(made.items()))


def _off(queue: list[Pick], wanted: int, line: int) -> list[Pick]:
    """Units off the end of a queue, for a line."""
    found = []
    while queue and wanted:
        draw, there = queue.pop()
        units = min(there, wanted)
        found.append((draw._replace(line=line), units))
        wanted -= units
        if there > units:
            queue.append((draw, there - units))
    return found


class _Model:
    """The filling of some lines from some places as a linear program.

    A column for each draw, in the order that decides ties, and one for each line and place at which bundles can be put
    together: how many are. Worth most is a unit filled; what it costs is taken off. Far below that come the draws
    themselves, if ties count, the first worth more than all units of all later ones.
    """

    def __init__(self, found: Candidates, lines: Sequence[LineCandidates], mask: int, *, ties: bool) -> None:
        self._found, self._lines = found, lines
        draws = [
            draw
            for line in lines
            for draws in (line.direct, *(part.draws for part in line.parts))
            for draw in draws
            if mask >> draw.place & 1
        ]
        self.draws = sorted(draws, key=lambda draw: (draw.line, draw.item, draw.serves_as))
        self._made = [(line.line, place) for line in lines for place in sorted(line.bundles) if mask >> place & 1]
        self._by_line = {line.line: line for line in lines}
        self._scale = 1
        self.worth = self._worth(ties=ties)
        self.rows = self._rows()

    @property
    def wanted(self) -> int:
        """Units of all lines."""
        return sum(line.quantity for line in self._lines)

    def filled(self, value: int) -> int:
        """The units filled by the best filling that is worth no more."""
        return min(self.wanted, -(-(value // self._scale) // self._found.fill_worth))

    def filling(self, vertex: Mapping[int, Fraction]) -> Filling:
        """What a vertex in whole numbers stands for."""
        picks = tuple((draw, int(vertex[column])) for column, draw in enumerate(self.draws) if column in vertex)
        first = len(self.draws)
        made = tuple(
            (each, int(vertex[first + number])) for number, each in enumerate(self._made) if first + number in vertex
        )
        bundles = sum(number for _, number in made)
        filled = bundles + sum(units for draw, units in picks if draw.component == DIRECT)
        cost = bundles * self._found.bundle_cost + sum(units * draw.cost for draw, units in picks)
        return Filling(filled, cost, picks, made, bound=filled)

    def broken(self, vertex: Mapping[int, Fraction]) -> int | None:
        """A column that is not whole, if there is one; bundles come first: if they are whole most of the rest is."""
        columns = range(len(self.draws) + len(self._made) - 1, -1, -1)
        return next((column for column in columns if column in vertex and vertex[column].denominator != 1), None)

    def scattered(self, vertex: Mapping[int, Fraction]) -> list[tuple[Row, int]]:
        """Two rows for a line that comes from several places, of which it keeps one if it comes from one: nothing from
        all others than the first of them, or nothing from that.
        """
        columns: dict[int, dict[int, Row]] = {}
        for column, (number, place) in enumerate([*((draw.line, draw.place) for draw in self.draws), *self._made]):
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

    def _worth(self, *, ties: bool) -> list[int]:
        places = []
        for draw in reversed(self.draws):
            places.append(self._scale if ties else 0)
            if ties:
                self._scale *= min(draw.units, self._most(draw)) + 1
        fill = self._found.fill_worth
        draws = [
            ((fill if draw.component == DIRECT else 0) - draw.cost) * self._scale + place
            for draw, place in zip(self.draws, reversed(places), strict=True)
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
        for column, draw in enumerate(self.draws):
            if draw.component == DIRECT:
                wanted[draw.line][column] = 1
            else:
                parts.setdefault((draw.line, draw.place, draw.component), {})[column] = 1
            limited.setdefault(draw.stock, {})[column] = 1
            for limit in (draw.loan, draw.quota):
                if limit != NO_LIMIT:
                    limited.setdefault(limit, {})[column] = 1
        rows = []
        for number, (line, place) in enumerate(self._made, len(self.draws)):
            wanted[line][number] = 1
            quota = self._by_line[line].quota(place)
            if quota != NO_LIMIT:
                limited.setdefault(quota, {})[number] = 1
            for component, part in enumerate(self._by_line[line].parts):
                row = parts[line, place, component] | {number: -part.quantity}
                rows += [(row, 0), ({column: -factor for column, factor in row.items()}, 0)]
        rows += [(wanted[each.line], each.quantity) for each in self._lines]
        rows += [(row, self._found.limits[limit]) for limit, row in limited.items()]
        return rows
