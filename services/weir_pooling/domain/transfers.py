"""Transfers of custody, and stocking orders; pure.

A transfer is REQUESTED until its units are promised, PENDING until it is settled, and settled once. What the ledger is
to do for a request is a deed (`domain.deeds`); once that is done, or refused, `concluded` says how the transfer stands.
One whose request the ledger refused was never there.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from weir_chassis.configuration.objects import Change, Configured, Decision, Where
from weir_pooling import errors
from weir_pooling.domain.authority import Standing
from weir_pooling.domain.deeds import Condition, Deed, Item, Portion, Work
from weir_pooling.domain.people import Actor

REQUEST = "RequestTransfer"
QUICK = "QuickTransfer"
ACCEPT = "AcceptTransfer"
DECLINE = "DeclineTransfer"
CANCEL = "CancelTransfer"
REMOVE = "RemoveTransferUnits"
RETURN = "ReturnTransfer"
STOCK = "PlaceStockingOrder"
"""What is done to transfers and stocking orders: the actions of their deeds."""
TRANSFER, STOCKING = "transfer/", "stocking/"
"""What their subjects begin with."""


class State(enum.StrEnum):
    """How far a transfer has come."""

    REQUESTED = "REQUESTED"
    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    RETURNED = "RETURNED"
    CANCELLED = "CANCELLED"


_SETTLED = {
    QUICK: State.ACCEPTED,
    ACCEPT: State.ACCEPTED,
    DECLINE: State.DECLINED,
    CANCEL: State.CANCELLED,
    REMOVE: State.CANCELLED,
}
"""How a transfer ends by what is done to it."""


class Line(NamedTuple):
    """Units of a stock item, as it lay with the sender; some may have been taken out before they went."""

    item: Item
    quantity: int
    removed: int = 0

    @property
    def left(self) -> int:
        """Units that go, or went."""
        return self.quantity - self.removed


@dataclass(frozen=True, slots=True)
class Transfer(Configured):
    """Custody of goods going from one person to another; `under_way` is the action of a deed that is not done yet."""

    identity = ("transfer",)
    missing = errors.TransferNotFound

    transfer: str
    sender: str
    recipient: str
    state: State
    lines: tuple[Line, ...]
    requested_by: Actor
    create_time: datetime
    location: str = ""
    quick: bool = False
    note: str = ""
    reason: str = ""
    under_way: str = ""
    settled_by: Actor | None = None
    settle_time: datetime | None = None
    returned_by: Actor | None = None
    reservation: str = ""

    @property
    def subject(self) -> str:
        """What its deeds are about."""
        return TRANSFER + self.transfer

    def has(self, name: str, value: Any) -> bool:
        """Whether it has a `side`, its sender or its recipient, of this name; or a field of this value."""
        return value in (self.sender, self.recipient) if name == "side" else Configured.has(self, name, value)

    def portions(
        self, *, condition: Condition, to: Condition, custodian: str, location: str = ""
    ) -> tuple[Portion, ...]:
        """The units that go, which are in a condition now, and where they go: to a custodian in another one, wherever
        they lie or to a location.
        """
        return tuple(
            Portion(
                line.item._replace(condition=condition),
                line.left,
                line.item._replace(condition=to, custodian=custodian, location=location or line.item.location),
                place,
            )
            for place, line in enumerate(self.lines, 1)
            if line.left
        )


@dataclass(frozen=True, slots=True)
class StockingOrder(Configured):
    """Hub stock that was put on the shelf of a facility; `under_way` while it is not known whether it is there."""

    identity = ("stocking_order",)
    missing = errors.StockingOrderNotFound

    stocking_order: str
    hub: str
    facility: str
    lines: tuple[Line, ...]
    placed_by: Actor
    create_time: datetime
    note: str = ""
    under_way: bool = False

    @property
    def subject(self) -> str:
        """What its deed is about."""
        return STOCKING + self.stocking_order


class Wish(NamedTuple):
    """Goods that shall go from one person to another, at once if `quick`."""

    sender: str
    recipient: str
    lines: tuple[Line, ...]
    location: str
    note: str
    quick: bool = False


class Stocking(NamedTuple):
    """Hub stock that shall be put on the shelf of a facility."""

    hub: str
    facility: str
    lines: tuple[Line, ...]
    note: str


class Units(NamedTuple):
    """Units of one line of a transfer."""

    line: int
    quantity: int


class Removal(NamedTuple):
    """Units that are missing, to be taken out of a transfer."""

    transfer: str
    units: tuple[Units, ...]


class Settlement(NamedTuple):
    """A transfer that shall be settled or returned, and why, where that is asked."""

    transfer: str
    reason: str = ""


def visible(transfer: Transfer, who: Standing) -> bool:
    """Whether he may see it: both sides exist for him, and he acts for one of them."""
    return (
        who.names(transfer.sender)
        and who.names(transfer.recipient)
        and (who.acts_for(transfer.sender) or who.acts_for(transfer.recipient))
    )


def transfers(who: Standing, where: Where) -> Where:
    """Of the transfers asked for those that he may see."""
    if who.administrator:
        return where
    narrowed = dict(where)
    for side in ("sender", "recipient"):
        narrowed[side] = frozenset(each for each in who.persons if where.get(side) in (None, each))
    return narrowed if who.hub else {**narrowed, "side": who.user}


def stocking_orders(who: Standing, where: Where) -> Where:
    """Of the stocking orders asked for those that he may see: of hubs whose goods he sees."""
    if who.administrator:
        return where
    return {
        **where,
        "hub": frozenset(each for each in who.persons if who.sees(each) and where.get("hub") in (None, each)),
    }


def request(transfer: Transfer, *, by: Actor, deed: str) -> Decision[Deed]:
    """Have the units of a new transfer promised; or, if it is a quick one, moved."""
    action = QUICK if transfer.quick else REQUEST
    portions = transfer.portions(
        condition=Condition.SELLABLE, to=Condition.SELLABLE, custodian=transfer.recipient, location=transfer.location
    )
    work = Work.TAKE if transfer.quick else Work.PROMISE
    done = Deed(deed, transfer.subject, action, work, portions, by, transfer.create_time)
    return Decision(done, (Change(replace(transfer, under_way=action)), Change(done)))


def accept(transfer: Transfer, *, by: Actor, at: datetime, deed: str) -> Decision[Deed]:
    """Have promised units moved to the recipient; raises TransferState."""
    portions = transfer.portions(
        condition=Condition.SELLABLE, to=Condition.SELLABLE, custodian=transfer.recipient, location=transfer.location
    )
    return _deed(transfer, ACCEPT, Work.MOVE, portions, State.PENDING, by=by, at=at, deed=deed)


def decline(transfer: Transfer, reason: str, *, by: Actor, at: datetime, deed: str) -> Decision[Deed]:
    """Have promised units put on hold, where they lie; raises TransferState."""
    portions = transfer.portions(condition=Condition.SELLABLE, to=Condition.HOLD, custodian=transfer.sender)
    return _deed(transfer, DECLINE, Work.MOVE, portions, State.PENDING, by=by, at=at, deed=deed, words=reason)


def cancel(transfer: Transfer, *, by: Actor, at: datetime, deed: str) -> Decision[Deed]:
    """Have the promise given up; raises TransferState."""
    return _deed(transfer, CANCEL, Work.GIVE_UP, (), State.PENDING, by=by, at=at, deed=deed)


def remove(transfer: Transfer, units: Iterable[Units], *, by: Actor, at: datetime, deed: str) -> Decision[Deed]:
    """Have the promise of some units given up; raises TransferState, TransferLineNotFound, TransferLineExceeded."""
    _check_state(transfer, State.PENDING)
    portions = tuple(_removed(transfer, each) for each in units)
    return _deed(transfer, REMOVE, Work.GIVE_UP, portions, State.PENDING, by=by, at=at, deed=deed)


def put_back(transfer: Transfer, *, by: Actor, at: datetime, deed: str) -> Decision[Deed]:
    """Have units that were declined put back to sale; raises TransferState."""
    portions = transfer.portions(condition=Condition.HOLD, to=Condition.SELLABLE, custodian=transfer.sender)
    return _deed(transfer, RETURN, Work.RETURN, portions, State.DECLINED, by=by, at=at, deed=deed)


def stock(order: StockingOrder, *, deed: str) -> Decision[Deed]:
    """Have hub stock put on the shelf of a facility."""
    portions = tuple(
        Portion(line.item, line.quantity, line.item._replace(location=order.facility)) for line in order.lines
    )
    done = Deed(deed, order.subject, STOCK, Work.STOCK, portions, order.placed_by, order.create_time)
    return Decision(done, (Change(replace(order, under_way=True)), Change(done)))


def concluded(transfer: Transfer, deed: Deed, *, reservation: str | None) -> Decision[Transfer]:
    """The transfer once the ledger has done the deed, under a reservation if it promises units; None: refused it."""
    if reservation is None:
        before = replace(transfer, under_way="")
        return Decision(before, (Change(before, deleted=transfer.state is State.REQUESTED),))
    after = _done(replace(transfer, under_way=""), deed, reservation)
    return Decision(after, (Change(after),))


def stocked(order: StockingOrder, *, done: bool) -> Decision[StockingOrder]:
    """The stocking order once the ledger has done its deed, or refused it."""
    after = replace(order, under_way=False)
    return Decision(after, (Change(after, deleted=not done),))


def _deed(
    transfer: Transfer,
    action: str,
    work: Work,
    portions: tuple[Portion, ...],
    required: State,
    *,
    by: Actor,
    at: datetime,
    deed: str,
    words: str = "",
) -> Decision[Deed]:
    """Have something done to a transfer in the state that is required; raises TransferState."""
    _check_state(transfer, required)
    done = Deed(deed, transfer.subject, action, work, portions, by, at, reservation=transfer.reservation, words=words)
    return Decision(done, (Change(replace(transfer, under_way=action)), Change(done)))


def _check_state(transfer: Transfer, required: State) -> None:
    if transfer.state is not required:
        raise errors.TransferState(transfer=transfer.transfer, state=transfer.state, required=required)


def _removed(transfer: Transfer, units: Units) -> Portion:
    if not 1 <= units.line <= len(transfer.lines):
        raise errors.TransferLineNotFound(transfer=transfer.transfer, line=units.line)
    line = transfer.lines[units.line - 1]
    if units.quantity > line.left:
        raise errors.TransferLineExceeded(
            transfer=transfer.transfer, line=units.line, requested=units.quantity, left=line.left
        )
    return Portion(line.item, units.quantity, line=units.line)


def _done(transfer: Transfer, deed: Deed, reservation: str) -> Transfer:
    """The transfer after a deed."""
    if deed.action == REQUEST:
        return replace(transfer, state=State.PENDING, reservation=reservation)
    if deed.action == RETURN:
        return replace(transfer, state=State.RETURNED, returned_by=deed.by)
    if deed.action == REMOVE:
        taken = {each.line: each.quantity for each in deed.portions}
        after = replace(transfer, lines=_without(transfer.lines, taken))
        return after if any(each.left for each in after.lines) else _settled(after, deed)
    return _settled(transfer, deed)


def _without(lines: Iterable[Line], taken: Mapping[int, int]) -> tuple[Line, ...]:
    return tuple(line._replace(removed=line.removed + taken.get(place, 0)) for place, line in enumerate(lines, 1))


def _settled(transfer: Transfer, deed: Deed) -> Transfer:
    state = _SETTLED[deed.action]
    return replace(transfer, state=state, reason=deed.words, settled_by=deed.by, settle_time=deed.at)
