"""Tenants are walled: what another tenant has and what nobody has cannot be told apart, by any rpc, by any identifier;
and the tables keep the wall where no code does."""

from __future__ import annotations

import re
from dataclasses import dataclass

import asyncpg
import grpc
import pytest
from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from tests.kit import rpcs
from tests.kit.postgres import FreshDatabase
from tests.kit.rpcs import Outcome, Place, places
from tests.kit.suite import SCHEMAS, Suite
from tests.scenarios import samples
from tests.scenarios.samples import METHODS, World, world

ABSENT = "what nobody has"
ABSENT_UUID = "0193c0de-0000-7000-8000-000000000000"
NAMELESS = {
    "display_name", "reference", "etag", "context", "cluster", "page_token", "expiry_date", "expiring_before", "cron",
    "time_zone",
}  # fmt: skip
"""Text that identifies nothing of a tenant's."""

REVEALING = 20
"""How many of the fields below at least tell what is there from what is not to the tenant itself."""

OF_ONE = ("ListSnapshotLines", "ListSources", "ListComments", "ExportListings")
"""What lists the parts of one object, which a request must name."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """One field of one rpc that names something."""

    method: str
    place: Place

    def __str__(self) -> str:
        """As a test is called."""
        return f"{self.method.rpartition('/')[2]}-{self.place.name}"


def identifiers() -> list[Identifier]:
    """Every field of every rpc that names something."""
    return [
        Identifier(method, place)
        for method, request in samples.imagined().requests().items()
        for place in places(request)
        if place.field.type == FieldDescriptor.TYPE_STRING and place.field.name not in NAMELESS
        if not (place.field.is_repeated and place.steps[-1][1] is None)
    ]


@pytest.fixture(scope="module")
async def owned(suite: Suite) -> World:
    """What tenant A has: one of everything, and the outcome of each request under its identifier."""
    return await world(suite.merchant())


def told(ended: Outcome, *names: str) -> str:
    """All that a caller is told, but for the identifiers it gave itself and the clock."""
    answer = "" if ended.answer is None else text_format.MessageToString(ended.answer)
    text = f"{ended.code}\n{ended.message}\n{ended.details}\n{answer}"
    for name in names:
        text = text.replace(name, "<it>")
    return re.sub(r"(recorded_time|create_time|expire_time) \{[^}]*\}", "<time>", text)


async def as_tenant(suite: Suite, tenant: str, name: str, asked: Message) -> Outcome:
    """Ask as a tenant."""
    return await rpcs.call(suite.channel(name), METHODS[name], asked, (("weir-tenant", tenant),))


def without_freshness(world: World, name: str) -> Message:
    """The sample of an rpc, without revisions: those of A say nothing to B."""
    request = world.requests()[name]
    for field in ("freshness", "after"):
        if field in request.DESCRIPTOR.fields_by_name:
            request.ClearField(field)
    return request


def absent(identifier: Identifier) -> str:
    """An identifier of the same form that nobody has."""
    return ABSENT_UUID if identifier.place.field.name in ("reservation", "waiting") else ABSENT


@pytest.mark.parametrize("identifier", identifiers(), ids=str)
async def test_what_another_has_is_as_absent(suite: Suite, owned: World, identifier: Identifier) -> None:
    """A stranger who names A's object is told, to the letter, what a stranger is told who names an absent one."""
    asked = without_freshness(owned, identifier.method)
    nobodys = identifier.place.set(asked, absent(identifier))
    mine = str(identifier.place.get(asked))
    one, other = suite.merchant().tenant, suite.merchant().tenant
    first = await as_tenant(suite, one, identifier.method, asked)
    second = await as_tenant(suite, other, identifier.method, nobodys)
    names = (mine, absent(identifier), one, other)
    assert told(first, *names) == told(second, *names)


async def test_to_its_owner_it_is_not_absent(suite: Suite, owned: World) -> None:
    """The control: asked by A itself, the same pairs of requests are told apart wherever existence matters."""
    revealing = set()
    for identifier in identifiers():
        asked = without_freshness(owned, identifier.method)
        nobodys = identifier.place.set(asked, absent(identifier))
        mine = str(identifier.place.get(asked))
        ended = [await as_tenant(suite, owned.merchant.tenant, identifier.method, each) for each in (asked, nobodys)]
        if told(ended[0], mine, absent(identifier)) != told(ended[1], mine, absent(identifier)):
            revealing.add(str(identifier))
    assert len(revealing) >= REVEALING, revealing
    assert {
        f"Get{each}" for each in ("Location-location", "Channel-channel", "Reservation-reservation", "Waiting-waiting")
    } <= revealing


