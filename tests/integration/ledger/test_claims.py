"""Claims over gRPC: what is claimed under a key never passes its ceiling, whoever asks at once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from tests.kit.ledger import (
    EXPIRED,
    PARTIAL,
    Caller,
    Ledger,
    claiming,
    draft,
    eventually,
    item,
    movement,
    outcomes,
    request,
)
from weir.ledger.v1 import ledger_service_pb2, reservation_pb2
from weir_chassis.errors import Kind

ROUNDS = 5


def told(messages: list[ledger_service_pb2.WatchEntriesResponse]) -> list[dict[str, tuple[int, int]]]:
    """The claims that each commit of a watch tells."""
    return [{each.claim: (each.open, each.fulfilled) for each in message.claims} for message in messages]


async def test_the_life_of_a_claim(acme: Caller) -> None:
    """Units are claimed as they are promised, stay claimed as they go out, and are free again as they are given up."""
    await acme.receive("A", 20)
    assert await acme.claims("share", "never used") == [(0, 0), (0, 0)]
    made = await acme.reserve(claiming("A", 5, share=10, epoch=9), ("A", 1))
    claims = [[(each.claim, each.ceiling) for each in line.claims] for line in made.lines]
    assert claims == [[("share", 10), ("epoch", 9)], []]
    assert await acme.claims("epoch", "share") == [(5, 0), (5, 0)]
    await acme.do("Release", reservation=made.reservation, lines=[{"line": 1, "quantity": 1}])
    assert await acme.claims("share") == [(4, 0)]
    await acme.do("Confirm", reservation=made.reservation)
    await acme.do("Fulfil", reservation=made.reservation, lines=[{"line": 1, "quantity": 3}])
    assert await acme.claims("share") == [(1, 3)]
    told = await acme.refused("Reserve", draft=draft(claiming("A", 7, share=10)))
    assert told.reason == "CLAIM_EXHAUSTED"
    last = await acme.do("Release", reservation=made.reservation)
    answer = await acme.do("GetClaims", claims=["share", "other"], freshness={"at_least": [last.revision]})
    assert [(each.open, each.fulfilled) for each in answer.claims] == [(0, 3), (0, 0)]
    assert [each.changed_revision for each in answer.claims] == [last.revision.number, 0]
    assert answer.revision == last.revision
    assert (await acme.reservation(made.reservation)).lines[0].claims == made.lines[0].claims
    assert await acme.verify() == []


async def test_a_hold_that_runs_out_claims_nothing(acme: Caller) -> None:
    """When a hold expires its claims are free again."""
    await acme.receive("A", 5)
    made = await acme.reserve(claiming("A", 3, share=3))
    assert (await acme.refused("Reserve", draft=draft(claiming("A", 1, share=3)))).reason == "CLAIM_EXHAUSTED"
    await acme.do("Extend", reservation=made.reservation, hold_duration={"seconds": 1})

    async def ran_out() -> bool:
        return (await acme.reservation(made.reservation)).state == EXPIRED

    await eventually(ran_out)
    assert await acme.claims("share") == [(0, 0)]
    await acme.reserve(claiming("A", 3, share=3))


async def test_what_a_refusal_tells(acme: Caller) -> None:
    """CLAIM_EXHAUSTED tells key, ceiling, what is claimed and what was asked for, and names every such line; it is
    final: repeated, it is told again though there is room by then."""
    await acme.receive("A", 9)
    first = await acme.reserve(claiming("A", 3, share=3))
    wanted = {"request_id": "once", "draft": draft(claiming("A", 2, share=4), ("A", 1), claiming("A", 1, share=3))}
    told = await acme.refused("Reserve", **wanted)
    assert (told.kind, told.reason) == (Kind.UNMET, "CLAIM_EXHAUSTED")
    assert told.metadata == {
        "claim": "share",
        "ceiling": "4",
        "claimed": "3",
        "requested": "2",
        "lines": "2",
        "revision": "3",
    }
    assert [each.field for each in told.violations] == ["draft.lines[0]", "draft.lines[2]"]
    await acme.do("Release", reservation=first.reservation)
    again = await acme.refused("Reserve", **wanted)
    assert again.to_record() == told.to_record()
    assert await acme.claims("share") == [(0, 0)]


async def test_a_batch(acme: Caller, twin: Caller) -> None:
    """Each draft of a batch that a claim stops says which claim and how much was claimed; repeated at another ledger
    the answer is the same to the byte."""
    await acme.receive("A", 9)
    drafts = [draft(claiming("A", 4, share=5)), draft(claiming("A", 2, share=5)), draft(("B", 1)),
              draft(claiming("A", 2, share=5, other=1), mode=PARTIAL)]  # fmt: skip
    fields = {"request_id": "batch", "drafts": drafts}
    answer = await acme.do("ReserveBatch", **fields)
    kinds = [each.WhichOneof("outcome") for each in answer.outcomes]
    assert kinds == ["reservation", "refusal", "refusal", "reservation"]
    stopped, missing = (each.refusal for each in answer.outcomes[1:3])
    assert (stopped.reason, missing.reason) == ("CLAIM_EXHAUSTED", "INSUFFICIENT_STOCK")
    [line] = stopped.short_lines
    assert (line.line, line.requested, line.available, line.claimed) == (1, 2, 5, 4)
    assert line.claim == reservation_pb2.LineClaim(claim="share", ceiling=5, weight=1)
    assert "4 are" in stopped.message
    [line] = missing.short_lines
    assert not line.HasField("claim")
    assert answer.outcomes[3].reservation.lines[0].quantity == 1
    assert await acme.claims("share", "other") == [(5, 0), (1, 0)]
    assert await twin.do("ReserveBatch", **fields) == answer
    told = await acme.refused("ReserveBatch", drafts=drafts[1:2], atomic=True)
    assert (told.reason, told.violations[0].field) == ("CLAIM_EXHAUSTED", "drafts[0].lines[0]")


async def test_repeated_and_only_checked(acme: Caller, twin: Caller) -> None:
    """A request that is repeated claims once, one that only checks claims nothing."""
    await acme.receive("A", 9)
    wanted = draft(claiming("A", 2, share=2))
    checked = await acme.do("Reserve", draft=wanted, validate_only=True)
    assert checked.reservation.lines[0].claims == wanted.lines[0].claims
    assert await acme.claims("share") == [(0, 0)]
    first = await acme.do("Reserve", request_id="once", draft=wanted)
    assert await twin.do("Reserve", request_id="once", draft=wanted) == first
    assert await acme.claims("share") == [(2, 0)]


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_exactly_the_ceiling(acme: Caller, twin: Caller, number: int) -> None:
    """Of 20 reservations of one unit at two ledgers against a ceiling of 7 exactly 7 succeed, on every run; the key is
    new, so the first two race to write it."""
    await acme.receive("A", 100)
    found = await outcomes(
        (acme, twin)[each % 2].do("Reserve", draft=draft(claiming("A", 1, share=7))) for each in range(20)
    )
    assert Counter(found) == {"ok": 7, "CLAIM_EXHAUSTED": 13}
    assert await acme.claims("share") == [(7, 0)]
    assert await acme.verify() == []


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_claimed_in_parts_by_many(acme: Caller, twin: Caller, number: int) -> None:
    """Orders that take what they get claim the whole ceiling together and not one unit more, though they touch no stock
    item in common."""
    await acme.record(*(movement(1, f"sku {each}", 9) for each in range(12)))
    wishes = [draft(claiming(f"sku {each}", 3, share=10), mode=PARTIAL) for each in range(12)]
    calls = [(acme, twin)[each % 2].send("Reserve", request("Reserve", draft=wish)) for each, wish in enumerate(wishes)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    units = [each.reservation.lines[0].quantity for each in answers if not isinstance(each, BaseException)]
    assert sorted(units) == [1, 3, 3, 3]
    assert await acme.claims("share") == [(10, 0)]


async def test_new_keys_used_first_by_two(acme: Caller, twin: Caller) -> None:
    """A key that groups of two ledgers use for the first time at once counts what both claimed."""
    await acme.receive("A", 999)
    for number in range(10):
        keys = {f"key {number}": 99, f"other {number}": 99}
        calls = [each.do("Reserve", draft=draft(claiming("A", 1, **keys))) for each in (acme, twin) * 4]
        assert set(await outcomes(calls)) == {"ok"}
        assert await acme.claims(*keys) == [(8, 0), (8, 0)]
    assert await acme.verify() == []


async def test_keys_cross_without_a_deadlock(acme: Caller, twin: Caller) -> None:
    """Orders that claim under the same keys in opposite order, for stock items in opposite order, all find an
    outcome."""
    for sku in "AB":
        await acme.receive(sku, 99)
    keys = {"first": 30, "second": 30}
    calls = []
    for each in range(40):
        turned = dict([*keys.items()][:: 1 - each % 2 * 2])
        lines = [claiming("A", 1, **turned), claiming("B", 1)][:: 1 - each % 2 * 2]
        calls.append((acme, twin)[each % 2].do("Reserve", draft=draft(*lines)))
    assert Counter(await outcomes(calls)) == {"ok": 30, "CLAIM_EXHAUSTED": 10}
    assert await acme.claims(*keys) == [(30, 0), (30, 0)]


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_claimed_and_given_up_at_two_ledgers(acme: Caller, twin: Caller, number: int) -> None:
    """While orders come and go at two ledgers no revision has more claimed than the ceiling, each tells what is claimed
    after it, and at the end the counts are those of the lines."""
    await acme.receive("A", 999)
    begun = (await acme.head()).number

    async def shop(caller: Caller, chance: random.Random) -> None:
        for _ in range(15):
            found = await asyncio.gather(
                caller.do("Reserve", draft=draft(claiming("A", chance.randrange(1, 4), share=12), mode=PARTIAL)),
                return_exceptions=True,
            )
            for answer in found:
                if not isinstance(answer, BaseException) and chance.random() < 0.8:
                    await caller.do("Release", reservation=answer.reservation.reservation)

    await asyncio.gather(*(shop((acme, twin)[each % 2], random.Random(7 * number + each)) for each in range(6)))
    last = await acme.head()
    messages = await acme.watched(last.number)
    levels = [each["share"] for each in told(messages[begun:])]
    assert max(sum(each) for each in levels) == 12, "the ceiling was never reached"
    assert await acme.claims("share") == [levels[-1]]
    assert await acme.verify() == []


async def test_claims_are_watched(acme: Caller) -> None:
    """Each commit tells the claims it changed as they are after it, and no others; a watch of some products tells
    none."""
    await acme.receive("A", 9)
    first = await acme.reserve(claiming("A", 2, m=9, k=9), claiming("A", 1, k=9))
    await acme.do("Confirm", reservation=first.reservation)
    await acme.do("Fulfil", reservation=first.reservation, lines=[{"line": 1, "quantity": 1}])
    await acme.do("Release", reservation=first.reservation, lines=[{"line": 2, "quantity": 1}])
    messages = await acme.watched(6)
    assert told(messages) == [
        {}, {}, {"k": (3, 0), "m": (2, 0)}, {}, {"k": (2, 1), "m": (1, 1)}, {"k": (1, 1)},
    ]  # fmt: skip
    assert [each.claim for each in messages[2].claims] == ["k", "m"]
    assert {each.changed_revision for each in messages[2].claims} == {messages[2].through.number}
    filtered = await acme.watched(6, products=[{"sku": "A"}])
    assert [len(each.entries) > 0 for each in filtered] == [True] * 4
    assert told(filtered) == [{}] * 4


async def test_the_most_claims(service: Ledger) -> None:
    """A reservation of 500 lines with a claim each, and a line with 8 claims of the longest keys, are made, watched and
    given up whole, each commit small enough for any client."""
    acme = service.caller()
    await acme.place("W1")
    await acme.receive("A", 9999)
    long: dict[str, int] = {f"{each}{chr(0x20000) * 127}": 10**15 for each in range(8)}
    wide = await acme.reserve(*(claiming("A", 1, **{f"key {each}": 1}) for each in range(500)))
    deep = await acme.reserve(*(claiming("A", 1, **long) for _ in range(100)))
    assert await acme.claims(*long) == [(100, 0)] * 8
    many = [acme.reserve(claiming("A", 1, **long)) for _ in range(50)]
    ended: list[Any] = [*await asyncio.gather(*many), wide, deep]
    await asyncio.gather(*(acme.do("Release", reservation=each.reservation) for each in ended))
    assert await acme.claims(*long) == [(0, 0)] * 8
    messages = await acme.watched((await acme.head()).number)
    assert max(each.ByteSize() for each in messages) < 4 << 20
    assert await acme.verify() == []


async def test_a_ceiling_binds_only_those_who_name_it(acme: Caller) -> None:
    """Each line is held to its own ceilings, whatever others of the same key were held to."""
    await acme.receive("A", 30)
    await acme.reserve(claiming("A", 9, share=10))
    await acme.reserve(claiming(item("A"), 9, share=20))
    told = await acme.refused("Reserve", draft=draft(claiming("A", 1, share=10)))
    assert told.metadata == {
        "claim": "share",
        "ceiling": "10",
        "claimed": "18",
        "requested": "1",
        "lines": "1",
        "revision": "4",
    }
    await acme.reserve(("A", 1))
