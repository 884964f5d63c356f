"""Every limit of the network service, at the limit and beyond it, and pages of lists."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.sharing import FIXED, WEBSHOP, Caller, Sharing, sharing
from weir_chassis.errors import Kind

MESSAGE_SIZE_MAX = 1024 * 1024


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for all of these tests."""
    with postgres.fresh("weir_sharing") as fresh:
        yield fresh


@pytest.fixture
async def service(database: FreshDatabase) -> AsyncIterator[Sharing]:
    """A service on it."""
    async with sharing(database) as running:
        yield running


@pytest.fixture
def caller(service: Sharing, request: pytest.FixtureRequest) -> Caller:
    """A caller of a tenant that nobody else has."""
    return service.caller(re.sub(r"[^\w]", "-", request.node.name))


def group(**fields: Any) -> dict[str, Any]:
    """A warehouse group with these fields, to be created."""
    return {"warehouse_group": {"warehouse_group": "w", **fields}}


def channel(**fields: Any) -> dict[str, Any]:
    """A channel with these fields, to be created."""
    return {"channel": {"channel": "c", "kind": WEBSHOP, **fields}}


def channel_group(**fields: Any) -> dict[str, Any]:
    """A channel group with these fields, to be created."""
    return {"channel_group": {"channel_group": "g", **fields}}


def policy(**fields: Any) -> dict[str, Any]:
    """A location's policy with these fields, to be set."""
    return {"location_setting": {"location": "l", "policy": FIXED, **fields}}


# Method, the field that is limited, the request with that field of a given size, and the limit.
LENGTHS: list[tuple[str, str, Any, int]] = [
    ("SetLocationPolicy", "location_setting.location", lambda n: policy(location="x" * n), 128),
    ("CreateWarehouseGroup", "warehouse_group.warehouse_group", lambda n: group(warehouse_group="x" * n), 128),
    ("CreateWarehouseGroup", "warehouse_group.display_name", lambda n: group(display_name="x" * n), 256),
    ("CreateWarehouseGroup", "warehouse_group.locations", lambda n: group(locations=map(str, range(n))), 1000),
    ("CreateWarehouseGroup", "warehouse_group.locations[0]", lambda n: group(locations=["x" * n]), 128),
    ("CreateWarehouseGroup", "warehouse_group.etag", lambda n: group(etag="x" * n), 128),
    ("CreateWarehouseGroup", "request_id", lambda n: group() | {"request_id": "x" * n}, 128),
    ("CreateChannelGroup", "channel_group.channel_group", lambda n: channel_group(channel_group="x" * n), 128),
    ("CreateChannelGroup", "channel_group.display_name", lambda n: channel_group(display_name="x" * n), 256),
    ("CreateChannel", "channel.channel", lambda n: channel(channel="x" * n), 128),
    ("CreateChannel", "channel.display_name", lambda n: channel(display_name="x" * n), 256),
    ("ListChannels", "channel_group", lambda n: {"channel_group": "x" * n}, 128),
    ("ListChannels", "page_size", lambda n: {"page_size": n}, 1000),
    ("ListGroupLinks", "warehouse_group", lambda n: {"warehouse_group": "x" * n}, 128),
    ("ListGroupLinks", "page_size", lambda n: {"page_size": n}, 1000),
    ("ListWarehouseGroups", "location", lambda n: {"location": "x" * n}, 128),
    ("GetLocationPolicy", "location", lambda n: {"location": "x" * n}, 128),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "field", "made", "limit"), LENGTHS, ids=lambda value: value if isinstance(value, str) else ""
)
async def test_limits_of_fields(caller: Caller, method: str, field: str, made: Any, limit: int) -> None:
    """One below the limit and the limit itself are taken, one beyond is INVALID_ARGUMENT and names the field."""
    check = {} if method.startswith(("List", "Get")) else {"validate_only": True}
    await caller.do(method, **made(limit - 1), **check)
    await caller.do(method, **made(limit), **check)
    told = await caller.refused(method, **made(limit + 1), **check)
    assert (told.kind, told.reason) == (Kind.MALFORMED, "REQUEST_MALFORMED")
    assert [each.field for each in told.violations] == [field]


MALFORMED: list[tuple[str, dict[str, Any], list[str]]] = [
    ("CreateChannel", {"request_id": "", "channel": {}}, ["request_id", "channel.channel", "channel.kind"]),
    ("CreateChannel", {}, ["channel", "channel.channel", "channel.kind"]),
    ("CreateChannel", channel(kind=99), ["channel.kind"]),
    ("CreateChannel", channel(channel=" c", channel_group="g\n"), ["channel.channel", "channel.channel_group"]),
    ("CreateWarehouseGroup", group(locations=["A", "B", "A"]), ["warehouse_group.locations[2]"]),
    ("CreateWarehouseGroup", group(locations=["A", "A\0"]), ["warehouse_group.locations[1]"]),
    ("SetLocationPolicy", {"location_setting": {"location": "A"}}, ["location_setting.policy"]),
    ("SetLocationPolicy", {}, ["location_setting", "location_setting.location", "location_setting.policy"]),
    ("CreateGroupLink", {"group_link": {}}, ["group_link.warehouse_group", "group_link.channel_group"]),
    ("DeleteGroupLink", {"etag": " "}, ["warehouse_group", "channel_group", "etag"]),
    ("GetGroupLink", {}, ["warehouse_group", "channel_group"]),
    ("GetChannel", {"channel": "c\N{LINE SEPARATOR}d"}, ["channel"]),
    ("ListChannels", {"page_size": -1, "channel_group": " "}, ["page_size", "channel_group"]),
    ("ListChannels", {"page_size": 10**9}, ["page_size"]),
    ("ListChannels", {"freshness": {"at_least": [{"number": -1}]}},
        ["freshness.at_least[0].context", "freshness.at_least[0].cluster", "freshness.at_least[0].number"]),
]  # fmt: skip


