"""The port `Networks`: what it promises, in memory and on Postgres."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn

import pytest

from tests.kit.network import attempt, postgres_networks, write
from tests.kit.postgres import FreshDatabase
from weir_chassis.configuration.objects import Decision, History, Named, Outcome
from weir_chassis.database import Database
from weir_chassis.errors import EtagStale, Refusal, RequestIdReused
from weir_sharing import handlers
from weir_sharing.domain import (
    KINDS,
    Channel,
    ChannelGroup,
    ChannelKind,
    GroupLink,
    LocationSetting,
    Policy,
    WarehouseGroup,
)
from weir_sharing.errors import ChannelGroupExists
from weir_sharing.ports import Network, Networks

SHOPS = ChannelGroup("shops", "Shops")
EUROPE = WarehouseGroup("europe", "Europe", ("DE1", "DE2"))


async def all_of(networks: Networks, tenant: str) -> list[Any]:
    """Every object of a tenant, with its etag."""
    async with networks.reading(tenant) as network:
        return [(each, each.etag) for kind in KINDS for each in await network.select(kind)]


async def test_what_is_written_is_read(networks: Networks, tenant: str) -> None:
    """Each kind comes back as it was written, with the revision of its last change as etag, until it is removed."""
    web = Channel("web", ChannelKind.WEBSHOP, "Web", "shops")
    link = GroupLink("europe", "shops")
    policy = LocationSetting("DE1", Policy.GLOBAL)
    await write(networks, handlers.set_location_policy, policy, tenant=tenant)
    await write(networks, handlers.create_warehouse_group, EUROPE, tenant=tenant)
    await write(networks, handlers.create_channel_group, SHOPS, tenant=tenant)
    await write(networks, handlers.create_channel, web, tenant=tenant)
    await write(networks, handlers.create_group_link, link, tenant=tenant)
    assert await all_of(networks, tenant) == [(policy, "1"), (EUROPE, "2"), (SHOPS, "3"), (web, "4"), (link, "5")]
    smaller = WarehouseGroup("europe", "", ())
    await write(networks, handlers.update_warehouse_group, smaller, tenant=tenant)
    await write(networks, handlers.delete_group_link, Named(GroupLink, link.key), tenant=tenant)
    await write(networks, handlers.delete_channel, Named(Channel, web.key), tenant=tenant)
    assert await all_of(networks, tenant) == [(policy, "1"), (smaller, "6"), (SHOPS, "3")]
    async with networks.reading(tenant) as network:
        assert network.head == 8
        assert await network.get(WarehouseGroup, ("europe",)) == smaller
        assert await network.get(WarehouseGroup, ("Europe",)) is None


async def test_objects_come_in_order_of_code_points(networks: Networks, tenant: str) -> None:
    """A list is in the order of its identifiers' code points or against it; `after` and `limit` cut it anywhere."""
    names = ["B", "a", "a b", "a-b", "aa", "b", "ä", "Ω", "你", "😀"]
    for name in reversed(names):
        await write(networks, handlers.create_channel_group, ChannelGroup(name, ""), tenant=tenant)
    async with networks.reading(tenant) as network:
        assert [each.channel_group for each in await network.select(ChannelGroup)] == names
        for position, name in enumerate(names):
            some = await network.select(ChannelGroup, after=(name,), limit=3)
            assert [each.channel_group for each in some] == names[position + 1 : position + 4]
            some = await network.select(ChannelGroup, after=(name,), limit=3, descending=True)
            assert [each.channel_group for each in some] == names[:position][::-1][:3]
        newest = await network.select(ChannelGroup, limit=1, descending=True)
        assert [each.channel_group for each in newest] == names[-1:]


