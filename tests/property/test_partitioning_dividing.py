"""Laws of dividing, over generated histories: orders, goods, groups and policies, and workers that fail and compete."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.dividers import SOFA, STEPS, TENANT, TV, Stall, fair, put
from weir_chassis.errors import PeerAway
from weir_partitioning.domain import Mode, Part, Policy, Strategy
from weir_partitioning.ports import SupplyKey, Told
from weir_partitioning.rebalancing import Rebalancer

GROUPS = ("app", "till", "web")
KEYS = (TV, SOFA)
POLICIES = (
    fair(),
    fair(
        strategy=Strategy.WEIGHTED, parts=(Part("web", weight=3), Part("till", weight=1), Part("app", rank=1, weight=2))
    ),
    fair(strategy=Strategy.WEIGHTED, parts=(Part("web", protected_percent=100), Part("till", protected_percent=30))),
    fair(mode=Mode.CONTINUOUS, threshold_percent=None, hysteresis_units=None),
)
"""Those that divide at an instant give everything away: what groups have left is the supply."""

some_groups = st.lists(st.sampled_from(GROUPS), min_size=1, unique=True).map(sorted)
happenings = st.one_of(
    st.tuples(st.just("order"), st.sampled_from(KEYS), st.sampled_from(GROUPS), st.integers(1, 12)),
    st.tuples(st.just("cancel"), st.sampled_from(KEYS), st.sampled_from(GROUPS), st.integers(1, 12)),
    st.tuples(st.just("receive"), st.sampled_from(KEYS), st.integers(-20, 30)),
    st.tuples(st.just("groups"), some_groups),
    st.tuples(st.just("scale"), st.sampled_from(KEYS), st.sampled_from([1, 2, 3])),
    st.tuples(st.just("policy"), st.sampled_from(POLICIES)),
    st.tuples(st.just("look")),
    st.tuples(st.just("judge"), st.booleans(), st.booleans(), st.sampled_from([None, *STEPS])),
    st.tuples(st.just("judge"), st.booleans(), st.booleans(), st.none()),
    st.tuples(st.just("race")),
    st.tuples(st.just("settle")),
)


class History:
    """What happened to a stall: two workers, and what one of them was told before and may still judge."""

    def __init__(self) -> None:
        """With goods, and a policy that divides them."""
        self.stall = Stall()
        self.workers = self.stall.rebalancer(), self.stall.rebalancer()
        self.seen: list[Told] = []
        self.promised: dict[tuple[SupplyKey, str, int], int] = {}

    async def begin(self) -> None:
        """Let there be something to divide."""
        self.stall.books.groups = GROUPS
        for key in KEYS:
            self.stall.books.receive(key, 40)
        await put(self.stall.divided, fair())

    async def happen(self, what: str, *details: object) -> None:
        """One thing."""
        await getattr(self, what)(*details)

    async def order(self, key: SupplyKey, group: str, units: int) -> None:
        """An order, where share and supply allow it."""
        books = self.stall.books
        if books.order(key, group, units):
            told = key, group, books.scales.get(key, 1)
            self.promised[told] = self.promised.get(told, 0) + units

    async def cancel(self, key: SupplyKey, group: str, units: int) -> None:
        """Give back of what was promised, under the same claim."""
        told = key, group, self.stall.books.scales.get(key, 1)
        units = min(units, self.promised.get(told, 0))
        if units:
            self.promised[told] -= units
            self.stall.books.order(key, group, -units)

    async def receive(self, key: SupplyKey, units: int) -> None:
        """Goods come or go, as many as there are."""
        self.stall.books.receive(key, max(units, -self.stall.books.units[key]))

    async def groups(self, groups: list[str]) -> None:
        """Other groups sell."""
        self.stall.books.groups = groups
        await self.receive(TV, 0)

    async def scale(self, key: SupplyKey, scale: int) -> None:
        """A bundle is put together otherwise."""
        self.stall.books.scales[key] = scale
        await self.receive(key, 0)

    async def policy(self, policy: Policy) -> None:
        """Products are divided otherwise, or at each question."""
        await put(self.stall.divided, policy)

    async def look(self) -> None:
        """A worker is told of everything, which it judges later."""
        self.seen = self.stall.books.told()

    async def judge(self, old: bool, second: bool, step: tuple[str, str] | None) -> None:
        """A worker judges what is now, or what it was told before; something may fail."""
        if step is not None:
            self.stall.away(step)
        with suppress(PeerAway):
            await self.workers[second].rebalanced(TENANT, self.seen if old else self.stall.books.told())
        self.stall.faults.clear()

    async def race(self) -> None:
        """Both judge at once, while an order comes."""
        told = self.stall.books.told()
        judging = [asyncio.create_task(each.rebalanced(TENANT, told)) for each in self.workers]
        await asyncio.sleep(0)
        await self.order(TV, "web", 3)
        done = await asyncio.gather(*judging)
        made = [each.supply for every in done for each in every.made]
        assert len(made) == len(set(made)), "two epochs of one state"

    async def settle(self) -> None:
        """What was left is brought into force."""
        await self.workers[0].settle(TENANT)


async def rest(stall: Stall, rebalancer: Rebalancer) -> None:
    """Judge until nothing is left to do, which is soon."""
    for _ in range(4):
        await rebalancer.settle(TENANT)
        if not (await rebalancer.rebalanced(TENANT, stall.books.told())).made:
            return
    raise AssertionError("it never comes to rest")


@settings(deadline=None)
@given(st.lists(happenings, max_size=30))
def test_whatever_happens_shares_are_the_supply_in_the_end(happened: list[tuple[object, ...]]) -> None:
    """Every epoch gives away what there was and no more. Once all is judged, every newest epoch is in force, the ledger
    has its ceilings and no others, and what groups have left is what there is.
    """

    async def play() -> None:
        history = History()
        await history.begin()
        for what, *details in happened:
            await history.happen(str(what), *details)
        await rest(history.stall, history.stall.rebalancer())
        await check(history.stall)

    asyncio.run(play())


async def check(stall: Stall) -> None:
    """The laws, at rest."""
    standing = await stall.rebalancer().policies.standing(TENANT)
    for key in KEYS:
        named = {part.channel_group for policy in standing.dividing for part in policy.parts}
        divides = bool(standing.dividing) and any(not named or group in named for group in stall.books.groups)
        epochs = await stall.epochs(key)
        for each in epochs:
            assert sum(share.balanced for share in each.epoch.shares) + each.epoch.held_back == each.epoch.supply
        numbers = [each.books.number for each in epochs]
        assert numbers == sorted(numbers), "judged by older books than the epoch before"
        if not epochs:
            assert not divides or not stall.books.units[key]
            continue
        newest = epochs[-1]
        assert newest.in_force
        ceilings = {
            claim: ceiling
            for claim, (ceiling, _) in stall.books.ceilings.items()
            if SupplyKey(claim.product, claim.warehouse_group) == key and ceiling is not None
        }
        assert ceilings == {claim: ceiling for claim, ceiling in newest.ceilings.items() if ceiling is not None}
        if divides:
            assert sum(stall.books.left(key).values()) == stall.books.units[key]
