"""A merchant who has one of everything, and a good request of every rpc that names it.

Each request sets every field that its message has, so that a test can go wrong in one of them at a time; but for the
token of a page, which belongs to a query, and the etag of what is yet to be created, which is ignored. Where some
fields cannot stand beside others, there are several requests of the rpc, which set every field together.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

from google.protobuf.message import Message

from tests.contract import protos
from tests.kit import rpcs
from tests.kit.merchant import Merchant, request_id
from tests.scenarios import (
    alert_samples,
    case_samples,
    change_samples,
    connection_samples,
    listing_samples,
    order_samples,
    policy_samples,
    pooling_samples,
    rule_samples,
    sharing_samples,
    store_order_samples,
    sync_view_samples,
    transfer_samples,
    waiting_samples,
)
from weir.common.v1.revision_pb2 import Revision
from weir.ledger.v1 import ledger_service_pb2, reservation_pb2, reservation_service_pb2
from weir.sharing.v1 import network_pb2, network_service_pb2

METHODS = {rpcs.full_name(method): method for method in protos.methods()}

CONTEXTS = ("ledger", "sharing", "partitioning", "sync", "pooling")
REVISION: dict[str, Any] = {"cluster": "somewhere", "epoch": 1, "number": 1}
GLOBAL = network_pb2.LOCATION_POLICY_GLOBAL
NOW = int(time.time())
OWNER, SKU, LOT, UOM, CUSTODIAN = "own owner", "own sku", "own lot", "own uom", "own custodian"
STOCK_ITEM = {
    "product": {"owner": OWNER, "sku": SKU},
    "location": "own location",
    "lot": LOT,
    "uom": UOM,
    "custodian": CUSTODIAN,
    "condition": 1,
}


AVAILABILITY = "/weir.aggregator.v1.AvailabilityService/"
VIEWED = {"product": STOCK_ITEM["product"], "channel": order_samples.REP, "view": 3}
"""A question about what is in somebody's custody."""
MOVED = {"kind": 3, "stock_item": STOCK_ITEM, "quantity": 5, "reference": "own reference"}


@dataclass(frozen=True, slots=True)
class World:
    """What the merchant has: identifiers that begin with `own`, and what only the services could name."""

    merchant: Merchant
    held: str
    confirmed: str
    """Reservations."""
    booked: int
    """The revision that changed the balance last."""
    confirmed_at: int
    """The revision that changed the confirmed reservation last."""
    planned: str
    """A reservation that was made from a plan."""
    demand: str
    """What waits."""
    signed_head: str
    etags: Mapping[str, str]
    """By the name of what they are of."""
    named: Mapping[str, str]
    """Identifiers of further things, by what they are."""

    def requests(self) -> dict[str, Message]:
        """A good request of every rpc, by the rpc's full name; those that change something only check."""
        asked = {**_ledger(self), **_reservations(self), **_network(self), **_availability(self)}
        known = self.merchant.seen["ledger"]
        asked |= waiting_samples.requests(
            self.demand, self.etags["back orders"], STOCK_ITEM, known, first_revision(known)
        )
        asked |= order_samples.requests(self.planned, STOCK_ITEM, [known, self.merchant.seen["sharing"]])
        for context, samples in (
            ("sharing", sharing_samples),
            ("sync", rule_samples),
            ("sync", connection_samples),
            ("sync", listing_samples),
            ("pooling", pooling_samples),
        ):
            seen = self.merchant.seen[context]
            asked |= samples.requests(seen, first_revision(seen), self.etags)
        asked |= store_order_samples.requests()
        asked |= sync_view_samples.requests(self.named)
        asked |= case_samples.requests(seen, first_revision(seen), self.etags, self.named)
        asked |= transfer_samples.requests(seen, first_revision(seen), self.named)
        asked |= alert_samples.requests(seen, first_revision(seen), self.etags, self.named["notification"])
        seen = self.merchant.seen["partitioning"]
        asked |= policy_samples.requests(seen, first_revision(seen), self.etags, known)
        return {name: _made(name, fields) for name, fields in asked.items()}

    def others(self) -> dict[str, list[Message]]:
        """More of them where one cannot set every field, by the rpc's full name."""
        asked: dict[str, list[dict[str, Any]]] = {
            **policy_samples.others(self.etags),
            **rule_samples.others(self.etags),
            **connection_samples.others(self.etags),
            **transfer_samples.others(),
            **order_samples.others(self.planned, STOCK_ITEM),
            **{f"{AVAILABILITY}{each}": [VIEWED] for each in ("GetAvailability", "ExplainAvailability")},
            **{f"/weir.ledger.v1.ReservationService/{rpc}": fact for rpc, fact in _facts().items()},
            "/weir.ledger.v1.LedgerService/RecordMovements": [
                {"movements": [{**MOVED, "available_only": True, "destination": {**STOCK_ITEM, "condition": 2}}]}
            ],
            change_samples.PREVIEW: change_samples.previews({"at_least": list(self.merchant.seen.values())})[1:],
        }
        return {name: [_made(name, fields) for fields in several] for name, several in asked.items()}

    def samples(self, name: str) -> list[Message]:
        """Every good request of an rpc."""
        return [self.requests()[name], *self.others().get(name, ())]


