"""A person goes: once nothing rests on him, here or in the ledger."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from weir_chassis.configuration.handlers import Decide, found
from weir_chassis.configuration.objects import Decision, Named
from weir_chassis.configuration.ports import Objects
from weir_pooling.domain import pools as rules
from weir_pooling.domain.cases import Case, CaseState
from weir_pooling.domain.deeds import Item
from weir_pooling.domain.people import User
from weir_pooling.domain.transfers import State, Transfer
from weir_pooling.domain.views import StockQuery
from weir_pooling.handlers.people import user
from weir_pooling.handlers.standing import caller, pool_of, standing
from weir_pooling.ports import Holdings

A = TypeVar("A")

GOODS_MAX = 1000
"""How many of the stock items in his custody the ledger is asked for: a refusal counts no more."""


class _Unasked(Exception):
    """The ledger was not asked yet what is in the custody of the person."""


async def delete_user(
    carry_out: Callable[[Decide[Objects, Named[User], User]], Awaitable[A]], holdings: Holdings, named: Named[User]
) -> A:
    """Have a person removed by `carry_out`, which does what it is told once however often the request arrives.

    The ledger is asked at the first arrival only, while no transaction is open: what comes into his custody at that
    very moment may be there when he is gone. Raises PeerAway, and what the request ends with.
    """
    goods: list[str] | None = None

    async def decide(objects: Objects, named: Named[User]) -> Decision[User]:
        current = await _leaving(objects, named)
        if goods is None:
            raise _Unasked
        return rules.delete_user(current, users=[*await _users(objects, current), *goods])

    try:
        return await carry_out(decide)
    except _Unasked:
        held = await holdings.held(named.key[0], StockQuery(), after=None, limit=GOODS_MAX, fresh={})
    goods = [_told(each.item) for each in held.counts]
    return await carry_out(decide)


async def _leaving(objects: Objects, named: Named[User]) -> User:
    """Who shall be removed; raises UserNotFound, AuthorityInsufficient, EtagStale."""
    who = await standing(objects, caller())
    await user(objects, who, named.key)
    who.administering(named.key[0], "DeleteUser")
    return await found(objects, named)


async def _users(objects: Objects, current: User) -> Sequence[str]:
    """What rests on the person here."""
    pool = await pool_of(objects, current.user)
    cases = await objects.select(Case, {"user": current.user, "state": CaseState.OPEN})
    waiting = frozenset({State.REQUESTED, State.PENDING})
    transfers = await objects.select(Transfer, {"side": current.user, "state": waiting})
    return [
        *([f"pool {pool.pool}"] if pool is not None else []),
        *(f"transfer {each.transfer}" for each in transfers),
        *(f"case {each.case}" for each in cases),
    ]


def _told(item: Item) -> str:
    """Goods in his custody, for people."""
    lot = f", lot {item.lot}" if item.lot else ""
    return f"stock item {item.sku} at {item.location}{lot}"
