"""What two services and their database did for a call is told to a collector in one story, and nothing else is.

Real processes, sending to a real receiver of OTLP: a relay that asks the ledger.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import grpc
import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.kit.connecting import connect
from tests.kit.otlp import Receiver, Told, receiving
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.probe import NAME, ProbeStub
from tests.kit.processes import Program, program
from tests.kit.relay import Relay, relay
from tests.kit.shelf import SCHEMA, VERSIONS
from tests.kit.waiting import until
from weir_chassis import statements
from weir_chassis.database import Database
from weir_chassis.telemetry import BUCKETS_SECONDS, Telemetry, built

TENANT, SKU, SECRET = "canary-tenant-7723", "canary-sku-5518", "canary-password-9431"
CANARIES = (TENANT, SKU, SECRET, "canary-accident-3317", "canary-short-8862")
GET = f"/{NAME}/Get"
BALANCE, RECORD, RESERVE = (
    f"weir.ledger.v1.{name}"
    for name in ("LedgerService/GetBalance", "LedgerService/RecordMovements", "ReservationService/Reserve")
)
PAIRS = (("weir-tenant", TENANT), ("authorization", f"Bearer {SECRET}"))


@dataclass
class Story:
    """What was asked for, by the id of the trace it was asked in, and all that was sent and logged about it."""

    receiver: Receiver
    relay: Relay
    ledger: Program
    accident: str = ""

    @property
    def ledger_log(self) -> list[dict[str, object]]:
        """The lines that the ledger logged."""
        return [json.loads(line) for line in self.ledger.log.splitlines()]


def traced(number: int) -> tuple[tuple[str, str], ...]:
    """The metadata of a call whose caller traces it."""
    return (*PAIRS, ("traceparent", f"00-{number:032x}-{number:016x}-01"))


async def act(story: Story) -> None:
    """Reads, writes, refusals and an accident, each in a trace of its own, and a dozen writes at once."""
    async with connect(story.relay.address) as channel:
        stub = ProbeStub(channel)
        await stub.ask("Put", f"receive {SKU}", metadata=traced(1), timeout=60)
        assert await stub.ask("Get", f"balance {SKU}", metadata=traced(2), timeout=60) == "1"
        calls = (stub.ask("Put", f"receive {SKU}", metadata=traced(100 + number)) for number in range(12))
        await asyncio.gather(*calls)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ask("Get", "break canary-accident-3317", metadata=traced(3))
        story.accident = str(caught.value.details()).removeprefix("incident ")
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.ask("Put", f"receive {'canary-short-8862' * 20}", metadata=traced(4))
        watch = stub.stream("Watch", metadata=traced(5))
        await watch.read()
        watch.cancel()


@pytest.fixture(scope="module")
async def story(postgres: PostgresForTests, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    """Both services have done their work and ended; what they sent and logged is whole."""
    folder = tmp_path_factory.mktemp("relay")
    with postgres.fresh("weir_ledger") as database:
        async with receiving() as receiver:
            telling = {
                "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.address,
                "WEIR_TRACE_RATIO": "1",
                "WEIR_METRICS_SECONDS": "1",
                "WEIR_LOG_FORMAT": "json",
            }
            url = {"WEIR_DATABASE_URL": database.url("weir_ledger")}
            async with (
                program("ledger", **telling, **url) as ledger,
                relay(folder, ledger.address, **telling) as asking,
            ):
                made = Story(receiver, asking, ledger)
                await located(ledger.address)
                await act(made)
                await until(lambda: len(receiver.latest("relay", "weir.loop.lag")) == 1)
                assert await asking.stop() == 0
                assert await ledger.stop() == 0
            yield made


async def located(address: str) -> None:
    """The ledger knows the location that goods come in at."""
    from tests.kit.ledger import Caller

    async with connect(address) as channel:
        await Caller(channel, TENANT).place("W1")


def answered(told: Told) -> bool:
    """Whether the call was answered with what it asked for."""
    return told.attributes["rpc.grpc.status_code"] == "0"


def children(told: list[Told], of: Told) -> list[Told]:
    """The spans of a trace that stand right under one of them."""
    return [each for each in told if each.span.parent_span_id == of.span.span_id]


async def test_a_call_its_statements_and_the_calls_made_for_it_are_one_trace(story: Story) -> None:
    """From the caller's span on: the relay's answer, its call, the ledger's answer, and each statement of that."""
    told = story.receiver.of(f"{2:032x}")
    [answer] = [each for each in told if each.service == "relay" and each.span.kind == Span.SPAN_KIND_SERVER]
    assert answer.span.parent_span_id.hex() == f"{2:016x}"
    [call] = children(told, answer)
    assert (call.span.name, call.span.kind) == (BALANCE, Span.SPAN_KIND_CLIENT)
    [answered] = children(told, call)
    assert (answered.service, answered.span.name) == ("ledger", BALANCE)
    run = children(told, answered)
    assert len(run) >= 2
    assert {each.attributes["db.system"] for each in run} == {"postgresql"}
    assert any("balances" in each.attributes["db.statement"] for each in run)
    assert len(told) == 3 + len(run)
    assert {each.attributes["rpc.grpc.status_code"] for each in (answer, call, answered)} == {"0"}