def _made(name: str, fields: dict[str, Any]) -> Message:
    method = METHODS[name]
    if "validate_only" in method.input_type.fields_by_name:
        fields = {"request_id": "own request", "validate_only": True, **fields}
    return rpcs.request(method, **fields)


async def world(merchant: Merchant) -> World:
    """Give the merchant one of everything."""
    await merchant.location("own location", "own empty location")
    item = {**STOCK_ITEM}
    ledger = merchant.stubs.ledger
    received = await ledger.RecordMovements(
        ledger_service_pb2.RecordMovementsRequest(
            request_id="own request",
            movements=[{"kind": 1, "stock_item": item, "quantity": 100}],  # type: ignore[list-item]
        )
    )
    merchant.saw(received.revision)
    held, confirmed = [await _reserved(merchant, item, name) for name in ("own held", "own confirmed")]
    done = await merchant.stubs.reservations.Confirm(
        reservation_service_pb2.ConfirmRequest(request_id="own request", reservation=confirmed)
    )
    merchant.saw(done.revision)
    confirmed_at = done.revision.number
    location = await ledger.GetLocation(ledger_service_pb2.GetLocationRequest(location="own location"))
    empty = await ledger.GetLocation(ledger_service_pb2.GetLocationRequest(location="own empty location"))
    network = await _networked(merchant)
    planned = await order_samples.planned(merchant, STOCK_ITEM)
    booked = merchant.seen["ledger"].number
    lot: Any = {"product": {"owner": OWNER, "sku": SKU}, "lot": LOT}
    known = await ledger.SetLot(ledger_service_pb2.SetLotRequest(request_id="own request", lot=lot))
    merchant.saw(known.revision)
    demand, back_orders = await waiting_samples.awaited(merchant, {"owner": OWNER, "sku": SKU})
    etags = {
        "location": location.location.etag,
        "back orders": back_orders,
        "empty location": empty.location.etag,
        "lot": known.lot.etag,
        **network,
        **await sharing_samples.shared(merchant),
        **await policy_samples.divided(merchant),
        **await rule_samples.ruled(merchant),
        **await connection_samples.connected(merchant),
        **await listing_samples.listed(merchant),
        **await pooling_samples.pooled(merchant),
    }
    cases, named = await case_samples.used(merchant)
    wanted, notification = await alert_samples.alerted(merchant)
    await store_order_samples.sold(merchant)
    went_on = await sync_view_samples.watched(merchant)
    told = await ledger.ImportSnapshot(iter([_snapshot(request_id="own snapshot")]))
    merchant.saw(told.revision)
    head = await ledger.GetSignedHead(ledger_service_pb2.GetSignedHeadRequest())
    return World(
        merchant,
        held,
        confirmed,
        booked,
        confirmed_at,
        planned,
        demand,
        head.signed_head,
        etags | cases | wanted,
        named | await transfer_samples.moved(merchant) | went_on | {"notification": notification},
    )


def _snapshot(**fields: Any) -> ledger_service_pb2.ImportSnapshotRequest:
    """A snapshot of one line, which is bad."""
    feed: Any = {"basis": 1, "as_of_time": {"seconds": NOW}}
    bad: Any = {"quantity": 1}
    return ledger_service_pb2.ImportSnapshotRequest(feed=feed, lines=[bad], **fields)


async def _reserved(merchant: Merchant, item: Mapping[str, Any], name: str) -> str:
    draft: Any = {"lines": [{"stock_item": item, "quantity": 10}], "order": "own order", "channel": "own channel"}
    done = await merchant.stubs.reservations.Reserve(
        reservation_service_pb2.ReserveRequest(
            request_id=name, draft=reservation_pb2.ReservationDraft(**draft), digest=b"own digest"
        )
    )
    merchant.saw(done.revision)
    return done.reservation.reservation


