"""The network service over real gRPC and Postgres: what it answers, what it refuses, and that it does each once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.kit.postgres import PostgresForTests
from tests.kit.sharing import FIXED, GLOBAL, MARKETPLACE, WEBSHOP, Caller, Sharing, golden_network, sharing
from weir_chassis import policy
from weir_chassis.errors import Kind
from weir_sharing.servicer import POLICIES


@pytest.fixture
async def service(postgres: PostgresForTests) -> AsyncIterator[Sharing]:
    """A service on a fresh database."""
    with postgres.fresh("weir_sharing") as database:
        async with sharing(database) as running:
            yield running


@pytest.fixture
def caller(service: Sharing) -> Caller:
    """A caller of the service."""
    return service.caller()


async def names(caller: Caller, method: str, field: str, **fields: Any) -> list[str]:
    """The identifiers that a list answers with."""
    answer = await caller.do(method, **fields)
    return [getattr(each, field.removesuffix("s")) for each in getattr(answer, field)]


def test_every_method_has_its_access(service: Sharing) -> None:
    """The policies name every method of the services and no other."""
    served = [each.service for each in service.server.registrations]
    assert policy.faults(served, {name: access for each in POLICIES for name, access in each.items()}) == []


async def test_golden_case_one(caller: Caller) -> None:
    """The network of golden case 1 can be said, and reads back as: Europe three locations, US one, Berlin FIXED."""
    await golden_network(caller)
    assert await names(caller, "ListWarehouseGroups", "warehouse_groups") == ["berlin", "europe", "us"]
    assert await names(caller, "ListWarehouseGroups", "warehouse_groups", location="FR") == ["europe"]
    assert await names(caller, "ListChannels", "channels", channel_group="till") == ["till"]
    europe = await caller.do("GetWarehouseGroup", warehouse_group="europe")
    assert list(europe.warehouse_group.locations) == ["DE1", "DE2", "FR"]
    berlin = await caller.do("GetLocationPolicy", location="BERLIN")
    assert berlin.location_setting.policy == FIXED
    assert berlin.revision.number == 10
    links = await caller.do("ListGroupLinks", channel_group="web-eu")
    assert [each.warehouse_group for each in links.group_links] == ["europe"]


async def test_a_location_is_global_until_told_otherwise(caller: Caller) -> None:
    """Where no policy was set it is GLOBAL, without an etag, and not listed."""
    found = await caller.do("GetLocationPolicy", location="DE1")
    assert (found.location_setting.policy, found.location_setting.etag) == (GLOBAL, "")
    assert await names(caller, "ListLocationPolicies", "location_settings") == []


async def test_a_channel_that_names_no_group_has_its_own(caller: Caller) -> None:
    """The group is made with the channel, renamed with it, hosts no other, and goes with it."""
    made = await caller.do("CreateChannel", channel={"channel": "web", "kind": WEBSHOP, "display_name": "Web"})
    assert made.channel.channel_group == "web"
    group = (await caller.do("GetChannelGroup", channel_group="web")).channel_group
    assert (group.own_channel, group.display_name, group.etag) == ("web", "Web", made.channel.etag)

    await caller.do("UpdateChannel", channel={"channel": "web", "kind": WEBSHOP, "display_name": "Shop"})
    assert (await caller.do("GetChannelGroup", channel_group="web")).channel_group.display_name == "Shop"

    other = {"channel": "amazon", "kind": MARKETPLACE, "channel_group": "web"}
    assert (await caller.refused("CreateChannel", channel=other)).reason == "CHANNEL_GROUP_OWNED"

    await caller.do("DeleteChannel", channel="web")
    assert (await caller.refused("GetChannelGroup", channel_group="web")).reason == "CHANNEL_GROUP_NOT_FOUND"


async def test_a_channel_moves_between_its_own_group_and_a_shared_one(caller: Caller) -> None:
    """Moving out of the own group removes it, moving back makes it again; each is one revision."""
    await caller.do("CreateChannelGroup", channel_group={"channel_group": "shops"})
    before = (await caller.do("CreateChannel", channel={"channel": "web", "kind": WEBSHOP})).revision.number
    moved = await caller.do("UpdateChannel", channel={"channel": "web", "kind": WEBSHOP, "channel_group": "shops"})
    assert moved.revision.number == before + 1
    assert await names(caller, "ListChannelGroups", "channel_groups") == ["shops"]
    await caller.do("UpdateChannel", channel={"channel": "web", "kind": WEBSHOP})
    assert await names(caller, "ListChannelGroups", "channel_groups") == ["shops", "web"]
    await caller.do("DeleteChannelGroup", channel_group="shops")


# What is refused in the network of golden case 1, with all that the caller is told.
REFUSED: list[tuple[str, dict[str, Any], Kind, str, dict[str, str]]] = [
    (
        "SetLocationPolicy",
        {"location_setting": {"location": "FR", "policy": FIXED}},
        Kind.UNMET,
        "FIXED_LOCATION_SHARED",
        {"location": "FR", "warehouse_group": "europe", "locations": "3"},
    ),
    (
        "CreateWarehouseGroup",
        {"warehouse_group": {"warehouse_group": "us"}},
        Kind.TAKEN,
        "WAREHOUSE_GROUP_EXISTS",
        {"warehouse_group": "us"},
    ),
    (
        "CreateWarehouseGroup",
        {"warehouse_group": {"warehouse_group": "new", "locations": ["X", "US"]}},
        Kind.UNMET,
        "LOCATION_GROUPED",
        {"location": "US", "warehouse_group": "us"},
    ),
    (
        "UpdateWarehouseGroup",
        {"warehouse_group": {"warehouse_group": "berlin", "locations": ["BERLIN", "X"]}},
        Kind.UNMET,
        "FIXED_LOCATION_SHARED",
        {"location": "BERLIN", "warehouse_group": "berlin", "locations": "2"},
    ),
    (
        "UpdateWarehouseGroup",
        {"warehouse_group": {"warehouse_group": "none"}},
        Kind.UNKNOWN,
        "WAREHOUSE_GROUP_NOT_FOUND",
        {"warehouse_group": "none"},
    ),
    (
        "DeleteWarehouseGroup",
        {"warehouse_group": "us"},
        Kind.UNMET,
        "WAREHOUSE_GROUP_IN_USE",
        {"warehouse_group": "us", "used_by": "channel group web-us"},
    ),
    (
        "CreateChannelGroup",
        {"channel_group": {"channel_group": "till"}},
        Kind.TAKEN,
        "CHANNEL_GROUP_EXISTS",
        {"channel_group": "till"},
    ),
    (
        "UpdateChannelGroup",
        {"channel_group": {"channel_group": "till", "display_name": "Till"}},
        Kind.UNMET,
        "CHANNEL_GROUP_OWNED",
        {"channel_group": "till", "channel": "till"},
    ),
    (
        "DeleteChannelGroup",
        {"channel_group": "till"},
        Kind.UNMET,
        "CHANNEL_GROUP_OWNED",
        {"channel_group": "till", "channel": "till"},
    ),
    ("DeleteChannelGroup", {"channel_group": "no"}, Kind.UNKNOWN, "CHANNEL_GROUP_NOT_FOUND", {"channel_group": "no"}),
    (
        "CreateChannel",
        {"channel": {"channel": "till", "kind": WEBSHOP}},
        Kind.TAKEN,
        "CHANNEL_EXISTS",
        {"channel": "till"},
    ),
    (
        "CreateChannel",
        {"channel": {"channel": "new", "kind": WEBSHOP, "channel_group": "no"}},
        Kind.UNKNOWN,
        "CHANNEL_GROUP_NOT_FOUND",
        {"channel_group": "no"},
    ),
    (
        "UpdateChannel",
        {"channel": {"channel": "no", "kind": WEBSHOP}},
        Kind.UNKNOWN,
        "CHANNEL_NOT_FOUND",
        {"channel": "no"},
    ),
    (
        "DeleteChannel",
        {"channel": "till"},
        Kind.UNMET,
        "CHANNEL_IN_USE",
        {"channel": "till", "used_by": "warehouse group berlin"},
    ),
    (
        "CreateGroupLink",
        {"group_link": {"warehouse_group": "berlin", "channel_group": "web-eu"}},
        Kind.UNMET,
        "FIXED_LOCATION_LINKED",
        {"location": "BERLIN", "warehouse_group": "berlin", "channel_groups": "2"},
    ),
    (
        "CreateGroupLink",
        {"group_link": {"warehouse_group": "us", "channel_group": "web-us"}},
        Kind.TAKEN,
        "GROUP_LINK_EXISTS",
        {"warehouse_group": "us", "channel_group": "web-us"},
    ),
    (
        "CreateGroupLink",
        {"group_link": {"warehouse_group": "no", "channel_group": "no either"}},
        Kind.UNKNOWN,
        "WAREHOUSE_GROUP_NOT_FOUND",
        {"warehouse_group": "no"},
    ),
    (
        "DeleteGroupLink",
        {"warehouse_group": "us", "channel_group": "till"},
        Kind.UNKNOWN,
        "GROUP_LINK_NOT_FOUND",
        {"warehouse_group": "us", "channel_group": "till"},
    ),
]


async def test_each_refusal_says_why_and_changes_nothing(caller: Caller) -> None:
    """Every rule that is broken answers its reason and numbers, the same on replay and when only checked."""
    await golden_network(caller)
    before = await caller.export()
    for number, (method, fields, kind, reason, metadata) in enumerate(REFUSED):
        asked = {**fields, "request_id": f"refused {number}"}
        told = [
            await caller.refused(method, **fields, validate_only=True),
            await caller.refused(method, **asked),
            await caller.refused(method, **asked),
        ]
        for each in told:
            assert (each.kind, each.reason, each.metadata) == (kind, reason, metadata), method
            assert each.message == told[0].message
    assert await caller.export() == before


async def test_a_shared_group_is_removed_only_when_empty(caller: Caller) -> None:
    """A channel group with channels and links names both; without them it goes, and can be made again."""
    await caller.do("CreateChannelGroup", channel_group={"channel_group": "shops"})
    await caller.do("CreateChannel", channel={"channel": "web", "kind": WEBSHOP, "channel_group": "shops"})
    await caller.do("CreateWarehouseGroup", warehouse_group={"warehouse_group": "all"})
    await caller.do("CreateGroupLink", group_link={"warehouse_group": "all", "channel_group": "shops"})
    told = await caller.refused("DeleteChannelGroup", channel_group="shops")
    assert told.reason == "CHANNEL_GROUP_IN_USE"
    assert told.metadata == {"channel_group": "shops", "used_by": "channel web, warehouse group all"}
    assert [each.field for each in told.violations] == ["channel web", "warehouse group all"]
    await caller.do("DeleteGroupLink", warehouse_group="all", channel_group="shops")
    await caller.do("DeleteChannel", channel="web")
    await caller.do("DeleteChannelGroup", channel_group="shops")
    await caller.do("CreateChannelGroup", channel_group={"channel_group": "shops"})


async def test_etags(caller: Caller) -> None:
    """A change that rests on an older version is ABORTED with the newer etag, and the same id may try again."""
    first = (await caller.do("CreateChannelGroup", channel_group={"channel_group": "a"})).channel_group
    second = (
        await caller.do("UpdateChannelGroup", channel_group={"channel_group": "a", "display_name": "A"})
    ).channel_group
    assert first.etag != second.etag
    late = {"channel_group": {"channel_group": "a", "display_name": "B", "etag": first.etag}, "request_id": "late"}
    told = await caller.refused("UpdateChannelGroup", **late)
    assert (told.kind, told.reason) == (Kind.RACED, "ETAG_STALE")
    assert second.etag in told.metadata.values()
    assert (await caller.refused("DeleteChannelGroup", channel_group="a", etag=first.etag)).reason == "ETAG_STALE"
    late["channel_group"] = {"channel_group": "a", "display_name": "B", "etag": second.etag}
    await caller.do("UpdateChannelGroup", **late)
    setting = {"location": "X", "policy": FIXED, "etag": "1"}
    assert (await caller.refused("SetLocationPolicy", location_setting=setting)).reason == "ETAG_STALE"


async def test_what_is_as_asked_draws_no_revision(caller: Caller) -> None:
    """Setting what is set, or updating to the same, keeps etag and revision."""
    asked = {"warehouse_group": "all", "display_name": "All", "locations": ["B", "A"]}
    made = await caller.do("CreateWarehouseGroup", warehouse_group=asked)
    again = await caller.do("UpdateWarehouseGroup", warehouse_group=asked)
    assert again.warehouse_group == made.warehouse_group
    assert again.revision == made.revision
    first = await caller.do("SetLocationPolicy", location_setting={"location": "A", "policy": GLOBAL})
    second = await caller.do("SetLocationPolicy", location_setting={"location": "A", "policy": GLOBAL})
    assert (second.location_setting, second.revision) == (first.location_setting, first.revision)


async def test_a_check_changes_nothing(caller: Caller) -> None:
    """validate_only answers what would be, at the newest revision, and leaves the request id free."""
    asked = {"channel": {"channel": "web", "kind": WEBSHOP, "etag": "ignored"}, "request_id": "one"}
    checked = await caller.do("CreateChannel", **asked, validate_only=True)
    assert (checked.channel.channel_group, checked.channel.etag, checked.revision.number) == ("web", "", 0)
    assert (await caller.refused("GetChannel", channel="web")).reason == "CHANNEL_NOT_FOUND"
    done = await caller.do("CreateChannel", **asked)
    assert (done.channel.etag, done.revision.number) == ("1", 1)


async def test_one_outcome_per_request_id(postgres: PostgresForTests) -> None:
    """A replay answers the first outcome though the world went on, also after a restart; other contents are refused."""
    with postgres.fresh("weir_sharing") as database:
        asked = {"channel": {"channel": "web", "kind": WEBSHOP}, "request_id": "once"}
        async with sharing(database) as service:
            first = await service.caller().do("CreateChannel", **asked)
            taken = await service.caller().refused("CreateChannel", **{**asked, "request_id": "twice"})
            removed = await service.caller().do("DeleteChannel", channel="web", request_id="once")
        async with sharing(database) as service:
            caller = service.caller()
            assert await caller.do("CreateChannel", **asked) == first
            assert (await caller.refused("CreateChannel", **{**asked, "request_id": "twice"})).message == taken.message
            assert await caller.do("DeleteChannel", channel="web", request_id="once") == removed
            told = await caller.refused(
                "CreateChannel", channel={"channel": "web", "kind": MARKETPLACE}, request_id="once"
            )
            assert (told.kind, told.reason, told.metadata) == (Kind.TAKEN, "REQUEST_ID_REUSED", {"request_id": "once"})
            assert (await service.caller("other").do("CreateChannel", **asked)).revision.number == 1


async def test_freshness_is_of_this_network(caller: Caller) -> None:
    """A read accepts revisions that were drawn, refuses those that were not, and says which revision it rests on."""
    made = (await caller.do("CreateChannelGroup", channel_group={"channel_group": "a"})).revision
    found = await caller.do("GetChannelGroup", channel_group="a", freshness={"at_least": [made]})
    assert found.revision == made
    assert (made.context, made.number) == ("sharing", 1)
    ahead = type(made)(context=made.context, cluster=made.cluster, epoch=made.epoch, number=2)
    foreign = type(made)(context=made.context, cluster="elsewhere", epoch=made.epoch, number=1)
    other = type(made)(context="ledger", cluster=made.cluster, epoch=made.epoch, number=1)
    for method, fields in (("GetChannelGroup", {"channel_group": "no"}), ("ListChannels", {})):
        for revision, reason in ((ahead, "REVISION_AHEAD"), (foreign, "REVISION_FOREIGN"), (other, "REVISION_FOREIGN")):
            told = await caller.refused(method, freshness={"at_least": [revision]}, **fields)
            assert (told.kind, told.reason) == (Kind.MALFORMED, reason)
