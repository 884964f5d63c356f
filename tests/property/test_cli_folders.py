"""Laws of folders: what is written and read again is the same, wherever it is loaded, and in whatever order things
stood.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.holding import Holding
from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_pb2
from weir.partitioning.v1 import policy_pb2
from weir.pooling.v1 import pool_pb2
from weir.sharing.v1 import network_pb2
from weir.sync.v1 import connection_pb2, listing_pb2, rule_pb2
from weir_cli.exporting import export
from weir_cli.loading import load
from weir_cli.merchant.configured import plain
from weir_cli.merchant.dividing import NUMBERS
from weir_cli.merchant.state import State
from weir_cli.merchant.writing import tables

NAMES = ("A", "B, C", 'D"E', "F;G", "é H", "'", "-1", "=1+1")
"""What may be hard to put into a cell."""
KINDS = ("WAREHOUSE", "STORE")

names = st.sampled_from(NAMES)
products = st.builds(stock_pb2.Product, owner=st.sampled_from(("", "acme")), sku=names)
units = st.integers(0, 10**9)


def several(of: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Some of them, each once."""
    return st.lists(of, max_size=4, unique_by=str)


@st.composite
def policies(draw: st.DrawFn) -> policy_pb2.Policy:
    """A policy that the service would accept."""
    strategy = draw(st.sampled_from(sorted(NUMBERS)))
    balanced = strategy == "DEMAND" or draw(st.booleans())
    made = policy_pb2.Policy(
        policy=draw(names),
        display_name=draw(st.sampled_from(("", 'two\nlines, "so"'))),
        priority=draw(st.integers(1, 8)),
        strategy=policy_pb2.Strategy.Value(f"STRATEGY_{strategy}"),
        mode=2 if balanced else draw(st.sampled_from([0, 1])),  # type: ignore[arg-type]
        enforce=not balanced and draw(st.booleans()),
        products=draw(several(products)),
        disabled=draw(st.booleans()),
    )
    if strategy == "SAFETY_STOCK":
        setattr(made, draw(st.sampled_from(("buffer_units", "buffer_percent"))), draw(st.integers(0, 100)))
    if balanced:
        made.threshold_percent, made.hysteresis_units = draw(st.integers(0, 100)), draw(units)
        if draw(st.booleans()):
            made.rebalance_interval.FromMilliseconds(draw(st.integers(60_000, 30 * 86_400_000)))
    if strategy == "DEMAND":
        made.demand_days, made.damping_percent = draw(st.integers(0, 365)), draw(st.integers(0, 99))
    for group in draw(st.lists(names, min_size=strategy in ("RANKED", "FIXED"), max_size=4, unique=True)):
        part = made.parts.add(channel_group=group, rank=draw(st.integers(0, 3)))
        for number in NUMBERS[strategy]:
            setattr(part, number, draw(st.integers(0, 25)))
        if draw(st.booleans()):
            part.cap = draw(units)
        if balanced:
            part.protected_percent = draw(st.integers(0, 100))
    return made


@st.composite
def rules(draw: st.DrawFn) -> rule_pb2.Rule:
    """A rule that the service would accept."""
    stores = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    made = rule_pb2.Rule(
        rule=draw(names),
        priority=draw(st.integers(1, 8)),
        stores=stores,
        products=draw(several(products)),
        warehouses=draw(several(names)),
        threshold=draw(units),
        rate_percent=draw(st.one_of(st.none(), st.integers(0, 1000))),
        constant=draw(st.integers(-(10**9), 10**9)),
        rounding=draw(st.sampled_from([0, 1, 2, 3])),  # type: ignore[arg-type]
        disabled=draw(st.booleans()),
    )
    if draw(st.booleans()):
        made.priority_store = draw(st.sampled_from(stores))
        made.priority_quantity = draw(units)
    return made


