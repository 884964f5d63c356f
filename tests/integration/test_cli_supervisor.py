"""Programs are kept running: started again when they die, ended in order, and never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from tests.contract.tree import ROOT
from tests.kit.waiting import until
from weir_cli.supervisor import Event, Pauses, Program, ProgramFailed, Supervisor

DUMMY = """
import json, os, signal, sys, threading, time
from weir_cli import lifeline
lifeline.hold()
name, mode = sys.argv[1:3]
print(json.dumps({"listening": os.environ.get("WEIR_LISTEN") or f"{name}:{os.getpid()}"}), flush=True)
if mode == "serving":
    print(json.dumps({"serving": True}), flush=True)
print(f"{name} says hello", file=sys.stderr, flush=True)
if mode == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(json.dumps({"serving": True}), flush=True)
while True:
    time.sleep(0.05)
"""

PARENT = """
import asyncio, json, sys
from weir_cli.supervisor import Program, Supervisor
async def main():
    supervisor = Supervisor(lambda event: None)
    await supervisor.start(*(Program(name, (sys.executable, "-c", {dummy!r}, name, "serving")) for name in "abc"))
    print(json.dumps(supervisor.pids()), flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""

QUICK = Pauses(0.05, 0.2)


def dummy(name: str, mode: str = "serving") -> Program:
    """A program that listens, serves, says hello and waits."""
    return Program(name, (sys.executable, "-c", DUMMY, name, mode))


@asynccontextmanager
async def supervised(*, end_seconds: float = 20.0) -> AsyncIterator[tuple[Supervisor, list[Event]]]:
    """A supervisor with quick pauses, and what it told."""
    events: list[Event] = []
    supervisor = Supervisor(events.append, pauses=QUICK, end_seconds=end_seconds)
    try:
        yield supervisor, events
    finally:
        supervisor.kill()
        await supervisor.stop()


def said(events: list[Event], program: str, kind: str) -> list[str]:
    """What was told of one program."""
    return [event.text for event in events if (event.program, event.kind) == (program, kind)]


async def test_programs_start_together_and_their_logs_are_joined() -> None:
    """Each gives its address, says that it serves, and is heard under its name."""
    async with supervised() as (supervisor, events):
        addresses = await supervisor.start(dummy("a"), dummy("b"))
        await supervisor.serving()
        pids = supervisor.pids()
        assert addresses == [f"a:{pids['a']}", f"b:{pids['b']}"]
        await until(lambda: bool(said(events, "a", "log") and said(events, "b", "log")))
        assert said(events, "a", "log") == ["a says hello"]
        assert said(events, "b", "serving") == [f"serving on b:{pids['b']}"]


async def test_what_dies_is_started_again_where_it_was_with_growing_pauses() -> None:
    """A killed program comes back at its address, the death is told with its cause, and the pause doubles to its
    bound."""
    async with supervised() as (supervisor, events):
        (address,) = await supervisor.start(dummy("a"))
        for _ in range(4):
            before = supervisor.pids()["a"]
            os.kill(before, signal.SIGKILL)
            await until(lambda before=before: supervisor.pids().get("a", before) != before)  # type: ignore[misc]
            await until(lambda: said(events, "a", "log")[-1:] == ["a says hello"])
            await supervisor.serving()
        assert said(events, "a", "died") == [
            f"was killed by SIGKILL; starting it again in {pause:g} s" for pause in (0.05, 0.1, 0.2, 0.2)
        ]
        assert set(said(events, "a", "serving")) == {f"serving on {address}"}


async def test_programs_end_in_order_and_are_gone() -> None:
    """The last started ends first, each before the next; none is started again."""
    async with supervised() as (supervisor, events):
        await supervisor.start(dummy("a"))
        await supervisor.start(dummy("b"), dummy("c"))
        pids = supervisor.pids().values()
        await supervisor.stop()
        order = [(event.program, event.kind) for event in events if event.kind in ("ending", "ended", "died")]
        assert order == [(name, kind) for name in "cba" for kind in ("ending", "ended")]
        assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_what_does_not_end_is_killed_and_said_so() -> None:
    """A program that does not heed SIGTERM holds nothing up for longer than it may."""
    async with supervised(end_seconds=0.3) as (supervisor, events):
        await supervisor.start(dummy("a", "stubborn"))
        await supervisor.serving()
        pid = supervisor.pids()["a"]
        await supervisor.stop()
        assert not psutil.pid_exists(pid)
        assert said(events, "a", "ending") == ["ending", "does not end within 0.3 s; killing it"]


async def test_a_program_that_waits_for_its_next_start_ends_at_once() -> None:
    """Asked to end between a death and the next start, it is not started any more."""
    async with supervised() as (supervisor, events):
        patient = Supervisor(events.append, pauses=Pauses(600, 600))
        await patient.start(dummy("a"))
        os.kill(patient.pids()["a"], signal.SIGKILL)
        await until(lambda: bool(said(events, "a", "died")))
        await asyncio.wait_for(patient.stop(), 10)
        assert said(events, "a", "ended") == ["ended"]
        assert supervisor.pids() == {}


@pytest.mark.parametrize(
    ("code", "how"),
    [("import sys; print('no luck'); sys.exit(3)", "ended with status 3"), ("print('no luck')", "ended by itself")],
)
async def test_what_never_listened_is_not_tried_again(code: str, how: str) -> None:
    """A program that cannot start is a fault to show, with its last words, not to repeat."""
    async with supervised() as (supervisor, _):
        with pytest.raises(ProgramFailed) as failed:
            await supervisor.start(dummy("b"), Program("a", (sys.executable, "-c", code)))
        assert (str(failed.value), failed.value.tail) == (f"a does not start: it {how}.", ["no luck"])


async def test_nothing_is_left_behind_where_the_supervisor_is_killed(tmp_path: Path) -> None:
    """After kill -9 of the supervisor every program of it ends; nobody need tidy up."""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT.format(dummy=DUMMY), cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert parent.stdout is not None
    line = await asyncio.wait_for(parent.stdout.readline(), 60)
    pids = [int(part.split(":")[1].strip(" }\n")) for part in line.decode().split(",")]
    assert len(pids) == 3
    assert all(psutil.pid_exists(pid) for pid in pids)
    parent.kill()
    await parent.wait()
    await until(lambda: not any(_runs(pid) for pid in pids))


def _runs(pid: int) -> bool:
    """Whether a process is there and not only waited for."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
