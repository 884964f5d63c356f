"""Callers of one's own: of any service whose rpcs are called by name."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

import grpc
import pytest

from weir_chassis import status
from weir_chassis.errors import RecordedRefusal

_numbers = itertools.count()


class Calling:
    """One tenant's caller; messages are given by their fields, and writes name themselves unless told a request id."""

    services: ClassVar[Sequence[tuple[Any, Callable[[grpc.aio.Channel], Any]]]]
    """What is called: of each service the module of its messages, and its stub."""

    def __init__(self, channel: grpc.aio.Channel, metadata: Sequence[tuple[str, str]] = ()) -> None:
        """Call over `channel`."""
        self._metadata = tuple(metadata)
        self._rpcs: dict[str, tuple[Any, Any]] = {}
        for messages, stub in self.services:
            made = stub(channel)
            for service in messages.DESCRIPTOR.services_by_name.values():
                for method in service.methods:
                    self._rpcs[method.name] = getattr(messages, f"{method.name}Request"), getattr(made, method.name)

    async def do(self, method: str, **fields: Any) -> Any:
        """The answer of a unary rpc."""
        return await self._call(method, fields, seconds=20)

    def stream(self, method: str, **fields: Any) -> Any:
        """The call of a streaming rpc; cancel it when done."""
        return self._call(method, fields, seconds=60)

    async def refused(self, method: str, **fields: Any) -> RecordedRefusal:
        """The refusal that a unary rpc ends with."""
        return await refusal(self.do(method, **fields))

    def _call(self, method: str, fields: dict[str, Any], *, seconds: int) -> Any:
        message, rpc = self._rpcs[method]
        if "request_id" in message.DESCRIPTOR.fields_by_name:
            fields.setdefault("request_id", f"request {next(_numbers)}")
        return rpc(message(**fields), metadata=self._metadata, timeout=seconds)


async def refusal(asking: Awaitable[Any]) -> RecordedRefusal:
    """The refusal that a call ends with; fails where it is answered or ends otherwise."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await asking
    told = status.told(refused.value)
    assert told is not None, refused.value
    return told
