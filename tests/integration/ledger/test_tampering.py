"""Whatever is changed, removed, added or moved in the history of the books by SQL is found, and told as what it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.forger import Forger
from tests.kit.ledger import RECEIVE, Caller, claiming, movement
from weir.ledger.v1.ledger_pb2 import Difference

CHAIN, CLAIMS, REVISIONS = Difference.LAW_CHAIN, Difference.LAW_CLAIMS, Difference.LAW_REVISIONS
ON_HAND, RESERVED, TRIAL_BALANCE = Difference.LAW_ON_HAND, Difference.LAW_RESERVED, Difference.LAW_TRIAL_BALANCE
OPEN_LINES, SHORTFALLS, HOLDINGS = Difference.LAW_OPEN_LINES, Difference.LAW_SHORTFALLS, Difference.LAW_HOLDINGS

RECEIVED, HELD, CONFIRMED, SHIPPED, FULFILLED, COUNTED, LAST = range(2, 9)
"""The commits of the history that every test begins with; the first made the location."""


@pytest.fixture
async def forger(acme: Caller, owner: Owner) -> Forger:
    """Whoever changes a history in which units came, were promised under claims, went, and were found missing."""
    happened = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    await acme.record(
        movement(RECEIVE, "A", 10, occurred_time=happened, reference="note 7"), movement(RECEIVE, "B", 10)
    )
    promise = await acme.reserve(claiming("A", 3, share=100, other=100), ("A", 1), channel="web")
    await acme.do("Confirm", reservation=promise.reservation)
    await acme.ship("B", 2)
    await acme.do("Fulfil", reservation=promise.reservation, lines=[{"line": 1, "quantity": 1}])
    await acme.count("A", 2)
    await acme.reserve(claiming("B", 4, share=100), channel="web")
    assert (await acme.head()).number == LAST
    assert await acme.verify() == []
    return Forger(owner, acme.tenant)


def laws(found: Sequence[Difference]) -> set[int]:
    """The laws that are broken."""
    return {each.law for each in found}


def links(found: Sequence[Difference]) -> list[int]:
    """The revisions whose place in the chain is broken."""
    return sorted(each.booked for each in found if each.law == CHAIN)


COLUMNS: dict[str, tuple[str, set[int], list[int]]] = {
    "tenant": ("'somebody else'", {CHAIN, TRIAL_BALANCE}, [SHIPPED]),
    "revision": (str(CONFIRMED), {CHAIN}, [CONFIRMED, SHIPPED]),
    "line": ("9", {CHAIN}, [SHIPPED]),
    "kind": ("6", {CHAIN}, [SHIPPED]),
    "account": ("4", {CHAIN}, [SHIPPED]),
    "item": (
        "(SELECT item FROM balances WHERE tenant = $1 AND sku = 'A')",
        {CHAIN, TRIAL_BALANCE},
        [SHIPPED],
    ),
    "on_hand_delta": ("on_hand_delta + 1", {CHAIN, TRIAL_BALANCE}, [SHIPPED]),
    "reserved_delta": ("1", {CHAIN}, [SHIPPED]),
    "on_hand": ("1", {CHAIN}, [SHIPPED]),
    "reserved": ("1", {CHAIN}, [SHIPPED]),
    "reservation": ("gen_random_uuid()", {CHAIN}, [SHIPPED]),
    "reservation_line": ("1", {CHAIN}, [SHIPPED]),
    "request_id": ("'another'", {CHAIN}, [SHIPPED]),
    "reference": ("'another'", {CHAIN}, [SHIPPED]),
    "occurred_at": ("recorded_at", {CHAIN}, [SHIPPED]),
    "recorded_at": ("recorded_at + interval '1 microsecond'", {CHAIN}, [SHIPPED]),
}
"""Another value for each column of the other side of a shipment, what it breaks, and where."""


async def test_every_column_is_tried(owner: Owner) -> None:
    """The control: the table above names every column that an entry has."""
    query = "SELECT array_agg(attname) FROM pg_attribute WHERE attrelid = 'entries'::regclass AND attnum > 0"
    assert set(await owner.fetchval(query)) == set(COLUMNS)


@pytest.mark.parametrize("column", COLUMNS)
async def test_every_column_of_an_entry(acme: Caller, forger: Forger, column: str) -> None:
    """One column of one entry, changed, breaks the link of its commit and nothing that it has no part in."""
    value, broken, where = COLUMNS[column]
    await forger.do(f"UPDATE entries SET {column} = {value} WHERE tenant = $1 AND revision = {SHIPPED} AND account = 3")
    found = await acme.verify()
    assert laws(found) == broken
    assert links(found) == where


async def test_an_entry_in_another_month(acme: Caller, forger: Forger) -> None:
    """An entry that is put into the partition of another month is found there."""
    moved = f"recorded_at + interval '1 month' WHERE tenant = $1 AND revision = {SHIPPED} AND line = 2"
    await forger.do(f"UPDATE entries SET recorded_at = {moved}")
    assert await forger.told("SELECT count(DISTINCT tableoid) FROM entries WHERE tenant = $1") == 2
    [found] = await acme.verify()
    assert (found.law, found.booked, found.computed) == (CHAIN, SHIPPED, SHIPPED)
    assert found.sentence == f"Revision {SHIPPED}: an entry says another moment than its commit."


HISTORY: dict[str, tuple[list[str], set[int], list[int]]] = {
    "a commit's moment": (
        [f"UPDATE commits SET recorded_at = recorded_at + interval '1 day' WHERE tenant = $1 AND revision = {SHIPPED}"],
        {CHAIN}, [SHIPPED]),
    "the moment of a commit without entries": (
        [f"UPDATE commits SET recorded_at = recorded_at - interval '1 microsecond'"
         f" WHERE tenant = $1 AND revision = {CONFIRMED}"],
        {CHAIN}, [CONFIRMED]),
    "a commit's digest": (
        [f"UPDATE commits SET digest = sha256('x') WHERE tenant = $1 AND revision = {SHIPPED}"],
        {CHAIN}, [SHIPPED, FULFILLED]),
    "the newest digest": (
        [f"UPDATE commits SET digest = sha256('x') WHERE tenant = $1 AND revision = {LAST}"],
        {CHAIN}, [LAST, LAST]),
    "the head's digest": (["UPDATE tenants SET digest = sha256('x') WHERE tenant = $1"], {CHAIN}, [LAST]),
    "the head's moment": (
        ["UPDATE tenants SET recorded_at = recorded_at + interval '1 day' WHERE tenant = $1"], {CHAIN}, [LAST]),
    "the head is gone": (["DELETE FROM tenants WHERE tenant = $1"], {CHAIN, REVISIONS, HOLDINGS}, [0]),
    "an old claim": (
        [f"UPDATE claim_changes SET open = open + 1 WHERE tenant = $1 AND revision = {HELD} AND claim = 'share'"],
        {CHAIN}, [HELD]),
    "the newest claim": (
        [f"UPDATE claim_changes SET fulfilled = 0 WHERE tenant = $1 AND revision = {LAST}"], {CHAIN, CLAIMS}, [LAST]),
    "the key of a claim": (
        [f"UPDATE claim_changes SET claim = 'x' WHERE tenant = $1 AND revision = {HELD} AND claim = 'share'"],
        {CHAIN, CLAIMS}, [HELD]),
    "a claim is gone": (
        [f"DELETE FROM claim_changes WHERE tenant = $1 AND revision = {HELD} AND claim = 'share'"], {CHAIN}, [HELD]),
    "a claim more": (
        [f"INSERT INTO claim_changes VALUES ($1, {SHIPPED}, 'share', 3, 0)"], {CHAIN}, [SHIPPED]),
    "a claim after the end": (
        [f"INSERT INTO claim_changes VALUES ($1, {LAST + 1}, 'share', 6, 1)"], {CHAIN, CLAIMS, REVISIONS}, [LAST + 1]),
    "an entry is gone": (
        [f"DELETE FROM entries WHERE tenant = $1 AND revision = {SHIPPED} AND line = 2"],
        {CHAIN, TRIAL_BALANCE}, [SHIPPED]),
    "an entry more": (
        [f"INSERT INTO entries SELECT tenant, revision, 3, kind, account, item, 0, 0, 0, 0, NULL, 0, '', '', NULL,"
         f" recorded_at FROM entries WHERE tenant = $1 AND revision = {SHIPPED} AND line = 2"],
        {CHAIN}, [SHIPPED]),
    "an entry after the end": (
        [f"INSERT INTO entries SELECT tenant, {LAST + 1}, 1, kind, account, item, 0, 0, 0, 0, NULL, 0, '', '', NULL,"
         f" recorded_at FROM entries WHERE tenant = $1 AND revision = {SHIPPED} AND line = 2"],
        {CHAIN, REVISIONS}, [LAST + 1]),
    "two lines are swapped": (
        [f"UPDATE entries SET line = 9 WHERE tenant = $1 AND revision = {SHIPPED} AND line = 1",
         f"UPDATE entries SET line = 1 WHERE tenant = $1 AND revision = {SHIPPED} AND line = 2",
         f"UPDATE entries SET line = 2 WHERE tenant = $1 AND revision = {SHIPPED} AND line = 9"],
        {CHAIN}, [SHIPPED]),
    "a commit more": (
        [f"INSERT INTO commits SELECT tenant, {LAST + 1}, recorded_at, sha256('x') FROM commits"
         f" WHERE tenant = $1 AND revision = {LAST}"],
        {CHAIN, REVISIONS}, [LAST, LAST + 1]),
    "a horizon that never was": (
        [f"INSERT INTO horizons SELECT tenant, {CONFIRMED}, recorded_at, digest FROM commits"
         f" WHERE tenant = $1 AND revision = {CONFIRMED}"],
        {ON_HAND, RESERVED, REVISIONS, CHAIN}, [CONFIRMED]),
}  # fmt: skip
"""What is done to history, which laws it breaks, and which revisions are told by the law of the chain."""


@pytest.mark.parametrize("what", HISTORY)
async def test_history(acme: Caller, forger: Forger, what: str) -> None:
    """Whatever of history is changed, removed, added or swapped is found as what it breaks, and nothing else is."""
    statements, broken, where = HISTORY[what]
    await forger.do(*statements)
    found = await acme.verify()
    assert laws(found) == broken
    assert links(found) == where


async def test_a_whole_commit_is_gone(acme: Caller, forger: Forger) -> None:
    """A commit that is removed with all that it recorded is missed, and so is its digest by the commit after it."""
    await forger.remove_commit(CONFIRMED)
    found = await acme.verify()
    assert laws(found) == {CHAIN, REVISIONS}
    assert links(found) == [SHIPPED]


async def test_a_gap_is_closed(acme: Caller, forger: Forger) -> None:
    """That the commits after a removed one are renumbered does not mend the chain."""
    await forger.remove_commit(CONFIRMED)
    for revision in range(SHIPPED, LAST + 1):
        await forger.renumber(revision, revision - 1)
    await forger.do("UPDATE tenants SET revision = revision - 1 WHERE tenant = $1")
    found = await acme.verify()
    assert {CHAIN, REVISIONS} <= laws(found)
    assert links(found) == list(range(CONFIRMED, LAST))


async def test_two_commits_are_swapped(acme: Caller, forger: Forger) -> None:
    """Commits that changed places break the links of both and of those after them; no unit need be missing for it."""
    await forger.swap_commits(CONFIRMED, SHIPPED)
    found = await acme.verify()
    assert laws(found) == {CHAIN}
    assert links(found) == [CONFIRMED, SHIPPED, FULFILLED]


async def test_the_end_is_cut_off(acme: Caller, forger: Forger) -> None:
    """History that ends earlier, with the head set back, is found by all that says it is of a later revision."""
    await forger.cut_to(COUNTED)
    found = await acme.verify()
    assert laws(found) == {REVISIONS, RESERVED, CLAIMS}
    await forger.cut_to(SHIPPED)
    assert {REVISIONS, ON_HAND, RESERVED, CLAIMS} <= laws(await acme.verify())


async def test_the_end_is_cut_off_where_no_unit_moved(acme: Caller, forger: Forger) -> None:
    """Even a commit that booked nothing cannot be cut off: what it changed says that it is of a later revision."""
    promise = await acme.reserve(("B", 1))
    await acme.do("Extend", reservation=promise.reservation, hold_duration={"seconds": 3600})
    await forger.cut_to(LAST + 1)
    [found] = await acme.verify()
    assert (found.law, found.booked, found.computed) == (REVISIONS, LAST + 1, LAST + 2)


async def test_an_entry_is_hidden_in_another(acme: Caller, forger: Forger) -> None:
    """A row cannot be put, separators and all, into a text of another one: that would leave the digest as it is, and is
    found by the separators."""
    shipped = f"WHERE tenant = $1 AND revision = {SHIPPED}"
    await forger.do(
        "UPDATE entries SET reference = (SELECT concat_ws(chr(31), '', chr(30) || 2, kind, account, item,"
        " on_hand_delta, reserved_delta, on_hand, reserved, '', reservation_line, request_id, '')"
        f" FROM entries {shipped} AND line = 2) {shipped} AND line = 1",
        f"DELETE FROM entries {shipped} AND line = 2",
    )
    before = await forger.told(f"SELECT digest FROM commits {shipped}")
    found = await acme.verify()
    assert laws(found) == {CHAIN, TRIAL_BALANCE}
    assert [each.sentence for each in found if each.law == CHAIN] == [
        f"Revision {SHIPPED}: a text holds what separates the fields that are digested."
    ]
    await forger.rechain()
    assert await forger.told(f"SELECT digest FROM commits {shipped}") == before


PROMISES: dict[str, tuple[str, set[int]]] = {
    "open units of a claim": ("UPDATE claims SET open = open + 1 WHERE tenant = $1 AND claim = 'other'", {CLAIMS}),
    "fulfilled units of a claim": ("UPDATE claims SET fulfilled = 0 WHERE tenant = $1 AND claim = 'other'", {CLAIMS}),
    "when a claim changed": ("UPDATE claims SET revision = 2 WHERE tenant = $1 AND claim = 'other'", {CLAIMS}),
    "a claim is gone": ("DELETE FROM claims WHERE tenant = $1 AND claim = 'other'", {CLAIMS}),
    "a claim of nobody": ("INSERT INTO claims VALUES ($1, 'x', 1, 0, 2)", {CLAIMS}),
    "a line claims nothing": (
        "UPDATE reservation_lines SET claims = '{}', ceilings = '{}' WHERE tenant = $1 AND 'other' = ANY (claims)",
        {CLAIMS}),
    "a shortfall is gone": ("DELETE FROM shortfalls WHERE tenant = $1", {SHORTFALLS}),
    "a shortfall of nothing": (
        f"INSERT INTO shortfalls SELECT tenant, item, {COUNTED}, c.recorded_at FROM balances b JOIN commits c"
        f" USING (tenant) WHERE tenant = $1 AND sku = 'B' AND c.revision = {COUNTED}", {SHORTFALLS}),
    "since when there is a shortfall": (
        "UPDATE shortfalls SET opened_at = opened_at - interval '1 day' WHERE tenant = $1", {SHORTFALLS}),
    "by what there is a shortfall": ("UPDATE shortfalls SET revision = 2 WHERE tenant = $1", {SHORTFALLS}),
    "reservations of a channel": (
        "UPDATE holdings SET open_reservations = open_reservations - 1 WHERE tenant = $1", {HOLDINGS}),
    "units of a channel": ("UPDATE holdings SET held_units = 0 WHERE tenant = $1", {HOLDINGS}),
    "a channel is gone": ("DELETE FROM holdings WHERE tenant = $1", {HOLDINGS}),
    "a channel of nobody": ("INSERT INTO holdings VALUES ($1, 'x', 1, 0)", {HOLDINGS}),
    "reservations of the tenant": (
        "UPDATE tenants SET open_reservations = open_reservations + 1 WHERE tenant = $1", {HOLDINGS}),
    "units of the tenant": ("UPDATE tenants SET held_units = held_units + 1 WHERE tenant = $1", {HOLDINGS}),
    "a reservation of another channel": (
        "UPDATE reservations SET channel = 'x' WHERE tenant = $1 AND state = 1", {HOLDINGS}),
    "a balance is older": ("UPDATE balances SET revision = 2 WHERE tenant = $1 AND sku = 'A'", {REVISIONS}),
    "a balance is of the future": ("UPDATE balances SET revision = 99 WHERE tenant = $1 AND sku = 'A'", {REVISIONS}),
    "all units at once": (
        "UPDATE balances SET on_hand = 9223372036854775807 WHERE tenant = $1 AND sku = 'B'", {ON_HAND}),
}  # fmt: skip
"""What is done to what promises count against, and to balances; and which laws it breaks."""


@pytest.mark.parametrize("what", PROMISES)
async def test_what_history_makes(acme: Caller, forger: Forger, what: str) -> None:
    """Whatever is changed in what follows from history is found as what it breaks, with its numbers in the sentence."""
    statement, broken = PROMISES[what]
    await forger.do(statement)
    found = await acme.verify()
    assert laws(found) == broken
    assert all(str(number) in each.sentence for each in found for number in (each.booked, each.computed))


async def test_numbers_beyond_all_counts(acme: Caller, forger: Forger) -> None:
    """Deltas that add up to more than a count can hold are a difference, not an accident of the audit."""
    await forger.do("UPDATE entries SET on_hand_delta = 9223372036854775807, reserved_delta = -9223372036854775808"
                    " WHERE tenant = $1")  # fmt: skip
    found = await acme.verify()
    assert {CHAIN, ON_HAND, RESERVED, TRIAL_BALANCE} <= laws(found)
    assert 2**63 - 1 in {each.booked for each in found if each.law == TRIAL_BALANCE}


CLOSINGS: dict[str, tuple[str, set[int]]] = {
    "units": ("UPDATE closing_balances SET on_hand = 9 WHERE tenant = $1 AND revision = {first} AND on_hand = 8",
              {ON_HAND}),
    "promises": ("UPDATE closing_balances SET reserved = 0 WHERE tenant = $1 AND revision = {last}", {RESERVED}),
    "when it changed": ("UPDATE closing_balances SET changed_revision = 1 WHERE tenant = $1 AND revision = {last}",
                        {REVISIONS}),
    "a stock item is gone": ("DELETE FROM closing_balances WHERE tenant = $1 AND revision = {last} AND on_hand = 8",
                             {ON_HAND, RESERVED, REVISIONS}),
    "a stock item more": ("INSERT INTO closing_balances VALUES ($1, {first}, gen_random_uuid(), 1, 0, 2, NULL)",
                          {ON_HAND, REVISIONS}),
    "its moment": ("UPDATE closings SET recorded_at = now() WHERE tenant = $1 AND revision = {first}", {CHAIN}),
    "it is of no commit": ("UPDATE closings SET revision = 99 WHERE tenant = $1 AND revision = {last}",
                           {CHAIN, ON_HAND, RESERVED, REVISIONS}),
}  # fmt: skip
"""What is done to the closings that the past is read from, and which laws it breaks."""


@pytest.mark.parametrize("what", CLOSINGS)
async def test_closings(acme: Caller, forger: Forger, what: str) -> None:
    """Whatever is changed in a closing is found, be it the first or held against one before it."""
    await forger.do("SELECT close_books($1)")
    await acme.receive("A", 5)
    await acme.place("W2")
    await forger.do("SELECT close_books($1)")
    last = (await acme.head()).number
    await acme.ship("A", 1)
    assert await acme.verify() == []
    statement, broken = CLOSINGS[what]
    await forger.do(statement.format(first=LAST, last=last))
    assert laws(await acme.verify()) == broken


OTHERS = {
    "text": "{0} || 'x'",
    "bigint": "coalesce({0}, 0) + 100",
    "integer": "{0} + 100",
    "smallint": "CASE {0} WHEN 1 THEN 2 ELSE 1 END",
    "uuid": "gen_random_uuid()",
    "bytea": "sha256({0})",
    "timestamp with time zone": "coalesce({0}, '2026-01-01') + interval '1 microsecond'",
}
"""Another value of each type."""


@pytest.mark.parametrize(("table", "step"), [("entries", 3), ("commits", 1), ("claim_changes", 1)])
async def test_every_cell_of_history(acme: Caller, forger: Forger, owner: Owner, table: str, step: int) -> None:
    """Whichever cell of history has another value, and whichever row is gone, the chain is broken; and it is whole
    again with what was there. Of entries every third is tried."""
    query = "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0"
    types = dict(map(tuple, await owner.fetch(f"{query} ORDER BY attnum", table)))
    await forger.do(f"CREATE TEMP TABLE kept AS SELECT row_number() OVER () AS n, * FROM {table} WHERE tenant = $1")

    async def replace(number: int, column: str) -> None:
        """Write the whole table anew, with another value in one cell, or without the row where no column is named."""
        other = f"CASE n WHEN {number} THEN {OTHERS[types[column]].format(column)} ELSE {column} END" if column else ""
        chosen = ", ".join(other if each == column else each for each in types)
        await forger.do(
            f"DELETE FROM {table} WHERE tenant IN ($1, $1 || 'x')",
            f"INSERT INTO {table} SELECT {chosen} FROM kept WHERE $1 = $1 AND ('{column}' <> '' OR n <> {number})",
        )

    for number in range(1, await owner.fetchval("SELECT count(*) FROM kept") + 1, step):
        for column in ("", *types):
            await replace(number, column)
            assert CHAIN in laws(await acme.verify()), (number, column)
    await replace(0, "")
    assert await acme.verify() == []