async def test_objects_are_found_by_what_they_hold(networks: Networks, tenant: str) -> None:
    """Links by either end, channels by group, warehouse groups by location; homes and FIXED locations by location."""
    for group, locations in (("a", ("1", "2")), ("b", ("3",)), ("c", ())):
        await write(networks, handlers.create_warehouse_group, WarehouseGroup(group, "", locations), tenant=tenant)
    for location in ("3", "4"):
        fixed = LocationSetting(location, Policy.FIXED)
        await write(networks, handlers.set_location_policy, fixed, tenant=tenant)
    for group in ("x", "y"):
        await write(networks, handlers.create_channel_group, ChannelGroup(group, ""), tenant=tenant)
        channel = Channel(f"in {group}", ChannelKind.POS, "", group)
        await write(networks, handlers.create_channel, channel, tenant=tenant)
    for feeder, fed in (("a", "x"), ("a", "y"), ("c", "x")):
        await write(networks, handlers.create_group_link, GroupLink(feeder, fed), tenant=tenant)
    async with networks.reading(tenant) as network:
        assert await network.select(GroupLink, {"warehouse_group": "a"}) == [GroupLink("a", "x"), GroupLink("a", "y")]
        assert await network.select(GroupLink, {"channel_group": "x"}, after=("a", "x")) == [GroupLink("c", "x")]
        back = await network.select(GroupLink, {"channel_group": "x"}, after=("c", "x"), descending=True)
        assert back == [GroupLink("a", "x")]
        assert await network.select(GroupLink, {"warehouse_group": "c", "channel_group": "y"}) == []
        assert [await network.count(GroupLink, {"channel_group": each}) for each in "xyz"] == [2, 1, 0]
        assert await network.count(WarehouseGroup, {"location": "2"}) == 1
        assert await network.count(WarehouseGroup, {}) == 3
        assert [each.channel for each in await network.select(Channel, {"channel_group": "y"})] == ["in y"]
        assert [each.warehouse_group for each in await network.select(WarehouseGroup, {"location": "2"})] == ["a"]
        assert dict(await network.homes(["1", "3", "4"])) == {"1": "a", "3": "b"}
        assert sorted(await network.fixed(["1", "3", "4"])) == ["3", "4"]
        assert not await network.homes([])
        assert not await network.fixed([])


async def test_a_request_id_has_one_outcome(networks: Networks, tenant: str) -> None:
    """A second arrival gets the first outcome without being decided; with other contents it is refused."""
    first = await write(networks, handlers.create_channel_group, SHOPS, "once", tenant=tenant)
    await write(networks, handlers.update_channel_group, ChannelGroup("shops", "New"), tenant=tenant)

    async def never(network: Network) -> NoReturn:
        raise AssertionError("decided twice")

    again: Outcome[ChannelGroup] = await networks.once(attempt("once", tenant=tenant), never)
    assert (again, again.object.etag) == (first, "1")
    with pytest.raises(RequestIdReused):
        await networks.once(attempt("once", tenant=tenant, fingerprint=b"two"), never)


async def test_only_definite_refusals_are_outcomes(networks: Networks, tenant: str) -> None:
    """A broken rule refuses its request id for ever; a lost race leaves it free; neither changes anything."""
    await write(networks, handlers.create_channel_group, SHOPS, tenant=tenant)
    before = await all_of(networks, tenant)
    with pytest.raises(Refusal, match="exists already") as taken:
        await write(networks, handlers.create_channel_group, SHOPS, "taken", tenant=tenant)
    stale = ChannelGroup("shops", "New", etag="stale")
    with pytest.raises(EtagStale):
        await write(networks, handlers.update_channel_group, stale, "raced", tenant=tenant)
    assert await all_of(networks, tenant) == before
    await write(networks, handlers.delete_channel_group, Named(ChannelGroup, SHOPS.key), tenant=tenant)
    with pytest.raises(Refusal) as again:
        await write(networks, handlers.create_channel_group, SHOPS, "taken", tenant=tenant)
    assert again.value.to_record() == taken.value.to_record()
    assert again.value.reason == ChannelGroupExists.reason
    await write(networks, handlers.create_channel_group, SHOPS, "raced", tenant=tenant)


async def test_nothing_is_left_of_what_fails(networks: Networks, tenant: str) -> None:
    """An accident while deciding leaves no change and no outcome."""

    async def fail(network: Network) -> Decision[ChannelGroup]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await networks.once(attempt("again", tenant=tenant), fail)
    outcome = await write(networks, handlers.create_channel_group, SHOPS, "again", tenant=tenant)
    assert outcome.revision == 1


