"""What waits: demands in the order in which they came, and no more units of a product than may."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from tests.simulation.model.books import Books, Refused, moment
from weir.common.v1 import stock_pb2
from weir.ledger.v1 import reservation_pb2, waiting_pb2, waiting_service_pb2

Product = tuple[str, str]
WAITING, PROMISED, CANCELLED = (
    waiting_pb2.WAITING_STATE_WAITING,
    waiting_pb2.WAITING_STATE_PROMISED,
    waiting_pb2.WAITING_STATE_CANCELLED,
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a demand."""

    product: Product
    quantity: int
    open: int
    promised: int = 0
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class Demand:
    """Units that an order waits for."""

    name: str
    lines: tuple[Line, ...]
    whole: bool
    order: str
    channel: str
    created: int
    create_revision: int
    plan: bytes
    reservations: tuple[str, ...] = ()
    revision: int = 0

    @property
    def state(self) -> int:
        """How far it has come."""
        if any(line.open for line in self.lines):
            return WAITING
        return PROMISED if any(line.promised for line in self.lines) else CANCELLED

    def message(self, plan: bytes = b"") -> waiting_pb2.Waiting:
        """Itself as the ledger tells it, with its plan only where told to."""
        told = waiting_pb2.Waiting(
            waiting=self.name,
            state=self.state,  # type: ignore[arg-type]
            whole=self.whole,
            order=self.order,
            channel=self.channel,
            create_time=moment(self.created),
            create_revision=self.create_revision,
            changed_revision=self.revision,
            reservations=self.reservations,
            plan=plan,
        )
        for number, line in enumerate(self.lines, 1):
            told.lines.add(
                line=number, product=_message(line.product), quantity=line.quantity, open=line.open,
                promised=line.promised, cancelled=line.cancelled,
            )  # fmt: skip
        return told


class Waits(NamedTuple):
    """How many units of a product may wait and do, and since when."""

    limit: int = 0
    waiting: int = 0
    limit_revision: int = 0
    revision: int = 0


def _message(product: Product) -> stock_pb2.Product:
    return stock_pb2.Product(owner=product[0], sku=product[1])


def waits(books: Books, product: Product) -> Waits:
    """How many units of a product may wait and do; zeros where nothing was said."""
    found: Waits | None = books.get("waits", product)
    return found or Waits()


def keep(books: Books, demand: Demand) -> Demand:
    """Write a demand as it is from now on, and what waits by it."""
    before: Demand | None = books.get("demand", demand.name)
    change: Counter[Product] = Counter()
    for line in demand.lines:
        change[line.product] += line.open
    for line in before.lines if before else ():
        change[line.product] -= line.open
    for product, units in change.items():
        if units:
            found = waits(books, product)
            books.put("waits", product, found._replace(waiting=found.waiting + units, revision=books.revision))
    kept = replace(demand, revision=books.revision)
    books.put("demand", kept.name, kept)
    return kept


def take_up(books: Books, name: str, draft: waiting_pb2.WaitingDraft) -> Demand:
    """Let units wait; refuses where more of a product would than may."""
    wanted: Counter[Product] = Counter()
    for line in draft.lines:
        wanted[line.product.owner, line.product.sku] += line.quantity
    excess = [each for each, units in wanted.items() if waits(books, each).waiting + units > waits(books, each).limit]
    if excess:
        (owner, sku), found = excess[0], waits(books, excess[0])
        raise Refused("BACK_ORDERS_EXHAUSTED", owner=owner, sku=sku, limit=found.limit, waiting=found.waiting,
                      requested=wanted[owner, sku], products=len(excess),
                      revision=max(waits(books, each).revision for each in excess))  # fmt: skip
    lines = [Line((each.product.owner, each.product.sku), each.quantity, each.quantity) for each in draft.lines]
    return keep(
        books,
        Demand(name, tuple(lines), draft.whole, draft.order, draft.channel, books.now, books.revision, draft.plan),
    )


def set_back_orders(books: Books, request: Any, told: Any = None) -> waiting_service_pb2.SetBackOrdersResponse:
    """How many units of a product may wait; what is so already stays."""
    asked = request.back_orders
    product = (asked.product.owner, asked.product.sku)
    found = waits(books, product)
    if asked.etag not in ("", str(found.limit_revision or "")):
        raise Refused("ETAG_STALE", current=found.limit_revision or "")
    if not found.limit_revision or found.limit != asked.limit:
        revision = books.revision
        books.put("waits", product, Waits(asked.limit, found.waiting, revision, revision))
    return waiting_service_pb2.SetBackOrdersResponse(back_orders=back_orders(books, product))


def cancel_waiting(books: Books, request: Any, told: Any = None) -> waiting_service_pb2.CancelWaitingResponse:
    """Units that wait are given up."""
    found = demand(books, request.waiting)
    lines = list(found.lines)
    for number, units in meant(found, request.lines):
        line = lines[number - 1]
        lines[number - 1] = replace(line, open=line.open - units, cancelled=line.cancelled + units)
    return waiting_service_pb2.CancelWaitingResponse(waiting=keep(books, replace(found, lines=tuple(lines))).message())


def demand(books: Books, name: str) -> Demand:
    """A demand; refuses where there is none."""
    found: Demand | None = books.get("demand", name)
    if found is None:
        raise Refused("WAITING_NOT_FOUND", waiting=name)
    return found


def meant(found: Demand, asked: Iterable[reservation_pb2.LineQuantity]) -> list[tuple[int, int]]:
    """Lines and units: those asked, else everything that waits."""
    if found.state != WAITING:
        state = waiting_pb2.WaitingState.Name(found.state)  # type: ignore[arg-type]
        raise Refused("WAITING_STATE", waiting=found.name, state=state.removeprefix("WAITING_STATE_"))
    wanted = [(each.line, each.quantity) for each in asked]
    for number, units in wanted:
        if number > len(found.lines):
            raise Refused("WAITING_LINE_NOT_FOUND", waiting=found.name, line=number)
        left = found.lines[number - 1].open
        if units > left:
            raise Refused("WAITING_LINE_EXCEEDED", waiting=found.name, line=number, requested=units, open=left)
    return wanted or [(number, line.open) for number, line in enumerate(found.lines, 1) if line.open]


def back_orders(books: Books, product: Product) -> waiting_pb2.BackOrders:
    """How many units of a product may wait and do, as the ledger tells it."""
    found = waits(books, product)
    return waiting_pb2.BackOrders(
        product=_message(product),
        limit=found.limit,
        waiting=found.waiting,
        etag=str(found.limit_revision or ""),
    )


def list_waiting(books: Books, request: Any) -> waiting_service_pb2.ListWaitingResponse:
    """All demands in the order in which they came, without what is kept with them."""
    demands: Mapping[str, Demand] = books.every("demand")
    found = sorted(demands.values(), key=lambda each: (each.create_revision, each.name))
    return waiting_service_pb2.ListWaitingResponse(waiting=[each.message() for each in found])


def list_back_orders(books: Books, request: Any) -> waiting_service_pb2.ListBackOrdersResponse:
    """All products of which units may wait or do."""
    found: Mapping[Product, Waits] = books.every("waits")
    told = [back_orders(books, each) for each in sorted(found) if found[each].limit or found[each].waiting]
    return waiting_service_pb2.ListBackOrdersResponse(back_orders=told)


def get_waiting(books: Books, request: Any) -> waiting_service_pb2.GetWaitingResponse:
    """One demand, and what is kept with it."""
    found = demand(books, request.waiting)
    return waiting_service_pb2.GetWaitingResponse(waiting=found.message(found.plan))
