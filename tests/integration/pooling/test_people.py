"""Persons and pools over real gRPC and Postgres: what is answered, what is refused, and that it is done once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest

from tests.kit.calling import refusal
from tests.kit.pooling import ADMINISTRATOR, DISTRIBUTOR, REP, Caller, Pooling, identity, pooling
from tests.kit.postgres import FreshDatabase
from tests.kit.tokens import AUDIENCE, ISSUER, Signer, bearer, write_key_set
from weir_chassis.errors import Kind
from weir_chassis.settings import AuthSettings

DEADLINE_SECONDS = 30


@pytest.fixture
def caller(service: Pooling, tenant: str) -> Caller:
    """Who administers it."""
    return service.caller(tenant)


async def names(caller: Caller, method: str, field: str, **fields: Any) -> list[str]:
    """The identifiers that a list answers with."""
    return [getattr(each, field) for each in getattr(await caller.do(method, **fields), f"{field}s")]


async def test_what_is_added_is_read_changed_and_removed(caller: Caller) -> None:
    """Persons and pools read back as they were added and changed, members in order, and are gone when removed."""
    added = await caller.user("ann", REP, display_name="Ann", channel="trunk")
    assert (await caller.do("GetUser", user="ann")).user == added
    changed = (await caller.do("UpdateUser", user={"user": "ann", "role": REP, "etag": added.etag})).user
    assert (changed.display_name, changed.channel, changed.etag) == ("", "", "2")
    pool = await caller.pool("north", "hub", "zoe", "bob")
    assert (list(pool.members), pool.access_hub_stock) == (["bob", "zoe"], False)
    wanted = {"pool": "north", "hub": "hub", "display_name": "North", "members": ["ann"], "access_hub_stock": True}
    after = (await caller.do("UpdatePool", pool=wanted)).pool
    assert (after.display_name, list(after.members), after.access_hub_stock) == ("North", ["ann"], True)
    assert (await caller.do("GetPool", pool="north")).pool == after
    await caller.do("DeletePool", pool="north", etag=after.etag)
    assert (await caller.refused("GetPool", pool="north")).reason == "POOL_NOT_FOUND"
    await caller.do("DeleteUser", user="ann")
    assert (await caller.refused("GetUser", user="ann")).reason == "USER_NOT_FOUND"
    assert await names(caller, "ListUsers", "user") == ["bob", "hub", "zoe"]


async def test_the_switch(caller: Caller) -> None:
    """The switch turns on and off, each a revision; turned where it stands it changes nothing."""
    await caller.pool("north", "hub", "ann")
    on = await caller.do("SetHubAccess", pool="north", access_hub_stock=True)
    assert (on.pool.access_hub_stock, on.pool.etag) == (True, str(on.revision.number))
    again = await caller.do("SetHubAccess", pool="north", access_hub_stock=True)
    assert again.revision == on.revision
    stale = await caller.refused("SetHubAccess", pool="north", access_hub_stock=False, etag="1")
    assert (stale.kind, stale.reason) == (Kind.RACED, "ETAG_STALE")
    off = await caller.do("SetHubAccess", pool="north", access_hub_stock=False, etag=on.pool.etag)
    assert not off.pool.access_hub_stock
    assert (await caller.refused("SetHubAccess", pool="south")).reason == "POOL_NOT_FOUND"


async def test_one_pool_a_person_one_hub_a_pool(caller: Caller) -> None:
    """Nobody is in two pools, as hub or as member: the refusal says who is where; and all have the role of their
    place.
    """
    await caller.pool("north", "hub", "ann")
    await caller.user("hub2", DISTRIBUTOR)
    await caller.user("bob")
    for asked, reason, metadata in (
        ({"pool": "p", "hub": "hub"}, "USER_POOLED", {"user": "hub", "pool": "north"}),
        ({"pool": "p", "hub": "hub2", "members": ["bob", "ann"]}, "USER_POOLED", {"user": "ann", "pool": "north"}),
        ({"pool": "p", "hub": "bob"}, "USER_ROLE", {"user": "bob", "role": "REP", "required": "DISTRIBUTOR"}),
        ({"pool": "p", "hub": "hub2", "members": ["hub"]}, "USER_ROLE",
         {"user": "hub", "role": "DISTRIBUTOR", "required": "REP"}),
        ({"pool": "p", "hub": "nobody"}, "USER_NOT_FOUND", {"user": "nobody"}),
        ({"pool": "north", "hub": "hub2"}, "POOL_EXISTS", {"pool": "north"}),
    ):  # fmt: skip
        told = await caller.refused("CreatePool", pool=asked)
        assert (told.reason, told.metadata) == (reason, metadata)
    itself = await caller.refused("CreatePool", pool={"pool": "p", "hub": "hub2", "members": ["hub2"]})
    assert [each.field for each in itself.violations] == ["pool.members"]
    moved = {"pool": "north", "hub": "hub2", "members": ["bob"]}
    assert (await caller.do("UpdatePool", pool=moved)).pool.hub == "hub2"
    await caller.do("CreatePool", pool={"pool": "south", "hub": "hub", "members": ["ann"]})


async def test_pools_that_race_for_a_person(caller: Caller) -> None:
    """Of several pools that take the same person at once one has him; the others are told which."""
    await caller.user("ann")
    hubs = [f"hub {number}" for number in range(8)]
    for hub in hubs:
        await caller.user(hub, DISTRIBUTOR)

    asked = [{"pool": f"of {hub}", "hub": hub, "members": ["ann"]} for hub in hubs]
    done = await asyncio.gather(*(caller.do("CreatePool", pool=each) for each in asked), return_exceptions=True)
    codes = [each.code() for each in done if isinstance(each, grpc.aio.AioRpcError)]
    [won] = [each.pool.pool for each in done if not isinstance(each, BaseException)]
    assert codes == [grpc.StatusCode.ALREADY_EXISTS] * 7
    spare = await caller.user("spare", DISTRIBUTOR)
    told = await caller.refused("CreatePool", pool={"pool": "late", "hub": spare.user, "members": ["ann"]})
    assert told.metadata == {"user": "ann", "pool": won}


async def test_a_channel_has_one_seller(caller: Caller) -> None:
    """Two persons never sell through the same channel; one who gives it up leaves it to another."""
    await caller.user("ann", REP, channel="trunk")
    told = await caller.refused("CreateUser", user={"user": "bob", "role": REP, "channel": "trunk"})
    assert (told.reason, told.metadata) == ("CHANNEL_TAKEN", {"channel": "trunk", "user": "ann"})
    await caller.do("UpdateUser", user={"user": "ann", "role": REP})
    await caller.user("bob", REP, channel="trunk")
    assert (await caller.refused("UpdateUser", user={"user": "ann", "role": REP, "channel": "trunk"})).reason == (
        "CHANNEL_TAKEN"
    )


async def test_what_a_person_is_needed_for_keeps_him(caller: Caller) -> None:
    """A person in a pool is neither removed nor given another role; once he has left it, both can be."""
    await caller.pool("north", "hub", "ann")
    for user, role in (("hub", REP), ("ann", ADMINISTRATOR)):
        told = await caller.refused("UpdateUser", user={"user": user, "role": role})
        assert (told.reason, told.metadata["used_by"]) == ("USER_IN_USE", "pool north")
        assert (await caller.refused("DeleteUser", user=user)).reason == "USER_IN_USE"
    await caller.do("UpdatePool", pool={"pool": "north", "hub": "hub"})
    await caller.do("UpdateUser", user={"user": "ann", "role": ADMINISTRATOR})


async def test_each_request_is_done_once(service: Pooling, caller: Caller, tenant: str) -> None:
    """Repeated, a request answers its first outcome; with other contents, or by somebody else, it is refused; a check
    changes nothing and uses up no id."""
    asked: dict[str, Any] = {"user": {"user": "ann", "role": REP}, "request_id": "same"}
    checked = await caller.do("CreateUser", **asked, validate_only=True)
    assert (checked.user.user, checked.user.etag, checked.revision.number) == ("ann", "", 0)
    first = await caller.do("CreateUser", **asked)
    await caller.do("UpdateUser", user={"user": "ann", "role": ADMINISTRATOR})
    assert await caller.do("CreateUser", **asked) == first
    other = await caller.refused("CreateUser", user={"user": "bob", "role": REP}, request_id="same")
    assert other.reason == "REQUEST_ID_REUSED"
    assert (await service.caller(tenant, user="ann").refused("CreateUser", **asked)).reason == "REQUEST_ID_REUSED"
    assert (await caller.do("ListUsers")).revision.number == 2


async def test_everybody_sees_his_own_pool(service: Pooling, caller: Caller, tenant: str) -> None:
    """A member and a hub list and get the persons and the pool of their own; an administrator all; nobody nothing."""
    await caller.pool("north", "hub", "ann", "bob")
    await caller.pool("south", "hub2", "cid")
    await caller.user("lone")
    await caller.user("boss", ADMINISTRATOR)
    everybody = ["ann", "bob", "boss", "cid", "hub", "hub2", "lone"]
    for who, persons, pools in (
        ("", everybody, ["north", "south"]),
        ("boss", everybody, ["north", "south"]),
        ("hub", ["ann", "bob", "hub"], ["north"]),
        ("bob", ["ann", "bob", "hub"], ["north"]),
        ("cid", ["cid", "hub2"], ["south"]),
        ("lone", ["lone"], []),
    ):
        person = service.caller(tenant, user=who)
        assert await names(person, "ListUsers", "user") == persons
        assert await names(person, "ListUsers", "user", role=REP) == [
            each for each in persons if each not in ("boss", "hub", "hub2")
        ]
        assert await names(person, "ListPools", "pool") == pools
        paged = [each.user async for page in person.pages("ListUsers", 2) for each in page.users]
        assert paged == persons
        for each in everybody:
            if each in persons:
                assert (await person.do("GetUser", user=each)).user.user == each
            else:
                assert (await person.refused("GetUser", user=each)).reason == "USER_NOT_FOUND"
    stranger = service.caller(tenant, user="stranger")
    told = await stranger.refused("ListUsers")
    assert (told.kind, told.reason) == (Kind.FORBIDDEN, "AUTHORITY_INSUFFICIENT")
    assert told.metadata == {"user": "stranger", "acting_for": "stranger", "action": "anything"}


# Every rpc that names a person or a pool, by the identifiers of another pool.
NAMING: list[tuple[str, dict[str, Any]]] = [
    ("GetUser", {"user": "cid"}),
    ("UpdateUser", {"user": {"user": "cid", "role": REP}}),
    ("DeleteUser", {"user": "cid"}),
    ("GetPool", {"pool": "south"}),
    ("UpdatePool", {"pool": {"pool": "south", "hub": "hub"}}),
    ("DeletePool", {"pool": "south"}),
    ("SetHubAccess", {"pool": "south", "access_hub_stock": True}),
    ("CreateUser", {"user": {"user": "cid", "role": REP}}),
    ("CreatePool", {"pool": {"pool": "south", "hub": "hub"}}),
]


def renamed(fields: dict[str, Any]) -> dict[str, Any]:
    """The same fields, naming what is nowhere."""
    absent = {"cid": "dic", "south": "shout"}
    return {
        name: renamed(value) if isinstance(value, dict) else absent.get(value, value) for name, value in fields.items()
    }


@pytest.mark.parametrize("who", ["hub", "ann", "lone"])
async def test_another_pool_is_as_good_as_absent(service: Pooling, caller: Caller, tenant: str, who: str) -> None:
    """Whatever rpc names them: persons and pools that are not one's own cannot be told from those that are nowhere."""
    await caller.pool("north", "hub", "ann")
    await caller.pool("south", "hub2", "cid")
    await caller.user("lone")
    before = await caller.export()
    spy = service.caller(tenant, user=who)
    for method, fields in NAMING:
        there = (await spy.refused(method, **fields)).to_record()
        nowhere = (await spy.refused(method, **renamed(fields))).to_record()
        assert str(there).replace("cid", "dic").replace("south", "shout") == str(nowhere), method
    assert await caller.export() == before


