"""A ledger in plain structures, as far as pooling has deeds done there; it dies, and answers late, when told to."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace

from weir_chassis.errors import PeerAway, Refusal
from weir_chassis.revisions import Origin
from weir_ledger.errors import (
    InsufficientOnHand,
    InsufficientStock,
    LocationNotFound,
    ReservationLineExceeded,
    ReservationNotFound,
    Shortage,
)
from weir_pooling.domain.deeds import Condition, Deed, Item, Portion, Work
from weir_pooling.errors import LocationKind
from weir_pooling.ports import Done

ORIGIN = Origin("ledger", "books", 1)
WISHES = (Work.PROMISE, Work.TAKE, Work.STOCK, Work.CONSUME)


@dataclass
class Fault:
    """What happens to one request: it arrives or not, which is told, and is answered once let go, or never."""

    arrives: bool = True
    answered: bool = False
    let_go: asyncio.Event | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Shelves:
    """What is where in one tenant, what of it is promised, and what came of each deed."""

    on_hand: Counter[Item] = field(default_factory=Counter)
    promises: dict[str, dict[int, tuple[Item, int]]] = field(default_factory=dict)
    """Open units of each reservation, by line."""
    consumed: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Units used up, by owner, product and lot."""
    outcomes: dict[str, Done | Refusal] = field(default_factory=dict)
    revision: int = 0

    def reserved(self, item: Item) -> int:
        """Units of it that are promised."""
        return sum(units for lines in self.promises.values() for each, units in lines.values() if each == item)

    def available(self, item: Item) -> int:
        """Units of it that may be promised or used."""
        sellable = item.condition is Condition.SELLABLE
        return max(0, self.on_hand[item] - self.reserved(item)) if sellable else 0

    def held(self, custodian: str) -> int:
        """Units in somebody's custody, wherever and however they are."""
        return sum(units for item, units in self.on_hand.items() if item.custodian == custodian)


class MemoryBooks:
    """The ledger of all tenants: `Books`, with shelves to stock and to look at."""

    def __init__(self, facilities: tuple[str, ...] = (), *, missing: tuple[str, ...] = ()) -> None:
        """Every location exists but those `missing`; these are facilities, the others warehouses."""
        self.shelves: dict[str, Shelves] = defaultdict(Shelves)
        self.faults: deque[Fault] = deque()
        """What happens to the next requests that carry something out; the others go well."""
        self.asked: list[Deed] = []
        """What was to be carried out, as often as it arrived."""
        self._facilities = facilities
        self._missing = missing

    def stock(self, units: Mapping[Item, int], tenant: str = "acme") -> None:
        """Put so many units there."""
        self.shelves[tenant].on_hand.update(units)

    async def check(self, tenant: str, deed: Deed) -> Done:
        await asyncio.sleep(0)  # others come in between
        for each in deed.portions:
            if each.destination is not None:
                self._check_place(deed, each.destination.location)
        return self._decide(deepcopy(replace(self.shelves[tenant], outcomes={})), deed)

    async def carry_out(self, tenant: str, deed: Deed) -> Done:
        fault = self.faults.popleft() if self.faults else Fault(answered=True)
        await asyncio.sleep(0)  # others come in between
        if not fault.arrives:
            raise PeerAway
        self.asked.append(deed)
        shelves = self.shelves[tenant]
        if deed.deed not in shelves.outcomes:
            try:
                shelves.outcomes[deed.deed] = self._decide(shelves, deed)
            except Refusal as refusal:
                shelves.outcomes[deed.deed] = refusal
        fault.arrived.set()
        await asyncio.sleep(0)  # and here
        if fault.let_go is not None:
            await fault.let_go.wait()
        if not fault.answered:
            raise PeerAway
        outcome = shelves.outcomes[deed.deed]
        if isinstance(outcome, Refusal):
            raise outcome
        return outcome

    def _check_place(self, deed: Deed, location: str) -> None:
        if location in self._missing:
            raise LocationNotFound(location)
        if deed.work is Work.STOCK and location not in self._facilities:
            raise LocationKind(location=location, kind="WAREHOUSE", required="FACILITY")

    def _decide(self, shelves: Shelves, deed: Deed) -> Done:
        """Do it, or refuse it and change nothing."""
        if deed.work in (Work.MOVE, Work.GIVE_UP):
            _check_promised(shelves, deed)
        short = [_shortage(shelves, deed, place, each) for place, each in enumerate(deed.portions)]
        if found := [each for each in short if each is not None]:
            raise (
                InsufficientStock(found, revision=shelves.revision)
                if deed.work in WISHES
                else InsufficientOnHand(found)
            )
        shelves.revision += 1
        if deed.work is Work.PROMISE:
            shelves.promises[deed.deed] = {n: each[:2] for n, each in enumerate(deed.portions, 1)}
        if deed.work is Work.GIVE_UP and not deed.portions:
            del shelves.promises[deed.reservation]
        for each in deed.portions:
            _move(shelves, deed, each)
        reservation = deed.deed if deed.work is Work.PROMISE else deed.reservation
        return Done(ORIGIN.revision(shelves.revision), reservation)


def _check_promised(shelves: Shelves, deed: Deed) -> None:
    """Every unit is promised on the line that the deed names."""
    lines = shelves.promises.get(deed.reservation)
    if lines is None:
        raise ReservationNotFound(deed.reservation)
    for each in deed.portions:
        item, units = lines[each.line]
        assert item == each.item
        if each.quantity > units:
            raise ReservationLineExceeded(deed.reservation, each.line, requested=each.quantity, open_units=units)


def _shortage(shelves: Shelves, deed: Deed, place: int, portion: Portion) -> Shortage | None:
    """What there is too little of to do the deed."""
    if deed.work in (Work.GIVE_UP, Work.RESTORE):
        return None
    item, wanted = portion[:2]
    found = shelves.available(item) if deed.work in WISHES else shelves.on_hand[item]
    return Shortage(f"lines[{place}]", item.sku, item.location, wanted, found) if found < wanted else None


def _move(shelves: Shelves, deed: Deed, portion: Portion) -> None:
    """Units as they lie once the deed is done."""
    item, units = portion[:2]
    if deed.work in (Work.MOVE, Work.GIVE_UP):
        lines = shelves.promises[deed.reservation]
        lines[portion.line] = (item, lines[portion.line][1] - units)
    if deed.work in (Work.MOVE, Work.TAKE, Work.STOCK, Work.RETURN):
        assert portion.destination is not None
        shelves.on_hand[item] -= units
        shelves.on_hand[portion.destination] += units
    if deed.work in (Work.CONSUME, Work.RESTORE):
        used = units if deed.work is Work.CONSUME else -units
        shelves.on_hand[item] -= used
        shelves.consumed[item.owner, item.sku, item.lot] += used
