"""ListDemand over gRPC: what reservations were made with, counted once, however it is asked for."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integration.ledger.conftest import Owner
from tests.kit.ledger import CONFIRMED, PARTIAL, Caller, awaiting, draft, item, movement, outcomes, promise, weighing
from weir.common.v1 import revision_pb2
from weir.ledger.v1 import reservation_service_pb2
from weir_ledger.store import demanded

Sums = dict[tuple[str, str, str, str], int]
"""Units by channel, owner, stock keeping unit and subject."""


def read(*answers: reservation_service_pb2.ListDemandResponse) -> Sums:
    """The sums of some answers, of all days together."""
    found: Counter[tuple[str, str, str, str]] = Counter()
    for each in answers:
        rows = zip(each.channels, each.owners, each.skus, each.subjects, each.units, strict=True)
        assert len(each.days) == len(each.units)
        for channel, owner, sku, subject, units in rows:
            found[channel, owner, sku, subject] += units
    return dict(found)


async def answered(caller: Caller, **fields: Any) -> list[reservation_service_pb2.ListDemandResponse]:
    """Every answer from one revision on, each asked for after the one before."""
    answers = [await caller.do("ListDemand", **fields)]
    while answers[-1].more:
        answers.append(await caller.do("ListDemand", **{**fields, "after": answers[-1].through}))
    return answers


def revision(of: revision_pb2.Revision, number: int) -> revision_pb2.Revision:
    """Another revision of the same origin."""
    made = revision_pb2.Revision()
    made.CopyFrom(of)
    made.number = number
    return made


async def test_what_orders_were_promised(acme: Caller) -> None:
    """Units are counted by day, channel, owner and product when they are promised, whatever becomes of them."""
    await acme.record(
        movement(1, "A", 50), movement(1, "B", 50), movement(1, item("A", lot="L1"), 50),
        movement(1, item("A", owner="else"), 50),
    )  # fmt: skip
    first = await acme.reserve(("A", 3), ("B", 1), (item("A", lot="L1"), 4), channel="web")
    await acme.reserve((item("A", owner="else"), 2), channel="web")
    await acme.reserve(("A", 5))
    last = await acme.do("Release", reservation=first.reservation)
    found = await acme.do("ListDemand", freshness={"at_least": [last.revision]})
    assert read(found) == {
        ("", "", "A", ""): 5, ("web", "", "A", ""): 7, ("web", "", "B", ""): 1, ("web", "else", "A", ""): 2,
    }  # fmt: skip
    assert set(found.days) <= {f"{datetime.now(UTC) - timedelta(days=ago):%Y-%m-%d}" for ago in (0, 1)}
    assert (found.through, found.more) == (last.revision, False)


async def test_a_promise_that_moves_is_not_promised_again(acme: Caller) -> None:
    """What Amend promises in the place of other units is no new demand, also where a reservation's first lines got
    nothing when it was made."""
    await acme.place("W2")
    await acme.record(movement(1, "A", 9), movement(1, item("A", "W2"), 9))
    whole = await acme.reserve(("A", 4), channel="web")
    part = await acme.reserve(("B", 1), ("A", 5), channel="app", mode=PARTIAL)
    assert [line.quantity for line in part.lines] == [0, 5]
    for made, line in ((whole, 1), (part, 2)):
        await acme.do(
            "Amend",
            reservation=made.reservation,
            releases=[{"line": line, "quantity": 4}],
            lines=draft((item("A", "W2"), 4)).lines,
        )
    assert read(*await answered(acme)) == {("web", "", "A", ""): 4, ("app", "", "A", ""): 5}


async def test_who_waits_is_counted_when_promised(acme: Caller) -> None:
    """Units that wait are no demand that was met; they are counted when they are promised."""
    await acme.allow("A", 9)
    await acme.receive("A", 3)
    made = await acme.do("Reserve", draft=draft(("A", 3), channel="web"), waiting=awaiting(("A", 4), channel="web"))
    assert read(*await answered(acme)) == {("web", "", "A", ""): 3}
    await acme.receive("A", 4)
    assert await acme.promise(promise(made.waiting, ("A", 4))) == ["ok"]
    later = await acme.do("ListDemand", after=made.revision)
    assert read(later) == {("web", "", "A", ""): 4}
    [name] = (await acme.demand(made.waiting.waiting)).reservations
    assert (await acme.reservation(name)).state == CONFIRMED


async def test_by_what_the_first_claim_stands_for(acme: Caller) -> None:
    """Units count as often as their line's first claim says, by what that stands for; where it stands for nothing they
    count once, whatever it weighs, as those of other claims do."""
    await acme.record(movement(1, "A", 50), movement(1, "B", 50))
    ceilings = [{"claim": key, "ceiling": 99, "epoch": 1, "subject": key.upper()} for key in ("share", "other")]
    await acme.do("SetCeilings", ceilings=ceilings)
    await acme.reserve(weighing("A", 3, share=2, other=5), weighing("B", 1, share=4), channel="web")
    await acme.reserve(weighing("A", 6, nameless=7, share=1), ("A", 8), channel="web")
    assert read(*await answered(acme)) == {
        ("web", "", "A", "SHARE"): 6, ("web", "", "B", "SHARE"): 4, ("web", "", "A", ""): 14,
    }  # fmt: skip


async def test_each_unit_once_in_parts(acme: Caller, twin: Caller, monkeypatch: Any) -> None:
    """Asked for after each mark, in answers of few entries, from whichever ledger and while orders go on, every unit
    is counted once."""
    monkeypatch.setattr(demanded, "ENTRIES_MAX", 40)  # more than the orders that are sent at once
    await acme.record(*(movement(1, f"sku {each}", 999) for each in range(4)))
    counted: list[reservation_service_pb2.ListDemandResponse] = []
    mark = revision(await acme.head(), 0)
    for _ in range(6):
        wishes = [draft((f"sku {each % 4}", each + 1), ("sku 0", 1), channel="web") for each in range(8)]
        assert set(await outcomes(acme.do("Reserve", draft=wish) for wish in wishes)) == {"ok"}
        counted.append(await twin.do("ListDemand", after=mark))
        mark = counted[-1].through
    counted.extend(await answered(acme, after=mark))
    assert len(counted) > 6
    assert read(*counted) == read(*await answered(acme)) == {
        ("web", "", f"sku {each}", ""): 6 * (2 * each + 6 + (8 if each == 0 else 0)) for each in range(4)
    }  # fmt: skip
    assert [each.through.number for each in counted] == sorted(each.through.number for each in counted)


async def test_from_a_moment_on(acme: Caller, owner: Owner) -> None:
    """What was recorded before the moment is left out, what was recorded at it is counted, by its day in UTC."""
    await acme.receive("A", 99)
    made = [await acme.reserve(("A", units), channel="web") for units in (1, 2, 4)]
    moments = [datetime(2026, 11, day, 23, 59, 59, tzinfo=UTC) for day in (1, 2, 3)]
    async with owner.transaction():
        for each, moment in zip(made, moments, strict=True):
            number = (await acme.reservation(each.reservation)).changed_revision
            for table in ("entries", "commits"):
                change = f"UPDATE {table} SET recorded_at = $3 WHERE tenant = $1 AND revision = $2"
                await owner.execute(change, acme.tenant, number, moment)
    asked = moments[1], moments[1] + timedelta(microseconds=1), moments[2] + timedelta(days=1)
    found = [await acme.do("ListDemand", recorded_after_time=each) for each in asked]
    days = [dict(zip(each.days, each.units, strict=True)) for each in found]
    assert days == [{"2026-11-02": 2, "2026-11-03": 4}, {"2026-11-03": 4}, {}]
    assert {each.through.number for each in found} == {(await acme.head()).number}


async def test_nothing_promised(acme: Caller) -> None:
    """Where nothing was promised there are no sums, and a mark to go on from; so it is for who never wrote."""
    found = await acme.do("ListDemand")
    assert (read(found), found.through, found.more) == ({}, await acme.head(), False)
    again = await acme.do("ListDemand", after=found.through)
    assert again == found


async def test_marks_of_others(acme: Caller) -> None:
    """A mark that is not of these books, or not drawn yet, is refused."""
    head = await acme.head()
    ahead = await acme.refused("ListDemand", after=revision(head, head.number + 1))
    assert (ahead.reason, ahead.metadata["context"]) == ("REVISION_AHEAD", "ledger")
    foreign = revision(head, head.number)
    foreign.cluster = "another"
    assert (await acme.refused("ListDemand", after=foreign)).reason == "REVISION_FOREIGN"
    assert (await acme.refused("ListDemand", freshness={"at_least": [foreign]})).reason == "REVISION_FOREIGN"


async def test_a_commit_of_two_thousand_lines(acme: Caller) -> None:
    """The largest commit is counted whole."""
    goods = [f"sku {each}" for each in range(500)]
    await acme.record(*(movement(1, each, 9) for each in goods))
    drafts = [draft(*((each, 1) for each in goods), channel=f"channel {number}") for number in range(4)]
    answers = await asyncio.gather(acme.do("ReserveBatch", drafts=drafts), acme.do("ReserveBatch", drafts=drafts))
    assert len(answers) == 2
    found = read(*await answered(acme))
    assert len(found) == 2000
    assert set(found.values()) == {2}
