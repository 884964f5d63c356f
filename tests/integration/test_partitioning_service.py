"""Policies over real gRPC and Postgres: what every rpc answers, what it refuses, and that it does each once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.kit.partitioning import EQUAL, Caller, Partitioning, partitioning
from tests.kit.postgres import PostgresForTests
from weir.partitioning.v1 import policy_pb2 as pb
from weir_chassis import policy
from weir_chassis.errors import Kind
from weir_partitioning.servicer import POLICY

TV, RADIO = {"sku": "TV"}, {"owner": "acme", "sku": "RADIO"}


@pytest.fixture
async def service(postgres: PostgresForTests) -> AsyncIterator[Partitioning]:
    """A service on a fresh database, of five policies at most."""
    with postgres.fresh("weir_partitioning") as database:
        async with partitioning(database, policies_max=5) as running:
            yield running


@pytest.fixture
def caller(service: Partitioning) -> Caller:
    """A caller of the service."""
    return service.caller()


def test_every_method_has_its_access(service: Partitioning) -> None:
    """The policy names every method of the service and no other."""
    assert policy.faults([each.service for each in service.server.registrations], POLICY) == []


# What is said under each strategy, parts in rank order.
SAID: list[dict[str, Any]] = [
    {"strategy": EQUAL, "parts": [{"channel_group": "b"}, {"channel_group": "a", "rank": 1, "cap": 0}]},
    {
        "strategy": pb.STRATEGY_SAFETY_STOCK,
        "buffer_units": 10**9,
        "parts": [{"channel_group": "a", "rank": 10**6, "weight": 10**6, "cap": 10**9}],
    },
    {"strategy": pb.STRATEGY_SAFETY_STOCK, "buffer_percent": 100},
    {"strategy": pb.STRATEGY_WEIGHTED, "parts": [{"channel_group": "a"}, {"channel_group": "b", "weight": 1}]},
    {
        "strategy": pb.STRATEGY_RANKED,
        "parts": [
            {"channel_group": "b", "rank": 1, "percent": 60, "minimum": 10**9},
            {"channel_group": "a", "rank": 2, "percent": 40},
        ],
    },
    {"strategy": pb.STRATEGY_FIXED, "parts": [{"channel_group": "a", "quantity": 10**9}, {"channel_group": "b"}]},
    {
        "strategy": pb.STRATEGY_DEMAND,
        "mode": pb.POLICY_MODE_BALANCED,
        "parts": [{"channel_group": "a", "weight": 10**6, "protected_percent": 100}],
        "threshold_percent": 100,
        "hysteresis_units": 10**9,
        "rebalance_interval": {"seconds": 30 * 86_400},
        "demand_days": 365,
        "damping_percent": 99,
    },
]


@pytest.mark.parametrize("said", SAID, ids=lambda said: pb.Strategy.Name(said["strategy"]))
async def test_a_policy_is_kept_as_it_was_said(caller: Caller, said: dict[str, Any]) -> None:
    """Every field comes back, with products and parts in order, and the revision of the change as etag."""
    asked = {"policy": "tv", "display_name": "Televisions", "priority": 7, "disabled": True, **said}
    parts = list(reversed(said.get("parts", [])))
    made = await caller.do("CreatePolicy", policy={**asked, "products": [RADIO, TV], "parts": parts})
    expected = pb.Policy(**{"mode": pb.POLICY_MODE_CONTINUOUS, **asked, "products": [TV, RADIO], "etag": "1"})
    assert made.policy == expected
    assert (made.revision.context, made.revision.number) == ("partitioning", 1)
    found = await caller.do("GetPolicy", policy="tv", freshness={"at_least": [made.revision]})
    assert (found.policy, found.revision) == (expected, made.revision)
    listed = await caller.do("ListPolicies")
    assert (list(listed.policies), listed.next_page_token, listed.revision) == ([expected], "", made.revision)
    assert (await caller.export()) == (made.revision, {"tv": expected})


async def test_what_is_not_said_has_its_default(caller: Caller) -> None:
    """A policy is for every product, among every group, divides anew at each question, comes first and is tried."""
    made = await caller.create("all")
    assert made == pb.Policy(policy="all", priority=1, strategy=EQUAL, mode=pb.POLICY_MODE_CONTINUOUS, etag="1")


async def test_a_policy_is_replaced_and_removed(caller: Caller) -> None:
    """An update replaces all but the place, which stays unless another is named; disabling keeps it; removal frees
    it.
    """
    await caller.create("a", products=[TV])
    await caller.create("b", priority=7, display_name="B")
    asked = {"policy": "b", "strategy": pb.STRATEGY_WEIGHTED, "disabled": True}
    changed = (await caller.do("UpdatePolicy", policy=asked)).policy
    assert (changed.strategy, changed.display_name, changed.priority) == (pb.STRATEGY_WEIGHTED, "", 7)
    assert (changed.disabled, changed.etag) == (True, "3")
    taken = await caller.refused("CreatePolicy", policy={"policy": "c", "strategy": EQUAL, "priority": 7})
    assert taken.metadata == {"priority": "7", "policy": "b"}
    enabled = (await caller.do("UpdatePolicy", policy={"policy": "b", "strategy": EQUAL, "priority": 3})).policy
    assert (enabled.priority, enabled.disabled) == (3, False)
    assert (await caller.do("DeletePolicy", policy="a", etag="1")).revision.number == 5
    assert (await caller.refused("GetPolicy", policy="a")).reason == "POLICY_NOT_FOUND"
    assert (await caller.create("c", priority=1)).priority == 1


async def test_an_order_is_given_at_once(caller: Caller) -> None:
    """All policies, the disabled included, get 1, 2, 3 in one revision, and those that moved are told as they are."""
    for name in "abcd":
        await caller.create(name, disabled=name == "c")
    asked = {"policies": ["d", "b", "c", "a"], "request_id": "order"}
    checked = await caller.do("ReorderPolicies", **asked, validate_only=True)
    assert [(each.policy, each.priority, each.etag) for each in checked.priorities] == [("d", 1, "4"), ("a", 4, "1")]
    done = await caller.do("ReorderPolicies", **asked)
    assert [(each.policy, each.priority, each.etag) for each in done.priorities] == [("d", 1, "5"), ("a", 4, "5")]
    assert done.revision.number == 5
    assert await caller.order() == [("d", 1), ("b", 2), ("c", 3), ("a", 4)]
    assert (await caller.do("GetPolicy", policy="b")).policy.etag == "2"
    await caller.do("ReorderPolicies", policies=["a", "b", "c", "d"])
    assert await caller.do("ReorderPolicies", **asked) == done
    again = await caller.do("ReorderPolicies", policies=["a", "b", "c", "d"])
    assert (list(again.priorities), again.revision.number) == ([], 6)


async def test_an_order_closes_gaps(caller: Caller) -> None:
    """Priorities with gaps between them become 1, 2, 3, also where nobody overtakes another."""
    await caller.create("a", priority=10**6)
    await caller.create("b", priority=5)
    done = await caller.do("ReorderPolicies", policies=["b", "a"])
    assert [(each.policy, each.priority) for each in done.priorities] == [("b", 1), ("a", 2)]
    assert (await caller.create("c")).priority == 3


# What is refused where the policies a (1), b (2) and c (9) are, with all that the caller is told.
REFUSED: list[tuple[str, dict[str, Any], Kind, str, dict[str, str]]] = [
    ("CreatePolicy", {"policy": {"policy": "a", "strategy": EQUAL}}, Kind.TAKEN, "POLICY_EXISTS", {"policy": "a"}),
    (
        "CreatePolicy",
        {"policy": {"policy": "d", "strategy": EQUAL, "priority": 9}},
        Kind.TAKEN,
        "POLICY_PRIORITY_TAKEN",
        {"priority": "9", "policy": "c"},
    ),
    (
        "UpdatePolicy",
        {"policy": {"policy": "d", "strategy": EQUAL}},
        Kind.UNKNOWN,
        "POLICY_NOT_FOUND",
        {"policy": "d"},
    ),
    (
        "UpdatePolicy",
        {"policy": {"policy": "a", "strategy": EQUAL, "priority": 2}},
        Kind.TAKEN,
        "POLICY_PRIORITY_TAKEN",
        {"priority": "2", "policy": "b"},
    ),
    ("DeletePolicy", {"policy": "d"}, Kind.UNKNOWN, "POLICY_NOT_FOUND", {"policy": "d"}),
    (
        "ReorderPolicies",
        {"policies": ["d", "b"]},
        Kind.UNMET,
        "POLICY_ORDER_INCOMPLETE",
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


async def test_more_policies_than_allowed_are_refused_and_nothing_else_is(caller: Caller) -> None:
    """At the limit no policy is added; those there can be changed, put in order and removed, and then one added."""
    await caller.create(*"abcde")
    more = {"policy": {"policy": "f", "strategy": EQUAL}, "request_id": "more"}
    told = await caller.refused("CreatePolicy", **more)
    assert (told.kind, told.reason, told.metadata) == (Kind.EXHAUSTED, "POLICIES_EXHAUSTED", {"limit": "5"})
    await caller.do("UpdatePolicy", policy={"policy": "a", "strategy": EQUAL, "display_name": "A"})
    await caller.do("ReorderPolicies", policies=list("edcba"))
    await caller.do("DeletePolicy", policy="c")
    assert (await caller.do("CreatePolicy", **more)).policy.priority == 6


async def test_two_hundred_policies_are_put_in_order(postgres: PostgresForTests) -> None:
    """As many as there may be by default are turned round in one call, and exported as they then are."""
    names = [f"{number:03}" for number in range(200)]
    with postgres.fresh("weir_partitioning") as database:
        async with partitioning(database) as service:
            caller = service.caller()
            await caller.create(*names)
            told = await caller.refused("CreatePolicy", policy={"policy": "x", "strategy": EQUAL})
            assert told.metadata == {"limit": "200"}
            done = await caller.do("ReorderPolicies", policies=names[::-1])
            assert [each.policy for each in done.priorities] == names[::-1]
            assert await caller.order() == list(zip(names[::-1], range(1, 201), strict=True))
            revision, state = await caller.export()
            assert revision == done.revision
            assert [state[name].priority for name in names] == list(range(200, 0, -1))


async def test_etags(caller: Caller) -> None:
    """A change that rests on an older version is ABORTED with the newer etag, and the same id may try again."""
    first = await caller.create("a")
    asked = {"policy": "a", "strategy": EQUAL}
    second = (await caller.do("UpdatePolicy", policy={**asked, "disabled": True, "etag": first.etag})).policy
    assert first.etag != second.etag
    late: dict[str, Any] = {"policy": {**asked, "etag": first.etag}, "request_id": "late"}
    told = await caller.refused("UpdatePolicy", **late)
    assert (told.kind, told.reason, told.metadata) == (Kind.RACED, "ETAG_STALE", {"current": second.etag})
    assert (await caller.refused("DeletePolicy", policy="a", etag=first.etag)).reason == "ETAG_STALE"
    late["policy"]["etag"] = second.etag
    await caller.do("UpdatePolicy", **late)


async def test_a_new_order_is_a_new_version_of_what_moved(caller: Caller) -> None:
    """Whoever read a policy before it moved cannot overwrite it unseen; one that stayed in its place can be changed."""
    a, _, c = [await caller.create(name) for name in "abc"]
    await caller.do("ReorderPolicies", policies=["b", "a", "c"])
    stale = {"policy": "a", "strategy": EQUAL, "disabled": True, "etag": a.etag}
    assert (await caller.refused("UpdatePolicy", policy=stale)).reason == "ETAG_STALE"
    await caller.do("UpdatePolicy", policy={**stale, "policy": "c", "etag": c.etag})
    assert (await caller.do("UpdatePolicy", policy={**stale, "policy": "b", "etag": ""})).policy.priority == 1


async def test_what_is_as_asked_draws_no_revision(caller: Caller) -> None:
    """Updating to the same, in whatever order it is said, keeps etag and revision."""
    asked = {"policy": "p", "strategy": EQUAL, "products": [TV, RADIO]}
    made = await caller.do("CreatePolicy", policy=asked)
    again = await caller.do("UpdatePolicy", policy={**asked, "products": [RADIO, TV], "priority": 1})
    assert (again.policy, again.revision) == (made.policy, made.revision)


async def test_a_check_changes_nothing(caller: Caller) -> None:
    """validate_only answers what would be, at the newest revision, and leaves the request id free."""
    asked = {"policy": {"policy": "p", "strategy": EQUAL, "etag": "ignored"}, "request_id": "one"}
    checked = await caller.do("CreatePolicy", **asked, validate_only=True)
    assert (checked.policy.priority, checked.policy.etag, checked.revision.number) == (1, "", 0)
    assert (await caller.refused("GetPolicy", policy="p")).reason == "POLICY_NOT_FOUND"
    done = await caller.do("CreatePolicy", **asked)
    assert (done.policy.etag, done.revision.number) == ("1", 1)


async def test_one_outcome_per_request_id(postgres: PostgresForTests) -> None:
    """A replay answers the first outcome though the world went on, also after a restart; other contents are refused."""
    with postgres.fresh("weir_partitioning") as database:
        create: dict[str, Any] = {
            "policy": {"policy": "a", "strategy": EQUAL, "products": [TV], "parts": [{"channel_group": "g", "cap": 0}]},
            "request_id": "once",
        }
        reorder = {"policies": ["b", "a"], "request_id": "once"}
        async with partitioning(database) as service:
            caller = service.caller()
            first = await caller.do("CreatePolicy", **create)
            await caller.create("b")
            ordered = await caller.do("ReorderPolicies", **reorder)
            taken = await caller.refused("CreatePolicy", **{**create, "request_id": "twice"})
            removed = await caller.do("DeletePolicy", policy="a", request_id="once")
        async with partitioning(database) as service:
            caller = service.caller()
            assert await caller.do("CreatePolicy", **create) == first
            assert await caller.do("ReorderPolicies", **reorder) == ordered
            assert (await caller.refused("CreatePolicy", **{**create, "request_id": "twice"})).message == taken.message
            assert await caller.do("DeletePolicy", policy="a", request_id="once") == removed
            told = await caller.refused("ReorderPolicies", policies=["b"], request_id="once")
            assert (told.kind, told.reason, told.metadata) == (Kind.TAKEN, "REQUEST_ID_REUSED", {"request_id": "once"})
            assert (await service.caller("other").do("CreatePolicy", **create)).revision.number == 1


async def test_freshness_is_of_these_policies(caller: Caller) -> None:
    """A read accepts revisions that were drawn, refuses those that were not, and says which revision it rests on."""
    made = (await caller.do("CreatePolicy", policy={"policy": "a", "strategy": EQUAL})).revision
    assert (await caller.do("GetPolicy", policy="a", freshness={"at_least": [made]})).revision == made
    ahead = type(made)(context=made.context, cluster=made.cluster, epoch=made.epoch, number=2)
    foreign = type(made)(context=made.context, cluster="elsewhere", epoch=made.epoch, number=1)
    other = type(made)(context="sharing", cluster=made.cluster, epoch=made.epoch, number=1)
    for method, fields in (("GetPolicy", {"policy": "no"}), ("ListPolicies", {})):
        for revision, reason in ((ahead, "REVISION_AHEAD"), (foreign, "REVISION_FOREIGN"), (other, "REVISION_FOREIGN")):
            told = await caller.refused(method, freshness={"at_least": [revision]}, **fields)
            assert (told.kind, told.reason) == (Kind.MALFORMED, reason)
