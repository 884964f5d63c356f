"""What requests about configuration have in common, and how much fits into an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar, cast

from google.protobuf.message import Message

from weir.common.v1 import revision_pb2 as pb
from weir_chassis import call
from weir_chassis.configuration.objects import Configured, Key, Named, T
from weir_chassis.fields import Fields
from weir_chassis.idempotency import Attempt, fingerprint
from weir_chassis.revisions import Revision, Vector, at_least, revision

OBJECTS_MAX = 1000
OBJECTS_SIZE_MAX = 900_000
"""Objects of one message and their bytes: 1 MiB is read everywhere, and what is larger by itself goes alone."""

M = TypeVar("M", bound=Message)


class Mutation(Protocol):
    """What every request that changes something has."""

    request_id: str
    validate_only: bool


class Removal(Mutation, Protocol):
    """What every request that removes something has."""

    etag: str


class Read(Protocol):
    """What every request that only reads has."""

    @property
    def freshness(self) -> pb.Freshness:
        """The revisions that the answer must include."""
        ...


class Listing(Read, Protocol):
    """What every request for a page has."""

    page_size: int
    page_token: str


class Watch(Protocol):
    """What every request for a watch has."""

    @property
    def after(self) -> pb.Revision:
        """The revision to begin after."""
        ...


ReadKey = Callable[[Fields, Any, type[Configured]], Key]
"""Reads the identifier of an object of this kind from a request that names one."""


def plain_key(fields: Fields, request: Any, kind: type[Configured]) -> Key:
    """The identifier that a request names by fields of the same names as those of the objects."""
    return tuple(fields.identifier(name, getattr(request, name)) for name in kind.identity)


def attempt(fields: Fields, request: Mutation) -> Attempt:
    """The caller's try, by the name it gave it."""
    current = call.current()
    return Attempt(
        current.principal.tenant,
        current.method,
        fields.request_id(request.request_id),
        fingerprint(cast(Message, request)),
    )


def etag(fields: Fields, asked: Any) -> str:
    """The version that is meant; empty: any."""
    return fields.identifier("etag", asked.etag, optional=True)


def removal(request: Removal, kind: type[T], *, key: ReadKey = plain_key) -> tuple[Attempt, Named[T]]:
    """What shall be removed."""
    with Fields() as fields:
        return attempt(fields, request), Named(kind, key(fields, request, kind), etag(fields, request))


def lookup(request: Read, kind: type[Configured], *, key: ReadKey = plain_key) -> tuple[Key, Vector]:
    """What shall be shown, and how fresh."""
    with Fields() as fields:
        return key(fields, request, kind), at_least(fields, request.freshness)


def listing(request: Listing, *filters: str) -> tuple[Mapping[str, str], Vector]:
    """The fields that what is listed must have the values of, out of those the request may name, and how fresh."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        asked = {name: fields.identifier(name, getattr(request, name), optional=True) for name in filters}
        return {name: value for name, value in asked.items() if value}, at_least(fields, request.freshness)


def freshness(request: Read) -> Vector:
    """How fresh the answer must be."""
    with Fields() as fields:
        return at_least(fields, request.freshness)


def after(request: Watch) -> Revision | None:
    """The revision to begin after; None where none is named."""
    with Fields() as fields:
        named = cast(Message, request).HasField("after")
        return revision(fields.inner("after"), request.after) if named else None


def portions(messages: Sequence[M]) -> Iterator[Sequence[M]]:
    """All the messages, cut into what one answer each has room for; an empty portion if there are none."""
    yield messages[: (count := fitting(messages))]
    while messages := messages[count:]:
        yield messages[: (count := fitting(messages))]


def fitting(messages: Sequence[Message]) -> int:
    """How many of the messages, from the first one on, one answer has room for: at least one, if there is one."""
    size = 0
    for count, message in enumerate(messages):
        size += message.ByteSize()
        if count == OBJECTS_MAX or (count > 0 and size > OBJECTS_SIZE_MAX):
            return count
    return len(messages)
