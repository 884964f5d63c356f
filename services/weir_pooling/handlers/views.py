"""Views: what a person sees of what lies in whose custody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.ports import Objects
from weir_chassis.revisions import Revision, Vector
from weir_pooling.domain import views
from weir_pooling.domain.authority import Standing
from weir_pooling.domain.deeds import Item
from weir_pooling.domain.people import User
from weir_pooling.domain.views import Count, Custodian, Going, Position, Stock, StockQuery
from weir_pooling.errors import UserNotFound
from weir_pooling.handlers.standing import Caller, pool_of, standing
from weir_pooling.ports import Holdings, Pooling

CUSTODIANS_MAX = 50
"""Of how many persons the ledger is asked for one page: many who hold little take several."""


@dataclass(frozen=True, slots=True)
class Viewed:
    """Some of what a viewer sees, where to go on if there may be more, and the revisions that it rests on."""

    stock: Sequence[Stock]
    then: Position | None
    revision: Revision
    books: Revision | None


@dataclass(frozen=True, slots=True)
class _Counted:
    """Some of what persons hold at one revision of the ledger, and where to go on if there may be more."""

    counts: Sequence[tuple[Custodian, Count]]
    then: Position | None
    revision: Revision | None


async def list_stock(
    handlers: Handlers[Pooling],
    holdings: Holdings,
    tenant: str,
    calling: Caller,
    asked: StockQuery,
    fresh: Vector,
    *,
    begin: Position | None,
    limit: int,
) -> Viewed:
    """What somebody sees, from a position on, at most `limit` rows; perhaps fewer though there is more.

    Raises UserNotFound, AuthorityInsufficient, PeerAway, and what either context refuses of `fresh`.
    """
    context = handlers.origin.context
    own = {name: each for name, each in fresh.items() if name == context}
    others = {name: each for name, each in fresh.items() if name != context}
    async with handlers.reading(tenant, own) as (objects, revision):
        viewer = await _viewer(objects, await standing(objects, calling), asked.viewer)
        named = [await objects.get(User, (each,)) for each in asked.custodians]
        shown = views.custodians(viewer, asked, named)
        rest = [each for each in shown if begin is None or each >= begin.custodian]
    counted = await _counted(holdings, rest, asked, others, begin=begin, limit=limit)  # with no transaction open
    promised = [count.item for _, count in counted.counts if count.reserved]
    going = await _going(handlers, tenant, promised, viewer.user)
    stock = [views.stock(count, custodian, going.get(count.item)) for custodian, count in counted.counts]
    return Viewed(stock, counted.then, revision, counted.revision)


async def _viewer(objects: Objects, who: Standing, viewer: str) -> Standing:
    """The standing of the person whose view is asked for; raises UserNotFound, AuthorityInsufficient."""
    if viewer in ("", who.user):
        return who
    who.actor(viewer, views.ACTION)
    user = await objects.get(User, (viewer,))
    if user is None:
        raise UserNotFound(user=viewer)
    return Standing(user.user, user.role, await pool_of(objects, user.user))


async def _going(
    handlers: Handlers[Pooling], tenant: str, promised: Sequence[Item], viewer: str
) -> Mapping[Item, Going]:
    """What of stock items of which units are promised is on its way, and to the viewer."""
    if not promised:
        return {}
    async with handlers.reading(tenant, {}) as (objects, _):
        return await objects.going(promised, viewer)


async def _counted(
    holdings: Holdings,
    persons: Sequence[Custodian],
    asked: StockQuery,
    fresh: Vector,
    *,
    begin: Position | None,
    limit: int,
) -> _Counted:
    """What the persons hold, of one after the other, from a position on.

    All rests on the revision at which the first was asked about, so that goods that go from one to another while this
    asks are shown with one of them: what the ledger answers at another is asked again as of that one.
    """
    counts: list[tuple[Custodian, Count]] = []
    revision: Revision | None = None
    for place, person in enumerate(persons):
        if place == CUSTODIANS_MAX or len(counts) == limit:
            return _Counted(counts, Position(person), revision)
        after = begin.after if begin is not None and begin.custodian == person else None
        some = partial(holdings.held, person.user, asked, after=after, limit=limit - len(counts), fresh=fresh)
        held = await some()
        if revision not in (None, held.revision):
            held = await some(at=revision)
        counts += [(person, each) for each in held.counts]
        revision = held.revision
        if held.more:
            return _Counted(counts, Position(person, held.counts[-1].item), revision)
    return _Counted(counts, None, revision)
