"""Migrations: forward only, all or nothing, one at a time, and a service that refuses a schema it does not know."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.kit.postgres import PostgresForTests, directory
from tests.kit.shelf import OTHER, SCHEMA, VERSIONS
from weir_chassis.database import Database, retrying
from weir_chassis.embedded import EmbeddedPostgres
from weir_chassis.migrations import MigrationFailed, SchemaUnfit, bump_epoch, check, migrate
from weir_chassis.provision import provided
from weir_chassis.settings import DatabaseSettings
from weir_cli.services import SERVICES

SECOND = '''
"""Shelves have a colour."""
from weir_chassis.migrations import script
revision = "0002"
down_revision = "0001"
def upgrade() -> None:
    script("ALTER TABLE shelves ADD COLUMN colour text; {more}")
'''

TENANT_LEADS = """
SELECT format('%s.%s', conrelid::regclass, conname) FROM pg_constraint
JOIN pg_class ON pg_class.oid = conrelid
WHERE contype IN ('p', 'u', 'f') AND pg_class.relnamespace = $1::regnamespace
AND relname NOT IN ('cluster', 'alembic_version')
AND (SELECT attname FROM pg_attribute WHERE attrelid = conrelid AND attnum = conkey[1]) <> 'tenant'
"""
UNWALLED = """
SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind IN ('r', 'p')
AND relname NOT IN ('cluster', 'alembic_version') AND NOT (relrowsecurity AND relforcerowsecurity)
"""


@pytest.fixture
def empty(postgres: PostgresForTests) -> Iterator[str]:
    """URL of the superuser to a database without any schema of ours."""
    with postgres.fresh() as made:
        yield made.owner_url


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The migrations of a later release."""
    return later(tmp_path, "")


def later(home: Path, more: str) -> Path:
    """Copy the shelf service's migrations and add a second one, with `more` in it."""
    versions = home / "with 100% more" / "versions"
    versions.mkdir(parents=True)
    for file in VERSIONS.glob("*.py"):
        (versions / file.name).write_text(file.read_text())
    (versions / "0002_colour.py").write_text(SECOND.format(more=more))
    return versions


def as_role(postgres: PostgresForTests, url: str, role: str) -> str:
    """The same database, as another role with the password kept for it."""
    return postgres.server.url(role, database=url.rpartition("/")[2])


