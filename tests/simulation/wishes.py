"""What clients wish for: requests drawn by chance over few goods, few units, few claims.

Hot goods are drawn far more often than others (zipf), so that promises, facts and holds that run out meet on them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tests.kit.ledger import (
    ADJUST,
    CONSUME,
    COUNT,
    FACT,
    PARTIAL,
    RECEIVE,
    RESTORE,
    RETURN,
    SHIP,
    TRANSFER,
    claiming,
    draft,
    item,
    movement,
    request,
)
from tests.simulation.model.books import Limits
from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_pb2, snapshot_pb2, waiting_pb2

T = TypeVar("T")
Wish = tuple[str, Any]
"""A method and its request, which names neither the attempt nor, where it needs one, a reservation."""

LIMITS = Limits(channel_reservations=6, channel_held_units=10, hold_seconds=60, lines=7)
"""What the ledgers under test allow: so little that it is reached."""

KNOWN, STALE = -1, -2
"""Stand for the revision of a balance that a client last saw, and for the one before it."""
LONG_AGO = 1_750_000_000
"""A moment in the past that facts learned late happened around, in seconds."""

_HOLD = stock_pb2.CONDITION_HOLD
GOODS = (
    item("A"),
    item("B"),
    item("A", "W2"),
    item("C"),
    item("A", custodian="rep"),
    item("C", "W2", lot="L1"),
    item("A", condition=_HOLD),
    item("D", "X1"),
    item("D", "X2", uom="CARTON"),
    *(item(f"N{number}") for number in range(6)),
)
"""The hottest first; those at X1 and X2 lie where a location comes and goes, the last are booked by nobody at first."""
PLACES = (item("", custodian="rep"), item("", "W2"), item("", condition=_HOLD), item("", "X1"))
"""Where promised units move to, whatever they are."""
PAIRS = ((0, 2), (0, 4), (4, 0), (2, 0), (0, 6), (6, 0))
"""Between which goods transfers go."""
CLAIMS = ("gold", "silver", "bronze", "tin")
BACK_ORDERED = ("A", "B")
CHANNELS = ("", "", "web", "kiosk", "kiosk")
COMING_AND_GOING = ("X1", "X2", "X3")
LOTS = (("C", "L1"), ("A", "L1"), ("B", "L1"))
DAYS = ("2027-01-31", "2027-02-28", "2020-01-01", "")


def hot(chance: random.Random, of: Sequence[T]) -> T:
    """One of them, the first ones far more often."""
    return chance.choices(of, [1 / number for number in range(1, len(of) + 1)])[0]


def receipts() -> list[Wish]:
    """What there is before clients come: two warehouses and a few units, and leave to wait for some more."""
    places = [request("CreateLocation", location={"location": name, "kind": 1}) for name in ("W1", "W2")]
    units = request("RecordMovements", movements=[movement(RECEIVE, GOODS[at], 12 - at) for at in range(6)])
    waits = [request("SetBackOrders", back_orders={"product": {"sku": sku}, "limit": 6}) for sku in BACK_ORDERED]
    return [
        *(("CreateLocation", each) for each in places),
        ("RecordMovements", units),
        *(("SetBackOrders", each) for each in waits),
    ]


def reserve(chance: random.Random) -> Wish:
    """Promise some units, let some wait, or both; now and then known by a digest, and with something to keep."""
    made = request("Reserve")
    what = chance.choices(("promise", "both", "wait"), (60, 22, 18))[0]
    if what != "wait":
        made.draft.CopyFrom(_draft(chance))
        made.draft.plan = chance.choice((b"", b"", b"plan"))
    if what != "promise":
        made.waiting.CopyFrom(_awaited(chance))
    if what == "promise" and chance.random() < 0.25:
        made.digest, made.draft.plan = b"wish", b"plan"
    return "Reserve", made


def _awaited(chance: random.Random) -> waiting_pb2.WaitingDraft:
    """What an order waits for: units of one product, for no channel; so an answer tells all that it rests on."""
    product = stock_pb2.Product(sku=hot(chance, BACK_ORDERED))
    lines = [waiting_pb2.WaitingDraftLine(product=product, quantity=chance.choice((1, 1, 2, 3)))]
    lines *= chance.choice((1, 1, 2))
    plan, order = chance.choice((b"", b"how")), f"order {chance.randrange(1000)}"
    return waiting_pb2.WaitingDraft(lines=lines, whole=chance.random() < 0.5, order=order, plan=plan)


def amend(chance: random.Random) -> Wish:
    """Give units up and have others instead; as the reservation was last seen, as it was before, or however it is."""
    numbers = chance.choices(((), (1,), (2,), (1, 2)), (25, 55, 10, 10))[0]
    releases = [reservation_pb2.LineQuantity(line=number, quantity=1) for number in numbers]
    lines = [_draft_line(chance) for _ in range(chance.choice((0, 1, 1, 2)) if releases else 1)]
    made = request("Amend", releases=releases, lines=lines, plan=chance.choice((b"", b"moved")))
    if chance.random() < 0.4:
        made.expected_revision = chance.choice((KNOWN, KNOWN, KNOWN, STALE))
    if chance.random() < 0.25:
        made.digest = b"wish"
    return "Amend", made


def set_back_orders(chance: random.Random) -> Wish:
    """Say how much may wait; etags as in `update_location`."""
    wanted = {"product": {"sku": hot(chance, BACK_ORDERED)}, "limit": chance.choice((0, 2, 4, 4, 6, 8))}
    made = request("SetBackOrders", back_orders=wanted)
    made.back_orders.etag = chance.choice(("", "", str(KNOWN), str(STALE)))
    return "SetBackOrders", made


def set_ceilings(chance: random.Random) -> Wish:
    """Say how much may be claimed under some keys, or that no more is said; of which epoch is for the client to say."""
    made = request("SetCeilings")
    for claim in chance.sample(CLAIMS, chance.choice((1, 1, 2, 3))):
        ceiling = chance.choice((None, 0, 2, 4, 8, 8, 16, 16, 32))
        subject = chance.choice(("", "", f"share of {claim}", f"part of {claim}"))
        epoch = chance.choice((KNOWN, KNOWN, KNOWN, STALE))
        made.ceilings.add(claim=claim, ceiling=ceiling, epoch=epoch, subject=subject)
    return "SetCeilings", made


def cancel_waiting(chance: random.Random) -> Wish:
    """Give up what waits, whole or in part; which demand is for the client to say."""
    return "CancelWaiting", request("CancelWaiting", lines=_lines(chance)[:1])


def promise_waiting(chance: random.Random) -> Wish:
    """Promise units to demands, which are for the client to choose; of some all that waits."""
    made = request("PromiseWaiting")
    for _ in range(chance.choice((1, 1, 2))):
        lines = [_draft_line(chance) for _ in range(chance.choice((1, 1, 2)))]
        units = [reservation_pb2.LineQuantity(line=chance.choice((1, 1, 1, 2)), quantity=1)]
        plan = chance.choice((b"", b"plan"))
        made.promises.add(units=units, lines=lines, plan=plan)
    return "PromiseWaiting", made


def reserve_batch(chance: random.Random) -> Wish:
    """Promise units to several orders."""
    drafts = [_draft(chance, lines_max=2) for _ in range(chance.randint(1, 4))]
    return "ReserveBatch", request("ReserveBatch", drafts=drafts, atomic=chance.random() < 0.5)


def _draft(chance: random.Random, lines_max: int = 3) -> reservation_pb2.ReservationDraft:
    """What an order asks for: several lines may be of the same stock item; few are more than may be."""
    lines = 8 if chance.random() < 0.01 else chance.randint(1, lines_max)
    made = draft(
        *(_draft_line(chance) for _ in range(lines)),
        hold_seconds=chance.choices((chance.randint(1000, 1400) / 1000, 30.0, 120.0), (60, 38, 2))[0],
        channel=chance.choice(CHANNELS),
        order=f"order {chance.randrange(1000)}",
    )
    mode = chance.random()
    if mode < 0.4:
        made.mode = PARTIAL
    elif mode > 0.88:
        _sell(chance, made)
    return made


def _sell(chance: random.Random, made: reservation_pb2.ReservationDraft) -> None:
    """It was sold already: whatever is there, or as long as not too much is missing."""
    made.mode = FACT
    made.ClearField("hold_duration")
    for line in made.lines:
        if chance.random() < 0.3:
            line.shortfall_max = chance.choice((0, 1))


def _draft_line(chance: random.Random) -> reservation_pb2.ReservationDraftLine:
    """A few units, perhaps under a claim or two."""
    made = claiming(hot(chance, GOODS), chance.choice((1, 1, 1, 2, 3)))
    if chance.random() < 0.5:
        for claim in chance.sample(CLAIMS, chance.choice((1, 1, 2))):
            carried = made.claims.add(claim=claim, weight=chance.choice((0, 1, 1, 2, 3)))
            if chance.random() < 0.6:
                carried.ceiling = chance.choice((1, 2, 3, 4, 8, 16, 32))
    return made


def confirm(chance: random.Random) -> Wish:
    """Keep a promise."""
    return "Confirm", request("Confirm")


def extend(chance: random.Random) -> Wish:
    """Hold for longer; how long is for the client to say, by the reservation."""
    return "Extend", request("Extend")


def fulfil(chance: random.Random) -> Wish:
    """Send units out, whole or in part."""
    made = request("Fulfil", lines=_lines(chance), reference=chance.choice(("", "parcel 1")))
    _late(chance, made.occurred_time)
    return "Fulfil", made


def transfer(chance: random.Random) -> Wish:
    """Move promised units to somewhere else; of what they are is for the client to say, by the reservation."""
    numbers = sorted(chance.sample((1, 2), chance.choices((1, 2), (8, 2))[0]))
    lines = [
        reservation_pb2.LineTransfer(line=number, quantity=1, destination=hot(chance, PLACES)) for number in numbers
    ]
    made = request("Transfer", lines=lines, reference=chance.choice(("", "transfer 1")))
    _late(chance, made.occurred_time)
    return "Transfer", made


def release(chance: random.Random) -> Wish:
    """Give units up, whole or in part."""
    return "Release", request("Release", lines=_lines(chance))


def mark_handed_over(chance: random.Random) -> Wish:
    """Tell that lines are with the warehouse; since when is for the client to say, by the reservation."""
    return "MarkHandedOver", request("MarkHandedOver")


def _lines(chance: random.Random) -> list[reservation_pb2.LineQuantity]:
    """Units of some lines; mostly none are named, which means everything open."""
    numbers = sorted(chance.sample((1, 2, 3), chance.choices((0, 1, 2), (60, 35, 5))[0]))
    return [reservation_pb2.LineQuantity(line=number, quantity=1) for number in numbers]


def record_movements(chance: random.Random) -> Wish:
    """Facts of every kind."""
    number = 8 if chance.random() < 0.01 else chance.choice((1, 1, 2, 3))
    return "RecordMovements", request("RecordMovements", movements=[_movement(chance) for _ in range(number)])


def _movement(chance: random.Random) -> ledger_pb2.Movement:
    """One fact; a count or a correction may expect what the balance is."""
    kinds = (RECEIVE, SHIP, TRANSFER, COUNT, ADJUST, CONSUME, RETURN, RESTORE)
    kind = chance.choices(kinds, (6, 2, 3, 3, 3, 1, 1, 1))[0]
    if kind == TRANSFER:
        source, destination = chance.choice(PAIRS)
        made = movement(kind, GOODS[source], chance.randint(1, 2), destination=GOODS[destination])
    else:
        units = {COUNT: chance.randint(0, 6), ADJUST: chance.choice((-2, -1, 1, 2, 3))}
        made = movement(kind, hot(chance, GOODS), units.get(kind, chance.randint(1, 3)))
    if kind in (SHIP, TRANSFER, CONSUME) and made.stock_item.condition != _HOLD:
        made.available_only = chance.random() < 0.4
    if kind in (COUNT, ADJUST) and chance.random() < 0.5:
        made.expected_revision = chance.choice((KNOWN, KNOWN, KNOWN, STALE, 0))
    made.reference = chance.choice(("", "", "note 7"))
    _late(chance, made.occurred_time)
    return made


def _late(chance: random.Random, moment: Any) -> None:
    """Sometimes it happened long ago."""
    if chance.random() < 0.2:
        moment.FromSeconds(LONG_AGO + chance.randrange(86_400))


def import_snapshot(chance: random.Random) -> Wish:
    """Figures of a moment ago; moments are planned as from now, in microseconds."""
    goods = list({id(each): each for each in (hot(chance, GOODS) for _ in range(chance.randint(1, 6)))}.values())
    made = ledger_service_pb2.ImportSnapshotRequest(
        feed=snapshot_pb2.SnapshotFeed(
            basis=chance.choice((1, 2)),  # type: ignore[arg-type]
            deduction=chance.choice((0, 1, 2, 3)),  # type: ignore[arg-type]
            all_or_nothing=chance.random() < 0.25,
            reference=chance.choice(("", "report 3")),
        ),
        lines=[snapshot_pb2.SnapshotLine(stock_item=each, quantity=chance.randint(0, 6)) for each in goods],
    )
    made.feed.as_of_time.FromMicroseconds(-chance.randrange(1_500_000))
    if chance.random() < 0.2:
        made.lines[0].as_of_time.FromMicroseconds(-chance.randrange(3_000_000))
    if chance.random() < 0.3:
        made.feed.full_scopes.add(location=chance.choice(("W2", "X1")))
        made.feed.absent_items = chance.choice((1, 2))  # type: ignore[assignment]
    return "ImportSnapshot", made


def create_location(chance: random.Random) -> Wish:
    """Add a location."""
    return "CreateLocation", request("CreateLocation", location=_location(chance))


def update_location(chance: random.Random) -> Wish:
    """Change a location; with the etag last seen, an older one or none."""
    changed = _location(chance)
    changed.etag = chance.choice(("", str(KNOWN), str(KNOWN), str(STALE)))
    return "UpdateLocation", request("UpdateLocation", location=changed)


def delete_location(chance: random.Random) -> Wish:
    """Remove a location."""
    etag = chance.choice(("", "", str(KNOWN), str(STALE)))
    return "DeleteLocation", request("DeleteLocation", location=hot(chance, COMING_AND_GOING), etag=etag)


def set_lot(chance: random.Random) -> Wish:
    """Say until when a lot can be sold, as it was said before or otherwise; etags as in `update_location`."""
    sku, batch = hot(chance, LOTS)
    made = request("SetLot", lot={"product": {"sku": sku}, "lot": batch, "expiry_date": hot(chance, DAYS)})
    made.lot.etag = chance.choice(("", "", str(KNOWN), str(STALE)))
    return "SetLot", made


def _location(chance: random.Random) -> ledger_pb2.Location:
    return ledger_pb2.Location(
        location=hot(chance, COMING_AND_GOING),
        kind=chance.randint(1, 4),  # type: ignore[arg-type]
        display_name=f"place {chance.randrange(10)}",
    )


def question(chance: random.Random) -> Wish:
    """Ask how things stand."""
    method = chance.choice(("GetBalance", "GetBalance", "GetReservation", "GetClaims", "ListBalances",
                            "ListShortfalls", "ListLocations", "ListLots", "GetWaiting", "ListWaiting",
                            "ListBackOrders"))  # fmt: skip
    fields: dict[str, Any] = {}
    if method == "GetBalance":
        fields["stock_item"] = hot(chance, GOODS)
    elif method == "GetClaims":
        fields["claims"] = CLAIMS
    if method == "ListWaiting":
        fields["page_size"] = 1000
    return method, request(method, **fields)


WISHES: tuple[tuple[int, Callable[[random.Random], Wish]], ...] = (
    (30, reserve),
    (14, amend),
    (3, set_back_orders),
    (5, set_ceilings),
    (5, cancel_waiting),
    (9, promise_waiting),
    (6, reserve_batch),
    (10, confirm),
    (6, extend),
    (10, fulfil),
    (8, transfer),
    (9, release),
    (4, mark_handed_over),
    (20, record_movements),
    (2, import_snapshot),
    (1, create_location),
    (1, update_location),
    (1, delete_location),
    (3, set_lot),
    (8, question),
)
"""Every operation with its weight."""


def wish(chance: random.Random) -> Wish:
    """Any of them."""
    return chance.choices([each for _, each in WISHES], [weight for weight, _ in WISHES])[0](chance)


def otherwise(method: str, asked: Any) -> Any:
    """The same request with other contents, which is still well-formed."""
    made = type(asked)()
    made.CopyFrom(asked)
    match method:
        case "CreateLocation" | "UpdateLocation":
            made.location.display_name += "!"
        case "DeleteLocation":
            made.etag = "1" if made.etag != "1" else "2"
        case "SetLot":
            made.lot.expiry_date = "2028-02-29"
        case "ImportSnapshot":
            made.feed.reference += "!"
        case "RecordMovements":
            made.movements[0].reference += "!"
        case "Reserve":
            (made.draft if made.HasField("draft") else made.waiting).order += "!"
            if made.digest:  # the same attempt all the same: what was done is told by its plan
                made.draft.plan += b"!"
        case "ReserveBatch":
            made.drafts[0].order += "!"
        case "Fulfil" | "Transfer":
            made.reference += "!"
        case "Release":
            lines = [] if made.lines else [reservation_pb2.LineQuantity(line=1, quantity=1)]
            del made.lines[:]
            made.lines.extend(lines)
        case "Amend":
            made.plan += b"!"
            if made.digest:
                made.digest += b"!"
        case "SetBackOrders":
            made.back_orders.limit += 1
        case "SetCeilings":
            made.ceilings[0].subject += "!"
        case "CancelWaiting":
            made.waiting = "00000000-0000-7000-8000-000000000000"
        case "PromiseWaiting":
            made.promises[0].plan += b"!"
        case _:
            made.reservation = "00000000-0000-7000-8000-000000000000"
    return made
