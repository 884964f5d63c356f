"""What would be otherwise, what would help, and what stores are told beyond what there is, over real gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.kit.market import SCHEMAS, Caller, golden, market
from tests.kit.postgres import PostgresForTests
from weir.aggregator.v1 import availability_service_pb2 as pb
from weir.aggregator.v1 import explanation_pb2
from weir.common.v1 import verdict_pb2
from weir.partitioning.v1.policy_pb2 import STRATEGY_EQUAL_DIVISION
from weir_chassis.errors import Kind

BIKE: dict[str, Any] = {"product": {"sku": "BIKE"}}
SHARE_EU = {
    "partitioning": {
        "policy": {
            "policy": "fair",
            "strategy": STRATEGY_EQUAL_DIVISION,
            "parts": [{"channel_group": "shop-eu"}, {"channel_group": "shop-us"}],
        }
    }
}
LINK_US = {"network": {"group_link": {"warehouse_group": "europe", "channel_group": "shop-us"}}}
NO_US = {"rules": {"store_limits": {"store": "shop-us", "denied": {"products": [{"sku": "BIKE"}]}}}}
CLOSED_US = {"network": {"channel": {"channel": "shop-us"}, "deleted": True}}
NEW_SHOP = {"network": {"channel": {"channel": "new", "kind": 1, "channel_group": "shop-us"}}}

Row = tuple[str, str, int, int]


@pytest.fixture
async def caller(postgres: PostgresForTests) -> AsyncIterator[Caller]:
    """A caller of the whole suite on a fresh database, with the market of golden case 1."""
    with postgres.fresh(*SCHEMAS) as database:
        async with market(database) as running:
            calling = running.caller()
            await calling.level("BIKE", "till", *await golden(calling))
            yield calling
            await calling.close()


async def previewed(caller: Caller, *changes: Any, **asked: Any) -> tuple[list[Row], pb.PreviewSummary]:
    """The levels that would differ, and the summary, which comes last and alone."""
    rows: list[Row] = []
    *parts, last = [part async for part in caller.stream("PreviewChange", changes=changes, **asked)]
    for part in parts:
        assert not part.HasField("summary")
        assert not any(part.owners)
        rows += zip(part.skus, part.channels, part.before, part.after, strict=True)
    assert last.HasField("summary")
    assert not last.skus
    return rows, last.summary


@pytest.mark.parametrize(
    ("changes", "rows", "exposures"),
    [
        ([LINK_US], [("BIKE", "shop-us", 80, 260)], (0, 180)),
        (
            [LINK_US, SHARE_EU],
            [("BIKE", "shop-eu", 180, 90), ("BIKE", "shop-us", 80, 170), ("BIKE", "till", 12, 0)],
            (0, 0),
        ),
        ([NO_US], [("BIKE", "shop-us", 80, -1)], (0, 0)),
        ([CLOSED_US], [("BIKE", "shop-us", 80, -1)], (0, 0)),
        ([NEW_SHOP], [("BIKE", "new", -1, 80)], (0, 80)),
        ([NEW_SHOP, {"network": {**NEW_SHOP["network"], "deleted": True}}], [], (0, 0)),
    ],
)
async def test_a_preview_tells_what_differs(
    caller: Caller, changes: list[Any], rows: list[Row], exposures: tuple[int, int]
) -> None:
    """The levels that would be others, those of channels that come or go too, later changes on top of earlier ones; and
    nothing is any other way afterwards."""
    before = await caller.do("BatchGetAvailability", products=[{"sku": "BIKE"}])
    found, summary = await previewed(caller, *changes)
    assert found == rows
    assert (summary.levels, summary.products, summary.channels) == (len(rows), bool(rows), len(rows))
    assert (summary.exposure_before, summary.exposure_after) == exposures
    assert list(summary.revisions) == list(before.revisions)
    assert await caller.do("BatchGetAvailability", products=[{"sku": "BIKE"}]) == before


async def test_a_preview_is_what_comes(caller: Caller) -> None:
    """Once what was previewed is configured, the levels are those that were told; of a link, a bundle and a rule."""
    await caller.receive("SADDLE", "DE1", 7)
    booked = await caller.receive("SPARE", "DE1", 4)
    link = {"source": {"sku": "SPARE"}, "destination": {"sku": "SADDLE"}, "keep_back": 1}
    bundle = {
        "product": {"sku": "TOUR"},
        "components": [{"product": {"sku": each}, "quantity": 2} for each in ("BIKE", "SADDLE")],
    }
    rule = {"rule": "half", "stores": ["shop-eu"], "rate_percent": 50, "products": [{"sku": "SADDLE"}]}
    changes = [{"network": {"product_link": link}}, {"network": {"bundle": bundle}}, {"rules": {"rule": rule}}]
    rows, _ = await previewed(caller, *changes, freshness={"at_least": [booked]})
    assert rows == [
        ("SADDLE", "shop-eu", 7, 5),
        ("SADDLE", "shop-us", 0, -1),
        ("SADDLE", "till", 0, -1),
        ("TOUR", "shop-eu", 0, 5),
    ]
    await caller.write("CreateProductLink", product_link=link)
    linked = await caller.write("CreateBundle", bundle=bundle)
    ruled = await caller.write("CreateRule", rule=rule)
    skus = [row[0] for row in rows]
    for sku, channel, _, after in rows:
        answer = await caller.do(
            "GetAvailability", product={"sku": sku}, channel=channel, freshness={"at_least": [linked, ruled]}
        )
        assert (answer.level, answer.untold) == (max(0, after), after < 0), skus
    assert (await previewed(caller, *changes))[0] == []


async def test_part_of_a_preview(caller: Caller) -> None:
    """Only some channels, only one owner; a channel that is neither there now nor then is refused by name."""
    await caller.receive("BIKE", "DE1", 5, owner="other")
    booked = await caller.receive("BIKE", "US", 3, owner="other")
    fresh = {"freshness": {"at_least": [booked]}}
    gone = {"network": {"warehouse_group": {"warehouse_group": "europe"}}}
    assert (await previewed(caller, gone, owner="", **fresh))[0] == [("BIKE", "shop-eu", 180, 0)]
    assert (await previewed(caller, gone, channels=["till", "shop-us"]))[0] == []
    [part, last] = [part async for part in caller.stream("PreviewChange", changes=[gone], owner="other")]
    assert (list(part.owners), list(part.before), list(part.after)) == (["other"], [5], [0])
    assert last.summary.levels == 1
    assert (await previewed(caller, NEW_SHOP, channels=["new"], owner=""))[0] == [("BIKE", "new", -1, 80)]
    refused = await caller.refused("PreviewChange", changes=[NEW_SHOP], channels=["new", "nowhere"])
    assert (refused.kind, refused.reason) == (Kind.UNKNOWN, "CHANNEL_NOT_FOUND")
    assert refused.metadata == {"channel": "nowhere"}


async def test_what_a_caller_leaves_to_the_service(caller: Caller) -> None:
    """A rule without a priority comes after all others, and one that is there stays in its place."""
    first = {"rule": "first", "stores": ["till"], "constant": 1}
    done = await caller.write("CreateRule", rule=first)
    await caller.level("BIKE", "till", done)
    last = {"rules": {"rule": {**first, "rule": "last", "constant": 9}}}
    assert (await previewed(caller, last))[0] == []
    otherwise = {"rules": {"rule": {**first, "constant": 2}}}
    assert (await previewed(caller, last, otherwise))[0] == [("BIKE", "till", 13, 14)]
    gone = {"rules": {"rule": {"rule": "first"}, "deleted": True}}
    assert (await previewed(caller, last, gone, channels=["till"]))[0] == [("BIKE", "till", 13, 21)]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, {"changes[0]"}),
        ({"network": {}}, {"changes[0].network"}),
        ({"rules": {"rule": {}}}, {"changes[0].rules.rule.rule", "changes[0].rules.rule.stores"}),
        ({"rules": {"rule": {}, "deleted": True}}, {"changes[0].rules.rule.rule"}),
        (
            {"partitioning": {"policy": {"policy": "p", "parts": [{"channel_group": "a"}] * 2}}},
            {"changes[0].partitioning.policy.strategy", "changes[0].partitioning.policy.parts[1]"},
        ),
        (
            {"network": {"product_link": {"source": {"sku": "A"}, "destination": {"sku": "A"}}}},
            {"changes[0].network.product_link.destination"},
        ),
        (
            {"network": {"bundle": {**BIKE, "components": [{**BIKE, "quantity": 0}]}}},
            {"changes[0].network.bundle.components", "changes[0].network.bundle.components[0].quantity"},
        ),
    ],
)
async def test_changes_that_nobody_could_make(caller: Caller, change: Any, named: set[str]) -> None:
    """What has no form is refused with every bad field, by the whole path."""
    refused = await caller.refused("PreviewChange", changes=[change])
    assert (refused.kind, refused.reason) == (Kind.MALFORMED, "REQUEST_MALFORMED")
    assert {violation.field for violation in refused.violations} == named


async def test_what_is_told_beyond_what_there_is(caller: Caller) -> None:
    """Of golden case 1 nothing; where two shops see the same stock, all of it once more."""
    asked = [{"sku": "BIKE"}, {"sku": "NEVER"}]
    exposure = await caller.do("GetExposure", products=asked)
    assert [(each.exposure, each.levels, each.supply) for each in exposure.exposures] == [(0, 272, 272), (0, 0, 0)]
    assert not (await caller.do("ListExposures")).exposures
    linked = await caller.write("CreateGroupLink", group_link={"warehouse_group": "europe", "channel_group": "shop-us"})
    await caller.receive("ACORN", "FR", 5)
    booked = await caller.receive("BIKE", "FR", 5, owner="other")
    fresh: dict[str, Any] = {"freshness": {"at_least": [linked, booked]}}
    exposure = await caller.do("GetExposure", products=asked, **fresh)
    assert [(each.exposure, each.levels, each.supply) for each in exposure.exposures] == [(180, 452, 272), (0, 0, 0)]
    assert len(exposure.revisions) == 5
    listed = await caller.do("ListExposures", **fresh)
    assert [(each.product.owner, each.product.sku, each.exposure) for each in listed.exposures] == [
        ("", "BIKE", 180),
        ("", "ACORN", 5),
        ("other", "BIKE", 5),
    ]
    assert (listed.products, listed.exposure) == (3, 190)
    listed = await caller.do("ListExposures", owner="", page_size=1)
    assert [each.product.sku for each in listed.exposures] == ["BIKE"]
    assert (listed.products, listed.exposure) == (2, 185)


async def test_an_explanation_says_what_would_help(caller: Caller) -> None:
    """The stage that holds the level down, and single changes that raise it, nearest to it first."""
    rule = {"rule": "careful", "stores": ["till"], "threshold": 20, "warehouses": ["BERLIN"]}
    ruled = await caller.write("CreateRule", rule=rule)
    answer = await caller.do("ExplainAvailability", **BIKE, channel="till", freshness={"at_least": [ruled]})
    assert (answer.level, answer.share, answer.untold) == (0, 12, False)
    assert answer.binding == explanation_pb2.STAGE_OFFER
    offered = answer.steps[3]
    assert (offered.verdict, offered.sentence) == (
        verdict_pb2.VERDICT_BELOW_THRESHOLD,
        "Threshold 20 of rule 'careful' blocks it: the rule's warehouses hold 12.",
    )
    assert {each.name: each.value for each in offered.steps[0].terms}["threshold_units"] == 20
    [remedy] = answer.remedies
    assert (remedy.lever, remedy.name, remedy.units, remedy.level) == (
        explanation_pb2.Remedy.LEVER_THRESHOLD,
        "careful",
        12,
        12,
    )
    assert remedy.sentence == "A threshold of 12 in rule 'careful' gives 12 more."


async def test_a_store_that_is_told_nothing(caller: Caller) -> None:
    """Its level is 0 and said to be untold, here and there; what it shares in is told all the same."""
    ruled = await caller.write("CreateRule", rule={"rule": "till alone", "stores": ["till"]})
    asked = {**BIKE, "channel": "shop-us", "freshness": {"at_least": [ruled]}}
    answer = await caller.do("GetAvailability", **asked)
    assert (answer.level, answer.untold, answer.share, answer.supply) == (0, True, 80, 80)
    explained = await caller.do("ExplainAvailability", **asked)
    assert (explained.level, explained.untold, explained.share) == (0, True, 80)
    assert [each.sentence for each in explained.remedies] == ["Naming the store in rule 'till alone' gives 80 more."]
