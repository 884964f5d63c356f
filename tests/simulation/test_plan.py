"""A seed plans the same run each time, and plans reach every rpc that changes anything."""

from __future__ import annotations

from tests.simulation.checker.imports import METHOD
from tests.simulation.history import METHODS
from tests.simulation.model import DECISIONS
from tests.simulation.plan import KILLS, Manner, drawn

WRITES = {name for name, method in METHODS.items() if "validate_only" in method.input_type.fields_by_name}
"""Every rpc that changes anything."""


def test_a_seed_is_a_plan() -> None:
    """What clients do and what goes wrong is drawn from the seed alone."""
    assert drawn(7) == drawn(7)
    assert drawn(7).clients != drawn(8).clients
    assert drawn(7).misfortunes != drawn(8).misfortunes


def test_plans_hold_every_write() -> None:
    """Every rpc that changes anything is planned and modelled, every manner occurs, and something is killed each
    time.
    """
    plans = [drawn(seed) for seed in range(10)]
    steps = [step for plan in plans for client in plan.clients for step in client]
    assert {step.wish[0] for step in steps} >= WRITES
    assert {*DECISIONS, METHOD} == WRITES
    assert {step.manner for step in steps} == set(Manner)
    assert all(any(each.what in KILLS for each in plan.misfortunes) for plan in plans)
