"""The worked examples of docs/numbers.md, set up in the running suite and asked there."""

from __future__ import annotations

import pytest

from tests.contract.tree import ROOT
from tests.kit.asking import play
from tests.kit.merchant import Merchant
from tests.kit.stories import Example, examples

EXAMPLES = [each for each in examples((ROOT / "docs" / "numbers.md").read_text()) if " is late" not in each.text]
"""All but those of warehouses that are late, which only time brings about."""


def named(example: Example) -> str:
    """The title of an example, which its number sets apart from others of its section."""
    return f"{EXAMPLES.index(example)} {example.title}"


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
async def test_an_example_is_what_happens(merchant: Merchant, example: Example) -> None:
    """What is said is done, line by line, and every question has the answer that stands on the page."""
    await play(merchant, example.text)
