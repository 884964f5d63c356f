"""Programs in whole numbers reach what a solver in floating point reaches, also after cuts."""

from __future__ import annotations

from itertools import product
from math import isclose

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from weir_allocation.fulfilment.simplex import Program, Row, Work

COLUMNS = 4
Numbers = tuple[tuple[int, ...], int]
"""Factors of the columns, and the bound."""

factors = st.tuples(*[st.integers(-3, 3)] * COLUMNS)
PLENTY = 10**9


def sparse(numbers: tuple[int, ...]) -> Row:
    """The same without zeros."""
    return {column: factor for column, factor in enumerate(numbers) if factor}


def solved(worth: tuple[int, ...], rows: list[Numbers]) -> float | None:
    """What the best vertex is worth; None if nothing is left."""
    matrix = np.array([row for row, _ in rows])
    result = linprog([-each for each in worth], A_ub=matrix, b_ub=[bound for _, bound in rows])
    assert result.status in (0, 2)
    return None if result.fun is None else -float(result.fun)


@given(
    st.tuples(*[st.integers(-3, 8)] * COLUMNS),
    st.tuples(*[st.integers(0, 9)] * COLUMNS),
    st.lists(st.tuples(factors, st.integers(0, 6)), max_size=5),
    st.lists(st.tuples(factors, st.integers(-4, 6)), max_size=3),
)
def test_no_vertex_is_worth_more(
    worth: tuple[int, ...], most: tuple[int, ...], rows: list[Numbers], cuts: list[Numbers]
) -> None:
    """A program stands at a best vertex once it is solved, and after each cut, or says that nothing is left."""
    limits = [(tuple(int(other == column) for other in range(COLUMNS)), units) for column, units in enumerate(most)]
    there = [*limits, *rows]
    work = Work(PLENTY)
    program = Program(worth, [(sparse(row), bound) for row, bound in there])
    assert program.solve(work)
    for row, bound in [((0,) * COLUMNS, 0), *cuts]:
        program = program.copy(work)
        possible = program.cut(sparse(row), bound, work)
        there.append((row, bound))
        best = solved(worth, there)
        assert possible == (best is not None)
        if best is None:
            return
        vertex = {column: value for column, value in program.vertex().items() if column < COLUMNS}
        reached = sum(worth[column] * value for column, value in vertex.items())
        assert isclose(reached, best, abs_tol=1e-7)
        assert program.value == reached.__floor__()
        for factor, limit in there:
            assert sum(factor[column] * value for column, value in vertex.items()) <= limit


def test_without_work_there_is_no_answer() -> None:
    """A program that may write nothing more says that it has not been solved."""
    assert not Program((1,), [({0: 1}, 1)]).solve(Work(-1))


@given(
    st.tuples(*[st.integers(1, 8)] * COLUMNS),
    st.tuples(*[st.integers(0, 4)] * COLUMNS),
    st.lists(st.tuples(factors, st.integers(0, 6)), min_size=1, max_size=3),
)
def test_nothing_whole_is_rounded_off(worth: tuple[int, ...], most: tuple[int, ...], rows: list[Numbers]) -> None:
    """However often fractions are rounded off, no vertex is worth less than the best one in whole numbers, and that is
    what is left once nothing is broken.
    """
    limits = [(tuple(int(other == column) for other in range(COLUMNS)), units) for column, units in enumerate(most)]
    whole = [
        sum(factor * units for factor, units in zip(worth, each, strict=True))
        for each in product(*(range(units + 1) for units in most))
        if all(sum(factor * units for factor, units in zip(row, each, strict=True)) <= bound for row, bound in rows)
    ]
    work = Work(PLENTY)
    program = Program(worth, [(sparse(row), bound) for row, bound in [*limits, *rows]])
    assert program.solve(work)
    for _ in range(4):
        assert program.value >= max(whole)
        if all(value.denominator == 1 for value in program.vertex().values()):
            assert program.value == max(whole)
        assert program.round_off(work)
