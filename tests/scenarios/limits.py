"""The table of limits: what the comment of each field of each request allows, read from the contracts themselves.

Where a comment states no number the rule of the house holds: an identifier has at most 128 characters, and at least one
where it is required.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from tests.contract import protos
from tests.kit import rpcs
from tests.kit.rpcs import Place, places
from tests.scenarios import samples

TEXT, NUMBER, COUNT, SPAN, OPAQUE = "characters", "units", "values", "seconds", "bytes"
IDENTIFIER_MAX = 128
SPELT_BY_THE_LEDGER = {"reservation", "waiting", "signed_heads"}
"""What only the ledger gives: it has one form, and nothing else is one."""
DAYS = {"expiry_date", "expiring_before"}
"""What is a day of the calendar: it has one form, too."""
BY_THE_CLOCK = {"cron", "time_zone"}
"""What says when something is due: it has to make sense, too."""
ANYTHING = {"weir.sync.v1.SetSecretRequest.value"}
"""Text that nobody reads, with whatever is in it."""
NAMED_BESIDE = {"priority_store"}
"""What must be one of the values of another field of the request, and so is held to that one's limit."""

OVERRIDES: dict[str, tuple[int | None, int | None]] = {
    "weir.common.v1.Revision.context": (1, 128),
    "weir.common.v1.Revision.cluster": (1, 128),
    "weir.common.v1.Revision.epoch": (0, None),
    "weir.common.v1.Revision.number": (0, None),
    "weir.ledger.v1.ListEntriesRequest.after_revision": (0, None),
    "weir.ledger.v1.LineQuantity.line": (1, None),
    "weir.ledger.v1.LineTransfer.line": (1, None),
    "weir.ledger.v1.ImportSnapshotRequest.first_line": (0, None),
    "weir.ledger.v1.Movement.quantity": (0, 10**9),  # of the sample's kind, a COUNT
    "weir.ledger.v1.Movement.expected_revision": (0, None),
    "weir.ledger.v1.MarkHandedOverRequest.lines[]": (1, 1000),
    "weir.ledger.v1.AmendRequest.expected_revision": (0, None),
    "weir.sync.v1.Rule.constant": (-(10**9), 10**9),
    "weir.aggregator.v1.WatchLevelsRequest.after": (0, 16),
    "weir.common.v1.Freshness.at_least": (0, 16),
}
"""Where the comment speaks in words, of several kinds at once, or of how many values there may be and not of each."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How little and how much a field may hold; None where nothing can be beyond."""

    unit: str
    least: int | None
    most: int | None
    zero_is_default: bool = False

    def allows(self, number: int) -> bool:
        """Whether a number is within both ends, or stands for the default."""
        if number == 0 and self.zero_is_default:
            return True
        return (self.least is None or self.least <= number) and (self.most is None or number <= self.most)


@dataclass(frozen=True, slots=True)
class Case:
    """One field of one rpc, and its limit; `sample` is which of the good requests of the rpc has it."""

    method: str
    place: Place
    limit: Limit
    sample: int = 0

    def __str__(self) -> str:
        """As a test is called."""
        which = f"-{self.sample}" if self.sample else ""
        return f"{self.method.rpartition('/')[2]}{which}-{self.place.name}"


def limit(place: Place) -> Limit | None:
    """What a field may hold; None where anything of its type."""
    field, index = place.steps[-1]
    comment = protos.comments()[field.full_name]
    if field.is_repeated and index is None:
        return _count(field, comment)
    if field.message_type is not None:
        return _span(comment) if field.message_type.full_name == "google.protobuf.Duration" else None
    if field.type == FieldDescriptor.TYPE_STRING:
        return (
            None
            if field.name in SPELT_BY_THE_LEDGER | DAYS | BY_THE_CLOCK | NAMED_BESIDE
            else _text(field, index, comment)
        )
    if field.type == FieldDescriptor.TYPE_BYTES:
        return Limit(OPAQUE, *_range(comment))
    if field.type in (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64):
        each = "" if index is None else "[]"
        least, most = OVERRIDES.get(field.full_name + each) or _range(comment)
        return Limit(NUMBER, least, most, zero_is_default=index is None and least == 1 and "Default: " in comment)
    return None


