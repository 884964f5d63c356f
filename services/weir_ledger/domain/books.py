"""What a decision reads and writes.

A group of commands is decided one after the other on `Books`: the balances and reservations that the group touches,
under lock. Each command writes on a `Page` of its own, which is bound into the books only when the command was
accepted, so that a refused command leaves nothing behind.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec.structs import replace

from weir_ledger.domain.entries import Account, Entry, EntryKind
from weir_ledger.domain.limits import NOTHING, Holding, Limits, holding
from weir_ledger.domain.reservations import Claim, LineClaim, Reservation
from weir_ledger.domain.snapshots import NEVER_BOOKED, NO_INTAKE, Intake, Past, Progress
from weir_ledger.domain.stock import ON_HAND_MAX, Balance, BookedLocation, Location, Lot, LotName, StockItem
from weir_ledger.domain.waiting import DEMAND_LINES_MAX, BackOrders, Product, Waiting
from weir_ledger.errors import (
    BalanceOverflow,
    LinesExhausted,
    LocationNotFound,
    ReservationNotFound,
    WaitingNotFound,
)


class Books:
    """The part of a tenant's books that a group of commands touches, as it stands after those decided so far."""

    __slots__ = (
        "back_orders",
        "balances",
        "changed_locations",
        "changed_lots",
        "claims",
        "entries",
        "holdings",
        "intake",
        "limits",
        "locations",
        "lots",
        "now",
        "places",
        "plans",
        "progress",
        "reservations",
        "touched_back_orders",
        "touched_claims",
        "touched_items",
        "touched_reservations",
        "touched_waiting",
        "unread",
        "waiting",
        "waiting_plans",
    )

    def __init__(
        self,
        now: datetime,
        balances: Iterable[Balance] = (),
        reservations: Iterable[Reservation] = (),
        places: Iterable[str] = (),
        locations: Iterable[BookedLocation] = (),
        claims: Iterable[Claim] = (),
        holdings: Mapping[str, Holding] | None = None,
        limits: Limits | None = None,
        intake: Intake = NO_INTAKE,
        lots: Iterable[Lot] = (),
        waiting: Iterable[Waiting] = (),
        back_orders: Iterable[BackOrders] = (),
        unread: Mapping[str, int] | None = None,
    ) -> None:
        """Open the books at `now`, the database's clock.

        A stock item without balance has never been booked. `places` are the locations of the group's stock items that
        exist; `locations` are those a command changes, which is in no group with others. `holdings` are what each
        channel holds, and under "" the whole tenant. `intake` is for a command that carries an import on, `lots` for
        one that changes them. `unread` are demands that are too many for one request, each with the lines of all
        that were named up to it.
        """
        self.now = now
        self.balances = {balance.item: balance for balance in balances}
        self.reservations = {each.reservation: each for each in reservations}
        self.places = frozenset(places)
        self.locations = {each.location.location: each for each in locations}
        self.claims = {each.claim: each for each in claims}
        self.holdings = dict(holdings or {})
        self.limits = limits or Limits()
        self.intake = intake
        self.lots = {each.name: each for each in lots}
        self.waiting = {each.waiting: each for each in waiting}
        self.back_orders = {each.product: each for each in back_orders}
        self.unread = unread or {}
        self.progress: Progress | None = None
        self.waiting_plans: dict[str, bytes] = {}
        self.plans: dict[str, bytes] = {}
        self.changed_lots: dict[LotName, Lot] = {}
        self.changed_locations: dict[str, Location | None] = {}
        self.touched_items: dict[StockItem, None] = {}
        self.touched_reservations: dict[str, None] = {}
        self.touched_claims: dict[str, None] = {}
        self.touched_waiting: dict[str, None] = {}
        self.touched_back_orders: dict[Product, None] = {}
        self.entries: list[tuple[str, Entry]] = []

    def bind(self, page: "Page", request_id: str) -> None:
        """Take over all that an accepted command wrote; its entries are said to come from `request_id`."""
        self.balances.update(page.balances)
        self.reservations.update(page.reservations)
        self.changed_locations.update(page.locations)
        self.changed_lots.update(page.lots)
        self.claims.update(page.claims)
        self.holdings.update(page.holdings)
        self.progress = page.progress or self.progress
        self.waiting.update(page.waiting)
        self.waiting_plans.update(page.waiting_plans)
        self.back_orders.update(page.back_orders)
        self.touched_waiting.update(dict.fromkeys(page.waiting))
        self.touched_back_orders.update(dict.fromkeys(page.back_orders))
        self.plans.update(page.plans)
        self.touched_claims.update(dict.fromkeys(page.claims))
        self.touched_items.update(dict.fromkeys(page.balances))
        self.touched_reservations.update(dict.fromkeys(page.reservations))
        self.entries.extend((request_id, entry) for entry in page.entries)


