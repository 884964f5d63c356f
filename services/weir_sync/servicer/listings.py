"""ListingService: read the request, call, render."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import structlog
from grpc.aio import ServicerContext

from weir.sync.v1 import listing_service_pb2 as pb
from weir.sync.v1 import listing_service_pb2_grpc
from weir_chassis import call, policy
from weir_chassis.auth import Role
from weir_chassis.configuration import wire
from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.objects import Outcome
from weir_chassis.configuration.ports import Objects
from weir_chassis.configuration.servicer import Answering
from weir_chassis.errors import CallAborted, Overloaded
from weir_chassis.ids import new_id
from weir_chassis.paging import Pages
from weir_chassis.policy import Access, Traffic
from weir_chassis.server import Registration
from weir_chassis.watch import Wakeups
from weir_sync.domain.imports import Fault, Import, ListingsImported
from weir_sync.domain.listings import Listing
from weir_sync.handlers import listings as handlers
from weir_sync.ports.bulk import Bulk
from weir_sync.wire import listings as wire_listings

IMPORTS_MAX = 16
"""Imports at once: each holds a message, and what is made of it."""
SILENCE_SECONDS = 300.0
"""How long a stream may bring nothing."""

Context = ServicerContext[Any, Any]

_READ = Access(Role.READER, Traffic.READ)
_WRITE = Access(Role.ADMINISTRATOR, Traffic.WRITE)
_WATCH = Access(Role.READER, Traffic.WATCH)

LISTINGS_POLICY = policy.of(
    "weir.sync.v1.ListingService",
    SetListing=_WRITE,
    GetListing=_READ,
    ListListings=_READ,
    DeleteListing=_WRITE,
    ImportListings=_WRITE,
    ExportListings=_WATCH,
)

log = structlog.get_logger(__name__)


class ListingServicer(Answering[Objects], listing_service_pb2_grpc.ListingServiceServicer):
    """Every rpc of the listing service, for the tenant of the caller."""

    def __init__(
        self, answering: Handlers[Objects], bulk: Bulk, *, pages: Pages, wakeups: Wakeups, listings_max: int
    ) -> None:
        """Answer by handlers, and let a connection have `listings_max` listings."""
        super().__init__(answering, pages=pages, wakeups=wakeups)
        self._set_listing = partial(handlers.set_listing, most=listings_max)
        self._bulk = bulk
        self._listings_max = listings_max
        self._imports = 0

    @property
    def registration(self) -> Registration:
        """What a server needs to serve it."""
        service = pb.DESCRIPTOR.services_by_name["ListingService"]
        return Registration(service, listing_service_pb2_grpc.add_ListingServiceServicer_to_server, self)

    async def SetListing(self, request: pb.SetListingRequest, context: Context) -> pb.SetListingResponse:
        done, revision = await self._write(request, wire_listings.listing(request), self._set_listing)
        return pb.SetListingResponse(listing=wire_listings.to_listing(done), revision=revision)

    async def GetListing(self, request: pb.GetListingRequest, context: Context) -> pb.GetListingResponse:
        found, revision = await self._get(Listing, wire.lookup(request, Listing))
        return pb.GetListingResponse(listing=wire_listings.to_listing(found), revision=revision)

    async def ListListings(self, request: pb.ListListingsRequest, context: Context) -> pb.ListListingsResponse:
        found, token, revision = await self._list(
            request, Listing, wire_listings.listings(request), wire_listings.to_listing
        )
        return pb.ListListingsResponse(listings=found, next_page_token=token, revision=revision)

    async def DeleteListing(self, request: pb.DeleteListingRequest, context: Context) -> pb.DeleteListingResponse:
        _, revision = await self._write(request, wire.removal(request, Listing), handlers.delete_listing)
        return pb.DeleteListingResponse(revision=revision)

    async def ImportListings(
        self, request_iterator: AsyncIterator[pb.ImportListingsRequest], context: Context
    ) -> pb.ImportListingsResponse:
        if self._imports >= IMPORTS_MAX:
            raise Overloaded
        self._imports += 1
        try:
            outcome, faults = await self._import(request_iterator)
        finally:
            self._imports -= 1
        return pb.ImportListingsResponse(
            added=outcome.object.added,
            changed=outcome.object.changed,
            removed=outcome.object.removed,
            faults=map(wire_listings.to_fault, faults),
            revision=self._handlers.origin.revision(outcome.revision).to_wire(),
        )

    async def ExportListings(
        self, request: pb.ExportListingsRequest, context: Context
    ) -> AsyncIterator[pb.ExportListingsResponse]:
        connection, fresh = wire_listings.export(request)
        async with self._handlers.reading(call.tenant(), fresh):
            pass
        async with aclosing(self._bulk.export(call.tenant(), connection)) as parts:
            async for newest, found in parts:
                revision = self._handlers.origin.revision(newest).to_wire()
                for messages in wire.portions([wire_listings.to_listing(each) for each in found]):
                    yield pb.ExportListingsResponse(revision=revision, listings=messages)

    async def _import(
        self, messages: AsyncIterator[pb.ImportListingsRequest]
    ) -> tuple[Outcome[ListingsImported], Sequence[Fault]]:
        """What an import comes to, and of a check the lines that are bad."""
        tenant, name = call.tenant(), new_id()
        first = await _next(messages) or pb.ImportListingsRequest()
        upload = wire_listings.Upload(first)
        message: pb.ImportListingsRequest | None = first
        try:
            while message is not None:
                if (lines := upload.lines(message)).store_skus:
                    await self._bulk.stage(tenant, name, lines)
                message = await _next(messages)
            faults = upload.faults.joined(await self._bulk.repeated(tenant, name))
            wanted = Import(upload.connection, name, upload.count, upload.replace, self._listings_max, faults)
            if upload.validate_only:
                return await self._bulk.check(tenant, wanted), faults.first
            return await self._bulk.take(upload.attempt, wanted), ()
        finally:
            try:
                await self._bulk.drop(tenant, name)
            except Exception:
                log.exception("lines of an import could not be dropped")


async def _next(messages: AsyncIterator[pb.ImportListingsRequest]) -> pb.ImportListingsRequest | None:
    """The next message, None at the end; raises CallAborted where it is awaited for too long: its place is for
    others.
    """
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            return await anext(messages, None)
    except TimeoutError as error:
        raise CallAborted from error
