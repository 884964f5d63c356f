"""Where units are promised that were sold already and are not there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.kit.projections import count
from tests.kit.promising import BIKE, KIT, LAMP, asking, reserve, wish, world
from weir_aggregator.domain import Purpose, Recorded
from weir_aggregator.errors import ChannelNotFound
from weir_aggregator.handlers.fulfilment import PLANS_MAX
from weir_aggregator.ports import Reserved
from weir_allocation.fulfilment.model import Line, Plan, Wish

Taken = list[tuple[int, str, str, int]]


def taken(found: Recorded) -> Taken:
    """What is promised: line, product, where and how much."""
    assert found.plan is not None
    return [(each.line, each.item.sku, each.item.location, each.quantity) for each in found.plan.allocations]


CASES: list[tuple[list[object], Wish, Taken, list[int]]] = [
    # what is there, what was sold, what is promised, and how much of it may be missing
    ([count("BIKE", "B", 3)], wish(Line(BIKE, 2)), [(0, "BIKE", "B", 2)], [0]),
    ([count("BIKE", "B", 3)], wish(Line(BIKE, 5)), [(0, "BIKE", "B", 3), (0, "BIKE", "B", 2)], [0, 2]),
    ([], wish(Line(BIKE, 5)), [(0, "BIKE", "A", 5)], [5]),
    ([], replace(wish(Line(BIKE, 5)), preferred=frozenset("B")), [(0, "BIKE", "B", 5)], [5]),
    ([], replace(wish(Line(BIKE, 5)), distances={"B": 3}), [(0, "BIKE", "B", 5)], [5]),
    ([], replace(wish(Line(BIKE, 5)), excluded=frozenset("A")), [(0, "BIKE", "B", 5)], [5]),
    (
        [count("LAMP", "B", 1)],
        wish(Line(BIKE, 2), Line(LAMP, 1)),
        [(1, "LAMP", "B", 1), (0, "BIKE", "B", 2)],
        [0, 2],
    ),
    (
        [count("BIKE", "A", 1), count("BIKE", "B", 4)],
        replace(wish(Line(BIKE, 6)), excluded=frozenset("B")),
        [(0, "BIKE", "A", 1), (0, "BIKE", "A", 5)],
        [0, 5],
    ),
    (
        [count("BIKE", "A", 2), count("LAMP", "A", 2)],
        wish(Line(KIT, 3)),
        [(0, "BIKE", "A", 1), (0, "LAMP", "A", 2), (0, "BIKE", "A", 2), (0, "LAMP", "A", 4)],
        [0, 0, 2, 4],
    ),
]


@pytest.mark.parametrize(("there", "sold", "promised", "missing"), CASES)
async def test_what_was_sold_is_promised_whole(
    there: list[object], sold: Wish, promised: Taken, missing: list[int]
) -> None:
    """What is there is planned as ever; what is missing of a line goes whole to the one location that would be best if
    it had it; a bundle as its components."""
    ledger = world(*there)
    done = await reserve(ledger, asking(sold, sold=True))
    assert isinstance(done, Reserved)
    assert taken(done.recorded) == promised
    assert ledger.missing == [missing]
    assert done.recorded.plan is not None
    short = sum(each.quantity for each in done.recorded.plan.missing)
    assert short == sum(line.quantity for line in sold.lines) - done.recorded.plan.objective.filled


async def test_bundles_of_a_line_are_added_up() -> None:
    """Parts of what is there and of what is missing at one location are parts of all bundles of the line there."""
    ledger = world(count("BIKE", "A", 1), count("LAMP", "A", 2))
    done = await reserve(ledger, asking(wish(Line(KIT, 3)), sold=True))
    assert isinstance(done, Reserved)
    assert set(done.recorded.purposes) == {Purpose(0, BIKE, 3), Purpose(0, LAMP, 3)}


async def test_who_was_faster_is_planned_around() -> None:
    """Units that were there when it was planned must be there when they are promised: else it is planned anew, and what
    somebody else took is promised where there is more."""
    ledger = world(count("BIKE", "A", 5), count("BIKE", "B", 5))
    ledger.overtaken = [lambda: ledger.commit(count("BIKE", "A", 5, 5))]
    done = await reserve(ledger, asking(wish(Line(BIKE, 5)), sold=True))
    assert isinstance(done, Reserved)
    assert taken(done.recorded) == [(0, "BIKE", "B", 5)]
    assert ledger.missing == [[0], [0]]


async def test_it_is_promised_however_often_it_was_overtaken() -> None:
    """In the end it is promised whatever is there by then."""
    ledger = world(count("BIKE", "A", 5))
    ledger.overtaken = [lambda: ledger.number] * (PLANS_MAX - 1)
    done = await reserve(ledger, asking(wish(Line(BIKE, 5)), sold=True))
    assert isinstance(done, Reserved)
    assert ledger.missing == [[0]] * (PLANS_MAX - 1) + [None]


async def test_shortfalls_rest_on_books_that_are_newer() -> None:
    """What is missing is only promised on books that are newer than the request: what came meanwhile is taken first."""
    ledger = world()
    ledger.number += 1
    came = ledger.number

    async def made(asked: object) -> int:
        if ledger.projection.revisions[0].number < came:
            ledger.number -= 1
            ledger.commit(count("BIKE", "B", 5))
        return came

    ledger.made = made  # type: ignore[method-assign]
    done = await reserve(ledger, asking(wish(Line(BIKE, 5)), sold=True))
    assert isinstance(done, Reserved)
    assert (taken(done.recorded), ledger.missing) == ([(0, "BIKE", "B", 5)], [[0]])


async def test_only_nowhere_is_a_reason_to_refuse() -> None:
    """An order is refused where no location may send some of it, and where the channel is none."""
    ledger = world(count("BIKE", "A", 5))
    nowhere = replace(wish(Line(BIKE, 9)), excluded=frozenset("AB"))
    done = await reserve(ledger, asking(nowhere, sold=True))
    assert isinstance(done, Plan)
    assert [(each.line, each.quantity) for each in done.missing] == [(0, 9)]
    assert ledger.asked == []
    with pytest.raises(ChannelNotFound):
        await reserve(ledger, asking(wish(Line(BIKE, 1)), sells="nobody", sold=True))
