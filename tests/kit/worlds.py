"""Generated tenants, with everything an answer depends on: small enough that everything meets everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import combinations
from random import Random
from typing import TypeVar

from hypothesis import strategies as st

from weir_allocation.configuration import Configuration
from weir_allocation.custody import Seller
from weir_allocation.network import Channel, Network
from weir_allocation.policy import Mode, Part, Policy, Strategy
from weir_allocation.rules import Limits, Rounding, Rule
from weir_allocation.sharing import NO_SHARING, Bundle, Link
from weir_allocation.stock import ANY, EACH, Condition, Demand, Holdings, Product, Stock, StockItem

T = TypeVar("T")

TODAY = date(2026, 3, 1)
LOCATIONS = ("L0", "L1", "L2", "L3", "L4")
GROUPS = ("W0", "W1")
FIXED = ("WF", "LF")
"""A warehouse group with one location that is shared with nobody."""
CHANNEL_GROUPS = ("G0", "G1", "G2")
SHARING = (*CHANNEL_GROUPS, "GX")
"""Channel groups that may have shares; the last has no channels."""
CHANNELS = ("C0", "C1", "C2", "C3")
PRODUCTS: tuple[Product, ...] = (("", "A"), ("", "B"), ("", "C"), ("", "D"), ("other", "A"))
BUNDLED = (("", "D"), ("other", "A"))
"""Products that are bundles more often than others."""
PLACES = (*LOCATIONS, FIXED[1])
CONTINUOUS = tuple(strategy for strategy in Strategy if strategy is not Strategy.DEMAND)
"""Strategies that may divide all the time."""
SORTS = (
    ("LOT1", EACH, "", Condition.SELLABLE),
    ("LOT1", EACH, "", Condition.SELLABLE),
    ("LOT2", EACH, "", Condition.SELLABLE),
    ("", "CARTON", "", Condition.SELLABLE),
    ("LOT1", "CARTON", "", Condition.SELLABLE),
    ("", EACH, "ann", Condition.SELLABLE),
    ("", EACH, "", Condition.HOLD),
    ("LOT2", EACH, "", Condition.DAMAGED),
)
"""Lot, unit of measure, custodian and condition of what is not the plain sort."""
PERSONS = ("ann", "bob", "hub")


@dataclass(frozen=True)
class World:
    """What a tenant has configured, and what lies where."""

    warehouse_groups: dict[str, tuple[str, ...]]
    channels: tuple[Channel, ...]
    group_links: tuple[tuple[str, str], ...]
    links: tuple[Link, ...]
    bundles: tuple[Bundle, ...]
    policies: tuple[Policy, ...]
    rules: tuple[Rule, ...]
    limits: dict[str, Limits]
    stock: tuple[Stock, ...]
    shares: dict[tuple[Product, str, str], int] = field(default_factory=dict)
    """What channel groups have left, by product, warehouse group and channel group."""
    sellers: dict[str, Seller] = field(default_factory=dict)
    """Who sells through channels."""
    late: dict[str, int] = field(default_factory=dict)
    """Locations whose warehouse is late, and how much of what lies there does not count, in percent."""

    def configuration(self) -> Configuration:
        """What is configured."""
        return Configuration.of(
            Network.of(warehouse_groups=self.warehouse_groups, channels=self.channels, links=self.group_links),
            sharing=NO_SHARING.changed(links=self.links, bundles=self.bundles),
            policies=self.policies,
            rules=self.rules,
            limits=self.limits,
            sellers=self.sellers,
            late=self.late,
        )

    def holdings(self) -> Holdings:
        """What lies where."""
        return holdings(self.stock)

    def left(self, product: Product) -> dict[tuple[str, str], int]:
        """What channel groups have left of their shares of a product, by warehouse group and channel group."""
        return {(place, group): units for (each, place, group), units in self.shares.items() if each == product}

    def shuffled(self, chance: Random) -> World:
        """The same world, all of it given in another order."""

        def mixed(items: Sequence[T]) -> tuple[T, ...]:
            return tuple(chance.sample(items, len(items)))

        return World(
            dict(mixed([(name, mixed(members)) for name, members in self.warehouse_groups.items()])),
            mixed(self.channels),
            mixed(self.group_links),
            mixed(self.links),
            mixed([replace(each, components=mixed(each.components)) for each in self.bundles]),
            mixed([replace(each, parts=mixed(each.parts)) for each in self.policies]),
            mixed(self.rules),
            dict(mixed(list(self.limits.items()))),
            mixed(self.stock),
            dict(mixed(list(self.shares.items()))),
            dict(mixed(list(self.sellers.items()))),
            dict(mixed(list(self.late.items()))),
        )


def holdings(stock: Iterable[Stock]) -> Holdings:
    """The stock items of each product."""
    held: dict[Product, list[Stock]] = {}
    for each in stock:
        held.setdefault((each.item.owner, each.item.sku), []).append(each)
    return held


_late = st.one_of(
    st.just(dict[str, int]()),
    st.dictionaries(st.sampled_from(PLACES), st.sampled_from((1, 20, 50, 99, 100)), max_size=3),
)
"""Percentages of what lies at some locations; mostly at none."""


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A tenant: mostly as the rules of configuration allow it, sometimes with a link or a bundle that they refuse."""
    homes = draw(st.tuples(*(st.sampled_from((*GROUPS, *GROUPS, None)) for _ in LOCATIONS)))
    members = {
        group: tuple(location for location, home in zip(LOCATIONS, homes, strict=True) if home == group)
        for group in GROUPS
    }
    fixed_for = draw(st.sampled_from(CHANNEL_GROUPS))
    return World(
        {**members, FIXED[0]: (FIXED[1],)},
        draw(_channels()),
        (*draw(subsets([(group, fed) for group in GROUPS for fed in CHANNEL_GROUPS], 3, 6)), (FIXED[0], fixed_for)),
        draw(links()),
        draw(bundles()),
        draw(_policies(CONTINUOUS, (Mode.CONTINUOUS,))),
        draw(_rules()),
        draw(st.dictionaries(st.sampled_from(CHANNELS), _limits(), max_size=2)),
        draw(stock()),
        late=draw(_late),
    )


