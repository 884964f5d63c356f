"""A demand that waits: how it looks at stock, what is earmarked for it, and the promise that this comes to."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from weir_aggregator.domain import Product, Promise, Purpose, Recorded, Waiting
from weir_allocation.fulfilment.model import Allocation, Line, Plan
from weir_allocation.stock import Condition, StockItem

LINES_MAX = 500
"""Lines of one promise."""

Place = tuple[int, str]
"""Where a demand stands: the revision with which it began to wait, then its identifier."""
Held = Mapping[Product, Mapping[StockItem, int]]
"""Units of stock items, by product."""


class Look(NamedTuple):
    """How a line looks at stock: what does not fit can make no difference to it."""

    reads: tuple[Product, ...]
    """The products it can be served with; none where its channel does not sell it."""
    uom: str
    custodians: tuple[str, ...]
    excluded: frozenset[str]
    reach: frozenset[str] | None
    """The locations that may serve it; None: any."""

    def fits(self, item: StockItem) -> bool:
        """Whether units of a stock item of a product that is read may serve the line; of whatever lot, for a source
        keeps units of any back.
        """
        return (
            item.condition is Condition.SELLABLE
            and item.uom == self.uom
            and item.custodian in self.custodians
            and (self.reach is None or item.location in self.reach)
            and item.location not in self.excluded
        )

    def usable(self, units: Mapping[StockItem, int]) -> int:
        """How many of these units may serve the line."""
        return sum(units[item] for item in units if (item.owner, item.sku) in self.reads and self.fits(item))


class Demand:
    """One that waits and says how it may be filled."""

    __slots__ = (
        "_fitting",
        "_looking",
        "held",
        "lines",
        "looks",
        "place",
        "plan",
        "reads",
        "recorded",
        "shape",
        "units_max",
        "wish",
    )

    def __init__(self, waiting: Waiting, recorded: Recorded) -> None:
        """As it began to wait, and with as much as waits now; nothing is earmarked for it."""
        self.place: Place = (waiting.arrived, waiting.waiting)
        self.recorded = recorded
        self.looks = tuple(dict.fromkeys(_look(recorded, line) for line in recorded.wish.lines))
        """How its lines look at stock."""
        self.plan: Plan | None = None
        """The plan of `wish` that took what is earmarked."""
        self.held: Held = {}
        """What is earmarked for it."""
        self.want(waiting.open)

    def want(self, units: Sequence[int]) -> None:
        """Want so many units of each line that was wanted at first."""
        self.lines = tuple(line for line, wanted in enumerate(units) if wanted)
        """The lines of which something waits."""
        wish = self.recorded.wish
        self.wish = replace(wish, lines=tuple(replace(wish.lines[line], quantity=units[line]) for line in self.lines))
        """What waits: the line in each place is the one that `lines` names there."""
        self._looking = tuple(_look(self.recorded, line) for line in self.wish.lines)
        self._fitting = tuple(dict.fromkeys(self._looking))
        self.reads = tuple(dict.fromkeys(product for look in self._fitting for product in look.reads))
        """The products that what waits can be served with, each once."""
        self.units_max = self._units_max()
        """Units of one stock item that make a difference to it, at most."""
        self.shape = self._shape()
        """What tells its plan from those of others, beside what is there."""

    def fits(self, item: StockItem) -> bool:
        """Whether units of a stock item may serve any line."""
        return any((item.owner, item.sku) in look.reads and look.fits(item) for look in self._fitting)

    def hopeless(self, units: Mapping[StockItem, int]) -> bool:
        """Whether it is plain without a plan that nothing of it can be filled from these units."""
        if not self.wish.whole:
            return not units
        bundles = self.recorded.terms.sharing.bundles
        return any(
            line.product not in bundles and look.usable(units) < line.quantity
            for line, look in zip(self.wish.lines, self._looking, strict=True)
        )

    def promisable(self, made: Plan) -> bool:
        """Whether something of a plan can be promised: of a whole order that is all of it, at once."""
        return bool(made.allocations) and (not self.wish.whole or len(made.allocations) <= LINES_MAX)

    def promise(self) -> Promise:
        """What the ledger is to promise of what is earmarked: all that it takes at once."""
        assert self.plan is not None
        taken = _taken(self.plan.allocations)
        filled: dict[int, int] = {}
        for group in taken:
            filled[group[0].line] = filled.get(group[0].line, 0) + (group[0].bundles or group[0].quantity)
        lines = {line: place for place, line in enumerate(filled)}
        allocations = [each for group in taken for each in group]
        recorded = self.recorded
        wish = tuple(replace(self.wish.lines[line], quantity=units) for line, units in filled.items())
        return Promise(
            self.place[1],
            len(recorded.wish.lines),
            tuple((self.lines[line], units) for line, units in filled.items()),
            tuple((each.item, each.quantity) for each in allocations),
            Recorded(
                replace(recorded.wish, lines=wish),
                recorded.channel,
                recorded.terms,
                tuple(Purpose(lines[each.line], each.serves_as, each.bundles) for each in allocations),
                replace(self.plan, allocations=(), missing=()),
                recorded.revisions,
            ),
        )

    def _units_max(self) -> int:
        """As many as all lines together can take of one stock item, and what a link keeps back beside them."""
        sharing = self.recorded.terms.sharing
        units = kept = 0
        for line in self.wish.lines:
            bundle = sharing.bundles.get(line.product)
            units += line.quantity * max(1, sum(quantity for _, quantity in bundle.parts) if bundle else 1)
            for product in sharing.reads(line.product):
                kept = max(kept, *(link.keep_back for link in sharing.to.get(product, ())), 0)
        return units + kept

    def _shape(self) -> Hashable:
        wish = self.wish
        plain = (wish.whole, wish.locations_max, wish.one_location_per_line, wish.own_only)
        chosen = (wish.preferred, wish.excluded, tuple(sorted(wish.distances.items())))
        return wish.lines, plain, chosen, id(self.recorded.terms)


def _look(recorded: Recorded, line: Line) -> Look:
    terms, wish = recorded.terms, recorded.wish
    reads = _sources(recorded, line.product)
    return Look(
        () if line.product in terms.denied else reads,
        line.demand.uom,
        line.custodians if terms.by_custody else ("",),
        wish.excluded,
        None if terms.by_custody else terms.reach.get(line.product, frozenset()),
    )


def _sources(recorded: Recorded, product: Product) -> tuple[Product, ...]:
    sharing = recorded.terms.sharing
    if not recorded.wish.own_only:
        return sharing.reads(product)
    bundle = sharing.bundles.get(product)
    return (product, *(part for part, _ in bundle.parts)) if bundle else (product,)


def _taken(allocations: Iterable[Allocation]) -> list[list[Allocation]]:
    """The allocations that one promise takes, in groups that go together: the parts of bundles, others each alone."""
    groups: dict[Hashable, list[Allocation]] = {}
    for each in allocations:
        alone = (each.line, each.item, each.serves_as)
        groups.setdefault((each.line, each.item.location) if each.bundles else alone, []).append(each)
    taken: list[list[Allocation]] = []
    lines = 0
    for group in groups.values():
        lines += len(group)
        if lines > LINES_MAX and taken:
            break
        taken.append(group)
    return taken
