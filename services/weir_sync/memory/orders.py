"""Orders of stores in plain structures."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from weir_chassis.errors import RequestIdReused
from weir_chassis.idempotency import Attempt
from weir_sync.domain import orders as domain
from weir_sync.domain.alerts import AlertKind, Concern
from weir_sync.domain.orders import OrderKey, OrderState, Point, Promised, StoreOrder
from weir_sync.errors import StoreOrderChanged

Named = tuple[str, OrderKey]


@dataclass
class MemoryOrders:
    """The orders of all tenants in this process: `Orders`."""

    kept: dict[Named, StoreOrder] = field(default_factory=dict)
    due: dict[Named, float] = field(default_factory=dict)
    """When an order may be taken, of those that are due."""
    alerts: dict[tuple[str, AlertKind, OrderKey], str] = field(default_factory=dict)
    """Those that are open, and what they say."""
    sold: list[tuple[Named, dict[str, int], Point]] = field(default_factory=list)
    """What levels were let know."""

    def __post_init__(self) -> None:
        """Nothing was reported."""
        self._places = itertools.count(1)
        self._requests: dict[tuple[str, str, str], tuple[bytes, StoreOrderChanged | None]] = {}

    async def report(self, tenant: str, wanted: StoreOrder, *, hold_seconds: float) -> StoreOrder:
        try:
            return self._report(tenant, wanted, hold_seconds)
        except StoreOrderChanged as changed:
            self._open(tenant, Concern(AlertKind.ORDER_UNREADABLE, *wanted.key, changed.message))
            raise

    async def report_once(self, attempt: Attempt, wanted: StoreOrder, *, hold_seconds: float) -> StoreOrder:
        named = attempt.tenant, attempt.method, attempt.request_id
        if named not in self._requests:
            refused: StoreOrderChanged | None = None
            try:
                self._report(attempt.tenant, wanted, hold_seconds)
            except StoreOrderChanged as changed:
                refused = changed
            self._requests[named] = attempt.fingerprint, refused
        fingerprint, refused = self._requests[named]
        if fingerprint != attempt.fingerprint:
            raise RequestIdReused(attempt.request_id)
        if refused is not None:
            raise refused
        return self.kept[attempt.tenant, wanted.key]

    async def get(self, tenant: str, key: OrderKey) -> StoreOrder | None:
        return self.kept.get((tenant, key))

    async def page(
        self, tenant: str, *, connection: str = "", state: OrderState | None = None, before: int | None, limit: int
    ) -> Sequence[StoreOrder]:
        found = [
            each
            for (whose, key), each in self.kept.items()
            if whose == tenant
            and connection in ("", key.connection)
            and state in (None, each.state)
            and (before is None or each.place < before)
        ]
        return sorted(found, key=lambda each: -each.place)[:limit]

    async def take(self, tenant: str, *, hold_seconds: float, limit: int) -> Sequence[OrderKey]:
        waiting = sorted((at, each) for each, at in self.due.items() if each[0] == tenant and at <= _now())
        taken = [each for _, each in waiting[:limit]]
        self.due.update(dict.fromkeys(taken, _now() + hold_seconds))
        return [key for _, key in taken]

    async def trying(self, tenant: str, key: OrderKey, *, hold_seconds: float) -> StoreOrder | None:
        named = tenant, key
        if named not in self.due:
            return None
        current = self.kept[named]
        self._keep(
            named,
            replace(current, tries=current.tries + 1, tried_at=current.tried_at or current.reported_at),
            hold_seconds,
        )
        return self.kept[named]

    async def promised(self, tenant: str, key: OrderKey, done: Promised, *, hold_seconds: float) -> StoreOrder:
        named, current = (tenant, key), self.kept[tenant, key]
        if not current.promises:
            return current
        changed = domain.promised(current, done)
        self._keep(named, changed, hold_seconds)
        self.sold.append((named, dict(changed.sold), done.revision))
        if not changed.unreadable:
            self._close(tenant, AlertKind.ORDER_UNREADABLE, key)
        if changed.state is OrderState.SHORT:
            self._open(tenant, Concern(AlertKind.ORDER_SHORT, *key, domain.sentence_short(changed)))
        return changed

    async def released(self, tenant: str, key: OrderKey, revision: Point) -> StoreOrder:
        current = self.kept[tenant, key]
        if not current.releases:
            return current
        changed = domain.released(current, revision)
        self._keep((tenant, key), changed, 0)
        for kind in (AlertKind.ORDER_SHORT, AlertKind.ORDER_UNREADABLE):
            self._close(tenant, kind, key)
        return changed

    async def failed(
        self, tenant: str, key: OrderKey, *, error: str, pause_seconds: float, concern: Concern | None, channel: str
    ) -> None:
        named = tenant, key
        if named in self.due:
            current = self.kept[named]
            self._keep(named, replace(current, error=error, channel=channel or current.channel), pause_seconds)
            if concern is not None:
                self._open(tenant, concern)

    async def short(self, tenant: str, *, after: int, limit: int) -> Sequence[StoreOrder]:
        found = [each for (whose, _), each in self.kept.items() if whose == tenant and each.place > after]
        return sorted((each for each in found if each.state is OrderState.SHORT), key=lambda each: each.place)[:limit]

    async def covered(self, tenant: str, keys: Collection[OrderKey]) -> None:
        for key in keys:
            current = self.kept[tenant, key]
            if current.state is OrderState.SHORT:
                self.kept[tenant, key] = replace(current, state=OrderState.PROMISED)
            self._close(tenant, AlertKind.ORDER_SHORT, key)

    def _report(self, tenant: str, wanted: StoreOrder, hold_seconds: float) -> StoreOrder:
        named, current = (tenant, wanted.key), self.kept.get((tenant, wanted.key))
        if current is None:
            changed: StoreOrder | None = replace(domain.begun(wanted), place=next(self._places))
        else:
            changed = domain.reported(current, wanted)
        if changed is None:
            assert current is not None
            return current
        self._keep(named, changed, hold_seconds)
        if changed.state is OrderState.CANCELLED or not changed.unreadable:
            self._close(tenant, AlertKind.ORDER_UNREADABLE, wanted.key)
        else:
            said = domain.sentence_unreadable(changed)
            self._open(tenant, Concern(AlertKind.ORDER_UNREADABLE, *wanted.key, said))
        return changed

    def _keep(self, named: Named, order: StoreOrder, hold_seconds: float) -> None:
        self.kept[named] = order
        if order.due:
            self.due[named] = _now() + hold_seconds
        else:
            self.due.pop(named, None)

    def _open(self, tenant: str, concern: Concern) -> None:
        key = OrderKey(concern.connection, concern.subject)
        self.alerts.setdefault((tenant, concern.kind, key), concern.sentence)

    def _close(self, tenant: str, kind: AlertKind, key: OrderKey) -> None:
        self.alerts.pop((tenant, kind, key), None)


def _now() -> float:
    return asyncio.get_running_loop().time()
