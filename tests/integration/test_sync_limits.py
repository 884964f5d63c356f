"""Every bad field of a rule named at once, pages of lists, and messages that fit."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.rules import Caller, Rules, rules
from weir_chassis.configuration import priorities
from weir_chassis.errors import Kind

MESSAGE_SIZE_MAX = 1024 * 1024


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for all of these tests."""
    with postgres.fresh("weir_sync") as fresh:
        yield fresh


@pytest.fixture
async def service(database: FreshDatabase) -> AsyncIterator[Rules]:
    """A service on it."""
    async with rules(database) as running:
        yield running


@pytest.fixture
def caller(service: Rules, request: pytest.FixtureRequest) -> Caller:
    """A caller of a tenant that nobody else has."""
    return service.caller(re.sub(r"[^\w]", "-", request.node.name))


def rule(**fields: Any) -> dict[str, Any]:
    """A rule with these fields, to be created."""
    return {"rule": {"rule": "r", "stores": ["s"], **fields}}


def limits(**fields: Any) -> dict[str, Any]:
    """Limits of a store with these fields, to be set."""
    return {"store_limits": {"store": "s", **fields}}


def products(count: int) -> list[dict[str, str]]:
    """So many products."""
    return [{"sku": str(number)} for number in range(count)]


# Method, the field that is limited, the request with that field of a given size, and the limit.
SIZES: list[tuple[str, str, Any, int]] = [
    ("CreateRule", "request_id", lambda n: rule() | {"request_id": "x" * n}, 128),
    ("CreateRule", "rule.rule", lambda n: rule(rule="x" * n), 128),
    ("CreateRule", "rule.display_name", lambda n: rule(display_name="x" * n), 256),
    ("CreateRule", "rule.priority", lambda n: rule(priority=n), 10**6),
    ("CreateRule", "rule.stores", lambda n: rule(stores=map(str, range(n))), 1000),
    ("CreateRule", "rule.stores[0]", lambda n: rule(stores=["x" * n]), 128),
    ("CreateRule", "rule.products", lambda n: rule(products=products(n)), 10000),
    ("CreateRule", "rule.products[0].owner", lambda n: rule(products=[{"owner": "x" * n, "sku": "y"}]), 128),
    ("CreateRule", "rule.products[0].sku", lambda n: rule(products=[{"sku": "x" * n}]), 128),
    ("CreateRule", "rule.warehouses", lambda n: rule(warehouses=map(str, range(n))), 1000),
    ("CreateRule", "rule.threshold", lambda n: rule(threshold=n), 10**9),
    ("CreateRule", "rule.rate_percent", lambda n: rule(rate_percent=n), 1000),
    ("CreateRule", "rule.constant", lambda n: rule(constant=n), 10**9),
    ("CreateRule", "rule.constant", lambda n: rule(constant=-n), 10**9),
    ("CreateRule", "rule.priority_quantity", lambda n: rule(priority_store="s", priority_quantity=n), 10**9),
    ("CreateRule", "rule.etag", lambda n: rule(etag="x" * n), 128),
    ("SetStoreLimits", "store_limits.store", lambda n: limits(store="x" * n, max_quantity=1), 128),
    ("SetStoreLimits", "store_limits.denied.products", lambda n: limits(denied={"products": products(n)}), 10000),
    ("SetStoreLimits", "store_limits.allowed.products", lambda n: limits(allowed={"products": products(n)}), 10000),
    ("SetStoreLimits", "store_limits.max_quantity", lambda n: limits(max_quantity=n), 10**9),
    ("ListRules", "page_size", lambda n: {"page_size": n}, 1000),
    ("ListStoreLimits", "page_size", lambda n: {"page_size": n}, 1000),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "field", "made", "limit"), SIZES, ids=lambda value: value if isinstance(value, str) else ""
)
async def test_limits_of_fields(caller: Caller, method: str, field: str, made: Any, limit: int) -> None:
    """One below the limit and the limit itself are taken, one beyond is INVALID_ARGUMENT and names the field."""
    check = {} if method.startswith("List") else {"validate_only": True}
    await caller.do(method, **made(limit - 1), **check)
    await caller.do(method, **made(limit), **check)
    told = await caller.refused(method, **made(limit + 1), **check)
    assert (told.kind, told.reason) == (Kind.MALFORMED, "REQUEST_MALFORMED")
    assert [each.field for each in told.violations] == [field]


async def test_an_order_names_a_thousand_at_most(caller: Caller) -> None:
    """A thousand are well-formed, though they are not there; a thousand and one are not, and neither is none."""
    names = [str(number) for number in range(1001)]
    assert (await caller.refused("ReorderRules", rules=names[1:])).reason == "RULE_ORDER_INCOMPLETE"
    for bad in (names, []):
        told = await caller.refused("ReorderRules", rules=bad)
        assert [each.field for each in told.violations] == ["rules"]


