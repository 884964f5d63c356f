"""Listings of the merchant who has one of everything, and a good request of every rpc about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.kit.merchant import Merchant
from tests.scenarios.connection_samples import STORE
from weir.common.v1.revision_pb2 import Revision
from weir.sync.v1 import listing_pb2, listing_service_pb2

SERVICE = "/weir.sync.v1.ListingService/"
PRODUCT = {"owner": "own owner", "sku": "own sku"}


async def listed(merchant: Merchant) -> dict[str, str]:
    """Give the merchant two listings of its store; the etag of one."""
    listings = merchant.stubs.listings
    etags = {}
    for name in ("own store sku", "own spare sku"):
        done = await listings.SetListing(
            listing_service_pb2.SetListingRequest(request_id=name, listing=listing_pb2.Listing(**_listing(name)))
        )
        merchant.saw(done.revision)
        etags[name] = done.listing.etag
    return {"listing": etags["own store sku"]}


def requests(seen: Revision, first: Revision, etags: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The fields of a request of every rpc, by the rpc's full name."""
    freshness = {"at_least": [seen]}
    named = {"connection": STORE, "store_sku": "own store sku"}
    listing = _listing("own store sku", etag=etags["listing"], disabled=True)
    return {
        f"{SERVICE}SetListing": {"listing": listing},
        f"{SERVICE}GetListing": {**named, "freshness": freshness},
        f"{SERVICE}ListListings": {"connection": STORE, "product": PRODUCT, "page_size": 10, "freshness": freshness},
        f"{SERVICE}DeleteListing": {**named, "etag": etags["listing"]},
        f"{SERVICE}ImportListings": {"connection": STORE, "listings": [listing], "replace": True},
        f"{SERVICE}ExportListings": {"connection": STORE, "freshness": freshness},
    }


def _listing(store_sku: str, **fields: Any) -> dict[str, Any]:
    return {"connection": STORE, "store_sku": store_sku, "product": PRODUCT, **fields}
