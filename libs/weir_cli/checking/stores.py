"""The laws of a store's adapter. docs/connectors.md explains each."""

from __future__ import annotations

import time
from collections.abc import Sequence

import grpc

from weir.connector.v1 import connector_pb2, store_connector_pb2
from weir_cli.checking.adapter import CONNECTION, Store
from weir_cli.checking.laws import Law, Skipped, broken
from weir_cli.documents import word

LIMIT_MAX = 1000
UNITS_MAX = 1_000_000_000
TEXT_LENGTH_MAX = 1024
PAGES_MAX = 4
PAGE_SIZE = 50
STRANGER = "weir-check-nobody-sells-this"
ODD = (
    "Größe 42",
    "日本語",
    "a b  c",
    "50%",
    "A/B\\C",
    "'; DROP TABLE stock; --",
    '"quoted", <b>bold</b> & more',
    "../../etc/passwd",
    "\u202emirrored",
    "x" * 128,
)
"""SKUs that a merchant may have given to something, or somebody else may send."""


async def described(store: Store) -> None:
    """Describe answers, and what it says is in bounds."""
    abilities = await store.describe()
    for name in ("batch_max", "requests_per_second", "burst"):
        if not 1 <= getattr(abilities, name) <= LIMIT_MAX:
            broken(f"{name} is {getattr(abilities, name)}, where 1 to {LIMIT_MAX} is allowed.")
    if len(abilities.name) > 256:
        broken("name has more than 256 characters.")
    store.abilities = abilities


async def tokens(store: Store) -> None:
    """Nobody without the token is answered."""
    if store.bare is None:
        raise Skipped("No token was given (--token-file).")
    try:
        await store.bare.Describe(store_connector_pb2.DescribeRequest(), metadata=CONNECTION)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.UNAUTHENTICATED:
            return
        broken(f"Without the token it answers {error.code().name} where UNAUTHENTICATED is due.")
    broken("It answers without the token.")


async def known(store: Store) -> None:
    """The SKUs that may be changed are known, and what they show is read."""
    if not store.abilities.reads_back:
        raise Skipped("It does not claim to read back.")
    for sku in store.skus:
        if (shown := (await store.read(sku))[sku]) is None:
            broken(f"It does not know '{sku}'.")
        store.before[sku] = min(max(shown, 0), UNITS_MAX)


async def outcomes(store: Store) -> None:
    """Each level of a request has one outcome, and it is one that there is."""
    told = await store.apply(*(store.level(sku, 5) for sku in _skus(store)))
    for sku, outcome in told.items():
        if outcome.outcome not in (connector_pb2.OUTCOME_APPLIED, connector_pb2.OUTCOME_ACCEPTED):
            broken(f"A level of '{sku}', without any condition, is {_word(outcome)}: {outcome.error or 'no reason'}")
        if len(outcome.error) > TEXT_LENGTH_MAX:
            broken(f"error has more than {TEXT_LENGTH_MAX} characters.")


async def shown(store: Store) -> None:
    """What was applied is what is read back."""
    (sku, *_) = _reading(store)
    for quantity in (3, 0, 8):
        await _applied(store, store.level(sku, quantity))
        await store.shows(sku, quantity)


async def absolute(store: Store) -> None:
    """A level is what is shown, not what is added; applying one twice does no harm."""
    (sku, *_) = _reading(store)
    level = store.level(sku, 7)
    for _ in range(2):
        await _applied(store, level)
        await store.shows(sku, 7)


async def unknown(store: Store) -> None:
    """A SKU that the store does not know is told as such, and nothing is shown for it."""
    outcome = (await store.apply(store.level(STRANGER, 1)))[STRANGER]
    if outcome.outcome != connector_pb2.OUTCOME_UNKNOWN_SKU:
        broken(f"A level of '{STRANGER}' is {_word(outcome)} where UNKNOWN_SKU is due.")
    if store.abilities.reads_back and (await store.read(STRANGER))[STRANGER] is not None:
        broken(f"It shows a quantity of '{STRANGER}'.")