async def test_request_ids_are_each_tenants_own(suite: Suite, owned: World) -> None:
    """A request identifier that A has used says nothing to B: B's request under it is carried out as its first."""
    stranger = suite.merchant()
    first, second = [
        await as_tenant(
            suite,
            tenant,
            "/weir.ledger.v1.LedgerService/CreateLocation",
            rpcs.request(
                METHODS["/weir.ledger.v1.LedgerService/CreateLocation"],
                request_id="own request",
                location={"location": name, "kind": 1},
            ),
        )
        for tenant, name in ((owned.merchant.tenant, "a second location"), (stranger.tenant, "another location"))
    ]
    assert first.code is second.code is grpc.StatusCode.OK


async def test_tokens_are_each_tenants_own(suite: Suite, owned: World) -> None:
    """The token of a page that A was given is, to B, no token."""
    method = METHODS["/weir.ledger.v1.LedgerService/ListLocations"]
    page = await as_tenant(suite, owned.merchant.tenant, rpcs.full_name(method), rpcs.request(method, page_size=1))
    token = getattr(page.answer, "next_page_token", "")
    assert token
    stolen = await as_tenant(
        suite, suite.merchant().tenant, rpcs.full_name(method), rpcs.request(method, page_token=token)
    )
    assert stolen.reason == "PAGE_TOKEN_INVALID"


async def test_nothing_of_another_is_ever_listed(suite: Suite, owned: World) -> None:
    """Lists, exports and the beginnings of watches of a stranger hold nothing that A has; what lists the parts of one
    object is above."""
    stranger = suite.merchant().tenant
    secrets = [owned.held, owned.confirmed, "own ", owned.merchant.tenant]
    for name, method in METHODS.items():
        if method.name.startswith(("List", "Export")) and method.name not in OF_ONE:
            ended = await as_tenant(suite, stranger, name, rpcs.request(method))
            assert ended.code is grpc.StatusCode.OK
            assert not [secret for secret in secrets if secret in told(ended)], name


async def rows(connection: asyncpg.Connection, schema: str, tenant: str) -> dict[str, int]:
    """How many rows of each table that may be read a transaction of this tenant sees that asks for all there are."""
    tables = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = $1 AND tablename <> ALL($2)"
        " AND has_table_privilege(format('%I.%I', schemaname, tablename), 'SELECT')",
        schema,
        ["cluster", "alembic_version"],
    )
    async with connection.transaction():
        await connection.execute("SELECT set_config('weir.tenant', $1, true)", tenant)
        return {
            table: await connection.fetchval(f'SELECT count(*) FROM "{schema}"."{table}" WHERE tenant <> $1', tenant)
            for (table,) in tables
        }


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_the_wall_holds_where_no_code_does(
    suite_database: FreshDatabase, suite: Suite, owned: World, schema: str
) -> None:
    """With the filter by tenant gone from every statement, the application's role still sees, changes and adds nothing
    of another tenant's; asked for by A there is something to see."""
    connection = await asyncpg.connect(suite_database.url(schema))
    try:
        seen = await rows(connection, schema, "a stranger")
        assert {table: count for table, count in seen.items() if count and table != "tenants"} == {}
        async with connection.transaction():
            await connection.execute("SELECT set_config('weir.tenant', $1, true)", owned.merchant.tenant)
            assert await connection.fetchval(f'SELECT count(*) FROM "{schema}".requests') > 0
        for statement in (f'UPDATE "{schema}".requests SET outcome = $$$$', f'DELETE FROM "{schema}".requests'):
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("SELECT set_config('weir.tenant', 'a stranger', true)")
            assert (await connection.execute(statement)).endswith(" 0")
            await transaction.rollback()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with connection.transaction():
                await connection.execute("SELECT set_config('weir.tenant', 'a stranger', true)")
                await connection.execute(
                    f'INSERT INTO "{schema}".requests (tenant, method, request_id, fingerprint, outcome)'
                    " VALUES ($1, '', '', '', '')",
                    owned.merchant.tenant,
                )
        assert sum((await rows(connection, schema, "")).values()) == seen["tenants"], "without a tenant: nothing"
    finally:
        await connection.close()
