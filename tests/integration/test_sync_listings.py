"""Listings over gRPC and Postgres: one by one, by the hundred thousand, between tenants, and again."""

from __future__ import annotations

import asyncio
import sys
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest

from tests.kit.calling import refusal
from tests.kit.listings import OTHER, SHOP, ListingCaller, Row, Serving, portioned, serving
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.rules import Caller
from tests.kit.tokens import AUDIENCE, ISSUER, Signer, bearer, write_key_set
from tests.kit.waiting import until
from weir.sync.v1 import listing_service_pb2 as pb
from weir_chassis import status
from weir_chassis.errors import Kind
from weir_chassis.settings import AuthSettings
from weir_sync.domain.listings import StoreSku
from weir_sync.store.bulk import EXPORTS_MAX

MANY = 100_000
LONG_TEXT = "😀" * 128


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for all of these tests."""
    with postgres.fresh("weir_sync") as fresh:
        yield fresh


@pytest.fixture(scope="module")
async def service(database: FreshDatabase) -> AsyncIterator[Serving]:
    """A service on it."""
    async with serving(database, listings_max=MANY) as running:
        yield running


def asked(answer: Any) -> list[tuple[str, str]]:
    """The connections and SKUs of a page."""
    return [(each.connection, each.store_sku) for each in answer.listings]


async def test_one_by_one(service: Serving) -> None:
    """What is set is read, by its SKU, in lists of its connection and of its product, and of both; it is replaced in
    the version that is meant, and gone when it is deleted."""
    shop = await service.shop("one by one")
    await service.kept.connect("one by one", OTHER)
    made = await shop.set("x", "TV", owner="acme")
    await shop.set("y", "TV", owner="acme", disabled=True)
    await shop.set("z", "TV")
    await shop.set("x", "TV", owner="acme", connection="other")
    assert (await shop.do("GetListing", connection="shop", store_sku="x")).listing == made
    tv = {"owner": "acme", "sku": "TV"}
    assert asked(await shop.do("ListListings")) == [("other", "x"), ("shop", "x"), ("shop", "y"), ("shop", "z")]
    assert asked(await shop.do("ListListings", connection="shop", product=tv)) == [("shop", "x"), ("shop", "y")]
    assert asked(await shop.do("ListListings", product=tv)) == [("other", "x"), ("shop", "x"), ("shop", "y")]
    assert asked(await shop.do("ListListings", product={"sku": "TV"})) == [("shop", "z")]
    first = await shop.do("ListListings", connection="shop", page_size=2)
    second = await shop.do("ListListings", connection="shop", page_size=2, page_token=first.next_page_token)
    assert asked(first) + asked(second) == [("shop", "x"), ("shop", "y"), ("shop", "z")]
    assert second.next_page_token == ""
    changed = await shop.set("x", "TV", etag=made.etag)
    assert changed.product.owner == ""
    stale = {"connection": "shop", "store_sku": "x", "product": tv, "etag": made.etag}
    assert (await shop.refused("SetListing", listing=stale)).reason == "ETAG_STALE"
    assert (
        await shop.refused("DeleteListing", connection="shop", store_sku="x", etag=made.etag)
    ).reason == "ETAG_STALE"
    await shop.do("DeleteListing", connection="shop", store_sku="x", etag=changed.etag)
    for method in ("GetListing", "DeleteListing"):
        gone = await shop.refused(method, connection="shop", store_sku="x")
        assert (gone.reason, gone.metadata) == ("LISTING_NOT_FOUND", {"connection": "shop", "store_sku": "x"})
    nowhere = {"connection": "nowhere", "store_sku": "x", "product": tv}
    assert (await shop.refused("SetListing", listing=nowhere)).reason == "CONNECTION_NOT_FOUND"


async def test_checks_and_replays(service: Serving) -> None:
    """A check changes nothing and uses up no name; whoever asks again is told the first outcome, and of other contents
    that the name is taken."""
    shop = await service.shop("again")
    listing = {"connection": "shop", "store_sku": "x", "product": {"sku": "TV"}}
    checked = await shop.do("SetListing", listing=listing, validate_only=True, request_id="same")
    assert (checked.revision.number, await shop.rows()) == (1, [])
    first = await shop.do("SetListing", listing=listing, request_id="same")
    await shop.do("DeleteListing", connection="shop", store_sku="x")
    assert await shop.do("SetListing", listing=listing, request_id="same") == first
    other = {**listing, "store_sku": "y"}
    assert (await shop.refused("SetListing", listing=other, request_id="same")).reason == "REQUEST_ID_REUSED"
    rows = [("a", "A"), ("b", "B"), ("c", "C")]
    assert (await shop.upload(rows, request_id="import", validate_only=True)).added == 3
    assert await shop.rows() == []
    done = await shop.upload(rows, request_id="import")
    assert await shop.upload(rows, request_id="import", each=1) == done
    for changed in ({"replace": True}, {"connection": "other"}):
        again = await refusal(shop.upload(rows, request_id="import", **changed))
        assert again.reason == "REQUEST_ID_REUSED", changed
    assert (await refusal(shop.upload(rows[:2], request_id="import"))).reason == "REQUEST_ID_REUSED"
    assert len(await shop.rows()) == 3


async def test_every_fault_is_told_by_its_line(service: Serving) -> None:
    """A check of bad lines tells each with its number, its field and what is wrong; the import itself is refused with
    the first of them, and nothing is taken of it."""
    shop = await service.shop("faulty")
    rows: list[Row] = [("a", "A"), ("", "A"), ("c", "", "x" * 129), ("a", "A"), ("b", "B"), (" e", "E"), ("c", "C")]
    told = [
        (2, "store_sku", "Required."),
        (3, "product.owner", "At most 128 characters."),
        (3, "product.sku", "Required."),
        (4, "store_sku", "The same as in line 1."),
        (6, "store_sku", "No blank at either end."),
        (7, "store_sku", "The same as in line 3."),
    ]
    for each in (1, 2, 1000):
        checked = await shop.upload(rows, each=each, validate_only=True)
        assert [(fault.line, fault.field, fault.description) for fault in checked.faults] == told
        refused = await refusal(shop.upload(rows, each=each))
        assert (refused.kind, refused.reason) == (Kind.UNMET, "LISTINGS_REFUSED")
        assert refused.metadata == {"connection": "shop", "faults": "6"}
        found = [(violation.field, violation.description) for violation in refused.violations]
        assert found == [(f"line {line}: {field}", description) for line, field, description in told]
    many = [("", "A")] * 15_000
    checked = await shop.upload(many, validate_only=True)
    assert [each.line for each in checked.faults] == list(range(1, 10_001))
    assert (await refusal(shop.upload(many))).metadata["faults"] == "15000"
    twice = [(str(line % 8000), "A") for line in range(16_000)]
    assert [each.line for each in (await shop.upload(twice, validate_only=True)).faults] == list(range(8001, 16_001))
    assert await shop.rows() == []


async def test_messages_that_do_not_belong_together(service: Serving) -> None:
    """What the first message must say, and what a later one may not say otherwise; lines of another connection are
    faults."""
    shop = await service.shop("messages")
    opening = pb.ImportListingsRequest(request_id="r", connection="shop")
    for more, field in (
        ({"request_id": "s"}, "request_id"),
        ({"connection": "other"}, "connection"),
        ({"replace": True}, "replace"),
        ({"validate_only": True}, "validate_only"),
    ):
        refused = await refusal(shop.stream_up([opening, pb.ImportListingsRequest(**more)]))
        assert [each.field for each in refused.violations] == [field]
    assert {each.field for each in (await refusal(shop.stream_up([]))).violations} == {"request_id", "connection"}
    assert (await shop.stream_up([opening, opening])).added == 0
    line: Any = {"connection": "other", "store_sku": "x", "product": {"sku": "X"}}
    foreign = pb.ImportListingsRequest(request_id="c", connection="shop", listings=[line], validate_only=True)
    assert [(each.line, each.field) for each in (await shop.stream_up([foreign])).faults] == [(1, "connection")]


async def test_a_hundred_thousand(service: Serving) -> None:
    """A hundred thousand lines are one revision, and come back as they were; the same again change nothing, and draw
    none; there may not be more than the installation allows."""
    shop = await service.shop("many")
    rows = [
        (f"sku {line:06d}", f"P{line % 77_777}", "" if line % 3 else "acme", line % 11 == 0) for line in range(MANY)
    ]
    done = await shop.upload(rows)
    assert (done.added, done.revision.number) == (MANY, 2)
    assert await shop.rows() == rows
    one_more = await refusal(shop.set("one more", "P"))
    assert (one_more.reason, one_more.metadata["limit"]) == ("LISTINGS_EXHAUSTED", str(MANY))
    assert (await refusal(shop.upload([("one more", "P")]))).reason == "LISTINGS_EXHAUSTED"
    assert (await shop.upload(rows[:50_000])).revision.number == 2
    changed = await shop.upload([*rows[:50_000], ("new", "P")], replace=True)
    assert (changed.added, changed.changed, changed.removed) == (1, 0, 50_000)
    asked = [StoreSku("shop", row[0]) for row in rows[49_000:51_000]]
    products = await service.kept.listings.products("many", asked)
    assert len(products) == sum(not row[3] for row in rows[49_000:50_000]) + 1000


async def test_memory_is_bounded(service: Serving) -> None:
    """Neither an import nor an export is ever in the memory of the service as a whole."""
    shop = await service.shop("bounded")
    lines = 16_000
    rows: list[Row] = [(f"{line:05d}{LONG_TEXT[5:]}", LONG_TEXT, LONG_TEXT, False) for line in range(lines)]
    size = lines * 3 * sys.getsizeof(LONG_TEXT)
    assert len(list(portioned(rows, 400, {}))) == 40  # our texts keep what they are encoded to, from here on
    tracemalloc.start()
    try:
        assert (await shop.upload(rows, each=400)).added == lines
        exported = [len(each.listings) async for each in shop.stream("ExportListings", connection="shop")]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(exported) == lines
    assert peak < size


async def test_a_stream_that_ends_in_between_leaves_nothing(service: Serving, database: FreshDatabase) -> None:
    """Of an import whose caller goes away nothing is taken, and nothing stays behind; its name is still free."""
    shop = await service.shop("gone")
    first, second = portioned([("a", "A"), ("b", "B")], 1, {"request_id": "r", "connection": "shop"})
    went = asyncio.Event()

    async def half() -> AsyncIterator[pb.ImportListingsRequest]:
        yield first
        went.set()
        await asyncio.Event().wait()

    call = shop.begin(half())
    await went.wait()
    await until_staged(database, "gone", 1)
    call.cancel()
    await until_staged(database, "gone", 0)
    assert await shop.rows() == []
    assert (await shop.stream_up([first, second])).added == 2


async def until_staged(database: FreshDatabase, tenant: str, count: int) -> None:
    """Wait until so many parts of imports of a tenant are staged."""
    parts = "SELECT count(*) FROM weir_sync.listing_parts WHERE tenant = $1"
    connection = await asyncpg.connect(database.owner_url)

    async def staged() -> bool:
        return bool(await connection.fetchval(parts, tenant) == count)

    try:
        await until(staged, seconds=60)
    finally:
        await connection.close()


async def test_exports(service: Serving) -> None:
    """An export is at least one message with its revision; one of a connection that is not there is refused, as is a
    revision that is not drawn; what it tells can be imported, and then changes nothing."""
    shop = await service.shop("exports")
    (only,) = await shop.export()
    assert (only.revision.number, len(only.listings)) == (1, 0)
    rows = [(f"{'x' * 120}{line:04d}", "ß" * 128, "😀" * 128, False) for line in range(1500)]
    await shop.upload(rows, each=500)
    messages = await shop.export(freshness={"at_least": [(await shop.do("ListListings")).revision]})
    assert {each.revision.number for each in messages} == {2}
    assert max(each.ByteSize() for each in messages) < 1 << 20
    again = [
        pb.ImportListingsRequest(request_id="again", connection="shop", replace=True, listings=each.listings)
        for each in messages
    ]
    done = await shop.stream_up(again)
    assert (done.added, done.changed, done.removed, done.revision.number) == (0, 0, 0, 2)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await shop.export("nowhere")
    assert status.reason(refused.value) == "CONNECTION_NOT_FOUND"


async def test_exports_that_nobody_reads_hold_nothing(service: Serving) -> None:
    """Whoever goes away in the middle of an export leaves its place to others."""
    shop = await service.shop("left")
    await shop.upload([(f"{LONG_TEXT[6:]}{line:06d}", LONG_TEXT) for line in range(9000)])
    for _ in range(EXPORTS_MAX + 1):
        call = shop.stream("ExportListings", connection="shop")
        assert len((await call.read()).listings) > 0
        call.cancel()
    told: list[int] = []

    async def exported() -> bool:
        try:
            told.append(len(await shop.rows()))
        except grpc.aio.AioRpcError as error:
            if status.reason(error) != "OVERLOADED":
                raise
        return bool(told)

    await until(exported, seconds=60)
    assert told == [9000]


async def test_watches_of_rules_go_over_listings(service: Serving) -> None:
    """A change of listings is a revision of those who follow rules, too, and tells them nothing."""
    shop = await service.shop("watched")
    await shop.set("x", "TV")
    imported = await shop.upload([("y", "TV")])
    rules = Caller(service.channel, (("weir-tenant", "watched"),))
    watch = rules.stream("WatchRules")
    while (message := await watch.read()).through.number < imported.revision.number:
        assert len(message.changes) == 0
    await rules.create("after")
    assert [each.rule.rule for each in (await watch.read()).changes] == ["after"]
    watch.cancel()


async def test_listings_go_with_their_connection(service: Serving, database: FreshDatabase) -> None:
    """Who removes a connection removes its listings, and no other's."""
    shop = await service.shop("removed")
    await service.kept.connect("removed", OTHER)
    await shop.set("x", "TV")
    await shop.set("x", "TV", connection="other")
    connection = await asyncpg.connect(database.owner_url)
    try:
        await connection.execute("DELETE FROM weir_sync.connections WHERE tenant = 'removed' AND connection = 'shop'")
    finally:
        await connection.close()
    assert asked(await shop.do("ListListings")) == [("other", "x")]


