"""Why levels change and by which rule, and how fast a store is talked to."""

from __future__ import annotations

import pytest

from weir_chassis.revisions import Revision
from weir_sync.domain.pacing import FAILURES_MAX, Bucket, Circuit, waited
from weir_sync.domain.records import Trigger
from weir_sync.domain.rules import Product, Rule
from weir_sync.domain.telling import Cause, Rulebook, cause

BIKE, TRIKE = Product("", "BIKE"), Product("", "TRIKE")


def at(**numbers: int) -> tuple[Revision, ...]:
    """A mark."""
    return tuple(Revision(context, "books", 1, number) for context, number in numbers.items())


@pytest.mark.parametrize(
    ("through", "told"),
    [
        ({"ledger": 8, "sync": 3}, Cause(Trigger.CHANGE, "ledger 8")),
        ({"ledger": 8, "sync": 4}, Cause(Trigger.CHANGE, "ledger 8, sync 4")),
        ({"ledger": 7, "sync": 4}, Cause(Trigger.CONFIGURATION, "sync 4")),
        ({"ledger": 7, "sync": 3}, Cause(Trigger.CHANGE, "a day ended")),
        ({}, Cause(Trigger.CHANGE, "several changes")),
    ],
)
def test_what_moved_is_the_cause(through: dict[str, int], told: Cause) -> None:
    """Where the ledger moved stock or promises changed, else what is configured; each context says where it is now."""
    assert cause(at(ledger=7, sync=3), at(**through)) == told


def test_the_first_rule_that_names_the_product_wins_alone() -> None:
    """As rules are tried in order, the winner is one; what it does not name as a store has none."""
    book = Rulebook(
        [
            Rule("bikes", ("web",), products=(BIKE,)),
            Rule("all", ("web", "till")),
            Rule("late", ("web", "till"), products=(BIKE, TRIKE)),
        ]
    )
    assert [book.rule(BIKE, "web"), book.rule(BIKE, "till")] == ["bikes", ""]
    assert [book.rule(TRIKE, "web"), book.rule(TRIKE, "till"), book.rule(TRIKE, "fair")] == ["all", "all", ""]
    assert Rulebook([]).rule(BIKE, "web") == ""


def test_requests_are_spread_as_the_store_wants() -> None:
    """So many at once, then one after the other; what is not used is saved up, to a bound."""
    bucket = Bucket(rate=2.0, burst=3.0, saved=3.0, at=0.0)
    for _ in range(3):
        assert bucket.wait(0.0) == 0
        bucket = bucket.spent(0.0)
    assert bucket.wait(0.0) == 0.5
    assert bucket.wait(0.25) == 0.25
    bucket = bucket.spent(0.5)
    assert bucket.wait(100.0) == 0
    for _ in range(3):
        bucket = bucket.spent(100.0)
    assert bucket.wait(100.0) == 0.5


def test_a_store_that_fails_is_left_alone_for_longer_and_longer() -> None:
    """After five failures in a row; each pause is twice the one before, to a bound, less by chance up to half."""
    circuit = Circuit()
    for _ in range(FAILURES_MAX - 1):
        circuit = circuit.failed(100.0, 0.0)
        assert circuit.closed
        assert circuit.wait(100.0) == 0
    pauses = []
    for _ in range(6):
        circuit = circuit.failed(100.0, 0.0)
        assert not circuit.closed
        pauses.append(circuit.wait(100.0))
    assert pauses == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    assert circuit.failed(100.0, 1.0).wait(100.0) == 30.0


def test_a_store_that_denies_us_is_left_alone_at_once() -> None:
    """There is no use in trying as usual."""
    assert Circuit().failed(0.0, 0.0, at_once=True).wait(0.0) == 5.0


def test_a_store_may_not_ask_for_more_than_five_minutes() -> None:
    """What it asks for is honoured within bounds."""
    assert [waited(-1), waited(3), waited(86_400)] == [0, 3, 300]
