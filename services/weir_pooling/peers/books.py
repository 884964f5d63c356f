"""Deeds done in the ledger, over gRPC.

The ledger knows a deed by request ids that are made of its name, and a request that is made of the deed alone: so it
is done once however often it is asked for. What came of requests the ledger keeps for a day at least; what was begun
longer ago is looked for in its entries first, which bear the same names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from google.protobuf.duration_pb2 import Duration

from weir.ledger.v1 import ledger_pb2, reservation_pb2
from weir.ledger.v1 import ledger_service_pb2 as ledger
from weir.ledger.v1 import reservation_service_pb2 as pb
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from weir.ledger.v1.reservation_service_pb2_grpc import ReservationServiceStub
from weir_chassis.client import Peer
from weir_chassis.errors import RecordedRefusal, Refusal, Violation
from weir_chassis.revisions import from_wire
from weir_chassis.status import passing_on
from weir_pooling.domain.deeds import Deed, Portion, Work
from weir_pooling.errors import LocationKind
from weir_pooling.ports import Done
from weir_pooling.wire.words import to_item

HOLD = Duration(seconds=3600)
"""How long units are held until their promise is confirmed, which follows at once unless something dies."""
REMEMBERED = timedelta(hours=20)
"""How long the ledger knows for sure what came of a request, less what clocks differ."""
EXPIRED, ENDED = "RESERVATION_EXPIRED", "RESERVATION_STATE"

_MOVEMENTS = {
    Work.TAKE: ledger_pb2.ENTRY_KIND_TRANSFER,
    Work.STOCK: ledger_pb2.ENTRY_KIND_TRANSFER,
    Work.RETURN: ledger_pb2.ENTRY_KIND_TRANSFER,
    Work.CONSUME: ledger_pb2.ENTRY_KIND_CONSUME,
    Work.RESTORE: ledger_pb2.ENTRY_KIND_RESTORE,
}
"""What is recorded of deeds that need no reservation."""
_WISHES = (Work.TAKE, Work.STOCK, Work.CONSUME)
"""Those of them that give way to promises."""
_LINE = re.compile(r"^(?:draft\.lines|lines|movements)\[(\d+)\]")


class PeerBooks:
    """The ledger that `peer` reaches, asked for the tenant that is named: `Books`."""

    def __init__(self, peer: Peer, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Ask `peer`."""
        self._peer = peer
        self._clock = clock

    async def check(self, tenant: str, deed: Deed) -> Done:
        with _refusals(deed):
            await self._check_places(tenant, deed)
            return await self._do(tenant, deed, _name(deed), check=True)

    async def carry_out(self, tenant: str, deed: Deed) -> Done:
        with _refusals(deed):
            found = await self._found(tenant, deed) if self._clock() - deed.at > REMEMBERED else None
            if deed.work is Work.PROMISE:
                return await self._promise(tenant, deed, found)
            return found or await self._do(tenant, deed, _name(deed), check=False)

    async def _promise(self, tenant: str, deed: Deed, found: Done | None) -> Done:
        """Reserve, unless that is `found` to be done, and confirm; and again, where so much time went by in between
        that the hold ran out.
        """
        for turn in count():
            reserved = found or await self._do(tenant, deed, _name(deed, turn), check=False)
            try:
                return await self._confirm(tenant, reserved.reservation)
            except Refusal as refusal:
                if refusal.reason != EXPIRED:
                    raise
            found = None
        raise AssertionError(deed)

    async def _confirm(self, tenant: str, reservation: str) -> Done:
        request = pb.ConfirmRequest(request_id=f"pooling/{reservation}", reservation=reservation)
        with passing_on():
            confirmed = await self._reservations(tenant).Confirm(request)
        return Done(from_wire(confirmed.revision), reservation)

    async def _found(self, tenant: str, deed: Deed) -> Done | None:
        """What the ledger did last for a deed, as its entries say; None where it did nothing."""
        request = _entries(deed)
        found: Done | None = None
        while True:
            with passing_on():
                page = await self._ledger(tenant).ListEntries(request)
            for each in page.entries:
                if each.request_id == _name(deed) or each.request_id.startswith(f"{_name(deed)}/"):
                    found = Done(replace(from_wire(page.revision), number=each.revision), each.reservation)
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    async def _do(self, tenant: str, deed: Deed, name: str, *, check: bool) -> Done:
        """Ask the ledger once."""
        if deed.work in _MOVEMENTS:
            recording = ledger.RecordMovementsRequest(
                request_id=name, movements=[_movement(deed, each) for each in deed.portions], validate_only=check
            )
            with passing_on():
                recorded = await self._ledger(tenant).RecordMovements(recording)
            return Done(from_wire(recorded.revision))
        if deed.work is Work.GIVE_UP:
            return await self._give_up(tenant, deed, name, check=check)
        stub = self._reservations(tenant)
        with passing_on():
            if deed.work is Work.PROMISE:
                reserved = await stub.Reserve(
                    pb.ReserveRequest(request_id=name, draft=_draft(deed), validate_only=check)
                )
                return Done(from_wire(reserved.revision), reserved.reservation.reservation)
            assert deed.work is Work.MOVE
            moved = await stub.Transfer(_transfer(deed, name, check=check))
            return Done(from_wire(moved.revision), deed.reservation)

    async def _give_up(self, tenant: str, deed: Deed, name: str, *, check: bool) -> Done:
        """Have units promised no more; where somebody else ended the reservation, they are not."""
        stub = self._reservations(tenant)
        try:
            with passing_on():
                released = await stub.Release(_release(deed, name, check=check))
            return Done(from_wire(released.revision), deed.reservation)
        except Refusal as refusal:
            if refusal.reason != ENDED:
                raise
        with passing_on():
            ended = await stub.GetReservation(pb.GetReservationRequest(reservation=deed.reservation))
        return Done(from_wire(ended.revision), deed.reservation)

    async def _check_places(self, tenant: str, deed: Deed) -> None:
        """Raise the refusal of a place that a request for the deed does not name yet, or that is of the wrong kind."""
        if deed.work not in (Work.PROMISE, Work.STOCK):
            return
        places = {each.destination.location for each in deed.portions if each.destination is not None}
        for place in sorted(places - {each.item.location for each in deed.portions if deed.work is Work.PROMISE}):
            with passing_on():
                answer = await self._ledger(tenant).GetLocation(ledger.GetLocationRequest(location=place))
            if deed.work is Work.STOCK and answer.location.kind != ledger_pb2.LOCATION_KIND_FACILITY:
                kind = ledger_pb2.LocationKind.Name(answer.location.kind).removeprefix("LOCATION_KIND_")
                raise LocationKind(location=place, kind=kind, required="FACILITY")

    def _ledger(self, tenant: str) -> LedgerServiceStub:
        return LedgerServiceStub(self._peer.with_tenant(tenant).channel)

    def _reservations(self, tenant: str) -> ReservationServiceStub:
        return ReservationServiceStub(self._peer.with_tenant(tenant).channel)


