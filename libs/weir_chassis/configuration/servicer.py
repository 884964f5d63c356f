"""How the rpcs of a service of configuration are answered: a write, one object, a list, an export, a watch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar, cast

from google.protobuf.message import Message

from weir.common.v1.revision_pb2 import Revision
from weir_chassis import call
from weir_chassis.configuration import wire
from weir_chassis.configuration.handlers import Decide, Handlers, O, W
from weir_chassis.configuration.objects import Change, Commit, Key, T, Where
from weir_chassis.idempotency import Attempt
from weir_chassis.paging import Page, Pages, Position
from weir_chassis.revisions import Vector
from weir_chassis.watch import Batch, Wakeups, follow

M = TypeVar("M", bound=Message)
R = TypeVar("R", bound=Message)
S = TypeVar("S")

Render = Callable[[Change], Message]
"""Makes of a change the message of the contract, with the object as it stands after it."""

Tell = Callable[[Sequence[Commit]], Awaitable[Sequence[Sequence[Message]]]]
"""What to tell of each commit, in order."""


class Listed(NamedTuple, Generic[M]):
    """One page, rendered."""

    messages: list[M]
    token: str
    revision: Revision


class Answering(Generic[O]):
    """Answers by handlers, for the tenant of the caller."""

    def __init__(self, answering: Handlers[O], *, pages: Pages, wakeups: Wakeups) -> None:
        """Answer by handlers; `wakeups` ring when a tenant has changed."""
        self._handlers = answering
        self._pages = pages
        self._wakeups = wakeups

    async def _write(
        self, request: wire.Mutation, asked: tuple[Attempt, W], decide: Decide[O, W, T]
    ) -> tuple[T, Revision]:
        attempt, wanted = asked
        if request.validate_only:
            done, revision = await self._handlers.check(attempt.tenant, decide, wanted)
        else:
            done, revision = await self._handlers.write(attempt, decide, wanted)
        return done, revision.to_wire()

    async def _get(self, kind: type[T], asked: tuple[Key, Vector], *, default: T | None = None) -> tuple[T, Revision]:
        found, revision = await self._handlers.get(call.tenant(), kind, *asked, default=default)
        return found, revision.to_wire()

    async def _list(
        self, request: wire.Listing, kind: type[T], asked: tuple[Where, Vector], render: Callable[[T], M]
    ) -> Listed[M]:
        where, fresh = asked
        page = self._pages.read(cast(Message, request), (str,) * len(kind.identity))
        after = tuple(map(str, page.after or ()))
        found, revision = await self._handlers.select(
            call.tenant(), kind, where, fresh, after=after, limit=page.size + 1
        )
        return Listed(*shown(page, found, lambda each: each.key, render), revision.to_wire())

    async def _export(self, request: wire.Read, response: type[R], render: Render) -> AsyncIterator[R]:
        """Every object, in messages that have `revision` and `objects`."""
        objects, revision = await self._handlers.export(call.tenant(), wire.freshness(request))
        for messages in wire.portions([render(Change(each)) for each in objects]):
            made: Any = response
            yield made(revision=revision.to_wire(), objects=messages)

    async def _watch(self, request: wire.Watch, response: type[R], render: Render) -> AsyncIterator[R]:
        """Every change of the kinds that are told, in messages that have `through`, `changes` and `recorded_time`."""

        def told(commit: Commit) -> Sequence[Message]:
            return [render(each) for each in commit.changes if isinstance(each.object, self._handlers.kinds)]

        async def tell(commits: Sequence[Commit]) -> Sequence[Sequence[Message]]:
            return [told(each) for each in commits]

        async for message in self._tell(request, response, tell):
            yield message

    async def _tell(
        self, request: wire.Watch, response: type[R], tell: Tell, *, field: str = "changes"
    ) -> AsyncIterator[R]:
        """What there is to tell of every commit, in messages that have `through`, `recorded_time` and this `field`; a
        heartbeat goes over commits of which there is nothing to tell.
        """
        tenant, made = call.tenant(), cast(Any, response)

        def heartbeat(through: int) -> Any:
            return made(through=self._handlers.origin.revision(through).to_wire())

        def message_of(commit: Commit, told: Sequence[Message]) -> Any:
            message = heartbeat(commit.revision)
            getattr(message, field).extend(told)
            message.recorded_time.FromDatetime(commit.recorded_at)
            return message

        async def read(after: int) -> Batch[Any]:
            batch = await self._handlers.changes(tenant, after)
            pairs = list(zip(batch.messages, await tell(batch.messages), strict=True))
            messages = [message_of(commit, told) for commit, told in pairs if told]
            if pairs and not pairs[-1][1]:
                messages.append(heartbeat(batch.through))
            return Batch(messages, batch.through, batch.more)

        start = await self._handlers.watch_start(tenant, wire.after(request))
        with self._wakeups.bell(tenant) as bell:
            async for message in follow(read, after=start, bell=bell, heartbeat=heartbeat):
                yield message


def shown(
    page: Page, found: Sequence[S], position: Callable[[S], Position], render: Callable[[S], M]
) -> tuple[list[M], str]:
    """As many of what was found as the page and a message have room for, and the token of the next page, if any is."""
    messages = [render(each) for each in found[: page.size]]
    count = wire.fitting(messages)
    return messages[:count], page.token(position(found[count - 1])) if count < len(found) else ""
