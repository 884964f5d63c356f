"""The signed head of the chain: what it says, what it finds that nothing else can, and how far back it reaches."""

from __future__ import annotations

import base64
import json
import warnings
from typing import Any

import pytest
from joserfc import jws
from joserfc.errors import BadSignatureError, SecurityWarning
from joserfc.jwk import OKPKey

from tests.integration.ledger.conftest import Owner
from tests.kit.calling import refusal
from tests.kit.forger import Forger
from tests.kit.ledger import Caller, Ledger, ledger, request, signing_key
from tests.kit.postgres import FreshDatabase
from weir.ledger.v1 import ledger_pb2
from weir.ledger.v1.ledger_pb2 import Difference
from weir_chassis.errors import Kind
from weir_chassis.signing import SigningKey
from weir_ledger.wire.heads import KIND

CHAIN, REVISIONS = Difference.LAW_CHAIN, Difference.LAW_REVISIONS
ON_HAND, RESERVED = Difference.LAW_ON_HAND, Difference.LAW_RESERVED


@pytest.fixture
def forger(acme: Caller, owner: Owner) -> Forger:
    """Whoever changes the books of the caller's tenant."""
    return Forger(owner, acme.tenant)


async def head(caller: Caller) -> Any:
    """The head of the caller's chain."""
    return await caller.do("GetSignedHead")


def verified(answer: Any) -> jws.CompactSignature:
    """A signed head whose signature is that of the public key beside it, as anybody could verify it."""
    key = OKPKey.import_key(json.loads(answer.public_key))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # EdDSA has a newer name, but this one is in use
        return jws.deserialize_compact(answer.signed_head, key, ["EdDSA"])


def statement(caller: Caller, answer: Any, **others: Any) -> dict[str, Any]:
    """What the ledger would sign for a head, but for `others`."""
    revision = answer.head.revision
    said = {"tenant": caller.tenant, "cluster": revision.cluster, "epoch": revision.epoch, "revision": revision.number}
    return {**said, "digest": answer.head.digest.hex(), **others}


async def test_the_head_says_where_the_chain_ends(acme: Caller, forger: Forger) -> None:
    """The head names revision, digest and moment of the newest commit; the signed one says the same, and of whom."""
    await acme.receive("A", 1)
    answer = await head(acme)
    found = answer.head
    assert found.revision == await acme.head()
    digest = await forger.told("SELECT digest FROM commits WHERE tenant = $1 ORDER BY revision DESC LIMIT 1")
    assert found.digest == digest
    [*_, newest] = await acme.watched(through=found.revision.number)
    assert found.recorded_time == newest.recorded_time
    moment = found.recorded_time.ToDatetime()
    signed = verified(answer)
    assert json.loads(signed.payload) == statement(
        acme, answer, recorded_time=f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}", digest=digest.hex()
    )
    key = json.loads(answer.public_key)
    assert signed.headers() == {"alg": "EdDSA", "typ": "weir-ledger-head", "kid": key["kid"]}
    assert key == {**signing_key().public, "kid": OKPKey.import_key(key).thumbprint()}
    assert "d" not in key


async def test_the_head_of_nothing(service: Ledger) -> None:
    """Before the first commit the head is zeros of no moment, and stands in the chain."""
    nobody = service.caller()
    answer = await head(nobody)
    assert (answer.head.revision.number, answer.head.digest) == (0, bytes(32))
    assert not answer.head.HasField("recorded_time")
    assert json.loads(verified(answer).payload) == statement(nobody, answer)
    assert await nobody.verify(answer.signed_head) == []


async def test_every_commit_moves_the_head(acme: Caller) -> None:
    """Every commit has a digest of its own, one that booked nothing too; a refused or repeated request has none."""
    heads = [await head(acme)]
    await acme.receive("A", 1, request_id="first")
    heads.append(await head(acme))
    await acme.place("W2")
    heads.append(await head(acme))
    assert len({each.head.digest for each in heads}) == 3
    await acme.receive("A", 1, request_id="first")
    await acme.refused("RecordMovements", movements=[])
    assert (await head(acme)).head == heads[-1].head
    assert await acme.verify(*(each.signed_head for each in heads)) == []


