"""Carry the import of a snapshot on: take its lines, apply what was staged, set to zero what it did not name.

Each command is a commit of its own that also writes how far the import is, so that whatever breaks, what is settled is
settled once. A command that comes too late, because another stream of the same import was faster, changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from weir_chassis.errors import RequestIdReused, RevisionCompacted
from weir_ledger.domain.books import Page
from weir_ledger.domain.command import Command
from weir_ledger.domain.entries import Account, EntryKind
from weir_ledger.domain.snapshots import (
    Feed,
    Figure,
    KeptLine,
    LineState,
    Lookback,
    Progress,
    SnapshotImport,
    Stage,
    on_hand,
    there,
)
from weir_ledger.domain.stock import ON_HAND_MAX, StockItem
from weir_ledger.errors import BalanceOverflow, InsufficientOnHand, LocationNotFound, SnapshotGap


@dataclass(frozen=True, slots=True)
class ImportCommand(Command[Progress]):
    """What the commands of an import have in common.

    `begun` is the import as it is where the books have none yet; it is all there is where `check_only` is set.
    """

    begun: SnapshotImport
    feed: Feed
    figures: tuple[Figure, ...] = ()
    check_only: bool = False

    def importing(self) -> str | None:
        return "" if self.check_only else self.begun.request_id

    def items(self) -> Iterable[StockItem]:
        return (figure.item for figure in self.figures)

    def size(self) -> int:
        return 2 * len(self.figures)

    def lookback(self, page: Page) -> Lookback | None:
        moments = tuple(
            (figure.item, figure.as_of)
            for figure in self.figures
            if page.is_booked(figure.item) and not (_is_stale(page, figure) or _is_gone(page, figure))
        )
        return Lookback(moments, self.feed.counts_promises) if moments else None

    def found(self, page: Page) -> SnapshotImport:
        """The import as it stands; raises RequestIdReused where it is that of another feed."""
        found = page.intake.snapshot or self.begun
        if found.fingerprint != self.begun.fingerprint:
            raise RequestIdReused(found.request_id)
        return found


@dataclass(frozen=True, slots=True)
class ImportLines(ImportCommand):
    """Settle the lines from `first_line` to before `end_line`: the `figures`, and those that are `malformed`.

    Those settled before are not looked at. Where all or nothing is wanted good lines are only staged.
    """

    first_line: int = 1
    end_line: int = 1
    malformed: tuple[KeptLine, ...] = ()

    def decide(self, page: Page) -> Progress:
        found = self.found(page)
        if self.end_line <= found.next_line:
            return Progress(found)
        if found.stage is not Stage.LINES:
            raise RequestIdReused(found.request_id)
        if self.first_line > found.next_line:
            raise SnapshotGap(found.request_id, expected=found.next_line, line=self.first_line)
        figures = [each for each in self.figures if each.line >= found.next_line]
        bad = [each for each in self.malformed if each.line >= found.next_line]
        settle = _stage if self.feed.all_or_nothing else _apply
        kept = bad + [each for figure in figures if (each := settle(page, self.feed, figure)) is not None]
        stale = sum(each.state is LineState.STALE for each in kept)
        refused = sum(each.state is LineState.REFUSED for each in kept)
        after = replace(
            found,
            next_line=self.end_line,
            applied=found.applied + len(figures) + len(bad) - len(kept),
            stale=found.stale + stale,
            refused=found.refused + refused,
        )
        return _written(page, after, kept)


@dataclass(frozen=True, slots=True)
class EndLines(ImportCommand):
    """Take no more lines: its caller has sent all there are."""

    def decide(self, page: Page) -> Progress:
        found = self.found(page)
        if found.stage is not Stage.LINES:
            return Progress(found)
        if not self.feed.all_or_nothing:
            return _written(page, _applied(found, self.feed))
        return _written(page, replace(found, stage=Stage.REFUSED if found.refused else Stage.STAGED))


@dataclass(frozen=True, slots=True)
class ApplyStaged(ImportCommand):
    """Apply lines that had been staged; `last` says that there are no more.

    A line that has turned bad since it was staged is refused by itself: the others cannot be taken back.
    """

    last: bool = False

    def decide(self, page: Page) -> Progress:
        found = self.found(page)
        if found.stage is not Stage.STAGED:
            return Progress(found)
        figures = [each for each in self.figures if each.line > found.staged_line]
        kept = [each for figure in figures if (each := _apply(page, self.feed, figure)) is not None]
        left = {each.line for each in kept}
        applied = tuple(figure.line for figure in figures if figure.line not in left)
        stale = sum(each.state is LineState.STALE for each in kept)
        after = replace(
            found,
            staged_line=figures[-1].line if figures else found.staged_line,
            applied=found.applied + len(applied),
            stale=found.stale + stale,
            refused=found.refused + len(kept) - stale,
        )
        return _written(page, _applied(after, self.feed) if self.last else after, kept, applied)


@dataclass(frozen=True, slots=True)
class ZeroAbsent(ImportCommand):
    """Set stock items to zero that the snapshot did not name; `last` says that there are no more."""

    last: bool = False

    def decide(self, page: Page) -> Progress:
        found = self.found(page)
        if found.stage is not Stage.ABSENT:
            return Progress(found)
        kept = [each for figure in self.figures if (each := _apply(page, self.feed, figure)) is not None]
        after = replace(
            found,
            stage=Stage.DONE if self.last else Stage.ABSENT,
            zeroed=found.zeroed + len(self.figures) - len(kept),
            absent_left=found.absent_left or any(each.state is LineState.REFUSED for each in kept),
        )
        return _written(page, after)


def _written(page: Page, after: SnapshotImport, kept: Sequence[KeptLine] = (), applied: Sequence[int] = ()) -> Progress:
    """Write how far the import is now."""
    after = replace(after, created_at=after.created_at or page.now, updated_at=page.now, revision=0)
    page.progress = Progress(after, tuple(kept), tuple(applied))
    return page.progress


def _applied(found: SnapshotImport, feed: Feed) -> SnapshotImport:
    """An import whose lines are all applied, or refused: then one cannot know what is absent."""
    if not (feed.zero_absent and feed.full_scopes):
        return replace(found, stage=Stage.DONE)
    if found.refused:
        return replace(found, stage=Stage.DONE, absent_left=True)
    return replace(found, stage=Stage.ABSENT)


def _apply(page: Page, feed: Feed, figure: Figure) -> KeptLine | None:
    """Count what a line reports; the line to keep where it is not applied."""
    if _is_stale(page, figure):
        return KeptLine(figure.line, LineState.STALE, figure.item, figure.sent)
    units = _units(page, feed, figure)
    if isinstance(units, KeptLine):
        return units
    page.book(
        EntryKind.COUNT,
        figure.item,
        on_hand=units - page.balance(figure.item).on_hand,
        against=Account.ADJUSTMENT,
        reference=feed.reference,
        occurred_at=figure.as_of,
    )
    return None


def _stage(page: Page, feed: Feed, figure: Figure) -> KeptLine:
    """Check a line that is to be applied once all are there; the line to keep."""
    if not _is_stale(page, figure):
        units = _units(page, feed, figure)
        if isinstance(units, KeptLine):
            return units
    return KeptLine(figure.line, LineState.STAGED, figure.item, figure.sent)


def _units(page: Page, feed: Feed, figure: Figure) -> int | KeptLine:
    """Units on hand by a figure, or the line to keep where it is bad: nowhere, too old, less than has gone out since,
    or more than the books can hold."""
    item = figure.item
    if not page.has_place(item.location):
        nowhere = LocationNotFound(item.location)
        return _refused(figure, nowhere.reason, nowhere.message)
    if _is_gone(page, figure):
        sentence = f"What moved since {figure.as_of.isoformat()} is no longer kept."
        return _refused(figure, RevisionCompacted.reason, sentence)
    past = page.past(item, figure.as_of)
    units = on_hand(feed, figure.quantity, past)
    found = there(feed, figure.quantity, past)
    if units < 0:
        sentence = (
            f"By this figure {found} of {item.sku!r} were at {item.location!r}, yet {-past.moved} went out since."
        )
        return _refused(figure, InsufficientOnHand.reason, sentence)
    if units > ON_HAND_MAX:
        much = BalanceOverflow(sku=item.sku, location=item.location, on_hand=found, requested=past.moved)
        return _refused(figure, much.reason, much.message)
    return units


def _refused(figure: Figure, reason: str, sentence: str) -> KeptLine:
    """A bad line, to be kept."""
    return KeptLine(figure.line, LineState.REFUSED, figure.item, figure.sent, reason, sentence)


def _is_stale(page: Page, figure: Figure) -> bool:
    """Whether the stock item was counted or reported at the moment of the figure or later."""
    counted_at = page.balance(figure.item).counted_at
    return counted_at is not None and figure.as_of <= counted_at


def _is_gone(page: Page, figure: Figure) -> bool:
    """Whether what moved since the figure is not kept any longer."""
    since: datetime | None = page.intake.kept_since
    return since is not None and figure.as_of < since and page.is_booked(figure.item)
