"""The aggregator over real gRPC, following real services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.kit.market import REP, SCHEMAS, Caller, Market, golden, market
from tests.kit.postgres import PostgresForTests
from weir.common.v1 import verdict_pb2
from weir_aggregator.servicer import POLICIES
from weir_chassis import policy
from weir_chassis.errors import Kind


@pytest.fixture
async def services(postgres: PostgresForTests) -> AsyncIterator[Market]:
    """The services on a fresh database."""
    with postgres.fresh(*SCHEMAS) as database:
        async with market(database) as running:
            yield running


@pytest.fixture
async def caller(services: Market) -> AsyncIterator[Caller]:
    """A caller of the tenant that was loaded at the start."""
    calling = services.caller()
    yield calling
    await calling.close()


def test_every_method_has_its_access(services: Market) -> None:
    """The policy names every method of the service and no other."""
    policies = {method: access for each in POLICIES for method, access in each.items()}
    assert policy.faults([each.service for each in services.aggregator.server.registrations], policies) == []


async def test_golden_case_one(caller: Caller) -> None:
    """Warehouses of 50, 30, 100, 80 and 12 in three groups give 180, 80 and 12."""
    made = await golden(caller)
    answer = await caller.do(
        "GetAvailability", product={"sku": "BIKE"}, channel="shop-eu", freshness={"at_least": made}
    )
    assert (answer.level, answer.supply) == (180, 180)
    assert list(answer.revisions)[:2] == list(made)
    assert [await caller.level("BIKE", channel) for channel in ("shop-us", "till")] == [80, 12]


async def test_golden_case_eleven(caller: Caller) -> None:
    """30 promised where 25 are found leaves a supply of 0, never less."""
    made = await golden(caller)
    await caller.receive("BIKE", "BERLIN", 18)
    assert await caller.level("BIKE", "till", made[1], await caller.reserve("BIKE", "BERLIN", 30)) == 0
    counted = await caller.receive("BIKE", "BERLIN", 25, kind="COUNT")
    assert await caller.level("BIKE", "till", counted) == 0
    found = await caller.receive("BIKE", "BERLIN", 31, kind="COUNT")
    assert await caller.level("BIKE", "till", found) == 1


async def test_a_reservation_lowers_every_channel_that_shares_the_stock(caller: Caller) -> None:
    """Read your writes: the answer at the revision of the reservation already knows it."""
    made = await golden(caller)
    linked = await caller.write("CreateGroupLink", group_link={"warehouse_group": "europe", "channel_group": "shop-us"})
    reserved = await caller.reserve("BIKE", "FR", 7)
    assert await caller.level("BIKE", "shop-eu", reserved, linked) == 173
    assert await caller.level("BIKE", "shop-us", reserved, linked) == 253
    assert await caller.level("BIKE", "till", reserved, made[1]) == 12


async def test_stock_added_after_a_link_was_revoked_is_never_seen_through_it(caller: Caller) -> None:
    """I5: at both revisions the channel sees nothing of it, however often the race is run."""
    await golden(caller)
    link = {"warehouse_group": "us", "channel_group": "shop-eu"}
    for number in range(1, 11):
        await caller.write("CreateGroupLink", group_link=link)
        revoked = await caller.write("DeleteGroupLink", **link)
        added = await caller.receive("BIKE", "US", 1000)
        assert await caller.level("BIKE", "shop-eu", revoked, added) == 180
        assert await caller.level("BIKE", "shop-us", revoked, added) == 80 + 1000 * number


async def test_lots_and_units_of_measure(caller: Caller) -> None:
    """A lot asked for counts alone; cartons are never added to single units; goods on hold never count."""
    made = await golden(caller)
    await caller.receive("BIKE", "US", 5, lot="L1")
    await caller.receive("BIKE", "US", 3, uom="CARTON")
    booked = await caller.receive("BIKE", "US", 9, condition="CONDITION_HOLD")
    asked = (booked, made[1])
    assert await caller.level("BIKE", "shop-us", *asked) == 85
    assert await caller.level("BIKE", "shop-us", *asked, lot="L1") == 5
    assert await caller.level("BIKE", "shop-us", *asked, lot="L2") == 0
    assert await caller.level("BIKE", "shop-us", *asked, uom="CARTON") == 3


async def test_many_levels_at_once(caller: Caller) -> None:
    """Channels as asked or all by identifier, row by row; products never stocked are 0."""
    made = await golden(caller)
    asked: dict[str, Any] = {
        "products": [{"sku": "BIKE"}, {"sku": "NEVER"}, {"sku": "BIKE"}],
        "freshness": {"at_least": made},
    }
    answer = await caller.do("BatchGetAvailability", **asked)
    assert list(answer.channels) == ["shop-eu", "shop-us", "till"]
    assert list(answer.levels) == [180, 80, 12, 0, 0, 0, 180, 80, 12]
    answer = await caller.do("BatchGetAvailability", channels=["till", "shop-eu"], **asked)
    assert list(answer.levels) == [12, 180, 0, 0, 12, 180]


async def test_all_levels_as_a_list(caller: Caller) -> None:
    """Every product ever stocked, in order, of one owner if asked."""
    made = await golden(caller)
    await caller.receive("BIKE", "US", 4, owner="other")
    booked = await caller.receive("ACORN", "US", 3)
    asked: dict[str, Any] = {"channels": ["shop-us"], "freshness": {"at_least": [booked, made[1]]}}
    [part] = [part async for part in caller.stream("ListLevels", **asked)]
    rows = list(zip(part.table.owners, part.table.skus, part.table.levels, strict=True))
    assert rows == [("", "ACORN", 3), ("", "BIKE", 80), ("other", "BIKE", 4)]
    [part] = [part async for part in caller.stream("ListLevels", owner="other", **asked)]
    assert list(part.table.levels) == [4]
    assert [each.context for each in part.revisions] == ["ledger", "sharing", "partitioning", "sync", "pooling"]


async def test_an_explanation_is_the_trace_of_the_level(caller: Caller) -> None:
    """Every location and stock item that counted or did not, in sentences, with numbers that add up."""
    made = await golden(caller)
    await caller.reserve("BIKE", "FR", 40)
    booked = await caller.receive("BIKE", "DE1", 6, condition="CONDITION_DAMAGED")
    answer = await caller.do(
        "ExplainAvailability",
        product={"sku": "BIKE"},
        channel="shop-eu",
        freshness={"at_least": [booked, made[1]]},
    )
    reach, supply, *_ = answer.steps
    assert (answer.level, supply.units_out) == (140, 140)
    assert [step.name for step in reach.steps[0].steps] == ["DE1", "DE2", "FR"]
    assert {step.name: step.sentence for step in supply.steps} == {
        "BERLIN": "'BERLIN' holds 12 units, but its warehouse group does not serve the channel.",
        "DE1": "'DE1' gives 50 units.",
        "DE2": "'DE2' gives 30 units.",
        "FR": "'FR' gives 60 units.",
        "US": "'US' holds 80 units, but its warehouse group does not serve the channel.",
    }
    assert [(step.verdict, step.sentence) for step in supply.steps[1].steps] == [
        (verdict_pb2.VERDICT_COUNTED, "EACH: 50 units there, 0 promised, 50 units free."),
        (verdict_pb2.VERDICT_NOT_SELLABLE, "EACH: 6 units there, damaged."),
    ]
    assert supply.steps[1].steps[0].stock_item.product.sku == "BIKE"


async def test_a_representative_is_reached_by_custody(caller: Caller) -> None:
    """Until pools are known a rep's channel has nothing, and the explanation says why."""
    await golden(caller)
    await caller.write("CreateChannel", channel={"channel": "ann", "kind": REP})
    made = await caller.write("CreateGroupLink", group_link={"warehouse_group": "us", "channel_group": "ann"})
    assert await caller.level("BIKE", "ann", made) == 0
    answer = await caller.do("ExplainAvailability", product={"sku": "BIKE"}, channel="ann")
    assert answer.steps[0].verdict == verdict_pb2.VERDICT_BY_CUSTODY


