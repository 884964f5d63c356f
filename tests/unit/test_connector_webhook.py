"""Stores that take signed requests: who has the key is believed, both ways."""

from __future__ import annotations

import pytest

from tests.kit.reaching import given
from tests.kit.reference_shop import Shop
from tests.kit.shops.fake import ADDRESS
from tests.kit.shops.webhook import KEY, FakeWebhook
from weir_sync.connectors.asking import Asker
from weir_sync.connectors.port import Abilities, Away, Level, Outcome
from weir_sync.connectors.signatures import AGE_SECONDS_MAX, is_signed, signature
from weir_sync.connectors.webhook import WebhookSettings, WebhookStore

NOW = 1_795_000_000.0


def joined(fake: FakeWebhook, **texts: str) -> WebhookStore:
    """Sync's connector to the store."""
    settings = given(WebhookSettings, {"address": f"{ADDRESS}/weir", **texts}, {"signing_key": KEY})
    return WebhookStore(settings, Asker(fake.client()), tenant="acme", connection="shop", clock=lambda: NOW)


async def test_questions_say_whose_they_are_and_are_signed() -> None:
    """A store that checks the signature answers, and is told tenant, connection and levels."""
    fake = FakeWebhook(Shop.of({"A": 5}))
    outcomes = await joined(fake, signed_answers="on").apply([Level("A", 3, 7, expected=5), Level("?", 1, 1)])
    assert [each.outcome for each in outcomes] == [Outcome.APPLIED, Outcome.UNKNOWN_SKU]
    assert fake.asked == [("POST", "/weir")]
    assert fake.questions == [
        {
            "ask": "apply",
            "tenant": "acme",
            "connection": "shop",
            "levels": [
                {"store_sku": "A", "quantity": 3, "number": 7, "expected": 5},
                {"store_sku": "?", "quantity": 1, "number": 1},
            ],
        }
    ]


async def test_a_store_of_few_words_takes_levels_all_the_same() -> None:
    """2xx without a body takes everything; such a store reads nothing back."""
    fake = FakeWebhook(Shop.of("A"), terse=True)
    store = joined(fake)
    assert await store.describe() == Abilities("webhook", batch_max=100, requests_per_second=5, burst=5)
    assert [each.outcome for each in await store.apply([Level("A", 1, 1)])] == [Outcome.APPLIED]
    with pytest.raises(Away):
        await store.read(["A"])
    assert (await store.orders("", limit=10)).orders == []


async def test_an_answer_that_is_not_signed_is_not_believed() -> None:
    """Where answers have to be signed, one by another key is no answer."""
    fake = FakeWebhook(Shop.of("A"))
    fake.key = "a key of somebody else"
    with pytest.raises(Away):
        await joined(fake, signed_answers="on").apply([Level("A", 1, 1)])
    assert (await joined(fake).apply([Level("A", 1, 1)]))[0].outcome is Outcome.APPLIED


def test_a_signature_is_of_one_body_one_moment_and_one_question() -> None:
    """It holds for five minutes, and for nothing that differs by a byte; one of several is enough."""
    told = signature("k", "1795000000", b"body", of="v1=question")
    assert is_signed("k", f"v1=00 {told}", "1795000000", b"body", now=NOW, of="v1=question")
    assert not is_signed("k", told, "1795000000", b"body", now=NOW)
    assert not is_signed("k", told, "1795000000", b"bodies", now=NOW, of="v1=question")
    assert not is_signed("l", told, "1795000000", b"body", now=NOW, of="v1=question")
    assert not is_signed("k", told, "1795000000", b"body", now=NOW + AGE_SECONDS_MAX + 1, of="v1=question")
    assert not is_signed("k", "", "", b"body", now=NOW)
    assert not is_signed("k", "ü", "٣", b"body", now=NOW)
