"""What every judgement of a folder asks: is it there, is it there twice."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

from weir_cli.merchant.values import CHANNEL_GROUPS, Delivery, Fault, Known, Link, Member, Merchant, Place, Row, Shop
from weir_cli.sheets import UNREADABLE

T = TypeVar("T", Place, Member, Shop, Link, Delivery, Row)


def group_of(shop: Shop) -> str:
    """The channel group that a channel is in: its own, named as the channel, where it names none."""
    return shop.channel_group or shop.channel


def locations_named(merchant: Merchant, known: Known) -> frozenset[str]:
    """Locations there are."""
    return either(merchant.locations, lambda place: place.location, known.locations)


def channels_named(merchant: Merchant, known: Known) -> frozenset[str]:
    """Channels there are."""
    return either(merchant.channels, lambda shop: shop.channel, known.channels)


def channel_groups_named(merchant: Merchant, known: Known) -> frozenset[str]:
    """Channel groups there are."""
    named = {row["channel_group"] for row in merchant.rows(CHANNEL_GROUPS)}
    return either(merchant.channels, group_of, known.channel_groups) | named


def either(rows: Iterable[T] | None, name: Callable[[T], str], otherwise: frozenset[str]) -> frozenset[str]:
    """The names that a file gives, or where it is absent those that the suite knows."""
    return otherwise if rows is None else frozenset(name(row) for row in rows)


def missing(name: str, among: frozenset[str]) -> bool:
    """A name that could be read, and is not there."""
    return name not in among and name != UNREADABLE


def unknown(what: str, name: str, rows: object, file: str) -> str:
    """That a name is not there, and where it was looked for."""
    where = "the suite knows none" if rows is None else f"{file} has none"
    return f"unknown {what} {name}: {where} of this name."


def twice(file: str, rows: Iterable[T] | None, key: Callable[[T], Hashable], what: str) -> Iterator[Fault]:
    """Rows that say again what another one said."""
    first: dict[Hashable, int] = {}
    for row in rows or ():
        name = key(row)
        if name == UNREADABLE or (isinstance(name, tuple) and UNREADABLE in name):
            continue
        line = first.setdefault(name, row.line)
        if line != row.line:
            yield Fault(file, row.line, f"{what} is there already (line {line}).")
