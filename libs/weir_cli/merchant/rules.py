"""Judge a folder as a whole: names that must exist, names that must not come twice, and the rules of FIXED locations.

The services hold the same rules; here they are told all at once, with the lines that break them, before anything is
changed.
"""

from __future__ import annotations

from collections.abc import Iterator

from weir_cli.merchant import connecting, dividing, people, products, telling
from weir_cli.merchant.judging import channel_groups_named, either, group_of, locations_named, missing, twice, unknown
from weir_cli.merchant.values import (
    CHANNEL_GROUPS,
    CHANNELS,
    GROUPS,
    LINKS,
    LOCATIONS,
    STOCK,
    Fault,
    Known,
    Link,
    Member,
    Merchant,
    Place,
)
from weir_cli.sheets import UNREADABLE

MEMBERS_MAX = 1000


def faults(merchant: Merchant, known: Known) -> list[Fault]:
    """Everything that does not fit together; cells that could not be read are passed over.

    Where a file is absent, what the suite holds (`known`) stands in its place.
    """
    return [
        *_locations(merchant),
        *_groups(merchant, known),
        *_channels(merchant),
        *_links(merchant, known),
        *_stock(merchant, known),
        *_fixed(merchant, known),
        *products.faults(merchant, known),
        *dividing.faults(merchant, known),
        *telling.faults(merchant, known),
        *people.faults(merchant, known),
        *connecting.faults(merchant, known),
    ]


def notes(merchant: Merchant) -> list[str]:
    """What is allowed and yet worth a second look: stock or channels that nothing connects."""
    said: list[str] = []
    grouped = {member.location for member in merchant.groups or ()}
    if merchant.locations is not None and merchant.groups is not None:
        loose = [place.location for place in merchant.locations if place.location not in grouped and _feeds(place)]
        said += _note(loose, "in no warehouse group: what lies there reaches no channel")
    if merchant.groups is not None and merchant.links is not None:
        feeding = {link.warehouse_group for link in merchant.links}
        idle = [member.warehouse_group for member in merchant.groups if member.warehouse_group not in feeding]
        said += _note(idle, "linked to no channel group: nobody sells from there")
    if merchant.channels is not None and merchant.links is not None:
        fed = {link.channel_group for link in merchant.links}
        hungry = [shop.channel for shop in merchant.channels if group_of(shop) not in fed and shop.kind != "REP"]
        said += _note(hungry, "fed by no warehouse group: levels are 0 there")
    empty = sum(delivery.quantity == 0 for delivery in merchant.stock or ())
    if empty:
        said.append(f"{STOCK} has lines that bring 0 units ({empty}): nothing is received for them.")
    return [*said, *telling.notes(merchant), *people.notes(merchant), *connecting.notes(merchant)]


def _feeds(place: Place) -> bool:
    """Whether it is expected to be in a warehouse group: what lies in the others is in somebody's custody."""
    return place.kind not in ("FACILITY", "TRUNK")


def _note(names: list[str], what: str) -> list[str]:
    unique = list(dict.fromkeys(names))
    return [f"{', '.join(unique)}: {what}."] if unique else []


def _locations(merchant: Merchant) -> Iterator[Fault]:
    yield from twice(LOCATIONS, merchant.locations, lambda place: place.location, "location")


def _groups(merchant: Merchant, known: Known) -> Iterator[Fault]:
    yield from twice(GROUPS, merchant.groups, lambda member: (member.warehouse_group, member.location), "row")
    locations = locations_named(merchant, known)
    first: dict[str, Member] = {}
    names: dict[str, Member] = {}
    sizes: dict[str, int] = {}
    for member in merchant.groups or ():
        if member.location and missing(member.location, locations):
            yield Fault(GROUPS, member.line, unknown("location", member.location, merchant.locations, LOCATIONS))
        other = first.setdefault(member.location, member)
        if member.location not in ("", UNREADABLE) and other.warehouse_group != member.warehouse_group:
            yield Fault(
                GROUPS,
                member.line,
                f"location {member.location} is in warehouse group {other.warehouse_group} already (line {other.line});"
                " a location is in at most one.",
            )
        if member.display_name:
            named = names.setdefault(member.warehouse_group, member)
            if named.display_name != member.display_name:
                yield Fault(GROUPS, member.line, f"display_name differs from that of line {named.line}.")
        sizes[member.warehouse_group] = sizes.get(member.warehouse_group, 0) + 1
        if sizes[member.warehouse_group] == MEMBERS_MAX + 1:
            yield Fault(
                GROUPS, member.line, f"warehouse group {member.warehouse_group} has more than {MEMBERS_MAX} locations."
            )


