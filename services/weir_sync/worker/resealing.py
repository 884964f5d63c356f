"""Seals secrets anew that an older key sealed, so that the older one can go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from weir_sync.ports.secrets import Resealing
from weir_sync.secrets import KeyFile, Keys, NotOpened, Place, Sealed

BATCH = 100


async def reseal(resealing: Resealing, tenant: str, keys: Keys) -> tuple[int, int]:
    """Seal all of a tenant's secrets by the newest key; how many were, and how many could not be opened."""
    done, lost = 0, 0
    stale = await resealing.stale(tenant, keys.newest, after=(), limit=BATCH)
    while stale:
        for each in stale:
            place = Place(tenant, each.connection, each.name)
            try:
                made = keys.seal(place, keys.open(place, Sealed(each.key_id, each.sealed)))
            except NotOpened:
                lost += 1
            else:
                done += await resealing.reseal(tenant, each, replace(each, key_id=made.key_id, sealed=made.text))
        stale = await resealing.stale(tenant, keys.newest, after=stale[-1].key, limit=BATCH)
    return done, lost


async def resealing(
    secrets: Resealing, tenants: Callable[[], Awaitable[list[str]]], file: KeyFile, *, pause_seconds: float = 60
) -> None:
    """Do so again and again until cancelled; what goes wrong is logged and tried again."""
    log = structlog.get_logger("weir.sync")
    told: tuple[Keys, int] | None = None
    while True:
        keys = file.keys()
        try:
            counts = [await reseal(secrets, tenant, keys) for tenant in await tenants()]
            done, lost = (sum(each) for each in zip((0, 0), *counts, strict=True))
            if done or (keys, lost) != told:
                told = (keys, lost)
                log.info("secrets are sealed by the newest key", key_id=keys.newest, done=done, not_opened=lost)
        except Exception:
            log.exception("secrets could not be sealed anew")
        await asyncio.sleep(pause_seconds)
