"""The suite as it runs where strangers can reach it: every call needs a token, and the aggregator has its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kit import suite as kit
from tests.kit import tokens
from tests.kit.merchant import Merchant
from tests.kit.postgres import FreshDatabase
from tests.kit.tokens import Signer
from weir_chassis.settings import AuthSettings

HOUR_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Guarded:
    """A suite behind tokens, and who signs them."""

    suite: kit.Suite
    signer: Signer

    def token(self, role: str, tenant: str | None, /, **claims: Any) -> str:
        """A token that holds for an hour; claims given as None are left out."""
        usual = {"tenant": tenant, "role": role, "exp": int(time.time()) + HOUR_SECONDS}
        return self.signer.token(**{**usual, **claims})

    def merchant(self, role: str, tenant: str, acting_for: str | None = None) -> Merchant:
        """Somebody with a token of this role and tenant; names the tenant to act for if given."""
        metadata = tokens.bearer(self.token(role, tenant), acting_for)
        return self.suite.merchant(acting_for or tenant, metadata)


@asynccontextmanager
async def guarded(database: FreshDatabase, folder: Path) -> AsyncIterator[Guarded]:
    """The suite on `database` for the block; keys and token file are kept in `folder`."""
    signer = Signer()
    token_file = folder / "token"
    token_file.write_text(signer.token(tenant=None, role="SERVICE", exp=int(time.time()) + HOUR_SECONDS) + "\n")
    auth = auth_settings(tokens.write_key_set(folder / "keys.json", signer))
    async with kit.suite(database, auth=auth, token_file=token_file) as running:
        yield Guarded(running, signer)


def auth_settings(keys: Path) -> AuthSettings:
    """Settings that trust the keys of a file."""
    return AuthSettings(jwks=str(keys), issuer=tokens.ISSUER, audience=tokens.AUDIENCE)


def unsigned(**claims: Any) -> str:
    """A token that says of itself that it is not signed."""
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(_claims(claims))}."


def signed_with_the_public_key(signer: Signer, **claims: Any) -> str:
    """A token signed by HMAC with the public key as if it were a secret: it fools whoever lets the token choose."""
    head = f"{_part({'alg': 'HS256', 'typ': 'JWT', 'kid': signer.kid})}.{_part(_claims(claims))}"
    secret = json.dumps(signer.public()).encode()
    return f"{head}.{_encoded(hmac.new(secret, head.encode(), hashlib.sha256).digest())}"


def altered(token: str, **claims: Any) -> str:
    """A good token in which claims were changed after it was signed."""
    head, body, signature = token.split(".")
    stated = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return f"{head}.{_part({**stated, **claims})}.{signature}"


def _claims(claims: dict[str, Any]) -> dict[str, Any]:
    now = int(time.time())
    usual = {"iss": tokens.ISSUER, "aud": tokens.AUDIENCE, "sub": "someone", "iat": now, "exp": now + HOUR_SECONDS}
    return {**usual, **claims}


def _part(value: dict[str, Any]) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
