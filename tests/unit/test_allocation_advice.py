"""What holds a level down, and what single change would raise it, as tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.kit.worlds import holdings
from weir_allocation.advice import Advice, Lever, Remedy, advise
from weir_allocation.configuration import Configuration
from weir_allocation.network import Channel, Network
from weir_allocation.pipeline import Question
from weir_allocation.policy import Mode, Policy, Strategy
from weir_allocation.rules import Limits, Rounding, Rule
from weir_allocation.sharing import NO_SHARING, Bundle, Link, Sharing
from weir_allocation.stock import Demand, Product, Stock, StockItem
from weir_allocation.trace import Stage

TODAY = date(2026, 3, 1)
BIKE: Product = ("", "BIKE")
FRAME: Product = ("", "FRAME")
WHEEL: Product = ("", "WHEEL")
SPARE: Product = ("", "SPARE")
NETWORK = Network.of(
    warehouse_groups={"north": ["W1", "W2"], "south": ["W3"]},
    channels=[
        Channel("shop", "shop"),
        Channel("other", "other"),
        Channel("rep", "shop", True),
        Channel("bare", "bare"),
    ],
    links=[("north", "shop"), ("north", "other")],
)
PLAIN = Configuration.of(NETWORK)
SHOPS = frozenset(["shop", "other"])


def there(**units: int) -> list[Stock]:
    """Units by product and location, as `BIKE_W1=5`."""
    named = ((name.partition("_"), each) for name, each in units.items())
    return [Stock(StockItem("", sku, location), each, 0) for (sku, _, location), each in named]


def asked(configuration: Configuration, stock: list[Stock], channel: str = "shop") -> Question:
    """What a shop may sell of the bike."""
    return Question(configuration, NETWORK.channels[channel], BIKE, holdings(stock), TODAY)


def sharing(*links: Link, bundle: bool = False) -> Sharing:
    """Links, and the bike as a bundle of one frame and two wheels."""
    return NO_SHARING.changed(links=links, bundles=[Bundle(BIKE, ((FRAME, 1), (WHEEL, 2)))] if bundle else [])


def more(units: int, product: Product, location: str, level: int) -> Remedy:
    """A delivery."""
    return Remedy(Lever.STOCK, location, units, location, product, level)


BIKES = there(BIKE_W1=5)
FIVE = Rule("five", 1, SHOPS)


@pytest.mark.parametrize(
    ("configuration", "stock", "binding", "remedies"),
    [
        (PLAIN, BIKES, Stage.SUPPLY, [more(1, BIKE, "W1", 6)]),
        (PLAIN, [], Stage.SUPPLY, [more(1, BIKE, "W1", 1)]),
        (
            replace(PLAIN, limits={"shop": Limits(max_quantity=4)}),
            BIKES,
            Stage.CAP,
            [Remedy(Lever.MAX_QUANTITY, "shop", 5, level=5)],
        ),
        (replace(PLAIN, limits={"shop": Limits(max_quantity=5)}), BIKES, Stage.CAP, []),
        (
            replace(PLAIN, limits={"shop": Limits(denied=frozenset([BIKE]))}),
            BIKES,
            Stage.CAP,
            [Remedy(Lever.SELL, "shop", level=5)],
        ),
        (
            replace(PLAIN, limits={"shop": Limits(allowed=frozenset())}),
            BIKES,
            Stage.CAP,
            [Remedy(Lever.SELL, "shop", level=5)],
        ),
        (
            replace(PLAIN, rules=(replace(FIVE, threshold=6),)),
            BIKES,
            Stage.OFFER,
            [Remedy(Lever.THRESHOLD, "five", 5, level=5), more(1, BIKE, "W1", 6)],
        ),
        (
            replace(PLAIN, rules=(replace(FIVE, threshold=7),)),
            BIKES,
            Stage.OFFER,
            [Remedy(Lever.THRESHOLD, "five", 5, level=5)],
        ),
        (
            replace(PLAIN, rules=(replace(FIVE, priority_store="other", priority_quantity=9),)),
            BIKES,
            Stage.OFFER,
            [Remedy(Lever.PRIORITY_QUANTITY, "five", 5, level=5)],
        ),
        (
            replace(PLAIN, rules=(replace(FIVE, rate_percent=50),)),
            BIKES,
            Stage.SUPPLY,
            [Remedy(Lever.RATE, "five", 60, level=3), more(1, BIKE, "W1", 3)],
        ),
        (
            replace(PLAIN, rules=(replace(FIVE, rate_percent=50, rounding=Rounding.UP),)),
            BIKES,
            Stage.OFFER,
            [Remedy(Lever.RATE, "five", 61, level=4)],
        ),
        (
            replace(PLAIN, rules=(replace(FIVE, constant=-1),)),
            BIKES,
            Stage.SUPPLY,
            [Remedy(Lever.CONSTANT, "five", 0, level=5), more(1, BIKE, "W1", 5)],
        ),
        (
            replace(PLAIN, rules=(replace(FIVE, stores=frozenset(["other"])),)),
            BIKES,
            Stage.OFFER,
            [Remedy(Lever.STORES, "five", level=5)],
        ),
        (
            replace(PLAIN, rules=(replace(FIVE, warehouses=frozenset(["W2"])),)),
            BIKES,
            Stage.SUPPLY,
            [Remedy(Lever.WAREHOUSES, "five", location="W1", level=5), more(1, BIKE, "W2", 1)],
        ),
        (
            replace(PLAIN, policies=(Policy("half", 1, Strategy.EQUAL_DIVISION),)),
            BIKES,
            Stage.SUPPLY,
            [Remedy(Lever.POLICY, "half", level=5), more(1, BIKE, "W1", 3)],
        ),
        (
            replace(PLAIN, policies=(Policy("half", 1, Strategy.EQUAL_DIVISION),)),
            there(BIKE_W1=4),
            Stage.SPLIT,
            [Remedy(Lever.POLICY, "half", level=4)],
        ),
    ],
)
def test_what_binds_and_what_helps(
    configuration: Configuration, stock: list[Stock], binding: Stage, remedies: list[Remedy]
) -> None:
    """The stage that would let nothing more through, and every single change that helps, nearest to the level first."""
    advice = advise(asked(configuration, stock))
    assert (advice.binding, list(advice.remedies)) == (binding, remedies)


@pytest.mark.parametrize(
    ("shared", "stock", "remedies"),
    [
        (
            sharing(Link("link", SPARE, BIKE, active=False)),
            there(SPARE_W1=3),
            [Remedy(Lever.LINK_ACTIVE, "link", product=SPARE, level=3), more(1, BIKE, "W1", 1)],
        ),
        (
            sharing(Link("link", SPARE, BIKE, keep_back=3)),
            there(SPARE_W1=3),
            [
                Remedy(Lever.KEEP_BACK, "link", 2, product=SPARE, level=1),
                more(1, BIKE, "W1", 1),
                more(1, SPARE, "W1", 1),
            ],
        ),
        (
            sharing(Link("link", SPARE, BIKE, locations=frozenset(["W2"]))),
            there(SPARE_W1=3),
            [
                Remedy(Lever.LINK_LOCATIONS, "link", location="W1", product=SPARE, level=3),
                more(1, BIKE, "W1", 1),
                more(1, SPARE, "W2", 1),
            ],
        ),
        (
            sharing(bundle=True),
            there(FRAME_W1=10, WHEEL_W1=7, WHEEL_W2=9),
            [more(1, BIKE, "W1", 4), more(1, FRAME, "W2", 4), more(1, WHEEL, "W1", 4)],
        ),
        (
            sharing(bundle=True),
            there(FRAME_W1=10, WHEEL_W1=6),
            [more(1, BIKE, "W1", 4), more(2, WHEEL, "W1", 4)],
        ),
        (
            sharing(Link("a", SPARE, FRAME), Link("b", SPARE, WHEEL), bundle=True),
            there(SPARE_W1=10),
            [more(1, BIKE, "W1", 4), more(2, FRAME, "W1", 4), more(2, SPARE, "W1", 4), more(2, WHEEL, "W1", 4)],
        ),
    ],
)
def test_what_helps_through_links_and_bundles(shared: Sharing, stock: list[Stock], remedies: list[Remedy]) -> None:
    """The term of a link, or as few units of a source or a component as make one more."""
    advice = advise(asked(replace(PLAIN, sharing=shared), stock))
    assert (advice.binding, list(advice.remedies)) == (Stage.SUPPLY, remedies)


def test_the_bundle_flag_of_a_link() -> None:
    """Two parents that do not share would, if the flag were on."""
    shared = NO_SHARING.changed(
        links=[Link("link", SPARE, BIKE)], bundles=[Bundle(BIKE, ((FRAME, 1),)), Bundle(SPARE, ((WHEEL, 1),))]
    )
    advice = advise(asked(replace(PLAIN, sharing=shared), there(SPARE_W1=3)))
    assert advice.remedies[0] == Remedy(Lever.BUNDLE_FLAG, "link", product=SPARE, level=3)


def test_where_nothing_is_reached_no_stock_helps() -> None:
    """A channel that no warehouse group serves, and one by custody, lack their reach."""
    for channel in ("bare", "rep"):
        advice = advise(asked(PLAIN, BIKES, channel))
        assert (advice.binding, advice.remedies) == (Stage.REACH, ())


def test_more_of_what_was_asked_for() -> None:
    """Who asks for a lot is advised of that lot."""
    question = replace(asked(PLAIN, BIKES), demand=Demand("L1"))
    assert advise(question).remedies == (more(1, BIKE, "W1", 1),)


BALANCED = replace(PLAIN, policies=(Policy("half", 1, Strategy.EQUAL_DIVISION, mode=Mode.BALANCED),))


def test_more_stock_does_not_help_while_the_share_binds() -> None:
    """What is delivered is nobody's until it is divided: only without the policy there would be more."""
    spent = replace(asked(BALANCED, BIKES), shares={("north", "shop"): 2, ("north", "other"): 3})
    assert advise(spent) == Advice(Stage.SPLIT, (Remedy(Lever.POLICY, "half", level=5),))


def test_more_stock_helps_where_the_share_is_more_than_lies_there() -> None:
    """A share that the locations reached do not cover: a unit more there is a unit more to sell."""
    near = replace(BALANCED, rules=(replace(FIVE, warehouses=frozenset(["W1"])),))
    question = replace(asked(near, there(BIKE_W1=2, BIKE_W2=7)), shares={("north", "shop"): 4})
    advice = advise(question)
    assert advice.binding is Stage.SUPPLY
    assert more(1, BIKE, "W1", 3) in advice.remedies
    assert Remedy(Lever.WAREHOUSES, "five", location="W2", level=4) in advice.remedies
