"""Every reason for which the network refuses a request."""

from __future__ import annotations

from collections.abc import Sequence

from weir_chassis.configuration.errors import InUse, Missing, Taken
from weir_chassis.errors import Kind, Refusal, Violation


class WarehouseGroupNotFound(Missing):
    """No such warehouse group."""

    reason = "WAREHOUSE_GROUP_NOT_FOUND"
    thing = "warehouse group"


class WarehouseGroupExists(Taken):
    """A warehouse group of this identifier exists."""

    reason = "WAREHOUSE_GROUP_EXISTS"
    thing = "warehouse group"


class WarehouseGroupInUse(InUse):
    """The warehouse group is linked."""

    reason = "WAREHOUSE_GROUP_IN_USE"
    thing = "warehouse group"


class ChannelGroupNotFound(Missing):
    """No such channel group."""

    reason = "CHANNEL_GROUP_NOT_FOUND"
    thing = "channel group"


class ChannelGroupExists(Taken):
    """A channel group of this identifier exists."""

    reason = "CHANNEL_GROUP_EXISTS"
    thing = "channel group"


class ChannelGroupInUse(InUse):
    """The channel group has channels or links."""

    reason = "CHANNEL_GROUP_IN_USE"
    thing = "channel group"


class ChannelNotFound(Missing):
    """No such channel."""

    reason = "CHANNEL_NOT_FOUND"
    thing = "channel"


class ChannelExists(Taken):
    """A channel of this identifier exists."""

    reason = "CHANNEL_EXISTS"
    thing = "channel"


class ChannelInUse(InUse):
    """The channel's own group, which would go with it, is linked."""

    reason = "CHANNEL_IN_USE"
    thing = "channel"


class GroupLinkNotFound(Missing):
    """The two groups are not linked."""

    reason = "GROUP_LINK_NOT_FOUND"
    thing = "link of"


class GroupLinkExists(Taken):
    """The two groups are linked."""

    reason = "GROUP_LINK_EXISTS"
    thing = "link of"


class ProductLinkNotFound(Missing):
    """The two products are not linked in this direction."""

    reason = "PRODUCT_LINK_NOT_FOUND"
    thing = "product link of"


class ProductLinkExists(Taken):
    """The two products are linked in this direction."""

    reason = "PRODUCT_LINK_EXISTS"
    thing = "product link of"


class BundleNotFound(Missing):
    """The product is no bundle."""

    reason = "BUNDLE_NOT_FOUND"
    thing = "bundle"


class BundleExists(Taken):
    """The product is a bundle."""

    reason = "BUNDLE_EXISTS"
    thing = "bundle"


class BundleInUse(InUse):
    """The bundle is linked to other bundles."""

    reason = "BUNDLE_IN_USE"
    thing = "bundle"


class BundleKindMismatch(Refusal):
    """A bundle and a plain product cannot share."""

    kind = Kind.UNMET
    reason = "BUNDLE_KIND_MISMATCH"

    def __init__(self, bundle: tuple[str, str], product: tuple[str, str]) -> None:
        """Refuse to link `bundle` and the plain `product`, each an owner and a stock keeping unit."""
        super().__init__(
            f"'{bundle[1]}' is a bundle and '{product[1]}' is not: they cannot share.",
            bundle_owner=bundle[0],
            bundle_sku=bundle[1],
            product_owner=product[0],
            product_sku=product[1],
        )


class BundleNested(Refusal):
    """Bundles do not nest."""

    kind = Kind.UNMET
    reason = "BUNDLE_NESTED"

    def __init__(self, *, bundle: tuple[str, str], component: tuple[str, str]) -> None:
        """Refuse to have `component`, a bundle itself, in `bundle`; each an owner and a stock keeping unit."""
        super().__init__(
            f"'{component[1]}' is, or would be, a bundle and a component of bundle '{bundle[1]}': bundles do not nest.",
            bundle_owner=bundle[0],
            bundle_sku=bundle[1],
            component_owner=component[0],
            component_sku=component[1],
        )


class ChannelGroupOwned(Refusal):
    """The channel group belongs to one channel alone."""

    kind = Kind.UNMET
    reason = "CHANNEL_GROUP_OWNED"

    def __init__(self, *, channel_group: str, channel: str) -> None:
        """Refuse to host, change or remove `channel_group` apart from the `channel` it was made for."""
        super().__init__(
            f"Channel group '{channel_group}' belongs to channel '{channel}' alone: it is changed and removed with it.",
            channel_group=channel_group,
            channel=channel,
        )


class LocationGrouped(Refusal):
    """A location is in another warehouse group."""

    kind = Kind.UNMET
    reason = "LOCATION_GROUPED"

    def __init__(self, homes: Sequence[tuple[str, str]]) -> None:
        """Refuse for every location of `homes`, pairs of a location and the warehouse group it is in."""
        location, warehouse_group = homes[0]
        more = f", and {len(homes) - 1} more locations are in others" if len(homes) > 1 else ""
        super().__init__(
            f"Location '{location}' is in warehouse group '{warehouse_group}' already{more}.",
            violations=[Violation(each, f"Is in warehouse group '{home}'.") for each, home in homes],
            location=location,
            warehouse_group=warehouse_group,
        )


class FixedLocationShared(Refusal):
    """A FIXED location must be the sole member of its warehouse group."""

    kind = Kind.UNMET
    reason = "FIXED_LOCATION_SHARED"

    def __init__(self, *, location: str, warehouse_group: str, locations: int) -> None:
        """Refuse to let `location` be one of several `locations` of the group."""
        super().__init__(
            f"Location '{location}' is FIXED: it must be alone in warehouse group '{warehouse_group}', not one of "
            f"{locations}.",
            location=location,
            warehouse_group=warehouse_group,
            locations=locations,
        )


class FixedLocationLinked(Refusal):
    """The group of a FIXED location may be linked to one channel group only."""

    kind = Kind.UNMET
    reason = "FIXED_LOCATION_LINKED"

    def __init__(self, *, location: str, warehouse_group: str, channel_groups: int) -> None:
        """Refuse to let the group of `location` feed several `channel_groups`."""
        super().__init__(
            f"Location '{location}' is FIXED: its warehouse group '{warehouse_group}' may be linked to one channel "
            f"group, not to {channel_groups}.",
            location=location,
            warehouse_group=warehouse_group,
            channel_groups=channel_groups,
        )
