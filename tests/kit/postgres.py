"""A real Postgres for the whole run of the tests, and a fresh database of it for whoever asks.

A database is a copy of a template that was migrated once, so it costs some 30 ms. Nothing is synced to the disk:
that would only show after a power cut, and no test makes one.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from weir_chassis.embedded import EmbeddedPostgres
from weir_chassis.migrations import migrate
from weir_chassis.settings import DatabaseSettings


@dataclass(frozen=True, slots=True)
class FreshDatabase:
    """A database with the newest schemas of the services it was asked for, and nothing in them."""

    server: EmbeddedPostgres
    name: str

    @property
    def owner_url(self) -> str:
        """URL of the superuser, whom nothing is forbidden."""
        return self.server.url(database=self.name)

    def url(self, service: str) -> str:
        """URL of the application's role of a service."""
        return self.server.url(service, database=self.name)

    def settings(self, service: str, **others: Any) -> DatabaseSettings:
        """Settings that make a service use this database."""
        return DatabaseSettings(url=self.url(service), **{"pool_size": 4, **others})


@dataclass(slots=True)
class PostgresForTests:
    """One running server, and the templates that were made on it."""

    server: EmbeddedPostgres
    _templates: dict[tuple[tuple[str, Path | None], ...], str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @contextmanager
    def fresh(self, *services: str, versions: Path | None = None) -> Iterator[FreshDatabase]:
        """A database for the block, migrated for `services`; `versions` replaces where their migrations are.

        Works with or without a running event loop, so that any fixture can use it.
        """
        name = f"fresh_{next(self._numbers)}"
        template = self._template(services, versions)
        identities = [f'UPDATE "{service}".cluster SET id = gen_random_uuid()' for service in services]
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            self._run(*identities, database=name)
            yield FreshDatabase(self.server, name)
        finally:
            self._run(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _template(self, services: tuple[str, ...], versions: Path | None) -> str:
        key = tuple((service, versions) for service in services)
        if key not in self._templates:
            name = f"template_{next(self._numbers)}"
            self._run(f'CREATE DATABASE "{name}"')
            url = self.server.url(database=name)
            for service in services:
                password = self.server.password(service)
                wait(migrate(url, service, password=password, versions=versions))
            self._templates[key] = name
        return self._templates[key]

    def _run(self, *statements: str, database: str = "weir") -> None:
        async def run() -> None:
            connection = await asyncpg.connect(self.server.url(database=database))
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close()

        wait(run())


@contextmanager
def directory() -> Iterator[Path]:
    """A directory, with a blank in its path, that the user Postgres runs as may enter; removed at the end."""
    parent = Path(tempfile.mkdtemp(prefix="weir-"))
    parent.chmod(0o711)
    try:
        yield parent / "a directory"
    finally:
        shutil.rmtree(parent, ignore_errors=True)


@contextmanager
def server(**settings: str) -> Iterator[EmbeddedPostgres]:
    """A Postgres of its own, for tests that kill or stop it; `settings` go to it on top of those of tests."""
    told = {"fsync": "off", "shared_buffers": "64MB", **settings}
    with directory() as home, EmbeddedPostgres(home, settings=told) as running:
        yield running


def wait(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end in an event loop of its own, whether or not one runs here."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