async def test_replicas_sign_alike(acme: Caller, twin: Caller) -> None:
    """Replicas that were given one key answer the same head, and know what the other signed."""
    mine, other = await head(acme), await head(twin)
    assert mine == other
    assert await twin.verify(mine.signed_head) == []


async def test_a_history_written_anew(acme: Caller, forger: Forger) -> None:
    """A history that was changed and whose every digest was then made anew agrees with itself: it is found against a
    head that was signed before, and by that alone."""
    await acme.receive("A", 10)
    old = await head(acme)
    await acme.ship("A", 4)
    before = await head(acme)
    await forger.do("UPDATE entries SET reference = 'forged' WHERE tenant = $1 AND revision = 2")
    assert {each.law for each in await acme.verify()} == {CHAIN}
    await forger.rechain()
    assert await acme.verify() == []
    found = await acme.verify(old.signed_head, before.signed_head)
    assert [(each.law, each.booked) for each in found] == [(CHAIN, 2), (CHAIN, 3)]
    assert found[0].sentence == "Revision 2, of which a head was signed, has another digest in the books."
    assert await acme.verify((await head(acme)).signed_head) == []


async def test_an_end_that_was_cut_off(acme: Caller, forger: Forger) -> None:
    """Books that were set back to an earlier revision in all they say are found against a head of the later one."""
    await acme.receive("A", 10)
    await acme.place("W2")
    before = await head(acme)
    await forger.do("DELETE FROM locations WHERE tenant = $1 AND location = 'W2'")
    await forger.cut_to(2)
    assert await acme.verify() == []
    [found] = await acme.verify(before.signed_head)
    assert (found.law, found.booked) == (CHAIN, 3)
    assert found.sentence == "Revision 3, of which a head was signed, is not in the books."


async def test_what_is_no_head(acme: Caller, service: Ledger) -> None:
    """What is malformed, altered, signed by another key, of another kind, tenant or cluster is refused, all alike, by
    its place in the request."""
    good = await head(acme)
    said = statement(acme, good)
    first, middle, last = good.signed_head.split(".")
    forged = base64.urlsafe_b64encode(json.dumps({**said, "revision": 1}).encode()).rstrip(b"=").decode()
    bad = [
        "", "x", "..", f"{first}.{forged}.{last}", f"{first}.{middle}.", good.signed_head[:-2],
        base64.urlsafe_b64encode(b'{"alg":"none"}').decode() + f".{middle}.",
        SigningKey.made().sign(KIND, said), signing_key().sign("JWT", said),
    ]  # fmt: skip
    own = (await head(service.caller())).signed_head, signing_key().sign(KIND, {**said, "cluster": "another"})
    for signed in (*bad, *own):
        call = acme.send("VerifyBooks", request("VerifyBooks", signed_heads=[good.signed_head, signed]))
        told = await refusal(anext(aiter(call)))
        assert (told.kind, told.reason) == (Kind.MALFORMED, "REQUEST_MALFORMED")
        assert [(each.field, each.description) for each in told.violations] == [
            ("signed_heads[1]", "Not a head of these books that this ledger signed.")
        ]
    with pytest.raises(BadSignatureError):
        verified(type(good)(signed_head=bad[3], public_key=good.public_key))


@pytest.fixture
async def horizon(acme: Caller, forger: Forger) -> ledger_pb2.ChainHead:
    """The commit up to which the history of the caller's books was put away; more was recorded in the same month."""
    await acme.receive("A", 10)
    await acme.confirmed(("A", 3))
    await forger.age(2)
    await acme.ship("A", 1)
    await forger.do("SELECT close_books($1)")
    found: ledger_pb2.ChainHead = (await head(acme)).head
    await acme.ship("A", 2)
    await acme.count("B", 5)
    await forger.do("SELECT compact(now() - interval '1 month')")
    assert await forger.told("SELECT revision FROM horizons WHERE tenant = $1") == found.revision.number
    assert await forger.told(f"SELECT count(*) FROM entries WHERE tenant = $1 AND revision = {found.revision.number}")
    return found


