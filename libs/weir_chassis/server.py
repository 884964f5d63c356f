"""The gRPC server of a service: what it listens with, what it limits, when it is healthy, and how it ends.

It says NOT_SERVING until all that its `Readiness` holds is cleared. To end it says NOT_SERVING, goes on for a moment so
that load balancers see it, ends watches so that they resume elsewhere, and lets the calls in progress finish.
"""

import asyncio
import contextlib
import errno
import random
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import grpc
import structlog
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from weir_chassis import tls
from weir_chassis.auth import Authenticator
from weir_chassis.edge import Deadlines, Edge
from weir_chassis.errors import Misconfigured
from weir_chassis.policy import Policy, Traffic
from weir_chassis.settings import Address, ServerSettings
from weir_chassis.telemetry import Telemetry, active
from weir_chassis.tls import CertificateUnusable

AGE_JITTER = 0.1
KEEPALIVE_TIMEOUT_SECONDS = 20
FLUSH_SECONDS = 0.2
"""How long the last answers have to reach their callers when a server ends."""

log = structlog.get_logger(__name__)

Status = health_pb2.HealthCheckResponse


class AddressUnusable(Misconfigured):
    """The server cannot listen where it was told to; the text names the address and says what to do."""


@dataclass(frozen=True, slots=True)
class Registration:
    """One proto service and who answers it: the descriptor, the generated `add_..._to_server`, the servicer."""

    service: ServiceDescriptor
    add: Callable[[Any, grpc.aio.Server], None]
    servicer: Any


class Readiness:
    """What a server still waits for before it says SERVING; each thing is held and cleared by name."""

    def __init__(self) -> None:
        """Nothing held."""
        self._held: dict[str, None] = {}
        self._changed: Callable[[], None] = lambda: None

    @property
    def waiting_for(self) -> tuple[str, ...]:
        """What is held, in the order it was."""
        return tuple(self._held)

    def hold(self, name: str) -> None:
        """Not ready until `name` is cleared; again harmless."""
        self._held[name] = None
        self._changed()

    def clear(self, name: str) -> None:
        """`name` no longer stands in the way; harmless where it never did."""
        self._held.pop(name, None)
        self._changed()

    def on_change(self, tell: Callable[[], None]) -> None:
        """Call `tell` after each change; one listener."""
        self._changed = tell


class Server:
    """A gRPC server with every guard of the suite around the servicers it is given."""

    def __init__(
        self,
        settings: ServerSettings,
        *,
        name: str,
        registrations: Sequence[Registration],
        policies: Iterable[Policy],
        authenticator: Authenticator,
        telemetry: Telemetry | None = None,
    ) -> None:
        """Prepare to serve; nothing listens before `start`."""
        self.name = name
        self.readiness = Readiness()
        self.registrations = tuple(registrations)
        self.policy: Mapping[str, Any] = {method: access for policy in policies for method, access in policy.items()}
        self._settings = settings
        self._port: int | None = None
        self._draining = False
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._edge = Edge(
            policy=self.policy,
            authenticator=authenticator,
            limits={
                Traffic.READ: settings.read_limit,
                Traffic.WRITE: settings.write_limit,
                Traffic.WATCH: settings.watch_limit,
            },
            deadlines=Deadlines(settings.deadline_default_seconds, settings.deadline_max_seconds),
            telemetry=telemetry or active(),
        )
        self._grpc = grpc.aio.server(interceptors=[self._edge], options=_options(settings))
        self._health = health.aio.HealthServicer()
        for registration in self.registrations:
            registration.add(registration.servicer, self._grpc)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
        reflection.enable_server_reflection([*self._services(), reflection.SERVICE_NAME], self._grpc)

    @property
    def port(self) -> int:
        """The port it listens on; known after `start`."""
        assert self._port is not None, "the server has not started"
        return self._port

    @property
    def address(self) -> str:
        """`host:port` it listens on; known after `start`."""
        return str(Address(self._settings.listen.host, self.port))

    async def start(self) -> None:
        """Listen; raises AddressUnusable or CertificateUnusable. SERVING once nothing is held by `readiness`."""
        await self._publish()
        self._port = self._listen()
        await self._grpc.start()
        self.readiness.on_change(self._changed)
        await self._publish()
        log.info("listening", address=self.address, waiting_for=list(self.readiness.waiting_for))

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """Started within the block, drained at its end."""
        try:
            await self.start()
            yield self
        finally:
            await self.drain()

    async def drain(self) -> None:
        """End: take no new calls, end watches, let the rest finish for as long as the settings say. Again harmless."""
        if self._draining:
            return
        self._draining = True
        if self._port is None:  # it never listened: nobody is there to wait for
            await self._stop(0.0)
            return
        log.info("draining", address=self.address)
        await self._health.enter_graceful_shutdown()
        await asyncio.sleep(self._settings.notice_seconds)
        self._edge.drain()
        await self._stop(self._settings.drain_seconds)

    async def ended(self) -> None:
        """Wait until the server has been drained, by whomever."""
        await self._ended.wait()

    def in_flight(self, traffic: Traffic) -> int:
        """How many calls of a class are in progress."""
        return self._edge.in_flight(traffic)

    async def _stop(self, grace_seconds: float) -> None:
        for task in self._tasks:
            task.cancel()
        stopping = asyncio.create_task(self._grpc.stop(grace_seconds))
        # gRPC can lose a call that comes in just as it begins to stop, and then waits for it until the caller gives up.
        # Once all others are answered such a call is ended, and its caller asks elsewhere.
        while not (await asyncio.wait({stopping}, timeout=FLUSH_SECONDS))[0]:
            if self._edge.idle:
                await self._grpc.stop(FLUSH_SECONDS)
        await stopping
        del self._grpc  # let go of now: at its end it looks for the event loop, which must still be there
        self._ended.set()

    def _services(self) -> list[str]:
        own = [registration.service.full_name for registration in self.registrations]
        return [*own, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name]

    def _changed(self) -> None:
        if not self._draining:
            task = asyncio.get_running_loop().create_task(self._publish())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _publish(self) -> None:
        ready = self._port is not None and not self.readiness.waiting_for
        health = Status.SERVING if ready else Status.NOT_SERVING
        for service in ("", *self._services()):
            await self._health.set(service, health)

    def _listen(self) -> int:
        address = self._settings.listen
        if not self._settings.reuse_port:
            _probe(address)
        credentials = _credentials(self._settings)
        try:
            if credentials is None:
                return self._grpc.add_insecure_port(str(address))
            return self._grpc.add_secure_port(str(address), credentials)
        except RuntimeError as error:
            raise AddressUnusable(f"Cannot listen on {address}.") from error


