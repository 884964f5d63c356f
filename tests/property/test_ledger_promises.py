"""Laws of what is promised: claims stay under their ceilings and give all they can, shortfalls tell every change."""

from __future__ import annotations

from collections import Counter

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.kit.books import NAME, NOW, goods, opened, reserve
from weir_chassis.errors import Refusal
from weir_ledger.domain.entries import Account, Entry, EntryKind
from weir_ledger.domain.reservations import Claim, Draft, DraftLine, LineClaim, Mode, Reservation
from weir_ledger.domain.shortfalls import HITS_MAX, Promised, Shortfall, changes, hits
from weir_ledger.domain.stock import Balance, StockItem
from weir_ledger.errors import ClaimExhausted, InsufficientStock

ITEMS = [goods("A"), goods("B")]
KEYS = ["k", "m"]

known_claims = st.lists(
    st.builds(
        Claim, st.sampled_from(KEYS), st.integers(0, 4), st.integers(0, 4), ceiling=st.none() | st.integers(0, 12)
    ),
    unique_by=lambda each: each.claim,
)
ceilings = st.builds(LineClaim, st.sampled_from([*KEYS, "new"]), st.none() | st.integers(0, 12), st.integers(1, 3))
line_claims = st.lists(ceilings, max_size=3, unique_by=lambda each: each.claim)
lines = st.builds(DraftLine, st.sampled_from(ITEMS), st.integers(1, 6), line_claims.map(tuple))
stock = st.tuples(st.integers(0, 12), st.integers(0, 12))
drafts = st.lists(lines, min_size=1, max_size=4).map(tuple)


@settings(max_examples=300, deadline=None)
@given(stock, known_claims, drafts, st.sampled_from([Mode.ALL_OR_NOTHING, Mode.PARTIAL]))
def test_claims_give_all_they_can_and_no_more(
    units: tuple[int, int], known: list[Claim], wanted: tuple[DraftLine, ...], mode: Mode
) -> None:
    """No line is given a unit beyond what is there and beyond each of its ceilings and of those that are set, as its
    units count, in the order of the lines; and none is denied a unit that all of them leave."""
    there = dict(zip(ITEMS, units, strict=True))
    claimed = Counter({each.claim: each.claimed for each in known})
    held = {each.claim: each.ceiling for each in known}
    books = opened(*((item, on_hand, 0) for item, on_hand in there.items()), claims=known)
    outcome = reserve(books, Draft(wanted, mode))
    best = []
    for line in wanted:
        room = [
            max(0, bound - claimed[each.claim]) // each.weight
            for each in line.claims
            for bound in (each.ceiling, held.get(each.claim))
            if bound is not None
        ]
        best.append(min(line.quantity, there[line.item], *room))
        there[line.item] -= best[-1]
        claimed.update({each.claim: best[-1] * each.weight for each in line.claims})
    whole = all(units == line.quantity for units, line in zip(best, wanted, strict=True))
    if isinstance(outcome, Refusal):
        assert not whole if mode is Mode.ALL_OR_NOTHING else not any(best)
        assert isinstance(outcome, InsufficientStock | ClaimExhausted)
        assert {each.claim: each for each in known} == books.claims
        return
    assert isinstance(outcome, Reservation)
    assert [each.quantity for each in outcome.lines] == best
    assert {key: each.claimed for key, each in books.claims.items() if each.claimed} == +claimed


deltas = st.lists(st.tuples(st.sampled_from(ITEMS), st.integers(-5, 5), st.integers(-3, 3)), min_size=1, max_size=12)


@settings(max_examples=300, deadline=None)
@given(st.lists(deltas, max_size=6))
def test_shortfalls_add_up(commits: list[list[tuple[StockItem, int, int]]]) -> None:
    """Whatever a commit does and undoes to a stock item, each change begins where the one before it ended, tells a
    difference, and after all of them the shortfalls are those of the counts."""
    counts = dict.fromkeys(ITEMS, (9, 0))
    told = dict.fromkeys(ITEMS, 0)
    for commit in commits:
        entries = []
        for item, on_hand, reserved in commit:
            before = counts[item]
            after = max(0, before[0] + on_hand), max(0, before[1] + reserved)
            counts[item] = after
            moved = after[0] - before[0], after[1] - before[1]
            entries.append(Entry(EntryKind.ADJUST, Account.STOCK, item, *moved, *after))
            entries.append(Entry(EntryKind.ADJUST, Account.ADJUSTMENT, item, -moved[0], 0, 0, 0))
        found = changes(entries)
        assert len({each.item for each in found}) == len(found)
        for each in found:
            assert (told[each.item], each.before != each.after) == (each.before, True)
            told[each.item] = each.after
    assert told == {item: Balance(item, *after).shortfall for item, after in counts.items()}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=130), st.integers(1, 700))
def test_hits_add_up_to_the_shortfall(units: list[int], shortfall: int) -> None:
    """The promises told are the first ones, whole but for the last; what they miss is the shortfall, unless a hundred
    do not make it up."""
    assume(sum(units) >= shortfall)
    promised = [Promised(NAME, line, each, "", "", NOW) for line, each in enumerate(units, 1)]
    found = hits(promised, shortfall)
    assert [each.promised for each in found] == promised[: len(found)]
    assert all(each.missing == each.promised.open for each in found[:-1])
    assert 0 < found[-1].missing <= found[-1].promised.open
    missing = sum(each.missing for each in found)
    assert missing == min(shortfall, sum(units[:HITS_MAX]))
    assert Shortfall(Balance(goods(), 0, shortfall), NOW, found).more_hits == (missing < shortfall)
