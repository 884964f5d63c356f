"""What all stores that are played here have in common: who may ask, and what goes wrong."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

import httpx

from weir_sync.urls import AddressRefused

ADDRESS = "https://shop.example"
RETRY_AFTER_SECONDS = 7

KINDS = (
    "fair",
    "throttle",
    "lose_request",
    "lose_answer",
    "stall",
    "forbid",
    "break",
    "deny",
    "redirect",
    "garbage",
    "misshape",
    "cut",
)
"""What a request may meet: as it should be; 429 with Retry-After; no connection; done, and no answer; none in time;
our own guard does not let it out; 500; 401; 302 to somewhere else; an answer that is no JSON; JSON of another shape;
an answer that breaks off."""


class Fake:
    """A store; `answer` is what it does with a request that meets nothing."""

    def __init__(self) -> None:
        """Nothing goes wrong unless it is told."""
        self.asked: list[tuple[str, str]] = []
        """Method and path of each request."""
        self._met: deque[str] = deque()

    def client(self) -> httpx.AsyncClient:
        """A client of it, as connectors are given."""
        return httpx.AsyncClient(transport=httpx.MockTransport(self._handle), base_url=ADDRESS)

    def meets(self, *kinds: str) -> None:
        """The next requests meet these, one each."""
        assert set(kinds) <= set(KINDS)
        self._met.extend(kinds)

    def forget(self) -> None:
        """The next requests meet nothing."""
        self._met.clear()

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Do what is asked."""
        raise AssertionError  # each shop answers for itself

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.method, request.url.path))
        match self._met.popleft() if self._met else "fair":
            case "throttle":
                return httpx.Response(429, headers={"retry-after": str(RETRY_AFTER_SECONDS)}, text="slow down")
            case "lose_request":
                raise httpx.ConnectError("no route to host")
            case "lose_answer":
                self.answer(request)
                raise httpx.ReadError("connection reset")
            case "stall":
                raise httpx.ReadTimeout("too slow")
            case "forbid":
                raise AddressRefused("The host is not a public one.")
            case "break":
                return httpx.Response(500, text="Internal Server Error " + _secrets(request))
            case "deny":
                return httpx.Response(401, text="wrong " + _secrets(request))
            case "redirect":
                return httpx.Response(302, headers={"location": "https://elsewhere.example/"})
            case "garbage":
                return httpx.Response(200, text="<html>" + _secrets(request))
            case "misshape":
                return httpx.Response(200, json=[[{"levels": 3, "data": {"x": [None]}}], _secrets(request)])
            case "cut":
                return httpx.Response(200, content=self.answer(request).content[:-2])
            case _:
                return self.answer(request)


def body(request: httpx.Request) -> Any:
    """The JSON of a request."""
    return json.loads(request.content)


def _secrets(request: httpx.Request) -> str:
    """What a store that means no good may tell of what it was told."""
    return " ".join(f"{name}={value}" for name, value in request.headers.items())
