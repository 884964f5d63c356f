"""Any rpc of the suite by its description: for tests that hold the same law of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from grpc.aio import AioRpcError, Channel

from weir_chassis import status
from weir_chassis.errors import RecordedRefusal

Metadata = Sequence[tuple[str, str]]
Step = tuple[FieldDescriptor, int | None]
"""A field, and which of its values where it is repeated."""

TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended: the first answer, or the error."""

    code: grpc.StatusCode
    message: str = ""
    answer: Message | None = None
    refusal: RecordedRefusal | None = None
    details: str = ""
    """All details of the status as text."""

    @property
    def reason(self) -> str:
        """Why it was refused; empty where it was not, or without a word."""
        return "" if self.refusal is None else self.refusal.reason

    @property
    def fields(self) -> list[str]:
        """The fields that a malformed request was refused for."""
        return [each.field for each in self.refusal.violations] if self.refusal is not None else []


def full_name(method: MethodDescriptor) -> str:
    """The name of a method as gRPC writes it."""
    return f"/{method.containing_service.full_name}/{method.name}"


def request(method: MethodDescriptor, **fields: Any) -> Message:
    """A request of a method from its fields; inner messages as dictionaries."""
    return GetMessageClass(method.input_type)(**fields)


async def call(
    channel: Channel,
    method: MethodDescriptor,
    asked: Message | bytes,
    metadata: Metadata = (),
    *,
    seconds: float = TIMEOUT_SECONDS,
) -> Outcome:
    """Call a method with a message, or with bytes that need not be one; of a stream the first answer is enough, and one
    that takes a stream gets this one."""
    raw = asked if isinstance(asked, bytes) else asked.SerializeToString()
    read = GetMessageClass(method.output_type).FromString
    kinds: dict[tuple[bool, bool], Any] = {
        (False, False): channel.unary_unary, (False, True): channel.unary_stream, (True, False): channel.stream_unary,
    }  # fmt: skip
    kind = kinds[method.client_streaming, method.server_streaming]
    sent = iter([raw]) if method.client_streaming else raw
    asking: Any = kind(full_name(method), bytes, read)(sent, metadata=tuple(metadata), timeout=seconds)
    try:
        answer = await asking.read() if method.server_streaming else await asking
    except AioRpcError as error:
        return outcome(error)
    finally:
        asking.cancel()
    return Outcome(grpc.StatusCode.OK, answer=None if answer is grpc.aio.EOF else answer)


def outcome(error: AioRpcError) -> Outcome:
    """How a call ended that ended with an error."""
    return Outcome(error.code(), error.details() or "", None, status.told(error), details(error))


def details(error: AioRpcError) -> str:
    """Everything that a status carries beside its code and sentence."""
    for key, value in error.trailing_metadata() or ():
        if key == status.DETAILS:
            assert isinstance(value, bytes)
            return text_format.MessageToString(Status.FromString(value))
    return ""


@dataclass(frozen=True, slots=True)
class Place:
    """A field somewhere within a message: how to get there from the outermost one."""

    steps: tuple[Step, ...]

    @property
    def field(self) -> FieldDescriptor:
        """The field itself."""
        return self.steps[-1][0]

    @property
    def name(self) -> str:
        """The path as a refusal names it, as in `lines[3].quantity`."""
        return ".".join(field.name if index is None else f"{field.name}[{index}]" for field, index in self.steps)

    def holder(self, message: Message) -> Any:
        """The message that the field is in."""
        for field, index in self.steps[:-1]:
            inner = getattr(message, field.name)
            message = inner if index is None else inner[index]
        return message

    def set(self, message: Message, value: Any) -> Message:
        """A copy of the message with another value in this place."""
        changed = type(message)()
        changed.CopyFrom(message)
        field, index = self.steps[-1]
        holder = self.holder(changed)
        if index is not None:
            getattr(holder, field.name)[index] = value
        elif is_map(field):
            holder.ClearField(field.name)
            getattr(holder, field.name).update(value)
        elif field.is_repeated:
            holder.ClearField(field.name)
            getattr(holder, field.name).extend(value)
        elif field.message_type is not None:
            getattr(holder, field.name).CopyFrom(value)
        else:
            setattr(holder, field.name, value)
        return changed

    def get(self, message: Message) -> Any:
        """What is in this place."""
        field, index = self.steps[-1]
        value = getattr(self.holder(message), field.name)
        return value if index is None else value[index]


def is_map(field: FieldDescriptor) -> bool:
    """Whether a field holds values by name."""
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def places(message: Message, before: tuple[Step, ...] = ()) -> Iterator[Place]:
    """Every place of a message that is set, the inner ones too; a repeated field as a whole, then its first value; a
    map as a whole and no more.
    """
    for field, value in message.ListFields():
        if field.is_repeated:
            yield Place((*before, (field, None)))
        if is_map(field):
            continue
        inner = value[0] if field.is_repeated else value
        step: Step = (field, 0 if field.is_repeated else None)
        if field.message_type is None or field.message_type.full_name.startswith("google.protobuf."):
            yield Place((*before, step))
        else:
            yield from places(inner, (*before, step))
