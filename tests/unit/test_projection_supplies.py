"""What there is to divide: as a table, and as a watch that tells what was touched."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date

import pytest

from tests.kit.projections import (
    LEDGER,
    books,
    channel,
    claimed,
    count,
    group,
    link,
    load_balances,
    loaded,
    network,
    policies,
    rules,
    stands,
)
from tests.kit.supplying import SupplyReader, ToldProduct, ToldShare, told
from weir_aggregator.domain import BooksChange, Change, Count, Lot, Product, StoreLimits, Supplies, SupplyUpdate
from weir_aggregator.projection import Pace, Projection, supplies, supply_updates
from weir_allocation.claims import Claim
from weir_allocation.policy import Mode, Policy, Strategy
from weir_allocation.rules import Limits, Rule
from weir_allocation.sharing import Bundle, Link

AT_ONCE = Pace(heartbeat_seconds=0.0, pause_seconds=0.0)
BIKE, CAR, KIT, FRAME = ("", "BIKE"), ("", "CAR"), ("", "KIT"), ("", "FRAME")
HALVES = Policy("halves", 1, Strategy.EQUAL_DIVISION, frozenset({BIKE, KIT}), mode=Mode.BALANCED)
NETWORK = [
    group("europe", "DE", "FR"),
    group("attic", "ATTIC"),
    *(channel(name) for name in ("web", "till")),
    link("europe", "web"),
    link("europe", "till"),
    link("gone", "till"),
]
UNSOLD = ToldShare(False, 0, -1)
SOLD = ToldShare(True, 0, -1)


def claim(group: str, channel_group: str, product: Product = BIKE, scale: int = 1) -> Claim:
    """The claim of a share."""
    return Claim(product, group, channel_group, scale)


def divided(*changes: BooksChange, policy: Policy = HALVES, log_bytes_max: int = 1 << 20) -> Projection:
    """Bikes that a policy divides at an instant, cars that none does, and what the ledger tells of claims."""
    counts = [count("BIKE", "DE", 10), count("BIKE", "ATTIC", 4), count("CAR", "FR", 3)]
    projection = loaded([*counts, *changes], NETWORK, log_bytes_max=log_bytes_max)
    projection.apply_configuration(policies(2, stands(policy)))
    return projection


def table(projection: Projection, *products: Product) -> dict[Product, ToldProduct]:
    """All there is to divide, or of some products."""
    return {product: each for part in parts(projection, *products) for product, each in told(part).items()}


def parts(projection: Projection, *products: Product) -> list[Supplies]:
    """The same in its parts."""
    return list(projection.supply_picture(products).parts())


@pytest.fixture
async def reading() -> AsyncIterator[list[SupplyReader]]:
    """Readers that are closed in the end."""
    readers: list[SupplyReader] = []
    yield readers
    for each in readers:
        await each.close()


async def watched(projection: Projection, readers: list[SupplyReader]) -> SupplyReader:
    """Somebody who was told everything."""
    reader = SupplyReader(supply_updates(projection, AT_ONCE))
    readers.append(reader)
    await reader.catch_up()
    return reader


async def news(reader: SupplyReader) -> list[tuple[list[Product], bool]]:
    """The products that are told next, message by message, and whether that is the last of everything."""
    return [(list(each.supplies.products), each.complete_end) for each in await reader.catch_up() if each.supplies]


def test_every_warehouse_group_that_feeds_anybody_and_every_group_that_sells() -> None:
    """Where nothing lies too; stock that feeds nobody is not to be divided, nor is what no policy divides."""
    projection = divided()
    expected = ToldProduct("halves", 1, {"europe": 10}, {("europe", "web"): SOLD, ("europe", "till"): SOLD})
    assert table(projection) == {BIKE: expected}
    projection.apply_balances(books(2, count("BIKE", "DE", 0)))
    assert table(projection) == {BIKE: replace(expected, units={"europe": 0})}
    denied = StoreLimits("web", Limits(denied=frozenset({BIKE})))
    projection.apply_configuration(rules(2, stands(denied)))
    assert table(projection)[BIKE].shares == {("europe", "till"): SOLD}


def test_rules_narrow_nothing() -> None:
    """What is divided is all that lies there, whatever a rule offers."""
    projection = divided()
    rule = Rule("one", 1, frozenset({"web", "till"}), warehouses=frozenset({"FR"}), rate_percent=50)
    projection.apply_configuration(rules(2, stands(rule)))
    assert table(projection)[BIKE].units == {"europe": 10}


def test_claims_of_groups_that_do_not_sell_are_told() -> None:
    """Of channel groups without a link and of those that are gone, in warehouse groups that feed nobody or are gone."""
    places = [("europe", "web"), ("europe", "lost"), ("attic", "web"), ("gone", "till")]
    projection = divided(*(claimed(claim(*place), units, 9) for units, place in enumerate(places)))
    found = table(projection)[BIKE]
    assert found.units == {"europe": 10, "attic": 4, "gone": 0}
    assert found.shares == {
        ("europe", "web"): ToldShare(True, 0, 9),
        ("europe", "till"): SOLD,
        ("europe", "lost"): ToldShare(False, 1, 9),
        ("attic", "web"): ToldShare(False, 2, 9),
        ("gone", "till"): ToldShare(False, 3, 9),
    }


def test_claims_that_count_other_units_are_left_out() -> None:
    """A product that is put together otherwise has none; it is told as long as it has a ceiling of any kind."""
    projection = divided(
        count("FRAME", "FR", 7),
        claimed(claim("europe", "web", KIT, 2), 4, 8),
        claimed(claim("europe", "web", CAR), 1, 2),
    )
    projection.apply_configuration(network(2, stands(Bundle(KIT, ((FRAME, 3),)))))
    found = table(projection)
    assert found[KIT] == ToldProduct("halves", 3, {"europe": 2}, {("europe", "web"): SOLD, ("europe", "till"): SOLD})
    assert found[CAR] == ToldProduct(
        "", 1, {"europe": 3}, {("europe", "web"): ToldShare(True, 1, 2), ("europe", "till"): SOLD}
    )
    projection.apply_balances(books(3, claimed(claim("europe", "web", CAR), 1, None, told=False)))
    assert CAR not in table(projection)


def test_of_some_products_those_that_are_divided() -> None:
    """One that is not divided, or that nobody knows, is left out; of none of them there is one part without any."""
    projection = divided()
    assert table(projection, BIKE, CAR, ("", "NEVER")).keys() == {BIKE}
    [part] = parts(projection, CAR)
    assert (list(part.products), list(part.units), list(part.warehouse_groups)) == ([], [], [])


def test_parts_hold_no_more_than_a_message_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many products, and fewer where each has many supplies and shares, but one at least; together they are all."""
    projection = divided(*(count(f"SKU {number}", "DE", number) for number in range(7)))
    projection.apply_configuration(policies(3, stands(replace(HALVES, products=None))))
    whole = table(projection)
    assert len(whole) == 9
    for most, cells, sizes in [(1000, 65_536, [9]), (4, 65_536, [4, 4, 1]), (1000, 9, [3, 3, 3]), (1000, 1, [1] * 9)]:
        monkeypatch.setattr(supplies, "PRODUCTS_MAX", most)
        monkeypatch.setattr(supplies, "CELLS_MAX", cells)
        assert [len(part.products) for part in parts(projection)] == sizes
        assert table(projection) == whole