@st.composite
def limits(draw: st.DrawFn) -> rule_pb2.StoreLimits:
    """Limits that limit something."""
    made = rule_pb2.StoreLimits(store=draw(names))
    made.denied.products.extend(draw(several(products)))
    if draw(st.booleans()):
        made.allowed.SetInParent()
        made.allowed.products.extend(draw(several(products)))
    if draw(st.booleans()) or not (made.denied.products or made.HasField("allowed")):
        made.max_quantity = draw(units)
    return made


def tried(of: st.SearchStrategy[Any], name: str) -> st.SearchStrategy[list[Any]]:
    """Some that are tried in order: no two of one name, none of one priority."""
    return st.lists(of, max_size=4, unique_by=(lambda each: getattr(each, name), lambda each: each.priority))


@st.composite
def people(draw: st.DrawFn) -> tuple[dict[str, pool_pb2.User], dict[str, pool_pb2.Pool]]:
    """Persons and three pools that the service would accept."""
    order = draw(st.permutations(NAMES))
    channels = iter(draw(st.permutations(NAMES)))
    users, pools = {}, {}
    for place, name in enumerate(order):
        role = pool_pb2.USER_ROLE_DISTRIBUTOR if place < 3 else draw(st.sampled_from([1, 2, 3]))
        channel = draw(st.sampled_from(["", next(channels)]))
        users[name] = pool_pb2.User(user=name, role=role, channel=channel)  # type: ignore[arg-type]
    reps = [name for name in NAMES if users[name].role == pool_pb2.USER_ROLE_REP]
    where = {name: draw(st.integers(0, 3)) for name in reps}
    for place in range(3):
        pools[NAMES[place]] = pool_pb2.Pool(
            pool=NAMES[place],
            hub=order[place],
            members=[name for name in reps if where[name] == place],
            access_hub_stock=draw(st.booleans()),
        )
    return users, pools


@st.composite
def connections(draw: st.DrawFn) -> list[connection_pb2.Connection]:
    """Stores of different channels, and warehouses, as the service would keep them."""
    made: list[connection_pb2.Connection] = []
    for name, channel in draw(st.dictionaries(names, names, max_size=4)).items():
        store = draw(st.booleans()) and all(each.channel != channel for each in made)
        each = connection_pb2.Connection(
            connection=name,
            role=connection_pb2.CONNECTION_ROLE_STORE if store else connection_pb2.CONNECTION_ROLE_WAREHOUSE,
            kind=draw(st.sampled_from(range(1, 10))),  # type: ignore[arg-type]
            display_name=draw(st.sampled_from(("", 'two\nlines, "so"'))),
            settings=draw(st.dictionaries(names.filter(lambda name: "=" not in name), names, max_size=3)),
            secret_names=draw(several(names)),
        )
        if store:
            each.channel, each.push_levels, each.take_orders = channel, draw(st.booleans()), draw(st.booleans())
        else:
            each.pull_stock, each.late_buffer_percent = draw(st.booleans()), draw(st.integers(0, 100))
            each.feed.on_hand, each.feed.absent_is_zero = draw(st.booleans()), draw(st.booleans())
            each.feed.left_out = draw(st.sampled_from([1, 2, 3]))  # type: ignore[assignment]
            for facility, location in draw(st.dictionaries(names, names, max_size=3)).items():
                each.facilities.add(facility=facility, location=location)
            if draw(st.booleans()):
                each.late_after_duration.FromSeconds(draw(st.integers(60, 30 * 86_400)))
        made.append(each)
    return made


@st.composite
def schedules(draw: st.DrawFn, connection: str) -> connection_pb2.Schedule:
    """A schedule as the service would keep it."""
    made = connection_pb2.Schedule(
        connection=connection, schedule=draw(names), full=draw(st.booleans()), disabled=draw(st.booleans())
    )
    if draw(st.booleans()):
        made.sync_interval.FromSeconds(draw(st.integers(60, 30 * 86_400)))
    else:
        made.cron, made.time_zone = "0,30 3 * * 1-5", draw(st.sampled_from(("UTC", "Europe/Berlin")))
    return made


