"""How many units stores are told together beyond what there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from weir_allocation.configuration import Configuration
from weir_allocation.goods import Goods
from weir_allocation.network import Channel
from weir_allocation.pipeline import Question, conclude, places
from weir_allocation.reach import reach, reached
from weir_allocation.split import Shares
from weir_allocation.stock import ANY, Holdings, Product
from weir_allocation.supply import place
from weir_allocation.trace import Subject


def exposure(
    configuration: Configuration, product: Product, holdings: Holdings, today: date, shares: Shares | None = None
) -> int:
    """`max(0, sum of the levels of all stores - supply over all locations that any of them reaches)`.

    A store that is told nothing of the product has no level, and reaches nothing for it. `holdings` and `shares` as
    in a Question.
    """
    told = _Told(configuration, holdings, today)
    levels, stores = told.levels(product, shares or {})
    return max(0, levels - told.lying(product, stores))


def bundled(
    configuration: Configuration, product: Product, holdings: Holdings, today: date, shares: Mapping[Product, Shares]
) -> tuple[int, int]:
    """Units of a product that go into bundles if all are sold that stores are told of bundles, beyond those that lie
    packed; and how many units of it stores are told beyond what there is, those in bundles too.

    That is `max(0, sum of its levels + bundled - supply)`, over all locations that any store reaches that is told of
    it, or of a bundle of which it is a part. `holdings` and `shares` as in a Question of each of them.
    """
    told, sharing = _Told(configuration, holdings, today), configuration.sharing
    levels, stores = told.levels(product, shares.get(product, {}))
    units = 0
    for parent in sharing.parents.get(product, ()):
        bundle = sharing.bundles[parent]
        if not sharing.nested(bundle):
            wanted, sellers = told.levels(parent, shares.get(parent, {}))
            units += dict(bundle.parts)[product] * max(0, wanted - told.lying(parent, sellers, packed=True))
            stores = [*stores, *sellers]
    return units, max(0, levels + units - told.lying(product, stores))


class _Told:
    """What stores are told, and what they reach, on one day."""

    def __init__(self, configuration: Configuration, holdings: Holdings, today: date) -> None:
        self._configuration = configuration
        self._holdings = holdings
        self._today = today
        self._goods = Goods(holdings, ANY, today)

    def levels(self, product: Product, shares: Shares) -> tuple[int, list[Channel]]:
        """The sum of the levels of all stores, and the stores that are told one."""
        configuration = self._configuration
        rule = configuration.rule(product)
        levels, stores = 0, []
        for members in configuration.network.members.values():
            for channel in members:
                reaching = reach(configuration.network, channel, rule)
                there = places(product, reaching, configuration, self._goods)
                question = Question(configuration, channel, product, self._holdings, self._today, shares=shares)
                traced = conclude(question, reaching, there)
                if traced.told:
                    levels += traced.level
                    stores.append(channel)
        return levels, stores

    def lying(self, product: Product, stores: Iterable[Channel], *, packed: bool = False) -> int:
        """What lies for a product at all locations that any of these stores reaches, as far as it counts; `packed`: all
        of it, without the bundles that can be put together there.
        """
        network, sharing, late = self._configuration.network, self._configuration.sharing, self._configuration.late
        rule = self._configuration.rule(product)
        locations = {location for each in stores for location in reached(network, each, rule)}
        there = [place(product, each, sharing, self._goods, late.get(each, 0)) for each in sorted(locations)]
        if not packed:
            return sum(each.units_out for each in there)
        return sum(step.units_out for each in there for step in each.steps if step.subject is not Subject.ASSEMBLY)
