"""Cases in a storm: requests race, are lost on the way, lose their answers and are repeated; every unit is on the shelf
or marked used, and every request has come to one end."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from random import Random
from typing import Any

from tests.kit.deeds import Fault, MemoryBooks
from tests.kit.memory_pooling import TENANT, House, nails
from weir_chassis import call
from weir_chassis.auth import Principal, Role
from weir_chassis.configuration.objects import Change, Decision, Named
from weir_chassis.errors import Refusal
from weir_chassis.idempotency import Attempt
from weir_pooling.domain.cases import Case, CaseKind, CaseState, Marking, Units, Unmarking, Usage, subject
from weir_pooling.domain.deeds import Deed, Portion
from weir_pooling.domain.people import Actor
from weir_pooling.domain.views import Custody
from weir_pooling.handlers import cases
from weir_pooling.ports import Pooling

UNITS = {nails("hub"): 10, nails("ann"): 6}
NAMES = ("c1", "c2")
BEGAN = datetime(2026, 11, 22, tzinfo=UTC)


class Storm:
    """A house with cases of ann's, and what was asked in it."""

    def __init__(self, seed: int) -> None:
        """Everything that happens follows from the seed, and from how tasks take turns."""
        self.chance = Random(seed)
        self.house = House(MemoryBooks())
        self.ended: dict[str, Any] = {}
        """What each request came to: the usages it answered with, or the reason it was refused for."""

    async def begin(self) -> None:
        """Have people, stock and cases there."""
        await self.house.people()
        self.house.books.stock(UNITS)
        opened = [Case(each, CaseKind.CASE, "ann", Actor("ann", "ann"), BEGAN) for each in NAMES]

        async def all_of_them(_: Pooling) -> Decision[Case]:
            return Decision(opened[0], tuple(map(Change, opened)))

        await self.house.tenants.once(Attempt(TENANT, "cases", "cases", b""), all_of_them)

    async def client(self, number: int) -> None:
        """Somebody who asks one thing after the other, each until it has come to an end."""
        for turn in range(5):
            wish = await self.wish()
            for _ in range(20):
                if await self.ask(f"request {number} {turn}", *wish):
                    break
            else:
                raise AssertionError("no end")

    async def wish(self) -> tuple[str, Any, Any]:
        """Something to ask for: who, what, and of what."""
        case, user = self.chance.choice(NAMES), self.chance.choice(("ann", "hub"))
        usages = [each for each in await self.house.all(Usage) if each.case == case]
        turn = self.chance.random()
        if turn < 0.1:
            return user, self.chance.choice((cases.close_case, cases.reopen_case)), Named(Case, (case,))
        if turn < 0.5 and usages:
            units = Units(self.chance.choice(usages).usage, self.chance.choice((0, 1, 2)))
            return user, cases.unmark_used, Unmarking(case, (units,))
        custody = self.chance.choice((Custody.OWN, Custody.HUB))
        line = Portion(nails(""), self.chance.randint(1, 4))
        return user, cases.mark_used, Marking(case, custody, (line,))

    async def ask(self, name: str, user: str, decide: Any, wanted: Any) -> bool:
        """Ask once, with something going wrong often; whether it has come to its end."""
        if self.chance.random() < 0.5:
            fault = Fault(arrives=self.chance.random() < 0.6, answered=self.chance.random() < 0.3)
            self.house.books.faults.append(fault)
        await asyncio.sleep(0)
        try:
            self.ended[name] = await self.answer(name, user, decide, wanted)
        except Refusal as refusal:
            if refusal.kind.definite:
                self.ended[name] = refusal.reason
        return name in self.ended

    async def answer(self, name: str, user: str, decide: Any, wanted: Any) -> Any:
        """What a request comes to."""
        if not isinstance(wanted, Named):
            settled = await self.house.do(user, decide, wanted, subject=subject(wanted.case), request_id=name)
            return decide, wanted, settled.answer
        attempt = Attempt(TENANT, decide.__name__, name, b"")

        async def once() -> Any:
            return await self.house.tenants.once(attempt, lambda objects: decide(objects, wanted))

        with call.acting(call.Call("a call", Principal(TENANT, user, Role.OPERATOR))):
            await self.house.settling.alone(TENANT, once, subject=subject(wanted.key[0]))
        return decide, wanted, None


async def played(seed: int) -> Storm:
    """A storm that is over, in which every unit is where it should be."""
    storm = Storm(seed)
    await storm.begin()
    await asyncio.gather(*map(storm.client, range(6)))
    house = storm.house
    house.books.faults.clear()
    for name in NAMES:
        await house.settling.clear(TENANT, subject(name))
    assert not await house.all(Deed), seed
    usages = await house.all(Usage)
    for item, there in UNITS.items():
        marked = sum(each.marked for each in usages if each.item == item)
        assert house.books.shelves[TENANT].on_hand[item] + marked == there, seed
    assert all(0 <= each.unmarked <= each.quantity and not each.under_way for each in usages), seed
    assert await changed_while_closed(house) == 0, seed
    answered = [each for each in storm.ended.values() if not isinstance(each, str)]
    made = [usage for decide, _, answer in answered if decide is cases.mark_used for usage in answer.usages]
    assert sorted(each.usage for each in made) == sorted(each.usage for each in usages), seed
    return storm


async def changed_while_closed(house: House) -> int:
    """How many changes of usages history has in cases that were closed at that moment."""
    closed: set[str] = set()
    count = 0
    for commit in (await house.tenants.history(TENANT, after=0, limit=10_000)).commits:
        for each in (change.object for change in commit.changes):
            if isinstance(each, Case):
                (closed.add if each.state is CaseState.CLOSED else closed.discard)(each.case)
            count += isinstance(each, Usage) and each.case in closed
    return count


async def test_every_unit_is_on_the_shelf_or_marked() -> None:
    """Whatever is lost, late or repeated: what the ledger holds and what is marked add up to what there was, stock item
    by stock item; nothing is left open, and nothing changes in closed cases; what is marked is what was answered. Much
    of what can happen did."""
    storms = [await played(seed) for seed in range(12)]
    reasons = Counter(each for storm in storms for each in storm.ended.values() if isinstance(each, str))
    assert {"CASE_CLOSED", "INSUFFICIENT_STOCK", "USAGE_EXCEEDED"} <= reasons.keys()
    done = Counter(each[0].__name__ for storm in storms for each in storm.ended.values() if not isinstance(each, str))
    assert {"mark_used", "unmark_used", "close_case", "reopen_case"} <= done.keys()
    assert sum(len(storm.house.books.asked) for storm in storms) > done["mark_used"] + done["unmark_used"]
