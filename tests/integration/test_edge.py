"""Whatever goes wrong, what leaves a server was meant to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from structlog.testing import capture_logs

from tests.kit.connecting import connect
from tests.kit.probe import NAME, POLICY, Probe, ProbeStub, probe_server, probed, until
from weir_chassis import call, status
from weir_chassis.auth import DevelopmentAuthenticator, Metadata, Principal, Role
from weir_chassis.errors import Kind, Malformed, NotCaughtUp, Refusal, TokenMissing, Violation
from weir_chassis.policy import Traffic
from weir_chassis.settings import ServerSettings

NOT_A_MESSAGE = b"\xff\xff\xff"
ALL = ("Get", "List", "Import", "Chat")
CANARY = "canary-7781"


class OutOfStock(Refusal):
    """A refusal with everything a refusal can have."""

    kind = Kind.UNMET
    reason = "INSUFFICIENT_STOCK"


class Roles:
    """Lets in who says which role it has; nobody else."""

    def recall(self, metadata: Metadata) -> Principal | None:
        """Never remembers, so that the slow way is taken too."""
        return None

    async def authenticate(self, metadata: Metadata) -> Principal:
        """The role is the metadata `role`."""
        role = dict(metadata).get("role")
        if role is None:
            raise TokenMissing
        return Principal("acme", "someone", Role[str(role)])


async def outcome(stub: ProbeStub, name: str, value: str = "x", **options: Any) -> grpc.aio.AioRpcError:
    """The error that a call of any kind ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await exchanged(stub, name, StringValue(value=value).SerializeToString(), **options)
    return caught.value


async def exchanged(stub: ProbeStub, name: str, raw: bytes, **options: Any) -> list[str]:
    """Call a method of any kind with one message of these bytes, and take all of its answer."""
    request: Any = iter([raw]) if name in ("Import", "Chat") else raw
    answer = stub.raw(name, request, **options)
    if name in ("List", "Watch", "Chat"):
        return [message.value async for message in answer]
    return [(await answer).value]


def working() -> set[asyncio.Task[Any]]:
    """The tasks in progress, but for those that wait for the next call."""
    return {task for task in asyncio.all_tasks() if "AioServer._request" not in repr(task)}


async def raising(error: BaseException) -> str:
    """A behaviour that raises."""
    raise error


def streaming(error: BaseException) -> Callable[[str], AsyncIterator[str]]:
    """A behaviour that raises where it should stream."""

    async def many(value: str) -> AsyncIterator[str]:
        yield await raising(error)

    return many


@pytest.mark.parametrize("name", ALL)
async def test_every_kind_of_method_answers(name: str) -> None:
    """All four kinds of methods pass through the edge unchanged."""
    async with probed(Probe()) as stub:
        assert "".join(await exchanged(stub, name, StringValue(value="abc").SerializeToString())) == "abc"


@pytest.mark.parametrize("name", ALL)
async def test_refusal_becomes_rich_status(name: str) -> None:
    """A refusal leaves with its code, sentence, reason, numbers, violations and wait, and is read back the same."""
    refusal = OutOfStock(
        "4 units of A are short.",
        violations=[Violation("lines[0]", "4 short.", "SHORT"), Violation("lines[2]", "1 short.", "SHORT")],
        retry_after_seconds=2.5,
        sku="A",
        short=4,
    )

    async with probed(Probe(single=lambda _: raising(refusal), many=streaming(refusal))) as stub:
        error = await outcome(stub, name)
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    told = status.told(error)
    assert told is not None
    assert told.to_record() == refusal.to_record()


@pytest.mark.parametrize("name", ALL)
async def test_accident_tells_an_incident_and_nothing_else(name: str) -> None:
    """An accident leaves as INTERNAL with an incident number; the story is in the log under that number."""
    with capture_logs() as lines:
        async with probed(
            Probe(single=lambda _: raising(RuntimeError(CANARY)), many=streaming(RuntimeError(CANARY)))
        ) as stub:
            error = await outcome(stub, name)
    assert error.code() is grpc.StatusCode.INTERNAL
    assert CANARY not in repr(error)
    assert status.reason(error) == "ACCIDENT"
    [story] = [line for line in lines if line["event"] == "accident"]
    assert error.details() == f"incident {story['incident']}"
    assert CANARY in repr(story["exc_info"])


