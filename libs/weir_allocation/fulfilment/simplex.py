"""Linear programs in whole numbers, solved without rounding.

`maximise worth . x where rows . x <= bounds and x >= 0`, with bounds that are not negative, by the simplex method of
Dantzig on a table in which every row has a scale of its own: its numbers are whole, and what they mean is them divided
by the scale. A program that has been solved takes further rows (`cut`) and is solved again by the dual method, which is
what branch and bound needs. Rows are kept as mappings without zeros: those of plans have few numbers each.

Entering and leaving columns are chosen by Bland's rule once a program stands still, so it always ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import gcd

Row = dict[int, int]

_PATIENCE = 20
"""Steps without a gain after which only Bland's rule chooses."""

_LONG = 60
"""Bits of the scale of the costs beyond which it is made smaller."""


class Work:
    """Numbers that may still be written, so that a search ends, and in the same place every time."""

    def __init__(self, numbers: int) -> None:
        self.left = numbers


class Program:
    """A linear program, its table and the vertex it stands at."""

    def __init__(self, worth: Sequence[int], rows: Sequence[tuple[Row, int]]) -> None:
        """Start at zero, where nothing is used; columns from `len(worth)` on are what rows have left."""
        assert all(bound >= 0 for _, bound in rows)
        self._next = len(worth) + len(rows)
        self._basic = [len(worth) + number for number in range(len(rows))]
        self._rows = [dict(row) for row, _ in rows]
        self._scales = [1] * len(rows)
        self._bounds = [bound for _, bound in rows]
        self._costs = {column: -each for column, each in enumerate(worth) if each}
        self._cost_scale = 1
        self._value = 0

    def copy(self, work: Work) -> Program:
        """The same program, to go on with in another way."""
        work.left -= sum(len(row) for row in self._rows) // 8
        made = Program.__new__(Program)
        made._next, made._cost_scale, made._value = self._next, self._cost_scale, self._value
        made._basic, made._scales, made._bounds = self._basic[:], self._scales[:], self._bounds[:]
        made._rows, made._costs = [row.copy() for row in self._rows], self._costs.copy()
        return made

    @property
    def value(self) -> int:
        """What the vertex is worth, rounded down."""
        return self._value // self._cost_scale

    def vertex(self) -> dict[int, Fraction]:
        """The columns that are not zero; also those that say what rows have left."""
        return {
            column: Fraction(bound, scale)
            for column, bound, scale in zip(self._basic, self._bounds, self._scales, strict=True)
            if bound
        }

    def solve(self, work: Work) -> bool:
        """Go to the best vertex; False if the work ended before."""
        still = 0
        while True:
            column = self._entering(bland=still > _PATIENCE)
            if column is None:
                return True
            if work.left < 0:
                return False
            row = self._leaving(column)
            still = still + 1 if not self._bounds[row] else 0
            work.left -= self._pivot(row, column)

    def cut(self, row: Mapping[int, int], bound: int, work: Work) -> bool | None:
        """Demand that `row . x <= bound` as well, of a solved program; False if nothing is left, None if the work
        ended.
        """
        self._add(row, bound)
        return self._restore(work)

    def round_off(self, work: Work) -> bool | None:
        """Cut the vertex off, and nothing that is in whole numbers; answers as `cut` does.

        Gomory's cut of a row in which the basic column is not whole: as all columns are, what the others have beyond
        whole multiples must make up for what it has beyond a whole number.
        """
        for number in [number for number, bound in enumerate(self._bounds) if bound % self._scales[number]]:
            scale = self._scales[number]
            row = {column: -(factor % scale) for column, factor in self._rows[number].items() if factor % scale}
            self._append(row, scale, -(self._bounds[number] % scale))
        return self._restore(work)

    def _restore(self, work: Work) -> bool | None:
        """Go to the best vertex from one at which rows are short."""
        steps = 0
        while (leaving := self._short(bland=steps > _PATIENCE)) is not None:
            column = self._restoring(leaving)
            if column is None:
                return False
            if work.left < 0:
                return None
            work.left -= self._pivot(leaving, column)
            steps += 1
        return True

    def _entering(self, *, bland: bool) -> int | None:
        """A column of which more is better."""
        if bland:
            return min((column for column, cost in self._costs.items() if cost < 0), default=None)
        least = min(self._costs.values(), default=0)
        return min(column for column, cost in self._costs.items() if cost == least) if least < 0 else None

    def _leaving(self, column: int) -> int:
        """The row that is used up first as more of the column is used."""
        best, best_bound, best_use = -1, 0, 0
        for number, row in enumerate(self._rows):
            use = row.get(column, 0)
            if use <= 0:
                continue
            bound = self._bounds[number]
            less = bound * best_use - best_bound * use if best >= 0 else -1
            if less < 0 or (less == 0 and self._basic[number] < self._basic[best]):
                best, best_bound, best_use = number, bound, use
        assert best >= 0  # everything in a plan is limited
        return best

    def _short(self, *, bland: bool) -> int | None:
        """A row of which less than nothing is left."""
        short = [number for number, bound in enumerate(self._bounds) if bound < 0]
        if not short:
            return None
        if bland:
            return min(short, key=lambda number: self._basic[number])
        return min(
            short, key=lambda number: (Fraction(self._bounds[number], self._scales[number]), self._basic[number])
        )

    def _restoring(self, leaving: int) -> int | None:
        """The column that makes up for what a row is short of at the least loss."""
        best, best_cost, best_use = None, 0, 0
        for column, use in self._rows[leaving].items():
            if use >= 0:
                continue
            cost = self._costs.get(column, 0)
            less = -1 if best is None else cost * best_use - best_cost * -use
            if best is None or less < 0 or (less == 0 and column < best):
                best, best_cost, best_use = column, cost, -use
        return best

    def _add(self, row: Mapping[int, int], bound: int) -> None:
        """One more row, told in columns that are free."""
        places = {column: number for number, column in enumerate(self._basic)}
        made: Row = {}
        scale = 1
        for column, factor in row.items():
            number = places.get(column)
            if number is None:
                made[column] = made.get(column, 0) + factor * scale
                continue
            other, common = self._scales[number], gcd(scale, self._scales[number])
            up, times = other // common, factor * (scale // common)
            made = {each: value * up for each, value in made.items()}
            bound, scale = bound * up, scale * up
            # What is basic is worth (bound - rest) / scale, so all of its row is moved to the other side.
            bound -= times * self._bounds[number]
            for each, value in self._rows[number].items():
                made[each] = made.get(each, 0) - times * value
        self._append({each: value for each, value in made.items() if value}, scale, bound)

    def _append(self, row: Row, scale: int, bound: int) -> None:
        self._rows.append(row)
        self._scales.append(scale)
        self._bounds.append(bound)
        self._basic.append(self._next)
        self._next += 1
        self._reduce(len(self._rows) - 1)

    def _pivot(self, number: int, column: int) -> int:
        """Let a column take the place of what is basic in a row; returns how many numbers that took."""
        row, scale, bound = self._rows[number], self._scales[number], self._bounds[number]
        factor = row.pop(column)
        row[self._basic[number]] = scale
        if factor < 0:
            row = {each: -value for each, value in row.items()}
            factor, bound = -factor, -bound
        self._rows[number], self._scales[number], self._bounds[number] = row, factor, bound
        self._basic[number] = column
        changed = 1
        for other, there in enumerate(self._rows):
            if column in there:
                times = there.pop(column)
                changed += 1
                self._scales[other] *= factor
                self._bounds[other] = self._bounds[other] * factor - times * bound
                _subtract(there, factor, row, times)
                self._reduce(other)
        times = self._costs.pop(column, 0)
        if times:
            self._cost_scale *= factor
            self._value = self._value * factor - times * bound
            _subtract(self._costs, factor, row, times)
            self._reduce_costs()
        return changed * len(row) + (len(self._rows) + len(self._costs)) // 4

    def _reduce(self, number: int) -> None:
        """Make the numbers of a row as small as they can be."""
        scale = self._scales[number]
        if scale != 1 and (common := gcd(scale, self._bounds[number], *self._rows[number].values())) != 1:
            self._rows[number] = {each: value // common for each, value in self._rows[number].items()}
            self._scales[number] //= common
            self._bounds[number] //= common

    def _reduce_costs(self) -> None:
        # These numbers are long: they are only made smaller when they have grown much.
        scale = self._cost_scale
        if scale.bit_length() > _LONG and (common := gcd(scale, self._value, *self._costs.values())) != 1:
            self._costs = {each: value // common for each, value in self._costs.items()}
            self._cost_scale //= common
            self._value //= common


def _subtract(there: Row, factor: int, row: Row, times: int) -> None:
    """`there * factor - row * times`, in place, without zeros."""
    if factor != 1:
        for each in there:
            there[each] *= factor
    for each, value in row.items():
        left = there.get(each, 0) - value * times
        if left:
            there[each] = left
        else:
            del there[each]
