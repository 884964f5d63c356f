"""Persons, pools and deeds: what is promised of them, in memory and on Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.kit.network import attempt
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir_chassis.configuration.objects import Change, Configured, Decision
from weir_chassis.configuration.ports import Objects, Tenants
from weir_chassis.database import Database
from weir_pooling.domain.alerts import Alert, AlertState, Notification, ParLevel, Point
from weir_pooling.domain.cases import Case, CaseKind, Comment
from weir_pooling.domain.deeds import Condition, Deed, Item, Portion, Work
from weir_pooling.domain.people import Actor, Pool, User, UserRole
from weir_pooling.memory import memory_pooling
from weir_pooling.store import postgres_pooling

HUB, HUB2 = (User(name, UserRole.DISTRIBUTOR) for name in ("hub", "hub2"))
ANN, BOB, CID = (User(name, UserRole.REP, name.title(), f"trunk of {name}") for name in ("ann", "bob", "cid"))
NORTH, SOUTH = Pool("north", "hub", "North", ("ann", "bob"), True), Pool("south", "hub2", "", ("cid",))
AT = Point("books", 1, 2**40)
SHELF = Item("", "SCREW", "W1", "L1", "EACH", "hub")
DEED = Deed(
    "d1", "transfer/t1", "AcceptTransfer", Work.MOVE,
    (Portion(SHELF, 3, SHELF._replace(custodian="ann", condition=Condition.HOLD), 1), Portion(SHELF, 2)),
    Actor("hub", "ann"), datetime(2026, 11, 22, 17, 30, 15, 123456, tzinfo=UTC), "r1", ("u1", "u2"), "Late.",
)  # fmt: skip
OPENED = Alert("a1", "ann", "", "", "SCREW", 5, 4, DEED.at, AT)
CASE = Case("c1", CaseKind.CASE, "hub", DEED.by, DEED.at)
COMMENT = Comment("c1", "m1", "hub", "see @hub", "ann", DEED.at, ("hub",))
UNREAD = Notification("n1", "hub", "c1", "m1", "ann", COMMENT.text, DEED.at)
READ = replace(UNREAD, notification="n2", read_time=DEED.at)


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """One database for all of these tests; each has tenants of its own."""
    with postgres.fresh("weir_pooling") as fresh:
        yield fresh


@pytest.fixture(params=["memory", "postgres"])
async def tenants(request: pytest.FixtureRequest, database: FreshDatabase) -> AsyncIterator[Tenants[Objects]]:
    """Each implementation."""
    if request.param == "memory":
        yield memory_pooling()
        return
    settings = database.settings("weir_pooling")
    opened = await Database.open(database.url("weir_pooling"), schema="weir_pooling", settings=settings)
    try:
        yield postgres_pooling(opened)
    finally:
        await opened.close()


async def write(tenants: Tenants[Objects], *objects: Configured, tenant: str, deleted: bool = False) -> None:
    """Store objects, or remove them, in one commit."""

    async def decide(_: Objects) -> Decision[Configured]:
        return Decision(objects[0], tuple(Change(each, deleted) for each in objects))

    await tenants.once(attempt(tenant=tenant), decide)


async def test_what_is_written_is_read(tenants: Tenants[Objects], tenant: str) -> None:
    """Persons, pools and deeds come back as they were written, to the microsecond, until they are removed."""
    await write(tenants, HUB, ANN, BOB, NORTH, DEED, tenant=tenant)
    async with tenants.reading(tenant) as objects:
        assert await objects.select(User) == [ANN, BOB, HUB]
        assert await objects.get(Pool, ("north",)) == NORTH
        assert await objects.get(Deed, ("d1",)) == DEED
    await write(tenants, NORTH, DEED, tenant=tenant, deleted=True)
    async with tenants.reading(tenant) as objects:
        assert await objects.select(Pool) == []
        assert await objects.get(Deed, ("d1",)) is None
    history = await tenants.history(tenant, after=0, limit=10)
    assert [[each.object for each in commit.changes] for commit in history.commits] == [
        [HUB, ANN, BOB, NORTH, DEED],
        [NORTH, DEED],
    ]


async def test_pools_are_found_by_their_people(tenants: Tenants[Objects], tenant: str) -> None:
    """The pool of a person is the one that he is the hub or a member of; of several persons all their pools."""
    await write(tenants, HUB, HUB2, ANN, BOB, CID, NORTH, SOUTH, tenant=tenant)
    await write(tenants, HUB, Pool("north", "hub"), tenant=f"{tenant} 2")
    async with tenants.reading(tenant) as objects:
        found = {name: await objects.select(Pool, {"person": name}) for name in ("hub", "ann", "cid", "nobody")}
        assert found == {"hub": [NORTH], "ann": [NORTH], "cid": [SOUTH], "nobody": []}
        assert await objects.select(Pool, {"person": frozenset({"bob", "hub2"})}) == [NORTH, SOUTH]
        assert await objects.select(Pool, {"person": frozenset()}) == []
    async with tenants.reading(f"{tenant} 2") as objects:
        assert await objects.select(Pool, {"person": "ann"}) == []


async def test_a_set_asks_for_any_of_its_values(tenants: Tenants[Objects], tenant: str) -> None:
    """Objects whose field has one of several values are found, in order, with whatever else is asked for."""
    await write(tenants, HUB, ANN, BOB, CID, tenant=tenant)
    async with tenants.reading(tenant) as objects:
        assert await objects.select(User, {"user": frozenset({"cid", "ann", "nobody"})}) == [ANN, CID]
        assert await objects.select(User, {"user": frozenset({"hub", "ann"}), "role": UserRole.REP}) == [ANN]
        assert await objects.select(User, {"user": frozenset({"ann", "bob", "cid"})}, after=("ann",), limit=1) == [BOB]
        assert await objects.select(User, {"user": frozenset()}) == []
        many = frozenset(f"user {number}" for number in range(1001)) | {"bob"}
        assert await objects.select(User, {"user": many}) == [BOB]


async def test_deeds_are_found_by_their_subject(tenants: Tenants[Objects], tenant: str) -> None:
    """What is open about a subject is found by its name."""
    await write(tenants, DEED, tenant=tenant)
    async with tenants.reading(tenant) as objects:
        assert await objects.select(Deed, {"subject": "transfer/t1"}, limit=1) == [DEED]
        assert await objects.select(Deed, {"subject": "transfer/t2"}, limit=1) == []


async def test_what_is_wanted_and_told_is_read(tenants: Tenants[Objects], tenant: str) -> None:
    """Par levels, alerts and notifications come back as they were written, and are found by whose they are, by whether
    they are open or were read, newest first; each once, page by page.
    """
    level = ParLevel("ann", "W1", "", "SCREW", 5)
    closed: dict[str, Any] = {"state": AlertState.CLOSED, "close_time": DEED.at}
    alerts = [Alert(f"a{number}", "ann", "W1", "", f"S{number}", 5, 4, DEED.at, AT) for number in range(6)]
    alerts[3] = replace(alerts[3], **closed, custodian="bob")
    alerts[4] = replace(alerts[4], **closed)
    await write(tenants, HUB, CASE, COMMENT, level, *alerts, UNREAD, READ, tenant=tenant)
    async with tenants.reading(tenant) as objects:
        assert await objects.get(ParLevel, level.key) == level
        assert await objects.select(Alert) == alerts
        anns = {"custodian": frozenset({"ann", "hub"})}
        first = await objects.select(Alert, anns, limit=3, descending=True)
        rest = await objects.select(Alert, anns, after=first[-1].key, descending=True)
        assert [each.alert for each in first + rest] == ["a5", "a4", "a2", "a1", "a0"]
        assert await objects.select(Alert, {**anns, "state": AlertState.CLOSED}) == [alerts[4]]
        assert await objects.select(Notification, {"user": "hub"}, descending=True) == [READ, UNREAD]
        assert await objects.select(Notification, {"user": "hub", "unread": True}) == [UNREAD]
        assert await objects.select(Notification, {"user": "hub", "unread": False}) == [READ]
        assert await objects.select(Notification, {"user": "ann"}) == []


@pytest.mark.parametrize(
    ("objects", "key"),
    [
        ((OPENED, replace(OPENED, alert="a2")), "alerts_open"),
        ((HUB, ANN, User("spare", UserRole.REP, "", "trunk of ann")), "users_by_channel"),
        ((HUB, ANN, HUB2, Pool("a", "hub", "", ("ann",)), Pool("b", "hub2", "", ("ann",))), "pool_members_pkey"),
        ((HUB, Pool("a", "hub"), Pool("b", "hub")), "pools_tenant_hub_key"),
        ((HUB, Pool("a", "hub", "", ("ann",))), "pool_members_tenant_user_fkey"),
        ((Pool("a", "hub"),), "pools_tenant_hub_fkey"),
        ((DEED, Deed("d2", DEED.subject, "", Work.TAKE, (), DEED.by, DEED.at)), "deeds_tenant_subject_key"),
    ],
)
async def test_the_tables_hold_the_laws_too(
    database: FreshDatabase, tenant: str, objects: tuple[Configured, ...], key: str
) -> None:
    """Whatever the rules let through: one channel for one person, one pool for a member, one for a hub, nobody who does
    not exist, one deed for a subject, and one open alert for a par level."""
    settings = database.settings("weir_pooling")
    opened = await Database.open(database.url("weir_pooling"), schema="weir_pooling", settings=settings)
    try:
        with pytest.raises(Exception, match=key):
            await write(postgres_pooling(opened), *objects, tenant=tenant)
    finally:
        await opened.close()
