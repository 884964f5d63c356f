"""Tenants are walled: what another tenant has cannot be told from what nobody has, by any rpc, in any field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import asyncpg
import grpc
import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.ledger import SCHEMA, Caller, Ledger, awaiting, claiming, draft, item, movement, request
from tests.kit.postgres import FreshDatabase
from tests.kit.snapshots import imported, line, opening
from weir.ledger.v1 import ledger_service_pb2, reservation_service_pb2, waiting_service_pb2

SECRET = "secret-4711"
ABSENT = "absent-4711"
NOBODY = "01a200ca-98d0-74cf-9b25-c4403338ded3"
FEED = opening().feed
STREAMS = ("VerifyBooks", "ExportBalances", "WatchEntries", "WatchWaiting")


def questions(word: str, reservation: str, demand: str) -> dict[str, list[dict[str, Any]]]:
    """For each rpc, requests that each name one thing by `word`, or the reservation, or the waiting demand."""
    named = [
        item(word), item("A", word), item("A", owner=word), item("A", lot=word), item("A", uom=word),
        item("A", custodian=word),
    ]  # fmt: skip
    goods: list[dict[str, Any]] = [{"sku": word}, {"sku": "A", "owner": word}]
    return {
        **of_books(word, reservation, named),
        **of_promises(word, reservation, named, goods),
        **of_demands(word, demand, named, goods),
    }


def of_books(word: str, reservation: str, named: list[Any]) -> dict[str, list[dict[str, Any]]]:
    """The questions of LedgerService."""
    plain = item("A")
    place = {"location": word, "kind": 1}
    batch = {"product": {"sku": word}, "lot": word}
    return {
        "CreateLocation": [{"location": {**place, "location": f"{word} 2"}}],
        "GetLocation": [{"location": word}],
        "ListLocations": [{"kind": 2}],
        "UpdateLocation": [{"location": place}, {"location": {**place, "etag": "1"}}],
        "DeleteLocation": [{"location": word}],
        "SetLot": [{"lot": {"product": {"sku": "A"}, "lot": word}}, {"lot": {**batch, "etag": "1"}}],
        "GetLot": [batch, {**batch, "lot": "L"}, {**batch, "product": {"sku": "A", "owner": word}}],
        "ListLots": [{}, {"product": batch["product"]}, {"expiring_before": "9999-12-31"}],
        "RecordMovements": [
            *({"movements": [movement(2, each, 1)]} for each in named),
            {"movements": [movement(1, "A", 1), movement(3, "A", 1, destination=item("A", word))]},
            {"movements": [movement(1, plain, 1, reference=word)]},
        ],
        "ImportSnapshot": [
            *({"feed": FEED, "lines": [line(each, 1)]} for each in named),
            {"feed": opening(full_scopes=[{"location": word}], absent_items=2, reference=word).feed},
        ],
        "GetSnapshotImport": [{"request_id": word}],
        "ListSnapshotLines": [{"request_id": word}],
        "GetBalance": [{"stock_item": each} for each in named],
        "ListBalances": [
            {"owner": word}, {"skus": [word]}, {"locations": [word]}, {"lot": word}, {"custodian": word},
            *({"after_stock_item": each} for each in named),
        ],
        "ListShortfalls": [{"owner": word}, {"skus": [word]}, {"locations": [word]}],
        "ListEntries": [
            {"product": {"sku": word}}, {"product": {"sku": "A", "owner": word}}, {"location": word},
            {"reservation": reservation},
        ],
        "VerifyBooks": [{}],
        "GetSignedHead": [{}],
        "ExportBalances": [{}],
        "WatchEntries": [{"products": [{"sku": word}]}],
    }  # fmt: skip


def of_promises(word: str, reservation: str, named: list[Any], goods: list[Any]) -> dict[str, list[dict[str, Any]]]:
    """The questions of ReservationService."""
    unit = {"line": 1, "quantity": 1}
    return {
        "Reserve": [*({"draft": draft((each, 1))} for each in named), {"draft": draft(("A", 1), order=word)},
                    {"draft": draft(("A", 1), channel=word)}, {"draft": draft(claiming("A", 1, **{word: 1}))},
                    *({"waiting": {"lines": [{"product": each, "quantity": 1}]}} for each in goods)],
        "ReserveBatch": [{"drafts": [draft((each, 1)) for each in named]}],
        "GetReserveOutcome": [{"request_id": word}],
        "Amend": [{"reservation": reservation, "releases": [unit]},
                  *({"reservation": reservation, "lines": draft((each, 1)).lines} for each in named)],
        "Confirm": [{"reservation": reservation}],
        "Extend": [{"reservation": reservation, "hold_duration": {"seconds": 9}}],
        "Fulfil": [{"reservation": reservation}],
        "Transfer": [{"reservation": reservation, "lines": [{**unit, "destination": each}]} for each in named],
        "Release": [{"reservation": reservation}],
        "MarkHandedOver": [{"reservation": reservation}],
        "GetClaims": [{"claims": [word]}],
        "SetCeilings": [{"ceilings": [{"claim": word, "ceiling": 5, "epoch": 1}]}],
        "ListDemand": [{}],
        "GetReservation": [{"reservation": reservation}],
        "ListReservations": [
            {"order": word}, {"channel": word}, {"product": {"sku": word}},
            {"product": {"sku": "A", "owner": word}}, {"location": word},
        ],
    }  # fmt: skip


def of_demands(word: str, demand: str, named: list[Any], goods: list[Any]) -> dict[str, list[dict[str, Any]]]:
    """The questions of WaitingService."""
    unit = {"line": 1, "quantity": 1}
    return {
        "SetBackOrders": [*({"back_orders": {"product": each, "limit": 5}} for each in goods),
                          *({"back_orders": {"product": each, "limit": 5, "etag": "1"}} for each in goods)],
        "GetBackOrders": [{"product": each} for each in goods],
        "ListBackOrders": [{}, {"owner": word}],
        "GetWaiting": [{"waiting": demand}],
        "ListWaiting": [{}, {"order": word}, {"channel": word}, *({"product": each} for each in goods)],
        "CancelWaiting": [{"waiting": demand}, {"waiting": demand, "lines": [unit]}],
        "PromiseWaiting": [
            {"promises": [{"waiting": demand, "units": [unit], "lines": draft((each, 1)).lines}]} for each in named
        ],
        "WatchWaiting": [{}, {"channel": word}],
    }  # fmt: skip


RPCS = list(questions("", "", ""))


def test_every_rpc_is_tried() -> None:
    """The table names every rpc of all three services."""
    services = (
        ledger_service_pb2.DESCRIPTOR.services_by_name["LedgerService"],
        reservation_service_pb2.DESCRIPTOR.services_by_name["ReservationService"],
        waiting_service_pb2.DESCRIPTOR.services_by_name["WaitingService"],
    )
    assert sorted(RPCS) == sorted(method.name for service in services for method in service.methods)


async def owned(caller: Caller, sku: str) -> tuple[str, str]:
    """Stock, a lot, a promise, a shortfall and a waiting demand of a tenant, with a word in every field that names
    something; the reservation and the demand."""
    await caller.place("W1", sku)
    goods = [
        item("A"), item(sku), item("A", sku), item("A", owner=sku), item("A", lot=sku), item("A", uom=sku),
        item("A", custodian=sku),
    ]  # fmt: skip
    await caller.record(*(movement(1, each, 100) for each in goods), request_id="theirs")
    await caller.do("SetLot", lot={"product": {"sku": sku}, "lot": sku, "expiry_date": "2027-01-31"})
    await imported(caller, opening(request_id=sku, lines=[line(goods[0], 7), line(sku, -1)]))
    for owner, each in (("", sku), (sku, "A")):
        await caller.allow(each, 9, owner=owner)
    waits = awaiting((sku, 1), order=sku, channel=sku, plan=sku.encode())
    waits.lines.add(product={"owner": sku, "sku": "A"}, quantity=1)
    wanted = draft(*(claiming(each, 1, **{sku: 99}) for each in goods), order=sku, channel=sku, plan=sku.encode())
    made = await caller.do("Reserve", request_id=sku, draft=wanted, waiting=waits)
    await caller.count(goods[1], 0)
    return made.reservation.reservation, made.waiting.waiting


async def told(caller: Caller, method: str, request_id: str, fields: dict[str, Any]) -> str:
    """All that a caller learns: answer or refusal with every detail, as text."""
    message = request(method, **fields)
    if "validate_only" in message.DESCRIPTOR.fields_by_name:
        message.request_id = request_id
    call = caller.send(method, iter([message]) if method == "ImportSnapshot" else message)
    try:
        if method in ("WatchEntries", "WatchWaiting"):
            return str(await call.read())
        return str([each async for each in call] if method in STREAMS else await call)
    except grpc.aio.AioRpcError as error:
        return f"{error.code()} {error.details()} {error.trailing_metadata()}"
    finally:
        if method in STREAMS:
            call.cancel()


def blurred(text: str, names: Sequence[str]) -> str:
    """What was learned, with the words of the question made alike, and without what differs between any two calls."""
    for word in (SECRET, ABSENT):
        text = text.replace(word, "WORD")
    for name in names:
        text = text.replace(name, "NAME")
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", text)
    text = re.sub(r'(digest|signed_head): ".*"', "DIGEST", text)  # of the moment, among other things
    return re.sub(r"(seconds|nanos): \d+", "TIME", text)


@pytest.mark.parametrize("method", RPCS)
async def test_theirs_is_like_nobodys(service: Ledger, method: str) -> None:
    """Named by another tenant's name or by one that nobody has, each field of each rpc teaches a caller the same."""
    theirs = await owned(service.caller(), SECRET)
    twins = service.caller(), service.caller()
    for each in twins:
        await each.place("W1")
        await each.receive("A", 5, request_id="mine")
    nobodys = (NOBODY, NOBODY)
    asked = questions(SECRET, *theirs)[method], questions(ABSENT, *nobodys)[method]
    for number, (one, other) in enumerate(zip(*asked, strict=True)):
        learned = [
            blurred(await told(caller, method, f"id {number}", fields), names)
            for caller, fields, names in ((twins[0], one, theirs), (twins[1], other, nobodys))
        ]
        assert learned[0] == learned[1]


