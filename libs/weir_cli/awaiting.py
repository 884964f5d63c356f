"""What orders wait for: demands in the order in which they came, and how many units of a product may wait."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable

from rich.console import RenderableType
from rich.text import Text

from weir.common.v1 import stock_pb2
from weir.ledger.v1 import waiting_pb2, waiting_service_pb2
from weir_cli import tables
from weir_cli.documents import document
from weir_cli.merchant.columns import WAITING_MAX
from weir_cli.paging import listed
from weir_cli.promising import LineUnreadable
from weir_cli.session import Answer, Session, changed
from weir_cli.watching import listed_and_followed, news


async def waiting(session: Session, asked: waiting_service_pb2.ListWaitingRequest, *, limit: int) -> Answer:
    """Demands that wait or did, first come first, `limit` at most; `asked` carries the filters."""
    found = await listed(session.waiting.ListWaiting, asked, "waiting", limit=limit)
    return Answer(found.document, [_demands(found.found), found.footnote])


def watch_waiting(
    session: Session, asked: waiting_service_pb2.ListWaitingRequest, *, limit: int, count: int | None
) -> AsyncGenerator[Answer]:
    """One answer for what waits now, then one for each commit that changes demands which `asked` names."""
    asking = waiting_service_pb2.ListWaitingRequest()
    asking.CopyFrom(asked)
    asking.states[:] = asked.states or [waiting_pb2.WAITING_STATE_WAITING]

    def told(message: waiting_service_pb2.WatchWaitingResponse) -> Answer | None:
        return news("waiting", [each for each in message.waiting if _named(asked, each)], message.through, change_line)

    watch = waiting_service_pb2.WatchWaitingRequest(channel=asked.channel)
    first = listed(session.waiting.ListWaiting, asking, "waiting", limit=limit)
    return listed_and_followed(first, _demands, session.waiting.WatchWaiting, watch, told, count=count)


def _named(asked: waiting_service_pb2.ListWaitingRequest, found: waiting_pb2.Waiting) -> bool:
    """Whether the list would hold the demand; of which channel it is, the watch sees to."""
    return (
        (not asked.states or found.state in asked.states)
        and (not asked.order or found.order == asked.order)
        and (not asked.HasField("product") or any(line.product == asked.product for line in found.lines))
    )


def change_line(found: waiting_pb2.Waiting) -> Text:
    """One demand that began to wait, was promised or was cancelled."""
    said = tables.demand(found)
    for line in found.lines:
        said.append_text(Text.assemble("  ", _product(line.product), f" {line.open:,} of {line.quantity:,} to come"))
    return said


def _demands(found: Iterable[waiting_pb2.Waiting]) -> RenderableType:
    made = tables.table("waiting", "state", "order", "channel", "product", "#to come", "#of", "since")
    for each in found:
        head = (each.waiting, tables.state(each), each.order, each.channel)
        for index, line in enumerate(each.lines):
            made.add_row(
                *(("",) * 4 if index else head), _product(line.product), Text(f"{line.open:,}", style="bold"),
                tables.number(line.quantity), tables.time(each.create_time),
            )  # fmt: skip
    return made


def back_orders_named(text: str, owner: str) -> waiting_pb2.BackOrders:
    """A product and how many units of it may wait, written `SKU=LIMIT`. Raises LineUnreadable."""
    sku, _, limit = text.rpartition("=")
    if not sku or not limit.isascii() or not limit.isdigit() or int(limit) > WAITING_MAX:
        raise LineUnreadable(f"'{text}' is not of the form SKU=LIMIT, with a limit from 0 to {WAITING_MAX}.")
    return waiting_pb2.BackOrders(product=stock_pb2.Product(owner=owner, sku=sku), limit=int(limit))


async def set_back_orders(session: Session, wanted: waiting_pb2.BackOrders, *, check: bool) -> Answer:
    """Say how many units of a product may wait."""
    request = waiting_service_pb2.SetBackOrdersRequest(
        request_id=session.change(), back_orders=wanted, validate_only=check
    )
    response = await session.waiting.SetBackOrders(request)
    return changed(session, response, [_back_orders([response.back_orders])], check=check)


async def back_orders_of(session: Session, product: stock_pb2.Product) -> Answer:
    """How many units of one product may wait, and do."""
    response = await session.waiting.GetBackOrders(waiting_service_pb2.GetBackOrdersRequest(product=product))
    return Answer(document(response), [_back_orders([response.back_orders]), tables.footnote(response.revision)])


async def back_orders(session: Session, *, owner: str | None, limit: int) -> Answer:
    """Every product of which units may wait, or do."""
    asked = waiting_service_pb2.ListBackOrdersRequest(owner=owner)
    found = await listed(session.waiting.ListBackOrders, asked, "back_orders", limit=limit)
    return Answer(found.document, [_back_orders(found.found), found.footnote])


def _back_orders(found: Iterable[waiting_pb2.BackOrders]) -> RenderableType:
    made = tables.table("product", "#may wait", "#wait", "#left")
    for each in found:
        made.add_row(
            _product(each.product), tables.number(each.limit), Text(f"{each.waiting:,}", style="bold"),
            tables.number(max(0, each.limit - each.waiting)),
        )  # fmt: skip
    return made


def _product(product: stock_pb2.Product) -> Text:
    return tables.product(product.owner, product.sku)
