"""The whole suite for a test: ledger, sharing and aggregator on one fresh database, in this process.

    async with suite(database) as running:
        merchant = running.merchant()
        await merchant.location("DE1")
        await merchant.receive("BIKE", DE1=50)

A suite is shared by many tests; each takes a merchant of its own, which is a tenant that nobody else is.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

import weir_aggregator.app
import weir_ledger.app
import weir_sharing.app
from tests.kit.ledger import signing_key
from tests.kit.merchant import Merchant, Stubs, stubs
from tests.kit.postgres import FreshDatabase
from weir_chassis.server import Server
from weir_chassis.settings import Address, AuthSettings, ClientSettings, ServerSettings

SCHEMAS = ("weir_ledger", "weir_sharing")
HERE = Address("127.0.0.1", 0)

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Suite:
    """Where the services are, and plain channels to them."""

    ledger: str
    sharing: str
    aggregator: str
    channels: dict[str, grpc.aio.Channel]
    """By address."""
    servers: dict[str, Server] = field(default_factory=dict)
    """Those that run in this process, by package."""

    def merchant(self, tenant: str | None = None, metadata: Sequence[tuple[str, str]] | None = None) -> Merchant:
        """Somebody who uses the suite: by default a tenant of its own; other `metadata` says otherwise who calls."""
        named = f"merchant {next(_numbers)}" if tenant is None else tenant
        return Merchant(named, self.stubs((("weir-tenant", named),) if metadata is None else metadata))

    def stubs(self, metadata: Sequence[tuple[str, str]]) -> Stubs:
        """Every service, called with this metadata."""
        return stubs(
            self.channels[self.ledger], self.channels[self.sharing], self.channels[self.aggregator], tuple(metadata)
        )

    def channel(self, service: str) -> grpc.aio.Channel:
        """The channel to the service of the suite that answers a proto service or method, by its full name."""
        context = service.lstrip("/").split(".")[1]
        return self.channels[{"ledger": self.ledger, "sharing": self.sharing, "aggregator": self.aggregator}[context]]


def server_settings(**others: Any) -> ServerSettings:
    """Settings of a server for tests: any free port, room for the watches of many tenants, and quick to end."""
    usual = {"listen": HERE, "watch_limit": 10_000, "notice_seconds": 0.0, "drain_seconds": 1.0}
    return ServerSettings(**{**usual, **others})


@asynccontextmanager
async def connected(*addresses: str) -> AsyncIterator[dict[str, grpc.aio.Channel]]:
    """Plain channels for the block, by address: no retries, so that a test sees what a service says."""
    options = [("grpc.enable_retries", 0), ("grpc.max_reconnect_backoff_ms", 200)]
    async with AsyncExitStack() as stack:
        yield {
            address: await stack.enter_async_context(grpc.aio.insecure_channel(address, options))
            for address in addresses
        }


@asynccontextmanager
async def suite(
    database: FreshDatabase,
    *,
    auth: AuthSettings | None = None,
    token_file: Path | None = None,
    **server: Any,
) -> AsyncIterator[Suite]:
    """The suite on `database` for the block.

    With `auth` every caller needs a token, and the aggregator presents the one in `token_file`; `server` are settings
    of every server.
    """
    async with AsyncExitStack() as stack:
        running = await books_and_rules(stack, database, auth=auth, **server)
        aggregator = await stack.enter_async_context(
            weir_aggregator.app.running(
                aggregator_settings(
                    running["weir_ledger"].address,
                    running["weir_sharing"].address,
                    auth=auth,
                    token_file=token_file,
                    **server,
                )
            )
        )
        servers = {**running, "weir_aggregator": aggregator}
        ledger, sharing = running["weir_ledger"].address, running["weir_sharing"].address
        channels = await stack.enter_async_context(connected(ledger, sharing, aggregator.address))
        yield Suite(ledger, sharing, aggregator.address, channels, servers)


async def books_and_rules(
    stack: AsyncExitStack, database: FreshDatabase, *, auth: AuthSettings | None = None, **server: Any
) -> dict[str, Server]:
    """Ledger and sharing, running until the stack is left."""
    apps: list[tuple[str, Any, dict[str, Any]]] = [
        ("weir_ledger", weir_ledger.app, {"signing_key": signing_key()}),
        ("weir_sharing", weir_sharing.app, {}),
    ]
    return {
        name: await stack.enter_async_context(
            app.running(
                app.Settings(
                    server=server_settings(**server),
                    database=database.settings(name),
                    auth=auth or AuthSettings(),
                    **own,
                )
            )
        )
        for name, app, own in apps
    }


def aggregator_settings(
    ledger: str,
    sharing: str,
    *,
    auth: AuthSettings | None = None,
    token_file: Path | None = None,
    tenants: tuple[str, ...] = (),
    **server: Any,
) -> weir_aggregator.app.Settings:
    """Settings of an aggregator of these two; it loads `tenants` before it is healthy."""
    return weir_aggregator.app.Settings(
        server=server_settings(**server),
        auth=auth or AuthSettings(),
        client=ClientSettings(token_file=token_file),
        ledger_target=ledger,
        sharing_target=sharing,
        tenants=tenants,
        tenants_max=1000,
        heartbeat_seconds=0.5,
    )
