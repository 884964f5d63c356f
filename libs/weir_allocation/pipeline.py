"""From shelf to store: the stages in their order, for one product in one channel.

    reach -> supply -> split -> offer -> cap => level

Each stage takes the step before it and adds its own; the level is what the last one lets out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from weir_allocation.cap import cap
from weir_allocation.configuration import Configuration
from weir_allocation.custody import View
from weir_allocation.goods import Goods
from weir_allocation.network import Channel
from weir_allocation.offer import offer
from weir_allocation.reach import Reach, reach
from weir_allocation.split import Shares, split
from weir_allocation.stock import ANY, Demand, Holdings, Product
from weir_allocation.supply import place, supply
from weir_allocation.trace import Step, Verdict


@dataclass(frozen=True, slots=True)
class Question:
    """What may one channel sell of one product?"""

    configuration: Configuration
    channel: Channel
    product: Product
    holdings: Holdings = field(repr=False)
    """The stock of everything that `configuration.sharing.reads(product)` names; more does no harm."""
    today: date
    demand: Demand = ANY
    shares: Shares = field(default_factory=dict, repr=False)
    """What channel groups have left of their shares of the product, of each supply of it that was divided at an
    instant."""
    view: View = View.BOTH
    """Whose custody counts, of the person who sells through a channel by custody."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A computed level, and how it came about."""

    level: int
    """Units the channel may sell; never negative."""
    supply: int
    """Units that the locations reached hold for the product; never negative."""
    share: int
    """Units of the supply that are the channel group's; as many as the supply where nothing is divided."""
    steps: tuple[Step, ...]
    """The stages in their order."""
    told: bool = True
    """Whether a store is told the level: not where it does not sell the product, or the rule does not name it."""


def explain(question: Question) -> Trace:
    """Compute a level in all five stages.

    Of a channel by custody nothing is divided or offered; where nobody sells through it, reach and supply are all that
    is known.
    """
    reached, goods = looked_at(question)
    return conclude(question, reached, places(question.product, reached, question.configuration, goods))


def looked_at(question: Question) -> tuple[Reach, Goods]:
    """What the channel reaches, and what lies where as it sees it."""
    channel, configuration = question.channel, question.configuration
    rule, seller = configuration.rule(question.product), configuration.seller(channel)
    reached = reach(configuration.network, channel, rule, seller, question.view)
    return reached, Goods(question.holdings, question.demand, question.today, reached.custodians)


def conclude(question: Question, reached: Reach, there: Mapping[str, Step]) -> Trace:
    """The stages after reach, once it is known what lies where."""
    channel, product, configuration = question.channel, question.product, question.configuration
    supplied = supply(product[1], reached, there)
    if channel.by_custody:
        units, steps = supplied.units_out, (reached.step, supplied)
        if reached.custodians is None:
            return Trace(units, units, units, steps)
        capped = cap(configuration.limits_of(channel), channel.channel, product, units)
        return Trace(capped.units_out, units, units, (*steps, capped), capped.verdict is not Verdict.DENIED)
    shared = split(configuration, reached, product, supplied, question.shares)
    offered = offer(configuration, channel, product, shared.units_out, there)
    capped = cap(configuration.limits_of(channel), channel.channel, product, offered.units_out)
    return Trace(
        level=capped.units_out,
        supply=supplied.units_out,
        share=shared.units_out,
        steps=(reached.step, supplied, shared, offered, capped),
        told=offered.verdict is not Verdict.NOT_UPDATED and capped.verdict is not Verdict.DENIED,
    )


def places(product: Product, reached: Reach, configuration: Configuration, goods: Goods) -> dict[str, Step]:
    """What lies where: a step for each location that is reached, or where a product lies that this one could use.

    No warehouse reports what is in the custody of persons, so that none is late with it.
    """
    sharing, late = configuration.sharing, {} if reached.channel.by_custody else configuration.late
    locations = sorted({*reached.locations, *goods.locations(sharing.reads(product))})
    return {location: place(product, location, sharing, goods, late.get(location, 0)) for location in locations}
