"""What each movement does to the counts, and when it is refused."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.kit.books import HELD_BACK, NOW, counts, decide, entries, fact, goods, opened, written
from weir_chassis.errors import Kind
from weir_ledger.domain.entries import Account, EntryKind, Movement
from weir_ledger.domain.movements import RecordMovements
from weir_ledger.domain.stock import ON_HAND_MAX, Balance, StockItem
from weir_ledger.errors import (
    BalanceChanged,
    BalanceOverflow,
    InsufficientOnHand,
    InsufficientStock,
    LocationNotFound,
    settle,
)

K = EntryKind

BOOKED: list[tuple[EntryKind, int, int, int, Account | None]] = [
    # kind, on hand before, quantity, on hand after, the account on the other side
    (K.RECEIVE, 0, 5, 5, Account.SUPPLIER),
    (K.RECEIVE, ON_HAND_MAX - 5, 5, ON_HAND_MAX, Account.SUPPLIER),
    (K.SHIP, 5, 5, 0, Account.CUSTOMER),
    (K.RETURN, 0, 2, 2, Account.CUSTOMER),
    (K.CONSUME, 5, 2, 3, Account.CONSUMED),
    (K.RESTORE, 3, 2, 5, Account.CONSUMED),
    (K.ADJUST, 5, -5, 0, Account.ADJUSTMENT),
    (K.ADJUST, 5, 4, 9, Account.ADJUSTMENT),
    (K.COUNT, 5, 9, 9, Account.ADJUSTMENT),
    (K.COUNT, 5, 0, 0, Account.ADJUSTMENT),
    (K.COUNT, 5, 5, 5, None),
    (K.COUNT, 0, 0, 0, None),
]


@pytest.mark.parametrize(("kind", "before", "quantity", "after", "account"), BOOKED)
def test_booked(kind: EntryKind, before: int, quantity: int, after: int, account: Account | None) -> None:
    """A movement changes its stock item, and by as much the other way the account it is against."""
    books = opened(("A", before, 0))
    receipt = decide(books, RecordMovements((fact(kind, "A", quantity),)))
    assert isinstance(receipt, tuple)
    assert [each.on_hand for each in receipt] == [after]
    assert counts(books, "A") == (after, 0)
    delta = after - before
    other = [] if account is None else [(kind, account, "A", -delta, 0)]
    assert written(books) == [(kind, Account.STOCK, "A", delta, 0), *other]
    assert entries(books)[0].on_hand == after


SHORT = [(K.SHIP, 6), (K.CONSUME, 6), (K.ADJUST, -6), (K.TRANSFER, 6)]


@pytest.mark.parametrize(("kind", "quantity"), SHORT)
def test_short(kind: EntryKind, quantity: int) -> None:
    """What takes more units than are there is refused with both numbers, and books nothing."""
    books = opened(("A", 5, 0))
    destination = goods("A", "W2") if kind is K.TRANSFER else None
    refusal = decide(books, RecordMovements((fact(kind, "A", quantity, destination),)))
    assert isinstance(refusal, InsufficientOnHand)
    assert refusal.metadata == {"sku": "A", "location": "W1", "requested": "6", "on_hand": "5", "lines": "1"}
    assert (counts(books, "A"), written(books)) == ((5, 0), [])


def test_all_that_is_short_is_named() -> None:
    """A refusal names each movement that is short, by its place in the request."""
    movements = (fact(K.SHIP, "A", 6), fact(K.SHIP, "A", 5), fact(K.SHIP, "A", 1), fact(K.RECEIVE, "A", 1))
    refusal = decide(opened(("A", 5, 0)), RecordMovements(movements))
    assert isinstance(refusal, InsufficientOnHand)
    assert [each.field for each in refusal.violations] == ["movements[0]", "movements[2]"]


@pytest.mark.parametrize("destination", [goods("A", "W2"), goods("A", custodian="rep"), HELD_BACK])
def test_transfer(destination: StockItem) -> None:
    """A transfer takes units from one stock item and gives them to another; no account outside is touched."""
    books = opened(("A", 5, 0))
    decide(books, RecordMovements((fact(K.TRANSFER, "A", 2, destination),)))
    assert counts(books, "A") == (3, 0)
    assert counts(books, destination) == (2, 0)
    assert [(each.account, each.on_hand_delta) for each in entries(books)] == [(Account.STOCK, -2), (Account.STOCK, 2)]


@pytest.mark.parametrize("kind", [K.SHIP, K.CONSUME])
def test_facts_win(kind: EntryKind) -> None:
    """Reserved units do not protect a stock item: the movement is booked, the reserved units stay."""
    books = opened(("A", 5, 5))
    receipt = decide(books, RecordMovements((fact(kind, "A", 3),)))
    assert isinstance(receipt, tuple)
    assert counts(books, "A") == (2, 5)
    assert (receipt[0].available, receipt[0].shortfall) == (0, 3)


WISHES = [(K.SHIP, None), (K.CONSUME, None), (K.TRANSFER, goods(custodian="rep"))]


def wishing(kind: EntryKind, what: str | StockItem, quantity: int, destination: StockItem | None = None) -> Movement:
    """A movement of units that are available only."""
    return replace(fact(kind, what, quantity, destination), available_only=True)


@pytest.mark.parametrize(("kind", "destination"), WISHES)
def test_wishes_give_way(kind: EntryKind, destination: StockItem | None) -> None:
    """What takes available units only takes no promised one: it is refused with what is available, where there are
    fewer; all that is available it may take."""
    books = opened(("A", 5, 3))
    refusal = decide(books, RecordMovements((wishing(kind, "A", 3, destination),)))
    assert isinstance(refusal, InsufficientStock)
    assert refusal.metadata == {
        "sku": "A", "location": "W1", "requested": "3", "available": "2", "lines": "1", "revision": "0",
    }  # fmt: skip
    assert (refusal.kind.definite, written(books)) == (True, [])
    decide(books, RecordMovements((wishing(kind, "A", 2, destination),)))
    assert counts(books, "A") == (3, 3)


def test_wishes_of_one_request_are_summed() -> None:
    """Each movement sees what those before it left, and every wish that goes too far is told; where facts take more
    than is there, that is told first."""
    wishes = (wishing(K.CONSUME, "A", 2), wishing(K.CONSUME, "A", 1), fact(K.RECEIVE, "A", 1), wishing(K.SHIP, "A", 2))
    refusal = decide(opened(("A", 5, 3)), RecordMovements(wishes))
    assert isinstance(refusal, InsufficientStock)
    assert [each.field for each in refusal.violations] == ["movements[1]", "movements[3]"]
    refusal = decide(opened(("A", 5, 3)), RecordMovements((*wishes, fact(K.SHIP, "A", 99))))
    assert isinstance(refusal, InsufficientOnHand)
    assert [each.field for each in refusal.violations] == ["movements[4]"]


def test_a_wish_after_a_neighbour() -> None:
    """What a request of the same commit took is missing since a revision that is not drawn yet."""
    books = opened(("A", 5, 0))
    decide(books, RecordMovements((wishing(K.SHIP, "A", 4),)))
    refusal = decide(books, RecordMovements((wishing(K.SHIP, "A", 2),)))
    assert isinstance(refusal, InsufficientStock)
    settle(refusal, 8)
    assert (refusal.metadata["available"], refusal.metadata["revision"]) == ("1", "8")


def test_golden_case_eleven() -> None:
    """30 reserved and 25 counted leave nothing available and 5 short."""
    books = opened(("A", 30, 30))
    receipt = decide(books, RecordMovements((fact(K.COUNT, "A", 25),)))
    assert isinstance(receipt, tuple)
    [balance] = receipt
    assert (balance.on_hand, balance.reserved, balance.available, balance.shortfall) == (25, 30, 0, 5)


def test_movements_see_those_before_them() -> None:
    """What a movement brings the next may take; the receipt shows each stock item once, in order of first touch."""
    movements = (fact(K.RECEIVE, "B", 1), fact(K.RECEIVE, "A", 5), fact(K.SHIP, "A", 5), fact(K.COUNT, "B", 7))
    receipt = decide(opened(), RecordMovements(movements))
    assert isinstance(receipt, tuple)
    assert [(each.item.sku, each.on_hand) for each in receipt] == [("B", 7), ("A", 0)]


def test_overflow() -> None:
    """A count never passes what the books can hold."""
    refusal = decide(opened(("A", ON_HAND_MAX, 0)), RecordMovements((fact(K.RETURN, "A", 1),)))
    assert isinstance(refusal, BalanceOverflow)
    assert refusal.metadata == {"sku": "A", "location": "W1", "on_hand": str(ON_HAND_MAX), "requested": "1"}


@pytest.mark.parametrize(
    "movement", [fact(K.RECEIVE, goods("A", "X"), 1), fact(K.TRANSFER, "A", 1, goods("A", "X"))], ids=["from", "to"]
)
def test_places_must_exist(movement: Movement) -> None:
    """Units neither come from nor go to a location that does not exist; that comes before what is short."""
    refusal = decide(opened(("A", 0, 0)), RecordMovements((movement,)))
    assert isinstance(refusal, LocationNotFound)
    assert refusal.metadata == {"location": "X"}


def expecting(kind: EntryKind, what: str | StockItem, quantity: int, revision: int | None) -> Movement:
    """A movement of a stock item whose balance must have a revision."""
    return Movement(kind, goods(what) if isinstance(what, str) else what, quantity, expected_revision=revision)


EXPECTED: list[tuple[str, int | None, str | None]] = [
    # the stock item, the revision its balance must have, and the one it has where that is another
    ("A", 7, None),
    ("A", None, None),
    ("A", 6, "7"),
    ("A", 8, "7"),
    ("A", 0, "7"),
    ("B", 0, None),
    ("B", 1, "0"),
]


@pytest.mark.parametrize("kind", [K.COUNT, K.ADJUST])
@pytest.mark.parametrize(("sku", "expected", "current"), EXPECTED)
def test_expected_revision(kind: EntryKind, sku: str, expected: int | None, current: str | None) -> None:
    """A figure is booked only on the balance it was made for; 0 means one that was never booked."""
    books = opened()
    books.balances[goods("A")] = Balance(goods("A"), 5, 0, revision=7)
    outcome = decide(books, RecordMovements((fact(K.RECEIVE, "C", 1), expecting(kind, sku, 3, expected))))
    if current is None:
        assert isinstance(outcome, tuple)
        return
    assert isinstance(outcome, BalanceChanged)
    assert outcome.metadata == {"sku": sku, "location": "W1", "expected": str(expected), "current": current}
    assert (outcome.kind, outcome.kind.definite) == (Kind.RACED, False)
    assert written(books) == []


def test_expected_before_the_request() -> None:
    """What movements of one request expect is what was there before all of them."""
    books = opened()
    books.balances[goods("A")] = Balance(goods("A"), 5, 0, revision=7)
    twice = (expecting(K.COUNT, "A", 3, 7), expecting(K.ADJUST, "A", 1, 7), expecting(K.COUNT, "B", 3, 0))
    receipt = decide(books, RecordMovements((fact(K.RECEIVE, "B", 9), *twice)))
    assert isinstance(receipt, tuple)
    assert (counts(books, "A"), counts(books, "B")) == ((4, 0), (3, 0))


def test_expected_after_a_neighbour() -> None:
    """What a request of the same commit changed has no revision yet; the refusal is told when it is known."""
    books = opened(("A", 5, 0))
    decide(books, RecordMovements((fact(K.RECEIVE, "A", 1),)))
    refusal = decide(books, RecordMovements((expecting(K.COUNT, "A", 9, 0),)))
    assert isinstance(refusal, BalanceChanged)
    assert (refusal.metadata["current"], refusal.metadata["expected"]) == ("", "0")
    settle(refusal, 8)
    assert (refusal.metadata["current"], refusal.metadata["expected"]) == ("8", "0")
    assert counts(books, "A") == (6, 0)


def test_when_it_was_counted() -> None:
    """A COUNT tells when the units on hand were seen, the latest moment of all; nothing else does."""
    hour = timedelta(hours=1)
    books = opened(("A", 5, 0))
    seen = []
    for kind, moment in ((K.ADJUST, NOW), (K.COUNT, NOW - hour), (K.COUNT, NOW - 2 * hour), (K.RECEIVE, NOW),
                         (K.COUNT, None), (K.SHIP, NOW)):  # fmt: skip
        receipt = decide(books, RecordMovements((Movement(kind, goods("A"), 1, occurred_at=moment),)))
        assert isinstance(receipt, tuple)
        seen.append(receipt[0].counted_at)
    assert seen == [None, NOW - hour, NOW - hour, NOW - hour, NOW, NOW]
