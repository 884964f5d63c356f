"""The whole suite on this machine: Postgres, its schemas, and every service as a process of its own.

Nothing heavy is imported here. The supervising process stays small and has no connection to anything, so that whatever
breaks, it is still there to bring it back.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from weir_chassis.embedded import EmbeddedPostgres, EmbeddedPostgresFailed, default_directory
from weir_chassis.settings import DatabaseSettings
from weir_cli.services import SERVICES, Service
from weir_cli.supervisor import Event, Program, Supervisor

POSTGRES = "postgres"
POSTGRES_LOOK_SECONDS = 0.25
POSTGRES_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run and where; port 0 lets the kernel choose, a service that is not named listens on its default."""

    database: DatabaseSettings
    host: str = "127.0.0.1"
    ports: Mapping[str, int] = field(default_factory=dict)
    log_format: str = "json"
    shared: frozenset[str] = frozenset()
    """Services whose port is kept for them by whoever starts them."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What else every service is told."""

    def port(self, service: Service) -> int:
        """The port a service is to listen on."""
        return self.ports.get(service.name, service.port)

    def address(self, service: Service) -> str:
        """`host:port` where a service is to listen."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port(service)}"

    @property
    def directory(self) -> Path:
        """Where the embedded Postgres lives; of no use where a URL is given."""
        return self.database.data_directory or default_directory()


class PortsTaken(Exception):
    """Some ports are taken by other programs; the text names each, its service and the way out."""


class MigrationEnded(Exception):
    """The migration of a real Postgres failed; what it said is in the log."""


@asynccontextmanager
async def standing(
    plan: Plan, supervisor: Supervisor, tell: Callable[[Event], None]
) -> AsyncIterator[Mapping[str, str]]:
    """The suite, serving, for the block; every process of it is gone at the end, in order.

    Yields who listens where, by name of the service; `postgres` too where it is ours. Raises PortsTaken,
    EmbeddedPostgresFailed, MigrationEnded, or ProgramFailed where a service does not come up.
    """
    check_ports(plan)
    async with _postgres(plan, tell) as addresses:
        try:
            with _chosen(plan) as chosen:
                services = SERVICES.values()
                listening = await supervisor.start(*(_program(chosen, service) for service in services))
                addresses |= {service.name: address for service, address in zip(services, listening, strict=True)}
                await supervisor.serving()
                yield addresses
        finally:
            await supervisor.stop()


@contextmanager
def _chosen(plan: Plan) -> Iterator[Plan]:
    """The same with a port for each service that has none, so that services which call each other know where."""
    with ExitStack() as stack:
        ports = {
            service.name: plan.port(service) or stack.enter_context(kept_port(plan.host))
            for service in SERVICES.values()
        }
        yield replace(plan, ports=ports, shared=frozenset(name for name in ports if not plan.port(SERVICES[name])))


@contextmanager
def kept_port(host: str = "127.0.0.1") -> Iterator[int]:
    """A free port, which the kernel gives to nobody else within the block; who listens on it has to share it
    (WEIR_REUSE_PORT), as nobody listens here.
    """
    with contextlib.closing(socket.socket(_family(host))) as keeping:
        keeping.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        keeping.bind((host, 0))
        port: int = keeping.getsockname()[1]
        yield port


def check_ports(plan: Plan) -> None:
    """Raise PortsTaken with every port that is not free, before anything is started."""
    taken: list[str] = []
    for service in SERVICES.values():
        port = plan.port(service)
        if port and not _free(plan.host, port):
            taken.append(
                f"Port {port}, where {service.name} is to listen, is taken by another program: end it, or choose"
                f" another by --{service.name}-port."
            )
    if taken:
        raise PortsTaken("\n".join([*taken, "With --free-ports the kernel chooses."]))


def _free(host: str, port: int) -> bool:
    with contextlib.closing(socket.socket(_family(host))) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _program(plan: Plan, service: Service) -> Program:
    environment = {
        "WEIR_LISTEN": plan.address(service),
        "WEIR_LOG_FORMAT": plan.log_format,
        # Nobody balances load over processes that end together, so there is nobody to give notice to.
        "WEIR_NOTICE_SECONDS": os.environ.get("WEIR_NOTICE_SECONDS", "0"),
        "WEIR_DATABASE_OWNER_URL": "",
        "WEIR_DATABASE_OWNER_URL_FILE": "",
        "WEIR_DATABASE_URL_FILE": "",
        "WEIR_DATABASE_URL": database_url(plan.database, service) or "",
        "WEIR_DATA_DIRECTORY": str(plan.directory),
        **{SERVICES[peer].variable: plan.address(SERVICES[peer]) for peer in service.peers},
        **plan.environment,
    }
    if service.name in plan.shared:
        environment["WEIR_REUSE_PORT"] = "true"
    return Program(service.name, (*_WEIR, "serve", service.name, "--supervised"), environment)


def database_url(settings: DatabaseSettings, service: Service) -> str | None:
    """The URL a service connects by; `{service}` in it stands for the name of its schema and role."""
    if settings.url is None or service.schema is None:
        return None
    return settings.url.replace("{service}", service.schema)


_WEIR = (sys.executable, "-m", "weir_cli")


@asynccontextmanager
async def _postgres(plan: Plan, tell: Callable[[Event], None]) -> AsyncIterator[dict[str, str]]:
    """A Postgres that runs and is brought back for the block; the services see to their schemas in an embedded one."""
    if plan.database.url is not None:
        if plan.database.owner_url is not None:
            await _migrate(tell)
        yield {}
        return
    postgres = EmbeddedPostgres(plan.directory)
    tell(Event(POSTGRES, "log", f"starting in {plan.directory}"))
    await _blocking(postgres.start)
    address = f"127.0.0.1:{postgres.port}"
    tell(Event(POSTGRES, "serving", f"serving on {address}"))
    keeper = asyncio.create_task(_keep(postgres, tell))
    try:
        yield {POSTGRES: address}
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        tell(Event(POSTGRES, "ending", "ending"))
        await _blocking(postgres.stop)
        tell(Event(POSTGRES, "ended", "ended"))


async def _keep(postgres: EmbeddedPostgres, tell: Callable[[Event], None]) -> None:
    while True:
        await asyncio.sleep(POSTGRES_LOOK_SECONDS)
        if await asyncio.to_thread(lambda: postgres.alive):
            continue
        tell(Event(POSTGRES, "died", "is gone; starting it again"))
        try:
            await _blocking(postgres.start)
            tell(Event(POSTGRES, "serving", f"serving on 127.0.0.1:{postgres.port}"))
        except EmbeddedPostgresFailed as fault:
            tell(Event(POSTGRES, "died", str(fault)))
            await asyncio.sleep(POSTGRES_PAUSE_SECONDS)


async def _blocking(work: Callable[[], None]) -> None:
    """Do `work` in a thread, and to its end even where we are cancelled meanwhile: a thread cannot be."""
    task = asyncio.create_task(asyncio.to_thread(work))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _migrate(tell: Callable[[Event], None]) -> None:
    process = await asyncio.create_subprocess_exec(
        *_WEIR, "migrate", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            tell(Event("migrate", "log", line.decode(errors="replace").rstrip()))
        if await process.wait() != 0:
            raise MigrationEnded("The database could not be migrated.")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
