"""Traces and metrics by OpenTelemetry, sent by OTLP where an endpoint is configured, and next to nothing where none is.

Labels name methods, codes and reasons; never a tenant, an identifier or an exception's text. A call is traced if its
caller's trace is, or, where it has none, with the configured probability. Watches are not traced as a whole: they last
for days; each of their batches is a trace of its own.
"""

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from importlib import metadata as packages

import grpc
from opentelemetry import metrics, propagate, trace
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from weir_chassis.settings import TelemetrySettings

DISTRIBUTION = "weir-inventory"
BUCKETS_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
LAG_PAUSE_SECONDS = 0.1
EXPORT_SECONDS = 3
"""How long it may take to send: what a process that ends waits for its traces, and again for its metrics."""

Reading = tuple[Callable[[], float], dict[str, str]]
Caller = trace.SpanContext
"""Names the span that work is done for."""


class Telemetry:
    """What this process tells about itself; made once a process by `start`, or by tests around their own exporters.

    Without a tracer provider and a meter provider every method is a no-op, and `tracing` and `metering` say so, so that
    the hot path can leave out the work altogether.
    """

    def __init__(self, tracers: TracerProvider | None = None, meters: MeterProvider | None = None) -> None:
        """Tell through these providers; None tells nothing."""
        self.tracing = tracers is not None
        self.metering = meters is not None
        self.tracers = tracers
        self.meters = meters
        self._tracer = (tracers or trace.NoOpTracerProvider()).get_tracer(DISTRIBUTION)
        self._meter = (meters or metrics.NoOpMeterProvider()).get_meter(DISTRIBUTION)
        self._refusals = self._meter.create_counter("weir.refusals", description="Calls refused, by reason.")
        self._timers: dict[tuple[str, str], Timer] = {}
        self._gauges: dict[str, list[Reading]] = {}

    def timer(self, side: str, method: str) -> "Timer | None":
        """Where the durations of one method go, on the `server` or the `client` side; None where nobody listens."""
        if not self.metering:
            return None
        timer = self._timers.get((side, method))
        if timer is None:
            timer = self._timers[side, method] = Timer(self._meter, side, method)
        return timer

    def refused(self, method: str, reason: str) -> None:
        """Count one refusal."""
        if self.metering:
            self._refusals.add(1, {"rpc.method": method, "reason": reason})

    def gauge(
        self, name: str, description: str, read: Callable[[], float], attributes: Mapping[str, str] | None = None
    ) -> None:
        """Observe `read()` each time metrics are sent; again with the same name and other labels."""
        if not self.metering:
            return
        readings = self._gauges.get(name)
        if readings is None:  # one instrument a name: of two the second one would hide the first
            readings = self._gauges[name] = []
            self._meter.create_observable_gauge(name, [_observing(readings)], description=description)
        readings.append((read, dict(attributes or {})))

    @contextmanager
    def served(self, method: str, carrier: Mapping[str, str]) -> Iterator[trace.Span]:
        """The span of a call that is being answered; continues the trace that its metadata names."""
        name = method.lstrip("/")
        span = self._tracer.start_span(
            name, propagate.extract(carrier), trace.SpanKind.SERVER, attributes=rpc_attributes(method)
        )
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            yield span

    def called(self, method: str) -> trace.Span:
        """A started span of a call to another service; whoever asked for it ends it."""
        return self._tracer.start_span(
            method.lstrip("/"), kind=trace.SpanKind.CLIENT, attributes=rpc_attributes(method)
        )

    @contextmanager
    def span(self, name: str) -> Iterator[trace.Span]:
        """A span of this process's own work, such as one batch of a watch; exceptions leave it without their text."""
        with self._tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as span:
            yield span

    def caller(self) -> Caller | None:
        """What the work done now belongs to, for `shared` to name it later; None where it is not traced."""
        if not self.tracing:
            return None
        span = trace.get_current_span()
        return span.get_span_context() if span.is_recording() else None

    @contextmanager
    def shared(self, name: str, callers: Iterable[Caller | None]) -> Iterator[None]:
        """The span of work done once for several callers: it stands in the trace of the first that is traced and names
        the others. No span where none is traced."""
        traced = [caller for caller in callers if caller is not None]
        if not traced:
            yield
            return
        first, *others = traced
        with self._tracer.start_as_current_span(
            name,
            trace.set_span_in_context(trace.NonRecordingSpan(first)),
            links=[trace.Link(other) for other in others],
            record_exception=False,
            set_status_on_exception=False,
        ):
            yield

    def trace_statements(self) -> None:
        """Trace the database statements of every traced call from now on; only where traces go somewhere."""
        if self.tracers is not None:
            from weir_chassis import statements

            statements.traced(self.tracers)

    def stop(self) -> None:
        """Send what is left; waits for it a few seconds at most."""
        if self.tracers is not None:
            self.tracers.shutdown()
        if self.meters is not None:
            self.meters.shutdown(timeout_millis=EXPORT_SECONDS * 1000)


