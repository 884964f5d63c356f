"""Promised units that move to other stock items, movements that give way to promises, and goods that were not used up
after all."""

from __future__ import annotations

from typing import Any

from tests.kit.ledger import CONFIRMED, CONSUME, FULFILLED, RESTORE, SHIP, TRANSFER, Caller, item, movement
from weir_chassis.errors import Kind

HUB, REP = item("A", custodian="hub"), item("A", custodian="rep")


def moves(*wanted: tuple[int, int, Any]) -> list[dict[str, Any]]:
    """Line, units and destination of each."""
    return [{"line": line, "quantity": units, "destination": where} for line, units, where in wanted]


async def test_promised_units_change_hands(acme: Caller) -> None:
    """In one commit units leave the promise and the sender's custody, and are in the recipient's; the reservation
    counts them as fulfilled, and has ended with the last."""
    await acme.receive(HUB, 10)
    made = await acme.confirmed((HUB, 4))
    part = await acme.do("Transfer", reservation=made.reservation, lines=moves((1, 1, REP)), reference="transfer/1")
    assert (await acme.balance(HUB), await acme.balance(REP)) == ((9, 3, 6, 0), (1, 0, 1, 0))
    done = await acme.do("Transfer", reservation=made.reservation, lines=moves((1, 3, REP)))
    assert (await acme.balance(HUB), await acme.balance(REP)) == ((6, 0, 6, 0), (4, 0, 4, 0))
    assert (part.reservation.state, part.reservation.lines[0].fulfilled) == (CONFIRMED, 1)
    assert (done.reservation.state, done.reservation.lines[0].fulfilled) == (FULFILLED, 4)
    told = [each for each in await acme.entries() if each.revision == part.revision.number]
    assert [(each.kind, each.stock_item.custodian, each.on_hand_delta, each.reserved_delta) for each in told] == [
        (TRANSFER, "hub", -1, -1),
        (TRANSFER, "rep", 1, 0),
    ]
    assert {(each.reservation, each.reservation_line, each.reference) for each in told} == {
        (made.reservation, 1, "transfer/1")
    }
    assert await acme.verify() == []


async def test_a_wish_gives_way_to_promises(acme: Caller) -> None:
    """What takes available units only is refused where they are promised, with what is available; as a fact it would
    have won."""
    await acme.receive(HUB, 5)
    await acme.reserve((HUB, 3))
    for kind, others in ((SHIP, {}), (CONSUME, {}), (TRANSFER, {"destination": REP})):
        wish = movement(kind, HUB, 3, available_only=True, **others)
        told = await acme.refused("RecordMovements", movements=[wish])
        assert (told.kind, told.reason, told.metadata["available"]) == (Kind.UNMET, "INSUFFICIENT_STOCK", "2")
        await acme.do("RecordMovements", movements=[movement(kind, HUB, 3, **others)], validate_only=True)
    await acme.record(movement(TRANSFER, HUB, 2, destination=REP, available_only=True))
    assert (await acme.balance(HUB), await acme.balance(REP)) == ((3, 3, 0, 0), (2, 0, 2, 0))


async def test_what_was_not_used_up_comes_back(acme: Caller) -> None:
    """RESTORE takes units from the account of what was consumed into the very stock item; the books add up."""
    await acme.receive(REP, 5)
    await acme.record(movement(CONSUME, REP, 3))
    await acme.record(movement(RESTORE, REP, 2))
    assert await acme.balance(REP) == (4, 0, 4, 0)
    assert sum(each.on_hand_delta for each in await acme.entries()) == 0
    assert await acme.verify() == []