@pytest.mark.parametrize("name", ALL)
async def test_malformed_bytes_are_an_invalid_argument(name: str) -> None:
    """Bytes that are no message of the method are the caller's fault, and said to be."""
    async with probed(Probe()) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await exchanged(stub, name, NOT_A_MESSAGE)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert status.reason(caught.value) == "REQUEST_MALFORMED"


@pytest.mark.parametrize("name", ALL)
async def test_cancellation_from_within_is_an_abort(name: str) -> None:
    """A handler whose own work was cancelled answers ABORTED; bare gRPC would never answer."""
    async with probed(
        Probe(single=lambda _: raising(asyncio.CancelledError()), many=streaming(asyncio.CancelledError()))
    ) as stub:
        error = await outcome(stub, name, timeout=5)
    assert error.code() is grpc.StatusCode.ABORTED
    assert status.reason(error) == "CALL_ABORTED"


@pytest.mark.parametrize("answer", [None, 7, "text"])
async def test_answer_of_the_wrong_type_is_an_accident(answer: Any) -> None:
    """What cannot be written as the response is our fault; UNKNOWN does not leave."""

    class Wrong(Probe):
        async def one(self, request: StringValue, context: Any) -> StringValue:
            return answer  # type: ignore[no-any-return]

        async def stream(self, request: StringValue, context: Any) -> AsyncIterator[StringValue]:
            yield answer

    with capture_logs():
        async with probed(Wrong()) as stub:
            assert (await outcome(stub, "Get")).code() is grpc.StatusCode.INTERNAL
            assert (await outcome(stub, "List")).code() is grpc.StatusCode.INTERNAL


async def test_abort_of_a_handler_passes() -> None:
    """A handler that ends the call by itself has the last word."""

    class Aborting(Probe):
        async def one(self, request: StringValue, context: Any) -> StringValue:
            await context.abort(grpc.StatusCode.DATA_LOSS, "gone")
            raise AssertionError

    async with probed(Aborting()) as stub:
        error = await outcome(stub, "Get")
    assert (error.code(), error.details()) == (grpc.StatusCode.DATA_LOSS, "gone")


async def test_refusal_of_another_service_is_passed_on() -> None:
    """What a service we called refused reaches our caller word for word; that it is away becomes PEER_AWAY."""
    async with probed(Probe(single=lambda _: raising(NotCaughtUp(retry_after_seconds=3)))) as inner:

        async def ask(value: str) -> str:
            return await inner.ask("Get", value)

        async with probed(Probe(single=ask)) as stub:
            refusal = status.told(await outcome(stub, "Get"))
    assert refusal is not None
    assert refusal.to_record() == NotCaughtUp(retry_after_seconds=3).to_record()

    async with connect("127.0.0.1:1") as nowhere:

        async def ask_nobody(value: str) -> str:
            return await ProbeStub(nowhere).ask("Get", value)

        async with probed(Probe(single=ask_nobody)) as stub:
            error = await outcome(stub, "Get")
    assert (error.code(), status.reason(error)) == (grpc.StatusCode.UNAVAILABLE, "PEER_AWAY")


async def test_unknown_method_is_unimplemented() -> None:
    """A method that does not exist is said not to exist."""
    async with probed(Probe()) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ask("Missing")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("name", ALL)
