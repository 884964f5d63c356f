"""Move a schema forward to what the code expects, and look whether it is there."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from weir_chassis.database import Database, Driver, sqlstate
from weir_chassis.migrations.bootstrap import MigrationFailed, owner_of, prepare
from weir_chassis.migrations.steps import quoted

_UNDEFINED_TABLE = "42P01"
_ALEMBIC = threading.Lock()  # alembic keeps the migration in progress in its modules: one at a time in a process


class SchemaUnfit(Exception):
    """The schema is not the one this code expects, or its role is not safe to serve with; the text says what to do."""


async def migrate(
    owner_url: str,
    service: str,
    *,
    role: str | None = None,
    password: str | None = None,
    versions: Path | None = None,
) -> None:
    """Bring the schema `service` up to its newest version, making it and its roles where they are missing.

    `owner_url` names whoever may do that; `role` is the application's (named like the schema unless told), made with
    `password` where it is missing. Migrations run in one transaction: all of them or none. Processes that migrate at
    the same time wait for one another. Raises MigrationFailed.
    """
    versions = versions or versions_of(service)
    await asyncio.to_thread(_migrate, owner_url, service, role or service, password, versions)


async def check(database: Database, service: str, *, versions: Path | None = None) -> None:
    """Raise SchemaUnfit unless the schema stands exactly where this code expects it, behind a wall that holds."""
    wanted = await asyncio.to_thread(newest, versions or versions_of(service))
    async with database.driver() as driver:
        await _check_role(driver, database.schema)
        found = await _version(driver)
    if found == wanted:
        return
    known = await asyncio.to_thread(_known, versions or versions_of(service))
    if found is None or found in known:
        raise SchemaUnfit(f"Schema {service} is at {found or 'nothing'}, behind {wanted}: run `weir migrate`.")
    raise SchemaUnfit(f"Schema {service} is at {found}, ahead of {wanted}: a newer weir has migrated it; run that one.")


async def bump_epoch(owner_url: str, service: str) -> int:
    """Raise the epoch of `service` and return it, once an older state was restored and before the service runs again.

    No revision drawn between that state and the restore is then taken for one of the new history.
    """
    async with _owner(owner_url) as owner:
        epoch: int = await owner.fetchval(f"UPDATE {quoted(service)}.cluster SET epoch = epoch + 1 RETURNING epoch")  # noqa: S608
        return epoch


@asynccontextmanager
async def owning(owner_url: str, service: str) -> AsyncIterator[Driver]:
    """A connection to the schema `service` with the rights of its owner, for the block: for what only an operator may
    do.

    No transaction is open. Raises MigrationFailed where the schema is not there.
    """
    async with _owner(owner_url) as owner:
        schema_owner = await owner_of(owner, service)
        if schema_owner is None:
            raise MigrationFailed(f"There is no schema {service}: run `weir migrate`.")
        await owner.execute(
            f"SET ROLE {quoted(schema_owner)}; SET search_path = {quoted(service)}; SET timezone = 'UTC'"
        )
        yield owner


def versions_of(service: str) -> Path:
    """Directory of the migrations of a service, found without importing it."""
    spec = importlib.util.find_spec(service)
    if spec is None or not spec.submodule_search_locations:
        raise MigrationFailed(f"There is no service {service}.")
    return Path(spec.submodule_search_locations[0]) / "migrations" / "versions"


def newest(versions: Path) -> str:
    """The version that `versions` leads to."""
    head = ScriptDirectory.from_config(_config(versions)).get_current_head()
    assert head is not None, f"no migrations in {versions}"
    return head


def _known(versions: Path) -> set[str]:
    return {each.revision for each in ScriptDirectory.from_config(_config(versions)).walk_revisions()}


def _config(versions: Path) -> Config:
    config = Config()
    config.set_main_option("path_separator", "newline")
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("version_locations", str(versions).replace("%", "%%"))
    return config


def _migrate(owner_url: str, schema: str, role: str, password: str | None, versions: Path) -> None:
    with _ALEMBIC:
        asyncio.run(_migrate_alone(owner_url, schema, role, password, versions))


async def _migrate_alone(owner_url: str, schema: str, role: str, password: str | None, versions: Path) -> None:
    async with _owner(owner_url) as owner:
        await owner.execute("SELECT pg_advisory_lock(hashtextextended('weir.migrate', 0))")
        schema_owner = await prepare(owner, schema=schema, role=role, password=password)
        engine = create_async_engine(
            "postgresql+asyncpg://",
            connect_args={"dsn": owner_url, "server_settings": {"search_path": schema, "lock_timeout": "10s"}},
            poolclass=NullPool,
        )

        def upgrade(connection: Connection) -> None:
            config = _config(versions)
            config.attributes.update(connection=connection, schema=schema, role=role)
            command.upgrade(config, "head")

        try:
            async with engine.connect() as connection:
                await connection.exec_driver_sql(f"SET ROLE {quoted(schema_owner)}")
                await connection.commit()
                await connection.run_sync(upgrade)
                await connection.commit()
        finally:
            await engine.dispose()


@asynccontextmanager
async def _owner(url: str) -> AsyncIterator[Driver]:
    try:
        connection: Driver = await asyncpg.connect(url, timeout=10)
    except (OSError, TimeoutError) as error:
        raise MigrationFailed(f"The database cannot be reached: {error}") from error
    try:
        yield connection
    finally:
        await connection.close()


async def _version(driver: Driver) -> str | None:
    try:
        version: str | None = await driver.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.PostgresError as error:
        if sqlstate(error) == _UNDEFINED_TABLE:
            return None
        raise
    return version


async def _check_role(driver: Driver, schema: str) -> None:
    unsafe = await driver.fetchval(
        "SELECT rolsuper OR rolbypassrls OR EXISTS (SELECT FROM pg_namespace WHERE nspname = $1"
        " AND pg_has_role(nspowner, 'USAGE')) FROM pg_roles WHERE rolname = current_user",
        schema,
    )
    if unsafe:
        raise SchemaUnfit(
            "The service connects as a superuser, as a role that bypasses row-level security or as the owner of its"
            " schema; the tenants would not be walled. Connect as the application's role."
        )
