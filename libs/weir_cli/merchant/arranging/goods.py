"""Steps that arrange lots, back-orders, bundles and product links; changes of each sort come before what is new."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.message import Message

from weir.ledger.v1 import ledger_service_pb2, waiting_service_pb2
from weir.sharing.v1 import sharing_service_pb2
from weir_cli.merchant.configured import back_orders, bundles, lots, plain, product_links
from weir_cli.merchant.products import called
from weir_cli.merchant.state import State, Step
from weir_cli.merchant.values import Merchant


def goods_steps(merchant: Merchant, state: State) -> Iterator[Step]:
    """Bundles come before links, which say whether they are between bundles."""
    yield from _lots(merchant, state)
    yield from _back_orders(merchant, state)
    yield from _bundles(merchant, state)
    yield from _links(merchant, state)


def _lots(merchant: Merchant, state: State) -> Iterator[Step]:
    for (product, lot), wanted in lots(merchant).items():
        found = state.lots.get((product, lot))
        if wanted.expiry_date != (found.expiry_date if found is not None else ""):
            wanted.etag = found.etag if found is not None else ""
            request = ledger_service_pb2.SetLotRequest(lot=wanted)
            yield Step("ledger", "lots", "set", f"{called(product)} {lot}", "SetLot", request)


def _back_orders(merchant: Merchant, state: State) -> Iterator[Step]:
    for product, wanted in back_orders(merchant).items():
        found = state.back_orders.get(product)
        if wanted.limit != (found.limit if found is not None else 0):
            wanted.etag = found.etag if found is not None else ""
            request = waiting_service_pb2.SetBackOrdersRequest(back_orders=wanted)
            yield Step("waiting", "back-orders", "set", called(product), "SetBackOrders", request)


def _bundles(merchant: Merchant, state: State) -> Iterator[Step]:
    new: list[Step] = []
    for product, wanted in bundles(merchant).items():
        found = state.bundles.get(product)
        if found is None:
            request: Message = sharing_service_pb2.CreateBundleRequest(bundle=wanted)
            new.append(Step("sharing", "bundles", "created", called(product), "CreateBundle", request))
        elif plain(found) != wanted:
            wanted.etag = found.etag
            request = sharing_service_pb2.UpdateBundleRequest(bundle=wanted)
            yield Step("sharing", "bundles", "updated", called(product), "UpdateBundle", request)
    yield from new


def _links(merchant: Merchant, state: State) -> Iterator[Step]:
    new: list[Step] = []
    for (source, destination), wanted in product_links(merchant).items():
        name = f"{called(source)} → {called(destination)}"
        found = state.product_links.get((source, destination))
        if found is None:
            request: Message = sharing_service_pb2.CreateProductLinkRequest(product_link=wanted)
            new.append(Step("sharing", "product links", "created", name, "CreateProductLink", request))
        elif plain(found) != wanted:
            wanted.etag = found.etag
            request = sharing_service_pb2.UpdateProductLinkRequest(product_link=wanted)
            yield Step("sharing", "product links", "updated", name, "UpdateProductLink", request)
    yield from new
