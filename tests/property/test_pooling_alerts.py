"""Laws of alerts, over generated histories: goods that come and go, par levels, workers that break off and compete."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.alerting import NAIL, House, Shelves
from tests.kit.ledger import eventually
from weir_chassis.errors import PeerAway
from weir_chassis.watch import Fenced
from weir_pooling.domain.alerts import Alert, AlertState, ParLevel

SKUS = ("NAIL", "SCREW")
some_sku = st.sampled_from(SKUS)
happenings = st.one_of(
    st.tuples(st.just("lie"), some_sku, st.integers(0, 9), st.booleans()),
    st.tuples(st.just("lie"), some_sku, st.integers(0, 9), st.just(True)),
    st.tuples(st.just("want"), some_sku, st.integers(1, 9)),
    st.tuples(st.just("want no more"), some_sku),
    st.tuples(st.just("break"), st.sampled_from([PeerAway(), Fenced("REVISION_COMPACTED", "gone")]), st.integers(0, 2)),
    st.tuples(st.just("restart")),
    st.tuples(st.just("pause")),
)


async def played(history: list[tuple[object, ...]]) -> House:
    """A house where all of it happened while one worker or two went on, who came to rest at the end."""
    house = House(Shelves(NAIL=5, SCREW=5))
    wanted: dict[str, ParLevel] = {}
    async with AsyncExitStack() as working:
        await working.enter_async_context(house.working())
        for happening in history:
            match happening:
                case ("lie", str(sku), int(units), bool(tell)):
                    house.shelves.lie(tell=tell, **{sku: units})
                case ("want", str(sku), int(par)):
                    wanted[sku] = replace(NAIL, sku=sku, par=par)
                    await house.put(wanted[sku])
                case ("want no more", str(sku)) if sku in wanted:
                    await house.forget(wanted.pop(sku))
                case ("break", Exception() as fault, int(failures)):
                    house.shelves.failures = failures
                    house.shelves.breaks(fault)
                case ("restart",):
                    await working.enter_async_context(house.working())
                case ("pause",):
                    await asyncio.sleep(0.001)
        house.shelves.breaks(PeerAway())  # what was never told shows at the latest when all is counted anew
        below = {sku for sku, level in wanted.items() if house.shelves.units[sku] < level.par}

        async def at_rest() -> bool:
            return {sku for sku, states in (await house.alerts()).items() if states[-1] == "OPEN"} == below

        await eventually(at_rest)
    return house


@settings(max_examples=25, deadline=None)
@given(st.lists(happenings, min_size=3, max_size=25))
def test_alerts_are_what_is_missing(history: list[tuple[object, ...]]) -> None:
    """Whatever happened, at the end an alert is open for each par level that is not met and for no other; one at a time
    opened for a par level; and each was opened by fewer units than wanted, as many as there were at its revision."""

    async def law() -> None:
        house = await played(history)
        opened: dict[str, str] = {}
        told: dict[str, list[Alert]] = defaultdict(list)
        for commit in (await house.tenants.history("acme", after=0, limit=10_000)).commits:
            for alert in (each.object for each in commit.changes if isinstance(each.object, Alert)):
                if alert.alert not in told:
                    assert alert.sku not in opened
                    opened[alert.sku] = alert.alert
                    assert alert.available == house.shelves.known[alert.books.number][alert.sku] < alert.par
                assert opened[alert.sku] == alert.alert
                if alert.state is AlertState.CLOSED:
                    del opened[alert.sku]
                told[alert.alert].append(alert)

    asyncio.run(law())
