"""What there is to divide, over real gRPC: listed and watched, with claims and ceilings as the ledger tells of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.kit.market import SCHEMAS, Caller, Market, market
from tests.kit.postgres import PostgresForTests
from weir_allocation.claims import Claim

WEB, TILL = (Claim(("", "BIKE"), "europe", group) for group in ("web", "till"))
Shares = dict[str, tuple[bool, int, int]]
"""By channel group: whether it sells, what is claimed, and the ceiling."""


@pytest.fixture
async def services(postgres: PostgresForTests) -> AsyncIterator[Market]:
    """The services on a fresh database; watchers hear something twice a second."""
    with postgres.fresh(*SCHEMAS) as database:
        async with market(database, heartbeat_seconds=0.5) as running:
            yield running


@pytest.fixture
async def caller(services: Market) -> AsyncIterator[Caller]:
    """A caller of the tenant that was loaded at the start."""
    calling = services.caller()
    yield calling
    await calling.close()


async def stocked(caller: Caller) -> list[Any]:
    """Ten bikes and four cars for a web shop and a till; the last revisions."""
    await caller.locations("DE")
    await caller.receive("CAR", "DE", 4)
    booked = await caller.receive("BIKE", "DE", 10)
    return [booked, await caller.feed("europe", ["DE"], "web", "till")]


async def limited(caller: Caller, epoch: int, **ceilings: int | None) -> Any:
    """Set the ceilings of channel groups' claims of the bike, in the words of whoever divides; the revision."""
    claims = {claim.channel_group: claim for claim in (WEB, TILL)}
    drafts = [
        {"claim": claims[group].key, "subject": claims[group].subject, "epoch": epoch, "ceiling": ceiling}
        for group, ceiling in ceilings.items()
    ]
    return await caller.write("SetCeilings", ceilings=drafts)


async def claimed(caller: Caller, claim: Claim, quantity: int) -> Any:
    """Promise bikes to an order that counts against a claim; the reservation."""
    stock_item = {"product": {"sku": "BIKE"}, "location": "DE"}
    line = {"stock_item": stock_item, "quantity": quantity, "claims": [{"claim": claim.key}]}
    return await caller.do("Reserve", draft={"lines": [line]})


async def listed(caller: Caller, at_least: list[Any], **fields: Any) -> dict[str, tuple[str, int, Shares]]:
    """What the list tells of each product, in one warehouse group: its policy, its units, its shares."""
    found = {}
    async for part in caller.stream("ListSupplies", freshness={"at_least": at_least}, **fields):
        assert [each.context for each in part.revisions] == ["ledger", "sharing", "partitioning", "sync", "pooling"]
        found.update(read(part.table))
    return found


def read(table: Any) -> dict[str, tuple[str, int, Shares]]:
    """A table of products with one supply each."""
    shares: dict[int, Shares] = {place: {} for place in range(len(table.supplies))}
    rows = zip(
        table.share_supplies, table.share_channel_groups, table.selling, table.claimed, table.ceilings, strict=True
    )
    for supply, group, *numbers in rows:
        shares[supply][table.channel_groups[group]] = tuple(numbers)
    assert list(table.supply_products) == list(range(len(table.skus)))
    return {
        sku: (policy, units, shares[place])
        for place, (sku, policy, units) in enumerate(zip(table.skus, table.policies, table.supplies, strict=True))
    }


class Watch:
    """A client of the watch, which keeps what it was told."""

    def __init__(self, caller: Caller) -> None:
        """Watch from the beginning."""
        self.call = caller.stream("WatchSupplies", seconds=None)
        self.known: dict[str, tuple[str, int, Shares]] = {}
        self.messages: list[Any] = []

    async def until(self, holds: Callable[[], bool]) -> None:
        """Read until something holds."""
        while not holds():
            message = await self.call.read()
            self.messages.append(message)
            self.known.update(read(message.table))

    async def reach(self, revision: Any) -> None:
        """Read up to a message that rests on the revision."""
        await self.until(lambda: any(self._rests_on(revision, each) for each in self.messages[-1:]))

    def _rests_on(self, revision: Any, message: Any) -> bool:
        return any(each.context == revision.context and each.number >= revision.number for each in message.revisions)


