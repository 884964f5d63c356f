"""How supplies are divided, what groups have left of their shares, and how it came to that."""

from __future__ import annotations

from typing import NamedTuple

from weir_allocation.claims import Claim
from weir_allocation.rebalance import EpochShare
from weir_chassis.errors import RevisionCompacted
from weir_chassis.revisions import Origin, Revision, Vector, check, check_one
from weir_chassis.watch import Batch
from weir_partitioning.ports import Claimed, Claims, Epochs, Numbered, SupplyKey, Where

CHUNK = 100
"""Epochs read at once: each may have a thousand shares."""
SHARES_MAX = 20_000
"""Shares read for one answer: more than one message has room for."""

Place = tuple[str, str, str, str]
"""Where a share stands in the list: owner, stock keeping unit, warehouse group and channel group."""


class Share(NamedTuple):
    """What a channel group has of a supply."""

    of: Numbered
    share: EpochShare
    spent: Claimed

    @property
    def place(self) -> Place:
        """Its place in the list."""
        return _place(self.of, self.share)

    @property
    def remaining(self) -> int:
        """Whole units that it has left."""
        return self.share.remaining(self.of.epoch.scale, self.spent.open + self.spent.fulfilled)

    @property
    def claimed(self) -> int:
        """Units that its orders took since it was dealt, also where only a part of one was; negative where they gave
        back more.
        """
        return -((self.share.claimed - self.spent.open - self.spent.fulfilled) // self.of.epoch.scale)

    @property
    def reserved(self) -> int:
        """Units promised to its open orders, also where it is only a part of one."""
        return -(-self.spent.open // self.of.epoch.scale)


class Shares:
    """Answers every question about epochs, for the tenant it is told."""

    def __init__(self, epochs: Epochs, claims: Claims, origin: Origin) -> None:
        """Answer from `epochs`, whose numbers are of `origin`, and `claims`."""
        self._epochs = epochs
        self._claims = claims
        self.origin = origin

    async def shares(
        self, tenant: str, where: Where, fresh: Vector, *, after: Place | None, limit: int
    ) -> tuple[list[Share], Revision]:
        """Shares in the order of their places, and the revision of the ledger that claims were read at, some of them
        later. Raises PeerAway, and what the ledger refuses.
        """
        found = await self._standing(tenant, where, after, limit)
        keys = [_claim(of, share) for of, share in found]
        spent, revision = await self._claims.claimed(tenant, keys, fresh)
        return [Share(of, share, spent[key]) for (of, share), key in zip(found, keys, strict=True)], revision

    async def past(
        self, tenant: str, where: Where, fresh: Vector, *, before: int | None, limit: int
    ) -> tuple[list[Numbered], Revision]:
        """Epochs, newest first, fewer where they have too many shares for one answer, and the newest there is.

        Raises RevisionForeign, RevisionAhead.
        """
        head = (await self._epochs.stretch(tenant, after=0, limit=0)).head
        check(fresh, self.origin, head)
        found: list[Numbered] = []
        while len(found) < limit and sum(len(each.epoch.shares) for each in found) < SHARES_MAX:
            count = min(CHUNK, limit - len(found))
            some = await self._epochs.past(tenant, where, before=before, limit=count)
            found += some
            if len(some) < count:
                break
            before = some[-1].number
        return found, self.origin.revision(head)

    async def watch_start(self, tenant: str, after: Revision | None) -> int:
        """The number to watch from: `after`, or the oldest kept. Raises RevisionForeign, RevisionAhead."""
        known = await self._epochs.stretch(tenant, after=0, limit=0)
        if after is None:
            return known.oldest
        check_one(after, self.origin, known.head, field="after")
        return after.number

    async def since(self, tenant: str, after: int) -> Batch[Numbered]:
        """The next epochs after a number; raises RevisionCompacted if one of them is no longer kept."""
        found = await self._epochs.stretch(tenant, after=after, limit=CHUNK)
        if after < found.oldest:
            raise RevisionCompacted(context=self.origin.context, number=after, oldest_kept=found.oldest)
        through = found.epochs[-1].number if found.epochs else after
        return Batch(found.epochs, through, more=through < found.head)

    async def _standing(
        self, tenant: str, where: Where, after: Place | None, limit: int
    ) -> list[tuple[Numbered, EpochShare]]:
        """Shares in the order of their places, as they were dealt."""
        found: list[tuple[Numbered, EpochShare]] = []
        start = None if after is None else SupplyKey((after[0], after[1]), after[2])
        while len(found) < limit:
            some = await self._epochs.standing(tenant, where, start=start, limit=CHUNK)
            found += [pair for of in some for pair in _meant(of, where, after)]
            if len(some) < CHUNK:
                break
            start = some[-1].supply
            after = _place(*found[-1]) if found else after
        return found[:limit]


def _meant(of: Numbered, where: Where, after: Place | None) -> list[tuple[Numbered, EpochShare]]:
    """The shares of an epoch that are meant, in order of their groups."""
    shares = sorted(of.epoch.shares, key=lambda share: share.channel_group)
    return [
        (of, share)
        for share in shares
        if where.channel_group in ("", share.channel_group) and (after is None or _place(of, share) > after)
    ]


def _place(of: Numbered, share: EpochShare) -> Place:
    return (*of.epoch.product, of.epoch.warehouse_group, share.channel_group)


def _claim(of: Numbered, share: EpochShare) -> Claim:
    return Claim(of.epoch.product, of.epoch.warehouse_group, share.channel_group, of.epoch.scale)
