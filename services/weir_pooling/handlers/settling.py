"""Requests that move units: written down, done in the ledger, and written down again (`domain.deeds`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

from weir_chassis.configuration.errors import Missing
from weir_chassis.configuration.handlers import Decide
from weir_chassis.configuration.objects import Change, Configured, Decision, Outcome
from weir_chassis.configuration.ports import Objects, Tenants
from weir_chassis.errors import Kind, Refusal
from weir_chassis.idempotency import Attempt
from weir_chassis.revisions import Origin, Revision
from weir_pooling.domain.deeds import Deed
from weir_pooling.errors import UnderWay
from weir_pooling.ports import Books, Done

O = TypeVar("O", bound=Objects)  # noqa: E741 -- the objects of the service
W = TypeVar("W")
A = TypeVar("A")

TRIES_MAX = 16
"""How often a request that meets other deeds about the same subject brings them to their end first."""
CONCLUDING = "deed"
"""The method under which the end of a deed is kept, by the deed's name."""

Conclude = Callable[[O, Deed, Done | None], Awaitable[Decision[Configured]]]
"""What a deed changes here once it is done, and its answer; None where the ledger refused it, so that all is as
before.
"""


class Settled(NamedTuple):
    """What a request came to: its answer, and the revisions here and in the ledger."""

    answer: Configured
    revision: Revision
    books: Revision


class _Unforeseen(Exception):
    """The deed that a request comes to, before the ledger was asked whether it would do it."""

    def __init__(self, deed: Deed) -> None:
        super().__init__(deed.deed)
        self.deed = deed


class Settling(Generic[O]):
    """Has deeds done, one after the other for each subject."""

    def __init__(
        self, tenants: Tenants[O], books: Books, origin: Origin, conclusions: Mapping[str, Conclude[O]]
    ) -> None:
        """Write down in `tenants`, whose revisions are drawn at `origin`, and have `books` do it; `conclusions` are by
        the deed's action.
        """
        self._tenants = tenants
        self._books = books
        self._origin = origin
        self._conclusions = conclusions

    async def settle(self, attempt: Attempt, decide: Decide[O, W, Deed], wanted: W, *, subject: str = "") -> Settled:
        """What the request comes to, once however often it arrives.

        `decide` writes the deed down, and whatever else shall be seen of it at once; no `subject` is of something new.
        Raises the refusal that it, or the ledger, ended with; UnderWay; PeerAway, after which the request goes on when
        it is repeated.
        """
        foreseen = False

        async def alone(objects: O) -> Decision[Deed]:
            decision = await _alone(objects, decide, wanted, subject)
            if not foreseen:
                raise _Unforeseen(decision.object)
            return decision

        async def write() -> Outcome[Deed]:
            nonlocal foreseen
            try:
                return await self._tenants.once(attempt, alone)
            except _Unforeseen as unforeseen:
                await self._foresee(attempt, unforeseen.deed)
            foreseen = True
            return await self._tenants.once(attempt, alone)

        outcome = await self.alone(attempt.tenant, write, subject=subject)
        return await self.end(attempt.tenant, outcome.object)

    async def check(self, tenant: str, decide: Decide[O, W, Deed], wanted: W) -> Deed:
        """The deed that the request would come to if it came now, which the ledger would do; changes nothing."""
        return (await self.foreseen(tenant, decide, wanted)).object

    async def foreseen(
        self, tenant: str, decide: Decide[O, W, Deed], wanted: W, *, subject: str = ""
    ) -> Decision[Deed]:
        """The same with all that would be seen at once; what was begun about the subject is brought to its end first.

        Raises the refusal that the request would end with, UnderWay, PeerAway.
        """

        async def decided() -> Decision[Deed]:
            async with self._tenants.reading(tenant) as objects:
                return await _alone(objects, decide, wanted, subject)

        decision = await self.alone(tenant, decided, subject=subject)
        await self._books.check(tenant, decision.object)
        return decision

    async def alone(self, tenant: str, write: Callable[[], Awaitable[A]], *, subject: str) -> A:
        """What `write` comes to, which raises UnderWay where something was begun about the subject: that is brought to
        its end first. Raises UnderWay, PeerAway.
        """
        for _ in range(TRIES_MAX):
            try:
                return await write()
            except UnderWay:
                await self.clear(tenant, subject)
        raise UnderWay(subject=subject)

    async def clear(self, tenant: str, subject: str) -> None:
        """Bring what was begun about the subject to its end; raises PeerAway."""
        async with self._tenants.reading(tenant) as objects:
            left = await objects.select(Deed, {"subject": subject})
        for deed in left:
            await self.finish(tenant, deed)

    async def finish(self, tenant: str, deed: Deed) -> None:
        """Bring a deed to its end, whatever that is for whoever asked for it; raises PeerAway, and what the ledger
        refuses only for now."""
        try:
            await self.end(tenant, deed)
        except Refusal as refusal:
            if not refusal.kind.definite:
                raise

    async def end(self, tenant: str, deed: Deed) -> Settled:
        """Have the deed done and write down what came of it; raises the ledger's refusal, or PeerAway.

        A refusal that is not definite leaves the deed as it is: it may be done yet.
        """
        refused: Refusal | None = None
        done: Done | None = None
        try:
            done = await self._books.carry_out(tenant, deed)
        except Refusal as refusal:
            if not refusal.kind.definite:
                raise
            refused = refusal

        async def concluded(objects: O) -> Decision[Configured]:
            decision = await self._conclusions[deed.action](objects, deed, done)
            return Decision(decision.object, (*decision.changes, Change(deed, deleted=True)))

        outcome = await self._tenants.once(Attempt(tenant, CONCLUDING, deed.deed, b""), concluded)
        if refused is not None:
            raise refused
        assert done is not None
        return Settled(outcome.object, self._origin.revision(outcome.revision), done.revision)

    async def _foresee(self, attempt: Attempt, deed: Deed) -> None:
        """Raise what the ledger would refuse the deed with; if it is definite the request has ended with it."""
        try:
            await self._books.check(attempt.tenant, deed)
        except Refusal as refusal:
            if not refusal.kind.definite:
                raise
            refused = refusal
        else:
            return

        async def refusing(objects: O) -> Decision[Deed]:
            raise refused

        await self._tenants.once(attempt, refusing)


async def _alone(objects: O, decide: Decide[O, W, Deed], wanted: W, subject: str) -> Decision[Deed]:
    """What the request comes to; raises UnderWay where something else was begun about the subject, unless who asks may
    not see it or do this, whatever comes of that.
    """
    left = await objects.select(Deed, {"subject": subject}, limit=1) if subject else []
    try:
        decision = await decide(objects, wanted)
    except Refusal as refusal:
        if not left or refusal.kind is Kind.FORBIDDEN or isinstance(refusal, Missing):
            raise
        raise UnderWay(subject=subject) from refusal
    if left:
        raise UnderWay(subject=subject)
    return decision
