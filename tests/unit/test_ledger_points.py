"""Points of the past: which state each asks for, and which can be none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from tests.kit.books import goods
from weir_chassis.errors import Malformed, PageTokenInvalid, RevisionAhead, RevisionForeign
from weir_chassis.revisions import Origin, Revision
from weir_ledger.domain.queries import AsOf, BalanceQuery, Moment
from weir_ledger.domain.stock import Balance, StockItem
from weir_ledger.errors import BalanceNotFound
from weir_ledger.handlers import Questions
from weir_ledger.ports import Books

ORIGIN = Origin("ledger", "here", 2)
HEAD = 9
NOW = datetime(2026, 3, 1, tzinfo=UTC)
RECORDED = {datetime(2026, 2, day, tzinfo=UTC): day for day in range(1, 8)}
"""The newest revision recorded by each of some moments."""


class Asked:
    """Books that remember which state they were asked for, and have nothing in them."""

    def __init__(self) -> None:
        """Not asked yet."""
        self.states: list[AsOf] = []

    async def head(self, _tenant: str) -> int:
        """Always the same."""
        return HEAD

    async def recorded_by(self, _tenant: str, moment: datetime) -> tuple[int | None, int]:
        """As the table says; nothing lies beyond it."""
        return RECORDED.get(moment), HEAD

    async def past_balance(self, _tenant: str, _item: StockItem, as_of: AsOf) -> Balance | None:
        """None."""
        self.states.append(as_of)
        return None

    async def past_balances(self, _tenant: str, _query: BalanceQuery, as_of: AsOf, **_: Any) -> Sequence[Balance]:
        """None."""
        self.states.append(as_of)
        return []


@pytest.fixture
def asked() -> Asked:
    """Books to ask."""
    return Asked()


@pytest.fixture
def questions(asked: Asked) -> Questions:
    """The questions to them."""
    return Questions(cast(Books, asked), ORIGIN)


SECOND = datetime(2026, 2, 2, tzinfo=UTC)
POINTS: list[tuple[Revision | Moment, AsOf]] = [
    (ORIGIN.revision(0), AsOf(0)),
    (ORIGIN.revision(HEAD), AsOf(HEAD)),
    (Moment(SECOND, occurred=False), AsOf(2)),
    (Moment(SECOND, occurred=True), AsOf(HEAD, SECOND)),
]


@pytest.mark.parametrize(("point", "state"), POINTS)
async def test_what_a_point_asks_for(questions: Questions, asked: Asked, point: Revision | Moment, state: AsOf) -> None:
    """A revision is itself, a moment of recording the newest revision by then, a moment of occurring all that is known
    now; the answer says which revision it rests on, and a later page rests on the one of the first."""
    assert await questions.balances("t", BalanceQuery(), point, {}, after=None, limit=5) == ([], state.revision)
    with pytest.raises(BalanceNotFound):
        await questions.balance("t", goods(), point, {})
    begun_at = min(state.revision, 1)
    told = await questions.balances("t", BalanceQuery(), point, {}, after=(goods(), begun_at), limit=5)
    assert told == ([], begun_at)
    assert asked.states == [state, state, AsOf(begun_at, state.occurred_by)]


@pytest.mark.parametrize(("point", "state"), POINTS)
async def test_a_page_of_no_state(questions: Questions, asked: Asked, point: Revision | Moment, state: AsOf) -> None:
    """A token that names a later revision than its point can have rested on was not made here."""
    with pytest.raises(PageTokenInvalid):
        await questions.balances("t", BalanceQuery(), point, {}, after=(goods(), state.revision + 1), limit=5)
    assert asked.states == []


REFUSED: list[tuple[Revision | Moment, type[Exception]]] = [
    (ORIGIN.revision(HEAD + 1), RevisionAhead),
    (Origin("ledger", "elsewhere", 2).revision(1), RevisionForeign),
    (Origin("ledger", "here", 1).revision(1), RevisionForeign),
    (Origin("sharing", "here", 2).revision(1), RevisionForeign),
    (Moment(NOW, occurred=False), Malformed),
    (Moment(NOW, occurred=True), Malformed),
]


@pytest.mark.parametrize(("point", "refusal"), REFUSED)
async def test_points_that_are_none(
    questions: Questions, asked: Asked, point: Revision | Moment, refusal: type[Exception]
) -> None:
    """What was never drawn here, or lies in the future, is refused before anything is looked for."""
    with pytest.raises(refusal):
        await questions.balance("t", goods(), point, {})
    with pytest.raises(refusal):
        await questions.balances("t", BalanceQuery(), point, {}, after=None, limit=5)
    assert asked.states == []


@pytest.mark.parametrize("point", [point for point, _ in POINTS])
async def test_freshness_is_about_now(questions: Questions, point: Revision | Moment) -> None:
    """What the caller has seen is held against the newest revision, whatever point is asked for."""
    seen = {"ledger": ORIGIN.revision(HEAD)}
    assert await questions.balances("t", BalanceQuery(), point, seen, after=None, limit=5)
    with pytest.raises(RevisionAhead):
        await questions.balances("t", BalanceQuery(), point, {"ledger": ORIGIN.revision(HEAD + 1)}, after=None, limit=5)
