"""A service of our own making, so that the chassis can be tested without any other: every kind of method over
StringValue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.wrappers_pb2 import StringValue

from tests.kit.connecting import connect
from weir_chassis.auth import Authenticator, DevelopmentAuthenticator, Role
from weir_chassis.policy import Access, Policy, Traffic, of
from weir_chassis.server import Registration, Server
from weir_chassis.settings import ServerSettings
from weir_chassis.telemetry import Telemetry

NAME = "weir.test.v1.Probe"

# Name, whether requests stream, whether responses do. `Missing` is in no server.
METHODS = (
    ("Get", False, False),
    ("Put", False, False),
    ("Administer", False, False),
    ("Unmapped", False, False),
    ("List", False, True),
    ("Watch", False, True),
    ("Import", True, False),
    ("Chat", True, True),
    ("Missing", False, False),
)
POLICY = of(
    NAME,
    Get=Access(Role.READER, Traffic.READ),
    Put=Access(Role.OPERATOR, Traffic.WRITE),
    Administer=Access(Role.ADMINISTRATOR, Traffic.WRITE),
    List=Access(Role.READER, Traffic.READ),
    Watch=Access(Role.READER, Traffic.WATCH),
    Import=Access(Role.OPERATOR, Traffic.WRITE),
    Chat=Access(Role.READER, Traffic.READ),
)

Single = Callable[[str], Awaitable[str]]
Many = Callable[[str], AsyncIterator[str]]


async def same(value: str) -> str:
    """Answer what was asked."""
    return value


async def letters(value: str) -> AsyncIterator[str]:
    """Answer letter by letter."""
    for letter in value:
        yield letter


@dataclass
class Probe:
    """Answers with whatever a test puts in; `Import` joins what it gets, `Chat` answers each by `single`."""

    single: Single = same
    many: Many = letters
    answered: list[str] = field(default_factory=list)

    async def one(self, request: StringValue, context: Any) -> StringValue:
        """Any unary method."""
        answer = await self.single(request.value)
        self.answered.append(request.value)
        return StringValue(value=answer)

    async def stream(self, request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        """Any method that streams its answer."""
        async for value in self.many(request.value):
            yield StringValue(value=value)

    async def joined(self, requests: AsyncIterator[StringValue], context: Any) -> StringValue:
        """The import."""
        values = [request.value async for request in requests]
        return StringValue(value=await self.single("".join(values)))

    async def each(self, requests: AsyncIterator[StringValue], context: Any) -> AsyncIterator[StringValue]:
        """The chat."""
        async for request in requests:
            yield StringValue(value=await self.single(request.value))


def descriptor() -> ServiceDescriptor:
    """The service as protobuf knows it; reflection needs it."""
    pool = descriptor_pool.Default()
    try:
        return pool.FindServiceByName(NAME)
    except KeyError:
        file = descriptor_pb2.FileDescriptorProto(
            name="weir/test/v1/probe.proto",
            package="weir.test.v1",
            syntax="proto3",
            dependency=["google/protobuf/wrappers.proto"],
        )
        service = file.service.add(name="Probe")
        for name, client_streaming, server_streaming in METHODS[:-1]:
            service.method.add(
                name=name,
                input_type=".google.protobuf.StringValue",
                output_type=".google.protobuf.StringValue",
                client_streaming=client_streaming,
                server_streaming=server_streaming,
            )
        pool.AddSerializedFile(file.SerializeToString())
        return pool.FindServiceByName(NAME)


def add(probe: Probe, server: grpc.aio.Server) -> None:
    """What a generated `add_ProbeServicer_to_server` would do."""
    makers: dict[tuple[bool, bool], tuple[Any, Any]] = {
        (False, False): (grpc.unary_unary_rpc_method_handler, probe.one),
        (False, True): (grpc.unary_stream_rpc_method_handler, probe.stream),
        (True, False): (grpc.stream_unary_rpc_method_handler, probe.joined),
        (True, True): (grpc.stream_stream_rpc_method_handler, probe.each),
    }
    handlers = {}
    for name, client_streaming, server_streaming in METHODS[:-1]:
        make, behaviour = makers[client_streaming, server_streaming]
        handlers[name] = make(behaviour, StringValue.FromString, StringValue.SerializeToString)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, handlers),))
    server.add_registered_method_handlers(NAME, handlers)


def probe_server(
    probe: Probe,
    settings: ServerSettings | None = None,
    *,
    authenticator: Authenticator | None = None,
    policies: Iterable[Policy] = (POLICY,),
    telemetry: Telemetry | None = None,
) -> Server:
    """A server of the probe, not yet started; in development mode unless an authenticator is given, and quick to
    drain."""
    return Server(
        settings or ServerSettings(notice_seconds=0.0, drain_seconds=1.0),
        name="probe",
        registrations=[Registration(descriptor(), add, probe)],
        policies=policies,
        authenticator=authenticator or DevelopmentAuthenticator(),
        telemetry=telemetry,
    )


class ProbeStub:
    """The methods of the probe over text; `raw` sends bytes as they are."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        """Like a generated stub."""
        self.channel = channel

    def method(self, name: str, *, serialise: Any = StringValue.SerializeToString) -> Any:
        """The callable of one method."""
        kind = {each: streams for each, *streams in METHODS}[name]
        shape = "_".join("stream" if streams else "unary" for streams in kind)
        return getattr(self.channel, shape)(f"/{NAME}/{name}", serialise, StringValue.FromString)

    async def ask(self, name: str, value: str = "", **options: Any) -> str:
        """Call a unary method."""
        answer: StringValue = await self.method(name)(StringValue(value=value), **options)
        return answer.value

    def stream(self, name: str, value: str = "", **options: Any) -> Any:
        """Call a method that streams."""
        return self.method(name)(StringValue(value=value), **options)

    def raw(self, name: str, value: Any, **options: Any) -> Any:
        """Call any method with bytes, or an iterator of bytes, that need not be a message."""
        return self.method(name, serialise=bytes)(value, **options)


@asynccontextmanager
async def probed(probe: Probe, settings: ServerSettings | None = None, **options: Any) -> AsyncIterator[ProbeStub]:
    """A running server of the probe, and a plain client of it."""
    async with (
        probe_server(probe, settings, **options).serving() as server,
        connect(server.address) as channel,
    ):
        yield ProbeStub(channel)


async def until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until something holds; fails if it does not within `seconds`."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.005)  # what is waited for has no event