def test_a_list_is_of_one_state() -> None:
    """What is booked after it was asked for is not in it, however slowly it is read."""
    projection = divided(claimed(claim("europe", "web"), 1, 5))
    picture = projection.supply_picture(())
    expected = table(projection)
    projection.apply_balances(
        books(2, count("BIKE", "DE", 3), claimed(claim("europe", "web"), 2, 5, told=False), count("NEW", "DE", 1))
    )
    projection.apply_balances(books(3, claimed(claim("new", "new"), 1, 1)))
    projection.apply_configuration(policies(3, stands(HALVES, deleted=True)))
    assert [told(part) for part in picture.parts()] == [expected]


async def test_everything_then_what_was_touched(reading: list[SupplyReader]) -> None:
    """A commit that touches stock or claims of what is divided is told, and no other; each message says what it rests
    on.
    """
    projection = divided(claimed(claim("europe", "web"), 0, 5))
    reader = await watched(projection, reading)
    assert [(each.supplies is not None, each.complete_end) for each in reader.messages] == [
        (True, True),
        (False, False),
    ]
    assert reader.known == table(projection)
    projection.apply_balances(books(2, count("CAR", "FR", 1)))
    assert await news(reader) == []
    projection.apply_balances(books(3, count("BIKE", "DE", 10)))
    assert await news(reader) == [([BIKE], False)]
    projection.apply_balances(books(4, claimed(claim("europe", "web"), 1, 5, told=False)))
    assert await news(reader) == [([BIKE], False)]
    assert reader.known[BIKE].shares["europe", "web"] == ToldShare(True, 1, 5)
    assert reader.revisions == projection.revisions


