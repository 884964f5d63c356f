"""Sorts of arrays, and small arithmetic on them."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

Units = NDArray[np.int64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]


def available(on_hand: Units, reserved: Units, fit: Flags) -> Units:
    """Units each stock item has to give: `max(0, on_hand - reserved)` where it can serve the demand, else 0."""
    return np.where(fit, np.maximum(on_hand - reserved, 0), 0)


def last_day(expiry: date | None) -> int:
    """The last day on which a lot counts, as a number; one that never expires has the last day there is."""
    return (expiry or date.max).toordinal()


def unexpired(last_days: Indices, today: date) -> Flags:
    """Which lots still count; all their units do on their last day."""
    flags: Flags = last_days >= today.toordinal()
    return flags


def percent(units: Units, percent: Units, hundredths: Units | int) -> Units:
    """`(units * percent + hundredths) // 100`, without forming the product."""
    whole, rest = np.divmod(units, 100)
    exact: Units = whole * percent + (rest * percent + hundredths) // 100
    return exact


def reduced(by: np.ufunc, values: Units, starts: Indices) -> Units:
    """The values from each start up to the next, as one; nothing where there are none."""
    return by.reduceat(values, starts).astype(np.int64) if len(starts) else starts.astype(np.int64)


def spread(starts: Indices, counts: Indices) -> tuple[Indices, Indices]:
    """Every place of several ranges, one after the other: which range it is of, and the place."""
    which = np.repeat(np.arange(len(counts)), counts)
    return which, np.arange(len(which)) + np.repeat(starts - (np.cumsum(counts) - counts), counts)


def runs(*keys: Indices) -> Indices:
    """Where each run of places begins that are alike in all of some arrays, one of which there is at least."""
    differs = np.ones(len(keys[0]), dtype=np.bool_)
    differs[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return np.flatnonzero(differs)
