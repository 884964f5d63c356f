"""The books of one tenant as plain values, changed by one command after the other; every change can be taken back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_pb2, reservation_pb2

STOCK = ledger_pb2.ACCOUNT_STOCK
HELD = reservation_pb2.RESERVATION_STATE_HELD
CONFIRMED = reservation_pb2.RESERVATION_STATE_CONFIRMED
RUNNING = (HELD, CONFIRMED)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Refused(Exception):
    """The model refuses, with the reason and the numbers that the contract names."""

    def __init__(self, reason: str, **numbers: object) -> None:
        """Refuse for `reason`."""
        super().__init__(reason, numbers)
        self.reason = reason
        self.numbers = {name: str(number) for name, number in numbers.items()}


class Item(NamedTuple):
    """A stock item, its defaults read as the contract says."""

    owner: str
    sku: str
    location: str
    lot: str
    uom: str
    custodian: str
    condition: int

    @property
    def sellable(self) -> bool:
        """Whether its units count as available."""
        return self.condition == stock_pb2.CONDITION_SELLABLE

    def message(self) -> stock_pb2.StockItem:
        """Itself as the ledger writes it."""
        return stock_pb2.StockItem(
            product=stock_pb2.Product(owner=self.owner, sku=self.sku),
            location=self.location,
            lot=self.lot,
            uom=self.uom,
            custodian=self.custodian,
            condition=self.condition,  # type: ignore[arg-type]
        )


def item(told: stock_pb2.StockItem) -> Item:
    """The stock item that a message names."""
    return Item(
        told.product.owner,
        told.product.sku,
        told.location,
        told.lot,
        told.uom or "EACH",
        told.custodian,
        told.condition or stock_pb2.CONDITION_SELLABLE,
    )


def micros(moment: Timestamp) -> int:
    """A moment in microseconds since 1970."""
    return moment.ToMicroseconds()


def moment(micros: int | None) -> Timestamp | None:
    """The message of a moment; None where there is none."""
    if micros is None:
        return None
    made = Timestamp()
    made.FromMicroseconds(micros)
    return made


def iso(micros: int) -> str:
    """A moment as sentences name it."""
    return (EPOCH + timedelta(microseconds=micros)).isoformat()


@dataclass(frozen=True, slots=True)
class Count:
    """The counts of a stock item that was booked; `counted` is when it last was, in microseconds."""

    on_hand: int = 0
    reserved: int = 0
    revision: int = 0
    counted: int | None = None

    @property
    def shortfall(self) -> int:
        """Promised units that are not there."""
        return max(0, self.reserved - self.on_hand)


@dataclass(frozen=True, slots=True)
class Carried:
    """A claim that a line carries; its ceiling is None where the line says none."""

    claim: str
    ceiling: int | None
    weight: int

    def message(self) -> reservation_pb2.LineClaim:
        """Itself as the ledger tells it."""
        return reservation_pb2.LineClaim(claim=self.claim, ceiling=self.ceiling, weight=self.weight)


def carried(told: reservation_pb2.LineClaim) -> Carried:
    """The claim that a message names."""
    return Carried(told.claim, told.ceiling if told.HasField("ceiling") else None, told.weight or 1)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a reservation."""

    item: Item
    requested: int
    quantity: int
    open: int
    claims: tuple[Carried, ...]
    fulfilled: int = 0
    released: int = 0
    handed_over: int | None = None


@dataclass(frozen=True, slots=True)
class Promise:
    """A reservation; `expires` stays where it ran out, and goes where it ended otherwise or was confirmed."""

    name: str
    state: int
    lines: tuple[Line, ...]
    expires: int | None
    created: int
    order: str
    channel: str
    revision: int

    def message(self) -> reservation_pb2.Reservation:
        """Itself as the ledger tells it."""
        told = reservation_pb2.Reservation(
            reservation=self.name,
            state=self.state,  # type: ignore[arg-type]
            expire_time=moment(self.expires) if self.state == HELD else None,
            order=self.order,
            channel=self.channel,
            create_time=moment(self.created),
            changed_revision=self.revision,
        )
        for number, line in enumerate(self.lines, 1):
            told.lines.add(
                line=number,
                stock_item=line.item.message(),
                requested=line.requested,
                quantity=line.quantity,
                open=line.open,
                fulfilled=line.fulfilled,
                released=line.released,
                claims=[each.message() for each in line.claims],
                handed_over_time=moment(line.handed_over),
            )
        return told

    @property
    def holding(self) -> tuple[int, int]:
        """Open reservations and held units that it counts for."""
        units = sum(line.open for line in self.lines) if self.state == HELD else 0
        return (1, units) if self.state in RUNNING else (0, 0)


class Claimed(NamedTuple):
    """Units claimed under a key, and how many may be: None where no ceiling is set."""

    open: int = 0
    fulfilled: int = 0
    revision: int = 0
    ceiling: int | None = None
    epoch: int = 0
    subject: str = ""

    @property
    def claimed(self) -> int:
        """All of them."""
        return self.open + self.fulfilled


class Place(NamedTuple):
    """A location."""

    kind: int
    display_name: str
    revision: int


class Booked(NamedTuple):
    """An entry without its place in history; `occurred` is None where it happened as it was recorded."""

    kind: int
    account: int
    item: Item
    on_hand_delta: int
    reserved_delta: int
    on_hand: int
    reserved: int
    reservation: str
    reservation_line: int
    request_id: str
    reference: str
    occurred: int | None


@dataclass(frozen=True, slots=True)
class Limits:
    """What the ledger was told to allow; each channel may hold so much."""

    channel_reservations: int = 2**62
    channel_held_units: int = 2**62
    hold_seconds: int = 30 * 86400
    lines: int = 2000


