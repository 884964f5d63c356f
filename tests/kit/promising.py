"""A ledger made up for tests of who plans: it promises whatever it is asked for, after it was overtaken as often as
told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

from tests.kit.projections import LEDGER, books, channel, group, link, loaded, stands
from weir_aggregator.domain import Recorded, Replan, Reserve
from weir_aggregator.handlers.fulfilment import reserved
from weir_aggregator.handlers.replanning import replanned
from weir_aggregator.ports import Amended, Counted, Moves, Overtaken, Promised, Reserved
from weir_aggregator.projection import Projection, Tenants, order
from weir_allocation.fulfilment.model import Line, Plan, Terms, Wish
from weir_allocation.sharing import Bundle, Link
from weir_chassis import call
from weir_chassis.auth import Principal, Role
from weir_chassis.revisions import Revision

BIKE, LAMP, KIT, TV, SPACE = ("", "BIKE"), ("", "LAMP"), ("", "KIT"), ("", "TV"), ("", "SPACE")
RESERVATION = "a reservation"

Ask = tuple[Recorded, Recorded | None]


@dataclass
class One:
    """The tenant there is: `Tenants`."""

    its: Projection

    def projection(self, tenant: str) -> Projection:
        """What is known of it."""
        return self.its


@dataclass
class Ledger:
    """A ledger that promises whatever it is asked for, after it was overtaken as often as told."""

    projection: Projection
    overtaken: list[Callable[[], int | None]] = field(default_factory=list)
    """What happens in place of a promise: each returns the revision by which it happened."""
    asked: list[Ask] = field(default_factory=list)
    counted: list[Sequence[Counted | None]] = field(default_factory=list)
    """What the units of each promise count under."""
    missing: list[Sequence[int] | None] = field(default_factory=list)
    """How many units of each allocation may not be there, of what was sold already."""
    moves: list[Moves] = field(default_factory=list)
    earlier: Reserved | Amended | None = None
    """What an earlier arrival of the request did."""
    stands: Promised | None = None
    number: int = 1

    @property
    def tenants(self) -> Tenants:
        """The one tenant there is."""
        return cast(Tenants, One(self.projection))

    def commit(self, *changes: object) -> int:
        """Commit, and tell the projection."""
        self.number += 1
        self.projection.apply_balances(books(self.number, *changes))  # type: ignore[arg-type]
        return self.number

    async def reserve(
        self,
        asked: Reserve,
        planned: Recorded,
        counted: Sequence[Counted | None],
        waits: Recorded | None,
        missing: Sequence[int] | None = None,
    ) -> Reserved:
        self.asked.append((planned, waits))
        self.missing.append(missing)
        self.counted.append(counted)
        self._be_overtaken()
        return Reserved("made", "waits" if waits else None, self._revision(), planned)

    async def made(self, asked: Reserve) -> Reserved | int:
        assert not isinstance(self.earlier, Amended)
        return self.earlier or self.number

    async def reservation(self, reservation: str) -> Promised:
        assert self.stands is not None
        return self.stands

    async def amend(self, asked: Replan, standing: Promised, moves: Moves, planned: Recorded) -> Amended:
        assert len(planned.purposes) == len(standing.lines) + len(moves.lines)
        self.asked.append((planned, None))
        self.moves.append(moves)
        self._be_overtaken()
        return Amended("moved", planned, self._revision(), 0, 0)

    async def amended(self, asked: Replan) -> Amended | None:
        assert not isinstance(self.earlier, Reserved)
        return self.earlier

    def _be_overtaken(self) -> None:
        if self.overtaken:
            raise Overtaken(self.overtaken.pop(0)())

    def _revision(self) -> Revision:
        return LEDGER.revision(self.number)


def world(*counts: object, lent: bool = False) -> Ledger:
    """Two locations that serve a shop, and a person who sells from what is with her; everything else as given."""
    changes = [
        group("all", "A", "B"),
        channel("shop"),
        channel("ann", rep=True),
        link("all", "shop"),
        stands(Bundle(KIT, ((BIKE, 1), (LAMP, 2)))),
    ]
    if lent:
        changes.append(stands(Link("TV", TV, SPACE)))
    return Ledger(loaded(counts, changes))  # type: ignore[arg-type]


@contextmanager
def calling(seconds: float = 5.0) -> Iterator[None]:
    """Somebody calls, and waits so long."""
    principal = Principal("acme", "caller", Role.OPERATOR)
    with call.acting(call.Call("a call", principal, time.monotonic() + seconds)):
        yield


def wish(*lines: Line, whole: bool = True) -> Wish:
    """Some lines that are wanted."""
    return Wish(lines, whole=whole)


def asking(wanted: Wish, *, back_order: bool = False, sells: str = "shop", sold: bool = False) -> Reserve:
    """An order."""
    return Reserve("an order", b"digest", wanted, sells, back_order=back_order, sold=sold)


async def reserve(ledger: Ledger, asked: Reserve, seconds: float = 5.0) -> Reserved | Plan:
    """What comes of an order."""
    with calling(seconds):
        return await reserved(ledger.tenants, ledger, asked, {})


async def replan(ledger: Ledger, **asked: object) -> Amended | Plan:
    """What comes of planning the reservation again."""
    request = Replan("an attempt", b"digest", RESERVATION, **asked)  # type: ignore[arg-type]
    with calling():
        return await replanned(ledger.tenants, ledger, request, {})


def taken(found: Recorded) -> list[tuple[str, int]]:
    """Where the units of a plan come from."""
    assert found.plan is not None
    return [(each.item.location, each.quantity) for each in found.plan.allocations]


def terms_now(ledger: Ledger, *lines: Line) -> Terms:
    """The terms of now for some lines."""
    return order(ledger.projection, wish(*(lines or (Line(BIKE, 1),))), "shop").terms
