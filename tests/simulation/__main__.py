"""Play and judge the histories of some seeds: `python -m tests.simulation 1..300`, or `7`, or `3,5,8..10`.

Each history is kept in a file before it is judged; with `--judge FILE` such a file is judged again. The exit status
is 0 where every history passed, 1 where something was wrong, 2 where a history did not reach what it has to.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import uvloop

from tests.simulation.figures import Verdict, judged, table
from tests.simulation.history import History
from tests.simulation.plan import CLIENTS, STEPS, Plan, drawn
from tests.simulation.play import play
from tests.simulation.world import World, world

PASSED, WRONG, UNKNOWN = 0, 1, 2
SHOWN_MAX = 10
"""Violations of one history that are shown."""


def main(arguments: Sequence[str]) -> int:
    """Do as the command line says; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seeds", type=seeds, nargs="?", default=[1], help="such as 1..300 or 3,5,8..10")
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--steps", type=int, default=STEPS, help="of each client")
    parser.add_argument("--keep", type=Path, default=Path(".simulation"), help="where histories are kept")
    parser.add_argument("--judge", type=Path, help="judge this history instead")
    told = parser.parse_args(arguments)
    if told.judge:
        verdicts = [judged(History.load(told.judge))]
        show(verdicts[0], told.judge)
    else:
        told.keep.mkdir(exist_ok=True)
        verdicts = uvloop.run(run(told.seeds, told.clients, told.steps, told.keep))
    print(f"\n{table(verdicts)}\n")
    wrong, missing = sum(bool(each.wrong) for each in verdicts), sum(bool(each.missing) for each in verdicts)
    print(f"{len(verdicts)} histories: {wrong} wrong, {missing} that did not reach all they have to")
    return WRONG if wrong else UNKNOWN if missing else PASSED


def seeds(text: str) -> list[int]:
    """The numbers that `3,5,8..10` means."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("..")
        found += range(int(first), int(last or first) + 1)
    return found


async def run(wanted: Sequence[int], clients: int, steps: int, keep: Path) -> list[Verdict]:
    """The verdicts on the histories of some seeds, each shown as it is given.

    Where one cannot be played to its end nobody knows what it would have shown; the next begins in a new world.
    """
    verdicts: list[Verdict] = []
    left = list(wanted)
    while left:
        with tempfile.TemporaryDirectory() as directory:
            async with world(Path(directory)) as here:
                while left:
                    plan = drawn(left.pop(0), clients=clients, steps=steps)
                    try:
                        verdicts.append(await judge(here, plan, keep))
                    except Exception:
                        traceback.print_exc()
                        print(*(each.story() for each in here.ledgers), sep="\n", file=sys.stderr)
                        verdicts.append(Verdict(plan.seed, (), Counter()))
                        break
    return verdicts


async def judge(here: World, plan: Plan, keep: Path) -> Verdict:
    """Play a plan, keep its history, and give the verdict on it; the history of one that passed is not needed."""
    begun = time.monotonic()
    history = await play(here, plan)
    seconds = time.monotonic() - begun
    file = keep / f"seed-{plan.seed}.jsonl"
    history.save(file)
    verdict = judged(history)
    show(verdict, file, f"{seconds:5.1f} s")
    if not verdict.wrong:
        file.unlink()
    return verdict


def show(verdict: Verdict, file: Path, played: str = "") -> None:
    """Print a verdict in a line, and what is wrong beneath it."""
    figures = verdict.figures
    print(
        f"seed {verdict.seed:6} {played} {figures['calls']:6} calls {figures['revisions']:5} revisions"
        f" {figures['kill']:2} kills  {verdict}",
        flush=True,
    )
    for each in verdict.wrong[:SHOWN_MAX]:
        print(f"    {each}")
    if verdict.wrong:
        print(f"    kept in {file}; play it again with: make simulate SEEDS={verdict.seed}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
