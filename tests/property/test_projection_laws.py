"""Laws of the projection, over generated histories of both contexts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from tests.kit.markets import PRODUCTS, Objects, counts, items, objects
from tests.kit.projections import LEDGER, SHARING, Reader, load_balances, loaded, marks
from weir_aggregator.domain import Count, GroupLink, NetworkChange, Question, Selection, WarehouseGroup
from weir_aggregator.ports import Commit
from weir_aggregator.projection import Pace, Projection, updates
from weir_allocation.network import Channel
from weir_allocation.pipeline import trace
from weir_allocation.stock import ANY, Stock, StockItem

AT_ONCE = Pace(heartbeat_seconds=0.0, pause_seconds=0.0)

Counts = dict[StockItem, tuple[int, int]]


@dataclass(frozen=True)
class Happening:
    """What happens next: new counts, a new network, or a new export of the ledger; and whether a watcher looks then."""

    counts: Counts
    network: Objects | None
    exported: bool
    looked_at: bool


def happenings() -> st.SearchStrategy[list[Happening]]:
    """A few commits."""
    changed = st.dictionaries(items(), counts(), max_size=3)
    rarely = st.integers(0, 9).map(lambda number: number == 0)
    return st.lists(
        st.builds(Happening, changed, st.one_of(st.none(), objects()), rarely, st.booleans()), min_size=1, max_size=6
    )


class Model:
    """Ten lines that know the same: all counts and the network, computed by the stages, one by one."""

    def __init__(self) -> None:
        self.counts: Counts = {}
        self.objects = Objects({}, (), ())

    def levels(self) -> dict[tuple[str, tuple[str, str]], int]:
        """The level of every product ever stocked in every channel."""
        network = self.objects.network()
        stock = [Stock(item, *counts) for item, counts in self.counts.items()]
        return {
            (name, product): trace(
                network, channel, product[1], [s for s in stock if (s.item.owner, s.item.sku) == product], ANY
            ).level
            for name, channel in network.channels.items()
            for product in PRODUCTS
            if any((item.owner, item.sku) == product for item in self.counts)
        }


def told(counts: Counts) -> list[Count]:
    """Counts as the ledger sends them."""
    return [
        Count(i.owner, i.sku, i.location, i.lot, i.uom, i.custodian, i.condition, on_hand, reserved)
        for i, (on_hand, reserved) in counts.items()
    ]


def changes(before: Objects, after: Objects) -> list[NetworkChange]:
    """What sharing sends where the first network becomes the second: removals, then objects as they stand."""
    former, latter = _objects(before), _objects(after)
    gone = [NetworkChange(each, deleted=True) for key, each in former.items() if key not in latter]
    return gone + [NetworkChange(each) for key, each in latter.items() if former.get(key) != each]


def _objects(made: Objects) -> dict[tuple[str, ...], WarehouseGroup | Channel | GroupLink]:
    return {
        **{("group", name): WarehouseGroup(name, locations) for name, locations in made.warehouse_groups.items()},
        **{("channel", each.channel): each for each in made.channels},
        **{("link", *link): GroupLink(*link) for link in made.links},
    }


def happen(projection: Projection, model: Model, number: int, event: Happening) -> None:
    """Let it happen to both."""
    model.counts.update(event.counts)
    if event.exported:
        load_balances(projection, LEDGER.revision(number), told(model.counts))
    else:
        projection.apply_balances(Commit(LEDGER.revision(number), told(event.counts)))
    if event.network is not None:
        projection.apply_network(Commit(SHARING.revision(number), changes(model.objects, event.network)))
        model.objects = event.network


def shown(projection: Projection) -> dict[tuple[str, tuple[str, str]], int]:
    """Every level the projection shows, read from its table."""
    picture = projection.picture(Selection())
    [part] = picture.parts(1000)
    cells = iter(part.levels)
    return {(name, product): next(cells) for product in part.products for name in part.channels}


@given(happenings())
def test_the_table_is_what_the_stages_explain(history: list[Happening]) -> None:
    """After every commit each level of the table equals the level that the trace of its computation ends with."""
    projection, model = loaded(), Model()
    for number, event in enumerate(history, start=2):
        happen(projection, model, number, event)
        assert shown(projection) == model.levels()
        for name, product in model.levels():
            question = Question(product, name, ANY)
            assert projection.level(question)[0] == projection.explain(question).level


@given(happenings(), st.integers(1, 3))
def test_a_watcher_at_a_mark_knows_every_level_there(history: list[Happening], most: int) -> None:
    """However it reads, breaks off and resumes: once it has received a mark its table is the projection's."""
    asyncio.run(_watch(history, most))


async def _watch(history: list[Happening], log_passes: int) -> None:
    projection, model = loaded(log_bytes_max=log_passes * 300), Model()
    reader = Reader(updates(projection, Selection(), {}, AT_ONCE))
    kept = Reader(updates(projection, Selection(), {}, AT_ONCE))
    for number, event in enumerate(history, start=2):
        happen(projection, model, number, event)
        if event.looked_at:
            await kept.read()
        if event.looked_at or number == len(history) + 1:
            await reader.catch_up(projection)
            assert reader.levels == model.levels()
            await reader.close()
            resumed = Reader(updates(projection, Selection(), marks(projection), AT_ONCE))
            resumed.levels = reader.levels
            reader = resumed
    await kept.catch_up(projection)
    assert kept.levels == model.levels()
    await kept.close()
    await reader.close()