async def test_what_lends_and_what_is_a_part_touches(reading: list[SupplyReader]) -> None:
    """Stock of a component, or of a product that lends, is stock of what is divided; a link is told by what it
    touches.
    """
    projection = divided(count("FRAME", "DE", 6), count("SPARE", "DE", 2))
    projection.apply_configuration(network(2, stands(Bundle(KIT, ((FRAME, 2),)))))
    reader = await watched(projection, reading)
    projection.apply_balances(books(2, count("FRAME", "DE", 8)))
    assert await news(reader) == [([KIT], False)]
    projection.apply_configuration(network(3, stands(Link("lent", ("", "SPARE"), FRAME))))
    assert await news(reader) == [([KIT], False)]
    projection.apply_balances(books(3, count("SPARE", "DE", 4)))
    assert await news(reader) == [([KIT], False)]
    assert reader.known == table(projection)
    assert reader.known[KIT].units == {"europe": 6}


async def test_what_a_bundle_names_first_is_told(reading: list[SupplyReader]) -> None:
    """A product that nobody ever stocked is one from then on, and its bundle too."""
    projection = divided(policy=replace(HALVES, products=None))
    reader = await watched(projection, reading)
    projection.apply_configuration(network(2, stands(Bundle(KIT, ((FRAME, 2),)))))
    [(told_now, _)] = await news(reader)
    assert sorted(told_now) == [FRAME, KIT]
    assert reader.known == table(projection)


async def test_a_day_that_ends_touches_what_it_ends(reading: list[SupplyReader]) -> None:
    """Lots that ended are no supply any more."""
    day = date(2026, 3, 1)
    bread = Count("", "BIKE", "DE", "L", "EACH", "", count("BIKE", "DE", 1).condition, 5, 0)
    projection = divided(Lot("", "BIKE", "L", day), bread)
    projection.turn(day)
    reader = await watched(projection, reading)
    assert reader.known[BIKE].units == {"europe": 15}
    projection.turn(date(2026, 3, 2))
    assert await news(reader) == [([BIKE], False)]
    assert reader.known[BIKE].units == {"europe": 10}


@pytest.mark.parametrize(
    ("change", "everything"),
    [
        (policies(3, stands(replace(HALVES, strategy=Strategy.WEIGHTED))), True),
        (policies(3, stands(HALVES)), False),
        (network(3, link("attic", "web")), True),
        (network(3, channel("new", "web")), True),
        (network(3, group("europe", "FR")), True),
        (network(3, stands(Link("lent", FRAME, CAR))), False),
        (rules(3, stands(StoreLimits("web", Limits(max_quantity=3)))), True),
        (rules(3, stands(Rule("one", 1, frozenset({"web"})))), False),
    ],
)
async def test_after_what_else_is_configured_everything_is_told(
    change: Change, everything: bool, reading: list[SupplyReader]
) -> None:
    """Where that can matter, and only there."""
    projection = divided(count("FRAME", "FR", 1))
    reader = await watched(projection, reading)
    projection.apply_configuration(change)  # type: ignore[arg-type]
    assert await news(reader) == ([([BIKE], True)] if everything else [])
    assert reader.known == table(projection)


async def test_what_is_divided_no_longer_is_told_so(reading: list[SupplyReader]) -> None:
    """As long as it has a ceiling, and once when that is gone; afterwards its stock is nobody's business."""
    projection = divided(claimed(claim("europe", "web"), 3, 5))
    reader = await watched(projection, reading)
    projection.apply_configuration(policies(3, stands(HALVES, deleted=True)))
    assert await news(reader) == [([BIKE], True)]
    assert (reader.known[BIKE].policy, reader.known[BIKE].shares["europe", "web"].ceiling) == ("", 5)
    projection.apply_balances(books(2, claimed(claim("europe", "web"), 3, None, told=False)))
    assert await news(reader) == [([BIKE], False)]
    assert reader.known[BIKE].shares["europe", "web"] == ToldShare(True, 3, -1)
    projection.apply_balances(books(3, count("BIKE", "DE", 11)))
    assert await news(reader) == []