def _observing(readings: list[Reading]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    return lambda _: [Observation(read(), labels) for read, labels in readings]


class Timer:
    """Counts and times the calls of one method by the code they ended with."""

    def __init__(self, meter: metrics.Meter, side: str, method: str) -> None:
        """Bind the labels once: a call then costs one lookup and one record."""
        self._histogram = meter.create_histogram(
            f"rpc.{side}.call.duration",
            unit="s",
            description="How long calls took.",
            explicit_bucket_boundaries_advisory=BUCKETS_SECONDS,
        )
        base = rpc_attributes(method)
        self._labels = {code: {**base, "rpc.grpc.status_code": code.value[0]} for code in grpc.StatusCode}

    def record(self, started: float, code: grpc.StatusCode) -> None:
        """Record a call that began at `started` on the clock of `time.perf_counter`."""
        self._histogram.record(time.perf_counter() - started, self._labels[code])


SILENT = Telemetry()
"""Tells nothing to nobody."""


def active() -> Telemetry:
    """The telemetry that `start` gave this process; silent where it gave none."""
    tracers, meters = trace.get_tracer_provider(), metrics.get_meter_provider()
    if not isinstance(tracers, TracerProvider) or not isinstance(meters, MeterProvider):
        return SILENT
    return Telemetry(tracers, meters)


def start(settings: TelemetrySettings, service: str) -> Telemetry:
    """The telemetry of this process, also OpenTelemetry's global one; silent where no OTLP endpoint is configured."""
    if settings.otlp_endpoint is None:
        return SILENT
    # The exporters take a second to import: whoever sends nothing does not wait for them.
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    endpoint = settings.otlp_endpoint
    insecure = not endpoint.startswith("https://")
    spans = BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, insecure=insecure, timeout=EXPORT_SECONDS))
    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(endpoint=endpoint, insecure=insecure, timeout=EXPORT_SECONDS),
        export_interval_millis=settings.metrics_seconds * 1000,
    )
    telemetry = built(service, settings.trace_ratio, spans, reader)
    assert telemetry.tracers is not None
    assert telemetry.meters is not None
    trace.set_tracer_provider(telemetry.tracers)
    metrics.set_meter_provider(telemetry.meters)
    return telemetry


def built(service: str, ratio: float, spans: SpanProcessor, reader: MetricReader) -> Telemetry:
    """Telemetry of `service` that gives its spans and metrics to these."""
    resource = Resource.create(
        {
            "service.namespace": "weir",
            "service.name": service,
            "service.version": packages.version(DISTRIBUTION),
            "service.instance.id": str(uuid.uuid4()),
            "process.pid": os.getpid(),
        }
    )
    tracers = TracerProvider(sampler=ParentBased(TraceIdRatioBased(ratio)), resource=resource)
    tracers.add_span_processor(spans)
    return Telemetry(tracers, MeterProvider([reader], resource=resource))


def rpc_attributes(method: str) -> dict[str, str | int]:
    """The labels of a method `/package.Service/Method`."""
    service, _, name = method.lstrip("/").rpartition("/")
    return {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}


class LoopLag:
    """Measures how late the event loop is: the worst lag since the last look, in seconds."""

    def __init__(self) -> None:
        """Nothing measured yet."""
        self._worst_seconds = 0.0

    def worst_seconds(self) -> float:
        """The worst lag since the last call of this method."""
        worst, self._worst_seconds = self._worst_seconds, 0.0
        return worst

    async def measure(self) -> None:
        """Measure until cancelled."""
        while True:
            due = time.monotonic() + LAG_PAUSE_SECONDS
            await asyncio.sleep(LAG_PAUSE_SECONDS)
            self._worst_seconds = max(self._worst_seconds, time.monotonic() - due)


@asynccontextmanager
async def lag_measured(telemetry: Telemetry) -> AsyncIterator[None]:
    """Within the block the lag of the event loop is measured and told."""
    if not telemetry.metering:
        yield
        return
    lag = LoopLag()
    telemetry.gauge("weir.loop.lag", "Worst lag of the event loop since the last look, in seconds.", lag.worst_seconds)
    task = asyncio.create_task(lag.measure())
    try:
        yield
    finally:
        task.cancel()
