"""`weir demo` as a newcomer meets it: one command, no terminal, and what it prints to paste works."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shlex
import signal
import sys
from collections.abc import AsyncIterator

import psutil

from tests.contract.tree import ROOT
from tests.kit.command import Said, Weir, clean_environment
from tests.kit.postgres import directory
from tests.kit.waiting import until
from weir_chassis.embedded import EmbeddedPostgres

START_SECONDS = 240.0


async def test_the_demo_shows_golden_case_1_and_ends_well_without_a_terminal() -> None:
    """180 / 80 / 12 are shown, two numbers are explained, one of them of a bundle by policy and rule; an order over
    two locations lowers every level it touches, a store is told of another and lowers all others itself, a third
    spends a share and has the supply divided anew, a late report hits the newest promise, which is planned again, the
    past can be asked, a rep sees 3, 10 and 13, or 3, 0 and 3, takes goods over and uses some, the books agree; exit
    status 0, and nothing is left of it."""
    before = leftovers()
    said = await demonstrated()
    assert said.status == 0, said
    rows = [line.split() for line in said.out.splitlines()]
    assert ["product", "amazon-de", "pos-berlin", "webshop-de", "webshop-fr", "webshop-us"] in rows
    assert ["APRON-LINEN-NATURAL", "180", "12", "180", "180", "80"] in rows
    assert "APRON-LINEN-NATURAL in webshop-de: 180" in said.out
    assert "BREAKFAST-SET in amazon-de: 30" in said.out
    for channel, left in (("amazon-de", 60), ("webshop-de", 60), ("webshop-fr", 60)):
        assert [channel, "180", str(left), "-120"] in rows
    assert ["webshop-us", "80", "80"] in rows
    assert ["pos-berlin", "12", "12"] in rows
    assert re.search(r"every level that the order touches had fallen (\d+\.\d ms later|before the answer)", said.out)
    for told in (
        r"122 units from 2 locations, 2 of them put together there; no plan is better\.",
        r"Connected, it is told 201 levels, all that its channel may sell, in \d+\.\d s\.",
        r"webshop-de sells 40: \d+ ms after that it shows 140, no longer 180\.",
        r"It sells 3 itself and reports it: webshop-de may sell 137, as the store shows\.",
        r"Divided at an instant: webshops-eu 75, amazon-de 25\.",
        r"Of 30 that Amazon asks for it may have 25\.",
        r"A fifth of its share is left: divided anew \d+ ms later\.",
        r"Of what is left: webshops-eu 60, amazon-de 20\.",
        r"10 free and 20 handed over are 30 on hand; 45 are promised\.",
        r"APRON-LINEN-NATURAL@DE1   15 short  on hand 30, reserved 45",
        r"1  A-1003  webshop-de    25       15 ",
        r"Revision \d+, before the report, can still be asked: 50\.",
        r"Planned again: 15 units moved in one commit, and nothing is short\.",
        r"Shared, she sees: 3 of her own, 10 of her distributor's, 13 together\.",
        r"Not shared: 3 of her own, 0 of her distributor's, 3 together\.",
        r"So her channel may sell 3, and 13 again\.",
        r"  OWN      rosa +DUTCH-OVEN-5L  VAN-ROSA  lot C-26 +3 +3",
        r"  HUB      nordhandel  DUTCH-OVEN-5L  DE2 +lot C-26 +10 +10",
        r"ACCEPTED  nordhandel → rosa  2 units",
        r"Handed back at once by the distributor, who acts for both, everything is as it was\.",
        r"[\d,]+ entries folded, 894 balances and 11 reservation lines compared: 0 differences",
        r"The head that was signed before the report stands in the chain",
    ):
        assert re.search(told, said.out), told
    assert said.out.splitlines()[-1] == "All of it held."
    assert "✗" not in "".join(line for line in said.out.splitlines() if not line.startswith("  "))
    assert leftovers() == before


def leftovers() -> set[int]:
    """Every process of a demo that runs on this machine."""
    found = set()
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "demo" in words and "weir_cli" in words:
            found.add(process.pid)
    return found


async def demonstrated(*words: str) -> Said:
    """A demo that runs to its end, as a shell starts it."""
    process = await Weir().begin("demo", "--free-ports", *words)
    out, err = await asyncio.wait_for(process.communicate(), START_SECONDS)
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())


async def test_a_second_demo_on_the_same_data_holds_too_until_somebody_changes_them() -> None:
    """What was loaded is found there, and everything holds as it did the first time. With --stay it prints lines for
    `weir`, grpcurl and `buf curl`; those for programs that are here are run as they stand. They receive goods: so a
    third demo says what does not hold, and where the log is, with exit status 1."""
    with directory() as home:
        said = await demonstrated("--data-directory", str(home))
        assert said.status == 0, said
        assert "894 lines received (35,703 units in the folder)" in said.out
        async with staying("--data-directory", str(home)) as (process, printed):
            assert any("894 lines received before; nothing was added" in line for line in printed)
            assert "All of it held." in printed
            await pasted([line.strip() for line in printed if line.startswith("  ")])
            process.send_signal(signal.SIGINT)
            assert await asyncio.wait_for(process.wait(), 60) == 0
        said = await demonstrated("--data-directory", str(home))
        assert said.status == 1
        failed = [line for line in said.out.splitlines() if line.startswith("✗")]
        assert "webshop-de 194" in failed[0]  # 20 more came in, and 3 are promised twice
        assert said.out.splitlines()[-2:] == [
            f"{len(failed)} statements did not hold.",
            f"What the services said is in {home / 'demo.log'}.",
        ]
        assert not EmbeddedPostgres(home).alive


async def pasted(lines: list[str]) -> None:
    """Run what can be run of the lines to paste."""
    grpcurl = [line for line in lines if line.startswith("grpcurl ")]
    buf = [line for line in lines if " curl --protocol grpc " in line]
    assert len(grpcurl) == len(buf) == 5
    for line in buf[:-1]:  # the last one watches, and would never end
        refused = '"quantity": 5000' in line
        status, out, err = await _shell(line)
        assert (status != 0) == refused, (line, out, err)
        assert "code" in err if refused else json.loads(out), (line, out, err)
    verbs = [line for line in lines if "/weir " in line and "watch" not in line]
    assert len(verbs) == 5
    for line in verbs:
        status, out, err = await _shell(line)
        assert status == 0, (line, out, err)
    assert [shlex.split(line)[3] for line in grpcurl] == [
        shlex.split(line)[shlex.split(line).index("-d") + 1] for line in buf
    ]


@contextlib.asynccontextmanager
async def staying(*words: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[str]]]:
    """A demo that stays up, once it says so, and what it printed; killed at the end if it still runs."""
    printed: list[str] = []
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "weir_cli", "demo", "--free-ports", "--stay", *words),
        cwd=ROOT,
        env=clean_environment(COLUMNS="1000"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    reader = asyncio.create_task(_read(process, printed))
    try:
        await until(lambda: "Ctrl-C ends everything." in printed or process.returncode is not None, START_SECONDS)
        assert process.returncode is None, printed
        yield process, printed
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await reader


async def _read(process: asyncio.subprocess.Process, printed: list[str]) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        printed.append(line.decode().rstrip())


async def _shell(line: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_shell(
        line, cwd=ROOT, env=clean_environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode, out.decode(), err.decode()
