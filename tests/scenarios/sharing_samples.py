"""Links and bundles of the merchant who has one of everything, and a good request of every rpc about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.kit.merchant import Merchant, request_id
from weir.common.v1.revision_pb2 import Revision
from weir.sharing.v1 import network_pb2, sharing_service_pb2

SERVICE = "/weir.sharing.v1.SharingService/"
PRODUCT = {"owner": "own owner", "sku": "own sku"}

TERMS: dict[str, Any] = {
    "bidirectional": True,
    "locations": ["own location"],
    "priority": 5,
    "keep_back": 5,
    "shares_bundles": True,
    "disabled": True,
}


async def shared(merchant: Merchant) -> dict[str, str]:
    """Give the merchant a link and two bundles; their etags."""
    sharing = merchant.stubs.sharing
    link = network_pb2.ProductLink(**_ends("own source"))
    linked = await sharing.CreateProductLink(
        sharing_service_pb2.CreateProductLinkRequest(request_id=request_id(), product_link=link)
    )
    etags = {"product link": linked.product_link.etag}
    for name in ("bundle", "spare bundle"):
        bundle = network_pb2.Bundle(**_bundle(f"own {name}"))
        done = await sharing.CreateBundle(
            sharing_service_pb2.CreateBundleRequest(request_id=request_id(), bundle=bundle)
        )
        etags[name] = done.bundle.etag
    merchant.saw(done.revision)
    return etags


def requests(seen: Revision, first: Revision, etags: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The fields of a request of every rpc, by the rpc's full name; nothing is watched, so that `first` is not used."""
    freshness = {"at_least": [seen]}
    page = {"page_size": 10, "freshness": freshness}
    ends, etag = _ends("own source"), etags["product link"]
    return {
        f"{SERVICE}CreateProductLink": {"product_link": {**_ends("own other source"), **TERMS}},
        f"{SERVICE}GetProductLink": {**ends, "freshness": freshness},
        f"{SERVICE}ListProductLinks": {**ends, **page},
        f"{SERVICE}UpdateProductLink": {"product_link": {**ends, **TERMS, "etag": etag}},
        f"{SERVICE}DeleteProductLink": {**ends, "etag": etag},
        f"{SERVICE}CreateBundle": {"bundle": _bundle("own new bundle")},
        f"{SERVICE}GetBundle": {"product": _product("own bundle"), "freshness": freshness},
        f"{SERVICE}ListBundles": {"component": PRODUCT, **page},
        f"{SERVICE}UpdateBundle": {"bundle": {**_bundle("own bundle"), "etag": etags["bundle"]}},
        f"{SERVICE}DeleteBundle": {"product": _product("own spare bundle"), "etag": etags["spare bundle"]},
        f"{SERVICE}ListSources": {"product": PRODUCT, "lot": "own lot", "uom": "own uom", **page},
    }


def _product(sku: str) -> dict[str, str]:
    return {**PRODUCT, "sku": sku}


def _ends(source: str) -> dict[str, Any]:
    return {"source": _product(source), "destination": PRODUCT}


def _bundle(name: str) -> dict[str, Any]:
    return {"product": _product(name), "components": [{"product": PRODUCT, "quantity": 2}]}
