"""The table of levels of a large tenant: computed anew as a whole, and after changes of stock."""

import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tests.bench.measuring import Options, table
from tests.bench.tenant import BUNDLES_PERCENT, CHANNEL_GROUPS, LINKED_PERCENT, PRODUCTS, Tenant, tenant
from weir_allocation.columns import Columns, Rows

CHANGES = 1000


class Taken(NamedTuple):
    """What something took once."""

    wall_seconds: float
    cpu_seconds: float


class Shelves:
    """The stock of a tenant in arrays, and its configuration made ready for them."""

    def __init__(self, large: Tenant) -> None:
        """Take everything in."""
        self._large = large
        self._numbers = {product: number for number, product in enumerate(large.products)}
        held = list(large.held())
        self._locations = sorted({each.location for each in held})
        place = {location: number for number, location in enumerate(self._locations)}
        self.rows = Rows(
            np.array([self._numbers[each.product] for each in held], dtype=np.int64),
            np.array([place[each.location] for each in held], dtype=np.int64),
            np.array([each.on_hand - each.reserved for each in held], dtype=np.int64),
        )
        self._starts = np.searchsorted(self.rows.product, np.arange(len(large.products) + 1))
        self._all = np.arange(len(large.products))
        self._chance = random.Random(3)
        self.ready()

    def ready(self) -> None:
        """Make the configuration ready, as after a change of the network."""
        self.columns = Columns(
            self._large.configuration,
            products=self._large.products,
            numbers=self._numbers,
            locations=self._locations,
        )

    def whole(self) -> None:
        """Compute every level."""
        self.columns.compute(self._all, self.rows)

    def changes(self) -> None:
        """Change the stock of some products, and compute all that it can affect."""
        changed = np.array(sorted(self._chance.sample(range(len(self._all)), CHANGES)), dtype=np.int64)
        self.rows.units[self._starts[changed]] += 1
        products = self.columns.lending.readers(changed)
        read = self.columns.lending.reads(products)
        rows = np.concatenate([np.arange(self._starts[each], self._starts[each + 1]) for each in read.tolist()])
        self.columns.compute(products, Rows(*(column[rows] for column in self.rows)))

    def sort(self) -> None:
        """The yardstick: sort as many numbers as there are stock items."""
        np.sort(np.random.default_rng(4).permutation(len(self.rows.units)))


def run(options: Options) -> None:
    """Make the tenant, measure in alternating rounds, print."""
    shelves = Shelves(tenant(options.scaled(PRODUCTS)))
    shelves.whole()
    cases: dict[str, Callable[[], None]] = {
        "numpy sorts as many numbers": shelves.sort,
        "the configuration is made ready": shelves.ready,
        "every level is computed": shelves.whole,
        f"{CHANGES:,} changes of stock": shelves.changes,
    }
    taken: dict[str, list[Taken]] = {name: [] for name in cases}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        for name, do in cases.items():
            taken[name].append(timed(do))
    print(
        f"{options.scaled(PRODUCTS):,} products, {LINKED_PERCENT} % linked, {BUNDLES_PERCENT} % bundles,"
        f" {len(shelves.rows.units):,} stock items, {len(CHANNEL_GROUPS)} channel groups.\n"
    )
    print(told(taken))


def timed(do: Callable[[], None]) -> Taken:
    """What doing it takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    do()
    return Taken(time.perf_counter() - wall, time.process_time() - cpu)


def told(taken: Mapping[str, Sequence[Taken]]) -> str:
    """The table of medians; the ratio is of CPU to that of the first case."""
    medians = {name: [statistics.median(each) for each in zip(*rounds, strict=True)] for name, rounds in taken.items()}
    _, yardstick = next(iter(medians.values()))
    rows = (
        [name, f"{wall * 1e3:,.1f}", f"{cpu * 1e3:,.1f}", f"{cpu / yardstick:.2f}"]
        for name, (wall, cpu) in medians.items()
    )
    return table(["what", "ms", "CPU ms", "CPU ratio"], rows)
