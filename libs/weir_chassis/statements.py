"""Spans of database statements, with nothing of a tenant in them.

The instrumentation of the driver knows when statements run; left to itself it also writes down the text of every
exception, which quotes rows, and statements as they are sent, some of which hold a tenant's name. So it is given a
tracer that tells less: no exceptions, no literals, and no span outside a trace that somebody asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from opentelemetry import trace
from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor

TEXTS = ("db.statement", "db.query.text")
"""The attributes that hold a statement; which one depends on the conventions the process is told to follow."""

_LITERAL = re.compile(r"'(?:[^']|'')*'?")


def traced(tracers: trace.TracerProvider) -> None:
    """Trace every statement of this process from now on, each in the trace of the work that runs it."""
    instrumentor = AsyncPGInstrumentor(capture_parameters=False)  # type: ignore[no-untyped-call]
    instrumentor.instrument(tracer_provider=_Discreet(tracers))


def untraced() -> None:
    """Trace no statement any more."""
    AsyncPGInstrumentor().uninstrument()  # type: ignore[no-untyped-call]


def without_literals(statement: str) -> str:
    """The statement with `?` for every string in it; what is quoted and never closed is left out to the end."""
    return _LITERAL.sub("?", statement) if "'" in statement else statement


class _Discreet(trace.TracerProvider):
    """Gives tracers that tell less."""

    def __init__(self, tracers: trace.TracerProvider) -> None:
        self._tracers = tracers

    def get_tracer(self, *arguments: Any, **options: Any) -> trace.Tracer:
        return _Tracer(self._tracers.get_tracer(*arguments, **options))


class _Tracer(trace.Tracer):
    """Starts the spans of statements where there is a span they belong to."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def start_span(self, name: str, *_: Any, attributes: Mapping[str, Any] | None = None, **options: Any) -> trace.Span:
        if not trace.get_current_span().is_recording():
            return trace.INVALID_SPAN
        told = {key: without_literals(value) if key in TEXTS else value for key, value in (attributes or {}).items()}
        options.update(record_exception=False, set_status_on_exception=False)
        return self._tracer.start_span(name, attributes=told, **options)

    @contextmanager
    def _started(self, name: str, options: dict[str, Any]) -> Iterator[trace.Span]:
        span = self.start_span(name, **options)
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            yield span

    def start_as_current_span(self, name: str, *_: Any, **options: Any) -> Any:
        if not trace.get_current_span().is_recording():
            return nullcontext(trace.INVALID_SPAN)
        return self._started(name, options)
