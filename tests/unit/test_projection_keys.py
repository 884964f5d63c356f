"""Keys that are found again, however many there are and however they look."""

from __future__ import annotations

import pytest

from weir_aggregator.projection import keys
from weir_aggregator.projection.keys import Keys, digest


@pytest.mark.parametrize("number", [0, 1, 4095, 4096, 20_000])
def test_every_key_is_found_and_no_other(number: int) -> None:
    """In the order in which they came, also once they were put in order."""
    known = Keys()
    named = [f"share:{each:032x}" for each in range(number)]
    assert [known.append(digest(key)) for key in named] == list(range(number))
    assert len(known) == number
    assert [known.find(digest(key)) for key in named] == list(range(number))
    assert [known.find(digest(key)) for key in ("", "share:", f"share:{number:032x}", "é" * 128)] == [None] * 4


def test_halves_that_are_alike_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in order is compared whole."""
    monkeypatch.setattr(keys, "_FRESH_MIN", 2)
    known = Keys()
    alike = [(7 << 64) + each for each in range(7)]
    assert [known.append(each) for each in alike[:5]] == list(range(5))
    assert [known.find(each) for each in alike] == [0, 1, 2, 3, 4, None, None]
