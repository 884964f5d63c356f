"""Give a service its database: the one its settings name, or an embedded one, ready to serve in either case."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog

from weir_chassis.database import Database
from weir_chassis.database.transactions import finished
from weir_chassis.embedded import EmbeddedPostgres, default_directory
from weir_chassis.errors import Misconfigured
from weir_chassis.migrations import check, migrate
from weir_chassis.settings import DatabaseSettings

_LOOK_SECONDS = 0.5


@asynccontextmanager
async def provided(
    settings: DatabaseSettings, service: str, *, versions: Path | None = None
) -> AsyncIterator[Database]:
    """The database of `service` for the block.

    By URL it must have been migrated: raises SchemaUnfit where it stands anywhere else than this code expects. Embedded
    it is started or joined, migrated, and brought back whenever it dies.
    """
    if settings.url is not None:
        async with _opened(settings.url, settings, service, versions) as database:
            yield database
        return
    async with embedded(settings.data_directory) as postgres:
        password = postgres.password(service)
        await migrate(postgres.url(), service, password=password, versions=versions)
        async with _opened(postgres.url(service), settings, service, versions) as database:
            yield database


@asynccontextmanager
async def embedded(directory: Path | None) -> AsyncIterator[EmbeddedPostgres]:
    """The embedded Postgres of `directory` (of this user unless named), started or joined; restarted when it dies."""
    postgres = EmbeddedPostgres(directory or default_directory())
    await finished(asyncio.to_thread(postgres.start))
    keeper = asyncio.create_task(_keep_alive(postgres))
    try:
        yield postgres
    finally:
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper
        await finished(asyncio.to_thread(postgres.stop))


def kept_beside(settings: DatabaseSettings, name: str, make: Callable[[], str]) -> str:
    """The secret in the file `name` beside the data of the embedded Postgres, made on first asking.

    The file is readable by this user alone, and whole or not there; of several processes that make it at once one
    wins. Raises Misconfigured where it cannot be read or written.
    """
    file = (settings.data_directory or default_directory()).absolute() / name
    try:
        if not file.exists():
            _make_once(file, make())
        return file.read_text(errors="replace")
    except OSError as error:
        raise Misconfigured(f"{file}: {error.strerror}") from None


def _make_once(file: Path, content: str) -> None:
    """Write `file`, unless somebody else does meanwhile."""
    descriptor, draft = tempfile.mkstemp(dir=file.parent)  # made with mode 0600
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileExistsError):
            os.link(draft, file)
    finally:
        Path(draft).unlink()


@asynccontextmanager
async def _opened(url: str, settings: DatabaseSettings, service: str, versions: Path | None) -> AsyncIterator[Database]:
    database = await Database.open(url, schema=service, settings=settings)
    try:
        await check(database, service, versions=versions)
        yield database
    finally:
        await database.close()


async def _keep_alive(postgres: EmbeddedPostgres) -> None:
    log = structlog.get_logger("weir.embedded")
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        if postgres.alive:
            continue
        log.warning("the embedded postgres is gone; starting it again", directory=str(postgres.directory))
        try:
            await finished(asyncio.to_thread(postgres.start))
        except Exception:
            log.exception("the embedded postgres does not start")
