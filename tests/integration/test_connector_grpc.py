"""A store behind an adapter: sync's client of the contract, against the reference adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import grpc
import pytest

from tests.kit.authority import Authority
from tests.kit.reaching import given, reach
from tests.kit.reference_shop import Shop
from tests.kit.reference_store import ABILITIES, ReferenceStore, Sabotage, Weather
from tests.kit.waiting import until
from weir_sync.connectors.dialing import AdapterSettings
from weir_sync.connectors.grpc import GrpcStore
from weir_sync.connectors.port import Away, Denied, Level, LevelOutcome, Outcome, ShownLevel, SoldLine, Throttled
from weir_sync.domain.connections import ConnectorKind
from weir_sync.urls import Guard


@asynccontextmanager
async def joined(store: ReferenceStore, *, token: str = "", **texts: str) -> AsyncIterator[GrpcStore]:
    """Sync's client of a reference adapter that is served meanwhile."""
    async with store.serving():
        settings = given(
            AdapterSettings,
            {"target": store.target, "tls": "off", **texts},
            {"token": token} if token else {},
        )
        client = GrpcStore(settings, reach(ConnectorKind.GRPC))
        try:
            yield client
        finally:
            await client.close()


async def test_what_the_adapter_says_of_itself_is_told() -> None:
    """Abilities are those that the adapter describes."""
    async with joined(ReferenceStore(Shop.of("A"))) as client:
        assert await client.describe() == ABILITIES


async def test_levels_are_applied_read_back_and_refused_one_by_one() -> None:
    """Every level has its outcome, in order; what is shown can be read back, and an unknown SKU is None."""
    async with joined(ReferenceStore(Shop.of({"A": 5, "B": 2}))) as client:
        outcomes = await client.apply([Level("B", 1, 1, expected=3), Level("?", 4, 1), Level("A", 3, 1, expected=5)])
        assert outcomes == [
            LevelOutcome("B", Outcome.CHANGED, 2, number=0),
            LevelOutcome("?", Outcome.UNKNOWN_SKU, number=0),
            LevelOutcome("A", Outcome.APPLIED, 3, number=1),
        ]
        assert (await client.apply([Level("A", 9, 0)]))[0].outcome is Outcome.SUPERSEDED
        assert await client.read(["?", "A"]) == [ShownLevel("?", None, number=0), ShownLevel("A", 3, number=1)]


async def test_orders_come_once_each_by_cursor() -> None:
    """Pages end where the next begins, and a cancelled order comes again."""
    shop = Shop.of({"A": 9})
    orders = [shop.sell("A", units) for units in (1, 2, 3)]
    async with joined(ReferenceStore(shop)) as client:
        first = await client.orders("", limit=2)
        assert [(order.store_order, order.lines) for order in first.orders] == [
            (orders[0], (SoldLine("A", 1),)),
            (orders[1], (SoldLine("A", 2),)),
        ]
        assert first.more
        assert first.orders[0].placed_at is not None
        second = await client.orders(first.cursor, limit=2)
        assert ([order.store_order for order in second.orders], second.more) == ([orders[2]], False)
        assert orders[0] is not None
        shop.cancel(orders[0])
        third = await client.orders(second.cursor, limit=2)
        assert [(order.store_order, order.cancelled) for order in third.orders] == [(orders[0], True)]


async def test_a_wait_is_kept_without_asking() -> None:
    """An adapter that asks to be left alone is not asked again before it said."""
    store = ReferenceStore(Shop.of("A"))
    store.weather = Weather(retry_after_seconds=30)
    async with joined(store) as client:
        store.meets("throttle")
        with pytest.raises(Throttled) as told:
            await client.apply([Level("A", 1, 1)])
        assert told.value.retry_after_seconds == pytest.approx(30)
        with pytest.raises(Throttled) as again:
            await client.describe()
        assert 0 < again.value.retry_after_seconds <= 30
        assert store.calls == ["ApplyLevels"]


@pytest.mark.parametrize("met", ["lose_request", "lose_answer", "stall"])
async def test_no_answer_is_no_outcome(met: str) -> None:
    """What got no answer may have been done or not: Away."""
    store = ReferenceStore(Shop.of("A"))
    store.weather = Weather(settle_seconds=3600)
    async with joined(store, deadline_seconds="1" if met == "stall" else "60") as client:
        store.meets(met)
        with pytest.raises(Away):
            await client.apply([Level("A", 1, 1)])
        assert store.shop.shown["A"] == (1 if met == "lose_answer" else 0)


async def test_a_restarted_adapter_is_found_again() -> None:
    """Connections are made anew once the former ones broke."""
    store = ReferenceStore(Shop.of("A"))
    async with joined(store) as client:
        await client.describe()
        await store.restart()
        for _ in range(100):
            try:
                assert await client.describe() == ABILITIES
                break
            except Away:
                continue
        else:
            pytest.fail("not found again")


@dataclass(frozen=True)
class Wandering(Guard):
    """A host that is at one more place each time that it is looked up."""

    looked_up: list[str] = field(default_factory=list)

    async def addresses(self, host: str, port: int, *, secure: bool = True) -> tuple[str, ...]:
        """Here, as often as it was looked up."""
        self.looked_up.append(host)
        return ("127.0.0.1",) * len(self.looked_up)


