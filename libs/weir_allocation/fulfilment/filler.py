"""The best filling of all lines of an order from any set of places, each found once.

Lines that can have the same units are a group; groups know nothing of each other. If all lines of a group can have the
best filling that each would have alone, that is the best filling of the group; else they are `rivals`.
"""

from __future__ import annotations

from collections.abc import Sequence

from weir_allocation.fulfilment.candidates import NO_LIMIT, Candidates, LineCandidates
from weir_allocation.fulfilment.filling import Filling, alone, fits, in_one_place, together
from weir_allocation.fulfilment.hasty import hasty, reachable
from weir_allocation.fulfilment.rivals import decided, rivals
from weir_allocation.fulfilment.simplex import Work

WORK = 1_000_000
"""Numbers that linear programs may write for one plan."""


class Filler:
    """Fillings of the lines of one order."""

    def __init__(self, found: Candidates) -> None:
        self.found = found
        self._one_place = found.order.wish.one_location_per_line
        self._work = Work(WORK)
        # Groups of one line first: they cost least to look at.
        self._groups = sorted(_groups(found), key=len)
        self._masks = [mask_of(lines) for lines in self._groups]
        self._dearest = max((_dearest(found, line) for line in found.lines), default=0)
        self._known: dict[tuple[int, int], Filling | int] = {}
        self._undecided: set[tuple[int, int]] = set()
        self._singles: dict[tuple[int, int], Filling] = {}
        self._reachable: dict[tuple[int, int], int] = {}

    def reachable(self, mask: int) -> int:
        """At least as many units as can be filled from some places."""
        return sum(self._within(group, mask) for group in range(len(self._groups)))

    def least_cost(self, mask: int, target: int) -> int:
        """No filling of so many units costs less.

        Lines that do not compete cost least. Where they would have more units than are wanted, some of the dearest may
        be left out.
        """
        singles = [self._single(line, mask) for line in self.found.lines]
        spare = max(0, sum(each.filled for each in singles) - target)
        return sum(each.cost for each in singles) - spare * self._dearest

    def filling(self, mask: int, least: int = 0) -> Filling | None:
        """A best filling from some places; None if none has at least so many units.

        Where the work ends that is allowed it is some filling that is not exact, and may have fewer units.
        """
        spare = self.reachable(mask) - least
        fillings = []
        for group in range(len(self._groups)):
            if spare < 0:
                return None
            within = self._within(group, mask)
            filling = self._filling(group, mask, within - spare)
            spare -= within - (filling if isinstance(filling, int) else filling.bound)
            if isinstance(filling, Filling):
                fillings.append(filling)
        return together(fillings) if spare >= 0 else None

    def decided(self, mask: int) -> Filling:
        """The best filling from some places that has the smallest tie, if that does not take too much work."""
        fillings = []
        for group, lines in enumerate(self._groups):
            filling = self._filling(group, mask, 0)
            assert isinstance(filling, Filling)
            mine = mask & self._masks[group]
            if (group, mine) in self._undecided and filling.exact:
                filling = decided(self.found, lines, mine, filling, one_place=self._one_place, work=self._work)
                self._known[group, mine] = filling
                self._undecided.remove((group, mine))
            fillings.append(filling)
        return together(fillings)

    def _within(self, group: int, mask: int) -> int:
        """At least as many units as a group can have."""
        mask &= self._masks[group]
        units = self._reachable.get((group, mask))
        if units is None:
            lines = self._groups[group]
            units = sum(reachable(line, mask, one_place=self._one_place) for line in lines)
            self._reachable[group, mask] = units
        return units

    def _filling(self, group: int, mask: int, least: int) -> Filling | int:
        """A best filling of a group; if none has at least so many units the most that there could be."""
        mask &= self._masks[group]
        known = self._known.get((group, mask))
        if known is None or (isinstance(known, int) and known >= least):
            lines = self._groups[group]
            apart = together([self._single(line, mask) for line in lines])
            if apart.filled < least and apart.exact:
                known = apart.filled
            elif fits(apart.picks, self.found.limits):
                known = apart
            else:
                known = self._rivals(lines, mask, least)
            if isinstance(known, Filling) and not (known is apart and all(line.simple for line in lines)):
                self._undecided.add((group, mask))
            self._known[group, mask] = known
        return known

    def _single(self, line: LineCandidates, mask: int) -> Filling:
        """The best filling of one line if no other took anything."""
        mask &= line.mask
        filling = self._singles.get((line.line, mask))
        if filling is None:
            if not line.simple:
                best = self._rivals([line], mask, 0)
                assert isinstance(best, Filling)
                filling = best
            elif self._one_place:
                filling = in_one_place(self.found, line, mask)
            else:
                filling = alone(self.found, line, mask)
            self._singles[line.line, mask] = filling
        return filling

    def _rivals(self, lines: Sequence[LineCandidates], mask: int, least: int) -> Filling | int:
        best = rivals(self.found, lines, mask, one_place=self._one_place, least=least, work=self._work)
        if isinstance(best, Filling) or best < least:
            return best
        filling = hasty(self.found, lines, mask, one_place=self._one_place)
        return filling._replace(bound=min(best, filling.bound))


def mask_of(lines: Sequence[LineCandidates]) -> int:
    """The places that have anything for some lines."""
    mask = 0
    for line in lines:
        mask |= line.mask
    return mask


def _dearest(found: Candidates, line: LineCandidates) -> int:
    """No unit more of a line adds more to what it costs."""
    parts = sum(part.quantity * max((draw.cost for draw in part.draws), default=0) for part in line.parts)
    # Where parts draw on the same stock, one of them that takes more makes each of the others take dearer units.
    made = found.bundle_cost + parts * len(line.parts) if line.parts else 0
    return max(made, max((draw.cost for draw in line.direct), default=0))


def _groups(found: Candidates) -> list[list[LineCandidates]]:
    """The lines, those that may draw on the same limit together; in order.

    A limit that is enough for all that could ever draw on it keeps nobody from anything.
    """
    drawing: dict[int, dict[int, int]] = {}
    for line in found.lines:
        for component, draws in enumerate((line.direct, *(part.draws for part in line.parts)), -1):
            units = line.quantity * (1 if component < 0 else line.parts[component].quantity)
            for draw in draws:
                for limit in (draw.stock,) if draw.loan == NO_LIMIT else (draw.stock, draw.loan):
                    lines = drawing.setdefault(limit, {})
                    lines[line.line] = lines.get(line.line, 0) + units
    leader = list(range(len(found.lines)))

    def lead(line: int) -> int:
        while leader[line] != line:
            leader[line] = leader[leader[line]]
            line = leader[line]
        return line

    for limit, lines in drawing.items():
        if len(lines) > 1 and sum(lines.values()) > found.limits[limit]:
            heads = [lead(line) for line in lines]
            for head in heads:
                leader[lead(head)] = lead(min(heads))
    groups: dict[int, list[LineCandidates]] = {}
    for line in found.lines:
        groups.setdefault(lead(line.line), []).append(line)
    return list(groups.values())
