"""Questions to a store over HTTP, and answers that are read strictly or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, TypeVar

import httpx
import msgspec

from weir_sync.connectors.port import Away, Denied, Throttled
from weir_sync.connectors.telling import Patience, Unreached
from weir_sync.urls import AddressRefused

T = TypeVar("T")

ANSWER_SECONDS_MAX = 10.0
UNITS_MAX = 1_000_000_000
Whole = Annotated[int, msgspec.Meta(ge=-UNITS_MAX, le=UNITS_MAX)]
"""Units as stores tell them, and no other number."""
Units = Annotated[float, msgspec.Meta(ge=-UNITS_MAX, le=UNITS_MAX)]
"""Of stores that may tell parts of a unit, too."""
WAIT_SECONDS = 5.0
"""How long a store is left alone that asks for it, and does not say how long."""


class Asker:
    """Asks one store, unless it asked to be left alone; closes the client that it asks by."""

    def __init__(self, client: httpx.AsyncClient, *, auth: tuple[str, str] | None = None) -> None:
        """`auth` is a name and a password; paths are below the address of the client."""
        self.patience = Patience()
        self._client = client
        self._auth = None if auth is None else httpx.BasicAuth(*auth)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int | Sequence[str]] | None = None,
        json: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The answer, whose status is 2xx or one of 400 to 499 that is about the question.

        Raises Throttled, Denied (401, 403, a redirect), Away.
        """
        self.patience.check()
        content = msgspec.json.encode(json) if json is not None else body
        asked = dict(headers or {})
        if content is not None:
            asked.setdefault("content-type", "application/json")
        with _told():
            answer = await self._client.request(
                method, path, params=params, content=content, headers=asked, auth=self._auth
            )
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise self.throttled(_wait_seconds(answer.headers.get("retry-after", "")))
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise Denied(f"The store answered {answer.status_code}: our secrets do not do, or may not do this.")
        if answer.is_redirect or answer.has_redirect_location:
            raise Denied(f"The store answered {answer.status_code}, a redirect: the address is not that of its API.")
        if answer.status_code >= 500 or answer.status_code < 200:
            raise Away(f"The store answered {answer.status_code}.")
        return answer

    async def answer(self, kind: type[T], method: str, path: str, **question: Any) -> T:
        """An answer that is 2xx, and of this kind. Raises what `ask` raises, and Away for any other: one that is about
        a single SKU among many is found by asking for fewer.
        """
        answer = await self.ask(method, path, **question)
        if not answer.is_success:
            raise Away(f"The store answered {answer.status_code}.")
        return read(answer.content, kind)

    def throttled(self, seconds: float) -> Throttled:
        """To be raised where the store asks to be left alone for so long."""
        text = "The store asked to be left alone for a while."
        return Throttled(text, retry_after_seconds=self.patience.wait(seconds))

    async def close(self) -> None:
        """End all connections."""
        await self._client.aclose()


@contextmanager
def only_asked() -> Iterator[None]:
    """What fails within the block only asked something, so nothing was done: Away is raised as Unreached."""
    try:
        yield
    except Unreached:
        raise
    except Away as away:
        raise Unreached(str(away)) from None


def read(content: bytes | msgspec.Raw, kind: type[T]) -> T:
    """JSON of this kind; raises Away for any other, which does not say what was told."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Away("The store answered something that makes no sense.") from None


def moment(text: str | None) -> datetime | None:
    """A moment in ISO 8601, of UTC where it names no zone; None for none. Raises Away for anything else."""
    if not text:
        return None
    try:
        told = datetime.fromisoformat(text)
        return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Away("The store told a moment that there is not.") from None


def _wait_seconds(told: str) -> float:
    """Seconds, or a moment, as HTTP has it."""
    if told.strip().isascii() and told.strip().isdigit():
        return float(told.strip()[:9])
    try:
        until = parsedate_to_datetime(told)
    except (ValueError, TypeError, IndexError):
        return WAIT_SECONDS
    zoned = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return max(0.0, (zoned - datetime.now(UTC)).total_seconds())


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong on the way, in the words of the port."""
    try:
        yield
    except AddressRefused as refused:
        raise Denied(str(refused)) from None
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
        raise Unreached("The store cannot be reached.") from None
    except httpx.TimeoutException:
        raise Away("The store did not answer in time.") from None
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL):
        raise Away("The store did not answer, or not to its end.") from None
