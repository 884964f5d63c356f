"""What must never be told is never told: no secret in any status, log line, span or metric, no tenant's data where
others can read it, and no exception's text to any caller."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg
import grpc
import pytest

from tests.kit import rpcs, tokens
from tests.kit.connections import key_line
from tests.kit.guarded import Guarded, unsigned
from tests.kit.ledger import signing_key
from tests.kit.merchant import refused
from tests.kit.otlp import Receiver, receiving
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.processes import Program, Programs, programs
from tests.kit.suite import SCHEMAS
from tests.kit.tokens import Signer
from tests.kit.waiting import until
from tests.scenarios import connection_samples
from tests.scenarios.samples import METHODS, World, world
from weir_chassis import status

TENANT, STRANGER = "tenant of canaries", "stranger"
GOODS = ("own sku", "own owner", "own lot", "own custodian", "own order", "own reference", "CANARY SKU")
"""What belongs to the tenant alone: goods, orders, customers."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A suite of processes whose every word is heard, after it was given every reason to talk."""

    programs: Programs
    database: FreshDatabase
    receiver: Receiver
    secrets: dict[str, str]
    """By what they are."""
    statuses: list[str]
    """All that strangers were told."""
    incident: str
    """Number of the accident that was caused."""
    accident: grpc.aio.AioRpcError


@pytest.fixture(scope="module")
async def watched(postgres: PostgresForTests, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watched]:
    """One for the module, which has lived through a day of everything."""
    folder: Path = tmp_path_factory.mktemp("canaries")
    signer = Signer()
    token_file = folder / "token"
    async with AsyncExitStack() as stack:
        database = stack.enter_context(postgres.fresh(*SCHEMAS))
        receiver = await stack.enter_async_context(receiving())
        own = signer.token(tenant=None, role="SERVICE", exp=4_000_000_000)
        token_file.write_text(own)
        key_file = folder / "signing key"
        key_file.write_text(signing_key().pem())
        secret_keys = folder / "secret keys"
        secret_keys.write_text(line := key_line("canary"))
        running = await stack.enter_async_context(
            programs(
                database,
                WEIR_TOKEN_FILE=str(token_file),
                WEIR_AUTH_JWKS=str(tokens.write_key_set(folder / "keys.json", signer)),
                WEIR_AUTH_ISSUER=tokens.ISSUER,
                WEIR_AUTH_AUDIENCE=tokens.AUDIENCE,
                WEIR_LEDGER_SIGNING_KEY_FILE=str(key_file),
                WEIR_SYNC_SECRET_KEY_FILE=str(secret_keys),
                WEIR_SYNC_CSV_ROOT=str(folder),
                WEIR_SYNC_ALLOW_LOOPBACK="on",
                WEIR_LOG_LEVEL="debug",
                WEIR_LOG_FORMAT="json",
                WEIR_TRACE_RATIO="1",
                WEIR_METRICS_SECONDS="1",
                OTEL_EXPORTER_OTLP_ENDPOINT=receiver.address,
            )
        )
        house = Guarded(running.suite, signer)
        mine, stranger = (house.token("ADMINISTRATOR", tenant) for tenant in (TENANT, STRANGER))
        secrets = {
            **{f"password of {schema}": password(database.url(schema)) for schema in SCHEMAS},
            "key that signs heads": signing_key().pem().splitlines()[1],
            "key that keeps secrets": line.split()[1],
            "secret of a store": connection_samples.SECRET,
            "token of the services": own,
            "token of the tenant": mine,
            "token of the stranger": stranger,
            "signature of a token": mine.rpartition(".")[2],
            "token that was refused": unsigned(tenant=TENANT, role="ADMINISTRATOR"),
        }
        owned = await world(house.suite.merchant(TENANT, tokens.bearer(mine)))
        statuses = await everything(house, owned, secrets)
        error = await accident(database, house, owned)
        incident = (error.details() or "").rpartition(" ")[2]
        await until(lambda: b"LedgerService" in receiver.traces_sent and b"LOCATION_NOT_FOUND" in receiver.metrics_sent)
        yield Watched(running, database, receiver, secrets, statuses, incident, error)


def password(url: str) -> str:
    """The password of a URL."""
    found = urlsplit(url).password
    assert found
    return unquote(found)


