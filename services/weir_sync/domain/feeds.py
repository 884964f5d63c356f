"""What warehouses report, as it is kept and as the ledger takes it in, and when they are late; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from weir_chassis.configuration.objects import Change, Decision
from weir_sync.domain.connections import Connection, LateFeed, LeftOut
from weir_sync.domain.listings import StoreSku
from weir_sync.domain.rules import Product

NO_FACILITY = "The connection has no such facility."
NO_PRODUCT = "The SKU is no product: its listing is disabled, or another SKU is the product."
QUANTITY_MAX = 10**9
LENGTH_MAX = 128
FAULT_LENGTH_MAX = 1024
SCOPES_MAX = 100
"""Locations that one import is complete for at most."""
PAST, AHEAD = timedelta(days=30), timedelta(minutes=5)
"""How old figures may be, and how far ahead of our clock; the ledger takes no others."""
_INSTANT = timedelta(microseconds=1)
_SAME = timedelta(milliseconds=1)


class Pull(NamedTuple):
    """What is to be taken in from a warehouse.

    `run` names the attempt: asked for again under the same name a pull goes on where it was. `skus` are the only ones
    that are taken in, by the warehouse's own names; none: all.
    """

    tenant: str
    connection: str
    run: str
    full: bool
    skus: frozenset[str] = frozenset()


class Pulled(NamedTuple):
    """How far a pull has come, in lines that the warehouse reported.

    `total` is what is known of so far. Settled are those that the ledger has taken in or left, and those with a fault;
    `failed` are the latter, `unchanged` those that the ledger had newer figures of.
    """

    total: int = 0
    settled: int = 0
    failed: int = 0
    unchanged: int = 0


class Said(NamedTuple):
    """What a warehouse says of a SKU at a facility; `fault` says why it cannot be read, empty where it can."""

    sku: str
    facility: str
    lot: str
    uom: str
    quantity: int
    fault: str = ""


class Line(NamedTuple):
    """What a warehouse said last of a SKU at a facility, and what that is in the ledger: a product at a location.

    One that has a `fault` and no location cannot be told to the ledger; one that has both was refused by it.
    """

    sku: str
    facility: str
    lot: str
    uom: str
    quantity: int
    location: str = ""
    owner: str = ""
    product: str = ""
    fault: str = ""


class Figure(NamedTuple):
    """Units of a stock item, as the lines that are about it say together."""

    location: str
    owner: str
    product: str
    lot: str
    uom: str
    quantity: int


class Snapshot(msgspec.Struct, frozen=True):
    """What the figures of a pull mean, in the words of the ledger; they are imported in parts, one for each scope.

    A scope is locations of which the figures are all there is, where `absent_is_zero`; there is one at least.
    """

    on_hand: bool
    left_out: LeftOut
    owner: str
    as_of: datetime
    absent_is_zero: bool
    scopes: tuple[tuple[str, ...], ...]


class Report(NamedTuple):
    """What a pull found: which moment its figures are of, whether they are all there is, and where to go on from."""

    as_of: datetime
    full: bool
    cursor: str


class Reporting(NamedTuple):
    """When a warehouse reported last, or since when its reports are awaited; and whether it is told to be late."""

    connection: str
    at: datetime
    late: bool


def mark(connection: Connection) -> str:
    """A mark of all that decides what a report means: where it is another one, a cursor is of no use any more."""
    meaning = (connection.settings, connection.facilities, connection.feed)
    return hashlib.blake2b(msgspec.json.encode(meaning, order="deterministic"), digest_size=16).hexdigest()


def lines(
    connection: Connection, said: Iterable[Said], products: Mapping[StoreSku, Product], *, only: frozenset[str]
) -> list[Line]:
    """What is said as lines, each SKU, facility, lot and unit of measure once: the last holds.

    `products` are what the SKUs are; `only` are those that are taken in, none: all.
    """
    places = {each.facility: each.location for each in connection.facilities}
    made = (_line(connection.connection, each, places, products) for each in said if not only or each.sku in only)
    return list({each[:4]: each for each in made}.values())


def _line(connection: str, said: Said, places: Mapping[str, str], products: Mapping[StoreSku, Product]) -> Line:
    sku, facility, lot, uom = map(_kept, (said.sku, said.facility, said.lot, said.uom))
    known = Line(sku, facility, lot, uom, max(0, min(said.quantity, QUANTITY_MAX)))
    location = places.get(said.facility, "")
    product = products.get(StoreSku(connection, said.sku))
    if said.fault:
        return known._replace(fault=_kept(said.fault, FAULT_LENGTH_MAX))
    if not 0 <= said.quantity <= QUANTITY_MAX:
        return known._replace(fault=f"Units are 0 to {QUANTITY_MAX}.")
    if not location:
        return known._replace(fault=NO_FACILITY)
    if product is None:
        return known._replace(fault=NO_PRODUCT)
    return known._replace(location=location, owner=product.owner, product=product.sku)


def _kept(text: str, length_max: int = LENGTH_MAX) -> str:
    """What can be kept of a text that may be unreadable."""
    return "".join(each if each.isprintable() else "?" for each in text[:length_max])


def snapshot(
    connection: Connection, report: Report, *, before: datetime | None, moved: bool, some: bool, unreadable: bool
) -> Snapshot:
    """What the figures of a report mean. `before` is the moment of those that were told last; `moved`: lines are other
    stock items since; `some`: they are of some SKUs alone; `unreadable`: lines of it cannot be read.

    What a full report does not name is not there, if the connection says so: unless a line of it cannot be read, for
    then nobody knows what it named. Figures of the very moment of those before that have another meaning now are told
    as of an instant later, or else the ledger would leave them.
    """
    as_of = report.as_of
    if moved and before is not None and as_of <= before < as_of + _SAME:
        as_of = before + _INSTANT
    absent_is_zero = connection.feed.absent_is_zero and report.full and not some and not unreadable
    locations = sorted({each.location for each in connection.facilities})
    begins = range(0, len(locations), SCOPES_MAX) if absent_is_zero else ()
    scopes = tuple(tuple(locations[begin : begin + SCOPES_MAX]) for begin in begins)
    feed = connection.feed
    return Snapshot(feed.on_hand, feed.left_out, feed.owner, as_of, absent_is_zero, scopes or ((),))


def late_at(connection: Connection, reported_at: datetime) -> datetime | None:
    """When a warehouse is late that has reported last at that moment; None: never."""
    if not connection.pull_stock or not connection.late_after_seconds:
        return None
    return reported_at + timedelta(seconds=connection.late_after_seconds)


def lateness(connection: Connection, reported_at: datetime) -> str:
    """It in a sentence."""
    moment = reported_at.isoformat(sep=" ", timespec="seconds")
    return (
        f"The warehouse '{connection.connection}' has not reported since {moment}, and is late after"
        f" {timedelta(seconds=connection.late_after_seconds)}."
    )


def late_feeds(connections: Sequence[Connection]) -> dict[str, LateFeed]:
    """By location, what stores are told less of while these warehouses are late; where several have a location, the
    widest buffer holds.
    """
    wanted: dict[str, LateFeed] = {}
    for each in sorted(connections, key=lambda each: (each.late_buffer_percent, each.connection)):
        for facility in each.facilities if each.late_buffer_percent else ():
            wanted[facility.location] = LateFeed(facility.location, each.connection, each.late_buffer_percent)
    return wanted


def set_late_feeds(late: Sequence[Connection], current: Sequence[LateFeed]) -> Decision[LateFeed]:
    """Have stores told less of what these warehouses have, and of no others; answers nothing in particular."""
    wanted = late_feeds(late)
    gone = [Change(each, deleted=True) for each in current if each.location not in wanted]
    known = {each.location: each for each in current}
    changed = [Change(each) for location, each in sorted(wanted.items()) if known.get(location) != each]
    return Decision(LateFeed("", "", 0), (*gone, *changed))
