"""Refusals that tell by which revision things are as they say, while that revision is still being drawn.

An earlier command of the same commit made it so, and the commit has no number yet: the number is told as empty, and
filled in once it is drawn.
"""

from weir_chassis.errors import Refusal

_NUMBERS = ("current", "revision")
"""The metadata that tell such a number."""


def settle(refusal: Refusal, revision: int) -> None:
    """Fill in `revision` where the refusal waits for its number, and nothing in any other."""
    for each in _NUMBERS:
        if refusal.metadata.get(each) == "":
            refusal.metadata[each] = str(revision)


def drawn(revision: int | None) -> int | str:
    """A revision as a refusal tells it: empty where it is None, still being drawn."""
    return "" if revision is None else revision
