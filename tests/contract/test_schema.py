"""The tables as Postgres has them: each row behind the wall of its tenant, and keys that allow a table to be dealt out
by tenant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from tests.kit.postgres import FreshDatabase, PostgresForTests, wait
from tests.kit.suite import SCHEMAS

OF_NO_TENANT = {"cluster", "alembic_version"}
HISTORY = {
    ("weir_ledger", each)
    for each in ("entries", "commits", "claim_changes", "lot_changes", "waiting_changes", "back_order_changes",
                 "closings", "closing_balances")
}  # fmt: skip
MONTHS = """
SELECT n.nspname AS schema, t.relname AS table FROM pg_inherits i
JOIN pg_class t ON t.oid = i.inhrelid JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE t.relkind = 'r' AND n.nspname = ANY($1)
"""

KEYS = """
SELECT n.nspname AS schema, t.relname AS table, c.conname AS name, a.attname AS first
FROM pg_constraint c
JOIN pg_class t ON t.oid = c.conrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.conkey[1]
WHERE n.nspname = ANY($1) AND c.contype = ANY($2)
"""
UNIQUE_INDEXES = """
SELECT n.nspname AS schema, t.relname AS table, i.relname AS name, a.attname AS first
FROM pg_index x
JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
WHERE n.nspname = ANY($1) AND x.indisunique
"""
TABLES = """
SELECT n.nspname AS schema, t.relname AS table, t.relrowsecurity AS walled, t.relforcerowsecurity AS forced,
       pg_get_userbyid(t.relowner) AS owner, pg_get_userbyid(n.nspowner) AS schema_owner, t.oid AS oid
FROM pg_class t
JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = ANY($1) AND t.relkind IN ('r', 'p')
ORDER BY 1, 2
"""
VIEWS = """
SELECT n.nspname AS schema, t.relname AS name, coalesce('security_invoker=true' = ANY(t.reloptions), false) AS invoker
FROM pg_class t
JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = ANY($1) AND t.relkind IN ('v', 'm')
"""
MEMBERSHIPS = "SELECT * FROM pg_auth_members WHERE member IN (SELECT oid FROM pg_roles WHERE rolname = ANY($1))"
USABLE = """
SELECT nspname AS schema FROM pg_namespace WHERE nspname = ANY($1) AND has_schema_privilege($2, oid, 'USAGE')
"""


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database with the schema of every service."""
    with postgres.fresh(*SCHEMAS) as fresh:
        yield fresh


def asked(database: FreshDatabase, query: str, *arguments: Any) -> list[dict[str, Any]]:
    """What the catalogue answers."""
    found: list[dict[str, Any]] = []

    async def ask() -> None:
        connection = await asyncpg.connect(database.owner_url)
        try:
            found.extend(map(dict, await connection.fetch(query, *arguments)))
        finally:
            await connection.close()

    wait(ask())
    return found


def tables(database: FreshDatabase) -> list[dict[str, Any]]:
    """Every table that holds something of a tenant."""
    found = [each for each in asked(database, TABLES, SCHEMAS) if each["table"] not in OF_NO_TENANT]
    assert {each["schema"] for each in found} == set(SCHEMAS)
    return found


def rights(database: FreshDatabase, schema: str, table: str) -> set[str]:
    """What the application's role may do with a table."""
    every = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
    query = "SELECT each FROM unnest($1::text[]) AS each WHERE has_table_privilege($2::name, $3::text, each)"
    return {row["each"] for row in asked(database, query, list(every), schema, f'"{schema}"."{table}"')}


def test_tenant_leads_every_key(database: FreshDatabase) -> None:
    """`tenant` is the first column of every primary key, unique key, foreign key and unique index, so that no key can
    tell of another tenant's rows and every table can be distributed."""
    keys = asked(database, KEYS, SCHEMAS, [b"p", b"u", b"f"]) + asked(database, UNIQUE_INDEXES, SCHEMAS)
    assert len(keys) > 20
    assert [key for key in keys if key["table"] not in OF_NO_TENANT and key["first"] != "tenant"] == []


def test_every_table_has_a_key(database: FreshDatabase) -> None:
    """Every table has a primary key: without one it cannot be distributed, nor a row be named."""
    with_key = {(key["schema"], key["table"]) for key in asked(database, KEYS, SCHEMAS, [b"p"])}
    assert {(each["schema"], each["table"]) for each in asked(database, TABLES, SCHEMAS)} == with_key


def test_every_table_is_walled(database: FreshDatabase) -> None:
    """Row-level security is on, and forced on the owner too, for every table that holds something of a tenant."""
    assert [each for each in tables(database) if not (each["walled"] and each["forced"])] == []


