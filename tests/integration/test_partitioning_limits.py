"""Every bad field of a policy named at once, pages of policies, and messages that fit."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.kit.partitioning import EQUAL, Caller, Partitioning, partitioning
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir.partitioning.v1 import policy_pb2 as pb
from weir_chassis.errors import Kind

MESSAGE_SIZE_MAX = 1024 * 1024


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for all of these tests."""
    with postgres.fresh("weir_partitioning") as fresh:
        yield fresh


@pytest.fixture
async def service(database: FreshDatabase) -> AsyncIterator[Partitioning]:
    """A service on it."""
    async with partitioning(database) as running:
        yield running


@pytest.fixture
def caller(service: Partitioning, request: pytest.FixtureRequest) -> Caller:
    """A caller of a tenant that nobody else has."""
    return service.caller(re.sub(r"[^\w]", "-", request.node.name))


def policy(**fields: Any) -> dict[str, Any]:
    """A policy with these fields, to be created."""
    return {"policy": {"policy": "p", "strategy": EQUAL, **fields}}


MALFORMED: list[tuple[str, dict[str, Any], list[str]]] = [
    ("CreatePolicy", {"request_id": ""}, ["request_id", "policy", "policy.policy", "policy.strategy"]),
    ("UpdatePolicy", {"policy": {}}, ["policy.policy", "policy.strategy"]),
    ("CreatePolicy", policy(mode=9, priority=-1), ["policy.mode", "policy.priority"]),
    ("CreatePolicy", policy(display_name=" P", etag="\n"), ["policy.display_name", "policy.etag"]),
    ("CreatePolicy", policy(products=[{"sku": "a"}, {"owner": " "}, {"sku": "a"}]),
        ["policy.products[1].owner", "policy.products[1].sku", "policy.products[2]"]),
    ("CreatePolicy", policy(parts=[{"channel_group": "a", "weight": 1, "percent": 101}, {}]),
        ["policy.parts[0].weight", "policy.parts[0].percent", "policy.parts[1].channel_group"]),
    ("CreatePolicy", policy(strategy=pb.STRATEGY_FIXED, buffer_units=1), ["policy.parts", "policy.buffer_units"]),
    ("CreatePolicy", policy(strategy=pb.STRATEGY_SAFETY_STOCK, buffer_units=-1, buffer_percent=-1),
        ["policy.buffer_units", "policy.buffer_percent"]),
    ("ReorderPolicies", {}, ["policies"]),
    ("ReorderPolicies", {"policies": ["a", "b", "a", "c\n"]}, ["policies[2]", "policies[3]"]),
    ("DeletePolicy", {"etag": " "}, ["policy", "etag"]),
    ("GetPolicy", {}, ["policy"]),
    ("ListPolicies", {"page_size": -1, "freshness": {"at_least": [{"number": -1}]}},
        ["page_size", "freshness.at_least[0].context", "freshness.at_least[0].cluster",
         "freshness.at_least[0].number"]),
]  # fmt: skip


async def test_every_bad_field_is_named_at_once(caller: Caller) -> None:
    """Missing, blank, unknown, repeated, out of range: one INVALID_ARGUMENT names all of them; nothing is changed."""
    for method, fields, bad in MALFORMED:
        told = await caller.refused(method, **fields)
        assert (told.kind, told.reason) == (Kind.MALFORMED, "REQUEST_MALFORMED")
        assert sorted(each.field for each in told.violations) == sorted(bad), fields
    assert (await caller.export())[0].number == 0


async def test_an_order_names_a_thousand_at_most(caller: Caller) -> None:
    """A thousand are well-formed, though they are not there; a thousand and one are not."""
    names = [str(number) for number in range(1001)]
    assert (await caller.refused("ReorderPolicies", policies=names[1:])).reason == "POLICY_ORDER_INCOMPLETE"
    told = await caller.refused("ReorderPolicies", policies=names)
    assert [each.field for each in told.violations] == ["policies"]


async def test_nothing_comes_after_the_last_priority(caller: Caller) -> None:
    """Behind priority 10^6 a policy must be given one; the request id is free to be tried again."""
    await caller.create("last", priority=10**6)
    told = await caller.refused("CreatePolicy", **policy(), request_id="mended")
    assert (told.reason, [each.field for each in told.violations]) == ("REQUEST_MALFORMED", ["policy.priority"])
    assert (await caller.do("CreatePolicy", **policy(priority=5), request_id="mended")).policy.priority == 5


