"""One pool of connections to one schema, and the transactions that run on it."""

from __future__ import annotations

import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import event, exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from weir_chassis.call import remaining_seconds
from weir_chassis.database.faults import is_lost, told_apart
from weir_chassis.database.transactions import Driver, abandon, opening, transaction
from weir_chassis.errors import DatabaseAway
from weir_chassis.settings import DatabaseSettings


@dataclass(frozen=True, slots=True)
class Cluster:
    """Whose revisions these are: `id` is made with the schema, `epoch` is raised when an older state is restored."""

    id: str
    epoch: int


BY_KEY = "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off"
"""Plan the statements of this transaction once for all parameters, and never to read a whole table: a plan that was
made while a table, or a month of one, was empty would go on doing so when it is not any more.
"""

_LOCK_TENANT = """
INSERT INTO tenants (tenant, revision) VALUES (current_setting('weir.tenant'), 0) ON CONFLICT DO NOTHING;
SELECT FROM tenants WHERE tenant = current_setting('weir.tenant') FOR UPDATE
"""


class Database:
    """One schema of one Postgres, as the role of the application; open it once a process, close it at the end."""

    def __init__(self, engine: AsyncEngine, *, schema: str, settings: DatabaseSettings, url: str) -> None:
        """Use `open`."""
        self.engine = engine
        self.schema = schema
        self._settings = settings
        self._url = url
        self._cluster: Cluster | None = None

    @classmethod
    async def open(cls, url: str, *, schema: str, settings: DatabaseSettings | None = None) -> Database:
        """A pool to `schema` at `url`, which may name several hosts; connects once to see that it can.

        Raises DatabaseAway where nobody answers; a wrong password or an unknown database is an accident that passes.
        """
        settings = settings or DatabaseSettings()
        connect_args = connection_options(url, schema=schema, settings=settings)
        connect_args["prepared_statement_cache_size"] = settings.statement_cache
        if settings.statement_cache == 0:
            connect_args["prepared_statement_name_func"] = lambda: f"weir_{uuid.uuid4().hex}"
        engine = create_async_engine(
            "postgresql+asyncpg://",
            connect_args=connect_args,
            isolation_level="AUTOCOMMIT",  # transactions are ours: see transactions.py
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_timeout=settings.pool_wait_seconds,
            pool_reset_on_return=None,
            pool_use_lifo=True,
            hide_parameters=True,  # they are data of tenants: in no exception, so in no log
        )
        event.listen(engine.sync_engine, "checkout", _refuse_closed)
        event.listen(engine.sync_engine, "connect", _limit_silence)
        database = cls(engine, schema=schema, settings=settings, url=url)
        try:
            async with database.driver():
                pass
        except BaseException:
            await engine.dispose()
            raise
        return database

    async def close(self) -> None:
        """Close every connection of the pool."""
        await self.engine.dispose()

    @property
    def channel(self) -> str:
        """Name of the channel that `notify` speaks on; the payload is the tenant."""
        return self.schema

    @asynccontextmanager
    async def tenant(self, tenant: str) -> AsyncIterator[AsyncConnection]:
        """A transaction of `tenant`, committed at the end of the block and rolled back if it raises."""
        async with self._transaction(self._opening(tenant), writing=True) as (connection, _):
            yield connection

    @asynccontextmanager
    async def reading(self, tenant: str) -> AsyncIterator[AsyncConnection]:
        """A transaction of `tenant` that sees one moment throughout and cannot write."""
        script = self._opening(tenant, "ISOLATION LEVEL REPEATABLE READ READ ONLY")
        async with self._transaction(script, writing=False) as (connection, _):
            yield connection

    @asynccontextmanager
    async def writing(self, tenant: str) -> AsyncIterator[AsyncConnection]:
        """A transaction of `tenant` that has the tenant's revision row locked: its writers come one after the other.

        What the block reads is therefore still so when it commits, and `draw` gives the next revision.
        """
        script = f"{self._opening(tenant)}; {_LOCK_TENANT}"
        async with self._transaction(script, writing=True) as (connection, _):
            yield connection

    @asynccontextmanager
    async def driving(self, tenant: str) -> AsyncIterator[Driver]:
        """The same as `tenant`, but yields the driver's connection, for statements where every microsecond counts.

        Each is planned once for all parameters: it has to find its rows by a key whatever they are.
        """
        script = f"{self._opening(tenant)}; {BY_KEY}"
        async with self._transaction(script, writing=True) as (_, driver):
            yield driver

    @asynccontextmanager
    async def driver(self) -> AsyncIterator[Driver]:
        """The driver's connection without a transaction or a tenant; what is left open is rolled back."""
        async with self._connected(writing=True) as (_, driver):
            try:
                yield driver
            finally:
                if not driver.is_closed() and driver.is_in_transaction():
                    await abandon(driver)

    @asynccontextmanager
    async def dedicated(self) -> AsyncIterator[Driver]:
        """A connection outside the pool, as LISTEN needs; closed at the end of the block."""
        with told_apart():
            try:
                driver: Driver = await asyncpg.connect(
                    **connection_options(self._url, schema=self.schema, settings=self._settings)
                )
            except (OSError, TimeoutError) as error:
                raise DatabaseAway from error
            try:
                yield driver
            finally:
                driver.terminate()

    async def tenants(self) -> list[str]:
        """Every tenant that ever wrote to this schema, in order."""
        async with self.driver() as driver:
            return [row["tenant"] for row in await driver.fetch("SELECT tenant FROM tenants ORDER BY tenant")]

    async def heads(self) -> dict[str, int]:
        """The number of the newest revision of each of them."""
        async with self.driver() as driver:
            rows = await driver.fetch("SELECT tenant, revision FROM tenants ORDER BY tenant")
        return {row["tenant"]: row["revision"] for row in rows}

    async def identity(self) -> Cluster:
        """The cluster whose revisions these are, as it was when first asked."""
        if self._cluster is None:
            async with self.driver() as driver:
                row = await driver.fetchrow("SELECT id::text AS id, epoch FROM cluster")
            assert row is not None  # written when the schema is made
            self._cluster = Cluster(row["id"], row["epoch"])
        return self._cluster

    def _opening(self, tenant: str, mode: str = "") -> str:
        remaining = remaining_seconds()
        if remaining is not None:
            remaining = min(remaining, self._settings.statement_seconds)
        return opening(tenant, mode=mode, statement_seconds=remaining)

    @asynccontextmanager
    async def _transaction(self, script: str, *, writing: bool) -> AsyncIterator[tuple[AsyncConnection, Driver]]:
        async with self._connected(writing=writing) as (connection, driver), transaction(driver, script):
            yield connection, driver

    @asynccontextmanager
    async def _connected(self, *, writing: bool) -> AsyncIterator[tuple[AsyncConnection, Driver]]:
        with told_apart(writing=writing):
            connection = self.engine.connect()
            try:
                await connection.start()
            except (OSError, TimeoutError) as error:
                raise DatabaseAway from error
            fairy = connection.sync_connection.connection  # type: ignore[union-attr]
            driver: Driver = fairy.driver_connection  # type: ignore[assignment]
            try:
                yield connection, driver
            except BaseException as error:
                if is_lost(error) and not driver.is_closed():
                    driver.terminate()
                raise
            finally:
                await connection.close()  # nothing in it waits: there is nothing to roll back


def connection_options(url: str, *, schema: str, settings: DatabaseSettings) -> dict[str, Any]:
    """How the driver connects: every connection finds `schema` by itself and cannot hang for ever."""
    return {
        "dsn": url,
        "timeout": settings.connect_seconds,
        "statement_cache_size": settings.statement_cache,
        "server_settings": {
            "application_name": schema,
            "search_path": schema,
            "timezone": "UTC",
            "jit": "off",
            "standard_conforming_strings": "on",
            "statement_timeout": str(int(settings.statement_seconds * 1000)),
            "idle_in_transaction_session_timeout": str(int(settings.idle_seconds * 1000)),
        },
    }


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    """A connection that the server closed while it lay idle is replaced, and all that are as old with it."""
    if connection.driver_connection.is_closed():
        raise exc.InvalidatePoolError


def _limit_silence(connection: Any, _record: object) -> None:
    """Let the kernel end a connection whose other side has vanished without a word, as after a power loss."""
    found = connection.driver_connection._transport.get_extra_info("socket")
    if found is None or found.family not in (socket.AF_INET, socket.AF_INET6):
        return
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            found.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000)