@pytest.mark.parametrize(
    ("method", "asked"),
    [
        ("GetAvailability", {"product": {"sku": "BIKE"}, "channel": "gone"}),
        ("ExplainAvailability", {"product": {"sku": "BIKE"}, "channel": "gone"}),
        ("BatchGetAvailability", {"products": [{"sku": "BIKE"}], "channels": ["till", "gone"]}),
        ("ListLevels", {"channels": ["gone"]}),
        ("WatchLevels", {"channels": ["gone"]}),
    ],
)
async def test_a_channel_that_is_not_there(caller: Caller, method: str, asked: dict[str, Any]) -> None:
    """Every rpc refuses it by name."""
    await caller.level("BIKE", "shop-eu", *await golden(caller))
    refused = await caller.refused(method, **asked)
    assert (refused.kind, refused.reason) == (Kind.UNKNOWN, "CHANNEL_NOT_FOUND")
    assert refused.metadata == {"channel": "gone"}


BAD_PRODUCT = {"sku": " x", "owner": "\0"}
BAD_REVISIONS = [{"context": "ledger", "cluster": "c", "number": -1}, {"context": "ledger", "cluster": "c"}]
BAD_QUESTION = {"product": BAD_PRODUCT, "lot": "a\n", "uom": " ", "freshness": {"at_least": BAD_REVISIONS}}
BAD_FIELDS = {"product.sku", "product.owner", "channel", "lot", "uom"}
BAD_FIELDS |= {"freshness.at_least[0].number", "freshness.at_least[1]"}


