"""The ledger is its model, after each step of anything that is asked in any order; and the machine that shows it finds
mistakes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from msgspec.structs import replace

from tests.kit.memory_books import Outcome
from tests.property.ledger_machine import LedgerMachine
from weir_chassis.errors import Refusal
from weir_ledger.domain import amending, books, ceilings, demands, endings, imports, movements, promises
from weir_ledger.domain.amending import Amend
from weir_ledger.domain.books import Page
from weir_ledger.domain.ceilings import SetCeilings
from weir_ledger.domain.command import Command
from weir_ledger.domain.demands import CancelWaiting, PromiseWaiting, SetBackOrders
from weir_ledger.domain.endings import Confirm, Expire, Extend, Fulfil, MarkHandedOver, Release, Transfer
from weir_ledger.domain.imports import ImportLines
from weir_ledger.domain.movements import RecordMovements
from weir_ledger.domain.promises import Reserve, ReserveBatch
from weir_ledger.domain.reservations import LineClaim, Mode, State
from weir_ledger.domain.stock import Balance

SETTINGS = settings(max_examples=max(250, settings().max_examples), stateful_step_count=40, deadline=None)

TRIES = 3
"""Runs, of hundreds of histories each, before what none of them has reached is taken for out of reach."""
REACHED = {
    *((each, "accepted") for each in (RecordMovements, Reserve, ReserveBatch, Confirm, Extend, Fulfil, Release)),
    *((each, "accepted") for each in (MarkHandedOver, Expire, ImportLines, Amend, Transfer)),
    *((Reserve, each) for each in ("INSUFFICIENT_STOCK", "CLAIM_EXHAUSTED", "OPEN_RESERVATIONS_EXHAUSTED")),
    *((Confirm, each) for each in ("RESERVATION_EXPIRED", "RESERVATION_STATE", "RESERVATION_NOT_FOUND")),
    *((each, "accepted") for each in (SetBackOrders, CancelWaiting, PromiseWaiting, SetCeilings)),
    (CancelWaiting, "WAITING_STATE"),
    (Reserve, "BACK_ORDERS_EXHAUSTED"),
    (SetBackOrders, "ETAG_STALE"),
    *((Amend, each) for each in ("INSUFFICIENT_STOCK", "RESERVATION_CHANGED")),
    *((RecordMovements, each) for each in ("BALANCE_CHANGED", "INSUFFICIENT_STOCK")),
}
"""What has to have happened before anything is shown."""


def test_the_ledger_is_the_model() -> None:
    """Every command is accepted just where it may be, and the laws hold after each; and all of that was seen."""
    seen: set[tuple[type[Command[Any]], str]] = set()

    class Noting(LedgerMachine):
        def judge(self, command: Command[Any], outcome: Outcome) -> bool:
            seen.add((type(command), outcome.reason if isinstance(outcome, Refusal) else "accepted"))
            return super().judge(command, outcome)

    for _ in range(TRIES):
        run_state_machine_as_test(Noting, settings=SETTINGS)
        if seen >= REACHED:
            return
    assert seen >= REACHED


BUGS: dict[str, tuple[object, str, Callable[[Any], object]]] = {
    "promised units are promised again": (
        Balance, "available", lambda was: property(lambda balance: balance.on_hand),
    ),
    "part is refused though it is there": (
        promises, "grant", lambda was: lambda page, lines, mode: was(page, lines, Mode.ALL_OR_NOTHING),
    ),
    "what is sold already is held": (
        promises, "_promise", lambda was: lambda page, name, draft, granted: (
            was(page, name, replace(draft, mode=Mode.PARTIAL), granted)),
    ),
    "any shortfall will do": (
        promises, "sold", lambda was: lambda page, lines: (
            was(page, [replace(each, shortfall_max=None) for each in lines])),
    ),
    "what is released is still claimed": (
        Page, "count_claims", lambda was: lambda page, claims, *, open, fulfilled=0: (
            was(page, claims, open=-fulfilled if fulfilled else max(0, open), fulfilled=fulfilled)),
    ),
    "what is set holds nobody": (LineClaim, "within", lambda was: lambda claim, ceiling: was(claim, None)),
    "what a line says itself holds it no longer": (
        LineClaim, "within", lambda was: lambda claim, ceiling: was(replace(claim, ceiling=None), ceiling)
        if ceiling is not None else was(claim, ceiling),
    ),
    "each unit counts once": (
        Page, "count_claims", lambda was: lambda page, claims, **units: (
            was(page, [replace(each, weight=1) for each in claims], **units)),
    ),
    "room is not shared by weight": (
        promises, "_room", lambda was: lambda held, claimed: was(replace(held, weight=1), claimed),
    ),
    "an epoch that is over comes back": (
        ceilings, "replace", lambda was: lambda found, **changes: was(found, **{**changes, "epoch": 0}),
    ),
    "a ceiling forgets what is claimed": (
        ceilings, "replace", lambda was: lambda found, **changes: was(found, **changes, open=0),
    ),
    "what has ended is still held": (
        books, "holding", lambda was: lambda found: was(found and replace(found, state=State.CONFIRMED)),
    ),
    "a hold ends late": (
        endings, "_overdue", lambda was: lambda page, found: was(page, found) and found.expires_at < page.now,
    ),
    "what has ended ends again": (endings, "require_running", lambda was: lambda *args: None),
    "any number may wait": (
        Page, "back_orders_of", lambda was: lambda page, product: replace(was(page, product), limit=9),
    ),
    "a demand that is promised waits on": (
        demands, "replace", lambda was: lambda found, **changes: was(found, **{**changes, "open": found.open})
        if "promised" in changes else was(found, **changes),
    ),
    "what is moved is given up and not promised": (amending, "book", lambda was: lambda *args: ()),
    "what a move gives up is not there for it": (
        amending, "give_up", lambda was: lambda page, found, units, kind: was(Page(page.books), found, units, kind),
    ),
    "units in transit are lost": (
        movements, "_record", lambda was: lambda page, movement: was(page, replace(movement, destination=None)),
    ),
    "a wish takes promised units": (
        movements, "_record", lambda was: lambda page, movement: was(page, replace(movement, available_only=False)),
    ),
    "what moves stays promised": (
        endings.Transfer, "_moved", lambda was: lambda command, page, line, moving: (
            was(command, page, line, moving) and line),
    ),
    "an impossible movement is left out": (
        movements, "_record", lambda was: lambda page, movement: was(page, movement) and None,
    ),
    "what moved since a report is forgotten": (
        imports, "on_hand", lambda was: lambda feed, quantity, past: was(feed, quantity, replace(past, moved=0)),
    ),
    "any report will do": (imports, "_is_stale", lambda was: lambda page, figure: False),
    "any revision will do": (movements, "_require_revision", lambda was: lambda page, movement: None),
    "a late count turns the clock back": (
        books, "max", lambda was: lambda *moments, default=0: moments[-1] if len(moments) > 1 else default,
    ),
}  # fmt: skip
"""What a mistake in the domain would look like: where, and what it makes of what is there."""


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_is_found(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: with a mistake in the domain the ledger is no longer the model."""
    where, what, mistaken = BUGS[bug]
    monkeypatch.setattr(where, what, mistaken(getattr(where, what, None)), raising=False)
    until_found = settings(
        SETTINGS, max_examples=5000, database=None, phases=[Phase.generate], report_multiple_bugs=False
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(LedgerMachine, settings=until_found)
