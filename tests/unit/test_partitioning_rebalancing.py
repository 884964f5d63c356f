"""A batch of supplies: what is judged, what is kept of it, and what becomes of it where something fails."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import date, timedelta
from typing import Any
from unittest.mock import patch

import pytest

from tests.kit.dividers import NOW, SOFA, STEPS, TENANT, TV, Stall, fair, put
from weir_allocation import rebalance
from weir_allocation.rebalance import Reason
from weir_allocation.stock import Product
from weir_chassis.configuration.memory import MemoryObjects, MemoryTenants
from weir_chassis.errors import PeerAway
from weir_chassis.revisions import Revision
from weir_partitioning import rebalancing
from weir_partitioning.domain import Mode, Policy, Strategy
from weir_partitioning.domain import Product as Named
from weir_partitioning.ports import Sale, Sold, Told
from weir_partitioning.rebalancing import BATCH_MAX, Policies, Rebalancer, Standing

BIKE = ("", "BIKE")


async def stall(units: int = 100, *policies: Policy) -> Stall:
    """A stall with that many of each, divided by these policies."""
    made = Stall()
    for policy in policies or (fair(),):
        await put(made.divided, policy)
    for key in (TV, SOFA):
        made.books.receive(key, units)
    return made


def policy(name: str, priority: int, **fields: Any) -> Policy:
    """A policy of that priority."""
    return fair(name, priority=priority, **fields)


def named(standing: Standing, product: Product) -> str:
    """Which policy divides a product at an instant; empty where none does."""
    found, mark = standing.policy(product)
    assert (found is None) == (mark == "")
    return "" if found is None else found.policy


def test_the_first_policy_that_names_a_product_divides_it_alone() -> None:
    """The lowest priority wins, also where it divides at each question; what is disabled counts for nothing."""
    standing = Standing(
        [
            policy("all", 5),
            policy("never", 6, products=(Named("", "LAMP"),)),
            policy("tv", 3, products=(Named("", "TV"),)),
            policy("at each question", 2, mode=Mode.CONTINUOUS, products=(Named("", "SOFA"),)),
            policy("sofa", 4, products=(Named("", "SOFA"), Named("", "TV"))),
            policy("off", 1, disabled=True),
        ]
    )
    assert [named(standing, ("", sku)) for sku in ("TV", "SOFA", "BIKE", "LAMP")] == ["tv", "", "all", "all"]
    assert [each.policy for each in standing.dividing] == ["tv", "sofa", "all"]


def test_a_policy_of_everything_at_each_question_leaves_nothing_to_those_after_it() -> None:
    """Where everything is divided at each question first, no policy after it divides anything."""
    standing = Standing([policy("all", 1, mode=Mode.CONTINUOUS), policy("tv", 2, products=(Named("", "TV"),))])
    assert (named(standing, ("", "TV")), standing.dividing) == ("", [])


def test_what_policies_ask_for() -> None:
    """A schedule and days of demand are only those of policies that divide something at an instant."""
    often = policy("often", 1, rebalance_seconds=60.0, products=(Named("", "TV"),))
    weekly = policy("week", 2, strategy=Strategy.DEMAND, demand_days=7, products=(Named("", "SOFA"),))
    monthly = policy("month", 3, strategy=Strategy.DEMAND, demand_days=30)
    assert Standing([often]).scheduled
    assert not Standing([weekly]).scheduled
    assert [Standing(each).demand_days for each in ([often], [weekly], [weekly, monthly])] == [0, 7, 30]
    assert not Standing([]).dividing


async def test_policies_are_read_again_when_they_have_changed() -> None:
    """What was read is used until the head moves; of many tenants the last asked for are kept."""
    reads = 0

    class Counting(MemoryObjects):
        async def select(self, *arguments: Any, **options: Any) -> Any:
            nonlocal reads
            reads += 1
            return await super().select(*arguments, **options)

    made = Stall()
    made.divided.policies = MemoryTenants(Counting)
    policies = Policies(made.divided.policies)
    await put(made.divided, fair())
    assert [named(await policies.standing(TENANT), BIKE) for _ in range(3)] == ["fair"] * 3
    assert reads == 1
    await put(made.divided, fair(disabled=True))
    assert not (await policies.standing(TENANT)).dividing
    assert reads == 2
    for number in range(rebalancing.TENANTS_MAX):
        await policies.standing(f"other {number}")
    await policies.standing(TENANT)
    assert reads == 3 + rebalancing.TENANTS_MAX


async def test_a_supply_is_divided_for_the_first_time() -> None:
    """Shares are kept, then in the ledger, then in force; judged again there is nothing to do."""
    made = await stall()
    done = await made.rebalancer().rebalanced(TENANT, made.books.told())
    assert [(each.supply, each.number, each.epoch.reason) for each in done.made] == [
        (TV, 1, Reason.FIRST),
        (SOFA, 2, Reason.FIRST),
    ]
    assert done.lost == []
    assert made.books.left(TV) == made.books.left(SOFA) == {"till": 50, "web": 50}
    assert [each.in_force for each in await made.epochs()] == [True]
    assert await made.rebalancer().judged(TENANT, made.books.told()) == []


async def test_what_orders_took_is_divided_when_a_share_is_nearly_spent() -> None:
    """Only the supply of which a group has spent most is divided anew."""
    made = await stall()
    await made.rebalancer().rebalanced(TENANT, made.books.told())
    assert made.books.order(TV, "web", 40)
    assert made.books.order(SOFA, "web", 39)
    done = await made.rebalancer().rebalanced(TENANT, made.books.told())
    assert [(each.supply, each.epoch.reason) for each in done.made] == [(TV, Reason.THRESHOLD)]
    assert made.books.left(TV) == {"till": 30, "web": 30}
    assert made.books.left(SOFA) == {"till": 50, "web": 11}


async def test_what_is_no_longer_divided_loses_its_ceilings() -> None:
    """Without a policy that divides at an instant, the shares are dissolved; what never was divided is left alone."""
    made = await stall(100, fair(products=(Named("", "TV"),)))
    rebalancer = made.rebalancer()
    await rebalancer.rebalanced(TENANT, made.books.told())
    assert made.books.left(SOFA) == {}
    await put(made.divided, fair(), deleted=True)
    done = await rebalancer.rebalanced(TENANT, made.books.told())
    assert [(each.supply, each.epoch.reason) for each in done.made] == [(TV, Reason.DISSOLVED)]
    assert made.books.left(TV) == {}
    assert await rebalancer.judged(TENANT, made.books.told()) == []


async def test_what_is_older_than_the_newest_epoch_explains_nothing() -> None:
    """What is told at a revision before that of the epoch is not judged; told by other books it is."""
    made = await stall()
    old = made.books.told(TV)
    made.books.receive(TV, 20)
    rebalancer = made.rebalancer()
    await rebalancer.rebalanced(TENANT, made.books.told(TV))
    assert await rebalancer.judged(TENANT, old) == []
    restored = [Told(each.supply, Revision("ledger", "others", 1, 1)) for each in old]
    assert [each.epoch.reason for each in await rebalancer.judged(TENANT, restored)] == [Reason.SUPPLY]


async def test_somebody_may_ask_for_it() -> None:
    """Asked, a supply is divided anew that nothing else is a reason for."""
    made = await stall()
    rebalancer = made.rebalancer()
    await rebalancer.rebalanced(TENANT, made.books.told())
    made.books.order(TV, "web", 10)
    assert await rebalancer.judged(TENANT, made.books.told()) == []
    done = await rebalancer.rebalanced(TENANT, made.books.told(), asked=True)
    assert [(each.supply, each.epoch.reason) for each in done.made] == [(TV, Reason.REQUEST)]


async def test_two_at_once_make_one_epoch_of_one_state() -> None:
    """Of two who judge the same state one is first; the other is told to look again, and then finds nothing to do."""
    made = await stall()
    one, other = made.rebalancer(), made.rebalancer()
    told = made.books.told()
    done = await asyncio.gather(one.rebalanced(TENANT, told), other.rebalanced(TENANT, told))
    assert sorted(len(each.made) for each in done) == [0, 2]
    assert [each.key for every in done for each in every.lost] == [TV, SOFA]
    assert (await other.rebalanced(TENANT, told)).lost == []
    assert len(await made.epochs()) == 1


@pytest.mark.parametrize("step", STEPS, ids=" ".join)
@pytest.mark.parametrize("kept", [False, True], ids=["first", "later"])
async def test_wherever_it_breaks_off_it_is_taken_up(step: tuple[str, str], kept: bool) -> None:
    """An epoch is whole or not there, and what is there comes into force; the next try comes to what it would have come
    to.
    """
    made = await stall()
    rebalancer = made.rebalancer()
    if kept:
        await rebalancer.rebalanced(TENANT, made.books.told())
        made.books.order(TV, "web", 40)
    before = len(await made.epochs())
    made.away(step)
    with pytest.raises(PeerAway):
        await rebalancer.rebalanced(TENANT, made.books.told(TV))
    there = len(await made.epochs()) - before
    assert there == (step not in STEPS[:3])
    again = made.rebalancer()  # as a process that was started again has it
    assert await again.settle(TENANT) == (there and step != ("enforce", "after"))
    await again.rebalanced(TENANT, made.books.told(TV))
    epochs = await made.epochs()
    assert (len(epochs), epochs[-1].in_force) == (before + 1, True)
    assert made.books.left(TV) == ({"till": 30, "web": 30} if kept else {"till": 50, "web": 50})


async def test_an_epoch_may_follow_one_that_the_ledger_was_not_told_of() -> None:
    """Ceilings of epochs that never came into force go with those that follow, also where they are told late."""
    made = await stall()
    made.books.groups = ("till", "web", "app")
    rebalancer = made.rebalancer()
    for groups, step in ((("till", "web", "app"), ("enforce", "before")), (("till", "web"), ("put", "before"))):
        made.books.groups = groups
        made.away(step)
        with suppress(PeerAway):
            await rebalancer.rebalanced(TENANT, made.books.told(TV))
    late = await made.divided.epochs.pending(TENANT, limit=10)
    made.books.groups = ("till",)
    await rebalancer.rebalanced(TENANT, made.books.told(TV))
    await made.books.put(TENANT, late)
    assert made.books.left(TV) == {"till": 100}
    assert await rebalancer.settle(TENANT) == 0


async def test_more_epochs_wait_than_are_sent_at_once() -> None:
    """All that are pending are settled, however many there are."""
    made = await stall()
    keys = [TV._replace(warehouse_group=f"{number:04}") for number in range(BATCH_MAX + 1)]
    for key in keys:
        made.books.receive(key, 10)
    rebalancer = made.rebalancer()
    for several in (keys[:BATCH_MAX], keys[BATCH_MAX:]):
        made.away(("put", "before"))
        with suppress(PeerAway):
            await rebalancer.rebalanced(TENANT, made.books.told(*several))
    assert await rebalancer.settle(TENANT) == BATCH_MAX + 1
    assert made.books.left(keys[-1]) == {"till": 5, "web": 5}


async def test_a_supply_that_cannot_be_judged_hinders_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake about one supply is logged, and the others are divided."""
    made = await stall()

    def judged(policy: Any, supply: rebalance.Supply, *others: Any, **more: Any) -> Any:
        assert supply.product != TV.product
        return rebalance.judge(policy, supply, *others, **more)

    with patch.object(rebalancing, "judge", judged):
        done = await made.rebalancer().rebalanced(TENANT, made.books.told())
    assert [each.supply for each in done.made] == [SOFA]
    assert "supply cannot be judged" in capsys.readouterr().out


