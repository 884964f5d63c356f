"""How the suite fares: does each service serve, what does it speak, how far has it come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from rich.console import RenderableType
from rich.text import Text

from weir.aggregator.v1 import availability_service_pb2
from weir.common.v1 import revision_pb2, stock_pb2
from weir_cli import tables
from weir_cli.documents import document
from weir_cli.options import OK, UNAVAILABLE
from weir_cli.session import Answer, Session

SERVING = "SERVING"


@dataclass(frozen=True, slots=True)
class Finding:
    """One service as it was found; `health` is a word of the health protocol, or AWAY."""

    service: str
    target: str
    health: str
    milliseconds: float
    contracts: Sequence[str]
    revisions: Sequence[revision_pb2.Revision]


async def status(session: Session) -> Answer:
    """Look at every service at the same time; the exit status is 3 unless all serve."""
    found = await asyncio.gather(*(_look(session, name) for name in session.options.targets))
    made = tables.table("service", "address", "health", "#answered in", "speaks", "has come to")
    for each in found:
        well = each.health == SERVING
        made.add_row(
            each.service, each.target, Text(each.health.lower().replace("_", " "), style="green" if well else "red"),
            f"{each.milliseconds:.1f} ms" if well else "", ", ".join(each.contracts),
            ", ".join(f"{revision.context} {revision.number}" for revision in each.revisions),
        )  # fmt: skip
    served = all(each.health == SERVING for each in found)
    told = {
        "version": version("weir-inventory"),
        "services": [
            {
                "service": each.service, "target": each.target, "health": each.health,
                "contracts": list(each.contracts), "revisions": [document(revision) for revision in each.revisions],
            }
            for each in found
        ],
    }  # fmt: skip
    shown: list[RenderableType] = [made, *_behind(found), Text(f"weir {version('weir-inventory')}", style="dim")]
    return Answer(told, shown, OK if served else UNAVAILABLE)


def _behind(found: Sequence[Finding]) -> list[Text]:
    """How far the aggregator is behind the contexts it follows, where it is."""
    heads = {each.context: each for finding in found if finding.service != "aggregator" for each in finding.revisions}
    marks = [each for finding in found if finding.service == "aggregator" for each in finding.revisions]
    said: list[Text] = []
    for mark in marks:
        head = heads.get(mark.context)
        if head is not None and (head.cluster, head.epoch) != (mark.cluster, mark.epoch):
            said.append(Text(f"The aggregator follows another {mark.context} than the one named here.", style="yellow"))
        elif head is not None and head.number > mark.number:
            behind = head.number - mark.number
            said.append(Text(f"The aggregator is {behind} revisions behind {mark.context}.", style="yellow"))
    return said


async def _look(session: Session, service: str) -> Finding:
    target = session.options.targets[service]
    channel = session.channel(service)
    began = time.perf_counter()
    try:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest())
        milliseconds = (time.perf_counter() - began) * 1000
        health = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    except grpc.aio.AioRpcError:
        return Finding(service, target, "AWAY", 0.0, (), ())
    contracts = await _contracts(channel)
    return Finding(service, target, health, milliseconds, contracts, await _revisions(session, service))


async def _contracts(channel: grpc.aio.Channel) -> list[str]:
    """The proto packages of ours that it serves, as its reflection says."""

    async def asked() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")

    try:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)  # type: ignore[arg-type]  # typed for threads only
        call = stub.ServerReflectionInfo(asked(), timeout=5.0)
        async for answer in call:
            names = [each.name for each in answer.list_services_response.service]
            call.cancel()
            return sorted({name.rpartition(".")[0] for name in names if name.startswith("weir.")})
    except grpc.aio.AioRpcError:
        pass
    return []


async def _revisions(session: Session, service: str) -> Sequence[revision_pb2.Revision]:
    try:
        if service != "aggregator":
            return [await session.newest(service)]
        nothing = [stock_pb2.Product(sku="-")]  # nobody needs to stock it: the answer still says what it rests on
        asked = availability_service_pb2.BatchGetAvailabilityRequest(products=nothing)
        return (await session.availability.BatchGetAvailability(asked)).revisions
    except grpc.aio.AioRpcError:
        return []
