"""What persons may sell through their channels: levels, views, and orders filled from custody."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import pytest

from tests.kit.projections import (
    LEDGER,
    Reader,
    books,
    channel,
    count,
    group,
    level,
    link,
    loaded,
    network,
    pools,
    rules,
    stands,
)
from tests.kit.promising import (
    BIKE,
    KIT,
    LAMP,
    RESERVATION,
    Ledger,
    asking,
    calling,
    replan,
    reserve,
    wish,
)
from weir_aggregator.domain import (
    BooksChange,
    Change,
    Lot,
    Person,
    Pool,
    Product,
    Purpose,
    Question,
    Recorded,
    Selection,
    StoreLimits,
)
from weir_aggregator.handlers import availability
from weir_aggregator.handlers.fulfilment import planned
from weir_aggregator.ports import Amended, Promised, PromisedLine, Reserved
from weir_aggregator.projection import Pace, Projection, updates
from weir_allocation.columns import UNTOLD
from weir_allocation.custody import View
from weir_allocation.fulfilment.model import Line, Plan
from weir_allocation.fulfilment.terms import terms
from weir_allocation.rules import Limits, Rule
from weir_allocation.sharing import Bundle
from weir_allocation.stock import ANY, Demand, StockItem
from weir_allocation.trace import Verdict
from weir_chassis.errors import Malformed

NETWORK = (
    group("all", "DEPOT"),
    channel("shop"),
    channel("rep-ann", rep=True),
    channel("rep-bob", rep=True),
    link("all", "shop"),
    stands(Bundle(KIT, ((BIKE, 1), (LAMP, 2)))),
)
STOCK = (
    count("BIKE", "DEPOT", 50),
    count("BIKE", "TRUNK", 3, custodian="ann"),
    count("BIKE", "DEPOT", 6, custodian="dora"),
    count("BIKE", "CLINIC", 6, 2, custodian="dora"),
    count("BIKE", "DEPOT", 7, custodian="bob"),
)
PEOPLE = (stands(Person("ann", "rep-ann")), stands(Person("bob", "rep-bob")), stands(Person("dora", "")))
AT_ONCE = Pace(heartbeat_seconds=0.0, pause_seconds=0.0)


def pool(*members: str, hub_access: bool = True) -> Change:
    """The pool of dora."""
    return stands(Pool("north", "dora", members, hub_access))


def peopled(*more: BooksChange, changes: Iterable[Change] = (pool("ann"),)) -> Projection:
    """The stock of a hub, of a member and of somebody else, and who sells through which channel."""
    projection = loaded((*STOCK, *more), NETWORK)
    projection.apply_configuration(pools(2, *PEOPLE, *changes))
    return projection


def views(projection: Projection, name: str, product: Product = BIKE) -> list[int]:
    """What each view of a channel gives."""
    return [projection.availability(Question(product, name, ANY, view)).level for view in View]


def test_the_golden_pool() -> None:
    """A rep has 3 and his hub 10: 3, 10 and 13; and 3, nothing and 3 while the switch is off. Others have what is
    theirs.
    """
    projection = peopled()
    assert views(projection, "rep-ann") == [3, 10, 13]
    assert views(projection, "rep-bob") == [7, 0, 7]
    projection.apply_configuration(pools(3, pool("ann", hub_access=False)))
    assert views(projection, "rep-ann") == [3, 0, 3]
    projection.apply_configuration(pools(4, pool("ann", "bob")))
    assert (views(projection, "rep-ann"), views(projection, "rep-bob")) == ([3, 10, 13], [7, 10, 17])
    assert level(projection, "shop", BIKE) == 50


def test_who_comes_and_goes() -> None:
    """A channel is its person's while he has it, and a member's while he is one; a hub that sells sells its own."""
    projection = peopled()
    projection.apply_configuration(pools(3, stands(Person("ann", ""))))
    assert level(projection, "rep-ann", BIKE) == 0
    projection.apply_configuration(pools(4, stands(Person("dora", "rep-ann")), stands(Person("ann", ""), deleted=True)))
    assert views(projection, "rep-ann") == [10, 10, 10]
    projection.apply_configuration(pools(5, pool("ann", hub_access=False)))
    assert views(projection, "rep-ann") == [10, 0, 10]
    gone = stands(Pool("north", "dora", (), False), deleted=True)
    projection.apply_configuration(pools(6, gone, stands(Person("dora", "shop"))))
    assert (level(projection, "rep-ann", BIKE), level(projection, "shop", BIKE)) == (0, 50)


def test_neither_rules_nor_policies_but_limits() -> None:
    """A rule for everything that does not name the channel says nothing of custody; its limits do."""
    projection = peopled()
    zeroing = stands(Rule("none", 1, frozenset(["shop"]), threshold=1000))
    limits = stands(StoreLimits("rep-ann", Limits(frozenset([LAMP]), None, 5)))
    projection.apply_configuration(rules(2, zeroing, limits))
    assert views(projection, "rep-ann") == [3, 5, 5]
    assert projection.levels([BIKE, LAMP, ("", "NEVER")], ["rep-ann", "shop"]).levels == [5, 0, UNTOLD, 0, 0, 0]
    assert not projection.explain(Question(LAMP, "rep-ann", ANY)).told


def test_what_is_on_hold_expired_or_of_another_sort() -> None:
    """Only sellable units of a lot that has not expired count, EACH unless another unit of measure is asked for."""
    held = count("BIKE", "TRUNK", 9, custodian="ann", lot="OLD")
    carton = count("BIKE", "TRUNK", 2, custodian="ann")._replace(uom="CARTON")
    projection = peopled(Lot("", "BIKE", "OLD", date(2026, 3, 1)), held, carton)
    projection.turn(date(2026, 3, 1))
    assert views(projection, "rep-ann") == [12, 10, 22]
    assert projection.availability(Question(BIKE, "rep-ann", Demand(lot="OLD"))).level == 9
    assert projection.availability(Question(BIKE, "rep-ann", Demand(uom="CARTON"))).level == 2
    projection.turn(date(2026, 3, 2))
    assert views(projection, "rep-ann") == [3, 10, 13]


async def test_a_watcher_hears_of_custody() -> None:
    """Of every level that changes and of no other: by stock, by the switch, by who sells."""
    projection = peopled(count("LAMP", "TRUNK", 8, custodian="bob"))
    reader = Reader(updates(projection, Selection(), {}, AT_ONCE))
    await reader.catch_up(projection)
    assert (reader.levels["rep-ann", BIKE], reader.levels["rep-bob", LAMP]) == (13, 8)

    async def told(number: int, *changes: BooksChange) -> set[Product]:
        before = len(reader.messages)
        projection.apply_balances(books(number, *changes))
        await reader.catch_up(projection)
        return {product for each in reader.messages[before:] if each.levels for product in each.levels.products}

    assert await told(2, count("BIKE", "TRUNK", 2, custodian="ann")) == {BIKE}
    assert reader.levels["rep-ann", BIKE] == 12
    moved = count("BIKE", "TRUNK", 3, custodian="ann"), count("BIKE", "DEPOT", 5, custodian="dora")
    assert await told(3, *moved) == set()
    assert await told(4, count("BIKE", "TRUNK", 30, custodian="zoe")) == set()
    assert await told(5, count("LAMP", "TRUNK", 1, custodian="ann")) == {LAMP}
    projection.apply_configuration(pools(3, pool("ann", hub_access=False)))
    await reader.catch_up(projection)
    assert (reader.levels["rep-ann", BIKE], reader.levels["rep-ann", KIT]) == (3, 0)
    await reader.close()


def test_parts_of_one_bundle_from_two_custodies() -> None:
    """What lies at one place may be put together, whoever of the two answers for it; each view sees its own parts."""
    parts = count("LAMP", "CLINIC", 5, custodian="ann"), count("LAMP", "TRUNK", 9, custodian="ann")
    projection = peopled(*parts)
    assert views(projection, "rep-ann", KIT) == [3, 0, 5]
    assert projection.levels([KIT], ["rep-ann", "rep-bob"]).levels == [5, 0]


async def ask(projection: Projection, *lines: Line, sells: str = "rep-ann", whole: bool = True) -> Plan:
    """The plan of an order."""
    with calling():
        found, _ = await planned(Ledger(projection).tenants, wish(*lines, whole=whole), sells, {})
    return found


def sources(found: Plan) -> list[tuple[str, str, int]]:
    """Whose units a plan takes, and where."""
    return [(each.item.custodian, each.item.location, each.quantity) for each in found.allocations]


async def test_own_first_then_the_hub() -> None:
    """An order takes what is the person's own, and only what that lacks from the hub; a view keeps to one of them."""
    projection = peopled()
    assert sources(await ask(projection, Line(BIKE, 3))) == [("ann", "TRUNK", 3)]
    took = sources(await ask(projection, Line(BIKE, 5)))
    assert ("ann", "TRUNK", 3) in took
    assert sum(units for custodian, _, units in took if custodian == "dora") == 2
    [hub] = sources(await ask(projection, Line(BIKE, 2, view=View.SHARED_BY_DISTRIBUTOR)))
    assert hub[0] == "dora"
    found = await ask(projection, Line(BIKE, 5, view=View.MY_CUSTODY), whole=False)
    assert (found.objective.filled, found.missing[0].verdict) == (3, Verdict.EMPTY)
    assert (await ask(projection, Line(BIKE, 14))).missing[0].quantity == 14