async def test_request_ids_of_others_are_free(service: Ledger) -> None:
    """An id that another tenant has used can be used, and answers nothing of theirs."""
    await owned(service.caller(), SECRET)
    mine = service.caller()
    await mine.place("W1")
    answer = await mine.receive("A", 1, request_id="theirs")
    assert [each.on_hand for each in answer.balances] == [1]


async def test_an_empty_tenant_has_nothing(service: Ledger) -> None:
    """A tenant that has written nothing finds nothing, at revision 0."""
    await owned(service.caller(), SECRET)
    nobody = service.caller()
    for method, field in (
        ("ListLocations", "locations"),
        ("ListLots", "lots"),
        ("ListBalances", "balances"),
        ("ListEntries", "entries"),
        ("ListReservations", "reservations"),
        ("ListWaiting", "waiting"),
        ("ListBackOrders", "back_orders"),
    ):
        answer = await nobody.do(method)
        assert (len(getattr(answer, field)), answer.revision.number) == (0, 0)
    revision, found = await nobody.export()
    assert (revision.number, found) == (0, {})
    assert await nobody.verify() == []


TABLES = (
    "locations", "balances", "commits", "entries", "reservations", "reservation_lines", "requests", "snapshot_imports",
    "snapshot_lines", "claims", "claim_changes", "shortfalls", "holdings", "lots", "lot_changes",
    "reservation_plans", "waiting", "waiting_lines", "waiting_changes", "back_orders", "back_order_changes",
)  # fmt: skip
"""Those that `owned` fills."""

