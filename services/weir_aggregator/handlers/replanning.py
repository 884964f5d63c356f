"""Plan what is promised again, under the rules it was accepted under, and have moved what has to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from weir_aggregator.domain import Purpose, Recorded, Replan
from weir_aggregator.errors import PlanNotRecorded, PlanOvertaken
from weir_aggregator.handlers.custody import viewed_again
from weir_aggregator.handlers.freshness import fresh, patience_seconds
from weir_aggregator.handlers.fulfilment import PLANS_MAX, REFUSED_HERE, catch_up, in_turn, points
from weir_aggregator.handlers.standing import accepted, given_back, promised, require_room, returned, wished
from weir_aggregator.handlers.standing import standing as stood
from weir_aggregator.ports import Amended, Moves, Overtaken, Promised, Promises
from weir_aggregator.projection import (
    Moved,
    Projection,
    Share,
    Tenants,
    moved,
    order_under,
    shares_again,
    terms_again,
)
from weir_allocation.fulfilment.model import Order, Plan
from weir_allocation.fulfilment.replan import Replanned, enlarge, replan
from weir_chassis.revisions import Vector


async def replanned(tenants: Tenants, promises: Promises, asked: Replan, fresh_as: Vector) -> Amended | Plan:
    """Plan a reservation again and move what has to be moved; the plan alone where a whole order is wished otherwise
    and cannot be filled.

    What was moved under the request id before is answered again. Raises ChannelNotFound, Malformed, PlanNotRecorded,
    PlanOvertaken, and what `fresh` and `Promises.amend` raise.
    """
    projection = await fresh(tenants, fresh_as)
    try:
        done = await _replanned(projection, promises, asked)
    except REFUSED_HERE:
        made = await promises.amended(asked)
        if made is None:
            raise
        return made
    if isinstance(done, Plan):
        return await promises.amended(asked) or done
    return done


async def _replanned(projection: Projection, promises: Promises, asked: Replan) -> Amended | Plan:
    for _ in range(PLANS_MAX):
        standing = await promises.reservation(asked.reservation)
        if not standing.running:
            ended = await promises.amended(asked)
            assert ended is not None, "of a reservation that has ended nothing can be moved"
            return ended
        if standing.recorded is None:
            raise PlanNotRecorded(asked.reservation)
        await projection.reach({standing.changed.context: standing.changed}, patience_seconds())
        plan, moves, planned = await _planned(projection, asked, standing, standing.recorded)
        if asked.wish is not None and asked.wish.whole and plan.missing:
            return plan
        try:
            if not (moves.releases or moves.lines) and planned.wish == standing.recorded.wish:
                unmoved = Amended(standing.message, planned, standing.revision, 0, 0)
                return await promises.amended(asked) or unmoved
            return await promises.amend(asked, standing, moves, planned)
        except Overtaken as overtaken:
            await catch_up(projection, overtaken.number)
    raise PlanOvertaken(plans=PLANS_MAX)


async def _planned(
    projection: Projection, asked: Replan, standing: Promised, recorded: Recorded
) -> tuple[Plan, Moves, Recorded]:
    """The plan of all that is open of a reservation, what it has moved, and what is to be kept of it then.

    Raises ChannelNotFound, and Malformed where the other wish is none of this order.
    """
    wish, purposes = wished(asked, recorded)
    if asked.wish is not None:
        by_custody = recorded.terms.by_custody
        wish = viewed_again(projection, wish, recorded.wish, recorded.channel, by_custody=by_custody)
    under, mark = terms_again(projection, wish, recorded), points(projection)
    stands = stood(standing.lines, purposes)
    if asked.wish is None:
        wanted = promised(wish, stands, under)
    else:
        require_room(wish, stands, under)
        wanted = wish
    order = order_under(projection, wanted, under)
    order = replace(order, holdings=given_back(order.holdings, stands))
    limits = shares_again(projection, wish, recorded, under) if asked.wish else ()
    done = await in_turn(lambda: replan(order, stands), len(wish.lines))
    new = _counted(order, limits, done, standing, recorded)
    if new.beyond:
        limited = replace(order, quotas=tuple(share.quota() for share in limits))
        done = await in_turn(lambda: enlarge(limited, stands, accepted(wish, stands, under)), len(wish.lines))
        new = _counted(order, limits, done, standing, recorded)
    fresh_purposes = (Purpose(each.line, each.serves_as, each.bundles) for each in new.lines)
    kept = Recorded(wish, recorded.channel, under, (*purposes, *fresh_purposes), done.plan, mark)
    return done.plan, Moves(tuple(done.releases.items()), new.lines, new.counted), kept


def _counted(order: Order, limits: Sequence[Share], done: Replanned, standing: Promised, recorded: Recorded) -> Moved:
    """What is promised anew, and what it counts under, where units that are given up counted before."""
    return moved(order, limits, done.allocations, returned(done.releases, standing.lines, recorded))
