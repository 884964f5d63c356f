"""Connections to the services for one verb, and how its answer or its refusal is printed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NoReturn, Self

import grpc
from rich.console import Console, RenderableType
from rich.text import Text

from weir.aggregator.v1 import availability_service_pb2_grpc, fulfilment_service_pb2_grpc
from weir.common.v1 import revision_pb2
from weir.ledger.v1 import (
    ledger_service_pb2,
    ledger_service_pb2_grpc,
    reservation_service_pb2_grpc,
    waiting_service_pb2_grpc,
)
from weir.partitioning.v1 import partitioning_service_pb2, partitioning_service_pb2_grpc
from weir.pooling.v1 import (
    alert_service_pb2_grpc,
    case_service_pb2_grpc,
    pooling_service_pb2,
    pooling_service_pb2_grpc,
    transfer_service_pb2_grpc,
)
from weir.sharing.v1 import network_service_pb2, network_service_pb2_grpc, sharing_service_pb2_grpc
from weir.sync.v1 import (
    connection_service_pb2_grpc,
    listing_service_pb2_grpc,
    order_service_pb2_grpc,
    rule_service_pb2,
    rule_service_pb2_grpc,
    sync_service_pb2_grpc,
)
from weir_chassis import status
from weir_chassis.client import ClientFileUnusable, Peer
from weir_chassis.errors import Refusal
from weir_chassis.ids import new_id
from weir_chassis.settings import ClientSettings, SettingsFaults, load
from weir_cli import tables
from weir_cli.configuring import print_faults
from weir_cli.documents import Document, document
from weir_cli.options import OK, REFUSED, UNAVAILABLE, USAGE, Options
from weir_cli.paper import paper

UNANSWERED = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
)
"""The call may be repeated: nobody said no."""


CONTEXTS = ("ledger", "sharing", "partitioning", "sync", "pooling")
"""Those that have a history, which the aggregator follows."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb found: for programs a document, for people things to print one below the other.

    A plain string is something to copy: it is never broken into lines.
    """

    document: Document
    shown: Sequence[RenderableType]
    exit_status: int = OK


def changed(session: Session, response: Any, shown: Sequence[RenderableType], *, check: bool) -> Answer:
    """What a change answered, with the name of the attempt."""
    note = "only checked, nothing was changed" if check else ""
    footnote = tables.footnote(response.revision, request_id=session.request_id, note=note)
    return Answer({"request_id": session.request_id, **document(response)}, [*shown, footnote])


class Session:
    """Stubs of every service; each connects when first called. Close it at the end (`async with`)."""

    def __init__(self, options: Options, request_id: str | None = None) -> None:
        """Calls that change something go under `request_id`, or under a new one."""
        self.options = options
        self.named = request_id is not None
        self.request_id = request_id or new_id()
        self.changing = False
        self._closing = AsyncExitStack()
        self._channels: dict[str, grpc.aio.Channel] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._closing.aclose()

    def channel(self, service: str) -> grpc.aio.Channel:
        """The one channel to a service, as the options and the variables of every client say.

        Raises SettingsFaults and ClientFileUnusable.
        """
        if service not in self._channels:
            options = self.options
            settings = replace(load(ClientSettings, os.environ), deadline_seconds=options.deadline_seconds)
            if options.token_file is not None:
                settings = replace(settings, token_file=options.token_file)
            if options.tls_ca_file is not None:
                settings = replace(settings, tls_ca_file=options.tls_ca_file)
            peer = Peer(options.targets[service], settings, tenant=options.tenant, user=options.user)
            self._closing.push_async_callback(peer.close)
            self._channels[service] = peer.channel
        return self._channels[service]

    @cached_property
    def ledger(self) -> ledger_service_pb2_grpc.LedgerServiceStub:
        """The books."""
        return ledger_service_pb2_grpc.LedgerServiceStub(self.channel("ledger"))

    @cached_property
    def reservations(self) -> reservation_service_pb2_grpc.ReservationServiceStub:
        """The promises."""
        return reservation_service_pb2_grpc.ReservationServiceStub(self.channel("ledger"))

    @cached_property
    def waiting(self) -> waiting_service_pb2_grpc.WaitingServiceStub:
        """What orders wait for."""
        return waiting_service_pb2_grpc.WaitingServiceStub(self.channel("ledger"))

    @cached_property
    def network(self) -> network_service_pb2_grpc.NetworkServiceStub:
        """What feeds what."""
        return network_service_pb2_grpc.NetworkServiceStub(self.channel("sharing"))

    @cached_property
    def sharing(self) -> sharing_service_pb2_grpc.SharingServiceStub:
        """What may stand for what."""
        return sharing_service_pb2_grpc.SharingServiceStub(self.channel("sharing"))

    @cached_property
    def partitioning(self) -> partitioning_service_pb2_grpc.PartitioningServiceStub:
        """How stock is divided."""
        return partitioning_service_pb2_grpc.PartitioningServiceStub(self.channel("partitioning"))

    @cached_property
    def rules(self) -> rule_service_pb2_grpc.RuleServiceStub:
        """What stores are told."""
        return rule_service_pb2_grpc.RuleServiceStub(self.channel("sync"))

    @cached_property
    def connections(self) -> connection_service_pb2_grpc.ConnectionServiceStub:
        """Which stores and warehouses there are."""
        return connection_service_pb2_grpc.ConnectionServiceStub(self.channel("sync"))

    @cached_property
    def listings(self) -> listing_service_pb2_grpc.ListingServiceStub:
        """What a SKU of a store or warehouse is."""
        return listing_service_pb2_grpc.ListingServiceStub(self.channel("sync"))

    @cached_property
    def sync(self) -> sync_service_pb2_grpc.SyncServiceStub:
        """What was told and taken in, and what became of it."""
        return sync_service_pb2_grpc.SyncServiceStub(self.channel("sync"))

    @cached_property
    def store_orders(self) -> order_service_pb2_grpc.OrderServiceStub:
        """What stores sold."""
        return order_service_pb2_grpc.OrderServiceStub(self.channel("sync"))

    @cached_property
    def pooling(self) -> pooling_service_pb2_grpc.PoolingServiceStub:
        """Who answers for goods, and what each person sees of them."""
        return pooling_service_pb2_grpc.PoolingServiceStub(self.channel("pooling"))

    @cached_property
    def transfers(self) -> transfer_service_pb2_grpc.TransferServiceStub:
        """How goods pass from one person to another."""
        return transfer_service_pb2_grpc.TransferServiceStub(self.channel("pooling"))

    @cached_property
    def cases(self) -> case_service_pb2_grpc.CaseServiceStub:
        """What was used."""
        return case_service_pb2_grpc.CaseServiceStub(self.channel("pooling"))

    @cached_property
    def alerts(self) -> alert_service_pb2_grpc.AlertServiceStub:
        """How much shall be there, and who is told."""
        return alert_service_pb2_grpc.AlertServiceStub(self.channel("pooling"))

    @cached_property
    def availability(self) -> availability_service_pb2_grpc.AvailabilityServiceStub:
        """What every channel may sell."""
        return availability_service_pb2_grpc.AvailabilityServiceStub(self.channel("aggregator"))

    @cached_property
    def fulfilment(self) -> fulfilment_service_pb2_grpc.FulfilmentServiceStub:
        """Which units an order is filled with."""
        return fulfilment_service_pb2_grpc.FulfilmentServiceStub(self.channel("aggregator"))

    def used(self) -> list[str]:
        """The services that were called."""
        return list(self._channels)

    def change(self) -> str:
        """The request id of the change this verb makes; from now on it is told where no answer comes."""
        self.changing = True
        return self.request_id

    async def head(self) -> revision_pb2.Revision:
        """The newest revision of the books."""
        response = await self.ledger.ListLocations(ledger_service_pb2.ListLocationsRequest(page_size=1))
        return response.revision

    async def freshness(self, fresh: bool, *contexts: str) -> revision_pb2.Freshness:
        """What an answer must include: everything written so far, in these contexts or in all, or nothing in
        particular. A context that refuses the caller has nothing of his.
        """
        if not fresh:
            return revision_pb2.Freshness()
        heads = await asyncio.gather(*(self._head(each) for each in contexts or CONTEXTS))
        return revision_pb2.Freshness(at_least=[each for each in heads if each is not None])

    async def _head(self, context: str) -> revision_pb2.Revision | None:
        try:
            return await self.newest(context)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.PERMISSION_DENIED:
                return None
            raise

    async def newest(self, context: str) -> revision_pb2.Revision:
        """The newest revision of a context."""
        match context:
            case "ledger":
                return await self.head()
            case "sharing":
                asked = network_service_pb2.ListChannelsRequest(page_size=1)
                return (await self.network.ListChannels(asked)).revision
            case "partitioning":
                policies = partitioning_service_pb2.ListPoliciesRequest(page_size=1)
                return (await self.partitioning.ListPolicies(policies)).revision
            case "pooling":
                return (await self.pooling.ListUsers(pooling_service_pb2.ListUsersRequest(page_size=1))).revision
            case _:
                rules = rule_service_pb2.ListRulesRequest(page_size=1)
                return (await self.rules.ListRules(rules)).revision


def perform(
    options: Options, work: Callable[[Session], Awaitable[Answer]], *, request_id: str | None = None
) -> NoReturn:
    """Do `work`, print what it answers, and end the program with its exit status; Ctrl-C breaks it off."""

    async def one(session: Session) -> AsyncIterator[Answer]:
        yield await work(session)

    _run(options, one, request_id, broken_off=UNAVAILABLE)


def stream(
    options: Options, work: Callable[[Session], AsyncIterator[Answer]], *, request_id: str | None = None
) -> NoReturn:
    """Print every answer of `work` as it comes, and end the program; Ctrl-C ends it well."""
    _run(options, work, request_id, broken_off=OK)


def _run(
    options: Options, work: Callable[[Session], AsyncIterator[Answer]], request_id: str | None, *, broken_off: int
) -> NoReturn:
    try:
        sys.exit(asyncio.run(_printed(options, work, request_id, broken_off)))
    except KeyboardInterrupt:
        sys.exit(broken_off)
    except BrokenPipeError:  # whoever reads us has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(OK)


async def _printed(
    options: Options, work: Callable[[Session], AsyncIterator[Answer]], request_id: str | None, broken_off: int
) -> int:
    exit_status = OK
    async with Session(options, request_id) as session:
        try:
            async with aclosing(work(session)) as answers:  # type: ignore[type-var]
                async for answer in answers:
                    _print(options, answer, to_people=paper())
                    exit_status = max(exit_status, answer.exit_status)
        except grpc.aio.AioRpcError as error:
            failed = _failed(error, session)
            _print(options, failed, to_people=paper(stderr=True))
            return failed.exit_status
        except asyncio.CancelledError:  # Ctrl-C
            if broken_off != OK and session.changing:
                paper(stderr=True).print(_unknown(session))
            return broken_off
        except ClientFileUnusable as fault:
            paper(stderr=True).print(Text(f"Cannot be read: {fault}"))
            return USAGE
        except SettingsFaults as faults:
            print_faults(faults)
            return USAGE
    return exit_status


def _print(options: Options, answer: Answer, *, to_people: Console) -> None:
    if options.json:
        sys.stdout.write(json.dumps(answer.document, ensure_ascii=False) + "\n")
        sys.stdout.flush()
        return
    for each in answer.shown:
        to_people.print(each, soft_wrap=isinstance(each, str))


def _failed(error: grpc.aio.AioRpcError, session: Session) -> Answer:
    """What is printed for a call that failed: the service's own words, or that nobody answered."""
    code = error.code()
    refusal = status.told(error)
    exit_status = UNAVAILABLE if code in UNANSWERED else REFUSED
    unknown = session.changing and exit_status == UNAVAILABLE
    told: dict[str, Any] = {
        "code": code.name,
        "reason": refusal.reason if refusal is not None else "",
        "message": refusal.message if refusal is not None else error.details() or code.name,
        "metadata": dict(refusal.metadata) if refusal is not None else {},
        "violations": [
            {"field": each.field, "description": each.description, "reason": each.reason}
            for each in (refusal.violations if refusal is not None else ())
        ],
        "request_id": session.request_id if session.changing else None,
    }
    shown = refusal_shown(refusal) if refusal is not None else [_silence(error, session)]
    if unknown:
        shown = [*shown, _unknown(session)]
    return Answer({"refusal": told}, shown, exit_status)


