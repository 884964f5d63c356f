"""Whose goods a person is shown: every view, every viewer, every name he may ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from weir_pooling.domain.authority import Standing
from weir_pooling.domain.deeds import Condition, Item
from weir_pooling.domain.people import Pool, User, UserRole
from weir_pooling.domain.views import Count, Custodian, Custody, Going, Stock, StockQuery, View, custodians, stock
from weir_pooling.errors import AuthorityInsufficient, UserNotFound

POOL = Pool("north", "hub", members=("rep", "rival"), access_hub_stock=True)
OFF = replace(POOL, access_hub_stock=False)
ADMINISTRATOR, DISTRIBUTOR, REP = UserRole.ADMINISTRATOR, UserRole.DISTRIBUTOR, UserRole.REP
USERS = {
    each.user: each
    for each in (
        User("boss", ADMINISTRATOR), User("hub", DISTRIBUTOR), User("rep", REP), User("rival", REP),
        User("stranger", REP),
    )
}  # fmt: skip
OWN, HUB, MEMBER = Custody.OWN, Custody.HUB, Custody.MEMBER
MY, SHARED, BOTH = View.MY_CUSTODY, View.SHARED_BY_DISTRIBUTOR, View.BOTH


def shown(viewer: str, view: View, *named: str, pool: Pool = POOL) -> list[tuple[Custody, str]]:
    """Whose goods a person is shown in a view, of those that are named, if any are."""
    user = USERS[viewer]
    standing = Standing(viewer, user.role, pool if viewer in pool.persons else None)
    asked = StockQuery(view=view, custodians=named)
    return [(each.custody, each.user) for each in custodians(standing, asked, [USERS.get(each) for each in named])]


VIEWS: list[tuple[str, View, Pool, list[tuple[Custody, str]]]] = [
    ("rep", MY, POOL, [(OWN, "rep")]),
    ("rep", SHARED, POOL, [(HUB, "hub")]),
    ("rep", BOTH, POOL, [(OWN, "rep"), (HUB, "hub")]),
    ("rep", MY, OFF, [(OWN, "rep")]),
    ("rep", SHARED, OFF, []),
    ("rep", BOTH, OFF, [(OWN, "rep")]),
    ("hub", MY, POOL, [(OWN, "hub")]),
    ("hub", SHARED, POOL, [(OWN, "hub")]),
    ("hub", SHARED, OFF, []),
    ("hub", BOTH, POOL, [(OWN, "hub"), (MEMBER, "rep"), (MEMBER, "rival")]),
    ("hub", BOTH, OFF, [(OWN, "hub"), (MEMBER, "rep"), (MEMBER, "rival")]),
    ("stranger", MY, POOL, [(OWN, "stranger")]),
    ("stranger", SHARED, POOL, []),
    ("stranger", BOTH, POOL, [(OWN, "stranger")]),
    ("boss", BOTH, POOL, [(OWN, "boss")]),
]


@pytest.mark.parametrize(("viewer", "view", "pool", "expected"), VIEWS)
def test_views(viewer: str, view: View, pool: Pool, expected: list[tuple[Custody, str]]) -> None:
    """A person sees his own, a member the hub's while the switch is on, the hub its members'; nobody else's, ever."""
    assert shown(viewer, view, pool=pool) == expected


NAMED: list[tuple[str, View, Pool, Sequence[str], list[tuple[Custody, str]]]] = [
    ("hub", BOTH, POOL, ["rival"], [(MEMBER, "rival")]),
    ("hub", BOTH, POOL, ["rival", "hub"], [(OWN, "hub"), (MEMBER, "rival")]),
    ("hub", MY, POOL, ["rival"], []),
    ("rep", BOTH, POOL, ["hub"], [(HUB, "hub")]),
    ("rep", BOTH, OFF, ["hub"], []),
    ("rep", SHARED, POOL, ["rep"], []),
    ("boss", BOTH, POOL, ["rival", "hub", "boss"], [(OWN, "boss"), (HUB, "hub"), (MEMBER, "rival")]),
    ("boss", MY, POOL, ["rival"], []),
]


@pytest.mark.parametrize(("viewer", "view", "pool", "named", "expected"), NAMED)
def test_named_custodians(
    viewer: str, view: View, pool: Pool, named: Sequence[str], expected: list[tuple[Custody, str]]
) -> None:
    """Of those who are named the view is shown, and no more; an administrator may name anybody."""
    assert shown(viewer, view, *named, pool=pool) == expected


def test_who_may_not_be_named() -> None:
    """A member may not ask for a fellow's goods; of whom he does not know he does not learn whether there is such a
    person."""
    for view in View:
        with pytest.raises(AuthorityInsufficient):
            shown("rep", view, "rival")
        for viewer, name in (("rep", "stranger"), ("rep", "nobody"), ("hub", "stranger"), ("stranger", "hub"),
                             ("boss", "nobody")):  # fmt: skip
            with pytest.raises(UserNotFound):
                shown(viewer, view, name)


def test_rows() -> None:
    """A row says how many units wait for others and for the viewer, and never more than the ledger has promised."""
    item = Item("", "NAIL", "T1", "L1", "EACH", "hub", Condition.SELLABLE)
    count, hub = Count(item, 10, 5, 5, "2027-01-31"), Custodian(HUB, "hub")
    assert stock(count, hub, Going(3, 2)) == Stock(count, hub, in_transfer=3, incoming=2)
    assert stock(count, hub, None) == Stock(count, hub)
    moved = replace(count, on_hand=7, reserved=1, available=6)
    assert stock(moved, hub, Going(3, 2)) == Stock(moved, hub, in_transfer=1, incoming=1)
