"""A warehouse that puts files of its stock into a folder of an SFTP server.

It is spoken to by OpenSSH's own `sftp`, a process for each conversation, so that nothing of SSH is ours. It connects
to the address that was checked, believes only the host keys that the connection names, and shows one private key; it
reads no configuration, asks nobody, and forwards nothing. What it writes goes into a folder that is removed with the
connector.

What CsvFolder says of files that are renamed once they are whole holds here, too.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from weir_sync.connectors import stock_file
from weir_sync.connectors.making import Reach
from weir_sync.connectors.port import Away, Denied, StockPart
from weir_sync.connectors.settings import secret, setting
from weir_sync.connectors.stock_file import FileSettings
from weir_sync.connectors.telling import Unreached, said
from weir_sync.urls import AddressRefused, Target, target

PORT = 22
SECONDS_MAX = 300.0
"""How long one conversation may take."""
TEXT_MAX = 4 * 1024 * 1024
"""Bytes that it may say."""
LOOK_SECONDS = 1.0
"""How often it is looked how much it brought."""
SETTLED_SECONDS = 120.0
"""A file is told from the one before by a listing, whose clock has minutes, and days after half a year: one that is
younger than this, or that old, is read again.
"""
_LISTED = re.compile(r"-[-rwxsStT]{9}\S?\s+\S+\s+\S+\s+\S+\s+(\d+)\s+(\w{3}\s+\d+\s+[\d:]+)\s+(\S+)")
_DENIED = (
    ("Permission denied (", "The server does not let us in by our user and key."),
    ("Host key verification failed", "The server shows another host key than the connection names."),
    ("No ED25519 host key is known", "The server shows another host key than the connection names."),
    ("Load key", "The private key cannot be read."),
    ("Can't ls:", "The folder cannot be read."),
    ("Couldn't canonicalize", "The folder cannot be read."),
    ("realpath", "The folder cannot be read."),
)
_UNREACHED = ("Connection refused", "Connection timed out", "No route to host", "Network is unreachable")


def host_keys(text: str) -> str:
    """The public keys of a server, as `ssh-keyscan` tells them, one a line, with or without the host before it."""
    keys = []
    for line in filter(None, map(str.strip, text.splitlines())):
        found = re.fullmatch(r"(?:\S+ )?((?:ssh|ecdsa|sk-ssh|sk-ecdsa)[A-Za-z0-9@.-]+ [A-Za-z0-9+/=]+)(?: .*)?", line)
        if not found:
            raise ValueError("Give public keys of the server, one a line, as `ssh-keyscan` tells them.")
        keys.append(found[1])
    if not keys:
        raise ValueError("Give public keys of the server, one a line, as `ssh-keyscan` tells them.")
    return "\n".join(keys)


def user(text: str) -> str:
    """The name of a user."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}", text):
        raise ValueError("Letters, digits, `_`, `.`, `@` and `-`: up to 64.")
    return text


def folder(text: str) -> str:
    """A folder on the server."""
    if not re.fullmatch(r"[A-Za-z0-9._/][A-Za-z0-9._/ -]{0,255}", text):
        raise ValueError("Letters, digits, `.`, `_`, `-`, `/` and blanks: up to 256.")
    return text


def private_key(text: str) -> str:
    """A private key without a passphrase."""
    if not re.match(r"\s*-----BEGIN [A-Z ]*PRIVATE KEY-----", text) or "ENCRYPTED" in text:
        raise ValueError("Give a private key in PEM or in the form of OpenSSH, without a passphrase.")
    return text.strip().replace("\r", "") + "\n"


def server(text: str) -> Target:
    """A host, or `host:port`."""
    return target(text, default_port=PORT)


@dataclass(frozen=True)
class SftpSettings(FileSettings):
    """Which server, which folder, and what is in it."""

    server: Target = setting("Where the server listens, as in `files.example`, or `files.example:2222`.", server)
    host_keys: str = setting("Public keys of the server, one a line, as `ssh-keyscan` tells them.", host_keys)
    user: str = setting("Name of the user there.", user)
    folder: str = setting("Folder there. Default: where the user is let in.", folder, ".")
    private_key: str = secret("Private key of the user, without a passphrase.", private_key)


class _Listed(NamedTuple):
    name: str
    size: int
    line: str
    """As it was listed."""
    minute: bool
    """It was with the minute at which it was written."""