async def test_the_ledgers_ceilings_are_listed(services: Market, caller: Caller) -> None:
    """A product with a ceiling is told with what is claimed, also after a restart; what has none is not, nor what has
    it no longer.
    """
    made = await stocked(caller)
    assert await listed(caller, made) == {}
    await limited(caller, 1, web=6, till=4)
    promised = await claimed(caller, WEB, 2)
    expected = {"BIKE": ("", 8, {"web": (True, 2, 6), "till": (True, 0, 4)})}
    assert await listed(caller, [promised.revision, made[1]]) == expected
    await services.aggregator.end()
    await services.aggregator.begin()
    assert await listed(caller, [promised.revision], products=[{"sku": "BIKE"}, {"sku": "CAR"}]) == expected
    assert await listed(caller, [promised.revision], products=[{"sku": "CAR"}]) == {}
    await caller.write("Release", reservation=promised.reservation.reservation)
    gone = await limited(caller, 2, till=None)
    expected = {"BIKE": ("", 10, {"web": (True, 0, 6), "till": (True, 0, -1)})}
    assert await listed(caller, [gone]) == expected
    assert await listed(caller, [await limited(caller, 2, web=None)]) == {}


async def test_everything_then_every_change(caller: Caller) -> None:
    """The first messages show everything; then what orders claim, with the stock of the same commit, and nothing of
    other products; heartbeats repeat the mark.
    """
    made = await stocked(caller)
    set_at = await limited(caller, 1, web=6)
    assert await listed(caller, [set_at, made[1]])
    watch = Watch(caller)
    await watch.until(lambda: bool(watch.messages) and watch.messages[-1].complete_end)
    assert watch.known == {"BIKE": ("", 10, {"web": (True, 0, 6), "till": (True, 0, -1)})}
    begun = len(watch.messages)
    await caller.receive("CAR", "DE", 3)
    promised = await claimed(caller, WEB, 3)
    await watch.reach(promised.revision)
    assert watch.known == {"BIKE": ("", 7, {"web": (True, 3, 6), "till": (True, 0, -1)})}
    assert {sku for each in watch.messages[begun:] for sku in each.table.skus} == {"BIKE"}
    set_at = await limited(caller, 2, till=1)
    await watch.reach(set_at)
    assert watch.known["BIKE"][2] == {"web": (True, 3, 6), "till": (True, 0, 1)}
    heartbeats = len(watch.messages)
    await watch.until(lambda: len(watch.messages) > heartbeats)
    assert not watch.messages[-1].HasField("table")
    assert watch.messages[-1].revisions == watch.messages[-2].revisions
    watch.call.cancel()


async def test_shares_are_what_stores_are_told(caller: Caller) -> None:
    """Once a policy has divided the supply an order of one group lowers its own level alone; the explanation says why,
    and a policy that divides at an instant no longer leaves everyone what it makes of now.
    """
    made = await stocked(caller)
    policy = {"policy": "halves", "strategy": "STRATEGY_EQUAL_DIVISION", "mode": "POLICY_MODE_BALANCED"}
    created = await caller.do("CreatePolicy", policy=policy)
    ceilings: list[int] = []
    while ceilings != [5, 5]:
        name, _, shares = (await listed(caller, [created.revision]))["BIKE"]
        assert name == "halves"
        ceilings = [ceiling for _, _, ceiling in shares.values()]
    promised = (await claimed(caller, WEB, 2)).revision
    fresh = [promised, created.revision]
    assert [await caller.level("BIKE", each, *fresh) for each in ("web", "till")] == [3, 5]
    explained = await caller.do(
        "ExplainAvailability", product={"sku": "BIKE"}, channel="web", freshness={"at_least": [made[1], *fresh]}
    )
    [split] = [each for each in explained.steps if each.sentence.startswith("The share of channel group")]
    assert split.steps[0].sentence == (
        "Policy 'halves' divided what 'europe' holds: with 3 units left of its share it gets 3 units of 8 units."
    )
    changed = {**policy, "mode": "POLICY_MODE_CONTINUOUS", "etag": created.policy.etag}
    updated = await caller.write("UpdatePolicy", policy=changed)
    assert [await caller.level("BIKE", each, promised, updated) for each in ("web", "till")] == [4, 4]


async def test_malformed_questions(caller: Caller) -> None:
    """Each product is named once, and by its name."""
    refused = await caller.refused("ListSupplies", products=[{"sku": "A"}, {"sku": "A"}, {"sku": " "}])
    assert refused.reason == "REQUEST_MALFORMED"
    assert {each.field for each in refused.violations} == {"products[2].sku", "products[1]"}
