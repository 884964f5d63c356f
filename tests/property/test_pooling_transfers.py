"""Transfers while many ask at once and the ledger is heard or not: in the end the books are what the transfers say."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from tests.kit.deeds import Fault, MemoryBooks
from tests.kit.memory_pooling import TENANT, House, nails
from weir_chassis.errors import Refusal
from weir_pooling.domain.deeds import Condition, Deed, Item
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
from weir_pooling.worker.deeds import DeedWorker

PEOPLE = ("boss", "boss", "boss", "hub", "ann", "bob")
HELD = {"hub": 8, "ann": 5, "bob": 3}
FAULTS = (Fault(answered=True), Fault(arrives=False), Fault())


class Ask(NamedTuple):
    """Something that somebody asks for; about a transfer, by its place among all, or about a new one."""

    user: str
    method: str
    place: int
    sides: tuple[str, str]
    units: int
    twice: bool
    fault: int


ASKS = st.builds(
    Ask,
    st.sampled_from(PEOPLE),
    st.sampled_from(
        ("request", "request", "quick", "stock", "accept", "accept", "decline", "cancel", "remove", "return")
    ),
    st.integers(0, 1),
    st.sampled_from((("hub", "ann"), ("hub", "bob"), ("ann", "bob"), ("bob", "hub"))),
    st.integers(1, 4),
    st.booleans(),
    st.sampled_from((0, 0, 0, 1, 2)),
)
ON_IT: dict[str, Any] = {
    "accept": handlers.accept_transfer,
    "decline": handlers.decline_transfer,
    "cancel": handlers.cancel_transfer,
    "return": handlers.return_transfer,
}


async def play(house: House, ask: Ask, known: Sequence[Transfer], request_id: str) -> Any:
    """What comes of it."""
    sender, recipient = ask.sides
    lines = (Line(nails(sender), ask.units),)
    if ask.method in ("request", "quick"):
        quick = ask.method == "quick"
        decide = handlers.quick_transfer if quick else handlers.request_transfer
        return await house.do(ask.user, decide, Wish(sender, recipient, lines, "", "", quick), request_id=request_id)
    if ask.method == "stock":
        wanted = Stocking("hub", "ward", (Line(nails("hub"), ask.units),), "")
        return await house.do(ask.user, handlers.place_stocking_order, wanted, request_id=request_id)
    if not known:
        return None
    transfer = known[ask.place % len(known)]
    about = {"subject": transfer.subject, "request_id": request_id}
    if ask.method == "remove":
        removal = Removal(transfer.transfer, (Units(1, ask.units),))
        return await house.do(ask.user, handlers.remove_transfer_units, removal, **about)
    return await house.do(ask.user, ON_IT[ask.method], Settlement(transfer.transfer, "Wet."), **about)


async def told(house: House, ask: Ask, known: Sequence[Transfer], request_id: str) -> None:
    """Ask, once or twice at the same time; whatever is heard is heard of both."""
    heard = await asyncio.gather(
        *(play(house, ask, known, request_id) for _ in range(1 + ask.twice)), return_exceptions=True
    )
    assert all(each is None or isinstance(each, (tuple, Refusal)) for each in heard), heard
    outcomes = [each for each in heard if not isinstance(each, Refusal) or each.kind.definite]
    assert len({repr(each) for each in outcomes}) <= 1


async def days(batches: Sequence[Sequence[Ask]]) -> House:
    """A house after all that was asked, batch by batch, and what was left is finished."""
    house = await House(MemoryBooks(("ward",))).people()
    house.books.stock({nails(each): units for each, units in HELD.items()})
    for number, batch in enumerate(batches):
        known = [each for each in await house.all(Transfer) if each.state in (State.PENDING, State.DECLINED)]
        house.books.faults.extend(replace(FAULTS[each.fault]) for each in batch)
        await asyncio.gather(*(told(house, each, known, f"{number} {place}") for place, each in enumerate(batch)))
    house.books.faults.clear()

    async def heads() -> dict[str, int]:
        return {TENANT: 1}

    await DeedWorker(heads, house.tenants, house.settling, 0.0).look({})
    return house


@given(st.lists(st.lists(ASKS, min_size=1, max_size=4), min_size=1, max_size=12))
def test_the_books_are_what_the_transfers_say(batches: list[list[Ask]]) -> None:
    """Whoever asks for what at the same time, once or twice, and whatever of it the ledger hears or answers: once all
    is brought to its end nothing is under way, every unit is where the transfers and stocking orders say, and
    promised exactly where one waits.
    """

    async def law() -> None:
        house = await days(batches)
        assert not await house.all(Deed)
        there = Counter({nails(each): units for each, units in HELD.items()})
        promised: Counter[Item] = Counter()
        for each in await house.all(Transfer):
            assert not each.under_way
            [line] = each.lines
            arrives = line.item._replace(custodian=each.recipient)
            if each.state is State.PENDING:
                promised[line.item] += line.left
            elif each.state in (State.ACCEPTED, State.DECLINED):
                there[line.item] -= line.left
                on_hold = line.item._replace(condition=Condition.HOLD)
                there[arrives if each.state is State.ACCEPTED else on_hold] += line.left
        for order in await house.all(StockingOrder):
            assert not order.under_way
            [line] = order.lines
            there[line.item] -= line.quantity
            there[line.item._replace(location="ward")] += line.quantity
        shelves = house.books.shelves[TENANT]
        assert +shelves.on_hand == +there
        assert {item: shelves.reserved(item) for item in shelves.on_hand if shelves.reserved(item)} == +promised

    asyncio.run(law())
