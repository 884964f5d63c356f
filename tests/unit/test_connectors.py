"""What holds of every store that is talked to over HTTP, whatever it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from tests.kit.reaching import given
from tests.kit.reference_shop import Shop
from tests.kit.shops import medusa, oscar, shopify, webhook, woocommerce
from tests.kit.shops.fake import ADDRESS, RETRY_AFTER_SECONDS, Fake
from weir_sync.connectors.asking import Asker
from weir_sync.connectors.medusa import MedusaSettings, MedusaStore
from weir_sync.connectors.oscar import OscarSettings, OscarStore
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
from weir_sync.connectors.shopify import ShopifySettings, ShopifyStore
from weir_sync.connectors.webhook import WebhookSettings, WebhookStore
from weir_sync.connectors.woocommerce import WooCommerceSettings, WooCommerceStore


class Kind(NamedTuple):
    """A kind of store that offers 5 of `A` and none of `B`, sync's connector to it, and what it is trusted with."""

    name: str
    fake: Callable[[], Fake]
    join: Callable[[Any], StoreConnector]
    secrets: tuple[str, ...]


def shopify_join(fake: Fake) -> StoreConnector:
    """To Shopify."""
    settings = given(ShopifySettings, {"address": ADDRESS, "location": "7"}, {"access_token": shopify.TOKEN})
    return ShopifyStore(settings, Asker(fake.client()))


def woocommerce_fake() -> Fake:
    """A WooCommerce store."""
    fake = woocommerce.FakeWooCommerce()
    fake.stock("A", 5)
    fake.stock("B", 0)
    return fake


def woocommerce_join(fake: Fake) -> StoreConnector:
    """To WooCommerce."""
    auth = woocommerce.KEY, woocommerce.SECRET
    secrets = {"consumer_key": auth[0], "consumer_secret": auth[1]}
    return WooCommerceStore(given(WooCommerceSettings, {"address": ADDRESS}, secrets), Asker(fake.client(), auth=auth))


def medusa_fake() -> Fake:
    """A Medusa store, some of whose goods are reserved."""
    fake = medusa.FakeMedusa()
    fake.stock("A", 7, reserved=2)
    fake.stock("B", 1, reserved=1)
    return fake


def medusa_join(fake: Fake) -> StoreConnector:
    """To Medusa."""
    key = medusa.API_KEY
    settings = given(MedusaSettings, {"address": ADDRESS, "location": medusa.LOCATION}, {"api_key": key})
    return MedusaStore(settings, Asker(fake.client(), auth=(key, "")))


def oscar_fake() -> Fake:
    """An oscar store, some of whose goods are allocated."""
    fake = oscar.FakeOscar()
    fake.stock("A", 7, allocated=2)
    fake.stock("B", 0)
    return fake


def oscar_join(fake: Fake) -> StoreConnector:
    """To oscar."""
    auth = oscar.USER, oscar.PASSWORD
    settings = given(OscarSettings, {"address": ADDRESS}, {"user": auth[0], "password": auth[1]})
    return OscarStore(settings, Asker(fake.client(), auth=auth))


def webhook_join(fake: Fake) -> StoreConnector:
    """To any other."""
    settings = given(WebhookSettings, {"address": ADDRESS}, {"signing_key": webhook.KEY})
    return WebhookStore(settings, Asker(fake.client()), tenant="acme", connection="shop")


Verb = Callable[[StoreConnector], Awaitable[Any]]

KINDS = [
    Kind("shopify", lambda: shopify.FakeShopify(A=5, B=0), shopify_join, (shopify.TOKEN,)),
    Kind("woocommerce", woocommerce_fake, woocommerce_join, (woocommerce.KEY, woocommerce.SECRET)),
    Kind("medusa", medusa_fake, medusa_join, (medusa.API_KEY,)),
    Kind("oscar", oscar_fake, oscar_join, (oscar.PASSWORD,)),
    Kind("webhook", lambda: webhook.FakeWebhook(Shop.of({"A": 5, "B": 0})), webhook_join, (webhook.KEY,)),
]
VERBS: list[Verb] = [
    lambda store: store.describe(),
    lambda store: store.apply([Level("A", 3, 1), Level("B", 4, 1)]),
    lambda store: store.read(["A", "B"]),
    lambda store: store.orders("", limit=10),
]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
every_verb = pytest.mark.parametrize("verb", VERBS, ids=["describe", "apply", "read", "orders"])


@every_kind
async def test_levels_are_applied_and_shown(kind: Kind) -> None:
    """What is applied is shown, twice as well as once; what is not known is told, in the order that was asked."""
    fake = kind.fake()
    store = kind.join(fake)
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
async def test_expectations_are_heeded_where_that_is_claimed(kind: Kind) -> None:
    """A store that compares leaves what is other than expected, and says what it shows."""
    store = kind.join(kind.fake())
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
        ("break", Away),
        ("deny", Denied),
        ("redirect", Denied),
        ("garbage", Away),
        ("misshape", Away),
        ("cut", Away),
    ],
)
async def test_what_goes_wrong_has_its_word_and_tells_no_secret(
    kind: Kind, verb: Verb, met: str, raised: type[ConnectorFailed]
) -> None:
    """Nothing that a store answers is an accident of ours, and no text tells what we were trusted with."""
    fake = kind.fake()
    store = kind.join(fake)
    fake.meets(met)
    if kind.name == "webhook" and verb is VERBS[-1]:
        assert (await verb(store)).orders == []  # the store reports orders by itself
        return
    with pytest.raises(raised) as failed:
        await verb(store)
    told = str(failed.value) + repr(failed.value.__cause__)
    assert not any(secret in told for secret in kind.secrets)


@every_kind
@pytest.mark.parametrize("met", ["lose_answer", "garbage", "break", "cut", "throttle", "deny", "misshape"])
async def test_no_level_is_told_to_be_what_it_is_not(kind: Kind, met: str) -> None:
    """Wherever a batch meets something, a level that is told to be applied is shown, and each has an outcome."""
    levels = [Level("A", 3, 1), Level("?", 9, 1), Level("B", 4, 1)]
    for requests_before in range(6):
        fake = kind.fake()
        store = kind.join(fake)
        fake.meets(*["fair"] * requests_before, met)
        try:
            outcomes = await store.apply(levels)
        except ConnectorFailed:
            continue
        assert [each.store_sku for each in outcomes] == ["A", "?", "B"]
        assert outcomes[1].outcome in (Outcome.UNKNOWN_SKU, Outcome.RETRY)
        fake.forget()
        shown = {each.store_sku: each.quantity for each in await kind.join(fake).read(["A", "B"])}
        for level, outcome in zip(levels, outcomes, strict=True):
            if outcome.outcome is Outcome.APPLIED:
                assert shown[level.store_sku] == level.quantity
            if outcome.outcome is Outcome.RETRY and level.store_sku in shown:
                assert shown[level.store_sku] == {"A": 5, "B": 0}[level.store_sku]


@every_kind
async def test_a_store_is_left_alone_as_long_as_it_asks(kind: Kind) -> None:
    """After 429 nothing is asked until the time is over."""
    fake = kind.fake()
    store = kind.join(fake)
    fake.meets("throttle")
    with pytest.raises(Throttled) as told:
        await store.describe()
    assert told.value.retry_after_seconds == pytest.approx(RETRY_AFTER_SECONDS)
    asked = len(fake.asked)
    with pytest.raises(Throttled):
        await store.read(["A"])
    assert len(fake.asked) == asked
