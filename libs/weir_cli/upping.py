"""`weir up`: the suite in the foreground, its logs joined, until it is asked to end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from weir_chassis.embedded import EmbeddedPostgresFailed, PostgresNotFound
from weir_chassis.settings import DatabaseSettings, SettingsFaults, load
from weir_cli import configuring
from weir_cli.options import OK, REFUSED, UNAVAILABLE, USAGE
from weir_cli.paper import paper
from weir_cli.services import SERVICES
from weir_cli.suite import MigrationEnded, Plan, PortsTaken, standing
from weir_cli.supervisor import Event, ProgramFailed, Supervisor

COLOURS = {
    "postgres": "blue",
    "ledger": "cyan",
    "sharing": "magenta",
    "partitioning": "bright_magenta",
    "sync": "bright_cyan",
    "pooling": "bright_green",
    "aggregator": "green",
    "migrate": "yellow",
}
WIDTH = max(map(len, COLOURS))
LOUD = {"died": "bold red", "away": "yellow", "serving": "bold", "ending": "dim", "ended": "dim"}

TWICE_SECONDS = 1.0
"""Signals that follow the first one sooner are the same wish: a shell and `timeout` send it more than once."""


def up(
    *, data_directory: Path | None, host: str, ports: Mapping[str, int], addresses: Path | None, json_lines: bool
) -> int:
    """Run everything until SIGINT or SIGTERM; the exit status."""
    try:
        plan = planned(data_directory, host=host, ports=ports)
    except SettingsFaults as faults:
        configuring.print_faults(faults)
        return USAGE
    console = paper(soft_wrap=True)
    plan = replace(plan, log_format="plain" if console.is_terminal and not json_lines else "json")
    tell = _tell_programs if json_lines else lambda event: console.print(line(event))
    supervisor = Supervisor(tell)

    async def stand() -> None:
        async with standing(plan, supervisor, tell) as found:
            with written(addresses, found, supervisor):
                if json_lines:
                    _print_json({"event": "up", "addresses": dict(found)})
                else:
                    console.print(welcome(plan, found))
                await supervisor.failure()

    return run(stand, supervisor, paper(stderr=True, soft_wrap=True))


def planned(data_directory: Path | None, *, ports: Mapping[str, int], host: str = "127.0.0.1") -> Plan:
    """What the environment says about the database, with the rest as asked. Raises SettingsFaults."""
    database = load(DatabaseSettings, os.environ)
    if data_directory is not None:
        database = replace(database, data_directory=data_directory)
    return Plan(database, host=host, ports=ports)


def run(stand: Callable[[], Coroutine[Any, Any, None]], supervisor: Supervisor, console: Console) -> int:
    """Do `stand` until it ends or a signal asks it to; a second signal cuts every program. The exit status."""
    try:
        return asyncio.run(_run(stand, supervisor))
    except PortsTaken as taken:
        console.print(Text(str(taken), style="red"))
        return UNAVAILABLE
    except ProgramFailed as failed:
        for told in failed.tail:
            console.print(line(Event(failed.program, "log", told)))
        console.print(Text(str(failed), style="bold red"))
        return UNAVAILABLE
    except (EmbeddedPostgresFailed, PostgresNotFound, MigrationEnded) as failed:
        console.print(Text(str(failed), style="bold red"))
        return UNAVAILABLE


async def _run(stand: Callable[[], Coroutine[Any, Any, None]], supervisor: Supervisor) -> int:
    work = asyncio.create_task(stand())
    loop = asyncio.get_running_loop()
    first: float | None = None
    cut = False

    def ask() -> None:
        nonlocal first, cut
        if first is None:
            first = loop.time()
            work.cancel()
        elif loop.time() - first > TWICE_SECONDS:
            cut = True
            supervisor.kill()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ask)
    try:
        await work
    except asyncio.CancelledError:
        if first is None:
            raise
    return REFUSED if cut else OK


@contextmanager
def written(file: Path | None, addresses: Mapping[str, str], supervisor: Supervisor) -> Any:
    """For the block `file` says who listens where and which process is which; whole or not there at all."""
    if file is None:
        yield
        return
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    draft.write_text(json.dumps({"addresses": dict(addresses), "processes": supervisor.pids()}))
    draft.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def line(event: Event) -> Text:
    """One event on one line, behind the name of its program."""
    name = Text(event.program.ljust(WIDTH), style=COLOURS.get(event.program, ""))
    return Text.assemble(name, (" │ ", "dim"), Text.from_ansi(event.text) if event.kind == "log" else
                         Text(event.text, style=LOUD[event.kind]))  # fmt: skip


def welcome(plan: Plan, addresses: Mapping[str, str]) -> Text:
    """What to do next, once everything serves."""
    said = Text("\nThe suite is up.", style="bold green")
    for name, address in addresses.items():
        said.append(f"\n  {name.ljust(WIDTH)} ", style="default not bold")
        said.append(address, style=COLOURS.get(name, "") + " not bold")
    where = "the database of WEIR_DATABASE_URL" if plan.database.url is not None else str(plan.directory)
    said.append(f"\n  {'data'.ljust(WIDTH)} {where}", style="default not bold")
    named = exports(addresses)
    said.append("\nIn another terminal: ", style="default not bold")
    said.append(f"{named}weir status", style="bold")
    said.append(" · weir load FOLDER · weir levels. Ctrl-C ends it.\n", style="default not bold")
    return said


def exports(addresses: Mapping[str, str]) -> str:
    """What a line must begin with to reach these addresses; empty where they are the usual ones."""
    other = {name: each for name, each in addresses.items() if name in SERVICES and each != SERVICES[name].target}
    return "".join(f"{SERVICES[name].variable}={address} " for name, address in other.items())


def _tell_programs(event: Event) -> None:
    _print_json({"event": event.kind, "program": event.program, "text": event.text})


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()