async def test_precedence_authenticated_permitted_limited_formed(name: str) -> None:
    """A call that is wrong in every way is told first who is missing, then what is forbidden, then the load, then the
    form."""
    settings = ServerSettings(read_limit=1, write_limit=1, notice_seconds=0.0)
    entered, leave = asyncio.Event(), asyncio.Event()

    async def wait(value: str) -> str:
        entered.set()
        await leave.wait()
        return value

    async def many(value: str) -> AsyncIterator[str]:
        yield await wait(value)

    policy = {method: access for method, access in POLICY.items() if not method.endswith(f"/{name}")}
    reached = [
        (POLICY, (), grpc.StatusCode.UNAUTHENTICATED),
        (policy, (("role", "SERVICE"),), grpc.StatusCode.PERMISSION_DENIED),
        (POLICY, (("role", "SERVICE"),), grpc.StatusCode.RESOURCE_EXHAUSTED),
    ]
    for stated, metadata, code in reached:
        entered.clear()
        leave.clear()
        probe = Probe(single=wait, many=many)
        async with probed(probe, settings, authenticator=Roles(), policies=[stated]) as stub:
            busy = []
            if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
                value = StringValue(value="x").SerializeToString()
                busy = [asyncio.create_task(exchanged(stub, name, value, metadata=metadata))]
                await entered.wait()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await exchanged(stub, name, NOT_A_MESSAGE, metadata=metadata)
            assert caught.value.code() is code
            leave.set()
            await asyncio.gather(*busy)
            if busy:  # with room again, the form is what is wrong
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await exchanged(stub, name, NOT_A_MESSAGE, metadata=metadata)
                assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("name", "role", "permitted"),
    [
        ("Get", "READER", True),
        ("Put", "READER", False),
        ("Put", "OPERATOR", True),
        ("Administer", "OPERATOR", False),
        ("Administer", "ADMINISTRATOR", True),
        ("Administer", "SERVICE", True),
        ("Unmapped", "SERVICE", False),
    ],
)
async def test_policy_decides_by_role(name: str, role: str, permitted: bool) -> None:
    """A method needs its role or a higher one; a method left out of the policy is denied to everyone."""
    async with probed(Probe(), authenticator=Roles()) as stub:
        if permitted:
            assert await stub.ask(name, "x", metadata=(("role", role),)) == "x"
        else:
            error = await outcome(stub, name, metadata=(("role", role),))
            assert error.code() is grpc.StatusCode.PERMISSION_DENIED
            assert status.reason(error) == "ROLE_INSUFFICIENT"