def balanced_worlds() -> st.SearchStrategy[World]:
    """The same, where some policies divide at an instant, and some supplies were divided so, by them or by others."""
    supplies = [(product, group, fed) for product in PRODUCTS for group in (*GROUPS, FIXED[0]) for fed in SHARING]
    # As with stock, one draw for all of them; most supplies have no shares at all.
    units = (0, 1, 3, 8)
    shares = st.binary(min_size=len(supplies), max_size=len(supplies)).map(
        lambda drawn: {each: units[byte % 4] for each, byte in zip(supplies, drawn, strict=True) if byte >= 144}
    )
    balanced = _policies(tuple(Strategy), tuple(Mode))
    return st.builds(
        lambda world, policies, shares: replace(world, policies=policies, shares=shares), worlds(), balanced, shares
    )


def peopled_worlds(world: st.SearchStrategy[World] | None = None) -> st.SearchStrategy[World]:
    """The same, where persons sell through some channels, out of their custody and that of the hub of their pool."""
    sorts = [(lot, EACH, person, Condition.SELLABLE) for person in (*PERSONS, "hub") for lot in ("", "", "LOT1")]
    sorts += [("", "CARTON", "ann", Condition.SELLABLE), ("", EACH, "hub", Condition.HOLD)]
    item = st.builds(_item, st.sampled_from(PRODUCTS), st.sampled_from(LOCATIONS[:2]), st.sampled_from(sorts))
    held = st.dictionaries(item, st.tuples(st.integers(0, 9), st.sampled_from((0, 0, 2))), min_size=6, max_size=24)
    homes = st.permutations((*PERSONS, None))
    pooled = st.tuples(subsets(PERSONS[:2], 0, 2), st.sampled_from((True, True, False)))
    return st.builds(_peopled, balanced_worlds() if world is None else world, homes, pooled, held)