class Books:
    """All values by their keys, such as `("count", item)`; each change is noted, to be taken back."""

    def __init__(self, limits: Limits) -> None:
        """Nothing was ever written."""
        self.limits = limits
        self.room_matters = True
        """Whether a promise is refused for what its channel holds."""
        self.now = 0
        self.revision = 0
        self.recorded = 0
        self.entries: list[Booked] = []
        self._values: defaultdict[str, dict[Any, Any]] = defaultdict(dict)
        self._past: defaultdict[Item, list[tuple[Booked, int]]] = defaultdict(list)
        self._changes: list[tuple[tuple[str, Any], Any]] = []

    def get(self, what: str, key: Any) -> Any:
        """A value; None where there is none."""
        return self._values[what].get(key)

    def put(self, what: str, key: Any, value: Any) -> None:
        """Change a value; None removes it."""
        self._changes.append(((what, key), self.get(what, key)))
        self._restore((what, key), value)

    def every(self, what: str) -> Mapping[Any, Any]:
        """All values of a kind, by key."""
        return dict(self._values[what])

    def mark(self) -> tuple[int, int]:
        """Here: to come back to by `undo`."""
        return len(self._changes), len(self.entries)

    def undo(self, mark: tuple[int, int]) -> None:
        """Take back all that was changed since."""
        changes, entries = mark
        while len(self._changes) > changes:
            self._restore(*self._changes.pop())
        for entry in self.entries[entries:]:
            if entry.account == STOCK:
                self._past[entry.item].pop()
        del self.entries[entries:]

    def changed(self, mark: tuple[int, int], what: str) -> Iterator[tuple[Any, Any, Any]]:
        """Key, value before and value now of all of a kind that was changed since."""
        before: dict[Any, Any] = {}
        for (kind, key), value in self._changes[mark[0] :]:
            if kind == what:
                before.setdefault(key, value)
        for key, value in before.items():
            yield key, value, self.get(what, key)

    def begin(self, revision: int, recorded: int) -> None:
        """Begin a commit that is recorded at a moment; what was changed before it stays."""
        self.revision, self.recorded = revision, recorded
        self.entries.clear()
        self._changes.clear()

    def _restore(self, place: tuple[str, Any], value: Any) -> None:
        what, key = place
        if value is None:
            self._values[what].pop(key, None)
        else:
            self._values[what][key] = value

    # What decisions read and write.

    def count(self, what: Item) -> Count:
        """The counts of a stock item, zeros where it was never booked."""
        found: Count | None = self.get("count", what)
        return found or Count()

    def available(self, what: Item) -> int:
        """Units that may be promised."""
        found = self.count(what)
        return max(0, found.on_hand - found.reserved) if what.sellable else 0

    def claimed(self, claim: str) -> Claimed:
        """What is claimed under a key."""
        found: Claimed | None = self.get("claim", claim)
        return found or Claimed()

    def claim(self, line: Line, *, open: int, fulfilled: int = 0) -> None:
        """Count units under the keys of a line, each as often as it weighs."""
        for each in line.claims:
            found = self.claimed(each.claim)
            now_open, now_fulfilled = found.open + each.weight * open, found.fulfilled + each.weight * fulfilled
            changed = found._replace(open=now_open, fulfilled=now_fulfilled, revision=self.revision)
            self.put("claim", each.claim, changed)

    def since(self, what: Item, moment: int) -> Iterator[Booked]:
        """The entries of a stock item that happened after a moment, of those in the books."""
        return (entry for entry, at in self._past[what] if at > moment)

    def promise(self, name: str) -> Promise:
        """A reservation; refuses where there is none."""
        found: Promise | None = self.get("promise", name)
        if found is None:
            raise Refused("RESERVATION_NOT_FOUND", reservation=name)
        return found

    def keep(self, promise: Promise) -> Promise:
        """Write a reservation as it is from now on; its channel holds more or less by it."""
        before: Promise | None = self.get("promise", promise.name)
        kept = replace(promise, revision=self.revision)
        was, now = before.holding if before else (0, 0), kept.holding
        if was != now:
            reservations, units = self.held(kept.channel)
            self.put("held", kept.channel, (reservations + now[0] - was[0], units + now[1] - was[1]))
        self.put("promise", kept.name, kept)
        return kept

    def held(self, channel: str) -> tuple[int, int]:
        """Open reservations and held units of a channel."""
        found: tuple[int, int] | None = self.get("held", channel)
        return found or (0, 0)

    def book(
        self,
        kind: int,
        what: Item,
        *,
        on_hand: int = 0,
        reserved: int = 0,
        against: int | None = None,
        reservation: str = "",
        line: int = 0,
        request_id: str = "",
        reference: str = "",
        occurred: int | None = None,
    ) -> None:
        """Change counts, and enter it; with the other side where it is `against` an account outside."""
        before = self.count(what)
        counted = before.counted
        if kind == ledger_pb2.ENTRY_KIND_COUNT:
            occurred = self.now if occurred is None else occurred
            counted = occurred if counted is None else max(counted, occurred)
        after = Count(before.on_hand + on_hand, before.reserved + reserved, self.revision, counted)
        assert after.on_hand >= 0
        assert after.reserved >= 0
        self.put("count", what, after)
        source = (reservation, line, request_id, reference, occurred)
        entry = Booked(kind, STOCK, what, on_hand, reserved, after.on_hand, after.reserved, *source)
        self.entries.append(entry)
        self._past[what].append((entry, self.recorded if occurred is None else occurred))
        if against is not None and on_hand:
            self.entries.append(Booked(kind, against, what, -on_hand, 0, 0, 0, *source))
