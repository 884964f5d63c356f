"""Epochs on Postgres: the port `Epochs`.

Whoever writes for a tenant locks its row of `epoch_heads` first: writers come one after the other, and what they find
of a supply's newest epoch is so until they commit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from weir_allocation.claims import Claim
from weir_allocation.rebalance import Epoch, EpochShare, Reason
from weir_chassis.database import Database, Driver, retrying
from weir_chassis.revisions import Revision
from weir_partitioning.ports import Draft, Numbered, Stretch, SupplyKey, Where
from weir_partitioning.store import statements

LEDGER = "ledger"
_HIGHEST = 2**63 - 1

_encode = msgspec.json.Encoder().encode
_shares = msgspec.json.Decoder(tuple[EpochShare, ...]).decode
_cleared = msgspec.json.Decoder(tuple[tuple[str, int], ...]).decode


class PostgresEpochs:
    """The epochs of all tenants in one schema, which is the one of `migrations`: `Epochs`."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._database = database

    async def newest(self, tenant: str, supplies: Collection[SupplyKey]) -> Mapping[SupplyKey, Numbered]:
        found = await self._numbered(tenant, statements.NEWEST, *_columns(supplies))
        return {each.supply: each for each in found}

    async def add(self, tenant: str, drafts: Sequence[Draft]) -> Sequence[Numbered]:
        assert len({each.supply for each in drafts}) == len(drafts)

        async def add() -> Sequence[Numbered]:
            async with self._writing(tenant) as (driver, head):
                after = [each.after for each in drafts]
                keys = _columns(each.supply for each in drafts)
                places = await driver.fetch(statements.JUDGED_AFTER_NEWEST, tenant, *keys, after)
                kept = [
                    Numbered(head + number, draft.epoch, draft.books, cleared=draft.cleared)
                    for number, draft in enumerate((drafts[row["place"] - 1] for row in places), 1)
                ]
                if kept:
                    await driver.execute(statements.ADD, tenant, *zip(*map(_row, kept), strict=True))
            return kept

        return await retrying(add) if drafts else []

    async def pending(self, tenant: str, *, limit: int) -> Sequence[Numbered]:
        return await self._numbered(tenant, statements.PENDING, limit)

    async def enforce(self, tenant: str, numbers: Collection[int]) -> None:
        await self._write(tenant, statements.ENFORCE, list(numbers))

    async def due(self, tenant: str, now: datetime, *, limit: int) -> Sequence[SupplyKey]:
        async with self._database.driving(tenant) as driver:
            rows = await driver.fetch(statements.DUE, tenant, now, limit)
        return [SupplyKey((row["owner"], row["sku"]), row["warehouse_group"]) for row in rows]

    async def seen(self, tenant: str, supplies: Collection[SupplyKey], now: datetime) -> None:
        await self._write(tenant, statements.SEEN, *_columns(supplies), now)

    async def standing(
        self, tenant: str, where: Where, *, start: SupplyKey | None = None, limit: int
    ) -> Sequence[Numbered]:
        terms = _Terms(tenant, limit)
        if where.product is not None:
            owner, sku = map(terms.value, where.product)
            terms.add(f"s.owner = {owner} AND s.sku = {sku}")
        if where.warehouse_group:
            terms.add(f"s.warehouse_group = {terms.value(where.warehouse_group)}")
        if start is not None:
            values = [terms.value(each) for each in (*start.product, start.warehouse_group)]
            terms.add(f"(s.owner, s.sku, s.warehouse_group) >= ({', '.join(values)})")
        if where.channel_group:
            share = terms.value(_encode([{"channel_group": where.channel_group}]).decode())
            terms.add(f"e.shares @> {share}::text::jsonb")
        return await self._numbered(tenant, statements.STANDING.format(where=terms.said), *terms.values[1:])

    async def past(self, tenant: str, where: Where, *, before: int | None = None, limit: int) -> Sequence[Numbered]:
        # By ranges of columns and not as equal to the first ones: then only the index on all of them has the order,
        # and the planner cannot take the one that has the last alone, or that on another column.
        terms = _Terms(tenant, limit)
        key = _named(where)
        if where.product is not None and where.warehouse_group:
            terms.add(f"e.warehouse_group || '' = {terms.value(where.warehouse_group)}")
        columns = [f"e.{name}" for name in (*key, "epoch")]
        values = [terms.value(each) for each in key.values()]
        above = ", ".join([*values, "0"])
        below = ", ".join([*values, terms.value(_HIGHEST if before is None else before)])
        terms.add(f"({', '.join(columns)}) > ({above}) AND ({', '.join(columns)}) < ({below})")
        statement = statements.PAST.format(where=terms.said, order=", ".join(f"{each} DESC" for each in columns))
        return await self._numbered(tenant, statement, *terms.values[1:])

    async def stretch(self, tenant: str, *, after: int, limit: int) -> Stretch:
        async with self._database.driving(tenant) as driver:
            rows = await driver.fetch(statements.STRETCH, tenant, after, limit)
        if not rows:
            return Stretch(0, 0, ())
        oldest, head = rows[0]["forgotten"], rows[0]["head"]
        found = tuple(_read(row) for row in rows if row["epoch"] is not None)
        return Stretch(oldest, head, found if after >= oldest else ())

    async def forget(self, *, keep_seconds: float) -> int:
        count = 0
        for tenant in await self._database.tenants():
            async with self._writing(tenant) as (driver, _):
                count += await driver.fetchval(statements.FORGET, tenant, keep_seconds)
        return count

    async def _numbered(self, tenant: str, statement: str, *arguments: Any) -> list[Numbered]:
        async with self._database.driving(tenant) as driver:
            rows = await driver.fetch(statement, tenant, *arguments)
        return [_read(row) for row in rows]

    async def _write(self, tenant: str, statement: str, *arguments: Any) -> None:
        async def write() -> None:
            async with self._writing(tenant) as (driver, _):
                await driver.execute(statement, tenant, *arguments)

        await retrying(write)

    @asynccontextmanager
    async def _writing(self, tenant: str) -> AsyncIterator[tuple[Driver, int]]:
        """A transaction of the only one who writes epochs of the tenant meanwhile, and the newest number."""
        async with self._database.driving(tenant) as driver:
            head: int | None = await driver.fetchval(statements.LOCK, tenant)
            if head is None:
                await driver.execute(statements.OPEN, tenant)
                head = await driver.fetchval(statements.LOCK, tenant)
                assert head is not None
            yield driver, head


