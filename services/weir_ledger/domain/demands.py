"""Take up what an order has to wait for, give it up, and promise it once there are units; say how much may wait."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec import Struct
from msgspec.structs import replace

from weir_chassis.errors import EtagStale, Refusal
from weir_ledger.domain.books import Page
from weir_ledger.domain.command import Command
from weir_ledger.domain.limits import Holding
from weir_ledger.domain.promises import book, claimed, grant, placed, refusal, size
from weir_ledger.domain.reservations import DraftLine, Mode, Reservation, ShortLine, State
from weir_ledger.domain.stock import StockItem
from weir_ledger.domain.waiting import (
    RESERVATIONS_MAX,
    BackOrders,
    Product,
    Waiting,
    WaitingState,
)
from weir_ledger.errors import (
    WaitingEnded,
    WaitingLineExceeded,
    WaitingLineNotFound,
    WaitingWhole,
)


class WaitingPromise(Struct, frozen=True):
    """Units for a demand: `units`, line numbers and quantities, wait no longer; `lines` are promised for them, all or
    none, under the identifier `reservation`, with which its caller keeps a `plan`."""

    waiting: str
    reservation: str
    units: tuple[tuple[int, int], ...]
    lines: tuple[DraftLine, ...]
    plan: bytes = b""


class PromiseOutcome(Struct, frozen=True):
    """What became of one promise: a reservation, or the reason why there is none, and the lines that were short."""

    reservation: Reservation | None
    reason: str = ""
    message: str = ""
    short_lines: tuple[ShortLine, ...] = ()


@dataclass(frozen=True, slots=True)
class SetBackOrders(Command[BackOrders]):
    """Say how many units of a product may wait; an empty etag overwrites whatever is there, and what is so already
    stays as it is."""

    product: Product
    limit: int
    etag: str

    def products(self) -> Iterable[Product]:
        return (self.product,)

    def stands_alone(self) -> bool:
        return True

    def decide(self, page: Page) -> BackOrders:
        found = page.back_orders_of(self.product)
        current = str(found.limit_revision or "")
        if self.etag and self.etag != current:
            raise EtagStale(current=current)
        if found.limit_revision and found.limit == self.limit:
            return found
        return page.keep_back_orders(replace(found, limit=self.limit, limit_revision=0, revision=0))


@dataclass(frozen=True, slots=True)
class CancelWaiting(Command[Waiting]):
    """Give units up that wait; `lines` maps line numbers to units, empty means everything that waits."""

    demand: str
    lines: tuple[tuple[int, int], ...]

    def waiting(self) -> Iterable[str]:
        return (self.demand,)

    def size(self) -> int:
        return max(1, len(self.lines))

    def decide(self, page: Page) -> Waiting:
        found = page.demand(self.demand)
        lines = list(found.lines)
        for number, units in _open_units(found, self.lines):
            line = lines[number - 1]
            lines[number - 1] = replace(line, open=line.open - units, cancelled=line.cancelled + units)
        return page.keep_demand(replace(found, lines=tuple(lines), revision=0))


@dataclass(frozen=True, slots=True)
class PromiseWaiting(Command[tuple[PromiseOutcome, ...]]):
    """Promise units to demands that wait, in their order; each by itself, and its units all or none."""

    promises: tuple[WaitingPromise, ...]

    def waiting(self) -> Iterable[str]:
        return (each.waiting for each in self.promises)

    def items(self) -> Iterable[StockItem]:
        return (line.item for each in self.promises for line in each.lines)

    def claims(self) -> Iterable[str]:
        return (claim for each in self.promises for claim in claimed(each.lines))

    def size(self) -> int:
        return sum(len(each.units) + size(each.lines, each.plan) for each in self.promises)

    def decide(self, page: Page) -> tuple[PromiseOutcome, ...]:
        page.limits.require_lines(sum(len(each.lines) for each in self.promises))
        outcomes: list[PromiseOutcome] = []
        for index, each in enumerate(self.promises):
            try:
                outcomes.append(_promise(page, f"promises[{index}]", each))
            except Refusal as reason:
                outcomes.append(PromiseOutcome(None, reason.reason, reason.message))
        return tuple(outcomes)


def _promise(page: Page, field: str, promise: WaitingPromise) -> PromiseOutcome:
    """Promise units to one demand, or tell which of them are short; raises the refusal for any other reason why
    nothing is, and then has booked nothing."""
    found = page.demand(promise.waiting)
    units_of = _open_units(found, promise.units)
    if found.whole:
        _require_whole(found, units_of)
    granted, short = grant(page, promise.lines, Mode.ALL_OR_NOTHING)
    if short:
        refused = refusal(placed(field, short), revision=0)  # no caller is told the revision of one in many
        return PromiseOutcome(None, refused.reason, refused.message, short)
    page.require_room(found.channel, Holding(1, 0))
    reservation = page.keep(
        Reservation(
            promise.reservation,
            State.CONFIRMED,
            tuple(book(page, promise.reservation, 1, promise.lines, granted)),
            expires_at=None,
            created_at=page.now,
            order=found.order,
            channel=found.channel,
        )
    )
    page.keep_plan(promise.reservation, promise.plan)
    lines = list(found.lines)
    for number, units in units_of:
        line = lines[number - 1]
        lines[number - 1] = replace(line, open=line.open - units, promised=line.promised + units)
    promised = (*found.reservations, promise.reservation)[-RESERVATIONS_MAX:]
    page.keep_demand(replace(found, lines=tuple(lines), reservations=promised, revision=0))
    return PromiseOutcome(reservation)


def _require_whole(found: Waiting, units_of: Sequence[tuple[int, int]]) -> None:
    """Raise WaitingWhole unless these units are all that wait."""
    requested, waiting = sum(units for _, units in units_of), sum(line.open for line in found.lines)
    if requested != waiting:
        raise WaitingWhole(found.waiting, requested=requested, open_units=waiting)


def _open_units(found: Waiting, asked: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Line numbers and units that are meant: those `asked`, or all that wait.

    Raises WaitingEnded, and WaitingLineNotFound or WaitingLineExceeded for the first that does not wait.
    """
    if found.state is not WaitingState.WAITING:
        raise WaitingEnded(found.waiting, found.state.name)
    if not asked:
        return [(number, line.open) for number, line in enumerate(found.lines, 1) if line.open]
    for number, units in asked:
        if number > len(found.lines):
            raise WaitingLineNotFound(found.waiting, number)
        left = found.lines[number - 1].open
        if units > left:
            raise WaitingLineExceeded(found.waiting, number, requested=units, open_units=left)
    return list(asked)
