"""Links and bundles as tables: what lends what, what does not and why, and what can be put together where."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

import pytest

from tests.kit.worlds import holdings
from weir_allocation.goods import Goods
from weir_allocation.sharing import NO_SHARING, Bundle, Link, Sharing
from weir_allocation.sources import sources
from weir_allocation.stock import ANY, EACH, Condition, Demand, Product, Stock, StockItem
from weir_allocation.supply import place
from weir_allocation.trace import Step, Subject, Verdict

TODAY = date(2026, 3, 1)
TV: Product = ("", "TV")
SPACE: Product = ("", "SPACE")
KIT: Product = ("", "KIT")
SET: Product = ("", "SET")
LEG: Product = ("", "LEG")
TOP: Product = ("", "TOP")
GLUE: Product = ("other", "GLUE")


def stock(product: Product, location: str, on_hand: int, *, lot: str = "", uom: str = EACH, days: int = 0) -> Stock:
    """Sellable units in the custody of the location, of a lot that expires in so many days; 0: never."""
    owner, sku = product
    return Stock(StockItem(owner, sku, location, lot, uom), on_hand, 0, TODAY + timedelta(days=days) if days else None)


def at(product: Product, location: str, sharing: Sharing, *there: Stock, demand: Demand = ANY) -> Step:
    """What a location holds for a product."""
    return place(product, location, sharing, Goods(holdings(there), demand, TODAY))


def listed(
    product: Product,
    sharing: Sharing,
    *there: Stock,
    demand: Demand = ANY,
    locations: Collection[str] | None = None,
) -> list[tuple[str, Verdict, int, int]]:
    """The sources of a product."""
    goods = Goods(holdings(there), demand, TODAY)
    return [
        (step.name, step.verdict, step.units_in, step.units_out) for step in sources(product, sharing, goods, locations)
    ]


KITS = (Bundle(KIT, ((LEG, 4), (TOP, 1))), Bundle(SET, ((TOP, 2),)))


@pytest.mark.parametrize(
    ("link", "there", "demand", "verdict", "units"),
    [
        (Link("link", TV, SPACE), stock(TV, "W1", 7), ANY, Verdict.COUNTED, 7),
        (Link("link", TV, SPACE, active=False), stock(TV, "W1", 7), ANY, Verdict.LINK_INACTIVE, 0),
        (Link("link", TV, SPACE, locations=frozenset(["W1"])), stock(TV, "W1", 7), ANY, Verdict.COUNTED, 7),
        (Link("link", TV, SPACE, locations=frozenset(["W2"])), stock(TV, "W1", 7), ANY, Verdict.OTHER_WAREHOUSE, 0),
        (Link("link", TV, SPACE, keep_back=5), stock(TV, "W1", 7), ANY, Verdict.COUNTED, 2),
        (Link("link", TV, SPACE, keep_back=7), stock(TV, "W1", 7), ANY, Verdict.KEPT_BACK, 0),
        (Link("link", TV, SPACE), stock(TV, "W1", 7, uom="CARTON"), ANY, Verdict.UOM_MISMATCH, 0),
        (Link("link", TV, SPACE), stock(TV, "W1", 7, uom="CARTON"), Demand(uom="CARTON"), Verdict.COUNTED, 7),
        (Link("link", TV, SPACE), stock(TV, "W1", 7, lot="L2"), Demand(lot="L1"), Verdict.LOT_MISMATCH, 0),
        (Link("link", TV, SPACE), stock(TV, "W1", 7), Demand(lot="L1"), Verdict.LOT_MISMATCH, 0),
        (Link("link", TV, SPACE), stock(TV, "W1", 7, lot="L1"), Demand(lot="L1"), Verdict.COUNTED, 7),
        (Link("link", TV, SPACE), stock(TV, "W1", 7, lot="L1"), ANY, Verdict.COUNTED, 7),
        (Link("link", TV, SPACE), stock(TV, "W1", 7, lot="L1", days=-1), ANY, Verdict.EXPIRED, 0),
        (Link("link", TV, SPACE), stock(TV, "W1", 0), ANY, Verdict.EMPTY, 0),
        (Link("link", KIT, SPACE), stock(KIT, "W1", 7), ANY, Verdict.BUNDLE_KIND_MISMATCH, 0),
        (Link("link", TV, LEG), stock(TV, "W1", 7), ANY, Verdict.COUNTED, 7),
        (Link("link", KIT, LEG), stock(KIT, "W1", 7), ANY, Verdict.BUNDLE_KIND_MISMATCH, 0),
        (Link("link", SET, KIT), stock(SET, "W1", 7), ANY, Verdict.BUNDLE_SHARING_OFF, 0),
        (Link("link", SET, KIT, bundles=True), stock(SET, "W1", 7), ANY, Verdict.COUNTED, 7),
        (Link("link", SET, KIT, active=False), stock(SET, "W1", 7), ANY, Verdict.LINK_INACTIVE, 0),
    ],
)
def test_what_a_link_lends(link: Link, there: Stock, demand: Demand, verdict: Verdict, units: int) -> None:
    """What a source gives through a link, and the first reason where it gives nothing."""
    step = at(link.destination, "W1", NO_SHARING.changed(links=[link], bundles=KITS), there, demand=demand)
    [lent] = [each for each in step.steps if each.subject is Subject.LINK]
    assert (lent.verdict, lent.units_out, lent.product) == (verdict, units, link.source)
    assert step.units_out == units


@pytest.mark.parametrize(
    ("condition", "custodian", "verdict"),
    [(Condition.HOLD, "", Verdict.NOT_SELLABLE), (Condition.SELLABLE, "ann", Verdict.IN_CUSTODY)],
)
def test_a_source_lends_only_what_it_could_sell_itself(condition: Condition, custodian: str, verdict: Verdict) -> None:
    """Goods under review and goods in a person's custody are not lent."""
    there = Stock(StockItem(*TV, "W1", custodian=custodian, condition=condition), 7, 0)
    [lent] = at(SPACE, "W1", NO_SHARING.changed(links=[Link("link", TV, SPACE)]), there).steps
    assert lent.verdict is verdict


