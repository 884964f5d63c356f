"""A receiver of OTLP that understands what it gets: every span and metric that a process sends, to be asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

Traces = trace_service_pb2.ExportTraceServiceRequest
Metrics = metrics_service_pb2.ExportMetricsServiceRequest


@dataclass(frozen=True, slots=True)
class Told:
    """A span, and the service that sent it."""

    service: str
    span: Span

    @property
    def trace(self) -> str:
        """The id of its trace."""
        return self.span.trace_id.hex()

    @property
    def attributes(self) -> dict[str, str]:
        """Its attributes as text."""
        return texts(self.span.attributes)


@dataclass
class Receiver:
    """Everything that was ever sent."""

    address: str = ""
    traces: list[Traces] = field(default_factory=list)
    metrics: list[Metrics] = field(default_factory=list)

    def spans(self, service: str = "", name: str = "") -> list[Told]:
        """The spans whose service and name contain these."""
        found = [
            Told(texts(sent.resource.attributes)["service.name"], span)
            for request in self.traces
            for sent in request.resource_spans
            for scope in sent.scope_spans
            for span in scope.spans
        ]
        return [told for told in found if service in told.service and name in told.span.name]

    def of(self, trace: str) -> list[Told]:
        """The spans of one trace."""
        return [told for told in self.spans() if told.trace == trace]

    def latest(self, service: str, name: str) -> list[tuple[dict[str, str], Any]]:
        """The newest points of a metric of a service: labels and value, one for each set of labels."""
        found: dict[str, tuple[dict[str, str], Any]] = {}
        for request in self.metrics:
            for sent in request.resource_metrics:
                if texts(sent.resource.attributes)["service.name"] != service:
                    continue
                for metric in (each for scope in sent.scope_metrics for each in scope.metrics if each.name == name):
                    for point in points(metric):
                        labels = texts(point.attributes)
                        found[str(sorted(labels.items()))] = labels, point
        return list(found.values())

    @property
    def traces_sent(self) -> bytes:
        """All that came as traces, as it travelled."""
        return b"".join(each.SerializeToString() for each in self.traces)

    @property
    def metrics_sent(self) -> bytes:
        """All that came as metrics, as it travelled."""
        return b"".join(each.SerializeToString() for each in self.metrics)

    def everything(self) -> str:
        """All that was sent, as text."""
        return "\n".join(str(request) for request in (*self.traces, *self.metrics))


class _Spans(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def Export(self, request: Traces, context: Any) -> trace_service_pb2.ExportTraceServiceResponse:
        self._receiver.traces.append(request)
        return trace_service_pb2.ExportTraceServiceResponse()


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def Export(self, request: Metrics, context: Any) -> metrics_service_pb2.ExportMetricsServiceResponse:
        self._receiver.metrics.append(request)
        return metrics_service_pb2.ExportMetricsServiceResponse()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver for the block."""
    receiver = Receiver()
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 1 << 26)])
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Spans(receiver), server)  # type: ignore[no-untyped-call]
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_Metrics(receiver), server)  # type: ignore[no-untyped-call]
    receiver.address = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield receiver
    finally:
        await server.stop(0)
        del server  # let go of now: at its end it looks for the event loop, which must still be there


def points(metric: Metric) -> Any:
    """The points of a metric of any kind."""
    return getattr(metric, str(metric.WhichOneof("data"))).data_points


def texts(attributes: Any) -> dict[str, str]:
    """Attributes as text."""
    return {each.key: str(getattr(each.value, str(each.value.WhichOneof("value")))) for each in attributes}
