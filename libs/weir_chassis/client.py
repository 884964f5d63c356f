"""Calls to other services: a deadline on each, retries at one layer, the caller's tenant and our own token.

    ledger = Peer(settings.ledger_target, settings.client)
    stub = LedgerServiceStub(ledger.channel)
    await stub.GetBalance(request)                      # for the tenant of the call being answered, within its deadline
    LedgerServiceStub(ledger.with_tenant("acme").channel)  # for a worker that answers no call

One peer a target and process: it holds the connections. Only a service that is away is asked again, by gRPC itself,
which is right for every method because every mutation carries a request id. A stream has no deadline of its own unless
it is given one.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
import structlog
from opentelemetry import propagate, trace
from opentelemetry.trace import StatusCode as SpanStatus

from weir_chassis import call, tls
from weir_chassis.errors import Misconfigured
from weir_chassis.settings import ClientSettings
from weir_chassis.telemetry import Telemetry, active

SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                # CANCELLED is what a server that shuts down answers to a call it has not begun.
                "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
            },
        }
    ],
    # Retries stop once most calls fail, so that a service that comes back is not buried under them.
    "retryThrottling": {"maxTokens": 1000, "tokenRatio": 0.5},
}
KEEPALIVE_TIMEOUT_SECONDS = 10.0
"""How long a connection that is tried may stay silent before it is given up."""
FILE_LOOK_SECONDS = 1.0
"""How often token and TLS files are looked at, at most."""
FORMER_GRACE_SECONDS = 3600.0
"""How long calls may still take on connections whose certificate was renewed; servers end older ones by their age."""

Pairs = list[tuple[str, str | bytes]]

log = structlog.get_logger(__name__)


class ClientFileUnusable(Misconfigured):
    """A token or TLS file of the client settings cannot be read or is not what it should be; the text names it."""


class Peer:
    """Another service of the suite, or any gRPC target: `ipv4:a:1,b:2`, `dns:///ledger:7101`, `host:port`."""

    def __init__(
        self,
        target: str,
        settings: ClientSettings | None = None,
        *,
        telemetry: Telemetry | None = None,
        tenant: str | None = None,
        user: str | None = None,
    ) -> None:
        """Connects when first called. Names `tenant`, or that of the call being answered, or none where there is
        neither; and `user` as the person that calls are made for, where one is given.

        Raises ClientFileUnusable.
        """
        self.target = target
        self._settings = settings or ClientSettings()
        self._telemetry = telemetry or active()
        self._wire = _Wire(target, self._settings)
        self._token = None if self._settings.token_file is None else _TokenFile(self._settings.token_file)
        self._user = user
        self.channel: grpc.aio.Channel = self._channel(tenant)

    def with_tenant(self, tenant: str) -> "TenantPeer":
        """The same connections, for calls that act for `tenant`."""
        return TenantPeer(self._channel(tenant), tenant)

    async def close(self) -> None:
        """End all calls and close the connections."""
        await self._wire.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def _channel(self, tenant: str | None) -> grpc.aio.Channel:
        return _Channel(self._wire, _Terms(self._settings, self._token, tenant, self._user, self._telemetry))


class TenantPeer:
    """A view of a peer for one tenant; closed with the peer."""

    def __init__(self, channel: grpc.aio.Channel, tenant: str) -> None:
        """Made by `Peer.with_tenant`."""
        self.channel = channel
        self.tenant = tenant


class _TokenFile:
    """A bearer token that is read again when its file changes; looked at once a second at most."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = 0
        self._looked = time.monotonic()
        self._value = ""
        self._read()

    def authorization(self) -> str:
        """The value of the `authorization` metadata."""
        now = time.monotonic()
        if now - self._looked > FILE_LOOK_SECONDS:
            self._looked = now
            try:
                self._read()
            except ClientFileUnusable as fault:
                log.warning("token cannot be read; keeping the former one", fault=str(fault))
        return self._value

    def _read(self) -> None:
        try:
            changed = self._path.stat().st_mtime_ns
            if changed != self._seen:
                self._value = f"Bearer {self._path.read_text().strip()}"
                self._seen = changed
        except OSError as error:
            raise ClientFileUnusable(f"{self._path}: {error.strerror}") from error