async def compares(store: Store) -> None:
    """Where it claims to compare: a level whose expectation is not met is left, and what is shown is told."""
    if not store.abilities.compare_and_set:
        raise Skipped("It does not claim to compare and set.")
    (sku, *_) = _reading(store)
    await _applied(store, store.level(sku, 6))
    await store.shows(sku, 6)
    outcome = (await store.apply(store.level(sku, 2, expected=5)))[sku]
    if outcome.outcome not in (connector_pb2.OUTCOME_CHANGED, connector_pb2.OUTCOME_ACCEPTED):
        broken(f"It shows 6, and a level that expects 5 is {_word(outcome)} where CHANGED is due.")
    if outcome.HasField("shown") and outcome.shown != 6:
        broken(f"It shows 6, and says that it shows {outcome.shown}.")
    await store.shows(sku, 6)
    await _applied(store, store.level(sku, 3, expected=6))
    await store.shows(sku, 3)


async def fenced(store: Store) -> None:
    """Where it claims to heed numbers: a level with a lower number than one that was applied is left."""
    if not store.abilities.fenced:
        raise Skipped("It does not claim to heed numbers.")
    (sku, *_) = _reading(store)
    former = store.number()
    await _applied(store, store.level(sku, 4))
    await store.shows(sku, 4)
    outcome = (await store.apply(store.level(sku, 9, number=former)))[sku]
    if outcome.outcome not in (connector_pb2.OUTCOME_SUPERSEDED, connector_pb2.OUTCOME_ACCEPTED):
        broken(f"A level with a lower number is {_word(outcome)} where SUPERSEDED is due.")
    await store.shows(sku, 4)
    await _applied(store, store.level(sku, 5))
    await store.shows(sku, 5)


async def numbers(store: Store) -> None:
    """Where it tells a number: it is that of the level that was applied last, not of one that was left."""
    (sku, *_) = _reading(store)
    level = store.level(sku, 11)
    await _applied(store, level)
    await store.shows(sku, 11)
    told = (await store.read_levels(sku))[sku]
    if not told.HasField("number"):
        raise Skipped("It tells no numbers.")
    if told.number != level.number:
        broken(f"Level {level.number} was applied, and it tells number {told.number}.")
    if not store.abilities.compare_and_set:
        return
    left = store.level(sku, 12, expected=10)
    outcome = (await store.apply(left))[sku]
    numbers = {(await store.read_levels(sku))[sku].number, *([outcome.number] if outcome.HasField("number") else [])}
    if left.number in numbers:
        broken("It tells the number of a level that it left.")


async def batch(store: Store) -> None:
    """As many levels as it says are taken in one request, and as many are read."""
    size = store.abilities.batch_max
    skus = [*store.skus, *(f"{STRANGER}-{number}" for number in range(size))][:size]
    await store.apply(*(store.level(sku, 1) for sku in skus))
    if store.abilities.reads_back:
        await store.read(*skus)


async def odd(store: Store) -> None:
    """SKUs may be anything of up to 128 characters; whatever they are, there is an outcome."""
    size = store.abilities.batch_max
    for first in range(0, len(ODD), size):
        skus = ODD[first : first + size]
        for sku, outcome in (await store.apply(*(store.level(sku, 0) for sku in skus))).items():
            if outcome.outcome not in _DEFINITE:
                broken(f"A level of {sku!r} is {_word(outcome)}.")
        if store.abilities.reads_back:
            await store.read(*skus)


async def units(store: Store) -> None:
    """10^9 units are shown or refused, never cut or turned into something else."""
    (sku, *_) = _reading(store)
    outcome = (await store.apply(store.level(sku, UNITS_MAX)))[sku]
    if outcome.outcome in (connector_pb2.OUTCOME_APPLIED, connector_pb2.OUTCOME_ACCEPTED):
        await store.shows(sku, UNITS_MAX)
    elif outcome.outcome != connector_pb2.OUTCOME_REFUSED:
        broken(f"A level of {UNITS_MAX} is {_word(outcome)}.")


