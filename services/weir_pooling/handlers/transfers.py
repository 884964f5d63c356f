"""Transfers of custody and stocking orders: one function for each request about them, and for how its deed ends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from weir_chassis.configuration.objects import Configured, Decision, Key
from weir_chassis.configuration.ports import Objects
from weir_chassis.configuration.rules import existing
from weir_chassis.ids import new_id
from weir_pooling.domain import transfers as rules
from weir_pooling.domain.authority import Standing
from weir_pooling.domain.deeds import Deed
from weir_pooling.domain.people import Actor, User, UserRole
from weir_pooling.domain.transfers import Removal, Settlement, State, Stocking, StockingOrder, Transfer, Wish
from weir_pooling.errors import StockingOrderNotFound, TransferNotFound, UserRoleOther
from weir_pooling.handlers.settling import Conclude
from weir_pooling.handlers.standing import caller, standing
from weir_pooling.ports import Done, Pooling


async def request_transfer(objects: Objects, wanted: Wish) -> Decision[Deed]:
    """Ask for goods to go from one person to another."""
    who = await standing(objects, caller())
    asked = who.sending(wanted.sender, wanted.recipient, rules.REQUEST)
    return await _request(objects, wanted, asked_by=asked, by=asked)


async def quick_transfer(objects: Objects, wanted: Wish) -> Decision[Deed]:
    """Have goods go from one person to another at once."""
    who = await standing(objects, caller())
    asked = who.sending(wanted.sender, wanted.recipient, rules.QUICK)
    accepted = who.receiving(wanted.sender, wanted.recipient, rules.QUICK)
    return await _request(objects, wanted, asked_by=asked, by=accepted)


async def accept_transfer(objects: Objects, wanted: Settlement) -> Decision[Deed]:
    """Take the goods."""
    found, who = await _seen(objects, wanted.transfer)
    by = who.receiving(found.sender, found.recipient, rules.ACCEPT)
    return rules.accept(found, by=by, at=datetime.now(UTC), deed=new_id())


async def decline_transfer(objects: Objects, wanted: Settlement) -> Decision[Deed]:
    """Refuse the goods."""
    found, who = await _seen(objects, wanted.transfer)
    by = who.receiving(found.sender, found.recipient, rules.DECLINE)
    return rules.decline(found, wanted.reason, by=by, at=datetime.now(UTC), deed=new_id())


async def cancel_transfer(objects: Objects, wanted: Settlement) -> Decision[Deed]:
    """Give a transfer up; whoever asked for it may, whatever he may ask for by now."""
    found, who = await _seen(objects, wanted.transfer)
    asked = found.requested_by
    by = asked if asked.user == who.user else who.actor(found.sender, rules.CANCEL)
    return rules.cancel(found, by=by, at=datetime.now(UTC), deed=new_id())


async def remove_transfer_units(objects: Objects, wanted: Removal) -> Decision[Deed]:
    """Take units that are missing out of a transfer."""
    found, who = await _seen(objects, wanted.transfer)
    by = who.actor(found.sender, rules.REMOVE)
    return rules.remove(found, wanted.units, by=by, at=datetime.now(UTC), deed=new_id())


async def return_transfer(objects: Objects, wanted: Settlement) -> Decision[Deed]:
    """Put what was declined back to sale."""
    found, who = await _seen(objects, wanted.transfer)
    who.administering(found.sender, rules.RETURN)
    by = who.actor(found.sender, rules.RETURN)
    return rules.put_back(found, by=by, at=datetime.now(UTC), deed=new_id())


async def place_stocking_order(objects: Objects, wanted: Stocking) -> Decision[Deed]:
    """Put hub stock on the shelf of a facility."""
    who = await standing(objects, caller())
    by = who.actor(wanted.hub, rules.STOCK)
    hub = existing(User, (wanted.hub,), await objects.get(User, (wanted.hub,)))
    if hub.role is not UserRole.DISTRIBUTOR:
        raise UserRoleOther(user=hub.user, role=hub.role, required=UserRole.DISTRIBUTOR)
    order = StockingOrder(new_id(), hub.user, wanted.facility, wanted.lines, by, datetime.now(UTC), wanted.note)
    return rules.stock(order, deed=new_id())


async def conclude_transfer(objects: Objects, deed: Deed, done: Done | None) -> Decision[Configured]:
    """Write down what became of a transfer."""
    key = (deed.subject.removeprefix(rules.TRANSFER),)
    found = existing(Transfer, key, await objects.get(Transfer, key))
    ended = rules.concluded(found, deed, reservation=done.reservation if done is not None else None)
    return Decision(ended.object, ended.changes)


async def conclude_stocking(objects: Objects, deed: Deed, done: Done | None) -> Decision[Configured]:
    """Write down what became of a stocking order."""
    key = (deed.subject.removeprefix(rules.STOCKING),)
    ended = rules.stocked(existing(StockingOrder, key, await objects.get(StockingOrder, key)), done=done is not None)
    return Decision(ended.object, ended.changes)


CONCLUSIONS: Mapping[str, Conclude[Pooling]] = {
    **dict.fromkeys(
        (rules.REQUEST, rules.QUICK, rules.ACCEPT, rules.DECLINE, rules.CANCEL, rules.REMOVE, rules.RETURN),
        conclude_transfer,
    ),
    rules.STOCK: conclude_stocking,
}
"""How deeds of transfers and stocking orders are concluded, by their action."""


def foreseen(decision: Decision[Deed]) -> Transfer | StockingOrder:
    """What a request will come to that was decided like this, if the ledger does its deed."""
    deed = decision.object
    for each in decision.changes:
        match each.object:
            case Transfer() as transfer:
                return rules.concluded(transfer, deed, reservation=transfer.reservation).object
            case StockingOrder() as order:
                return rules.stocked(order, done=True).object
    raise AssertionError(decision)


async def transfer(objects: Objects, who: Standing, key: Key) -> Transfer:
    """A transfer that the caller may see; raises TransferNotFound."""
    found = await objects.get(Transfer, key)
    if found is None or not rules.visible(found, who):
        raise TransferNotFound(transfer=key[0])
    return found


async def stocking_order(objects: Objects, who: Standing, key: Key) -> StockingOrder:
    """A stocking order that the caller may see; raises StockingOrderNotFound."""
    found = await objects.get(StockingOrder, key)
    if found is None or not who.sees(found.hub):
        raise StockingOrderNotFound(stocking_order=key[0])
    return found


async def _request(objects: Objects, wanted: Wish, *, asked_by: Actor, by: Actor) -> Decision[Deed]:
    for side in (wanted.sender, wanted.recipient):
        existing(User, (side,), await objects.get(User, (side,)))
    asked = Transfer(
        new_id(),
        wanted.sender,
        wanted.recipient,
        State.REQUESTED,
        wanted.lines,
        asked_by,
        datetime.now(UTC),
        location=wanted.location,
        quick=wanted.quick,
        note=wanted.note,
    )
    return rules.request(asked, by=by, deed=new_id())


async def _seen(objects: Objects, name: str) -> tuple[Transfer, Standing]:
    """A transfer that the caller sees, and his standing; raises TransferNotFound, AuthorityInsufficient."""
    who = await standing(objects, caller())
    return await transfer(objects, who, (name,)), who