async def everything(house: Guarded, owned: World, secrets: dict[str, str]) -> list[str]:
    """Ask every rpc everything: as the tenant, as a stranger, with a bad token, with nonsense; what the last three were
    told."""
    told = []
    for name, method in METHODS.items():
        channel, request = house.suite.channel(name), owned.requests()[name]
        await rpcs.call(channel, method, request, tokens.bearer(secrets["token of the tenant"]))
        for metadata in (
            tokens.bearer(secrets["token of the stranger"]),
            tokens.bearer(secrets["token of the stranger"], TENANT),
            tokens.bearer(secrets["token that was refused"]),
        ):
            for asked in (request, b"\x0a\xff\xff\xff\xff\x0f"):
                ended = await rpcs.call(channel, method, asked, metadata, seconds=0.5)
                told.append(f"{ended.message}\n{ended.details}")
    return told


async def accident(database: FreshDatabase, house: Guarded, owned: World) -> grpc.aio.AioRpcError:
    """Make the ledger stumble over a table that forbids what the code is sure of, in words that quote the row."""
    connection = await asyncpg.connect(database.owner_url)
    try:
        await connection.execute(
            "ALTER TABLE weir_ledger.balances ADD CONSTRAINT broken CHECK (sku <> 'CANARY SKU') NOT VALID"
        )
    finally:
        await connection.close()
    return await refused(owned.merchant.receive("CANARY SKU", **{"own location": 1}))


def heard(watched: Watched) -> dict[str, str]:
    """All that was said, by where."""
    return {
        "log": watched.programs.log,
        "spans": watched.receiver.traces_sent.decode("latin-1"),
        "metrics": watched.receiver.metrics_sent.decode("latin-1"),
        "statuses": "\n".join(watched.statuses),
    }


async def test_no_secret_is_ever_told(watched: Watched) -> None:
    """After a day of everything no password and no token, nor the part of one that makes it good, is in any log line,
    span, metric or status."""
    found = [
        f"{secret} in {where}"
        for where, text in heard(watched).items()
        for secret, value in watched.secrets.items()
        if value in text
    ]
    assert found == []


async def test_there_was_something_to_hear(watched: Watched) -> None:
    """The control: logs, spans and metrics of the calls did arrive, and name methods, codes and reasons."""
    said = heard(watched)
    assert "listening" in said["log"]
    assert "token refused" in said["log"]
    for where in ("spans", "metrics"):
        assert "weir.ledger.v1.LedgerService" in said[where]
    assert "LOCATION_NOT_FOUND" in said["statuses"]
    assert "LOCATION_NOT_FOUND" in said["metrics"]


@pytest.mark.parametrize("where", ["spans", "metrics"])
async def test_no_tenant_is_in_a_label(watched: Watched, where: str) -> None:
    """No tenant, no identifier and nothing of anybody's goods is in a span or a metric."""
    assert [word for word in (TENANT, STRANGER, *GOODS) if word in heard(watched)[where]] == []


async def test_strangers_are_not_told_whose_it_is(watched: Watched) -> None:
    """A stranger is never told the name of a tenant, not even of the one that it claims to act for."""
    assert watched.statuses
    assert [told for told in watched.statuses if TENANT in told] == []


async def test_nobodys_goods_are_in_the_log(watched: Watched) -> None:
    """Log lines tell what happened to the service, and nothing of what is on anybody's shelves: not even the story of
    an accident, though the database quotes the row that it stumbled over."""
    lines = watched.programs.log.splitlines()
    assert [line for line in lines for word in GOODS if word in line] == []


async def test_an_accident_is_a_number_to_its_caller(watched: Watched) -> None:
    """Whoever meets an accident is told INTERNAL and a number; the story, with the method, is in the log under that
    number; the text of the exception is in no status."""
    error = watched.accident
    assert error.code() is grpc.StatusCode.INTERNAL
    assert status.reason(error) == "ACCIDENT"
    assert watched.incident
    told = f"{error.details()}{rpcs.details(error)}"
    assert watched.incident in told
    for word in ("CANARY", "constraint", "broken", "balances", "Traceback", "asyncpg", "CheckViolation"):
        assert word not in told
    (line,) = [line for line in watched.programs.log.splitlines() if watched.incident in line]
    assert "RecordMovements" in line
    assert "broken" in line


async def test_a_wrong_password_is_not_repeated(watched: Watched) -> None:
    """A service that cannot log in to its database says so without the URL that it was given."""
    url = watched.database.url("weir_ledger")
    wrong = url.replace(password(url), "CANARY-PASSWORD")
    failing = Program("ledger", {"WEIR_DATABASE_URL": wrong}, "127.0.0.1:0")
    with pytest.raises(AssertionError) as told:
        await failing.start()
    await failing.kill()
    assert "does not listen" in str(told.value)
    assert failing.log
    assert "CANARY-PASSWORD" not in failing.log
