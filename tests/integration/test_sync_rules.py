"""Rules over real gRPC and Postgres: what every rpc answers, what it refuses, and that it does each once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.kit.postgres import PostgresForTests
from tests.kit.rules import Caller, Rules, rules
from weir.sync.v1 import rule_pb2
from weir_chassis.errors import Kind

TV, RADIO = {"sku": "TV"}, {"owner": "acme", "sku": "RADIO"}


@pytest.fixture
async def service(postgres: PostgresForTests) -> AsyncIterator[Rules]:
    """A service on a fresh database, of five rules at most."""
    with postgres.fresh("weir_sync") as database:
        async with rules(database, rules_max=5) as running:
            yield running


@pytest.fixture
def caller(service: Rules) -> Caller:
    """A caller of the service."""
    return service.caller()


async def test_a_rule_is_kept_as_it_was_said(caller: Caller) -> None:
    """Every field comes back, with lists in order, and the revision of the change as etag."""
    asked: dict[str, Any] = {
        "rule": "tv",
        "display_name": "Televisions",
        "priority": 7,
        "stores": ["web", "amazon"],
        "products": [RADIO, TV],
        "warehouses": ["W2", "W1"],
        "threshold": 5,
        "rate_percent": 0,
        "constant": -3,
        "rounding": rule_pb2.ROUNDING_NEAREST,
        "priority_store": "web",
        "priority_quantity": 10,
        "disabled": True,
    }
    made = await caller.do("CreateRule", rule=asked)
    expected = rule_pb2.Rule(
        **{**asked, "stores": ["amazon", "web"], "products": [TV, RADIO], "warehouses": ["W1", "W2"], "etag": "1"}
    )
    assert made.rule == expected
    assert (made.revision.context, made.revision.number) == ("sync", 1)
    found = await caller.do("GetRule", rule="tv", freshness={"at_least": [made.revision]})
    assert (found.rule, found.revision) == (expected, made.revision)
    listed = await caller.do("ListRules")
    assert (list(listed.rules), listed.next_page_token, listed.revision) == ([expected], "", made.revision)


async def test_what_is_not_said_has_its_default(caller: Caller) -> None:
    """A rule is for every product, looks at every warehouse, tells all of the share, rounded down, and is tried."""
    made = await caller.create("all", "web")
    defaults = rule_pb2.Rule(
        rule="all", stores=["web"], priority=1, rate_percent=100, rounding=rule_pb2.ROUNDING_DOWN, etag="1"
    )
    assert made == defaults


async def test_a_rule_is_replaced_and_removed(caller: Caller) -> None:
    """An update replaces all but the place, which stays unless another is named; disabling keeps it; removal frees
    it.
    """
    await caller.create("a", "web", products=[TV], threshold=5)
    await caller.create("b", "web", priority=7)
    changed = (await caller.do("UpdateRule", rule={"rule": "b", "stores": ["amazon"], "disabled": True})).rule
    assert (list(changed.stores), changed.priority, changed.disabled, changed.etag) == (["amazon"], 7, True, "3")
    assert (await caller.refused("CreateRule", rule={"rule": "c", "stores": ["x"], "priority": 7})).metadata == {
        "priority": "7",
        "rule": "b",
    }
    enabled = (await caller.do("UpdateRule", rule={"rule": "b", "stores": ["amazon"], "priority": 3})).rule
    assert (enabled.priority, enabled.disabled) == (3, False)
    removed = await caller.do("DeleteRule", rule="a", etag="1")
    assert removed.revision.number == 5
    assert (await caller.refused("GetRule", rule="a")).reason == "RULE_NOT_FOUND"
    assert (await caller.create("c", priority=1)).priority == 1


async def test_an_ignored_priority_store_is_told_at_every_look(caller: Caller) -> None:
    """Where it is not above the threshold it is kept, with a warning, in every answer; raising it ends the warning."""
    rule = {"rule": "r", "stores": ["web", "till"], "threshold": 10, "priority_store": "till", "priority_quantity": 10}
    made = (await caller.do("CreateRule", rule=rule)).rule
    (warning,) = made.warnings
    assert warning.code == rule_pb2.Warning.CODE_PRIORITY_IGNORED
    assert warning.sentence == "The priority store 'till' is ignored: its quantity 10 is not above the threshold 10."
    assert (await caller.do("GetRule", rule="r")).rule == made
    assert list((await caller.do("ListRules")).rules) == [made]
    assert (await caller.export())[1] == {("rule", "r"): made}
    raised = await caller.do("UpdateRule", rule={**rule, "priority_quantity": 11})
    assert list(raised.rule.warnings) == []


async def test_an_order_is_given_at_once(caller: Caller) -> None:
    """All rules, the disabled included, get 1, 2, 3 in one revision, and those that moved are told as they are."""
    for name in "abcd":
        await caller.create(name, disabled=name == "c")
    asked = {"rules": ["d", "b", "c", "a"], "request_id": "order"}
    checked = await caller.do("ReorderRules", **asked, validate_only=True)
    assert [(each.rule, each.priority, each.etag) for each in checked.priorities] == [("d", 1, "4"), ("a", 4, "1")]
    done = await caller.do("ReorderRules", **asked)
    assert [(each.rule, each.priority, each.etag) for each in done.priorities] == [("d", 1, "5"), ("a", 4, "5")]
    assert done.revision.number == 5
    assert await caller.order() == [("d", 1), ("b", 2), ("c", 3), ("a", 4)]
    assert (await caller.do("GetRule", rule="b")).rule.etag == "2"
    await caller.do("ReorderRules", rules=["a", "b", "c", "d"])
    assert await caller.do("ReorderRules", **asked) == done
    again = await caller.do("ReorderRules", rules=["a", "b", "c", "d"])
    assert (list(again.priorities), again.revision.number) == ([], 6)


# What is refused where the rules a (1), b (2) and c (9) are, with all that the caller is told.
REFUSED: list[tuple[str, dict[str, Any], Kind, str, dict[str, str]]] = [
    ("CreateRule", {"rule": {"rule": "a", "stores": ["s"]}}, Kind.TAKEN, "RULE_EXISTS", {"rule": "a"}),
    (
        "CreateRule",
        {"rule": {"rule": "d", "stores": ["s"], "priority": 9}},
        Kind.TAKEN,
        "RULE_PRIORITY_TAKEN",
        {"priority": "9", "rule": "c"},
    ),
    ("UpdateRule", {"rule": {"rule": "d", "stores": ["s"]}}, Kind.UNKNOWN, "RULE_NOT_FOUND", {"rule": "d"}),
    (
        "UpdateRule",
        {"rule": {"rule": "a", "stores": ["s"], "priority": 2}},
        Kind.TAKEN,
        "RULE_PRIORITY_TAKEN",
        {"priority": "2", "rule": "b"},
    ),
    ("DeleteRule", {"rule": "d"}, Kind.UNKNOWN, "RULE_NOT_FOUND", {"rule": "d"}),
    (
        "ReorderRules",
        {"rules": ["d", "b"]},
        Kind.UNMET,
        "RULE_ORDER_INCOMPLETE",
        {"missing": "a, c", "unknown": "d"},
    ),
]


async def test_each_refusal_says_why_and_changes_nothing(caller: Caller) -> None:
    """Every rule that is broken answers its reason and numbers, the same on replay and when only checked."""
    for name, priority in (("a", 1), ("b", 2), ("c", 9)):
        await caller.create(name, priority=priority)
    before = await caller.export()
    for number, (method, fields, kind, reason, metadata) in enumerate(REFUSED):
        asked = {**fields, "request_id": f"refused {number}"}
        told = [
            await caller.refused(method, **fields, validate_only=True),
            await caller.refused(method, **asked),
            await caller.refused(method, **asked),
        ]
        for each in told:
            assert (each.kind, each.reason, each.metadata) == (kind, reason, metadata), method
            assert each.message == told[0].message
    assert await caller.export() == before


async def test_more_rules_than_allowed_are_refused_and_nothing_else_is(caller: Caller) -> None:
    """At the limit no rule is added; those there can be changed, put in order and removed, and then one added."""
    for name in "abcde":
        await caller.create(name)
    more = {"rule": {"rule": "f", "stores": ["s"]}, "request_id": "more"}
    told = await caller.refused("CreateRule", **more)
    assert (told.kind, told.reason, told.metadata) == (Kind.EXHAUSTED, "RULES_EXHAUSTED", {"limit": "5"})
    await caller.do("UpdateRule", rule={"rule": "a", "stores": ["s"]})
    await caller.do("ReorderRules", rules=list("edcba"))
    await caller.do("DeleteRule", rule="c")
    assert (await caller.do("CreateRule", **more)).rule.priority == 6


async def test_two_hundred_rules_are_put_in_order(postgres: PostgresForTests) -> None:
    """As many as there may be by default are listed, turned round in one call, and exported as they then are."""
    names = [f"{number:03}" for number in range(200)]
    with postgres.fresh("weir_sync") as database:
        async with rules(database) as service:
            caller = service.caller()
            for name in names:
                await caller.create(name)
            assert (await caller.refused("CreateRule", rule={"rule": "x", "stores": ["s"]})).metadata == {
                "limit": "200"
            }
            done = await caller.do("ReorderRules", rules=names[::-1])
            assert [each.rule for each in done.priorities] == names[::-1]
            assert await caller.order() == list(zip(names[::-1], range(1, 201), strict=True))
            revision, state = await caller.export()
            assert revision == done.revision
            assert {key: each.priority for key, each in state.items()} == {
                ("rule", name): 200 - number for number, name in enumerate(names)
            }


async def test_limits_of_a_store_are_set_and_taken_off(caller: Caller) -> None:
    """A store is told all until limits are set; those that limit nothing are gone, and an empty list allows nothing."""
    none = await caller.do("GetStoreLimits", store="web")
    assert (none.store_limits, none.revision.number) == (rule_pb2.StoreLimits(store="web"), 0)
    asked: dict[str, Any] = {
        "store": "web",
        "denied": {"products": [TV]},
        "allowed": {"products": [RADIO, TV]},
        "max_quantity": 0,
    }
    made = await caller.do("SetStoreLimits", store_limits=asked)
    expected = rule_pb2.StoreLimits(**{**asked, "allowed": {"products": [TV, RADIO]}, "etag": "1"})
    assert (made.store_limits, made.revision.number) == (expected, 1)
    assert (await caller.do("GetStoreLimits", store="web")).store_limits == expected
    empty: dict[str, Any] = {"store": "amazon", "allowed": {}}
    told = (await caller.do("SetStoreLimits", store_limits=empty)).store_limits
    assert told == rule_pb2.StoreLimits(**empty, etag="2")
    assert [each.store for each in (await caller.do("ListStoreLimits")).store_limits] == ["amazon", "web"]
    gone = await caller.do("SetStoreLimits", store_limits={"store": "web", "etag": "1"})
    assert (gone.store_limits, gone.revision.number) == (rule_pb2.StoreLimits(store="web"), 3)
    assert [each.store for each in (await caller.do("ListStoreLimits")).store_limits] == ["amazon"]
    again = await caller.do("SetStoreLimits", store_limits={"store": "web"})
    assert (again.store_limits, again.revision.number) == (rule_pb2.StoreLimits(store="web"), 3)


async def test_etags(caller: Caller) -> None:
    """A change that rests on an older version is ABORTED with the newer etag, and the same id may try again."""
    first = await caller.create("a")
    second = (await caller.do("UpdateRule", rule={"rule": "a", "stores": ["s"], "etag": first.etag})).rule
    assert first.etag != second.etag
    late: dict[str, Any] = {"rule": {"rule": "a", "stores": ["t"], "etag": first.etag}, "request_id": "late"}
    told = await caller.refused("UpdateRule", **late)
    assert (told.kind, told.reason, told.metadata) == (Kind.RACED, "ETAG_STALE", {"current": second.etag})
    assert (await caller.refused("DeleteRule", rule="a", etag=first.etag)).reason == "ETAG_STALE"
    late["rule"]["etag"] = second.etag
    await caller.do("UpdateRule", **late)
    limits = {"store": "s", "max_quantity": 1, "etag": "1"}
    assert (await caller.refused("SetStoreLimits", store_limits=limits)).reason == "ETAG_STALE"


async def test_a_new_order_is_a_new_version_of_what_moved(caller: Caller) -> None:
    """Whoever read a rule before it moved cannot overwrite it unseen; one that stayed in its place can be changed."""
    a, b, c = [await caller.create(name) for name in "abc"]
    await caller.do("ReorderRules", rules=["b", "a", "c"])
    stale = {"rule": "a", "stores": ["s"], "etag": a.etag}
    assert (await caller.refused("UpdateRule", rule=stale)).reason == "ETAG_STALE"
    await caller.do("UpdateRule", rule={"rule": "c", "stores": ["s"], "etag": c.etag})
    assert (await caller.do("UpdateRule", rule={"rule": "b", "stores": ["s"]})).rule.priority == 1
    assert b.priority == 2


async def test_what_is_as_asked_draws_no_revision(caller: Caller) -> None:
    """Setting what is set, or updating to the same, keeps etag and revision."""
    rule = {"rule": "r", "stores": ["b", "a"], "products": [TV, RADIO]}
    made = await caller.do("CreateRule", rule=rule)
    again = await caller.do("UpdateRule", rule={**rule, "stores": ["a", "b"], "priority": 1})
    assert (again.rule, again.revision) == (made.rule, made.revision)
    first = await caller.do("SetStoreLimits", store_limits={"store": "a", "max_quantity": 9})
    second = await caller.do("SetStoreLimits", store_limits={"store": "a", "max_quantity": 9})
    assert (second.store_limits, second.revision) == (first.store_limits, first.revision)


async def test_a_check_changes_nothing(caller: Caller) -> None:
    """validate_only answers what would be, at the newest revision, and leaves the request id free."""
    asked = {"rule": {"rule": "r", "stores": ["s"], "etag": "ignored"}, "request_id": "one"}
    checked = await caller.do("CreateRule", **asked, validate_only=True)
    assert (checked.rule.priority, checked.rule.etag, checked.revision.number) == (1, "", 0)
    assert (await caller.refused("GetRule", rule="r")).reason == "RULE_NOT_FOUND"
    done = await caller.do("CreateRule", **asked)
    assert (done.rule.etag, done.revision.number) == ("1", 1)


async def test_one_outcome_per_request_id(postgres: PostgresForTests) -> None:
    """A replay answers the first outcome though the world went on, also after a restart; other contents are refused."""
    with postgres.fresh("weir_sync") as database:
        create = {"rule": {"rule": "a", "stores": ["s"]}, "request_id": "once"}
        reorder = {"rules": ["b", "a"], "request_id": "once"}
        limit = {"store_limits": {"store": "s"}, "request_id": "once"}
        async with rules(database) as service:
            caller = service.caller()
            first = await caller.do("CreateRule", **create)
            await caller.create("b")
            ordered = await caller.do("ReorderRules", **reorder)
            limited = await caller.do("SetStoreLimits", **limit)
            taken = await caller.refused("CreateRule", **{**create, "request_id": "twice"})
            removed = await caller.do("DeleteRule", rule="a", request_id="once")
        async with rules(database) as service:
            caller = service.caller()
            assert await caller.do("CreateRule", **create) == first
            assert await caller.do("ReorderRules", **reorder) == ordered
            assert await caller.do("SetStoreLimits", **limit) == limited
            assert (await caller.refused("CreateRule", **{**create, "request_id": "twice"})).message == taken.message
            assert await caller.do("DeleteRule", rule="a", request_id="once") == removed
            told = await caller.refused("ReorderRules", rules=["b"], request_id="once")
            assert (told.kind, told.reason, told.metadata) == (Kind.TAKEN, "REQUEST_ID_REUSED", {"request_id": "once"})
            assert (await service.caller("other").do("CreateRule", **create)).revision.number == 1


async def test_freshness_is_of_these_rules(caller: Caller) -> None:
    """A read accepts revisions that were drawn, refuses those that were not, and says which revision it rests on."""
    made = (await caller.do("CreateRule", rule={"rule": "a", "stores": ["s"]})).revision
    assert (await caller.do("GetRule", rule="a", freshness={"at_least": [made]})).revision == made
    ahead = type(made)(context=made.context, cluster=made.cluster, epoch=made.epoch, number=2)
    foreign = type(made)(context=made.context, cluster="elsewhere", epoch=made.epoch, number=1)
    other = type(made)(context="ledger", cluster=made.cluster, epoch=made.epoch, number=1)
    for method, fields in (("GetRule", {"rule": "no"}), ("ListRules", {}), ("GetStoreLimits", {"store": "s"})):
        for revision, reason in ((ahead, "REVISION_AHEAD"), (foreign, "REVISION_FOREIGN"), (other, "REVISION_FOREIGN")):
            told = await caller.refused(method, freshness={"at_least": [revision]}, **fields)
            assert (told.kind, told.reason) == (Kind.MALFORMED, reason)
