"""The worked examples of docs/numbers.md: the arithmetic answers each question with what stands there."""

from __future__ import annotations

import pytest

from tests.contract.tree import ROOT
from tests.kit.scenes import Scene
from tests.kit.stories import Asked, Example, Reader, examples
from tests.kit.worlds import TODAY
from weir_allocation.stock import EACH

PAGE = (ROOT / "docs" / "numbers.md").read_text()
EXAMPLES = examples(PAGE)


def named(example: Example) -> str:
    """The title of an example, which its number sets apart from others of its section."""
    return f"{EXAMPLES.index(example)} {example.title}"


def computed(scene: Scene, asked: Asked) -> tuple[tuple[str, str], ...]:
    """What the arithmetic for many products at once answers."""
    place = ("supply", "share", "level").index(asked.what)
    return tuple((name, scene.computed()[name, asked.product][place]) for name, _ in asked.answers)


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_an_example_is_what_is_computed(example: Example) -> None:
    """Every answer of an example is what the stages explain, and what is computed for many products at once."""
    scene = Scene(TODAY)
    for line in Reader(TODAY).read(example.text):
        if not isinstance(line, Asked):
            scene.add(line)
            continue
        assert scene.answers(line) == line.answers, line
        if line.what in ("supply", "share", "level") and (line.lot, line.uom) == ("", EACH):
            assert computed(scene, line) == line.answers, line


def test_every_number_has_its_example() -> None:
    """No number of the page is left to words alone, and nothing in a block of code is read over."""
    assert len(EXAMPLES) == PAGE.count("\n```example\n")
    asked = [line for each in EXAMPLES for line in Reader(TODAY).read(each.text) if isinstance(line, Asked)]
    assert len(asked) == PAGE.count(" => ")
    assert {each.what for each in asked} >= {
        *("on hand", "reserved", "available", "shortfall"),
        *("supply", "share", "held back", "level", "exposure", "verdict"),
    }


def test_a_wrong_number_would_be_noticed() -> None:
    """The control: of an answer with a wrong number the arithmetic says another."""
    [wrong] = examples("```house\na pools L\n```\n```example\nL has 5 X\na feeds s\nlevel of X => s 6\n```\n")
    scene = Scene(TODAY)
    *said, asked = Reader(TODAY).read(wrong.text)
    for line in said:
        assert not isinstance(line, Asked)
        scene.add(line)
    assert isinstance(asked, Asked)
    assert scene.answers(asked) == (("s", "5"),) != asked.answers
