"""The outermost interceptor: between the wire and every handler, in one fixed order.

Authenticated, permitted, within the limit of its traffic, well-formed, then the handler. Whatever goes wrong on the way
leaves as a status that was meant: a refusal with its reason, an accident as INTERNAL with an incident number whose
story is in the log only, work cancelled inside the service as ABORTED. UNKNOWN never leaves, nor does an exception's
text.

It is on the path of every call, so all that depends on the method alone is prepared once: the handler that gRPC is
given, its limit, its clocks. A caller that is refused is answered before its message is read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
import structlog
from grpc.aio import AbortError, ServerInterceptor, ServicerContext
from opentelemetry.trace import StatusCode as SpanStatus

from weir_chassis import call, status
from weir_chassis.auth import Authenticator, Metadata, Principal
from weir_chassis.call import Call
from weir_chassis.errors import CallAborted, Draining, Malformed, Overloaded, Refusal, RoleInsufficient, Violation
from weir_chassis.ids import new_id
from weir_chassis.policy import Access, Policy, Traffic
from weir_chassis.telemetry import SILENT, Telemetry

PUBLIC = ("/grpc.health.v1.Health/", "/grpc.reflection.v1.", "/grpc.reflection.v1alpha.")
PUBLIC_STREAMS_MAX = 128
RETRY_SECONDS = 0.25

Context = ServicerContext[Any, Any]
Behaviour = Callable[[Any, Context], Any]
Answer = Callable[[Any, Context], Awaitable[Any]]

log = structlog.get_logger(__name__)


class Lane:
    """The calls of one class in progress, and how many there may be."""

    __slots__ = ("active", "limit", "streams")

    def __init__(self, limit: int) -> None:
        """Empty."""
        self.limit = limit
        self.active = 0
        self.streams: set[asyncio.Task[Any]] = set()


@dataclass(frozen=True, slots=True)
class Deadlines:
    """What a unary call gets where it has no deadline, and the longest it may have."""

    default_seconds: float
    max_seconds: float


@dataclass(frozen=True, slots=True)
class _Guard:
    """One method, prepared: `access` is None where the policy leaves it out; `public` methods ask for nothing."""

    handler: grpc.RpcMethodHandler[Any, Any]
    access: Access | None
    public: bool


class Edge(ServerInterceptor):
    """Guards every method of a server; one instance a server, the first of its interceptors."""

    def __init__(
        self,
        *,
        policy: Policy,
        authenticator: Authenticator,
        limits: Mapping[Traffic, int],
        deadlines: Deadlines,
        telemetry: Telemetry = SILENT,
    ) -> None:
        """Guard by `policy`; `limits` holds every class of traffic."""
        self._policy = policy
        self._authenticator = authenticator
        self._deadlines = deadlines
        self._telemetry = telemetry
        self._guards: dict[str, _Guard] = {}
        self._lanes = {traffic: Lane(limits[traffic]) for traffic in Traffic}
        self._public_streams = Lane(PUBLIC_STREAMS_MAX)
        self._uploads: set[asyncio.Task[Any]] = set()
        self._draining = False
        self._drained: set[asyncio.Task[Any]] = set()
        for traffic, lane in self._lanes.items():
            telemetry.gauge(
                "weir.rpc.in_flight",
                "Calls in progress, by class.",
                lambda lane=lane: lane.active,  # type: ignore[misc]
                {"traffic": traffic.value},
            )

    def in_flight(self, traffic: Traffic) -> int:
        """How many calls of the class are in progress."""
        return self._lanes[traffic].active

    @property
    def idle(self) -> bool:
        """Whether nothing is in progress."""
        return not any(lane.active for lane in (*self._lanes.values(), self._public_streams))

    def drain(self) -> None:
        """End every watch and every stream of messages with Draining, and refuse new ones, so that their callers go on
        elsewhere and nobody waits for them."""
        self._draining = True
        for task in self._lanes[Traffic.WATCH].streams | self._public_streams.streams | self._uploads:
            self._drained.add(task)
            task.cancel()

    async def intercept_service(self, continuation: Any, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The handler that answers this call; None where no such method is served."""
        method = handler_call_details.method
        guard = self._guards.get(method)
        if guard is None:
            served = await continuation(handler_call_details)
            if served is None:
                return None
            guard = self._guards[method] = self._guard(method, served)
        if guard.public:
            return guard.handler
        try:
            principal = self._authenticator.recall(handler_call_details.invocation_metadata)
            if principal is None:
                principal = await self._authenticator.authenticate(handler_call_details.invocation_metadata)
            if guard.access is None or principal.role < guard.access.role:
                raise _insufficient(principal, guard.access)
        except Exception as error:
            return _refuser(self._ending(method, error))
        call.begin(Call(method, principal))
        return guard.handler

    def _guard(self, method: str, served: Any) -> _Guard:
        public = method.startswith(PUBLIC)
        access = None if public else self._policy.get(method)
        traffic = Traffic.READ if access is None else access.traffic
        lane = self._lanes[traffic]
        if public:  # a health check is answered however busy we are; streams of strangers are counted
            lane = self._public_streams if served.response_streaming else Lane(1 << 30)
        return _Guard(self._handler(method, served, lane, traced=traffic is not Traffic.WATCH), access, public)

    def _handler(self, method: str, served: Any, lane: Lane, *, traced: bool) -> grpc.RpcMethodHandler[Any, Any]:
        """A handler that gets bytes where gRPC would read a message before us, and reads them itself."""
        read = _well_formed(served.request_deserializer)
        write = served.response_serializer
        if served.request_streaming and served.response_streaming:
            answer = self._observed(method, self._streaming(method, lane, served.stream_stream, _as_is), traced)
            return grpc.stream_stream_rpc_method_handler(answer, read, write)
        if served.request_streaming:
            answer = self._observed(method, self._single(method, lane, served.stream_unary, write), traced)
            return grpc.stream_unary_rpc_method_handler(answer, read, None)
        if served.response_streaming:
            answer = self._observed(method, self._streaming(method, lane, served.unary_stream, read), traced)
            return grpc.unary_stream_rpc_method_handler(answer, None, write)
        answer = self._observed(method, self._unary(method, lane, served.unary_unary, read, write), traced)
        return grpc.unary_unary_rpc_method_handler(answer, None, None)

    def _unary(self, method: str, lane: Lane, behaviour: Behaviour, read: Any, write: Any) -> Answer:
        """Answer one message with one message, within the deadline of the caller or our own."""
        default_seconds, max_seconds = self._deadlines.default_seconds, self._deadlines.max_seconds

        async def answer(raw: bytes, context: Context) -> bytes:
            if lane.active >= lane.limit:
                await self._end(context, method, Overloaded(retry_after_seconds=RETRY_SECONDS))
            lane.active += 1
            try:
                request = read(raw)
                seconds: float | None = context.time_remaining()
                if seconds is None or seconds > max_seconds:
                    seconds = default_seconds if seconds is None else max_seconds
                    _until(seconds)
                    return write(await _bounded(behaviour(request, context), seconds))  # type: ignore[no-any-return]
                _until(seconds)
                return write(await behaviour(request, context))  # type: ignore[no-any-return]
            except BaseException as error:
                await self._end(context, method, error)
            finally:
                lane.active -= 1

        return answer

    def _single(self, method: str, lane: Lane, behaviour: Behaviour, write: Any) -> Answer:
        """Answer a stream of messages, which has no deadline but its caller's however long it is, with one message."""

        async def answer(requests: Any, context: Context) -> bytes:
            if self._draining:
                await self._end(context, method, Draining())
            if lane.active >= lane.limit:
                await self._end(context, method, Overloaded(retry_after_seconds=RETRY_SECONDS))
            task = asyncio.current_task()
            assert task is not None
            lane.active += 1
            self._uploads.add(task)
            try:
                _until(context.time_remaining())
                return write(await behaviour(_whole(requests, context), context))  # type: ignore[no-any-return]
            except BaseException as error:
                await self._end(context, method, error)
            finally:
                lane.active -= 1
                self._uploads.discard(task)
                self._drained.discard(task)

        return answer

    def _streaming(self, method: str, lane: Lane, behaviour: Behaviour, read: Any) -> Answer:
        """Answer with a stream; it is closed in this task whatever ends it, so that nothing of it is left behind."""
        endless = lane is self._lanes[Traffic.WATCH] or lane is self._public_streams

        async def answer(request: Any, context: Context) -> None:
            if endless and self._draining:
                await self._end(context, method, Draining())
            if lane.active >= lane.limit:
                await self._end(context, method, Overloaded(retry_after_seconds=RETRY_SECONDS))
            task = asyncio.current_task()
            assert task is not None
            lane.active += 1
            lane.streams.add(task)
            try:
                request = read(request)
                _until(context.time_remaining())
                answers = behaviour(request, context)
                if isinstance(answers, AsyncIterator):
                    await _written(answers, context)
                else:
                    await answers
            except BaseException as error:
                await self._end(context, method, error)
            finally:
                lane.active -= 1
                lane.streams.discard(task)
                self._drained.discard(task)

        return answer

    def _observed(self, method: str, answer: Answer, traced: bool) -> Answer:
        """The same answer with a span and a duration; itself where nobody listens."""
        timer = self._telemetry.timer("server", method)
        tracing = self._telemetry.tracing and traced
        if timer is None and not tracing:
            return answer

        async def timed(request: Any, context: Context) -> Any:
            started = time.perf_counter()
            try:
                return await answer(request, context)
            finally:
                if timer is not None:
                    timer.record(started, _code(context))

        async def spanned(request: Any, context: Context) -> Any:
            with self._telemetry.served(method, _carrier(context.invocation_metadata() or ())) as span:
                try:
                    return await timed(request, context)
                finally:
                    code = _code(context)
                    span.set_attribute("rpc.grpc.status_code", code.value[0])
                    if code is grpc.StatusCode.INTERNAL:
                        span.set_status(SpanStatus.ERROR)

        return spanned if tracing else timed

    async def _end(self, context: Context, method: str, error: BaseException) -> NoReturn:
        """End the call for `error`: by a status, or by raising on what is gRPC's own business."""
        if isinstance(error, AbortError) or not isinstance(error, (Exception, asyncio.CancelledError)):
            raise error
        task = asyncio.current_task()
        assert task is not None
        if task in self._drained:
            self._drained.discard(task)
            task.uncancel()
            error = Draining()
        if task.cancelling():  # the caller is gone: there is nobody to tell
            if not isinstance(error, (asyncio.CancelledError, Refusal)):
                self._ending(method, error)
            raise asyncio.CancelledError from error
        ending = self._ending(method, error)
        await context.abort(ending.code, ending.message, ending.trailers)

    def _ending(self, method: str, error: BaseException) -> status.Ending:
        """The status that tells `error`; an accident is logged here, under its incident number."""
        refusal: Refusal | None = None
        if isinstance(error, Refusal):
            refusal = error
        elif isinstance(error, asyncio.CancelledError):
            refusal = CallAborted()
        elif isinstance(error, _Overdue):
            return status.overdue()
        elif isinstance(error, grpc.RpcError):
            refusal = status.passed_on(error)
        if refusal is not None:
            self._telemetry.refused(method, refusal.reason)
            return status.refused(refusal)
        incident = new_id()
        log.error("accident", incident=incident, method=method, exc_info=error)
        return status.accident(incident)


