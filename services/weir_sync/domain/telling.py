"""Why levels change, and by which rule they are; pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from weir_sync.domain.records import Trigger
from weir_sync.domain.rules import Product, Rule

LEDGER = "ledger"


class Mark(Protocol):
    """How far a context was followed: a revision of it."""

    @property
    def context(self) -> str:
        """Whose it is."""
        ...

    @property
    def origin(self) -> Hashable:
        """Where it was drawn: numbers of one origin alone can be compared."""
        ...

    @property
    def number(self) -> int:
        """Its number."""
        ...


M = TypeVar("M", bound=Mark)


class Cause(NamedTuple):
    """Why levels fall due, and what changed, in a few words."""

    trigger: Trigger
    reason: str


class Rulebook:
    """Which rule wins for which product."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        """By these rules, in the order in which they are tried."""
        self._named: dict[Product, tuple[int, Rule]] = {}
        self._all: tuple[int, Rule] | None = None
        for place, rule in enumerate(rules):
            for product in rule.products:
                self._named.setdefault(product, (place, rule))
            if not rule.products and self._all is None:
                self._all = place, rule

    def rule(self, product: Product, channel: str) -> str:
        """The rule that wins for the product, where it names the channel; empty for none."""
        winning = min(
            (each for each in (self._named.get(product), self._all) if each is not None),
            key=lambda each: each[0],
            default=None,
        )
        return winning[1].rule if winning is not None and channel in winning[1].stores else ""


def cause(before: Sequence[Mark], through: Sequence[Mark]) -> Cause:
    """What changed between two marks; where the later one is none it is not known yet.

    Stock or promises where the ledger moved, whatever else did; else what is configured.
    """
    if not through:
        return Cause(Trigger.CHANGE, "several changes")
    known = set(before)
    moved = [each for each in through if each not in known]
    if not moved:
        return Cause(Trigger.CHANGE, "a day ended")
    reason = ", ".join(f"{each.context} {each.number}" for each in moved)
    changed = any(each.context == LEDGER for each in moved)
    return Cause(Trigger.CHANGE if changed else Trigger.CONFIGURATION, reason)


def earlier(one: Sequence[M], other: Sequence[M]) -> tuple[M, ...]:
    """A mark that both include, so that nothing after either is missed; the beginning, where they have none in
    common.
    """
    mine, theirs = {each.origin: each for each in one}, {each.origin: each for each in other}
    if mine.keys() != theirs.keys():
        return ()
    return tuple(min(each, theirs[origin], key=lambda at: at.number) for origin, each in mine.items())
