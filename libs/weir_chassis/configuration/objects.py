"""What every object of configuration has, what changes objects, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from weir_chassis.configuration.errors import Missing, Taken

T = TypeVar("T", bound="Configured")

Key = tuple[str, ...]
"""An object's identifier: the values of the fields that its kind names in `identity`."""

Where = Mapping[str, str | int | Key | frozenset[str]]
"""What objects must have to be meant: names of fields, or others that the kind knows by `has`, and their values; of a
set any one.
"""


@dataclass(frozen=True, slots=True)
class Configured:
    """What all kinds share: an identifier, and a mark of the version, which is no part of what an object says.

    `etag` is the number of the revision that last changed the object; empty where it was not stored.
    """

    identity: ClassVar[tuple[str, ...]]
    told: ClassVar[bool] = True
    """Whether its changes are written down for those who follow; what is not told changes with something that is."""
    missing: ClassVar[type[Missing]]
    taken: ClassVar[type[Taken]]

    etag: str = field(default="", compare=False, kw_only=True)

    @property
    def key(self) -> Key:
        """Its identifier, unique among the objects of its kind and tenant."""
        return tuple(getattr(self, name) for name in self.identity)

    def stamped(self: T, revision: int) -> T:
        """The object as it is stored when `revision` changes it."""
        return replace(self, etag=str(revision))

    def has(self, name: str, value: Any) -> bool:
        """Whether it has what `Where` asks for under this name."""
        mine = getattr(self, name)
        return mine in value if isinstance(value, frozenset) else bool(mine == value)


@dataclass(frozen=True, slots=True)
class Change:
    """An object as it stands after a change; or, if `deleted`, the last state it had."""

    object: Configured
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Decision(Generic[T]):
    """What a request comes to: its answer, and every change; none if all is as asked.

    The answer is the object asked about, as it will be, or something made for the request that is never stored itself.
    """

    object: T
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Named(Generic[T]):
    """An object that a request names, in the version `etag`; empty: in whatever version it is."""

    kind: type[T]
    key: Key
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """How a request ended: the answer, of what was stored, and the revision it rests on."""

    object: T
    revision: int


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything that one revision changed."""

    revision: int
    recorded_at: datetime
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class History:
    """A stretch of what happened, whole commits in order, and between which revisions history is kept.

    Everything after revision `oldest` is kept, up to `head`; `commits` are those of them that were asked for.
    """

    oldest: int
    head: int
    commits: tuple[Commit, ...]
