"""Projections filled by hand, and watchers of them, without any other process."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable

from weir_aggregator.domain import (
    BooksChange,
    Change,
    ClaimChange,
    Configured,
    Count,
    GroupLink,
    Product,
    Question,
    StockChange,
    Update,
    WarehouseGroup,
)
from weir_aggregator.ports import Commit
from weir_aggregator.projection import CONTEXTS, Projection, Told
from weir_aggregator.projection.balances import Balances
from weir_aggregator.projection.shares import Shares
from weir_aggregator.projection.waiting import Queue
from weir_allocation.claims import Claim
from weir_allocation.network import Channel
from weir_allocation.stock import ANY, EACH, Condition
from weir_chassis.revisions import Origin, Revision

LEDGER = Origin("ledger", "ledger cluster", 1)
SHARING = Origin("sharing", "sharing cluster", 1)
PARTITIONING = Origin("partitioning", "partitioning cluster", 1)
SYNC = Origin("sync", "sync cluster", 1)
POOLING = Origin("pooling", "pooling cluster", 1)


def count(
    sku: str, location: str, on_hand: int, reserved: int = 0, *, owner: str = "", lot: str = "", custodian: str = ""
) -> Count:
    """The counts of a sellable stock item in the custody of its location, or of a person."""
    return Count(owner, sku, location, lot, EACH, custodian, Condition.SELLABLE, on_hand, reserved)


def claimed(claim: Claim, claimed: int, ceiling: int | None, *, told: bool = True) -> ClaimChange:
    """What is claimed of a share, and what may be; what the key stands for is told, or known."""
    return ClaimChange(claim.key, claimed, ceiling, claim if told else None)


def books(number: int, *changes: BooksChange) -> Commit[BooksChange]:
    """A commit of the ledger."""
    return Commit(LEDGER.revision(number), changes)


def network(number: int, *changes: Change) -> Commit[Change]:
    """A commit of sharing."""
    return Commit(SHARING.revision(number), changes)


def policies(number: int, *changes: Change) -> Commit[Change]:
    """A commit of partitioning."""
    return Commit(PARTITIONING.revision(number), changes)


def rules(number: int, *changes: Change) -> Commit[Change]:
    """A commit of sync."""
    return Commit(SYNC.revision(number), changes)


def pools(number: int, *changes: Change) -> Commit[Change]:
    """A commit of pooling."""
    return Commit(POOLING.revision(number), changes)


def stands(configured: Configured, *, deleted: bool = False) -> Change:
    """An object as it stands, or gone."""
    return Change(configured, deleted)


def group(name: str, *locations: str) -> Change:
    """A warehouse group as it stands."""
    return Change(WarehouseGroup(name, locations))


def channel(name: str, channel_group: str = "", *, rep: bool = False, deleted: bool = False) -> Change:
    """A channel as it stands, in a group of its own unless told otherwise."""
    return Change(Channel(name, channel_group or name, rep), deleted)


def link(warehouse_group: str, channel_group: str, *, deleted: bool = False) -> Change:
    """A link, made or gone."""
    return Change(GroupLink(warehouse_group, channel_group), deleted)


def loaded(
    counts: Iterable[BooksChange] = (), changes: Iterable[Change] = (), *, log_bytes_max: int = 1 << 20
) -> Projection:
    """A projection that was loaded at revision 1 of every context, with nothing of partitioning, sync and pooling."""
    projection = Projection(log_bytes_max)
    load_balances(projection, LEDGER.revision(1), counts)
    load_configuration(projection, changes)
    return projection


def load_balances(projection: Projection, through: Revision, changes: Iterable[BooksChange]) -> None:
    """Give it the books anew."""
    balances, queue = Balances(), Queue()
    shares = Shares(balances)
    for each in changes:
        if isinstance(each, StockChange):
            balances.put(each)
        elif isinstance(each, ClaimChange):
            shares.put(each)
        else:
            queue.put(each)
    projection.load_balances(balances, queue, shares, through)


def load_configuration(projection: Projection, network: Iterable[Change] = ()) -> None:
    """Give it what is configured, at revision 1: in sharing this, in the other contexts nothing."""
    projection.load_configuration(network, SHARING.revision(1))
    projection.load_configuration((), PARTITIONING.revision(1))
    projection.load_configuration((), SYNC.revision(1))
    projection.load_configuration((), POOLING.revision(1))


def level(projection: Projection, name: str, product: Product) -> int:
    """The level of a product in a channel."""
    return projection.availability(Question(product, name, ANY)).level


class Reader:
    """A client of a watch, which keeps the table it was told."""

    def __init__(self, told: AsyncGenerator[Told, None]) -> None:
        """Read `told`."""
        self.levels: dict[tuple[str, Product], int] = {}
        self.through: tuple[Revision, ...] = ()
        self.messages: list[Update] = []
        self._told = told

    async def read(self) -> Update:
        """Take one message over."""
        update, through = await anext(self._told)
        self.messages.append(update)
        if update.complete_begin:
            self.levels = {}
        if update.levels is not None:
            cells = iter(update.levels.levels)
            for product in update.levels.products:
                for name in update.levels.channels:
                    self.levels[name, product] = next(cells)
        self.through = through
        return update

    async def catch_up(self, projection: Projection) -> None:
        """Read until told everything there is."""
        before = len(self.messages)
        while self.through != projection.revisions or before == len(self.messages):
            await self.read()
            assert len(self.messages) < before + 1000, "the watcher never catches up"

    async def close(self) -> None:
        """Stop reading."""
        await self._told.aclose()


def marks(projection: Projection) -> dict[str, Revision]:
    """The mark of a projection, as a client gives it back."""
    return dict(zip(CONTEXTS, projection.revisions, strict=True))
