"""Random days of a pool: whatever is asked for, refused, settled, used, taken back, lost on the way or repeated, each
person has what a model of ten lines says, and no unit is made or lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.kit.deeds import ORIGIN as LEDGER
from tests.kit.deeds import Fault, MemoryBooks, Shelves
from tests.kit.memory_pooling import ORIGIN, TENANT, House, nails
from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.objects import Change, Decision
from weir_chassis.errors import PeerAway, Refusal
from weir_chassis.idempotency import Attempt
from weir_chassis.revisions import Revision, Vector
from weir_pooling.domain.authority import Standing
from weir_pooling.domain.cases import Case, CaseKind, Marking, Unmarking, Usage, Usages
from weir_pooling.domain.cases import Units as UsedUnits
from weir_pooling.domain.deeds import Condition, Deed, Item, Portion, Work
from weir_pooling.domain.people import Actor, Pool
from weir_pooling.domain.transfers import Line, Removal, Settlement, State, Transfer, Units, Wish
from weir_pooling.domain.views import Count, Custodian, Custody, StockQuery, View, _viewed
from weir_pooling.handlers import cases, transfers
from weir_pooling.handlers.standing import Caller
from weir_pooling.handlers.views import list_stock
from weir_pooling.ports import Held, Pooling

PERSONS = ("hub", "ann", "bob")
ACTORS = ("boss", *PERSONS, "boss", "cid", "boss")
"""Who asks; mostly somebody who may."""
UNITS = 10
"""Those that each person begins with."""
CASE = "the case of ann"
SETTINGS = settings(max_examples=50, stateful_step_count=40, deadline=None)
REACHED = {
    "INSUFFICIENT_STOCK", "AUTHORITY_INSUFFICIENT", "TRANSFER_STATE", "USAGE_EXCEEDED", "PEER_AWAY",
    *(each.value for each in (Work.PROMISE, Work.TAKE, Work.MOVE, Work.CONSUME, Work.RESTORE)),
}  # fmt: skip
"""What has to have happened before anything is shown."""


@dataclass
class Holdings:
    """Shelves, as far as they say who holds what: `weir_pooling.ports.Holdings`."""

    shelves: Shelves

    async def held(
        self, custodian: str, asked: StockQuery, *, after: Item | None, limit: int, fresh: Vector,
        at: Revision | None = None,
    ) -> Held:  # fmt: skip
        items = sorted(each for each, units in self.shelves.on_hand.items() if each.custodian == custodian and units)
        some = [each for each in items if after is None or each > after][:limit]
        counts = [
            Count(each, self.shelves.on_hand[each], self.shelves.reserved(each), self.shelves.available(each))
            for each in some
        ]
        return Held(counts, LEDGER.revision(self.shelves.revision), len(some) == limit)


class Days(RuleBasedStateMachine):
    """A pool, what is asked in it, and a model of where every unit is."""

    def __init__(self) -> None:
        """Each person has as many units, and the switch is on."""
        super().__init__()
        self.reached: set[str] = set()
        self._runner = asyncio.Runner()
        self._books = MemoryBooks()
        self._house = House(self._books)
        self._books.stock({nails(each): UNITS for each in PERSONS})
        self._run(self._begin())
        self._numbers = 0
        self._on = True
        # The model: units that may be used, that are promised, that are on hold, by person; and those that are used.
        self.free, self.promised, self.hold = Counter(dict.fromkeys(PERSONS, UNITS)), Counter[str](), Counter[str]()
        self.used = 0
        self.transfers: dict[str, Transfer] = {}
        self.usages: dict[str, Usage] = {}

    def teardown(self) -> None:
        """End the loop."""
        self._runner.close()

    async def _begin(self) -> None:
        await self._house.people()
        case = Case(CASE, CaseKind.CASE, "ann", Actor("ann", "ann"), datetime(2026, 11, 22, tzinfo=UTC))

        async def opened(_: Pooling) -> Decision[Case]:
            return Decision(case, (Change(case),))

        await self._house.tenants.once(Attempt(TENANT, "case", "case", b""), opened)

    def _run(self, work: Awaitable[Any]) -> Any:
        return self._runner.run(cast(Any, work))

    def _ask(self, actor: str, decide: Any, wanted: Any, subject: str, fault: Fault | None) -> Any:
        """What a request comes to, asked again and again until it is known; None where it is refused."""
        self._numbers += 1
        name = f"day {self._numbers}"
        if fault is not None:
            self._books.faults.append(replace(fault))
        while True:
            try:
                settled = self._run(self._house.do(actor, decide, wanted, subject=subject, request_id=name))
            except Refusal as refusal:
                self.reached.add(refusal.reason)
                if not isinstance(refusal, PeerAway):
                    self._books.faults.clear()  # it was refused before it was carried out
                    return None
            else:
                self.reached.add(self._books.asked[-1].work.value)
                return settled.answer

    actors, people = st.sampled_from(ACTORS), st.sampled_from(PERSONS)
    few = st.integers(1, 4)
    faults = st.none() | st.builds(Fault, arrives=st.booleans(), answered=st.booleans())

    @rule(actor=actors, sender=people, recipient=people, units=few, quick=st.booleans(), fault=faults)
    def request(self, actor: str, sender: str, recipient: str, units: int, quick: bool, fault: Fault | None) -> None:
        """Ask for units of somebody to go to somebody else."""
        if sender == recipient:
            return
        wish = Wish(sender, recipient, (Line(nails(sender), units),), "", "", quick)
        decide = transfers.quick_transfer if quick else transfers.request_transfer
        enough = units <= self.free[sender]
        made = self._ask(actor, decide, wish, "", fault)
        if made is None:
            assert not (enough and actor == "boss")
            return
        assert enough
        self.free[sender] -= units
        (self.free if quick else self.promised)[recipient if quick else sender] += units
        self.transfers[made.transfer] = made

    @precondition(lambda self: self.in_state(State.PENDING))
    @rule(data=st.data(), actor=actors, how=st.sampled_from(["accept", "decline", "cancel", "remove"]), fault=faults)
    def settle(self, data: st.DataObject, actor: str, how: str, fault: Fault | None) -> None:
        """Accept, decline or cancel a transfer that waits, or take units out of it."""
        self._settle(data, self.in_state(State.PENDING), actor, how, fault)

    @precondition(lambda self: self.in_state(State.DECLINED))
    @rule(data=st.data(), actor=st.sampled_from(["boss", "hub"]), fault=faults)
    def put_back(self, data: st.DataObject, actor: str, fault: Fault | None) -> None:
        """Put what was declined back to sale."""
        self._settle(data, self.in_state(State.DECLINED), actor, "put back", fault)

    @precondition(lambda self: self.transfers)
    @rule(data=st.data(), how=st.sampled_from(["accept", "decline", "cancel", "remove", "put back"]))
    def settle_any(self, data: st.DataObject, how: str) -> None:
        """Ask for anything of any transfer, however it stands."""
        self._settle(data, self.transfers, "boss", how, None)

    def in_state(self, state: State) -> dict[str, Transfer]:
        """The transfers that stand like this."""
        return {name: each for name, each in self.transfers.items() if each.state is state}

    def _settle(
        self, data: st.DataObject, among: dict[str, Transfer], actor: str, how: str, fault: Fault | None
    ) -> None:
        transfer = among[data.draw(st.sampled_from(sorted(among)))]
        line = transfer.lines[0]
        units = data.draw(st.integers(1, line.left)) if how == "remove" and line.left else line.left
        ways: dict[str, Callable[..., Any]] = {
            "accept": transfers.accept_transfer, "decline": transfers.decline_transfer,
            "cancel": transfers.cancel_transfer, "remove": transfers.remove_transfer_units,
            "put back": transfers.return_transfer,
        }  # fmt: skip
        decide = ways[how]
        wanted: Any = Settlement(transfer.transfer, "Wet." if how == "decline" else "")
        if how == "remove":
            wanted = Removal(transfer.transfer, (Units(1, max(1, units)),))
        possible = transfer.state is (State.DECLINED if how == "put back" else State.PENDING)
        made = self._ask(actor, decide, wanted, transfer.subject, fault)
        if made is None:
            assert not (possible and actor == "boss")
            return
        assert possible
        before = self.hold if how == "put back" else self.promised
        after = self.hold if how == "decline" else self.free
        before[transfer.sender] -= units
        after[transfer.recipient if how == "accept" else transfer.sender] += units
        self.transfers[transfer.transfer] = made

    @rule(actor=actors, custody=st.sampled_from([Custody.OWN, Custody.HUB]), units=few, fault=faults)
    def mark(self, actor: str, custody: Custody, units: int, fault: Fault | None) -> None:
        """Mark units used, out of ann's custody or the hub's."""
        custodian = "ann" if custody is Custody.OWN else "hub"
        enough = units <= self.free[custodian]
        wanted = Marking(CASE, custody, (Portion(nails(""), units),))
        made = self._ask(actor, cases.mark_used, wanted, f"case/{CASE}", fault)
        if made is None:
            assert not (enough and actor == "boss")
            return
        assert enough
        self.free[custodian] -= units
        self.used += units
        self._know(made)

    @precondition(lambda self: self.usages)
    @rule(data=st.data(), actor=actors, units=few, fault=faults)
    def unmark(self, data: st.DataObject, actor: str, units: int, fault: Fault | None) -> None:
        """Take back that units were used."""
        usage = self.usages[data.draw(st.sampled_from(sorted(self.usages)))]
        left = usage.quantity - usage.unmarked
        made = self._ask(
            actor, cases.unmark_used, Unmarking(CASE, (UsedUnits(usage.usage, units),)), f"case/{CASE}", fault
        )
        if made is None:
            assert not (units <= left and actor == "boss")
            return
        assert units <= left
        self.free[usage.custodian] += units
        self.used -= units
        self._know(made)

    @rule(on=st.booleans())
    def switch(self, on: bool) -> None:
        """Turn the switch of the pool."""
        self._numbers += 1

        async def turned(objects: Pooling) -> Decision[Pool]:
            [pool] = await objects.select(Pool, {"person": "hub"})
            return Decision(pool, (Change(replace(pool, access_hub_stock=on)),))

        self._run(self._house.tenants.once(Attempt(TENANT, "switch", f"day {self._numbers}", b""), turned))
        self._on = on

    @invariant()
    def as_the_model_says(self) -> None:
        """Each person has what the model says, all that was there is somewhere, and nothing is left half done."""
        shelves = self._books.shelves[TENANT]
        for each in PERSONS:
            there = nails(each)
            told = (shelves.available(there), shelves.reserved(there), shelves.held(each))
            in_all = self.free[each] + self.promised[each] + self.hold[each]
            assert told == (self.free[each], self.promised[each], in_all)
            assert shelves.on_hand[there._replace(condition=Condition.HOLD)] == self.hold[each]
        assert sum(map(shelves.held, PERSONS)) + self.used == UNITS * len(PERSONS)
        assert sum(shelves.consumed.values()) == self.used
        assert not self._run(self._house.all(Deed))

    @invariant()
    def each_sees_his_part(self) -> None:
        """A member sees his own and, while the switch is on, the hub's, the hub everybody's; and what is on its way."""
        for viewer in PERSONS:
            seen = {viewer} | ({"hub"} if self._on else set()) if viewer != "hub" else set(PERSONS)
            found = self._run(self._viewed(viewer))
            assert {each.count.item.custodian for each in found} == {
                each for each in seen if self.free[each] + self.promised[each] + self.hold[each]
            }
            for each in found:
                sender, sellable = each.count.item.custodian, each.count.item.condition is Condition.SELLABLE
                assert each.count.available == (self.free[sender] if sellable else 0)
                assert each.in_transfer == (self.promised[sender] if sellable else 0)
                assert each.incoming == (self._waiting(sender, viewer) if sellable else 0)

    async def _viewed(self, viewer: str) -> Any:
        handlers: Handlers[Pooling] = Handlers(self._house.tenants, ORIGIN, ())
        holdings, calling = Holdings(self._books.shelves[TENANT]), Caller(viewer, trusted=False)
        viewed = await list_stock(handlers, holdings, TENANT, calling, StockQuery(), {}, begin=None, limit=1000)
        return viewed.stock

    def _waiting(self, sender: str, recipient: str) -> int:
        return sum(
            each.lines[0].left
            for each in self.transfers.values()
            if each.state is State.PENDING and (each.sender, each.recipient) == (sender, recipient)
        )

    def _know(self, usages: Usages) -> None:
        self.usages |= {each.usage: each for each in usages.usages}


def test_no_unit_is_made_or_lost() -> None:
    """On every day that can be thought of units are where the model says; and much of what can happen did."""
    reached: set[str] = set()

    class Noting(Days):
        def teardown(self) -> None:
            super().teardown()
            reached.update(self.reached)

    run_state_machine_as_test(Noting, settings=SETTINGS)
    assert reached >= REACHED, REACHED - reached


BUGS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "what is declined goes to the recipient": lambda patch: patch.setattr(
        "weir_pooling.domain.transfers.Transfer.portions", _to_the_recipient
    ),
    "what is unmarked is forgotten": lambda patch: patch.setattr(
        "weir_pooling.domain.cases.Usage.marked", property(lambda usage: usage.quantity)
    ),
    "the switch is not looked at": lambda patch: patch.setattr(
        "weir_pooling.domain.views._viewed", _whatever_the_switch_says
    ),
}


def _to_the_recipient(transfer: Transfer, *, condition: Condition, to: Condition, **_: str) -> tuple[Portion, ...]:
    return tuple(
        Portion(
            line.item._replace(condition=condition),
            line.left,
            line.item._replace(condition=to, custodian=transfer.recipient),
            place,
        )
        for place, line in enumerate(transfer.lines, 1)
    )


def _whatever_the_switch_says(viewer: Standing, view: View) -> set[Custodian]:
    assert viewer.pool is not None
    return _viewed(replace(viewer, pool=replace(viewer.pool, access_hub_stock=True)), view)


@pytest.mark.parametrize("bug", BUGS)
def test_the_days_find_what_is_wrong(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that is broken is found out."""
    BUGS[bug](monkeypatch)
    with pytest.raises((AssertionError, Refusal, KeyError)):
        run_state_machine_as_test(Days, settings=settings(SETTINGS, phases=[Phase.generate], print_blob=False))
