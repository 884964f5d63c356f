"""Requests that move units, whatever dies in between: done once and heard of, or refused and never there."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.kit.deeds import Fault, MemoryBooks
from tests.kit.memory_pooling import TENANT, House, nails
from weir_chassis.errors import Overloaded, PeerAway, Refusal
from weir_pooling.domain.deeds import Condition, Deed, Item
from weir_pooling.domain.transfers import (
    Line,
    Removal,
    Settlement,
    State,
    Stocking,
    Transfer,
    Units,
    Wish,
)
from weir_pooling.handlers import transfers
from weir_pooling.memory import memory_pooling
from weir_pooling.worker.deeds import DeedWorker

HUB, ANN = nails("hub"), nails("ann")


@pytest.fixture
async def house() -> House:
    """A house whose hub has 10 nails."""
    made = await House(MemoryBooks(("ward",))).people()
    made.books.stock({HUB: 10})
    return made


def shelf(house: House, item: Item) -> tuple[int, int]:
    """Units that are there, and those of them that may be used."""
    shelves = house.books.shelves[TENANT]
    return shelves.on_hand[item], shelves.available(item)


def worker(house: House, age_seconds: float = 0.0) -> DeedWorker:
    """What finishes what was left behind for so long."""

    async def heads() -> dict[str, int]:
        async with house.tenants.reading(TENANT) as objects:
            return {TENANT: objects.head}

    return DeedWorker(heads, house.tenants, house.settling, age_seconds)


async def left(house: House) -> Transfer:
    """The one transfer, which was begun and of which nobody heard."""
    [transfer] = await house.all(Transfer)
    assert (transfer.state, transfer.under_way) == (State.REQUESTED, "RequestTransfer")
    assert len(await house.all(Deed)) == 1
    return transfer


FAULTS = pytest.mark.parametrize("fault", [Fault(arrives=False), Fault()], ids=["lost on the way", "answer lost"])


@FAULTS
async def test_a_request_goes_on_where_it_stood(house: House, fault: Fault) -> None:
    """While the ledger is away what was asked for is seen as such; repeated, the request is brought to its end, and the
    ledger has done it once."""
    house.books.faults.append(fault)
    with pytest.raises(PeerAway):
        await house.ask("hub", "hub", "ann", (HUB, 3), request_id="one")
    begun = await left(house)
    done = await house.ask("hub", "hub", "ann", (HUB, 3), request_id="one")
    assert (done.transfer, done.state) == (begun.transfer, State.PENDING)
    assert shelf(house, HUB) == (10, 7)
    assert await house.all(Transfer) == [done]
    assert not await house.all(Deed)


@FAULTS
async def test_whoever_asks_next_finishes_what_was_begun(house: House, fault: Fault) -> None:
    """Another request about the same transfer brings it to its end first, whoever asks."""
    house.books.faults.append(fault)
    with pytest.raises(PeerAway):
        await house.ask("hub", "hub", "ann", (HUB, 3))
    begun = await left(house)
    wanted = Settlement(begun.transfer)
    settled = await house.do("ann", transfers.accept_transfer, wanted, subject=begun.subject)
    assert isinstance(settled.answer, Transfer)
    assert settled.answer.state is State.ACCEPTED
    assert shelf(house, ANN) == (3, 3)


@FAULTS
async def test_what_nobody_asks_for_again_is_finished(house: House, fault: Fault) -> None:
    """The worker finishes what was left behind, once it is old enough that nobody waits for it."""
    house.books.faults.append(fault)
    with pytest.raises(PeerAway):
        await house.ask("hub", "hub", "ann", (HUB, 3))
    clear: dict[str, int] = {}
    await worker(house, age_seconds=60).look(clear)
    await left(house)
    assert not clear
    await worker(house).look(clear)
    [transfer] = await house.all(Transfer)
    assert (transfer.state, transfer.under_way) == (State.PENDING, "")
    assert not await house.all(Deed)
    await worker(house).look(clear)
    assert clear


async def test_one_that_is_stuck_stands_in_nobodys_way(house: House) -> None:
    """A deed that the ledger refuses for now is left for the next turn, and those after it are finished; while the
    ledger is away no further one is tried."""
    house.books.faults.extend([Fault(arrives=False)] * 3)
    for _ in range(3):
        with pytest.raises(PeerAway):
            await house.ask("hub", "hub", "ann", (HUB, 1))
    carry_out, refused = house.books.carry_out, itertools.count()

    async def busy(tenant: str, deed: Deed) -> Any:
        if next(refused) == 0:
            raise Overloaded
        return await carry_out(tenant, deed)

    house.books.carry_out = busy  # type: ignore[method-assign]
    await worker(house).look({})
    states = sorted(each.state for each in await house.all(Transfer))
    assert states == [State.PENDING, State.PENDING, State.REQUESTED]
    house.books.carry_out = carry_out  # type: ignore[method-assign]
    await worker(house).look({})
    assert {each.state for each in await house.all(Transfer)} == {State.PENDING}


async def test_what_is_foreseen_to_be_refused_is_never_written_down(house: House) -> None:
    """A request that the ledger would refuse leaves no trace but its refusal, which it ends with from then on."""
    async with house.tenants.reading(TENANT) as objects:
        head = objects.head
    for _ in range(2):
        with pytest.raises(Refusal) as refused:
            await house.ask("hub", "hub", "ann", (HUB, 11), request_id="one")
        assert refused.value.reason == "INSUFFICIENT_STOCK"
        house.books.stock({HUB: 5})
    async with house.tenants.reading(TENANT) as objects:
        assert objects.head == head
    assert not house.books.asked


async def test_what_is_refused_unforeseen_was_never_there(house: House) -> None:
    """Where the goods go to somebody else after they were seen to be there, the request ends with the refusal, the
    transfer is gone, and a repetition hears the same."""
    check = house.books.check

    async def and_then_gone(tenant: str, deed: Deed) -> Any:
        done = await check(tenant, deed)
        house.books.shelves[TENANT].on_hand[HUB] = 1
        return done

    house.books.check = and_then_gone  # type: ignore[method-assign]
    for _ in range(2):
        with pytest.raises(Refusal) as refused:
            await house.ask("hub", "hub", "ann", (HUB, 3), request_id="one")
        assert refused.value.reason == "INSUFFICIENT_STOCK"
        house.books.stock({HUB: 5})
    assert not await house.all(Transfer)
    assert not await house.all(Deed)
    assert len({each.deed for each in house.books.asked}) == 1


async def test_a_refusal_for_now_leaves_the_request_open(house: House) -> None:
    """What the ledger refuses only for now, before it is written down, leaves no trace; after that it may be done yet,
    and is, when the request comes again."""
    carry_out, check = house.books.carry_out, house.books.check

    async def busy(tenant: str, deed: Deed) -> Any:
        raise Overloaded

    house.books.check = busy  # type: ignore[method-assign]
    with pytest.raises(Overloaded):
        await house.ask("hub", "hub", "ann", (HUB, 3), request_id="one")
    assert not await house.all(Transfer)
    house.books.check, house.books.carry_out = check, busy  # type: ignore[method-assign]
    with pytest.raises(Overloaded):
        await house.ask("hub", "hub", "ann", (HUB, 3), request_id="one")
    await left(house)
    house.books.carry_out = carry_out  # type: ignore[method-assign]
    assert (await house.ask("hub", "hub", "ann", (HUB, 3), request_id="one")).state is State.PENDING


async def test_an_answer_that_comes_late(house: House) -> None:
    """While the ledger takes long to answer, the request repeated and the next one about the transfer finish what it
    did; the first hears what the others made of it, and nothing is written down twice."""
    late = Fault(answered=True, let_go=asyncio.Event())
    house.books.faults.append(late)
    first = asyncio.create_task(house.ask("hub", "hub", "ann", (HUB, 3), request_id="one"))
    await late.arrived.wait()
    begun = await left(house)
    again = await house.ask("hub", "hub", "ann", (HUB, 3), request_id="one")
    wanted = Settlement(begun.transfer)
    await house.do("ann", transfers.accept_transfer, wanted, subject=begun.subject)
    assert late.let_go is not None
    late.let_go.set()
    assert await first == again
    [ended] = await house.all(Transfer)
    assert (ended.state, shelf(house, ANN)) == (State.ACCEPTED, (3, 3))


async def test_who_may_not_see_it_does_not_learn_that_it_is_under_way(house: House) -> None:
    """What is under way stays so for those who do not see the transfer, or may not do this: they are refused as ever,
    though the ledger is away."""
    house.books.faults.append(Fault(arrives=False))
    with pytest.raises(PeerAway):
        await house.ask("hub", "hub", "ann", (HUB, 3))
    begun = await left(house)
    house.books.faults.extend([Fault(arrives=False)] * 9)
    for user, reason in (
        ("cid", "TRANSFER_NOT_FOUND"),
        ("bob", "TRANSFER_NOT_FOUND"),
        ("hub", "AUTHORITY_INSUFFICIENT"),
    ):
        with pytest.raises(Refusal) as refused:
            await house.do(user, transfers.accept_transfer, Settlement(begun.transfer), subject=begun.subject)
        assert refused.value.reason == reason
    with pytest.raises(PeerAway):
        await house.do("ann", transfers.accept_transfer, Settlement(begun.transfer), subject=begun.subject)


class _Died(BaseException):
    """The process is gone."""


class _Dying:
    """Counts the steps of a process that others would notice, before and after each, and dies at one of them."""

    def __init__(self, house: House, at: int) -> None:
        """Die at step `at`, from 1; 0 for never."""
        self.steps = 0
        self._at = at
        self._of(house.tenants, "once")
        self._of(house.books, "carry_out")

    def _of(self, owner: Any, name: str) -> None:
        done = getattr(owner, name)

        async def dying(*arguments: Any, **options: Any) -> Any:
            self._step()
            answer = await done(*arguments, **options)
            self._step()
            return answer

        setattr(owner, name, dying)

    def _step(self) -> None:
        self.steps += 1
        if self.steps == self._at:
            raise _Died


Act = Callable[[House], Awaitable[Any]]


async def _pending(house: House) -> Transfer:
    [transfer] = await house.all(Transfer)
    return transfer


async def _request(house: House) -> Any:
    return await house.ask("hub", "hub", "ann", (HUB, 3), request_id="act")


async def _quick(house: House) -> Any:
    wish = Wish("hub", "ann", (Line(HUB, 3),), "", "", quick=True)
    return await house.do("boss", transfers.quick_transfer, wish, request_id="act")


async def _stock(house: House) -> Any:
    wanted = Stocking("hub", "ward", (Line(HUB, 3),), "")
    return await house.do("hub", transfers.place_stocking_order, wanted, request_id="act")


def _on_it(decide: Any, wanted: Callable[[str], Any]) -> Act:
    async def act(house: House) -> Any:
        transfer = await _pending(house)
        return await house.do("boss", decide, wanted(transfer.transfer), subject=transfer.subject, request_id="act")

    return act


ACTS: dict[str, tuple[Act, dict[Item, int], State | None]] = {
    "request": (_request, {HUB: 10}, State.PENDING),
    "quick": (_quick, {HUB: 7, ANN: 3}, State.ACCEPTED),
    "stock": (_stock, {HUB: 7, nails("hub", "ward"): 3}, None),
    "accept": (_on_it(transfers.accept_transfer, Settlement), {HUB: 7, ANN: 3}, State.ACCEPTED),
    "decline": (
        _on_it(transfers.decline_transfer, lambda name: Settlement(name, "wet")),
        {HUB: 7, HUB._replace(condition=Condition.HOLD): 3},
        State.DECLINED,
    ),
    "cancel": (_on_it(transfers.cancel_transfer, Settlement), {HUB: 10}, State.CANCELLED),
    "remove": (
        _on_it(transfers.remove_transfer_units, lambda name: Removal(name, (Units(1, 3),))), {HUB: 10}, State.CANCELLED,
    ),
}  # fmt: skip
"""What may be done, where units are once it is, and how the transfer stands then."""


async def played(name: str, at: int) -> tuple[House, int]:
    """A house in which something is done by a process that dies at a step; and how many steps it took."""
    house = await House(MemoryBooks(("ward",)), tenants=memory_pooling()).people()
    house.books.stock({HUB: 10})
    if name in ("accept", "decline", "cancel", "remove"):
        await house.ask("hub", "hub", "ann", (HUB, 3))
    dying = _Dying(house, at)
    try:
        await ACTS[name][0](house)
    except _Died:
        assert dying.steps == at
    else:
        assert at == 0
    return house, dying.steps


@pytest.mark.parametrize("name", ACTS)
async def test_whatever_dies_it_is_done_whole_or_not_at_all(name: str) -> None:
    """A process is killed before and after each of its steps that others could notice. Whatever was written down is
    brought to its end by the next process, and what was not is as it was before; then the same request repeated is done
    once and for all."""
    act, there, state = ACTS[name]
    _, steps = await played(name, 0)
    assert steps >= 6
    for at in range(1, steps + 1):
        house, _ = await played(name, at)
        before = {**house.books.shelves[TENANT].on_hand}
        begun = bool(await house.all(Deed))
        await worker(house).look({})
        assert not await house.all(Deed), at
        if begun:
            assert _on_hand(house) == there, at
        else:
            assert _on_hand(house) in ({HUB: 10}, there), at
            assert before == house.books.shelves[TENANT].on_hand, at
        done = await act(house)
        assert _on_hand(house) == there, at
        stands = done if isinstance(done, Transfer) else done.answer
        assert [stands] == await house.all(type(stands)), at
        assert getattr(stands, "state", None) is state, at
        assert not stands.under_way, at
        asked = [each for each in house.books.asked if each.action != "RequestTransfer" or name == "request"]
        assert len({each.deed for each in asked}) == 1, at


def _on_hand(house: House) -> dict[Item, int]:
    return {item: units for item, units in house.books.shelves[TENANT].on_hand.items() if units}
