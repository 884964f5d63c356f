"""A Shopify store: its GraphQL Admin API, 2026-04 or later.

Levels are set by `inventorySetQuantities`: what is available at one location, on condition of what was available
before (`changeFromQuantity`), all of a request or none. A throttled request is answered with HTTP 200.
"""

from weir_sync.connectors.shopify.settings import ShopifySettings
from weir_sync.connectors.shopify.store import ShopifyStore, shopify

__all__ = ["ShopifySettings", "ShopifyStore", "shopify"]