def _options(settings: ServerSettings) -> list[tuple[str, int]]:
    # Each process draws its own age, so that the clients of one that was started with others do not all move at once.
    age_seconds = settings.connection_age_seconds * random.uniform(1 - AGE_JITTER, 1 + AGE_JITTER)  # noqa: S311
    return [
        ("grpc.max_receive_message_length", settings.message_bytes_max),
        ("grpc.max_send_message_length", settings.sent_bytes_max),
        ("grpc.max_concurrent_streams", settings.streams_max),
        ("grpc.max_connection_age_ms", int(age_seconds * 1000)),
        ("grpc.max_connection_age_grace_ms", int(settings.connection_grace_seconds * 1000)),
        ("grpc.keepalive_time_ms", int(settings.keepalive_seconds * 1000)),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_SECONDS * 1000),
        ("grpc.http2.ping_timeout_ms", KEEPALIVE_TIMEOUT_SECONDS * 1000),  # else an earlier ping waits for a minute
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.so_reuseport", int(settings.reuse_port)),
    ]


def _probe(address: Address) -> None:
    """Try to listen the plain way first: its errors say what is wrong, those of gRPC do not."""
    family, kind, protocol, _, where = _resolved(address)
    with contextlib.closing(socket.socket(family, kind, protocol)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(where)
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                text = f"Port {address.port} on {address.host} is taken by another program: end it, or set WEIR_LISTEN."
            else:
                text = f"Cannot listen on {address}: {error.strerror}. Set WEIR_LISTEN."
            raise AddressUnusable(text) from error


def _resolved(address: Address) -> tuple[Any, ...]:
    try:
        return socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise AddressUnusable(f"Cannot listen on {address}: no such host. Set WEIR_LISTEN.") from error


def _credentials(settings: ServerSettings) -> grpc.ServerCredentials | None:
    if settings.tls_certificate_file is None:
        return None
    certificates = _Certificates(settings)
    return grpc.dynamic_ssl_server_credentials(
        certificates.read(),
        certificates.renewed,  # type: ignore[arg-type]  # None is how gRPC is told that nothing changed
        require_client_authentication=settings.tls_client_ca_file is not None,
    )


class _Certificates:
    """The TLS files; gRPC asks at every handshake whether they changed."""

    def __init__(self, settings: ServerSettings) -> None:
        assert settings.tls_certificate_file is not None
        assert settings.tls_key_file is not None
        self._certificate, self._key = settings.tls_certificate_file, settings.tls_key_file
        self._client_ca = settings.tls_client_ca_file
        self._seen = self._stamps()

    def read(self) -> grpc.ServerCertificateConfiguration:
        """The files as they are; raises CertificateUnusable."""
        client_ca = None if self._client_ca is None else tls.authorities(self._client_ca)
        return grpc.ssl_server_certificate_configuration([tls.identity(self._certificate, self._key)], client_ca)

    def renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """The files if they changed and are usable; None keeps the former ones."""
        stamps = self._stamps()
        if stamps == self._seen:
            return None
        self._seen = stamps
        try:
            return self.read()
        except CertificateUnusable as fault:
            log.warning("certificate is unusable; keeping the former one", fault=str(fault))
            return None

    def _stamps(self) -> list[tls.Stamp]:
        files = (self._certificate, self._key, self._client_ca)
        return [tls.stamp(file) for file in files if file is not None]