def _name(deed: Deed, turn: int = 0) -> str:
    """The name by which the ledger knows a deed; another one for each turn that it takes."""
    return f"pooling/{deed.deed}/{turn}" if turn else f"pooling/{deed.deed}"


def _entries(deed: Deed) -> ledger.ListEntriesRequest:
    """Asks for entries among which those of the deed are."""
    request = ledger.ListEntriesRequest(reservation=deed.reservation, page_size=1000)
    request.recorded_after_time.FromDatetime(deed.at - timedelta(hours=1))
    if not deed.reservation:
        item = deed.portions[0].item
        request.product.owner, request.product.sku, request.location = item.owner, item.sku, item.location
    return request


def _movement(deed: Deed, portion: Portion) -> ledger_pb2.Movement:
    """Units of a deed, as something that happened to them."""
    return ledger_pb2.Movement(
        kind=_MOVEMENTS[deed.work],
        stock_item=to_item(portion.item),
        quantity=portion.quantity,
        destination=to_item(portion.destination) if portion.destination is not None else None,
        reference=deed.subject,
        available_only=deed.work in _WISHES,
    )


def _draft(deed: Deed) -> reservation_pb2.ReservationDraft:
    """Units of a deed, to be promised."""
    lines = [
        reservation_pb2.ReservationDraftLine(stock_item=to_item(each.item), quantity=each.quantity)
        for each in deed.portions
    ]
    return reservation_pb2.ReservationDraft(lines=lines, hold_duration=HOLD, order=deed.subject)


def _release(deed: Deed, name: str, *, check: bool) -> pb.ReleaseRequest:
    """Promised units of a deed, to be given up."""
    lines = [reservation_pb2.LineQuantity(line=each.line, quantity=each.quantity) for each in deed.portions]
    return pb.ReleaseRequest(request_id=name, reservation=deed.reservation, lines=lines, validate_only=check)


def _transfer(deed: Deed, name: str, *, check: bool) -> pb.TransferRequest:
    """Promised units of a deed, to be moved."""
    lines = [
        reservation_pb2.LineTransfer(line=each.line, quantity=each.quantity, destination=to_item(each.destination))
        for each in deed.portions
        if each.destination is not None
    ]
    return pb.TransferRequest(
        request_id=name, reservation=deed.reservation, lines=lines, reference=deed.subject, validate_only=check
    )


@contextmanager
def _refusals(deed: Deed) -> Iterator[None]:
    """Within the block what the ledger refuses names the lines as those know them who asked for the deed."""
    try:
        yield
    except RecordedRefusal as refusal:
        raise RecordedRefusal(
            refusal.kind,
            refusal.reason,
            refusal.message,
            violations=[_named(deed, each) for each in refusal.violations],
            retry_after_seconds=refusal.retry_after_seconds,
            metadata=refusal.metadata,
        ) from refusal


def _named(deed: Deed, violation: Violation) -> Violation:
    def line(found: re.Match[str]) -> str:
        place = int(found[1])
        known = deed.portions[place].line if place < len(deed.portions) else 0
        return f"lines[{known - 1 if known else place}]"

    return Violation(_LINE.sub(line, violation.field), violation.description, violation.reason)
