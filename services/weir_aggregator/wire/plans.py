"""Plans, in both directions; what is missing of an order, in sentences that a merchant understands."""

from __future__ import annotations

from collections.abc import Mapping

from weir.aggregator.v1 import fulfilment_pb2 as pb
from weir_aggregator.wire.answers import VERDICTS
from weir_aggregator.wire.items import CONDITIONS, product, product_message, stock_item, stock_item_message
from weir_aggregator.wire.sentences import counted, named
from weir_allocation.fulfilment.model import Allocation, Alternative, Line, Missing, Objective, Plan, Wish
from weir_allocation.stock import Condition, StockItem
from weir_allocation.trace import Verdict

_MEANT = {value: verdict for verdict, value in VERDICTS.items()}
_ORIGINS = {True: pb.Allocation.ORIGIN_OWN, False: pb.Allocation.ORIGIN_SHARED}

THERE: Mapping[Verdict, str] = {
    Verdict.ORDER_INCOMPLETE: "{there}, but other lines of the order cannot be filled",
    Verdict.TAKEN: "{there}, but other lines of the order take all",
    Verdict.LOCATIONS_EXHAUSTED: "{there}, but as many locations send already as may",
    Verdict.ONE_LOCATION: "{there}, but no single location has all of the line",
    Verdict.OWN_STOCK_ONLY: "{there} and could be lent, but own stock only is wanted",
    Verdict.EXCLUDED: "{there}, which is left out",
    Verdict.SHARE_SPENT: "{there}, but '{channel}' has no more of its share of them",
    Verdict.AWAITED: "{there} for orders that wait",
    Verdict.KEPT_BACK: "{there} and are kept back",
    Verdict.LOT_MISMATCH: "{there} in {lot}, but another lot is wanted",
    Verdict.UOM_MISMATCH: "{there} in {uom}, and units of measure are never converted",
    Verdict.OTHER_WAREHOUSE: "{there}, {unreached}",
    Verdict.LINK_INACTIVE: "{there}, but the link that would lend them is disabled",
    Verdict.BUNDLE_SHARING_OFF: "{there}, but the link does not let bundles share",
    Verdict.BUNDLE_KIND_MISMATCH: "{there}, but a bundle and a plain product lend each other nothing",
    Verdict.BUNDLE_NESTED: "{there}, but a component of the bundle is a bundle itself",
    Verdict.DENIED: "{there}, but '{channel}' does not sell the product",
    Verdict.EXPIRED: "{there}, but the last day of the lot is over",
    Verdict.NOT_SELLABLE: "{there}, {condition}",
    Verdict.IN_CUSTODY: "{there} in the custody of {custodian}",
    Verdict.ALL_RESERVED: "{there}, all promised",
}
"""What stands against units that are somewhere."""
NOWHERE: Mapping[Verdict, str] = {
    Verdict.ORDER_INCOMPLETE: "other lines of the order cannot be filled",
    Verdict.TAKEN: "other lines of the order take what is there",
    Verdict.LOCATIONS_EXHAUSTED: "as many locations send already as may",
    Verdict.ONE_LOCATION: "no single location has all of it",
    Verdict.SHARE_SPENT: "'{channel}' has no more of its share",
    Verdict.DENIED: "'{channel}' does not sell the product",
    Verdict.BUNDLE_NESTED: "a component of the bundle is a bundle itself",
    Verdict.HUB_ACCESS_OFF: "'{channel}' is shared nothing by the hub of a pool",
    Verdict.EMPTY: "there is no more of it",
}
"""Why units are missing, where no others come near; in other words `_ELSE`."""
_ELSE = "nothing else may serve it"


def message(plan: Plan, *, whole: bool) -> pb.Plan:
    """The message of a plan without sentences, as it is kept; without its allocations unless `whole`."""
    return pb.Plan(
        allocations=map(_allocation, plan.allocations) if whole else (),
        missing=map(_missing, plan.missing),
        objective=pb.Objective(**plan.objective._asdict()),
        exact=plan.exact,
        filled_bound=plan.filled_bound,
        locations_bound=plan.locations_bound,
    )


