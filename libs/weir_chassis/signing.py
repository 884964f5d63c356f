"""Sign statements, so that whoever has the public key can tell that they were made here and are unchanged.

A signed statement is a compact JSON Web Signature by one Ed25519 key (RFC 7515, RFC 8037), whose payload is JSON.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import OKPKey

ALGORITHM = "EdDSA"


class SigningKey:
    """A private key; it can be written by `pem` alone, and shows in no repr."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        """Sign with `key`; its identifier is the thumbprint of its public half (RFC 7638)."""
        bare = OKPKey.import_key(key)
        self._key = OKPKey.import_key(key, {"kid": bare.thumbprint(), "alg": ALGORITHM, "use": "sig"})

    @classmethod
    def made(cls) -> SigningKey:
        """A new key."""
        return cls(Ed25519PrivateKey.generate())

    def pem(self) -> str:
        """The private key as PEM, PKCS #8, as `signing_key` reads it."""
        return self._key.as_pem(private=True).decode()

    @property
    def public(self) -> dict[str, Any]:
        """The public half as a JSON Web Key."""
        return dict(self._key.as_dict(private=False))

    def sign(self, kind: str, statement: Mapping[str, Any]) -> str:
        """A statement of some kind, signed."""
        payload = json.dumps(statement, ensure_ascii=False, separators=(",", ":"))
        with _by_its_usual_name():
            return jws.serialize_compact(
                {"alg": ALGORITHM, "kid": self._key.kid, "typ": kind}, payload, self._key, [ALGORITHM]
            )

    def read(self, kind: str, signed: str) -> dict[str, Any] | None:
        """The statement that this key signed; None where it did not, or where it is of another kind."""
        try:
            with _by_its_usual_name():
                found = jws.deserialize_compact(signed, self._key, [ALGORITHM])
        except (JoseError, ValueError):
            return None
        if found.headers().get("typ") != kind:
            return None
        statement: dict[str, Any] = json.loads(found.payload)
        return statement


def signing_key(value: str) -> SigningKey:
    """The key of a setting; raises ValueError with a sentence that does not repeat the text."""
    try:
        key = load_pem_private_key(value.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("Give a private Ed25519 key as PEM, PKCS #8, without a password.")
    return SigningKey(key)


@contextmanager
def _by_its_usual_name() -> Iterator[None]:
    """EdDSA has a newer name, Ed25519, that fewer libraries know; which we take is settled here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        yield
