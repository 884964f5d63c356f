"""What stores send over HTTP: POST /webhooks/TENANT/CONNECTION, signed by the secret of the connection.

200 is only answered once the order is written down, or that there is something to read at the store. Whoever is not let
in is not told why: there may be no such tenant or connection, its orders may not be taken, or the signature is wrong.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import structlog
import uvicorn

from weir_chassis.errors import Refusal
from weir_chassis.settings import Address
from weir_sync.connectors.hooks import HOOKS, Hook, Unreadable
from weir_sync.connectors.making import Secrets
from weir_sync.connectors.port import Denied
from weir_sync.domain.connections import Connection, Role
from weir_sync.handlers.orders import OrderDesk
from weir_sync.ports.orders import OrderCursors

BODY_MAX = 1024 * 1024
BODY_SECONDS = 10.0
CALLS_MAX = 200
RETRY_SECONDS = b"30"
NOBODYS_KEY = secrets.token_hex(32)
"""What is looked at where there is no key, so that this takes as long."""
PING = re.compile(rb"webhook_id=\d{1,20}")
"""What WooCommerce sends, unsigned, to see whether somebody is there."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

log = structlog.get_logger(__name__)


class _TooLarge(Exception):
    """The body is larger than any order."""


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The endpoint, as an ASGI application."""

    desk: OrderDesk
    cursors: OrderCursors
    kept: Secrets
    clock: Callable[[], float] = time.time

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request."""
        assert scope["type"] == "http"
        status = await self._status(scope, receive)
        headers = [(b"content-length", b"0")] + ([(b"retry-after", RETRY_SECONDS)] if status == 503 else [])
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _status(self, scope: Message, receive: Receive) -> int:
        place = _place(scope)
        if place is None:
            return 404
        if scope["method"] != "POST":
            return 405
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(receive)
        except _TooLarge:
            return 413
        except TimeoutError:
            return 408
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if PING.fullmatch(body):
            return 200
        try:
            return await self._taken(*place, headers, body)
        except Refusal as refusal:
            log.warning("what a store sent cannot be taken in now", tenant=place[0], reason=refusal.reason)
            return 503
        except Exception:
            log.exception("what a store sent could not be taken in", tenant=place[0])
            return 503

    async def _taken(self, tenant: str, name: str, headers: Mapping[str, str], body: bytes) -> int:
        hook, key = await self._hook(tenant, name)
        if not hook.is_signed(key or NOBODYS_KEY, headers, body, self.clock()) or not key:
            return 401
        if hook.read is None:
            await self.cursors.hint(tenant, name)
            return 200
        try:
            sold = hook.read(body)
        except Unreadable as fault:
            log.warning("a store sent what is no order", tenant=tenant, connection=name, fault=str(fault))
            return 400
        await self.desk.take_in(tenant, name, sold)
        return 200

    async def _hook(self, tenant: str, name: str) -> tuple[Hook, str]:
        """How a store sends and the key that it signs with; an empty one where nothing may come in."""
        nobody = next(iter(HOOKS.values())), ""
        async with self.desk.answering.reading(tenant, {}) as (objects, _):
            found = await objects.get(Connection, (name,))
        if found is None or found.role is not Role.STORE or not found.take_orders or found.kind not in HOOKS:
            return nobody
        hook = HOOKS[found.kind]
        try:
            return hook, (await self.kept.secrets(tenant, name)).get(hook.secret, "")
        except Denied as fault:
            log.warning("a secret cannot be opened", tenant=tenant, connection=name, fault=str(fault))
            return nobody


class _Server(uvicorn.Server):
    """One that leaves signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def listening(app: Webhooks, address: Address) -> AsyncIterator[int]:
    """Answer at an address within the block; gives the port. Raises OSError where nobody can listen there."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.create_server((address.host, address.port), family=family)
    server = _Server(
        uvicorn.Config(
            app,
            interface="asgi3",
            http="h11",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=False,
            limit_concurrency=CALLS_MAX,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=5,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        listener.close()


def _place(scope: Message) -> tuple[str, str] | None:
    """The tenant and the connection that a path names; None for any other path."""
    parts = scope.get("raw_path", b"").decode("latin-1").split("?")[0].split("/")
    if len(parts) != 4 or parts[:2] != ["", "webhooks"]:
        return None
    tenant, connection = map(unquote, parts[2:])
    known = all(0 < len(each) <= 128 and each.isprintable() for each in (tenant, connection))
    return (tenant, connection) if known else None


async def _body(receive: Receive) -> bytes:
    """All of a body; raises _TooLarge."""
    parts, size = [], 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > BODY_MAX:
            raise _TooLarge
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