async def test_demand_is_asked_for_what_is_divided_by_it() -> None:
    """Each policy by demand has the days it asks for, today among them; nothing is asked for others."""
    products = [(Named("", sku),) for sku in ("TV", "SOFA")]
    made = await stall(
        90,
        policy("week", 1, strategy=Strategy.DEMAND, demand_days=7, damping_percent=0, products=products[0]),
        policy("today", 2, strategy=Strategy.DEMAND, demand_days=1, damping_percent=0, products=products[1]),
        policy("others", 3),
    )
    made.books.receive(TV._replace(product=BIKE), 90)
    asked: list[tuple[list[Product], date]] = []
    demand = made.divided.demand

    class Noting:
        async def demand(self, tenant: str, products: Collection[Product], since: date) -> Mapping[Any, Any]:
            asked.append((list(products), since))
            return await demand.demand(tenant, products, since)

    today = NOW.date()
    sales = [Sale(("", "TV"), 20, "web", today - timedelta(days=6)), Sale(("", "TV"), 10, "till", today)]
    await demand.group(TENANT, {"web": "web", "till": "till"})
    await demand.count(TENANT, Sold(sales, Revision("ledger", "books", 1, 1), False), None, since=date(2020, 1, 1))
    base = made.rebalancer()
    rebalancer = Rebalancer(base.epochs, base.policies, base.ceilings, Noting(), base.clock)  # type: ignore[arg-type]
    await rebalancer.rebalanced(TENANT, made.books.told())
    assert asked == [([("", "SOFA")], today), ([("", "TV")], today - timedelta(days=6))]
    assert made.books.left(TV) == {"till": 30, "web": 60}
    assert made.books.left(SOFA) == {"till": 45, "web": 45}


async def test_supplies_that_were_looked_at_wait_their_time_again() -> None:
    """What is looked at because its time is over has its time before it again; nothing is written for none."""
    made = await stall(100, fair(rebalance_seconds=60.0))
    rebalancer = made.rebalancer()
    await rebalancer.rebalanced(TENANT, made.books.told())
    made.now = NOW + timedelta(seconds=60)
    assert list(await made.divided.epochs.due(TENANT, made.now, limit=10)) == [SOFA, TV]
    await rebalancer.looked_at(TENANT, [])
    await rebalancer.looked_at(TENANT, [TV])
    assert list(await made.divided.epochs.due(TENANT, made.now, limit=10)) == [SOFA]
