"""What must be so of shares, held against all that services told over a whole history."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tests.kit.spending import Books
from weir.ledger.v1 import ledger_service_pb2
from weir.partitioning.v1 import share_pb2


class Told(NamedTuple):
    """What the channel of a group was told at a revision of the ledger."""

    sku: str
    group: str
    level: int
    number: int


def wrong(epochs: Sequence[share_pb2.Epoch], books: Books) -> Iterator[str]:
    """Epochs that make or lose a unit, or divide another supply than the books had at their revision."""
    numbers = [state.number for state in books.states]
    for each in epochs:
        if sum(share.balanced for share in each.shares) + each.held_back != each.supply:
            yield f"not the supply: {each}"
        state = books.states[bisect_right(numbers, each.ledger_revision.number) - 1]
        there = state.units[each.product.sku, each.warehouse_group]
        if each.supply != there:
            yield f"there were {there}: {each}"


def mistold(told: Sequence[Told], books: Books) -> Iterator[str]:
    """Levels that are another than what the group had left then, and the shelf held."""
    numbers = [state.number for state in books.states]
    for each in told:
        should = books.states[bisect_right(numbers, each.number) - 1].fills(each.sku, each.group)
        if each.level != should:
            yield f"{each} of {should}"


def wrong_ceilings(
    epochs: Sequence[share_pb2.Epoch], commits: Sequence[ledger_service_pb2.WatchEntriesResponse]
) -> Iterator[str]:
    """Shares whose ceiling in the ledger is another than what was claimed at the epoch's revision and what they got."""
    shares = {(each.epoch, share.claim): (each, share) for each in epochs for share in each.shares}
    claimed: dict[str, list[tuple[int, int]]] = {}
    for commit in commits:
        for claim in commit.claims:
            history = claimed.setdefault(claim.claim, [(0, 0)])
            history.append((commit.through.number, claim.open + claim.fulfilled))
            if (claim.epoch, claim.claim) in shares:
                each, share = shares[claim.epoch, claim.claim]
                before = [units for number, units in history if number <= each.ledger_revision.number][-1]
                if claim.ceiling != before + share.balanced:
                    yield f"{claim} after {before} were claimed, of {each}"
