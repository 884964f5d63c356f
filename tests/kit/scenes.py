"""What sentences add up to, and what the arithmetic answers about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from tests.kit.stories import Asked, Ends, Feed, Fixed, Has, Late, Limited, Pool, Promised, Said, Without
from tests.kit.worlds import World
from weir_allocation.columns import UNTOLD, Columns, Rows, available, last_day, unexpired
from weir_allocation.exposure import exposure
from weir_allocation.goods import fit
from weir_allocation.network import Channel
from weir_allocation.pipeline import Question, Trace, explain
from weir_allocation.policy import Policy
from weir_allocation.rules import Limits, Rule
from weir_allocation.sharing import Bundle, Link
from weir_allocation.stock import ANY, Demand, Product, Stock, StockItem
from weir_allocation.trace import Stage, Step, Subject, Verdict

UNTOLD_WORD = "untold"


@dataclass
class Scene:
    """All that was said so far."""

    today: date
    pools: dict[str, tuple[str, ...]] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    feeds: dict[Feed, None] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    bundles: dict[Product, Bundle] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    limits: dict[str, Limits] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)
    on_hand: dict[StockItem, int] = field(default_factory=dict)
    promised: dict[StockItem, int] = field(default_factory=dict)
    ends: dict[tuple[Product, str], date] = field(default_factory=dict)

    def add(self, said: Said) -> None:
        """Take over one more sentence."""
        match said:
            case Pool():
                self.pools[said.warehouse_group] = said.locations
            case Channel():
                self.channels[said.channel] = said
            case Feed():
                self.feeds[said] = None
            case Fixed():
                pass  # says who may share, which sharing holds: the arithmetic has nothing to do with it
            case Has():
                self.on_hand[said.item] = said.on_hand
            case Promised():
                self.promised[said.item] = self.promised.get(said.item, 0) + said.units
            case Ends():
                self.ends[said.product, said.lot] = said.day
            case Link():
                self.links[said.link] = said
            case Bundle():
                self.bundles[said.product] = said
            case Policy():
                self.policies[said.policy] = said
            case Rule():
                self.rules[said.rule] = said
            case Limited():
                self.limits[said.store] = said.limits
            case Late():
                self.late[said.location] = said.percent
            case Without(gone=Link() as link):
                del self.links[link.link]
            case Without(gone=Policy() as policy):
                del self.policies[policy.policy]
            case Without(gone=Rule() as rule):
                del self.rules[rule.rule]

    def world(self) -> World:
        """All of it."""
        stock = (
            Stock(
                item,
                self.on_hand.get(item, 0),
                self.promised.get(item, 0),
                self.ends.get(((item.owner, item.sku), item.lot)),
            )
            for item in sorted({*self.on_hand, *self.promised})
        )
        return World(
            self.pools,
            tuple(self.channels.values()),
            tuple((feed.warehouse_group, feed.channel_group) for feed in self.feeds),
            tuple(self.links.values()),
            tuple(self.bundles.values()),
            tuple(self.policies.values()),
            tuple(self.rules.values()),
            self.limits,
            tuple(stock),
            late=self.late,
        )

    def answers(self, asked: Asked) -> tuple[tuple[str, str], ...]:
        """What the stages, which explain themselves, answer to a question, for the names it is asked of."""
        world = self.world()
        return tuple((name, self._answer(asked, name, world)) for name, _ in asked.answers)

    def _answer(self, asked: Asked, name: str, world: World) -> str:
        configuration, held = world.configuration(), world.holdings()
        if asked.what == "exposure":
            return str(exposure(configuration, asked.product, held, self.today))
        if asked.what in COUNTS:
            item = StockItem(*asked.product, name, asked.lot, asked.uom)
            return str(COUNTS[asked.what](next(each for each in world.stock if each.item == item)))
        channel = name if asked.what != "held back" else self._fed_by(name)
        demand = Demand(asked.lot, asked.uom)
        traced = explain(
            Question(configuration, configuration.network.channels[channel], asked.product, held, self.today, demand)
        )
        return _traced(asked, name, traced)

    def _fed_by(self, warehouse_group: str) -> str:
        """A channel that a warehouse group feeds."""
        fed = {feed.channel_group for feed in self.feeds if feed.warehouse_group == warehouse_group}
        return next(each.channel for each in self.channels.values() if each.channel_group in fed)

    def computed(self) -> Mapping[tuple[str, Product], tuple[str, str, str]]:
        """Supply, share and level of every product in every channel, as the arithmetic for many at once has them."""
        world = self.world()
        return dict(_columns(world, self.today))


COUNTS = {
    "on hand": lambda stock: stock.on_hand,
    "reserved": lambda stock: stock.reserved,
    "available": lambda stock: stock.available,
    "shortfall": lambda stock: max(0, stock.reserved - stock.on_hand),
}
"""The numbers of one stock item."""


def _traced(asked: Asked, name: str, traced: Trace) -> str:
    if asked.what == "level":
        return str(traced.level) if traced.told else UNTOLD_WORD
    if asked.what in ("supply", "share"):
        return str(getattr(traced, asked.what))
    if asked.what == "held back":
        return str(
            next(
                rest.units_out
                for step in inner(traced.steps)
                if step.stage is Stage.SPLIT and step.subject is Subject.WAREHOUSE_GROUP and step.name == name
                for rest in step.steps
                if rest.verdict is Verdict.HELD_BACK
            )
        )
    assert asked.what == "verdict"
    [verdict] = {
        step.verdict.name
        for step in inner(traced.steps)
        if step.subject is Subject.LINK and step.product == asked.source
    }
    return verdict


def inner(steps: tuple[Step, ...]) -> Iterator[Step]:
    """All steps, and those they are made of."""
    for step in steps:
        yield step
        yield from inner(step.steps)


def _columns(world: World, today: date) -> Iterator[tuple[tuple[str, Product], tuple[str, str, str]]]:
    configuration = world.configuration()
    named = {(each.item.owner, each.item.sku) for each in world.stock}
    named |= {product for link in world.links for product in (link.source, link.destination)}
    named |= {product for bundle in world.bundles for product in (bundle.product, *dict(bundle.components))}
    products = sorted(named)
    numbers = {product: number for number, product in enumerate(products)}
    locations = sorted({each.item.location for each in world.stock})
    made = Columns(configuration, products=products, numbers=numbers, locations=locations)
    fits = np.array([fit(each.item, ANY) is Verdict.COUNTED for each in world.stock], dtype=np.bool_)
    days = np.array([last_day(each.expiry) for each in world.stock], dtype=np.int64)
    rows = Rows(
        np.array([numbers[each.item.owner, each.item.sku] for each in world.stock], dtype=np.int64),
        np.array([locations.index(each.item.location) for each in world.stock], dtype=np.int64),
        available(
            np.array([each.on_hand for each in world.stock], dtype=np.int64),
            np.array([each.reserved for each in world.stock], dtype=np.int64),
            fits & unexpired(days, today),
        ),
    )
    levels = made.compute(np.arange(len(products)), rows)
    for channel, column in made.columns.items():
        for product, number in numbers.items():
            supply, share, level = (int(table[column, number]) for table in (levels.supply, levels.share, levels.level))
            told = UNTOLD_WORD if level == UNTOLD else str(level)
            yield (channel, product), (str(supply), str(share), told)