async def test_books_loaded_anew_are_told(reading: list[SupplyReader]) -> None:
    """Nothing that was told before can be gone on from."""
    projection = divided()
    reader = await watched(projection, reading)
    load_balances(projection, LEDGER.revision(9), [count("CAR", "DE", 2), count("BIKE", "DE", 2)])
    assert await news(reader) == [([BIKE], True)]
    assert reader.known[BIKE].units == {"europe": 2}


async def test_who_reads_slowly_is_told_the_newest(reading: list[SupplyReader]) -> None:
    """Each product once, those that changed first before the others, however often they changed."""
    names = [f"SKU {number}" for number in range(5)]
    projection = divided(*(count(name, "DE", 0) for name in names), policy=replace(HALVES, products=None))
    reader = await watched(projection, reading)
    for number, name in enumerate([*names[::-1], *names], 2):
        projection.apply_balances(books(number, count(name, "DE", number)))
    [update] = await reader.catch_up()
    assert update.supplies is not None
    assert sorted(update.supplies.products) == [("", name) for name in names]
    assert [reader.known["", name].units["europe"] for name in names] == [7, 8, 9, 10, 11]


async def test_those_touched_first_are_told_first(reading: list[SupplyReader], monkeypatch: pytest.MonkeyPatch) -> None:
    """One message after the other; who is told again and again does not push the others back."""
    monkeypatch.setattr(supplies, "PRODUCTS_MAX", 2)
    names = [f"SKU {number}" for number in range(4)]
    projection = divided(*(count(name, "DE", 0) for name in names), policy=replace(HALVES, products=None))
    reader = await watched(projection, reading)
    for number, name in enumerate(["SKU 3", "SKU 0", "SKU 3", "SKU 2", "SKU 1"], 2):
        projection.apply_balances(books(number, count(name, "DE", number)))
    assert [[sku for _, sku in products] for products, _ in await news(reader)] == [
        ["SKU 0", "SKU 3"], ["SKU 1", "SKU 2"],
    ]  # fmt: skip


async def test_what_is_forgotten_is_told_with_everything(reading: list[SupplyReader]) -> None:
    """A log too short for who was away is no reason to tell too little."""
    projection = divided(log_bytes_max=600)
    reader = await watched(projection, reading)
    for number in range(2, 9):
        projection.apply_balances(books(number, count("BIKE", "DE", number)))
    assert await news(reader) == [([BIKE], True)]
    assert reader.known == table(projection)


async def test_changes_during_everything(reading: list[SupplyReader], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told of everything is as it is then; a product that changes after it was told is told again."""
    monkeypatch.setattr(supplies, "PRODUCTS_MAX", 1)
    projection = divided(count("SKU", "DE", 1), policy=replace(HALVES, products=None))
    reader = SupplyReader(supply_updates(projection, AT_ONCE))
    reading.append(reader)
    order = []
    for number in range(2, 7):
        update = await reader.read()
        assert update.supplies is not None
        order.append((update.supplies.products[0][1], update.complete_end))
        projection.apply_balances(books(number, count("BIKE", "DE", number), count("SKU", "DE", number)))
    assert [each for each in order if each[1]] == order[2:3]
    assert {sku for sku, _ in order[:3]} == {"BIKE", "CAR", "SKU"}
    assert {sku for sku, _ in order[3:]} == {"BIKE", "SKU"}
    await reader.catch_up()
    assert reader.known == table(projection)


async def test_where_nothing_is_divided(reading: list[SupplyReader]) -> None:
    """One message says that this was all, and then there are heartbeats."""
    projection = loaded([count("BIKE", "DE", 1)], NETWORK)
    reader = await watched(projection, reading)
    first, second = reader.messages
    assert first.complete_end
    assert (first.supplies is not None, list(first.supplies.products) if first.supplies else None) == (True, [])
    assert second == SupplyUpdate()
