"""A ledger with an embedded database needs no key to be given: it makes one and keeps it beside the data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.kit.connecting import connect
from tests.kit.ledger import Caller
from tests.kit.postgres import directory
from tests.kit.suite import server_settings
from weir_chassis.errors import Misconfigured
from weir_chassis.settings import DatabaseSettings
from weir_chassis.signing import SigningKey
from weir_ledger.app import SIGNING_KEY_FILE, Settings, running


async def key_and_head(home: Path, key: SigningKey | None = None) -> tuple[str, str]:
    """Start a ledger in `home`; the identifier of its key, and the head it signs."""
    settings = Settings(server=server_settings(), database=DatabaseSettings(data_directory=home), signing_key=key)
    async with running(settings) as server, connect(server.address) as channel:
        caller = Caller(channel, "acme")
        answer = await caller.do("GetSignedHead")
        assert await caller.verify(answer.signed_head) == []
        return json.loads(answer.public_key)["kid"], answer.signed_head


async def test_an_embedded_ledger_has_a_key_of_its_own() -> None:
    """The key is made at the first start, is readable by its user alone and stays; a key that is given comes first; a
    file that holds none keeps the ledger from starting, and is not replaced."""
    with directory() as home:
        first = await key_and_head(home)
        file = home / SIGNING_KEY_FILE
        assert file.stat().st_mode & 0o777 == 0o600
        assert await key_and_head(home) == first
        given = SigningKey.made()
        assert (await key_and_head(home, given))[0] == given.public["kid"] != first[0]
        file.write_text("CANARY")
        with pytest.raises(Misconfigured, match=f"^{SIGNING_KEY_FILE} beside the database: Give a private") as fault:
            await key_and_head(home)
        assert "CANARY" not in str(fault.value)
        assert file.read_text() == "CANARY"
