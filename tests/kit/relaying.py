"""A service that asks the ledger to answer: `python -m tests.kit.relaying HOST:PORT READY_FILE [LEDGER]`.

`balance SKU` asks, `receive SKU` writes, `break TEXT` is an accident, anything else is answered as it is. Its watch
counts from the mark it is given, so that any process of it continues what another one began.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.kit.ledger import RECEIVE, item, movement, request
from tests.kit.probe import Probe, probe_server
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from weir_chassis import process
from weir_chassis.client import Peer
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
    """The behaviours of the probe."""

    def __init__(self, peer: Peer) -> None:
        """Ask the ledger that `peer` reaches."""
        self._ledger = LedgerServiceStub(peer.channel)

    async def single(self, value: str) -> str:
        """Do as told."""
        verb, _, sku = value.partition(" ")
        match verb:
            case "balance":
                answer = await self._ledger.GetBalance(request("GetBalance", stock_item=item(sku)))
                return str(answer.balance.on_hand)
            case "receive":
                movements = [movement(RECEIVE, sku, 1)]
                written = await self._ledger.RecordMovements(request("RecordMovements", movements=movements))
                return str(written.revision.number)
            case "break":
                raise RuntimeError(value)
        return value

    async def many(self, value: str) -> AsyncIterator[str]:
        """Count on after a mark, for ever."""
        for number in itertools.count(int(value or 0) + 1):
            yield str(number)
            await asyncio.sleep(COUNT_SECONDS)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Server]:
    """The relay's app."""
    async with Peer(sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1:1", settings.client) as peer:
        relay = Relay(peer)
        async with probe_server(Probe(single=relay.single, many=relay.many), settings.server).serving() as server:
            yield server


if __name__ == "__main__":
    environ = {**os.environ, "WEIR_LISTEN": sys.argv[1]}
    sys.exit(process.run(running, load(Settings, environ), service="relay", ready_file=Path(sys.argv[2])))
