"""The plan of one run, drawn from its seed: who buys what where, what is reported when, and what goes wrong."""

from __future__ import annotations

import enum
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

STEPS = 60
STORES = ("COMPARES", "FENCED", "PLAIN")
"""Stores by what they can: one compares and sets, one heeds numbers alone, and both tell the number of what they
applied last; one takes whatever comes, and of what was sent to it and not heard of nobody knows what became.
"""
ALONE, SHARED = "ALONE", ("SHARED-1", "SHARED-2", "SHARED-3")
"""A product that the store which compares sells alone, and those that all of them sell."""
SKUS = (ALONE, *SHARED)
SYNCS = 2


class What(enum.Enum):
    """What happens in a step."""

    RECEIVE = "units come"
    ORDER = "weir is asked for units"
    SELL = "a customer buys in a store"
    REPORT = "a store reports its oldest order, sometimes twice"
    CANCEL = "an order of a store is cancelled there, and reported so"
    RULE = "a rule changes"
    WEATHER = "a store throttles, loses, stalls or is late"
    RESTART = "a store restarts"
    KILL = "kill -9 of a sync, and it starts again"
    PAUSE = "a sync is stopped for longer than its leases, and goes on"
    SWITCH = "the master switch is turned off, and on again soon"


LIKELY = {
    What.RECEIVE: 16,
    What.ORDER: 12,
    What.SELL: 30,
    What.REPORT: 20,
    What.CANCEL: 3,
    What.RULE: 3,
    What.WEATHER: 8,
    What.RESTART: 2,
    What.KILL: 3,
    What.PAUSE: 1,
    What.SWITCH: 2,
}


class Step(NamedTuple):
    """One thing that happens, after a pause."""

    what: What
    sku: str
    store: str
    units: int
    draw: float
    pause_seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run."""

    seed: int
    steps: Sequence[Step]


def drawn(seed: int, *, steps: int = STEPS) -> Plan:
    """The plan of a seed: units first, and a kill and a stop for certain."""
    chance = random.Random(f"convergence {seed}")
    made = [_step(chance, what=What.RECEIVE, sku=sku) for sku in SKUS]
    made += [_step(chance) for _ in range(steps)]
    for what in (What.KILL, What.PAUSE, What.WEATHER):
        made.insert(chance.randrange(len(SKUS), len(made)), _step(chance, what=what))
    return Plan(seed, made)


def _step(chance: random.Random, *, what: What | None = None, sku: str = "") -> Step:
    """Any step, unless told which; every other sale is of what one store sells alone."""
    what = what or chance.choices(list(LIKELY), list(LIKELY.values()))[0]
    alone = what is What.SELL and chance.random() < 0.5
    return Step(
        what,
        ALONE if alone else sku or chance.choice(SKUS),
        STORES[0] if alone else chance.choice(STORES),
        chance.randint(1, 6),
        chance.random(),
        chance.choice((0.0, 0.0, 0.01, 0.05, 0.2)),
    )
