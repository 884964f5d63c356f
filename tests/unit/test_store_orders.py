"""What a report makes of an order, and what is done where it cannot be settled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.kit.listings import SHOP
from tests.kit.store_orders import NOW, TENANT, World, key, sold, world
from weir.aggregator.v1 import fulfilment_pb2
from weir.common.v1 import verdict_pb2
from weir_chassis.errors import Kind as RefusalKind
from weir_chassis.errors import PeerAway, RecordedRefusal
from weir_sync.domain import orders as domain
from weir_sync.domain.alerts import AlertKind
from weir_sync.domain.orders import OrderLine, OrderState, Point, Promised, StoreOrder, in_force
from weir_sync.domain.rules import Product, Rule
from weir_sync.errors import ACCIDENT, ConnectionNotFound, StoreOrderChanged
from weir_sync.handlers.orders import TRIES_MAX
from weir_sync.memory.orders import MemoryOrders
from weir_sync.peers.orders import not_there
from weir_sync.ports.orders import Hits
from weir_sync.worker.orders import OrderWorker

BIKE = Product("", "BIKE")
LINE = OrderLine("BIKE", 2, BIKE)
NOTHING = OrderLine("OLD", 1, None, error=domain.UNKNOWN_SKU)


def order(*lines: OrderLine, **fields: object) -> StoreOrder:
    """An order as it was written down."""
    usual = StoreOrder(key("#1"), "sync/1", lines or (LINE,), NOW, False, "web", "", OrderState.REPORTED, NOW)
    return replace(usual, **fields)  # type: ignore[arg-type]


PROMISED = {"state": OrderState.PROMISED, "reservation": "r", "tries": 1}
CANCELLED = order(cancelled=True)

REPORTS: list[tuple[StoreOrder, StoreOrder, OrderState | None]] = [
    # what is known, what is reported, and the state that makes; None where nothing changes
    (order(), order(), None),
    (order(**PROMISED), order(), None),
    (order(**PROMISED), order(OrderLine("BIKE", 1, BIKE), OrderLine("BIKE", 1, BIKE)), None),
    (order(), CANCELLED, OrderState.CANCELLED),
    (order(tries=1), CANCELLED, OrderState.REPORTED),
    (order(**PROMISED), CANCELLED, OrderState.PROMISED),
    (order(**PROMISED), order(OrderLine("BIKE", 9, BIKE), cancelled=True), OrderState.PROMISED),
    (order(cancelled=True, state=OrderState.CANCELLED), order(), None),
    (order(cancelled=True, state=OrderState.CANCELLED), order(OrderLine("BIKE", 9, BIKE)), None),
    (order(cancelled=True, **PROMISED), CANCELLED, None),
    (order(NOTHING, state=OrderState.UNREADABLE), order(NOTHING), None),
    (order(NOTHING, state=OrderState.UNREADABLE), order(replace(NOTHING, product=BIKE)), OrderState.REPORTED),
    (order(NOTHING, state=OrderState.UNREADABLE), replace(CANCELLED, lines=(NOTHING,)), OrderState.CANCELLED),
]


@pytest.mark.parametrize(("known", "told", "state"), REPORTS)
def test_what_a_further_report_changes(known: StoreOrder, told: StoreOrder, state: OrderState | None) -> None:
    """Only a cancellation does, once; and what nothing could be read of is read again."""
    changed = domain.reported(known, told)
    if state is None:
        assert changed is None
        return
    assert changed is not None
    assert (changed.state, changed.cancelled, changed.name) == (state, told.cancelled, known.name)


@pytest.mark.parametrize("line", [OrderLine("BIKE", 3, BIKE), OrderLine("KITE", 2, BIKE)])
def test_other_lines_are_refused(line: OrderLine) -> None:
    """An order that was sold is not another one: other units, or other SKUs."""
    with pytest.raises(StoreOrderChanged):
        domain.reported(order(**PROMISED), order(line))


def test_how_an_order_begins() -> None:
    """As reported, as cancelled, or as nothing that could be read; part of it is enough."""
    states = {
        OrderState.REPORTED: order(NOTHING, LINE),
        OrderState.CANCELLED: CANCELLED,
        OrderState.UNREADABLE: order(NOTHING),
    }
    assert {domain.begun(each).state: domain.begun(each).due for each in states.values()} == {
        OrderState.REPORTED: True,
        OrderState.CANCELLED: False,
        OrderState.UNREADABLE: False,
    }


def test_what_is_missing_is_told_by_line() -> None:
    """An order is short where a line is, and says of which it is how much."""
    done = domain.promised(order(NOTHING, LINE), Promised("r", {1: 1}, Point("c", 1, 7)))
    assert (done.state, [line.short for line in done.lines]) == (OrderState.SHORT, [0, 1])
    assert domain.sentence_short(done) == "The order '#1' sold more than there is: missing are 1 of 2 'BIKE'."
    assert domain.promised(order(), Promised("r", {}, Point("c", 1, 7))).state is OrderState.PROMISED


def test_long_lists_are_cut() -> None:
    """People are told of the first lines, and how many more there are."""
    lines = [replace(NOTHING, store_sku=f"S{number}") for number in range(7)]
    assert domain.sentence_unreadable(order(*lines)) == (
        "Of the order '#1' 1 'S0', 1 'S1', 1 'S2', 1 'S3', 1 'S4' and 2 more cannot be read: nothing flows for that."
    )


RULES = [
    Rule(rule="off", priority=1, stores=("web",), disabled=True),
    Rule(rule="kites", priority=2, stores=("web",), products=(Product("", "KITE"),)),
    Rule(rule="till", priority=3, stores=("till",), products=(BIKE,)),
    Rule(rule="all", priority=4, stores=("web",)),
]


@pytest.mark.parametrize(
    ("sku", "store", "rule"),
    [("KITE", "web", "kites"), ("BIKE", "web", ""), ("BIKE", "till", "till"), ("LAMP", "web", "all"),
     ("LAMP", "till", "")],
)  # fmt: skip
def test_the_rule_in_force(sku: str, store: str, rule: str) -> None:
    """The first that names the product, if it names the store, too."""
    assert in_force(reversed(RULES), Product("", sku), store) == rule


@pytest.fixture
async def here() -> World:
    """A shop, and a desk."""
    return await world()


def alerts(here: World) -> list[tuple[AlertKind, str]]:
    """What is open."""
    assert isinstance(here.orders, MemoryOrders)
    return sorted((kind, named.store_order) for _, kind, named in here.orders.alerts)


async def test_an_order_is_kept_while_nobody_promises(here: World) -> None:
    """It is answered as reported with the reason, and promised by the worker once somebody does."""
    here.books.away()
    done = await here.report(sold("#1", ("A", 1)))
    assert (done.state, done.error) == (OrderState.REPORTED, PeerAway().message)
    assert alerts(here) == []
    assert isinstance(here.orders, MemoryOrders)
    here.orders.due = dict.fromkeys(here.orders.due, 0.0)
    await OrderWorker(_nobody, here.desk).look(TENANT)
    found = await here.desk.get(TENANT, key("#1"))
    assert (found.state, found.error, here.books.asked) == (OrderState.PROMISED, "", 2)


async def _nobody() -> list[str]:
    return []


def refused(kind: RefusalKind, reason: str) -> RecordedRefusal:
    """What the aggregator refuses."""
    return RecordedRefusal(kind, reason, "Not so.", violations=(), retry_after_seconds=None, metadata={})


REFUSALS = [
    (refused(RefusalKind.UNMET, "ORDER_UNFILLED"), "channel of another day", True),
    (refused(RefusalKind.UNKNOWN, "CHANNEL_NOT_FOUND"), SHOP.channel, True),
    (refused(RefusalKind.RACED, "PLAN_OVERTAKEN"), "channel of another day", False),
    (refused(RefusalKind.AWAY, "REVISION_NOT_REACHED"), "channel of another day", False),
]


@pytest.mark.parametrize(("refusal", "channel", "told"), REFUSALS)
async def test_what_somebody_must_see_to_is_told(
    here: World, refusal: Exception, channel: str, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal that does not pass by itself opens an alert, which closes when the order is promised; of a channel that
    is gone the order goes to that of the store now."""

    async def refuse(tenant: str, asked: StoreOrder) -> Promised:
        raise refusal

    wanted = await here.desk.wanted(TENANT, SHOP.connection, sold("#1", ("A", 1)))
    await here.orders.report(TENANT, replace(wanted, channel="channel of another day"), hold_seconds=0)
    with monkeypatch.context() as patched:
        patched.setattr(here.books, "promise", refuse)
        await here.desk.settle(TENANT, key("#1"))
    assert alerts(here) == ([(AlertKind.ORDER_UNREADABLE, "#1")] if told else [])
    done = await here.desk.settle(TENANT, key("#1"))
    assert (done.state, done.channel) == (OrderState.PROMISED, channel)
    assert alerts(here) == []


