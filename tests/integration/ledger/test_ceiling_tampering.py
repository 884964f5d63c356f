"""Whatever is changed, removed, added or moved by SQL in ceilings, in what they are of, and in how much a unit counts
is found, however much history was put away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.forger import Forger
from tests.kit.ledger import Caller, weighing
from tests.kit.past import close
from tests.kit.postgres import FreshDatabase
from weir.ledger.v1.ledger_pb2 import Difference
from weir_ledger.store.compaction import compact

CHAIN, CLAIMS, REVISIONS = Difference.LAW_CHAIN, Difference.LAW_CLAIMS, Difference.LAW_REVISIONS

SET, RESERVED, RENAMED, LOWERED, PLAIN = range(3, 8)
"""The commits of the history that every test begins with; the first two made the location and brought units."""
KEYS = ["plain", "share", "spare"]


@pytest.fixture
async def forger(acme: Caller, owner: Owner) -> Forger:
    """Whoever changes a history in which two ceilings were set, units were promised under one and it was set again,
    with another subject and without; and units were promised under a key without ceiling."""
    await acme.receive("A", 99)
    first = [{"claim": "share", "ceiling": 9, "epoch": 4, "subject": "half"}, {"claim": "spare", "epoch": 4}]
    await acme.do("SetCeilings", ceilings=first)
    await acme.reserve(weighing("A", 2, share=3))
    renamed = {"claim": "share", "ceiling": 8, "epoch": 5, "subject": "a third"}
    await acme.do("SetCeilings", ceilings=[renamed])
    await acme.do("SetCeilings", ceilings=[{"claim": "share", "ceiling": 5, "epoch": 6}])
    await acme.reserve(weighing("A", 2, plain=2), weighing("A", 3, plain=1))
    assert (await acme.head()).number == PLAIN
    assert await acme.verify() == []
    return Forger(owner, acme.tenant)


def laws(found: Sequence[Difference]) -> set[int]:
    """The laws that are broken."""
    return {each.law for each in found}


def links(found: Sequence[Difference]) -> list[int]:
    """The revisions whose place in the chain is broken."""
    return sorted(each.booked for each in found if each.law == CHAIN)


def changed(what: str, revision: int, claim: str = "share") -> str:
    """The statement that changes a change of a claim."""
    return f"UPDATE claim_changes SET {what} WHERE tenant = $1 AND revision = {revision} AND claim = '{claim}'"


HISTORY: dict[str, tuple[str, set[int], list[int]]] = {
    "an old ceiling": (changed("ceiling = 99", SET), {CHAIN}, [SET]),
    "an old ceiling is gone": (changed("ceiling = NULL", RESERVED), {CHAIN}, [RESERVED]),
    "the newest ceiling": (changed("ceiling = 99", LOWERED), {CHAIN, CLAIMS}, [LOWERED]),
    "a ceiling where there was none": (changed("ceiling = 99", SET, "spare"), {CHAIN, CLAIMS}, [SET]),
    "a ceiling in the place of its epoch": (
        changed("ceiling = epoch, epoch = 0", SET, "spare"), {CHAIN, CLAIMS}, [SET]),
    "an old epoch": (changed("epoch = 1", SET), {CHAIN}, [SET]),
    "the newest epoch": (changed("epoch = 1", LOWERED), {CHAIN, CLAIMS}, [LOWERED]),
    "a ceiling under a key without": (changed("ceiling = 99", PLAIN, "plain"), {CHAIN, CLAIMS}, [PLAIN]),
    "an epoch under a key without": (changed("epoch = 99", PLAIN, "plain"), {CHAIN, CLAIMS}, [PLAIN]),
    "an old subject": (changed("subject = 'all'", SET), {CHAIN}, [SET]),
    "the newest subject": (changed("subject = 'all'", RENAMED), {CHAIN, CLAIMS}, [RENAMED]),
    "the newest subject is gone": (changed("subject = ''", RENAMED), {CHAIN, CLAIMS}, [RENAMED]),
    "a subject more": (changed("subject = 'all'", LOWERED), {CHAIN, CLAIMS}, [LOWERED]),
    "a subject under a key without": (changed("subject = 'all'", PLAIN, "plain"), {CHAIN, CLAIMS}, [PLAIN]),
    "under which key": (changed("claim = 'x'", SET, "spare"), {CHAIN, CLAIMS}, [SET]),
    "when it was set": (changed(f"revision = {PLAIN}", LOWERED), {CHAIN, CLAIMS}, [LOWERED, PLAIN]),
    "it is gone": (f"DELETE FROM claim_changes WHERE tenant = $1 AND revision = {RESERVED}", {CHAIN}, [RESERVED]),
    "the newest is gone": (
        f"DELETE FROM claim_changes WHERE tenant = $1 AND revision = {LOWERED}", {CHAIN, CLAIMS}, [LOWERED]),
    "one more": (f"INSERT INTO claim_changes VALUES ($1, {RENAMED}, 'x', 0, 0, 9, 4, '')", {CHAIN, CLAIMS}, [RENAMED]),
    "one after the end": (
        f"INSERT INTO claim_changes VALUES ($1, {PLAIN + 1}, 'share', 6, 0, 5, 6, '')",
        {CHAIN, CLAIMS, REVISIONS}, [PLAIN + 1]),
    "one put into another": (
        changed("subject = concat_ws(chr(30), '', concat_ws(chr(31), 't', 0, 0))", SET, "spare"),
        {CHAIN, CLAIMS}, [SET]),
}  # fmt: skip
"""What is done to the changes of claims, which laws it breaks, and which revisions are told by the law of the chain."""


@pytest.mark.parametrize("what", HISTORY)
async def test_changes_of_ceilings(acme: Caller, forger: Forger, what: str) -> None:
    """Whatever of the changes of ceilings is changed, removed, added or moved is found as what it breaks, and nothing
    else is."""
    statement, broken, where = HISTORY[what]
    await forger.do(statement)
    found = await acme.verify()
    assert laws(found) == broken
    assert links(found) == where


OF_SHARE = "WHERE tenant = $1 AND claim = 'share'"
KNOWN: dict[str, str] = {
    "a higher ceiling": f"UPDATE claims SET ceiling = 99 {OF_SHARE}",
    "the ceiling of before": f"UPDATE claims SET ceiling = 8, epoch = 5 {OF_SHARE}",
    "no ceiling": f"UPDATE claims SET ceiling = NULL {OF_SHARE}",
    "never a ceiling": f"UPDATE claims SET ceiling = NULL, epoch = 0 {OF_SHARE}",
    "a later epoch": f"UPDATE claims SET epoch = 7 {OF_SHARE}",
    "another subject": f"UPDATE claims SET subject = 'half' {OF_SHARE}",
    "no subject": f"UPDATE claims SET subject = '' {OF_SHARE}",
    "a ceiling where there is none": "UPDATE claims SET ceiling = 99 WHERE tenant = $1 AND claim = 'spare'",
    "an epoch alone": "UPDATE claims SET epoch = 1 WHERE tenant = $1 AND claim = 'plain'",
    "a ceiling alone": "UPDATE claims SET ceiling = 9 WHERE tenant = $1 AND claim = 'plain'",
    "a subject alone": "UPDATE claims SET subject = 'all' WHERE tenant = $1 AND claim = 'plain'",
    "when it was set": f"UPDATE claims SET revision = {SET} {OF_SHARE}",
    "it is gone": "DELETE FROM claims WHERE tenant = $1 AND claim = 'spare'",
    "one more": "INSERT INTO claims VALUES ($1, 'x', 0, 0, 3, 9, 4, '')",
}
"""What is done to claims."""


@pytest.mark.parametrize("what", KNOWN)
async def test_what_is_set(acme: Caller, forger: Forger, what: str) -> None:
    """Whatever is changed in a ceiling that is set is found, with its key and both numbers in the sentence."""
    await forger.do(KNOWN[what])
    found = await acme.verify()
    assert laws(found) == {CLAIMS}
    for each in found:
        assert all(str(number) in each.sentence for number in (each.booked, each.computed))
        assert each.sentence.startswith("Claim '")


LINES: dict[str, str] = {
    "a unit counts more": "weights = '{4}' WHERE tenant = $1 AND claims = '{share}'",
    "a unit counts once": "weights = '{}' WHERE tenant = $1 AND claims = '{share}'",
    "no unit counts": "weights = '{0}' WHERE tenant = $1 AND claims = '{share}'",
    "lines count as their neighbours": "weights = ARRAY[3 - coalesce(weights[1], 1)]"
                                       " WHERE tenant = $1 AND claims = '{plain}'",
    "units count beyond all counts": "weights = '{9223372036854775807}' WHERE tenant = $1 AND claims = '{share}'",
}  # fmt: skip
"""What is done to the weights of lines."""


@pytest.mark.parametrize("what", LINES)
async def test_weights(acme: Caller, forger: Forger, what: str) -> None:
    """What is claimed is held against the weights of the lines: whoever changes them is found out."""
    await forger.do(f"UPDATE reservation_lines SET {LINES[what]}")
    assert laws(await acme.verify()) == {CLAIMS}


async def test_the_end_is_cut_off(acme: Caller, forger: Forger) -> None:
    """That a ceiling was set last cannot be cut off: the claim says that it is of a later revision."""
    await acme.ceilings(7, share=0)
    await forger.cut_to(PLAIN)
    assert laws(await acme.verify()) == {CLAIMS, REVISIONS}


async def test_after_a_compaction(database: FreshDatabase, acme: Caller, forger: Forger, owner: Owner) -> None:
    """When history is put away ceilings hold on, and of each key the change that set its ceiling last and the one that
    said what it stands for stay, which they are held against; those of keys without a ceiling go."""
    before = (await acme.do("GetClaims", claims=KEYS)).claims
    await close(owner, acme)
    await forger.age(3)
    [horizon] = [
        revision
        for tenant, revision in await compact(database.owner_url, datetime.now(UTC) - timedelta(days=35))
        if tenant == acme.tenant
    ]
    assert horizon == PLAIN
    kept = "SELECT array_agg(revision || ' ' || claim ORDER BY revision, claim) FROM claim_changes WHERE tenant = $1"
    assert await forger.told(kept) == [f"{SET} spare", f"{RENAMED} share", f"{LOWERED} share"]
    assert (await acme.do("GetClaims", claims=KEYS)).claims == before
    assert await acme.verify() == []
    for what, statement in KNOWN.items():
        await forger.do("CREATE TEMP TABLE kept AS SELECT * FROM claims WHERE tenant = $1", statement)
        assert CLAIMS in laws(await acme.verify()), what
        await forger.do(
            "DELETE FROM claims WHERE tenant = $1", "INSERT INTO claims SELECT * FROM kept", "DROP TABLE kept"
        )
    assert (await acme.refused("Reserve", draft={"lines": [weighing("A", 1, share=1)]})).reason == "CLAIM_EXHAUSTED"
    assert await acme.ceilings(6, share=99) == ["share"]
    assert await acme.ceilings(7, share=7) == []
    await acme.reserve(weighing("A", 1, share=1))
    assert await acme.verify() == []
