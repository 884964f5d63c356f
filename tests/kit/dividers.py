"""A ledger and an aggregator in a few lines, for tests of what divides supplies; and ports that break when told to."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.kit.dividing import Divided, in_memory
from weir_allocation.claims import Claim
from weir_allocation.rebalance import Supply
from weir_allocation.stock import Product
from weir_chassis.configuration.objects import Change, Decision
from weir_chassis.errors import PeerAway
from weir_chassis.idempotency import Attempt
from weir_chassis.revisions import Revision, Vector
from weir_partitioning.domain import Mode, Policy, Strategy
from weir_partitioning.ports import Numbered, SupplyKey, Told, Where
from weir_partitioning.rebalancing import Policies, Rebalancer

TENANT = "acme"
NOW = datetime(2027, 1, 31, 12, tzinfo=UTC)
TV, SOFA = SupplyKey(("", "TV"), "home"), SupplyKey(("", "SOFA"), "home")

_numbers = itertools.count(1)


def fair(name: str = "fair", **fields: Any) -> Policy:
    """A policy that divides at an instant, all alike unless told otherwise."""
    usual = {"mode": Mode.BALANCED, "threshold_percent": 20, "hysteresis_units": 1, "priority": 1}
    return Policy(**{"policy": name, "strategy": Strategy.EQUAL_DIVISION, **usual, **fields})


async def put(divided: Divided, policy: Policy, *, tenant: str = TENANT, deleted: bool = False) -> None:
    """Store a policy, or remove it."""

    async def decide(_: object) -> Decision[Policy]:
        return Decision(policy, (Change(policy, deleted),))

    await divided.policies.once(Attempt(tenant, "/test", f"{next(_numbers)}", b""), decide)


@dataclass
class Books:
    """What lies where, what is claimed and what may be, of one tenant: `Ceilings` and `Supplies`."""

    groups: Sequence[str] = ("till", "web")
    units: dict[SupplyKey, int] = field(default_factory=dict)
    scales: dict[SupplyKey, int] = field(default_factory=dict)
    claimed: Counter[Claim] = field(default_factory=Counter)
    ceilings: dict[Claim, tuple[int | None, int]] = field(default_factory=dict)
    """With the number of the epoch that set each."""
    number: int = 0
    asked: list[Sequence[Product] | None] = field(default_factory=list)
    """What was listed."""
    watchers: int = 0
    _touched: list[dict[SupplyKey, None]] = field(default_factory=list)
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    def claim(self, key: SupplyKey, group: str) -> Claim:
        """What orders of a group count under."""
        return Claim(key.product, key.warehouse_group, group, self.scales.get(key, 1))

    def receive(self, key: SupplyKey, units: int) -> None:
        """Let goods come, or go where below 0."""
        self.units[key] = self.units.get(key, 0) + units
        self._commit(key)

    def order(self, key: SupplyKey, group: str, units: int) -> bool:
        """Promise units to an order of a group, or take them back where below 0; whether the share and the supply
        allow it.
        """
        claim = self.claim(key, group)
        counted = self.claimed[claim] + units * claim.scale
        ceiling, _ = self.ceilings.get(claim, (None, 0))
        if units > 0 and (self.units.get(key, 0) < units or (ceiling is not None and counted > ceiling)):
            return False
        self.claimed[claim] = counted
        self.receive(key, -units)
        return True

    def left(self, key: SupplyKey) -> dict[str, int]:
        """What each group has left of its share."""
        found = {}
        for claim, (ceiling, _) in self.ceilings.items():
            if ceiling is not None and SupplyKey(claim.product, claim.warehouse_group) == key:
                found[claim.channel_group] = max(0, (ceiling - self.claimed[claim]) // claim.scale)
        return dict(sorted(found.items()))

    def told(self, *keys: SupplyKey) -> list[Told]:
        """What the aggregator tells of some supplies, or of all."""
        revision = Revision("ledger", "books", 1, self.number)
        return [Told(self._supply(key), revision) for key in keys or self.units]

    async def put(self, tenant: str, epochs: Sequence[Numbered]) -> None:
        assert tenant == TENANT
        await asyncio.sleep(0)
        for each in epochs:
            for claim, ceiling in each.ceilings.items():
                _, number = self.ceilings.get(claim, (None, 0))
                if each.number > number:
                    self.ceilings[claim] = ceiling, each.number
            self._commit(each.supply)

    async def counted(self, tenant: str, products: Sequence[Product] | None, fresh: Vector) -> int:
        return len([key for key in self.units if products is None or key.product in products])

    async def listed(
        self, tenant: str, products: Sequence[Product] | None, fresh: Vector
    ) -> AsyncGenerator[Sequence[Told], None]:
        self.asked.append(products)
        yield self.told(*(key for key in self.units if products is None or key.product in products))

    async def watched(self, tenant: str) -> AsyncGenerator[Sequence[Told], None]:
        touched = dict.fromkeys(self.units)
        self._touched.append(touched)
        self.watchers += 1
        try:
            while True:
                if touched:
                    keys = list(touched)
                    touched.clear()
                    yield self.told(*keys)
                else:
                    async with self._moved:
                        await self._moved.wait_for(lambda: bool(touched))
        finally:
            self._touched.remove(touched)
            self.watchers -= 1

    def _supply(self, key: SupplyKey) -> Supply:
        claims = {group: self.claim(key, group) for group in self.groups}
        claimed = {group: self.claimed[claim] for group, claim in claims.items()}
        return Supply(
            key.product, key.warehouse_group, self.units[key], tuple(self.groups), claimed, self.scales.get(key, 1)
        )

    def _commit(self, key: SupplyKey) -> None:
        self.number += 1
        for touched in self._touched:
            touched[key] = None
        if self._touched:
            asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        async with self._moved:
            self._moved.notify_all()


class Breaking:
    """A port of which calls can be told to fail: by name, before or after they were done."""

    def __init__(self, port: Any, faults: dict[tuple[str, str], Exception]) -> None:
        """Hand on what `port` does; each of `faults` is raised once, at its call."""
        self._port = port
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        done: Callable[..., Any] = getattr(self._port, name)

        async def call(*arguments: Any, **options: Any) -> Any:
            self._fail(name, "before")
            answer = await done(*arguments, **options)
            self._fail(name, "after")
            return answer

        return call

    def _fail(self, name: str, when: str) -> None:
        fault = self._faults.pop((name, when), None)
        if fault is not None:
            raise fault


STEPS = [(name, when) for name in ("newest", "add", "put", "enforce") for when in ("before", "after")]
"""Where dividing may break off."""


@dataclass
class Stall:
    """All that it takes to divide, in memory; what fails when is told by `faults`."""

    divided: Divided = field(default_factory=in_memory)
    books: Books = field(default_factory=Books)
    faults: dict[tuple[str, str], Exception] = field(default_factory=dict)
    now: datetime = NOW

    def rebalancer(self) -> Rebalancer:
        """Somebody who divides; several share what is kept."""
        return Rebalancer(
            Breaking(self.divided.epochs, self.faults),
            Policies(self.divided.policies),
            Breaking(self.books, self.faults),
            self.divided.demand,
            lambda: self.now,
        )

    def away(self, *steps: tuple[str, str]) -> None:
        """Let these steps fail, once each."""
        self.faults.update({step: PeerAway() for step in steps})

    async def epochs(self, key: SupplyKey = TV) -> list[Numbered]:
        """Every epoch of a supply, oldest first."""
        where = Where(product=key.product, warehouse_group=key.warehouse_group)
        return [*await self.divided.epochs.past(TENANT, where, limit=10_000)][::-1]