# Every rpc that takes an identifier of something there.
NAMING: list[tuple[str, dict[str, Any]]] = [
    ("GetListing", {"connection": "shop", "store_sku": "theirs"}),
    ("DeleteListing", {"connection": "shop", "store_sku": "theirs"}),
    ("SetListing", {"listing": {"connection": "their shop", "store_sku": "x", "product": {"sku": "X"}}}),
]


async def test_what_is_anothers_is_as_good_as_absent(service: Serving) -> None:
    """Another's listings and connections cannot be told from such as are nowhere, are in no list and no export, and are
    reached by no import."""
    owner, spy = await service.shop("walled"), await service.shop("spy")
    await service.kept.connect("walled", replace(SHOP, connection="their shop", channel="their web"))
    await owner.set("theirs", "TV")
    before = await owner.export()
    for method, fields in NAMING:
        there = str((await spy.refused(method, **fields)).to_record())
        nowhere = {name: renamed(value) for name, value in fields.items()}
        assert there.replace("theirs", "nobody").replace("their shop", "nobody") == str(
            (await spy.refused(method, **nowhere)).to_record()
        )
    assert asked(await spy.do("ListListings")) == []
    for asking in (spy.export("their shop"), spy.upload([("x", "X")], connection="their shop")):
        assert (await refusal(asking)).reason == "CONNECTION_NOT_FOUND"
    await spy.upload([("theirs", "X")], replace=True)
    assert await owner.export() == before
    assert len(await service.kept.listings.touched("walled", limit=9)) == 2


