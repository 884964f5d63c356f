"""Supplies are divided by the service itself, in a suite in one process: for each reason there is."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.market import Market, market
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.rebalancing import HOME, SKU, Shop
from tests.kit.suite import SCHEMAS
from tests.kit.tokens import AUDIENCE, ISSUER, Signer, bearer, write_key_set
from tests.kit.waiting import until
from weir_allocation.rebalance import Reason
from weir_chassis.settings import AuthSettings, ClientSettings

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
async def running(postgres: PostgresForTests) -> AsyncIterator[tuple[Market, FreshDatabase]]:
    """The services, shared by all tests of this file."""
    with postgres.fresh(*SCHEMAS) as database:
        async with market(database) as services:
            yield services, database


@pytest.fixture
async def shop(running: tuple[Market, FreshDatabase]) -> AsyncIterator[Shop]:
    """A tenant of one's own."""
    services, database = running
    tenant = f"shop {next(_numbers)}"
    caller = services.caller(tenant)
    yield Shop(caller, database, tenant)
    await caller.close()


async def test_first(shop: Shop) -> None:
    """Once a policy divides at an instant, each group has its share in the ledger."""
    await shop.opened("web", "till")
    await shop.balanced()
    epoch = (await shop.comes({"web": 50, "till": 50})).epoch
    assert (epoch.reason, epoch.supply, epoch.held_back, epoch.policy) == (Reason.FIRST, 100, 0, "fair")


async def test_threshold(shop: Shop) -> None:
    """An order that leaves a group a fifth of its share has the supply divided anew, one that leaves more has not."""
    await shop.opened("web", "till")
    await shop.balanced()
    await shop.comes({"web": 50, "till": 50})
    await shop.order("web", 39)
    await shop.comes({"web": 11, "till": 50})
    await shop.order("web", 1)
    epoch = (await shop.comes({"web": 30, "till": 30})).epoch
    assert (epoch.reason, epoch.supply, epoch.moved) == (Reason.THRESHOLD, 60, 20)
    assert len(await shop.epochs()) == 2


async def test_supply(shop: Shop) -> None:
    """Goods that come are divided, too."""
    await shop.opened("web", "till")
    await shop.balanced()
    await shop.comes({"web": 50, "till": 50})
    await shop.caller.receive(SKU, "W1", 20)
    assert (await shop.comes({"web": 60, "till": 60})).epoch.reason is Reason.SUPPLY


async def test_groups(shop: Shop) -> None:
    """A product that leaves a group's only channel leaves its share to the others at once, and comes back."""
    await shop.opened("web", "till")
    await shop.balanced()
    await shop.comes({"web": 50, "till": 50})
    denied = {"store": "till", "denied": {"products": [{"sku": SKU}]}}
    await shop.caller.write("SetStoreLimits", store_limits=denied)
    epoch = (await shop.comes({"web": 100, "till": None})).epoch
    assert (epoch.reason, epoch.moved) == (Reason.GROUPS, 50)
    await shop.caller.write("SetStoreLimits", store_limits={"store": "till"})
    assert (await shop.comes({"web": 50, "till": 50})).epoch.reason is Reason.GROUPS


async def test_links(shop: Shop) -> None:
    """A group that is linked gets a share, one that is unlinked loses it; what its orders took stays taken."""
    await shop.opened("web", "till")
    await shop.balanced()
    await shop.comes({"web": 50, "till": 50})
    await shop.order("till", 10)
    await shop.caller.do("DeleteGroupLink", warehouse_group=HOME, channel_group="till")
    assert (await shop.comes({"web": 90, "till": None})).epoch.reason is Reason.GROUPS
    await shop.caller.write("CreateGroupLink", group_link={"warehouse_group": HOME, "channel_group": "till"})
    assert (await shop.comes({"web": 45, "till": 45})).epoch.reason is Reason.GROUPS


async def test_policy(shop: Shop) -> None:
    """Another way to divide is followed; what is only named or timed otherwise divides nothing anew."""
    await shop.opened("web", "till")
    await shop.balanced()
    await shop.comes({"web": 50, "till": 50})
    parts = [{"channel_group": "web", "weight": 3}, {"channel_group": "till", "weight": 1}]
    await shop.balanced(create=False, strategy="STRATEGY_WEIGHTED", parts=parts)
    assert (await shop.comes({"web": 75, "till": 25})).epoch.reason is Reason.POLICY
    await shop.balanced(create=False, strategy="STRATEGY_WEIGHTED", parts=parts, display_name="Three to one")
    await shop.caller.receive(SKU, "W1", 4)
    await shop.comes({"web": 78, "till": 26})
    assert [each.epoch.reason for each in await shop.epochs()] == [Reason.FIRST, Reason.POLICY, Reason.SUPPLY]


async def test_schedule(shop: Shop) -> None:
    """What was not divided for as long as the policy says is divided anew."""
    await shop.opened("web", "till")
    await shop.balanced(rebalance_interval={"seconds": 60})
    await shop.comes({"web": 50, "till": 50})
    await shop.order("web", 10)
    await shop.comes({"web": 40, "till": 50})
    await shop.passed(minutes=2)
    assert (await shop.comes({"web": 45, "till": 45})).epoch.reason is Reason.SCHEDULE