@pytest.mark.parametrize("who", ["hub", "ann"])
async def test_only_administrators_change_people(service: Pooling, caller: Caller, tenant: str, who: str) -> None:
    """Neither hub nor member changes a person or the pool that he is in, the switch included; an administrator does."""
    await caller.pool("north", "hub", "ann")
    await caller.user("boss", ADMINISTRATOR)
    person, boss = service.caller(tenant, user=who), service.caller(tenant, user="boss")
    pool = {"pool": "north", "hub": "hub", "display_name": "Mine"}
    asked: tuple[tuple[str, dict[str, Any]], ...] = (
        ("CreateUser", {"user": {"user": "new", "role": REP}}),
        ("UpdateUser", {"user": {"user": "ann", "role": REP, "display_name": "Ann"}}),
        ("CreatePool", {"pool": {"pool": "other", "hub": "hub"}}),
        ("SetHubAccess", {"pool": "north", "access_hub_stock": True}),
        ("UpdatePool", {"pool": pool}),
        ("DeletePool", {"pool": "north"}),
        ("DeleteUser", {"user": "ann"}),
    )
    for method, fields in asked:
        told = await person.refused(method, **fields)
        assert (told.reason, told.metadata["user"], told.metadata["action"]) == ("AUTHORITY_INSUFFICIENT", who, method)
    for method, fields in asked:
        if method != "CreatePool":
            await boss.do(method, **fields)


