"""What callers keep with reservations, requests that are known by a digest, and what became of a Reserve."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from tests.kit.ledger import PARTIAL, Caller, Ledger, draft, outcomes
from tests.kit.ledger import ledger as serving
from tests.kit.postgres import FreshDatabase
from weir_chassis import status

DIGEST = b"an order"


async def plan_of(acme: Caller, reservation: str) -> bytes:
    """What is kept with a reservation now."""
    kept: bytes = (await acme.do("GetReservation", reservation=reservation)).plan
    return kept


async def test_a_plan_is_kept_with_its_reservation(acme: Caller, twin: Caller) -> None:
    """What the caller gave comes back to the byte, from Reserve, its repetition, and whoever reads the reservation."""
    await acme.receive("A", 10)
    plan = bytes(range(256)) * 512
    made = await acme.do("Reserve", request_id="r", draft=draft(("A", 1), plan=plan))
    assert made.plan == plan
    assert await twin.do("Reserve", request_id="r", draft=draft(("A", 1), plan=plan)) == made
    assert await plan_of(twin, made.reservation.reservation) == plan
    plain = await acme.reserve(("A", 1))
    assert await plan_of(acme, plain.reservation) == b""


async def test_drafts_of_a_batch_have_plans_of_their_own(acme: Caller) -> None:
    """Each draft that is promised keeps its plan, and one that is refused keeps none."""
    await acme.receive("A", 2)
    drafts = [draft(("A", 1), plan=b"first"), draft(("A", 9), plan=b"refused"), draft(("A", 1), plan=b"third")]
    done = await acme.do("ReserveBatch", drafts=drafts)
    made = [each.reservation.reservation for each in done.outcomes if each.HasField("reservation")]
    assert [await plan_of(acme, each) for each in made] == [b"first", b"third"]


async def test_a_check_keeps_no_plan(acme: Caller) -> None:
    """With validate_only the plan is answered and not kept."""
    await acme.receive("A", 2)
    made = await acme.do("Reserve", draft=draft(("A", 1), plan=b"x"), validate_only=True)
    assert made.plan == b"x"
    assert (await acme.refused("GetReservation", reservation=made.reservation.reservation)).reason == (
        "RESERVATION_NOT_FOUND"
    )


async def test_a_digest_stands_for_the_contents(acme: Caller, twin: Caller) -> None:
    """Requests with one id and one digest are one attempt, whatever stock items they choose: the first that is promised
    is the outcome of all, with its plan; another digest, or none, is another request."""
    await acme.receive("A", 1)
    await acme.receive("B", 9)
    first = await acme.do("Reserve", request_id="r", digest=DIGEST, draft=draft(("A", 1), plan=b"from A"))
    again = await twin.do("Reserve", request_id="r", digest=DIGEST, draft=draft(("B", 1), plan=b"from B"))
    assert (again, again.plan) == (first, b"from A")
    for fields in ({"digest": b"other"}, {}):
        told = await acme.refused("Reserve", request_id="r", draft=draft(("A", 1), plan=b"from A"), **fields)
        assert told.reason == "REQUEST_ID_REUSED"
    assert await acme.balance("B") == (9, 0, 9, 0)


async def test_a_refusal_is_not_kept_under_a_digest(acme: Caller) -> None:
    """After a refusal the same attempt may be made again, with units that are there."""
    await acme.receive("A", 1)
    wanted = {"request_id": "r", "digest": DIGEST}
    assert (await acme.refused("Reserve", draft=draft(("B", 1)), **wanted)).reason == "INSUFFICIENT_STOCK"
    assert (await acme.refused("GetReserveOutcome", request_id="r")).metadata["request_id"] == "r"
    made = await acme.do("Reserve", draft=draft(("A", 1)), **wanted)
    assert made.reservation.lines[0].open == 1


@pytest.mark.parametrize("number", range(5))
async def test_one_digest_at_once_everywhere(acme: Caller, twin: Caller, number: int) -> None:
    """Of attempts with one id and digest that come at once to two ledgers, for the last unit, one is carried out; none
    is told that units are missing for want of those that it was promised itself."""
    for sku in map(str, range(8)):
        await acme.receive(sku, 1)
        calls = [
            (acme, twin)[each % 2].do("Reserve", request_id=f"r{sku}", digest=DIGEST, draft=draft((sku, 1)))
            for each in range(6)
        ]
        answers = await asyncio.gather(*calls)
        assert len({each.reservation.reservation for each in answers}) == 1
        assert await acme.balance(sku) == (1, 1, 0, 0)


async def test_what_became_of_a_reserve(acme: Caller, twin: Caller) -> None:
    """Whoever did not hear asks by the request id: the reservation, its plan and its revision as they were when it was
    made, whatever became of it since; to another digest nothing of it is told."""
    await acme.receive("A", 10)
    fields = {"draft": draft(("A", 4), ("B", 1), mode=PARTIAL, plan=b"old"), "digest": DIGEST}
    made = await acme.do("Reserve", request_id="r", **fields)
    name = made.reservation.reservation
    await acme.do("Amend", reservation=name, releases=[{"line": 1, "quantity": 1}], plan=b"new")
    for asked in ({}, {"digest": DIGEST}):
        told = await twin.do("GetReserveOutcome", request_id="r", freshness={"at_least": [made.revision]}, **asked)
        assert (told.reservation, told.revision, told.plan) == (made.reservation, made.revision, b"old")
    reused = await twin.refused("GetReserveOutcome", request_id="r", digest=b"other")
    assert reused.reason == "REQUEST_ID_REUSED"
    assert await acme.do("Reserve", request_id="r", **fields) == made
    assert await plan_of(acme, name) == b"new"


async def test_nothing_became_of_what_was_refused(acme: Caller, service: Ledger) -> None:
    """A request id that was refused, that other methods used, that another tenant used, or that never came has no
    outcome."""
    await acme.receive("A", 10)
    await acme.refused("Reserve", request_id="refused", draft=draft(("A", 11)))
    await acme.do("ReserveBatch", request_id="batch", drafts=[draft(("A", 1))])
    stranger = service.caller()
    await stranger.place("W1")
    await stranger.receive("A", 1)
    await stranger.do("Reserve", request_id="theirs", draft=draft(("A", 1)))
    newest = str((await acme.do("GetClaims", claims=["none"])).revision.number)
    for each in ("refused", "batch", "theirs", "never"):
        told = await acme.refused("GetReserveOutcome", request_id=each)
        assert (told.reason, told.metadata) == ("OUTCOME_NOT_FOUND", {"request_id": each, "revision": newest})


async def test_since_when_units_are_missing(acme: Caller) -> None:
    """A refusal tells the revision at which units are missing: that of the commit which took them last."""
    received = await acme.receive("A", 5)
    fields: dict[str, Any] = {"draft": draft(("A", 6))}
    assert (await acme.refused("Reserve", **fields)).metadata["revision"] == str(received.revision.number)
    taken = await acme.do("Reserve", draft=draft(("A", 2)))
    await acme.receive("B", 1)
    assert (await acme.refused("Reserve", **fields)).metadata["revision"] == str(taken.revision.number)
    assert (await acme.refused("Reserve", draft=draft(("Z", 1)))).metadata["revision"] == "0"


@pytest.mark.parametrize("number", range(3))
async def test_missing_since_a_commit_of_ones_own(acme: Caller, twin: Caller, number: int) -> None:
    """Where orders of one commit took the units the refusal tells that commit, at once and at every repetition; at it
    the units are gone."""
    await acme.receive("A", 3)
    calls = [(acme, twin)[each % 2].do("Reserve", request_id=f"r{each}", draft=draft(("A", 1))) for each in range(24)]
    found = await outcomes(calls)
    assert found.count("ok") == 3
    taken = {str(each.revision) for each in await acme.entries() if each.reservation}
    told = set()
    for each, outcome in enumerate(found):
        if outcome != "ok":
            again = await acme.refused("Reserve", request_id=f"r{each}", draft=draft(("A", 1)))
            told.add(again.metadata["revision"])
    assert told == {max(taken, key=int)}


async def test_the_first_refusal_is_told_as_the_next(database: FreshDatabase) -> None:
    """A refusal that waited for its revision is the same at its repetition, to the last number."""
    async with serving(database) as one:
        acme = one.caller()
        await acme.place("W1")
        await acme.receive("A", 1)
        calls = [acme.do("Reserve", request_id=f"r{each}", draft=draft(("A", 1))) for each in range(12)]
        first = await asyncio.gather(*calls, return_exceptions=True)
        again = await asyncio.gather(
            *(acme.do("Reserve", request_id=f"r{each}", draft=draft(("A", 1))) for each in range(12)),
            return_exceptions=True,
        )
        assert [str(each) for each in map(told_of, first)] == [str(each) for each in map(told_of, again)]


def told_of(answer: Any) -> Any:
    """What a caller was told: all of a refusal, or the name of the reservation."""
    if isinstance(answer, grpc.aio.AioRpcError):
        refusal = status.told(answer)
        assert refusal is not None
        return refusal.to_record()
    return answer.reservation.reservation
