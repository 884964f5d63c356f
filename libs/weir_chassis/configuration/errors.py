"""The reasons for which every kind of object is refused; a kind has a subclass of each, with a reason of its own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, ClassVar

from weir_chassis.errors import Kind, Refusal, Violation

NAMED_MAX = 10
NAMED_SIZE_MAX = 1024
"""How many objects a refusal names, and in how many bytes: a status travels in a trailer of 8 KiB."""


class Missing(Refusal):
    """Nothing of this kind bears the identifier; a subclass for each kind."""

    kind = Kind.UNKNOWN
    thing: ClassVar[str]

    def __init__(self, **key: Any) -> None:
        """Refuse for want of the object whose identifier is `key`, by the names of its parts."""
        super().__init__(f"There is no {self.thing} {_quoted(key)}.", **key)


class Taken(Refusal):
    """The identifier is in use; a subclass for each kind."""

    kind = Kind.TAKEN
    thing: ClassVar[str]

    def __init__(self, **key: Any) -> None:
        """Refuse a second object of the identifier `key`, by the names of its parts."""
        super().__init__(f"The {self.thing} {_quoted(key)} exists already.", **key)


class InUse(Refusal):
    """Others rest on the object; a subclass for each kind."""

    kind = Kind.UNMET
    thing: ClassVar[str]

    def __init__(self, users: Sequence[str], **key: Any) -> None:
        """Refuse to remove the object whose identifier is `key`; `users` are named as in `channel web`, in order."""
        assert users
        super().__init__(
            f"The {self.thing} {_quoted(key)} is in use by {told(users)}.",
            violations=[Violation(user, f"Uses the {self.thing}.") for user in _first(users)],
            **key,
            used_by=told(users),
        )


def told(names: Sequence[str]) -> str:
    """The first of the names, as many as a refusal has room for, and how many more there are."""
    first = _first(names)
    more = f" and {len(names) - len(first)} more" if len(names) > len(first) else ""
    return ", ".join(first) + more


def _quoted(key: dict[str, Any]) -> str:
    return " and ".join(f"'{part}'" for part in key.values())


def _first(names: Sequence[str]) -> list[str]:
    sizes = accumulate(len(name.encode()) for name in names[:NAMED_MAX])
    return [name for name, size in zip(names, sizes, strict=False) if size <= NAMED_SIZE_MAX]
