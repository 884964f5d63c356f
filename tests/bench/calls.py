"""Every call of the suite, and how long a reservation takes to show at a channel."""

import asyncio

import uvloop

from tests.bench.cases import cases, prepare, stubs
from tests.bench.fanout import fanout
from tests.bench.measuring import Options, rounds, told
from tests.bench.suite import Suite, suite


def run(options: Options) -> None:
    """Start the suite, measure, print."""
    with suite() as running, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(running, options))


async def _run(running: Suite, options: Options) -> None:
    clients = stubs(running)
    await prepare(clients)
    every = cases(clients)
    wanted = [each for each in every if options.only in each.name]
    bases = {"empty call", *(each.against for each in wanted)}
    chosen = [each for each in every if each in wanted or each.name in bases or each.server == "echo"]
    print(told(chosen, await rounds(chosen, running, options)))
    if options.only in "fan-out":
        print("\n" + await fanout(clients, rounds=options.rounds))