async def _networked(merchant: Merchant) -> dict[str, str]:
    network = merchant.stubs.network
    await merchant.group("own group", "own location")
    await merchant.group("own spare group")
    for name in ("own channel group", "own spare channel group"):
        done = await network.CreateChannelGroup(
            network_service_pb2.CreateChannelGroupRequest(
                request_id=request_id(), channel_group=network_pb2.ChannelGroup(channel_group=name)
            )
        )
        merchant.saw(done.revision)
    await merchant.channel("own channel", group="own channel group")
    await merchant.channel(order_samples.REP, network_pb2.CHANNEL_KIND_REP)
    await merchant.link("own group", "own channel group")
    policy = await network.SetLocationPolicy(
        network_service_pb2.SetLocationPolicyRequest(
            request_id="own request",
            location_setting=network_pb2.LocationSetting(location="own location", policy=GLOBAL),
        )
    )  # fmt: skip
    merchant.saw(policy.revision)
    group = await network.GetWarehouseGroup(network_service_pb2.GetWarehouseGroupRequest(warehouse_group="own group"))
    spare = await network.GetWarehouseGroup(
        network_service_pb2.GetWarehouseGroupRequest(warehouse_group="own spare group")
    )
    channel_group = await network.GetChannelGroup(
        network_service_pb2.GetChannelGroupRequest(channel_group="own spare channel group")
    )
    channel = await network.GetChannel(network_service_pb2.GetChannelRequest(channel="own channel"))
    link = await network.GetGroupLink(
        network_service_pb2.GetGroupLinkRequest(warehouse_group="own group", channel_group="own channel group")
    )
    return {
        "policy": policy.location_setting.etag,
        "group": group.warehouse_group.etag,
        "spare group": spare.warehouse_group.etag,
        "spare channel group": channel_group.channel_group.etag,
        "channel": channel.channel.etag,
        "link": link.group_link.etag,
    }


def imagined() -> World:
    """What a merchant has who does not exist: what requests are made of can be told before anything runs."""
    merchant = cast(Merchant, SimpleNamespace(seen={each: Revision(**REVISION, context=each) for each in CONTEXTS}))
    named = "0193c0de-0000-7000-8000-000000000000"
    return World(
        merchant, named, named, 1, 1, named, named, "head", defaultdict(lambda: "1"), defaultdict(lambda: named)
    )


def first_revision(revision: Revision) -> Revision:
    """The first commit of the history that a revision is of."""
    return Revision(context=revision.context, cluster=revision.cluster, epoch=revision.epoch, number=1)


def _ledger(world: World) -> dict[str, dict[str, Any]]:
    seen = world.merchant.seen["ledger"]
    freshness = {"at_least": [seen]}
    movement = {
        "kind": 4,
        "stock_item": STOCK_ITEM,
        "quantity": 5,
        "expected_revision": world.booked,
        "occurred_time": {"seconds": 1_700_000_000, "nanos": 1000},
        "reference": "own reference",
    }
    place = {"location": "own location", "kind": 1, "display_name": "Own"}
    service = "/weir.ledger.v1.LedgerService/"
    return {
        f"{service}CreateLocation": {"location": {**place, "location": "own new location"}},
        f"{service}GetLocation": {"location": "own location", "freshness": freshness},
        f"{service}ListLocations": {"kind": 1, "page_size": 10, "freshness": freshness},
        f"{service}UpdateLocation": {"location": {**place, "etag": world.etags["location"]}},
        f"{service}DeleteLocation": {"location": "own empty location", "etag": world.etags["empty location"]},
        **_lots(world, service, freshness),
        f"{service}RecordMovements": {"movements": [movement]},
        **_snapshots(service, freshness),
        f"{service}GetBalance": {"stock_item": STOCK_ITEM, "freshness": freshness, "as_of": {"revision": seen}},
        f"{service}ListBalances": {
            "owner": OWNER,
            "skus": [SKU],
            "locations": ["own location"],
            "lot": LOT,
            "custodian": CUSTODIAN,
            "condition": 1,
            "shortfall_only": True,
            "held_only": True,
            "after_stock_item": STOCK_ITEM,
            "page_size": 10,
            "freshness": freshness,
            "as_of": {"occurred_time": {"seconds": 1_700_000_000, "nanos": 1000}},
        },
        f"{service}ListShortfalls": {
            "owner": OWNER,
            "skus": [SKU],
            "locations": ["own location"],
            "page_size": 10,
            "freshness": freshness,
        },
        f"{service}ListEntries": {
            "product": STOCK_ITEM["product"],
            "location": "own location",
            "reservation": world.held,
            "kinds": [8],
            "after_revision": 1,
            "recorded_after_time": {"seconds": 1_700_000_000, "nanos": 1000},
            "page_size": 10,
            "freshness": freshness,
        },
        f"{service}VerifyBooks": {"freshness": freshness, "signed_heads": [world.signed_head]},
        f"{service}GetSignedHead": {"freshness": freshness},
        f"{service}ExportBalances": {"freshness": freshness},
        f"{service}WatchEntries": {"after": first_revision(seen), "products": [STOCK_ITEM["product"]]},
    }


