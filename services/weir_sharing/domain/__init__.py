"""The objects of the network and its rules; pure. What feeds what: location -> warehouse group -> link -> channel group
-> channel. What may stand for what: product -> link -> product, and the components of bundles.

`objects` names what there is; `rules` and `products` hold a decision for each request that would change it.
"""

from weir_sharing.domain.objects import (
    KINDS,
    Bundle,
    Change,
    Channel,
    ChannelGroup,
    ChannelKind,
    Commit,
    Component,
    Decision,
    GroupLink,
    History,
    Key,
    LocationSetting,
    Named,
    NetworkObject,
    Outcome,
    Policy,
    Product,
    ProductLink,
    T,
    WarehouseGroup,
    Where,
)
from weir_sharing.domain.rules import existing, stamped

__all__ = [
    "KINDS",
    "Bundle",
    "Change",
    "Channel",
    "ChannelGroup",
    "ChannelKind",
    "Commit",
    "Component",
    "Decision",
    "GroupLink",
    "History",
    "Key",
    "LocationSetting",
    "Named",
    "NetworkObject",
    "Outcome",
    "Policy",
    "Product",
    "ProductLink",
    "T",
    "WarehouseGroup",
    "Where",
    "existing",
    "stamped",
]
