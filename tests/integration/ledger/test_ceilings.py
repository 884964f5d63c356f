"""Ceilings that are set, over gRPC: orders count against what holds at their commit, and watchers are told of it."""

from __future__ import annotations

from typing import Any

from tests.kit.ledger import Caller, draft, request, weighing


async def exported(caller: Caller) -> dict[str, Any]:
    """The claims that an export tells."""
    messages = [each async for each in caller.send("ExportBalances", request("ExportBalances"))]
    return {claim.claim: claim for each in messages for claim in each.claims}


async def test_the_life_of_a_ceiling(acme: Caller) -> None:
    """What is set holds for whoever claims under the key from then on, moves with what is set later, is told by reads,
    exports and watches, and is gone when it is taken away."""
    await acme.receive("A", 20)
    wanted = [{"claim": "share", "ceiling": 5, "epoch": 1, "subject": "half"}, {"claim": "other", "epoch": 1}]
    first = await acme.do("SetCeilings", ceilings=wanted)
    assert first.superseded == []
    made = await acme.reserve(weighing("A", 2, share=2))
    told = await acme.refused("Reserve", draft=draft(weighing("A", 1, share=2)))
    assert (told.reason, told.metadata["ceiling"], told.metadata["claimed"]) == ("CLAIM_EXHAUSTED", "5", "4")
    assert told.metadata["requested"] == "2"
    assert told.metadata["revision"] == str(made.changed_revision)
    assert await acme.ceilings(2, share=6) == []
    assert await acme.ceilings(2, share=9) == ["share"]
    await acme.reserve(weighing("A", 1, share=2))
    [found] = (await acme.do("GetClaims", claims=["share"])).claims
    assert (found.open, found.ceiling, found.epoch, found.subject) == (6, 6, 2, "half")
    assert await exported(acme) == {"share": found, "other": (await exported(acme))["other"]}
    assert not (await exported(acme))["other"].HasField("ceiling")
    await acme.ceilings(3, share=None)
    await acme.reserve(weighing("A", 9, share=1))
    messages = await acme.watched((await acme.head()).number)
    changes = [[(each.open, each.HasField("ceiling") and each.ceiling, each.epoch, each.subject)
                for each in message.claims if each.claim == "share"] for message in messages]  # fmt: skip
    assert [each for [each] in filter(None, changes)] == [
        (0, 5, 1, "half"), (4, 5, 1, ""), (4, 6, 2, ""), (6, 6, 2, ""), (6, False, 3, ""), (15, False, 3, ""),
    ]  # fmt: skip
    assert await acme.verify() == []
