"""What `--json` prints: plain values with the names of the contracts.

A message becomes an object whose keys are the field names of its proto, every field present: whole numbers as numbers,
enums as their names without the prefix, moments as RFC 3339 in UTC, spans as seconds, bytes as hexadecimal digits, a
message that is unset as null.
Only where a verb says otherwise does its document differ from its response.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

Document = dict[str, Any]


def document(message: Message, *, without: tuple[str, ...] = ()) -> Document:
    """The message as plain values, without some of its fields."""
    return {field.name: _field(message, field) for field in message.DESCRIPTOR.fields if field.name not in without}


def word(message: Message, name: str) -> str:
    """The value of the enum field `name` without the prefix that the contracts give it: `SELLABLE`."""
    return _word(message.DESCRIPTOR.fields_by_name[name], getattr(message, name))


def moment(timestamp: Timestamp) -> str | None:
    """RFC 3339 in UTC; None where it is unset."""
    return timestamp.ToJsonString() if timestamp.seconds or timestamp.nanos else None


def _field(message: Message, field: Any) -> Any:
    value = getattr(message, field.name)
    if field.is_repeated:
        return [_value(field, each) for each in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return _value(field, value)


def _value(field: Any, value: Any) -> Any:
    if isinstance(value, Timestamp):
        return moment(value)
    if isinstance(value, Duration):
        return value.ToTimedelta().total_seconds()
    if isinstance(value, Message):
        return document(value)
    if isinstance(value, bytes):
        return value.hex()
    return _word(field, value) if field.enum_type is not None else value


def _word(field: Any, number: int) -> str:
    enum = field.enum_type
    assert enum is not None
    known = enum.values_by_number.get(number)
    if known is None:
        return str(number)
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return str(known.name.removeprefix(prefix))
