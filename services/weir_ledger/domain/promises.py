"""Promise units to orders: a line is accepted only if its units are available at the instant of commit, and if they
take none of its claims past their ceilings. Units that were sold already are promised all the same."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from weir_chassis.errors import Refusal
from weir_ledger.domain.arrivals import take_up
from weir_ledger.domain.books import Page
from weir_ledger.domain.command import Command
from weir_ledger.domain.entries import EntryKind
from weir_ledger.domain.limits import Holding
from weir_ledger.domain.reservations import (
    CLAIMED_MAX,
    Draft,
    DraftLine,
    Line,
    LineClaim,
    Mode,
    Reservation,
    Reserved,
    ReserveOutcome,
    ShortLine,
    State,
)
from weir_ledger.domain.stock import StockItem
from weir_ledger.domain.waiting import Product, WaitingDraft
from weir_ledger.errors import ClaimExhausted, Exceeded, InsufficientStock, Shortage

NOTHING_HAD: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Reserve(Command[Reserved]):
    """Promise the units of one draft, under the identifier `reservation`, and let those `awaited` wait, under the
    identifier `demand`; one of the two may be None."""

    reservation: str
    draft: Draft | None
    demand: str = ""
    awaited: WaitingDraft | None = None

    @property
    def lines(self) -> tuple[DraftLine, ...]:
        """What is to be promised."""
        return self.draft.lines if self.draft else ()

    def items(self) -> Iterable[StockItem]:
        return (line.item for line in self.lines)

    def claims(self) -> Iterable[str]:
        return claimed(self.lines)

    def channels(self) -> Iterable[str]:
        return (self.draft.channel,) if self.draft else ()

    def products(self) -> Iterable[Product]:
        return (line.product for line in self.awaited.lines) if self.awaited else ()

    def size(self) -> int:
        promised = size(self.draft.lines, self.draft.plan) if self.draft else 0
        return promised + (len(self.awaited.lines) + len(self.awaited.plan) // 1024 if self.awaited else 0)

    def decide(self, page: Page) -> Reserved:
        draft, awaited = self.draft, self.awaited
        page.limits.require_lines(len(self.lines) + (len(awaited.lines) if awaited else 0))
        made = None
        if draft:
            granted, short = _granted(page, draft)
            if not granted:
                raise refused(page, placed("draft", short))
            made = _promise(page, self.reservation, draft, granted)
        waiting = take_up(page, self.demand, awaited) if awaited else None
        return Reserved(made, draft.plan if draft else b"", waiting)


@dataclass(frozen=True, slots=True)
class ReserveBatch(Command[tuple[ReserveOutcome, ...]]):
    """Promise the units of many drafts in their order; all or none if `atomic`, else each by itself."""

    reservations_to_make: tuple[tuple[str, Draft], ...]
    atomic: bool = False

    def items(self) -> Iterable[StockItem]:
        return (line.item for _, draft in self.reservations_to_make for line in draft.lines)

    def claims(self) -> Iterable[str]:
        return (claim for _, draft in self.reservations_to_make for claim in claimed(draft.lines))

    def channels(self) -> Iterable[str]:
        return (draft.channel for _, draft in self.reservations_to_make)

    def size(self) -> int:
        return sum(size(draft.lines, draft.plan) for _, draft in self.reservations_to_make)

    def decide(self, page: Page) -> tuple[ReserveOutcome, ...]:
        page.limits.require_lines(sum(len(draft.lines) for _, draft in self.reservations_to_make))
        outcomes: list[ReserveOutcome] = []
        all_short: list[tuple[str, ShortLine]] = []
        for index, (reservation, draft) in enumerate(self.reservations_to_make):
            granted, short = _granted(page, draft)
            if granted:
                outcomes.append(ReserveOutcome(_promise(page, reservation, draft, granted)))
                continue
            outcomes.append(ReserveOutcome(None, short))
            all_short.extend(placed(f"drafts[{index}]", short))
        if self.atomic and all_short:
            raise refused(page, all_short)
        return tuple(outcomes)


def claimed(lines: Iterable[DraftLine]) -> Iterable[str]:
    """The keys that lines claim under."""
    return (each.claim for line in lines for each in line.claims)


def size(lines: Iterable[DraftLine], plan: bytes) -> int:
    """Lines and their claims: each is something to write, and to tell watchers; a plan is as much a KiB."""
    return sum(1 + len(line.claims) for line in lines) + len(plan) // 1024


def refused(page: Page, short: Sequence[tuple[str, ShortLine]]) -> Refusal:
    """Why lines, each with the field it stands in, are not promised: missing units first, then claims."""
    missing = [each.item for _, each in short if each.claim is None]
    if missing:
        return refusal(short, revision=page.revisions_before(missing))
    return refusal(short, revision=page.claims_before(each.claim.claim for _, each in short if each.claim))


def refusal(short: Sequence[tuple[str, ShortLine]], *, revision: int | None) -> Refusal:
    """As `refused`; units are missing, or claimed, since `revision`, None for one that is still being drawn."""
    shortages = [
        Shortage(field, each.item.sku, each.item.location, each.requested, each.available)
        for field, each in short
        if each.claim is None
    ]
    if shortages:
        return InsufficientStock(shortages, revision=revision)
    return ClaimExhausted(
        [
            Exceeded(
                field,
                each.claim.claim,
                each.claim.within(None),
                each.claimed,
                each.requested * each.claim.weight,
            )
            for field, each in short
            if each.claim is not None
        ],
        revision=revision,
    )


def placed(message: str, short: Sequence[ShortLine]) -> list[tuple[str, ShortLine]]:
    """Short lines, each with the field it stands in, where their lines are those of a `message`; empty: the request."""
    return [(f"{message}.lines[{each.line - 1}]".removeprefix("."), each) for each in short]


def _granted(page: Page, draft: Draft) -> tuple[tuple[int, ...], tuple[ShortLine, ...]]:
    """Units that each line of a draft may have, and the lines that are short; no units where all must be refused."""
    return sold(page, draft.lines) if draft.mode is Mode.FACT else grant(page, draft.lines, draft.mode)


def sold(page: Page, lines: Sequence[DraftLine]) -> tuple[tuple[int, ...], tuple[ShortLine, ...]]:
    """The units of lines that were sold already, whatever is available and whatever ceilings are set; or the lines for
    which nothing is promised, and no units.

    These are lines at a location that does not exist, lines of which more is missing than may be, and lines that would
    take a claim past what can be counted.
    """
    left: dict[StockItem, int] = {}
    claims: dict[str, int] = {}
    uncounted = dict.fromkeys(claimed(lines), CLAIMED_MAX)
    short: list[ShortLine] = []
    for number, line in enumerate(lines, 1):
        available = left.get(line.item)
        if available is None:
            available = page.balance(line.item).available
        may_be_missing = line.quantity if line.shortfall_max is None else line.shortfall_max
        tightest = _tightest(page, line, claims, uncounted)
        if line.quantity - available > may_be_missing or not page.has_place(line.item.location):
            short.append(ShortLine(number, line.item, line.quantity, available))
        elif tightest is not None and _room(tightest, claims) < line.quantity:
            short.append(ShortLine(number, line.item, line.quantity, available, tightest, claims[tightest.claim]))
        left[line.item] = max(0, available - line.quantity)
        for each in line.claims:
            claims[each.claim] += line.quantity * each.weight
    return () if short else tuple(line.quantity for line in lines), tuple(short)


def grant(
    page: Page, lines: Sequence[DraftLine], mode: Mode, had: Mapping[str, int] = NOTHING_HAD
) -> tuple[tuple[int, ...], tuple[ShortLine, ...]]:
    """Units that each line may have, and the lines that are short; no units where all must be refused.

    Up to what a claim `had` nothing is refused for its ceiling.

    Lines of the same stock item draw on the same units, and lines of the same claim on the same ceiling, in their
    order. A line may get nothing in partial mode, but not at a location that does not exist: the books could not keep
    it.
    """
    left: dict[StockItem, int] = {}
    claimed: dict[str, int] = {}
    granted: list[int] = []
    short: list[ShortLine] = []
    for number, line in enumerate(lines, 1):
        available = left.get(line.item)
        if available is None:
            available = page.balance(line.item).available
        units = min(line.quantity, available)
        tightest = _tightest(page, line, claimed, had)
        if tightest is not None:
            units = min(units, max(0, _room(tightest, claimed)))
        if units < line.quantity:
            by_claim = tightest if available >= line.quantity else None
            already = claimed[by_claim.claim] if by_claim else 0
            short.append(ShortLine(number, line.item, line.quantity, available, by_claim, already))
        left[line.item] = available - units
        for each in line.claims:
            claimed[each.claim] += units * each.weight
        granted.append(units)
    refused = bool(short) and (
        mode is Mode.ALL_OR_NOTHING or not any(granted) or not all(page.has_place(each.item.location) for each in short)
    )
    return () if refused else tuple(granted), tuple(short)


def _tightest(page: Page, line: DraftLine, claimed: dict[str, int], had: Mapping[str, int]) -> LineClaim | None:
    """The claim of a line that leaves the fewest units, with the ceiling that holds; `claimed` learns what each has
    with the lines before."""
    held: list[LineClaim] = []
    for each in line.claims:
        found = page.claim(each.claim)
        claimed.setdefault(each.claim, found.claimed)
        most = max(each.within(found.ceiling), had.get(each.claim, 0))
        held.append(LineClaim(each.claim, most, each.weight))
    return min(held, key=lambda each: (_room(each, claimed), each.claim), default=None)


def _room(held: LineClaim, claimed: Mapping[str, int]) -> int:
    """How many units a claim leaves, below 0 where more is claimed than its ceiling."""
    return (held.within(None) - claimed[held.claim]) // held.weight


def _promise(page: Page, reservation: str, draft: Draft, granted: Sequence[int]) -> Reservation:
    """Book the `granted` units: a hold of what is available, which raises where limits do not allow it; of a fact a
    promise without end, which they count."""
    state, expires_at = State.CONFIRMED, None
    if draft.mode is not Mode.FACT:
        hold_seconds = page.limits.usual_hold if draft.hold_seconds is None else draft.hold_seconds
        page.limits.require_hold(hold_seconds)
        page.require_room(draft.channel, Holding(1, sum(granted)))
        state, expires_at = State.HELD, page.now + timedelta(seconds=hold_seconds)
    page.keep_plan(reservation, draft.plan)
    return page.keep(
        Reservation(
            reservation,
            state,
            tuple(book(page, reservation, 1, draft.lines, granted)),
            expires_at=expires_at,
            created_at=page.now,
            order=draft.order,
            channel=draft.channel,
        )
    )


def book(
    page: Page, reservation: str, first: int, lines: Sequence[DraftLine], granted: Sequence[int]
) -> Iterator[Line]:
    """Book the units `granted` to each of some lines, which are numbered from `first` on; gives each as it then is."""
    for number, (line, units) in enumerate(zip(lines, granted, strict=True), first):
        if units:
            page.book(EntryKind.RESERVE, line.item, reserved=units, reservation=reservation, line=number)
            page.count_claims(line.claims, open=units)
        else:
            page.mention(line.item)
        yield Line(line.item, line.quantity, units, units, claims=line.claims)