ELSEWHERE: dict[tuple[str, str], Limit | None] = {
    ("ReserveFulfilment", "wish.lines"): Limit(COUNT, 1, 500),
    ("ReplanReservation", "wish.lines"): Limit(COUNT, 1, 500),
    ("ReplanReservation", "wish.channel"): None,  # that of the order, and no other
    **{(rpc, "connection.channel"): Limit(TEXT, 1, IDENTIFIER_MAX) for rpc in ("CreateConnection", "UpdateConnection")},
    ("UpdateCase", "case.case"): Limit(TEXT, 1, IDENTIFIER_MAX),  # not given by the service this time
    ("UpdateCase", "case.user"): None,  # whose case it is, and no other
    ("MarkUsed", "lines[0].stock_item.custodian"): None,  # from whose custody it is used, and no other
    ("ImportListings", "listings[0].connection"): None,  # that of the import, and no other
    # What arrives is what left.
    **{
        (rpc, f"{where}.destination.{part}"): None
        for rpc, where in (("Transfer", "lines[0]"), ("RecordMovements", "movements[0]"))
        for part in ("product.owner", "product.sku", "lot", "uom")
    },
    # Whose goods go, and nobody else's.
    ("RequestTransfer", "lines[0].stock_item.custodian"): None,
    ("QuickTransfer", "lines[0].stock_item.custodian"): None,
    ("PlaceStockingOrder", "lines[0].stock_item.custodian"): None,
}
"""Of some rpcs fields that are held to more than their comment says of all."""


@functools.cache
def cases() -> list[Case]:
    """Every limited field of every rpc, in the first of its samples that has it."""
    nobodys = samples.imagined()
    found: dict[tuple[str, str], Case] = {}
    for method in nobodys.requests():
        for number, request in enumerate(nobodys.samples(method)):
            for place in places(request):
                rpc = method.rpartition("/")[2], place.name
                limited = ELSEWHERE[rpc] if rpc in ELSEWHERE else limit(place)
                if limited is not None:
                    found.setdefault((method, place.name), Case(method, place, limited, number))
    return list(found.values())


def value(case: Case, request: Message, size: int) -> Any:
    """Something of this size for the field of a case, as unlike itself as it must be."""
    if case.limit.unit == TEXT:
        return "x" * size
    if case.limit.unit == OPAQUE:
        return b"x" * size
    if case.limit.unit == SPAN:
        return Duration(seconds=size)
    if case.limit.unit == NUMBER:
        return size
    if rpcs.is_map(case.place.field):
        return {f"x{number}": "x" for number in range(size)}
    first = case.place.get(request)[0]
    if case.place.field.name in SPELT_BY_THE_LEDGER:
        return [first] * size
    return [_distinct(first, number) for number in range(size)]


def within(limit: Limit) -> Iterator[int]:
    """The sizes at the limits, and one step inside."""
    if limit.least is not None:
        yield from (limit.least, limit.least + 1)
    if limit.most is not None:
        yield from (limit.most - 1, limit.most)
    if limit.zero_is_default:
        yield 0


def beyond(limit: Limit) -> Iterator[int]:
    """The sizes one step outside, that can be written at all."""
    if limit.most is not None:
        yield limit.most + 1
    if limit.least is not None and (limit.unit in (NUMBER, SPAN) or limit.least > 0):
        yield -1 if limit.zero_is_default else limit.least - 1


def _count(field: FieldDescriptor, comment: str) -> Limit | None:
    if field.enum_type is not None:
        return None
    least, most = OVERRIDES.get(field.full_name) or _range(re.sub(r"\d+ (to \d+ )?characters", "", comment))
    return Limit(COUNT, least, most)


def _text(field: FieldDescriptor, index: int | None, comment: str) -> Limit:
    if field.full_name in OVERRIDES:
        return Limit(TEXT, *OVERRIDES[field.full_name])
    if match := re.search(r"(?:(\d+) to|[Uu]p to) (\d+) characters", comment):
        return Limit(TEXT, int(match[1] or 0), int(match[2]))
    return Limit(TEXT, int(comment.startswith("Required.") or index is not None), IDENTIFIER_MAX)


def _range(comment: str) -> tuple[int, int]:
    match = re.search(r"(?:([\d^]+) to|[Uu]p to) ([\d^]+)", comment)
    assert match, f"no limit is stated: {comment}"
    return _number(match[1] or "0"), _number(match[2])


def _span(comment: str) -> Limit:
    match = re.search(r"1 (second|minute) to (\d+) days", comment)
    assert match, f"no limit is stated: {comment}"
    return Limit(SPAN, {"second": 1, "minute": 60}[match[1]], int(match[2]) * 86400)


def _number(text: str) -> int:
    base, _, power = text.partition("^")
    return int(pow(int(base), int(power or 1)))


def _distinct(first: Any, number: int) -> Any:
    if isinstance(first, str):
        return f"x{number}"
    if isinstance(first, int):
        return number + 1
    copy = type(first)()
    copy.CopyFrom(first)
    text = f"x{number}"
    for name, different in (
        ("sku", text),
        ("store_sku", text),
        ("context", text),
        ("claim", text),
        ("channel_group", text),
        ("location", text),
        ("facility", text),
        ("usage", text),
        ("line", number + 1),
    ):
        if name in copy.DESCRIPTOR.fields_by_name:
            setattr(copy, name, different)
    if "product" in copy.DESCRIPTOR.fields_by_name:
        copy.product.sku = text
    if "stock_item" in copy.DESCRIPTOR.fields_by_name:
        copy.stock_item.product.sku = text
    return copy
