"""The two ways to know a caller: by a verified token, or, in development, by trust."""

import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import structlog
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError, SecurityWarning
from joserfc.jwk import KeySet

from weir_chassis.auth.keys import FileKeys, Keys, UrlKeys
from weir_chassis.auth.principals import TENANT, USER, Credentials, Metadata, Principal, Role, credentials
from weir_chassis.errors import Malformed, Misconfigured, RoleInsufficient, TokenInvalid, TokenMissing, Violation
from weir_chassis.ids import identifier_fault
from weir_chassis.settings import Address, AuthSettings

ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
TOKEN_SIZE_MAX = 8 * 1024
VERIFIED_MAX = 4096

log = structlog.get_logger(__name__)


class DevelopmentExposed(Misconfigured):
    """Development mode was asked to listen where others can reach it; the text says what to configure."""


class Authenticator(Protocol):
    """Turns the metadata of a call into a principal."""

    def recall(self, metadata: Metadata) -> Principal | None:
        """The principal, if the same proof was verified a moment ago; raises the refusals of `authenticate`."""
        ...

    async def authenticate(self, metadata: Metadata) -> Principal:
        """The principal; raises TokenMissing, TokenInvalid, RoleInsufficient (another tenant or person is named),
        Malformed or KeysAway."""
        ...


def authenticator(settings: AuthSettings, listen: Address) -> Authenticator:
    """The way these settings ask for: a key file, a key URL, or development mode.

    Raises KeysFault where the key file or URL cannot be used, DevelopmentExposed where no keys are configured and
    `listen` is not a loopback address.
    """
    if settings.jwks is not None:
        url = "://" in settings.jwks
        keys = (
            UrlKeys(settings.jwks, loopback_http=settings.jwks_loopback_http) if url else FileKeys(Path(settings.jwks))
        )
        return BearerAuthenticator(settings, keys)
    if not listen.loopback:
        raise DevelopmentExposed(
            f"No keys to verify tokens with are configured, and {listen} can be reached from outside this machine. "
            "Set WEIR_AUTH_JWKS, or listen on 127.0.0.1."
        )
    log.warning("DEVELOPMENT MODE: every caller is trusted, no token is asked for", listen=str(listen))
    return DevelopmentAuthenticator()


class DevelopmentAuthenticator:
    """Trusts everyone: each caller is a service acting for the tenant it names, or for `default`."""

    def __init__(self) -> None:
        """Start with no tenant seen."""
        self._seen: dict[tuple[str | None, str | None], Principal] = {}

    def recall(self, metadata: Metadata) -> Principal | None:
        """The principal of the tenant named; raises Malformed if that, or a person named, is no identifier."""
        _, tenant, user = credentials(metadata)
        principal = self._seen.get((tenant, user))
        if principal is None:
            named = _named("default" if tenant is None else tenant, TENANT)
            principal = Principal(named, "development", Role.SERVICE, _named_user(user))
            if len(self._seen) >= VERIFIED_MAX:
                self._seen.clear()
            self._seen[tenant, user] = principal
        return principal

    async def authenticate(self, metadata: Metadata) -> Principal:
        """Never reached through the edge, because `recall` always answers; the same answer."""
        principal = self.recall(metadata)
        assert principal is not None
        return principal


class BearerAuthenticator:
    """Verifies bearer tokens against a key set: pinned algorithms, issuer, audience, validity, tenant and role."""

    def __init__(self, settings: AuthSettings, keys: Keys) -> None:
        """Verify with `keys`; tokens that held are remembered for `settings.cache_seconds`, and never beyond their
        end."""
        assert settings.issuer is not None  # AuthSettings.faults holds both
        assert settings.audience is not None
        self._settings = settings
        self._keys = keys
        self._algorithms = [name for name in settings.algorithms if name in ALGORITHMS]
        self._claims = jwt.JWTClaimsRegistry(
            leeway=settings.leeway_seconds,
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "value": settings.audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        self._verified: dict[Credentials, tuple[Principal, float]] = {}

    def recall(self, metadata: Metadata) -> Principal | None:
        """The principal, if the same token for the same tenant held a moment ago."""
        found = self._verified.get(credentials(metadata))
        if found is None or found[1] <= time.monotonic():
            return None
        return found[0]

    async def authenticate(self, metadata: Metadata) -> Principal:
        """Verify the token; raises TokenMissing, TokenInvalid, RoleInsufficient, Malformed or KeysAway."""
        proof = credentials(metadata)
        claims = await self._claims_of(_bearer(proof.authorization))
        principal = self._principal(claims, proof)
        self._remember(proof, principal, claims["exp"])
        return principal

    async def _claims_of(self, token: str) -> dict[str, Any]:
        keys = await self._keys.current()
        try:
            return self._verify(token, keys)
        except InvalidKeyIdError:
            pass
        except _BROKEN as error:
            raise _invalid(type(error).__name__) from error
        renewed = await self._keys.renewed()
        if renewed is keys:
            raise _invalid("unknown key")
        try:
            return self._verify(token, renewed)
        except _BROKEN as error:
            raise _invalid(type(error).__name__) from error

    def _verify(self, token: str, keys: KeySet) -> dict[str, Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # EdDSA has a newer name; which we take is settled here
            claims = jwt.decode(token, keys, algorithms=self._algorithms).claims
        self._claims.validate(claims)
        return dict(claims)

    def _principal(self, claims: Mapping[str, Any], said: Credentials) -> Principal:
        role = _role(claims.get(self._settings.role_claim))
        own = claims.get(self._settings.tenant_claim)
        if own is not None and (not isinstance(own, str) or identifier_fault(own) is not None):
            raise _invalid("tenant claim is no identifier")
        subject = str(claims["sub"])
        if role is Role.SERVICE:
            tenant = own if said.tenant is None else _named(said.tenant, TENANT)
            if tenant is None:
                raise Malformed([Violation(TENANT, "Required metadata: a service must name the tenant it acts for.")])
            return Principal(tenant, subject, role, _named_user(said.user))
        if own is None:
            raise _invalid("no tenant claim")
        if said.tenant not in (None, own) or said.user not in (None, subject):
            raise RoleInsufficient(required=Role.SERVICE.name, held=role.name)
        return Principal(own, subject, role)

    def _remember(self, proof: Credentials, principal: Principal, expires: float) -> None:
        left_seconds = expires + self._settings.leeway_seconds - time.time()
        if len(self._verified) >= VERIFIED_MAX:
            del self._verified[next(iter(self._verified))]
        until = time.monotonic() + min(self._settings.cache_seconds, left_seconds)
        self._verified[proof] = (principal, until)


# What a forged or broken token can make the library raise.
_BROKEN = (JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


def _invalid(fault: str) -> TokenInvalid:
    log.info("token refused", fault=fault)  # the caller is not told: it would help to forge a better one
    return TokenInvalid()


def _bearer(authorization: str | None) -> str:
    if authorization is None:
        raise TokenMissing
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token or len(token) > TOKEN_SIZE_MAX:
        raise _invalid("no bearer token")
    return token


def _role(claim: object) -> Role:
    name = claim.upper() if isinstance(claim, str) else ""
    if name not in Role.__members__:
        raise _invalid("role claim is no role")
    return Role[name]


def _named_user(named: str | None) -> str:
    return "" if named is None else _named(named, USER)


def _named(named: str, key: str) -> str:
    fault = identifier_fault(named)
    if fault is not None:
        raise Malformed([Violation(key, fault)])
    return named
