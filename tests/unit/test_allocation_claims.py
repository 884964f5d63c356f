"""What orders of a channel group are counted under."""

from __future__ import annotations

import pytest

from weir_allocation.claims import Claim, read, scale
from weir_allocation.sharing import NO_SHARING, Bundle

BIKE = ("", "BIKE")


@pytest.mark.parametrize(
    "claim",
    [Claim(BIKE, "EU", "web"), Claim(("owner", "Ünïcode"), "a/b", "c d", 7), Claim(BIKE, "", "")],
)
def test_a_subject_is_read_again(claim: Claim) -> None:
    """What a claim stands for is told in words that lead back to it."""
    assert read(claim.subject) == claim


@pytest.mark.parametrize(
    "subject",
    ["", "x", "1", "null", '{"a":1}', '["","B","EU"]', '["","B","EU","web",0]', '["","B","EU","web",true]',
     '["","B","EU","web","1"]', '["",1,"EU","web",1]', '["","B","EU","web",1,2]'],
)  # fmt: skip
def test_other_subjects_are_other_claims(subject: str) -> None:
    """What somebody else counts is not taken for one of these."""
    assert read(subject) is None


def test_keys_differ_where_anything_does() -> None:
    """Another product, place, group or scale is another key, also where names run together; the same is the same."""
    claims = [
        Claim(("", "AB"), "C", "D"),
        Claim(("A", "B"), "C", "D"),
        Claim(("", "A"), "BC", "D"),
        Claim(("", "AB"), "", "CD"),
        Claim(("", "AB"), "C", "D", 2),
    ]
    assert len({claim.key for claim in claims}) == len(claims)
    assert Claim(("", "AB"), "C", "D").key == claims[0].key
    assert all(len(claim.key) <= 128 for claim in claims)


def test_a_bundle_counts_its_first_component() -> None:
    """Each bundle counts what it takes of its first component, by name; anything else counts one."""
    bundle = Bundle(("", "SET"), ((("", "LAMP"), 1), (BIKE, 2), (BIKE, 1)))
    sharing = NO_SHARING.changed(bundles=[bundle])
    assert scale(sharing, bundle.product) == 3
    assert scale(sharing, BIKE) == 1
