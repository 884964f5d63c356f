"""All five stages in the projection: what is shared, divided, ruled, limited and expired, and which levels follow."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from tests.kit.projections import (
    LEDGER,
    PARTITIONING,
    POOLING,
    SHARING,
    SYNC,
    Reader,
    books,
    channel,
    count,
    group,
    level,
    link,
    load_balances,
    load_configuration,
    loaded,
    marks,
    network,
    policies,
    rules,
    stands,
)
from weir_aggregator.domain import Availability, BooksChange, Exposure, Lot, Question, Selection, StoreLimits
from weir_aggregator.projection import Pace, Projection, updates
from weir_aggregator.projection.balances import Balances
from weir_aggregator.projection.table import Table
from weir_allocation.advice import advise
from weir_allocation.columns import UNTOLD, Indices
from weir_allocation.policy import Part, Policy, Strategy
from weir_allocation.rules import Limits, Rule
from weir_allocation.sharing import Bundle, Link
from weir_allocation.stock import ANY
from weir_allocation.trace import Stage

BIKE, BATTERY, KIT = ("", "BIKE"), ("", "BATTERY"), ("", "KIT")
TODAY, TOMORROW = date(2026, 3, 1), date(2026, 3, 2)
AT_ONCE = Pace(heartbeat_seconds=0.0, pause_seconds=0.0)

NETWORK = [
    group("w", "W"),
    channel("shop", "web"),
    channel("market", "market"),
    link("w", "web"),
    link("w", "market"),
]
HALVES = Policy("halves", 1, Strategy.EQUAL_DIVISION)
FORTNIGHT = Lot("", "BIKE", "L1", TODAY)


def told(projection: Projection, sku: str = "BIKE") -> tuple[int, int]:
    """The levels of a product in both channels."""
    return level(projection, "shop", ("", sku)), level(projection, "market", ("", sku))


def test_a_policy_divides_and_a_rule_offers() -> None:
    """Of 9 the first gets 5, the second 4; half of that is 2 each; without either all see everything."""
    projection = loaded([count("BIKE", "W", 9)], NETWORK)
    assert told(projection) == (9, 9)
    projection.apply_configuration(policies(2, stands(HALVES)))
    assert told(projection) == (4, 5)
    half = Rule("half", 1, frozenset({"shop", "market"}), rate_percent=50)
    projection.apply_configuration(rules(2, stands(half)))
    assert told(projection) == (2, 2)
    assert projection.availability(Question(BIKE, "market", ANY)) == Availability(9, 5, 2)
    projection.apply_configuration(policies(3, stands(HALVES, deleted=True)))
    projection.apply_configuration(rules(3, stands(half, deleted=True)))
    assert told(projection) == (9, 9)
    assert [revision.number for revision in projection.revisions] == [1, 1, 3, 3, 1]


def test_a_store_that_is_told_nothing() -> None:
    """A product it does not sell, or that the winning rule does not name it for, is untold, also where it was never
    stocked; a constant is told of what is nowhere too.
    """
    projection = loaded([count("BIKE", "W", 9)], NETWORK)
    projection.apply_configuration(rules(2, stands(Rule("r", 1, frozenset({"shop"}), constant=2))))
    limits = StoreLimits("shop", Limits(denied=frozenset({KIT})))
    projection.apply_configuration(rules(3, stands(limits)))
    assert told(projection) == (11, UNTOLD)
    assert told(projection, "BATTERY") == (2, UNTOLD)
    assert told(projection, "KIT") == (UNTOLD, UNTOLD)
    batch = projection.levels([KIT, BIKE, BATTERY], ["market", "shop"])
    assert batch.levels == [UNTOLD, UNTOLD, UNTOLD, 11, UNTOLD, 2]
    assert projection.exposures([BIKE, BATTERY, KIT]) == [
        Exposure(BIKE, 11, 9, 0, 2),
        Exposure(BATTERY, 2, 0, 0, 2),
        Exposure(KIT, 0, 0, 0, 0),
    ]


def test_a_link_lends_as_long_as_it_is_there() -> None:
    """What was never stocked is sold from what lends to it; the link gone, never again, whatever is stocked then."""
    projection = loaded([count("BIKE", "W", 9)], NETWORK)
    lends = Link("BIKE", BIKE, KIT)
    projection.apply_configuration(network(2, stands(lends)))
    assert told(projection, "KIT") == (9, 9)
    assert projection.picture(Selection()).products == [BIKE, KIT]
    projection.apply_balances(books(2, count("BIKE", "W", 5)))
    assert told(projection, "KIT") == (5, 5)
    projection.apply_configuration(network(3, stands(lends, deleted=True)))
    projection.apply_balances(books(3, count("BIKE", "W", 1000)))
    assert told(projection, "KIT") == (0, 0)


def test_a_bundle_follows_its_components() -> None:
    """Golden case 6: BIKE x1 and BATTERY x2 of 10 and 7 make 3; what lends to a component counts for the bundle."""
    projection = loaded([count("BIKE", "W", 10), count("BATTERY", "W", 7)], NETWORK)
    projection.apply_configuration(network(2, stands(Bundle(KIT, ((BIKE, 1), (BATTERY, 2))))))
    assert told(projection, "KIT") == (3, 3)
    projection.apply_configuration(network(3, stands(Link("CELL", ("", "CELL"), BATTERY))))
    projection.apply_balances(books(2, count("CELL", "W", 5)))
    assert told(projection, "KIT") == (6, 6)
    projection.apply_balances(books(3, count("BIKE", "W", 4)))
    assert told(projection, "KIT") == (4, 4)


def test_only_what_can_differ_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit of stock, and one of a link, computes the readers of its products and no others."""
    skus = [f"SKU{number}" for number in range(50)]
    projection = loaded([count(sku, "W", 1) for sku in skus], NETWORK)
    computed: list[list[int]] = []
    compute = Table._take

    def noted(table: Table, numbers: Indices, known: int) -> Indices:
        computed.append(numbers.tolist())
        return compute(table, numbers, known)

    monkeypatch.setattr(Table, "_take", noted)
    projection.apply_configuration(network(2, stands(Link("SKU7", ("", "SKU7"), ("", "SKU9")))))
    projection.apply_balances(books(2, count("SKU7", "W", 2)))
    projection.apply_balances(books(3, count("SKU9", "W", 2)))
    assert computed == [[9], [7, 9], [9]]
    projection.apply_configuration(network(3))
    projection.apply_configuration(network(4, NETWORK[0], NETWORK[1]))
    assert len(computed) == 3


