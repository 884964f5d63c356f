"""What is measured, what it cost, and the tables that tell it."""

import os
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.bench.cpu import cpu_seconds
from tests.bench.load import Call, Sample, closed
from tests.bench.suite import Suite


@dataclass(frozen=True, slots=True)
class Options:
    """How long, how often and how much; `scale` makes what is written smaller, to try the bench itself."""

    rounds: int = 5
    seconds: float = 1.5
    only: str = ""
    scale: float = 1.0

    def scaled(self, number: int, least: int = 1000) -> int:
        """So many of something, by scale; at least as many as requests take up to, unless told."""
        return max(least, round(number * self.scale))


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to measure: which server answers it, how many calls at once, and how many units of work a call is.

    `against` names what it is compared with, if not the empty call.
    """

    name: str
    server: str
    call: Call
    in_flight: int
    work: int = 1
    against: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """One case in one round; CPU in seconds a call."""

    sample: Sample
    server_cpu: float
    postgres_cpu: float
    client_cpu: float

    @property
    def cost(self) -> float:
        """CPU of server and Postgres."""
        return self.server_cpu + self.postgres_cpu


Rounds = Sequence[dict[Case, Measured]]


class Meter:
    """Reads what a stretch of work cost a server, Postgres and this process."""

    def __init__(self, running: Suite, server: str) -> None:
        """Begin to count."""
        self._families = ([running.servers[server].pid], True), ([running.postgres_pid], True), ([os.getpid()], False)
        self._before = self._read()

    def spent(self) -> list[float]:
        """CPU seconds since, of the three."""
        return [end - begin for begin, end in zip(self._before, self._read(), strict=True)]

    def _read(self) -> list[float]:
        return [cpu_seconds(pids, with_children=children) for pids, children in self._families]


async def measure(case: Case, running: Suite, seconds: float) -> Measured:
    """Put the case's load on its server, and read what it cost."""
    meter = Meter(running, case.server)
    sample = await closed(case.call, in_flight=case.in_flight, seconds=seconds)
    return Measured(sample, *(spent / sample.calls for spent in meter.spent()))


async def rounds(cases: Sequence[Case], running: Suite, options: Options) -> Rounds:
    """Every case in alternating rounds; connections, plans and caches are there before anything counts."""
    for each in cases:
        await closed(each.call, in_flight=each.in_flight, seconds=min(0.5, options.seconds))
    measured: list[dict[Case, Measured]] = []
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        measured.append({each: await measure(each, running, options.seconds) for each in cases})
    return measured


def base_of(case: Case, found: Sequence[Case]) -> Case:
    """What a case is compared with, with as many calls in flight if there is such a one, else with 64.

    The empty call is compared with the bare echo, and with itself whatever has nothing to be compared with.
    """
    if case.server == "empty":
        return found[0]
    named = [each for each in found if (each.name == case.against if case.against else each.server == "empty")]
    same = [each for each in named if each.in_flight == case.in_flight]
    return same[0] if same else next((each for each in named if each.in_flight == 64), case)


def cells(case: Case, base: Case, measured: Rounds) -> list[str]:
    """The medians of a case over all rounds: in flight, calls/s, ratios, CPU of a call, quantiles."""

    def median(values: Iterable[float]) -> float:
        return float(statistics.median(values))

    of, to = [each[case] for each in measured], [each[base] for each in measured]
    per_second = median(each.sample.per_second for each in of)
    work = f" ({per_second * case.work:,.0f} lines)" if case.work > 1 else ""
    ratio = median(each.sample.per_second / other.sample.per_second for each, other in zip(of, to, strict=True))
    cpu_ratio = median(other.cost / each.cost for each, other in zip(of, to, strict=True))
    comparable = case is not base and case.work == base.work
    cpu = [median(getattr(each, name) for each in of) * 1e6 for name in ("server_cpu", "postgres_cpu", "client_cpu")]
    quantiles = [median(each.sample.quantile(part) for each in of) * 1e3 for part in (0.5, 0.99)]
    return [
        f"{case.in_flight}",
        f"{per_second:,.0f}{work}",
        f"{ratio:.2f}" if comparable else "",
        f"{cpu_ratio:.2f}" if comparable else "",
        " / ".join(f"{each:,.0f}" for each in cpu),
        " / ".join(f"{each:.1f}" for each in quantiles),
    ]


COLUMNS = ["in flight", "calls/s", "ratio", "CPU ratio", "CPU us a call: server / Postgres / client", "p50 / p99 ms"]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of the README."""
    lines = ["| " + " | ".join(each) + " |" for each in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


def told(cases: Sequence[Case], measured: Rounds) -> str:
    """The table of what is compared with the empty call, and that of what is compared with another call."""
    usual = [each for each in cases if not each.against]
    tables = [table(["call", *COLUMNS], ([each.name, *cells(each, base_of(each, cases), measured)] for each in usual))]
    others = [each for each in cases if each.against]
    if others:
        compared = ([each.name, each.against, *cells(each, base_of(each, cases), measured)] for each in others)
        tables.append(table(["call", "against", *COLUMNS], compared))
    return "\n\n".join(tables)
