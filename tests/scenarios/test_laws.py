"""Laws of what is answered, held through the API on generated tenants: the suite answers what the arithmetic says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.kit.asking import explained, inner
from tests.kit.founding import Founding, allowed, goods, told
from tests.kit.merchant import Merchant
from tests.kit.stories import Asked, Has, Without
from tests.kit.worlds import World, worlds
from weir.aggregator.v1 import availability_service_pb2 as pb
from weir.aggregator.v1 import explanation_pb2
from weir.common.v1 import verdict_pb2
from weir_allocation.pipeline import Question, explain
from weir_allocation.stock import Product, Stock

WORLDS = 6

Number = tuple[int, int, int | None]
"""Supply, share and level; None for a level that is told to nobody."""
Numbers = dict[tuple[str, Product], Number]
"""By channel and product."""


def drawn() -> list[World]:
    """Generated tenants as the services let them be, always the same, no two alike; those left out in which little
    happens.
    """
    found: dict[tuple[Stock, ...], World] = {}

    @settings(
        max_examples=10 * WORLDS,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(worlds())
    def draw(world: World) -> None:
        made = allowed(world, datetime.now(UTC).date())
        if made.links and made.rules and (made.bundles or made.policies):
            numbers = computed(made)
            if 3 * sum(supply > 0 for supply, _, _ in numbers.values()) > len(numbers):
                found.setdefault(made.stock, made)

    draw()
    assert len(found) >= WORLDS
    return list(found.values())[:WORLDS]


@pytest.fixture(scope="module")
def every() -> list[World]:
    """The tenants of these tests."""
    return drawn()


@pytest.fixture(params=range(WORLDS))
def world(request: pytest.FixtureRequest, every: list[World]) -> World:
    """One of them."""
    number: int = request.param
    return every[number]


async def found(merchant: Merchant, world: World) -> Founding:
    """Set the world up."""
    founding = Founding(merchant)
    for said in told(world):
        await founding.add(said)
    return founding


def grown_by(stock: Stock, units: int) -> Stock:
    """The stock item with so many units more."""
    return replace(stock, on_hand=stock.on_hand + units)


def products(world: World) -> list[Product]:
    """Every product that the world knows."""
    known = {(each.item.owner, each.item.sku) for each in world.stock} | {each.product for each in world.bundles}
    return sorted(known | {end for link in world.links for end in (link.source, link.destination)})


def computed(world: World) -> Numbers:
    """What the arithmetic says."""
    configuration, held, today = world.configuration(), world.holdings(), datetime.now(UTC).date()
    numbers: Numbers = {}
    for name, channel in configuration.network.channels.items():
        for product in products(world):
            traced = explain(Question(configuration, channel, product, held, today))
            numbers[name, product] = (traced.supply, traced.share, traced.level if traced.told else None)
    return numbers


async def answered(merchant: Merchant, world: World) -> Numbers:
    """What the suite says, at least as new as everything that was written."""
    numbers: Numbers = {}
    for channel in world.channels:
        for product in products(world):
            answer = await merchant.stubs.availability.GetAvailability(
                pb.GetAvailabilityRequest(
                    product=goods(product), channel=channel.channel, freshness=merchant.freshness()
                )
            )
            level = None if answer.untold else answer.level
            numbers[channel.channel, product] = (answer.supply, answer.share, level)
    return numbers


async def test_the_suite_answers_what_the_arithmetic_says(merchant: Merchant, world: World) -> None:
    """Supply, share and level of every product in every channel; and no share is more than the supply, no level more
    than the share, unless a rate above 100 % or a constant asks for it."""
    await found(merchant, world)
    numbers = await answered(merchant, world)
    assert numbers == computed(world)
    for (_, product), (supply, share, level) in numbers.items():
        rule = world.configuration().rule(product)
        asks_for_more = rule is not None and (rule.rate_percent > 100 or rule.constant > 0)
        assert 0 <= share <= supply
        assert asks_for_more or (level or 0) <= share


async def test_shares_and_what_is_held_back_are_the_supply(merchant: Merchant, world: World) -> None:
    """Wherever an explanation shows a division, its shares and what nobody gets add up to what was divided."""
    await found(merchant, world)
    for channel in world.channels:
        for product in products(world):
            answer = await explained(merchant, Asked("share", product, ()), channel.channel)
            for step in inner(answer.steps):
                rest = [each for each in step.steps if each.verdict == verdict_pb2.VERDICT_HELD_BACK]
                if rest:
                    assert step.stage == explanation_pb2.STAGE_SPLIT
                    assert sum(each.units_out for each in step.steps) == step.units_in
                    assert all(each.units_out >= 0 for each in step.steps)


async def test_the_order_in_which_things_are_said_does_not_matter(merchant: Merchant, world: World) -> None:
    """A tenant that was set up in another order is answered the same."""
    await found(merchant, world.shuffled(Random(7)))
    assert await answered(merchant, world) == computed(world)


async def test_more_stock_never_lowers_a_supply(merchant: Merchant, world: World) -> None:
    """After each stock item has got some units more, no channel has less of anything to divide."""
    founding = await found(merchant, world)
    before = await answered(merchant, world)
    more = [grown_by(each, 1 + place % 3) for place, each in enumerate(world.stock)]
    for each in more:
        await founding.add(Has(each.item, each.on_hand))
    after = await answered(merchant, world)
    assert all(after[key][0] >= supply for key, (supply, _, _) in before.items())
    assert after == computed(replace(world, stock=tuple(more)))


async def test_what_was_removed_is_never_seen_again(merchant: Merchant, world: World) -> None:
    """Links, policies and rules go one by one; every answer after is as if what has gone had never been, even when the
    stock that it touched has grown."""
    founding = await found(merchant, world)
    for link in world.links:
        world = replace(world, links=tuple(each for each in world.links if each != link))
        await founding.add(Without(link))
        grown = tuple(
            grown_by(each, 100 if (each.item.owner, each.item.sku) == link.source else 0) for each in world.stock
        )
        for each in [now for now, before in zip(grown, world.stock, strict=True) if now != before]:
            await founding.add(Has(each.item, each.on_hand))
        world = replace(world, stock=grown)
        assert await answered(merchant, world) == computed(world)
    for policy in world.policies:
        await founding.add(Without(policy))
    for rule in world.rules:
        await founding.add(Without(rule))
    assert await answered(merchant, world) == computed(replace(world, policies=(), rules=()))