def _unknown(session: Session) -> Text:
    again = f"Whether it was done is not known. Repeat it with --request-id {session.request_id} to find out."
    return Text(again, style="yellow")


def refusal_shown(refusal: Refusal) -> list[RenderableType]:
    """A refusal for people: the sentence, then the reason with its numbers, then every violation."""
    numbers = "  ".join(f"{name}={value}" for name, value in refusal.metadata.items())
    shown: list[RenderableType] = [
        Text.assemble(("Refused: ", "bold red"), refusal.message),
        Text.assemble("  ", (refusal.reason, "red"), "  ", (numbers, "dim")),
    ]
    shown += [
        Text.assemble("  · ", (each.field, "bold"), "  ", each.description)
        for each in refusal.violations
        if each.description != refusal.message
    ]
    return shown


def _silence(error: grpc.aio.AioRpcError, session: Session) -> Text:
    code = error.code()
    if code is grpc.StatusCode.UNAVAILABLE:
        targets = ", ".join(f"{name} {session.options.targets[name]}" for name in session.used())
        return Text.assemble(
            ("No answer: ", "bold red"), f"nobody listens, or the connection broke ({targets}). Is `weir up` running?"
        )
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Text.assemble(
            ("No answer: ", "bold red"), f"none came within {session.options.deadline_seconds:g} s (--deadline)."
        )
    return Text.assemble(("Failed: ", "bold red"), f"{code.name}: {error.details() or 'no details'}")
