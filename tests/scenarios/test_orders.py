"""The worked examples of docs/fulfilment.md, set up in the running suite and asked there."""

from __future__ import annotations

import pytest

from tests.contract.tree import ROOT
from tests.kit.merchant import Merchant
from tests.kit.ordering import play
from tests.kit.stories import Example, examples

EXAMPLES = examples((ROOT / "docs" / "fulfilment.md").read_text())


def named(example: Example) -> str:
    """The title of an example, which its number sets apart from others of its section."""
    return f"{EXAMPLES.index(example)} {example.title}"


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
async def test_an_example_is_what_happens(merchant: Merchant, example: Example) -> None:
    """What is said is done, line by line, and every question has the answer that stands on the page."""
    await play(merchant, example.text)


async def test_a_wrong_answer_would_be_noticed(merchant: Merchant) -> None:
    """The control: what is not so is not taken for so."""
    await play(merchant, "a pools L\na feeds s\nL has 5 X\nplan of 1 X for s => 1 X at L\nwaiting of X => 0")
    for wrong in (
        "plan of 1 X for s => 1 X at M",
        "plan of 6 X for s => 6 X at L",
        "objective of 1 X for s => filled 2",
        "plan of order O => nothing",
        "waiting of X => 1",
    ):
        with pytest.raises((AssertionError, KeyError)):
            await play(merchant, wrong)