def test_a_lot_counts_to_the_end_of_its_last_day() -> None:
    """It gives until that day ends, whichever of lot and stock was known first; a later last day brings it back."""
    for told_first in (FORTNIGHT, count("BIKE", "W", 5, lot="L1")):
        projection = loaded([told_first], NETWORK)
        projection.turn(TODAY)
        projection.apply_balances(books(2, FORTNIGHT, count("BIKE", "W", 5, lot="L1"), count("BIKE", "W", 1)))
        assert told(projection) == (6, 6)
        projection.turn(TOMORROW)
        assert told(projection) == (1, 1)
        assert projection.explain(Question(BIKE, "shop", ANY)).level == 1
        projection.apply_balances(books(3, FORTNIGHT._replace(expiry=TOMORROW)))
        assert told(projection) == (6, 6)
        projection.apply_balances(books(4, FORTNIGHT._replace(expiry=None)))
        projection.turn(date.max)
        assert told(projection) == (6, 6)


def test_a_lot_that_expires_takes_from_all_who_borrow() -> None:
    """The day takes from the readers of the product too."""
    held: list[BooksChange] = [count("BIKE", "W", 5, lot="L1"), FORTNIGHT]
    projection = loaded(held, [*NETWORK, stands(Link("BIKE", BIKE, KIT))])
    projection.turn(TODAY)
    assert told(projection, "KIT") == (5, 5)
    projection.turn(TOMORROW)
    assert told(projection, "KIT") == (0, 0)


async def test_a_day_that_ends_is_told_at_the_same_mark() -> None:
    """A watcher hears what expired; so does one that resumes at a mark of the day before, at a replica that reached it
    only today.
    """
    stock: list[BooksChange] = [count("BIKE", "W", 5, lot="L1"), count("BATTERY", "W", 5), FORTNIGHT]
    projection = loaded(stock, NETWORK)
    projection.turn(TODAY)
    reader = Reader(updates(projection, Selection(("shop",)), {}, AT_ONCE))
    await reader.catch_up(projection)
    yesterday = marks(projection)
    projection.turn(TOMORROW)
    update = await reader.read()
    assert update.levels is not None
    assert list(update.levels.products) == [BIKE]
    assert reader.levels["shop", BIKE] == 0
    await reader.close()
    for replica in (projection, loaded(stock, NETWORK)):
        replica.turn(TOMORROW)
        resumed = Reader(updates(replica, Selection(("shop",)), yesterday, AT_ONCE))
        await resumed.catch_up(replica)
        assert not resumed.messages[0].complete
        assert resumed.levels == {("shop", BIKE): 0}
        await resumed.close()


