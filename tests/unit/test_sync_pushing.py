"""What a store has accepted, and what it is found to show when it is looked for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from weir_sync.domain.pushing import Shown, Standing, Terms, checked
from weir_sync.domain.records import RecordStatus
from weir_sync.domain.rules import Product

NOW = datetime(2026, 11, 22, tzinfo=UTC)
TERMS = Terms(compare_and_set=False, reads_back=True, protects=True)


def accepted(level: int, *, before: int, sold_after: int) -> Standing:
    """A level that a store without numbers has accepted, where it showed `before`."""
    return Standing(
        "A",
        Product("", "A"),
        level,
        "",
        number=2,
        record=2,
        status=RecordStatus.PENDING,
        told=level,
        told_at=NOW,
        shown=before,
        sold_after=sold_after,
        sent=level,
        sent_number=2,
        sent_record=2,
    )


@pytest.mark.parametrize("sold_after", [2, 4])
def test_what_seems_to_be_shown_and_is_not_is_told_again(sold_after: int) -> None:
    """Orders of units that were gone before came in, and the level was never shown: it cannot be told from one that was
    sold since, and the store is told again all the same, for it shows less than it is to."""
    found = checked(accepted(4, before=0, sold_after=sold_after), Shown(0), TERMS, NOW)
    assert found.drifted
    assert found.standing.quantity > 0


def test_what_is_shown_less_what_was_sold_is_left() -> None:
    """A store that shows what was sent less what it sold since shows what it is to."""
    found = checked(accepted(4, before=10, sold_after=0), Shown(1), TERMS, NOW)
    assert not found.drifted
    assert (found.standing.unreported, found.standing.quantity) == (3, 1)
