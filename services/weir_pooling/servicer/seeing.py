"""How rpcs are answered of which everybody sees his own part: lists and watches, by the standing of who calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar, cast

from google.protobuf.message import Message

from weir.common.v1.revision_pb2 import Revision
from weir_chassis import call
from weir_chassis.configuration import wire
from weir_chassis.configuration.handlers import O
from weir_chassis.configuration.objects import Change, Commit, Key, T, Where
from weir_chassis.configuration.servicer import Answering, Listed, shown
from weir_chassis.revisions import Vector
from weir_pooling.domain.authority import Standing
from weir_pooling.domain.people import Pool, User
from weir_pooling.handlers.standing import caller, standing

PART = 128
"""Objects of a list that are read at once."""

M = TypeVar("M", bound=Message)
R = TypeVar("R", bound=Message)
S = TypeVar("S")

Seen = Callable[[Standing, Where], Where]
"""Narrows what is asked for to what somebody may see of it; raises the refusal of what he may not ask."""

Get = Callable[[O, Standing, Key], Awaitable[S]]
"""What somebody may see under an identifier; raises the refusal where that is nothing."""

Render = Callable[[Standing, Change], Message | None]
"""Makes of a change what somebody sees of it; None where that is nothing."""


class Seeing(Answering[O]):
    """Answers for the caller, as far as he may see."""

    async def _get_seen(self, asked: tuple[Key, Vector], get: Get[O, S]) -> tuple[S, Revision]:
        """One thing, if the caller may see it."""
        key, fresh = asked
        async with self._handlers.reading(call.tenant(), fresh) as (objects, revision):
            return await get(objects, await standing(objects, caller()), key), revision.to_wire()

    async def _list_seen(
        self,
        request: wire.Listing,
        kind: type[T],
        asked: tuple[Where, Vector],
        render: Callable[[T], M],
        *,
        seen: Seen,
        descending: bool = False,
    ) -> Listed[M]:
        """A page of the objects that were asked for and are seen; of large ones no more is read than a message has room
        for, and a part.
        """
        where, fresh = asked
        page = self._pages.read(cast(Message, request), (str,) * len(kind.identity))
        after = tuple(map(str, page.after or ()))
        pairs: list[tuple[Key, M]] = []
        async with self._handlers.reading(call.tenant(), fresh) as (objects, revision):
            narrowed = seen(await standing(objects, caller()), where)
            while len(pairs) <= page.size and wire.fitting([each for _, each in pairs]) == len(pairs):
                limit = min(PART, page.size + 1 - len(pairs))
                found = await objects.select(kind, narrowed, after=after, limit=limit, descending=descending)
                pairs += [(each.key, render(each)) for each in found]
                if len(found) < limit:
                    break
                after = found[-1].key
        return Listed(*shown(page, pairs, lambda pair: pair[0], lambda pair: pair[1]), revision.to_wire())

    async def _watch_seen(
        self, request: wire.Watch, response: type[R], render: Render, *, field: str
    ) -> AsyncIterator[R]:
        """Every change that is seen, in messages that have `through`, `recorded_time` and this `field`.

        What is seen is what the caller may see now: his standing is read at the beginning, and again where a commit
        changed persons or pools. The watch ends with AuthorityInsufficient when he is nobody any more.
        """
        tenant, calling = call.tenant(), caller()

        async def current() -> Standing:
            async with self._handlers.reading(tenant, {}) as (objects, _):
                return await standing(objects, calling)

        viewer = await current()

        async def tell(commits: Sequence[Commit]) -> Sequence[Sequence[Message]]:
            nonlocal viewer
            if any(isinstance(each.object, (User, Pool)) for commit in commits for each in commit.changes):
                viewer = await current()
            return [_seen(viewer, commit, render) for commit in commits]

        async for message in self._tell(request, response, tell, field=field):
            yield message


def _seen(viewer: Standing, commit: Commit, render: Render) -> Sequence[Message]:
    rendered = [render(viewer, each) for each in commit.changes]
    return [each for each in rendered if each is not None]
