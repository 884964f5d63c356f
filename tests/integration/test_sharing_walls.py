"""Who may do what to whose network: tenants are walled from one another, and roles are held."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.calling import refusal
from tests.kit.network import postgres_networks, write
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.sharing import FIXED, WEBSHOP, Caller, Sharing, golden_network, sharing
from tests.kit.tokens import AUDIENCE, ISSUER, Signer, bearer, write_key_set
from weir_chassis.configuration.objects import Configured
from weir_chassis.database import Database
from weir_chassis.errors import Kind
from weir_chassis.settings import AuthSettings
from weir_sharing import handlers
from weir_sharing.domain import KINDS, ChannelGroup
from weir_sharing.store import TABLES, PostgresNetwork


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for all of these tests."""
    with postgres.fresh("weir_sharing") as fresh:
        yield fresh


@pytest.fixture
async def service(database: FreshDatabase) -> AsyncIterator[Sharing]:
    """A service on it."""
    async with sharing(database) as running:
        yield running


# Every rpc that takes an identifier of something there, by its fields; each field is asked for in turn.
NAMING: list[tuple[str, dict[str, Any]]] = [
    ("GetWarehouseGroup", {"warehouse_group": "europe"}),
    ("UpdateWarehouseGroup", {"warehouse_group": {"warehouse_group": "europe"}}),
    ("DeleteWarehouseGroup", {"warehouse_group": "europe"}),
    ("GetChannelGroup", {"channel_group": "web-eu"}),
    ("UpdateChannelGroup", {"channel_group": {"channel_group": "web-eu"}}),
    ("DeleteChannelGroup", {"channel_group": "web-eu"}),
    ("GetChannel", {"channel": "web-eu"}),
    ("UpdateChannel", {"channel": {"channel": "web-eu", "kind": WEBSHOP}}),
    ("DeleteChannel", {"channel": "web-eu"}),
    ("CreateChannel", {"channel": {"channel": "mine", "kind": WEBSHOP, "channel_group": "web-eu"}}),
    ("UpdateChannel", {"channel": {"channel": "own", "kind": WEBSHOP, "channel_group": "web-eu"}}),
    ("GetGroupLink", {"warehouse_group": "europe", "channel_group": "web-eu"}),
    ("DeleteGroupLink", {"warehouse_group": "europe", "channel_group": "web-eu"}),
    ("CreateGroupLink", {"group_link": {"warehouse_group": "europe", "channel_group": "own"}}),
    ("CreateGroupLink", {"group_link": {"warehouse_group": "mine", "channel_group": "web-eu"}}),
]


def renamed(fields: dict[str, Any]) -> dict[str, Any]:
    """The same fields, naming what is nowhere."""
    absent = {"europe": "eurepo", "web-eu": "web-ue"}
    return {
        name: renamed(value) if isinstance(value, dict) else absent.get(value, value) for name, value in fields.items()
    }


async def test_what_is_anothers_is_as_good_as_absent(service: Sharing) -> None:
    """Whatever rpc names it in whatever field: another tenant's object cannot be told from one that is nowhere."""
    await golden_network(service.caller("walled"))
    before = await service.caller("walled").export()
    spy = service.caller("spy")
    await spy.do("CreateChannel", channel={"channel": "own", "kind": WEBSHOP})
    await spy.do("CreateWarehouseGroup", warehouse_group={"warehouse_group": "mine"})
    for method, fields in NAMING:
        there = (await spy.refused(method, **fields)).to_record()
        nowhere = (await spy.refused(method, **renamed(fields))).to_record()
        assert there["kind"] == "UNKNOWN"
        assert str(there).replace("europe", "eurepo").replace("web-eu", "web-ue") == str(nowhere), method
    assert await service.caller("walled").export() == before