class _Terms:
    """What every call is sent with: how long it may take, for whom, by whom, and in which trace."""

    def __init__(
        self,
        settings: ClientSettings,
        token: _TokenFile | None,
        tenant: str | None,
        user: str | None,
        telemetry: Telemetry,
    ) -> None:
        self._default_seconds = settings.deadline_seconds
        self._margin_seconds = settings.margin_seconds
        self._token = token
        self._tenant = tenant
        self._user = user
        self._tasks: set[asyncio.Task[None]] = set()
        self.telemetry = telemetry

    def seconds(self, asked: float | None, *, endless: bool) -> float | None:
        """How long the call may take: what was asked or the default, but no longer than our own caller waits.

        Raises AioRpcError with DEADLINE_EXCEEDED where nothing is left: gRPC itself would still send the call.
        """
        if asked is None and not endless:
            asked = self._default_seconds
        left = call.remaining_seconds()
        if left is None:
            return asked
        left -= self._margin_seconds
        if left <= 0:
            raise grpc.aio.AioRpcError(
                grpc.StatusCode.DEADLINE_EXCEEDED, grpc.aio.Metadata(), grpc.aio.Metadata(), "Deadline Exceeded"
            )
        return left if asked is None else min(asked, left)

    def metadata(self, given: Iterable[tuple[str, str | bytes]] | None, span: trace.Span | None) -> Pairs:
        """What the caller gave, and what it left out of token, tenant, person and trace."""
        pairs: Pairs = [] if given is None else list(given)
        named = {key for key, _ in pairs}
        if self._token is not None and "authorization" not in named:
            pairs.append(("authorization", self._token.authorization()))
        if "weir-tenant" not in named:
            tenant = self._tenant
            if tenant is None and (answered := call.current_or_none()) is not None:
                tenant = answered.principal.tenant
            if tenant is not None:
                pairs.append(("weir-tenant", tenant))
        if self._user is not None and "weir-user" not in named:
            pairs.append(("weir-user", self._user))
        if self.telemetry.tracing:
            carrier: dict[str, str] = {}
            propagate.inject(carrier, None if span is None else trace.set_span_in_context(span))
            pairs.extend(carrier.items())
        return pairs

    def observe(self, answer: Any, method: str, span: trace.Span) -> None:
        """Record how the call that is sent now ends, once it does."""
        task = asyncio.get_running_loop().create_task(self._observed(answer, method, span, time.perf_counter()))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _observed(self, answer: Any, method: str, span: trace.Span, started: float) -> None:
        code: grpc.StatusCode = await answer.code()
        timer = self.telemetry.timer("client", method)
        if timer is not None:
            timer.record(started, code)
        span.set_attribute("rpc.grpc.status_code", code.value[0])
        if code is not grpc.StatusCode.OK:
            span.set_status(SpanStatus.ERROR)
        span.end()


class _Wire:
    """The connections to a target. Made anew when their TLS files change: a certificate does not outlive its renewal
    because its process does."""

    def __init__(self, target: str, settings: ClientSettings) -> None:
        self._target = target
        self._settings = settings
        files = (settings.tls_ca_file, settings.tls_certificate_file, settings.tls_key_file)
        self._files = [file for file in files if file is not None]
        self._seen = self._stamps()
        self._looked = time.monotonic()
        self._current = _connected(target, settings)
        self._ending: set[asyncio.Task[None]] = set()

    def current(self) -> grpc.aio.Channel:
        """Where the next call goes."""
        if self._files and time.monotonic() - self._looked > FILE_LOOK_SECONDS:
            self._looked = time.monotonic()
            if (stamps := self._stamps()) != self._seen:
                self._seen = stamps
                self._renew()
        return self._current

    async def close(self, grace_seconds: float | None = None) -> None:
        """End all calls, after that long, and close the connections."""
        for task in self._ending:
            task.cancel()
        await self._current.close(grace_seconds)

    def _renew(self) -> None:
        try:
            renewed = _connected(self._target, self._settings)
        except ClientFileUnusable as fault:
            log.warning("certificate is unusable; keeping the former one", fault=str(fault))
            return
        former, self._current = self._current, renewed
        task = asyncio.get_running_loop().create_task(former.close(FORMER_GRACE_SECONDS))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _stamps(self) -> list[tls.Stamp]:
        return [tls.stamp(file) for file in self._files]


