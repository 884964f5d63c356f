"""Ceilings that are set for keys, and weights: how much each unit counts, and how many are granted."""

from __future__ import annotations

import pytest

from tests.kit.books import NAME, counts, decide, goods, opened, order, reserve, written
from weir_chassis.errors import Refusal
from weir_ledger.domain.amending import Amend
from weir_ledger.domain.books import Books, Page
from weir_ledger.domain.ceilings import CeilingDraft, SetCeilings
from weir_ledger.domain.demands import PromiseWaiting, WaitingPromise
from weir_ledger.domain.endings import Confirm, Fulfil, Release
from weir_ledger.domain.promises import Reserve, ReserveBatch
from weir_ledger.domain.reservations import CLAIMED_MAX, Claim, DraftLine, LineClaim, Mode, ShortLine
from weir_ledger.domain.waiting import Waiting, WaitingLine
from weir_ledger.errors import ClaimExhausted

ALL, PART = Mode.ALL_OR_NOTHING, Mode.PARTIAL
EXHAUSTED = "CLAIM_EXHAUSTED"
OTHER = f"{NAME[:-1]}4"


def under(units: int, *claims: LineClaim, sku: str = "A") -> DraftLine:
    """A line that counts under claims."""
    return DraftLine(goods(sku), units, claims)


def granted(books: Books, *lines: DraftLine, mode: Mode = ALL) -> list[int] | str:
    """The units that each line of an order gets, or the reason why it is refused."""
    outcome = reserve(books, order(*lines, mode=mode))
    return outcome.reason if isinstance(outcome, Refusal) else [each.quantity for each in outcome.lines]


def held(books: Books, *keys: str) -> list[tuple[int, int]]:
    """Open and fulfilled units under keys."""
    found = [books.claims.get(key, Claim(key)) for key in keys]
    return [(each.open, each.fulfilled) for each in found]


K, K2, K3 = (LineClaim("k", weight=weight) for weight in (1, 2, 3))
GRANTED: list[tuple[int | None, list[DraftLine], Mode, list[int] | str]] = [
    # of 99 A, with 4 units claimed under "k" and the ceiling that is set for it
    (None, [under(99, K)], ALL, [99]),
    (9, [under(5, K)], ALL, [5]),
    (9, [under(6, K)], ALL, EXHAUSTED),
    (9, [under(6, K)], PART, [5]),
    (9, [under(2, K2)], ALL, [2]),
    (9, [under(3, K2)], ALL, EXHAUSTED),
    (9, [under(3, K2)], PART, [2]),
    (9, [under(2, K3)], PART, [1]),
    (9, [under(1, K3), under(3, K)], PART, [1, 2]),
    (9, [under(1, K2), under(1, K3)], ALL, [1, 1]),
    (9, [under(1, K2), under(1, K3), under(1, K)], ALL, EXHAUSTED),
    (9, [under(3, LineClaim("k", 6))], PART, [2]),
    (9, [under(9, LineClaim("k", 99))], PART, [5]),
    (9, [under(1, LineClaim("k", 4))], PART, EXHAUSTED),
    (4, [under(1, K)], ALL, EXHAUSTED),
    (3, [under(1, K)], PART, EXHAUSTED),
    (0, [under(1, K)], ALL, EXHAUSTED),
    (0, [under(1, LineClaim("other"))], ALL, [1]),
    (9, [under(9, K2, LineClaim("other", 5, 5))], PART, [1]),
    (None, [under(3, LineClaim("k", 9, 2))], PART, [2]),
]


@pytest.mark.parametrize(("ceiling", "lines", "mode", "expected"), GRANTED)
def test_granted(ceiling: int | None, lines: list[DraftLine], mode: Mode, expected: list[int] | str) -> None:
    """A line gets as many units as the lower of both ceilings leaves when each is counted as often as it weighs, and is
    counted so; a refusal counts nothing."""
    books = opened(("A", 99, 0), claims=[Claim("k", 3, 1, 5, ceiling)])
    assert granted(books, *lines, mode=mode) == expected
    if isinstance(expected, str):
        assert (held(books, "k"), written(books)) == ([(3, 1)], [])
        return
    more = sum(
        units * claim.weight
        for units, line in zip(expected, lines, strict=True)
        for claim in line.claims
        if claim.claim == "k"
    )
    assert held(books, "k") == [(3 + more, 1)]
    assert counts(books, "A") == (99, sum(expected))
    assert books.claims["k"].ceiling == ceiling