async def test_a_host_that_moves_ends_no_call() -> None:
    """After a lost connection the host is looked up again; calls to where it was end as they would have."""
    store = ReferenceStore(Shop.of("A"))
    async with store.serving():
        settings = given(AdapterSettings, {"target": store.target, "tls": "off", "deadline_seconds": "3"})
        guard = Wandering(allow_loopback=True)
        client = GrpcStore(settings, reach(ConnectorKind.GRPC, guard=guard))
        store.meets("stall", "lose_request")
        stalled = asyncio.create_task(client.read(["A"]))
        await until(lambda: bool(store.calls))
        with pytest.raises(Away):
            await client.describe()
        assert await client.describe() == ABILITIES
        with pytest.raises(Away):
            await stalled
        await client.close()
    assert len(guard.looked_up) == 2


async def test_late_and_dropped_levels_are_only_accepted() -> None:
    """ACCEPTED says that it has to be read back: what is late is shown once the store settles."""
    store = ReferenceStore(Shop.of("A"))
    store.weather = Weather(settle_seconds=3600)
    async with joined(store) as client:
        store.meets("late", "fair", "drop")
        assert (await client.apply([Level("A", 4, 1)]))[0].outcome is Outcome.ACCEPTED
        assert await client.read(["A"]) == [ShownLevel("A", 0, number=0)]
        store.settle()
        assert store.shop.shown == {"A": 4}
        assert (await client.apply([Level("A", 2, 2)]))[0].outcome is Outcome.ACCEPTED
        store.settle()
        assert store.shop.shown == {"A": 4}


@pytest.mark.parametrize("sabotage", [Sabotage.FORGETFUL, Sabotage.STUTTERING])
async def test_no_outcome_is_in_doubt_and_the_same_one_twice_is_one(sabotage: Sabotage) -> None:
    """A level that the adapter says nothing of is in doubt; said twice alike, it is said."""
    async with joined(ReferenceStore(Shop.of("AB"), sabotage=sabotage)) as client:
        outcomes = await client.apply([Level("A", 1, 1), Level("B", 1, 1)])
        doubtful = sabotage is Sabotage.FORGETFUL
        assert [each.outcome for each in outcomes] == [
            Outcome.APPLIED,
            Outcome.IN_DOUBT if doubtful else Outcome.APPLIED,
        ]


@pytest.mark.parametrize("sabotage", [Sabotage.BOUNDLESS, Sabotage.PARTIAL, Sabotage.ENDLESS, Sabotage.BRITTLE])
async def test_answers_that_make_no_sense_are_none(sabotage: Sabotage) -> None:
    """What an adapter says against the contract is Away, never an accident of ours."""
    async with joined(ReferenceStore(Shop.of("A"), sabotage=sabotage)) as client:
        with pytest.raises(Away):
            match sabotage:
                case Sabotage.BOUNDLESS:
                    await client.describe()
                case Sabotage.PARTIAL:
                    await client.read(["A", "?"])
                case Sabotage.ENDLESS:
                    await client.orders("0", limit=1)
                case _:
                    await client.read(["Größe"])


async def test_the_token_is_borne_and_told_nowhere() -> None:
    """Calls bear the secret and say whose they are; a refusal is Denied, and no text of it holds the secret."""
    store = ReferenceStore(Shop.of("A"), token="tok-1234")
    async with joined(store, token="tok-1234") as client:
        await client.describe()
        caller = store.callers[-1]
        assert (caller["weir-tenant"], caller["weir-connection"]) == ("acme", "shop")
    async with joined(store, token="tok-wrong") as client:
        with pytest.raises(Denied) as denied:
            await client.describe()
        assert "tok-" not in str(denied.value)


async def test_tls_proves_the_adapter(tmp_path: Path) -> None:
    """An adapter is believed whose certificate is signed by whom the settings name, and no other."""
    authority = Authority(tmp_path)
    chain, key = authority.issue("adapter")
    store = ReferenceStore(
        Shop.of("A"), credentials=grpc.ssl_server_credentials([(key.read_bytes(), chain.read_bytes())])
    )
    async with joined(store, tls="on", tls_ca=authority.file.read_text()) as client:
        assert (await client.describe()).name == ABILITIES.name
    async with joined(store, tls="on") as client:
        with pytest.raises(Away):
            await client.describe()


async def test_nobody_dials_into_the_network() -> None:
    """A host that resolves to where nobody shall connect to is Denied, before anything is sent."""
    store = ReferenceStore(Shop.of("A"))
    async with store.serving():
        settings = given(AdapterSettings, {"target": store.target.replace("127.0.0.1", "localhost"), "tls": "off"})
        client = GrpcStore(settings, reach(ConnectorKind.GRPC, guard=Guard()))
        with pytest.raises(Denied):
            await client.describe()
        assert store.calls == []


async def test_abilities_beyond_what_was_claimed_are_not_assumed() -> None:
    """A store that compares nothing is described as such."""
    plain = replace(ABILITIES, compare_and_set=False, fenced=False)
    async with joined(ReferenceStore(Shop.of("A", compares=False, fenced=False), abilities=plain)) as client:
        assert await client.describe() == plain
