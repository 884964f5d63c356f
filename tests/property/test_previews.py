"""A preview tells exactly what would differ: held on generated tenants."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.worlds import PRODUCTS, TODAY, World, peopled_worlds, worlds
from tests.property.test_projection_laws import FEWER, Happening, Tenant, changes
from weir_aggregator.domain import Product, Selection, Summary
from weir_aggregator.errors import ChannelNotFound
from weir_aggregator.projection import Preview, preview
from weir_allocation.columns import UNTOLD

FEW = settings(FEWER, max_examples=25)
some_worlds = st.one_of(worlds(), peopled_worlds(worlds()))
Rows = list[tuple[Product, str, int, int]]


def levels(tenant: Tenant) -> dict[tuple[Product, str], int]:
    """What every store is told of every product, as the stages have it."""
    return {(product, name): found.level for (name, product), found in tenant.explained().items()}


async def told(previewed: Preview, tenant: Tenant, then: Happening) -> Rows:
    """Everything a preview tells, while the world goes on."""
    rows: Rows = []
    async for some in previewed.differences():
        rows += zip(some.products, some.channels, some.before, some.after, strict=True)
        tenant.happen(then)
    return rows


def lived(*many: World) -> Tenant:
    """A tenant that became each of these in turn."""
    tenant = Tenant()
    for world in many:
        for part in ("stock", "lots", "network", "sharing", "policies", "rules", "people", "day"):
            tenant.happen(Happening(part, world, TODAY, True))
    return tenant


@FEW
@given(some_worlds, some_worlds, st.sampled_from((None, "", "other")), st.booleans())
def test_a_preview_is_the_difference(before: World, after: World, owner: str | None, some: bool) -> None:
    """The levels that differ under what would be configured and no others, by product, then channel, of one state
    whatever is booked meanwhile; and what they come to.
    """
    tenant, changed = lived(before), lived(before)
    after = replace(after, sellers=before.sellers)
    changed.world = replace(after, stock=before.stock)
    now, then = levels(tenant), levels(changed)
    names = sorted({name for _, name in (*now, *then)})[: 2 if some else None]
    selection = Selection(tuple(names) if some else (), owner)
    exposed = (sum(tenant.exposed()), sum(changed.exposed()))
    previewed = Preview(tenant.projection.instant(), changes(before, replace(after, stock=())), selection)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(preview, "CELLS_AT_ONCE", 1)
        rows = asyncio.run(told(previewed, tenant, Happening("stock", after, TODAY, True)))
    whole = [
        (product, name, now.get((product, name), UNTOLD), then.get((product, name), UNTOLD))
        for product in sorted(PRODUCTS)
        for name in names
        if owner in (None, product[0])
    ]
    # A product that was never booked and that nothing serves is in no list.
    known = {product for product, *_ in rows} | {(each.item.owner, each.item.sku) for each in before.stock}
    assert rows == [row for row in whole if row[2] != row[3] and row[0] in known]
    summary = previewed.summary
    assert (summary.levels, summary.products, summary.channels) == (
        len(rows),
        len({product for product, *_ in rows}),
        len({name for _, name, *_ in rows}),
    )
    if known >= set(PRODUCTS):
        assert (summary.exposure_before, summary.exposure_after) == exposed


@FEW
@given(some_worlds)
def test_what_changes_nothing_differs_nowhere(world: World) -> None:
    """Objects as they stand, once more, are no difference."""
    tenant = lived(world)
    same = changes(World({}, (), (), (), (), (), (), {}, ()), world)
    previewed = Preview(tenant.projection.instant(), same, Selection())
    assert asyncio.run(told(previewed, tenant, Happening("day", world, TODAY, True))) == []
    exposed = previewed.summary.exposure_before
    assert previewed.summary == Summary(0, 0, 0, exposed, exposed)


@FEW
@given(worlds())
def test_a_channel_that_never_is_is_refused(world: World) -> None:
    """One that is in neither network, now or then, is named."""
    with pytest.raises(ChannelNotFound):
        Preview(lived(world).projection.instant(), (), Selection(("nowhere",)))
