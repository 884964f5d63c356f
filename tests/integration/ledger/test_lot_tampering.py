"""Whatever is changed, removed, added or moved by SQL in what is known of lots is found, however much history was put
away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.forger import Forger
from tests.kit.ledger import Caller
from tests.kit.past import close
from tests.kit.postgres import FreshDatabase
from weir.ledger.v1.ledger_pb2 import Difference
from weir_ledger.store.compaction import compact

CHAIN, LOTS, REVISIONS = Difference.LAW_CHAIN, Difference.LAW_LOTS, Difference.LAW_REVISIONS

FIRST, OTHER, AGAIN, LAST = range(2, 6)
"""The commits of the history that every test begins with; the first made the location, the last moved units."""


@pytest.fixture
async def forger(acme: Caller, owner: Owner) -> Forger:
    """Whoever changes a history in which two lots were set, and one of them once more."""
    for sku, owned_by, day in (("A", "", "2027-01-31"), ("A", "o", ""), ("A", "", "2027-06-30")):
        lot = {"product": {"sku": sku, "owner": owned_by}, "lot": "L1", "expiry_date": day}
        await acme.do("SetLot", lot=lot)
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


HISTORY: dict[str, tuple[str, set[int], list[int]]] = {
    "an old day": (
        f"UPDATE lot_changes SET expiry = '2027-01-30' WHERE tenant = $1 AND revision = {FIRST}", {CHAIN}, [FIRST]),
    "the newest day": (
        f"UPDATE lot_changes SET expiry = '' WHERE tenant = $1 AND revision = {AGAIN}", {CHAIN, LOTS}, [AGAIN]),
    "a day where there was none": (
        f"UPDATE lot_changes SET expiry = '2027-01-30' WHERE tenant = $1 AND revision = {OTHER}",
        {CHAIN, LOTS}, [OTHER]),
    "of which batch": (
        f"UPDATE lot_changes SET lot = 'L2' WHERE tenant = $1 AND revision = {OTHER}", {CHAIN, LOTS}, [OTHER]),
    "a name that is cut elsewhere": (
        f"UPDATE lot_changes SET owner = 'oA', sku = '' WHERE tenant = $1 AND revision = {OTHER}",
        {CHAIN, LOTS}, [OTHER]),
    "when it was said": (
        f"UPDATE lot_changes SET revision = {LAST} WHERE tenant = $1 AND revision = {OTHER}",
        {CHAIN, LOTS}, [OTHER, LAST]),
    "it is gone": (f"DELETE FROM lot_changes WHERE tenant = $1 AND revision = {FIRST}", {CHAIN}, [FIRST]),
    "the newest is gone": (
        f"DELETE FROM lot_changes WHERE tenant = $1 AND revision = {AGAIN}", {CHAIN, LOTS}, [AGAIN]),
    "one more": (
        f"INSERT INTO lot_changes VALUES ($1, {FIRST}, '', 'B', 'L1', '')", {CHAIN, LOTS}, [FIRST]),
    "one beside entries": (
        f"INSERT INTO lot_changes VALUES ($1, {LAST}, '', 'A', 'L1', '')", {CHAIN, LOTS}, [LAST]),
    "one before all": ("INSERT INTO lot_changes VALUES ($1, 1, '', 'A', 'L1', '')", {CHAIN}, [1]),
    "one after the end": (
        f"INSERT INTO lot_changes VALUES ($1, {LAST + 1}, '', 'A', 'L1', '2027-06-30')",
        {CHAIN, LOTS, REVISIONS}, [LAST + 1]),
    "one put into another": (
        f"UPDATE lot_changes SET expiry = concat_ws(chr(30), '', concat_ws(chr(31), 'o', 'A', 'L1', ''))"
        f" WHERE tenant = $1 AND revision = {OTHER}", {CHAIN, LOTS}, [OTHER]),
}  # fmt: skip
"""What is done to the changes of lots, which laws it breaks, and which revisions are told by the law of the chain."""


@pytest.mark.parametrize("what", HISTORY)
async def test_changes_of_lots(acme: Caller, forger: Forger, what: str) -> None:
    """Whatever of the changes of lots is changed, removed, added or moved is found as what it breaks, and nothing else
    is."""
    statement, broken, where = HISTORY[what]
    await forger.do(statement)
    found = await acme.verify()
    assert laws(found) == broken
    assert links(found) == where


KNOWN: dict[str, str] = {
    "a day": "UPDATE lots SET expiry = '2027-06-29' WHERE tenant = $1 AND owner = ''",
    "a day less": "UPDATE lots SET expiry = '' WHERE tenant = $1 AND owner = ''",
    "a day more": "UPDATE lots SET expiry = '2027-06-30' WHERE tenant = $1 AND owner = 'o'",
    "an older day": f"UPDATE lots SET expiry = '2027-01-31', revision = {FIRST} WHERE tenant = $1 AND owner = ''",
    "when it was said": f"UPDATE lots SET revision = {FIRST} WHERE tenant = $1 AND owner = ''",
    "of which product": "UPDATE lots SET sku = 'B' WHERE tenant = $1 AND owner = 'o'",
    "it is gone": "DELETE FROM lots WHERE tenant = $1 AND owner = ''",
    "one more": "INSERT INTO lots VALUES ($1, 'x', 'A', 'L1', '2027-06-30', 2)",
}
"""What is done to what is known of lots."""


@pytest.mark.parametrize("what", KNOWN)
async def test_what_is_known_of_lots(acme: Caller, forger: Forger, what: str) -> None:
    """Whatever is changed in what is known of a lot is found, with lot and product and both numbers in the sentence."""
    await forger.do(KNOWN[what])
    found = await acme.verify()
    assert laws(found) == {LOTS}
    for each in found:
        assert all(str(number) in each.sentence for number in (each.booked, each.computed))
        assert each.sentence.startswith("Lot 'L1' of '")
        assert not each.HasField("stock_item")


async def test_a_day_in_the_sentence(acme: Caller, forger: Forger) -> None:
    """A day is told as a number that reads like it."""
    await forger.do(KNOWN["a day"])
    [found] = await acme.verify()
    assert (found.booked, found.computed) == (20270629, 20270630)
    assert found.sentence == (
        "Lot 'L1' of 'A': 20270629 is kept as the last day, its newest change says 20270630."
    )  # fmt: skip


async def test_a_day_that_is_none(acme: Caller, forger: Forger) -> None:
    """Even where somebody took the rules of the table away and wrote what is no day the audit goes on, and tells it."""
    await forger.do("ALTER TABLE lots DROP CONSTRAINT lots_expiry_check")
    for expiry in ("never", "-", "99999999999999999999"):
        await forger.do(f"UPDATE lots SET expiry = '{expiry}' WHERE tenant = $1 AND owner = ''")
        assert laws(await acme.verify()) == {LOTS}


async def test_commits_of_lots_are_swapped_or_gone(acme: Caller, forger: Forger) -> None:
    """Commits that set lots and changed places, or were removed with all that they said, break the chain."""
    await forger.swap_commits(FIRST, OTHER)
    found = await acme.verify()
    assert (laws(found), links(found)) == ({CHAIN, LOTS}, [FIRST, OTHER, AGAIN])
    await forger.swap_commits(FIRST, OTHER)
    assert await acme.verify() == []
    await forger.remove_commit(FIRST)
    found = await acme.verify()
    assert (laws(found), links(found)) == ({CHAIN, REVISIONS}, [OTHER])


async def test_the_end_is_cut_off(acme: Caller, forger: Forger) -> None:
    """That a lot was set last cannot be cut off: what is known of it says that it is of a later revision."""
    await acme.do("SetLot", lot={"product": {"sku": "B"}, "lot": "L1"})
    await forger.cut_to(LAST)
    assert laws(await acme.verify()) == {LOTS, REVISIONS}


async def test_every_cell(acme: Caller, forger: Forger, owner: Owner) -> None:
    """Whichever cell of the changes of lots has another value, and whichever row is gone, the chain is broken; and it
    is whole again with what was there."""
    await forger.do("CREATE TEMP TABLE kept AS SELECT row_number() OVER () AS n, * FROM lot_changes WHERE tenant = $1")
    columns = {"tenant": "tenant || 'x'", "revision": "revision + 100", "owner": "owner || 'x'", "sku": "sku || 'x'",
               "lot": "lot || 'x'", "expiry": "CASE expiry WHEN '' THEN '2027-01-01' ELSE '' END"}  # fmt: skip
    query = "SELECT array_agg(attname) FROM pg_attribute WHERE attrelid = 'lot_changes'::regclass AND attnum > 0"
    assert set(await owner.fetchval(query)) == set(columns)

    async def replace(number: int, column: str) -> None:
        """Write the whole table anew, with another value in one cell, or without the row where no column is named."""
        chosen = [
            f"CASE n WHEN {number} THEN {other} ELSE {each} END" if each == column else each
            for each, other in columns.items()
        ]
        await forger.do(
            "DELETE FROM lot_changes WHERE tenant IN ($1, $1 || 'x')",
            f"INSERT INTO lot_changes SELECT {', '.join(chosen)} FROM kept"
            f" WHERE $1 = $1 AND ('{column}' <> '' OR n <> {number})",
        )

    for number in (1, 2, 3):
        for column in ("", *columns):
            await replace(number, column)
            assert CHAIN in laws(await acme.verify()), (number, column)
    await replace(0, "")
    assert await acme.verify() == []


async def test_after_a_compaction(database: FreshDatabase, acme: Caller, forger: Forger, owner: Owner) -> None:
    """When history is put away what is known of lots stays, and so does the last change of each, which it is held
    against: it can be listed, exported, changed under its etag and verified as before, and a change by SQL is found."""
    before = (await acme.do("ListLots")).lots
    assert len(before) == 2
    await close(owner, acme)
    await forger.age(3)
    [horizon] = [
        revision
        for tenant, revision in await compact(database.owner_url, datetime.now(UTC) - timedelta(days=35))
        if tenant == acme.tenant
    ]
    assert horizon == LAST
    kept = "SELECT array_agg(revision ORDER BY revision) FROM lot_changes WHERE tenant = $1"
    assert await forger.told(kept) == [OTHER, AGAIN]
    assert (await acme.do("ListLots")).lots == before
    assert await acme.verify() == []
    for statement in KNOWN.values():
        await forger.do("CREATE TEMP TABLE kept AS SELECT * FROM lots WHERE tenant = $1", statement)
        assert LOTS in laws(await acme.verify()), statement
        await forger.do("DELETE FROM lots WHERE tenant = $1", "INSERT INTO lots SELECT * FROM kept", "DROP TABLE kept")
    changed = await acme.do("SetLot", lot={"product": {"sku": "A"}, "lot": "L1", "etag": before[0].etag})
    assert (changed.lot.expiry_date, changed.revision.number) == ("", LAST + 1)
    [commit] = await acme.watched(through=LAST + 1)
    assert list(commit.lots) == [changed.lot]
    assert await acme.verify() == []