def _peopled(
    world: World,
    homes: Sequence[str | None],
    pooled: tuple[tuple[str, ...], bool],
    held: Mapping[StockItem, tuple[int, int]],
) -> World:
    members, hub_access = pooled
    known = {each.item: each for each in world.stock}
    expiries = {each.item.lot: each.expiry for each in world.stock}
    known |= {item: Stock(item, *counts, expiries.get(item.lot)) for item, counts in held.items()}
    pairs = [(each, user) for each, user in zip(world.channels, homes, strict=True) if user is not None]
    return replace(
        world,
        channels=tuple(
            replace(each, by_custody=each.by_custody or home is not None)
            for each, home in zip(world.channels, homes, strict=True)
        ),
        stock=tuple(known.values()),
        sellers={
            each.channel: Seller(user, "hub", hub_access) if user in (*members, "hub") else Seller(user)
            for each, user in pairs
        },
    )


def subsets(items: Sequence[T], least: int, most: int) -> st.SearchStrategy[tuple[T, ...]]:
    """Some of the items, each once."""
    return st.lists(st.sampled_from(items), unique=True, min_size=least, max_size=most).map(tuple)


def links() -> st.SearchStrategy[tuple[Link, ...]]:
    """Links, circular ones among them; in one direction a pair of products has one at most."""
    some = st.one_of(st.just(frozenset[str]()), subsets(LOCATIONS, 2, 4).map(frozenset))
    terms = st.tuples(
        st.booleans(),
        st.booleans(),
        some,
        st.integers(0, 2),
        st.sampled_from((0, 0, 0, 1, 3, 5)),
        st.booleans(),
        st.sampled_from((True, True, True, False)),
    )
    alike = [pair for pair in combinations(PRODUCTS, 2) if (pair[0] in BUNDLED) == (pair[1] in BUNDLED)]
    pairs = [*combinations(PRODUCTS, 2), *alike, *alike]
    several = st.dictionaries(st.sampled_from(pairs), terms, min_size=2, max_size=7)
    return several.map(lambda each: tuple(_link(number, *one) for number, one in enumerate(each.items())))


def _link(
    number: int,
    pair: tuple[Product, Product],
    terms: tuple[bool, bool, frozenset[str], int, int, bool, bool],
) -> Link:
    turned, bidirectional, locations, priority, keep_back, bundles, active = terms
    source, destination = reversed(pair) if turned else pair
    return Link(
        f"K{number}", source, destination, bidirectional, locations, priority, number, keep_back, bundles, active
    )


def bundles() -> st.SearchStrategy[tuple[Bundle, ...]]:
    """Bundles that may share components, and now and then nest."""
    plain = [product for product in PRODUCTS if product not in BUNDLED]
    several = st.sampled_from([parts for size in (1, 2, 3, 2, 3) for parts in combinations(plain, size)])
    parts = st.tuples(several, st.tuples(*(st.integers(1, 3) for _ in plain)))
    bundle = st.builds(
        lambda parent, parts: Bundle(parent, tuple(zip(*parts, strict=False))),
        st.sampled_from((*BUNDLED * 4, plain[0])),
        parts,
    )
    return st.lists(bundle, max_size=2, unique_by=lambda each: each.product).map(tuple)


def stock() -> st.SearchStrategy[tuple[Stock, ...]]:
    """Stock of all products: the plain sort nearly everywhere, and a few of other sorts; a lot expires as one."""
    everywhere = [StockItem(*product, location) for product in PRODUCTS for location in PLACES]
    # One draw for all of them: as many draws as there are counts would take most of the time of a test.
    units = (0, 1, 2, 3, 6, 10, 0, 0)
    plain = st.binary(min_size=len(everywhere), max_size=len(everywhere)).map(
        lambda drawn: [(item, units[each % len(units)]) for item, each in zip(everywhere, drawn, strict=True)]
    )
    other = st.builds(
        _item,
        st.sampled_from(PRODUCTS),
        st.sampled_from(PLACES),
        st.sampled_from(SORTS),
    )
    expiries = st.sampled_from((None, TODAY, TODAY - timedelta(days=1)))
    return st.builds(
        lambda plain, others, reserved, first, second: tuple(
            Stock(item, on_hand, reserved.get(item.location, 0), {"LOT1": first, "LOT2": second}.get(item.lot))
            for item, on_hand in (*((item, on_hand) for item, on_hand in plain if on_hand), *others.items())
        ),
        plain,
        st.dictionaries(other, st.integers(0, 9), min_size=2, max_size=8),
        st.dictionaries(st.sampled_from(PLACES), st.integers(0, 4), max_size=2),
        expiries,
        expiries,
    )


