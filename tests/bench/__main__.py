"""`make bench`: measure every case in alternating rounds and print the tables of the README.

make bench ARGS="calls --rounds 5 --seconds 1.5 --only Reserve"
"""

import argparse
import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime

from tests.bench import calls, fulfilment, growth, levels, past, planning, pushes, rebalancing, snapshots, views
from tests.bench.measuring import Options

PARTS: dict[str, Callable[[Options], None]] = {
    "calls": calls.run,
    "past": past.run,
    "snapshots": snapshots.run,
    "levels": levels.run,
    "planning": planning.run,
    "fulfilment": fulfilment.run,
    "rebalancing": rebalancing.run,
    "views": views.run,
    "pushes": pushes.run,
    "growth": growth.run,
}
USUAL = ["calls", "past", "snapshots", "levels", "planning", "fulfilment", "rebalancing", "views", "pushes"]


def main() -> None:
    """Read the command line and run."""
    usual = Options()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all but growth unless told")
    parser.add_argument("--rounds", type=int, default=usual.rounds)
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="length of one measurement")
    parser.add_argument("--only", default="", help="cases whose name contains this, and what they are compared with")
    parser.add_argument(
        "--scale", type=float, default=usual.scale, help="part of the usual amount of goods and history"
    )
    asked = parser.parse_args()
    parts = asked.parts or USUAL
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    processor = platform.processor() or platform.machine()
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {processor}, Python {platform.python_version()};",
        end=" ",
    )
    print(f"medians of {asked.rounds} rounds, calls counted for {asked.seconds:g} s in each; synchronous_commit on.")
    for part in parts:
        print(f"\n{part}\n", flush=True)
        PARTS[part](Options(asked.rounds, asked.seconds, asked.only, asked.scale))


if __name__ == "__main__":
    main()
