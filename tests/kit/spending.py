"""Supplies that are divided among channel groups, as the books tell of them: what each group had left, revision by
revision, and what of it must not be.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.kit.merchant import Merchant, request_id
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_pb2
from weir.ledger.v1 import reservation_service_pb2 as pb
from weir.partitioning.v1 import partitioning_service_pb2, policy_pb2
from weir_allocation.claims import Claim


@dataclass(frozen=True, slots=True)
class Supply:
    """A product in one warehouse group, and the channel groups that it is divided among."""

    sku: str
    warehouse_group: str
    places: tuple[str, ...]
    groups: tuple[str, ...]
    parts: Mapping[str, int] = field(default_factory=dict)
    """Units of each component of one; none of a plain product."""

    @property
    def name(self) -> tuple[str, str]:
        """What tells it from others."""
        return self.sku, self.warehouse_group

    @property
    def scale(self) -> int:
        """What each unit counts under a claim."""
        return self.parts[min(self.parts)] if self.parts else 1

    @property
    def skus(self) -> tuple[str, ...]:
        """Itself, and what it is made of."""
        return self.sku, *self.parts

    def claim(self, group: str) -> Claim:
        """What the ledger counts the orders of a group under."""
        return Claim(("", self.sku), self.warehouse_group, group, self.scale)

    def units(self, available: Mapping[tuple[str, str], int]) -> int:
        """Units there are, packed and put together, of what is available by product and place."""
        return sum(self._there(available, place) for place in self.places)

    def _there(self, available: Mapping[tuple[str, str], int], place: str) -> int:
        made = [available.get((part, place), 0) // units for part, units in self.parts.items()]
        return available.get((self.sku, place), 0) + min(made, default=0)


Share = tuple[str, str, str]
"""A product, a warehouse group, and the channel group whose share of them it is."""


@dataclass(frozen=True, slots=True)
class State:
    """How things stood after a revision."""

    number: int
    units: Mapping[tuple[str, str], int]
    """Of each supply."""
    left: Mapping[Share, int]
    """What each group had left of each share; of one without a ceiling nothing is said."""

    def fills(self, sku: str, group: str) -> int:
        """Units of a product that a group could have had, out of all warehouse groups."""
        mine = [name for name in self.units if name[0] == sku]
        return sum(min(self.units[name], self.left.get((*name, group), 0)) for name in mine)


class Refused(NamedTuple):
    """An order that was refused, and the revisions between which it was: what was known before it was placed, and what
    there was after."""

    sku: str
    group: str
    units: int
    since: int
    until: int


class Books:
    """The books of some supplies, commit by commit."""

    def __init__(self, supplies: Sequence[Supply]) -> None:
        """Before anything happened."""
        self.states: list[State] = []
        self.faults: list[str] = []
        self.raised = self.lowered = 0
        """How often a ceiling was set that left a group more, or less, than it had."""
        shares = [(each, group) for each in supplies for group in each.groups]
        self._supplies = supplies
        self._share_of = {each.claim(group).key: (*each.name, group) for each, group in shares}
        self._scale_of: Mapping[Share, int] = {(*each.name, group): each.scale for each, group in shares}
        self._available: dict[tuple[str, str], int] = {}
        self._claimed: dict[Share, int] = {}
        self._ceilings: dict[Share, int] = {}

    def read(self, commits: Iterable[ledger_service_pb2.WatchEntriesResponse]) -> None:
        """Take over commits in their order; what must not be is noted."""
        for commit in commits:
            self._read(commit)

    def in_vain(self, refused: Iterable[Refused]) -> Iterator[Refused]:
        """The orders that were refused although their share and the stock would have filled them all the time."""
        numbers = [state.number for state in self.states]
        for each in refused:
            first = max(0, bisect_right(numbers, each.since) - 1)
            during = self.states[first : bisect_right(numbers, each.until)]
            if all(state.fills(each.sku, each.group) >= each.units for state in during):
                yield each

    def unclaimed(self, promised: Mapping[Share, int]) -> Iterator[str]:
        """The shares of which something else is claimed in the end than what is promised to orders."""
        for share, scale in self._scale_of.items():
            claimed = self._claimed.get(share, 0)
            if claimed != promised.get(share, 0) * scale:
                yield f"{share}: {claimed} are claimed, {promised.get(share, 0)} promised"

    def _read(self, commit: ledger_service_pb2.WatchEntriesResponse) -> None:
        number = commit.through.number
        for entry in commit.entries:
            if entry.account == ledger_pb2.ACCOUNT_STOCK:
                item = entry.stock_item
                self._available[item.product.sku, item.location] = entry.on_hand - entry.reserved
                if entry.reserved > entry.on_hand:
                    self.faults.append(f"{number}: {entry.reserved} of {entry.on_hand} {item.product.sku} promised")
        for claim in commit.claims:
            share = self._share_of.get(claim.claim)
            if share is not None:
                ceiling = claim.ceiling if claim.HasField("ceiling") else None
                self._count(number, share, claim.open + claim.fulfilled, ceiling)
        left = {
            share: max(0, ceiling - self._claimed[share]) // self._scale_of[share]
            for share, ceiling in self._ceilings.items()
        }
        self.states.append(State(number, {each.name: each.units(self._available) for each in self._supplies}, left))

    def _count(self, number: int, share: Share, claimed: int, ceiling: int | None) -> None:
        """A commit may set a ceiling after the orders that are in it, or before them: one of the two holds for them."""
        before, lately = self._claimed.get(share, 0), self._ceilings.get(share, ceiling)
        assert ceiling is not None, "ceilings are moved here, never taken away"
        assert lately is not None
        if claimed > before and claimed > max(ceiling, lately):
            self.faults.append(f"{number}: {share} claims {claimed} of {ceiling}, {lately} before")
        self.raised += ceiling > lately
        self.lowered += ceiling < lately
        self._claimed[share], self._ceilings[share] = claimed, ceiling


async def policy(merchant: Merchant, **fields: Any) -> None:
    """Have a policy that divides the supply of everything equally; at an instant, unless `fields` say otherwise."""
    terms = {"strategy": policy_pb2.STRATEGY_EQUAL_DIVISION, "mode": policy_pb2.POLICY_MODE_BALANCED, **fields}
    request = partitioning_service_pb2.CreatePolicyRequest(
        request_id=request_id(), policy=policy_pb2.Policy(policy="shares", **terms)
    )
    merchant.saw((await merchant.stubs.partitioning.CreatePolicy(request)).revision)


async def share(merchant: Merchant, supply: Supply, epoch: int, **left: int) -> None:
    """Let groups have so much left of their shares, beside what they have claimed."""
    claims = {group: supply.claim(group) for group in left}
    set_ = pb.SetCeilingsRequest(
        request_id=request_id(),
        ceilings=[
            reservation_pb2.CeilingDraft(
                claim=claim.key,
                ceiling=await claimed(merchant, claim) + left[group] * supply.scale,
                epoch=epoch,
                subject=claim.subject,
            )
            for group, claim in claims.items()
        ],
    )
    merchant.saw((await merchant.stubs.reservations.SetCeilings(set_)).revision)


async def claimed(merchant: Merchant, claim: Claim) -> int:
    """What is claimed, in units of the claim."""
    request = pb.GetClaimsRequest(claims=[claim.key], freshness=merchant.freshness("ledger"))
    [found] = (await merchant.stubs.reservations.GetClaims(request)).claims
    return found.open + found.fulfilled


def divided(units: int, cuts: Sequence[int]) -> list[int]:
    """Units in parts, cut at places from 0 to `units`; what comes after the last cut is held back."""
    ends = sorted(min(units, each) for each in cuts)
    return [end - begin for begin, end in zip([0, *ends[:-1]], ends, strict=True)]
