"""The levels that would be others if something were configured otherwise, and what that comes to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np

from weir_aggregator.domain import Change, Differences, Selection, Summary
from weir_aggregator.errors import ChannelNotFound
from weir_aggregator.projection.supposed import Instant, Supposed
from weir_aggregator.projection.table import Figures
from weir_allocation.columns import UNTOLD, Flags, Indices, Units
from weir_chassis.errors import Overloaded

CELLS_AT_ONCE = 65_536
"""Levels compared in one piece."""
_MISSING = -2
"""In place of the column of a channel that is not there; one that sells from custody has CUSTODY, -1."""


class Room:
    """Place for so many previews at once: each holds a copy of the levels of a tenant."""

    def __init__(self, previews_max: int) -> None:
        """Nobody has any yet."""
        self._left = previews_max

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Place for one within the block; raises Overloaded where none is left."""
        if not self._left:
            raise Overloaded
        self._left -= 1
        try:
            yield
        finally:
            self._left += 1


class Preview:
    """Walks once along all products that changes can affect, of one instant however long that takes."""

    def __init__(self, instant: Instant, changes: Iterable[Change], selection: Selection) -> None:
        """Later changes are taken on top of earlier ones; raises ChannelNotFound for one that is in neither network.

        It takes time for a large tenant, and may be done in another thread.
        """
        self._supposed = supposed = Supposed(instant, changes)
        there = {*supposed.before, *supposed.after}
        for channel in selection.channels:
            if channel not in there:
                raise ChannelNotFound(channel)
        self._owner = selection.owner
        self._channels = sorted(selection.channels or there)
        self._before = _columns(supposed.before, self._channels), _sold(supposed.sold_before, self._channels)
        self._after = _columns(supposed.after, self._channels), _sold(supposed.sold_after, self._channels)
        self._numbers = _affected(supposed, instant.ordered)
        self._levels = 0
        self._products = 0
        self._differing: Flags = np.zeros(len(self._channels), dtype=np.bool_)
        self._more_exposed = 0

    async def differences(self) -> AsyncGenerator[Differences, None]:
        """The levels that differ, some at once, by product, then channel; others have their turn meanwhile."""
        step = max(1, CELLS_AT_ONCE // max(1, len(self._channels)))
        for begin in range(0, len(self._numbers), step):
            part = await asyncio.to_thread(self._compared, self._numbers[begin : begin + step])
            if part.products:
                yield part

    @property
    def summary(self) -> Summary:
        """What all of them come to, once all were told."""
        return Summary(
            self._levels,
            self._products,
            int(np.count_nonzero(self._differing)),
            self._supposed.exposure,
            self._supposed.exposure + self._more_exposed,
        )

    def _compared(self, numbers: Indices) -> Differences:
        """What differs of some products, given in their order; counts it."""
        order = np.argsort(numbers)
        computed = self._supposed.compute(numbers[order])
        back = np.argsort(order)
        before, after = (
            _levels(each.level[:, back], columns, each.sold[:, back], sold)
            for each, (columns, sold) in zip(computed, (self._before, self._after), strict=True)
        )
        self._more_exposed += int((computed[1].exposure - computed[0].exposure).sum())
        products = [self._supposed.products[number] for number in numbers.tolist()]
        differs = before != after
        if self._owner is not None:
            differs &= np.array([owner == self._owner for owner, _ in products], dtype=np.bool_)
        product, channel = np.nonzero(differs.T)
        self._levels += len(product)
        self._products += int(np.count_nonzero(differs.any(axis=0)))
        self._differing |= differs.any(axis=1)
        return Differences(
            [products[each] for each in product.tolist()],
            [self._channels[each] for each in channel.tolist()],
            before[channel, product].tolist(),
            after[channel, product].tolist(),
        )


def _affected(supposed: Supposed, known: Sequence[int]) -> Indices:
    """The numbers of the products whose levels can differ, in order of products; `known` are the older ones in it."""
    numbers = list(known)
    if len(numbers) < len(supposed.products):
        fresh = range(len(numbers), len(supposed.products))
        numbers = sorted([*numbers, *fresh], key=supposed.products.__getitem__)
    affected = np.zeros(len(numbers), dtype=np.bool_)
    affected[supposed.affected] = True
    ordered = np.array(numbers, dtype=np.int64)
    return ordered[affected[ordered]]


def _columns(column_of: Mapping[str, int], channels: Sequence[str]) -> Indices:
    return np.array([column_of.get(channel, _MISSING) for channel in channels], dtype=np.int64)


def _sold(number_of: Mapping[str, int], channels: Sequence[str]) -> tuple[Indices, Indices]:
    """The places of the channels that persons sell through, and their numbers."""
    found = [(place, number_of[channel]) for place, channel in enumerate(channels) if channel in number_of]
    places, numbers = np.array(found, dtype=np.int64).reshape(len(found), 2).T
    return places, numbers


def _levels(levels: Figures, columns: Indices, in_custody: Units, sold: tuple[Indices, Indices]) -> Units:
    """The levels in each channel: UNTOLD where it is missing, and 0 where it sells from custody but nobody through
    it.
    """
    products = levels.shape[1]
    missing, custody = np.full((1, products), UNTOLD), np.zeros((1, products))
    # In this order: CUSTODY and _MISSING count from the end.
    stacked: Units = np.concatenate((levels, missing, custody)).astype(np.int64)
    told = stacked[columns]
    places, numbers = sold
    told[places] = in_custody[numbers]
    return told
