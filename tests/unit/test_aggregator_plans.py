"""What a merchant reads about an order: what is missing of it, and which units come near."""

from __future__ import annotations

import pytest

from weir.aggregator.v1 import fulfilment_pb2 as pb
from weir_aggregator.wire import plans
from weir_aggregator.wire.answers import VERDICTS
from weir_aggregator.wire.fulfilments import unfilled
from weir_allocation.fulfilment.model import Allocation, Alternative, Line, Missing, Objective, Plan, Wish
from weir_allocation.fulfilment.reasons import _NEAREST
from weir_allocation.stock import Condition, StockItem
from weir_allocation.trace import Verdict

TV, SPACE = ("", "TV"), ("acme", "SPACE")
LINE = Line(SPACE, 5)


def near(verdict: Verdict, quantity: int = 2, **others: object) -> Missing:
    """Some units of the line that are missing, where others lie in `US`; of the product itself unless told."""
    item = StockItem(**{"owner": "acme", "sku": "SPACE", "location": "US", **others})  # type: ignore[arg-type]
    return Missing(0, quantity, verdict, Alternative(item, quantity, verdict))


SENTENCES = [
    (near(Verdict.OTHER_WAREHOUSE), "2 units lie at 'US', which 'web-de' does not reach"),
    (
        near(Verdict.OTHER_WAREHOUSE, 1, owner="", sku="TV"),
        "1 unit of 'TV' lies at 'US', from where it does not serve 'web-de'",
    ),
    (near(Verdict.LOT_MISMATCH, lot="L2"), "2 units lie at 'US' in lot 'L2', but another lot is wanted"),
    (near(Verdict.LOT_MISMATCH), "2 units lie at 'US' in no lot, but another lot is wanted"),
    (
        near(Verdict.UOM_MISMATCH, uom="CARTON"),
        "2 units lie at 'US' in CARTON, and units of measure are never converted",
    ),
    (near(Verdict.KEPT_BACK, owner="", sku="TV"), "2 units of 'TV' lie at 'US' and are kept back"),
    (near(Verdict.NOT_SELLABLE, condition=Condition.HOLD), "2 units lie at 'US', under review"),
    (near(Verdict.NOT_SELLABLE, condition=Condition.DAMAGED), "2 units lie at 'US', damaged"),
    (near(Verdict.IN_CUSTODY, custodian="ann"), "2 units lie at 'US' in the custody of 'ann'"),
    (near(Verdict.IN_CUSTODY), "2 units lie at 'US' in the custody of the location"),
    (near(Verdict.SHARE_SPENT), "2 units lie at 'US', but 'web-de' has no more of its share of them"),
    (near(Verdict.AWAITED), "2 units lie at 'US' for orders that wait"),
    (near(Verdict.DENIED), "2 units lie at 'US', but 'web-de' does not sell the product"),
    (Missing(0, 5, Verdict.EMPTY), "there is no more of it"),
    (Missing(0, 5, Verdict.SHARE_SPENT), "'web-de' has no more of its share"),
    (Missing(0, 5, Verdict.DENIED), "'web-de' does not sell the product"),
    (Missing(0, 5, Verdict.HUB_ACCESS_OFF), "'web-de' is shared nothing by the hub of a pool"),
    (Missing(0, 5, Verdict.UOM_MISMATCH), "nothing else may serve it"),
]


@pytest.mark.parametrize(("missing", "said"), SENTENCES, ids=[said for _, said in SENTENCES])
def test_why_units_are_missing(missing: Missing, said: str) -> None:
    """A sentence says how much of which line is missing, where others are and what stands against them."""
    begin = f"{missing.quantity} of 5 'SPACE' of 'acme' missing: "
    assert plans.sentence(missing, LINE, "web-de") == f"{begin}{said}."


def test_every_reason_has_its_sentence() -> None:
    """Whatever can stand against units that are somewhere is said in words of its own."""
    assert set(plans.THERE) == set(_NEAREST) - {Verdict.EMPTY}
    assert set(plans.NOWHERE) <= {*_NEAREST, Verdict.HUB_ACCESS_OFF}


def test_a_plan_as_it_is_told() -> None:
    """Lines count from 1; units are own or shared, parts say of how many bundles; what is near has its sentence."""
    item = StockItem("", "TV", "FR", "L1")
    plan = Plan(
        (Allocation(0, item, 3, SPACE), Allocation(0, item, 1, TV, 1)),
        (near(Verdict.EXCLUDED, 1),),
        Objective(4, 1, 1, 3, 2, 7, 1, 9),
        False,
        5,
        1,
    )
    told = plans.told(plan, Wish((LINE,)), "web-de")
    shared, part = told.allocations
    assert (shared.line, shared.quantity, shared.origin, shared.serves_as.sku) == (
        1, 3, pb.Allocation.ORIGIN_SHARED, "SPACE",
    )  # fmt: skip
    assert (part.origin, part.bundles, part.stock_item.lot) == (pb.Allocation.ORIGIN_OWN, 1, "L1")
    [missing] = told.missing
    assert missing.verdict == VERDICTS[Verdict.EXCLUDED]
    assert missing.nearest.sentence == "1 unit lies at 'US', which is left out."
    assert (told.objective.filled, told.objective.distance, told.filled_bound, told.exact) == (4, 9, 5, False)
    kept = plans.message(plan, whole=False)
    assert (len(kept.allocations), kept.missing[0].sentence) == (0, "")
    assert plans.read(plans.message(plan, whole=True)) == plan


def test_an_order_that_is_not_filled_names_its_lines() -> None:
    """A refusal has the numbers of the first line that is missing, and every line with its sentence and its reason."""
    missing = Missing(0, 5, Verdict.ORDER_INCOMPLETE), Missing(1, 2, Verdict.EMPTY)
    plan = Plan((), missing, Objective(0, 0, 0, 0, 0, 0, 0, 0), True, 5, 0)
    refusal = unfilled(plan, Wish((LINE, Line(TV, 2))), "web-de")
    assert refusal.metadata == {
        "line": "1", "sku": "SPACE", "requested": "5", "missing": "5", "verdict": "ORDER_INCOMPLETE", "lines": "2",
    }  # fmt: skip
    assert [(each.field, each.reason) for each in refusal.violations] == [
        ("wish.lines[0]", "ORDER_INCOMPLETE"),
        ("wish.lines[1]", "EMPTY"),
    ]
    assert refusal.message == (
        "The order cannot be filled: 5 of 5 'SPACE' of 'acme' missing: other lines of the order cannot be filled."
    )
