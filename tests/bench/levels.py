"""The projection of a large tenant: every level computed anew, changes taken over, and what it weighs."""

import ctypes
import gc
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.bench.measuring import Options, table
from tests.bench.tenant import BUNDLES_PERCENT, CHANNEL_GROUPS, LINKED_PERCENT, PRODUCTS, Tenant, tenant
from tests.kit.projections import LEDGER, PARTITIONING, SHARING, SYNC, load_balances
from weir_aggregator.domain import Change
from weir_aggregator.ports import Commit
from weir_aggregator.projection import Projection
from weir_allocation.rules import Rule
from weir_allocation.sharing import Link

CHANGES = 1000
TODAY = date(2026, 3, 1)
LOG_BYTES = 1 << 24


class Taken(NamedTuple):
    """What something took once."""

    wall_seconds: float
    cpu_seconds: float


class Large:
    """The projection of a tenant, and what happens to it; each happening is another one than before."""

    def __init__(self, made: Tenant) -> None:
        """Take everything in, and compute every level."""
        self._chance = random.Random(3)
        self._turns = self._numbers()
        self._rule = next(each.object for each in reversed(made.rules) if isinstance(each.object, Rule))
        self._link = next(each.object for each in made.network if isinstance(each.object, Link))
        self._stock = random.Random(4).sample(list(made.books()), min(50 * CHANGES, 5 * len(made.products)))
        self._projection = projection(made)
        self.stock_items = 5 * len(made.products)

    def sort(self) -> None:
        """The yardstick: sort as many numbers as there are stock items."""
        np.sort(np.random.default_rng(4).permutation(self.stock_items))

    def rule(self) -> None:
        """Another threshold in the rule for all products: every level is computed."""
        number = next(self._turns)
        self._rule = replace(self._rule, threshold=number % 2)
        self._projection.apply_configuration(Commit(SYNC.revision(number), [Change(self._rule)]))

    def link(self) -> None:
        """A link keeps back other units."""
        number = next(self._turns)
        self._link = replace(self._link, keep_back=number)
        self._projection.apply_configuration(Commit(SHARING.revision(number), [Change(self._link)]))

    def commit(self) -> None:
        """As many changes of stock as one commit brings."""
        number = next(self._turns)
        changed = self._chance.sample(self._stock, CHANGES)
        self._projection.apply_balances(
            Commit(LEDGER.revision(number), [each._replace(on_hand=each.on_hand + number) for each in changed])
        )

    def commits(self) -> None:
        """As many commits of one change each."""
        for each in self._chance.sample(self._stock, CHANGES):
            number = next(self._turns)
            self._projection.apply_balances(
                Commit(LEDGER.revision(number), [each._replace(on_hand=each.on_hand + number)])
            )

    def _numbers(self) -> Iterator[int]:
        """Revisions after those that were loaded."""
        number = 1
        while True:
            yield (number := number + 1)


def projection(made: Tenant) -> Projection:
    """What the aggregator makes of a tenant."""
    loaded = Projection(LOG_BYTES)
    loaded.turn(TODAY)
    load_balances(loaded, LEDGER.revision(1), made.books())
    loaded.load_configuration(made.network, SHARING.revision(1))
    loaded.load_configuration(made.policies, PARTITIONING.revision(1))
    loaded.load_configuration(made.rules, SYNC.revision(1))
    return loaded


def weight(products: int) -> tuple[int, int]:
    """The bytes by which a process of its own grows when it takes a tenant in, and the stock items of the tenant."""
    before = resident()
    made = tenant(products)
    kept = projection(made)
    stock_items = 5 * products
    del made
    grown = resident() - before
    assert kept.caught_up
    return grown, stock_items


def resident() -> int:
    """Bytes of memory that this process has, without what it no longer needs."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def timed(do: Callable[[], None]) -> Taken:
    """What doing it takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    do()
    return Taken(time.perf_counter() - wall, time.process_time() - cpu)


def run(options: Options) -> None:
    """Make the tenant, measure in alternating rounds, print."""
    products = options.scaled(PRODUCTS)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        grown, stock_items = alone.submit(weight, products).result()
    large = Large(tenant(products))
    cases = {
        "numpy sorts as many numbers": large.sort,
        "a rule changes: every level is computed": large.rule,
        f"{CHANGES:,} changes of stock in a commit": large.commit,
        f"{CHANGES:,} commits of a change of stock": large.commits,
        "a link changes": large.link,
    }
    taken: dict[str, list[Taken]] = {name: [] for name in cases}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        for name, do in cases.items():
            taken[name].append(timed(do))
    print(
        f"{products:,} products, {LINKED_PERCENT} % linked, {BUNDLES_PERCENT} % bundles, {stock_items:,} stock items,"
        f" {len(CHANNEL_GROUPS)} channel groups; {grown / stock_items:,.0f} bytes a stock item.\n"
    )
    print(told(taken))


def told(taken: Mapping[str, Sequence[Taken]]) -> str:
    """The table of medians; the ratio is of CPU to that of the first case."""
    medians = {name: [statistics.median(each) for each in zip(*rounds, strict=True)] for name, rounds in taken.items()}
    _, yardstick = next(iter(medians.values()))
    rows = (
        [name, f"{wall * 1e3:,.1f}", f"{cpu * 1e3:,.1f}", f"{cpu / yardstick:.2f}"]
        for name, (wall, cpu) in medians.items()
    )
    return table(["what", "ms", "CPU ms", "CPU ratio"], rows)
