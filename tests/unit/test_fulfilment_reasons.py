"""Why units of an order are missing, as a table: every reason, and the units that come nearest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import pytest

from tests.kit.worlds import holdings
from weir_allocation.fulfilment.model import Allocation, Alternative, Line, Missing, Order, Terms, Wish
from weir_allocation.fulfilment.reasons import filled, missing
from weir_allocation.sharing import NO_SHARING, Bundle, Link
from weir_allocation.stock import Condition, Demand, Product, Stock, StockItem
from weir_allocation.trace import Verdict

TODAY = date(2026, 3, 1)
TV: Product = ("", "TV")
SPACE: Product = ("", "SPACE")
KIT: Product = ("", "KIT")
SET: Product = ("", "SET")
LEG: Product = ("", "LEG")
TOP: Product = ("", "TOP")
HERE = frozenset(["W1", "W2"])
KITS = Bundle(KIT, ((LEG, 4), (TOP, 1)))
LINK = Link("link", TV, SPACE)


def stock(
    product: Product, location: str = "W1", on_hand: int = 5, reserved: int = 0, days: int = 0, **sort: str
) -> Stock:
    """Units of a lot that expires in so many days; 0: never."""
    condition = Condition[sort.pop("condition", "SELLABLE")]
    item = StockItem(*product, location, condition=condition, **sort)
    return Stock(item, on_hand, reserved, TODAY + timedelta(days=days) if days else None)


def order(
    *lines: Line,
    there: Iterable[Stock] = (),
    links: Iterable[Link] = (),
    bundles: Iterable[Bundle] = (),
    denied: Iterable[Product] = (),
    by_custody: bool = False,
    awaited: dict[StockItem, int] | None = None,
    sending: Iterable[str] = (),
    **wish: object,
) -> Order:
    """An order that W1 and W2 may serve."""
    sharing = NO_SHARING.changed(links=links, bundles=bundles)
    terms = Terms(sharing, {line.product: HERE for line in lines}, frozenset(denied), by_custody)
    wished = Wish(lines, **{"whole": False, **wish})  # type: ignore[arg-type]
    return Order(wished, terms, holdings(there), TODAY, awaited=awaited or {}, sending=frozenset(sending))


def taken(line: int, there: Stock, quantity: int, serves_as: Product | None = None, bundles: int = 0) -> Allocation:
    """Units of a stock item for a line."""
    product = (there.item.owner, there.item.sku)
    return Allocation(line, there.item, quantity, serves_as or product, bundles)


def found(order: Order, *allocations: Allocation, line: int = 0) -> tuple[Verdict, Alternative | None]:
    """Why units of a line are missing."""
    [told] = [each for each in missing(order, allocations) if each.line == line]
    return told.verdict, told.nearest


TVS, TVS_2, SPACES = stock(TV), stock(TV, "W2"), stock(SPACE)
LEGS, TOPS = stock(LEG, on_hand=8), stock(TOP)
PROMISED = stock(TV, on_hand=5, reserved=5)

LOTS = stock(TV, on_hand=2, lot="L1"), stock(TV, on_hand=2, lot="L2")

CASES: list[tuple[Verdict, Order, Sequence[Allocation], int, tuple[StockItem, int] | None]] = [
    (Verdict.EMPTY, order(Line(TV, 3)), [], 0, None),
    (Verdict.EMPTY, order(Line(TV, 9), there=[TVS]), [taken(0, TVS, 5)], 0, None),
    (Verdict.EMPTY, order(Line(TV, 3), there=[stock(TV, on_hand=-2)]), [], 0, None),
    (Verdict.ALL_RESERVED, order(Line(TV, 3), there=[PROMISED]), [], 0, (PROMISED.item, 3)),
    (Verdict.ALL_RESERVED, order(Line(TV, 9), there=[PROMISED]), [], 0, (PROMISED.item, 5)),
    (Verdict.AWAITED, order(Line(TV, 3), there=[PROMISED], awaited={PROMISED.item: 2}), [], 0, (PROMISED.item, 2)),
    (
        Verdict.TAKEN,
        order(Line(TV, 3), Line(TV, 4), there=[TVS]),
        [taken(0, TVS, 3), taken(1, TVS, 2)],
        1,
        (TVS.item, 2),
    ),
    (Verdict.DENIED, order(Line(TV, 3), there=[TVS], denied=[TV]), [], 0, (TVS.item, 3)),
    (Verdict.DENIED, order(Line(TV, 3), there=[PROMISED], denied=[TV]), [], 0, None),
    (Verdict.EXCLUDED, order(Line(TV, 3), there=[TVS], excluded=frozenset(["W1"])), [], 0, (TVS.item, 3)),
    (Verdict.OTHER_WAREHOUSE, order(Line(TV, 3), there=[stock(TV, "W3")]), [], 0, (stock(TV, "W3").item, 3)),
    (
        Verdict.LOCATIONS_EXHAUSTED,
        order(Line(TV, 9), there=[TVS, TVS_2], locations_max=1),
        [taken(0, TVS, 5)],
        0,
        (TVS_2.item, 4),
    ),
    (
        Verdict.LOCATIONS_EXHAUSTED,
        order(Line(TV, 9), there=[TVS, TVS_2], locations_max=1, sending=["W3"]),
        [],
        0,
        (TVS.item, 5),
    ),
    (
        Verdict.ONE_LOCATION,
        order(Line(TV, 9), there=[TVS, TVS_2], one_location_per_line=True),
        [taken(0, TVS, 5)],
        0,
        (TVS_2.item, 4),
    ),
    (
        Verdict.OWN_STOCK_ONLY,
        order(Line(SPACE, 3), there=[TVS], links=[LINK], own_only=True),
        [],
        0,
        (TVS.item, 3),
    ),
    (
        Verdict.KEPT_BACK,
        order(Line(SPACE, 9), there=[TVS], links=[Link("link", TV, SPACE, keep_back=3)]),
        [taken(0, TVS, 2, SPACE)],
        0,
        (TVS.item, 3),
    ),
    (
        Verdict.TAKEN,
        order(Line(SPACE, 2), Line(SPACE, 1), there=[TVS], links=[Link("link", TV, SPACE, keep_back=3)]),
        [taken(0, TVS, 2, SPACE)],
        1,
        (TVS.item, 1),
    ),
    (
        Verdict.OTHER_WAREHOUSE,
        order(Line(SPACE, 3), there=[TVS], links=[Link("link", TV, SPACE, locations=frozenset(["W2"]))]),
        [],
        0,
        (TVS.item, 3),
    ),
    (
        Verdict.LINK_INACTIVE,
        order(Line(SPACE, 3), there=[TVS], links=[Link("link", TV, SPACE, active=False)]),
        [],
        0,
        (TVS.item, 3),
    ),
    (
        Verdict.BUNDLE_SHARING_OFF,
        order(
            Line(SET, 3), there=[stock(KIT)], links=[Link("link", KIT, SET)], bundles=[KITS, Bundle(SET, ((TV, 1),))]
        ),
        [],
        0,
        (stock(KIT).item, 3),
    ),
    (
        Verdict.BUNDLE_KIND_MISMATCH,
        order(Line(SPACE, 3), there=[stock(KIT)], links=[Link("link", KIT, SPACE)], bundles=[KITS]),
        [],
        0,
        (stock(KIT).item, 3),
    ),
    (
        Verdict.BUNDLE_NESTED,
        order(Line(SET, 3), there=[stock(KIT)], bundles=[KITS, Bundle(SET, ((KIT, 1),))]),
        [],
        0,
        (stock(KIT).item, 3),
    ),
    (
        Verdict.LOT_MISMATCH,
        order(Line(TV, 3, Demand(lot="L1")), there=[stock(TV, lot="L2")]),
        [],
        0,
        (stock(TV, lot="L2").item, 3),
    ),
    (Verdict.UOM_MISMATCH, order(Line(TV, 3, Demand(uom="CARTON")), there=[TVS]), [], 0, (TVS.item, 3)),
    (Verdict.EXPIRED, order(Line(TV, 3), there=[stock(TV, days=-1)]), [], 0, (TVS.item, 3)),
    (
        Verdict.NOT_SELLABLE,
        order(Line(TV, 3), there=[stock(TV, condition="HOLD")]),
        [],
        0,
        (stock(TV, condition="HOLD").item, 3),
    ),
    (
        Verdict.IN_CUSTODY,
        order(Line(TV, 3), there=[stock(TV, custodian="ann")]),
        [],
        0,
        (stock(TV, custodian="ann").item, 3),
    ),
    (
        Verdict.BUNDLE_KIND_MISMATCH,
        order(Line(SPACE, 3), there=[stock(KIT)], links=[Link("link", KIT, SPACE, active=False)], bundles=[KITS]),
        [],
        0,
        None,
    ),
    (
        Verdict.ALL_RESERVED,
        order(Line(SPACE, 9), there=[PROMISED], links=[Link("link", TV, SPACE, keep_back=3)]),
        [],
        0,
        (PROMISED.item, 2),
    ),
    (
        Verdict.TAKEN,
        order(Line(SPACE, 3), Line(SPACE, 3), there=[TVS], links=[Link("link", TV, SPACE, keep_back=2)]),
        [taken(0, TVS, 3, SPACE)],
        1,
        (TVS.item, 3),
    ),
    (
        Verdict.TAKEN,
        order(
            *(Line(SPACE, 2, Demand(lot)) for lot in ("L1", "L2")),
            there=LOTS,
            links=[Link("link", TV, SPACE, keep_back=2)],
        ),
        [taken(0, LOTS[0], 2, SPACE)],
        1,
        (LOTS[1].item, 2),
    ),
    (
        Verdict.AWAITED,
        order(Line(TV, 9), there=[stock(TV, on_hand=2, reserved=5)], awaited={TVS.item: 4}),
        [],
        0,
        (TVS.item, 2),
    ),
    (
        Verdict.ALL_RESERVED,
        order(Line(TV, 9), there=[TVS, stock(TV, "W2", 5, 5)], locations_max=2),
        [taken(0, TVS, 5)],
        0,
        (TVS_2.item, 4),
    ),
    (
        Verdict.ALL_RESERVED,
        order(Line(TV, 9), there=[stock(TV, on_hand=9, reserved=4)], locations_max=1),
        [taken(0, TVS, 5)],
        0,
        (TVS.item, 4),
    ),
    # Of bundles: the component of which there is least.
    (Verdict.EMPTY, order(Line(KIT, 3), there=[TOPS], bundles=[KITS]), [], 0, None),
    (
        Verdict.ALL_RESERVED,
        order(Line(KIT, 3), there=[TOPS, stock(LEG, reserved=3)], bundles=[KITS]),
        [],
        0,
        (LEGS.item, 3),
    ),
    (
        Verdict.EMPTY,
        order(Line(KIT, 3), there=[TOPS, stock(LEG, "W2", reserved=5)], bundles=[KITS]),
        [],
        0,
        None,
    ),
    (
        Verdict.KEPT_BACK,
        order(
            Line(KIT, 1),
            there=LOTS,
            links=[Link("link", TV, TOP, keep_back=2)],
            bundles=[Bundle(KIT, ((TOP, 3),))],
        ),
        [],
        0,
        (LOTS[1].item, 1),
    ),
    (
        Verdict.OTHER_WAREHOUSE,
        order(Line(KIT, 3), there=[TOPS, stock(LEG, "W2")], bundles=[KITS]),
        [],
        0,
        (stock(LEG, "W2").item, 3),
    ),
    (
        Verdict.EXCLUDED,
        order(Line(KIT, 3), there=[TOPS, LEGS], bundles=[KITS], excluded=frozenset(["W1"])),
        [],
        0,
        (LEGS.item, 3),
    ),
    (
        Verdict.LOT_MISMATCH,
        order(Line(KIT, 3, Demand(lot="L1")), there=[TOPS, LEGS], bundles=[KITS]),
        [],
        0,
        (LEGS.item, 3),
    ),
    (
        Verdict.UOM_MISMATCH,
        order(Line(KIT, 3, Demand(uom="BOX")), there=[TOPS, LEGS], bundles=[KITS]),
        [],
        0,
        (LEGS.item, 3),
    ),
    (
        Verdict.TAKEN,
        order(Line(KIT, 1), Line(LEG, 6), there=[TOPS, LEGS], bundles=[KITS]),
        [taken(1, LEGS, 6)],
        0,
        (LEGS.item, 1),
    ),
    (
        Verdict.KEPT_BACK,
        order(Line(KIT, 1), there=[TVS, LEGS], links=[Link("link", TV, TOP, keep_back=5)], bundles=[KITS]),
        [],
        0,
        (TVS.item, 1),
    ),
]


@pytest.mark.parametrize(
    ("verdict", "wanted", "allocations", "line", "nearest"),
    CASES,
    ids=[f"{n} {case[0].name}" for n, case in enumerate(CASES)],
)
def test_why_units_are_missing(
    verdict: Verdict,
    wanted: Order,
    allocations: Sequence[Allocation],
    line: int,
    nearest: tuple[StockItem, int] | None,
) -> None:
    """One thing stands in the way of the units that come nearest, and it is told with them."""
    alternative = Alternative(*nearest, verdict) if nearest else None
    assert found(wanted, *allocations, line=line) == (verdict, alternative)


def test_the_nearest_reason_is_told() -> None:
    """Units that only a wish keeps away are nearer than units that are promised; of those alike the most count."""
    there = [stock(TV, "W1", 9, 9), stock(TV, "W2", 2), stock(TV, "W3", 3), stock(TV, "W4", 4)]
    wanted = order(Line(TV, 9), there=there, excluded=frozenset(["W2"]))
    assert found(wanted) == (Verdict.EXCLUDED, Alternative(there[1].item, 2, Verdict.EXCLUDED))
    assert found(order(Line(TV, 9), there=there[2:])) == (
        Verdict.OTHER_WAREHOUSE,
        Alternative(there[3].item, 4, Verdict.OTHER_WAREHOUSE),
    )


def test_units_that_two_things_keep_away_are_no_alternative() -> None:
    """What only one thing stands against comes first; where there is none, the hardest reason is told without units."""
    twice = stock(TV, "W3", days=-1)
    assert found(order(Line(TV, 3), there=[twice, PROMISED])) == (
        Verdict.ALL_RESERVED,
        Alternative(PROMISED.item, 3, Verdict.ALL_RESERVED),
    )
    assert found(order(Line(TV, 3), there=[twice])) == (Verdict.EXPIRED, None)


def test_a_channel_by_custody_is_told_nothing_of_other_persons() -> None:
    """Stock in the custody of anybody else, or of a location, is as if it did not exist."""
    there = [stock(TV, custodian="bob"), TVS]
    assert found(order(Line(TV, 3, custodians=("ann",)), there=there, by_custody=True)) == (Verdict.EMPTY, None)
    assert found(order(Line(TV, 3), there=there, by_custody=True)) == (Verdict.HUB_ACCESS_OFF, None)
    mine = stock(TV, "W9", custodian="ann", reserved=5)
    assert found(order(Line(TV, 3, custodians=("ann",)), there=[mine], by_custody=True)) == (
        Verdict.ALL_RESERVED,
        Alternative(mine.item, 3, Verdict.ALL_RESERVED),
    )


def test_a_whole_order_that_cannot_be_filled() -> None:
    """All of every line is missing: what could be filled because of the rest, the rest for its own reason."""
    wanted = order(Line(TV, 3), Line(SPACE, 7), there=[TVS, SPACES], whole=True)
    attempt = [taken(0, TVS, 3), taken(1, SPACES, 5)]
    assert missing(wanted, (), attempt) == (
        Missing(0, 3, Verdict.ORDER_INCOMPLETE),
        Missing(1, 7, Verdict.EMPTY),
    )


def test_golden_9_the_second_of_two_bundles_that_share_a_component() -> None:
    """Two lines whose bundles share a component of which there is one: it is taken."""
    last = stock(TOP, on_hand=1)
    bundles = [Bundle(KIT, ((TOP, 1),)), Bundle(SET, ((TOP, 1),))]
    wanted = order(Line(KIT, 1), Line(SET, 1), there=[last], bundles=bundles)
    assert found(wanted, taken(0, last, 1, bundles=1), line=1) == (
        Verdict.TAKEN,
        Alternative(last.item, 1, Verdict.TAKEN),
    )


def test_filled_units_count_bundles_once() -> None:
    """A bundle is one unit of its line however many parts it has, at each location where some are put together."""
    allocations = [
        taken(0, LEGS, 8, bundles=2),
        taken(0, TOPS, 2, bundles=2),
        taken(0, stock(LEG, "W2"), 4, bundles=1),
        taken(0, stock(KIT), 3),
        taken(2, TVS, 1),
    ]
    assert filled(allocations) == {0: 6, 2: 1}
