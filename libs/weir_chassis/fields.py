"""Check the fields of a request, all of them, and refuse once.

    with Fields() as fields:
        return Reserve(
            request_id=fields.request_id(request.request_id),
            lines=[
                Line(item=line.identifier("sku", each.sku), quantity=line.quantity("quantity", each.quantity))
                for line, each in fields.each("lines", request.lines, most=500)
            ],
        )

Each method returns the value where it is good. Where it is bad it takes a note and returns a harmless stand-in of the
same type, so that the rest can be checked too; leaving the block then raises Malformed with every note, and nobody sees
the stand-in.
"""

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from weir_chassis.errors import Malformed, Violation
from weir_chassis.ids import LENGTH_MAX, identifier_fault

QUANTITY_MAX = 10**9
PAGE_SIZE_DEFAULT = 100
PAGE_SIZE_MAX = 1000
VIOLATIONS_MAX = 100

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_LEAST = -62_135_596_800  # 0001-01-01, the least a Timestamp may hold
_SECONDS_MOST = 253_402_300_799  # 9999-12-31
_STAND_IN = "?"


class Fields:
    """The fields of one message, and the notes of what is wrong with them; those of inner messages share the notes."""

    __slots__ = ("_index", "_name", "_notes", "_outer")

    def __init__(self, outer: "Fields | None" = None, name: str = "", index: int = -1) -> None:
        """Check a whole request; inner messages are made by `inner` and `each`."""
        # The path is put together only where something is wrong: a request may have thousands of inner messages.
        self._outer = outer
        self._name = name
        self._index = index
        self._notes: list[Violation] = [] if outer is None else outer._notes

    def __enter__(self) -> "Fields":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # A stand-in may break a rule of the domain before the block ends: the notes are what the caller must hear.
        if self._notes and (error is None or isinstance(error, Exception)):
            raise Malformed(self._notes) from None

    def check(self) -> None:
        """Raise Malformed if anything is wrong so far; for rules that rest on several good fields."""
        if self._notes:
            raise Malformed(self._notes)

    def taken(self) -> list[Violation]:
        """The notes so far, which are then forgotten; for inner messages that are refused one by one."""
        if not self._notes:
            return []
        notes = list(self._notes)
        self._notes.clear()
        return notes

    def refuse(self, name: str, description: str, reason: str = "") -> None:
        """Take a note about the field `name`; the first hundred notes are kept."""
        if len(self._notes) < VIOLATIONS_MAX:
            self._notes.append(Violation(self.path(name), description, reason))

    def path(self, name: str) -> str:
        """The path of a field of this message, as in `lines[3].quantity`; the message itself where `name` is empty."""
        if self._outer is None:
            return name
        own = self._outer.path(self._name) + (f"[{self._index}]" if self._index >= 0 else "")
        return f"{own}.{name}" if name and own else own or name

    def inner(self, name: str) -> "Fields":
        """The fields of the message in field `name`."""
        return Fields(self, name)

    def each(self, name: str, values: Sequence[T], *, most: int, least: int = 1) -> Iterator[tuple["Fields", T]]:
        """The messages of a repeated field, each with its fields; none at all where their number is out of range."""
        if self._counted(name, len(values), least=least, most=most):
            for index, value in enumerate(values):
                yield Fields(self, name, index), value

    def required(self, message: Message, name: str) -> None:
        """The message field `name` must be there."""
        if not message.HasField(name):
            self.refuse(name, "Required.")

    def identifier(self, name: str, value: str, *, optional: bool = False, length_max: int = LENGTH_MAX) -> str:
        """An identifier: 1 to `length_max` characters, no control characters, no blank at either end."""
        if optional and not value:
            return value
        fault = identifier_fault(value, length_max=length_max)
        if fault is None:
            return value
        self.refuse(name, fault)
        return _STAND_IN

    def identifiers(self, name: str, values: Sequence[str], *, most: int, least: int = 0) -> list[str]:
        """Identifiers, each but once."""
        if not self._counted(name, len(values), least=least, most=most):
            return []
        checked = [self.identifier(f"{name}[{index}]", value) for index, value in enumerate(values)]
        self.unique(name, values)
        return checked

    def request_id(self, value: str, name: str = "request_id") -> str:
        """The caller's name of the attempt: an identifier."""
        return self.identifier(name, value)

    def text(self, name: str, value: str, *, length_max: int, required: bool = False) -> str:
        """A text for people: at most `length_max` characters, no control characters, no blank at either end."""
        return self.identifier(name, value, optional=not required, length_max=length_max)

    def opaque(self, name: str, value: bytes, *, length_max: int) -> bytes:
        """Bytes that nobody looks into: at most `length_max`."""
        if len(value) > length_max:
            self.refuse(name, f"At most {length_max} bytes, not {len(value)}.")
        return value

    def quantity(self, name: str, value: int, *, least: int = 1, most: int = QUANTITY_MAX) -> int:
        """A number of units; from 1 to 10^9 unless said otherwise."""
        return self.number(name, value, least=least, most=most)

    def count(self, name: str, value: int, *, most: int = QUANTITY_MAX) -> int:
        """A number of units that may be none: from 0 to 10^9 unless said otherwise."""
        return self.number(name, value, least=0, most=most)

    def number(self, name: str, value: int, *, least: int, most: int) -> int:
        """A whole number within both ends."""
        if least <= value <= most:
            return value
        self.refuse(name, f"From {least} to {most}.")
        return least

    def enum(self, name: str, value: int, meanings: Mapping[Any, T], *, default: T | None = None) -> T:
        """What an enum value means here; 0 means `default`, and is refused where there is none, as is any unknown
        value."""
        if value == 0 and default is not None:
            return default
        meaning = meanings.get(value)
        if meaning is not None:
            return meaning
        self.refuse(name, "Required." if value == 0 else "Not a known value.")
        return next(iter(meanings.values()))

    def enums(self, name: str, values: Sequence[int], meanings: Mapping[Any, T]) -> list[T]:
        """What several enum values mean, each but once."""
        if not self._counted(name, len(values), least=0, most=len(meanings)):
            return []
        checked = [self.enum(f"{name}[{index}]", value, meanings) for index, value in enumerate(values)]
        self.unique(name, values)
        return checked

    def choice(self, name: str, value: str, choices: Collection[str]) -> str:
        """One of the words."""
        if value in choices:
            return value
        self.refuse(name, f"One of {', '.join(sorted(choices))}.")
        return next(iter(choices))

    def page_size(self, value: int, name: str = "page_size", *, default: int = PAGE_SIZE_DEFAULT) -> int:
        """How many items a page may hold: 0 means the default, and at most 1000 can be asked for."""
        return default if value == 0 else self.number(name, value, least=1, most=PAGE_SIZE_MAX)

    def unique(self, name: str, keys: Iterable[Hashable]) -> None:
        """No two keys of a repeated field are equal; takes a note at each that repeats an earlier one."""
        first: dict[Hashable, int] = {}
        for index, key in enumerate(keys):
            if first.setdefault(key, index) != index:
                self.refuse(f"{name}[{index}]", f"The same as {self.path(name)}[{first[key]}].")

    def timestamp(self, message: Message, name: str, *, required: bool = False) -> datetime | None:
        """An instant, in UTC to the microsecond; None where it is not set."""
        if not message.HasField(name):
            if required:
                self.refuse(name, "Required.")
            return None
        value: Timestamp = getattr(message, name)
        if _SECONDS_LEAST <= value.seconds <= _SECONDS_MOST and 0 <= value.nanos < 10**9:
            return _EPOCH + timedelta(seconds=value.seconds, microseconds=value.nanos // 1000)
        self.refuse(name, "Not an instant between the years 1 and 9999.")
        return _EPOCH

    def duration(
        self, message: Message, name: str, *, least_seconds: float, most_seconds: float, default_seconds: float
    ) -> float:
        """A span in seconds, within both ends; the default where it is not set."""
        if not message.HasField(name):
            return default_seconds
        value: Duration = getattr(message, name)
        seconds = value.seconds + value.nanos / 10**9
        signs_agree = value.seconds * value.nanos >= 0
        if abs(value.nanos) < 10**9 and signs_agree and least_seconds <= seconds <= most_seconds:
            return seconds
        self.refuse(name, f"From {least_seconds:g} to {most_seconds:g} seconds.")
        return default_seconds

    def _counted(self, name: str, number: int, *, least: int, most: int) -> bool:
        if least <= number <= most:
            return True
        self.refuse(name, "Required." if number == 0 else f"From {least} to {most} of them, not {number}.")
        return False
