"""`weir demo`: the suite with a sample merchant, a short tour of what it can do, all that it says checked."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.text import Text

from weir_chassis.settings import SettingsFaults
from weir_cli import configuring
from weir_cli.options import REFUSED, USAGE
from weir_cli.paper import paper
from weir_cli.suite import Plan, standing
from weir_cli.supervisor import Event, Supervisor
from weir_cli.tour import Tour
from weir_cli.upping import line, planned, run

SAMPLE = Path(__file__).parent / "sample"
LOG = "demo.log"
ENVIRONMENT = {"WEIR_SYNC_ALLOW_LOOPBACK": "true"}
"""The store of the tour is on this machine."""
LOUD = ("died", "away")


def demonstrate(*, data_directory: Path | None, ports: Mapping[str, int], stay: bool) -> int:
    """Run the tour; with `stay` the suite then stays up until Ctrl-C. The exit status, 0 only if all it said held.

    A directory of its own is removed at the end, but kept for its log where something went wrong.
    """
    console = paper()
    directory = data_directory or _own_directory()
    log = directory / LOG
    try:
        plan = replace(planned(directory, ports=ports), environment=ENVIRONMENT)
        directory.mkdir(parents=True, exist_ok=True)
        with log.open("a") as file:
            status = _run(console, plan, file, stay=stay)
    except SettingsFaults as faults:
        configuring.print_faults(faults)
        return USAGE
    finally:
        console.show_cursor()
    if status and log.stat().st_size:
        console.print(Text(f"What the services said is in {log}.", style="yellow"))
    elif data_directory is None:
        shutil.rmtree(directory.parent, ignore_errors=True)
    return status


def _own_directory() -> Path:
    """A new directory that Postgres may enter, whomever it runs as; not made yet, but its parent is."""
    parent = Path(tempfile.mkdtemp(prefix="weir-demo-"))
    parent.chmod(0o711)
    return parent / "data"


def _run(console: Console, plan: Plan, log: TextIO, *, stay: bool) -> int:
    tour = Tour(console)
    told = _Teller(console, log)
    supervisor = Supervisor(told)

    async def stand() -> None:
        tour.chapter("The suite", "Postgres and six services, each a process of its own.")
        began = time.perf_counter()
        told.waiting.start()
        async with standing(plan, supervisor, told) as addresses:
            told.waiting.stop()
            tour.holds(f"Serving after {time.perf_counter() - began:.1f} s: {_named(addresses)}.", True)
            told.quiet = False
            try:
                await _beside(supervisor.failure(), _toured(tour, addresses, stay=stay))
            finally:
                told.quiet = True
                if stay:
                    console.print(Text("\nEnding ...", style="dim"))

    console.print(Text.assemble(("weir", "bold"), "  one ledger of truth, and what every channel may sell"))
    status = run(stand, supervisor, paper(stderr=True, soft_wrap=True))
    return status or (0 if tour.complete else REFUSED)


async def _toured(tour: Tour, addresses: Mapping[str, str], *, stay: bool) -> None:
    from weir_cli.pasting import recipes
    from weir_cli.touring import lead

    await lead(tour, addresses, SAMPLE)
    tour.conclude()
    if stay:
        tour.give(recipes(addresses))
        await asyncio.Event().wait()


async def _beside(watch: Coroutine[None, None, None], work: Coroutine[None, None, None]) -> None:
    """Do `work` while `watch` looks out for trouble; what `watch` raises ends it."""
    tasks = [asyncio.create_task(watch), asyncio.create_task(work)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _named(addresses: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {address}" for name, address in addresses.items())


class _Teller:
    """Writes every event into the log; on the screen only what nobody expects."""

    def __init__(self, console: Console, log: TextIO) -> None:
        self.quiet = True
        self.waiting = console.status("Starting ...")
        self._console = console
        self._log = log

    def __call__(self, event: Event) -> None:
        self._log.write(f"{line(event).plain}\n")
        self._log.flush()
        if event.kind != "log":
            self.waiting.update(f"{event.program} {event.text}")
        if not self.quiet and event.kind in LOUD:
            self._console.print(line(event))
