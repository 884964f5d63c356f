"""Make requests and questions of messages about what waits; each refuses all bad fields at once."""

from collections.abc import Callable

from weir.ledger.v1 import waiting_service_pb2
from weir_chassis.errors import PageTokenInvalid
from weir_chassis.fields import Fields
from weir_chassis.ids import identifier_fault
from weir_chassis.paging import Page
from weir_chassis.revisions import Revision, Vector, at_least, revision
from weir_ledger.domain.demands import CancelWaiting, PromiseWaiting, SetBackOrders, WaitingPromise
from weir_ledger.domain.queries import WaitingQuery
from weir_ledger.domain.waiting import Product, WaitingState
from weir_ledger.wire.items import is_uuid, product, waiting_name
from weir_ledger.wire.requests import BATCH_LINES_MAX, PLAN_BYTES_MAX, draft_lines, line_quantities

PROMISES_MAX = 500
LIMIT_MAX = 10**15
PRODUCT_POSITION: tuple[type[str] | type[int], ...] = (str, str)
DEMAND_POSITION: tuple[type[str] | type[int], ...] = (int, str)
_STATES = {each.value: each for each in WaitingState}


def set_back_orders(request: waiting_service_pb2.SetBackOrdersRequest) -> SetBackOrders:
    """What a SetBackOrders asks for."""
    with Fields() as fields:
        fields.request_id(request.request_id)
        wanted = fields.inner("back_orders")
        return SetBackOrders(
            product(wanted.inner("product"), request.back_orders.product),
            wanted.count("limit", request.back_orders.limit, most=LIMIT_MAX),
            wanted.identifier("etag", request.back_orders.etag, optional=True),
        )


def cancel_waiting(request: waiting_service_pb2.CancelWaitingRequest) -> CancelWaiting:
    """What a CancelWaiting asks for."""
    with Fields() as fields:
        fields.request_id(request.request_id)
        return CancelWaiting(
            waiting_name(fields, "waiting", request.waiting), line_quantities(fields, "lines", request.lines)
        )


def promise_waiting(request: waiting_service_pb2.PromiseWaitingRequest, new_id: Callable[[], str]) -> PromiseWaiting:
    """What a PromiseWaiting asks for, each promise under a new identifier."""
    with Fields() as fields:
        fields.request_id(request.request_id)
        lines = sum(len(each.lines) for each in request.promises)
        if lines > BATCH_LINES_MAX:
            fields.refuse("promises", f"At most {BATCH_LINES_MAX} lines together, not {lines}.")
            fields.check()
        return PromiseWaiting(
            tuple(
                _promise(each, message, new_id)
                for each, message in fields.each("promises", request.promises, most=PROMISES_MAX)
            )
        )


def _promise(fields: Fields, message: waiting_service_pb2.WaitingPromise, new_id: Callable[[], str]) -> WaitingPromise:
    """Units for one demand."""
    return WaitingPromise(
        waiting_name(fields, "waiting", message.waiting),
        new_id(),
        line_quantities(fields, "units", message.units, least=1),
        draft_lines(fields, message.lines),
        fields.opaque("plan", message.plan, length_max=PLAN_BYTES_MAX),
    )


def get_back_orders(request: waiting_service_pb2.GetBackOrdersRequest) -> tuple[Product, Vector]:
    """The product a GetBackOrders asks for."""
    with Fields() as fields:
        return product(fields.inner("product"), request.product), at_least(fields, request.freshness)


def list_back_orders(request: waiting_service_pb2.ListBackOrdersRequest) -> tuple[str | None, Vector]:
    """The owner a ListBackOrders asks for; None for all."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        owner = fields.identifier("owner", request.owner, optional=True) if request.HasField("owner") else None
        return owner, at_least(fields, request.freshness)


def get_waiting(request: waiting_service_pb2.GetWaitingRequest) -> tuple[str, Vector]:
    """The demand a GetWaiting asks for."""
    with Fields() as fields:
        return waiting_name(fields, "waiting", request.waiting), at_least(fields, request.freshness)


def list_waiting(request: waiting_service_pb2.ListWaitingRequest) -> tuple[WaitingQuery, Vector]:
    """What a ListWaiting asks for."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        query = WaitingQuery(
            tuple(fields.enums("states", request.states, _STATES)),
            fields.identifier("order", request.order, optional=True),
            fields.identifier("channel", request.channel, optional=True),
            product(fields.inner("product"), request.product) if request.HasField("product") else None,
        )
        return query, at_least(fields, request.freshness)


def watch_waiting(request: waiting_service_pb2.WatchWaitingRequest) -> tuple[Revision | None, str]:
    """The revision to begin after, None for the oldest kept, and the channel to show, empty for all."""
    with Fields() as fields:
        after = revision(fields.inner("after"), request.after) if request.HasField("after") else None
        return after, fields.identifier("channel", request.channel, optional=True)


def after_product(page: Page) -> Product | None:
    """The product that a page of back-orders begins after."""
    if page.after is None:
        return None
    owner, sku = map(str, page.after)
    if any(name and identifier_fault(name) for name in (owner, sku)):
        raise PageTokenInvalid
    return owner, sku


def after_demand(page: Page) -> tuple[int, str] | None:
    """The revision and name of the demand that a page of demands begins after."""
    if page.after is None:
        return None
    number, name = int(page.after[0]), str(page.after[1])
    if not (0 <= number < 2**63 and is_uuid(name)):
        raise PageTokenInvalid
    return number, name