async def orders(store: Store) -> None:
    """Orders come by cursor without loss, whatever the size of a page, and come to an end."""
    whole, pages = await _walked(store, PAGE_SIZE, PAGES_MAX)
    if len(whole) < 2:
        raise Skipped("It lists fewer than two orders: place some.")
    single, _ = await _walked(store, 1, pages * PAGE_SIZE, wanted=whole)
    if lost := [order for order in whole if order not in single]:
        broken(f"By pages of {PAGE_SIZE} it lists order '{lost[0]}', by pages of one it does not.")
    if [order for order in single if order in whole] != whole:
        broken("By pages of one orders come in another order.")


async def restored(store: Store) -> None:
    """What was shown before is shown again."""
    if not store.before:
        raise Skipped("What was shown before is not known.")
    for sku, quantity in store.before.items():
        await _applied(store, store.level(sku, quantity))
        await store.shows(sku, quantity)


async def _walked(store: Store, page_size: int, pages_max: int, wanted: Sequence[str] = ()) -> tuple[list[str], int]:
    """Orders from the beginning, as they come first, and of how many pages: all, or of so many, or until those that are
    wanted have come.
    """
    cursor, found = "", dict[str, None]()
    for pages in range(1, pages_max + 1):
        page = await store.orders(cursor, page_size)
        if len(page.orders) > page_size:
            broken(f"A page of {page_size} has {len(page.orders)} orders.")
        for order in page.orders:
            _sound(order)
            found[order.store_order] = None
        if not page.more or (wanted and found.keys() >= set(wanted)):
            return list(found), pages
        if page.cursor == cursor:
            broken("It says that there are more orders, and tells the cursor that it was asked with.")
        cursor = page.cursor
    return list(found), pages_max


def _sound(order: connector_pb2.StoreOrder) -> None:
    if not 1 <= len(order.store_order) <= 128:
        broken("An order has an identifier of no characters, or of more than 128.")
    if not 1 <= len(order.lines) <= 500:
        broken(f"Order '{order.store_order}' has {len(order.lines)} lines, where 1 to 500 are allowed.")
    for line in order.lines:
        if not 1 <= len(line.store_sku) <= 128 or not 1 <= line.quantity <= UNITS_MAX:
            broken(f"Order '{order.store_order}' has a line out of bounds: '{line.store_sku}', {line.quantity}.")
    if order.HasField("place_time") and order.place_time.ToSeconds() > time.time() + 86_400:
        broken(f"Order '{order.store_order}' is of a day to come.")


def _skus(store: Store) -> tuple[str, ...]:
    """SKUs whose levels may be changed, as many as a request takes."""
    if not store.skus:
        raise Skipped("No SKU was named whose level may be changed (--sku).")
    return store.skus[: store.abilities.batch_max]


def _reading(store: Store) -> tuple[str, ...]:
    if not store.abilities.reads_back:
        raise Skipped("It does not claim to read back.")
    return _skus(store)


async def _applied(store: Store, level: connector_pb2.Level) -> None:
    outcome = (await store.apply(level))[level.store_sku]
    if outcome.outcome not in (connector_pb2.OUTCOME_APPLIED, connector_pb2.OUTCOME_ACCEPTED):
        broken(f"A level of '{level.store_sku}' is {_word(outcome)}: {outcome.error or 'no reason'}")


def _word(outcome: connector_pb2.LevelOutcome) -> str:
    return word(outcome, "outcome")


_DEFINITE = (
    connector_pb2.OUTCOME_APPLIED,
    connector_pb2.OUTCOME_ACCEPTED,
    connector_pb2.OUTCOME_UNKNOWN_SKU,
    connector_pb2.OUTCOME_REFUSED,
)

LAWS: tuple[Law[Store], ...] = tuple(
    Law(name, (tried.__doc__ or "").strip(), tried)
    for name, tried in (
        ("described", described),
        ("tokens", tokens),
        ("known", known),
        ("outcomes", outcomes),
        ("shown", shown),
        ("absolute", absolute),
        ("unknown", unknown),
        ("compares", compares),
        ("fenced", fenced),
        ("numbers", numbers),
        ("batch", batch),
        ("odd SKUs", odd),
        ("units", units),
        ("orders", orders),
        ("restored", restored),
    )
)
