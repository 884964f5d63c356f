"""How many units stores are told together beyond what there is."""

from __future__ import annotations

from datetime import date

from weir_allocation.configuration import Configuration
from weir_allocation.goods import Goods
from weir_allocation.pipeline import Question, conclude, places
from weir_allocation.reach import reach
from weir_allocation.split import Shares
from weir_allocation.stock import ANY, Holdings, Product
from weir_allocation.supply import place


def exposure(
    configuration: Configuration, product: Product, holdings: Holdings, today: date, shares: Shares | None = None
) -> int:
    """`max(0, sum of the levels of all stores - supply over all locations that any of them reaches)`.

    A store that is told nothing of the product has no level, and reaches nothing for it. `holdings` and `shares` as
    in a Question.
    """
    goods = Goods(holdings, ANY, today)
    rule = configuration.rule(product)
    levels = 0
    locations: set[str] = set()
    for members in configuration.network.members.values():
        for channel in members:
            reached = reach(configuration.network, channel, rule)
            there = places(product, reached, configuration.sharing, goods)
            question = Question(configuration, channel, product, holdings, today, shares=shares or {})
            traced = conclude(question, reached, there)
            if traced.told:
                levels += traced.level
                locations |= reached.locations
    supply = sum(place(product, each, configuration.sharing, goods).units_out for each in sorted(locations))
    return max(0, levels - supply)
