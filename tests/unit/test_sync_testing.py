"""How long the other end of a connection is waited for when somebody asks whether it answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from datetime import datetime

import pytest

from tests.kit.connections import Elsewhere
from weir_chassis import call
from weir_chassis.auth import Principal
from weir_chassis.auth import Role as CallerRole
from weir_sync.connectors.making import Making
from weir_sync.connectors.port import Away
from weir_sync.domain.connections import Connection, ConnectorKind, Role
from weir_sync.domain.health import Abilities, Breaker, Health
from weir_sync.handlers import testing
from weir_sync.urls import Guard

WEB = Connection("web", Role.STORE, ConnectorKind.SHOPIFY, settings={"address": "https://shop.example"}, channel="web")


class Kept:
    """How it stands with connections, in memory; also the secrets of all of them: `Healths`, `Secrets`."""

    def __init__(self) -> None:
        """Nothing is known."""
        self.abilities: list[Abilities] = []

    async def secrets(self, tenant: str, connection: str) -> Mapping[str, str]:
        """What lets us in."""
        return {"token": "canary"}

    async def health(self, tenant: str, connections: Collection[str]) -> Mapping[str, Health]:
        """Nobody asks."""
        raise AssertionError  # nobody asks

    async def set_breaker(self, tenant: str, connection: str, breaker: Breaker) -> None:
        """A test leaves the breaker alone."""
        raise AssertionError  # nobody asks

    async def set_abilities(self, tenant: str, connection: str, abilities: Abilities) -> None:
        """Keep them."""
        self.abilities.append(abilities)

    async def reported(self, tenant: str, connection: str, at: datetime) -> None:
        """A test is no report."""
        raise AssertionError  # nobody asks

    async def set_late(self, tenant: str, connection: str, *, late: bool) -> None:
        """A test makes nobody late."""
        raise AssertionError  # nobody asks


async def test_nobody_is_waited_for_longer_than_the_caller_waits() -> None:
    """Who does not answer while the caller waits does not work, and the caller is told so in time; the connector is
    given up.
    """
    elsewhere, kept = Elsewhere(silent=asyncio.Event()), Kept()
    trying = testing.Testing(Making(elsewhere.sorts, kept, Guard()), kept)
    asking = call.Call("/test", Principal("acme", "somebody", CallerRole.OPERATOR), time.monotonic() + 0.6)
    with call.acting(asking):
        tested = await trying.test("acme", WEB)
    assert (tested.error, elsewhere.closed, kept.abilities) == ("It did not answer in time.", 1, [])


@pytest.mark.parametrize("failures", [1, 40])
async def test_a_test_that_fails_makes_room_for_the_next(failures: int) -> None:
    """However often it failed, it may be tried again."""
    elsewhere, kept = Elsewhere(fault=Away("")), Kept()
    trying = testing.Testing(Making(elsewhere.sorts, kept, Guard()), kept)
    for _ in range(failures):
        assert (await trying.test("acme", WEB)).error == "It does not work."
    elsewhere.fault = None
    assert not (await trying.test("acme", WEB)).error
    assert kept.abilities == [elsewhere.abilities]