MALFORMED: list[tuple[str, dict[str, Any], list[str]]] = [
    ("CreateRule", {"request_id": ""}, ["request_id", "rule", "rule.rule", "rule.stores"]),
    ("UpdateRule", {"rule": {}}, ["rule.rule", "rule.stores"]),
    ("CreateRule", rule(stores=["a", "b", "a"], warehouses=["w", "w"]), ["rule.stores[2]", "rule.warehouses[1]"]),
    ("CreateRule", rule(products=[{"sku": "a"}, {"sku": "a"}]), ["rule.products[1]"]),
    ("CreateRule", rule(products=[{"owner": "o"}, {"sku": " a"}]), ["rule.products[0].sku", "rule.products[1].sku"]),
    ("CreateRule", rule(priority_store="t"), ["rule.priority_store"]),
    ("CreateRule", rule(priority_quantity=1), ["rule.priority_quantity"]),
    ("CreateRule", rule(priority_store="t", priority_quantity=-1), ["rule.priority_store", "rule.priority_quantity"]),
    ("CreateRule", rule(rounding=9, rate_percent=-1), ["rule.rounding", "rule.rate_percent"]),
    ("CreateRule", rule(threshold=-1, priority=-1), ["rule.threshold", "rule.priority"]),
    ("ReorderRules", {"rules": ["a", "b", "a", "c\n"]}, ["rules[2]", "rules[3]"]),
    ("DeleteRule", {"etag": " "}, ["rule", "etag"]),
    ("GetRule", {}, ["rule"]),
    ("SetStoreLimits", {}, ["store_limits", "store_limits.store"]),
    ("SetStoreLimits", limits(denied={"products": [{}]}, max_quantity=-1),
        ["store_limits.denied.products[0].sku", "store_limits.max_quantity"]),
    ("SetStoreLimits", limits(allowed={"products": products(1) * 2}), ["store_limits.allowed.products[1]"]),
    ("GetStoreLimits", {"store": "s\0"}, ["store"]),
    ("ListRules", {"page_size": -1, "freshness": {"at_least": [{"number": -1}]}},
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


async def test_nothing_comes_after_the_last_priority(caller: Caller) -> None:
    """Behind priority 10^6 a rule must be given one; the request id is free to be tried again."""
    await caller.create("last", priority=10**6)
    told = await caller.refused("CreateRule", **rule(), request_id="mended")
    assert (told.reason, [each.field for each in told.violations]) == ("REQUEST_MALFORMED", ["rule.priority"])
    assert (await caller.do("CreateRule", **rule(priority=5), request_id="mended")).rule.priority == 5


@pytest.mark.parametrize("size", [1, 3, 5, 6, 0])
async def test_pages_hold_everything_once(caller: Caller, size: int) -> None:
    """Pages of any size, one after the other, are the whole list in order of identifiers; the last has no token."""
    names = sorted(["a", "B", "ä", "b c", "b", "😀"])
    for name in names[::-1]:
        await caller.create(name)
        await caller.do("SetStoreLimits", store_limits={"store": name, "max_quantity": 1})
    assert await listed(caller, "ListRules", "rules", "rule", size) == names
    assert await listed(caller, "ListStoreLimits", "store_limits", "store", size) == names


async def listed(caller: Caller, method: str, field: str, name: str, size: int) -> list[str]:
    """The identifiers in all pages of a list; each page but the last is full."""
    found: list[str] = []
    token = ""
    while True:
        page = await caller.do(method, page_size=size, page_token=token)
        found += [getattr(each, name) for each in getattr(page, field)]
        token = page.next_page_token
        if not token:
            return found
        assert len(getattr(page, field)) == size


async def test_a_page_token_is_of_its_query_and_tenant(service: Rules, caller: Caller) -> None:
    """A token goes on only where it was given out."""
    for name in "ab":
        await caller.create(name)
    token = (await caller.do("ListRules", page_size=1)).next_page_token
    for asked in (
        caller.refused("ListStoreLimits", page_token=token),
        service.caller("another tenant").refused("ListRules", page_token=token),
        caller.refused("ListRules", page_token=token[:-2] + ("AA" if not token.endswith("AA") else "BB")),
    ):
        told = await asked
        assert (told.kind, told.reason) == (Kind.MALFORMED, "PAGE_TOKEN_INVALID")


async def test_no_list_outgrows_a_message(caller: Caller) -> None:
    """Large rules and limits are listed and exported in messages of less than 1 MiB, none lost."""
    many = [{"owner": "o" * 40, "sku": f"{number:05}" + "x" * 40} for number in range(6000)]
    for name in "abc":
        await caller.create(name, products=many)
        await caller.do("SetStoreLimits", store_limits={"store": name, "denied": {"products": many}})
    token = ""
    pages: list[Any] = []
    while not pages or token:
        pages.append(await caller.do("ListRules", page_size=1000, page_token=token))
        token = pages[-1].next_page_token
    exported = [message async for message in caller.stream("ExportRules")]
    assert [each.rule for page in pages for each in page.rules] == ["a", "b", "c"]
    kinds = [each.WhichOneof("object") for message in exported for each in message.objects]
    assert kinds == ["rule"] * 3 + ["store_limits"] * 3
    assert max(message.ByteSize() for message in (*pages, *exported)) < MESSAGE_SIZE_MAX


async def test_all_rules_together_fit_into_a_message(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would take them past the limit is refused with both numbers; a new order of what is there is told at once.

    The limit is 8 MiB, and lower here: reading that much at every write takes its time.
    """
    monkeypatch.setattr(priorities, "SIZE_MAX", 1_000_000)
    many = [{"owner": "o" * 40, "sku": f"{number:05}" + "x" * 40} for number in range(2000)]
    names = list("abcde")
    for name in names:
        await caller.create(name, products=many)
    more = {"rule": {"rule": "more", "stores": ["s"], "products": many}}
    told = await caller.refused("CreateRule", **more)
    assert (told.kind, told.reason, told.metadata["limit"]) == (Kind.EXHAUSTED, "RULES_TOO_LARGE", "1000000")
    assert 1_000_000 < int(told.metadata["size"]) < 1_250_000
    done = await caller.do("ReorderRules", rules=["e", *names[:-1]])
    watch = caller.stream("WatchRules", after={**mark(done.revision), "number": done.revision.number - 1})
    message = await watch.read()
    watch.cancel()
    assert [each.rule.rule for each in message.changes] == ["e", *names[:-1]]
    assert 900_000 < message.ByteSize() < 1_000_000


def mark(revision: Any) -> dict[str, Any]:
    """A revision by its fields."""
    return {field.name: value for field, value in revision.ListFields()}
