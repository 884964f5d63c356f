"""What the counts were, folded from the entries one by one; and histories that lie months back."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from tests.kit.ledger import (
    ADJUST,
    CONSUME,
    COUNT,
    RECEIVE,
    RESTORE,
    RETURN,
    SHIP,
    TRANSFER,
    Caller,
    item,
    movement,
    name,
)  # fmt: skip
from weir.common.v1 import revision_pb2, stock_pb2
from weir.ledger.v1 import ledger_pb2, reservation_pb2
from weir_chassis import status
from weir_ledger.domain.chain import BEFORE_ALL
from weir_ledger.store import chain

if TYPE_CHECKING:
    Owner = asyncpg.Connection[asyncpg.Record]
else:
    Owner = asyncpg.Connection

REFUSED = ("INSUFFICIENT_ON_HAND", "INSUFFICIENT_STOCK", "RESERVATION_LINE_EXCEEDED", "RESERVATION_STATE")


@dataclass(slots=True)
class Counts:
    """The counts of one stock item so far."""

    on_hand: int = 0
    reserved: int = 0
    revision: int = 0
    counted_at: datetime | None = None


def moment(message: Any) -> datetime:
    """The moment of a message, in UTC."""
    found: datetime = message.ToDatetime(tzinfo=UTC)
    return found


def folded(
    entries: Iterable[ledger_pb2.Entry], revision: int, occurred_by: datetime | None = None
) -> dict[bytes, Counts]:
    """The counts by stock item (`name`): the sum of all entries up to a revision that had occurred by a moment, if one
    is given."""
    found: dict[bytes, Counts] = {}
    for entry in entries:
        occurred_at = moment(entry.occurred_time)
        late = occurred_by is not None and occurred_at > occurred_by
        if entry.account != ledger_pb2.ACCOUNT_STOCK or entry.revision > revision or late:
            continue
        counts = found.setdefault(name(entry.stock_item), Counts())
        counts.on_hand += entry.on_hand_delta
        counts.reserved += entry.reserved_delta
        counts.revision = max(counts.revision, entry.revision)
        if entry.kind == COUNT:
            counts.counted_at = max(counts.counted_at or occurred_at, occurred_at)
    for counts in found.values():
        counts.reserved = max(0, counts.reserved)
    return found


def told(balances: Iterable[ledger_pb2.Balance]) -> dict[bytes, Counts]:
    """The same of what a service told."""
    return {
        name(each.stock_item): Counts(
            each.on_hand,
            each.reserved,
            each.changed_revision,
            moment(each.counted_time) if each.HasField("counted_time") else None,
        )
        for each in balances
    }


def stamp(moment: datetime) -> Timestamp:
    """A moment as a message."""
    made = Timestamp()
    made.FromDatetime(moment)
    return made


async def listed(caller: Caller, **as_of: Any) -> tuple[dict[bytes, Counts], revision_pb2.Revision]:
    """All balances of a state by stock item, in pages, and the revision they rest on."""
    balances = []
    revision = revision_pb2.Revision()
    async for page in caller.pages("ListBalances", 5, as_of=as_of):
        balances += page.balances
        revision = page.revision
    return told(balances), revision


async def close(owner: Owner, caller: Caller) -> int | None:
    """Close the books of a caller's tenant as they stand."""
    async with owner.transaction():
        await owner.execute("SELECT set_config('weir.tenant', $1, true)", caller.tenant)
        found: int | None = await owner.fetchval("SELECT close_books($1)", caller.tenant)
        return found


def same(found: tuple[dict[bytes, Counts], revision_pb2.Revision], counts: dict[bytes, Counts], revision: Any) -> None:
    """Hold the balances of a state against those that should be, one by one."""
    assert found[1] == revision
    assert sorted(found[0]) == sorted(counts)
    for key, each in counts.items():
        assert (key, found[0][key]) == (key, each)


GOODS: tuple[stock_pb2.StockItem, ...] = (
    item("A"), item("B"), item("C"), item("A", "W2"), item("A", lot="L1"), item("B", condition=2),
    item("A", owner="shop"), item("C", custodian="rep"),
)  # fmt: skip


async def live(caller: Caller, chance: random.Random, steps: int) -> None:
    """So many requests of every kind, by chance; some are refused. Some facts are told late, by minutes to weeks, some
    by a clock that runs ahead."""
    promises: list[reservation_pb2.Reservation] = []
    for _ in range(steps):
        try:
            match chance.choice(("move", "move", "move", "count", "promise", "end")):
                case "move":
                    await caller.record(*(_moved(chance) for _ in range(chance.randint(1, 4))))
                case "count":
                    await caller.record(_dated(chance, movement(COUNT, chance.choice(GOODS), chance.randint(0, 30))))
                case "promise":
                    made = await caller.confirmed(*((each, 1) for each in chance.sample(GOODS, 2)))
                    promises.append(made)
                case "end" if promises:
                    ending, promised = chance.choice(("Fulfil", "Release", "Transfer")), promises.pop(0)
                    fields: dict[str, Any] = {}
                    if ending == "Transfer":
                        fields["lines"] = [_sent(each) for each in promised.lines]
                    if ending != "Release" and chance.random() < 0.5:
                        fields["occurred_time"] = _occurred(chance)
                    await caller.do(ending, reservation=promised.reservation, **fields)
        except grpc.aio.AioRpcError as error:
            if status.reason(error) not in REFUSED:
                raise


