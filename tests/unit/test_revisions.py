"""A revision is taken only where it was drawn, and only once it was."""

from __future__ import annotations

import pytest

from weir.common.v1 import revision_pb2
from weir_chassis.errors import Malformed, RevisionAhead, RevisionForeign
from weir_chassis.fields import Fields
from weir_chassis.revisions import Origin, Revision, Vector, at_least, check, check_one, from_wire

OURS = Origin("ledger", "cluster-1", 2)
HEAD = 10


def asked(*revisions: Revision) -> Vector:
    """What a request with this freshness asks for."""
    with Fields() as fields:
        return at_least(fields, revision_pb2.Freshness(at_least=[each.to_wire() for each in revisions]))


def test_wire_round_trip() -> None:
    """A revision is the same after it went over the wire."""
    revision = OURS.revision(7)
    assert from_wire(revision.to_wire()) == revision
    assert asked(revision) == {"ledger": revision}
    assert asked() == {}


@pytest.mark.parametrize("number", [0, 1, HEAD])
def test_drawn_revisions_pass(number: int) -> None:
    """What was drawn passes, the newest and the state before the first included."""
    check(asked(OURS.revision(number)), OURS, HEAD)


def test_undrawn_revisions_are_ahead() -> None:
    """A number beyond the head cannot have been read anywhere."""
    with pytest.raises(RevisionAhead) as caught:
        check(asked(OURS.revision(HEAD + 1)), OURS, HEAD)
    assert caught.value.metadata["head"] == "10"


@pytest.mark.parametrize(
    "foreign",
    [
        Revision("sharing", "cluster-1", 2, 1),
        Revision("ledger", "cluster-2", 2, 1),
        Revision("ledger", "cluster-1", 1, 1),
    ],
)
def test_foreign_revisions(foreign: Revision) -> None:
    """A revision of another context, database or epoch is foreign, whatever its number."""
    with pytest.raises(RevisionForeign):
        check(asked(foreign), OURS, HEAD)
    with pytest.raises(RevisionForeign):
        check_one(foreign, OURS, HEAD, field="after")
    assert not OURS.revision(5).includes(foreign)


@pytest.mark.parametrize(
    "wire",
    [
        revision_pb2.Revision(),
        revision_pb2.Revision(context="ledger", cluster="c", number=-1),
        revision_pb2.Revision(context="ledger", cluster="c", epoch=-1, number=1),
        revision_pb2.Revision(context="ledger", cluster="", number=1),
        revision_pb2.Revision(context="ledger\x00", cluster="c", number=1),
        revision_pb2.Revision(context="ledger", cluster="c" * 129, number=1),
    ],
)
def test_malformed_revisions(wire: revision_pb2.Revision) -> None:
    """What can be no revision of anyone is malformed, told by its path."""
    with pytest.raises(Malformed) as caught, Fields() as fields:
        at_least(fields, revision_pb2.Freshness(at_least=[wire]))
    assert all(each.field.startswith("freshness.at_least[0].") for each in caught.value.violations)


def test_one_revision_of_each_context() -> None:
    """Naming a context twice, or too many of them, is malformed."""
    with pytest.raises(Malformed) as caught:
        asked(OURS.revision(1), OURS.revision(2))
    assert [each.field for each in caught.value.violations] == ["freshness.at_least[1]"]
    with pytest.raises(Malformed):
        asked(*(Origin(f"context-{index}", "c", 1).revision(1) for index in range(17)))


def test_later_revisions_include_earlier_ones() -> None:
    """A state holds everything up to its own revision."""
    assert OURS.revision(5).includes(OURS.revision(5))
    assert OURS.revision(5).includes(OURS.revision(4))
    assert not OURS.revision(5).includes(OURS.revision(6))