async def test_a_write_stands_with_the_statements_of_its_group(story: Story) -> None:
    """The statements of a group commit stand under one span in the trace of the write they were run for."""
    told = story.receiver.of(f"{1:032x}")
    [answered] = [each for each in told if each.service == "ledger" and each.span.name == RECORD]
    [group] = children(told, answered)
    assert group.span.name == "write group"
    run = [each.span.name for each in children(told, group)]
    assert run[0] == "BEGIN"
    assert run[-1] == "COMMIT"
    assert "INSERT" in " ".join(each.attributes["db.statement"] for each in children(told, group))


async def test_every_traced_write_leads_to_its_group(story: Story) -> None:
    """Of writes that share a group one has it in its trace, and the group names the others."""
    groups = story.receiver.spans("ledger", "write group")
    written = {each.span.span_id for each in story.receiver.spans("ledger", RECORD) if answered(each)}
    led = [each.span.parent_span_id for each in groups]
    led += [link.span_id for each in groups for link in each.span.links]
    assert len(written) == 13
    assert written < set(led)  # the location was made by a write too
    assert len(led) == len(set(led))


async def test_metrics_arrive(story: Story) -> None:
    """Durations with their own buckets, refusals by reason, calls in progress by class and the lag of the loop."""
    latest = story.receiver.latest
    durations = {
        labels["rpc.method"]: point
        for labels, point in latest("ledger", "rpc.server.call.duration")
        if labels["rpc.grpc.status_code"] == "0"
    }
    assert durations["GetBalance"].count == 1
    assert durations["RecordMovements"].count == 13
    assert list(durations["RecordMovements"].explicit_bounds) == list(BUCKETS_SECONDS)
    called = {labels["rpc.method"]: point.count for labels, point in latest("relay", "rpc.client.call.duration")}
    assert called.keys() == {"GetBalance", "RecordMovements"}
    [(refused, count)] = latest("ledger", "weir.refusals")
    assert refused == {"rpc.method": f"/{RECORD}", "reason": "REQUEST_MALFORMED"}
    assert count.as_int == 1
    for service in ("relay", "ledger"):
        flying = {labels["traffic"]: point.as_int for labels, point in latest(service, "weir.rpc.in_flight")}
        assert flying.keys() == {"read", "write", "watch"}
        [(_, lag)] = latest(service, "weir.loop.lag")
        assert lag.as_double >= 0


async def test_log_lines_name_the_trace_of_their_call(story: Story) -> None:
    """The line of an accident has the incident that the caller was told and the trace that the call was made in."""
    [accident] = [line for line in story.relay.log if line["event"] == "accident"]
    assert accident["incident"] == story.accident
    assert accident["trace_id"] == f"{3:032x}"
    [span] = [each for each in story.receiver.of(f"{3:032x}") if each.service == "relay"]
    assert accident["span_id"] == span.span.span_id.hex()
    assert not span.span.events
    assert span.attributes["rpc.grpc.status_code"] == "13"


async def test_watches_are_not_traced_as_a_whole(story: Story) -> None:
    """A stream that lasts for days is no span."""
    assert not story.receiver.of(f"{5:032x}")


async def test_nothing_of_a_tenant_leaves(story: Story) -> None:
    """No tenant, identifier, token or exception's text is in what was sent, nor any but the accident's in a log."""
    sent = story.receiver.everything()
    logged = json.dumps([line for line in story.relay.log if line["event"] != "accident"]) + story.ledger.log
    assert "canary" not in sent
    assert "canary" not in logged
    for canary in CANARIES:
        assert canary.encode().hex() not in sent
    assert all(not each.span.events for each in story.receiver.spans())


