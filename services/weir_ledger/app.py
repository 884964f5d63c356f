"""Wire the ledger: settings -> database -> books -> servicers -> server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from weir_chassis import telemetry
from weir_chassis.auth import authenticator
from weir_chassis.errors import Misconfigured
from weir_chassis.idempotency import purging
from weir_chassis.provision import kept_beside, provided
from weir_chassis.revisions import Origin
from weir_chassis.server import Server
from weir_chassis.settings import (
    Address,
    AuthSettings,
    DatabaseSettings,
    ServerSettings,
    TelemetrySettings,
    group,
    integer,
    setting,
)
from weir_chassis.signing import SigningKey, signing_key
from weir_chassis.watch import Wakeups
from weir_ledger.domain.limits import COUNT_MAX, Holding, Limits
from weir_ledger.servicer import POLICIES, registrations
from weir_ledger.store import PostgresBooks
from weir_ledger.wire.heads import Heads
from weir_ledger.worker import expiring, keeping

SCHEMA = "weir_ledger"
CONTEXT = "ledger"
SIGNING_KEY_FILE = "ledger-signing-key.pem"
"""Beside the data of an embedded database."""


@dataclass(frozen=True)
class Settings:
    """What the ledger can be told."""

    server: ServerSettings = group(ServerSettings, listen=Address("127.0.0.1", 7101))
    database: DatabaseSettings = group(DatabaseSettings)
    auth: AuthSettings = group(AuthSettings)
    telemetry: TelemetrySettings = group(TelemetrySettings)
    queue_max: int = setting(
        "WEIR_LEDGER_QUEUE_MAX", "Writes of one tenant that may wait for their turn.", integer(1, 100_000), 2000
    )
    tenant_reservations_max: int = setting(
        "WEIR_LEDGER_TENANT_RESERVATIONS_MAX",
        "Reservations of one tenant that may be open at a time.",
        integer(1, COUNT_MAX),
        10_000_000,
    )
    tenant_held_units_max: int = setting(
        "WEIR_LEDGER_TENANT_HELD_UNITS_MAX",
        "Units that one tenant may hold without having confirmed them.",
        integer(1, COUNT_MAX),
        10**12,
    )
    channel_reservations_max: int = setting(
        "WEIR_LEDGER_CHANNEL_RESERVATIONS_MAX",
        "Reservations of one channel that may be open at a time.",
        integer(1, COUNT_MAX),
        1_000_000,
    )
    channel_held_units_max: int = setting(
        "WEIR_LEDGER_CHANNEL_HELD_UNITS_MAX",
        "Units that one channel may hold without having confirmed them.",
        integer(1, COUNT_MAX),
        10**11,
    )
    hold_seconds_max: int = setting(
        "WEIR_LEDGER_HOLD_SECONDS_MAX",
        "How long units may be held without being confirmed, counted from when they were promised.",
        integer(1, 365 * 86400),
        30 * 86400,
    )
    lines_max: int = setting(
        "WEIR_LEDGER_LINES_MAX", "Lines or movements that one request may have.", integer(1, 2000), 2000
    )
    closing_hours: int = setting(
        "WEIR_LEDGER_CLOSING_HOURS",
        "How often all balances are copied, so that those of the past are found from there.",
        integer(1, 24 * 31),
        24,
    )
    signing_key: SigningKey | None = setting(
        "WEIR_LEDGER_SIGNING_KEY",
        "Private Ed25519 key, as PEM, PKCS #8, that signs heads of the chain of digests; unset means one of its own"
        " beside an embedded database, else none.",
        signing_key,
        None,
        secret=True,
    )

    @property
    def limits(self) -> Limits:
        """What this installation allows."""
        return Limits(
            Holding(self.tenant_reservations_max, self.tenant_held_units_max),
            Holding(self.channel_reservations_max, self.channel_held_units_max),
            self.hold_seconds_max,
            self.lines_max,
        )


def _signing_key(settings: Settings) -> SigningKey | None:
    """The key that heads are signed by: the one configured, else one of its own beside an embedded database.

    Raises Misconfigured where that one is of no use.
    """
    if settings.signing_key is not None or settings.database.url is not None:
        return settings.signing_key
    kept = kept_beside(settings.database, SIGNING_KEY_FILE, lambda: SigningKey.made().pem())
    try:
        return signing_key(kept)
    except ValueError as fault:
        raise Misconfigured(f"{SIGNING_KEY_FILE} beside the database: {fault}") from None


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Server]:
    """A started server of the ledger; drained when left."""
    async with provided(settings.database, SCHEMA) as database:
        cluster = await database.identity()
        origin = Origin(CONTEXT, cluster.id, cluster.epoch)
        books = PostgresBooks(database, queue_max=settings.queue_max, limits=settings.limits)
        await books.open_months()
        async with Wakeups(database).listening() as wakeups:
            server = Server(
                settings.server,
                name=SCHEMA,
                registrations=registrations(books, origin, wakeups, Heads(origin, _signing_key(settings))),
                policies=POLICIES,
                authenticator=authenticator(settings.auth, settings.server.listen),
                telemetry=telemetry.active(),
            )
            keep_seconds = settings.database.request_keep_seconds
            workers = [
                asyncio.create_task(expiring(books)),
                asyncio.create_task(keeping(books, closing_hours=settings.closing_hours, import_seconds=keep_seconds)),
                asyncio.create_task(purging(database, keep_seconds=keep_seconds)),
            ]
            try:
                await server.start()
                yield server
            finally:
                await server.drain()
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
                await books.close()
