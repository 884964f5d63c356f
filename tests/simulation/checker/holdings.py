"""What channels may have seemed to hold: it is read without a lock, so a refusal may rest on what was so before. And
how much may have waited, for what is given up enters nothing that tells when."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tests.simulation.checker.order import Step
from tests.simulation.history import Refusal
from tests.simulation.model.books import Books, Limits
from tests.simulation.model.waiting import Product, Waits

Holding = tuple[int, int]
"""Open reservations and held units."""
OPEN, UNITS = 0, 1


class Holdings:
    """What each channel held at the end of each revision, and how the one under way changes it."""

    def __init__(self, limits: Limits) -> None:
        """Nobody held anything."""
        self._limits = limits
        self._ends: defaultdict[str, list[tuple[int, Holding]]] = defaultdict(lambda: [(0, (0, 0))])
        self._less: Counter[tuple[str, int]] = Counter()
        self._more: Counter[tuple[str, int]] = Counter()
        self._waiting: dict[Product, tuple[int, int]] = {}
        self._allowed: defaultdict[Product, set[int]] = defaultdict(set)
        self._waited: dict[Product, Waits] = {}

    def begin(self, books: Books, steps: Sequence[Step], clock: tuple[int, int]) -> None:
        """Begin a revision of these steps; the books stay as they are."""
        self._less.clear()
        self._more.clear()
        self._waiting.clear()
        self._allowed.clear()
        self._waited.clear()
        begun = books.mark()
        for step in steps:
            mark = books.mark()
            step.apply(books, clock)
            for channel, before, after in books.changed(mark, "held"):
                for count, (was, now) in enumerate(zip(before or (0, 0), after, strict=True)):
                    (self._more if now > was else self._less)[channel, count] += now - was
            for product, before, after in books.changed(mark, "waits"):
                self._waited.setdefault(product, before or Waits())
                was, now = (before or Waits()).waiting, after.waiting
                least, most = self._waiting.get(product, (was, was))
                self._waiting[product] = (least + min(0, now - was), most + max(0, now - was))
                self._allowed[product] |= {(before or Waits()).limit, after.limit}
        books.undo(begun)

    def end(self, revision: int, held: Mapping[str, Holding]) -> None:
        """Note what is held at the end of a revision."""
        for channel, now in held.items():
            if self._ends[channel][-1][1] != now:
                self._ends[channel].append((revision, now))

    def plausible(self, least: int, refusal: Refusal) -> Iterator[Holding]:
        """What a channel may have seemed to hold to a commit that began after revision `least`, so that the count it
        is refused for decides.

        It is what was held at the end of any revision since, changed by some of what the revision under way changes:
        where in it a promise was confirmed is not known for certain.
        """
        channel = refusal.numbers["channel"]
        if refusal.reason == "OPEN_RESERVATIONS_EXHAUSTED":
            yield from ((count, 0) for count in self._range(least, channel, OPEN))
        elif self._range(least, channel, OPEN)[0] < self._limits.channel_reservations:
            yield from ((0, count) for count in self._range(least, channel, UNITS))

    def waits(self, product: Product, waiting: int, limit: int, revision: int) -> Iterator[Waits]:
        """What may have been so of a product within the revision under way, where so many units of it wait and may:
        as before the revision, or by it, if it changes that. No change of either tells when it was made.
        """
        if product not in self._waited:
            return
        before = self._waited[product]
        if (before.waiting, before.limit) == (waiting, limit):
            yield before
        least, most = self._waiting[product]
        if least <= waiting <= most and limit in self._allowed[product]:
            yield before._replace(waiting=waiting, limit=limit, revision=revision)

    def _range(self, least: int, channel: str, count: int) -> range:
        """From the fewest to the most that one count may have seemed to be."""
        ends = self._ends[channel]
        begin = max((place for place, (revision, _) in enumerate(ends) if revision <= least), default=0)
        seen = [held[count] for _, held in ends[begin:]]
        fewest = max(0, min(seen) + self._less[channel, count])
        return range(fewest, max(seen) + self._more[channel, count] + 1)
