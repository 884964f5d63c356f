"""What an answer must include when a verb asks for all that was written so far."""

from __future__ import annotations

import grpc
import pytest
from grpc.aio import Metadata

from weir.common.v1.revision_pb2 import Revision
from weir_cli.options import Options
from weir_cli.session import CONTEXTS, Session


def session(monkeypatch: pytest.MonkeyPatch, refused: str, code: grpc.StatusCode) -> Session:
    """A session to which one context answers with an error, and every other with its newest revision."""
    made = Session(Options(targets={}))

    async def newest(context: str) -> Revision:
        if context == refused:
            raise grpc.aio.AioRpcError(code, Metadata(), Metadata())
        return Revision(context=context, number=3)

    monkeypatch.setattr(made, "newest", newest)
    return made


async def test_a_context_in_which_the_caller_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may see nothing of a context has changed nothing there, and is answered without it."""
    asking = session(monkeypatch, "pooling", grpc.StatusCode.PERMISSION_DENIED)
    asked = await asking.freshness(True)
    assert [each.context for each in asked.at_least] == [each for each in CONTEXTS if each != "pooling"]
    assert not (await asking.freshness(False)).at_least


async def test_a_context_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it nobody knows what was written there: the verb fails."""
    asking = session(monkeypatch, "pooling", grpc.StatusCode.UNAVAILABLE)
    with pytest.raises(grpc.aio.AioRpcError):
        await asking.freshness(True)
