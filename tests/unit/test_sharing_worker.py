"""What the sharing service does unasked, and what it reads from its environment."""

from __future__ import annotations

import asyncio

from tests.kit.network import write
from weir_chassis.configuration.objects import History
from weir_chassis.configuration.worker import forgetting
from weir_chassis.settings import load
from weir_sharing import handlers
from weir_sharing.app import Settings
from weir_sharing.domain import ChannelGroup
from weir_sharing.memory import MemoryNetworks


class BrokenOnce(MemoryNetworks):
    """Networks that cannot forget at the first try, and stop the worker after the second."""

    tries = 0

    async def forget(self, *, keep_seconds: float) -> int:
        """Fail, then forget, then end."""
        self.tries += 1
        if self.tries == 1:
            raise ConnectionError
        if self.tries == 3:
            raise asyncio.CancelledError
        return await super().forget(keep_seconds=keep_seconds)


async def test_forgetting_goes_on_after_a_failure() -> None:
    """A try that fails is followed by another, and the history goes then."""
    networks = BrokenOnce()
    await write(networks, handlers.create_channel_group, ChannelGroup("g", ""))
    worker = asyncio.create_task(forgetting(networks, keep_seconds=0, pause_seconds=0))
    await asyncio.wait([worker], timeout=60)
    assert worker.cancelled()
    assert await networks.history("acme", after=0, limit=9) == History(1, 1, ())


def test_settings_of_an_empty_environment() -> None:
    """Nothing need be set: port 7102 on loopback, the ledger beside it, and a month of history."""
    settings = load(Settings, {})
    assert settings.ledger_target == "127.0.0.1:7101"
    assert str(settings.server.listen) == "127.0.0.1:7102"
    assert settings.history_keep_seconds == 30 * 24 * 3600
