"""What a merchant reads: every sentence of an explanation, from the very computation it explains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta

import pytest

from tests.kit.worlds import holdings
from weir_aggregator.wire import sentences
from weir_aggregator.wire.remedies import advised
from weir_aggregator.wire.sentences import sentence
from weir_allocation.advice import Lever, Remedy, advise
from weir_allocation.configuration import Configuration
from weir_allocation.custody import Seller
from weir_allocation.network import Channel, Network
from weir_allocation.pipeline import Question, explain
from weir_allocation.policy import Mode, Part, Policy, Strategy
from weir_allocation.rules import Limits, Rule
from weir_allocation.sharing import NO_SHARING, Bundle, Link
from weir_allocation.stock import ANY, Condition, Demand, Product, Stock, StockItem
from weir_allocation.trace import Stage, Step, Subject, Verdict

TODAY = date(2026, 3, 1)
BIKE: Product = ("", "BIKE")
SPARE: Product = ("other", "SPARE")
FRAME: Product = ("", "FRAME")
WHEEL: Product = ("", "WHEEL")
NETWORK = Network.of(
    warehouse_groups={"north": ["W1", "W2"], "empty": [], "south": ["W3"]},
    channels=[Channel(name, name) for name in ("shop", "till", "bare")] + [Channel("ann", "shop", by_custody=True)],
    links=[("north", "shop"), ("north", "till"), ("empty", "shop")],
)
PLAIN = Configuration.of(NETWORK)
OPEN = replace(PLAIN, sellers={"ann": Seller("anna", "dora", hub_access=True)})
CLOSED = replace(PLAIN, sellers={"ann": Seller("anna", "dora")})
RULE = Rule("five", 1, frozenset(["shop", "till"]))
LINK = Link("internal", SPARE, BIKE)


def stock(
    product: Product = BIKE,
    location: str = "W1",
    on_hand: int = 5,
    *,
    reserved: int = 0,
    awaited: int = 0,
    days: int = 0,
    **sort: str,
) -> Stock:
    """Units of a lot that expires in so many days; 0: never."""
    condition = Condition[sort.pop("condition", "SELLABLE")]
    item = StockItem(*product, location, condition=condition, **sort)
    return Stock(item, on_hand, reserved, TODAY + timedelta(days=days) if days else None, awaited)


def asked(configuration: Configuration, *there: Stock, channel: str = "shop", demand: Demand = ANY) -> Question:
    """What a channel may sell of the bike."""
    return Question(configuration, NETWORK.channels[channel], BIKE, holdings(there), TODAY, demand)


def steps(question: Question) -> Iterator[Step]:
    """All steps of the answer."""
    waiting = list(explain(question).steps)
    while waiting:
        step = waiting.pop(0)
        yield step
        waiting += step.steps


def sharing(*links: Link, bundles: tuple[Bundle, ...] = ()) -> Configuration:
    """Links and bundles alone."""
    return replace(PLAIN, sharing=NO_SHARING.changed(links=links, bundles=bundles))


def policed(strategy: Strategy, *parts: Part, buffer: int = 0) -> Configuration:
    """One policy for everything."""
    return replace(PLAIN, policies=(Policy("fair", 1, strategy, None, parts, buffer_units=buffer),))


def balanced(left: Mapping[tuple[str, str], int]) -> Question:
    """What the shop may sell of five bikes that were divided at an instant, with so much left of the shares."""
    divided = Policy("fair", 1, Strategy.EQUAL_DIVISION, mode=Mode.BALANCED)
    return replace(asked(replace(PLAIN, policies=(divided,)), stock()), shares=left)


def ruled(**terms: object) -> Configuration:
    """One rule for everything."""
    return replace(PLAIN, rules=(replace(RULE, **terms),))  # type: ignore[arg-type]


def limited(limits: Limits) -> Configuration:
    """The limits of the shop."""
    return replace(PLAIN, limits={"shop": limits})


BIKES = Bundle(BIKE, ((FRAME, 1), (WHEEL, 2)))
PARTS = sharing(bundles=(BIKES,))
BORROWED = sharing(Link("a", SPARE, FRAME), Link("b", SPARE, WHEEL), bundles=(BIKES,))
PACKED = (BIKES, Bundle(SPARE, ((FRAME, 1),)))
NESTED = sharing(bundles=(Bundle(BIKE, ((FRAME, 1),)), Bundle(FRAME, ((WHEEL, 1),))))
LOT, CARTON = Demand(lot="L1"), Demand(uom="CARTON")

CASES = [
    (asked(PLAIN), "REACH CHANNEL SUM", "'shop' is served by 2 warehouse groups linked to its channel group."),
    (
        asked(PLAIN, channel="bare"),
        "REACH CHANNEL NOT_LINKED",
        "No warehouse group is linked to the channel group of 'bare'.",
    ),
    (
        asked(PLAIN, channel="ann"),
        "REACH CHANNEL BY_CUSTODY",
        "'ann' sells what is in custody, not what warehouse groups hold.",
    ),
    (
        asked(OPEN, channel="ann"),
        "REACH CUSTODIAN COUNTED",
        "What is in the custody of 'anna', who sells through it, counts.",
    ),
    (
        asked(OPEN, channel="ann"),
        "REACH CUSTODIAN HUB_ACCESS_ON",
        "What is in the custody of 'dora' counts: the hub of the pool has opened its stock to members.",
    ),
    (
        asked(CLOSED, channel="ann"),
        "REACH CUSTODIAN HUB_ACCESS_OFF",
        "What is in the custody of 'dora' does not count: the hub of the pool has not opened its stock to members.",
    ),
    (
        asked(CLOSED, stock(custodian="anna", reserved=2), channel="ann"),
        "SUPPLY STOCK_ITEM COUNTED",
        "EACH, with 'anna': 5 units there, 2 promised, 3 units free.",
    ),
    (asked(OPEN, stock(custodian="dora"), channel="ann"), "CAP CHANNEL COUNTED", "'ann' is told 5 units."),
    (asked(PLAIN), "REACH WAREHOUSE_GROUP COUNTED", "Warehouse group 'north' is linked, with 2 locations."),
    (asked(PLAIN), "REACH WAREHOUSE_GROUP EMPTY", "Warehouse group 'empty' is linked but has no locations."),
    (asked(PLAIN), "REACH LOCATION COUNTED", "'W1' may serve it."),
    (
        asked(ruled(warehouses=frozenset(["W1"]))),
        "REACH LOCATION OUTSIDE_RULE",
        "'W2' is none of the warehouses that the product's rule names.",
    ),
    (asked(PLAIN, stock()), "SUPPLY PRODUCT SUM", "The locations that may serve it hold 5 units of 'BIKE'."),
    (asked(PLAIN, stock()), "SUPPLY LOCATION COUNTED", "'W1' gives 5 units."),
    (
        asked(replace(PLAIN, late={"W1": 30}), stock()),
        "SUPPLY LOCATION LATE",
        "'W1' holds 5 units and gives 3 units: its warehouse is late, so that 30 % of it count for nobody.",
    ),
    (asked(PLAIN, stock()), "SUPPLY LOCATION EMPTY", "Nothing lies at 'W2'."),
    (
        asked(PLAIN, stock(location="W3")),
        "SUPPLY LOCATION NOT_LINKED",
        "'W3' holds 5 units, but its warehouse group does not serve the channel.",
    ),
    (
        asked(PLAIN, stock(location="W4")),
        "SUPPLY LOCATION NOT_GROUPED",
        "'W4' holds 5 units, but is in no warehouse group and serves nobody.",
    ),
    (
        asked(PLAIN, stock(), channel="ann"),
        "SUPPLY LOCATION BY_CUSTODY",
        "'W1' holds 5 units, but the channel sells only what is in custody.",
    ),
    (
        asked(ruled(warehouses=frozenset(["W1"])), stock(location="W2", on_hand=1)),
        "SUPPLY LOCATION OUTSIDE_RULE",
        "'W2' holds 1 unit, but is none of the warehouses that the product's rule names.",
    ),
    (
        asked(PLAIN, stock(lot="L1", reserved=2)),
        "SUPPLY STOCK_ITEM COUNTED",
        "EACH, lot 'L1': 5 units there, 2 promised, 3 units free.",
    ),
    (asked(PLAIN, stock(reserved=9)), "SUPPLY STOCK_ITEM ALL_RESERVED", "EACH: 5 units there, all promised."),
    (
        asked(PLAIN, stock(reserved=5, awaited=2)),
        "SUPPLY STOCK_ITEM AWAITED",
        "EACH: 5 units there, all promised or for orders that wait.",
    ),
    (asked(PLAIN, stock(on_hand=0)), "SUPPLY STOCK_ITEM EMPTY", "EACH: nothing there."),
    (
        asked(PLAIN, stock(condition="HOLD")),
        "SUPPLY STOCK_ITEM NOT_SELLABLE",
        "EACH: 5 units there, under review.",
    ),
    (
        asked(PLAIN, stock(custodian="ann")),
        "SUPPLY STOCK_ITEM IN_CUSTODY",
        "EACH, with 'ann': 5 units there, in a person's custody.",
    ),
    (
        asked(PLAIN, stock(lot="L1", days=-1)),
        "SUPPLY STOCK_ITEM EXPIRED",
        "EACH, lot 'L1': 5 units there, but the last day of the lot is over.",
    ),
    (
        asked(PLAIN, stock(), demand=LOT),
        "SUPPLY STOCK_ITEM OTHER_LOT",
        "EACH: 5 units there, but another lot was asked for.",
    ),
    (
        asked(PLAIN, stock(), demand=CARTON),
        "SUPPLY STOCK_ITEM OTHER_UOM",
        "EACH: 5 units there, but units of measure are never mixed.",
    ),
    (asked(sharing(LINK), stock(SPARE)), "SUPPLY LINK COUNTED", "'SPARE' of 'other' lends 5 units."),
    (
        asked(sharing(replace(LINK, keep_back=2)), stock(SPARE)),
        "SUPPLY LINK COUNTED",
        "'SPARE' of 'other' lends 3 units and keeps 2 back.",
    ),
    (
        asked(sharing(replace(LINK, keep_back=7)), stock(SPARE)),
        "SUPPLY LINK KEPT_BACK",
        "'SPARE' of 'other' has 5 units here and keeps 7 back: none is left.",
    ),
    (
        asked(sharing(replace(LINK, active=False)), stock(SPARE)),
        "SUPPLY LINK LINK_INACTIVE",
        "'SPARE' of 'other' lends nothing: the link is disabled.",
    ),
    (
        asked(sharing(LINK, bundles=(BIKES,)), stock(SPARE)),
        "SUPPLY LINK BUNDLE_KIND_MISMATCH",
        "'SPARE' of 'other' lends nothing: one of the two is a bundle, the other not.",
    ),
    (
        asked(sharing(LINK, bundles=PACKED), stock(SPARE)),
        "SUPPLY LINK BUNDLE_SHARING_OFF",
        "'SPARE' of 'other' lends nothing: both are bundles, and the link does not let bundles share.",
    ),
    (
        asked(sharing(LINK), stock(SPARE, "W3")),
        "SUPPLY LINK OTHER_WAREHOUSE",
        "'SPARE' of 'other' has 5 units here, but this is no place from where it lends to the channel.",
    ),
    (
        asked(sharing(LINK), stock(SPARE, lot="L2"), demand=LOT),
        "SUPPLY LINK LOT_MISMATCH",
        "'SPARE' of 'other' lends nothing: none of it is of the lot asked for.",
    ),
    (
        asked(sharing(LINK), stock(SPARE), demand=CARTON),
        "SUPPLY LINK UOM_MISMATCH",
        "'SPARE' of 'other' lends nothing: none of it is in the unit of measure asked for, and none is converted.",
    ),
    (
        asked(sharing(LINK), stock(SPARE, lot="L1", days=-1)),
        "SUPPLY LINK EXPIRED",
        "'SPARE' of 'other' lends nothing: the last day of what lies here is over.",
    ),
    (
        asked(sharing(LINK), stock(SPARE, custodian="ann")),
        "SUPPLY LINK IN_CUSTODY",
        "'SPARE' of 'other' lends nothing: what lies here is in a person's custody.",
    ),
    (
        asked(sharing(LINK), stock(SPARE, condition="DAMAGED")),
        "SUPPLY LINK NOT_SELLABLE",
        "'SPARE' of 'other' lends nothing: what lies here is under review or damaged.",
    ),
    (
        asked(sharing(LINK), stock(SPARE, reserved=5)),
        "SUPPLY LINK ALL_RESERVED",
        "'SPARE' of 'other' lends nothing: all that lies here is promised.",
    ),
    (
        asked(sharing(LINK), stock(SPARE, reserved=5, awaited=5)),
        "SUPPLY LINK AWAITED",
        "'SPARE' of 'other' lends nothing: what lies here is for orders that wait.",
    ),
    (
        asked(sharing(LINK), stock(SPARE, on_hand=0)),
        "SUPPLY LINK EMPTY",
        "'SPARE' of 'other' lends nothing: none of it lies here.",
    ),
    (
        asked(PARTS, stock(FRAME), stock(WHEEL)),
        "SUPPLY ASSEMBLY COUNTED",
        "2 bundles can be put together; 'WHEEL' allows no more.",
    ),
    (
        asked(BORROWED, stock(SPARE)),
        "SUPPLY ASSEMBLY COUNTED_ONCE",
        "1 bundle can be put together: parts for 2 lie here, but draw on the same stock, which counts once.",
    ),
    (
        asked(NESTED, stock(FRAME)),
        "SUPPLY ASSEMBLY BUNDLE_NESTED",
        "None is put together: a component is a bundle itself.",
    ),
    (
        asked(PARTS, stock(FRAME), demand=CARTON),
        "SUPPLY ASSEMBLY UOM_MISMATCH",
        "None is put together: bundles are put together in EACH only.",
    ),
    (
        asked(PARTS, stock(FRAME), demand=LOT),
        "SUPPLY ASSEMBLY LOT_MISMATCH",
        "None is put together: a bundle put together is of no lot.",
    ),
    (
        asked(PARTS, stock(WHEEL)),
        "SUPPLY COMPONENT COUNTED",
        "'WHEEL': 5 units, 2 for each bundle, enough for 2 bundles.",
    ),
    (
        asked(PARTS, stock(FRAME)),
        "SUPPLY COMPONENT EMPTY",
        "'WHEEL': none, where each bundle takes 2.",
    ),
    (asked(PLAIN, stock()), "SPLIT CHANNEL_GROUP SUM", "The share of channel group 'shop' is 5 units."),
    (
        asked(PLAIN, stock()),
        "SPLIT WAREHOUSE_GROUP COUNTED",
        "What 'north' holds, 5 units, is divided by no policy: each sees it all.",
    ),
    (
        asked(policed(Strategy.EQUAL_DIVISION), stock()),
        "SPLIT WAREHOUSE_GROUP DIVIDED",
        "Policy 'fair' gives it 3 units of the 5 units at 'north'.",
    ),
    (
        balanced({("north", "shop"): 7, ("north", "till"): 1}),
        "SPLIT WAREHOUSE_GROUP BALANCED",
        "Policy 'fair' divided what 'north' holds: with 7 units left of its share it gets 5 units of 5 units.",
    ),
    (
        balanced({("north", "shop"): 0, ("north", "till"): 1}),
        "SPLIT WAREHOUSE_GROUP SHARE_SPENT",
        "Policy 'fair' divided what 'north' holds: it has spent its share, and gets none of 5 units.",
    ),
    (
        balanced({("north", "shop"): 7, ("north", "till"): 1}),
        "SPLIT CHANNEL_GROUP BALANCED",
        "Channel group 'shop' gets 5 units: 7 left of its share.",
    ),
    (
        balanced({("north", "shop"): 3, ("north", "till"): 0}),
        "SPLIT CHANNEL_GROUP SHARE_SPENT",
        "Channel group 'till' has spent its share.",
    ),
    (
        asked(policed(Strategy.WEIGHTED, Part("till")), stock()),
        "SPLIT WAREHOUSE_GROUP NOT_NAMED",
        "Policy 'fair' divides the 5 units at 'north' among other channel groups.",
    ),
    (
        asked(
            replace(policed(Strategy.EQUAL_DIVISION), limits={"shop": Limits(denied=frozenset([BIKE]))}),
            stock(),
        ),
        "SPLIT WAREHOUSE_GROUP NOT_SOLD",
        "It gets none of the 5 units at 'north': no channel of the group sells the product.",
    ),
    (
        asked(policed(Strategy.WEIGHTED, Part("shop", 1, weight=2, cap=4)), stock()),
        "SPLIT CHANNEL_GROUP DIVIDED",
        "Channel group 'shop' gets 4 units: rank 1, weight 2, no more than 4.",
    ),
    (
        asked(policed(Strategy.RANKED, Part("shop", percent=40, minimum=1)), stock()),
        "SPLIT CHANNEL_GROUP DIVIDED",
        "Channel group 'shop' gets 2 units: rank 0, 40 % of the supply, at least 1.",
    ),
    (
        asked(policed(Strategy.FIXED, Part("shop", quantity=3)), stock()),
        "SPLIT CHANNEL_GROUP DIVIDED",
        "Channel group 'shop' gets 3 units: rank 0, 3 asked for.",
    ),
    (
        asked(policed(Strategy.SAFETY_STOCK, buffer=2), stock()),
        "SPLIT POLICY HELD_BACK",
        "Policy 'fair' holds 2 units back, 2 of them as a buffer.",
    ),
    (
        asked(policed(Strategy.FIXED, Part("shop", quantity=3)), stock()),
        "SPLIT POLICY HELD_BACK",
        "Policy 'fair' holds 2 units back.",
    ),
    (
        asked(PLAIN, stock()),
        "OFFER CHANNEL COUNTED",
        "No rule names the product: the share, 5 units, passes straight through.",
    ),
    (asked(ruled(), stock()), "OFFER CHANNEL OFFERED", "Rule 'five' passes on the whole share, 5 units."),
    (
        asked(ruled(rate_percent=50, constant=3), stock()),
        "OFFER CHANNEL OFFERED",
        "Rule 'five' passes on 50 % of the share of 5 units and 3 more: 5 units.",
    ),
    (
        asked(ruled(constant=-1), stock()),
        "OFFER CHANNEL OFFERED",
        "Rule 'five' passes on 100 % of the share of 5 units less 1: 4 units.",
    ),
    (
        asked(ruled(threshold=5), stock(on_hand=3)),
        "OFFER CHANNEL BELOW_THRESHOLD",
        "Threshold 5 of rule 'five' blocks it: the rule's warehouses hold 3.",
    ),
    (
        asked(ruled(priority_store="till", priority_quantity=10), stock(on_hand=9)),
        "OFFER CHANNEL KEPT_FOR_PRIORITY_STORE",
        "Rule 'five' keeps all for its priority store while its warehouses hold fewer than 10: they hold 9.",
    ),
    (
        asked(ruled(stores=frozenset(["till"])), stock()),
        "OFFER CHANNEL NOT_UPDATED",
        "Rule 'five' does not name 'shop': the store is told nothing.",
    ),
    (asked(ruled(), stock()), "OFFER RULE WON", "Rule 'five' is the first that names the product."),
    (
        asked(replace(PLAIN, rules=(RULE, replace(RULE, rule="six"))), stock()),
        "OFFER RULE OUTRANKED",
        "Rule 'six' names the product too, but comes later.",
    ),
    (asked(PLAIN, stock()), "CAP CHANNEL COUNTED", "'shop' is told 5 units."),
    (
        asked(limited(Limits(max_quantity=1)), stock()),
        "CAP CHANNEL LIMITED",
        "'shop' is told 1 unit, not 5: it may be told no more.",
    ),
    (
        asked(ruled(constant=-7), stock()),
        "CAP CHANNEL LIMITED",
        "'shop' is told 0 units, not -2: nobody is told less than none.",
    ),
    (
        asked(limited(Limits(denied=frozenset([BIKE]))), stock()),
        "CAP CHANNEL DENIED",
        "'shop' does not sell the product and is told nothing.",
    ),
]


@pytest.mark.parametrize(("question", "kind", "expected"), CASES, ids=[f"{kind}: {words}" for _, kind, words in CASES])
def test_a_step_in_a_sentence(question: Question, kind: str, expected: str) -> None:
    """What a step did and why, with its numbers."""
    stage, subject, verdict = kind.split()
    about = (Stage[stage], Subject[subject], Verdict[verdict])
    found = [sentence(step) for step in steps(question) if (step.stage, step.subject, step.verdict) == about]
    assert expected in found


def test_every_sentence_is_read_once() -> None:
    """There is no sentence that no computation ever says, and none without its case above."""
    made = {f"{stage.name} {subject.name} {verdict.name}" for stage, kinds in sentences.TEMPLATES.items()
            for subject, verdict in kinds}  # fmt: skip
    assert made == {kind for _, kind, _ in CASES}


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (asked(ruled(threshold=5), stock(on_hand=3)), ["A threshold of 3 in rule 'five' gives 3 more."]),
        (
            asked(sharing(replace(LINK, keep_back=2)), stock(SPARE)),
            [
                "Keeping 1 of 'SPARE' of 'other' back gives 1 more.",
                "One more of 'BIKE' at 'W1' gives 1 more.",
                "One more of 'SPARE' of 'other' at 'W1' gives 1 more.",
            ],
        ),
        (
            asked(PARTS, stock(FRAME), stock(WHEEL, on_hand=4)),
            ["One more of 'BIKE' at 'W1' gives 1 more.", "2 more of 'WHEEL' at 'W1' gives 1 more."],
        ),
        (
            asked(limited(Limits(max_quantity=2)), stock()),
            ["A limit of 3 for 'shop' gives 1 more."],
        ),
        (asked(OPEN, stock(custodian="dora"), channel="ann"), ["One more of 'BIKE' at 'W1' gives 1 more."]),
        (
            asked(
                replace(OPEN, limits={"ann": Limits(denied=frozenset([BIKE]))}), stock(custodian="anna"), channel="ann"
            ),
            ["Letting 'ann' sell the product gives 5 more."],
        ),
        (asked(CLOSED, stock(custodian="dora"), stock(), channel="ann"), []),
    ],
)
def test_what_would_raise_a_level(question: Question, expected: list[str]) -> None:
    """Each single change with what it brings."""
    level = explain(question).level
    assert [advised(remedy, level) for remedy in advise(question).remedies] == expected


@pytest.mark.parametrize(
    ("remedy", "expected"),
    [
        (Remedy(Lever.SELL, "shop"), "Letting 'shop' sell the product gives 2 more."),
        (Remedy(Lever.STORES, "five"), "Naming the store in rule 'five' gives 2 more."),
        (Remedy(Lever.PRIORITY_QUANTITY, "five", 4), "A priority quantity of 4 in rule 'five' gives 2 more."),
        (Remedy(Lever.RATE, "five", 51), "A rate of 51 % in rule 'five' gives 2 more."),
        (Remedy(Lever.CONSTANT, "five", -1), "A constant of -1 in rule 'five' gives 2 more."),
        (
            Remedy(Lever.WAREHOUSES, "five", location="W2"),
            "'W2' among the warehouses of rule 'five' gives 2 more.",
        ),
        (Remedy(Lever.POLICY, "fair"), "Policy 'fair' not dividing the product gives 2 more."),
        (
            Remedy(Lever.LINK_ACTIVE, "internal", product=SPARE),
            "Enabling the link from 'SPARE' of 'other' gives 2 more.",
        ),
        (
            Remedy(Lever.BUNDLE_FLAG, "internal", product=FRAME),
            "Letting bundles share over the link from 'FRAME' gives 2 more.",
        ),
        (
            Remedy(Lever.LINK_LOCATIONS, "internal", location="W2", product=FRAME),
            "Lending 'FRAME' at 'W2' too gives 2 more.",
        ),
    ],
)
def test_a_change_in_a_sentence(remedy: Remedy, expected: str) -> None:
    """The others by themselves: what is changed, where, to what number."""
    assert advised(replace(remedy, level=5), 3) == expected
