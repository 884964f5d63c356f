"""The ledger of the first version, as far as rows tell: what it wrote into the tables of migration 0001, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg

import weir_ledger
from weir_ledger.domain.entries import Account, EntryKind
from weir_ledger.domain.reservations import State
from weir_ledger.domain.stock import StockItem
from weir_ledger.store.keys import key

if TYPE_CHECKING:
    Owner = asyncpg.Connection[asyncpg.Record]
else:
    Owner = asyncpg.Connection

MIGRATION = Path(weir_ledger.__file__).parent / "migrations" / "versions" / "0001_ledger.py"


@dataclass
class FirstLedger:
    """The books of one tenant; each method is one commit, an hour later than the one before unless told."""

    connection: Owner
    tenant: str
    now: datetime
    revision: int = 0
    counts: dict[StockItem, tuple[int, int]] = field(default_factory=dict)
    _lines: list[tuple[Any, ...]] = field(default_factory=list)
    _touched: dict[StockItem, None] = field(default_factory=dict)

    async def place(self, location: str) -> None:
        """Add a warehouse."""
        await self._begin()
        await self._insert(
            "locations",
            {"location": location, "kind": 1, "display_name": "", "revision": self.revision},
        )  # fmt: skip

    async def record(
        self,
        *movements: tuple[EntryKind, StockItem, int],
        against: Account = Account.SUPPLIER,
        occurred_at: datetime | None = None,
        request_id: str = "",
    ) -> None:
        """Record facts: the units that each of some stock items gains or loses."""
        await self._begin()
        for kind, item, units in movements:
            await self._book(kind, item, units, 0, request_id=request_id, occurred_at=occurred_at, against=against)
        await self._end()

    async def reserve(
        self, reservation: str, channel: str, expires_at: datetime, *lines: tuple[StockItem, int]
    ) -> None:
        """Promise units; a line of no units names its stock item only."""
        await self._begin()
        row = {"reservation": UUID(reservation), "state": State.HELD, "expires_at": expires_at, "created_at": self.now}
        await self._insert("reservations", {**row, "order_name": "O-1", "channel": channel, "revision": self.revision})
        for number, (item, units) in enumerate(lines, 1):
            line = {
                "reservation": UUID(reservation),
                "line": number,
                "item": UUID(hex=key(item)),
                "requested": units or 1,
            }
            counted = {"quantity": units, "open": units, "fulfilled": 0, "released": 0}
            await self._insert("reservation_lines", {**line, **counted})
            if units:
                await self._book(EntryKind.RESERVE, item, 0, units, reservation=reservation, line=number)
            else:
                self.counts[item] = (0, 0)
                self._touched[item] = None
        await self._end()

    async def change(self, reservation: str, state: State, *ended: tuple[int, StockItem, EntryKind, int]) -> None:
        """Give a promise another state, and end units of some of its lines."""
        await self._begin()
        await self.connection.execute(
            "UPDATE reservations SET state = $3, revision = $4 WHERE tenant = $1 AND reservation = $2",
            self.tenant, UUID(reservation), state, self.revision,
        )  # fmt: skip
        for line, item, kind, units in ended:
            gone = "fulfilled" if kind is EntryKind.FULFIL else "released"
            await self.connection.execute(
                f"UPDATE reservation_lines SET open = open - $4, {gone} = {gone} + $4"
                " WHERE tenant = $1 AND reservation = $2 AND line = $3",
                self.tenant, UUID(reservation), line, units,
            )  # fmt: skip
            on_hand = -units if kind is EntryKind.FULFIL else 0
            await self._book(kind, item, on_hand, -units, reservation=reservation, line=line, against=Account.CUSTOMER)
        await self._end()

    async def remember(self, method: str, request_id: str, fingerprint: bytes, outcome: str) -> None:
        """Keep the outcome of the request that made the newest commit."""
        names = {"method": method, "request_id": request_id, "fingerprint": fingerprint, "outcome": outcome}
        await self._insert("requests", {**names, "revision": self.revision})

    async def _begin(self) -> None:
        self.now += timedelta(hours=1)
        self.revision += 1
        if self.revision == 1:
            await self._insert("tenants", {"revision": 0})
        await self.connection.execute("UPDATE tenants SET revision = $2 WHERE tenant = $1", self.tenant, self.revision)
        await self._insert("commits", {"revision": self.revision, "recorded_at": self.now})
        self._lines = []
        self._touched = {}

    async def _book(
        self,
        kind: EntryKind,
        item: StockItem,
        on_hand: int,
        reserved: int,
        *,
        reservation: str = "",
        line: int = 0,
        request_id: str = "",
        occurred_at: datetime | None = None,
        against: Account | None = None,
    ) -> None:
        self._touched[item] = None
        before = self.counts.get(item, (0, 0))
        after = self.counts[item] = before[0] + on_hand, before[1] + reserved
        rest = (UUID(reservation) if reservation else None, line, request_id, "", occurred_at or self.now)
        self._lines.append((kind, Account.STOCK, UUID(hex=key(item)), on_hand, reserved, *after, *rest))
        if against is not None and on_hand:
            self._lines.append((kind, against, UUID(hex=key(item)), -on_hand, 0, 0, 0, *rest))

    async def _end(self) -> None:
        columns = ("kind", "account", "item", "on_hand_delta", "reserved_delta", "on_hand", "reserved", "reservation",
                   "reservation_line", "request_id", "reference", "occurred_at")  # fmt: skip
        for number, line in enumerate(self._lines, 1):
            await self._insert(
                "entries", {"revision": self.revision, "line": number, **dict(zip(columns, line, strict=True))}
            )
        for item in self._touched:
            await self.connection.execute(
                "INSERT INTO balances VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
                " ON CONFLICT (tenant, item) DO UPDATE SET on_hand = excluded.on_hand, reserved = excluded.reserved,"
                " revision = excluded.revision",
                self.tenant, UUID(hex=key(item)), item.owner, item.sku, item.location, item.lot, item.uom,
                item.custodian, item.condition, *self.counts[item], self.revision,
            )  # fmt: skip

    async def _insert(self, table: str, row: Mapping[str, Any]) -> None:
        values = {"tenant": self.tenant, **row}
        places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
        await self.connection.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", *values.values())
