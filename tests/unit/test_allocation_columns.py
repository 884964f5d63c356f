"""Many products at once: columns that are shared, products and locations that come later, and numbers near their
ends.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from tests.kit.worlds import holdings
from weir_allocation.columns import UNTOLD, Columns, Levels, Rows, levels
from weir_allocation.configuration import Configuration
from weir_allocation.network import Channel, Network
from weir_allocation.pipeline import Question, explain
from weir_allocation.policy import WEIGHTS_MAX, Part, Policy, Strategy
from weir_allocation.rules import Limits, Rule
from weir_allocation.sharing import NO_SHARING, Bundle, Link
from weir_allocation.stock import Product, Stock, StockItem

TODAY = date(2026, 3, 1)
NETWORK = Network.of(
    warehouse_groups={"north": ["N"], "south": ["S"]},
    channels=[
        Channel("shop-1", "shops"),
        Channel("shop-2", "shops"),
        Channel("shop-3", "shops"),
        Channel("till", "tills"),
        Channel("rep", "shops", by_custody=True),
    ],
    links=[("north", "shops"), ("south", "shops"), ("south", "tills")],
)
Lying = dict[tuple[str, str], int]


class Shelf:
    """Products and locations numbered as they are first seen, and what lies there."""

    def __init__(self, configuration: Configuration, *skus: str) -> None:
        self.configuration = configuration
        self.products: list[Product] = [("", sku) for sku in skus]
        self.numbers = {product: number for number, product in enumerate(self.products)}
        self.locations: list[str] = []
        self.columns = Columns(configuration, products=self.products, numbers=self.numbers, locations=self.locations)

    def compute(self, lying: Lying) -> Levels:
        """The levels of all products, old ones and new."""
        for sku, location in lying:
            if ("", sku) not in self.numbers:
                self.numbers["", sku] = len(self.products)
                self.products.append(("", sku))
            if location not in self.locations:
                self.locations.append(location)
        rows = [
            (self.numbers["", sku], self.locations.index(location), units) for (sku, location), units in lying.items()
        ]
        return self.columns.compute(
            np.arange(len(self.products)), Rows(*np.array(rows, dtype=np.int64).reshape(len(rows), 3).T)
        )

    def check(self, lying: Lying) -> None:
        """Every level is what the stages explain."""
        computed = self.compute(lying)
        held = holdings(Stock(StockItem("", sku, location), units, 0) for (sku, location), units in lying.items())
        for number, product in enumerate(self.products):
            for name, column in self.columns.columns.items():
                channel = self.configuration.network.channels[name]
                traced = explain(Question(self.configuration, channel, product, held, TODAY))
                explained = (traced.supply, traced.share, traced.level if traced.told else UNTOLD)
                assert explained == tuple(
                    table.item(column, number) for table in (computed.supply, computed.share, computed.level)
                )


def test_channels_that_are_told_the_same_share_a_column() -> None:
    """A rule or a limit of its own sets a channel apart; one by custody has no column."""
    plain = Columns(Configuration.of(NETWORK), products=[], numbers={}, locations=[])
    assert plain.columns == {"shop-1": 0, "shop-2": 0, "shop-3": 0, "till": 1}
    apart = Configuration.of(
        NETWORK, rules=[Rule("rule", 1, frozenset(["shop-2"]))], limits={"shop-3": Limits(max_quantity=1)}
    )
    columns = Columns(apart, products=[], numbers={}, locations=[])
    assert columns.columns == {"shop-1": 0, "shop-2": 1, "shop-3": 2, "till": 3}
    assert columns.width == 4


def test_products_and_locations_may_come_later() -> None:
    """What is seen after the columns were made has its policy, its rule, its limits and its place all the same."""
    bikes = frozenset([("", "BIKE"), ("", "LATE")])
    shelf = Shelf(
        Configuration.of(
            NETWORK,
            policies=[Policy("equal", 1, Strategy.EQUAL_DIVISION, bikes)],
            rules=[Rule("rule", 1, frozenset(["shop-1", "till"]), bikes, frozenset(["S", "Z"]), rate_percent=50)],
            limits={"shop-2": Limits(denied=bikes), "till": Limits(allowed=bikes)},
        ),
        "BIKE",
    )
    shelf.check({("BIKE", "N"): 7})
    shelf.check({("BIKE", "N"): 7, ("BIKE", "S"): 5, ("LATE", "S"): 4, ("OTHER", "Z"): 9, ("LATE", "Z"): 3})


@pytest.mark.parametrize("there", [4, 5])
def test_a_rule_looks_at_what_nobody_reaches_too(there: int) -> None:
    """Units in no warehouse group count for the threshold and for the priority store, and for nothing else."""
    everyone = frozenset(NETWORK.channels)
    low = Rule("low", 1, everyone, frozenset([("", "A")]), threshold=9)
    kept = Rule("kept", 2, everyone, frozenset([("", "B")]), priority_store="till", priority_quantity=9)
    shelf = Shelf(Configuration.of(NETWORK, rules=[low, kept]), "A", "B")
    shelf.check({(sku, place): units for sku in "AB" for place, units in {"N": 1, "S": 3, "ATTIC": there}.items()})
    told = shelf.compute({("A", "S"): 4, ("A", "ATTIC"): there, ("B", "S"): 4, ("B", "ATTIC"): there}).level
    assert told.tolist() == ([[4, 4], [4, 4]] if there == 5 else [[0, 0], [0, 4]])


def test_a_large_table_is_computed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of one product each give what the whole gives."""
    monkeypatch.setattr(levels, "UNITS_AT_ONCE", 1)
    rule = Rule("rule", 1, frozenset(["shop-1"]), frozenset([("", "B")]), frozenset(["S"]))
    kit = NO_SHARING.changed(bundles=[Bundle(("", "KIT"), ((("", "A"), 1), (("", "B"), 2)))])
    shelf = Shelf(Configuration.of(NETWORK, sharing=kit, rules=[rule]), "A", "B", "KIT")
    shelf.check({("A", "N"): 7, ("A", "S"): 5, ("B", "S"): 4, ("B", "N"): 6})


