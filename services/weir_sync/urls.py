"""Addresses that users give, and where it is safe to connect to.

An address is judged twice: as a text, when it is given; and by what its name resolves to, each time that somebody
connects. Then the very address that was checked is connected to, so that a name cannot mean another machine by then.
Nothing on this machine, in its networks or of its kind (private, loopback, link-local, multicast, reserved, in whatever
notation) is ever reached; a guard may allow loopback, for tests and for adapters beside sync.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

HOST_LENGTH_MAX = 253
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(Exception):
    """Nobody connects there; the sentence says why."""


class WebAddress(str):
    """`https://host`, `https://host:port` or either with a path, without a slash at the end; or the same of http."""

    __slots__ = ()


class Target(NamedTuple):
    """A host and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def web_address(text: str) -> WebAddress:
    """Read the address of a web site; raises ValueError with a sentence that does not repeat the text."""
    told = "Give https://host, with a port and a path if need be, and nothing else."
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise ValueError(told) from None
    if parts.scheme not in ("https", "http") or "@" in parts.netloc or parts.query or parts.fragment or port == 0:
        raise ValueError(told)
    host = _host(parts.hostname or "", told)
    within = f"[{host}]" if ":" in host else host
    path = parts.path.rstrip("/")
    if not path.isascii() or any(each <= " " or each in '\\"<>^`{|}' for each in path):
        raise ValueError(told)
    return WebAddress(f"{parts.scheme}://{within}{f':{port}' if port else ''}{path}")


def target(text: str, *, default_port: int = 0) -> Target:
    """Read `host:port`, `[host]:port`, or a host alone where there is a port by default; raises ValueError with a
    sentence that does not repeat the text.
    """
    told = (
        "Give host:port." if not default_port else f"Give a host, or host:port; the port is {default_port} otherwise."
    )
    try:
        parts = urlsplit(f"//{text.strip()}")
        port = parts.port or default_port
    except ValueError:
        raise ValueError(told) from None
    if parts.netloc != text.strip() or "@" in parts.netloc or not port:
        raise ValueError(told)
    return Target(_host(parts.hostname or "", told), port)


@dataclass(frozen=True, slots=True)
class Guard:
    """Says where it is safe to connect to; loopback only where that is allowed, and http only there."""

    allow_loopback: bool = False

    def check(self, given: object) -> None:
        """Raise ValueError, with a sentence, where an address as it was given cannot be safe; all else is let be."""
        if isinstance(given, WebAddress):
            parts = urlsplit(given)
            if parts.scheme == "http" and not (self.allow_loopback and _names_loopback(parts.hostname or "")):
                raise ValueError("Give an address of https.")
            self._check_literal(parts.hostname or "")
        elif isinstance(given, Target):
            self._check_literal(given.host)

    async def addresses(self, host: str, port: int, *, secure: bool = True) -> tuple[str, ...]:
        """What a host resolves to now, each address checked, in the order to try them; connect to one of these.

        `secure` says that the other end will prove who it is: one that does not is reached on loopback alone. Raises
        AddressRefused; OSError where the name does not resolve.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        resolved = list(dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in found))
        for each in map(_meant, resolved):
            # All of them: a name that is of this network and of another one is meant for no good.
            if not self._safe(each):
                raise AddressRefused("The host is not a public one.")
            if not secure and not each.is_loopback:
                raise AddressRefused("Only https is spoken with it.")
        return tuple(resolved)

    def _check_literal(self, host: str) -> None:
        try:
            literal = _meant(host)
        except ValueError:
            if host == "localhost" and not self.allow_loopback:
                raise ValueError("Give a public host.") from None
            return
        if not self._safe(literal):
            raise ValueError("Give a public host.")

    def _safe(self, address: IpAddress) -> bool:
        if self.allow_loopback and address.is_loopback:
            return True
        return all(_public(each) for each in (address, *_tunnelled(address)))


def _host(host: str, told: str) -> str:
    """A host as it is looked up: a name in ASCII, or an address; raises ValueError with the sentence."""
    if "%" in host:
        raise ValueError(told)
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        name = host.encode("idna").decode().lower()
    except UnicodeError:
        raise ValueError(told) from None
    letters = name.replace("-", "").replace("_", "").replace(".", "")
    if not letters.isalnum() or len(name) > HOST_LENGTH_MAX:
        raise ValueError(told)
    return name


def _names_loopback(host: str) -> bool:
    try:
        return _meant(host).is_loopback
    except ValueError:
        return host == "localhost"


def _meant(text: str) -> IpAddress:
    """An address; of an older one that is written as a newer one the older, which is where it leads to."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address


def _public(address: IpAddress) -> bool:
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_link_local
        or address.is_loopback
        or address.is_private
        or address.is_unspecified
        or (isinstance(address, ipaddress.IPv6Address) and address.is_site_local)
    )


def _tunnelled(address: IpAddress) -> list[IpAddress]:
    """The older addresses that a newer one may have its packets sent to."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found = [address.sixtofour, *(address.teredo or ())]
    return [each for each in found if each is not None]
