"""A store that takes signed requests, written by its documentation (docs/connectors.md)."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import httpx

from tests.kit.reference_shop import Shop
from tests.kit.shops.fake import Fake, body
from weir_sync.connectors.port import Level

KEY = "a key of some length"


class FakeWebhook(Fake):
    """Serves a shop; `terse`: says nothing but 204."""

    def __init__(self, shop: Shop, *, terse: bool = False) -> None:
        """Signs its answers with `key`."""
        super().__init__()
        self.shop = shop
        self.terse = terse
        self.key = KEY
        self.questions: list[dict[str, Any]] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        """What it is asked, if it is signed."""
        timestamp = request.headers.get("weir-timestamp", "")
        told = request.headers.get("weir-signature", "")
        if told != "v1=" + _mac(KEY, f"{timestamp}.".encode() + request.content):
            return httpx.Response(401)
        question = body(request)
        self.questions.append(question)
        content = b"" if self.terse else json.dumps(self._answered(question)).encode()
        headers = {
            "weir-timestamp": timestamp,
            "weir-signature": "v1=" + _mac(self.key, f"{timestamp}.{told}.".encode() + content),
        }
        return httpx.Response(204 if self.terse else 200, content=content, headers=headers)

    def _answered(self, question: dict[str, Any]) -> dict[str, Any]:
        match question["ask"]:
            case "describe":
                return {"name": "a shop", "batch_max": 50, "compare_and_set": True, "reads_back": True, "fenced": True}
            case "apply":
                outcomes = [self.shop.put(Level(**level)) for level in question["levels"]]
                return {"outcomes": [outcome._asdict() for outcome in outcomes]}
            case _:
                shown = {sku: self.shop.shown.get(sku) for sku in question["store_skus"]}
                return {"levels": [{"store_sku": sku, "quantity": units} for sku, units in shown.items()]}


def _mac(key: str, signed: bytes) -> str:
    return hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()
