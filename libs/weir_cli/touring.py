"""The tour that `weir demo` gives: golden case 1 and what an order does to it, through the public contracts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import grpc
from rich.console import RenderableType
from rich.text import Text

from weir.aggregator.v1 import availability_service_pb2 as contract
from weir.aggregator.v1 import fulfilment_pb2, fulfilment_service_pb2
from weir.common.v1 import stock_pb2
from weir.ledger.v1 import (
    ledger_pb2,
    ledger_service_pb2,
    reservation_pb2,
    reservation_service_pb2,
    snapshot_pb2,
)
from weir_chassis import status
from weir_chassis.ids import new_id
from weir_cli import books, loading, moving, picturing, promising, selling, spending, tables, watching
from weir_cli.options import Options
from weir_cli.pooling.scene import pool
from weir_cli.session import Session
from weir_cli.sync.scene import tell
from weir_cli.tour import WAIT_SECONDS, Tour
from weir_cli.wishing import wish_line

SKU = "APRON-LINEN-NATURAL"
LEVELS = {"amazon-de": 180, "pos-berlin": 12, "webshop-de": 180, "webshop-fr": 180, "webshop-us": 80}
"""Golden case 1: what every channel may sell of the first product."""
SET, MARKET = "BREAKFAST-SET", "amazon-de"
SETS = {"amazon-de": 30, "pos-berlin": 0, "webshop-de": 61, "webshop-fr": 61, "webshop-us": 22}
"""What every channel may sell of a bundle: Europe has parts for 102, of which Amazon is given 34 and told 30."""
SHARED = ("amazon-de", "webshop-de", "webshop-fr")
"""The channels that Europe feeds."""
SELLER, SOURCE = "webshop-de", "DE1"
ORDERED, SETS_ORDERED, SENDING = 120, 2, 2
"""An order: of the first product more than any location has, some bundles, and how many locations it takes."""
LYING, PICKED, REPORTED, LATER = 50, 20, 10, 25
"""At the source: units on hand, of an order it was handed, those it reports beside them, and of an order after that."""
PRODUCTS_SHOWN = 8


async def lead(tour: Tour, addresses: Mapping[str, str], folder: Path) -> None:
    """Load, look, ask why, order, audit; a call that fails is a statement that does not hold, and ends the tour."""
    async with Session(Options(targets=dict(addresses))) as session:
        try:
            await _load(tour, session, folder)
            await _look(tour, session)
            await _ask_why(tour, session)
            await _put_together(tour, session)
            await _order(tour, session)
            await tell(tour, session)
            await spending.spend(tour, session)
            heads = await _signed(session)
            await _report(tour, session)
            await pool(tour, session)
            await _audit(tour, session, heads)
        except grpc.aio.AioRpcError as error:
            tour.holds(f"A call failed: {error.code().name}, {error.details()}", False)


async def _load(tour: Tour, session: Session, folder: Path) -> None:
    tour.chapter("A merchant", "Birch & Ember sells enamel, linen and fire. `weir load` reads a dozen CSV files.")
    began = time.perf_counter()
    answer = await loading.load(session, folder, dry_run=False)
    tour.show(*answer.shown)
    tour.holds(f"Loaded in {time.perf_counter() - began:.2f} s.", answer.exit_status == 0)


async def _look(tour: Tour, session: Session) -> None:
    tour.chapter(
        "What every channel may sell", "Europe pools DE1, DE2 and FR for three channels; others are by themselves."
    )
    found: selling.Levels = {}
    asked = contract.ListLevelsRequest(channels=list(LEVELS), freshness=await session.freshness(True))
    async for part in session.availability.ListLevels(asked, timeout=WAIT_SECONDS):
        selling.read_table(found, part.table)
    channels = list(LEVELS)
    table = selling.level_table(found, channels, limit=PRODUCTS_SHOWN)
    tour.show(table, Text(f"{PRODUCTS_SHOWN} of {len(found)} products", style="dim"))
    first = next(iter(found.items()), (("", ""), {}))
    numbers = ", ".join(f"{channel} {level}" for channel, level in first[1].items())
    tour.holds(f"{first[0][1]}: {numbers}.", first == (("", SKU), LEVELS))


async def _ask_why(tour: Tour, session: Session) -> None:
    tour.chapter(
        f"Why {LEVELS[SELLER]}?", "Every number can be asked how it came about; the answer is the computation itself."
    )
    request = contract.ExplainAvailabilityRequest(product=stock_pb2.Product(sku=SKU), channel=SELLER)
    response = await session.availability.ExplainAvailability(request)
    tour.show(selling.explanation(response, SKU, SELLER))
    tour.holds(f"The trace ends in {response.level}.", response.level == LEVELS[SELLER])


async def _put_together(tour: Tour, session: Session) -> None:
    tour.chapter(
        "A bundle, a link, a policy, a rule",
        f"{SET} is a kettle and four mugs. Cream mugs may stand in for blue ones; the policy gives Amazon a third; the"
        " rule offers 90 %.",
    )
    request = contract.ExplainAvailabilityRequest(product=stock_pb2.Product(sku=SET), channel=MARKET)
    response = await session.availability.ExplainAvailability(request)
    tour.show(selling.explanation(response, SET, MARKET, depth=2), "")
    asked = contract.BatchGetAvailabilityRequest(products=[request.product], channels=list(SETS))
    told = dict(zip(SETS, (await session.availability.BatchGetAvailability(asked)).levels, strict=True))
    numbers = ", ".join(f"{channel} {level}" for channel, level in told.items())
    tour.holds(f"{SET}: {numbers}.", told == SETS and response.level == SETS[MARKET])


@dataclass(slots=True)
class _Seen:
    """What a watcher has seen of the product, and when."""

    levels: dict[str, int]
    at: float = 0.0


async def _order(tour: Tour, session: Session) -> None:
    tour.chapter(
        "An order over two locations",
        f"{SELLER} sells {ORDERED} aprons and {SETS_ORDERED} sets while somebody watches the levels of every channel.",
    )
    updates: asyncio.Queue[_Seen] = asyncio.Queue()
    watcher = asyncio.create_task(_watch(session, updates))
    try:
        before = (await _until(updates, LEVELS)).levels
        sent = time.perf_counter()
        wish = fulfilment_pb2.Wish(
            lines=[wish_line(f"{SKU}={ORDERED}"), wish_line(f"{SET}={SETS_ORDERED}")], channel=SELLER
        )
        promised = await _place(session, "A-1001", wish)
        answered = time.perf_counter()
        fallen = {each: level - ORDERED if each in SHARED else level for each, level in before.items()}
        seen = await _until(updates, fallen)
        tree = picturing.planned(tables.promise(promised.reservation), wish, promised.plan)
        tour.show(tree, "", _compared(before, seen.levels), "")
        how = promised.plan.objective
        filled = f"{how.filled} units from {tables.counted(how.locations, 'location')}"
        whole = (how.filled, how.locations) == (ORDERED + SETS_ORDERED, SENDING)
        tour.holds(
            f"{filled}, {how.assembled} of them put together there; no plan is better.", whole and promised.plan.exact
        )
        took = (
            f"Planned and promised in {(answered - sent) * 1000:.1f} ms; every level that the order touches had fallen"
        )
        late = (seen.at - answered) * 1000
        tour.holds(
            f"{took} {f'{late:.1f} ms later' if late > 0 else 'before the answer was back'}.", seen.levels == fallen
        )
        release = reservation_service_pb2.ReleaseRequest(
            request_id=new_id(), reservation=promised.reservation.reservation
        )
        await session.reservations.Release(release)
        risen = await _until(updates, LEVELS)
        tour.holds("Given up again, they are what they were.", risen.levels == LEVELS)
    finally:
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)


async def _place(
    session: Session, order: str, wish: fulfilment_pb2.Wish
) -> fulfilment_service_pb2.ReserveFulfilmentResponse:
    """Promise an order, from wherever it is sent best, for as long as the tour may take."""
    request = fulfilment_service_pb2.ReserveFulfilmentRequest(
        request_id=new_id(), wish=wish, order=order, hold_duration=promising.seconds(timedelta(minutes=5))
    )
    return await session.fulfilment.ReserveFulfilment(request)


async def _reserve(session: Session, order: str, units: int) -> reservation_service_pb2.ReserveResponse:
    """Promise units of the product to an order, for as long as the tour may take."""
    line = reservation_pb2.ReservationDraftLine(stock_item=moving.stock_item(SKU, SOURCE), quantity=units)
    draft = reservation_pb2.ReservationDraft(
        lines=[line], order=order, channel=SELLER, hold_duration=promising.seconds(timedelta(minutes=5))
    )
    request = reservation_service_pb2.ReserveRequest(request_id=new_id(), draft=draft)
    return await session.reservations.Reserve(request)


async def _watch(session: Session, updates: asyncio.Queue[_Seen]) -> None:
    held: selling.Levels = {}
    async with aclosing(watching.watched(session, list(LEVELS))) as messages:
        async for message in messages:
            now = time.perf_counter()
            selling.read_table(held, message.table)
            if not message.complete or message.complete_end:
                updates.put_nowait(_Seen(dict(held.get(("", SKU), {})), now))


async def _until(updates: asyncio.Queue[_Seen], wanted: Mapping[str, int]) -> _Seen:
    """The first state that is as wanted; what was seen last where none is in time."""
    seen = _Seen({})
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while seen.levels != wanted:
                seen = await updates.get()
    except TimeoutError:
        pass
    return seen


def _compared(before: Mapping[str, int], after: Mapping[str, int]) -> RenderableType:
    made = tables.table("channel", "#before", "#after", "#")
    for channel, level in before.items():
        now = after.get(channel, 0)
        made.add_row(channel, tables.number(level), tables.number(now), tables.change(now - level))
    return made


async def _report(tour: Tour, session: Session) -> None:
    tour.chapter(
        "A warehouse reports, late",
        f"{SOURCE} was handed {PICKED} units' worth of A-1002 and says that {REPORTED} more are free. Before its report"
        f" is here, A-1003 is promised {LATER}.",
    )
    item = moving.stock_item(SKU, SOURCE)
    picked = await _reserve(session, "A-1002", PICKED)
    marked = await session.reservations.MarkHandedOver(
        reservation_service_pb2.MarkHandedOverRequest(request_id=new_id(), reservation=picked.reservation.reservation)
    )
    moment = marked.reservation.lines[0].handed_over_time
    wish = fulfilment_pb2.Wish(lines=[wish_line(f"{SKU}={LATER}")], channel=SELLER, preferred_locations=[SOURCE])
    later = await _place(session, "A-1003", wish)
    feed = snapshot_pb2.SnapshotFeed(basis=snapshot_pb2.SNAPSHOT_BASIS_AVAILABLE, as_of_time=moment)
    line = snapshot_pb2.SnapshotLine(stock_item=item, quantity=REPORTED)
    report = ledger_service_pb2.ImportSnapshotRequest(request_id=new_id(), feed=feed, lines=[line])
    await session.ledger.ImportSnapshot(iter([report]), timeout=WAIT_SECONDS)
    now = (await session.ledger.GetBalance(ledger_service_pb2.GetBalanceRequest(stock_item=item))).balance
    told = f"{REPORTED} free and {PICKED} handed over are {now.on_hand} on hand; {now.reserved} are promised."
    tour.holds(told, (now.on_hand, now.reserved) == (REPORTED + PICKED, PICKED + LATER))
    asked = ledger_service_pb2.ListShortfallsRequest(skus=[SKU])
    short = (await session.ledger.ListShortfalls(asked)).shortfalls
    tour.show(*(part for each in short for part in tables.shortfall(each)), "")
    hits = [(hit.order, hit.missing) for each in short for hit in each.hits]
    tour.holds("The newest promise is hit, the other is whole.", hits == [("A-1003", LATER - REPORTED)])
    before = ledger_service_pb2.GetBalanceRequest(stock_item=item, as_of=ledger_pb2.AsOf(revision=later.revision))
    former = (await session.ledger.GetBalance(before)).balance.on_hand
    tour.holds(f"Revision {later.revision.number}, before the report, can still be asked: {former}.", former == LYING)
    again = fulfilment_service_pb2.ReplanReservationRequest(
        request_id=new_id(),
        reservation=later.reservation.reservation,
        freshness=await session.freshness(True, "ledger"),
    )
    moved = await session.fulfilment.ReplanReservation(again)
    tour.show(picturing.planned(tables.promise(moved.reservation), wish, moved.plan, numbered=False), "")
    well = moved.promised == LATER - REPORTED and not (await session.ledger.ListShortfalls(asked)).shortfalls
    tour.holds(f"Planned again: {moved.promised} units moved in one commit, and nothing is short.", well)
    await session.ledger.RecordMovements(
        ledger_service_pb2.RecordMovementsRequest(
            request_id=new_id(), movements=[moving.movement("COUNT", item, LYING, reference="found again")]
        )
    )
    for each in (picked, later):
        await session.reservations.Release(
            reservation_service_pb2.ReleaseRequest(request_id=new_id(), reservation=each.reservation.reservation)
        )


async def _signed(session: Session) -> list[str]:
    """The signed head of the chain of commits; none where the ledger was given no key."""
    try:
        return [(await session.ledger.GetSignedHead(ledger_service_pb2.GetSignedHeadRequest())).signed_head]
    except grpc.aio.AioRpcError as error:
        if status.reason(error) != "SIGNING_KEY_MISSING":
            raise
        return []


async def _audit(tour: Tour, session: Session, heads: Sequence[str]) -> None:
    tour.chapter("The books", "Double entry, append only: every balance is computed again from its entries.")
    found = ledger_pb2.Verification()
    asked = ledger_service_pb2.VerifyBooksRequest(signed_heads=heads)
    async for message in session.ledger.VerifyBooks(asked, timeout=WAIT_SECONDS):
        if message.HasField("verification"):
            found = message.verification
    told = f"{books.looked_at(found)}: {tables.counted(found.differences, 'difference')}."
    well = found.entries > 0 and found.differences == 0
    tour.holds(told, well)
    if heads:
        tour.holds("The head that was signed before the report stands in the chain: no row was touched.", well)
