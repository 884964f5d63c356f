"""A day of a distributor with three reps and two hospitals, told through the API only.

Nordmed delivers screws of two lots and plates to hospitals. Its reps are Ann, Ben and Cleo; Ann sells through a
channel, too. Everybody calls in his own name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.kit.calling import refusal
from tests.kit.ledger import Caller as Books
from tests.kit.ledger import item, movement
from tests.kit.merchant import Merchant, verified
from tests.kit.pooling import ADMINISTRATOR, Caller
from tests.kit.suite import Suite
from weir.aggregator.v1 import fulfilment_pb2, fulfilment_service_pb2
from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_pb2
from weir.pooling.v1 import alert_pb2, case_pb2, pool_pb2
from weir.sharing.v1 import network_pb2

NORDMED, ANN, BEN, CLEO, OFFICE = "nordmed", "ann", "ben", "cleo", "office"
DEPOT, ST_ANNA, CHARITE = "DEPOT", "ST-ANNA", "CHARITE"
OLD, NEW = "L1", "L2"
OWN, HUB = pool_pb2.CUSTODY_OWN, pool_pb2.CUSTODY_HUB
ARRIVED = {"SCREW": 100, "PLATE": 10}


class Day:
    """Who calls, and what they do all day long."""

    def __init__(self, suite: Suite, merchant: Merchant) -> None:
        """The day of one tenant."""
        self.merchant = merchant
        self._suite = suite
        self.books = Books(suite.channel("/weir.ledger"), merchant.tenant)
        self.alerts: Any = None

    def call(self, person: str) -> Caller:
        """A caller in a person's own name."""
        metadata = (("weir-tenant", self.merchant.tenant), ("weir-user", person))
        return Caller(self._suite.channel("/weir.pooling"), metadata)

    async def open(self) -> None:
        """The people, the places, and what arrived overnight."""
        trunks = {f"TRUNK-{person}": "TRUNK" for person in (ANN, BEN, CLEO)}
        for location, kind in {DEPOT: "WAREHOUSE", ST_ANNA: "FACILITY", CHARITE: "FACILITY", **trunks}.items():
            await self.books.do("CreateLocation", location={"location": location, "kind": f"LOCATION_KIND_{kind}"})
        await self.merchant.channel("ann-van", network_pb2.CHANNEL_KIND_REP)
        office = Caller(self._suite.channel("/weir.pooling"), (("weir-tenant", self.merchant.tenant),))
        await office.user(OFFICE, ADMINISTRATOR)
        await office.pool("north", NORDMED, ANN, BEN, CLEO, on=True)
        wanted = {"user": ANN, "role": "USER_ROLE_REP", "channel": "ann-van"}
        self.merchant.saw((await office.do("UpdateUser", user=wanted)).revision)
        await self.books.do("SetLot", lot={"product": {"sku": "SCREW"}, "lot": OLD, "expiry_date": "2099-01-31"})
        arrived = (("SCREW", OLD, 60), ("SCREW", NEW, 40), ("PLATE", "", 10))
        done = await self.books.record(
            *(movement(ledger_pb2.ENTRY_KIND_RECEIVE, goods(NORDMED, sku, lot), units) for sku, lot, units in arrived)
        )
        self.merchant.saw(done.revision)
        self.alerts = self.call(NORDMED).stream("WatchAlerts")

    async def transfer(self, actor: str, method: str, sender: str, recipient: str, what: Any, units: int) -> str:
        """Ask for goods to go to a rep's car, or do it at once."""
        lines = [{"stock_item": what, "quantity": units}]
        told = {"sender": sender, "recipient": recipient, "lines": lines, "location": f"TRUNK-{recipient}"}
        done = await self.call(actor).do(method, **told)
        self.merchant.saw(done.ledger_revision)
        return str(done.transfer.transfer)

    async def settle(self, actor: str, method: str, transfer: str, **fields: Any) -> Any:
        """Accept, decline or put back a transfer; as it is then."""
        done = await self.call(actor).do(method, transfer=transfer, **fields)
        self.merchant.saw(done.ledger_revision)
        return done.transfer

    async def case(self, person: str, facility: str) -> str:
        """Open a surgery at a hospital."""
        wanted = {"kind": case_pb2.CASE_KIND_CASE, "facility": facility, "display_name": "Femur"}
        return str((await self.call(person).do("CreateCase", case=wanted)).case.case)

    async def use(self, person: str, case: str, custody: int, what: Any, units: int) -> Any:
        """Mark stock used."""
        lines = [{"stock_item": what, "quantity": units}]
        done = await self.call(person).do("MarkUsed", case=case, custody=custody, lines=lines)
        self.merchant.saw(done.ledger_revision)
        return done.usages[0]

    async def stocked(self, units: int) -> None:
        """Put old screws on the shelf of St. Anna."""
        lines = [{"stock_item": goods(NORDMED, "SCREW", OLD), "quantity": units}]
        await self.call(NORDMED).do("PlaceStockingOrder", hub=NORDMED, facility=ST_ANNA, lines=lines)

    async def alert(self, state: int) -> Any:
        """The next change of an alert, which is of this state."""
        async for message in self.alerts:
            if message.alerts:
                [found] = message.alerts
                assert found.state == state
                return found
        raise AssertionError("the watch has ended")

    async def seen(self, person: str, view: int = stock_pb2.STOCK_VIEW_UNSPECIFIED) -> dict[str, int]:
        """What a person sees available, by product."""
        found: Counter[str] = Counter()
        for row in (await self.call(person).do("ListStock", view=view)).stock:
            found[row.stock_item.product.sku] += row.available
        return dict(found)