def _channels(merchant: Merchant) -> Iterator[Fault]:
    groups = merchant.tables.get(CHANNEL_GROUPS)
    yield from twice(CHANNEL_GROUPS, groups, lambda row: row["channel_group"], "channel group")
    yield from twice(CHANNELS, merchant.channels, lambda shop: shop.channel, "channel")
    own = {shop.channel: shop for shop in merchant.channels or () if not shop.channel_group}
    for row in groups or ():
        owner = own.get(row["channel_group"])
        if owner is not None:
            yield Fault(
                CHANNEL_GROUPS,
                row.line,
                f"channel group {owner.channel} is made with channel {owner.channel}, which names none"
                f" ({CHANNELS}:{owner.line}).",
            )
    for shop in merchant.channels or ():
        owner = own.get(shop.channel_group)
        if owner is not None:
            yield Fault(
                CHANNELS,
                shop.line,
                f"channel group {shop.channel_group} belongs to channel {owner.channel} alone, which names none (line"
                f" {owner.line}); give both the same group, of another name.",
            )


def _links(merchant: Merchant, known: Known) -> Iterator[Fault]:
    yield from twice(LINKS, merchant.links, lambda link: (link.warehouse_group, link.channel_group), "link")
    groups = either(merchant.groups, lambda member: member.warehouse_group, known.groups)
    channel_groups = channel_groups_named(merchant, known)
    for link in merchant.links or ():
        if missing(link.warehouse_group, groups):
            yield Fault(LINKS, link.line, unknown("warehouse group", link.warehouse_group, merchant.groups, GROUPS))
        if missing(link.channel_group, channel_groups):
            yield Fault(LINKS, link.line, unknown("channel group", link.channel_group, merchant.channels, CHANNELS))


def _stock(merchant: Merchant, known: Known) -> Iterator[Fault]:
    yield from twice(STOCK, merchant.stock, lambda delivery: delivery.item, "stock item")
    locations = locations_named(merchant, known)
    for delivery in merchant.stock or ():
        if missing(delivery.location, locations):
            yield Fault(STOCK, delivery.line, unknown("location", delivery.location, merchant.locations, LOCATIONS))


def _fixed(merchant: Merchant, known: Known) -> Iterator[Fault]:
    """A FIXED location stands alone in its group, and its group feeds one channel group."""
    fixed = {place.location for place in merchant.locations or () if place.policy == "FIXED"}
    if merchant.locations is None:
        fixed = set(known.fixed)
    members: dict[str, list[Member]] = {}
    for member in merchant.groups or ():
        members.setdefault(member.warehouse_group, []).append(member)
    for group, inside in members.items():
        held = {member.location for member in inside}
        for member in inside:
            if member.location in fixed and len(held) > 1:
                yield Fault(
                    GROUPS,
                    member.line,
                    f"location {member.location} is FIXED and must be the sole member of its group, but {group} has"
                    f" {len(held)}.",
                )
    alone = {member.warehouse_group: member.location for member in merchant.groups or () if member.location in fixed}
    if merchant.groups is None:
        alone = {group: location for location, group in known.group_of.items() if location in fixed}
    first: dict[str, Link] = {}
    for link in merchant.links or ():
        other = first.setdefault(link.warehouse_group, link)
        if link.warehouse_group in alone and other.channel_group != link.channel_group:
            yield Fault(
                LINKS,
                link.line,
                f"warehouse group {link.warehouse_group} holds FIXED location {alone[link.warehouse_group]} and feeds"
                f" {other.channel_group} already (line {other.line}); it may feed one channel group only.",
            )
