"""The public keys that tokens are verified with: a JSON Web Key Set in a file or behind a URL.

Both sources promise: keys that were read once stay in use while the source is broken, and a source that never gave any
answers KeysAway, so that an outage of the identity provider refuses callers with UNAVAILABLE and never lets one in.
"""

import asyncio
import ipaddress
import json
import os
import time
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from weir_chassis.errors import KeysAway, Misconfigured

FETCH_SECONDS = 5.0
SIZE_MAX = 256 * 1024
RSA_BITS_MIN = 2048

log = structlog.get_logger(__name__)


class KeysFault(Misconfigured):
    """A key set, or the place it is said to be, cannot be used; the text says why."""


class Keys(Protocol):
    """A source of public keys."""

    async def current(self) -> KeySet:
        """The keys in force; raises KeysAway when none were ever read."""
        ...

    async def renewed(self) -> KeySet:
        """The keys after a fresh look, for a token whose key is not among the current ones; bounded in how often it
        looks."""
        ...


def parsed(text: bytes) -> KeySet:
    """The signature keys of a JSON Web Key Set; raises KeysFault where it holds none that can verify a token.

    Symmetric keys, encryption keys and short RSA keys are left out: a key set that lists one must not weaken the
    others.
    """
    try:
        entries = json.loads(text)["keys"]
        keys = [key for entry in entries if (key := _signature_key(entry)) is not None]
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise KeysFault(f"not a JSON Web Key Set: {type(error).__name__}") from error
    if not keys:
        raise KeysFault("the key set holds no RSA, EC or OKP signature key")
    return KeySet(list(keys))


def _signature_key(entry: dict[str, str | list[str]]) -> RSAKey | ECKey | OKPKey | None:
    if entry.get("use", "sig") != "sig":
        return None
    public = {name: value for name, value in entry.items() if name not in {"d", "p", "q", "dp", "dq", "qi"}}
    match public.get("kty"):
        case "RSA":
            key = RSAKey.import_key(public)
            return key if key.public_key.key_size >= RSA_BITS_MIN else None
        case "EC":
            return ECKey.import_key(public)
        case "OKP":
            return OKPKey.import_key(public)
        case _:
            return None


class FileKeys:
    """Keys from a file, read again when the file changes."""

    def __init__(self, path: Path) -> None:
        """Read the file once; raises KeysFault, so that a wrong path stops the start and not the first call."""
        self._path = path
        self._seen = self._signature()
        self._keys = self._read()

    async def current(self) -> KeySet:
        """The keys of the file as it is now, or as it last could be read."""
        try:
            signature = self._signature()
            if signature != self._seen:
                self._keys = self._read()
                self._seen = signature
        except KeysFault as fault:
            log.warning("key file cannot be read; keeping the former keys", path=str(self._path), fault=str(fault))
        return self._keys

    async def renewed(self) -> KeySet:
        """The same as `current`: each look is fresh."""
        return await self.current()

    def _signature(self) -> tuple[int, int, int]:
        try:
            status = os.stat(self._path)
        except OSError as error:
            raise KeysFault(f"{self._path}: {error.strerror}") from error
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _read(self) -> KeySet:
        try:
            with self._path.open("rb") as file:
                text = file.read(SIZE_MAX + 1)
        except OSError as error:
            raise KeysFault(f"{self._path}: {error.strerror}") from error
        if len(text) > SIZE_MAX:
            raise KeysFault(f"{self._path}: larger than {SIZE_MAX} bytes")
        return parsed(text)


class UrlKeys:
    """Keys from a URL, fetched when first needed, when old, and when a token names a key we do not have."""

    def __init__(
        self,
        url: str,
        *,
        loopback_http: bool = False,
        max_age_seconds: float = 300.0,
        pause_seconds: float = 10.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Check the URL; raises KeysFault unless it is https, or http to loopback where `loopback_http` allows it."""
        _check_url(url, loopback_http)
        self._url = url
        self._max_age_seconds = max_age_seconds
        self._pause_seconds = pause_seconds
        self._transport = transport
        self._keys: KeySet | None = None
        self._fetched = float("-inf")
        self._tried = float("-inf")
        self._lock = asyncio.Lock()

    async def current(self) -> KeySet:
        """The keys, fetched first if there are none or they are old."""
        if self._keys is None or time.monotonic() - self._fetched > self._max_age_seconds:
            await self._refresh()
        return self._kept()

    async def renewed(self) -> KeySet:
        """The keys after another fetch, unless one was tried less than the pause ago."""
        await self._refresh()
        return self._kept()

    def _kept(self) -> KeySet:
        if self._keys is None:
            raise KeysAway(retry_after_seconds=self._pause_seconds)
        return self._keys

    async def _refresh(self) -> None:
        async with self._lock:  # callers that waited for the lock find the pause not yet over and use what came
            if time.monotonic() - self._tried < self._pause_seconds:
                return
            self._tried = time.monotonic()
            try:
                async with asyncio.timeout(FETCH_SECONDS):
                    self._keys = parsed(await self._fetch())
                self._fetched = time.monotonic()
            except (httpx.HTTPError, KeysFault, TimeoutError) as error:
                log.warning("key set cannot be fetched", url=self._url, fault=type(error).__name__, detail=str(error))

    async def _fetch(self) -> bytes:
        async with (
            httpx.AsyncClient(transport=self._transport, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", self._url, headers={"accept": "application/json"}) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise KeysFault(f"status {answer.status_code}")
            text = bytearray()
            async for piece in answer.aiter_bytes():
                text += piece
                if len(text) > SIZE_MAX:
                    raise KeysFault(f"larger than {SIZE_MAX} bytes")
            return bytes(text)


def _check_url(url: str, loopback_http: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and loopback_http and _loopback(parts.hostname or ""):
        return
    raise KeysFault("the key set URL must be https, or http to a loopback address where that is allowed")


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
