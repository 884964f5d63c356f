"""Only a token of ours, for us, in its time and by a pinned algorithm lets a caller in."""

from __future__ import annotations

import base64
import json
import os
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from tests.kit.tokens import AUDIENCE, ISSUER, Signer, bearer, key_set, write_key_set
from weir_chassis.auth import (
    BearerAuthenticator,
    DevelopmentAuthenticator,
    DevelopmentExposed,
    FileKeys,
    KeysFault,
    Principal,
    Role,
    UrlKeys,
    authenticator,
)
from weir_chassis.errors import KeysAway, Malformed, RoleInsufficient, TokenInvalid, TokenMissing
from weir_chassis.settings import Address, AuthSettings

LOOPBACK = Address("127.0.0.1", 0)


@pytest.fixture(scope="module")
def signer() -> Signer:
    """The key that the key set of these tests holds."""
    return Signer()


def settings(**others: Any) -> AuthSettings:
    """Settings for the signer's tokens."""
    return AuthSettings(**{"jwks": "unused", "issuer": ISSUER, "audience": AUDIENCE, "leeway_seconds": 0, **others})


@pytest.fixture
def guard(signer: Signer, tmp_path: Path) -> BearerAuthenticator:
    """What lets the signer's tokens in."""
    return BearerAuthenticator(settings(), FileKeys(write_key_set(tmp_path / "keys.json", signer)))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_good_token_becomes_a_principal(algorithm: str, tmp_path: Path) -> None:
    """A token of each pinned algorithm lets its bearer in, with the tenant and role it states."""
    signer = Signer(algorithm)
    guard = BearerAuthenticator(settings(), FileKeys(write_key_set(tmp_path / "keys.json", signer)))
    principal = await guard.authenticate(bearer(signer.token(tenant="acme", role="administrator")))
    assert principal == Principal("acme", "someone", Role.ADMINISTRATOR)
    assert not principal.service


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "others"},
        {"aud": None},
        {"exp": int(time.time()) - 1},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": int(time.time()) + 3600},
        {"sub": None},
        {"tenant": None},
        {"tenant": ""},
        {"tenant": " acme"},
        {"tenant": "a\x00b"},
        {"tenant": ["acme"]},
        {"tenant": "x" * 129},
        {"role": None},
        {"role": "EMPEROR"},
        {"role": 4},
    ],
)
async def test_claims_must_fit(guard: BearerAuthenticator, signer: Signer, claims: dict[str, Any]) -> None:
    """Wrong or missing issuer, audience, time, tenant or role is refused, and the caller is not told which."""
    with pytest.raises(TokenInvalid) as caught:
        await guard.authenticate(bearer(signer.token(**claims)))
    assert str(caught.value) == str(TokenInvalid())
    assert guard.recall(bearer(signer.token(**claims))) is None


async def test_forgeries_are_refused(guard: BearerAuthenticator, signer: Signer) -> None:
    """No signature, a symmetric one, another key, a changed claim, a key of the token's own: none lets anyone in."""
    good = signer.token()
    header, payload, signature = good.split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","kid":"first"}').rstrip(b"=").decode()
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    changed = base64.urlsafe_b64encode(json.dumps({**claims, "tenant": "other"}).encode()).rstrip(b"=").decode()
    secret = OctKey.import_key(json.dumps(signer.public()).encode() * 4)
    symmetric = jwt.encode({"alg": "HS256", "kid": "first"}, claims, secret, algorithms=["HS256"])
    deep = base64.urlsafe_b64encode(b"[" * 5000).decode()
    forgeries = [
        f"{unsigned}.{payload}.",
        f"{unsigned}.{payload}.{signature}",
        f"{header}.{changed}.{signature}",
        f"{header}.{payload}.",
        f"{header}.{deep}.{signature}",
        f"{deep}.{payload}.{signature}",
        symmetric,
        Signer(kid="first").token(),
        Signer(kid="second").token(),
        "not-a-token",
        "..",
        "é.é.é",
        "x" * 10_000,
        "",
    ]
    for forgery in forgeries:
        with pytest.raises(TokenInvalid):
            await guard.authenticate(bearer(forgery))
    assert (await guard.authenticate(bearer(good))).tenant == "acme"


async def test_metadata_must_be_clear(guard: BearerAuthenticator, signer: Signer) -> None:
    """No token, another scheme, two tokens, two tenants or two persons are refused."""
    with pytest.raises(TokenMissing):
        await guard.authenticate(())
    with pytest.raises(TokenInvalid):
        await guard.authenticate((("authorization", "Basic dXNlcg=="),))
    with pytest.raises(TokenInvalid):
        await guard.authenticate(bearer(signer.token()) * 2)
    with pytest.raises(TokenInvalid):
        await guard.authenticate((*bearer(signer.token(), "acme"), ("weir-tenant", "other")))
    with pytest.raises(TokenInvalid):
        await guard.authenticate((*bearer(signer.token()), ("weir-user", "a"), ("weir-user", "b")))


