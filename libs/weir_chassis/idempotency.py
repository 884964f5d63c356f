"""Give every request id one outcome, however often the request comes and whatever dies meanwhile.

The outcome is written in the transaction that does the work, under the tenant, the method and the request id. A
definite refusal is an outcome too; malformed requests and lost races are not, so the same id may be tried again
after them.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
import structlog
from google.protobuf.message import Message
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from weir_chassis.database import Database, retrying
from weir_chassis.errors import Refusal, RequestIdReused, recorded

_RECALL = text(
    "SELECT fingerprint, outcome, revision FROM requests"
    " WHERE tenant = :tenant AND method = :method AND request_id = :request_id"
)
_RECORD = text(
    "INSERT INTO requests (tenant, method, request_id, fingerprint, outcome, revision)"
    " VALUES (:tenant, :method, :request_id, :fingerprint, :outcome, :revision)"
)
_PURGE = text(
    "DELETE FROM requests WHERE ctid = ANY (ARRAY("
    "SELECT ctid FROM requests WHERE tenant = :tenant AND recorded_at < now() - make_interval(secs => :keep_seconds)"
    " LIMIT :batch))"
)
_BATCH = 5000


@dataclass(frozen=True, slots=True)
class Attempt:
    """One arrival of a mutating request; `method` is the name its ids are unique within."""

    tenant: str
    method: str
    request_id: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a request ended: an `answer` of plain JSON values at a `revision`, or a refusal (and no revision)."""

    answer: object = None
    revision: int | None = None
    refusal: Refusal | None = None

    def told(self) -> Outcome:
        """Itself where it is an answer; raises the refusal where it is one."""
        if self.refusal is not None:
            raise self.refusal
        return self


def fingerprint(request: Message) -> bytes:
    """16 bytes that are equal for equal contents and differ for others, whichever process and client made them."""
    return hashlib.blake2b(request.SerializeToString(deterministic=True), digest_size=16).digest()


def outcome_text(outcome: Outcome) -> str:
    """The outcome as the table keeps it: `{"ok": ...}` or `{"refusal": {...}}`."""
    if outcome.refusal is not None:
        assert outcome.refusal.kind.definite, "this refusal may be tried again under the same id"
        return msgspec.json.encode({"refusal": outcome.refusal.to_record()}).decode()
    return msgspec.json.encode({"ok": outcome.answer}).decode()


def outcome_of(stored: str, revision: int | None) -> Outcome:
    """The outcome that `outcome_text` wrote."""
    content = msgspec.json.decode(stored)
    if "refusal" in content:
        return Outcome(refusal=recorded(content["refusal"]))
    return Outcome(content["ok"], revision)


async def recall(connection: AsyncConnection, attempt: Attempt) -> Outcome | None:
    """The outcome of an earlier arrival, None at the first; raises the recorded refusal.

    Raises RequestIdReused where the id stands for other contents.
    """
    found = (await connection.execute(_RECALL, _key(attempt))).one_or_none()
    if found is None:
        return None
    if bytes(found.fingerprint) != attempt.fingerprint:
        raise RequestIdReused(attempt.request_id)
    return outcome_of(found.outcome, found.revision).told()


async def record(connection: AsyncConnection, attempt: Attempt, outcome: Outcome) -> None:
    """Keep the outcome, in the transaction that did the work; once for each id, by a key of the table."""
    await connection.execute(
        _RECORD,
        {
            **_key(attempt),
            "fingerprint": attempt.fingerprint,
            "outcome": outcome_text(outcome),
            "revision": outcome.revision,
        },
    )


async def once(database: Database, attempt: Attempt, work: Callable[[AsyncConnection], Awaitable[Outcome]]) -> Outcome:
    """Do `work` at the first arrival of the request and give its outcome at every one.

    `work` runs in `Database.writing`, so nobody else writes for the tenant meanwhile, and again from its beginning
    where the transaction is lost. A definite refusal undoes what `work` did, is kept, and is raised now and ever after.
    """

    async def arrive() -> Outcome:
        async with database.writing(attempt.tenant) as connection:
            known = await recall(connection, attempt)
            if known is not None:
                return known
            outcome = await _try(connection, work)
            await record(connection, attempt, outcome)
        return outcome

    return (await retrying(arrive)).told()


async def purge(database: Database, *, keep_seconds: float) -> int:
    """Forget every outcome older than `keep_seconds` by the database's clock; returns how many there were."""
    count = 0
    for tenant in await database.tenants():
        removed = _BATCH
        while removed == _BATCH:
            async with database.tenant(tenant) as connection:
                asked = {"tenant": tenant, "keep_seconds": keep_seconds, "batch": _BATCH}
                removed = (await connection.execute(_PURGE, asked)).rowcount
            count += removed
    return count


async def purging(database: Database, *, keep_seconds: float, pause_seconds: float = 600) -> None:
    """Purge again and again until cancelled; what goes wrong is logged and tried again."""
    log = structlog.get_logger("weir.idempotency")
    while True:
        try:
            count = await purge(database, keep_seconds=keep_seconds)
            log.debug("outcomes forgotten", count=count)
        except Exception:
            log.exception("outcomes could not be purged")
        await asyncio.sleep(pause_seconds)


async def _try(connection: AsyncConnection, work: Callable[[AsyncConnection], Awaitable[Outcome]]) -> Outcome:
    try:
        async with connection.begin_nested():
            return await work(connection)
    except Refusal as refusal:
        if not refusal.kind.definite:
            raise
        return Outcome(refusal=refusal)


def _key(attempt: Attempt) -> dict[str, object]:
    return {"tenant": attempt.tenant, "method": attempt.method, "request_id": attempt.request_id}
