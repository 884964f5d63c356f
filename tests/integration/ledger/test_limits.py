"""The largest requests that are allowed are carried out, and what is beyond them has an answer."""

from __future__ import annotations

import random
from typing import Any

import grpc
import pytest

from tests.kit.ledger import FULFIL, RELEASED, Caller, Ledger, draft, item, movement, outcomes, request
from weir_chassis.errors import Kind


def longest(chance: random.Random) -> str:
    """A name of 128 characters of four bytes each, which no compression makes shorter."""
    return "".join(chr(chance.randrange(0x20000, 0x2A6D0)) for _ in range(128))


async def test_the_longest_names_everywhere(service: Ledger) -> None:
    """With the longest name in every field at once a stock item is booked, promised, found, listed and watched."""
    chance = random.Random(5)
    acme = service.caller()
    place, order, channel, attempt = (longest(chance) for _ in range(4))
    await acme.do(
        "CreateLocation",
        request_id=attempt,
        location={"location": place, "kind": 1, "display_name": longest(chance) * 2},
    )
    goods = item(longest(chance), place, owner=longest(chance), lot=longest(chance), uom=longest(chance),
                 custodian=longest(chance), condition=1)  # fmt: skip
    await acme.record(movement(1, goods, 10**9, reference=longest(chance) * 2), request_id=attempt)
    made = (
        await acme.do("Reserve", request_id=attempt, draft=draft((goods, 10**9), order=order, channel=channel))
    ).reservation
    assert await acme.balance(goods) == (10**9, 10**9, 0, 0)
    assert await acme.reservation(made.reservation) == made
    for method, fields in (
        ("ListBalances", {"owner": goods.product.owner, "skus": [goods.product.sku], "locations": [place]}),
        ("ListEntries", {"product": goods.product, "location": place}),
        ("ListReservations", {"order": order, "channel": channel, "product": goods.product, "location": place}),
    ):
        pages = [page async for page in acme.pages(method, 1, **fields)]
        assert len(pages) >= 2, "its token was read back"
    assert len(await acme.watched(3, products=[goods.product])) == 2
    assert await acme.verify() == []


async def test_the_most_movements(acme: Caller) -> None:
    """A request of 1000 movements is one commit."""
    answer = await acme.record(*(movement(1, f"sku {each}", 1) for each in range(1000)))
    assert len(answer.balances) == 1000
    assert len((await acme.watched(2))[-1].entries) == 2000


async def test_the_most_lines(acme: Caller) -> None:
    """A reservation of 500 lines, and batches of 2000 lines and of 1000 drafts, are made and given up whole."""
    await acme.record(*(movement(1, f"{each}", 10) for each in range(500)))
    lines = [(str(each), 1) for each in range(500)]
    made = await acme.reserve(*lines)
    batch = await acme.do("ReserveBatch", drafts=[draft(*lines)] * 4)
    many = await acme.do("ReserveBatch", drafts=[draft((str(each % 500), 1)) for each in range(1000)])
    assert len(many.outcomes) == 1000
    for each in (made, *(outcome.reservation for outcome in batch.outcomes)):
        ended = (await acme.do("Release", reservation=each.reservation)).reservation
        assert (ended.state, len(ended.lines)) == (RELEASED, 500)
    assert await acme.balance("7") == (10, 2, 8, 0)
    assert await acme.verify() == []


async def test_commits_stay_small_enough_to_watch(acme: Caller) -> None:
    """However many large reservations end at once, each commit fits into a message that any client takes."""
    names = [f"{each:03}{'x' * 120}" for each in range(500)]
    await acme.record(*(movement(1, each, 100) for each in names))
    drafts = [draft(*((each, 1) for each in names))] * 4
    made = [await acme.do("ReserveBatch", drafts=drafts) for _ in range(4)]
    promised = [each.reservation.reservation for answer in made for each in answer.outcomes]
    await outcomes(acme.do("Confirm", reservation=each) for each in promised)
    ended = await outcomes(acme.do("Fulfil", reservation=each) for each in promised)
    assert ended == ["ok"] * 16
    commits = await acme.watched((await acme.head()).number)
    assert sum(entry.kind == FULFIL for each in commits for entry in each.entries) == 16 * 1000
    assert max(each.ByteSize() for each in commits) < 4 << 20


async def test_more_short_lines_than_a_status_holds(acme: Caller) -> None:
    """A refusal of 500 short lines arrives, counts them all, and lists as many as fit."""
    told = await acme.refused("Reserve", draft=draft(*((f"sku {each}", 1) for each in range(500))))
    assert told.metadata["lines"] == "500"
    assert 10 < len(told.violations) < 500
    assert told.violations[0].field == "draft.lines[0]"


async def test_messages_have_an_end(acme: Caller) -> None:
    """A message beyond 1 MiB is refused before it is read."""
    wanted = request("RecordMovements", movements=[movement(1, "A" * 128, 1, reference="x" * 256)] * 3000)
    assert wanted.ByteSize() > 1 << 20
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await acme.send("RecordMovements", wanted)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


BEYOND: list[tuple[str, dict[str, Any], str]] = [
    ("RecordMovements", {"movements": [movement(1, "A", 1)] * 1001}, "movements"),
    ("Reserve", {"draft": draft(*[("A", 1)] * 501)}, "draft.lines"),
    ("ReserveBatch", {"drafts": [draft(*[("A", 1)] * 500)] * 5}, "drafts"),
    ("ReserveBatch", {"drafts": [draft(("A", 1))] * 1001}, "drafts"),
    ("ListBalances", {"page_size": 1001}, "page_size"),
    ("GetLocation", {"location": "x\x00"}, "location"),
]


@pytest.mark.parametrize(("method", "fields", "path"), BEYOND)
async def test_beyond(acme: Caller, method: str, fields: dict[str, Any], path: str) -> None:
    """What is beyond a limit is INVALID_ARGUMENT with the field, and leaves nothing behind."""
    before = await acme.head()
    told = await acme.refused(method, **fields)
    assert (told.kind, told.reason, told.violations[0].field) == (Kind.MALFORMED, "REQUEST_MALFORMED", path)
    assert await acme.head() == before


async def test_well_formed_comes_before_replayed_and_known(acme: Caller) -> None:
    """Form is judged before the request id, the request id before existence, existence before state."""
    await acme.receive("A", 1, request_id="used")
    bad, other, unknown, short = (
        movement(1, "A", 0),
        movement(1, "A", 2),
        movement(2, item("A", "X"), 9),
        movement(2, "A", 9),
    )
    for request_id, movements, reason in (
        ("used", [bad, unknown, short], "REQUEST_MALFORMED"),
        ("used", [other, unknown, short], "REQUEST_ID_REUSED"),
        ("new", [short, unknown], "LOCATION_NOT_FOUND"),
        ("newer", [short], "INSUFFICIENT_ON_HAND"),
    ):
        assert (await acme.refused("RecordMovements", request_id=request_id, movements=movements)).reason == reason