def test_the_life_of_a_weight() -> None:
    """Whatever becomes of units, each counts as often as it weighs: promised, gone out, given up and moved."""
    heavy, light = LineClaim("k", weight=3), LineClaim("k")
    books = opened(("A", 99, 0), ("B", 99, 0))
    assert granted(books, under(5, heavy)) == [5]
    assert held(books, "k") == [(15, 0)]
    decide(books, Confirm(NAME))
    decide(books, Fulfil(NAME, ((1, 2),)))
    assert held(books, "k") == [(9, 6)]
    decide(books, Release(NAME, ((1, 1),)))
    assert held(books, "k") == [(6, 6)]
    decide(books, Amend(NAME, ((1, 1),), (under(2, light, sku="B"),)))
    assert held(books, "k") == [(5, 6)]
    decide(books, Release(NAME, ()))
    assert held(books, "k") == [(0, 6)]


def test_what_a_move_gives_up_is_there_for_it() -> None:
    """Under a ceiling that is reached, units are moved to another stock item; one unit more is refused, and nothing is
    given up then."""
    books = opened(("A", 9, 0), ("B", 9, 0), claims=[Claim("k", ceiling=6)])
    assert granted(books, under(3, K2)) == [3]
    refusal = decide(books, Amend(NAME, ((1, 2),), (under(3, K2, sku="B"),)))
    assert isinstance(refusal, ClaimExhausted)
    assert (held(books, "k"), counts(books, "A")) == ([(6, 0)], (9, 3))
    decide(books, Amend(NAME, ((1, 2),), (under(2, K2, sku="B"),)))
    assert (held(books, "k"), counts(books, "A"), counts(books, "B")) == ([(6, 0)], (9, 1), (9, 2))


LOWERED: list[tuple[int, int, list[DraftLine], int | None]] = [
    # units of weight 2 given up of the 3 that count under "k", of which 2 may be claimed by now, and what may stand
    # then
    (3, 2, [under(3, K2, sku="B")], 6),
    (2, 2, [under(2, K2, sku="B")], 6),
    (2, 2, [under(1, K2, sku="B"), under(2, K, sku="B")], 6),
    (2, 2, [under(3, K2, sku="B")], None),
    (2, 2, [under(2, K3, sku="B")], None),
    (2, 2, [under(2, LineClaim("k", 1, 2), sku="B")], 6),
    (0, 2, [under(1, K, sku="B")], None),
    (3, 9, [under(4, K2, sku="B")], 8),
    (3, 9, [under(4, K2, sku="B"), under(1, K2)], None),
    (3, 2, [under(1, K2, sku="B"), under(1, LineClaim("other"))], 2),
    (3, 2, [under(1, LineClaim("other", 0))], None),
]


@pytest.mark.parametrize(("given_up", "ceiling", "lines", "expected"), LOWERED)
def test_a_lowered_ceiling_keeps_no_promise_from_moving(
    given_up: int, ceiling: int, lines: list[DraftLine], expected: int | None
) -> None:
    """As much as an Amend gives back under a key may be claimed under it again, whatever its ceiling and that of the
    line are; more only as far as they leave room."""
    books = opened(("A", 9, 0), ("B", 9, 0))
    assert granted(books, under(3, K2)) == [3]
    decide(books, SetCeilings((CeilingDraft("k", ceiling, 1),)))
    outcome = decide(books, Amend(NAME, ((1, given_up),) if given_up else (), tuple(lines)))
    assert isinstance(outcome, ClaimExhausted) == (expected is None)
    assert held(books, "k") == [(6 if expected is None else expected, 0)]


def test_what_waits_is_promised_under_ceilings() -> None:
    """A demand that is promised units counts as an order does, and is told which claim left too little."""
    books = opened(("A", 9, 0), claims=[Claim("k", ceiling=5)])
    demand = Waiting(NAME, (WaitingLine(("", "A"), 9, 9),), books.now)
    books.waiting[NAME] = demand
    wanted = [WaitingPromise(NAME, f"{NAME[:-1]}{each}", ((1, 2),), (under(2, K2),)) for each in (5, 6)]
    outcomes = decide(books, PromiseWaiting(tuple(wanted)))
    assert isinstance(outcomes, tuple)
    first, second = outcomes
    assert first.reservation is not None
    assert (second.reason, second.short_lines) == (EXHAUSTED, (ShortLine(1, goods(), 2, 7, LineClaim("k", 5, 2), 4),))
    assert held(books, "k") == [(4, 0)]