async def test_history_is_what_happened(networks: Networks, tenant: str) -> None:
    """Each revision's changes as whole objects in their order, cut anywhere, none for what changed nothing."""
    await write(networks, handlers.create_channel, Channel("web", ChannelKind.POS, "", ""), tenant=tenant)
    await write(networks, handlers.update_channel, Channel("web", ChannelKind.POS, "", ""), tenant=tenant)
    await write(networks, handlers.delete_channel, Named(Channel, ("web",)), tenant=tenant)
    history = await networks.history(tenant, after=0, limit=10)
    assert (history.oldest, history.head) == (0, 2)
    own, web = ChannelGroup("web", "", own_channel="web"), Channel("web", ChannelKind.POS, "", "web")
    told = [[(each.object, each.object.etag, each.deleted) for each in commit.changes] for commit in history.commits]
    assert told == [[(own, "1", False), (web, "1", False)], [(web, "1", True), (own, "1", True)]]
    assert [each.revision for each in history.commits] == [1, 2]
    assert history.commits[0].recorded_at <= history.commits[1].recorded_at
    assert (await networks.history(tenant, after=0, limit=1)).commits == history.commits[:1]
    assert (await networks.history(tenant, after=1, limit=9)).commits == history.commits[1:]
    assert (await networks.history(tenant, after=2, limit=9)).commits == ()


async def test_history_is_given_up_from_its_beginning(networks: Networks, tenant: str) -> None:
    """What is older than asked goes, the network stays, and whoever stands before the oldest kept gets nothing."""
    await write(networks, handlers.create_channel_group, SHOPS, tenant=tenant)
    assert (await networks.history(tenant, after=0, limit=9)).oldest == 0
    await networks.forget(keep_seconds=3600)
    assert len((await networks.history(tenant, after=0, limit=9)).commits) == 1
    assert await networks.forget(keep_seconds=0) >= 1
    assert await networks.history(tenant, after=0, limit=9) == History(1, 1, ())
    await write(networks, handlers.create_warehouse_group, EUROPE, tenant=tenant)
    history = await networks.history(tenant, after=1, limit=9)
    assert (history.oldest, history.head, len(history.commits)) == (1, 2, 1)
    assert (await networks.history(tenant, after=0, limit=9)).commits == ()
    assert [each for each, _ in await all_of(networks, tenant)] == [EUROPE, SHOPS]


async def test_tenants_are_walled(networks: Networks, tenant: str) -> None:
    """Each tenant has its own objects, revisions, request ids and history."""
    other = f"not {tenant}"
    await write(networks, handlers.create_channel_group, SHOPS, "one", tenant=tenant)
    assert await all_of(networks, other) == []
    assert (await networks.history(other, after=0, limit=9)) == History(0, 0, ())
    named = ChannelGroup("shops", "of the other")
    outcome = await write(networks, handlers.create_channel_group, named, "one", tenant=other)
    assert (outcome.object, outcome.revision) == (named, 1)
    assert await all_of(networks, tenant) == [(SHOPS, "1")]


async def race(networks: Networks, tenant: str) -> int:
    """Make a location FIXED while its group gets a second link, and the like, all at once; how often a law broke."""
    broken = 0
    for group in ("a", "b"):
        await write(networks, handlers.create_channel_group, ChannelGroup(group, ""), tenant=tenant)
    for number in range(15):
        location, name = f"location {number}", f"group {number}"
        await write(networks, handlers.create_warehouse_group, WarehouseGroup(name, "", (location,)), tenant=tenant)
        await asyncio.gather(
            write(networks, handlers.set_location_policy, LocationSetting(location, Policy.FIXED), tenant=tenant),
            write(networks, handlers.create_group_link, GroupLink(name, "a"), tenant=tenant),
            write(networks, handlers.create_group_link, GroupLink(name, "b"), tenant=tenant),
            return_exceptions=True,
        )
        async with networks.reading(tenant) as network:
            fixed = await network.fixed([location])
            links = await network.select(GroupLink, {"warehouse_group": name})
            broken += bool(fixed) and len(links) > 1
    return broken


async def test_rules_hold_though_writers_race(networks: Networks, tenant: str) -> None:
    """What a rule has read is still so when its decision is carried out: no race breaks the law of FIXED locations."""
    assert await race(networks, tenant) == 0


async def test_the_race_would_be_seen(database: FreshDatabase, tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: where writers do not wait for one another, the same race breaks the law."""
    async with postgres_networks(database) as networks:
        await write(networks, handlers.create_channel_group, SHOPS, tenant=tenant)  # the tenant has a revision now
        monkeypatch.setattr(Database, "writing", Database.tenant)
        assert await race(networks, tenant) > 0