def goods(custodian: str, sku: str = "SCREW", lot: str = OLD, location: str = DEPOT) -> stock_pb2.StockItem:
    """Something in somebody's custody; at the depot unless told."""
    return item(sku, location, lot=lot, custodian=custodian)


@pytest.fixture
async def day(suite: Suite, merchant: Merchant) -> AsyncIterator[Day]:
    """A day that has begun, with somebody watching the alerts."""
    begun = Day(suite, merchant)
    await begun.open()
    yield begun
    begun.alerts.cancel()


async def test_a_day(day: Day) -> None:
    """From the goods that arrive to the report in the evening: every unit is with whom it should be, or was used."""
    began = datetime.now(UTC)
    await morning(day)
    surgery = await noon(day)
    await afternoon(day, surgery)
    await evening(day, began, surgery)


async def morning(day: Day) -> None:
    """Goods are handed out: to a shelf, to three cars, and back."""
    await day.stocked(20)
    par = {"custodian": NORDMED, "location": ST_ANNA, "product": {"sku": "SCREW"}, "par": 15}
    await day.call(NORDMED).do("SetParLevel", par_level=par)
    sent = await day.transfer(NORDMED, "RequestTransfer", NORDMED, ANN, goods(NORDMED), 12)
    assert await day.seen(ANN, stock_pb2.STOCK_VIEW_MY_CUSTODY) == {}
    assert await day.seen(ANN) == {"SCREW": 88, "PLATE": 10}  # what waits for her nobody can have
    await day.settle(ANN, "AcceptTransfer", sent)
    plates = goods(NORDMED, "PLATE", "")
    await day.transfer(BEN, "QuickTransfer", NORDMED, BEN, plates, 4)
    wrong = await day.transfer(NORDMED, "RequestTransfer", NORDMED, CLEO, goods(NORDMED, lot=NEW), 4)
    declined = await day.settle(CLEO, "DeclineTransfer", wrong, reason="wrong lot")
    assert (declined.settled_by.user, declined.reason) == (CLEO, "wrong lot")
    assert await day.seen(NORDMED) == {"SCREW": 96, "PLATE": 10}
    assert (await refusal(day.settle(NORDMED, "ReturnTransfer", wrong))).reason == "AUTHORITY_INSUFFICIENT"
    await day.settle(OFFICE, "ReturnTransfer", wrong)
    assert await day.seen(NORDMED) == {"SCREW": 100, "PLATE": 10}
    assert await day.seen(CLEO) == {"SCREW": 88, "PLATE": 6}
    assert (await refusal(day.settle(BEN, "AcceptTransfer", sent))).reason == "TRANSFER_NOT_FOUND"