async def test_only_a_service_names_its_tenant(guard: BearerAuthenticator, signer: Signer) -> None:
    """A service acts for the tenant it names; anyone else for its own, and may name no other."""
    service = signer.token(tenant=None, role="SERVICE")
    assert (await guard.authenticate(bearer(service, "one"))).tenant == "one"
    assert (await guard.authenticate(bearer(service, "two"))).service
    with pytest.raises(Malformed):
        await guard.authenticate(bearer(service))
    with pytest.raises(Malformed):
        await guard.authenticate(bearer(service, " one"))
    own = signer.token(tenant="acme", role="ADMINISTRATOR")
    assert (await guard.authenticate(bearer(own, "acme"))).tenant == "acme"
    with pytest.raises(RoleInsufficient):
        await guard.authenticate(bearer(own, "other"))


async def test_only_a_service_names_whom_it_calls_for(guard: BearerAuthenticator, signer: Signer) -> None:
    """A service may name the person it calls for, who then is whom the call is of; anyone else may name himself alone,
    and one who names nobody calls for himself."""
    service = bearer(signer.token(tenant=None, role="SERVICE"), "acme")
    named = await guard.authenticate((*service, ("weir-user", "rep 1")))
    assert (named.subject, named.person, named.role) == ("someone", "rep 1", Role.SERVICE)
    unnamed = await guard.authenticate(service)
    assert (unnamed.user, unnamed.person) == ("", "someone")
    for malformed in ("", " rep", "a\x00b", "x" * 129):
        with pytest.raises(Malformed):
            await guard.authenticate((*service, ("weir-user", malformed)))
    for role in ("READER", "OPERATOR", "ADMINISTRATOR"):
        own = bearer(signer.token(role=role))
        assert (await guard.authenticate((*own, ("weir-user", "someone")))).person == "someone"
        with pytest.raises(RoleInsufficient):
            await guard.authenticate((*own, ("weir-user", "somebody else")))


async def test_a_person_named_is_not_remembered_for_another(guard: BearerAuthenticator, signer: Signer) -> None:
    """What was verified for one person is not recalled for another, nor for nobody."""
    service = bearer(signer.token(tenant=None, role="SERVICE"), "acme")
    first = await guard.authenticate((*service, ("weir-user", "rep 1")))
    assert guard.recall((*service, ("weir-user", "rep 1"))) is first
    assert guard.recall((*service, ("weir-user", "rep 2"))) is None
    assert guard.recall(service) is None


async def test_verified_tokens_are_remembered_for_their_tenant_alone(
    guard: BearerAuthenticator, signer: Signer
) -> None:
    """What was verified is recalled without another look, but not for another tenant, nor for another token."""
    service = signer.token(tenant=None, role="SERVICE")
    assert guard.recall(bearer(service, "one")) is None
    principal = await guard.authenticate(bearer(service, "one"))
    assert guard.recall(bearer(service, "one")) is principal
    assert guard.recall(bearer(service, "two")) is None
    assert guard.recall(bearer(service)) is None
    assert guard.recall(bearer(service + "x", "one")) is None


