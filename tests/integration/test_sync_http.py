"""The client that connectors talk HTTP with: where it goes, what it never does, and when it gives up."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.kit.authority import Authority
from weir_sync.http import client
from weir_sync.urls import AddressRefused, Guard, WebAddress

TESTS = Guard(allow_loopback=True)
Writer = asyncio.StreamWriter


@dataclass
class Site:
    """A web site on this machine: what it was asked, and what it answers."""

    port: int = 0
    heads: list[str] = field(default_factory=list)
    answer: Callable[[Writer], Awaitable[None]] | None = None

    @property
    def address(self) -> WebAddress:
        """Where it answers."""
        return WebAddress(f"http://localhost:{self.port}")

    def answering(self, body: bytes, *headers: str, status: str = "200 OK") -> None:
        """Answer with this from now on."""
        lines = "".join(f"{each}\r\n" for each in (f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers))

        async def answer(writer: Writer) -> None:
            writer.write(f"{lines}\r\n".encode() + body)

        self.answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        """Answer one request after the other."""
        try:
            while True:
                self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
                assert self.answer is not None
                await self.answer(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A site that answers `fine`."""
    made = Site()
    made.answering(b"fine")
    serving: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: Writer) -> None:
        serving.add(asyncio.create_task(made.serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    for task in serving:
        task.cancel()
    await asyncio.gather(*serving, return_exceptions=True)
    await server.wait_closed()


async def test_a_request_is_for_the_host_that_was_given(site: Site) -> None:
    """The checked address is connected to, the host named is the one given; nothing packed is asked for."""
    async with client(TESTS, WebAddress(f"{site.address}/store"), headers={"x-key": "1"}, auth=("me", "it")) as http:
        answer = await http.get("/things")
    assert (answer.status_code, answer.text) == (200, "fine")
    (head,) = [each.lower() for each in site.heads]
    assert head.startswith("get /store/things http/1.1\r\n")
    for line in (f"host: localhost:{site.port}", "accept-encoding: identity", "x-key: 1", "authorization: basic "):
        assert f"\r\n{line}" in head


async def test_one_connection_serves_many_requests(site: Site) -> None:
    """A connection is kept and used again, so a name is not looked up for each request."""
    looked_up = []

    class Counting(Guard):
        async def addresses(self, host: str, port: int, *, secure: bool = True) -> tuple[str, ...]:
            looked_up.append(host)
            return await super().addresses(host, port, secure=secure)

    async with client(Counting(allow_loopback=True), site.address) as http:
        for _ in range(3):
            assert (await http.get("/")).text == "fine"
    assert (looked_up, len(site.heads)) == (["localhost"], 3)


async def test_nobody_connects_to_this_machine_unasked(site: Site) -> None:
    """Without a word of whoever runs sync this machine is not connected to, whatever its name; nothing is sent."""
    async with client(Guard(), site.address) as http:
        with pytest.raises(AddressRefused):
            await http.get("/")
    assert site.heads == []


async def test_it_asks_nobody_else(site: Site) -> None:
    """A request for another host, port or scheme than the connection's is not sent anywhere."""
    others = (f"http://localhost:{site.port + 1}/", f"http://127.0.0.1:{site.port}/", f"https://localhost:{site.port}/")
    async with client(TESTS, site.address) as http:
        for other in others:
            with pytest.raises(AddressRefused):
                await http.get(other)
    assert site.heads == []


async def test_a_redirect_is_an_answer_like_any_other(site: Site) -> None:
    """Nobody is sent elsewhere, and the headers with our secrets do not go there."""
    site.answering(b"", "location: http://elsewhere.example/", status="302 Found")
    async with client(TESTS, site.address) as http:
        assert (await http.get("/")).status_code == 302
    assert len(site.heads) == 1


async def test_an_answer_has_a_size(site: Site) -> None:
    """What has as many bytes as it may is read; one more breaks it off, said beforehand or not."""
    async with client(TESTS, site.address, size_max=100_000) as http:
        site.answering(b"x" * 100_000)
        assert len((await http.get("/")).content) == 100_000
        site.answering(b"x" * 100_001)
        with pytest.raises(httpx.TransportError, match="more than 100000 bytes"):
            await http.get("/")


async def test_nothing_packed_is_unpacked(site: Site) -> None:
    """Few bytes that would become many are refused as they are."""
    site.answering(gzip.compress(bytes(10_000_000)), "content-encoding: gzip")
    async with client(TESTS, site.address) as http:
        with pytest.raises(httpx.RemoteProtocolError, match="packed"):
            await http.get("/")


async def test_an_answer_has_an_end(site: Site) -> None:
    """Who never answers, or answers a byte at a time for ever, is left after the time there is for all of it."""

    async def never(writer: Writer) -> None:
        await asyncio.Event().wait()

    async def drop_by_drop(writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    for answer in (never, drop_by_drop):
        site.answer = answer
        async with client(TESTS, site.address, seconds_max=0.3) as http:
            with pytest.raises(httpx.ReadTimeout):
                await http.get("/")


async def test_a_lost_connection_is_told_from_one_that_was_never_made(site: Site) -> None:
    """Where nothing was sent the error says so: ConnectError; where something may have been it is another."""

    async def hang_up(writer: Writer) -> None:
        writer.close()

    site.answer = hang_up
    async with client(TESTS, site.address) as http:
        with pytest.raises(httpx.TransportError) as lost:
            await http.post("/", content=b"level")
    assert not isinstance(lost.value, httpx.ConnectError)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        async with client(TESTS, WebAddress(f"http://localhost:{deaf.getsockname()[1]}")) as http:
            with pytest.raises(httpx.ConnectError):
                await http.get("/")
    async with client(TESTS, WebAddress("http://nowhere.invalid")) as http:
        with pytest.raises(httpx.ConnectError, match="does not resolve"):
            await http.get("/")


class Pointing(Guard):
    """All names lead to this machine."""

    async def addresses(self, host: str, port: int, *, secure: bool = True) -> tuple[str, ...]:
        """This machine."""
        return ("127.0.0.1",)


async def test_who_answers_must_be_who_was_asked(tmp_path: Path) -> None:
    """Over TLS the other end proves to be the host that was given, though its address is what is connected to; one that
    another host's certificate speaks for is not talked to.
    """
    authority = Authority(tmp_path)
    heads = []

    async def serve(reader: asyncio.StreamReader, writer: Writer) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nfine")
        await writer.drain()
        writer.close()

    trusting = ssl.create_default_context(cafile=authority.file)
    certificate, key = authority.issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        async with client(TESTS, WebAddress(f"https://localhost:{port}"), verify=trusting) as http:
            assert (await http.get("/")).text == "fine"
        for guard, host, trusted in ((TESTS, "localhost", None), (Pointing(), "shop.example", trusting)):
            async with client(guard, WebAddress(f"https://{host}:{port}"), verify=trusted) as http:
                with pytest.raises(httpx.ConnectError, match="certificate"):
                    await http.get("/")
    finally:
        server.close()
        await server.wait_closed()
    assert len(heads) == 1