@asynccontextmanager
async def opened(postgres: PostgresForTests, url: str, role: str = SCHEMA) -> AsyncIterator[Database]:
    """The shelf schema in the database of `url`, as `role`."""
    database = await Database.open(as_role(postgres, url, role), schema=SCHEMA)
    yield database
    await database.close()


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A bare connection."""
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def shelf(postgres: PostgresForTests, url: str, versions: Path = VERSIONS) -> None:
    """Migrate the shelf service with the password the server keeps for it."""
    await migrate(url, SCHEMA, password=postgres.server.password(SCHEMA), versions=versions)


async def test_it_makes_what_is_missing_and_leaves_what_is_there(postgres: PostgresForTests, empty: str) -> None:
    """From nothing to a schema that can be served; once more changes nothing, not even the identity."""
    await shelf(postgres, empty)
    async with opened(postgres, empty) as database:
        await check(database, SCHEMA, versions=VERSIONS)
        before = await database.identity()
    await shelf(postgres, empty)
    async with opened(postgres, empty) as database:
        assert await database.identity() == before


async def test_it_moves_forward(postgres: PostgresForTests, empty: str, newer: Path) -> None:
    """A later release adds its step; rows and identity stay."""
    await shelf(postgres, empty)
    await shelf(postgres, empty, newer)
    async with opened(postgres, empty) as database:
        await check(database, SCHEMA, versions=newer)
        async with database.driving("a") as driver:
            await driver.execute("INSERT INTO shelves VALUES ('a', 'one', 1, 'red')")


async def test_a_service_refuses_a_schema_behind_or_ahead(postgres: PostgresForTests, empty: str, newer: Path) -> None:
    """Neither an old schema nor one of a later release is served; the text says what to do."""
    await shelf(postgres, empty)
    async with opened(postgres, empty) as database:
        with pytest.raises(SchemaUnfit, match="at 0001, behind 0002: run `weir migrate`"):
            await check(database, SCHEMA, versions=newer)
    await shelf(postgres, empty, newer)
    async with opened(postgres, empty) as database:
        with pytest.raises(SchemaUnfit, match="at 0002, ahead of 0001"):
            await check(database, SCHEMA, versions=VERSIONS)


async def test_a_service_refuses_a_database_that_was_never_migrated(postgres: PostgresForTests, empty: str) -> None:
    """The role may exist, from another database of the server: there is still nothing to serve."""
    with postgres.fresh(SCHEMA, versions=VERSIONS):
        async with opened(postgres, empty) as database:
            with pytest.raises(SchemaUnfit, match="at nothing, behind 0001"):
                await check(database, SCHEMA, versions=VERSIONS)


@pytest.mark.parametrize("role", ["postgres", "owner_by_membership"])
async def test_a_service_refuses_a_role_that_no_wall_binds(postgres: PostgresForTests, empty: str, role: str) -> None:
    """As superuser or as owner of the tables row-level security could be gone around: it does not start."""
    await shelf(postgres, empty)
    if role != "postgres":
        async with connected(empty) as owner:
            await owner.execute(
                f"CREATE ROLE {role} LOGIN PASSWORD '{postgres.server.password(role)}' IN ROLE weir_shelf_owner"
            )
    try:
        async with opened(postgres, empty, role) as database:
            with pytest.raises(SchemaUnfit, match="Connect as the application's role"):
                await check(database, SCHEMA, versions=VERSIONS)
    finally:
        if role != "postgres":
            async with connected(empty) as owner:
                await owner.execute(f"DROP ROLE {role}")


async def test_a_migration_that_fails_leaves_nothing(postgres: PostgresForTests, empty: str, tmp_path: Path) -> None:
    """The first half of the step is undone with the second; so is the step before it that ran with it."""
    broken = later(tmp_path, "SELECT 1 / 0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await shelf(postgres, empty, broken)
    async with connected(empty) as owner:
        assert (
            await owner.fetchval("SELECT count(*) FROM pg_class WHERE relnamespace = 'weir_shelf'::regnamespace") == 0
        )
    await shelf(postgres, empty)
    async with opened(postgres, empty) as database:
        await check(database, SCHEMA, versions=VERSIONS)


_MIGRATE = """
import asyncio, sys
from pathlib import Path
from weir_chassis.migrations import migrate
asyncio.run(migrate(sys.argv[1], sys.argv[2], password=sys.argv[3], versions=Path(sys.argv[4])))
"""


def test_processes_that_migrate_at_once_wait_for_one_another(postgres: PostgresForTests, empty: str) -> None:
    """Three replicas and two services start together: each schema is made once, and nobody fails."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _MIGRATE, empty, service, postgres.server.password(service), str(VERSIONS)]
        )
        for service in (SCHEMA, OTHER, SCHEMA)
    ]
    assert [process.wait(timeout=60) for process in started] == [0, 0, 0]


async def test_tasks_that_migrate_at_once_wait_for_one_another(postgres: PostgresForTests, empty: str) -> None:
    """The same within one process, where alembic's own modules are shared."""
    await asyncio.gather(
        *(
            migrate(empty, service, password=postgres.server.password(service), versions=VERSIONS)
            for service in (SCHEMA, OTHER, SCHEMA, OTHER)
        )
    )
    async with opened(postgres, empty) as database:
        await check(database, SCHEMA, versions=VERSIONS)


async def test_who_may_make_roles_need_not_be_superuser(postgres: PostgresForTests, empty: str) -> None:
    """On a managed Postgres the owner has CREATEROLE and the database, no more; the application gets in."""
    name = empty.rpartition("/")[2]
    async with connected(empty) as superuser:
        password = postgres.server.password("steward")
        await superuser.execute(f"CREATE ROLE steward LOGIN CREATEROLE PASSWORD '{password}'")
        await superuser.execute(f'GRANT CREATE ON DATABASE "{name}" TO steward')
    url = as_role(postgres, empty, "steward")
    try:
        await migrate(url, "weir_stewarded", password=postgres.server.password("weir_stewarded"), versions=VERSIONS)
        database = await Database.open(as_role(postgres, empty, "weir_stewarded"), schema="weir_stewarded")
        await check(database, "weir_stewarded", versions=VERSIONS)
        await database.close()
        assert await bump_epoch(url, "weir_stewarded") == 2
    finally:
        async with connected(empty) as superuser:
            await superuser.execute("DROP SCHEMA weir_stewarded CASCADE")
            await superuser.execute(f'REVOKE ALL ON DATABASE "{name}" FROM steward')
            for role in ("weir_stewarded_owner", "weir_stewarded", "steward"):
                await superuser.execute(f"DROP OWNED BY {role}")
                await superuser.execute(f"DROP ROLE {role}")


