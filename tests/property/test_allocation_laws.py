"""Laws of the arithmetic, on generated networks and stock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.markets import LOCATIONS, PRODUCTS, Objects, demands, objects, stock
from weir_aggregator.wire.sentences import sentence
from weir_allocation.columns import available, channel_groups, reaching, supplies
from weir_allocation.goods import fit
from weir_allocation.network import Network
from weir_allocation.pipeline import Trace, trace
from weir_allocation.stock import ANY, Demand, Stock
from weir_allocation.trace import Step, Verdict


def traces(network: Network, there: list[Stock], demand: Demand) -> dict[tuple[str, tuple[str, str]], Trace]:
    """The trace of every product in every channel."""
    return {
        (name, (owner, sku)): trace(
            network, channel, sku, [each for each in there if (each.item.owner, each.item.sku) == (owner, sku)], demand
        )
        for name, channel in network.channels.items()
        for owner, sku in PRODUCTS
    }


def steps(traced: Trace) -> Iterator[Step]:
    """All steps of a trace."""
    waiting = list(traced.steps)
    while waiting:
        step = waiting.pop()
        yield step
        waiting += step.steps


@given(objects(), stock(), demands(), st.randoms(use_true_random=False))
def test_the_order_in_which_anything_is_given_never_matters(
    made: Objects, there: list[Stock], demand: Demand, chance: Random
) -> None:
    """The same groups, channels, links and stock in another order give the same trace, step by step."""
    shuffled = list(there)
    mixed = Objects(
        dict(reversed(made.warehouse_groups.items())), tuple(reversed(made.channels)), tuple(reversed(made.links))
    )
    chance.shuffle(shuffled)
    assert traces(made.network(), there, demand) == traces(mixed.network(), shuffled, demand)


@given(objects(), stock(), demands())
def test_the_books_of_every_step_balance(made: Objects, there: list[Stock], demand: Demand) -> None:
    """No step lets out less than nothing or more than it took in, and it takes in what its steps let out."""
    for traced in traces(made.network(), there, demand).values():
        assert traced.level == traced.supply == traced.steps[-1].units_out
        for step in steps(traced):
            assert 0 <= step.units_out <= step.units_in
            assert not step.units_out or step.verdict in (Verdict.COUNTED, Verdict.SUM)
            assert step.item is not None or step.units_in == sum(each.units_out for each in step.steps)
            assert sentence(step)


@given(objects(), stock(), demands(), st.data())
def test_more_stock_never_lowers_a_supply(
    made: Objects, there: list[Stock], demand: Demand, data: st.DataObject
) -> None:
    """Adding units to any stock item, or giving a promise up, lowers no level anywhere."""
    network = made.network()
    before = traces(network, there, demand)
    more = [
        replace(
            each,
            on_hand=each.on_hand + data.draw(st.integers(0, 3)),
            reserved=data.draw(st.integers(0, each.reserved)),
        )
        for each in there
    ]
    after = traces(network, more, demand)
    assert all(after[key].level >= traced.level for key, traced in before.items())


@given(objects(), stock(), demands(), st.data())
def test_a_link_gives_and_its_removal_takes(
    made: Objects, there: list[Stock], demand: Demand, data: st.DataObject
) -> None:
    """Without a link no level is higher, and channels of other groups keep theirs."""
    if not made.links:
        return
    gone = data.draw(st.sampled_from(made.links))
    fewer = replace(made, links=tuple(link for link in made.links if link != gone))
    before, after = traces(made.network(), there, demand), traces(fewer.network(), there, demand)
    for (channel, product), traced in before.items():
        assert after[channel, product].level <= traced.level
        if made.network().channels[channel].channel_group != gone[1]:
            assert after[channel, product] == traced


@given(objects(), stock())
def test_columns_agree_with_the_stages(made: Objects, there: list[Stock]) -> None:
    """The arithmetic over arrays gives every product in every channel group the supply that the stages explain."""
    network = made.network()
    groups = channel_groups(network)
    stocked = [product for product in PRODUCTS if any((each.item.owner, each.item.sku) == product for each in there)]
    rows = [each for product in stocked for each in there if (each.item.owner, each.item.sku) == product]
    first = [(each.item.owner, each.item.sku) for each in rows]
    computed = supplies(
        reaching(network, groups, LOCATIONS),
        np.array([LOCATIONS.index(each.item.location) for each in rows], dtype=np.int64),
        available(
            np.array([each.on_hand for each in rows], dtype=np.int64),
            np.array([each.reserved for each in rows], dtype=np.int64),
            np.array([fit(each.item, ANY) is Verdict.COUNTED for each in rows], dtype=np.bool_),
        ),
        np.array([first.index(product) for product in stocked], dtype=np.int64),
    )
    explained = traces(network, there, ANY)
    for name, channel in network.channels.items():
        if not channel.by_custody:
            levels = computed[groups.index(channel.channel_group)].tolist()
            assert levels == [explained[name, product].level for product in stocked]
