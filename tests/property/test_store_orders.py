"""Laws of orders of stores: whatever is reported how often and in which order, and whatever gets lost on the way, each
sale is promised once and each cancellation gives it back."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.store_orders import TENANT, World, key, sold, world
from weir_sync.domain.alerts import AlertKind
from weir_sync.domain.orders import OrderState
from weir_sync.domain.rules import Product
from weir_sync.memory.orders import MemoryOrders

LINES = {"#1": (("A", 3),), "#2": (("A", 2), ("B", 4), ("A", 1)), "#3": (("B", 9),)}

reports = st.lists(
    st.tuples(
        st.sampled_from(sorted(LINES)),
        st.booleans(),
        st.sampled_from(["", "", "", "away", "lost"]),
        st.sampled_from(["request", "store", "store"]),
    ),
    max_size=12,
)
"""Which order, whether it is cancelled, what befalls who promises, and who tells of it."""


@settings(max_examples=150, deadline=None)
@given(reports)
def test_an_order_is_one_sale(told: list[tuple[str, bool, str, str]]) -> None:
    """In the end just what was sold and not cancelled is promised, once, what was cancelled is not, and levels were
    let know of each sale that was promised once; nothing is left to do, and no alert but of what is short."""

    async def run() -> None:
        here = await world()
        for name, cancelled, fault, by in told:
            if fault:
                getattr(here.books, fault)()
            order = sold(name, *LINES[name], cancelled=cancelled)
            if by == "request":
                await here.report(order)
            else:
                await here.desk.take_in(TENANT, "shop", order)
                await here.desk.settle(TENANT, key(name))
        here.books.faults.clear()
        await settle(here)
        await check(here, told)

    asyncio.run(run())


async def settle(here: World) -> None:
    """Do all that is left to do."""
    for name in LINES:
        if await here.orders.get(TENANT, key(name)) is not None:
            await here.desk.settle(TENANT, key(name))


async def check(here: World, told: list[tuple[str, bool, str, str]]) -> None:
    """Hold what there is against what was told."""
    assert isinstance(here.orders, MemoryOrders)
    assert here.orders.due == {}
    named = {name for name, *_ in told}
    cancelled = {name for name, gone, *_ in told if gone}
    wanted: Counter[Product] = Counter()
    for name in named - cancelled:
        for sku, units in LINES[name]:
            wanted[Product("", sku)] += units
    for product in (Product("", "A"), Product("", "B")):
        assert here.books.units(product) == wanted[product]
    known = Counter(whose for whose, _, _ in here.orders.sold)
    for name in named:
        found = await here.orders.get(TENANT, key(name))
        assert found is not None
        assert (found.state is OrderState.CANCELLED) == (name in cancelled)
        promised = found.name in here.books.promises
        assert known[TENANT, key(name)] == promised
        assert promised or name in cancelled
        assert not promised or name not in cancelled or found.name in here.books.released
        assert ((TENANT, AlertKind.ORDER_SHORT, key(name)) in here.orders.alerts) == (found.state is OrderState.SHORT)
