"""What groups have left of their shares, in units of the product; lists in order, and the history of epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.kit.dividing import BOOKS, Divided, dissolved, epoch, in_memory, kept
from weir.partitioning.v1 import share_pb2
from weir_allocation.claims import Claim
from weir_allocation.rebalance import EpochShare, Reason
from weir_chassis.errors import RevisionAhead, RevisionCompacted, RevisionForeign
from weir_chassis.revisions import Origin, Revision, Vector
from weir_partitioning.handlers import shares as handlers
from weir_partitioning.handlers.shares import Share, Shares
from weir_partitioning.ports import Claimed, Numbered, Where
from weir_partitioning.wire.shares import to_epoch, to_share
from weir_partitioning.wire.words import REASONS_TOLD

TENANT = "acme"
ORIGIN = Origin("epochs", "cluster", 1)
ALL = Where()


class Counting:
    """A ledger that counts what it is told to: `Claims`."""

    def __init__(self, **spent: tuple[int, int]) -> None:
        """What is open and fulfilled under the claims of each channel group."""
        self.spent = spent
        self.asked: list[Sequence[Claim]] = []

    async def claimed(
        self, tenant: str, claims: Sequence[Claim], fresh: Vector
    ) -> tuple[Mapping[Claim, Claimed], Revision]:
        assert tenant == TENANT
        self.asked.append(claims)
        return {each: Claimed(*self.spent.get(each.channel_group, (0, 0))) for each in claims}, BOOKS


@pytest.fixture
def divided() -> Divided:
    """Nothing was ever divided."""
    return in_memory()


def telling(divided: Divided, **spent: tuple[int, int]) -> Shares:
    """Who answers."""
    return Shares(divided.epochs, Counting(**spent), ORIGIN)


def share(balanced: int, before: int, scale: int, *, opened: int, fulfilled: int = 0) -> Share:
    """A share of which so much was claimed before and is claimed now, in units of the claim."""
    made = replace(epoch(shares={}), scale=scale, shares=(EpochShare("web", balanced, claimed=before),))
    return Share(Numbered(1, made, BOOKS), made.shares[0], Claimed(opened, fulfilled))


@pytest.mark.parametrize(
    ("counted", "claimed", "remaining", "reserved"),
    [
        (share(10, 0, 1, opened=3), 3, 7, 3),
        (share(10, 20, 1, opened=3, fulfilled=20), 3, 7, 3),
        (share(10, 20, 1, opened=15), -5, 15, 15),
        (share(10, 0, 1, opened=12), 12, 0, 12),
        (share(10, 0, 2, opened=6), 3, 7, 3),
        (share(10, 5, 2, opened=6), 1, 9, 3),  # half a bundle was taken: as good as a whole one
        (share(10, 6, 2, opened=5), 0, 10, 3),  # half a bundle was given back: none can be sold of it
        (share(0, 0, 3, opened=0), 0, 0, 0),
    ],
)
def test_units_are_those_of_the_product(counted: Share, claimed: int, remaining: int, reserved: int) -> None:
    """What is claimed counts from the epoch on, and by the scale of the claim; what is left is what can still be sold
    whole, and is never negative."""
    assert (counted.claimed, counted.remaining, counted.reserved) == (claimed, remaining, reserved)
    assert counted.remaining == max(0, counted.share.balanced - counted.claimed)


async def test_shares_come_in_order(divided: Divided, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shares come by product, warehouse group and channel group, page after page each once, whatever is read at once;
    only what a page shows is asked of the ledger."""
    names = ["ä", "b", "a", "B"]
    await kept(divided.epochs, TENANT, *(epoch(sku, group, dict.fromkeys(names, 1)) for sku in "ba" for group in "yx"))
    places = [("acme", sku, group, name) for sku in "ab" for group in "xy" for name in sorted(names)]
    for chunk in (2, 3, 100):
        monkeypatch.setattr(handlers, "CHUNK", chunk)
        for size in (1, 3, 5, 16, 17):
            counting = Counting()
            told = Shares(divided.epochs, counting, ORIGIN)
            found: list[Any] = []
            while some := (await told.shares(TENANT, ALL, {}, after=found[-1] if found else None, limit=size))[0]:
                found += [each.place for each in some]
            assert found == places, (chunk, size)
            assert [len(each) for each in counting.asked] == [size] * (16 // size) + [16 % size] * (16 % size > 0) + [0]


async def test_only_what_is_meant(divided: Divided) -> None:
    """Of a product, a warehouse group or a channel group only its shares are told; what was dissolved has none."""
    await kept(
        divided.epochs, TENANT, epoch("A", "x"), epoch("A", "y", {"rep": 1}), epoch("B", "x"), dissolved("B", "x")
    )
    told = telling(divided, web=(4, 1))

    async def found(**meant: Any) -> list[Any]:
        some, revision = await told.shares(TENANT, Where(**meant), {}, after=None, limit=9)
        assert revision == BOOKS
        return [(each.place[1:], each.remaining) for each in some]

    assert await found() == [(("A", "x", "till"), 3), (("A", "x", "web"), 0), (("A", "y", "rep"), 1)]
    assert await found(product=("acme", "A"), warehouse_group="y") == [(("A", "y", "rep"), 1)]
    assert await found(channel_group="web") == [(("A", "x", "web"), 0)]
    assert await found(product=("acme", "B")) == []


async def test_the_past_goes_back_page_by_page(divided: Divided, monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs come newest first, each once, whatever is read at once; a page of many shares ends early."""
    await kept(divided.epochs, TENANT, *(epoch(f"{number}") for number in range(7)))
    monkeypatch.setattr(handlers, "CHUNK", 2)
    told = telling(divided)
    found, revision = await told.past(TENANT, ALL, {}, before=None, limit=5)
    assert ([each.number for each in found], revision.number) == ([7, 6, 5, 4, 3], 7)
    found, _ = await told.past(TENANT, ALL, {}, before=3, limit=5)
    assert [each.number for each in found] == [2, 1]
    monkeypatch.setattr(handlers, "SHARES_MAX", 3)
    found, _ = await told.past(TENANT, ALL, {}, before=None, limit=5)
    assert [each.number for each in found] == [7, 6]


async def test_marks_of_epochs(divided: Divided) -> None:
    """A watch begins after a number that was drawn here, or the oldest kept; what was given up is refused with that,
    and so is what was never drawn, in lists as in watches."""
    await kept(divided.epochs, TENANT, epoch(), epoch(), epoch("B"))
    told = telling(divided)
    assert await told.watch_start(TENANT, None) == 0
    assert await told.watch_start(TENANT, ORIGIN.revision(3)) == 3
    with pytest.raises(RevisionAhead):
        await told.watch_start(TENANT, ORIGIN.revision(4))
    with pytest.raises(RevisionForeign):
        await told.watch_start(TENANT, replace(ORIGIN.revision(1), context="partitioning"))
    with pytest.raises(RevisionAhead):
        await told.past(TENANT, ALL, {"epochs": ORIGIN.revision(4)}, before=None, limit=1)
    batch = await told.since(TENANT, 1)
    assert ([each.number for each in batch.messages], batch.through, batch.more) == ([2, 3], 3, False)
    await divided.epochs.forget(keep_seconds=0)
    assert await told.watch_start(TENANT, None) == 1
    with pytest.raises(RevisionCompacted) as refused:
        await told.since(TENANT, 0)
    assert refused.value.metadata == {"context": "epochs", "number": "0", "oldest_kept": "1"}


def test_every_reason_has_a_word() -> None:
    """Whatever made an epoch can be told, each reason by its own name."""
    for reason in Reason:
        told = to_epoch(epoch(reason=reason), BOOKS)
        assert share_pb2.EpochReason.Name(told.reason) == f"EPOCH_REASON_{reason.name}"
    assert len(set(REASONS_TOLD.values())) == len(Reason)


def test_an_epoch_is_told_whole() -> None:
    """Every field of an epoch and of a share is told, the claim by the key that the ledger counts it under."""
    made = replace(
        epoch(held_back=2, supply=9, moved=4, scale=3),
        shares=(EpochShare("web", 7, claimed=9, before=5, demand=11, weight=13),),
    )
    told = to_epoch(made, BOOKS, number=8, in_force=True)
    assert {field.name for field, _ in told.ListFields()} == set(told.DESCRIPTOR.fields_by_name)
    assert (told.epoch, told.supply, told.held_back, told.moved, told.create_time.ToDatetime()) == (
        8,
        9,
        2,
        4,
        made.divided_at.replace(tzinfo=None),
    )
    (dealt,) = told.shares
    assert (dealt.channel_group, dealt.balanced, dealt.before, dealt.demand, dealt.weight) == ("web", 7, 5, 11, 13)
    assert dealt.claim == Claim(("acme", "TV"), "home", "web", 3).key
    left = to_share(8, made, made.shares[0], claimed=1, remaining=6, reserved=2)
    assert {field.name for field, _ in left.ListFields()} == set(left.DESCRIPTOR.fields_by_name)
    assert (left.balanced, left.claimed, left.remaining, left.reserved, left.epoch) == (7, 1, 6, 2, 8)
