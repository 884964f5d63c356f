"""HTTP to one address that a user gave: by the guard's rules, without redirects, and with an end to everything.

What comes back is not to be trusted: it is cut off past a size and a time, and is never unpacked, since little that is
packed may be much.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from weir_sync.urls import AddressRefused, Guard, WebAddress

SIZE_MAX = 8 * 1024 * 1024
SECONDS_MAX = 30.0
CONNECT_SECONDS_MAX = 5.0
CONNECTIONS_MAX = 4

_KNOWN: Mapping[type[Exception], type[httpx.TransportError]] = {
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.ReadTimeout: httpx.ReadTimeout,
    httpcore.WriteTimeout: httpx.WriteTimeout,
    httpcore.PoolTimeout: httpx.PoolTimeout,
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ReadError: httpx.ReadError,
    httpcore.WriteError: httpx.WriteError,
    httpcore.LocalProtocolError: httpx.LocalProtocolError,
    httpcore.RemoteProtocolError: httpx.RemoteProtocolError,
    httpcore.UnsupportedProtocol: httpx.UnsupportedProtocol,
}


def client(
    guard: Guard,
    address: WebAddress,
    *,
    headers: Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
    size_max: int = SIZE_MAX,
    seconds_max: float = SECONDS_MAX,
    verify: ssl.SSLContext | None = None,
) -> httpx.AsyncClient:
    """A client of one address, to be closed by whoever asked for it: paths are below that of the address.

    It asks nobody else: a request to another scheme, host or port raises AddressRefused, as one does whose host
    resolves to where nobody shall connect to. Nothing was sent then, nor where it raises httpx.ConnectError,
    httpx.ConnectTimeout or httpx.PoolTimeout. A redirect is an answer like any other. An answer that has more than
    `size_max` bytes, or takes longer than `seconds_max` in all, raises httpx.TransportError like one that breaks off.
    """
    return httpx.AsyncClient(
        base_url=address,
        transport=_Guarded(guard, address, size_max=size_max, seconds_max=seconds_max, verify=verify),
        headers={"accept-encoding": "identity", "user-agent": "weir-sync", **(headers or {})},
        auth=httpx.BasicAuth(*auth) if auth is not None else None,
        timeout=httpx.Timeout(seconds_max, connect=CONNECT_SECONDS_MAX),
        follow_redirects=False,
        trust_env=False,
    )


class _Guarded(httpx.AsyncBaseTransport):
    """Sends requests for one origin over connections to checked addresses."""

    def __init__(
        self,
        guard: Guard,
        address: WebAddress,
        *,
        size_max: int,
        seconds_max: float,
        verify: ssl.SSLContext | None,
    ) -> None:
        parts = urlsplit(address)
        self._origin = httpx.URL(f"{parts.scheme}://{parts.netloc}")
        self._size_max = size_max
        self._seconds_max = seconds_max
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=verify or httpx.create_ssl_context(trust_env=False),
            max_connections=CONNECTIONS_MAX,
            keepalive_expiry=30,
            network_backend=_Backend(guard, secure=parts.scheme == "https"),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not _same_origin(request.url, self._origin):
            raise AddressRefused("The request is for another address than the connection's.")
        deadline = asyncio.get_running_loop().time() + self._seconds_max
        sent = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _told():
            async with asyncio.timeout_at(deadline):
                got = await self._pool.handle_async_request(sent)
        body = _Body(got.stream, deadline=deadline, size_max=self._size_max)
        response = httpx.Response(got.status, headers=got.headers, stream=body, extensions=got.extensions)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            await body.aclose()
            raise httpx.RemoteProtocolError("The answer is packed, which was not asked for.")
        return response

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    """The bytes of an answer, up to a size and a moment."""

    def __init__(self, stream: Any, *, deadline: float, size_max: int) -> None:
        self._stream = stream
        self._deadline = deadline
        self._size_max = size_max

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size, parts = 0, aiter(self._stream)
        while True:
            with _told():
                async with asyncio.timeout_at(self._deadline):
                    part = await anext(parts, None)
            if part is None:
                return
            size += len(part)
            if size > self._size_max:
                raise httpx.RemoteProtocolError(f"The answer has more than {self._size_max} bytes.")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Backend(httpcore.AsyncNetworkBackend):
    """Connects to what the guard has checked, and to nothing else."""

    def __init__(self, guard: Guard, *, secure: bool) -> None:
        self._guard = guard
        self._secure = secure
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 -- as httpcore names it
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._guard.addresses(host, port, secure=self._secure)
        except TimeoutError:
            raise httpcore.ConnectTimeout("The host did not resolve in time.") from None
        except OSError:
            raise httpcore.ConnectError("The host does not resolve.") from None
        failed: Exception = httpcore.ConnectError("The host has no address.")
        for address in addresses:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong, in the words of httpx; a moment that has passed is a wait for an answer that was too long."""
    try:
        yield
    except TimeoutError:
        raise httpx.ReadTimeout("The answer took too long.") from None
    except Exception as error:
        known = next((told for kind, told in _KNOWN.items() if isinstance(error, kind)), None)
        if known is None:
            raise
        raise known(str(error)) from error


def _same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)