def test_the_wall_is_the_tenant(database: FreshDatabase) -> None:
    """Every policy of every table compares the tenant with the one of the transaction; only the list of tenants,
    which workers walk, can be read by all. It is asked as a query of its own, or a tenant that came after the newest
    statistics would be planned for as if it had nothing."""
    policies = asked(database, "SELECT * FROM pg_policies WHERE schemaname = ANY($1)", SCHEMAS)
    assert {(each["schemaname"], each["tablename"]) for each in policies} == {
        (each["schema"], each["table"]) for each in tables(database)
    }
    for each in policies:
        walls = [each[part] for part in ("qual", "with_check") if each[part] is not None]
        if (each["tablename"], each["cmd"]) == ("tenants", "SELECT"):
            continue
        assert walls, each
        assert all("weir.tenant" in wall and "tenant = ( SELECT" in wall for wall in walls), each


def test_the_application_owns_nothing(database: FreshDatabase) -> None:
    """The application's role owns neither schema nor table, is no superuser, and cannot step around the wall."""
    for each in asked(database, TABLES, SCHEMAS):
        assert each["schema"] not in (each["owner"], each["schema_owner"])
    roles = asked(database, "SELECT * FROM pg_roles WHERE rolname = ANY($1)", SCHEMAS)
    assert len(roles) == len(SCHEMAS)
    for role in roles:
        assert not any(role[power] for power in ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb"))
    assert asked(database, MEMBERSHIPS, SCHEMAS) == []


def test_the_application_changes_rows_and_nothing_else(database: FreshDatabase) -> None:
    """No table can be emptied, referred to or given a trigger by the application, and whose revisions these are is
    beyond its reach."""
    for each in tables(database):
        assert rights(database, each["schema"], each["table"]) <= {"SELECT", "INSERT", "UPDATE", "DELETE"}
    for schema in SCHEMAS:
        for table in OF_NO_TENANT:
            assert rights(database, schema, table) == {"SELECT"}


def test_history_only_grows(database: FreshDatabase) -> None:
    """Entries, commits and all else that is history can be read and added to, never changed or removed, by the
    application's role; how far it was put away can only be read."""
    for schema, table in HISTORY:
        assert rights(database, schema, table) == {"SELECT", "INSERT"}
    assert rights(database, "weir_ledger", "horizons") == {"SELECT"}


def test_months_are_reached_through_the_whole(database: FreshDatabase) -> None:
    """The application has no right on a month of the entries by itself: whatever it does passes the wall, and the
    rules, of the whole."""
    months = asked(database, MONTHS, SCHEMAS)
    assert len(months) >= 4
    for each in months:
        assert rights(database, each["schema"], each["table"]) == set()


def test_only_the_owner_puts_history_away(database: FreshDatabase) -> None:
    """The application can open months and close books, and cannot compact."""
    callable_by = "SELECT has_function_privilege('weir_ledger', oid, 'EXECUTE') AS may FROM pg_proc WHERE proname = $1"
    found = {
        each: [row["may"] for row in asked(database, callable_by, each)]
        for each in ("open_months", "close_books", "compact")
    }
    assert found == {"open_months": [True], "close_books": [True], "compact": [False]}


def test_no_service_reads_the_schema_of_another(database: FreshDatabase) -> None:
    """A service's role can use its own schema and no other service's."""
    for role in SCHEMAS:
        assert [each["schema"] for each in asked(database, USABLE, SCHEMAS, role)] == [role]


def test_views_see_what_their_reader_may(database: FreshDatabase) -> None:
    """A view, where there is one, is read with the rights of whoever reads it: it opens no door in the wall."""
    assert [each for each in asked(database, VIEWS, SCHEMAS) if not each["invoker"]] == []


def test_a_breach_would_be_noticed(postgres: PostgresForTests) -> None:
    """The control: a table without wall, key by tenant or primary key, owned by the application, fails each test."""
    with postgres.fresh(*SCHEMAS) as breached:
        asked(breached, "CREATE TABLE weir_ledger.loose (id int UNIQUE, tenant text)")
        asked(breached, "ALTER TABLE weir_ledger.loose OWNER TO weir_ledger")
        asked(breached, "GRANT UPDATE ON weir_ledger.entries TO weir_ledger")
        asked(breached, f"GRANT SELECT ON weir_ledger.entries_{datetime.now(UTC):%Y_%m} TO weir_ledger")
        asked(breached, "GRANT EXECUTE ON FUNCTION weir_ledger.compact TO weir_ledger")
        for test in (
            test_tenant_leads_every_key,
            test_every_table_has_a_key,
            test_every_table_is_walled,
            test_the_wall_is_the_tenant,
            test_the_application_owns_nothing,
            test_the_application_changes_rows_and_nothing_else,
            test_history_only_grows,
            test_months_are_reached_through_the_whole,
            test_only_the_owner_puts_history_away,
        ):
            with pytest.raises(AssertionError):
                test(breached)
