"""Signed statements: anybody with the public key can verify one, only the key itself makes one, and it never shows."""

from __future__ import annotations

import base64
import json
import os
import random
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from weir_chassis.errors import Misconfigured
from weir_chassis.provision import kept_beside
from weir_chassis.settings import DatabaseSettings, SettingsFaults, load
from weir_chassis.signing import SigningKey, signing_key
from weir_ledger.app import Settings

STATEMENT = {"who": "Österreich", "number": 2**53}


def decoded(part: str) -> bytes:
    """A part of a compact signature."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_anybody_can_verify_a_statement() -> None:
    """A statement is header, payload and signature in base64url, verified by Ed25519 itself with the JSON Web Key."""
    key = SigningKey.made()
    header, payload, signature = key.sign("note", STATEMENT).split(".")
    public = key.public
    assert json.loads(decoded(header)) == {"alg": "EdDSA", "kid": public["kid"], "typ": "note"}
    assert json.loads(decoded(payload)) == STATEMENT
    assert {name: public[name] for name in ("kty", "crv", "alg", "use")} == {
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
    }  # fmt: skip
    verifier = Ed25519PublicKey.from_public_bytes(decoded(public["x"]))
    verifier.verify(decoded(signature), f"{header}.{payload}".encode())


def test_a_key_knows_what_it_signed() -> None:
    """A key reads its own statements back, and nothing that another signed or that is of another kind."""
    key, other = SigningKey.made(), SigningKey.made()
    assert key.read("note", key.sign("note", STATEMENT)) == STATEMENT
    assert key.read("note", other.sign("note", STATEMENT)) is None
    assert key.read("letter", key.sign("note", STATEMENT)) is None


def test_nothing_altered_is_read() -> None:
    """Whatever is changed in a signed statement, it is read as before or not at all, and is no accident."""
    key = SigningKey.made()
    signed = key.sign("note", STATEMENT)
    chance = random.Random(7)
    for _ in range(2000):
        altered = list(signed)
        for _ in range(chance.randint(1, 4)):
            altered[chance.randrange(len(altered))] = chance.choice([chr(chance.randrange(1, 0x3000)), "", ".", "="])
        assert key.read("note", "".join(altered)) in (None, STATEMENT)


@pytest.mark.parametrize("header", [b"[]", b"null", b"{}", b'{"alg":"none"}', b'{"alg":[]}', b'{"alg":"HS256"}',
                                    b'{"alg":"EdDSA","crit":["x"]}', b'{"alg":"EdDSA","b64":false,"crit":["b64"]}',
                                    b"[" * 300])  # fmt: skip
def test_headers_that_are_none(header: bytes) -> None:
    """A header of any other sort, one that says it needs no signature among them, makes no statement."""
    parts = base64.urlsafe_b64encode(header).decode().rstrip("="), "e30", "AAAA"
    assert SigningKey.made().read("note", ".".join(parts)) is None


def test_a_key_is_the_same_wherever_it_is_read() -> None:
    """A key that is written and read again has the same identifier, the thumbprint, and reads what it signed before."""
    key = SigningKey.made()
    again = signing_key(key.pem())
    assert again.public == key.public
    assert again.read("note", key.sign("note", STATEMENT)) == STATEMENT


def pem(key: Ed25519PrivateKey | ed448.Ed448PrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> str:
    """A private key as PEM."""
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock).decode()


def test_what_is_no_key() -> None:
    """Text that is no key, keys of other sorts, public and locked ones are refused in one sentence without a word of
    them."""
    good = Ed25519PrivateKey.generate()
    public = good.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    for bad in ("", "CANARY", pem(good)[:70], public.decode(), pem(ed448.Ed448PrivateKey.generate()),
                pem(ec.generate_private_key(ec.SECP256R1())), pem(good, b"CANARY")):  # fmt: skip
        with pytest.raises(ValueError, match=r"^Give a private Ed25519 key as PEM, PKCS #8, without a password\.$"):
            signing_key(bad)


def test_a_key_in_a_file_is_told_with_every_fault(tmp_path: Path) -> None:
    """A file that cannot be read, is no text or holds no key is a fault beside all others; a good one is the key, which
    no repr shows."""
    key = SigningKey.made()
    file = tmp_path / "key.pem"
    variables = {"WEIR_LEDGER_SIGNING_KEY_FILE": str(file), "WEIR_LEDGER_QUEUE_MAX": "0"}
    for content in (None, b"\xff\xfe", b"CANARY"):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(SettingsFaults) as caught:
            load(Settings, variables)
        assert {each.name for each in caught.value.faults} == {"WEIR_LEDGER_QUEUE_MAX", "WEIR_LEDGER_SIGNING_KEY"}
        assert "CANARY" not in str(caught.value)
    file.write_text(key.pem())
    settings = load(Settings, {"WEIR_LEDGER_SIGNING_KEY_FILE": str(file)})
    assert settings.signing_key is not None
    assert settings.signing_key.public == key.public
    assert key.pem().splitlines()[1] not in f"{settings!r}{settings.signing_key!r}"


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    """The first to ask makes the secret, readable by this user alone; whoever asks later gets the same, and so does who
    was making one meanwhile."""
    settings = DatabaseSettings(data_directory=tmp_path)
    file = tmp_path / "secret"

    def slowly() -> str:
        assert kept_beside(settings, "secret", lambda: "faster") == "faster"
        return "slower"

    assert kept_beside(settings, "secret", slowly) == "faster"
    assert kept_beside(settings, "secret", lambda: "later") == "faster"
    assert file.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["secret"]


def test_a_secret_that_cannot_be_kept(tmp_path: Path) -> None:
    """Where there is no such directory the process cannot start, and is told which file it is about."""
    with pytest.raises(Misconfigured, match="missing/secret: No such file or directory"):
        kept_beside(DatabaseSettings(data_directory=tmp_path / "missing"), "secret", lambda: "x")