async def test_remembered_tokens_still_end(signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A remembered token is forgotten when its time is over, however long tokens are remembered."""
    guard = BearerAuthenticator(settings(cache_seconds=300.0), FileKeys(write_key_set(tmp_path / "keys.json", signer)))
    proof = bearer(signer.token(exp=int(time.time()) + 10))
    await guard.authenticate(proof)
    assert guard.recall(proof) is not None
    later = time.monotonic() + 11
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert guard.recall(proof) is None


async def test_key_file_is_read_again(tmp_path: Path) -> None:
    """A new key is honoured and a removed one no longer; a broken file leaves the former keys in force."""
    old, new = Signer(kid="old"), Signer(kid="new")
    path = write_key_set(tmp_path / "keys.json", old)
    guard = BearerAuthenticator(settings(cache_seconds=0.0), FileKeys(path))
    await guard.authenticate(bearer(old.token()))
    write_key_set(path, new)
    await guard.authenticate(bearer(new.token()))
    with pytest.raises(TokenInvalid):
        await guard.authenticate(bearer(old.token()))
    path.write_bytes(b"{")
    await guard.authenticate(bearer(new.token()))
    path.unlink()
    await guard.authenticate(bearer(new.token()))


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"[]", b'{"keys": []}', b'{"keys": 7}', b'{"keys": [7]}', b'{"keys": [{"kty": "oct", "k": "AA"}]}'],
)
def test_unusable_key_sets_stop_the_start(tmp_path: Path, text: bytes) -> None:
    """A key file that is missing, broken or holds no public key is told at the start."""
    path = tmp_path / "keys.json"
    path.write_bytes(text)
    with pytest.raises(KeysFault):
        FileKeys(path)
    with pytest.raises(KeysFault):
        FileKeys(tmp_path / "missing.json")


class KeyServer:
    """Answers for keys as a test says, and counts how often it is asked."""

    def __init__(self, *signers: Signer) -> None:
        """Serve these keys."""
        self.text: bytes | None = key_set(*signers)
        self.status = 200
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """One answer."""
        self.asked += 1
        if self.text is None:
            raise httpx.ConnectError("away")
        return httpx.Response(self.status, content=self.text, headers={"location": "https://elsewhere.example"})

    def keys(self, **options: Any) -> UrlKeys:
        """Keys that come from here."""
        return UrlKeys("https://identity.example/keys", transport=httpx.MockTransport(self), **options)


async def test_url_keys_are_fetched_when_a_key_is_missing() -> None:
    """A token by a key we do not know makes us look again, but never more often than the pause allows."""
    old, new = Signer(kid="old"), Signer(kid="new")
    source = KeyServer(old)
    guard = BearerAuthenticator(settings(), source.keys(pause_seconds=0.0))
    await guard.authenticate(bearer(old.token()))
    assert source.asked == 1
    source.text = key_set(old, new)
    await guard.authenticate(bearer(new.token()))
    assert source.asked == 2

    calm = KeyServer(old)
    guard = BearerAuthenticator(settings(), calm.keys(pause_seconds=60.0))
    for _ in range(5):
        with pytest.raises(TokenInvalid):
            await guard.authenticate(bearer(new.token()))
    assert calm.asked == 1


async def test_url_keys_outlive_an_outage() -> None:
    """Keys once fetched stay in force while the source is away; a source that never answered lets nobody in."""
    signer = Signer()
    source = KeyServer(signer)
    source.text = None
    guard = BearerAuthenticator(settings(cache_seconds=0.0), source.keys(pause_seconds=0.0, max_age_seconds=0.0))
    with pytest.raises(KeysAway):
        await guard.authenticate(bearer(signer.token()))
    source.text = key_set(signer)
    await guard.authenticate(bearer(signer.token()))
    for text, status in ((None, 200), (b"x" * 300_000, 200), (b"{}", 200), (source.text, 500), (source.text, 302)):
        source.text, source.status = text, status
        await guard.authenticate(bearer(signer.token()))


@pytest.mark.parametrize(
    ("url", "loopback_http", "usable"),
    [
        ("https://identity.example/keys", False, True),
        ("http://identity.example/keys", True, False),
        ("http://127.0.0.1:8080/keys", True, True),
        ("http://localhost/keys", True, True),
        ("http://127.0.0.1:8080/keys", False, False),
        ("file:///etc/passwd", True, False),
        ("ftp://127.0.0.1/keys", True, False),
        ("https:///keys", True, False),
    ],
)
def test_url_must_be_safe(url: str, loopback_http: bool, usable: bool) -> None:
    """Keys come by https, or by http from this machine where that is allowed."""
    if usable:
        UrlKeys(url, loopback_http=loopback_http)
    else:
        with pytest.raises(KeysFault):
            UrlKeys(url, loopback_http=loopback_http)


def test_settings_choose_the_way(signer: Signer, tmp_path: Path) -> None:
    """Keys by file or URL where configured; development mode where not, and then on loopback only."""
    path = write_key_set(tmp_path / "keys.json", signer)
    assert isinstance(authenticator(settings(jwks=os.fspath(path)), Address("0.0.0.0", 0)), BearerAuthenticator)
    assert isinstance(authenticator(settings(jwks="https://identity.example/k"), LOOPBACK), BearerAuthenticator)
    assert isinstance(authenticator(AuthSettings(), LOOPBACK), DevelopmentAuthenticator)
    for host in ("0.0.0.0", "::", "192.0.2.1", "ledger.example"):
        with pytest.raises(DevelopmentExposed, match="WEIR_AUTH_JWKS"):
            authenticator(AuthSettings(), Address(host, 7101))


async def test_development_mode_trusts_everyone() -> None:
    """In development mode a caller is a service for the tenant it names, or for `default`; the name must still be
    one."""
    guard = DevelopmentAuthenticator()
    principal = guard.recall(())
    assert principal == Principal("default", "development", Role.SERVICE)
    assert guard.recall((("weir-tenant", "acme"),)) == Principal("acme", "development", Role.SERVICE)
    assert await guard.authenticate(()) is principal
    named = guard.recall((("weir-tenant", "acme"), ("weir-user", "rep 1")))
    assert named == Principal("acme", "development", Role.SERVICE, "rep 1")
    for name in ("", " acme", "a\nb", "x" * 129):
        for key in ("weir-tenant", "weir-user"):
            with pytest.raises(Malformed):
                guard.recall(((key, name),))