@pytest.mark.parametrize("size", [1, 3, 5, 6, 0])
async def test_pages_hold_everything_once(caller: Caller, size: int) -> None:
    """Pages of any size, one after the other, are the whole list in order of identifiers; the last has no token."""
    names = sorted(["a", "B", "ä", "b c", "b", "😀"])
    await caller.create(*names[::-1])
    pages = await caller.pages(size)
    assert [each.policy for page in pages for each in page.policies] == names
    assert [len(page.policies) for page in pages[:-1]] == [size] * (len(pages) - 1)
    assert len(pages) == -(-len(names) // (size or 100))


async def test_a_page_token_is_of_its_tenant(service: Partitioning, caller: Caller) -> None:
    """A token goes on only where it was given out."""
    await caller.create("a", "b")
    token = (await caller.do("ListPolicies", page_size=1)).next_page_token
    for asked in (
        service.caller("another tenant").refused("ListPolicies", page_token=token),
        caller.refused("ListPolicies", page_token=token[:-2] + ("AA" if not token.endswith("AA") else "BB")),
    ):
        told = await asked
        assert (told.kind, told.reason) == (Kind.MALFORMED, "PAGE_TOKEN_INVALID")


def many(length: int, count: int = 10_000) -> list[dict[str, str]]:
    """So many products, whose names are so long together."""
    return [{"owner": "o" * (length - length // 2), "sku": f"{number:05}".ljust(length // 2, "x")}
            for number in range(count)]  # fmt: skip


async def test_no_answer_outgrows_a_message(caller: Caller) -> None:
    """The largest policies are listed and exported in messages of less than 1 MiB, none lost."""
    await caller.create("a", "b", "c", products=many(80))
    pages = await caller.pages(1000)
    exported = [message async for message in caller.stream("ExportPartitioning")]
    assert [each.policy for page in pages for each in page.policies] == ["a", "b", "c"]
    assert [each.policy.policy for message in exported for each in message.objects] == ["a", "b", "c"]
    sizes = [message.ByteSize() for message in (*pages, *exported)]
    assert MESSAGE_SIZE_MAX // 2 < min(sizes) < max(sizes) < MESSAGE_SIZE_MAX


async def test_all_policies_together_fit_into_one_message(caller: Caller) -> None:
    """Policies that would take more than 8 MiB together are refused, whether one is added or grows; those that there
    are can be put in order, which a watcher receives as one message."""
    names = [str(number) for number in range(8)]
    await caller.create(*names, products=many(95))
    told = await caller.refused("CreatePolicy", **policy(products=many(95)))
    assert (told.kind, told.reason, told.metadata["limit"]) == (Kind.EXHAUSTED, "POLICIES_TOO_LARGE", str(8 * 2**20))
    assert int(told.metadata["size"]) > 8 * 2**20
    await caller.create("small", products=many(10, 10))
    grown = {"policy": "small", "strategy": EQUAL, "products": many(95)}
    assert (await caller.refused("UpdatePolicy", policy=grown)).reason == "POLICIES_TOO_LARGE"
    head = (await caller.do("ListPolicies", page_size=1)).revision
    await caller.do("ReorderPolicies", policies=["small", *names])
    watch = caller.stream("WatchPartitioning", after=head)
    while not (message := await watch.read()).changes:
        pass
    watch.cancel()
    assert [each.policy.policy for each in message.changes] == ["small", *names]
    assert 7 * 2**20 < message.ByteSize() < 8 * 2**20


async def test_a_refusal_with_long_names_reaches_the_caller(caller: Caller) -> None:
    """A status that names what an order leaves out and what it invents fits into a trailer, however long the names."""
    await caller.create(*(f"{number:02}" + "😀" * 126 for number in range(12)))
    told = await caller.refused("ReorderPolicies", policies=[f"{number:02}" + "🙂" * 126 for number in range(12)])
    assert told.reason == "POLICY_ORDER_INCOMPLETE"
    assert re.search(r" and \d+ more$", told.metadata["missing"])
    assert re.search(r" and \d+ more$", told.metadata["unknown"])