async def test_caller_that_is_refused_need_not_send_a_message() -> None:
    """Whoever is not let in is answered at once, even if no message ever comes: it cannot hold anything."""

    async def never() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    async with probed(Probe(), authenticator=Roles()) as stub:
        raw: Any = stub.channel.stream_unary(f"/{NAME}/Get")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await raw(never(), timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_accident_in_authentication_is_an_accident() -> None:
    """Even what breaks before the handler leaves as INTERNAL."""

    class Broken(DevelopmentAuthenticator):
        def recall(self, metadata: Metadata) -> Principal | None:
            raise ZeroDivisionError(CANARY)

    with capture_logs() as lines:
        async with probed(Probe(), authenticator=Broken()) as stub:
            error = await outcome(stub, "Get")
    assert error.code() is grpc.StatusCode.INTERNAL
    assert CANARY not in repr(error)
    assert any(line["event"] == "accident" for line in lines)


async def test_overload_is_refused_at_once_by_class() -> None:
    """Beyond the limit of its class a call is refused with a wait; other classes and health go on."""
    leave = asyncio.Event()
    settings = ServerSettings(read_limit=2, write_limit=1, notice_seconds=0.0)

    async def wait(value: str) -> str:
        if value == "wait":
            await leave.wait()
        return value

    server = probe_server(Probe(single=wait), settings)
    async with server.serving(), connect(server.address) as channel:
        stub = ProbeStub(channel)
        busy = [asyncio.create_task(stub.ask("Get", "wait")) for _ in range(2)]
        await until(lambda: server.in_flight(Traffic.READ) == 2)
        error = await outcome(stub, "Get", timeout=5)
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        refusal = status.told(error)
        assert refusal is not None
        assert refusal.retry_after_seconds is not None
        assert refusal.retry_after_seconds > 0
        assert await stub.ask("Put", "write") == "write"
        health: Any = channel.unary_unary("/grpc.health.v1.Health/Check")
        assert await health(b"") == b"\x08\x01"
        leave.set()
        assert await asyncio.gather(*busy) == ["wait", "wait"]
        assert await stub.ask("Get", "room again") == "room again"
        assert server.in_flight(Traffic.READ) == 0


@pytest.mark.parametrize("name", ALL)
async def test_cancel_and_deadline_leave_nothing_behind(name: str) -> None:
    """When the caller goes away the handler is cancelled, its place is free again and no task is left."""
    entered, ended = asyncio.Event(), asyncio.Event()

    async def wait(value: str) -> str:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return value

    async def many(value: str) -> AsyncIterator[str]:
        yield await wait(value)

    server = probe_server(Probe(single=wait, many=many))
    raw = StringValue(value="x").SerializeToString()
    async with server.serving(), connect(server.address) as channel:
        stub = ProbeStub(channel)
        before = working()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await exchanged(stub, name, raw, timeout=0.2)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await asyncio.wait_for(ended.wait(), 5)
        entered.clear()
        ended.clear()
        task = asyncio.create_task(exchanged(stub, name, raw))
        await asyncio.wait_for(entered.wait(), 5)
        task.cancel()
        await asyncio.wait_for(ended.wait(), 5)
        await until(lambda: working() <= before)
        assert [server.in_flight(traffic) for traffic in Traffic] == [0, 0, 0]


async def test_unary_calls_have_a_deadline() -> None:
    """A call without a deadline gets the default one, a call with too long a one the longest, and a handler sees it."""
    seen: list[float | None] = []

    async def look(value: str) -> str:
        seen.append(call.remaining_seconds())
        if value == "wait":
            await asyncio.Event().wait()
        return value

    settings = ServerSettings(deadline_default_seconds=0.3, deadline_max_seconds=0.5, notice_seconds=0.0)
    async with probed(Probe(single=look), settings) as stub:
        assert (await outcome(stub, "Get", "wait")).code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert (await outcome(stub, "Get", "wait", timeout=60)).code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert await stub.ask("Get", "quick", timeout=0.4) == "quick"
    default, longest, own = seen
    assert default is not None
    assert longest is not None
    assert own is not None
    assert 0 < default <= 0.3 < longest <= 0.5
    assert 0 < own <= 0.4 * 1.02  # gRPC rounds a timeout up a little on its way


async def test_timeout_of_a_handlers_own_is_an_accident() -> None:
    """A TimeoutError that is not ours is not mistaken for the deadline."""
    with capture_logs():
        async with probed(Probe(single=lambda _: raising(TimeoutError(CANARY)))) as stub:
            assert (await outcome(stub, "Get")).code() is grpc.StatusCode.INTERNAL


async def test_call_is_known_below_the_servicer() -> None:
    """Code below the servicer knows method, tenant and role of the call it answers; each call its own."""
    seen: list[tuple[str, str, bool]] = []

    async def look(value: str) -> str:
        current = call.current()
        seen.append((current.method, call.tenant(), current.principal.service))
        return value

    async with probed(Probe(single=look)) as stub:
        await asyncio.gather(
            stub.ask("Get", metadata=(("weir-tenant", "one"),)), stub.ask("Put", metadata=(("weir-tenant", "two"),))
        )
        await stub.ask("Get")
    assert sorted(seen) == sorted(
        [(f"/{NAME}/Get", "one", True), (f"/{NAME}/Put", "two", True), (f"/{NAME}/Get", "default", True)]
    )


async def test_stream_left_by_its_reader_is_closed() -> None:
    """A stream whose reader stops is closed on the server, its finally blocks run."""
    closed = asyncio.Event()

    async def endless(value: str) -> AsyncIterator[str]:
        try:
            while True:
                yield value
                await asyncio.sleep(0)
        finally:
            closed.set()

    async with probed(Probe(many=endless)) as stub:
        stream = stub.stream("Watch", "tick")
        assert (await stream.read()).value == "tick"
        stream.cancel()
        await asyncio.wait_for(closed.wait(), 5)


async def test_large_refusal_still_arrives() -> None:
    """A refusal with more violations than a trailer holds arrives with the first ones."""
    violations = [Violation(f"lines[{index}].product.sku", "No blank at either end.") for index in range(100)]
    async with probed(Probe(single=lambda _: raising(Malformed(violations)))) as stub:
        refusal = status.told(await outcome(stub, "Get"))
    assert refusal is not None
    assert len(refusal.violations) >= 50
    assert refusal.violations == tuple(violations[: len(refusal.violations)])


async def test_slow_reader_holds_the_writer_back() -> None:
    """A stream that nobody reads does not run ahead of its reader without bound."""
    written = 0

    async def big(value: str) -> AsyncIterator[str]:
        nonlocal written
        for _ in range(10_000):
            yield "x" * 100_000
            written += 1

    async with probed(Probe(many=big)) as stub:
        stream = stub.stream("List")
        await stream.read()
        async with aclosing(_steady(lambda: written)) as counts:
            async for count in counts:
                assert count < 1000
        stream.cancel()


async def _steady(read: Any) -> AsyncGenerator[int, None]:
    """Values of `read` until it has stood still for a while."""
    still, last = 0, -1
    while still < 20:
        await asyncio.sleep(0.01)
        value = read()
        still = still + 1 if value == last else 0
        last = value
        yield value
