"""The worker of alerts: from what there is, whatever breaks in between."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.kit.alerting import NAIL, House, Shelves
from weir_chassis.configuration.objects import Change
from weir_chassis.errors import PeerAway
from weir_chassis.watch import Fenced
from weir_pooling.domain.alerts import AlertState
from weir_pooling.worker.alerts import SKUS_MAX, Due

OPEN, CLOSED = AlertState.OPEN.value, AlertState.CLOSED.value


async def test_the_ledger_goes_on() -> None:
    """An alert opens when the units fall below the par level, stays one while they fall, and closes once it is met."""
    house = House(Shelves(NAIL=5))
    await house.put(NAIL)
    async with house.working():
        house.shelves.lie(NAIL=4)
        await house.until(NAIL=[OPEN])
        house.shelves.lie(NAIL=1)
        house.shelves.lie(NAIL=6)
        await house.until(NAIL=[CLOSED])
        house.shelves.lie(NAIL=0)
        await house.until(NAIL=[CLOSED, OPEN])


async def test_what_is_asked_for_anew_is_counted() -> None:
    """The first par level of a tenant, a further one and a higher one are counted without the ledger doing anything;
    the last one that goes ends it, and another one later begins it again."""
    house = House(Shelves(NAIL=5, SCREW=0))
    async with house.working():
        await house.put(replace(NAIL, sku="SCREW", par=1))
        await house.until(SCREW=[OPEN])
        await house.put(NAIL)
        await house.put(replace(NAIL, par=6))
        await house.until(SCREW=[OPEN], NAIL=[OPEN])
        await house.write(Change(replace(NAIL, par=6), deleted=True))
        await house.write(Change(replace(NAIL, sku="SCREW", par=1), deleted=True))
        house.shelves.lie(NAIL=9, SCREW=9)
        await house.put(replace(NAIL, par=6))
        await house.until(SCREW=[OPEN], NAIL=[CLOSED])


async def test_what_nobody_asked_for_is_not_counted() -> None:
    """Of a thousand commits about other products none is counted."""
    house = House(Shelves(NAIL=5))
    await house.put(NAIL)
    async with house.working():
        house.shelves.lie(NAIL=4)
        await house.until(NAIL=[OPEN])
        for _ in range(1000):
            house.shelves.lie(SCREW=1)
        house.shelves.lie(NAIL=5)
        await house.until(NAIL=[CLOSED])
    assert set(house.shelves.counted) == {"NAIL"}


async def test_a_restart_loses_nothing_and_opens_nothing_twice() -> None:
    """What happened while nobody worked shows in the alerts once somebody does; what did not change stays as it is."""
    house = House(Shelves(NAIL=0, SCREW=0, BOLT=5))
    await house.put(NAIL, replace(NAIL, sku="SCREW"), replace(NAIL, sku="BOLT"))
    async with house.working():
        await house.until(NAIL=[OPEN], SCREW=[OPEN])
    house.shelves.lie(tell=False, SCREW=9, BOLT=4)
    for _ in range(2):
        async with house.working():
            await house.counts(3)
            await house.until(NAIL=[OPEN], SCREW=[CLOSED], BOLT=[OPEN])
    assert (await house.heads())["acme"] == 3


async def test_two_workers_open_one_alert() -> None:
    """Two processes that follow the same books do not open an alert each."""
    house = House(Shelves(NAIL=5))
    await house.put(NAIL)
    async with house.working(), house.working():
        await house.counts(2)
        for units in (0, 1, 2):
            house.shelves.lie(NAIL=units)
            await house.counts(2)
        assert await house.alerts() == {"NAIL": [OPEN]}


@pytest.mark.parametrize("fault", [Fenced("REVISION_COMPACTED", "gone"), PeerAway(), RuntimeError("a mistake")])
async def test_where_following_breaks_all_is_counted_anew(fault: Exception) -> None:
    """Where history is gone, the ledger is away or something else is wrong, nothing that happened meanwhile is lost."""
    house = House(Shelves(NAIL=5))
    await house.put(NAIL)
    async with house.working():
        house.shelves.lie(NAIL=4)
        await house.until(NAIL=[OPEN])
        house.shelves.failures = 3
        house.shelves.lie(tell=False, NAIL=5)
        house.shelves.breaks(fault)
        await house.until(NAIL=[CLOSED])


async def test_books_of_another_epoch_are_counted() -> None:
    """After a restore of the ledger its revisions begin lower; what is counted then holds."""
    house = House(Shelves(NAIL=0))
    house.shelves.number = 50
    await house.put(NAIL)
    async with house.working():
        await house.until(NAIL=[OPEN])
        house.shelves.epoch, house.shelves.number = 2, 7
        house.shelves.lie(tell=False, NAIL=5)
        house.shelves.breaks(Fenced("REVISION_FOREIGN", "others"))
        await house.until(NAIL=[CLOSED])


def test_what_lies_together_is_counted_together() -> None:
    """Products of one custody and owner are taken up to 100 at a time, in the order in which they were touched, each
    once; those of others after them."""
    due = Due()
    names = [f"{number:03}" for number in range(SKUS_MAX + 1)]
    for sku in names:
        due.note(Change(replace(NAIL, sku=sku)))
    due.note(Change(replace(NAIL, custodian="hub", sku="000")))
    due.touch("rep", "", "005")
    taken = [due.take(), due.take(), due.take()]
    assert [each and (each.custodian, list(each.skus)) for each in taken] == [
        ("rep", names[:-1]),
        ("rep", names[-1:]),
        ("hub", ["000"]),
    ]
    assert due.take() is None
    assert not due.come.is_set()


def test_a_product_is_counted_while_one_place_of_it_is_asked_for() -> None:
    """Of two par levels of one product the first that goes leaves it counted, the second does not."""
    due = Due()
    for location in ("", "car"):
        due.note(Change(replace(NAIL, location=location)))
    due.note(Change(NAIL, deleted=True))
    assert due.take() is not None
    due.touch("rep", "", "NAIL")
    assert due.take() is not None
    due.note(Change(replace(NAIL, location="car"), deleted=True))
    due.touch("rep", "", "NAIL")
    assert (due.take(), bool(due)) == (None, False)
