"""Keep programs running: each its own process, its log lines passed on, started again when it dies, ended in order.

A program tells how it stands by lines of JSON on its standard output: `{"listening": "127.0.0.1:7101"}` once it
listens, `{"serving": true}` or `false` whenever its health changes. Everything else it writes is log. A program that is
started again is told the address it had, so that whoever calls it finds it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

LINE_BYTES_MAX = 1 << 20
TAIL_LINES = 30
STEADY_SECONDS = 30.0
"""A program that ran this long was well: its next death is the first again."""

Kind = Literal["log", "serving", "away", "died", "ending", "ended"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a program, in a sentence; or a line of its log."""

    program: str
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and what is added to our environment for it."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long to wait before a dead program is started again: doubled from the first to the longest."""

    first_seconds: float = 0.5
    longest_seconds: float = 10.0


class ProgramFailed(Exception):
    """A program ended before it ever listened; `tail` is the end of its log."""

    def __init__(self, program: str, how: str, tail: list[str]) -> None:
        """Tell which, how it ended, and its last words."""
        super().__init__(f"{program} does not start: it {how}.")
        self.program = program
        self.tail = tail


class Supervisor:
    """The programs of one run. `tell` hears every event; it must not block."""

    def __init__(
        self, tell: Callable[[Event], None], *, pauses: Pauses | None = None, end_seconds: float = 25.0
    ) -> None:
        """Nothing runs before `start`; a program that does not end within `end_seconds` is killed."""
        self._tell = tell
        self._pauses = pauses or Pauses()
        self._end_seconds = end_seconds
        self._kept: list[_Kept] = []

    async def start(self, *programs: Program) -> list[str]:
        """Start programs at the same time and keep them running; returns their addresses once all listen.

        Raises ProgramFailed where one ends before that.
        """
        begun = [_Kept(program, self._tell, self._pauses) for program in programs]
        self._kept += begun
        for kept in begun:
            kept.task = asyncio.create_task(kept.keep())
        return list(await asyncio.gather(*(kept.until("listening") for kept in begun)))

    async def serving(self) -> None:
        """Wait until every program says that it serves; raises ProgramFailed where one never listened."""
        await asyncio.gather(*(kept.until("serving") for kept in self._kept))

    async def failure(self) -> None:
        """Wait, perhaps for ever, until a program cannot be kept; raises what happened."""
        tasks = [kept.task for kept in self._kept if kept.task is not None]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def stop(self) -> None:
        """End all programs, last started first, each before the next; again harmless."""
        while self._kept:
            await self._kept.pop().end(self._end_seconds)

    def kill(self) -> None:
        """Cut every program at once; `stop` then has little left to wait for."""
        for kept in self._kept:
            kept.cut()

    def pids(self) -> dict[str, int]:
        """The process id of every program that runs now."""
        return {kept.program.name: kept.process.pid for kept in self._kept if kept.process is not None}


class _Kept:
    """One program, and the process that runs it now."""

    def __init__(self, program: Program, tell: Callable[[Event], None], pauses: Pauses) -> None:
        self.program = program
        self.process: asyncio.subprocess.Process | None = None
        self.task: asyncio.Task[None] | None = None
        self._tell = tell
        self._pauses = pauses
        self._ending = False
        self._address = ""
        self._serving = False
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._changed = asyncio.Condition()

    async def keep(self) -> None:
        """Run the program until `end`; raises ProgramFailed where it ends before it ever listened."""
        loop = asyncio.get_running_loop()
        pause_seconds = self._pauses.first_seconds
        while True:
            began = loop.time()
            how = _how(await self._run())
            if self._ending:
                return
            if not self._address:
                raise ProgramFailed(self.program.name, how, list(self._tail))
            if loop.time() - began > STEADY_SECONDS:
                pause_seconds = self._pauses.first_seconds
            self._say("died", f"{how}; starting it again in {pause_seconds:g} s")
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, self._pauses.longest_seconds)

    async def until(self, state: Literal["listening", "serving"]) -> str:
        """Wait until the program listens or serves; its address. Raises ProgramFailed."""
        assert self.task is not None
        waiting = asyncio.create_task(self._until(state))
        await asyncio.wait([waiting, self.task], return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            self.task.result()
            raise ProgramFailed(self.program.name, "was ended", list(self._tail))
        return self._address

    async def end(self, seconds: float) -> None:
        """Ask it to end, wait, kill it if it does not; never starts it again."""
        self._ending = True
        if self.task is None:
            return
        if self.process is None:
            self.task.cancel()
        else:
            self._say("ending", "ending")
            self.signal(signal.SIGTERM)
        with suppress(ProgramFailed, asyncio.CancelledError, TimeoutError):
            await asyncio.wait_for(asyncio.shield(self.task), seconds)
        if self.process is not None:
            self._say("ending", f"does not end within {seconds:g} s; killing it")
            self.signal(signal.SIGKILL)
            await asyncio.gather(self.task, return_exceptions=True)
        self._say("ended", "ended")

    def cut(self) -> None:
        """Kill the process, and do not start it again."""
        self._ending = True
        self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, if there is one."""
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)

    async def _until(self, state: str) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._address) if state == "listening" else self._serving)

    async def _run(self) -> int:
        process = await asyncio.create_subprocess_exec(
            *self.program.command,
            env={**os.environ, **self.program.environment, **({"WEIR_LISTEN": self._address} if self._address else {})},
            stdin=asyncio.subprocess.PIPE,  # the lifeline: it closes when we are gone
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_BYTES_MAX,
            start_new_session=True,  # Ctrl-C is ours alone: we end the others in order
        )
        self.process = process
        assert process.stdout is not None
        assert process.stderr is not None
        readers = asyncio.gather(self._read(process.stdout, self._heard), self._read(process.stderr, self._logged))
        try:
            status = await process.wait()
            with suppress(TimeoutError):  # a grandchild may hold the pipe open
                await asyncio.wait_for(readers, 1.0)
        finally:
            if process.returncode is None:
                process.kill()
            readers.cancel()
            self.process = None
        self._serving = False
        return status

    async def _read(self, stream: asyncio.StreamReader, take: Callable[[str], None]) -> None:
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # longer than any line we keep
                continue
            if not line:
                return
            take(line.decode(errors="replace").rstrip())
            async with self._changed:
                self._changed.notify_all()

    def _heard(self, line: str) -> None:
        try:
            state = json.loads(line)
        except ValueError:
            state = None
        if not isinstance(state, dict) or not state.keys() & {"listening", "serving"}:
            self._logged(line)
            return
        self._address = str(state.get("listening", self._address))
        if (serving := bool(state.get("serving", self._serving))) != self._serving:
            self._serving = serving
            self._say("serving" if serving else "away", f"serving on {self._address}" if serving else "not serving")

    def _logged(self, line: str) -> None:
        self._tail.append(line)
        self._say("log", line)

    def _say(self, kind: Kind, text: str) -> None:
        self._tell(Event(self.program.name, kind, text))


def _how(status: int) -> str:
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return "ended by itself" if status == 0 else f"ended with status {status}"
