"""Pooling and the ledger beneath it in plain structures: what handlers do, with no server and no database."""

from __future__ import annotations

import itertools
from typing import Any, TypeVar

from tests.kit.deeds import MemoryBooks
from weir_chassis import call
from weir_chassis.auth import Principal, Role
from weir_chassis.configuration.handlers import Decide
from weir_chassis.configuration.objects import Change, Configured, Decision, Key
from weir_chassis.idempotency import Attempt
from weir_chassis.revisions import Origin
from weir_pooling.domain.deeds import Deed, Item
from weir_pooling.domain.people import Pool, User, UserRole
from weir_pooling.domain.transfers import Line, Transfer, Wish
from weir_pooling.handlers import cases, transfers
from weir_pooling.handlers.settling import Settled, Settling
from weir_pooling.memory import memory_pooling
from weir_pooling.ports import Pooling

TENANT = "acme"
ORIGIN = Origin("pooling", "memory", 1)
CONCLUSIONS = {**transfers.CONCLUSIONS, **cases.CONCLUSIONS}

T = TypeVar("T", bound=Configured)
W = TypeVar("W")


class House:
    """A pool of `hub`, `ann` and `bob`, a pool of `hub2` and `cid`, an administrator `boss`, and what they do."""

    def __init__(self, books: MemoryBooks | None = None, *, tenants: Any = None) -> None:
        """Nobody is there until `people` is awaited."""
        self.books = books or MemoryBooks()
        self.tenants = tenants or memory_pooling()
        self.settling: Settling[Pooling] = Settling(self.tenants, self.books, ORIGIN, CONCLUSIONS)
        self._numbers = itertools.count()

    async def people(self, *, on: bool = True) -> House:
        """Have everybody there, the hubs sharing or not; itself."""
        roles = {"boss": UserRole.ADMINISTRATOR, "hub": UserRole.DISTRIBUTOR, "hub2": UserRole.DISTRIBUTOR}
        users = [User(each, roles.get(each, UserRole.REP)) for each in ("boss", "hub", "ann", "bob", "hub2", "cid")]
        pools = [Pool("north", "hub", "", ("ann", "bob"), on), Pool("south", "hub2", "", ("cid",), on)]

        async def all_of_them(_: Pooling) -> Decision[User]:
            return Decision(users[0], tuple(map(Change, (*users, *pools))))

        await self.tenants.once(Attempt(TENANT, "people", f"people {on}", b""), all_of_them)
        return self

    async def do(
        self, user: str, decide: Decide[Pooling, W, Deed], wanted: W, *, subject: str = "", request_id: str = ""
    ) -> Settled:
        """What somebody's request comes to."""
        with call.acting(call.Call("a call", Principal(TENANT, user, Role.OPERATOR))):
            attempt = Attempt(TENANT, "a call", request_id or f"request {next(self._numbers)}", b"")
            return await self.settling.settle(attempt, decide, wanted, subject=subject)

    async def ask(self, user: str, sender: str, recipient: str, *units: tuple[Item, int], **more: str) -> Transfer:
        """The transfer that somebody asks for."""
        wish = Wish(sender, recipient, tuple(Line(*each) for each in units), "", "")
        settled = await self.do(user, transfers.request_transfer, wish, **more)
        assert isinstance(settled.answer, Transfer)
        return settled.answer

    async def found(self, kind: type[T], key: Key) -> T | None:
        """An object as it stands."""
        async with self.tenants.reading(TENANT) as objects:
            found: T | None = await objects.get(kind, key)
        return found

    async def all(self, kind: type[T]) -> list[T]:
        """All objects of a kind."""
        async with self.tenants.reading(TENANT) as objects:
            found: list[T] = await objects.select(kind)
        return found


def nails(custodian: str, location: str = "W1") -> Item:
    """Nails in somebody's custody."""
    return Item("", "NAIL", location, "", "EACH", custodian)
