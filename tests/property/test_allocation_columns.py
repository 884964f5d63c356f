"""The arithmetic over arrays gives what the stages explain, on generated tenants.

WEIR_ALLOCATION_CASES says how many tenants are generated: 200 unless it is set.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.worlds import PLACES, PRODUCTS, TODAY, World, balanced_worlds, bundles, links, worlds
from weir_allocation.columns import NOBODY, UNTOLD, Columns, Levels, Rows, Shares, available, last_day, unexpired
from weir_allocation.columns.arrays import Indices, Units
from weir_allocation.configuration import Configuration
from weir_allocation.exposure import exposure
from weir_allocation.goods import Goods, fit
from weir_allocation.pipeline import Question, explain
from weir_allocation.sharing import Bundle, Link
from weir_allocation.stock import ANY, Stock
from weir_allocation.supply import place
from weir_allocation.trace import Verdict

CASES = settings(
    max_examples=int(os.environ.get("WEIR_ALLOCATION_CASES") or 200),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
NUMBERS = {product: number for number, product in enumerate(PRODUCTS)}


def rows(stock: Iterable[Stock], products: Indices) -> Rows:
    """The stock items of some products, as arrays."""
    wanted = set(products.tolist())
    there = [each for each in stock if NUMBERS[each.item.owner, each.item.sku] in wanted]
    fits = [fit(each.item, ANY) is Verdict.COUNTED for each in there]
    fresh = unexpired(integers(last_day(each.expiry) for each in there), TODAY)
    return Rows(
        integers(NUMBERS[each.item.owner, each.item.sku] for each in there),
        integers(PLACES.index(each.item.location) for each in there),
        available(
            integers(each.on_hand for each in there),
            integers(each.reserved for each in there),
            np.array(fits, dtype=np.bool_) & fresh,
        ),
    )


def integers(values: Iterable[int]) -> Indices:
    """A column of them."""
    return np.array(list(values), dtype=np.int64)


def columns(configuration: Configuration) -> Columns:
    """The configuration made ready for arrays."""
    return Columns(configuration, products=list(PRODUCTS), numbers=NUMBERS, locations=list(PLACES))


def computed(made: Columns, world: World, products: Indices) -> Levels:
    """The levels of some products."""
    return made.compute(products, rows(world.stock, made.lending.reads(products)), shares(world))


def shares(world: World) -> Shares:
    """What channel groups have left, as arrays."""
    network = world.configuration().network
    places, groups = list(network.locations), sorted(network.members)
    numbered = sorted(
        (NUMBERS[product], places.index(place), groups.index(group) if group in groups else NOBODY, units)
        for (product, place, group), units in world.shares.items()
    )
    return Shares(*np.array(numbered, dtype=np.int64).reshape(len(numbered), 4).T)


def check(made: Columns, levels: Levels, products: Indices, world: World) -> None:
    """Every number of some products is what the stages explain."""
    configuration, held = world.configuration(), world.holdings()
    for at, number in enumerate(products.tolist()):
        product = PRODUCTS[number]
        left = world.left(product)
        assert levels.exposure[at] == exposure(configuration, product, held, TODAY, left)
        for name, column in made.columns.items():
            channel = configuration.network.channels[name]
            traced = explain(Question(configuration, channel, product, held, TODAY, shares=left))
            explained = (traced.supply, traced.share, traced.level if traced.told else UNTOLD)
            computed = (levels.supply[column, at], levels.share[column, at], levels.level[column, at])
            assert computed == explained, (name, product)


ALL = np.arange(len(PRODUCTS))
FEW = settings(CASES, max_examples=max(40, CASES.max_examples // 5))
some_product = st.sampled_from(range(len(PRODUCTS)))
some_products = st.sets(some_product, min_size=1).map(lambda numbers: np.array(sorted(numbers), dtype=np.int64))


@CASES
@given(balanced_worlds(), some_products)
def test_columns_agree_with_the_stages(world: World, products: Indices) -> None:
    """Supply, share, level and exposure of any products in every channel are what the trace of each one says."""
    made = columns(world.configuration())
    check(made, computed(made, world, products), products, world)


@FEW
@given(worlds(), some_products)
def test_what_is_to_be_divided_is_what_lies_in_the_group(world: World, products: Indices) -> None:
    """All that a warehouse group has of a product, whatever rules narrow; and who sells it."""
    configuration = world.configuration()
    network, goods = configuration.network, Goods(world.holdings(), ANY, TODAY)
    made = columns(configuration)
    divisible = made.divisible(products, rows(world.stock, made.lending.reads(products)))
    for at, product in enumerate(PRODUCTS[number] for number in products.tolist()):
        assert divisible.units[:, at].tolist() == [
            sum(place(product, location, configuration.sharing, goods).units_out for location in locations)
            for locations in network.locations.values()
        ]
        for warehouse_group in network.locations:
            selling = configuration.selling(warehouse_group, product)
            sold = zip(sorted(network.members), divisible.selling[:, at].tolist(), strict=True)
            assert [
                group for group, sells in sold if sells and group in network.fed.get(warehouse_group, ())
            ] == selling


@FEW
@given(balanced_worlds(), some_product, st.integers(0, 5))
def test_computing_the_readers_is_enough(world: World, changed: int, left: int) -> None:
    """Where the stock of one product changed, its readers computed anew and all others as they were are the whole."""
    made = columns(world.configuration())
    before = computed(made, world, ALL)
    product = PRODUCTS[changed]
    stock = tuple(
        replace(each, on_hand=left) if (each.item.owner, each.item.sku) == product else each for each in world.stock
    )
    after = replace(world, stock=stock)
    readers = made.lending.readers(np.array([changed]))
    for whole, former, part in zip(
        fields(computed(made, after, ALL)), fields(before), fields(computed(made, after, readers)), strict=True
    ):
        former[..., readers] = part
        assert np.array_equal(whole, former)


@FEW
@given(worlds(), links(), bundles())
def test_other_links_are_taken_over(world: World, others: tuple[Link, ...], made_up: tuple[Bundle, ...]) -> None:
    """After `lend` everything is as if it had been made so, and only readers of what came or went have changed."""
    made = columns(world.configuration())
    before = fields(computed(made, world, ALL))
    touched = world.configuration().sharing, replace(world, links=others, bundles=made_up).configuration().sharing
    made.lend(touched[1], [PRODUCTS.index(each) for each in touched[1].affected(touched[0])])
    other = replace(world, links=others, bundles=made_up)
    after = fields(computed(made, other, ALL))
    anew = fields(computed(columns(other.configuration()), other, ALL))
    assert all(np.array_equal(one, two) for one, two in zip(after, anew, strict=True))
    ends = {end for link in (*world.links, *others) for end in (link.source, link.destination)}
    ends |= {bundle.product for bundle in (*world.bundles, *made_up)}
    readers = {reader for sharing in touched for end in ends for reader in sharing.readers(end)}
    same = [number for number, product in enumerate(PRODUCTS) if product not in readers]
    assert all(np.array_equal(one[..., same], two[..., same]) for one, two in zip(before, after, strict=True))


def fields(levels: Levels) -> tuple[Units, ...]:
    """All that was computed."""
    return levels.supply, levels.share, levels.level, levels.exposure
