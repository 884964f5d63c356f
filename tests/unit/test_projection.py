"""The projection by itself: levels kept in step, marks, what a watcher is told, and what is forgotten."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from tests.kit.projections import (
    LEDGER,
    SHARING,
    Reader,
    books,
    channel,
    count,
    group,
    level,
    link,
    load_balances,
    load_configuration,
    loaded,
    marks,
    network,
)
from weir_aggregator.domain import Availability, Question, Selection
from weir_aggregator.errors import ChannelNotFound, TenantsExhausted
from weir_aggregator.projection import Pace, Projection, Tenants, caught_up, updates
from weir_aggregator.projection import table as table_module
from weir_aggregator.projection.changes import ENTRY_BYTES, Changes
from weir_allocation.stock import Demand
from weir_chassis.errors import NotCaughtUp, RevisionForeign, RevisionNotReached
from weir_chassis.revisions import Origin

BIKE = ("", "BIKE")
AT_ONCE = Pace(heartbeat_seconds=0.0, pause_seconds=0.0)
EVERYTHING = Selection()

GOLDEN_NETWORK = [
    group("europe", "DE1", "DE2", "FR"),
    group("us", "US"),
    group("berlin", "BERLIN"),
    *(channel(name) for name in ("shop-eu", "shop-us", "till")),
    link("europe", "shop-eu"),
    link("us", "shop-us"),
    link("berlin", "till"),
]
GOLDEN_COUNTS = [
    count("BIKE", location, units)
    for location, units in {"DE1": 50, "DE2": 30, "FR": 100, "US": 80, "BERLIN": 12}.items()
]


def golden(log_bytes_max: int = 1 << 20) -> Projection:
    """The market of golden case 1."""
    return loaded(GOLDEN_COUNTS, GOLDEN_NETWORK, log_bytes_max=log_bytes_max)


def levels(projection: Projection) -> tuple[int, ...]:
    """The levels of the bike in the three channels."""
    return tuple(level(projection, name, BIKE) for name in ("shop-eu", "shop-us", "till"))


def test_golden_case_one_and_a_reservation() -> None:
    """Levels are 180, 80 and 12; a promise of 5 at FR lowers Europe at once and nobody else."""
    projection = golden()
    assert levels(projection) == (180, 80, 12)
    projection.apply_balances(books(2, count("BIKE", "FR", 100, reserved=5)))
    assert levels(projection) == (175, 80, 12)
    assert [revision.number for revision in projection.revisions] == [2, 1, 1, 1, 1]


def test_a_commit_seen_before_changes_nothing() -> None:
    """Resumed watches repeat commits: the older state does not come back, nor does the mark."""
    projection = golden()
    projection.apply_balances(books(2, count("BIKE", "FR", 90)))
    projection.apply_balances(books(3, count("BIKE", "FR", 80)))
    projection.apply_balances(books(2, count("BIKE", "FR", 90)))
    assert levels(projection)[0] == 160
    assert projection.revisions[0].number == 3


def test_of_several_counts_of_one_stock_item_the_last_holds() -> None:
    """A commit is applied in its order."""
    projection = golden()
    projection.apply_balances(books(2, count("BIKE", "FR", 90), count("BIKE", "FR", 70), count("BIKE", "US", 1)))
    assert levels(projection) == (150, 1, 12)


def test_a_mark_that_moves_without_changes() -> None:
    """An empty commit moves the mark and nothing else."""
    projection = golden()
    projection.apply_balances(books(2))
    projection.apply_configuration(network(2))
    assert levels(projection) == (180, 80, 12)
    assert [revision.number for revision in projection.revisions] == [2, 2, 1, 1, 1]


def test_new_products_and_locations_are_seen_at_once() -> None:
    """What was never stocked has level 0; stocked somewhere new, it counts where the network says."""
    projection = loaded((), [group("w", "A", "B"), channel("shop"), link("w", "shop")])
    assert level(projection, "shop", BIKE) == 0
    for number in range(200):  # beyond the room there is at first
        projection.apply_balances(books(number + 2, count(f"SKU{number}", f"X{number}", 1), count("BIKE", "B", number)))
    assert level(projection, "shop", BIKE) == 199
    assert level(projection, "shop", ("", "SKU7")) == 0
    projection.apply_configuration(network(2, group("w", "B", "X7")))
    assert level(projection, "shop", ("", "SKU7")) == 1


def test_a_revoked_link_never_gives_what_came_after_it() -> None:
    """I5: a link is revoked, then stock is added: no state at or after both shows that stock through the link."""
    projection = golden()
    projection.apply_configuration(network(2, link("us", "shop-us", deleted=True)))
    projection.apply_balances(books(2, count("BIKE", "US", 1000)))
    assert levels(projection) == (180, 0, 12)


def test_the_control_a_projection_that_ignores_removals_is_caught() -> None:
    """The same history without the removal shows the stock: the test above can fail."""
    projection = golden()
    projection.apply_configuration(network(2))
    projection.apply_balances(books(2, count("BIKE", "US", 1000)))
    assert levels(projection) == (180, 1000, 12)


def test_a_channel_that_is_not_there() -> None:
    """It is refused wherever it is asked for."""
    projection = golden()
    with pytest.raises(ChannelNotFound):
        level(projection, "nowhere", BIKE)
    with pytest.raises(ChannelNotFound):
        projection.explain(Question(BIKE, "nowhere", Demand()))
    with pytest.raises(ChannelNotFound):
        projection.levels([BIKE], ["shop-eu", "nowhere"])
    with pytest.raises(ChannelNotFound):
        projection.picture(Selection(("nowhere",)))


def test_a_lot_or_a_unit_of_measure_is_answered_by_the_stages() -> None:
    """The table answers the plain question, the stages every other, with the same counts."""
    projection = loaded([count("BIKE", "DE1", 5), count("BIKE", "DE1", 7, lot="L1")], GOLDEN_NETWORK)
    for demand, units in ((Demand(), 12), (Demand(lot="L1"), 7), (Demand(uom="CARTON"), 0)):
        assert projection.availability(Question(BIKE, "shop-eu", demand)) == Availability(units, units, units)


def test_many_levels_at_once() -> None:
    """Row by row as asked: unknown products are 0, representatives too; all channels in order where none is named."""
    projection = loaded([*GOLDEN_COUNTS, count("CAR", "US", 3)], [*GOLDEN_NETWORK, channel("ann", "shop-us", rep=True)])
    told = projection.levels([("", "CAR"), ("", "GONE"), BIKE], ["till", "ann", "shop-us"])
    assert told.levels == [0, 0, 3, 0, 0, 0, 12, 0, 80]
    assert projection.levels([BIKE], []).channels == ("ann", "shop-eu", "shop-us", "till")


def test_a_picture_is_of_one_state_and_in_order() -> None:
    """Parts read later show what was when it was taken; products come by owner and stock keeping unit."""
    projection = loaded(
        [count(sku, "US", 1, owner=owner) for owner, sku in (("z", "A"), ("", "B"), ("m", "C"), ("", "A"))],
        GOLDEN_NETWORK,
    )
    picture = projection.picture(Selection(("shop-us",)))
    projection.apply_balances(books(2, count("A", "US", 99), count("AA", "US", 99)))
    parts = list(picture.parts(3))
    assert [part.products for part in parts] == [[("", "A"), ("", "B"), ("m", "C")], [("z", "A")]]
    assert [part.levels for part in parts] == [[1, 1, 1], [1]]
    assert projection.picture(Selection(owner="")).products == [("", "A"), ("", "AA"), ("", "B")]
    assert projection.picture(Selection(owner="nobody")).products == []


def test_a_large_table_is_computed_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few products at a time, however many there are."""
    monkeypatch.setattr(table_module, "_PRODUCTS_AT_ONCE", 3)
    counts = [count(f"SKU{n}", f"L{row}", 1) for n in range(7) for row in range(1 + n % 5)]
    locations = [f"L{row}" for row in range(5)]
    projection = loaded(counts, [group("w", *locations), channel("shop"), link("w", "shop")])
    assert projection.levels([("", f"SKU{n}") for n in range(7)], ["shop"]).levels == [1, 2, 3, 4, 5, 1, 2]


