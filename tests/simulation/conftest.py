"""One world for all histories of a run, and a history that others may be made of."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.simulation.history import History
from tests.simulation.plan import drawn
from tests.simulation.play import play
from tests.simulation.world import World, world


@pytest.fixture(scope="session")
def seed() -> int:
    """The seed of the run; shown where it fails."""
    found = int(os.environ.get("WEIR_SEED") or random.randrange(10**6))
    print(f"WEIR_SEED={found}; play it again with: make simulate SEEDS={found}")
    return found


@pytest.fixture(scope="session")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Two ledgers on a Postgres of their own."""
    async with world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture(scope="session")
async def kept(here: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a history in which nothing is wrong, if the ledger does nothing wrong."""
    file = tmp_path_factory.mktemp("histories") / "history.jsonl"
    (await play(here, drawn(1, clients=32, steps=12))).save(file)
    return file


@pytest.fixture
def history(kept: Path) -> History:
    """That history, to do with it as one likes."""
    return History.load(kept)
