"""What is configured for a tenant, object by object, and the configuration that it makes."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from weir_aggregator.domain import Change, Configured, GroupLink, LateFeed, Person, Pool, StoreLimits, WarehouseGroup
from weir_allocation.configuration import Configuration
from weir_allocation.custody import Seller
from weir_allocation.network import Channel, Network
from weir_allocation.policy import Policy
from weir_allocation.rules import Rule
from weir_allocation.sharing import Bundle, Link, Sharing

T = TypeVar("T")

Kind = type[Any]
Objects = Mapping[Kind, Mapping[Hashable, Any]]
"""Objects by sort, then by what identifies them."""

SHARING = "sharing"
PARTITIONING = "partitioning"
SYNC = "sync"
POOLING = "pooling"
_NETWORK: tuple[Kind, ...] = (WarehouseGroup, Channel, GroupLink)
KINDS: Mapping[str, tuple[Kind, ...]] = {
    SHARING: (*_NETWORK, Link, Bundle),
    PARTITIONING: (Policy,),
    SYNC: (Rule, StoreLimits, LateFeed),
    POOLING: (Person, Pool),
}
"""The sorts of objects of each context."""


@dataclass(frozen=True, slots=True)
class Book:
    """Objects by sort and key, and the configuration of them as they stand; begin with `EMPTY`."""

    objects: Objects
    configuration: Configuration

    def changed(self, changes: Iterable[Change]) -> Book:
        """The same with objects as they stand after these changes, in their order; any of them again does no harm.

        Costs as much as there are objects of the sorts that change, and little more for many changes than for one.
        """
        objects = dict(self.objects)
        fresh: dict[Kind, dict[Hashable, Configured]] = {}
        for change in changes:
            kind = type(change.object)
            if kind not in fresh:
                objects[kind] = fresh[kind] = dict(objects.get(kind, {}))
            if change.deleted:
                fresh[kind].pop(key(change.object), None)
            else:
                fresh[kind][key(change.object)] = change.object
        return Book(objects, _configuration(self, objects, fresh))

    def without(self, kinds: Iterable[Kind]) -> Book:
        """The same without any object of some sorts."""
        return self.changed(
            [Change(each, deleted=True) for kind in kinds for each in self.objects.get(kind, {}).values()]
        )


EMPTY = Book({}, Configuration.of(Network.of(warehouse_groups={}, channels=(), links=())))
"""Nothing configured."""


def key(configured: Configured) -> Hashable:
    """What identifies an object among those of its sort."""
    match configured:
        case WarehouseGroup():
            return configured.warehouse_group
        case Channel():
            return configured.channel
        case GroupLink():
            return configured.warehouse_group, configured.channel_group
        case Link():
            return configured.source, configured.destination
        case Bundle():
            return configured.product
        case Policy():
            return configured.policy
        case Rule():
            return configured.rule
        case StoreLimits():
            return configured.store
        case LateFeed():
            return configured.location
        case Person():
            return configured.user
        case Pool():
            return configured.pool


def _configuration(former: Book, objects: Objects, touched: Iterable[Kind]) -> Configuration:
    """What the objects make, with all that is as it was taken from before."""
    kinds = set(touched)
    configuration = former.configuration
    if not kinds.isdisjoint(_NETWORK):
        configuration = replace(configuration, network=_network(objects))
    if not kinds.isdisjoint((Link, Bundle)):
        configuration = replace(configuration, sharing=_sharing(former, objects))
    if not kinds.isdisjoint(KINDS[POOLING]):
        configuration = replace(configuration, sellers=_sellers(objects))
    if kinds.isdisjoint((*KINDS[PARTITIONING], *KINDS[SYNC])):
        return configuration
    return Configuration.of(
        configuration.network,
        sharing=configuration.sharing,
        policies=_all(objects, Policy),
        rules=_all(objects, Rule),
        limits={each.store: each.limits for each in _all(objects, StoreLimits)},
        sellers=configuration.sellers,
        late={each.location: each.percent for each in _all(objects, LateFeed)},
    )


def _network(objects: Objects) -> Network:
    return Network.of(
        warehouse_groups={each.warehouse_group: each.locations for each in _all(objects, WarehouseGroup)},
        channels=_all(objects, Channel),
        links=[(each.warehouse_group, each.channel_group) for each in _all(objects, GroupLink)],
    )


def _sellers(objects: Objects) -> dict[str, Seller]:
    """Who sells through each channel; of several persons, which pooling refuses, the last by identifier."""
    pool_of = {user: pool for pool in _all(objects, Pool) for user in (pool.hub, *pool.members)}
    sellers = {}
    for person in sorted(_all(objects, Person), key=lambda each: each.user):
        pool = pool_of.get(person.user)
        if person.channel:
            sellers[person.channel] = Seller(person.user, pool.hub if pool else "", pool.hub_access if pool else False)
    return sellers


def _sharing(former: Book, objects: Objects) -> Sharing:
    gone_links, links = _difference(former.objects, objects, Link)
    gone_bundles, bundles = _difference(former.objects, objects, Bundle)
    return former.configuration.sharing.changed(
        links=links, bundles=bundles, without_links=gone_links, without_bundles=gone_bundles
    )


def _difference(before: Objects, after: Objects, kind: type[T]) -> tuple[list[T], list[T]]:
    """Objects of a sort that are not the same any more: as they were, and as they are."""
    former, latter = before.get(kind, {}), after.get(kind, {})
    gone = [each for key, each in former.items() if latter.get(key) != each]
    return gone, [each for key, each in latter.items() if former.get(key) != each]


def _all(objects: Objects, kind: type[T]) -> Collection[T]:
    return objects.get(kind, {}).values()
