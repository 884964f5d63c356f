"""Plan orders on what is known, and have the ledger promise what was planned."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from weir_aggregator.domain import Point, Purpose, Recorded, Reserve
from weir_aggregator.errors import ChannelNotFound, LinesExhausted, PlanNotRecorded, PlanOvertaken
from weir_aggregator.handlers.custody import viewed
from weir_aggregator.handlers.freshness import fresh, patience_seconds
from weir_aggregator.ports import Overtaken, Promises, Reserved
from weir_aggregator.projection import (
    Projection,
    Share,
    Tenants,
    beside,
    counted,
    order_and_shares,
    spent,
    units_of,
    weighed,
)
from weir_allocation.fulfilment.model import Order, Plan, Wish
from weir_allocation.fulfilment.planner import plan
from weir_allocation.fulfilment.sold import as_sold, joined, short
from weir_allocation.trace import Verdict
from weir_chassis.errors import Malformed, RevisionNotReached
from weir_chassis.revisions import Revision, Vector

T = TypeVar("T")

PLANS_MAX = 16
"""Plans that are made for one order, each on what is known since the one before was refused."""
REFUSED_HERE = (ChannelNotFound, LinesExhausted, Malformed, PlanNotRecorded, PlanOvertaken, RevisionNotReached)
"""What a request is refused with before the ledger could say that it knows it."""
NEVER_WAITS = (Verdict.DENIED, Verdict.SHARE_SPENT, Verdict.HUB_ACCESS_OFF)
"""What is missing for these reasons is not there for the channel, whatever comes."""
LINES_AT_ONCE_MAX = 100
"""Of orders of more lines the plan is made in a thread: nobody waits for it."""


async def planned(tenants: Tenants, wish: Wish, channel: str, asked: Vector) -> tuple[Plan, tuple[Revision, ...]]:
    """The best plan for a wish; raises ChannelNotFound, Malformed and what `fresh` raises."""
    projection = await fresh(tenants, asked)
    (wanted, _), revisions = ordered(projection, wish, channel), projection.revisions
    return await best(wanted), revisions


async def reserved(tenants: Tenants, promises: Promises, asked: Reserve, fresh_as: Vector) -> Reserved | Plan:
    """Plan an order and have its units promised; the plan alone where these are not enough, and nothing may wait.

    What was made under the request id before is answered again, also where the order could not be filled any more. That
    it cannot be is only said of books that are newer than the request, and so is what was sold already promised that is
    not there: the plan alone is answered only where no location may send some of it. Raises ChannelNotFound, Malformed,
    PlanOvertaken, and what `fresh` and `Promises.reserve` raise.
    """
    projection = await fresh(tenants, fresh_as)
    newest: int | None = None
    promises_missing = False
    while True:
        known = projection.revisions[0].number
        try:
            done = await _reserved(projection, promises, asked, promises_missing)
        except REFUSED_HERE:
            made = await promises.made(asked)
            if isinstance(made, Reserved):
                return made
            raise
        if isinstance(done, Reserved):
            return done
        made = await promises.made(asked)
        if isinstance(made, Reserved):
            return made
        newest = made if newest is None else newest
        if known < newest:
            await catch_up(projection, newest)
        elif asked.sold and not promises_missing:
            promises_missing = True
        else:
            return done


def ordered(projection: Projection, wish: Wish, channel: str) -> tuple[Order, tuple[Share, ...]]:
    """The order of a wish under the terms of now, and the shares that its quotas are of.

    Raises ChannelNotFound, and Malformed where lines do not say whose custody they want as the channel needs it.
    """
    return order_and_shares(projection, viewed(projection, wish, channel), channel)


async def best(wanted: Order) -> Plan:
    """The best plan for an order."""
    return await in_turn(lambda: plan(wanted), len(wanted.wish.lines))


async def in_turn(work: Callable[[], T], lines: int) -> T:
    """What comes of planning so many lines; of many in a thread, while others are answered."""
    return await asyncio.to_thread(work) if lines > LINES_AT_ONCE_MAX else work()


async def catch_up(projection: Projection, number: int | None) -> None:
    """Wait until a revision of the ledger is known, if it is; raises RevisionNotReached where the caller's time is
    over.
    """
    if number is not None:
        ledger = projection.revisions[0]
        await projection.reach({ledger.context: ledger.origin.revision(number)}, patience_seconds())


def points(projection: Projection) -> tuple[Point, ...]:
    """The mark of a projection as it is written down."""
    return tuple(Point(each.context, each.cluster, each.epoch, each.number) for each in projection.revisions)


async def _reserved(
    projection: Projection, promises: Promises, asked: Reserve, promises_missing: bool
) -> Reserved | Plan:
    for number in range(PLANS_MAX):
        wanted, shares, mark, found = await _planned(projection, asked)
        missing: list[int] | None = None
        if asked.sold:
            more = short(wanted, found) if promises_missing or not found.missing else None
            if more is None:
                return found
            if number < PLANS_MAX - 1:  # whoever overtakes it ever again does not stop what was sold
                missing = [*(0 for _ in found.allocations), *(each.quantity for each in more)]
            found = replace(found, allocations=joined(found.allocations, more))
        waits = await _waiting(projection, wanted, found) if asked.back_order and found.missing else None
        if waits is None and (not found.allocations or (wanted.wish.whole and found.missing)):
            return found
        purposes = tuple(Purpose(each.line, each.serves_as, each.bundles) for each in found.allocations)
        by = Recorded(wanted.wish, asked.channel, wanted.terms, purposes, found, mark)
        kept = None if found.allocations else found
        demand = None if waits is None else Recorded(waits, asked.channel, wanted.terms, (), kept, mark)
        taken = weighed(wanted, shares, found.allocations)
        try:
            with projection.underway.asking(found, spent(found, taken)) as promised:
                done = await promises.reserve(asked, by, counted(taken), demand, missing)
                if done.recorded is by and not asked.validate_only:
                    promised(done.revision.number)
            return done
        except Overtaken as overtaken:
            await catch_up(projection, overtaken.number)
    raise PlanOvertaken(plans=PLANS_MAX)


async def _planned(projection: Projection, asked: Reserve) -> tuple[Order, tuple[Share, ...], tuple[Point, ...], Plan]:
    """The order on what is not under way to others, its shares, the mark it rests on, and its plan.

    Where that is too little, and all there is would be more, those others are answered first, and what they were
    promised is known here: what they are refused is there for this one, and what else has come meanwhile. Where they
    never end, it asks for all there is, as they do.
    """
    for _ in range(PLANS_MAX):
        (wanted, shares), mark = ordered(projection, asked.wish, asked.channel), points(projection)
        wanted = as_sold(wanted) if asked.sold else wanted
        left = projection.underway.left(wanted, projection.revisions[0].number, shares)
        found = await best(left)
        if not found.missing or left is wanted:
            return left, shares, mark, found
        if (await best(wanted)).objective.filled <= found.objective.filled:
            return left, shares, mark, found
        await projection.underway.answered(left)
        await catch_up(projection, projection.underway.promised(left))
    return wanted, shares, mark, await best(wanted)


async def _waiting(projection: Projection, wanted: Order, found: Plan) -> Wish | None:
    """What of an order may wait; None where nothing may.

    Where shares are divided, what could be filled but for them does not: whoever waits is promised units whosever share
    they are in.
    """
    waits = waiting(projection, wanted.wish, found)
    if waits is None or not wanted.quotas:
        return waits
    free = replace(wanted, holdings=beside(wanted.holdings, units_of(found)), quotas=())
    parts = (waits,) if waits.whole else tuple(replace(waits, lines=(line,)) for line in waits.lines)
    plans = await in_turn(lambda: [plan(replace(free, wish=part)) for part in parts], len(waits.lines))
    lines = [line for part, made in zip(parts, plans, strict=True) if not made.allocations for line in part.lines]
    return replace(waits, lines=tuple(lines)) if lines else None


def waiting(projection: Projection, wish: Wish, found: Plan) -> Wish | None:
    """What of a wish may wait, of the units that its plan leaves; None where nothing may.

    Of a whole order that is all of it or nothing. What a channel does not sell, or has no share of, never waits.
    """
    left = Counter[tuple[str, str]]()
    for product in dict.fromkeys(wish.lines[each.line].product for each in found.missing):
        limit, waits = projection.back_orders(product)
        left[product] = max(0, limit - waits)
    lines = []
    for each in found.missing:
        line = wish.lines[each.line]
        units = 0 if each.verdict in NEVER_WAITS else min(each.quantity, left[line.product])
        left[line.product] -= units
        if units:
            lines.append(replace(line, quantity=units))
    waits_whole = sum(line.quantity for line in lines) == sum(each.quantity for each in found.missing)
    if not lines or (wish.whole and not waits_whole):
        return None
    return replace(wish, lines=tuple(lines))
