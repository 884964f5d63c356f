"""What two ledgers do to many clients at once while they and Postgres are killed, held against a sequential model.

`make simulate SEEDS=1..300` plays many more; a run can be had again by its seed, here as WEIR_SEED=4711.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.kit.sabotages import SABOTAGES
from tests.simulation.figures import REACHED, Verdict, judged, table
from tests.simulation.plan import INSIST_SECONDS, PATIENCE_SECONDS, Misfortune, Plan, What, drawn
from tests.simulation.play import play
from tests.simulation.world import World

HISTORIES = 3
TRIES = 24
KILLS = [Misfortune(share, What.POSTGRES, 0) for share in (0.3, 0.5, 0.7)]
SLOW = [Misfortune(0.0, What.SLOW, 8)]
NEEDED: Mapping[str, Sequence[Misfortune]] = {"careless": KILLS, "hasty": KILLS, "unlocked": SLOW}
"""What has to go wrong for a sabotage to show; most show by themselves."""


async def test_ledgers_keep_their_promises(here: World, seed: int, tmp_path: Path) -> None:
    """Whatever races, repeats, runs out, dies and is killed: every answer is one that a single ledger could have given,
    nothing acknowledged is lost, and watchers are shown every commit once."""
    verdicts: list[Verdict] = []
    for number in range(seed, seed + HISTORIES):
        history = await play(here, drawn(number))
        history.save(tmp_path / f"seed-{number}.jsonl")
        verdicts.append(judged(history))
    print(table(verdicts))
    assert {each.seed: each.wrong for each in verdicts if each.wrong} == {}
    assert [each for each in REACHED if not any(verdict.figures[each] for verdict in verdicts)] == []


@pytest.mark.parametrize("name", SABOTAGES)
async def test_sabotage_is_found_out(here: World, name: str, tmp_path: Path) -> None:
    """Negative control: a ledger that was made to do wrong is found to do wrong."""
    await here.become(name)
    try:
        for number in range(TRIES):
            history = await play(here, _plan(name, number))
            history.save(tmp_path / f"{name}-{number}.jsonl")
            if judged(history).wrong:
                return
    finally:
        await here.become("")
    pytest.fail(f"{TRIES} histories of it pass for right: {SABOTAGES[name].__doc__}")


def _plan(name: str, seed: int) -> Plan:
    """A short run in which such a sabotage shows.

    Few clients make small commits, which often share a claim without sharing a stock item and so its lock.
    """
    clients, steps = (10, 24) if name == "unlocked_claims" else (24, 10)
    return drawn(
        seed,
        clients=clients,
        steps=steps,
        misfortunes=NEEDED.get(name, ()),
        patience_seconds=PATIENCE_SECONDS if name in ("late", "early") else 0.1,
        insist_seconds=5 if name == "forgetful" else INSIST_SECONDS,
    )
