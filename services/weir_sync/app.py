"""The sync service: settings -> database -> objects -> handlers -> servicers -> server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from weir_chassis.auth import authenticator
from weir_chassis.client import Peer
from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.ports import Objects, Tenants
from weir_chassis.configuration.worker import forgetting
from weir_chassis.database import Database
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
    address,
    flag,
    group,
    integer,
    number,
    path,
    setting,
    text,
)
from weir_chassis.watch import Wakeups
from weir_sync.connectors.csv_folder import csv_folders
from weir_sync.connectors.kinds import SORTS
from weir_sync.connectors.making import Making, Sorts
from weir_sync.domain.connections import ConnectorKind
from weir_sync.domain.rules import KINDS
from weir_sync.handlers.connections import Connecting, KeptSecrets
from weir_sync.handlers.orders import OrderDesk
from weir_sync.handlers.testing import Testing
from weir_sync.peers.counting import PeerCounting
from weir_sync.peers.levels import PeerLevels
from weir_sync.peers.orders import PeerOrderPromises
from weir_sync.peers.snapshots import PeerSnapshots
from weir_sync.ports.orders import OrderCursors, OrderPromises
from weir_sync.secrets import KeyFile, Keys
from weir_sync.servicer import POLICIES, registrations
from weir_sync.servicer.connections import ConnectionParts
from weir_sync.servicer.sync import Activity
from weir_sync.servicer.webhooks import Webhooks, listening
from weir_sync.store import TABLES, postgres_sync
from weir_sync.store.activity import PostgresRecords
from weir_sync.store.alerts import PostgresAlerts
from weir_sync.store.bulk import PostgresBulk
from weir_sync.store.cursors import PostgresOrderCursors
from weir_sync.store.feeds import PostgresLate, PostgresReports
from weir_sync.store.health import PostgresHealths
from weir_sync.store.leases import PostgresLeases
from weir_sync.store.levels import PostgresLevels
from weir_sync.store.listings import PostgresListings
from weir_sync.store.orders import PostgresOrders
from weir_sync.store.pushes import PostgresPushes
from weir_sync.store.runs import PostgresRuns
from weir_sync.store.schedules import PostgresSchedules
from weir_sync.store.secrets import PostgresResealing
from weir_sync.store.views import PostgresViews
from weir_sync.urls import Guard
from weir_sync.worker.feeds import Pulling
from weir_sync.worker.follower import Follower
from weir_sync.worker.follower import Pace as FollowPace
from weir_sync.worker.lateness import LatenessWorker
from weir_sync.worker.orders import OrderPoller, OrderWorker
from weir_sync.worker.periods import ending, scheduling
from weir_sync.worker.pusher import Pace as PushPace
from weir_sync.worker.pusher import Pusher
from weir_sync.worker.resealing import resealing
from weir_sync.worker.runs import RunWorker
from weir_sync.worker.shifts import Pace as ShiftPace
from weir_sync.worker.shifts import Shifts

SERVICE = "weir_sync"
CONTEXT = "sync"

Chore = Callable[[], Coroutine[Any, Any, None]]
"""What is done again and again until it is cancelled."""


@dataclass(frozen=True)
class Settings:
    """What the sync service reads from its environment."""

    server: ServerSettings = group(ServerSettings, listen=Address("127.0.0.1", 7104))
    database: DatabaseSettings = group(DatabaseSettings)
    auth: AuthSettings = group(AuthSettings)
    client: ClientSettings = group(ClientSettings)
    telemetry: TelemetrySettings = group(TelemetrySettings)
    ledger_target: str = setting("WEIR_LEDGER_TARGET", "Where the ledger answers.", text, "127.0.0.1:7101")
    aggregator_target: str = setting("WEIR_AGGREGATOR_TARGET", "Where the aggregator answers.", text, "127.0.0.1:7100")
    rules_max: int = setting("WEIR_SYNC_RULES_MAX", "Rules that a tenant may have.", integer(1, 1000), 200)
    listings_max: int = setting(
        "WEIR_SYNC_LISTINGS_MAX", "Listings that a connection may have.", integer(1, 10_000_000), 1_000_000
    )
    history_keep_seconds: int = setting(
        "WEIR_SYNC_HISTORY_KEEP_SECONDS",
        "How long changes of rules and limits can be watched again.",
        integer(86_400, 315_360_000),
        2_592_000,
    )
    record_keep_seconds: int = setting(
        "WEIR_SYNC_RECORD_KEEP_SECONDS",
        "How long records of what stores were told are kept, and runs and alerts that ended.",
        integer(3600, 315_360_000),
        2_592_000,
    )
    connections_max: int = setting(
        "WEIR_SYNC_CONNECTIONS_MAX", "Stores and warehouses that a tenant may have.", integer(1, 10_000), 200
    )
    secret_key_file: Path | None = setting(
        "WEIR_SYNC_SECRET_KEY_FILE",
        "File of the keys that secrets of connections are kept with; without it none can be set.",
        path,
        None,
    )
    allow_loopback: bool = setting(
        "WEIR_SYNC_ALLOW_LOOPBACK",
        "Whether connections may lead to this machine itself, and then without https.",
        flag,
        False,
    )
    csv_root: Path | None = setting(
        "WEIR_SYNC_CSV_ROOT",
        "Folder below which warehouses may put files; without it no folder is read.",
        path,
        None,
    )
    unreported_keep_seconds: float = setting(
        "WEIR_SYNC_UNREPORTED_KEEP_SECONDS",
        "How long units that were seen sold in a store, and of which no order comes in, are kept back from it.",
        number(1, 2_592_000),
        86_400.0,
    )
    pushes: bool = setting(
        "WEIR_SYNC_PUSHES",
        "Whether this process follows levels and tells them to stores; of several, each takes some of the stores.",
        flag,
        True,
    )
    order_poll_seconds: float = setting(
        "WEIR_SYNC_ORDER_POLL_SECONDS",
        "How often orders are read from stores that do not report them by themselves.",
        number(0.1, 86_400),
        15.0,
    )
    webhook_listen: Address | None = setting(
        "WEIR_SYNC_WEBHOOK_LISTEN",
        "Where orders that stores send are taken in over HTTP, behind a proxy that speaks TLS; nowhere unless given.",
        address,
        None,
    )
    runs: bool = setting(
        "WEIR_SYNC_RUNS",
        "Whether this process carries out runs, and begins those of schedules; of several, each takes some of them.",
        flag,
        True,
    )
    lease_seconds: float = setting(
        "WEIR_SYNC_LEASE_SECONDS",
        "How long a process that is not heard of keeps the stores it tells levels to, before another takes them.",
        number(2, 600),
        30.0,
    )


@asynccontextmanager
async def running(settings: Settings, sorts: Sorts = SORTS) -> AsyncIterator[Server]:
    """The service, listening within the block and drained at its end; it can talk to these sorts of systems."""
    async with (
        provided(settings.database, SERVICE) as database,
        Wakeups(database).listening() as wakeups,
        Peer(settings.ledger_target, settings.client) as ledger,
        Peer(settings.aggregator_target, settings.client) as aggregator,
    ):
        cluster = await database.identity()
        tenants = postgres_sync(database)
        handlers: Handlers[Objects] = Handlers(tenants, Origin(CONTEXT, cluster.id, cluster.epoch), KINDS)
        keys, kept, making, sealing = _connecting(settings, database, tenants, sorts)
        healths, schedules = PostgresHealths(database), PostgresSchedules(database)
        runs, records, alerts = PostgresRuns(database), PostgresRecords(database), PostgresAlerts(database)
        activity = Activity(runs, records, alerts, PostgresViews(database), PeerCounting(ledger))
        orders = _orders(settings, database, handlers, making, PeerOrderPromises(aggregator, ledger))
        reports = PostgresReports(database)
        pulling = Pulling(handlers, making, PostgresListings(database), reports, PeerSnapshots(ledger), healths)
        lateness = LatenessWorker(database.heads, handlers, reports, PostgresLate(database))
        server = Server(
            settings.server,
            name=SERVICE,
            registrations=registrations(
                handlers,
                ConnectionParts(
                    keys,
                    Connecting(making, settings.connections_max),
                    Testing(making, healths),
                    healths,
                    schedules,
                ),
                PostgresBulk(database, TABLES),
                orders.desk,
                activity,
                wakeups,
                rules_max=settings.rules_max,
                listings_max=settings.listings_max,
            ),
            policies=POLICIES,
            authenticator=authenticator(settings.auth, settings.server.listen),
        )
        chores = [
            asyncio.create_task(purging(database, keep_seconds=settings.database.request_keep_seconds)),
            asyncio.create_task(forgetting(tenants, keep_seconds=settings.history_keep_seconds)),
            *(
                asyncio.create_task(forgetting(each, keep_seconds=settings.record_keep_seconds))
                for each in (runs, records, alerts)
            ),
            *(asyncio.create_task(each()) for each in orders.chores),
            asyncio.create_task(lateness.work()),
        ]
        if settings.pushes:
            shifts = _shifts(settings, database, wakeups, making, healths, PeerLevels(aggregator))
            chores.append(asyncio.create_task(shifts.work()))
        if settings.runs:
            chores.append(asyncio.create_task(scheduling(database.tenants, schedules)))
            chores.append(asyncio.create_task(RunWorker(database.tenants, runs, pulling).work()))
            chores.append(asyncio.create_task(ending(database.tenants, activity.views, activity.counting)))
        chores += [asyncio.create_task(each()) for each in sealing]
        try:
            webhooks = Webhooks(orders.desk, orders.cursors, kept)
            async with server.serving(), _taking(settings.webhook_listen, webhooks):
                yield server
        finally:
            for chore in chores:
                chore.cancel()
            await asyncio.gather(*chores, return_exceptions=True)


class _Connecting(NamedTuple):
    """What connections are made by."""

    keys: Callable[[], Keys | None]
    secrets: KeptSecrets
    making: Making
    chores: Sequence[Chore]


def _connecting(settings: Settings, database: Database, tenants: Tenants[Objects], sorts: Sorts) -> _Connecting:
    """Make connectors of these sorts, by secrets that are sealed with the keys of a file, if there is one."""
    file = KeyFile(settings.secret_key_file) if settings.secret_key_file else None
    keys = file.keys if file else lambda: None
    kept = KeptSecrets(tenants, keys)
    if settings.csv_root is not None:
        sorts = {**sorts, ConnectorKind.CSV_FOLDER: csv_folders(settings.csv_root)}
    making = Making(sorts, kept, Guard(allow_loopback=settings.allow_loopback))
    chores = [partial(resealing, PostgresResealing(database), database.tenants, file)] if file else []
    return _Connecting(keys, kept, making, chores)


def _shifts(
    settings: Settings,
    database: Database,
    wakeups: Wakeups,
    making: Making,
    healths: PostgresHealths,
    source: PeerLevels,
) -> Shifts:
    """Follow levels and tell them to stores, each by one process."""
    levels, listings = PostgresLevels(database), PostgresListings(database)
    keep = settings.unreported_keep_seconds
    follower = Follower(
        levels, listings, source, wakeups, FollowPace(keep_seconds=keep, forgive_seconds=min(60.0, keep / 4))
    )
    pace = PushPace(request_seconds=min(10.0, settings.lease_seconds / 2))
    pusher = Pusher(PostgresPushes(database), making, healths, wakeups, pace)
    return Shifts(
        database.heads,
        postgres_sync(database),
        PostgresLeases(database),
        wakeups,
        follower.covers,
        follower.follow,
        pusher.push,
        ShiftPace(lease_seconds=settings.lease_seconds),
    )


class _Orders(NamedTuple):
    """What takes orders of stores in."""

    desk: OrderDesk
    cursors: OrderCursors
    chores: Sequence[Chore]


def _orders(
    settings: Settings, database: Database, handlers: Handlers[Objects], making: Making, promises: OrderPromises
) -> _Orders:
    """Keep orders in `database`, and read them from stores that `making` reaches."""
    due = asyncio.Event()
    desk = OrderDesk(handlers, PostgresListings(database), PostgresOrders(database), promises, due.set)
    worker, cursors = OrderWorker(database.tenants, desk, due), PostgresOrderCursors(database)
    polling = OrderPoller(database.tenants, desk, cursors, making, settings.order_poll_seconds)
    return _Orders(desk, cursors, (worker.work, worker.cover, polling.work))


def _taking(listen: Address | None, app: Webhooks) -> AbstractAsyncContextManager[int | None]:
    """Take in what stores send within the block, if it is said where."""
    return nullcontext() if listen is None else listening(app, listen)