def test_nothing_at_all() -> None:
    """Without products, stock or channels there is nothing to compute, and no accident."""
    assert Shelf(Configuration.of(NETWORK)).compute({}).level.shape == (2, 0)
    assert Shelf(Configuration.of(NETWORK), "BIKE").compute({}).level.tolist() == [[0], [0]]
    nobody = Network.of(warehouse_groups={"north": ["N"]}, channels=[], links=[("north", "shops")])
    computed = Shelf(Configuration.of(nobody, policies=[Policy("all", 1, Strategy.WEIGHTED)]), "BIKE")
    table = computed.compute({("BIKE", "N"): 5})
    assert (table.level.shape, table.exposure.tolist()) == ((0, 1), [0])


def test_numbers_near_their_ends_do_not_overflow() -> None:
    """The largest weights, percentages of everything there could be, and a rate of a thousand."""
    weights = (Part("shops", weight=WEIGHTS_MAX - 7), Part("tills", weight=6))
    shelf = Shelf(
        Configuration.of(
            NETWORK,
            policies=[
                Policy("weights", 1, Strategy.SAFETY_STOCK, frozenset([("", "A")]), weights, buffer_percent=99),
                Policy("ranked", 2, Strategy.RANKED, None, (Part("tills", percent=99), Part("shops", percent=1))),
            ],
            rules=[Rule("rule", 1, frozenset(NETWORK.channels), rate_percent=1000)],
        ),
        "A",
        "B",
    )
    much = 4 * 10**15 + 99
    shelf.check({("A", "S"): much, ("A", "N"): much, ("B", "S"): much})


def test_many_components_that_draw_on_one_source() -> None:
    """Thirty components of a bundle that borrow from one another's source are counted once, in a moment."""
    parts = [("", f"PART-{number}") for number in range(30)]
    source = ("", "SOURCE")
    sharing = NO_SHARING.changed(
        links=[Link(sku, source, (owner, sku)) for owner, sku in parts],
        bundles=[Bundle(("", "KIT"), tuple((part, 2) for part in parts))],
    )
    shelf = Shelf(Configuration.of(NETWORK, sharing=sharing), "KIT", "SOURCE", *(sku for _, sku in parts))
    lying = {("SOURCE", "S"): 1000, ("PART-3", "S"): 17, ("SOURCE", "N"): 59}
    shelf.check(lying)
    assert shelf.compute(lying).level[0, 0] == 1017 // 60


def test_the_products_that_a_change_can_affect() -> None:
    """By numbers, ascending; a product that came later and shares with none affects itself alone."""
    sharing = NO_SHARING.changed(
        links=[Link("link", ("", "S"), ("", "A"))], bundles=[Bundle(("", "KIT"), ((("", "A"), 1),))]
    )
    shelf = Shelf(Configuration.of(NETWORK, sharing=sharing), "KIT", "B", "A", "S")
    shelf.compute({("LATE", "N"): 1})
    lending = shelf.columns.lending
    assert lending.readers(np.array([3])).tolist() == [0, 2, 3]
    assert lending.readers(np.array([1, 4])).tolist() == [1, 4]
    assert lending.reads(np.array([0, 4])).tolist() == [0, 2, 3, 4]
