"""The rules of the network as tables: what each decision changes, and what each refusal tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from weir_chassis.configuration.errors import NAMED_MAX
from weir_chassis.configuration.objects import Decision
from weir_chassis.configuration.rules import existing
from weir_chassis.errors import Kind, Refusal
from weir_sharing.domain import (
    Channel,
    ChannelGroup,
    ChannelKind,
    GroupLink,
    LocationSetting,
    Policy,
    WarehouseGroup,
    rules,
)
from weir_sharing.errors import ChannelGroupInUse, LocationGrouped

FIXED, GLOBAL = LocationSetting("A", Policy.FIXED), LocationSetting("A", Policy.GLOBAL)
ALONE, PAIR, EMPTY = (WarehouseGroup("w", "", locations) for locations in (("A",), ("A", "B"), ()))
SHARED, OWN = ChannelGroup("g", "G"), ChannelGroup("c", "C", own_channel="c")
IN_SHARED, IN_OWN = (Channel("c", ChannelKind.POS, "C", group) for group in ("g", "c"))
NO_GROUP = Channel("c", ChannelKind.POS, "C", "")
LINK = GroupLink("w", "g")


def told(decision: Decision[Any]) -> list[tuple[Any, bool]]:
    """The changes of a decision: what, and whether it goes."""
    return [(change.object, change.deleted) for change in decision.changes]


@pytest.mark.parametrize(
    ("decide", "changes"),
    [
        (lambda: rules.set_location_policy(FIXED, None, None, ()), [(FIXED, False)]),
        (lambda: rules.set_location_policy(FIXED, GLOBAL, ALONE, ["g"]), [(FIXED, False)]),
        (lambda: rules.set_location_policy(GLOBAL, FIXED, ALONE, ["g"]), [(GLOBAL, False)]),
        (lambda: rules.set_location_policy(GLOBAL, None, PAIR, ["g", "h"]), [(GLOBAL, False)]),
        (lambda: rules.set_location_policy(FIXED, FIXED, ALONE, ["g"]), []),
        (lambda: rules.create_warehouse_group(ALONE, None, homes={}, fixed={"A"}), [(ALONE, False)]),
        (lambda: rules.create_warehouse_group(PAIR, None, homes={}, fixed=()), [(PAIR, False)]),
        (
            lambda: rules.update_warehouse_group(PAIR, ALONE, homes={"A": "w"}, fixed=(), fed=["g", "h"]),
            [(PAIR, False)],
        ),
        (lambda: rules.update_warehouse_group(EMPTY, ALONE, homes={}, fixed=(), fed=["g"]), [(EMPTY, False)]),
        (lambda: rules.update_warehouse_group(PAIR, PAIR, homes={"A": "w", "B": "w"}, fixed=(), fed=()), []),
        (lambda: rules.delete_warehouse_group(PAIR, ()), [(PAIR, True)]),
        (lambda: rules.create_channel_group(SHARED, None), [(SHARED, False)]),
        (lambda: rules.update_channel_group(SHARED, SHARED), []),
        (lambda: rules.delete_channel_group(SHARED, channels=(), feeders=()), [(SHARED, True)]),
        (lambda: rules.create_channel(NO_GROUP, None, None), [(OWN, False), (IN_OWN, False)]),
        (lambda: rules.create_channel(IN_SHARED, None, SHARED), [(IN_SHARED, False)]),
        (lambda: rules.update_channel(NO_GROUP, IN_OWN, group=OWN, own=OWN, feeders=["w"]), []),
        (lambda: rules.update_channel(IN_OWN, IN_OWN, group=OWN, own=OWN, feeders=["w"]), []),
        (
            lambda: rules.update_channel(IN_SHARED, IN_OWN, group=SHARED, own=OWN, feeders=()),
            [(IN_SHARED, False), (OWN, True)],
        ),
        (
            lambda: rules.update_channel(NO_GROUP, IN_SHARED, group=None, own=None, feeders=()),
            [(OWN, False), (IN_OWN, False)],
        ),
        (lambda: rules.delete_channel(IN_OWN, own=OWN, feeders=()), [(IN_OWN, True), (OWN, True)]),
        (lambda: rules.delete_channel(IN_SHARED, own=None, feeders=()), [(IN_SHARED, True)]),
        (
            lambda: rules.create_group_link(
                LINK, None, warehouse_group=ALONE, channel_group=SHARED, fixed={"A"}, fed=()
            ),
            [(LINK, False)],
        ),
        (
            lambda: rules.create_group_link(
                LINK, None, warehouse_group=PAIR, channel_group=SHARED, fixed=(), fed=["h"]
            ),
            [(LINK, False)],
        ),
        (lambda: rules.delete_group_link(LINK), [(LINK, True)]),
    ],
)
def test_what_is_allowed_and_what_it_changes(
    decide: Callable[[], Decision[Any]], changes: list[tuple[Any, bool]]
) -> None:
    """Each decision changes just what it must, each object after those it refers to, and nothing if all is as asked."""
    assert told(decide()) == changes


@pytest.mark.parametrize(
    ("decide", "reason"),
    [
        (lambda: rules.set_location_policy(FIXED, None, PAIR, ()), "FIXED_LOCATION_SHARED"),
        (lambda: rules.set_location_policy(FIXED, None, ALONE, ["g", "h"]), "FIXED_LOCATION_LINKED"),
        (lambda: rules.create_warehouse_group(PAIR, EMPTY, homes={}, fixed=()), "WAREHOUSE_GROUP_EXISTS"),
        (lambda: rules.create_warehouse_group(PAIR, None, homes={"B": "v"}, fixed=()), "LOCATION_GROUPED"),
        (lambda: rules.create_warehouse_group(PAIR, None, homes={}, fixed={"B"}), "FIXED_LOCATION_SHARED"),
        (
            lambda: rules.update_warehouse_group(PAIR, None, homes={}, fixed=(), fed=()),
            "WAREHOUSE_GROUP_NOT_FOUND",
        ),
        (
            lambda: rules.update_warehouse_group(PAIR, EMPTY, homes={"A": "v"}, fixed={"A"}, fed=["g", "h"]),
            "LOCATION_GROUPED",
        ),
        (
            lambda: rules.update_warehouse_group(PAIR, EMPTY, homes={}, fixed={"A"}, fed=["g", "h"]),
            "FIXED_LOCATION_SHARED",
        ),
        (
            lambda: rules.update_warehouse_group(ALONE, EMPTY, homes={}, fixed={"A"}, fed=["g", "h"]),
            "FIXED_LOCATION_LINKED",
        ),
        (lambda: rules.delete_warehouse_group(EMPTY, ["g"]), "WAREHOUSE_GROUP_IN_USE"),
        (lambda: rules.create_channel_group(SHARED, SHARED), "CHANNEL_GROUP_EXISTS"),
        (lambda: rules.update_channel_group(SHARED, None), "CHANNEL_GROUP_NOT_FOUND"),
        (lambda: rules.update_channel_group(ChannelGroup("c", "new"), OWN), "CHANNEL_GROUP_OWNED"),
        (lambda: rules.delete_channel_group(OWN, channels=["c"], feeders=()), "CHANNEL_GROUP_OWNED"),
        (lambda: rules.delete_channel_group(SHARED, channels=["c"], feeders=()), "CHANNEL_GROUP_IN_USE"),
        (lambda: rules.delete_channel_group(SHARED, channels=(), feeders=["w"]), "CHANNEL_GROUP_IN_USE"),
        (lambda: rules.create_channel(NO_GROUP, IN_OWN, OWN), "CHANNEL_EXISTS"),
        (lambda: rules.create_channel(NO_GROUP, None, ChannelGroup("c", "")), "CHANNEL_GROUP_EXISTS"),
        (lambda: rules.create_channel(IN_SHARED, None, None), "CHANNEL_GROUP_NOT_FOUND"),
        (
            lambda: rules.create_channel(Channel("d", ChannelKind.POS, "", "c"), None, OWN),
            "CHANNEL_GROUP_OWNED",
        ),
        (
            lambda: rules.update_channel(IN_SHARED, None, group=SHARED, own=None, feeders=()),
            "CHANNEL_NOT_FOUND",
        ),
        (
            lambda: rules.update_channel(IN_SHARED, IN_OWN, group=None, own=OWN, feeders=()),
            "CHANNEL_GROUP_NOT_FOUND",
        ),
        (
            lambda: rules.update_channel(NO_GROUP, IN_SHARED, group=ChannelGroup("c", ""), own=None, feeders=()),
            "CHANNEL_GROUP_EXISTS",
        ),
        (
            lambda: rules.update_channel(IN_SHARED, IN_OWN, group=SHARED, own=OWN, feeders=["w"]),
            "CHANNEL_IN_USE",
        ),
        (lambda: rules.delete_channel(IN_OWN, own=OWN, feeders=["w"]), "CHANNEL_IN_USE"),
        (
            lambda: rules.create_group_link(LINK, LINK, warehouse_group=None, channel_group=None, fixed=(), fed=()),
            "GROUP_LINK_EXISTS",
        ),
        (
            lambda: rules.create_group_link(LINK, None, warehouse_group=None, channel_group=None, fixed=(), fed=()),
            "WAREHOUSE_GROUP_NOT_FOUND",
        ),
        (
            lambda: rules.create_group_link(LINK, None, warehouse_group=PAIR, channel_group=None, fixed=(), fed=()),
            "CHANNEL_GROUP_NOT_FOUND",
        ),
        (
            lambda: rules.create_group_link(
                LINK, None, warehouse_group=ALONE, channel_group=SHARED, fixed={"A"}, fed=["h"]
            ),
            "FIXED_LOCATION_LINKED",
        ),
    ],
)
def test_what_is_refused(decide: Callable[[], object], reason: str) -> None:
    """Each rule refuses by its own reason; what is not there comes before what stands in the way."""
    with pytest.raises(Refusal) as refused:
        decide()
    assert refused.value.reason == reason


def test_an_etag_must_be_the_one_that_is() -> None:
    """A change that names an older version is told the one that is now; one that names none is not asked."""
    now = ChannelGroup("g", "G", etag="7")
    for etag in ("7", ""):
        assert rules.update_channel_group(ChannelGroup("g", "H", etag=etag), now).object.etag == "7"
    for decide in (
        lambda: rules.update_channel_group(ChannelGroup("g", "H", etag="6"), now),
        lambda: existing(ChannelGroup, ("g",), now, etag="6"),
        lambda: rules.set_location_policy(LocationSetting("A", Policy.FIXED, etag="6"), None, None, ()),
    ):
        with pytest.raises(Refusal) as refused:
            decide()
        assert (refused.value.kind, refused.value.reason) == (Kind.RACED, "ETAG_STALE")


def test_a_refusal_names_as_many_users_as_a_status_has_room_for() -> None:
    """Ten users are named and the others counted, fewer where their names are long; the status stays small."""
    for count, more in ((1, ""), (NAMED_MAX, ""), (NAMED_MAX + 1, " and 1 more"), (500, " and 490 more")):
        used_by = ChannelGroupInUse([f"channel {each}" for each in range(count)], channel_group="g").metadata["used_by"]
        assert used_by.count("channel") == min(count, NAMED_MAX)
        assert used_by.endswith(more)
    long = ChannelGroupInUse([f"channel {'😀' * 128}"] * 500, channel_group="😀" * 128)
    assert len(str(long.metadata).encode()) + sum(len(each.field.encode()) for each in long.violations) < 4096
    assert long.metadata["used_by"].endswith(" and 499 more")


def test_every_location_that_is_elsewhere_is_named() -> None:
    """The sentence names the first, the violations all of them."""
    refusal = LocationGrouped([("A", "v"), ("B", "u")])
    assert refusal.metadata == {"location": "A", "warehouse_group": "v"}
    assert [(each.field, each.description) for each in refusal.violations] == [
        ("A", "Is in warehouse group 'v'."),
        ("B", "Is in warehouse group 'u'."),
    ]
