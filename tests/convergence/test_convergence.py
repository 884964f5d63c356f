"""I7 and I14 while things go wrong; `python -m tests.convergence 1..30` plays more."""

from __future__ import annotations

import os
import random

from tests.convergence.plan import drawn
from tests.convergence.play import play
from tests.convergence.world import world
from tests.kit.postgres import PostgresForTests


async def test_stores_show_their_levels_in_the_end(postgres: PostgresForTests) -> None:
    """After a storm every store shows its level, none was told an older level after a newer one or two at a time, and
    the store that compares and sets never sold more than there was."""
    seed = int(os.environ.get("WEIR_SEED") or random.randrange(10**6))
    print(f"WEIR_SEED={seed}; play it again with: python -m tests.convergence {seed}")
    async with world(postgres) as here:
        run = await play(here, drawn(seed))
    assert run.wrong == []
