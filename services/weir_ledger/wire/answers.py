"""Render what was found or done.

An object that a write returns does not know its revision yet; it is rendered with that of the write.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from weir.common.v1 import stock_pb2
from weir.ledger.v1 import (
    ledger_pb2,
    ledger_service_pb2,
    reservation_pb2,
    reservation_service_pb2,
    waiting_pb2,
    waiting_service_pb2,
)
from weir_chassis.revisions import Origin
from weir_ledger.domain.audit import Difference, Verification
from weir_ledger.domain.demanded import Demanded
from weir_ledger.domain.demands import PromiseOutcome
from weir_ledger.domain.entries import BookedEntry, Commit
from weir_ledger.domain.parts import Part
from weir_ledger.domain.promises import placed, refusal
from weir_ledger.domain.reservations import Claim, LineClaim, Reservation, ReserveOutcome, ShortLine, State
from weir_ledger.domain.shortfalls import Shortfall, ShortfallChange, changes
from weir_ledger.domain.stock import Balance, Location, Lot
from weir_ledger.domain.waiting import BackOrders, Product, Waiting
from weir_ledger.wire.items import stock_item_message

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def timestamp(moment: datetime | None) -> Timestamp | None:
    """The message of a moment; None where there is none."""
    if moment is None:
        return None
    since = moment - _EPOCH
    return Timestamp(seconds=since.days * 86400 + since.seconds, nanos=since.microseconds * 1000)


def location(found: Location, revision: int = 0) -> ledger_pb2.Location:
    """A location; its etag is the revision of its last change."""
    return ledger_pb2.Location(
        location=found.location,
        kind=found.kind.value,  # type: ignore[arg-type]  # the numbers are those of the contract
        display_name=found.display_name,
        etag=str(found.revision or revision),
    )


def lot(found: Lot, revision: int = 0) -> ledger_pb2.Lot:
    """What is known of a lot; its etag is the revision of its last change, none where nothing is known."""
    return ledger_pb2.Lot(
        product=stock_pb2.Product(owner=found.owner, sku=found.sku),
        lot=found.lot,
        expiry_date=found.expiry,
        etag=str(found.revision or revision or ""),
    )


def balance(found: Balance, revision: int = 0) -> ledger_pb2.Balance:
    """The counts of a stock item."""
    return ledger_pb2.Balance(
        stock_item=stock_item_message(found.item),
        on_hand=found.on_hand,
        reserved=found.reserved,
        available=found.available,
        shortfall=found.shortfall,
        changed_revision=found.revision or revision,
        counted_time=timestamp(found.counted_at),
        expiry_date=found.expiry,
    )


def entry(booked: BookedEntry) -> ledger_pb2.Entry:
    """A line of the books."""
    found = booked.entry
    return ledger_pb2.Entry(
        revision=booked.revision,
        line=booked.line,
        kind=found.kind.value,  # type: ignore[arg-type]  # the numbers are those of the contract
        account=found.account.value,  # type: ignore[arg-type]
        stock_item=stock_item_message(found.item),
        on_hand_delta=found.on_hand_delta,
        reserved_delta=found.reserved_delta,
        on_hand=found.on_hand,
        reserved=found.reserved,
        reservation=found.reservation,
        reservation_line=found.reservation_line,
        request_id=booked.request_id,
        reference=found.reference,
        occurred_time=timestamp(found.occurred_at),
        recorded_time=timestamp(booked.recorded_at),
    )


def commit(
    found: Commit, origin: Origin, products: frozenset[tuple[str, str]]
) -> ledger_service_pb2.WatchEntriesResponse:
    """A commit; unless `products` is empty with their entries, shortfalls, lots and back-orders alone."""
    entries, lots = found.entries, found.lots
    if products:
        entries = tuple(each for each in entries if (each.entry.item.owner, each.entry.item.sku) in products)
        lots = tuple(each for each in lots if (each.owner, each.sku) in products)
    return ledger_service_pb2.WatchEntriesResponse(
        through=origin.revision(found.revision).to_wire(),
        entries=map(entry, entries),
        recorded_time=timestamp(found.recorded_at),
        shortfalls=map(_shortfall_change, changes(each.entry for each in entries)),
        claims=() if products else map(claim, found.claims),
        lots=map(lot, lots),
        waiting=() if products else (demand(each.demand, plan=each.plan) for each in found.waiting),
        back_orders=(back_orders(each) for each in found.back_orders if not products or each.product in products),
    )


def _shortfall_change(found: ShortfallChange) -> ledger_pb2.ShortfallChange:
    """How a commit changed a shortfall."""
    return ledger_pb2.ShortfallChange(stock_item=stock_item_message(found.item), before=found.before, after=found.after)


def shortfall(found: Shortfall) -> ledger_pb2.Shortfall:
    """Promised units that are not there, and the promises hit."""
    return ledger_pb2.Shortfall(
        stock_item=stock_item_message(found.balance.item),
        on_hand=found.balance.on_hand,
        reserved=found.balance.reserved,
        shortfall=found.balance.shortfall,
        open_time=timestamp(found.opened_at),
        hits=[
            ledger_pb2.ShortfallHit(
                reservation=each.promised.reservation,
                line=each.promised.line,
                order=each.promised.order,
                channel=each.promised.channel,
                open=each.promised.open,
                missing=each.missing,
                create_time=timestamp(each.promised.created_at),
            )
            for each in found.hits
        ],
        more_hits=found.more_hits,
    )


def reservation(found: Reservation, revision: int = 0) -> reservation_pb2.Reservation:
    """A reservation."""
    return reservation_pb2.Reservation(
        reservation=found.reservation,
        state=found.state.value,  # type: ignore[arg-type]  # the numbers are those of the contract
        lines=[
            reservation_pb2.ReservationLine(
                line=number,
                stock_item=stock_item_message(line.item),
                requested=line.requested,
                quantity=line.quantity,
                open=line.open,
                fulfilled=line.fulfilled,
                released=line.released,
                claims=map(_line_claim, line.claims),
                handed_over_time=timestamp(line.handed_over_at),
            )
            for number, line in enumerate(found.lines, 1)
        ],
        expire_time=timestamp(found.expires_at) if found.state is State.HELD else None,
        order=found.order,
        channel=found.channel,
        create_time=timestamp(found.created_at),
        changed_revision=found.revision or revision,
    )


def _line_claim(found: LineClaim) -> reservation_pb2.LineClaim:
    """A claim of a line."""
    return reservation_pb2.LineClaim(claim=found.claim, ceiling=found.ceiling, weight=found.weight)


def claim(found: Claim) -> reservation_pb2.Claim:
    """What is claimed under a key, and may be."""
    return reservation_pb2.Claim(
        claim=found.claim,
        open=found.open,
        fulfilled=found.fulfilled,
        changed_revision=found.revision,
        ceiling=found.ceiling,
        epoch=found.epoch,
        subject=found.subject,
    )


def demanded(found: Demanded, origin: Origin) -> reservation_service_pb2.ListDemandResponse:
    """What orders were promised."""
    return reservation_service_pb2.ListDemandResponse(
        days=[each.day for each in found.sums],
        channels=[each.channel for each in found.sums],
        owners=[each.product[0] for each in found.sums],
        skus=[each.product[1] for each in found.sums],
        subjects=[each.subject for each in found.sums],
        units=[each.units for each in found.sums],
        through=origin.revision(found.through).to_wire(),
        more=found.more,
    )


def reserve_outcomes(
    outcomes: Sequence[ReserveOutcome], revision: int
) -> Iterable[reservation_service_pb2.ReserveOutcome]:
    """The outcomes of a batch, one for each draft."""
    for index, outcome in enumerate(outcomes):
        if outcome.reservation is not None:
            yield reservation_service_pb2.ReserveOutcome(reservation=reservation(outcome.reservation, revision))
        else:
            yield reservation_service_pb2.ReserveOutcome(refusal=_refusal(f"drafts[{index}]", outcome.short_lines))


def _refusal(draft: str, short_lines: Sequence[ShortLine]) -> reservation_service_pb2.ReserveRefusal:
    """Why a draft of a batch was refused, in the words that a Reserve of it alone would get."""
    told = refusal(placed(draft, short_lines), revision=None)
    return reservation_service_pb2.ReserveRefusal(
        reason=told.reason,
        message=told.message,
        short_lines=map(_short_line, short_lines),
    )


def _short_line(found: ShortLine) -> reservation_service_pb2.ShortLine:
    """A line that was short."""
    return reservation_service_pb2.ShortLine(
        line=found.line,
        stock_item=stock_item_message(found.item),
        requested=found.requested,
        available=found.available,
        claim=_line_claim(found.claim) if found.claim else None,
        claimed=found.claimed,
    )


def demand(found: Waiting, number: int = 0, plan: bytes = b"") -> waiting_pb2.Waiting:
    """A waiting demand; one that a write returns is rendered with the number of its revision."""
    return waiting_pb2.Waiting(
        waiting=found.waiting,
        state=found.state.value,  # type: ignore[arg-type]  # the numbers are those of the contract
        lines=[
            waiting_pb2.WaitingLine(
                line=place,
                product=_product(line.product),
                quantity=line.quantity,
                open=line.open,
                promised=line.promised,
                cancelled=line.cancelled,
            )
            for place, line in enumerate(found.lines, 1)
        ],
        whole=found.whole,
        order=found.order,
        channel=found.channel,
        create_time=timestamp(found.created_at),
        create_revision=found.create_revision or number,
        changed_revision=found.revision or number,
        reservations=found.reservations,
        plan=plan,
    )


def back_orders(found: BackOrders, number: int = 0) -> waiting_pb2.BackOrders:
    """How many units of a product may wait and do; the etag is the revision of the limit, none where nothing was said.

    What a write returns is rendered with the `number` of its revision.
    """
    return waiting_pb2.BackOrders(
        product=_product(found.product),
        limit=found.limit,
        waiting=found.waiting,
        etag=str(found.limit_revision or number or ""),
    )


def promise_outcomes(
    outcomes: Sequence[PromiseOutcome], number: int
) -> Iterable[reservation_service_pb2.ReserveOutcome]:
    """What became of promises, one for each."""
    for each in outcomes:
        if each.reservation is not None:
            yield reservation_service_pb2.ReserveOutcome(reservation=reservation(each.reservation, number))
            continue
        yield reservation_service_pb2.ReserveOutcome(
            refusal=reservation_service_pb2.ReserveRefusal(
                reason=each.reason, message=each.message, short_lines=map(_short_line, each.short_lines)
            )
        )


def changed_demands(
    number: int, demands: Sequence[Waiting], origin: Origin, channel: str
) -> waiting_service_pb2.WatchWaitingResponse:
    """What a commit changed of demands, of a channel if one is named."""
    return waiting_service_pb2.WatchWaitingResponse(
        through=origin.revision(number).to_wire(),
        waiting=[demand(each) for each in demands if not channel or each.channel == channel],
    )


def _product(name: Product) -> stock_pb2.Product:
    """The message of a product."""
    return stock_pb2.Product(owner=name[0], sku=name[1])


def finding(found: Difference | Verification, origin: Origin) -> ledger_service_pb2.VerifyBooksResponse:
    """One finding of an audit."""
    if isinstance(found, Difference):
        return ledger_service_pb2.VerifyBooksResponse(
            difference=ledger_pb2.Difference(
                law=found.law.value,  # type: ignore[arg-type]  # the numbers are those of the contract
                stock_item=None if found.item is None else stock_item_message(found.item),
                booked=found.booked,
                computed=found.computed,
                sentence=found.sentence,
            )
        )
    return ledger_service_pb2.VerifyBooksResponse(
        verification=ledger_pb2.Verification(
            revision=origin.revision(found.revision).to_wire(),
            entries=found.entries,
            balances=found.balances,
            reservation_lines=found.reservation_lines,
            differences=found.differences,
        )
    )


def exported(part: Part, origin: Origin) -> ledger_service_pb2.ExportBalancesResponse:
    """Some of all that an export tells, balances column by column."""
    items = [each.item for each in part.balances]
    return ledger_service_pb2.ExportBalancesResponse(
        revision=origin.revision(part.revision).to_wire(),
        owners=[item.owner for item in items],
        skus=[item.sku for item in items],
        locations=[item.location for item in items],
        lots=[item.lot for item in items],
        uoms=[item.uom for item in items],
        custodians=[item.custodian for item in items],
        conditions=[item.condition.value for item in items],  # type: ignore[misc]
        on_hand=[each.on_hand for each in part.balances],
        reserved=[each.reserved for each in part.balances],
        known_lots=map(lot, part.lots),
        waiting=(demand(each.demand, plan=each.plan) for each in part.waiting),
        back_orders=map(back_orders, part.back_orders),
        claims=map(claim, part.claims),
    )
