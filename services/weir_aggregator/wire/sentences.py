"""The steps of an explanation, each in a sentence that a merchant understands."""

from __future__ import annotations

from collections.abc import Iterator

from weir_allocation.stock import Condition, Product, StockItem
from weir_allocation.trace import Stage, Step, Subject, Verdict

Templates = dict[tuple[Subject, Verdict], str]

_REACH: Templates = {
    (Subject.CHANNEL, Verdict.SUM): "'{name}' is served by {count} linked to its channel group.",
    (Subject.CHANNEL, Verdict.NOT_LINKED): "No warehouse group is linked to the channel group of '{name}'.",
    (Subject.CHANNEL, Verdict.BY_CUSTODY): "'{name}' sells what is in custody, not what warehouse groups hold.",
    (Subject.WAREHOUSE_GROUP, Verdict.COUNTED): "Warehouse group '{name}' is linked, with {count}.",
    (Subject.WAREHOUSE_GROUP, Verdict.EMPTY): "Warehouse group '{name}' is linked but has no locations.",
    (Subject.CUSTODIAN, Verdict.COUNTED): "What is in the custody of '{name}', who sells through it, counts.",
    (
        Subject.CUSTODIAN,
        Verdict.HUB_ACCESS_ON,
    ): "What is in the custody of '{name}' counts: the hub of the pool has opened its stock to members.",
    (
        Subject.CUSTODIAN,
        Verdict.HUB_ACCESS_OFF,
    ): "What is in the custody of '{name}' does not count: the hub of the pool has not opened its stock to members.",
    (Subject.LOCATION, Verdict.COUNTED): "'{name}' may serve it.",
    (Subject.LOCATION, Verdict.OUTSIDE_RULE): "'{name}' is none of the warehouses that the product's rule names.",
}
_SUPPLY: Templates = {
    (Subject.PRODUCT, Verdict.SUM): "The locations that may serve it hold {out} of '{name}'.",
    (Subject.LOCATION, Verdict.COUNTED): "'{name}' gives {out}.",
    (Subject.LOCATION, Verdict.EMPTY): "Nothing lies at '{name}'.",
    (
        Subject.LOCATION,
        Verdict.LATE,
    ): "'{name}' holds {into} and gives {out}: its warehouse is late, so that {late_percent} % of it count for nobody.",
    (
        Subject.LOCATION,
        Verdict.NOT_LINKED,
    ): "'{name}' holds {into}, but its warehouse group does not serve the channel.",
    (Subject.LOCATION, Verdict.NOT_GROUPED): "'{name}' holds {into}, but is in no warehouse group and serves nobody.",
    (Subject.LOCATION, Verdict.BY_CUSTODY): "'{name}' holds {into}, but the channel sells only what is in custody.",
    (
        Subject.LOCATION,
        Verdict.OUTSIDE_RULE,
    ): "'{name}' holds {into}, but is none of the warehouses that the product's rule names.",
    (Subject.STOCK_ITEM, Verdict.COUNTED): "{item}: {into} there, {promised} promised, {out} free.",
    (Subject.STOCK_ITEM, Verdict.ALL_RESERVED): "{item}: {into} there, all promised.",
    (Subject.STOCK_ITEM, Verdict.AWAITED): "{item}: {into} there, all promised or for orders that wait.",
    (Subject.STOCK_ITEM, Verdict.EMPTY): "{item}: nothing there.",
    (Subject.STOCK_ITEM, Verdict.NOT_SELLABLE): "{item}: {into} there, {condition}.",
    (Subject.STOCK_ITEM, Verdict.IN_CUSTODY): "{item}: {into} there, in a person's custody.",
    (Subject.STOCK_ITEM, Verdict.EXPIRED): "{item}: {into} there, but the last day of the lot is over.",
    (Subject.STOCK_ITEM, Verdict.OTHER_LOT): "{item}: {into} there, but another lot was asked for.",
    (Subject.STOCK_ITEM, Verdict.OTHER_UOM): "{item}: {into} there, but units of measure are never mixed.",
    (Subject.LINK, Verdict.COUNTED): "{product} lends {out}{keeping}.",
    (Subject.LINK, Verdict.LINK_INACTIVE): "{product} lends nothing: the link is disabled.",
    (Subject.LINK, Verdict.BUNDLE_KIND_MISMATCH): "{product} lends nothing: one of the two is a bundle, the other not.",
    (
        Subject.LINK,
        Verdict.BUNDLE_SHARING_OFF,
    ): "{product} lends nothing: both are bundles, and the link does not let bundles share.",
    (
        Subject.LINK,
        Verdict.OTHER_WAREHOUSE,
    ): "{product} has {into} here, but this is no place from where it lends to the channel.",
    (Subject.LINK, Verdict.KEPT_BACK): "{product} has {into} here and keeps {keep_back_units} back: none is left.",
    (Subject.LINK, Verdict.LOT_MISMATCH): "{product} lends nothing: none of it is of the lot asked for.",
    (
        Subject.LINK,
        Verdict.UOM_MISMATCH,
    ): "{product} lends nothing: none of it is in the unit of measure asked for, and none is converted.",
    (Subject.LINK, Verdict.EXPIRED): "{product} lends nothing: the last day of what lies here is over.",
    (Subject.LINK, Verdict.IN_CUSTODY): "{product} lends nothing: what lies here is in a person's custody.",
    (Subject.LINK, Verdict.NOT_SELLABLE): "{product} lends nothing: what lies here is under review or damaged.",
    (Subject.LINK, Verdict.AWAITED): "{product} lends nothing: what lies here is for orders that wait.",
    (Subject.LINK, Verdict.ALL_RESERVED): "{product} lends nothing: all that lies here is promised.",
    (Subject.LINK, Verdict.EMPTY): "{product} lends nothing: none of it lies here.",
    (Subject.ASSEMBLY, Verdict.COUNTED): "{bundles} can be put together; {scarcest} allows no more.",
    (
        Subject.ASSEMBLY,
        Verdict.COUNTED_ONCE,
    ): "{bundles} can be put together: parts for {in} lie here, but draw on the same stock, which counts once.",
    (Subject.ASSEMBLY, Verdict.BUNDLE_NESTED): "None is put together: a component is a bundle itself.",
    (Subject.ASSEMBLY, Verdict.UOM_MISMATCH): "None is put together: bundles are put together in EACH only.",
    (Subject.ASSEMBLY, Verdict.LOT_MISMATCH): "None is put together: a bundle put together is of no lot.",
    (Subject.COMPONENT, Verdict.COUNTED): "{product}: {into}, {quantity_units} for each bundle, enough for {bundles}.",
    (Subject.COMPONENT, Verdict.EMPTY): "{product}: none, where each bundle takes {quantity_units}.",
}
_SPLIT: Templates = {
    (Subject.CHANNEL_GROUP, Verdict.SUM): "The share of channel group '{name}' is {out}.",
    (
        Subject.WAREHOUSE_GROUP,
        Verdict.COUNTED,
    ): "What '{name}' holds, {out}, is divided by no policy: each sees it all.",
    (Subject.WAREHOUSE_GROUP, Verdict.DIVIDED): "Policy '{policy}' gives it {out} of the {into} at '{name}'.",
    (
        Subject.WAREHOUSE_GROUP,
        Verdict.BALANCED,
    ): "Policy '{policy}' divided what '{name}' holds: with {left} left of its share it gets {out} of {into}.",
    (
        Subject.WAREHOUSE_GROUP,
        Verdict.SHARE_SPENT,
    ): "Policy '{policy}' divided what '{name}' holds: it has spent its share, and gets none of {into}.",
    (
        Subject.WAREHOUSE_GROUP,
        Verdict.NOT_NAMED,
    ): "Policy '{policy}' divides the {into} at '{name}' among other channel groups.",
    (
        Subject.WAREHOUSE_GROUP,
        Verdict.NOT_SOLD,
    ): "It gets none of the {into} at '{name}': no channel of the group sells the product.",
    (Subject.CHANNEL_GROUP, Verdict.DIVIDED): "Channel group '{name}' gets {out}: {part}.",
    (Subject.CHANNEL_GROUP, Verdict.BALANCED): "Channel group '{name}' gets {out}: {part}.",
    (Subject.CHANNEL_GROUP, Verdict.SHARE_SPENT): "Channel group '{name}' has spent its share.",
    (Subject.POLICY, Verdict.HELD_BACK): "Policy '{name}' holds {out} back{buffer}.",
}
_OFFER: Templates = {
    (Subject.CHANNEL, Verdict.COUNTED): "No rule names the product: the share, {out}, passes straight through.",
    (Subject.CHANNEL, Verdict.OFFERED): "Rule '{rule}' passes on {passed}.",
    (
        Subject.CHANNEL,
        Verdict.BELOW_THRESHOLD,
    ): "Threshold {threshold_units} of rule '{rule}' blocks it: the rule's warehouses hold {supply_units}.",
    (
        Subject.CHANNEL,
        Verdict.KEPT_FOR_PRIORITY_STORE,
    ): "Rule '{rule}' keeps all for its priority store while its warehouses hold fewer than {priority_units}: "
    "they hold {supply_units}.",
    (Subject.CHANNEL, Verdict.NOT_UPDATED): "Rule '{rule}' does not name '{name}': the store is told nothing.",
    (Subject.RULE, Verdict.WON): "Rule '{name}' is the first that names the product.",
    (Subject.RULE, Verdict.OUTRANKED): "Rule '{name}' names the product too, but comes later.",
}
_CAP: Templates = {
    (Subject.CHANNEL, Verdict.COUNTED): "'{name}' is told {out}.",
    (Subject.CHANNEL, Verdict.LIMITED): "'{name}' is told {out}, not {in}: {limit}.",
    (Subject.CHANNEL, Verdict.DENIED): "'{name}' does not sell the product and is told nothing.",
}
TEMPLATES = {
    Stage.REACH: _REACH,
    Stage.SUPPLY: _SUPPLY,
    Stage.SPLIT: _SPLIT,
    Stage.OFFER: _OFFER,
    Stage.CAP: _CAP,
}
"""A sentence for every sort of thing and verdict that a stage can have; numbers of what is configured by their names
in the terms.
"""
_PARTS = {Subject.CHANNEL: "warehouse group", Subject.WAREHOUSE_GROUP: "location"}


