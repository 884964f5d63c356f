"""The rpcs of AvailabilityService: read, ask, render."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from grpc.aio import ServicerContext

from weir.aggregator.v1 import availability_service_pb2 as pb
from weir.aggregator.v1.availability_service_pb2_grpc import (
    AvailabilityServiceServicer,
    add_AvailabilityServiceServicer_to_server,
)
from weir_aggregator.handlers import availability as handlers
from weir_aggregator.projection import Pace, Room, Tenants
from weir_aggregator.wire import answers, requests
from weir_chassis import policy
from weir_chassis.auth import Role
from weir_chassis.policy import Access, Traffic
from weir_chassis.server import Registration

Context = ServicerContext[Any, Any]

PREVIEWS_MAX = 8

AVAILABILITY_POLICY = policy.of(
    "weir.aggregator.v1.AvailabilityService",
    GetAvailability=Access(Role.READER, Traffic.READ),
    BatchGetAvailability=Access(Role.READER, Traffic.READ),
    ListLevels=Access(Role.READER, Traffic.WATCH),
    WatchLevels=Access(Role.READER, Traffic.WATCH),
    ListSupplies=Access(Role.READER, Traffic.WATCH),
    WatchSupplies=Access(Role.READER, Traffic.WATCH),
    ExplainAvailability=Access(Role.READER, Traffic.READ),
    PreviewChange=Access(Role.READER, Traffic.WATCH),
    GetExposure=Access(Role.READER, Traffic.READ),
    ListExposures=Access(Role.READER, Traffic.READ),
)


class AvailabilityServicer(AvailabilityServiceServicer):
    """Answers from the projections of `tenants`."""

    def __init__(self, tenants: Tenants, pace: Pace, *, previews_max: int = PREVIEWS_MAX) -> None:
        """Watchers hear something as often as `pace` says; so many previews are in progress at once."""
        self._tenants = tenants
        self._pace = pace
        self._room = Room(previews_max)

    @property
    def registration(self) -> Registration:
        """What a server needs to serve it."""
        service = pb.DESCRIPTOR.services_by_name["AvailabilityService"]
        return Registration(service, add_AvailabilityServiceServicer_to_server, self)

    async def GetAvailability(self, request: pb.GetAvailabilityRequest, context: Context) -> pb.GetAvailabilityResponse:
        question, asked = requests.question(request)
        return answers.availability(*await handlers.availability(self._tenants, question, asked))

    async def BatchGetAvailability(
        self, request: pb.BatchGetAvailabilityRequest, context: Context
    ) -> pb.BatchGetAvailabilityResponse:
        products, channels, asked = requests.batch(request)
        return answers.batch(*await handlers.batch(self._tenants, products, channels, asked))

    async def ListLevels(self, request: pb.ListLevelsRequest, context: Context) -> AsyncIterator[pb.ListLevelsResponse]:
        parts, revisions = await handlers.listing(self._tenants, *requests.listing(request))
        for part in parts:
            yield answers.listed(part, revisions)

    async def WatchLevels(
        self, request: pb.WatchLevelsRequest, context: Context
    ) -> AsyncIterator[pb.WatchLevelsResponse]:
        selection, after = requests.watching(request)
        async with aclosing(await handlers.watching(self._tenants, selection, after, self._pace)) as updates:
            async for update, through in updates:
                yield answers.update(update, through)

    async def ListSupplies(
        self, request: pb.ListSuppliesRequest, context: Context
    ) -> AsyncIterator[pb.ListSuppliesResponse]:
        parts, revisions = await handlers.supplies(self._tenants, *requests.supplies(request))
        for part in parts:
            yield answers.supplies(part, revisions)

    async def WatchSupplies(
        self, request: pb.WatchSuppliesRequest, context: Context
    ) -> AsyncIterator[pb.WatchSuppliesResponse]:
        async with aclosing(await handlers.watching_supplies(self._tenants, self._pace)) as updates:
            async for update, revisions in updates:
                yield answers.supply_update(update, revisions)

    async def ExplainAvailability(
        self, request: pb.ExplainAvailabilityRequest, context: Context
    ) -> pb.ExplainAvailabilityResponse:
        question, asked = requests.question(request)
        return answers.explanation(*await handlers.explanation(self._tenants, question, asked))

    async def PreviewChange(
        self, request: pb.PreviewChangeRequest, context: Context
    ) -> AsyncIterator[pb.PreviewChangeResponse]:
        asked = requests.preview(request)
        with self._room.taken():
            preview, revisions = await handlers.preview(self._tenants, *asked)
            async with aclosing(preview.differences()) as differing:
                async for some in differing:
                    for part in answers.differences(some):
                        yield part
            yield answers.summary(preview.summary, revisions)

    async def GetExposure(self, request: pb.GetExposureRequest, context: Context) -> pb.GetExposureResponse:
        products, asked = requests.exposure(request)
        return answers.exposure(*await handlers.exposure(self._tenants, products, asked))

    async def ListExposures(self, request: pb.ListExposuresRequest, context: Context) -> pb.ListExposuresResponse:
        return answers.exposures(*await handlers.exposures(self._tenants, *requests.exposures(request)))
