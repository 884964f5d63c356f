"""The laws of a warehouse's adapter. docs/connectors.md explains each."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import grpc

from weir.connector.v1 import connector_pb2, warehouse_connector_pb2, warehouse_connector_pb2_grpc
from weir_cli.checking.adapter import CONNECTION
from weir_cli.checking.laws import Law, Skipped, broken

PART_MAX = 1000
PARTS_MAX = 100_000
UNITS_MAX = 1_000_000_000
AHEAD_SECONDS_MAX = 300
FOREIGN = "a cursor that nobody gave"


@dataclass
class Report:
    """What one stream told."""

    full: bool = False
    as_of: int = 0
    cursor: str = ""
    keys: set[tuple[str, str, str, str]] = field(default_factory=set)


class Warehouse:
    """A warehouse behind its adapter."""

    def __init__(self, channel: grpc.aio.Channel, *, bare: grpc.aio.Channel | None) -> None:
        """`bare` bears no token; None where `channel` bears none either."""
        self.stub = warehouse_connector_pb2_grpc.WarehouseConnectorStub(channel)
        self.bare = None if bare is None else warehouse_connector_pb2_grpc.WarehouseConnectorStub(bare)

    async def report(self, cursor: str) -> Report:
        """A stream to its end; breaks the law where it is not as the contract has it."""
        found, parts = Report(), 0
        call = self.stub.ListStock(warehouse_connector_pb2.ListStockRequest(cursor=cursor), metadata=CONNECTION)
        async for part in call:
            if parts == 0:
                if not part.HasField("as_of_time"):
                    broken("The first message does not say of which moment the figures are (as_of_time).")
                found.full, found.as_of = part.full, part.as_of_time.ToSeconds()
            if len(part.stock) > PART_MAX:
                broken(f"A message has {len(part.stock)} lines, where {PART_MAX} are allowed.")
            for stock in part.stock:
                _add(found, stock)
            found.cursor = part.cursor
            parts += 1
            if parts > PARTS_MAX:
                broken(f"A stream has more than {PARTS_MAX} messages.")
        if not parts:
            broken("The stream ends without a message.")
        return found


async def whole(warehouse: Warehouse) -> None:
    """Without a cursor all of it is told, each SKU, facility, lot and unit of measure once."""
    if not (await warehouse.report("")).full:
        broken("Without a cursor it does not say that it is all there is (full).")


async def tokens(warehouse: Warehouse) -> None:
    """Nobody without the token is answered."""
    if warehouse.bare is None:
        raise Skipped("No token was given (--token-file).")
    call = warehouse.bare.ListStock(warehouse_connector_pb2.ListStockRequest(), metadata=CONNECTION)
    try:
        async for _ in call:
            break
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.UNAUTHENTICATED:
            return
        broken(f"Without the token it answers {error.code().name} where UNAUTHENTICATED is due.")
    finally:
        call.cancel()
    broken("It answers without the token.")


async def timely(warehouse: Warehouse) -> None:
    """Figures are of a moment that was, and a later report is of no earlier one."""
    first, second = await warehouse.report(""), await warehouse.report("")
    if first.as_of > time.time() + AHEAD_SECONDS_MAX:
        broken("Figures are of a moment to come.")
    if first.as_of <= 0:
        broken("Figures are of no moment that can be.")
    if second.as_of < first.as_of:
        broken("A later report is of an earlier moment.")


async def resumed(warehouse: Warehouse) -> None:
    """With the cursor that was told last, what changed since is told, and a cursor to go on from."""
    cursor = (await warehouse.report("")).cursor
    if not cursor:
        raise Skipped("It tells no cursor, so every report is all of it.")
    again = await warehouse.report(cursor)
    if not again.cursor:
        broken("A stream that goes on from a cursor ends without one.")


async def forgotten(warehouse: Warehouse) -> None:
    """A cursor that is too old, or none, is answered with all."""
    if not (await warehouse.report(FOREIGN)).full:
        broken("A cursor that it never gave is answered as if it knew it: changes would be lost.")


def _add(found: Report, stock: connector_pb2.WarehouseStock) -> None:
    if not 1 <= len(stock.sku) <= 128 or not 1 <= len(stock.facility) <= 128:
        broken(f"A line has no SKU or no facility, or one of more than 128 characters: '{stock.sku[:128]}'.")
    if len(stock.lot) > 128 or len(stock.uom) > 128:
        broken(f"A line of '{stock.sku}' has a lot or a unit of measure of more than 128 characters.")
    if not 0 <= stock.quantity <= UNITS_MAX or (stock.removed and stock.quantity):
        broken(f"A line of '{stock.sku}' has {stock.quantity} units.")
    key = (stock.sku, stock.facility, stock.lot, stock.uom or "EACH")
    if key in found.keys:
        broken(f"'{stock.sku}' at '{stock.facility}' is told twice in one stream.")
    found.keys.add(key)


LAWS: tuple[Law[Warehouse], ...] = tuple(
    Law(name, (tried.__doc__ or "").strip(), tried)
    for name, tried in (
        ("whole", whole),
        ("tokens", tokens),
        ("timely", timely),
        ("resumed", resumed),
        ("forgotten", forgotten),
    )
)
