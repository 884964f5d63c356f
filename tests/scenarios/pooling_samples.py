"""Persons and a pool of the merchant who has one of everything, and a good request of every rpc about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.kit.merchant import Merchant, request_id
from weir.common.v1.revision_pb2 import Revision
from weir.pooling.v1 import pool_pb2, pooling_service_pb2

SERVICE = "/weir.pooling.v1.PoolingService/"
HUB, REP = "own hub", "own rep"


async def pooled(merchant: Merchant) -> dict[str, str]:
    """Give the merchant a pool of a hub and a rep, a distributor and a rep to spare; the etags of all."""
    pooling, etags = merchant.stubs.pooling, {}
    for name, role in (("hub", 2), ("rep", 3), ("spare hub", 2), ("spare rep", 3)):
        # Through the channel "own rep" that person sells.
        user: Any = {"user": f"own {name}", "role": role, "channel": f"own {name}"}
        made = await pooling.CreateUser(pooling_service_pb2.CreateUserRequest(request_id=request_id(), user=user))
        etags[name] = made.user.etag
    pool = pool_pb2.Pool(pool="own pool", hub=HUB, members=[REP], access_hub_stock=True)
    done = await pooling.CreatePool(pooling_service_pb2.CreatePoolRequest(request_id="own request", pool=pool))
    merchant.saw(done.revision)
    return {**etags, "pool": done.pool.etag}


def requests(seen: Revision, first: Revision, etags: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The fields of a request of every rpc, by the rpc's full name; `first` is a revision to watch from."""
    freshness = {"at_least": [seen]}
    page = {"page_size": 10, "freshness": freshness}
    pool = {"pool": "own pool", "display_name": "Own", "hub": HUB, "members": [REP], "access_hub_stock": True}
    spare = {"pool": "own new pool", "hub": "own spare hub", "members": ["own spare rep"]}
    return {
        f"{SERVICE}CreateUser": {"user": _user("own new user")},
        f"{SERVICE}GetUser": {"user": REP, "freshness": freshness},
        f"{SERVICE}ListUsers": {"role": 3, **page},
        f"{SERVICE}UpdateUser": {"user": _user("own spare rep", etag=etags["spare rep"])},
        f"{SERVICE}DeleteUser": {"user": "own spare rep", "etag": etags["spare rep"]},
        f"{SERVICE}CreatePool": {"pool": {**pool, **spare}},
        f"{SERVICE}GetPool": {"pool": "own pool", "freshness": freshness},
        f"{SERVICE}ListPools": page,
        f"{SERVICE}UpdatePool": {"pool": {**pool, "etag": etags["pool"]}},
        f"{SERVICE}DeletePool": {"pool": "own pool", "etag": etags["pool"]},
        f"{SERVICE}SetHubAccess": {"pool": "own pool", "access_hub_stock": True, "etag": etags["pool"]},
        f"{SERVICE}ListStock": {
            "viewer": HUB,
            "view": 3,
            "custodians": [HUB, REP],
            "skus": ["own sku"],
            "locations": ["own location"],
            "condition": 1,
            **page,
        },
        f"{SERVICE}ExportPooling": {"freshness": freshness},
        f"{SERVICE}WatchPooling": {"after": first},
    }


def _user(name: str, **fields: Any) -> dict[str, Any]:
    return {"user": name, "role": 3, "display_name": "Own", "channel": "own new trunk", **fields}
