"""Lines of a snapshot that are bad, all or nothing, and what a full snapshot does not name."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.calling import refusal
from tests.kit.ledger import COUNT, SHIP, Caller, item, movement
from tests.kit.snapshots import AVAILABLE, imported, kept, line, lines, message, moment, opening, progress, settled
from weir.ledger.v1 import snapshot_pb2
from weir_ledger.servicer import importing

STALE, REFUSED = snapshot_pb2.SNAPSHOT_LINE_STATE_STALE, snapshot_pb2.SNAPSHOT_LINE_STATE_REFUSED
ZERO = snapshot_pb2.ABSENT_ITEMS_SET_TO_ZERO
IMPORT_REFUSED = snapshot_pb2.SNAPSHOT_IMPORT_STATE_REFUSED

BAD: dict[str, tuple[snapshot_pb2.SnapshotLine, str, str]] = {
    "nothing": (snapshot_pb2.SnapshotLine(), "REQUEST_MALFORMED", "stock_item.product.sku: Required."),
    "negative": (line("A", -1), "REQUEST_MALFORMED", "quantity: From 0 to"),
    "too many": (line("A", 10**9 + 1), "REQUEST_MALFORMED", "quantity: From 0 to"),
    "NUL": (line("A\0", 1), "REQUEST_MALFORMED", "stock_item.product.sku: No control characters."),
    "blank": (line(item("A", lot=" L"), 1), "REQUEST_MALFORMED", "stock_item.lot: No blank at either end."),
    "long": (line(item("A", "x" * 129), 1), "REQUEST_MALFORMED", "stock_item.location: At most 128 characters."),
    "condition": (line(item("A", condition=9), 1), "REQUEST_MALFORMED", "stock_item.condition: Not a known value."),
    "too old": (line("A", 1, as_of_time=moment(-31 * 86400)), "REQUEST_MALFORMED", "as_of_time: At most 30 days ago"),
    "ahead": (line("A", 1, as_of_time=moment(86400)), "REQUEST_MALFORMED", "as_of_time: At most 30 days ago"),
    "no moment": (line("A", 1, as_of_time={"nanos": -1}), "REQUEST_MALFORMED", "as_of_time: Not an instant"),
    "nowhere": (line(item("A", "nowhere"), 1), "LOCATION_NOT_FOUND", "There is no location 'nowhere'."),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_line_stops_no_other(acme: Caller, name: str) -> None:
    """A bad line is told with its number, reason and a sentence, and kept as it was sent; all others are applied."""
    bad, reason, sentence = BAD[name]
    told = opening(lines=[line("X", 1), bad, line("Y", 2)])
    done = await imported(acme, told, message([line("Z", 3)]))
    assert (done.snapshot_import.applied, done.snapshot_import.refused) == (3, 1)
    (refused,) = done.refused_lines
    assert (refused.line, refused.state, refused.reason, refused.snapshot_line) == (2, REFUSED, reason, bad)
    assert sentence in refused.message
    assert await kept(acme, told.request_id) == [refused]
    assert [(await acme.balance(sku))[0] for sku in "XYZ"] == [1, 2, 3]


async def test_every_fault_of_a_line_is_told(acme: Caller) -> None:
    """Of a line with several bad fields each is named."""
    bad = line(item(" A", "", condition=9), -1)
    (refused,) = (await imported(acme, opening(lines=[bad]))).refused_lines
    for name in ("stock_item.product.sku", "stock_item.location", "stock_item.condition", "quantity"):
        assert name in refused.message


async def test_a_line_too_long_to_keep(acme: Caller) -> None:
    """Of a line that is longer than any good one its number, reason and the beginnings of its texts are kept."""
    told = opening(lines=[line(item("A" * 100_000, owner="o" * 3000), 7), line("B", 1)])
    done = await imported(acme, told)
    (refused,) = await kept(acme, told.request_id)
    assert (refused.line, done.snapshot_import.applied) == (1, 1)
    assert refused.snapshot_line == line(item("A" * 128, owner="o" * 128), 7)


async def test_lines_that_were_not_applied_are_listed(acme: Caller) -> None:
    """They are listed by number and page by page, all or those of one outcome; the answer tells the first hundred that
    were refused."""
    await acme.record(*(movement(COUNT, f"S{number}", 0) for number in range(150)))
    told = opening(
        as_of_time=moment(-1), lines=[line(f"S{number}", 1 - 2 * (number % 3 == 0)) for number in range(400)]
    )
    done = await imported(acme, told)
    counts = (done.snapshot_import.applied, done.snapshot_import.stale, done.snapshot_import.refused)
    assert counts == (166, 100, 134)
    refused = [number + 1 for number in range(400) if number % 3 == 0]
    stale = [number + 1 for number in range(150) if number % 3]
    assert [each.line for each in done.refused_lines] == refused[:100]
    assert [each.line for each in await kept(acme, told.request_id)] == sorted(refused + stale)
    assert [each.line for each in await kept(acme, told.request_id, state=STALE)] == stale
    assert [each.line for each in await kept(acme, told.request_id, state=REFUSED)] == refused
    pages = [page async for page in acme.pages("ListSnapshotLines", 7, request_id=told.request_id)]
    assert [each.line for page in pages for each in page.lines] == sorted(refused + stale)
    other = await acme.refused("ListSnapshotLines", request_id="other", page_token=pages[0].next_page_token)
    assert other.reason == "PAGE_TOKEN_INVALID"


async def test_all_or_nothing_applies_all(acme: Caller, owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all lines are good all are applied, a few at a time, once the last has come; none before it."""
    monkeypatch.setattr(importing, "STEP", 3)
    await acme.count("S1", 5)
    told = opening(all_or_nothing=True, lines=[line(f"S{number}", number) for number in range(1, 6)])
    old = line("S1", 9, as_of_time=moment(-60))
    call = acme.send("ImportSnapshot", None)
    await call.write(told)
    await call.write(message([line("S6", 6), old, line("S7", 7)]))
    found = await settled(acme, told.request_id, 9)
    assert (found.applied, (await acme.balance("S1"))[0]) == (0, 5)
    await call.done_writing()
    done = await call
    assert (done.snapshot_import.applied, done.snapshot_import.stale) == (7, 1)
    assert [(await acme.balance(f"S{number}"))[0] for number in range(1, 8)] == list(range(1, 8))
    assert [(each.line, each.state, each.snapshot_line) for each in await kept(acme, told.request_id)] == [
        (7, STALE, old)
    ]
    assert await owner.fetchval("SELECT count(*) FROM snapshot_lines WHERE tenant = $1", acme.tenant) == 1
    assert await acme.verify() == []


