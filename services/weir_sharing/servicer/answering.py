"""What the servicers have in common: how they carry out a write, and how they list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar, cast

from google.protobuf.message import Message

from weir.common.v1.revision_pb2 import Revision
from weir_chassis import call
from weir_chassis.idempotency import Attempt
from weir_chassis.paging import Pages
from weir_chassis.revisions import Origin, Vector
from weir_sharing.domain import T, Where
from weir_sharing.handlers import Decide, Handlers, W
from weir_sharing.wire import answers, requests

M = TypeVar("M", bound=Message)


class Listed(NamedTuple, Generic[M]):
    """One page, rendered."""

    messages: list[M]
    token: str
    revision: Revision


class Answering:
    """Answers by handlers, for the tenant of the caller."""

    def __init__(self, answering: Handlers, *, origin: Origin, pages: Pages) -> None:
        """Answer by handlers whose revisions are drawn at `origin`."""
        self._handlers = answering
        self._origin = origin
        self._pages = pages

    async def _write(
        self, request: requests.Mutation, asked: tuple[Attempt, W], decide: Decide[W, T]
    ) -> tuple[T, Revision]:
        attempt, wanted = asked
        if request.validate_only:
            done, revision = await self._handlers.check(attempt.tenant, decide, wanted)
        else:
            done, revision = await self._handlers.write(attempt, decide, wanted)
        return done, revision.to_wire()

    async def _list(
        self, request: requests.Listing, kind: type[T], asked: tuple[Where, Vector], render: Callable[[T], M]
    ) -> Listed[M]:
        where, fresh = asked
        page = self._pages.read(cast(Message, request), (str,) * len(kind.identity))
        after = tuple(map(str, page.after or ()))
        found, revision = await self._handlers.select(
            call.tenant(), kind, where, fresh, after=after, limit=page.size + 1
        )
        messages = [render(each) for each in found]
        shown = min(page.size, answers.fitting(messages))
        token = page.token(found[shown - 1].key) if shown < len(found) else ""
        return Listed(messages[:shown], token, revision.to_wire())
