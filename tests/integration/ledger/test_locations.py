"""Locations: their life, their etags, and that one with stock never goes."""

from __future__ import annotations

import pytest

from tests.kit.ledger import Caller, item, outcomes
from weir.ledger.v1 import ledger_pb2
from weir_chassis.errors import Kind

STORE = ledger_pb2.LOCATION_KIND_STORE


async def test_the_life_of_a_location(acme: Caller) -> None:
    """What was created, updated and deleted reads back so, and every change moves the etag."""
    made = (
        await acme.do("CreateLocation", location={"location": "S1", "kind": STORE, "display_name": "Shop"})
    ).location
    assert made == (await acme.do("GetLocation", location="S1")).location
    renamed = {"location": "S1", "kind": STORE, "display_name": "Corner", "etag": made.etag}
    changed = await acme.do("UpdateLocation", location=renamed)
    assert changed.location.display_name == "Corner"
    assert changed.location.etag == str(changed.revision.number) != made.etag
    listed = (await acme.do("ListLocations")).locations
    assert [each.location for each in listed] == ["S1", "W1"]
    assert listed[0] == changed.location
    assert [each.location for each in (await acme.do("ListLocations", kind=STORE)).locations] == ["S1"]
    await acme.do("DeleteLocation", location="S1", etag=changed.location.etag)
    told = await acme.refused("GetLocation", location="S1")
    assert (told.kind, told.reason, told.metadata) == (Kind.UNKNOWN, "LOCATION_NOT_FOUND", {"location": "S1"})


async def test_what_is_refused(acme: Caller) -> None:
    """A taken name, an unknown one and a stale etag are told apart."""
    location = {"location": "W1", "kind": STORE}
    told = await acme.refused("CreateLocation", location=location)
    assert (told.kind, told.reason) == (Kind.TAKEN, "LOCATION_EXISTS")
    for method, fields in (
        ("UpdateLocation", {"location": {"location": "X", "kind": STORE}}),
        ("DeleteLocation", {"location": "X"}),
    ):
        assert (await acme.refused(method, **fields)).reason == "LOCATION_NOT_FOUND"
    for method, fields in (
        ("UpdateLocation", {"location": {**location, "etag": "99"}}),
        ("DeleteLocation", {"location": "W1", "etag": "99"}),
    ):
        told = await acme.refused(method, **fields)
        assert (told.kind, told.reason) == (Kind.RACED, "ETAG_STALE")


async def test_a_used_location_stays(acme: Caller) -> None:
    """Where anything was ever booked the location cannot go, also when nothing is left there."""
    await acme.receive("A", 1)
    await acme.ship("A", 1)
    told = await acme.refused("DeleteLocation", location="W1")
    assert (told.kind, told.reason) == (Kind.UNMET, "LOCATION_IN_USE")
    assert told.metadata == {"location": "W1", "stock_items": "1"}


async def test_nothing_lies_nowhere(acme: Caller) -> None:
    """Movements to or from a location that does not exist are refused."""
    told = await acme.refused("RecordMovements", movements=[{"kind": 1, "stock_item": item("A", "X"), "quantity": 1}])
    assert (told.kind, told.reason, told.metadata) == (Kind.UNKNOWN, "LOCATION_NOT_FOUND", {"location": "X"})


@pytest.mark.parametrize("number", range(8))
async def test_deleted_as_it_is_first_used(acme: Caller, twin: Caller, number: int) -> None:
    """A delete and the first receipt at once, in one group or two ledgers: one of them is refused, as it should be."""
    await acme.place("N1")
    first, second = (acme, twin) if number % 2 else (acme, acme)
    calls = [first.receive(item("A", "N1"), 5), second.do("DeleteLocation", location="N1")]
    received, deleted = await outcomes(calls if number % 4 < 2 else calls[::-1])
    if number % 4 >= 2:
        received, deleted = deleted, received
    assert (received, deleted) in [("ok", "LOCATION_IN_USE"), ("LOCATION_NOT_FOUND", "ok")]
    assert await acme.verify() == []
