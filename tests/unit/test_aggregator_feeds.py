"""What the contexts that are followed send, as the values that levels are computed from."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_pb2, waiting_pb2
from weir.partitioning.v1 import policy_pb2
from weir.pooling.v1 import pooling_service_pb2
from weir.sharing.v1 import network_pb2
from weir.sync.v1 import rule_pb2
from weir_aggregator.domain import (
    BackOrders,
    Change,
    ClaimChange,
    Configured,
    Count,
    GroupLink,
    LateFeed,
    Lot,
    Person,
    Pool,
    Recorded,
    StoreLimits,
    Waiting,
    WarehouseGroup,
)
from weir_aggregator.wire import feeds, recorded
from weir_allocation.claims import Claim
from weir_allocation.fulfilment.model import Line, Terms, Wish
from weir_allocation.network import Channel
from weir_allocation.policy import Mode, Part, Policy, Strategy
from weir_allocation.rules import Limits, Rounding, Rule
from weir_allocation.sharing import NO_SHARING, Bundle, Link
from weir_allocation.stock import Condition

BIKE, KIT = {"owner": "x", "sku": "BIKE"}, {"sku": "KIT"}


@pytest.mark.parametrize(
    ("sent", "configured"),
    [
        (
            {"warehouse_group": {"warehouse_group": "w", "locations": ["A", "B"]}},
            WarehouseGroup("w", ("A", "B")),
        ),
        (
            {"channel": {"channel": "shop", "kind": "CHANNEL_KIND_POS", "channel_group": "g"}},
            Channel("shop", "g"),
        ),
        ({"channel": {"channel": "ann", "kind": "CHANNEL_KIND_REP"}}, Channel("ann", "ann", by_custody=True)),
        ({"group_link": {"warehouse_group": "w", "channel_group": "g"}}, GroupLink("w", "g")),
        (
            {"product_link": {"source": BIKE, "destination": KIT, "created_revision": 3}},
            Link("BIKE", ("x", "BIKE"), ("", "KIT"), created=3),
        ),
        (
            {
                "product_link": {
                    "source": BIKE,
                    "destination": KIT,
                    "bidirectional": True,
                    "locations": ["A"],
                    "priority": 4,
                    "keep_back": 5,
                    "shares_bundles": True,
                    "disabled": True,
                }
            },
            Link("BIKE", ("x", "BIKE"), ("", "KIT"), True, frozenset({"A"}), 4, 0, 5, bundles=True, active=False),
        ),
        (
            {"bundle": {"product": KIT, "components": [{"product": BIKE, "quantity": 2}]}},
            Bundle(("", "KIT"), ((("x", "BIKE"), 2),)),
        ),
        ({"location_setting": {"location": "A"}}, None),
        ({"channel_group": {"channel_group": "g"}}, None),
    ],
)
def test_an_object_of_sharing(sent: dict[str, Any], configured: Configured | None) -> None:
    """Each object that levels depend on, as it stands or gone; the others are left out."""
    for deleted in (False, True):
        change = ParseDict({**sent, "deleted": deleted}, network_pb2.NetworkChange())
        assert feeds.network([change]) == ([] if configured is None else [Change(configured, deleted)])


@pytest.mark.parametrize(
    ("sent", "policy"),
    [
        (
            {"policy": "p", "priority": 2, "strategy": "STRATEGY_EQUAL_DIVISION", "display_name": "Half each"},
            Policy("p", 2, Strategy.EQUAL_DIVISION),
        ),
        (
            {
                "policy": "p",
                "priority": 2,
                "strategy": "STRATEGY_SAFETY_STOCK",
                "products": [BIKE],
                "parts": [{"channel_group": "g", "rank": 1, "weight": 2, "cap": 0}, {"channel_group": "h"}],
                "buffer_percent": 15,
                "disabled": True,
            },
            Policy(
                "p",
                2,
                Strategy.SAFETY_STOCK,
                frozenset({("x", "BIKE")}),
                (Part("g", 1, 2, cap=0), Part("h")),
                buffer_percent=15,
                enabled=False,
            ),
        ),
        (
            {
                "policy": "p",
                "strategy": "STRATEGY_RANKED",
                "parts": [{"channel_group": "g", "percent": 10, "minimum": 5}],
            },
            Policy("p", 0, Strategy.RANKED, parts=(Part("g", percent=10, minimum=5),)),
        ),
        (
            {"policy": "p", "strategy": "STRATEGY_FIXED", "parts": [{"channel_group": "g", "quantity": 5}]},
            Policy("p", 0, Strategy.FIXED, parts=(Part("g", quantity=5),)),
        ),
        (
            {"policy": "p", "strategy": "STRATEGY_SAFETY_STOCK", "buffer_units": 5},
            Policy("p", 0, Strategy.SAFETY_STOCK, buffer_units=5),
        ),
        ({"policy": "p", "strategy": "STRATEGY_WEIGHTED"}, Policy("p", 0, Strategy.WEIGHTED)),
        (
            {"policy": "p", "strategy": "STRATEGY_WEIGHTED", "mode": "POLICY_MODE_CONTINUOUS", "enforce": True},
            Policy("p", 0, Strategy.WEIGHTED, enforce=True),
        ),
        (
            {"policy": "p", "strategy": "STRATEGY_DEMAND", "mode": "POLICY_MODE_BALANCED"},
            Policy("p", 0, Strategy.DEMAND, mode=Mode.BALANCED),
        ),
        (
            {
                "policy": "p",
                "strategy": "STRATEGY_DEMAND",
                "mode": "POLICY_MODE_BALANCED",
                "parts": [{"channel_group": "g", "protected_percent": 30}],
                "threshold_percent": 0,
                "hysteresis_units": 0,
                "rebalance_interval": "90.5s",
                "demand_days": 7,
                "damping_percent": 0,
            },
            Policy(
                "p",
                0,
                Strategy.DEMAND,
                parts=(Part("g", protected_percent=30),),
                mode=Mode.BALANCED,
                threshold_percent=0,
                hysteresis_units=0,
                rebalance_seconds=90.5,
                demand_days=7,
                damping_percent=0,
            ),
        ),
    ],
)
def test_a_policy(sent: dict[str, Any], policy: Policy) -> None:
    """No products are all of them; no cap is none, and 0 is one; so it is with numbers that have another default."""
    change = ParseDict({"policy": sent}, policy_pb2.PartitioningChange())
    assert feeds.partitioning([change]) == [Change(policy)]


@pytest.mark.parametrize(
    ("sent", "configured"),
    [
        ({"rule": {"rule": "r", "priority": 1, "stores": ["a"]}}, Rule("r", 1, frozenset({"a"}))),
        (
            {
                "rule": {
                    "rule": "r",
                    "stores": ["a", "b"],
                    "products": [BIKE],
                    "warehouses": ["A"],
                    "threshold": 3,
                    "rate_percent": 0,
                    "constant": -2,
                    "rounding": "ROUNDING_NEAREST",
                    "priority_store": "b",
                    "priority_quantity": 7,
                    "disabled": True,
                }
            },
            Rule(
                "r",
                0,
                frozenset({"a", "b"}),
                frozenset({("x", "BIKE")}),
                frozenset({"A"}),
                3,
                0,
                -2,
                Rounding.NEAREST,
                "b",
                7,
                enabled=False,
            ),
        ),
        (
            {"store_limits": {"store": "a", "denied": {"products": [BIKE]}}},
            StoreLimits("a", Limits(denied=frozenset({("x", "BIKE")}))),
        ),
        (
            {"store_limits": {"store": "a", "allowed": {}, "max_quantity": 0}},
            StoreLimits("a", Limits(allowed=frozenset(), max_quantity=0)),
        ),
        ({"late_feed": {"location": "DE1", "buffer_percent": 20}}, LateFeed("DE1", 20)),
    ],
)
def test_what_sync_tells(sent: dict[str, Any], configured: Configured) -> None:
    """A rate that is not said is 100 %, and 0 is 0; an allow list that is empty lets nothing through, none lets all."""
    change = ParseDict(sent, rule_pb2.RulesChange())
    assert feeds.rules([change]) == [Change(configured)]


def test_the_books_of_the_ledger() -> None:
    """Lots with their last days, then counts, of an export as of a commit; entries of other accounts are left out."""
    lots = [
        ledger_pb2.Lot(product=stock_pb2.Product(sku="BIKE"), lot="L1", expiry_date="2027-01-31"),
        ledger_pb2.Lot(product=stock_pb2.Product(sku="BIKE"), lot="L2"),
    ]
    known = [Lot("", "BIKE", "L1", date(2027, 1, 31)), Lot("", "BIKE", "L2", None)]
    count = Count("", "BIKE", "A", "L1", "EACH", "", Condition.HOLD, 5, 2)
    part = ledger_service_pb2.ExportBalancesResponse(
        owners=[""],
        skus=["BIKE"],
        locations=["A"],
        lots=["L1"],
        uoms=["EACH"],
        custodians=[""],
        conditions=[stock_pb2.CONDITION_HOLD],
        on_hand=[5],
        reserved=[2],
        known_lots=lots,
    )
    assert feeds.balances(part) == [*known, count]
    item = stock_pb2.StockItem(
        product=stock_pb2.Product(sku="BIKE"),
        location="A",
        lot="L1",
        uom="EACH",
        condition=stock_pb2.CONDITION_HOLD,
    )
    commit = ledger_service_pb2.WatchEntriesResponse(
        entries=[
            ledger_pb2.Entry(account=ledger_pb2.ACCOUNT_SUPPLIER),
            ledger_pb2.Entry(account=ledger_pb2.ACCOUNT_STOCK, stock_item=item, on_hand=5, reserved=2),
        ],
        lots=lots,
    )
    assert feeds.entries(commit) == [*known, count]


RECORDED = Recorded(Wish((Line(("x", "BIKE"), 5), Line(("", "KIT"), 2)), whole=False), "shop", Terms(NO_SHARING, {}))


def _waiting(**others: Any) -> waiting_pb2.Waiting:
    said = {
        "waiting": "w1",
        "state": "WAITING_STATE_WAITING",
        "lines": [{"line": 1, "product": BIKE, "open": 3}, {"line": 2, "product": KIT, "open": 0}],
        "create_revision": 7,
        "changed_revision": 9,
    }
    return ParseDict({**said, **others}, waiting_pb2.Waiting(plan=recorded.dump(RECORDED)))


def test_what_waits() -> None:
    """A demand with the units that still wait and how it may be filled, and what may wait of a product; in an export
    as in a commit.
    """
    told: dict[str, Any] = {
        "waiting": [_waiting()],
        "back_orders": [ParseDict({"product": BIKE, "limit": 9, "waiting": 3}, waiting_pb2.BackOrders())],
    }
    known = [Waiting("w1", 7, (3, 0), RECORDED), BackOrders("x", "BIKE", 9, 3)]
    assert feeds.balances(ledger_service_pb2.ExportBalancesResponse(**told)) == known
    assert feeds.entries(ledger_service_pb2.WatchEntriesResponse(**told)) == known


@pytest.mark.parametrize(
    "others",
    [
        {"state": "WAITING_STATE_PROMISED"},
        {"plan": ""},
        {"plan": "bm90aGluZw=="},
        {"whole": True},
        {"lines": [{"line": 1, "product": BIKE, "open": 3}]},
    ],
)
def test_a_demand_that_is_not_ours_to_fill(others: dict[str, Any]) -> None:
    """One that has ended, or of which it is not said, or not of this very demand, how it may be filled: nothing is
    recorded of it.
    """
    [found] = feeds.entries(ledger_service_pb2.WatchEntriesResponse(waiting=[_waiting(**others)]))
    assert isinstance(found, Waiting)
    assert found.recorded is None


SHARE = Claim(("x", "BIKE"), "europe", "web", 2)
OTHER = '["x", "CAR", "europe", "web", 1]'


@pytest.mark.parametrize(
    ("said", "change"),
    [
        ({"subject": SHARE.subject, "ceiling": 9}, ClaimChange(SHARE.key, 7, 9, SHARE)),
        ({"subject": SHARE.subject, "ceiling": 0}, ClaimChange(SHARE.key, 7, 0, SHARE)),
        ({"subject": SHARE.subject}, ClaimChange(SHARE.key, 7, None, SHARE)),
        ({"ceiling": 9}, ClaimChange(SHARE.key, 7, 9, None)),
        ({"claim": "mine", "subject": "pallets of the fair"}, ClaimChange("mine", 7, None, None)),
        ({"claim": "mine", "subject": SHARE.subject}, ClaimChange("mine", 7, None, None)),
        ({"subject": OTHER}, ClaimChange(SHARE.key, 7, None, None)),
    ],
)
def test_claims(said: dict[str, Any], change: ClaimChange) -> None:
    """What went out is claimed as what is promised is; a key stands for a share only where it is made of its subject;
    in an export as in a commit.
    """
    claim = reservation_pb2.Claim(**{"claim": SHARE.key, "open": 3, "fulfilled": 4, **said})
    assert feeds.balances(ledger_service_pb2.ExportBalancesResponse(claims=[claim])) == [change]
    assert feeds.entries(ledger_service_pb2.WatchEntriesResponse(claims=[claim])) == [change]


@pytest.mark.parametrize(
    ("sent", "configured"),
    [
        ({"user": {"user": "ann", "role": "USER_ROLE_REP", "channel": "rep-ann"}}, Person("ann", "rep-ann")),
        ({"user": {"user": "dora", "role": "USER_ROLE_DISTRIBUTOR"}}, Person("dora", "")),
        (
            {"pool": {"pool": "north", "hub": "dora", "members": ["ann", "bob"], "access_hub_stock": True}},
            Pool("north", "dora", ("ann", "bob"), hub_access=True),
        ),
        ({"pool": {"pool": "north", "hub": "dora"}}, Pool("north", "dora", (), hub_access=False)),
    ],
)
def test_persons_and_pools(sent: dict[str, Any], configured: Configured) -> None:
    """Of a person the channel counts, of a pool who is in it and its switch; exported or changed, they are the same."""
    told = ParseDict(sent, pooling_service_pb2.PoolingObject())
    assert feeds.pooling([told]) == [Change(configured)]
    for deleted in (False, True):
        change = pooling_service_pb2.PoolingChange(object=told, deleted=deleted)
        assert feeds.pooling_changes([change]) == [Change(configured, deleted)]