async def test_all_or_nothing_applies_nothing(acme: Caller) -> None:
    """Where any line is bad nothing is applied; the refusal lists them, also when the stream is repeated, and they stay
    on record."""
    await acme.receive("A", 10)
    then = (await acme.entries())[-1].recorded_time
    await acme.ship("A", 7)
    head = await acme.head()
    told = opening(
        as_of_time=then, all_or_nothing=True, lines=[line("A", 5), line("B", 1), line(item("C", "nowhere"), 1)]
    )
    messages = [told, message([line("D", -1), line("E", 5)])]
    for _ in range(2):
        refused = await refusal(imported(acme, *messages))
        assert refused.reason == "SNAPSHOT_REFUSED"
        assert refused.metadata == {"request_id": told.request_id, "refused": "3", "line": "1"}
        assert [(each.field, each.reason) for each in refused.violations] == [
            ("line 1", "INSUFFICIENT_ON_HAND"),
            ("line 3", "LOCATION_NOT_FOUND"),
            ("line 4", "REQUEST_MALFORMED"),
        ]
    found = await progress(acme, told.request_id)
    assert found is not None
    assert (found.state, found.applied, found.refused, found.next_line) == (IMPORT_REFUSED, 0, 3, 6)
    assert [each.line for each in await kept(acme, told.request_id)] == [1, 3, 4]
    assert [entry for entry in await acme.entries() if entry.revision > head.number] == []