async def test_books_are_audited_from_the_horizon_on(acme: Caller, horizon: ledger_pb2.ChainHead) -> None:
    """After a compaction the closing stands for what was put away: books in order are, and only what is kept counts."""
    *differences, last = [each async for each in acme.send("VerifyBooks", request("VerifyBooks"))]
    assert differences == []
    assert (last.verification.entries, last.verification.balances) == (4, 2)


async def test_how_far_back_a_head_reaches(acme: Caller, horizon: ledger_pb2.ChainHead) -> None:
    """The head of the horizon and those after it can be compared; an older one is refused with the oldest revision that
    is kept, and one of the horizon that says otherwise is found."""
    answer = await head(acme)
    said = statement(acme, answer, revision=horizon.revision.number, digest=horizon.digest.hex())
    of_horizon = signing_key().sign(KIND, said)
    assert await acme.verify(of_horizon, answer.signed_head) == []
    older = signing_key().sign(KIND, {**said, "revision": horizon.revision.number - 1})
    call = acme.send("VerifyBooks", request("VerifyBooks", signed_heads=[of_horizon, older]))
    told = await refusal(anext(aiter(call)))
    assert (told.kind, told.reason) == (Kind.EXPIRED, "REVISION_COMPACTED")
    kept = horizon.revision.number
    assert told.metadata == {"context": "ledger", "number": str(kept - 1), "oldest_kept": str(kept)}
    [found] = await acme.verify(signing_key().sign(KIND, {**said, "digest": bytes(32).hex()}))
    assert (found.law, found.booked) == (CHAIN, kept)


PUT_AWAY: dict[str, tuple[str, set[int]]] = {
    "the digest of the horizon": ("UPDATE horizons SET digest = sha256('x') WHERE tenant = $1", {CHAIN}),
    "the horizon is gone": ("DELETE FROM horizons WHERE tenant = $1", {CHAIN, REVISIONS}),
    "units at the closing": ("UPDATE closing_balances SET on_hand = on_hand + 1 WHERE tenant = $1", {ON_HAND}),
    "promises at the closing": ("UPDATE closing_balances SET reserved = 0 WHERE tenant = $1", {RESERVED}),
    "the closing is gone": ("DELETE FROM closing_balances WHERE tenant = $1", {ON_HAND, RESERVED}),
    "a commit before the horizon": ("INSERT INTO commits VALUES ($1, 1, now(), sha256('x'))", {REVISIONS}),
    "the first commit that is kept": ("DELETE FROM commits WHERE tenant = $1 AND revision ="
                                      " (SELECT revision + 1 FROM horizons WHERE tenant = $1)", {CHAIN, REVISIONS}),
}  # fmt: skip
"""What is done to the horizon and its closing, and which laws it breaks."""


@pytest.mark.parametrize("what", PUT_AWAY)
async def test_the_horizon_is_held_too(acme: Caller, forger: Forger, horizon: ledger_pb2.ChainHead, what: str) -> None:
    """What is kept holds to the horizon and to its closing, so that neither can be changed alone."""
    change, broken = PUT_AWAY[what]
    await forger.do(change)
    assert {each.law for each in await acme.verify()} == broken


async def test_without_a_key(database: FreshDatabase, acme: Caller) -> None:
    """A ledger that was given no key can neither sign a head nor know one, and says so; it audits its books as ever."""
    await acme.receive("A", 1)
    signed = (await head(acme)).signed_head
    async with ledger(database, signing=False) as keyless:
        caller = keyless.caller(acme.tenant)
        assert await caller.verify() == []
        told = await caller.refused("GetSignedHead")
        assert (told.kind, told.reason, told.metadata) == (Kind.UNMET, "SIGNING_KEY_MISSING", {})
        call = caller.send("VerifyBooks", request("VerifyBooks", signed_heads=[signed]))
        assert (await refusal(anext(aiter(call)))).reason == "SIGNING_KEY_MISSING"


async def test_a_head_is_as_fresh_as_asked(acme: Caller) -> None:
    """A head of a revision that was never drawn cannot be had."""
    ahead = await acme.head()
    ahead.number += 1
    told = await acme.refused("GetSignedHead", freshness={"at_least": [ahead]})
    assert told.reason == "REVISION_AHEAD"