def _lots(world: World, service: str, freshness: dict[str, Any]) -> dict[str, dict[str, Any]]:
    named = {"product": {"owner": OWNER, "sku": SKU}, "lot": LOT}
    return {
        f"{service}SetLot": {"lot": {**named, "expiry_date": "2027-01-31", "etag": world.etags["lot"]}},
        f"{service}GetLot": {**named, "freshness": freshness},
        f"{service}ListLots": {
            "product": named["product"],
            "expiring_before": "2027-01-31",
            "page_size": 10,
            "freshness": freshness,
        },
    }


def _snapshots(service: str, freshness: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{service}ImportSnapshot": {
            "feed": {
                "basis": 2,
                "deduction": 1,
                "as_of_time": {"seconds": NOW},
                "all_or_nothing": True,
                "full_scopes": [{"location": "own location", "owner": OWNER, "conditions": [1]}],
                "absent_items": 2,
                "reference": "own reference",
            },
            "first_line": 1,
            "lines": [{"stock_item": STOCK_ITEM, "quantity": 5, "as_of_time": {"seconds": NOW}}],
        },
        f"{service}GetSnapshotImport": {"request_id": "own snapshot", "freshness": freshness},
        f"{service}ListSnapshotLines": {
            "request_id": "own snapshot",
            "state": 2,
            "page_size": 10,
            "freshness": freshness,
        },
    }


def _facts() -> dict[str, list[dict[str, Any]]]:
    """What was sold already."""
    line = {"stock_item": STOCK_ITEM, "quantity": 1, "shortfall_max": 1}
    draft = {"lines": [line], "mode": 3}
    return {"Reserve": [{"draft": draft}], "ReserveBatch": [{"drafts": [draft]}]}


def _reservations(world: World) -> dict[str, dict[str, Any]]:
    freshness = {"at_least": [world.merchant.seen["ledger"]]}
    draft = {
        "lines": [
            {"stock_item": STOCK_ITEM, "quantity": 1, "claims": [{"claim": "own claim", "ceiling": 10, "weight": 2}]}
        ],
        "mode": 1,
        "hold_duration": {"seconds": 60},
        "order": "own order",
        "channel": "own channel",
        "plan": b"own plan",
    }
    lines = [{"line": 1, "quantity": 1}]
    occurred = {"seconds": 1_700_000_000, "nanos": 1000}
    service = "/weir.ledger.v1.ReservationService/"
    return {
        f"{service}Reserve": {
            "draft": draft,
            "digest": b"own digest",
            "waiting": waiting_samples.draft({"owner": OWNER, "sku": SKU}),
        },
        f"{service}ReserveBatch": {"drafts": [draft], "atomic": True},
        f"{service}GetReserveOutcome": {"request_id": "own held", "digest": b"own digest", "freshness": freshness},
        f"{service}Amend": {
            "reservation": world.confirmed,
            "releases": lines,
            "lines": draft["lines"],
            "expected_revision": world.confirmed_at,
            "plan": b"own plan",
            "digest": b"own digest",
        },
        f"{service}Confirm": {"reservation": world.held},
        f"{service}Extend": {"reservation": world.held, "hold_duration": {"seconds": 60}},
        f"{service}Fulfil": {
            "reservation": world.confirmed,
            "lines": lines,
            "reference": "own reference",
            "occurred_time": occurred,
        },
        f"{service}Transfer": {
            "reservation": world.confirmed,
            "lines": [{**lines[0], "destination": {**STOCK_ITEM, "condition": 2}}],
            "reference": "own reference",
            "occurred_time": occurred,
        },
        f"{service}Release": {"reservation": world.confirmed, "lines": lines},
        f"{service}MarkHandedOver": {"reservation": world.confirmed, "lines": [1], "handed_over_time": occurred},
        f"{service}GetClaims": {"claims": ["own claim"], "freshness": freshness},
        f"{service}SetCeilings": {
            "ceilings": [{"claim": "own claim", "ceiling": 5000, "epoch": 1, "subject": "own subject"}],
        },
        f"{service}ListDemand": {
            "after": world.merchant.seen["ledger"],
            "recorded_after_time": occurred,
            "freshness": freshness,
        },
        f"{service}GetReservation": {"reservation": world.held, "freshness": freshness},
        f"{service}ListReservations": {
            "states": [1],
            "order": "own order",
            "channel": "own channel",
            "product": STOCK_ITEM["product"],
            "location": "own location",
            "page_size": 10,
            "freshness": freshness,
        },
    }