def test_what_a_refusal_tells() -> None:
    """A refusal tells the ceiling that holds, and what the units asked for count; of claims that leave as few units the
    first by name is told."""
    claims = [Claim("k", 4, 0, 8, 9), Claim("m", 0, 0, 6, 2)]
    books = opened(("A", 99, 0), claims=claims)
    refusal = decide(books, Reserve(NAME, order(under(3, LineClaim("m"), LineClaim("k", 10, 2)))))
    assert isinstance(refusal, ClaimExhausted)
    assert refusal.metadata == {
        "claim": "k", "ceiling": "9", "claimed": "4", "requested": "6", "lines": "1", "revision": "8",
    }  # fmt: skip
    assert refusal.violations[0].description == "'k': 6 asked for, 4 of 9 claimed."


def test_since_which_revision() -> None:
    """A refusal tells the newest revision of all claims that left too little; 0 where nobody ever claimed; and that of
    the commit under way, which is filled in later, where an earlier command of it claimed."""
    claims = [Claim("k", 5, 0, 8, 5), Claim("m", 5, 0, 6, 5), Claim("n", 0, 0, 9, 5)]
    books = opened(("A", 99, 0), claims=claims)
    lines = [under(1, LineClaim("m")), under(1, LineClaim("k")), under(1, LineClaim("n"))]
    asked = [(lines[:1], "6"), (lines, "8"), ([under(1, LineClaim("new", 0))], "0")]
    for wanted, revision in asked:
        refusal = decide(books, Reserve(NAME, order(*wanted)))
        assert isinstance(refusal, ClaimExhausted)
        assert refusal.metadata["revision"] == revision
    assert granted(books, under(5, LineClaim("n"))) == [5]
    refusal = decide(books, Reserve(OTHER, order(under(1, LineClaim("m")), under(1, LineClaim("n")))))
    assert isinstance(refusal, ClaimExhausted)
    assert refusal.metadata["revision"] == ""
    batch = decide(books, ReserveBatch(((OTHER, order(under(1, LineClaim("m")))),), atomic=True))
    assert isinstance(batch, ClaimExhausted)
    assert batch.metadata["revision"] == "6"


def test_no_more_than_can_be_counted() -> None:
    """Where no ceiling says less, 10^18 may be claimed under a key and not one more, however heavy units are."""
    books = opened(("A", 10**10, 0))
    heavy = LineClaim("k", weight=10**9)
    assert granted(books, under(10**9, heavy)) == [10**9]
    refusal = decide(books, Reserve(OTHER, order(under(1, K))))
    assert isinstance(refusal, ClaimExhausted)
    assert refusal.metadata["ceiling"] == str(CLAIMED_MAX)


BEFORE = Claim("k", 4, 1, 7, 9, 5, "half")
SET: list[tuple[CeilingDraft, Claim | None]] = [
    (CeilingDraft("k", 3, 6), Claim("k", 4, 1, 0, 3, 6, "half")),
    (CeilingDraft("k", None, 6), Claim("k", 4, 1, 0, None, 6, "half")),
    (CeilingDraft("k", 9, 6, "third"), Claim("k", 4, 1, 0, 9, 6, "third")),
    (CeilingDraft("k", 9, 5), None),
    (CeilingDraft("k", 99, 5), None),
    (CeilingDraft("k", 99, 4, "third"), None),
    (CeilingDraft("new", 0, 1, "all"), Claim("new", 0, 0, 0, 0, 1, "all")),
    (CeilingDraft("new", None, 1), Claim("new", epoch=1)),
    (CeilingDraft("plain", 1, 1), Claim("plain", 2, 0, 0, 1, 1)),
]


@pytest.mark.parametrize(("draft", "after"), SET)
def test_set(draft: CeilingDraft, after: Claim | None) -> None:
    """A ceiling is set where its epoch is above that of the one there is, also below what is claimed, which stays;
    else nothing changes and its key is told."""
    books = opened(("A", 9, 0), claims=[BEFORE, Claim("plain", 2, 0, 6)])
    told = decide(books, SetCeilings((draft, CeilingDraft("beside", 5, 1))))
    assert told == (() if after else (draft.claim,))
    assert books.claims.get(draft.claim) == (after or BEFORE)
    assert set(books.touched_claims) == {"beside", *([draft.claim] if after else [])}
    assert written(books) == []


def test_what_a_request_is() -> None:
    """It names each key, so that all are locked; weighs as much as it writes; and is a commit of its own."""
    command = SetCeilings((CeilingDraft("k", 1, 1, "x" * 1500), CeilingDraft("m", 1, 1, "x" * 1500)))
    assert (list(command.claims()), command.size(), command.stands_alone()) == (["k", "m"], 4, True)


def test_a_page_that_is_not_bound() -> None:
    """What is only checked sets nothing."""
    books = opened(claims=[BEFORE])
    assert SetCeilings((CeilingDraft("k", 1, 9),)).decide(Page(books)) == ()
    assert books.claims == {"k": BEFORE}
