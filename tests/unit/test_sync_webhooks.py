"""What stores send over HTTP: who is let in, what is taken in, and that nobody is told why not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest

from tests.kit.listings import SHOP, in_memory
from tests.kit.store_orders import TENANT, World, key, sold, world
from weir_chassis.errors import DatabaseAway
from weir_chassis.settings import Address
from weir_sync.connectors.hooks import HOOKS, Unreadable, order
from weir_sync.connectors.kinds import SORTS
from weir_sync.connectors.port import Denied
from weir_sync.connectors.settings import rows
from weir_sync.connectors.signatures import SIGNATURE, TIMESTAMP, signature
from weir_sync.domain.connections import Connection, ConnectorKind, Role
from weir_sync.domain.orders import OrderState
from weir_sync.ports.orders import Cursor
from weir_sync.servicer.webhooks import BODY_MAX, Webhooks, listening

NOW = 1_800_000_000
KEY = "a key of sixteen or more"
SALE: dict[str, Any] = {"store_order": "#1", "lines": [{"store_sku": "A", "quantity": 2}]}
STORES = (
    replace(SHOP, kind=ConnectorKind.WEBHOOK, take_orders=True),
    Connection("shopify", Role.STORE, ConnectorKind.SHOPIFY, channel="shopify", take_orders=True),
    Connection("woo", Role.STORE, ConnectorKind.WOOCOMMERCE, channel="woo", take_orders=True),
    Connection("closed", Role.STORE, ConnectorKind.WEBHOOK, channel="closed"),
    Connection("keyless", Role.STORE, ConnectorKind.WEBHOOK, channel="keyless", take_orders=True),
    Connection("sealed", Role.STORE, ConnectorKind.WEBHOOK, channel="sealed", take_orders=True),
    Connection("oscar", Role.STORE, ConnectorKind.OSCAR, channel="oscar", take_orders=True),
    Connection("wms", Role.WAREHOUSE, ConnectorKind.CSV_FOLDER),
)


@dataclass
class Secrets:
    """Every store's secret is the same one."""

    async def secrets(self, tenant: str, connection: str) -> Mapping[str, str]:
        """All that are set."""
        if connection == "sealed":
            raise Denied("Nobody has the key.")
        return {} if connection == "keyless" else {"signing_key": KEY, "webhook_secret": KEY}


@dataclass
class Cursors:
    """Who said that there is something to read."""

    hints: list[tuple[str, str]] = field(default_factory=list)
    away: bool = False

    async def take(self, tenant: str, *, hold_seconds: float, limit: int) -> Sequence[Cursor]:
        """Nobody reads."""
        return []

    async def read(self, held: Cursor, cursor: str, *, pause_seconds: float) -> None:
        """Nobody has read."""

    async def hint(self, tenant: str, connection: str) -> None:
        """Note it."""
        if self.away:
            raise DatabaseAway
        self.hints.append((tenant, connection))


@dataclass
class Endpoint:
    """The endpoint, and what is behind it."""

    here: World
    cursors: Cursors
    app: Webhooks

    async def post(
        self, path: str = f"/webhooks/{TENANT}/shop", body: Any = SALE, *, method: str = "POST", **headers: str
    ) -> int:
        """Send, with headers of which names are written with underscores."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://weir.example") as client:
            answer = await client.request(method, path, content=content, headers=named)
        assert answer.content == b""
        return answer.status_code

    async def signed(self, path: str = f"/webhooks/{TENANT}/shop", body: Any = SALE, *, key: str = KEY) -> int:
        """Send it signed as any store signs."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.post(path, content, **signed(content, key=key))


def signed(content: bytes, *, key: str = KEY, at: int = NOW) -> dict[str, str]:
    """The headers of what any store signed."""
    return {TIMESTAMP: str(at), SIGNATURE: signature(key, str(at), content)}


def digest(content: bytes, key: str = KEY) -> str:
    """What Shopify and WooCommerce sign with."""
    return base64.b64encode(hmac.new(key.encode(), content, hashlib.sha256).digest()).decode()


@pytest.fixture
async def endpoint() -> Endpoint:
    """Stores of all sorts that send."""
    kept = in_memory()
    here = await world(kept)
    await kept.connect(TENANT, *STORES)
    cursors = Cursors()
    return Endpoint(here, cursors, Webhooks(here.desk, cursors, Secrets(), lambda: float(NOW)))


async def test_an_order_is_written_down_before_it_is_answered(endpoint: Endpoint) -> None:
    """What any store signed is kept by the time it hears 200, once however often it sends it, and due to be settled;
    cancelled it is given up."""
    for _ in range(2):
        assert await endpoint.signed() == 200
    found = await endpoint.here.desk.get(TENANT, key("#1"))
    assert (found.state, found.sold) == (OrderState.REPORTED, {"A": 2})
    assert await endpoint.here.orders.take(TENANT, hold_seconds=0, limit=9) == [key("#1")]
    assert (await endpoint.here.desk.settle(TENANT, key("#1"))).state is OrderState.PROMISED
    assert await endpoint.signed(body={**SALE, "cancelled": True}) == 200
    assert (await endpoint.here.desk.settle(TENANT, key("#1"))).state is OrderState.CANCELLED


