"""The aggregator: settings -> peers -> projections -> servicer -> server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from weir_aggregator.peers.arrivals import PeerArrivals
from weir_aggregator.peers.feeds import ledger_feed, partitioning_feed, pooling_feed, sharing_feed, sync_feed
from weir_aggregator.peers.promises import PeerPromises
from weir_aggregator.ports import Feeds
from weir_aggregator.projection import Pace, Projection, Tenants, UtcCalendar, caught_up, follow
from weir_aggregator.servicer import POLICIES, PREVIEWS_MAX, registrations
from weir_aggregator.worker import promising, replanning
from weir_chassis import telemetry
from weir_chassis.auth import authenticator
from weir_chassis.client import Peer
from weir_chassis.ids import identifier_fault
from weir_chassis.server import Server
from weir_chassis.settings import (
    Address,
    AuthSettings,
    ClientSettings,
    Fault,
    ServerSettings,
    TelemetrySettings,
    flag,
    group,
    integer,
    number,
    setting,
    text,
    texts,
)

SERVICE = "weir_aggregator"


@dataclass(frozen=True)
class Settings:
    """What the aggregator reads from its environment."""

    server: ServerSettings = group(ServerSettings, listen=Address("127.0.0.1", 7100))
    auth: AuthSettings = group(AuthSettings)
    client: ClientSettings = group(ClientSettings)
    telemetry: TelemetrySettings = group(TelemetrySettings)
    ledger_target: str = setting("WEIR_LEDGER_TARGET", "Where the ledger answers.", text, "127.0.0.1:7101")
    sharing_target: str = setting("WEIR_SHARING_TARGET", "Where sharing answers.", text, "127.0.0.1:7102")
    partitioning_target: str = setting(
        "WEIR_PARTITIONING_TARGET", "Where partitioning answers.", text, "127.0.0.1:7103"
    )
    sync_target: str = setting("WEIR_SYNC_TARGET", "Where sync answers.", text, "127.0.0.1:7104")
    pooling_target: str = setting("WEIR_POOLING_TARGET", "Where pooling answers.", text, "127.0.0.1:7105")
    tenants: tuple[str, ...] = setting(
        "WEIR_AGGREGATOR_TENANTS",
        "Tenants loaded at the start; not healthy before. Others are loaded at their first question.",
        texts,
        ("default",),
    )
    tenants_max: int = setting(
        "WEIR_AGGREGATOR_TENANTS_MAX", "Tenants held in memory at most.", integer(1, 100_000), 100
    )
    log_bytes_max: int = setting(
        "WEIR_AGGREGATOR_LOG_BYTES_MAX",
        "Memory each log of a tenant's changes may take, that of levels and that of supplies; a watch that broke off "
        "further back begins anew.",
        integer(65_536, 1_073_741_824),
        16_777_216,
    )
    previews_max: int = setting(
        "WEIR_AGGREGATOR_PREVIEWS_MAX",
        "Previews in progress at once; each holds a copy of the levels of a tenant.",
        integer(1, 1000),
        PREVIEWS_MAX,
    )
    promises: bool = setting(
        "WEIR_AGGREGATOR_PROMISES",
        "Whether this process has units promised to orders that wait for them; of several processes one is enough.",
        flag,
        True,
    )
    replan_shortfalls: bool = setting(
        "WEIR_AGGREGATOR_REPLAN_SHORTFALLS",
        "Whether this process plans reservations again whose units turn out not to be there.",
        flag,
        False,
    )
    heartbeat_seconds: float = setting(
        "WEIR_AGGREGATOR_HEARTBEAT_SECONDS", "Longest silence of a watch.", number(0.1, 60), 5.0
    )

    def faults(self) -> Iterator[Fault]:
        """The tenants to begin with must be tenants, and no more than there is room for."""
        if any(identifier_fault(tenant) for tenant in self.tenants):
            yield Fault("WEIR_AGGREGATOR_TENANTS", "At most 128 characters each, no control characters.")
        if len(set(self.tenants)) > self.tenants_max:
            yield Fault("WEIR_AGGREGATOR_TENANTS", "No more than WEIR_AGGREGATOR_TENANTS_MAX.")


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Server]:
    """The service, listening within the block and drained at its end; SERVING once its first tenants are loaded.

    Once SERVING it stays so while a context is away: it answers at the mark it has reached, and says which.
    """
    async with (
        Peer(settings.ledger_target, settings.client) as ledger,
        Peer(settings.sharing_target, settings.client) as sharing,
        Peer(settings.partitioning_target, settings.client) as partitioning,
        Peer(settings.sync_target, settings.client) as sync,
        Peer(settings.pooling_target, settings.client) as pooling,
    ):
        feeds = Feeds(
            ledger_feed(ledger),
            sharing_feed(sharing),
            partitioning_feed(partitioning),
            sync_feed(sync),
            pooling_feed(pooling),
        )
        arrivals, promises = PeerArrivals(ledger), PeerPromises(ledger)

        async def followed(projection: Projection, tenant: str) -> None:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(follow(projection, tenant, feeds, UtcCalendar()))
                if settings.promises:
                    tasks.create_task(promising(projection, tenant, arrivals))
                if settings.replan_shortfalls:
                    tasks.create_task(replanning(tenants, tenant, arrivals, promises))

        tenants = Tenants(followed, tenants_max=settings.tenants_max, log_bytes_max=settings.log_bytes_max)
        server = Server(
            settings.server,
            name=SERVICE,
            registrations=registrations(
                tenants,
                promises,
                Pace(settings.heartbeat_seconds),
                previews_max=settings.previews_max,
            ),
            policies=POLICIES,
            authenticator=authenticator(settings.auth, settings.server.listen),
            telemetry=telemetry.active(),
        )
        for tenant in settings.tenants:
            server.readiness.hold(tenant)
        loading = [asyncio.create_task(_loaded(server, tenants, tenant)) for tenant in settings.tenants]
        try:
            async with server.serving():
                yield server
        finally:
            for task in loading:
                task.cancel()
            await asyncio.gather(*loading, return_exceptions=True)
            await tenants.close()


async def _loaded(server: Server, tenants: Tenants, tenant: str) -> None:
    await caught_up(tenants.projection(tenant), None)
    server.readiness.clear(tenant)