async def test_a_staged_import_is_rolled_forward(acme: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an import breaks while staged lines are applied, the next stream applies the rest, whatever of it it
    sends."""
    monkeypatch.setattr(importing, "STEP", 2)
    told = opening(all_or_nothing=True, lines=[line(f"S{number}", number) for number in range(1, 8)])
    steps = 0

    async def breaking(self: Any, command: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == 4:  # after the lines, their end, and two of them applied
            raise ZeroDivisionError
        return await carry_out(self, command)

    carry_out = importing.Import._carry_out
    with monkeypatch.context() as broken:
        broken.setattr(importing.Import, "_carry_out", breaking)
        with pytest.raises(Exception, match="INTERNAL"):
            await imported(acme, told)
    found = await progress(acme, told.request_id)
    assert found is not None
    assert (found.state, found.applied, found.next_line) == (snapshot_pb2.SNAPSHOT_IMPORT_STATE_RUNNING, 2, 8)
    done = await imported(acme, opening(request_id=told.request_id, feed=told.feed))
    assert done.snapshot_import.applied == 7
    assert [(await acme.balance(f"S{number}"))[0] for number in range(1, 8)] == list(range(1, 8))
    assert len([each for each in await acme.entries(kinds=[COUNT]) if each.account == 1]) == 7


SCOPED: list[tuple[dict[str, Any], set[str]]] = [
    # the scope, and what of all that lies there is set to zero
    ({"location": "W1"}, {"plain", "owned", "lot"}),
    ({"location": "W1", "owner": ""}, {"plain", "lot"}),
    ({"location": "W1", "owner": "acme"}, {"owned"}),
    ({"location": "W1", "conditions": [2]}, {"held"}),
    ({"location": "W1", "conditions": [1, 2]}, {"plain", "owned", "lot", "held"}),
    ({"location": "W2"}, {"elsewhere"}),
    ({"location": "nowhere"}, set()),
]


@pytest.mark.parametrize(("scope", "zeroed"), SCOPED)
async def test_absent_items_are_set_to_zero(
    acme: Caller, monkeypatch: pytest.MonkeyPatch, scope: dict[str, Any], zeroed: set[str]
) -> None:
    """What a full snapshot does not name of its scope is set to zero: at that location, of that owner, in those
    conditions, in nobody's custody; what it names is not, though its line was stale."""
    monkeypatch.setattr(importing, "STEP", 2)
    await acme.place("W2")
    goods = {
        "plain": item("plain"), "owned": item("owned", owner="acme"), "lot": item("lot", lot="L1"),
        "held": item("held", condition=2), "elsewhere": item("elsewhere", "W2"),
        "in custody": item("in custody", custodian="rep"), "named": item("named"), "stale": item("stale"),
    }  # fmt: skip
    await acme.record(*(movement(COUNT, each, 5, occurred_time=moment(-10)) for each in goods.values()))
    told = opening(
        full_scopes=[scope],
        absent_items=ZERO,
        lines=[line(goods["named"], 7), line(goods["stale"], 9, as_of_time=moment(-20))],
    )
    done = (await imported(acme, told)).snapshot_import
    assert (done.applied, done.stale, done.zeroed, done.absent_left) == (1, 1, len(zeroed), False)
    found = {name: (await acme.balance(each))[0] for name, each in goods.items()}
    assert found == {name: 7 if name == "named" else 0 if name in zeroed else 5 for name in goods}
    assert (await imported(acme, told)).snapshot_import == done
    assert await acme.verify() == []


async def test_absent_items_follow_the_formula(acme: Caller) -> None:
    """An absent item is a figure of zero: what moved since goes on top, promised units that were handed over are added,
    what was counted since is left, and so is what contradicts it, which is told."""
    for sku in ("moved", "promised", "contradicted"):
        await acme.receive(sku, 5)
    made = await acme.confirmed(("promised", 4))
    then = (await acme.entries())[-1].recorded_time
    await acme.do("MarkHandedOver", reservation=made.reservation, handed_over_time=then)
    await acme.record(movement(COUNT, "counted", 3), movement(SHIP, "contradicted", 1))
    await acme.receive("moved", 2)
    told = opening(basis=AVAILABLE, as_of_time=then, full_scopes=[{"location": "W1"}], absent_items=ZERO)
    done = (await imported(acme, told)).snapshot_import
    assert (done.zeroed, done.absent_left) == (2, True)
    found = {sku: (await acme.balance(sku))[0] for sku in ("moved", "promised", "counted", "contradicted")}
    assert found == {"moved": 2, "promised": 4, "counted": 3, "contradicted": 4}


async def test_absent_items_are_left_beside_bad_lines(acme: Caller) -> None:
    """Where a line was refused one cannot know what it named: nothing is set to zero, and the import says so."""
    await acme.count("A", 5)
    told = opening(full_scopes=[{"location": "W1"}], absent_items=ZERO, lines=[line("B", -1), line("C", 1)])
    done = (await imported(acme, told)).snapshot_import
    assert (done.applied, done.zeroed, done.absent_left) == (1, 0, True)
    assert (await acme.balance("A"))[0] == 5


async def test_absent_items_are_left_unless_asked(acme: Caller) -> None:
    """A full scope alone sets nothing to zero."""
    await acme.count("A", 5)
    done = (await imported(acme, opening(full_scopes=[{"location": "W1"}], lines=lines(("B", 1))))).snapshot_import
    assert (done.zeroed, done.absent_left) == (0, False)
    assert (await acme.balance("A"))[0] == 5