async def test_waiting_for_a_revision() -> None:
    """A question waits until every revision it names is reached, and goes on at once where they are."""
    projection = golden()
    await projection.reach(marks(projection), 0.0)
    asked = {"ledger": LEDGER.revision(3), "sharing": SHARING.revision(2)}
    waiting = asyncio.create_task(projection.reach(asked, 20.0))
    for commit in (books(2), books(3)):
        projection.apply_balances(commit)
        await asyncio.sleep(0)
        assert not waiting.done()
    projection.apply_configuration(network(2))
    await waiting
    with pytest.raises(RevisionNotReached) as refused:
        await projection.reach({"ledger": LEDGER.revision(9)}, 0.01)
    assert refused.value.metadata == {"context": "ledger", "number": "9", "reached": "3"}


@pytest.mark.parametrize(
    "foreign", [Origin("ledger", "other", 1), Origin("ledger", LEDGER.cluster, 0), Origin("pooling", LEDGER.cluster, 1)]
)
async def test_revisions_of_other_histories_are_refused(foreign: Origin) -> None:
    """Another cluster, a former epoch, another context: none can ever be reached here."""
    projection = golden()
    with pytest.raises(RevisionForeign):
        await projection.reach({foreign.context: foreign.revision(1)}, 20.0)
    with pytest.raises(RevisionForeign):
        await anext(updates(projection, EVERYTHING, {foreign.context: foreign.revision(1)}, AT_ONCE))


