"""`make bench`: measure every case in alternating rounds and print the table of the README.

make bench ARGS="--rounds 5 --seconds 1.5 --only Reserve"
"""

import argparse
import asyncio
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import uvloop

from tests.bench.cases import Case, cases, prepare, stubs
from tests.bench.cpu import cpu_seconds
from tests.bench.fanout import fanout
from tests.bench.load import Sample, closed
from tests.bench.suite import Suite, suite


@dataclass(frozen=True, slots=True)
class Measured:
    """One case in one round; CPU in seconds a call."""

    sample: Sample
    server_cpu: float
    postgres_cpu: float
    client_cpu: float


async def measure(case: Case, running: Suite, seconds: float) -> Measured:
    """Put the case's load on its server, and read what it cost."""
    server, postgres, client = [running.servers[case.server].pid], [running.postgres_pid], [os.getpid()]
    before = cpu_seconds(server), cpu_seconds(postgres), cpu_seconds(client, with_children=False)
    sample = await closed(case.call, in_flight=case.in_flight, seconds=seconds)
    after = cpu_seconds(server), cpu_seconds(postgres), cpu_seconds(client, with_children=False)
    return Measured(sample, *((end - begin) / sample.calls for begin, end in zip(before, after, strict=True)))


def base_of(case: Case, found: Sequence[Case]) -> Case:
    """The empty call with as many calls in flight, or with 64; for the empty call with 64 the bare echo."""
    if case.server == "empty":
        return found[0]
    same = [each for each in found if each.server == "empty" and each.in_flight == case.in_flight]
    return same[0] if same else next(each for each in found if each.server == "empty" and each.in_flight == 64)


def row(case: Case, base: Case, rounds: Sequence[dict[Case, Measured]]) -> str:
    """The medians of a case over all rounds, as a row of the table."""

    def median(read: str, of: Case = case) -> float:
        return float(statistics.median(getattr(each[of], read) for each in rounds))

    def rate(measured: Measured) -> float:
        return measured.sample.per_second

    def cost(measured: Measured) -> float:
        return measured.server_cpu + measured.postgres_cpu

    ratio = statistics.median(rate(each[case]) / rate(each[base]) for each in rounds)
    cpu_ratio = statistics.median(cost(each[base]) / cost(each[case]) for each in rounds)
    per_second = statistics.median(rate(each[case]) for each in rounds)
    work = f" ({per_second * case.work:,.0f} lines)" if case.work > 1 else ""
    quantiles = [statistics.median(each[case].sample.quantile(part) for each in rounds) * 1e3 for part in (0.5, 0.99)]
    cpu = " / ".join(f"{median(name) * 1e6:,.0f}" for name in ("server_cpu", "postgres_cpu", "client_cpu"))
    comparable = case is not base and case.work == 1
    against = f"{ratio:.2f}" if comparable else ""
    cpu_against = f"{cpu_ratio:.2f}" if comparable else ""
    return (
        f"| {case.name} | {case.in_flight} | {per_second:,.0f}{work} | {against} | {cpu_against} | {cpu} |"
        f" {quantiles[0]:.1f} / {quantiles[1]:.1f} |"
    )


HEAD = (
    "| call | in flight | calls/s | ratio | CPU ratio | CPU us a call: server / Postgres / client | p50 / p99 ms |\n"
    "|---|---|---|---|---|---|---|"
)


async def run(running: Suite, *, rounds: int, seconds: float, only: str) -> None:
    """Measure and print."""
    clients = stubs(running)
    await prepare(clients)
    every = cases(clients)
    chosen = [each for each in every if only in each.name or each.server in ("echo", "empty")]
    for each in chosen:  # connections, plans and caches are there before anything counts
        await closed(each.call, in_flight=each.in_flight, seconds=min(0.5, seconds))
    measured: list[dict[Case, Measured]] = []
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        measured.append({each: await measure(each, running, seconds) for each in chosen})
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.processor() or platform.machine()},", end=" "
    )
    print(f"Python {platform.python_version()}; medians of {rounds} rounds of {seconds:g} s; synchronous_commit on.\n")
    print(HEAD)
    for each in chosen:
        print(row(each, base_of(each, chosen), measured))
    if not only or only in "fan-out":
        print("\n" + await fanout(clients, rounds=rounds))


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5, help="length of one measurement")
    parser.add_argument("--only", default="", help="cases whose name contains this, and what they are compared with")
    asked = parser.parse_args()
    with suite() as running, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(running, rounds=asked.rounds, seconds=asked.seconds, only=asked.only))


if __name__ == "__main__":
    main()
