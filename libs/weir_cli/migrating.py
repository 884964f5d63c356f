"""Bring the schemas forward, or say where they stand; on a Postgres by URL or on the embedded one."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from rich.text import Text

from weir_chassis.database import Database, sqlstate
from weir_chassis.errors import DatabaseAway
from weir_chassis.migrations import MigrationFailed, SchemaUnfit, bump_epoch
from weir_chassis.migrations import check as check_schema
from weir_chassis.migrations import migrate as move_forward
from weir_chassis.provision import embedded
from weir_chassis.settings import DatabaseSettings, Fault, SettingsFaults, load
from weir_cli.paper import paper
from weir_cli.services import Service
from weir_cli.suite import database_url


def migrate(services: Sequence[Service], *, only_check: bool, bump: bool, as_json: bool) -> bool:
    """Migrate the schemas of `services` one after the other, or only look; whether all are where they shall be.

    `bump` raises their epochs too, after a restore. Raises SettingsFaults.
    """
    settings = load(DatabaseSettings, os.environ)
    owners = [service for service in services if service.schema is not None]
    faults = [] if only_check else _faults(settings)
    if faults:
        raise SettingsFaults(faults)
    found = asyncio.run(_each(settings, owners, only_check=only_check, bump=bump))
    if as_json:
        told = [{"schema": schema, "well": not fault, "fault": fault} for schema, fault in found]
        sys.stdout.write(json.dumps({"schemas": told}) + "\n")
    else:
        for schema, fault in found:
            line = Text.assemble(("✗ ", "red"), fault) if fault else Text.assemble(("✓ ", "green"), f"{schema} stands.")
            paper().print(line)
    return not any(fault for _, fault in found)


def _faults(settings: DatabaseSettings) -> list[Fault]:
    if (settings.url is None) == (settings.owner_url is None):
        return []
    missing = "WEIR_DATABASE_OWNER_URL" if settings.owner_url is None else "WEIR_DATABASE_URL"
    return [Fault(missing, "Both URLs are given, or neither: one migrates, the other is what the services will use.")]


async def _each(
    settings: DatabaseSettings, owners: Sequence[Service], *, only_check: bool, bump: bool
) -> list[tuple[str, str]]:
    """Each schema with what is wrong with it; empty where nothing is."""
    if settings.url is not None:
        return [(str(each.schema), await _by_url(settings, each, only_check=only_check, bump=bump)) for each in owners]
    found: list[tuple[str, str]] = []
    async with embedded(settings.data_directory) as postgres:
        for each in owners:
            schema = str(each.schema)
            password = postgres.password(schema)
            fault = "" if only_check else await _moved(postgres.url(), schema, schema, password, bump=bump)
            found.append((schema, fault or await _checked(postgres.url(schema), schema, settings)))
    return found


async def _by_url(settings: DatabaseSettings, service: Service, *, only_check: bool, bump: bool) -> str:
    url, schema = database_url(settings, service), str(service.schema)
    assert url is not None
    if not only_check:
        assert settings.owner_url is not None
        parts = urlsplit(url)
        password = unquote(parts.password) if parts.password is not None else None
        fault = await _moved(settings.owner_url, schema, unquote(parts.username or schema), password, bump=bump)
        if fault:
            return fault
    return await _checked(url, schema, settings)


async def _moved(owner_url: str, schema: str, role: str, password: str | None, *, bump: bool) -> str:
    try:
        await move_forward(owner_url, schema, role=role, password=password)
        if bump:
            await bump_epoch(owner_url, schema)
    except MigrationFailed as fault:
        return str(fault)
    return ""


async def _checked(url: str, schema: str, settings: DatabaseSettings) -> str:
    try:
        database = await Database.open(url, schema=schema, settings=settings)
    except DatabaseAway:
        return f"Schema {schema} cannot be looked at: the database cannot be reached."
    except Exception as error:
        if (sqlstate(error) or "")[:2] not in ("28", "3D"):  # who may log in, and to which database
            raise
        return f"Schema {schema} cannot be looked at: its role may not log in. Run `weir migrate`."
    try:
        await check_schema(database, schema)
    except SchemaUnfit as fault:
        return str(fault)
    finally:
        await database.close()
    return ""