def test_nothing_is_computed_before_everything_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five contexts are loaded, in any order; the table is made once, by the last."""
    made: list[Table] = []
    monkeypatch.setattr(Table, "compute", lambda table, products: made.append(table))
    projection = Projection(1 << 20)
    assert len(made) == 1
    projection.load_configuration((), SYNC.revision(1))
    projection.load_configuration((), POOLING.revision(1))
    projection.load_configuration((), PARTITIONING.revision(1))
    load_balances(projection, LEDGER.revision(1), [count("BIKE", "W", 9)])
    projection.turn(TODAY)
    assert (projection.caught_up, len(made)) == (False, 1)
    projection.load_configuration(NETWORK, SHARING.revision(1))
    assert (projection.caught_up, len(made)) == (True, 2)


def test_a_context_that_is_loaded_again_replaces_its_own_objects_only() -> None:
    """What its new export does not hold is gone; the other contexts are as they were."""
    projection = loaded([count("BIKE", "W", 9)], [*NETWORK, stands(Link("BIKE", BIKE, KIT))])
    projection.apply_configuration(policies(2, stands(HALVES)))
    projection.load_configuration(NETWORK, SHARING.revision(5))
    assert (told(projection), told(projection, "KIT")) == ((4, 5), (0, 0))
    projection.load_configuration((), PARTITIONING.revision(5))
    assert told(projection) == (9, 9)
    load_balances(projection, LEDGER.revision(5), [count("BATTERY", "W", 3)])
    assert (told(projection), told(projection, "BATTERY")) == ((0, 0), (3, 3))


def test_units_that_need_more_than_32_bits() -> None:
    """The table is as exact for four thousand billion units as for four, before and after."""
    projection = loaded([count("BIKE", "W", 4)], NETWORK)
    projection.apply_balances(books(2, count("BATTERY", "W", 4 * 10**15)))
    assert (told(projection), told(projection, "BATTERY")) == ((4, 4), (4 * 10**15,) * 2)
    projection.apply_balances(books(3, count("BATTERY", "W", 2**31 - 1)))
    assert told(projection, "BATTERY") == (2**31 - 1,) * 2


def test_bundles_are_told_of_the_same_parts() -> None:
    """What two stores are told of a kit takes four batteries each beyond the one that lies packed, of ten that both are
    told of too; of what is told to nobody alone, only kits may be sold.
    """
    batteries = [count("BATTERY", "W", 10), count("KIT", "W", 1)]
    projection = loaded(batteries, [*NETWORK, stands(Bundle(KIT, ((BATTERY, 4),)))])
    assert told(projection, "KIT") == (3, 3)
    assert projection.exposures([BATTERY, KIT]) == [Exposure(BATTERY, 20, 10, 20, 30), Exposure(KIT, 6, 3, 0, 3)]
    unsold = Limits(denied=frozenset({BATTERY}))
    projection.apply_configuration(rules(2, *(stands(StoreLimits(each, unsold)) for each in ("market", "shop"))))
    assert projection.exposures([BATTERY]) == [Exposure(BATTERY, 0, 0, 20, 10)]
    projection.apply_configuration(policies(2, stands(HALVES)))
    assert projection.exposures([BATTERY]) == [Exposure(BATTERY, 0, 0, 8, 0)]


def test_the_most_exposed() -> None:
    """Two stores are told everything: 9 too many of one product, 4 of the other; the most exposed comes first."""
    projection = loaded([count("BIKE", "W", 4), count("KIT", "W", 9, owner="x"), count("CAR", "X", 1)], NETWORK)
    first, second = Exposure(("x", "KIT"), 18, 9, 0, 9), Exposure(BIKE, 8, 4, 0, 4)
    assert projection.exposed(None, 10) == ([first, second], 2, 13)
    assert projection.exposed(None, 1) == ([first], 2, 13)
    assert projection.exposed("", 10) == ([second], 1, 4)
    projection.apply_configuration(policies(2, stands(HALVES)))
    assert projection.exposed(None, 10) == ([], 0, 0)


def test_what_would_raise_a_level() -> None:
    """The advice rests on the same state as the level: the policy holds it down."""
    projection = loaded([count("BIKE", "W", 9)], NETWORK)
    fixed = Policy("few", 1, Strategy.FIXED, parts=(Part("web", quantity=2),))
    projection.apply_configuration(policies(2, stands(fixed)))
    assert advise(projection.posed(Question(BIKE, "shop", ANY))).binding is Stage.SPLIT


def test_stock_items_of_one_product_however_many() -> None:
    """Each is found again, whether few lie of the product or many."""
    balances = Balances()
    for units in (1, 2):
        for number in range(60):
            balances.put(count("BIKE", f"L{number % 20}", units * number, lot=f"{number // 20}"))
            balances.put(count(f"SKU{number}", "L0", units))
    assert len(balances) == 120
    assert sorted(each.on_hand for each in balances.stock(BIKE)) == [2 * number for number in range(60)]
    few = balances.rows(np.array([0]), TODAY)
    every = balances.rows(np.arange(61), TODAY)
    assert sorted(few.units.tolist()) == [2 * number for number in range(60)]
    assert sum(every.units.tolist()) == sum(few.units.tolist()) + 120


def test_a_projection_without_a_configuration() -> None:
    """A tenant that configured nothing has no channels, and is caught up."""
    projection = Projection(1 << 20)
    load_balances(projection, LEDGER.revision(0), [count("BIKE", "W", 9)])
    load_configuration(projection)
    assert projection.levels([BIKE], []).channels == ()