async def test_the_hub_shares_nothing() -> None:
    """With the switch off, and for whoever is in no pool, what a hub shares is nothing, and that is said."""
    projection = peopled(changes=[pool("ann", hub_access=False)])
    for sells in ("rep-ann", "rep-bob"):
        found = await ask(projection, Line(BIKE, 1, view=View.SHARED_BY_DISTRIBUTOR), sells=sells)
        assert [each.verdict for each in found.missing] == [Verdict.HUB_ACCESS_OFF]


CUSTODY_SAID = [
    (Line(BIKE, 1, custodians=("ann",), view=View.BOTH), "rep-ann", ["wish.lines[0].view"]),
    (Line(BIKE, 1, view=View.BOTH), "shop", ["wish.lines[0].view"]),
    (Line(BIKE, 1, custodians=("ann",)), "shop", ["wish.lines[0].custodians"]),
    (Line(BIKE, 1, view=View.MY_CUSTODY), "rep-nobody", ["wish.lines[0].custodians"]),
    (Line(BIKE, 1), "rep-nobody", ["wish.lines[0].custodians"]),
]


@pytest.mark.parametrize(("line", "sells", "fields"), CUSTODY_SAID)
async def test_what_may_be_said_of_custody(line: Line, sells: str, fields: list[str]) -> None:
    """Custodians or a view, of a channel by custody; the first where nobody sells through it."""
    projection = peopled()
    projection.apply_configuration(network(2, channel("rep-nobody", rep=True)))
    with pytest.raises(Malformed) as refused:
        await ask(projection, line, sells=sells)
    assert [each.field for each in refused.value.violations] == fields


