"""The rules of transfers and stocking orders: what the ledger is to do, how they stand after it, who may do what."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.kit.deeds import MemoryBooks
from tests.kit.memory_pooling import House, nails
from weir_chassis.configuration.objects import Change, Decision
from weir_chassis.errors import Kind, Refusal
from weir_pooling.domain import transfers as rules
from weir_pooling.domain.authority import Standing
from weir_pooling.domain.deeds import Condition, Deed, Item, Portion, Work
from weir_pooling.domain.people import Actor, Pool, UserRole
from weir_pooling.domain.transfers import (
    Line,
    Removal,
    Settlement,
    State,
    Stocking,
    StockingOrder,
    Transfer,
    Units,
    Wish,
)
from weir_pooling.handlers import transfers as handlers

NOON, LATER = datetime(2026, 11, 22, 12, tzinfo=UTC), datetime(2026, 11, 22, 13, tzinfo=UTC)
HUB, ANN = Actor("hub", "hub"), Actor("ann", "ann")
NAIL, SCREW = nails("hub"), nails("hub")._replace(sku="SCREW", lot="L1")
ASKED = Transfer("t", "hub", "ann", State.REQUESTED, (Line(NAIL, 3), Line(SCREW, 2)), HUB, NOON, note="Now.")
PENDING = replace(ASKED, state=State.PENDING, reservation="r")
SHORT = replace(PENDING, lines=(Line(NAIL, 3, 3), Line(SCREW, 2, 1)))
DECLINED = replace(SHORT, state=State.DECLINED, reason="Wet.", settled_by=ANN, settle_time=LATER)
BY: dict[str, Any] = {"by": ANN, "at": LATER, "deed": "d"}


def to(item: Item, **others: Any) -> Item:
    """The same goods elsewhere."""
    return item._replace(**others)


def ended(decision: Decision[Deed], before: Transfer, *, reservation: str | None = "r") -> tuple[Transfer, bool]:
    """The transfer once its deed is done, or refused where there is no reservation; and whether it is gone."""
    told = rules.concluded(replace(before, under_way=decision.object.action), decision.object, reservation=reservation)
    [change] = told.changes
    assert told.object == change.object
    return told.object, change.deleted


DONE = [
    (
        "a request", lambda: rules.request(ASKED, by=HUB, deed="d"), ASKED, Work.PROMISE,
        (Portion(NAIL, 3, to(NAIL, custodian="ann"), 1), Portion(SCREW, 2, to(SCREW, custodian="ann"), 2)),
        PENDING,
    ),
    (
        "a quick one", lambda: rules.request(replace(ASKED, quick=True, location="W2"), by=ANN, deed="d"),
        replace(ASKED, quick=True, location="W2"), Work.TAKE,
        tuple(Portion(each, units, to(each, custodian="ann", location="W2"), place)
              for place, (each, units) in enumerate(((NAIL, 3), (SCREW, 2)), 1)),
        replace(ASKED, quick=True, location="W2", state=State.ACCEPTED, settled_by=ANN, settle_time=NOON),
    ),
    (
        "accepted", lambda: rules.accept(SHORT, **BY), SHORT, Work.MOVE,
        (Portion(SCREW, 1, to(SCREW, custodian="ann"), 2),),
        replace(SHORT, state=State.ACCEPTED, settled_by=ANN, settle_time=LATER),
    ),
    (
        "declined", lambda: rules.decline(replace(SHORT, location="W2"), "Wet.", **BY), SHORT, Work.MOVE,
        (Portion(SCREW, 1, to(SCREW, condition=Condition.HOLD), 2),), DECLINED,
    ),
    (
        "returned", lambda: rules.put_back(DECLINED, **BY), DECLINED, Work.RETURN,
        (Portion(to(SCREW, condition=Condition.HOLD), 1, SCREW, 2),),
        replace(DECLINED, state=State.RETURNED, returned_by=ANN),
    ),
    (
        "cancelled", lambda: rules.cancel(SHORT, **BY), SHORT, Work.GIVE_UP, (),
        replace(SHORT, state=State.CANCELLED, settled_by=ANN, settle_time=LATER),
    ),
    (
        "some taken out", lambda: rules.remove(PENDING, (Units(2, 1), Units(1, 3)), **BY), PENDING, Work.GIVE_UP,
        (Portion(SCREW, 1, None, 2), Portion(NAIL, 3, None, 1)), SHORT,
    ),
    (
        "all taken out", lambda: rules.remove(SHORT, (Units(2, 1),), **BY), SHORT, Work.GIVE_UP,
        (Portion(SCREW, 1, None, 2),),
        replace(SHORT, lines=(Line(NAIL, 3, 3), Line(SCREW, 2, 2)), state=State.CANCELLED, settled_by=ANN,
                settle_time=LATER),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("decide", "before", "work", "portions", "after"), [each[1:] for each in DONE],
                         ids=[each[0] for each in DONE])  # fmt: skip
def test_what_is_done(
    decide: Callable[[], Decision[Deed]], before: Transfer, work: Work, portions: tuple[Portion, ...], after: Transfer
) -> None:
    """What the ledger is to do names the units that are left, line by line; meanwhile the transfer says what is under
    way; and once it is done how it ended, and who did it. Where the ledger refused, all is as before."""
    decision = decide()
    deed = decision.object
    assert (deed.deed, deed.subject, deed.work, deed.portions) == ("d", "transfer/t", work, portions)
    assert deed.reservation == ("r" if before.state is not State.REQUESTED else "")
    seen, written = decision.changes
    assert written == Change(deed)
    assert isinstance(seen.object, Transfer)
    assert (seen.object.state, seen.object.under_way) == (before.state, deed.action)
    reservation = "" if after.quick else "r"
    assert ended(decision, before, reservation=reservation) == (after, False)
    assert ended(decision, before, reservation=None) == (before, before.state is State.REQUESTED)


@pytest.mark.parametrize("state", State)
def test_each_state_allows_what_it_allows(state: State) -> None:
    """Only what is pending is settled or made smaller, only what was declined is returned; anything else is told the
    state and the one that is needed."""
    transfer = replace(SHORT, state=state)
    decisions: list[tuple[Callable[[], Decision[Deed]], State]] = [
        (lambda: rules.accept(transfer, **BY), State.PENDING),
        (lambda: rules.decline(transfer, "Wet.", **BY), State.PENDING),
        (lambda: rules.cancel(transfer, **BY), State.PENDING),
        (lambda: rules.remove(transfer, (Units(9, 1),), **BY), State.PENDING),
        (lambda: rules.put_back(transfer, **BY), State.DECLINED),
    ]
    for decide, required in decisions:
        if state is required:
            continue
        with pytest.raises(Refusal) as refused:
            decide()
        assert (refused.value.kind, refused.value.reason) == (Kind.UNMET, "TRANSFER_STATE")
        assert refused.value.metadata == {"transfer": "t", "state": state, "required": required}


@pytest.mark.parametrize(
    ("units", "reason", "metadata"),
    [
        (Units(3, 1), "TRANSFER_LINE_NOT_FOUND", {"transfer": "t", "line": "3"}),
        (Units(1, 1), "TRANSFER_LINE_EXCEEDED", {"transfer": "t", "line": "1", "requested": "1", "left": "0"}),
        (Units(2, 2), "TRANSFER_LINE_EXCEEDED", {"transfer": "t", "line": "2", "requested": "2", "left": "1"}),
    ],
)
def test_no_more_is_taken_out_than_is_left(units: Units, reason: str, metadata: dict[str, str]) -> None:
    """Units can be taken out of a line that there is, and only as many as are left of it."""
    with pytest.raises(Refusal) as refused:
        rules.remove(SHORT, (units,), **BY)
    assert (refused.value.reason, refused.value.metadata) == (reason, metadata)


def test_a_stocking_order() -> None:
    """The hub's goods go to the shelf and stay the hub's; an order that the ledger refused was never there."""
    order = StockingOrder("s", "hub", "ward", (Line(NAIL, 3),), HUB, NOON, "Now.")
    decision = rules.stock(order, deed="d")
    under_way = replace(order, under_way=True)
    deed = Deed("d", "stocking/s", rules.STOCK, Work.STOCK, (Portion(NAIL, 3, to(NAIL, location="ward")),), HUB, NOON)
    assert decision == Decision(deed, (Change(under_way), Change(deed)))
    assert rules.stocked(under_way, done=True) == Decision(order, (Change(order),))
    assert rules.stocked(under_way, done=False) == Decision(order, (Change(order, deleted=True),))


# Who calls, down, and what the transfer is, across. `x` does it; `-` may not; `?` for him there is no such transfer;
# `.` for him there is no such person
SIDES = ("hub>ann", "ann>hub", "ann>bob", "hub2>cid", "hub>cid")
MATRIX = {
    "RequestTransfer": """
        boss   x  x  x  x  x
        hub    x  x  x  .  .
        ann    x  x  x  .  .
        bob    -  -  -  .  .
        hub2   .  .  .  x  .
        cid    .  .  .  x  .
        """,
    "QuickTransfer": """
        boss   x  x  x  x  x
        hub    -  x  x  .  .
        ann    x  -  -  .  .
        bob    -  -  -  .  .
        hub2   .  .  .  -  .
        cid    .  .  .  x  .
        """,
    "AcceptTransfer": """
        boss   x  x  x  x  x
        hub    -  x  x  ?  ?
        ann    x  -  -  ?  ?
        bob    ?  ?  x  ?  ?
        hub2   ?  ?  ?  -  ?
        cid    ?  ?  ?  x  ?
        """,
    "CancelTransfer": """
        boss   x  x  x  x  x
        hub    x  x  x  ?  ?
        ann    -  x  x  ?  ?
        bob    ?  ?  -  ?  ?
        hub2   ?  ?  ?  x  ?
        cid    ?  ?  ?  -  ?
        """,
    "ReturnTransfer": """
        boss   x  x  x  x  x
        hub    -  -  -  ?  ?
        ann    -  -  -  ?  ?
        bob    ?  ?  -  ?  ?
        hub2   ?  ?  ?  -  ?
        cid    ?  ?  ?  -  ?
        """,
}
MATRIX["DeclineTransfer"] = MATRIX["AcceptTransfer"]
MATRIX["RemoveTransferUnits"] = MATRIX["CancelTransfer"]
TOLD = {"AUTHORITY_INSUFFICIENT": "-", "TRANSFER_NOT_FOUND": "?", "USER_NOT_FOUND": "."}

Ask = Callable[[House, str, Transfer], Awaitable[Any]]


def _on(decide: Any, wanted: Callable[[str], Any]) -> Ask:
    async def ask(house: House, user: str, transfer: Transfer) -> Any:
        return await house.do(user, decide, wanted(transfer.transfer), subject=transfer.subject)

    return ask


def _new(decide: Any, *, quick: bool) -> Ask:
    async def ask(house: House, user: str, transfer: Transfer) -> Any:
        wish = Wish(transfer.sender, transfer.recipient, transfer.lines, "", "", quick=quick)
        return await house.do(user, decide, wish)

    return ask


ASK: dict[str, Ask] = {
    "RequestTransfer": _new(handlers.request_transfer, quick=False),
    "QuickTransfer": _new(handlers.quick_transfer, quick=True),
    "AcceptTransfer": _on(handlers.accept_transfer, Settlement),
    "DeclineTransfer": _on(handlers.decline_transfer, lambda name: Settlement(name, "Wet.")),
    "CancelTransfer": _on(handlers.cancel_transfer, Settlement),
    "RemoveTransferUnits": _on(handlers.remove_transfer_units, lambda name: Removal(name, (Units(1, 1),))),
    "ReturnTransfer": _on(handlers.return_transfer, Settlement),
}


async def outcome(house: House, method: str, user: str, sides: str) -> str:
    """What somebody is told who asks for something about a transfer of these sides, as the matrix has it."""
    sender, recipient = sides.split(">")
    transfer = await house.ask("boss", sender, recipient, (nails(sender), 1))
    if method == "ReturnTransfer":
        await ASK["DeclineTransfer"](house, "boss", transfer)
    try:
        done = (await ASK[method](house, user, transfer)).answer
    except Refusal as refusal:
        return TOLD[refusal.reason]
    acted = {"RequestTransfer": done.requested_by, "ReturnTransfer": done.returned_by}.get(method, done.settled_by)
    side = recipient if method in ("QuickTransfer", "AcceptTransfer", "DeclineTransfer") else sender
    asked_for_himself = method == "RequestTransfer" and user == recipient != "hub"
    assert acted == Actor(user, user if asked_for_himself else side)
    return "x"


@pytest.mark.parametrize("method", MATRIX)
async def test_who_may_do_what(method: str) -> None:
    """Every call, every caller, every pair of sides: who may, who may not though he sees it, and for whom there is
    nothing; and the record says who did it, and for whom."""
    house = await House(MemoryBooks()).people()
    house.books.stock({nails(each): 1000 for each in ("hub", "ann", "bob", "hub2", "cid")})
    rows = [line.split() for line in MATRIX[method].strip().splitlines()]
    expected = {(row[0], sides): cell for row in rows for sides, cell in zip(SIDES, row[1:], strict=True)}
    assert len(expected) == 6 * len(SIDES)
    assert {each: await outcome(house, method, *each) for each in expected} == expected


@pytest.mark.parametrize("on", [True, False])
def test_lists_hold_what_may_be_seen(on: bool) -> None:
    """Whoever lists, and whatever sides he asks for, is given what he could get one by one, and nothing else."""
    north, south = Pool("north", "hub", "", ("ann", "bob"), on), Pool("south", "hub2", "", ("cid",), on)
    homes = {"hub": north, "ann": north, "bob": north, "hub2": south, "cid": south, "lone": None}
    made = [replace(PENDING, sender=one, recipient=other) for one, other in itertools.permutations(homes, 2)]
    orders = [StockingOrder(each, each, "ward", (), HUB, NOON) for each in homes]
    callers = [Standing(each, UserRole.REP, pool) for each, pool in homes.items()]
    for who in (*callers, Standing("boss", UserRole.ADMINISTRATOR)):
        for asked in ({}, {"sender": "hub"}, {"recipient": "ann"}, {"sender": "ann", "recipient": "bob"}):
            where = rules.transfers(who, asked)
            listed = [each for each in made if all(each.has(*pair) for pair in where.items())]
            wanted = [each for each in made if all(each.has(*pair) for pair in asked.items())]
            assert listed == [each for each in wanted if rules.visible(each, who)], (who.user, asked)
        where = rules.stocking_orders(who, {})
        assert [each for each in orders if all(each.has(*pair) for pair in where.items())] == [
            each for each in orders if who.sees(each.hub)
        ]


async def test_the_switch() -> None:
    """Off, a member may ask for nothing of the hub; what he asked for while it was on he may still give up, and the
    recipient may take it."""
    house = await House(MemoryBooks()).people(on=True)
    house.books.stock({nails("hub"): 10})
    first, second = [await house.ask("ann", "hub", "ann", (nails("hub"), 1)) for _ in range(2)]
    await house.people(on=False)
    for decide, quick in ((handlers.request_transfer, False), (handlers.quick_transfer, True)):
        with pytest.raises(Refusal, match="may not"):
            await house.do("ann", decide, Wish("hub", "ann", (Line(nails("hub"), 1),), "", "", quick=quick))
    for transfer, method, state in (
        (first, "CancelTransfer", State.CANCELLED),
        (second, "AcceptTransfer", State.ACCEPTED),
    ):
        assert (await ASK[method](house, "ann", transfer)).answer.state is state


async def test_who_may_stock_a_shelf() -> None:
    """The hub itself and administrators; for others of the pool it is forbidden, for those of another there is no such
    hub; and only a distributor has one."""
    house = await House(MemoryBooks(("ward",))).people()
    house.books.stock({nails(each): 10 for each in ("hub", "ann")})

    async def told(user: str, hub: str) -> str:
        try:
            wanted = Stocking(hub, "ward", (Line(nails(hub), 1),), "")
            await house.do(user, handlers.place_stocking_order, wanted)
        except Refusal as refusal:
            return refusal.reason
        return "x"

    found = {pair: await told(*pair) for pair in itertools.product(("boss", "hub", "ann", "cid"), ("hub", "ann"))}
    assert found == {
        ("boss", "hub"): "x", ("boss", "ann"): "USER_ROLE",
        ("hub", "hub"): "x", ("hub", "ann"): "USER_ROLE",
        ("ann", "hub"): "AUTHORITY_INSUFFICIENT", ("ann", "ann"): "USER_ROLE",
        ("cid", "hub"): "USER_NOT_FOUND", ("cid", "ann"): "USER_NOT_FOUND",
    }  # fmt: skip
