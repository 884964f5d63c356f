"""The services that hold configuration, in plain dictionaries: what a session of the command calls, without a suite.

It stores what it is told, answers lists and exports, and refuses what would break the order in which things must be
done: to create what is there, to change what is not, to give a priority that another one has.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, cast

from weir.common.v1 import revision_pb2
from weir.ledger.v1 import ledger_service_pb2, waiting_service_pb2
from weir.partitioning.v1 import partitioning_service_pb2, policy_pb2
from weir.pooling.v1 import pool_pb2, pooling_service_pb2
from weir.sharing.v1 import network_pb2, network_service_pb2, sharing_service_pb2
from weir.sync.v1 import connection_service_pb2, listing_service_pb2, rule_pb2, rule_service_pb2
from weir_cli.merchant.configured import named
from weir_cli.merchant.state import State
from weir_cli.options import Options
from weir_cli.session import Session

CONTRACTS = (
    ledger_service_pb2,
    waiting_service_pb2,
    network_service_pb2,
    sharing_service_pb2,
    partitioning_service_pb2,
    rule_service_pb2,
    connection_service_pb2,
    listing_service_pb2,
    pooling_service_pb2,
)


class Holding:
    """One tenant's configuration; `calls` are the methods that changed it, in their order."""

    def __init__(self) -> None:
        """Nothing is there."""
        self.state = State()
        self.calls: list[str] = []
        self._number = 0

    def session(self) -> Session:
        """A session that calls this instead of a suite."""
        made = Session(Options(targets={}))
        for service in (
            "ledger", "waiting", "network", "sharing", "partitioning", "rules", "pooling", "connections", "listings",
        ):  # fmt: skip
            setattr(made, service, self)
        return made

    def __getattr__(self, method: str) -> Callable[..., Any]:
        """A method of any of the services."""
        if method == "ImportListings":
            return self._import
        if method.startswith("Export"):
            return getattr(self, f"_{method[6:].lower()}")  # type: ignore[no-any-return]
        if method.startswith("List"):
            return lambda asked: self._list(method)
        if method.startswith(("Create", "Update", "Set")):
            return lambda request: self._change(method, request)
        raise AttributeError(method)

    async def _change(self, method: str, request: Any) -> Any:
        field, thing = next((f.name, getattr(request, f.name)) for f in request.DESCRIPTOR.fields if f.message_type)
        kept, key = self._place(field, thing)
        assert method.startswith("Set") or (key in kept) == method.startswith("Update"), f"{method} {key}"
        assert not thing.etag or thing.etag == kept[key].etag, f"{method} {key}: stale"
        self._number += 1
        self.calls.append(f"{method} {key}")
        made = type(thing)()
        made.CopyFrom(thing)
        made.etag = str(self._number)
        if isinstance(made, policy_pb2.Policy | rule_pb2.Rule):
            others = {each.priority for name, each in kept.items() if name != key}
            made.priority = made.priority or (kept[key].priority if key in kept else max([0, *others]) + 1)
            assert made.priority not in others, f"{method} {key}: priority {made.priority} is taken"
        if isinstance(made, pool_pb2.User | pool_pb2.Pool):
            self._seated(made)
        if isinstance(made, network_pb2.ProductLink):
            made.created_revision = kept[key].created_revision if key in kept else self._number
        if isinstance(made, network_pb2.Channel) and not made.channel_group:
            made.channel_group = made.channel
            own = network_pb2.ChannelGroup(channel_group=made.channel, own_channel=made.channel)
            self.state.channel_groups[made.channel] = own
        kept[key] = made
        contract = next(each for each in CONTRACTS if hasattr(each, f"{method}Response"))
        return getattr(contract, f"{method}Response")(**{field: made, "revision": self._revision()})

    async def _import(self, requests: Iterator[listing_service_pb2.ImportListingsRequest]) -> Any:
        for request in requests:
            assert request.connection in self.state.connections, f"{request.connection} is not there"
            self._number += 1
            self.calls.append(f"ImportListings {request.connection} {len(request.listings)}")
            for listing in request.listings:
                self.state.listings[request.connection, listing.store_sku] = listing
        return listing_service_pb2.ImportListingsResponse(revision=self._revision())

    def _seated(self, made: pool_pb2.User | pool_pb2.Pool) -> None:
        """Nobody is in two places, or in one that his role is not for; a channel is of one person at most."""
        users, pools = dict(self.state.users), dict(self.state.pools)
        if isinstance(made, pool_pb2.User):
            users[made.user] = made
        else:
            pools[made.pool] = made
        channels = [each.channel for each in users.values() if each.channel]
        assert len(channels) == len(set(channels)), f"{made}: the channel is somebody else's"
        persons = [person for each in pools.values() for person in (each.hub, *each.members)]
        assert len(persons) == len(set(persons)), f"{made}: somebody is in two places"
        for pool in pools.values():
            assert users[pool.hub].role == pool_pb2.USER_ROLE_DISTRIBUTOR, f"{made}: {pool.hub} cannot be a hub"
            for member in pool.members:
                assert users[member].role == pool_pb2.USER_ROLE_REP, f"{made}: {member} cannot be a member"

    def _place(self, field: str, thing: Any) -> tuple[dict[Any, Any], Any]:
        state = self.state
        places: dict[str, tuple[dict[Any, Any], Callable[[Any], Any]]] = {
            "location": (state.locations, lambda each: each.location),
            "lot": (state.lots, lambda each: (named(each.product), each.lot)),
            "back_orders": (state.back_orders, lambda each: named(each.product)),
            "location_setting": (state.settings, lambda each: each.location),
            "warehouse_group": (state.groups, lambda each: each.warehouse_group),
            "channel_group": (state.channel_groups, lambda each: each.channel_group),
            "channel": (state.channels, lambda each: each.channel),
            "group_link": (state.links, lambda each: (each.warehouse_group, each.channel_group)),
            "bundle": (state.bundles, lambda each: named(each.product)),
            "product_link": (state.product_links, lambda each: (named(each.source), named(each.destination))),
            "policy": (state.policies, lambda each: each.policy),
            "rule": (state.rules, lambda each: each.rule),
            "store_limits": (state.limits, lambda each: each.store),
            "user": (state.users, lambda each: each.user),
            "pool": (state.pools, lambda each: each.pool),
            "connection": (state.connections, lambda each: each.connection),
            "schedule": (state.schedules, lambda each: (each.connection, each.schedule)),
        }
        kept, key = places[field]
        return kept, key(thing)

    def _list(self, method: str) -> Awaitable[Any]:
        state = self.state
        found = {
            "ListLocations": ("locations", state.locations),
            "ListLots": ("lots", state.lots),
            "ListBackOrders": ("back_orders", state.back_orders),
            "ListBalances": ("balances", {}),
            "ListPolicies": ("policies", state.policies),
            "ListRules": ("rules", state.rules),
            "ListStoreLimits": ("store_limits", state.limits),
            "ListProductLinks": ("product_links", state.product_links),
            "ListBundles": ("bundles", state.bundles),
            "ListConnections": ("connections", state.connections),
            "ListSchedules": ("schedules", state.schedules),
            "ListListings": ("listings", state.listings),
        }[method]
        contract = next(each for each in CONTRACTS if hasattr(each, f"{method}Response"))
        response = getattr(contract, f"{method}Response")(revision=self._revision())
        getattr(response, found[0]).extend(each for _, each in sorted(cast(dict[Any, Any], found[1]).items()))

        async def answered() -> Any:
            return response

        return answered()

    async def _network(self, asked: Any, **terms: Any) -> AsyncIterator[Any]:
        state = self.state
        changes = [
            *(network_pb2.NetworkChange(location_setting=each) for each in state.settings.values()),
            *(network_pb2.NetworkChange(warehouse_group=each) for each in state.groups.values()),
            *(network_pb2.NetworkChange(channel_group=each) for each in state.channel_groups.values()),
            *(network_pb2.NetworkChange(channel=each) for each in state.channels.values()),
            *(network_pb2.NetworkChange(group_link=each) for each in state.links.values()),
            *(network_pb2.NetworkChange(product_link=each) for each in state.product_links.values()),
            *(network_pb2.NetworkChange(bundle=each) for each in state.bundles.values()),
        ]
        yield network_service_pb2.ExportNetworkResponse(revision=self._revision(), objects=changes)

    async def _partitioning(self, asked: Any, **terms: Any) -> AsyncIterator[Any]:
        changes = [policy_pb2.PartitioningChange(policy=each) for each in self.state.policies.values()]
        yield partitioning_service_pb2.ExportPartitioningResponse(revision=self._revision(), objects=changes)

    async def _pooling(self, asked: Any, **terms: Any) -> AsyncIterator[Any]:
        users = [pooling_service_pb2.PoolingObject(user=each) for each in self.state.users.values()]
        pools = [pooling_service_pb2.PoolingObject(pool=each) for each in self.state.pools.values()]
        yield pooling_service_pb2.ExportPoolingResponse(revision=self._revision(), objects=[*users, *pools])

    async def _rules(self, asked: Any, **terms: Any) -> AsyncIterator[Any]:
        rules = [rule_pb2.RulesChange(rule=each) for each in self.state.rules.values()]
        limits = [rule_pb2.RulesChange(store_limits=each) for each in self.state.limits.values()]
        yield rule_service_pb2.ExportRulesResponse(revision=self._revision(), objects=[*rules, *limits])

    def _revision(self) -> revision_pb2.Revision:
        return revision_pb2.Revision(cluster="holding", number=self._number)