async def noon(day: Day) -> str:
    """Ann's surgery at St. Anna: from the shelf and from her car, and the shelf runs low."""
    surgery = await day.case(ANN, ST_ANNA)
    await day.use(ANN, surgery, HUB, goods(NORDMED, location=ST_ANNA), 6)
    low = await day.alert(alert_pb2.ALERT_STATE_OPEN)
    assert (low.custodian, low.location, low.available, low.par) == (NORDMED, ST_ANNA, 14, 15)
    said = "St. Anna runs low, @nordmed; @cleo has some. @nobody knows when."
    comment = (await day.call(ANN).do("AddComment", case=surgery, text=said)).comment
    assert list(comment.mentions) == [CLEO, NORDMED]
    [note] = (await day.call(NORDMED).do("ListNotifications", unread_only=True)).notifications
    assert (note.author, note.text) == (ANN, said)
    await day.call(NORDMED).do("MarkNotificationsRead", notifications=[note.notification])
    await day.stocked(5)
    assert (await day.alert(alert_pb2.ALERT_STATE_CLOSED)).alert == low.alert
    used = await day.use(ANN, surgery, OWN, goods(ANN, location="TRUNK-ann"), 3)
    back = [{"usage": used.usage, "quantity": 1}]
    assert (await day.call(ANN).do("UnmarkUsed", case=surgery, units=back)).usages[0].unmarked == 1
    assert await day.seen(ANN, stock_pb2.STOCK_VIEW_MY_CUSTODY) == {"SCREW": 10}
    return surgery


async def afternoon(day: Day, surgery: str) -> None:
    """The hub closes its stock; Ann sells from her car, and the order never takes what is the hub's."""
    assert await day.merchant.level("SCREW", "ann-van") == 10 + 82
    switched = await day.call(OFFICE).do("SetHubAccess", pool="north", access_hub_stock=False)
    day.merchant.saw(switched.revision)
    assert await day.merchant.level("SCREW", "ann-van") == 10
    wish = fulfilment_pb2.Wish(
        channel="ann-van",
        lines=[fulfilment_pb2.WishLine(product=stock_pb2.Product(sku="SCREW"), quantity=2)],
    )
    done = await day.merchant.stubs.fulfilment.ReserveFulfilment(
        fulfilment_service_pb2.ReserveFulfilmentRequest(request_id="van", wish=wish, freshness=day.merchant.freshness())
    )
    assert [line.stock_item.custodian for line in done.reservation.lines] == [ANN]
    implant = await day.case(BEN, CHARITE)
    taken = day.use(BEN, implant, HUB, goods(NORDMED, location=ST_ANNA), 1)
    assert (await refusal(taken)).reason == "HUB_ACCESS_OFF"
    await day.use(BEN, implant, OWN, goods(BEN, "PLATE", "", "TRUNK-ben"), 3)
    assert (
        await refusal(day.use(BEN, surgery, OWN, goods(BEN, "PLATE", "", "TRUNK-ben"), 1))
    ).reason == "CASE_NOT_FOUND"
    too_many = day.use(ANN, surgery, OWN, goods(ANN, location="TRUNK-ann"), 9)
    assert (await refusal(too_many)).reason == "INSUFFICIENT_STOCK"  # two are promised to the order
    await day.call(BEN).do("CloseCase", case=implant)


async def evening(day: Day, began: datetime, surgery: str) -> None:
    """Nordmed closes Ann's case for her, and reads who used what from whose custody; the books agree."""
    closed = (await day.call(NORDMED).do("CloseCase", case=surgery)).case
    assert (closed.closed_by.user, closed.closed_by.acting_for) == (NORDMED, ANN)
    late = day.use(ANN, surgery, OWN, goods(ANN, location="TRUNK-ann"), 1)
    assert (await refusal(late)).reason == "CASE_CLOSED"
    report = await day.call(NORDMED).do("ReportUsage", from_time=began - timedelta(seconds=5))
    sums = {(each.custodian, each.user, each.product.sku): each.quantity for each in report.sums}
    assert sums == {(NORDMED, ANN, "SCREW"): 6, (ANN, ANN, "SCREW"): 2, (BEN, BEN, "PLATE"): 3}
    held: Counter[str] = Counter()
    for balance in (await day.books.do("ListBalances")).balances:
        held[balance.stock_item.product.sku] += balance.on_hand
    for (_, _, sku), units in sums.items():
        held[sku] += units
    assert held == ARRIVED
    await verified(day.merchant)
