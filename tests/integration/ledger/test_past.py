"""The past: every state that was, at every revision and at many moments, is told as the entries make it."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.ledger import Caller
from tests.kit.past import close, folded, listed, live, moment, same, spread, stamp, told
from weir.common.v1 import revision_pb2
from weir.ledger.v1 import ledger_pb2


async def told_as_folded(caller: Caller, entries: list[ledger_pb2.Entry], chance: random.Random) -> None:
    """Hold what is told of every revision and of many moments against the entries."""
    head = await caller.head()
    for number in range(head.number + 1):
        revision = revision_pb2.Revision()
        revision.CopyFrom(head)
        revision.number = number
        same(await listed(caller, revision=revision), folded(entries, number), revision)
    moments = {moment(each) for entry in entries for each in (entry.occurred_time, entry.recorded_time)}
    past = sorted(each for each in moments if each < moment(entries[-1].recorded_time))
    for each in chance.sample(past, min(15, len(past))):
        for when in (each, each - timedelta(microseconds=1), each + timedelta(days=1), each + timedelta(days=30)):
            if when > moment(entries[-1].recorded_time):
                continue
            newest = max((e.revision for e in entries if moment(e.recorded_time) <= when), default=0)
            stood, revision = await listed(caller, recorded_time=stamp(when))
            assert (stood, revision.number >= newest) == (folded(entries, newest), True), when
            lay, revision = await listed(caller, occurred_time=stamp(when))
            assert (lay, revision) == (folded(entries, head.number, when), head), when


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("days", [0, 100])
async def test_every_state_is_told(acme: Caller, owner: Owner, seed: int, days: int) -> None:
    """After a history of facts late and early, counts, promises, and closings in between, that took minutes or months:
    each state at any revision or moment, recorded or occurred, is the fold of the entries."""
    chance = random.Random(seed)
    await acme.place("W2")
    closed = [await close(owner, acme)]
    for _ in range(4):
        await live(acme, chance, 12)
        closed.append(await close(owner, acme))
    await live(acme, chance, 12)
    assert len(set(closed)) == 5
    if days:
        await spread(owner, acme.tenant, days)
    entries = await acme.entries()
    assert len({moment(each.recorded_time).month for each in entries}) > (2 if days else 0)
    await told_as_folded(acme, entries, chance)
    newest = await acme.head()
    now = told((await acme.do("ListBalances", page_size=1000)).balances)
    assert (await listed(acme, revision=newest))[0] == now
