"""Play the runs of some seeds: `python -m tests.convergence 1..30`, or `7`, or `3,5,8..10`.

The exit status is 0 where every run passed, 1 where something was wrong, 2 where a run did not reach what it has to.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence

import uvloop

from tests.convergence.plan import drawn
from tests.convergence.play import Run, play
from tests.convergence.world import world
from tests.kit.postgres import PostgresForTests, server
from tests.simulation.__main__ import seeds


def main(arguments: Sequence[str]) -> int:
    """Do as the command line says; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.convergence", description=__doc__)
    parser.add_argument("seeds", type=seeds, nargs="?", default=[1], help="such as 1..30 or 3,5,8..10")
    runs = uvloop.run(played(parser.parse_args(arguments).seeds))
    figures = sum((each.figures for each in runs), Counter[str]())
    print(*(f"{name.lower()}: {count}" for name, count in sorted(figures.items())), sep=", ")
    wrong, missing = sum(bool(each.wrong) for each in runs), sum(bool(each.missing) for each in runs)
    print(f"{len(runs)} runs: {wrong} wrong, {missing} that did not reach all they have to")
    return 1 if wrong else 2 if missing else 0


async def played(wanted: Sequence[int]) -> list[Run]:
    """The runs of some seeds, each shown as it ends."""
    runs: list[Run] = []
    with server() as postgres:
        async with world(PostgresForTests(postgres)) as here:
            for seed in wanted:
                runs.append(run := await play(here, drawn(seed)))
                print(
                    f"seed {seed}: {'; '.join(run.wrong) or 'right'}", *run.missing, sep=" -- not reached: ", flush=True
                )
                for line in run.evidence:
                    print(line, flush=True)
    return runs


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
