"""Custody over arrays gives what the stages explain, on generated tenants, and persons sell what is theirs to sell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.worlds import PERSONS, PLACES, PRODUCTS, TODAY, World, demands, peopled_worlds
from tests.property.test_allocation_columns import FEW, NUMBERS, columns, integers, some_products
from tests.property.test_allocation_pipeline import some_product
from weir_allocation.advice import Lever, advise
from weir_allocation.columns import UNTOLD, Custody, Given, Held, available, last_day, unexpired
from weir_allocation.columns.arrays import Indices
from weir_allocation.configuration import Configuration
from weir_allocation.custody import Seller, View
from weir_allocation.goods import fit
from weir_allocation.network import Channel, Network
from weir_allocation.pipeline import Question, explain
from weir_allocation.stock import ANY, Demand, Product, Stock, StockItem
from weir_allocation.trace import Stage, Verdict

BIKE: Product = ("", "BIKE")
HELD = (("ann", "trunk of ann", 3), ("dora", "clinic", 4), ("dora", "depot", 6), ("bob", "depot", 7), ("", "depot", 9))
CUSTODIANS = (*reversed(PERSONS), "nobody")


def held(stock: Iterable[Stock], products: Indices) -> Held:
    """The stock items of some products that are in custody, as arrays."""
    wanted = set(products.tolist())
    there = [each for each in stock if NUMBERS[each.item.owner, each.item.sku] in wanted and each.item.custodian]
    fits = [fit(each.item, ANY, PERSONS) is Verdict.COUNTED for each in there]
    fresh = unexpired(integers(last_day(each.expiry) for each in there), TODAY)
    return Held(
        integers(NUMBERS[each.item.owner, each.item.sku] for each in there),
        integers(PLACES.index(each.item.location) for each in there),
        integers(CUSTODIANS.index(each.item.custodian) for each in there),
        available(
            integers(each.on_hand for each in there),
            integers(each.reserved for each in there),
            np.array(fits, dtype=np.bool_) & fresh,
        ),
    )


def custody(world: World) -> Custody:
    """The world made ready for arrays."""
    return Custody(world.configuration(), custodians=CUSTODIANS, locations=PLACES)


def computed(made: Custody, world: World, products: Indices) -> Given:
    """What is given of some products."""
    lending = columns(world.configuration()).lending
    return made.compute(lending, products, held(world.stock, lending.reads(products)))


def asked(world: World, channel: str, product: Product, view: View = View.BOTH, demand: Demand = ANY) -> Question:
    """What may be sold through a channel."""
    configuration = world.configuration()
    sells = configuration.network.channels[channel]
    return Question(configuration, sells, product, world.holdings(), TODAY, demand, view=view)


@FEW
@given(peopled_worlds(), some_products)
def test_custody_agrees_with_the_stages(world: World, products: Indices) -> None:
    """The level of any products in every channel that a person sells through, and what each view of it gives, are what
    the trace of each one says.
    """
    made = custody(world)
    found = computed(made, world, products)
    assert list(made.channels) == sorted(world.sellers)
    names = [PRODUCTS[number] for number in products.tolist()]
    levels = made.levels(list(made.channels), names, found.placed(products))
    for channel, row in zip(made.channels, levels.tolist(), strict=True):
        for number, level in zip(products.tolist(), row, strict=True):
            traced = explain(asked(world, channel, PRODUCTS[number]))
            assert level == (traced.level if traced.told else UNTOLD)
            for view in View:
                holders = np.array(made.holders(channel, view), dtype=np.int64)
                units = found.at(np.full(len(holders), number), holders).sum()
                assert units == explain(asked(world, channel, PRODUCTS[number], view)).supply


@FEW
@given(peopled_worlds(), some_product, demands())
def test_two_custodies_give_at_least_what_each_gives(world: World, product: Product, demand: Demand) -> None:
    """A view of both is never less than the two views together, and just that where nothing is put together or kept
    back; with the hub's stock shut a person has what is his.
    """
    plain = replace(world, bundles=(), links=tuple(replace(each, keep_back=0) for each in world.links))
    for channel, seller in world.sellers.items():
        own, shared, both = (explain(asked(world, channel, product, view, demand)).supply for view in View)
        if seller.user == seller.hub:
            assert own == both
            assert shared == (own if seller.hub_access else 0)
            continue
        assert both >= own + shared
        own, shared, both = (explain(asked(plain, channel, product, view, demand)).supply for view in View)
        assert both == own + shared
        assert seller.hub_access or not shared


@FEW
@given(peopled_worlds(), some_product)
def test_nobody_learns_of_others(world: World, product: Product) -> None:
    """What anybody else has, in his custody or a warehouse, is in no step of a person's explanation."""
    for channel, seller in world.sellers.items():
        seen = seller.custodians(View.BOTH)
        without = replace(world, stock=tuple(each for each in world.stock if each.item.custodian in seen))
        assert explain(asked(world, channel, product)) == explain(asked(without, channel, product))


@FEW
@given(peopled_worlds(), some_product, st.sampled_from(View))
def test_advice_to_a_person_is_true(world: World, product: Product, view: View) -> None:
    """More stock as advised, in his custody, gives the level as said; and what binds binds."""
    for channel in world.sellers:
        question = asked(world, channel, product, view)
        level, advice = explain(question).level, advise(question)
        levers = {remedy.lever for remedy in advice.remedies}
        assert all(remedy.level > level for remedy in advice.remedies)
        assert levers <= {
            Lever.SELL,
            Lever.MAX_QUANTITY,
            Lever.LINK_ACTIVE,
            Lever.BUNDLE_FLAG,
            Lever.LINK_LOCATIONS,
            Lever.KEEP_BACK,
            Lever.STOCK,
        }
        assert advice.binding in (Stage.CAP, Stage.SUPPLY, Stage.REACH)
        if advice.binding is Stage.SUPPLY:
            assert Lever.STOCK in levers


def test_the_golden_pool() -> None:
    """A rep has 3 and his hub 10: 3, 10 and 13; and 3, nothing and 3 while the hub's stock is not open."""
    there = [Stock(StockItem(*BIKE, place, custodian=person), units, 0) for person, place, units in HELD]
    network = Network.of(warehouse_groups={}, channels=[Channel("rep-ann", "rep-ann", by_custody=True)], links=())
    for hub_access, expected in ((True, [3, 10, 13]), (False, [3, 0, 3])):
        sellers = {"rep-ann": Seller("ann", "dora", hub_access)}
        asked = Question(
            Configuration.of(network, sellers=sellers), network.channels["rep-ann"], BIKE, {BIKE: there}, TODAY
        )
        assert [explain(replace(asked, view=view)).level for view in View] == expected
