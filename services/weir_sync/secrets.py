"""How secrets of connections are kept: sealed with AES-GCM by a key from a file, each for its own place alone.

The file has a line for each key: its identifier, a blank, and 32 random bytes in Base64. The last one seals, all of
them open. Lines that are empty or begin with `#` are let be:

    # the first key is kept until nothing is sealed by it any more
    2026-03 Xk0mVJYvL1c2l9q4yq9zqg3n8zZJmUO5oW3m8F6bq1Q=
    2026-11 0bJt3zvWm2mYw1c0Q8x5pQe6zP7m4c1d9K2sV5nR8uA=

To change keys, add a line at the end: what older keys sealed is sealed anew by and by, and a line can go when the log
has said so. Whoever has the database and not the file has no secret, and cannot put one in the place of another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from weir_chassis.errors import Misconfigured

KEY_SIZE = 32
NONCE_SIZE = 12
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DIGEST = b"weir.sync: requests that hold secrets"


class Place(NamedTuple):
    """Where a secret belongs, which its seal holds for alone."""

    tenant: str
    connection: str
    name: str


class Sealed(NamedTuple):
    """A secret that nobody can read without the key of this identifier: Base64 of a nonce and what it made of it."""

    key_id: str
    text: str


class NotOpened(Exception):
    """A secret cannot be opened; the sentence says why, and nothing of what it holds."""


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """Keys by identifier, the oldest first; at least one."""

    keys: Mapping[str, bytes]

    @property
    def newest(self) -> str:
        """Identifier of the key that seals."""
        return list(self.keys)[-1]

    def seal(self, place: Place, secret: str) -> Sealed:
        """Seal a secret for its place, each time in other letters."""
        nonce = os.urandom(NONCE_SIZE)
        made = AESGCM(self.keys[self.newest]).encrypt(nonce, secret.encode(), _bound(place))
        return Sealed(self.newest, base64.b64encode(nonce + made).decode())

    def open(self, place: Place, sealed: Sealed) -> str:
        """The secret of this place; raises NotOpened where the key is gone, or it was sealed for another place."""
        key = self.keys.get(sealed.key_id)
        if key is None:
            raise NotOpened(f"The secret '{place.name}' was sealed by the key '{sealed.key_id}', which is gone.")
        try:
            kept = base64.b64decode(sealed.text, validate=True)
            return AESGCM(key).decrypt(kept[:NONCE_SIZE], kept[NONCE_SIZE:], _bound(place)).decode()
        except (InvalidTag, ValueError):
            raise NotOpened(f"The secret '{place.name}' is not as it was sealed.") from None

    def fingerprint(self, request: bytes) -> bytes:
        """16 bytes that are equal for equal requests and tell nothing of them to who has no key; the same for as long
        as the oldest key is kept.
        """
        key = hmac.digest(next(iter(self.keys.values())), _DIGEST, hashlib.sha256)
        return hashlib.blake2b(request, digest_size=16, key=key).digest()


class KeyFile:
    """The keys as their file has them now; it is read again when it changes."""

    def __init__(self, path: Path) -> None:
        """Read the file; raises Misconfigured where it cannot be read, or is none."""
        self._path = path
        self._read_at = self._stamp()
        self._keys = _parsed(path)

    def keys(self) -> Keys:
        """The keys; where the file has become unreadable those that it had, which is logged."""
        stamp = self._stamp()
        if stamp != self._read_at:
            self._read_at = stamp
            try:
                self._keys = _parsed(self._path)
            except Misconfigured as fault:
                structlog.get_logger("weir.sync").error("secret keys stay as they were", fault=str(fault))
        return self._keys

    def _stamp(self) -> tuple[int, ...]:
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_size, found.st_ino


def _parsed(path: Path) -> Keys:
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise Misconfigured(f"The file of secret keys cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Misconfigured("The file of secret keys is not text.") from None
    keys: dict[str, bytes] = {}
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        key = _key(words)
        if key is None or words[0] in keys:
            raise Misconfigured(
                f"Line {number} of the file of secret keys is no identifier of its own and {KEY_SIZE} bytes in Base64."
            )
        keys[words[0]] = key
    if not keys:
        raise Misconfigured("The file of secret keys holds none.")
    return Keys(keys)


def _key(words: list[str]) -> bytes | None:
    """The key of a line; None where it has none."""
    if len(words) != 2 or not _KEY_ID.fullmatch(words[0]):
        return None
    try:
        key = base64.b64decode(words[1], validate=True)
    except binascii.Error:
        return None
    return key if len(key) == KEY_SIZE else None


def _bound(place: Place) -> bytes:
    return json.dumps(["weir.sync.secret", *place]).encode()
