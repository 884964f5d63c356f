"""Where the service takes in what stores send."""

from __future__ import annotations

import httpx
import psutil

from tests.kit.connections import connections
from tests.kit.postgres import PostgresForTests
from weir_chassis.settings import Address


def ports() -> set[int]:
    """Where this process listens."""
    found = psutil.Process().net_connections("tcp4")
    return {each.laddr.port for each in found if each.status == psutil.CONN_LISTEN}


async def test_it_listens_only_where_it_is_told_to(postgres: PostgresForTests) -> None:
    """Nowhere unless told; then it answers strangers that they are not let in, and no longer than the service runs."""
    with postgres.fresh("weir_sync") as database:
        async with connections(database):
            without = len(ports())
        async with (
            connections(database, webhook_listen=Address("127.0.0.1", 0)),
            httpx.AsyncClient(trust_env=False) as client,
        ):
            assert len(ports()) == without + 1
            answers = {}
            for port in ports():
                try:
                    answer = await client.post(f"http://127.0.0.1:{port}/webhooks/acme/shop", content=b"{}", timeout=5)
                except httpx.HTTPError:  # what listens there speaks another protocol
                    continue
                answers[port] = answer.status_code
        assert list(answers.values()) == [401]
        assert not ports() & answers.keys()
