"""Put old history away; on a Postgres by URL or on the embedded one."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

from rich.text import Text

from weir_chassis.migrations import MigrationFailed
from weir_chassis.provision import embedded
from weir_chassis.settings import DatabaseSettings, Fault, SettingsFaults, load
from weir_cli import tables
from weir_cli.paper import paper
from weir_cli.services import Service


def compact(service: Service, before: date, *, drop: bool, as_json: bool) -> bool:
    """Put away what a service recorded before the month of `before`, and with `drop` remove months put away before it.

    Prints up to which revision of each tenant history is gone; whether it could be done. Raises SettingsFaults.
    """
    settings = load(DatabaseSettings, os.environ)
    if settings.url is not None and settings.owner_url is None:
        raise SettingsFaults([Fault("WEIR_DATABASE_OWNER_URL", "Names who may put history away: whoever migrates.")])
    try:
        put_away, dropped = asyncio.run(_compacted(settings, service, before, drop=drop))
    except MigrationFailed as fault:
        _print({"fault": str(fault)}, [Text.assemble(("✗ ", "red"), str(fault))], as_json=as_json)
        return False
    told = {"tenants": [{"tenant": tenant, "revision": each} for tenant, each in put_away], "dropped": dropped}
    made = tables.table("tenant", "#gone up to revision")
    for tenant, revision in put_away:
        made.add_row(tenant, f"{revision:,}")
    shown: list[Any] = [made] if put_away else [Text("Nothing is that old.")]
    if dropped:
        shown.append(Text(f"Dropped for good: {', '.join(dropped)}."))
    _print(told, shown, as_json=as_json)
    return True


async def _compacted(
    settings: DatabaseSettings, service: Service, before: date, *, drop: bool
) -> tuple[Sequence[tuple[str, int]], Sequence[str]]:
    history = importlib.import_module(str(service.history))
    async with _owner_url(settings) as url:
        put_away = await history.compact(url, before)
        return put_away, await history.drop(url, before) if drop else []


@asynccontextmanager
async def _owner_url(settings: DatabaseSettings) -> AsyncIterator[str]:
    if settings.owner_url is not None:
        yield settings.owner_url
        return
    async with embedded(settings.data_directory) as postgres:
        yield postgres.url()


def _print(told: dict[str, Any], shown: Sequence[Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(told) + "\n")
        return
    for each in shown:
        paper().print(each)
