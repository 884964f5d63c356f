"""Laws of the arithmetic, on generated networks and stock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.kit.markets import PRODUCTS, Objects, demands, objects, stock
from tests.kit.worlds import TODAY, holdings
from weir_aggregator.wire.sentences import sentence
from weir_allocation.configuration import Configuration
from weir_allocation.network import Network
from weir_allocation.pipeline import Question, Trace, explain
from weir_allocation.stock import Demand, Product, Stock
from weir_allocation.trace import Step, Verdict


def traces(network: Network, there: list[Stock], demand: Demand) -> dict[tuple[str, Product], Trace]:
    """The trace of every product in every channel, where nothing is shared, divided or ruled."""
    configuration, held = Configuration.of(network), holdings(there)
    return {
        (name, product): explain(Question(configuration, channel, product, held, TODAY, demand))
        for name, channel in network.channels.items()
        for product in PRODUCTS
    }


def steps(stages: Iterable[Step]) -> Iterator[Step]:
    """All steps of some stages."""
    waiting = list(stages)
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
    """No step of reach and supply lets out less than nothing or more than it took in; it takes in what its steps let
    out, and the stages after them let all of that through."""
    for traced in traces(made.network(), there, demand).values():
        assert traced.level == traced.supply == traced.steps[-1].units_out
        for step in steps(traced.steps[:2]):
            assert 0 <= step.units_out <= step.units_in
            assert not step.units_out or step.verdict in (Verdict.COUNTED, Verdict.SUM)
            assert step.item is not None or step.units_in == sum(each.units_out for each in step.steps)
        assert all(sentence(step) for step in steps(traced.steps))


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