def renamed(value: Any) -> Any:
    """The same, naming what is nowhere."""
    if isinstance(value, dict):
        return {name: renamed(each) for name, each in value.items()}
    return "nobody" if value in ("theirs", "their shop") else value


async def test_roles(database: FreshDatabase, tmp_path: Path) -> None:
    """Readers read and export; only an administrator sets, removes and imports."""
    signer = Signer()
    keys = write_key_set(tmp_path / "keys.json", signer)
    auth = AuthSettings(jwks=str(keys), issuer=ISSUER, audience=AUDIENCE)
    async with serving(database, auth=auth) as running:
        await running.kept.connect("roles", SHOP)

        def of_role(name: str) -> ListingCaller:
            return running.caller(metadata=bearer(signer.token(tenant="roles", role=name.upper())))

        for name in ("reader", "operator"):
            assert len(await of_role(name).export()) == 1
            await of_role(name).do("ListListings")
            refused = [
                of_role(name).set("x", "TV"),
                of_role(name).do("DeleteListing", connection="shop", store_sku="x"),
                of_role(name).upload([("x", "X")]),
            ]
            for asking in refused:
                assert (await refusal(asking)).kind is Kind.FORBIDDEN
        await of_role("administrator").upload([("x", "X")])


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE listings SET connection = 'nowhere'", "listings_tenant_connection_fkey"),
        ("UPDATE listings SET changed = 0", "listings_changed_check"),
        ("INSERT INTO listings SELECT * FROM listings", "listings_pkey"),
    ],
)
async def test_the_tables_hold_the_laws_by_themselves(
    service: Serving, database: FreshDatabase, statement: str, fault: str
) -> None:
    """What the service would never write, Postgres does not keep: the second wall behind the rules."""
    shop = await service.shop(f"kept {fault}")
    await shop.set("x", "TV")
    connection = await asyncpg.connect(database.url("weir_sync"), server_settings={"search_path": "weir_sync"})
    try:
        await connection.execute("SELECT set_config('weir.tenant', $1, false)", f"kept {fault}")
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match=fault):
            await connection.execute(statement)
    finally:
        await connection.close()
