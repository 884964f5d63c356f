"""Ceilings that are set, over gRPC: orders count against what holds at their commit, and watchers are told of it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from grpc.aio import AioRpcError

from tests.kit.ledger import PARTIAL, SCHEMA, Caller, Ledger, claiming, draft, outcomes, promise, request, weighing
from tests.kit.postgres import FreshDatabase
from weir.ledger.v1 import reservation_pb2
from weir_chassis import status
from weir_chassis.database import Database
from weir_ledger.domain.ceilings import CeilingDraft, SetCeilings
from weir_ledger.domain.limits import Limits
from weir_ledger.ports import Attempt
from weir_ledger.store import PostgresBooks

ROUNDS = 5


@pytest.fixture
async def books(database: FreshDatabase) -> AsyncIterator[PostgresBooks]:
    """Books without a server, so that a test says how many commits are read at once."""
    opened = await Database.open(database.url(SCHEMA), schema=SCHEMA, settings=database.settings(SCHEMA))
    made = PostgresBooks(opened, queue_max=100, limits=Limits())
    yield made
    await made.close()
    await opened.close()


async def exported(caller: Caller) -> dict[str, Any]:
    """The claims that an export tells."""
    messages = [each async for each in caller.send("ExportBalances", request("ExportBalances"))]
    return {claim.claim: claim for each in messages for claim in each.claims}


async def test_the_life_of_a_ceiling(acme: Caller) -> None:
    """What is set holds for whoever claims under the key from then on, moves with what is set later, is told by reads,
    exports and watches, and is gone when it is taken away."""
    await acme.receive("A", 20)
    wanted = [{"claim": "share", "ceiling": 5, "epoch": 1, "subject": "half"}, {"claim": "other", "epoch": 1}]
    first = await acme.do("SetCeilings", ceilings=wanted)
    assert first.superseded == []
    made = await acme.reserve(weighing("A", 2, share=2))
    told = await acme.refused("Reserve", draft=draft(weighing("A", 1, share=2)))
    assert (told.reason, told.metadata["ceiling"], told.metadata["claimed"]) == ("CLAIM_EXHAUSTED", "5", "4")
    assert told.metadata["requested"] == "2"
    assert told.metadata["revision"] == str(made.changed_revision)
    assert await acme.ceilings(2, share=6) == []
    assert await acme.ceilings(2, share=9) == ["share"]
    await acme.reserve(weighing("A", 1, share=2))
    [found] = (await acme.do("GetClaims", claims=["share"])).claims
    assert (found.open, found.ceiling, found.epoch, found.subject) == (6, 6, 2, "half")
    assert await exported(acme) == {"share": found, "other": (await exported(acme))["other"]}
    assert not (await exported(acme))["other"].HasField("ceiling")
    await acme.ceilings(3, share=None)
    await acme.reserve(weighing("A", 9, share=1))
    messages = await acme.watched((await acme.head()).number)
    changes = [[(each.open, each.HasField("ceiling") and each.ceiling, each.epoch, each.subject)
                for each in message.claims if each.claim == "share"] for message in messages]  # fmt: skip
    assert [each for [each] in filter(None, changes)] == [
        (0, 5, 1, "half"), (4, 5, 1, ""), (4, 6, 2, ""), (6, 6, 2, ""), (6, False, 3, ""), (15, False, 3, ""),
    ]  # fmt: skip
    assert await acme.verify() == []


async def test_the_lower_one_holds(acme: Caller) -> None:
    """Of the ceiling that is set and the one that a line names the lower holds, and is told; a line that names none is
    held to what is set, and to nothing where nothing is."""
    await acme.receive("A", 99)
    await acme.ceilings(1, share=5)
    asked = [(claiming("A", 4, share=3), "3"), (claiming("A", 6, share=9), "5"), (weighing("A", 6, share=1), "5")]
    for line, ceiling in asked:
        told = await acme.refused("Reserve", draft=draft(line))
        assert (told.reason, told.metadata["ceiling"]) == ("CLAIM_EXHAUSTED", ceiling)
    made = await acme.reserve(weighing("A", 20, free=4), claiming("A", 2, share=3))
    assert [list(line.claims) for line in made.lines] == [
        [reservation_pb2.LineClaim(claim="free", weight=4)],
        [reservation_pb2.LineClaim(claim="share", ceiling=3, weight=1)],
    ]
    assert await acme.reservation(made.reservation) == made
    assert await acme.claims("free", "share") == [(80, 0), (2, 0)]
    assert await acme.verify() == []


async def test_weights_through_a_life(acme: Caller) -> None:
    """Each unit counts as often as it weighs when it is promised, goes out, is moved and is given up, also of a line
    that is read from the books again; and orders that take what they get take whole units."""
    await acme.receive("A", 99)
    await acme.receive("B", 99)
    await acme.ceilings(1, share=20)
    made = await acme.reserve(weighing("A", 5, share=3, other=1), mode=PARTIAL)
    part = await acme.reserve(weighing("B", 4, share=2), mode=PARTIAL)
    assert [each.lines[0].quantity for each in (made, part)] == [5, 2]
    await acme.do("Confirm", reservation=made.reservation)
    await acme.do("Fulfil", reservation=made.reservation, lines=[{"line": 1, "quantity": 1}])
    assert await acme.claims("share", "other") == [(16, 3), (4, 1)]
    moved = {"releases": [{"line": 1, "quantity": 2}], "lines": [weighing("B", 3, share=2)]}
    await acme.do("Amend", reservation=made.reservation, **moved)
    assert await acme.claims("share", "other") == [(16, 3), (2, 1)]
    await acme.do("Release", reservation=made.reservation)
    await acme.do("Release", reservation=part.reservation)
    assert await acme.claims("share", "other") == [(0, 3), (0, 1)]
    assert await acme.verify() == []


async def test_what_waits_counts_too(acme: Caller) -> None:
    """A demand that is promised units counts under the ceiling that is set, and is told what it leaves."""
    await acme.receive("A", 9)
    await acme.allow("A", 9)
    await acme.ceilings(1, share=5)
    waits = await acme.await_units(("A", 9))
    assert await acme.promise(promise(waits, weighing("A", 2, share=2))) == ["ok"]
    made = await acme.do("PromiseWaiting", promises=[promise(waits, weighing("A", 1, share=2))])
    [line] = made.outcomes[0].refusal.short_lines
    assert line.claim == reservation_pb2.LineClaim(claim="share", ceiling=5, weight=2)
    assert (line.claimed, line.available, line.requested) == (4, 7, 1)
    assert await acme.claims("share") == [(4, 0)]


async def test_below_what_is_claimed(acme: Caller) -> None:
    """A ceiling below what is claimed takes nothing back; nothing more is claimed until enough was given back."""
    await acme.receive("A", 99)
    made = await acme.reserve(weighing("A", 8, share=1))
    await acme.ceilings(1, share=6)
    assert (await acme.refused("Reserve", draft=draft(weighing("A", 1, share=1)))).metadata["claimed"] == "8"
    await acme.do("Release", reservation=made.reservation, lines=[{"line": 1, "quantity": 2}])
    assert (await acme.refused("Reserve", draft=draft(weighing("A", 1, share=1)))).metadata["claimed"] == "6"
    await acme.do("Release", reservation=made.reservation, lines=[{"line": 1, "quantity": 1}])
    await acme.reserve(weighing("A", 1, share=1))
    assert await acme.claims("share") == [(6, 0)]
    assert await acme.verify() == []


async def test_repeated_and_only_checked(acme: Caller, twin: Caller) -> None:
    """A request that is repeated has its first answer, at another ledger and after later ones too; one that only checks
    tells what is superseded and sets nothing; an id stands for one content."""
    wanted = [{"claim": "share", "ceiling": 5, "epoch": 4}, {"claim": "new", "ceiling": 1, "epoch": 4}]
    await acme.ceilings(5, share=9)
    checked = await acme.do("SetCeilings", ceilings=wanted, validate_only=True)
    assert list(checked.superseded) == ["share"]
    assert checked.revision == await acme.head()
    [known] = (await acme.do("GetClaims", claims=["new"])).claims
    assert (known.epoch, known.HasField("ceiling"), known.changed_revision) == (0, False, 0)
    first = await acme.do("SetCeilings", request_id="once", ceilings=wanted)
    assert list(first.superseded) == ["share"]
    await acme.ceilings(9, new=7)
    assert await twin.do("SetCeilings", request_id="once", ceilings=wanted) == first
    told = await twin.refused("SetCeilings", request_id="once", ceilings=wanted[:1])
    assert told.reason == "REQUEST_ID_REUSED"
    found = (await twin.do("GetClaims", claims=["share", "new"])).claims
    assert [(each.ceiling, each.epoch) for each in found] == [(9, 5), (7, 9)]


async def test_what_watchers_are_told(acme: Caller) -> None:
    """What a key stands for is told in the commit that said so first, and in one that says otherwise; a watch of some
    products tells no claims, and what was superseded changes none."""
    await acme.receive("A", 9)
    for epoch, subject in ((1, "half"), (2, "half"), (3, ""), (4, "third"), (4, "all")):
        ceiling = {"claim": "share", "ceiling": epoch, "epoch": epoch, "subject": subject}
        await acme.do("SetCeilings", ceilings=[ceiling])
    last = (await acme.head()).number
    messages = (await acme.watched(last))[-5:]
    assert [[(each.subject, each.epoch) for each in message.claims] for message in messages] == [
        [("half", 1)], [("", 2)], [("", 3)], [("third", 4)], [],
    ]  # fmt: skip
    [found] = (await acme.do("GetClaims", claims=["share"])).claims
    assert (found.subject, found.changed_revision) == ("third", last - 1)
    assert (await exported(acme))["share"] == found
    assert not any(message.claims for message in await acme.watched(last, products=[{"sku": "A"}]))


async def test_the_latest_epoch_wins(acme: Caller, twin: Caller) -> None:
    """Whatever ledger sets which epoch first, the latest is what is set in the end, and each key of each request was
    set or told."""
    for number in range(10):
        epochs = random.Random(number).sample(range(1, 9), 8)
        keys = [f"{number} {each}" for each in "ab"]
        calls = [
            (acme, twin)[each % 2].ceilings(epoch, **dict.fromkeys(keys, epoch)) for each, epoch in enumerate(epochs)
        ]
        told = await asyncio.gather(*calls)
        assert all(each in ([], keys) for each in told)
        assert told[epochs.index(8)] == []
        found = (await acme.do("GetClaims", claims=keys)).claims
        assert [(each.ceiling, each.epoch) for each in found] == [(8, 8)] * 2
    assert await acme.verify() == []


async def test_new_keys_claimed_and_set_at_once(acme: Caller, twin: Caller) -> None:
    """Where one ledger sets a ceiling for a key that another uses for the first time, both are kept, and nobody claims
    more than the ceiling in the end leaves."""
    await acme.receive("A", 999)
    for number in range(10):
        key = f"key {number}"
        calls = [twin.do("Reserve", draft=draft(weighing("A", 1, **{key: 2}))) for _ in range(6)]
        calls.insert(number % 6, acme.do("SetCeilings", ceilings=[{"claim": key, "ceiling": 4, "epoch": 1}]))
        found = Counter(await outcomes(calls))
        [claim] = (await acme.do("GetClaims", claims=[key])).claims
        assert (claim.open, claim.ceiling, claim.epoch) == (2 * (found["ok"] - 1), 4, 1)
        assert found["ok"] - 1 >= 2, "refused while there was room"
        assert (await acme.refused("Reserve", draft=draft(weighing("A", 1, **{key: 1})))).reason == "CLAIM_EXHAUSTED"
    assert await acme.verify() == []


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_many_claim_while_ceilings_move(acme: Caller, twin: Caller, number: int) -> None:
    """While 64 clients of two groups claim and give back at two ledgers and ceilings move between the groups, no commit
    that promised units leaves more claimed than its ceiling; and whoever was refused was so by what held at the
    revision that the refusal names, at which its units had no room."""
    await acme.receive("A", 9999)
    groups = {"web": 30, "shop": 30}
    await acme.ceilings(1, **groups)
    refused: list[Any] = []

    async def shop(caller: Caller, chance: random.Random) -> None:
        for _ in range(4):
            line = weighing("A", chance.randint(1, 3), **{chance.choice([*groups]): 2})
            try:
                made = await caller.reserve(line)
            except AioRpcError as error:
                refused.append(status.told(error))
                continue
            if chance.random() < 0.3:
                await caller.do("Release", reservation=made.reservation)

    async def move(chance: random.Random) -> None:
        for epoch in range(2, 22):
            web = chance.randint(0, 120)
            assert await (acme, twin)[epoch % 2].ceilings(epoch, web=web, shop=120 - web) == []

    shops = [shop((acme, twin)[each % 2], random.Random(1000 * number + each)) for each in range(64)]
    await asyncio.gather(move(random.Random(number)), *shops)
    states: dict[str, dict[int, Any]] = {name: {} for name in groups}
    for message in await acme.watched((await acme.head()).number):
        promised = any(each.reserved_delta > 0 for each in message.entries)
        for each in message.claims:
            before = states[each.claim].get(max(states[each.claim], default=0))
            grew = before is not None and each.open > before.open
            assert not (promised and grew) or each.open + each.fulfilled <= each.ceiling
            states[each.claim][message.through.number] = each
    assert refused, "nobody was ever refused"
    for each in refused:
        told = {key: int(each.metadata[key]) for key in ("ceiling", "claimed", "requested", "revision")}
        held = states[each.metadata["claim"]][told["revision"]]
        assert held.ceiling == told["ceiling"]
        assert told["claimed"] + told["requested"] > told["ceiling"]
    assert await acme.verify() == []


async def test_many_ceilings_are_read_a_few_commits_at_once(books: PostgresBooks) -> None:
    """Commits that change very many claims are read a few at once, so that who is behind takes no more room; and a
    watch is told all of them for all that."""
    for epoch in range(1, 6):
        drafts = tuple(CeilingDraft(f"key {each}", each, epoch) for each in range(4000))
        command = SetCeilings(drafts)
        assert (await books.carry_out(Attempt("alone", "SetCeilings", f"r{epoch}", b"", command))).revision == epoch
    read = [[each.revision for each in await books.commits("alone", after, 64)] for after in range(6)]
    assert read == [[1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5], [5], []]


async def test_the_most_ceilings(service: Ledger) -> None:
    """As many ceilings as one request may set are set in one commit, told whole by a watch and an export in messages
    that any client reads, and set anew; so are texts as long as they may be, as many as a request may hold."""
    acme = service.caller()
    await acme.place("W1")
    drafts = [
        {"claim": f"key {each:04}", "ceiling": each, "epoch": 1, "subject": f"{each}" * 20} for each in range(5000)
    ]
    assert list((await acme.do("SetCeilings", ceilings=drafts)).superseded) == []
    anew = await acme.do("SetCeilings", ceilings=[{**each, "epoch": 2} for each in drafts[:-1]] + drafts[-1:])
    assert list(anew.superseded) == ["key 4999"]
    long = [
        {"claim": f"{each:03}{chr(0x20000) * 124}", "epoch": 1, "subject": chr(0x20000) * 2048} for each in range(110)
    ]
    for epoch in range(3, 7):
        await acme.do("SetCeilings", ceilings=[{**each, "epoch": epoch} for each in drafts])
    for begin in range(5):
        named = [{**each, "claim": f"{begin}{each['claim']}"} for each in long]
        await acme.do("SetCeilings", ceilings=named)
    messages = (await acme.watched((await acme.head()).number))[1:]
    assert [len(each.claims) for each in messages] == [5000, 4999, *[5000] * 4, *[110] * 5]
    assert max(each.ByteSize() for each in messages) < 4 << 20
    parts = [each async for each in acme.send("ExportBalances", request("ExportBalances")) if each.claims]
    assert sum(len(each.claims) for each in parts) == 5550
    assert max(len(each.claims) for each in parts) <= 5000
    assert max(each.ByteSize() for each in parts) < 2 << 20
    assert not any(each.on_hand or each.known_lots or each.waiting or each.back_orders for each in parts)
    assert await acme.verify() == []
