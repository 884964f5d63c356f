"""What holds of every store that is talked to over HTTP, whatever it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from tests.kit.reaching import given, reach
from tests.kit.reference_shop import Shop
from tests.kit.shops import medusa, oscar, shopify, webhook, woocommerce
from tests.kit.shops.fake import ADDRESS, RETRY_AFTER_SECONDS, Fake
from weir_sync.connectors.kinds import SORTS
from weir_sync.connectors.port import (
    Away,
    ConnectorFailed,
    Denied,
    Level,
    LevelOutcome,
    Outcome,
    ShownLevel,
    StoreConnector,
    Throttled,
)
from weir_sync.domain.connections import ConnectorKind


class Kind(NamedTuple):
    """A kind of store that offers 5 of `A` and none of `B`, how it is reached, and what sync is trusted with."""

    kind: ConnectorKind
    fake: Callable[[], Fake]
    settings: dict[str, str]
    secrets: dict[str, str]


def woocommerce_fake() -> Fake:
    """A WooCommerce store."""
    fake = woocommerce.FakeWooCommerce()
    fake.stock("A", 5)
    fake.stock("B", 0)
    return fake


def medusa_fake() -> Fake:
    """A Medusa store, some of whose goods are reserved."""
    fake = medusa.FakeMedusa()
    fake.stock("A", 7, reserved=2)
    fake.stock("B", 1, reserved=1)
    return fake


def oscar_fake() -> Fake:
    """An oscar store, some of whose goods are allocated."""
    fake = oscar.FakeOscar()
    fake.stock("A", 7, allocated=2)
    fake.stock("B", 0)
    return fake


Verb = Callable[[StoreConnector], Awaitable[Any]]

KINDS = [
    Kind(
        ConnectorKind.SHOPIFY,
        lambda: shopify.FakeShopify(A=5, B=0),
        {"location": "7"},
        {"access_token": shopify.TOKEN},
    ),
    Kind(
        ConnectorKind.WOOCOMMERCE,
        woocommerce_fake,
        {},
        {"consumer_key": woocommerce.KEY, "consumer_secret": woocommerce.SECRET},
    ),
    Kind(ConnectorKind.MEDUSA, medusa_fake, {"location": medusa.LOCATION}, {"api_key": medusa.API_KEY}),
    Kind(ConnectorKind.OSCAR, oscar_fake, {}, {"user": oscar.USER, "password": oscar.PASSWORD}),
    Kind(
        ConnectorKind.WEBHOOK,
        lambda: webhook.FakeWebhook(Shop.of({"A": 5, "B": 0})),
        {},
        {"signing_key": webhook.KEY},
    ),
]
VERBS: list[Verb] = [
    lambda store: store.describe(),
    lambda store: store.apply([Level("A", 3, 1), Level("B", 4, 1)]),
    lambda store: store.read(["A", "B"]),
    lambda store: store.orders("", limit=10),
]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=[kind.kind.lower() for kind in KINDS])

Join = Callable[[Kind, Fake], StoreConnector]
every_verb = pytest.mark.parametrize("verb", VERBS, ids=["describe", "apply", "read", "orders"])


@pytest.fixture
def join(monkeypatch: pytest.MonkeyPatch) -> Join:
    """Makes a connector as sync does, but that its client leads to a store within this process."""

    def joined(kind: Kind, fake: Fake) -> StoreConnector:
        monkeypatch.setattr("weir_sync.http.client", lambda guard, address, **_: fake.client())
        sort = SORTS[kind.kind]
        assert sort.store is not None
        settings = given(sort.settings, {"address": ADDRESS, **kind.settings}, kind.secrets)
        return sort.store(settings, reach(kind.kind))

    return joined


@every_kind
async def test_levels_are_applied_and_shown(kind: Kind, join: Join) -> None:
    """What is applied is shown, twice as well as once; what is not known is told, in the order that was asked."""
    fake = kind.fake()
    store = join(kind, fake)
    abilities = await store.describe()
    assert 1 <= abilities.batch_max <= 1000
    assert abilities.reads_back
    assert await store.read(["A", "?", "B"]) == [ShownLevel("A", 5), ShownLevel("?", None), ShownLevel("B", 0)]
    for _ in range(2):
        outcomes = await store.apply([Level("B", 4, 1), Level("?", 1, 1), Level("A", 0, 1)])
        assert [(each.store_sku, each.outcome) for each in outcomes] == [
            ("B", Outcome.APPLIED),
            ("?", Outcome.UNKNOWN_SKU),
            ("A", Outcome.APPLIED),
        ]
        assert await store.read(["A", "B"]) == [ShownLevel("A", 0), ShownLevel("B", 4)]
    assert (await store.orders("", limit=10)).orders == []
    assert fake.asked
    await store.close()


@every_kind
async def test_expectations_are_heeded_where_that_is_claimed(kind: Kind, join: Join) -> None:
    """A store that compares leaves what is other than expected, and says what it shows."""
    store = join(kind, kind.fake())
    outcomes = await store.apply([Level("A", 3, 1, expected=4)])
    if (await store.describe()).compare_and_set:
        assert outcomes == [LevelOutcome("A", Outcome.CHANGED, 5)]
        assert await store.read(["A"]) == [ShownLevel("A", 5)]
    else:
        assert [each.outcome for each in outcomes] == [Outcome.APPLIED]


@every_kind
@every_verb
@pytest.mark.parametrize(
    ("met", "raised"),
    [
        ("throttle", Throttled),
        ("lose_request", Away),
        ("lose_answer", Away),
        ("stall", Away),
        ("forbid", Denied),
        ("break", Away),
        ("deny", Denied),
        ("redirect", Denied),
        ("garbage", Away),
        ("misshape", Away),
        ("cut", Away),
    ],
)
async def test_what_goes_wrong_has_its_word_and_tells_no_secret(
    kind: Kind, join: Join, verb: Verb, met: str, raised: type[ConnectorFailed]
) -> None:
    """Nothing that a store answers is an accident of ours, and no text tells what we were trusted with."""
    fake = kind.fake()
    store = join(kind, fake)
    fake.meets(met)
    if kind.kind is ConnectorKind.WEBHOOK and verb is VERBS[-1]:
        assert (await verb(store)).orders == []  # the store reports orders by itself
        return
    with pytest.raises(raised) as failed:
        await verb(store)
    told = str(failed.value) + repr(failed.value.__cause__)
    assert not any(secret in told for name, secret in kind.secrets.items() if name != "user")


@every_kind
@pytest.mark.parametrize("met", ["lose_answer", "garbage", "break", "cut", "throttle", "deny", "misshape"])
async def test_no_level_is_told_to_be_what_it_is_not(kind: Kind, join: Join, met: str) -> None:
    """Wherever a batch meets something, a level that is told to be applied is shown, and each has an outcome."""
    levels = [Level("A", 3, 1), Level("?", 9, 1), Level("B", 4, 1)]
    for requests_before in range(6):
        fake = kind.fake()
        store = join(kind, fake)
        fake.meets(*["fair"] * requests_before, met)
        try:
            outcomes = await store.apply(levels)
        except ConnectorFailed:
            continue
        assert [each.store_sku for each in outcomes] == ["A", "?", "B"]
        assert outcomes[1].outcome in (Outcome.UNKNOWN_SKU, Outcome.RETRY)
        fake.forget()
        shown = {each.store_sku: each.quantity for each in await join(kind, fake).read(["A", "B"])}
        for level, outcome in zip(levels, outcomes, strict=True):
            if outcome.outcome is Outcome.APPLIED:
                assert shown[level.store_sku] == level.quantity
            if outcome.outcome is Outcome.RETRY and level.store_sku in shown:
                assert shown[level.store_sku] == {"A": 5, "B": 0}[level.store_sku]


@every_kind
async def test_a_store_is_left_alone_as_long_as_it_asks(kind: Kind, join: Join) -> None:
    """After 429 nothing is asked until the time is over."""
    fake = kind.fake()
    store = join(kind, fake)
    fake.meets("throttle")
    with pytest.raises(Throttled) as told:
        await store.describe()
    assert told.value.retry_after_seconds == pytest.approx(RETRY_AFTER_SECONDS)
    asked = len(fake.asked)
    with pytest.raises(Throttled):
        await store.read(["A"])
    assert len(fake.asked) == asked


@every_kind
async def test_requests_may_be_on_their_way_together(kind: Kind, join: Join) -> None:
    """Several at once do not disturb one another."""
    fake = kind.fake()
    store = join(kind, fake)
    asked = [store.apply([Level("A", 3, 1)]), store.apply([Level("?", 1, 1)]), store.apply([Level("B", 4, 1)])]
    assert [outcomes[0].outcome for outcomes in await asyncio.gather(*asked)] == [
        Outcome.APPLIED,
        Outcome.UNKNOWN_SKU,
        Outcome.APPLIED,
    ]
    assert await store.read(["A", "B"]) == [ShownLevel("A", 3), ShownLevel("B", 4)]
