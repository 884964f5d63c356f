"""A call to another service has a deadline, names whom it is for, and outlives a connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.kit.probe import NAME, Probe, ProbeStub, probe_server, until
from tests.kit.tokens import AUDIENCE, ISSUER, Signer, write_key_set
from weir_chassis import call
from weir_chassis.auth import BearerAuthenticator, FileKeys, Principal, Role
from weir_chassis.call import Call, acting
from weir_chassis.client import ClientFileUnusable, Peer
from weir_chassis.errors import NotCaughtUp
from weir_chassis.policy import Traffic
from weir_chassis.settings import Address, AuthSettings, ClientSettings, ServerSettings
from weir_chassis.telemetry import Telemetry, built

QUICK = ServerSettings(notice_seconds=0.0, drain_seconds=0.1)


class Seen(Probe):
    """Remembers what every call came with; waits for ever where it is asked to."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        super().__init__()
        self.metadata: list[dict[str, Any]] = []
        self.seconds: list[float | None] = []
        self.tenants: list[str] = []

    async def one(self, request: StringValue, context: Any) -> StringValue:
        """Any unary method."""
        self._note(context)
        if request.value == "wait":
            await asyncio.Event().wait()
        return request

    async def stream(self, request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        """Any method that streams."""
        self._note(context)
        yield request

    def _note(self, context: Any) -> None:
        self.metadata.append(dict(context.invocation_metadata()))
        self.seconds.append(context.time_remaining())
        self.tenants.append(call.tenant())


async def test_deadline_on_every_unary_call() -> None:
    """A unary call has a deadline though it is given none; a stream has none; what is given counts."""
    probe = Seen()
    async with (
        probe_server(probe, QUICK).serving() as server,
        Peer(server.address, ClientSettings(deadline_seconds=7.0)) as peer,
    ):
        stub = ProbeStub(peer.channel)
        await stub.ask("Get")
        await stub.ask("Get", timeout=3)
        _ = [message async for message in stub.stream("List")]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ask("Get", "wait", timeout=0.1)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    default, given, endless = probe.seconds[:3]
    assert default is not None
    assert given is not None
    assert 6 < default <= 7.1
    assert 2 < given <= 3.1
    assert endless is None


async def test_deadline_is_passed_downstream() -> None:
    """What is called to answer a call may take what is left of its deadline, less a margin; a stream too."""
    probe = Seen()
    settings = ClientSettings(deadline_seconds=100.0, margin_seconds=1.0)
    answered = Call("/m", Principal("acme", "someone", Role.READER), time.monotonic() + 5.0)
    async with probe_server(probe, QUICK).serving() as server, Peer(server.address, settings) as peer:
        stub = ProbeStub(peer.channel)
        with acting(answered):
            await stub.ask("Get")
            await stub.ask("Get", timeout=60)
            await stub.ask("Get", timeout=2)
            _ = [message async for message in stub.stream("List")]
            answered.deadline = time.monotonic() - 1
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.ask("Get")
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    for seconds, most in zip(probe.seconds, (4, 4, 2, 4), strict=False):
        assert seconds is not None
        assert most - 1 < seconds <= most + 0.1  # on the wire it is rounded up


async def test_tenant_is_named() -> None:
    """A call is for the tenant of the call being answered, or the one the peer is for, or the one it names itself."""
    probe = Seen()
    async with probe_server(probe, QUICK).serving() as server, Peer(server.address) as peer:
        with acting(Call("/m", Principal("acme", "someone", Role.READER))):
            await ProbeStub(peer.channel).ask("Get")
            await ProbeStub(peer.with_tenant("other").channel).ask("Get")
            await ProbeStub(peer.channel).ask("Get", metadata=(("weir-tenant", "third"),))
        await ProbeStub(peer.channel).ask("Get")
    assert probe.tenants == ["acme", "other", "third", "default"]


async def test_person_is_named() -> None:
    """A call is made for the person the peer is for, whom a call of its own may name otherwise; by default for none."""
    probe = Seen()
    async with (
        probe_server(probe, QUICK).serving() as server,
        Peer(server.address) as nobody,
        Peer(server.address, user="rosa") as rosa,
    ):
        await ProbeStub(nobody.channel).ask("Get")
        await ProbeStub(rosa.channel).ask("Get")
        _ = [message async for message in ProbeStub(rosa.with_tenant("acme").channel).stream("List")]
        await ProbeStub(rosa.channel).ask("Get", metadata=(("weir-user", "ada"),))
    assert [each.get("weir-user") for each in probe.metadata] == [None, "rosa", "rosa", "ada"]


async def test_token_file_is_presented_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token of the file is sent with each call, a new one once the file changed, the former one while it is
    broken."""
    monkeypatch.setattr("weir_chassis.client.FILE_LOOK_SECONDS", 0.0)
    old, new = Signer(kid="old"), Signer(kid="new")
    keys = write_key_set(tmp_path / "keys.json", old, new)
    settings = AuthSettings(jwks="unused", issuer=ISSUER, audience=AUDIENCE)
    guard = BearerAuthenticator(settings, FileKeys(keys))
    path = tmp_path / "token"
    path.write_text(old.token(tenant="old-tenant") + "\n")
    probe = Seen()
    async with (
        probe_server(probe, QUICK, authenticator=guard).serving() as server,
        Peer(server.address, ClientSettings(token_file=path)) as peer,
    ):
        stub = ProbeStub(peer.channel)
        await stub.ask("Get")
        path.write_text(new.token(tenant="new-tenant"))
        await stub.ask("Get")
        path.unlink()
        await stub.ask("Get")
    assert probe.tenants == ["old-tenant", "new-tenant", "new-tenant"]
    with pytest.raises(ClientFileUnusable, match="token"):
        Peer("127.0.0.1:1", ClientSettings(token_file=path))


async def test_unavailable_is_retried() -> None:
    """A call that finds the service away is tried again by gRPC, and no refusal of another kind is."""
    tries = 0

    async def later(value: str) -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise NotCaughtUp
        return value

    async def never(value: str) -> str:
        nonlocal tries
        tries += 1
        raise ZeroDivisionError

    probe = Probe(single=later)
    async with probe_server(probe, QUICK).serving() as server, Peer(server.address) as peer:
        stub = ProbeStub(peer.channel)
        assert await stub.ask("Get", "x") == "x"
        assert tries == 3
        probe.single = never
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.ask("Get", "x")
    assert tries == 4


async def test_calls_go_over_to_the_other_replica() -> None:
    """With two replicas named, calls go on while one of them is drained and gone."""
    probes = Probe(), Probe()
    first, second = (probe_server(probe, QUICK) for probe in probes)
    await first.start()
    await second.start()
    async with Peer(f"ipv4:{first.address},{second.address}") as peer:
        stub = ProbeStub(peer.channel)
        async with asyncio.timeout(10):
            while not all(probe.answered for probe in probes):
                await stub.ask("Get", "before")
        done = 0
        asking = True

        async def ask() -> None:
            nonlocal done
            while asking:
                await stub.ask("Get", "during")
                done += 1

        tasks = [asyncio.create_task(ask()) for _ in range(4)]
        await until(lambda: done > 20)
        await first.drain()
        seen = done
        await until(lambda: done > seen + 20)
        asking = False
        await asyncio.gather(*tasks)
    await second.drain()


async def test_restarted_service_is_found_again() -> None:
    """A service that comes back at its address is used again, without a new peer."""
    first = probe_server(Probe(), QUICK)
    await first.start()
    async with Peer(first.address) as peer:
        stub = ProbeStub(peer.channel)
        assert await stub.ask("Get", "one") == "one"
        await first.drain()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ask("Get", "two", timeout=0.2)
        assert caught.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
        listen = ServerSettings(listen=Address("127.0.0.1", first.port), notice_seconds=0.0, drain_seconds=0.1)
        async with probe_server(Probe(), listen).serving():
            assert await stub.ask("Get", "three", wait_for_ready=True) == "three"


def observed(ratio: float = 1.0) -> tuple[Telemetry, InMemorySpanExporter, InMemoryMetricReader]:
    """Telemetry that a test can read."""
    spans, metrics = InMemorySpanExporter(), InMemoryMetricReader()
    return built("probe", ratio, SimpleSpanProcessor(spans), metrics), spans, metrics


async def test_trace_goes_through() -> None:
    """One trace spans the calling and the answering side of a call and the calls made for it; watches are not in it."""
    telemetry, spans, metrics = observed()
    async with probe_server(Seen(), QUICK, telemetry=telemetry).serving() as inner:
        peer = Peer(inner.address, telemetry=telemetry)

        async def ask(value: str) -> str:
            return await ProbeStub(peer.channel).ask("Put", value)

        async with (
            peer,
            probe_server(Probe(single=ask), QUICK, telemetry=telemetry).serving() as outer,
            Peer(outer.address, telemetry=telemetry) as caller,
        ):
            stub = ProbeStub(caller.channel)
            assert await stub.ask("Get", "x") == "x"
            _ = [message async for message in stub.stream("Watch", "ab")]
            with pytest.raises(grpc.aio.AioRpcError):
                await stub.ask("Unmapped")
            await until(lambda: len(spans.get_finished_spans()) >= 5)
    finished = spans.get_finished_spans()
    of_get = [span for span in finished if span.name.endswith(("/Get", "/Put"))]
    assert len(of_get) == 4
    assert len({span.context.trace_id for span in of_get}) == 1
    assert sorted(span.kind.name for span in of_get) == ["CLIENT", "CLIENT", "SERVER", "SERVER"]
    assert not [span for span in finished if span.name.endswith("/Watch")]
    told = str(metrics.get_metrics_data())
    for part in ("rpc.server.call.duration", "rpc.client.call.duration", "weir.refusals", "ROLE_INSUFFICIENT", NAME):
        assert part in told
    telemetry.stop()


async def test_telemetry_holds_no_tenant_and_no_text() -> None:
    """No tenant, no identifier and no exception's text is in a span or a metric, whatever the outcome."""
    telemetry, spans, metrics = observed()
    canary = "canary-5521"

    async def breaking(value: str) -> str:
        raise RuntimeError(canary)

    async with (
        probe_server(Probe(single=breaking), QUICK, telemetry=telemetry).serving() as server,
        Peer(server.address, telemetry=telemetry, tenant=canary) as peer,
    ):
        with pytest.raises(grpc.aio.AioRpcError):
            await ProbeStub(peer.channel).ask("Get", canary)
        await until(lambda: len(spans.get_finished_spans()) == 2)
        assert server.in_flight(Traffic.READ) == 0
    assert canary not in str([span.to_json() for span in spans.get_finished_spans()])
    assert canary not in str(metrics.get_metrics_data())
    assert "grpc.status_code" in str([dict(span.attributes or {}) for span in spans.get_finished_spans()])
    telemetry.stop()