def test_a_source_whose_units_are_all_promised_lends_nothing() -> None:
    """Reserved units are not lent, and the reason is that they are promised."""
    [lent] = at(
        SPACE, "W1", NO_SHARING.changed(links=[Link("link", TV, SPACE)]), Stock(StockItem(*TV, "W1"), 7, 9)
    ).steps
    assert lent.verdict is Verdict.ALL_RESERVED


def test_units_of_any_lot_are_as_good_to_keep_back() -> None:
    """Of 6 of the lot asked for and 4 of another, 5 stay with the source: the other 4 and 1 of the lot."""
    sharing = NO_SHARING.changed(links=[Link("link", TV, SPACE, keep_back=5)])
    there = stock(TV, "W1", 6, lot="L1"), stock(TV, "W1", 4, lot="L2")
    assert at(SPACE, "W1", sharing, *there, demand=Demand("L1")).units_out == 5
    assert at(SPACE, "W1", sharing, *there).units_out == 5


def test_only_direct_links_lend() -> None:
    """With A to B and B to C, C may use the stock of B, not that of A; circles change nothing about it."""
    chain = [Link("one", TV, SPACE), Link("two", SPACE, TOP), Link("three", TOP, TV)]
    sharing = NO_SHARING.changed(links=chain)
    there = stock(TV, "W1", 1), stock(SPACE, "W1", 2), stock(TOP, "W1", 4)
    assert [at(each, "W1", sharing, *there).units_out for each in (TV, SPACE, TOP)] == [5, 3, 6]


def test_of_two_links_from_one_source_only_the_first_counts() -> None:
    """Nothing is counted twice, also where a second link was let through."""
    links = [Link("late", TV, SPACE, priority=2), Link("early", TV, SPACE, priority=1, keep_back=3)]
    [lent] = at(SPACE, "W1", NO_SHARING.changed(links=links), stock(TV, "W1", 7)).steps
    assert (lent.name, lent.units_out) == ("early", 4)


def test_a_product_never_serves_itself_through_a_link() -> None:
    """A link from a product to itself counts nothing."""
    assert at(TV, "W1", NO_SHARING.changed(links=[Link("self", TV, TV, True)]), stock(TV, "W1", 7)).units_out == 7


