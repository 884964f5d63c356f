"""What the suite holds, and the steps that change it."""

from __future__ import annotations

from dataclasses import dataclass, field

from google.protobuf.message import Message

from weir.ledger.v1 import ledger_pb2, waiting_pb2
from weir.partitioning.v1 import policy_pb2
from weir.pooling.v1 import pool_pb2
from weir.sharing.v1 import network_pb2
from weir.sync.v1 import connection_pb2, listing_pb2, rule_pb2
from weir_cli.documents import word
from weir_cli.merchant.configured import LinkKey, LotKey, named, plain
from weir_cli.merchant.connections import ListingKey, ScheduleKey
from weir_cli.merchant.values import Known, Product

FIXED = network_pb2.LOCATION_POLICY_FIXED


@dataclass(slots=True)
class State:
    """What the suite holds now, by identifier; `mark` names the moment it was read."""

    mark: str = ""
    locations: dict[str, ledger_pb2.Location] = field(default_factory=dict)
    settings: dict[str, network_pb2.LocationSetting] = field(default_factory=dict)
    groups: dict[str, network_pb2.WarehouseGroup] = field(default_factory=dict)
    channel_groups: dict[str, network_pb2.ChannelGroup] = field(default_factory=dict)
    channels: dict[str, network_pb2.Channel] = field(default_factory=dict)
    links: dict[tuple[str, str], network_pb2.GroupLink] = field(default_factory=dict)
    bundles: dict[Product, network_pb2.Bundle] = field(default_factory=dict)
    product_links: dict[LinkKey, network_pb2.ProductLink] = field(default_factory=dict)
    lots: dict[LotKey, ledger_pb2.Lot] = field(default_factory=dict)
    back_orders: dict[Product, waiting_pb2.BackOrders] = field(default_factory=dict)
    policies: dict[str, policy_pb2.Policy] = field(default_factory=dict)
    rules: dict[str, rule_pb2.Rule] = field(default_factory=dict)
    limits: dict[str, rule_pb2.StoreLimits] = field(default_factory=dict)
    users: dict[str, pool_pb2.User] = field(default_factory=dict)
    pools: dict[str, pool_pb2.Pool] = field(default_factory=dict)
    connections: dict[str, connection_pb2.Connection] = field(default_factory=dict)
    schedules: dict[ScheduleKey, connection_pb2.Schedule] = field(default_factory=dict)
    listings: dict[ListingKey, listing_pb2.Listing] = field(default_factory=dict)

    def known(self) -> Known:
        """The names alone."""
        named_locations = [name for each in self.product_links.values() for name in each.locations]
        named_groups = [part.channel_group for each in self.policies.values() for part in each.parts]
        named_in_rules = [name for each in self.rules.values() for name in (*each.stores, *each.warehouses)]
        return Known(
            locations=frozenset(self.locations),
            fixed=frozenset(name for name, each in self.settings.items() if each.policy == FIXED),
            groups=frozenset(self.groups),
            group_of={location: name for name, each in self.groups.items() for location in each.locations},
            channels=frozenset(self.channels),
            channel_groups=frozenset(self.channel_groups),
            own_groups={name: each.own_channel for name, each in self.channel_groups.items() if each.own_channel},
            bundles={
                name: frozenset(named(part.product) for part in each.components) for name, each in self.bundles.items()
            },
            product_links={ends: each.bidirectional for ends, each in self.product_links.items()},
            policies={name: each.priority for name, each in self.policies.items()},
            strategies={name: word(each, "strategy") for name, each in self.policies.items()},
            modes={name: word(plain(each), "mode") for name, each in self.policies.items()},
            rules={name: each.priority for name, each in self.rules.items()},
            roles={name: word(each, "role") for name, each in self.users.items()},
            sellers={each.channel: name for name, each in self.users.items() if each.channel},
            pools={name: (each.hub, tuple(each.members)) for name, each in self.pools.items()},
            connections={name: word(each, "role") for name, each in self.connections.items()},
            connected={each.channel: name for name, each in self.connections.items() if each.channel},
            named=frozenset([*named_locations, *named_groups, *named_in_rules, *self.limits]),
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One request, whom it is sent to, and what it concerns: the subject, what is done to it, its identifier."""

    service: str
    subject: str
    action: str
    name: str
    method: str
    request: Message

    @property
    def streamed(self) -> bool:
        """Whether the request is sent as a stream, of this one message."""
        return self.method.startswith("Import")
