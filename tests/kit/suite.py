"""The whole suite for a test: every service on one fresh database, in this process.

    async with suite(database) as running:
        merchant = running.merchant()
        await merchant.location("DE1")
        await merchant.receive("BIKE", DE1=50)

A suite is shared by many tests; each takes a merchant of its own, which is a tenant that nobody else is.
"""

from __future__ import annotations

import base64
import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

import weir_aggregator.app
import weir_ledger.app
import weir_partitioning.app
import weir_pooling.app
import weir_sharing.app
import weir_sync.app
from tests.kit.connecting import connect
from tests.kit.ledger import signing_key
from tests.kit.merchant import Merchant, Stubs, stubs
from tests.kit.postgres import FreshDatabase
from weir_chassis.server import Server
from weir_chassis.settings import Address, AuthSettings, ClientSettings, ServerSettings
from weir_cli.suite import kept_port

CONTEXTS = ("ledger", "sharing", "partitioning", "sync", "pooling")
"""What the aggregator follows."""
SCHEMAS = tuple(f"weir_{context}" for context in CONTEXTS)
HERE = Address("127.0.0.1", 0)
NOWHERE = "127.0.0.1:1"
"""Where nothing listens."""

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Suite:
    """Where the services are, and plain channels to them."""

    addresses: Mapping[str, str]
    """Of each service, by name."""
    channels: dict[str, grpc.aio.Channel]
    """By address."""
    servers: dict[str, Server] = field(default_factory=dict)
    """Those that run in this process, by package."""
    database_url: str = ""
    """Where they keep everything, as its superuser."""

    @property
    def ledger(self) -> str:
        """Address of the ledger."""
        return self.addresses["ledger"]

    @property
    def sharing(self) -> str:
        """Address of sharing."""
        return self.addresses["sharing"]

    @property
    def aggregator(self) -> str:
        """Address of the aggregator."""
        return self.addresses["aggregator"]

    def merchant(self, tenant: str | None = None, metadata: Sequence[tuple[str, str]] | None = None) -> Merchant:
        """Somebody who uses the suite: by default a tenant of its own; other `metadata` says otherwise who calls."""
        named = f"merchant {next(_numbers)}" if tenant is None else tenant
        stubs = self.stubs((("weir-tenant", named),) if metadata is None else metadata)
        return Merchant(named, stubs, database_url=self.database_url)

    def stubs(self, metadata: Sequence[tuple[str, str]]) -> Stubs:
        """Every service, called with this metadata."""
        by_service = {name: self.channels[address] for name, address in self.addresses.items()}
        return stubs(by_service, tuple(metadata))

    def channel(self, service: str) -> grpc.aio.Channel:
        """The channel to the service of the suite that answers a proto service or method, by its full name."""
        return self.channels[self.addresses[service.lstrip("/").split(".")[1]]]


def server_settings(**others: Any) -> ServerSettings:
    """Settings of a server for tests: any free port, room for the watches of many tenants, and quick to end."""
    usual = {"listen": HERE, "watch_limit": 10_000, "notice_seconds": 0.0, "drain_seconds": 1.0}
    return ServerSettings(**{**usual, **others})


@asynccontextmanager
async def connected(*addresses: str) -> AsyncIterator[dict[str, grpc.aio.Channel]]:
    """Plain channels for the block, by address: no retries, so that a test sees what a service says."""
    options = [("grpc.enable_retries", 0)]
    async with AsyncExitStack() as stack:
        yield {address: await stack.enter_async_context(connect(address, options)) for address in addresses}


@asynccontextmanager
async def suite(
    database: FreshDatabase,
    *,
    auth: AuthSettings | None = None,
    token_file: Path | None = None,
    pushes: bool = True,
    **server: Any,
) -> AsyncIterator[Suite]:
    """The suite on `database` for the block; its sync tells stores levels if it `pushes`.

    With `auth` every caller needs a token, and services that call others present the one in `token_file`; `server` are
    settings of every server.
    """
    async with AsyncExitStack() as stack:
        port = stack.enter_context(kept_port())
        running = await books_and_rules(
            stack,
            database,
            auth=auth,
            token_file=token_file,
            aggregator=f"127.0.0.1:{port}",
            pushes=pushes,
            **server,
        )
        contexts = addresses(running)
        listening = {**server, "listen": Address("127.0.0.1", port), "reuse_port": True}
        settings = aggregator_settings(contexts, auth=auth, token_file=token_file, **listening)
        aggregator = await stack.enter_async_context(weir_aggregator.app.running(settings))
        servers = {**running, "weir_aggregator": aggregator}
        channels = await stack.enter_async_context(connected(*addresses(servers).values()))
        yield Suite(addresses(servers), channels, servers, database.owner_url)


def addresses(servers: Mapping[str, Server]) -> dict[str, str]:
    """Where servers are, by the name of the service; given by package."""
    return {package.removeprefix("weir_"): server.address for package, server in servers.items()}


async def books_and_rules(
    stack: AsyncExitStack,
    database: FreshDatabase,
    *,
    auth: AuthSettings | None = None,
    token_file: Path | None = None,
    aggregator: str = NOWHERE,
    pushes: bool = True,
    **server: Any,
) -> dict[str, Server]:
    """Every service but the aggregator, by package, running until the stack is left; `aggregator` is where they are
    told that it will be.
    """

    async def start(app: Any, **own: Any) -> Server:
        settings = app.Settings(
            server=server_settings(**server),
            database=database.settings(app.__name__.partition(".")[0]),
            auth=auth or AuthSettings(),
            **own,
        )
        serving: Server = await stack.enter_async_context(app.running(settings))
        return serving

    ledger = await start(weir_ledger.app, signing_key=signing_key())
    client = ClientSettings(token_file=token_file)
    sharing = await start(weir_sharing.app, client=client, ledger_target=ledger.address)
    return {
        "weir_ledger": ledger,
        "weir_sharing": sharing,
        "weir_partitioning": await start(
            weir_partitioning.app,
            client=client,
            ledger_target=ledger.address,
            sharing_target=sharing.address,
            aggregator_target=aggregator,
        ),
        "weir_sync": await start(
            weir_sync.app,
            client=client,
            ledger_target=ledger.address,
            aggregator_target=aggregator,
            allow_loopback=True,
            secret_key_file=stack.enter_context(_secret_keys()),
            csv_root=Path(stack.enter_context(tempfile.TemporaryDirectory())),
            pushes=pushes,
        ),
        "weir_pooling": await start(weir_pooling.app, client=client, ledger_target=ledger.address),
    }


@contextmanager
def _secret_keys() -> Iterator[Path]:
    """A file with a key for secrets of connections, for the block."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "keys"
        file.write_text(f"suite {base64.b64encode(os.urandom(32)).decode()}\n")
        yield file


def aggregator_settings(
    contexts: Mapping[str, str],
    *,
    auth: AuthSettings | None = None,
    token_file: Path | None = None,
    tenants: tuple[str, ...] = (),
    **server: Any,
) -> weir_aggregator.app.Settings:
    """Settings of an aggregator of services at these addresses; it loads `tenants` before it is healthy."""
    return weir_aggregator.app.Settings(
        server=server_settings(**server),
        auth=auth or AuthSettings(),
        client=ClientSettings(token_file=token_file),
        ledger_target=contexts["ledger"],
        sharing_target=contexts["sharing"],
        partitioning_target=contexts["partitioning"],
        sync_target=contexts["sync"],
        pooling_target=contexts["pooling"],
        tenants=tenants,
        tenants_max=1000,
        heartbeat_seconds=0.5,
    )