async def test_a_rebuild_refuses_those_who_wait_for_the_lost_future() -> None:
    """The ledger is restored from a backup: who waits for the former epoch learns it at once."""
    projection = golden()
    waiting = asyncio.create_task(projection.reach({"ledger": LEDGER.revision(9)}, 20.0))
    restored = Origin("ledger", LEDGER.cluster, 2)
    ahead = asyncio.create_task(projection.reach({"ledger": restored.revision(1)}, 20.0))
    await asyncio.sleep(0)
    load_balances(projection, restored.revision(1), [count("BIKE", "US", 7)])
    with pytest.raises(RevisionForeign):
        await waiting
    await ahead
    assert levels(projection) == (0, 7, 0)


async def test_a_watcher_is_told_everything_then_every_change() -> None:
    """First a complete list, then only products whose levels changed."""
    projection = golden()
    reader = Reader(updates(projection, EVERYTHING, {}, AT_ONCE))
    await reader.catch_up(projection)
    assert reader.messages[0].complete_begin
    assert reader.messages[0].complete_end
    assert reader.levels == {("shop-eu", BIKE): 180, ("shop-us", BIKE): 80, ("till", BIKE): 12}
    projection.apply_balances(books(2, count("CAR", "US", 5), count("BIKE", "FR", 100)))
    projection.apply_balances(books(3, count("CAR", "US", 6)))
    update = await reader.read()
    assert update.levels is not None
    assert update.levels.products == [("", "CAR")]
    assert reader.levels["shop-us", ("", "CAR")] == 6
    assert reader.through == projection.revisions
    projection.apply_balances(books(4, count("BIKE", "MARS", 100)))
    assert (await reader.read()).levels is None
    assert reader.through[0].number == 4
    await reader.close()


async def test_a_watcher_resumes_where_it_was() -> None:
    """After a mark that the log still holds only what changed since is told."""
    projection = loaded([count("BIKE", "US", 80), count("CAR", "US", 3)], GOLDEN_NETWORK)
    after = marks(projection)
    projection.apply_balances(books(2, count("BIKE", "US", 79)))
    reader = Reader(updates(projection, EVERYTHING, after, AT_ONCE))
    await reader.catch_up(projection)
    assert not reader.messages[0].complete
    assert set(reader.levels) == {(name, BIKE) for name in ("shop-eu", "shop-us", "till")}
    await reader.close()


async def test_a_watcher_whose_mark_is_forgotten_is_told_everything() -> None:
    """The log holds a few passes only; a mark of another replica that no pass here ended at is not known either."""
    projection = golden(log_bytes_max=3 * ENTRY_BYTES)
    after = marks(projection)
    for number in range(2, 12, 2):
        projection.apply_balances(books(number, count("BIKE", "US", number)))
    for mark in (after, {**after, "ledger": LEDGER.revision(9)}, {"ledger": after["ledger"]}):
        reader = Reader(updates(projection, EVERYTHING, mark, AT_ONCE))
        assert (await reader.read()).complete_begin
        await reader.close()


async def test_a_slow_watcher_is_told_the_newest_levels_once() -> None:
    """Of a thousand changes of one product it hears the last; falling off the log it gets everything anew."""
    projection = golden()
    reader = Reader(updates(projection, EVERYTHING, {}, AT_ONCE))
    await reader.catch_up(projection)
    for number in range(2, 1002):
        projection.apply_balances(books(number, count("BIKE", "US", number)))
    await reader.catch_up(projection)
    assert len([each for each in reader.messages if each.levels is not None]) == 2
    assert reader.levels["shop-us", BIKE] == 1001
    for number in range(1002, 9002):
        projection.apply_balances(books(number, count("BIKE", "US", number)))
    assert (await reader.read()).complete_begin
    assert reader.levels["shop-us", BIKE] == 9001
    await reader.close()


