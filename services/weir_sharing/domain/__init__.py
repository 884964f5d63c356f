"""The objects of the network and its rules; pure. What feeds what: location -> warehouse group -> link -> channel group
-> channel. What may stand for what: product -> link -> product, and the components of bundles.

`objects` names what there is; `rules` and `products` hold a decision for each request that would change it; `sources`
says what a product may be served from.
"""

from weir_sharing.domain.objects import (
    KINDS,
    Bundle,
    Channel,
    ChannelGroup,
    ChannelKind,
    Component,
    GroupLink,
    LocationSetting,
    Policy,
    Product,
    ProductLink,
    WarehouseGroup,
)
from weir_sharing.domain.sources import Serving, Source, SourceKind, SourcePlace

__all__ = [
    "KINDS",
    "Bundle",
    "Channel",
    "ChannelGroup",
    "ChannelKind",
    "Component",
    "GroupLink",
    "LocationSetting",
    "Policy",
    "Product",
    "ProductLink",
    "Serving",
    "Source",
    "SourceKind",
    "SourcePlace",
    "WarehouseGroup",
]