@st.composite
def states(draw: st.DrawFn) -> State:
    """What a suite may hold: every name there is, and whatever the services would accept about them."""
    state = State()
    for name in NAMES:
        kind = ledger_pb2.LocationKind.Value(f"LOCATION_KIND_{draw(st.sampled_from(KINDS))}")
        state.locations[name] = ledger_pb2.Location(location=name, kind=kind)
        state.channel_groups[name] = network_pb2.ChannelGroup(
            channel_group=name, display_name=draw(st.sampled_from(("", "Name")))
        )
        state.channels[name] = network_pb2.Channel(
            channel=name, kind=network_pb2.CHANNEL_KIND_REP, channel_group=draw(names)
        )
    own = network_pb2.ChannelGroup(channel_group="till", own_channel="till")
    state.channel_groups["till"] = own
    state.channels["till"] = network_pb2.Channel(
        channel="till", kind=network_pb2.CHANNEL_KIND_POS, channel_group="till"
    )
    state.groups["empty"] = network_pb2.WarehouseGroup(warehouse_group="empty")
    state.groups["full"] = network_pb2.WarehouseGroup(warehouse_group="full", locations=draw(several(names)))
    state.links["full", "till"] = network_pb2.GroupLink(warehouse_group="full", channel_group="till")
    for lot in draw(several(names)):
        state.lots[("", "A"), lot] = ledger_pb2.Lot(
            product=stock_pb2.Product(sku="A"), lot=lot, expiry_date=draw(st.sampled_from(("2027-01-31", "2028-02-29")))
        )
    for owner, sku in draw(st.sampled_from(([], [("", "A")], [("", "A"), ("acme", "F;G")]))):
        parts = [stock_pb2.Product(owner=owner, sku=each) for each in draw(st.sampled_from((["é H"], ["'", "-1"])))]
        state.bundles[owner, sku] = network_pb2.Bundle(
            product=stock_pb2.Product(owner=owner, sku=sku),
            components=[network_pb2.Component(product=part, quantity=draw(st.integers(1, 10**6))) for part in parts],
        )
    plain_ones = [("acme", "-1"), ("", "B, C"), ("", "é H")]
    for number, (source, destination) in enumerate(draw(st.permutations([(0, 1), (1, 2), (2, 0)]))):
        ends = plain_ones[source], plain_ones[destination]
        state.product_links[ends] = network_pb2.ProductLink(
            source=stock_pb2.Product(owner=ends[0][0], sku=ends[0][1]),
            destination=stock_pb2.Product(owner=ends[1][0], sku=ends[1][1]),
            bidirectional=draw(st.booleans()),
            locations=draw(several(names)),
            priority=draw(st.integers(0, 3)),
            keep_back=draw(units),
            shares_bundles=draw(st.booleans()),
            disabled=draw(st.booleans()),
            created_revision=number + 1,
        )
    state.policies = {each.policy: each for each in draw(tried(policies(), "policy"))}
    state.rules = {each.rule: each for each in draw(tried(rules(), "rule"))}
    state.limits = {
        each.store: each for each in draw(st.lists(limits(), max_size=3, unique_by=lambda each: each.store))
    }
    state.users, state.pools = draw(people())
    state.connections = {each.connection: each for each in draw(connections())}
    for name in state.connections:
        for each in draw(st.lists(schedules(name), max_size=2, unique_by=lambda each: each.schedule)):
            state.schedules[name, each.schedule] = each
        for store_sku, product in draw(st.dictionaries(names, products, max_size=3)).items():
            state.listings[name, store_sku] = listing_pb2.Listing(
                connection=name, store_sku=store_sku, product=product, disabled=draw(st.booleans())
            )
    return state


