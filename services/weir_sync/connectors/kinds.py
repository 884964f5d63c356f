"""Every kind of system that sync can talk to: a line for each module that knows one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weir_sync.connectors.dialing import AdapterSettings
from weir_sync.connectors.grpc import GrpcStore
from weir_sync.connectors.grpc_stock import GrpcWarehouse
from weir_sync.connectors.making import Sort
from weir_sync.connectors.medusa import MedusaSettings, medusa
from weir_sync.connectors.oscar import OscarSettings, oscar
from weir_sync.connectors.sftp import Sftp, SftpSettings
from weir_sync.connectors.shopify import ShopifySettings, shopify
from weir_sync.connectors.tryton import TrytonSettings, tryton
from weir_sync.connectors.webhook import WebhookSettings, webhook
from weir_sync.connectors.woocommerce import WooCommerceSettings, woocommerce
from weir_sync.domain.connections import ConnectorKind

SORTS: Mapping[ConnectorKind, Sort[Any]] = {
    ConnectorKind.SHOPIFY: Sort(ShopifySettings, store=shopify),
    ConnectorKind.WOOCOMMERCE: Sort(WooCommerceSettings, store=woocommerce),
    ConnectorKind.MEDUSA: Sort(MedusaSettings, store=medusa),
    ConnectorKind.OSCAR: Sort(OscarSettings, store=oscar),
    ConnectorKind.WEBHOOK: Sort(WebhookSettings, store=webhook),
    ConnectorKind.GRPC: Sort(AdapterSettings, store=GrpcStore, warehouse=GrpcWarehouse),
    ConnectorKind.SFTP: Sort(SftpSettings, warehouse=Sftp),
    ConnectorKind.TRYTON: Sort(TrytonSettings, warehouse=tryton),
}
