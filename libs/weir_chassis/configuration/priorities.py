"""Objects that are tried in an order: each has a priority of its own, and the first that fits wins alone.

A priority is unique among the objects of its kind and tenant, those that are switched off included. Whoever adds one
without naming a priority puts it last; whoever changes one without naming it leaves it where it is; a new order is
given for all of them at once. That is one commit, and one message to each watcher: so there is a limit to how much all
of them hold together.

Each decision takes what is asked for and every object of the kind that there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, NamedTuple, TypeVar

import msgspec

from weir_chassis.configuration.errors import told
from weir_chassis.configuration.objects import Change, Configured, Decision
from weir_chassis.configuration.rules import check_absent, existing, written
from weir_chassis.errors import Kind, Malformed, Refusal, Violation

PRIORITY_MAX = 10**6
SIZE_MAX = 8 * 1024 * 1024
"""Bytes of all objects of a kind that a tenant has, as they are stored."""

R = TypeVar("R", bound="Ranked")


class PriorityTaken(Refusal):
    """Another object has the priority; a subclass for each kind."""

    kind = Kind.TAKEN
    thing: ClassVar[str]

    def __init__(self, *, priority: int, other: str) -> None:
        """Refuse a second object of `priority`, which is that of `other`."""
        others = {self.thing: other}
        sentence = f"The {self.thing} '{other}' has priority {priority} already."
        super().__init__(sentence, violations=(), retry_after_seconds=None, priority=priority, **others)


class OrderIncomplete(Refusal):
    """An order names other objects than there are; a subclass for each kind."""

    kind = Kind.UNMET
    thing: ClassVar[str]

    def __init__(self, *, missing: Sequence[str], unknown: Sequence[str]) -> None:
        """Refuse an order that leaves out `missing` and names `unknown`, which are not there."""
        assert missing or unknown
        left_out, not_there = told(missing), told(unknown)
        super().__init__(
            f"An order names every {self.thing} there is: this one leaves out {len(missing)}, and names {len(unknown)} "
            "that are not there.",
            violations=[
                Violation(names, description)
                for names, description in ((left_out, "Left out."), (not_there, f"No such {self.thing}."))
                if names
            ],
            missing=left_out,
            unknown=not_there,
        )


class Exhausted(Refusal):
    """There are as many objects as there may be; a subclass for each kind."""

    kind = Kind.EXHAUSTED
    things: ClassVar[str]

    def __init__(self, *, limit: int) -> None:
        """Refuse one more than `limit`."""
        super().__init__(f"There are {limit} {self.things}, as many as there may be.", limit=limit)


class TooLarge(Refusal):
    """All objects together would hold more than can be told at once; a subclass for each kind."""

    kind = Kind.EXHAUSTED
    things: ClassVar[str]

    def __init__(self, *, size: int, limit: int) -> None:
        """Refuse what would take `size` bytes, of at most `limit`."""
        super().__init__(
            f"All {self.things} together would take {size} bytes, of {limit} at most: name fewer products.",
            size=size,
            limit=limit,
        )


@dataclass(frozen=True, slots=True)
class Ranked(Configured):
    """An object with a place in an order, lower first; in requests 0 asks for the last place, or the one it has.

    Its identifier is of one part.
    """

    priority_taken: ClassVar[type[PriorityTaken]]
    order_incomplete: ClassVar[type[OrderIncomplete]]
    exhausted: ClassVar[type[Exhausted]]
    too_large: ClassVar[type[TooLarge]]

    priority: int = field(default=0, kw_only=True)

    @property
    def name(self) -> str:
        """Its identifier."""
        (name,) = self.key
        return name


class Place(NamedTuple):
    """Where an object has come to stand, and the version of it that stands there."""

    name: str
    priority: int
    etag: str


@dataclass(frozen=True, slots=True)
class Order(Configured):
    """What a new order comes to: the places of those whose priority it changed, in that order."""

    identity = ()

    moved: tuple[Place, ...]

    def stamped(self, revision: int) -> Order:
        """The places as `revision` stores them."""
        return Order(tuple(each._replace(etag=str(revision)) for each in self.moved))


def create_ranked(wanted: R, there: Sequence[R], *, most: int) -> Decision[R]:
    """Add an object, as the last one where it names no priority.

    Raises the kind's `taken`, `exhausted` at `most`, `priority_taken`, `too_large`, and Malformed where nothing can
    come after the last one.
    """
    check_absent(wanted, _found(wanted, there))
    if len(there) >= most:
        raise wanted.exhausted(limit=most)
    last = max((each.priority for each in there), default=0)
    return written(_placed(wanted, there, default=last + 1), None)


def update_ranked(wanted: R, there: Sequence[R]) -> Decision[R]:
    """Replace an object, in its place where it names no priority.

    Raises the kind's `missing`, EtagStale, `priority_taken`, `too_large`.
    """
    current = existing(type(wanted), wanted.key, _found(wanted, there), etag=wanted.etag)
    return written(_placed(wanted, there, default=current.priority), current)


def reorder_ranked(kind: type[R], names: Sequence[str], there: Sequence[R]) -> Decision[Order]:
    """Give the priorities 1, 2, 3 and so on in the order of `names`, each once; raises the kind's `order_incomplete`
    unless these are all that there are.
    """
    found = {each.name: each for each in there}
    missing = sorted(found.keys() - set(names))
    unknown = [name for name in names if name not in found]
    if missing or unknown:
        raise kind.order_incomplete(missing=missing, unknown=unknown)
    placed = [replace(found[name], priority=place) for place, name in enumerate(names, start=1)]
    moved = tuple(each for each in placed if each.priority != found[each.name].priority)
    places = tuple(Place(each.name, each.priority, each.etag) for each in moved)
    return Decision(Order(places), tuple(map(Change, moved)))


def _found(wanted: R, there: Sequence[R]) -> R | None:
    return next((each for each in there if each.key == wanted.key), None)


def _placed(wanted: R, there: Sequence[R], *, default: int) -> R:
    priority = wanted.priority or default
    if priority > PRIORITY_MAX:
        (name,) = wanted.identity
        raise Malformed([Violation(f"{name}.priority", f"Required: none up to {PRIORITY_MAX} is after all others.")])
    others = [each for each in there if each.key != wanted.key]
    for other in others:
        if other.priority == priority:
            raise wanted.priority_taken(priority=priority, other=other.name)
    size = sum(len(msgspec.json.encode(each)) for each in (*others, wanted))
    if size > SIZE_MAX:
        raise wanted.too_large(size=size, limit=SIZE_MAX)
    return replace(wanted, priority=priority)