class Sftp:
    """A `WarehouseConnector` of the newest file in a folder, which is of the moment at which it was last written."""

    def __init__(self, settings: SftpSettings, reach: Reach) -> None:
        """Connects when first asked."""
        self._settings = settings
        self._reach = reach
        self._home: Path | None = None

    async def probe(self) -> Sequence[str]:
        newest = await self._newest()
        if newest is None:
            return []
        return await stock_file.facilities(self._settings, await self._fetched(newest), name=newest.name)

    async def stock(self, cursor: str) -> AsyncIterator[StockPart]:
        newest = await self._newest()
        if newest is None or newest.line == cursor:
            return
        path = await self._fetched(newest)
        written_seconds = path.stat().st_mtime
        as_of = datetime.fromtimestamp(written_seconds, UTC)
        settled = newest.minute and datetime.now(UTC).timestamp() - written_seconds > SETTLED_SECONDS
        after = newest.line if settled else f"{newest.line} again"
        async for part in stock_file.parts(self._settings, path, name=newest.name, as_of=as_of, cursor=after):
            yield part

    async def close(self) -> None:
        home, self._home = self._home, None
        if home is not None:
            await asyncio.to_thread(shutil.rmtree, home, True)

    async def _newest(self) -> _Listed | None:
        """The file that was written last; of those of one moment, the last by name. None: there is none."""
        text = await self._say(f'ls -lnt "{self._settings.folder}"')
        listed = [
            _Listed(found[3].rpartition("/")[2], int(found[1]), line, ":" in found[2]) for line, found in _lines(text)
        ]
        newest = next((each for each in listed if self._settings.matches(each.name)), None)
        if newest is not None and newest.size > stock_file.SIZE_MAX:
            raise Denied(f"The file '{newest.name}' has more than {stock_file.SIZE_MAX} bytes.")
        return newest

    async def _fetched(self, newest: _Listed) -> Path:
        """A copy of a file, with the moment at which it was written."""
        home = await self._made()
        copy = home / "stock.csv"
        copy.unlink(missing_ok=True)
        await self._say(f'get -p "{self._settings.folder}/{newest.name}" "{copy}"')
        if not copy.is_file() or copy.stat().st_size != newest.size:
            raise Away(f"The file '{newest.name}' was written to, or is gone, while it was read.")
        return copy

    async def _say(self, command: str) -> str:
        """What the server answers to one command."""
        program = shutil.which("sftp")
        if program is None:
            raise Denied("This installation has no program `sftp`, of OpenSSH.")
        host, port = self._settings.server
        try:
            address, *_ = await self._reach.guard.addresses(host, port)
        except AddressRefused as refused:
            raise Denied(str(refused)) from None
        except OSError:
            raise Unreached("The host does not resolve.") from None
        home = await self._made()
        process = await asyncio.create_subprocess_exec(
            program,
            *_options(home, port),
            f"{self._settings.user}@{f'[{address}]' if ':' in address else address}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=home,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LC_ALL": "C", "TZ": "UTC"},
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(SECONDS_MAX):
                told, wrong = await _heard(process, f"{command}\n", home)
        except TimeoutError:
            raise Away("The server did not answer in time.") from None
        finally:
            await _ended(process)
        if process.returncode:
            raise _failed(wrong)
        return told

    async def _made(self) -> Path:
        """The folder of this connector, with the keys in it; nobody else reads there."""
        if self._home is None:
            home = await asyncio.to_thread(tempfile.mkdtemp, prefix="weir-sftp-")
            self._home = Path(home)
            keys = "".join(f"warehouse {key}\n" for key in self._settings.host_keys.splitlines())
            _write(self._home / "known_hosts", keys)
            _write(self._home / "key", self._settings.private_key)
        return self._home


def _write(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _options(home: Path, port: int) -> list[str]:
    """How it connects: by one key, to whom the connection names, and to nobody else."""
    settings = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "HostKeyAlias": "warehouse",
        "UserKnownHostsFile": str(home / "known_hosts"),
        "GlobalKnownHostsFile": "/dev/null",
        "CheckHostIP": "no",
        "UpdateHostKeys": "no",
        "IdentityFile": str(home / "key"),
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "PreferredAuthentications": "publickey",
        "ConnectTimeout": "10",
        "ServerAliveInterval": "10",
        "ServerAliveCountMax": "3",
        "ForwardAgent": "no",
        "ClearAllForwardings": "yes",
        "ControlPath": "none",
        "ProxyCommand": "none",
        "LogLevel": "ERROR",
    }
    named = [text for name, value in settings.items() for text in ("-o", f"{name}={value}")]
    return ["-b", "-", "-F", "none", "-P", str(port), *named]


def _lines(text: str) -> list[tuple[str, re.Match[str]]]:
    """The files of a listing, as they were listed."""
    found = ((line.strip(), _LISTED.fullmatch(line.strip())) for line in text.splitlines())
    return [(line, match) for line, match in found if match is not None]


def _failed(text: str) -> Denied | Away:
    """What went wrong, in words of ours: what it says may name what nobody shall know."""
    for sign, sentence in _DENIED:
        if sign in text:
            return Denied(sentence)
    if any(sign in text for sign in _UNREACHED):
        return Unreached("The server cannot be reached.")
    return Away(f"The conversation broke off: {said(text.strip().splitlines()[-1] if text.strip() else 'no word')}")


async def _heard(process: asyncio.subprocess.Process, command: str, home: Path) -> tuple[str, str]:
    """What it says to a command, and what went wrong; raises Away where it brings more than anybody asked for."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(command.encode())
    process.stdin.close()
    hearing = asyncio.gather(_text(process.stdout), _text(process.stderr), process.wait())
    try:
        while not (await asyncio.wait([hearing], timeout=LOOK_SECONDS))[0]:
            if _size(home) > 2 * stock_file.SIZE_MAX:
                raise Away("The server sends more than the file has.")
        told, wrong, _ = await hearing
    finally:
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)
    return told, wrong


def _size(home: Path) -> int:
    """Bytes that lie in a folder."""
    return sum(each.stat().st_size for each in home.iterdir())


async def _text(stream: asyncio.StreamReader) -> str:
    text = b""
    while part := await stream.read(65_536):
        text += part
        if len(text) > TEXT_MAX:
            raise Away("The server says more than anybody reads.")
    return text.decode(errors="replace")


async def _ended(process: asyncio.subprocess.Process) -> None:
    """See to it that nothing of it is left: neither the process nor the `ssh` that it runs."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
