"""SharingService."""

from __future__ import annotations

from typing import Any

from grpc.aio import ServicerContext

from weir.sharing.v1 import sharing_service_pb2 as pb
from weir.sharing.v1 import sharing_service_pb2_grpc
from weir_chassis import call, policy
from weir_chassis.auth import Role
from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.servicer import Answering, shown
from weir_chassis.paging import Pages
from weir_chassis.policy import Access, Traffic
from weir_chassis.server import Registration
from weir_chassis.watch import Wakeups
from weir_sharing import handlers
from weir_sharing.domain import Bundle, ProductLink
from weir_sharing.ports import Ledger, Network
from weir_sharing.wire import answers, requests

Context = ServicerContext[Any, Any]

_READ = Access(Role.READER, Traffic.READ)
_WRITE = Access(Role.ADMINISTRATOR, Traffic.WRITE)

SHARING_POLICY = policy.of(
    "weir.sharing.v1.SharingService",
    CreateProductLink=_WRITE,
    GetProductLink=_READ,
    ListProductLinks=_READ,
    UpdateProductLink=_WRITE,
    DeleteProductLink=_WRITE,
    CreateBundle=_WRITE,
    GetBundle=_READ,
    ListBundles=_READ,
    UpdateBundle=_WRITE,
    DeleteBundle=_WRITE,
    ListSources=_READ,
)


class SharingServicer(Answering[Network], sharing_service_pb2_grpc.SharingServiceServicer):
    """Every rpc of the sharing service, for the tenant of the caller."""

    def __init__(self, answering: Handlers[Network], ledger: Ledger, *, pages: Pages, wakeups: Wakeups) -> None:
        """Answer by handlers; `ledger` says what lies where."""
        super().__init__(answering, pages=pages, wakeups=wakeups)
        self._ledger = ledger

    @property
    def registration(self) -> Registration:
        """What a server needs to serve it."""
        service = pb.DESCRIPTOR.services_by_name["SharingService"]
        return Registration(service, sharing_service_pb2_grpc.add_SharingServiceServicer_to_server, self)

    async def CreateProductLink(
        self, request: pb.CreateProductLinkRequest, context: Context
    ) -> pb.CreateProductLinkResponse:
        done, revision = await self._write(request, requests.product_link(request), handlers.create_product_link)
        return pb.CreateProductLinkResponse(product_link=answers.to_product_link(done), revision=revision)

    async def GetProductLink(self, request: pb.GetProductLinkRequest, context: Context) -> pb.GetProductLinkResponse:
        found, revision = await self._get(ProductLink, requests.lookup(request, ProductLink))
        return pb.GetProductLinkResponse(product_link=answers.to_product_link(found), revision=revision)

    async def ListProductLinks(
        self, request: pb.ListProductLinksRequest, context: Context
    ) -> pb.ListProductLinksResponse:
        found, token, revision = await self._list(
            request, ProductLink, requests.link_listing(request), answers.to_product_link
        )
        return pb.ListProductLinksResponse(product_links=found, next_page_token=token, revision=revision)

    async def UpdateProductLink(
        self, request: pb.UpdateProductLinkRequest, context: Context
    ) -> pb.UpdateProductLinkResponse:
        done, revision = await self._write(request, requests.product_link(request), handlers.update_product_link)
        return pb.UpdateProductLinkResponse(product_link=answers.to_product_link(done), revision=revision)

    async def DeleteProductLink(
        self, request: pb.DeleteProductLinkRequest, context: Context
    ) -> pb.DeleteProductLinkResponse:
        _, revision = await self._write(request, requests.removal(request, ProductLink), handlers.delete_product_link)
        return pb.DeleteProductLinkResponse(revision=revision)

    async def CreateBundle(self, request: pb.CreateBundleRequest, context: Context) -> pb.CreateBundleResponse:
        done, revision = await self._write(request, requests.bundle(request), handlers.create_bundle)
        return pb.CreateBundleResponse(bundle=answers.to_bundle(done), revision=revision)

    async def GetBundle(self, request: pb.GetBundleRequest, context: Context) -> pb.GetBundleResponse:
        found, revision = await self._get(Bundle, requests.lookup(request, Bundle))
        return pb.GetBundleResponse(bundle=answers.to_bundle(found), revision=revision)

    async def ListBundles(self, request: pb.ListBundlesRequest, context: Context) -> pb.ListBundlesResponse:
        found, token, revision = await self._list(request, Bundle, requests.bundle_listing(request), answers.to_bundle)
        return pb.ListBundlesResponse(bundles=found, next_page_token=token, revision=revision)

    async def UpdateBundle(self, request: pb.UpdateBundleRequest, context: Context) -> pb.UpdateBundleResponse:
        done, revision = await self._write(request, requests.bundle(request), handlers.update_bundle)
        return pb.UpdateBundleResponse(bundle=answers.to_bundle(done), revision=revision)

    async def DeleteBundle(self, request: pb.DeleteBundleRequest, context: Context) -> pb.DeleteBundleResponse:
        _, revision = await self._write(request, requests.removal(request, Bundle), handlers.delete_bundle)
        return pb.DeleteBundleResponse(revision=revision)

    async def ListSources(self, request: pb.ListSourcesRequest, context: Context) -> pb.ListSourcesResponse:
        asked = requests.sources(request)
        page = self._pages.read(request, (int, int, int, str, str))
        found, revisions = await handlers.list_sources(self._handlers, self._ledger, call.tenant(), *asked)
        rest = [each for each in found if page.after is None or each.place > page.after]
        messages, token = shown(page, rest, lambda each: each.place, answers.to_source)
        told = [each.to_wire() for each in revisions]
        return pb.ListSourcesResponse(sources=messages, next_page_token=token, revisions=told)
