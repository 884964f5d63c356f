"""Tokens that a test signs itself, and the key sets that verify them."""

from __future__ import annotations

import json
import time
import warnings
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

ISSUER = "https://identity.example"
AUDIENCE = "weir"


class Signer:
    """One private key, the algorithm it signs with, and the tokens it makes."""

    def __init__(self, algorithm: str = "ES256", kid: str = "first") -> None:
        """Make a fresh key for RS256, ES256 or EdDSA."""
        self.algorithm = algorithm
        self.kid = kid
        self._key: RSAKey | ECKey | OKPKey
        match algorithm:
            case "RS256":
                self._key = RSAKey.generate_key(2048, {"kid": kid})
            case "ES256":
                self._key = ECKey.generate_key("P-256", {"kid": kid})
            case _:
                self._key = OKPKey.generate_key("Ed25519", {"kid": kid})

    def public(self) -> dict[str, Any]:
        """The entry of this key in a key set."""
        return dict(self._key.as_dict(private=False))

    def token(self, *, tenant: str | None = "acme", role: str = "OPERATOR", **claims: Any) -> str:
        """A token that is valid for a minute; claims given as None are left out."""
        now = int(time.time())
        stated: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "someone",
            "iat": now,
            "exp": now + 60,
            "tenant": tenant,
            "role": role,
            **claims,
        }
        kept = {name: value for name, value in stated.items() if value is not None}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # EdDSA has a newer name, but this one is in use
            return jwt.encode({"alg": self.algorithm, "kid": self.kid}, kept, self._key, algorithms=[self.algorithm])


def key_set(*signers: Signer) -> bytes:
    """The key set that holds the public keys of these signers."""
    return json.dumps({"keys": [signer.public() for signer in signers]}).encode()


def write_key_set(path: Path, *signers: Signer) -> Path:
    """The same in a file, replaced at once as a careful operator would."""
    draft = path.with_suffix(".draft")
    draft.write_bytes(key_set(*signers))
    draft.replace(path)
    return path


def bearer(token: str, tenant: str | None = None) -> tuple[tuple[str, str], ...]:
    """The metadata of a call with this token, naming `tenant` if given."""
    named = () if tenant is None else (("weir-tenant", tenant),)
    return (("authorization", f"Bearer {token}"), *named)
