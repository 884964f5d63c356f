"""A server listens, says how it is, limits what it takes, and ends without losing a call."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.kit.authority import Authority
from tests.kit.connecting import connect
from tests.kit.probe import NAME, POLICY, Probe, ProbeStub, descriptor, probe_server, probed, until
from weir_chassis import status
from weir_chassis.auth import Role
from weir_chassis.policy import Access, Traffic, faults, methods
from weir_chassis.server import AddressUnusable
from weir_chassis.settings import Address, ServerSettings
from weir_chassis.tls import CertificateUnusable

Health = health_pb2.HealthCheckResponse


async def health(channel: grpc.aio.Channel, service: str = "") -> int:
    """What the server says of itself."""
    stub: Any = health_pb2_grpc.HealthStub(channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
    return int(answer.status)


async def test_ready_when_nothing_is_held() -> None:
    """NOT_SERVING while anything is held, for the server and each of its services; SERVING after; and back."""
    server = probe_server(Probe())
    server.readiness.hold("projection")
    async with server.serving(), connect(server.address) as channel:
        for service in ("", NAME):
            assert await health(channel, service) == Health.NOT_SERVING
        assert server.readiness.waiting_for == ("projection",)
        server.readiness.clear("projection")
        async with asyncio.timeout(5):
            while await health(channel) != Health.SERVING:
                pass
            assert await health(channel, NAME) == Health.SERVING
            server.readiness.hold("database")
            while await health(channel, NAME) != Health.NOT_SERVING:
                pass


async def test_reflection_names_the_services() -> None:
    """A client that knows nothing finds the services, without a token."""
    async with probed(Probe()) as stub:
        channel: Any = stub.channel
        reflection: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
        answers = [answer async for answer in reflection.ServerReflectionInfo(iter(asked))]
    names = {service.name for service in answers[0].list_services_response.service}
    assert names == {NAME, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}


async def test_taken_port_is_named() -> None:
    """A port that is taken is told by its number, before anything is served."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = probe_server(Probe(), ServerSettings(listen=Address("127.0.0.1", port)))
        with pytest.raises(AddressUnusable, match=f"Port {port} on 127.0.0.1 is taken"):
            await server.start()
        await server.drain()


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.77"])
async def test_unusable_address_is_named(host: str) -> None:
    """An address that is not ours is told as that."""
    server = probe_server(Probe(), ServerSettings(listen=Address(host, 0), notice_seconds=0.0))
    with pytest.raises(AddressUnusable, match=host):
        await server.start()
    await server.drain()


async def test_messages_are_limited() -> None:
    """A message at the limit is taken, one beyond it is refused with RESOURCE_EXHAUSTED."""
    settings = ServerSettings(message_bytes_max=65_536, sent_bytes_max=65_536, notice_seconds=0.0)
    async with probed(Probe(), settings) as stub:
        frame = len(StringValue(value="x" * 65_000).SerializeToString()) - 65_000
        fits = "x" * (65_536 - frame)
        assert await stub.ask("Get", fits) == fits
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ask("Get", fits + "x")
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_drain_finishes_calls_and_ends_watches() -> None:
    """A drain says NOT_SERVING, lets a call in progress finish and ends a watch with DRAINING at once."""
    leave = asyncio.Event()

    async def wait(value: str) -> str:
        await leave.wait()
        return value

    async def endless(value: str) -> AsyncIterator[str]:
        yield value
        await asyncio.Event().wait()

    server = probe_server(Probe(single=wait, many=endless), ServerSettings(notice_seconds=0.2, drain_seconds=30.0))
    await server.start()
    async with connect(server.address) as channel:
        stub = ProbeStub(channel)
        call = asyncio.create_task(stub.ask("Get", "in progress"))
        watch = stub.stream("Watch", "first")
        assert (await watch.read()).value == "first"
        health_stub: Any = health_pb2_grpc.HealthStub(channel)
        healths = health_stub.Watch(health_pb2.HealthCheckRequest())
        assert (await healths.read()).status == Health.SERVING
        await until(lambda: server.in_flight(Traffic.READ) == 1)

        drained = asyncio.create_task(server.drain())
        assert (await healths.read()).status == Health.NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await watch.read()
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert status.reason(caught.value) == "DRAINING"
        assert not drained.done()
        leave.set()
        assert await call == "in progress"
        await asyncio.wait_for(drained, 5)
        await server.drain()