def test_lots_serve_in_the_order_in_which_they_expire() -> None:
    """Earliest expiry first, what never expires last; the last day of a lot still counts, the day after does not."""
    there = [
        stock(TV, "W1", 1),
        stock(TV, "W1", 2, lot="LATE", days=9),
        stock(TV, "W1", 4, lot="SOON", days=1),
        stock(TV, "W1", 8, lot="OVER", days=-1),
        Stock(StockItem("", "TV", "W1", "LAST DAY"), 16, 0, TODAY),
    ]
    step = at(TV, "W1", NO_SHARING, *there)
    items = [(each.item.lot, each.verdict) for each in step.steps if each.item is not None]
    assert items == [
        ("OVER", Verdict.EXPIRED),
        ("LAST DAY", Verdict.COUNTED),
        ("SOON", Verdict.COUNTED),
        ("LATE", Verdict.COUNTED),
        ("", Verdict.COUNTED),
    ]
    assert step.units_out == 23


def test_an_expired_lot_that_is_asked_for_is_expired() -> None:
    """Asking for a lot by name does not make it younger."""
    step = at(TV, "W1", NO_SHARING, stock(TV, "W1", 8, lot="OVER", days=-1), demand=Demand("OVER"))
    assert [each.verdict for each in step.steps] == [Verdict.EXPIRED]


def test_packed_first_then_shared_then_put_together() -> None:
    """A bundle has its packed units, those of parents that share with it, and those its parts make, from one place."""
    sharing = NO_SHARING.changed(bundles=KITS, links=[Link("link", SET, KIT, bundles=True)])
    there = stock(KIT, "W1", 3), stock(SET, "W1", 2), stock(LEG, "W1", 9), stock(TOP, "W1", 8)
    step = at(KIT, "W1", sharing, *there)
    assert [(each.subject, each.units_out) for each in step.steps] == [
        (Subject.STOCK_ITEM, 3),
        (Subject.LINK, 2),
        (Subject.ASSEMBLY, 2),
    ]
    assert at(SET, "W1", sharing, *there).units_out == 2 + 4


def test_all_parts_of_a_bundle_come_from_one_location() -> None:
    """Legs here and tops there make nothing, and the component that is missing lets out 0."""
    sharing = NO_SHARING.changed(bundles=KITS)
    there = stock(LEG, "W1", 40), stock(TOP, "W2", 20)
    for location, missing in (("W1", "TOP"), ("W2", "LEG")):
        [assembly] = at(KIT, location, sharing, *there).steps
        assert assembly.units_out == 0
        assert [part.name for part in assembly.steps if not part.units_out] == [missing]


def test_a_component_s_own_link_serves_it_in_the_bundle_too() -> None:
    """Glue lends to tops: a kit may be made with it, and so may a plain order for tops."""
    sharing = NO_SHARING.changed(bundles=KITS, links=[Link("link", GLUE, TOP, keep_back=1)])
    there = stock(LEG, "W1", 40), stock(GLUE, "W1", 4), stock(TOP, "W1", 2)
    assert at(KIT, "W1", sharing, *there).units_out == 5
    assert at(TOP, "W1", sharing, *there).units_out == 5


def test_parts_that_lend_to_one_another_count_once() -> None:
    """Legs serve for tops: of 10 legs and 1 top, two bundles of one each with 4 legs to it can be made, not three."""
    sharing = NO_SHARING.changed(bundles=KITS, links=[Link("link", LEG, TOP)])
    [assembly] = at(KIT, "W1", sharing, stock(LEG, "W1", 10), stock(TOP, "W1", 1)).steps
    assert (assembly.verdict, assembly.units_in, assembly.units_out) == (Verdict.COUNTED, 2, 2)
    [assembly] = at(KIT, "W1", sharing, stock(LEG, "W1", 13)).steps
    assert (assembly.verdict, assembly.units_in, assembly.units_out) == (Verdict.COUNTED_ONCE, 3, 2)


def test_a_component_that_is_named_twice_counts_twice() -> None:
    """One leg and one leg more are two legs."""
    sharing = NO_SHARING.changed(bundles=[Bundle(KIT, ((LEG, 1), (LEG, 1)))])
    assert at(KIT, "W1", sharing, stock(LEG, "W1", 5)).units_out == 2


