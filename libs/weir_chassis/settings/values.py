"""How the text of a variable is read: each parser raises ValueError with a sentence that does not repeat the text."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens; port 0 asks the kernel for a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether nobody outside this machine can reach it."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")


def text(value: str) -> str:
    """The text as it is, without blanks around it."""
    return value.strip()


def texts(value: str) -> tuple[str, ...]:
    """Texts with commas between them."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def path(value: str) -> Path:
    """A path of this machine; `~` is the home directory."""
    return Path(value).expanduser()


def flag(value: str) -> bool:
    """Either on or off."""
    known = {"on": True, "true": True, "1": True, "yes": True, "off": False, "false": False, "0": False, "no": False}
    if value.strip().lower() not in known:
        raise ValueError("Say on or off.")
    return known[value.strip().lower()]


def integer(least: int, most: int) -> Callable[[str], int]:
    """A whole number within both ends."""

    def parse(value: str) -> int:
        try:
            number = int(value)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise ValueError(f"Give a whole number from {least} to {most}.")
        return number

    return parse


def number(least: float, most: float) -> Callable[[str], float]:
    """A number within both ends."""

    def parse(value: str) -> float:
        try:
            given = float(value)
        except ValueError:
            given = math.nan
        if not least <= given <= most:
            raise ValueError(f"Give a number from {least:g} to {most:g}.")
        return given

    return parse


def choice(*words: str) -> Callable[[str], str]:
    """One of the words."""

    def parse(value: str) -> str:
        if value.strip().lower() not in words:
            raise ValueError(f"Say one of {', '.join(words)}.")
        return value.strip().lower()

    return parse


def address(value: str) -> Address:
    """`host:port`, or `[host]:port` for IPv6."""
    host, _, port = value.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise ValueError("Give host:port, with a port from 0 to 65535.")
    return Address(host, int(port))


def postgres_url(value: str) -> str:
    """`postgresql://user:password@host:port/database`; several hosts with commas between them are welcome."""
    parts = urlsplit(value.strip())
    if parts.scheme not in ("postgres", "postgresql") or not parts.netloc or len(parts.path) < 2:
        raise ValueError("Give postgresql://user:password@host:port/database.")
    return value.strip()