@pytest.mark.parametrize(
    ("method", "asked", "named"),
    [
        ("GetAvailability", BAD_QUESTION, BAD_FIELDS),
        ("GetAvailability", {}, {"product", "product.sku", "channel"}),
        ("ExplainAvailability", BAD_QUESTION, BAD_FIELDS),
        (
            "BatchGetAvailability",
            {"products": [BAD_PRODUCT], "channels": ["a", "a", ""]},
            {"products[0].sku", "products[0].owner", "channels[1]", "channels[2]"},
        ),
        ("ListLevels", {"owner": " ", "channels": ["a\t"]}, {"owner", "channels[0]"}),
        ("WatchLevels", {"after": BAD_REVISIONS}, {"after[0].number", "after[1]"}),
        ("BatchGetAvailability", {}, {"products"}),
        ("BatchGetAvailability", {"products": [{"sku": "A"}] * 1001}, {"products"}),
        ("BatchGetAvailability", {"products": [{"sku": "A"}], "channels": list(map(str, range(1001)))}, {"channels"}),
        ("ListLevels", {"channels": list(map(str, range(1001)))}, {"channels"}),
        ("WatchLevels", {"channels": list(map(str, range(1001)))}, {"channels"}),
    ],
)
async def test_every_bad_field_is_named(caller: Caller, method: str, asked: dict[str, Any], named: set[str]) -> None:
    """All at once, before anything is looked up."""
    refused = await caller.refused(method, **asked)
    assert (refused.kind, refused.reason) == (Kind.MALFORMED, "REQUEST_MALFORMED")
    assert {violation.field for violation in refused.violations} == named


@pytest.mark.parametrize("products", [1, 999, 1000])
async def test_up_to_a_thousand_products_are_answered(caller: Caller, products: int) -> None:
    """The limit itself is welcome."""
    made = await golden(caller)
    asked = [{"sku": f"SKU{number}"} for number in range(products - 1)] + [{"sku": "BIKE"}]
    answer = await caller.do("BatchGetAvailability", products=asked, freshness={"at_least": made})
    assert len(answer.levels) == 3 * products
    assert list(answer.levels[-3:]) == [180, 80, 12]


async def test_up_to_a_thousand_channels_are_looked_up(caller: Caller) -> None:
    """The limit itself is well-formed: it is the first channel that is not there that is refused."""
    await caller.level("BIKE", "shop-eu", *await golden(caller))
    for number in (999, 1000):
        refused = await caller.refused("ListLevels", channels=["till", *map(str, range(number - 1))])
        assert refused.metadata == {"channel": "0"}


async def test_revisions_that_cannot_be_reached(caller: Caller) -> None:
    """One of another history is refused at once; one not drawn yet when the caller's time is nearly over."""
    booked, _ = await golden(caller)
    asked: dict[str, Any] = {"product": {"sku": "BIKE"}, "channel": "till", "freshness": {"at_least": [booked]}}
    booked.number += 1000
    refused = await caller.refused("GetAvailability", seconds=0.3, **asked)
    assert (refused.kind, refused.reason) == (Kind.RACED, "REVISION_NOT_REACHED")
    assert refused.metadata["number"] == str(booked.number)
    booked.cluster = "another"
    refused = await caller.refused("GetAvailability", **asked)
    assert (refused.kind, refused.reason) == (Kind.MALFORMED, "REVISION_FOREIGN")


async def test_tenants_see_their_own(services: Market, caller: Caller) -> None:
    """Another tenant, loaded at its first question, finds none of the channels; its own stock is its own."""
    await caller.level("BIKE", "shop-eu", *await golden(caller))
    other = services.caller("other")
    refused = await other.refused("GetAvailability", product={"sku": "BIKE"}, channel="shop-eu")
    assert refused.reason == "CHANNEL_NOT_FOUND"
    made = await golden(other)
    reserved = await other.reserve("BIKE", "FR", 100)
    assert await other.level("BIKE", "shop-eu", reserved, made[1]) == 80
    assert await caller.level("BIKE", "shop-eu") == 180
    await other.close()
