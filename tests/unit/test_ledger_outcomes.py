"""What is kept under a request id comes back as it was; stock items have keys that are theirs alone."""

from collections.abc import Callable
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from tests.kit.books import NAME, NOW, fact, goods, opened, order, promise
from weir_chassis.errors import RecordedRefusal, Refusal
from weir_ledger.domain import amending, ceilings, demands, endings, lots, movements, places, promises
from weir_ledger.domain.books import Page
from weir_ledger.domain.command import Command
from weir_ledger.domain.demands import PromiseOutcome
from weir_ledger.domain.entries import EntryKind
from weir_ledger.domain.reservations import Line, LineClaim, Reservation, Reserved, ReserveOutcome, ShortLine, State
from weir_ledger.domain.stock import ON_HAND_MAX, Balance, Condition, Location, LocationKind, Lot, StockItem
from weir_ledger.domain.waiting import BackOrders, Waiting, WaitingLine
from weir_ledger.errors import InsufficientStock, Shortage
from weir_ledger.store import outcomes
from weir_ledger.store.keys import key
from weir_ledger.store.outcomes import kept, recalled

ODD = StockItem("ö\u202e", '"\\', "{}", "\U0001f6b2", "CARTON", "'", Condition.DAMAGED)
FULL = Reservation(
    NAME,
    State.CONFIRMED,
    (
        Line(goods(), 5, 4, 1, 2, 1, (LineClaim("ü", 0, 7), LineClaim("]", 10**15), LineClaim("none")), NOW),
        Line(ODD, 10**9, 0, 0),
    ),
    NOW + timedelta(microseconds=1),
    NOW,
    order='"ok":',
    channel="refusal",
    revision=2**62,
)
DEMAND = Waiting(
    NAME, (WaitingLine(("ö", '"'), 9, 3, 4, 2), WaitingLine(("", "]"), 1, 1)), NOW + timedelta(microseconds=1),
    whole=True, order='"ok":', channel="refusal", reservations=(NAME,), plan_digest="a", create_revision=2**62,
    revision=1,
)  # fmt: skip

RECEIPTS: list[tuple[str, Any]] = [
    ("CreateLocation", Location("W1", LocationKind.TRUNK, '{"refusal":', 5)),
    ("UpdateLocation", Location("W1", LocationKind.STORE)),
    ("DeleteLocation", None),
    ("SetLot", Lot("ö", '"', "]", "9999-12-31", 2**62)),
    ("SetLot", Lot("", "A", "L1")),
    ("RecordMovements", (Balance(ODD, ON_HAND_MAX, 3, 9), Balance(goods()))),
    ("RecordMovements", ()),
    ("Reserve", Reserved(FULL)),
    ("Reserve", Reserved(FULL, b'\x00\xff{"')),
    ("Amend", FULL),
    ("ReserveBatch", (ReserveOutcome(FULL), ReserveOutcome(None, (ShortLine(2, ODD, 5, 0),)))),
    ("Confirm", promise(1)),
    ("Extend", promise(1, state=State.HELD, expires_at=NOW)),
    ("Fulfil", FULL),
    ("Release", FULL),
    ("MarkHandedOver", FULL),
    ("Reserve", Reserved(None, waiting=DEMAND)),
    ("Reserve", Reserved(FULL, b"\x00", DEMAND)),
    ("SetBackOrders", BackOrders(("ö", '"'), 10**15, 2**62, 3, 2**62)),
    ("SetCeilings", ()),
    ("SetCeilings", ("ü", "]")),
    ("CancelWaiting", DEMAND),
    ("PromiseWaiting", (
        PromiseOutcome(FULL), PromiseOutcome(None, "WAITING_STATE", '"]'),
        PromiseOutcome(None, "INSUFFICIENT_STOCK", "", (ShortLine(2, ODD, 5, 0),)),
    )),
    ("RecordMovements", (Balance(ODD, 1, 0, 3, NOW),)),
    ("ReserveBatch", (ReserveOutcome(None, (ShortLine(1, ODD, 5, 9, LineClaim("k", 10**15), 10**15 - 1),)),)),
]  # fmt: skip


@pytest.mark.parametrize(("method", "receipt"), RECEIPTS)
def test_receipts(method: str, receipt: Any) -> None:
    """A receipt that was kept is recalled equal, to the type and the microsecond."""
    again = recalled(method, kept(receipt))
    assert again == receipt
    assert type(again) is type(receipt)