async def test_an_unreachable_collector_holds_nobody_up(tmp_path: Path) -> None:
    """A service whose collector is away answers and ends all the same, with status 0."""
    async with relay(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1", WEIR_TRACE_RATIO="1") as asking:
        async with connect(asking.address) as channel:
            assert await ProbeStub(channel).ask("Get", "x", timeout=60) == "x"
        assert await asking.stop() == 0


@pytest.fixture(scope="module")
def shelves(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database of shelves."""
    with postgres.fresh(SCHEMA, versions=VERSIONS) as made:
        yield made


async def broken(database: FreshDatabase, telemetry: Telemetry) -> None:
    """Within one span a statement fails with a text that quotes its parameter."""
    opened = await Database.open(database.url(SCHEMA), schema=SCHEMA, settings=database.settings(SCHEMA))
    try:
        with telemetry.span("work"), pytest.raises(asyncpg.InvalidTextRepresentationError, match=SKU):
            async with opened.driving(TENANT) as driver:
                await driver.fetch("SELECT $1::text::bigint", SKU)
        async with opened.driving(TENANT):  # outside any span
            pass
    finally:
        await opened.close()


def observed() -> tuple[Telemetry, InMemorySpanExporter]:
    """Telemetry whose spans a test can read."""
    spans = InMemorySpanExporter()
    return built("shelf", 1.0, SimpleSpanProcessor(spans), InMemoryMetricReader()), spans


async def test_a_failed_statement_tells_no_parameter(shelves: FreshDatabase) -> None:
    """The text of a database's error quotes what it was given and stays here; outside traced work nothing is told."""
    telemetry, spans = observed()
    assert telemetry.tracers is not None
    statements.traced(telemetry.tracers)
    try:
        await broken(shelves, telemetry)
    finally:
        statements.untraced()
    told = [json.loads(span.to_json()) for span in spans.get_finished_spans()]
    assert [each["name"] for each in told] == ["BEGIN", "SELECT", "ROLLBACK", "work"]
    assert [each["status"]["status_code"] for each in told] == ["UNSET", "ERROR", "UNSET", "UNSET"]
    assert "SET LOCAL weir.tenant = ?" in told[0]["attributes"]["db.statement"]
    assert "canary" not in json.dumps(told)


async def test_the_driver_s_own_tracing_would_tell(shelves: FreshDatabase) -> None:
    """The control: left to itself the instrumentation of the driver sends the tenant and what a statement was given."""
    telemetry, spans = observed()
    instrumentor = AsyncPGInstrumentor()  # type: ignore[no-untyped-call]
    instrumentor.instrument(tracer_provider=telemetry.tracers)
    try:
        await broken(shelves, telemetry)
    finally:
        instrumentor.uninstrument()
    told = "".join(span.to_json() for span in spans.get_finished_spans())
    assert TENANT in told
    assert SKU in told


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("SELECT $1", "SELECT $1"),
        ("SET a = 'b'; SELECT 1", "SET a = ?; SELECT 1"),
        ("SET a = 'it''s b'", "SET a = ?"),
        ("SELECT '', 'a', 'b", "SELECT ?, ?, ?"),
    ],
)
def test_statements_are_told_without_literals(statement: str, told: str) -> None:
    """Every string of a statement is a question mark."""
    assert statements.without_literals(statement) == told


def test_work_for_untraced_callers_is_no_span() -> None:
    """Work that is shared is a span only if one of its callers is traced, in the trace of the first that is."""
    telemetry, spans = observed()
    with telemetry.shared("work", [None, None]):
        assert telemetry.caller() is None
        assert not trace.get_current_span().is_recording()
    callers = []
    for _ in range(2):
        with telemetry.span("caller"):
            callers.append(telemetry.caller())
    first, second = callers
    assert first is not None
    assert second is not None
    with telemetry.shared("work", [None, first, None, second]):
        pass
    *_, work = spans.get_finished_spans()
    assert work.parent is not None
    assert work.parent.span_id == first.span_id
    assert [link.context.span_id for link in work.links] == [second.span_id]
    assert Telemetry().caller() is None