async def test_each_tenant_sees_only_its_own(service: Sharing) -> None:
    """Lists, exports, policies and watches of a tenant hold nothing of another, and its revisions are its own."""
    await golden_network(service.caller("full"))
    empty = service.caller("empty")
    for method, field in (
        ("ListLocationPolicies", "location_settings"),
        ("ListWarehouseGroups", "warehouse_groups"),
        ("ListChannelGroups", "channel_groups"),
        ("ListChannels", "channels"),
        ("ListGroupLinks", "group_links"),
    ):
        answer = await empty.do(method)
        assert (len(getattr(answer, field)), answer.revision.number) == (0, 0)
    assert not (await empty.do("ListWarehouseGroups", location="FR")).warehouse_groups
    assert (await empty.do("GetLocationPolicy", location="BERLIN")).location_setting.policy != FIXED
    revision, state = await empty.export()
    assert (revision.number, state) == (0, {})
    call = empty.stream("WatchNetwork")
    assert (await call.read()).through.number == 0
    call.cancel()
    head = (await service.caller("full").do("ListChannels")).revision
    told = await empty.refused("ListChannels", freshness={"at_least": [head]})
    assert told.reason == "REVISION_AHEAD"


async def test_two_tenants_may_use_the_same_names(service: Sharing) -> None:
    """Identifiers, locations and request ids of tenants do not meet."""
    for tenant in ("one", "two"):
        caller = service.caller(tenant)
        await golden_network(caller)
        made = await caller.do("CreateChannelGroup", channel_group={"channel_group": "g"}, request_id="same")
        assert made.revision.number == 11


async def test_row_level_security_alone_holds(database: FreshDatabase) -> None:
    """With the filter of the application on another tenant, nothing is read, written over or removed."""
    async with postgres_networks(database) as networks:
        await write(networks, handlers.create_channel_group, ChannelGroup("g", "theirs"), tenant="victim")
    opened = await Database.open(database.url("weir_sharing"), schema="weir_sharing")
    async with opened.tenant("thief") as connection:
        network = PostgresNetwork(connection, TABLES, "victim", 0)
        kinds: list[type[Configured]] = list(KINDS)
        assert [await network.select(kind) for kind in kinds] == [[]] * len(KINDS)
        await network._remove(TABLES[ChannelGroup], [ChannelGroup("g", "theirs")])
    with pytest.raises(Exception, match="row-level security"):
        async with opened.tenant("thief") as connection:
            network = PostgresNetwork(connection, TABLES, "victim", 0)
            await network._put(TABLES[ChannelGroup], [ChannelGroup("h", "thief's", etag="1")])
    async with opened.reading("victim") as connection:
        assert await PostgresNetwork(connection, TABLES, "victim", 1).select(ChannelGroup) == [
            ChannelGroup("g", "theirs")
        ]
    await opened.close()


@pytest.mark.parametrize("role", ["READER", "OPERATOR", "ADMINISTRATOR"])
async def test_only_administrators_write(database: FreshDatabase, tmp_path: Path, role: str) -> None:
    """Readers and operators read, export and watch; only administrators change the network."""
    signer = Signer()
    keys = write_key_set(tmp_path / "keys.json", signer)
    auth = AuthSettings(jwks=str(keys), issuer=ISSUER, audience=AUDIENCE)
    asked = {"channel_group": {"channel_group": role}}
    async with sharing(database, auth=auth) as service:
        caller = service.caller(metadata=bearer(signer.token(tenant="roles", role=role)))
        await caller.do("ListChannels")
        await caller.export()
        watch = caller.stream("WatchNetwork")
        await watch.read()
        watch.cancel()
        if role == "ADMINISTRATOR":
            await caller.do("CreateChannelGroup", **asked)
        else:
            told = await caller.refused("CreateChannelGroup", **asked)
            assert (told.kind, told.reason) == (Kind.FORBIDDEN, "ROLE_INSUFFICIENT")
        stranger = Caller(service.channel)
        told = await refusal(stranger.do("ListChannels"))
        assert (told.kind, told.reason) == (Kind.UNAUTHENTICATED, "TOKEN_MISSING")