async def test_who_may_not_is_told_what_someone_else_must_run(postgres: PostgresForTests, empty: str) -> None:
    """The text holds the statements; once they were run, the same owner without any right of its own gets through."""
    async with connected(empty) as superuser:
        await superuser.execute(f"CREATE ROLE clerk LOGIN PASSWORD '{postgres.server.password('clerk')}'")
    url = as_role(postgres, empty, "clerk")
    try:
        with pytest.raises(MigrationFailed, match=r"CREATE SCHEMA \"weir_clerked\" AUTHORIZATION") as caught:
            await migrate(url, "weir_clerked", versions=VERSIONS)
        asked = str(caught.value).partition("runs: ")[2].replace("<the role of WEIR_DATABASE_OWNER_URL>", "clerk")
        async with connected(empty) as superuser:
            await superuser.execute(asked)
        await migrate(url, "weir_clerked", versions=VERSIONS)
    finally:
        async with connected(empty) as superuser:
            await superuser.execute("DROP SCHEMA IF EXISTS weir_clerked CASCADE")
            for role in ("weir_clerked_owner", "weir_clerked", "clerk"):
                await superuser.execute(f"DROP ROLE IF EXISTS {role}")


async def test_the_application_may_not_own_its_schema(postgres: PostgresForTests, empty: str) -> None:
    """A schema that belongs to the role of the application is refused before anything is made in it."""
    await shelf(postgres, empty)
    async with connected(empty) as superuser:
        await superuser.execute("DROP SCHEMA weir_shelf CASCADE; CREATE SCHEMA weir_shelf AUTHORIZATION weir_shelf")
    with pytest.raises(MigrationFailed, match="belongs to weir_shelf"):
        await shelf(postgres, empty)


async def test_the_epoch_is_raised_after_a_restore(postgres: PostgresForTests, empty: str) -> None:
    """Revisions of the lost history are then known as foreign; the cluster stays the same."""
    await shelf(postgres, empty)
    async with opened(postgres, empty) as database:
        before = await database.identity()
    assert await bump_epoch(empty, SCHEMA) == 2
    async with opened(postgres, empty) as database:
        after = await database.identity()
    assert (after.id, after.epoch) == (before.id, 2)


async def test_nobody_there_fails_with_a_sentence() -> None:
    """Who runs `weir migrate` reads why."""
    with pytest.raises(MigrationFailed, match="cannot be reached"):
        await migrate("postgresql://a:b@127.0.0.1:1/c", SCHEMA, versions=VERSIONS)


def test_no_password_is_in_the_log_of_postgres(postgres: PostgresForTests) -> None:
    """Roles are made by what Postgres stores of a password, so that a log of statements would not hold it."""
    with postgres.fresh(SCHEMA, versions=VERSIONS):
        log = (postgres.server.directory / "postgres.log").read_text()
    assert log
    assert postgres.server.password(SCHEMA) not in log
    assert postgres.server.password("postgres") not in log


@pytest.mark.parametrize("service", [SCHEMA, *(each.schema for each in SERVICES.values() if each.schema)])
async def test_every_table_is_walled_and_led_by_tenant(postgres: PostgresForTests, service: str) -> None:
    """Row-level security is on and forced everywhere; every key begins with tenant, as splitting by tenant needs."""
    with postgres.fresh(service, versions=VERSIONS if service == SCHEMA else None) as fresh:
        async with connected(fresh.owner_url) as owner:
            assert await owner.fetch(UNWALLED, service) == []
            assert await owner.fetch(TENANT_LEADS, service) == []
            assert await owner.fetchval("SELECT count(*) FROM pg_policies WHERE schemaname = $1", service) > 3


async def test_an_embedded_database_is_provided_and_brought_back() -> None:
    """Without a URL a service finds a migrated schema, keeps what it wrote over a kill, and leaves nothing running."""
    with directory() as home:
        settings = DatabaseSettings(data_directory=home)
        async with provided(settings, SCHEMA, versions=VERSIONS) as database:
            async with database.driving("a") as driver:
                await driver.execute("INSERT INTO shelves VALUES ('a', 'one', 1)")
            before = await database.identity()
            await asyncio.to_thread(EmbeddedPostgres(home).kill)
            assert await retrying(database.tenants, attempts=20) == []
        assert not EmbeddedPostgres(home).alive
        async with provided(settings, SCHEMA, versions=VERSIONS) as database:
            assert await database.identity() == before
            async with database.driving("a") as driver:
                assert await driver.fetchval("SELECT count(*) FROM shelves") == 1


async def test_a_database_by_url_is_checked_and_never_migrated(
    postgres: PostgresForTests, empty: str, newer: Path
) -> None:
    """A service with a URL serves what `weir migrate` made, or refuses to start."""
    await shelf(postgres, empty)
    settings = DatabaseSettings(url=as_role(postgres, empty, SCHEMA))
    async with provided(settings, SCHEMA, versions=VERSIONS) as database:
        assert await database.tenants() == []
    with pytest.raises(SchemaUnfit, match="behind 0002"):
        async with provided(settings, SCHEMA, versions=newer):
            pass
