"""What it takes to find the best plan of an order, by its size: the library alone, in this process.

An order is made anew for each plan, with all that it depends on, as it is for a call.
"""

import random
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from tests.bench.measuring import Options, table
from weir_allocation.fulfilment.model import Line, Order, Plan, Terms, Wish
from weir_allocation.fulfilment.planner import plan
from weir_allocation.sharing import NO_SHARING, Bundle, Link
from weir_allocation.stock import Product, Stock, StockItem

TODAY = date(2026, 3, 1)
ORDERS = 100
"""Different orders of each size."""
PLACES_PERCENT = 50
"""Of the locations, those where a product lies."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large orders are, and how tangled what they want."""

    name: str
    lines: int
    locations: int
    links: int = 0
    """Products that lend to each line."""
    bundles_percent: int = 0
    """Lines that want a bundle of two, of which most have to be put together."""
    scarce: bool = False
    """Few units at each location, so that lines are dealt over several; else each location has enough."""
    orders: int = ORDERS


SIZES = (
    Size("1 line, 10 locations", 1, 10),
    Size("5 lines, 10 locations", 5, 10),
    Size("5 lines, 10 locations, links", 5, 10, links=2),
    Size("5 lines, 10 locations, links, scarce", 5, 10, links=2, scarce=True),
    Size("5 lines, 10 locations, links, bundles, scarce", 5, 10, links=2, bundles_percent=40, scarce=True),
    Size("50 lines, 12 locations, links, scarce", 50, 12, links=1, scarce=True, orders=10),
    Size("1,000 lines, 10 locations, links", 1000, 10, links=1, orders=3),
    Size("1,000 lines, 50 locations, links, scarce", 1000, 50, links=1, scarce=True, orders=3),
)


def orders(size: Size) -> list[Order]:
    """Orders of a size, the same on every run."""
    chance = random.Random(size.name)
    return [_order(size, chance) for _ in range(size.orders)]


def _order(size: Size, chance: random.Random) -> Order:
    places = [f"L{number:02}" for number in range(size.locations)]
    links: list[Link] = []
    bundles: list[Bundle] = []
    stocked: list[Product] = []
    lines: list[Line] = []
    for number in range(size.lines):
        product = ("", f"P{number:04}")
        lines.append(Line(product, chance.randint(1, 5)))
        wanted = [product]
        if chance.randrange(100) < size.bundles_percent:
            parts = (("", f"P{number:04}-left"), ("", f"P{number:04}-right"))
            bundles.append(Bundle(product, tuple((part, chance.randint(1, 2)) for part in parts)))
            wanted = [*parts]
        stocked += wanted
        for lent in range(size.links):
            # Every second source is one that another line may draw on, too: there lines compete.
            source = ("", f"S{chance.randrange(size.lines):04}" if lent % 2 else f"P{number:04}-source-{lent}")
            links.append(Link(f"{number}-{lent}", source, wanted[0], created=len(links)))
            stocked.append(source)
    holdings = {product: _stock(product, places, size, chance) for product in dict.fromkeys(stocked)}
    reach = frozenset(places)
    terms = Terms(NO_SHARING.changed(links=links, bundles=bundles), {line.product: reach for line in lines})
    return Order(Wish(tuple(lines), whole=False), terms, holdings, TODAY)


def _stock(product: Product, places: Sequence[str], size: Size, chance: random.Random) -> list[Stock]:
    """What lies where of a product: at half of the locations, of a lot that expires one day or another."""
    at = chance.sample(places, max(1, len(places) * PLACES_PERCENT // 100))
    expiry = TODAY + timedelta(days=chance.randrange(400))
    return [
        Stock(StockItem(*product, place, "lot"), chance.randint(1, 3) if size.scarce else 1000, 0, expiry)
        for place in at
    ]


def run(options: Options) -> None:
    """Plan orders of every size in alternating rounds, print."""
    sizes = [each for each in SIZES if options.only in each.name]
    took: dict[str, list[list[float]]] = {each.name: [] for each in sizes}
    found: dict[str, list[Plan]] = {}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        for size in sizes:
            seconds, plans = timed(orders(size))
            took[size.name].append(seconds)
            found[size.name] = plans
    head = ["plan", "p50 ms", "p99 ms", "exact", "filled of what could be", "locations beyond the bound"]
    print(table(head, ([name, *cells(took[name], found[name])] for name in took)))


def timed(made: Sequence[Order]) -> tuple[list[float], list[Plan]]:
    """The seconds that each plan took, sorted, and the plans."""
    seconds: list[float] = []
    plans: list[Plan] = []
    for order in made:
        begun = time.perf_counter()
        plans.append(plan(order))
        seconds.append(time.perf_counter() - begun)
    return sorted(seconds), plans


def cells(rounds: Sequence[Sequence[float]], plans: Sequence[Plan]) -> list[str]:
    """The medians over all rounds, and how good the plans are."""
    p50, p99 = (
        statistics.median(each[min(len(each) - 1, int(part * len(each)))] for each in rounds) * 1e3
        for part in (0.5, 0.99)
    )
    exact = 100 * sum(each.exact for each in plans) // len(plans)
    filled = sum(each.objective.filled for each in plans) / max(1, sum(each.filled_bound for each in plans))
    beyond = sum(each.objective.locations - each.locations_bound for each in plans) / len(plans)
    return [f"{p50:,.2f}", f"{p99:,.2f}", f"{exact} %", f"{filled:.4f}", f"{beyond:.2f}"]
