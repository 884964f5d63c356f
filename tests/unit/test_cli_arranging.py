"""A folder becomes steps that keep every rule on the way, name themselves by their content, and come once."""

from __future__ import annotations

from pathlib import Path

from tests.unit.test_cli_folder import written
from weir.ledger.v1 import ledger_pb2
from weir.sharing.v1 import network_pb2
from weir_cli.loading import deliveries
from weir_cli.merchant.arranging import arrangement
from weir_cli.merchant.folder import read_folder
from weir_cli.merchant.state import FIXED, State, Step
from weir_cli.merchant.values import Merchant


def merchant(folder: Path, **changed: str | None) -> Merchant:
    """A good folder as values, with some files changed."""
    return read_folder(written(folder, **changed))[0]


def standing() -> State:
    """What the suite holds once the good folder was loaded."""
    kinds = {"DE1": "WAREHOUSE", "FR": "WAREHOUSE", "BER": "STORE"}
    return State(
        mark="1/1",
        locations={
            name: ledger_pb2.Location(
                location=name,
                kind=ledger_pb2.LocationKind.Value(f"LOCATION_KIND_{kind}"),
                display_name="Leipzig" if name == "DE1" else "",
                etag="3",
            )
            for name, kind in kinds.items()
        },
        settings={"BER": network_pb2.LocationSetting(location="BER", policy=FIXED, etag="4")},
        groups={
            "europe": network_pb2.WarehouseGroup(warehouse_group="europe", locations=["FR", "DE1"]),
            "berlin": network_pb2.WarehouseGroup(warehouse_group="berlin", locations=["BER"]),
        },
        channel_groups={
            "shops": network_pb2.ChannelGroup(channel_group="shops"),
            "pos": network_pb2.ChannelGroup(channel_group="pos", own_channel="pos"),
        },
        channels={
            "shop-de": network_pb2.Channel(
                channel="shop-de", kind=network_pb2.CHANNEL_KIND_WEBSHOP, channel_group="shops"
            ),
            "shop-fr": network_pb2.Channel(
                channel="shop-fr", kind=network_pb2.CHANNEL_KIND_WEBSHOP, channel_group="shops"
            ),
            "pos": network_pb2.Channel(channel="pos", kind=network_pb2.CHANNEL_KIND_POS, channel_group="pos"),
        },
        links={
            ("europe", "shops"): network_pb2.GroupLink(warehouse_group="europe", channel_group="shops"),
            ("berlin", "pos"): network_pb2.GroupLink(warehouse_group="berlin", channel_group="pos"),
        },
    )


def named(steps: list[Step]) -> list[str]:
    """Steps in a word or three."""
    return [f"{step.method} {step.name}" for step in steps]


def test_an_empty_suite_is_arranged_in_an_order_that_keeps_the_rules(tmp_path: Path) -> None:
    """Locations come before groups, groups before links, and a channel group of its own is made by its channel."""
    assert named(arrangement(merchant(tmp_path), State())) == [
        "CreateLocation DE1",
        "CreateLocation FR",
        "CreateLocation BER",
        "CreateWarehouseGroup europe",
        "CreateWarehouseGroup berlin",
        "SetLocationPolicy BER",
        "CreateChannelGroup shops",
        "CreateChannel shop-de",
        "CreateChannel shop-fr",
        "CreateChannel pos",
        "CreateGroupLink europe → shops",
        "CreateGroupLink berlin → pos",
    ]


def test_what_stands_is_left_alone(tmp_path: Path) -> None:
    """A folder that says what is so already needs no step; the order of locations in a group says nothing."""
    assert arrangement(merchant(tmp_path), standing()) == []


def test_only_what_differs_is_changed(tmp_path: Path) -> None:
    """A renamed location and a channel in another group are updates that name what they were read as."""
    locations = "location,kind,display_name,policy\nDE1,WAREHOUSE,Halle,\nFR,WAREHOUSE,,\nBER,STORE,,FIXED\n"
    channels = "channel,kind,channel_group\nshop-de,WEBSHOP,shops\nshop-fr,WEBSHOP,france\npos,POS,\n"
    steps = arrangement(merchant(tmp_path, locations=locations, channels=channels), standing())
    assert named(steps) == ["UpdateLocation DE1", "CreateChannelGroup france", "UpdateChannel shop-fr"]
    assert steps[0].request.location.etag == "3"  # type: ignore[attr-defined]


def test_a_location_leaves_one_group_before_it_enters_another(tmp_path: Path) -> None:
    """In between it is in none, for it may never be in two."""
    groups = "warehouse_group,location\neurope,DE1\nfrance,FR\nberlin,BER\n"
    steps = arrangement(merchant(tmp_path, groups=groups), standing())
    assert named(steps)[0] == "UpdateWarehouseGroup europe"
    assert "CreateWarehouseGroup france" in named(steps)[1:]


def test_a_location_is_set_free_before_it_is_joined_and_fixed_after_it_is_alone(tmp_path: Path) -> None:
    """FIXED is lifted first and laid down last, so that no step breaks its rule."""
    locations = "location,kind,display_name,policy\nDE1,WAREHOUSE,Leipzig,FIXED\nFR,WAREHOUSE,,\nBER,STORE,,\n"
    groups = "warehouse_group,location\neurope,FR\neurope,BER\nsolo,DE1\n"
    steps = named(arrangement(merchant(tmp_path, locations=locations, groups=groups), standing()))
    assert steps[0] == "SetLocationPolicy BER"
    assert steps[-1] == "SetLocationPolicy DE1"


def test_request_ids_come_from_content_and_from_what_was_read(tmp_path: Path) -> None:
    """The same steps from the same state are the same requests; from another state they are others."""

    def ids(state: State) -> list[str]:
        return [step.request.request_id for step in arrangement(merchant(tmp_path), state)]  # type: ignore[attr-defined]

    first, again, later = ids(State(mark="1/1")), ids(State(mark="1/1")), ids(State(mark="1/2"))
    assert first == again
    assert len({*first, *later}) == 2 * len(first)
    assert all(len(each) <= 128 for each in first)


def test_deliveries_are_named_by_the_whole_content(tmp_path: Path) -> None:
    """The same stock is the same requests, byte for byte; one unit more is another delivery throughout."""
    lines = "".join(f"SKU-{number:04d},DE1,{number % 7}\n" for number in range(1300))
    head = "sku,location,quantity\n"
    first = deliveries(merchant(tmp_path, stock=head + lines), prefix=None)
    again = deliveries(merchant(tmp_path, stock=head + lines), prefix=None)
    other = deliveries(merchant(tmp_path, stock=head + lines + "MORE,FR,1\n"), prefix=None)
    named_by_caller = deliveries(merchant(tmp_path, stock=head + lines), prefix="note-7")
    assert first == again
    assert sum(len(each.movements) for each in first) == sum(number % 7 > 0 for number in range(1300))
    assert not {each.request_id for each in first} & {each.request_id for each in other}
    assert [each.request_id for each in named_by_caller] == ["note-7-000001", "note-7-000002", "note-7-000003"]
    assert {each.movements[0].kind for each in first} == {ledger_pb2.ENTRY_KIND_RECEIVE}