class Page:
    """What one command has written so far, on top of the books."""

    __slots__ = (
        "back_orders",
        "balances",
        "books",
        "claims",
        "entries",
        "holdings",
        "intake",
        "limits",
        "locations",
        "lots",
        "now",
        "plans",
        "progress",
        "reservations",
        "waiting",
        "waiting_plans",
    )

    def __init__(self, books: Books) -> None:
        """Begin an empty page."""
        self.books = books
        self.now = books.now
        self.limits = books.limits
        self.intake = books.intake
        self.progress: Progress | None = None
        self.claims: dict[str, Claim] = {}
        self.holdings: dict[str, Holding] = {}
        self.balances: dict[StockItem, Balance] = {}
        self.reservations: dict[str, Reservation] = {}
        self.plans: dict[str, bytes] = {}
        self.locations: dict[str, Location | None] = {}
        self.lots: dict[LotName, Lot] = {}
        self.waiting: dict[str, Waiting] = {}
        self.waiting_plans: dict[str, bytes] = {}
        self.back_orders: dict[Product, BackOrders] = {}
        self.entries: list[Entry] = []

    def balance(self, item: StockItem) -> Balance:
        """The counts of `item` as they stand on this page; zeros where it was never booked."""
        return self.balances.get(item) or self.books.balances.get(item) or Balance(item)

    def revision_before(self, item: StockItem) -> int | None:
        """The revision that changed the counts of `item` last, 0 if it was never booked.

        None where a command of the same group did: its revision is not drawn yet.
        """
        if item in self.books.touched_items:
            return None
        found = self.books.balances.get(item)
        return found.revision if found else 0

    def revisions_before(self, items: Iterable[StockItem]) -> int | None:
        """The newest of the revisions that changed the counts of some stock items, 0 if none was ever booked.

        None where a command of the same group did: its revision is not drawn yet.
        """
        found = [self.revision_before(each) for each in items]
        drawn = [each for each in found if each is not None]
        return max(drawn, default=0) if len(drawn) == len(found) else None

    def claim(self, claim: str) -> Claim:
        """What is claimed under a key as it stands on this page."""
        return self.claims.get(claim) or self.books.claims.get(claim) or Claim(claim)

    def claims_before(self, claims: Iterable[str]) -> int | None:
        """The newest of the revisions that changed some claims, 0 where none ever was.

        None where a command of the same group did: its revision is not drawn yet.
        """
        known = self.books.claims
        named = list(claims)
        if any(each in self.books.touched_claims for each in named):
            return None
        return max((known[each].revision for each in named if each in known), default=0)

    def keep_claim(self, claim: Claim) -> None:
        """Write what is claimed under a key, and may be."""
        self.claims[claim.claim] = claim

    def count_claims(self, claims: Iterable[LineClaim], *, open: int, fulfilled: int = 0) -> None:
        """Change what is claimed under the keys of a line by `open` and `fulfilled` units of it."""
        for each in claims:
            before = self.claim(each.claim)
            more_open, more_fulfilled = each.weight * open, each.weight * fulfilled
            self.keep_claim(
                replace(before, open=before.open + more_open, fulfilled=before.fulfilled + more_fulfilled, revision=0)
            )

    def holding(self, channel: str) -> Holding:
        """What a channel holds as it stands on this page; with "", what the whole tenant holds."""
        return self.holdings.get(channel) or self.books.holdings.get(channel) or NOTHING

    def require_room(self, channel: str, more: Holding) -> None:
        """Raise OpenReservationsExhausted or HeldUnitsExhausted unless `more` may be held, by `channel` if there is
        one."""
        self.limits.require_room(channel, of_tenant=self.holding(""), of_channel=self.holding(channel), more=more)

    def reservation(self, reservation: str) -> Reservation:
        """The reservation as it stands on this page; raises ReservationNotFound."""
        found = self.reservations.get(reservation) or self.books.reservations.get(reservation)
        if found is None:
            raise ReservationNotFound(reservation)
        return found

    def has_place(self, location: str) -> bool:
        """Whether a location of the command's stock items exists."""
        return location in self.books.places

    def require_location(self, location: str) -> None:
        """Raise LocationNotFound unless the location exists."""
        if not self.has_place(location):
            raise LocationNotFound(location)

    def is_booked(self, item: StockItem) -> bool:
        """Whether `item` had a balance before this group."""
        return item in self.books.balances

    def past(self, item: StockItem, moment: datetime) -> Past:
        """What a stock item has seen since a moment, which the command must have asked for if it was ever booked."""
        return self.intake.past[item, moment] if self.is_booked(item) else NEVER_BOOKED

    def location(self, location: str) -> BookedLocation | None:
        """A location that the command named as one it changes, as it stands; None where there is none."""
        return self.books.locations.get(location)

    def place(self, location: Location) -> Location:
        """Write a new or changed location, and return it."""
        self.locations[location.location] = location
        return location

    def remove(self, location: str) -> None:
        """Write that a location is gone."""
        self.locations[location] = None

    def lot(self, name: LotName) -> Lot | None:
        """A lot that the command named as one it changes, as it stands; None where nothing is known of it."""
        return self.books.lots.get(name)

    def keep_lot(self, lot: Lot) -> Lot:
        """Write what is known of a lot now, and return it."""
        self.lots[lot.name] = lot
        return lot

    def demand(self, waiting: str) -> Waiting:
        """The waiting demand as it stands on this page; raises WaitingNotFound, LinesExhausted."""
        lines = self.books.unread.get(waiting)
        if lines is not None:
            raise LinesExhausted("request with its demands", limit=DEMAND_LINES_MAX, requested=lines)
        found = self.waiting.get(waiting) or self.books.waiting.get(waiting)
        if found is None:
            raise WaitingNotFound(waiting)
        return found

    def back_orders_of(self, product: Product) -> BackOrders:
        """How many units of a product may wait and do, as it stands on this page."""
        return self.back_orders.get(product) or self.books.back_orders.get(product) or BackOrders(product)

    def back_orders_before(self, products: Iterable[Product]) -> int | None:
        """The newest of the revisions that changed how much of some products waits, or may.

        None where a command of the same group did: its revision is not drawn yet.
        """
        if any(each in self.books.touched_back_orders for each in products):
            return None
        return max((self.back_orders_of(each).revision for each in products), default=0)

    def keep_back_orders(self, back_orders: BackOrders) -> BackOrders:
        """Write how many units of a product may wait and do, and return it."""
        self.back_orders[back_orders.product] = back_orders
        return back_orders

    def keep_demand(self, demand: Waiting, plan: bytes = b"") -> Waiting:
        """Write a new or changed demand, and return it; its open units are counted as waiting.

        A `plan` is kept with one that is new.
        """
        before = self.waiting.get(demand.waiting) or self.books.waiting.get(demand.waiting)
        change = demand.open_units()
        for product, units in before.open_units().items() if before else ():
            change[product] = change.get(product, 0) - units
        for product, units in change.items():
            if units:
                counted = self.back_orders_of(product)
                self.keep_back_orders(replace(counted, waiting=counted.waiting + units, revision=0))
        if before is None:
            self.waiting_plans[demand.waiting] = plan
        self.waiting[demand.waiting] = demand
        return demand

    def mention(self, item: StockItem) -> None:
        """Open a balance for a stock item that a reservation names without promising any of it."""
        if item not in self.balances and item not in self.books.balances:
            self.balances[item] = Balance(item)

    def keep(self, reservation: Reservation) -> Reservation:
        """Write a new or changed reservation, and return it; what it counts for is held by its channel and tenant."""
        name = reservation.reservation
        before = holding(self.reservations.get(name) or self.books.reservations.get(name))
        change = holding(reservation).minus(before)
        if change != NOTHING:
            for holder in dict.fromkeys(("", reservation.channel)):
                self.holdings[holder] = self.holding(holder).plus(change)
        self.reservations[reservation.reservation] = reservation
        return reservation

    def keep_plan(self, reservation: str, plan: bytes) -> None:
        """Write what the caller keeps with a reservation; where that is nothing, what is kept with it stays."""
        if plan:
            self.plans[reservation] = plan

    def book(
        self,
        kind: EntryKind,
        item: StockItem,
        *,
        on_hand: int = 0,
        reserved: int = 0,
        against: Account | None = None,
        reservation: str = "",
        line: int = 0,
        reference: str = "",
        occurred_at: datetime | None = None,
    ) -> None:
        """Change the counts of `item` by `on_hand` and `reserved` units; the units come from, or go to, account
        `against`.

        The caller has made sure that no count falls below 0; raises BalanceOverflow where one would grow too large.
        """
        before = self.balance(item)
        counted_at = before.counted_at
        if kind is EntryKind.COUNT:
            occurred_at = occurred_at or self.now  # the commit is a little later: entry and balance say the same
            counted_at = occurred_at if counted_at is None else max(counted_at, occurred_at)
        after = Balance(item, before.on_hand + on_hand, before.reserved + reserved, counted_at=counted_at)
        assert after.on_hand >= 0
        assert after.reserved >= 0
        if after.on_hand > ON_HAND_MAX:
            raise BalanceOverflow(sku=item.sku, location=item.location, on_hand=before.on_hand, requested=on_hand)
        if after.reserved > ON_HAND_MAX:  # nothing but facts can promise so much
            raise BalanceOverflow(sku=item.sku, location=item.location, on_hand=before.reserved, requested=reserved)
        self.balances[item] = after
        self.entries.append(
            Entry(
                kind, Account.STOCK, item, on_hand, reserved, after.on_hand, after.reserved,
                reservation, line, reference, occurred_at,
            )
        )  # fmt: skip
        if against is not None and on_hand != 0:
            self.entries.append(
                Entry(kind, against, item, -on_hand, 0, 0, 0, reservation, line, reference, occurred_at)
            )
