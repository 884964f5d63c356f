"""Whose goods a person is shown, in which order, and what a row says; pure."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from weir_pooling.domain.authority import Standing
from weir_pooling.domain.deeds import Condition, Item
from weir_pooling.domain.people import User, UserRole
from weir_pooling.errors import UserNotFound

ACTION = "ListStock"


class View(enum.StrEnum):
    """What a viewer wants to see."""

    MY_CUSTODY = "MY_CUSTODY"
    SHARED_BY_DISTRIBUTOR = "SHARED_BY_DISTRIBUTOR"
    BOTH = "BOTH"


class Custody(enum.IntEnum):
    """Whose custody goods are in, to a viewer; in the order in which he is shown it."""

    OWN = 1
    HUB = 2
    MEMBER = 3


class Custodian(NamedTuple):
    """A person whose goods a viewer is shown; in order."""

    custody: Custody
    user: str


@dataclass(frozen=True, slots=True)
class StockQuery:
    """Which goods are meant; no `viewer` means the caller, and what is empty or None lets everything through."""

    viewer: str = ""
    view: View = View.BOTH
    custodians: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """A stock item as the ledger counts it; `expiry_date` is a day as in `2027-01-31`, empty where none was set."""

    item: Item
    on_hand: int
    reserved: int
    available: int
    expiry_date: str = ""


@dataclass(frozen=True, slots=True)
class Stock:
    """Goods as a viewer sees them."""

    count: Count
    custodian: Custodian
    in_transfer: int = 0
    incoming: int = 0


class Going(NamedTuple):
    """Units of transfers that are pending, and of these what goes to the viewer."""

    in_transfer: int
    incoming: int


class Position(NamedTuple):
    """Where a page begins: with a custodian, after a stock item of his, or with his first one."""

    custodian: Custodian
    after: Item | None = None


def custodians(viewer: Standing, asked: StockQuery, named: Sequence[User | None]) -> list[Custodian]:
    """Whose goods the viewer is shown, in order; `named` are the persons that `asked` names, as far as there are such.

    Raises UserNotFound for one who does not exist for the viewer, AuthorityInsufficient for one whose goods he never
    sees. A hub that has not opened its stock shows none.
    """
    found = _viewed(viewer, asked.view)
    if not asked.custodians:
        return sorted(found)
    for name, user in zip(asked.custodians, named, strict=True):
        if user is None or not viewer.names(name):
            raise UserNotFound(user=name)
        if not viewer.acts_for(name) and not (viewer.pool is not None and viewer.pool.hub == name):
            raise viewer.refusal(name, ACTION)
    if viewer.administrator and asked.view is View.BOTH:
        found |= {
            Custodian(Custody.HUB if user.role is UserRole.DISTRIBUTOR else Custody.MEMBER, user.user)
            for user in named
            if user is not None and user.user != viewer.user
        }
    return sorted(each for each in found if each.user in asked.custodians)


def _viewed(viewer: Standing, view: View) -> set[Custodian]:
    """Whose goods the view shows where nobody is named."""
    own, pool = Custodian(Custody.OWN, viewer.user), viewer.pool
    found = set() if view is View.SHARED_BY_DISTRIBUTOR else {own}
    if view is View.MY_CUSTODY or pool is None:
        return found
    if pool.access_hub_stock:
        found.add(own if viewer.hub else Custodian(Custody.HUB, pool.hub))
    if view is View.BOTH and viewer.hub:
        found |= {Custodian(Custody.MEMBER, each) for each in pool.members}
    return found


def stock(count: Count, custodian: Custodian, going: Going | None) -> Stock:
    """A row: what of the units promised is on its way, and on its way to the viewer.

    The ledger may be ahead of what is known here, and have moved what is still thought to wait: no more is told to be
    on its way than is promised.
    """
    in_transfer, incoming = going or (0, 0)
    return Stock(count, custodian, min(in_transfer, count.reserved), min(incoming, count.reserved))
