"""What a caller leaves to the service that keeps an object, settled as that service would."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from weir_aggregator.domain import Change
from weir_aggregator.projection.book import Kind, Objects, key
from weir_allocation.policy import Policy
from weir_allocation.rules import Rule
from weir_allocation.sharing import Link

Placed = Policy | Rule | Link
"""What has a place in an order."""


def settled(objects: Objects, changes: Iterable[Change]) -> Iterator[Change]:
    """The changes, each object in its place in the order in which those of its sort are tried.

    One that does not say its place stays where it is, or comes after all others; links are in the order of their
    creation.
    """
    there: dict[Kind, dict[Hashable, Any]] = {kind: dict(objects.get(kind, {})) for kind in (Policy, Rule, Link)}
    last = {kind: max(map(_place, each.values()), default=0) for kind, each in there.items()}
    for change in changes:
        if isinstance(change.object, Placed):
            kind, name = type(change.object), key(change.object)
            former = there[kind].pop(name, None)
            if not change.deleted:
                placed = _placed(change.object, last[kind] + 1 if former is None else _place(former))
                there[kind][name] = placed
                last[kind] = max(last[kind], _place(placed))
                change = Change(placed)
        yield change


def _place(placed: Placed) -> int:
    return placed.created if isinstance(placed, Link) else placed.priority


def _placed(placed: Placed, place: int) -> Placed:
    """The object in that place, unless it names another itself."""
    if isinstance(placed, Link):
        return replace(placed, created=place)
    return placed if placed.priority else replace(placed, priority=place)
