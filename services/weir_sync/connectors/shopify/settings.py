"""How a Shopify store is reached."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from weir_chassis.settings import integer, text
from weir_sync.connectors.cursors import instant
from weir_sync.connectors.settings import secret, setting
from weir_sync.urls import WebAddress, web_address


def location(value: str) -> str:
    """A location by its number, or by its global identifier."""
    found = re.fullmatch(r"(?:gid://shopify/Location/)?([0-9]{1,20})", value.strip())
    if found is None:
        raise ValueError("Give the number of a location.")
    return f"gid://shopify/Location/{found[1]}"


def version(value: str) -> str:
    """A version of the API that compares and sets as this connector does."""
    if re.fullmatch(r"20[0-9]{2}-(01|04|07|10)", value.strip()) is None or value.strip() < "2026-04":
        raise ValueError("Give a version from 2026-04 on, as in 2026-10.")
    return value.strip()


@dataclass(frozen=True)
class ShopifySettings:
    """How the store is reached."""

    address: WebAddress = setting("Address of the store, as in `https://name.myshopify.com`.", web_address)
    location: str = setting("Number of the location whose available quantities are set.", location)
    api_version: str = setting("Version of the Admin API: 2026-04 or later. Default: 2026-10.", version, "2026-10")
    orders_since: datetime | None = setting(
        "Orders from this moment on are taken in. Default: the first time.", instant, None
    )
    requests_per_second: int = setting("Requests a second: 1 to 100. Default: 2.", integer(1, 100), 2)
    webhook_secret: str = secret(
        "Client secret of the app, which signs webhooks. Default: none are taken in.", text, ""
    )
    access_token: str = secret("Admin API access token: read_products, write_inventory, read_locations, read_orders.")
