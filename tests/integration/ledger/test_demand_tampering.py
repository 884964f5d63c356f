"""Whatever is changed, removed, added or moved by SQL in what waits is found, however much history was put away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.calling import refusal
from tests.kit.forger import Forger
from tests.kit.ledger import Caller, promise, request
from tests.kit.past import close
from tests.kit.postgres import FreshDatabase
from weir.ledger.v1.ledger_pb2 import Difference
from weir_ledger.store.compaction import compact

CHAIN, WAITING, REVISIONS = Difference.LAW_CHAIN, Difference.LAW_WAITING, Difference.LAW_REVISIONS

ALLOWED, FIRST, SECOND, PROMISED, CANCELLED, LAST = 2, 3, 4, 6, 7, 8
"""The commits of the history that every test begins with: units may wait, two demands do, one is promised in part, one
is given up in part; the last moved units."""


@pytest.fixture
async def forger(acme: Caller, owner: Owner) -> Forger:
    """Whoever changes a history in which two demands waited."""
    await acme.allow("A", 10)
    first = await acme.await_units(("A", 4), ("A", 1), order="o-1", channel="web", plan=b"how")
    second = await acme.await_units(("A", 2))
    await acme.receive("A", 5)
    assert await acme.promise(promise(first, ("A", 3))) == ["ok"]
    await acme.do("CancelWaiting", waiting=second.waiting, lines=[{"line": 1, "quantity": 1}])
    await acme.receive("A", 1)
    assert (await acme.head()).number == LAST
    assert await acme.verify() == []
    return Forger(owner, acme.tenant)


def laws(found: Sequence[Difference]) -> set[int]:
    """The laws that are broken."""
    return {each.law for each in found}


def links(found: Sequence[Difference]) -> list[int]:
    """The revisions whose place in the chain is broken."""
    return sorted(each.booked for each in found if each.law == CHAIN)


SAID = "UPDATE waiting_changes SET told = {} WHERE tenant = $1 AND revision = {}"
COUNTED = "UPDATE back_order_changes SET {} WHERE tenant = $1 AND revision = {}"

HISTORY: dict[str, tuple[str, set[int], list[int]]] = {
    "an old demand": (SAID.format("replace(told, 'web', 'wed')", FIRST), {CHAIN}, [FIRST]),
    "the newest of a demand": (SAID.format("replace(told, 'web', 'wed')", PROMISED), {CHAIN, WAITING}, [PROMISED]),
    "one demand put into another": (
        SAID.format("told || chr(30) || told", SECOND), {CHAIN}, [SECOND]),
    "when it was said": (
        f"UPDATE waiting_changes SET revision = {LAST} WHERE tenant = $1 AND revision = {CANCELLED}",
        {CHAIN, WAITING}, [CANCELLED, LAST]),
    "an old change is gone": (
        f"DELETE FROM waiting_changes WHERE tenant = $1 AND revision = {FIRST}", {CHAIN}, [FIRST]),
    "the newest change is gone": (
        f"DELETE FROM waiting_changes WHERE tenant = $1 AND revision = {CANCELLED}", {CHAIN, WAITING}, [CANCELLED]),
    "a change of nothing": (
        f"INSERT INTO waiting_changes VALUES ($1, {LAST}, gen_random_uuid(), 'x')", {CHAIN, WAITING}, [LAST]),
    "a change before all": (
        f"INSERT INTO waiting_changes SELECT tenant, 1, waiting, told FROM waiting_changes"
        f" WHERE tenant = $1 AND revision = {FIRST}", {CHAIN}, [1]),
    "a change after the end": (
        f"INSERT INTO waiting_changes SELECT tenant, {LAST + 1}, waiting, told FROM waiting_changes"
        f" WHERE tenant = $1 AND revision = {CANCELLED}", {CHAIN, WAITING, REVISIONS}, [LAST + 1]),
    "an old limit": (COUNTED.format("limit_units = 11", ALLOWED), {CHAIN}, [ALLOWED]),
    "an old count": (COUNTED.format("waiting_units = waiting_units + 1", FIRST), {CHAIN}, [FIRST]),
    "the newest limit": (COUNTED.format("limit_units = 11", CANCELLED), {CHAIN, WAITING}, [CANCELLED]),
    "the newest count": (COUNTED.format("waiting_units = 0", CANCELLED), {CHAIN, WAITING}, [CANCELLED]),
    "when a limit was said": (COUNTED.format("limit_revision = 1", CANCELLED), {CHAIN, WAITING}, [CANCELLED]),
    "of which product": (COUNTED.format("sku = 'B'", CANCELLED), {CHAIN, WAITING}, [CANCELLED]),
    "a name that is cut elsewhere": (COUNTED.format("owner = 'A', sku = ''", CANCELLED), {CHAIN, WAITING}, [CANCELLED]),
    "a count is gone": (
        f"DELETE FROM back_order_changes WHERE tenant = $1 AND revision = {SECOND}", {CHAIN}, [SECOND]),
    "a count beside entries": (
        f"INSERT INTO back_order_changes VALUES ($1, {LAST}, '', 'A', 10, 3, 2)", {CHAIN, WAITING}, [LAST]),
}  # fmt: skip
"""What is done to the changes of what waits, which laws it breaks, and which revisions the law of the chain tells."""


@pytest.mark.parametrize("what", HISTORY)
async def test_changes(acme: Caller, forger: Forger, what: str) -> None:
    """Whatever of the changes of what waits is changed, removed, added or moved is found as what it breaks, and nothing
    else is."""
    statement, broken, where = HISTORY[what]
    await forger.do(statement)
    found = await acme.verify()
    assert laws(found) == broken
    assert links(found) == where


ON_FIRST = "WHERE tenant = $1 AND order_name = 'o-1'"
LINE = "UPDATE waiting_lines SET {} WHERE tenant = $1 AND quantity = 4"
KEPT: dict[str, str] = {
    "a state": f"UPDATE waiting SET state = 2 {ON_FIRST}",
    "whole": f"UPDATE waiting SET whole = true {ON_FIRST}",
    "an order": f"UPDATE waiting SET order_name = 'o-2' {ON_FIRST}",
    "a channel": f"UPDATE waiting SET channel = '' {ON_FIRST}",
    "when it came": f"UPDATE waiting SET created_at = created_at - interval '1 microsecond' {ON_FIRST}",
    "its place": f"UPDATE waiting SET create_revision = 1 {ON_FIRST}",
    "its last change": f"UPDATE waiting SET revision = {FIRST} {ON_FIRST}",
    "a reservation more": f"UPDATE waiting SET reservations = reservations || gen_random_uuid() {ON_FIRST}",
    "a reservation less": f"UPDATE waiting SET reservations = '{{}}' {ON_FIRST}",
    "a plan": f"UPDATE waiting SET plan = 'now' {ON_FIRST}",
    "no plan": f"UPDATE waiting SET plan = '' {ON_FIRST}",
    "it is gone": f"DELETE FROM waiting {ON_FIRST}",
    "one more": ("INSERT INTO waiting VALUES ($1, gen_random_uuid(), 3, false, '', '', now(), 2, 2, '{}', '')"),
    "more wait": LINE.format("quantity = 5, open = 2"),
    "fewer wait": LINE.format("open = 0, promised = 4"),
    "given up": LINE.format("promised = 0, cancelled = 3"),
    "another product": LINE.format("sku = 'B'"),
    "another owner": LINE.format("owner = 'x'"),
    "a line is gone": "DELETE FROM waiting_lines WHERE tenant = $1 AND quantity = 1",
    "a line more": (
        "INSERT INTO waiting_lines SELECT tenant, waiting, 3, '', 'A', 1, 0, 0, 1 FROM waiting_lines"
        " WHERE tenant = $1 AND quantity = 4"
    ),
    "lines of nothing": "INSERT INTO waiting_lines VALUES ($1, gen_random_uuid(), 1, '', 'B', 1, 0, 0, 1)",
    "lines change places": (
        "UPDATE waiting_lines SET line = 3 - line + (CASE quantity WHEN 2 THEN 2 ELSE 10 END) WHERE tenant = $1"
    ),
    "a limit": "UPDATE back_orders SET limit_units = 9 WHERE tenant = $1",
    "a count": "UPDATE back_orders SET waiting_units = waiting_units - 1 WHERE tenant = $1",
    "a mark of a limit": "UPDATE back_orders SET limit_revision = 1 WHERE tenant = $1",
    "the last change of a count": "UPDATE back_orders SET revision = 2 WHERE tenant = $1",
    "of another product": "UPDATE back_orders SET sku = 'B' WHERE tenant = $1",
    "no count": "DELETE FROM back_orders WHERE tenant = $1",
    "a count more": "INSERT INTO back_orders VALUES ($1, 'x', 'A', 0, 0, 2, 2)",
}
"""What is done to what waits as it is kept."""


@pytest.mark.parametrize("what", KEPT)
async def test_what_is_kept(acme: Caller, forger: Forger, what: str) -> None:
    """Whatever is changed, removed or added in what waits now is found, with both numbers in each sentence, and nothing
    else is told."""
    await forger.do(KEPT[what])
    found = await acme.verify()
    assert laws(found) == {WAITING}
    for each in found:
        assert all(str(number) in each.sentence for number in (each.booked, each.computed))
        assert not each.HasField("stock_item")


async def test_sums_are_told(acme: Caller, forger: Forger) -> None:
    """Where more units are counted as waiting than lines make, and where the units of a line do not make what had to
    wait, though the rules of the table were taken away, the sentence says so."""
    await forger.do("UPDATE back_orders SET waiting_units = 9 WHERE tenant = $1")
    assert "'A': 9 units are counted as waiting, the lines of demands make 3." in [
        each.sentence for each in await acme.verify()
    ]
    await forger.do(
        "UPDATE back_orders SET waiting_units = 3 WHERE tenant = $1",
        "ALTER TABLE waiting_lines DROP CONSTRAINT waiting_lines_check",
        LINE.format("promised = 9223372036854775807"),
    )
    found = await acme.verify()
    assert laws(found) == {WAITING}
    assert any("4 units had to wait" in each.sentence and each.computed == 2**63 - 1 for each in found)


async def test_commits_are_swapped_or_gone(acme: Caller, forger: Forger) -> None:
    """Commits of what waits that changed places, or were removed with all that they said, break the chain; the end
    cannot be cut off, for what is kept says that it is of later revisions."""
    await forger.swap_commits(FIRST, SECOND)
    found = await acme.verify()
    assert {CHAIN} <= laws(found) <= {CHAIN, WAITING}
    assert links(found) == [FIRST, SECOND, SECOND + 1]
    await forger.swap_commits(FIRST, SECOND)
    assert await acme.verify() == []
    await forger.remove_commit(FIRST)
    found = await acme.verify()
    assert (laws(found), links(found)) == ({CHAIN, REVISIONS}, [SECOND])


async def test_the_end_is_cut_off(acme: Caller, forger: Forger) -> None:
    """That a demand came last cannot be cut off: what is kept of it says that it is of a later revision."""
    await acme.await_units(("A", 1))
    await forger.cut_to(LAST)
    assert laws(await acme.verify()) == {WAITING, REVISIONS}


async def test_after_a_compaction(database: FreshDatabase, acme: Caller, forger: Forger, owner: Owner) -> None:
    """When history is put away what waits stays, and so does the last change of each demand and product, which it is
    held against: it is listed, promised, given up, watched and verified as before, and a change by SQL is found."""
    before = (await acme.do("ListWaiting")).waiting
    assert len(before) == 2
    await close(owner, acme)
    await forger.age(3)
    [horizon] = [
        revision
        for tenant, revision in await compact(database.owner_url, datetime.now(UTC) - timedelta(days=35))
        if tenant == acme.tenant
    ]
    assert horizon == LAST
    kept = "SELECT array_agg(revision ORDER BY revision) FROM {} WHERE tenant = $1"
    assert await forger.told(kept.format("waiting_changes")) == [PROMISED, CANCELLED]
    assert await forger.told(kept.format("back_order_changes")) == [CANCELLED]
    assert (await acme.do("ListWaiting")).waiting == before
    assert await acme.verify() == []
    for statement in KEPT.values():
        tables = ("waiting", "waiting_lines", "back_orders")
        for table in tables:
            await forger.do(f"CREATE TEMP TABLE kept_{table} AS SELECT * FROM {table} WHERE tenant = $1")
        await forger.do(statement)
        assert WAITING in laws(await acme.verify()), statement
        for table in tables:
            await forger.do(
                f"DELETE FROM {table} WHERE tenant = $1",
                f"INSERT INTO {table} SELECT * FROM kept_{table}",
                f"DROP TABLE kept_{table}",
            )
    assert await acme.promise(promise(before[0], ("A", 1))) == ["ok"]
    done = await acme.do("CancelWaiting", waiting=before[1].waiting)
    commits = await acme.watched(through=done.revision.number)
    assert [[each.waiting for each in commit.waiting] for commit in commits] == [
        [before[0].waiting], [before[1].waiting],
    ]  # fmt: skip
    assert await acme.waits("A") == (1, 10)
    assert await acme.verify() == []
    old = done.revision
    old.number = PROMISED
    told = await refusal(acme.send("WatchWaiting", request("WatchWaiting", after=old)).read())
    assert (told.reason, told.metadata["oldest_kept"]) == ("REVISION_COMPACTED", str(horizon))
    call = acme.send("WatchWaiting", request("WatchWaiting"))
    assert [each.waiting for each in (await call.read()).waiting] == [before[0].waiting]
    call.cancel()
