"""What changes, for those who watch it from a moment on.

What a watcher is told next is all that he could not see at the moment before, whoever wrote it and however long the
writing took: nothing is missed, nothing is told twice, nobody waits for anybody. He is told how a thing stands when he
is told, so one who is slow misses what it went through meanwhile, and no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Mark(NamedTuple):
    """How far a watcher was told: all up to a moment, and some of what came by the next one. Made by a store."""

    told: str
    telling: str = ""
    changed: str = "0"
    name: str = ""


class Told(NamedTuple, Generic[T]):
    """Some of what changed, the mark to go on from, and whether there is more already."""

    things: Sequence[T]
    mark: Mark
    more: bool
