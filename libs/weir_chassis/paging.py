"""Pages of a list: how many items, after which position, and the token that goes on from there.

A token is opaque and belongs to one method, one tenant and one query: anything else that is presented is refused, so a
position never reaches a query it was not made for. Nothing is kept on the server; a page goes on after the last item it
showed, whatever was added or removed meanwhile.
"""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from weir_chassis import call
from weir_chassis.errors import PageTokenInvalid
from weir_chassis.fields import PAGE_SIZE_DEFAULT, Fields

TOKEN_LENGTH_MAX = 8192
MAC_SIZE = 16

# Fields that may differ from page to page of one query.
VARYING = ("page_size", "page_token", "freshness")

Position = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """One page asked for: at most `size` items, those after `after`; from the first one where that is None."""

    size: int
    after: Position | None
    _key: bytes
    _binding: bytes

    def token(self, position: Position) -> str:
        """The token of the page after `position`, which is the sort key of the last item shown."""
        payload = json.dumps(position, ensure_ascii=False, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(_mac(self._key, self._binding, payload) + payload).rstrip(b"=").decode()


class Pages:
    """Reads and makes the page tokens of one service."""

    def __init__(self, cluster: str, secret: bytes = b"") -> None:
        """Tokens hold on every replica of `cluster`; with a `secret` nobody else can make one."""
        self._key = hashlib.blake2b(cluster.encode(), key=secret[:64], person=b"weir page token").digest()[:32]

    def read(
        self, request: Message, shape: tuple[type[str] | type[int], ...], *, default: int = PAGE_SIZE_DEFAULT
    ) -> Page:
        """The page that the current call's request asks for; `shape` gives the types of a position's parts.

        Raises Malformed for a size below 0 or above the maximum, PageTokenInvalid for a token that was not made for
        this method, tenant and query, or whose position has another shape.
        """
        asked: Any = request
        with Fields() as fields:
            size = fields.page_size(asked.page_size, default=default)
        current = call.current()
        binding = _binding(current.method, current.principal.tenant, request)
        after = self._position(asked.page_token, binding, shape) if asked.page_token else None
        return Page(size, after, self._key, binding)

    def _position(self, token: str, binding: bytes, shape: tuple[type[str] | type[int], ...]) -> Position:
        if len(token) > TOKEN_LENGTH_MAX:
            raise PageTokenInvalid
        try:
            raw = base64.b64decode(token.encode() + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
            mac, payload = raw[:MAC_SIZE], raw[MAC_SIZE:]
            if not hmac.compare_digest(mac, _mac(self._key, binding, payload)):
                raise PageTokenInvalid
            position = json.loads(payload)
        except (binascii.Error, ValueError, RecursionError) as error:
            raise PageTokenInvalid from error
        if not isinstance(position, list) or tuple(map(type, position)) != shape:
            raise PageTokenInvalid
        return tuple(position)


def _binding(method: str, tenant: str, request: Message) -> bytes:
    query = type(request)()
    query.CopyFrom(request)
    for name in VARYING:
        if name in query.DESCRIPTOR.fields_by_name:
            query.ClearField(name)
    parts = (
        method.encode(),
        tenant.encode(),
        query.DESCRIPTOR.full_name.encode(),
        query.SerializeToString(deterministic=True),
    )
    digest = hashlib.blake2b(digest_size=32)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def _mac(key: bytes, binding: bytes, payload: bytes) -> bytes:
    return hashlib.blake2b(binding + payload, key=key, digest_size=MAC_SIZE).digest()
