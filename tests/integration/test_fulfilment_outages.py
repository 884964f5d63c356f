"""Orders while the ledger is away, and by custody."""

from __future__ import annotations

from typing import Any

from tests.kit.market import SCHEMAS, market
from tests.kit.postgres import PostgresForTests
from weir_chassis.errors import Kind

BIKE: dict[str, Any] = {"sku": "BIKE"}


def wish(quantity: int, channel: str = "shop", **line: Any) -> dict[str, Any]:
    """Some bikes."""
    return {"lines": [{"product": BIKE, "quantity": quantity, **line}], "channel": channel}


async def test_a_ledger_that_is_away(postgres: PostgresForTests) -> None:
    """Orders are still planned while the ledger is away, and none is promised: UNAVAILABLE, PEER_AWAY. The same request
    once it is back is promised its units, once; a retry of it is answered the same."""
    with postgres.fresh(*SCHEMAS) as database:
        async with market(database) as services:
            caller = services.caller()
            await caller.locations("A")
            fed = await caller.feed("region", ["A"], "shop")
            booked = await caller.receive("BIKE", "A", 5)
            freshness = {"at_least": [fed, booked]}
            await caller.do("PlanFulfilment", wish=wish(2), freshness=freshness)
            await services.ledger.end()
            planned = await caller.do("PlanFulfilment", wish=wish(2))
            assert [each.quantity for each in planned.plan.allocations] == [2]
            refusal = await caller.refused("ReserveFulfilment", request_id="an order", wish=wish(2), order="A")
            assert (refusal.kind, refusal.reason) == (Kind.AWAY, "PEER_AWAY")
            await services.ledger.begin()
            done = await caller.do("ReserveFulfilment", request_id="an order", wish=wish(2), order="A")
            again = await caller.do("ReserveFulfilment", request_id="an order", wish=wish(2), order="A")
            assert (again.reservation, again.plan) == (done.reservation, done.plan)
            found = await caller.do("ListReservations", order="A")
            assert [each.reservation for each in found.reservations] == [done.reservation.reservation]
            assert await caller.level("BIKE", "shop", done.revision) == 3
            await caller.close()


async def test_an_order_of_a_representative(postgres: PostgresForTests) -> None:
    """A channel that is reached by custody is promised what is with the persons named, of the first rather than of the
    second, wherever it lies; planned again it stays with them. Whose it is must be said, and nowhere else."""
    with postgres.fresh(*SCHEMAS) as database:
        async with market(database) as services:
            caller = services.caller()
            await caller.locations("A", "B")
            fed = await caller.feed("region", ["A"], "shop")
            rep = await caller.write("CreateChannel", channel={"channel": "ann", "kind": "CHANNEL_KIND_REP"})
            await caller.receive("BIKE", "A", 9)
            await caller.receive("BIKE", "A", 2, custodian="hub")
            booked = await caller.receive("BIKE", "B", 1, custodian="ann")
            freshness = {"at_least": [fed if fed.number > rep.number else rep, booked]}
            asked = wish(3, "ann", custodians=["ann", "hub"])
            done = await caller.do("ReserveFulfilment", wish=asked, freshness=freshness)
            taken = {(each.stock_item.custodian, each.quantity) for each in done.plan.allocations}
            assert taken == {("ann", 1), ("hub", 2)}
            assert done.plan.objective.shared == 2
            counted = await caller.receive("BIKE", "B", 0, custodian="ann", kind="COUNT")
            await caller.receive("BIKE", "A", 3, custodian="hub", kind="COUNT")
            again = await caller.do(
                "ReplanReservation", reservation=done.reservation.reservation, freshness={"at_least": [counted]}
            )
            assert {each.stock_item.custodian for each in again.plan.allocations} == {"hub"}
            for bad in (wish(1, "ann"), wish(1, "shop", custodians=["ann"])):
                refusal = await caller.refused("PlanFulfilment", wish=bad)
                assert refusal.kind is Kind.MALFORMED
                assert [each.field for each in refusal.violations] == ["wish.lines[0].custodians"]
            await caller.close()