async def test_short_orders_are_covered_when_nothing_hits_them(here: World) -> None:
    """One that a shortfall hits stays short, and is moved where it may be; so do all while not all that is hit is
    told."""
    here.books.there = 0
    done = [await here.report(sold(name, ("A", 1))) for name in ("#1", "#2")]
    here.books.hit = Hits(frozenset({done[1].reservation}), all_told=False)
    await here.desk.cover(TENANT)
    assert len(alerts(here)) == 2
    here.books.hit = here.books.hit._replace(all_told=True)
    await here.desk.cover(TENANT, move=True)
    assert alerts(here) == [(AlertKind.ORDER_SHORT, "#2")]
    assert here.books.moved == [key("#2")]
    here.books.hit = Hits(frozenset(), all_told=True)
    await here.desk.cover(TENANT)
    assert alerts(here) == []


async def test_what_never_passes_is_told_in_the_end(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands in the way, an order that was tried often enough opens an alert; an accident does at once, and
    says no more than that it was one."""

    async def away(tenant: str, asked: StoreOrder) -> Promised:
        raise PeerAway

    async def broken(tenant: str, asked: StoreOrder) -> Promised:
        raise RuntimeError("secret")

    monkeypatch.setattr(here.books, "promise", away)
    await here.report(sold("#1", ("A", 1)))
    for _ in range(TRIES_MAX - 2):
        await here.desk.settle(TENANT, key("#1"))
    assert alerts(here) == []
    await here.desk.settle(TENANT, key("#1"))
    assert alerts(here) == [(AlertKind.ORDER_UNREADABLE, "#1")]
    monkeypatch.setattr(here.books, "promise", broken)
    assert (await here.report(sold("#2", ("A", 1)))).error == ACCIDENT
    assert alerts(here) == [(AlertKind.ORDER_UNREADABLE, "#1"), (AlertKind.ORDER_UNREADABLE, "#2")]


async def test_a_check_changes_nothing(here: World) -> None:
    """It tells what an order would be written down as, or is; and what would be refused."""
    checked = await here.desk.check(TENANT, SHOP.connection, sold("#1", ("A", 1)))
    assert checked.state is OrderState.REPORTED
    assert await here.orders.get(TENANT, key("#1")) is None
    done = await here.report(sold("#1", ("A", 1)))
    assert await here.desk.check(TENANT, SHOP.connection, sold("#1", ("A", 1))) == done
    with pytest.raises(StoreOrderChanged):
        await here.desk.check(TENANT, SHOP.connection, sold("#1", ("A", 2)))
    with pytest.raises(ConnectionNotFound):
        await here.desk.check(TENANT, "nobody", sold("#1", ("A", 1)))


async def test_odd_names_stop_no_order(here: World) -> None:
    """Whatever a store calls things, its sale is kept: what no name can hold is replaced."""
    await here.desk.take_in(TENANT, SHOP.connection, sold(" #1\x00", ("A\ud800", 1), ("\n", 1)))
    found = await here.desk.settle(TENANT, key("#1\ufffd"))
    assert (found.state, found.sold) == (OrderState.PROMISED, {"A\ufffd": 1, "\ufffd": 1})


async def test_what_a_store_tells_otherwise_is_not_dropped_silently(here: World) -> None:
    """Nobody hears a refusal of what a store sent by itself: an alert says that it came with other lines."""
    await here.report(sold("#1", ("A", 1)))
    await here.desk.take_in(TENANT, SHOP.connection, sold("#1", ("A", 2)))
    assert alerts(here) == [(AlertKind.ORDER_UNREADABLE, "#1")]


def test_what_lies_there_for_others_is_not_short() -> None:
    """Beyond a share units are taken that are there, as far as they are; whatever else is missing is not there."""
    nearest = fulfilment_pb2.Alternative(quantity=2)
    for verdict, units in ((verdict_pb2.VERDICT_SHARE_SPENT, 1), (verdict_pb2.VERDICT_ALL_RESERVED, 3)):
        assert not_there(fulfilment_pb2.Missing(line=1, quantity=3, verdict=verdict, nearest=nearest)) == units
