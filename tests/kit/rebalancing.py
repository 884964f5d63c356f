"""A merchant whose products are divided among channel groups, and what became of it: for tests of who divides."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg

from tests.kit.dividing import on_postgres
from tests.kit.market import Caller
from tests.kit.postgres import FreshDatabase
from tests.kit.waiting import until
from weir_partitioning.ports import Numbered, Where

SKU = "BIKE"
HOME = "home"


@dataclass(frozen=True, slots=True)
class Shop:
    """A tenant that sells from one warehouse group, and the database of partitioning."""

    caller: Caller
    database: FreshDatabase
    tenant: str

    async def opened(self, *channels: str, units: int = 100) -> None:
        """Let goods lie in the warehouse, which feeds these channels, each a group of its own."""
        await self.caller.locations("W1")
        await self.caller.feed(HOME, ["W1"], *channels)
        if units:
            await self.caller.receive(SKU, "W1", units)

    async def balanced(self, name: str = "fair", *, create: bool = True, **fields: Any) -> None:
        """Divide all products at an instant, equally unless told otherwise."""
        policy = {"policy": name, "strategy": "STRATEGY_EQUAL_DIVISION", "mode": "POLICY_MODE_BALANCED", **fields}
        await self.caller.write("CreatePolicy" if create else "UpdatePolicy", policy=policy)

    async def order(self, channel: str, quantity: int, *, sku: str = SKU) -> str:
        """Place an order for that many units; the reservation."""
        wish = {"channel": channel, "lines": [{"product": {"sku": sku}, "quantity": quantity}]}
        made = await self.caller.do("ReserveFulfilment", wish=wish)
        reservation: str = made.reservation.reservation
        return reservation

    async def epochs(self, sku: str = SKU) -> list[Numbered]:
        """Every epoch of a product, oldest first."""
        async with on_postgres(self.database) as divided:
            found = await divided.epochs.past(self.tenant, Where(product=("", sku)), limit=1000)
        return list(found)[::-1]

    async def newest(self, sku: str = SKU) -> Numbered | None:
        """The newest epoch of a product."""
        return next(iter((await self.epochs(sku))[::-1]), None)

    async def divided(self, warehouse_group: str, sku: str = SKU) -> bool:
        """Whether a supply was divided, and that is in force."""
        found = [each for each in await self.epochs(sku) if each.epoch.warehouse_group == warehouse_group]
        return bool(found) and found[-1].in_force

    async def passed(self, *, minutes: int) -> None:
        """Let all that was divided have been so that much earlier."""
        connection = await asyncpg.connect(self.database.owner_url)
        try:
            for table, column in (("supplies", "looked_at"), ("epochs", "divided_at")):
                at = f"UPDATE weir_partitioning.{table} SET {column} = {column} - make_interval(mins => $2)"
                async with connection.transaction():
                    await connection.execute("SELECT set_config('weir.tenant', $1, true)", self.tenant)
                    await connection.execute(f"{at} WHERE tenant = $1", self.tenant, minutes)
        finally:
            await connection.close()

    async def left(self, sku: str = SKU) -> dict[str, int | None]:
        """What each channel group has left of its share, by the ledger's ceilings; None where it has none."""
        left: dict[str, int | None] = {}
        async for table in self._supplies(sku):
            rows = zip(table.share_channel_groups, table.claimed, table.ceilings, strict=True)
            for group, claimed, ceiling in rows:
                known = ceiling >= 0
                left[table.channel_groups[group]] = (ceiling - claimed) // table.scales[0] if known else None
        return left

    async def supply(self, sku: str = SKU) -> int:
        """Units there are of a product in all warehouse groups."""
        return sum([units async for each in self._supplies(sku) for units in each.supplies])

    async def comes(self, shares: dict[str, int | None], sku: str = SKU) -> Numbered:
        """Wait until groups have these units left and the newest epoch is in force; that one."""
        found: list[Numbered] = []

        async def there() -> bool:
            if await self.left(sku) != shares:
                return False
            newest = await self.newest(sku)  # no older than what is left, and no newer if that is left after it, too
            found[:] = [newest] if newest is not None and newest.in_force else []
            return bool(found) and await self.left(sku) == shares

        try:
            await until(there, 60)
        except TimeoutError:
            raise AssertionError(f"left: {await self.left(sku)}, epochs: {await self.epochs(sku)}") from None
        return found[0]

    async def _supplies(self, sku: str) -> AsyncIterator[Any]:
        async for message in self.caller.stream("ListSupplies", products=[{"sku": sku}]):
            yield message.table
