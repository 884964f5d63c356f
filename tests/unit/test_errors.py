"""Refusals are data: they keep their numbers, and are the same after they were written down."""

import json

import pytest

from weir_chassis import errors
from weir_chassis.errors import Kind, Malformed, Refusal, Violation, recorded


class ShelfFull(Refusal):
    """A refusal as a context would define one."""

    kind = Kind.UNMET
    reason = "SHELF_FULL"

    def __init__(self, *, shelf: str, asked: int, free: int) -> None:
        super().__init__(
            f"Shelf '{shelf}' has room for {free}, not {asked}.",
            violations=[Violation("lines[0]", "No room.", "SHELF_FULL")],
            shelf=shelf,
            asked=asked,
            free=free,
        )


def test_numbers_become_metadata_in_order() -> None:
    """Every number of the sentence is metadata, as text, in the order given."""
    refusal = ShelfFull(shelf="A", asked=5, free=3)
    assert list(refusal.metadata.items()) == [("shelf", "A"), ("asked", "5"), ("free", "3")]
    assert str(refusal) == refusal.message == "Shelf 'A' has room for 3, not 5."


EVERY_ONE: list[Refusal] = [
    ShelfFull(shelf="A", asked=5, free=3),
    Malformed([Violation("a", "Required."), Violation("lines[1].b", "At most 9.")]),
    errors.RequestIdReused("r-1"),
    errors.PageTokenInvalid(),
    errors.RevisionForeign(context="ledger"),
    errors.RevisionAhead(context="ledger", number=9, head=4),
    errors.RevisionCompacted(context="ledger", number=3, oldest_kept=7),
    errors.RevisionNotReached(context="ledger", number=9, reached=4),
    errors.EtagStale(current="4"),
    errors.Overloaded(retry_after_seconds=0.5),
    errors.TokenMissing(),
    errors.TokenInvalid(),
    errors.RoleInsufficient(required="OPERATOR", held="READER"),
    errors.DatabaseAway(),
    errors.NotCaughtUp(),
    errors.KeysAway(),
    errors.Draining(),
    errors.CallAborted(),
    errors.PeerAway(),
]


@pytest.mark.parametrize("refusal", EVERY_ONE, ids=lambda each: each.reason)
def test_recorded_is_the_same_answer(refusal: Refusal) -> None:
    """A refusal that went through JSON cannot be told from the first one."""
    again = recorded(json.loads(json.dumps(refusal.to_record())))
    assert (again.kind, again.reason, again.message) == (refusal.kind, refusal.reason, refusal.message)
    assert again.violations == refusal.violations
    assert again.metadata == refusal.metadata
    assert again.retry_after_seconds == refusal.retry_after_seconds
    assert again.to_record() == refusal.to_record()


def test_every_reason_of_the_chassis_is_here() -> None:
    """The table above names every refusal that the chassis defines, each with a reason of its own."""
    defined = {
        each.reason
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, Refusal) and "reason" in vars(each)
    }
    shown = [refusal.reason for refusal in EVERY_ONE if not isinstance(refusal, ShelfFull)]
    assert sorted(shown) == sorted(defined)


def test_malformed_names_each_field_once() -> None:
    """A field with two faults is named once in the sentence, and has both in the list."""
    refusal = Malformed([Violation("sku", "Required."), Violation("sku", "No blanks."), Violation("uom", "Required.")])
    assert refusal.message == "The request is malformed: sku, uom."
    assert len(refusal.violations) == 3


@pytest.mark.parametrize("kind", Kind)
def test_only_what_repeating_cannot_mend_is_definite(kind: Kind) -> None:
    """Outcomes are kept for what is absent, taken or unmet; all else may be tried again under the same id."""
    assert kind.definite == (kind in (Kind.UNKNOWN, Kind.TAKEN, Kind.UNMET))
