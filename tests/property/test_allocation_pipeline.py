"""Laws of all five stages, on generated tenants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from tests.kit.worlds import PLACES, PRODUCTS, TODAY, World, balanced_worlds, demands, holdings, policies, worlds
from weir_allocation.advice import Lever, advise
from weir_allocation.exposure import exposure
from weir_allocation.goods import Goods
from weir_allocation.pipeline import Question, Trace, explain
from weir_allocation.policy import Policy
from weir_allocation.reach import reach
from weir_allocation.sources import sources
from weir_allocation.stock import ANY, EACH, Condition, Demand, Product, Stock, StockItem
from weir_allocation.trace import Stage, Step, Subject, Verdict

MANY = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
GIVING = {
    Verdict.COUNTED,
    Verdict.COUNTED_ONCE,
    Verdict.SUM,
    Verdict.DIVIDED,
    Verdict.BALANCED,
    Verdict.HELD_BACK,
}
some_product = st.sampled_from(PRODUCTS)


def questions(world: World, product: Product, demand: Demand = ANY) -> dict[str, Question]:
    """What each channel may sell of a product."""
    configuration, held = world.configuration(), world.holdings()
    channels = configuration.network.channels
    return {
        name: Question(configuration, channels[name], product, held, TODAY, demand, world.left(product))
        for name in channels
    }


def traces(world: World, product: Product, demand: Demand = ANY) -> dict[str, Trace]:
    """How that comes about."""
    return {name: explain(question) for name, question in questions(world, product, demand).items()}


def steps(traced: Trace) -> Iterator[Step]:
    """All steps of a trace."""
    waiting = list(traced.steps)
    while waiting:
        step = waiting.pop()
        yield step
        waiting += step.steps


def check_step(step: Step) -> None:
    """The laws that `trace` states of every step."""
    assert step.units_in >= 0 or step.stage is Stage.CAP
    outs = [each.units_out for each in step.steps]
    if step.subject is Subject.ASSEMBLY:
        assert step.units_in == min(outs, default=0)
    elif step.stage is Stage.OFFER:
        assert not any(outs)
    elif outs:
        assert step.units_in == sum(outs)
    if step.stage in (Stage.SUPPLY, Stage.SPLIT):
        assert 0 <= step.units_out <= step.units_in
        assert not step.units_out or step.verdict in {*GIVING, Verdict.LATE}
    if step.stage is Stage.REACH:
        assert step.units_in == step.units_out == 0


@MANY
@given(balanced_worlds(), some_product, demands())
def test_the_books_of_every_step_balance(world: World, product: Product, demand: Demand) -> None:
    """Steps take in what their steps let out, each stage what the one before it let out; the last one is the level."""
    for traced in traces(world, product, demand).values():
        for step in steps(traced):
            check_step(step)
        outs = [step.units_out for step in traced.steps]
        if len(outs) == 2:
            assert traced.level == traced.share == traced.supply == outs[1]
            continue
        _, supplied, shared, offered, capped = traced.steps
        assert (traced.supply, traced.share, traced.level) == (outs[1], outs[2], outs[4])
        assert supplied.units_out == sum(step.units_in for step in shared.steps)
        assert (offered.units_in, capped.units_in) == (outs[2], outs[3])
        assert 0 <= traced.share <= traced.supply
        assert traced.told or not traced.level


@MANY
@given(balanced_worlds(), some_product, demands(), st.integers(0, 2**32))
def test_the_order_in_which_anything_is_given_never_matters(
    world: World, product: Product, demand: Demand, seed: int
) -> None:
    """The same world in another order gives the same trace, step by step."""
    assert traces(world, product, demand) == traces(world.shuffled(Random(seed)), product, demand)


@MANY
@given(worlds(), some_product, demands(), st.lists(st.integers(0, 3), min_size=1))
def test_more_stock_never_lowers_a_supply(world: World, product: Product, demand: Demand, more: list[int]) -> None:
    """Units that arrive anywhere, and promises given up, lower no supply."""
    before = traces(world, product, demand)
    stock = tuple(
        replace(each, on_hand=each.on_hand + more[number % len(more)], reserved=each.reserved // 2)
        for number, each in enumerate(world.stock)
    )
    after = traces(replace(world, stock=stock), product, demand)
    assert all(after[name].supply >= traced.supply for name, traced in before.items())


@MANY
@given(balanced_worlds(), some_product)
def test_a_level_is_what_the_rules_ask_for_and_no_more(world: World, product: Product) -> None:
    """No level is above the share, and so the supply, unless a rate above 100 % or a constant asked for it."""
    rule = world.configuration().rule(product)
    if rule is None or (rule.rate_percent <= 100 and rule.constant <= 0):
        assert all(traced.level <= traced.share <= traced.supply for traced in traces(world, product).values())


def serving(stock: Stock) -> bool:
    """Whether a stock item serves a demand that names nothing."""
    item = stock.item
    plain = (item.condition, item.custodian, item.uom) == (Condition.SELLABLE, "", EACH)
    return plain and (stock.expiry is None or stock.expiry >= TODAY)


def lenders(world: World, product: Product) -> dict[Product, tuple[frozenset[str], int]]:
    """Where each source lends to the product, and what it keeps; told from the links as they were drawn."""
    parents = {bundle.product for bundle in world.bundles}
    found: dict[Product, tuple[frozenset[str], int]] = {}
    for link in sorted(world.links, key=lambda each: (each.priority, each.created)):
        ends = {link.destination: link.source} | ({link.source: link.destination} if link.bidirectional else {})
        source = ends.get(product)
        if source is None or source in found:
            continue
        alike = (source in parents) == (product in parents) and (product not in parents or link.bundles)
        found[source] = (link.locations or frozenset(PLACES) if link.active and alike else frozenset(), link.keep_back)
    return found


def most_at(world: World, product: Product, location: str) -> int:
    """The most units of a product that one order can get at a location: an integer program over what lies there.

    Variables: units drawn of each source for each product wanted, and bundles put together.
    """
    units = {
        each: sum(s.available for s in world.stock if s.item.location == location and serving(s) and key(s) == each)
        for each in PRODUCTS
    }
    parents = {bundle.product: bundle for bundle in world.bundles}
    parts = dict(parents[product].parts) if product in parents else {}
    if parents.keys() & parts.keys():
        parts = {}
    draws: list[tuple[Product, Product, int]] = []
    for wanted in (product, *parts):
        draws.append((wanted, wanted, units[wanted]))
        for source, (locations, keep_back) in lenders(world, wanted).items():
            draws.append((wanted, source, max(0, units[source] - keep_back) if location in locations else 0))
    size = len(draws) + 1
    once = [[*(float(source == each) for _, source, _ in draws), 0.0] for each in PRODUCTS]
    made = [[*(float(wanted == part) for wanted, _, _ in draws), -float(parts[part])] for part in parts]
    answer = milp(
        [-float(wanted == product) for wanted, _, _ in draws] + [-float(bool(parts))],
        integrality=np.ones(size, dtype=np.int64),
        bounds=Bounds(np.zeros(size), np.array([*(float(most) for _, _, most in draws), 1e4 if parts else 0.0])),
        constraints=[
            LinearConstraint(np.array(once), -np.inf, np.array([float(units[each]) for each in PRODUCTS])),
            *([LinearConstraint(np.array(made), 0.0, np.inf)] if made else []),
        ],
    )
    assert answer.fun is not None
    return round(-answer.fun)


def key(stock: Stock) -> Product:
    """The product of a stock item."""
    return stock.item.owner, stock.item.sku


@settings(MANY, max_examples=25)
@given(worlds(), some_product)
def test_a_supply_is_what_one_order_can_be_given(world: World, product: Product) -> None:
    """At each location as much as an integer program over sources and parts can give, not a unit more or less, where
    no warehouse is late.
    """
    world = replace(world, late={})
    placed = {name: traced.steps[1].steps for name, traced in traces(world, product).items()}
    reached = {step.name: step.units_out for each in placed.values() for step in each if step.units_out}
    for location, units in reached.items():
        assert units == most_at(world, product, location)


@MANY
@given(worlds(), some_product, demands())
def test_sources_serve_together_what_the_supply_is(world: World, product: Product, demand: Demand) -> None:
    """Listed from where a channel reaches, own stock, links and what can be put together add up to its supply, where no
    warehouse is late.
    """
    world = replace(world, late={})
    for question in questions(world, product, demand).values():
        configuration = question.configuration
        reached = reach(configuration.network, question.channel, configuration.rule(product)).locations
        goods = Goods(question.holdings, demand, TODAY)
        listed = sources(product, configuration.sharing, goods, reached)
        assert sum(source.units_out for source in listed) == explain(question).supply
        for source in listed:
            assert (source.units_out > 0) == (source.verdict in GIVING)


@MANY
@given(worlds(), some_product, demands())
def test_a_late_location_counts_for_less(world: World, product: Product, demand: Demand) -> None:
    """Where a warehouse is late, of what a location holds for a product so many percent count for nobody, rounded up;
    all else is as if it were not late.
    """
    in_time = traces(replace(world, late={}), product, demand)
    for name, traced in traces(world, product, demand).items():
        by_custody = world.configuration().network.channels[name].by_custody
        for late, before in zip(traced.steps[1].steps, in_time[name].steps[1].steps, strict=True):
            percent = 0 if by_custody else world.late.get(late.name, 0)
            assert late.units_out == before.units_out - -(-before.units_out * percent // 100)
            assert (late.units_in, late.steps) == (before.units_in, before.steps)


@MANY
@given(worlds(), some_product, st.data())
def test_a_link_gives_and_its_removal_takes(world: World, product: Product, data: st.DataObject) -> None:
    """Without a link no supply is higher, no step names it, and only readers of its ends differ."""
    gone = data.draw(st.sampled_from(world.links))
    fewer = replace(world, links=tuple(link for link in world.links if link is not gone))
    sharing = world.configuration().sharing
    before, after = traces(world, product), traces(fewer, product)
    for name, traced in after.items():
        assert traced.supply <= before[name].supply
        assert all((step.subject, step.name) != (Subject.LINK, gone.link) for step in steps(traced))
    if product not in (*sharing.readers(gone.source), *sharing.readers(gone.destination)):
        assert before == after


@MANY
@given(worlds(), policies())
def test_what_is_divided_among_single_stores_is_told_once(world: World, policy: Policy) -> None:
    """Where a policy divides everything and no rule adds to it, groups of one store are not exposed."""
    homes = {channel.channel_group: channel for channel in world.channels}
    divided = replace(
        world, channels=tuple(homes.values()), policies=(replace(policy, policy="P", products=None),), rules=()
    )
    for product in PRODUCTS:
        assert exposure(divided.configuration(), product, world.holdings(), TODAY) == 0


@MANY
@given(balanced_worlds(), some_product)
def test_only_readers_can_change(world: World, product: Product) -> None:
    """What happens to the stock of a product changes nothing about one that is not among its readers."""
    sharing = world.configuration().sharing
    changed = replace(world, stock=tuple(each for each in world.stock if key(each) != product))
    for other in PRODUCTS:
        if other not in sharing.readers(product):
            assert traces(world, other) == traces(changed, other)
        if product not in sharing.reads(other):
            assert traces(world, other) == traces(changed, other)


@MANY
@given(worlds(), st.data())
def test_sharing_changes_as_if_it_had_always_been_so(world: World, data: st.DataObject) -> None:
    """Links and bundles that came and went leave no trace: what is changed answers as what is made anew."""
    kept_links = tuple(link for link in world.links if data.draw(st.booleans()))
    kept_bundles = tuple(bundle for bundle in world.bundles if data.draw(st.booleans()))
    fewer = replace(world, links=kept_links, bundles=kept_bundles).configuration().sharing
    changed = world.configuration().sharing.changed(
        without_links=[link for link in world.links if link not in kept_links],
        without_bundles=[bundle for bundle in world.bundles if bundle not in kept_bundles],
    )
    assert changed == fewer
    for product in PRODUCTS:
        assert changed.reads(product) == fewer.reads(product)
        assert changed.readers(product) == fewer.readers(product)


@MANY
@given(balanced_worlds(), some_product, demands())
def test_advice_is_true(world: World, product: Product, demand: Demand) -> None:
    """More stock as advised gives the level as said, one unit less of it does not; and what binds binds."""
    for question in questions(world, product, demand).values():
        level, advice = explain(question).level, advise(question)
        assert all(remedy.level > level for remedy in advice.remedies)
        for remedy in advice.remedies:
            if remedy.lever is Lever.STOCK:
                assert remedy.product is not None
                assert restocked(question, remedy.product, remedy.location, remedy.units) == remedy.level
                assert restocked(question, remedy.product, remedy.location, remedy.units - 1) <= level
        levers = {remedy.lever for remedy in advice.remedies}
        if advice.binding is Stage.CAP:
            assert levers <= {Lever.SELL, Lever.MAX_QUANTITY}
        if advice.binding is Stage.SUPPLY and Lever.STOCK not in levers:  # all that comes is held back for lateness
            places = [location for group in world.warehouse_groups.values() for location in group]
            assert 100 in world.late.values()
            assert all(restocked(question, product, location, 1000) <= level for location in places)


def restocked(question: Question, product: Product, location: str, units: int) -> int:
    """The level after a delivery."""
    item = StockItem(*product, location, question.demand.lot, question.demand.uom)
    stock = [*(each for several in question.holdings.values() for each in several), Stock(item, units, 0)]
    return explain(replace(question, holdings=holdings(stock))).level


OF_PLANS = {
    Verdict.EXCLUDED,
    Verdict.OWN_STOCK_ONLY,
    Verdict.LOCATIONS_EXHAUSTED,
    Verdict.ONE_LOCATION,
    Verdict.TAKEN,
    Verdict.AWAITED,
    Verdict.ORDER_INCOMPLETE,
}
"""What only orders, and those that wait, have a use for."""
OF_PERSONS = {Verdict.HUB_ACCESS_ON, Verdict.HUB_ACCESS_OFF, Subject.CUSTODIAN}
"""What is said of channels that persons sell through; tests/property/test_allocation_custody.py has those."""


def test_generated_worlds_reach_everything() -> None:
    """Every verdict comes up in the tenants that these laws are tried on, and every sort of thing gives units."""
    seen: set[object] = set()

    @settings(max_examples=120, deadline=None, derandomize=True, database=None)
    @given(balanced_worlds(), demands())
    def look(world: World, demand: Demand) -> None:
        for product in PRODUCTS[2:]:
            for traced in traces(world, product, demand).values():
                for step in steps(traced):
                    seen.add(step.verdict)
                    if step.units_out:
                        seen.add(step.subject)

    look()
    assert seen >= set(Verdict) - OF_PLANS - OF_PERSONS
    assert seen >= set(Subject) - {Subject.RULE} - OF_PERSONS
