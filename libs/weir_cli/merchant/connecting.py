"""Judge the stores and warehouses of a folder: what flows over each, and what its SKUs are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from weir_cli.merchant.judging import channels_named, locations_named, missing, twice, unknown
from weir_cli.merchant.values import (
    CHANNELS,
    CONNECTIONS,
    FACILITIES,
    LISTINGS,
    LOCATIONS,
    SCHEDULES,
    Fault,
    Known,
    Merchant,
    Row,
)
from weir_cli.sheets import UNREADABLE

ONLY = {
    "STORE": ("channel", "push_levels", "take_orders"),
    "WAREHOUSE": ("pull_stock", "absent_is_zero", "owner", "late_after", "late_buffer_percent"),
}
"""Columns that only a connection of the role says something in."""


def faults(merchant: Merchant, known: Known) -> Iterator[Fault]:
    """Everything that does not fit together."""
    yield from twice(CONNECTIONS, merchant.rows(CONNECTIONS), lambda row: row["connection"], "connection")
    facilities = merchant.rows(FACILITIES)
    yield from twice(FACILITIES, facilities, lambda row: (row["connection"], row["facility"]), "facility")
    yield from twice(SCHEDULES, merchant.rows(SCHEDULES), lambda row: (row["connection"], row["schedule"]), "schedule")
    yield from twice(LISTINGS, merchant.rows(LISTINGS), lambda row: (row["connection"], row["store_sku"]), "listing")
    yield from _connections(merchant, known)
    yield from _channels(merchant, known)
    roles = _roles(merchant, known)
    for file in (FACILITIES, SCHEDULES, LISTINGS):
        for row in merchant.rows(file):
            if row["connection"] not in roles and row["connection"] != UNREADABLE:
                told = f"unknown connection {row['connection']}: neither {CONNECTIONS} nor the suite has it."
                yield Fault(file, row.line, told)
    yield from _facilities(merchant, known, roles)
    yield from _schedules(merchant)


def notes(merchant: Merchant) -> list[str]:
    """What is allowed and does not do what it seems to: secrets are in no folder."""
    names = [row["connection"] for row in merchant.rows(CONNECTIONS)]
    if not names:
        return []
    return [f"{', '.join(names)}: secrets are in no folder; `weir connect secret` sets them where there are none."]


def _connections(merchant: Merchant, known: Known) -> Iterator[Fault]:
    """A connection says only what one of its role can, and never becomes another sort."""
    for row in merchant.rows(CONNECTIONS):
        role = row["role"]
        if role == UNREADABLE:
            continue
        if known.connections.get(row["connection"], role) != role:
            yield Fault(
                CONNECTIONS, row.line, f"role: {row['connection']} is a {known.connections[row['connection']]}."
            )
        if role == "STORE" and not row["channel"]:
            yield Fault(CONNECTIONS, row.line, "channel: a STORE has one.")
        for other, columns in ONLY.items():
            for column in columns if other != role else ():
                if row[column] not in ("", "NO", "0", UNREADABLE):
                    yield Fault(CONNECTIONS, row.line, f"{column}: a {role} has none.")


def _channels(merchant: Merchant, known: Known) -> Iterator[Fault]:
    """Of every channel one store at most is told the levels."""
    channels = channels_named(merchant, known)
    first: dict[str, Row] = {}
    for row in merchant.rows(CONNECTIONS):
        channel = row["channel"]
        if channel in ("", UNREADABLE) or row["role"] != "STORE":
            continue
        if missing(channel, channels):
            yield Fault(CONNECTIONS, row.line, unknown("channel", channel, merchant.channels, CHANNELS))
        other, store = first.setdefault(channel, row), known.connected.get(channel, row["connection"])
        if other is not row:
            told = f"channel {channel} is that of {other['connection']} (line {other.line})."
            yield Fault(CONNECTIONS, row.line, told)
        elif store != row["connection"]:
            told = f"channel {channel} is that of {store} in the suite; give that another one first."
            yield Fault(CONNECTIONS, row.line, told)


def _facilities(merchant: Merchant, known: Known, roles: Mapping[str, str]) -> Iterator[Fault]:
    locations = locations_named(merchant, known)
    for row in merchant.rows(FACILITIES):
        if roles.get(row["connection"]) == "STORE":
            yield Fault(FACILITIES, row.line, f"{row['connection']} is a STORE; a WAREHOUSE has facilities.")
        if missing(row["location"], locations):
            yield Fault(FACILITIES, row.line, unknown("location", row["location"], merchant.locations, LOCATIONS))


def _schedules(merchant: Merchant) -> Iterator[Fault]:
    for row in merchant.rows(SCHEDULES):
        if UNREADABLE not in (row["every"], row["cron"]) and bool(row["every"]) == bool(row["cron"]):
            yield Fault(SCHEDULES, row.line, "when it is due is said by one of every and cron.")
        if row["time_zone"] and not row["cron"]:
            yield Fault(SCHEDULES, row.line, "time_zone: is that of cron, which is empty.")


def _roles(merchant: Merchant, known: Known) -> Mapping[str, str]:
    """The role of every connection, as it shall be."""
    return {**known.connections, **{row["connection"]: row["role"] for row in merchant.rows(CONNECTIONS)}}
