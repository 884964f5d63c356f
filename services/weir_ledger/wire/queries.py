"""Make questions of messages; each refuses all bad fields at once."""

from datetime import datetime

from weir.common.v1 import revision_pb2
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_service_pb2
from weir_chassis.errors import PageTokenInvalid
from weir_chassis.fields import Fields
from weir_chassis.ids import identifier_fault
from weir_chassis.paging import Page, Position
from weir_chassis.revisions import Revision, Vector, at_least, revision
from weir_ledger.domain.entries import EntryKind
from weir_ledger.domain.queries import BalanceQuery, EntryQuery, LotQuery, Moment, ReservationQuery
from weir_ledger.domain.reservations import State
from weir_ledger.domain.stock import Balance, Condition, LocationKind, LotName, StockItem
from weir_ledger.wire.items import CONDITIONS, day, is_uuid, lot_name, product, reservation_name, stock_item
from weir_ledger.wire.requests import DIGEST_BYTES_MAX, KINDS

FILTERS_MAX = 100
SHORTFALLS_MAX = 100
_ENTRY_KINDS = {each.value: each for each in EntryKind}
_STATES = {each.value: each for each in State}

BALANCE_POSITION: tuple[type[str] | type[int], ...] = (str, str, str, str, str, str, int)
LISTED_POSITION: tuple[type[str] | type[int], ...] = (*BALANCE_POSITION, int)
ENTRY_POSITION: tuple[type[str] | type[int], ...] = (int, int)
LOT_POSITION: tuple[type[str] | type[int], ...] = (str, str, str)
NAME_POSITION: tuple[type[str] | type[int], ...] = (str,)


def freshness(message: revision_pb2.Freshness) -> Vector:
    """The revisions that an answer must include."""
    with Fields() as fields:
        return at_least(fields, message)


def get_location(request: ledger_service_pb2.GetLocationRequest) -> tuple[str, Vector]:
    """The location a GetLocation asks for."""
    with Fields() as fields:
        return fields.identifier("location", request.location), at_least(fields, request.freshness)


def list_locations(request: ledger_service_pb2.ListLocationsRequest) -> tuple[LocationKind | None, Vector]:
    """The kind a ListLocations asks for; None for all."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        kind = fields.enum("kind", request.kind, KINDS) if request.kind else None
        return kind, at_least(fields, request.freshness)


def get_lot(request: ledger_service_pb2.GetLotRequest) -> tuple[LotName, Vector]:
    """The lot a GetLot asks for."""
    with Fields() as fields:
        return lot_name(fields, request.product, request.lot), at_least(fields, request.freshness)


def list_lots(request: ledger_service_pb2.ListLotsRequest) -> tuple[LotQuery, Vector]:
    """What a ListLots asks for."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        query = LotQuery(
            product(fields.inner("product"), request.product) if request.HasField("product") else None,
            day(fields, "expiring_before", request.expiring_before),
        )
        return query, at_least(fields, request.freshness)


def get_balance(
    request: ledger_service_pb2.GetBalanceRequest,
) -> tuple[StockItem, Revision | Moment | None, Vector]:
    """The stock item a GetBalance asks for, and at which point of the past, None for now."""
    with Fields() as fields:
        item = stock_item(fields.inner("stock_item"), request.stock_item)
        point = _point(fields.inner("as_of"), request.as_of) if request.HasField("as_of") else None
        return item, point, at_least(fields, request.freshness)


def _point(fields: Fields, message: ledger_pb2.AsOf) -> Revision | Moment | None:
    """The point of the past that a message names; None where it names none, which is noted."""
    name = message.WhichOneof("point")
    if name == "revision":
        return revision(fields.inner("revision"), message.revision)
    if name is None:
        fields.refuse("", "One of revision, recorded_time and occurred_time.")
        return None
    moment = fields.timestamp(message, name)
    assert moment is not None  # it is the one that is set
    return Moment(moment, occurred=name == "occurred_time")


def list_balances(
    request: ledger_service_pb2.ListBalancesRequest,
) -> tuple[BalanceQuery, Revision | Moment | None, Vector]:
    """What a ListBalances asks for, and at which point of the past, None for now."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        query = BalanceQuery(
            fields.identifier("owner", request.owner, optional=True) if request.HasField("owner") else None,
            tuple(fields.identifiers("skus", request.skus, most=FILTERS_MAX)),
            tuple(fields.identifiers("locations", request.locations, most=FILTERS_MAX)),
            fields.identifier("lot", request.lot, optional=True) if request.HasField("lot") else None,
            fields.identifier("custodian", request.custodian, optional=True) if request.HasField("custodian") else None,
            fields.enum("condition", request.condition, CONDITIONS) if request.condition else None,
            request.shortfall_only,
            request.held_only,
            after=stock_item(fields.inner("after_stock_item"), request.after_stock_item)
            if request.HasField("after_stock_item")
            else None,
        )
        point = _point(fields.inner("as_of"), request.as_of) if request.HasField("as_of") else None
        return query, point, at_least(fields, request.freshness)


def list_shortfalls(request: ledger_service_pb2.ListShortfallsRequest) -> tuple[BalanceQuery, Vector]:
    """The stock items a ListShortfalls asks for."""
    with Fields() as fields:
        if request.page_size:
            fields.number("page_size", request.page_size, least=1, most=SHORTFALLS_MAX)
        query = BalanceQuery(
            fields.identifier("owner", request.owner, optional=True) if request.HasField("owner") else None,
            tuple(fields.identifiers("skus", request.skus, most=FILTERS_MAX)),
            tuple(fields.identifiers("locations", request.locations, most=FILTERS_MAX)),
        )
        return query, at_least(fields, request.freshness)


def list_entries(request: ledger_service_pb2.ListEntriesRequest) -> tuple[EntryQuery, int, Vector]:
    """What a ListEntries asks for, and the revision to begin after."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        query = EntryQuery(
            product(fields.inner("product"), request.product) if request.HasField("product") else None,
            fields.identifier("location", request.location, optional=True),
            reservation_name(fields, "reservation", request.reservation) if request.reservation else "",
            tuple(fields.enums("kinds", request.kinds, _ENTRY_KINDS)),
            fields.timestamp(request, "recorded_after_time"),
        )
        after = fields.number("after_revision", request.after_revision, least=0, most=2**63 - 1)
        return query, after, at_least(fields, request.freshness)