class _Overdue(Exception):
    """The handler took longer than we let a call take."""


async def _bounded(answer: Awaitable[Any], seconds: float) -> Any:
    """The answer, if it comes in time; raises _Overdue otherwise, once the handler has been cancelled and has ended."""
    try:
        async with asyncio.timeout(seconds) as scope:
            return await answer
    except TimeoutError as error:
        if scope.expired():
            raise _Overdue from error
        raise


async def _whole(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
    """The messages of a stream that its caller ends.

    A connection that is lost ends a stream as its caller would: gRPC shows no difference, only that nothing can be sent
    any more. So something is sent; where that fails nobody is to take what has come for all there is.
    """
    async for each in requests:
        yield each
    try:
        await context.send_initial_metadata(())
    except Exception as error:
        raise CallAborted from error


async def _written(answers: Any, context: Context) -> None:
    async with aclosing(answers):
        async for message in answers:
            await context.write(message)


def _until(seconds: float | None) -> None:
    """Let the current call know its deadline; a public call has no caller to know, and no call."""
    if seconds is None:
        return
    answered = call.current_or_none()
    if answered is not None:
        answered.deadline = time.monotonic() + seconds


def _well_formed(read: Callable[[bytes], Any] | None) -> Callable[[bytes], Any]:
    """`read`, but bytes that are no such message raise Malformed."""
    if read is None:
        return _as_is
    message = read

    def checked(raw: bytes) -> Any:
        try:
            return message(raw)
        except Exception as error:  # the library's own error types vary by implementation
            raise Malformed([Violation("request", "The bytes are not a message of this method.")]) from error

    return checked


def _as_is(raw: Any) -> Any:
    return raw


def _refuser(ending: status.Ending) -> grpc.RpcMethodHandler[Any, Any]:
    """A handler that refuses without reading: as a streaming one it need not wait for a message that may never come."""

    async def refuse(_: Any, context: Context) -> None:
        await context.abort(ending.code, ending.message, ending.trailers)

    return grpc.stream_stream_rpc_method_handler(refuse)


def _insufficient(principal: Principal, access: Access | None) -> RoleInsufficient:
    return RoleInsufficient(required="NONE" if access is None else access.role.name, held=principal.role.name)


def _carrier(metadata: Metadata) -> dict[str, str]:
    return {key: value for key, value in metadata if isinstance(value, str) and key in ("traceparent", "tracestate")}


def _code(context: Context) -> grpc.StatusCode:
    number: Any = context.code()
    if isinstance(number, grpc.StatusCode):
        return number
    return _CODES.get(number or 0, grpc.StatusCode.UNKNOWN)


_CODES = {code.value[0]: code for code in grpc.StatusCode}