def _item(product: Product, location: str, sort: tuple[str, str, str, Condition]) -> StockItem:
    owner, sku = product
    return StockItem(owner, sku, location, *sort)


def demands() -> st.SearchStrategy[Demand]:
    """One that names nothing; or any lot or one, in either unit of measure."""
    return st.one_of(
        st.just(ANY), st.builds(Demand, st.sampled_from(("", "LOT1", "LOT3")), st.sampled_from((EACH, "CARTON")))
    )


def policies(
    strategies: Sequence[Strategy] = tuple(Strategy), modes: Sequence[Mode] = (Mode.CONTINUOUS,)
) -> st.SearchStrategy[Policy]:
    """Policies that divide, for any of the products."""
    part = st.builds(
        Part,
        st.sampled_from(CHANNEL_GROUPS),
        st.integers(0, 2),
        st.sampled_from((0, 1, 2, 5)),
        st.sampled_from((0, 10, 33)),
        st.sampled_from((0, 2, 5)),
        st.sampled_from((0, 3, 8)),
        st.sampled_from((None, None, 0, 4)),
        st.sampled_from((0, 0, 25, 50, 100)),
    )
    return st.builds(
        lambda strategy, products, parts, buffer, mode: replace(
            Policy("", 0, strategy, products, parts, *buffer), mode=mode
        ),
        st.sampled_from(strategies),
        _named(),
        st.lists(part, max_size=3, unique_by=lambda each: each.channel_group).map(tuple),
        st.sampled_from(((0, 0), (3, 0), (0, 15))),
        st.sampled_from(modes),
    )


def _policies(strategies: Sequence[Strategy], modes: Sequence[Mode]) -> st.SearchStrategy[tuple[Policy, ...]]:
    """Several, each with a priority and an identifier of its own; not in the order of priority."""
    several = st.lists(policies(strategies, modes), max_size=3)
    return several.map(
        lambda each: tuple(replace(one, policy=f"P{number}", priority=-number) for number, one in enumerate(each))
    )


def _rules() -> st.SearchStrategy[tuple[Rule, ...]]:
    """Several, each with a priority and an identifier of its own; not in the order of priority."""
    rule = st.builds(
        Rule,
        st.just(""),
        st.just(0),
        subsets(CHANNELS, 2, 4).map(frozenset),
        _named(),
        st.one_of(st.just(frozenset[str]()), subsets(PLACES, 2, 5).map(frozenset)),
        st.sampled_from((0, 0, 3, 10)),
        st.sampled_from((100, 100, 50, 33, 150, 0)),
        st.sampled_from((0, 0, 2, -2)),
        st.sampled_from(Rounding),
        st.sampled_from(("", *CHANNELS)),
        st.sampled_from((0, 5, 12)),
        st.sampled_from((True, True, True, False)),
    )
    return st.lists(rule, max_size=3).map(
        lambda each: tuple(replace(one, rule=f"R{number}", priority=-number) for number, one in enumerate(each))
    )


def _limits() -> st.SearchStrategy[Limits]:
    return st.builds(
        Limits,
        subsets(PRODUCTS, 0, 2).map(frozenset),
        st.one_of(st.none(), subsets(PRODUCTS, 2, 5).map(frozenset)),
        st.one_of(st.none(), st.sampled_from((0, 3))),
    )


def _named() -> st.SearchStrategy[frozenset[Product] | None]:
    """The products of a policy or a rule; None: all."""
    return st.one_of(st.none(), subsets(PRODUCTS, 1, 4).map(frozenset))


def _channels() -> st.SearchStrategy[tuple[Channel, ...]]:
    homes = st.tuples(*(st.tuples(st.sampled_from(CHANNEL_GROUPS), st.integers(0, 7)) for _ in CHANNELS))
    return homes.map(
        lambda homes: tuple(Channel(name, group, rep == 7) for name, (group, rep) in zip(CHANNELS, homes, strict=True))
    )