async def test_changes_during_a_long_list_are_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes while a complete list is under way is told before its end; no mark is given before that."""
    monkeypatch.setattr("weir_aggregator.projection.watching.ROWS_MAX", 2)
    projection = loaded([count(f"SKU{n}", "US", n) for n in range(7)], GOLDEN_NETWORK)
    reader = Reader(updates(projection, Selection(("shop-us",)), {}, AT_ONCE))
    await reader.read()
    projection.apply_balances(books(2, count("SKU0", "US", 100), count("SKU9", "US", 9)))
    await reader.catch_up(projection)
    assert [each.complete_end for each in reader.messages] == [False, False, False, False, True]
    assert reader.levels["shop-us", ("", "SKU0")] == 100
    assert reader.levels["shop-us", ("", "SKU9")] == 9
    assert reader.levels["shop-us", ("", "SKU6")] == 6
    await reader.close()


async def test_a_channel_that_comes_or_goes_begins_a_new_list() -> None:
    """Who watches all channels learns the new set; who asked for one that goes is refused."""
    projection = golden()
    everyone = Reader(updates(projection, EVERYTHING, {}, AT_ONCE))
    one = Reader(updates(projection, Selection(("till",)), {}, AT_ONCE))
    for reader in (everyone, one):
        await reader.catch_up(projection)
    projection.apply_configuration(network(2, channel("till", deleted=True)))
    await everyone.catch_up(projection)
    assert everyone.levels == {("shop-eu", BIKE): 180, ("shop-us", BIKE): 80}
    with pytest.raises(ChannelNotFound):
        await one.read()
    await everyone.close()


async def test_a_watcher_ahead_of_this_replica_waits_at_its_mark() -> None:
    """Heartbeats repeat the mark it came with; it never goes back."""
    projection = golden()
    ahead = {**marks(projection), "ledger": LEDGER.revision(2)}
    reader = Reader(updates(projection, EVERYTHING, ahead, AT_ONCE))
    assert (await reader.read()).levels is None
    assert reader.through == tuple(ahead.values())
    projection.apply_balances(books(2, count("BIKE", "US", 1)))
    projection.apply_balances(books(3, count("BIKE", "US", 2)))
    await reader.catch_up(projection)
    assert not any(each.complete for each in reader.messages)
    assert reader.levels["shop-us", BIKE] == 2
    await reader.close()


async def test_an_owner_hears_of_its_own_products_only() -> None:
    """Changes of others move the mark and nothing else."""
    projection = loaded([count("A", "US", 1, owner="x"), count("A", "US", 2, owner="y")], GOLDEN_NETWORK)
    reader = Reader(updates(projection, Selection(("shop-us",), owner="x"), {}, AT_ONCE))
    await reader.catch_up(projection)
    projection.apply_balances(books(2, count("A", "US", 5, owner="y")))
    await reader.catch_up(projection)
    assert reader.levels == {("shop-us", ("x", "A")): 1}
    await reader.close()


async def test_a_watch_of_no_channels_has_a_list_without_levels() -> None:
    """A tenant without a network is told so, not left waiting."""
    projection = loaded(GOLDEN_COUNTS)
    reader = Reader(updates(projection, EVERYTHING, {}, AT_ONCE))
    await reader.catch_up(projection)
    assert reader.messages[0].complete_end
    assert reader.levels == {}
    await reader.close()


def test_the_log_takes_no_more_than_it_may() -> None:
    """The oldest passes go first; positions before the oldest kept one cannot be gone on from."""
    changes = Changes(bytes_max=10 * ENTRY_BYTES)
    changes.clear((0,))
    begun = changes.position
    for number in range(1, 21):
        changes.record((number,), np.array([number, 7], dtype=np.int64))
    assert changes.since(begun) is None
    assert changes.since(changes.position) == []
    assert changes.since(changes.position - 2) == [19, 7, 20]
    assert changes.find((20,)) == changes.position
    assert changes.find((11,)) is not None
    assert changes.find((2,)) is None
    assert changes.find((21,)) is None


async def test_tenants_are_limited_and_wait_until_loaded() -> None:
    """One tenant too many is refused; a question of one being loaded waits as long as it may."""

    async def forever(projection: Projection, tenant: str) -> None:
        await asyncio.Event().wait()

    tenants = Tenants(forever, tenants_max=2, log_bytes_max=1 << 20)
    first, second = tenants.projection("first"), tenants.projection("second")
    assert first is tenants.projection("first")
    assert first is not second
    with pytest.raises(TenantsExhausted) as refused:
        tenants.projection("third")
    assert refused.value.metadata == {"limit": "2"}
    with pytest.raises(NotCaughtUp):
        await caught_up(first, 0.01)
    waiting = asyncio.create_task(caught_up(first, 20.0))
    await asyncio.sleep(0)
    load_balances(first, LEDGER.revision(1), GOLDEN_COUNTS)
    load_configuration(first)
    await waiting
    await tenants.close()
