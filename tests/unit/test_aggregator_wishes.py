"""Orders as callers send them: every bad field at once, and what tells one order from another."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from weir.aggregator.v1 import fulfilment_pb2
from weir.aggregator.v1 import fulfilment_service_pb2 as pb
from weir.common.v1 import stock_pb2
from weir.common.v1.stock_pb2 import Product
from weir_aggregator.wire import fulfilments, wishes
from weir_allocation.custody import View
from weir_allocation.fulfilment.model import Line, Wish
from weir_allocation.stock import ANY, Demand
from weir_chassis.errors import Malformed
from weir_chassis.fields import Fields

RESERVATION = "0193c0de-0000-7000-8000-000000000000"


def wish(**others: Any) -> fulfilment_pb2.Wish:
    """A good wish, but for what is told."""
    lines = [fulfilment_pb2.WishLine(product=Product(sku="BIKE"), quantity=2)]
    return fulfilment_pb2.Wish(**{"lines": lines, "channel": "shop", **others})


def order(**others: Any) -> pb.ReserveFulfilmentRequest:
    """A good order, but for what is told."""
    return pb.ReserveFulfilmentRequest(**{"request_id": "an order", "wish": wish(), **others})


def test_what_is_not_said() -> None:
    """A wish that says no more is whole, for any location, any lot and EACH; it is held as long as is usual."""
    asked, _ = fulfilments.reserving(order())
    assert asked.wish == Wish((Line(("", "BIKE"), 2),))
    assert asked.wish.lines[0].demand is ANY
    assert (asked.hold_seconds, asked.order, asked.back_order, asked.validate_only) == (None, "", False, False)


def test_what_is_said() -> None:
    """Every field of a wish is read, and `message` writes it again."""
    said = wish(
        mode=fulfilment_pb2.FULFILMENT_MODE_AS_MUCH_AS_POSSIBLE,
        locations_max=3,
        one_location_per_line=True,
        own_stock_only=True,
        preferred_locations=["A", "B"],
        excluded_locations=["C"],
        distances=[fulfilment_pb2.LocationDistance(location="A", distance=7)],
    )
    said.lines[0].MergeFrom(fulfilment_pb2.WishLine(lot="L1", uom="CARTON", custodians=["ann", "bob"]))
    with Fields() as fields:
        found, channel = wishes.wish(fields, said)
    line = Line(("", "BIKE"), 2, Demand("L1", "CARTON"), ("ann", "bob"))
    assert found == Wish((line,), False, 3, True, True, frozenset("AB"), frozenset("C"), {"A": 7})
    assert wishes.message(found, channel) == said


@pytest.mark.parametrize("seen", View)
def test_a_view_is_kept(seen: View) -> None:
    """Which view the custodians of a line are of is read, and written again."""
    view = stock_pb2.StockView.Value(f"STOCK_VIEW_{seen.name}")
    said = wish(lines=[fulfilment_pb2.WishLine(product=stock_pb2.Product(sku="BIKE"), quantity=1, view=view)])
    with Fields() as fields:
        found, channel = wishes.wish(fields, said)
    assert [each.view for each in found.lines] == [seen]
    said.mode = fulfilment_pb2.FULFILMENT_MODE_WHOLE_ORDER
    assert wishes.message(found, channel) == said


def test_all_that_is_wrong_is_told() -> None:
    """Whoever sends several bad fields hears of all of them, by their paths."""
    bad = order(request_id="", order=" x", hold_duration=Duration(seconds=0))
    bad.wish.CopyFrom(
        wish(
            lines=[fulfilment_pb2.WishLine(quantity=0, custodians=["ann", "ann"])],
            channel="",
            mode=9,
            locations_max=-1,
            preferred_locations=["A", "A"],
            distances=[fulfilment_pb2.LocationDistance(location="A", distance=-1)] * 2,
        )
    )
    with pytest.raises(Malformed) as refused:
        fulfilments.reserving(bad)
    assert {each.field for each in refused.value.violations} >= {
        "request_id",
        "order",
        "hold_duration",
        "wish.channel",
        "wish.mode",
        "wish.locations_max",
        "wish.preferred_locations[1]",
        "wish.distances[0].distance",
        "wish.distances[1]",
        "wish.lines[0].product",
        "wish.lines[0].quantity",
        "wish.lines[0].custodians[1]",
    }


def test_fewer_lines_are_promised_than_planned() -> None:
    """A wish of a thousand lines can be planned, one of five hundred be promised."""
    long = wish(lines=[wish().lines[0]] * 1000)
    assert len(fulfilments.planning(pb.PlanFulfilmentRequest(wish=long))[0].lines) == 1000
    for lines, good in ((500, True), (501, False)):
        asked = wish(lines=[wish().lines[0]] * lines)
        reading = (
            lambda asked=asked: fulfilments.reserving(order(wish=asked)),
            lambda asked=asked: fulfilments.replanning(replan(wish=asked)),
        )
        for read in reading:
            if good:
                read()
                continue
            with pytest.raises(Malformed) as refused:
                read()
            assert [each.field for each in refused.value.violations] == ["wish.lines"]


def replan(**others: Any) -> pb.ReplanReservationRequest:
    """A good request to plan again, but for what is told."""
    return pb.ReplanReservationRequest(**{"request_id": "an attempt", "reservation": RESERVATION, **others})


def test_planning_again_without_another_wish() -> None:
    """No wish is as before; an identifier that no reservation has is malformed."""
    asked, _ = fulfilments.replanning(replan(rejected_locations=["A"]))
    assert (asked.wish, asked.channel, asked.rejected) == (None, "", frozenset("A"))
    with pytest.raises(Malformed):
        fulfilments.replanning(replan(reservation="mine"))


def test_what_tells_one_order_from_another() -> None:
    """How fresh and how seriously an order is asked makes it no other one; anything else does."""
    alike = fulfilments.reserving(order())[0].digest
    assert len(alike) <= 64
    same = order(validate_only=True)
    same.freshness.at_least.add(context="ledger", cluster="c", epoch=1, number=4)
    assert fulfilments.reserving(same)[0].digest == alike
    others = [
        order(order="x"),
        order(back_order=True),
        order(hold_duration=Duration(seconds=60)),
        order(wish=wish(channel="till")),
        order(wish=wish(own_stock_only=True)),
    ]
    digests = {fulfilments.reserving(each)[0].digest for each in others}
    assert len(digests | {alike}) == len(others) + 1