async def test_the_token_says_who_calls(database: FreshDatabase, tmp_path: Path) -> None:
    """Who calls is the subject of the token: a person with his role here, whatever the token says; a stranger by the
    token's role; a service names whom it calls for, and nobody else does."""
    signer = Signer()
    auth = AuthSettings(jwks=str(write_key_set(tmp_path / "keys.json", signer)), issuer=ISSUER, audience=AUDIENCE)
    async with pooling(database, auth=auth) as guarded:

        def by(subject: str, role: str, *more: tuple[str, str]) -> Caller:
            token = bearer(signer.token(tenant="guarded", role=role, sub=subject))
            return guarded.caller(metadata=(*token, *more))

        await by("clerk", "ADMINISTRATOR").pool("north", "hub", "ann")
        assert len((await by("ann", "ADMINISTRATOR").do("ListUsers")).users) == 2
        assert (await by("ann", "ADMINISTRATOR").refused("DeletePool", pool="north")).reason == "AUTHORITY_INSUFFICIENT"
        assert (await by("clerk", "OPERATOR").refused("ListUsers")).reason == "AUTHORITY_INSUFFICIENT"
        assert (await by("ann", "READER").refused("DeletePool", pool="north")).reason == "ROLE_INSUFFICIENT"
        named = by("orders", "SERVICE", ("weir-user", "ann"))
        assert len((await named.do("ListUsers")).users) == 2
        assert (await by("orders", "SERVICE", ("weir-user", "clerk")).refused("ListUsers")).reason == (
            "AUTHORITY_INSUFFICIENT"
        )
        for role in ("OPERATOR", "ADMINISTRATOR"):
            told = await by("clerk", role, ("weir-user", "ann")).refused("ListUsers")
            assert (told.kind, told.reason) == (Kind.FORBIDDEN, "ROLE_INSUFFICIENT")
        malformed = await by("orders", "SERVICE", ("weir-user", "")).refused("ListUsers")
        assert [each.field for each in malformed.violations] == ["weir-user"]