def told(plan: Plan, wanted: Wish, channel: str) -> pb.Plan:
    """The plan of a wish as a caller is told."""
    answer = message(plan, whole=True)
    for missing, each in zip(answer.missing, plan.missing, strict=True):
        line = wanted.lines[each.line]
        missing.sentence = sentence(each, line, channel)
        if each.nearest is not None:
            missing.nearest.sentence = f"{_capital(_there(each.nearest, line, channel))}."
    return answer


def read(kept: pb.Plan) -> Plan:
    """The plan that `message` made; raises ValueError where it cannot have."""
    objective = kept.objective
    return Plan(
        tuple(map(_read_allocation, kept.allocations)),
        tuple(map(_read_missing, kept.missing)),
        Objective(*(getattr(objective, name) for name in Objective._fields)),
        kept.exact,
        kept.filled_bound,
        kept.locations_bound,
    )


def sentence(missing: Missing, line: Line, channel: str) -> str:
    """How much of a line is missing, and why."""
    begin = f"{missing.quantity} of {line.quantity} {named(line.product)} missing"
    if missing.nearest is not None:
        return f"{begin}: {_there(missing.nearest, line, channel)}."
    return f"{begin}: {NOWHERE.get(missing.verdict, _ELSE).format(channel=channel)}."


def _there(nearest: Alternative, line: Line, channel: str) -> str:
    """Where units are that come near, and what stands against them; a sentence without its ends."""
    item = nearest.item
    other = (item.owner, item.sku) != line.product
    units = counted(nearest.quantity, "unit") + (f" of {named((item.owner, item.sku))}" if other else "")
    lie = "lies" if nearest.quantity == 1 else "lie"
    return THERE.get(nearest.verdict, f"{{there}}, but {_ELSE}").format(
        there=f"{units} {lie} at '{item.location}'",
        lot=f"lot '{item.lot}'" if item.lot else "no lot",
        uom=item.uom,
        unreached=_unreached(item, line, channel),
        condition="damaged" if item.condition is Condition.DAMAGED else "under review",
        custodian=f"'{item.custodian}'" if item.custodian else "the location",
        channel=channel,
    )


def _unreached(item: StockItem, line: Line, channel: str) -> str:
    if (item.owner, item.sku) == line.product:
        return f"which '{channel}' does not reach"
    return f"from where it does not serve '{channel}'"


def _capital(clause: str) -> str:
    return clause[:1].upper() + clause[1:]


def _allocation(each: Allocation) -> pb.Allocation:
    item = each.item
    return pb.Allocation(
        line=each.line + 1,
        stock_item=stock_item_message(item),
        quantity=each.quantity,
        origin=_ORIGINS[(item.owner, item.sku) == each.serves_as],
        serves_as=product_message(each.serves_as),
        bundles=each.bundles,
    )


def _missing(each: Missing) -> pb.Missing:
    nearest = each.nearest
    return pb.Missing(
        line=each.line + 1,
        quantity=each.quantity,
        verdict=VERDICTS[each.verdict],
        nearest=None
        if nearest is None
        else pb.Alternative(
            stock_item=stock_item_message(nearest.item),
            quantity=nearest.quantity,
            verdict=VERDICTS[nearest.verdict],
        ),
    )


def _read_allocation(kept: pb.Allocation) -> Allocation:
    if kept.line < 1 or kept.stock_item.condition not in CONDITIONS:
        raise ValueError("an allocation that nobody wrote")
    item = stock_item(kept.stock_item)
    return Allocation(kept.line - 1, item, kept.quantity, product(kept.serves_as), kept.bundles)


def _read_missing(kept: pb.Missing) -> Missing:
    if kept.line < 1 or kept.quantity < 1 or kept.verdict not in _MEANT:
        raise ValueError("a missing line that nobody wrote")
    nearest = None
    if kept.HasField("nearest"):
        near = kept.nearest
        if near.verdict not in _MEANT or near.stock_item.condition not in CONDITIONS:
            raise ValueError("an alternative that nobody wrote")
        nearest = Alternative(stock_item(near.stock_item), near.quantity, _MEANT[near.verdict])
    return Missing(kept.line - 1, kept.quantity, _MEANT[kept.verdict], nearest)