def _sent(line: reservation_pb2.ReservationLine) -> reservation_pb2.LineTransfer:
    """A line that moves whole, to somebody who has other goods, too."""
    made = reservation_pb2.LineTransfer(line=line.line, quantity=line.quantity, destination=line.stock_item)
    made.destination.custodian = "rep" if line.stock_item.custodian != "rep" else ""
    return made


def _moved(chance: random.Random) -> ledger_pb2.Movement:
    """Some fact."""
    kind = chance.choice((RECEIVE, RECEIVE, RETURN, SHIP, ADJUST, CONSUME, RESTORE, TRANSFER))
    where = chance.choice(GOODS)
    others = {}
    if kind == TRANSFER:
        others["destination"] = stock_pb2.StockItem()
        others["destination"].CopyFrom(where)
        others["destination"].location = "W2" if where.location == "W1" else "W1"
    return _dated(chance, movement(kind, where, chance.randint(1, 9), **others))


def _dated(chance: random.Random, fact: ledger_pb2.Movement) -> ledger_pb2.Movement:
    """The same fact, as it happened now or some time ago."""
    if chance.random() < 0.5:
        fact.occurred_time.CopyFrom(_occurred(chance))
    return fact


def _occurred(chance: random.Random) -> Any:
    """When something happened: up to weeks ago, or by a clock that is ahead."""
    ahead = chance.choice((-0.9, -0.01, 0.001, 0.02, 0.5, 0.99, 1.01, 3, 40))
    made = ledger_pb2.Entry().occurred_time
    made.FromDatetime(datetime.now(UTC) - timedelta(days=ahead))
    return made


async def spread(owner: Owner, tenant: str, days: float, *, ended_days: float = 1) -> None:
    """Make the history of a tenant one that took so many days and ended so many ago, months and all.

    Each commit moves back with all that occurred with it, as if the clock had been another one; the chain of digests is
    made anew.
    """
    async with owner.transaction():
        await owner.execute("SELECT set_config('weir.tenant', $1, true)", tenant)
        await owner.execute("SELECT open_months(now() - make_interval(days => $1), now())", int(days + ended_days) + 1)
        for statement in _SPREAD:
            spans = (timedelta(days=days), timedelta(days=ended_days))
            arguments = (tenant, *spans) if "$2" in statement else (tenant,)
            await owner.execute(statement, *arguments)
        digest = BEFORE_ALL.digest
        for (revision,) in await owner.fetch("SELECT revision FROM commits WHERE tenant = $1 ORDER BY 1", tenant):
            digest = await owner.fetchval(_LINK, tenant, revision, digest)
        await owner.execute("UPDATE tenants SET digest = $2 WHERE tenant = $1", tenant, digest)


_LINK = f"""
UPDATE commits SET digest = {
    chain.link(
        "$3",
        "$2",
        "recorded_at",
        f"(SELECT {chain.ENTERED} FROM entries e WHERE e.tenant = $1 AND e.revision = $2)",
        f"(SELECT {chain.CLAIMED} FROM claim_changes c WHERE c.tenant = $1 AND c.revision = $2)",
        f"(SELECT {chain.LOTTED} FROM lot_changes l WHERE l.tenant = $1 AND l.revision = $2)",
    )
}
WHERE tenant = $1 AND revision = $2::bigint RETURNING digest
"""


_SPREAD = (
    """
    CREATE TEMPORARY TABLE moved ON COMMIT DROP AS
    SELECT revision, recorded_at, date_trunc('second', now()) - $3::interval
           - $2::interval * (max(revision) OVER () - revision) / max(revision) OVER () AS later
    FROM commits WHERE tenant = $1
    """,
    """
    UPDATE entries e
    SET recorded_at = m.later, occurred_at = e.occurred_at + (m.later - m.recorded_at)
    FROM moved m WHERE e.tenant = $1 AND e.revision = m.revision
    """,
    "UPDATE commits c SET recorded_at = m.later FROM moved m WHERE c.tenant = $1 AND c.revision = m.revision",
    "UPDATE closings c SET recorded_at = m.later FROM moved m WHERE c.tenant = $1 AND c.revision = m.revision",
    """
    UPDATE tenants t SET recorded_at = m.later FROM moved m WHERE t.tenant = $1 AND t.revision = m.revision
    """,
    "UPDATE shortfalls s SET opened_at = m.later FROM moved m WHERE s.tenant = $1 AND s.revision = m.revision",
    """
    UPDATE closing_balances c SET counted_at = (
        SELECT max(coalesce(e.occurred_at, e.recorded_at)) FROM entries e
        WHERE e.tenant = $1 AND e.item = c.item AND e.revision <= c.revision AND e.kind = 4 AND e.account = 1
    ) WHERE c.tenant = $1
    """,
    """
    UPDATE balances b SET counted_at = (
        SELECT max(coalesce(e.occurred_at, e.recorded_at)) FROM entries e
        WHERE e.tenant = $1 AND e.item = b.item AND e.kind = 4 AND e.account = 1
    ) WHERE b.tenant = $1
    """,
)