async def test_export_and_watch_tell_all_people(service: Pooling, caller: Caller, tenant: str) -> None:
    """An export and the watch from the beginning come to the same; of what else is written here they tell nothing."""
    await caller.pool("north", "hub", "ann")
    await caller.do("SetHubAccess", pool="north", access_hub_stock=True)
    await caller.do("CreateUser", user={"user": "spare", "role": REP})
    await caller.do("DeleteUser", user="spare")
    revision, state = await caller.export()
    followed: dict[tuple[str, str], Any] = {}
    watch = caller.stream("WatchPooling")
    async with asyncio.timeout(DEADLINE_SECONDS):
        async for message in watch:
            for change in message.changes:
                key = identity(change.object)
                followed[key] = getattr(change.object, key[0])
                if change.deleted:
                    del followed[key]
            if message.through.number >= revision.number:
                break
    watch.cancel()
    assert followed == state
    assert list(state) == [("user", "ann"), ("user", "hub"), ("pool", "north")]


async def test_people_are_exported_to_administrators(service: Pooling, caller: Caller, tenant: str) -> None:
    """Neither hub nor member exports or watches all people; and who ceases to be an administrator watches no more."""
    await caller.pool("north", "hub", "ann")
    await caller.user("boss", ADMINISTRATOR)
    for who in ("hub", "ann"):
        person = service.caller(tenant, user=who)
        for method in ("ExportPooling", "WatchPooling"):
            told = await refusal(person.stream(method).read())
            assert (told.reason, told.metadata["action"]) == ("AUTHORITY_INSUFFICIENT", method)
    head = (await caller.do("ListPools")).revision
    watch = service.caller(tenant, user="boss").stream("WatchPooling", after=head)
    assert (await watch.read()).through == head
    await caller.do("UpdateUser", user={"user": "boss", "role": REP})
    told = await refusal(watch.read())
    assert told.reason == "AUTHORITY_INSUFFICIENT"


async def test_row_level_security_alone_holds(database: FreshDatabase, caller: Caller, tenant: str) -> None:
    """With no filter by tenant at all the application reads no person and no pool of another."""
    await caller.pool("north", "hub", "ann")
    connection = await asyncpg.connect(database.url("weir_pooling"))
    try:
        counts = []
        for acting in (tenant, "a stranger"):
            async with connection.transaction():
                await connection.execute("SELECT set_config('weir.tenant', $1, true)", acting)
                counts += [
                    await connection.fetchval(f"SELECT count(*) FROM weir_pooling.{table}")
                    for table in ("users", "pools", "pool_members", "changes")
                ]
        assert counts == [2, 1, 1, 3, 0, 0, 0, 0]
    finally:
        await connection.close()