def sentence(step: Step) -> str:
    """What a step did and why, without its inner steps."""
    words = {
        "name": step.name,
        "count": counted(len(step.steps), _PARTS.get(step.subject, "step")),
        "in": step.units_in,
        "into": counted(step.units_in, "unit"),
        "out": counted(step.units_out, "unit"),
        "promised": step.units_in - step.units_out,
        "bundles": counted(step.units_out, "bundle"),
        **dict(step.terms),
        **dict(_composed(step)),
    }
    return TEMPLATES[step.stage][step.subject, step.verdict].format_map(words)


def counted(number: int, noun: str) -> str:
    """A number of things, in words that go with it."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def named(product: Product) -> str:
    """A product, with its owner where that is not the tenant itself."""
    owner, sku = product
    return f"'{sku}' of '{owner}'" if owner else f"'{sku}'"


def _composed(step: Step) -> Iterator[tuple[str, object]]:
    """Words that take more than one number, or are those of an inner step."""
    terms = dict(step.terms)
    if step.product is not None:
        yield "product", named(step.product)
    match step.subject:
        case Subject.STOCK_ITEM:
            assert step.item is not None
            yield "item", _described(step.item)
            yield "condition", "damaged" if step.item.condition is Condition.DAMAGED else "under review"
        case Subject.LINK:
            keep_back = terms["keep_back_units"]
            yield "keeping", f" and keeps {keep_back} back" if keep_back else ""
        case Subject.ASSEMBLY:
            scarcest = min(step.steps, key=lambda each: each.units_out)
            yield "scarcest", f"'{scarcest.name}'"
        case Subject.WAREHOUSE_GROUP if step.stage is Stage.SPLIT and step.steps:
            yield "policy", step.steps[-1].name
            yield "left", counted(terms.get("remaining_units", 0), "unit")
        case Subject.CHANNEL_GROUP:
            yield "part", ", ".join(_PART[name].format(number) for name, number in step.terms)
        case Subject.POLICY:
            buffer = terms["buffer_units"]
            yield "buffer", f", {buffer} of them as a buffer" if buffer else ""
        case Subject.CHANNEL if step.stage is Stage.OFFER and step.steps:
            winner = step.steps[0]
            yield "rule", winner.name
            yield from winner.terms
            yield "passed", _passed(step, dict(winner.terms))
        case Subject.CHANNEL if step.stage is Stage.CAP:
            yield (
                "limit",
                "it may be told no more" if step.units_in > step.units_out else "nobody is told less than none",
            )
        case _:
            pass


_PART = {
    "rank": "rank {}",
    "weight": "weight {}",
    "percent": "{} % of the supply",
    "minimum_units": "at least {}",
    "quantity_units": "{} asked for",
    "cap_units": "no more than {}",
    "remaining_units": "{} left of its share",
}
"""What a policy says of a channel group."""


def _passed(step: Step, terms: dict[str, int]) -> str:
    """What a rule makes of a share, as arithmetic."""
    share, rate, constant = counted(step.units_in, "unit"), terms["rate_percent"], terms["constant_units"]
    if rate == 100 and not constant:
        return f"the whole share, {share}"
    more = {True: f" and {constant} more", False: f" less {-constant}"}[constant > 0] if constant else ""
    return f"{rate} % of the share of {share}{more}: {counted(step.units_out, 'unit')}"


def _described(item: StockItem) -> str:
    """What sets a stock item apart from others of its product at its location."""
    parts = [item.uom]
    if item.lot:
        parts.append(f"lot '{item.lot}'")
    if item.custodian:
        parts.append(f"with '{item.custodian}'")
    return ", ".join(parts)
