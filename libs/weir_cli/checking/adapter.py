"""Calls to the adapter that is tried: not faster than it wants, and again when it said to wait."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import grpc

from weir.connector.v1 import connector_pb2, store_connector_pb2, store_connector_pb2_grpc
from weir_chassis import status
from weir_cli.checking.laws import broken

CONNECTION = (("weir-connection", "check"),)
WAITS_MAX = 20
LOOK_SECONDS = 0.05
"""How often a level that was only accepted is looked at."""


class Store:
    """A store behind its adapter, what it said of itself, and SKUs of it whose levels may be changed."""

    def __init__(
        self, channel: grpc.aio.Channel, skus: Sequence[str], *, bare: grpc.aio.Channel | None, settle_seconds: float
    ) -> None:
        """`bare` bears no token; None where `channel` bears none either."""
        self.skus = tuple(skus)
        self.abilities = connector_pb2.StoreAbilities(batch_max=1, requests_per_second=1000, burst=1)
        self.before: dict[str, int] = {}
        """What SKUs showed before anything was tried."""
        self.bare = None if bare is None else store_connector_pb2_grpc.StoreConnectorStub(bare)
        self.settle_seconds = settle_seconds
        self._stub = store_connector_pb2_grpc.StoreConnectorStub(channel)
        # Numbers rise over all that was ever sent, so they begin where no earlier check has been.
        self._numbers = itertools.count(time.time_ns() // 1_000)
        self._next = 0.0

    def number(self) -> int:
        """A number above all others."""
        return next(self._numbers)

    def level(self, sku: str, quantity: int, **more: int) -> connector_pb2.Level:
        """A level with the next number, unless another is given."""
        number = more.pop("number", None)
        return connector_pb2.Level(
            store_sku=sku, quantity=quantity, number=self.number() if number is None else number, **more
        )

    async def describe(self) -> connector_pb2.StoreAbilities:
        """What it says of itself."""
        answer = await self._asked(self._stub.Describe, store_connector_pb2.DescribeRequest())
        abilities: connector_pb2.StoreAbilities = answer.abilities
        return abilities

    async def apply(self, *levels: connector_pb2.Level) -> dict[str, connector_pb2.LevelOutcome]:
        """What became of each; breaks the law where there is not one outcome for each."""
        answer = await self._asked(self._stub.ApplyLevels, store_connector_pb2.ApplyLevelsRequest(levels=levels))
        return one_for_each([level.store_sku for level in levels], answer.outcomes, "outcome")

    async def read_levels(self, *skus: str) -> dict[str, connector_pb2.ShownLevel]:
        """What is shown; breaks the law where it is not said of each."""
        answer = await self._asked(self._stub.ReadLevels, store_connector_pb2.ReadLevelsRequest(store_skus=skus))
        return one_for_each(skus, answer.levels, "level")

    async def read(self, *skus: str) -> dict[str, int | None]:
        """The units that are shown, None where it does not know a SKU."""
        levels = await self.read_levels(*skus)
        return {sku: level.quantity if level.HasField("quantity") else None for sku, level in levels.items()}

    async def orders(self, cursor: str, page_size: int) -> store_connector_pb2.ListOrdersResponse:
        """A page of orders."""
        asked = store_connector_pb2.ListOrdersRequest(cursor=cursor, page_size=page_size)
        answer: store_connector_pb2.ListOrdersResponse = await self._asked(self._stub.ListOrders, asked)
        return answer

    async def shows(self, sku: str, quantity: int) -> None:
        """Breaks the law unless it is shown, at once or once the store has settled."""
        deadline = time.monotonic() + self.settle_seconds
        while (shown := (await self.read(sku))[sku]) != quantity:
            if time.monotonic() > deadline:
                broken(f"'{sku}' shows {shown} where {quantity} was applied.")
            await asyncio.sleep(LOOK_SECONDS)

    async def _asked(self, call: Callable[..., Any], request: Any) -> Any:
        for _ in range(WAITS_MAX):
            await asyncio.sleep(max(0.0, self._next - time.monotonic()))
            self._next = time.monotonic() + 1 / max(1, self.abilities.requests_per_second)
            try:
                answer = await call(request, metadata=CONNECTION)
            except grpc.aio.AioRpcError as error:
                wait = status.retry_after_seconds(error)
                if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED or wait is None:
                    raise
                self._next = time.monotonic() + wait
                continue
            if "throttle" in answer.DESCRIPTOR.fields_by_name:
                wait = answer.throttle.retry_duration.ToTimedelta().total_seconds()
                self._next = max(self._next, time.monotonic() + wait)
            return answer
        return broken(f"It asked {WAITS_MAX} times in a row to be left alone.")


def one_for_each(skus: Iterable[str], told: Iterable[Any], thing: str) -> dict[str, Any]:
    """By SKU; breaks the law where something is told of none, twice, or of what was not asked."""
    wanted = set(skus)
    found: dict[str, Any] = {}
    for each in told:
        if each.store_sku not in wanted:
            broken(f"It told an {thing} of '{each.store_sku}', of which nothing was asked.")
        if each.store_sku in found:
            broken(f"It told two {thing}s of '{each.store_sku}'.")
        found[each.store_sku] = each
    if missing := sorted(wanted - found.keys()):
        broken(f"It told no {thing} of '{missing[0]}'.")
    return found
