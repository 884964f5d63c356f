"""A preview by itself: how it is told, in which parts, and how many there may be at once."""

from __future__ import annotations

import pytest

from tests.kit.projections import channel, count, group, link, loaded
from weir_aggregator.domain import Availability, Change, Differences, Exposure, Selection, Summary
from weir_aggregator.projection import Preview, Room, preview
from weir_aggregator.wire import answers
from weir_allocation.columns import UNTOLD
from weir_chassis.errors import Overloaded
from weir_chassis.revisions import Origin

MARK = [Origin("ledger", "cluster", 1).revision(7)]
NETWORK = [group("W", "DE1"), channel("shop"), link("W", "shop")]
MESSAGE_BYTES_MAX = 1 << 17
"""Well below what any caller takes."""


def test_a_store_that_is_told_nothing() -> None:
    """In tables it is a number below 0; in an answer the level is 0, and said to be untold."""
    answer = answers.availability(Availability(5, 4, UNTOLD), MARK)
    assert (answer.supply, answer.share, answer.level, answer.untold) == (5, 4, 0, True)
    answer = answers.availability(Availability(5, 4, 0), MARK)
    assert (answer.level, answer.untold) == (0, False)


@pytest.mark.parametrize("name", ["x", "x" * 128, "\U0001f6b2" * 128])
def test_messages_stay_short(name: str) -> None:
    """However long the names are, and however many levels differ: all of them are told, in their order."""
    rows = 10_000
    found = Differences(
        [(name, f"{number:09}") for number in range(rows)], [name] * rows, [-1] * rows, list(range(rows))
    )
    messages = list(answers.differences(found))
    assert max(each.ByteSize() for each in messages) < MESSAGE_BYTES_MAX
    assert [sku for each in messages for sku in each.skus] == [sku for _, sku in found.products]
    assert [after for each in messages for after in each.after] == found.after
    for each in messages:
        assert len(each.owners) == len(each.channels) == len(each.before) == len(each.skus)


def test_nothing_differs() -> None:
    """Then there is nothing to tell but the summary."""
    assert list(answers.differences(Differences([], [], [], []))) == []
    told = answers.summary(Summary(0, 0, 0, 3, 3), MARK).summary
    assert (told.levels, told.exposure_before, told.exposure_after, len(told.revisions)) == (0, 3, 3, 1)


def test_what_is_told_of_exposure() -> None:
    """Never below 0: where less is told than there is nobody is exposed."""
    answer = answers.exposures([Exposure(("", "A"), 5, 3, 4, 6), Exposure(("x", "B"), 1, 3, 0, 0)], 1, 2, MARK)
    assert [(each.exposure, each.levels, each.supply) for each in answer.exposures] == [(2, 5, 3), (0, 1, 3)]
    assert [(each.bundled, each.bundled_exposure) for each in answer.exposures] == [(4, 6), (0, 0)]
    assert (answer.products, answer.exposure) == (1, 2)


async def test_a_preview_that_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever hangs up takes nothing from the next one, who is told everything."""
    monkeypatch.setattr(preview, "CELLS_AT_ONCE", 1)
    projection = loaded([count(f"SKU{number}", "DE1", 1) for number in range(5)], NETWORK)
    gone = [Change(group("W", "DE1").object, deleted=True)]
    telling = Preview(projection.instant(), gone, Selection()).differences()
    assert [sku for _, sku in (await anext(telling)).products] == ["SKU0"]
    await telling.aclose()
    whole = Preview(projection.instant(), gone, Selection())
    assert [each.before async for each in whole.differences()] == [[1]] * 5
    assert (whole.summary.levels, whole.summary.products) == (5, 5)


def test_room_is_limited() -> None:
    """Who finds none is refused at once; who leaves, however that comes, makes room for the next."""
    room = Room(1)
    with room.taken(), pytest.raises(Overloaded), room.taken():
        pass
    with pytest.raises(ValueError, match="broken"), room.taken():
        raise ValueError("broken")
    with room.taken():
        pass
