"""Make domain values of rows."""

from collections.abc import Iterable, Iterator
from itertools import groupby, repeat
from typing import Any, Protocol

from msgspec.structs import replace

from weir_ledger.domain.entries import Account, BookedEntry, Commit, Entry, EntryKind
from weir_ledger.domain.reservations import Claim, Line, LineClaim, Reservation, State
from weir_ledger.domain.shortfalls import Promised
from weir_ledger.domain.stock import Balance, BookedLocation, Condition, Location, LocationKind, Lot, StockItem
from weir_ledger.domain.waiting import BackOrders, PlannedWaiting
from weir_ledger.store import told


class Row(Protocol):
    """A row, by the names of its columns; that of the driver and that of SQLAlchemy are both one."""

    def __getitem__(self, column: Any, /) -> Any:
        """The value of a column."""


def stock_item(row: Row) -> StockItem:
    """The stock item of a row that has the columns of one."""
    return StockItem(
        row["owner"],
        row["sku"],
        row["location"],
        row["lot"],
        row["uom"],
        row["custodian"],
        Condition(row["condition"]),
    )


def balance(row: Row) -> Balance:
    """The balance of a row of `balances`."""
    return Balance(stock_item(row), row["on_hand"], row["reserved"], row["revision"], row["counted_at"])


def dated_balance(row: Row) -> Balance:
    """The balance of a row that also tells until when its lot can be sold."""
    return replace(balance(row), expiry=row["expiry"])


def claim(row: Row) -> Claim:
    """What is claimed under a key, of a row of `claims`."""
    return Claim(
        row["claim"],
        row["open"],
        row["fulfilled"],
        row["revision"],
        row["ceiling"],
        row["epoch"],
        row["subject"],
    )


def location(row: Row) -> Location:
    """The location of a row of `locations`."""
    return Location(row["location"], LocationKind(row["kind"]), row["display_name"], row["revision"])


def booked_location(row: Row) -> BookedLocation:
    """The location of a row that also counts its stock items."""
    return BookedLocation(location(row), row["stock_items"])


def lot(row: Row) -> Lot:
    """What is known of a lot, of a row of `lots`."""
    return Lot(row["owner"], row["sku"], row["lot"], row["expiry"], row["revision"])


def booked_entry(row: Row) -> BookedEntry:
    """The entry of a row that also has the columns of its stock item and of its commit."""
    entry = Entry(
        EntryKind(row["kind"]),
        Account(row["account"]),
        stock_item(row),
        row["on_hand_delta"],
        row["reserved_delta"],
        row["on_hand"],
        row["reserved"],
        str(row["reservation"] or ""),
        row["reservation_line"],
        row["reference"],
        row["occurred_at"] or row["recorded_at"],
    )
    return BookedEntry(row["revision"], row["line"], entry, row["request_id"], row["recorded_at"])


def promised(row: Row) -> Promised:
    """What a line of a reservation still promises, of a row that also has columns of its reservation."""
    return Promised(
        str(row["reservation"]), row["line"], row["open"], row["order_name"], row["channel"], row["created_at"]
    )


def commits(rows: Iterable[Row]) -> Iterator[Commit]:
    """The commits of rows that hold one entry each, or none for a commit that moved no units."""
    for revision, group in groupby(rows, lambda row: row["revision"]):
        lines = list(group)
        entries = tuple(booked_entry(row) for row in lines if row["line"] is not None)
        first = lines[0]
        claims = (
            ()
            if first["claims"] is None
            else map(
                Claim,
                first["claims"],
                first["opens"],
                first["fulfilleds"],
                repeat(revision),
                first["ceilings"],
                first["epochs"],
                first["subjects"],
            )
        )
        lots = (
            ()
            if first["lots"] is None
            else map(Lot, first["lot_owners"], first["lot_skus"], first["lots"], first["expiries"], repeat(revision))
        )
        demands = zip(first["tolds"] or (), first["plans"] or (), strict=True)
        counts = (
            BackOrders((owner, sku), limit, units, said, revision)
            for owner, sku, limit, units, said in first["back_orders"] or ()
        )
        yield Commit(
            revision,
            first["recorded_at"],
            entries,
            tuple(sorted(claims, key=lambda each: each.claim)),
            tuple(sorted(lots, key=lambda each: each.name)),
            tuple(PlannedWaiting(told.read(text, revision), plan) for text, plan in demands),
            tuple(sorted(counts, key=lambda each: each.product)),
        )


def back_orders(row: Row) -> BackOrders:
    """How many units of a product may wait and do, of a row of `back_orders`."""
    product = row["owner"], row["sku"]
    return BackOrders(product, row["limit_units"], row["waiting_units"], row["limit_revision"], row["revision"])


def planned_waiting(row: Row) -> PlannedWaiting:
    """A waiting demand and what its caller keeps with it, of a row with its text."""
    return PlannedWaiting(told.read(row["told"], row["revision"]), row["plan"])


def reservations(rows: Iterable[Row]) -> Iterator[Reservation]:
    """The reservations of rows that hold one line each, those of one reservation together and in order."""
    for reservation, group in groupby(rows, lambda row: row["reservation"]):
        lines = list(group)
        first = lines[0]
        yield Reservation(
            str(reservation),
            State(first["state"]),
            tuple(
                Line(
                    stock_item(row),
                    row["requested"],
                    row["quantity"],
                    row["open"],
                    row["fulfilled"],
                    row["released"],
                    tuple(map(LineClaim, row["claims"], row["ceilings"], row["weights"] or repeat(1))),
                    row["handed_over_at"],
                )
                for row in lines
            ),
            expires_at=first["expires_at"],
            created_at=first["created_at"],
            order=first["order_name"],
            channel=first["channel"],
            revision=first["revision"],
        )