PAST = ("closings", "closing_balances", "horizons")
"""Those that time fills."""


async def test_the_database_alone_holds_the_wall(service: Ledger, database: FreshDatabase, owner: Owner) -> None:
    """Without any filter of ours, the application's role sees and changes only the rows of the tenant it names."""
    first, second = service.caller(), service.caller()
    for each in (first, second):
        await owned(each, SECRET)
    await owner.execute("ANALYZE")
    connection = await asyncpg.connect(database.url(SCHEMA), server_settings={"search_path": SCHEMA})
    try:
        for table in TABLES:
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0, "no tenant named, nothing seen"
        async with connection.transaction():
            await connection.execute("SELECT set_config('weir.tenant', $1, true)", first.tenant)
            for table in TABLES:
                seen = [row["tenant"] for row in await connection.fetch(f"SELECT DISTINCT tenant FROM {table}")]
                assert seen == [first.tenant]
            changed = await connection.execute("UPDATE balances SET on_hand = 0 WHERE tenant = $1", second.tenant)
            assert changed == "UPDATE 0"
        for statement in (
            "INSERT INTO locations VALUES ($1, 'X', 1, '', 1)",
            "INSERT INTO commits VALUES ($1, 99, now())",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with connection.transaction():
                    await connection.execute("SELECT set_config('weir.tenant', $1, true)", first.tenant)
                    await connection.execute(statement, second.tenant)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "table", ["entries", "commits", "claim_changes", "lot_changes", "waiting_changes", "back_order_changes"]
)
async def test_history_only_grows(acme: Caller, database: FreshDatabase, table: str) -> None:
    """The application's role can neither change nor remove what was written into the books."""
    await acme.receive("A", 1)
    connection = await asyncpg.connect(database.url(SCHEMA), server_settings={"search_path": SCHEMA})
    try:
        for statement in (f"UPDATE {table} SET revision = 9", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with connection.transaction():
                    await connection.execute("SELECT set_config('weir.tenant', $1, true)", acme.tenant)
                    await connection.execute(statement)
    finally:
        await connection.close()


async def test_every_table_is_behind_the_wall(owner: Owner) -> None:
    """Every table of the schema that names tenants has row-level security, for its owner too."""
    rows = await owner.fetch(
        "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS walled FROM pg_class c"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant'"
        " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = $1::regnamespace",
        SCHEMA,
    )
    names = {row["relname"] for row in rows}
    months = {each for each in names if re.fullmatch(r"entries_\d{4}_\d\d", each)}
    assert months
    assert names - months == {*TABLES, *PAST, "tenants"}
    assert all(row["walled"] for row in rows)


async def test_tenants_lead_every_key(owner: Owner) -> None:
    """Every primary, unique and foreign key of a tenant's table begins with the tenant, so that it can be dealt out."""
    rows = await owner.fetch(
        "SELECT k.conname, a.attname FROM pg_constraint k"
        " JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]"
        " JOIN pg_class c ON c.oid = k.conrelid"
        " WHERE k.contype IN ('p', 'u', 'f') AND k.connamespace = $1::regnamespace AND c.relname = ANY ($2)",
        SCHEMA,
        [*TABLES, *PAST, "tenants"],
    )
    assert len(rows) >= len(TABLES)
    assert {row["conname"]: row["attname"] for row in rows if row["attname"] != "tenant"} == {}
