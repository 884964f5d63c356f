"""What is kept of an order is what it was planned with."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.worlds import LOCATIONS, PRODUCTS, SORTS, World, worlds
from weir_aggregator.domain import Point, Purpose, Recorded
from weir_aggregator.wire.recorded import BYTES_MAX, dump, read
from weir_allocation.fulfilment.model import Allocation, Alternative, Line, Missing, Objective, Plan, Terms, Wish
from weir_allocation.fulfilment.terms import terms
from weir_allocation.sharing import NO_SHARING, Link, Sharing
from weir_allocation.stock import ANY, Demand, StockItem
from weir_allocation.trace import Verdict

NUMBERS = st.integers(0, 10**9)
SOME_LOCATIONS = st.frozensets(st.sampled_from(LOCATIONS))
LINES = st.builds(
    Line,
    product=st.sampled_from(PRODUCTS),
    quantity=st.integers(1, 10**9),
    demand=st.sampled_from((ANY, Demand("LOT1"), Demand(uom="CARTON"), Demand("LOT2", "PALLET"))),
    custodians=st.sampled_from(((), ("ann",), ("ann", "bob"))),
)
WISHES = st.builds(
    Wish,
    lines=st.lists(LINES, min_size=1, max_size=4).map(tuple),
    whole=st.booleans(),
    locations_max=st.sampled_from((None, 1, 3)),
    one_location_per_line=st.booleans(),
    own_only=st.booleans(),
    preferred=SOME_LOCATIONS,
    excluded=SOME_LOCATIONS,
    distances=st.dictionaries(st.sampled_from(LOCATIONS), NUMBERS),
)
VERDICTS = st.sampled_from([each for each in Verdict if each is not Verdict.SUM])
ITEMS = st.sampled_from(
    [
        StockItem(*product, location, lot, uom, custodian, condition)
        for product in PRODUCTS
        for location in LOCATIONS
        for lot, uom, custodian, condition in SORTS
    ]
)
ALTERNATIVES = st.builds(Alternative, item=ITEMS, quantity=st.integers(1, 10**9), verdict=VERDICTS)
REVISIONS = (Point("ledger", "cluster", 3, 7), Point("sharing", "cluster", 1, 8))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), worlds(), WISHES)
def test_what_is_read_is_what_was_kept(data: st.DataObject, world: World, wish: Wish) -> None:
    """Wish, terms, purposes, plan and revisions are the same to the last part; a plan under them is the same, too."""
    channel = data.draw(st.sampled_from(world.channels))
    lines = st.integers(0, len(wish.lines) - 1)
    purposes = st.builds(Purpose, line=lines, serves_as=st.sampled_from(PRODUCTS), bundles=st.integers(0, 9))
    missing = st.builds(
        Missing, line=lines, quantity=st.integers(1, 10**9), verdict=VERDICTS, nearest=st.none() | ALTERNATIVES
    )
    plan = st.builds(
        Plan,
        allocations=st.lists(
            st.builds(
                Allocation,
                line=lines,
                item=ITEMS,
                quantity=st.integers(1, 10**9),
                serves_as=st.sampled_from(PRODUCTS),
                bundles=st.integers(0, 9),
            ),
            max_size=3,
        ).map(tuple),
        missing=st.lists(missing, max_size=3).map(tuple),
        objective=st.builds(Objective, *[NUMBERS] * len(Objective._fields)),
        exact=st.booleans(),
        filled_bound=NUMBERS,
        locations_bound=st.integers(0, 1000),
    )
    under = terms(world.configuration(), channel, [line.product for line in wish.lines])
    kept = Recorded(
        wish,
        channel.channel,
        plainly(under),
        data.draw(st.lists(purposes, max_size=4).map(tuple)),
        data.draw(st.none() | plan),
        REVISIONS,
    )
    assert read(dump(kept, moved=True)) == kept
    if kept.plan is not None:
        kept = replace(kept, plan=replace(kept.plan, allocations=()))
    assert read(dump(kept)) == kept
    assert read(dump(replace(kept, terms=under))) == kept


@given(st.binary(max_size=64), WISHES)
def test_nothing_else_is_read(noise: bytes, wish: Wish) -> None:
    """What `dump` did not write, or what was cut, is refused, never misread and never an accident."""
    kept = dump(Recorded(wish, "C0", Terms(NO_SHARING, {}), plan=None))
    for bad in (noise, kept[:-1], kept[: len(kept) // 2], b""):
        with pytest.raises(ValueError):  # noqa: PT011  # the sentence is for the log
            read(bad)


def test_a_large_order_is_kept_in_little() -> None:
    """An order of 500 lines, each of another product with links and parts, fits into what the ledger keeps."""
    wanted = [("", f"PRODUCT-{number:05}") for number in range(500)]
    links = [
        Link("", ("", f"SOURCE-{line}-{number}"), product, priority=number)
        for line, product in enumerate(wanted)
        for number in range(5)
    ]
    under = Terms(
        NO_SHARING.changed(links=links),
        {product: frozenset(f"WAREHOUSE-{number}" for number in range(100)) for product in wanted},
    )
    wish = Wish(tuple(Line(product, 3) for product in wanted))
    kept = Recorded(wish, "webshop", under, tuple(Purpose(line, product) for line, product in enumerate(wanted)))
    assert len(dump(kept)) < BYTES_MAX / 4


def plainly(under: Terms) -> Terms:
    """The same terms with links that are told apart by nothing but what they do and their place in serving order."""
    links = [
        replace(link, link=link.source[1], priority=place, created=0)
        for product in under.sharing.to
        for place, link in enumerate(under.sharing.links_to(product))
    ]
    sharing: Sharing = NO_SHARING.changed(links=links, bundles=under.sharing.bundles.values())
    return replace(under, sharing=sharing)