def get_claims(request: reservation_service_pb2.GetClaimsRequest) -> tuple[list[str], Vector]:
    """The keys a GetClaims asks for."""
    with Fields() as fields:
        claims = fields.identifiers("claims", request.claims, least=1, most=FILTERS_MAX)
        return claims, at_least(fields, request.freshness)


def list_demand(
    request: reservation_service_pb2.ListDemandRequest,
) -> tuple[Revision | None, datetime | None, Vector]:
    """The revision that a ListDemand begins after, None for the oldest kept, and the moment it begins at, None for
    any."""
    with Fields() as fields:
        after = revision(fields.inner("after"), request.after) if request.HasField("after") else None
        return after, fields.timestamp(request, "recorded_after_time"), at_least(fields, request.freshness)


def get_reservation(request: reservation_service_pb2.GetReservationRequest) -> tuple[str, Vector]:
    """The reservation a GetReservation asks for."""
    with Fields() as fields:
        return reservation_name(fields, "reservation", request.reservation), at_least(fields, request.freshness)


def get_reserve_outcome(request: reservation_service_pb2.GetReserveOutcomeRequest) -> tuple[str, bytes, Vector]:
    """The attempt a GetReserveOutcome asks about, and the digest it had."""
    with Fields() as fields:
        return (
            fields.request_id(request.request_id),
            fields.opaque("digest", request.digest, length_max=DIGEST_BYTES_MAX),
            at_least(fields, request.freshness),
        )


def list_reservations(request: reservation_service_pb2.ListReservationsRequest) -> tuple[ReservationQuery, Vector]:
    """What a ListReservations asks for."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        query = ReservationQuery(
            tuple(fields.enums("states", request.states, _STATES)),
            fields.identifier("order", request.order, optional=True),
            fields.identifier("channel", request.channel, optional=True),
            product(fields.inner("product"), request.product) if request.HasField("product") else None,
            fields.identifier("location", request.location, optional=True),
        )
        return query, at_least(fields, request.freshness)


def watch_entries(
    request: ledger_service_pb2.WatchEntriesRequest,
) -> tuple[Revision | None, frozenset[tuple[str, str]]]:
    """The revision to begin after, None for the oldest kept, and the products to show, none for all."""
    with Fields() as fields:
        after = revision(fields.inner("after"), request.after) if request.HasField("after") else None
        each_product = fields.each("products", request.products, least=0, most=FILTERS_MAX)
        return after, frozenset(product(each, message) for each, message in each_product)


def balance_position(balance: Balance) -> Position:
    """Where a balance stands in the list."""
    item = balance.item
    return (item.owner, item.sku, item.location, item.lot, item.uom, item.custodian, item.condition.value)


def after_item(page: Page) -> StockItem | None:
    """The stock item that a page of balances begins after."""
    if page.after is None:
        return None
    *names, condition = page.after[: len(BALANCE_POSITION)]
    if condition not in CONDITIONS or any(name and identifier_fault(str(name)) for name in names):
        raise PageTokenInvalid
    owner, sku, location, lot, uom, custodian = map(str, names)
    return StockItem(owner, sku, location, lot, uom, custodian, Condition(condition))


def after_listed(page: Page) -> tuple[StockItem, int] | None:
    """The stock item that a page of balances begins after, and the revision that the page before rested on."""
    item = after_item(page)
    if item is None or page.after is None:
        return None
    number = int(page.after[-1])
    if not 0 <= number < 2**63:
        raise PageTokenInvalid
    return item, number


def after_entry(page: Page, after_revision: int) -> tuple[int, int]:
    """The revision and line that a page of entries begins after."""
    if page.after is None:
        return after_revision, 2**31 - 1
    number, line = map(int, page.after)
    if not (0 <= number < 2**63 and 0 <= line < 2**31):
        raise PageTokenInvalid
    return number, line


def after_location(page: Page) -> str:
    """The location that a page of locations begins after; empty for the first page."""
    name = "" if page.after is None else str(page.after[0])
    if name and identifier_fault(name):
        raise PageTokenInvalid
    return name


def after_lot(page: Page) -> LotName | None:
    """The lot that a page of lots begins after."""
    if page.after is None:
        return None
    owner, sku, lot = map(str, page.after)
    if any(name and identifier_fault(name) for name in (owner, sku, lot)):
        raise PageTokenInvalid
    return owner, sku, lot


def after_reservation(page: Page) -> str:
    """The reservation that a page of reservations begins after; empty for the first page."""
    name = "" if page.after is None else str(page.after[0])
    if name and not is_uuid(name):
        raise PageTokenInvalid
    return name
