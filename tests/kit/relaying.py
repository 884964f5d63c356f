"""A service that asks the ledger to answer: `python -m tests.kit.relaying HOST:PORT READY_FILE [LEDGER]`.

`balance SKU` asks, `receive SKU` writes, `break TEXT` is an accident, anything else is answered as it is. Its watch
counts from the mark it is given, so that any process of it continues what another one began.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.kit.probe import Probe, probe_server
from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from weir_chassis import process
from weir_chassis.client import Peer
from weir_chassis.ids import new_id
from weir_chassis.server import Server
from weir_chassis.settings import ClientSettings, ServerSettings, TelemetrySettings, group, load

COUNT_SECONDS = 0.005
"""How fast its watch counts."""


@dataclass(frozen=True)
class Settings:
    """What any service has."""

    server: ServerSettings = group(ServerSettings)
    client: ClientSettings = group(ClientSettings)
    telemetry: TelemetrySettings = group(TelemetrySettings, log_format="json")


class Relay:
    """Answers unary calls."""

    def __init__(self, peer: Peer) -> None:
        """Ask the ledger that `peer` reaches."""
        self._ledger = LedgerServiceStub(peer.channel)

    async def single(self, value: str) -> str:
        """Do as told."""
        verb, _, sku = value.partition(" ")
        item = stock_pb2.StockItem(product=stock_pb2.Product(sku=sku), location="W1")
        match verb:
            case "balance":
                answer = await self._ledger.GetBalance(ledger_service_pb2.GetBalanceRequest(stock_item=item))
                return str(answer.balance.on_hand)
            case "receive":
                movement = ledger_pb2.Movement(kind=ledger_pb2.ENTRY_KIND_RECEIVE, stock_item=item, quantity=1)
                written = await self._ledger.RecordMovements(
                    ledger_service_pb2.RecordMovementsRequest(request_id=new_id(), movements=[movement])
                )
                return str(written.revision.number)
            case "break":
                raise RuntimeError(value)
        return value


async def counting(value: str) -> AsyncGenerator[str, None]:
    """A watch that counts on after a mark, for ever."""
    for number in itertools.count(int(value or 0) + 1):
        yield str(number)
        await asyncio.sleep(COUNT_SECONDS)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Server]:
    """The relay's app."""
    target = sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1:1"
    async with Peer(target, settings.client) as peer:
        probe = Probe(single=Relay(peer).single, many=counting)
        async with probe_server(probe, settings.server).serving() as server:
            yield server


if __name__ == "__main__":
    environ = {**os.environ, "WEIR_LISTEN": sys.argv[1]}
    sys.exit(process.run(running, load(Settings, environ), service="relay", ready_file=Path(sys.argv[2])))