@given(state=states())
@settings(max_examples=60, deadline=None)
def test_what_was_written_loads_into_an_empty_suite_as_it_was(state: State) -> None:
    """Exported and loaded elsewhere, everything is as it was; loaded where it came from, nothing is changed."""
    here, there = Holding(), Holding()
    here.state = state
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory) / "merchant"
        assert asyncio.run(export(here.session(), folder, stock=False, replace=False)).exit_status == 0
        for holding in (here, there):
            said = asyncio.run(load(holding.session(), folder, dry_run=False))
            assert said.exit_status == 0, said.document
    assert here.calls == []
    assert tables(there.state) == tables(here.state)
    assert [plain(each) for each in sorted_by_name(there.state)] == [plain(each) for each in sorted_by_name(state)]


def sorted_by_name(state: State) -> list[Any]:
    """Policies, rules and limits, persons and pools, connections and all that is theirs."""
    sorts: tuple[dict[Any, Any], ...] = (
        state.policies, state.rules, state.limits, state.users, state.pools, state.connections, state.schedules,
        state.listings,
    )  # fmt: skip
    return [each for kept in sorts for _, each in sorted(kept.items())]


@given(before=people(), after=people())
@settings(max_examples=100, deadline=None)
def test_persons_change_places_in_any_way(before: Any, after: Any) -> None:
    """Whoever leaves, enters, becomes a hub or sells through another's channel, on the way nobody is in two places or
    in one that is not for him; only hubs that change places with one another are told to go by way of a third."""
    source, target = named_only(), named_only()
    for holding, (users, pools) in ((source, after), (target, before)):
        for name in NAMES:
            holding.state.channels[name].kind = network_pb2.CHANNEL_KIND_REP
        holding.state.users, holding.state.pools = dict(users), dict(pools)
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(export(source.session(), Path(directory), stock=False, replace=True))
        said = asyncio.run(load(target.session(), Path(directory), dry_run=False))
    if said.exit_status:
        assert target.calls == []
        assert all("change places" in each["description"] for each in said.document["faults"])
        return
    assert {name: plain(each) for name, each in target.state.users.items()} == after[0]
    assert {name: plain(each) for name, each in target.state.pools.items()} == {
        name: plain(each) for name, each in after[1].items()
    }


@given(before=tried(rules(), "rule"), after=tried(rules(), "rule"), unplaced=st.sets(names))
@settings(max_examples=100, deadline=None)
def test_rules_change_places_in_any_way(
    before: list[rule_pb2.Rule], after: list[rule_pb2.Rule], unplaced: set[str]
) -> None:
    """However priorities move, no two are ever the same on the way; one without stays where it is, or comes last."""
    source, target = named_only(), named_only()
    for each in after:
        each.priority = 0 if each.rule in unplaced else each.priority
    source.state.rules = {each.rule: each for each in after}
    target.state.rules = {each.rule: plain(each) for each in before}
    former = {each.rule: each.priority for each in before}
    placed = {each.rule: each.priority for each in after if each.priority}
    staying = {name: priority for name, priority in former.items() if name not in placed}
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(export(source.session(), Path(directory), stock=False, replace=True))
        said = asyncio.run(load(target.session(), Path(directory), dry_run=False))
    if set(placed.values()) & set(staying.values()):
        assert (said.exit_status, target.calls) == (2, []), said.document
        return
    assert said.exit_status == 0, said.document
    found = {name: each.priority for name, each in target.state.rules.items()}
    settled = {**staying, **placed}
    assert {name: found[name] for name in settled} == settled
    assert all(found[name] > max([0, *settled.values()]) for name in found if name not in settled)


def named_only() -> Holding:
    """A suite with every name, and nothing said about them."""
    made = Holding()
    for name in NAMES:
        made.state.locations[name] = ledger_pb2.Location(location=name, kind=ledger_pb2.LOCATION_KIND_STORE)
        own = network_pb2.ChannelGroup(channel_group=name, own_channel=name)
        made.state.channel_groups[name] = own
        kind = network_pb2.CHANNEL_KIND_POS
        made.state.channels[name] = network_pb2.Channel(channel=name, kind=kind, channel_group=name)
    return made
