"""Two ledgers on one database, and two aggregators which each follow and ask both of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import weir_aggregator.app
import weir_ledger.app
from tests.kit import suite as kit
from tests.kit.ledger import signing_key
from tests.kit.postgres import PostgresForTests
from tests.kit.suite import Suite


@asynccontextmanager
async def twins(postgres: PostgresForTests) -> AsyncIterator[tuple[Suite, Suite]]:
    """The suite by way of each of the aggregators, for the block; nobody divides supplies in it by himself."""
    async with AsyncExitStack() as stack:
        database = stack.enter_context(postgres.fresh(*kit.SCHEMAS))
        servers = await kit.books_and_rules(stack, database)
        settings = weir_ledger.app.Settings(
            server=kit.server_settings(), database=database.settings("weir_ledger"), signing_key=signing_key()
        )
        second = await stack.enter_async_context(weir_ledger.app.running(settings))
        contexts = kit.addresses(servers)
        both = {**contexts, "ledger": f"ipv4:{contexts['ledger']},{second.address}"}
        told = kit.aggregator_settings(both)
        suites = []
        for _ in range(2):
            aggregator = await stack.enter_async_context(weir_aggregator.app.running(told))
            addresses = {**both, "aggregator": aggregator.address}
            channels = await stack.enter_async_context(kit.connected(*addresses.values()))
            suites.append(Suite(addresses, channels))
        yield suites[0], suites[1]