@pytest.mark.parametrize(
    ("demand", "verdict"), [(Demand(lot="L1"), Verdict.LOT_MISMATCH), (Demand(uom="BOX"), Verdict.UOM_MISMATCH)]
)
def test_a_bundle_that_is_put_together_has_no_lot_and_is_each(demand: Demand, verdict: Verdict) -> None:
    """Packed units are of the lot or the unit of measure asked for; what parts would make is refused."""
    sharing = NO_SHARING.changed(bundles=KITS)
    there = stock(SET, "W1", 3, lot=demand.lot, uom=demand.uom), stock(TOP, "W1", 9, lot=demand.lot, uom=demand.uom)
    step = at(SET, "W1", sharing, *there, demand=demand)
    assert step.units_out == 3
    assert step.steps[-1].verdict is verdict


def test_bundles_do_not_nest() -> None:
    """A bundle with a bundle in it is never put together, whatever was let through."""
    sharing = NO_SHARING.changed(bundles=[*KITS, Bundle(TV, ((KIT, 1),))])
    step = at(TV, "W1", sharing, stock(KIT, "W1", 3))
    assert (step.units_out, step.steps[-1].verdict) == (0, Verdict.BUNDLE_NESTED)


def test_sources_in_serving_order() -> None:
    """Own stock, then links by priority and creation, each with what it holds and what it may serve, and why not."""
    links = [
        Link("last", GLUE, SPACE, priority=2, created=1),
        Link("second", LEG, SPACE, priority=1, created=2, keep_back=9),
        Link("first", TV, SPACE, priority=1, created=1),
        Link("off", TOP, SPACE, created=9, active=False),
        Link("other way", SPACE, SET),
    ]
    sharing = NO_SHARING.changed(links=links)
    there = stock(SPACE, "W1", 1), stock(TV, "W1", 2), stock(TV, "W2", 3), stock(LEG, "W1", 4), stock(TOP, "W1", 5)
    assert listed(SPACE, sharing, *there) == [
        ("SPACE", Verdict.COUNTED, 1, 1),
        ("off", Verdict.LINK_INACTIVE, 5, 0),
        ("first", Verdict.COUNTED, 5, 5),
        ("second", Verdict.KEPT_BACK, 4, 0),
        ("last", Verdict.EMPTY, 0, 0),
    ]
    assert listed(SPACE, sharing, *there, locations=["W2"])[0] == ("SPACE", Verdict.OTHER_WAREHOUSE, 1, 0)
    assert listed(SPACE, sharing, *there, locations=["W2"])[2] == ("first", Verdict.COUNTED, 5, 3)
    assert listed(SPACE, sharing, *there, locations=["W3"])[2] == ("first", Verdict.OTHER_WAREHOUSE, 5, 0)


def test_sources_of_a_bundle_end_with_what_can_be_put_together() -> None:
    """Parts at each location make bundles there; a link that never lends says so also where nothing lies."""
    sharing = NO_SHARING.changed(bundles=KITS, links=[Link("link", TV, SET), Link("set", KIT, SET)])
    assert listed(SET, sharing, stock(TOP, "W1", 5), stock(TOP, "W2", 4)) == [
        ("SET", Verdict.EMPTY, 0, 0),
        ("link", Verdict.BUNDLE_KIND_MISMATCH, 0, 0),
        ("set", Verdict.BUNDLE_SHARING_OFF, 0, 0),
        ("SET", Verdict.COUNTED, 4, 4),
    ]
    assert listed(SET, sharing, stock(TOP, "W1", 5), demand=Demand("L1"))[-1] == ("SET", Verdict.LOT_MISMATCH, 0, 0)


def test_own_stock_that_does_not_fit_says_why() -> None:
    """As a source own stock is refused for the reasons any other is."""
    assert listed(TV, NO_SHARING, stock(TV, "W1", 5, lot="L2"), demand=Demand("L1")) == [
        ("TV", Verdict.LOT_MISMATCH, 0, 0)
    ]


def test_who_reads_and_who_is_read() -> None:
    """The stock of a product affects itself, those it lends to, and the bundles of either; and the other way round."""
    sharing = NO_SHARING.changed(bundles=KITS, links=[Link("link", GLUE, TOP), Link("two", SPACE, TV, True)])
    assert sharing.reads(KIT) == (KIT, LEG, TOP, GLUE)
    assert sharing.reads(TV) == (TV, SPACE)
    assert sharing.readers(GLUE) == (GLUE, TOP, KIT, SET)
    assert sharing.readers(TOP) == (TOP, KIT, SET)
    assert sharing.readers(TV) == (TV, SPACE)
    assert sharing.readers(KIT) == (KIT,)
