"""Laws of the projection, over generated histories of all contexts and days."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.projections import (
    LEDGER,
    Reader,
    books,
    claimed,
    load_balances,
    loaded,
    marks,
    network,
    policies,
    pools,
    rules,
)
from tests.kit.supplying import SupplyReader, ToldProduct, ToldShare, told
from tests.kit.worlds import PRODUCTS, TODAY, World, balanced_worlds, holdings, peopled_worlds
from weir_aggregator.domain import (
    Availability,
    BooksChange,
    Change,
    ClaimChange,
    Configured,
    Count,
    GroupLink,
    LateFeed,
    Lot,
    Person,
    Pool,
    Product,
    Question,
    Selection,
    StoreLimits,
    WarehouseGroup,
)
from weir_aggregator.projection import Pace, Projection, Supposed, supplies, supply_updates, updates
from weir_allocation import claims, pipeline
from weir_allocation.claims import Claim
from weir_allocation.columns import UNTOLD
from weir_allocation.configuration import Configuration
from weir_allocation.exposure import bundled, exposure
from weir_allocation.goods import Goods
from weir_allocation.policy import Mode
from weir_allocation.stock import ANY, Holdings, Stock, StockItem
from weir_allocation.supply import place

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
    configured = ("network", "sharing", "policies", "rules", "sharing and rules", "people", "network and people")
    parts = ("stock", "lots", "claims", "day", "exported", *configured)
    several = st.lists(st.one_of(balanced_worlds(), peopled_worlds()), min_size=1, max_size=2)
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
        self.claims: dict[Claim, tuple[int, int | None]] = {}
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
            case "claims":
                self._books([*_claims(self.claims, event.world)])
            case "exported":
                changed = [*_lots(self.lots, event.world), *_counts(self.counts, event.world)]
                self._take([*changed, *_claims(self.claims, event.world)])
                load_balances(self.projection, LEDGER.revision(self._number), self._all())
            case "day":
                self.today = event.day
                self.projection.turn(event.day)
            case part:
                for each in part.split(" and "):
                    self._configure(each, event.world)

    def explained(self, former: Configuration | None = None) -> Cells:
        """What the stages say of every product in every channel; or would say if this were configured instead of
        something else, where what it did not divide at an instant has no shares.
        """
        configuration = self.world.configuration()
        held = self.held()
        traced = {
            (name, product): pipeline.explain(
                pipeline.Question(
                    configuration,
                    channel,
                    product,
                    held,
                    self.today,
                    shares=self.left(product) if former is None or balanced(former, product) else {},
                )
            )
            for name, channel in configuration.network.channels.items()
            for product in PRODUCTS
        }
        return {
            each: Availability(trace.supply, trace.share, trace.level if trace.told else UNTOLD)
            for each, trace in traced.items()
        }

    def exposed(self) -> list[int]:
        """The exposure of every product, as the stages have it."""
        held, configuration = self.held(), self.world.configuration()
        return [exposure(configuration, product, held, self.today, self.left(product)) for product in PRODUCTS]

    def bundled(self) -> list[tuple[int, int]]:
        """What of every product goes into bundles, and what is exposed with that, as the stages have it."""
        held, configuration = self.held(), self.world.configuration()
        shares = {product: self.left(product) for product in PRODUCTS}
        return [bundled(configuration, product, held, self.today, shares) for product in PRODUCTS]

    def left(self, product: Product) -> dict[tuple[str, str], int]:
        """What channel groups have left of shares of a product, as it is counted now."""
        scale = claims.scale(self.world.configuration().sharing, product)
        return {
            (claim.warehouse_group, claim.channel_group): max(0, ceiling - units) // scale
            for claim, (units, ceiling) in self.claims.items()
            if claim.product == product and claim.scale == scale and ceiling is not None
        }

    def knows(self, product: Product) -> bool:
        """Whether the product was ever booked or claimed, or is in a link or a bundle."""
        booked = {(item.owner, item.sku) for item in self.counts} | {claim.product for claim in self.claims}
        return product in booked or product in set(self.world.configuration().sharing.named())

    def held(self) -> Holdings:
        """What lies where."""
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
            "rules": replace(self.world, rules=target.rules, limits=target.limits, late=target.late),
            "people": replace(self.world, sellers=target.sellers),
        }[part]
        commit = {"policies": policies, "rules": rules, "people": pools}.get(part, network)
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
            elif isinstance(each, ClaimChange):
                known = {claim.key: claim for claim in self.claims}
                self.claims[each.claim or known[each.key]] = (each.claimed, each.ceiling)

    def _all(self) -> list[BooksChange]:
        counts = [_count(item, counts) for item, counts in self.counts.items()]
        shares = [claimed(claim, *numbers) for claim, numbers in self.claims.items()]
        return [*counts, *(Lot(*lot, expiry) for lot, expiry in self.lots.items()), *shares]


def balanced(configuration: Configuration, product: Product) -> bool:
    """Whether a policy divides the product at an instant."""
    policy = configuration.policy(product)
    return policy is not None and policy.mode is Mode.BALANCED


def _counts(before: dict[StockItem, tuple[int, int]], world: World) -> list[BooksChange]:
    """Stock items that differ in another tenant; what it does not have was sold."""
    after = {**dict.fromkeys(before, (0, 0)), **{each.item: (each.on_hand, each.reserved) for each in world.stock}}
    return [_count(item, counts) for item, counts in after.items() if before.get(item) != counts]


def _lots(before: dict[tuple[str, str, str], date | None], world: World) -> list[BooksChange]:
    """Lots of all products that expire otherwise in another tenant."""
    known = {each.item.lot: each.expiry for each in world.stock if each.item.lot}
    after = {(*product, lot): expiry for product in PRODUCTS for lot, expiry in known.items()}
    return [Lot(*lot, expiry) for lot, expiry in after.items() if before.get(lot) != expiry]


def _claims(before: dict[Claim, tuple[int, int | None]], world: World) -> list[BooksChange]:
    """Claims that differ in another tenant; what has no share there has no ceiling any more.

    Some count as a bundle that may not be there, some have claimed more than they may.
    """
    sharing = world.configuration().sharing
    after: dict[Claim, tuple[int, int | None]] = {claim: (units, None) for claim, (units, _) in before.items()}
    for number, ((product, warehouse_group, channel_group), left) in enumerate(world.shares.items()):
        scale = claims.scale(sharing, product) + number % 5 // 4
        ceiling = max(0, number + left * scale + number % 3 - number % 7 // 6 * 50)
        after[Claim(product, warehouse_group, channel_group, scale)] = (number, ceiling)
    return [
        claimed(claim, *numbers, told=claim not in before)
        for claim, numbers in after.items()
        if before.get(claim) != numbers
    ]


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
        **{("late", location): LateFeed(location, percent) for location, percent in world.late.items()},
        **{("person", each.user): Person(each.user, channel) for channel, each in world.sellers.items()},
        **{("pool", each.pool): each for each in _pools(world)},
    }


def _pools(world: World) -> list[Pool]:
    """The pool that sellers are in, if any is."""
    pooled = [each for each in world.sellers.values() if each.hub]
    members = sorted(each.user for each in pooled if each.user != each.hub)
    return [Pool("P", pooled[0].hub, tuple(members), pooled[0].hub_access)] if pooled else []


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
        exposures = projection.exposures(PRODUCTS)
        assert [each.exposure for each in exposures] == tenant.exposed()
        assert [(each.bundled, each.bundled_exposure) for each in exposures] == tenant.bundled()


@FEWER
@given(happenings(), balanced_worlds())
def test_what_is_supposed_is_what_would_be(history: list[Happening], other: World) -> None:
    """Levels under another configuration are those that it makes once it is there, and until then nothing changes; only
    products that are named as affected can differ.
    """
    tenant = Tenant()
    for event in history:
        tenant.happen(event)
    before, former = listed(tenant.projection), tenant.world.configuration()
    after = replace(other, stock=(), sellers=tenant.world.sellers)
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
    would_be = levels(tenant.explained(former))
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


def divisible(tenant: Tenant) -> dict[Product, ToldProduct]:
    """What there is to divide, as the stages have it."""
    configuration = tenant.world.configuration()
    network, sharing = configuration.network, configuration.sharing
    goods = Goods(tenant.held(), ANY, tenant.today)
    found = {}
    for product in PRODUCTS:
        scale, policy = claims.scale(sharing, product), configuration.policy(product)
        counts = {each: numbers for each, numbers in tenant.claims.items() if each.product == product}
        current = {each: numbers for each, numbers in counts.items() if each.scale == scale}
        feeding = {group for group in network.fed if group in network.locations}
        selling = {(group, each) for group in feeding for each in configuration.selling(group, product)}
        claimed = {(each.warehouse_group, each.channel_group): numbers for each, numbers in current.items()}
        if not balanced(configuration, product) and all(ceiling is None for _, ceiling in counts.values()):
            continue
        found[product] = ToldProduct(
            policy.policy if policy is not None and policy.mode is Mode.BALANCED else "",
            scale,
            {
                group: sum(place(product, each, sharing, goods).units_out for each in network.locations.get(group, ()))
                for group in feeding | {group for group, _ in claimed}
            },
            {
                each: ToldShare(each in selling, units, -1 if ceiling is None else ceiling)
                for each in selling | claimed.keys()
                for units, ceiling in [claimed.get(each, (0, None))]
            },
        )
    return found


@FEWER
@given(happenings(), st.sampled_from((1, 1000)), st.integers(1, 4))
def test_a_watcher_of_supplies_knows_what_there_is_to_divide(
    history: list[Happening], at_once: int, log_passes: int
) -> None:
    """After every commit and every day the list is what the stages make of it, and whoever watches knows as much."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(supplies, "PRODUCTS_MAX", at_once)
        asyncio.run(_supplied(history, log_passes))


async def _supplied(history: list[Happening], log_passes: int) -> None:
    tenant = Tenant(log_bytes_max=log_passes * 300)
    reader = SupplyReader(supply_updates(tenant.projection, AT_ONCE))
    for event in history:
        tenant.happen(event)
        expected = divisible(tenant)
        listed = [told(part) for part in tenant.projection.supply_picture(()).parts()]
        found = {product: each for part in listed for product, each in part.items()}
        # What was never booked has no number, and is in no list.
        assert found == {product: each for product, each in expected.items() if product in found}
        assert expected.keys() - found.keys() <= {product for product in PRODUCTS if not tenant.knows(product)}
        some = [*PRODUCTS[::2], ("", "NEVER")]
        assert {each for part in tenant.projection.supply_picture(some).parts() for each in told(part)} == {
            each for each in some if each in found
        }
        if event.looked_at:
            await reader.catch_up()
            assert {product: reader.known[product] for product in found} == found
            assert reader.revisions == tenant.projection.revisions
    await reader.close()