class _Channel(grpc.aio.Channel):
    """A channel whose every call is sent on these terms; cheaper and plainer than gRPC's client interceptors."""

    def __init__(self, wire: _Wire, terms: _Terms) -> None:
        self._wire = wire
        self._terms = terms

    def unary_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        return self._sent("unary_unary", method, arguments, options, endless=False)

    def unary_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        return self._sent("unary_stream", method, arguments, options, endless=True)

    def stream_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        return self._sent("stream_unary", method, arguments, options, endless=True)

    def stream_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        return self._sent("stream_stream", method, arguments, options, endless=True)

    async def close(self, grace: float | None = None) -> None:
        await self._wire.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._wire.current().get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._wire.current().wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._wire.current().channel_ready()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _sent(self, kind: str, method: str, arguments: Any, options: Any, *, endless: bool) -> Callable[..., Any]:
        terms, wire = self._terms, self._wire
        watched = not endless and (terms.telemetry.tracing or terms.telemetry.metering)
        made_on = wire.current()
        send = getattr(made_on, kind)(method, *arguments, **options)

        def sent(request: Any = None, *, timeout: float | None = None, metadata: Any = None, **others: Any) -> Any:
            nonlocal made_on, send
            if (current := wire.current()) is not made_on:
                made_on, send = current, getattr(current, kind)(method, *arguments, **options)
            seconds = terms.seconds(timeout, endless=endless)
            if not watched:
                return send(request, timeout=seconds, metadata=terms.metadata(metadata, None), **others)
            span = terms.telemetry.called(method)
            answer = send(request, timeout=seconds, metadata=terms.metadata(metadata, span), **others)
            terms.observe(answer, method, span)
            return answer

        return sent


def _connected(target: str, settings: ClientSettings) -> grpc.aio.Channel:
    options: Sequence[tuple[str, Any]] = [
        ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.enable_retries", 1),
        ("grpc.max_receive_message_length", settings.message_bytes_max),
        ("grpc.max_send_message_length", settings.message_bytes_max),
        ("grpc.keepalive_time_ms", int(settings.keepalive_seconds * 1000)),
        ("grpc.keepalive_timeout_ms", int(KEEPALIVE_TIMEOUT_SECONDS * 1000)),
        # A ping of any other kind that is not answered counts too; it would stand in the way of those that keep alive.
        ("grpc.http2.ping_timeout_ms", int(KEEPALIVE_TIMEOUT_SECONDS * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.initial_reconnect_backoff_ms", 100),
        # No pause, but how long an attempt may take: a machine that is busy needs more than it takes to be refused.
        ("grpc.min_reconnect_backoff_ms", 5_000),
        # Shorter than a process that ends gives notice and than retries last together: where processes are replaced one
        # after the other, the connection to the new one stands before the next one goes.
        ("grpc.max_reconnect_backoff_ms", 500),
    ]
    if settings.tls_ca_file is None:
        return grpc.aio.insecure_channel(target, options)
    return grpc.aio.secure_channel(target, _credentials(settings.tls_ca_file, settings), options)


def _credentials(ca_file: Path, settings: ClientSettings) -> grpc.ChannelCredentials:
    key, chain = None, None
    try:
        if settings.tls_certificate_file is not None and settings.tls_key_file is not None:
            key, chain = tls.identity(settings.tls_certificate_file, settings.tls_key_file)
        return grpc.ssl_channel_credentials(tls.authorities(ca_file), key, chain)
    except tls.CertificateUnusable as fault:
        raise ClientFileUnusable(str(fault)) from fault