async def test_a_view_of_a_shop() -> None:
    """A question with a view of a channel that groups feed is refused, whatever the view; one without is not."""
    ledger = Ledger(peopled())
    for view in View:
        for asked in (availability.availability, availability.explanation):
            with calling(), pytest.raises(Malformed) as refused:
                await asked(ledger.tenants, Question(BIKE, "shop", ANY, view), {})
            assert [each.field for each in refused.value.violations] == ["view"]
    with calling():
        found, _ = await availability.availability(ledger.tenants, Question(BIKE, "shop", ANY), {})
    assert found.level == 50


async def test_what_is_promised_is_kept_with_whose_it_is() -> None:
    """The plan that the ledger keeps names the custodians of each line, and the view that they are of."""
    ledger = Ledger(peopled())
    done = await reserve(ledger, asking(wish(Line(BIKE, 4)), sells="rep-ann"))
    assert isinstance(done, Reserved)
    [(kept, _)] = ledger.asked
    assert kept.wish.lines == (Line(BIKE, 4, custodians=("ann", "dora"), view=View.BOTH),)
    assert kept.terms.by_custody


async def test_an_order_keeps_the_custody_it_was_accepted_with() -> None:
    """Planned again after the switch was turned off, what it wants is filled from the hub as it was; what it did not
    want then is not.
    """
    ledger = Ledger(peopled(count("LAMP", "DEPOT", 9, custodian="dora")))
    projection = ledger.projection
    wanted = wish(Line(BIKE, 4, custodians=("ann", "dora"), view=View.BOTH))
    sells = projection.configuration.network.channels["rep-ann"]
    under = terms(projection.configuration, sells, [BIKE])
    trunk, depot = StockItem(*BIKE, "TRUNK", custodian="ann"), StockItem(*BIKE, "DEPOT", custodian="dora")
    ledger.stands = Promised(
        RESERVATION,
        True,
        (PromisedLine(trunk, 3, 0), PromisedLine(depot, 1, 0)),
        LEDGER.revision(1),
        LEDGER.revision(1),
        Recorded(wanted, "rep-ann", under, (Purpose(0, BIKE), Purpose(0, BIKE))),
        "as it was",
    )
    ledger.commit(count("BIKE", "TRUNK", 3, 3, custodian="ann"), count("BIKE", "DEPOT", 6, 1, custodian="dora"))
    projection.apply_configuration(pools(3, pool("ann", hub_access=False)))
    more = wish(Line(BIKE, 6), Line(LAMP, 1), whole=False)
    done = await replan(ledger, wish=more, channel="rep-ann")
    assert isinstance(done, Amended)
    [(kept, _)] = ledger.asked
    assert [each.custodians for each in kept.wish.lines] == [("ann", "dora"), ("ann",)]
    assert kept.plan is not None
    assert {each.item.custodian for each in kept.plan.allocations} == {"ann", "dora"}
    [moves] = ledger.moves
    assert (moves.releases, sum(each.quantity for each in moves.lines)) == ((), 2)
    assert [each.line for each in kept.plan.missing] == [1]
