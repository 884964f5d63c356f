"""Laws of the projection, over generated histories of all contexts and days."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import date, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.projections import (
    LEDGER,
    Reader,
    books,
    load_balances,
    loaded,
    marks,
    network,
    policies,
    rules,
)
from tests.kit.worlds import PRODUCTS, TODAY, World, holdings, worlds
from weir_aggregator.domain import (
    Availability,
    BooksChange,
    Change,
    Configured,
    Count,
    GroupLink,
    Lot,
    Product,
    Question,
    Selection,
    StoreLimits,
    WarehouseGroup,
)
from weir_aggregator.projection import Pace, Projection, Supposed, updates
from weir_allocation import pipeline
from weir_allocation.columns import UNTOLD
from weir_allocation.exposure import exposure
from weir_allocation.stock import ANY, Holdings, Stock, StockItem

AT_ONCE = Pace(heartbeat_seconds=0.0, pause_seconds=0.0)
FEWER = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

Cells = dict[tuple[str, Product], Availability]


@dataclass(frozen=True)
class Happening:
    """What happens next: a part of the tenant becomes as it is in another one, or a day ends."""

    part: str
    world: World
    day: date
    looked_at: bool


def happenings() -> st.SearchStrategy[list[Happening]]:
    """A few commits; of a few tenants, so that what goes may come back."""
    parts = ("stock", "lots", "network", "sharing", "policies", "rules", "sharing and rules", "day", "exported")
    several = st.lists(worlds(), min_size=1, max_size=2)
    events = st.lists(
        st.tuples(st.sampled_from(parts), st.integers(0, 1), st.integers(-1, 2), st.booleans()), min_size=1, max_size=7
    )
    return st.builds(
        lambda worlds, events: [
            Happening(part, worlds[which % len(worlds)], TODAY + timedelta(days=days), looked_at)
            for part, which, days, looked_at in events
        ],
        several,
        events,
    )


class Tenant:
    """The same tenant twice: a projection that is told what happens, and all that happened, computed by the stages."""

    def __init__(self, log_bytes_max: int = 1 << 20) -> None:
        self.projection = loaded(log_bytes_max=log_bytes_max)
        self.world = World({}, (), (), (), (), (), (), {}, ())
        self.counts: dict[StockItem, tuple[int, int]] = {}
        self.lots: dict[tuple[str, str, str], date | None] = {}
        self.today = date.min
        self._number = 1

    def happen(self, event: Happening) -> None:
        """Let it happen to both."""
        self._number += 1
        match event.part:
            case "stock":
                self._books([*_counts(self.counts, event.world)])
            case "lots":
                self._books([*_lots(self.lots, event.world)])
            case "exported":
                self._take([*_lots(self.lots, event.world), *_counts(self.counts, event.world)])
                load_balances(self.projection, LEDGER.revision(self._number), self._all())
            case "day":
                self.today = event.day
                self.projection.turn(event.day)
            case part:
                for each in part.split(" and "):
                    self._configure(each, event.world)

    def explained(self) -> Cells:
        """What the stages say of every product in every channel."""
        configuration = self.world.configuration()
        held = self._held()
        traced = {
            (name, product): pipeline.explain(pipeline.Question(configuration, channel, product, held, self.today))
            for name, channel in configuration.network.channels.items()
            for product in PRODUCTS
        }
        return {
            each: Availability(trace.supply, trace.share, trace.level if trace.told else UNTOLD)
            for each, trace in traced.items()
        }

    def exposed(self) -> list[int]:
        """The exposure of every product, as the stages have it."""
        held = self._held()
        return [exposure(self.world.configuration(), product, held, self.today) for product in PRODUCTS]

    def _held(self) -> Holdings:
        return holdings(
            Stock(item, *counts, self.lots.get((item.owner, item.sku, item.lot)))
            for item, counts in self.counts.items()
        )

    def _configure(self, part: str, target: World) -> None:
        after = {
            "network": replace(
                self.world,
                warehouse_groups=target.warehouse_groups,
                channels=target.channels,
                group_links=target.group_links,
            ),
            "sharing": replace(self.world, links=target.links, bundles=target.bundles),
            "policies": replace(self.world, policies=target.policies),
            "rules": replace(self.world, rules=target.rules, limits=target.limits),
        }[part]
        commit = {"policies": policies, "rules": rules}.get(part, network)
        self.projection.apply_configuration(commit(self._number, *changes(self.world, after)))
        self.world = after

    def _books(self, changed: list[BooksChange]) -> None:
        self._take(changed)
        self.projection.apply_balances(books(self._number, *changed))

    def _take(self, changed: list[BooksChange]) -> None:
        for each in changed:
            if isinstance(each, Lot):
                self.lots[each.owner, each.sku, each.lot] = each.expiry
            elif isinstance(each, Count):
                self.counts[StockItem(*each[:7])] = (each.on_hand, each.reserved)

    def _all(self) -> list[BooksChange]:
        counts = [_count(item, counts) for item, counts in self.counts.items()]
        return [*counts, *(Lot(*lot, expiry) for lot, expiry in self.lots.items())]


def _counts(before: dict[StockItem, tuple[int, int]], world: World) -> list[BooksChange]:
    """Stock items that differ in another tenant; what it does not have was sold."""
    after = {**dict.fromkeys(before, (0, 0)), **{each.item: (each.on_hand, each.reserved) for each in world.stock}}
    return [_count(item, counts) for item, counts in after.items() if before.get(item) != counts]


def _lots(before: dict[tuple[str, str, str], date | None], world: World) -> list[BooksChange]:
    """Lots of all products that expire otherwise in another tenant."""
    known = {each.item.lot: each.expiry for each in world.stock if each.item.lot}
    after = {(*product, lot): expiry for product in PRODUCTS for lot, expiry in known.items()}
    return [Lot(*lot, expiry) for lot, expiry in after.items() if before.get(lot) != expiry]


def _count(item: StockItem, counts: tuple[int, int]) -> Count:
    return Count(item.owner, item.sku, item.location, item.lot, item.uom, item.custodian, item.condition, *counts)


def changes(before: World, after: World) -> list[Change]:
    """What is told where one tenant becomes the other: removals, then objects as they stand."""
    former, latter = _objects(before), _objects(after)
    gone = [Change(each, deleted=True) for key, each in former.items() if key not in latter]
    return gone + [Change(each) for key, each in latter.items() if former.get(key) != each]


def _objects(world: World) -> dict[tuple[object, ...], Configured]:
    return {
        **{("group", name): WarehouseGroup(name, places) for name, places in world.warehouse_groups.items()},
        **{("channel", each.channel): each for each in world.channels},
        **{("group link", *each): GroupLink(*each) for each in world.group_links},
        **{("link", each.source, each.destination): each for each in world.links},
        **{("bundle", each.product): each for each in world.bundles},
        **{("policy", each.policy): each for each in world.policies},
        **{("rule", each.rule): each for each in world.rules},
        **{("limits", store): StoreLimits(store, limits) for store, limits in world.limits.items()},
    }


def listed(projection: Projection) -> dict[tuple[str, Product], int]:
    """Every level the projection lists."""
    [part] = projection.picture(Selection()).parts(1000)
    cells = iter(part.levels)
    return {(name, product): next(cells) for product in part.products for name in part.channels}


def levels(cells: Cells) -> dict[tuple[str, Product], int]:
    """The levels alone."""
    return {each: found.level for each, found in cells.items()}


@FEWER
@given(happenings())
def test_the_table_is_what_the_stages_explain(history: list[Happening]) -> None:
    """After every commit, of whatever context, and after every day each number of the table is the one that the trace
    of its computation ends with; what is exposed too.
    """
    tenant = Tenant()
    for event in history:
        tenant.happen(event)
        projection, explained = tenant.projection, tenant.explained()
        asked = {each: projection.availability(Question(each[1], each[0], ANY)) for each in explained}
        assert asked == explained
        told = projection.levels(PRODUCTS, ())
        assert told.levels == [explained[name, product].level for product in PRODUCTS for name in told.channels]
        assert listed(projection).items() <= levels(explained).items()
        assert [each.exposure for each in projection.exposures(PRODUCTS)] == tenant.exposed()


@FEWER
@given(happenings(), worlds())
def test_what_is_supposed_is_what_would_be(history: list[Happening], other: World) -> None:
    """Levels under another configuration are those that it makes once it is there, and until then nothing changes; only
    products that are named as affected can differ.
    """
    tenant = Tenant()
    for event in history:
        tenant.happen(event)
    before = listed(tenant.projection)
    after = replace(other, stock=())
    supposed = Supposed(tenant.projection.instant(), changes(tenant.world, after))
    affected = [supposed.products[number] for number in supposed.affected.tolist()]
    found = {
        side: {
            (name, product): int(computed.level[columns[name], place])
            for place, product in enumerate(affected)
            for name in columns
            if columns[name] >= 0
        }
        for side, columns, computed in zip(
            ("before", "after"), (supposed.before, supposed.after), supposed.compute(supposed.affected), strict=True
        )
    }
    assert listed(tenant.projection) == before
    explained = levels(tenant.explained())
    assert found["before"].items() <= explained.items()
    tenant.world = after
    would_be = levels(tenant.explained())
    assert found["after"].items() <= would_be.items()
    unaffected = set(supposed.products).difference(affected)
    both = [each for each in explained if each in would_be and each[1] in unaffected]
    assert all(explained[each] == would_be[each] for each in both)


@FEWER
@given(happenings(), st.integers(1, 3))
def test_a_watcher_at_a_mark_knows_every_level_there(history: list[Happening], most: int) -> None:
    """However it reads, breaks off and resumes: once it has received a mark its table is the projection's."""
    asyncio.run(_watch(history, most))


async def _watch(history: list[Happening], log_passes: int) -> None:
    tenant = Tenant(log_bytes_max=log_passes * 300)
    projection = tenant.projection
    reader = Reader(updates(projection, Selection(), {}, AT_ONCE))
    kept = Reader(updates(projection, Selection(), {}, AT_ONCE))
    for event in history:
        tenant.happen(event)
        if event.looked_at:
            await kept.read()
        if event.looked_at or event is history[-1]:
            await reader.catch_up(projection)
            assert reader.levels == listed(projection)
            await reader.close()
            resumed = Reader(updates(projection, Selection(), marks(projection), AT_ONCE))
            resumed.levels = reader.levels
            reader = resumed
    await kept.catch_up(projection)
    assert kept.levels == listed(projection)
    await kept.close()
    await reader.close()
