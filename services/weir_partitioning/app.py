"""The partitioning service: settings -> database -> policies -> handlers -> servicer -> server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from weir_chassis.auth import authenticator
from weir_chassis.client import Peer
from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.ports import Objects
from weir_chassis.configuration.worker import forgetting
from weir_chassis.idempotency import purging
from weir_chassis.paging import Pages
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
    flag,
    group,
    integer,
    number,
    setting,
    text,
)
from weir_chassis.watch import Wakeups
from weir_partitioning.domain import KINDS
from weir_partitioning.handlers.dividing import Dividing
from weir_partitioning.handlers.shares import Shares
from weir_partitioning.peers.ceilings import PeerCeilings
from weir_partitioning.peers.claims import PeerClaims
from weir_partitioning.peers.sales import PeerSales
from weir_partitioning.peers.supplies import PeerSupplies
from weir_partitioning.rebalancing import Policies, Rebalancer
from weir_partitioning.servicer import POLICY, PartitioningServicer
from weir_partitioning.store import PostgresDemand, PostgresEpochs, PostgresWishes, postgres_policies
from weir_partitioning.worker import Pace, Worker

SERVICE = "weir_partitioning"
CONTEXT, EPOCHS = "partitioning", "epochs"
"""Where revisions are drawn: those of policies, and the numbers of epochs."""


@dataclass(frozen=True)
class Settings:
    """What the partitioning service reads from its environment."""

    server: ServerSettings = group(ServerSettings, listen=Address("127.0.0.1", 7103))
    database: DatabaseSettings = group(DatabaseSettings)
    auth: AuthSettings = group(AuthSettings)
    client: ClientSettings = group(ClientSettings)
    telemetry: TelemetrySettings = group(TelemetrySettings)
    ledger_target: str = setting("WEIR_LEDGER_TARGET", "Where the ledger answers.", text, "127.0.0.1:7101")
    sharing_target: str = setting("WEIR_SHARING_TARGET", "Where sharing answers.", text, "127.0.0.1:7102")
    aggregator_target: str = setting("WEIR_AGGREGATOR_TARGET", "Where the aggregator answers.", text, "127.0.0.1:7100")
    policies_max: int = setting(
        "WEIR_PARTITIONING_POLICIES_MAX", "Policies that a tenant may have.", integer(1, 1000), 200
    )
    history_keep_seconds: int = setting(
        "WEIR_PARTITIONING_HISTORY_KEEP_SECONDS",
        "How long changes of policies, and epochs other than the newest, are kept to be watched again.",
        integer(86_400, 315_360_000),
        2_592_000,
    )
    rebalances: bool = setting(
        "WEIR_PARTITIONING_REBALANCES",
        "Whether this process divides supplies anew unasked; of several processes one is enough.",
        flag,
        True,
    )
    rebalance_seconds: float = setting(
        "WEIR_PARTITIONING_REBALANCE_SECONDS",
        "How long what happens to a supply is gathered before it is looked at.",
        number(0, 60),
        0.1,
    )
    demand_seconds: float = setting(
        "WEIR_PARTITIONING_DEMAND_SECONDS",
        "How often the ledger is asked what orders were promised, where a policy divides by demand.",
        number(1, 86_400),
        60.0,
    )


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Server]:
    """The service, listening within the block and drained at its end."""
    async with (
        provided(settings.database, SERVICE) as database,
        Wakeups(database).listening() as wakeups,
        Peer(settings.ledger_target, settings.client) as ledger,
        Peer(settings.sharing_target, settings.client) as sharing,
        Peer(settings.aggregator_target, settings.client) as aggregator,
    ):
        cluster = await database.identity()
        policies = postgres_policies(database)
        ceilings, demand = PeerCeilings(ledger, life=cluster.epoch), PostgresDemand(database)
        epochs = PostgresEpochs(database)
        rebalancer = Rebalancer(epochs, Policies(policies), ceilings, demand)
        supplies, claims = PeerSupplies(aggregator), PeerClaims(ledger)
        origin = Origin(CONTEXT, cluster.id, cluster.epoch)
        handlers: Handlers[Objects] = Handlers(policies, origin, KINDS)
        servicer = PartitioningServicer(
            handlers,
            Shares(epochs, claims, Origin(EPOCHS, cluster.id, cluster.epoch)),
            Dividing(rebalancer, supplies, claims, PostgresWishes(database), policies, origin),
            pages=Pages(cluster.id),
            wakeups=wakeups,
            policies_max=settings.policies_max,
        )
        server = Server(
            settings.server,
            name=SERVICE,
            registrations=[servicer.registration],
            policies=[POLICY],
            authenticator=authenticator(settings.auth, settings.server.listen),
        )
        chores = [
            asyncio.create_task(purging(database, keep_seconds=settings.database.request_keep_seconds)),
            asyncio.create_task(forgetting(policies, keep_seconds=settings.history_keep_seconds)),
            asyncio.create_task(forgetting(epochs, keep_seconds=settings.history_keep_seconds)),
        ]
        if settings.rebalances:
            pace = Pace(settings.rebalance_seconds, demand_seconds=settings.demand_seconds)
            worker = Worker(database.heads, rebalancer, supplies, PeerSales(ledger, sharing), pace)
            chores.append(asyncio.create_task(worker.work()))
        try:
            async with server.serving():
                yield server
        finally:
            for chore in chores:
                chore.cancel()
            await asyncio.gather(*chores, return_exceptions=True)