async def test_dissolved(shop: Shop) -> None:
    """Where nothing divides at an instant any more, groups have no shares; and they may have some again."""
    await shop.opened("web", "till")
    await shop.balanced()
    await shop.comes({"web": 50, "till": 50})
    await shop.caller.do("DeletePolicy", policy="fair")
    assert (await shop.comes({})).epoch.reason is Reason.DISSOLVED
    await shop.balanced("again")
    epoch = (await shop.comes({"web": 50, "till": 50})).epoch
    assert (epoch.reason, epoch.policy) == (Reason.FIRST, "again")


async def test_cancelled(shop: Shop) -> None:
    """What an order gives back is its group's again, and divides nothing anew."""
    await shop.opened("web", "till")
    await shop.balanced()
    await shop.comes({"web": 50, "till": 50})
    reservation = await shop.order("web", 30)
    await shop.comes({"web": 20, "till": 50})
    await shop.caller.do("Release", reservation=reservation)
    await shop.comes({"web": 50, "till": 50})
    assert len(await shop.epochs()) == 1


async def test_what_lies_elsewhere(shop: Shop) -> None:
    """Each warehouse group is divided for itself, and a product of which nothing lies there is not."""
    await shop.opened("web", "till")
    await shop.caller.locations("W2")
    await shop.caller.write("CreateWarehouseGroup", warehouse_group={"warehouse_group": "away", "locations": ["W2"]})
    await shop.caller.write("CreateGroupLink", group_link={"warehouse_group": "away", "channel_group": "web"})
    await shop.balanced()
    await shop.comes({"web": 50, "till": 50})
    await shop.caller.receive(SKU, "W2", 7)
    await until(lambda: shop.divided("away"))
    epochs = {each.epoch.warehouse_group: each.epoch for each in await shop.epochs()}
    assert [(each.channel_group, each.balanced) for each in epochs["away"].shares] == [("web", 7)]
    assert epochs[HOME].supply == 100


async def test_bundles(shop: Shop) -> None:
    """A bundle is divided in whole bundles, counted by its first component; orders of either kind are explained."""
    await shop.opened("web", "till", units=0)
    for sku, units in (("LAMP", 40), ("WHEEL", 100)):
        await shop.caller.receive(sku, "W1", units)
    components = [{"product": {"sku": "LAMP"}, "quantity": 2}, {"product": {"sku": "WHEEL"}, "quantity": 1}]
    await shop.caller.do("CreateBundle", bundle={"product": {"sku": SKU}, "components": components})
    await shop.balanced(products=[{"sku": SKU}])
    await shop.comes({"web": 10, "till": 10})
    await shop.order("web", 3)
    await shop.comes({"web": 7, "till": 10})
    assert [(each.epoch.reason, each.epoch.scale) for each in await shop.epochs()] == [(Reason.FIRST, 2)]


async def test_demand(shop: Shop) -> None:
    """Shares follow what each group's orders were promised before, from the first division on."""
    await shop.opened("web", "till")
    await shop.order("web", 30)
    await shop.order("till", 10)
    parts = [{"channel_group": "web", "weight": 1}, {"channel_group": "till", "weight": 1}]
    await shop.balanced(strategy="STRATEGY_DEMAND", parts=parts, damping_percent=0)
    epoch = (await shop.comes({"web": 45, "till": 15})).epoch
    assert {each.channel_group: (each.demand, each.weight) for each in epoch.shares} == {
        "web": (30, 30),
        "till": (10, 10),
    }


async def test_a_service_that_is_started_again_goes_on(running: tuple[Market, FreshDatabase], shop: Shop) -> None:
    """What happened while partitioning, the aggregator or the ledger was not there is divided once they are."""
    services, _ = running
    await shop.opened("web", "till")
    await shop.balanced()
    await shop.comes({"web": 50, "till": 50})
    units = 50
    for service in (services.partitioning, services.aggregator):
        await service.end()
        await shop.caller.receive(SKU, "W1", 20)
        await service.begin()
        units += 10
        await shop.comes({"web": units, "till": units})
    await services.ledger.end()
    await services.ledger.begin()
    await shop.caller.receive(SKU, "W1", 20)
    await shop.comes({"web": units + 10, "till": units + 10})
    assert len(await shop.epochs()) == 4


async def test_it_acts_for_each_tenant_with_its_own_token(postgres: PostgresForTests, tmp_path: Path) -> None:
    """With tokens on, supplies are divided for whichever tenant has a policy, in the name of the service."""
    signer = Signer()
    auth = AuthSettings(jwks=str(write_key_set(tmp_path / "keys.json", signer)), issuer=ISSUER, audience=AUDIENCE)
    token_file = tmp_path / "token"
    token_file.write_text(signer.token(tenant=None, role="SERVICE"))
    with postgres.fresh(*SCHEMAS) as database:
        async with market(database, auth=auth, client=ClientSettings(token_file=token_file)) as services:
            for tenant in ("acme", "other"):
                caller = services.caller(metadata=bearer(signer.token(tenant=tenant, role="ADMINISTRATOR")))
                shop = Shop(caller, database, tenant)
                await shop.opened("web", "till")
                await shop.balanced()
                await shop.comes({"web": 50, "till": 50})
                await caller.close()
