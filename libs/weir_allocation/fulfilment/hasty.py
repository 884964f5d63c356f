"""Good fillings, found fast: what is answered where the best one would take too long to find."""

from __future__ import annotations

from collections.abc import Sequence

from weir_allocation.fulfilment.candidates import NO_LIMIT, Candidates, Draw, LineCandidates
from weir_allocation.fulfilment.filling import Filling, together


def hasty(found: Candidates, lines: Sequence[LineCandidates], mask: int, *, one_place: bool) -> Filling:
    """A good filling of lines that compete, from some places: one line after another, plain units before bundles.

    Its bound is what the lines could have if they did not compete.
    """
    left = list(found.limits)
    plain = sorted(lines, key=lambda line: (bool(line.parts), line.line))
    filling = together([_one_after(found, line, mask, left, one_place=one_place) for line in plain])
    bound = sum(reachable(line, mask, one_place=one_place) for line in lines)
    return filling._replace(exact=False, bound=bound)


def reachable(line: LineCandidates, mask: int, *, one_place: bool) -> int:
    """The most units of a line from some places, if no other line takes anything."""
    there = [units for place, units in line.most.items() if mask >> place & 1]
    return min(line.quantity, max(there, default=0) if one_place else sum(there) - line.over(mask))


def _one_after(found: Candidates, line: LineCandidates, mask: int, left: list[int], *, one_place: bool) -> Filling:
    """What is left for a line: the first place that has most for it if it must be one, and then its best units."""
    places = [place for place in sorted(line.most) if mask >> place & 1]
    if one_place:
        trials = [(-_line(found, line, 1 << place, left[:]).filled, place) for place in places]
        mask = 1 << min(trials)[1] if trials else 0
    return _line(found, line, mask, left)


def _line(found: Candidates, line: LineCandidates, mask: int, left: list[int]) -> Filling:
    picks, wanted = _taken(line.direct, line.quantity, mask, left)
    made = []
    for place in sorted(line.bundles):
        if wanted and mask >> place & 1:
            quota = line.quota(place)
            most = min(wanted, line.bundles[place], wanted if quota == NO_LIMIT else left[quota])
            number, parts = _bundles(line, place, most, left)
            if number:
                if quota != NO_LIMIT:
                    left[quota] -= number
                wanted -= number
                made.append(((line.line, place), number))
                picks += parts
    cost = sum(units * draw.cost for draw, units in picks) + found.bundle_cost * sum(number for _, number in made)
    filled = line.quantity - wanted
    return Filling(filled, cost, tuple(picks), tuple(made), exact=False, bound=filled)


def _bundles(line: LineCandidates, place: int, wanted: int, left: list[int]) -> tuple[int, list[tuple[Draw, int]]]:
    """Bundles from what is left at one place: as many as the parts allow that are left when they take in turn."""
    while wanted:
        trial = left[:]
        picks: list[tuple[Draw, int]] = []
        possible = wanted
        for part in line.parts:
            taken, missing = _taken(part.draws, wanted * part.quantity, 1 << place, trial)
            picks += taken
            possible = min(possible, wanted - -(-missing // part.quantity))
        if possible == wanted:
            left[:] = trial
            return wanted, picks
        wanted = possible
    return 0, []


def _taken(draws: Sequence[Draw], wanted: int, mask: int, left: list[int]) -> tuple[list[tuple[Draw, int]], int]:
    """Units of the first draws that have any left, and how many are still missing."""
    picks = []
    for draw in draws:
        if not mask >> draw.place & 1:
            continue
        units = min(wanted, left[draw.stock])
        if draw.loan != NO_LIMIT:
            units = min(units, left[draw.loan])
        if draw.quota != NO_LIMIT:
            units = min(units, left[draw.quota])
        if units:
            left[draw.stock] -= units
            if draw.loan != NO_LIMIT:
                left[draw.loan] -= units
            if draw.quota != NO_LIMIT:
                left[draw.quota] -= units
            picks.append((draw, units))
            wanted -= units
            if not wanted:
                break
    return picks, wanted