BEFORE: list[tuple[str, str, Any]] = [
    # what was kept before there were claims, hand-overs and the moment of a count
    ("RecordMovements",
     '{"ok":[{"item":{"owner":"","sku":"A","location":"W1","lot":"","uom":"EACH","custodian":"","condition":1},'
     '"on_hand":5,"reserved":0,"revision":0}]}',
     (Balance(goods(), 5),)),
    # what was kept before a Reserve made anything but a reservation
    ("Reserve",
     '{"ok":{"reservation":"R","state":1,"lines":[{"item":{"owner":"","sku":"A","location":"W1","lot":"","uom":"EACH",'
     '"custodian":"","condition":1},"requested":4,"quantity":4,"open":4,"fulfilled":0,"released":0,"claims":[],'
     '"handed_over_at":null}],"expires_at":"2026-03-01T12:00:00.123456Z","created_at":"2026-03-01T12:00:00.123456Z",'
     '"order":"","channel":"","revision":0}}',
     Reserved(Reservation("R", State.HELD, (Line(goods(), 4, 4, 4),), NOW, NOW))),
    ("ReserveBatch",
     '{"ok":[{"reservation":{"reservation":"R","state":1,"lines":[{"item":{"owner":"","sku":"A","location":"W1",'
     '"lot":"","uom":"EACH","custodian":"","condition":1},"requested":4,"quantity":4,"open":4,"fulfilled":0,'
     '"released":0}],"expires_at":"2026-03-01T12:00:00.123456Z","created_at":"2026-03-01T12:00:00.123456Z",'
     '"order":"","channel":"","revision":0},"short_lines":[]},{"reservation":null,"short_lines":[{"line":1,'
     '"item":{"owner":"","sku":"A","location":"W1","lot":"","uom":"EACH","custodian":"","condition":1},'
     '"requested":9,"available":1}]}]}',
     (ReserveOutcome(Reservation("R", State.HELD, (Line(goods(), 4, 4, 4),), NOW, NOW)),
      ReserveOutcome(None, (ShortLine(1, goods(), 9, 1),)))),
]  # fmt: skip


@pytest.mark.parametrize(("method", "text", "receipt"), BEFORE, ids=[each[0] for each in BEFORE])
def test_receipts_of_before(method: str, text: str, receipt: Any) -> None:
    """What an earlier release kept is still recalled, so that a repetition across an upgrade gets its answer."""
    assert recalled(method, text) == receipt


def test_every_method_is_known() -> None:
    """Each command that a caller can send has a receipt that can be read back."""
    named = {
        each.__name__
        for module in (amending, ceilings, demands, endings, lots, movements, places, promises)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Command) and each is not Command
    }
    assert named - {"Expire"} == set(outcomes._RECEIPTS)


def test_refusals() -> None:
    """A refusal that was kept is recalled with all that the caller was told."""
    refusal = InsufficientStock(
        [Shortage("draft.lines[0]", '"', "W1", 5, 3), Shortage("draft.lines[1]", "B", "W1", 2, 0)], revision=7
    )
    again = recalled("Reserve", kept(refusal))
    assert isinstance(again, RecordedRefusal)
    assert again.to_record() == refusal.to_record()


def test_keys_are_stable() -> None:
    """The key of a stock item is the same in every process and version: rows are found by it."""
    assert str(key(goods())) == "6da2d02fc0301f8054dc5a0694c0f019"


def test_keys_tell_fields_apart() -> None:
    """The same words in other fields, or parted otherwise, make another key."""
    fields = ["", "a", "ab", "b", "1", ""]
    items = {StockItem(a, b, c, d, e, f) for a, b, c, d, e, f in permutations(fields)}
    items |= {StockItem("a", "b", "c", condition=each) for each in Condition}
    items |= {StockItem("ab", "", "c"), StockItem("a", "b", "c", "EACH"), StockItem("", "ab", "c")}
    assert len({key(each) for each in items}) == len(items)


UNDEFINED: list[Callable[[], Command[Any]]] = [
    lambda: promises.Reserve(NAME, order(("A", 9))),
    lambda: endings.Confirm("01a200ca-98d0-74cf-9b25-c4403338ded9"),
    lambda: movements.RecordMovements((fact(EntryKind.SHIP, "A", 9),)),
    lambda: movements.RecordMovements((fact(EntryKind.SHIP, goods("A", "X"), 9),)),
    lambda: places.DeleteLocation("X", ""),
]


@pytest.mark.parametrize("command", UNDEFINED)
def test_definite_refusals_are_kept(command: Callable[[], Command[Any]]) -> None:
    """What a decision refuses for the state of the books is definite, and survives being kept."""
    with pytest.raises(Refusal) as refused:
        command().decide(Page(opened(("A", 1, 0))))
    assert refused.value.kind.definite
    again = recalled("Reserve", kept(refused.value))
    assert isinstance(again, Refusal)
    assert (again.kind, again.reason, again.message) == (
        refused.value.kind,
        refused.value.reason,
        refused.value.message,
    )
