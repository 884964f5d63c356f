"""The golden cases of what stores are told, through the API."""

from __future__ import annotations

import pytest

from tests.kit.asking import play
from tests.kit.merchant import Merchant
from weir.sync.v1 import rule_pb2, rule_service_pb2

STORES = "web-de, web-fr, amazon-de"
EUROPE = """
    europe pools FR
    webshops are web-de, web-fr
    europe feeds webshops, amazon-de
"""


@pytest.mark.parametrize(
    ("terms", "units", "levels"),
    [
        ("100 %", 1000, (1000, 1000, 1000)),
        ("50 %", 1000, (500, 500, 500)),
        ("threshold 5, web-de alone below 10", 9, (9, 0, 0)),
        ("threshold 5, web-de alone below 10", 10, (10, 10, 10)),
        ("threshold 5, web-de alone below 10", 5, (5, 0, 0)),
        ("threshold 5, web-de alone below 10", 4, (0, 0, 0)),
        ("threshold 10, web-de alone below 10", 9, (0, 0, 0)),
        ("threshold 10, web-de alone below 10", 10, (10, 10, 10)),
        ("threshold 10", 10, (10, 10, 10)),
    ],
)
async def test_case_four_sync_rules(merchant: Merchant, terms: str, units: int, levels: tuple[int, ...]) -> None:
    """A rate counts in every store; below P only the priority store sells; P <= T is void; A = T passes."""
    told = ", ".join(f"{store} {level}" for store, level in zip(STORES.split(", "), levels, strict=True))
    await play(merchant, f"{EUROPE}\nFR has {units} BIKE\nrule r tells {STORES}: {terms}\nlevel of BIKE => {told}")


async def test_case_four_a_priority_that_never_matters(merchant: Merchant) -> None:
    """P <= T is kept and answered with a warning that has both numbers; P > T without."""
    await play(merchant, f"{EUROPE}\nrule r tells {STORES}: threshold 10, web-de alone below 10")
    asked = rule_service_pb2.GetRuleRequest(rule="r", freshness=merchant.freshness("sync"))
    [warning] = (await merchant.stubs.rules.GetRule(asked)).rule.warnings
    assert warning.code == rule_pb2.Warning.CODE_PRIORITY_IGNORED
    assert warning.sentence.count("10") == 2
    rule = rule_pb2.Rule(
        rule="r", stores=STORES.split(", "), threshold=10, priority_store="web-de", priority_quantity=11
    )
    update = rule_service_pb2.UpdateRuleRequest(request_id="better", rule=rule)
    assert not (await merchant.stubs.rules.UpdateRule(update)).rule.warnings


@pytest.mark.parametrize(
    ("terms", "share", "level"),
    [
        ("60 %, rounded down", 23, 13),
        ("20 %, rounded up", 29, 6),
        ("20 %, rounded to the nearest", 29, 6),
        ("10 %, rounded to the nearest", 53, 5),
        ("90 %", 1, 0),
        ("50 %", 3, 1),
        ("50 %, rounded to the nearest", 3, 2),
    ],
)
async def test_case_five_rounding(merchant: Merchant, terms: str, share: int, level: int) -> None:
    """13.8 down is 13; 5.8 up and to the nearest 6; 5.3 to the nearest 5; 90 % of 1 are 0; 50 % of 3 are 1; a half is
    up."""
    told = f"{EUROPE}\nFR has {share} BIKE\nrule r tells {STORES}: {terms}\n"
    await play(merchant, f"{told}share of BIKE => web-fr {share}\nlevel of BIKE => web-fr {level}, amazon-de {level}")
