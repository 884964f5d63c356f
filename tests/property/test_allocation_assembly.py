"""The number of whole bundles is the largest that can be put together, by two oracles that know nothing of cuts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from weir_allocation.assembly import Need, whole_bundles

Case = tuple[list[Need[int]], dict[int, int]]


@st.composite
def cases(draw: st.DrawFn, *, components: int, sources: int, most: int) -> Case:
    """Components that may draw on some of the sources, of which each holds a few units."""
    units = dict(enumerate(draw(st.tuples(*(st.integers(0, most) for _ in range(sources))))))
    limits = st.dictionaries(st.sampled_from(range(sources)), st.integers(0, most), min_size=1)
    needs = draw(st.lists(st.builds(Need, st.integers(1, 3), limits), min_size=1, max_size=components))
    return needs, units


def ways(wanted: int, most: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every way to take that many units of several sources."""
    if not most:
        if not wanted:
            yield ()
        return
    for taken in range(min(wanted, most[0]) + 1):
        for rest in ways(wanted - taken, most[1:]):
            yield (taken, *rest)


def possible(needs: Sequence[Need[int]], units: dict[int, int], number: int) -> bool:
    """Whether so many bundles can be put together: tries every way to hand the units out."""

    @cache
    def served(index: int, left: tuple[int, ...]) -> bool:
        if index == len(needs):
            return True
        need = needs[index]
        limits = [min(need.limits.get(source, 0), there) for source, there in enumerate(left)]
        return any(
            served(index + 1, tuple(there - taken for there, taken in zip(left, way, strict=True)))
            for way in ways(need.quantity * number, limits)
        )

    return served(0, tuple(units[source] for source in sorted(units)))


@given(cases(components=3, sources=3, most=5))
def test_one_more_bundle_is_never_possible(case: Case) -> None:
    """Of all ways to hand the units out, one makes as many bundles as said, and none makes one more."""
    needs, units = case
    number = whole_bundles(needs, units)
    assert possible(needs, units, number)
    assert not possible(needs, units, number + 1)


def flow(needs: Sequence[Need[int]], units: dict[int, int], number: int) -> int:
    """The most that the components can draw of what so many bundles need."""
    size = len(needs) + len(units) + 2
    graph = np.zeros((size, size), dtype=np.int32)
    for source, there in units.items():
        graph[0, 1 + source] = there
    for index, need in enumerate(needs):
        at = 1 + len(units) + index
        graph[at, size - 1] = need.quantity * number
        for source, limit in need.limits.items():
            graph[1 + source, at] = limit
    return int(maximum_flow(csr_array(graph), 0, size - 1).flow_value)


@given(cases(components=8, sources=7, most=300))
def test_larger_bundles_agree_with_a_maximum_flow(case: Case) -> None:
    """As many bundles as said saturate a flow in a solver of others, and one more does not."""
    needs, units = case
    number, quantity = whole_bundles(needs, units), sum(need.quantity for need in needs)
    assert flow(needs, units, number) == number * quantity
    assert flow(needs, units, number + 1) < (number + 1) * quantity


@given(cases(components=4, sources=4, most=9), st.integers(0, 3), st.integers(0, 5))
def test_more_units_never_make_fewer_bundles(case: Case, source: int, more: int) -> None:
    """Whatever arrives at a source, no fewer bundles can be put together."""
    needs, units = case
    assert whole_bundles(needs, {**units, source: units[source] + more}) >= whole_bundles(needs, units)
