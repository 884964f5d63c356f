"""Services call one another over TLS, each knowing the other, and renew their certificates while they run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from tests.kit.authority import Authority
from tests.kit.probe import Probe, ProbeStub, probe_server, until
from weir_chassis.client import ClientFileUnusable, Peer
from weir_chassis.policy import Traffic
from weir_chassis.settings import ClientSettings, ServerSettings
from weir_chassis.watch import watch


@pytest.fixture(autouse=True)
def look_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are looked at with every call."""
    monkeypatch.setattr("weir_chassis.client.FILE_LOOK_SECONDS", 0.0)


def folder(parent: Path, name: str) -> Path:
    """A folder."""
    made = parent / name
    made.mkdir()
    return made


def secured(authority: Authority, *, mutual: Path | None = None) -> ServerSettings:
    """A server with a certificate of the authority; it asks clients for one that `mutual` signs."""
    certificate, key = authority.issue("server")
    return ServerSettings(
        tls_certificate_file=certificate,
        tls_key_file=key,
        tls_client_ca_file=mutual,
        notice_seconds=0.0,
        drain_seconds=0.1,
    )


def calling(trusted: Path, own: tuple[Path, Path] | None = None) -> ClientSettings:
    """A client that trusts an authority, and presents a certificate of its own if given."""
    certificate, key = (None, None) if own is None else own
    return ClientSettings(tls_ca_file=trusted, tls_certificate_file=certificate, tls_key_file=key)


async def refused(address: str, settings: ClientSettings) -> grpc.StatusCode:
    """The status that a peer's call ends with."""
    async with Peer(address, settings) as peer:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ProbeStub(peer.channel).ask("Get", timeout=2)
    return caught.value.code()


async def test_a_peer_calls_over_tls(tmp_path: Path) -> None:
    """Only a peer that trusts the server's authority calls it; one in plain text, or that trusts another, does not."""
    authority = Authority(folder(tmp_path, "ours"))
    stranger = Authority(folder(tmp_path, "theirs"))
    async with probe_server(Probe(), secured(authority)).serving() as server:
        async with Peer(server.address, calling(authority.file)) as peer:
            assert await ProbeStub(peer.channel).ask("Get", "secret") == "secret"
            assert [each.value async for each in ProbeStub(peer.channel).stream("List", "ab")] == ["a", "b"]
        for settings in (ClientSettings(), calling(stranger.file)):
            assert await refused(server.address, settings) in (
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.DEADLINE_EXCEEDED,
            )


async def test_a_peer_shows_who_it_is(tmp_path: Path) -> None:
    """Where TLS is mutual a peer needs a certificate that the server trusts."""
    authority = Authority(folder(tmp_path, "ours"))
    stranger = Authority(folder(tmp_path, "theirs"))
    async with probe_server(Probe(), secured(authority, mutual=authority.file)).serving() as server:
        async with Peer(server.address, calling(authority.file, authority.issue("client"))) as peer:
            assert await ProbeStub(peer.channel).ask("Get", "secret") == "secret"
        for own in (None, stranger.issue("client")):
            assert await refused(server.address, calling(authority.file, own)) in (
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.DEADLINE_EXCEEDED,
            )


async def test_certificates_are_renewed_on_both_sides(tmp_path: Path) -> None:
    """Server and peer go over to another authority without being started again, and lose no call.

    One that began before is answered on the connection it began on. Files that do not fit together, as in the middle of
    a renewal, or that are broken, change nothing.
    """
    first, second = (Authority(folder(tmp_path, name)) for name in ("first", "second"))
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(first.file.read_bytes())
    settings, own = secured(first, mutual=trusted), first.issue("client")
    held = asyncio.Event()

    async def single(value: str) -> str:
        if value == "hold":
            await held.wait()
        return value

    async with (
        probe_server(Probe(single=single), settings).serving() as server,
        Peer(server.address, calling(trusted, own)) as peer,
    ):
        get = ProbeStub(peer.channel).method("Get")  # made once, as generated stubs do

        async def ask(value: str) -> None:
            assert (await get(StringValue(value=value))).value == value

        begun = asyncio.create_task(ask("hold"))
        await until(lambda: server.in_flight(Traffic.READ) == 1)
        trusted.write_bytes(first.file.read_bytes() + second.file.read_bytes())
        await ask("both authorities are trusted")
        assert settings.tls_certificate_file is not None
        assert settings.tls_key_file is not None
        both_sides = zip(
            (settings.tls_certificate_file, settings.tls_key_file, *own),
            (*second.issue("server"), *second.issue("client")),
            strict=True,
        )
        for old, new in both_sides:
            new.replace(old)
            await ask(f"with a new {old.name}")
        trusted.write_bytes(second.file.read_bytes())
        await ask("only the second authority is trusted")
        former = calling(second.file, first.issue("former"))
        assert await refused(server.address, former) is grpc.StatusCode.UNAVAILABLE
        own[1].write_bytes(b"broken")
        await ask("a key is broken")
        trusted.unlink()
        await ask("a file is gone")
        held.set()
        await begun


async def test_a_watch_goes_over_to_the_renewed_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch on a connection that is given up for a renewed certificate resumes after its mark; a cancel ends it."""
    monkeypatch.setattr("weir_chassis.client.FORMER_GRACE_SECONDS", 0.0)
    authority = Authority(tmp_path)
    opened: list[str] = []

    async def count(value: str) -> AsyncIterator[str]:
        opened.append(value)
        yield str(int(value) + 1)
        await asyncio.Event().wait()

    async with (
        probe_server(Probe(many=count), secured(authority)).serving() as server,
        Peer(server.address, calling(authority.file, authority.issue("client"))) as peer,
    ):
        stub = ProbeStub(peer.channel)
        seen: list[int] = []

        async def follow() -> None:
            stream: AsyncGenerator[StringValue, None] = watch(
                lambda mark: stub.stream("Watch", str(mark)),
                after=0,
                through=lambda message: int(message.value),
                newer=lambda one, other: one > other,
            )
            async with aclosing(stream) as messages:
                async for message in messages:
                    seen.append(int(message.value))

        following = asyncio.create_task(follow())
        await until(lambda: seen == [1])
        authority.issue("client")
        assert await stub.ask("Get", "renewed") == "renewed"
        await until(lambda: seen == [1, 2])
        following.cancel()
        with pytest.raises(asyncio.CancelledError):
            await following
        assert opened == ["0", "1"]


@pytest.mark.parametrize("broken", ["absent", "no PEM", "another's key"])
def test_a_file_that_is_unusable_is_named(tmp_path: Path, broken: str) -> None:
    """A peer that cannot use its TLS files says which one, before it calls anybody."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("client")
    match broken:
        case "absent":
            key.unlink()
        case "no PEM":
            key.write_bytes(b"no key")
        case _:
            authority.issue("other")[1].replace(key)
    with pytest.raises(ClientFileUnusable, match=r"client\.key"):
        Peer("localhost:1", calling(authority.file, (certificate, key)))
    authority.file.write_bytes(b"no certificate")
    with pytest.raises(ClientFileUnusable, match=r"ca\.pem"):
        Peer("localhost:1", calling(authority.file))
