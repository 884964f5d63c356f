"""Addresses that users give: how they are read, and which are safe."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from weir_sync.urls import AddressRefused, Guard, Target, WebAddress, target, web_address

SAFE, TESTS = Guard(), Guard(allow_loopback=True)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://shop.example", "https://shop.example"),
        (" https://Shop.Example/ ", "https://shop.example"),
        ("https://shop.example:8443/store/", "https://shop.example:8443/store"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://[2001:DB8::1]:1", "https://[2001:db8::1]:1"),
        ("https://8.8.8.8", "https://8.8.8.8"),
    ],
)
def test_an_address_is_read_in_one_form(text: str, address: str) -> None:
    """However it is written, it is kept in lower case and without a slash at the end."""
    assert web_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "shop.example",
        "ftp://shop.example",
        "https://",
        "https:///path",
        "https://user:canary@shop.example",
        "https://canary@shop.example",
        "https://shop.example?token=canary",
        "https://shop.example#canary",
        "https://shop.example:0",
        "https://shop.example:65536",
        "https://shop.example:canary",
        "https://shop .example",
        "https://shop.example/a b",
        "https://shop.example/a\\b",
        "https://shop.example/ä",
        "https://shop.example\r\nHost: canary",
        "https://[::1",
        "https://[fe80::1%eth0]",
        "https://" + "a." * 200 + "example",
        "https://" + "a" * 64 + ".example",
        "file:///etc/passwd",
        "https://shop.example/\x00",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """Nothing but scheme, host, port and path is taken, and the sentence does not repeat what was given."""
    with pytest.raises(ValueError, match="Give https://host") as refused:
        web_address(text)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("adapter.example:50051", Target("adapter.example", 50051)),
        ("[::1]:22", Target("::1", 22)),
        ("Files.Example", Target("files.example", 22)),
    ],
)
def test_a_target_is_read_with_its_port(text: str, expected: Target) -> None:
    """A host and a port, or the port by default; told again it is the same."""
    assert target(text, default_port=22) == expected
    assert target(str(expected)) == expected


@pytest.mark.parametrize("text", ["", "host", "host:0", "host:x", "user@host:1", "host:1/path", "https://host:1", ":1"])
def test_what_is_no_target_is_refused(text: str) -> None:
    """A host and a port are asked for, and nothing else is taken."""
    with pytest.raises(ValueError, match="Give host:port"):
        target(text)


PRIVATE = [
    "127.0.0.1",
    "127.255.0.1",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "64:ff9b::10.0.0.1",
    "2002:7f00:1::",
    "2001:0:7f00:1::1",
    "2001:db8::1",
]
PUBLIC = ["8.8.8.8", "93.184.215.14", "2606:4700:4700::1111", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"]


def within(address: str) -> str:
    """An address as it stands in a URL."""
    return f"https://[{address}]" if ":" in address else f"https://{address}"


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_of_no_public_network_is_refused_as_it_is_given(address: str) -> None:
    """This machine, its networks, all that is reserved, and what leads there in another notation."""
    for given in (web_address(within(address)), Target(address, 22)):
        with pytest.raises(ValueError, match="Give a public host"):
            SAFE.check(given)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_taken(address: str) -> None:
    """What anybody can reach is reached, but not without https."""
    SAFE.check(web_address(within(address)))
    SAFE.check(Target(address, 22))
    for guard in (SAFE, TESTS):
        with pytest.raises(ValueError, match="Give an address of https"):
            guard.check(web_address(within(address).replace("https", "http")))


def test_loopback_is_taken_where_it_is_allowed() -> None:
    """With a word of whoever runs sync this machine is reached, without https too, and nothing else that is private."""
    for given in (
        "http://localhost:1",
        "https://localhost",
        "http://127.0.0.1:1",
        "http://[::1]:1",
        "http://[::ffff:127.0.0.1]",
    ):
        TESTS.check(WebAddress(given))
        with pytest.raises(ValueError, match="Give"):
            SAFE.check(WebAddress(given))
    for given in ("https://10.0.0.1", "https://169.254.169.254", "http://shop.example", "https://[::ffff:10.0.0.1]"):
        with pytest.raises(ValueError, match="Give"):
            TESTS.check(WebAddress(given))


def test_other_settings_are_let_be() -> None:
    """A guard judges addresses, and nothing else that a setting may be."""
    for given in ("http://10.0.0.1", 7, None):
        SAFE.check(given)


class Names:
    """A loop whose names resolve to what a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        """Answer these one after the other."""
        self.asked: list[tuple[str, int]] = []
        self._answers = list(answers)
        monkeypatch.setattr(asyncio.get_running_loop().__class__, "getaddrinfo", self._answer, raising=False)

    async def _answer(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append((host, port))
        found = self._answers.pop(0)
        if not found:
            raise socket.gaierror("no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_of_no_public_network_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """What a name resolves to counts, not how it reads; one bad address among good ones is enough."""
    names = Names(monkeypatch, [address], ["8.8.8.8", address])
    for _ in range(2):
        with pytest.raises(AddressRefused, match="not a public one"):
            await SAFE.addresses("shop.example", 443)
    assert names.asked == [("shop.example", 443)] * 2


async def test_a_name_is_resolved_once_to_what_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """The addresses that were checked are told, each once and in order, and none is looked up again."""
    names = Names(monkeypatch, ["8.8.8.8", "1.1.1.1", "8.8.8.8"])
    assert await SAFE.addresses("shop.example", 443) == ("8.8.8.8", "1.1.1.1")
    assert names.asked == [("shop.example", 443)]


async def test_without_a_proof_only_loopback_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """What will not prove who it is is this machine, or nobody: also where a name changes its mind."""
    Names(monkeypatch, ["127.0.0.1"], ["8.8.8.8"], ["127.0.0.1"])
    assert await TESTS.addresses("localhost", 80, secure=False) == ("127.0.0.1",)
    with pytest.raises(AddressRefused, match="https"):
        await TESTS.addresses("localhost", 80, secure=False)
    with pytest.raises(AddressRefused, match="not a public one"):
        await SAFE.addresses("localhost", 80, secure=False)


async def test_a_name_that_is_nowhere_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not resolve may do so later: that is no refusal."""
    Names(monkeypatch, [])
    with pytest.raises(OSError, match="no such name"):
        await SAFE.addresses("nowhere.example", 443)