def _network(world: World) -> dict[str, dict[str, Any]]:
    seen = world.merchant.seen["sharing"]
    freshness = {"at_least": [seen]}
    page = {"page_size": 10, "freshness": freshness}
    etags = world.etags
    group = {"warehouse_group": "own group", "display_name": "Own", "locations": ["own location"]}
    channel_group = {"channel_group": "own spare channel group", "display_name": "Own"}
    channel = {"channel": "own channel", "kind": 1, "display_name": "Own", "channel_group": "own channel group"}
    link = {"warehouse_group": "own group", "channel_group": "own channel group"}
    new_group = {**group, "warehouse_group": "own new group", "locations": ["own empty location"]}
    new_link = {"warehouse_group": "own spare group", "channel_group": "own channel group"}
    service = "/weir.sharing.v1.NetworkService/"
    return {
        f"{service}SetLocationPolicy": {
            "location_setting": {"location": "own location", "policy": 2, "etag": etags["policy"]}
        },
        f"{service}GetLocationPolicy": {"location": "own location", "freshness": freshness},
        f"{service}ListLocationPolicies": {**page},
        f"{service}CreateWarehouseGroup": {"warehouse_group": new_group},
        f"{service}GetWarehouseGroup": {"warehouse_group": "own group", "freshness": freshness},
        f"{service}ListWarehouseGroups": {"location": "own location", **page},
        f"{service}UpdateWarehouseGroup": {"warehouse_group": {**group, "etag": etags["group"]}},
        f"{service}DeleteWarehouseGroup": {"warehouse_group": "own spare group", "etag": etags["spare group"]},
        f"{service}CreateChannelGroup": {"channel_group": {**channel_group, "channel_group": "own new channel group"}},
        f"{service}GetChannelGroup": {"channel_group": "own channel group", "freshness": freshness},
        f"{service}ListChannelGroups": {**page},
        f"{service}UpdateChannelGroup": {"channel_group": {**channel_group, "etag": etags["spare channel group"]}},
        f"{service}DeleteChannelGroup": {
            "channel_group": "own spare channel group",
            "etag": etags["spare channel group"],
        },
        f"{service}CreateChannel": {"channel": {**channel, "channel": "own new channel"}},
        f"{service}GetChannel": {"channel": "own channel", "freshness": freshness},
        f"{service}ListChannels": {"channel_group": "own channel group", **page},
        f"{service}UpdateChannel": {"channel": {**channel, "etag": etags["channel"]}},
        f"{service}DeleteChannel": {"channel": "own channel", "etag": etags["channel"]},
        f"{service}CreateGroupLink": {"group_link": new_link},
        f"{service}GetGroupLink": {**link, "freshness": freshness},
        f"{service}ListGroupLinks": {**link, **page},
        f"{service}DeleteGroupLink": {**link, "etag": etags["link"]},
        f"{service}ExportNetwork": {"freshness": freshness},
        f"{service}WatchNetwork": {"after": first_revision(seen)},
    }


def _availability(world: World) -> dict[str, dict[str, Any]]:
    seen = world.merchant.seen
    freshness = {"at_least": [seen["ledger"], seen["sharing"]]}
    product = STOCK_ITEM["product"]
    question = {"product": product, "channel": "own channel", "lot": LOT, "uom": UOM, "freshness": freshness}
    service = AVAILABILITY
    return {
        f"{service}GetAvailability": question,
        f"{service}BatchGetAvailability": {
            "products": [product],
            "channels": ["own channel"],
            "freshness": freshness,
        },
        f"{service}ListLevels": {"channels": ["own channel"], "owner": OWNER, "freshness": freshness},
        f"{service}WatchLevels": {
            "channels": ["own channel"],
            "owner": OWNER,
            "after": [first_revision(seen["ledger"]), first_revision(seen["sharing"])],
        },
        f"{service}ListSupplies": {"products": [product], "freshness": freshness},
        f"{service}WatchSupplies": {},
        f"{service}ExplainAvailability": question,
        f"{service}PreviewChange": change_samples.previews(freshness)[0],
        f"{service}GetExposure": {"products": [product], "freshness": freshness},
        f"{service}ListExposures": {"owner": OWNER, "page_size": 10, "freshness": freshness},
    }
