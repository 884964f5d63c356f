"""The rules of persons and pools as tables: what each decision changes, and what each refusal tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from weir_chassis.configuration.objects import Decision
from weir_chassis.errors import Kind, Refusal
from weir_chassis.settings import load
from weir_pooling.app import Settings
from weir_pooling.domain import pools as rules
from weir_pooling.domain.people import Pool, User, UserRole

DISTRIBUTOR, REP = UserRole.DISTRIBUTOR, UserRole.REP
HUB, ANN, BOB = User("hub", DISTRIBUTOR), User("ann", REP, "Ann", "trunk"), User("bob", REP)
NORTH = Pool("north", "hub", "North", ("ann", "bob"))
SOUTH = Pool("south", "hub2", "", ("cid",))
PERSONS = {each.user: each for each in (HUB, ANN, BOB, User("hub2", DISTRIBUTOR), User("cid", REP))}


def told(decision: Decision[Any]) -> list[tuple[Any, bool]]:
    """The changes of a decision: what, and whether it goes."""
    return [(change.object, change.deleted) for change in decision.changes]


@pytest.mark.parametrize(
    ("decide", "changes"),
    [
        (lambda: rules.create_user(ANN, None, seller=None), [(ANN, False)]),
        (lambda: rules.update_user(BOB, BOB, seller=None, pool=NORTH), []),
        (lambda: rules.update_user(ANN, User("ann", REP), seller=None, pool=NORTH), [(ANN, False)]),
        (lambda: rules.update_user(ANN, User("ann", DISTRIBUTOR), seller=ANN, pool=None), [(ANN, False)]),
        (lambda: rules.delete_user(ANN, users=[]), [(ANN, True)]),
        (lambda: rules.create_pool(NORTH, None, persons=PERSONS, pools=[]), [(NORTH, False)]),
        (lambda: rules.create_pool(Pool("p", "hub"), None, persons=PERSONS, pools=[]), [(Pool("p", "hub"), False)]),
        (lambda: rules.update_pool(NORTH, NORTH, persons=PERSONS, pools=[NORTH]), []),
        (
            lambda: rules.update_pool(NORTH, Pool("north", "hub2"), persons=PERSONS, pools=[NORTH]),
            [(NORTH, False)],
        ),
        (lambda: rules.set_hub_access(NORTH, on=True), [(replace(NORTH, access_hub_stock=True), False)]),
        (lambda: rules.set_hub_access(NORTH, on=False), []),
    ],
)
def test_what_a_decision_changes(decide: Callable[[], Decision[Any]], changes: list[tuple[Any, bool]]) -> None:
    """Each rule changes exactly what its request is about, and nothing where all is as asked."""
    assert told(decide()) == changes


@pytest.mark.parametrize(
    ("decide", "kind", "reason", "metadata"),
    [
        (lambda: rules.create_user(ANN, ANN, seller=None), Kind.TAKEN, "USER_EXISTS", {"user": "ann"}),
        (
            lambda: rules.create_user(ANN, None, seller=BOB),
            Kind.TAKEN, "CHANNEL_TAKEN", {"channel": "trunk", "user": "bob"},
        ),
        (lambda: rules.update_user(ANN, None, seller=None, pool=None), Kind.UNKNOWN, "USER_NOT_FOUND", {"user": "ann"}),
        (
            lambda: rules.update_user(ANN, ANN, seller=BOB, pool=None),
            Kind.TAKEN, "CHANNEL_TAKEN", {"channel": "trunk", "user": "bob"},
        ),
        (
            lambda: rules.update_user(User("ann", DISTRIBUTOR), ANN, seller=None, pool=NORTH),
            Kind.UNMET, "USER_IN_USE", {"user": "ann", "used_by": "pool north"},
        ),
        (
            lambda: rules.update_user(replace(ANN, etag="1"), replace(ANN, etag="2"), seller=None, pool=None),
            Kind.RACED, "ETAG_STALE", {"current": "2"},
        ),
        (
            lambda: rules.delete_user(ANN, users=["pool north", "transfer 1"]),
            Kind.UNMET, "USER_IN_USE", {"user": "ann", "used_by": "pool north, transfer 1"},
        ),
        (
            lambda: rules.create_pool(NORTH, NORTH, persons=PERSONS, pools=[]),
            Kind.TAKEN, "POOL_EXISTS", {"pool": "north"},
        ),
        (
            lambda: rules.create_pool(NORTH, None, persons={"ann": ANN, "bob": BOB}, pools=[]),
            Kind.UNKNOWN, "USER_NOT_FOUND", {"user": "hub"},
        ),
        (
            lambda: rules.create_pool(NORTH, None, persons={"hub": HUB, "ann": ANN}, pools=[]),
            Kind.UNKNOWN, "USER_NOT_FOUND", {"user": "bob"},
        ),
        (
            lambda: rules.create_pool(Pool("p", "ann"), None, persons=PERSONS, pools=[]),
            Kind.UNMET, "USER_ROLE", {"user": "ann", "role": "REP", "required": "DISTRIBUTOR"},
        ),
        (
            lambda: rules.create_pool(Pool("p", "hub", "", ("hub2",)), None, persons=PERSONS, pools=[]),
            Kind.UNMET, "USER_ROLE", {"user": "hub2", "role": "DISTRIBUTOR", "required": "REP"},
        ),
        (
            lambda: rules.create_pool(Pool("p", "hub2", "", ("ann",)), None, persons=PERSONS, pools=[NORTH, SOUTH]),
            Kind.TAKEN, "USER_POOLED", {"user": "ann", "pool": "north"},
        ),
        (
            lambda: rules.update_pool(Pool("north", "hub2"), NORTH, persons=PERSONS, pools=[SOUTH]),
            Kind.TAKEN, "USER_POOLED", {"user": "hub2", "pool": "south"},
        ),
        (
            lambda: rules.update_pool(NORTH, None, persons=PERSONS, pools=[]),
            Kind.UNKNOWN, "POOL_NOT_FOUND", {"pool": "north"},
        ),
    ],
)  # fmt: skip
def test_why_a_request_is_refused(
    decide: Callable[[], Decision[Any]], kind: Kind, reason: str, metadata: dict[str, str]
) -> None:
    """Each broken law has its reason, and tells who or what is in the way."""
    with pytest.raises(Refusal) as refused:
        decide()
    assert (refused.value.kind, refused.value.reason, refused.value.metadata) == (kind, reason, metadata)


def test_a_pool_is_found_by_its_people() -> None:
    """A pool has a person who is its hub or a member, and one of several who are."""
    assert [NORTH.has("person", name) for name in ("hub", "ann", "bob", "cid")] == [True, True, True, False]
    assert NORTH.has("person", frozenset({"cid", "bob"}))
    assert not NORTH.has("person", frozenset({"cid"}))
    assert NORTH.has("hub", "hub")
    assert NORTH.has("pool", frozenset({"north", "south"}))


def test_settings() -> None:
    """Nothing need be set: port 7105 on loopback, the ledger beside it, and a month of history."""
    settings = load(Settings, {"WEIR_DATABASE_URL": "postgresql://u:p@h/d"})
    assert str(settings.server.listen) == "127.0.0.1:7105"
    assert settings.ledger_target == "127.0.0.1:7101"
    assert settings.history_keep_seconds == 30 * 24 * 3600
