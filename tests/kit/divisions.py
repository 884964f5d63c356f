"""Worked examples of divisions, as docs/partitioning.md has them: what happens to a supply, and what groups then have
left.

    there are 100 BIKE
    balanced policy half: equal, webshops, amazon   => webshops 50, amazon 50, by first
    webshops order 30                               => webshops 20, amazon 50

What happens stands before the arrow; behind it what each group has left then, and why the supply was divided anew, if
it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from tests.kit.stories import NAME, Reader
from weir_allocation.policy import Mode, Policy
from weir_allocation.stock import Product

BIKE: Product = ("", "BIKE")
WAREHOUSE_GROUP = "europe"
GROUPS = ("amazon", "webshops")
"""Fed by the warehouse group, each with one channel of its name."""


@dataclass(frozen=True, slots=True)
class Lying:
    """So many units are available now."""

    units: int


@dataclass(frozen=True, slots=True)
class Ordered:
    """A group's order is promised units; fewer than 0: the first of its orders that is as large is cancelled."""

    channel_group: str
    units: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """A group does not sell the product any more."""

    channel_group: str


Happening = Lying | Ordered | Stopped | Policy


class Moment(NamedTuple):
    """What happens, and what is so then."""

    happening: Happening
    left: Mapping[str, int] | None
    """By group; None where the example does not say."""
    reason: str
    """Why the supply was divided anew; empty where it was not."""


def moments(text: str) -> Iterator[Moment]:
    """The moments of an example; fails where a line cannot be read."""
    for line in filter(None, (line.partition("#")[0].strip() for line in text.splitlines())):
        happening, arrow, told = line.partition(" => ")
        answers = re.split(", *", told.strip()) if arrow else []
        reason = answers.pop().removeprefix("by ") if answers and answers[-1].startswith("by ") else ""
        left = dict(each.rsplit(" ", 1) for each in answers)
        yield Moment(
            _happening(happening.strip()),
            {group: int(units) for group, units in left.items()} if arrow else None,
            reason.upper(),
        )


def _happening(said: str) -> Happening:
    if found := re.fullmatch(r"there are (\d+) BIKE", said):
        return Lying(int(found[1]))
    if found := re.fullmatch(rf"({NAME}) (order|give back) (\d+)", said):
        return Ordered(found[1], int(found[3]) * (1 if found[2] == "order" else -1))
    if found := re.fullmatch(rf"({NAME}) stops selling BIKE", said):
        return Stopped(found[1])
    found = re.fullmatch(
        rf"balanced policy ({NAME})(?: moving (\d+) or more)?(?: protecting (\d+) % of ({NAME}))?: (.+)", said
    )
    assert found, f"cannot be read: {said}"
    name, hysteresis, percent, protected, terms = found.groups()
    [policy] = Reader(date.min).read(f"policy {name}: {terms}")
    assert isinstance(policy, Policy)
    parts = (
        replace(part, protected_percent=int(percent) if part.channel_group == protected else 0) for part in policy.parts
    )
    return replace(policy, mode=Mode.BALANCED, hysteresis_units=int(hysteresis or 1), parts=tuple(parts))