async def test_every_bad_field_is_named_at_once(caller: Caller) -> None:
    """Missing, blank, unknown, repeated, out of range: one INVALID_ARGUMENT names all of them; nothing is changed."""
    for method, fields, bad in MALFORMED:
        told = await caller.refused(method, **fields)
        assert (told.kind, told.reason) == (Kind.MALFORMED, "REQUEST_MALFORMED")
        assert sorted(each.field for each in told.violations) == sorted(bad), method
    assert (await caller.export())[0].number == 0


async def test_a_malformed_request_does_not_use_its_id(caller: Caller) -> None:
    """The same request id may be sent again once the request is mended."""
    await caller.refused("CreateChannel", channel={"channel": "c"}, request_id="mended")
    await caller.do("CreateChannel", **channel(), request_id="mended")


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8, 0])
async def test_pages_hold_everything_once(caller: Caller, size: int) -> None:
    """Pages of any size, one after the other, are the whole list in order; the last one has no token."""
    names = sorted(["a", "B", "ä", "b c", "b", "😀", "z"])
    for name in names:
        await caller.do("CreateChannel", channel={"channel": name, "kind": WEBSHOP})
    pages = [page async for page in caller.pages("ListChannels", size)]
    assert [each.channel for page in pages for each in page.channels] == names
    assert [len(page.channels) for page in pages[:-1]] == [size] * (len(pages) - 1)
    assert len(pages) == -(-len(names) // (size or 100))


async def test_pages_of_links_cut_within_a_group(caller: Caller) -> None:
    """A list of two-part identifiers goes on within the first part, and changes between pages do not disturb it."""
    for each in ("a", "b"):
        await caller.do("CreateWarehouseGroup", **group(warehouse_group=each))
        await caller.do("CreateChannelGroup", channel_group={"channel_group": each})
    for source in ("a", "b"):
        for to in ("a", "b"):
            await caller.do("CreateGroupLink", group_link={"warehouse_group": source, "channel_group": to})
    seen = []
    async for page in caller.pages("ListGroupLinks", 1):
        for link in page.group_links:
            seen.append((link.warehouse_group, link.channel_group))
            await caller.do("DeleteGroupLink", warehouse_group=link.warehouse_group, channel_group=link.channel_group)
    assert seen == [("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")]


async def test_a_page_token_is_of_its_query_and_tenant(service: Sharing, caller: Caller) -> None:
    """A token goes on only where it was given out; the page size may differ from page to page."""
    for each in ("a", "b", "c"):
        await caller.do("CreateChannel", channel={"channel": each, "kind": WEBSHOP})
    token = (await caller.do("ListChannels", page_size=1)).next_page_token
    assert [each.channel for each in (await caller.do("ListChannels", page_token=token)).channels] == ["b", "c"]
    other = service.caller("another tenant")
    forged = token[:-2] + ("AA" if not token.endswith("AA") else "BB")
    for asked in (
        caller.refused("ListChannels", page_token=token, channel_group="a"),
        caller.refused("ListChannelGroups", page_token=token),
        other.refused("ListChannels", page_token=token),
        caller.refused("ListChannels", page_token=forged),
        caller.refused("ListChannels", page_token="x" * 5000),
    ):
        told = await asked
        assert (told.kind, told.reason) == (Kind.MALFORMED, "PAGE_TOKEN_INVALID")


async def test_no_answer_outgrows_a_message(caller: Caller) -> None:
    """The largest warehouse groups are listed, exported and watched in messages of less than 1 MiB, none lost."""
    for number in range(3):
        locations = [f"{number}{each:04}" + "😀" * 123 for each in range(1000)]
        await caller.do("CreateWarehouseGroup", **group(warehouse_group=str(number), locations=locations))
    pages = [page async for page in caller.pages("ListWarehouseGroups", 1000)]
    exported = [message async for message in caller.stream("ExportNetwork")]
    assert [each.warehouse_group for page in pages for each in page.warehouse_groups] == ["0", "1", "2"]
    assert [each.warehouse_group.warehouse_group for message in exported for each in message.objects] == ["0", "1", "2"]
    watch = caller.stream("WatchNetwork")
    watched = [await watch.read() for _ in range(3)]
    watch.cancel()
    sizes = [message.ByteSize() for message in (*pages, *exported, *watched)]
    assert max(sizes) < MESSAGE_SIZE_MAX
    assert min(sizes) > 450_000
    found = await caller.do("ListWarehouseGroups", location="20999" + "😀" * 123)
    assert [each.warehouse_group for each in found.warehouse_groups] == ["2"]
    told = await caller.refused("CreateWarehouseGroup", **group(locations=locations))
    assert (told.reason, told.metadata["warehouse_group"]) == ("LOCATION_GROUPED", "2")


async def test_a_refusal_with_long_names_reaches_the_caller(caller: Caller) -> None:
    """A status that names its users fits into a trailer, however long their names are."""
    name = "😀" * 128
    await caller.do("CreateWarehouseGroup", **group(warehouse_group=name))
    for each in range(12):
        fed = f"{each:02}{name}"[:128]
        await caller.do("CreateChannelGroup", channel_group={"channel_group": fed})
        await caller.do("CreateGroupLink", group_link={"warehouse_group": name, "channel_group": fed})
    told = await caller.refused("DeleteWarehouseGroup", warehouse_group=name)
    assert told.reason == "WAREHOUSE_GROUP_IN_USE"
    assert told.metadata["used_by"].endswith(" and 11 more")
