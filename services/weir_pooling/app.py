"""The pooling service: settings -> database -> objects -> handlers -> servicers -> server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from weir_chassis.auth import authenticator
from weir_chassis.client import Peer
from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.worker import forgetting
from weir_chassis.idempotency import purging
from weir_chassis.provision import provided
from weir_chassis.revisions import Origin
from weir_chassis.server import Server
from weir_chassis.settings import (
    Address,
    AuthSettings,
    ClientSettings,
    DatabaseSettings,
    ServerSettings,
    TelemetrySettings,
    group,
    integer,
    number,
    setting,
    text,
)
from weir_chassis.watch import Wakeups
from weir_pooling.domain.people import KINDS
from weir_pooling.handlers import cases, transfers
from weir_pooling.handlers.settling import Settling
from weir_pooling.peers.balances import PeerHoldings
from weir_pooling.peers.books import PeerBooks
from weir_pooling.peers.tallies import PeerTallies
from weir_pooling.ports import Pooling
from weir_pooling.servicer import POLICIES, registrations
from weir_pooling.store import postgres_pooling
from weir_pooling.worker.alerts import AlertWorker
from weir_pooling.worker.deeds import DeedWorker

SERVICE = "weir_pooling"
CONTEXT = "pooling"


@dataclass(frozen=True)
class Settings:
    """What the pooling service reads from its environment."""

    server: ServerSettings = group(ServerSettings, listen=Address("127.0.0.1", 7105))
    database: DatabaseSettings = group(DatabaseSettings)
    auth: AuthSettings = group(AuthSettings)
    client: ClientSettings = group(ClientSettings)
    telemetry: TelemetrySettings = group(TelemetrySettings)
    ledger_target: str = setting("WEIR_LEDGER_TARGET", "Where the ledger answers.", text, "127.0.0.1:7101")
    history_keep_seconds: int = setting(
        "WEIR_POOLING_HISTORY_KEEP_SECONDS",
        "How long changes of persons, pools, transfers, cases and alerts can be watched again.",
        integer(86_400, 315_360_000),
        2_592_000,
    )
    deed_seconds: float = setting(
        "WEIR_POOLING_DEED_SECONDS",
        "How long what was begun in the ledger is left to whoever asked for it, before it is ended unasked.",
        number(0.1, 3600),
        5.0,
    )
    par_levels_max: int = setting(
        "WEIR_POOLING_PAR_LEVELS_MAX", "Par levels that a person may have.", integer(1, 10_000), 1000
    )


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Server]:
    """The service, listening within the block and drained at its end."""
    async with (
        provided(settings.database, SERVICE) as database,
        Wakeups(database).listening() as wakeups,
        Peer(settings.ledger_target, settings.client) as ledger,
    ):
        cluster = await database.identity()
        tenants = postgres_pooling(database)
        origin = Origin(CONTEXT, cluster.id, cluster.epoch)
        handlers: Handlers[Pooling] = Handlers(tenants, origin, KINDS)
        conclusions = {**transfers.CONCLUSIONS, **cases.CONCLUSIONS}
        settling: Settling[Pooling] = Settling(tenants, PeerBooks(ledger), origin, conclusions)
        server = Server(
            settings.server,
            name=SERVICE,
            registrations=registrations(
                handlers, settling, PeerHoldings(ledger), wakeups, par_levels_max=settings.par_levels_max
            ),
            policies=POLICIES,
            authenticator=authenticator(settings.auth, settings.server.listen),
        )
        chores = [
            asyncio.create_task(purging(database, keep_seconds=settings.database.request_keep_seconds)),
            asyncio.create_task(forgetting(tenants, keep_seconds=settings.history_keep_seconds)),
            asyncio.create_task(DeedWorker(database.heads, tenants, settling, settings.deed_seconds).work()),
            asyncio.create_task(AlertWorker(database.heads, handlers, PeerTallies(ledger), wakeups).work()),
        ]
        try:
            async with server.serving():
                yield server
        finally:
            for chore in chores:
                chore.cancel()
            await asyncio.gather(*chores, return_exceptions=True)