async def test_drain_cuts_what_takes_too_long() -> None:
    """What is not done when the drain is over is cut; the drain itself ends in time."""

    async def wait(value: str) -> str:
        await asyncio.Event().wait()
        return value

    server = probe_server(Probe(single=wait), ServerSettings(notice_seconds=0.0, drain_seconds=0.1))
    await server.start()
    async with connect(server.address) as channel:
        call = asyncio.create_task(ProbeStub(channel).ask("Get"))
        await until(lambda: server.in_flight(Traffic.READ) == 1)
        await asyncio.wait_for(server.drain(), 5)
        with pytest.raises(grpc.aio.AioRpcError):
            await call
        await until(lambda: server.in_flight(Traffic.READ) == 0)


async def test_watches_are_limited() -> None:
    """One watch more than the limit is refused; when one ends there is room again."""

    async def endless(value: str) -> AsyncIterator[str]:
        yield value
        await asyncio.Event().wait()

    async with probed(Probe(many=endless), ServerSettings(watch_limit=2, notice_seconds=0.0)) as stub:
        watches = [stub.stream("Watch", "x") for _ in range(2)]
        for watch in watches:
            await watch.read()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.stream("Watch", "x").read()
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        watches[0].cancel()
        async with asyncio.timeout(5):
            while True:
                try:
                    again = stub.stream("Watch", "x")
                    await again.read()
                    break
                except grpc.aio.AioRpcError:
                    continue
        for watch in (again, watches[1]):
            watch.cancel()


async def secured(address: str, authority: Authority, client: tuple[Path, Path] | None = None) -> str:
    """The answer over TLS, with a client's certificate if given."""
    chain, key = (None, None) if client is None else (client[0].read_bytes(), client[1].read_bytes())
    credentials = grpc.ssl_channel_credentials(authority.file.read_bytes(), key, chain)
    async with grpc.aio.secure_channel(address, credentials) as channel:
        return await ProbeStub(channel).ask("Get", "secret", timeout=60)


async def test_tls_reloads_its_certificate(tmp_path: Path) -> None:
    """A server with TLS refuses plain text, and uses a new certificate without being started again."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("server")
    settings = ServerSettings(tls_certificate_file=certificate, tls_key_file=key, notice_seconds=0.0, drain_seconds=0.1)
    async with probe_server(Probe(), settings).serving() as server:
        assert await secured(server.address, authority) == "secret"
        async with connect(server.address) as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await ProbeStub(channel).ask("Get", timeout=60)
        (tmp_path / "renewed").mkdir()
        renewed = Authority(tmp_path / "renewed")
        for old, new in zip((certificate, key), renewed.issue("server"), strict=True):
            new.replace(old)
        assert await secured(server.address, renewed) == "secret"
        with pytest.raises(grpc.aio.AioRpcError):
            await secured(server.address, authority)
        key.write_bytes(b"broken")
        certificate.unlink()
        assert await secured(server.address, renewed) == "secret"


async def test_mutual_tls(tmp_path: Path) -> None:
    """With mutual TLS only a client with a certificate of the authority connects."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("server")
    settings = ServerSettings(
        tls_certificate_file=certificate,
        tls_key_file=key,
        tls_client_ca_file=authority.file,
        notice_seconds=0.0,
        drain_seconds=0.1,
    )
    (tmp_path / "strangers").mkdir()
    async with probe_server(Probe(), settings).serving() as server:
        assert await secured(server.address, authority, authority.issue("client")) == "secret"
        for stranger in (None, Authority(tmp_path / "strangers").issue("client")):
            with pytest.raises(grpc.aio.AioRpcError):
                await secured(server.address, authority, stranger)


async def test_missing_certificate_stops_the_start(tmp_path: Path) -> None:
    """TLS files that cannot be read are named at the start."""
    settings = ServerSettings(tls_certificate_file=tmp_path / "a", tls_key_file=tmp_path / "b", notice_seconds=0.0)
    server = probe_server(Probe(), settings)
    with pytest.raises(CertificateUnusable, match=str(tmp_path)):
        await server.start()
    await server.drain()


def test_policy_faults_are_found() -> None:
    """A method left out of a policy, one that does not exist, and a watch that does not stream are each told."""
    assert f"/{NAME}/Unmapped" in methods([descriptor()])
    wrong = {
        **POLICY,
        f"/{NAME}/Get": Access(Role.READER, Traffic.WATCH),
        f"/{NAME}/Gone": Access(Role.READER, Traffic.READ),
    }
    assert faults([descriptor()], wrong) == [
        f"/{NAME}/Unmapped is served but not in the policy",
        f"/{NAME}/Gone is in the policy but not served",
        f"/{NAME}/Get counts as a watch but does not stream",
    ]
    whole = {**POLICY, f"/{NAME}/Unmapped": Access(Role.SERVICE, Traffic.READ)}
    assert faults([descriptor()], whole) == []
