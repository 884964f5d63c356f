"""What the ledger's handlers need from the world."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from weir_ledger.domain.audit import Difference, Verification
from weir_ledger.domain.chain import ChainHead
from weir_ledger.domain.command import Command
from weir_ledger.domain.demanded import Demanded
from weir_ledger.domain.entries import BookedEntry, Commit
from weir_ledger.domain.parts import Part
from weir_ledger.domain.queries import AsOf, BalanceQuery, EntryQuery, LotQuery, ReservationQuery, WaitingQuery
from weir_ledger.domain.reservations import Claim, Reservation, Reserved
from weir_ledger.domain.shortfalls import Shortfall
from weir_ledger.domain.snapshots import Absent, KeptLine, LineState, Scope, SnapshotImport
from weir_ledger.domain.stock import Balance, Location, LocationKind, Lot, LotName, StockItem
from weir_ledger.domain.waiting import BackOrders, PlannedWaiting, Product, Waiting

R = TypeVar("R")

CLAIMS_AT_ONCE = 10_000
"""How many claims the commits that are read at once may change, before the last of them."""


@dataclass(frozen=True, slots=True)
class Attempt(Generic[R]):
    """One try of a caller to have a command carried out.

    `method` and `request_id` name the attempt, `fingerprint` its contents. The ledger's own attempts, such as expiry,
    have an empty request id and are not remembered.
    """

    tenant: str
    method: str
    request_id: str
    fingerprint: bytes
    command: Command[R]
    validate_only: bool = False
    keeps_refusals: bool = True
    """Whether a definite refusal is its outcome for good; else the same attempt may be made again after one."""

    @property
    def remembered(self) -> bool:
        """Whether its outcome is kept under its request id."""
        return bool(self.request_id) and not self.validate_only and self.command.importing() is None


@dataclass(frozen=True, slots=True)
class Done(Generic[R]):
    """The outcome of a write: its receipt, and the revision that holds it."""

    receipt: R
    revision: int


@dataclass(frozen=True, slots=True)
class WaitingCommits:
    """Commits after a revision that changed waiting demands, whole and in order, each with its number; all there are up
    to `through`."""

    commits: Sequence[tuple[int, Sequence[Waiting]]]
    through: int
    more: bool


class Books(Protocol):
    """The books of all tenants: the one place where units and promises are counted."""

    async def carry_out(self, attempt: Attempt[R]) -> Done[R]:
        """Decide a command and make it durable, whatever runs beside it.

        Decided exactly once for each (tenant, method, request id): a repetition gets the first receipt or refusal.
        Commands are decided one after the other in an order that the revisions show. Going away while waiting does
        not undo a decision. Raises the command's refusal, RequestIdReused, Overloaded, DatabaseAway (then the outcome
        is unknown until repeated).
        """

    async def tenants(self) -> Sequence[str]:
        """Every tenant that ever wrote, in order."""

    async def head(self, tenant: str) -> int:
        """Number of the newest revision; 0 where nothing was ever written."""

    async def balance(self, tenant: str, item: StockItem) -> tuple[Balance | None, int]:
        """The counts of a stock item, None where it was never booked, and the revision read at."""

    async def balances(
        self, tenant: str, query: BalanceQuery, *, after: StockItem | None, limit: int
    ) -> tuple[Sequence[Balance], int]:
        """The first `limit` balances after a stock item in the order of its fields, and the revision read at."""

    async def recorded_by(self, tenant: str, moment: datetime) -> tuple[int | None, int]:
        """The newest revision recorded by a moment, None where that lies ahead of the database's clock; and the newest
        of all."""

    async def past_balance(self, tenant: str, item: StockItem, as_of: AsOf) -> Balance | None:
        """The counts of a stock item as they were, None where it had none; raises RevisionCompacted.

        Its revision, and when it was counted, are as they were, too; of what had occurred by a moment they are those
        of the newest entry, and of the newest COUNT, that had. A stock item that was only named by then, and never
        booked, may be left out.
        """

    async def past_balances(
        self, tenant: str, query: BalanceQuery, as_of: AsOf, *, after: StockItem | None, limit: int
    ) -> Sequence[Balance]:
        """The first `limit` balances after a stock item, each and all as `past_balance` gives it, held against `query`
        as they were; raises RevisionCompacted."""

    async def shortfalls(
        self, tenant: str, query: BalanceQuery, *, after: StockItem | None, limit: int
    ) -> tuple[Sequence[Shortfall], int]:
        """The first `limit` open shortfalls after a stock item in the order of its fields, each with the newest
        promises it hits, and the revision read at."""

    async def entries(
        self, tenant: str, query: EntryQuery, *, after: tuple[int, int], limit: int
    ) -> tuple[Sequence[BookedEntry], int]:
        """The first `limit` entries after a (revision, line), and the revision read at."""

    async def reservation(self, tenant: str, reservation: str) -> tuple[Reservation | None, bytes, int]:
        """A reservation, None where there is none, what its caller keeps with it, and the revision read at."""

    async def reserve_outcome(self, tenant: str, request_id: str, digest: bytes) -> tuple[Done[Reserved] | None, int]:
        """What Reserve made under a request id, None where it made nothing, and the revision read at.

        Raises RequestIdReused where the request had another `digest`; an empty one is that of any.
        """

    async def reservations(
        self, tenant: str, query: ReservationQuery, *, after: str, limit: int
    ) -> tuple[Sequence[Reservation], int]:
        """The first `limit` reservations after an identifier, and the revision read at."""

    async def claims(self, tenant: str, claims: Sequence[str]) -> tuple[Sequence[Claim], int]:
        """What is claimed under each of some keys, and may be, in their order, zeros where nothing ever was; the
        revision read at."""

    async def demanded(self, tenant: str, *, after: int, recorded_after: datetime | None) -> Demanded:
        """What reservations were made with in the first commits after a revision, and after all that were recorded
        before a moment; raises RevisionCompacted where some of them are put away.

        Counted is what each was made with, whatever became of it; what moves a promise elsewhere counts for nothing.
        """

    async def location(self, tenant: str, location: str) -> tuple[Location | None, int]:
        """A location, None where there is none, and the revision read at."""

    async def locations(
        self, tenant: str, kind: LocationKind | None, *, after: str, limit: int
    ) -> tuple[Sequence[Location], int]:
        """The first `limit` locations after an identifier, and the revision read at."""

    async def lot(self, tenant: str, name: LotName) -> tuple[Lot | None, int]:
        """What is known of a lot, None where nothing is, and the revision read at."""

    async def lots(
        self, tenant: str, query: LotQuery, *, after: LotName | None, limit: int
    ) -> tuple[Sequence[Lot], int]:
        """The first `limit` lots after a name in the order of names, and the revision read at."""

    async def back_orders(self, tenant: str, product: Product) -> tuple[BackOrders | None, int]:
        """How many units of a product may wait and do, None where nothing was said, and the revision read at."""

    async def all_back_orders(
        self, tenant: str, owner: str | None, *, after: Product | None, limit: int
    ) -> tuple[Sequence[BackOrders], int]:
        """The first `limit` products after one of which units may wait or do, of an owner unless that is None, and the
        revision read at."""

    async def demand(self, tenant: str, waiting: str) -> tuple[PlannedWaiting | None, int]:
        """A waiting demand with what its caller keeps with it, None where there is none, and the revision read at."""

    async def demands(
        self, tenant: str, query: WaitingQuery, *, after: tuple[int, str] | None, limit: int
    ) -> tuple[Sequence[Waiting], bool, int]:
        """The first `limit` waiting demands after a (create_revision, name), fewer where they would be too large for
        one answer; whether there may be more; and the revision read at."""

    async def waiting_commits(self, tenant: str, after: int, limit: int) -> WaitingCommits:
        """What the first `limit` commits after a revision that changed waiting demands made of them; raises
        RevisionCompacted where some of them are put away."""

    async def snapshot_import(self, tenant: str, request_id: str) -> tuple[SnapshotImport | None, int]:
        """How far an import is, None where there is none, and the revision read at."""

    async def snapshot_lines(
        self, tenant: str, request_id: str, states: Sequence[LineState], *, after: int, limit: int
    ) -> tuple[Sequence[KeptLine], int]:
        """The first `limit` kept lines of an import in some states after a line, and the revision read at."""

    async def absent(
        self, tenant: str, snapshot: SnapshotImport, scope: Scope, *, after: str | None, limit: int
    ) -> Absent:
        """Stock items of a scope that an import has named in no line, among the `limit` that come after `after`."""

    async def forget_import(self, tenant: str, *, seconds: float) -> bool:
        """Forget one import that was not carried on for so long by the database's clock, and its lines; whether there
        was one."""

    async def due(self, tenant: str, limit: int) -> Sequence[str]:
        """Up to `limit` reservations whose hold has run out by the database's clock, longest overdue first."""

    async def commits(self, tenant: str, after: int, limit: int) -> Sequence[Commit]:
        """The first `limit` commits after a revision, whole and without gaps, fewer only where together they change
        more than CLAIMS_AT_ONCE claims; raises RevisionCompacted where some of them are put away."""

    async def horizon(self, tenant: str) -> int:
        """Number of the revision up to which history is put away; 0 where all is kept."""

    async def close_books(self, tenant: str, *, hours: float) -> int | None:
        """Copy all balances at the newest revision, so that what was is found from there; the revision copied at.

        None where that was done within so many hours, is being done, or nothing was recorded since.
        """

    async def open_months(self) -> None:
        """Make room for what is recorded in this month and the three to come."""

    def export(self, tenant: str, chunk: int) -> AsyncIterator[Part]:
        """All lots, demands that wait, products of which units may wait or do, claims for which a ceiling is or was
        set, and balances, at one revision; in parts of up to `chunk`, fewer where they are large; one empty part
        where there are none."""

    async def chain_head(self, tenant: str) -> ChainHead:
        """The newest commit's position in the chain of digests."""

    def verify(self, tenant: str, heads: Sequence[ChainHead] = ()) -> AsyncIterator[Difference | Verification]:
        """Every law broken at one revision, each of the `heads` that is not in the chain, then what was looked at.

        Raises RevisionCompacted for a head that is older than what is kept.
        """