@pytest.mark.parametrize(("store", "header"), [("shopify", "x_shopify_hmac_sha256"), ("woo", "x_wc_webhook_signature")])
async def test_a_hint_has_the_store_read(endpoint: Endpoint, store: str, header: str) -> None:
    """What Shopify and WooCommerce sign only says that there is something to read, whatever it says else."""
    body = b'{"id": 1}'
    assert await endpoint.post(f"/webhooks/{TENANT}/{store}", body, **{header: digest(body)}) == 200
    assert endpoint.cursors.hints == [(TENANT, store)]
    assert await endpoint.post(f"/webhooks/{TENANT}/{store}", body, **{header: digest(body, "another")}) == 401
    assert await endpoint.post(f"/webhooks/{TENANT}/{store}", b"{}", **{header: digest(body)}) == 401
    assert await endpoint.post(f"/webhooks/{TENANT}/{store}", body) == 401
    assert len(endpoint.cursors.hints) == 1


@pytest.mark.parametrize(
    "path",
    [f"/webhooks/{TENANT}/{store}" for store in ("closed", "keyless", "sealed", "oscar", "wms", "nobody")]
    + ["/webhooks/nobody/shop", "/webhooks/acme/%73hop%20"],
)
async def test_nobody_is_told_why_not(endpoint: Endpoint, path: str) -> None:
    """No such tenant or store, one that takes no orders, sends none, or has no secret: all the same, and the same as a
    signature by another key."""
    assert await endpoint.signed(path) == 401
    assert await endpoint.signed(key="another key of sixteen") == 401


@pytest.mark.parametrize("seconds", [-301, 301])
async def test_what_is_old_or_to_come_is_not_believed(endpoint: Endpoint, seconds: int) -> None:
    """A signature holds five minutes, before and after: whoever kept one cannot use it later."""
    content = json.dumps(SALE).encode()
    assert await endpoint.post(body=content, **signed(content, at=NOW + seconds)) == 401
    assert await endpoint.post(body=content + b" ", **signed(content)) == 401
    assert await endpoint.here.orders.get(TENANT, key("#1")) is None


@pytest.mark.parametrize(
    "path", ["/", "/webhooks", "/webhooks/acme", "/webhooks/acme/shop/more", "/webhooks//shop", "/webhooks/a%00b/shop",
             f"/webhooks/{'x' * 129}/shop"],
)  # fmt: skip
async def test_other_paths_are_nowhere(endpoint: Endpoint, path: str) -> None:
    """There is nothing but stores of tenants."""
    assert await endpoint.signed(path) == 404


async def test_other_manners(endpoint: Endpoint) -> None:
    """Only POST, and no more than an order may have; what WooCommerce asks to see whether somebody is there is
    answered."""
    assert await endpoint.post(method="GET") == 405
    assert await endpoint.signed(body=b"x" * (BODY_MAX + 1)) == 413
    assert await endpoint.post(body=b"webhook_id=17") == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"\xff", {}, {"store_order": "#1", "lines": []}, {"store_order": "", "lines": SALE["lines"]},
     {**SALE, "place_time": "2027-01-31T12:00:00"}, {**SALE, "lines": [{"store_sku": " ", "quantity": 1}]},
     *({**SALE, "lines": [{"store_sku": "A", "quantity": units}]} for units in (0, -1, 10**9 + 1, 1.5)),
     {**SALE, "lines": SALE["lines"] * 501}],
)  # fmt: skip
async def test_what_is_no_order_is_refused(endpoint: Endpoint, body: Any) -> None:
    """Whoever has the key hears that it makes no sense."""
    assert await endpoint.signed(body=body) == 400
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(Unreadable):
        order(content)


def test_an_order_in_words() -> None:
    """An order is what `weir.connector.v1` says it is; what else is told is not looked at."""
    told = {**SALE, "place_time": "2027-01-31T13:00:00+01:00", "cancelled": True, "note": "quick"}
    assert order(json.dumps(told).encode()) == sold("#1", ("A", 2), cancelled=True)


async def test_what_cannot_be_kept_is_sent_again(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the order or the hint cannot be written down the store is asked to come again."""
    body = b"{}"
    endpoint.cursors.away = True
    path = f"/webhooks/{TENANT}/shopify"
    assert await endpoint.post(path, body, x_shopify_hmac_sha256=digest(body)) == 503

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(endpoint.here.orders, "report", broken)
    assert await endpoint.signed() == 503


async def test_it_listens(endpoint: Endpoint) -> None:
    """Over a real connection it is the same."""
    content = json.dumps(SALE).encode()
    async with listening(endpoint.app, Address("127.0.0.1", 0)) as port, httpx.AsyncClient(trust_env=False) as client:
        url = f"http://127.0.0.1:{port}/webhooks/{TENANT}/shop"
        answer = await client.post(url, content=content, headers=signed(content))
        refused = await client.post(url, content=content)
    assert [answer.status_code, refused.status_code] == [200, 401]
    assert "server" not in answer.headers


def test_every_store_that_sends_has_its_secret() -> None:
    """What a kind signs by is a secret of its connections."""
    known = {kind: {row.name for row in rows(sort.settings) if row.secret} for kind, sort in SORTS.items()}
    assert {kind for kind, hook in HOOKS.items() if kind in known and hook.secret not in known[kind]} == set()
