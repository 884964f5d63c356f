"""What there is to divide, read from tables, and followed as a client of the watch follows it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import NamedTuple

from weir_aggregator.domain import Product, Supplies, SupplyUpdate
from weir_aggregator.projection import ToldOfSupplies
from weir_chassis.revisions import Revision


class ToldShare(NamedTuple):
    """What is told of a channel group in one supply."""

    selling: bool
    claimed: int
    ceiling: int
    """-1: none."""


@dataclass(frozen=True)
class ToldProduct:
    """What is told of one product."""

    policy: str
    scale: int
    units: dict[str, int]
    """By warehouse group."""
    shares: dict[tuple[str, str], ToldShare]
    """By warehouse group and channel group."""


def told(table: Supplies) -> dict[Product, ToldProduct]:
    """A table, product by product."""
    found = {
        product: ToldProduct(policy, scale, {}, {})
        for product, policy, scale in zip(table.products, table.policies, table.scales, strict=True)
    }
    supplies = [
        (found[table.products[product]], table.warehouse_groups[group])
        for product, group in zip(table.supply_products, table.supply_warehouse_groups, strict=True)
    ]
    for (product, group), units in zip(supplies, table.units, strict=True):
        assert group not in product.units
        product.units[group] = units
    shares = zip(
        table.share_supplies,
        table.share_channel_groups,
        table.selling,
        table.claimed,
        table.ceilings,
        strict=True,
    )
    for supply, channel_group, selling, claimed, ceiling in shares:
        product, group = supplies[supply]
        place = group, table.channel_groups[channel_group]
        assert place not in product.shares
        product.shares[place] = ToldShare(selling, claimed, ceiling)
    return found


class SupplyReader:
    """A client of the watch, which keeps what it was told of each product last."""

    def __init__(self, updates: AsyncGenerator[ToldOfSupplies, None]) -> None:
        """Read `updates`."""
        self.known: dict[Product, ToldProduct] = {}
        self.messages: list[SupplyUpdate] = []
        self.revisions: tuple[Revision, ...] = ()
        self._updates = updates

    async def read(self) -> SupplyUpdate:
        """Take one message over."""
        update, self.revisions = await anext(self._updates)
        self.messages.append(update)
        if update.supplies is not None:
            self.known.update(told(update.supplies))
        return update

    async def catch_up(self) -> list[SupplyUpdate]:
        """Read until there is nothing to tell: what was told meanwhile."""
        before = len(self.messages)
        while (await self.read()).supplies is not None:
            pass
        return self.messages[before:-1]

    async def close(self) -> None:
        """Stop reading."""
        await self._updates.aclose()
