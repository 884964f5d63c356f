"""The worked examples of docs/fulfilment.md: the library plans each wish as it stands there."""

from __future__ import annotations

import pytest

from tests.contract.tree import ROOT
from tests.kit.scenes import Scene
from tests.kit.sentences import AskedOrder, AskedPlan, AskedWaiting, Ordered, OrderReader, numbers, told
from tests.kit.stories import Asked, Example, Reader, examples
from tests.kit.worlds import TODAY
from weir.aggregator.v1 import fulfilment_pb2 as pb
from weir_aggregator.wire import plans, wishes
from weir_allocation.fulfilment.harm import harm
from weir_allocation.fulfilment.model import Order
from weir_allocation.fulfilment.planner import plan
from weir_allocation.fulfilment.terms import terms
from weir_chassis.fields import Fields

PAGE = (ROOT / "docs" / "fulfilment.md").read_text()
EXAMPLES = examples(PAGE)


def named(example: Example) -> str:
    """The title of an example, which its number sets apart from others of its section."""
    return f"{EXAMPLES.index(example)} {example.title}"


def planned(scene: Scene, wish: pb.Wish) -> pb.Plan:
    """The plan that the library makes for a wish, on what was said."""
    world = scene.world()
    configuration, holdings = world.configuration(), world.holdings()
    with Fields() as fields:
        wanted, channel = wishes.wish(fields, wish)
    products = [line.product for line in wanted.lines]
    under = terms(configuration, configuration.network.channels[channel], products)
    locations = {location for reach in under.reach.values() for location in reach}
    harmed = harm(configuration.sharing, products, lambda product: holdings.get(product, ()), locations, TODAY)
    return plans.told(plan(Order(wanted, under, holdings, TODAY, harmed)), wanted, channel)


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_an_example_is_what_is_planned(example: Example) -> None:
    """Every plan of an example is the plan that the library makes, and every number of its objective; until the first
    order is placed, for what becomes of that the services must tell."""
    scene = Scene(TODAY)
    for line in OrderReader(Reader(TODAY)).read(example.text):
        if isinstance(line, Ordered | AskedOrder | AskedWaiting):
            return
        if isinstance(line, AskedPlan):
            found = planned(scene, line.wish)
            if line.good:
                names = [each.rpartition(" ")[0] for each in line.answers]
                assert numbers(found.objective, names) == line.answers, (line, found)
            else:
                assert told(line.wish, found) == sorted(line.answers), line
        elif not isinstance(line, Asked):
            scene.add(line)
