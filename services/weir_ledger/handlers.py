"""Answer questions about the books: read, hold the answer against what the caller has seen, find or refuse.

Writes need no handler of their own: recalling, deciding and recording are one step of the books,
`ports.Books.carry_out`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from weir_chassis.errors import Malformed, PageTokenInvalid, Violation
from weir_chassis.revisions import Origin, Revision, Vector, check, check_one
from weir_ledger.domain.chain import ChainHead
from weir_ledger.domain.demanded import Demanded
from weir_ledger.domain.entries import BookedEntry
from weir_ledger.domain.queries import AsOf, BalanceQuery, EntryQuery, LotQuery, Moment, ReservationQuery, WaitingQuery
from weir_ledger.domain.reservations import Claim, Reservation, Reserved
from weir_ledger.domain.shortfalls import Shortfall
from weir_ledger.domain.snapshots import KeptLine, LineState, SnapshotImport
from weir_ledger.domain.stock import Balance, Location, LocationKind, Lot, LotName, StockItem
from weir_ledger.domain.waiting import BackOrders, PlannedWaiting, Product, Waiting
from weir_ledger.errors import (
    BalanceNotFound,
    LocationNotFound,
    OutcomeNotFound,
    ReservationNotFound,
    SnapshotNotFound,
    WaitingNotFound,
)
from weir_ledger.ports import Books, Done


class Questions:
    """The questions of every tenant to the books of one origin.

    Each method raises RevisionForeign or RevisionAhead where the caller asks for a revision that these books never
    drew.
    """

    def __init__(self, books: Books, origin: Origin) -> None:
        """Ask `books`, whose revisions are of `origin`."""
        self._books = books
        self._origin = origin

    async def location(self, tenant: str, location: str, seen: Vector) -> tuple[Location, int]:
        """A location and the revision read at; raises LocationNotFound."""
        found, revision = await self._books.location(tenant, location)
        check(seen, self._origin, revision)
        if found is None:
            raise LocationNotFound(location)
        return found, revision

    async def locations(
        self, tenant: str, kind: LocationKind | None, seen: Vector, *, after: str, limit: int
    ) -> tuple[Sequence[Location], int]:
        """Some locations and the revision read at."""
        found, revision = await self._books.locations(tenant, kind, after=after, limit=limit)
        check(seen, self._origin, revision)
        return found, revision

    async def lot(self, tenant: str, name: LotName, seen: Vector) -> tuple[Lot, int]:
        """What is known of a lot, which may be nothing, and the revision read at."""
        found, revision = await self._books.lot(tenant, name)
        check(seen, self._origin, revision)
        return found or Lot(*name), revision

    async def lots(
        self, tenant: str, query: LotQuery, seen: Vector, *, after: LotName | None, limit: int
    ) -> tuple[Sequence[Lot], int]:
        """Some lots and the revision read at."""
        found, revision = await self._books.lots(tenant, query, after=after, limit=limit)
        check(seen, self._origin, revision)
        return found, revision

    async def balance(
        self, tenant: str, item: StockItem, point: Revision | Moment | None, seen: Vector
    ) -> tuple[Balance, int]:
        """The counts of a stock item, now or at a point of the past, and the revision they rest on.

        Raises BalanceNotFound; of a point Malformed where it lies in the future, RevisionCompacted.
        """
        if point is None:
            found, revision = await self._books.balance(tenant, item)
            check(seen, self._origin, revision)
        else:
            as_of = await self._as_of(tenant, point, seen)
            found, revision = await self._books.past_balance(tenant, item, as_of), as_of.revision
        if found is None:
            raise BalanceNotFound(item.sku, item.location)
        return found, revision

    async def balances(
        self,
        tenant: str,
        query: BalanceQuery,
        point: Revision | Moment | None,
        seen: Vector,
        *,
        after: tuple[StockItem, int] | None,
        limit: int,
    ) -> tuple[Sequence[Balance], int]:
        """Some balances, now or at a point of the past, and the revision they rest on.

        They come `after` a stock item of a page that rested on a revision, and at a point of the past rest on the same.
        Of a point raises Malformed where it lies in the future, RevisionCompacted.
        """
        item, begun_at = after or (None, None)
        if point is None:
            found, revision = await self._books.balances(tenant, query, after=item, limit=limit)
            check(seen, self._origin, revision)
            return found, revision
        as_of = await self._as_of(tenant, point, seen)
        if begun_at is not None:
            if begun_at > as_of.revision:
                raise PageTokenInvalid
            as_of = replace(as_of, revision=begun_at)
        return await self._books.past_balances(tenant, query, as_of, after=item, limit=limit), as_of.revision

    async def _as_of(self, tenant: str, point: Revision | Moment, seen: Vector) -> AsOf:
        """The state that stands at a point by all that is known now."""
        if isinstance(point, Revision):
            head = await self._books.head(tenant)
            check(seen, self._origin, head)
            check_one(point, self._origin, head, field="as_of.revision")
            return AsOf(point.number)
        revision, head = await self._books.recorded_by(tenant, point.moment)
        check(seen, self._origin, head)
        if revision is None:
            field = "as_of.occurred_time" if point.occurred else "as_of.recorded_time"
            raise Malformed([Violation(field, "Not in the future.")])
        return AsOf(head, point.moment) if point.occurred else AsOf(revision)

    async def shortfalls(
        self, tenant: str, query: BalanceQuery, seen: Vector, *, after: StockItem | None, limit: int
    ) -> tuple[Sequence[Shortfall], int]:
        """Some shortfalls and the revision read at."""
        found, revision = await self._books.shortfalls(tenant, query, after=after, limit=limit)
        check(seen, self._origin, revision)
        return found, revision

    async def entries(
        self, tenant: str, query: EntryQuery, seen: Vector, *, after: tuple[int, int], limit: int
    ) -> tuple[Sequence[BookedEntry], int]:
        """Some entries and the revision read at."""
        found, revision = await self._books.entries(tenant, query, after=after, limit=limit)
        check(seen, self._origin, revision)
        return found, revision

    async def reservation(self, tenant: str, reservation: str, seen: Vector) -> tuple[Reservation, bytes, int]:
        """A reservation, what its caller keeps with it, and the revision read at; raises ReservationNotFound."""
        found, plan, revision = await self._books.reservation(tenant, reservation)
        check(seen, self._origin, revision)
        if found is None:
            raise ReservationNotFound(reservation)
        return found, plan, revision

    async def reserve_outcome(self, tenant: str, request_id: str, digest: bytes, seen: Vector) -> Done[Reserved]:
        """What Reserve made under a request id, and the revision that holds it.

        Raises OutcomeNotFound, and RequestIdReused where the request had another `digest`.
        """
        found, revision = await self._books.reserve_outcome(tenant, request_id, digest)
        check(seen, self._origin, revision)
        if found is None:
            raise OutcomeNotFound(request_id, revision=revision)
        return found

    async def reservations(
        self, tenant: str, query: ReservationQuery, seen: Vector, *, after: str, limit: int
    ) -> tuple[Sequence[Reservation], int]:
        """Some reservations and the revision read at."""
        found, revision = await self._books.reservations(tenant, query, after=after, limit=limit)
        check(seen, self._origin, revision)
        return found, revision

    async def claims(self, tenant: str, claims: Sequence[str], seen: Vector) -> tuple[Sequence[Claim], int]:
        """What is claimed under some keys and the revision read at."""
        found, revision = await self._books.claims(tenant, claims)
        check(seen, self._origin, revision)
        return found, revision

    async def demanded(
        self, tenant: str, after: Revision | None, recorded_after: datetime | None, seen: Vector
    ) -> Demanded:
        """What orders were promised in some commits after a revision; raises RevisionCompacted."""
        await self.check_drawn(tenant, seen)
        begin = await self.begin_after(tenant, after)
        return await self._books.demanded(tenant, after=begin, recorded_after=recorded_after)

    async def back_orders(self, tenant: str, product: Product, seen: Vector) -> tuple[BackOrders, int]:
        """How many units of a product may wait and do, and the revision read at."""
        found, revision = await self._books.back_orders(tenant, product)
        check(seen, self._origin, revision)
        return found or BackOrders(product), revision

    async def all_back_orders(
        self, tenant: str, owner: str | None, seen: Vector, *, after: Product | None, limit: int
    ) -> tuple[Sequence[BackOrders], int]:
        """Some products of which units may wait or do, and the revision read at."""
        found, revision = await self._books.all_back_orders(tenant, owner, after=after, limit=limit)
        check(seen, self._origin, revision)
        return found, revision

    async def demand(self, tenant: str, waiting: str, seen: Vector) -> tuple[PlannedWaiting, int]:
        """A waiting demand with its plan, and the revision read at; raises WaitingNotFound."""
        found, revision = await self._books.demand(tenant, waiting)
        check(seen, self._origin, revision)
        if found is None:
            raise WaitingNotFound(waiting)
        return found, revision

    async def demands(
        self, tenant: str, query: WaitingQuery, seen: Vector, *, after: tuple[int, str] | None, limit: int
    ) -> tuple[Sequence[Waiting], bool, int]:
        """Some waiting demands, whether there may be more, and the revision read at."""
        found, more, revision = await self._books.demands(tenant, query, after=after, limit=limit)
        check(seen, self._origin, revision)
        return found, more, revision

    async def snapshot_import(self, tenant: str, request_id: str, seen: Vector) -> tuple[SnapshotImport, int]:
        """How far an import is, and the revision read at; raises SnapshotNotFound."""
        found, revision = await self._books.snapshot_import(tenant, request_id)
        check(seen, self._origin, revision)
        if found is None:
            raise SnapshotNotFound(request_id)
        return found, revision

    async def snapshot_lines(
        self, tenant: str, request_id: str, states: Sequence[LineState], seen: Vector, *, after: int, limit: int
    ) -> tuple[Sequence[KeptLine], int]:
        """Some lines that an import did not apply, and the revision read at; raises SnapshotNotFound."""
        await self.snapshot_import(tenant, request_id, seen)
        return await self._books.snapshot_lines(tenant, request_id, states, after=after, limit=limit)

    async def chain_head(self, tenant: str, seen: Vector) -> ChainHead:
        """The newest commit's position in the chain of digests."""
        found = await self._books.chain_head(tenant)
        check(seen, self._origin, found.revision)
        return found

    async def check_drawn(self, tenant: str, seen: Vector) -> None:
        """Raise unless these books have drawn all that the caller has seen."""
        check(seen, self._origin, await self._books.head(tenant))

    async def begin_after(self, tenant: str, after: Revision | None) -> int:
        """The number that a watch begins after: that of the oldest revision kept where none is named."""
        if after is None:
            return await self._books.horizon(tenant)
        check_one(after, self._origin, await self._books.head(tenant), field="after")
        return after.number