class _Terms:
    """Conditions of a query and their values, of which the tenant and the limit are the first."""

    def __init__(self, tenant: str, limit: int) -> None:
        self.values: list[Any] = [tenant, limit]
        self._conditions: list[str] = []

    @property
    def said(self) -> str:
        return "".join(f" AND {each}" for each in self._conditions)

    def value(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"

    def add(self, condition: str) -> None:
        self._conditions.append(condition)


def _named(where: Where) -> Mapping[str, str]:
    """The columns of an index on epochs that a question names, and their values."""
    if where.product is not None:
        owner, sku = where.product
        return {"owner": owner, "sku": sku}
    return {"warehouse_group": where.warehouse_group} if where.warehouse_group else {}


def _columns(supplies: Iterable[SupplyKey]) -> tuple[list[str], list[str], list[str]]:
    """Owners, stock keeping units and warehouse groups."""
    keys = [(*each.product, each.warehouse_group) for each in supplies]
    owners, skus, groups = ([key[place] for key in keys] for place in range(3))
    return owners, skus, groups


def _row(kept: Numbered) -> tuple[Any, ...]:
    """What `statements.ADD` writes of an epoch."""
    epoch, books = kept.epoch, kept.books
    assert sum(share.balanced for share in epoch.shares) + epoch.held_back == epoch.supply
    return (
        kept.number,
        *epoch.product,
        epoch.warehouse_group,
        epoch.policy,
        epoch.policy_mark,
        epoch.reason.name,
        epoch.divided_at,
        epoch.supply,
        epoch.held_back,
        epoch.scale,
        epoch.moved,
        epoch.turn,
        epoch.weighed_on,
        _encode(epoch.shares).decode(),
        _encode([(claim.channel_group, claim.scale) for claim in kept.cleared]).decode(),
        books.cluster,
        books.epoch,
        books.number,
    )


def _read(row: asyncpg.Record) -> Numbered:
    """The epoch of a row of `statements.TOLD`."""
    product, group = (row["owner"], row["sku"]), row["warehouse_group"]
    epoch = Epoch(
        product,
        group,
        Reason[row["reason"]],
        row["divided_at"],
        policy=row["policy"],
        policy_mark=row["policy_mark"],
        supply=row["supply"],
        held_back=row["held_back"],
        scale=row["scale"],
        shares=_shares(row["shares"]),
        moved=row["moved"],
        turn=row["turn"],
        weighed_on=row["weighed_on"],
    )
    return Numbered(
        row["epoch"],
        epoch,
        Revision(LEDGER, row["ledger_cluster"], row["ledger_epoch"], row["ledger_revision"]),
        in_force=row["in_force"],
        cleared=tuple(Claim(product, group, channel_group, scale) for channel_group, scale in _cleared(row["cleared"])),
    )
